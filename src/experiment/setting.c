/* SPDX-License-Identifier: Apache-2.0
 *
 * What an experiment stands on: the run's base, recipe and losses, and its own folder:
 *     RUN/experiment/lock        held while it is worked on
 *     .../held_out/              a run of the held-out records; the losses of every model are in it
 *     .../selected/NAME.jsonl    what an arm was trained on
 *     .../models/NAME            a model that is being trained or measured
 * Base, recipe and the run's rows are written into the held-out run when it is begun: an experiment
 * that was begun with others is not gone on with.
 */
#include "experiment/experiment.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS_MOST UINT8_MAX
#define RESAMPLES_LEAST 100 /* fewer have no 2.5 % at either end */
#define FACT_EXPERIMENT "experiment"
#define FACT_ROWS "experiment.rows"

static lobass_status places_find(lb_setting *s, lobass_error *error)
{
    const char *run = s->options->run;
    s->folder = lb_path_join(run, LB_RUN_EXPERIMENT, error);
    if (s->folder == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    s->held_out = lb_path_join(s->folder, "held_out", error);
    s->selected = lb_path_join(s->folder, "selected", error);
    s->models = lb_path_join(s->folder, "models", error);
    return s->held_out == NULL || s->selected == NULL || s->models == NULL ? LOBASS_OUT_OF_MEMORY
                                                                           : LOBASS_OK;
}

/* ---- the run ----------------------------------------------------------------------------------
 */

static lobass_status recipe_load(lb_setting *s, lobass_error *error)
{
    char *text = NULL;
    LB_TRY(lb_store_fact_load(&text, s->run, LB_FACT_REFERENCE_RECIPE, error));
    if (text == NULL)
    {
        return lb_fail(
            error, LOBASS_NOT_FOUND,
            "%s: its reference was not trained by `run`, so that there is no recipe that "
            "the arms could be trained with",
            lb_store_path(s->run));
    }
    s->recipe = lobass_train_options_default();
    const lobass_status status =
        lb_recipe_from_json(&s->recipe, &s->targets, text, lb_store_path(s->run), error);
    free(text);
    return status;
}

/* The model of the initial losses, which must still be what it was. */
static lobass_status base_find(lb_setting *s, lobass_error *error)
{
    lb_measurement model;
    lb_hash hash;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_store_measurement_load(&model, s->run, LB_INITIAL, error));
    if (model.adapter != NULL)
    {
        status = lb_fail(error, LOBASS_UNSUPPORTED,
                         "%s: \"initial\" was measured with the adapter %s; an experiment begins "
                         "from a model without one",
                         lb_store_path(s->run), model.adapter);
        goto done;
    }
    LB_TRY_GOTO(lb_fingerprint_compute(&hash, model.path, error));
    lb_hash_text(hash, s->fingerprint);
    if (strcmp(s->fingerprint, model.fingerprint) != 0)
    {
        status = lb_fail(error, LOBASS_CONFLICT,
                         "%s: has the fingerprint %s, had %s when \"initial\" was measured: "
                         "expected the same model",
                         model.path, s->fingerprint, model.fingerprint);
        goto done;
    }
    s->base = model.path;
    model.path = NULL;
done:
    lb_store_measurement_clear(&model);
    return status;
}

/* A run that was stopped before its end has nothing to choose by yet. */
static lobass_status finish_check(const lb_setting *s, lobass_error *error)
{
    lb_measurement found;
    bool is_there = false;
    LB_TRY(lb_store_measurement_find(&found, &is_there, s->run, LB_RUN_REFERENCE, error));
    lb_store_measurement_clear(&found);
    return is_there ? LOBASS_OK
                    : lb_fail(error, LOBASS_NOT_FOUND,
                              "%s: has no losses under \"" LB_RUN_REFERENCE
                              "\": expected a run that is done; give the same `lobass run` again",
                              lb_store_path(s->run));
}

lobass_status lb_setting_score(lb_scores **scores, const lb_setting *s, uint64_t seed,
                               lobass_error *error)
{
    lb_score_rules rules = s->rules;
    rules.seed = seed;
    LB_TRY(lb_store_begin(s->run, error)); /* one look at all rows, not a lock for each */
    const lobass_status status = lb_scores_compute(scores, s->run, &rules, error);
    lb_store_rollback(s->run);
    return status;
}

static lobass_status reference_find(lb_setting *s, lobass_error *error)
{
    s->reference = lb_path_join(s->options->run, LB_RUN_REFERENCE, error);
    if (s->reference == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    if (lb_path_look(s->reference) != LB_PATH_FOLDER)
    {
        free(s->reference);
        s->reference = NULL;
    }
    return LOBASS_OK;
}

/* With the lock of the experiment no `run -f` changes rows, recipe or reference from here on. */
static lobass_status run_open(lb_setting *s, lobass_error *error)
{
    LB_TRY(lb_store_open(&s->run, s->options->run, LB_STORE_READ, error));
    LB_TRY(lb_prepared_check(s->run, error));
    LB_TRY(lb_run_rows_keep(&s->rows, s->options->run, error));
    LB_TRY(lb_folder_create(s->folder, error));
    char *lock = lb_path_join(s->folder, LB_EXPERIMENT_LOCK, error);
    if (lock == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lobass_status status = lb_lock_acquire(&s->lock, lock, error);
    free(lock);
    return status;
}

static lobass_status run_read(lb_setting *s, lobass_error *error)
{
    bool has_selection = false;
    LB_TRY(recipe_load(s, error));
    LB_TRY(finish_check(s, error));
    LB_TRY(reference_find(s, error));
    LB_TRY(base_find(s, error));
    LB_TRY(lb_format_options_load(&s->format, &s->chat, s->run, error));
    return lb_selection_recall(&s->rules, &has_selection, s->run, error);
}

/* ---- the folder -------------------------------------------------------------------------------
 */

/* What would be found wrong only once the experiment that is there is gone. */
static lobass_status held_out_check(const lb_setting *s, lobass_error *error)
{
    const lobass_experiment_options *options = s->options;
    lb_store_source *sources = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_sources_name(&sources, options->held_out, options->n_held_out, error));
    LB_TRY_GOTO(lb_sources_check(sources, options->held_out, options->n_held_out, error));
    for (size_t i = 0; i < options->n_held_out; i++)
    {
        bool is_within = false;
        LB_TRY_GOTO(lb_path_is_within(&is_within, sources[i].path, s->folder, error));
        if (is_within)
        {
            status = lb_fail(error, LOBASS_CONFLICT,
                             "%s: lies in the experiment that is to be overwritten, %s; move it "
                             "away",
                             sources[i].path, s->folder);
            goto done;
        }
    }
done:
    lb_store_sources_free(sources, options->n_held_out);
    return status;
}

/* Removes what an experiment wrote; the lock in the folder is held. The held-out run, which says
 * what it was begun with, goes last: stopped before that, another one cannot go on with the rest.
 */
static lobass_status folder_clear(const lb_setting *s, lobass_error *error)
{
    static const char *const files[] = {LB_EXPERIMENT_FILE, LB_EXPERIMENT_TABLE};
    const char *const folders[] = {s->models, s->selected, s->held_out};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    {
        char *path = lb_path_join(s->folder, files[i], error);
        if (path == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        const bool is_gone = remove(path) == 0 || lb_path_look(path) == LB_PATH_MISSING;
        const lobass_status status =
            is_gone ? LOBASS_OK : lb_fail(error, LOBASS_IO, "%s: cannot be removed", path);
        free(path);
        LB_TRY(status);
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
    {
        if (lb_path_look(folders[i]) != LB_PATH_MISSING)
        {
            LB_TRY(lb_folder_remove(folders[i], error));
        }
    }
    return LOBASS_OK;
}

static lobass_status folder_open(lb_setting *s, lobass_error *error)
{
    if (s->options->overwrite)
    {
        LB_TRY(held_out_check(s, error));
        LB_TRY(folder_clear(s, error));
    }
    LB_TRY(lb_folder_create(s->selected, error));
    return lb_folder_create(s->models, error);
}

static lobass_status held_out_prepare(const lb_setting *s, lobass_error *error)
{
    lobass_prepare_options prepare = lobass_prepare_options_default();
    lobass_prepare_result result;
    prepare.model = s->base;
    prepare.data = s->options->held_out;
    prepare.n_data = s->options->n_held_out;
    prepare.run = s->held_out;
    prepare.format = s->format;
    prepare.n_threads = s->options->n_threads;
    LB_TRY(lobass_prepare(&prepare, s->observer, &result, error));
    const uint64_t n_scored =
        result.statuses[LOBASS_ROW_OK] + result.statuses[LOBASS_ROW_TRUNCATED];
    if (n_scored == 0)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "%s: none of the %" PRIu64 " held-out records can be scored: expected at "
                       "least one with the status ok or truncated",
                       s->held_out, result.n_records);
    }
    if (n_scored < result.n_records)
    {
        lb_observer_log(s->observer, LOBASS_LOG_WARNING,
                        "%" PRIu64 " of %" PRIu64 " held-out records cannot be scored and are left "
                        "out; `lobass info %s` has their statuses",
                        result.n_records - n_scored, result.n_records, s->held_out);
    }
    return LOBASS_OK;
}

/* What all models have in common, as one JSON object; yours. */
static lobass_status common_print(char **text, const lb_setting *s, lobass_error *error)
{
    lobass_train_options recipe = s->recipe;
    char *printed = NULL;
    lb_buffer buffer = {0};
    recipe.seed = 0; /* each model has its own */
    LB_TRY(lb_recipe_to_json(&printed, &recipe,
                             recipe.dtype == LOBASS_DTYPE_BF16 ? LB_BF16 : LB_F32, error));
    lb_json_writer writer = lb_json_writer_begin(&buffer, false, error);
    lb_json_open(&writer, NULL, '{');
    lb_json_put_text(&writer, "base", s->fingerprint);
    lb_json_put_value(&writer, "recipe", printed);
    lb_json_close(&writer);
    free(printed);
    *text = buffer.data;
    return writer.status;
}

/* Another set of rows may have the same base and recipe, and `full` no file of what it selects. */
static lobass_status rows_claim(const lb_setting *s, lb_store *store, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    char *wanted = NULL;
    char *recorded = NULL;
    LB_TRY_GOTO(lb_store_fact_load(&wanted, s->run, LB_FACT_TOKENIZATION, error));
    LB_TRY_GOTO(lb_store_fact_load(&recorded, store, FACT_ROWS, error));
    if (recorded == NULL)
    {
        status = lb_store_fact_save(store, FACT_ROWS, wanted, error);
    }
    else if (strcmp(recorded, wanted) != 0)
    {
        status = lb_fail(error, LOBASS_CONFLICT,
                         "%s: begun with rows of the tokenization hash %s, the run's have %s: "
                         "expected the same rows; -f makes it anew",
                         s->folder, recorded, wanted);
    }
done:
    free(wanted);
    free(recorded);
    return status;
}

static lobass_status common_claim(const lb_setting *s, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    lb_store *store = NULL;
    char *wanted = NULL;
    char *recorded = NULL;
    LB_TRY_GOTO(lb_store_open(&store, s->held_out, LB_STORE_WRITE, error));
    LB_TRY_GOTO(lb_store_fact_load(&recorded, store, FACT_EXPERIMENT, error));
    LB_TRY_GOTO(common_print(&wanted, s, error));
    LB_TRY_GOTO(recorded == NULL ? lb_store_fact_save(store, FACT_EXPERIMENT, wanted, error)
                                 : lb_options_compare(recorded, wanted, s->folder, error));
    status = rows_claim(s, store, error);
done:
    free(wanted);
    free(recorded);
    lb_store_close(store);
    return status;
}

/* What is wrong in the options is told before anything is made. */
static lobass_status options_check(const lobass_experiment_options *options, lobass_error *error)
{
    if (options->run == NULL || options->n_held_out == 0)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "experiment: expected a run and a file of held-out records");
    }
    if (options->n_sizes == 0 || options->n_resamples < RESAMPLES_LEAST || options->n_seeds == 0 ||
        options->n_seeds > SEEDS_MOST)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "experiment: expected at least one size, %d resamples and 1 to %d seeds",
                       RESAMPLES_LEAST, SEEDS_MOST);
    }
    for (size_t i = 0; i < options->n_held_out; i++)
    {
        if (lb_path_is_text(options->held_out[i]))
        {
            return lb_fail(error, LOBASS_UNSUPPORTED, "%s: plain text; expected records",
                           options->held_out[i]);
        }
        if (options->matches && strcmp(options->held_out[i], "-") == 0)
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           "-: standard input can be read once, and every model is to answer it: "
                           "expected a file");
        }
    }
    for (size_t i = 0; i < options->n_arms; i++)
    {
        const lb_arm *arm = NULL;
        LB_TRY(lb_arm_find(&arm, options->arms[i], error));
    }
    return LOBASS_OK;
}

static lobass_status sizes_parse(lb_setting *s, lobass_error *error)
{
    const lobass_experiment_options *options = s->options;
    s->sizes = lb_alloc(options->n_sizes, sizeof *s->sizes, error);
    if (s->sizes == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < options->n_sizes; i++)
    {
        const char *text = options->sizes[i];
        LB_TRY(lobass_amount_parse(text, &s->sizes[i], error));
        if (s->sizes[i].kind != LOBASS_AMOUNT_COUNT && s->sizes[i].kind != LOBASS_AMOUNT_FRACTION)
        {
            return lb_fail(
                error, LOBASS_BAD_ARGUMENT,
                "size \"%.40s\": expected a number or a share of rows; with equal tokens "
                "every arm also gets the scored tokens of the selection by learnability",
                text);
        }
        for (size_t j = 0; j < i; j++)
        {
            if (strcmp(options->sizes[j], text) == 0)
            {
                return lb_fail(error, LOBASS_BAD_ARGUMENT, "size \"%.40s\": given twice", text);
            }
        }
    }
    return LOBASS_OK;
}

lobass_status lb_setting_open(lb_setting *s, const lobass_experiment_options *options,
                              const lobass_observer *observer, lobass_error *error)
{
    s->options = options;
    s->observer = observer;
    LB_TRY(options_check(options, error));
    LB_TRY(sizes_parse(s, error));
    LB_TRY(places_find(s, error));
    LB_TRY(run_open(s, error));
    LB_TRY(run_read(s, error));
    LB_TRY(lb_setting_choose_arms(s, error));
    LB_TRY(folder_open(s, error));
    LB_TRY(held_out_prepare(s, error));
    return common_claim(s, error);
}

void lb_setting_close(lb_setting *s)
{
    lb_lock_release(&s->lock);
    lb_lock_release(&s->rows);
    lb_store_close(s->run);
    free(s->sizes);
    free(s->chat);
    free(s->is_wanted);
    char *const owned[] = {s->folder, s->held_out,  s->selected, s->models,
                           s->base,   s->reference, s->targets};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
    {
        free(owned[i]);
    }
    *s = (lb_setting){0};
}

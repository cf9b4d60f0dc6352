/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_run_all: the whole method in one folder.
 *     prepare -> measure initial -> train RUN/reference -> measure reference -> select
 * Every step finds out by itself what is done already; only the training is looked at here: it is
 * skipped where RUN/reference stands finished and the recipe recorded for it is the one asked for.
 * The run has one writer at a time, each step for itself; its rows are kept from the end of prepare
 * to the end of all, so that nobody overwrites the run between two steps.
 */
#include "method/method.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TRAIN_STEP "train " LB_RUN_REFERENCE

static lobass_status measure_as(const lobass_run_options *options, const char *name,
                                const char *model, const char *adapter,
                                const lobass_observer *observer, lobass_measure_result *result,
                                lobass_error *error)
{
    lobass_measure_options measure = lobass_measure_options_default();
    measure.run = options->prepare.run;
    measure.model = model;
    measure.adapter = adapter;
    measure.name = name;
    measure.dtype = options->dtype;
    measure.n_threads = options->n_threads;
    measure.overwrite = options->prepare.overwrite;
    return lobass_measure(&measure, observer, result, error);
}

/* ---- the reference ----------------------------------------------------------------------------
 */

/* What stands in the run's folder of the reference's training. */
typedef struct reference
{
    char *output; /* RUN/reference */
    bool is_done, is_begun;
} reference;

static lobass_status reference_look(reference *found, const char *run, lobass_error *error)
{
    lb_buffer partial = {0};
    found->output = lb_path_join(run, LB_RUN_REFERENCE, error);
    if (found->output == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY(lb_buffer_print(&partial, error, "%s.partial", found->output));
    found->is_done = lb_path_look(found->output) != LB_PATH_MISSING;
    found->is_begun = found->is_done || lb_path_look(partial.data) != LB_PATH_MISSING;
    if (found->is_done && lb_path_look(partial.data) != LB_PATH_MISSING)
    {
        /* The folder appears whole, as the last step of a training; one that was killed while it
         * cleared its scratch behind that is done all the same. */
        (void)lb_partial_remove(partial.data, NULL);
    }
    lb_buffer_free(&partial);
    return LOBASS_OK;
}

/* RUN/reference as it is recorded where it is measured; yours. */
static char *recorded_path(const char *run, lobass_error *error)
{
    char *folder = NULL;
    if (lb_path_resolve(&folder, run, true, error) != LOBASS_OK)
    {
        return NULL;
    }
    char *path = lb_path_join(folder != NULL ? folder : run, LB_RUN_REFERENCE, error);
    free(folder);
    return path;
}

/* What measuring the reference that stands there records: a model, or an adapter on BASE. */
static lobass_status reference_fingerprint(lb_hash *hash, const reference *found, const char *base,
                                           lobass_error *error)
{
    bool is_adapter = false;
    LB_TRY(lb_adapter_look(&is_adapter, found->output, error));
    return is_adapter ? lb_adapter_fingerprint(hash, base, found->output, error)
                      : lb_fingerprint_compute(hash, found->output, error);
}

/* Are the losses STORED those of the reference that stands there, or, if none does, of the one that
 * stood there and will be made again? */
static lobass_status reference_compare(bool *is_own, const lb_measurement *stored, lb_store *store,
                                       const reference *found, const char *base,
                                       lobass_error *error)
{
    lb_hash hash;
    char fingerprint[LB_HASH_TEXT_SIZE];
    if (found->is_done)
    {
        LB_TRY(reference_fingerprint(&hash, found, base, error));
        lb_hash_text(hash, fingerprint);
        *is_own = strcmp(stored->fingerprint, fingerprint) == 0;
        return LOBASS_OK;
    }
    const char *measured = stored->adapter != NULL ? stored->adapter : stored->path;
    char *path = recorded_path(lb_store_path(store), error);
    *is_own = path != NULL && strcmp(measured, path) == 0;
    free(path);
    return path != NULL ? LOBASS_OK : LOBASS_OUT_OF_MEMORY;
}

/* Losses of another model under "reference" would be in the way only after the training. */
static lobass_status reference_check(lb_store *store, const reference *found, const char *base,
                                     lobass_error *error)
{
    lb_measurement stored;
    bool is_there = false;
    bool is_own = false;
    LB_TRY(lb_store_measurement_find(&stored, &is_there, store, LB_RUN_REFERENCE, error));
    if (!is_there)
    {
        return LOBASS_OK;
    }
    const char *run = lb_store_path(store);
    lobass_status status = reference_compare(&is_own, &stored, store, found, base, error);
    if (status == LOBASS_OK && !is_own)
    {
        status = lb_fail(error, LOBASS_CONFLICT,
                         "%s: \"" LB_RUN_REFERENCE "\" was measured under %s, and `run` trains "
                         "its own, %s; `select` takes the losses as they are, `run` needs another "
                         "folder",
                         run, stored.path, found->output);
    }
    lb_store_measurement_clear(&stored);
    return status;
}

/* `run` measures two of the three models that scores are made of. */
static lobass_status score_check(lb_store *store, lobass_score by, lobass_error *error)
{
    lb_measurement stored;
    bool is_there = false;
    if ((lb_score_at(by)->needs & LB_NEEDS(LB_OF_UNCONDITIONAL)) == 0)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_store_measurement_find(&stored, &is_there, store, LB_UNCONDITIONAL, error));
    lb_store_measurement_clear(&stored);
    return is_there ? LOBASS_OK
                    : lb_fail(error, LOBASS_NOT_FOUND,
                              "%s: the score \"%s\" needs losses under \"" LB_UNCONDITIONAL
                              "\", which `run` does not measure; expected another score, or "
                              "`lobass measure %s MODEL --as " LB_UNCONDITIONAL "` before",
                              lb_store_path(store), lobass_score_describe(by)->name,
                              lb_store_path(store));
}

/* What would stop a later step is told before anything is computed: also data files that are gone,
 * which the selection is copied from, and quotas of sources that there are not. */
static lobass_status later_steps_check(const lobass_run_options *options, const reference *found,
                                       lobass_error *error)
{
    lb_store *store = NULL;
    lb_store_source *sources = NULL;
    size_t n_sources = 0;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_store_open(&store, options->prepare.run, LB_STORE_READ, error));
    LB_TRY_GOTO(reference_check(store, found, options->prepare.model, error));
    LB_TRY_GOTO(score_check(store, options->select.spec.by, error));
    LB_TRY_GOTO(lb_store_sources_load(&sources, &n_sources, store, error));
    LB_TRY_GOTO(lb_quotas_check(&options->select.spec, sources, n_sources, error));
    status = lb_sources_check(sources, NULL, n_sources, error);
done:
    lb_store_sources_free(sources, n_sources);
    lb_store_close(store);
    return status;
}

/* A training that began must have had the recipe that is asked for now. */
static lobass_status recipe_claim(lb_store *store, const lobass_train_options *train,
                                  const reference *found, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    lb_dtype dtype = LB_F32;
    char *wanted = NULL;
    char *recorded = NULL;
    LB_TRY_GOTO(lb_compute_dtype_choose(&dtype, train->dtype, error));
    LB_TRY_GOTO(lb_recipe_to_json(&wanted, train, dtype, error));
    LB_TRY_GOTO(lb_store_fact_load(&recorded, store, LB_FACT_REFERENCE_RECIPE, error));
    if (!found->is_begun)
    {
        status = lb_store_fact_save(store, LB_FACT_REFERENCE_RECIPE, wanted, error);
    }
    else if (recorded == NULL)
    {
        status = lb_fail(error, LOBASS_CONFLICT,
                         "%s: was not trained by `run`, its recipe is not known; measure it as "
                         "\"reference\" and select, overwrite the run (-f), or use another folder",
                         found->output);
    }
    else
    {
        lobass_error cause = {0};
        status = lb_options_compare(recorded, wanted, found->output, &cause);
        status = status == LOBASS_OK
                     ? status
                     : lb_fail(error, status,
                               "%s; -f trains this reference again and keeps the rows and their "
                               "initial losses",
                               cause.message);
    }
done:
    free(wanted);
    free(recorded);
    return status;
}

static lobass_status train_now(lb_store *store, const lobass_train_options *train,
                               const lobass_observer *observer, lobass_train_result *result,
                               lobass_error *error)
{
    lb_step_clock clock;
    LB_TRY(lb_step_clock_begin(&clock, store, TRAIN_STEP, error));
    const lobass_status status = lobass_train(train, observer, result, error);
    if (status == LOBASS_OK)
    {
        return lb_step_clock_save(&clock, store, error);
    }
    if (status == LOBASS_CANCELLED)
    {
        (void)lb_step_clock_save(&clock, store, NULL);
    }
    return status;
}

static lobass_status train_with(lb_store *store, const lobass_train_options *train,
                                const reference *found, const lobass_observer *observer,
                                lobass_train_result *result, lobass_error *error)
{
    bool has_log = false;
    LB_TRY(recipe_claim(store, train, found, error));
    if (!found->is_done)
    {
        LB_TRY(train_now(store, train, observer, result, error));
    }
    /* Whichever call did the work, the account is the same. */
    return lb_reference_recall(result, &has_log, store, error);
}

static lobass_status reference_train(const lobass_run_options *options, const reference *found,
                                     const lobass_observer *observer, lobass_train_result *result,
                                     lobass_error *error)
{
    lobass_train_options train = options->train;
    lb_store *store = NULL;
    train.model = options->prepare.model;
    train.run = options->prepare.run;
    train.data = NULL;
    train.n_data = 0;
    train.output = found->output;
    train.dtype = options->dtype;
    train.n_threads = options->n_threads;
    train.overwrite = false;
    /* Open, and with it locked, for as long as the training takes: the trainer only reads. */
    LB_TRY(lb_store_open(&store, options->prepare.run, LB_STORE_WRITE, error));
    const lobass_status status = train_with(store, &train, found, observer, result, error);
    lb_store_close(store);
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static lobass_status check_arguments(const lobass_run_options *options, lobass_error *error)
{
    lobass_direction direction = LOBASS_DIRECTION_DEFAULT;
    lb_lora_settings lora;
    if (options->prepare.run == NULL || options->prepare.model == NULL)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "run: expected a model and a run's folder");
    }
    /* What would fail only in the last step fails now. A run that exists may have made the output
     * itself: then select compares the bytes. */
    LB_TRY(lb_lora_settings_make(&lora, &options->train.lora, error));
    LB_TRY(lb_selection_spec_check(&options->select.spec, error));
    LB_TRY(lb_direction_resolve(&direction, options->select.spec.by, options->select.spec.direction,
                                error));
    const char *output = options->select.output;
    const bool is_new = lb_path_look(options->prepare.run) == LB_PATH_MISSING;
    if (output != NULL && !options->select.overwrite && is_new &&
        lb_path_look(output) != LB_PATH_MISSING)
    {
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s: exists already; overwrite it (-f) or name another output", output);
    }
    return LOBASS_OK;
}

static lobass_status steps_take(const lobass_run_options *options, const reference *found,
                                const lobass_observer *observer, lobass_run_result *result,
                                lobass_error *error)
{
    /* The reference is a model, or an adapter of the one that it was trained from. */
    const char *base = options->prepare.model;
    const bool is_adapter = options->train.lora.rank > 0;
    LB_TRY(measure_as(options, LB_INITIAL, base, NULL, observer, &result->initial, error));
    LB_TRY(reference_train(options, found, observer, &result->train, error));
    LB_TRY(measure_as(options, LB_REFERENCE, is_adapter ? base : found->output,
                      is_adapter ? found->output : NULL, observer, &result->reference, error));
    if (isfinite(result->initial.mean_loss) && isfinite(result->reference.mean_loss) &&
        result->reference.mean_loss >= result->initial.mean_loss)
    {
        lb_observer_log(observer, LOBASS_LOG_WARNING,
                        "the reference has a mean loss of %.4f nats per token, the model it was "
                        "trained from %.4f: it has not learned, and the scores mean little; try "
                        "another learning rate (with -f: rows and initial losses are kept)",
                        result->reference.mean_loss, result->initial.mean_loss);
    }
    lobass_select_options select = options->select;
    select.run = options->prepare.run;
    return lobass_select(&select, observer, &result->select, error);
}

lobass_status lobass_run_all(const lobass_run_options *options, const lobass_observer *observer,
                             lobass_run_result *result, lobass_error *error)
{
    lobass_run_result unused;
    lobass_run_result *filled = result != NULL ? result : &unused;
    const char *run = options->prepare.run;
    reference found = {0};
    lb_lock hold = {0};
    memset(filled, 0, sizeof *filled);
    LB_TRY(check_arguments(options, error));
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_run_rows_prepare(options, observer, &filled->prepare, &hold, error));
    LB_TRY_GOTO(reference_look(&found, run, error));
    LB_TRY_GOTO(later_steps_check(options, &found, error));
    status = steps_take(options, &found, observer, filled, error);
done:
    lb_lock_release(&hold);
    free(found.output);
    if (result == NULL)
    {
        lobass_select_result_clear(&unused.select);
    }
    return status;
}

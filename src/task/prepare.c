/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_prepare: records -> frozen rows in the run's database. Here are its beginning and its end:
 * arguments, the folder, what marks the run as prepared, the result. A prepare that was stopped
 * goes on after its last committed row, once it has seen that the data before it are still the
 * same. The tokenisation hash is taken over all rows in order: XXH3-128 over the tokenizer's hash,
 * the options' JSON, and lb_row_hash() of every row.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "task/preparer.h"

/* ---- what is to be done -----------------------------------------------------------------------
 */

static lobass_status check_arguments(const lobass_prepare_options *options, lobass_error *error)
{
    if (options->model == NULL || options->run == NULL || options->run[0] == '\0')
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "prepare: expected a model and a run's folder");
    }
    if (options->data == NULL || options->n_data == 0)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "prepare: expected at least one data file");
    }
    return LOBASS_OK;
}

/* Examples to choose from are records; a text is one only where windows are cut of it. */
static lobass_status check_kinds(const lb_preparer *p, lobass_error *error)
{
    for (size_t i = 0; i < p->options->n_data && !p->options->format.cuts_windows; i++)
    {
        if (lb_path_is_text(p->sources[i].path))
        {
            return lb_fail(error, LOBASS_UNSUPPORTED,
                           "%s: plain text is for training and evaluation on data files; expected "
                           "records, such as lines of {\"text\": \"...\"}",
                           p->sources[i].path);
        }
    }
    return LOBASS_OK;
}

/* ---- the end ----------------------------------------------------------------------------------
 */

/* From here on the run is prepared. */
static lobass_status finish(lb_preparer *p, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    char text[LB_HASH_TEXT_SIZE];
    char highest[32];
    lb_hash_text(lb_hasher_value(p->rows_hash), text);
    (void)snprintf(highest, sizeof highest, "%" PRId32, p->highest_id);
    LB_TRY_GOTO(lb_store_begin(p->store, error));
    LB_TRY_GOTO(lb_store_fact_save(p->store, LB_FACT_HIGHEST_ID, highest, error));
    LB_TRY_GOTO(lb_step_clock_save(&p->clock, p->store, error));
    LB_TRY_GOTO(lb_store_fact_save(p->store, LB_FACT_TOKENIZATION, text, error));
    LB_TRY_GOTO(lb_store_counts_save(p->store, error));
    LB_TRY_GOTO(lb_store_commit(p->store, error));
done:
    if (status != LOBASS_OK)
    {
        lb_store_rollback(p->store);
    }
    return status;
}

static lobass_status fail_empty(const lb_preparer *p, lobass_error *error)
{
    return lb_fail(error, LOBASS_BAD_FORMAT, "%s: no record%s; expected at least one",
                   p->options->data[0],
                   p->options->n_data > 1 ? " in it or in the other data files" : "");
}

static lobass_status rows_make(lb_preparer *p, lobass_error *error)
{
    LB_TRY(lb_prepare_rows(p, error));
    if (p->n_rows == 0)
    {
        return fail_empty(p, error);
    }
    LB_TRY(finish(p, error));
    p->stage.progress.total = p->n_rows;
    return lb_stage_end(&p->stage, error);
}

static lobass_status result_fill(lb_preparer *p, lobass_prepare_result *result, lobass_error *error)
{
    lb_row_counts counts;
    LB_TRY(lb_store_counts_load(&counts, p->store, error));
    memset(result, 0, sizeof *result);
    result->n_records = counts.n_rows;
    memcpy(result->statuses, counts.statuses, sizeof result->statuses);
    result->n_tokens = counts.n_tokens;
    result->n_scored_tokens = counts.n_scored;
    LB_TRY(lb_ignored_load(&result->ignored, p->store, error));
    LB_TRY(lb_prepare_notes_load(result->notes, p->store, error));
    return lb_step_seconds_load(&result->elapsed_seconds, p->store, "prepare", error);
}

/* ---- from the beginning -----------------------------------------------------------------------
 */

/* Removing the run must not remove what it is to be made of. */
static lobass_status check_outside(const lb_preparer *p, lobass_error *error)
{
    const lobass_prepare_options *options = p->options;
    for (size_t i = 0; i <= options->n_data; i++)
    {
        const char *path = i < options->n_data ? p->sources[i].path : options->model;
        bool is_within = false;
        LB_TRY(lb_path_is_within(&is_within, path, options->run, error));
        if (is_within)
        {
            return lb_fail(error, LOBASS_CONFLICT,
                           "%s: lies in the run that is to be overwritten, %s; move it away or use "
                           "another folder",
                           path, options->run);
        }
    }
    return LOBASS_OK;
}

static lobass_status store_open(lb_preparer *p, bool *has_begun, lobass_error *error)
{
    const lobass_prepare_options *options = p->options;
    bool has_run = false;
    LB_TRY(lb_run_folder_check(options->run, &has_run, error));
    if (!has_run || options->overwrite)
    {
        /* Before anything is written or removed. */
        LB_TRY(lb_sources_check(p->sources, options->data, options->n_data, error));
    }
    if (options->overwrite && lb_path_look(options->run) == LB_PATH_FOLDER)
    {
        LB_TRY(check_outside(p, error));
        LB_TRY(lb_run_folder_clear(options->run, error));
    }
    LB_TRY(lb_store_open(&p->store, options->run, LB_STORE_CREATE, error));
    LB_TRY(lb_prepare_compare(p, has_begun, error));
    p->is_begun_here = !*has_begun;
    return LOBASS_OK;
}

/* Where it was kept before, it must be the same again, or nothing. */
static lobass_status standard_input_take(const lb_preparer *p, lobass_error *error)
{
    for (size_t i = 0; i < p->options->n_data; i++)
    {
        if (strcmp(p->sources[i].path, "-") == 0)
        {
            LB_TRY(lb_standard_input_keep(p->options->run, p->observer, error));
        }
    }
    return LOBASS_OK;
}

static lobass_status begin(lb_preparer *p, bool has_begun, lobass_error *error)
{
    LB_TRY(lb_sources_check(p->sources, p->options->data, p->options->n_data, error));
    LB_TRY(standard_input_take(p, error));
    LB_TRY(lb_sources_state_check(p->store, p->sources, p->options->n_data, p->observer, error));
    LB_TRY(lb_run_tokenizer_keep(p->options->run, p->options->model, error));
    return has_begun ? LOBASS_OK : lb_prepare_record(p, error);
}

static lobass_status prepare_with(lb_preparer *p, lobass_prepare_result *result,
                                  lobass_error *error)
{
    bool has_begun = false;
    char *tokenization = NULL;
    LB_TRY(check_arguments(p->options, error));
    LB_TRY(lb_sources_name(&p->sources, p->options->data, p->options->n_data, error));
    LB_TRY(check_kinds(p, error));
    LB_TRY(lb_prepare_model_read(p, error));
    LB_TRY(store_open(p, &has_begun, error));
    LB_TRY(lb_step_clock_begin(&p->clock, p->store, "prepare", error));
    LB_TRY(lb_store_fact_load(&tokenization, p->store, LB_FACT_TOKENIZATION, error));
    const bool is_done = tokenization != NULL;
    free(tokenization);
    if (!is_done)
    {
        LB_TRY(begin(p, has_begun, error));
        LB_TRY(rows_make(p, error));
    }
    else
    {
        LB_TRY(standard_input_take(p, error));
        LB_TRY(
            lb_sources_state_check(p->store, p->sources, p->options->n_data, p->observer, error));
        LB_TRY(p->format.is_strict ? lb_prepare_check_strict(p, error) : LOBASS_OK);
    }
    return result_fill(p, result, error);
}

/* Failures that the corrected command would meet again as a conflict with what they left behind;
 * after any other the same command goes on. */
static bool is_worthless(const lb_preparer *p, lobass_status status)
{
    return p->is_begun_here && status != LOBASS_OK && status != LOBASS_CANCELLED &&
           status != LOBASS_CONFLICT && status != LOBASS_IO && status != LOBASS_OUT_OF_MEMORY;
}

lobass_status lb_prepare_keep(const lobass_prepare_options *options,
                              const lobass_observer *observer, lobass_prepare_result *result,
                              lb_lock *hold, lobass_error *error)
{
    lb_preparer p = {.options = options, .observer = observer};
    lobass_prepare_result unused;
    const bool is_new = options->run != NULL && lb_path_look(options->run) == LB_PATH_MISSING;
    lobass_status status = prepare_with(&p, result != NULL ? result : &unused, error);
    if (status == LOBASS_OK && hold != NULL)
    {
        status = lb_run_rows_keep(hold, options->run, error);
    }
    lb_duplicates_free(&p.duplicates);
    lb_hasher_free(p.rows_hash);
    lb_store_close(p.store);
    if (is_worthless(&p, status))
    {
        (void)(is_new ? lb_run_folder_remove(options->run, NULL)
                      : lb_run_folder_clear(options->run, NULL));
    }
    lb_store_sources_free(p.sources, options->n_data);
    lobass_tokenizer_free(p.tokenizer);
    free(p.format_json);
    free(p.chat);
    return status;
}

lobass_status lobass_prepare(const lobass_prepare_options *options, const lobass_observer *observer,
                             lobass_prepare_result *result, lobass_error *error)
{
    return lb_prepare_keep(options, observer, result, NULL, error);
}

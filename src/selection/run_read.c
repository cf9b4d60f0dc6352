/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_run_*: a run as its readers see it. Sources, models and options are read when the run is
 * opened and stay as they were; counts, rows, losses and scores are read when they are asked for,
 * from the last commit of whoever is writing.
 */
#include "selection/selection.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct lobass_run
{
    lb_store *store;
    lb_store_source *stored_sources; /* [n_sources] */
    lobass_run_source *sources;      /* [n_sources], views of the stored ones */
    size_t n_sources;
    lb_measurement *measurements; /* [n_models] */
    lobass_run_model *models;     /* [n_models], views of the measurements */
    size_t n_models;
    char *model_path, *options_json, *tokenization_hash;
    const char *template_name;
    lobass_tokenizer *tokenizer; /* NULL until it is asked for */
    lb_buffer reason;            /* of the row asked for last */
};

/* ---- opening ----------------------------------------------------------------------------------
 */

static lobass_status models_read(lobass_run *run, lobass_error *error)
{
    LB_TRY(lb_store_measurements_load(&run->measurements, &run->n_models, run->store, error));
    run->models = lb_alloc(run->n_models, sizeof *run->models, error);
    if (run->models == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < run->n_models; i++)
    {
        const lb_measurement *stored = &run->measurements[i];
        run->models[i] = (lobass_run_model){.name = stored->name,
                                            .path = stored->path,
                                            .fingerprint = stored->fingerprint,
                                            .dtype = stored->dtype,
                                            .adapter = stored->adapter};
    }
    return LOBASS_OK;
}

static lobass_status sources_read(lobass_run *run, lobass_error *error)
{
    LB_TRY(lb_store_sources_load(&run->stored_sources, &run->n_sources, run->store, error));
    run->sources = lb_alloc(run->n_sources, sizeof *run->sources, error);
    if (run->sources == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < run->n_sources; i++)
    {
        const lb_store_source *stored = &run->stored_sources[i];
        run->sources[i] = (lobass_run_source){
            .path = stored->path, .name = stored->name, .n_records = stored->n_records};
    }
    return LOBASS_OK;
}

static lobass_status facts_read(lobass_run *run, lobass_error *error)
{
    lobass_format_options options;
    char *chat = NULL;
    const char *path = lb_store_path(run->store);
    LB_TRY(lb_store_fact_load(&run->model_path, run->store, LB_FACT_MODEL, error));
    LB_TRY(lb_store_fact_load(&run->options_json, run->store, LB_FACT_OPTIONS, error));
    if (run->model_path == NULL || run->options_json == NULL)
    {
        return lb_fail(error, LOBASS_NOT_FOUND,
                       "%s: an empty run: its `prepare` was stopped before it began", path);
    }
    LB_TRY(lb_format_options_from_json(&options, &chat, run->options_json, path, error));
    free(chat);
    run->template_name = options.template_name;
    return lb_store_fact_load(&run->tokenization_hash, run->store, LB_FACT_TOKENIZATION, error);
}

lobass_status lobass_run_open(lobass_run **run, const char *path, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    *run = NULL;
    lobass_run *opened = lb_alloc(1, sizeof *opened, error);
    if (opened == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY_GOTO(lb_store_open(&opened->store, path, LB_STORE_READ, error));
    LB_TRY_GOTO(facts_read(opened, error));
    LB_TRY_GOTO(sources_read(opened, error));
    LB_TRY_GOTO(models_read(opened, error));
    *run = opened;
    opened = NULL;
done:
    lobass_run_close(opened);
    return status;
}

void lobass_run_close(lobass_run *run)
{
    if (run == NULL)
    {
        return;
    }
    lobass_tokenizer_free(run->tokenizer);
    lb_buffer_free(&run->reason);
    free(run->model_path);
    free(run->options_json);
    free(run->tokenization_hash);
    free(run->sources);
    free(run->models);
    lb_store_sources_free(run->stored_sources, run->n_sources);
    lb_store_measurements_free(run->measurements, run->n_models);
    lb_store_close(run->store);
    free(run);
}

/* ---- the latest selection ----------------------------------------------------------------------
 */

/* Losses and the selection made of them. */
typedef struct choice
{
    lb_scores *scores;
    uint64_t *ranks;   /* [n_rows], or NULL */
    bool *is_selected; /* [n_rows], or NULL before a selection */
} choice;

static lobass_status selection_load(choice *found, bool has_selection, size_t n_rows,
                                    lb_store *store, lobass_error *error)
{
    if (!has_selection)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_store_selection_load(&found->ranks, &found->is_selected, n_rows, store, error));
    if (found->is_selected == NULL)
    {
        /* Nothing could be ranked: nothing is selected. */
        found->is_selected = lb_alloc(n_rows, sizeof *found->is_selected, error);
    }
    return found->is_selected == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

static lobass_status choice_load(choice *found, lb_store *store, lobass_error *error)
{
    lb_score_rules rules;
    bool has_selection = false;
    LB_TRY(lb_selection_recall(&rules, &has_selection, store, error));
    LB_TRY(lb_scores_compute(&found->scores, store, &rules, error));
    return selection_load(found, has_selection, found->scores->n_rows, store, error);
}

/* In one transaction: whoever writes meanwhile cannot set losses beside another selection. */
static lobass_status choice_read(choice *found, lb_store *store, lobass_error *error)
{
    LB_TRY(lb_store_begin(store, error));
    const lobass_status status = choice_load(found, store, error);
    lb_store_rollback(store);
    return status;
}

static void choice_free(choice *found)
{
    free(found->ranks);
    free(found->is_selected);
    lb_scores_free(found->scores);
}

static lobass_status model_check(const lobass_run *run, size_t model_index, lobass_error *error)
{
    return model_index < run->n_models
               ? LOBASS_OK
               : lb_fail(error, LOBASS_NOT_FOUND, "%s: model %zu: the run was measured under %zu",
                         lb_store_path(run->store), model_index, run->n_models);
}

/* ---- what it is -------------------------------------------------------------------------------
 */

/* Whether the losses of NAME can have no say in a row's status: no row has a loss that is not
 * finite, or outside LEAST to MOST. */
static lobass_status losses_agree(bool *agree, lobass_run *run, const char *name, double least,
                                  double most, lobass_error *error)
{
    lb_measurement found;
    lb_loss_totals totals = {.least = INFINITY, .most = -INFINITY};
    bool is_there = false;
    LB_TRY(lb_store_measurement_find(&found, &is_there, run->store, name, error));
    const int64_t id = found.id;
    lb_store_measurement_clear(&found);
    if (is_there)
    {
        LB_TRY(lb_store_totals_load(&totals, run->store, id, error));
    }
    *agree = *agree && totals.n_nonfinite == 0 && totals.least >= least && totals.most <= most;
    return LOBASS_OK;
}

/* Where no selection has told what the losses that are there come to. */
static lobass_status ends_count(lobass_run_info *info, lobass_run *run, lobass_error *error)
{
    const size_t n_rows = (size_t)info->n_records;
    lb_score_rules rules;
    bool agree = true;
    choice found = {0};
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_selection_recall(&rules, &info->has_selection, run->store, error));
    LB_TRY(losses_agree(&agree, run, LB_INITIAL, fmax(rules.floor, rules.min_initial), INFINITY,
                        error));
    LB_TRY(losses_agree(&agree, run, LB_REFERENCE, -INFINITY, rules.max_reference, error));
    LB_TRY_GOTO(selection_load(&found, info->has_selection, n_rows, run->store, error));
    for (size_t i = 0; found.is_selected != NULL && i < n_rows; i++)
    {
        info->n_selected += found.is_selected[i] ? 1 : 0;
    }
    if (agree)
    {
        goto done;
    }
    LB_TRY_GOTO(lb_scores_compute(&found.scores, run->store, &rules, error));
    memset(info->statuses, 0, sizeof info->statuses);
    for (size_t i = 0; i < n_rows; i++)
    {
        info->statuses[found.scores->rows[i].status]++;
    }
done:
    choice_free(&found);
    return status;
}

static lobass_status counts_read(lobass_run_info *info, lobass_run *run, lobass_error *error)
{
    lb_row_counts counts;
    LB_TRY(lb_store_counts_load(&counts, run->store, error));
    info->n_records = counts.n_rows;
    info->n_tokens = counts.n_tokens;
    info->n_scored_tokens = counts.n_scored;
    memcpy(info->statuses, counts.has_ended ? counts.ended : counts.statuses,
           sizeof info->statuses);
    info->has_selection = counts.has_ended;
    for (size_t i = 0; i < LOBASS_ROW_STATUS_COUNT; i++)
    {
        info->n_selected += counts.selected[i];
    }
    return counts.has_ended ? LOBASS_OK : ends_count(info, run, error);
}

lobass_status lobass_run_measured(lobass_run *run, size_t model_index, lobass_run_totals *totals,
                                  lobass_error *error)
{
    lb_loss_totals stored;
    lb_row_counts counts;
    LB_TRY(model_check(run, model_index, error));
    LB_TRY(lb_store_totals_load(&stored, run->store, run->measurements[model_index].id, error));
    LB_TRY(lb_store_counts_load(&counts, run->store, error));
    *totals = (lobass_run_totals){.n_rows = stored.n_rows,
                                  .n_rows_due = counts.n_due,
                                  .mean_loss = lb_loss_totals_mean(&stored)};
    return LOBASS_OK;
}

lobass_status lobass_run_describe(lobass_run *run, lobass_run_info *info, lobass_error *error)
{
    memset(info, 0, sizeof *info);
    if (run->tokenization_hash == NULL)
    {
        /* Whoever prepares it may have come to an end meanwhile. */
        LB_TRY(
            lb_store_fact_load(&run->tokenization_hash, run->store, LB_FACT_TOKENIZATION, error));
    }
    info->path = lb_store_path(run->store);
    info->model_path = run->model_path;
    info->template_name = run->template_name;
    info->tokenization_hash = run->tokenization_hash;
    info->options_json = run->options_json;
    info->n_sources = run->n_sources;
    info->n_models = run->n_models;
    info->is_prepared = run->tokenization_hash != NULL;
    LB_TRY(lb_store_begin(run->store, error)); /* all of it from one moment */
    lobass_status status = counts_read(info, run, error);
    if (status == LOBASS_OK)
    {
        status = lb_ignored_load(&info->ignored, run->store, error);
    }
    lb_store_rollback(run->store);
    return status;
}

const lobass_run_source *lobass_run_source_at(const lobass_run *run, size_t index)
{
    return index < run->n_sources ? &run->sources[index] : NULL;
}

const lobass_run_model *lobass_run_model_at(const lobass_run *run, size_t index)
{
    return index < run->n_models ? &run->models[index] : NULL;
}

/* ---- rows, losses, scores ---------------------------------------------------------------------
 */

lobass_status lobass_run_row(lobass_run *run, uint64_t row_number, lobass_row *row,
                             lobass_error *error)
{
    return lb_store_row_load(row, run->store, row_number, error);
}

static lobass_status stored_losses(lb_row_losses *stored, lobass_run *run, uint64_t row_number,
                                   size_t model_index, size_t n_scored, lobass_error *error)
{
    LB_TRY(model_check(run, model_index, error));
    LB_TRY(lb_store_losses_load(stored, run->store, run->measurements[model_index].id, row_number,
                                error));
    if (stored->n_scored != n_scored)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "%s: row %" PRIu64 ": has %zu stored losses, room for %zu was given",
                       lb_store_path(run->store), row_number, stored->n_scored, n_scored);
    }
    return LOBASS_OK;
}

lobass_status lobass_run_losses(lobass_run *run, uint64_t row_number, size_t model_index,
                                float *nll, size_t n_scored, lobass_error *error)
{
    lb_row_losses stored = {0};
    LB_TRY(stored_losses(&stored, run, row_number, model_index, n_scored, error));
    if (stored.nll != NULL && n_scored > 0)
    {
        memcpy(nll, stored.nll, n_scored * sizeof *nll);
    }
    return LOBASS_OK;
}

lobass_status lobass_run_el2n(lobass_run *run, uint64_t row_number, size_t model_index, float *el2n,
                              size_t n_scored, lobass_error *error)
{
    lb_row_losses stored = {0};
    LB_TRY(stored_losses(&stored, run, row_number, model_index, n_scored, error));
    if (stored.el2n == NULL)
    {
        return lb_fail(error, LOBASS_NOT_FOUND,
                       "%s: row %" PRIu64 ": an earlier lobass measured it without el2n",
                       lb_store_path(run->store), row_number);
    }
    if (n_scored > 0)
    {
        memcpy(el2n, stored.el2n, n_scored * sizeof *el2n);
    }
    return LOBASS_OK;
}

static lobass_status row_result_read(lobass_row_result *result, lobass_run *run, uint64_t row,
                                     lobass_error *error)
{
    lb_score_rules rules;
    LB_TRY(lb_selection_recall(&rules, &result->has_selection, run->store, error));
    LB_TRY(lb_row_scores_compute(&result->scores, run->store, &rules, row, error));
    LB_TRY(lb_reason_find(&run->reason, &result->scores, &rules, run->store, row, error));
    if (lb_row_status_is_selectable(result->scores.status))
    {
        lobass_row stored; /* what is to be known of it all the same */
        LB_TRY(lb_store_row_load(&stored, run->store, row, error));
        LB_TRY(
            lb_buffer_append_text(&run->reason, stored.reason != NULL ? stored.reason : "", error));
    }
    result->reason = run->reason.size > 0 ? run->reason.data : NULL;
    return result->has_selection ? lb_store_selection_row_load(&result->rank, &result->is_selected,
                                                               run->store, row, error)
                                 : LOBASS_OK;
}

lobass_status lobass_run_row_result(lobass_run *run, uint64_t row_number, lobass_row_result *result,
                                    lobass_error *error)
{
    memset(result, 0, sizeof *result);
    LB_TRY(lb_store_begin(run->store, error)); /* all of it from one moment */
    const lobass_status status = row_result_read(result, run, row_number, error);
    lb_store_rollback(run->store);
    return status;
}

lobass_status lobass_run_scores(lobass_run *run, lobass_table_format format, lobass_sink sink,
                                void *context, lobass_error *error)
{
    choice found = {0};
    lobass_status status = choice_read(&found, run->store, error);
    if (status == LOBASS_OK)
    {
        const lb_score_table table = {.scores = found.scores,
                                      .sources = run->stored_sources,
                                      .n_sources = run->n_sources,
                                      .ranks = found.ranks,
                                      .is_selected = found.is_selected};
        status = lb_score_table_write(&table, run->store, format, sink, context, error);
    }
    choice_free(&found);
    return status;
}

lobass_status lobass_run_tokenizer(const lobass_tokenizer **tokenizer, lobass_run *run,
                                   lobass_error *error)
{
    *tokenizer = NULL;
    if (run->tokenizer == NULL)
    {
        char *path = lb_path_join(lb_store_path(run->store), LB_RUN_TOKENIZER, error);
        if (path == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        const lobass_status status = lobass_tokenizer_load(&run->tokenizer, path, error);
        free(path);
        LB_TRY(status);
    }
    *tokenizer = run->tokenizer;
    return LOBASS_OK;
}

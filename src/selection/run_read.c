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
    lb_store_model *stored_models; /* [n_models] */
    lobass_run_model *models;      /* [n_models], views of the stored ones */
    char **adapters;               /* [n_models]; NULL where there is none */
    size_t n_models;
    char *model_path, *options_json, *tokenization_hash;
    const char *template_name;
    lobass_tokenizer *tokenizer; /* NULL until it is asked for */
};

/* ---- opening ----------------------------------------------------------------------------------
 */

typedef struct loss_total
{
    double nll_sum;
    uint64_t n_rows, n_scored;
} loss_total;

static lobass_status add_losses(void *context, uint64_t row, const lb_row_losses *losses,
                                lobass_error *error)
{
    loss_total *total = context;
    const double sum = lb_losses_sum(losses->nll, losses->n_scored);
    (void)row;
    (void)error;
    total->n_rows++;
    if (isfinite(sum)) /* as lobass_measure() counts */
    {
        total->nll_sum += sum;
        total->n_scored += losses->n_scored;
    }
    return LOBASS_OK;
}

static lobass_status due_count(uint64_t *n_due, lb_store *store, lobass_error *error)
{
    lb_row_summary *summaries = NULL;
    size_t n_rows = 0;
    *n_due = 0;
    LB_TRY(lb_store_summaries_load(&summaries, &n_rows, store, error));
    for (size_t i = 0; i < n_rows; i++)
    {
        *n_due += summaries[i].n_scored > 0 ? 1 : 0;
    }
    free(summaries);
    return LOBASS_OK;
}

static lobass_status models_read(lobass_run *run, lobass_error *error)
{
    uint64_t n_due = 0;
    LB_TRY(lb_store_models_load(&run->stored_models, &run->n_models, run->store, error));
    LB_TRY(due_count(&n_due, run->store, error));
    run->models = lb_alloc(run->n_models, sizeof *run->models, error);
    run->adapters =
        run->models == NULL ? NULL : lb_alloc(run->n_models, sizeof *run->adapters, error);
    if (run->adapters == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < run->n_models; i++)
    {
        const lb_store_model *stored = &run->stored_models[i];
        loss_total total = {0};
        LB_TRY(lb_adapter_recall(&run->adapters[i], run->store, stored->name, error));
        LB_TRY(lb_store_losses_walk(run->store, stored->id, add_losses, &total, error));
        run->models[i] = (lobass_run_model){
            .name = stored->name,
            .path = stored->path,
            .fingerprint = stored->fingerprint,
            .dtype = stored->dtype,
            .adapter = run->adapters[i],
            .n_rows = total.n_rows,
            .n_rows_due = n_due,
            .mean_loss = total.n_scored > 0 ? total.nll_sum / (double)total.n_scored : NAN};
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
    const char *path = lb_store_path(run->store);
    LB_TRY(lb_store_fact_load(&run->model_path, run->store, LB_FACT_MODEL, error));
    LB_TRY(lb_store_fact_load(&run->options_json, run->store, LB_FACT_OPTIONS, error));
    if (run->model_path == NULL || run->options_json == NULL)
    {
        return lb_fail(error, LOBASS_NOT_FOUND,
                       "%s: an empty run: its `prepare` was stopped before it began", path);
    }
    LB_TRY(lb_format_options_from_json(&options, run->options_json, path, error));
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
    free(run->model_path);
    free(run->options_json);
    free(run->tokenization_hash);
    free(run->sources);
    free(run->models);
    for (size_t i = 0; run->adapters != NULL && i < run->n_models; i++)
    {
        free(run->adapters[i]);
    }
    free(run->adapters);
    lb_store_sources_free(run->stored_sources, run->n_sources);
    lb_store_models_free(run->stored_models, run->n_models);
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

static lobass_status choice_load(choice *found, lb_store *store, lobass_error *error)
{
    lb_score_rules rules;
    bool has_selection = false;
    LB_TRY(lb_selection_recall(&rules, &has_selection, store, error));
    LB_TRY(lb_scores_compute(&found->scores, store, &rules, error));
    if (!has_selection)
    {
        return LOBASS_OK;
    }
    const size_t n_rows = found->scores->n_rows;
    LB_TRY(lb_store_selection_load(&found->ranks, &found->is_selected, n_rows, store, error));
    if (found->is_selected == NULL)
    {
        /* Nothing could be ranked: nothing is selected. */
        found->is_selected = lb_alloc(n_rows, sizeof *found->is_selected, error);
    }
    return found->is_selected == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
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

/* ---- what it is -------------------------------------------------------------------------------
 */

/* With losses at hand the statuses that they decide are known too. */
static lobass_status counts_read(lobass_run *run, lobass_run_info *info, lobass_error *error)
{
    choice found = {0};
    uint64_t stored_statuses[LOBASS_ROW_STATUS_COUNT] = {0};
    const lobass_status status = choice_read(&found, run->store, error);
    if (status == LOBASS_OK)
    {
        const lb_scores *scores = found.scores;
        info->n_records = scores->n_rows;
        info->has_selection = found.is_selected != NULL;
        lb_summaries_count(scores->summaries, scores->n_rows, stored_statuses, &info->n_tokens,
                           &info->n_scored_tokens);
        for (size_t i = 0; i < scores->n_rows; i++)
        {
            info->statuses[scores->rows[i].status]++;
            info->n_selected += found.is_selected != NULL && found.is_selected[i] ? 1 : 0;
        }
    }
    choice_free(&found);
    return status;
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
    return counts_read(run, info, error);
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
    if (model_index >= run->n_models)
    {
        return lb_fail(error, LOBASS_NOT_FOUND, "%s: model %zu: the run was measured under %zu",
                       lb_store_path(run->store), model_index, run->n_models);
    }
    LB_TRY(lb_store_losses_load(stored, run->store, run->stored_models[model_index].id, row_number,
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

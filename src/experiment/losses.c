/* SPDX-License-Identifier: Apache-2.0
 *
 * What was measured: of every model and held-out row the sum of its losses, from the per-token
 * losses in RUN/experiment/held_out. Also how many of the held-out records the run has too.
 */
#include "experiment/experiment.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct loading
{
    lb_loss_table *table;
    lb_row_summary *summaries; /* [n_all] of the held-out run */
    size_t n_all;
    size_t *places; /* [n_all] in the table; SIZE_MAX: not in it */
    const char *path;
    double *sums; /* [n_rows] of the cell at hand */
    size_t n_found;
} loading;

/* ---- rows -------------------------------------------------------------------------------------
 */

static bool is_evaluated(const lb_row_summary *summary)
{
    return lb_row_status_is_selectable((lobass_row_status)summary->status) && summary->n_scored > 0;
}

static lobass_status rows_fill(loading *l, lb_store *store, lobass_error *error)
{
    lb_loss_table *table = l->table;
    LB_TRY(lb_store_summaries_load(&l->summaries, &l->n_all, store, error));
    l->places = lb_alloc(l->n_all, sizeof *l->places, error);
    table->files = lb_alloc(l->n_all, sizeof *table->files, error);
    table->tokens = lb_alloc(l->n_all, sizeof *table->tokens, error);
    if (l->places == NULL || table->files == NULL || table->tokens == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < l->n_all; i++)
    {
        const lb_row_summary *summary = &l->summaries[i];
        l->places[i] = SIZE_MAX;
        if (summary->source >= table->n_files)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT, "%s: row %zu: of source %u, there are %zu",
                           l->path, i, (unsigned)summary->source, table->n_files);
        }
        if (is_evaluated(summary))
        {
            l->places[i] = table->n_rows;
            table->files[table->n_rows] = summary->source;
            table->tokens[table->n_rows++] = summary->n_scored;
        }
    }
    return LOBASS_OK;
}

static lobass_status names_copy(lb_loss_table *table, lb_store *store, lobass_error *error)
{
    lb_store_source *sources = NULL;
    size_t n_files = 0;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_store_sources_load(&sources, &n_files, store, error));
    table->names = lb_alloc(n_files, sizeof *table->names, error);
    table->n_files = table->names == NULL ? 0 : n_files;
    table->n_sources = table->n_files + (table->n_files > 1 ? 1 : 0);
    table->in_run = lb_alloc(n_files + 1, sizeof *table->in_run, error);
    status = table->names == NULL || table->in_run == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    for (size_t i = 0; i < table->n_files && status == LOBASS_OK; i++)
    {
        table->names[i] = lb_copy_text(sources[i].name, strlen(sources[i].name), error);
        status = table->names[i] == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    }
    lb_store_sources_free(sources, n_files);
    return status;
}

/* ---- records that the run has too -------------------------------------------------------------
 */

static int compare_hashes(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;
    const int high = (a[0] > b[0]) - (a[0] < b[0]);
    return high != 0 ? high : (a[1] > b[1]) - (a[1] < b[1]);
}

static lobass_status overlap_count(loading *l, lb_store *run, const lobass_observer *observer,
                                   lobass_error *error)
{
    lb_loss_table *table = l->table;
    lb_row_summary *trained = NULL;
    size_t n_trained = 0;
    uint64_t n_both = 0;
    LB_TRY(lb_store_summaries_load(&trained, &n_trained, run, error));
    uint64_t(*hashes)[2] = lb_alloc(n_trained, sizeof *hashes, error);
    if (hashes == NULL)
    {
        free(trained);
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n_trained; i++)
    {
        memcpy(hashes[i], trained[i].hash, sizeof hashes[i]);
    }
    qsort(hashes, n_trained, sizeof *hashes, compare_hashes);
    for (size_t i = 0; i < l->n_all; i++)
    {
        const bool is_both =
            l->places[i] != SIZE_MAX && bsearch(l->summaries[i].hash, hashes, n_trained,
                                                sizeof *hashes, compare_hashes) != NULL;
        table->in_run[l->summaries[i].source] += is_both ? 1 : 0;
        n_both += is_both ? 1 : 0;
    }
    free(hashes);
    free(trained);
    table->in_run[table->n_sources - 1] = n_both;
    if (n_both > 0)
    {
        lb_observer_log(observer, LOBASS_LOG_WARNING,
                        "%" PRIu64 " of %zu held-out records are in the run too: the losses on "
                        "them are of what was trained on",
                        n_both, table->n_rows);
    }
    return LOBASS_OK;
}

/* ---- losses -----------------------------------------------------------------------------------
 */

static lobass_status row_take(void *context, uint64_t row, const lb_row_losses *losses,
                              lobass_error *error)
{
    loading *l = context;
    if (row >= l->n_all || l->places[row] == SIZE_MAX)
    {
        return LOBASS_OK;
    }
    if (losses->n_scored != l->summaries[row].n_scored)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: row %" PRIu64 ": %zu stored losses, expected %" PRIu32, l->path, row,
                       losses->n_scored, l->summaries[row].n_scored);
    }
    l->sums[l->places[row]] = lb_losses_sum(losses->nll, losses->n_scored);
    l->n_found++;
    return LOBASS_OK;
}

static lobass_status cell_load(loading *l, size_t cell, const char *name, lb_store *store,
                               lobass_error *error)
{
    lb_loss_table *table = l->table;
    lb_measurement measurement;
    l->sums = table->sums + cell * table->n_rows;
    l->n_found = 0;
    LB_TRY(lb_store_measurement_load(&measurement, store, name, error));
    const lobass_status status = lb_store_losses_walk(store, measurement.id, row_take, l, error);
    lb_store_measurement_clear(&measurement);
    LB_TRY(status);
    if (l->n_found != table->n_rows)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: \"%s\" has the losses of %zu rows, expected %zu", l->path, name,
                       l->n_found, table->n_rows);
    }
    table->is_finite[cell] = true;
    for (size_t i = 0; i < table->n_rows; i++)
    {
        table->is_finite[cell] = table->is_finite[cell] && isfinite(l->sums[i]);
    }
    return LOBASS_OK;
}

static lobass_status cells_load(loading *l, const lb_plan_of_cells *plan, lb_store *store,
                                const lobass_observer *observer, lobass_error *error)
{
    lb_loss_table *table = l->table;
    table->n_cells = plan->n_cells;
    table->sums = lb_alloc(table->n_cells * table->n_rows, sizeof *table->sums, error);
    table->is_finite = lb_alloc(table->n_cells, sizeof *table->is_finite, error);
    if (table->sums == NULL || table->is_finite == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < plan->n_cells; i++)
    {
        LB_TRY(cell_load(l, i, plan->cells[i].name, store, error));
        if (!table->is_finite[i])
        {
            lb_observer_log(observer, LOBASS_LOG_WARNING,
                            "%s: a held-out loss under it is not finite: it is left out",
                            plan->cells[i].name);
        }
    }
    return LOBASS_OK;
}

lobass_status lb_loss_table_load(lb_loss_table *table, const lb_plan_of_cells *plan,
                                 const lb_setting *setting, lobass_error *error)
{
    loading l = {.table = table, .path = setting->held_out};
    lb_store *store = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_store_open(&store, setting->held_out, LB_STORE_READ, error));
    LB_TRY_GOTO(names_copy(table, store, error));
    LB_TRY_GOTO(rows_fill(&l, store, error));
    LB_TRY_GOTO(overlap_count(&l, setting->run, setting->observer, error));
    status = cells_load(&l, plan, store, setting->observer, error);
done:
    free(l.places);
    free(l.summaries);
    lb_store_close(store);
    return status;
}

void lb_loss_table_free(lb_loss_table *table)
{
    for (size_t i = 0; i < table->n_files; i++)
    {
        free(table->names[i]);
    }
    free(table->names);
    free(table->files);
    free(table->tokens);
    free(table->in_run);
    free(table->sums);
    free(table->is_finite);
    *table = (lb_loss_table){0};
}

void lb_loss_table_mean(double *losses, const lb_loss_table *table, size_t cell,
                        const uint32_t *counts)
{
    const double *sums = table->sums + cell * table->n_rows;
    double all_nll = 0;
    double all_tokens = 0;
    size_t row = 0;
    for (size_t file = 0; file < table->n_files; file++)
    {
        double nll = 0;
        double tokens = 0;
        for (; row < table->n_rows && table->files[row] == file; row++)
        {
            const double count = counts == NULL ? 1 : counts[row];
            nll += count * sums[row];
            tokens += count * table->tokens[row];
        }
        losses[file] = tokens > 0 ? nll / tokens : NAN;
        all_nll += nll;
        all_tokens += tokens;
    }
    losses[table->n_sources - 1] = all_tokens > 0 ? all_nll / all_tokens : NAN;
}

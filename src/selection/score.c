/* SPDX-License-Identifier: Apache-2.0
 *
 * All scores of all rows from the stored per-token losses (float32), summed in double in the order
 * of the tokens; N scored tokens a row:
 *     L_m          = (1/N) sum_t nll_m[t]                        for the models initial, reference
 *     learnability = (L_initial - L_reference) / L_initial       none where L_initial < floor
 *     rho_sum      = sum_t nll_initial[t] - sum_t nll_reference[t]
 *     rho_mean     = L_initial - L_reference
 *     loss, ppl    = L_initial, exp(L_initial)
 *     length       = N
 *     random       = XXH3-128(record hash, big-endian; seed), upper half, top 53 bits / 2^53
 * A score that does not exist, or is not finite, is absent; so are the three of both models where
 * these were measured in different dtypes: the drop would be that of the rounding. A row with a
 * loss that is not finite gets the status nonfinite, one whose L_initial is below the floor
 * initial_loss_below_floor; only rows that were selectable change their status.
 */
#include "selection/selection.h"
#include "task/facts.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sums of a row's losses under both models. */
typedef struct row_sums
{
    double initial, reference;
} row_sums;

typedef struct summing
{
    lb_scores *scores;
    row_sums *sums; /* [n_rows] */
    const char *path;
    bool is_reference;
    char dtypes[2][8]; /* of initial and reference; "": not measured */
} summing;

static lobass_status losses_sum(void *context, uint64_t row, const float *nll, size_t n_scored,
                                lobass_error *error)
{
    summing *work = context;
    const lb_scores *scores = work->scores;
    /* Rows that a writer added since the summaries were read belong to the next look. */
    if (row >= scores->n_rows)
    {
        return LOBASS_OK;
    }
    if (n_scored == 0 || n_scored != scores->summaries[row].n_scored)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: row %" PRIu64 ": %zu stored losses, expected %" PRIu32
                       ", the number of its scored tokens",
                       work->path, row, n_scored, scores->summaries[row].n_scored);
    }
    const double sum = lb_losses_sum(nll, n_scored);
    lb_row_scores *target = &scores->rows[row];
    if (work->is_reference)
    {
        work->sums[row].reference = sum;
        target->reference_loss = sum / (double)n_scored;
        target->has_reference = true;
    }
    else
    {
        work->sums[row].initial = sum;
        target->initial_loss = sum / (double)n_scored;
        target->has_initial = true;
    }
    return LOBASS_OK;
}

static lobass_status model_sum(summing *work, lb_store *store, const char *name,
                               lobass_error *error)
{
    lb_store_model model;
    lobass_error found;
    const lobass_status status = lb_store_model_load(&model, store, name, &found);
    if (status == LOBASS_NOT_FOUND)
    {
        return LOBASS_OK;
    }
    if (status != LOBASS_OK)
    {
        return lb_fail(error, status, "%s", found.message);
    }
    const int64_t id = model.id;
    (void)snprintf(work->dtypes[work->is_reference ? 1 : 0], sizeof work->dtypes[0], "%s",
                   model.dtype);
    lb_store_model_clear(&model);
    return lb_store_losses_walk(store, id, losses_sum, work, error);
}

static void set(lb_row_scores *row, lobass_score score, double value)
{
    row->has[score] = isfinite(value);
    row->value[score] = row->has[score] ? value : 0;
}

static double random_score(const lb_row_summary *summary, uint64_t seed)
{
    unsigned char bytes[16];
    for (unsigned i = 0; i < sizeof bytes; i++)
    {
        bytes[i] = (unsigned char)(summary->hash[i / 8] >> (56 - 8 * (i % 8)));
    }
    return (double)(lb_hash_bytes(bytes, sizeof bytes, seed).high >> 11) * 0x1p-53;
}

static void row_finish(lb_row_scores *row, const lb_row_summary *summary, const row_sums *sums,
                       bool is_comparable, double floor, uint64_t seed)
{
    const bool has_nonfinite = (row->has_initial && !isfinite(row->initial_loss)) ||
                               (row->has_reference && !isfinite(row->reference_loss));
    row->status = (lobass_row_status)summary->status;
    row->has_initial = row->has_initial && isfinite(row->initial_loss);
    row->has_reference = row->has_reference && isfinite(row->reference_loss);
    const bool is_below_floor = row->has_initial && row->initial_loss < floor;
    if (summary->n_scored > 0)
    {
        set(row, LOBASS_SCORE_LENGTH, (double)summary->n_scored);
        set(row, LOBASS_SCORE_RANDOM, random_score(summary, seed));
    }
    if (row->has_initial)
    {
        set(row, LOBASS_SCORE_LOSS, row->initial_loss);
        set(row, LOBASS_SCORE_PPL, exp(row->initial_loss));
    }
    if (row->has_initial && row->has_reference && is_comparable)
    {
        set(row, LOBASS_SCORE_RHO_SUM, sums->initial - sums->reference);
        set(row, LOBASS_SCORE_RHO_MEAN, row->initial_loss - row->reference_loss);
        if (!is_below_floor)
        {
            set(row, LOBASS_SCORE_LEARNABILITY,
                (row->initial_loss - row->reference_loss) / row->initial_loss);
        }
    }
    if (lb_row_status_is_selectable(row->status) && (has_nonfinite || is_below_floor))
    {
        row->status = has_nonfinite ? LOBASS_ROW_NONFINITE : LOBASS_ROW_INITIAL_LOSS_BELOW_FLOOR;
    }
}

static lobass_status scores_fill(lb_scores *scores, row_sums *sums, lb_store *store, double floor,
                                 uint64_t seed, lobass_error *error)
{
    summing work = {.scores = scores, .sums = sums, .path = lb_store_path(store)};
    LB_TRY(model_sum(&work, store, "initial", error));
    work.is_reference = true;
    LB_TRY(model_sum(&work, store, "reference", error));
    const bool is_comparable = strcmp(work.dtypes[0], work.dtypes[1]) == 0;
    for (size_t i = 0; i < scores->n_rows; i++)
    {
        row_finish(&scores->rows[i], &scores->summaries[i], &sums[i], is_comparable, floor, seed);
    }
    return LOBASS_OK;
}

lobass_status lb_scores_compute(lb_scores **scores, lb_store *store, double floor, uint64_t seed,
                                lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    row_sums *sums = NULL;
    *scores = NULL;
    lb_scores *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY_GOTO(lb_store_summaries_load(&made->summaries, &made->n_rows, store, error));
    made->rows = lb_alloc(made->n_rows, sizeof *made->rows, error);
    sums = made->rows == NULL ? NULL : lb_alloc(made->n_rows, sizeof *sums, error);
    if (sums == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    LB_TRY_GOTO(scores_fill(made, sums, store, floor, seed, error));
    *scores = made;
    made = NULL;
done:
    free(sums);
    lb_scores_free(made);
    return status;
}

void lb_scores_free(lb_scores *scores)
{
    if (scores != NULL)
    {
        free(scores->rows);
        free(scores->summaries);
        free(scores);
    }
}

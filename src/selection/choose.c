/* SPDX-License-Identifier: Apache-2.0
 *
 * The choice itself, a pure function of scores: ranks and which rows are taken.
 *     highest, lowest   by the score
 *     middle            by the distance of the row's place, in ascending order of the score, from
 *                       the median place (n - 1) / 2; of two at one distance the lower score first
 * Ties: the order of the data. An amount is a number of rows, a share x of ALL n input records,
 * x n rounded half up as it is written in decimals, or a budget of scored tokens: rows are taken in
 * the order of their ranks up to the first that does not fit, so that a larger budget keeps every
 * row of a smaller one.
 */
#include "selection/selection.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* Sorted by key, then by row. */
typedef struct entry
{
    double key;
    uint64_t row;
} entry;

static int compare_entries(const void *left, const void *right)
{
    const entry *a = left;
    const entry *b = right;
    if (a->key != b->key)
    {
        return a->key < b->key ? -1 : 1;
    }
    return (a->row > b->row) - (a->row < b->row);
}

lobass_status lb_direction_resolve(lobass_direction *direction, lobass_score by,
                                   lobass_direction wanted, lobass_error *error)
{
    const lobass_score_info *info = lobass_score_describe(by);
    if (info == NULL)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "score number %d: no such score", (int)by);
    }
    *direction = wanted == LOBASS_DIRECTION_DEFAULT ? info->direction : wanted;
    if (lobass_direction_name(*direction) == NULL)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "score \"%s\": has no direction of its own; expected highest, lowest or "
                       "middle to be told",
                       info->name);
    }
    return LOBASS_OK;
}

/* exp() keeps the order of the losses but not their range: above 709 nats there is no double. */
static lobass_score ranking_score(lobass_score by)
{
    return by == LOBASS_SCORE_PPL ? LOBASS_SCORE_LOSS : by;
}

static double directed(double value, lobass_direction direction)
{
    return direction == LOBASS_DIRECTION_HIGHEST ? -value : value;
}

static size_t collect(entry *entries, const lb_scores *scores, lobass_score by,
                      lobass_direction direction)
{
    by = ranking_score(by);
    size_t n = 0;
    for (size_t i = 0; i < scores->n_rows; i++)
    {
        const lb_row_scores *row = &scores->rows[i];
        if (lb_row_status_is_selectable(row->status) && row->has[by])
        {
            entries[n].key = directed(row->value[by], direction);
            entries[n].row = i;
            n++;
        }
    }
    return n;
}

/* The place, in ascending order of N scores, of what stands at place I from the median outwards: of
 * two at one distance the lower one first. */
static size_t middle_place(size_t i, size_t n)
{
    const size_t median = (n - 1) / 2; /* of an even number the lower of the two */
    const size_t distance = (i + 1) / 2;
    return i % 2 == n % 2 ? median - distance : median + distance;
}

static void rank(lb_selection *selection, entry *entries)
{
    const size_t n = selection->n_ranked;
    if (n > 0)
    {
        qsort(entries, n, sizeof *entries, compare_entries);
    }
    for (size_t i = 0; i < n; i++)
    {
        const bool is_middle = selection->direction == LOBASS_DIRECTION_MIDDLE;
        selection->order[i] = entries[is_middle ? middle_place(i, n) : i].row;
        selection->ranks[selection->order[i]] = i + 1;
    }
}

/* A share like 0.29 lies beside its double, and so does its product: halves are told from less
 * within the rounding of both, far below the digits that anybody writes. */
uint64_t lb_share_count(double share, size_t n_rows)
{
    const double rounded = share * (double)n_rows + 0.5;
    return (uint64_t)floor(rounded * (1 + 4 * DBL_EPSILON));
}

/* How many rows an amount is; a budget of tokens ends by itself. */
static uint64_t rows_most(const lb_selection *selection, lobass_amount amount)
{
    switch (amount.kind)
    {
    case LOBASS_AMOUNT_COUNT:
        return (uint64_t)amount.value;
    case LOBASS_AMOUNT_FRACTION:
        return lb_share_count(amount.value, selection->n_rows);
    case LOBASS_AMOUNT_TOKENS:
    case LOBASS_AMOUNT_ALL:
        break;
    }
    return selection->n_ranked;
}

static void take(lb_selection *selection, const lb_scores *scores, lobass_score by,
                 lobass_amount amount)
{
    const uint64_t n_most = rows_most(selection, amount);
    selection->n_wanted = n_most;
    for (size_t i = 0; i < selection->n_ranked && i < n_most; i++)
    {
        const uint64_t row = selection->order[i];
        const uint64_t n_tokens = scores->summaries[row].n_scored;
        if (amount.kind == LOBASS_AMOUNT_TOKENS &&
            (double)(selection->n_selected_tokens + n_tokens) > amount.value)
        {
            break;
        }
        selection->is_selected[row] = true;
        selection->n_selected++;
        selection->n_selected_tokens += n_tokens;
        selection->cut = scores->rows[row].has[by] ? scores->rows[row].value[by] : NAN;
    }
    if (amount.kind == LOBASS_AMOUNT_TOKENS)
    {
        selection->n_wanted = selection->n_selected;
    }
}

static lobass_status check_amount(lobass_amount amount, lobass_error *error)
{
    if (amount.kind == LOBASS_AMOUNT_ALL)
    {
        return LOBASS_OK;
    }
    const double most = amount.kind == LOBASS_AMOUNT_FRACTION ? 1 : 9007199254740992.0;
    if (!(amount.value > 0 && amount.value <= most))
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "amount %g: expected a number above 0%s",
                       amount.value, amount.kind == LOBASS_AMOUNT_FRACTION ? " and at most 1" : "");
    }
    return LOBASS_OK;
}

lobass_status lb_selection_choose(lb_selection **selection, const lb_scores *scores,
                                  lobass_score by, lobass_direction direction, lobass_amount amount,
                                  lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    const size_t n_rows = scores->n_rows;
    *selection = NULL;
    LB_TRY(check_amount(amount, error));
    entry *entries = lb_alloc(n_rows, sizeof *entries, error);
    lb_selection *made = lb_alloc(1, sizeof *made, error);
    if (entries == NULL || made == NULL)
    {
        goto done;
    }
    made->n_rows = n_rows;
    made->direction = direction;
    made->cut = NAN;
    made->order = lb_alloc(n_rows, sizeof *made->order, error);
    made->ranks = lb_alloc(n_rows, sizeof *made->ranks, error);
    made->is_selected = lb_alloc(n_rows, sizeof *made->is_selected, error);
    if (made->order == NULL || made->ranks == NULL || made->is_selected == NULL)
    {
        goto done;
    }
    made->n_ranked = collect(entries, scores, by, direction);
    rank(made, entries);
    take(made, scores, by, amount);
    *selection = made;
    made = NULL;
    status = LOBASS_OK;
done:
    lb_selection_free(made);
    free(entries);
    return status;
}

void lb_selection_keys(double *keys, const lb_selection *selection, const lb_scores *scores,
                       lobass_score by)
{
    const size_t n = selection->n_ranked;
    by = ranking_score(by);
    for (size_t i = 0; i < n; i++)
    {
        const uint64_t row = selection->order[i];
        keys[row] = selection->direction == LOBASS_DIRECTION_MIDDLE
                        ? fabs((double)middle_place(i, n) - (double)(n - 1) / 2)
                        : directed(scores->rows[row].value[by], selection->direction);
    }
}

void lb_selection_free(lb_selection *selection)
{
    if (selection != NULL)
    {
        free(selection->order);
        free(selection->ranks);
        free(selection->is_selected);
        free(selection);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The choice itself, a pure function of scores: ranks and which rows are taken.
 *     highest, lowest   by the score
 *     middle            by the distance of the row's place, in ascending order of the score, from
 *                       the median place (n - 1) / 2; of two at one distance the lower score first
 * Ties: the order of the data. By ifd a row above 1 has no rank. An amount is a number of rows, a
 * share x of ALL n input records of its sources, x n rounded half up as it is written in decimals,
 * or a budget of scored tokens. Rows are walked through in the order of their ranks, and each is
 * taken while groups.c has room for it; a budget ends at the first row that does not fit, so that a
 * larger one keeps every row of a smaller one. Rows of a source that is drawn from come last, in
 * the order of the score `random`.
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

static lobass_score ranking_score(lobass_score by)
{
    return lb_score_at(by)->is_ranked_by_loss ? LOBASS_SCORE_LOSS : by;
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
        const lobass_row_scores *row = &scores->rows[i];
        const bool is_ranked =
            row->has[by] && !(lb_score_at(by)->is_ranked_to_one && row->value[by] > 1);
        if (lb_row_status_is_selectable(row->status) && is_ranked)
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

/* ---- taking -----------------------------------------------------------------------------------
 */

/* WALK[n_ranked]: in which order rows are looked at. The best first; behind them, by the score
 * `random`, those that are drawn. */
static lobass_status walk_make(uint64_t *walk, const lb_selection *selection,
                               const lb_groups *groups, const lb_scores *scores,
                               lobass_error *error)
{
    size_t n_best = 0;
    size_t n_drawn = 0;
    entry *drawn = lb_alloc(selection->n_ranked, sizeof *drawn, error);
    if (drawn == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < selection->n_ranked; i++)
    {
        const uint64_t row = selection->order[i];
        if (lb_groups_of(groups, &scores->summaries[row])->is_random)
        {
            drawn[n_drawn++] = (entry){-scores->rows[row].value[LOBASS_SCORE_RANDOM], row};
        }
        else
        {
            walk[n_best++] = row;
        }
    }
    if (n_drawn > 0)
    {
        qsort(drawn, n_drawn, sizeof *drawn, compare_entries);
    }
    for (size_t i = 0; i < n_drawn; i++)
    {
        walk[n_best + i] = drawn[i].row;
    }
    free(drawn);
    return LOBASS_OK;
}

static void take(lb_selection *selection, uint64_t row, uint64_t n_tokens, lb_room *room)
{
    selection->is_selected[row] = true;
    selection->n_selected++;
    selection->n_selected_tokens += n_tokens;
    room->n_rows -= room->n_rows != UINT64_MAX ? 1 : 0;
    room->n_tokens -= room->n_tokens != UINT64_MAX ? n_tokens : 0;
}

/* Without NEAR every row is new. */
static lobass_status look_for(bool *is_new, lb_near_duplicates *near, uint64_t row,
                              lobass_error *error)
{
    uint64_t earlier = UINT64_MAX;
    if (near != NULL)
    {
        LB_TRY(lb_near_duplicates_find(&earlier, near, row, error));
    }
    *is_new = earlier == UINT64_MAX;
    return LOBASS_OK;
}

static lobass_status walk_through(lb_selection *selection, const uint64_t *walk,
                                  const lb_groups *groups, const lb_scores *scores,
                                  lb_near_duplicates *near, lobass_error *error)
{
    for (size_t i = 0; i < selection->n_ranked; i++)
    {
        const uint64_t row = walk[i];
        const lb_row_summary *summary = &scores->summaries[row];
        lb_room *room = lb_groups_room(groups, summary, row);
        bool is_new = true;
        if (room->n_rows == 0)
        {
            continue;
        }
        LB_TRY(look_for(&is_new, near, row, error));
        if (!is_new)
        {
            selection->n_near_duplicates++;
        }
        else if (summary->n_scored > room->n_tokens)
        {
            room->n_rows = 0; /* a budget ends here, and smaller rows behind it are not taken */
        }
        else
        {
            take(selection, row, summary->n_scored, room);
            selection->n_wanted += lb_groups_of(groups, summary)->n_wanted > 0 ? 0 : 1;
            if (near != NULL)
            {
                LB_TRY(lb_near_duplicates_add(near, error));
            }
        }
    }
    return near == NULL ? LOBASS_OK : lb_near_duplicates_end(near, error);
}

/* Rows that are taken at most. */
static size_t rows_most(const lb_selection *selection, const lb_groups *groups)
{
    uint64_t n_most = 0;
    for (size_t g = 0; g < groups->n_groups; g++)
    {
        const lb_group *group = &groups->groups[g];
        const bool is_counted = group->n_wanted > 0 || group->amount.kind == LOBASS_AMOUNT_NONE;
        n_most += is_counted ? group->n_wanted : selection->n_ranked;
    }
    return n_most < selection->n_ranked ? (size_t)n_most : selection->n_ranked;
}

static double cut_find(const lb_selection *selection, const lb_scores *scores, lobass_score by)
{
    for (size_t i = selection->n_ranked; i-- > 0;)
    {
        const uint64_t row = selection->order[i];
        if (selection->is_selected[row])
        {
            return scores->rows[row].has[by] ? scores->rows[row].value[by] : NAN;
        }
    }
    return NAN;
}

static lobass_status rows_take(lb_selection *selection, const lb_choice *choice,
                               lobass_error *error)
{
    const lobass_selection_spec *spec = choice->spec;
    lb_groups groups = {0};
    lb_near_duplicates *near = NULL;
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    uint64_t *walk = lb_alloc(selection->n_ranked, sizeof *walk, error);
    if (walk == NULL)
    {
        goto done;
    }
    LB_TRY_GOTO(lb_groups_make(&groups, choice, selection->ranks, error));
    LB_TRY_GOTO(walk_make(walk, selection, &groups, choice->scores, error));
    for (size_t g = 0; g < groups.n_groups; g++)
    {
        selection->n_wanted += groups.groups[g].n_wanted;
    }
    if (spec->near_duplicates > 0)
    {
        LB_TRY_GOTO(lb_near_duplicates_create(&near, spec->near_duplicates,
                                              rows_most(selection, &groups), choice->store,
                                              choice->observer, error));
    }
    LB_TRY_GOTO(walk_through(selection, walk, &groups, choice->scores, near, error));
    selection->cut = cut_find(selection, choice->scores, spec->by);
    selection->strata = groups.strata;
    groups.strata = NULL;
done:
    lb_near_duplicates_free(near);
    lb_groups_free(&groups);
    free(walk);
    return status;
}

lobass_status lb_selection_choose(lb_selection **selection, const lb_choice *choice,
                                  lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    const size_t n_rows = choice->scores->n_rows;
    *selection = NULL;
    entry *entries = lb_alloc(n_rows, sizeof *entries, error);
    lb_selection *made = lb_alloc(1, sizeof *made, error);
    if (entries == NULL || made == NULL)
    {
        goto done;
    }
    made->n_rows = n_rows;
    made->direction = choice->spec->direction;
    made->order = lb_alloc(n_rows, sizeof *made->order, error);
    made->ranks = lb_alloc(n_rows, sizeof *made->ranks, error);
    made->is_selected = lb_alloc(n_rows, sizeof *made->is_selected, error);
    if (made->order == NULL || made->ranks == NULL || made->is_selected == NULL)
    {
        goto done;
    }
    made->n_ranked = collect(entries, choice->scores, choice->spec->by, made->direction);
    rank(made, entries);
    LB_TRY_GOTO(rows_take(made, choice, error));
    *selection = made;
    made = NULL;
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
        free(selection->strata);
        free(selection);
    }
}

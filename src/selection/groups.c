/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom an amount is for: each quota's source by itself, all other sources together; and, where rows
 * are cut in strata, how each of these amounts is shared out over them. What comes out is room for
 * so many rows or scored tokens, by group and stratum.
 *
 * Strata: all rows with a scored token, sorted by the number of these and then by their own, are
 * cut in n bins whose sizes differ by one at most: the i-th of m rows lies in bin i n / m, rounded
 * down. An amount A is shared out over the bins in proportion to the s_b rows of the group that are
 * ranked in bin b (largest remainder, Hamilton's method): each gets A s_b / sum s rounded down, and
 * what is left goes in ones to the bins with the largest remainders, of equals to the shorter rows.
 */
#include "selection/selection.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- strata -----------------------------------------------------------------------------------
 */

typedef struct length
{
    uint32_t n_scored;
    uint64_t row;
} length;

static int compare_lengths(const void *left, const void *right)
{
    const length *a = left;
    const length *b = right;
    if (a->n_scored != b->n_scored)
    {
        return a->n_scored < b->n_scored ? -1 : 1;
    }
    return (a->row > b->row) - (a->row < b->row);
}

static lobass_status strata_cut(lb_groups *groups, const lb_scores *scores, lobass_error *error)
{
    length *lengths = lb_alloc(scores->n_rows, sizeof *lengths, error);
    groups->strata =
        lengths == NULL ? NULL : lb_alloc(scores->n_rows, sizeof *groups->strata, error);
    if (groups->strata == NULL)
    {
        free(lengths);
        return LOBASS_OUT_OF_MEMORY;
    }
    size_t n = 0;
    for (size_t i = 0; i < scores->n_rows; i++)
    {
        if (scores->summaries[i].n_scored > 0)
        {
            lengths[n++] = (length){scores->summaries[i].n_scored, i};
        }
    }
    if (n > 0)
    {
        qsort(lengths, n, sizeof *lengths, compare_lengths);
    }
    for (size_t i = 0; i < n; i++)
    {
        groups->strata[lengths[i].row] = (uint8_t)(i * groups->n_strata / n);
    }
    free(lengths);
    return LOBASS_OK;
}

/* ---- shares -----------------------------------------------------------------------------------
 */

/* SHARES[N] of AMOUNT in proportion to COUNTS[N]; all 0 where these are. Exact: counts are below
 * 2^32, so that no product leaves 64 bits. */
static void share_out(uint64_t *shares, uint64_t amount, const uint64_t *counts, size_t n)
{
    uint64_t remainders[LOBASS_STRATA_MOST] = {0};
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++)
    {
        total += counts[i];
        shares[i] = 0;
    }
    uint64_t left = total > 0 ? amount : 0;
    for (size_t i = 0; i < n && total > 0; i++)
    {
        const uint64_t product = amount % total * counts[i];
        shares[i] = amount / total * counts[i] + product / total;
        remainders[i] = product % total;
        left -= shares[i];
    }
    for (; left > 0; left--)
    {
        size_t largest = 0;
        for (size_t i = 1; i < n; i++)
        {
            largest = remainders[i] > remainders[largest] ? i : largest;
        }
        shares[largest]++;
        remainders[largest] = 0;
    }
}

/* How many rows the amount is; what is no number of rows is none. */
static uint64_t rows_wanted(const lb_group *group)
{
    switch (group->amount.kind)
    {
    case LOBASS_AMOUNT_COUNT:
        return (uint64_t)group->amount.value;
    case LOBASS_AMOUNT_FRACTION:
        return lb_share_count(group->amount.value, (size_t)group->n_records);
    case LOBASS_AMOUNT_TOKENS:
    case LOBASS_AMOUNT_ALL:
    case LOBASS_AMOUNT_NONE:
        break;
    }
    return 0;
}

/* RANKED[n_strata]: rows of the group that are ranked, by stratum. */
static void rooms_make(lb_room *rooms, lb_group *group, const uint64_t *ranked, size_t n_strata)
{
    const bool is_budget = group->amount.kind == LOBASS_AMOUNT_TOKENS;
    uint64_t shares[LOBASS_STRATA_MOST];
    uint64_t n_ranked = 0;
    for (size_t i = 0; i < n_strata; i++)
    {
        n_ranked += ranked[i];
    }
    group->n_wanted = rows_wanted(group);
    const uint64_t n_rows = group->n_wanted < n_ranked ? group->n_wanted : n_ranked;
    share_out(shares, is_budget ? (uint64_t)group->amount.value : n_rows, ranked, n_strata);
    for (size_t i = 0; i < n_strata; i++)
    {
        const bool is_all = group->amount.kind == LOBASS_AMOUNT_ALL;
        rooms[i] = (lb_room){.n_rows = is_budget || is_all ? UINT64_MAX : shares[i],
                             .n_tokens = is_budget ? shares[i] : UINT64_MAX};
    }
}

/* ---- groups -----------------------------------------------------------------------------------
 */

static void quotas_place(lb_groups *groups, const lb_choice *choice)
{
    const lobass_selection_spec *spec = choice->spec;
    groups->groups[0].amount = spec->amount;
    for (size_t i = 0; i < spec->n_quotas; i++)
    {
        groups->groups[i + 1].amount = spec->quotas[i].amount;
        groups->groups[i + 1].is_random = spec->quotas[i].is_random;
        for (size_t s = 0; s < choice->n_sources; s++)
        {
            if (strcmp(choice->sources[s].name, spec->quotas[i].name) == 0)
            {
                groups->of_source[s] = i + 1;
            }
        }
    }
}

static size_t group_index(const lb_groups *groups, const lb_row_summary *summary)
{
    return summary->source < groups->n_sources ? groups->of_source[summary->source] : 0;
}

static size_t room_index(const lb_groups *groups, const lb_row_summary *summary, uint64_t row)
{
    return group_index(groups, summary) * groups->n_strata +
           (groups->strata != NULL ? groups->strata[row] : 0);
}

static lobass_status rooms_fill(lb_groups *groups, const lb_scores *scores, const uint64_t *ranks,
                                lobass_error *error)
{
    const size_t n_rooms = groups->n_groups * groups->n_strata;
    uint64_t *ranked = lb_alloc(n_rooms, sizeof *ranked, error);
    if (ranked == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < scores->n_rows; i++)
    {
        const lb_row_summary *summary = &scores->summaries[i];
        groups->groups[group_index(groups, summary)].n_records++;
        ranked[room_index(groups, summary, i)] += ranks[i] > 0 ? 1 : 0;
    }
    for (size_t g = 0; g < groups->n_groups; g++)
    {
        const size_t first = g * groups->n_strata;
        rooms_make(&groups->rooms[first], &groups->groups[g], &ranked[first], groups->n_strata);
    }
    free(ranked);
    return LOBASS_OK;
}

lobass_status lb_groups_make(lb_groups *groups, const lb_choice *choice, const uint64_t *ranks,
                             lobass_error *error)
{
    const lobass_selection_spec *spec = choice->spec;
    *groups = (lb_groups){.n_groups = spec->n_quotas + 1,
                          .n_sources = choice->n_sources,
                          .n_strata = spec->n_strata > 0 ? spec->n_strata : 1};
    LB_TRY(lb_quotas_check(spec, choice->sources, choice->n_sources, error));
    groups->groups = lb_alloc(groups->n_groups, sizeof *groups->groups, error);
    groups->of_source = lb_alloc(groups->n_sources, sizeof *groups->of_source, error);
    groups->rooms = lb_alloc(groups->n_groups * groups->n_strata, sizeof *groups->rooms, error);
    if (groups->groups == NULL || groups->of_source == NULL || groups->rooms == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    quotas_place(groups, choice);
    if (spec->n_strata > 0)
    {
        LB_TRY(strata_cut(groups, choice->scores, error));
    }
    return rooms_fill(groups, choice->scores, ranks, error);
}

void lb_groups_free(lb_groups *groups)
{
    free(groups->groups);
    free(groups->of_source);
    free(groups->strata);
    free(groups->rooms);
    *groups = (lb_groups){0};
}

const lb_group *lb_groups_of(const lb_groups *groups, const lb_row_summary *summary)
{
    return &groups->groups[group_index(groups, summary)];
}

lb_room *lb_groups_room(const lb_groups *groups, const lb_row_summary *summary, uint64_t row)
{
    return &groups->rooms[room_index(groups, summary, row)];
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_compare: two rankings of the same records, each made by the rule of selecting (choose.c),
 * side by side. Records are matched first and the scores of one run are let go of before those of
 * the other are worked out: what stays of a ranking is 17 bytes a row. Rows are counted by the
 * source they have in the first run; rank correlation is stats/'s.
 */
#include "selection/compare_private.h"
#include "stats/stats.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double depths[LOBASS_COMPARE_DEPTHS] = {0.015, 0.06, 0.167, 0.5};

/* What is kept of a run, by its own row numbers. */
typedef struct ranking
{
    lb_store *store;
    double *keys;      /* [n_rows], smaller is better; of ranked rows only */
    uint64_t *ranks;   /* [n_rows], from 1; 0: not ranked */
    uint8_t *statuses; /* [n_rows], lobass_row_status */
    uint64_t n_ranked, n_selected;
} ranking;

typedef struct comparer
{
    const lobass_compare_options *options;
    const lobass_observer *observer;
    lobass_comparison *result;
    lobass_selection_spec spec; /* of both sides, score and direction aside */
    ranking rankings[2];
    uint64_t *partners; /* [n_rows]: the second run's row of the same record; NULL: the same */
    uint32_t *sources;  /* [n_rows] of the first run */
    size_t n_rows;
    lb_stage stage;
} comparer;

lobass_compare_options lobass_compare_options_default(void)
{
    const lobass_select_options select = lobass_select_options_default();
    const lobass_compare_side side = {.by = select.spec.by, .direction = select.spec.direction};
    return (lobass_compare_options){.sides = {side, side},
                                    .amount = select.spec.amount,
                                    .floor = select.spec.floor,
                                    .max_reference = select.spec.max_reference,
                                    .seed = select.spec.seed,
                                    .n_listed = 10};
}

/* ---- which rows are the same record ----------------------------------------------------------
 */

static lobass_status sources_set(comparer *c, const lb_row_summary *summaries, lobass_error *error)
{
    lobass_comparison *result = c->result;
    lb_store_source *stored = NULL;
    size_t n_sources = 0;
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    LB_TRY(lb_store_sources_load(&stored, &n_sources, c->rankings[0].store, error));
    result->sources = lb_alloc(n_sources, sizeof *result->sources, error);
    c->sources = result->sources == NULL ? NULL : lb_alloc(c->n_rows, sizeof *c->sources, error);
    if (c->sources == NULL)
    {
        goto done;
    }
    for (; result->n_sources < n_sources; result->n_sources++)
    {
        const char *name = stored[result->n_sources].name;
        char *copy = lb_copy_text(name, strlen(name), error);
        if (copy == NULL)
        {
            goto done;
        }
        result->sources[result->n_sources].name = copy;
    }
    status = LOBASS_OK;
    for (size_t i = 0; i < c->n_rows && status == LOBASS_OK; i++)
    {
        c->sources[i] = summaries[i].source;
        if (c->sources[i] >= n_sources || (i > 0 && c->sources[i] < c->sources[i - 1]))
        {
            status = lb_fail(error, LOBASS_BAD_FORMAT,
                             "%s: row %zu: of source %" PRIu32
                             "; expected the run's %zu sources one after another",
                             lb_store_path(c->rankings[0].store), i, c->sources[i], n_sources);
        }
    }
done:
    lb_store_sources_free(stored, n_sources);
    return status;
}

static lobass_status records_match(comparer *c, lobass_error *error)
{
    lb_row_summary *summaries[2] = {NULL, NULL};
    lb_matched_rows rows[2];
    lobass_status status = LOBASS_OK;
    for (int side = 0; side < 2; side++)
    {
        lb_store *store = c->rankings[side].store;
        rows[side].path = lb_store_path(store);
        LB_TRY_GOTO(lb_store_summaries_load(&summaries[side], &rows[side].n_rows, store, error));
        rows[side].summaries = summaries[side];
    }
    c->n_rows = rows[0].n_rows;
    LB_TRY_GOTO(lb_rows_match(&c->partners, &rows[0], &rows[1], error));
    c->result->has_same_order = c->partners == NULL;
    status = sources_set(c, summaries[0], error);
done:
    free(summaries[0]);
    free(summaries[1]);
    return status;
}

static uint64_t partner(const comparer *c, uint64_t row)
{
    return c->partners != NULL ? c->partners[row] : row;
}

/* ---- one ranking ------------------------------------------------------------------------------
 */

static lobass_status run_open(comparer *c, int side, lobass_error *error)
{
    const lobass_compare_side *wanted = &c->options->sides[side];
    lb_store **store = &c->rankings[side].store;
    if (wanted->run == NULL)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "compare: expected two runs");
    }
    LB_TRY(
        lb_direction_resolve(&c->result->directions[side], wanted->by, wanted->direction, error));
    LB_TRY(lb_store_open(store, wanted->run, LB_STORE_READ, error));
    /* Until the end everything is from one moment: others may measure or select meanwhile. */
    LB_TRY(lb_store_begin(*store, error));
    return lb_prepared_check(*store, error);
}

static lobass_status ranking_keep(ranking *kept, const lb_selection *selection,
                                  const lb_scores *scores, lobass_score by, lobass_error *error)
{
    const size_t n_rows = scores->n_rows;
    kept->statuses = lb_alloc(n_rows, sizeof *kept->statuses, error);
    kept->keys = kept->statuses == NULL ? NULL : lb_alloc(n_rows, sizeof *kept->keys, error);
    kept->ranks = kept->keys == NULL ? NULL : lb_alloc(n_rows, sizeof *kept->ranks, error);
    if (kept->ranks == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n_rows; i++)
    {
        kept->statuses[i] = (uint8_t)scores->rows[i].status;
        kept->ranks[i] = selection->ranks[i];
    }
    lb_selection_keys(kept->keys, selection, scores, by);
    kept->n_ranked = selection->n_ranked;
    kept->n_selected = selection->n_selected;
    return LOBASS_OK;
}

static lobass_status ranking_make(comparer *c, int side, lobass_error *error)
{
    const lobass_score by = c->options->sides[side].by;
    const lb_score_rules rules = lb_score_rules_of(&c->spec);
    lb_choice choice = {.spec = &c->spec};
    ranking *kept = &c->rankings[side];
    lb_scores *scores = NULL;
    lb_selection *selection = NULL;
    lobass_status status = LOBASS_OK;
    c->spec.by = by;
    c->spec.direction = c->result->directions[side];
    LB_TRY_GOTO(lb_scores_compute(&scores, kept->store, &rules, error));
    LB_TRY_GOTO(lb_losses_check(kept->store, scores, by, c->observer, error));
    choice.scores = scores;
    LB_TRY_GOTO(lb_selection_choose(&selection, &choice, error));
    LB_TRY_GOTO(ranking_keep(kept, selection, scores, by, error));
    status = lb_stage_advance(&c->stage, ((uint64_t)side + 1) * c->n_rows, 0, NAN, error);
done:
    lb_selection_free(selection);
    lb_scores_free(scores);
    return status;
}

/* ---- what they have in common ----------------------------------------------------------------
 */

static void overlap_add(lobass_overlap *overlap, const uint64_t ranks[2], const uint64_t counts[2])
{
    const bool is_first = ranks[0] > 0 && ranks[0] <= counts[0];
    const bool is_second = ranks[1] > 0 && ranks[1] <= counts[1];
    overlap->n_selected[0] += is_first ? 1 : 0;
    overlap->n_selected[1] += is_second ? 1 : 0;
    overlap->n_common += is_first && is_second ? 1 : 0;
}

static void rows_count(comparer *c)
{
    lobass_comparison *result = c->result;
    const ranking *first = &c->rankings[0];
    const ranking *second = &c->rankings[1];
    const uint64_t counts[2] = {first->n_selected, second->n_selected};
    uint64_t depth_counts[LOBASS_COMPARE_DEPTHS][2];
    for (size_t d = 0; d < LOBASS_COMPARE_DEPTHS; d++)
    {
        depth_counts[d][0] = lb_share_count(depths[d], c->n_rows);
        depth_counts[d][1] = depth_counts[d][0];
    }
    for (size_t i = 0; i < c->n_rows; i++)
    {
        const uint64_t other = partner(c, i);
        const uint64_t ranks[2] = {first->ranks[i], second->ranks[other]};
        lobass_agreement *agreement = &result->sources[c->sources[i]].agreement;
        agreement->n_records++;
        agreement->n_ranked[0] += ranks[0] > 0 ? 1 : 0;
        agreement->n_ranked[1] += ranks[1] > 0 ? 1 : 0;
        agreement->n_ranked_common += ranks[0] > 0 && ranks[1] > 0 ? 1 : 0;
        overlap_add(&agreement->overlap, ranks, counts);
        for (size_t d = 0; d < LOBASS_COMPARE_DEPTHS; d++)
        {
            overlap_add(&result->depths[d].overlap, ranks, depth_counts[d]);
        }
        result->statuses[first->statuses[i]][second->statuses[other]]++;
    }
}

/* RANKED: the rows that both selections were taken of. */
static void overlap_finish(lobass_overlap *overlap, const lobass_agreement *ranked)
{
    const uint64_t *n = overlap->n_selected;
    const double larger = (double)(n[0] > n[1] ? n[0] : n[1]);
    const double either = (double)(n[0] + n[1] - overlap->n_common);
    const double product = (double)n[0] * (double)n[1];
    const double possible = (double)ranked->n_ranked[0] * (double)ranked->n_ranked[1] * larger;
    overlap->share = larger > 0 ? (double)overlap->n_common / larger : NAN;
    overlap->jaccard = either > 0 ? (double)overlap->n_common / either : NAN;
    overlap->share_by_chance = product > 0  ? product * (double)ranked->n_ranked_common / possible
                               : larger > 0 ? 0
                                            : NAN;
}

static void sources_sum(lobass_comparison *result)
{
    lobass_agreement *whole = &result->whole;
    for (size_t s = 0; s < result->n_sources; s++)
    {
        lobass_agreement *agreement = &result->sources[s].agreement;
        whole->n_records += agreement->n_records;
        whole->n_ranked_common += agreement->n_ranked_common;
        whole->overlap.n_common += agreement->overlap.n_common;
        for (int side = 0; side < 2; side++)
        {
            whole->n_ranked[side] += agreement->n_ranked[side];
            whole->overlap.n_selected[side] += agreement->overlap.n_selected[side];
        }
        overlap_finish(&agreement->overlap, agreement);
    }
    overlap_finish(&whole->overlap, whole);
    for (size_t d = 0; d < LOBASS_COMPARE_DEPTHS; d++)
    {
        result->depths[d].fraction = depths[d];
        overlap_finish(&result->depths[d].overlap, whole);
    }
}

/* ---- how they correlate -----------------------------------------------------------------------
 */

static lobass_status correlate(lobass_agreement *agreement, const double *x, const double *y,
                               lobass_error *error)
{
    const size_t n = (size_t)agreement->n_ranked_common;
    LB_TRY(lb_spearman_compute(&agreement->spearman, x, y, n, error));
    return lb_kendall_compute(&agreement->kendall, x, y, n, error);
}

/* The keys of the rows that both rank; a source's rows stand together. */
static void keys_gather(const comparer *c, double *x, double *y)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_rows; i++)
    {
        const uint64_t other = partner(c, i);
        if (c->rankings[0].ranks[i] > 0 && c->rankings[1].ranks[other] > 0)
        {
            x[n] = c->rankings[0].keys[i];
            y[n] = c->rankings[1].keys[other];
            n++;
        }
    }
}

static lobass_status correlations_compute(comparer *c, lobass_error *error)
{
    lobass_comparison *result = c->result;
    const size_t n = (size_t)result->whole.n_ranked_common;
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    size_t first = 0;
    double *x = lb_alloc(n, sizeof *x, error);
    double *y = x == NULL ? NULL : lb_alloc(n, sizeof *y, error);
    if (y == NULL)
    {
        goto done;
    }
    keys_gather(c, x, y);
    LB_TRY_GOTO(correlate(&result->whole, x, y, error));
    for (size_t s = 0; s < result->n_sources; s++)
    {
        LB_TRY_GOTO(correlate(&result->sources[s].agreement, x + first, y + first, error));
        first += (size_t)result->sources[s].agreement.n_ranked_common;
    }
done:
    free(y);
    free(x);
    return status;
}

/* ---- what only one selects --------------------------------------------------------------------
 */

static lobass_status alone_list(comparer *c, int side, lobass_error *error)
{
    lobass_comparison *result = c->result;
    const ranking *own = &c->rankings[side];
    const ranking *other = &c->rankings[1 - side];
    const uint64_t n_alone = own->n_selected - result->whole.overlap.n_common;
    const uint64_t n_listed = n_alone < c->options->n_listed ? n_alone : c->options->n_listed;
    lobass_compare_row *ranked = lb_alloc((size_t)own->n_selected, sizeof *ranked, error);
    result->alone[side] =
        ranked == NULL ? NULL : lb_alloc((size_t)n_listed, sizeof **result->alone, error);
    if (result->alone[side] == NULL)
    {
        free(ranked);
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < c->n_rows; i++)
    {
        lobass_compare_row row = {.rows = {i, partner(c, i)}};
        row.ranks[0] = c->rankings[0].ranks[row.rows[0]];
        row.ranks[1] = c->rankings[1].ranks[row.rows[1]];
        if (row.ranks[side] > 0 && row.ranks[side] <= own->n_selected)
        {
            ranked[row.ranks[side] - 1] = row;
        }
    }
    for (size_t i = 0; result->n_alone[side] < n_listed; i++)
    {
        const uint64_t rank = ranked[i].ranks[1 - side];
        if (rank == 0 || rank > other->n_selected)
        {
            result->alone[side][result->n_alone[side]++] = ranked[i];
        }
    }
    free(ranked);
    return LOBASS_OK;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static lobass_status compare_with(comparer *c, lobass_error *error)
{
    LB_TRY(lb_selection_spec_check(&c->spec, error));
    LB_TRY(run_open(c, 0, error));
    LB_TRY(run_open(c, 1, error));
    LB_TRY(records_match(c, error));
    lb_stage_begin(&c->stage, c->observer, "compare", "rows", 0, 2 * (uint64_t)c->n_rows);
    LB_TRY(ranking_make(c, 0, error));
    LB_TRY(ranking_make(c, 1, error));
    rows_count(c);
    sources_sum(c->result);
    LB_TRY(correlations_compute(c, error));
    LB_TRY(alone_list(c, 0, error));
    LB_TRY(alone_list(c, 1, error));
    return lb_stage_end(&c->stage, error);
}

lobass_status lobass_compare(lobass_comparison **comparison, const lobass_compare_options *options,
                             const lobass_observer *observer, lobass_error *error)
{
    comparer c = {.options = options,
                  .observer = observer,
                  .spec = {.amount = options->amount,
                           .floor = options->floor,
                           .min_initial = options->min_initial,
                           .max_reference = options->max_reference,
                           .seed = options->seed}};
    *comparison = NULL;
    c.result = lb_alloc(1, sizeof *c.result, error);
    if (c.result == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lobass_status status = compare_with(&c, error);
    for (int side = 0; side < 2; side++)
    {
        free(c.rankings[side].keys);
        free(c.rankings[side].ranks);
        free(c.rankings[side].statuses);
        lb_store_close(c.rankings[side].store);
    }
    free(c.sources);
    free(c.partners);
    if (status == LOBASS_OK)
    {
        *comparison = c.result;
        return LOBASS_OK;
    }
    lobass_comparison_free(c.result);
    return status;
}

void lobass_comparison_free(lobass_comparison *comparison)
{
    if (comparison == NULL)
    {
        return;
    }
    for (size_t s = 0; s < comparison->n_sources; s++)
    {
        free(comparison->sources[s].name);
    }
    free(comparison->sources);
    free(comparison->alone[0]);
    free(comparison->alone[1]);
    free(comparison);
}

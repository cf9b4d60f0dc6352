/* SPDX-License-Identifier: Apache-2.0
 *
 * What the page draws, worked out of all rows: histograms, figures by source, each score's rank
 * correlation with length and what it would select, and the sample of rows that are listed.
 */
#include "report/report.h"
#include "stats/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- histograms -------------------------------------------------------------------------------
 */

static size_t bin_of(const lb_histogram *histogram, double value)
{
    const double place = floor((value - histogram->low) / histogram->width);
    return place <= 0                                 ? 0
           : place >= (double)(histogram->n_bins - 1) ? histogram->n_bins - 1
                                                      : (size_t)place;
}

void lb_histogram_make(lb_histogram *histogram, double *values, size_t n, const double *selected,
                       size_t n_selected, bool is_whole)
{
    *histogram = (lb_histogram){0};
    if (n == 0)
    {
        return;
    }
    lb_reals_sort(values, n);
    const size_t n_beyond = n / 1000;
    const double low = values[n_beyond];
    const double range = values[n - 1 - n_beyond] - low;
    histogram->low = low;
    histogram->n_bins = LB_HISTOGRAM_BINS;
    histogram->width = range > 0 ? range / LB_HISTOGRAM_BINS : 1;
    if (is_whole)
    {
        histogram->width = floor(range / LB_HISTOGRAM_BINS) + 1;
    }
    if (is_whole || range <= 0)
    {
        histogram->n_bins = (size_t)(range / histogram->width) + 1;
    }
    for (size_t i = 0; i < n; i++)
    {
        histogram->all[bin_of(histogram, values[i])]++;
    }
    for (size_t i = 0; i < n_selected; i++)
    {
        histogram->selected[bin_of(histogram, selected[i])]++;
    }
}

/* ---- sources ----------------------------------------------------------------------------------
 */

/* Sums that become means. */
typedef struct source_sums
{
    double initial, reference, learnability;
    uint64_t n_initial, n_reference, n_learnability;
} source_sums;

static void source_add(lb_source_figures *figures, source_sums *sums, const lb_report *report,
                       size_t row)
{
    const lobass_row_scores *scores = &report->scores->rows[row];
    const uint64_t n_scored = report->scores->summaries[row].n_scored;
    const bool *is_selected = report->choice.is_selected;
    figures->n_records++;
    if (!lb_row_status_is_selectable(scores->status))
    {
        return;
    }
    figures->n_selectable++;
    if (is_selected != NULL && is_selected[row])
    {
        figures->n_selected++;
        figures->n_selected_tokens += n_scored;
    }
    if (scores->has_initial)
    {
        sums->initial += scores->initial_loss * (double)n_scored;
        sums->n_initial += n_scored;
    }
    if (scores->has_reference)
    {
        sums->reference += scores->reference_loss * (double)n_scored;
        sums->n_reference += n_scored;
    }
    if (scores->has[LOBASS_SCORE_LEARNABILITY])
    {
        sums->learnability += scores->value[LOBASS_SCORE_LEARNABILITY];
        sums->n_learnability++;
    }
}

static double mean(double sum, uint64_t n)
{
    return n > 0 ? sum / (double)n : NAN;
}

lobass_status lb_sources_compute(lb_source_figures **figures, const lb_report *report,
                                 lobass_error *error)
{
    lb_source_figures *made = lb_alloc(report->n_sources, sizeof *made, error);
    source_sums *sums = made == NULL ? NULL : lb_alloc(report->n_sources, sizeof *sums, error);
    if (sums == NULL)
    {
        free(made);
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < report->scores->n_rows; i++)
    {
        const uint32_t source = report->scores->summaries[i].source;
        if (source < report->n_sources)
        {
            source_add(&made[source], &sums[source], report, i);
        }
    }
    for (size_t s = 0; s < report->n_sources; s++)
    {
        made[s].initial_loss = mean(sums[s].initial, sums[s].n_initial);
        made[s].reference_loss = mean(sums[s].reference, sums[s].n_reference);
        made[s].learnability = mean(sums[s].learnability, sums[s].n_learnability);
    }
    free(sums);
    *figures = made;
    return LOBASS_OK;
}

/* ---- scores beside each other -----------------------------------------------------------------
 */

/* X and Y are room for all rows. The rows of a source stand together: they are correlated as soon
 * as the next source begins. */
static lobass_status correlate(lb_score_figures *figures, const lb_report *report, double *x,
                               double *y, lobass_error *error)
{
    const lb_scores *scores = report->scores;
    size_t first = 0;
    size_t n = 0;
    for (size_t i = 0; i < scores->n_rows; i++)
    {
        const lb_row_summary *summary = &scores->summaries[i];
        if (scores->rows[i].has[figures->score] &&
            lb_row_status_is_selectable(scores->rows[i].status))
        {
            x[n] = scores->rows[i].value[figures->score];
            y[n] = (double)summary->n_scored;
            n++;
        }
        const bool is_last = i + 1 == scores->n_rows || (summary + 1)->source != summary->source;
        if (is_last && summary->source < report->n_sources)
        {
            LB_TRY(lb_spearman_compute(&figures->by_source[summary->source], x + first, y + first,
                                       n - first, error));
            first = n;
        }
    }
    return lb_spearman_compute(&figures->spearman, x, y, n, error);
}

static lobass_status correlations_fill(lb_score_figures *figures, const lb_report *report,
                                       lobass_error *error)
{
    const size_t n_rows = report->scores->n_rows;
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    double *x = lb_alloc(n_rows, sizeof *x, error);
    double *y = x == NULL ? NULL : lb_alloc(n_rows, sizeof *y, error);
    figures->by_source = y == NULL ? NULL : lb_alloc(report->n_sources, sizeof *x, error);
    if (figures->by_source != NULL)
    {
        for (size_t s = 0; s < report->n_sources; s++)
        {
            figures->by_source[s] = NAN;
        }
        status = correlate(figures, report, x, y, error);
    }
    free(x);
    free(y);
    return status;
}

static lobass_status figures_fill(lb_score_figures *figures, const lb_report *report,
                                  lobass_score score, lobass_error *error)
{
    lobass_selection_spec spec = lobass_selection_spec_default();
    lb_selection *selection = NULL;
    *figures =
        (lb_score_figures){.score = score, .direction = lobass_score_describe(score)->direction};
    if (figures->direction == LOBASS_DIRECTION_DEFAULT)
    {
        figures->direction = LOBASS_DIRECTION_HIGHEST;
    }
    spec.by = score;
    spec.direction = figures->direction;
    if (report->choice.n_selected > 0)
    {
        spec.amount = (lobass_amount){LOBASS_AMOUNT_COUNT, (double)report->choice.n_selected};
    }
    const lb_choice wanted = {.scores = report->scores, .spec = &spec};
    LB_TRY(lb_selection_choose(&selection, &wanted, error));
    figures->n_rows = selection->n_ranked;
    figures->n_selected = selection->n_selected;
    figures->is_selected = selection->is_selected;
    selection->is_selected = NULL;
    lb_selection_free(selection);
    return figures->n_rows > 0 ? correlations_fill(figures, report, error) : LOBASS_OK;
}

lobass_status lb_scores_compare(lb_score_figures **list, size_t *count, const lb_report *report,
                                lobass_error *error)
{
    *count = 0;
    *list = lb_alloc(LOBASS_SCORE_COUNT, sizeof **list, error);
    if (*list == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (int s = 0; s < LOBASS_SCORE_COUNT; s++)
    {
        if (lb_score_at((lobass_score)s)->is_ranked_by_loss)
        {
            continue;
        }
        lb_score_figures *figures = &(*list)[*count];
        const lobass_status status = figures_fill(figures, report, (lobass_score)s, error);
        if (status == LOBASS_OK && figures->n_rows > 0)
        {
            (*count)++;
            continue;
        }
        free(figures->by_source);
        free(figures->is_selected);
        if (status != LOBASS_OK)
        {
            lb_score_figures_free(*list, *count);
            *list = NULL;
            return status;
        }
    }
    return LOBASS_OK;
}

void lb_score_figures_free(lb_score_figures *list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++)
    {
        free(list[i].by_source);
        free(list[i].is_selected);
    }
    free(list);
}

double lb_jaccard(const bool *a, const bool *b, size_t n_rows)
{
    uint64_t n_both = 0;
    uint64_t n_either = 0;
    for (size_t i = 0; i < n_rows; i++)
    {
        n_both += a[i] && b[i] ? 1 : 0;
        n_either += a[i] || b[i] ? 1 : 0;
    }
    return n_either > 0 ? (double)n_both / (double)n_either : NAN;
}

/* ---- whose drop ---------------------------------------------------------------------------------
 */

lb_drop_figures lb_drops_compute(const lb_report *report, const uint64_t *rows, size_t n,
                                 const bool *is_selected)
{
    lb_drop_figures sum = {0};
    for (size_t i = 0; i < n; i++)
    {
        const size_t row = rows != NULL ? (size_t)rows[i] : i;
        const lobass_row_scores *scores = &report->scores->rows[row];
        if (!scores->has_drops || !lb_row_status_is_selectable(scores->status) ||
            (is_selected != NULL && !is_selected[row]))
        {
            continue;
        }
        const double whole = scores->value[LOBASS_SCORE_LEARNABILITY];
        sum.n_rows++;
        sum.learnability += whole;
        sum.end += scores->drop_end;
        sum.first += scores->drop_first;
        sum.rest += scores->drop_rest;
        sum.n_mostly_end += whole > 0 && scores->drop_end > whole / 2 ? 1 : 0;
    }
    sum.learnability = mean(sum.learnability, sum.n_rows);
    sum.end = mean(sum.end, sum.n_rows);
    sum.first = mean(sum.first, sum.n_rows);
    sum.rest = mean(sum.rest, sum.n_rows);
    return sum;
}

/* ---- the rows that are listed -----------------------------------------------------------------
 */

lobass_status lb_rows_sample(uint64_t **rows, size_t *count, size_t n_rows, uint64_t most,
                             uint64_t seed, lobass_error *error)
{
    const size_t n_wanted = most < n_rows ? (size_t)most : n_rows;
    lb_random random;
    lb_random_init(&random, seed);
    *count = 0;
    *rows = lb_alloc(n_wanted, sizeof **rows, error);
    if (*rows == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n_rows && *count < n_wanted; i++)
    {
        const size_t n_left = n_wanted - *count;
        if (n_left == n_rows - i || lb_random_below(&random, n_rows - i) < n_left)
        {
            (*rows)[(*count)++] = i;
        }
    }
    return LOBASS_OK;
}

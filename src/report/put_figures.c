/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts and figures of all rows as the page's data: statuses that add up to the records, sources,
 * histograms, each score's correlation with length, and how much the selections of the scores have
 * in common.
 */
#include "report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- counts -----------------------------------------------------------------------------------
 */

static void put_statuses(lb_json_writer *json, const lb_scores *scores)
{
    uint64_t counts[LOBASS_ROW_STATUS_COUNT] = {0};
    for (size_t i = 0; i < scores->n_rows; i++)
    {
        counts[scores->rows[i].status]++;
    }
    lb_json_put_count(json, "records", scores->n_rows);
    lb_json_open(json, "statuses", '[');
    for (int s = 0; s < LOBASS_ROW_STATUS_COUNT; s++)
    {
        lb_json_open(json, NULL, '{');
        lb_json_put_text(json, "name", lobass_row_status_name((lobass_row_status)s));
        lb_json_put_count(json, "records", counts[s]);
        lb_json_put_boolean(json, "selectable", lb_row_status_is_selectable((lobass_row_status)s));
        lb_json_close(json);
    }
    lb_json_close(json);
}

static lobass_status put_sources(lb_page *page, const lb_report *report)
{
    lb_json_writer *json = &page->json;
    lb_source_figures *figures = NULL;
    LB_TRY(lb_sources_compute(&figures, report, page->error));
    lb_json_open(json, "sources", '[');
    for (size_t s = 0; s < report->n_sources; s++)
    {
        lb_json_open(json, NULL, '{');
        lb_json_put_text(json, "name", report->sources[s].name);
        lb_json_put_text(json, "path", report->sources[s].path);
        lb_json_put_count(json, "records", figures[s].n_records);
        lb_json_put_count(json, "selectable", figures[s].n_selectable);
        lb_json_put_count(json, "selected", figures[s].n_selected);
        lb_json_put_count(json, "selected_tokens", figures[s].n_selected_tokens);
        lb_json_put_real(json, "initial_loss", figures[s].initial_loss);
        lb_json_put_real(json, "reference_loss", figures[s].reference_loss);
        lb_json_put_real(json, "learnability", figures[s].learnability);
        lb_json_close(json);
    }
    lb_json_close(json);
    free(figures);
    return lb_page_flush(page);
}

/* ---- histograms -------------------------------------------------------------------------------
 */

typedef struct quantity
{
    const char *name;
    bool is_whole;
} quantity;

static const quantity quantities[] = {
    {"initial_loss", false},
    {"reference_loss", false},
    {"learnability", false},
    {"n_tokens", true},
};
#define N_QUANTITIES (sizeof quantities / sizeof *quantities)

/* NaN where the row does not have it. */
static double value_of(const lb_report *report, size_t q, size_t row)
{
    const lobass_row_scores *scores = &report->scores->rows[row];
    const double values[N_QUANTITIES] = {
        scores->has_initial ? scores->initial_loss : NAN,
        scores->has_reference ? scores->reference_loss : NAN,
        scores->has[LOBASS_SCORE_LEARNABILITY] ? scores->value[LOBASS_SCORE_LEARNABILITY] : NAN,
        (double)report->scores->summaries[row].n_scored,
    };
    return lb_row_status_is_selectable(scores->status) ? values[q] : NAN;
}

static void put_counts(lb_json_writer *json, const char *key, const uint64_t *counts, size_t n)
{
    lb_json_open(json, key, '[');
    for (size_t i = 0; i < n; i++)
    {
        lb_json_put_count(json, NULL, counts[i]);
    }
    lb_json_close(json);
}

static void put_histogram(lb_page *page, const lb_report *report, size_t q, double *values,
                          double *selected)
{
    lb_json_writer *json = &page->json;
    lb_histogram histogram;
    size_t n = 0;
    size_t n_selected = 0;
    for (size_t i = 0; i < report->scores->n_rows; i++)
    {
        const double value = value_of(report, q, i);
        if (isnan(value))
        {
            continue;
        }
        values[n++] = value;
        if (report->choice.is_selected != NULL && report->choice.is_selected[i])
        {
            selected[n_selected++] = value;
        }
    }
    lb_histogram_make(&histogram, values, n, selected, n_selected, quantities[q].is_whole);
    if (histogram.n_bins == 0)
    {
        return;
    }
    lb_json_open(json, NULL, '{');
    lb_json_put_text(json, "name", quantities[q].name);
    lb_json_put_real(json, "low", histogram.low);
    lb_json_put_real(json, "width", histogram.width);
    lb_json_put_real(json, "least", values[0]);
    lb_json_put_real(json, "median", values[(n - 1) / 2]);
    lb_json_put_real(json, "most", values[n - 1]);
    put_counts(json, "all", histogram.all, histogram.n_bins);
    put_counts(json, "selected", histogram.selected, histogram.n_bins);
    lb_json_close(json);
}

static lobass_status put_histograms(lb_page *page, const lb_report *report)
{
    const size_t n_rows = report->scores->n_rows;
    double *values = lb_alloc(n_rows, sizeof *values, page->error);
    double *selected = values == NULL ? NULL : lb_alloc(n_rows, sizeof *values, page->error);
    if (selected == NULL)
    {
        free(values);
        return LOBASS_OUT_OF_MEMORY;
    }
    lb_json_open(&page->json, "histograms", '[');
    for (size_t q = 0; q < N_QUANTITIES; q++)
    {
        put_histogram(page, report, q, values, selected);
    }
    lb_json_close(&page->json);
    free(selected);
    free(values);
    return lb_page_flush(page);
}

/* ---- scores -----------------------------------------------------------------------------------
 */

static void put_score(lb_json_writer *json, const lb_report *report,
                      const lb_score_figures *figures)
{
    const lobass_score_info *info = lobass_score_describe(figures->score);
    lb_json_open(json, NULL, '{');
    lb_json_put_text(json, "name", info->name);
    lb_json_put_text(json, "formula", info->formula);
    lb_json_put_text(json, "direction", lobass_direction_name(figures->direction));
    lb_json_put_count(json, "rows", figures->n_rows);
    lb_json_put_count(json, "selected", figures->n_selected);
    lb_json_put_real(json, "spearman", figures->spearman);
    lb_json_open(json, "by_source", '[');
    for (size_t s = 0; s < report->n_sources; s++)
    {
        if (isnan(figures->by_source[s]))
        {
            lb_json_put_value(json, NULL, "null");
        }
        else
        {
            lb_json_put_real(json, NULL, figures->by_source[s]);
        }
    }
    lb_json_close(json);
    lb_json_close(json);
}

/* Of the run's own selection first, then of each score's; a square, by rows. */
static void put_overlap(lb_json_writer *json, const lb_report *report, const lb_score_figures *list,
                        size_t count)
{
    const size_t n_rows = report->scores->n_rows;
    const bool has_own = report->choice.is_selected != NULL;
    lb_json_open(json, "overlap", '[');
    for (size_t i = has_own ? 0 : 1; i <= count; i++)
    {
        const bool *a = i == 0 ? report->choice.is_selected : list[i - 1].is_selected;
        lb_json_open(json, NULL, '[');
        for (size_t j = has_own ? 0 : 1; j <= count; j++)
        {
            const bool *b = j == 0 ? report->choice.is_selected : list[j - 1].is_selected;
            const double jaccard = lb_jaccard(a, b, n_rows);
            if (isnan(jaccard))
            {
                lb_json_put_value(json, NULL, "null");
            }
            else
            {
                lb_json_put_real(json, NULL, jaccard);
            }
        }
        lb_json_close(json);
    }
    lb_json_close(json);
}

static lobass_status put_scores(lb_page *page, const lb_report *report)
{
    lb_json_writer *json = &page->json;
    lb_score_figures *list = NULL;
    size_t count = 0;
    LB_TRY(lb_scores_compare(&list, &count, report, page->error));
    lb_json_open(json, "known_scores", '[');
    for (int s = 0; s < LOBASS_SCORE_COUNT; s++)
    {
        lb_json_put_text(json, NULL, lobass_score_describe((lobass_score)s)->name);
    }
    lb_json_close(json);
    lb_json_open(json, "scores", '[');
    for (size_t i = 0; i < count; i++)
    {
        put_score(json, report, &list[i]);
    }
    lb_json_close(json);
    put_overlap(json, report, list, count);
    lb_score_figures_free(list, count);
    return lb_page_flush(page);
}

/* ---- whose drop ---------------------------------------------------------------------------------
 */

static void put_drops(lb_json_writer *json, const char *group, const lb_drop_figures *drops)
{
    lb_json_open(json, NULL, '{');
    lb_json_put_text(json, "group", group);
    lb_json_put_count(json, "rows", drops->n_rows);
    lb_json_put_real(json, "learnability", drops->learnability);
    lb_json_put_real(json, "end", drops->end);
    lb_json_put_real(json, "first", drops->first);
    lb_json_put_real(json, "rest", drops->rest);
    lb_json_put_count(json, "mostly_end", drops->n_mostly_end);
    lb_json_close(json);
}

/* Of all rows, of the selected ones, and of each tenth of the ranking. */
static void put_attribution(lb_json_writer *json, const lb_report *report)
{
    const lb_report_choice *choice = &report->choice;
    const size_t n = choice->n_ranked;
    lb_drop_figures drops = lb_drops_compute(report, NULL, report->scores->n_rows, NULL);
    if (drops.n_rows == 0)
    {
        return;
    }
    lb_json_open(json, "attribution", '[');
    put_drops(json, "all", &drops);
    if (choice->is_selected != NULL)
    {
        drops = lb_drops_compute(report, choice->order, n, choice->is_selected);
        put_drops(json, "selected", &drops);
    }
    for (size_t tenth = 0; tenth < 10 && n >= 10; tenth++)
    {
        char group[16];
        const size_t first = tenth * n / 10;
        (void)snprintf(group, sizeof group, "%zu", tenth + 1);
        drops = lb_drops_compute(report, choice->order + first, (tenth + 1) * n / 10 - first, NULL);
        put_drops(json, group, &drops);
    }
    lb_json_close(json);
}

lobass_status lb_put_figures(lb_page *page, const lb_report *report)
{
    put_statuses(&page->json, report->scores);
    LB_TRY(put_sources(page, report));
    LB_TRY(put_histograms(page, report));
    put_attribution(&page->json, report);
    return put_scores(page, report);
}

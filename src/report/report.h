/* SPDX-License-Identifier: Apache-2.0
 *
 * L7. A run as one HTML page. What the page says is collected from the store (collect.c) and worked
 * out (figures.c), then written as one block of JSON (put_run.c, put_figures.c, put_rows.c,
 * put_tokens.c) into the page (page.c) whose own sources, page/, are compiled into the library
 * (cmake/page.cmake). report.c puts them together. docs/FORMATS.md describes the block.
 */
#ifndef LB_REPORT_H
#define LB_REPORT_H

#include "selection/selection.h"

/* ---- what is told (collect.c) -----------------------------------------------------------------
 */

/* Rows in one order, best first, and which of them are taken. */
typedef struct lb_report_choice
{
    lobass_score by;
    lobass_direction direction;
    bool is_recorded;  /* the run's latest selection; else what the defaults would take */
    bool *is_selected; /* [n_rows], or NULL where nothing could be ranked */
    uint64_t *ranks;   /* [n_rows] from 1; 0: not ranked */
    uint64_t *order;   /* [n_ranked] row numbers, best first */
    size_t n_ranked;
    uint64_t n_selected, n_selected_tokens;
    double cut;   /* the score of the last row taken; NaN if none */
    bool is_best; /* the rows taken are the first of the order */
} lb_report_choice;

/* One moment of a run; {0} before it is filled. */
typedef struct lb_report
{
    lb_store *store;
    lb_store_source *sources;
    size_t n_sources;
    lb_measurement *models;
    size_t n_models;
    lb_score_rules rules;
    lb_scores *scores;
    lb_report_choice choice;
    char *selection_json; /* the fact of the latest selection, or NULL */
} lb_report;

/* To be cleared in any case. */
lobass_status lb_report_collect(lb_report *report, const char *run, lobass_error *error);
void lb_report_clear(lb_report *report);
/* The model of this name, or NULL. */
const lb_measurement *lb_report_model_find(const lb_report *report, const char *name);

/* ---- what is worked out of it (figures.c) ------------------------------------------------------
 */

#define LB_HISTOGRAM_BINS 48

/* Bin b counts values from low + b width; the first and the last also those beyond. */
typedef struct lb_histogram
{
    double low, width;
    uint64_t all[LB_HISTOGRAM_BINS], selected[LB_HISTOGRAM_BINS];
    size_t n_bins; /* 0: no values */
} lb_histogram;

/* Of the rows that can be selected and have the value: the middle 99.8 % of VALUES[n], cut into
 * equal bins, whole numbers wide where IS_WHOLE. VALUES are sorted here. SELECTED[n_selected] are
 * those of the selected rows. */
void lb_histogram_make(lb_histogram *histogram, double *values, size_t n, const double *selected,
                       size_t n_selected, bool is_whole);

/* A source, of its rows that can be selected where nothing else is said. */
typedef struct lb_source_figures
{
    uint64_t n_records; /* all of them */
    uint64_t n_selectable, n_selected, n_selected_tokens;
    double initial_loss, reference_loss; /* nats per scored token; NaN where not measured */
    double learnability;                 /* mean over the rows that have it; NaN: none */
} lb_source_figures;

/* *FIGURES [n_sources], yours: free(). */
lobass_status lb_sources_compute(lb_source_figures **figures, const lb_report *report,
                                 lobass_error *error);

/* A score beside the others. */
typedef struct lb_score_figures
{
    lobass_score score;
    lobass_direction direction; /* its own; highest where it has none */
    uint64_t n_rows;            /* that can be selected and have it */
    double spearman;            /* with the number of scored tokens; NaN where it is not defined */
    double *by_source;          /* [n_sources], the same of a source's rows alone */
    bool *is_selected;          /* [n_rows]: as many rows as the run's selection, by this score */
    uint64_t n_selected;
} lb_score_figures;

/* Those that some row has, ppl left out: it ranks as loss does. *LIST [*COUNT], yours:
 * lb_score_figures_free(). */
lobass_status lb_scores_compare(lb_score_figures **list, size_t *count, const lb_report *report,
                                lobass_error *error);
void lb_score_figures_free(lb_score_figures *list, size_t count);
/* Rows in both / rows in one at least; NaN where there are none. */
double lb_jaccard(const bool *a, const bool *b, size_t n_rows);

/* Whose drop learnability is: means over the rows of a group that have it. */
typedef struct lb_drop_figures
{
    uint64_t n_rows;
    double learnability, end, first, rest; /* the last three add up to the first; NaN: no rows */
    uint64_t n_mostly_end; /* rows of positive learnability, more than half of it from end tokens */
} lb_drop_figures;

/* Of the rows ROWS[n]; NULL: of rows 0 to n - 1. With IS_SELECTED only those of them that are. */
lb_drop_figures lb_drops_compute(const lb_report *report, const uint64_t *rows, size_t n,
                                 const bool *is_selected);

/* *ROWS [*COUNT], yours: free(): all N_ROWS in order, or MOST of them drawn with SEED, each set of
 * them equally likely (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S). */
lobass_status lb_rows_sample(uint64_t **rows, size_t *count, size_t n_rows, uint64_t most,
                             uint64_t seed, lobass_error *error);

/* ---- the page (page.c) -------------------------------------------------------------------------
 */

/* The page's parts before and after the data: generated from page/. */
extern const unsigned char lb_page_head[], lb_page_tail[];
extern const size_t lb_page_head_size, lb_page_tail_size;

/* A page being written; JSON is put through `json` and goes out at lb_page_flush(), so that
 * nothing in it can end the element it stands in. */
typedef struct lb_page
{
    lb_output *output;
    lb_buffer text;
    lb_json_writer json;
    uint64_t size_bytes;
    lobass_error *error;
} lb_page;

lobass_status lb_page_open(lb_page *page, const char *path, bool overwrite, lobass_error *error);
/* To be called often: memory stays small. */
lobass_status lb_page_flush(lb_page *page);
/* {"type": TYPE, "data": the bytes in base64}. TYPE: "u8", "u32", "f32", little-endian. */
lobass_status lb_page_put_column(lb_page *page, const char *key, const char *type,
                                 const void *values, size_t size_bytes);
lobass_status lb_page_commit(lb_page *page);
void lb_page_discard(lb_page *page); /* also after a commit */
/* LOBASS_CONFLICT where PATH is there and is no page that this writes. */
lobass_status lb_page_check(const char *path, bool overwrite, lobass_error *error);

/* ---- its data ----------------------------------------------------------------------------------
 */

lobass_status lb_put_run(lb_page *page, const lb_report *report);     /* put_run.c */
lobass_status lb_put_figures(lb_page *page, const lb_report *report); /* put_figures.c */
/* put_rows.c; N_MOST: how many rows at most. Sets *N_ROWS. */
lobass_status lb_put_rows(lb_page *page, const lb_report *report, const lobass_tokenizer *tokenizer,
                          uint64_t n_most, const lobass_observer *observer, uint64_t *n_rows);
/* put_tokens.c: rows at the top, at the cut and at the bottom, with their tokens. */
lobass_status lb_put_readings(lb_page *page, const lb_report *report,
                              const lobass_tokenizer *tokenizer);

#endif

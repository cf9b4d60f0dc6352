/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of lobass.h that compares: how two rankings of the same records differ, of two runs
 * (another base model, another tokenizer, another recipe) or of two scores of one run. Included by
 * lobass.h, whose conventions hold here too.
 */
#ifndef LOBASS_COMPARE_H
#define LOBASS_COMPARE_H

#include "lobass.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of every pair below the first element belongs to the first ranking, the second to the second. */

typedef struct lobass_compare_side
{
    const char *run;
    lobass_score by;
    lobass_direction direction;
} lobass_compare_side;

typedef struct lobass_compare_options
{
    lobass_compare_side sides[2]; /* both may name one run */
    lobass_amount amount;         /* that each selects */
    double floor;                 /* as in lobass_selection_spec, for both */
    double min_initial;           /* the same */
    double max_reference;         /* the same */
    uint64_t seed;                /* of the score `random`, for both */
    uint64_t n_listed;            /* rows to list, at most, that one of the two selects alone */
} lobass_compare_options;

/* The amount is 6 %, the score learnability. */
LOBASS_API lobass_compare_options lobass_compare_options_default(void);

/* Two selections of rows. The three ratios are NaN where neither selects any. */
typedef struct lobass_overlap
{
    uint64_t n_selected[2];
    uint64_t n_common;
    double share;           /* n_common / the larger of n_selected: overlap at k */
    double share_by_chance; /* what share would be on average, were each drawn at random, without
                               regard to the other, from the rows that its run ranks:
                               n_selected[0] n_selected[1] n_ranked_common /
                               (n_ranked[0] n_ranked[1]) / the larger of n_selected */
    double jaccard;         /* n_common / rows that are in one at least */
} lobass_overlap;

/* What two rankings have in common on some of the records. A row is ranked where its status is ok
 * or truncated and it has the score (of ifd_loss and ifd_ppl: one of at most 1). */
typedef struct lobass_agreement
{
    uint64_t n_records;
    uint64_t n_ranked[2], n_ranked_common;
    lobass_overlap overlap; /* at the amount that was asked for */
    /* Rank correlation over the rows that both rank, in the direction in which they are ranked: 1
     * for the same order, -1 for the reverse. Equal scores tie. NaN where it is not defined: fewer
     * than two rows, or all of one side equal. */
    double spearman; /* rho: Pearson's correlation of average ranks */
    double kendall;  /* tau-b (Kendall, Biometrika 33, 1945) */
} lobass_agreement;

typedef struct lobass_compare_depth
{
    double fraction; /* of all records; each side selects that many of its best */
    lobass_overlap overlap;
} lobass_compare_depth;

#define LOBASS_COMPARE_DEPTHS 4 /* 1.5 %, 6 %, 16.7 %, 50 %: what the method's paper selects */

typedef struct lobass_compare_source
{
    char *name; /* of the first run's source */
    lobass_agreement agreement;
} lobass_compare_source;

/* A row that one of the two selects alone. */
typedef struct lobass_compare_row
{
    uint64_t rows[2];  /* its number in each run */
    uint64_t ranks[2]; /* from 1; 0: not ranked there */
} lobass_compare_row;

/* The comparison owns whatever is pointed to. */
typedef struct lobass_comparison
{
    lobass_direction directions[2]; /* that were used */
    bool has_same_order;            /* every record has the same row number in both runs */
    lobass_agreement whole;
    lobass_compare_depth depths[LOBASS_COMPARE_DEPTHS];
    lobass_compare_source *sources; /* [n_sources], those of the first run */
    size_t n_sources;
    /* Records by their status in the first run and that in the second. */
    uint64_t statuses[LOBASS_ROW_STATUS_COUNT][LOBASS_ROW_STATUS_COUNT];
    lobass_compare_row *alone[2]; /* [n_alone[side]], best first: what only that side selects */
    size_t n_alone[2];            /* at most n_listed; n_selected - n_common there are */
} lobass_comparison;

/* Ranks both sides anew, as lobass_select() does with the same options, and compares. What was
 * selected in the runs before plays no part, and nothing is written. Records are matched by their
 * bytes: row by row where the runs hold the same records in the same order; else by hash, repeated
 * records in the order of each run. Runs over other records are LOBASS_CONFLICT. */
LOBASS_API lobass_status lobass_compare(lobass_comparison **comparison,
                                        const lobass_compare_options *options,
                                        const lobass_observer *observer, lobass_error *error);
LOBASS_API void lobass_comparison_free(lobass_comparison *comparison);

#ifdef __cplusplus
}
#endif

#endif

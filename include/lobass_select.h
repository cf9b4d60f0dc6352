/* SPDX-License-Identifier: Apache-2.0
 *
 * A part of lobass.h, which includes it: which rows a selection takes, as one plain struct, and
 * where they go.
 */
#ifndef LOBASS_SELECT_H
#define LOBASS_SELECT_H

#include "lobass.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Everything that a selection is. Rows are put in an order, best first, and the amount is taken
 * from its beginning: so a larger amount keeps every row of a smaller one. */
typedef struct lobass_selection_spec
{
    lobass_score by;
    lobass_direction direction;
    lobass_amount amount;
    double floor;         /* rows with a smaller initial loss are not selectable (nats) */
    double min_initial;   /* nor are rows with a smaller initial loss (nats); 0: all are */
    double max_reference; /* nor with a larger reference loss (nats); INFINITY: all are */
    uint64_t seed;        /* of the score `random` */
    bool is_ranked;       /* written best first instead of in the order of the data */
} lobass_selection_spec;

LOBASS_API lobass_selection_spec lobass_selection_spec_default(void);

typedef struct lobass_select_options
{
    const char *run;
    lobass_selection_spec spec;
    const char *output; /* NULL: RUN/selected.jsonl; *.json makes a JSON array. STEM.jsonl elsewhere
                           gets STEM.scores.jsonl and STEM.manifest.json beside it */
    bool overwrite;     /* replace an OUTPUT outside the run */
    const char *command; /* the command line for the manifest, or NULL */
} lobass_select_options;

typedef struct lobass_select_result
{
    uint64_t n_records;
    uint64_t statuses[LOBASS_ROW_STATUS_COUNT];
    uint64_t n_selected, n_selected_tokens; /* scored tokens of the selection */
    double cut;                             /* the score of the last row taken; NaN if none, or a
                                               ppl beyond all doubles */
    lobass_direction direction;             /* the one that was used */
    char output[4096];                      /* the file written */
    double elapsed_seconds;
} lobass_select_result;

LOBASS_API lobass_select_options lobass_select_options_default(void);
/* Chooses rows and writes their records' own bytes, RUN/scores.jsonl and a manifest. */
LOBASS_API lobass_status lobass_select(const lobass_select_options *options,
                                       const lobass_observer *observer,
                                       lobass_select_result *result, lobass_error *error);

#ifdef __cplusplus
}
#endif

#endif

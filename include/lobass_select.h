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

/* What is taken of one source. */
typedef struct lobass_source_quota
{
    char *name;           /* of the source, as in lobass_run_source */
    lobass_amount amount; /* a share is one of this source's records */
    bool is_random;       /* drawn by the score `random` instead of the best */
} lobass_source_quota;

#define LOBASS_STRATA_MOST 100

/* Everything that a selection is. Rows that are selectable and have the score are put in an order,
 * best first, and walked through in it: a row is taken while there is room for one of its source,
 * and of its length. What is given to a function is read and copied, never kept. */
typedef struct lobass_selection_spec
{
    lobass_score by;
    lobass_direction direction;
    lobass_amount amount;        /* of the sources without a quota; shares are of their records */
    double floor;                /* rows with a smaller initial loss are not selectable (nats) */
    double min_initial;          /* nor are rows with a smaller initial loss (nats); 0: all are */
    double max_reference;        /* nor with a larger reference loss (nats); INFINITY: all are */
    uint64_t seed;               /* of the score `random` */
    bool is_ranked;              /* written best first instead of in the order of the data */
    lobass_source_quota *quotas; /* [n_quotas]; the spec's own, names too, where they were made by
                                    the functions below: lobass_selection_spec_clear() */
    size_t n_quotas;
    uint32_t n_strata;      /* 0: none. Else all rows are cut in so many bins of equal size by their
                               scored tokens, and an amount is shared out over them in proportion to
                               the rows that can be taken of each (largest remainder) */
    double near_duplicates; /* 0: all may stay. Else, from 0.5 to 1: a row is passed over whose
                               shingles have this Jaccard index or a larger one with those of a row
                               that was taken before it */
} lobass_selection_spec;

LOBASS_API lobass_selection_spec lobass_selection_spec_default(void);
/* Adds "NAME:AMOUNT" or "NAME:AMOUNT:random"; AMOUNT as lobass_amount_parse() reads it, or 0. */
LOBASS_API lobass_status lobass_selection_spec_add_quota(lobass_selection_spec *spec,
                                                         const char *text, lobass_error *error);
/* Reads a JSON file, a spec or a manifest, whose selection's spec is taken: docs/FORMATS.md.
 * Whatever SPEC held is overwritten; on failure it holds no quotas. */
LOBASS_API lobass_status lobass_selection_spec_load(lobass_selection_spec *spec, const char *path,
                                                    lobass_error *error);
/* Releases the quotas; SPEC has none then. */
LOBASS_API void lobass_selection_spec_clear(lobass_selection_spec *spec);

typedef struct lobass_select_options
{
    const char *run;
    lobass_selection_spec spec;
    const char *output; /* NULL: RUN/selected.jsonl; *.json makes a JSON array. STEM.jsonl elsewhere
                           gets STEM.scores.jsonl and STEM.manifest.json beside it */
    bool overwrite;     /* replace an OUTPUT outside the run */
    const char *format; /* of lobass_record_format_at(); NULL: the records' own bytes. Others and
                         *.parquet need an OUTPUT outside the run */
    bool has_tokens;    /* trl: the ids and the mask that were measured, not texts */
    const char *command; /* the command line for the manifest, or NULL */
} lobass_select_options;

/* Of one source of the run, in its order. */
typedef struct lobass_selected_source
{
    char *name;
    uint64_t n_records, n_selected;
    uint64_t n_selected_tokens; /* scored tokens of those selected */
} lobass_selected_source;

/* One bin of rows by their number of scored tokens, from the shortest on. */
typedef struct lobass_stratum
{
    uint64_t shortest, longest; /* scored tokens; 0 where there is no row in it */
    uint64_t n_rows;            /* with a scored token */
    uint64_t n_selectable;      /* of them: selectable, with the score */
    uint64_t n_selected, n_selected_tokens;
} lobass_stratum;

/* Release with lobass_select_result_clear(). */
typedef struct lobass_select_result
{
    uint64_t n_records;
    uint64_t statuses[LOBASS_ROW_STATUS_COUNT];
    uint64_t n_selected, n_selected_tokens; /* scored tokens of the selection */
    uint64_t n_near_duplicates;             /* rows that were passed over */
    double cut;                             /* the score of the row taken that ranks last; NaN if
                                               none, or a ppl beyond all doubles */
    lobass_direction direction;             /* the one that was used */
    char output[4096];                      /* the file written */
    uint64_t n_written; /* records in it: a format may make several of one that was selected */
    double elapsed_seconds;
    lobass_selected_source *sources; /* [n_sources] */
    size_t n_sources;
    lobass_stratum *strata; /* [n_strata] */
    size_t n_strata;
} lobass_select_result;

/* A schema that selected records can be written in; static. */
typedef struct lobass_record_format
{
    const char *name;    /* "trl" */
    const char *schema;  /* one line: {"prompt": [...], ...} */
    const char *learned; /* what a trainer learns from it */
} lobass_record_format;

/* NULL behind the last. */
LOBASS_API const lobass_record_format *lobass_record_format_at(size_t index);

LOBASS_API lobass_select_options lobass_select_options_default(void);
/* Chooses rows and writes their records' own bytes, RUN/scores.jsonl and a manifest. */
LOBASS_API lobass_status lobass_select(const lobass_select_options *options,
                                       const lobass_observer *observer,
                                       lobass_select_result *result, lobass_error *error);
/* Releases what RESULT points to, which is then empty; a failed call has left nothing in it. */
LOBASS_API void lobass_select_result_clear(lobass_select_result *result);

#ifdef __cplusplus
}
#endif

#endif

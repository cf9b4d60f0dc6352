/* SPDX-License-Identifier: Apache-2.0
 *
 * L3. The run's database, RUN/run.db (SQLite, write-ahead log): options, sources, rows,
 * measurements with their per-token losses, and the latest selection. Every blob carries its XXH3
 * checksum. docs/FORMATS.md has the schema. Knows rows as bytes; what they mean is data/'s
 * business.
 */
#ifndef LB_STORE_H
#define LB_STORE_H

#include "base/base.h"

#define LB_STORE_VERSION 3

typedef struct lb_store lb_store;

typedef enum lb_store_mode
{
    LB_STORE_READ,  /* an existing run; others may write meanwhile */
    LB_STORE_WRITE, /* takes RUN/lock; a second writer is refused by name */
    LB_STORE_CREATE /* the same; makes folder and schema where missing */
} lb_store_mode;

/* In the run's folder. */
#define LB_STORE_DATABASE "run.db"
#define LB_STORE_LOCK "lock"

/* A database of a later schema version, or one that is no lobass run, is refused by name. One of an
 * earlier version is brought to this one by its first writer; a reader leaves it as it is. */
lobass_status lb_store_open(lb_store **store, const char *run, lb_store_mode mode,
                            lobass_error *error);
void lb_store_close(lb_store *store);
const char *lb_store_path(const lb_store *store); /* the run's folder */

/* One transaction at a time. Of a reader: everything it reads until commit or rollback is from the
 * same moment; others may write meanwhile. */
lobass_status lb_store_begin(lb_store *store, lobass_error *error);
lobass_status lb_store_commit(lb_store *store, lobass_error *error);
void lb_store_rollback(lb_store *store);

/* Facts about the run: text by name. *VALUE is NULL where there is none; yours: free(). */
lobass_status lb_store_fact_load(char **value, lb_store *store, const char *name,
                                 lobass_error *error);
lobass_status lb_store_fact_save(lb_store *store, const char *name, const char *value,
                                 lobass_error *error);
lobass_status lb_store_fact_remove(lb_store *store, const char *name, lobass_error *error);

/* ---- sources and rows -------------------------------------------------------------------------
 */

typedef struct lb_store_source
{
    char *path, *name;  /* absolute path or "-"; unique name */
    uint64_t n_records; /* counted when the source has been read to its end, else 0 */
    bool is_complete;
} lb_store_source;

lobass_status lb_store_source_save(lb_store *store, uint32_t index, const lb_store_source *source,
                                   lobass_error *error);
/* *SOURCES [*COUNT] are yours: lb_store_sources_free(). */
lobass_status lb_store_sources_load(lb_store_source **sources, size_t *count, lb_store *store,
                                    lobass_error *error);
void lb_store_sources_free(lb_store_source *sources, size_t count);

lobass_status lb_store_row_save(lb_store *store, const lobass_row *row, lobass_error *error);
/* Pointers in ROW live until the next call on the store. A broken checksum is LOBASS_BAD_FORMAT. */
lobass_status lb_store_row_load(lobass_row *row, lb_store *store, uint64_t number,
                                lobass_error *error);
lobass_status lb_store_row_count(uint64_t *count, lb_store *store, lobass_error *error);

/* What tasks keep in memory about every row: 32 bytes each. */
typedef struct lb_row_summary
{
    uint64_t hash[2];
    uint32_t n_tokens, n_scored;
    uint32_t source;
    uint32_t status; /* lobass_row_status */
} lb_row_summary;

/* All rows in order; *SUMMARIES [*COUNT] is yours: free(). */
lobass_status lb_store_summaries_load(lb_row_summary **summaries, size_t *count, lb_store *store,
                                      lobass_error *error);

/* ---- how many rows have which status (counts.c) -----------------------------------------------
 */

typedef struct lb_row_counts
{
    uint64_t n_rows, n_due;                     /* all; those with something to score */
    uint64_t n_tokens, n_scored;                /* of those that are due */
    uint64_t statuses[LOBASS_ROW_STATUS_COUNT]; /* as stored */
    bool has_ended;                             /* else the next two are zero */
    uint64_t ended[LOBASS_ROW_STATUS_COUNT];    /* by the losses that the latest selection saw */
    uint64_t selected[LOBASS_ROW_STATUS_COUNT]; /* and how many of them it took */
} lb_row_counts;

/* Does not look at the rows, once they were counted. */
lobass_status lb_store_counts_load(lb_row_counts *counts, lb_store *store, lobass_error *error);
/* Counts the rows as they are stored, for good. */
lobass_status lb_store_counts_save(lb_store *store, lobass_error *error);
/* ended and selected of COUNTS; and forgets them. */
lobass_status lb_store_ended_save(lb_store *store, const lb_row_counts *counts,
                                  lobass_error *error);
lobass_status lb_store_ended_remove(lb_store *store, lobass_error *error);

/* ---- measurements and losses ------------------------------------------------------------------
 */

/* Names that more than one folder knows. The last is of responses measured without what they
 * answer. */
#define LB_INITIAL "initial"
#define LB_REFERENCE "reference"
#define LB_UNCONDITIONAL "unconditional"

/* What losses were computed with. */
typedef struct lb_measurement
{
    int64_t id;
    char name[64];
    char *path, *adapter; /* the model's folder; that of the adapter on it, or NULL */
    char fingerprint[LB_HASH_TEXT_SIZE];
    char engine[32];     /* LB_ENGINE */
    char dtype[8];       /* "fp32", "bf16": of the computation */
    char arithmetic[32]; /* the backend, "native/avx512_bf16"; "" while nothing was measured, or
                            not recorded */
    uint32_t n_threads;  /* of the latest call */
    double seconds;      /* of all calls */
} lb_measurement;

#define LB_ENGINE "lobass" /* losses that were computed here */

/* *IS_THERE false where NAME was never measured. Release with lb_store_measurement_clear(). */
lobass_status lb_store_measurement_find(lb_measurement *measurement, bool *is_there,
                                        lb_store *store, const char *name, lobass_error *error);
/* The same; LOBASS_NOT_FOUND where it was not. */
lobass_status lb_store_measurement_load(lb_measurement *measurement, lb_store *store,
                                        const char *name, lobass_error *error);
/* Sets id. The totals of one that is there stay. */
lobass_status lb_store_measurement_save(lb_store *store, lb_measurement *measurement,
                                        lobass_error *error);
/* Forgets a measurement, if it is there, with its losses. */
lobass_status lb_store_measurement_remove(lb_store *store, const char *name, lobass_error *error);
/* All in the order they were begun; yours: lb_store_measurements_free(). */
lobass_status lb_store_measurements_load(lb_measurement **measurements, size_t *count,
                                         lb_store *store, lobass_error *error);
void lb_store_measurement_clear(lb_measurement *measurement);
void lb_store_measurements_free(lb_measurement *measurements, size_t count);

/* What the losses of a measurement come to. */
typedef struct lb_loss_totals
{
    uint64_t n_rows;      /* with losses */
    uint64_t n_nonfinite; /* of those, with a sum that is not finite: they are in nothing below */
    uint64_t n_scored;    /* tokens */
    double nll_sum;     /* nats: the sums of the rows, added in the order of the rows once settled,
                           before that in the order they were measured in */
    double least, most; /* of a row's mean; infinity and its negative where there is none */
} lb_loss_totals;

lobass_status lb_store_totals_load(lb_loss_totals *totals, lb_store *store, int64_t measurement,
                                   lobass_error *error);
/* Makes the totals again from the losses, in the order of the rows. */
lobass_status lb_store_totals_settle(lb_store *store, int64_t measurement, lobass_error *error);
double lb_loss_totals_mean(const lb_loss_totals *totals); /* nats per scored token; NaN: none */
/* The sum of a row's losses in nats, added in the order of its tokens. */
double lb_losses_sum(const float *nll, size_t n_scored);

/* What a measurement has of a row: a value a scored token, in the row's order. */
typedef struct lb_row_losses
{
    const float *nll;  /* [n_scored] nats */
    const float *el2n; /* [n_scored] |p - onehot(token)|; NULL where a run of schema version 1 was
                          measured, which had none */
    size_t n_scored;
} lb_row_losses;

/* Counts them in the totals, in the same transaction. LOBASS_CONFLICT where the row has some. */
lobass_status lb_store_losses_save(lb_store *store, int64_t measurement, uint64_t row,
                                   const lb_row_losses *losses, lobass_error *error);
/* The values live until the next call on the store; LOBASS_NOT_FOUND where there are none. */
lobass_status lb_store_losses_load(lb_row_losses *losses, lb_store *store, int64_t measurement,
                                   uint64_t row, lobass_error *error);
/* Calls VISIT for every measured row in row order; its failure ends the walk. */
typedef lobass_status (*lb_losses_visitor)(void *context, uint64_t row, const lb_row_losses *losses,
                                           lobass_error *error);
lobass_status lb_store_losses_walk(lb_store *store, int64_t measurement, lb_losses_visitor visit,
                                   void *context, lobass_error *error);
/* Rows that have losses and no el2n. */
lobass_status lb_store_without_el2n_count(uint64_t *count, lb_store *store, int64_t measurement,
                                          lobass_error *error);
/* is_measured[row] for all rows; yours: free(). */
lobass_status lb_store_measured_load(bool **is_measured, size_t n_rows, lb_store *store,
                                     int64_t measurement, lobass_error *error);

/* ---- the latest selection ---------------------------------------------------------------------
 */

/* Replaces it, in the caller's transaction. ranks[n_rows]: from 1 for every selectable row, else 0;
 * is_selected[n_rows]. */
lobass_status lb_store_selection_save(lb_store *store, const uint64_t *ranks,
                                      const bool *is_selected, size_t n_rows, lobass_error *error);
lobass_status lb_store_selection_remove(lb_store *store, lobass_error *error);
/* *RANKS and *IS_SELECTED are yours: free(); both NULL where nothing was selected yet. */
lobass_status lb_store_selection_load(uint64_t **ranks, bool **is_selected, size_t n_rows,
                                      lb_store *store, lobass_error *error);
/* Of one row: rank 0 and not selected where it has none. */
lobass_status lb_store_selection_row_load(uint64_t *rank, bool *is_selected, lb_store *store,
                                          uint64_t row, lobass_error *error);

#endif

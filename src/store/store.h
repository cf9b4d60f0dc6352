/* SPDX-License-Identifier: Apache-2.0
 *
 * L3. The run's database, RUN/run.db (SQLite, write-ahead log): options, sources, rows, models,
 * per-token losses and the latest selection. Every blob carries its XXH3 checksum. docs/FORMATS.md
 * has the schema. Knows rows as bytes; what they mean is data/'s business.
 */
#ifndef LB_STORE_H
#define LB_STORE_H

#include "base/base.h"

#define LB_STORE_VERSION 2

typedef struct lb_store lb_store;

typedef enum lb_store_mode
{
    LB_STORE_READ,  /* an existing run; others may write meanwhile */
    LB_STORE_WRITE, /* takes RUN/lock; a second writer is refused by name */
    LB_STORE_CREATE /* the same; makes folder and schema where missing */
} lb_store_mode;

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

/* ---- sources and rows
 * ------------------------------------------------------------------------------ */

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

/* ---- models and losses
 * ------------------------------------------------------------------------------- */

typedef struct lb_store_model
{
    int64_t id;
    char name[64];
    char *path;
    char fingerprint[LB_HASH_TEXT_SIZE];
    char dtype[8]; /* "fp32", "bf16": of the computation */
} lb_store_model;

/* LOBASS_NOT_FOUND where NAME was never measured. Release the path with lb_store_model_clear(). */
lobass_status lb_store_model_load(lb_store_model *model, lb_store *store, const char *name,
                                  lobass_error *error);
/* Sets id. */
lobass_status lb_store_model_save(lb_store *store, lb_store_model *model, lobass_error *error);
/* Forgets a model and its losses. */
lobass_status lb_store_model_remove(lb_store *store, const char *name, lobass_error *error);
/* All models in the order they were measured; yours: lb_store_models_free(). */
lobass_status lb_store_models_load(lb_store_model **models, size_t *count, lb_store *store,
                                   lobass_error *error);
void lb_store_model_clear(lb_store_model *model);
void lb_store_models_free(lb_store_model *models, size_t count);

/* What a model makes of a row: a value a scored token, in the row's order. */
typedef struct lb_row_losses
{
    const float *nll;  /* [n_scored] nats */
    const float *el2n; /* [n_scored] |p - onehot(token)|; NULL where a run of schema version 1 was
                          measured, which had none */
    size_t n_scored;
} lb_row_losses;

lobass_status lb_store_losses_save(lb_store *store, int64_t model, uint64_t row,
                                   const lb_row_losses *losses, lobass_error *error);
/* The values live until the next call on the store; LOBASS_NOT_FOUND where there are none. */
lobass_status lb_store_losses_load(lb_row_losses *losses, lb_store *store, int64_t model,
                                   uint64_t row, lobass_error *error);
/* Calls VISIT for every measured row of a model in row order; its failure ends the walk. */
typedef lobass_status (*lb_losses_visitor)(void *context, uint64_t row, const lb_row_losses *losses,
                                           lobass_error *error);
lobass_status lb_store_losses_walk(lb_store *store, int64_t model, lb_losses_visitor visit,
                                   void *context, lobass_error *error);
/* Rows of a model that have losses and no el2n. */
lobass_status lb_store_without_el2n_count(uint64_t *count, lb_store *store, int64_t model,
                                          lobass_error *error);
/* is_measured[row] for all rows; yours: free(). */
lobass_status lb_store_measured_load(bool **is_measured, size_t n_rows, lb_store *store,
                                     int64_t model, lobass_error *error);

/* ---- the latest selection
 * ------------------------------------------------------------------------------ */

/* Replaces it, in the caller's transaction. ranks[n_rows]: from 1 for every selectable row, else 0;
 * is_selected[n_rows]. */
lobass_status lb_store_selection_save(lb_store *store, const uint64_t *ranks,
                                      const bool *is_selected, size_t n_rows, lobass_error *error);
lobass_status lb_store_selection_remove(lb_store *store, lobass_error *error);
/* *RANKS and *IS_SELECTED are yours: free(); both NULL where nothing was selected yet. */
lobass_status lb_store_selection_load(uint64_t **ranks, bool **is_selected, size_t n_rows,
                                      lb_store *store, lobass_error *error);

#endif

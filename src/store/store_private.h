/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to store/: the open database, its cached statements and the helpers that its files share.
 * A statement is prepared when it is first used, and reset as soon as its result has been copied,
 * so that no read transaction lingers and the log can be checkpointed.
 */
#ifndef LB_STORE_PRIVATE_H
#define LB_STORE_PRIVATE_H

#include <sqlite3.h>

#include "store/store.h"

/* A number that is a macro as text. */
#define LB_QUOTE(x) #x
#define LB_TEXT_OF(x) LB_QUOTE(x)

/* What is counted of the rows with one status. */
#define LB_COUNTS_COLUMNS                                                       \
    "status, count(*), sum(n_scored > 0), sum(iif(n_scored > 0, n_tokens, 0))," \
    " sum(n_scored)"

typedef enum lb_statement
{
    LB_SQL_BEGIN,
    LB_SQL_BEGIN_READ,
    LB_SQL_COMMIT,
    LB_SQL_ROLLBACK,
    LB_SQL_FACT_LOAD,
    LB_SQL_FACT_SAVE,
    LB_SQL_FACT_REMOVE,
    LB_SQL_SOURCE_SAVE,
    LB_SQL_SOURCES_LOAD,
    LB_SQL_ROW_SAVE,
    LB_SQL_ROW_LOAD,
    LB_SQL_ROW_COUNT,
    LB_SQL_SUMMARIES_LOAD,
    LB_SQL_COUNTS_LOAD,
    LB_SQL_COUNTS_COMPUTE,
    LB_SQL_COUNTS_SAVE,
    LB_SQL_ENDED_SAVE,
    LB_SQL_ENDED_REMOVE,
    LB_SQL_MEASUREMENT_LOAD,
    LB_SQL_MEASUREMENT_SAVE,
    LB_SQL_MEASUREMENT_REMOVE,
    LB_SQL_MEASUREMENTS_LOAD,
    LB_SQL_TOTALS_LOAD,
    LB_SQL_TOTALS_ADD,
    LB_SQL_TOTALS_SAVE,
    LB_SQL_NLL_WALK,
    LB_SQL_LOSSES_ADD,
    LB_SQL_LOSSES_LOAD,
    LB_SQL_LOSSES_WALK,
    LB_SQL_LOSSES_REMOVE,
    LB_SQL_WITHOUT_EL2N_COUNT,
    LB_SQL_MEASURED_LOAD,
    LB_SQL_SELECTION_CLEAR,
    LB_SQL_SELECTION_SAVE,
    LB_SQL_SELECTION_LOAD,
    LB_SQL_SELECTION_ROW_LOAD,
    LB_SQL_VERSION,
    LB_SQL_COUNT
} lb_statement;

struct lb_store
{
    sqlite3 *database;
    sqlite3_stmt *statements[LB_SQL_COUNT];
    char *folder; /* the run's, as it was given */
    char *path;   /* of the database, for messages */
    lb_lock lock;
    bool has_lock, is_in_transaction;
    bool is_overlaid; /* of an earlier version, which this connection alone sees as one of today */
    lb_buffer packed; /* bytes on their way into or out of a blob */
    int32_t *ids;     /* [ids_capacity], of the row loaded last */
    size_t ids_capacity;
    lb_buffer flags, reason;
    float *losses; /* [losses_capacity], loaded last: nll, then el2n */
    size_t losses_capacity;
};

/* Writes "PATH: what SQLite says" with the status that its result code means. */
lobass_status lb_store_fail(lb_store *store, int code, lobass_error *error);
/* Statements without a result. */
lobass_status lb_store_execute(lb_store *store, const char *sql, lobass_error *error);

/* The statement, ready to be bound; LOBASS_OK or what SQLite says. */
lobass_status lb_statement_use(sqlite3_stmt **statement, lb_store *store, lb_statement which,
                               lobass_error *error);
void lb_statements_free(lb_store *store);
/* Runs a statement to its end and resets it; rows that it gives are not looked at. */
lobass_status lb_statement_run(lb_store *store, sqlite3_stmt *statement, lobass_error *error);
/* One step; *HAS_ROW false at the end or on failure, and the statement is then reset. */
lobass_status lb_statement_step(lb_store *store, sqlite3_stmt *statement, bool *has_row,
                                lobass_error *error);
/* All rows that a statement gives as a list: READ fills an element, zeroed before, from the row at
 * hand. *LIST [*COUNT] is yours, also after a failure: the element that failed is the last one. */
typedef lobass_status (*lb_element_reader)(void *element, lb_store *store, sqlite3_stmt *statement,
                                           size_t index, lobass_error *error);
lobass_status lb_statement_list(void **list, size_t *count, lb_store *store, lb_statement which,
                                size_t element_bytes, lb_element_reader read, lobass_error *error);
/* A failed binding shows up as a failed step: NULL would be stored where NOT NULL stands. */
void lb_bind_count(sqlite3_stmt *statement, int index, uint64_t value);
void lb_bind_text(sqlite3_stmt *statement, int index, const char *text);
/* Borrowed until the statement is reset. */
void lb_bind_blob(sqlite3_stmt *statement, int index, const void *data, size_t size_bytes);

/* A column as a copy of its text; NULL column gives "". Yours: free(). */
char *lb_column_copy(sqlite3_stmt *statement, int column, lobass_error *error);
/* A column that must be an integer from 0 to MOST. */
bool lb_column_count(sqlite3_stmt *statement, int column, uint64_t most, uint64_t *value);

/* Little-endian arrays as they stand in blobs. */
lobass_status lb_pack_words(lb_buffer *packed, const void *words, size_t count,
                            lobass_error *error); /* appends COUNT 32-bit words */
void lb_unpack_words(void *words, const unsigned char *packed, size_t count);
lobass_status lb_pack_long(lb_buffer *packed, uint64_t value, lobass_error *error);

/* Room for the losses of a row in store->losses: [2 * N_SCORED]. */
lobass_status lb_losses_reserve(lb_store *store, size_t n_scored, lobass_error *error);
/* Counts a row that is stored in the totals of its measurement. */
lobass_status lb_totals_add(lb_store *store, int64_t measurement, const float *nll, size_t n_scored,
                            lobass_error *error);

/* Refuses by name what is not a run, or one of a later version; *VERSION is 0 for a database
 * without any table. */
lobass_status lb_schema_check(lb_store *store, int64_t *version, lobass_error *error);
/* Makes the tables of an empty database (version 0), or brings one of an earlier version to this
 * one, in one transaction. */
lobass_status lb_schema_make(lb_store *store, int64_t version, lobass_error *error);
/* The same for this connection alone, which may not write. */
lobass_status lb_schema_overlay(lb_store *store, int64_t version, lobass_error *error);

#endif

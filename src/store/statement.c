/* SPDX-License-Identifier: Apache-2.0
 *
 * The SQL of the store, one text a statement, and how statements are prepared, stepped and bound.
 * Every failure of SQLite becomes a lobass_status here and nowhere else: a full disk or a failed
 * read is LOBASS_IO, a damaged file LOBASS_BAD_FORMAT, a writer in the way LOBASS_CONFLICT.
 */
#include "store/store_private.h"

#include <string.h>

#define MEASURED "name, path, adapter, fingerprint, engine, dtype, arithmetic, n_threads, seconds"

static const char *const texts[LB_SQL_COUNT] = {
    [LB_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [LB_SQL_BEGIN_READ] = "BEGIN",
    [LB_SQL_COMMIT] = "COMMIT",
    [LB_SQL_ROLLBACK] = "ROLLBACK",
    [LB_SQL_FACT_LOAD] = "SELECT value FROM facts WHERE name = ?1",
    [LB_SQL_FACT_SAVE] = "INSERT OR REPLACE INTO facts (name, value) VALUES (?1, ?2)",
    [LB_SQL_FACT_REMOVE] = "DELETE FROM facts WHERE name = ?1",
    [LB_SQL_SOURCE_SAVE] = "INSERT OR REPLACE INTO sources"
                           " (source, path, name, n_records, is_complete)"
                           " VALUES (?1, ?2, ?3, ?4, ?5)",
    [LB_SQL_SOURCES_LOAD] =
        "SELECT source, path, name, n_records, is_complete FROM sources ORDER BY source",
    [LB_SQL_ROW_SAVE] = "INSERT INTO rows (\"row\", source, record, line, \"offset\", size, hash,"
                        " status, reason, n_tokens, n_scored, ids, flags, checksum)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    [LB_SQL_ROW_LOAD] = "SELECT \"row\", source, record, line, \"offset\", size, hash, status,"
                        " reason, n_tokens, n_scored, ids, flags, checksum"
                        " FROM rows WHERE \"row\" = ?1",
    [LB_SQL_ROW_COUNT] = "SELECT ifnull(max(\"row\") + 1, 0) FROM rows",
    [LB_SQL_SUMMARIES_LOAD] =
        "SELECT \"row\", hash, n_tokens, n_scored, source, status FROM rows ORDER BY \"row\"",
    [LB_SQL_COUNTS_LOAD] =
        "SELECT status, n_rows, n_due, n_tokens, n_scored, n_ended, n_selected FROM statuses",
    [LB_SQL_COUNTS_COMPUTE] = "SELECT " LB_COUNTS_COLUMNS ", NULL, NULL FROM rows GROUP BY status",
    [LB_SQL_COUNTS_SAVE] = "INSERT OR REPLACE INTO statuses"
                           " (status, n_rows, n_due, n_tokens, n_scored)"
                           " SELECT " LB_COUNTS_COLUMNS " FROM rows GROUP BY status",
    [LB_SQL_ENDED_SAVE] = "INSERT INTO statuses VALUES (?1, 0, 0, 0, 0, ?2, ?3)"
                          " ON CONFLICT (status) DO UPDATE"
                          " SET n_ended = excluded.n_ended, n_selected = excluded.n_selected",
    [LB_SQL_ENDED_REMOVE] = "UPDATE statuses SET n_ended = NULL, n_selected = NULL",
    [LB_SQL_MEASUREMENT_LOAD] =
        "SELECT measurement, " MEASURED " FROM measurements WHERE name = ?1",
    [LB_SQL_MEASUREMENT_SAVE] =
        "INSERT INTO measurements (" MEASURED ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        " ON CONFLICT (name) DO UPDATE SET path = excluded.path, adapter = excluded.adapter,"
        " fingerprint = excluded.fingerprint, engine = excluded.engine, dtype = excluded.dtype,"
        " arithmetic = excluded.arithmetic, n_threads = excluded.n_threads,"
        " seconds = excluded.seconds RETURNING measurement",
    [LB_SQL_MEASUREMENT_REMOVE] = "DELETE FROM measurements WHERE name = ?1",
    [LB_SQL_MEASUREMENTS_LOAD] =
        "SELECT measurement, " MEASURED " FROM measurements ORDER BY measurement",
    [LB_SQL_TOTALS_LOAD] = "SELECT n_rows, n_nonfinite, n_scored, nll_sum, least, most"
                           " FROM measurements WHERE measurement = ?1",
    [LB_SQL_TOTALS_ADD] =
        "UPDATE measurements SET n_rows = n_rows + ?2, n_nonfinite = n_nonfinite + ?3,"
        " n_scored = n_scored + ?4, nll_sum = nll_sum + ?5, least = min(least, ?6),"
        " most = max(most, ?7) WHERE measurement = ?1",
    [LB_SQL_TOTALS_SAVE] = "UPDATE measurements SET n_rows = ?2, n_nonfinite = ?3, n_scored = ?4,"
                           " nll_sum = ?5, least = ?6, most = ?7 WHERE measurement = ?1",
    [LB_SQL_NLL_WALK] = "SELECT nll FROM losses WHERE measurement = ?1 ORDER BY \"row\"",
    [LB_SQL_LOSSES_ADD] = "INSERT INTO losses"
                          " (measurement, \"row\", nll, checksum, el2n, el2n_checksum)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
    [LB_SQL_LOSSES_LOAD] = "SELECT \"row\", nll, checksum, el2n, el2n_checksum FROM losses"
                           " WHERE measurement = ?1 AND \"row\" = ?2",
    [LB_SQL_LOSSES_WALK] = "SELECT \"row\", nll, checksum, el2n, el2n_checksum FROM losses"
                           " WHERE measurement = ?1 ORDER BY \"row\"",
    [LB_SQL_LOSSES_REMOVE] = "DELETE FROM losses WHERE measurement ="
                             " (SELECT measurement FROM measurements WHERE name = ?1)",
    [LB_SQL_WITHOUT_EL2N_COUNT] =
        "SELECT count(*) FROM losses WHERE measurement = ?1 AND el2n IS NULL",
    [LB_SQL_MEASURED_LOAD] = "SELECT \"row\" FROM losses WHERE measurement = ?1",
    [LB_SQL_SELECTION_CLEAR] = "DELETE FROM selection",
    [LB_SQL_SELECTION_SAVE] =
        "INSERT INTO selection (\"row\", rank, is_selected) VALUES (?1, ?2, ?3)",
    [LB_SQL_SELECTION_LOAD] = "SELECT \"row\", rank, is_selected FROM selection ORDER BY \"row\"",
    [LB_SQL_SELECTION_ROW_LOAD] = "SELECT rank, is_selected FROM selection WHERE \"row\" = ?1",
    [LB_SQL_VERSION] = "PRAGMA user_version",
};

static lobass_status status_of_code(int code)
{
    switch (code & 0xff)
    {
    case SQLITE_NOMEM:
        return LOBASS_OUT_OF_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
        return LOBASS_BAD_FORMAT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CONSTRAINT:
        return LOBASS_CONFLICT;
    case SQLITE_TOOBIG:
        return LOBASS_UNSUPPORTED;
    default:
        return LOBASS_IO;
    }
}

lobass_status lb_store_fail(lb_store *store, int code, lobass_error *error)
{
    const char *message =
        store->database != NULL ? sqlite3_errmsg(store->database) : sqlite3_errstr(code);
    /* "disk I/O error" alone does not say that the disk is full. */
    const int kind = code & 0xff;
    const bool is_of_system = kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN;
    const int reason =
        is_of_system && store->database != NULL ? sqlite3_system_errno(store->database) : 0;
    return lb_fail(error, status_of_code(code), "%s: %s%s%s (SQLite result %d)", store->path,
                   message, reason != 0 ? ": " : "", reason != 0 ? strerror(reason) : "", code);
}

lobass_status lb_store_execute(lb_store *store, const char *sql, lobass_error *error)
{
    const int code = sqlite3_exec(store->database, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? LOBASS_OK : lb_store_fail(store, code, error);
}

static const char overlay_end[] = "DROP VIEW temp.losses; DROP VIEW temp.measurements;"
                                  "DROP VIEW temp.statuses;";

/* Ends the overlay (schema.c) once another process has upgraded the database. Else the statement
 * that looks is left at its row: until the next look the connection sees the database as it was,
 * also where it is upgraded before the statement that is to be used takes its first step. */
static lobass_status overlay_follow(lb_store *store, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    store->is_overlaid = false; /* for the statement that looks */
    lobass_status status = lb_statement_use(&statement, store, LB_SQL_VERSION, error);
    if (status == LOBASS_OK)
    {
        status = lb_statement_step(store, statement, &has_row, error);
    }
    store->is_overlaid =
        status != LOBASS_OK || sqlite3_column_int64(statement, 0) < LB_STORE_VERSION;
    if (store->is_overlaid)
    {
        return status;
    }
    lb_statements_free(store);
    return lb_store_execute(store, overlay_end, error);
}

lobass_status lb_statement_use(sqlite3_stmt **statement, lb_store *store, lb_statement which,
                               lobass_error *error)
{
    sqlite3_stmt **cached = &store->statements[which];
    LB_TRY(store->is_overlaid ? overlay_follow(store, error) : LOBASS_OK);
    if (*cached == NULL)
    {
        const int code = sqlite3_prepare_v3(store->database, texts[which], -1,
                                            SQLITE_PREPARE_PERSISTENT, cached, NULL);
        if (code != SQLITE_OK)
        {
            return lb_store_fail(store, code, error);
        }
    }
    sqlite3_reset(*cached);
    sqlite3_clear_bindings(*cached);
    *statement = *cached;
    return LOBASS_OK;
}

void lb_statements_free(lb_store *store)
{
    for (size_t i = 0; i < LB_SQL_COUNT; i++)
    {
        sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
}

lobass_status lb_statement_step(lb_store *store, sqlite3_stmt *statement, bool *has_row,
                                lobass_error *error)
{
    const int code = sqlite3_step(statement);
    *has_row = code == SQLITE_ROW;
    if (code == SQLITE_ROW)
    {
        return LOBASS_OK;
    }
    lobass_status status = LOBASS_OK;
    if (code != SQLITE_DONE)
    {
        status = lb_store_fail(store, code, error);
    }
    sqlite3_reset(statement);
    return status;
}

lobass_status lb_statement_run(lb_store *store, sqlite3_stmt *statement, lobass_error *error)
{
    bool has_row = true;
    while (has_row)
    {
        LB_TRY(lb_statement_step(store, statement, &has_row, error));
    }
    return LOBASS_OK;
}

lobass_status lb_statement_list(void **list, size_t *count, lb_store *store, lb_statement which,
                                size_t element_bytes, lb_element_reader read, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    sqlite3_stmt *statement = NULL;
    size_t capacity = 0;
    bool has_row = true;
    *list = NULL;
    *count = 0;
    LB_TRY(lb_statement_use(&statement, store, which, error));
    while (has_row)
    {
        LB_TRY_GOTO(lb_statement_step(store, statement, &has_row, error));
        if (has_row)
        {
            LB_TRY_GOTO(lb_list_reserve(list, &capacity, *count + 1, element_bytes, error));
            void *element = (char *)*list + *count * element_bytes;
            memset(element, 0, element_bytes);
            LB_TRY_GOTO(read(element, store, statement, (*count)++, error));
        }
    }
done:
    sqlite3_reset(statement);
    return status;
}

void lb_bind_count(sqlite3_stmt *statement, int index, uint64_t value)
{
    if (value <= (uint64_t)INT64_MAX)
    {
        sqlite3_bind_int64(statement, index, (sqlite3_int64)value);
    }
}

void lb_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    if (text != NULL)
    {
        sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
    }
}

void lb_bind_blob(sqlite3_stmt *statement, int index, const void *data, size_t size_bytes)
{
    /* A NULL pointer would bind NULL where an empty blob is meant. */
    sqlite3_bind_blob64(statement, index, size_bytes > 0 ? data : "", size_bytes, SQLITE_STATIC);
}

char *lb_column_copy(sqlite3_stmt *statement, int column, lobass_error *error)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    const int size = sqlite3_column_bytes(statement, column);
    return lb_copy_text(text != NULL ? (const char *)text : "", (size_t)size, error);
}

bool lb_column_count(sqlite3_stmt *statement, int column, uint64_t most, uint64_t *value)
{
    const sqlite3_int64 found = sqlite3_column_int64(statement, column);
    *value = (uint64_t)found;
    return sqlite3_column_type(statement, column) == SQLITE_INTEGER && found >= 0 && *value <= most;
}

lobass_status lb_pack_words(lb_buffer *packed, const void *words, size_t count, lobass_error *error)
{
    size_t size_bytes = 0;
    if (!lb_size_multiply(count, sizeof(uint32_t), &size_bytes))
    {
        return lb_fail_memory(error, SIZE_MAX);
    }
    LB_TRY(lb_buffer_reserve(packed, size_bytes, error));
    const unsigned char *source = words;
    char *target = packed->data + packed->size;
    for (size_t i = 0; i < count; i++)
    {
        uint32_t word = 0;
        memcpy(&word, source + i * sizeof word, sizeof word);
        for (unsigned b = 0; b < sizeof word; b++)
        {
            target[i * sizeof word + b] = (char)(unsigned char)(word >> (8 * b));
        }
    }
    packed->size += size_bytes;
    packed->data[packed->size] = '\0';
    return LOBASS_OK;
}

void lb_unpack_words(void *words, const unsigned char *packed, size_t count)
{
    unsigned char *target = words;
    for (size_t i = 0; i < count; i++)
    {
        const unsigned char *bytes = packed + i * 4;
        const uint32_t word = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
                              (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
        memcpy(target + i * sizeof word, &word, sizeof word);
    }
}

lobass_status lb_pack_long(lb_buffer *packed, uint64_t value, lobass_error *error)
{
    unsigned char bytes[8];
    for (unsigned i = 0; i < sizeof bytes; i++)
    {
        bytes[i] = (unsigned char)(value >> (8 * i));
    }
    return lb_buffer_append(packed, bytes, sizeof bytes, error);
}

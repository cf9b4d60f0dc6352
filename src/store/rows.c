/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources and rows. A row's checksum is the lower half of XXH3-128, seeded with the row's number,
 * over everything else that is stored of it, in this order: ids (int32), flags (bytes), then
 * source, record, line, offset, size, hash high, hash low, status, n_scored (64 bits each), and the
 * reason's text. It is stored as 8 bytes, little-endian.
 */
#include "store/store_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BYTES 16
#define CHECKSUM_BYTES 8

/* ---- sources ----------------------------------------------------------------------------------
 */

lobass_status lb_store_source_save(lb_store *store, uint32_t index, const lb_store_source *source,
                                   lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_SOURCE_SAVE, error));
    lb_bind_count(statement, 1, index);
    lb_bind_text(statement, 2, source->path);
    lb_bind_text(statement, 3, source->name);
    lb_bind_count(statement, 4, source->n_records);
    lb_bind_count(statement, 5, source->is_complete ? 1 : 0);
    return lb_statement_run(store, statement, error);
}

static lobass_status source_read(void *element, lb_store *store, sqlite3_stmt *statement,
                                 size_t expected, lobass_error *error)
{
    lb_store_source *source = element;
    uint64_t index = 0;
    if (!lb_column_count(statement, 0, UINT32_MAX, &index) || index != expected ||
        !lb_column_count(statement, 3, (uint64_t)INT64_MAX, &source->n_records))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: source %zu: a damaged or missing entry",
                       store->path, expected);
    }
    source->is_complete = sqlite3_column_int(statement, 4) != 0;
    source->path = lb_column_copy(statement, 1, error);
    source->name = source->path == NULL ? NULL : lb_column_copy(statement, 2, error);
    return source->name == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

lobass_status lb_store_sources_load(lb_store_source **sources, size_t *count, lb_store *store,
                                    lobass_error *error)
{
    void *list = NULL;
    const lobass_status status = lb_statement_list(&list, count, store, LB_SQL_SOURCES_LOAD,
                                                   sizeof **sources, source_read, error);
    *sources = list;
    if (status != LOBASS_OK)
    {
        lb_store_sources_free(list, *count);
        *sources = NULL;
        *count = 0;
    }
    return status;
}

void lb_store_sources_free(lb_store_source *sources, size_t count)
{
    for (size_t i = 0; sources != NULL && i < count; i++)
    {
        free(sources[i].path);
        free(sources[i].name);
    }
    free(sources);
}

/* ---- rows -------------------------------------------------------------------------------------
 */

/* Leaves ids and flags packed at the front of store->packed. */
static lobass_status checksum_compute(unsigned char checksum[CHECKSUM_BYTES], lb_store *store,
                                      const lobass_row *row, lobass_error *error)
{
    const uint64_t fields[] = {row->source,  row->record,           row->line,
                               row->offset,  row->size_bytes,       row->hash[0],
                               row->hash[1], (uint64_t)row->status, row->n_scored};
    lb_buffer *packed = &store->packed;
    lb_buffer_clear(packed);
    LB_TRY(lb_pack_words(packed, row->ids, row->n_tokens, error));
    LB_TRY(lb_buffer_append(packed, row->flags, row->n_tokens, error));
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    {
        LB_TRY(lb_pack_long(packed, fields[i], error));
    }
    if (row->reason != NULL)
    {
        LB_TRY(lb_buffer_append_text(packed, row->reason, error));
    }
    const lb_hash hash = lb_hash_bytes(packed->data, packed->size, row->row);
    for (unsigned i = 0; i < CHECKSUM_BYTES; i++)
    {
        checksum[i] = (unsigned char)(hash.low >> (8 * i));
    }
    return LOBASS_OK;
}

static void hash_pack(unsigned char bytes[HASH_BYTES], const uint64_t hash[2])
{
    for (unsigned i = 0; i < HASH_BYTES; i++)
    {
        bytes[i] = (unsigned char)(hash[i / 8] >> (56 - 8 * (i % 8)));
    }
}

static void hash_unpack(uint64_t hash[2], const unsigned char *bytes)
{
    hash[0] = 0;
    hash[1] = 0;
    for (unsigned i = 0; i < HASH_BYTES; i++)
    {
        hash[i / 8] = hash[i / 8] << 8 | bytes[i];
    }
}

lobass_status lb_store_row_save(lb_store *store, const lobass_row *row, lobass_error *error)
{
    unsigned char checksum[CHECKSUM_BYTES];
    unsigned char hash[HASH_BYTES];
    sqlite3_stmt *statement = NULL;
    LB_TRY(checksum_compute(checksum, store, row, error));
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_ROW_SAVE, error));
    hash_pack(hash, row->hash);
    lb_bind_count(statement, 1, row->row);
    lb_bind_count(statement, 2, row->source);
    lb_bind_count(statement, 3, row->record);
    lb_bind_count(statement, 4, row->line);
    lb_bind_count(statement, 5, row->offset);
    lb_bind_count(statement, 6, row->size_bytes);
    lb_bind_blob(statement, 7, hash, sizeof hash);
    lb_bind_count(statement, 8, (uint64_t)row->status);
    lb_bind_text(statement, 9, row->reason);
    lb_bind_count(statement, 10, row->n_tokens);
    lb_bind_count(statement, 11, row->n_scored);
    const size_t ids_bytes = row->n_tokens * sizeof(int32_t);
    lb_bind_blob(statement, 12, store->packed.data, ids_bytes);
    lb_bind_blob(statement, 13, store->packed.data + ids_bytes, row->n_tokens);
    lb_bind_blob(statement, 14, checksum, sizeof checksum);
    return lb_statement_run(store, statement, error);
}

/* What a row's columns may hold at most; INT64_MAX is SQLite's own limit. */
static bool columns_read(lobass_row *row, sqlite3_stmt *statement)
{
    const uint64_t most = (uint64_t)INT64_MAX;
    uint64_t source = 0;
    uint64_t status = 0;
    uint64_t n_tokens = 0;
    uint64_t n_scored = 0;
    const bool is_sound =
        lb_column_count(statement, 0, most, &row->row) &&
        lb_column_count(statement, 1, UINT32_MAX, &source) &&
        lb_column_count(statement, 2, most, &row->record) &&
        lb_column_count(statement, 3, most, &row->line) &&
        lb_column_count(statement, 4, most, &row->offset) &&
        lb_column_count(statement, 5, most, &row->size_bytes) &&
        sqlite3_column_bytes(statement, 6) == HASH_BYTES &&
        lb_column_count(statement, 7, LOBASS_ROW_STATUS_COUNT - 1, &status) &&
        lb_column_count(statement, 9, INT32_MAX / 4, &n_tokens) &&
        lb_column_count(statement, 10, n_tokens, &n_scored) &&
        (uint64_t)sqlite3_column_bytes(statement, 11) == n_tokens * sizeof(int32_t) &&
        (uint64_t)sqlite3_column_bytes(statement, 12) == n_tokens &&
        sqlite3_column_bytes(statement, 13) == CHECKSUM_BYTES;
    row->source = (uint32_t)source;
    row->status = (lobass_row_status)status;
    row->n_tokens = (size_t)n_tokens;
    row->n_scored = (size_t)n_scored;
    return is_sound;
}

static lobass_status arrays_read(lobass_row *row, lb_store *store, sqlite3_stmt *statement,
                                 lobass_error *error)
{
    if (row->n_tokens > store->ids_capacity || store->ids == NULL)
    {
        free(store->ids);
        store->ids_capacity = 0;
        store->ids = lb_alloc(row->n_tokens, sizeof *store->ids, error);
        if (store->ids == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        store->ids_capacity = row->n_tokens;
    }
    if (row->n_tokens > 0)
    {
        lb_unpack_words(store->ids, sqlite3_column_blob(statement, 11), row->n_tokens);
    }
    lb_buffer_clear(&store->flags);
    LB_TRY(lb_buffer_reserve(&store->flags, row->n_tokens + 1, error));
    LB_TRY(
        lb_buffer_append(&store->flags, sqlite3_column_blob(statement, 12), row->n_tokens, error));
    lb_buffer_clear(&store->reason);
    const unsigned char *reason = sqlite3_column_text(statement, 8);
    LB_TRY(
        lb_buffer_append_text(&store->reason, reason != NULL ? (const char *)reason : "", error));
    row->ids = store->ids;
    row->flags = (const uint8_t *)store->flags.data;
    row->reason = reason != NULL ? store->reason.data : NULL;
    hash_unpack(row->hash, sqlite3_column_blob(statement, 6));
    return LOBASS_OK;
}

static lobass_status row_read(lobass_row *row, lb_store *store, sqlite3_stmt *statement,
                              uint64_t number, lobass_error *error)
{
    if (!columns_read(row, statement))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: row %" PRIu64 ": a column has a value or size that no row can have",
                       store->path, number);
    }
    LB_TRY(arrays_read(row, store, statement, error));
    unsigned char checksum[CHECKSUM_BYTES];
    LB_TRY(checksum_compute(checksum, store, row, error));
    if (memcmp(checksum, sqlite3_column_blob(statement, 13), sizeof checksum) != 0)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: row %" PRIu64 ": its content does not match its checksum", store->path,
                       number);
    }
    return LOBASS_OK;
}

lobass_status lb_store_row_load(lobass_row *row, lb_store *store, uint64_t number,
                                lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    memset(row, 0, sizeof *row);
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_ROW_LOAD, error));
    lb_bind_count(statement, 1, number);
    LB_TRY(lb_statement_step(store, statement, &has_row, error));
    if (!has_row)
    {
        uint64_t count = 0;
        LB_TRY(lb_store_row_count(&count, store, error));
        return lb_fail(error, LOBASS_NOT_FOUND,
                       "%s: row %" PRIu64 ": no such row; the run has %" PRIu64 ", from 0",
                       store->path, number, count);
    }
    const lobass_status status = row_read(row, store, statement, number, error);
    sqlite3_reset(statement);
    return status;
}

lobass_status lb_store_row_count(uint64_t *count, lb_store *store, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    *count = 0;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_ROW_COUNT, error));
    LB_TRY(lb_statement_step(store, statement, &has_row, error));
    if (has_row)
    {
        *count = (uint64_t)sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    return LOBASS_OK;
}

static bool summary_read(lb_row_summary *summary, sqlite3_stmt *statement, uint64_t expected)
{
    uint64_t number = 0;
    uint64_t values[4];
    static const uint64_t most[4] = {UINT32_MAX, UINT32_MAX, UINT32_MAX,
                                     LOBASS_ROW_STATUS_COUNT - 1};
    bool is_sound = lb_column_count(statement, 0, (uint64_t)INT64_MAX, &number) &&
                    number == expected && sqlite3_column_bytes(statement, 1) == HASH_BYTES;
    for (int i = 0; i < 4; i++)
    {
        is_sound = lb_column_count(statement, 2 + i, most[i], &values[i]) && is_sound;
    }
    if (!is_sound)
    {
        return false;
    }
    hash_unpack(summary->hash, sqlite3_column_blob(statement, 1));
    summary->n_tokens = (uint32_t)values[0];
    summary->n_scored = (uint32_t)values[1];
    summary->source = (uint32_t)values[2];
    summary->status = (uint32_t)values[3];
    return true;
}

lobass_status lb_store_summaries_load(lb_row_summary **summaries, size_t *count, lb_store *store,
                                      lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    sqlite3_stmt *statement = NULL;
    uint64_t n_rows = 0;
    uint64_t n = 0;
    *summaries = NULL;
    *count = 0;
    LB_TRY(lb_store_row_count(&n_rows, store, error));
    lb_row_summary *list = lb_alloc((size_t)n_rows, sizeof *list, error);
    if (list == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY_GOTO(lb_statement_use(&statement, store, LB_SQL_SUMMARIES_LOAD, error));
    /* A writer may have added rows since they were counted: those are for the next load. */
    while (n < n_rows)
    {
        bool has_row = false;
        LB_TRY_GOTO(lb_statement_step(store, statement, &has_row, error));
        if (!has_row || !summary_read(&list[n], statement, n))
        {
            status = lb_fail(error, LOBASS_BAD_FORMAT,
                             "%s: row %" PRIu64 ": a damaged or missing entry", store->path, n);
            goto done;
        }
        n++;
    }
    *summaries = list;
    *count = (size_t)n_rows;
    list = NULL;
done:
    sqlite3_reset(statement);
    free(list);
    return status;
}

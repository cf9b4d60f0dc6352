/* SPDX-License-Identifier: Apache-2.0
 *
 * Per-token losses: a row has one blob of float32 for the nll and one for the el2n under each
 * measurement, in the order of the row's scored tokens.
 * A blob's checksum is the lower half of XXH3-128 over it, seeded with the row's number (el2n: with
 * all its bits inverted), so that a blob which stands at another place is found too; 8 bytes,
 * little-endian.
 */
#include "store/store_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct checksum
{
    unsigned char bytes[8];
} checksum;

static checksum checksum_compute(const void *packed, size_t size_bytes, uint64_t seed)
{
    checksum computed;
    const lb_hash hash = lb_hash_bytes(size_bytes > 0 ? packed : "", size_bytes, seed);
    for (unsigned i = 0; i < sizeof computed.bytes; i++)
    {
        computed.bytes[i] = (unsigned char)(hash.low >> (8 * i));
    }
    return computed;
}

lobass_status lb_store_losses_save(lb_store *store, int64_t measurement, uint64_t row,
                                   const lb_row_losses *losses, lobass_error *error)
{
    const size_t n = losses->n_scored;
    sqlite3_stmt *statement = NULL;
    lb_buffer_clear(&store->packed);
    LB_TRY(lb_pack_words(&store->packed, losses->nll, n, error));
    const size_t nll_bytes = store->packed.size;
    if (losses->el2n != NULL)
    {
        LB_TRY(lb_pack_words(&store->packed, losses->el2n, n, error));
    }
    const char *packed = store->packed.data;
    const checksum nll_checksum = checksum_compute(packed, nll_bytes, row);
    const checksum el2n_checksum =
        checksum_compute(packed + nll_bytes, losses->el2n != NULL ? nll_bytes : 0, ~row);
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_LOSSES_ADD, error));
    sqlite3_bind_int64(statement, 1, measurement);
    lb_bind_count(statement, 2, row);
    lb_bind_blob(statement, 3, packed, nll_bytes);
    lb_bind_blob(statement, 4, &nll_checksum, sizeof nll_checksum);
    if (losses->el2n != NULL)
    {
        lb_bind_blob(statement, 5, packed + nll_bytes, nll_bytes);
        lb_bind_blob(statement, 6, &el2n_checksum, sizeof el2n_checksum);
    }
    LB_TRY(lb_statement_run(store, statement, error));
    return sqlite3_changes(store->database) > 0
               ? lb_totals_add(store, measurement, losses->nll, n, error)
               : lb_fail(error, LOBASS_CONFLICT,
                         "%s: row %" PRIu64 ": has losses of this measurement already, expected "
                         "none",
                         store->path, row);
}

/* *COUNT of the float32 values in COLUMN, whose checksum stands in the next one. */
static lobass_status values_check(size_t *count, lb_store *store, sqlite3_stmt *statement,
                                  int column, uint64_t row, uint64_t seed, const char *what,
                                  lobass_error *error)
{
    const size_t size_bytes = (size_t)sqlite3_column_bytes(statement, column);
    const checksum computed =
        checksum_compute(sqlite3_column_blob(statement, column), size_bytes, seed);
    if (size_bytes % sizeof(float) != 0)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: row %" PRIu64 ": %s of %zu bytes, expected a multiple of 4",
                       store->path, row, what, size_bytes);
    }
    if (sqlite3_column_bytes(statement, column + 1) != sizeof computed ||
        memcmp(&computed, sqlite3_column_blob(statement, column + 1), sizeof computed) != 0)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: row %" PRIu64 ": its %s do not match their checksum", store->path, row,
                       what);
    }
    *count = size_bytes / sizeof(float);
    return LOBASS_OK;
}

lobass_status lb_losses_reserve(lb_store *store, size_t n_scored, lobass_error *error)
{
    if (2 * n_scored <= store->losses_capacity && store->losses != NULL)
    {
        return LOBASS_OK;
    }
    free(store->losses);
    store->losses_capacity = 0;
    store->losses = lb_alloc(n_scored, 2 * sizeof *store->losses, error);
    if (store->losses == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    store->losses_capacity = 2 * n_scored;
    return LOBASS_OK;
}

/* Columns: row, nll, checksum, el2n, el2n_checksum. Copies the values into store->losses. */
static lobass_status losses_read(uint64_t *row, lb_row_losses *losses, lb_store *store,
                                 sqlite3_stmt *statement, lobass_error *error)
{
    size_t n_el2n = 0;
    *losses = (lb_row_losses){0};
    if (!lb_column_count(statement, 0, (uint64_t)INT64_MAX, row))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: losses: a row number is damaged",
                       store->path);
    }
    size_t n = 0;
    LB_TRY(values_check(&n, store, statement, 1, *row, *row, "losses", error));
    LB_TRY(lb_losses_reserve(store, n, error));
    if (n > 0)
    {
        lb_unpack_words(store->losses, sqlite3_column_blob(statement, 1), n);
    }
    losses->n_scored = n;
    losses->nll = store->losses;
    if (sqlite3_column_type(statement, 3) == SQLITE_NULL &&
        sqlite3_column_type(statement, 4) == SQLITE_NULL)
    {
        return LOBASS_OK;
    }
    LB_TRY(values_check(&n_el2n, store, statement, 3, *row, ~*row, "el2n values", error));
    if (n_el2n != n)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: row %" PRIu64 ": %zu el2n values, expected %zu, one a loss",
                       store->path, *row, n_el2n, n);
    }
    if (n > 0)
    {
        lb_unpack_words(store->losses + n, sqlite3_column_blob(statement, 3), n);
    }
    losses->el2n = store->losses + n;
    return LOBASS_OK;
}

lobass_status lb_store_losses_load(lb_row_losses *losses, lb_store *store, int64_t measurement,
                                   uint64_t row, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    *losses = (lb_row_losses){0};
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_LOSSES_LOAD, error));
    sqlite3_bind_int64(statement, 1, measurement);
    lb_bind_count(statement, 2, row);
    LB_TRY(lb_statement_step(store, statement, &has_row, error));
    if (!has_row)
    {
        return lb_fail(error, LOBASS_NOT_FOUND,
                       "%s: row %" PRIu64 ": not measured under this model", store->path, row);
    }
    uint64_t number = 0;
    const lobass_status status = losses_read(&number, losses, store, statement, error);
    sqlite3_reset(statement);
    return status;
}

lobass_status lb_store_losses_walk(lb_store *store, int64_t measurement, lb_losses_visitor visit,
                                   void *context, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_LOSSES_WALK, error));
    sqlite3_bind_int64(statement, 1, measurement);
    for (;;)
    {
        bool has_row = false;
        uint64_t row = 0;
        lb_row_losses losses = {0};
        LB_TRY_GOTO(lb_statement_step(store, statement, &has_row, error));
        if (!has_row)
        {
            break;
        }
        LB_TRY_GOTO(losses_read(&row, &losses, store, statement, error));
        LB_TRY_GOTO(visit(context, row, &losses, error));
    }
done:
    sqlite3_reset(statement);
    return status;
}

lobass_status lb_store_without_el2n_count(uint64_t *count, lb_store *store, int64_t measurement,
                                          lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    *count = 0;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_WITHOUT_EL2N_COUNT, error));
    sqlite3_bind_int64(statement, 1, measurement);
    LB_TRY(lb_statement_step(store, statement, &has_row, error));
    *count = has_row ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return LOBASS_OK;
}

lobass_status lb_store_measured_load(bool **is_measured, size_t n_rows, lb_store *store,
                                     int64_t measurement, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    lobass_status status = LOBASS_OK;
    *is_measured = NULL;
    bool *list = lb_alloc(n_rows, sizeof *list, error);
    if (list == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY_GOTO(lb_statement_use(&statement, store, LB_SQL_MEASURED_LOAD, error));
    sqlite3_bind_int64(statement, 1, measurement);
    for (;;)
    {
        bool has_row = false;
        uint64_t row = 0;
        LB_TRY_GOTO(lb_statement_step(store, statement, &has_row, error));
        if (!has_row)
        {
            break;
        }
        if (!lb_column_count(statement, 0, (uint64_t)INT64_MAX, &row) || row >= n_rows)
        {
            status = lb_fail(error, LOBASS_BAD_FORMAT,
                             "%s: losses of row %" PRIu64 ", but the run has %zu rows", store->path,
                             row, n_rows);
            goto done;
        }
        list[row] = true;
    }
    *is_measured = list;
    list = NULL;
done:
    sqlite3_reset(statement);
    free(list);
    return status;
}

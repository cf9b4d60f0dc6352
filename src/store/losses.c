/* SPDX-License-Identifier: Apache-2.0
 *
 * Models and their per-token losses: a row and model have one blob of float32 for the nll and one
 * for the el2n, in the order of the row's scored tokens. A blob's checksum is the lower half of
 * XXH3-128 over it, seeded with the row's number (el2n: with all its bits inverted), so that a blob
 * which stands at another place is found too; 8 bytes, little-endian.
 */
#include "store/store_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- models -----------------------------------------------------------------------------------
 */

static lobass_status copy_fixed(char *target, size_t capacity, lb_store *store,
                                sqlite3_stmt *statement, int column, lobass_error *error)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    const int size = sqlite3_column_bytes(statement, column);
    if (text == NULL || (size_t)size >= capacity || strlen((const char *)text) != (size_t)size)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: models: column %d is damaged", store->path,
                       column);
    }
    memcpy(target, text, (size_t)size + 1);
    return LOBASS_OK;
}

static lobass_status model_read(lb_store_model *model, lb_store *store, sqlite3_stmt *statement,
                                lobass_error *error)
{
    memset(model, 0, sizeof *model);
    model->id = sqlite3_column_int64(statement, 0);
    LB_TRY(copy_fixed(model->name, sizeof model->name, store, statement, 1, error));
    LB_TRY(copy_fixed(model->fingerprint, sizeof model->fingerprint, store, statement, 3, error));
    LB_TRY(copy_fixed(model->dtype, sizeof model->dtype, store, statement, 4, error));
    model->path = lb_column_copy(statement, 2, error);
    return model->path == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

static lobass_status model_find(lb_store_model *model, bool *is_there, lb_store *store,
                                const char *name, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    memset(model, 0, sizeof *model);
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_MODEL_LOAD, error));
    lb_bind_text(statement, 1, name);
    LB_TRY(lb_statement_step(store, statement, is_there, error));
    if (!*is_there)
    {
        return LOBASS_OK;
    }
    const lobass_status status = model_read(model, store, statement, error);
    sqlite3_reset(statement);
    return status;
}

lobass_status lb_store_model_load(lb_store_model *model, lb_store *store, const char *name,
                                  lobass_error *error)
{
    bool is_there = false;
    LB_TRY(model_find(model, &is_there, store, name, error));
    if (!is_there)
    {
        return lb_fail(error, LOBASS_NOT_FOUND, "%s: no losses under the name \"%s\"",
                       store->folder, name);
    }
    return LOBASS_OK;
}

lobass_status lb_store_model_save(lb_store *store, lb_store_model *model, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    lb_store_model stored;
    bool is_there = false;
    LB_TRY(model_find(&stored, &is_there, store, model->name, error));
    LB_TRY(lb_statement_use(&statement, store, is_there ? LB_SQL_MODEL_UPDATE : LB_SQL_MODEL_INSERT,
                            error));
    lb_bind_text(statement, 1, model->name);
    lb_bind_text(statement, 2, model->path);
    lb_bind_text(statement, 3, model->fingerprint);
    lb_bind_text(statement, 4, model->dtype);
    const lobass_status status = lb_statement_run(store, statement, error);
    model->id = is_there ? stored.id : sqlite3_last_insert_rowid(store->database);
    lb_store_model_clear(&stored);
    return status;
}

lobass_status lb_store_model_remove(lb_store *store, const char *name, lobass_error *error)
{
    lb_store_model model;
    LB_TRY(lb_store_model_load(&model, store, name, error));
    const int64_t id = model.id;
    lb_store_model_clear(&model);
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_LOSSES_REMOVE, error));
    sqlite3_bind_int64(statement, 1, id);
    LB_TRY(lb_statement_run(store, statement, error));
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_MODEL_REMOVE, error));
    sqlite3_bind_int64(statement, 1, id);
    return lb_statement_run(store, statement, error);
}

static lobass_status model_read_listed(void *element, lb_store *store, sqlite3_stmt *statement,
                                       size_t index, lobass_error *error)
{
    (void)index;
    return model_read(element, store, statement, error);
}

lobass_status lb_store_models_load(lb_store_model **models, size_t *count, lb_store *store,
                                   lobass_error *error)
{
    void *list = NULL;
    const lobass_status status = lb_statement_list(&list, count, store, LB_SQL_MODELS_LOAD,
                                                   sizeof **models, model_read_listed, error);
    *models = list;
    if (status != LOBASS_OK)
    {
        lb_store_models_free(list, *count);
        *models = NULL;
        *count = 0;
    }
    return status;
}

void lb_store_model_clear(lb_store_model *model)
{
    free(model->path);
    model->path = NULL;
}

void lb_store_models_free(lb_store_model *models, size_t count)
{
    for (size_t i = 0; models != NULL && i < count; i++)
    {
        lb_store_model_clear(&models[i]);
    }
    free(models);
}

/* ---- losses -----------------------------------------------------------------------------------
 */

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

lobass_status lb_store_losses_save(lb_store *store, int64_t model, uint64_t row,
                                   const lb_row_losses *losses, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    checksum el2n_checksum;
    const size_t n = losses->n_scored;
    lb_buffer_clear(&store->packed);
    LB_TRY(lb_pack_words(&store->packed, losses->nll, n, error));
    const size_t nll_bytes = store->packed.size;
    if (losses->el2n != NULL)
    {
        LB_TRY(lb_pack_words(&store->packed, losses->el2n, n, error));
    }
    const char *packed = store->packed.data;
    const checksum nll_checksum = checksum_compute(packed, nll_bytes, row);
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_LOSSES_SAVE, error));
    sqlite3_bind_int64(statement, 1, model);
    lb_bind_count(statement, 2, row);
    lb_bind_blob(statement, 3, packed, nll_bytes);
    lb_bind_blob(statement, 4, &nll_checksum, sizeof nll_checksum);
    if (losses->el2n != NULL)
    {
        el2n_checksum = checksum_compute(packed + nll_bytes, nll_bytes, ~row);
        lb_bind_blob(statement, 5, packed + nll_bytes, nll_bytes);
        lb_bind_blob(statement, 6, &el2n_checksum, sizeof el2n_checksum);
    }
    return lb_statement_run(store, statement, error);
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

static lobass_status losses_reserve(lb_store *store, size_t n_scored, lobass_error *error)
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
    LB_TRY(losses_reserve(store, n, error));
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

lobass_status lb_store_losses_load(lb_row_losses *losses, lb_store *store, int64_t model,
                                   uint64_t row, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    *losses = (lb_row_losses){0};
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_LOSSES_LOAD, error));
    sqlite3_bind_int64(statement, 1, model);
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

lobass_status lb_store_losses_walk(lb_store *store, int64_t model, lb_losses_visitor visit,
                                   void *context, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_LOSSES_WALK, error));
    sqlite3_bind_int64(statement, 1, model);
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

lobass_status lb_store_without_el2n_count(uint64_t *count, lb_store *store, int64_t model,
                                          lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    *count = 0;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_WITHOUT_EL2N_COUNT, error));
    sqlite3_bind_int64(statement, 1, model);
    LB_TRY(lb_statement_step(store, statement, &has_row, error));
    *count = has_row ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return LOBASS_OK;
}

lobass_status lb_store_measured_load(bool **is_measured, size_t n_rows, lb_store *store,
                                     int64_t model, lobass_error *error)
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
    sqlite3_bind_int64(statement, 1, model);
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

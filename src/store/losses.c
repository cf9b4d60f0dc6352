/* SPDX-License-Identifier: Apache-2.0
 *
 * Models and their per-token losses: one blob of float32 a row and model, in the order of the row's
 * scored tokens. Its checksum is the lower half of XXH3-128 over the blob, seeded with the row's
 * number, so that a blob which stands at another row's place is found too; 8 bytes, little-endian.
 */
#include "store/store_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CHECKSUM_BYTES 8

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

static void checksum_compute(unsigned char checksum[CHECKSUM_BYTES], const void *packed,
                             size_t size_bytes, uint64_t row)
{
    const lb_hash hash = lb_hash_bytes(size_bytes > 0 ? packed : "", size_bytes, row);
    for (unsigned i = 0; i < CHECKSUM_BYTES; i++)
    {
        checksum[i] = (unsigned char)(hash.low >> (8 * i));
    }
}

lobass_status lb_store_losses_save(lb_store *store, int64_t model, uint64_t row, const float *nll,
                                   size_t n_scored, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    unsigned char checksum[CHECKSUM_BYTES];
    lb_buffer_clear(&store->packed);
    LB_TRY(lb_pack_words(&store->packed, nll, n_scored, error));
    checksum_compute(checksum, store->packed.data, store->packed.size, row);
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_LOSSES_SAVE, error));
    sqlite3_bind_int64(statement, 1, model);
    lb_bind_count(statement, 2, row);
    lb_bind_blob(statement, 3, store->packed.data, store->packed.size);
    lb_bind_blob(statement, 4, checksum, sizeof checksum);
    return lb_statement_run(store, statement, error);
}

/* Columns: row, nll, checksum. Copies the values into store->nll. */
static lobass_status losses_read(uint64_t *row, size_t *n_scored, lb_store *store,
                                 sqlite3_stmt *statement, lobass_error *error)
{
    const size_t size_bytes = (size_t)sqlite3_column_bytes(statement, 1);
    const void *packed = sqlite3_column_blob(statement, 1);
    unsigned char checksum[CHECKSUM_BYTES];
    if (!lb_column_count(statement, 0, (uint64_t)INT64_MAX, row))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: losses: a row number is damaged",
                       store->path);
    }
    if (size_bytes % sizeof(float) != 0)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: row %" PRIu64 ": losses of %zu bytes, expected a multiple of 4",
                       store->path, *row, size_bytes);
    }
    checksum_compute(checksum, packed, size_bytes, *row);
    if (sqlite3_column_bytes(statement, 2) != CHECKSUM_BYTES ||
        memcmp(checksum, sqlite3_column_blob(statement, 2), sizeof checksum) != 0)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: row %" PRIu64 ": its losses do not match their checksum", store->path,
                       *row);
    }
    *n_scored = size_bytes / sizeof(float);
    if (*n_scored > store->nll_capacity || store->nll == NULL)
    {
        free(store->nll);
        store->nll_capacity = 0;
        store->nll = lb_alloc(*n_scored, sizeof *store->nll, error);
        if (store->nll == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        store->nll_capacity = *n_scored;
    }
    if (*n_scored > 0)
    {
        lb_unpack_words(store->nll, packed, *n_scored);
    }
    return LOBASS_OK;
}

lobass_status lb_store_losses_load(const float **nll, size_t *n_scored, lb_store *store,
                                   int64_t model, uint64_t row, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    *nll = NULL;
    *n_scored = 0;
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
    const lobass_status status = losses_read(&number, n_scored, store, statement, error);
    sqlite3_reset(statement);
    *nll = status == LOBASS_OK ? store->nll : NULL;
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
        size_t n_scored = 0;
        LB_TRY_GOTO(lb_statement_step(store, statement, &has_row, error));
        if (!has_row)
        {
            break;
        }
        LB_TRY_GOTO(losses_read(&row, &n_scored, store, statement, error));
        LB_TRY_GOTO(visit(context, row, store->nll, n_scored, error));
    }
done:
    sqlite3_reset(statement);
    return status;
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

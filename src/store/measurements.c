/* SPDX-License-Identifier: Apache-2.0
 *
 * Measurements: what was computed with, and what its losses come to. The totals are counted up with
 * each row that is stored, so that a run is opened without a look at its losses. A sum of doubles
 * depends on its order: rows are measured in any, and once all of them are there the sum is made
 * again in the order of the rows (settled), whatever was stopped before. A run of an earlier schema
 * version has no totals before it is upgraded: they are worked out when they are asked for.
 */
#include "store/store_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what was computed with -------------------------------------------------------------------
 */

static lobass_status copy_fixed(char *target, size_t capacity, lb_store *store,
                                sqlite3_stmt *statement, int column, lobass_error *error)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    const int size = sqlite3_column_bytes(statement, column);
    if (text == NULL || (size_t)size >= capacity || strlen((const char *)text) != (size_t)size)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: measurements: column %d is damaged",
                       store->path, column);
    }
    memcpy(target, text, (size_t)size + 1);
    return LOBASS_OK;
}

static lobass_status measurement_read(void *element, lb_store *store, sqlite3_stmt *statement,
                                      size_t index, lobass_error *error)
{
    lb_measurement *read = element;
    const struct
    {
        char *target;
        size_t capacity;
        int column;
    } fixed[] = {{read->name, sizeof read->name, 1},
                 {read->fingerprint, sizeof read->fingerprint, 4},
                 {read->engine, sizeof read->engine, 5},
                 {read->dtype, sizeof read->dtype, 6},
                 {read->arithmetic, sizeof read->arithmetic, 7}};
    (void)index;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
    {
        LB_TRY(copy_fixed(fixed[i].target, fixed[i].capacity, store, statement, fixed[i].column,
                          error));
    }
    read->id = sqlite3_column_int64(statement, 0);
    read->n_threads = (uint32_t)sqlite3_column_int64(statement, 8);
    read->seconds = sqlite3_column_double(statement, 9);
    read->path = lb_column_copy(statement, 2, error);
    if (read->path != NULL && sqlite3_column_type(statement, 3) != SQLITE_NULL)
    {
        read->adapter = lb_column_copy(statement, 3, error);
        return read->adapter == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    }
    return read->path == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

lobass_status lb_store_measurement_find(lb_measurement *measurement, bool *is_there,
                                        lb_store *store, const char *name, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    memset(measurement, 0, sizeof *measurement);
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_MEASUREMENT_LOAD, error));
    lb_bind_text(statement, 1, name);
    LB_TRY(lb_statement_step(store, statement, is_there, error));
    if (!*is_there)
    {
        return LOBASS_OK;
    }
    const lobass_status status = measurement_read(measurement, store, statement, 0, error);
    sqlite3_reset(statement);
    if (status != LOBASS_OK)
    {
        lb_store_measurement_clear(measurement);
    }
    return status;
}

lobass_status lb_store_measurement_load(lb_measurement *measurement, lb_store *store,
                                        const char *name, lobass_error *error)
{
    bool is_there = false;
    LB_TRY(lb_store_measurement_find(measurement, &is_there, store, name, error));
    return is_there ? LOBASS_OK
                    : lb_fail(error, LOBASS_NOT_FOUND, "%s: no losses under the name \"%s\"",
                              store->folder, name);
}

lobass_status lb_store_measurement_save(lb_store *store, lb_measurement *measurement,
                                        lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_MEASUREMENT_SAVE, error));
    lb_bind_text(statement, 1, measurement->name);
    lb_bind_text(statement, 2, measurement->path);
    lb_bind_text(statement, 3, measurement->adapter);
    lb_bind_text(statement, 4, measurement->fingerprint);
    lb_bind_text(statement, 5, measurement->engine);
    lb_bind_text(statement, 6, measurement->dtype);
    lb_bind_text(statement, 7, measurement->arithmetic);
    lb_bind_count(statement, 8, measurement->n_threads);
    sqlite3_bind_double(statement, 9, measurement->seconds);
    LB_TRY(lb_statement_step(store, statement, &has_row, error));
    measurement->id = sqlite3_column_int64(statement, 0);
    return lb_statement_run(store, statement, error);
}

lobass_status lb_store_measurement_remove(lb_store *store, const char *name, lobass_error *error)
{
    static const lb_statement steps[] = {LB_SQL_LOSSES_REMOVE, LB_SQL_MEASUREMENT_REMOVE};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    {
        sqlite3_stmt *statement = NULL;
        LB_TRY(lb_statement_use(&statement, store, steps[i], error));
        lb_bind_text(statement, 1, name);
        LB_TRY(lb_statement_run(store, statement, error));
    }
    return LOBASS_OK;
}

lobass_status lb_store_measurements_load(lb_measurement **measurements, size_t *count,
                                         lb_store *store, lobass_error *error)
{
    void *list = NULL;
    const lobass_status status = lb_statement_list(&list, count, store, LB_SQL_MEASUREMENTS_LOAD,
                                                   sizeof **measurements, measurement_read, error);
    *measurements = list;
    if (status != LOBASS_OK)
    {
        lb_store_measurements_free(list, *count);
        *measurements = NULL;
        *count = 0;
    }
    return status;
}

void lb_store_measurement_clear(lb_measurement *measurement)
{
    free(measurement->path);
    free(measurement->adapter);
    *measurement = (lb_measurement){0};
}

void lb_store_measurements_free(lb_measurement *measurements, size_t count)
{
    for (size_t i = 0; measurements != NULL && i < count; i++)
    {
        lb_store_measurement_clear(&measurements[i]);
    }
    free(measurements);
}

/* ---- what its losses come to ------------------------------------------------------------------
 */

static const lb_loss_totals no_losses = {.least = INFINITY, .most = -INFINITY};

double lb_losses_sum(const float *nll, size_t n_scored)
{
    double sum = 0;
    for (size_t i = 0; i < n_scored; i++)
    {
        sum += (double)nll[i];
    }
    return sum;
}

double lb_loss_totals_mean(const lb_loss_totals *totals)
{
    return totals->n_scored > 0 ? totals->nll_sum / (double)totals->n_scored : NAN;
}

static void row_add(lb_loss_totals *totals, const float *nll, size_t n_scored)
{
    const double sum = lb_losses_sum(nll, n_scored);
    totals->n_rows++;
    if (!isfinite(sum))
    {
        totals->n_nonfinite++;
        return;
    }
    totals->n_scored += n_scored;
    totals->nll_sum += sum;
    totals->least = fmin(totals->least, sum / (double)n_scored);
    totals->most = fmax(totals->most, sum / (double)n_scored);
}

/* Losses as they are, also those that do not match their checksum: who reads the row is told. */
static lobass_status totals_compute(lb_loss_totals *totals, lb_store *store, int64_t measurement,
                                    lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = true;
    *totals = no_losses;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_NLL_WALK, error));
    sqlite3_bind_int64(statement, 1, measurement);
    for (;;)
    {
        LB_TRY(lb_statement_step(store, statement, &has_row, error));
        if (!has_row)
        {
            return LOBASS_OK;
        }
        const size_t n = (size_t)sqlite3_column_bytes(statement, 0) / sizeof(float);
        const lobass_status status = lb_losses_reserve(store, n, error);
        if (status != LOBASS_OK)
        {
            sqlite3_reset(statement);
            return status;
        }
        if (n > 0)
        {
            lb_unpack_words(store->losses, sqlite3_column_blob(statement, 0), n);
        }
        row_add(totals, store->losses, n);
    }
}

static lobass_status totals_put(lb_store *store, lb_statement which, int64_t measurement,
                                const lb_loss_totals *totals, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_statement_use(&statement, store, which, error));
    sqlite3_bind_int64(statement, 1, measurement);
    lb_bind_count(statement, 2, totals->n_rows);
    lb_bind_count(statement, 3, totals->n_nonfinite);
    lb_bind_count(statement, 4, totals->n_scored);
    sqlite3_bind_double(statement, 5, totals->nll_sum);
    sqlite3_bind_double(statement, 6, totals->least);
    sqlite3_bind_double(statement, 7, totals->most);
    return lb_statement_run(store, statement, error);
}

lobass_status lb_totals_add(lb_store *store, int64_t measurement, const float *nll, size_t n_scored,
                            lobass_error *error)
{
    lb_loss_totals row = no_losses;
    row_add(&row, nll, n_scored);
    return totals_put(store, LB_SQL_TOTALS_ADD, measurement, &row, error);
}

lobass_status lb_store_totals_settle(lb_store *store, int64_t measurement, lobass_error *error)
{
    lb_loss_totals totals;
    LB_TRY(totals_compute(&totals, store, measurement, error));
    return totals_put(store, LB_SQL_TOTALS_SAVE, measurement, &totals, error);
}

lobass_status lb_store_totals_load(lb_loss_totals *totals, lb_store *store, int64_t measurement,
                                   lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    *totals = no_losses;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_TOTALS_LOAD, error));
    sqlite3_bind_int64(statement, 1, measurement);
    LB_TRY(lb_statement_step(store, statement, &has_row, error));
    if (!has_row)
    {
        return LOBASS_OK;
    }
    const bool is_counted = sqlite3_column_type(statement, 0) != SQLITE_NULL;
    const bool is_sound = lb_column_count(statement, 0, (uint64_t)INT64_MAX, &totals->n_rows) &&
                          lb_column_count(statement, 1, totals->n_rows, &totals->n_nonfinite) &&
                          lb_column_count(statement, 2, (uint64_t)INT64_MAX, &totals->n_scored);
    totals->nll_sum = sqlite3_column_double(statement, 3);
    totals->least = sqlite3_column_double(statement, 4);
    totals->most = sqlite3_column_double(statement, 5);
    sqlite3_reset(statement);
    if (!is_counted)
    {
        return totals_compute(totals, store, measurement, error);
    }
    return is_sound ? LOBASS_OK
                    : lb_fail(error, LOBASS_BAD_FORMAT,
                              "%s: measurements: counts that no losses can have", store->path);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * How many rows have which status. As they were stored: counted once the last of them is. As they
 * ended by the losses that the latest selection saw: told by the selection, until losses are added
 * that it did not see. So that what a run is can be told without a look at each row.
 */
#include "store/store_private.h"

#include <string.h>

/* Columns: status, n_rows, n_due, n_tokens, n_scored, n_ended, n_selected. */
static bool counts_add(lb_row_counts *counts, sqlite3_stmt *statement)
{
    uint64_t status = 0;
    uint64_t values[4];
    bool is_sound = lb_column_count(statement, 0, LOBASS_ROW_STATUS_COUNT - 1, &status);
    for (int i = 0; i < 4; i++)
    {
        is_sound = lb_column_count(statement, 1 + i, (uint64_t)INT64_MAX, &values[i]) && is_sound;
    }
    if (!is_sound)
    {
        return false;
    }
    counts->statuses[status] = values[0];
    counts->n_rows += values[0];
    counts->n_due += values[1];
    counts->n_tokens += values[2];
    counts->n_scored += values[3];
    counts->has_ended = counts->has_ended || sqlite3_column_type(statement, 5) != SQLITE_NULL;
    counts->ended[status] = (uint64_t)sqlite3_column_int64(statement, 5);
    counts->selected[status] = (uint64_t)sqlite3_column_int64(statement, 6);
    return true;
}

static lobass_status counts_read(lb_row_counts *counts, lb_store *store, lb_statement which,
                                 lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = true;
    memset(counts, 0, sizeof *counts);
    LB_TRY(lb_statement_use(&statement, store, which, error));
    while (has_row)
    {
        LB_TRY(lb_statement_step(store, statement, &has_row, error));
        if (has_row && !counts_add(counts, statement))
        {
            sqlite3_reset(statement);
            return lb_fail(error, LOBASS_BAD_FORMAT, "%s: a damaged status or count of rows",
                           store->path);
        }
    }
    return LOBASS_OK;
}

lobass_status lb_store_counts_load(lb_row_counts *counts, lb_store *store, lobass_error *error)
{
    LB_TRY(counts_read(counts, store, LB_SQL_COUNTS_LOAD, error));
    return counts->n_rows > 0 ? LOBASS_OK
                              : counts_read(counts, store, LB_SQL_COUNTS_COMPUTE, error);
}

lobass_status lb_store_counts_save(lb_store *store, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_COUNTS_SAVE, error));
    return lb_statement_run(store, statement, error);
}

lobass_status lb_store_ended_save(lb_store *store, const lb_row_counts *counts, lobass_error *error)
{
    for (unsigned i = 0; i < LOBASS_ROW_STATUS_COUNT; i++)
    {
        sqlite3_stmt *statement = NULL;
        LB_TRY(lb_statement_use(&statement, store, LB_SQL_ENDED_SAVE, error));
        lb_bind_count(statement, 1, i);
        lb_bind_count(statement, 2, counts->ended[i]);
        lb_bind_count(statement, 3, counts->selected[i]);
        LB_TRY(lb_statement_run(store, statement, error));
    }
    return LOBASS_OK;
}

lobass_status lb_store_ended_remove(lb_store *store, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_ENDED_REMOVE, error));
    return lb_statement_run(store, statement, error);
}

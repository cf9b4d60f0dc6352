/* SPDX-License-Identifier: Apache-2.0
 *
 * The latest selection: the rank of every selectable row and which rows were taken. Only ranked
 * rows are stored. How ranks come about is the task's business.
 */
#include "store/store_private.h"

#include <inttypes.h>
#include <stdlib.h>

lobass_status lb_store_selection_remove(lb_store *store, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_SELECTION_CLEAR, error));
    LB_TRY(lb_statement_run(store, statement, error));
    return lb_store_ended_remove(store, error);
}

lobass_status lb_store_selection_save(lb_store *store, const uint64_t *ranks,
                                      const bool *is_selected, size_t n_rows, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_store_selection_remove(store, error));
    for (size_t row = 0; row < n_rows; row++)
    {
        if (ranks[row] == 0)
        {
            continue;
        }
        LB_TRY(lb_statement_use(&statement, store, LB_SQL_SELECTION_SAVE, error));
        lb_bind_count(statement, 1, row);
        lb_bind_count(statement, 2, ranks[row]);
        lb_bind_count(statement, 3, is_selected[row] ? 1 : 0);
        LB_TRY(lb_statement_run(store, statement, error));
    }
    return LOBASS_OK;
}

static lobass_status selection_read(uint64_t *ranks, bool *is_selected, size_t *n_ranked,
                                    size_t n_rows, lb_store *store, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_SELECTION_LOAD, error));
    for (*n_ranked = 0;; ++*n_ranked)
    {
        bool has_row = false;
        uint64_t row = 0;
        LB_TRY_GOTO(lb_statement_step(store, statement, &has_row, error));
        if (!has_row)
        {
            break;
        }
        if (!lb_column_count(statement, 0, (uint64_t)INT64_MAX, &row) || row >= n_rows ||
            !lb_column_count(statement, 1, n_rows, &ranks[row]))
        {
            status = lb_fail(error, LOBASS_BAD_FORMAT,
                             "%s: selection of row %" PRIu64 ": damaged; the run has %zu rows",
                             store->path, row, n_rows);
            goto done;
        }
        is_selected[row] = sqlite3_column_int(statement, 2) != 0;
    }
done:
    sqlite3_reset(statement);
    return status;
}

lobass_status lb_store_selection_load(uint64_t **ranks, bool **is_selected, size_t n_rows,
                                      lb_store *store, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    size_t n_ranked = 0;
    *ranks = NULL;
    *is_selected = NULL;
    uint64_t *rank_list = lb_alloc(n_rows, sizeof *rank_list, error);
    bool *selected_list = rank_list == NULL ? NULL : lb_alloc(n_rows, sizeof *selected_list, error);
    if (selected_list == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    LB_TRY_GOTO(selection_read(rank_list, selected_list, &n_ranked, n_rows, store, error));
    if (n_ranked > 0)
    {
        *ranks = rank_list;
        *is_selected = selected_list;
        return LOBASS_OK;
    }
done:
    free(rank_list);
    free(selected_list);
    return status;
}

lobass_status lb_store_selection_row_load(uint64_t *rank, bool *is_selected, lb_store *store,
                                          uint64_t row, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    *rank = 0;
    *is_selected = false;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_SELECTION_ROW_LOAD, error));
    lb_bind_count(statement, 1, row);
    LB_TRY(lb_statement_step(store, statement, &has_row, error));
    if (!has_row)
    {
        return LOBASS_OK;
    }
    const bool is_sound = lb_column_count(statement, 0, (uint64_t)INT64_MAX, rank);
    *is_selected = sqlite3_column_int(statement, 1) != 0;
    sqlite3_reset(statement);
    return is_sound ? LOBASS_OK
                    : lb_fail(error, LOBASS_BAD_FORMAT, "%s: selection of row %" PRIu64 ": damaged",
                              store->path, row);
}

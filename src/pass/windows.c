/* SPDX-License-Identifier: Apache-2.0
 *
 * Which windows there are is found once; their tokens are read from the store when they are needed.
 */
#include "pass/pass.h"

#include <stdlib.h>
#include <string.h>

/* ---- which there are --------------------------------------------------------------------------
 */

typedef struct window_list
{
    lb_window *values; /* [capacity] */
    size_t count, capacity;
} window_list;

static lobass_status list_add(window_list *list, lb_window window, lobass_error *error)
{
    void *values = list->values;
    LB_TRY(lb_list_reserve(&values, &list->capacity, list->count + 1, sizeof window, error));
    list->values = values;
    list->values[list->count++] = window;
    return LOBASS_OK;
}

static uint32_t count_scored(const uint8_t *flags, size_t n_tokens)
{
    uint32_t n_scored = 0;
    for (size_t t = 0; t < n_tokens; t++)
    {
        n_scored += (flags[t] & LOBASS_TOKEN_SCORED) != 0 ? 1 : 0;
    }
    return n_scored;
}

static lobass_status row_cut(window_list *list, lb_store *store, uint64_t number, uint32_t length,
                             lobass_error *error)
{
    lobass_row row;
    LB_TRY(lb_store_row_load(&row, store, number, error));
    for (size_t first = 0; first + 1 < row.n_tokens; first += length - 1)
    {
        const size_t left = row.n_tokens - first;
        const uint32_t n_tokens = left < length ? (uint32_t)left : length;
        const uint32_t n_scored = count_scored(row.flags + first + 1, n_tokens - 1);
        if (n_scored > 0)
        {
            LB_TRY(list_add(list, (lb_window){number, (uint32_t)first, n_tokens, n_scored}, error));
        }
    }
    return LOBASS_OK;
}

static lobass_status rows_cut(window_list *list, lb_store *store, const lb_row_summary *summaries,
                              const bool *is_taken, size_t n_rows, lobass_error *error)
{
    uint32_t length = 0;
    LB_TRY(lb_window_length_load(&length, store, error));
    for (size_t i = 0; i < n_rows; i++)
    {
        const lb_row_summary *row = &summaries[i];
        if (is_taken[i] && row->n_tokens > length)
        {
            LB_TRY(row_cut(list, store, i, length, error));
        }
        else if (is_taken[i])
        {
            LB_TRY(list_add(list, (lb_window){i, 0, row->n_tokens, row->n_scored}, error));
        }
    }
    return LOBASS_OK;
}

lobass_status lb_windows_find(lb_window **windows, size_t *count, lb_store *store,
                              const lb_row_summary *summaries, const bool *is_taken, size_t n_rows,
                              lobass_error *error)
{
    window_list list = {0};
    /* In one transaction: a lock a row would cost more than the row. */
    LB_TRY(lb_store_begin(store, error));
    const lobass_status status = rows_cut(&list, store, summaries, is_taken, n_rows, error);
    lb_store_rollback(store);
    if (status != LOBASS_OK)
    {
        free(list.values);
        return status;
    }
    *windows = list.values;
    *count = list.count;
    return LOBASS_OK;
}

/* ---- what they hold ---------------------------------------------------------------------------
 */

static lobass_status row_check(const lb_window_reader *reader, const lobass_row *row,
                               const lb_window *window, lobass_error *error)
{
    if (row->n_tokens < window->first + (size_t)window->n_tokens)
    {
        return lb_fail(error, LOBASS_CONFLICT, "%s: row %llu changed while it was used",
                       lb_store_path(reader->store), (unsigned long long)row->row);
    }
    for (size_t t = window->first; t < window->first + (size_t)window->n_tokens; t++)
    {
        if (row->ids[t] < 0 || (size_t)row->ids[t] >= reader->n_vocabulary)
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           "%s: row %llu: token %zu is %d, the model's vocabulary has %zu",
                           lb_store_path(reader->store), (unsigned long long)row->row, t,
                           row->ids[t], reader->n_vocabulary);
        }
    }
    return LOBASS_OK;
}

lobass_status lb_window_add(lb_batch_builder *builder, lb_window_reader *reader,
                            const lb_window *window, lobass_error *error)
{
    lobass_row row;
    LB_TRY(lb_store_row_load(&row, reader->store, window->row, error));
    LB_TRY(row_check(reader, &row, window, error));
    lb_buffer_clear(&reader->flags);
    LB_TRY(lb_buffer_append(&reader->flags, row.flags + window->first, window->n_tokens, error));
    uint8_t *flags = (uint8_t *)reader->flags.data;
    flags[0] &= (uint8_t)~LOBASS_TOKEN_SCORED;
    if (count_scored(flags, window->n_tokens) != window->n_scored)
    {
        return lb_fail(error, LOBASS_CONFLICT, "%s: row %llu changed while it was used",
                       lb_store_path(reader->store), (unsigned long long)row.row);
    }
    return lb_batch_builder_add(builder, row.ids + window->first, flags, window->n_tokens, error);
}

void lb_window_reader_free(lb_window_reader *reader)
{
    lb_buffer_free(&reader->flags);
}

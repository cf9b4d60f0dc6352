/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows as training and evaluation see them: windows of at most max_length tokens. A row of a run is
 * one window. A longer one, which only stores of pretraining text have, is cut in windows that
 * overlap by one token: the last of a window is the first of the next, where it is seen and not
 * scored, so that every token but the row's first is scored once. Each window is a sequence of its
 * own: positions begin at 0, and nothing before it is seen.
 */
#ifndef LB_PASS_WINDOWS_H
#define LB_PASS_WINDOWS_H

#include "run/run.h"

typedef struct lb_window
{
    uint64_t row;
    uint32_t first; /* token of the row */
    uint32_t n_tokens, n_scored;
} lb_window;

/* The windows of the rows that IS_TAKEN [N_ROWS], in their order; without those that have no scored
 * token. *WINDOWS [*COUNT] is yours: free(). */
lobass_status lb_windows_find(lb_window **windows, size_t *count, lb_store *store,
                              const lb_row_summary *summaries, const bool *is_taken, size_t n_rows,
                              lobass_error *error);

/* Reads windows of one store into batches. */
typedef struct lb_window_reader
{
    lb_store *store;
    size_t n_vocabulary; /* ids beyond it are refused */
    lb_buffer flags;     /* scratch */
} lb_window_reader;

/* Adds a window as a sequence of BUILDER. LOBASS_CONFLICT where the row is no longer what it was.
 */
lobass_status lb_window_add(lb_batch_builder *builder, lb_window_reader *reader,
                            const lb_window *window, lobass_error *error);
void lb_window_reader_free(lb_window_reader *reader);

#endif

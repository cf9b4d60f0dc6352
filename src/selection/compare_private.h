/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of comparing share: which rows of two runs are the same record (match.c).
 */
#ifndef LB_SELECTION_COMPARE_PRIVATE_H
#define LB_SELECTION_COMPARE_PRIVATE_H

#include "selection/selection.h"

/* A run's rows, borrowed; the path opens the messages. */
typedef struct lb_matched_rows
{
    const char *path;
    const lb_row_summary *summaries; /* [n_rows] */
    size_t n_rows;
} lb_matched_rows;

/* (*PARTNERS)[first.n_rows], yours: free(): the row of SECOND that is the same record, by the hash
 * of its bytes; repeated records in the order of each run. NULL where every record has the same
 * number in both. LOBASS_CONFLICT where the records are not the same. */
lobass_status lb_rows_match(uint64_t **partners, const lb_matched_rows *first,
                            const lb_matched_rows *second, lobass_error *error);

#endif

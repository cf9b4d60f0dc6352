/* SPDX-License-Identifier: Apache-2.0
 *
 * Other losses for a row that has some, which no command does: a run with a row that went wrong.
 */
#ifndef LB_TEST_STORE_REPLACE_H
#define LB_TEST_STORE_REPLACE_H

#include <inttypes.h>
#include <stdio.h>

#include "store/store_private.h"

static inline lobass_status losses_replace(lb_store *store, int64_t measurement, uint64_t row,
                                           const lb_row_losses *losses, lobass_error *error)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql,
                   "DELETE FROM losses WHERE measurement = %" PRId64 " AND \"row\" = %" PRIu64,
                   measurement, row);
    LB_TRY(lb_store_execute(store, sql, error));
    LB_TRY(lb_store_losses_save(store, measurement, row, losses, error));
    return lb_store_totals_settle(store, measurement, error);
}

#endif

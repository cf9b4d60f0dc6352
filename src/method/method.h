/* SPDX-License-Identifier: Apache-2.0
 *
 * L8. The whole method in one call: lobass_run_all() (run_all.c), and what its -f keeps of the run
 * that was there (run_overwrite.c).
 */
#ifndef LB_METHOD_H
#define LB_METHOD_H

#include "selection/selection.h"

/* lb_prepare_keep() for lobass_run_all(): to overwrite a run where only the recipe differs forgets
 * what came of the recipe, and keeps rows and initial losses (run_overwrite.c). */
lobass_status lb_run_rows_prepare(const lobass_run_options *options,
                                  const lobass_observer *observer, lobass_prepare_result *result,
                                  lb_lock *hold, lobass_error *error);

#endif

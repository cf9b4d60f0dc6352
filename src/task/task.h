/* SPDX-License-Identifier: Apache-2.0
 *
 * L6. The verbs, a file each: prepare, measure, train, evaluate, generate, exact match, estimate,
 * bench, init. Nearly all they give is public; this header holds the rest.
 */
#ifndef LB_TASK_H
#define LB_TASK_H

#include "pass/pass.h"

/* lobass_prepare() that keeps the rows (HOLD may be NULL) before anyone else can clear them. */
lobass_status lb_prepare_keep(const lobass_prepare_options *options,
                              const lobass_observer *observer, lobass_prepare_result *result,
                              lb_lock *hold, lobass_error *error);

#endif

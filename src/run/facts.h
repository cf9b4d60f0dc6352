/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts that several tasks keep about a run beside those of run.h: seconds spent on each step,
 * summed over the calls it took.
 */
#ifndef LB_RUN_FACTS_H
#define LB_RUN_FACTS_H

#include "store/store.h"

/* The seconds of a step: those of earlier calls and those since the clock began. */
typedef struct lb_step_clock
{
    char fact[96]; /* "seconds.STEP" */
    double before_seconds, began_seconds;
} lb_step_clock;

lobass_status lb_step_clock_begin(lb_step_clock *clock, lb_store *store, const char *step,
                                  lobass_error *error);
/* In the caller's transaction, or in its own where there is none. */
lobass_status lb_step_clock_save(const lb_step_clock *clock, lb_store *store, lobass_error *error);
/* 0 where the step was never taken. */
lobass_status lb_step_seconds_load(double *seconds, lb_store *store, const char *step,
                                   lobass_error *error);

/* *IS_TRAINED [N_ROWS], yours: free(): rows that a training takes. Those that are ok or truncated
 * and have a scored token, but for *N_NONFINITE whose measured loss under "initial" is not finite:
 * one of them in a batch would spoil every weight. */
lobass_status lb_trained_rows_find(bool **is_trained, size_t *n_nonfinite,
                                   const lb_row_summary *summaries, size_t n_rows, lb_store *store,
                                   lobass_error *error);

#endif

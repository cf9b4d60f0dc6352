/* SPDX-License-Identifier: Apache-2.0
 *
 * L6. Is the selection good? The paired test and its correction (signed_rank.c), pure functions of
 * numbers.
 */
#ifndef LB_EXPERIMENT_H
#define LB_EXPERIMENT_H

#include "selection/selection.h"

/* ---- the paired test (signed_rank.c) --------------------------------------------------------- */

/* *P of the two-sided signed-rank test that DIFFERENCES [N], all finite, lie around 0; *N_USED of
 * them are not 0. 1 where there are none. */
lobass_status lb_signed_rank_test(double *p, size_t *n_used, const double *differences, size_t n,
                                  lobass_error *error);
/* ADJUSTED [N]: the P [N] of tests that are looked at together, so that the chance of any false
 * alarm stays what each says (Holm, "A simple sequentially rejective multiple test procedure",
 * Scandinavian Journal of Statistics 6, 1979): the i-th smallest of n times n - i + 1, none below
 * one before it, none above 1. */
void lb_holm_adjust(double *adjusted, const double *p, size_t n);

#endif

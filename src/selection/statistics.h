/* SPDX-License-Identifier: Apache-2.0
 *
 * How two rankings agree: pure functions of N pairs of numbers, none of them NaN. Equal numbers are
 * ties. A coefficient is in [-1, 1], or NaN where it is not defined: fewer than two pairs, or all
 * numbers of one side equal. It is the same for every order of the pairs (rho: within the rounding
 * of its sums, which are exact below 300,000 pairs).
 */
#ifndef LB_SELECTION_STATISTICS_H
#define LB_SELECTION_STATISTICS_H

#include "base/base.h"

/* ranks[n]: the place of each value in ascending order, from 1; equal values share the mean of
 * their places (Kendall, "The treatment of ties in ranking problems", Biometrika 33, 1945). */
lobass_status lb_ranks_average(double *ranks, const double *values, size_t n, lobass_error *error);

/* Spearman's rho (1904): Pearson's correlation of the average ranks of x[n] and y[n]. About
 * 48 bytes a pair while it works, and so for Kendall's. */
lobass_status lb_spearman_compute(double *rho, const double *x, const double *y, size_t n,
                                  lobass_error *error);

/* Kendall's tau-b (1945), in O(n log n) steps (Knight, "A computer method for calculating Kendall's
 * tau with ungrouped data", JASA 61, 1966):
 *     (C - D) / sqrt((n0 - n1) (n0 - n2))
 * C and D: concordant and discordant pairs of pairs; n0: all of them; n1, n2: those that tie in x,
 * in y. */
lobass_status lb_kendall_compute(double *tau, const double *x, const double *y, size_t n,
                                 lobass_error *error);

#endif

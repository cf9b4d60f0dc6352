/* SPDX-License-Identifier: Apache-2.0
 *
 * L1. Statistics: pure functions of lists of numbers, none of them NaN.
 */
#ifndef LB_STATS_H
#define LB_STATS_H

#include "base/base.h"

/* ---- numbers in order (quantile.c) --------------------------------------------------------------
 */

void lb_reals_sort(double *values, size_t n); /* ascending; no NaN */
/* Of SORTED [N], interpolated between order statistics (Hyndman & Fan, "Sample quantiles in
 * statistical packages", American Statistician 50, 1996, type 7); SHARE in [0, 1]. NaN where N is
 * 0. */
double lb_reals_quantile(const double *sorted, size_t n, double share);
double lb_reals_median(double *values, size_t n); /* sorts them; NaN where N is 0 */

/* ---- the bootstrap (bootstrap.c) --------------------------------------------------------------
 */

/* COUNTS [N]: how often each of N things is drawn, with replacement, of every stratum as many as it
 * has. STRATA [N]: equal numbers follow each other. */
void lb_bootstrap_draw(uint32_t *counts, const uint32_t *strata, size_t n, lb_random *random);
/* LOW and HIGH of the middle 95 % of VALUES [N], which it sorts. NaN where N is 0. */
void lb_interval_compute(double *low, double *high, double *values, size_t n);

/* ---- ranks and their correlation (rank_correlation.c) ------------------------------------------
 *
 * How two rankings agree: functions of N pairs of numbers. Equal numbers are ties. A coefficient is
 * in [-1, 1], or NaN where it is not defined: fewer than two pairs, or all numbers of one side
 * equal. It is the same for every order of the pairs (rho: within the rounding of its sums, which
 * are exact below 300,000 pairs). */

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

/* ---- shares (proportion.c) --------------------------------------------------------------------
 */

/* The 95 % interval of a share of which COUNT of N were seen, N > 0 (Wilson, 1927): the shares p
 * that are at most 1.96 of their own standard deviations, sqrt(p (1 - p) / N), away. */
void lb_wilson_interval(double *low, double *high, double count, double n);

/* Two-sided p of N_WINS and N_LOSSES, were both as likely (Dixon and Mood, "The statistical sign
 * test", JASA 41, 1946); 1 where there are none. */
double lb_sign_test(uint64_t n_wins, uint64_t n_losses);

/* ---- the paired test (signed_rank.c) --------------------------------------------------------- */

/* *P of the two-sided signed-rank test that DIFFERENCES [N], all finite, lie around 0; *N_USED of
 * them are not 0. 1 where there are none. */
lobass_status lb_signed_rank_test(double *p, size_t *n_used, const double *differences, size_t n,
                                  lobass_error *error);

/* ---- tests looked at together (holm.c) --------------------------------------------------------
 */

/* ADJUSTED [N]: the P [N] of tests that are looked at together, so that the chance of any false
 * alarm stays what each says (Holm, "A simple sequentially rejective multiple test procedure",
 * Scandinavian Journal of Statistics 6, 1979): the i-th smallest of n times n - i + 1, none below
 * one before it, none above 1. */
void lb_holm_adjust(double *adjusted, const double *p, size_t n);

#endif

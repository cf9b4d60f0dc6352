/* SPDX-License-Identifier: Apache-2.0
 *
 * The paired test: Wilcoxon's signed-rank test, two-sided (Wilcoxon, "Individual comparisons by
 * ranking methods", Biometrics Bulletin 1, 1945). Zero differences are left out; equal sizes share
 * the mean of their ranks. Up to EXACT_MOST differences without ties the distribution of the sum of
 * ranks is counted; else it is taken as normal, with the variance of the ranks as they are and the
 * continuity correction of half a rank. scipy.stats.wilcoxon(d, correction=True) gives the same,
 * but for small samples with zeros, where it does not count.
 */
#include "stats/stats.h"

#include <math.h>
#include <stdlib.h>

#define EXACT_MOST 50

/* The chance of a sum of positive ranks as far from the middle as SUM, of 1..N with random signs:
 * ways[s] of the 2^N choices come to the sum s; all are whole numbers that a double holds. */
static double exact_probability(size_t n, size_t sum)
{
    enum
    {
        SUM_MOST = EXACT_MOST * (EXACT_MOST + 1) / 2
    };
    double ways[SUM_MOST + 1] = {1};
    const size_t most = n * (n + 1) / 2;
    const size_t least = sum < most - sum ? sum : most - sum;
    double tail = 0;
    for (size_t rank = 1; rank <= n; rank++)
    {
        for (size_t s = most; s >= rank; s--)
        {
            ways[s] += ways[s - rank];
        }
    }
    for (size_t s = 0; s <= least; s++)
    {
        tail += ways[s];
    }
    return fmin(1, 2 * tail / ldexp(1, (int)n));
}

/* A rank counts with a random sign: the variance of their sum is a quarter of the sum of SQUARES.
 */
static double normal_probability(size_t n, double sum, double squares)
{
    const double mean = (double)n * ((double)n + 1) / 4;
    const double distance = fmax(0, fabs(sum - mean) - 0.5);
    return squares > 0 ? erfc(distance / sqrt(squares / 2)) : 1;
}

lobass_status lb_signed_rank_test(double *p, size_t *n_used, const double *differences, size_t n,
                                  lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    size_t count = 0;
    double sum = 0; /* of the ranks of positive differences */
    double squares = 0;
    double *kept = lb_alloc(n, sizeof *kept, error);
    double *sizes = lb_alloc(n, sizeof *sizes, error);
    double *ranks = lb_alloc(n, sizeof *ranks, error);
    if (kept == NULL || sizes == NULL || ranks == NULL)
    {
        goto done;
    }
    for (size_t i = 0; i < n; i++)
    {
        if (differences[i] != 0)
        {
            kept[count] = differences[i];
            sizes[count++] = fabs(differences[i]);
        }
    }
    LB_TRY_GOTO(lb_ranks_average(ranks, sizes, count, error));
    for (size_t i = 0; i < count; i++)
    {
        sum += kept[i] > 0 ? ranks[i] : 0;
        squares += ranks[i] * ranks[i];
    }
    /* 1 + 4 + 9 + ... where all ranks are different; whole quarters, which are exact here. */
    const double n_pairs = (double)count * ((double)count + 1);
    const bool has_ties = squares != n_pairs * (2 * (double)count + 1) / 6;
    *n_used = count;
    *p = count <= EXACT_MOST && !has_ties ? exact_probability(count, (size_t)sum)
                                          : normal_probability(count, sum, squares);
done:
    free(kept);
    free(sizes);
    free(ranks);
    return status;
}

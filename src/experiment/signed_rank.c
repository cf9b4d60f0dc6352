/* SPDX-License-Identifier: Apache-2.0
 *
 * The paired test: Wilcoxon's signed-rank test, two-sided (Wilcoxon, "Individual comparisons by
 * ranking methods", Biometrics Bulletin 1, 1945). Zero differences are left out; equal sizes share
 * the mean of their ranks. Up to EXACT_MOST differences without ties the distribution of the sum of
 * ranks is counted; else it is taken as normal, with the variance corrected for ties and the
 * continuity correction of half a rank. scipy.stats.wilcoxon(d, correction=True) gives the same,
 * but for small samples with zeros, where it does not count.
 */
#include "experiment/experiment.h"
#include "selection/statistics.h"

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

static double normal_probability(size_t n, double sum, double n_tied)
{
    const double count = (double)n;
    const double mean = count * (count + 1) / 4;
    const double variance = (count * (count + 1) * (2 * count + 1) - n_tied / 2) / 24;
    const double distance = fmax(0, fabs(sum - mean) - 0.5);
    return variance > 0 ? erfc(distance / sqrt(2 * variance)) : 1;
}

static int compare_doubles(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The sum of t^3 - t over groups of t equal SIZES, which are sorted here. */
static double ties_sum(double *sizes, size_t n)
{
    double sum = 0;
    size_t first = 0;
    if (n > 1)
    {
        qsort(sizes, n, sizeof *sizes, compare_doubles);
    }
    for (size_t i = 1; i <= n; i++)
    {
        if (i == n || sizes[i] != sizes[first])
        {
            const double t = (double)(i - first);
            sum += t * t * t - t;
            first = i;
        }
    }
    return sum;
}

lobass_status lb_signed_rank_test(double *p, size_t *n_used, const double *differences, size_t n,
                                  lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    size_t count = 0;
    double sum = 0;
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
    }
    const double n_tied = ties_sum(sizes, count);
    *n_used = count;
    *p = count <= EXACT_MOST && n_tied == 0 ? exact_probability(count, (size_t)sum)
                                            : normal_probability(count, sum, n_tied);
done:
    free(kept);
    free(sizes);
    free(ranks);
    return status;
}

/* ---- many tests at once -----------------------------------------------------------------------
 */

/* The place of a p among others, by itself and then by where it stands. */
static bool comes_before(const double *p, size_t a, size_t b)
{
    return p[a] < p[b] || (p[a] == p[b] && a < b);
}

void lb_holm_adjust(double *adjusted, const double *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
    {
        adjusted[i] = 0;
        for (size_t j = 0; j < n; j++) /* all that come up to it, each times those left behind it */
        {
            size_t rank = 0;
            for (size_t k = 0; k < n; k++)
            {
                rank += comes_before(p, k, j) ? 1 : 0;
            }
            if (j == i || comes_before(p, j, i))
            {
                adjusted[i] = fmax(adjusted[i], fmin(1, (double)(n - rank) * p[j]));
            }
        }
    }
}

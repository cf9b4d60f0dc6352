/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers in order, and what is read off their order.
 */
#include "stats/stats.h"

#include <math.h>
#include <stdlib.h>

static int compare_reals(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

void lb_reals_sort(double *values, size_t n)
{
    if (n > 0)
    {
        qsort(values, n, sizeof *values, compare_reals);
    }
}

double lb_reals_quantile(const double *sorted, size_t n, double share)
{
    if (n == 0)
    {
        return NAN;
    }
    const double place = share * (double)(n - 1);
    const size_t below = (size_t)floor(place);
    const size_t above = below + 1 < n ? below + 1 : below;
    return sorted[below] + (place - (double)below) * (sorted[above] - sorted[below]);
}

double lb_reals_median(double *values, size_t n)
{
    lb_reals_sort(values, n);
    return lb_reals_quantile(values, n, 0.5);
}

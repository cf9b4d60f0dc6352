/* SPDX-License-Identifier: Apache-2.0
 *
 * The bootstrap (Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7,
 * 1979): what a resample draws, and the percentile interval of what resamples came to.
 */
#include "stats/stats.h"

#include <string.h>

#define CONFIDENCE 0.95

void lb_bootstrap_draw(uint32_t *counts, const uint32_t *strata, size_t n, lb_random *random)
{
    memset(counts, 0, n * sizeof *counts);
    for (size_t begin = 0; begin < n;)
    {
        size_t end = begin;
        while (end < n && strata[end] == strata[begin])
        {
            end++;
        }
        for (size_t i = begin; i < end; i++)
        {
            counts[begin + lb_random_below(random, end - begin)]++;
        }
        begin = end;
    }
}

void lb_interval_compute(double *low, double *high, double *values, size_t n)
{
    lb_reals_sort(values, n);
    *low = lb_reals_quantile(values, n, (1 - CONFIDENCE) / 2);
    *high = lb_reals_quantile(values, n, (1 + CONFIDENCE) / 2);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * How sure a share is that was seen, and how likely wins and losses are by chance.
 */
#include "stats/stats.h"

#include <math.h>

#define NORMAL_QUANTILE 1.959963984540054 /* of 0.975 */

double lb_sign_test(uint64_t n_wins, uint64_t n_losses)
{
    const double n = (double)(n_wins + n_losses);
    const uint64_t least = n_wins < n_losses ? n_wins : n_losses;
    double tail = 0;
    int sign = 0;
    for (uint64_t i = 0; i <= least; i++)
    {
        const double k = (double)i;
        tail += exp(lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign) -
                    n * M_LN2);
    }
    return fmin(1, 2 * tail);
}

void lb_wilson_interval(double *low, double *high, double count, double n)
{
    const double z = NORMAL_QUANTILE;
    const double share = count / n;
    const double middle = (share + z * z / (2 * n)) / (1 + z * z / n);
    const double reach = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n));
    *low = count > 0 ? middle - reach : 0;
    *high = count < n ? middle + reach : 1;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Several tests looked at together: Holm's adjustment of their p, see stats.h. There are few: the
 * next smallest is looked for among all of them.
 */
#include "stats/stats.h"

#include <math.h>

/* The place of a p among others, by itself and then by where it stands. */
static bool comes_before(const double *p, size_t a, size_t b)
{
    return p[a] < p[b] || (p[a] == p[b] && a < b);
}

void lb_holm_adjust(double *adjusted, const double *p, size_t n)
{
    double least = 0;
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < n; i++) /* from the smallest on */
    {
        size_t next = SIZE_MAX;
        for (size_t j = 0; j < n; j++)
        {
            const bool is_behind = last == SIZE_MAX || comes_before(p, last, j);
            next = is_behind && (next == SIZE_MAX || comes_before(p, j, next)) ? j : next;
        }
        least = fmax(least, fmin(1, (double)(n - i) * p[next]));
        adjusted[next] = least;
        last = next;
    }
}

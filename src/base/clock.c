/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns time: seconds of the monotonic clock, which no change of the date moves. Only differences
 * mean anything.
 */
#include "base/base.h"

#include <time.h>

double lb_clock_seconds(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

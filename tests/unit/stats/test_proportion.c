/* SPDX-License-Identifier: Apache-2.0
 *
 * The interval of a share by the equation that defines it, and the sign test against sums of whole
 * numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "stats/stats.h"

/* Its ends are the shares from which what was seen is 1.96 standard deviations away. */
static void test_interval(void **state)
{
    static const double seen[][2] = {{1, 2}, {3, 7}, {10, 100}, {1319, 1320}, {5000, 1e6}};
    double low = 0;
    double high = 0;
    (void)state;
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
    {
        const double n = seen[i][1];
        const double share = seen[i][0] / n;
        lb_wilson_interval(&low, &high, seen[i][0], n);
        assert_true(0 < low && low < share && share < high && high < 1);
        assert_true(fabs((share - low) / sqrt(low * (1 - low) / n) - 1.959963984540054) < 1e-9);
        assert_true(fabs((high - share) / sqrt(high * (1 - high) / n) - 1.959963984540054) < 1e-9);
    }
    lb_wilson_interval(&low, &high, 0, 10);
    assert_true(low == 0 && fabs(high - 0.277532799862889) < 1e-12); /* z^2 / (10 + z^2) */
    lb_wilson_interval(&low, &high, 10, 10);
    assert_true(high == 1 && fabs(low - (1 - 0.277532799862889)) < 1e-12);
}

/* 2 sum_{i <= least} n! / (i! (n - i)!) / 2^n, in whole numbers as far as doubles hold them. */
static double by_hand(unsigned n_wins, unsigned n_losses)
{
    const unsigned n = n_wins + n_losses;
    const unsigned least = n_wins < n_losses ? n_wins : n_losses;
    double ways = 1;
    double sum = 0;
    for (unsigned i = 0; i <= least; i++)
    {
        sum += ways;
        ways = ways * (n - i) / (i + 1);
    }
    return fmin(1, 2 * sum / ldexp(1, (int)n));
}

static void test_sign(void **state)
{
    (void)state;
    for (unsigned wins = 0; wins <= 25; wins++)
    {
        for (unsigned losses = 0; losses <= 25; losses++)
        {
            assert_true(fabs(lb_sign_test(wins, losses) - by_hand(wins, losses)) < 1e-12);
        }
    }
    assert_true(fabs(lb_sign_test(5, 0) - 0.0625) < 1e-14);
    assert_true(lb_sign_test(0, 0) == 1 && lb_sign_test(600, 600) == 1);
    assert_true(lb_sign_test(3000, 1000) > 0 && lb_sign_test(3000, 1000) < 1e-200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interval),
        cmocka_unit_test(test_sign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

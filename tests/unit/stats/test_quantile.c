/* SPDX-License-Identifier: Apache-2.0
 *
 * Quantiles and the ends of an interval against NumPy 1.24.2 (numpy.quantile), the median, and what
 * the bootstrap draws.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "stats/stats.h"

static void test_quantiles(void **state)
{
    double twelve[] = {3.5, -1.25, 7, 0.5, 2, 2, 9.75, -4, 1e3, 0.125, 6, 5.5};
    double two[] = {3.5, -1.25};
    double one[] = {4};
    double low = 0;
    double high = 0;
    (void)state;
    lb_interval_compute(&low, &high, twelve, 12);
    assert_true(fabs(low - -3.24375) < 1e-12 && fabs(high - 727.68125) < 1e-9);
    assert_true(fabs(lb_reals_median(twelve, 12) - 2.75) < 1e-12); /* of 2 and 3.5 */
    lb_interval_compute(&low, &high, two, 2);
    assert_true(fabs(low - -1.13125) < 1e-12 && fabs(high - 3.38125) < 1e-12);
    lb_interval_compute(&low, &high, one, 1);
    assert_true(low == 4 && high == 4);
    lb_interval_compute(&low, &high, one, 0);
    assert_true(isnan(low) && isnan(high) && isnan(lb_reals_median(one, 0)));
}

/* Two strata of 3 and 5: each keeps its number, and over many draws each thing is drawn once a
 * draw.
 */
static void test_draw(void **state)
{
    enum
    {
        N = 8
    };
    const double n_draws = 20000;
    static const uint32_t strata[N] = {4, 4, 4, 7, 7, 7, 7, 7};
    uint32_t counts[N];
    uint64_t sums[N] = {0};
    lb_random random;
    (void)state;
    lb_random_init(&random, 3);
    for (size_t k = 0; k < (size_t)n_draws; k++)
    {
        lb_bootstrap_draw(counts, strata, N, &random);
        assert_int_equal(counts[0] + counts[1] + counts[2], 3);
        assert_int_equal(counts[3] + counts[4] + counts[5] + counts[6] + counts[7], 5);
        for (size_t i = 0; i < N; i++)
        {
            sums[i] += counts[i];
        }
    }
    /* Variances of 2/3 and 4/5 a draw: five standard deviations are 577 and 632. */
    for (size_t i = 0; i < N; i++)
    {
        assert_true(fabs((double)sums[i] - n_draws) < (i < 3 ? 577 : 632));
    }
    lb_bootstrap_draw(counts, strata, 0, &random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_draw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

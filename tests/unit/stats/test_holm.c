/* SPDX-License-Identifier: Apache-2.0
 *
 * Holm's adjustment against values worked out by hand, ties among them and what is cut at 1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "stats/stats.h"

static void test_holm(void **state)
{
    const double p[] = {0.01, 0.04, 0.03, 0.005, 0.04};
    const double expected[] = {0.04, 0.09, 0.09, 0.025, 0.09};
    const double large[] = {0.5, 0.6};
    double adjusted[5];
    (void)state;
    lb_holm_adjust(adjusted, p, 5);
    for (size_t i = 0; i < 5; i++)
    {
        assert_true(fabs(adjusted[i] - expected[i]) < 1e-15);
    }
    lb_holm_adjust(adjusted, large, 2);
    assert_true(adjusted[0] == 1 && adjusted[1] == 1);
    lb_holm_adjust(adjusted, p, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

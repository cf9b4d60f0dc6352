/* SPDX-License-Identifier: Apache-2.0
 *
 * The paired test against SciPy 1.10.1 (scipy.stats.wilcoxon with correction=True) and against
 * values worked out by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "stats/stats.h"

#define N_MOST 400

static double differences[N_MOST];

/* x_i = (1103515245 x_(i-1) + 12345) mod 2^31, as the script that made the golden numbers. */
static void fill(size_t n, uint64_t seed, double shift)
{
    uint64_t x = seed;
    for (size_t i = 0; i < n; i++)
    {
        x = (x * 1103515245 + 12345) % 2147483648U;
        differences[i] = (double)x / 2147483648.0 - shift;
    }
}

static void check(const double *d, size_t n, double expected, size_t expected_used)
{
    double p = NAN;
    size_t n_used = 0;
    assert_int_equal(lb_signed_rank_test(&p, &n_used, d, n, NULL), LOBASS_OK);
    assert_int_equal(n_used, expected_used);
    if (!(fabs(p - expected) <= 1e-12 * expected))
    {
        fail_msg("%zu differences: %.17g, expected %.17g", n, p, expected);
    }
}

static void test_exact(void **state)
{
    const double seven[] = {1, -2, 3, 4, 5, 6, 7};
    (void)state;
    check(seven, 7, 0.046875, 7);
    fill(12, 1, 0.15);
    check(differences, 12, 0.0068359375, 12);
    fill(50, 2, 0.35);
    check(differences, 50, 0.010879562807692977, 50);
}

static void test_normal(void **state)
{
    const double ties[] = {1, 2, -2, 3, 0, 4, -1, 5, 6, 2};
    (void)state;
    check(ties, 10, 0.04960185169639382, 9);
    fill(51, 3, 0.3);
    check(differences, 51, 0.0007027390899031745, 51);
    fill(400, 4, 0.46);
    for (size_t i = 0; i < 400; i++)
    {
        differences[i] = nearbyint(differences[i] * 20) / 8;
    }
    check(differences, 400, 0.20293848810184634, 370);
}

/* All signs alike: 2 / 2^n; nothing but zeros, or nothing: no evidence. */
static void test_edges(void **state)
{
    const double zeros[3] = {0, -0.0, 0};
    const double alike[3] = {1, 2, 3};
    (void)state;
    check(zeros, 3, 1, 0);
    check(zeros, 0, 1, 0);
    check(alike, 3, 0.25, 3);
    check(alike, 1, 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

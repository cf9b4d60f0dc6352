/* SPDX-License-Identifier: Apache-2.0
 *
 * Rank correlation against SciPy 1.10.1 (scipy.stats.spearmanr, kendalltau) and against the
 * definition of tau-b, pair by pair.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "stats/stats.h"

#define N_MOST 65537

static double x[N_MOST], y[N_MOST];

static double rho_of(const double *a, const double *b, size_t n)
{
    double rho = 0;
    assert_int_equal(lb_spearman_compute(&rho, a, b, n, NULL), LOBASS_OK);
    return rho;
}

static double tau_of(const double *a, const double *b, size_t n)
{
    double tau = 0;
    assert_int_equal(lb_kendall_compute(&tau, a, b, n, NULL), LOBASS_OK);
    return tau;
}

static void check_near(double found, double expected, const char *what, size_t n)
{
    if (!(fabs(found - expected) <= 1e-13))
    {
        fail_msg("%s of %zu pairs: %.17g, expected %.17g", what, n, found, expected);
    }
}

static void test_average_ranks(void **state)
{
    static const double values[] = {3, -1, 3, 7.5, -1, 3, -HUGE_VAL, HUGE_VAL};
    static const double expected[] = {5, 2.5, 5, 7, 2.5, 5, 1, 8};
    double ranks[8];
    (void)state;
    assert_int_equal(lb_ranks_average(ranks, values, 8, NULL), LOBASS_OK);
    for (size_t i = 0; i < 8; i++)
    {
        assert_true(ranks[i] == expected[i]);
    }
    assert_int_equal(lb_ranks_average(ranks, values, 0, NULL), LOBASS_OK);
}

/* Small sets from textbooks, with and without ties. */
static void test_small_sets(void **state)
{
    static const struct
    {
        size_t n;
        double x[10], y[10], rho, tau;
    } sets[] = {
        {5, {1, 2, 3, 4, 5}, {5, 6, 7, 8, 7}, 0.8207826816681233, 0.7378647873726218},
        {5, {12, 2, 1, 12, 2}, {1, 4, 7, 1, 0}, -0.5407380704358752, -0.4714045207910316},
        {6, {1, 1, 2, 2, 3, 3}, {1, 2, 2, 2, 3, 1}, 0.25819888974716115, 0.2611164839335468},
        {10,
         {106, 100, 86, 101, 99, 103, 97, 113, 112, 110},
         {7, 27, 2, 50, 28, 29, 20, 12, 6, 17},
         -0.17575757575757575,
         -0.1111111111111111},
    };
    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    {
        check_near(rho_of(sets[i].x, sets[i].y, sets[i].n), sets[i].rho, "rho", sets[i].n);
        check_near(tau_of(sets[i].x, sets[i].y, sets[i].n), sets[i].tau, "tau", sets[i].n);
    }
}

/* x[i] = a mod MOST_X and y[i] = b mod MOST_Y + MIX x[i], a and b in turn from splitmix64 from 7.
 */
static void pairs_make(size_t n, uint64_t most_x, uint64_t most_y, double mix)
{
    uint64_t stream = 7;
    for (size_t i = 0; i < 2 * n; i++)
    {
        uint64_t z = stream += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        if (i % 2 == 0)
        {
            x[i / 2] = (double)(z % most_x);
        }
        else
        {
            y[i / 2] = (double)(z % most_y) + mix * x[i / 2];
        }
    }
}

/* Thousands of pairs: no ties, few ties, and values of which each stands there many times. */
static void test_large_sets(void **state)
{
    static const struct
    {
        size_t n;
        uint64_t most_x, most_y;
        double mix, rho, tau;
    } sets[] = {
        {1000, 10, 7, 0, -0.02877649325538121, -0.021299286380668962},
        {1000, 1000000, 1000000, 0, -0.010700146700146702, -0.0066546546546546554},
        {3000, 50, 60, 1, 0.6155090688889928, 0.439533725449406},
        {5000, 9, 1000, -30, -0.238702626251663, -0.17029458737041145},
        {65537, 100000, 100000, 1, 0.698661376064191, 0.49883362928764297},
        {4097, 3, 2, 0, -0.0026827972081451047, -0.0025294042786977015},
    };
    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    {
        pairs_make(sets[i].n, sets[i].most_x, sets[i].most_y, sets[i].mix);
        check_near(rho_of(x, y, sets[i].n), sets[i].rho, "rho", sets[i].n);
        check_near(tau_of(x, y, sets[i].n), sets[i].tau, "tau", sets[i].n);
    }
}

static int sign(double value)
{
    return (value > 0) - (value < 0);
}

/* Every number of pairs up to 70: where the halves of merging are uneven. */
static void test_against_definition(void **state)
{
    (void)state;
    for (size_t n = 2; n <= 70; n++)
    {
        double concordance = 0;
        double untied_x = 0;
        double untied_y = 0;
        pairs_make(n, 3 + n / 2, 4 + n / 3, n % 3 == 0 ? 0.5 : 0);
        for (size_t i = 0; i < n; i++)
        {
            for (size_t j = 0; j < i; j++)
            {
                const int dx = sign(x[i] - x[j]);
                const int dy = sign(y[i] - y[j]);
                concordance += dx * dy;
                untied_x += dx != 0;
                untied_y += dy != 0;
            }
        }
        if (untied_x > 0 && untied_y > 0)
        {
            check_near(tau_of(x, y, n), concordance / sqrt(untied_x * untied_y), "tau", n);
        }
    }
}

/* Equal rankings give 1 and reversed ones -1 to the last bit, ties or not; the order of the pairs
 * and a change of scale do not count. */
static void test_extremes_and_invariance(void **state)
{
    static double other[N_MOST];
    (void)state;
    for (size_t n = 2; n < 4000; n = 3 * n + 1)
    {
        pairs_make(n, n, 1 + n / 4, 1);
        x[0] = -5;
        y[0] = -5;
        for (size_t i = 0; i < n; i++)
        {
            other[i] = exp(x[i] / (double)n);
        }
        assert_true(rho_of(x, other, n) == 1 && tau_of(x, other, n) == 1);
        const double rho = rho_of(x, y, n);
        const double tau = tau_of(x, y, n);
        assert_true(rho_of(other, y, n) == rho && tau_of(other, y, n) == tau);
        assert_true(rho_of(y, x, n) == rho && tau_of(y, x, n) == tau);
        for (size_t i = 0; i < n; i++)
        {
            other[i] = -x[i];
        }
        assert_true(rho_of(x, other, n) == -1 && tau_of(x, other, n) == -1);
        assert_true(rho_of(other, y, n) == -rho && tau_of(other, y, n) == -tau);
        for (size_t i = 0; i < n / 2; i++)
        {
            const double kept_x = x[i];
            const double kept_y = y[i];
            x[i] = x[n - 1 - i];
            y[i] = y[n - 1 - i];
            x[n - 1 - i] = kept_x;
            y[n - 1 - i] = kept_y;
        }
        assert_true(rho_of(x, y, n) == rho && tau_of(x, y, n) == tau);
    }
}

static void test_undefined(void **state)
{
    static const double flat[] = {2, 2, 2};
    static const double rising[] = {1, 2, 3};
    (void)state;
    for (size_t n = 0; n <= 3; n++)
    {
        assert_true(isnan(rho_of(flat, rising, n)) && isnan(tau_of(flat, rising, n)));
        assert_true(isnan(rho_of(rising, flat, n)) && isnan(tau_of(rising, flat, n)));
        assert_true(isnan(rho_of(rising, rising, n)) == (n < 2));
        assert_true(isnan(tau_of(rising, rising, n)) == (n < 2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_average_ranks),
        cmocka_unit_test(test_small_sets),
        cmocka_unit_test(test_large_sets),
        cmocka_unit_test(test_against_definition),
        cmocka_unit_test(test_extremes_and_invariance),
        cmocka_unit_test(test_undefined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

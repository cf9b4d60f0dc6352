/* SPDX-License-Identifier: Apache-2.0
 *
 * xoshiro256** and its seeding against published values; the distributions made from it; shuffles
 * that are permutations and the same for the same seed. The clock moves forward.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/base.h"

static void test_published_values(void **state)
{
    (void)state;
    lb_random random = {.state = {1, 2, 3, 4}};
    const uint64_t expected[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
    for (size_t i = 0; i < 4; i++)
    {
        assert_true(lb_random_next(&random) == expected[i]);
    }
    lb_random_init(&random, 0);
    assert_true(lb_random_next(&random) == UINT64_C(0x99EC5F36CB75F2B4));
    assert_true(lb_random_next(&random) == UINT64_C(0xBF6E1F784956452A));
    lb_random_init(&random, 42);
    assert_true(lb_random_next(&random) == UINT64_C(0x15780B2E0C2EC716));
}

static void test_below(void **state)
{
    (void)state;
    lb_random random;
    lb_random_init(&random, 1);
    size_t counts[6] = {0};
    for (size_t i = 0; i < 60000; i++)
    {
        const uint64_t value = lb_random_below(&random, 6);
        assert_true(value < 6);
        counts[value]++;
    }
    for (size_t i = 0; i < 6; i++)
    {
        assert_in_range(counts[i], 9600, 10400); /* 10,000 and more than 4 deviations of 91 */
    }
    assert_true(lb_random_below(&random, 1) == 0);
    assert_true(lb_random_below(&random, 0) == 0);
    /* Where drawing again is needed most: a quarter of all values would wrap around. */
    const uint64_t bound = UINT64_C(3) << 62;
    size_t n_low = 0;
    for (size_t i = 0; i < 30000; i++)
    {
        const uint64_t value = lb_random_below(&random, bound);
        assert_true(value < bound);
        n_low += value < bound / 3;
    }
    assert_in_range(n_low, 9650, 10350);
}

static void test_uniform_and_normal(void **state)
{
    (void)state;
    const size_t count = 200000;
    lb_random random;
    lb_random_init(&random, 7);
    double sum = 0.0;
    double normal_sum = 0.0;
    double normal_squares = 0.0;
    size_t n_far = 0;
    for (size_t i = 0; i < count; i++)
    {
        const double value = lb_random_uniform(&random);
        assert_true(value >= 0.0 && value < 1.0);
        sum += value;
        const double normal = lb_random_normal(&random);
        assert_true(isfinite(normal));
        normal_sum += normal;
        normal_squares += normal * normal;
        n_far += fabs(normal) > 2.0;
    }
    const double n = (double)count;
    assert_true(fabs(sum / n - 0.5) < 0.004);
    assert_true(fabs(normal_sum / n) < 0.012);
    assert_true(fabs(normal_squares / n - 1.0) < 0.02);
    assert_true(fabs((double)n_far / n - 0.0455) < 0.003);
}

static void test_shuffle(void **state)
{
    (void)state;
    enum
    {
        COUNT = 1000
    };
    uint64_t first[COUNT];
    uint64_t second[COUNT];
    unsigned char seen[COUNT] = {0};
    size_t n_moved = 0;
    for (uint64_t i = 0; i < COUNT; i++)
    {
        first[i] = i;
        second[i] = i;
    }
    lb_random random;
    lb_random_init(&random, 3);
    lb_random_shuffle(&random, first, COUNT);
    lb_random_init(&random, 3);
    lb_random_shuffle(&random, second, COUNT);
    for (size_t i = 0; i < COUNT; i++)
    {
        assert_true(first[i] == second[i]);
        assert_true(first[i] < COUNT);
        assert_false(seen[first[i]]);
        seen[first[i]] = 1;
        n_moved += first[i] != i;
    }
    assert_true(n_moved > 980);
    lb_random_shuffle(&random, NULL, 0);
    /* All six orders of three things are equally likely. */
    size_t counts[27] = {0};
    for (size_t i = 0; i < 12000; i++)
    {
        uint64_t values[] = {0, 1, 2};
        lb_random_shuffle(&random, values, 3);
        counts[values[0] * 9 + values[1] * 3 + values[2]]++;
    }
    const size_t orders[] = {5, 7, 11, 15, 19, 21};
    for (size_t i = 0; i < 6; i++)
    {
        assert_in_range(counts[orders[i]], 1820, 2180);
    }
}

static void test_clock(void **state)
{
    (void)state;
    const double start = lb_clock_seconds();
    double now = start;
    while (now < start + 0.002)
    {
        const double next = lb_clock_seconds();
        assert_true(next >= now && next < start + 60.0);
        now = next;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_values),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_uniform_and_normal),
        cmocka_unit_test(test_shuffle),
        cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

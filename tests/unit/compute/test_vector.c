/* SPDX-License-Identifier: Apache-2.0
 *
 * The vector loops of every instruction set this CPU has: exp within 3e-7 of double over its range,
 * and its ends; sums, maxima, SiLU and bf16 against plain loops at every length around the width of
 * a register, so that no tail is forgotten.
 */
#include "instruction_sets.h"
#include "op_setup.h"

enum
{
    LONGEST = 70
};

typedef void (*vector_check)(const lb_vector *vector);

static void check_set(const char *set, void *context)
{
    const vector_check *check = (const vector_check *)context;
    lb_cpu cpu;
    assert_int_equal(lb_cpu_choose(&cpu, NULL), LOBASS_OK);
    print_message("%s: %s\n", set, lb_vector_choose(&cpu)->name);
    (*check)(lb_vector_choose(&cpu));
}

static void for_each_vector(vector_check check)
{
    for_each_set(check_set, &check);
}

static void check_exponential(const lb_vector *vector)
{
    enum
    {
        COUNT = 40001
    };
    float *x = (float *)op_alloc((size_t)2 * COUNT, sizeof *x);
    float *y = x + COUNT;
    for (size_t i = 0; i < COUNT; i++)
    {
        x[i] = -80.0F + (float)i * (160.0F / (float)COUNT);
    }
    const double sum = vector->exponential(y, x, 1.0F, 0.0F, COUNT);
    double expected_sum = 0.0;
    for (size_t i = 0; i < COUNT; i++)
    {
        const double expected = exp((double)x[i]);
        expected_sum += (double)y[i];
        if (!(fabs((double)y[i] / expected - 1.0) < 3e-7))
        {
            fail_msg("exp(%.9g) is %.9g, in double %.9g", (double)x[i], (double)y[i], expected);
        }
    }
    assert_true(fabs(sum / expected_sum - 1.0) < 1e-6);
    float ends[] = {0.0F, -INFINITY, -1000.0F, NAN, 2.0F};
    (void)vector->exponential(ends, ends, 0.5F, 1.0F, 5);
    assert_true(fabsf(ends[0] - 0.36787944F) < 1e-7F);
    assert_true(ends[1] < 1e-37F && ends[2] < 1e-37F);
    assert_true(isnan(ends[3]));
    assert_true(fabsf(ends[4] - 1.0F) < 1e-7F);
    free(x);
}

static void test_exponential(void **state)
{
    (void)state;
    for_each_vector(check_exponential);
}

static void check_lengths(const lb_vector *vector)
{
    lb_random random;
    lb_random_init(&random, 9);
    float a[LONGEST];
    float b[LONGEST];
    float y[LONGEST + 1];
    for (size_t count = 0; count < LONGEST; count++)
    {
        double sum = 0.0;
        double sum_of_a = -3.0;
        double squares_of_a = 7.0;
        double sum_of_exponentials = 0.0;
        float largest = -INFINITY;
        for (size_t i = 0; i < count; i++)
        {
            a[i] = (float)lb_random_normal(&random) - 5.0F;
            b[i] = (float)lb_random_normal(&random);
            sum += (double)a[i] * (double)b[i];
            sum_of_exponentials += exp(0.5 * (double)a[i] - 1.0);
            largest = a[i] > largest ? a[i] : largest;
        }
        double moments[] = {sum_of_a, squares_of_a};
        vector->moments_add(&moments[0], &moments[1], a, count);
        for (size_t i = 0; i < count; i++)
        {
            sum_of_a += (double)a[i];
            squares_of_a += (double)a[i] * (double)a[i];
        }
        assert_true(fabs(moments[0] - sum_of_a) <= 1e-6 * fabs(sum_of_a));
        assert_true(fabs(moments[1] - squares_of_a) <= 1e-6 * squares_of_a);
        y[count] = op_canary;
        assert_true(vector->maximum(a, count) == largest);
        assert_true(fabs(vector->dot(a, b, count) - sum) <= 1e-9);
        assert_true(fabs(vector->exponential(y, a, 0.5F, 1.0F, count) - sum_of_exponentials) <=
                    1e-6 * (sum_of_exponentials + 1e-9));
        vector->silu_forward(y, a, b, count);
        for (size_t i = 0; i < count; i++)
        {
            const double gate = (double)a[i];
            assert_true(fabs((double)y[i] - gate / (1.0 + exp(-gate)) * (double)b[i]) < 2e-6);
        }
        vector->round_bf16(y, b, count);
        for (size_t i = 0; i < count; i++)
        {
            assert_true(y[i] == op_bf16_rounded(b[i]));
        }
        assert_true(y[count] == op_canary);
    }
}

static void test_every_length(void **state)
{
    (void)state;
    for_each_vector(check_lengths);
}

static void check_bf16(const lb_vector *vector)
{
    enum
    {
        COUNT = 65536
    };
    uint16_t *half = (uint16_t *)op_alloc((size_t)2 * COUNT, sizeof *half);
    float *wide = (float *)op_alloc(COUNT, sizeof *wide);
    for (size_t i = 0; i < COUNT; i++)
    {
        half[i] = (uint16_t)i;
    }
    vector->widen_bf16(wide, half, COUNT);
    vector->narrow_bf16(half + COUNT, wide, COUNT);
    for (size_t i = 0; i < COUNT; i++)
    {
        assert_true(isnan(wide[i]) ? isnan(lb_float_from_bf16(half[COUNT + i]))
                                   : half[COUNT + i] == half[i]);
    }
    uint32_t *pairs = (uint32_t *)op_alloc(COUNT, sizeof *pairs);
    for (size_t count = 1; count < COUNT / 3; count = 4 * count + 3) /* 16 is a way of its own */
    {
        count = count == 31 ? 16 : count;
        vector->pair_bf16(pairs, count, wide, count, 3, count);
        for (size_t i = 0; i < count; i++)
        {
            assert_int_equal(pairs[i] & 0xFFFF, half[COUNT + i]);
            assert_int_equal(pairs[i] >> 16, half[COUNT + count + i]);
            assert_int_equal(pairs[count + i], half[COUNT + 2 * count + i]);
        }
    }
    free(pairs);
    free(half);
    free(wide);
}

static void test_bf16(void **state)
{
    (void)state;
    for_each_vector(check_bf16);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        on_each_set(test_exponential),
        on_each_set(test_every_length),
        on_each_set(test_bf16),
    };
    return RUN_TESTS(tests, arguments, NULL, NULL);
}

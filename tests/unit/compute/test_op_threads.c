/* SPDX-License-Identifier: Apache-2.0
 *
 * The same bits for any number of threads: every case of op_cases.h, forward and backward, with
 * every kind of product, on 1, 2, 3 and 5 threads; AdamW and the sum of squares likewise.
 */
#include "op_setup.h"

static const unsigned thread_counts[] = {1, 2, 3, 5};

enum
{
    N_THREAD_COUNTS = sizeof thread_counts / sizeof thread_counts[0],
    N_VALUES = 200001
};

static lb_hash hash_of(const void *data, size_t count, size_t element_bytes, lb_hash before)
{
    return lb_hash_bytes(data, count * element_bytes, before.low ^ before.high);
}

/* Forward and backward, then a hash of everything they wrote. */
static lb_hash results_hash(lb_compute *c, const op_case *which)
{
    op_data *t = op_data_make(which, 21);
    lb_hash hash = {0};
    assert_int_equal(which->kind->forward(c, t), LOBASS_OK);
    hash = hash_of(t->out.value, t->out.count, sizeof(float), hash);
    hash = hash_of(t->saved, t->n_saved, sizeof(float), hash);
    assert_int_equal(which->kind->backward(c, t), LOBASS_OK);
    for (size_t i = 0; i < OP_MAX_INPUTS && t->in[i].name != NULL; i++)
    {
        hash = hash_of(t->in[i].grad, t->in[i].count, sizeof(float), hash);
    }
    op_data_free(t);
    return hash;
}

static void check_set(size_t set)
{
    lb_compute *c[N_THREAD_COUNTS] = {NULL};
    for (size_t k = 0; k < N_THREAD_COUNTS; k++)
    {
        c[k] = op_compute_create(set, thread_counts[k]);
    }
    for (size_t i = 0; c[0] != NULL && i < OP_N_CASES; i++)
    {
        const lb_hash expected = results_hash(c[0], &op_cases[i]);
        for (size_t k = 1; k < N_THREAD_COUNTS; k++)
        {
            if (!lb_hash_equal(results_hash(c[k], &op_cases[i]), expected))
            {
                fail_msg("%s, %s: %u threads give other bits than 1", op_set(set)->name,
                         op_cases[i].name, thread_counts[k]);
            }
        }
    }
    for (size_t k = 0; k < N_THREAD_COUNTS; k++)
    {
        lb_compute_free(c[k]);
    }
}

static void test_operations(void **state)
{
    (void)state;
    for (size_t k = 0; k < OP_N_SETS; k++)
    {
        check_set(k);
    }
}

static void test_optimizer_step(void **state)
{
    (void)state;
    const lb_adamw settings = {0.9, 0.999, 1e-8};
    float *start = (float *)op_alloc(N_VALUES, sizeof(float));
    float *arrays = (float *)op_alloc((size_t)3 * N_VALUES, sizeof(float));
    lb_random random;
    lb_random_init(&random, 2);
    for (size_t i = 0; i < N_VALUES; i++)
    {
        start[i] = (float)lb_random_normal(&random);
    }
    lb_hash expected = {0};
    double expected_sum = 0.0;
    for (size_t k = 0; k < N_THREAD_COUNTS; k++)
    {
        lb_compute *c = op_compute_create(0, thread_counts[k]);
        memset(arrays, 0, (size_t)3 * N_VALUES * sizeof(float));
        assert_int_equal(lb_adamw_step(c, arrays, arrays + N_VALUES, arrays + (size_t)2 * N_VALUES,
                                       start, 0.5F, &settings, 1, 1e-3F, 0.1F, N_VALUES, NULL),
                         LOBASS_OK);
        double sum = 0.0;
        assert_int_equal(lb_sum_of_squares(c, &sum, start, N_VALUES, NULL), LOBASS_OK);
        const lb_hash found = hash_of(arrays, (size_t)3 * N_VALUES, sizeof(float), (lb_hash){0});
        expected = k == 0 ? found : expected;
        expected_sum = k == 0 ? sum : expected_sum;
        assert_true(lb_hash_equal(found, expected));
        assert_true(sum == expected_sum);
        lb_compute_free(c);
    }
    free(start);
    free(arrays);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        on_each_set(test_operations),
        cmocka_unit_test(test_optimizer_step),
    };
    return RUN_TESTS(tests, arguments, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * AdamW over several steps against the formula in double, with and without decay, with decay
 * decoupled from the gradient; the sum of squares against a plain double loop.
 */
#include "op_setup.h"

enum
{
    N_VALUES = 40000,
    N_STEPS = 7
};

typedef struct exact_state
{
    double *w, *m, *v;
} exact_state;

/* Decay scales the weight alone: it goes neither into the moments nor through their root. */
static void exact_step(exact_state *e, const float *grad, double grad_scale, const lb_adamw *a,
                       unsigned step, double rate, double weight_decay)
{
    for (size_t i = 0; i < N_VALUES; i++)
    {
        const double g = grad_scale * (double)grad[i];
        e->m[i] = a->beta1 * e->m[i] + (1.0 - a->beta1) * g;
        e->v[i] = a->beta2 * e->v[i] + (1.0 - a->beta2) * g * g;
        const double m_hat = e->m[i] / (1.0 - pow(a->beta1, step));
        const double v_hat = e->v[i] / (1.0 - pow(a->beta2, step));
        e->w[i] *= 1.0 - rate * weight_decay;
        e->w[i] -= rate * m_hat / (sqrt(v_hat) + a->epsilon);
    }
}

static void check_steps(double weight_decay)
{
    lb_compute *c = op_compute_create(0, 2);
    const lb_adamw settings = {0.9, 0.999, 1e-8};
    const double rate = 0.02;
    const double grad_scale = 0.25;
    lb_random random;
    lb_random_init(&random, 4);
    float *memory = (float *)op_alloc((size_t)4 * N_VALUES, sizeof *memory);
    double *exact = (double *)op_alloc((size_t)3 * N_VALUES, sizeof *exact);
    float *w = memory;
    float *grad = memory + (size_t)3 * N_VALUES;
    exact_state e = {exact, exact + N_VALUES, exact + (size_t)2 * N_VALUES};
    for (size_t i = 0; i < N_VALUES; i++)
    {
        w[i] = (float)lb_random_normal(&random);
        e.w[i] = (double)w[i];
    }
    for (unsigned step = 1; step <= N_STEPS; step++)
    {
        for (size_t i = 0; i < N_VALUES; i++)
        {
            grad[i] = i % 7 == 0 ? 0.0F : (float)lb_random_normal(&random);
        }
        assert_int_equal(lb_adamw_step(c, w, memory + N_VALUES, memory + (size_t)2 * N_VALUES, grad,
                                       (float)grad_scale, &settings, step, (float)rate,
                                       (float)weight_decay, N_VALUES, NULL),
                         LOBASS_OK);
        exact_step(&e, grad, grad_scale, &settings, step, rate, weight_decay);
    }
    for (size_t i = 0; i < N_VALUES; i++)
    {
        const double found = (double)w[i];
        if (!(fabs(found - e.w[i]) <= 2e-6 * (1.0 + fabs(e.w[i]))))
        {
            fail_msg("decay %g: weight %zu is %.9g, in double %.9g", weight_decay, i, found,
                     e.w[i]);
        }
        assert_true(fabs((double)memory[N_VALUES + i] - e.m[i]) <= 1e-6);
        assert_true(fabs((double)memory[(size_t)2 * N_VALUES + i] - e.v[i]) <= 1e-6);
    }
    free(memory);
    free(exact);
    lb_compute_free(c);
}

static void test_steps_without_decay(void **state)
{
    (void)state;
    check_steps(0.0);
}

static void test_steps_with_decay(void **state)
{
    (void)state;
    check_steps(0.3);
}

static void test_sum_of_squares(void **state)
{
    (void)state;
    lb_compute *c = op_compute_create(0, 2);
    float *x = (float *)op_alloc(N_VALUES, sizeof *x);
    double expected = 0.0;
    for (size_t i = 0; i < N_VALUES; i++)
    {
        x[i] = (float)i * 1e-3F - 7.0F;
        expected += (double)x[i] * (double)x[i];
    }
    double sum = 0.0;
    assert_int_equal(lb_sum_of_squares(c, &sum, x, N_VALUES, NULL), LOBASS_OK);
    assert_true(fabs(sum / expected - 1.0) < 1e-12);
    assert_int_equal(lb_sum_of_squares(c, &sum, x, 0, NULL), LOBASS_OK);
    assert_true(sum == 0.0);
    assert_int_equal(lb_sum_of_squares(c, &sum, x, 1, NULL), LOBASS_OK);
    assert_true(sum == (double)x[0] * (double)x[0]);
    free(x);
    lb_compute_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_without_decay),
        cmocka_unit_test(test_steps_with_decay),
        cmocka_unit_test(test_sum_of_squares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

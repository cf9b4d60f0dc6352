/* SPDX-License-Identifier: Apache-2.0
 *
 * Every forward, with every kind of product, against the double computation of op_kinds.h on the
 * same inputs (already rounded where products are bf16, so bf16 changes nothing but the sums).
 * Losses must be within 1e-5 nats, and nothing may be written beyond the rows. The linear operation
 * gives a row the same value whatever its neighbours.
 */
#include "op_setup.h"

static const double usual_tolerance = 5e-6; /* of the root mean square of the outputs */
static const double loss_tolerance = 1e-5;  /* nats */

static double root_mean_square(const double *values, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
    {
        sum += values[i] * values[i];
    }
    return sqrt(sum / (double)(count > 0 ? count : 1));
}

static void check_forward(lb_compute *c, const char *products, const op_case *which)
{
    op_data *t = op_data_make(which, 3);
    assert_int_equal(which->kind->forward(c, t), LOBASS_OK);
    which->kind->reference(t, t->out.exact);
    const double tolerance = which->kind == &op_cross_entropy
                                 ? loss_tolerance
                                 : usual_tolerance * root_mean_square(t->out.exact, t->out.count);
    for (size_t i = 0; i < t->out.count; i++)
    {
        if (!(fabs((double)t->out.value[i] - t->out.exact[i]) <=
              tolerance + 1e-6 * fabs(t->out.exact[i])))
        {
            fail_msg("%s, %s: output %zu is %.9g, in double %.9g", products, which->name, i,
                     (double)t->out.value[i], t->out.exact[i]);
        }
    }
    if (!op_canaries_live(&t->out))
    {
        fail_msg("%s, %s: written beyond the rows", products, which->name);
    }
    op_data_free(t);
}

static void test_forward_against_double(void **state)
{
    (void)state;
    for (size_t k = 0; k < OP_N_SETS; k++)
    {
        lb_compute *c = op_compute_create(k, 2);
        for (size_t i = 0; c != NULL && i < OP_N_CASES; i++)
        {
            check_forward(c, op_set(k)->name, &op_cases[i]);
        }
        lb_compute_free(c);
    }
}

static void rows_compare(lb_compute *c, const float *x, const lb_matrix *w, float *together,
                         float *alone, size_t n)
{
    assert_int_equal(lb_linear_forward(c, together, x, w, NULL, n, NULL), LOBASS_OK);
    for (size_t i = 0; i < n; i++)
    {
        assert_int_equal(lb_linear_forward(c, alone, x + i * w->n_in, w, NULL, 1, NULL), LOBASS_OK);
        assert_memory_equal(alone, together + i * w->n_out, w->n_out * sizeof *alone);
    }
}

/* A value's sum has one order, whatever is beside it. */
static void test_rows_do_not_see_each_other(void **state)
{
    (void)state;
    enum
    {
        N = 70,
        N_IN = 90,
        N_OUT = 110
    };
    lb_random random;
    lb_random_init(&random, 5);
    float *x = (float *)op_alloc((size_t)N * N_IN, sizeof *x);
    float *w = (float *)op_alloc((size_t)N_OUT * N_IN, sizeof *w);
    float *together = (float *)op_alloc((size_t)N * N_OUT, sizeof *together);
    float *alone = (float *)op_alloc(N_OUT, sizeof *alone);
    for (size_t i = 0; i < (size_t)N_OUT * N_IN; i++)
    {
        w[i] = (float)lb_random_normal(&random);
    }
    for (size_t i = 0; i < (size_t)N * N_IN; i++)
    {
        x[i] = (float)lb_random_normal(&random);
    }
    uint16_t *narrow = (uint16_t *)op_alloc((size_t)N_OUT * N_IN, sizeof *narrow);
    for (size_t i = 0; i < (size_t)N_OUT * N_IN; i++)
    {
        narrow[i] = lb_bf16_from_float(w[i]);
    }
    const lb_matrix matrices[] = {{.n_out = N_OUT, .n_in = N_IN, .fp32 = w},
                                  {.n_out = N_OUT, .n_in = N_IN, .bf16 = narrow}};
    for (size_t k = 0; k < OP_N_SETS; k++)
    {
        lb_compute *c = op_compute_create(k, 2);
        for (size_t i = 0; c != NULL && i < 2; i++)
        {
            rows_compare(c, x, &matrices[i], together, alone, N);
        }
        lb_compute_free(c);
    }
    free(narrow);
    free(x);
    free(w);
    free(together);
    free(alone);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        on_each_set(test_forward_against_double),
        on_each_set(test_rows_do_not_see_each_other),
    };
    return RUN_TESTS(tests, arguments, NULL, NULL);
}

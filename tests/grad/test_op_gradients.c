/* SPDX-License-Identifier: Apache-2.0
 *
 * Every backward against finite differences of a double computation of its forward: for the scalar
 * L = sum_o out[o] u[o] with random u, the four-point difference
 *     dL/dx = (8 (L(x + e) - L(x - e)) - (L(x + 2e) - L(x - 2e))) / 12e
 * along single values and along random directions (which see every value). Signed, and relative to
 * the gradient itself. Each case runs with every instruction set and every kind of product.
 */
#include "compute/kernels.h"
#include "grad/op_kinds.h"
#include "instruction_sets.h"
#include "unit/compute/amx_double.h"

enum
{
    N_VALUES = 6,
    N_DIRECTIONS = 2,
    COSTLY_VALUES = 1000000, /* n * n_out from which one value and one direction must do */
    N_THREADS = 2
};

static const double usual_tolerance = 5e-5;
static const double rounding = 1e-6; /* of fp32 gradients whose terms, of order 1, cancel */
static const double step = 1e-3;

static const char *products_name; /* what runs, for messages */

static bool is_costly(const op_data *t)
{
    return t->n * t->c->n_out > COSTLY_VALUES;
}

static double scalar_of(const op_data *t, double *out)
{
    t->c->kind->reference(t, out);
    double sum = 0.0;
    for (size_t o = 0; o < t->out.count; o++)
    {
        sum += out[o] * (double)t->out.grad[o];
    }
    return sum;
}

/* L with input A moved by DISTANCE along DIRECTION (NULL: along value INDEX). */
static double scalar_at(op_data *t, op_array *a, const double *direction, size_t index,
                        double distance, double *out)
{
    for (size_t i = 0; i < a->count; i++)
    {
        const double along = direction != NULL ? direction[i] : i == index ? 1.0 : 0.0;
        a->exact[i] = (double)a->value[i] + distance * along;
    }
    return scalar_of(t, out);
}

static double four_point(op_data *t, op_array *a, const double *direction, size_t index,
                         double *out)
{
    const double near = scalar_at(t, a, direction, index, step, out) -
                        scalar_at(t, a, direction, index, -step, out);
    const double far = scalar_at(t, a, direction, index, 2 * step, out) -
                       scalar_at(t, a, direction, index, -2 * step, out);
    (void)scalar_at(t, a, direction, index, 0.0, out);
    return (8 * near - far) / (12 * step);
}

static void expect_close(const op_data *t, const op_array *a, const char *what, size_t index,
                         double found, double expected, double scale)
{
    const double tolerance = t->c->tolerance > 0.0 ? t->c->tolerance : usual_tolerance;
    if (!(fabs(found - expected) <= tolerance * scale + rounding))
    {
        fail_msg("%s, %s: grad of %s, %s %zu: backward gives %.9g, differences %.9g (scale %.3g)",
                 products_name, t->c->name, a->name, what, index, found, expected, scale);
    }
}

static double start_of(const op_array *a)
{
    return a->is_written ? 0.0 : (double)op_grad_start;
}

static void check_values(op_data *t, op_array *a, lb_random *random, double *out)
{
    double square = 0.0;
    for (size_t i = 0; i < a->count; i++)
    {
        const double grad = (double)a->grad[i] - start_of(a);
        square += grad * grad / (double)a->count;
    }
    for (size_t k = 0; k < (is_costly(t) ? 1 : N_VALUES); k++)
    {
        const size_t i = k == 0 ? a->count - 1 : (size_t)lb_random_below(random, a->count);
        const double expected = four_point(t, a, NULL, i, out);
        const double found = (double)a->grad[i] - start_of(a);
        expect_close(t, a, "value", i, found, expected, fabs(expected) + 0.1 * sqrt(square));
    }
}

static void check_directions(op_data *t, op_array *a, lb_random *random, double *out)
{
    double *direction = (double *)op_alloc(a->count, sizeof *direction);
    for (size_t k = 0; k < (is_costly(t) ? 1 : N_DIRECTIONS); k++)
    {
        double found = 0.0;
        double square = 0.0;
        for (size_t i = 0; i < a->count; i++)
        {
            direction[i] = 0.3 * lb_random_normal(random);
            const double part = ((double)a->grad[i] - start_of(a)) * direction[i];
            found += part;
            square += part * part;
        }
        const double expected = four_point(t, a, direction, 0, out);
        expect_close(t, a, "direction", k, found, expected, sqrt(square));
    }
    free(direction);
}

static void check_case(lb_compute *c, const char *products, const op_case *which)
{
    products_name = products;
    op_data *t = op_data_make(which, 7);
    lb_random random;
    lb_random_init(&random, 11);
    assert_int_equal(which->kind->forward(c, t), LOBASS_OK);
    assert_int_equal(which->kind->backward(c, t), LOBASS_OK);
    double *out = (double *)op_alloc(t->out.count, sizeof *out);
    for (size_t i = 0; i < OP_MAX_INPUTS && t->in[i].name != NULL; i++)
    {
        op_array *a = &t->in[i];
        if (!op_canaries_live(a))
        {
            fail_msg("%s, %s: grad of %s: written beyond the rows", products, which->name, a->name);
        }
        if (!a->has_no_grad && a->count > 0)
        {
            check_values(t, a, &random, out);
            check_directions(t, a, &random, out);
        }
        for (size_t j = 0; t->n == 0 && j < a->count; j++)
        {
            assert_true(a->grad[j] == op_grad_start);
        }
    }
    free(out);
    op_data_free(t);
}

static void check_all(lb_compute *c, const char *products)
{
    for (size_t i = 0; i < OP_N_CASES; i++)
    {
        check_case(c, products, &op_cases[i]);
    }
}

static void check_set(const char *set, void *context)
{
    lb_compute *c = NULL;
    (void)context;
    assert_int_equal(lb_compute_create(&c, N_THREADS, NULL), LOBASS_OK);
    check_all(c, set);
    if (strcmp(set, "plain") == 0)
    {
        c->scratch->tiles = amx_double_set();
        check_all(c, c->scratch->tiles->name);
    }
    lb_compute_free(c);
}

static void test_native(void **state)
{
    (void)state;
    for_each_set(check_set, NULL);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        on_each_set(test_native),
    };
    return RUN_TESTS(tests, arguments, NULL, NULL);
}

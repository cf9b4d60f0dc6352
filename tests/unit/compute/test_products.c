/* SPDX-License-Identifier: Apache-2.0
 *
 * The products of every instruction set, on one thread and on all, against a double computation
 * over random shapes, layouts and row distances, one row and one column among them; in bf16 on
 * values that are already rounded. What lies between the rows of the result must not change.
 */
#include "op_setup.h"

enum
{
    N_SHAPES = 240,
    LONGEST = 300,
    MOST_GAP = 20
};

typedef struct shape
{
    size_t m, n, k, lda, ldb, ldc;
    bool is_a_transposed, is_b_transposed, is_added;
} shape;

static size_t random_size(lb_random *random)
{
    static const size_t usual[] = {1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 256};
    const size_t n_usual = sizeof usual / sizeof usual[0];
    const size_t pick = (size_t)lb_random_below(random, 2 * n_usual);
    return pick < n_usual ? usual[pick] : 1 + (size_t)lb_random_below(random, LONGEST);
}

static shape random_shape(lb_random *random)
{
    shape s = {.m = random_size(random), .n = random_size(random), .k = random_size(random)};
    s.is_a_transposed = lb_random_below(random, 2) == 0;
    s.is_b_transposed = lb_random_below(random, 2) == 0;
    s.is_added = lb_random_below(random, 2) == 0;
    s.lda = (s.is_a_transposed ? s.m : s.k) + (size_t)lb_random_below(random, MOST_GAP);
    s.ldb = (s.is_b_transposed ? s.k : s.n) + (size_t)lb_random_below(random, MOST_GAP);
    s.ldc = s.n + 1 + (size_t)lb_random_below(random, MOST_GAP);
    return s;
}

static double exact_value(const shape *s, const float *a, const float *b, size_t i, size_t j)
{
    double sum = 0.0;
    for (size_t p = 0; p < s->k; p++)
    {
        const float from_a = s->is_a_transposed ? a[p * s->lda + i] : a[i * s->lda + p];
        const float from_b = s->is_b_transposed ? b[j * s->ldb + p] : b[p * s->ldb + j];
        sum += (double)from_a * (double)from_b;
    }
    return sum;
}

static float *random_values(lb_random *random, size_t count, bool is_bf16)
{
    float *values = (float *)op_alloc(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
    {
        const float value = (float)lb_random_normal(random);
        values[i] = is_bf16 ? op_bf16_rounded(value) : value;
    }
    return values;
}

static void check_shape(lb_compute *c, bool is_bf16, bool is_whole, const shape *s,
                        lb_random *random)
{
    const size_t a_count = (s->is_a_transposed ? s->k : s->m) * s->lda;
    const size_t b_count = (s->is_b_transposed ? s->n : s->k) * s->ldb;
    float *a = random_values(random, a_count, is_bf16);
    float *b = random_values(random, b_count, is_bf16);
    float *c_values = (float *)op_alloc(s->m * s->ldc, sizeof *c_values);
    for (size_t i = 0; i < s->m * s->ldc; i++)
    {
        c_values[i] = i % s->ldc >= s->n ? op_canary : s->is_added ? 1.0F : NAN;
    }
    const lb_product product = {.m = s->m,
                                .n = s->n,
                                .k = s->k,
                                .a = a,
                                .b = b,
                                .lda = s->lda,
                                .ldb = s->ldb,
                                .is_a_transposed = s->is_a_transposed,
                                .is_b_transposed = s->is_b_transposed,
                                .is_added = s->is_added,
                                .is_bf16 = is_bf16,
                                .c = c_values,
                                .ldc = s->ldc};
    if (is_whole)
    {
        assert_int_equal(lb_tile_run(c, &product, NULL), LOBASS_OK);
    }
    else
    {
        lb_tile_gemm(c->scratch, 0, &product);
    }
    for (size_t i = 0; i < s->m * s->ldc; i++)
    {
        const size_t row = i / s->ldc;
        const size_t column = i % s->ldc;
        if (column >= s->n)
        {
            assert_true(c_values[i] == op_canary);
            continue;
        }
        const double expected = exact_value(s, a, b, row, column) + (s->is_added ? 1.0 : 0.0);
        if (!(fabs((double)c_values[i] - expected) <= 4e-6 * sqrt((double)s->k) + 1e-6))
        {
            fail_msg(
                "%s, bf16 %d: m %zu n %zu k %zu, a %d b %d added %d: [%zu, %zu] is %.9g, not %.9g",
                c->scratch->tiles->name, (int)is_bf16, s->m, s->n, s->k, (int)s->is_a_transposed,
                (int)s->is_b_transposed, (int)s->is_added, row, column, (double)c_values[i],
                expected);
        }
    }
    free(a);
    free(b);
    free(c_values);
}

static void test_random_shapes(void **state)
{
    (void)state;
    for (size_t k = 0; k < OP_N_SETS; k++)
    {
        lb_compute *c = op_compute_create(k, 1);
        lb_random random;
        lb_random_init(&random, 31);
        for (size_t i = 0; c != NULL && i < N_SHAPES; i++)
        {
            const shape s = random_shape(&random);
            check_shape(c, i % 2 == 0, i % 4 < 2, &s, &random);
        }
        lb_compute_free(c);
    }
}

/* Packed weights give the bits of weights as they are, whole or packed piece by piece, and a row's
 * bits do not depend on how many rows there are. */
static void check_packed(lb_compute *c, const shape *s, bool is_bf16, lb_random *random)
{
    const size_t n_weights = s->n * s->k;
    const size_t n_values = s->m * s->n;
    float *x = random_values(random, s->m * s->k, false);
    float *values = random_values(random, n_weights, is_bf16);
    uint16_t *narrow = (uint16_t *)op_alloc(n_weights, sizeof *narrow);
    for (size_t i = 0; i < n_weights; i++)
    {
        narrow[i] = lb_bf16_from_float(values[i]);
    }
    lb_matrix w = {.n_out = s->n, .n_in = s->k};
    w.fp32 = is_bf16 ? NULL : values;
    w.bf16 = is_bf16 ? narrow : NULL;
    size_t count = 0;
    assert_int_equal(lb_packed_count(&count, w.n_out, w.n_in, NULL), LOBASS_OK);
    float *panels = (float *)op_alloc(count, sizeof *panels);
    for (size_t row = 0; row < s->n; row += lb_packed_rows())
    {
        lb_matrix piece = w;
        piece.n_out = lb_min(lb_packed_rows(), s->n - row);
        piece.fp32 = is_bf16 ? NULL : values + row * s->k;
        piece.bf16 = is_bf16 ? narrow + row * s->k : NULL;
        lb_weights_pack(panels, &piece, row);
    }
    lb_matrix packed = {.n_out = s->n, .n_in = s->k, .is_packed = true};
    packed.fp32 = is_bf16 ? NULL : panels;
    packed.bf16 = is_bf16 ? (const uint16_t *)(const void *)panels : NULL;
    float *y = (float *)op_alloc(n_values, sizeof *y);
    float *from_packed = (float *)op_alloc(n_values, sizeof *y);
    float *alone = (float *)op_alloc(s->n, sizeof *y);
    const size_t last = (s->m - 1) * s->k;
    assert_int_equal(lb_linear_forward(c, y, x, &w, NULL, s->m, NULL), LOBASS_OK);
    assert_int_equal(lb_linear_forward(c, from_packed, x, &packed, NULL, s->m, NULL), 0);
    assert_int_equal(lb_linear_forward(c, alone, x + last, &packed, NULL, 1, NULL), 0);
    assert_memory_equal(from_packed, y, n_values * sizeof *y);
    assert_memory_equal(alone, y + (s->m - 1) * s->n, s->n * sizeof *y);
    free(x);
    free(values);
    free(narrow);
    free(panels);
    free(y);
    free(from_packed);
    free(alone);
}

static void test_packed_weights(void **state)
{
    (void)state;
    for (size_t k = 0; k < OP_N_SETS; k++)
    {
        lb_compute *c = op_compute_create(k, 1);
        lb_random random;
        lb_random_init(&random, 77);
        for (size_t i = 0; c != NULL && i < N_SHAPES / 4; i++)
        {
            const shape s = random_shape(&random);
            check_packed(c, &s, i % 2 == 0, &random);
        }
        static const shape large[] = {{.m = 21, .n = 37, .k = 4300}, {.m = 600, .n = 33, .k = 90}};
        for (size_t i = 0; c != NULL && i < 4; i++) /* slices of the inner dimension, row blocks */
        {
            check_packed(c, &large[i / 2], i % 2 == 0, &random);
        }
        lb_compute_free(c);
    }
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        on_each_set(test_random_shapes),
        on_each_set(test_packed_weights),
    };
    return RUN_TESTS(tests, arguments, NULL, NULL);
}

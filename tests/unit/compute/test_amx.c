/* SPDX-License-Identifier: Apache-2.0
 *
 * The AMX kernel: over the tile instructions in plain C (amx_double.h) on any CPU, and, where there
 * are tiles, on them, bit for bit the same; its tile state is taken and given back by whoever runs
 * it, on threads that were there before anybody asked the system for permission too.
 */
#include <pthread.h>

#include "op_setup.h"
#include "run_tests.h"

enum
{
    MOST_ROWS = 80,
    MOST_PANELS = 3,
    GAP = 6, /* values between two panels */
    N_SHAPES = 200
};

typedef struct operands
{
    char *left;
    uint16_t *right;
    float *c, *other;
    size_t n_rows, n_columns, n_inner, ldc;
    size_t panel_values; /* of right, from a panel to the next */
    bool is_added;
} operands;

static void operands_free(operands *o)
{
    free(o->left);
    free(o->right);
    free(o->c);
    free(o->other);
}

static float random_value(lb_random *random, bool is_extreme)
{
    const float value = (float)lb_random_normal(random);
    return is_extreme ? ldexpf(value, (int)lb_random_below(random, 250) - 148) : value;
}

/* Packed as lb_tile_pack_left() and lb_tile_pack_right() do it. IS_EXTREME: values of all sizes,
 * denormals among them, of which sums, too, are denormal or infinite. */
static operands operands_make(lb_random *random, bool is_extreme)
{
    operands o = {.n_rows = 1 + (size_t)lb_random_below(random, MOST_ROWS),
                  .n_columns =
                      1 + (size_t)lb_random_below(random, (uint64_t)MOST_PANELS * LB_PANEL),
                  .n_inner = 1 + (size_t)lb_random_below(random, 3) * 480 +
                             (size_t)lb_random_below(random, 96)};
    const lb_vector *vector = lb_vector_at(&(lb_cpu){0}, 0);
    if (lb_random_below(random, 3) == 0) /* whole tiles go another way */
    {
        o.n_rows = lb_round_up(o.n_rows, AMX_ROWS);
        o.n_columns = lb_round_up(o.n_columns, LB_PANEL);
    }
    o.is_added = lb_random_below(random, 2) == 0;
    o.ldc = o.n_columns + 3;
    float *x = (float *)op_alloc(o.n_rows * o.n_inner, sizeof *x);
    float *w = (float *)op_alloc(o.n_columns * o.n_inner, sizeof *w);
    for (size_t i = 0; i < o.n_rows * o.n_inner; i++)
    {
        x[i] = random_value(random, is_extreme);
    }
    for (size_t i = 0; i < o.n_columns * o.n_inner; i++)
    {
        w[i] = random_value(random, is_extreme);
    }
    const size_t depth = lb_tile_depth(LB_TILE_BF16);
    const size_t n_left = lb_blocks(o.n_inner, depth) * o.n_rows + LB_TILE_SPARE_ROWS;
    o.left = (char *)op_alloc(n_left, LB_TILE_STRIDE);
    memset(o.left, 0xFF, n_left * LB_TILE_STRIDE); /* NaN wherever else is read */
    o.panel_values = lb_packed_depth(o.n_inner) * LB_PANEL + GAP;
    o.right = (uint16_t *)op_alloc(MOST_PANELS * o.panel_values, sizeof *o.right);
    const lb_tile_source by_row = {x, o.n_inner, false, false};
    const lb_tile_source by_column = {w, o.n_inner, false, false};
    for (size_t inner = 0; inner < o.n_inner; inner += depth)
    {
        lb_tile_pack_left(vector, o.left + inner / depth * o.n_rows * LB_TILE_STRIDE, &by_row,
                          LB_TILE_BF16, 0, o.n_rows, inner, lb_min(depth, o.n_inner - inner));
    }
    for (size_t j = 0; j < o.n_columns; j += LB_PANEL)
    {
        lb_tile_pack_right(vector, o.right + j / LB_PANEL * o.panel_values, &by_column, true, j,
                           lb_min(LB_PANEL, o.n_columns - j), 0, o.n_inner);
    }
    o.c = (float *)op_alloc(o.n_rows * o.ldc, sizeof *o.c);
    o.other = (float *)op_alloc(o.n_rows * o.ldc, sizeof *o.c);
    for (size_t i = 0; i < o.n_rows * o.ldc; i++)
    {
        o.c[i] = i % o.ldc >= o.n_columns ? op_canary : random_value(random, is_extreme);
        o.other[i] = o.c[i];
    }
    free(x);
    free(w);
    return o;
}

static void run(const lb_tile_kernel *kernel, const operands *o, float *c)
{
    const lb_tile_strip strip = {.left = o->left,
                                 .block_rows = o->n_rows,
                                 .right = (const char *)o->right,
                                 .panel_bytes = o->panel_values * sizeof *o->right,
                                 .c = c,
                                 .ldc = o->ldc,
                                 .n_rows = o->n_rows,
                                 .n_columns = o->n_columns,
                                 .n_inner = o->n_inner,
                                 .is_added = o->is_added};
    lb_tile_multiply(kernel, &strip);
}

static bool is_same(float a, float b)
{
    return (isnan(a) && isnan(b)) || lb_float_bits(a) == lb_float_bits(b);
}

static void test_double_against_tiles(void **state)
{
    (void)state;
    if (!lb_cpu_detect().has_amx_bf16)
    {
        skip_because("this CPU has no AMX");
    }
    lb_random random;
    size_t n_finite = 0;
    lb_random_init(&random, 3);
    for (size_t i = 0; i < N_SHAPES; i++)
    {
        operands o = operands_make(&random, i % 2 == 0);
        run(&amx_double_set()->bf16, &o, o.c);
        run(&lb_tile_amx.bf16, &o, o.other);
        for (size_t j = 0; j < o.n_rows * o.ldc; j++)
        {
            if (!is_same(o.c[j], o.other[j]))
            {
                fail_msg("%zu rows, %zu columns, %zu values: [%zu, %zu] is %a, on tiles %a",
                         o.n_rows, o.n_columns, o.n_inner, j / o.ldc, j % o.ldc, (double)o.c[j],
                         (double)o.other[j]);
            }
            n_finite += isfinite(o.c[j]) ? 1 : 0;
        }
        operands_free(&o);
    }
    assert_true(n_finite > 1000);
}

typedef struct late
{
    pthread_mutex_t mutex;
    operands *o; /* NULL: there is nothing to do */
} late;

static void *multiply_late(void *argument)
{
    late *l = (late *)argument;
    (void)pthread_mutex_lock(&l->mutex);
    if (l->o != NULL)
    {
        run(&lb_tile_amx.bf16, l->o, l->o->other);
    }
    (void)pthread_mutex_unlock(&l->mutex);
    return NULL;
}

/* The first of all tests: nobody has asked for permission yet. */
static void test_thread_before_permission(void **state)
{
    (void)state;
    late l = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread;
    (void)pthread_mutex_lock(&l.mutex);
    assert_int_equal(pthread_create(&thread, NULL, multiply_late, &l), 0);
    const bool has_tiles = lb_cpu_detect().has_amx_bf16;
    lb_random random;
    lb_random_init(&random, 4);
    operands o = operands_make(&random, false);
    run(&amx_double_set()->bf16, &o, o.c);
    l.o = has_tiles ? &o : NULL;
    (void)pthread_mutex_unlock(&l.mutex);
    assert_int_equal(pthread_join(thread, NULL), 0);
    const bool is_equal = memcmp(o.c, o.other, o.n_rows * o.ldc * sizeof *o.c) == 0;
    operands_free(&o);
    if (!has_tiles)
    {
        skip_because("this CPU has no AMX");
    }
    assert_true(is_equal);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        may_skip(test_thread_before_permission),
        may_skip(test_double_against_tiles),
    };
    return RUN_TESTS(tests, arguments, NULL, NULL);
}

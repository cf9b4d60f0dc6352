/* SPDX-License-Identifier: Apache-2.0
 *
 * el2n, with every kind of product and the head in fp32 and bf16, against a computation in long
 * double that takes the definition as it stands: from vocabularies of one word to several parts,
 * from predictions that are flat to those that are sure, and right or wrong. The losses are the
 * same bits whether it is wanted or not.
 */
#include "op_setup.h"

#include "base/base.h"

enum
{
    MOST_WORDS = 16996, /* several blocks a part */
    WIDTH = 2,
    N_SCALES = 5,
    N_TARGETS = 3,
    N_ROWS = N_SCALES * N_TARGETS
};

/* Logits z[row, word] = scale[row] * head[word], exactly: scales are powers of two. */
static const float scales[N_SCALES] = {0.0F, 0.25F, 1.0F, 4.0F, 64.0F};

typedef struct prediction
{
    float *x;       /* [N_ROWS, WIDTH] */
    float *head;    /* [n_words, WIDTH] */
    uint16_t *bf16; /* the same */
    size_t n_words;
    int32_t targets[N_ROWS];
    float nll[N_ROWS], log_sum_exp[N_ROWS], el2n[N_ROWS];
} prediction;

/* Normal logits, one of which is ahead of all others; targets are that one, the last, and any. */
static prediction prediction_make(size_t n_words)
{
    prediction p = {.n_words = n_words};
    lb_random random;
    lb_random_init(&random, n_words);
    p.x = (float *)op_alloc((size_t)N_ROWS * WIDTH, sizeof *p.x);
    p.head = (float *)op_alloc(n_words * WIDTH, sizeof *p.head);
    p.bf16 = (uint16_t *)op_alloc(n_words * WIDTH, sizeof *p.bf16);
    memset(p.x, 0, (size_t)N_ROWS * WIDTH * sizeof *p.x);
    const size_t best = lb_random_below(&random, n_words);
    size_t worst = 0;
    for (size_t w = 0; w < n_words; w++)
    {
        const float logit = w == best ? 10.0F : (float)lb_random_normal(&random);
        p.head[w * WIDTH] = op_bf16_rounded(logit);
        p.head[w * WIDTH + 1] = 0.0F;
        worst = p.head[w * WIDTH] < p.head[worst * WIDTH] ? w : worst;
    }
    for (size_t i = 0; i < n_words * WIDTH; i++)
    {
        p.bf16[i] = lb_bf16_narrow(p.head[i]);
    }
    for (size_t i = 0; i < N_ROWS; i++)
    {
        const size_t targets[N_TARGETS] = {best, worst, lb_random_below(&random, n_words)};
        p.x[i * WIDTH] = scales[i / N_TARGETS];
        p.targets[i] = (int32_t)targets[i % N_TARGETS];
    }
    return p;
}

static void prediction_free(prediction *p)
{
    free(p->x);
    free(p->head);
    free(p->bf16);
}

static void predict(lb_compute *c, prediction *p, bool is_bf16)
{
    const lb_matrix head = {.n_out = p->n_words,
                            .n_in = WIDTH,
                            .fp32 = is_bf16 ? NULL : p->head,
                            .bf16 = is_bf16 ? p->bf16 : NULL};
    float nll[N_ROWS];
    float log_sum_exp[N_ROWS];
    assert_int_equal(lb_cross_entropy_forward(c, p->nll, p->log_sum_exp, p->el2n, p->x, &head,
                                              p->targets, N_ROWS, NULL),
                     LOBASS_OK);
    assert_int_equal(
        lb_cross_entropy_forward(c, nll, log_sum_exp, NULL, p->x, &head, p->targets, N_ROWS, NULL),
        LOBASS_OK);
    assert_memory_equal(nll, p->nll, sizeof nll);
    assert_memory_equal(log_sum_exp, p->log_sum_exp, sizeof log_sum_exp);
}

/* sqrt(sum_w p_w^2 - 2 p_y + 1), and in such terms that it can be trusted near 0. */
static double el2n_expected(const prediction *p, size_t row)
{
    const long double scale = (long double)p->x[row * WIDTH];
    const size_t target = (size_t)p->targets[row];
    long double sum = 0;
    long double others = 0;
    long double squares = 0;
    long double squares_of_others = 0;
    for (size_t w = 0; w < p->n_words; w++)
    {
        const long double power = expl(scale * ((long double)p->head[w * WIDTH] - 10.0L));
        sum += power;
        squares += power * power;
        others += w == target ? 0 : power;
        squares_of_others += w == target ? 0 : power * power;
    }
    const long double right = expl(scale * ((long double)p->head[target * WIDTH] - 10.0L)) / sum;
    const long double defined = squares / (sum * sum) - 2 * right + 1;
    const long double found = sqrtl(others * others + squares_of_others) / sum;
    assert_true(fabsl(found * found - defined) < 1e-17L * (long double)p->n_words);
    return (double)found;
}

static void check_setup(lb_compute *c, const char *products)
{
    static const size_t sizes[] = {1, 2, 3, 17, 511, 512, 513, 1543, MOST_WORDS};
    size_t n_sure = 0;
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++)
    {
        prediction p = prediction_make(sizes[i / 2]);
        predict(c, &p, i % 2 == 1);
        for (size_t row = 0; row < N_ROWS; row++)
        {
            const double expected = el2n_expected(&p, row);
            const double found = (double)p.el2n[row];
            /* fp32 has no square of what is below 1e-19. */
            if (!(fabs(found - expected) <= 1e-6 * expected + 1e-17))
            {
                fail_msg("%s, %zu words, row %zu: %.9g, in long double %.9g", products, p.n_words,
                         row, found, expected);
            }
            n_sure += expected > 1e-12 && expected < 1e-7 ? 1 : 0;
        }
        prediction_free(&p);
    }
    assert_true(n_sure > 0);
}

static void for_each_setup(void (*check)(lb_compute *c, const char *products))
{
    for (size_t k = 0; k < OP_N_SETS; k++)
    {
        lb_compute *c = op_compute_create(k, 2);
        if (c != NULL)
        {
            check(c, op_set(k)->name);
        }
        lb_compute_free(c);
    }
}

static void test_against_definition(void **state)
{
    (void)state;
    for_each_setup(check_setup);
}

/* Of the word that is not finite, and of the target. */
static void check_nonfinite(lb_compute *c, const char *products)
{
    static const float values[] = {NAN, INFINITY, -INFINITY};
    (void)products;
    for (size_t i = 0; i < 2 * sizeof values / sizeof *values; i++)
    {
        prediction p = prediction_make(700);
        const bool is_target = i % 2 == 0;
        const size_t word = (size_t)p.targets[0];
        p.head[word * WIDTH] = values[i / 2];
        p.bf16[word * WIDTH] = lb_bf16_narrow(values[i / 2]);
        predict(c, &p, false);
        const size_t row = 2 * N_TARGETS + (is_target ? 0 : 1); /* a scale of 1 */
        const bool is_lowest = i / 2 == 2;
        /* No probability of all is known, or the target has none. */
        assert_int_equal(isnan(p.nll[row]), !is_lowest);
        assert_int_equal(isnan(p.el2n[row]), !is_lowest);
        assert_true(!is_lowest || !is_target || isinf(p.nll[row]));
        assert_true(!is_lowest || (p.el2n[row] > 0.99F && p.el2n[row] < 1.4142137F));
        prediction_free(&p);
    }
}

static void test_nonfinite(void **state)
{
    (void)state;
    for_each_setup(check_nonfinite);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        on_each_set(test_against_definition),
        on_each_set(test_nonfinite),
    };
    return RUN_TESTS(tests, arguments, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A query of attention sees its own keys and nothing else: the same bits whether what comes before
 * it lies in its own sequence, in a parent or in a parent's parent, whichever sequences are beside
 * it, and whether all tokens are queries or only some.
 */
#include "op_setup.h"

enum
{
    H = 4,
    G = 2,
    S = 24,
    LONGEST = 700,
    MOST_TOKENS = 4 * LONGEST
};

/* What a row attends over: LENGTH tokens whose keys and values depend on their numbers in TEXT. */
typedef struct row
{
    size_t n_root, n_middle, n_own; /* tokens that two parents hold, and that are its own */
} row;

typedef struct arrays
{
    float *q, *k, *v, *out, *log_sum_exp;
    uint32_t starts[8], parents[8], queries[MOST_TOKENS];
    lb_batch batch;
} arrays;

static arrays *arrays_make(void)
{
    arrays *a = (arrays *)op_alloc(1, sizeof *a);
    a->q = (float *)op_alloc((size_t)MOST_TOKENS * H * S, sizeof(float));
    a->k = (float *)op_alloc((size_t)MOST_TOKENS * G * S, sizeof(float));
    a->v = (float *)op_alloc((size_t)MOST_TOKENS * G * S, sizeof(float));
    a->out = (float *)op_alloc((size_t)MOST_TOKENS * H * S, sizeof(float));
    a->log_sum_exp = (float *)op_alloc((size_t)MOST_TOKENS * H, sizeof(float));
    a->batch = (lb_batch){.starts = a->starts, .parents = a->parents};
    return a;
}

static void arrays_free(arrays *a)
{
    free(a->q);
    free(a->k);
    free(a->v);
    free(a->out);
    free(a->log_sum_exp);
    free(a);
}

/* Adds COUNT tokens, the ones numbered FIRST and on of text TEXT, as a sequence. */
static void add(arrays *a, uint32_t parent, uint64_t text, size_t first, size_t count)
{
    lb_batch *b = &a->batch;
    for (size_t i = 0; i < count; i++)
    {
        lb_random random;
        lb_random_init(&random, text * 100000 + first + i);
        const size_t token = b->n_tokens + i;
        for (size_t j = 0; j < (size_t)H * S; j++)
        {
            a->q[token * H * S + j] = (float)lb_random_normal(&random);
        }
        for (size_t j = 0; j < (size_t)G * S; j++)
        {
            a->k[token * G * S + j] = (float)lb_random_normal(&random);
            a->v[token * G * S + j] = (float)lb_random_normal(&random);
        }
    }
    a->parents[b->n_sequences] = parent;
    b->n_tokens += count;
    a->starts[++b->n_sequences] = (uint32_t)b->n_tokens;
}

static lb_attention rows_attention(const arrays *a, size_t n_queries)
{
    return (lb_attention){.shape = {.h = H, .g = G, .s = S, .scale = lb_attention_scale(S)},
                          .q = a->q,
                          .k = a->k,
                          .v = a->v,
                          .batch = &a->batch,
                          .queries = n_queries > 0 ? a->queries : NULL,
                          .n_queries = n_queries,
                          .out = a->out,
                          .log_sum_exp = a->log_sum_exp};
}

static void forward(lb_compute *c, arrays *a, size_t n_queries)
{
    const lb_attention attention = rows_attention(a, n_queries);
    assert_int_equal(lb_attention_forward(c, &attention, NULL), LOBASS_OK);
}

/* The last N_OWN rows of both, byte for byte. */
static void expect_equal_tail(const arrays *a, const arrays *b, size_t n_own)
{
    const size_t at_a = a->batch.n_tokens - n_own;
    const size_t at_b = b->batch.n_tokens - n_own;
    assert_memory_equal(a->out + at_a * H * S, b->out + at_b * H * S,
                        n_own * sizeof(float) * H * S);
    assert_memory_equal(a->log_sum_exp + at_a * H, b->log_sum_exp + at_b * H,
                        n_own * H * sizeof(float));
}

static void check_parents(lb_compute *c, const row *r)
{
    arrays *alone = arrays_make();
    arrays *shared = arrays_make();
    add(alone, LB_NO_PARENT, 1, 0, r->n_root + r->n_middle + r->n_own);
    forward(c, alone, 0);
    add(shared, LB_NO_PARENT, 1, 0, r->n_root);
    add(shared, 0, 1, r->n_root, r->n_middle);
    add(shared, 0, 7, r->n_root, 33); /* a sibling that goes on otherwise */
    add(shared, LB_NO_PARENT, 8, 0, 5);
    add(shared, 1, 1, r->n_root + r->n_middle, r->n_own);
    forward(c, shared, 0);
    expect_equal_tail(alone, shared, r->n_own);
    arrays_free(alone);
    arrays_free(shared);
}

static void check_queries(lb_compute *c, size_t n_first, size_t n_second)
{
    arrays *all = arrays_make();
    arrays *some = arrays_make();
    size_t n_queries = 0;
    add(all, LB_NO_PARENT, 3, 0, n_first);
    add(all, 0, 4, 0, n_second);
    add(some, LB_NO_PARENT, 3, 0, n_first);
    add(some, 0, 4, 0, n_second);
    for (uint32_t token = 0; token < some->batch.n_tokens; token++)
    {
        if (token % 3 == 1 && (token < n_first / 2 || token > n_first))
        {
            memcpy(some->q + n_queries * H * S, all->q + (size_t)token * H * S,
                   sizeof(float) * H * S);
            some->queries[n_queries++] = token;
        }
    }
    forward(c, all, 0);
    forward(c, some, n_queries);
    for (size_t i = 0; i < n_queries; i++)
    {
        assert_memory_equal(some->out + i * H * S, all->out + (size_t)some->queries[i] * H * S,
                            sizeof(float) * H * S);
        assert_memory_equal(some->log_sum_exp + i * H,
                            all->log_sum_exp + (size_t)some->queries[i] * H, H * sizeof(float));
    }
    arrays_free(all);
    arrays_free(some);
}

static void test_parents_and_queries(void **state)
{
    (void)state;
    static const row rows[] = {{1, 1, 1}, {13, 14, 15}, {31, 2, 40}, {256, 1, 255}, {300, 1, 20}};
    for (size_t k = 0; k < OP_N_SETS; k++)
    {
        lb_compute *c = op_compute_create(k, 2);
        for (size_t i = 0; c != NULL && i < sizeof rows / sizeof rows[0]; i++)
        {
            check_parents(c, &rows[i]);
            check_queries(c, rows[i].n_root, rows[i].n_own);
        }
        lb_compute_free(c);
    }
}

static void test_no_gradient_through_parents(void **state)
{
    (void)state;
    lb_compute *c = op_compute_create(0, 1);
    arrays *a = arrays_make();
    lobass_error error = {0};
    add(a, LB_NO_PARENT, 1, 0, 4);
    add(a, 0, 1, 4, 2);
    const lb_attention attention = rows_attention(a, 0);
    assert_int_equal(lb_attention_backward(c, a->out, a->out, a->out, a->out, &attention, &error),
                     LOBASS_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "parents"));
    arrays_free(a);
    lb_compute_free(c);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        on_each_set(test_parents_and_queries),
        cmocka_unit_test(test_no_gradient_through_parents),
    };
    return RUN_TESTS(tests, arguments, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens drawn from a known distribution: frequencies within what chance allows, top-k and top-p
 * exactly as worked out by hand and by a sort, ties to the lower id, losses against the definition.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pass/pass.h"

enum
{
    N = 6,
    N_MANY = 500,
    N_DRAWS = 200000
};

/* Probabilities 0.4, 0.25, 0.15, 0.1, 0.06, 0.04, out of order. */
static const double probabilities[N] = {0.1, 0.4, 0.04, 0.25, 0.06, 0.15};

static void logits_make(float logits[N])
{
    for (size_t i = 0; i < N; i++)
    {
        logits[i] = (float)(log(probabilities[i]) + 3.0); /* any constant */
    }
}

static int32_t sample(const lb_sampling *sampling, const float *logits, size_t n, double uniform,
                      float *nll)
{
    static lb_candidate candidates[N_MANY];
    lobass_error error = {0};
    int32_t id = -1;
    float unused = 0.0F;
    assert_int_equal(LOBASS_OK, lb_sample(&id, nll == NULL ? &unused : nll, sampling, logits, n, n,
                                          uniform, candidates, &error));
    return id;
}

/* Pearson's statistic of N_DRAWS against EXPECTED (0: must never be drawn) stays below what one in
 * a million exceeds with five degrees of freedom, 37. */
static void check_frequencies(const lb_sampling *sampling, const double expected[N])
{
    float logits[N];
    size_t counts[N] = {0};
    double statistic = 0.0;
    lb_random random;
    logits_make(logits);
    lb_random_init(&random, 17);
    for (size_t i = 0; i < N_DRAWS; i++)
    {
        counts[sample(sampling, logits, N, lb_random_uniform(&random), NULL)]++;
    }
    for (size_t i = 0; i < N; i++)
    {
        const double wanted = expected[i] * (double)N_DRAWS;
        if (expected[i] == 0)
        {
            assert_int_equal(0, counts[i]);
            continue;
        }
        statistic += ((double)counts[i] - wanted) * ((double)counts[i] - wanted) / wanted;
    }
    if (!(statistic < 37.0))
    {
        fail_msg("chi-square %g", statistic);
    }
}

static void test_frequencies(void **state)
{
    (void)state;
    double hot[N];
    double sum = 0.0;
    check_frequencies(&(lb_sampling){1.0, 0, 1.0}, probabilities);
    for (size_t i = 0; i < N; i++)
    {
        hot[i] = sqrt(probabilities[i]); /* p^(1 / temperature) */
        sum += hot[i];
    }
    for (size_t i = 0; i < N; i++)
    {
        hot[i] /= sum;
    }
    check_frequencies(&(lb_sampling){2.0, 0, 1.0}, hot);
}

static void test_cuts(void **state)
{
    (void)state;
    const double two[N] = {[1] = 0.4 / 0.65, [3] = 0.25 / 0.65};
    const double three[N] = {[1] = 0.4 / 0.8, [3] = 0.25 / 0.8, [5] = 0.15 / 0.8};
    const double one[N] = {[1] = 1.0};
    check_frequencies(&(lb_sampling){1.0, 2, 1.0}, two);
    check_frequencies(&(lb_sampling){1.0, 0, 0.64}, two);
    check_frequencies(&(lb_sampling){1.0, 0, 0.66}, three);
    check_frequencies(&(lb_sampling){1.0, 3, 1.0}, three);
    /* Of what top-k leaves: 0.65 / 0.8 = 0.8125. */
    check_frequencies(&(lb_sampling){1.0, 3, 0.81}, two);
    check_frequencies(&(lb_sampling){1.0, 3, 0.82}, three);
    check_frequencies(&(lb_sampling){1.0, 0, 1e-9}, one);
    check_frequencies(&(lb_sampling){1.0, 1, 1.0}, one);
    check_frequencies(&(lb_sampling){1.0, 99, 1.0}, probabilities);
    check_frequencies(&(lb_sampling){1e-3, 0, 1.0}, one);
}

typedef struct rank
{
    float logit;
    int32_t id;
} rank;

static int compare_ranks(const void *a, const void *b)
{
    const rank *x = a;
    const rank *y = b;
    if (x->logit != y->logit)
    {
        return x->logit > y->logit ? -1 : 1;
    }
    return (x->id > y->id) - (x->id < y->id);
}

/* Every chance in turn: what comes out is what a sort puts first, many equal logits among them. */
static void test_top_k_is_a_sort(void **state)
{
    (void)state;
    static float logits[N_MANY];
    static rank ranks[N_MANY];
    static bool is_drawn[N_MANY];
    lb_random random;
    lb_random_init(&random, 3);
    for (size_t i = 0; i < N_MANY; i++)
    {
        logits[i] = (float)lb_random_below(&random, 60) / 40.0F;
        ranks[i] = (rank){logits[i], (int32_t)i};
    }
    qsort(ranks, N_MANY, sizeof *ranks, compare_ranks);
    for (uint32_t k = 1; k < N_MANY; k += 83)
    {
        const lb_sampling sampling = {1.0, k, 1.0};
        size_t n_drawn = 0;
        memset(is_drawn, 0, sizeof is_drawn);
        for (unsigned i = 0; i < 10000; i++)
        {
            is_drawn[sample(&sampling, logits, N_MANY, i / 1e4, NULL)] = true;
        }
        for (size_t i = 0; i < N_MANY; i++)
        {
            n_drawn += is_drawn[ranks[i].id];
            assert_int_equal(i < k, is_drawn[ranks[i].id]);
        }
        assert_int_equal(k, n_drawn);
    }
}

static void test_greedy_and_losses(void **state)
{
    (void)state;
    const float equal[] = {1.0F, 4.0F, 4.0F, -2.0F, 4.0F};
    const float small[] = {-INFINITY, -900.0F, -1000.0F};
    float logits[N];
    float nll = 0.0F;
    logits_make(logits);
    assert_int_equal(1, sample(&(lb_sampling){0.0, 0, 1.0}, logits, N, 0.99, &nll));
    assert_true(fabs((double)nll + log(0.4)) < 1e-6);
    assert_int_equal(1, sample(&(lb_sampling){0.0, 0, 1.0}, equal, 5, 0.99, NULL));
    assert_int_equal(1, sample(&(lb_sampling){1.0, 1, 1.0}, equal, 5, 0.99, NULL));
    assert_int_equal(1, sample(&(lb_sampling){0.0, 0, 1.0}, small, 3, 0.0, &nll));
    assert_true(nll == 0.0F);
    /* The loss is the model's own, whatever the draw was made from. */
    assert_int_equal(3, sample(&(lb_sampling){0.7, 2, 1.0}, logits, N, 0.999999, &nll));
    assert_true(fabs((double)nll + log(0.25)) < 1e-6);
}

/* Tokens that the tokenizer does not have are never chosen, but have their share of the softmax. */
static void test_unknown_tokens(void **state)
{
    (void)state;
    float logits[N];
    lb_candidate candidates[N];
    logits_make(logits);
    for (int t = 0; t < 3; t++)
    {
        const lb_sampling sampling = {t, 0, t == 2 ? 0.99 : 1.0};
        for (unsigned i = 0; i < 100; i++)
        {
            int32_t id = -1;
            float nll = 0.0F;
            assert_int_equal(LOBASS_OK, lb_sample(&id, &nll, &sampling, logits, N, 1, i / 1e2,
                                                  candidates, NULL));
            assert_int_equal(0, id);
            assert_true(fabs((double)nll + log(probabilities[0])) < 1e-6);
        }
    }
}

static void test_not_finite(void **state)
{
    (void)state;
    const float bad[][3] = {{0.0F, NAN, 1.0F},
                            {NAN, 0.0F, 1.0F},
                            {0.0F, INFINITY, 1.0F},
                            {-INFINITY, -INFINITY, -INFINITY}};
    lb_candidate candidates[3];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    {
        for (int t = 0; t < 2; t++)
        {
            const lb_sampling sampling = {t, 2, 0.5};
            lobass_error error = {0};
            int32_t id = 0;
            float nll = 0.0F;
            assert_int_equal(LOBASS_NUMERIC, lb_sample(&id, &nll, &sampling, bad[i], 3, 3, 0.5,
                                                       candidates, &error));
            assert_non_null(strstr(error.message, "not finite"));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frequencies),     cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_top_k_is_a_sort), cmocka_unit_test(test_greedy_and_losses),
        cmocka_unit_test(test_unknown_tokens),  cmocka_unit_test(test_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

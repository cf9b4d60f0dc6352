/* SPDX-License-Identifier: Apache-2.0
 *
 * Sequences that go on from call to call, their keys and values kept, against whole forwards of the
 * same tokens: the same bits with our own products, whatever the pieces, whoever is beside them,
 * in fp32 and bf16, with every instruction set, with an adapter.
 * A mistake of the caller is refused and changes no cache.
 */
#include "unit/model/fixture.h"

#include <math.h>

#include "instruction_sets.h"

enum
{
    N_SEQUENCES = 4,
    N_STEPS = 7,
    LONGEST = 300,
    N_VOCABULARY = 1100,
    MOST_TOKENS = N_SEQUENCES * LONGEST
};

/* Tokens that each sequence is given in each step: prompts at once and in pieces, sequences that
 * come later or pause, single tokens. */
static const uint32_t pieces[N_STEPS][N_SEQUENCES] = {
    {1, 31, 0, 200}, {1, 2, 70, 56}, {1, 0, 1, 3}, {1, 1, 1, 1},
    {33, 1, 1, 1},   {0, 1, 0, 1},   {1, 1, 1, 1},
};

typedef struct sequences
{
    int32_t ids[N_SEQUENCES][LONGEST + 1];
    size_t n_given[N_SEQUENCES];
} sequences;

static lb_config cache_config(bool has_tied_head)
{
    lb_config config = fixture_config(has_tied_head, !has_tied_head);
    config.d_model = 40;
    config.d_ffn = 300;
    config.head_size = 36; /* more than a panel */
    config.n_vocabulary = N_VOCABULARY;
    config.max_length = LONGEST;
    return config;
}

static void sequences_make(sequences *s)
{
    lb_random random;
    lb_random_init(&random, 11);
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < N_SEQUENCES; i++)
    {
        for (size_t t = 0; t <= LONGEST; t++)
        {
            s->ids[i][t] = (int32_t)lb_random_below(&random, N_VOCABULARY);
        }
    }
}

/* Logits behind the first n_given tokens, from a forward of all of them: one more token is put
 * behind, as the one that is scored. */
static void expect_whole(lb_decoder *decoder, const sequences *s, size_t i, float *logits)
{
    const uint32_t n = (uint32_t)s->n_given[i];
    const uint32_t starts[] = {0, n + 1};
    float nll = 0.0F;
    const lb_batch batch = {.n_tokens = n + 1,
                            .ids = s->ids[i],
                            .n_sequences = 1,
                            .starts = starts,
                            .n_scored = 1,
                            .scored = &n};
    assert_ok(lb_decoder_forward(decoder, &batch, &nll, NULL, error));
    assert_ok(lb_decoder_logits(decoder, &batch, logits, error));
}

static void expect_equal(const float *expected, const float *found)
{
    for (size_t i = 0; i < N_VOCABULARY; i++)
    {
        if (expected[i] != found[i])
        {
            fail_msg("logit %zu: expected %.9g, found %.9g", i, (double)expected[i],
                     (double)found[i]);
        }
    }
}

/* One call with what STEP gives; the logits of those it gave something to are checked. */
static void check_step(lb_decoder *decoder, lb_decoder *whole, sequences *s,
                       lb_cache *const caches[N_SEQUENCES], size_t step)
{
    static float found[N_SEQUENCES * N_VOCABULARY];
    static float expected[N_VOCABULARY];
    static int32_t ids[MOST_TOKENS];
    uint32_t starts[N_SEQUENCES + 1] = {0};
    lb_cache *taking[N_SEQUENCES];
    size_t numbers[N_SEQUENCES];
    lb_batch batch = {.ids = ids, .starts = starts};
    for (size_t i = 0; i < N_SEQUENCES; i++)
    {
        const size_t n_new = pieces[step][i];
        if (n_new == 0)
        {
            continue;
        }
        memcpy(ids + batch.n_tokens, s->ids[i] + s->n_given[i], n_new * sizeof *ids);
        s->n_given[i] += n_new;
        batch.n_tokens += n_new;
        taking[batch.n_sequences] = caches[i];
        numbers[batch.n_sequences++] = i;
        starts[batch.n_sequences] = (uint32_t)batch.n_tokens;
    }
    assert_ok(lb_decoder_next(decoder, &batch, taking, found, error));
    for (size_t i = 0; i < batch.n_sequences; i++)
    {
        assert_int_equal(s->n_given[numbers[i]], lb_cache_count(taking[i]));
        expect_whole(whole, s, numbers[i], expected);
        expect_equal(expected, found + i * N_VOCABULARY);
    }
}

static void check_model(const lb_model *model, lb_compute *compute)
{
    static sequences s;
    lb_cache *caches[N_SEQUENCES];
    lb_decoder *decoder = NULL;
    lb_decoder *whole = NULL;
    sequences_make(&s);
    assert_ok(lb_decoder_create(&decoder, model, compute, MOST_TOKENS, LB_DECODER_SCORE, error));
    assert_ok(lb_decoder_create(&whole, model, compute, LONGEST + 1, LB_DECODER_SCORE, error));
    for (size_t i = 0; i < N_SEQUENCES; i++)
    {
        assert_ok(lb_cache_create(&caches[i], &model->config, i % 2 == 0 ? LONGEST : 290, error));
        assert_int_equal(0, lb_cache_count(caches[i]));
    }
    for (size_t step = 0; step < N_STEPS; step++)
    {
        check_step(decoder, whole, &s, caches, step);
    }
    for (size_t i = 0; i < N_SEQUENCES; i++)
    {
        lb_cache_free(caches[i]);
    }
    lb_decoder_free(decoder);
    lb_decoder_free(whole);
}

/* An adapter that changes what comes out: b is not zero. */
static void adapter_add(lb_model *model, lb_dtype dtype)
{
    const lb_lora_settings settings = {.rank = 5, .alpha = 10, .targets = LB_LORA_ALL_LINEAR};
    lb_random random;
    lb_random_init(&random, 8);
    assert_ok(lb_lora_create(model, &settings, dtype, 1, error));
    for (size_t i = 1; i < model->lora->n_parameters; i += 2)
    {
        lb_parameter *b = &model->lora->parameters[i];
        for (size_t j = 0; j < b->count; j++)
        {
            b->master[j] = (float)(0.05 * lb_random_normal(&random));
        }
    }
    lb_model_refresh(model);
}

static void check_dtype(lb_dtype dtype, unsigned n_threads)
{
    for (int is_tied = 0; is_tied < 2; is_tied++)
    {
        const lb_config config = cache_config(is_tied != 0);
        lb_compute *compute = fixture_compute(NULL, n_threads);
        lb_model *model = NULL;
        assert_ok(lb_model_create_uniform(&model, &config, dtype, LB_MODEL_SCORE_PACKED, 9, error));
        check_model(model, compute);
        if (is_tied == 0)
        {
            adapter_add(model, dtype);
            check_model(model, compute);
        }
        lb_model_free(model);
        lb_compute_free(compute);
    }
}

static void check_set(const char *set, void *context)
{
    (void)set;
    (void)context;
    check_dtype(LB_F32, 1);
    check_dtype(LB_BF16, 2);
}

static void test_every_instruction_set(void **state)
{
    (void)state;
    for_each_set(check_set, NULL);
}

static void test_refused(void **state)
{
    (void)state;
    static float logits[2 * N_VOCABULARY];
    const lb_config config = cache_config(true);
    lb_model *model = fixture_model(&config, 3);
    lb_compute *compute = fixture_compute(NULL, 1);
    lb_decoder *decoder = NULL;
    lb_cache *caches[2] = {NULL, NULL};
    const int32_t ids[] = {4, 5, 6, 7, 8};
    const uint32_t starts[] = {0, 2, 5};
    const uint32_t parents[] = {LB_NO_PARENT, 0};
    lb_batch batch = {.n_tokens = 5, .ids = ids, .n_sequences = 2, .starts = starts};
    assert_ok(lb_decoder_create(&decoder, model, compute, 8, LB_DECODER_SCORE, error));
    assert_ok(lb_cache_create(&caches[0], &config, 8, error));
    assert_ok(lb_cache_create(&caches[1], &config, 5, error));
    assert_ok(lb_decoder_next(decoder, &batch, caches, logits, error));
    assert_fails(LOBASS_BAD_ARGUMENT, "cache: expected at most 2 tokens beside 3, found 3",
                 lb_decoder_next(decoder, &batch, caches, logits, error));
    assert_int_equal(2, lb_cache_count(caches[0]));
    assert_int_equal(3, lb_cache_count(caches[1]));
    batch.parents = parents;
    assert_fails(LOBASS_BAD_ARGUMENT, "without parents",
                 lb_decoder_next(decoder, &batch, caches, logits, error));
    batch.parents = NULL;
    lb_decoder_free(decoder);
    assert_ok(lb_decoder_create(&decoder, model, compute, 8, LB_DECODER_TRAIN, error));
    assert_fails(LOBASS_BAD_ARGUMENT, "a decoder for scoring",
                 lb_decoder_next(decoder, &batch, caches, logits, error));
    lb_cache *huge = NULL;
    assert_fails(LOBASS_OUT_OF_MEMORY, "", lb_cache_create(&huge, &config, SIZE_MAX / 64, error));
    assert_null(huge);
    assert_true(lb_cache_bytes(&config, SIZE_MAX / 64) == SIZE_MAX);
    lb_cache_free(caches[0]);
    lb_cache_free(caches[1]);
    lb_decoder_free(decoder);
    lb_compute_free(compute);
    lb_model_free(model);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        on_each_set(test_every_instruction_set),
        cmocka_unit_test(test_refused),
    };
    return RUN_TESTS(tests, arguments, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold for the decoder whatever the weights: packed is the same as one sequence at a
 * time, scoring as training, any number of threads; logits belong to the losses; a token sees only
 * what is before it; gradients add up over batches; batches that are wrong are refused. That the
 * numbers are the right ones is shown by tests/golden and tests/grad.
 */
#include "unit/model/fixture.h"

#include <math.h>

static const uint32_t lengths[] = {17, 1, 40, 2, 33, 9};
#define N_SEQUENCES (sizeof lengths / sizeof *lengths)

static lb_config test_config(void)
{
    lb_config config = fixture_config(true, true);
    config.rope_scaling = LB_ROPE_LINEAR;
    config.rope_factor = 2.0;
    return config;
}

static void forward(const lb_model *model, const char *set, unsigned n_threads, lb_decoder_use use,
                    const lb_batch *batch, float *nll)
{
    lb_compute *compute = fixture_compute(set, n_threads);
    lb_decoder *decoder = NULL;
    assert_ok(lb_decoder_create(&decoder, model, compute, batch->n_tokens, use, error));
    assert_ok(lb_decoder_forward(decoder, batch, nll, NULL, error));
    lb_decoder_free(decoder);
    lb_compute_free(compute);
}

static void assert_near(const float *expected, const float *found, size_t count, double tolerance)
{
    for (size_t i = 0; i < count; i++)
    {
        if (!(fabs((double)expected[i] - (double)found[i]) <= tolerance))
        {
            fail_msg("value %zu: expected %.9g, found %.9g", i, (double)expected[i],
                     (double)found[i]);
        }
    }
}

/* Sequence I of MADE as a batch of its own; its scored tokens are those from *DONE on. */
static lb_batch alone(const fixture_batch *made, size_t i, size_t done, uint32_t starts[2],
                      uint32_t scored[FIXTURE_MOST_TOKENS])
{
    const uint32_t start = made->starts[i];
    const uint32_t end = made->starts[i + 1];
    starts[0] = 0;
    starts[1] = end - start;
    lb_batch batch = {.n_tokens = end - start,
                      .ids = made->ids + start,
                      .n_sequences = 1,
                      .starts = starts,
                      .scored = scored};
    while (done + batch.n_scored < made->batch.n_scored &&
           made->scored[done + batch.n_scored] < end)
    {
        scored[batch.n_scored] = made->scored[done + batch.n_scored] - start;
        batch.n_scored++;
    }
    return batch;
}

static void test_packed_is_one_at_a_time(void **state)
{
    (void)state;
    const lb_config config = test_config();
    lb_model *model = fixture_model(&config, 3);
    fixture_batch made;
    fixture_fill(&made, lengths, N_SEQUENCES, config.n_vocabulary, 0.8, 4);
    for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
    {
        float packed[FIXTURE_MOST_TOKENS];
        float single[FIXTURE_MOST_TOKENS];
        forward(model, fixture_sets[b], 1, LB_DECODER_SCORE, &made.batch, packed);
        size_t done = 0;
        for (size_t i = 0; i < N_SEQUENCES; i++)
        {
            uint32_t starts[2];
            uint32_t scored[FIXTURE_MOST_TOKENS];
            const lb_batch batch = alone(&made, i, done, starts, scored);
            forward(model, fixture_sets[b], 1, LB_DECODER_SCORE, &batch, single + done);
            done += batch.n_scored;
        }
        assert_int_equal(made.batch.n_scored, done);
        assert_near(single, packed, done, 1e-6);
    }
    lb_model_free(model);
}

static void test_same_bits(void **state)
{
    (void)state;
    const lb_config config = test_config();
    lb_model *model = fixture_model(&config, 5);
    fixture_batch made;
    fixture_fill(&made, lengths, N_SEQUENCES, config.n_vocabulary, 0.8, 6);
    const size_t bytes = made.batch.n_scored * sizeof(float);
    for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
    {
        float scoring[FIXTURE_MOST_TOKENS];
        float training[FIXTURE_MOST_TOKENS];
        float threads[FIXTURE_MOST_TOKENS];
        forward(model, fixture_sets[b], 1, LB_DECODER_SCORE, &made.batch, scoring);
        forward(model, fixture_sets[b], 1, LB_DECODER_TRAIN, &made.batch, training);
        forward(model, fixture_sets[b], 3, LB_DECODER_SCORE, &made.batch, threads);
        assert_memory_equal(scoring, training, bytes);
        assert_memory_equal(scoring, threads, bytes);
    }
    lb_model_free(model);
}

static void test_logits_belong_to_the_losses(void **state)
{
    (void)state;
    const lb_config config = fixture_config(false, false);
    lb_model *model = fixture_model(&config, 7);
    fixture_batch made;
    fixture_fill(&made, lengths, N_SEQUENCES, config.n_vocabulary, 0.8, 8);
    const size_t n = made.batch.n_scored;
    const size_t v = config.n_vocabulary;
    float *logits = calloc(n * v, sizeof *logits);
    float nll[FIXTURE_MOST_TOKENS];
    float expected[FIXTURE_MOST_TOKENS];
    assert_non_null(logits);
    for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
    {
        lb_compute *compute = fixture_compute(fixture_sets[b], 1);
        lb_decoder *decoder = NULL;
        assert_ok(lb_decoder_create(&decoder, model, compute, made.batch.n_tokens, LB_DECODER_SCORE,
                                    error));
        assert_fails(LOBASS_BAD_ARGUMENT, "logits: expected the batch of the forward before",
                     lb_decoder_logits(decoder, &made.batch, logits, error));
        assert_ok(lb_decoder_forward(decoder, &made.batch, nll, NULL, error));
        assert_ok(lb_decoder_logits(decoder, &made.batch, logits, error));
        assert_ok(lb_decoder_logits(decoder, &made.batch, logits, error));
        for (size_t i = 0; i < n; i++)
        {
            double sum = 0.0;
            for (size_t j = 0; j < v; j++)
            {
                sum += exp((double)logits[i * v + j]);
            }
            const size_t target = (size_t)made.ids[made.scored[i]];
            expected[i] = (float)(log(sum) - (double)logits[i * v + target]);
        }
        assert_near(expected, nll, n, 1e-5);
        lb_decoder_free(decoder);
        lb_compute_free(compute);
    }
    free(logits);
    lb_model_free(model);
}

/* Changing a token changes its own loss and those after it in its sequence, no others. */
static void test_causality(void **state)
{
    (void)state;
    const lb_config config = test_config();
    lb_model *model = fixture_model(&config, 9);
    fixture_batch made;
    fixture_fill(&made, lengths, N_SEQUENCES, config.n_vocabulary, 1.1, 10);
    float before[FIXTURE_MOST_TOKENS];
    float after[FIXTURE_MOST_TOKENS];
    const uint32_t changed = made.starts[2] + 11;
    for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
    {
        forward(model, fixture_sets[b], 1, LB_DECODER_SCORE, &made.batch, before);
        const int32_t old = made.ids[changed];
        made.ids[changed] = (old + 1) % (int32_t)config.n_vocabulary;
        forward(model, fixture_sets[b], 1, LB_DECODER_SCORE, &made.batch, after);
        made.ids[changed] = old;
        for (size_t i = 0; i < made.batch.n_scored; i++)
        {
            const bool may_differ = made.scored[i] >= changed && made.scored[i] < made.starts[3];
            assert_int_equal(may_differ, before[i] != after[i]);
        }
    }
    lb_model_free(model);
}

static float **alloc_grads(const lb_model *model)
{
    float **grads = calloc(model->n_parameters, sizeof *grads);
    assert_non_null(grads);
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        grads[i] = calloc(model->parameters[i].count, sizeof **grads);
        assert_non_null(grads[i]);
    }
    return grads;
}

static void free_grads(const lb_model *model, float **grads)
{
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        free(grads[i]);
    }
    free(grads);
}

static void step(lb_decoder *decoder, const lb_batch *batch, float scale, float **grads)
{
    float nll[FIXTURE_MOST_TOKENS];
    assert_ok(lb_decoder_forward(decoder, batch, nll, NULL, error));
    assert_ok(lb_decoder_backward(decoder, batch, scale, grads, error));
}

/* Gradients of sequences one after the other add up to those of all at once; scale scales. */
static void test_gradients_add_up(void **state)
{
    (void)state;
    const lb_config config = test_config();
    lb_model *model = fixture_model(&config, 11);
    fixture_batch made;
    fixture_fill(&made, lengths, N_SEQUENCES, config.n_vocabulary, 0.8, 12);
    for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
    {
        lb_compute *compute = fixture_compute(fixture_sets[b], 2);
        lb_decoder *decoder = NULL;
        assert_ok(lb_decoder_create(&decoder, model, compute, made.batch.n_tokens, LB_DECODER_TRAIN,
                                    error));
        float **together = alloc_grads(model);
        float **apart = alloc_grads(model);
        step(decoder, &made.batch, 0.5F, together);
        size_t done = 0;
        for (size_t i = 0; i < N_SEQUENCES; i++)
        {
            uint32_t starts[2];
            uint32_t scored[FIXTURE_MOST_TOKENS];
            const lb_batch batch = alone(&made, i, done, starts, scored);
            step(decoder, &batch, 0.25F, apart);
            step(decoder, &batch, 0.25F, apart);
            done += batch.n_scored;
        }
        for (size_t i = 0; i < model->n_parameters; i++)
        {
            assert_near(together[i], apart[i], model->parameters[i].count, 2e-5);
        }
        free_grads(model, together);
        free_grads(model, apart);
        lb_decoder_free(decoder);
        lb_compute_free(compute);
    }
    lb_model_free(model);
}

/* What is not kept is computed once more, with the same bits. */
static void test_recomputed_gradients(void **state)
{
    (void)state;
    lb_config config = test_config();
    config.n_layers = 4;
    lb_model *model = fixture_model(&config, 13);
    fixture_batch made;
    fixture_fill(&made, lengths, N_SEQUENCES, config.n_vocabulary, 0.8, 14);
    float **grads[2];
    for (int k = 0; k < 2; k++)
    {
        lb_compute *compute = fixture_compute(NULL, 2);
        lb_decoder *decoder = NULL;
        grads[k] = alloc_grads(model);
        assert_ok(lb_decoder_create(&decoder, model, compute, made.batch.n_tokens,
                                    k == 0 ? LB_DECODER_TRAIN : LB_DECODER_RECOMPUTE, error));
        step(decoder, &made.batch, 0.5F, grads[k]);
        step(decoder, &made.batch, 0.5F, grads[k]);
        lb_decoder_free(decoder);
        lb_compute_free(compute);
    }
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        assert_memory_equal(grads[0][i], grads[1][i], model->parameters[i].count * sizeof(float));
    }
    free_grads(model, grads[0]);
    free_grads(model, grads[1]);
    lb_model_free(model);
}

static void check_refused(lb_decoder *decoder, const lb_batch *batch, const char *message)
{
    float nll[FIXTURE_MOST_TOKENS];
    assert_fails(LOBASS_BAD_ARGUMENT, message,
                 lb_decoder_forward(decoder, batch, nll, NULL, error));
}

static void test_bad_batches(void **state)
{
    (void)state;
    const lb_config config = test_config();
    lb_model *model = fixture_model(&config, 13);
    lb_compute *compute = fixture_compute("plain", 1);
    lb_decoder *decoder = NULL;
    assert_fails(LOBASS_BAD_ARGUMENT, "decoder: expected room",
                 lb_decoder_create(&decoder, model, compute, 0, LB_DECODER_SCORE, error));
    assert_fails(
        LOBASS_OUT_OF_MEMORY, "",
        lb_decoder_create(&decoder, model, compute, SIZE_MAX / 8, LB_DECODER_SCORE, error));
    assert_ok(lb_decoder_create(&decoder, model, compute, 20, LB_DECODER_SCORE, error));
    fixture_batch made;
    fixture_fill(&made, (const uint32_t[]){5, 6}, 2, config.n_vocabulary, 1.1, 14);
    lb_batch batch = made.batch;
    batch.n_tokens = 21;
    check_refused(decoder, &batch, "batch: expected 1 to 20 tokens, found 21");
    batch.n_tokens = 10;
    check_refused(decoder, &batch, "batch: expected sequence starts ascending from 0 to 10");
    made.ids[3] = 37;
    check_refused(decoder, &made.batch, "batch: token 3: expected an id below 37, found 37");
    made.ids[3] = -1;
    check_refused(decoder, &made.batch, "batch: token 3: expected an id below 37, found -1");
    made.ids[3] = 0;
    made.scored[0] = 0;
    check_refused(decoder, &made.batch, "batch: scored token 0: expected one with a token before");
    made.scored[0] = 2;
    check_refused(decoder, &made.batch, "expected scored tokens ascending below 11, found 2");
    made.scored[0] = 1;
    float nll[FIXTURE_MOST_TOKENS];
    assert_ok(lb_decoder_forward(decoder, &made.batch, nll, NULL, error));
    assert_fails(LOBASS_BAD_ARGUMENT, "backward: expected a training decoder",
                 lb_decoder_backward(decoder, &made.batch, 1.0F, NULL, error));
    made.batch.n_scored = 0;
    assert_ok(lb_decoder_forward(decoder, &made.batch, nll, NULL, error));
    lb_decoder_free(decoder);
    lb_decoder_free(NULL);
    lb_compute_free(compute);
    lb_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packed_is_one_at_a_time),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_logits_belong_to_the_losses),
        cmocka_unit_test(test_causality),
        cmocka_unit_test(test_gradients_add_up),
        cmocka_unit_test(test_recomputed_gradients),
        cmocka_unit_test(test_bad_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The gradient of the whole model in every parameter against finite differences of an independent
 * double-precision decoder (reference_model.h): four points a difference, so that its own error is
 * far below the tolerance; signed; every set of fixture.h; every combination of head, biases and
 * rotary scaling that the architecture table knows. The losses are compared on the way.
 */
#include "unit/model/fixture.h"

#include "grad/reference_model.h"

typedef struct gradient_case
{
    const char *name;
    bool has_tied_head, has_attention_bias, has_mlp_bias;
    lb_rope_scaling scaling;
    size_t n_heads, n_kv_heads;
} gradient_case;

static const gradient_case cases[] = {
    {"tied, grouped heads", true, false, false, LB_ROPE_NONE, 4, 2},
    {"untied, biases, llama3", false, true, true, LB_ROPE_LLAMA3, 6, 3},
    {"tied, attention biases, linear, one key head", true, true, false, LB_ROPE_LINEAR, 4, 1},
    {"untied, mlp biases, as many key heads", false, false, true, LB_ROPE_LLAMA3, 3, 3},
};

#define N_SAMPLES 40
#define DIFFERENCE 1e-3
#define SCALE 0.75F /* any but 1 */
/* Of the largest gradient in the tensor. Measured: below 4e-6. */
#define TOLERANCE 2e-5

static lb_config case_config(const gradient_case *chosen)
{
    lb_config config = fixture_config(chosen->has_tied_head, false);
    config.has_attention_bias = chosen->has_attention_bias;
    config.has_mlp_bias = chosen->has_mlp_bias;
    config.n_heads = chosen->n_heads;
    config.n_kv_heads = chosen->n_kv_heads;
    config.rope_scaling = chosen->scaling;
    config.rope_factor = 8.0;
    config.rope_low_frequency_factor = 1.0;
    config.rope_high_frequency_factor = 4.0;
    config.rope_original_length = 32.0;
    return config;
}

/* (f(-2h) - 8 f(-h) + 8 f(h) - f(2h)) / 12h */
static double difference(const reference_model *reference, const lb_batch *batch, double *element)
{
    static const double places[] = {-2.0, -1.0, 1.0, 2.0};
    static const double weights[] = {1.0, -8.0, 8.0, -1.0};
    const double old = *element;
    double sum = 0.0;
    for (size_t i = 0; i < 4; i++)
    {
        *element = old + places[i] * DIFFERENCE;
        sum += weights[i] * reference_loss(reference, batch, NULL);
    }
    *element = old;
    return sum / (12.0 * DIFFERENCE);
}

static double largest(const float *values, size_t count)
{
    double most = 0.0;
    for (size_t i = 0; i < count; i++)
    {
        most = fmax(most, fabs((double)values[i]));
    }
    return most;
}

typedef struct outcome
{
    float **grads[FIXTURE_SET_COUNT]; /* of one case, by set */
    double worst;                     /* relative to the tensor's largest gradient */
} outcome;

static void check_tensor(const gradient_case *chosen, outcome *o, const lb_model *model, size_t i,
                         const reference_model *reference, const lb_batch *batch, lb_random *random)
{
    const lb_parameter *parameter = &model->parameters[i];
    const size_t n_samples = parameter->count < N_SAMPLES ? parameter->count : N_SAMPLES;
    for (size_t sample = 0; sample < n_samples; sample++)
    {
        const size_t j = n_samples == parameter->count
                             ? sample
                             : (size_t)lb_random_below(random, parameter->count);
        const double expected =
            (double)SCALE * difference(reference, batch, &reference->values[i][j]);
        for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
        {
            const double scale = largest(o->grads[b][i], parameter->count);
            const double found = (double)o->grads[b][i][j];
            const double off = fabs(found - expected) / scale;
            o->worst = fmax(o->worst, off);
            if (!(scale > 1e-3) || !(off <= TOLERANCE))
            {
                fail_msg("%s, %s, %s[%zu]: expected %.9g, found %.9g (largest %.3g)", chosen->name,
                         fixture_sets[b], parameter->name, j, expected, found, scale);
            }
        }
    }
}

static float **compute_gradients(const char *set, const lb_model *model,
                                 const lb_optimizer *optimizer, const lb_batch *batch,
                                 const double *expected_nll)
{
    lb_compute *compute = fixture_compute(set, 2);
    lb_decoder *decoder = NULL;
    float nll[FIXTURE_MOST_TOKENS];
    assert_ok(
        lb_decoder_create(&decoder, model, compute, batch->n_tokens + 5, LB_DECODER_TRAIN, error));
    assert_ok(lb_decoder_forward(decoder, batch, nll, NULL, error));
    for (size_t i = 0; i < batch->n_scored; i++)
    {
        assert_true(fabs((double)nll[i] - expected_nll[i]) <= 1e-5);
    }
    assert_ok(lb_decoder_backward(decoder, batch, SCALE, optimizer->grads, error));
    lb_decoder_free(decoder);
    lb_compute_free(compute);
    return optimizer->grads;
}

static void check_case(const gradient_case *chosen, uint64_t seed)
{
    const lb_config config = case_config(chosen);
    lb_model *model = fixture_model(&config, seed);
    fixture_batch made;
    fixture_fill(&made, (const uint32_t[]){8, 1, 5, 10}, 4, config.n_vocabulary, 0.7, seed);
    reference_model reference = reference_create(model);
    double nll[FIXTURE_MOST_TOKENS];
    reference_loss(&reference, &made.batch, nll);

    static const lb_adamw settings = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    lb_optimizer *optimizers[FIXTURE_SET_COUNT] = {0}; /* only for their gradient arrays */
    outcome o = {.worst = 0.0};
    for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
    {
        assert_ok(lb_optimizer_create(&optimizers[b], model, &settings, error));
        o.grads[b] = compute_gradients(fixture_sets[b], model, optimizers[b], &made.batch, nll);
    }
    lb_random random;
    lb_random_init(&random, seed);
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        check_tensor(chosen, &o, model, i, &reference, &made.batch, &random);
    }
    print_message("%s: largest difference %.1e of the tensor's largest gradient\n", chosen->name,
                  o.worst);
    for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
    {
        lb_optimizer_free(optimizers[b]);
    }
    reference_free(&reference);
    lb_model_free(model);
}

static void test_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
        check_case(&cases[i], 100 + i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

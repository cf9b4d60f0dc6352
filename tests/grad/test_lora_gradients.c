/* SPDX-License-Identifier: Apache-2.0
 *
 * The gradient of an adapter's matrices against finite differences in double: the reference has no
 * adapters, but weights w + scale b a that are merged anew for every difference. The losses are
 * compared on the way: an adapter computes what the merged weights do. Every set of fixture.h.
 */
#include "unit/model/fixture.h"

#include "grad/reference_model.h"

/* Bits of lb_lora_target_name(). */
enum
{
    Q_PROJ = 1,
    K_PROJ = 2,
    V_PROJ = 4,
    O_PROJ = 8,
    GATE_PROJ = 16,
    UP_PROJ = 32,
    DOWN_PROJ = 64
};

typedef struct lora_case
{
    const char *name;
    uint32_t targets;
    lb_lora_settings settings; /* but for the targets */
    bool has_tied_head, has_bias;
} lora_case;

static const lora_case cases[] = {
    {"q, v", Q_PROJ | V_PROJ, {.rank = 3, .alpha = 7}, true, false},
    {"all, biases", LB_LORA_ALL_LINEAR, {.rank = 5, .alpha = 5}, false, true},
    {"o, down, rank-stabilized",
     O_PROJ | DOWN_PROJ,
     {.rank = 4, .alpha = 3, .is_rank_stabilized = true},
     true,
     false},
    {"k, gate, up, rank 1", K_PROJ | GATE_PROJ | UP_PROJ, {.rank = 1, .alpha = 2}, false, false},
};

#define N_SAMPLES 40
#define DIFFERENCE 1e-3
#define SCALE 0.75F
#define LOSS_TOLERANCE 1e-5
#define TOLERANCE 2e-5 /* of the largest gradient in the tensor */

/* One adapted matrix in double. */
typedef struct merge
{
    const lb_parameter *a, *b;
    double *a_values, *b_values;
    const double *frozen; /* w */
    double *merged;       /* the reference's */
    size_t n_out, n_in, rank;
    double scale;
} merge;

static void merge_now(const merge *m)
{
    for (size_t o = 0; o < m->n_out; o++)
    {
        for (size_t i = 0; i < m->n_in; i++)
        {
            double sum = 0.0;
            for (size_t r = 0; r < m->rank; r++)
            {
                sum += m->b_values[o * m->rank + r] * m->a_values[r * m->n_in + i];
            }
            m->merged[o * m->n_in + i] = m->frozen[o * m->n_in + i] + m->scale * sum;
        }
    }
}

static double *in_double(const float *values, size_t count)
{
    double *made = calloc(count, sizeof *made);
    assert_non_null(made);
    for (size_t i = 0; i < count; i++)
    {
        made[i] = (double)values[i];
    }
    return made;
}

static merge merge_create(const lb_model *model, const reference_model *reference, size_t i)
{
    const lb_lora *lora = model->lora;
    const lb_parameter *a = lora->a_of[i];
    const double rank = (double)lora->settings.rank;
    const merge made = {
        .a = a,
        .b = a + 1,
        .a_values = in_double(a[0].master, a[0].count),
        .b_values = in_double(a[1].master, a[1].count),
        .frozen = in_double(model->parameters[i].master, model->parameters[i].count),
        .merged = reference->values[i],
        .n_out = model->parameters[i].matrix.n_out,
        .n_in = model->parameters[i].matrix.n_in,
        .rank = lora->settings.rank,
        .scale = lora->settings.alpha / (lora->settings.is_rank_stabilized ? sqrt(rank) : rank),
    };
    assert_int_equal(made.n_out, a[1].shape[0]);
    assert_int_equal(made.n_in, a[0].shape[1]);
    merge_now(&made);
    return made;
}

static void merge_free(merge *m)
{
    free(m->a_values);
    free(m->b_values);
    free((void *)m->frozen);
}

/* (f(-2h) - 8 f(-h) + 8 f(h) - f(2h)) / 12h */
static double difference(const reference_model *reference, const lb_batch *batch, const merge *m,
                         double *element)
{
    static const double places[] = {-2.0, -1.0, 1.0, 2.0};
    static const double weights[] = {1.0, -8.0, 8.0, -1.0};
    const double old = *element;
    double sum = 0.0;
    for (size_t i = 0; i < 4; i++)
    {
        *element = old + places[i] * DIFFERENCE;
        merge_now(m);
        sum += weights[i] * reference_loss(reference, batch, NULL);
    }
    *element = old;
    merge_now(m);
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
    double worst;
} outcome;

static void check_tensor(const lora_case *chosen, outcome *o, const lb_model *model,
                         const reference_model *reference, const lb_batch *batch, const merge *m,
                         bool is_b, lb_random *random)
{
    const lb_parameter *parameter = is_b ? m->b : m->a;
    const size_t place = (size_t)(parameter - model->lora->parameters);
    double *values = is_b ? m->b_values : m->a_values;
    const size_t n_samples = parameter->count < N_SAMPLES ? parameter->count : N_SAMPLES;
    for (size_t sample = 0; sample < n_samples; sample++)
    {
        const size_t j = n_samples == parameter->count
                             ? sample
                             : (size_t)lb_random_below(random, parameter->count);
        const double expected = (double)SCALE * difference(reference, batch, m, &values[j]);
        for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
        {
            const double scale = largest(o->grads[b][place], parameter->count);
            const double found = (double)o->grads[b][place][j];
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
        assert_true(fabs((double)nll[i] - expected_nll[i]) <= LOSS_TOLERANCE);
    }
    assert_ok(lb_decoder_backward(decoder, batch, SCALE, optimizer->grads, error));
    lb_decoder_free(decoder);
    lb_compute_free(compute);
    return optimizer->grads;
}

/* With b random too: at zero a has no gradient. */
static lb_model *case_model(const lora_case *chosen, uint64_t seed)
{
    const lb_config config = fixture_config(chosen->has_tied_head, chosen->has_bias);
    lb_model *model = fixture_model(&config, seed);
    lb_lora_settings settings = chosen->settings;
    lb_random random;
    settings.targets = chosen->targets;
    assert_ok(lb_lora_create(model, &settings, LB_F32, seed, error));
    lb_random_init(&random, seed);
    for (size_t i = 1; i < model->lora->n_parameters; i += 2)
    {
        lb_parameter *b = &model->lora->parameters[i];
        for (size_t j = 0; j < b->count; j++)
        {
            b->master[j] = (float)(0.2 * lb_random_normal(&random));
        }
    }
    return model;
}

static void check_case(const lora_case *chosen, uint64_t seed)
{
    static const lb_adamw settings = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    lb_model *model = case_model(chosen, seed);
    reference_model reference = reference_create(model);
    merge *merges = calloc(model->n_parameters, sizeof *merges);
    assert_non_null(merges);
    size_t n_merges = 0;
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        if (model->lora->a_of[i] != NULL)
        {
            merges[n_merges++] = merge_create(model, &reference, i);
        }
    }
    fixture_batch made;
    fixture_fill(&made, (const uint32_t[]){8, 1, 5, 10}, 4, model->config.n_vocabulary, 0.7, seed);
    double nll[FIXTURE_MOST_TOKENS];
    reference_loss(&reference, &made.batch, nll);

    lb_optimizer *optimizers[FIXTURE_SET_COUNT] = {0}; /* only for their gradient arrays */
    outcome o = {.worst = 0.0};
    for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
    {
        assert_ok(lb_optimizer_create(&optimizers[b], model, &settings, error));
        o.grads[b] = compute_gradients(fixture_sets[b], model, optimizers[b], &made.batch, nll);
    }
    lb_random random;
    lb_random_init(&random, seed);
    for (size_t i = 0; i < n_merges; i++)
    {
        check_tensor(chosen, &o, model, &reference, &made.batch, &merges[i], false, &random);
        check_tensor(chosen, &o, model, &reference, &made.batch, &merges[i], true, &random);
        merge_free(&merges[i]);
    }
    print_message("%s: largest difference %.1e of the tensor's largest gradient\n", chosen->name,
                  o.worst);
    for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
    {
        lb_optimizer_free(optimizers[b]);
    }
    free(merges);
    reference_free(&reference);
    lb_model_free(model);
}

static void test_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
        check_case(&cases[i], 300 + i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

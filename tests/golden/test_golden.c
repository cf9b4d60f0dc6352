/* SPDX-License-Identifier: Apache-2.0
 *
 * The committed golden models against what PyTorch computed from them in float64 (make_golden.py):
 * losses of tokens, logits, the gradient of the mean loss in every trained parameter, and the
 * losses of ten AdamW steps with warm-up, cosine, clipping and weight decay, in fp32 and coarsely
 * in bf16. Every set of fixture.h.
 */
#include "unit/model/fixture.h"

#include <math.h>

#define LOSS_TOLERANCE 1e-5
#define LOGIT_TOLERANCE 2e-5
#define GRADIENT_TOLERANCE 1e-4      /* of the largest gradient in the tensor */
#define TRAINING_TOLERANCE 5e-5      /* of a mean loss, after steps that amplify rounding */
#define BF16_TRAINING_TOLERANCE 1e-1 /* the losses fall by more than 3 */
#define MOST_BATCHES 4

/* The last two are adapters on the first two. */
static const char *const names[] = {"llama_tied", "llama_untied", "lora_qv", "lora_all"};

typedef struct golden
{
    char folder[FIXTURE_PATH_SIZE];
    json_t *values;
    lb_safetensors *arrays;
    fixture_batch batches[MOST_BATCHES];
    size_t n_batches;
} golden;

static size_t copy_integers(const json_t *object, const char *key, uint32_t *values, size_t most)
{
    const json_t *array = json_object_get(object, key);
    const size_t count = json_array_size(array);
    assert_in_range(count, 1, most);
    for (size_t i = 0; i < count; i++)
    {
        values[i] = (uint32_t)json_integer_value(json_array_get(array, i));
    }
    return count;
}

static void read_batch(fixture_batch *made, const json_t *object)
{
    uint32_t ids[FIXTURE_MOST_TOKENS] = {0};
    lb_batch *batch = &made->batch;
    batch->n_tokens = copy_integers(object, "ids", ids, FIXTURE_MOST_TOKENS);
    batch->n_sequences =
        copy_integers(object, "starts", made->starts, FIXTURE_MOST_SEQUENCES + 1) - 1;
    batch->n_scored = copy_integers(object, "scored", made->scored, FIXTURE_MOST_TOKENS);
    for (size_t i = 0; i < batch->n_tokens; i++)
    {
        made->ids[i] = (int32_t)ids[i];
    }
    batch->ids = made->ids;
    batch->starts = made->starts;
    batch->scored = made->scored;
}

static void open_golden(golden *g, const char *name)
{
    memset(g, 0, sizeof *g);
    snprintf(g->folder, sizeof g->folder, "%s/tests/golden/%s", TEST_SOURCE_DIR, name);
    char *values = lb_path_join(g->folder, "golden.json", NULL);
    char *arrays = lb_path_join(g->folder, "golden.safetensors", NULL);
    assert_ok(lb_json_load(&g->values, values, error));
    assert_ok(lb_safetensors_open(&g->arrays, arrays, error));
    free(values);
    free(arrays);
    const json_t *batches = json_object_get(g->values, "batches");
    g->n_batches = json_array_size(batches);
    assert_in_range(g->n_batches, 1, MOST_BATCHES);
    for (size_t i = 0; i < g->n_batches; i++)
    {
        read_batch(&g->batches[i], json_array_get(batches, i));
    }
}

static void close_golden(golden *g)
{
    json_decref(g->values);
    lb_safetensors_close(g->arrays);
}

/* COUNT values against the golden array, within TOLERANCE, or of its largest value IF_RELATIVE. */
static void check_array(const golden *g, const char *set, const char *name, const float *found,
                        size_t count, double tolerance, bool is_relative)
{
    const lb_tensor *tensor = NULL;
    assert_ok(lb_safetensors_find(g->arrays, name, &tensor, error));
    assert_int_equal(count, tensor->n_elements);
    float *expected = malloc(count * sizeof *expected);
    assert_non_null(expected);
    lb_dtype_to_float(expected, tensor->data, tensor->dtype, count);
    double largest = 0.0;
    for (size_t i = 0; i < count; i++)
    {
        largest = fmax(largest, fabs((double)expected[i]));
    }
    const double most = is_relative ? tolerance * largest : tolerance;
    assert_true(largest > 1e-4);
    for (size_t i = 0; i < count; i++)
    {
        if (!(fabs((double)expected[i] - (double)found[i]) <= most))
        {
            fail_msg("%s, %s, %s[%zu]: expected %.9g, found %.9g", g->folder, set, name, i,
                     (double)expected[i], (double)found[i]);
        }
    }
    free(expected);
}

static double mean_of(const float *values, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
    {
        sum += (double)values[i];
    }
    return sum / (double)count;
}

static void check_mean(const golden *g, const char *set, const char *what, double expected,
                       double found, double tolerance)
{
    if (!(fabs(expected - found) <= tolerance))
    {
        fail_msg("%s, %s, %s: expected %.9g, found %.9g", g->folder, set, what, expected, found);
    }
}

static double real_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* An adapter is golden too: then the model of its base with the adapter, which is what is trained.
 */
static lb_model *golden_model(const golden *g, lb_dtype dtype, lb_model_use use)
{
    lb_model *model = NULL;
    const json_t *base = json_object_get(g->values, "base");
    if (base == NULL)
    {
        assert_ok(lb_model_load(&model, g->folder, dtype, use, error));
        return model;
    }
    char folder[FIXTURE_PATH_SIZE];
    snprintf(folder, sizeof folder, "%s/tests/golden/%s", TEST_SOURCE_DIR, json_string_value(base));
    assert_ok(lb_model_load(&model, folder, dtype, LB_MODEL_SCORE, error));
    assert_ok(lb_lora_load(model, g->folder, dtype, error));
    return model;
}

static void check_losses_and_logits(const golden *g, const char *set)
{
    lb_model *model = golden_model(g, LB_F32, LB_MODEL_SCORE);
    lb_compute *compute = fixture_compute(set, 2);
    lb_decoder *decoder = NULL;
    const lb_batch *batch = &g->batches[0].batch;
    assert_ok(
        lb_decoder_create(&decoder, model, compute, batch->n_tokens, LB_DECODER_SCORE, error));
    float nll[FIXTURE_MOST_TOKENS];
    float el2n[FIXTURE_MOST_TOKENS];
    const size_t count = batch->n_scored * model->config.n_vocabulary;
    float *logits = malloc(count * sizeof *logits);
    assert_non_null(logits);
    assert_ok(lb_decoder_forward(decoder, batch, nll, el2n, error));
    assert_ok(lb_decoder_logits(decoder, batch, logits, error));
    check_array(g, set, "nll", nll, batch->n_scored, LOSS_TOLERANCE, false);
    check_array(g, set, "el2n", el2n, batch->n_scored, LOSS_TOLERANCE, false);
    check_mean(g, set, "mean loss", real_of(g->values, "mean_loss"), mean_of(nll, batch->n_scored),
               LOSS_TOLERANCE);
    check_array(g, set, "logits", logits, count, LOGIT_TOLERANCE, false);
    free(logits);
    lb_decoder_free(decoder);
    lb_compute_free(compute);
    lb_model_free(model);
}

typedef struct training
{
    lb_model *model;
    lb_compute *compute;
    lb_decoder *decoder;
    lb_optimizer *optimizer;
} training;

static training training_create(const golden *g, const char *set, lb_dtype dtype)
{
    training t = {.model = golden_model(g, dtype, LB_MODEL_TRAIN),
                  .compute = fixture_compute(set, 2)};
    const json_t *recipe = json_object_get(g->values, "recipe");
    const lb_adamw settings = {.beta1 = real_of(recipe, "beta1"),
                               .beta2 = real_of(recipe, "beta2"),
                               .epsilon = real_of(recipe, "epsilon")};
    assert_ok(lb_decoder_create(&t.decoder, t.model, t.compute, FIXTURE_MOST_TOKENS,
                                LB_DECODER_TRAIN, error));
    assert_ok(lb_optimizer_create(&t.optimizer, t.model, &settings, error));
    return t;
}

static void training_free(training *t)
{
    lb_optimizer_free(t->optimizer);
    lb_decoder_free(t->decoder);
    lb_compute_free(t->compute);
    lb_model_free(t->model);
}

/* The mean loss of BATCH; its gradient is in the optimizer. */
static double forward_and_backward(training *t, const lb_batch *batch)
{
    float nll[FIXTURE_MOST_TOKENS];
    assert_ok(lb_decoder_forward(t->decoder, batch, nll, NULL, error));
    assert_ok(lb_decoder_backward(t->decoder, batch, 1.0F / (float)batch->n_scored,
                                  t->optimizer->grads, error));
    return mean_of(nll, batch->n_scored);
}

static void check_gradients(const golden *g, const char *set)
{
    training t = training_create(g, set, LB_F32);
    forward_and_backward(&t, &g->batches[0].batch);
    const lb_parameter_list trained = lb_model_trained(t.model);
    for (size_t i = 0; i < trained.count; i++)
    {
        char name[128];
        snprintf(name, sizeof name, "grad.%s", trained.items[i].name);
        check_array(g, set, name, t.optimizer->grads[i], trained.items[i].count, GRADIENT_TOLERANCE,
                    true);
    }
    training_free(&t);
}

/* Ten steps against PyTorch's losses and gradient norms, within TOLERANCE of a loss and, as a
 * share, NORM_TOLERANCE of a norm. */
static void check_steps(const golden *g, const char *set, lb_dtype dtype, double tolerance,
                        double norm_tolerance)
{
    const json_t *recipe = json_object_get(g->values, "recipe");
    const json_t *losses = json_object_get(g->values, "training_losses");
    const json_t *norms = json_object_get(g->values, "gradient_norms");
    const uint64_t n_steps = (uint64_t)json_array_size(losses);
    assert_int_equal(10, n_steps);
    training t = training_create(g, set, dtype);
    double worst = 0.0;
    for (uint64_t step = 0; step < n_steps; step++)
    {
        char what[64];
        snprintf(what, sizeof what, "%s, loss of step %d", lb_dtype_name(dtype), (int)step);
        const double found = forward_and_backward(&t, &g->batches[step % g->n_batches].batch);
        const double expected = json_number_value(json_array_get(losses, (size_t)step));
        check_mean(g, set, what, expected, found, tolerance);
        worst = fmax(worst, fabs(expected - found));
        const double rate = lb_schedule_rate(real_of(recipe, "learning_rate"),
                                             real_of(recipe, "warmup_ratio"), step, n_steps);
        double norm = 0.0;
        assert_ok(lb_optimizer_step(t.optimizer, t.model, t.compute, rate,
                                    real_of(recipe, "weight_decay"), real_of(recipe, "clip"), &norm,
                                    error));
        const double expected_norm = json_number_value(json_array_get(norms, (size_t)step));
        snprintf(what, sizeof what, "%s, norm of step %d", lb_dtype_name(dtype), (int)step);
        check_mean(g, set, what, expected_norm, norm, norm_tolerance * expected_norm);
    }
    print_message("%s, %s, %s: largest difference of a training loss %.1e\n", g->folder, set,
                  lb_dtype_name(dtype), worst);
    training_free(&t);
}

static void check_training(const golden *g, const char *set)
{
    check_steps(g, set, LB_F32, TRAINING_TOLERANCE, GRADIENT_TOLERANCE);
}

/* fp32 masters, products in bf16: the same course, coarsely. */
static void check_training_bf16(const golden *g, const char *set)
{
    check_steps(g, set, LB_BF16, BF16_TRAINING_TOLERANCE, BF16_TRAINING_TOLERANCE);
}

static void run_all(void (*check)(const golden *, const char *))
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    {
        golden g;
        open_golden(&g, names[i]);
        for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
        {
            check(&g, fixture_sets[b]);
        }
        close_golden(&g);
    }
}

static void test_losses_and_logits(void **state)
{
    (void)state;
    run_all(check_losses_and_logits);
}

static void test_gradients(void **state)
{
    (void)state;
    run_all(check_gradients);
}

static void test_training(void **state)
{
    (void)state;
    run_all(check_training);
}

static void test_training_bf16(void **state)
{
    (void)state;
    run_all(check_training_bf16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses_and_logits),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_training_bf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

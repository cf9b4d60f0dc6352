/* SPDX-License-Identifier: Apache-2.0
 *
 * Adapters as such: a new one changes no loss, how it is initialised, that the model below it stays
 * frozen and mapped, the same bits for any number of threads. Files are in test_lora_files.c;
 * numbers against something independent in tests/golden and tests/grad.
 */
#include "unit/model/fixture.h"

#include <math.h>

/* Bits of lb_lora_target_name(). */
enum
{
    V_PROJ = 4
};

static const lb_adamw adamw = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
static const lb_lora_settings all_linear = {.rank = 4, .alpha = 8, .targets = LB_LORA_ALL_LINEAR};

static char folder[FIXTURE_PATH_SIZE];

/* Writes the fixture's model; DTYPE: of its file. */
static void base_write(lb_dtype dtype)
{
    const lb_config config = fixture_config(false, true);
    lb_model *model = fixture_model(&config, 5);
    fixture_write_config(folder, &config);
    model->stored_dtype = dtype;
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        model->parameters[i].stored_dtype = dtype;
    }
    assert_ok(lb_model_save(model, folder, folder, error));
    lb_model_free(model);
}

static int setup(void **state)
{
    (void)state;
    fixture_folder_create(folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_folder_remove(folder);
    return 0;
}

static lb_model *base_load(lb_dtype dtype)
{
    lb_model *model = NULL;
    assert_ok(lb_model_load(&model, folder, dtype, LB_MODEL_SCORE, error));
    return model;
}

static void batch_make(fixture_batch *made)
{
    const lb_config config = fixture_config(false, true);
    fixture_fill(made, (const uint32_t[]){40, 1, 33, 60}, 4, config.n_vocabulary, 0.7, 9);
}

static void losses_compute(float *nll, const lb_model *model, const char *set,
                           const lb_batch *batch)
{
    lb_compute *compute = fixture_compute(set, 2);
    lb_decoder *decoder = NULL;
    assert_ok(
        lb_decoder_create(&decoder, model, compute, batch->n_tokens, LB_DECODER_SCORE, error));
    assert_ok(lb_decoder_forward(decoder, batch, nll, NULL, error));
    lb_decoder_free(decoder);
    lb_compute_free(compute);
}

static void test_new_changes_nothing(void **state)
{
    static const lb_dtype dtypes[] = {LB_F32, LB_BF16};
    (void)state;
    fixture_batch made;
    batch_make(&made);
    base_write(LB_F32);
    for (size_t d = 0; d < 2; d++)
    {
        for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
        {
            float before[FIXTURE_MOST_TOKENS];
            float with[FIXTURE_MOST_TOKENS];
            float changed[FIXTURE_MOST_TOKENS];
            lb_model *model = base_load(dtypes[d]);
            losses_compute(before, model, fixture_sets[b], &made.batch);
            assert_ok(lb_lora_create(model, &all_linear, dtypes[d], 1, error));
            losses_compute(with, model, fixture_sets[b], &made.batch);
            assert_memory_equal(before, with, made.batch.n_scored * sizeof *with);
            /* And it is not that nothing is computed. */
            model->lora->parameters[1].master[3] = 0.5F;
            lb_model_refresh(model);
            losses_compute(changed, model, fixture_sets[b], &made.batch);
            assert_memory_not_equal(before, changed, made.batch.n_scored * sizeof *changed);
            lb_model_free(model);
        }
    }
}

/* Uniform in +-1/sqrt(n_in): mean 0, variance bound^2 / 3, nothing outside. */
static void check_uniform(const lb_parameter *a)
{
    const double bound = 1.0 / sqrt((double)a->matrix.n_in);
    double sum = 0.0;
    double squares = 0.0;
    for (size_t i = 0; i < a->count; i++)
    {
        const double value = (double)a->master[i];
        assert_true(fabs(value) <= bound);
        sum += value;
        squares += value * value;
    }
    const double n = (double)a->count;
    const double deviation = bound / sqrt(3.0);
    assert_true(fabs(sum / n) < 5.0 * deviation / sqrt(n));
    assert_true(fabs(squares / n / (deviation * deviation) - 1.0) < 5.0 * sqrt(0.8 / n));
}

static void test_initialised_as_peft_does(void **state)
{
    lb_lora_settings wide = {.rank = 64, .alpha = 8, .targets = LB_LORA_ALL_LINEAR};
    const lb_config config = fixture_config(true, false);
    lb_model *model = fixture_model(&config, 5);
    lb_model *few = fixture_model(&config, 5);
    lb_model *other = fixture_model(&config, 5);
    (void)state;
    assert_ok(lb_lora_create(model, &wide, LB_F32, 1, error));
    assert_ok(lb_lora_create(other, &wide, LB_F32, 2, error));
    wide.targets = V_PROJ;
    assert_ok(lb_lora_create(few, &wide, LB_F32, 1, error));
    assert_int_equal(config.n_layers * 14, model->lora->n_parameters);
    assert_int_equal(config.n_layers * 2, few->lora->n_parameters);
    for (size_t i = 0; i < model->lora->n_parameters; i += 2)
    {
        const lb_parameter *a = &model->lora->parameters[i];
        check_uniform(a);
        assert_memory_not_equal(a->master, other->lora->parameters[i].master, 64 * sizeof(float));
        for (size_t j = 0; j < a[1].count; j++)
        {
            assert_true(a[1].master[j] == 0.0F);
        }
    }
    /* A matrix starts the same whatever else is adapted. */
    static const char name[] = "model.layers.1.self_attn.v_proj.weight";
    const lb_parameter *v = model->lora->a_of[fixture_parameter(model, name) - model->parameters];
    const lb_parameter *alone = few->lora->a_of[fixture_parameter(few, name) - few->parameters];
    assert_string_equal(v->name, "base_model.model.model.layers.1.self_attn.v_proj.lora_A.weight");
    assert_string_equal(v[1].name,
                        "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight");
    assert_memory_equal(v->master, alone->master, v->count * sizeof(float));
    lb_model_free(other);
    lb_model_free(few);
    lb_model_free(model);
}

static void steps_take(lb_model *model, lb_optimizer *optimizer, unsigned n_threads,
                       const lb_batch *batch)
{
    lb_compute *compute = fixture_compute(NULL, n_threads);
    lb_decoder *decoder = NULL;
    float nll[FIXTURE_MOST_TOKENS];
    double norm = 0.0;
    assert_ok(
        lb_decoder_create(&decoder, model, compute, batch->n_tokens, LB_DECODER_TRAIN, error));
    for (int step = 0; step < 3; step++)
    {
        assert_ok(lb_decoder_forward(decoder, batch, nll, NULL, error));
        assert_ok(lb_decoder_backward(decoder, batch, 0.01F, optimizer->grads, error));
        assert_ok(lb_optimizer_step(optimizer, model, compute, 1e-2, 0.1, 1.0, &norm, error));
        assert_true(norm > 0.0);
    }
    lb_decoder_free(decoder);
    lb_compute_free(compute);
}

/* A model of the file's own dtype is mapped and stays so: no masters, no copies, no gradients. */
static void test_model_stays_frozen(void **state)
{
    (void)state;
    fixture_batch made;
    batch_make(&made);
    base_write(LB_BF16);
    lb_model *model = base_load(LB_BF16);
    lb_model *untouched = base_load(LB_BF16);
    lb_optimizer *optimizer = NULL;
    assert_ok(lb_lora_create(model, &all_linear, LB_BF16, 1, error));
    assert_ok(lb_optimizer_create(&optimizer, model, &adamw, error));
    assert_int_equal(optimizer->n_parameters, model->lora->n_parameters);
    steps_take(model, optimizer, 2, &made.batch);
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        const lb_parameter *parameter = &model->parameters[i];
        assert_null(parameter->master);
        assert_null(parameter->working);
        if (parameter->n_dims == 2)
        {
            assert_memory_equal(parameter->matrix.bf16, untouched->parameters[i].matrix.bf16,
                                parameter->count * sizeof(uint16_t));
        }
    }
    for (size_t i = 0; i < model->lora->n_parameters; i++)
    {
        const lb_parameter *parameter = &model->lora->parameters[i];
        size_t n_set = 0;
        for (size_t j = 0; j < parameter->count; j++)
        {
            n_set += parameter->master[j] != 0.0F ? 1 : 0;
            assert_int_equal(parameter->working[j], lb_bf16_from_float(parameter->master[j]));
        }
        assert_true(n_set > 0);
    }
    lb_optimizer_free(optimizer);
    lb_model_free(untouched);
    lb_model_free(model);
}

static void test_threads_do_not_show(void **state)
{
    static const lb_dtype dtypes[] = {LB_F32, LB_BF16};
    (void)state;
    fixture_batch made;
    batch_make(&made);
    base_write(LB_F32);
    for (size_t d = 0; d < 2; d++)
    {
        lb_model *models[3] = {0};
        for (unsigned t = 0; t < 3; t++)
        {
            lb_optimizer *optimizer = NULL;
            models[t] = base_load(dtypes[d]);
            assert_ok(lb_lora_create(models[t], &all_linear, dtypes[d], 1, error));
            assert_ok(lb_optimizer_create(&optimizer, models[t], &adamw, error));
            steps_take(models[t], optimizer, t + 1, &made.batch);
            lb_optimizer_free(optimizer);
        }
        for (unsigned t = 1; t < 3; t++)
        {
            for (size_t i = 0; i < models[0]->lora->n_parameters; i++)
            {
                const lb_parameter *expected = &models[0]->lora->parameters[i];
                assert_memory_equal(expected->master, models[t]->lora->parameters[i].master,
                                    expected->count * sizeof(float));
            }
        }
        for (unsigned t = 0; t < 3; t++)
        {
            lb_model_free(models[t]);
        }
    }
}

#define LORA_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LORA_TEST(test_new_changes_nothing),
        LORA_TEST(test_initialised_as_peft_does),
        LORA_TEST(test_model_stays_frozen),
        LORA_TEST(test_threads_do_not_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

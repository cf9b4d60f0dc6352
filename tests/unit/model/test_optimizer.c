/* SPDX-License-Identifier: Apache-2.0
 *
 * AdamW steps against the formula in double, clipping, decay on matrices only, bf16 working copies,
 * a gradient that is not finite, the schedule, and the state on disk bit for bit.
 */
#include "unit/model/fixture.h"

#include <math.h>

static const lb_adamw settings = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};

static void fill_grads(const lb_model *model, lb_optimizer *optimizer, uint64_t seed)
{
    lb_random random;
    lb_random_init(&random, seed);
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        for (size_t j = 0; j < model->parameters[i].count; j++)
        {
            optimizer->grads[i][j] = (float)(0.1 * lb_random_normal(&random));
        }
    }
}

static double norm_of(const lb_model *model, const lb_optimizer *optimizer)
{
    double sum = 0.0;
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        for (size_t j = 0; j < model->parameters[i].count; j++)
        {
            sum += (double)optimizer->grads[i][j] * (double)optimizer->grads[i][j];
        }
    }
    return sqrt(sum);
}

/* One element's AdamW in double. */
typedef struct reference
{
    double w, m, v;
} reference;

static void reference_step(reference *r, double grad, uint64_t step, double rate, double decay)
{
    r->m = settings.beta1 * r->m + (1.0 - settings.beta1) * grad;
    r->v = settings.beta2 * r->v + (1.0 - settings.beta2) * grad * grad;
    const double m_hat = r->m / (1.0 - pow(settings.beta1, (double)step));
    const double v_hat = r->v / (1.0 - pow(settings.beta2, (double)step));
    r->w -= rate * (m_hat / (sqrt(v_hat) + settings.epsilon) + decay * r->w);
}

#define N_STEPS 5

static void check_steps(const char *set, double clip)
{
    const lb_config config = fixture_config(true, true);
    lb_model *model = fixture_model(&config, 1);
    lb_compute *compute = fixture_compute(set, 2);
    lb_optimizer *optimizer = NULL;
    assert_ok(lb_optimizer_create(&optimizer, model, &settings, error));
    reference *expected = calloc((size_t)model->n_elements, sizeof *expected);
    assert_non_null(expected);
    size_t place = 0;
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        for (size_t j = 0; j < model->parameters[i].count; j++)
        {
            expected[place++].w = (double)model->parameters[i].master[j];
        }
    }
    for (uint64_t step = 1; step <= N_STEPS; step++)
    {
        fill_grads(model, optimizer, step);
        const double norm = norm_of(model, optimizer);
        const double scale = clip > 0.0 && norm > clip ? clip / norm : 1.0;
        const double rate = 0.01 / (double)step;
        place = 0;
        for (size_t i = 0; i < model->n_parameters; i++)
        {
            const lb_parameter *parameter = &model->parameters[i];
            for (size_t j = 0; j < parameter->count; j++)
            {
                reference_step(&expected[place++], scale * (double)optimizer->grads[i][j], step,
                               rate, parameter->n_dims == 2 ? 0.3 : 0.0);
            }
        }
        double found_norm = 0.0;
        assert_ok(
            lb_optimizer_step(optimizer, model, compute, rate, 0.3, clip, &found_norm, error));
        assert_true(fabs(found_norm - norm) <= 1e-12 * norm);
        assert_int_equal(step, optimizer->step);
        assert_true(norm_of(model, optimizer) == 0.0);
    }
    place = 0;
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        for (size_t j = 0; j < model->parameters[i].count; j++)
        {
            const double found = (double)model->parameters[i].master[j];
            if (!(fabs(found - expected[place].w) <= 1e-6))
            {
                fail_msg("%s, clip %g, %s[%zu]: expected %.9g, found %.9g", set, clip,
                         model->parameters[i].name, j, expected[place].w, found);
            }
            place++;
        }
    }
    free(expected);
    lb_optimizer_free(optimizer);
    lb_compute_free(compute);
    lb_model_free(model);
}

static void test_steps(void **state)
{
    (void)state;
    for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
    {
        check_steps(fixture_sets[b], 0.0);
        check_steps(fixture_sets[b], 1.0);
        check_steps(fixture_sets[b], 1e6);
    }
}

static void test_nonfinite_gradient(void **state)
{
    (void)state;
    const lb_config config = fixture_config(true, false);
    lb_model *model = fixture_model(&config, 2);
    lb_compute *compute = fixture_compute(NULL, 1);
    lb_optimizer *optimizer = NULL;
    assert_ok(lb_optimizer_create(&optimizer, model, &settings, error));
    const float bad[] = {NAN, INFINITY};
    for (size_t i = 0; i < 2; i++)
    {
        fill_grads(model, optimizer, 3);
        optimizer->grads[4][7] = bad[i];
        float before[1024];
        const size_t bytes = model->parameters[4].count * sizeof(float);
        memcpy(before, model->parameters[4].master, bytes);
        double norm = 0.0;
        assert_fails(LOBASS_NUMERIC, "step 1: expected a finite gradient norm, found",
                     lb_optimizer_step(optimizer, model, compute, 0.1, 0.1, 1.0, &norm, error));
        assert_true(isfinite(norm) == 0);
        assert_int_equal(0, optimizer->step);
        assert_memory_equal(before, model->parameters[4].master, bytes);
        assert_true(optimizer->m[4][0] == 0.0F && optimizer->grads[4][6] != 0.0F);
    }
    lb_optimizer_free(optimizer);
    lb_optimizer_free(NULL);
    lb_compute_free(compute);
    lb_model_free(model);
}

/* A model of bf16 working copies on disk and loaded for training. */
static lb_model *load_narrow(const char *folder, lb_model_use use)
{
    const lb_config config = fixture_config(true, true);
    fixture_write_config(folder, &config);
    lb_model *made = fixture_model(&config, 4);
    assert_ok(lb_model_save(made, folder, folder, error));
    lb_model_free(made);
    lb_model *model = NULL;
    assert_ok(lb_model_load(&model, folder, LB_BF16, use, error));
    return model;
}

static void check_working_copies(const lb_model *model)
{
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        const lb_parameter *parameter = &model->parameters[i];
        assert_int_equal(parameter->n_dims == 2, parameter->working != NULL);
        for (size_t j = 0; parameter->working != NULL && j < parameter->count; j++)
        {
            assert_int_equal(lb_bf16_from_float(parameter->master[j]), parameter->working[j]);
        }
    }
}

static void test_working_copies_follow(void **state)
{
    (void)state;
    char folder[FIXTURE_PATH_SIZE];
    fixture_folder_create(folder);
    lb_model *model = load_narrow(folder, LB_MODEL_TRAIN);
    lb_compute *compute = fixture_compute(NULL, 1);
    lb_optimizer *optimizer = NULL;
    assert_ok(lb_optimizer_create(&optimizer, model, &settings, error));
    check_working_copies(model);
    const uint16_t before = model->parameters[0].working[3];
    fill_grads(model, optimizer, 5);
    double norm = 0.0;
    assert_ok(lb_optimizer_step(optimizer, model, compute, 0.1, 0.0, 0.0, &norm, error));
    check_working_copies(model);
    assert_int_not_equal(before, model->parameters[0].working[3]);
    lb_optimizer_free(optimizer);
    lb_model_free(model);

    model = load_narrow(folder, LB_MODEL_SCORE);
    assert_fails(LOBASS_BAD_ARGUMENT, "optimizer: expected a model loaded for training",
                 lb_optimizer_create(&optimizer, model, &settings, error));
    lb_model_free(model);
    lb_compute_free(compute);
    fixture_folder_remove(folder);
}

static void test_schedule(void **state)
{
    (void)state;
    const double highest = 2.0;
    /* 100 steps, 3 of warm-up */
    assert_true(fabs(lb_schedule_rate(highest, 0.03, 0, 100) - highest / 3.0) < 1e-15);
    assert_true(fabs(lb_schedule_rate(highest, 0.03, 2, 100) - highest) < 1e-15);
    assert_true(fabs(lb_schedule_rate(highest, 0.03, 3, 100) - highest) < 1e-15);
    const double half =
        lb_schedule_rate(highest, 0.03, 51, 100) + lb_schedule_rate(highest, 0.03, 52, 100);
    assert_true(fabs(half - highest) < 1e-12);
    const double last = lb_schedule_rate(highest, 0.03, 99, 100);
    assert_true(last > 0.0 && last < 0.001 * highest);
    assert_true(lb_schedule_rate(highest, 0.03, 100, 100) == 0.0);
    for (uint64_t step = 4; step < 100; step++)
    {
        assert_true(lb_schedule_rate(highest, 0.03, step, 100) <
                    lb_schedule_rate(highest, 0.03, step - 1, 100));
    }
    assert_true(lb_schedule_rate(highest, 0.03, 0, 1) == highest);
    assert_true(lb_schedule_rate(highest, 0.0, 0, 1) == highest);
    assert_true(lb_schedule_rate(highest, 1.0, 9, 10) == highest);
    assert_true(lb_schedule_rate(highest, 0.0, 0, 0) == 0.0);
}

static void assert_same_state(const lb_model *a, const lb_optimizer *x, const lb_model *b,
                              const lb_optimizer *y)
{
    assert_int_equal(x->step, y->step);
    for (size_t i = 0; i < a->n_parameters; i++)
    {
        const size_t bytes = a->parameters[i].count * sizeof(float);
        assert_memory_equal(a->parameters[i].master, b->parameters[i].master, bytes);
        assert_memory_equal(x->m[i], y->m[i], bytes);
        assert_memory_equal(x->v[i], y->v[i], bytes);
    }
}

static void test_state_on_disk(void **state)
{
    (void)state;
    char folder[FIXTURE_PATH_SIZE];
    fixture_folder_create(folder);
    lb_model *models[2] = {load_narrow(folder, LB_MODEL_TRAIN),
                           load_narrow(folder, LB_MODEL_TRAIN)};
    lb_compute *compute = fixture_compute(NULL, 1);
    lb_optimizer *optimizers[2] = {0};
    double norm = 0.0;
    for (size_t i = 0; i < 2; i++)
    {
        assert_ok(lb_optimizer_create(&optimizers[i], models[i], &settings, error));
    }
    for (uint64_t step = 0; step < 3; step++)
    {
        fill_grads(models[0], optimizers[0], step);
        assert_ok(
            lb_optimizer_step(optimizers[0], models[0], compute, 0.01, 0.1, 1.0, &norm, error));
    }
    optimizers[0]->step = 0x0123456789ABCDEFU; /* every digit of the number is kept */
    assert_ok(lb_optimizer_save(optimizers[0], models[0], folder, error));
    fill_grads(models[1], optimizers[1], 9);
    assert_ok(lb_optimizer_load(optimizers[1], models[1], folder, error));
    assert_same_state(models[0], optimizers[0], models[1], optimizers[1]);
    assert_true(norm_of(models[1], optimizers[1]) == 0.0);
    check_working_copies(models[1]);

    /* The next step is the same too. */
    for (size_t i = 0; i < 2; i++)
    {
        optimizers[i]->step = 3;
        fill_grads(models[i], optimizers[i], 20);
        assert_ok(
            lb_optimizer_step(optimizers[i], models[i], compute, 0.01, 0.1, 1.0, &norm, error));
    }
    assert_same_state(models[0], optimizers[0], models[1], optimizers[1]);
    for (size_t i = 0; i < 2; i++)
    {
        lb_optimizer_free(optimizers[i]);
        lb_model_free(models[i]);
    }
    lb_compute_free(compute);
    fixture_folder_remove(folder);
}

/* A state of another model is refused, and what is in memory stays. */
static void test_bad_state(void **state)
{
    (void)state;
    char folder[FIXTURE_PATH_SIZE];
    fixture_folder_create(folder);
    lb_config config = fixture_config(true, false);
    lb_model *model = fixture_model(&config, 6);
    lb_optimizer *optimizer = NULL;
    assert_ok(lb_optimizer_create(&optimizer, model, &settings, error));
    assert_fails(LOBASS_NOT_FOUND, "state.safetensors",
                 lb_optimizer_load(optimizer, model, folder, error));
    assert_ok(lb_optimizer_save(optimizer, model, folder, error));

    config.d_ffn = 30;
    lb_model *wider = fixture_model(&config, 7);
    lb_optimizer *other = NULL;
    assert_ok(lb_optimizer_create(&other, wider, &settings, error));
    const float before = wider->parameters[0].master[0];
    assert_fails(LOBASS_BAD_FORMAT,
                 "state.safetensors: tensor \"master.model.layers.0.mlp.gate_proj.weight\": "
                 "expected 480 elements of F32, found 448 of F32",
                 lb_optimizer_load(other, wider, folder, error));
    assert_true(before == wider->parameters[0].master[0]);
    lb_optimizer_free(other);
    lb_model_free(wider);
    lb_optimizer_free(optimizer);
    lb_model_free(model);
    fixture_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_nonfinite_gradient),
        cmocka_unit_test(test_working_copies_follow),
        cmocka_unit_test(test_schedule),
        cmocka_unit_test(test_state_on_disk),
        cmocka_unit_test(test_bad_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

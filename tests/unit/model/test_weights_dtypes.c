/* SPDX-License-Identifier: Apache-2.0
 *
 * The dtypes that weights are saved in: each tensor keeps its own, and none loses a finite value.
 */
#include "unit/model/fixture.h"

#include <math.h>

#define MOST_COUNT 4096

typedef struct folders
{
    char from[FIXTURE_PATH_SIZE], to[FIXTURE_PATH_SIZE];
    lb_model *model;
} folders;

static void setup(folders *f)
{
    fixture_folder_create(f->from);
    fixture_folder_create(f->to);
    lb_config config = fixture_config(false, true);
    fixture_write_config(f->from, &config);
    f->model = fixture_model(&config, 11);
}

static void teardown(folders *f)
{
    lb_model_free(f->model);
    fixture_folder_remove(f->from);
    fixture_folder_remove(f->to);
}

/* A base whose matrices are in BF16 and F16 and whose norms are in F32: nothing is narrowed. */
static void test_each_keeps_its_own(void **state)
{
    static const lb_dtype dtypes[] = {LB_BF16, LB_F32, LB_F16};
    (void)state;
    folders f;
    setup(&f);
    for (size_t i = 0; i < f.model->n_parameters; i++)
    {
        f.model->parameters[i].stored_dtype = dtypes[i % 3];
    }
    f.model->stored_dtype = dtypes[0];
    assert_ok(lb_model_save(f.model, f.to, f.from, error));
    lb_model *loaded = NULL;
    assert_ok(lb_model_load(&loaded, f.to, LB_F32, LB_MODEL_TRAIN, error));
    assert_int_equal(loaded->stored_dtype, LB_BF16);
    for (size_t i = 0; i < f.model->n_parameters; i++)
    {
        const lb_parameter *parameter = &f.model->parameters[i];
        float wanted[MOST_COUNT];
        uint16_t narrow[MOST_COUNT];
        assert_true(parameter->count <= MOST_COUNT);
        memcpy(wanted, parameter->master, parameter->count * sizeof *wanted);
        if (dtypes[i % 3] != LB_F32)
        {
            lb_dtype_from_float(narrow, dtypes[i % 3], wanted, parameter->count);
            lb_dtype_to_float(wanted, narrow, dtypes[i % 3], parameter->count);
        }
        assert_int_equal(loaded->parameters[i].stored_dtype, dtypes[i % 3]);
        assert_memory_equal(wanted, loaded->parameters[i].master,
                            parameter->count * sizeof *wanted);
    }
    lb_hash before;
    lb_hash after;
    assert_ok(lb_model_fingerprint(&before, f.to, error));
    assert_ok(lb_model_save(loaded, f.to, f.to, error));
    assert_ok(lb_model_fingerprint(&after, f.to, error));
    assert_true(lb_hash_equal(before, after));
    lb_model_free(loaded);
    teardown(&f);
}

/* What a dtype cannot hold is refused by name; what was no number before is saved as it is. */
static void test_no_value_becomes_infinite(void **state)
{
    static const struct
    {
        lb_dtype dtype;
        float value;
        bool is_saved;
    } cases[] = {
        {LB_F16, 65504.0F, true},   {LB_F16, 65519.0F, true},  {LB_F16, 65520.0F, false},
        {LB_F16, -70000.0F, false}, {LB_F16, INFINITY, true},  {LB_F16, NAN, true},
        {LB_BF16, 70000.0F, true},  {LB_BF16, 3.4e38F, false}, {LB_F32, 3.4e38F, true},
    };
    (void)state;
    folders f;
    setup(&f);
    lb_parameter *parameter = &f.model->parameters[3];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
        parameter->master[5] = cases[i].value;
        if (cases[i].is_saved)
        {
            assert_ok(fixture_save(f.model, f.to, cases[i].dtype, f.from, error));
            continue;
        }
        assert_fails(LOBASS_NUMERIC, "element 5",
                     fixture_save(f.model, f.to, cases[i].dtype, f.from, error));
        assert_fails(LOBASS_NUMERIC, parameter->name,
                     fixture_save(f.model, f.to, cases[i].dtype, f.from, error));
    }
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_keeps_its_own),
        cmocka_unit_test(test_no_value_becomes_infinite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

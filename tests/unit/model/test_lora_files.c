/* SPDX-License-Identifier: Apache-2.0
 *
 * An adapter's folder: what is written is what is read again, in PEFT's names; and what a folder
 * may hold that is not supported is refused by the name of the field or tensor.
 */
#include "unit/model/fixture.h"

/* Bits of lb_lora_target_name(). */
enum
{
    Q_PROJ = 1,
    DOWN_PROJ = 64
};

static const lb_lora_settings settings = {.rank = 3, .alpha = 6, .targets = Q_PROJ | DOWN_PROJ};

static char folder[FIXTURE_PATH_SIZE];
static lb_model *model; /* with the fixture's shapes and no adapter yet */

static int setup(void **state)
{
    const lb_config config = fixture_config(true, false);
    (void)state;
    fixture_folder_create(folder);
    model = fixture_model(&config, 5);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lb_model_free(model);
    fixture_folder_remove(folder);
    return 0;
}

/* A trained adapter stands in FOLDER; its b is not zero. */
static void adapter_write(void)
{
    lb_random random;
    lb_random_init(&random, 1);
    assert_ok(lb_lora_create(model, &settings, LB_F32, 1, error));
    for (size_t i = 0; i < model->lora->n_parameters; i++)
    {
        lb_parameter *parameter = &model->lora->parameters[i];
        for (size_t j = 0; j < parameter->count; j++)
        {
            parameter->master[j] = (float)lb_random_normal(&random);
        }
    }
    assert_ok(lb_lora_save(model, folder, "/models/base", error));
}

static lb_model *model_again(void)
{
    const lb_config config = fixture_config(true, false);
    return fixture_model(&config, 5);
}

static void test_saved_and_loaded(void **state)
{
    static const lb_dtype dtypes[] = {LB_F32, LB_BF16};
    (void)state;
    adapter_write();
    for (size_t d = 0; d < 2; d++)
    {
        lb_model *again = model_again();
        assert_ok(lb_lora_load(again, folder, dtypes[d], error));
        assert_int_equal(2 * 2 * 2, again->lora->n_parameters);
        assert_int_equal(settings.rank, again->lora->settings.rank);
        assert_int_equal(settings.targets, again->lora->settings.targets);
        assert_true(again->lora->scale == 2.0F);
        for (size_t i = 0; i < again->lora->n_parameters; i++)
        {
            const lb_parameter *expected = &model->lora->parameters[i];
            const lb_parameter *found = &again->lora->parameters[i];
            assert_string_equal(expected->name, found->name);
            assert_memory_equal(expected->master, found->master, found->count * sizeof(float));
            assert_true((found->working != NULL) == (dtypes[d] == LB_BF16));
            for (size_t j = 0; found->working != NULL && j < found->count; j++)
            {
                assert_int_equal(found->working[j], lb_bf16_from_float(found->master[j]));
            }
        }
        lb_model_free(again);
    }
}

static void test_files_are_peft(void **state)
{
    static const char *const expected[] = {
        "\"peft_type\": \"LORA\"",
        "\"task_type\": \"CAUSAL_LM\"",
        "\"base_model_name_or_path\": \"/models/base\"",
        "\"r\": 3",
        "\"lora_alpha\": 6",
        "\"bias\": \"none\"",
        "\"fan_in_fan_out\": false",
        "\"use_dora\": false",
        "\"use_rslora\": false",
        "\"lora_dropout\": 0.0",
        "\"modules_to_save\": null",
    };
    (void)state;
    adapter_write();
    lb_buffer text = {0};
    lb_safetensors *file = NULL;
    const lb_tensor *tensor = NULL;
    char *config = lb_path_join(folder, "adapter_config.json", NULL);
    char *weights = lb_path_join(folder, "adapter_model.safetensors", NULL);
    assert_ok(lb_file_read(&text, config, 1 << 20, error));
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
    {
        if (strstr(text.data, expected[i]) == NULL)
        {
            fail_msg("adapter_config.json lacks %s: %s", expected[i], text.data);
        }
    }
    json_t *root = NULL;
    assert_ok(lb_json_load(&root, config, error));
    const json_t *targets = json_object_get(root, "target_modules");
    assert_int_equal(2, json_array_size(targets));
    assert_string_equal("q_proj", json_string_value(json_array_get(targets, 0)));
    assert_string_equal("down_proj", json_string_value(json_array_get(targets, 1)));
    json_decref(root);
    assert_ok(lb_safetensors_open(&file, weights, error));
    assert_int_equal(8, lb_safetensors_count(file));
    assert_ok(lb_safetensors_find(
        file, "base_model.model.model.layers.1.mlp.down_proj.lora_A.weight", &tensor, error));
    assert_int_equal(LB_F32, tensor->dtype);
    assert_int_equal(3, tensor->shape[0]);
    assert_int_equal(model->config.d_ffn, tensor->shape[1]);
    assert_ok(lb_safetensors_find(
        file, "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", &tensor, error));
    assert_int_equal(model->config.n_heads * model->config.head_size, tensor->shape[0]);
    assert_int_equal(3, tensor->shape[1]);
    lb_safetensors_close(file);
    lb_buffer_free(&text);
    free(weights);
    free(config);
}

/* adapter_config.json with what is needed, TARGETS and EXTRA fields. */
static void config_write(const char *targets, const char *extra)
{
    lb_buffer text = {0};
    assert_ok(lb_buffer_print(&text, error,
                              "{\"peft_type\": \"LORA\", \"r\": 3, \"lora_alpha\": 6, "
                              "\"target_modules\": %s%s}",
                              targets, extra));
    fixture_write(folder, "adapter_config.json", text.data);
    lb_buffer_free(&text);
}

#define OURS "[\"down_proj\", \"q_proj\"]"

static void check_config(const char *targets, const char *extra, lobass_status status,
                         const char *word)
{
    lb_model *again = model_again();
    config_write(targets, extra);
    if (status == LOBASS_OK)
    {
        assert_ok(lb_lora_load(again, folder, LB_F32, error));
    }
    else
    {
        assert_fails(status, word, lb_lora_load(again, folder, LB_F32, error));
        assert_fails(status, "adapter_", lb_lora_load(again, folder, LB_F32, error));
    }
    lb_model_free(again);
}

typedef struct config_case
{
    const char *extra; /* fields */
    const char *word;  /* of the message; NULL: accepted */
} config_case;

static void test_fields(void **state)
{
    static const config_case cases[] = {
        {"", NULL},
        {", \"use_dora\": false, \"modules_to_save\": null, \"rank_pattern\": {}, "
         "\"alpha_pattern\": {}, \"exclude_modules\": [], \"a_future_field\": null",
         NULL},
        {", \"lora_dropout\": 0.1, \"task_type\": \"CAUSAL_LM\", \"inference_mode\": false, "
         "\"revision\": \"main\", \"megatron_core\": \"megatron.core\", "
         "\"loftq_config\": {\"loftq_bits\": 4}, \"init_lora_weights\": \"gaussian\"",
         NULL},
        {", \"use_dora\": true", "\"use_dora\""},
        {", \"modules_to_save\": [\"lm_head\"]", "\"modules_to_save\""},
        {", \"bias\": \"all\"", "\"bias\""},
        {", \"rank_pattern\": {\"q_proj\": 8}", "\"rank_pattern\""},
        {", \"alpha_pattern\": {\"q_proj\": 8}", "\"alpha_pattern\""},
        {", \"fan_in_fan_out\": true", "\"fan_in_fan_out\""},
        {", \"layers_to_transform\": [0]", "\"layers_to_transform\""},
        {", \"layer_replication\": [[0, 1]]", "\"layer_replication\""},
        {", \"lora_bias\": true", "\"lora_bias\""},
        {", \"alora_invocation_tokens\": [1]", "\"alora_invocation_tokens\""},
        {", \"init_lora_weights\": \"pissa\"", "\"init_lora_weights\""},
        {", \"a_future_field\": \"on\"", "\"a_future_field\""},
    };
    (void)state;
    adapter_write();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
        check_config(OURS, cases[i].extra, cases[i].word == NULL ? LOBASS_OK : LOBASS_UNSUPPORTED,
                     cases[i].word);
    }
}

static void test_rank_stabilized(void **state)
{
    (void)state;
    adapter_write();
    lb_model *again = model_again();
    config_write(OURS, ", \"use_rslora\": true");
    assert_ok(lb_lora_load(again, folder, LB_F32, error));
    assert_true(again->lora->settings.is_rank_stabilized);
    assert_true(again->lora->scale > 3.4641F && again->lora->scale < 3.4642F); /* 6 / sqrt(3) */
    lb_model_free(again);
}

static void test_targets(void **state)
{
    (void)state;
    adapter_write();
    check_config("[\"self_attn.q_proj\", \"mlp.down_proj\", \"lm_head\"]", "", LOBASS_OK, NULL);
    check_config("[\"model.layers.0.self_attn.q_proj\", \"layers.1.self_attn.q_proj\", "
                 "\"down_proj\"]",
                 "", LOBASS_OK, NULL);
    /* The end of a name is not a name. */
    check_config("[\"proj\"]", "", LOBASS_UNSUPPORTED, "\"target_modules\"");
    check_config("[\"lm_head\"]", "", LOBASS_UNSUPPORTED, "\"target_modules\"");
    check_config("\".*q_proj\"", "", LOBASS_UNSUPPORTED, "\"target_modules\"");
    check_config("[]", "", LOBASS_BAD_FORMAT, "\"target_modules\"");
    check_config("[3]", "", LOBASS_BAD_FORMAT, "\"target_modules\"");
    check_config("null", "", LOBASS_BAD_FORMAT, "\"target_modules\"");
    /* More than the file has, and less. */
    check_config("\"all-linear\"", "", LOBASS_NOT_FOUND, "lora_A.weight");
    check_config("[\"q_proj\"]", "", LOBASS_UNSUPPORTED, "mlp.down_proj.lora_A.weight");
    check_config("[\"model.layers.0.self_attn.q_proj\", \"down_proj\"]", "", LOBASS_UNSUPPORTED,
                 "layers.1.self_attn.q_proj.lora_A.weight");
}

static void check_text(const char *text, lobass_status status, const char *word)
{
    lb_model *again = model_again();
    fixture_write(folder, "adapter_config.json", text);
    assert_fails(status, word, lb_lora_load(again, folder, LB_F32, error));
    lb_model_free(again);
}

static void test_other_files(void **state)
{
    (void)state;
    adapter_write();
    check_text("{\"peft_type\": \"IA3\", \"target_modules\": [\"q_proj\"]}", LOBASS_UNSUPPORTED,
               "\"peft_type\"");
    check_text("{\"r\": 3}", LOBASS_BAD_FORMAT, "\"peft_type\"");
    check_text("[]", LOBASS_BAD_FORMAT, "adapter_config.json");
    check_text("{", LOBASS_BAD_FORMAT, "adapter_config.json");
    check_text("{\"peft_type\": \"LORA\", \"r\": 0, \"lora_alpha\": 6, \"target_modules\": " OURS
               "}",
               LOBASS_BAD_FORMAT, "\"r\"");
    check_text("{\"peft_type\": \"LORA\", \"r\": 3, \"target_modules\": " OURS "}",
               LOBASS_BAD_FORMAT, "\"lora_alpha\"");
    check_text("{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 6, \"target_modules\": " OURS
               "}",
               LOBASS_BAD_FORMAT, "expected shape [2, 16]");
    lb_model *again = model_again();
    assert_fails(LOBASS_NOT_FOUND, "adapter_config.json",
                 lb_lora_load(again, TEST_BINARY_DIR, LB_F32, error));
    config_write(OURS, "");
    char *weights = lb_path_join(folder, "adapter_model.safetensors", NULL);
    assert_int_equal(0, remove(weights));
    assert_fails(LOBASS_NOT_FOUND, "adapter_model.safetensors",
                 lb_lora_load(again, folder, LB_F32, error));
    free(weights);
    lb_model_free(again);
}

static void test_fingerprint(void **state)
{
    lb_hash first;
    lb_hash second;
    (void)state;
    adapter_write();
    assert_ok(lb_lora_fingerprint(&first, folder, error));
    assert_ok(lb_lora_fingerprint(&second, folder, error));
    assert_true(lb_hash_equal(first, second));
    model->lora->parameters[3].master[1] += 1.0F;
    assert_ok(lb_lora_save(model, folder, "/models/base", error));
    assert_ok(lb_lora_fingerprint(&second, folder, error));
    assert_false(lb_hash_equal(first, second));
    model->lora->parameters[3].master[1] -= 1.0F;
    model->lora->settings.alpha = 7;
    assert_ok(lb_lora_save(model, folder, "/models/base", error));
    assert_ok(lb_lora_fingerprint(&second, folder, error));
    assert_false(lb_hash_equal(first, second));
}

#define LORA_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LORA_TEST(test_saved_and_loaded), LORA_TEST(test_files_are_peft),
        LORA_TEST(test_fields),           LORA_TEST(test_rank_stabilized),
        LORA_TEST(test_targets),          LORA_TEST(test_other_files),
        LORA_TEST(test_fingerprint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

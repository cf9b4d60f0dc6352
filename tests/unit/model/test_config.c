/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json: defaults, every field, both places where rope parameters may stand, frequencies
 * against values computed with transformers' formulas in another language, and what is refused:
 * status and message.
 */
#include "unit/model/fixture.h"

#include <math.h>

static const char minimal[] =
    "{\"architectures\": [\"LlamaForCausalLM\"], \"hidden_size\": 64, \"intermediate_size\": 172, "
    "\"num_hidden_layers\": 5, \"num_attention_heads\": 8, \"vocab_size\": 512}";

/* MINIMAL with the members of CHANGES put in, and without REMOVED, as FOLDER/config.json. */
static void write_changed(const char *folder, const char *changes, const char *removed)
{
    json_t *root = json_loads(minimal, 0, NULL);
    json_t *updates = json_loads(changes, 0, NULL);
    assert_non_null(root);
    assert_non_null(updates);
    json_object_update(root, updates);
    if (removed != NULL)
    {
        assert_int_equal(0, json_object_del(root, removed));
    }
    char *text = json_dumps(root, 0);
    fixture_write(folder, "config.json", text);
    free(text);
    json_decref(updates);
    json_decref(root);
}

static lb_config load_changed(const char *changes)
{
    char folder[FIXTURE_PATH_SIZE];
    fixture_folder_create(folder);
    write_changed(folder, changes, NULL);
    lb_config config;
    assert_ok(lb_config_load(&config, folder, error));
    fixture_folder_remove(folder);
    return config;
}

static void test_defaults(void **state)
{
    (void)state;
    const lb_config config = load_changed("{\"pretraining_tp\": 1, \"rope_scaling\": null}");
    assert_string_equal("LlamaForCausalLM", lb_config_architecture(&config));
    assert_int_equal(5, config.n_layers);
    assert_int_equal(64, config.d_model);
    assert_int_equal(172, config.d_ffn);
    assert_int_equal(8, config.n_heads);
    assert_int_equal(8, config.n_kv_heads);
    assert_int_equal(8, config.head_size);
    assert_int_equal(512, config.n_vocabulary);
    assert_int_equal(2048, config.max_length);
    assert_true(config.norm_epsilon == 1e-6F);
    assert_true(config.initializer_range == 0.02);
    assert_false(config.has_tied_head || config.has_attention_bias || config.has_mlp_bias);
    assert_true(config.rope_theta == 10000.0);
    assert_int_equal(LB_ROPE_NONE, config.rope_scaling);
    assert_int_equal(-1, config.eos);
    assert_int_equal(LB_F32, config.torch_dtype);
}

/* What a new model is stored in; a model that exists says so itself, so that no name is wrong. */
static void test_dtypes(void **state)
{
    static const struct
    {
        const char *changes;
        lb_dtype dtype;
    } cases[] = {{"{\"torch_dtype\": \"float32\"}", LB_F32},
                 {"{\"torch_dtype\": \"float16\"}", LB_F16},
                 {"{\"torch_dtype\": \"bfloat16\"}", LB_BF16},
                 {"{\"dtype\": \"bfloat16\"}", LB_BF16},
                 {"{\"dtype\": \"float16\", \"torch_dtype\": \"bfloat16\"}", LB_F16},
                 {"{\"torch_dtype\": \"float64\"}", LB_F32},
                 {"{\"torch_dtype\": null}", LB_F32},
                 {"{\"torch_dtype\": 16}", LB_F32}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
        print_message("%s\n", cases[i].changes);
        assert_int_equal(cases[i].dtype, load_changed(cases[i].changes).torch_dtype);
    }
}

static void test_every_field(void **state)
{
    (void)state;
    const lb_config config = load_changed(
        "{\"num_key_value_heads\": 2, \"head_dim\": 16, \"max_position_embeddings\": 77, "
        "\"rms_norm_eps\": 1e-5, \"initializer_range\": 0.5, \"tie_word_embeddings\": true, "
        "\"attention_bias\": true, \"mlp_bias\": true, \"rope_theta\": 500000, "
        "\"hidden_act\": \"silu\", \"eos_token_id\": [7, 9], \"quantization_config\": null, "
        "\"sliding_window\": null}");
    assert_int_equal(2, config.n_kv_heads);
    assert_int_equal(16, config.head_size);
    assert_int_equal(77, config.max_length);
    assert_true(config.norm_epsilon == 1e-5F);
    assert_true(config.initializer_range == 0.5);
    assert_true(config.has_tied_head && config.has_attention_bias && config.has_mlp_bias);
    assert_true(config.rope_theta == 500000.0);
    assert_int_equal(7, config.eos);
    assert_int_equal(3, load_changed("{\"eos_token_id\": 3}").eos);
    assert_int_equal(-1, load_changed("{\"eos_token_id\": []}").eos);
}

/* The file itself may be named, as lobass init does. */
static void test_a_file_instead_of_a_folder(void **state)
{
    (void)state;
    char folder[FIXTURE_PATH_SIZE];
    fixture_folder_create(folder);
    fixture_write(folder, "small.json", minimal);
    char *path = lb_path_join(folder, "small.json", NULL);
    lb_config config;
    assert_ok(lb_config_load(&config, path, error));
    assert_int_equal(64, config.d_model);
    assert_fails(LOBASS_NOT_FOUND, "config.json", lb_config_load(&config, folder, error));
    free(path);
    fixture_folder_remove(folder);
}

static void test_rope_fields(void **state)
{
    (void)state;
    lb_config config = load_changed("{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}}");
    assert_int_equal(LB_ROPE_LINEAR, config.rope_scaling);
    assert_true(config.rope_factor == 2.0);
    config = load_changed("{\"rope_theta\": 7.0, \"rope_parameters\": {\"rope_theta\": 250000.0, "
                          "\"rope_type\": \"default\"}}");
    assert_int_equal(LB_ROPE_NONE, config.rope_scaling);
    assert_true(config.rope_theta == 250000.0);
    config = load_changed("{\"rope_parameters\": {\"rope_theta\": 5e5, \"rope_type\": \"llama3\", "
                          "\"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, "
                          "\"original_max_position_embeddings\": 8192}}");
    assert_int_equal(LB_ROPE_LLAMA3, config.rope_scaling);
    assert_true(config.rope_theta == 5e5 && config.rope_factor == 8.0);
    assert_true(config.rope_low_frequency_factor == 1.0);
    assert_true(config.rope_high_frequency_factor == 4.0);
    assert_true(config.rope_original_length == 8192.0);
}

typedef struct frequency_case
{
    const char *changes;
    double expected[8];
} frequency_case;

/* Made with numpy from the formulas of transformers (modeling_rope_utils); head size 16. */
static const frequency_case frequency_cases[] = {
    {"{\"head_dim\": 16}",
     {1.0, 0.31622776601683794, 0.1, 0.03162277660168379, 0.01, 0.00316227766016838, 0.001,
      0.00031622776601683794}},
    {"{\"head_dim\": 16, \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2.5}}",
     {0.4, 0.12649110640673517, 0.04, 0.012649110640673516, 0.004, 0.001264911064067352, 0.0004,
      0.00012649110640673518}},
    {"{\"head_dim\": 16, \"rope_theta\": 500000.0, \"rope_scaling\": {\"rope_type\": \"llama3\", "
     "\"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, "
     "\"original_max_position_embeddings\": 8192}}",
     {1.0, 0.19392274474868576, 0.03760603093086393, 0.00729266473721711, 0.0005248461609929549,
      3.428102195952591e-05, 6.647869871181236e-06, 1.2891731721515574e-06}},
    {"{\"head_dim\": 16, \"rope_theta\": 1000.0, \"rope_scaling\": {\"rope_type\": \"llama3\", "
     "\"factor\": 32.0, \"low_freq_factor\": 1.5, \"high_freq_factor\": 5.0, "
     "\"original_max_position_embeddings\": 300}}",
     {1.0, 0.4216965034285823, 0.1778279410038923, 0.045525886156225936, 0.001074656936448424,
      0.00041672544755103877, 0.0001757316641219841, 7.410542830192673e-05}},
};

static void test_frequencies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof frequency_cases / sizeof *frequency_cases; i++)
    {
        const lb_config config = load_changed(frequency_cases[i].changes);
        float found[8];
        assert_int_equal(16, config.head_size);
        lb_config_frequencies(&config, found);
        for (size_t j = 0; j < 8; j++)
        {
            const double expected = frequency_cases[i].expected[j];
            if (!(fabs((double)found[j] - expected) <= 1e-7 * expected))
            {
                fail_msg("case %zu, pair %zu: expected %.9g, found %.9g", i, j, expected,
                         (double)found[j]);
            }
        }
    }
}

typedef struct bad_case
{
    const char *changes, *removed;
    lobass_status status;
    const char *message; /* after the path of the file */
} bad_case;

static const bad_case bad_cases[] = {
    {"{}", "hidden_size", LOBASS_BAD_FORMAT,
     "/config.json: field \"hidden_size\": expected an integer from 1 to 1048576, found nothing"},
    {"{}", "intermediate_size", LOBASS_BAD_FORMAT, "field \"intermediate_size\": expected"},
    {"{}", "num_hidden_layers", LOBASS_BAD_FORMAT, "field \"num_hidden_layers\": expected"},
    {"{}", "num_attention_heads", LOBASS_BAD_FORMAT, "field \"num_attention_heads\": expected"},
    {"{}", "vocab_size", LOBASS_BAD_FORMAT, "field \"vocab_size\": expected"},
    {"{}", "architectures", LOBASS_BAD_FORMAT,
     "field \"architectures\": expected an array with a name in it, found nothing"},
    {"{\"architectures\": []}", NULL, LOBASS_BAD_FORMAT,
     "field \"architectures\": expected an array with a name in it, found an empty one"},
    {"{\"architectures\": [\"Qwen2ForCausalLM\"]}", NULL, LOBASS_UNSUPPORTED,
     "/config.json: architecture \"Qwen2ForCausalLM\" is not supported; supported: "
     "LlamaForCausalLM"},
    {"{\"hidden_size\": \"64\"}", NULL, LOBASS_BAD_FORMAT, "field \"hidden_size\": expected"},
    {"{\"hidden_size\": 0}", NULL, LOBASS_BAD_FORMAT, "from 1 to 1048576, found 0"},
    {"{\"vocab_size\": -1}", NULL, LOBASS_BAD_FORMAT, "field \"vocab_size\": expected"},
    {"{\"num_key_value_heads\": 3}", NULL, LOBASS_BAD_FORMAT,
     "field \"num_key_value_heads\": expected a divisor of the 8 attention heads, found 3"},
    {"{\"num_attention_heads\": 7}", NULL, LOBASS_BAD_FORMAT,
     "field \"num_attention_heads\": expected a divisor of hidden_size 64"},
    {"{\"head_dim\": 5}", NULL, LOBASS_BAD_FORMAT, "expected an even number up to 4096, found 5"},
    {"{\"rms_norm_eps\": 0}", NULL, LOBASS_BAD_FORMAT, "field \"rms_norm_eps\": expected"},
    {"{\"rms_norm_eps\": -1e-5}", NULL, LOBASS_BAD_FORMAT, "field \"rms_norm_eps\": expected"},
    {"{\"initializer_range\": -1}", NULL, LOBASS_BAD_FORMAT, "field \"initializer_range\""},
    {"{\"tie_word_embeddings\": 1}", NULL, LOBASS_BAD_FORMAT, "field \"tie_word_embeddings\""},
    {"{\"hidden_act\": \"gelu\"}", NULL, LOBASS_UNSUPPORTED,
     "field \"hidden_act\": \"gelu\" is not supported; supported: silu"},
    {"{\"quantization_config\": {\"quant_method\": \"gptq\"}}", NULL, LOBASS_UNSUPPORTED,
     "field \"quantization_config\": expected null, found an object: quantized weights"},
    {"{\"sliding_window\": 4096}", NULL, LOBASS_UNSUPPORTED, "field \"sliding_window\""},
    {"{\"eos_token_id\": \"</s>\"}", NULL, LOBASS_BAD_FORMAT, "field \"eos_token_id\": expected"},
    {"{\"eos_token_id\": [-2]}", NULL, LOBASS_BAD_FORMAT, "field \"eos_token_id\": expected"},
    {"{\"rope_theta\": 0}", NULL, LOBASS_BAD_FORMAT, "field \"rope_theta\": expected"},
    {"{\"rope_scaling\": 2}", NULL, LOBASS_BAD_FORMAT,
     "field \"rope_scaling\": expected an object or null"},
    {"{\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4}}", NULL, LOBASS_UNSUPPORTED,
     "/config.json: field \"rope_scaling\": rope type \"yarn\" is not supported; supported: "
     "default, linear, llama3"},
    {"{\"rope_scaling\": {\"type\": \"linear\"}}", NULL, LOBASS_BAD_FORMAT,
     "field \"rope_scaling\": field \"factor\": expected"},
    {"{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 0}}", NULL, LOBASS_BAD_FORMAT,
     "field \"factor\": expected a number from 1e-6"},
    {"{\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8}}", NULL, LOBASS_BAD_FORMAT,
     "field \"low_freq_factor\": expected"},
    {"{\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, "
     "\"high_freq_factor\": 4, \"original_max_position_embeddings\": 8192}}",
     NULL, LOBASS_BAD_FORMAT, "field \"high_freq_factor\": expected more than low_freq_factor 4"},
    {"{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}, \"rope_parameters\": {}}", NULL,
     LOBASS_BAD_FORMAT, "expected one of them, found both"},
};

static void test_bad_input(void **state)
{
    (void)state;
    char folder[FIXTURE_PATH_SIZE];
    fixture_folder_create(folder);
    lb_config config;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++)
    {
        write_changed(folder, bad_cases[i].changes, bad_cases[i].removed);
        assert_fails(bad_cases[i].status, bad_cases[i].message,
                     lb_config_load(&config, folder, error));
        assert_fails(bad_cases[i].status, folder, lb_config_load(&config, folder, error));
    }
    fixture_write(folder, "config.json", "[1]");
    assert_fails(LOBASS_BAD_FORMAT, "config.json: expected an object, found an array",
                 lb_config_load(&config, folder, error));
    fixture_write(folder, "rows.jsonl", "{}\n{}\n");
    char *rows = lb_path_join(folder, "rows.jsonl", NULL);
    assert_fails(LOBASS_BAD_FORMAT, "rows.jsonl: a data file by its name; expected the folder of",
                 lb_config_load(&config, rows, error));
    free(rows);
    fixture_write(folder, "config.json", "{\"architectures\": [");
    assert_fails(LOBASS_BAD_FORMAT, "config.json: byte 19", lb_config_load(&config, folder, error));
    fixture_write(folder, "config.json",
                  "{\"architectures\": [\"LlamaForCausalLM\"], \"hidden_size\": "
                  "100000000000000000000}");
    assert_fails(LOBASS_BAD_FORMAT, "field \"hidden_size\": expected an integer from 1",
                 lb_config_load(&config, folder, error));
    fixture_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),    cmocka_unit_test(test_dtypes),
        cmocka_unit_test(test_every_field), cmocka_unit_test(test_a_file_instead_of_a_folder),
        cmocka_unit_test(test_rope_fields), cmocka_unit_test(test_frequencies),
        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

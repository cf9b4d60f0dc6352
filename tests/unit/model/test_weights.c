/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights on disk: what is saved loads with the same bits, in every dtype and use, from one file or
 * shards, aligned or not; files that go along; the fingerprint; and what is refused.
 */
#include "unit/model/fixture.h"

#include <math.h>

#include "model/weights.h"

typedef struct folder_state
{
    char from[FIXTURE_PATH_SIZE], to[FIXTURE_PATH_SIZE];
    lb_config config;
    lb_model *model; /* saved in `to` as F32 */
} folder_state;

static char *join(const char *folder, const char *name)
{
    char *path = lb_path_join(folder, name, NULL);
    assert_non_null(path);
    return path;
}

static void setup(folder_state *s, bool has_tied_head, bool has_bias)
{
    fixture_folder_create(s->from);
    fixture_folder_create(s->to);
    s->config = fixture_config(has_tied_head, has_bias);
    fixture_write_config(s->from, &s->config);
    s->model = fixture_model(&s->config, 11);
    assert_ok(fixture_save(s->model, s->to, LB_F32, s->from, error));
}

static void teardown(folder_state *s)
{
    lb_model_free(s->model);
    fixture_folder_remove(s->from);
    fixture_folder_remove(s->to);
}

/* The values MODEL computes with, as floats. */
static void read_values(const lb_parameter *parameter, float *values)
{
    if (parameter->matrix.fp32 != NULL)
    {
        memcpy(values, parameter->matrix.fp32, parameter->count * sizeof *values);
    }
    else
    {
        assert_non_null(parameter->matrix.bf16);
        lb_dtype_to_float(values, parameter->matrix.bf16, LB_BF16, parameter->count);
    }
}

/* Loads FOLDER and compares with EXPECTED's masters rounded to STORED and then, where they are
 * matrices and the computation is in bf16, to bf16. */
static void check_load(const char *folder, const lb_model *expected, lb_dtype stored,
                       lb_dtype compute_dtype, lb_model_use use)
{
    lb_model *model = NULL;
    assert_ok(lb_model_load(&model, folder, compute_dtype, use, error));
    assert_int_equal(expected->n_parameters, model->n_parameters);
    assert_int_equal(expected->n_elements, model->n_elements);
    assert_int_equal(stored, model->stored_dtype);
    float found[4096];
    float wanted[4096];
    uint16_t narrow[4096];
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        const lb_parameter *parameter = &model->parameters[i];
        const size_t count = parameter->count;
        assert_true(count <= 4096);
        assert_string_equal(expected->parameters[i].name, parameter->name);
        memcpy(wanted, expected->parameters[i].master, count * sizeof *wanted);
        if (stored != LB_F32)
        {
            lb_dtype_from_float(narrow, stored, wanted, count);
            lb_dtype_to_float(wanted, narrow, stored, count);
        }
        assert_int_equal(use == LB_MODEL_TRAIN, parameter->master != NULL);
        if (use == LB_MODEL_TRAIN)
        {
            assert_memory_equal(wanted, parameter->master, count * sizeof *wanted);
        }
        const bool is_narrow = compute_dtype == LB_BF16 && parameter->n_dims == 2;
        assert_int_equal(is_narrow, parameter->matrix.bf16 != NULL);
        assert_int_equal(0, (uintptr_t)parameter->matrix.bf16 % sizeof(uint16_t));
        assert_int_equal(0, (uintptr_t)parameter->matrix.fp32 % sizeof(float));
        assert_int_equal(is_narrow && use == LB_MODEL_TRAIN, parameter->working != NULL);
        if (is_narrow)
        {
            lb_dtype_from_float(narrow, LB_BF16, wanted, count);
            lb_dtype_to_float(wanted, narrow, LB_BF16, count);
        }
        read_values(parameter, found);
        assert_memory_equal(wanted, found, count * sizeof *wanted);
    }
    lb_model_free(model);
}

static void check_all_uses(const char *folder, const lb_model *expected, lb_dtype stored)
{
    const lb_dtype computed[] = {LB_F32, LB_BF16};
    const lb_model_use uses[] = {LB_MODEL_SCORE, LB_MODEL_TRAIN};
    for (size_t i = 0; i < 2; i++)
    {
        for (size_t j = 0; j < 2; j++)
        {
            check_load(folder, expected, stored, computed[i], uses[j]);
        }
    }
}

static void test_save_then_load(void **state)
{
    (void)state;
    const lb_dtype dtypes[] = {LB_F32, LB_F16, LB_BF16};
    for (int variant = 0; variant < 4; variant++)
    {
        folder_state s;
        setup(&s, variant % 2 == 0, variant / 2 == 0);
        for (size_t i = 0; i < 3; i++)
        {
            assert_ok(fixture_save(s.model, s.to, dtypes[i], s.from, error));
            check_all_uses(s.to, s.model, dtypes[i]);
        }
        teardown(&s);
    }
}

/* Scoring in the dtype of the file copies no matrix; training lets go of the file. */
static void test_mapped_for_scoring(void **state)
{
    (void)state;
    folder_state s;
    setup(&s, true, false);
    assert_ok(fixture_save(s.model, s.to, LB_BF16, s.from, error));
    lb_model *model = NULL;
    assert_ok(lb_model_load(&model, s.to, LB_BF16, LB_MODEL_SCORE, error));
    assert_int_equal(1, model->storage->n_files);
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        const lb_parameter *parameter = &model->parameters[i];
        const lb_tensor *tensor = NULL;
        assert_ok(lb_safetensors_find(model->storage->files[0], parameter->name, &tensor, error));
        assert_int_equal(parameter->n_dims == 2,
                         (const void *)parameter->matrix.bf16 == (const void *)tensor->data);
    }
    lb_model_free(model);
    assert_ok(lb_model_load(&model, s.to, LB_BF16, LB_MODEL_TRAIN, error));
    assert_int_equal(0, model->storage->n_files);
    lb_model_free(model);
    teardown(&s);
}

/* A model loaded for scoring in bf16 saves what it holds. */
static void test_save_of_a_scoring_model(void **state)
{
    (void)state;
    folder_state s;
    setup(&s, true, false);
    assert_ok(fixture_save(s.model, s.to, LB_BF16, s.from, error));
    lb_model *scoring = NULL;
    assert_ok(lb_model_load(&scoring, s.to, LB_BF16, LB_MODEL_SCORE, error));
    assert_ok(fixture_save(scoring, s.from, LB_BF16, s.from, error));
    lb_model_free(scoring);
    check_all_uses(s.from, s.model, LB_BF16);
    teardown(&s);
}

static char *read_text(const char *folder, const char *name)
{
    char *path = join(folder, name);
    lb_buffer text = {0};
    assert_ok(lb_file_read(&text, path, (size_t)1 << 20, error));
    free(path);
    return text.data;
}

static void test_files_that_go_along(void **state)
{
    (void)state;
    folder_state s;
    setup(&s, true, false);
    fixture_write(s.from, "tokenizer.json", "{\"x\": 1}");
    fixture_write(s.from, "merges.txt", "a b\n");
    fixture_write(s.from, "README.md", "stays");
    assert_ok(fixture_save(s.model, s.to, LB_BF16, s.from, error));
    char *tokenizer = read_text(s.to, "tokenizer.json");
    char *merges = read_text(s.to, "merges.txt");
    assert_string_equal("{\"x\": 1}", tokenizer);
    assert_string_equal("a b\n", merges);
    char *readme = join(s.to, "README.md");
    assert_int_equal(LB_PATH_MISSING, lb_path_look(readme));
    char *config = read_text(s.to, "config.json");
    const char *dtype = strstr(config, "\"torch_dtype\": \"bfloat16\"");
    assert_non_null(dtype);
    assert_true(strstr(config, "\"architectures\"") < dtype);
    assert_true(dtype < strstr(config, "\"hidden_size\""));
    assert_non_null(strstr(config, "\"rms_norm_eps\": 1e-5,"));
    free(config);
    free(readme);
    free(merges);
    free(tokenizer);
    fixture_write(s.from, "config.json", "{\"dtype\": \"float32\", \"a\": 0.1}");
    assert_ok(fixture_save(s.model, s.to, LB_F16, s.from, error));
    config = read_text(s.to, "config.json");
    assert_non_null(strstr(config, "\"dtype\": \"float16\""));
    assert_null(strstr(config, "torch_dtype"));
    free(config);
    teardown(&s);
}

/* Rewrites model.safetensors with MORE spaces at the end of its header: data moves by as much. */
static void shift_data(const char *folder, size_t more)
{
    char *path = join(folder, "model.safetensors");
    lb_buffer old = {0};
    lb_buffer new = {0};
    assert_ok(lb_file_read(&old, path, (size_t)1 << 24, error));
    uint64_t header = 0;
    memcpy(&header, old.data, sizeof header);
    const uint64_t longer = header + more;
    assert_ok(lb_buffer_append(&new, &longer, sizeof longer, error));
    assert_ok(lb_buffer_append(&new, old.data + 8, (size_t)header, error));
    assert_ok(lb_buffer_append(&new, "       ", more, error));
    assert_ok(lb_buffer_append(&new, old.data + 8 + header, old.size - 8 - (size_t)header, error));
    assert_ok(lb_file_write(path, new.data, new.size, true, error));
    lb_buffer_free(&old);
    lb_buffer_free(&new);
    free(path);
}

static void test_unaligned_data(void **state)
{
    (void)state;
    folder_state s;
    setup(&s, false, true);
    shift_data(s.to, 3);
    check_all_uses(s.to, s.model, LB_F32);
    assert_ok(fixture_save(s.model, s.to, LB_BF16, s.from, error));
    shift_data(s.to, 1);
    check_all_uses(s.to, s.model, LB_BF16);
    teardown(&s);
}

/* Writes parameters FIRST .. LAST of MODEL and, with EXTRA, two tensors nobody asks for. */
static void write_part(const lb_model *model, const char *path, size_t first, size_t last,
                       const char *extra_name)
{
    lb_tensor_spec specs[64];
    size_t n_specs = 0;
    for (size_t i = first; i < last; i++)
    {
        const lb_parameter *parameter = &model->parameters[i];
        specs[n_specs++] = (lb_tensor_spec){.name = parameter->name,
                                            .n_dims = parameter->n_dims,
                                            .shape = {parameter->shape[0], parameter->shape[1]}};
    }
    static const float extra[] = {1.0F, 2.0F};
    if (extra_name != NULL)
    {
        specs[n_specs++] = (lb_tensor_spec){.name = extra_name, .n_dims = 1, .shape = {2}};
    }
    lb_safetensors_writer *writer = NULL;
    assert_ok(lb_safetensors_writer_open(&writer, path, specs, n_specs, true, error));
    for (size_t i = first; i < last; i++)
    {
        assert_ok(lb_safetensors_writer_put(writer, model->parameters[i].master, error));
    }
    if (extra_name != NULL)
    {
        assert_ok(lb_safetensors_writer_put(writer, extra, error));
    }
    assert_ok(lb_safetensors_writer_commit(writer, error));
}

/* FOLDER/model.safetensors of MODEL with one more tensor; loading it must fail with its name. */
static void check_leftover(const char *folder, const lb_model *model, const char *name)
{
    lb_model *loaded = NULL;
    char *path = join(folder, "model.safetensors");
    write_part(model, path, 0, model->n_parameters, name);
    assert_fails(LOBASS_BAD_FORMAT, name,
                 lb_model_load(&loaded, folder, LB_F32, LB_MODEL_SCORE, error));
    assert_fails(LOBASS_BAD_FORMAT, path,
                 lb_model_load(&loaded, folder, LB_F32, LB_MODEL_TRAIN, error));
    free(path);
}

static void test_leftover_tensors(void **state)
{
    static const char *const harmless[] = {"model.layers.0.self_attn.rotary_emb.inv_freq",
                                           "score.weight", "v_head.summary.bias"};
    static const char *const refused[] = {"model.layers.0.self_attn.q_proj.bias",
                                          "model.layers.2.mlp.up_proj.weight",
                                          "model.layers.1.self_attn.q_norm.weight", "lm_head.bias"};
    (void)state;
    folder_state s;
    setup(&s, false, false);
    char *path = join(s.to, "model.safetensors");
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
    {
        write_part(s.model, path, 0, s.model->n_parameters, harmless[i]);
        check_all_uses(s.to, s.model, LB_F32);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    {
        check_leftover(s.to, s.model, refused[i]);
    }
    free(path);
    teardown(&s);
}

/* A tied model's file may hold the embedding a second time, as the head. */
static void test_head_beside_a_tied_embedding(void **state)
{
    (void)state;
    folder_state s;
    folder_state untied;
    lb_model *loaded = NULL;
    setup(&s, true, false);
    setup(&untied, false, false);
    char *path = join(untied.to, "model.safetensors");
    fixture_write_config(untied.to, &s.config);
    assert_fails(LOBASS_BAD_FORMAT, "\"lm_head.weight\": differs from the embedding",
                 lb_model_load(&loaded, untied.to, LB_F32, LB_MODEL_SCORE, error));
    const lb_parameter *embedding = untied.model->embedding;
    memcpy(untied.model->parameters[untied.model->n_parameters - 1].master, embedding->master,
           embedding->count * sizeof *embedding->master);
    write_part(untied.model, path, 0, untied.model->n_parameters, NULL);
    assert_ok(lb_model_load(&loaded, untied.to, LB_F32, LB_MODEL_SCORE, error));
    lb_model_free(loaded);
    check_leftover(s.to, s.model, "lm_head.weight"); /* of another shape */
    free(path);
    teardown(&untied);
    teardown(&s);
}

#define N_SHARDS 3

/* FOLDER's single file becomes three shards and their index; SHARD_NAME, if not NULL, is the name
 * the index gives for the first tensor. */
static void cut_in_shards(const folder_state *s, const char *shard_name)
{
    char *single = join(s->to, "model.safetensors");
    remove(single);
    free(single);
    json_t *map = json_object();
    const size_t n = s->model->n_parameters;
    for (size_t i = 0; i < N_SHARDS; i++)
    {
        char name[64];
        snprintf(name, sizeof name, "model-%05zu-of-%05d.safetensors", i + 1, N_SHARDS);
        char *path = join(s->to, name);
        write_part(s->model, path, n * i / N_SHARDS, n * (i + 1) / N_SHARDS, NULL);
        free(path);
        for (size_t j = n * i / N_SHARDS; j < n * (i + 1) / N_SHARDS; j++)
        {
            json_object_set_new(map, s->model->parameters[j].name, json_string(name));
        }
    }
    if (shard_name != NULL)
    {
        json_object_set_new(map, s->model->parameters[0].name, json_string(shard_name));
    }
    json_t *root = json_pack("{s:{s:i},s:o}", "metadata", "total_size", 1, "weight_map", map);
    char *text = json_dumps(root, 0);
    fixture_write(s->to, "model.safetensors.index.json", text);
    free(text);
    json_decref(root);
}

static void test_shards(void **state)
{
    (void)state;
    folder_state s;
    setup(&s, false, true);
    cut_in_shards(&s, NULL);
    check_all_uses(s.to, s.model, LB_F32);
    teardown(&s);
}

static void test_bad_shards(void **state)
{
    (void)state;
    folder_state s;
    setup(&s, false, false);
    lb_model *model = NULL;
    static const char *const leaving[] = {"../model-00001-of-00003.safetensors",
                                          "/tmp/x.safetensors",
                                          "a/b.safetensors",
                                          "..",
                                          "",
                                          "x..safetensors"};
    for (size_t i = 0; i < sizeof leaving / sizeof *leaving; i++)
    {
        cut_in_shards(&s, leaving[i]);
        char expected[128];
        snprintf(expected, sizeof expected,
                 "model.safetensors.index.json: weight_map: shard \"%s\": expected a plain file "
                 "name",
                 leaving[i]);
        assert_fails(LOBASS_BAD_FORMAT, expected,
                     lb_model_load(&model, s.to, LB_F32, LB_MODEL_SCORE, error));
        assert_null(model);
    }
    cut_in_shards(&s, "model-00009-of-00003.safetensors");
    assert_fails(LOBASS_NOT_FOUND, "model-00009-of-00003.safetensors",
                 lb_model_load(&model, s.to, LB_F32, LB_MODEL_SCORE, error));
    cut_in_shards(&s, "model-00002-of-00003.safetensors");
    assert_fails(LOBASS_NOT_FOUND, "model.embed_tokens.weight",
                 lb_model_load(&model, s.to, LB_F32, LB_MODEL_SCORE, error));
    fixture_write(s.to, "model.safetensors.index.json", "{\"weight_map\": {\"a\": \"b\"}}");
    assert_fails(LOBASS_NOT_FOUND, "/b",
                 lb_model_load(&model, s.to, LB_F32, LB_MODEL_SCORE, error));
    fixture_write(s.to, "model.safetensors.index.json",
                  "{\"weight_map\": {\"a\": \"model-00002-of-00003.safetensors\"}}");
    assert_fails(LOBASS_NOT_FOUND,
                 "model.safetensors.index.json: weight_map: tensor \"model.embed_tokens.weight\" "
                 "is not there",
                 lb_model_load(&model, s.to, LB_F32, LB_MODEL_SCORE, error));
    fixture_write(s.to, "model.safetensors.index.json", "{\"weight_map\": {\"a\": 1}}");
    assert_fails(LOBASS_BAD_FORMAT, "tensor \"a\": expected the name of a file, found",
                 lb_model_load(&model, s.to, LB_F32, LB_MODEL_SCORE, error));
    fixture_write(s.to, "model.safetensors.index.json", "{}");
    assert_fails(LOBASS_BAD_FORMAT, "field \"weight_map\": expected an object",
                 lb_model_load(&model, s.to, LB_F32, LB_MODEL_SCORE, error));
    teardown(&s);
}

static void test_bad_files(void **state)
{
    (void)state;
    folder_state s;
    setup(&s, false, false);
    lb_model *model = NULL;
    char *path = join(s.to, "model.safetensors");
    write_part(s.model, path, 0, s.model->n_parameters - 1, NULL);
    assert_fails(LOBASS_NOT_FOUND, "lm_head.weight",
                 lb_model_load(&model, s.to, LB_F32, LB_MODEL_TRAIN, error));
    assert_fails(LOBASS_NOT_FOUND, path,
                 lb_model_load(&model, s.to, LB_F32, LB_MODEL_TRAIN, error));
    s.config.d_ffn++;
    assert_ok(fixture_save(s.model, s.to, LB_F32, s.from, error));
    fixture_write_config(s.to, &s.config);
    assert_fails(LOBASS_BAD_FORMAT,
                 "model.safetensors: tensor \"model.layers.0.mlp.gate_proj.weight\": expected "
                 "shape [29, 16] as in config.json, found [28, 16]",
                 lb_model_load(&model, s.to, LB_F32, LB_MODEL_SCORE, error));
    remove(path);
    assert_fails(LOBASS_NOT_FOUND,
                 "expected model.safetensors or model.safetensors.index.json, found neither",
                 lb_model_load(&model, s.to, LB_F32, LB_MODEL_SCORE, error));
    assert_fails(LOBASS_BAD_ARGUMENT, "compute dtype: expected F32 or BF16, found F16",
                 lb_model_load(&model, s.to, LB_F16, LB_MODEL_SCORE, error));
    assert_null(model);
    free(path);
    teardown(&s);
}

static lb_hash fingerprint(const char *folder)
{
    lb_hash hash = {0};
    assert_ok(lb_model_fingerprint(&hash, folder, error));
    return hash;
}

static void test_fingerprint(void **state)
{
    (void)state;
    folder_state s;
    setup(&s, true, false);
    const lb_hash first = fingerprint(s.to);
    assert_true(lb_hash_equal(first, fingerprint(s.to)));
    assert_ok(fixture_save(s.model, s.to, LB_F32, s.from, error));
    assert_true(lb_hash_equal(first, fingerprint(s.to)));
    fixture_write(s.to, "README.md", "no part of the model");
    assert_true(lb_hash_equal(first, fingerprint(s.to)));

    s.model->parameters[3].master[5] += 1.0F;
    assert_ok(fixture_save(s.model, s.to, LB_F32, s.from, error));
    const lb_hash second = fingerprint(s.to);
    assert_false(lb_hash_equal(first, second));
    cut_in_shards(&s, NULL);
    assert_false(lb_hash_equal(second, fingerprint(s.to)));
    const lb_hash third = fingerprint(s.to);
    fixture_write(s.to, "config.json", "{}");
    assert_false(lb_hash_equal(third, fingerprint(s.to)));

    lb_hash hash;
    char *path = join(s.to, "model-00002-of-00003.safetensors");
    remove(path);
    assert_fails(LOBASS_NOT_FOUND, path, lb_model_fingerprint(&hash, s.to, error));
    free(path);
    teardown(&s);
}

static void test_random_weights(void **state)
{
    (void)state;
    const lb_config config = fixture_config(false, true);
    lb_model *models[3] = {0};
    for (size_t i = 0; i < 3; i++)
    {
        assert_ok(lb_model_create_random(&models[i], &config, i / 2, error));
    }
    const lb_parameter *embedding = models[0]->embedding;
    const size_t bytes = embedding->count * sizeof(float);
    assert_memory_equal(embedding->master, models[1]->embedding->master, bytes);
    assert_memory_not_equal(embedding->master, models[2]->embedding->master, bytes);
    double squares = 0.0;
    for (size_t i = 0; i < embedding->count; i++)
    {
        squares += (double)embedding->master[i] * (double)embedding->master[i];
    }
    const double deviation = sqrt(squares / (double)embedding->count);
    assert_true(fabs(deviation / config.initializer_range - 1.0) < 0.1);
    assert_true(fixture_parameter(models[0], "model.norm.weight")->master[3] == 1.0F);
    assert_true(fixture_parameter(models[0], "model.layers.1.self_attn.k_proj.bias")->master[2] ==
                0.0F);
    for (size_t i = 0; i < 3; i++)
    {
        lb_model_free(models[i]);
    }
    lb_model_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_save_then_load),
        cmocka_unit_test(test_mapped_for_scoring),
        cmocka_unit_test(test_save_of_a_scoring_model),
        cmocka_unit_test(test_files_that_go_along),
        cmocka_unit_test(test_unaligned_data),
        cmocka_unit_test(test_leftover_tensors),
        cmocka_unit_test(test_head_beside_a_tied_embedding),
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_bad_shards),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_random_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

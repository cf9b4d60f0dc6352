/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of models share: folders that go away, tiny models of every shape we support with
 * random weights, random batches, and a compute by the name of its backend. Everything that must
 * work asserts that it did.
 */
#ifndef TESTS_UNIT_MODEL_FIXTURE_H
#define TESTS_UNIT_MODEL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

/* Levels of LOBASS_CPU; the last is all that this CPU has. */
static const char *const fixture_sets[] = {"plain", "avx2", "amx"};
#define FIXTURE_SET_COUNT (sizeof fixture_sets / sizeof *fixture_sets)

#define assert_ok(call)                                                                \
    do                                                                                 \
    {                                                                                  \
        lobass_error assert_error_ = {0};                                              \
        lobass_error *error = &assert_error_;                                          \
        const lobass_status assert_status_ = (call);                                   \
        if (assert_status_ != LOBASS_OK)                                               \
        {                                                                              \
            fail_msg("%s: status %d: %s", #call, (int)assert_status_, error->message); \
        }                                                                              \
    } while (0)

#define assert_fails(expected_status, expected_text, call)                                        \
    do                                                                                            \
    {                                                                                             \
        lobass_error assert_error_ = {0};                                                         \
        lobass_error *error = &assert_error_;                                                     \
        const lobass_status assert_status_ = (call);                                              \
        if (assert_status_ != (expected_status) || error->status != (expected_status) ||          \
            strstr(error->message, expected_text) == NULL)                                        \
        {                                                                                         \
            fail_msg("%s: expected status %d and \"%s\", found %d and \"%s\"", #call,             \
                     (int)(expected_status), expected_text, (int)assert_status_, error->message); \
        }                                                                                         \
    } while (0)

#define FIXTURE_PATH_SIZE 512

static inline void fixture_folder_create(char folder[FIXTURE_PATH_SIZE])
{
    snprintf(folder, FIXTURE_PATH_SIZE, "%s/model_XXXXXX", TEST_BINARY_DIR);
    assert_non_null(mkdtemp(folder));
}

static inline void fixture_folder_remove(const char *folder)
{
    assert_ok(lb_folder_remove(folder, error));
}

static inline void fixture_write(const char *folder, const char *name, const char *text)
{
    char *path = lb_path_join(folder, name, NULL);
    assert_non_null(path);
    assert_ok(lb_file_write(path, text, strlen(text), true, error));
    free(path);
}

/* Two layers, four query heads on two key/value heads, heads wider than d_model / n_heads. */
static inline lb_config fixture_config(bool has_tied_head, bool has_bias)
{
    lb_config config = {.family = lb_architecture_find("LlamaForCausalLM"),
                        .n_layers = 2,
                        .d_model = 16,
                        .d_ffn = 28,
                        .n_heads = 4,
                        .n_kv_heads = 2,
                        .head_size = 6,
                        .n_vocabulary = 37,
                        .max_length = 64,
                        .norm_epsilon = 1e-5F,
                        .initializer_range = 0.2,
                        .has_tied_head = has_tied_head,
                        .has_attention_bias = has_bias,
                        .has_mlp_bias = has_bias,
                        .rope_theta = 50.0,
                        .rope_scaling = LB_ROPE_NONE,
                        .rope_factor = 1.0,
                        .eos = 2};
    return config;
}

/* config.json of the same model, without rope scaling. */
static inline void fixture_write_config(const char *folder, const lb_config *config)
{
    lb_buffer text = {0};
    assert_ok(lb_buffer_print(
        &text, error,
        "{\"architectures\": [\"%s\"], \"torch_dtype\": \"float16\", \"hidden_size\": %zu, "
        "\"intermediate_size\": %zu, \"num_hidden_layers\": %zu, \"num_attention_heads\": %zu, "
        "\"num_key_value_heads\": %zu, \"head_dim\": %zu, \"vocab_size\": %zu, "
        "\"max_position_embeddings\": %zu, \"rms_norm_eps\": 1e-05, \"rope_theta\": %.1f, "
        "\"tie_word_embeddings\": %s, \"attention_bias\": %s, \"mlp_bias\": %s, "
        "\"eos_token_id\": 2, \"initializer_range\": 0.2}",
        lb_config_architecture(config), config->d_model, config->d_ffn, config->n_layers,
        config->n_heads, config->n_kv_heads, config->head_size, config->n_vocabulary,
        config->max_length, config->rope_theta, config->has_tied_head ? "true" : "false",
        config->has_attention_bias ? "true" : "false", config->has_mlp_bias ? "true" : "false"));
    fixture_write(folder, "config.json", text.data);
    lb_buffer_free(&text);
}

/* Random everywhere, gains and biases too: nothing is left at a value that hides a mistake. */
static inline lb_model *fixture_model(const lb_config *config, uint64_t seed)
{
    lb_model *model = NULL;
    assert_ok(lb_model_create_random(&model, config, seed, error));
    lb_random random;
    lb_random_init(&random, seed + 1);
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        lb_parameter *parameter = &model->parameters[i];
        for (size_t j = 0; parameter->n_dims == 1 && j < parameter->count; j++)
        {
            parameter->master[j] += (float)(0.2 * lb_random_normal(&random));
        }
    }
    return model;
}

/* SET: a level of LOBASS_CPU; NULL: the environment's own. */
static inline lb_compute *fixture_compute(const char *set, unsigned n_threads)
{
    lb_compute *compute = NULL;
    if (set != NULL)
    {
        assert_int_equal(setenv("LOBASS_CPU", set, 1), 0);
    }
    assert_ok(lb_compute_create(&compute, n_threads, error));
    if (set != NULL)
    {
        assert_int_equal(unsetenv("LOBASS_CPU"), 0);
    }
    return compute;
}

/* By its name in the file. */
static inline const lb_parameter *fixture_parameter(const lb_model *model, const char *name)
{
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        if (strcmp(model->parameters[i].name, name) == 0)
        {
            return &model->parameters[i];
        }
    }
    fail_msg("no parameter %s", name);
    return NULL;
}

#define FIXTURE_MOST_TOKENS 256
/* Saves every parameter of MODEL in DTYPE. */
static inline lobass_status fixture_save(lb_model *model, const char *folder, lb_dtype dtype,
                                         const char *from, lobass_error *error)
{
    model->stored_dtype = dtype;
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        model->parameters[i].stored_dtype = dtype;
    }
    return lb_model_save(model, folder, from, error);
}

#define FIXTURE_MOST_SEQUENCES 16

typedef struct fixture_batch
{
    lb_batch batch;
    int32_t ids[FIXTURE_MOST_TOKENS];
    uint32_t starts[FIXTURE_MOST_SEQUENCES + 1];
    uint32_t scored[FIXTURE_MOST_TOKENS];
} fixture_batch;

/* Random tokens in sequences of LENGTHS; a share of those that have a token before them is scored.
 */
static inline void fixture_fill(fixture_batch *made, const uint32_t *lengths, size_t n_sequences,
                                size_t n_vocabulary, double scored_share, uint64_t seed)
{
    lb_random random;
    lb_random_init(&random, seed);
    lb_batch *batch = &made->batch;
    *batch = (lb_batch){.ids = made->ids,
                        .n_sequences = n_sequences,
                        .starts = made->starts,
                        .scored = made->scored};
    assert_true(n_sequences <= FIXTURE_MOST_SEQUENCES);
    made->starts[0] = 0;
    for (size_t i = 0; i < n_sequences; i++)
    {
        assert_true(batch->n_tokens + lengths[i] <= FIXTURE_MOST_TOKENS);
        for (uint32_t j = 0; j < lengths[i]; j++)
        {
            if (j > 0 && lb_random_uniform(&random) < scored_share)
            {
                made->scored[batch->n_scored++] = (uint32_t)batch->n_tokens;
            }
            made->ids[batch->n_tokens++] = (int32_t)lb_random_below(&random, n_vocabulary);
        }
        made->starts[i + 1] = (uint32_t)batch->n_tokens;
    }
}

#endif

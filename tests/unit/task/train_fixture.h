/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of training share: a folder of their own, a tiny random model made by lobass_init,
 * a data file of made-up rows of different lengths, and comparisons of files.
 */
#ifndef TESTS_TRAIN_FIXTURE_H
#define TESTS_TRAIN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pass/pass.h"

#define FIXTURE_ROWS 40
#define FIXTURE_TOKENIZER TEST_SOURCE_DIR "/tests/tokenizer.json"
#define PATH_SIZE 512

typedef struct fixture
{
    char folder[PATH_SIZE];
    char config[PATH_SIZE], model[PATH_SIZE], data[PATH_SIZE], output[PATH_SIZE];
    char partial[PATH_SIZE]; /* of the output */
    const char *data_list[1];
    lobass_train_options options; /* data -> output, a few steps */
} fixture;

static inline void check_ok(lobass_status status, const lobass_error *error)
{
    if (status != LOBASS_OK)
    {
        fail_msg("status %d: %s", (int)status, error->message);
    }
}

/* STATUS must be EXPECTED and the message must hold every one of the words. */
static inline void check_refused(lobass_status status, lobass_status expected,
                                 const lobass_error *error, const char *word, const char *other)
{
    if (status != expected || strstr(error->message, word) == NULL ||
        strstr(error->message, other) == NULL)
    {
        fail_msg("status %d, expected %d; message \"%s\", expected \"%s\" and \"%s\"", (int)status,
                 (int)expected, error->message, word, other);
    }
}

static inline void path_print(char path[PATH_SIZE], const char *folder, const char *name)
{
    assert_in_range(snprintf(path, PATH_SIZE, "%s/%s", folder, name), 1, PATH_SIZE - 1);
}

static inline void text_write(const char *path, const char *text)
{
    lobass_error error = {0};
    check_ok(lb_file_write(path, text, strlen(text), true, &error), &error);
}

static inline void config_write(const fixture *f, unsigned n_vocabulary)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", "
                   "\"vocab_size\": %u, \"hidden_size\": 16, \"intermediate_size\": 24, "
                   "\"num_hidden_layers\": 2, \"num_attention_heads\": 2, "
                   "\"num_key_value_heads\": 1, \"max_position_embeddings\": 96, "
                   "\"rms_norm_eps\": 1e-05, \"rope_theta\": 10000.0, \"hidden_act\": \"silu\", "
                   "\"tie_word_embeddings\": true, \"initializer_range\": 0.1, "
                   "\"eos_token_id\": 0, \"torch_dtype\": \"bfloat16\"}",
                   n_vocabulary);
    text_write(f->config, text);
}

/* Rows of 1 to 9 words, so that batches hold responses of different lengths. */
static inline void data_write(const fixture *f, unsigned seed)
{
    static const char *const words[] = {"river", "old", "stone", "baker", "plays", "the", "grey"};
    lobass_error error = {0};
    lb_buffer text = {0};
    lb_random random;
    lb_random_init(&random, seed);
    for (int i = 0; i < FIXTURE_ROWS; ++i)
    {
        check_ok(lb_buffer_print(&text, &error, "{\"instruction\": \"Say %d\", \"output\": \"", i),
                 &error);
        for (uint64_t n = 1 + lb_random_below(&random, 9); n > 0; --n)
        {
            const uint64_t word = lb_random_below(&random, sizeof words / sizeof words[0]);
            check_ok(lb_buffer_print(&text, &error, "%s%s", words[word], n > 1 ? " " : ""), &error);
        }
        check_ok(lb_buffer_append_text(&text, "\"}\n", &error), &error);
    }
    text_write(f->data, text.data);
    lb_buffer_free(&text);
}

static inline int fixture_open(void **state)
{
    fixture *f = test_calloc(1, sizeof *f);
    lobass_error error = {0};
    (void)snprintf(f->folder, PATH_SIZE, "%s/tests/train-XXXXXX", TEST_BINARY_DIR);
    assert_non_null(mkdtemp(f->folder));
    path_print(f->config, f->folder, "config.json");
    path_print(f->model, f->folder, "base");
    path_print(f->data, f->folder, "data.jsonl");
    path_print(f->output, f->folder, "out");
    path_print(f->partial, f->folder, "out.partial");
    config_write(f, 512);
    data_write(f, 1);
    check_ok(lobass_init(f->config, FIXTURE_TOKENIZER, f->model, 7, false, &error), &error);
    f->data_list[0] = f->data;
    f->options = lobass_train_options_default();
    f->options.model = f->model;
    f->options.data = f->data_list;
    f->options.n_data = 1;
    f->options.output = f->output;
    f->options.format.template_name = "plain";
    f->options.n_epochs = 2;
    f->options.batch_size = 7; /* 6 steps an epoch, the last with 5 rows */
    f->options.learning_rate = 5e-3;
    f->options.seed = 11;
    f->options.dtype = LOBASS_DTYPE_FP32;
    f->options.n_threads = 1;
    *state = f;
    return 0;
}

static inline int fixture_close(void **state)
{
    fixture *f = *state;
    (void)lb_folder_remove(f->folder, NULL);
    test_free(f);
    return 0;
}

static inline void check_same_file(const char *a, const char *b, const char *name)
{
    char path_a[PATH_SIZE];
    char path_b[PATH_SIZE];
    lobass_error error = {0};
    lb_buffer first = {0};
    lb_buffer second = {0};
    path_print(path_a, a, name);
    path_print(path_b, b, name);
    check_ok(lb_file_read(&first, path_a, SIZE_MAX / 2, &error), &error);
    check_ok(lb_file_read(&second, path_b, SIZE_MAX / 2, &error), &error);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    lb_buffer_free(&second);
    lb_buffer_free(&first);
}

static inline size_t line_count(const char *folder, const char *name)
{
    char path[PATH_SIZE];
    lobass_error error = {0};
    lb_buffer text = {0};
    size_t count = 0;
    path_print(path, folder, name);
    check_ok(lb_file_read(&text, path, SIZE_MAX / 2, &error), &error);
    for (size_t i = 0; i < text.size; ++i)
    {
        count += text.data[i] == '\n' ? 1 : 0;
    }
    lb_buffer_free(&text);
    return count;
}

/* An observer that cancels at its Nth progress call of the stage "train ...". */
typedef struct canceller
{
    unsigned n_left;
} canceller;

static inline bool cancel_when_due(void *context, const lobass_progress *progress)
{
    canceller *c = context;
    if (strncmp(progress->stage, "train", 5) != 0)
    {
        return true;
    }
    return c->n_left == 0 || --c->n_left > 0;
}

#endif

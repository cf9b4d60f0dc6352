/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of runs share: a folder of their own with a tiny random model, data files made
 * from text, runs prepared from them, losses put into a run by hand, and files read back.
 */
#ifndef TESTS_RUN_FIXTURE_H
#define TESTS_RUN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <math.h>
#include <unistd.h>

#include "run/run.h"
#include "unit/base/scratch.h"

#define RUN_TOKENIZER TEST_SOURCE_DIR "/tests/tokenizer.json"

/* The path of NAME in the test's folder; valid for the next hundred calls. */
static inline const char *place(const char *name)
{
    static char paths[100][SCRATCH_PATH_SIZE + 256];
    static unsigned next;
    char *path = paths[next++ % 100];
    (void)snprintf(path, sizeof paths[0], "%s/%s", scratch_folder, name);
    return path;
}

static inline void check_ok(lobass_status status, const lobass_error *error)
{
    if (status != LOBASS_OK)
    {
        fail_msg("status %d: %s", (int)status, error->message);
    }
}

/* STATUS must be EXPECTED and the message must hold both words. */
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

static inline void file_make(const char *name, const char *text)
{
    lobass_error error = {0};
    check_ok(lb_file_write(place(name), text != NULL ? text : "", text != NULL ? strlen(text) : 0,
                           true, &error),
             &error);
}

/* Yours: free(). */
static inline char *file_text(const char *path)
{
    lobass_error error = {0};
    lb_buffer text = {0};
    check_ok(lb_file_read(&text, path, SIZE_MAX / 2, &error), &error);
    if (text.data == NULL)
    {
        check_ok(lb_buffer_append_text(&text, "", &error), &error);
    }
    assert_non_null(text.data);
    return text.data;
}

static inline void check_file(const char *path, const char *expected)
{
    char *text = file_text(path);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static inline void check_same_files(const char *a, const char *b)
{
    char *text = file_text(b);
    check_file(a, text);
    free(text);
}

/* FOLDER/NAME: a model of one layer with the tokenizer of a file or folder, in fp32; EOS is what
 * its configuration says, "null" or an id. */
static inline void model_make_with(const char *name, const char *tokenizer, const char *eos,
                                   uint64_t seed, unsigned n_vocabulary)
{
    char config[1024];
    lobass_error error = {0};
    (void)snprintf(config, sizeof config,
                   "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", "
                   "\"vocab_size\": %u, \"hidden_size\": 16, \"intermediate_size\": 24, "
                   "\"num_hidden_layers\": 1, \"num_attention_heads\": 2, "
                   "\"num_key_value_heads\": 1, \"max_position_embeddings\": 96, "
                   "\"rms_norm_eps\": 1e-05, \"rope_theta\": 10000.0, \"hidden_act\": \"silu\", "
                   "\"tie_word_embeddings\": true, \"initializer_range\": 0.2, "
                   "\"eos_token_id\": %s, \"torch_dtype\": \"float32\"}",
                   n_vocabulary, eos);
    file_make("config.json", config);
    check_ok(lobass_init(place("config.json"), tokenizer, place(name), seed, true, &error), &error);
}

static inline void model_make_as(const char *name, uint64_t seed, unsigned n_vocabulary)
{
    model_make_with(name, RUN_TOKENIZER, "0", seed, n_vocabulary);
}

static inline int run_setup(void **state)
{
    if (scratch_setup(state) != 0)
    {
        return -1;
    }
    model_make_as("model", 7, 512);
    return 0;
}

/* Options for DATA in the scratch folder -> RUN in it; template plain. */
static inline lobass_prepare_options prepare_options(const char *const *data, size_t n_data,
                                                     const char *run)
{
    lobass_prepare_options options = lobass_prepare_options_default();
    options.model = place("model");
    options.data = data;
    options.n_data = n_data;
    options.run = run;
    options.format.template_name = "plain";
    options.n_threads = 2;
    return options;
}

/* RUN prepared from one data file; both are names in the scratch folder. */
static inline lobass_prepare_result run_prepare(const char *data, const char *run)
{
    char path[SCRATCH_PATH_SIZE + 256];
    char folder[SCRATCH_PATH_SIZE + 256];
    const char *list[] = {path};
    lobass_prepare_result result;
    lobass_error error = {0};
    (void)snprintf(path, sizeof path, "%s", place(data));
    (void)snprintf(folder, sizeof folder, "%s", place(run));
    const lobass_prepare_options options = prepare_options(list, 1, folder);
    check_ok(lobass_prepare(&options, NULL, &result, &error), &error);
    return result;
}

/* NAME: N_RECORDS Alpaca records, the response of record i having i % 7 + 1 words. */
static inline void records_make(const char *name, unsigned n_records)
{
    static const char *const words[] = {"river", "old", "stone", "baker", "plays"};
    lb_buffer text = {0};
    lobass_error error = {0};
    for (unsigned i = 0; i < n_records; i++)
    {
        check_ok(lb_buffer_print(&text, &error, "{\"instruction\": \"Say %u\", \"output\": \"", i),
                 &error);
        for (unsigned w = 0; w <= i % 7; w++)
        {
            check_ok(lb_buffer_print(&text, &error, "%s%s", w > 0 ? " " : "", words[(i + w) % 5]),
                     &error);
        }
        check_ok(lb_buffer_append_text(&text, "\"}\n", &error), &error);
    }
    file_make(name, text.data);
    lb_buffer_free(&text);
}

/* Gives every measurable row of a run the mean loss LOSSES[row] under NAME. */
static inline void losses_put(const char *run, const char *name, const double *losses)
{
    lobass_error error = {0};
    lb_store *store = NULL;
    lb_row_summary *summaries = NULL;
    size_t n_rows = 0;
    char path[] = "/model";
    lb_measurement model = {.path = path, .fingerprint = "aa", .dtype = "fp32"};
    (void)snprintf(model.name, sizeof model.name, "%s", name);
    check_ok(lb_store_open(&store, run, LB_STORE_WRITE, &error), &error);
    check_ok(lb_store_begin(store, &error), &error);
    check_ok(lb_store_measurement_save(store, &model, &error), &error);
    check_ok(lb_store_summaries_load(&summaries, &n_rows, store, &error), &error);
    for (size_t i = 0; i < n_rows; i++)
    {
        float nll[256];
        assert_true(summaries[i].n_scored <= 256);
        for (size_t t = 0; t < summaries[i].n_scored; t++)
        {
            nll[t] = (float)losses[i];
        }
        if (summaries[i].n_scored > 0)
        {
            const lb_row_losses stored = {nll, NULL, summaries[i].n_scored};
            check_ok(lb_store_losses_save(store, model.id, i, &stored, &error), &error);
        }
    }
    check_ok(lb_store_commit(store, &error), &error);
    free(summaries);
    lb_store_close(store);
}

/* Everything that the rows of two runs hold must be the same. */
static inline void check_same_rows(const char *a, const char *b)
{
    lobass_error error = {0};
    lobass_run *first = NULL;
    lobass_run *second = NULL;
    lobass_run_info info_a;
    lobass_run_info info_b;
    check_ok(lobass_run_open(&first, a, &error), &error);
    check_ok(lobass_run_open(&second, b, &error), &error);
    check_ok(lobass_run_describe(first, &info_a, &error), &error);
    check_ok(lobass_run_describe(second, &info_b, &error), &error);
    assert_true(info_a.is_prepared && info_b.is_prepared);
    assert_int_equal(info_a.n_records, info_b.n_records);
    assert_string_equal(info_a.tokenization_hash, info_b.tokenization_hash);
    assert_memory_equal(info_a.statuses, info_b.statuses, sizeof info_a.statuses);
    for (uint64_t i = 0; i < info_a.n_records; i++)
    {
        lobass_row row_a;
        lobass_row row_b;
        check_ok(lobass_run_row(first, i, &row_a, &error), &error);
        check_ok(lobass_run_row(second, i, &row_b, &error), &error);
        assert_int_equal(row_a.offset, row_b.offset);
        assert_int_equal(row_a.source, row_b.source);
        assert_int_equal(row_a.record, row_b.record);
        assert_int_equal(row_a.status, row_b.status);
        assert_memory_equal(row_a.hash, row_b.hash, sizeof row_a.hash);
    }
    lobass_run_close(first);
    lobass_run_close(second);
}

/* What an observer heard; cancels at the call of progress with that number, from 1. */
typedef struct listener
{
    unsigned n_progress, cancel_at, n_warnings;
    char last[2048];   /* line of the log */
    const char *stage; /* only this stage is counted; NULL: all */
} listener;

static inline bool listener_progress(void *context, const lobass_progress *progress)
{
    listener *l = context;
    if (l->stage != NULL && strcmp(progress->stage, l->stage) != 0)
    {
        return true;
    }
    l->n_progress++;
    return l->n_progress != l->cancel_at;
}

static inline void listener_log(void *context, lobass_log_level level, const char *line)
{
    listener *l = context;
    l->n_warnings += level == LOBASS_LOG_WARNING ? 1 : 0;
    (void)snprintf(l->last, sizeof l->last, "%s", line);
}

static inline lobass_observer listen(listener *l)
{
    const lobass_observer observer = {
        .context = l, .log = listener_log, .progress = listener_progress};
    return observer;
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Greedy continuations with a KV cache, several sequences side by side, against what PyTorch chose
 * in float64 with a forward of all tokens for each (make_golden.py --generation): the same tokens,
 * and the losses they had. Tiny random models, adapters on them, and a real model where it is.
 */
#include "run_tests.h"
#include "unit/model/fixture.h"

#include <math.h>

#define GOLDEN_FOLDER TEST_SOURCE_DIR "/tests/golden"
#define STORIES_FOLDER TEST_SOURCE_DIR "/../shared/data/models/stories260K"
#define NLL_TOLERANCE 2e-5
#define MOST_ROWS 8
#define MOST_VOCABULARY 1024

typedef struct continuation
{
    int32_t ids[FIXTURE_MOST_TOKENS]; /* prompt and what follows */
    double nll[FIXTURE_MOST_TOKENS];
    size_t n_prompt, n_new;
    lb_cache *cache;
} continuation;

static size_t read_rows(continuation rows[MOST_ROWS], const json_t *values, const char *name)
{
    const json_t *array = json_object_get(values, name);
    const size_t n_rows = json_array_size(array);
    assert_in_range(n_rows, 1, MOST_ROWS);
    memset(rows, 0, MOST_ROWS * sizeof *rows);
    for (size_t i = 0; i < n_rows; i++)
    {
        const json_t *row = json_array_get(array, i);
        const json_t *prompt = json_object_get(row, "prompt");
        const json_t *ids = json_object_get(row, "ids");
        rows[i].n_prompt = json_array_size(prompt);
        rows[i].n_new = json_array_size(ids);
        assert_in_range(rows[i].n_prompt + rows[i].n_new, 2, FIXTURE_MOST_TOKENS);
        for (size_t t = 0; t < rows[i].n_prompt; t++)
        {
            rows[i].ids[t] = (int32_t)json_integer_value(json_array_get(prompt, t));
        }
        for (size_t t = 0; t < rows[i].n_new; t++)
        {
            rows[i].ids[rows[i].n_prompt + t] = (int32_t)json_integer_value(json_array_get(ids, t));
            rows[i].nll[t] = json_number_value(json_array_get(json_object_get(row, "nll"), t));
        }
        /* Rounding must not be able to choose another token. */
        assert_true(json_number_value(json_object_get(row, "least_lead")) > 1e-3);
    }
    return n_rows;
}

static void check_choice(const continuation *row, size_t t, const float *logits, size_t n)
{
    size_t best = 0;
    double sum = 0.0;
    for (size_t i = 1; i < n; i++)
    {
        best = logits[i] > logits[best] ? i : best;
    }
    for (size_t i = 0; i < n; i++)
    {
        sum += exp((double)logits[i] - (double)logits[best]);
    }
    if ((int32_t)best != row->ids[row->n_prompt + t] ||
        !(fabs(log(sum) - row->nll[t]) <= NLL_TOLERANCE))
    {
        fail_msg(
            "token %zu behind a prompt of %zu: expected %d with a loss of %.9g, found %zu with "
            "%.9g",
            t, row->n_prompt, (int)row->ids[row->n_prompt + t], row->nll[t], best, log(sum));
    }
}

/* Step T of all rows that have one: the prompts first, then the tokens that must have been chosen.
 */
static void check_step(lb_decoder *decoder, continuation *rows, size_t n_rows, size_t t, size_t v)
{
    static float logits[MOST_ROWS * MOST_VOCABULARY];
    static int32_t ids[MOST_ROWS * FIXTURE_MOST_TOKENS];
    uint32_t starts[MOST_ROWS + 1] = {0};
    lb_cache *caches[MOST_ROWS];
    lb_batch batch = {.ids = ids, .starts = starts, .n_sequences = n_rows};
    for (size_t i = 0; i < n_rows; i++)
    {
        const size_t first = t == 0 ? 0 : rows[i].n_prompt + t - 1;
        const size_t n = t == 0 ? rows[i].n_prompt : 1;
        memcpy(ids + batch.n_tokens, rows[i].ids + first, n * sizeof *ids);
        batch.n_tokens += n;
        starts[i + 1] = (uint32_t)batch.n_tokens;
        caches[i] = rows[i].cache;
    }
    assert_ok(lb_decoder_next(decoder, &batch, caches, logits, error));
    for (size_t i = 0; i < n_rows; i++)
    {
        check_choice(&rows[i], t, logits + i * v, v);
    }
}

static void check_model(const char *set, const char *name, const char *folder, const char *adapter)
{
    static continuation rows[MOST_ROWS];
    json_t *values = NULL;
    lb_model *model = NULL;
    lb_decoder *decoder = NULL;
    lb_compute *compute = fixture_compute(set, 2);
    assert_ok(lb_json_load(&values, GOLDEN_FOLDER "/generation.json", error));
    const size_t n_rows = read_rows(rows, values, name);
    assert_ok(lb_model_load(&model, folder, LB_F32, LB_MODEL_SCORE_PACKED, error));
    if (adapter != NULL)
    {
        assert_ok(lb_lora_load(model, adapter, LB_F32, error));
    }
    assert_in_range(model->config.n_vocabulary, 2, MOST_VOCABULARY);
    assert_ok(lb_decoder_create(&decoder, model, compute, (size_t)MOST_ROWS * FIXTURE_MOST_TOKENS,
                                LB_DECODER_SCORE, error));
    for (size_t i = 0; i < n_rows; i++)
    {
        assert_ok(lb_cache_create(&rows[i].cache, &model->config, rows[i].n_prompt + rows[i].n_new,
                                  error));
    }
    for (size_t t = 0; t < rows[0].n_new; t++)
    {
        check_step(decoder, rows, n_rows, t, model->config.n_vocabulary);
    }
    for (size_t i = 0; i < n_rows; i++)
    {
        lb_cache_free(rows[i].cache);
    }
    lb_decoder_free(decoder);
    lb_model_free(model);
    lb_compute_free(compute);
    json_decref(values);
}

static void test_tiny_models(void **state)
{
    (void)state;
    for (size_t b = 0; b < FIXTURE_SET_COUNT; b++)
    {
        check_model(fixture_sets[b], "llama_tied", GOLDEN_FOLDER "/llama_tied", NULL);
        check_model(fixture_sets[b], "llama_untied", GOLDEN_FOLDER "/llama_untied", NULL);
        check_model(fixture_sets[b], "lora_qv", GOLDEN_FOLDER "/llama_tied",
                    GOLDEN_FOLDER "/lora_qv");
        check_model(fixture_sets[b], "lora_all", GOLDEN_FOLDER "/llama_untied",
                    GOLDEN_FOLDER "/lora_all");
    }
}

static void test_stories(void **state)
{
    (void)state;
    if (lb_path_look(STORIES_FOLDER "/model.safetensors") != LB_PATH_FILE)
    {
        skip_because("%s is not there", STORIES_FOLDER);
    }
    check_model(NULL, "stories260K", STORIES_FOLDER, NULL);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiny_models),
        may_skip(test_stories),
    };
    return RUN_TESTS(tests, arguments, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What lobass_generate() writes against whole forwards of prompt and text together: each token is
 * the likeliest behind those before it, in fp32 and bf16 and with every instruction set, for
 * prompts of one token and of more than a step takes, side by side; and the losses that are told
 * are those that scoring finds.
 */
#include "unit/task/train_fixture.h"

#include <math.h>

#include "instruction_sets.h"

enum
{
    N_PROMPTS = 9,
    MOST_NEW = 14,
    POSITIONS = 3000,
    MOST_ROWS = 16
};

typedef struct written
{
    int32_t ids[MOST_NEW];
    float nll[MOST_NEW];
    char text[1024];
    size_t n_tokens, n_prompt;
    lobass_stop stop;
} written;

typedef struct texts
{
    written rows[MOST_ROWS];
    size_t n_rows, n_more; /* n_more: bytes that came in pieces */
    size_t stops_after;    /* pieces; 0: never */
    size_t n_pieces;
} texts;

static bool take_more(void *context, uint64_t row, const char *text, size_t size_bytes)
{
    texts *t = context;
    (void)row;
    (void)text;
    t->n_more += size_bytes;
    return ++t->n_pieces != t->stops_after;
}

static bool take_done(void *context, const lobass_generation *g)
{
    texts *t = context;
    written *row = &t->rows[t->n_rows];
    assert_null(g->reason);
    assert_int_equal(t->n_rows++, g->row);
    assert_in_range(g->n_tokens, 1, MOST_NEW);
    memcpy(row->ids, g->ids, g->n_tokens * sizeof *row->ids);
    memcpy(row->nll, g->nll, g->n_tokens * sizeof *row->nll);
    assert_in_range(g->text_size, 0, sizeof row->text - 1);
    memcpy(row->text, g->text, g->text_size);
    row->text[g->text_size] = '\0';
    row->n_tokens = g->n_tokens;
    row->n_prompt = g->n_prompt_tokens;
    row->stop = g->stop;
    return true;
}

/* Texts of 1, 2, 4, ... words, the last of more tokens than a step takes. */
static void prompts_write(const fixture *f, char texts_of[N_PROMPTS][8192])
{
    static const char *const words[] = {"red ", "green ", "and ", "blue ", "or "};
    lb_buffer text = {0};
    lobass_error error = {0};
    for (size_t i = 0; i < N_PROMPTS; i++)
    {
        const size_t n_words = i + 1 == N_PROMPTS ? 1200 : (size_t)1 << (i % 7);
        char *at = texts_of[i];
        for (size_t w = 0; w < n_words; w++)
        {
            at += snprintf(at, 8, "%s", words[(w * w + i) % 5]); /* of 6 letters at most */
        }
        check_ok(lb_buffer_print(&text, &error, "{\"text\": \"%s\"}\n", texts_of[i]), &error);
    }
    text_write(f->data, text.data);
    lb_buffer_free(&text);
}

static void model_make(const fixture *f)
{
    char text[1024];
    lobass_tokenizer *tokenizer = NULL;
    lobass_error error = {0};
    check_ok(lobass_tokenizer_load(&tokenizer, FIXTURE_TOKENIZER, &error), &error);
    (void)snprintf(text, sizeof text,
                   "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", "
                   "\"vocab_size\": %zu, \"hidden_size\": 16, \"intermediate_size\": 24, "
                   "\"num_hidden_layers\": 2, \"num_attention_heads\": 2, "
                   "\"num_key_value_heads\": 1, \"max_position_embeddings\": %d, "
                   "\"rms_norm_eps\": 1e-05, \"rope_theta\": 10000.0, \"hidden_act\": \"silu\", "
                   "\"tie_word_embeddings\": false, \"initializer_range\": 0.6, "
                   "\"torch_dtype\": \"float32\"}",
                   lobass_tokenizer_count(tokenizer), POSITIONS);
    lobass_tokenizer_free(tokenizer);
    text_write(f->config, text);
    check_ok(lobass_init(f->config, FIXTURE_TOKENIZER, f->model, 5, true, &error), &error);
}

static void check_row(lb_decoder *decoder, const int32_t *prompt, size_t n_prompt,
                      const written *row, size_t n_vocabulary)
{
    static int32_t ids[POSITIONS];
    static float logits[MOST_NEW * 8192];
    uint32_t scored[MOST_NEW];
    float nll[MOST_NEW];
    lobass_error error = {0};
    assert_int_equal(n_prompt, row->n_prompt);
    assert_in_range(n_vocabulary, 2, 8192);
    memcpy(ids, prompt, n_prompt * sizeof *ids);
    memcpy(ids + n_prompt, row->ids, row->n_tokens * sizeof *ids);
    const uint32_t starts[] = {0, (uint32_t)(n_prompt + row->n_tokens)};
    for (size_t t = 0; t < row->n_tokens; t++)
    {
        scored[t] = (uint32_t)(n_prompt + t);
    }
    const lb_batch batch = {.n_tokens = starts[1],
                            .ids = ids,
                            .n_sequences = 1,
                            .starts = starts,
                            .n_scored = row->n_tokens,
                            .scored = scored};
    check_ok(lb_decoder_forward(decoder, &batch, nll, NULL, &error), &error);
    check_ok(lb_decoder_logits(decoder, &batch, logits, &error), &error);
    for (size_t t = 0; t < row->n_tokens; t++)
    {
        size_t best = 0;
        for (size_t i = 1; i < n_vocabulary; i++)
        {
            best = logits[t * n_vocabulary + i] > logits[t * n_vocabulary + best] ? i : best;
        }
        assert_int_equal(best, row->ids[t]);
        assert_true(fabs((double)nll[t] - (double)row->nll[t]) < 1e-5);
    }
}

static void check_whole(const fixture *f, char texts_of[N_PROMPTS][8192], const texts *found,
                        lb_dtype dtype)
{
    lobass_error error = {0};
    lb_compute *compute = NULL;
    lb_model *model = NULL;
    lb_decoder *decoder = NULL;
    lobass_tokenizer *tokenizer = NULL;
    check_ok(lb_compute_create(&compute, 1, &error), &error);
    check_ok(lb_model_load(&model, f->model, dtype, LB_MODEL_SCORE_PACKED, &error), &error);
    check_ok(lb_decoder_create(&decoder, model, compute, POSITIONS, LB_DECODER_SCORE, &error),
             &error);
    check_ok(lobass_tokenizer_load(&tokenizer, f->model, &error), &error);
    size_t longest = 0;
    for (size_t i = 0; i < N_PROMPTS; i++)
    {
        int32_t *ids = NULL;
        size_t n_ids = 0;
        check_ok(lobass_tokenizer_encode(&ids, &n_ids, tokenizer, texts_of[i], strlen(texts_of[i]),
                                         &error),
                 &error);
        check_row(decoder, ids, n_ids, &found->rows[i], model->config.n_vocabulary);
        longest = n_ids > longest ? n_ids : longest;
        free(ids);
    }
    assert_true(longest > 1024); /* than a step takes */
    lobass_tokenizer_free(tokenizer);
    lb_decoder_free(decoder);
    lb_model_free(model);
    lb_compute_free(compute);
}

static lobass_generate_options options_of(const fixture *f)
{
    lobass_generate_options options = lobass_generate_options_default();
    options.model = f->model;
    options.data = f->data_list;
    options.n_data = 1;
    options.max_tokens = MOST_NEW;
    options.batch_size = 4;
    options.n_threads = 2;
    return options;
}

static void check_set(const char *set, void *context)
{
    fixture *f = context;
    static char texts_of[N_PROMPTS][8192];
    (void)set;
    prompts_write(f, texts_of);
    for (size_t i = 0; i < 2; i++)
    {
        static texts found;
        const lobass_generate_sink sink = {.context = &found, .more = take_more, .done = take_done};
        lobass_generate_options options = options_of(f);
        lobass_generate_result result;
        lobass_error error = {0};
        memset(&found, 0, sizeof found);
        options.dtype = i == 0 ? LOBASS_DTYPE_FP32 : LOBASS_DTYPE_BF16;
        check_ok(lobass_generate(&options, &sink, NULL, &result, &error), &error);
        assert_int_equal(N_PROMPTS, found.n_rows);
        assert_int_equal(N_PROMPTS, result.n_prompts);
        assert_true(found.n_more > 0);
        check_whole(f, texts_of, &found, i == 0 ? LB_F32 : LB_BF16);
    }
}

static void test_against_whole_forwards(void **state)
{
    for_each_set(check_set, *state);
}

/* The text that comes in pieces is the text in the end; a sink that says no ends it. */
static void test_one_prompt(void **state)
{
    const fixture *f = *state;
    static texts found;
    const lobass_generate_sink sink = {.context = &found, .more = take_more, .done = take_done};
    lobass_generate_options options = options_of(f);
    lobass_generate_result result;
    lobass_error error = {0};
    options.n_data = 0;
    options.prompt = "red";
    options.prompt_size = 3;
    memset(&found, 0, sizeof found);
    check_ok(lobass_generate(&options, &sink, NULL, &result, &error), &error);
    assert_int_equal(1, found.n_rows);
    assert_int_equal(strlen(found.rows[0].text), found.n_more);
    assert_int_equal(LOBASS_STOP_LENGTH, found.rows[0].stop);
    assert_int_equal(MOST_NEW, result.n_tokens);
    memset(&found, 0, sizeof found);
    found.stops_after = 3;
    assert_int_equal(LOBASS_CANCELLED, lobass_generate(&options, &sink, NULL, &result, &error));
    assert_int_equal(0, found.n_rows);
    assert_int_equal(3, found.n_pieces);
}

/* What is written for the prompt "red" ends with its first token of those of EOS, a JSON value. */
static void check_stop(const fixture *f, const char *file, const char *eos, const written *whole,
                       size_t n_expected)
{
    static texts found;
    char path[PATH_SIZE];
    char text[128];
    const lobass_generate_sink sink = {.context = &found, .done = take_done};
    lobass_generate_options options = options_of(f);
    lobass_generate_result result;
    lobass_error error = {0};
    path_print(path, f->model, file);
    (void)snprintf(text, sizeof text, "{\"eos_token_id\": %s}", eos);
    text_write(path, text);
    options.n_data = 0;
    options.prompt = "red";
    options.prompt_size = 3;
    memset(&found, 0, sizeof found);
    check_ok(lobass_generate(&options, &sink, NULL, &result, &error), &error);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(n_expected, found.rows[0].n_tokens);
    assert_memory_equal(whole->ids, found.rows[0].ids, n_expected * sizeof *whole->ids);
    assert_int_equal(n_expected < MOST_NEW ? LOBASS_STOP_END : LOBASS_STOP_LENGTH,
                     found.rows[0].stop);
    /* These tokens are letters: the last of them is text as well. */
    assert_int_equal(strncmp(whole->text, found.rows[0].text, strlen(found.rows[0].text)), 0);
    assert_true(strlen(found.rows[0].text) > 0);
}

/* Whether token K is one of those before it. */
static bool has_before(const written *row, size_t k)
{
    for (size_t i = 0; i < k; i++)
    {
        if (row->ids[i] == row->ids[k])
        {
            return true;
        }
    }
    return false;
}

static void test_stops_at_each(void **state)
{
    const fixture *f = *state;
    static texts found;
    char eos[64];
    size_t k = 2;
    const lobass_generate_sink sink = {.context = &found, .done = take_done};
    lobass_generate_options options = options_of(f);
    lobass_generate_result result;
    lobass_error error = {0};
    options.n_data = 0;
    options.prompt = "red";
    options.prompt_size = 3;
    memset(&found, 0, sizeof found);
    check_ok(lobass_generate(&options, &sink, NULL, &result, &error), &error);
    const written whole = found.rows[0];
    while (has_before(&whole, k))
    {
        k++;
        assert_in_range(k, 2, MOST_NEW - 2);
    }
    (void)snprintf(eos, sizeof eos, "[0, %d]", (int)whole.ids[k]);
    check_stop(f, "generation_config.json", eos, &whole, k + 1);
    (void)snprintf(eos, sizeof eos, "[%d, %d]", (int)whole.ids[k], (int)whole.ids[0]);
    check_stop(f, "generation_config.json", eos, &whole, 1);
    check_stop(f, "generation_config.json", "[]", &whole, MOST_NEW);
}

static void test_refused(void **state)
{
    const fixture *f = *state;
    lobass_generate_result result;
    lobass_error error = {0};
    lobass_generate_options options = options_of(f);
    options.prompt = "both";
    check_refused(lobass_generate(&options, NULL, NULL, &result, &error), LOBASS_BAD_ARGUMENT,
                  &error, "a prompt or", "data files");
    options = options_of(f);
    options.temperature = NAN;
    check_refused(lobass_generate(&options, NULL, NULL, &result, &error), LOBASS_BAD_ARGUMENT,
                  &error, "temperature", "nan");
    options = options_of(f);
    options.top_p = 0;
    check_refused(lobass_generate(&options, NULL, NULL, &result, &error), LOBASS_BAD_ARGUMENT,
                  &error, "top_p in (0, 1]", "0");
    options = options_of(f);
    options.batch_size = 0;
    check_refused(lobass_generate(&options, NULL, NULL, &result, &error), LOBASS_BAD_ARGUMENT,
                  &error, "batch size", "found 0");
    options = options_of(f);
    options.n_data = 0;
    options.prompt = "";
    check_refused(lobass_generate(&options, NULL, NULL, &result, &error), LOBASS_BAD_ARGUMENT,
                  &error, "the prompt is empty", "nothing to go on from");
    /* NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): that is the test */
    assert_null(lobass_stop_name((lobass_stop)7));
}

static int open_with_model(void **state)
{
    const int failed = fixture_open(state);
    model_make(*state);
    return failed;
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        on_each_set(test_against_whole_forwards),
        cmocka_unit_test(test_one_prompt),
        cmocka_unit_test(test_stops_at_each),
        cmocka_unit_test(test_refused),
    };
    return RUN_TESTS(tests, arguments, open_with_model, fixture_close);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The loss of held-out text, against windows that are cut here and given to a decoder one by one,
 * and its bits per byte, worked out by hand over a byte-level tokenizer.
 */
#include "unit/task/text_fixture.h"

#include "pass/pass.h"
#include "run_tests.h"

#define LENGTH 16 /* of a window */

static lobass_evaluate_options evaluate_options(const char *model, const char *const *data,
                                                size_t n_data)
{
    lobass_evaluate_options options = lobass_evaluate_options_default();
    options.model = place(model);
    options.data = data;
    options.n_data = n_data;
    options.format.template_name = "plain";
    options.format.max_length = LENGTH;
    options.dtype = LOBASS_DTYPE_FP32;
    options.n_threads = 1;
    return options;
}

static void check_close(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-12 * fabs(expected)))
    {
        fail_msg("found %.17g, expected %.17g", found, expected);
    }
}

/* The nats of TEXT as one row under MODEL: tokens are its bytes, with IS_FULL between BOS and end
 * token; each window alone. */
static double sum_by_hand(const char *model, const char *text, size_t n_bytes, bool is_full)
{
    enum
    {
        MOST = 4096
    };
    int32_t ids[MOST];
    uint8_t flags[MOST];
    float nll[LENGTH];
    size_t n = 0;
    double sum = 0;
    lobass_error error = {0};
    lb_model *loaded = NULL;
    lb_compute *compute = NULL;
    lb_decoder *decoder = NULL;
    assert_in_range(n_bytes, 1, MOST - 2);
    ids[n] = TINY_BOS;
    n += is_full ? 1 : 0;
    for (size_t i = 0; i < n_bytes; i++)
    {
        ids[n++] = (unsigned char)text[i];
    }
    ids[n] = TINY_EOS;
    n += is_full ? 1 : 0;
    check_ok(lb_compute_create(&compute, 1, &error), &error);
    check_ok(lb_model_load(&loaded, place(model), LB_F32, LB_MODEL_SCORE_PACKED, &error), &error);
    check_ok(lb_decoder_create(&decoder, loaded, compute, LENGTH, LB_DECODER_SCORE, &error),
             &error);
    for (size_t first = 0; first + 1 < n; first += LENGTH - 1)
    {
        const size_t n_tokens = n - first < LENGTH ? n - first : LENGTH;
        lb_batch_builder builder = {0};
        memset(flags, LOBASS_TOKEN_SCORED, n_tokens);
        flags[0] = 0;
        check_ok(lb_batch_builder_add(&builder, ids + first, flags, n_tokens, &error), &error);
        check_ok(lb_decoder_forward(decoder, &builder.batch, nll, NULL, &error), &error);
        for (size_t i = 0; i + 1 < n_tokens; i++)
        {
            sum += (double)nll[i];
        }
        lb_batch_builder_free(&builder);
    }
    lb_decoder_free(decoder);
    lb_model_free(loaded);
    lb_compute_free(compute);
    return sum;
}

static void test_against_decoder(void **state)
{
    static const char *const models[] = {"bare", "full"};
    static const size_t sizes[] = {2, LENGTH - 2, LENGTH - 1, LENGTH, LENGTH + 1, 1000};
    (void)state;
    for (size_t i = 0; i < 12; i++)
    {
        const bool is_full = i % 2 == 1;
        const char *list[] = {place("text.txt")};
        lobass_error error = {0};
        lobass_evaluate_result result;
        char *text = text_words(sizes[i / 2], i);
        const size_t n_bytes = strlen(text);
        file_make("text.txt", text);
        const lobass_evaluate_options options = evaluate_options(models[i % 2], list, 1);
        check_ok(lobass_evaluate(&options, NULL, &result, &error), &error);
        /* Without BOS nothing predicts the first byte: not its loss counts, nor does it. */
        assert_int_equal(result.total.n_bytes, is_full ? n_bytes : n_bytes - 1);
        assert_int_equal(result.total.n_scored_tokens, is_full ? n_bytes + 1 : n_bytes - 1);
        const double sum = sum_by_hand(models[i % 2], text, n_bytes, is_full);
        check_close(result.total.sum_nll, sum);
        check_close(lobass_evaluation_loss(&result.total),
                    sum / (double)result.total.n_scored_tokens);
        check_close(lobass_evaluation_bits_per_byte(&result.total),
                    sum / 0.69314718055994530942 / (double)result.total.n_bytes);
        assert_int_equal(result.n_records, 1);
        assert_int_equal(result.statuses[LOBASS_ROW_OK], 1);
        assert_int_equal(result.n_sources, 1);
        assert_string_equal(result.sources[0].name, "text.txt");
        check_close(result.sources[0].sum_nll, sum);
        lobass_evaluate_result_free(&result);
        free(text);
    }
}

/* 65,536 bytes and some: two pieces, each with BOS, and one end token behind both. */
static void test_long_text(void **state)
{
    enum
    {
        N_BYTES = 70000
    };
    const char *list[] = {place("long.txt")};
    lobass_error error = {0};
    lobass_evaluate_result result;
    char *text = text_words(N_BYTES, 1);
    (void)state;
    file_make("long.txt", text);
    const lobass_evaluate_options options = evaluate_options("full", list, 1);
    check_ok(lobass_evaluate(&options, NULL, &result, &error), &error);
    assert_int_equal(result.n_records, 2);
    assert_int_equal(result.total.n_rows, 2);
    assert_int_equal(result.total.n_bytes, strlen(text));
    assert_int_equal(result.total.n_scored_tokens, strlen(text) + 1);
    lobass_evaluate_result_free(&result);
    free(text);
}

/* Examples: the scored bytes are those of the responses, with --scored all the prompts too. The
 * template puts a line break between; its byte counts with the prompt. */
static void test_examples(void **state)
{
    static const uint64_t n_bytes[] = {2 + 3, 2 + 3 + 2 + 4};
    static const uint64_t n_tokens[] = {2 + 3 + 2, 2 + 3 + 2 + 4 + 2};
    const char *list[] = {place("examples.jsonl")};
    (void)state;
    file_make("examples.jsonl", "{\"prompt\": \"p\", \"completion\": \"ok\"}\n"
                                "{\"prompt\": \"\xC3\xA9x\", \"completion\": \"ab\xC3\"}\n"
                                "{\"prompt\": \"\xC3\xA9x\", \"completion\": \"abc\"}\n"
                                "{\"prompt\": \"p\", \"completion\": \"\"}\n");
    for (unsigned scored = 0; scored < 2; scored++)
    {
        lobass_error error = {0};
        lobass_evaluate_result result;
        lobass_evaluate_options options = evaluate_options("full", list, 1);
        options.format.scored = (lobass_scored)scored;
        check_ok(lobass_evaluate(&options, NULL, &result, &error), &error);
        assert_int_equal(result.total.n_bytes, n_bytes[scored]);
        assert_int_equal(result.total.n_scored_tokens, n_tokens[scored]);
        assert_int_equal(result.total.n_rows, 2);
        assert_int_equal(result.n_records, 4);
        assert_int_equal(result.statuses[LOBASS_ROW_BAD_RECORD], 1);
        assert_int_equal(result.statuses[LOBASS_ROW_EMPTY_RESPONSE], 1);
        lobass_evaluate_result_free(&result);
    }
}

/* A tokenizer that puts a space before every text: it is no byte of the text. */
static void test_bytes_of_a_sentencepiece_tokenizer(void **state)
{
    const char *model = TEST_SOURCE_DIR "/../shared/data/models/stories260K";
    const char *list[] = {place("words.txt")};
    lobass_error error = {0};
    lobass_evaluate_result result;
    (void)state;
    if (lb_path_look(model) != LB_PATH_FOLDER)
    {
        skip_because("%s is not there", model);
    }
    char *text = text_words(300, 2);
    file_make("words.txt", text);
    lobass_evaluate_options options = evaluate_options("full", list, 1);
    options.model = model;
    options.format.max_length = 64;
    check_ok(lobass_evaluate(&options, NULL, &result, &error), &error);
    assert_int_equal(result.total.n_bytes, strlen(text));
    lobass_evaluate_result_free(&result);
    free(text);
}

/* Sources in the order of the data, of one name too; all of them together; threads do not show. */
static void test_sources(void **state)
{
    const char *list[] = {place("a/text.txt"), place("b/text.txt")};
    lobass_error error = {0};
    lobass_evaluate_result both;
    lobass_evaluate_result one;
    (void)state;
    for (size_t i = 0; i < 2; i++)
    {
        char *text = text_words(400 + 300 * i, i);
        check_ok(lb_folder_create(place(i == 0 ? "a" : "b"), &error), &error);
        file_make(i == 0 ? "a/text.txt" : "b/text.txt", text);
        free(text);
    }
    lobass_evaluate_options options = evaluate_options("full", list, 2);
    check_ok(lobass_evaluate(&options, NULL, &both, &error), &error);
    assert_int_equal(both.n_sources, 2);
    assert_string_equal(both.sources[0].name, "text.txt");
    assert_string_equal(both.sources[1].name, "text.txt (2)");
    for (size_t i = 0; i < 2; i++)
    {
        options.data = list + i;
        options.n_data = 1;
        options.n_threads = 1 + (uint32_t)i;
        check_ok(lobass_evaluate(&options, NULL, &one, &error), &error);
        assert_true(one.total.sum_nll == both.sources[i].sum_nll);
        assert_int_equal(one.total.n_bytes, both.sources[i].n_bytes);
        assert_int_equal(one.total.n_scored_tokens, both.sources[i].n_scored_tokens);
        lobass_evaluate_result_free(&one);
    }
    assert_string_equal(both.total.name, "all");
    assert_int_equal(both.total.n_rows, 2);
    assert_int_equal(both.total.n_bytes, both.sources[0].n_bytes + both.sources[1].n_bytes);
    check_close(both.total.sum_nll, both.sources[0].sum_nll + both.sources[1].sum_nll);
    lobass_evaluate_result_free(&both);
}

/* Against the same rows measured: another path to the same losses. */
static void test_against_measure(void **state)
{
    const char *list[] = {place("data.jsonl")};
    lobass_error error = {0};
    lobass_evaluate_result result;
    lobass_measure_result measured;
    lobass_measure_options measure = lobass_measure_options_default();
    (void)state;
    records_make("data.jsonl", 40);
    run_prepare("data.jsonl", "measured");
    measure.run = place("measured");
    measure.model = place("model");
    measure.name = "initial";
    measure.dtype = LOBASS_DTYPE_FP32;
    check_ok(lobass_measure(&measure, NULL, &measured, &error), &error);
    lobass_evaluate_options options = evaluate_options("model", list, 1);
    options.format.max_length = lobass_format_options_default().max_length;
    check_ok(lobass_evaluate(&options, NULL, &result, &error), &error);
    assert_int_equal(result.total.n_scored_tokens, measured.n_scored_tokens);
    check_close(lobass_evaluation_loss(&result.total), measured.mean_loss);
    lobass_evaluate_result_free(&result);
}

/* Runs the evaluation of DATA, which must be refused, and leave nothing behind. */
static void check_evaluate_refused(const char *data, lobass_status expected, const char *word)
{
    const char *list[] = {place(data)};
    lobass_error error = {0};
    lobass_evaluate_result result;
    const lobass_evaluate_options options = evaluate_options("bare", list, 1);
    check_refused(lobass_evaluate(&options, NULL, &result, &error), expected, &error, data, word);
    assert_null(result.sources);
    lobass_evaluate_result_free(&result);
}

static void test_refusals(void **state)
{
    (void)state;
    check_ok(lb_folder_create(place("temporary"), NULL), &(lobass_error){0});
    assert_int_equal(setenv("TMPDIR", place("temporary"), 1), 0);
    file_make("empty.txt", "");
    file_make("blank.txt", "\n \n");
    file_make("one.txt", "a");
    file_make("bytes.txt", "one line\n\xC3(");
    check_evaluate_refused("missing.txt", LOBASS_NOT_FOUND, "");
    check_evaluate_refused("empty.txt", LOBASS_BAD_FORMAT, "no record");
    check_evaluate_refused("blank.txt", LOBASS_BAD_FORMAT, "no record");
    check_evaluate_refused("one.txt", LOBASS_BAD_ARGUMENT, "none of the 1 records can be scored");
    check_evaluate_refused("bytes.txt", LOBASS_BAD_FORMAT,
                           "none of the 1 records in the file can be read");
    assert_int_equal(scratch_count(place("temporary")), 0);
    assert_int_equal(setenv("TMPDIR", place("nowhere"), 1), 0);
    const char *list[] = {place("one.txt")};
    lobass_error error = {0};
    lobass_evaluate_result result;
    const lobass_evaluate_options options = evaluate_options("bare", list, 1);
    check_refused(lobass_evaluate(&options, NULL, &result, &error), LOBASS_NOT_FOUND, &error,
                  "nowhere/lobass-evaluate-", "create the folder");
    assert_int_equal(unsetenv("TMPDIR"), 0);
}

static bool cancel(void *context, const lobass_progress *progress)
{
    (void)progress;
    return --*(int *)context > 0;
}

static void test_cancelled_leaves_nothing(void **state)
{
    const char *list[] = {place("cancel.txt")};
    char *text = text_words(5000, 1);
    lobass_status status = LOBASS_CANCELLED;
    (void)state;
    check_ok(lb_folder_create(place("temporary"), NULL), &(lobass_error){0});
    assert_int_equal(setenv("TMPDIR", place("temporary"), 1), 0);
    file_make("cancel.txt", text);
    free(text);
    const lobass_evaluate_options options = evaluate_options("full", list, 1);
    for (int call = 1; status == LOBASS_CANCELLED; call++)
    {
        lobass_error error = {0};
        lobass_evaluate_result result;
        int n_left = call;
        const lobass_observer observer = {.context = &n_left, .progress = cancel};
        status = lobass_evaluate(&options, &observer, &result, &error);
        assert_int_equal(scratch_count(place("temporary")), 0);
        assert_true(status == LOBASS_OK ? call > 2 : result.sources == NULL);
        lobass_evaluate_result_free(&result);
    }
    assert_int_equal(status, LOBASS_OK);
    assert_int_equal(unsetenv("TMPDIR"), 0);
}

static int setup(void **state)
{
    return text_setup_as(state, "evaluate") == 0 ? (model_make_as("model", 7, 512), 0) : -1;
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_decoder), cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_examples),        may_skip(test_bytes_of_a_sentencepiece_tokenizer),
        cmocka_unit_test(test_sources),         cmocka_unit_test(test_against_measure),
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_cancelled_leaves_nothing),
    };
    return RUN_TESTS(tests, arguments, setup, scratch_teardown);
}

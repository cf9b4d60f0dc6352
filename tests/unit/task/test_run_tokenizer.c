/* SPDX-License-Identifier: Apache-2.0
 *
 * The law that a run has one tokenizer, as prepare and measure keep it: which files are the same
 * tokenizer, which are not, and which runs of earlier versions go on. And what prepare says of
 * special tokens' names in records.
 */
#include "unit/task/measure_fixture.h"

/* The model "stranger": its tokenizer.json has NOW for the first BEFORE. */
static void stranger_make(const char *before, const char *now)
{
    lobass_error error = {0};
    model_make_as("stranger", 7, 512);
    char *text = file_text(place("stranger/tokenizer.json"));
    const char *found = strstr(text, before);
    lb_buffer changed = {0};
    assert_non_null(found);
    check_ok(lb_buffer_print(&changed, &error, "%.*s%s%s", (int)(found - text), text, now,
                             found + strlen(before)),
             &error);
    file_make("stranger/tokenizer.json", changed.data);
    lb_buffer_free(&changed);
    free(text);
}

/* RUN knows its tokenizer, that of MODEL, as versions before this one did. */
static void record_earlier_hash(const char *run, const char *model)
{
    lobass_error error = {0};
    char hash[LB_HASH_TEXT_SIZE];
    lobass_tokenizer *tokenizer = NULL;
    lb_store *store = NULL;
    check_ok(lobass_tokenizer_load(&tokenizer, place(model), &error), &error);
    lb_hash_text(lb_tokenizer_file_hash(tokenizer), hash);
    lobass_tokenizer_free(tokenizer);
    check_ok(lb_store_open(&store, place(run), LB_STORE_WRITE, &error), &error);
    check_ok(lb_store_begin(store, &error), &error);
    check_ok(lb_store_fact_save(store, LB_FACT_TOKENIZER_HASH, hash, &error), &error);
    check_ok(lb_store_commit(store, &error), &error);
    lb_store_close(store);
}

/* As a trainer saves it; also for a run of an earlier version (the file's hash). */
static void test_same_tokenizer(void **state)
{
    static const char *const spellings[][2] = {
        {"\"truncation\": null", "\"truncation\": {\"direction\": \"Right\", \"max_length\": 64, "
                                 "\"strategy\": \"LongestFirst\", \"stride\": 0}"},
        {"\"padding\": null", "\"padding\" : {\"strategy\": {\"Fixed\": 64}, \"direction\": "
                              "\"Left\", \"pad_id\": 0, \"pad_token\": \"<|end|>\"}"},
        {"\"<|end|>\"", "\"\\u003c|end|>\""},
        {" \"normalizer\": null,\n", ""},
    };
    lobass_error error = {0};
    (void)state;
    records_make("same.jsonl", 3);
    (void)run_prepare("same.jsonl", "same");
    lobass_measure_options options =
        measure_options_as(place("same"), place("stranger"), "initial");
    options.overwrite = true;
    for (size_t i = 0; i < 2 * (sizeof spellings / sizeof *spellings); i++)
    {
        stranger_make(spellings[i / 2][0], spellings[i / 2][1]);
        assert_int_equal(measured(&options).n_rows_total, 3);
        if (i % 2 == 0 && i < 6) /* of the last one it is the form of today */
        {
            record_earlier_hash("same", "model");
        }
    }
    const char *data[] = {place("same.jsonl")};
    const lobass_prepare_options again = prepare_options(data, 1, place("same"));
    check_ok(lobass_prepare(&again, NULL, NULL, &error), &error);
}

/* One more token, which may change ids; another decoder, which may change texts. */
static void test_other_tokenizer(void **state)
{
    static const char *const changes[][3] = {
        {"\"added_tokens\": [\n", "\"added_tokens\": [{\"id\": 512, \"content\": \"[PAD]\"},",
         "their vocabularies differ: id 512 is \"[PAD]\", and was none; their added tokens differ"},
        {"\"decoder\": {\n  \"type\": \"ByteLevel\"", "\"decoder\": {\n  \"type\": \"Fuse\"",
         "their decoders differ"},
        {"\"special\": true", "\"special\": false", "their added tokens differ"},
    };
    lobass_error error = {0};
    (void)state;
    records_make("other.jsonl", 3);
    (void)run_prepare("other.jsonl", "other");
    const lobass_measure_options options =
        measure_options_as(place("other"), place("stranger"), "initial");
    const char *data[] = {place("other.jsonl")};
    lobass_prepare_options again = prepare_options(data, 1, place("other"));
    again.model = place("stranger");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
    {
        stranger_make(changes[i][0], changes[i][1]);
        check_refused(lobass_measure(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                      "stranger", changes[i][2]);
        check_refused(lobass_prepare(&again, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                      "stranger", changes[i][2]);
    }
}

/* Rows of an earlier version go on only where BOS is put before them today as it was then. */
static void test_earlier_rule(void **state)
{
    static const struct
    {
        const char *config;
        bool goes_on;
    } cases[] = {
        {"{\"tokenizer_class\": \"LlamaTokenizer\", \"bos_token\": \"<|end|>\"}", true},
        {"{\"tokenizer_class\": \"PreTrainedTokenizerFast\", \"bos_token\": \"<|end|>\"}", true},
        {"{\"tokenizer_class\": \"PreTrainedTokenizerFast\", \"bos_token\": \"<|end|>\", "
         "\"add_bos_token\": true}",
         false},
        {"{\"tokenizer_class\": \"CohereTokenizer\", \"bos_token\": \"<|end|>\"}", false},
    };
    lobass_error error = {0};
    (void)state;
    records_make("rule.jsonl", 3);
    model_make_as("ruled", 7, 512);
    const char *data[] = {place("rule.jsonl")};
    lobass_prepare_options options = prepare_options(data, 1, place("rule"));
    options.model = place("ruled");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
        file_make("ruled/tokenizer_config.json", cases[i].config);
        options.overwrite = true;
        check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
        options.overwrite = false;
        check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
        record_earlier_hash("rule", "ruled");
        const lobass_status status = lobass_prepare(&options, NULL, NULL, &error);
        if (cases[i].goes_on)
        {
            check_ok(status, &error);
            continue;
        }
        check_refused(status, LOBASS_CONFLICT, &error, "prepared by an earlier version",
                      "ruled puts BOS before a text; overwrite it (-f)");
    }
}

/* NAME: as many records of one word; every seventh has a special token's name in its text. */
static void names_make(const char *name, unsigned n_records)
{
    lb_buffer text = {0};
    lobass_error error = {0};
    for (unsigned i = 0; i < n_records; i++)
    {
        check_ok(lb_buffer_print(&text, &error,
                                 "{\"instruction\": \"Say %u\", \"output\": \"so%s\"}\n", i,
                                 i % 7 == 0 ? " <|end|> and <|end|>" : ""),
                 &error);
    }
    file_make(name, text.data);
    lb_buffer_free(&text);
}

/* Records with such names are counted once, also by a call that goes on or finds nothing to do. */
static void test_special_names(void **state)
{
    const uint64_t n_expected = (1300 + 6) / 7;
    lobass_prepare_result result;
    lobass_error error = {0};
    listener l = {.cancel_at = 1};
    const lobass_observer observer = listen(&l);
    (void)state;
    names_make("names.jsonl", 1300);
    assert_int_equal(run_prepare("names.jsonl", "names").notes[LOBASS_NOTE_SPECIAL_NAMES],
                     n_expected);
    const char *data[] = {place("names.jsonl")};
    const lobass_prepare_options options = prepare_options(data, 1, place("names-stopped"));
    check_refused(lobass_prepare(&options, &observer, NULL, &error), LOBASS_CANCELLED, &error,
                  "prepare", "512 records");
    for (unsigned i = 0; i < 2; i++)
    {
        l = (listener){0};
        check_ok(lobass_prepare(&options, &observer, &result, &error), &error);
        assert_int_equal(result.notes[LOBASS_NOTE_SPECIAL_NAMES], n_expected);
    }
    check_same_rows(place("names"), place("names-stopped"));
    records_make("nameless.jsonl", 5);
    assert_int_equal(run_prepare("nameless.jsonl", "nameless").notes[LOBASS_NOTE_SPECIAL_NAMES], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_tokenizer),
        cmocka_unit_test(test_other_tokenizer),
        cmocka_unit_test(test_earlier_rule),
        cmocka_unit_test(test_special_names),
    };
    return cmocka_run_group_tests(tests, run_setup, scratch_teardown);
}

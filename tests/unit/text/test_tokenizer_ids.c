/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokenizers against ids that others computed: small ones of our own (golden/tokenizers, made by
 * golden/make_references.py) and those of GPT-2, Llama 3, Mistral (../shared/data) against the
 * Hugging Face library, that of stories260K against its training data. Also with forced splits
 * everywhere, and in the joint mode.
 */
#include "format/format.h"
#include "run_tests.h"
#include "unit/text/tokenizer_maker.h"

#define DATA TEST_SOURCE_DIR "/../shared/data"
#define CASES TEST_SOURCE_DIR "/../shared/cases"
#define GOLDEN TEST_SOURCE_DIR "/tests/golden"
#define N_TEXTS 387
#define N_GOLDEN_TEXTS 230
#define N_STORIES 93

/* What the texts of a text's tokens are. */
typedef enum spelling
{
    BYTES,        /* the text */
    PIECES,       /* the text, but U+2581 comes back as a space */
    SPACED_PIECES /* the same, behind a space that the tokenizer puts before a text */
} spelling;

typedef void (*check_function)(const lobass_tokenizer *tokenizer, lb_encoder *encoder,
                               const json_t *row, spelling kind);

/* Calls CHECK for each line of FILE; returns their number. */
static size_t for_each_row(const char *tokenizer_path, const char *file, bool takes_special,
                           spelling kind, check_function check)
{
    lobass_tokenizer *tokenizer = NULL;
    lb_encoder *encoder = NULL;
    lb_record_reader *reader = NULL;
    lobass_error error = {LOBASS_OK, ""};
    lb_record record;
    bool has_record = true;
    size_t n_rows = 0;

    if (lobass_tokenizer_load(&tokenizer, tokenizer_path, &error) != LOBASS_OK)
    {
        fail_msg("%s", error.message);
    }
    assert_int_equal(lb_encoder_create(&encoder, tokenizer, takes_special, NULL), LOBASS_OK);
    assert_int_equal(lb_record_reader_open(&reader, file, NULL), LOBASS_OK);
    for (;;)
    {
        json_t *row = NULL;
        assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
        if (!has_record)
        {
            break;
        }
        assert_int_equal(lb_json_parse(&row, record.data, record.size, "row", NULL), LOBASS_OK);
        check(tokenizer, encoder, row, kind);
        json_decref(row);
        n_rows++;
    }
    lb_record_reader_close(reader);
    lb_encoder_free(encoder);
    lobass_tokenizer_free(tokenizer);
    return n_rows;
}

static void compare_ids(const lb_ids *ids, const json_t *expected, size_t skipped, size_t most,
                        const char *text)
{
    const size_t n_expected = json_array_size(expected) - skipped;

    if (ids->count != n_expected && (n_expected < most || ids->count < n_expected))
    {
        fail_msg("%zu ids instead of %zu: %.60s", ids->count, n_expected, text);
    }
    for (size_t i = 0; i < n_expected; i++)
    {
        if (ids->values[i] != json_integer_value(json_array_get(expected, i + skipped)))
        {
            fail_msg("another id at %zu: %.60s", i, text);
        }
    }
}

static void check_ids(const lobass_tokenizer *tokenizer, lb_encoder *encoder, const json_t *row,
                      spelling kind)
{
    const json_t *value = json_object_get(row, "text");
    const char *text = json_string_value(value);
    const size_t size = json_string_length(value);
    lb_ids ids = {0};
    char *decoded = NULL;
    size_t decoded_size = 0;

    assert_int_equal(lb_encoder_encode(encoder, &ids, text, size, NULL, 0, false, NULL, NULL),
                     LOBASS_OK);
    compare_ids(&ids, json_object_get(row, "ids"), 0, SIZE_MAX, text);
    assert_int_equal(
        lobass_tokenizer_decode(&decoded, &decoded_size, tokenizer, ids.values, ids.count, NULL),
        LOBASS_OK);
    const json_t *other = json_object_get(row, "decoded");
    if (other != NULL)
    {
        assert_int_equal(decoded_size, json_string_length(other));
        assert_memory_equal(decoded, json_string_value(other), decoded_size);
    }
    else if (kind == BYTES || strstr(text, SPACE_MARK) == NULL)
    {
        assert_int_equal(decoded_size, size);
        assert_memory_equal(decoded, text, size);
    }
    free(decoded);
    lb_ids_free(&ids);
}

/* Each code point on its own: no token straddles, and there is at most one dummy space. */
static void check_splits(const lobass_tokenizer *tokenizer, lb_encoder *encoder, const json_t *row,
                         spelling kind)
{
    const json_t *value = json_object_get(row, "text");
    const char *text = json_string_value(value);
    const size_t size = json_string_length(value);
    size_t *splits = malloc((size + 1) * sizeof *splits);
    size_t *n_before = malloc((size + 1) * sizeof *n_before);
    size_t n_splits = 0;
    lb_ids ids = {0};

    if (json_object_get(row, "decoded") != NULL)
    {
        free(splits);
        free(n_before);
        return; /* the pieces' texts are not the text */
    }
    assert_non_null(splits);
    assert_non_null(n_before);
    for (size_t at = 0; at < size; at += lb_utf8_length(text + at))
    {
        splits[n_splits++] = at;
    }
    assert_int_equal(
        lb_encoder_encode(encoder, &ids, text, size, splits, n_splits, false, n_before, NULL),
        LOBASS_OK);
    for (size_t i = 0; i < n_splits; i++)
    {
        const size_t from = n_before[i];
        const size_t to = i + 1 < n_splits ? n_before[i + 1] : ids.count;
        const size_t end = i + 1 < n_splits ? splits[i + 1] : size;
        lb_buffer bytes = {0};
        assert_true(to > from);
        for (size_t j = from; j < to; j++)
        {
            char *piece = NULL;
            size_t piece_size = 0;
            assert_int_equal(
                lobass_tokenizer_piece_text(&piece, &piece_size, tokenizer, ids.values[j], NULL),
                LOBASS_OK);
            assert_int_equal(lb_buffer_append(&bytes, piece, piece_size, NULL), LOBASS_OK);
            free(piece);
        }
        const size_t dummy = i == 0 && kind == SPACED_PIECES ? 1 : 0;
        if (strncmp(text + splits[i], SPACE_MARK, 3) != 0 || kind == BYTES)
        {
            assert_int_equal(bytes.size, end - splits[i] + dummy);
            assert_memory_equal(bytes.data + dummy, text + splits[i], bytes.size - dummy);
        }
        lb_buffer_free(&bytes);
    }
    free(splits);
    free(n_before);
    lb_ids_free(&ids);
}

/* The joint mode gives the ids of the whole, and each edge is where its tokens' texts end. */
static void check_joint(const lobass_tokenizer *tokenizer, lb_encoder *encoder, const json_t *row,
                        spelling kind)
{
    const json_t *value = json_object_get(row, "text");
    const char *text = json_string_value(value);
    const size_t size = json_string_length(value);
    size_t edges[] = {0, size / 3, size};
    size_t n_before[3];
    size_t ends_at = 0;
    size_t n_expected = 0;
    lb_ids ids = {0};

    while (edges[1] > 0 && ((unsigned char)text[edges[1]] & 0xC0U) == 0x80U)
    {
        edges[1]--;
    }
    assert_int_equal(lb_encoder_encode(encoder, &ids, text, size, edges, 3, true, n_before, NULL),
                     LOBASS_OK);
    compare_ids(&ids, json_object_get(row, "ids"), 0, SIZE_MAX, text);
    assert_int_equal(n_before[2], ids.count);
    const bool is_kept =
        strstr(text, SPACE_MARK) == NULL && json_object_get(row, "decoded") == NULL;
    for (size_t i = 0; i < ids.count && is_kept; i++)
    {
        char *piece = NULL;
        size_t piece_size = 0;
        assert_int_equal(
            lobass_tokenizer_piece_text(&piece, &piece_size, tokenizer, ids.values[i], NULL),
            LOBASS_OK);
        ends_at += piece_size - (i == 0 && kind == SPACED_PIECES && piece[0] == ' ' ? 1 : 0);
        free(piece);
        n_expected += ends_at <= edges[1] ? 1 : 0;
    }
    if (is_kept)
    {
        assert_int_equal(n_before[1], n_expected);
    }
    lb_ids_free(&ids);
}

static void check_story(const lobass_tokenizer *tokenizer, lb_encoder *encoder, const json_t *row,
                        spelling kind)
{
    const json_t *value = json_object_get(row, "text");
    const json_t *expected = json_object_get(row, "ids");
    lb_ids ids = {0};

    (void)kind;
    assert_int_equal(lb_encoder_encode(encoder, &ids, json_string_value(value),
                                       json_string_length(value), NULL, 0, false, NULL, NULL),
                     LOBASS_OK);
    assert_int_equal(json_integer_value(json_array_get(expected, 0)),
                     lb_tokenizer_special_ids(tokenizer).bos);
    compare_ids(&ids, expected, 1, 511, json_string_value(value));
    lb_ids_free(&ids);
}

static bool is_missing(const char *path)
{
    return lb_path_look(path) == LB_PATH_MISSING;
}

/* Ids, forced splits, edges of the joint mode. */
static void check_all(const char *parent, const char *name, size_t n_texts, spelling kind)
{
    char folder[512];
    char file[600];
    static const check_function checks[] = {check_ids, check_splits, check_joint};

    (void)snprintf(folder, sizeof folder, "%s/tokenizers/%s", parent, name);
    (void)snprintf(file, sizeof file, "%s/expected_ids.jsonl", folder);
    if (is_missing(file))
    {
        skip_because("%s is not there", file);
    }
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
    {
        assert_int_equal(for_each_row(folder, file, true, kind, checks[i]), n_texts);
    }
}

static void gpt2(void **state)
{
    (void)state;
    check_all(DATA, "gpt2", N_TEXTS, BYTES);
}

static void llama3(void **state)
{
    (void)state;
    check_all(DATA, "llama3", N_TEXTS, BYTES);
}

static void mistral(void **state)
{
    (void)state;
    check_all(DATA, "mistral-v0.1", N_TEXTS, SPACED_PIECES);
}

static void golden(void **state)
{
    (void)state;
    static const struct
    {
        const char *name;
        spelling kind;
    } families[] = {
        {"bytes", BYTES},        {"bytes_nfc", BYTES},      {"cohere", BYTES},
        {"deepseek", BYTES},     {"deepseek_v3", BYTES},    {"falcon", BYTES},
        {"gemma", PIECES},       {"gpt2", BYTES},           {"o200k", BYTES},
        {"phi3", SPACED_PIECES}, {"pieces", SPACED_PIECES}, {"pieces_nfkc", SPACED_PIECES},
        {"qwen3_5", BYTES},      {"starcoder", BYTES},      {"tekken", BYTES},
    };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
    {
        print_message("%s\n", families[i].name); /* a failure does not name it */
        check_all(GOLDEN, families[i].name, N_GOLDEN_TEXTS, families[i].kind);
    }
}

static void stories260k(void **state)
{
    (void)state;
    static const char file[] = DATA "/models/stories260K_losses.jsonl";

    if (is_missing(file))
    {
        skip_because("%s is not there", file);
    }
    assert_int_equal(
        for_each_row(DATA "/models/stories260K", file, false, SPACED_PIECES, check_story),
        N_STORIES);
}

static void special_ids(void **state)
{
    (void)state;
    static const struct
    {
        const char *folder;
        lb_special_ids expected;
    } cases[] = {
        {DATA "/tokenizers/gpt2", {.bos = -1, .eos = -1}},
        {DATA "/tokenizers/llama3", {128000, 128001, .has_chat_template = true}},
        {DATA "/tokenizers/mistral-v0.1", {1, 2, .n_prefix = 1, .prefix = {1}}},
        {DATA "/models/stories260K", {1, 2, .n_prefix = 1, .prefix = {1}}},
        {CASES "/bos_flag_generic_class/model", {1, 2, .n_prefix = 1, .prefix = {1}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    {
        lobass_tokenizer *tokenizer = NULL;
        if (is_missing(cases[i].folder))
        {
            skip_because("%s is not there", cases[i].folder);
        }
        assert_int_equal(lobass_tokenizer_load(&tokenizer, cases[i].folder, NULL), LOBASS_OK);
        const lb_special_ids found = lb_tokenizer_special_ids(tokenizer);
        assert_int_equal(found.bos, cases[i].expected.bos);
        assert_int_equal(found.eos, cases[i].expected.eos);
        assert_int_equal(found.n_prefix, cases[i].expected.n_prefix);
        assert_int_equal(found.prefix[0], cases[i].expected.prefix[0]);
        assert_int_equal(found.adds_eos, cases[i].expected.adds_eos);
        assert_int_equal(found.has_chat_template, cases[i].expected.has_chat_template);
        lobass_tokenizer_free(tokenizer);
    }
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden), may_skip(gpt2),        may_skip(llama3),
        may_skip(mistral),        may_skip(stories260k), may_skip(special_ids),
    };
    return RUN_TESTS(tests, arguments, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Forced splits, the joint mode and what an encoder refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/format.h"
#include "unit/text/tokenizer_maker.h"

#define S SPACE_MARK
#define GB "\xC4\xA0"
#define E_ACUTE "\xC3\xA9"

static const tokenizer_spec llama = {
    .alphabet = ALPHABET_FALLBACK,
    .merges = "b " S "," S " a,a b," S "a b",
    .normalizer =
        "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Prepend\", \"prepend\": \"" S
        "\"}, {\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"" S "\"}]}",
    .added = "{\"id\": 2, \"content\": \"</s>\", \"single_word\": false, \"lstrip\": false, "
             "\"rstrip\": false, \"normalized\": false, \"special\": true}",
    .options = ", \"unk_token\": \"<unk>\", \"byte_fallback\": true"};

static const tokenizer_spec bytes = {.alphabet = ALPHABET_BYTES,
                                     .merges = GB " a," GB "a b,\xC3\x83 \xC2\xA9,a b",
                                     .pre_tokenizer =
                                         "{\"type\": \"ByteLevel\", \"add_prefix_space\": false}",
                                     .decoder = "{\"type\": \"ByteLevel\"}"};

static const tokenizer_spec first = {.alphabet = ALPHABET_FALLBACK,
                                     .merges = S " a",
                                     .pre_tokenizer =
                                         "{\"type\": \"Metaspace\", \"replacement\": \"" S
                                         "\", \"prepend_scheme\": \"always\", \"split\": true}"};

static const tokenizer_spec composed = {
    .alphabet = ALPHABET_LETTERS,
    .merges = "a b,A b,f i,fi x",
    .normalizer = "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFKD\"}, {\"type\": "
                  "\"Replace\", \"pattern\": {\"Regex\": \"\\\\p{Mn}\"}, \"content\": \"\"}]}",
    .options = ", \"unk_token\": \"<unk>\""};

typedef struct split_case
{
    const tokenizer_spec *spec;
    const char *text;
    size_t splits[4], n_splits;
    bool is_joint;
    const char *pieces;
    size_t n_before[4];
} split_case;

static const split_case split_cases[] = {
    {&bytes, "ab ab", {2, 3}, 2, false, "ab|" GB "|ab", {1, 2}},
    {&bytes, "ab ab", {2, 3}, 2, true, "ab|" GB "ab", {1, 1}},
    {&bytes, "ab ab", {0, 5}, 2, false, "ab|" GB "ab", {0, 2}},
    {&bytes, "ab", {1, 1, 1}, 3, false, "a|b", {1, 1, 1}},
    {&bytes, "a" E_ACUTE "b", {1, 3}, 2, true, "a|\xC3\x83\xC2\xA9|b", {1, 2}},
    /* The dummy space stands once, before the very beginning. */
    {&llama, "abab", {2}, 1, false, S "ab|ab", {1}},
    {&llama, "ab ab", {2}, 1, false, S "ab|" S "ab", {1}},
    {&llama, "ab ab", {0, 3}, 2, false, S "a|b" S "|ab", {0, 2}},
    {&llama, "ab ab", {0, 3}, 2, true, S "a|b" S "|ab", {0, 2}},
    {&llama, "ab ab", {2}, 1, true, S "a|b" S "|ab", {1}},
    {&llama, E_ACUTE "a", {2}, 1, true, S "|<0xC3>|<0xA9>|a", {3}},
    {&llama, "a</s>a", {1, 5}, 2, false, S "a|</s>|" S "a", {1, 2}},
    {&llama, "a</s>a", {1, 5}, 2, true, S "a|</s>|" S "a", {1, 2}},
    {&llama, "a</s>", {3}, 1, false, S "a|<|<0x2F>|s|>", {3}}, /* it would straddle the edge */
    {&first, "aa a", {1}, 1, false, S "a|a|" S "a", {1}},
    {&first, "aa a", {1}, 1, true, S "a|a|" S "a", {1}},
    /* A ligature of 3 bytes becomes 2, an accent disappears. */
    {&composed,
     "\xEF\xAC\x81x\xC3\x81"
     "b",
     {3, 4, 6},
     3,
     true,
     "fix|Ab",
     {0, 1, 1}},
    {&composed,
     "\xEF\xAC\x81x\xC3\x81"
     "b",
     {3, 4, 6},
     3,
     false,
     "fi|x|A|b",
     {1, 2, 3}},
};

static void forces_splits_or_counts_them(void **state)
{
    (void)state;
    lb_buffer pieces = {0};

    for (size_t i = 0; i < sizeof split_cases / sizeof split_cases[0]; i++)
    {
        const split_case *c = &split_cases[i];
        lobass_tokenizer *tokenizer = maker_load(c->spec, "splits");
        lb_encoder *encoder = NULL;
        lb_ids ids = {0};
        size_t n_before[4] = {99, 99, 99, 99};
        assert_int_equal(lb_encoder_create(&encoder, tokenizer, true, NULL), LOBASS_OK);
        assert_int_equal(lb_ids_append(&ids, 1, NULL), LOBASS_OK); /* stays, and is not counted */
        assert_int_equal(lb_encoder_encode(encoder, &ids, c->text, strlen(c->text), c->splits,
                                           c->n_splits, c->is_joint, n_before, NULL),
                         LOBASS_OK);
        pieces_of(tokenizer, ids.values + 1, ids.count - 1, &pieces);
        if (strcmp(pieces.data, c->pieces) != 0)
        {
            fail_msg("case %zu: \"%s\" instead of \"%s\"", i, pieces.data, c->pieces);
        }
        assert_int_equal(ids.values[0], 1);
        for (size_t j = 0; j < c->n_splits; j++)
        {
            if (n_before[j] != c->n_before[j])
            {
                fail_msg("case %zu: %zu tokens before edge %zu", i, n_before[j], j);
            }
        }
        lb_ids_free(&ids);
        lb_encoder_free(encoder);
        lobass_tokenizer_free(tokenizer);
    }
    lb_buffer_free(&pieces);
}

typedef struct refusal
{
    const char *text;
    size_t size, splits[2], n_splits;
    lobass_status status;
    const char *place;
} refusal;

static void refuses_what_is_no_text(void **state)
{
    (void)state;
    static const refusal refusals[] = {
        {"ab\x80", 3, {0, 0}, 0, LOBASS_BAD_FORMAT, "byte 2"},
        {"\xC3", 1, {0, 0}, 0, LOBASS_BAD_FORMAT, "byte 0"},
        {"aaaaaaaaa\xED\xA0\x80", 12, {0, 0}, 0, LOBASS_BAD_FORMAT, "byte 9"}, /* a surrogate */
        {"\xC0\x80", 2, {0, 0}, 0, LOBASS_BAD_FORMAT, "byte 0"},
        {"\xF4\x90\x80\x80", 4, {0, 0}, 0, LOBASS_BAD_FORMAT, "byte 0"},
        {"abc", 3, {2, 1}, 2, LOBASS_BAD_ARGUMENT, "split 1 at byte 1"},
        {"abc", 3, {4, 0}, 1, LOBASS_BAD_ARGUMENT, "split 0 at byte 4"},
        {E_ACUTE, 2, {1, 0}, 1, LOBASS_BAD_ARGUMENT, "split 0 at byte 1"},
    };
    lobass_tokenizer *tokenizer = maker_load(&bytes, "refusals");
    lb_encoder *encoder = NULL;
    lb_ids ids = {0};

    assert_int_equal(lb_encoder_create(&encoder, tokenizer, true, NULL), LOBASS_OK);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
    {
        const refusal *r = &refusals[i];
        lobass_error error = {LOBASS_OK, ""};
        size_t n_before[2];
        assert_int_equal(lb_encoder_encode(encoder, &ids, r->text, r->size, r->splits, r->n_splits,
                                           i % 2 == 1, n_before, &error),
                         r->status);
        assert_non_null(strstr(error.message, r->place));
        assert_int_equal(ids.count, 0);
    }
    assert_int_equal(lb_encoder_encode(encoder, &ids, NULL, 0, NULL, 0, false, NULL, NULL),
                     LOBASS_OK);
    assert_int_equal(lb_encoder_encode(encoder, &ids, "a\0b", 3, NULL, 0, false, NULL, NULL),
                     LOBASS_OK); /* a NUL is a character */
    assert_int_equal(ids.count, 3);
    lb_ids_free(&ids);
    lb_encoder_free(encoder);
    lobass_tokenizer_free(tokenizer);
}

/* With takes_special false a special token's name is text; an added token that is not special stays
 * one token. */
static void spells_special_tokens_out(void **state)
{
    (void)state;
    const tokenizer_spec spec = {
        .alphabet = ALPHABET_LETTERS,
        .added = "{\"id\": 77, \"content\": \"ab\", \"special\": true, \"normalized\": false},"
                 "{\"id\": 78, \"content\": \"ba\", \"special\": false, \"normalized\": false}"};
    lobass_tokenizer *tokenizer = maker_load(&spec, "special");
    static const size_t n_expected[] = {4, 3}; /* a b c ba; ab c ba */
    for (int takes_special = 0; takes_special < 2; takes_special++)
    {
        lb_encoder *encoder = NULL;
        lb_ids ids = {0};
        assert_int_equal(lb_encoder_create(&encoder, tokenizer, takes_special != 0, NULL),
                         LOBASS_OK);
        assert_int_equal(lb_encoder_encode(encoder, &ids, "abcba", 5, NULL, 0, false, NULL, NULL),
                         LOBASS_OK);
        assert_int_equal(ids.count, n_expected[takes_special]);
        assert_int_equal(ids.values[ids.count - 1], 78);
        assert_int_equal(ids.values[0] == 77, takes_special != 0);
        lb_ids_free(&ids);
        lb_encoder_free(encoder);
    }
    lobass_tokenizer_free(tokenizer);
}

/* A missing unknown token is an error only when it is needed, as in the library. */
static void asks_for_the_unknown_token_when_needed(void **state)
{
    (void)state;
    const tokenizer_spec spec = {.alphabet = ALPHABET_LETTERS,
                                 .options = ", \"unk_token\": \"[UNK]\""};
    lobass_tokenizer *tokenizer = maker_load(&spec, "no_unknown");
    lobass_error error = {LOBASS_OK, ""};
    int32_t *ids = NULL;
    size_t n_ids = 0;

    assert_int_equal(lobass_tokenizer_encode(&ids, &n_ids, tokenizer, "ab", 2, &error), LOBASS_OK);
    free(ids);
    assert_int_equal(lobass_tokenizer_encode(&ids, &n_ids, tokenizer, "a\tb", 3, &error),
                     LOBASS_BAD_FORMAT);
    assert_non_null(strstr(error.message, "unk_token \"[UNK]\""));
    assert_null(ids);
    lobass_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forces_splits_or_counts_them),
        cmocka_unit_test(refuses_what_is_no_text),
        cmocka_unit_test(spells_special_tokens_out),
        cmocka_unit_test(asks_for_the_unknown_token_when_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

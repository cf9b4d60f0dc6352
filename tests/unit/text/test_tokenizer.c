/* SPDX-License-Identifier: Apache-2.0
 *
 * Encoding and decoding with small tokenizers of both families: a table of parts, a text, the
 * pieces that the Hugging Face library (0.23) makes of it, and the text that it decodes them to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/format.h"
#include "unit/text/tokenizer_maker.h"

#define BYTE_LEVEL                                                                    \
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, " \
    "\"use_regex\": true}"
#define BYTE_LEVEL_SPACE                                                             \
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": true, " \
    "\"use_regex\": true}"
#define BYTE_LEVEL_PLAIN                                                              \
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, " \
    "\"use_regex\": false}"
#define REPLACE(from, to) \
    "{\"type\": \"Replace\", \"pattern\": {\"String\": \"" from "\"}, \"content\": \"" to "\"}"
#define LLAMA_NORMALIZER                                                               \
    "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Prepend\", \"prepend\": " \
    "\"" SPACE_MARK "\"}, " REPLACE(" ", SPACE_MARK) "]}"
#define LLAMA_DECODER                                                             \
    "{\"type\": \"Sequence\", \"decoders\": [" REPLACE(                           \
        SPACE_MARK, " ") ", {\"type\": \"ByteFallback\"}, {\"type\": \"Fuse\"}, " \
                         "{\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}]}"
#define METASPACE(scheme, split)                                                                   \
    "{\"type\": \"Metaspace\", \"replacement\": \"" SPACE_MARK "\", \"prepend_scheme\": \"" scheme \
    "\", \"split\": " split "}"
#define SPLIT(pattern, behavior, invert)                                        \
    "{\"type\": \"Split\", \"pattern\": " pattern ", \"behavior\": \"" behavior \
    "\", \"invert\": " invert "}"
#define SEQUENCE(list, members) "{\"type\": \"Sequence\", \"" list "\": [" members "]}"
#define ADDED(id, content, single, left, right, normalized)                      \
    "{\"id\": " #id ", \"content\": \"" content "\", \"single_word\": " single   \
    ", \"lstrip\": " left ", \"rstrip\": " right ", \"normalized\": " normalized \
    ", \"special\": false}"
#define FALLBACK ", \"unk_token\": \"<unk>\", \"byte_fallback\": true, \"fuse_unk\": true"
#define UNKNOWN ", \"unk_token\": \"<unk>\", \"byte_fallback\": false, \"fuse_unk\": false"
#define FUSED ", \"unk_token\": \"<unk>\", \"byte_fallback\": false, \"fuse_unk\": true"
#define GB "\xC4\xA0" /* GPT-2's space */
#define S SPACE_MARK
#define E_ACUTE "\xC3\xA9" /* one code point */
#define ACUTE "\xCC\x81"   /* combining */
#define N_BYTES 259        /* ids before the merges of ALPHABET_BYTES */
#define FIRST_LETTERS 77   /* the same of ALPHABET_LETTERS */

typedef struct encode_case
{
    const char *name;
    tokenizer_spec spec;
    const char *text, *pieces, *decoded;
} encode_case;

static const encode_case cases[] = {
    {"byte_level",
     {ALPHABET_BYTES, "h e,l l,he ll,hell o," GB " w," GB "w o", NULL, BYTE_LEVEL, NULL, BYTE_LEVEL,
      NULL, NULL, NULL, false},
     "hello world  he'll",
     "hello|" GB "wo|r|l|d|" GB "|" GB "|he|'|ll",
     "hello world  he'll"},
    {"byte_level_pairs",
     {ALPHABET_BYTES, "h e,l l,he ll", NULL, BYTE_LEVEL, NULL, BYTE_LEVEL, NULL, NULL, NULL, true},
     "hell",
     "hell",
     "hell"},
    {"byte_level_utf8",
     {ALPHABET_BYTES, "\xC3\x83 \xC2\xA9", NULL, BYTE_LEVEL, NULL, BYTE_LEVEL, NULL, NULL, NULL,
      false},
     E_ACUTE "\xC3\xA8",
     "\xC3\x83\xC2\xA9|\xC3\x83|\xC2\xA8",
     E_ACUTE "\xC3\xA8"},
    {"byte_level_prefix",
     {ALPHABET_BYTES, GB " a", NULL, BYTE_LEVEL_SPACE, NULL, BYTE_LEVEL,
      ADDED(260, "<x>", "false", "false", "false", "false"), NULL, NULL, false},
     "ab<x>a<x> a",
     GB "a|b|<x>|" GB "a|<x>|" GB "a",
     " ab<x> a<x> a"},
    {"rank_and_position", /* the lowest rank first, then the leftmost */
     {ALPHABET_BYTES, "b c,a b,a a", NULL, BYTE_LEVEL, NULL, BYTE_LEVEL, NULL, NULL, NULL, false},
     "abc aaa",
     "a|bc|" GB "|aa|a",
     "abc aaa"},
    {"ignore_merges", /* a whole word of the vocabulary is taken as it is */
     {ALPHABET_BYTES, "b c,a b,ab c", NULL, BYTE_LEVEL, NULL, BYTE_LEVEL, NULL,
      ", \"ignore_merges\": true", NULL, false},
     "abc abcd",
     "abc|" GB "|a|bc|d",
     "abc abcd"},
    {"llama3_style",
     {ALPHABET_BYTES, "1 2,12 3," GB " a,' S", NULL,
      SEQUENCE(
          "pretokenizers",
          SPLIT("{\"Regex\": \"(?i:'s|'t)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}|"
                "\\\\s+(?!\\\\S)|\\\\s+\"}",
                "Isolated", "false") ", " BYTE_LEVEL_PLAIN),
      NULL, BYTE_LEVEL, NULL, NULL, NULL, false},
     "12345'S  ab",
     "123|4|5|'S|" GB "|" GB "a|b",
     "12345'S  ab"},
    {"llama",
     {ALPHABET_FALLBACK, S " t,h e," S "t he," S " " S, LLAMA_NORMALIZER, NULL, NULL, LLAMA_DECODER,
      NULL, FALLBACK, NULL, false},
     "the the  the\n",
     S "the|" S "the|" S "|" S "the|\n",
     "the the  the\n"},
    {"llama_bytes",
     {ALPHABET_FALLBACK, NULL, LLAMA_NORMALIZER, NULL, NULL, LLAMA_DECODER, NULL, FALLBACK, NULL,
      false},
     "a" E_ACUTE "\t",
     S "|a|<0xC3>|<0xA9>|<0x09>",
     "a" E_ACUTE "\t"},
    {"llama_added", /* the dummy space stands behind every added token */
     {ALPHABET_FALLBACK, S " a", LLAMA_NORMALIZER, NULL, NULL, LLAMA_DECODER,
      ADDED(2, "</s>", "false", "false", "false", "false"), FALLBACK, NULL, false},
     "a</s>a</s></s> a",
     S "a|</s>|" S "a|</s>|</s>|" S "|" S "a",
     "a</s> a</s></s>  a"},
    {"empty",
     {ALPHABET_FALLBACK, NULL, LLAMA_NORMALIZER, NULL, NULL, LLAMA_DECODER, NULL, FALLBACK, NULL,
      false},
     "",
     "",
     ""},
    {"some_bytes", /* a byte is missing: unknown, and behind it what is spelled in bytes */
     {ALPHABET_SOME_BYTES, NULL, NULL, NULL, NULL, LLAMA_DECODER, NULL, FALLBACK, NULL, false},
     E_ACUTE "\t" E_ACUTE "a",
     "<0x09>|<unk>|a",
     "\t<unk>a"},
    {"unknown",
     {ALPHABET_LETTERS, NULL, NULL, NULL, NULL, NULL, NULL, UNKNOWN, NULL, false},
     "a\t\tb",
     "a|<unk>|<unk>|b",
     "a <unk> <unk> b"},
    {"unknown_fused",
     {ALPHABET_LETTERS, NULL, NULL, NULL, NULL, SEQUENCE("decoders", ""), NULL, FUSED, NULL, false},
     "a\t\tb\t",
     "a|<unk>|b|<unk>",
     "a<unk>b<unk>"},
    {"unknown_dropped",
     {ALPHABET_LETTERS, "a b", NULL, NULL, NULL, SEQUENCE("decoders", ""), NULL, NULL, NULL, false},
     "a\tb",
     "ab",
     "ab"},
    {"metaspace_first",
     {ALPHABET_LETTERS, S " a," S "a b", NULL, METASPACE("first", "true"), NULL,
      METASPACE("first", "true"), ADDED(79, "<x>", "false", "false", "false", "false"), UNKNOWN,
      NULL, false},
     "ab ab<x>ab",
     S "ab|" S "ab|<x>|a|b",
     "ab ab<x>ab"},
    {"metaspace_always",
     {ALPHABET_LETTERS, S " a," S "a b", NULL, METASPACE("always", "true"), NULL,
      METASPACE("always", "true"), ADDED(79, "<x>", "false", "false", "false", "false"), UNKNOWN,
      NULL, false},
     " ab  ab<x>ab",
     S "ab|" S "|" S "ab|<x>|" S "ab",
     "ab  ab<x> ab"},
    {"metaspace_whole",
     {ALPHABET_LETTERS, "b " S, NULL, METASPACE("never", "false"), NULL,
      METASPACE("never", "false"), NULL, UNKNOWN, NULL, false},
     "ab a",
     "a|b" S "|a",
     "ab a"},
    {"added_words",
     {ALPHABET_LETTERS, NULL, NULL, NULL, NULL, SEQUENCE("decoders", ""),
      ADDED(77, "ab", "true", "false", "false",
            "false") ", " ADDED(78, "<m>", "false", "true", "true",
                                "false") ", " ADDED(79, "abc", "false", "false", "false", "false"),
      UNKNOWN, NULL, false},
     "ab, xab abcd  <m>\t c<m>",
     "ab|,| |x|a|b| |abc|d|<m>|c|<m>",
     "ab, xab abcd<m>c<m>"},
    {"added_overlap", /* white space that was taken already is found once more */
     {ALPHABET_LETTERS, NULL, NULL, NULL, NULL, SEQUENCE("decoders", ""),
      ADDED(77, "<m>", "false", "false", "true", "false") ", " ADDED(78, "  ", "false", "false",
                                                                     "false", "false"),
      UNKNOWN, NULL, false},
     "<m>   a",
     "<m>|  | |a",
     "<m>   a"},
    {"added_normalized",
     {ALPHABET_LETTERS, NULL, "{\"type\": \"Lowercase\"}", NULL, NULL, SEQUENCE("decoders", ""),
      ADDED(77, "YES", "false", "false", "false", "true") ", " ADDED(78, "NO", "false", "false",
                                                                     "false", "false"),
      UNKNOWN, NULL, false},
     "yEs NO no",
     "YES| |NO| |n|o",
     "yes NO no"},
    {"forms",
     {ALPHABET_LETTERS, NULL,
      SEQUENCE("normalizers",
               "{\"type\": \"NFD\"}, {\"type\": \"Replace\", \"pattern\": "
               "{\"Regex\": \"\\\\p{Mn}\"}, \"content\": \"\"}, {\"type\": \"Strip\", "
               "\"strip_left\": true, \"strip_right\": true}"),
      NULL, NULL, SEQUENCE("decoders", ""), NULL, UNKNOWN, NULL, false},
     " \xE3\x80\x80" E_ACUTE "e" ACUTE "\xC3\x85 \n",
     "e|e|A",
     "eeA"},
    {"composed", /* marks and jamo of combining class 0 */
     {ALPHABET_FALLBACK, NULL, "{\"type\": \"NFC\"}", NULL, NULL, LLAMA_DECODER, NULL, FALLBACK,
      NULL, false},
     "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB\xE0\xAD\x87\xE0\xAC\xBE",
     "<0xED>|<0x95>|<0x9C>|<0xE0>|<0xAD>|<0x8B>",
     "\xED\x95\x9C\xE0\xAD\x8B"},
    {"compatibility",
     {ALPHABET_LETTERS, NULL, "{\"type\": \"NFKC\"}", NULL, NULL, SEQUENCE("decoders", ""), NULL,
      UNKNOWN, NULL, false},
     "\xEF\xAC\x81\xE2\x85\xA7\xEF\xBC\xA1",
     "f|i|V|I|I|I|A",
     "fiVIIIA"},
    {"digits",
     {ALPHABET_LETTERS, "1 2,a 1", NULL, "{\"type\": \"Digits\", \"individual_digits\": true}",
      NULL, SEQUENCE("decoders", ""), NULL, UNKNOWN, NULL, false},
     "a12",
     "a|1|2",
     "a12"},
    {"digits_together",
     {ALPHABET_LETTERS, "1 2,a 1", NULL, "{\"type\": \"Digits\", \"individual_digits\": false}",
      NULL, SEQUENCE("decoders", ""), NULL, UNKNOWN, NULL, false},
     "a12",
     "a|12",
     "a12"},
    {"whitespace",
     {ALPHABET_LETTERS, "a b,b !", NULL, "{\"type\": \"Whitespace\"}", NULL,
      SEQUENCE("decoders", ""), NULL, UNKNOWN, NULL, false},
     " ab ab! a_b",
     "ab|ab|!|a|_|b",
     "abab!a_b"},
    {"whitespace_split",
     {ALPHABET_LETTERS, "a b,ab !", NULL, "{\"type\": \"WhitespaceSplit\"}", NULL,
      SEQUENCE("decoders", ""), NULL, UNKNOWN, NULL, false},
     " ab\t\nab! ",
     "ab|ab!",
     "abab!"},
    {"punctuation",
     {ALPHABET_LETTERS, "a !,! !", NULL,
      "{\"type\": \"Punctuation\", \"behavior\": \"Contiguous\"}", NULL, SEQUENCE("decoders", ""),
      NULL, UNKNOWN, NULL, false},
     "a!!a",
     "a|!!|a",
     "a!!a"},
    {"split_previous",
     {ALPHABET_LETTERS, "a .,. b", NULL,
      SPLIT("{\"String\": \".\"}", "MergedWithPrevious", "false"), NULL, SEQUENCE("decoders", ""),
      NULL, UNKNOWN, NULL, false},
     "a.b..b",
     "a.|b|.|.|b",
     "a.b..b"},
    {"split_next",
     {ALPHABET_LETTERS, "a .,. b", NULL, SPLIT("{\"String\": \".\"}", "MergedWithNext", "false"),
      NULL, SEQUENCE("decoders", ""), NULL, UNKNOWN, NULL, false},
     "a.b..b",
     "a|.b|.|.b",
     "a.b..b"},
    {"split_inverted",
     {ALPHABET_LETTERS, "a b", NULL, SPLIT("{\"Regex\": \"[a-z]+\"}", "Removed", "true"), NULL,
      SEQUENCE("decoders", ""), NULL, UNKNOWN, NULL, false},
     "1ab.ab",
     "ab|ab",
     "abab"},
};

static void encodes_as_the_library(void **state)
{
    (void)state;
    lb_buffer pieces = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    {
        const encode_case *c = &cases[i];
        lobass_tokenizer *tokenizer = maker_load(&c->spec, c->name);
        int32_t *ids = NULL;
        char *text = NULL;
        size_t n_ids = 0;
        size_t size = 0;
        assert_int_equal(
            lobass_tokenizer_encode(&ids, &n_ids, tokenizer, c->text, strlen(c->text), NULL),
            LOBASS_OK);
        pieces_of(tokenizer, ids, n_ids, &pieces);
        if (strcmp(pieces.data, c->pieces) != 0)
        {
            fail_msg("%s: \"%s\" instead of \"%s\"", c->name, pieces.data, c->pieces);
        }
        assert_int_equal(lobass_tokenizer_decode(&text, &size, tokenizer, ids, n_ids, NULL),
                         LOBASS_OK);
        if (size != strlen(text) || strcmp(text, c->decoded) != 0)
        {
            fail_msg("%s: decoded to \"%s\" instead of \"%s\"", c->name, text, c->decoded);
        }
        free(ids);
        free(text);
        lobass_tokenizer_free(tokenizer);
    }
    lb_buffer_free(&pieces);
}

/* Bytes that are no text, pieces on their own, ids outside. */
static void decodes_single_pieces(void **state)
{
    (void)state;
    static const int32_t broken[] = {3 + 0xC3};
    lobass_error error = {LOBASS_OK, ""};
    char *text = NULL;
    size_t size = 0;

    lobass_tokenizer *bytes = maker_load(&cases[0].spec, cases[0].name);
    assert_int_equal(lobass_tokenizer_count(bytes), N_BYTES + 6);
    assert_int_equal(lobass_tokenizer_decode(&text, &size, bytes, broken, 1, NULL), LOBASS_OK);
    assert_string_equal(text, "\xEF\xBF\xBD");
    free(text);
    assert_int_equal(lobass_tokenizer_piece_text(&text, &size, bytes, 3 + 0xC3, NULL), LOBASS_OK);
    assert_int_equal(size, 1);
    assert_memory_equal(text, "\xC3", 2);
    free(text);
    assert_int_equal(lobass_tokenizer_piece_text(&text, &size, bytes, N_BYTES + 5, NULL),
                     LOBASS_OK);
    assert_string_equal(text, " wo");
    free(text);
    assert_null(lobass_tokenizer_piece(bytes, -1));
    assert_null(lobass_tokenizer_piece(bytes, N_BYTES + 6));
    const int32_t outside[] = {5, N_BYTES + 6};
    assert_int_equal(lobass_tokenizer_decode(&text, &size, bytes, outside, 2, &error),
                     LOBASS_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "token 1: id 265"));
    lobass_tokenizer_free(bytes);

    tokenizer_spec spec = {.alphabet = ALPHABET_FALLBACK,
                           .merges = S " a",
                           .normalizer = LLAMA_NORMALIZER,
                           .decoder = LLAMA_DECODER,
                           .options = FALLBACK};
    lobass_tokenizer *llama = maker_load(&spec, "pieces");
    assert_int_equal(lobass_tokenizer_piece_text(&text, &size, llama, FIRST_LETTERS + 256, NULL),
                     LOBASS_OK);
    assert_string_equal(text, " a");
    free(text);
    assert_int_equal(lobass_tokenizer_piece_text(&text, &size, llama, FIRST_LETTERS + 0xE9, NULL),
                     LOBASS_OK);
    assert_memory_equal(text, "\xE9", 2);
    free(text);
    const int32_t half[] = {FIRST_LETTERS + 0xC3, FIRST_LETTERS + 'a'};
    assert_int_equal(lobass_tokenizer_decode(&text, &size, llama, half, 2, NULL), LOBASS_OK);
    assert_string_equal(text, "\xEF\xBF\xBD\xEF\xBF\xBD"); /* one for each byte of the run */
    free(text);
    lobass_tokenizer_free(llama);
}

/* One word of 4 MB: merging that is not O(n log n) would take hours. */
static void encodes_a_huge_word(void **state)
{
    (void)state;
    const size_t size = (size_t)4 << 20;
    tokenizer_spec spec = {.alphabet = ALPHABET_LETTERS,
                           .merges = "a a,aa aa,aaaa aaaa,b a,a b,b b,ab ba",
                           .options = UNKNOWN};
    lobass_tokenizer *tokenizer = maker_load(&spec, "huge");
    char *text = malloc(size);
    int32_t *ids = NULL;
    size_t n_ids = 0;

    assert_non_null(text);
    memset(text, 'a', size);
    assert_int_equal(lobass_tokenizer_encode(&ids, &n_ids, tokenizer, text, size, NULL), LOBASS_OK);
    assert_int_equal(n_ids, size / 8);
    assert_string_equal(lobass_tokenizer_piece(tokenizer, ids[n_ids - 1]), "aaaaaaaa");
    free(ids);
    free(text);
    lobass_tokenizer_free(tokenizer);
}

/* More words than a cache holds, several times over, give what a fresh encoder gives. */
static void forgets_nothing_that_matters(void **state)
{
    (void)state;
    lobass_tokenizer *tokenizer = maker_load(&cases[0].spec, cases[0].name);
    lb_encoder *encoder = NULL;
    lb_ids ids = {0};
    char word[32];

    assert_int_equal(lb_encoder_create(&encoder, tokenizer, true, NULL), LOBASS_OK);
    for (unsigned i = 0; i < 300000; i++)
    {
        const int size = snprintf(word, sizeof word, " w%u", i % 150000);
        ids.count = 0;
        assert_int_equal(
            lb_encoder_encode(encoder, &ids, word, (size_t)size, NULL, 0, false, NULL, NULL),
            LOBASS_OK);
        assert_int_equal(ids.count, (size_t)size - 1); /* " w" and each digit */
        assert_int_equal(ids.values[ids.count - 1], 3 + word[size - 1]);
    }
    lb_ids_free(&ids);
    lb_encoder_free(encoder);
    lobass_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_as_the_library),
        cmocka_unit_test(decodes_single_pieces),
        cmocka_unit_test(encodes_a_huge_word),
        cmocka_unit_test(forgets_nothing_that_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

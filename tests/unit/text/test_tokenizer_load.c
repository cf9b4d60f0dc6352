/* SPDX-License-Identifier: Apache-2.0
 *
 * What is not supported or not right in a tokenizer.json is refused, with its status and its place;
 * and the rules for BOS and EOS, from the post-processor and from tokenizer_config.json.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/format.h"
#include "unit/text/tokenizer_maker.h"

#define FILE_OF(parts) "{\"version\": \"1.0\", " parts "}"
#define MODEL(members) "\"model\": {\"type\": \"BPE\", " members "}"
#define SMALL "\"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2}, \"merges\": [\"a b\"]"
#define WITH(part) FILE_OF(part ", " MODEL(SMALL))

typedef struct bad_case
{
    const char *json;
    lobass_status status;
    const char *place; /* in the message */
} bad_case;

static const bad_case bad_cases[] = {
    {"", LOBASS_BAD_FORMAT, "byte 0"},
    {"{\"version\": ", LOBASS_BAD_FORMAT, "byte 12"},
    {"[]", LOBASS_BAD_FORMAT, "expected an object, found an array"},
    {"{\"version\": \"2.0\"}", LOBASS_UNSUPPORTED, "field \"version\""},
    {FILE_OF("\"model\": null"), LOBASS_BAD_FORMAT, "field \"model\""},
    {FILE_OF("\"model\": {\"type\": \"Unigram\", \"vocab\": []}"), LOBASS_UNSUPPORTED,
     "model \"Unigram\" is not supported"},
    {FILE_OF("\"model\": {\"type\": \"WordPiece\", \"vocab\": {}}"), LOBASS_UNSUPPORTED,
     "model \"WordPiece\""},
    {FILE_OF(MODEL(SMALL ", \"dropout\": 0.1")), LOBASS_UNSUPPORTED, "\"dropout\""},
    {FILE_OF(MODEL(SMALL ", \"continuing_subword_prefix\": \"##\"")), LOBASS_UNSUPPORTED,
     "\"continuing_subword_prefix\""},
    {FILE_OF(MODEL(SMALL ", \"end_of_word_suffix\": \"</w>\"")), LOBASS_UNSUPPORTED,
     "\"end_of_word_suffix\""},
    {FILE_OF(MODEL(SMALL ", \"byte_fallback\": 1")), LOBASS_BAD_FORMAT, "\"byte_fallback\""},
    {FILE_OF(MODEL("\"vocab\": [], \"merges\": []")), LOBASS_BAD_FORMAT, "\"vocab\""},
    {FILE_OF(MODEL("\"vocab\": {\"a\": -1}, \"merges\": []")), LOBASS_BAD_FORMAT, "\"a\""},
    {FILE_OF(MODEL("\"vocab\": {\"a\": 16777216}, \"merges\": []")), LOBASS_BAD_FORMAT, "\"a\""},
    {FILE_OF(MODEL("\"vocab\": {\"a\": \"0\"}, \"merges\": []")), LOBASS_BAD_FORMAT, "a string"},
    {FILE_OF(MODEL("\"vocab\": {\"a\": 100000}, \"merges\": []")), LOBASS_BAD_FORMAT, "holes"},
    {FILE_OF(MODEL("\"vocab\": {\"a\": 0, \"b\": 0}, \"merges\": []")), LOBASS_BAD_FORMAT,
     "id 0 belongs to"},
    {FILE_OF(MODEL("\"vocab\": {\"a\": 0}, \"merges\": {}")), LOBASS_BAD_FORMAT, "\"merges\""},
    {FILE_OF(MODEL("\"vocab\": {\"a\": 0}, \"merges\": [\"a  a\"]")), LOBASS_BAD_FORMAT,
     "merges: number 0"},
    {FILE_OF(MODEL("\"vocab\": {\"a\": 0}, \"merges\": [[\"a\"]]")), LOBASS_BAD_FORMAT,
     "merges: number 0"},
    {FILE_OF(MODEL("\"vocab\": {\"a\": 0}, \"merges\": [\"a x\"]")), LOBASS_BAD_FORMAT,
     "not in the vocabulary: \"x\""},
    {FILE_OF(MODEL("\"vocab\": {\"a\": 0}, \"merges\": [\"a a\"]")), LOBASS_BAD_FORMAT,
     "result is not in the vocabulary: \"aa\""},
    {WITH("\"normalizer\": {\"type\": \"Nmt\"}"), LOBASS_UNSUPPORTED,
     "normalizer \"Nmt\" is not supported; supported are Sequence, Prepend"},
    {WITH("\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": "
          "\"BertNormalizer\"}]}"),
     LOBASS_UNSUPPORTED, "normalizer \"BertNormalizer\""},
    {WITH("\"normalizer\": \"NFC\""), LOBASS_BAD_FORMAT, "field \"normalizer\""},
    {WITH("\"normalizer\": {\"type\": \"Replace\", \"pattern\": \"x\", \"content\": \"\"}"),
     LOBASS_BAD_FORMAT, "\"pattern\""},
    {WITH("\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"String\": \"\"}, \"content\": "
          "\"x\"}"),
     LOBASS_UNSUPPORTED, "empty"},
    {WITH("\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(a)\"}, \"content\": "
          "\"$1\"}"),
     LOBASS_UNSUPPORTED, "\"content\""},
    {WITH("\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}"), LOBASS_UNSUPPORTED,
     "pre_tokenizer \"BertPreTokenizer\" is not supported"},
    {WITH("\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": {}}"), LOBASS_BAD_FORMAT,
     "\"pretokenizers\""},
    {WITH("\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"ab\"}"),
     LOBASS_BAD_FORMAT, "\"replacement\""},
    {WITH("\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"_\", "
          "\"prepend_scheme\": \"often\"}"),
     LOBASS_UNSUPPORTED, "\"often\""},
    {WITH("\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"a(b\"}, "
          "\"behavior\": \"Isolated\", \"invert\": false}"),
     LOBASS_UNSUPPORTED, "\"Split\": pattern, byte 4"},
    {WITH("\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"String\": \"a\"}, "
          "\"behavior\": \"Sometimes\", \"invert\": false}"),
     LOBASS_UNSUPPORTED, "\"Sometimes\""},
    {WITH("\"decoder\": {\"type\": \"WordPiece\"}"), LOBASS_UNSUPPORTED,
     "decoder \"WordPiece\" is not supported"},
    {WITH("\"post_processor\": {\"type\": \"RobertaProcessing\"}"), LOBASS_UNSUPPORTED,
     "post_processor \"RobertaProcessing\""},
    {WITH("\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": []}"),
     LOBASS_BAD_FORMAT, "\"single\""},
    {WITH("\"added_tokens\": {}"), LOBASS_BAD_FORMAT, "\"added_tokens\""},
    {WITH("\"added_tokens\": [1]"), LOBASS_BAD_FORMAT, "added_tokens: number 0"},
    {WITH("\"added_tokens\": [{\"id\": 3, \"content\": \"\"}]"), LOBASS_BAD_FORMAT,
     "added_tokens: number 0: field \"content\""},
    {WITH("\"added_tokens\": [{\"id\": 1, \"content\": \"a\"}]"), LOBASS_BAD_FORMAT,
     "\"a\" has id 1; expected 0"},
    {WITH("\"added_tokens\": [{\"id\": 5, \"content\": \"x\"}]"), LOBASS_BAD_FORMAT,
     "\"x\" has id 5; expected 3"},
    {WITH("\"added_tokens\": [{\"id\": 3, \"content\": \"x\"}, {\"id\": 4, \"content\": \"x\"}]"),
     LOBASS_UNSUPPORTED, "two are the same"},
    {WITH("\"normalizer\": {\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": true}, "
          "\"added_tokens\": [{\"id\": 3, \"content\": \" \"}]"),
     LOBASS_UNSUPPORTED, "nothing is left"},
};

static void refuses_by_place(void **state)
{
    (void)state;
    static const char path[] = MAKER_FOLDER "/bad.json";

    assert_int_equal(lb_folder_create(MAKER_FOLDER, NULL), LOBASS_OK);
    for (size_t i = 0; i < sizeof bad_cases / sizeof bad_cases[0]; i++)
    {
        const bad_case *c = &bad_cases[i];
        lobass_tokenizer *tokenizer = NULL;
        lobass_error error = {LOBASS_OK, ""};
        assert_int_equal(lb_file_write(path, c->json, strlen(c->json), true, NULL), LOBASS_OK);
        const lobass_status status = lobass_tokenizer_load(&tokenizer, path, &error);
        if (status != c->status || error.status != status ||
            strstr(error.message, c->place) == NULL ||
            strncmp(error.message, path, strlen(path)) != 0)
        {
            fail_msg("%s\ngave %d, \"%s\"", c->json, (int)status, error.message);
        }
        assert_null(tokenizer);
    }
}

static void names_a_missing_file(void **state)
{
    (void)state;
    lobass_tokenizer *tokenizer = NULL;
    lobass_error error = {LOBASS_OK, ""};

    assert_int_equal(lobass_tokenizer_load(&tokenizer, MAKER_FOLDER "/none", &error),
                     LOBASS_NOT_FOUND);
    assert_non_null(strstr(error.message, MAKER_FOLDER "/none"));
    assert_int_equal(lb_folder_create(MAKER_FOLDER "/hollow", NULL), LOBASS_OK);
    assert_int_equal(lobass_tokenizer_load(&tokenizer, MAKER_FOLDER "/hollow", &error),
                     LOBASS_NOT_FOUND);
    assert_non_null(strstr(error.message, "/hollow/tokenizer.json"));
    lobass_tokenizer_free(NULL);
}

/* ---- BOS and EOS
 * ---------------------------------------------------------------------------------------- */

#define SPECIAL(name) "{\"SpecialToken\": {\"id\": \"" name "\", \"type_id\": 0}}"
#define TEXT_A "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}"
#define TEMPLATE(single)                                                                     \
    "{\"type\": \"TemplateProcessing\", \"single\": [" single "], \"pair\": [], "            \
    "\"special_tokens\": {\"<s>\": {\"id\": \"<s>\", \"ids\": [1], \"tokens\": [\"<s>\"]}, " \
    "\"</s>\": {\"id\": \"</s>\", \"ids\": [2], \"tokens\": [\"</s>\"]}}}"
#define TEMPLATE_BOS TEMPLATE(SPECIAL("<s>") ", " TEXT_A)
#define TEMPLATE_TWO                                                                               \
    "{\"type\": \"TemplateProcessing\", \"single\": [" SPECIAL("<unk>") ", " SPECIAL(              \
        "<s>") ", " TEXT_A                                                                         \
               "], \"pair\": [], \"special_tokens\": {\"<s>\": {\"id\": \"<s>\", \"ids\": [1], "   \
               "\"tokens\": [\"<s>\"]}, \"<unk>\": {\"id\": \"<unk>\", \"ids\": [0], \"tokens\": " \
               "[\"<unk>\"]}}}"
#define TEMPLATE_BOTH TEMPLATE(SPECIAL("<s>") ", " TEXT_A ", " SPECIAL("</s>"))
#define BYTES_ONLY "{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": false}"
#define NAMES "\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\", \"lstrip\": false}"

typedef struct ends_case
{
    const char *name, *post_processor, *config;
    lb_special_ids expected;
} ends_case;

#define CLASS(name) "\"tokenizer_class\": \"" name "\""
#define NO_BOS "\"add_bos_token\": false"
#define BOS "\"add_bos_token\": true"
#define ADDED(before) .n_prefix = 1, .prefix = {before}

/* What AutoTokenizer of transformers 4 makes of such files. */
static const ends_case ends_cases[] = {
    {"ends_none", NULL, NULL, {.bos = -1, .eos = -1}},
    {"ends_template", TEMPLATE_BOS, NULL, {1, -1, ADDED(1)}},
    {"ends_both", TEMPLATE_BOTH, NULL, {1, 2, ADDED(1), .adds_eos = true}},
    {"ends_sequence",
     "{\"type\": \"Sequence\", \"processors\": [" BYTES_ONLY ", " TEMPLATE_BOS "]}",
     NULL,
     {1, -1, ADDED(1)}},
    {"ends_config",
     BYTES_ONLY,
     "{" NAMES ", \"model_max_length\": 1000000000000000019884624838656}",
     {.bos = 1, .eos = 2}},
    {"ends_config_and_template",
     TEMPLATE_BOS,
     "{" NAMES ", \"chat_template\": \"x\"}",
     {1, 2, ADDED(1), .has_chat_template = true}},
    {"ends_flag_off", TEMPLATE_BOS, "{" NAMES ", " NO_BOS "}", {1, 2, .has_other_prefix = true}},
    {"ends_flag_on",
     NULL,
     "{" NAMES ", " BOS ", \"add_eos_token\": true}",
     {1, 2, ADDED(1), .adds_eos = true, .has_other_prefix = true}},
    {"ends_llama_default",
     NULL,
     "{" NAMES ", " CLASS("LlamaTokenizer") "}",
     {1, 2, ADDED(1), .has_other_prefix = true}},
    {"ends_llama_template",
     TEMPLATE_BOTH,
     "{" NAMES ", " CLASS("LlamaTokenizerFast") "}",
     {1, 2, ADDED(1)}},
    {"ends_llama_off",
     TEMPLATE_BOS,
     "{" NAMES ", " CLASS("LlamaTokenizer") ", " NO_BOS "}",
     {1, 2, .has_other_prefix = true}},
    {"ends_null",
     NULL,
     "{\"bos_token\": null, \"eos_token\": \"</s>\", " BOS ", \"chat_template\": null}",
     {.bos = -1, .eos = 2}},
    /* A class that makes no post-processor of its own pays the flags no heed. */
    {"ends_generic_off",
     TEMPLATE_BOS,
     "{" NAMES ", " CLASS("PreTrainedTokenizerFast") ", " NO_BOS "}",
     {1, 2, ADDED(1)}},
    {"ends_generic_on",
     NULL,
     "{" NAMES ", " CLASS("PreTrainedTokenizerFast") ", " BOS ", \"add_eos_token\": true}",
     {.bos = 1, .eos = 2}},
    {"ends_qwen_on",
     BYTES_ONLY,
     "{" NAMES ", " CLASS("Qwen2TokenizerFast") ", " BOS "}",
     {.bos = 1, .eos = 2}},
    {"ends_version_5_off",
     TEMPLATE_BOTH,
     "{" NAMES ", " CLASS("TokenizersBackend") ", " NO_BOS ", \"add_eos_token\": false}",
     {1, 2, ADDED(1), .adds_eos = true}},
    {"ends_cohere",
     NULL,
     "{" NAMES ", " CLASS("CohereTokenizerFast") "}",
     {1, 2, ADDED(1), .has_other_prefix = true}},
    {"ends_neox",
     TEMPLATE_BOS,
     "{" NAMES ", " CLASS("GPTNeoXTokenizer") "}",
     {1, 2, .has_other_prefix = true}},
    {"ends_gemma_eos",
     TEMPLATE_BOS,
     "{" NAMES ", " CLASS("GemmaTokenizer") ", \"add_eos_token\": true}",
     {1, 2, ADDED(1), .adds_eos = true}},
    /* Two tokens before a text, as GLM has it. */
    {"ends_two",
     TEMPLATE_TWO,
     "{" CLASS("PreTrainedTokenizerFast") ", \"eos_token\": \"</s>\", \"bos_token\": null}",
     {1, 2, .n_prefix = 2, .prefix = {0, 1}}},
    {"ends_two_alone", TEMPLATE_TWO, NULL, {1, -1, .n_prefix = 2, .prefix = {0, 1}}},
    {"ends_other_bos", TEMPLATE_BOS, "{\"bos_token\": \"</s>\"}", {2, -1, ADDED(1)}},
};

static void finds_the_ends_of_a_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ends_cases / sizeof ends_cases[0]; i++)
    {
        const ends_case *c = &ends_cases[i];
        const lb_special_ids *expected = &c->expected;
        const tokenizer_spec spec = {
            .alphabet = ALPHABET_LETTERS, .post_processor = c->post_processor, .config = c->config};
        lobass_tokenizer *tokenizer = maker_load(&spec, c->name);
        const lb_special_ids found = lb_tokenizer_special_ids(tokenizer);
        if (found.bos != expected->bos || found.eos != expected->eos ||
            found.n_prefix != expected->n_prefix || found.adds_eos != expected->adds_eos ||
            found.has_chat_template != expected->has_chat_template ||
            found.has_other_prefix != expected->has_other_prefix ||
            memcmp(found.prefix, expected->prefix, found.n_prefix * sizeof *found.prefix) != 0)
        {
            fail_msg("%s: %d %d, %zu: %d, %d %d %d", c->name, found.bos, found.eos, found.n_prefix,
                     found.prefix[0], found.adds_eos, found.has_chat_template,
                     found.has_other_prefix);
        }
        lobass_tokenizer_free(tokenizer);
    }
}

static void refuses_ends_that_it_cannot_add(void **state)
{
    (void)state;
    static const struct
    {
        const char *post_processor, *config, *place;
        lobass_status status;
    } cases[] = {
        {TEMPLATE(SPECIAL("<s>") ", " SPECIAL("<s>") ", " SPECIAL("<s>") ", " SPECIAL(
             "<s>") ", " SPECIAL("<s>") ", " TEXT_A),
         NULL, "more than 4 special tokens", LOBASS_UNSUPPORTED},
        {TEMPLATE(SPECIAL("<x>") ", " TEXT_A), NULL, "special token \"<x>\"", LOBASS_BAD_FORMAT},
        {TEMPLATE(TEXT_A ", " SPECIAL("<s>")), "{\"eos_token\": \"</s>\"}",
         "adds \"<s>\" behind a text", LOBASS_UNSUPPORTED},
        {NULL, "{\"bos_token\": \"<bos>\"}", "tokenizer_config.json: field \"bos_token\"",
         LOBASS_BAD_FORMAT},
        {NULL, "{\"eos_token\": 2}", "tokenizer_config.json: field \"eos_token\"",
         LOBASS_BAD_FORMAT},
        {NULL, "{\"add_bos_token\": \"yes\"}", "tokenizer_config.json: field \"add_bos_token\"",
         LOBASS_BAD_FORMAT},
        {NULL, "[", "tokenizer_config.json: byte 1", LOBASS_BAD_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    {
        const tokenizer_spec spec = {.alphabet = ALPHABET_LETTERS,
                                     .post_processor = cases[i].post_processor,
                                     .config = cases[i].config};
        lobass_tokenizer *tokenizer = NULL;
        lobass_error error = {LOBASS_OK, ""};
        char folder[512];
        maker_write(&spec, "bad_ends", folder);
        assert_int_equal(lobass_tokenizer_load(&tokenizer, folder, &error), cases[i].status);
        if (strstr(error.message, cases[i].place) == NULL)
        {
            fail_msg("\"%s\" without \"%s\"", error.message, cases[i].place);
        }
    }
}

/* ---- identity ----------------------------------------------------------------------------------
 */

#define SPLITTING(behavior)                                                                        \
    "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\": {\"Regex\": " \
    "\"[0-9]\"}, \"behavior\": \"" behavior "\", \"invert\": false}]}"

typedef struct identity_case
{
    tokenizer_spec spec;
    const char *difference; /* from the first; NULL: it is the same */
} identity_case;

/* What is the same and what is not: the first of them, said otherwise. */
static const identity_case identity_cases[] = {
    {{.merges = "a b,ab c", .pre_tokenizer = SPLITTING("Isolated"), .config = "{" NAMES "}"}, NULL},
    {{.merges = "a b,ab c",
      .pre_tokenizer = SPLITTING("Isolated"),
      .config = "{" NAMES "}",
      .writes_pairs = true},
     NULL},
    {{.merges = "a b,ab c",
      .pre_tokenizer = "{\"behavior\": \"Isolated\", \"type\": \"Split\", "
                       "\"pattern\":{\"Regex\":\"\\u005b0-9]\"}}",
      .config = "{\"padding_side\": \"left\", " NAMES "}"},
     NULL},
    {{.merges = "a b,ab c",
      .pre_tokenizer = SPLITTING("Isolated"),
      .options = ", \"fuse_unk\": false, \"ignore_merges\": false",
      .config = "{" NAMES ", \"add_eos_token\": false}"},
     NULL},
    {{.merges = "a b,ab c", .pre_tokenizer = SPLITTING("Removed"), .config = "{" NAMES "}"},
     "their pre-tokenizers differ"},
    {{.merges = "ab c,a b", .pre_tokenizer = SPLITTING("Isolated"), .config = "{" NAMES "}"},
     "their vocabularies differ: id 77 is \"abc\", and was \"ab\"; their merges differ"},
    {{.merges = "a b,b c,ab c", .pre_tokenizer = SPLITTING("Isolated"), .config = "{" NAMES "}"},
     "their vocabularies differ: id 78 is \"bc\", and was \"abc\"; their merges differ"},
    {{.merges = "a b,ab c",
      .pre_tokenizer = SPLITTING("Isolated"),
      .options = ", \"fuse_unk\": true",
      .config = "{" NAMES "}"},
     "their options of the model differ"},
    {{.merges = "a b,ab c",
      .pre_tokenizer = SPLITTING("Isolated"),
      .normalizer = "{\"type\": \"NFC\"}",
      .config = "{" NAMES "}"},
     "their normalizers differ"},
    {{.merges = "a b,ab c",
      .pre_tokenizer = SPLITTING("Isolated"),
      .decoder = "{\"type\": \"Fuse\"}",
      .config = "{" NAMES "}"},
     "their decoders differ"},
    {{.merges = "a b,ab c", .pre_tokenizer = SPLITTING("Isolated"), .config = "{}"},
     "their added tokens differ; their tokens at the ends of a text"},
    {{.merges = "a b,ab c",
      .pre_tokenizer = SPLITTING("Isolated"),
      .config = "{" NAMES ", " BOS "}"},
     "their tokens at the ends of a text"},
    {{.merges = "a b,ab c",
      .pre_tokenizer = SPLITTING("Isolated"),
      .config = "{" NAMES ", \"added_tokens_decoder\": {\"1\": {\"content\": \"<s>\", \"rstrip\": "
                "true, \"special\": true}}}"},
     "their added tokens differ"},
};

static void is_known_by_what_was_read(void **state)
{
    (void)state;
    lobass_tokenizer *first = NULL;
    lb_buffer difference = {0};
    for (size_t i = 0; i < sizeof identity_cases / sizeof *identity_cases; i++)
    {
        const identity_case *c = &identity_cases[i];
        tokenizer_spec spec = c->spec;
        lobass_tokenizer *tokenizer = NULL;
        lobass_error error = {LOBASS_OK, ""};
        char folder[512];
        spec.alphabet = ALPHABET_LETTERS;
        maker_write(&spec, "identity", folder);
        if (lobass_tokenizer_load(&tokenizer, folder, &error) != LOBASS_OK)
        {
            fail_msg("%zu: %s", i, error.message);
        }
        first = first == NULL ? tokenizer : first;
        assert_int_equal(lb_tokenizer_compare(&difference, tokenizer, first, NULL), LOBASS_OK);
        const bool is_same = lb_hash_equal(lb_tokenizer_hash(tokenizer), lb_tokenizer_hash(first));
        const char *found = difference.size == 0 ? "" : difference.data;
        if (is_same != (c->difference == NULL) ||
            strncmp(found, is_same ? "" : c->difference, is_same ? 1 : strlen(c->difference)) != 0)
        {
            fail_msg("%zu: %d, \"%s\"", i, is_same, found);
        }
        if (tokenizer != first)
        {
            lobass_tokenizer_free(tokenizer);
        }
    }
    lb_buffer_free(&difference);
    lobass_tokenizer_free(first);
}

static void hashes_the_file_too(void **state)
{
    (void)state;
    tokenizer_spec spec = {.alphabet = ALPHABET_LETTERS};
    lb_hash hashes[4];

    for (size_t i = 0; i < 4; i++)
    {
        spec.config = i == 2 ? "{\"bos_token\": \"<s>\"}" : NULL;
        spec.options = i == 3 ? " " : NULL;
        lobass_tokenizer *tokenizer = maker_load(&spec, "hash");
        hashes[i] = lb_tokenizer_file_hash(tokenizer);
        lobass_tokenizer_free(tokenizer);
    }
    assert_true(lb_hash_equal(hashes[0], hashes[1]));
    assert_false(lb_hash_equal(hashes[0], hashes[2]));
    assert_false(lb_hash_equal(hashes[0], hashes[3]));
}

/* ---- what the configuration says of tokens -----------------------------------------------------
 */

#define BYTE_LEVEL(prefix) \
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": " prefix ", \"use_regex\": true}"
#define IN_SEQUENCE(step) "{\"type\": \"Sequence\", \"pretokenizers\": [" step "]}"
#define METASPACE                                                                                  \
    "{\"type\": \"Metaspace\", \"replacement\": \"_\", \"prepend_scheme\": \"first\", \"split\": " \
    "false}"
#define DECODER(members) "{\"added_tokens_decoder\": {" members "}}"
#define X_TOKEN(flags) "{\"content\": \"<x>\", \"special\": true" flags "}"

typedef struct config_case
{
    alphabet alphabet;
    const char *pre_tokenizer, *config;
    const char *text, *pieces; /* or, without a text, what the refusal says */
} config_case;

static const config_case config_cases[] = {
    {ALPHABET_BYTES, BYTE_LEVEL("false"), NULL, "ab", "a|b"},
    {ALPHABET_BYTES, BYTE_LEVEL("false"), "{\"add_prefix_space\": true}", "ab", "\xC4\xA0|a|b"},
    {ALPHABET_BYTES, BYTE_LEVEL("true"), "{\"add_prefix_space\": false}", "ab", "a|b"},
    {ALPHABET_BYTES, BYTE_LEVEL("true"), "{}", "ab", "\xC4\xA0|a|b"},
    {ALPHABET_BYTES, BYTE_LEVEL("true"), "{" CLASS("GPT2Tokenizer") "}", "ab", "a|b"},
    {ALPHABET_BYTES, IN_SEQUENCE(BYTE_LEVEL("true")), "{\"add_prefix_space\": true}", "ab",
     "\xC4\xA0|a|b"},
    {ALPHABET_BYTES, IN_SEQUENCE(BYTE_LEVEL("false")),
     "{" CLASS("PreTrainedTokenizerFast") ", \"add_prefix_space\": true}", "ab", "a|b"},
    {ALPHABET_BYTES, IN_SEQUENCE(BYTE_LEVEL("false")),
     "{" CLASS("CohereTokenizer") ", \"add_prefix_space\": true}", NULL,
     "\"add_prefix_space\": it is true, but tokenizer.json puts no space"},
    {ALPHABET_LETTERS, METASPACE, "{" CLASS("LlamaTokenizer") ", \"add_prefix_space\": true}", "ab",
     "_|a|b"},
    {ALPHABET_LETTERS, METASPACE, "{" CLASS("LlamaTokenizer") ", \"add_prefix_space\": null}", "ab",
     "_|a|b"},
    {ALPHABET_LETTERS, METASPACE, "{" CLASS("LlamaTokenizerFast") ", \"add_prefix_space\": false}",
     NULL, "\"add_prefix_space\": it is false, but tokenizer.json puts a space"},
    {ALPHABET_BYTES, BYTE_LEVEL("false"), "{\"add_prefix_space\": 1}", NULL,
     "\"add_prefix_space\": expected true or false"},
    /* Tokens that only the configuration has. */
    {ALPHABET_LETTERS, NULL, DECODER("\"77\": " X_TOKEN("")), "a<x> b", "a|<x>| |b"},
    {ALPHABET_LETTERS, NULL, DECODER("\"78\": {\"content\": \"<y>\"}, \"77\": " X_TOKEN("")),
     "<y><x>", "<y>|<x>"},
    {ALPHABET_LETTERS, NULL, DECODER("\"77\": " X_TOKEN(", \"rstrip\": true")), "a<x> b",
     "a|<x>|b"},
    {ALPHABET_LETTERS, NULL, DECODER("\"80\": " X_TOKEN("")), NULL,
     "\"<x>\" has id 80; expected 77"},
    {ALPHABET_LETTERS, NULL, DECODER("\"7x\": " X_TOKEN("")), NULL,
     "added_tokens_decoder: \"7x\": expected an id"},
    {ALPHABET_LETTERS, NULL, DECODER("\"77\": 1"), NULL,
     "added_tokens_decoder: \"77\": expected an object"},
    {ALPHABET_LETTERS, NULL, "{\"added_tokens_decoder\": [" X_TOKEN("") "]}", NULL,
     "\"added_tokens_decoder\": expected an object, found an array"},
    {ALPHABET_LETTERS, NULL, "{\"additional_special_tokens\": \"<s>\"}", NULL,
     "\"additional_special_tokens\": expected an array or an object, found a string"},
    {ALPHABET_LETTERS, NULL,
     "{\"added_tokens_decoder\": null, \"additional_special_tokens\": null}", "a", "a"},
    /* A piece of the vocabulary that is named as a special token is one. */
    {ALPHABET_LETTERS, NULL, NULL, "a</s>", "a|<|<unk>|s|>"},
    {ALPHABET_LETTERS, NULL, "{\"eos_token\": \"</s>\"}", "a</s>", "a|</s>"},
    {ALPHABET_LETTERS, NULL, "{\"pad_token\": {\"content\": \"</s>\", \"lstrip\": true}}", "a </s>",
     "a|</s>"},
    {ALPHABET_LETTERS, NULL, "{\"additional_special_tokens\": [\"<s>\", \"<none>\"]}", "<s>",
     "<s>"},
    {ALPHABET_LETTERS, NULL, "{\"extra_special_tokens\": [{\"content\": \"<s>\"}, \"</s>\"]}",
     "<s></s>", "<s>|</s>"},
    {ALPHABET_LETTERS, NULL, "{\"extra_special_tokens\": {\"image_token\": \"<s>\"}}", "<s></s>",
     "<s>|<|<unk>|s|>"},
};

static void heeds_the_configuration(void **state)
{
    (void)state;
    lb_buffer pieces = {0};
    for (size_t i = 0; i < sizeof config_cases / sizeof *config_cases; i++)
    {
        const config_case *c = &config_cases[i];
        const tokenizer_spec spec = {.alphabet = c->alphabet,
                                     .pre_tokenizer = c->pre_tokenizer,
                                     .config = c->config,
                                     .options = ", \"unk_token\": \"<unk>\""};
        lobass_tokenizer *tokenizer = NULL;
        lobass_error error = {LOBASS_OK, ""};
        int32_t *ids = NULL;
        size_t n_ids = 0;
        char folder[512];
        maker_write(&spec, "configured", folder);
        const lobass_status status = lobass_tokenizer_load(&tokenizer, folder, &error);
        if ((status == LOBASS_OK) != (c->text != NULL) ||
            (c->text == NULL && strstr(error.message, c->pieces) == NULL))
        {
            fail_msg("%zu: %s", i, error.message);
        }
        if (c->text == NULL)
        {
            continue;
        }
        assert_int_equal(
            lobass_tokenizer_encode(&ids, &n_ids, tokenizer, c->text, strlen(c->text), NULL),
            LOBASS_OK);
        pieces_of(tokenizer, ids, n_ids, &pieces);
        if (strcmp(pieces.data, c->pieces) != 0)
        {
            fail_msg("%zu: %s", i, pieces.data);
        }
        free(ids);
        lobass_tokenizer_free(tokenizer);
    }
    lb_buffer_free(&pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_by_place),
        cmocka_unit_test(names_a_missing_file),
        cmocka_unit_test(finds_the_ends_of_a_text),
        cmocka_unit_test(refuses_ends_that_it_cannot_add),
        cmocka_unit_test(is_known_by_what_was_read),
        cmocka_unit_test(hashes_the_file_too),
        cmocka_unit_test(heeds_the_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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
#define TEMPLATE_BOTH TEMPLATE(SPECIAL("<s>") ", " TEXT_A ", " SPECIAL("</s>"))
#define BYTES_ONLY "{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": false}"
#define NAMES "\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\", \"lstrip\": false}"

typedef struct ends_case
{
    const char *name, *post_processor, *config;
    lb_special_ids expected;
} ends_case;

static const ends_case ends_cases[] = {
    {"ends_none", NULL, NULL, {-1, -1, false, false, false}},
    {"ends_template", TEMPLATE_BOS, NULL, {1, -1, true, false, false}},
    {"ends_both", TEMPLATE_BOTH, NULL, {1, 2, true, true, false}},
    {"ends_sequence",
     "{\"type\": \"Sequence\", \"processors\": [" BYTES_ONLY ", " TEMPLATE_BOS "]}",
     NULL,
     {1, -1, true, false, false}},
    {"ends_config",
     BYTES_ONLY,
     "{" NAMES ", \"model_max_length\": 1000000000000000019884624838656}",
     {1, 2, false, false, false}},
    {"ends_config_and_template",
     TEMPLATE_BOS,
     "{" NAMES ", \"chat_template\": \"x\"}",
     {1, 2, true, false, true}},
    {"ends_flag_off",
     TEMPLATE_BOS,
     "{" NAMES ", \"add_bos_token\": false}",
     {1, 2, false, false, false}},
    {"ends_flag_on",
     NULL,
     "{" NAMES ", \"add_bos_token\": true, \"add_eos_token\": true}",
     {1, 2, true, true, false}},
    {"ends_llama_default",
     NULL,
     "{" NAMES ", \"tokenizer_class\": \"LlamaTokenizer\"}",
     {1, 2, true, false, false}},
    {"ends_llama_template",
     TEMPLATE_BOTH,
     "{" NAMES ", \"tokenizer_class\": \"LlamaTokenizerFast\"}",
     {1, 2, true, false, false}},
    {"ends_llama_off",
     TEMPLATE_BOS,
     "{" NAMES ", \"tokenizer_class\": \"LlamaTokenizer\", \"add_bos_token\": false}",
     {1, 2, false, false, false}},
    {"ends_null",
     NULL,
     "{\"bos_token\": null, \"eos_token\": \"</s>\", \"add_bos_token\": true, "
     "\"chat_template\": null}",
     {-1, 2, false, false, false}},
};

static void finds_the_ends_of_a_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ends_cases / sizeof ends_cases[0]; i++)
    {
        const ends_case *c = &ends_cases[i];
        const tokenizer_spec spec = {
            .alphabet = ALPHABET_LETTERS, .post_processor = c->post_processor, .config = c->config};
        lobass_tokenizer *tokenizer = maker_load(&spec, c->name);
        const lb_special_ids found = lb_tokenizer_special_ids(tokenizer);
        if (found.bos != c->expected.bos || found.eos != c->expected.eos ||
            found.adds_bos != c->expected.adds_bos || found.adds_eos != c->expected.adds_eos ||
            found.has_chat_template != c->expected.has_chat_template)
        {
            fail_msg("%s: %d %d %d %d %d", c->name, found.bos, found.eos, found.adds_bos,
                     found.adds_eos, found.has_chat_template);
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
        {TEMPLATE(SPECIAL("<s>") ", " SPECIAL("</s>") ", " TEXT_A), NULL,
         "more than one special token before", LOBASS_UNSUPPORTED},
        {TEMPLATE(SPECIAL("<x>") ", " TEXT_A), NULL, "special token \"<x>\"", LOBASS_BAD_FORMAT},
        {TEMPLATE_BOS, "{\"bos_token\": \"</s>\"}", "adds \"<s>\"", LOBASS_UNSUPPORTED},
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

static void hashes_what_decides_about_ids(void **state)
{
    (void)state;
    tokenizer_spec spec = {.alphabet = ALPHABET_LETTERS};
    lb_hash hashes[4];

    for (size_t i = 0; i < 4; i++)
    {
        spec.config = i == 2 ? "{\"bos_token\": \"<s>\"}" : NULL;
        spec.merges = i == 3 ? "a b" : NULL;
        lobass_tokenizer *tokenizer = maker_load(&spec, "hash");
        hashes[i] = lb_tokenizer_hash(tokenizer);
        lobass_tokenizer_free(tokenizer);
    }
    assert_true(lb_hash_equal(hashes[0], hashes[1]));
    assert_false(lb_hash_equal(hashes[0], hashes[2]));
    assert_false(lb_hash_equal(hashes[0], hashes[3]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_by_place),
        cmocka_unit_test(names_a_missing_file),
        cmocka_unit_test(finds_the_ends_of_a_text),
        cmocka_unit_test(refuses_ends_that_it_cannot_add),
        cmocka_unit_test(hashes_what_decides_about_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

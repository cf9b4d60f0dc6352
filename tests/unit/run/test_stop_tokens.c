/* SPDX-License-Identifier: Apache-2.0
 *
 * The tokens that end what a model writes: those of the tokenizer and of both configurations, each
 * once and in that order; what is no id is refused by the file's name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "run/run.h"
#include "unit/base/scratch.h"

#define TOKENIZER TEST_SOURCE_DIR "/tests/tokenizer.json" /* <|end|> is 0 */
#define EOS(value) "{\"eos_token_id\": " value "}"
#define NAMED "{\"eos_token\": \"<|end|>\"}"

typedef struct stop_case
{
    const char *tokenizer_config, *generation_config, *config; /* NULL: there is none */
    const char *expected;                                      /* ids, or what the refusal says */
    bool is_refused;
} stop_case;

static const stop_case cases[] = {
    {NULL, NULL, NULL, "", false},
    {NAMED, NULL, NULL, "0 ", false},
    {NULL, NULL, EOS("7"), "7 ", false},
    {NULL, NULL, EOS("[7, 9]"), "7 9 ", false},
    {NULL, EOS("[5, 6, 5]"), EOS("7"), "5 6 7 ", false},
    {NAMED, EOS("[9, 0]"), EOS("[7, 9]"), "0 9 7 ", false},
    {NAMED, EOS("null"), EOS("[]"), "0 ", false},
    {NAMED, "{}", "{}", "0 ", false},
    {NULL, EOS("\"7\""), NULL, "generation_config.json: field \"eos_token_id\": expected", true},
    {NULL, EOS("[7, -1]"), NULL, "generation_config.json: field \"eos_token_id\": expected", true},
    {NULL, EOS("[[7]]"), NULL, "generation_config.json: field \"eos_token_id\": expected", true},
    {NULL, EOS("7.5"), NULL, "generation_config.json: field \"eos_token_id\": expected", true},
    {NULL, NULL, EOS("2147483648"), "/config.json: field \"eos_token_id\": expected", true},
    {NULL, NULL, EOS("{\"7\": 7}"), "/config.json: field \"eos_token_id\": expected", true},
    {NULL, "[", NULL, "generation_config.json: ", true},
    {NULL, "[7]", NULL, "generation_config.json: expected an object, found an array", true},
};

static void file_put(const char *name, const char *text)
{
    (void)unlink(scratch_path(name));
    if (text != NULL)
    {
        assert_int_equal(lb_file_write(scratch_path(name), text, strlen(text), true, NULL),
                         LOBASS_OK);
    }
}

static void test_each_once(void **state)
{
    (void)state;
    lb_buffer text = {0};
    lb_ids ids = {0};
    assert_int_equal(lb_file_read(&text, TOKENIZER, SIZE_MAX / 2, NULL), LOBASS_OK);
    assert_int_equal(
        lb_file_write(scratch_path("tokenizer.json"), text.data, text.size, true, NULL), LOBASS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
        const stop_case *c = &cases[i];
        lobass_tokenizer *tokenizer = NULL;
        lobass_error error = {0};
        file_put("tokenizer_config.json", c->tokenizer_config);
        file_put("generation_config.json", c->generation_config);
        file_put("config.json", c->config);
        assert_int_equal(lobass_tokenizer_load(&tokenizer, scratch_folder, NULL), LOBASS_OK);
        const lobass_status status = lb_stop_tokens_load(&ids, tokenizer, scratch_folder, &error);
        lobass_tokenizer_free(tokenizer);
        lb_buffer_clear(&text);
        assert_int_equal(lb_buffer_append_text(&text, "", NULL), LOBASS_OK);
        for (size_t k = 0; k < ids.count && status == LOBASS_OK; k++)
        {
            assert_int_equal(lb_buffer_print(&text, NULL, "%d ", (int)ids.values[k]), LOBASS_OK);
        }
        if (c->is_refused
                ? status != LOBASS_BAD_FORMAT || strstr(error.message, c->expected) == NULL
                : status != LOBASS_OK || strcmp(text.data, c->expected) != 0)
        {
            fail_msg("%zu: status %d, \"%s\", \"%s\"", i, (int)status, text.data, error.message);
        }
    }
    lb_ids_free(&ids);
    lb_buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_once),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

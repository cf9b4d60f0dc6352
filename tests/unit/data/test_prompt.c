/* SPDX-License-Identifier: Apache-2.0
 *
 * A prompt is how the frozen row begins: for records of every format its tokens are those of the
 * row before the last response, and its text is the template's. Texts stand as they are. What
 * cannot be used gives a reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "data/data.h"
#include "unit/data/tiny_tokenizer.h"

static lb_prompter *prompter_make(const lobass_tokenizer *tokenizer, const char *name)
{
    lb_prompter *prompter = NULL;
    const lb_template *chosen = NULL;
    if (name != NULL)
    {
        assert_int_equal(LOBASS_OK, lb_template_find(&chosen, name, NULL));
    }
    assert_int_equal(LOBASS_OK, lb_prompter_create(&prompter, tokenizer, chosen,
                                                   lb_tokenizer_special_ids(tokenizer).eos,
                                                   TINY_VOCABULARY, NULL));
    return prompter;
}

static lb_prompt prompt_of(lb_prompter *prompter, const char *json)
{
    const lb_record record = {.data = json, .size = strlen(json)};
    lb_prompt prompt;
    lobass_error error = {0};
    assert_int_equal(LOBASS_OK, lb_prompter_record(prompter, &prompt, &record, &error));
    return prompt;
}

/* The tokens of the row before its last response. */
static void check_record(const lobass_tokenizer *tokenizer, const char *name, const char *json)
{
    lobass_format_options options = {.template_name = name, .max_length = 512};
    lb_freezer *freezer = NULL;
    const lb_record record = {.data = json, .size = strlen(json)};
    lobass_row row;
    assert_int_equal(LOBASS_OK,
                     lb_freezer_create(&freezer, tokenizer, &options, -1, TINY_VOCABULARY, NULL));
    assert_int_equal(LOBASS_OK, lb_freezer_freeze(freezer, &row, &record, NULL));
    assert_int_equal(LOBASS_ROW_OK, row.status);
    size_t n = row.n_tokens;
    while ((row.flags[--n] & LOBASS_TOKEN_FIRST) == 0)
    {
    }
    lb_prompter *prompter = prompter_make(tokenizer, name);
    const lb_prompt prompt = prompt_of(prompter, json);
    assert_null(prompt.reason);
    assert_int_equal(n, prompt.n_ids);
    assert_memory_equal(row.ids, prompt.ids, n * sizeof *row.ids);
    lb_prompter_free(prompter);
    lb_freezer_free(freezer);
}

static void test_records_of_every_format(void **state)
{
    (void)state;
    /* ":" before "T" would be one token if the edge of the response did not keep them apart. */
    static const char *const records[] = {
        "{\"instruction\":\"do:T\",\"input\":\"in\",\"output\":\"The end\"}",
        "{\"instruction\":\"do\",\"input\":\"\",\"output\":\"The end\"}",
        "{\"prompt\":\"p:\",\"completion\":\"Too\"}",
        "{\"question\":\"q\",\"answer\":\"a1\",\"history\":[[\"p\",\"x:\"],[\"T\",\"y\"]]}",
        "{\"conversations\":[{\"from\":\"human\",\"value\":\"hi\"},{\"from\":\"gpt\",\"value\":"
        "\"Tell\"},{\"from\":\"human\",\"value\":\"so\"},{\"from\":\"gpt\",\"value\":\"it is\"}]}",
        "{\"messages\":[{\"role\":\"system\",\"content\":\"be\"},{\"role\":\"user\",\"content\":"
        "\"q </s>\"},{\"role\":\"assistant\",\"content\":\"a\"}]}",
    };
    lobass_tokenizer *full = tiny_tokenizer("prompt_full", true, true);
    lobass_tokenizer *bare = tiny_tokenizer("prompt_bare", false, false);
    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
    {
        for (size_t t = 0; lb_template_name_at(t) != NULL; t++)
        {
            check_record(full, lb_template_name_at(t), records[i]);
            check_record(bare, lb_template_name_at(t), records[i]);
        }
    }
    lobass_tokenizer_free(full);
    lobass_tokenizer_free(bare);
}

static void expect_text(const lb_prompt *prompt, const char *expected)
{
    assert_null(prompt->reason);
    assert_int_equal(strlen(expected), prompt->size);
    assert_memory_equal(expected, prompt->text, prompt->size);
}

static void test_texts(void **state)
{
    (void)state;
    static const int32_t bare_ids[] = {TINY_BOS, 'a', TINY_MERGED, 'b'};
    lobass_tokenizer *full = tiny_tokenizer("prompt_full", true, true);
    lb_prompter *plain = prompter_make(full, NULL);
    lb_prompter *alpaca = prompter_make(full, "alpaca");
    lb_prompt prompt;
    assert_int_equal(LOBASS_OK, lb_prompter_text(plain, &prompt, "a:Tb", 4, NULL));
    expect_text(&prompt, "a:Tb");
    assert_int_equal(4, prompt.n_ids);
    assert_memory_equal(bare_ids, prompt.ids, sizeof bare_ids);
    prompt = prompt_of(alpaca, "{\"text\":\"a:Tb\"}"); /* no template, and no end token behind it */
    expect_text(&prompt, "a:Tb");
    assert_int_equal(4, prompt.n_ids);
    assert_memory_equal(bare_ids, prompt.ids, sizeof bare_ids);
    assert_int_equal(LOBASS_OK, lb_prompter_text(plain, &prompt, "", 0, NULL));
    assert_int_equal(1, prompt.n_ids); /* BOS */
    assert_int_equal(LOBASS_OK, lb_prompter_text(alpaca, &prompt, "hello", 5, NULL));
    expect_text(&prompt, "Below is an instruction that describes a task. Write a response that "
                         "appropriately completes the request.\n\n### Instruction:\nhello\n\n"
                         "### Response:");
    lb_prompter_free(plain);
    lb_prompter_free(alpaca);
    lobass_tokenizer_free(full);
}

/* A conversation that ends with what a user says is answered there, and has no answer to that. */
static void test_open_conversation(void **state)
{
    (void)state;
    lobass_tokenizer *full = tiny_tokenizer("prompt_full", true, true);
    lb_prompter *plain = prompter_make(full, "plain");
    lb_prompt prompt = prompt_of(
        plain, "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":"
               "\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"r\"}]}");
    expect_text(&prompt, "q\na\nr\n");
    assert_int_equal(8, prompt.n_ids); /* BOS and the end token behind the response */
    assert_int_equal(TINY_EOS, prompt.ids[4]);
    assert_null(prompt.response);
    prompt = prompt_of(plain, "{\"question\":\"q\",\"answer\":\"a b\"}");
    assert_int_equal(3, prompt.response_size);
    assert_memory_equal("a b", prompt.response, 3);
    prompt = prompt_of(plain, "{\"text\":\"q\"}");
    assert_null(prompt.response);
    /* The response may be missing, or null, in every format. */
    static const char *const open[] = {
        "{\"instruction\":\"q\"}",
        "{\"instruction\":\"q\",\"output\":null}",
        "{\"conversations\":[{\"from\":\"human\",\"value\":\"q\"}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]}",
        "{\"prompt\":\"q\"}",
        "{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}]}",
        "{\"query\":\"q\"}",
    };
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
    {
        prompt = prompt_of(plain, open[i]);
        assert_null(prompt.reason);
        expect_text(&prompt, "q\n");
        assert_null(prompt.response);
    }
    lb_prompter_free(plain);
    lobass_tokenizer_free(full);
}

static void test_reasons(void **state)
{
    (void)state;
    lobass_tokenizer *full = tiny_tokenizer("prompt_full", true, true);
    lb_prompter *plain = prompter_make(full, NULL);
    lb_prompter *alpaca = prompter_make(full, "alpaca");
    lb_prompt prompt;
    assert_int_equal(LOBASS_OK, lb_prompter_text(plain, &prompt, "ab\xff", 3, NULL));
    assert_non_null(prompt.reason);
    assert_non_null(strstr(prompt.reason, "UTF-8"));
    prompt = prompt_of(alpaca, "{\"foo\":1}");
    assert_non_null(prompt.reason);
    assert_non_null(strstr(prompt.reason, "expected instruction/output"));
    prompt = prompt_of(alpaca, "{\"instruction\":\"q\",\"output\":3}");
    assert_non_null(strstr(prompt.reason, "\"output\": expected a string"));
    prompt = prompt_of(alpaca, "{\"messages\":[]}");
    assert_non_null(strstr(prompt.reason, "no message"));
    prompt = prompt_of(alpaca, "{\"prompt\":\"p\",\"completion\":\"\"}");
    assert_null(prompt.reason); /* nothing needs to be there that is dropped */
    lb_prompter_free(plain);
    lb_prompter_free(alpaca);
    lobass_tokenizer_free(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_of_every_format),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_open_conversation),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Every template's exact text, with the responses between { and }.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "data/data.h"

#define INTRO                                                                             \
    "Below is an instruction that describes a task. Write a response that appropriately " \
    "completes "                                                                          \
    "the request."
#define INTRO_INPUT                                                                              \
    "Below is an instruction that describes a task, paired with an input that provides further " \
    "context. Write a response that appropriately completes the request."

#define SIMPLE "{\"instruction\":\"i\",\"output\":\"o\"}"
#define WITH_INPUT "{\"instruction\":\"i\",\"input\":\"n\",\"output\":\"o\"}"
#define WITH_HISTORY \
    "{\"instruction\":\"i\",\"input\":\"n\",\"output\":\"o\",\"history\":[[\"q\",\"a\"]]}"
#define WITH_SYSTEM "{\"system\":\"s\",\"question\":\"q\",\"answer\":\"a\"}"
#define ODD                                                                                      \
    "{\"conversations\":[{\"from\":\"gpt\",\"value\":\"g\"},{\"from\":\"gpt\",\"value\":\"h\"}," \
    "{\"from\":\"human\",\"value\":\"u\"}]}"
#define BLANK "{\"prompt\":\"\",\"completion\":\"\"}"
#define TEXT "{\"text\":\"plain text\"}"

static const struct
{
    const char *name, *record, *expected;
} examples[] = {
    {"alpaca", SIMPLE, INTRO "\n\n### Instruction:\ni\n\n### Response:{o}"},
    {"alpaca", WITH_INPUT,
     INTRO_INPUT "\n\n### Instruction:\ni\n\n### Input:\nn\n\n### Response:{o}"},
    {"alpaca", WITH_HISTORY,
     INTRO "\n\n### Instruction:\nq\n\n### Response:{a}\n\n### Instruction:\ni\n\n### Input:\nn"
           "\n\n### Response:{o}"},
    {"alpaca", WITH_SYSTEM, "s\n\n### Instruction:\nq\n\n### Response:{a}"},
    {"alpaca", ODD, INTRO "\n\n### Response:{g}\n\n### Response:{h}\n\n### Instruction:\nu"},
    {"alpaca", TEXT, "{plain text}"},
    {"alpaca-newline", SIMPLE, INTRO "\n\n### Instruction:\ni\n\n### Response:\n{o}"},
    {"alpaca-newline", WITH_HISTORY,
     INTRO "\n\n### Instruction:\nq\n\n### Response:\n{a}\n\n### Instruction:\ni\n\n### Input:\nn"
           "\n\n### Response:\n{o}"},
    {"alpaca-newline", TEXT, "{plain text}"},
    {"plain", SIMPLE, "i\n{o}"},
    {"plain", WITH_INPUT, "i\nn\n{o}"},
    {"plain", WITH_HISTORY, "q\n{a}\ni\nn\n{o}"},
    {"plain", WITH_SYSTEM, "s\nq\n{a}"},
    {"plain", ODD, "{g}\n{h}\nu"},
    {"plain", BLANK, "\n{}"},
    {"plain", TEXT, "{plain text}"},
};

static void test_exact_texts(void **state)
{
    (void)state;
    lb_arena arena = {0};
    lb_buffer found = {0};
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
    {
        lobass_error error = {0};
        const lb_template *chosen = NULL;
        lb_conversation whole, conversation;
        lb_rendering rendering;
        const char *record = examples[i].record;
        assert_int_equal(lb_template_find(&chosen, examples[i].name, &error), LOBASS_OK);
        assert_string_equal(lb_template_name(chosen), examples[i].name);
        assert_int_equal(
            lb_conversation_parse(&whole, record, strlen(record), NULL, &arena, &error), LOBASS_OK);
        assert_int_equal(lb_conversation_join(&conversation, &whole, &arena, &error), LOBASS_OK);
        assert_int_equal(lb_template_render(&rendering, chosen, &conversation, &arena, &error),
                         LOBASS_OK);
        lb_buffer_clear(&found);
        size_t at = 0;
        for (size_t r = 0; r < rendering.n_responses; r++)
        {
            const lb_span *span = &rendering.responses[r];
            (void)lb_buffer_append(&found, rendering.text + at, span->start - at, NULL);
            (void)lb_buffer_append_text(&found, "{", NULL);
            (void)lb_buffer_append(&found, rendering.text + span->start, span->end - span->start,
                                   NULL);
            (void)lb_buffer_append_text(&found, "}", NULL);
            at = span->end;
        }
        (void)lb_buffer_append(&found, rendering.text + at, rendering.size - at, NULL);
        assert_string_equal(found.data, examples[i].expected);
        lb_arena_reset(&arena);
    }
    lb_buffer_free(&found);
    lb_arena_free(&arena);
}

static void test_other_names_are_unsupported(void **state)
{
    (void)state;
    static const char *const names[] = {"chat", "my.jinja", "Alpaca", ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    {
        lobass_error error = {0};
        const lb_template *chosen = NULL;
        char expected[64];
        (void)snprintf(expected, sizeof expected, "template \"%s\" is not supported", names[i]);
        assert_int_equal(lb_template_find(&chosen, names[i], &error), LOBASS_UNSUPPORTED);
        assert_non_null(strstr(error.message, expected));
        assert_null(chosen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_texts),
        cmocka_unit_test(test_other_names_are_unsupported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

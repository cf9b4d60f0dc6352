/* SPDX-License-Identifier: Apache-2.0
 *
 * Records -> messages as the built-in templates show them, and the reasons for which a record is
 * refused; the formats themselves: test_fields.c. A conversation is written down as "S(system)
 * U(user) I(input) A(assistant) T(text)", an assistant turn that is context as "a(...)".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "data/data.h"

static void describe(lb_buffer *out, const lb_conversation *conversation)
{
    static const char letters[] = {[LB_ROLE_SYSTEM] = 'S',
                                   [LB_ROLE_USER] = 'U',
                                   [LB_ROLE_ASSISTANT] = 'A',
                                   [LB_ROLE_TOOL] = 'O',
                                   [LB_ROLE_TEXT] = 'T'};
    for (size_t i = 0; i < conversation->n_messages; i++)
    {
        const lb_message *m = &conversation->messages[i];
        (void)lb_buffer_print(out, NULL, "%c(", m->is_context ? 'a' : letters[m->role]);
        (void)lb_buffer_append(out, m->text, m->size, NULL);
        (void)lb_buffer_append_text(out, ")", NULL);
        if (m->input != NULL)
        {
            (void)lb_buffer_append_text(out, "I(", NULL);
            (void)lb_buffer_append(out, m->input, m->input_size, NULL);
            (void)lb_buffer_append_text(out, ")", NULL);
        }
    }
}

typedef struct example
{
    const char *record, *expected;
} example;

#define ROUND "{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}"

static const example good[] = {
    /* Alpaca */
    {"{\"instruction\":\"i\",\"output\":\"o\"}", "U(i)A(o)"},
    {"{\"instruction\":\"i\",\"input\":\"n\",\"output\":\"o\"}", "U(i)I(n)A(o)"},
    {"{\"instruction\":\"i\",\"input\":\"\",\"output\":\"\"}", "U(i)A()"},
    {"{\"instruction\":\"i\",\"input\":null,\"system\":null,\"history\":null,\"output\":\"o\"}",
     "U(i)A(o)"},
    {"{\"system\":\"s\",\"history\":[[\"q1\",\"a1\"],[\"q2\",\"a2\"]],\"instruction\":\"i\","
     "\"input\":\"n\",\"output\":\"o\"}",
     "S(s)U(q1)A(a1)U(q2)A(a2)U(i)I(n)A(o)"},
    {"{\"instruction\":\"i\",\"output\":\"o\",\"text\":\"i: o\",\"id\":{\"deep\":[1,null]}}",
     "U(i)A(o)"},
    /* ShareGPT */
    {"{\"conversations\":[{\"from\":\"human\",\"value\":\"h\"},{\"from\":\"gpt\",\"value\":\"g\"}],"
     "\"tools\":\"[]\"}",
     "U(h)A(g)"},
    {"{\"system\":\"s\",\"conversations\":[{\"from\":\"human\",\"value\":\"h\"},"
     "{\"from\":\"function_call\",\"value\":\"f\"},{\"from\":\"observation\",\"value\":\"b\"},"
     "{\"from\":\"gpt\",\"value\":\"g\"}]}",
     "S(s)U(h)A(f)U(b)A(g)"},
    {"{\"conversations\":[{\"from\":\"gpt\",\"value\":\"g\"},{\"from\":\"user\",\"value\":\"u\"},"
     "{\"from\":\"chatgpt\",\"value\":\"c\"},{\"from\":\"bot\",\"value\":\"b\"},"
     "{\"from\":\"function_response\",\"value\":\"r\"},{\"from\":\"model\",\"value\":\"m\"}]}",
     "A(g)U(u)A(c)A(b)U(r)A(m)"},
    /* either spelling in either list */
    {"{\"conversations\":[" ROUND "]}", "U(q)A(a)"},
    {"{\"messages\":[{\"from\":\"human\",\"value\":\"h\"},{\"from\":\"gpt\",\"value\":\"g\"}]}",
     "U(h)A(g)"},
    /* OpenAI */
    {"{\"messages\":[" ROUND "]}", "U(q)A(a)"},
    {"{\"messages\":[{\"role\":\"system\",\"content\":\"s\"}," ROUND ",{\"role\":\"tool\","
     "\"content\":\"t\"},{\"role\":\"user\",\"content\":\"u\"}," ROUND "]}",
     "S(s)U(q)A(a)U(t\nu\nq)A(a)"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},"
     "{\"type\":\"text\",\"value\":\"y\"}]},{\"role\":\"assistant\",\"content\":[]}]}",
     "U(xy)A()"},
    {"{\"messages\":[" ROUND ",{\"role\":\"user\",\"content\":\"left\"}]}", "U(q)A(a)U(left)"},
    {"{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"tool_calls\":[]}]}", "A(a)"},
    /* system messages: joined at the beginning, the prompt's side later, absent when empty */
    {"{\"system\":\"s\",\"messages\":[{\"role\":\"system\",\"content\":\"t\"}," ROUND "]}",
     "S(s\nt)U(q)A(a)"},
    {"{\"messages\":[{\"role\":\"developer\",\"content\":\"s\"}," ROUND "]}", "S(s)U(q)A(a)"},
    {"{\"messages\":[" ROUND ",{\"role\":\"system\",\"content\":\"t\"}," ROUND "]}",
     "U(q)A(a)U(t\nq)A(a)"},
    {"{\"system\":\"\",\"messages\":[" ROUND "]}", "U(q)A(a)"},
    {"{\"messages\":[{\"role\":\"system\",\"content\":\"\"}," ROUND "]}", "U(q)A(a)"},
    /* prompt and completion */
    {"{\"prompt\":\"p\",\"completion\":\"c\",\"source\":\"x\"}", "U(p)A(c)"},
    {"{\"prompt\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"u\"}],"
     "\"completion\":[{\"role\":\"assistant\",\"content\":\"c\"}]}",
     "S(s)U(u)A(c)"},
    {"{\"prompt\":[" ROUND ",{\"role\":\"user\",\"content\":\"u\"}],\"completion\":\"c\"}",
     "U(q)a(a)U(u)A(c)"},
    {"{\"prompt\":\"q\",\"messages\":[" ROUND "]}", "U(q)A(a)"},
    /* questions */
    {"{\"question\":\"q\",\"answer\":\"a\"}", "U(q)A(a)"},
    {"{\"query\":\"q\",\"response\":\"a\",\"history\":[[\"b\",\"c\"]]}", "U(b)A(c)U(q)A(a)"},
    {"{\"query\":\"q\",\"answer\":\"a\",\"system\":\"s\"}", "S(s)U(q)A(a)"},
    /* what a record says is not to be learned */
    {"{\"messages\":[" ROUND ",{\"role\":\"assistant\",\"content\":\"b\",\"weight\":0}]}",
     "U(q)A(a)a(b)"},
    {"{\"messages\":[{\"role\":\"assistant\",\"content\":\"b\",\"weight\":1}]}", "A(b)"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"q\",\"loss_weight\":0.0},"
     "{\"role\":\"assistant\",\"content\":\"b\",\"loss_weight\":1.0}]}",
     "U(q)A(b)"},
    {"{\"conversations\":[{\"from\":\"gpt\",\"value\":\"g\",\"train\":false}]}", "a(g)"},
    /* text */
    {"{\"text\":\"t\",\"meta\":1}", "T(t)"},
    {"{\"text\":\"\"}", "T()"},
    {" {\"text\" : \"\\u00e9\\ud83d\\ude00\"} ", "T(\xc3\xa9\xf0\x9f\x98\x80)"},
};

static const example bad[] = {
    {"[1]", "expected an object, found an array"},
    {"\"x\"", "expected an object, found a string"},
    {"{}", "expected instruction/output, conversations, messages, prompt/completion, "
           "question/answer or text; found no fields"},
    {"{\"a\":1,\"output\":2}", "; found fields \"a\", \"output\""},
    {"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1}",
     "\"e\", \"f\" and 2 more"},
    {"{\"line\\nfeed\":1}", "found fields \"line?feed\""},
    {"{\"instruction\":\"i\"}", "field \"output\" is missing"},
    {"{\"instruction\":\"i\",\"output\":null}", "field \"output\": expected a string, found null"},
    {"{\"instruction\":[],\"output\":\"o\"}", "field \"instruction\": expected a string, found an"},
    {"{\"instruction\":\"i\",\"output\":\"o\",\"input\":3}",
     "field \"input\": expected a string, found"},
    {"{\"instruction\":\"i\",\"output\":\"o\",\"system\":{}}",
     "field \"system\": expected a string, found an object"},
    {"{\"instruction\":\"i\",\"output\":\"o\",\"history\":\"h\"}",
     "field \"history\": expected a list of pairs, found a string"},
    {"{\"instruction\":\"i\",\"output\":\"o\",\"history\":[[\"a\",\"b\"],[\"c\"]]}",
     "field \"history\": pair 2: expected a list of two strings"},
    {"{\"instruction\":\"i\",\"output\":\"o\",\"history\":[[\"a\",null]]}",
     "field \"history\": pair 1: expected two strings, found null"},
    {"{\"prompt\":\"p\"}", "field \"completion\" is missing"},
    {"{\"prompt\":1,\"completion\":\"c\"}",
     "field \"prompt\": expected a string or a list of messages, found"},
    {"{\"prompt\":[{\"role\":\"user\"}],\"completion\":\"c\"}",
     "prompt: message 1: field \"content\" is missing"},
    {"{\"query\":\"p\"}", "field \"response\" is missing"},
    {"{\"question\":\"p\"}", "field \"answer\" is missing"},
    {"{\"text\":null}", "field \"text\": expected a string, found null"},
    {"{\"messages\":{}}", "field \"messages\": expected a list of messages, found an object"},
    {"{\"messages\":[]}", "no assistant turn"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]}", "no assistant turn"},
    {"{\"messages\":[1]}", "message 1: expected an object, found"},
    {"{\"messages\":[{\"content\":\"q\"}]}", "message 1: field \"role\" (or \"from\") is missing"},
    {"{\"messages\":[{\"role\":7,\"content\":\"q\"}]}",
     "message 1: field \"role\": expected a string, found"},
    {"{\"messages\":[" ROUND ",{\"role\":\"critic\",\"content\":\"q\"}]}",
     "message 3: role \"critic\" is unknown, expected system, user or assistant"},
    {"{\"messages\":[{\"role\":\"us\\u0000er\",\"content\":\"q\"}]}",
     "message 1: role \"us?er\" is unknown"},
    {"{\"messages\":[{\"role\":\"user\\u0000\",\"content\":\"q\"}]}",
     "message 1: role \"user?\" is unknown"},
    {"{\"messages\":[" ROUND ",{\"role\":\"assistant\",\"content\":null}]}",
     "message 3: field \"content\": expected a string or a list of parts, found null"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]}",
     "message 1: part 1: type \"image_url\" is not supported, expected \"text\""},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[\"t\"]}]}",
     "message 1: part 1: expected an object, found a string"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"t\"}]}]}",
     "message 1: part 1: field \"type\" is missing"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}",
     "message 1: part 1: field \"text\" is missing"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"value\":1}]}]}",
     "message 1: part 1: field \"value\": expected a string, found"},
    {"{\"conversations\":[{\"from\":\"human\",\"value\":null}]}",
     "message 1: field \"value\": expected a string or a list of parts, found null"},
    {"{\"messages\":[{\"role\":\"assistant\",\"content\":\"b\",\"weight\":0.5}]}",
     "message 1: field \"weight\": expected 0 or 1, found another number"},
    {"{\"messages\":[{\"role\":\"assistant\",\"content\":\"b\",\"train\":\"no\"}]}",
     "message 1: field \"train\": expected 0 or 1, found a string"},
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"b\",\"train\":true}]}",
     "message 1: only an assistant message can be learned"},
    {"{\"text\":\"t\"", "not valid JSON within the record: byte "},
    {"{\"text\":\"\xff\"}", "not valid JSON within the record: byte "},
    {"{\"text\":\n\"\\ud800\"}", "not valid JSON within the record: line 2, byte "},
    {"", "not valid JSON"},
};

static void test_good_records(void **state)
{
    (void)state;
    lb_arena arena = {0};
    lb_buffer found = {0};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    {
        lobass_error error = {0};
        lb_conversation whole = {0}, conversation = {0};
        if (lb_conversation_parse(&whole, good[i].record, strlen(good[i].record), NULL, &arena,
                                  &error) != LOBASS_OK ||
            lb_conversation_join(&conversation, &whole, &arena, &error) != LOBASS_OK)
        {
            fail_msg("%s: %s", good[i].record, error.message);
        }
        lb_buffer_clear(&found);
        describe(&found, &conversation);
        assert_string_equal(found.data, good[i].expected);
        lb_arena_reset(&arena);
    }
    lb_buffer_free(&found);
    lb_arena_free(&arena);
}

static void test_bad_records(void **state)
{
    (void)state;
    lb_arena arena = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    {
        lobass_error error = {0};
        lb_conversation conversation = {0};
        assert_int_equal(lb_conversation_parse(&conversation, bad[i].record, strlen(bad[i].record),
                                               NULL, &arena, &error),
                         LOBASS_BAD_FORMAT);
        if (strstr(error.message, bad[i].expected) == NULL)
        {
            fail_msg("%s: expected \"%s\", found \"%s\"", bad[i].record, bad[i].expected,
                     error.message);
        }
        assert_null(strchr(error.message, '\n'));
        lb_arena_reset(&arena);
    }
    lb_arena_free(&arena);
}

static void test_nul_bytes_are_kept(void **state)
{
    (void)state;
    static const char record[] = "{\"prompt\":\"a\\u0000b\",\"completion\":\"\\u0000\"}";
    lb_arena arena = {0};
    lb_conversation conversation = {0};
    lobass_error error = {0};
    assert_int_equal(
        lb_conversation_parse(&conversation, record, sizeof record - 1, NULL, &arena, &error),
        LOBASS_OK);
    assert_int_equal(conversation.messages[0].size, 3);
    assert_memory_equal(conversation.messages[0].text, "a\0b", 3);
    assert_int_equal(conversation.messages[1].size, 1);
    lb_arena_free(&arena);
}

/* A name of 3-byte characters is cut between two of them; a message has no limit. */
static void test_long_names_and_texts(void **state)
{
    (void)state;
    enum
    {
        N_CHARACTERS = 2000000
    };
    lb_arena arena = {0};
    lb_buffer record = {0};
    lb_conversation conversation = {0};
    lobass_error error = {0};
    (void)lb_buffer_append_text(&record, "{\"", NULL);
    for (size_t i = 0; i < N_CHARACTERS; i++)
    {
        (void)lb_buffer_append_text(&record, "\xe2\x82\xac", NULL);
    }
    (void)lb_buffer_append_text(&record, "\":1}", NULL);
    assert_int_equal(
        lb_conversation_parse(&conversation, record.data, record.size, NULL, &arena, &error),
        LOBASS_BAD_FORMAT);
    assert_non_null(strstr(error.message, "\"\xe2\x82\xac"));
    assert_non_null(strstr(error.message, "\xe2\x82\xac...\""));

    memcpy(record.data, "[\"", 2); /* the same characters as the text of a record */
    lb_buffer text = {0};
    (void)lb_buffer_append_text(&text, "{\"text\":\"", NULL);
    (void)lb_buffer_append(&text, record.data + 2, (size_t)3 * N_CHARACTERS, NULL);
    (void)lb_buffer_append_text(&text, "\"}", NULL);
    assert_int_equal(
        lb_conversation_parse(&conversation, text.data, text.size, NULL, &arena, &error),
        LOBASS_OK);
    assert_int_equal(conversation.messages[0].size, (size_t)3 * N_CHARACTERS);
    lb_buffer_free(&text);
    lb_buffer_free(&record);
    lb_arena_free(&arena);
}

/* Joining must not cost the square of their number. */
static void test_many_messages(void **state)
{
    (void)state;
    enum
    {
        N_MESSAGES = 200000
    };
    lb_arena arena = {0};
    lb_buffer record = {0};
    lb_conversation conversation = {0};
    lobass_error error = {0};
    (void)lb_buffer_append_text(&record, "{\"messages\":[", NULL);
    for (size_t i = 0; i < N_MESSAGES; i++)
    {
        (void)lb_buffer_append_text(&record, "{\"role\":\"user\",\"content\":\"1234567\"},", NULL);
    }
    (void)lb_buffer_append_text(&record, "{\"role\":\"assistant\",\"content\":\"a\"}]}", NULL);
    assert_int_equal(
        lb_conversation_parse(&conversation, record.data, record.size, NULL, &arena, &error),
        LOBASS_OK);
    assert_int_equal(conversation.n_messages, N_MESSAGES + 1);
    lb_conversation joined;
    assert_int_equal(lb_conversation_join(&joined, &conversation, &arena, &error), LOBASS_OK);
    assert_int_equal(joined.n_messages, 2);
    assert_int_equal(joined.messages[0].size, (size_t)8 * N_MESSAGES - 1);
    lb_buffer_free(&record);
    lb_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_records),       cmocka_unit_test(test_bad_records),
        cmocka_unit_test(test_nul_bytes_are_kept), cmocka_unit_test(test_long_names_and_texts),
        cmocka_unit_test(test_many_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

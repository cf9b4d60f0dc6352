/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fields of a record are read as, by the names in use and by --fields; what is refused by
 * name, what is ambiguous, what is ignored; and what a chat template is given. A conversation is
 * written down as its messages, "S(system) U(user) I(input) A(assistant) O(tool) T(text)", an
 * assistant turn that is context as "a(...)", then " chat:NAME" and " ignored:a,b".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "data/data.h"

static void put_names(lb_buffer *out, const char *label, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
    {
        (void)lb_buffer_print(out, NULL, "%s%s", i == 0 ? label : ",", names[i]);
    }
}

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
        (void)lb_buffer_print(out, NULL, "%c(%.*s)", m->is_context ? 'a' : letters[m->role],
                              (int)m->size, m->text);
        if (m->input != NULL)
        {
            (void)lb_buffer_print(out, NULL, "I(%.*s)", (int)m->input_size, m->input);
        }
    }
    if (conversation->chat_only != NULL)
    {
        (void)lb_buffer_print(out, NULL, " chat:%s", conversation->chat_only);
    }
    put_names(out, " ignored:", conversation->ignored, conversation->n_ignored);
    put_names(out, " within:", conversation->ignored_within, conversation->n_ignored_within);
}

static void put_value(lb_buffer *out, const lb_value *value)
{
    const bool is_object = lb_value_is(value, LB_VALUE_OBJECT);
    if (is_object || lb_value_is(value, LB_VALUE_ARRAY))
    {
        (void)lb_buffer_append_text(out, is_object ? "{" : "[", NULL);
        for (const lb_value *element = value->first; element != NULL; element = element->next)
        {
            (void)lb_buffer_append_text(out, element == value->first ? "" : ",", NULL);
            (void)lb_buffer_print(out, NULL, is_object ? "%s:" : "%s",
                                  is_object ? element->key : "");
            put_value(out, element);
        }
        (void)lb_buffer_append_text(out, is_object ? "}" : "]", NULL);
    }
    else if (lb_value_is(value, LB_VALUE_STRING))
    {
        (void)lb_buffer_print(out, NULL, "'%s'", value->text);
    }
    else
    {
        (void)lb_buffer_print(out, NULL, "%s",
                              lb_value_is(value, LB_VALUE_NUMBER) ? "#" : lb_value_describe(value));
    }
}

typedef struct example
{
    const char *record, *expected;
    const char *fields; /* as --fields has them, or NULL */
} example;

#define U(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define A(text) "{\"role\":\"assistant\",\"content\":\"" text "\"}"
#define FLAGGED(flag) \
    "{\"messages\":[" U("q") ",{\"role\":\"assistant\",\"content\":\"a\"," flag "}]}"

/* ---- formats ----------------------------------------------------------------------------------
 */

static const example formats[] = {
    /* OpenOrca */
    {"{\"id\":\"x\",\"system_prompt\":\"s\",\"question\":\"q\",\"response\":\"a\"}",
     "S(s)U(q)A(a) ignored:id", NULL},
    {"{\"system_prompt\":\"\",\"question\":\"q\",\"response\":\"a\"}", "U(q)A(a)", NULL},
    {"{\"system_prompt\":\"s\",\"system\":\"s\",\"question\":\"q\",\"answer\":\"a\"}",
     "S(s)U(q)A(a) ignored:system_prompt", NULL},
    {"{\"system_message\":\"s\",\"instruction\":\"q\",\"output\":\"a\"}", "S(s)U(q)A(a)", NULL},
    /* Dolly, question and context */
    {"{\"instruction\":\"i\",\"context\":\"c\",\"response\":\"a\",\"category\":\"x\"}",
     "U(i)I(c)A(a) ignored:category", NULL},
    {"{\"instruction\":\"i\",\"context\":\"\",\"response\":\"a\"}", "U(i)A(a)", NULL},
    {"{\"question\":\"q\",\"context\":\"c\",\"answer\":\"a\"}", "U(q)I(c)A(a)", NULL},
    {"{\"passage\":\"c\",\"question\":\"q\",\"answer\":\"a\"}", "U(q)I(c)A(a)", NULL},
    {"{\"prompt\":[" U("q") "],\"context\":\"c\",\"completion\":\"a\"}", "U(q)I(c)A(a)", NULL},
    /* pairs */
    {"{\"instruction\":\"i\",\"response\":\"a\"}", "U(i)A(a)", NULL},
    {"{\"prompt\":\"p\",\"response\":\"a\"}", "U(p)A(a)", NULL},
    {"{\"problem\":\"p\",\"solution\":\"a\"}", "U(p)A(a)", NULL},
    {"{\"input\":\"i\",\"output\":\"o\"}", "U(i)A(o)", NULL},
    {"{\"query\":\"q\",\"response\":\"a\",\"type\":\"t\"}", "U(q)A(a) ignored:type", NULL},
    {"{\"inputs\":\"i\",\"targets\":\"t\"}", "U(i)A(t)", NULL},
    {"{\"user\":\"u\",\"assistant\":\"a\"}", "U(u)A(a)", NULL},
    {"{\"Question\":\"q\",\"Response\":\"a\"}", "U(q)A(a)", NULL},
    {"{\"input\":\"i\",\"context\":\"c\",\"output\":\"o\"}", "U(i)I(c)A(o)", NULL},
    /* lists: Capybara, UltraChat, Tulu, no_robots, OpenHermes, Magpie */
    {"{\"source\":\"x\",\"conversation\":[{\"input\":\"q\",\"output\":\"a\"},{\"input\":\"r\","
     "\"output\":\"b\"}]}",
     "U(q)A(a)U(r)A(b) ignored:source", NULL},
    {"{\"conversation\":[{\"system\":\"s\",\"input\":\"q\",\"output\":\"a\"}]}", "S(s)U(q)A(a)",
     NULL},
    {"{\"conversation\":[{\"human\":\"q\",\"assistant\":\"a\",\"turn\":1}]}",
     "U(q)A(a) within:turn", NULL},
    {"{\"id\":\"0\",\"data\":[\"q\",\"a\",\"r\",\"b\"]}", "U(q)A(a)U(r)A(b) ignored:id", NULL},
    {"{\"id\":\"x\",\"messages\":[" U("q") "," A("a") "],\"source\":\"t\"}",
     "U(q)A(a) ignored:id,source", NULL},
    {"{\"prompt\":\"q\",\"prompt_id\":\"x\",\"messages\":[" U("q") "," A(
         "a") "],\"category\":\"Open QA\"}",
     "U(q)A(a) ignored:prompt,prompt_id,category", NULL},
    {"{\"system_prompt\":null,\"conversations\":[{\"from\":\"system\",\"value\":\"s\"},{\"from\":"
     "\"human\",\"value\":\"q\",\"weight\":null},{\"from\":\"gpt\",\"value\":\"a\"}],\"views\":1}",
     "S(s)U(q)A(a) ignored:views", NULL},
    {"{\"system_prompt\":\"s\",\"conversations\":[{\"from\":\"system\",\"value\":\"s\"},{\"from\":"
     "\"human\",\"value\":\"q\"},{\"from\":\"gpt\",\"value\":\"a\"}]}",
     "S(s)U(q)A(a)", NULL},
    {"{\"instruction\":\"q\",\"response\":\"a\",\"conversations\":[{\"from\":\"human\",\"value\":"
     "\"q\"},{\"from\":\"gpt\",\"value\":\"a\"}],\"reward\":1.5}",
     "U(q)A(a) ignored:instruction,response,reward", NULL},
    {"{\"problem\":\"q\",\"solution\":\"a\",\"messages\":[" U("q") "," A("a") "]}",
     "U(q)A(a) ignored:problem,solution", NULL},
    {"{\"messages\":[" U("q") "," A("a") "],\"conversations\":[{\"from\":\"human\",\"value\":\"q\"}"
                                         ",{\"from\":\"gpt\",\"value\":\"a\"}]}",
     "U(q)A(a) ignored:messages", NULL},
    {"{\"messages\":\"[{\\\"role\\\":\\\"user\\\",\\\"content\\\":\\\"q\\\"},{\\\"role\\\":"
     "\\\"assistant\\\",\\\"content\\\":\\\"a\\\"}]\"}",
     "U(q)A(a)", NULL},
    {"{\"messages\":[" U("q") "," A("the answer is 4") "],\"answer\":\"4\"}",
     "U(q)A(the answer is 4) ignored:answer", NULL},
    /* roles of other trainers */
    {"{\"conversations\":[{\"from\":\"Human\",\"value\":\"q\"},{\"from\":\"tool_call\",\"value\":"
     "\"c\"},{\"from\":\"tool\",\"value\":\"o\"},{\"from\":\"GPT\",\"value\":\"a\"}]}",
     "U(q)A(c)O(o)A(a)", NULL},
    {"{\"messages\":[{\"role\":\"prompter\",\"text\":\"q\"},{\"role\":\"assistant\",\"text\":"
     "\"a\"}]}",
     "U(q)A(a)", NULL},
    /* a text beside what it is the rendering of */
    {"{\"prompt\":\"Say hi.\",\"response\":\"Hi.\",\"text\":\"User: Say hi. Bot: Hi.\"}",
     "U(Say hi.)A(Hi.) ignored:text", NULL},
    {"{\"text\":\"A long story.\",\"summary\":\"Cat.\"}", "T(A long story.) ignored:summary", NULL},
    {"{\"instruction\":\"i\",\"output\":\"o\",\"prompt\":\"### i ### o\"}",
     "U(i)A(o) ignored:prompt", NULL},
    /* names that are no fields of ours there */
    {"{\"messages\":[" U("q") "," A("a") "],\"user\":\"u1\",\"turns\":2,\"data\":{\"k\":1}}",
     "U(q)A(a) ignored:user,turns,data", NULL},
    {"{\"text\":\"t\",\"label\":\"sports\"}", "T(t) ignored:label", NULL},
    {"{\"instruction\":\"i\",\"output\":\"o\",\"weight\":1,\"images\":[],\"rejected\":null}",
     "U(i)A(o)", NULL},
    /* flags of turns */
    {FLAGGED("\"weight\":0"), "U(q)a(a)", NULL},
    {FLAGGED("\"loss\":false"), "U(q)a(a)", NULL},
    {FLAGGED("\"loss_mask\":0"), "U(q)a(a)", NULL},
    {FLAGGED("\"masked\":true"), "U(q)a(a)", NULL},
    {FLAGGED("\"trainable\":false"), "U(q)a(a)", NULL},
    {FLAGGED("\"train_on_turn\":false"), "U(q)a(a)", NULL},
    {FLAGGED("\"training\":false"), "U(q)a(a)", NULL},
    {FLAGGED("\"loss_scale\":0.0"), "U(q)a(a)", NULL},
    {FLAGGED("\"ignore_loss\":1"), "U(q)a(a)", NULL},
    {FLAGGED("\"masked\":false,\"train\":true"), "U(q)A(a)", NULL},
    {FLAGGED("\"train\":null,\"constraint\":\"x\""), "U(q)A(a) within:constraint", NULL},
    {"{\"conversation\":[{\"input\":\"q\",\"output\":\"a\",\"weight\":0}]}", "U(q)a(a)", NULL},
    /* what only a chat template shows */
    {"{\"messages\":[" U("q") ",{\"role\":\"assistant\",\"content\":\"I look.\",\"tool_calls\":[{"
                              "\"type\":\"function\"}]},{\"role\":\"tool\",\"tool_call_id\":\"c\","
                              "\"content\":\"rain\"}]}",
     "U(q)A(I look.)O(rain) chat:tool_calls within:tool_call_id", NULL},
    {"{\"messages\":[" U("q") ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{}]}]}",
     "U(q)A() chat:tool_calls", NULL},
    {"{\"messages\":[" U("q") ",{\"role\":\"assistant\",\"tool_calls\":[{}]}]}",
     "U(q)A() chat:tool_calls", NULL},
    {FLAGGED("\"tool_calls\":[]"), "U(q)A(a)", NULL},
    {FLAGGED("\"reasoning_content\":\"r\""), "U(q)A(a) chat:reasoning_content", NULL},
    {FLAGGED("\"thinking\":\"r\""), "U(q)A(a) chat:thinking", NULL},
    {FLAGGED("\"reasoning\":\"\""), "U(q)A(a)", NULL},
    {"{\"question\":\"q\",\"reasoning\":\"r\",\"answer\":\"a\"}", "U(q)A(a) chat:reasoning", NULL},
    {"{\"Question\":\"q\",\"Complex_CoT\":\"r\",\"Response\":\"a\"}", "U(q)A(a) chat:Complex_CoT",
     NULL},
    {"{\"tools\":[{\"name\":\"f\"}],\"messages\":[" U("q") "," A("a") "]}", "U(q)A(a) chat:tools",
     NULL},
    {"{\"tools\":\"[{\\\"name\\\": \\\"f\\\"}]\",\"messages\":[" U("q") "," A("a") "]}",
     "U(q)A(a) chat:tools", NULL},
    {"{\"tools\":\"[]\",\"messages\":[" U("q") "," A("a") "]}", "U(q)A(a)", NULL},
    {"{\"documents\":[{\"title\":\"t\"}],\"messages\":[" U("q") "," A("a") "]}",
     "U(q)A(a) chat:documents", NULL},
    {"{\"chat_template_kwargs\":{\"enable_thinking\":false},\"messages\":[" U("q") "," A("a") "]}",
     "U(q)A(a) chat:chat_template_kwargs", NULL},
    /* --fields */
    {"{\"ask\":\"q\",\"reply\":\"a\",\"note\":\"n\"}", "U(q)A(a) ignored:note",
     "prompt=ask,response=reply"},
    {"{\"ask\":\"q\",\"about\":\"c\",\"rules\":\"s\",\"reply\":\"a\"}", "S(s)U(q)I(c)A(a)",
     "prompt=ask,response=reply,context=about,system=rules"},
    {"{\"query\":\"q\",\"answer\":\"4\",\"response\":\"It is 4.\"}",
     "U(q)A(It is 4.) ignored:answer", "prompt=query,response=response"},
    {"{\"query\":\"q\",\"answer\":\"4\",\"response\":\"It is 4.\"}", "U(q)A(4)", "ignore=response"},
    {"{\"prompt\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\"}", "U(q)A(a)",
     "prompt=prompt,response=chosen,ignore=rejected"},
    {"{\"chosen\":[" U("q") "," A("a") "],\"rejected\":[" U("q") "," A("b") "]}", "U(q)A(a)",
     "messages=chosen,ignore=rejected"},
    {"{\"prompt\":\"q\",\"completion\":\"a\",\"label\":true}", "U(q)A(a)", "ignore=label"},
    {"{\"talk\":[{\"who\":\"user\",\"says\":\"q\"},{\"who\":\"bot\",\"says\":\"a\",\"keep\":0}]}",
     "U(q)a(a)", "messages=talk,role=who,content=says,train=keep"},
    {"{\"body\":\"t\",\"text\":\"other\"}", "T(t) ignored:text", "text=body"},
    {"{\"lines\":[\"q\",\"a\"]}", "U(q)A(a)", "messages=lines"},
    {"{\"ask\":[" U("q") "],\"reply\":\"a\"}", "U(q)A(a)", "prompt=ask,response=reply"},
    {"{\"question\":\"q\",\"answer\":\"a\",\"why\":\"r\"}", "U(q)A(a) chat:why", "reasoning=why"},
    {"{\"functions\":[{\"name\":\"f\"}],\"messages\":[" U("q") "," A("a") "]}",
     "U(q)A(a) chat:functions", "tools=functions"},
    {FLAGGED("\"mask\":1"), "U(q)A(a)", "train=mask"},
    {FLAGGED("\"my_loss\":1"), "U(q)A(a)", "ignore=my_loss"},
};

static lobass_status parse(lb_conversation *conversation, const example *of, lb_arena *arena,
                           lobass_error *error)
{
    lb_field_map *map = NULL;
    if (lb_field_map_create(&map, of->fields, error) != LOBASS_OK)
    {
        fail_msg("%s", error->message);
    }
    const lobass_status status =
        lb_conversation_parse(conversation, of->record, strlen(of->record), map, arena, error);
    lb_field_map_free(map);
    return status;
}

static void test_formats(void **state)
{
    (void)state;
    lb_arena arena = {0};
    lb_buffer found = {0};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
    {
        lobass_error error = {0};
        lb_conversation conversation;
        if (parse(&conversation, &formats[i], &arena, &error) != LOBASS_OK)
        {
            fail_msg("%s: %s", formats[i].record, error.message);
        }
        lb_buffer_clear(&found);
        describe(&found, &conversation);
        if (strcmp(found.data, formats[i].expected) != 0)
        {
            fail_msg("%s: expected %s, found %s", formats[i].record, formats[i].expected,
                     found.data);
        }
        lb_arena_reset(&arena);
    }
    lb_buffer_free(&found);
    lb_arena_free(&arena);
}

/* ---- refusals ---------------------------------------------------------------------------------
 */

static const example refused[] = {
    /* two readings */
    {"{\"query\":\"q\",\"response\":\"Two and two is 4.\",\"answer\":\"4\"}",
     "ambiguous: the record can be read by \"response\" or by \"answer\", which say different "
     "things; --fields says which, as in --fields ignore=answer",
     NULL},
    {"{\"prompt\":\"p\",\"question\":\"q\",\"answer\":\"a\"}", "by \"prompt\" or by \"question\"",
     NULL},
    {"{\"problem\":\"p\",\"solution\":\"s\",\"messages\":[" U("p") "," A("other") "]}",
     "by \"messages\" or by \"solution\"", NULL},
    {"{\"messages\":[" U("q") "," A("a") "],\"conversations\":[" U("q") "," A("b") "]}",
     "by \"conversations\" or by \"messages\"", NULL},
    {"{\"question\":\"q\",\"answer\":\"a\",\"text\":\"A passage to read.\"}",
     "by \"question\" or by \"text\"", NULL},
    {"{\"text\":\"A story.\",\"response\":\"Another.\"}", "by \"text\" or by \"response\"", NULL},
    {"{\"text\":\"A story.\",\"system\":\"Be brief.\"}", "by \"text\" or by \"system\"", NULL},
    {"{\"messages\":[" U("q") "," A("a") "],\"context\":\"c\"}",
     "by \"messages\" or by \"context\"", NULL},
    {"{\"question\":\"q\",\"context\":\"c\",\"passage\":\"d\",\"answer\":\"a\"}",
     "by \"context\" or by \"passage\"", NULL},
    {"{\"system\":\"s\",\"system_prompt\":\"t\",\"question\":\"q\",\"answer\":\"a\"}",
     "by \"system\" or by \"system_prompt\"", NULL},
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"value\":\"b\"}]}",
     "message 1: ambiguous: \"content\" and \"value\" say different things", NULL},
    /* preferences, labels, tokens, media */
    {"{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\"}",
     "field \"chosen\" is not supported: one side of a preference, which trainers of preferences "
     "take (DPO",
     NULL},
    {"{\"messages\":[" U("q") "," A("a") "],\"rejected_response\":\"b\"}",
     "field \"rejected_response\" is not supported: one side of a preference", NULL},
    {"{\"prompt\":\"p\",\"completion\":\"c\",\"label\":false}",
     "field \"label\" is not supported: a verdict on the response (KTO)", NULL},
    {"{\"prompt\":\"p\",\"completion\":\"c\",\"label\":\"undesirable\"}",
     "field \"label\" is not supported", NULL},
    {"{\"prompt\":\"p\",\"completion\":\"c\",\"kto_tag\":true}",
     "field \"kto_tag\" is not supported", NULL},
    {"{\"prompt\":\"p\",\"completions\":[\"a\",\"b\"],\"labels\":[true,false]}",
     "field \"completions\" is not supported: several answers", NULL},
    {"{\"input_ids\":[1,2],\"labels\":[-100,2]}",
     "field \"input_ids\" is not supported: tokens or masks made elsewhere", NULL},
    {"{\"messages\":[" U("q") "," A("a") "],\"images\":[\"a.png\"]}",
     "field \"images\" is not supported: not text", NULL},
    {"{\"segments\":[{\"label\":true,\"text\":\"t\"}]}",
     "field \"segments\" is not supported: which parts of a turn", NULL},
    {"{\"question\":\"q\",\"choices\":[\"a\",\"b\"],\"answer\":\"a\"}",
     "field \"choices\" is not supported: part of what is asked", NULL},
    {"{\"messages\":[" U("q") "," A("a") "],\"functions\":[{\"name\":\"f\"}]}",
     "--fields tools=functions", NULL},
    {"{\"instruction\":\"i\",\"output\":\"o\",\"weight\":0.5}", "field \"weight\" is not supported",
     NULL},
    {"{\"instruction\":\"i\",\"output\":\"o\",\"loss_mask\":[0,1]}",
     "field \"loss_mask\" is not supported", NULL},
    {"{\"tools\":\"find it\",\"messages\":[" U("q") "," A("a") "]}",
     "field \"tools\": expected a list of objects, or one in a string of JSON, found a string",
     NULL},
    /* flags */
    {FLAGGED("\"loss\":0.3"), "message 2: field \"loss\": expected 0 or 1, found another number",
     NULL},
    {FLAGGED("\"trainable\":\"no\""), "field \"trainable\": expected 0 or 1, found a string", NULL},
    {FLAGGED("\"weight\":0,\"loss\":true"),
     "message 2: \"weight\" and \"loss\" disagree on whether it is to be learned", NULL},
    {FLAGGED("\"mask\":1"),
     "message 2: field \"mask\": it may mean that the message is learned, or that it is not; "
     "--fields train=mask or ignore=mask says which",
     NULL},
    {FLAGGED("\"train_detail\":[{\"begin_offset\":0}]"),
     "field \"train_detail\": which parts of a turn are learned; only whole turns are supported; "
     "--fields ignore=train_detail passes over it",
     NULL},
    {FLAGGED("\"lossWeight\":0"), "field \"lossWeight\": it reads as if it said what is to be",
     NULL},
    {FLAGGED("\"step-mask\":0"), "field \"step-mask\": it reads as if", NULL},
    {FLAGGED("\"_loss_\":0"), "field \"_loss_\": it reads as if", NULL},
    {FLAGGED("\"refusal\":\"no\""), "field \"refusal\": said in place of the content", NULL},
    {"{\"messages\":[{\"role\":\"user\",\"content\":\"q\",\"masked\":false}]}",
     "message 1: only an assistant message can be learned", NULL},
    /* lists */
    {"{\"messages\":\"a talk\"}", "field \"messages\": expected a list of messages, found a string",
     NULL},
    {"{\"conversations\":[\"q\",\"a\"]}", "message 1: expected an object, found a string", NULL},
    {"{\"data\":[\"q\",{}]}", "message 2: expected a string, found an object", NULL},
    {"{\"conversation\":[{\"input\":\"q\",\"output\":\"a\",\"context\":\"c\"}]}",
     "message 1: field \"context\": it has no place in a pair of turns", NULL},
    {"{\"messages\":[" U("q") ",{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\"}]}]}",
     "part 1: type \"thinking\" is not supported", NULL},
    {"{\"prompt\":[" A("a") "],\"context\":\"c\",\"completion\":\"b\"}",
     "field \"context\": there is no question before it", NULL},
    /* --fields */
    {"{\"ask\":\"q\"}", "field \"reply\" is missing", "prompt=ask,response=reply"},
    {"{\"question\":\"q\",\"answer\":\"a\"}", "found fields \"question\", \"answer\"",
     "prompt=ask,response=reply"},
    {"{\"instruction\":\"q\",\"output\":\"a\"}", "; --fields names others", "messages=talk"},
};

static void test_refusals(void **state)
{
    (void)state;
    lb_arena arena = {0};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    {
        lobass_error error = {0};
        lb_conversation conversation;
        const lobass_status status = parse(&conversation, &refused[i], &arena, &error);
        if (status != LOBASS_BAD_FORMAT || strstr(error.message, refused[i].expected) == NULL)
        {
            fail_msg("%s: expected \"%s\", found \"%s\"", refused[i].record, refused[i].expected,
                     error.message);
        }
        assert_null(strchr(error.message, '\n'));
        lb_arena_reset(&arena);
    }
    lb_arena_free(&arena);
}

/* A built-in template refuses by the name of what it cannot show. */
static void test_chat_only(void **state)
{
    (void)state;
    static const example of = {FLAGGED("\"reasoning\":\"r\""), NULL, NULL};
    lb_arena arena = {0};
    lb_conversation conversation, joined;
    lobass_error error = {0};
    assert_int_equal(parse(&conversation, &of, &arena, &error), LOBASS_OK);
    assert_int_equal(lb_conversation_join(&joined, &conversation, &arena, &error),
                     LOBASS_BAD_FORMAT);
    assert_string_equal(error.message, "field \"reasoning\": only a chat template can show it; "
                                       "expected --template chat");
    lb_arena_free(&arena);
}

/* ---- what a chat template is given ------------------------------------------------------------
 */

static const struct
{
    const char *record;
    size_t message;
    const char *expected;
} values[] = {
    {"{\"messages\":[" U("q") "," A("a") "]}", 1, "none"},
    {"{\"conversations\":[{\"from\":\"human\",\"value\":\"q\"},{\"from\":\"gpt\",\"value\":\"a\"}]"
     "}",
     0, "none"},
    {FLAGGED("\"weight\":0"), 1, "none"},
    {"{\"messages\":[{\"role\":\"developer\",\"content\":\"s\"}," A("a") "]}", 0,
     "{role:'developer',content:'s'}"},
    /* in the record's order; a string of JSON stays one, null stays null */
    {"{\"messages\":[{\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":"
     "\"{\\\"x\\\": 1}\"}}],\"role\":\"assistant\",\"content\":null,\"weight\":1}]}",
     0,
     "{tool_calls:[{id:'c',function:{name:'f',arguments:'{\"x\": 1}'}}],role:'assistant',content:"
     "null}"},
    {"{\"messages\":[" A("a") ",{\"role\":\"tool\",\"name\":\"f\",\"tool_call_id\":\"c\","
                              "\"content\":\"o\"}]}",
     1, "{role:'tool',name:'f',tool_call_id:'c',content:'o'}"},
    {FLAGGED("\"thinking\":\"r\""), 1, "{role:'assistant',content:'a',thinking:'r'}"},
    {"{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"value\":\"x\"},"
     "{\"type\":\"text\",\"text\":\"y\"}]}]}",
     0, "{role:'assistant',content:[{type:'text',text:'x'},{type:'text',text:'y'}]}"},
    {"{\"conversations\":[{\"from\":\"function_call\",\"value\":\"{\\\"name\\\": \\\"f\\\", "
     "\\\"arguments\\\": {\\\"x\\\": 1}}\"}]}",
     0,
     "{role:'assistant',content:'',tool_calls:[{type:'function',function:{name:'f',arguments:{x:#}"
     "}}]}"},
    {"{\"conversations\":[{\"from\":\"function_call\",\"value\":\"[{\\\"name\\\": \\\"f\\\", "
     "\\\"arguments\\\": {}},{\\\"name\\\": \\\"g\\\", \\\"arguments\\\": {}}]\"}]}",
     0,
     "{role:'assistant',content:'',tool_calls:[{type:'function',function:{name:'f',arguments:{}}},"
     "{type:'function',function:{name:'g',arguments:{}}}]}"},
    {"{\"conversations\":[{\"from\":\"function_call\",\"value\":\"f(1)\"}]}", 0, "none"},
    {"{\"question\":\"q\",\"rationale\":\"r\",\"answer\":\"a\"}", 1,
     "{role:'assistant',content:'a',reasoning_content:'r'}"},
};

static void test_template_values(void **state)
{
    (void)state;
    lb_arena arena = {0};
    lb_buffer found = {0};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    {
        lobass_error error = {0};
        lb_conversation conversation;
        const example of = {values[i].record, NULL, NULL};
        if (parse(&conversation, &of, &arena, &error) != LOBASS_OK)
        {
            fail_msg("%s: %s", values[i].record, error.message);
        }
        const lb_value *fields = conversation.messages[values[i].message].fields;
        lb_buffer_clear(&found);
        (void)lb_buffer_append_text(&found, fields == NULL ? "none" : "", NULL);
        if (fields != NULL)
        {
            put_value(&found, fields);
        }
        if (strcmp(found.data, values[i].expected) != 0)
        {
            fail_msg("%s: expected %s, found %s", values[i].record, values[i].expected, found.data);
        }
        lb_arena_reset(&arena);
    }
    lb_buffer_free(&found);
    lb_arena_free(&arena);
}

static void test_tools(void **state)
{
    (void)state;
    static const example of = {"{\"tools\":\"[{\\\"name\\\": \\\"f\\\"}]\",\"documents\":"
                               "[{\"title\":\"t\"}],\"messages\":[" A("a") "]}",
                               NULL, NULL};
    lb_arena arena = {0};
    lb_buffer found = {0};
    lb_conversation conversation;
    lobass_error error = {0};
    assert_int_equal(parse(&conversation, &of, &arena, &error), LOBASS_OK);
    put_value(&found, conversation.tools);
    put_value(&found, conversation.documents);
    assert_string_equal(found.data, "[{name:'f'}][{title:'t'}]");
    lb_buffer_free(&found);
    lb_arena_free(&arena);
}

/* ---- --fields ---------------------------------------------------------------------------------
 */

static void test_maps(void **state)
{
    (void)state;
    static const struct
    {
        const char *text, *expected;
        lobass_status status;
    } maps[] = {
        {NULL, "", LOBASS_OK},
        {"", "", LOBASS_OK},
        {"response=b,prompt=a", "prompt=a,response=b", LOBASS_OK},
        {"ignore=x,text=t,ignore=y", "text=t,ignore=x,ignore=y", LOBASS_OK},
        {"prompt", "expected ROLE=NAME", LOBASS_BAD_ARGUMENT},
        {"prompt=", "expected ROLE=NAME", LOBASS_BAD_ARGUMENT},
        {"prompt=a,", "expected ROLE=NAME", LOBASS_BAD_ARGUMENT},
        {"answer=a", "\"answer\" is no role; expected messages, role, content, train, prompt",
         LOBASS_BAD_ARGUMENT},
        {"prompt=a,prompt=b", "the role of \"b\" has a field already", LOBASS_BAD_ARGUMENT},
        {"prompt=a,ignore=a", "the field \"a\" is named twice", LOBASS_BAD_ARGUMENT},
        {"response=a", "response needs a prompt", LOBASS_BAD_ARGUMENT},
        {"prompt=a,response=b,messages=m", "expected one of the three", LOBASS_BAD_ARGUMENT},
        {"text=a,messages=m", "expected one of the three", LOBASS_BAD_ARGUMENT},
    };
    lb_buffer found = {0};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
    {
        lb_field_map *map = NULL;
        lobass_error error = {0};
        assert_int_equal(lb_field_map_create(&map, maps[i].text, &error), maps[i].status);
        if (maps[i].status != LOBASS_OK)
        {
            assert_non_null(strstr(error.message, maps[i].expected));
            continue;
        }
        assert_int_equal(lb_field_map_print(&found, map, &error), LOBASS_OK);
        assert_string_equal(found.data, maps[i].expected);
        lb_field_map_free(map);
    }
    lb_buffer_free(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_chat_only), cmocka_unit_test(test_template_values),
        cmocka_unit_test(test_tools),     cmocka_unit_test(test_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

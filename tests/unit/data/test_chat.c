/* SPDX-License-Identifier: Apache-2.0
 *
 * Chat templates of the kinds that are in use, small ones of our own: the rendering with what is
 * scored between { and }, and what is told of it. And what a template may do to us: end nowhere,
 * nest, or meet its own marks in a record.
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

#define FOLDER TEST_BINARY_DIR "/tests/chat_model"
#define TEMPLATE FOLDER "/other.jinja"
#define PROMPT "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

static const char *const specials[] = {"<|im_start|>", "<|im_end|>", "<|eot|>",   "<|end|>",
                                       "<|user|>",     "<|call|>",   "<|start|>", "[CALLS]"};
#define N_SPECIALS (sizeof specials / sizeof *specials)
#define VOCABULARY (TINY_VOCABULARY + N_SPECIALS)

static const char chatml[] = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
                             "<|im_end|>\n{% endfor %}" PROMPT;
/* Trims, and begins with BOS. */
static const char llama[] = "{{ bos_token }}{% for m in messages %}<|start|>{{ m['role'] }}\n"
                            "{{ m['content'] | trim }}<|eot|>{% endfor %}"
                            "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}";
/* Shows reasoning behind the last question only, and there always. */
static const char qwen[] =
    "{% set ns = namespace(last=-1) %}{% for m in messages %}{% if m.role == 'user' %}"
    "{% set ns.last = loop.index0 %}{% endif %}{% endfor %}{% for m in messages %}<|im_start|>"
    "{{ m.role }}\n{% if m.role == 'assistant' and loop.index0 > ns.last %}<think>\n"
    "{{ m.reasoning_content or '' }}\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n"
    "{% endfor %}" PROMPT;
static const char gemma[] =
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% for m in messages %}<|start|>{{ 'model' if m.role == 'assistant' else m.role }}"
    "\n{{ m.content | trim }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|start|>model\n"
    "{% endif %}";
/* The system's text stands in the last question. */
static const char mistral[] =
    "{% set system = '' %}{% if messages[0].role == 'system' %}{% set system = messages[0].content"
    " + '\\n\\n' %}{% set messages = messages[1:] %}{% endif %}{% for m in messages %}"
    "{% if m.role == 'user' %}[INST] {{ system if loop.index0 >= messages | length - 2 }}"
    "{{ m.content }} [/INST]{% else %} {{ m.content }}</s>{% endif %}{% endfor %}";
static const char phi[] = "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n"
                          "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% else %}"
                          "{{ eos_token }}{% endif %}";
/* The name of what was called stands in the answer to it as well. */
static const char tools[] =
    "{% if tools %}{{ tools | tojson }}\n{% endif %}{% for m in messages %}{% if m.tool_calls %}"
    "{% set last = m.tool_calls[0].function %}<|start|>assistant\n[CALLS]{{ last.name }}"
    "{{ last.arguments | tojson }}<|call|>{% elif m.role == 'tool' %}<|start|>"
    "{{ messages[loop.index0 - 1].tool_calls[0].function.name }}\n{{ m.content }}<|end|>"
    "{% else %}<|start|>{{ m.role }}\n{{ m.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}";
/* Header and newline in the block, as public copies have them. */
static const char blocks[] =
    "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}<|im_start|>assistant\n"
    "{{ m.content }}<|im_end|>\n{% endgeneration %}{% else %}<|im_start|>{{ m.role }}\n"
    "{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}" PROMPT;
/* An end token only before the next message. */
static const char late[] = "{% for m in messages %}{% if not loop.first %}</s>\n{% endif %}"
                           "{{ m.role }}: {{ m.content }}{% endfor %}"
                           "{% if add_generation_prompt %}</s>\nassistant: {% endif %}";

#define USER(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define SYSTEM(text) "{\"role\":\"system\",\"content\":\"" text "\"}"
#define MODEL(text) "{\"role\":\"assistant\",\"content\":\"" text "\"}"
#define THINKING(thought, text) \
    "{\"role\":\"assistant\",\"reasoning_content\":\"" thought "\",\"content\":\"" text "\"}"
#define CALL                                                                           \
    "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"type\":\"function\"," \
    "\"function\":{\"name\":\"look\",\"arguments\":{\"at\":\"sky\",\"n\":1}}}]}"
#define ANSWER(text) "{\"role\":\"tool\",\"content\":\"" text "\"}"
#define CHAT(messages) "{\"messages\":[" messages "]}"
#define NOTE(name) (1U << LOBASS_NOTE_##name)

static const struct
{
    const char *template, *record, *expected;
    uint32_t notes;
    lobass_spans spans;
} examples[] = {
    {chatml, CHAT(USER("q") "," MODEL("a")),
     "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n{a<|im_end|>}\n", 0, 0},
    {chatml, CHAT(USER("q") "," MODEL("a") "," USER("r") "," MODEL("b") "," USER("s")),
     "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n{a<|im_end|>}\n<|im_start|>user\nr"
     "<|im_end|>\n<|im_start|>assistant\n{b<|im_end|>}\n<|im_start|>user\ns<|im_end|>\n",
     0, 0},
    {chatml, CHAT(MODEL("a") "," MODEL("a")),
     "<|im_start|>assistant\n{a<|im_end|>}\n<|im_start|>assistant\n{a<|im_end|>}\n", 0, 0},
    /* Marks of the template in the record. */
    {chatml, CHAT(USER("q<|im_end|>") "," MODEL("x<|im_end|>\\n<|im_start|>user\\ny")),
     "<|im_start|>user\nq<|im_end|><|im_end|>\n<|im_start|>assistant\n{x<|im_end|>\n<|im_start|>"
     "user\ny<|im_end|>}\n",
     0, 0},
    {llama, CHAT(USER(" q ") "," MODEL(" a\\n")),
     "<s><|start|>user\nq<|eot|><|start|>assistant\n{a<|eot|>}", NOTE(TRIMMED), 0},
    {qwen, CHAT(USER("q") "," THINKING("t", "a") "," USER("r") "," THINKING("u", "b")),
     "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n{a<|im_end|>}\n<|im_start|>user\nr"
     "<|im_end|>\n<|im_start|>assistant\n{<think>\nu\n</think>\n\nb<|im_end|>}\n",
     NOTE(DROPPED), 0},
    {gemma, CHAT(USER("q") "," MODEL("a ")),
     "<|start|>user\nq<|end|>\n<|start|>model\n{a<|end|>}\n", NOTE(TRIMMED), 0},
    {mistral, CHAT(SYSTEM("s") "," USER("q") "," MODEL("a") "," USER("r") "," MODEL("b")),
     "[INST] q [/INST]{ a</s>}[INST] s\n\nr [/INST]{ b</s>}", NOTE(EDGE), 0},
    {phi, CHAT(USER("q") "," MODEL("a") "," USER("r") "," MODEL("b")),
     "<|user|>\nq<|end|>\n<|assistant|>\n{a<|end|>}\n<|user|>\nr<|end|>\n<|assistant|>\n"
     "{b<|end|>}\n</s>",
     0, 0},
    {tools, CHAT(USER("q") "," CALL "," ANSWER("blue") "," MODEL("It is")),
     "<|start|>user\nq<|end|><|start|>assistant\n{[CALLS]look{\"at\": \"sky\", \"n\": 1}<|call|>}"
     "<|start|>look\nblue<|end|><|start|>assistant\n{It is<|end|>}",
     0, 0},
    {blocks, CHAT(USER("q") "," MODEL("a")),
     "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n{a<|im_end|>}\n", 0, 0},
    {blocks, CHAT(USER("q") "," MODEL("a")),
     "<|im_start|>user\nq<|im_end|>\n{<|im_start|>assistant\na<|im_end|>\n}", 0,
     LOBASS_SPANS_BLOCKS},
    {late, CHAT(USER("q") "," MODEL("a") "," USER("r") "," MODEL("b")),
     "user: q</s>\nassistant: {a</s>}\nuser: r</s>\nassistant: {b}", NOTE(NO_END), 0},
};

static lobass_tokenizer *tokenizer_make(void)
{
    lobass_error error = {0};
    lobass_tokenizer *tokenizer = NULL;
    lb_buffer text = {0};
    assert_int_equal(lb_folder_create(FOLDER, &error), LOBASS_OK);
    (void)lb_buffer_append_text(&text, "{\"version\":\"1.0\",\"added_tokens\":[", &error);
    for (size_t i = 0; i < N_SPECIALS + 2; i++)
    {
        const char *name = i == 0 ? "<s>" : i == 1 ? "</s>" : specials[i - 2];
        (void)lb_buffer_print(&text, &error,
                              "%s{\"id\":%zu,\"content\":\"%s\",\"single_word\":false,"
                              "\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
                              "\"special\":true}",
                              i > 0 ? "," : "", (size_t)TINY_BOS + i, name);
    }
    (void)lb_buffer_append_text(&text,
                                "],\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\","
                                "\"add_prefix_space\":false,\"use_regex\":false},"
                                "\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\"},"
                                "\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{",
                                &error);
    for (unsigned byte = 0; byte < 256; byte++)
    {
        (void)lb_buffer_print(&text, &error, "%s\"\\u%04x\":%u", byte > 0 ? "," : "",
                              tiny_code_point(byte), byte);
    }
    (void)lb_buffer_append_text(&text, ",\":T\":256}}}", &error);
    tiny_write(FOLDER, "tokenizer.json", &text);
    lb_buffer_clear(&text);
    (void)lb_buffer_append_text(
        &text, "{\"bos_token\":\"<s>\",\"eos_token\":{\"content\":\"</s>\"},\"pad_token\":null}",
        &error);
    tiny_write(FOLDER, "tokenizer_config.json", &text);
    lb_buffer_free(&text);
    if (lobass_tokenizer_load(&tokenizer, FOLDER, &error) != LOBASS_OK)
    {
        fail_msg("%s", error.message);
    }
    return tokenizer;
}

static void template_write(const char *name, const char *text)
{
    lb_buffer buffer = {0};
    (void)lb_buffer_append_text(&buffer, text, NULL);
    tiny_write(FOLDER, name, &buffer);
    lb_buffer_free(&buffer);
}

/* Options with the template TEXT; *CHAT is to be released. */
static lobass_format_options options_make(char **chat, const char *text, lobass_spans spans)
{
    lobass_error error = {0};
    lobass_format_options options = {.template_name = TEMPLATE, .spans = spans, .max_length = 1024};
    template_write("other.jinja", text);
    if (lb_chat_template_read(chat, &options, FOLDER, &error) != LOBASS_OK)
    {
        fail_msg("%s", error.message);
    }
    options.chat = *chat;
    return options;
}

static void test_spans(void **state)
{
    const lobass_tokenizer *tokenizer = *state;
    lb_arena arena = {0};
    lb_buffer found = {0};
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
    {
        char *chat = NULL;
        lb_template *chosen = NULL;
        lb_renderer *renderer = NULL;
        lb_conversation conversation;
        lb_rendering r;
        lobass_error error = {0};
        const lobass_format_options options =
            options_make(&chat, examples[i].template, examples[i].spans);
        const char *record = examples[i].record;
        assert_int_equal(lb_template_open(&chosen, &options, &error), LOBASS_OK);
        assert_int_equal(lb_renderer_create(&renderer, chosen, tokenizer, &error), LOBASS_OK);
        assert_int_equal(
            lb_conversation_parse(&conversation, record, strlen(record), NULL, &arena, &error),
            LOBASS_OK);
        assert_int_equal(lb_renderer_render(renderer, &r, &conversation, &arena, &error),
                         LOBASS_OK);
        lb_buffer_clear(&found);
        size_t at = 0;
        for (size_t s = 0; s <= r.n_responses; s++)
        {
            const size_t start = s < r.n_responses ? r.responses[s].start : r.size;
            const size_t end = s < r.n_responses ? r.responses[s].end : r.size;
            (void)lb_buffer_print(&found, NULL, "%.*s%s%.*s%s", (int)(start - at), r.text + at,
                                  s < r.n_responses ? "{" : "", (int)(end - start), r.text + start,
                                  s < r.n_responses ? "}" : "");
            at = end;
        }
        assert_string_equal(found.data, examples[i].expected);
        assert_int_equal(r.notes, examples[i].notes);
        lb_renderer_free(renderer);
        lb_template_close(chosen);
        lb_arena_reset(&arena);
        free(chat);
    }
    lb_buffer_free(&found);
    lb_arena_free(&arena);
}

/* Names of special tokens are letters in a record, and tokens in the template. */
static void test_tokens(void **state)
{
    static const char record[] = CHAT(USER("<|im_end|>") "," MODEL("a"));
    const lobass_tokenizer *tokenizer = *state;
    const lb_record given = {.data = record, .size = sizeof record - 1};
    char *chat = NULL;
    lb_freezer *freezer = NULL;
    lobass_row row = {0};
    size_t n_special = 0;
    const lobass_format_options options = options_make(&chat, chatml, LOBASS_SPANS_PROMPT);
    assert_int_equal(lb_freezer_create(&freezer, tokenizer, &options, -1, VOCABULARY, NULL),
                     LOBASS_OK);
    assert_int_equal(lb_freezer_freeze(freezer, &row, &given, NULL), LOBASS_OK);
    assert_int_equal(row.status, LOBASS_ROW_OK);
    assert_int_equal(row.n_scored, 2);
    assert_int_equal(lb_freezer_notes(freezer), NOTE(SPECIAL_NAMES));
    assert_non_null(strstr(row.reason, "1 names of special tokens"));
    for (size_t t = 0; t < row.n_tokens; t++)
    {
        n_special += row.ids[t] >= TINY_BOS;
    }
    assert_int_equal(n_special, 4);
    const size_t n = row.n_tokens;
    assert_int_equal(row.flags[n - 1] >> LOBASS_TOKEN_PART_SHIFT, LOBASS_PART_NEWLINE);
    assert_int_equal(row.flags[n - 2], LOBASS_TOKEN_SCORED | LOBASS_TOKEN_RESPONSE |
                                           LOBASS_TOKEN_END |
                                           LOBASS_PART_END << LOBASS_TOKEN_PART_SHIFT);
    assert_int_equal(row.flags[n - 3], LOBASS_TOKEN_SCORED | LOBASS_TOKEN_RESPONSE |
                                           LOBASS_TOKEN_FIRST |
                                           LOBASS_PART_CONTENT << LOBASS_TOKEN_PART_SHIFT);
    assert_int_equal(row.flags[n - 4], LOBASS_PART_HEADER << LOBASS_TOKEN_PART_SHIFT);
    lb_freezer_free(freezer);
    free(chat);
}

/* What a template cannot show, or does not end with, is a bad record in its own words. */
static void test_bad_records(void **state)
{
    static const struct
    {
        const char *template, *record, *reason;
    } bad[] = {
        {gemma, CHAT(SYSTEM("s") "," USER("q") "," MODEL("a")), "System role not supported"},
        {"{{ messages[0].content + none }}", CHAT(USER("q") "," MODEL("a")), "line 1"},
        {"{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
         CHAT(USER("q") "," MODEL("a")), "need more than"},
    };
    const lobass_tokenizer *tokenizer = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    {
        char *chat = NULL;
        lb_freezer *freezer = NULL;
        lobass_row row = {0};
        const lb_record given = {.data = bad[i].record, .size = strlen(bad[i].record)};
        const lobass_format_options options =
            options_make(&chat, bad[i].template, LOBASS_SPANS_PROMPT);
        assert_int_equal(lb_freezer_create(&freezer, tokenizer, &options, -1, VOCABULARY, NULL),
                         LOBASS_OK);
        assert_int_equal(lb_freezer_freeze(freezer, &row, &given, NULL), LOBASS_OK);
        assert_int_equal(row.status, LOBASS_ROW_BAD_RECORD);
        if (strstr(row.reason, bad[i].reason) == NULL)
        {
            fail_msg("%s", row.reason);
        }
        lb_freezer_free(freezer);
        free(chat);
    }
}

/* A prompt is how the row begins. */
static void test_prompts(void **state)
{
    static const char record[] =
        CHAT(USER("q") "," THINKING("t", "a") "," USER("r") "," THINKING("u", "b"));
    const lobass_tokenizer *tokenizer = *state;
    const lb_record given = {.data = record, .size = sizeof record - 1};
    char *chat = NULL;
    lb_template *chosen = NULL;
    lb_prompter *prompter = NULL;
    lb_freezer *freezer = NULL;
    lb_prompt prompt;
    lobass_row row = {0};
    const lobass_format_options options = options_make(&chat, qwen, LOBASS_SPANS_PROMPT);
    assert_int_equal(lb_template_open(&chosen, &options, NULL), LOBASS_OK);
    assert_int_equal(lb_prompter_create(&prompter, tokenizer, chosen, -1, VOCABULARY, NULL),
                     LOBASS_OK);
    assert_int_equal(lb_prompter_record(prompter, &prompt, &given, NULL), LOBASS_OK);
    assert_null(prompt.reason);
    assert_int_equal(prompt.response_size, 1);
    assert_int_equal(lb_freezer_create(&freezer, tokenizer, &options, -1, VOCABULARY, NULL),
                     LOBASS_OK);
    assert_int_equal(lb_freezer_freeze(freezer, &row, &given, NULL), LOBASS_OK);
    size_t n = row.n_tokens;
    while ((row.flags[--n] & LOBASS_TOKEN_FIRST) == 0)
    {
    }
    assert_int_equal(n, prompt.n_ids);
    assert_memory_equal(row.ids, prompt.ids, n * sizeof *row.ids);
    lb_freezer_free(freezer);
    lb_prompter_free(prompter);
    lb_template_close(chosen);
    free(chat);
}

/* Where a model's own template is, which of several, and what goes with it. */
static void test_reading(void **state)
{
    static const char *const variables[] = {"greeting=\"hi\""};
    static const char *const unknown[] = {"nobody=1"};
    static const char *const no_json[] = {"greeting=hi"};
    lobass_error error = {0};
    char *chat = NULL;
    bool is_changed = false;
    (void)state;
    lobass_format_options options = {.template_name = "chat",
                                     .template_variables = variables,
                                     .n_template_variables = 1,
                                     .template_date = "2026-02-28"};
    template_write("chat_template.jinja", "{{ greeting }}{{ strftime_now('%d %b %Y') }}");
    assert_int_equal(lb_chat_template_read(&chat, &options, FOLDER, &error), LOBASS_OK);
    assert_string_equal(
        chat, "{\"name\": \"chat\", \"templates\": {\"default\": \"{{ greeting }}{{ "
              "strftime_now('%d %b %Y') }}\"}, \"special_tokens\": {\"bos_token\": \"<s>\", "
              "\"eos_token\": \"</s>\"}, \"variables\": {\"greeting\": \"hi\"}, \"date\": "
              "\"2026-02-28\"}");
    /* The folder changes, the run goes on. */
    char *recorded = chat;
    template_write("chat_template.jinja", "{{ greeting }}!");
    options.template_date = NULL;
    assert_int_equal(lb_chat_template_read(&chat, &options, FOLDER, &error), LOBASS_OK);
    assert_null(strstr(chat, "date"));
    assert_int_equal(lb_chat_template_keep(&chat, recorded, &options, &is_changed, &error),
                     LOBASS_OK);
    assert_true(is_changed);
    assert_string_equal(chat, recorded);
    free(chat);
    free(recorded);
    options.template_variables = unknown;
    assert_int_equal(lb_chat_template_read(&chat, &options, FOLDER, &error), LOBASS_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "\"nobody\""));
    options.template_variables = no_json;
    assert_int_equal(lb_chat_template_read(&chat, &options, FOLDER, &error), LOBASS_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "expected JSON"));
    options.template_variables = variables;
    options.template_date = "2026-02-29";
    assert_int_equal(lb_chat_template_read(&chat, &options, FOLDER, &error), LOBASS_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "2026-02-29"));
    options.template_date = NULL;
    options.spans = LOBASS_SPANS_BLOCKS;
    assert_int_equal(lb_chat_template_read(&chat, &options, FOLDER, &error), LOBASS_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "generation"));
    assert_int_equal(remove(FOLDER "/chat_template.jinja"), 0);
    options.spans = LOBASS_SPANS_PROMPT;
    assert_int_equal(lb_chat_template_read(&chat, &options, FOLDER, &error), LOBASS_NOT_FOUND);
}

static int prepare(void **state)
{
    *state = tokenizer_make();
    return 0;
}

static int finish(void **state)
{
    lobass_tokenizer_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans),   cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_prompts), cmocka_unit_test(test_bad_records),
        cmocka_unit_test(test_reading),
    };
    return cmocka_run_group_tests(tests, prepare, finish);
}

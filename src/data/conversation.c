/* SPDX-License-Identifier: Apache-2.0
 *
 * A record of any of the formats of docs/CLI.md as a conversation:
 *
 *   instruction/output   Alpaca: {instruction, input?, output, system?, history?: [[q, a], ...]}
 *   conversations        ShareGPT: {conversations: [{from, value}], system?}
 *   messages             OpenAI: {messages: [{role, content}], system?}
 *   prompt/completion    TRL: {prompt, completion, system?}, strings or lists of messages
 *   question/answer      {question | query, answer | response, system?, history?}
 *   text                 {text}: plain language modelling
 *
 * A record is the first of them whose fields are all there, else the first whose leading field is
 * (so that the missing one can be named). Optional fields may be null. Other fields are ignored;
 * so are ShareGPT's `tools`, which only a chat template knows how to show. Assistant turns of a
 * prompt that is a list of messages are context, as TRL has it. Roles, content and weights:
 * messages.c.
 */
#include <string.h>

#include "data/messages.h"

#define N_SPELLINGS 2
#define MAX_FIELDS_SHOWN 6

typedef lobass_status (*parse_function)(lb_message_list *list, const lb_value *record,
                                        const char *leading, const char *closing,
                                        lobass_error *error);

/* ---- fields ------------------------------------------------------------------------------------
 */

static lobass_status fail_kind(lobass_error *error, const char *key, const char *expected,
                               const lb_value *found)
{
    if (found == NULL)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "field \"%s\" is missing", key);
    }
    return lb_fail(error, LOBASS_BAD_FORMAT, "field \"%s\": expected %s, found %s", key, expected,
                   lb_value_describe(found));
}

/* Adds the string KEY of the record as one message. */
static lobass_status add_field(lb_message_list *list, const lb_value *record, const char *key,
                               lb_role role, lobass_error *error)
{
    const lb_value *value = lb_value_get(record, key);
    if (!lb_value_is(value, LB_VALUE_STRING))
    {
        return fail_kind(error, key, "a string", value);
    }
    return lb_message_list_add(list, role, value->text, value->size, error);
}

/* The same where the field may be missing, null or empty: *VALUE is then NULL. */
static lobass_status find_optional(const lb_value **value, const lb_value *record, const char *key,
                                   lobass_error *error)
{
    *value = lb_value_get(record, key);
    if (*value != NULL && !lb_value_is(*value, LB_VALUE_NULL) &&
        !lb_value_is(*value, LB_VALUE_STRING))
    {
        return fail_kind(error, key, "a string", *value);
    }
    if (*value != NULL && (*value)->size == 0)
    {
        *value = NULL;
    }
    return LOBASS_OK;
}

static lobass_status add_system(lb_message_list *list, const lb_value *record, lobass_error *error)
{
    const lb_value *value = NULL;
    LB_TRY(find_optional(&value, record, "system", error));
    return value == NULL
               ? LOBASS_OK
               : lb_message_list_add(list, LB_ROLE_SYSTEM, value->text, value->size, error);
}

/* Earlier turns as a list of [question, answer]. */
static lobass_status add_history(lb_message_list *list, const lb_value *record, lobass_error *error)
{
    static const lb_role roles[] = {LB_ROLE_USER, LB_ROLE_ASSISTANT};
    const lb_value *history = lb_value_get(record, "history");
    if (history == NULL || lb_value_is(history, LB_VALUE_NULL))
    {
        return LOBASS_OK;
    }
    if (!lb_value_is(history, LB_VALUE_ARRAY))
    {
        return fail_kind(error, "history", "a list of pairs", history);
    }
    size_t number = 0;
    for (const lb_value *pair = history->first; pair != NULL; pair = pair->next)
    {
        number++;
        if (!lb_value_is(pair, LB_VALUE_ARRAY) || pair->count != 2)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "field \"history\": pair %zu: expected a list of two strings", number);
        }
        const lb_value *text = pair->first;
        for (size_t side = 0; side < 2; side++, text = text->next)
        {
            if (!lb_value_is(text, LB_VALUE_STRING))
            {
                return lb_fail(error, LOBASS_BAD_FORMAT,
                               "field \"history\": pair %zu: expected two strings, found %s",
                               number, lb_value_describe(text));
            }
            LB_TRY(lb_message_list_add(list, roles[side], text->text, text->size, error));
        }
    }
    return LOBASS_OK;
}

/* The response that a record ends with; a prompt may be without it. */
static bool is_open(const lb_message_list *list, const lb_value *record, const char *closing)
{
    const lb_value *value = lb_value_get(record, closing);
    return list->is_prompt && (value == NULL || lb_value_is(value, LB_VALUE_NULL));
}

static lobass_status add_response(lb_message_list *list, const lb_value *record,
                                  const char *closing, lobass_error *error)
{
    return is_open(list, record, closing)
               ? LOBASS_OK
               : add_field(list, record, closing, LB_ROLE_ASSISTANT, error);
}

/* ---- formats -----------------------------------------------------------------------------------
 */

static lobass_status parse_alpaca(lb_message_list *list, const lb_value *record,
                                  const char *leading, const char *closing, lobass_error *error)
{
    const lb_value *input = NULL;
    LB_TRY(add_system(list, record, error));
    LB_TRY(add_history(list, record, error));
    LB_TRY(find_optional(&input, record, "input", error));
    LB_TRY(add_field(list, record, leading, LB_ROLE_USER, error));
    if (input != NULL)
    {
        lb_message *last = &list->messages[list->count - 1];
        last->input = input->text;
        last->input_size = input->size;
    }
    return add_response(list, record, closing, error);
}

static lobass_status parse_messages(lb_message_list *list, const lb_value *record,
                                    const char *leading, const char *closing, lobass_error *error)
{
    (void)closing;
    const lb_value *messages = lb_value_get(record, leading);
    if (!lb_value_is(messages, LB_VALUE_ARRAY))
    {
        return fail_kind(error, leading, "a list of messages", messages);
    }
    LB_TRY(add_system(list, record, error));
    return lb_message_list_read(list, messages, "", false, error);
}

static lobass_status add_side(lb_message_list *list, const lb_value *record, const char *key,
                              lb_role role, lobass_error *error)
{
    const lb_value *value = lb_value_get(record, key);
    if (lb_value_is(value, LB_VALUE_ARRAY))
    {
        char prefix[LB_SHORT_NAME_SIZE];
        (void)snprintf(prefix, sizeof prefix, "%s: ", key);
        return lb_message_list_read(list, value, prefix, role == LB_ROLE_USER, error);
    }
    if (value != NULL && !lb_value_is(value, LB_VALUE_STRING))
    {
        return fail_kind(error, key, "a string or a list of messages", value);
    }
    return add_field(list, record, key, role, error);
}

static lobass_status parse_completion(lb_message_list *list, const lb_value *record,
                                      const char *leading, const char *closing, lobass_error *error)
{
    LB_TRY(add_system(list, record, error));
    LB_TRY(add_side(list, record, leading, LB_ROLE_USER, error));
    return is_open(list, record, closing)
               ? LOBASS_OK
               : add_side(list, record, closing, LB_ROLE_ASSISTANT, error);
}

static lobass_status parse_question(lb_message_list *list, const lb_value *record,
                                    const char *leading, const char *closing, lobass_error *error)
{
    LB_TRY(add_system(list, record, error));
    LB_TRY(add_history(list, record, error));
    LB_TRY(add_field(list, record, leading, LB_ROLE_USER, error));
    return add_response(list, record, closing, error);
}

static lobass_status parse_text(lb_message_list *list, const lb_value *record, const char *leading,
                                const char *closing, lobass_error *error)
{
    (void)closing;
    return add_field(list, record, leading, LB_ROLE_TEXT, error);
}

/* In order of precedence. NULL as the closing field: the leading one is all there is. */
typedef struct record_format
{
    const char *name;
    const char *leading[N_SPELLINGS], *closing[N_SPELLINGS];
    parse_function parse;
} record_format;

static const record_format formats[] = {
    {"instruction/output", {"instruction"}, {"output"}, parse_alpaca},
    {"conversations", {"conversations"}, {NULL}, parse_messages},
    {"messages", {"messages"}, {NULL}, parse_messages},
    {"prompt/completion", {"prompt"}, {"completion"}, parse_completion},
    {"question/answer", {"question", "query"}, {"answer", "response"}, parse_question},
    {"text", {"text"}, {NULL}, parse_text},
};

#define N_FORMATS (sizeof formats / sizeof *formats)

/* ---- recognition -------------------------------------------------------------------------------
 */

/* The spelling of a field that the record has, or N_SPELLINGS. */
static size_t find_spelling(const lb_value *record, const char *const keys[N_SPELLINGS])
{
    for (size_t i = 0; i < N_SPELLINGS; i++)
    {
        if (keys[i] != NULL && lb_value_get(record, keys[i]) != NULL)
        {
            return i;
        }
    }
    return N_SPELLINGS;
}

static const record_format *recognise(const lb_value *record, const char **leading,
                                      const char **closing)
{
    for (int is_lenient = 0; is_lenient < 2; is_lenient++)
    {
        for (size_t f = 0; f < N_FORMATS; f++)
        {
            const size_t first = find_spelling(record, formats[f].leading);
            const size_t last = find_spelling(record, formats[f].closing);
            const bool is_whole = formats[f].closing[0] == NULL || last < N_SPELLINGS;
            if (first < N_SPELLINGS && (is_whole || is_lenient))
            {
                *leading = formats[f].leading[first];
                *closing = formats[f].closing[last < N_SPELLINGS ? last : first];
                return &formats[f];
            }
        }
    }
    return NULL;
}

/* Appends to a message of limited length; what does not fit is left out. */
static void append(char *message, size_t capacity, const char *text)
{
    const size_t used = strlen(message);
    (void)snprintf(message + used, capacity - used, "%s", text);
}

static lobass_status fail_unknown(const lb_value *record, lobass_error *error)
{
    char expected[256] = "", found[512] = "";
    for (size_t f = 0; f < N_FORMATS; f++)
    {
        append(expected, sizeof expected, f == 0 ? "" : f + 1 == N_FORMATS ? " or " : ", ");
        append(expected, sizeof expected, formats[f].name);
    }
    size_t n_shown = 0;
    for (const lb_value *member = record->first; member != NULL && n_shown < MAX_FIELDS_SHOWN;
         member = member->next)
    {
        char name[LB_SHORT_NAME_SIZE];
        lb_short_name(name, member->key, strlen(member->key));
        append(found, sizeof found, n_shown == 0 ? "fields \"" : ", \"");
        append(found, sizeof found, name);
        append(found, sizeof found, "\"");
        n_shown++;
    }
    if (record->count > n_shown)
    {
        char more[64];
        (void)snprintf(more, sizeof more, " and %zu more", record->count - n_shown);
        append(found, sizeof found, more);
    }
    return lb_fail(error, LOBASS_BAD_FORMAT, "expected %s; found %s", expected,
                   n_shown == 0 ? "no fields" : found);
}

static lobass_status parse_record(lb_conversation *conversation, const lb_value *record,
                                  bool is_prompt, lb_arena *arena, lobass_error *error)
{
    if (!lb_value_is(record, LB_VALUE_OBJECT))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "expected an object, found %s",
                       lb_value_describe(record));
    }
    const char *leading = NULL, *closing = NULL;
    const record_format *format = recognise(record, &leading, &closing);
    if (format == NULL)
    {
        return fail_unknown(record, error);
    }
    lb_message_list list = {.arena = arena, .is_prompt = is_prompt};
    const lb_value *tools = lb_value_get(record, "tools");
    *conversation = (lb_conversation){.tools = lb_value_is(tools, LB_VALUE_ARRAY) ? tools : NULL};
    LB_TRY(format->parse(&list, record, leading, closing, error));
    return lb_message_list_finish(conversation, &list, error);
}

lobass_status lb_conversation_parse(lb_conversation *conversation, const char *data,
                                    size_t size_bytes, lb_arena *arena, lobass_error *error)
{
    const lb_value *record = NULL;
    LB_TRY(lb_value_parse(&record, data, size_bytes, "not valid JSON within the record", arena,
                          error));
    return parse_record(conversation, record, false, arena, error);
}

lobass_status lb_conversation_parse_prompt(lb_conversation *conversation, const char *data,
                                           size_t size_bytes, lb_arena *arena, lobass_error *error)
{
    const lb_value *record = NULL;
    LB_TRY(lb_value_parse(&record, data, size_bytes, "not valid JSON within the record", arena,
                          error));
    return parse_record(conversation, record, true, arena, error);
}

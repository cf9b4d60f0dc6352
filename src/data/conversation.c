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

typedef lobass_status (*parse_function)(lb_message_list *list, json_t *record, const char *leading,
                                        const char *closing, lobass_error *error);

/* ---- fields ------------------------------------------------------------------------------------
 */

static lobass_status fail_kind(lobass_error *error, const char *key, const char *expected,
                               const json_t *found)
{
    if (found == NULL)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "field \"%s\" is missing", key);
    }
    return lb_fail(error, LOBASS_BAD_FORMAT, "field \"%s\": expected %s, found %s", key, expected,
                   lb_json_kind(found));
}

/* Adds the string KEY of the record as one message. */
static lobass_status add_field(lb_message_list *list, const json_t *record, const char *key,
                               lb_role role, lobass_error *error)
{
    const json_t *value = json_object_get(record, key);
    if (!json_is_string(value))
    {
        return fail_kind(error, key, "a string", value);
    }
    return lb_message_list_add(list, role, json_string_value(value), json_string_length(value),
                               error);
}

/* The same where the field may be missing, null or empty: *VALUE is then NULL. */
static lobass_status find_optional(const json_t **value, const json_t *record, const char *key,
                                   lobass_error *error)
{
    *value = json_object_get(record, key);
    if (*value != NULL && !json_is_null(*value) && !json_is_string(*value))
    {
        return fail_kind(error, key, "a string", *value);
    }
    if (json_string_length(*value) == 0)
    {
        *value = NULL;
    }
    return LOBASS_OK;
}

static lobass_status add_system(lb_message_list *list, const json_t *record, lobass_error *error)
{
    const json_t *value = NULL;
    LB_TRY(find_optional(&value, record, "system", error));
    return value == NULL ? LOBASS_OK
                         : lb_message_list_add(list, LB_ROLE_SYSTEM, json_string_value(value),
                                               json_string_length(value), error);
}

/* Earlier turns as a list of [question, answer]. */
static lobass_status add_history(lb_message_list *list, const json_t *record, lobass_error *error)
{
    static const lb_role roles[] = {LB_ROLE_USER, LB_ROLE_ASSISTANT};
    const json_t *history = json_object_get(record, "history");
    if (history == NULL || json_is_null(history))
    {
        return LOBASS_OK;
    }
    if (!json_is_array(history))
    {
        return fail_kind(error, "history", "a list of pairs", history);
    }
    for (size_t i = 0; i < json_array_size(history); i++)
    {
        const json_t *pair = json_array_get(history, i);
        if (json_array_size(pair) != 2)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "field \"history\": pair %zu: expected a list of two strings", i + 1);
        }
        for (size_t side = 0; side < 2; side++)
        {
            const json_t *text = json_array_get(pair, side);
            if (!json_is_string(text))
            {
                return lb_fail(error, LOBASS_BAD_FORMAT,
                               "field \"history\": pair %zu: expected two strings, found %s", i + 1,
                               lb_json_kind(text));
            }
            LB_TRY(lb_message_list_add(list, roles[side], json_string_value(text),
                                       json_string_length(text), error));
        }
    }
    return LOBASS_OK;
}

/* ---- formats -----------------------------------------------------------------------------------
 */

static lobass_status parse_alpaca(lb_message_list *list, json_t *record, const char *leading,
                                  const char *closing, lobass_error *error)
{
    const json_t *input = NULL;
    LB_TRY(add_system(list, record, error));
    LB_TRY(add_history(list, record, error));
    LB_TRY(find_optional(&input, record, "input", error));
    LB_TRY(add_field(list, record, leading, LB_ROLE_USER, error));
    if (input != NULL)
    {
        lb_message *last = &list->messages[list->count - 1];
        last->input = json_string_value(input);
        last->input_size = json_string_length(input);
    }
    return add_field(list, record, closing, LB_ROLE_ASSISTANT, error);
}

static lobass_status parse_messages(lb_message_list *list, json_t *record, const char *leading,
                                    const char *closing, lobass_error *error)
{
    (void)closing;
    json_t *messages = json_object_get(record, leading);
    if (!json_is_array(messages))
    {
        return fail_kind(error, leading, "a list of messages", messages);
    }
    LB_TRY(add_system(list, record, error));
    return lb_message_list_read(list, messages, "", false, error);
}

static lobass_status add_side(lb_message_list *list, const json_t *record, const char *key,
                              lb_role role, lobass_error *error)
{
    json_t *value = json_object_get(record, key);
    if (json_is_array(value))
    {
        char prefix[LB_SHORT_NAME_SIZE];
        (void)snprintf(prefix, sizeof prefix, "%s: ", key);
        return lb_message_list_read(list, value, prefix, role == LB_ROLE_USER, error);
    }
    if (value != NULL && !json_is_string(value))
    {
        return fail_kind(error, key, "a string or a list of messages", value);
    }
    return add_field(list, record, key, role, error);
}

static lobass_status parse_completion(lb_message_list *list, json_t *record, const char *leading,
                                      const char *closing, lobass_error *error)
{
    LB_TRY(add_system(list, record, error));
    LB_TRY(add_side(list, record, leading, LB_ROLE_USER, error));
    return add_side(list, record, closing, LB_ROLE_ASSISTANT, error);
}

static lobass_status parse_question(lb_message_list *list, json_t *record, const char *leading,
                                    const char *closing, lobass_error *error)
{
    LB_TRY(add_system(list, record, error));
    LB_TRY(add_history(list, record, error));
    LB_TRY(add_field(list, record, leading, LB_ROLE_USER, error));
    return add_field(list, record, closing, LB_ROLE_ASSISTANT, error);
}

static lobass_status parse_text(lb_message_list *list, json_t *record, const char *leading,
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
static size_t find_spelling(const json_t *record, const char *const keys[N_SPELLINGS])
{
    for (size_t i = 0; i < N_SPELLINGS; i++)
    {
        if (keys[i] != NULL && json_object_get(record, keys[i]) != NULL)
        {
            return i;
        }
    }
    return N_SPELLINGS;
}

static const record_format *recognise(const json_t *record, const char **leading,
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

static lobass_status fail_unknown(json_t *record, lobass_error *error)
{
    char expected[256] = "", found[512] = "";
    for (size_t f = 0; f < N_FORMATS; f++)
    {
        append(expected, sizeof expected, f == 0 ? "" : f + 1 == N_FORMATS ? " or " : ", ");
        append(expected, sizeof expected, formats[f].name);
    }
    size_t n_shown = 0;
    for (void *at = json_object_iter(record); at != NULL && n_shown < MAX_FIELDS_SHOWN;
         at = json_object_iter_next(record, at))
    {
        char name[LB_SHORT_NAME_SIZE];
        const char *key = json_object_iter_key(at);
        lb_short_name(name, key, strlen(key));
        append(found, sizeof found, n_shown == 0 ? "fields \"" : ", \"");
        append(found, sizeof found, name);
        append(found, sizeof found, "\"");
        n_shown++;
    }
    if (json_object_size(record) > n_shown)
    {
        char more[64];
        (void)snprintf(more, sizeof more, " and %zu more", json_object_size(record) - n_shown);
        append(found, sizeof found, more);
    }
    return lb_fail(error, LOBASS_BAD_FORMAT, "expected %s; found %s", expected,
                   n_shown == 0 ? "no fields" : found);
}

static lobass_status parse_record(lb_conversation *conversation, json_t *record, lb_arena *arena,
                                  lobass_error *error)
{
    if (!json_is_object(record))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "expected an object, found %s",
                       lb_json_kind(record));
    }
    const char *leading = NULL, *closing = NULL;
    const record_format *format = recognise(record, &leading, &closing);
    if (format == NULL)
    {
        return fail_unknown(record, error);
    }
    lb_message_list list = {.arena = arena};
    LB_TRY(format->parse(&list, record, leading, closing, error));
    return lb_message_list_finish(conversation, &list, error);
}

lobass_status lb_conversation_parse(lb_conversation *conversation, const char *data,
                                    size_t size_bytes, lb_arena *arena, lobass_error *error)
{
    json_t *record = NULL;
    LB_TRY(lb_json_parse(&record, data, size_bytes, "not valid JSON", error));
    const lobass_status status = parse_record(conversation, record, arena, error);
    json_decref(record);
    return status;
}

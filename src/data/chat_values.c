/* SPDX-License-Identifier: Apache-2.0
 *
 * What a chat template is given of a record: its messages, tools and documents as values whose
 * characters know the message and the field that they come from. Names of roles are ours and count
 * as the template's.
 */
#include <string.h>

#include "data/templates.h"

static const char *const role_names[] = {
    [LB_ROLE_SYSTEM] = "system", [LB_ROLE_USER] = "user", [LB_ROLE_ASSISTANT] = "assistant",
    [LB_ROLE_TOOL] = "tool",     [LB_ROLE_TEXT] = "user",
};

/* What the members of a message are; others are LB_FIELD_OTHER. */
static const struct
{
    const char *key;
    lb_field field;
} fields[] = {
    {"content", LB_FIELD_CONTENT},      {"reasoning_content", LB_FIELD_REASONING},
    {"reasoning", LB_FIELD_REASONING},  {"thinking", LB_FIELD_REASONING},
    {"tool_calls", LB_FIELD_TOOL_CALL}, {"function_call", LB_FIELD_TOOL_CALL},
};

/* Of calls and parts: text that says which, not what. */
static const char *const details[] = {"id", "type", "index"};

/* What is being converted. */
typedef struct source
{
    size_t message;
    lb_field field;
    lb_said *said;   /* NULL: nobody counts */
    bool is_trusted; /* of the template's side */
} source;

static uint32_t origin_of(const source *from, lb_field field)
{
    return from->is_trusted ? 0 : 1 + (uint32_t)from->message * 8 + (uint32_t)field;
}

static void count(const source *from, const char *text, size_t size)
{
    lb_said *said = from->said;
    if (said == NULL)
    {
        return;
    }
    size_t start = 0;
    size_t end = size;
    while (start < end && lb_text_is_blank(text + start, 1))
    {
        start++;
    }
    while (end > start && lb_text_is_blank(text + end - 1, 1))
    {
        end--;
    }
    said->size[from->field] += size;
    said->edges[from->field] += size - (end - start);
}

static lobass_status convert(lb_chat *chat, lb_jinja_value *made, const lb_value *value,
                             const source *from, lobass_error *error);

static bool is_detail(const source *from, const char *key)
{
    bool is_one = false;
    for (size_t i = 0; i < sizeof details / sizeof *details; i++)
    {
        is_one = is_one || strcmp(details[i], key) == 0;
    }
    return is_one && from->field != LB_FIELD_OTHER;
}

static lobass_status convert_object(lb_chat *chat, lb_jinja_value *made, const lb_value *object,
                                    const source *from, lobass_error *error)
{
    lb_jinja_member *members =
        lb_arena_alloc(chat->arena, object->count + 1, sizeof *members, error);
    size_t n = 0;
    if (members == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (const lb_value *member = object->first; member != NULL; member = member->next, n++)
    {
        source of = *from;
        of.field = is_detail(from, member->key) ? LB_FIELD_CALL_DETAIL : from->field;
        of.said = of.field == from->field ? from->said : NULL;
        members[n] = (lb_jinja_member){.name = member->key,
                                       .size = strlen(member->key),
                                       .origin = origin_of(from, LB_FIELD_CALL_DETAIL)};
        LB_TRY(convert(chat, &members[n].value, member, &of, error));
    }
    return lb_jinja_dict(chat->jinja, made, members, n, error);
}

static lobass_status convert_array(lb_chat *chat, lb_jinja_value *made, const lb_value *array,
                                   const source *from, lobass_error *error)
{
    lb_jinja_value *values = lb_arena_alloc(chat->arena, array->count + 1, sizeof *values, error);
    size_t n = 0;
    if (values == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (const lb_value *element = array->first; element != NULL; element = element->next, n++)
    {
        LB_TRY(convert(chat, &values[n], element, from, error));
    }
    return lb_jinja_list(chat->jinja, made, values, n, error);
}

static lobass_status convert(lb_chat *chat, lb_jinja_value *made, const lb_value *value,
                             const source *from, lobass_error *error)
{
    const uint32_t number = origin_of(from, LB_FIELD_CALL_DETAIL);
    switch (value->kind)
    {
    case LB_VALUE_OBJECT:
        return convert_object(chat, made, value, from, error);
    case LB_VALUE_ARRAY:
        return convert_array(chat, made, value, from, error);
    case LB_VALUE_STRING:
        count(from, value->text, value->size);
        return lb_jinja_string(chat->jinja, made, value->text, value->size,
                               origin_of(from, from->field), error);
    case LB_VALUE_NUMBER:
        *made = value->is_integer ? lb_jinja_integer(value->integer, number)
                                  : lb_jinja_real(value->number, number);
        return LOBASS_OK;
    case LB_VALUE_TRUE:
    case LB_VALUE_FALSE:
        *made = lb_jinja_boolean(value->kind == LB_VALUE_TRUE);
        return LOBASS_OK;
    case LB_VALUE_NULL:
        break;
    }
    *made = lb_jinja_none();
    return LOBASS_OK;
}

/* ---- messages ----------------------------------------------------------------------------------
 */

static lb_field field_find(const char *key)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    {
        if (strcmp(fields[i].key, key) == 0)
        {
            return fields[i].field;
        }
    }
    return LB_FIELD_OTHER;
}

static lobass_status role_make(lb_chat *chat, lb_jinja_value *made, const char *name, size_t size,
                               size_t message, lobass_error *error)
{
    uint32_t origin = 1 + (uint32_t)message * 8 + LB_FIELD_OTHER;
    for (size_t i = 0; i < sizeof role_names / sizeof *role_names; i++)
    {
        const bool is_known =
            strlen(role_names[i]) == size && memcmp(role_names[i], name, size) == 0;
        origin = is_known ? 0 : origin;
    }
    return lb_jinja_string(chat->jinja, made, name, size, origin, error);
}

static lobass_status fields_convert(lb_chat *chat, lb_jinja_value *made, const lb_value *object,
                                    size_t index, lobass_error *error)
{
    lb_jinja_member *members =
        lb_arena_alloc(chat->arena, object->count + 1, sizeof *members, error);
    size_t n = 0;
    if (members == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (const lb_value *member = object->first; member != NULL; member = member->next, n++)
    {
        const source from = {index, field_find(member->key), &chat->said[index], false};
        members[n] = (lb_jinja_member){.name = member->key,
                                       .size = strlen(member->key),
                                       .origin = origin_of(&from, LB_FIELD_OTHER)};
        const bool is_role =
            strcmp(member->key, "role") == 0 && lb_value_is(member, LB_VALUE_STRING);
        LB_TRY(is_role
                   ? role_make(chat, &members[n].value, member->text, member->size, index, error)
                   : convert(chat, &members[n].value, member, &from, error));
    }
    return lb_jinja_dict(chat->jinja, made, members, n, error);
}

/* The text of a message; what Alpaca has as "input" stands on a line of its own behind it. */
static lobass_status text_make(lb_chat *chat, lb_jinja_value *made, const lb_message *message,
                               const source *from, lobass_error *error)
{
    const char *text = message->text;
    size_t size = message->size;
    if (message->input != NULL)
    {
        size = message->size + 1 + message->input_size;
        char *both = lb_arena_alloc(chat->arena, size + 1, 1, error);
        if (both == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        memcpy(both, message->text, message->size);
        both[message->size] = '\n';
        memcpy(both + message->size + 1, message->input, message->input_size);
        text = both;
    }
    count(from, text, size);
    return lb_jinja_string(chat->jinja, made, text, size, origin_of(from, LB_FIELD_CONTENT), error);
}

static lobass_status message_make(lb_chat *chat, size_t index, lobass_error *error)
{
    const lb_message *message = &chat->conversation->messages[index];
    const source from = {index, LB_FIELD_CONTENT, &chat->said[index], false};
    if (message->fields != NULL)
    {
        return fields_convert(chat, &chat->messages[index], message->fields, index, error);
    }
    const char *role = role_names[message->role];
    lb_jinja_member members[] = {{.name = "role", .size = 4}, {.name = "content", .size = 7}};
    LB_TRY(role_make(chat, &members[0].value, role, strlen(role), index, error));
    LB_TRY(text_make(chat, &members[1].value, message, &from, error));
    return lb_jinja_dict(chat->jinja, &chat->messages[index], members, 2, error);
}

static lobass_status array_make(lb_chat *chat, lb_jinja_value *made, const lb_value *array,
                                lobass_error *error)
{
    const source from = {chat->conversation->n_messages, LB_FIELD_OTHER, NULL, false};
    if (array == NULL)
    {
        *made = lb_jinja_none();
        return LOBASS_OK;
    }
    return convert(chat, made, array, &from, error);
}

lobass_status lb_chat_variable_make(lb_chat *chat, lb_jinja_value *made, const lb_value *value,
                                    bool is_trusted, lobass_error *error)
{
    const source from = {chat->conversation->n_messages, LB_FIELD_OTHER, NULL, is_trusted};
    return convert(chat, made, value, &from, error);
}

lobass_status lb_chat_values_make(lb_chat *chat, lobass_error *error)
{
    const size_t n = chat->conversation->n_messages;
    chat->messages = lb_arena_alloc(chat->arena, n + 1, sizeof *chat->messages, error);
    chat->said = lb_arena_alloc(chat->arena, n + 1, sizeof *chat->said, error);
    if (chat->messages == NULL || chat->said == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    memset(chat->said, 0, (n + 1) * sizeof *chat->said);
    for (size_t i = 0; i < n; i++)
    {
        LB_TRY(message_make(chat, i, error));
    }
    LB_TRY(array_make(chat, &chat->tools, chat->conversation->tools, error));
    return array_make(chat, &chat->documents, chat->conversation->documents, error);
}

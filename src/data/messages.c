/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of chat messages: {role, content} (OpenAI, TRL) and {from, value} (ShareGPT), and what
 * becomes of a collected list.
 *
 *   role in the file                                      what it is
 *   system developer                                      system
 *   user human observation tool function_response         user: the prompt's side
 *   assistant gpt model bot chatgpt function_call         assistant: the model produces it
 *
 * Content is a string or a list of parts {"type": "text", "text" or "value": ...}, which are joined
 * with nothing between them. System messages at the beginning become one, an empty one none; one
 * that comes later stands where it is, on the prompt's side. Neighbours on the prompt's side are
 * joined with a newline; consecutive assistant messages remain turns of their own.
 *
 * A message may say whether it is to be learned: "weight" (OpenAI), "loss_weight" or "train"
 * (axolotl). 0 or false makes an assistant turn context; 1 or true is what it is anyway. Anything
 * between, and learning a message of the prompt's side, is refused rather than approximated.
 */
#include "data/messages.h"

#include <string.h>

#define FIRST_CAPACITY 8

static const struct
{
    const char *name;
    lb_role role;
} role_names[] = {
    {"system", LB_ROLE_SYSTEM},
    {"developer", LB_ROLE_SYSTEM},
    {"user", LB_ROLE_USER},
    {"human", LB_ROLE_USER},
    {"observation", LB_ROLE_USER},
    {"tool", LB_ROLE_USER},
    {"function_response", LB_ROLE_USER},
    {"assistant", LB_ROLE_ASSISTANT},
    {"gpt", LB_ROLE_ASSISTANT},
    {"model", LB_ROLE_ASSISTANT},
    {"bot", LB_ROLE_ASSISTANT},
    {"chatgpt", LB_ROLE_ASSISTANT},
    {"function_call", LB_ROLE_ASSISTANT},
};

/* The two spellings of a message. */
static const struct
{
    const char *role, *content;
} message_keys[] = {{"role", "content"}, {"from", "value"}};

static const char *const weight_keys[] = {"weight", "loss_weight", "train"};

void lb_short_name(char out[LB_SHORT_NAME_SIZE], const char *name, size_t size_bytes)
{
    static const char mark[] = "...";
    size_t n = size_bytes;
    const bool is_cut = n > LB_SHORT_NAME_SIZE - sizeof mark;
    if (is_cut)
    {
        n = LB_SHORT_NAME_SIZE - sizeof mark;
        while (n > 0 && ((unsigned char)name[n] & 0xc0U) == 0x80U)
        {
            n--;
        }
    }
    for (size_t i = 0; i < n; i++)
    {
        const unsigned char byte = (unsigned char)name[i];
        const bool is_control = byte < 0x20U || byte == 0x7fU;
        out[i] = name[i];
        if (is_control)
        {
            out[i] = '?';
        }
    }
    memcpy(out + n, is_cut ? mark : "", is_cut ? sizeof mark : 1);
}

lobass_status lb_message_list_add(lb_message_list *list, lb_role role, const char *text,
                                  size_t size_bytes, lobass_error *error)
{
    if (list->count == list->capacity)
    {
        const size_t capacity = list->capacity == 0 ? FIRST_CAPACITY : 2 * list->capacity;
        lb_message *messages = lb_arena_alloc(list->arena, capacity, sizeof *messages, error);
        if (messages == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        if (list->count > 0)
        {
            memcpy(messages, list->messages, list->count * sizeof *messages);
        }
        list->messages = messages;
        list->capacity = capacity;
    }
    list->messages[list->count++] = (lb_message){.role = role, .text = text, .size = size_bytes};
    return LOBASS_OK;
}

/* ---- reading one message ----------------------------------------------------------------------
 */

typedef struct lb_text
{
    const char *data;
    size_t size;
} lb_text;

static lobass_status find_role(lb_role *role, const lb_value *value, const char *where,
                               const char *key, lobass_error *error)
{
    if (!lb_value_is(value, LB_VALUE_STRING))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: field \"%s\": expected a string, found %s",
                       where, key, lb_value_describe(value));
    }
    const char *name = value->text;
    const size_t size = value->size;
    for (size_t i = 0; i < sizeof role_names / sizeof *role_names; i++)
    {
        if (strlen(role_names[i].name) == size && memcmp(role_names[i].name, name, size) == 0)
        {
            *role = role_names[i].role;
            return LOBASS_OK;
        }
    }
    char shown[LB_SHORT_NAME_SIZE];
    lb_short_name(shown, name, size);
    return lb_fail(error, LOBASS_BAD_FORMAT,
                   "%s: role \"%s\" is unknown, expected system, user or assistant", where, shown);
}

/* The string of one part; borrowed. */
static lobass_status read_part(lb_text *text, const lb_value *part, size_t number,
                               const char *where, lobass_error *error)
{
    if (!lb_value_is(part, LB_VALUE_OBJECT))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: part %zu: expected an object, found %s",
                       where, number, lb_value_describe(part));
    }
    const lb_value *type = lb_value_get(part, "type");
    if (!lb_value_is(type, LB_VALUE_STRING))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: part %zu: field \"type\" %s", where, number,
                       type == NULL ? "is missing" : "is not a string");
    }
    if (type->size != 4 || memcmp(type->text, "text", 4) != 0)
    {
        char shown[LB_SHORT_NAME_SIZE];
        lb_short_name(shown, type->text, type->size);
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: part %zu: type \"%s\" is not supported, expected \"text\"", where,
                       number, shown);
    }
    const bool has_value = lb_value_get(part, "text") == NULL;
    const char *key = has_value ? "value" : "text";
    const lb_value *value = lb_value_get(part, key);
    if (!lb_value_is(value, LB_VALUE_STRING))
    {
        return value == NULL ? lb_fail(error, LOBASS_BAD_FORMAT,
                                       "%s: part %zu: field \"text\" is missing", where, number)
                             : lb_fail(error, LOBASS_BAD_FORMAT,
                                       "%s: part %zu: field \"%s\": expected a string, found %s",
                                       where, number, key, lb_value_describe(value));
    }
    *text = (lb_text){value->text, value->size};
    return LOBASS_OK;
}

static lobass_status join_parts(lb_text *text, const lb_value *array, const char *where,
                                lb_arena *arena, lobass_error *error)
{
    const size_t n_parts = array->count;
    const lb_value *part = array->first;
    size_t size = 0;
    lb_text *parts = lb_arena_alloc(arena, n_parts, sizeof *parts, error);
    if (parts == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n_parts; i++, part = part->next)
    {
        LB_TRY(read_part(&parts[i], part, i + 1, where, error));
        size += parts[i].size;
    }
    char *joined = lb_arena_alloc(arena, size + 1, 1, error);
    if (joined == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    *text = (lb_text){joined, size};
    for (size_t i = 0; i < n_parts; i++)
    {
        memcpy(joined, parts[i].data, parts[i].size);
        joined += parts[i].size;
    }
    return LOBASS_OK;
}

static lobass_status read_content(lb_text *text, const lb_value *value, const char *where,
                                  const char *key, lb_arena *arena, lobass_error *error)
{
    if (lb_value_is(value, LB_VALUE_ARRAY))
    {
        return join_parts(text, value, where, arena, error);
    }
    if (value == NULL)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: field \"%s\" is missing", where, key);
    }
    if (!lb_value_is(value, LB_VALUE_STRING))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"%s\": expected a string or a list of parts, found %s", where,
                       key, lb_value_describe(value));
    }
    *text = (lb_text){value->text, value->size};
    return LOBASS_OK;
}

/* Calls that stand beside an empty content: a turn whose words we would not see. */
static bool has_only_calls(const lb_value *message, const lb_value *content)
{
    const lb_value *calls = lb_value_get(message, "tool_calls");
    const bool has_calls = calls != NULL && calls->count > 0;
    const bool is_list = lb_value_is(content, LB_VALUE_ARRAY);
    const bool has_content =
        content != NULL && (content->size > 0 || (is_list && content->count > 0));
    return has_calls && !has_content;
}

/* What the message says of its own weight; *IS_LEARNED stays as it is where it says nothing. */
static lobass_status read_weight(bool *is_learned, const lb_value *message, const char *where,
                                 lobass_error *error)
{
    for (size_t i = 0; i < sizeof weight_keys / sizeof *weight_keys; i++)
    {
        const lb_value *weight = lb_value_get(message, weight_keys[i]);
        if (weight == NULL || lb_value_is(weight, LB_VALUE_NULL))
        {
            continue;
        }
        const bool is_zero = lb_value_is(weight, LB_VALUE_FALSE) ||
                             (lb_value_is(weight, LB_VALUE_NUMBER) && weight->number == 0.0);
        const bool is_one = lb_value_is(weight, LB_VALUE_TRUE) ||
                            (lb_value_is(weight, LB_VALUE_NUMBER) && weight->number == 1.0);
        if (!is_zero && !is_one)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT, "%s: field \"%s\": expected 0 or 1, found %s",
                           where, weight_keys[i],
                           lb_value_is(weight, LB_VALUE_NUMBER) ? "another number"
                                                                : lb_value_describe(weight));
        }
        *is_learned = is_one;
        return LOBASS_OK;
    }
    return LOBASS_OK;
}

static lobass_status read_message(lb_message_list *list, const lb_value *message, const char *where,
                                  bool is_context, lobass_error *error)
{
    if (!lb_value_is(message, LB_VALUE_OBJECT))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: expected an object, found %s", where,
                       lb_value_describe(message));
    }
    size_t spelling = 0;
    const size_t n_spellings = sizeof message_keys / sizeof *message_keys;
    while (spelling < n_spellings && lb_value_get(message, message_keys[spelling].role) == NULL)
    {
        spelling++;
    }
    if (spelling == n_spellings)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: field \"role\" (or \"from\") is missing",
                       where);
    }
    const char *role_key = message_keys[spelling].role;
    const char *content_key = message_keys[spelling].content;
    lb_role role = LB_ROLE_USER;
    LB_TRY(find_role(&role, lb_value_get(message, role_key), where, role_key, error));
    const lb_value *content = lb_value_get(message, content_key);
    if (role == LB_ROLE_ASSISTANT && has_only_calls(message, content))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: tool_calls without content are not supported",
                       where);
    }
    lb_text text = {0};
    LB_TRY(read_content(&text, content, where, content_key, list->arena, error));
    bool is_learned = role == LB_ROLE_ASSISTANT;
    LB_TRY(read_weight(&is_learned, message, where, error));
    if (is_learned && role != LB_ROLE_ASSISTANT)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: only an assistant message can be learned, this one has another role",
                       where);
    }
    LB_TRY(lb_message_list_add(list, role, text.data, text.size, error));
    list->messages[list->count - 1].is_context =
        role == LB_ROLE_ASSISTANT && (is_context || !is_learned);
    return LOBASS_OK;
}

lobass_status lb_message_list_read(lb_message_list *list, const lb_value *array, const char *prefix,
                                   bool is_context, lobass_error *error)
{
    char where[64];
    size_t number = 0;
    for (const lb_value *message = array->first; message != NULL; message = message->next)
    {
        (void)snprintf(where, sizeof where, "%smessage %zu", prefix, ++number);
        LB_TRY(read_message(list, message, where, is_context, error));
    }
    return LOBASS_OK;
}

/* ---- joining ----------------------------------------------------------------------------------
 */

/* Whether B continues A, which is or joined the system text when IS_OPENING. */
static bool is_joined(lb_role a, lb_role b, bool is_opening)
{
    if (is_opening)
    {
        return a == LB_ROLE_SYSTEM && b == LB_ROLE_SYSTEM;
    }
    const bool a_is_prompt = a == LB_ROLE_USER || a == LB_ROLE_SYSTEM;
    const bool b_is_prompt = b == LB_ROLE_USER || b == LB_ROLE_SYSTEM;
    return a_is_prompt && b_is_prompt;
}

/* One message out of COUNT neighbours, its texts in the arena. */
static lobass_status join_messages(lb_message *joined, const lb_message *messages, size_t count,
                                   lb_arena *arena, lobass_error *error)
{
    const lb_message *last = &messages[count - 1];
    *joined = (lb_message){
        .role = messages[0].role, .size = count - 1, .is_context = messages[0].is_context};
    for (size_t i = 0; i < count; i++)
    {
        joined->size += messages[i].size;
    }
    char *text = lb_arena_alloc(arena, joined->size + 1, 1, error);
    if (text == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    joined->text = text;
    for (size_t i = 0; i < count; i++)
    {
        if (i > 0)
        {
            *text++ = '\n';
        }
        memcpy(text, messages[i].text, messages[i].size);
        text += messages[i].size;
    }
    if (last->input != NULL)
    {
        joined->input = lb_arena_text(arena, last->input, last->input_size, error);
        joined->input_size = last->input_size;
        return joined->input == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    }
    return LOBASS_OK;
}

lobass_status lb_message_list_finish(lb_conversation *conversation, const lb_message_list *list,
                                     lobass_error *error)
{
    lb_message *messages = lb_arena_alloc(list->arena, list->count, sizeof *messages, error);
    if (messages == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    size_t n = 0, n_responses = 0, begin = 0;
    while (begin < list->count)
    {
        const lb_message *first = &list->messages[begin];
        const bool is_opening = begin == 0 && first->role == LB_ROLE_SYSTEM;
        size_t end = begin + 1;
        while (end < list->count && is_joined(first->role, list->messages[end].role, is_opening))
        {
            end++;
        }
        LB_TRY(join_messages(&messages[n], first, end - begin, list->arena, error));
        begin = end;
        if (is_opening && messages[n].size == 0)
        {
            continue;
        }
        if (!is_opening && messages[n].role == LB_ROLE_SYSTEM)
        {
            messages[n].role = LB_ROLE_USER;
        }
        n_responses += messages[n].role != LB_ROLE_USER && messages[n].role != LB_ROLE_SYSTEM;
        n++;
    }
    if (n_responses == 0 && (!list->is_prompt || n == 0))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       list->is_prompt ? "no message" : "no assistant turn");
    }
    *conversation = (lb_conversation){.messages = messages, .n_messages = n};
    return LOBASS_OK;
}

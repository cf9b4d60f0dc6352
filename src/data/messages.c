/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of turns as data files have them: {role, content} (OpenAI, TRL), {from, value} (ShareGPT),
 * pairs {input, output} (Capybara), strings in turn (UltraChat).
 *
 *   role in the file                                        what it is
 *   system developer                                        system
 *   user human prompter                                     user
 *   assistant gpt model bot chatgpt ai                      assistant: the model produces it
 *   function_call tool_call                                 the same, a call to a tool
 *   tool observation function function_response ipython ... what a tool gave back
 *
 * What else stands in a message: whether it is to be learned (message_flags.c); what only a chat
 * template can show, by the table below; what would change the row and cannot be honoured, which is
 * refused by name. The rest is kept for a chat template and listed as ignored by all others.
 */
#include "data/messages.h"

#include <string.h>

/* ---- tables -----------------------------------------------------------------------------------
 */

typedef struct role_name
{
    const char *name;
    lb_role role;
    const char *canonical; /* in a chat template */
    bool is_call;          /* its text is a call to a tool */
} role_name;

static const role_name role_names[] = {
    {"user", LB_ROLE_USER, "user", false},
    {"assistant", LB_ROLE_ASSISTANT, "assistant", false},
    {"human", LB_ROLE_USER, "user", false},
    {"gpt", LB_ROLE_ASSISTANT, "assistant", false},
    {"system", LB_ROLE_SYSTEM, "system", false},
    {"tool", LB_ROLE_TOOL, "tool", false},
    {"developer", LB_ROLE_SYSTEM, "developer", false},
    {"prompter", LB_ROLE_USER, "user", false},
    {"model", LB_ROLE_ASSISTANT, "assistant", false},
    {"bot", LB_ROLE_ASSISTANT, "assistant", false},
    {"chatgpt", LB_ROLE_ASSISTANT, "assistant", false},
    {"ai", LB_ROLE_ASSISTANT, "assistant", false},
    {"function_call", LB_ROLE_ASSISTANT, "assistant", true},
    {"tool_call", LB_ROLE_ASSISTANT, "assistant", true},
    {"observation", LB_ROLE_TOOL, "tool", false},
    {"function_response", LB_ROLE_TOOL, "tool", false},
    {"function_result", LB_ROLE_TOOL, "tool", false},
    {"tool_response", LB_ROLE_TOOL, "tool", false},
    {"tool_result", LB_ROLE_TOOL, "tool", false},
    {"tool_output", LB_ROLE_TOOL, "tool", false},
    {"function", LB_ROLE_TOOL, "function", false},
    {"ipython", LB_ROLE_TOOL, "ipython", false},
};

typedef enum member_kind
{
    MEMBER_ROLE,
    MEMBER_CONTENT,
    MEMBER_FLAG,
    MEMBER_CHAT,    /* only a chat template can show it */
    MEMBER_REFUSED, /* nothing can honour it */
    MEMBER_IGNORED, /* by --fields */
    MEMBER_PLAIN
} member_kind;

#define SPANS "which parts of a turn are learned; only whole turns are supported"
#define MEDIA "not text, and only text is supported"

typedef struct member_name
{
    const char *name;
    member_kind kind;
    const char *why; /* it is refused */
} member_name;

/* Names of role and content in the order in which they are preferred. */
static const member_name member_names[] = {
    {"role", MEMBER_ROLE, NULL},
    {"from", MEMBER_ROLE, NULL},
    {"content", MEMBER_CONTENT, NULL},
    {"value", MEMBER_CONTENT, NULL},
    {"text", MEMBER_CONTENT, NULL},
    {"tool_calls", MEMBER_CHAT, NULL},
    {"function_call", MEMBER_CHAT, NULL},
    {"reasoning_content", MEMBER_CHAT, NULL},
    {"reasoning", MEMBER_CHAT, NULL},
    {"thinking", MEMBER_CHAT, NULL},
    {"thought", MEMBER_CHAT, NULL},
    {"thoughts", MEMBER_CHAT, NULL},
    {"reasoning_details", MEMBER_CHAT, NULL},
    {"channel", MEMBER_CHAT, NULL},
    {"recipient", MEMBER_CHAT, NULL},
    {"tools", MEMBER_CHAT, NULL},
    {"functions", MEMBER_CHAT, NULL},
    {"documents", MEMBER_CHAT, NULL},
    {"mask", MEMBER_REFUSED, "it may mean that the message is learned, or that it is not"},
    {"train_detail", MEMBER_REFUSED, SPANS},
    {"training_detail", MEMBER_REFUSED, SPANS},
    {"refusal", MEMBER_REFUSED, "said in place of the content"},
    {"prefix", MEMBER_REFUSED, "a response that begins what the next one goes on with"},
    {"image", MEMBER_REFUSED, MEDIA},
    {"images", MEMBER_REFUSED, MEDIA},
    {"video", MEMBER_REFUSED, MEDIA},
    {"videos", MEMBER_REFUSED, MEDIA},
    {"audio", MEMBER_REFUSED, MEDIA},
};

#define N_MEMBER_NAMES (sizeof member_names / sizeof *member_names)

/* ---- one message ------------------------------------------------------------------------------
 */

/* What was found in a message. */
typedef struct turn
{
    const char *where; /* opens every reason */
    const lb_value *role, *content, *flag;
    size_t role_rank, content_rank;
    bool is_learned;       /* what FLAG says */
    bool has_more;         /* than role, content and flags */
    const char *chat_only; /* NULL: nothing */
} turn;

static member_kind find_kind(const lb_field_map *map, const char *key, const member_name **found)
{
    static const member_kind mapped[] = {[LB_FIELD_ROLE] = MEMBER_ROLE,
                                         [LB_FIELD_CONTENT] = MEMBER_CONTENT,
                                         [LB_FIELD_TRAIN] = MEMBER_FLAG,
                                         [LB_FIELD_REASONING] = MEMBER_CHAT,
                                         [LB_FIELD_IGNORED] = MEMBER_IGNORED};
    const lb_field_role role = lb_field_map_find(map, key);
    *found = NULL;
    if (role == LB_FIELD_ROLE || role == LB_FIELD_CONTENT || role == LB_FIELD_TRAIN ||
        role == LB_FIELD_REASONING || role == LB_FIELD_IGNORED)
    {
        return mapped[role];
    }
    for (size_t i = 0; i < N_MEMBER_NAMES; i++)
    {
        if (lb_field_is(key, member_names[i].name))
        {
            *found = &member_names[i];
            return member_names[i].kind;
        }
    }
    return lb_flag_find(key) != LB_FLAG_NONE ? MEMBER_FLAG : MEMBER_PLAIN;
}

/* IS_FLAG: it may be one, in a spelling that says too little. */
static lobass_status fail_member(const lb_value *member, const char *where, const char *why,
                                 bool is_flag, lobass_error *error)
{
    char name[LB_SHORT_NAME_SIZE];
    lb_short_name(name, member->key, strlen(member->key));
    return is_flag ? lb_fail(error, LOBASS_BAD_FORMAT,
                             "%s: field \"%s\": %s; --fields train=%s or ignore=%s says which",
                             where, name, why, name, name)
                   : lb_fail(error, LOBASS_BAD_FORMAT,
                             "%s: field \"%s\": %s; --fields ignore=%s passes over it", where, name,
                             why, name);
}

/* Of several spellings of one thing the preferred one; they must not say different things. */
static lobass_status choose(const lb_value **chosen, size_t *chosen_rank, const lb_value *member,
                            size_t rank, const char *where, lobass_error *error)
{
    const lb_value *other = *chosen;
    if (other == NULL || lb_field_is_empty(other))
    {
        *chosen = member;
        *chosen_rank = rank;
        return LOBASS_OK;
    }
    const bool is_same =
        lb_field_is_empty(member) ||
        (lb_value_is(other, LB_VALUE_STRING) && lb_value_is(member, LB_VALUE_STRING) &&
         other->size == member->size && memcmp(other->text, member->text, other->size) == 0);
    if (!is_same)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: ambiguous: \"%.40s\" and \"%.40s\" say different things", where,
                       other->key, member->key);
    }
    if (rank < *chosen_rank && !lb_field_is_empty(member))
    {
        *chosen = member;
        *chosen_rank = rank;
    }
    return LOBASS_OK;
}

static lobass_status flag_take(turn *found, const lb_value *member, lobass_error *error)
{
    bool is_true = false;
    if (lb_value_is(member, LB_VALUE_NULL))
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_flag_read(&is_true, member, found->where, error));
    const bool is_learned = is_true == (lb_flag_find(member->key) != LB_FLAG_MASKED);
    if (found->flag != NULL && is_learned != found->is_learned)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: \"%.40s\" and \"%.40s\" disagree on whether it is to be learned",
                       found->where, found->flag->key, member->key);
    }
    found->flag = member;
    found->is_learned = is_learned;
    return LOBASS_OK;
}

static lobass_status member_take(turn *found, lb_message_list *list, const lb_value *member,
                                 lobass_error *error)
{
    const member_name *name = NULL;
    const member_kind kind = find_kind(list->map, member->key, &name);
    const size_t rank = name == NULL ? 0 : (size_t)(name - member_names) + 1;
    const bool is_said = !lb_field_is_empty(member);
    found->has_more = found->has_more || kind == MEMBER_CHAT || kind == MEMBER_PLAIN;
    switch (kind)
    {
    case MEMBER_ROLE:
        return choose(&found->role, &found->role_rank, member, rank, found->where, error);
    case MEMBER_CONTENT:
        return choose(&found->content, &found->content_rank, member, rank, found->where, error);
    case MEMBER_FLAG:
        return flag_take(found, member, error);
    case MEMBER_CHAT:
        found->chat_only = found->chat_only == NULL && is_said ? member->key : found->chat_only;
        return LOBASS_OK;
    case MEMBER_REFUSED:
        return !is_said || lb_value_is(member, LB_VALUE_FALSE)
                   ? LOBASS_OK
                   : fail_member(member, found->where, name->why, strcmp(name->name, "mask") == 0,
                                 error);
    case MEMBER_IGNORED:
        return LOBASS_OK;
    case MEMBER_PLAIN:
        break;
    }
    if (is_said && lb_flag_is_likely(member->key))
    {
        return fail_member(member, found->where,
                           "it reads as if it said what is to be learned, in a spelling that is "
                           "unknown here",
                           true, error);
    }
    return is_said ? lb_name_list_add(&list->ignored, member->key, list->arena, error) : LOBASS_OK;
}

/* NULL: the name is none, or no string. */
static const role_name *find_role(const lb_value *value)
{
    const bool is_name = lb_value_is(value, LB_VALUE_STRING) && strlen(value->text) == value->size;
    for (size_t i = 0; is_name && i < sizeof role_names / sizeof *role_names; i++)
    {
        if (lb_field_is(value->text, role_names[i].name))
        {
            return &role_names[i];
        }
    }
    return NULL;
}

static lobass_status fail_role(const lb_value *value, const char *where, lobass_error *error)
{
    char shown[LB_SHORT_NAME_SIZE];
    if (!lb_value_is(value, LB_VALUE_STRING))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: field \"%.40s\": expected a string, found %s",
                       where, value->key, lb_value_describe(value));
    }
    lb_short_name(shown, value->text, value->size);
    return lb_fail(error, LOBASS_BAD_FORMAT,
                   "%s: role \"%s\" is unknown, expected system, user or assistant", where, shown);
}

/* The message as a chat template sees it; NULL where role and text say all. */
static lobass_status fields_make(const lb_value **fields, const turn *found, const role_name *role,
                                 const lb_value *object, const lb_message_list *list,
                                 lobass_error *error)
{
    static const char *const usual[] = {[LB_ROLE_SYSTEM] = "system",
                                        [LB_ROLE_USER] = "user",
                                        [LB_ROLE_ASSISTANT] = "assistant",
                                        [LB_ROLE_TOOL] = "tool"};
    const lb_value *calls = NULL, *content = NULL;
    const bool has_text = found->content != NULL && found->content->kind == LB_VALUE_STRING;
    lb_object_maker maker;
    *fields = NULL;
    if (role->is_call && has_text)
    {
        LB_TRY(
            lb_calls_parse(&calls, found->content->text, found->content->size, list->arena, error));
    }
    if (!found->has_more && calls == NULL && has_text &&
        strcmp(usual[role->role], role->canonical) == 0)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_content_canonical(&content, found->content, list->arena, error));
    LB_TRY(lb_object_begin(&maker, list->arena, error));
    for (const lb_value *member = object->first; member != NULL; member = member->next)
    {
        const member_name *name = NULL;
        const member_kind kind = find_kind(list->map, member->key, &name);
        if (member == found->role)
        {
            LB_TRY(lb_object_put_text(&maker, "role", role->canonical, strlen(role->canonical),
                                      error));
        }
        else if (member == found->content)
        {
            LB_TRY(calls != NULL ? lb_object_put_text(&maker, "content", "", 0, error)
                                 : lb_object_put(&maker, "content", content, error));
        }
        else if (kind == MEMBER_CHAT || kind == MEMBER_PLAIN)
        {
            const char *key =
                kind == MEMBER_CHAT && name == NULL ? "reasoning_content" : member->key;
            LB_TRY(lb_object_put(&maker, key, member, error));
        }
    }
    LB_TRY(calls == NULL ? LOBASS_OK : lb_object_put(&maker, "tool_calls", calls, error));
    *fields = maker.object;
    return LOBASS_OK;
}

static lobass_status message_add(lb_message_list *list, const turn *found, const lb_value *object,
                                 bool is_context, lobass_error *error)
{
    const role_name *role = find_role(found->role);
    const lb_value *fields = NULL;
    lb_text text = {"", 0};
    if (role == NULL)
    {
        return fail_role(found->role, found->where, error);
    }
    const bool is_silent = found->content == NULL || lb_value_is(found->content, LB_VALUE_NULL);
    if (!is_silent || role->role != LB_ROLE_ASSISTANT || found->chat_only == NULL)
    {
        const bool is_from = found->content == NULL && lb_field_is(found->role->key, "from");
        const char *key = found->content != NULL ? found->content->key
                          : is_from              ? "value"
                                                 : "content";
        LB_TRY(lb_content_read(&text, found->content, found->where, key, list->arena, error));
    }
    const bool is_assistant = role->role == LB_ROLE_ASSISTANT;
    if (found->flag != NULL && found->is_learned && !is_assistant)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: only an assistant message can be learned, this one has another role",
                       found->where);
    }
    LB_TRY(fields_make(&fields, found, role, object, list, error));
    LB_TRY(lb_message_list_add(list, role->role, text.data, text.size, error));
    lb_message *added = &list->messages[list->count - 1];
    const bool is_masked = found->flag != NULL && !found->is_learned;
    added->is_context = is_assistant && (is_context || is_masked);
    added->fields = fields;
    if (found->chat_only != NULL)
    {
        lb_message_list_note(list, found->chat_only);
    }
    return LOBASS_OK;
}

/* ---- pairs ------------------------------------------------------------------------------------
 */

/* A member of {system?, input, output}. SIDES: system, user, assistant. */
static lobass_status pair_member_take(turn *found, const lb_value *sides[3], lb_message_list *list,
                                      const lb_value *member, lobass_error *error)
{
    const lb_field_role role = lb_field_map_find(list->map, member->key) == LB_FIELD_IGNORED
                                   ? LB_FIELD_IGNORED
                                   : lb_field_find(member->key)->role;
    const bool is_prompt = role == LB_FIELD_PROMPT || role == LB_FIELD_INPUT;
    if (lb_flag_find(member->key) != LB_FLAG_NONE)
    {
        return flag_take(found, member, error);
    }
    if (role == LB_FIELD_IGNORED || lb_field_is_empty(member))
    {
        return LOBASS_OK;
    }
    if (role == LB_FIELD_PLAIN)
    {
        return lb_name_list_add(&list->ignored, member->key, list->arena, error);
    }
    const size_t side = role == LB_FIELD_SYSTEM ? 0 : is_prompt ? 1 : 2;
    if ((side == 2 && role != LB_FIELD_RESPONSE) || sides[side] != NULL)
    {
        return fail_member(member, found->where, "it has no place in a pair of turns", false,
                           error);
    }
    sides[side] = member;
    return LOBASS_OK;
}

/* *IS_PAIR false, and nothing done: ELEMENT is none. */
static lobass_status pair_read(bool *is_pair, lb_message_list *list, const lb_value *element,
                               const char *where, bool is_context, lobass_error *error)
{
    static const lb_role roles[] = {LB_ROLE_SYSTEM, LB_ROLE_USER, LB_ROLE_ASSISTANT};
    const lb_value *sides[3] = {NULL, NULL, NULL};
    turn found = {.where = where};
    *is_pair = false;
    for (const lb_value *member = element->first; member != NULL; member = member->next)
    {
        const lb_field_role role = lb_field_find(member->key)->role;
        *is_pair = *is_pair || role == LB_FIELD_RESPONSE;
    }
    if (!*is_pair)
    {
        return LOBASS_OK;
    }
    for (const lb_value *member = element->first; member != NULL; member = member->next)
    {
        LB_TRY(pair_member_take(&found, sides, list, member, error));
    }
    for (size_t side = 0; side < 3; side++)
    {
        lb_text text = {"", 0};
        if (sides[side] == NULL && side == 0)
        {
            continue;
        }
        if (sides[side] != NULL)
        {
            LB_TRY(
                lb_content_read(&text, sides[side], where, sides[side]->key, list->arena, error));
        }
        LB_TRY(lb_message_list_add(list, roles[side], text.data, text.size, error));
    }
    list->messages[list->count - 1].is_context =
        is_context || (found.flag != NULL && !found.is_learned);
    return LOBASS_OK;
}

/* ---- lists ------------------------------------------------------------------------------------
 */

static lobass_status element_read(lb_message_list *list, const lb_value *element, const char *where,
                                  bool is_context, lobass_error *error)
{
    turn found = {.where = where};
    if (!lb_value_is(element, LB_VALUE_OBJECT))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: expected an object, found %s", where,
                       lb_value_describe(element));
    }
    const size_t n_ignored = list->ignored.count;
    for (const lb_value *member = element->first; member != NULL; member = member->next)
    {
        LB_TRY(member_take(&found, list, member, error));
    }
    if (found.role != NULL)
    {
        return message_add(list, &found, element, is_context, error);
    }
    bool is_pair = false;
    list->ignored.count = n_ignored;
    LB_TRY(pair_read(&is_pair, list, element, where, is_context, error));
    return is_pair ? LOBASS_OK
                   : lb_fail(error, LOBASS_BAD_FORMAT,
                             "%s: field \"role\" (or \"from\") is missing", where);
}

lobass_status lb_message_list_read(lb_message_list *list, const lb_value *array, const char *prefix,
                                   bool is_context, lobass_error *error)
{
    char where[LB_SHORT_NAME_SIZE + 32];
    size_t number = 0;
    for (const lb_value *message = array->first; message != NULL; message = message->next)
    {
        (void)snprintf(where, sizeof where, "%smessage %zu", prefix, ++number);
        LB_TRY(element_read(list, message, where, is_context, error));
    }
    return LOBASS_OK;
}

lobass_status lb_message_list_read_texts(lb_message_list *list, const lb_value *array,
                                         lobass_error *error)
{
    size_t number = 0;
    for (const lb_value *text = array->first; text != NULL; text = text->next)
    {
        const bool is_answer = number++ % 2 == 1;
        if (!lb_value_is(text, LB_VALUE_STRING))
        {
            return lb_fail(error, LOBASS_BAD_FORMAT, "message %zu: expected a string, found %s",
                           number, lb_value_describe(text));
        }
        LB_TRY(lb_message_list_add(list, is_answer ? LB_ROLE_ASSISTANT : LB_ROLE_USER, text->text,
                                   text->size, error));
    }
    return LOBASS_OK;
}

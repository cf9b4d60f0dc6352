/* SPDX-License-Identifier: Apache-2.0
 *
 * A record of any of the formats of docs/CLI.md as a conversation. A record is read in one of three
 * ways: as a list of turns, as a prompt with its response, as a text. Where it can be read in two,
 * both must say the same (Magpie has its one round as a pair and as a list), or it is refused as
 * ambiguous; what is left over beside the reading is looked for in it, and otherwise refused as
 * well. Names of fields: field_names.c; lists: messages.c; what is refused: record_fields.c.
 *
 * Optional fields may be null. Assistant turns of a prompt that is a list of messages are context,
 * as TRL has it.
 */
#include <string.h>

#include "data/record_fields.h"

#define MAX_FIELDS_SHOWN 6

/* A record being read. */
typedef struct reader
{
    const lb_value *record;
    lb_record_fields fields;
    lb_message_list list;
    lb_conversation *conversation;
} reader;

static lb_text text_of(const lb_value *value)
{
    return (lb_text){value->text, value->size};
}

static bool is_text(const lb_value *value)
{
    return value != NULL && value->kind == LB_VALUE_STRING;
}

/* ---- parts of a conversation ------------------------------------------------------------------
 */

static lobass_status add_system(reader *r, lobass_error *error)
{
    const lb_value *value = NULL;
    LB_TRY(lb_record_text_find(&value, &r->fields, LB_FIELD_SYSTEM, error));
    return value == NULL
               ? LOBASS_OK
               : lb_message_list_add(&r->list, LB_ROLE_SYSTEM, value->text, value->size, error);
}

/* Earlier turns as a list of [question, answer]. */
static lobass_status add_history(reader *r, lobass_error *error)
{
    static const lb_role roles[] = {LB_ROLE_USER, LB_ROLE_ASSISTANT};
    lb_record_field *field = lb_record_fields_best(&r->fields, LB_FIELD_HISTORY);
    if (!lb_record_field_is_there(field))
    {
        return LOBASS_OK;
    }
    const char *key = field->value->key;
    if (!lb_value_is(field->value, LB_VALUE_ARRAY))
    {
        return lb_record_fail_kind(error, key, "a list of pairs", field->value);
    }
    field->is_read = true;
    size_t number = 0;
    for (const lb_value *pair = field->value->first; pair != NULL; pair = pair->next)
    {
        number++;
        if (!lb_value_is(pair, LB_VALUE_ARRAY) || pair->count != 2)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "field \"%.40s\": pair %zu: expected a list of two strings", key,
                           number);
        }
        const lb_value *text = pair->first;
        for (size_t side = 0; side < 2; side++, text = text->next)
        {
            if (!is_text(text))
            {
                return lb_fail(error, LOBASS_BAD_FORMAT,
                               "field \"%.40s\": pair %zu: expected two strings, found %s", key,
                               number, lb_value_describe(text));
            }
            LB_TRY(lb_message_list_add(&r->list, roles[side], text->text, text->size, error));
        }
    }
    return LOBASS_OK;
}

/* A side of a pair: a string, or a list of messages. */
static lobass_status add_side(reader *r, lb_record_field *field, lb_role role, lobass_error *error)
{
    const lb_value *value = field->value;
    const bool may_be_list = field->rank == 0 || lb_field_is(value->key, "prompt") ||
                             lb_field_is(value->key, "completion");
    field->is_read = true;
    if (may_be_list && lb_value_is(value, LB_VALUE_ARRAY))
    {
        char prefix[LB_SHORT_NAME_SIZE + 2], name[LB_SHORT_NAME_SIZE];
        lb_short_name(name, value->key, strlen(value->key));
        (void)snprintf(prefix, sizeof prefix, "%s: ", name);
        return lb_message_list_read(&r->list, value, prefix, role == LB_ROLE_USER, error);
    }
    if (!is_text(value))
    {
        return lb_record_fail_kind(error, value->key,
                                   may_be_list && lb_record_field_is_there(field)
                                       ? "a string or a list of messages"
                                       : "a string",
                                   value);
    }
    return lb_message_list_add(&r->list, role, value->text, value->size, error);
}

/* What stands beside the prompt. */
static lobass_status add_context(reader *r, lobass_error *error)
{
    const lb_value *context = NULL;
    LB_TRY(lb_record_text_find(&context, &r->fields, LB_FIELD_CONTEXT, error));
    if (context == NULL)
    {
        return LOBASS_OK;
    }
    lb_message *last = r->list.count == 0 ? NULL : &r->list.messages[r->list.count - 1];
    if (last == NULL || last->role != LB_ROLE_USER)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "field \"%.40s\": there is no question before it that it could stand beside",
                       context->key);
    }
    last->input = context->text;
    last->input_size = context->size;
    return LOBASS_OK;
}

/* The reasoning of the last response, which a record may have beside it. */
static lobass_status add_reasoning(reader *r, lobass_error *error)
{
    const lb_value *reasoning = NULL;
    LB_TRY(lb_record_text_find(&reasoning, &r->fields, LB_FIELD_REASONING, error));
    size_t i = r->list.count;
    while (reasoning != NULL && i > 0 && r->list.messages[i - 1].role != LB_ROLE_ASSISTANT)
    {
        i--;
    }
    if (reasoning == NULL || i == 0)
    {
        return LOBASS_OK;
    }
    lb_message *response = &r->list.messages[i - 1];
    if (lb_text_holds((lb_text){response->text, response->size}, text_of(reasoning)))
    {
        return LOBASS_OK; /* it is there in its <think> */
    }
    lb_object_maker maker;
    if (response->fields == NULL)
    {
        LB_TRY(lb_object_begin(&maker, r->list.arena, error));
        LB_TRY(lb_object_put_text(&maker, "role", "assistant", strlen("assistant"), error));
        LB_TRY(lb_object_put_text(&maker, "content", response->text, response->size, error));
        response->fields = maker.object;
    }
    const lb_value *own = lb_value_get(response->fields, "reasoning_content");
    if (!lb_field_is_empty(own))
    {
        return is_text(own) && lb_text_is_same(text_of(own), text_of(reasoning))
                   ? LOBASS_OK
                   : lb_record_fail_ambiguous(own, reasoning, error);
    }
    lb_message_list_note(&r->list, reasoning->key);
    return lb_object_extend(&response->fields, response->fields, "reasoning_content", reasoning,
                            r->list.arena, error);
}

/* A list for a chat template: tools, documents. */
static lobass_status find_array(const lb_value **array, reader *r, lb_field_role role,
                                lobass_error *error)
{
    lb_record_field *field = lb_record_fields_best(&r->fields, role);
    if (field == NULL || lb_field_is_empty(field->value))
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_array_find(array, field->value, r->list.arena, error));
    const lb_value *element = *array == NULL ? NULL : (*array)->first;
    while (element != NULL && lb_value_is(element, LB_VALUE_OBJECT))
    {
        element = element->next;
    }
    if (*array == NULL || element != NULL)
    {
        return lb_record_fail_kind(error, field->value->key,
                                   "a list of objects, or one in a string of JSON",
                                   element != NULL ? element : field->value);
    }
    field->is_read = true;
    if ((*array)->count == 0)
    {
        *array = NULL;
        return LOBASS_OK;
    }
    lb_message_list_note(&r->list, field->value->key);
    return LOBASS_OK;
}

static lobass_status add_values(reader *r, lobass_error *error)
{
    LB_TRY(find_array(&r->conversation->tools, r, LB_FIELD_TOOLS, error));
    LB_TRY(find_array(&r->conversation->documents, r, LB_FIELD_DOCUMENTS, error));
    lb_record_field *variables = lb_record_fields_best(&r->fields, LB_FIELD_VARIABLES);
    if (variables == NULL || lb_field_is_empty(variables->value))
    {
        return LOBASS_OK;
    }
    if (!lb_value_is(variables->value, LB_VALUE_OBJECT))
    {
        return lb_record_fail_kind(error, variables->value->key, "an object", variables->value);
    }
    variables->is_read = true;
    r->conversation->variables = variables->value;
    lb_message_list_note(&r->list, variables->value->key);
    return LOBASS_OK;
}

/* ---- what is left over ------------------------------------------------------------------------
 */

/* Whether FIELD, which is not read, says nothing beyond a pair: it is one of its texts again, or
 * its rendering. */
static bool is_covered_by_pair(const lb_record_field *field, const lb_value *prompt,
                               const lb_value *response)
{
    const bool is_prompt = field->role == LB_FIELD_PROMPT;
    const lb_value *same = is_prompt ? prompt : field->role == LB_FIELD_RESPONSE ? response : NULL;
    if (!is_text(field->value) || !is_text(prompt) || (response != NULL && !is_text(response)))
    {
        return false;
    }
    const lb_text text = text_of(field->value);
    return (same != NULL && lb_text_is_same(text, text_of(same))) ||
           (lb_text_holds(text, text_of(prompt)) &&
            (response == NULL || lb_text_holds(text, text_of(response))));
}

/* The first field beside a pair that says something else; NULL: none. */
static const lb_record_field *find_rival(const lb_record_fields *fields,
                                         const lb_record_field *prompt,
                                         const lb_record_field *response)
{
    static const lb_field_role roles[] = {LB_FIELD_PROMPT, LB_FIELD_RESPONSE, LB_FIELD_TEXT};
    const lb_value *answer = lb_record_field_is_there(response) ? response->value : NULL;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
    {
        for (const lb_record_field *field = lb_record_fields_next(fields, roles[i], NULL);
             field != NULL; field = lb_record_fields_next(fields, roles[i], field))
        {
            if (field != prompt && field != response &&
                !is_covered_by_pair(field, prompt->value, answer))
            {
                return field;
            }
        }
    }
    return NULL;
}

/* The pair that covers all others: *PROMPT and *RESPONSE come as the preferred ones. */
static lobass_status choose_pair(reader *r, lb_record_field **prompt, lb_record_field **response,
                                 lobass_error *error)
{
    const lb_record_fields *fields = &r->fields;
    const lb_record_field *rival = find_rival(fields, *prompt, *response);
    if (rival == NULL)
    {
        return LOBASS_OK;
    }
    for (lb_record_field *p = lb_record_fields_next(fields, LB_FIELD_PROMPT, NULL); p != NULL;
         p = lb_record_fields_next(fields, LB_FIELD_PROMPT, p))
    {
        for (lb_record_field *a = lb_record_fields_next(fields, LB_FIELD_RESPONSE, NULL); a != NULL;
             a = lb_record_fields_next(fields, LB_FIELD_RESPONSE, a))
        {
            if (find_rival(fields, p, a) == NULL)
            {
                *prompt = p;
                *response = a;
                return LOBASS_OK;
            }
        }
    }
    const bool is_prompt = rival->role != LB_FIELD_RESPONSE || *response == NULL;
    return lb_record_fail_ambiguous((is_prompt ? *prompt : *response)->value, rival->value, error);
}

/* Whether one of the messages is TEXT, holds it, or (a prompt that was joined) is held by it. */
static bool is_among(const lb_message_list *list, lb_text text, bool is_exact)
{
    for (size_t i = 0; i < list->count; i++)
    {
        const lb_text said = {list->messages[i].text, list->messages[i].size};
        if (lb_text_is_same(said, text) ||
            (!is_exact && said.size > 0 &&
             (lb_text_holds(said, text) || lb_text_holds(text, said))))
        {
            return true;
        }
    }
    return false;
}

/* Beside a list of turns: a whole pair must be among them word for word, anything else must be
 * found in them. */
static lobass_status check_beside_list(reader *r, const lb_record_field *list, lobass_error *error)
{
    static const lb_field_role roles[] = {LB_FIELD_PROMPT, LB_FIELD_RESPONSE, LB_FIELD_CONTEXT,
                                          LB_FIELD_TEXT, LB_FIELD_HISTORY};
    const bool is_pair = lb_record_fields_next(&r->fields, LB_FIELD_PROMPT, NULL) != NULL &&
                         lb_record_fields_next(&r->fields, LB_FIELD_RESPONSE, NULL) != NULL;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
    {
        const bool is_exact = is_pair && i < 2;
        for (const lb_record_field *field = lb_record_fields_next(&r->fields, roles[i], NULL);
             field != NULL; field = lb_record_fields_next(&r->fields, roles[i], field))
        {
            if (!is_text(field->value) || !is_among(&r->list, text_of(field->value), is_exact))
            {
                return lb_record_fail_ambiguous(list->value, field->value, error);
            }
        }
    }
    return LOBASS_OK;
}

/* ---- the three readings -----------------------------------------------------------------------
 */

static lobass_status list_parse(lb_message_list *list, const lb_record_field *field,
                                lobass_error *error)
{
    const lb_value *array = NULL;
    LB_TRY(lb_array_find(&array, field->value, list->arena, error));
    if (array == NULL)
    {
        return lb_record_fail_kind(error, field->value->key, "a list of messages", field->value);
    }
    const bool may_be_texts = field->rank == 0 || lb_field_is(field->value->key, "data");
    return may_be_texts && is_text(array->first)
               ? lb_message_list_read_texts(list, array, error)
               : lb_message_list_read(list, array, "", false, error);
}

/* Whether two lists of turns are the same words by the same people. */
static bool is_same_list(const lb_message_list *a, const lb_message_list *b)
{
    bool is_same = a->count == b->count;
    for (size_t i = 0; i < a->count && is_same; i++)
    {
        const lb_message *x = &a->messages[i], *y = &b->messages[i];
        is_same = x->role == y->role && x->is_context == y->is_context &&
                  lb_text_is_same((lb_text){x->text, x->size}, (lb_text){y->text, y->size});
    }
    return is_same;
}

static lobass_status check_other_lists(reader *r, const lb_record_field *list,
                                       const lb_message_list *own, lobass_error *error)
{
    for (const lb_record_field *other = lb_record_fields_next(&r->fields, LB_FIELD_MESSAGES, NULL);
         other != NULL; other = lb_record_fields_next(&r->fields, LB_FIELD_MESSAGES, other))
    {
        lb_message_list second = {.arena = r->list.arena, .map = r->list.map};
        if (other == list)
        {
            continue;
        }
        LB_TRY(list_parse(&second, other, error));
        if (!is_same_list(own, &second))
        {
            return lb_record_fail_ambiguous(list->value, other->value, error);
        }
    }
    return LOBASS_OK;
}

static lobass_status read_list(reader *r, lb_record_field *list, lobass_error *error)
{
    LB_TRY(add_system(r, error));
    const size_t n_before = r->list.count;
    LB_TRY(list_parse(&r->list, list, error));
    lb_message_list own = r->list;
    own.messages += n_before;
    own.count -= n_before;
    LB_TRY(check_other_lists(r, list, &own, error));
    const bool has_both = n_before == 1 && own.count > 0 && own.messages[0].role == LB_ROLE_SYSTEM;
    if (has_both && lb_text_is_same((lb_text){r->list.messages[0].text, r->list.messages[0].size},
                                    (lb_text){own.messages[0].text, own.messages[0].size}))
    {
        r->list.messages++; /* the field has the text of the turn */
        r->list.count--;
        r->list.capacity--;
    }
    LB_TRY(check_beside_list(r, list, error));
    list->is_read = true;
    return add_reasoning(r, error);
}

static lobass_status read_pair(reader *r, lb_record_field *prompt, lb_record_field *response,
                               lobass_error *error)
{
    const bool is_open = r->list.is_prompt && !lb_record_field_is_there(response);
    LB_TRY(choose_pair(r, &prompt, &response, error));
    LB_TRY(add_system(r, error));
    LB_TRY(add_history(r, error));
    LB_TRY(add_side(r, prompt, LB_ROLE_USER, error));
    LB_TRY(add_context(r, error));
    if (is_open)
    {
        return LOBASS_OK;
    }
    if (response == NULL)
    {
        const char *mapped = lb_field_map_name(r->list.map, LB_FIELD_RESPONSE);
        return lb_record_fail_kind(error,
                                   mapped != NULL            ? mapped
                                   : prompt->partner != NULL ? prompt->partner
                                                             : "response",
                                   "", NULL);
    }
    LB_TRY(add_side(r, response, LB_ROLE_ASSISTANT, error));
    return add_reasoning(r, error);
}

/* A text has no turns: what else the record has must be in it. */
static lobass_status read_text(reader *r, lb_record_field *text, lobass_error *error)
{
    if (!is_text(text->value))
    {
        return lb_record_fail_kind(error, text->value->key, "a string", text->value);
    }
    for (size_t i = 0; i < r->fields.n_fields; i++)
    {
        const lb_record_field *field = &r->fields.fields[i];
        const bool says_more = field->role < LB_FIELD_N_ROLES || field->role == LB_FIELD_VARIABLES;
        if (field == text || !says_more || lb_field_is_empty(field->value))
        {
            continue;
        }
        if (!is_text(field->value) || !lb_text_holds(text_of(text->value), text_of(field->value)))
        {
            return lb_record_fail_ambiguous(text->value, field->value, error);
        }
    }
    text->is_read = true;
    return lb_message_list_add(&r->list, LB_ROLE_TEXT, text->value->text, text->value->size, error);
}

/* Appends to a message of limited length; what does not fit is left out. */
static void append(char *message, size_t capacity, const char *text)
{
    const size_t used = strlen(message);
    (void)snprintf(message + used, capacity - used, "%s", text);
}

static lobass_status fail_unknown(const lb_value *record, lobass_error *error)
{
    char found[512] = "";
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
    return lb_fail(error, LOBASS_BAD_FORMAT,
                   "expected instruction/output, conversations, messages, prompt/completion, "
                   "question/answer or text; found %s; --fields names others",
                   n_shown == 0 ? "no fields" : found);
}

static lobass_status read_fields(reader *r, lobass_error *error)
{
    lb_record_field *list = lb_record_fields_best(&r->fields, LB_FIELD_MESSAGES);
    lb_record_field *prompt = lb_record_fields_best(&r->fields, LB_FIELD_PROMPT);
    lb_record_field *response = lb_record_fields_best(&r->fields, LB_FIELD_RESPONSE);
    lb_record_field *text = lb_record_fields_best(&r->fields, LB_FIELD_TEXT);
    if (lb_record_field_is_there(list))
    {
        return read_list(r, list, error);
    }
    if (lb_record_field_is_there(prompt) &&
        (lb_record_field_is_there(response) || r->list.is_prompt))
    {
        return read_pair(r, prompt, response, error);
    }
    if (lb_record_field_is_there(text))
    {
        return read_text(r, text, error);
    }
    if (list != NULL)
    {
        return lb_record_fail_kind(error, list->value->key, "a list of messages", list->value);
    }
    return prompt != NULL ? read_pair(r, prompt, response, error)
           : text != NULL ? read_text(r, text, error)
                          : fail_unknown(r->record, error);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

/* In which something can be scored, or, of a prompt, something is said. */
static lobass_status check_turns(const lb_message_list *list, lobass_error *error)
{
    size_t n_said = 0, n_responses = 0;
    for (size_t i = 0; i < list->count; i++)
    {
        const lb_message *message = &list->messages[i];
        n_said += message->role != LB_ROLE_SYSTEM || message->size > 0 || i > 0;
        n_responses += message->role == LB_ROLE_ASSISTANT || message->role == LB_ROLE_TEXT;
    }
    if (n_responses == 0 && (!list->is_prompt || n_said == 0))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       list->is_prompt ? "no message" : "no assistant turn");
    }
    return LOBASS_OK;
}

static lobass_status collect_ignored(reader *r, lobass_error *error)
{
    lb_name_list ignored = {0};
    for (size_t i = 0; i < r->fields.n_fields; i++)
    {
        const lb_record_field *field = &r->fields.fields[i];
        if (!field->is_read && field->role != LB_FIELD_IGNORED && !lb_field_is_empty(field->value))
        {
            LB_TRY(lb_name_list_add(&ignored, field->value->key, r->list.arena, error));
        }
    }
    r->conversation->ignored = ignored.names;
    r->conversation->n_ignored = ignored.count;
    return LOBASS_OK;
}

static lobass_status parse_record(lb_conversation *conversation, const lb_value *record,
                                  const lb_field_map *map, bool is_prompt, lb_arena *arena,
                                  lobass_error *error)
{
    *conversation = (lb_conversation){0};
    if (!lb_value_is(record, LB_VALUE_OBJECT))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "expected an object, found %s",
                       lb_value_describe(record));
    }
    reader r = {.record = record,
                .list = {.arena = arena, .map = map, .is_prompt = is_prompt},
                .conversation = conversation};
    LB_TRY(lb_record_fields_sort(&r.fields, record, map, arena, error));
    LB_TRY(read_fields(&r, error));
    LB_TRY(check_turns(&r.list, error));
    LB_TRY(add_values(&r, error));
    LB_TRY(collect_ignored(&r, error));
    conversation->messages = r.list.messages;
    conversation->n_messages = r.list.count;
    conversation->chat_only = r.list.chat_only;
    conversation->ignored_within = r.list.ignored.names;
    conversation->n_ignored_within = r.list.ignored.count;
    return LOBASS_OK;
}

lobass_status lb_conversation_parse(lb_conversation *conversation, const char *data,
                                    size_t size_bytes, const lb_field_map *map, lb_arena *arena,
                                    lobass_error *error)
{
    const lb_value *record = NULL;
    LB_TRY(lb_value_parse(&record, data, size_bytes, "not valid JSON within the record", arena,
                          error));
    return parse_record(conversation, record, map, false, arena, error);
}

lobass_status lb_conversation_parse_prompt(lb_conversation *conversation, const char *data,
                                           size_t size_bytes, const lb_field_map *map,
                                           lb_arena *arena, lobass_error *error)
{
    const lb_value *record = NULL;
    LB_TRY(lb_value_parse(&record, data, size_bytes, "not valid JSON within the record", arena,
                          error));
    return parse_record(conversation, record, map, true, arena, error);
}

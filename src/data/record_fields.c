/* SPDX-License-Identifier: Apache-2.0
 *
 * Which field of a record is what: by --fields, else by the table of names. Here everything that
 * would change what is learned and cannot be honoured is refused by name; of several fields for one
 * thing, which one is read, and whether the others say the same.
 */
#include "data/record_fields.h"

#include <string.h>
#include <strings.h>

lobass_status lb_record_fail_kind(lobass_error *error, const char *key, const char *expected,
                                  const lb_value *found)
{
    char name[LB_SHORT_NAME_SIZE];
    lb_short_name(name, key, strlen(key));
    if (found == NULL)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "field \"%s\" is missing", name);
    }
    return lb_fail(error, LOBASS_BAD_FORMAT, "field \"%s\": expected %s, found %s", name, expected,
                   lb_value_describe(found));
}

lobass_status lb_record_fail_ambiguous(const lb_value *a, const lb_value *b, lobass_error *error)
{
    char first[LB_SHORT_NAME_SIZE], second[LB_SHORT_NAME_SIZE];
    lb_short_name(first, a->key, strlen(a->key));
    lb_short_name(second, b->key, strlen(b->key));
    return lb_fail(error, LOBASS_BAD_FORMAT,
                   "ambiguous: the record can be read by \"%s\" or by \"%s\", which say different "
                   "things; --fields says which, as in --fields ignore=%s",
                   first, second, second);
}

/* ---- what is refused --------------------------------------------------------------------------
 */

/* A label of KTO: yes or no in some spelling. A string of another kind is a category. */
static bool is_verdict(const lb_value *value)
{
    static const char *const verdicts[] = {
        "true",   "false",    "yes",  "no",        "0",           "1",        "good",    "bad",
        "chosen", "rejected", "like", "desirable", "undesirable", "positive", "negative"};
    if (!lb_value_is(value, LB_VALUE_STRING))
    {
        return true;
    }
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
    {
        if (lb_field_is(value->text, verdicts[i]))
        {
            return true;
        }
    }
    return false;
}

static lobass_status fail_refused(const lb_value *member, const char *why, lobass_error *error)
{
    char name[LB_SHORT_NAME_SIZE];
    lb_short_name(name, member->key, strlen(member->key));
    return lb_fail(error, LOBASS_BAD_FORMAT,
                   "field \"%s\" is not supported: %s; --fields ignore=%s "
                   "passes over it",
                   name, why, name);
}

/* A flag as text, which is all that a table has: "0", "1.0", "false". False: it is another text. */
static bool flag_from_text(lb_value *flag, const lb_value *member)
{
    char *end = NULL;
    const double number = member->size > 0 ? lb_real_parse(member->text, &end) : 0;
    const bool is_word_true = strcasecmp(member->text, "true") == 0;
    const bool is_word = is_word_true || strcasecmp(member->text, "false") == 0;
    *flag = *member;
    flag->kind = LB_VALUE_NUMBER;
    flag->number = is_word ? (double)is_word_true : number;
    return is_word || (end != NULL && end != member->text && *end == '\0');
}

/* A weight or a mask of the whole record. */
static lobass_status check_flag(lb_record_field *field, lobass_error *error)
{
    const lb_value *member = field->value;
    lb_value flag = *member;
    bool is_true = false;
    if (lb_field_is_empty(member) ||
        (lb_value_is(member, LB_VALUE_STRING) && !flag_from_text(&flag, member)))
    {
        return LOBASS_OK;
    }
    const bool is_simple = lb_flag_read(&is_true, &flag, "", NULL) == LOBASS_OK;
    const bool is_learned = is_true == (lb_flag_find(member->key) != LB_FLAG_MASKED);
    field->is_read = true;
    return is_simple && is_learned
               ? LOBASS_OK
               : fail_refused(member,
                              "it weighs the record or masks a part of it; a message may say "
                              "whether it is learned",
                              error);
}

/* ---- what each field is -----------------------------------------------------------------------
 */

static bool is_list(const lb_value *value)
{
    return lb_value_is(value, LB_VALUE_ARRAY) ||
           (lb_value_is(value, LB_VALUE_STRING) && value->text[0] == '[');
}

/* Whether a map leaves the table's own names for ROLE aside. */
static bool is_replaced(const lb_field_map *map, lb_field_role role)
{
    const bool is_primary = role == LB_FIELD_MESSAGES || role == LB_FIELD_PROMPT ||
                            role == LB_FIELD_RESPONSE || role == LB_FIELD_TEXT;
    const lb_field_role mapped = role == LB_FIELD_INPUT ? LB_FIELD_CONTEXT : role;
    return lb_field_map_name(map, mapped) != NULL || (is_primary && lb_field_map_is_whole(map));
}

static lobass_status field_sort(lb_record_field *field, const lb_value *member,
                                const lb_field_map *map, lobass_error *error)
{
    const lb_field_role mapped = lb_field_map_find(map, member->key);
    *field = (lb_record_field){.value = member, .role = mapped};
    if (mapped == LB_FIELD_ROLE || mapped == LB_FIELD_CONTENT)
    {
        field->role = LB_FIELD_PLAIN; /* of messages */
    }
    if (mapped != LB_FIELD_PLAIN)
    {
        return mapped == LB_FIELD_TRAIN ? check_flag(field, error) : LOBASS_OK;
    }
    const lb_field_name *name = lb_field_find(member->key);
    field->role = name->role;
    field->partner = name->partner;
    field->rank = lb_field_rank(name);
    const bool is_sure =
        lb_field_is(member->key, "messages") || lb_field_is(member->key, "conversations");
    if (is_replaced(map, name->role) ||
        (name->role == LB_FIELD_MESSAGES && !is_sure && !is_list(member)))
    {
        field->role = LB_FIELD_PLAIN;
    }
    else if (name->role == LB_FIELD_INPUT && lb_field_map_is_whole(map))
    {
        field->role = LB_FIELD_CONTEXT;
    }
    else if (name->role == LB_FIELD_REFUSED)
    {
        const bool is_category = (lb_field_is(member->key, "label")) && !is_verdict(member);
        field->role = is_category ? LB_FIELD_PLAIN : LB_FIELD_REFUSED;
        return is_category || lb_field_is_empty(member) ? LOBASS_OK
                                                        : fail_refused(member, name->why, error);
    }
    else if (name->role == LB_FIELD_PLAIN && lb_flag_find(member->key) != LB_FLAG_NONE)
    {
        return check_flag(field, error);
    }
    return LOBASS_OK;
}

/* "user" and "assistant" are turns where both are there; "input" is the prompt where no other is.
 */
static void settle(lb_record_fields *sorted)
{
    bool has_user = false, has_assistant = false, has_prompt = false;
    for (size_t i = 0; i < sorted->n_fields; i++)
    {
        const lb_record_field *field = &sorted->fields[i];
        const char *partner = field->partner;
        const bool is_user = partner != NULL && strcmp(partner, "assistant") == 0;
        has_user = has_user || (is_user && field->role == LB_FIELD_PROMPT);
        has_assistant = has_assistant || (field->role == LB_FIELD_RESPONSE &&
                                          lb_field_is(field->value->key, "assistant"));
        has_prompt = has_prompt || (field->role == LB_FIELD_PROMPT && !is_user) ||
                     field->role == LB_FIELD_MESSAGES;
    }
    const bool has_both = has_user && has_assistant;
    for (size_t i = 0; i < sorted->n_fields; i++)
    {
        lb_record_field *field = &sorted->fields[i];
        const bool is_weak = lb_field_is(field->value->key, "user") ||
                             lb_field_is(field->value->key, "human") ||
                             lb_field_is(field->value->key, "assistant");
        if (is_weak && !has_both && field->rank > 0)
        {
            field->role = LB_FIELD_PLAIN;
        }
        if (field->role == LB_FIELD_INPUT)
        {
            field->role = has_prompt || has_both ? LB_FIELD_CONTEXT : LB_FIELD_PROMPT;
        }
    }
}

lobass_status lb_record_fields_sort(lb_record_fields *sorted, const lb_value *record,
                                    const lb_field_map *map, lb_arena *arena, lobass_error *error)
{
    sorted->n_fields = 0;
    sorted->fields = lb_arena_alloc(arena, record->count, sizeof *sorted->fields, error);
    if (sorted->fields == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (const lb_value *member = record->first; member != NULL; member = member->next)
    {
        LB_TRY(field_sort(&sorted->fields[sorted->n_fields++], member, map, error));
    }
    settle(sorted);
    return LOBASS_OK;
}

/* ---- choosing among several -------------------------------------------------------------------
 */

bool lb_record_field_is_there(const lb_record_field *field)
{
    return field != NULL && !lb_value_is(field->value, LB_VALUE_NULL);
}

static int emptiness(const lb_value *value)
{
    return lb_value_is(value, LB_VALUE_NULL) ? 2 : lb_field_is_empty(value) ? 1 : 0;
}

lb_record_field *lb_record_fields_best(const lb_record_fields *sorted, lb_field_role role)
{
    lb_record_field *best = NULL;
    for (size_t i = 0; i < sorted->n_fields; i++)
    {
        lb_record_field *field = &sorted->fields[i];
        if (field->role != role)
        {
            continue;
        }
        const int less = best == NULL ? -1 : emptiness(field->value) - emptiness(best->value);
        if (best == NULL || less < 0 || (less == 0 && field->rank < best->rank))
        {
            best = field;
        }
    }
    return best;
}

lb_record_field *lb_record_fields_next(const lb_record_fields *sorted, lb_field_role role,
                                       const lb_record_field *after)
{
    size_t i = after == NULL ? 0 : (size_t)(after - sorted->fields) + 1;
    for (; i < sorted->n_fields; i++)
    {
        if (sorted->fields[i].role == role && !lb_field_is_empty(sorted->fields[i].value))
        {
            return &sorted->fields[i];
        }
    }
    return NULL;
}

/* ---- texts ------------------------------------------------------------------------------------
 */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static lb_text trim(lb_text text)
{
    while (text.size > 0 && is_space(text.data[0]))
    {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_space(text.data[text.size - 1]))
    {
        text.size--;
    }
    return text;
}

bool lb_text_is_same(lb_text a, lb_text b)
{
    a = trim(a);
    b = trim(b);
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

bool lb_text_holds(lb_text text, lb_text part)
{
    part = trim(part);
    return part.size == 0 || memmem(text.data, text.size, part.data, part.size) != NULL;
}

lobass_status lb_record_text_find(const lb_value **value, lb_record_fields *sorted,
                                  lb_field_role role, lobass_error *error)
{
    *value = NULL;
    for (size_t i = 0; i < sorted->n_fields; i++)
    {
        const lb_record_field *field = &sorted->fields[i];
        if (field->role == role && !lb_value_is(field->value, LB_VALUE_STRING) &&
            lb_record_field_is_there(field))
        {
            return lb_record_fail_kind(error, field->value->key, "a string", field->value);
        }
    }
    lb_record_field *best = lb_record_fields_best(sorted, role);
    if (best == NULL || lb_field_is_empty(best->value))
    {
        return LOBASS_OK;
    }
    const lb_text text = {best->value->text, best->value->size};
    for (const lb_record_field *other = lb_record_fields_next(sorted, role, NULL); other != NULL;
         other = lb_record_fields_next(sorted, role, other))
    {
        if (!lb_text_is_same(text, (lb_text){other->value->text, other->value->size}))
        {
            return lb_record_fail_ambiguous(best->value, other->value, error);
        }
    }
    best->is_read = true;
    *value = best->value;
    return LOBASS_OK;
}

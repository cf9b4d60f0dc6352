/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages, tools and calls as the values that a chat template is given. They are what the record
 * has, in its order and under its names, as transformers and TRL hand them over: arguments of a
 * call that stand as a string of JSON stay one, since templates ask `is string`; reasoning keeps
 * its name, since templates differ in the one they read. What no template knows is put in the form
 * that all of them do: ShareGPT's names, a part's "value", and tools that stand in a string of JSON
 * (TRL reads those as well).
 */
#include "data/messages.h"

#include <string.h>

/* ---- objects ----------------------------------------------------------------------------------
 */

lobass_status lb_object_begin(lb_object_maker *maker, lb_arena *arena, lobass_error *error)
{
    lb_value *object = lb_arena_alloc(arena, 1, sizeof *object, error);
    if (object == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    *object = (lb_value){.kind = LB_VALUE_OBJECT, .text = ""};
    *maker = (lb_object_maker){arena, object, &object->first};
    return LOBASS_OK;
}

lobass_status lb_object_put(lb_object_maker *maker, const char *key, const lb_value *value,
                            lobass_error *error)
{
    lb_value *copy = lb_arena_alloc(maker->arena, 1, sizeof *copy, error);
    if (copy == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    *copy = *value;
    copy->key = key;
    copy->next = NULL;
    *maker->link = copy;
    maker->link = &copy->next;
    maker->object->count++;
    return LOBASS_OK;
}

lobass_status lb_object_put_text(lb_object_maker *maker, const char *key, const char *text,
                                 size_t size_bytes, lobass_error *error)
{
    const lb_value value = {.kind = LB_VALUE_STRING, .text = text, .size = size_bytes};
    return lb_object_put(maker, key, &value, error);
}

lobass_status lb_object_extend(const lb_value **extended, const lb_value *object, const char *key,
                               const lb_value *value, lb_arena *arena, lobass_error *error)
{
    lb_object_maker maker;
    LB_TRY(lb_object_begin(&maker, arena, error));
    for (const lb_value *member = object->first; member != NULL; member = member->next)
    {
        LB_TRY(lb_object_put(&maker, member->key, member, error));
    }
    LB_TRY(lb_object_put(&maker, key, value, error));
    *extended = maker.object;
    return LOBASS_OK;
}

/* ---- lists ------------------------------------------------------------------------------------
 */

typedef lobass_status (*element_function)(const lb_value **made, const lb_value *element,
                                          lb_arena *arena, lobass_error *error);

/* *LIST: what MAKE makes of each element of ARRAY; each is a new value. */
static lobass_status list_make(const lb_value **list, const lb_value *array, element_function make,
                               lb_arena *arena, lobass_error *error)
{
    lb_value *made = lb_arena_alloc(arena, 1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    *made = (lb_value){.kind = LB_VALUE_ARRAY, .text = "", .count = array->count};
    const lb_value **link = &made->first;
    for (const lb_value *element = array->first; element != NULL; element = element->next)
    {
        const lb_value *value = NULL;
        LB_TRY(make(&value, element, arena, error));
        lb_value *copy = lb_arena_alloc(arena, 1, sizeof *copy, error);
        if (copy == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        *copy = *value;
        copy->key = NULL;
        copy->next = NULL;
        *link = copy;
        link = &copy->next;
    }
    *list = made;
    return LOBASS_OK;
}

/* ---- content ----------------------------------------------------------------------------------
 */

static lobass_status part_make(const lb_value **made, const lb_value *part, lb_arena *arena,
                               lobass_error *error)
{
    lb_object_maker maker;
    *made = part;
    if (lb_value_get(part, "value") == NULL || lb_value_get(part, "text") != NULL)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_object_begin(&maker, arena, error));
    for (const lb_value *member = part->first; member != NULL; member = member->next)
    {
        const char *key = strcmp(member->key, "value") == 0 ? "text" : member->key;
        LB_TRY(lb_object_put(&maker, key, member, error));
    }
    *made = maker.object;
    return LOBASS_OK;
}

lobass_status lb_content_canonical(const lb_value **canonical, const lb_value *content,
                                   lb_arena *arena, lobass_error *error)
{
    *canonical = content;
    return lb_value_is(content, LB_VALUE_ARRAY)
               ? list_make(canonical, content, part_make, arena, error)
               : LOBASS_OK;
}

/* ---- calls and tools --------------------------------------------------------------------------
 */

static bool is_call(const lb_value *value)
{
    return lb_value_is(lb_value_get(value, "name"), LB_VALUE_STRING) &&
           lb_value_get(value, "arguments") != NULL;
}

static lobass_status call_make(const lb_value **made, const lb_value *call, lb_arena *arena,
                               lobass_error *error)
{
    lb_object_maker maker;
    LB_TRY(lb_object_begin(&maker, arena, error));
    LB_TRY(lb_object_put_text(&maker, "type", "function", strlen("function"), error));
    LB_TRY(lb_object_put(&maker, "function", call, error));
    *made = maker.object;
    return LOBASS_OK;
}

/* JSON within a string; *VALUE is NULL where it is none. */
static lobass_status text_parse(const lb_value **value, const char *text, size_t size_bytes,
                                lb_arena *arena, lobass_error *error)
{
    lobass_error unsaid = {0};
    *value = NULL;
    const lobass_status status = lb_value_parse(value, text, size_bytes, "", arena, &unsaid);
    if (status == LOBASS_OUT_OF_MEMORY)
    {
        return lb_fail(error, status, "%s", unsaid.message);
    }
    if (status != LOBASS_OK)
    {
        *value = NULL;
    }
    return LOBASS_OK;
}

lobass_status lb_calls_parse(const lb_value **calls, const char *text, size_t size_bytes,
                             lb_arena *arena, lobass_error *error)
{
    const lb_value *parsed = NULL;
    *calls = NULL;
    LB_TRY(text_parse(&parsed, text, size_bytes, arena, error));
    lb_value one = {.kind = LB_VALUE_ARRAY, .text = "", .count = 1, .first = parsed};
    const lb_value *list = lb_value_is(parsed, LB_VALUE_OBJECT) ? &one : parsed;
    if (list == NULL || list->kind != LB_VALUE_ARRAY || list->count == 0)
    {
        return LOBASS_OK;
    }
    for (const lb_value *call = list->first; call != NULL; call = call->next)
    {
        if (!is_call(call))
        {
            return LOBASS_OK;
        }
    }
    return list_make(calls, list, call_make, arena, error);
}

lobass_status lb_array_find(const lb_value **array, const lb_value *value, lb_arena *arena,
                            lobass_error *error)
{
    *array = value;
    if (lb_value_is(value, LB_VALUE_STRING))
    {
        LB_TRY(text_parse(array, value->text, value->size, arena, error));
    }
    if (!lb_value_is(*array, LB_VALUE_ARRAY))
    {
        *array = NULL;
    }
    return LOBASS_OK;
}

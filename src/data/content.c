/* SPDX-License-Identifier: Apache-2.0
 *
 * What a message says: a string, or a list of typed parts. Only text is taken; a part of any other
 * type (an image, a thought) is refused by its name.
 */
#include "data/messages.h"

#include <string.h>

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

lobass_status lb_content_read(lb_text *text, const lb_value *value, const char *where,
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

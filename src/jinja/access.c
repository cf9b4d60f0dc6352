/* SPDX-License-Identifier: Apache-2.0
 *
 * a.b, a["b"] and a[1:2] as jinja2's immutable sandbox has them: a.b asks for Python's attribute
 * first (so that d.items is the method), then for the item; a["b"] the other way round; what is
 * not there is undefined. Methods that would change a list or dict are kept away: undefined, but
 * failing by name when called.
 */
#include <string.h>

#include "jinja/tree.h"

/* How messages call the owner of what is missing. */
static const char *owner_name(const value *of)
{
    return of->kind == KIND_NONE ? "None" : lb_jinja_type_name(of);
}

static lobass_status not_there(lb_jinja *jinja, value *result, const value *of, const value *name)
{
    return lb_jinja_make_undefined(jinja, result, NULL, owner_name(of), name);
}

static lobass_status bind_method(lb_jinja *jinja, value *result, const value *of,
                                 const method_row *row)
{
    void *memory = NULL;
    LB_TRY(lb_jinja_take(jinja, &memory, 1, sizeof(method)));
    method *bound = memory;
    *bound = (method){*of, row};
    *result = lb_jinja_of_object(KIND_METHOD, bound);
    return LOBASS_OK;
}

/* What Python's getattr() finds; *IS_THERE false where it raises AttributeError. */
static lobass_status python_attribute(lb_jinja *jinja, value *result, const value *of,
                                      const text *name, bool *is_there)
{
    *is_there = false;
    if (of->kind == KIND_LOOP)
    {
        loop *around = NULL;
        around = of->as.state;
        LB_TRY(around->attribute(jinja, result, around, name, is_there));
        if (*is_there)
        {
            return LOBASS_OK;
        }
    }
    if (of->kind == KIND_NAMESPACE)
    {
        LB_TRY(lb_jinja_step(jinja, lb_jinja_dict_of(of)->count / 16));
        const entry *found = lb_jinja_dict_look(lb_jinja_dict_of(of), name);
        *is_there = found != NULL;
        *result = found != NULL ? found->value : *result;
        return LOBASS_OK;
    }
    if (of->kind == KIND_MACRO && lb_jinja_text_is(name, "name"))
    {
        const macro *called = of->as.object;
        *is_there = true;
        *result = called->definition->name == NULL ? lb_jinja_none()
                                                   : lb_jinja_of_text(called->definition->name);
        return LOBASS_OK;
    }
    const method_row *row = lb_jinja_method_find(jinja->language, of, name);
    if (row == NULL)
    {
        return LOBASS_OK;
    }
    *is_there = true;
    if (row->is_unsafe)
    {
        const value named = lb_jinja_of_text(name);
        LB_TRY(not_there(jinja, result, of, &named));
        undefined *kept = NULL;
        kept = result->as.state;
        kept->is_unsafe = true;
        return LOBASS_OK;
    }
    if (row->run == NULL)
    {
        return lb_jinja_fail(jinja, "the attribute \"%s\" of %s is not supported", name->data,
                             lb_jinja_type_name(of));
    }
    return bind_method(jinja, result, of, row);
}

/* What Python's obj[key] finds; *IS_THERE false where it raises. */
static lobass_status python_item(lb_jinja *jinja, value *result, const value *of, const value *key,
                                 bool *is_there)
{
    *is_there = false;
    if (of->kind == KIND_DICT)
    {
        entry *found = NULL;
        if (key->kind == KIND_LIST || key->kind == KIND_DICT)
        {
            return LOBASS_OK;
        }
        LB_TRY(lb_jinja_dict_find(jinja, lb_jinja_dict_of(of), key, &found));
        *is_there = found != NULL;
        *result = found != NULL ? found->value : *result;
        return LOBASS_OK;
    }
    int64_t length = 0;
    const bool is_indexed = of->kind == KIND_STRING || of->kind == KIND_LIST ||
                            of->kind == KIND_TUPLE || of->kind == KIND_RANGE;
    if (!is_indexed || (key->kind != KIND_INTEGER && key->kind != KIND_BOOLEAN))
    {
        return LOBASS_OK;
    }
    int64_t index = key->kind == KIND_BOOLEAN ? key->as.boolean : key->as.integer;
    LB_TRY(lb_jinja_length(jinja, of, &length));
    index += index < 0 ? length : 0;
    *is_there = index >= 0 && index < length;
    if (!*is_there)
    {
        return LOBASS_OK;
    }
    if (of->kind == KIND_STRING)
    {
        const text *string = lb_jinja_text_of(of);
        const text *part = NULL;
        const size_t at = lb_jinja_text_offset(string, (size_t)index);
        LB_TRY(lb_jinja_step(jinja, at / 64));
        LB_TRY(lb_jinja_text_part(jinja, &part, string, at,
                                  at + lb_jinja_char_size(string->data + at)));
        *result = lb_jinja_of_text(part);
        result->is_safe = of->is_safe;
        return LOBASS_OK;
    }
    const range *numbers = of->as.object;
    *result = of->kind == KIND_RANGE ? lb_jinja_integer(numbers->start + index * numbers->step, 0)
                                     : lb_jinja_list_of(of)->items[index];
    return LOBASS_OK;
}

static lobass_status find_attribute(lb_jinja *jinja, value *result, const value *of,
                                    const text *name, bool looks_for_items)
{
    bool is_there = false;
    const value named = lb_jinja_of_text(name);
    if (of->kind == KIND_UNDEFINED)
    {
        if (name->size > 3 && memcmp(name->data, "__", 2) == 0 &&
            memcmp(name->data + name->size - 2, "__", 2) == 0)
        {
            return not_there(jinja, result, of, &named);
        }
        return lb_jinja_fail_undefined(jinja, of);
    }
    LB_TRY(python_attribute(jinja, result, of, name, &is_there));
    if (!is_there && looks_for_items)
    {
        LB_TRY(python_item(jinja, result, of, &named, &is_there));
    }
    return is_there ? LOBASS_OK : not_there(jinja, result, of, &named);
}

lobass_status lb_jinja_attribute(lb_jinja *jinja, value *result, const value *of, const text *name)
{
    return find_attribute(jinja, result, of, name, true);
}

lobass_status lb_jinja_attribute_alone(lb_jinja *jinja, value *result, const value *of,
                                       const text *name)
{
    return find_attribute(jinja, result, of, name, false);
}

lobass_status lb_jinja_item(lb_jinja *jinja, value *result, const value *of, const value *key)
{
    bool is_there = false;
    if (of->kind == KIND_UNDEFINED)
    {
        return lb_jinja_fail_undefined(jinja, of);
    }
    LB_TRY(python_item(jinja, result, of, key, &is_there));
    if (!is_there && key->kind == KIND_STRING)
    {
        LB_TRY(python_attribute(jinja, result, of, lb_jinja_text_of(key), &is_there));
    }
    return is_there ? LOBASS_OK : not_there(jinja, result, of, key);
}

lobass_status lb_jinja_path(lb_jinja *jinja, value *result, const value *of, const value *path,
                            const value *fallback)
{
    *result = *of;
    if (path->kind == KIND_NONE || path->kind == KIND_MISSING)
    {
        return LOBASS_OK;
    }
    const text *parts = path->kind == KIND_STRING ? lb_jinja_text_of(path) : NULL;
    for (size_t at = 0, end = 0; parts == NULL || at <= parts->size; at = end + 1)
    {
        value key = *path;
        if (parts != NULL)
        {
            const text *part = NULL;
            const char *dot = memchr(parts->data + at, '.', parts->size - at);
            end = dot == NULL ? parts->size : (size_t)(dot - parts->data);
            LB_TRY(lb_jinja_text_part(jinja, &part, parts, at, end));
            key = lb_jinja_of_text(part);
            int64_t number = 0;
            size_t n_digits = 0;
            while (n_digits < part->size && n_digits < 18 && part->data[n_digits] >= '0' &&
                   part->data[n_digits] <= '9')
            {
                number = number * 10 + (part->data[n_digits++] - '0');
            }
            key = n_digits > 0 && n_digits == part->size ? lb_jinja_integer(number, 0) : key;
        }
        const value from = *result;
        LB_TRY(lb_jinja_item(jinja, result, &from, &key));
        if (result->kind == KIND_UNDEFINED && fallback->kind != KIND_MISSING &&
            fallback->kind != KIND_NONE)
        {
            *result = *fallback;
        }
        if (parts == NULL)
        {
            break;
        }
    }
    return LOBASS_OK;
}

/* ---- slices ---------------------------------------------------------------------------------- */

typedef struct bounds
{
    int64_t start, step, count;
} bounds;

static lobass_status take_bound(lb_jinja *jinja, const value *given, int64_t *bound, bool *is_there)
{
    *is_there = given->kind != KIND_NONE;
    if (!*is_there)
    {
        return LOBASS_OK;
    }
    if (given->kind == KIND_UNDEFINED)
    {
        return lb_jinja_fail(jinja, "slice indices must be integers or None or have an __index__ "
                                    "method");
    }
    return lb_jinja_take_integer(jinja, given, 0, bound);
}

static int64_t clamp(int64_t bound, int64_t length, int64_t least, int64_t most)
{
    bound += bound < 0 ? length : 0;
    return bound < least ? least : bound > most ? most : bound;
}

/* As Python's slice.indices(). */
static lobass_status find_bounds(lb_jinja *jinja, bounds *found, int64_t length, const value *start,
                                 const value *stop, const value *step)
{
    bool has_start = false;
    bool has_stop = false;
    bool has_step = false;
    int64_t first = 0;
    int64_t last = 0;
    found->step = 1;
    LB_TRY(take_bound(jinja, step, &found->step, &has_step));
    LB_TRY(take_bound(jinja, start, &first, &has_start));
    LB_TRY(take_bound(jinja, stop, &last, &has_stop));
    if (found->step == 0)
    {
        return lb_jinja_fail(jinja, "slice step cannot be zero");
    }
    const bool is_back = found->step < 0;
    const int64_t least = is_back ? -1 : 0;
    const int64_t most = is_back ? length - 1 : length;
    first = has_start ? clamp(first, length, least, most) : is_back ? most : 0;
    last = has_stop ? clamp(last, length, least, most) : is_back ? -1 : length;
    found->start = first;
    const int64_t stride =
        is_back ? (found->step == INT64_MIN ? INT64_MAX : -found->step) : found->step;
    const int64_t distance = is_back ? first - last : last - first;
    found->count = distance <= 0 ? 0 : (distance - 1) / stride + 1;
    return LOBASS_OK;
}

static lobass_status slice_text(lb_jinja *jinja, value *result, const value *of,
                                const bounds *found)
{
    const text *string = lb_jinja_text_of(of);
    const text *made = NULL;
    text_builder builder;
    if (found->step == 1)
    {
        const size_t from = lb_jinja_text_offset(string, (size_t)found->start);
        const size_t to = lb_jinja_text_offset(string, (size_t)(found->start + found->count));
        LB_TRY(lb_jinja_step(jinja, to / 64));
        LB_TRY(lb_jinja_text_part(jinja, &made, string, found->count == 0 ? 0 : from,
                                  found->count == 0 ? 0 : to));
    }
    else
    {
        lb_jinja_builder_begin(&builder, jinja);
        for (int64_t i = 0; i < found->count; i++)
        {
            const size_t at =
                lb_jinja_text_offset(string, (size_t)(found->start + i * found->step));
            LB_TRY(lb_jinja_step(jinja, 1 + at / 64));
            LB_TRY(lb_jinja_builder_part(&builder, string, at,
                                         at + lb_jinja_char_size(string->data + at)));
        }
        LB_TRY(lb_jinja_builder_end(&builder, &made));
    }
    *result = lb_jinja_of_text(made);
    result->is_safe = of->is_safe;
    return LOBASS_OK;
}

lobass_status lb_jinja_slice(lb_jinja *jinja, value *result, const value *of, const value *start,
                             const value *stop, const value *step)
{
    bounds found;
    int64_t length = 0;
    if (of->kind == KIND_UNDEFINED)
    {
        return lb_jinja_fail_undefined(jinja, of);
    }
    const bool can_be_sliced = of->kind == KIND_STRING || of->kind == KIND_LIST ||
                               of->kind == KIND_TUPLE || of->kind == KIND_RANGE;
    if (!can_be_sliced)
    {
        *result = (value){.kind = KIND_MISSING};
        return LOBASS_OK;
    }
    LB_TRY(lb_jinja_length(jinja, of, &length));
    LB_TRY(find_bounds(jinja, &found, length, start, stop, step));
    if (of->kind == KIND_STRING)
    {
        return slice_text(jinja, result, of, &found);
    }
    void *memory = NULL;
    if (of->kind == KIND_RANGE)
    {
        const range *numbers = of->as.object;
        LB_TRY(lb_jinja_take(jinja, &memory, 1, sizeof(range)));
        range *part = memory;
        *part = (range){numbers->start + found.start * numbers->step, 0, numbers->step * found.step,
                        found.count};
        part->stop = part->start + part->step * part->count;
        *result = lb_jinja_of_object(KIND_RANGE, part);
        return LOBASS_OK;
    }
    LB_TRY(lb_jinja_step(jinja, (uint64_t)found.count / 8));
    LB_TRY(lb_jinja_take(jinja, &memory, (size_t)found.count, sizeof(value)));
    value *items = memory;
    for (int64_t i = 0; i < found.count; i++)
    {
        items[i] = lb_jinja_list_of(of)->items[found.start + i * found.step];
    }
    return lb_jinja_make_list(jinja, result, (value_kind)of->kind, items, (size_t)found.count);
}

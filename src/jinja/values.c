/* SPDX-License-Identifier: Apache-2.0
 *
 * Values and what Python says of them: truth, equality, order, length, membership; dicts in the
 * order of insertion.
 */
#include <math.h>
#include <string.h>

#include "jinja/jinja_private.h"

/* ---- making ---------------------------------------------------------------------------------- */

value lb_jinja_none(void)
{
    return (value){.kind = KIND_NONE};
}

value lb_jinja_boolean(bool truth)
{
    return (value){.kind = KIND_BOOLEAN, .as = {.boolean = truth}};
}

value lb_jinja_integer(int64_t number, uint32_t origin)
{
    return (value){.kind = KIND_INTEGER, .origin = origin, .as = {.integer = number}};
}

value lb_jinja_real(double number, uint32_t origin)
{
    return (value){.kind = KIND_REAL, .origin = origin, .as = {.real = number}};
}

value lb_jinja_of_text(const text *of)
{
    return (value){.kind = KIND_STRING, .as = {.object = of}};
}

value lb_jinja_of_object(value_kind kind, const void *object)
{
    return (value){.kind = (uint8_t)kind, .as = {.object = object}};
}

const text *lb_jinja_text_of(const value *string)
{
    return string->as.object;
}

const list *lb_jinja_list_of(const value *sequence)
{
    return sequence->as.object;
}

const dict *lb_jinja_dict_of(const value *mapping)
{
    return mapping->as.object;
}

lobass_status lb_jinja_string(lb_jinja *jinja, value *made, const char *data, size_t size_bytes,
                              uint32_t origin, lobass_error *error)
{
    const text *copy = NULL;
    jinja->error = error;
    LB_TRY(lb_jinja_text_copy(jinja, &copy, data, size_bytes, origin));
    *made = lb_jinja_of_text(copy);
    return LOBASS_OK;
}

lobass_status lb_jinja_make_word(lb_jinja *jinja, value *made, const char *word)
{
    const text *copy = NULL;
    LB_TRY(lb_jinja_text_copy(jinja, &copy, word, strlen(word), 0));
    *made = lb_jinja_of_text(copy);
    return LOBASS_OK;
}

lobass_status lb_jinja_make_list(lb_jinja *jinja, value *made, value_kind kind, const value *items,
                                 size_t count)
{
    void *memory = NULL;
    LB_TRY(lb_jinja_take(jinja, &memory, 1, sizeof(list)));
    list *sequence = memory;
    *sequence = (list){items, count};
    *made = lb_jinja_of_object(kind, sequence);
    return LOBASS_OK;
}

static lobass_status copy_values(lb_jinja *jinja, value **copy, const value *values, size_t count)
{
    void *memory = NULL;
    LB_TRY(lb_jinja_take(jinja, &memory, count, sizeof *values));
    *copy = memory;
    if (count > 0)
    {
        memcpy(*copy, values, count * sizeof *values);
    }
    return LOBASS_OK;
}

lobass_status lb_jinja_list(lb_jinja *jinja, value *made, const value *values, size_t count,
                            lobass_error *error)
{
    value *copy = NULL;
    jinja->error = error;
    LB_TRY(copy_values(jinja, &copy, values, count));
    return lb_jinja_make_list(jinja, made, KIND_LIST, copy, count);
}

lobass_status lb_jinja_make_pair(lb_jinja *jinja, value *made, const value *a, const value *b)
{
    const value both[] = {*a, *b};
    value *copy = NULL;
    LB_TRY(copy_values(jinja, &copy, both, 2));
    return lb_jinja_make_list(jinja, made, KIND_TUPLE, copy, 2);
}

lobass_status lb_jinja_make_undefined(lb_jinja *jinja, value *made, const char *hint,
                                      const char *subject, const value *name)
{
    void *memory = NULL;
    LB_TRY(lb_jinja_take(jinja, &memory, 1, sizeof(undefined)));
    undefined *missing = memory;
    *missing = (undefined){hint, subject, name == NULL ? lb_jinja_none() : *name, false};
    *made = lb_jinja_of_object(KIND_UNDEFINED, missing);
    return LOBASS_OK;
}

/* ---- dicts ----------------------------------------------------------------------------------- */

lobass_status lb_jinja_dict_make(lb_jinja *jinja, dict **made, size_t capacity)
{
    void *memory = NULL;
    LB_TRY(lb_jinja_take(jinja, &memory, 1, sizeof **made));
    *made = memory;
    LB_TRY(lb_jinja_take(jinja, &memory, capacity, sizeof(entry)));
    **made = (dict){memory, 0, capacity};
    return LOBASS_OK;
}

entry *lb_jinja_dict_look(const dict *in, const text *key)
{
    for (size_t i = 0; i < in->count; i++)
    {
        if (in->entries[i].key.kind == KIND_STRING &&
            lb_jinja_text_equal(lb_jinja_text_of(&in->entries[i].key), key))
        {
            return &in->entries[i];
        }
    }
    return NULL;
}

static bool is_hashable(const value *key)
{
    if (key->kind == KIND_TUPLE)
    {
        const list *items = lb_jinja_list_of(key);
        for (size_t i = 0; i < items->count; i++)
        {
            if (!is_hashable(&items->items[i]))
            {
                return false;
            }
        }
        return true;
    }
    return key->kind != KIND_LIST && key->kind != KIND_DICT;
}

lobass_status lb_jinja_dict_find(lb_jinja *jinja, const dict *in, const value *key, entry **found)
{
    *found = NULL;
    if (key->kind == KIND_STRING)
    {
        *found = lb_jinja_dict_look(in, lb_jinja_text_of(key));
        return lb_jinja_step(jinja, in->count / 16);
    }
    if (!is_hashable(key))
    {
        return lb_jinja_fail(jinja, "unhashable type: '%s'", lb_jinja_type_name(key));
    }
    for (size_t i = 0; i < in->count; i++)
    {
        bool is_equal = false;
        LB_TRY(lb_jinja_equal(jinja, &in->entries[i].key, key, &is_equal));
        if (is_equal)
        {
            *found = &in->entries[i];
            return LOBASS_OK;
        }
    }
    return LOBASS_OK;
}

lobass_status lb_jinja_dict_set(lb_jinja *jinja, dict *in, const value *key, const value *set)
{
    entry *found = NULL;
    LB_TRY(lb_jinja_dict_find(jinja, in, key, &found));
    if (found != NULL)
    {
        found->value = *set;
        return LOBASS_OK;
    }
    if (in->count == in->capacity)
    {
        void *grown = NULL;
        const size_t wanted = in->capacity == 0 ? 8 : in->capacity * 2;
        LB_TRY(lb_jinja_take(jinja, &grown, wanted, sizeof(entry)));
        if (in->count > 0)
        {
            memcpy(grown, in->entries, in->count * sizeof(entry));
        }
        in->entries = grown;
        in->capacity = wanted;
    }
    in->entries[in->count++] = (entry){*key, *set};
    return LOBASS_OK;
}

lobass_status lb_jinja_dict(lb_jinja *jinja, value *made, const lb_jinja_member *members,
                            size_t count, lobass_error *error)
{
    dict *built = NULL;
    jinja->error = error;
    LB_TRY(lb_jinja_dict_make(jinja, &built, count));
    for (size_t i = 0; i < count; i++)
    {
        const text *name = NULL;
        LB_TRY(
            lb_jinja_text_copy(jinja, &name, members[i].name, members[i].size, members[i].origin));
        const value key = lb_jinja_of_text(name);
        LB_TRY(lb_jinja_dict_set(jinja, built, &key, &members[i].value));
    }
    *made = lb_jinja_of_object(KIND_DICT, built);
    return LOBASS_OK;
}

/* ---- what they are --------------------------------------------------------------------------- */

bool lb_jinja_is_number(const value *of)
{
    return of->kind == KIND_BOOLEAN || of->kind == KIND_INTEGER || of->kind == KIND_REAL;
}

const char *lb_jinja_type_name(const value *of)
{
    static const char *const names[] = {[KIND_UNDEFINED] = "Undefined",
                                        [KIND_NONE] = "NoneType",
                                        [KIND_BOOLEAN] = "bool",
                                        [KIND_INTEGER] = "int",
                                        [KIND_REAL] = "float",
                                        [KIND_STRING] = "str",
                                        [KIND_LIST] = "list",
                                        [KIND_TUPLE] = "tuple",
                                        [KIND_DICT] = "dict",
                                        [KIND_VIEW] = "dict_items",
                                        [KIND_RANGE] = "range",
                                        [KIND_GENERATOR] = "generator",
                                        [KIND_NAMESPACE] = "Namespace",
                                        [KIND_LOOP] = "LoopContext",
                                        [KIND_MACRO] = "Macro",
                                        [KIND_FUNCTION] = "function",
                                        [KIND_METHOD] = "builtin_function_or_method",
                                        [KIND_CYCLER] = "Cycler",
                                        [KIND_JOINER] = "Joiner",
                                        [KIND_MISSING] = "missing"};
    if (of->kind == KIND_STRING && of->is_safe)
    {
        return "Markup";
    }
    if (of->kind == KIND_VIEW)
    {
        static const char *const views[] = {
            [VIEW_KEYS] = "dict_keys", [VIEW_VALUES] = "dict_values", [VIEW_ITEMS] = "dict_items"};
        return views[((const view *)of->as.object)->kind];
    }
    return names[of->kind];
}

bool lb_jinja_has_length(const value *of)
{
    switch ((value_kind)of->kind)
    {
    case KIND_UNDEFINED:
    case KIND_STRING:
    case KIND_LIST:
    case KIND_TUPLE:
    case KIND_DICT:
    case KIND_VIEW:
    case KIND_RANGE:
    case KIND_LOOP:
        return true;
    default:
        return false;
    }
}

static lobass_status loop_length(lb_jinja *jinja, loop *around, int64_t *length)
{
    value found = {0};
    bool is_there = false;
    LB_TRY(around->attribute(jinja, &found, around, &lb_jinja_word_length, &is_there));
    *length = found.as.integer;
    return LOBASS_OK;
}

lobass_status lb_jinja_length(lb_jinja *jinja, const value *of, int64_t *length)
{
    switch ((value_kind)of->kind)
    {
    case KIND_UNDEFINED:
        *length = 0;
        return LOBASS_OK;
    case KIND_STRING:
        *length = (int64_t)lb_jinja_text_of(of)->n_chars;
        return LOBASS_OK;
    case KIND_LIST:
    case KIND_TUPLE:
        *length = (int64_t)lb_jinja_list_of(of)->count;
        return LOBASS_OK;
    case KIND_DICT:
        *length = (int64_t)lb_jinja_dict_of(of)->count;
        return LOBASS_OK;
    case KIND_VIEW:
        *length = (int64_t)((const view *)of->as.object)->of->count;
        return LOBASS_OK;
    case KIND_RANGE:
        *length = ((const range *)of->as.object)->count;
        return LOBASS_OK;
    case KIND_LOOP:
    {
        loop *around = NULL;
        around = of->as.state;
        return loop_length(jinja, around, length);
    }
    default:
        return lb_jinja_fail(jinja, "object of type '%s' has no len()", lb_jinja_type_name(of));
    }
}

bool lb_jinja_is_iterable(const value *of)
{
    return of->kind == KIND_GENERATOR || lb_jinja_has_length(of);
}

bool lb_jinja_truth(const value *of)
{
    switch ((value_kind)of->kind)
    {
    case KIND_UNDEFINED:
    case KIND_NONE:
    case KIND_MISSING:
        return false;
    case KIND_BOOLEAN:
        return of->as.boolean;
    case KIND_INTEGER:
        return of->as.integer != 0;
    case KIND_REAL:
        return of->as.real != 0.0;
    case KIND_STRING:
        return lb_jinja_text_of(of)->size > 0;
    case KIND_LIST:
    case KIND_TUPLE:
        return lb_jinja_list_of(of)->count > 0;
    case KIND_DICT:
        return lb_jinja_dict_of(of)->count > 0;
    case KIND_VIEW:
        return ((const view *)of->as.object)->of->count > 0;
    case KIND_RANGE:
        return ((const range *)of->as.object)->count > 0;
    default:
        return true;
    }
}

bool lb_jinja_is_same(const value *a, const value *b)
{
    if (a->kind != b->kind)
    {
        return false;
    }
    switch ((value_kind)a->kind)
    {
    case KIND_NONE:
        return true;
    case KIND_BOOLEAN:
        return a->as.boolean == b->as.boolean;
    case KIND_INTEGER: /* CPython keeps one object of each small integer */
        return a->as.integer == b->as.integer && a->as.integer >= -5 && a->as.integer <= 256;
    case KIND_REAL:
        return false;
    default:
        return a->as.object == b->as.object;
    }
}

/* ---- comparison ------------------------------------------------------------------------------ */

int lb_jinja_number_order(const value *a, const value *b, bool *is_ordered)
{
    const bool is_real = a->kind == KIND_REAL || b->kind == KIND_REAL;
    const int64_t ia = a->kind == KIND_BOOLEAN ? a->as.boolean : a->as.integer;
    const int64_t ib = b->kind == KIND_BOOLEAN ? b->as.boolean : b->as.integer;
    *is_ordered = true;
    if (!is_real)
    {
        return (ia > ib) - (ia < ib);
    }
    const long double ra = a->kind == KIND_REAL ? (long double)a->as.real : (long double)ia;
    const long double rb = b->kind == KIND_REAL ? (long double)b->as.real : (long double)ib;
    *is_ordered = !isnan(ra) && !isnan(rb);
    return (ra > rb) - (ra < rb);
}

static lobass_status lists_equal(lb_jinja *jinja, const list *a, const list *b, bool *is_equal)
{
    *is_equal = a->count == b->count;
    for (size_t i = 0; *is_equal && i < a->count; i++)
    {
        LB_TRY(lb_jinja_equal(jinja, &a->items[i], &b->items[i], is_equal));
    }
    return LOBASS_OK;
}

static lobass_status dicts_equal(lb_jinja *jinja, const dict *a, const dict *b, bool *is_equal)
{
    *is_equal = a->count == b->count;
    for (size_t i = 0; *is_equal && i < a->count; i++)
    {
        entry *found = NULL;
        LB_TRY(lb_jinja_dict_find(jinja, b, &a->entries[i].key, &found));
        *is_equal = found != NULL;
        if (found != NULL)
        {
            LB_TRY(lb_jinja_equal(jinja, &a->entries[i].value, &found->value, is_equal));
        }
    }
    return LOBASS_OK;
}

static bool ranges_equal(const range *a, const range *b)
{
    return a->count == b->count &&
           (a->count == 0 || (a->start == b->start && (a->count == 1 || a->step == b->step)));
}

static lobass_status compare_objects(lb_jinja *jinja, const value *a, const value *b,
                                     bool *is_equal)
{
    switch ((value_kind)a->kind)
    {
    case KIND_UNDEFINED:
    case KIND_NONE:
        *is_equal = true;
        return LOBASS_OK;
    case KIND_STRING:
        *is_equal = lb_jinja_text_equal(lb_jinja_text_of(a), lb_jinja_text_of(b));
        return LOBASS_OK;
    case KIND_LIST:
    case KIND_TUPLE:
        return lists_equal(jinja, lb_jinja_list_of(a), lb_jinja_list_of(b), is_equal);
    case KIND_DICT:
        return dicts_equal(jinja, lb_jinja_dict_of(a), lb_jinja_dict_of(b), is_equal);
    case KIND_RANGE:
        *is_equal = ranges_equal(a->as.object, b->as.object);
        return LOBASS_OK;
    default:
        *is_equal = a->as.object == b->as.object;
        return LOBASS_OK;
    }
}

lobass_status lb_jinja_equal(lb_jinja *jinja, const value *a, const value *b, bool *is_equal)
{
    LB_TRY(lb_jinja_step(jinja, 1));
    if (lb_jinja_is_number(a) && lb_jinja_is_number(b))
    {
        bool is_ordered = false;
        *is_equal = lb_jinja_number_order(a, b, &is_ordered) == 0 && is_ordered;
        return LOBASS_OK;
    }
    if (a->kind != b->kind)
    {
        *is_equal = false;
        return LOBASS_OK;
    }
    LB_TRY(lb_jinja_enter(jinja));
    LB_TRY(compare_objects(jinja, a, b, is_equal));
    lb_jinja_leave(jinja);
    return LOBASS_OK;
}

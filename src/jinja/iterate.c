/* SPDX-License-Identifier: Apache-2.0
 *
 * Going through values: strings by characters, dicts by keys, generators once and lazily, as Python
 * does, so that what a template never asks for is never computed and never fails.
 */
#include <string.h>

#include "jinja/jinja_private.h"

lobass_status lb_jinja_iterate(lb_jinja *jinja, iterator *begun, const value *of)
{
    *begun = (iterator){.of = *of};
    return lb_jinja_is_iterable(of)
               ? LOBASS_OK
               : lb_jinja_fail(jinja, "'%s' object is not iterable", lb_jinja_type_name(of));
}

static lobass_status next_of_view(lb_jinja *jinja, const view *seen, size_t at, value *item)
{
    const entry *found = &seen->of->entries[at];
    if (seen->kind == VIEW_ITEMS)
    {
        return lb_jinja_make_pair(jinja, item, &found->key, &found->value);
    }
    *item = seen->kind == VIEW_KEYS ? found->key : found->value;
    return LOBASS_OK;
}

static lobass_status next_of_generator(lb_jinja *jinja, generator *from, value *item,
                                       bool *has_item)
{
    *has_item = false;
    if (from->is_done)
    {
        return LOBASS_OK;
    }
    if (!from->has_begun)
    {
        from->has_begun = true;
        LB_TRY(lb_jinja_iterate(jinja, &from->source, &from->source_value));
    }
    LB_TRY(from->step(jinja, from, item, has_item));
    from->is_done = !*has_item;
    return LOBASS_OK;
}

lobass_status lb_jinja_next(lb_jinja *jinja, iterator *going, value *item, bool *has_item)
{
    LB_TRY(lb_jinja_step(jinja, 1));
    const size_t at = going->at;
    const value *of = &going->of;
    switch ((value_kind)of->kind)
    {
    case KIND_STRING:
    {
        const text *string = lb_jinja_text_of(of);
        *has_item = at < string->size;
        if (!*has_item)
        {
            return LOBASS_OK;
        }
        const text *part = NULL;
        going->at += lb_jinja_char_size(string->data + at);
        LB_TRY(lb_jinja_text_part(jinja, &part, string, at, going->at));
        *item = lb_jinja_of_text(part); /* without the mark of what is safe */
        return LOBASS_OK;
    }
    case KIND_LIST:
    case KIND_TUPLE:
        *has_item = at < lb_jinja_list_of(of)->count;
        *item = *has_item ? lb_jinja_list_of(of)->items[at] : *item;
        break;
    case KIND_DICT:
        *has_item = at < lb_jinja_dict_of(of)->count;
        *item = *has_item ? lb_jinja_dict_of(of)->entries[at].key : *item;
        break;
    case KIND_VIEW:
        *has_item = at < ((const view *)of->as.object)->of->count;
        LB_TRY(*has_item ? next_of_view(jinja, of->as.object, at, item) : LOBASS_OK);
        break;
    case KIND_RANGE:
    {
        const range *numbers = of->as.object;
        *has_item = at < (size_t)numbers->count;
        *item =
            *has_item ? lb_jinja_integer(numbers->start + (int64_t)at * numbers->step, 0) : *item;
        break;
    }
    case KIND_GENERATOR:
        return next_of_generator(jinja, of->as.state, item, has_item);
    case KIND_LOOP:
    {
        loop *around = NULL;
        around = of->as.state;
        LB_TRY(around->next(jinja, around, item, has_item));
        return *has_item ? lb_jinja_make_pair(jinja, item, item, of) : LOBASS_OK;
    }
    default:
        *has_item = false;
        return LOBASS_OK;
    }
    going->at++;
    return LOBASS_OK;
}

lobass_status lb_jinja_collect(lb_jinja *jinja, iterator *from, const value **items, size_t *count)
{
    value *found = NULL;
    size_t capacity = 0;
    size_t n = 0;
    for (;;)
    {
        value item = {0};
        bool has_item = false;
        LB_TRY(lb_jinja_next(jinja, from, &item, &has_item));
        if (!has_item)
        {
            break;
        }
        if (n == capacity)
        {
            void *grown = NULL;
            capacity = capacity == 0 ? 8 : capacity * 2;
            LB_TRY(lb_jinja_take(jinja, &grown, capacity, sizeof *found));
            if (n > 0)
            {
                memcpy(grown, found, n * sizeof *found);
            }
            found = grown;
        }
        found[n++] = item;
    }
    *items = found;
    *count = n;
    return LOBASS_OK;
}

lobass_status lb_jinja_collect_all(lb_jinja *jinja, const value *of, const value **items,
                                   size_t *count)
{
    if (of->kind == KIND_LIST || of->kind == KIND_TUPLE)
    {
        *items = lb_jinja_list_of(of)->items;
        *count = lb_jinja_list_of(of)->count;
        return LOBASS_OK;
    }
    iterator going;
    LB_TRY(lb_jinja_iterate(jinja, &going, of));
    return lb_jinja_collect(jinja, &going, items, count);
}

lobass_status lb_jinja_make_generator(lb_jinja *jinja, value *made, generator **inside,
                                      generator_step step, const value *source)
{
    void *memory = NULL;
    LB_TRY(lb_jinja_take(jinja, &memory, 1, sizeof **inside));
    *inside = memory;
    **inside = (generator){.step = step, .source_value = *source};
    (*inside)->attribute.kind = KIND_MISSING;
    (*inside)->fallback.kind = KIND_MISSING;
    *made = lb_jinja_of_object(KIND_GENERATOR, *inside);
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Methods of str that cut it in parts or join parts.
 */
#include <string.h>

#include "jinja/jinja_private.h"

/* ---- splitting and joining ------------------------------------------------------------------- */

typedef struct parts
{
    value *items;
    size_t count, capacity;
} parts;

static lobass_status part_add(call *c, parts *to, size_t from, size_t end)
{
    if (to->count == to->capacity)
    {
        void *grown = NULL;
        const size_t wanted = to->capacity == 0 ? 8 : to->capacity * 2;
        LB_TRY(lb_jinja_take(c->jinja, &grown, wanted, sizeof *to->items));
        if (to->count > 0)
        {
            memcpy(grown, to->items, to->count * sizeof *to->items);
        }
        to->items = grown;
        to->capacity = wanted;
    }
    LB_TRY(lb_jinja_step(c->jinja, 1));
    return lb_jinja_self_part(c, &to->items[to->count++], from, end);
}

static void reverse_parts(parts *of)
{
    for (size_t i = 0; i < of->count / 2; i++)
    {
        const value kept = of->items[i];
        of->items[i] = of->items[of->count - 1 - i];
        of->items[of->count - 1 - i] = kept;
    }
}

static size_t char_before(const text *of, size_t at)
{
    do
    {
        at--;
    } while (((unsigned char)of->data[at] & 0xC0U) == 0x80U);
    return at;
}

static bool is_space_at(const text *of, size_t at, size_t *size)
{
    return lb_jinja_char_is_space(lb_jinja_char_at(of->data + at, size));
}

/* By runs of white space, none at the ends; what is left after MOST cuts is the last part, with the
 * white space behind it. */
static lobass_status split_by_space(call *c, parts *to, int64_t most)
{
    const text *of = lb_jinja_self_text(c);
    size_t size = 0;
    size_t at = 0;
    LB_TRY(lb_jinja_step(c->jinja, of->size / 16));
    for (;;)
    {
        while (at < of->size && is_space_at(of, at, &size))
        {
            at += size;
        }
        if (at == of->size)
        {
            return LOBASS_OK;
        }
        size_t end = at;
        while (end < of->size && !is_space_at(of, end, &size))
        {
            end += size;
        }
        if (most == 0)
        {
            return part_add(c, to, at, of->size);
        }
        LB_TRY(part_add(c, to, at, end));
        most -= most > 0;
        at = end;
    }
}

static lobass_status split_by_space_backward(call *c, parts *to, int64_t most)
{
    const text *of = lb_jinja_self_text(c);
    size_t size = 0;
    size_t at = of->size;
    LB_TRY(lb_jinja_step(c->jinja, of->size / 16));
    for (;;)
    {
        while (at > 0 && is_space_at(of, char_before(of, at), &size))
        {
            at = char_before(of, at);
        }
        if (at == 0)
        {
            break;
        }
        size_t start = at;
        while (start > 0 && !is_space_at(of, char_before(of, start), &size))
        {
            start = char_before(of, start);
        }
        start = most == 0 ? 0 : start;
        LB_TRY(part_add(c, to, start, at));
        if (most == 0)
        {
            break;
        }
        most -= most > 0;
        at = start;
    }
    reverse_parts(to);
    return LOBASS_OK;
}

static lobass_status split_by_text(call *c, parts *to, const text *separator, int64_t most)
{
    const text *of = lb_jinja_self_text(c);
    size_t at = 0;
    size_t place = 0;
    LB_TRY(lb_jinja_step(c->jinja, of->size / 64));
    while (most != 0 && lb_jinja_text_place(of, at, of->size, separator, false, &place))
    {
        LB_TRY(part_add(c, to, at, place));
        at = place + separator->size;
        most -= most > 0;
    }
    return part_add(c, to, at, of->size);
}

static lobass_status split_by_text_backward(call *c, parts *to, const text *separator, int64_t most)
{
    const text *of = lb_jinja_self_text(c);
    size_t end = of->size;
    size_t place = 0;
    LB_TRY(lb_jinja_step(c->jinja, of->size / 16));
    while (most != 0 && lb_jinja_text_place(of, 0, end, separator, true, &place))
    {
        LB_TRY(part_add(c, to, place + separator->size, end));
        end = place;
        most -= most > 0;
    }
    LB_TRY(part_add(c, to, 0, end));
    reverse_parts(to);
    return LOBASS_OK;
}

static lobass_status split(call *c, value *result, bool is_backward)
{
    parts found = {0};
    int64_t most = -1;
    const text *separator = NULL;
    LB_TRY(lb_jinja_is_given(&c->bound[0]) ? lb_jinja_take_text(c, 0, &separator) : LOBASS_OK);
    LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[1], -1, &most));
    if (separator == NULL)
    {
        LB_TRY((is_backward ? split_by_space_backward : split_by_space)(c, &found, most));
    }
    else if (separator->size == 0)
    {
        return lb_jinja_fail(c->jinja, "empty separator");
    }
    else
    {
        LB_TRY((is_backward ? split_by_text_backward : split_by_text)(c, &found, separator, most));
    }
    return lb_jinja_make_list(c->jinja, result, KIND_LIST, found.items, found.count);
}

lobass_status lb_jinja_str_split(call *c, value *result)
{
    return split(c, result, false);
}

lobass_status lb_jinja_str_rsplit(call *c, value *result)
{
    return split(c, result, true);
}

static lobass_status cut_in_three(call *c, value *result, bool is_last)
{
    const text *separator = NULL;
    const text *of = lb_jinja_self_text(c);
    parts found = {0};
    size_t place = 0;
    LB_TRY(lb_jinja_take_text(c, 0, &separator));
    LB_TRY(lb_jinja_step(c->jinja, of->size / 16));
    if (separator->size == 0)
    {
        return lb_jinja_fail(c->jinja, "empty separator");
    }
    const bool is_there = lb_jinja_text_place(of, 0, of->size, separator, is_last, &place);
    const size_t first = is_there ? place : is_last ? 0 : of->size;
    const size_t second = is_there ? place + separator->size : first;
    LB_TRY(part_add(c, &found, 0, first));
    LB_TRY(part_add(c, &found, first, second));
    LB_TRY(part_add(c, &found, second, of->size));
    return lb_jinja_make_list(c->jinja, result, KIND_TUPLE, found.items, found.count);
}

lobass_status lb_jinja_str_partition(call *c, value *result)
{
    return cut_in_three(c, result, false);
}

lobass_status lb_jinja_str_rpartition(call *c, value *result)
{
    return cut_in_three(c, result, true);
}

lobass_status lb_jinja_str_splitlines(call *c, value *result)
{
    const value *lines = NULL;
    size_t count = 0;
    LB_TRY(lb_jinja_lines(c->jinja, lb_jinja_self_text(c), lb_jinja_truth(&c->bound[0]), &lines,
                          &count));
    return lb_jinja_make_list(c->jinja, result, KIND_LIST, lines, count);
}

lobass_status lb_jinja_str_join(call *c, value *result)
{
    const value *items = NULL;
    size_t count = 0;
    const text *made = NULL;
    text_builder builder;
    LB_TRY(lb_jinja_collect_all(c->jinja, &c->bound[0], &items, &count));
    lb_jinja_builder_begin(&builder, c->jinja);
    for (size_t i = 0; i < count; i++)
    {
        if (items[i].kind != KIND_STRING)
        {
            return lb_jinja_fail(c->jinja, "sequence item %zu: expected str instance, %s found", i,
                                 lb_jinja_type_name(&items[i]));
        }
        LB_TRY(lb_jinja_step(c->jinja, 1));
        LB_TRY(i > 0 ? lb_jinja_builder_text(&builder, lb_jinja_self_text(c)) : LOBASS_OK);
        LB_TRY(lb_jinja_builder_text(&builder, lb_jinja_text_of(&items[i])));
    }
    LB_TRY(lb_jinja_builder_end(&builder, &made));
    *result = lb_jinja_of_text(made);
    return c->self.is_safe ? lb_jinja_fail(c->jinja, "join() of a string marked safe is not "
                                                     "supported")
                           : LOBASS_OK;
}

lobass_status lb_jinja_str_expandtabs(call *c, value *result)
{
    int64_t width = 8;
    int64_t column = 0;
    size_t size = 0;
    const text *of = lb_jinja_self_text(c);
    const text *made = NULL;
    text_builder builder;
    LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[0], 8, &width));
    lb_jinja_builder_begin(&builder, c->jinja);
    for (size_t at = 0; at < of->size; at += size)
    {
        const uint32_t code_point = lb_jinja_char_at(of->data + at, &size);
        if (code_point != '\t')
        {
            column = code_point == '\n' || code_point == '\r' ? 0 : column + 1;
            LB_TRY(lb_jinja_builder_part(&builder, of, at, at + size));
            continue;
        }
        for (int64_t n = width > 0 ? width - column % width : 0; n > 0; n--)
        {
            LB_TRY(lb_jinja_step(c->jinja, 1));
            LB_TRY(lb_jinja_builder_bytes(&builder, " ", 1, lb_jinja_text_origin(of, at)));
            column++;
        }
    }
    LB_TRY(lb_jinja_builder_end(&builder, &made));
    *result = lb_jinja_of_text(made);
    return lb_jinja_keep_mark(c, LOBASS_OK, result);
}

lobass_status lb_jinja_str_format(call *c, value *result)
{
    return c->self.is_safe
               ? lb_jinja_fail(c->jinja, "format() of a string marked safe is not supported")
               : lb_jinja_format(c->jinja, result, lb_jinja_self_text(c), c->given);
}

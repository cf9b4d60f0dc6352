/* SPDX-License-Identifier: Apache-2.0
 *
 * Methods of str that look for something in it: find, count, startswith, replace and their kin.
 */
#include <string.h>

#include "jinja/jinja_private.h"

/* ---- finding --------------------------------------------------------------------------------- */

/* The part [start, end) of the text in bytes, by the characters that arguments FROM and FROM + 1
 * name; *IS_EMPTY where it begins behind the end. */
static lobass_status take_range(const call *c, size_t from, size_t *start, size_t *end,
                                bool *is_empty)
{
    const text *of = lb_jinja_self_text(c);
    const int64_t n = (int64_t)of->n_chars;
    int64_t places[2] = {0, n};
    for (size_t i = 0; i < 2; i++)
    {
        LB_TRY(lb_jinja_is_given(&c->bound[from + i])
                   ? lb_jinja_take_integer(c->jinja, &c->bound[from + i], 0, &places[i])
                   : LOBASS_OK);
        places[i] += places[i] < 0 ? n : 0;
        places[i] = places[i] < 0 ? 0 : places[i];
    }
    places[1] = places[1] > n ? n : places[1];
    *is_empty = places[0] > n || places[0] > places[1];
    *start = *is_empty ? 0 : lb_jinja_text_offset(of, (size_t)places[0]);
    *end = *is_empty ? 0 : lb_jinja_text_offset(of, (size_t)places[1]);
    return LOBASS_OK;
}

static lobass_status check_affix(call *c, value *result, bool is_end)
{
    const text *of = lb_jinja_self_text(c);
    const list one = {c->bound, 1};
    const list *all = &one;
    size_t start = 0;
    size_t end = 0;
    bool is_empty = false;
    bool found = false;
    if (c->bound[0].kind == KIND_TUPLE)
    {
        all = lb_jinja_list_of(&c->bound[0]);
    }
    LB_TRY(take_range(c, 1, &start, &end, &is_empty));
    for (size_t i = 0; i < all->count; i++)
    {
        if (all->items[i].kind != KIND_STRING)
        {
            return lb_jinja_fail(c->jinja, "%s first arg must be str or a tuple of str, not %s",
                                 is_end ? "endswith" : "startswith",
                                 lb_jinja_type_name(&all->items[i]));
        }
        const text *affix = lb_jinja_text_of(&all->items[i]);
        found = found || (!is_empty && affix->size <= end - start &&
                          lb_jinja_text_has(of, is_end ? end - affix->size : start, end, affix));
    }
    *result = lb_jinja_boolean(found);
    return LOBASS_OK;
}

lobass_status lb_jinja_str_startswith(call *c, value *result)
{
    return check_affix(c, result, false);
}

lobass_status lb_jinja_str_endswith(call *c, value *result)
{
    return check_affix(c, result, true);
}

static lobass_status find_index(call *c, value *result, bool is_last, bool must_be_there)
{
    const text *sought = NULL;
    const text *of = lb_jinja_self_text(c);
    size_t start = 0;
    size_t end = 0;
    size_t place = 0;
    bool is_empty = false;
    LB_TRY(lb_jinja_take_text(c, 0, &sought));
    LB_TRY(take_range(c, 1, &start, &end, &is_empty));
    LB_TRY(lb_jinja_step(c->jinja, of->size / 16));
    if (is_empty || !lb_jinja_text_place(of, start, end, sought, is_last, &place))
    {
        *result = lb_jinja_integer(-1, 0);
        return must_be_there ? lb_jinja_fail(c->jinja, "substring not found") : LOBASS_OK;
    }
    int64_t index = 0;
    for (size_t at = 0; at < place; at += lb_jinja_char_size(of->data + at))
    {
        index++;
    }
    *result = lb_jinja_integer(index, 0);
    return LOBASS_OK;
}

lobass_status lb_jinja_str_find(call *c, value *result)
{
    return find_index(c, result, false, false);
}

lobass_status lb_jinja_str_rfind(call *c, value *result)
{
    return find_index(c, result, true, false);
}

lobass_status lb_jinja_str_index(call *c, value *result)
{
    return find_index(c, result, false, true);
}

lobass_status lb_jinja_str_rindex(call *c, value *result)
{
    return find_index(c, result, true, true);
}

lobass_status lb_jinja_str_count(call *c, value *result)
{
    const text *sought = NULL;
    const text *of = lb_jinja_self_text(c);
    size_t start = 0;
    size_t end = 0;
    bool is_empty = false;
    int64_t n = 0;
    LB_TRY(lb_jinja_take_text(c, 0, &sought));
    LB_TRY(take_range(c, 1, &start, &end, &is_empty));
    LB_TRY(lb_jinja_step(c->jinja, of->size / 16));
    for (size_t at = start; !is_empty && at <= end;)
    {
        const char *found = lb_jinja_text_find(of, at, end, sought);
        if (found == NULL)
        {
            break;
        }
        n++;
        at = (size_t)(found - of->data) + sought->size;
        at += sought->size == 0 ? (at < end ? lb_jinja_char_size(of->data + at) : 1) : 0;
    }
    *result = lb_jinja_integer(n, 0);
    return LOBASS_OK;
}

lobass_status lb_jinja_str_replace(call *c, value *result)
{
    const text *old = NULL;
    const text *replacement = NULL;
    int64_t most = -1;
    LB_TRY(lb_jinja_take_text(c, 0, &old));
    LB_TRY(lb_jinja_take_text(c, 1, &replacement));
    LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[2], -1, &most));
    return lb_jinja_keep_mark(
        c, lb_jinja_replace(c->jinja, result, lb_jinja_self_text(c), old, replacement, most),
        result);
}

lobass_status lb_jinja_str_removeprefix(call *c, value *result)
{
    const text *affix = NULL;
    const text *of = lb_jinja_self_text(c);
    LB_TRY(lb_jinja_take_text(c, 0, &affix));
    return lb_jinja_self_part(
        c, result, lb_jinja_text_has(of, 0, of->size, affix) ? affix->size : 0, of->size);
}

lobass_status lb_jinja_str_removesuffix(call *c, value *result)
{
    const text *affix = NULL;
    const text *of = lb_jinja_self_text(c);
    LB_TRY(lb_jinja_take_text(c, 0, &affix));
    const bool has_it =
        affix->size <= of->size && lb_jinja_text_has(of, of->size - affix->size, of->size, affix);
    return lb_jinja_self_part(c, result, 0, has_it ? of->size - affix->size : of->size);
}

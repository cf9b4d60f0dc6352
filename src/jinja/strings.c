/* SPDX-License-Identifier: Apache-2.0
 *
 * What methods and filters do to text: strip, replace, lines, case, padding. Every byte keeps its
 * origin.
 */
#include <string.h>

#include "jinja/jinja_private.h"

static lobass_status finish(text_builder *builder, value *result)
{
    const text *made = NULL;
    LB_TRY(lb_jinja_builder_end(builder, &made));
    *result = lb_jinja_of_text(made);
    return LOBASS_OK;
}

static lobass_status cut(lb_jinja *jinja, value *result, const text *of, size_t from, size_t to)
{
    const text *part = NULL;
    LB_TRY(lb_jinja_text_part(jinja, &part, of, from, to));
    *result = lb_jinja_of_text(part);
    return LOBASS_OK;
}

/* Whether the character at AT is to be stripped. */
static bool is_stripped(const char *at, const text *set, size_t *size)
{
    const uint32_t c = lb_jinja_char_at(at, size);
    if (set == NULL)
    {
        return lb_jinja_char_is_space(c);
    }
    size_t n = 0;
    for (size_t i = 0; i < set->size; i += n)
    {
        if (lb_jinja_char_at(set->data + i, &n) == c)
        {
            return true;
        }
    }
    return false;
}

lobass_status lb_jinja_strip(lb_jinja *jinja, value *result, const text *of, const text *set,
                             bool at_start, bool at_end)
{
    size_t from = 0;
    size_t to = of->size;
    size_t size = 0;
    while (at_start && from < to && is_stripped(of->data + from, set, &size))
    {
        from += size;
    }
    while (at_end && to > from)
    {
        size_t last = to - 1;
        while (((unsigned char)of->data[last] & 0xC0U) == 0x80U)
        {
            last--;
        }
        if (!is_stripped(of->data + last, set, &size))
        {
            break;
        }
        to = last;
    }
    LB_TRY(lb_jinja_step(jinja, (of->size - (to - from)) / 16));
    return cut(jinja, result, of, from, to);
}

const char *lb_jinja_text_find(const text *in, size_t from, size_t to, const text *sought)
{
    if (sought->size > to - from)
    {
        return NULL;
    }
    return sought->size == 0 ? in->data + from
                             : memmem(in->data + from, to - from, sought->data, sought->size);
}

bool lb_jinja_text_has(const text *of, size_t at, size_t end, const text *sought)
{
    return sought->size <= end - at && memcmp(of->data + at, sought->data, sought->size) == 0;
}

/* The byte where SOUGHT stands in [start, end), the first or the last; false: nowhere. */
bool lb_jinja_text_place(const text *of, size_t start, size_t end, const text *sought, bool is_last,
                         size_t *place)
{
    if (!is_last)
    {
        const char *found = lb_jinja_text_find(of, start, end, sought);
        *place = found == NULL ? 0 : (size_t)(found - of->data);
        return found != NULL;
    }
    for (size_t at = end - start >= sought->size ? end - sought->size + 1 : start; at > start; at--)
    {
        if (lb_jinja_text_has(of, at - 1, end, sought))
        {
            *place = at - 1;
            return true;
        }
    }
    return false;
}

lobass_status lb_jinja_replace(lb_jinja *jinja, value *result, const text *of, const text *old,
                               const text *replacement, int64_t most)
{
    text_builder builder;
    size_t from = 0;
    size_t at = 0;
    lb_jinja_builder_begin(&builder, jinja);
    LB_TRY(lb_jinja_step(jinja, of->size / 64));
    for (int64_t n = 0; (most < 0 || n < most) && at <= of->size; n++)
    {
        const char *found = lb_jinja_text_find(of, at, of->size, old);
        if (found == NULL)
        {
            break;
        }
        const size_t place = (size_t)(found - of->data);
        LB_TRY(lb_jinja_step(jinja, 1));
        LB_TRY(lb_jinja_builder_part(&builder, of, from, place));
        LB_TRY(lb_jinja_builder_text(&builder, replacement));
        from = place + old->size;
        at = from;
        if (old->size == 0) /* before every character, and at the end */
        {
            if (place == of->size)
            {
                break;
            }
            at = place + lb_jinja_char_size(of->data + place);
        }
    }
    LB_TRY(lb_jinja_builder_part(&builder, of, from, of->size));
    return finish(&builder, result);
}

lobass_status lb_jinja_lines(lb_jinja *jinja, const text *of, bool keeps_ends, const value **lines,
                             size_t *count)
{
    size_t n = 0;
    size_t size = 0;
    for (size_t at = 0; at < of->size; at += size)
    {
        n += lb_jinja_char_is_line_end(lb_jinja_char_at(of->data + at, &size));
    }
    void *memory = NULL;
    LB_TRY(lb_jinja_step(jinja, of->size / 16));
    LB_TRY(lb_jinja_take(jinja, &memory, n + 1, sizeof(value)));
    value *found = memory;
    n = 0;
    size_t from = 0;
    for (size_t at = 0; at < of->size;)
    {
        const uint32_t c = lb_jinja_char_at(of->data + at, &size);
        size_t end = at + size;
        if (!lb_jinja_char_is_line_end(c))
        {
            at = end;
            continue;
        }
        end += c == '\r' && end < of->size && of->data[end] == '\n';
        LB_TRY(cut(jinja, &found[n++], of, from, keeps_ends ? end : at));
        from = end;
        at = end;
    }
    if (from < of->size)
    {
        LB_TRY(cut(jinja, &found[n++], of, from, of->size));
    }
    *lines = found;
    *count = n;
    return LOBASS_OK;
}

lobass_status lb_jinja_cased(lb_jinja *jinja, value *result, const text *of, letter_case wanted)
{
    text_builder builder;
    lb_jinja_builder_begin(&builder, jinja);
    LB_TRY(lb_jinja_step(jinja, of->size / 4));
    LB_TRY(lb_jinja_change_case(&builder, of, 0, of->size, wanted));
    return finish(&builder, result);
}

lobass_status lb_jinja_capitalized(lb_jinja *jinja, value *result, const text *of)
{
    text_builder builder;
    const size_t first = of->size == 0 ? 0 : lb_jinja_char_size(of->data);
    lb_jinja_builder_begin(&builder, jinja);
    LB_TRY(lb_jinja_step(jinja, of->size / 4));
    LB_TRY(lb_jinja_change_case(&builder, of, 0, first, CASE_TITLE));
    LB_TRY(lb_jinja_change_case(&builder, of, first, of->size - first, CASE_LOWER));
    return finish(&builder, result);
}

static lobass_status fill_in(text_builder *to, const text *fill, int64_t times)
{
    for (int64_t i = 0; i < times; i++)
    {
        LB_TRY(lb_jinja_step(to->jinja, 1));
        LB_TRY(lb_jinja_builder_text(to, fill));
    }
    return LOBASS_OK;
}

lobass_status lb_jinja_padded(lb_jinja *jinja, value *result, const text *of, int64_t width,
                              const text *fill, char align)
{
    text_builder builder;
    const int64_t size = (int64_t)of->n_chars;
    const int64_t pad = width > size ? width - size : 0;
    /* Python's center() puts the odd one on the left where the width is odd; format() never. */
    const int64_t left = align == '>'   ? pad
                         : align == '<' ? 0
                         : align == '^' ? pad / 2
                                        : pad / 2 + (pad & width & 1);
    lb_jinja_builder_begin(&builder, jinja);
    LB_TRY(fill_in(&builder, fill, left));
    LB_TRY(lb_jinja_builder_text(&builder, of));
    LB_TRY(fill_in(&builder, fill, pad - left));
    return finish(&builder, result);
}

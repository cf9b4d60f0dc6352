/* SPDX-License-Identifier: Apache-2.0
 *
 * Methods of str that change all of it, and those that say what its characters are.
 */
#include <string.h>

#include "jinja/jinja_private.h"

const text *lb_jinja_self_text(const call *c)
{
    return lb_jinja_text_of(&c->self);
}

/* What a method makes of a string marked safe is marked too. */
lobass_status lb_jinja_keep_mark(const call *c, lobass_status status, value *result)
{
    result->is_safe = c->self.is_safe;
    return status;
}

lobass_status lb_jinja_self_part(const call *c, value *result, size_t from, size_t to)
{
    const text *part = NULL;
    LB_TRY(lb_jinja_text_part(c->jinja, &part, lb_jinja_self_text(c), from, to));
    *result = lb_jinja_of_text(part);
    result->is_safe = c->self.is_safe;
    return LOBASS_OK;
}

/* ---- strip, case, padding -------------------------------------------------------------------- */

static lobass_status strip_sides(call *c, value *result, bool at_start, bool at_end)
{
    const text *set = NULL;
    LB_TRY(lb_jinja_is_given(&c->bound[0]) ? lb_jinja_take_text(c, 0, &set) : LOBASS_OK);
    return lb_jinja_keep_mark(
        c, lb_jinja_strip(c->jinja, result, lb_jinja_self_text(c), set, at_start, at_end), result);
}

lobass_status lb_jinja_str_strip(call *c, value *result)
{
    return strip_sides(c, result, true, true);
}

lobass_status lb_jinja_str_lstrip(call *c, value *result)
{
    return strip_sides(c, result, true, false);
}

lobass_status lb_jinja_str_rstrip(call *c, value *result)
{
    return strip_sides(c, result, false, true);
}

lobass_status lb_jinja_str_upper(call *c, value *result)
{
    return lb_jinja_keep_mark(
        c, lb_jinja_cased(c->jinja, result, lb_jinja_self_text(c), CASE_UPPER), result);
}

lobass_status lb_jinja_str_lower(call *c, value *result)
{
    return lb_jinja_keep_mark(
        c, lb_jinja_cased(c->jinja, result, lb_jinja_self_text(c), CASE_LOWER), result);
}

lobass_status lb_jinja_str_capitalize(call *c, value *result)
{
    return lb_jinja_keep_mark(c, lb_jinja_capitalized(c->jinja, result, lb_jinja_self_text(c)),
                              result);
}

/* Every letter behind none is in title case, the others in lower case. */
lobass_status lb_jinja_str_title(call *c, value *result)
{
    const text *of = lb_jinja_self_text(c);
    const text *made = NULL;
    text_builder builder;
    size_t size = 0;
    bool is_in_word = false;
    lb_jinja_builder_begin(&builder, c->jinja);
    LB_TRY(lb_jinja_step(c->jinja, of->size / 4));
    for (size_t at = 0; at < of->size; at += size)
    {
        const uint32_t code_point = lb_jinja_char_at(of->data + at, &size);
        LB_TRY(lb_jinja_change_case(&builder, of, at, size, is_in_word ? CASE_LOWER : CASE_TITLE));
        is_in_word = lb_jinja_char_is_cased(code_point);
    }
    LB_TRY(lb_jinja_builder_end(&builder, &made));
    *result = lb_jinja_of_text(made);
    return lb_jinja_keep_mark(c, LOBASS_OK, result);
}

lobass_status lb_jinja_str_swapcase(call *c, value *result)
{
    const text *of = lb_jinja_self_text(c);
    const text *made = NULL;
    text_builder builder;
    size_t size = 0;
    lb_jinja_builder_begin(&builder, c->jinja);
    LB_TRY(lb_jinja_step(c->jinja, of->size / 4));
    for (size_t at = 0; at < of->size; at += size)
    {
        const uint32_t code_point = lb_jinja_char_at(of->data + at, &size);
        LB_TRY(lb_jinja_char_is_upper(code_point)
                   ? lb_jinja_change_case(&builder, of, at, size, CASE_LOWER)
               : lb_jinja_char_is_lower(code_point)
                   ? lb_jinja_change_case(&builder, of, at, size, CASE_UPPER)
                   : lb_jinja_builder_part(&builder, of, at, at + size));
    }
    LB_TRY(lb_jinja_builder_end(&builder, &made));
    *result = lb_jinja_of_text(made);
    return lb_jinja_keep_mark(c, LOBASS_OK, result);
}

static lobass_status pad(call *c, value *result, char align)
{
    int64_t width = 0;
    const text *fill = &lb_jinja_word_space;
    LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[0], 0, &width));
    LB_TRY(lb_jinja_is_given(&c->bound[1]) ? lb_jinja_take_text(c, 1, &fill) : LOBASS_OK);
    if (fill->n_chars != 1)
    {
        return lb_jinja_fail(c->jinja, "The fill character must be exactly one character long");
    }
    return lb_jinja_keep_mark(
        c, lb_jinja_padded(c->jinja, result, lb_jinja_self_text(c), width, fill, align), result);
}

lobass_status lb_jinja_str_center(call *c, value *result)
{
    return pad(c, result, 'c');
}

lobass_status lb_jinja_str_ljust(call *c, value *result)
{
    return pad(c, result, '<');
}

lobass_status lb_jinja_str_rjust(call *c, value *result)
{
    return pad(c, result, '>');
}

lobass_status lb_jinja_str_zfill(call *c, value *result)
{
    int64_t width = 0;
    const text *of = lb_jinja_self_text(c);
    const bool is_signed = of->size > 0 && (of->data[0] == '-' || of->data[0] == '+');
    const text *sign = NULL;
    const text *rest = NULL;
    const text *made = NULL;
    value padded = {0};
    text_builder builder;
    LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[0], 0, &width));
    LB_TRY(lb_jinja_text_part(c->jinja, &sign, of, 0, is_signed));
    LB_TRY(lb_jinja_text_part(c->jinja, &rest, of, is_signed, of->size));
    LB_TRY(lb_jinja_padded(c->jinja, &padded, rest, width - is_signed, &lb_jinja_word_zero, '>'));
    lb_jinja_builder_begin(&builder, c->jinja);
    LB_TRY(lb_jinja_builder_text(&builder, sign));
    LB_TRY(lb_jinja_builder_text(&builder, lb_jinja_text_of(&padded)));
    LB_TRY(lb_jinja_builder_end(&builder, &made));
    *result = lb_jinja_of_text(made);
    return lb_jinja_keep_mark(c, LOBASS_OK, result);
}

/* ---- what characters are --------------------------------------------------------------------- */

/* Whether there are characters and all of them are so. */
static lobass_status all_are(const call *c, value *result, bool (*is)(uint32_t code_point))
{
    const text *of = lb_jinja_self_text(c);
    size_t size = 0;
    bool holds = of->size > 0;
    LB_TRY(lb_jinja_step(c->jinja, of->size / 16));
    for (size_t at = 0; holds && at < of->size; at += size)
    {
        holds = is(lb_jinja_char_at(of->data + at, &size));
    }
    *result = lb_jinja_boolean(holds);
    return LOBASS_OK;
}

/* Whether no cased character is FORBIDDEN, or in title case, and there is one. */
static lobass_status case_is(const call *c, value *result, bool (*forbidden)(uint32_t code_point))
{
    const text *of = lb_jinja_self_text(c);
    size_t size = 0;
    bool has_cased = false;
    bool holds = true;
    LB_TRY(lb_jinja_step(c->jinja, of->size / 16));
    for (size_t at = 0; holds && at < of->size; at += size)
    {
        const uint32_t code_point = lb_jinja_char_at(of->data + at, &size);
        holds = !forbidden(code_point) && !lb_jinja_char_is_title(code_point);
        has_cased = has_cased || lb_jinja_char_is_cased(code_point);
    }
    *result = lb_jinja_boolean(holds && has_cased);
    return LOBASS_OK;
}

static bool is_alphanumeric(uint32_t code_point)
{
    return lb_jinja_char_is_letter(code_point) || lb_jinja_char_is_digit(code_point);
}

static bool is_ascii(uint32_t code_point)
{
    return code_point < 0x80;
}

lobass_status lb_jinja_str_isdigit(call *c, value *result)
{
    return all_are(c, result, lb_jinja_char_is_digit);
}

lobass_status lb_jinja_str_isdecimal(call *c, value *result)
{
    return all_are(c, result, lb_jinja_char_is_decimal);
}

lobass_status lb_jinja_str_isalpha(call *c, value *result)
{
    return all_are(c, result, lb_jinja_char_is_letter);
}

lobass_status lb_jinja_str_isalnum(call *c, value *result)
{
    return all_are(c, result, is_alphanumeric);
}

lobass_status lb_jinja_str_isspace(call *c, value *result)
{
    return all_are(c, result, lb_jinja_char_is_space);
}

lobass_status lb_jinja_str_isascii(call *c, value *result)
{
    LB_TRY(all_are(c, result, is_ascii));
    result->as.boolean = result->as.boolean || lb_jinja_self_text(c)->size == 0;
    return LOBASS_OK;
}

lobass_status lb_jinja_str_isprintable(call *c, value *result)
{
    LB_TRY(all_are(c, result, lb_jinja_char_is_printable));
    result->as.boolean = result->as.boolean || lb_jinja_self_text(c)->size == 0;
    return LOBASS_OK;
}

lobass_status lb_jinja_str_islower(call *c, value *result)
{
    return case_is(c, result, lb_jinja_char_is_upper);
}

lobass_status lb_jinja_str_isupper(call *c, value *result)
{
    return case_is(c, result, lb_jinja_char_is_lower);
}

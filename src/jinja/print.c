/* SPDX-License-Identifier: Apache-2.0
 *
 * Values as text: Python's str() and repr(). Floats are printed as Python does, the shortest that
 * reads back, with an exponent below 1e-4 and from 1e16 on.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "jinja/tree.h"

static lobass_status put(text_builder *to, const char *word, uint32_t origin)
{
    return lb_jinja_builder_bytes(to, word, strlen(word), origin);
}

/* The digits of a finite REAL, without zeros at their end, and its decimal exponent. */
static int real_digits(char digits[LB_JINJA_REAL_SIZE], int *exponent, double real)
{
    char shortest[LB_JINJA_REAL_SIZE];
    for (int precision = 0; precision < 17; precision++)
    {
        (void)lb_print(shortest, sizeof shortest, "%.*e", precision, real);
        if (lb_real_parse(shortest, NULL) == real)
        {
            break;
        }
    }
    int n_digits = 0;
    const char *at = shortest;
    for (; *at != 'e'; at++)
    {
        if (*at >= '0' && *at <= '9')
        {
            digits[n_digits++] = *at;
        }
    }
    *exponent = (int)strtol(at + 1, NULL, 10);
    while (n_digits > 1 && digits[n_digits - 1] == '0')
    {
        n_digits--;
    }
    digits[n_digits] = '\0';
    return n_digits;
}

void lb_jinja_real_print(char printed[LB_JINJA_REAL_SIZE], double real)
{
    char digits[LB_JINJA_REAL_SIZE];
    int exponent = 0;
    const char *const sign = signbit(real) != 0 && !isnan(real) ? "-" : "";
    if (!isfinite(real))
    {
        (void)lb_print(printed, LB_JINJA_REAL_SIZE, "%s%s", sign, isnan(real) ? "nan" : "inf");
        return;
    }
    const int n_digits = real_digits(digits, &exponent, real);
    if (exponent < -4 || exponent >= 16)
    {
        (void)lb_print(printed, LB_JINJA_REAL_SIZE, "%s%c%s%.17se%+03d", sign, digits[0],
                       n_digits > 1 ? "." : "", digits + 1, exponent);
    }
    else if (exponent < 0)
    {
        (void)lb_print(printed, LB_JINJA_REAL_SIZE, "%s0.%.*s%.17s", sign, -exponent - 1, "000",
                       digits);
    }
    else if (n_digits <= exponent + 1)
    {
        (void)lb_print(printed, LB_JINJA_REAL_SIZE, "%s%.17s%.*s.0", sign, digits,
                       exponent + 1 - n_digits, "0000000000000000");
    }
    else
    {
        (void)lb_print(printed, LB_JINJA_REAL_SIZE, "%s%.*s.%.17s", sign, exponent + 1, digits,
                       digits + exponent + 1);
    }
}

static lobass_status repr_char(text_builder *to, const char *at, size_t size, uint32_t code_point,
                               char quote, uint32_t origin)
{
    char escaped[12];
    const char *short_form = code_point == '\t'   ? "\\t"
                             : code_point == '\n' ? "\\n"
                             : code_point == '\r' ? "\\r"
                             : code_point == '\\' ? "\\\\"
                                                  : NULL;
    if (short_form != NULL)
    {
        return put(to, short_form, origin);
    }
    if (code_point == (uint32_t)quote)
    {
        (void)lb_print(escaped, sizeof escaped, "\\%c", quote);
        return put(to, escaped, origin);
    }
    if (lb_jinja_char_is_printable(code_point))
    {
        return lb_jinja_builder_bytes(to, at, size, origin);
    }
    (void)lb_print(escaped, sizeof escaped,
                   code_point < 0x100     ? "\\x%02x"
                   : code_point < 0x10000 ? "\\u%04x"
                                          : "\\U%08x",
                   code_point);
    return put(to, escaped, origin);
}

static lobass_status repr_text(text_builder *to, const text *of)
{
    const bool has_single = memchr(of->data, '\'', of->size) != NULL;
    const bool has_double = memchr(of->data, '"', of->size) != NULL;
    const char quote = has_single && !has_double ? '"' : '\'';
    const char around[] = {quote, '\0'};
    LB_TRY(put(to, around, 0));
    size_t size = 0;
    for (size_t at = 0; at < of->size; at += size)
    {
        const uint32_t c = lb_jinja_char_at(of->data + at, &size);
        LB_TRY(repr_char(to, of->data + at, size, c, quote, lb_jinja_text_origin(of, at)));
    }
    return put(to, around, 0);
}

static lobass_status repr_list(text_builder *to, const list *of, const char *begin, const char *end)
{
    LB_TRY(put(to, begin, 0));
    for (size_t i = 0; i < of->count; i++)
    {
        LB_TRY(i > 0 ? put(to, ", ", 0) : LOBASS_OK);
        LB_TRY(lb_jinja_repr(to, &of->items[i]));
    }
    return put(to, end, 0);
}

static lobass_status repr_dict(text_builder *to, const dict *of)
{
    LB_TRY(put(to, "{", 0));
    for (size_t i = 0; i < of->count; i++)
    {
        LB_TRY(i > 0 ? put(to, ", ", 0) : LOBASS_OK);
        LB_TRY(lb_jinja_repr(to, &of->entries[i].key));
        LB_TRY(put(to, ": ", 0));
        LB_TRY(lb_jinja_repr(to, &of->entries[i].value));
    }
    return put(to, "}", 0);
}

static lobass_status repr_view(text_builder *to, const value *of)
{
    const value *items = NULL;
    size_t count = 0;
    LB_TRY(lb_jinja_collect_all(to->jinja, of, &items, &count));
    const list all = {items, count};
    LB_TRY(put(to, lb_jinja_type_name(of), 0));
    return repr_list(to, &all, "([", "])");
}

static lobass_status repr_range(text_builder *to, const range *of)
{
    char printed[80];
    if (of->step == 1)
    {
        (void)lb_print(printed, sizeof printed, "range(%lld, %lld)", (long long)of->start,
                       (long long)of->stop);
    }
    else
    {
        (void)lb_print(printed, sizeof printed, "range(%lld, %lld, %lld)", (long long)of->start,
                       (long long)of->stop, (long long)of->step);
    }
    return put(to, printed, 0);
}

static lobass_status repr_named(text_builder *to, const value *of)
{
    if (of->kind == KIND_NAMESPACE)
    {
        LB_TRY(put(to, "<Namespace ", 0));
        LB_TRY(repr_dict(to, lb_jinja_dict_of(of)));
        return put(to, ">", 0);
    }
    if (of->kind == KIND_MACRO)
    {
        const macro *called = of->as.object;
        LB_TRY(put(to, "<Macro ", 0));
        LB_TRY(called->definition->name == NULL ? put(to, "anonymous", 0)
                                                : repr_text(to, called->definition->name));
        return put(to, ">", 0);
    }
    if (of->kind == KIND_LOOP)
    {
        char printed[80];
        int64_t length = 0;
        LB_TRY(lb_jinja_length(to->jinja, of, &length));
        (void)lb_print(printed, sizeof printed, "<LoopContext %lld/%lld>",
                       (long long)((const loop *)of->as.object)->index0 + 1, (long long)length);
        return put(to, printed, 0);
    }
    return lb_jinja_fail(to->jinja, "the text of a %s is not supported", lb_jinja_type_name(of));
}

static lobass_status repr_object(text_builder *to, const value *of)
{
    switch ((value_kind)of->kind)
    {
    case KIND_LIST:
        return repr_list(to, lb_jinja_list_of(of), "[", "]");
    case KIND_TUPLE:
        return repr_list(to, lb_jinja_list_of(of), "(",
                         lb_jinja_list_of(of)->count == 1 ? ",)" : ")");
    case KIND_DICT:
        return repr_dict(to, lb_jinja_dict_of(of));
    case KIND_VIEW:
        return repr_view(to, of);
    case KIND_RANGE:
        return repr_range(to, of->as.object);
    default:
        return repr_named(to, of);
    }
}

lobass_status lb_jinja_repr(text_builder *to, const value *of)
{
    char printed[LB_JINJA_REAL_SIZE];
    LB_TRY(lb_jinja_step(to->jinja, 1));
    switch ((value_kind)of->kind)
    {
    case KIND_UNDEFINED:
        return put(to, "Undefined", 0);
    case KIND_NONE:
        return put(to, "None", of->origin);
    case KIND_BOOLEAN:
        return put(to, of->as.boolean ? "True" : "False", of->origin);
    case KIND_INTEGER:
        (void)lb_print(printed, sizeof printed, "%lld", (long long)of->as.integer);
        return put(to, printed, of->origin);
    case KIND_REAL:
        lb_jinja_real_print(printed, of->as.real);
        return put(to, printed, of->origin);
    case KIND_STRING:
        if (of->is_safe)
        {
            LB_TRY(put(to, "Markup(", 0));
            LB_TRY(repr_text(to, lb_jinja_text_of(of)));
            return put(to, ")", 0);
        }
        return repr_text(to, lb_jinja_text_of(of));
    default:
        break;
    }
    LB_TRY(lb_jinja_enter(to->jinja));
    LB_TRY(repr_object(to, of));
    lb_jinja_leave(to->jinja);
    return LOBASS_OK;
}

lobass_status lb_jinja_print(text_builder *to, const value *of)
{
    if (of->kind == KIND_STRING)
    {
        return lb_jinja_builder_text(to, lb_jinja_text_of(of));
    }
    if (of->kind == KIND_UNDEFINED)
    {
        return LOBASS_OK;
    }
    return lb_jinja_repr(to, of);
}

lobass_status lb_jinja_text_from(lb_jinja *jinja, const text **made, const value *of)
{
    if (of->kind == KIND_STRING)
    {
        *made = lb_jinja_text_of(of);
        return LOBASS_OK;
    }
    text_builder builder;
    lb_jinja_builder_begin(&builder, jinja);
    LB_TRY(lb_jinja_print(&builder, of));
    return lb_jinja_builder_end(&builder, made);
}

lobass_status lb_jinja_print_escaped(text_builder *to, const text *of)
{
    size_t from = 0;
    for (size_t at = 0; at < of->size; at++)
    {
        const char *meant = of->data[at] == '&'    ? "&amp;"
                            : of->data[at] == '<'  ? "&lt;"
                            : of->data[at] == '>'  ? "&gt;"
                            : of->data[at] == '\'' ? "&#39;"
                            : of->data[at] == '"'  ? "&#34;"
                                                   : NULL;
        if (meant != NULL)
        {
            LB_TRY(lb_jinja_builder_part(to, of, from, at));
            LB_TRY(put(to, meant, lb_jinja_text_origin(of, at)));
            from = at + 1;
        }
    }
    return lb_jinja_builder_part(to, of, from, of->size);
}

lobass_status lb_jinja_fail_undefined(lb_jinja *jinja, const value *missing)
{
    const undefined *what = missing->as.object;
    if (what->hint != NULL)
    {
        return lb_jinja_fail(jinja, "%s", what->hint);
    }
    text_builder name;
    const text *printed = NULL;
    lb_jinja_builder_begin(&name, jinja);
    LB_TRY(lb_jinja_repr(&name, &what->name));
    LB_TRY(lb_jinja_builder_end(&name, &printed));
    if (what->is_unsafe)
    {
        return lb_jinja_fail(jinja, "access to attribute %s of '%s' object is unsafe.",
                             printed->data, what->subject);
    }
    if (what->subject == NULL)
    {
        return lb_jinja_fail(jinja, "%s is undefined", printed->data);
    }
    const bool is_attribute = what->name.kind == KIND_STRING;
    return lb_jinja_fail(
        jinja, is_attribute ? "'%s object' has no attribute %s" : "%s object has no element %s",
        what->subject, printed->data);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters that look at a value: default, length, numbers, attributes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "jinja/jinja_private.h"

static value make_real(double real)
{
    return (value){.kind = KIND_REAL, .as = {.real = real}};
}

static lobass_status run_default(call *c, value *result)
{
    const bool is_absent = c->self.kind == KIND_UNDEFINED ||
                           (lb_jinja_truth(&c->bound[1]) && !lb_jinja_truth(&c->self));
    *result = c->self;
    if (!is_absent)
    {
        return LOBASS_OK;
    }
    *result = c->bound[0];
    return c->bound[0].kind == KIND_MISSING ? lb_jinja_make_word(c->jinja, result, "") : LOBASS_OK;
}

static lobass_status run_length(call *c, value *result)
{
    int64_t length = 0;
    LB_TRY(lb_jinja_length(c->jinja, &c->self, &length));
    *result = lb_jinja_integer(length, 0);
    return LOBASS_OK;
}

static lobass_status run_abs(call *c, value *result)
{
    const value zero = lb_jinja_integer(0, 0);
    int order = 0;
    bool is_ordered = false;
    if (c->self.kind == KIND_UNDEFINED || !lb_jinja_is_number(&c->self))
    {
        return lb_jinja_fail(c->jinja, "bad operand type for abs(): '%s'",
                             lb_jinja_type_name(&c->self));
    }
    if (c->self.kind == KIND_REAL)
    {
        *result = make_real(fabs(c->self.as.real));
        return LOBASS_OK;
    }
    LB_TRY(lb_jinja_order(c->jinja, &c->self, &zero, "<", &order, &is_ordered));
    return lb_jinja_unary(c->jinja, result, order < 0 ? OPERATION_NEGATE : OPERATION_PLUS,
                          &c->self);
}

/* TEXT as a number as Python's float() reads it; false: it is none. */
static bool read_real(const text *of, double *real)
{
    char digits[128];
    size_t n = 0;
    size_t from = 0;
    size_t to = of->size;
    size_t size = 0;
    while (from < to && lb_jinja_char_is_space(lb_jinja_char_at(of->data + from, &size)))
    {
        from += size;
    }
    while (to > from && (unsigned char)of->data[to - 1] <= ' ')
    {
        to--;
    }
    for (size_t i = from; i < to; i++)
    {
        const char c = of->data[i];
        const bool is_between = c == '_' && i > from && i + 1 < to && of->data[i - 1] >= '0' &&
                                of->data[i - 1] <= '9' && of->data[i + 1] >= '0' &&
                                of->data[i + 1] <= '9';
        if (is_between)
        {
            continue;
        }
        if (strchr("0123456789.+-eE", c) == NULL || n + 1 == sizeof digits)
        {
            return false;
        }
        digits[n++] = c;
    }
    digits[n] = '\0';
    char *end = NULL;
    *real = n == 0 ? 0.0 : lb_real_parse(digits, &end);
    return n > 0 && *end == '\0';
}

static lobass_status run_float(call *c, value *result)
{
    double real = 0.0;
    if (lb_jinja_is_number(&c->self))
    {
        *result = make_real(c->self.kind == KIND_REAL      ? c->self.as.real
                            : c->self.kind == KIND_BOOLEAN ? (double)c->self.as.boolean
                                                           : (double)c->self.as.integer);
        return LOBASS_OK;
    }
    if (c->self.kind == KIND_UNDEFINED)
    {
        return lb_jinja_fail_undefined(c->jinja, &c->self);
    }
    if (c->self.kind == KIND_STRING && read_real(lb_jinja_text_of(&c->self), &real))
    {
        *result = make_real(real);
        return LOBASS_OK;
    }
    *result = c->bound[0].kind == KIND_MISSING ? make_real(0.0) : c->bound[0];
    return LOBASS_OK;
}

/* TEXT as an integer of BASE, with its prefix where that is 16, 8 or 2. */
static bool read_integer(const text *of, int64_t base, int64_t *number)
{
    size_t from = 0;
    size_t to = of->size;
    bool is_negative = false;
    while (from < to && (unsigned char)of->data[from] <= ' ')
    {
        from++;
    }
    while (to > from && (unsigned char)of->data[to - 1] <= ' ')
    {
        to--;
    }
    if (from < to && (of->data[from] == '-' || of->data[from] == '+'))
    {
        is_negative = of->data[from++] == '-';
    }
    const char prefix = (char)(base == 16 ? 'x' : base == 8 ? 'o' : base == 2 ? 'b' : '\0');
    if (prefix != '\0' && to - from > 2 && of->data[from] == '0' &&
        (of->data[from + 1] | 0x20) == prefix)
    {
        from += 2;
    }
    *number = 0;
    for (size_t i = from; i < to; i++)
    {
        const char c = of->data[i];
        const int64_t digit = c >= '0' && c <= '9'                     ? c - '0'
                              : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (c | 0x20) - 'a' + 10
                                                                       : 99;
        if (c == '_' && i > from && i + 1 < to && of->data[i - 1] != '_')
        {
            continue;
        }
        if (digit >= base || __builtin_mul_overflow(*number, base, number) ||
            __builtin_add_overflow(*number, digit, number))
        {
            return false;
        }
    }
    *number = is_negative ? -*number : *number;
    return to > from;
}

static lobass_status run_int(call *c, value *result)
{
    int64_t number = 0;
    int64_t base = 10;
    double real = 0.0;
    LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[1], 10, &base));
    *result = c->bound[0].kind == KIND_MISSING ? lb_jinja_integer(0, 0) : c->bound[0];
    if (c->self.kind == KIND_UNDEFINED)
    {
        return lb_jinja_fail_undefined(c->jinja, &c->self);
    }
    if (c->self.kind == KIND_INTEGER || c->self.kind == KIND_BOOLEAN)
    {
        return lb_jinja_unary(c->jinja, result, OPERATION_PLUS, &c->self);
    }
    if (c->self.kind == KIND_STRING)
    {
        const text *of = lb_jinja_text_of(&c->self);
        if (base < 2 || base > 36)
        {
            return lb_jinja_fail(c->jinja, "int: a base of %lld is not supported", (long long)base);
        }
        if (read_integer(of, base, &number))
        {
            *result = lb_jinja_integer(number, 0);
            return LOBASS_OK;
        }
        if (!read_real(of, &real))
        {
            return LOBASS_OK;
        }
    }
    else if (c->self.kind == KIND_REAL)
    {
        real = c->self.as.real;
    }
    else
    {
        return LOBASS_OK;
    }
    if (!isfinite(real))
    {
        return LOBASS_OK;
    }
    if (fabs(real) >= 9.2e18)
    {
        return lb_jinja_fail(c->jinja, "an integer beyond 64 bits is not supported");
    }
    *result = lb_jinja_integer((int64_t)real, 0);
    return LOBASS_OK;
}

/* To PRECISION digits, halves to even, as Python's round() does: by the decimal that is printed. */
static double round_common(double real, int64_t precision)
{
    char printed[400];
    if (precision > 22 || !isfinite(real))
    {
        return real;
    }
    if (precision >= 0)
    {
        (void)lb_print(printed, sizeof printed, "%.*f", (int)precision, real);
        return lb_real_parse(printed, NULL);
    }
    const double unit = pow(10.0, (double)-precision);
    return nearbyint(real / unit) * unit;
}

static lobass_status run_round(call *c, value *result)
{
    int64_t precision = 0;
    const text *way = &lb_jinja_word_common;
    LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[0], 0, &precision));
    LB_TRY(lb_jinja_is_given(&c->bound[1]) ? lb_jinja_take_text(c, 1, &way) : LOBASS_OK);
    const bool is_common = lb_jinja_text_is(way, "common");
    if (!is_common && !lb_jinja_text_is(way, "ceil") && !lb_jinja_text_is(way, "floor"))
    {
        return lb_jinja_fail(c->jinja, "method must be common, ceil or floor");
    }
    if (c->self.kind == KIND_UNDEFINED || !lb_jinja_is_number(&c->self))
    {
        return lb_jinja_fail(c->jinja, "type %s doesn't define __round__ method",
                             lb_jinja_type_name(&c->self));
    }
    if (c->self.kind != KIND_REAL && is_common && precision >= 0)
    {
        return lb_jinja_unary(c->jinja, result, OPERATION_PLUS, &c->self);
    }
    const double real = c->self.kind == KIND_REAL      ? c->self.as.real
                        : c->self.kind == KIND_BOOLEAN ? (double)c->self.as.boolean
                                                       : (double)c->self.as.integer;
    const double unit = pow(10.0, (double)precision);
    *result = make_real(is_common                       ? round_common(real, precision)
                        : lb_jinja_text_is(way, "ceil") ? ceil(real * unit) / unit
                                                        : floor(real * unit) / unit);
    return c->self.kind != KIND_REAL && is_common
               ? lb_jinja_fail(c->jinja, "round of an integer to tens is not supported")
               : LOBASS_OK;
}

static lobass_status run_attr(call *c, value *result)
{
    const text *name = NULL;
    LB_TRY(lb_jinja_take_text(c, 0, &name));
    return lb_jinja_attribute_alone(c->jinja, result, &c->self, name);
}

#define FILTER(name, function, n_required, ...) {{name, {__VA_ARGS__}, n_required, false}, function}

const filter_row lb_jinja_value_filters[] = {
    FILTER("length", run_length, 0, NULL),
    FILTER("count", run_length, 0, NULL),
    FILTER("default", run_default, 0, "default_value", "boolean"),
    FILTER("d", run_default, 0, "default_value", "boolean"),
    FILTER("int", run_int, 0, "default", "base"),
    FILTER("float", run_float, 0, "default"),
    FILTER("abs", run_abs, 0, NULL),
    FILTER("round", run_round, 0, "precision", "method"),
    FILTER("attr", run_attr, 1, "name"),
    {{NULL, {NULL}, 0, false}, NULL}};

/* SPDX-License-Identifier: Apache-2.0
 *
 * Python's operators over the values of a template. Integers have 64 bits here and any number
 * there: what does not fit is refused, never rounded. Strings marked safe escape what is added to
 * them.
 */
#include <math.h>
#include <string.h>

#include "jinja/jinja_private.h"

static const char *const symbols[] = {[OPERATION_ADD] = "+",
                                      [OPERATION_SUBTRACT] = "-",
                                      [OPERATION_MULTIPLY] = "*",
                                      [OPERATION_DIVIDE] = "/",
                                      [OPERATION_FLOOR_DIVIDE] = "//",
                                      [OPERATION_MODULO] = "%",
                                      [OPERATION_POWER] = "** or pow()"};

static int64_t integer_of(const value *number)
{
    return number->kind == KIND_BOOLEAN ? number->as.boolean : number->as.integer;
}

static double real_of(const value *number)
{
    return number->kind == KIND_REAL ? number->as.real : (double)integer_of(number);
}

static value make_real(double real)
{
    return (value){.kind = KIND_REAL, .as = {.real = real}};
}

static lobass_status fail_overflow(lb_jinja *jinja)
{
    return lb_jinja_fail(jinja, "an integer beyond 64 bits is not supported");
}

/* Of DIVISOR's sign, and the quotient rounded down. */
static lobass_status divide_integers(lb_jinja *jinja, int64_t a, int64_t b, int64_t *quotient,
                                     int64_t *remainder)
{
    if (b == 0)
    {
        return lb_jinja_fail(jinja, "division by zero");
    }
    if (b == -1)
    {
        *remainder = 0;
        return __builtin_sub_overflow((int64_t)0, a, quotient) ? fail_overflow(jinja) : LOBASS_OK;
    }
    *quotient = a / b;
    *remainder = a % b;
    if (*remainder != 0 && (*remainder < 0) != (b < 0))
    {
        *remainder += b;
        *quotient -= 1;
    }
    return LOBASS_OK;
}

static lobass_status integer_power(lb_jinja *jinja, value *result, int64_t base, int64_t exponent)
{
    if (exponent < 0)
    {
        if (base == 0)
        {
            return lb_jinja_fail(jinja, "0.0 cannot be raised to a negative power");
        }
        *result = make_real(pow((double)base, (double)exponent));
        return LOBASS_OK;
    }
    int64_t power = 1;
    int64_t square = base;
    for (int64_t left = exponent; left > 0; left >>= 1)
    {
        if (((left & 1) != 0 && __builtin_mul_overflow(power, square, &power)) ||
            (left > 1 && __builtin_mul_overflow(square, square, &square)))
        {
            return fail_overflow(jinja);
        }
    }
    *result = lb_jinja_integer(power, 0);
    return LOBASS_OK;
}

static lobass_status integers(lb_jinja *jinja, value *result, operation wanted, int64_t a,
                              int64_t b)
{
    int64_t number = 0;
    int64_t other = 0;
    bool overflows = false;
    switch (wanted)
    {
    case OPERATION_ADD:
        overflows = __builtin_add_overflow(a, b, &number);
        break;
    case OPERATION_SUBTRACT:
        overflows = __builtin_sub_overflow(a, b, &number);
        break;
    case OPERATION_MULTIPLY:
        overflows = __builtin_mul_overflow(a, b, &number);
        break;
    case OPERATION_FLOOR_DIVIDE:
        LB_TRY(divide_integers(jinja, a, b, &number, &other));
        break;
    case OPERATION_MODULO:
        LB_TRY(divide_integers(jinja, a, b, &other, &number));
        break;
    default:
        return integer_power(jinja, result, a, b);
    }
    *result = lb_jinja_integer(number, 0);
    return overflows ? fail_overflow(jinja) : LOBASS_OK;
}

static lobass_status reals(lb_jinja *jinja, value *result, operation wanted, double a, double b)
{
    const bool divides = wanted == OPERATION_DIVIDE || wanted == OPERATION_FLOOR_DIVIDE ||
                         wanted == OPERATION_MODULO;
    if (divides && b == 0.0)
    {
        return lb_jinja_fail(jinja, "division by zero");
    }
    switch (wanted)
    {
    case OPERATION_ADD:
        *result = make_real(a + b);
        return LOBASS_OK;
    case OPERATION_SUBTRACT:
        *result = make_real(a - b);
        return LOBASS_OK;
    case OPERATION_MULTIPLY:
        *result = make_real(a * b);
        return LOBASS_OK;
    case OPERATION_DIVIDE:
        *result = make_real(a / b);
        return LOBASS_OK;
    case OPERATION_FLOOR_DIVIDE:
    case OPERATION_MODULO:
    {
        double remainder = fmod(a, b);
        double quotient = (a - remainder) / b;
        if (remainder != 0.0 && (remainder < 0.0) != (b < 0.0))
        {
            remainder += b;
            quotient -= 1.0;
        }
        remainder = remainder == 0.0 ? copysign(0.0, b) : remainder;
        const double floored = floor(quotient);
        *result = make_real(wanted == OPERATION_MODULO ? remainder
                            : quotient - floored > 0.5 ? floored + 1.0
                                                       : floored);
        return LOBASS_OK;
    }
    default:
        if (a == 0.0 && b < 0.0)
        {
            return lb_jinja_fail(jinja, "0.0 cannot be raised to a negative power");
        }
        if (a < 0.0 && b != floor(b))
        {
            return lb_jinja_fail(jinja, "complex numbers are not supported");
        }
        *result = make_real(pow(a, b));
        return isinf(result->as.real) && isfinite(a) && isfinite(b)
                   ? lb_jinja_fail(jinja, "Numerical result out of range")
                   : LOBASS_OK;
    }
}

static lobass_status numbers(lb_jinja *jinja, value *result, operation wanted, const value *a,
                             const value *b)
{
    if (a->kind == KIND_REAL || b->kind == KIND_REAL)
    {
        return reals(jinja, result, wanted, real_of(a), real_of(b));
    }
    if (wanted == OPERATION_DIVIDE)
    {
        if (integer_of(b) == 0)
        {
            return lb_jinja_fail(jinja, "division by zero");
        }
        *result = make_real((double)((long double)integer_of(a) / (long double)integer_of(b)));
        return LOBASS_OK;
    }
    return integers(jinja, result, wanted, integer_of(a), integer_of(b));
}

static lobass_status join_texts(lb_jinja *jinja, value *result, const value *a, const value *b)
{
    const bool is_safe = a->is_safe || b->is_safe;
    const value *const both[] = {a, b};
    text_builder builder;
    const text *made = NULL;
    lb_jinja_builder_begin(&builder, jinja);
    for (size_t i = 0; i < 2; i++)
    {
        const text *part = lb_jinja_text_of(both[i]);
        LB_TRY(is_safe && !both[i]->is_safe ? lb_jinja_print_escaped(&builder, part)
                                            : lb_jinja_builder_text(&builder, part));
    }
    LB_TRY(lb_jinja_builder_end(&builder, &made));
    *result = lb_jinja_of_text(made);
    result->is_safe = is_safe;
    return LOBASS_OK;
}

static lobass_status join_lists(lb_jinja *jinja, value *result, const value *a, const value *b)
{
    const list *first = lb_jinja_list_of(a);
    const list *second = lb_jinja_list_of(b);
    void *memory = NULL;
    LB_TRY(lb_jinja_step(jinja, (first->count + second->count) / 8));
    LB_TRY(lb_jinja_take(jinja, &memory, first->count + second->count, sizeof(value)));
    value *items = memory;
    for (size_t i = 0; i < first->count; i++)
    {
        items[i] = first->items[i];
    }
    for (size_t i = 0; i < second->count; i++)
    {
        items[first->count + i] = second->items[i];
    }
    return lb_jinja_make_list(jinja, result, (value_kind)a->kind, items,
                              first->count + second->count);
}

static lobass_status repeat(lb_jinja *jinja, value *result, const value *of, int64_t times)
{
    if (of->kind == KIND_STRING)
    {
        text_builder builder;
        const text *made = NULL;
        lb_jinja_builder_begin(&builder, jinja);
        for (int64_t i = 0; i < times && lb_jinja_text_of(of)->size > 0; i++)
        {
            LB_TRY(lb_jinja_step(jinja, 1));
            LB_TRY(lb_jinja_builder_text(&builder, lb_jinja_text_of(of)));
        }
        LB_TRY(lb_jinja_builder_end(&builder, &made));
        *result = lb_jinja_of_text(made);
        result->is_safe = of->is_safe;
        return LOBASS_OK;
    }
    value made = {0};
    LB_TRY(lb_jinja_make_list(jinja, &made, (value_kind)of->kind, NULL, 0));
    for (int64_t i = 0; i < times && lb_jinja_list_of(of)->count > 0; i++)
    {
        LB_TRY(join_lists(jinja, &made, &made, of));
    }
    *result = made;
    return LOBASS_OK;
}

static bool is_sequence(const value *of)
{
    return of->kind == KIND_STRING || of->kind == KIND_LIST || of->kind == KIND_TUPLE;
}

static bool is_integer(const value *of)
{
    return of->kind == KIND_BOOLEAN || of->kind == KIND_INTEGER;
}

static lobass_status fail_types(lb_jinja *jinja, operation wanted, const value *a, const value *b)
{
    const char *left = lb_jinja_type_name(a);
    const char *right = lb_jinja_type_name(b);
    if (wanted == OPERATION_ADD && is_sequence(a))
    {
        return lb_jinja_fail(jinja, "can only concatenate %s (not \"%s\") to %s", left, right,
                             left);
    }
    if (wanted == OPERATION_MULTIPLY && (is_sequence(a) || is_sequence(b)))
    {
        return lb_jinja_fail(jinja, "can't multiply sequence by non-int of type '%s'",
                             is_sequence(a) ? right : left);
    }
    return lb_jinja_fail(jinja, "unsupported operand type(s) for %s: '%s' and '%s'",
                         symbols[wanted], left, right);
}

lobass_status lb_jinja_binary(lb_jinja *jinja, value *result, operation wanted, const value *a,
                              const value *b)
{
    if (wanted == OPERATION_MODULO && a->kind == KIND_STRING)
    {
        return a->is_safe ? lb_jinja_fail(jinja, "%% of a string marked safe is not supported")
                          : lb_jinja_percent(jinja, result, lb_jinja_text_of(a), b);
    }
    if (a->kind == KIND_UNDEFINED || b->kind == KIND_UNDEFINED)
    {
        return lb_jinja_fail_undefined(jinja, a->kind == KIND_UNDEFINED ? a : b);
    }
    if (lb_jinja_is_number(a) && lb_jinja_is_number(b))
    {
        return numbers(jinja, result, wanted, a, b);
    }
    if (wanted == OPERATION_ADD && a->kind == b->kind && a->kind == KIND_STRING)
    {
        return join_texts(jinja, result, a, b);
    }
    if (wanted == OPERATION_ADD && a->kind == b->kind && is_sequence(a))
    {
        return join_lists(jinja, result, a, b);
    }
    if (wanted == OPERATION_MULTIPLY && is_sequence(a) && is_integer(b))
    {
        return repeat(jinja, result, a, integer_of(b));
    }
    if (wanted == OPERATION_MULTIPLY && is_sequence(b) && is_integer(a))
    {
        return repeat(jinja, result, b, integer_of(a));
    }
    return fail_types(jinja, wanted, a, b);
}

lobass_status lb_jinja_unary(lb_jinja *jinja, value *result, operation wanted, const value *a)
{
    if (a->kind == KIND_UNDEFINED)
    {
        return lb_jinja_fail_undefined(jinja, a);
    }
    if (!lb_jinja_is_number(a))
    {
        return lb_jinja_fail(jinja, "bad operand type for unary %s: '%s'",
                             wanted == OPERATION_NEGATE ? "-" : "+", lb_jinja_type_name(a));
    }
    if (a->kind == KIND_REAL)
    {
        *result = make_real(wanted == OPERATION_NEGATE ? -a->as.real : a->as.real);
        return LOBASS_OK;
    }
    int64_t number = integer_of(a);
    if (wanted == OPERATION_NEGATE && __builtin_sub_overflow((int64_t)0, number, &number))
    {
        return fail_overflow(jinja);
    }
    *result = lb_jinja_integer(number, 0);
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What may stand behind `is`.
 */
#include <string.h>

#include "jinja/jinja_private.h"

#define KIND_TEST(name, condition)                        \
    static lobass_status name(call *c, bool *result)      \
    {                                                     \
        const value_kind kind = (value_kind)c->self.kind; \
        *result = (condition);                            \
        return LOBASS_OK;                                 \
    }

KIND_TEST(is_defined, kind != KIND_UNDEFINED)
KIND_TEST(is_undefined, kind == KIND_UNDEFINED)
KIND_TEST(is_none, kind == KIND_NONE)
KIND_TEST(is_boolean, kind == KIND_BOOLEAN)
KIND_TEST(is_true, kind == KIND_BOOLEAN && c->self.as.boolean)
KIND_TEST(is_false, kind == KIND_BOOLEAN && !c->self.as.boolean)
KIND_TEST(is_integer, kind == KIND_INTEGER)
KIND_TEST(is_float, kind == KIND_REAL)
KIND_TEST(is_number, kind == KIND_BOOLEAN || kind == KIND_INTEGER || kind == KIND_REAL)
KIND_TEST(is_string, kind == KIND_STRING)
KIND_TEST(is_mapping, kind == KIND_DICT)
/* What has a length and takes an index: Undefined's own index only fails when it is used. */
KIND_TEST(is_sequence, kind == KIND_UNDEFINED || kind == KIND_STRING || kind == KIND_LIST ||
                           kind == KIND_TUPLE || kind == KIND_DICT || kind == KIND_RANGE)
KIND_TEST(is_iterable, lb_jinja_is_iterable(&c->self) && kind != KIND_MISSING)
KIND_TEST(is_callable, kind == KIND_UNDEFINED || kind == KIND_MACRO || kind == KIND_FUNCTION ||
                           kind == KIND_METHOD || kind == KIND_JOINER || kind == KIND_LOOP)
KIND_TEST(is_escaped, kind == KIND_STRING && c->self.is_safe)

static lobass_status compare_with(call *c, bool *result, operation wanted)
{
    return lb_jinja_compare(c->jinja, result, wanted, &c->self, &c->bound[0]);
}

static lobass_status is_equal(call *c, bool *result)
{
    return compare_with(c, result, OPERATION_EQUAL);
}

static lobass_status is_unequal(call *c, bool *result)
{
    return compare_with(c, result, OPERATION_UNEQUAL);
}

static lobass_status is_less(call *c, bool *result)
{
    return compare_with(c, result, OPERATION_LESS);
}

static lobass_status is_less_equal(call *c, bool *result)
{
    return compare_with(c, result, OPERATION_LESS_EQUAL);
}

static lobass_status is_greater(call *c, bool *result)
{
    return compare_with(c, result, OPERATION_GREATER);
}

static lobass_status is_greater_equal(call *c, bool *result)
{
    return compare_with(c, result, OPERATION_GREATER_EQUAL);
}

static lobass_status is_in(call *c, bool *result)
{
    return compare_with(c, result, OPERATION_IN);
}

static lobass_status is_same_as(call *c, bool *result)
{
    *result = lb_jinja_is_same(&c->self, &c->bound[0]);
    return LOBASS_OK;
}

static lobass_status has_remainder(call *c, bool *result, const value *divisor, int64_t wanted)
{
    value remainder = {0};
    const value sought = lb_jinja_integer(wanted, 0);
    LB_TRY(lb_jinja_binary(c->jinja, &remainder, OPERATION_MODULO, &c->self, divisor));
    return lb_jinja_equal(c->jinja, &remainder, &sought, result);
}

static lobass_status is_even(call *c, bool *result)
{
    const value two = lb_jinja_integer(2, 0);
    return has_remainder(c, result, &two, 0);
}

static lobass_status is_odd(call *c, bool *result)
{
    const value two = lb_jinja_integer(2, 0);
    return has_remainder(c, result, &two, 1);
}

static lobass_status is_divisible_by(call *c, bool *result)
{
    return has_remainder(c, result, &c->bound[0], 0);
}

static lobass_status has_case(call *c, bool *result, call_function is)
{
    const text *printed = NULL;
    value found = {0};
    LB_TRY(lb_jinja_text_from(c->jinja, &printed, &c->self));
    c->self = lb_jinja_of_text(printed);
    LB_TRY(is(c, &found));
    *result = found.as.boolean;
    return LOBASS_OK;
}

static lobass_status is_lower(call *c, bool *result)
{
    return has_case(c, result, lb_jinja_str_islower);
}

static lobass_status is_upper(call *c, bool *result)
{
    return has_case(c, result, lb_jinja_str_isupper);
}

static lobass_status is_filter(call *c, bool *result)
{
    *result = c->self.kind == KIND_STRING &&
              lb_jinja_filter_find(c->jinja->language, lb_jinja_text_of(&c->self)) != NULL;
    return LOBASS_OK;
}

static lobass_status is_test(call *c, bool *result)
{
    *result = c->self.kind == KIND_STRING &&
              lb_jinja_test_find(c->jinja->language, lb_jinja_text_of(&c->self)) != NULL;
    return LOBASS_OK;
}

#define TEST(name, function) {{name, {NULL}, 0, false}, function}
#define TEST_WITH(name, function, parameter) {{name, {parameter}, 1, false}, function}

const test_row lb_jinja_tests[] = {TEST("defined", is_defined),
                                   TEST("undefined", is_undefined),
                                   TEST("none", is_none),
                                   TEST("string", is_string),
                                   TEST("mapping", is_mapping),
                                   TEST("iterable", is_iterable),
                                   TEST("sequence", is_sequence),
                                   TEST("boolean", is_boolean),
                                   TEST("true", is_true),
                                   TEST("false", is_false),
                                   TEST("number", is_number),
                                   TEST("integer", is_integer),
                                   TEST("float", is_float),
                                   TEST("callable", is_callable),
                                   TEST("escaped", is_escaped),
                                   TEST("odd", is_odd),
                                   TEST("even", is_even),
                                   TEST("lower", is_lower),
                                   TEST("upper", is_upper),
                                   TEST("filter", is_filter),
                                   TEST("test", is_test),
                                   TEST_WITH("divisibleby", is_divisible_by, "num"),
                                   TEST_WITH("sameas", is_same_as, "other"),
                                   TEST_WITH("in", is_in, "seq"),
                                   TEST_WITH("equalto", is_equal, "/b"),
                                   TEST_WITH("eq", is_equal, "/b"),
                                   TEST_WITH("==", is_equal, "/b"),
                                   TEST_WITH("ne", is_unequal, "/b"),
                                   TEST_WITH("!=", is_unequal, "/b"),
                                   TEST_WITH("lt", is_less, "/b"),
                                   TEST_WITH("lessthan", is_less, "/b"),
                                   TEST_WITH("<", is_less, "/b"),
                                   TEST_WITH("le", is_less_equal, "/b"),
                                   TEST_WITH("<=", is_less_equal, "/b"),
                                   TEST_WITH("gt", is_greater, "/b"),
                                   TEST_WITH("greaterthan", is_greater, "/b"),
                                   TEST_WITH(">", is_greater, "/b"),
                                   TEST_WITH("ge", is_greater_equal, "/b"),
                                   TEST_WITH(">=", is_greater_equal, "/b"),
                                   {{NULL, {NULL}, 0, false}, NULL}};

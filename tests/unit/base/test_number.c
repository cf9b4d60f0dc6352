/* SPDX-License-Identifier: Apache-2.0
 *
 * The 16-bit floats: all 65,536 values of each format there and back, every midpoint between
 * neighbours and the floats beside it, against a widening that is computed with ldexp.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/base.h"

typedef struct format
{
    int n_fraction_bits, bias, n_exponent_bits;
    float (*widen)(uint16_t value);
    uint16_t (*narrow)(float value);
} format;

static const format formats[] = {
    {7, 127, 8, lb_float_from_bf16, lb_bf16_from_float},
    {10, 15, 5, lb_float_from_f16, lb_f16_from_float},
};

/* The value of finite BITS by the definition of the format. */
static double defined_value(const format *f, unsigned bits)
{
    const unsigned fraction = bits & ((1U << f->n_fraction_bits) - 1);
    const unsigned exponent = (bits & 0x7FFFU) >> f->n_fraction_bits;
    const double sign = (bits & 0x8000U) != 0 ? -1.0 : 1.0;
    const int scale = (exponent == 0 ? 1 : (int)exponent) - f->bias - f->n_fraction_bits;
    const double significand = (double)(fraction + (exponent == 0 ? 0U : 1U << f->n_fraction_bits));
    return sign * ldexp(significand, scale);
}

static unsigned infinity_bits(const format *f)
{
    return ((1U << f->n_exponent_bits) - 1) << f->n_fraction_bits;
}

static void test_every_value(void **state)
{
    (void)state;
    for (size_t n = 0; n < 2; n++)
    {
        const format *f = &formats[n];
        for (unsigned bits = 0; bits <= 0xFFFFU; bits++)
        {
            const float wide = f->widen((uint16_t)bits);
            const unsigned magnitude = bits & 0x7FFFU;
            const unsigned back = f->narrow(wide);
            assert_int_equal(signbit(wide) != 0, (bits & 0x8000U) != 0);
            if (magnitude > infinity_bits(f))
            {
                assert_true(isnan(wide));
                /* The same NaN, made quiet. */
                assert_int_equal(back, bits | 1U << (f->n_fraction_bits - 1));
                continue;
            }
            if (magnitude == infinity_bits(f))
            {
                assert_true(isinf(wide));
            }
            else
            {
                assert_true((double)wide == defined_value(f, bits));
            }
            assert_int_equal(back, bits);
        }
    }
}

static void test_rounding(void **state)
{
    (void)state;
    for (size_t n = 0; n < 2; n++)
    {
        const format *f = &formats[n];
        for (unsigned bits = 0; bits + 1 < infinity_bits(f); bits++)
        {
            const double low = defined_value(f, bits);
            const double high = defined_value(f, bits + 1);
            const float middle = (float)((low + high) / 2.0);
            const unsigned even = bits + (bits & 1U);
            assert_int_equal(f->narrow(middle), even);
            assert_int_equal(f->narrow(-middle), even | 0x8000U);
            assert_int_equal(f->narrow(nextafterf(middle, 0.0F)), bits);
            assert_int_equal(f->narrow(nextafterf(middle, INFINITY)), bits + 1);
        }
    }
}

static void test_too_large_and_too_small(void **state)
{
    (void)state;
    assert_int_equal(lb_f16_from_float(65504.0F), 0x7BFF);
    assert_int_equal(lb_f16_from_float(65519.996F), 0x7BFF);
    assert_int_equal(lb_f16_from_float(65520.0F), 0x7C00);
    assert_int_equal(lb_f16_from_float(-1e30F), 0xFC00);
    assert_int_equal(lb_f16_from_float(0x1.0p-25F), 0x0000);
    assert_int_equal(lb_f16_from_float(0x1.000002p-25F), 0x0001);
    assert_int_equal(lb_f16_from_float(-1e-30F), 0x8000);
    assert_int_equal(lb_bf16_from_float(0x1.FEp127F), 0x7F7F);
    assert_int_equal(lb_bf16_from_float(0x1.FEFFFEp127F), 0x7F7F);
    assert_int_equal(lb_bf16_from_float(0x1.FFp127F), 0x7F80);
    assert_int_equal(lb_bf16_from_float(-0x1.FFFFFEp127F), 0xFF80);
    /* A NaN whose upper fraction bits are all 0 must not become an infinity. */
    const uint32_t bits = 0xFF800001U;
    float nan = 0.0F;
    memcpy(&nan, &bits, sizeof nan);
    assert_int_equal(lb_bf16_from_float(nan), 0xFFC0);
    assert_int_equal(lb_f16_from_float(nan), 0xFE00);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_value),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_too_large_and_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

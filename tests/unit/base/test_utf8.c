/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8 by the table of the Unicode standard: every code point there and back, and every pair of
 * first bytes against the table's rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

static void test_all_code_points(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++)
    {
        char text[LB_UTF8_MAX];
        uint32_t found = 0;
        const size_t size = lb_utf8_encode(text, code);
        const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
        const size_t length = lb_utf8_take(&found, text, size);
        if (length != (is_surrogate ? 0 : size) || (!is_surrogate && found != code) ||
            (size > 1 && lb_utf8_take(&found, text, size - 1) != 0))
        {
            fail_msg("U+%04X: %zu of %zu bytes, U+%04X", (unsigned)code, length, size,
                     (unsigned)found);
        }
    }
}

/* Table 3-7: what may follow a first byte. */
static bool may_follow(unsigned first, unsigned second)
{
    const bool is_lead = first >= 0xC2 && first <= 0xF4;
    const bool is_long_form = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool is_no_character =
        (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
    return is_lead && second >= 0x80 && second <= 0xBF && !is_long_form && !is_no_character;
}

static void test_all_pairs(void **state)
{
    (void)state;
    for (unsigned first = 0x80; first <= 0xFF; first++)
    {
        for (unsigned second = 0; second <= 0xFF; second++)
        {
            const char text[] = {(char)first, (char)second, (char)0x80, (char)0x80};
            const size_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
            const bool is_good = may_follow(first, second);
            size_t n_bad = 0;
            assert_int_equal(lb_utf8_look(text, sizeof text, &n_bad), is_good ? size : 0);
            assert_true(is_good || n_bad == 1);
            assert_int_equal(lb_utf8_valid_size(text, size), is_good ? size : 0);
        }
    }
}

static void test_what_is_unsafe(void **state)
{
    (void)state;
    assert_true(lb_code_is_unsafe(0x1B) && lb_code_is_unsafe(0x7F) && lb_code_is_unsafe(0x9B));
    assert_true(lb_code_is_unsafe(0x202E) && lb_code_is_unsafe(0xFEFF));
    assert_false(lb_code_is_unsafe(' ') || lb_code_is_unsafe(0xA0) || lb_code_is_unsafe(0x1F600));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_code_points),
        cmocka_unit_test(test_all_pairs),
        cmocka_unit_test(test_what_is_unsafe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

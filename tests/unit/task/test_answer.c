/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer of a text by hand-written examples.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "task/answer.h"

static void check_text(const char *text, size_t size_bytes, bool is_cut, const char *expected)
{
    lb_buffer answer = {0};
    bool has_answer = false;
    lobass_error error = {0};
    assert_int_equal(LOBASS_OK, lb_buffer_append_text(&answer, "before", &error));
    assert_int_equal(LOBASS_OK,
                     lb_answer_find(&answer, &has_answer, text, size_bytes, is_cut, &error));
    if (has_answer != (expected != NULL) || strcmp(answer.data, expected ? expected : "") != 0)
    {
        fail_msg("\"%s\": found \"%s\", expected \"%s\"", text, has_answer ? answer.data : "none",
                 expected ? expected : "none");
    }
    lb_buffer_free(&answer);
}

static void check_answer(const char *text, size_t size_bytes, const char *expected)
{
    check_text(text, size_bytes, false, expected);
}

static void test_answers(void **state)
{
    static const char *const examples[][2] = {
        {"so it is 5.\n#### 18", "18"},
        {"####18", "18"},
        {"####\n18", "18"},
        {"#####18", "18"},
        {"########18", "18"},
        {"#### 1,000", "1000"},
        {"#### 1000.00", "1000"},
        {"#### $1,000.50", "1000.5"},
        {"#### -$5", "-5"},
        {"#### $ - 5", "-5"},
        {"#### +5", "5"},
        {"#### 5.", "5"},
        {"#### 5...", "5"},
        {"#### 5.,", "5"},
        {"#### 5 apples, 7 pears", "5"},
        {"#### 12%", "12"},
        {"#### 0", "0"},
        {"#### -0", "0"},
        {"#### -0.00", "0"},
        {"#### -0.010", "-0.01"},
        {"#### .5", "0.5"},
        {"#### 000.50", "0.5"},
        {"#### 007", "7"},
        {"#### 100", "100"},
        {"#### 123456789012345678901234567890.0", "123456789012345678901234567890"},
        {"#### 1 #### 2", "1"},
        {"#### one #### 2", NULL},
        {"#### \n#### 2", "2"},
        {"#### 18\n####", "18"},
        {"#### 18\n\nQ: next? A: #### 7", "18"},
        {"the answer is 18", NULL},
        {"### 18", NULL},
        {"#### ", NULL},
        {"####", NULL},
        {"", NULL},
        {"#### .", NULL},
        {"#### ,", NULL},
        {"#### -", NULL},
        {"#### --5", NULL},
        {"#### 1.2.3", NULL},
        {"#### eighteen", NULL},
        {"#### x = 18", "18"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
    {
        check_answer(examples[i][0], strlen(examples[i][0]), examples[i][1]);
    }
    check_answer("#### 18", 6, "1"); /* what is behind the text is none of it */
    check_answer("#### 18", 3, NULL);
    check_answer("#### 5\0006", 8, "5");
}

/* Numbers are read whole, or there is none. */
static void test_whole_numbers(void **state)
{
    static const char *const examples[][2] = {
        {"#### 10 - 4 = 6", "6"},
        {"#### 3 * 2 = 2 * 3 = 6 apples", "6"},
        {"#### 18\nfor 20 - 2 = 18 is it, not 7 = 7", "18"},
        {"#### 10 - 4", NULL},
        {"#### 5-7", NULL},
        {"#### 2^10", NULL},
        {"#### 12:30", NULL},
        {"#### 5 - that is all", "5"},
        {"#### 5. Next: 6", "5"},
        {"#### 1/2", "0.5"},
        {"#### 3/4 cup", "0.75"},
        {"#### 2/6", "1/3"},
        {"#### -4/6", "-2/3"},
        {"#### 1/6", "1/6"},
        {"#### 250/8", "31.25"},
        {"#### 999999999/8192", "122070.3123779296875"},
        {"#### 1/1234567890", NULL},
        {"#### 100/1000000", "0.0001"},
        {"#### 7/40", "0.175"},
        {"#### 6/3", "2"},
        {"#### 1/0", NULL},
        {"#### 1/2/3", NULL},
        {"#### 1.5/2", NULL},
        {"#### 1.5e3", "1500"},
        {"#### 2E-3", "0.002"},
        {"#### 12e0", "12"},
        {"#### 1e999", NULL},
        {"#### 5 eggs", "5"},
        {"#### 5e", "5"},
        {"#### 1 000", "1000"},
        {"#### 12\xC2\xA0"
         "345 678.5",
         "12345678.5"},
        {"#### 5 1234", "5"},
        {"#### 1234 567", "1234"},
        {"#### \xE2\x88\x92"
         "5",
         "-5"},
        {"#### **18**", "18"},
        {"#### (18)", "18"},
        {"#### \xE2\x82\xAC"
         "50",
         "50"},
        {"#### $\\boxed{18}$", "18"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
    {
        check_answer(examples[i][0], strlen(examples[i][0]), examples[i][1]);
    }
}

/* "#### 1" may have been on its way to 1,250. */
static void test_cut_texts(void **state)
{
    (void)state;
    check_text("#### 1", 6, true, NULL);
    check_text("#### 1,", 7, true, NULL);
    check_text("#### 1.", 7, true, NULL);
    check_text("#### 1/2", 8, true, NULL);
    check_text("#### 1 ", 7, true, NULL); /* 000 */
    check_text("#### 1\n\n", 8, true, "1");
    check_text("#### 18 apples", 14, true, "18");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_cut_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

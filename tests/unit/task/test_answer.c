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

static void check_answer(const char *text, size_t size_bytes, const char *expected)
{
    lb_buffer answer = {0};
    bool has_answer = false;
    lobass_error error = {0};
    assert_int_equal(LOBASS_OK, lb_buffer_append_text(&answer, "before", &error));
    assert_int_equal(LOBASS_OK, lb_answer_find(&answer, &has_answer, text, size_bytes, &error));
    if (has_answer != (expected != NULL) || strcmp(answer.data, expected ? expected : "") != 0)
    {
        fail_msg("\"%s\": found \"%s\", expected \"%s\"", text, has_answer ? answer.data : "none",
                 expected ? expected : "none");
    }
    lb_buffer_free(&answer);
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
        {"#### 1 #### 2", "2"},
        {"#### 1 #### two", NULL},
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
        {"#### x = 18", NULL},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

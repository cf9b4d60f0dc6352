/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages are one line, are cut instead of overflowing, and tell a missing file from other
 * failures of the operating system. The public names of row statuses are complete.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/base.h"

static void test_message_is_formatted(void **state)
{
    (void)state;
    lobass_error error = {0};
    assert_int_equal(lb_fail(&error, LOBASS_CONFLICT, "%s:%d: found %s", "a.json", 7, "x"),
                     LOBASS_CONFLICT);
    assert_int_equal(error.status, LOBASS_CONFLICT);
    assert_string_equal(error.message, "a.json:7: found x");
    assert_int_equal(lb_fail(NULL, LOBASS_IO, "nobody listens"), LOBASS_IO);
}

static void test_message_is_cut_and_one_line(void **state)
{
    (void)state;
    char text[2 * LOBASS_ERROR_SIZE];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    text[3] = '\n';
    text[5] = '\x1b';
    lobass_error error = {0};
    (void)lb_fail(&error, LOBASS_BAD_FORMAT, "%s", text);
    assert_int_equal(strlen(error.message), LOBASS_ERROR_SIZE - 1);
    assert_memory_equal(error.message, "xxx?x?x", 7);
}

static void test_errno_becomes_status_and_path(void **state)
{
    (void)state;
    lobass_error error = {0};
    errno = ENOENT;
    assert_int_equal(lb_fail_errno(&error, "RUN/x", "open"), LOBASS_NOT_FOUND);
    assert_string_equal(error.message, "RUN/x: cannot open: No such file or directory");
    errno = ENOSPC;
    assert_int_equal(lb_fail_errno(&error, "RUN/x", "write"), LOBASS_IO);
    assert_string_equal(error.message, "RUN/x: cannot write: No space left on device");
    assert_int_equal(lb_fail_memory(&error, 12), LOBASS_OUT_OF_MEMORY);
    assert_non_null(strstr(error.message, "12 bytes"));
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(lobass_version(), LOBASS_VERSION);
    for (int status = 0; status < LOBASS_ROW_STATUS_COUNT; status++)
    {
        assert_non_null(lobass_row_status_name((lobass_row_status)status));
    }
    assert_string_equal(lobass_row_status_name(LOBASS_ROW_NO_SCORED_TOKEN), "no_scored_token");
    assert_null(lobass_row_status_name(LOBASS_ROW_STATUS_COUNT));
    assert_null(lobass_row_status_name((lobass_row_status)-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_is_formatted),
        cmocka_unit_test(test_message_is_cut_and_one_line),
        cmocka_unit_test(test_errno_becomes_status_and_path),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What a control group leaves to take, from files as the kernel writes them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/base/scratch.h"

static void file_put(const char *name, const char *text)
{
    assert_int_equal(lb_file_write(scratch_path(name), text, strlen(text), true, NULL), LOBASS_OK);
}

static void test_group_memory(void **state)
{
    (void)state;
    assert_true(lb_group_memory(scratch_folder) == UINT64_MAX); /* no files */
    file_put("memory.current", "700\n");
    file_put("memory.max", "max\n");
    assert_true(lb_group_memory(scratch_folder) == UINT64_MAX);
    file_put("memory.max", "1000\n");
    assert_int_equal(lb_group_memory(scratch_folder), 300);
    file_put("memory.stat", "anon 500\nfile 200\nactive_file 50\ninactive_file 150\n");
    assert_int_equal(lb_group_memory(scratch_folder), 450);
    file_put("memory.current", "1200\n"); /* the limit was lowered */
    assert_int_equal(lb_group_memory(scratch_folder), 0);
    file_put("memory.stat", "inactive_file 1300\n");
    assert_int_equal(lb_group_memory(scratch_folder), 1000);
}

static void test_memory_fits(void **state)
{
    char text[80] = "";
    (void)state;
    assert_true(lb_memory_fits(text, sizeof text, "train", 1));
    assert_string_equal(text, "");
    assert_false(lb_memory_fits(text, sizeof text, "train", UINT64_MAX - 1));
    assert_non_null(strstr(text, "train: needs 18446744073.7 GB, the machine has "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_group_memory),
                                       cmocka_unit_test(test_memory_fits)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

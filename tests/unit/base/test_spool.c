/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes put aside come back from any place, while more are written too, and leave no file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/base/scratch.h"

#define N_PIECES 5000

static size_t piece_make(char piece[64], int number)
{
    return (size_t)snprintf(piece, 64, "%0*d;", number % 40, number);
}

static void test_any_order(void **state)
{
    lb_spool *spool = NULL;
    uint64_t starts[N_PIECES];
    uint64_t end = 0;
    char piece[64];
    char read[64];
    (void)state;
    assert_int_equal(lb_folder_create(scratch_path("aside"), NULL), LOBASS_OK);
    assert_int_equal(lb_spool_open(&spool, scratch_path("aside/selected.jsonl"), NULL), LOBASS_OK);
    for (int i = 0; i < N_PIECES; i++)
    {
        const size_t size = piece_make(piece, i);
        starts[i] = end;
        end += size;
        assert_int_equal(lb_spool_write(spool, piece, size, NULL), LOBASS_OK);
        const int other = i * 7 % (i + 1); /* one of those before it, or it */
        const size_t other_size = piece_make(piece, other);
        assert_int_equal(lb_spool_read(spool, starts[other], read, other_size, NULL), LOBASS_OK);
        assert_memory_equal(read, piece, other_size);
    }
    assert_int_equal(scratch_count(scratch_path("aside")), 0);
    assert_int_equal(lb_spool_read(spool, end, read, 1, NULL), LOBASS_IO);
    lb_spool_close(spool);
    lb_spool_close(NULL);
}

static void test_no_folder(void **state)
{
    lb_spool *spool = NULL;
    lobass_error error = {0};
    (void)state;
    assert_int_equal(lb_spool_open(&spool, scratch_path("nowhere/selected.jsonl"), &error),
                     LOBASS_NOT_FOUND);
    assert_null(spool);
    assert_non_null(strstr(error.message, "nowhere"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_no_folder),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes that overflow, alignment, arenas that grow and are reset, buffers that keep their NUL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static void test_sizes_are_checked(void **state)
{
    (void)state;
    size_t size = 0;
    assert_true(lb_size_multiply(SIZE_MAX / 2, 2, &size));
    assert_int_equal(size, SIZE_MAX - 1);
    assert_false(lb_size_multiply(SIZE_MAX / 2 + 1, 2, &size));
    assert_true(lb_size_add(SIZE_MAX - 1, 1, &size));
    assert_false(lb_size_add(SIZE_MAX, 1, &size));
}

static void test_alloc(void **state)
{
    (void)state;
    lobass_error error = {0};
    unsigned char *memory = lb_alloc(100, 3, &error);
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % 64, 0);
    for (size_t i = 0; i < 300; i++)
    {
        assert_int_equal(memory[i], 0);
    }
    free(memory);
    memory = lb_alloc(0, 8, &error);
    assert_non_null(memory);
    free(memory);
    assert_null(lb_alloc(SIZE_MAX / 4, 8, &error));
    assert_int_equal(error.status, LOBASS_OUT_OF_MEMORY);
    error.status = LOBASS_OK;
    assert_null(lb_alloc(SIZE_MAX - 3, 1, &error));
    assert_int_equal(error.status, LOBASS_OUT_OF_MEMORY);
    char *copy = lb_copy_text("abc", 2, &error);
    assert_string_equal(copy, "ab");
    free(copy);
    copy = lb_copy_text(NULL, 0, &error);
    assert_string_equal(copy, "");
    free(copy);
}

static void test_arena(void **state)
{
    (void)state;
    lobass_error error = {0};
    lb_arena arena = {0};
    unsigned char *pieces[400];
    for (size_t i = 0; i < 400; i++)
    {
        pieces[i] = lb_arena_alloc(&arena, i * 5, 1, &error);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % (i * 5 < 256 ? 16 : 64), 0);
        for (size_t j = 0; j < i * 5; j++)
        {
            assert_int_equal(pieces[i][j], 0);
        }
        memset(pieces[i], (int)(i % 255) + 1, i * 5);
    }
    for (size_t i = 0; i < 400; i++)
    {
        for (size_t j = 0; j < i * 5; j++)
        {
            assert_int_equal(pieces[i][j], (i % 255) + 1);
        }
    }
    assert_string_equal(lb_arena_text(&arena, "hello", 4, &error), "hell");
    void *large = lb_arena_alloc(&arena, 1, (size_t)40 << 20, &error);
    assert_non_null(large);
    memset(large, 1, 300);
    lb_arena_reset(&arena);
    /* The largest block stays and is zeroed again. */
    const unsigned char *again = lb_arena_alloc(&arena, 1, 300, &error);
    assert_ptr_equal(again, large);
    for (size_t i = 0; i < 300; i++)
    {
        assert_int_equal(again[i], 0);
    }
    assert_null(lb_arena_alloc(&arena, SIZE_MAX / 2, 4, &error));
    assert_int_equal(error.status, LOBASS_OUT_OF_MEMORY);
    lb_arena_free(&arena);
    assert_null(arena.blocks);
    lb_arena_reset(&arena);
    lb_arena_free(&arena);
    lb_arena_free(NULL);
}

static void test_buffer(void **state)
{
    (void)state;
    lobass_error error = {0};
    lb_buffer buffer = {0};
    assert_int_equal(lb_buffer_append(&buffer, NULL, 0, &error), LOBASS_OK);
    assert_string_equal(buffer.data, "");
    for (int i = 0; i < 1000; i++)
    {
        assert_int_equal(lb_buffer_append(&buffer, "ab\0d", 4, &error), LOBASS_OK);
        assert_int_equal(buffer.data[buffer.size], 0);
    }
    assert_int_equal(buffer.size, 4000);
    assert_memory_equal(buffer.data + 3996, "ab\0d", 4);
    lb_buffer_clear(&buffer);
    assert_int_equal(buffer.size, 0);
    assert_int_equal(lb_buffer_append_text(&buffer, "n=", &error), LOBASS_OK);
    assert_int_equal(lb_buffer_print(&buffer, &error, "%d, %s", 42, "x"), LOBASS_OK);
    assert_string_equal(buffer.data, "n=42, x");
    assert_int_equal(buffer.size, 7);
    assert_int_equal(lb_buffer_reserve(&buffer, SIZE_MAX - 3, &error), LOBASS_OUT_OF_MEMORY);
    assert_string_equal(buffer.data, "n=42, x");
    lb_buffer_free(&buffer);
    lb_buffer_free(&buffer);
    lb_buffer_clear(&buffer);
    lb_buffer_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_are_checked),
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

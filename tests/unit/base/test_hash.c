/* SPDX-License-Identifier: Apache-2.0
 *
 * XXH3-128 against the values of the reference implementation's own test (xxhash 0.8, empty input)
 * and of `xxh128sum`; pieces against the whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/base.h"

static void test_known_values(void **state)
{
    (void)state;
    char text[LB_HASH_TEXT_SIZE];
    lb_hash_text(lb_hash_bytes("", 0, 0), text);
    assert_string_equal(text, "99aa06d3014798d86001c324468d497f");
    lb_hash_text(lb_hash_bytes(NULL, 0, 0), text);
    assert_string_equal(text, "99aa06d3014798d86001c324468d497f");
    lb_hash_text(lb_hash_bytes("hello\n", 6, 0), text);
    assert_string_equal(text, "6bba86c7e069f56d5a10b435f1c8e49c");
}

static void test_pieces_are_the_whole(void **state)
{
    (void)state;
    static unsigned char data[5000];
    for (size_t i = 0; i < sizeof data; i++)
    {
        data[i] = (unsigned char)(i * 131 + (i >> 7));
    }
    for (uint64_t seed = 0; seed < 3; seed++)
    {
        lb_hasher *hasher = NULL;
        assert_int_equal(lb_hasher_create(&hasher, seed, NULL), LOBASS_OK);
        size_t done = 0;
        for (size_t piece = 0; done < sizeof data; piece += 7)
        {
            const size_t size = piece < sizeof data - done ? piece : sizeof data - done;
            lb_hasher_update(hasher, size == 0 ? NULL : data + done, size);
            done += size;
            assert_true(lb_hash_equal(lb_hasher_value(hasher), lb_hash_bytes(data, done, seed)));
        }
        assert_false(
            lb_hash_equal(lb_hasher_value(hasher), lb_hash_bytes(data, sizeof data, seed + 1)));
        lb_hasher_free(hasher);
    }
    lb_hasher_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_pieces_are_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

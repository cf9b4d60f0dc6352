/* SPDX-License-Identifier: Apache-2.0
 *
 * demo/base/tokenizer.json as the library reads it: its size and end token, digits one by one, and
 * that any text comes back from its ids.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text/tokenizer_private.h"

#define TOKENIZER TEST_SOURCE_DIR "/demo/base/tokenizer.json"
#define N_TEXTS 2000
#define TEXT_CODE_POINTS 40

static int load(void **state)
{
    lobass_tokenizer *tokenizer = NULL;
    lobass_error error = {LOBASS_OK, ""};
    if (lobass_tokenizer_load(&tokenizer, TOKENIZER, &error) != LOBASS_OK)
    {
        fail_msg("%s", error.message);
    }
    *state = tokenizer;
    return 0;
}

static int unload(void **state)
{
    lobass_tokenizer_free(*state);
    return 0;
}

static void test_size_and_end(void **state)
{
    const lobass_tokenizer *tokenizer = *state;
    assert_int_equal(lobass_tokenizer_count(tokenizer), 4096);
    assert_string_equal(lobass_tokenizer_piece(tokenizer, 0), "<|end|>");
    assert_int_equal(lb_tokenizer_find(tokenizer, "<|endoftext|>", 13), -1);
}

/* Encodes, decodes and compares; returns the number of ids. */
static size_t round_trip(const lobass_tokenizer *tokenizer, const char *text, size_t size)
{
    int32_t *ids = NULL;
    size_t n_ids = 0;
    char *decoded = NULL;
    size_t decoded_size = 0;
    assert_int_equal(lobass_tokenizer_encode(&ids, &n_ids, tokenizer, text, size, NULL), LOBASS_OK);
    assert_int_equal(lobass_tokenizer_decode(&decoded, &decoded_size, tokenizer, ids, n_ids, NULL),
                     LOBASS_OK);
    assert_int_equal(decoded_size, size);
    assert_memory_equal(decoded, text, size);
    free(ids);
    free(decoded);
    return n_ids;
}

static void test_words(void **state)
{
    static const struct
    {
        const char *text;
        size_t n_ids;
    } cases[] = {
        {"", 0},     {"1917", 4},    {" 1917", 4}, {"the", 1}, {" government", 1},
        {"it's", 2}, {"<|end|>", 1}, {"\n\n", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
        assert_int_equal(round_trip(*state, cases[i].text, strlen(cases[i].text)), cases[i].n_ids);
    }
}

/* Half of the code points are ASCII, control characters and NUL among them; the others are drawn
 * from planes 0 to 2. */
static void test_round_trip(void **state)
{
    lb_random random;
    lb_random_init(&random, 4);
    for (int i = 0; i < N_TEXTS; i++)
    {
        char text[TEXT_CODE_POINTS * LB_UTF8_MAX];
        size_t size = 0;
        const uint64_t n_code_points = lb_random_below(&random, TEXT_CODE_POINTS + 1);
        for (uint64_t j = 0; j < n_code_points; j++)
        {
            const uint64_t limit = lb_random_below(&random, 2) == 0 ? 0x80 : 0x30000;
            const uint32_t drawn = (uint32_t)lb_random_below(&random, limit);
            const bool is_surrogate = drawn >= 0xD800 && drawn < 0xE000;
            size += lb_utf8_encode(text + size, is_surrogate ? 0xFFFD : drawn);
        }
        (void)round_trip(*state, text, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size_and_end),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, load, unload);
}

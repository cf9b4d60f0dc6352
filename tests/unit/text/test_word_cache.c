/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache of words: a word that is found has its own ids, whatever its length and whatever else
 * was entered; what does not fit any more is forgotten, never mixed up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text/word_cache.h"

#define N_WORDS UINT64_C(500000)
#define MOST_BYTES 40

/* Word number N: few different bytes, so that many words share their beginnings and ends; also NUL
 * bytes, which fill up short keys. */
static size_t word_make(char word[MOST_BYTES], uint64_t n)
{
    static const char bytes[] = {'a', 'b', '\0'};
    lb_random random;
    lb_random_init(&random, n);
    const size_t size = 1 + (size_t)lb_random_below(&random, MOST_BYTES);
    for (size_t i = 0; i < size; i++)
    {
        word[i] = bytes[lb_random_below(&random, sizeof bytes)];
    }
    return size;
}

/* The ids that the word has: none to three, all made of its bytes. */
static size_t symbols_make(lb_symbol symbols[3], const char *word, size_t size)
{
    const lb_hash hash = lb_hash_bytes(word, size, 1);
    const size_t n_ids = hash.high % 4;
    for (size_t i = 0; i < n_ids; i++)
    {
        symbols[i] = (lb_symbol){.id = (int32_t)((hash.low >> (8 * i)) & 0xFFFFFF)};
    }
    return n_ids;
}

static void test_words(void **state)
{
    lb_word_cache cache = {0};
    size_t n_found = 0;
    (void)state;
    for (uint64_t n = 0; n < 2 * N_WORDS; n++)
    {
        char word[MOST_BYTES];
        lb_symbol symbols[3] = {{0}};
        const int32_t *ids = NULL;
        size_t n_ids = 0;
        /* Each word comes again, half of them soon, half of them late. */
        const size_t size = word_make(word, n % 2 == 0 ? n / 2 : n / 4);
        const size_t n_symbols = symbols_make(symbols, word, size);
        if (!lb_word_cache_find(&cache, word, size, &ids, &n_ids))
        {
            assert_int_equal(lb_word_cache_add(&cache, word, size, symbols, n_symbols, NULL),
                             LOBASS_OK);
            assert_true(lb_word_cache_find(&cache, word, size, &ids, &n_ids));
        }
        else
        {
            n_found++;
        }
        assert_int_equal(n_ids, n_symbols);
        for (size_t i = 0; i < n_ids; i++)
        {
            assert_int_equal(ids[i], symbols[i].id);
        }
    }
    assert_true(n_found > N_WORDS / 2);
    lb_word_cache_free(&cache);
}

static void test_long_words(void **state)
{
    char word[LB_CACHED_WORD_MAX + 1];
    const lb_symbol symbol = {.id = 5};
    lb_word_cache cache = {0};
    const int32_t *ids = NULL;
    size_t n_ids = 0;
    (void)state;
    memset(word, 'w', sizeof word);
    assert_int_equal(lb_word_cache_add(&cache, word, sizeof word, &symbol, 1, NULL), LOBASS_OK);
    assert_int_equal(cache.n_words, 0);
    assert_int_equal(lb_word_cache_add(&cache, word, LB_CACHED_WORD_MAX, &symbol, 1, NULL),
                     LOBASS_OK);
    assert_true(lb_word_cache_find(&cache, word, LB_CACHED_WORD_MAX, &ids, &n_ids));
    assert_int_equal(ids[0], 5);
    assert_false(lb_word_cache_find(&cache, word, LB_CACHED_WORD_MAX - 1, &ids, &n_ids));
    lb_word_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_long_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

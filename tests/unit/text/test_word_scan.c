/* SPDX-License-Identifier: Apache-2.0
 *
 * Words found by classes of bytes against the pattern itself, through PCRE2: all texts of up to two
 * ASCII bytes, and random ones over the characters that the patterns tell apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text/tokenizer_private.h"

#define N_TEXTS 100000
#define MOST_CHARS 14

static const char *const patterns[] = {
    LB_GPT2_PATTERN,
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
};

#define N_PATTERNS (sizeof patterns / sizeof *patterns)

typedef struct fixture
{
    lb_pattern pattern[N_PATTERNS];
    lb_matcher *matcher;
    size_t n_scanned, n_asked;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    for (size_t i = 0; i < N_PATTERNS; i++)
    {
        f.pattern[i].scan = lb_word_scan_find(patterns[i], strlen(patterns[i]));
        assert_non_null(f.pattern[i].scan);
        assert_int_equal(lb_regex_compile(&f.pattern[i].regex, patterns[i], strlen(patterns[i]),
                                          "pattern", NULL),
                         LOBASS_OK);
    }
    assert_int_equal(lb_matcher_create(&f.matcher, NULL), LOBASS_OK);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < N_PATTERNS; i++)
    {
        lb_pattern_free(&f->pattern[i]);
    }
    lb_matcher_free(f->matcher);
    return 0;
}

/* Every word of TEXT as the pattern has it; the scan says the same or nothing. */
static void check_words(fixture *f, size_t which, const char *text, size_t size)
{
    const lb_pattern *pattern = &f->pattern[which];
    const lb_view subject = {text, size, NULL};
    for (size_t at = 0; at < size;)
    {
        lb_range match = {0, 0};
        bool found = false;
        assert_int_equal(
            lb_pattern_find(pattern, f->matcher, subject, at, SIZE_MAX, &match, &found, NULL),
            LOBASS_OK);
        assert_true(found);
        assert_int_equal(match.from, at); /* no gap: what the scan stands on */
        const size_t end = lb_word_scan_end(pattern->scan, text, size, at);
        f->n_asked += end == 0;
        f->n_scanned += end != 0;
        if (end != 0 && end != match.to)
        {
            fail_msg("pattern %zu, \"%.*s\" at %zu: %zu, expected %zu", which, (int)size, text, at,
                     end, match.to);
        }
        at = match.to;
    }
}

static void test_short_texts(void **state)
{
    fixture *f = *state;
    char text[2];
    for (size_t which = 0; which < N_PATTERNS; which++)
    {
        for (unsigned i = 0; i < 128 * 128; i++)
        {
            text[0] = (char)(i / 128);
            text[1] = (char)(i % 128);
            check_words(f, which, text, 1);
            check_words(f, which, text, 2);
        }
    }
    assert_int_equal(f->n_asked, 0);
}

static void test_random_texts(void **state)
{
    static const char *const chars[] = {
        "'",      "'",      "s",      "T",      "r",        "E",          "v",      "m",
        "l",      "L",      "d",      "x",      " ",        " ",          " ",      "\n",
        "\r",     "\t",     "\v",     "\f",     "1",        "2",          "9",      "(",
        ".",      "_",      "\x7f",   "\x1c",   "\xC2\x85", "\u017f",     "\u212a", "\u00e9",
        "\u00a0", "\u3000", "\u00b2", "\u0663", "\u2028",   "\U0001F600", "\u4e2d", "\u0301"};
    fixture *f = *state;
    lb_random random;
    lb_random_init(&random, 7);
    f->n_scanned = 0;
    f->n_asked = 0;
    for (size_t i = 0; i < N_TEXTS; i++)
    {
        char text[4 * MOST_CHARS + 1];
        size_t size = 0;
        const uint64_t n_chars = lb_random_below(&random, MOST_CHARS) + 1;
        /* Every other text is ASCII. */
        const uint64_t n_kinds = i % 2 == 0 ? 28 : sizeof chars / sizeof *chars;
        for (uint64_t c = 0; c < n_chars; c++)
        {
            const char *added = chars[lb_random_below(&random, n_kinds)];
            memcpy(text + size, added, strlen(added));
            size += strlen(added);
        }
        for (size_t which = 0; which < N_PATTERNS; which++)
        {
            check_words(f, which, text, size);
        }
    }
    assert_true(f->n_scanned > 2 * f->n_asked);
    assert_true(f->n_asked > N_TEXTS / 10);
}

static void test_unknown(void **state)
{
    (void)state;
    assert_null(lb_word_scan_find("\\s+", 3));
    assert_null(lb_word_scan_find(LB_GPT2_PATTERN, strlen(LB_GPT2_PATTERN) - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_texts),
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

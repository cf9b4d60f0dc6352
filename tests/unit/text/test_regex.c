/* SPDX-License-Identifier: Apache-2.0
 *
 * Regular expressions in Oniguruma's syntax: what they match, and what is refused because PCRE2
 * would take it otherwise. Also the code points that the classes rest on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/text/tokenizer_maker.h"

typedef struct match_case
{
    const char *pattern, *text, *matches; /* each match in brackets */
} match_case;

static void matches_as_oniguruma(void **state)
{
    (void)state;
    static const match_case cases[] = {
        {"\\s+",
         "a \xE3\x80\x80\xC2\x85"
         "b\xE1\xA0\x8E",
         "[ \xE3\x80\x80\xC2\x85]"},
        {"[^\\S]", "a b", "[ ]"},
        {"\\h+", "xyz09AFg", "[09AF]"}, /* hexadecimal digits, not blanks */
        {"\\w+", "a_1\xC2\xBD-\xCC\x81", "[a_1\xC2\xBD][\xCC\x81]"},
        {"[\\w]+", "a_1\xC2\xBD-", "[a_1]"},
        {"\\v", "\n\x0B", "[\x0B]"},
        {"\\u00e9|\\x41", "A\xC3\xA9", "[A][\xC3\xA9]"},
        {"\\p{Han}", "\xE4\xB8\xAD\xE3\x80\x81", "[\xE4\xB8\xAD]"}, /* no script extensions */
        {"\\p{^L}", "ab1", "[1]"},
        {"^a", "ab\nab", "[a][a]"},
        {"a$", "ba\nba", "[a][a]"},
        {".", "\n\r", "[\r]"},
        {"a*", "baab", "[][aa][]"}, /* none directly behind a match */
        {"a{1,2}{", "aa{", "[aa{]"},
        {"(?i:'S)", "'s'\xC5\xBF", "['s]['\xC5\xBF]"},
        {"x(?=y)|(?<=y)z", "xyz", "[x][z]"},
        {"a++", "aaa", "[aaa]"},
    };
    lb_matcher *matcher = NULL;
    lb_buffer found = {0};

    assert_int_equal(lb_matcher_create(&matcher, NULL), LOBASS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    {
        const match_case *c = &cases[i];
        const lb_view text = {c->text, strlen(c->text), NULL};
        lobass_error error = {LOBASS_OK, ""};
        lb_pattern pattern = {0};
        lb_range match = {0, 0};
        size_t last_end = SIZE_MAX;
        bool has_match = true;
        if (lb_regex_compile(&pattern.regex, c->pattern, strlen(c->pattern), "test", &error) !=
            LOBASS_OK)
        {
            fail_msg("%s", error.message);
        }
        lb_buffer_clear(&found);
        for (;;)
        {
            assert_int_equal(lb_pattern_find(&pattern, matcher, text, match.to, last_end, &match,
                                             &has_match, NULL),
                             LOBASS_OK);
            if (!has_match)
            {
                break;
            }
            last_end = match.to;
            assert_int_equal(lb_buffer_print(&found, NULL, "[%.*s]", (int)(match.to - match.from),
                                             c->text + match.from),
                             LOBASS_OK);
        }
        if (found.data == NULL || strcmp(found.data, c->matches) != 0)
        {
            fail_msg("%s: \"%s\" instead of \"%s\"", c->pattern, found.data, c->matches);
        }
        lb_pattern_free(&pattern);
    }
    lb_buffer_free(&found);
    lb_matcher_free(matcher);
}

static void refuses_what_means_something_else(void **state)
{
    (void)state;
    static const struct
    {
        const char *pattern, *place;
    } cases[] = {
        {"[a[b]]", "byte 3: a set within a set"},
        {"[a&&b]", "byte 3: the intersection"},
        {"x[[:alpha:]]", "byte 3: a set within a set"},
        {"a{1,2}+", "byte 7: a second quantifier"},
        {"a{2}?", "byte 5: a second quantifier"},
        {"a{,2}", "byte 2: an interval without"},
        {"(?m:a.b)", "byte 1: a group"},
        {"a(?i)b", "byte 2: a group"},
        {"(?<name>a)", "byte 1: a group"},
        {"(*UCP)a", "byte 1: \"(*\""},
        {"(a)\\1", "byte 4: \"\\1\""},
        {"a\\b", "byte 2: \"\\b\""},
        {"[\\W]", "byte 2: \"\\W\" in a set"},
        {"\\pL", "byte 1: a property"},
        {"\\p{Nonsense}", "byte 13: unknown property"},
        {"\\xe9", "byte 1: a raw byte"},
        {"ab\\", "byte 3: a backslash"},
        {"[a", "byte 3: missing terminating ]"},
        {"a)", "byte 2: unmatched closing"},
        {"\\s)", "byte 3: unmatched closing"}, /* of the pattern as it was written */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    {
        lb_regex *regex = NULL;
        lobass_error error = {LOBASS_OK, ""};
        assert_int_equal(
            lb_regex_compile(&regex, cases[i].pattern, strlen(cases[i].pattern), "FILE", &error),
            LOBASS_UNSUPPORTED);
        assert_null(regex);
        if (strncmp(error.message, "FILE: pattern, ", 15) != 0 ||
            strstr(error.message, cases[i].place) == NULL)
        {
            fail_msg("%s: \"%s\"", cases[i].pattern, error.message);
        }
    }
}

static void gives_up_a_match_that_takes_too_long(void **state)
{
    (void)state;
    static const char pattern_text[] = "(?:a|aa|aaa)+(?:b|c)";
    char text[4096];
    lb_pattern pattern = {0};
    lb_matcher *matcher = NULL;
    lobass_error error = {LOBASS_OK, ""};
    lb_range match;
    bool found = false;

    memset(text, 'a', sizeof text);
    assert_int_equal(lb_matcher_create(&matcher, NULL), LOBASS_OK);
    assert_int_equal(
        lb_regex_compile(&pattern.regex, pattern_text, strlen(pattern_text), "FILE", NULL),
        LOBASS_OK);
    assert_int_equal(lb_pattern_find(&pattern, matcher, (lb_view){text, sizeof text, NULL}, 0,
                                     SIZE_MAX, &match, &found, &error),
                     LOBASS_UNSUPPORTED);
    assert_non_null(strstr(error.message, "FILE: cannot match a text of 4096 bytes"));
    lb_pattern_free(&pattern);
    lb_matcher_free(matcher);
}

static void maps_bytes_both_ways(void **state)
{
    (void)state;
    static bool is_taken[0x200];

    for (int byte = 0; byte < LB_N_BYTES; byte++)
    {
        const uint32_t code_point = lb_byte_to_char((uint8_t)byte);
        assert_true(code_point > 0x20 && code_point < 0x144 && !is_taken[code_point]);
        is_taken[code_point] = true;
        assert_int_equal(lb_char_to_byte(code_point), byte);
    }
    assert_int_equal(lb_byte_to_char(' '), 0x120);
    assert_int_equal(lb_byte_to_char('\n'), 0x10A);
    assert_int_equal(lb_byte_to_char(0xAD), 0x143);
    assert_int_equal(lb_char_to_byte(' '), -1);
    assert_int_equal(lb_char_to_byte(0x144), -1);
}

static void checks_utf8(void **state)
{
    (void)state;
    static const struct
    {
        const char *bytes;
        size_t valid;
        const char *lossy;
    } cases[] = {
        {"abc", 3, "abc"},
        {"\xF0\x9F\xA6\x99", 4, "\xF0\x9F\xA6\x99"},
        {"a\xF0\x9F\xA6", 1, "a\xEF\xBF\xBD"}, /* one for a sequence that is cut off */
        {"\xF0\x9F\xA6z", 0, "\xEF\xBF\xBDz"},
        {"\xED\xA0\x80", 0, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xC0\xAF", 0, "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"12345678\xFF", 8, "12345678\xEF\xBF\xBD"},
        {"\xE0\x9F\xBF", 0, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    {
        lb_buffer lossy = {0};
        const size_t size = strlen(cases[i].bytes);
        assert_int_equal(lb_utf8_valid_size(cases[i].bytes, size), cases[i].valid);
        assert_int_equal(lb_utf8_append_lossy(&lossy, cases[i].bytes, size, NULL), LOBASS_OK);
        assert_string_equal(lossy.data, cases[i].lossy);
        lb_buffer_free(&lossy);
    }
    for (uint32_t code_point = 0; code_point < 0x110000; code_point += 37)
    {
        char text[LB_UTF8_MAX];
        uint32_t back = 0;
        if (code_point >= 0xD800 && code_point < 0xE000)
        {
            continue;
        }
        const size_t size = lb_utf8_encode(text, code_point);
        assert_int_equal(lb_utf8_valid_size(text, size), size);
        assert_int_equal(lb_utf8_decode(text, &back), size);
        assert_int_equal(back, code_point);
    }
}

static void knows_classes(void **state)
{
    (void)state;
    assert_true(lb_char_is_space(0x3000));
    assert_true(lb_char_is_space(0x85));
    assert_false(lb_char_is_space(0x180E));
    assert_false(lb_char_is_space(0x200B));
    assert_true(lb_char_is_word('_'));
    assert_true(lb_char_is_word(0x301));
    assert_true(lb_char_is_word(0x24B6));
    assert_false(lb_char_is_word('-'));
    assert_true(lb_char_is_numeric(0xBD));
    assert_false(lb_char_is_numeric('a'));
    assert_true(lb_char_is_punctuation('$'));
    assert_true(lb_char_is_punctuation(0x3001));
    assert_false(lb_char_is_punctuation('z'));
    assert_false(lb_char_is_punctuation('Z'));
    assert_false(lb_char_is_punctuation(0x20AC)); /* a symbol that is not ASCII */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_as_oniguruma),
        cmocka_unit_test(refuses_what_means_something_else),
        cmocka_unit_test(gives_up_a_match_that_takes_too_long),
        cmocka_unit_test(maps_bytes_both_ways),
        cmocka_unit_test(checks_utf8),
        cmocka_unit_test(knows_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

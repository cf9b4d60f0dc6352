/* SPDX-License-Identifier: Apache-2.0
 *
 * Records' JSON: what the reader takes and what it leaves to jansson, and that both say the same of
 * documents that were bent at random.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/format/value_compare.h"

#define N_BENT 400000
#define MOST_BYTES 256

static const char *const taken[] = {
    "{}",
    " [ ] ",
    "\"\"",
    "null",
    "{\"instruction\": \"Say \\\"a\\\"\\n\", \"input\": \"\", \"output\": "
    "\"b\\\\c\\/\\b\\f\\r\\t\"}",
    "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"x\"}]}], "
    "\"weight\": 0, \"train\": true, \"n\": null, \"m\": false}",
    "[0, -0, 1, -17, 123456789012345, 1234567890123456789, 12345678901234567890123, 0.5, -1.25e3, "
    "1E-2, 0.1234567890123456789, 1e308]",
    "\"caf\xC3\xA9 \xE4\xB8\xAD\xF0\x9F\x98\x80 \xEF\xBF\xBF \xED\x9F\xBF plain ascii behind it\"",
    "\"\\u0041\\u00e9\\u4E2D\\uD83D\\uDE00\\u0000\\uffff\\u0800\\u07ff\\u0080\"",
    "\"0123456\\n01234567\\n012345678\"",
    "[[[[[[[[[[1]]]]]]]]]]",
    "{\"\": 1, \"k\xC3\xA9y\": 2, \"a\\u0062\": 3}",
    "\"\x7F\"",
};

/* Not valid, or valid and left to jansson. */
static const char *const declined[] = {
    "",
    " ",
    "{",
    "[1,]",
    "{\"a\":1,}",
    "{\"a\" 1}",
    "{a: 1}",
    "[1 2]",
    "tru",
    "nul",
    "1 2",
    "[1]]",
    "01",
    "-",
    "1.",
    ".5",
    "1e",
    "+1",
    "1.5-2",
    "0x10",
    "NaN",
    "\"a",
    "\"a\\",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\uD800\"",
    "\"\\uDC00\"",
    "\"\\uD800\\u0041\"",
    "\"\\uD800x\"",
    "\"a\nb\"",
    "\"\x80\"",
    "\"\xC0\x80\"",
    "\"\xE0\x80\x80\"",
    "\"\xED\xA0\x80\"",
    "\"\xF4\x90\x80\x80\"",
    "\"\xF5\x80\x80\x80\"",
    "\"\xE4\xB8\"",
    "\"\xC3\"",
    "1e999",
    "{\"a\": 1, \"a\": 2}",
    "{\"a\\u0000b\": 1}",
    "\xEF\xBB\xBF{}",
    "[1]x",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
};

static void test_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
    {
        bool is_read = false;
        const bool is_alike = is_read_alike(taken[i], strlen(taken[i]), &is_read);
        if (!is_read || !is_alike)
        {
            fail_msg("%s: %s", taken[i], is_read ? "read differently" : "declined");
        }
    }
}

static void test_declined(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof declined / sizeof *declined; i++)
    {
        lb_arena arena = {0};
        lb_value value;
        if (lb_value_read(&value, declined[i], strlen(declined[i]), &arena))
        {
            fail_msg("%s: not declined", declined[i]);
        }
        lb_arena_free(&arena);
    }
}

/* Through jansson, as if nothing had been tried before. */
static void test_left_over(void **state)
{
    static const char text[] = "{\"a\": 1, \"b\": [\"x\"], \"a\": \"last\"}";
    lb_arena arena = {0};
    lobass_error error = {0};
    const lb_value *value = NULL;
    (void)state;
    assert_int_equal(lb_value_parse(&value, text, strlen(text), "here", &arena, &error), LOBASS_OK);
    assert_int_equal(value->count, 2);
    assert_string_equal(lb_value_get(value, "a")->text, "last");
    assert_string_equal(lb_value_get(value, "b")->first->text, "x");
    assert_null(lb_value_get(value, "c"));
    assert_null(lb_value_get(lb_value_get(value, "b"), "x"));
    assert_null(lb_value_get(NULL, "x"));
    assert_int_equal(lb_value_parse(&value, "{\"a\": nul}", 10, "here", &arena, &error),
                     LOBASS_BAD_FORMAT);
    assert_non_null(strstr(error.message, "here: byte "));
    lb_arena_free(&arena);
}

static void test_many_members(void **state)
{
    lb_arena arena = {0};
    lb_buffer text = {0};
    const lb_value *value = NULL;
    (void)state;
    assert_int_equal(lb_buffer_append_text(&text, "{\"k\": 0", NULL), LOBASS_OK);
    for (int i = 1; i < 1000; i++)
    {
        assert_int_equal(lb_buffer_print(&text, NULL, ", \"k%d\": %d", i, i), LOBASS_OK);
    }
    assert_int_equal(lb_buffer_append_text(&text, "}", NULL), LOBASS_OK);
    assert_int_equal(lb_value_parse(&value, text.data, text.size, "", &arena, NULL), LOBASS_OK);
    assert_int_equal(value->count, 1000);
    assert_true(lb_value_get(value, "k999")->number == 999);
    lb_buffer_free(&text);
    lb_arena_free(&arena);
}

/* One to three bytes of a document become others, come in or go out. */
static size_t bend(char text[MOST_BYTES], lb_random *random)
{
    static const char bytes[] = "\"\"\\\\{}[]:,0123456789eE+-.tfnu \n\x01\x7F\x80\xBF\xC3\xED\xF0"
                                "aD\xE4\xB8\xAD";
    const size_t n_texts = sizeof taken / sizeof *taken;
    const char *origin = taken[lb_random_below(random, n_texts)];
    size_t size = strlen(origin);
    memcpy(text, origin, size);
    for (uint64_t n = lb_random_below(random, 3) + 1; n > 0 && size > 1; n--)
    {
        const size_t at = (size_t)lb_random_below(random, size);
        const char byte = bytes[lb_random_below(random, sizeof bytes)];
        switch (lb_random_below(random, 3))
        {
        case 0:
            text[at] = byte;
            break;
        case 1:
            memmove(text + at + 1, text + at, size - at);
            text[at] = byte;
            size++;
            break;
        default:
            memmove(text + at, text + at + 1, size - at - 1);
            size--;
            break;
        }
    }
    return size;
}

static void test_bent(void **state)
{
    lb_random random;
    size_t n_read = 0;
    (void)state;
    lb_random_init(&random, 11);
    for (size_t i = 0; i < N_BENT; i++)
    {
        char text[MOST_BYTES];
        const size_t size = bend(text, &random);
        bool is_read = false;
        if (!is_read_alike(text, size, &is_read))
        {
            fail_msg("%.*s: read differently", (int)size, text);
        }
        n_read += is_read ? 1 : 0;
    }
    assert_true(n_read > N_BENT / 10 && n_read < N_BENT - N_BENT / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),        cmocka_unit_test(test_declined),
        cmocka_unit_test(test_left_over),    cmocka_unit_test(test_bent),
        cmocka_unit_test(test_many_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsing: where a message points, what strict means, integers beyond 64 bits. Fields: every kind
 * of mismatch names the field, what was expected and what was found. Writing: escapes, and reals
 * that read back as the same double in any locale.
 */
#include <math.h>

#include "comma_locale.h"
#include "format/format.h"
#include "run_tests.h"
#include "unit/base/scratch.h"

static json_t *parse(const char *text)
{
    json_t *value = NULL;
    lobass_error error = {0};
    if (lb_json_parse(&value, text, strlen(text), "x", &error) != LOBASS_OK)
    {
        print_error("%s\n", error.message);
    }
    assert_non_null(value);
    return value;
}

static void test_parse(void **state)
{
    (void)state;
    json_t *value = parse(" [1, 2.5, \"a\\u0000b\", null] \n");
    assert_int_equal(json_array_size(value), 4);
    assert_int_equal(json_string_length(json_array_get(value, 2)), 3);
    json_decref(value);
    value = parse("\"alone\"");
    assert_true(json_is_string(value));
    json_decref(value);
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct
    {
        const char *text, *expected;
    } cases[] = {
        {"", "x: byte 0: "},
        {"{\"a\": 1", "x: byte 7: expected '}', found end of file"},
        {"{\"a\": 1}\n{", "x: line 2, byte 10: expected end of file, found '{'"},
        {"{\"a\":\n nul}", "x: line 2, byte 10: invalid token near 'nul'"},
        {"[01]", "x: byte 2: "},
        {"[\"\xff\"]", "x: byte 2: unable to decode byte 0xff"},
        {"[\"\xc0\xaf\"]", "unable to decode byte 0xc0"},
        {"[\"\\ud800\"]", "invalid Unicode"},
        {"[NaN]", "invalid token"},
        {"[1e999]", "real number overflow"},
        {"[\"a\nb\"]", "unexpected newline near"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    {
        json_t *value = NULL;
        lobass_error error = {0};
        assert_int_equal(lb_json_parse(&value, cases[i].text, strlen(cases[i].text), "x", &error),
                         LOBASS_BAD_FORMAT);
        assert_null(value);
        if (strstr(error.message, cases[i].expected) == NULL)
        {
            fail_msg("%s: found \"%s\", expected \"%s\"", cases[i].text, error.message,
                     cases[i].expected);
        }
    }
    json_t *value = NULL;
    assert_int_equal(lb_json_parse(&value, NULL, 0, "x", NULL), LOBASS_BAD_FORMAT);
}

static void test_large_integers(void **state)
{
    (void)state;
    json_t *value =
        parse("{\"big\": 1000000000000000019884624838656, \"n\": [7, {\"m\": -3, \"r\": 0.5}]}");
    assert_true(json_real_value(json_object_get(value, "big")) == 1e30);
    const json_t *array = json_object_get(value, "n");
    assert_int_equal(json_integer_value(json_array_get(array, 0)), 7);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(array, 1), "m")), -3);
    assert_true(json_is_real(json_object_get(json_array_get(array, 1), "r")));
    json_decref(value);
    value = parse("[9223372036854775807]");
    assert_true(json_integer_value(json_array_get(value, 0)) == INT64_MAX);
    json_decref(value);
}

static void test_load(void **state)
{
    (void)state;
    lobass_error error = {0};
    json_t *value = NULL;
    const char *path = scratch_path("config.json");
    assert_int_equal(lb_json_load(&value, path, &error), LOBASS_NOT_FOUND);
    assert_non_null(strstr(error.message, "config.json: cannot open"));
    assert_int_equal(lb_file_write(path, "\xef\xbb\xbf{\"a\": 1}", 11, true, NULL), LOBASS_OK);
    assert_int_equal(lb_json_load(&value, path, &error), LOBASS_OK);
    json_decref(value);
    assert_int_equal(lb_file_write(path, "{\n\"a\"", 5, true, NULL), LOBASS_OK);
    assert_int_equal(lb_json_load(&value, path, &error), LOBASS_BAD_FORMAT);
    assert_non_null(strstr(error.message, "config.json: line 2, byte 5: "));
}

static void test_fields(void **state)
{
    (void)state;
    json_t *object = parse("{\"i\": 12, \"r\": 0.25, \"b\": true, \"t\": \"text\", \"n\": null}");
    int64_t integer = 0;
    double real = 0.0;
    bool boolean = false;
    const char *text = NULL;
    assert_int_equal(lb_json_integer(object, "x", "i", 1, 12, false, &integer, NULL), LOBASS_OK);
    assert_int_equal(integer, 12);
    assert_int_equal(lb_json_real(object, "x", "i", false, &real, NULL), LOBASS_OK);
    assert_true(real == 12.0);
    assert_int_equal(lb_json_real(object, "x", "r", false, &real, NULL), LOBASS_OK);
    assert_true(real == 0.25);
    assert_int_equal(lb_json_boolean(object, "x", "b", false, &boolean, NULL), LOBASS_OK);
    assert_true(boolean);
    assert_int_equal(lb_json_text(object, "x", "t", false, &text, NULL), LOBASS_OK);
    assert_string_equal(text, "text");
    /* Missing or null leaves the default. */
    assert_int_equal(lb_json_integer(object, "x", "n", 1, 5, true, &integer, NULL), LOBASS_OK);
    assert_int_equal(lb_json_integer(object, "x", "none", 1, 5, true, &integer, NULL), LOBASS_OK);
    assert_int_equal(lb_json_real(object, "x", "none", true, &real, NULL), LOBASS_OK);
    assert_int_equal(lb_json_boolean(object, "x", "n", true, &boolean, NULL), LOBASS_OK);
    assert_int_equal(lb_json_text(object, "x", "n", true, &text, NULL), LOBASS_OK);
    assert_int_equal(integer, 12);
    assert_true(real == 0.25 && boolean);
    assert_string_equal(text, "text");
    json_decref(object);
}

static void test_ill_typed_fields(void **state)
{
    (void)state;
    json_t *object = parse(
        "{\"i\": 65, \"r\": 1.5, \"t\": \"x\", \"n\": null, \"o\": {}, \"long\": "
        "\"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
        "\u00e9"
        "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"
        "\u00e9\u00e9\"}");
    lobass_error error = {0};
    int64_t integer = 5;
    double real = 0.0;
    bool boolean = false;
    const char *text = NULL;
    assert_int_equal(lb_json_integer(object, "c.json", "t", 1, 64, true, &integer, &error),
                     LOBASS_BAD_FORMAT);
    assert_string_equal(error.message,
                        "c.json: field \"t\": expected an integer from 1 to 64, found \"x\"");
    assert_int_equal(lb_json_integer(object, "c", "i", 1, 64, true, &integer, &error),
                     LOBASS_BAD_FORMAT);
    assert_non_null(strstr(error.message, "found 65"));
    assert_int_equal(lb_json_integer(object, "c", "i", 66, 99, true, &integer, &error),
                     LOBASS_BAD_FORMAT);
    assert_int_equal(lb_json_integer(object, "c", "r", 1, 64, true, &integer, &error),
                     LOBASS_BAD_FORMAT);
    assert_non_null(strstr(error.message, "found 1.5"));
    assert_int_equal(integer, 5);
    assert_int_equal(lb_json_integer(object, "c", "n", 1, 64, false, &integer, &error),
                     LOBASS_BAD_FORMAT);
    assert_non_null(strstr(error.message, "found null"));
    assert_int_equal(lb_json_real(object, "c", "none", false, &real, &error), LOBASS_BAD_FORMAT);
    assert_string_equal(error.message, "c: field \"none\": expected a number, found nothing");
    assert_int_equal(lb_json_real(object, "c", "o", true, &real, &error), LOBASS_BAD_FORMAT);
    assert_non_null(strstr(error.message, "found an object"));
    assert_int_equal(lb_json_boolean(object, "c", "i", true, &boolean, &error), LOBASS_BAD_FORMAT);
    assert_non_null(strstr(error.message, "expected true or false, found 65"));
    assert_int_equal(lb_json_text(object, "c", "i", true, &text, &error), LOBASS_BAD_FORMAT);
    assert_non_null(strstr(error.message, "expected a string, found 65"));
    /* A long value is cut between two characters: a quote and 29 of two bytes. */
    assert_int_equal(lb_json_real(object, "c", "long", true, &real, &error), LOBASS_BAD_FORMAT);
    assert_string_equal(error.message + strlen(error.message) - 5, "\u00e9...");
    assert_int_equal(lb_json_text(json_object_get(object, "i"), "c", "k", true, &text, &error),
                     LOBASS_BAD_FORMAT);
    assert_string_equal(error.message, "c: expected an object, found a number");
    assert_string_equal(lb_json_kind(NULL), "nothing");
    json_decref(object);
}

static void assert_text(const char *text, size_t size, const char *expected)
{
    lb_buffer buffer = {0};
    assert_int_equal(lb_json_append_text(&buffer, text, size, NULL), LOBASS_OK);
    assert_string_equal(buffer.data, expected);
    lb_buffer_free(&buffer);
}

static void test_write_text(void **state)
{
    (void)state;
    assert_text("", 0, "\"\"");
    assert_text("a\"b\\\n\t\r\b\f\x01\x00z\x7f", 13,
                "\"a\\\"b\\\\\\n\\t\\r\\b\\f\\u0001\\u0000z\x7f\"");
    assert_text("\u00e9\u20ac\U0001F600", 9, "\"\u00e9\u20ac\U0001F600\"");
    /* Not UTF-8: a stray byte, a long form, a surrogate, beyond the last character, cut off. */
    assert_text("a\xff"
                "b",
                3, "\"a\\\\xffb\"");
    assert_text("\xc0\xaf", 2, "\"\\\\xc0\\\\xaf\"");
    assert_text("\xed\xa0\x80", 3, "\"\\\\xed\\\\xa0\\\\x80\"");
    assert_text("\xf4\x90\x80\x80", 4, "\"\\\\xf4\\\\x90\\\\x80\\\\x80\"");
    assert_text("\xe2\x82", 2, "\"\\\\xe2\\\\x82\"");
}

static void assert_real(double value, const char *expected)
{
    lb_buffer buffer = {0};
    assert_int_equal(lb_json_append_real(&buffer, value, NULL), LOBASS_OK);
    assert_string_equal(buffer.data, expected);
    lb_buffer_free(&buffer);
}

static void check_reals(void)
{
    assert_real(0.1, "0.1");
    assert_real(-0.0, "-0.0");
    assert_real(5.0, "5.0");
    assert_real(1e30, "1e+30");
    assert_real(1.0 / 3.0, "0.3333333333333333");
    assert_real(0.1 + 0.2, "0.30000000000000004");
    assert_real(-2.5e-10, "-2.5e-10");
    assert_real(5e-324, "4.94065645841247e-324");
    assert_real(123456789012345680.0, "1.2345678901234568e+17");
}

static void test_write_reals(void **state)
{
    (void)state;
    check_reals();
    lb_buffer buffer = {0};
    lobass_error error = {0};
    assert_int_equal(lb_json_append_real(&buffer, NAN, &error), LOBASS_NUMERIC);
    assert_int_equal(lb_json_append_real(&buffer, -INFINITY, &error), LOBASS_NUMERIC);
    lb_random random;
    lb_random_init(&random, 5);
    for (int i = 0; i < 20000; i++)
    {
        const uint64_t bits = lb_random_next(&random);
        double value = 0.0;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
        {
            continue;
        }
        lb_buffer_clear(&buffer);
        assert_int_equal(lb_json_append_real(&buffer, value, NULL), LOBASS_OK);
        json_t *again = parse(buffer.data);
        assert_true(json_is_real(again) && json_real_value(again) == value);
        json_decref(again);
    }
    lb_buffer_free(&buffer);
}

static void test_reals_in_a_comma_locale(void **state)
{
    (void)state;
    comma_locale_choose();
    check_reals();
    json_t *value = parse("[0.5]");
    assert_true(json_real_value(json_array_get(value, 0)) == 0.5);
    json_decref(value);
    comma_locale_leave();
}

/* A document on one line; and indented, as a terminal may show it. */
static void test_documents(void **state)
{
    /* NOLINTBEGIN(misc-misleading-bidirectional): what turns the writing round is the test */
    static const char *const expected[] = {
        "{\"a\": [1, -2, true, \"1\"], \"b\": {}, \"c\": [], \"d\": 0.1, \"e\": 10.0, \"f\": "
        "[{\"g\": "
        "\"\x7F\xE2\x80\xAE\xF3\xA0\x80\x81\\u001b\\n\"}]}",
        "{\n  \"a\": [\n    1,\n    -2,\n    true,\n    \"1\"\n  ],\n  \"b\": {},\n  \"c\": [],\n  "
        "\"d\": 0.1,\n  \"e\": 10.0,\n  \"f\": [\n    {\n      \"g\": "
        "\"\\u007f\\u202e\\udb40\\udc01\\u001b\\n\"\n    }\n  ]\n}",
    };
    /* NOLINTEND(misc-misleading-bidirectional) */
    (void)state;
    for (int i = 0; i < 2; i++)
    {
        lb_buffer buffer = {0};
        lb_json_writer writer = lb_json_writer_begin(&buffer, i == 1, NULL);
        writer.is_shown = i == 1;
        lb_json_open(&writer, NULL, '{');
        lb_json_open(&writer, "a", '[');
        lb_json_put_count(&writer, NULL, 1);
        lb_json_put_integer(&writer, NULL, -2);
        lb_json_put_boolean(&writer, NULL, true);
        lb_json_put_seed(&writer, NULL, 1);
        lb_json_close(&writer);
        lb_json_open(&writer, "b", '{');
        lb_json_close(&writer);
        lb_json_open(&writer, "c", '[');
        lb_json_close(&writer);
        lb_json_put_float(&writer, "d", 0.1F);
        lb_json_put_real(&writer, "e", 10);
        lb_json_put_real(&writer, "absent", NAN);
        lb_json_put_text(&writer, "absent", NULL);
        lb_json_open(&writer, "f", '[');
        lb_json_open(&writer, NULL, '{');
        lb_json_put_text(&writer, "g", "\x7F\xE2\x80\xAE\xF3\xA0\x80\x81\x1B\n");
        lb_json_close(&writer);
        lb_json_close(&writer);
        lb_json_close(&writer);
        assert_int_equal(writer.status, LOBASS_OK);
        assert_string_equal(buffer.data, expected[i]);
        lb_buffer_free(&buffer);
    }
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),          cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_large_integers), cmocka_unit_test(test_load),
        cmocka_unit_test(test_fields),         cmocka_unit_test(test_ill_typed_fields),
        cmocka_unit_test(test_write_text),     cmocka_unit_test(test_write_reals),
        cmocka_unit_test(test_documents),      may_skip(test_reals_in_a_comma_locale),
    };
    return RUN_TESTS(tests, arguments, scratch_setup, scratch_teardown);
}

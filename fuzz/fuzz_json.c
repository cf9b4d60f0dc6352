/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes JSON documents: whatever is parsed must be described by a field's message without harm,
 * and every string and real that it holds must read back as itself after being written. What the
 * reader of records takes must be what jansson says.
 */
#include "fuzz.h"

#include "unit/format/value_compare.h"

static void check_text(const json_t *value)
{
    lb_buffer text = {0};
    lobass_error error = {0};
    json_t *again = NULL;
    if (lb_json_append_text(&text, json_string_value(value), json_string_length(value), &error) !=
            LOBASS_OK ||
        lb_json_parse(&again, text.data, text.size, "again", &error) != LOBASS_OK ||
        !json_equal(value, again))
    {
        abort();
    }
    json_decref(again);
    lb_buffer_free(&text);
}

static void check_real(const json_t *value)
{
    lb_buffer text = {0};
    const double real = json_real_value(value);
    if (lb_json_append_real(&text, real, NULL) != LOBASS_OK || strtod(text.data, NULL) != real ||
        strpbrk(text.data, ".e") == NULL)
    {
        abort();
    }
    lb_buffer_free(&text);
}

static void check_fields(const json_t *object, const char *key)
{
    lobass_error error = {0};
    int64_t integer = 1;
    double real = 0.0;
    bool boolean = false;
    const char *text = NULL;
    if (lb_json_integer(object, "input", key, 1, 64, true, &integer, &error) == LOBASS_OK &&
        (integer < 1 || integer > 64))
    {
        abort();
    }
    (void)lb_json_real(object, "input", key, true, &real, &error);
    (void)lb_json_boolean(object, "input", key, true, &boolean, &error);
    (void)lb_json_text(object, "input", key, false, &text, &error);
}

static void check(json_t *value)
{
    const char *key = NULL;
    json_t *element = NULL;
    size_t index = 0;
    if (json_is_string(value))
    {
        check_text(value);
    }
    else if (json_is_real(value))
    {
        check_real(value);
    }
    json_object_foreach(value, key, element)
    {
        check_fields(value, key);
        check(element);
    }
    json_array_foreach(value, index, element)
    {
        check(element);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    json_t *value = NULL;
    lobass_error error = {0};
    const lobass_status status = lb_json_parse(&value, (const char *)data, size, "input", &error);
    if ((status == LOBASS_OK) != (value != NULL) ||
        (status != LOBASS_OK && strncmp(error.message, "input: ", 7) != 0))
    {
        abort();
    }
    fuzz_n_accepted += status == LOBASS_OK;
    check(value);
    json_decref(value);
    bool is_read = false;
    if (!is_read_alike((const char *)data, size, &is_read) || (is_read && status != LOBASS_OK))
    {
        abort();
    }

    lb_buffer text = {0};
    if (lb_json_append_text(&text, (const char *)data, size, &error) != LOBASS_OK ||
        lb_json_parse(&value, text.data, text.size, "text", &error) != LOBASS_OK)
    {
        abort();
    }
    json_decref(value);
    lb_buffer_free(&text);
    return 0;
}

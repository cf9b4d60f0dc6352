/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns JSON documents: parsing through jansson (strict, UTF-8 checked) with a message that says
 * where, and reading typed fields of objects with the same kind of message. Integers beyond 64 bits
 * occur in real files ("model_max_length": 10^30); such a document is read with all integers as
 * reals, and those that are exact are made integers again. Writing JSON is json_write.c.
 */
#include "format/json_private.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((size_t)1 << 30)
#define FOUND_SIZE 80
#define EXPECTED_SIZE 96
/* The largest range in which every integer is a double. */
#define EXACT_REAL 9007199254740992.0

/* TEXT of one line has bytes alone: it may be a line of a larger file. What jansson words as "X
 * expected near Y" is said as everywhere else: "expected X, found Y". */
static lobass_status fail_parse(lobass_error *error, const char *where, const json_error_t *found,
                                const char *text, size_t size_bytes)
{
    static const char wording[] = " expected near ";
    const bool has_lines = memchr(text, '\n', size_bytes) != NULL;
    const char *near = strstr(found->text, wording);
    char line[32];
    char what[sizeof found->text + sizeof "expected , found "];
    line[0] = '\0';
    if (has_lines)
    {
        (void)snprintf(line, sizeof line, "line %d, ", found->line);
    }
    (void)snprintf(what, sizeof what, near != NULL ? "expected %.*s, found %s" : "%.*s%s",
                   near != NULL ? (int)(near - found->text) : (int)sizeof found->text, found->text,
                   near != NULL ? near + sizeof wording - 1 : "");
    return lb_fail(error, LOBASS_BAD_FORMAT, "%s: %sbyte %d: %s", where, line, found->position,
                   what);
}

static json_t *integer_again(const json_t *real)
{
    const double number = json_real_value(real);
    if (fabs(number) > EXACT_REAL || number != trunc(number))
    {
        return NULL;
    }
    return json_integer((json_int_t)number);
}

/* Makes exact reals under VALUE integers; one that cannot be replaced stays a real. */
static void restore_integers(json_t *value)
{
    const char *key = NULL;
    void *next = NULL;
    json_t *element = NULL;
    size_t index = 0;
    json_object_foreach_safe(value, next, key, element)
    {
        json_t *integer = json_is_real(element) ? integer_again(element) : NULL;
        if (integer != NULL)
        {
            (void)json_object_set_new(value, key, integer);
        }
        else
        {
            restore_integers(element);
        }
    }
    json_array_foreach(value, index, element)
    {
        json_t *integer = json_is_real(element) ? integer_again(element) : NULL;
        if (integer != NULL)
        {
            (void)json_array_set_new(value, index, integer);
        }
        else
        {
            restore_integers(element);
        }
    }
}

/* Where an allocation fails, jansson says so of some only: of others it blames the text, or goes on
 * without the byte that it had no room for, and a key is another key. errno tells, until a number
 * is converted: so the text is given in pieces that end before and behind each digit, and errno is
 * looked at before each. */
typedef struct source
{
    const char *text;
    size_t size, at; /* bytes */
    bool is_out;     /* of memory */
} source;

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static size_t give_piece(void *piece, size_t most, void *context)
{
    source *s = context;
    size_t size = 0;
    s->is_out = s->is_out || errno == ENOMEM;
    if (s->is_out)
    {
        return SIZE_MAX; /* a failure */
    }
    most = s->size - s->at < most ? s->size - s->at : most;
    while (size < most && (size == 0 || !is_digit(s->text[s->at + size - 1])) &&
           (size == 0 || !is_digit(s->text[s->at + size])))
    {
        size++;
    }
    memcpy(piece, s->text + s->at, size);
    s->at += size;
    return size;
}

static bool load(json_t **value, const char *text, size_t size_bytes, size_t flags,
                 json_error_t *found)
{
    source s = {.text = text, .size = size_bytes};
    errno = 0;
    *value = json_load_callback(give_piece, &s, flags | JSON_DECODE_ANY | JSON_ALLOW_NUL, found);
    if (!s.is_out && errno != ENOMEM)
    {
        return true;
    }
    json_decref(*value);
    *value = NULL;
    return false;
}

static lobass_status fail_memory(lobass_error *error, const char *where)
{
    return lb_fail(error, LOBASS_OUT_OF_MEMORY, "%s: out of memory", where);
}

lobass_status lb_json_parse_flags(json_t **value, const char *data, size_t size_bytes, size_t flags,
                                  const char *where, lobass_error *error)
{
    json_error_t found;
    const char *text = data == NULL ? "" : data;
    if (!load(value, text, size_bytes, flags, &found))
    {
        return fail_memory(error, where);
    }
    return *value == NULL ? fail_parse(error, where, &found, text, size_bytes) : LOBASS_OK;
}

lobass_status lb_json_parse(json_t **value, const char *data, size_t size_bytes, const char *where,
                            lobass_error *error)
{
    json_error_t found;
    const char *text = data == NULL ? "" : data;
    if (!load(value, text, size_bytes, 0, &found))
    {
        return fail_memory(error, where);
    }
    if (*value == NULL && json_error_code(&found) == json_error_numeric_overflow)
    {
        if (!load(value, text, size_bytes, JSON_DECODE_INT_AS_REAL, &found))
        {
            return fail_memory(error, where);
        }
        errno = 0;
        restore_integers(*value);
        if (errno == ENOMEM)
        {
            json_decref(*value);
            *value = NULL;
            return fail_memory(error, where);
        }
    }
    return *value == NULL ? fail_parse(error, where, &found, text, size_bytes) : LOBASS_OK;
}

lobass_status lb_json_load(json_t **value, const char *path, lobass_error *error)
{
    static const char mark[] = {'\xEF', '\xBB', '\xBF'};
    *value = NULL;
    lb_buffer text = {0};
    lobass_status status = lb_file_read(&text, path, FILE_LIMIT, error);
    if (status == LOBASS_OK)
    {
        const size_t skipped =
            text.size >= sizeof mark && memcmp(text.data, mark, sizeof mark) == 0 ? sizeof mark : 0;
        status = lb_json_parse(value, text.data + skipped, text.size - skipped, path, error);
    }
    lb_buffer_free(&text);
    return status;
}

const char *lb_json_kind(const json_t *value)
{
    static const char *const kinds[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number",  [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    return value == NULL ? "nothing" : kinds[json_typeof(value)];
}

/* Scalars as they are written, at most about 60 bytes and no piece of a character; else the kind.
 */
static void describe(const json_t *value, char found[FOUND_SIZE])
{
    char *text =
        json_is_string(value) || json_is_number(value) ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    if (text == NULL)
    {
        (void)snprintf(found, FOUND_SIZE, "%s", lb_json_kind(value));
        return;
    }
    const size_t most = 60;
    size_t size = strlen(text);
    const bool is_cut = size > most;
    size = is_cut ? most : size;
    while (is_cut && size > 0 && ((unsigned char)text[size] & 0xC0U) == 0x80U)
    {
        size--;
    }
    (void)snprintf(found, FOUND_SIZE, "%.*s%s", (int)size, text, is_cut ? "..." : "");
    free(text);
}

static lobass_status fail_field(lobass_error *error, const char *where, const char *key,
                                const char *expected, const json_t *value)
{
    char found[FOUND_SIZE];
    describe(value, found);
    return lb_fail(error, LOBASS_BAD_FORMAT, "%s: field \"%s\": expected %s, found %s", where, key,
                   expected, found);
}

/* *VALUE NULL: the default stands. */
static lobass_status find_field(const json_t *object, const char *where, const char *key,
                                bool has_default, const char *expected, const json_t **value,
                                lobass_error *error)
{
    if (!json_is_object(object))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: expected an object, found %s", where,
                       lb_json_kind(object));
    }
    *value = json_object_get(object, key);
    if (has_default && json_is_null(*value))
    {
        *value = NULL;
    }
    if (*value == NULL && !has_default)
    {
        return fail_field(error, where, key, expected, NULL);
    }
    return LOBASS_OK;
}

lobass_status lb_json_integer(const json_t *object, const char *where, const char *key,
                              int64_t least, int64_t most, bool has_default, int64_t *value,
                              lobass_error *error)
{
    char expected[EXPECTED_SIZE];
    (void)snprintf(expected, sizeof expected, "an integer from %" PRId64 " to %" PRId64, least,
                   most);
    const json_t *field = NULL;
    LB_TRY(find_field(object, where, key, has_default, expected, &field, error));
    if (field == NULL)
    {
        return LOBASS_OK;
    }
    if (!json_is_integer(field) || json_integer_value(field) < least ||
        json_integer_value(field) > most)
    {
        return fail_field(error, where, key, expected, field);
    }
    *value = json_integer_value(field);
    return LOBASS_OK;
}

lobass_status lb_json_real(const json_t *object, const char *where, const char *key,
                           bool has_default, double *value, lobass_error *error)
{
    const json_t *field = NULL;
    LB_TRY(find_field(object, where, key, has_default, "a number", &field, error));
    if (field == NULL)
    {
        return LOBASS_OK;
    }
    if (!json_is_number(field))
    {
        return fail_field(error, where, key, "a number", field);
    }
    *value = json_number_value(field);
    return LOBASS_OK;
}

lobass_status lb_json_boolean(const json_t *object, const char *where, const char *key,
                              bool has_default, bool *value, lobass_error *error)
{
    const json_t *field = NULL;
    LB_TRY(find_field(object, where, key, has_default, "true or false", &field, error));
    if (field == NULL)
    {
        return LOBASS_OK;
    }
    if (!json_is_boolean(field))
    {
        return fail_field(error, where, key, "true or false", field);
    }
    *value = json_is_true(field);
    return LOBASS_OK;
}

lobass_status lb_json_text(const json_t *object, const char *where, const char *key,
                           bool has_default, const char **value, lobass_error *error)
{
    const json_t *field = NULL;
    LB_TRY(find_field(object, where, key, has_default, "a string", &field, error));
    if (field == NULL)
    {
        return LOBASS_OK;
    }
    if (!json_is_string(field))
    {
        return fail_field(error, where, key, "a string", field);
    }
    *value = json_string_value(field);
    return LOBASS_OK;
}

lobass_status lb_json_seed(const json_t *object, const char *where, const char *key,
                           uint64_t *value, lobass_error *error)
{
    const char *digits = "";
    LB_TRY(lb_json_text(object, where, key, false, &digits, error));
    errno = 0;
    const uint64_t seed = strtoull(digits, NULL, 10);
    /* A NUL ends the digits before the text. */
    const size_t size = json_string_length(json_object_get(object, key));
    if (size == 0 || strspn(digits, "0123456789") != size || errno != 0)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"%s\": expected digits of an integer below 2^64, found "
                       "\"%.100s\"",
                       where, key, digits);
    }
    *value = seed;
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns writing JSON into a buffer: strings, real numbers, and whole documents key by key. Text that
 * is not UTF-8 cannot stand in JSON; each byte that is not part of a character is spelt out as
 * \xNN, as it is on a terminal, so that two such names stay two. Reals are the shortest of 15, 16
 * and 17 digits that reads back as the same double, always with a fraction or an exponent, and with
 * a point whatever the locale.
 */
#include "format/format.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Sign, 17 digits, a point, an exponent. */
#define REAL_SIZE 32

/* One UTF-16 unit as \uNNNN, or shorter. */
static lobass_status append_unit(lb_buffer *buffer, uint32_t unit, lobass_error *error)
{
    static const char short_forms[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',  ['\f'] = 'f',
        ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\',
    };
    return unit < sizeof short_forms && short_forms[unit] != 0
               ? lb_buffer_print(buffer, error, "\\%c", short_forms[unit])
               : lb_buffer_print(buffer, error, "\\u%04x", (unsigned)unit);
}

static lobass_status append_escape(lb_buffer *buffer, uint32_t code, lobass_error *error)
{
    if (code < 0x10000)
    {
        return append_unit(buffer, code, error);
    }
    LB_TRY(append_unit(buffer, 0xD800 + ((code - 0x10000) >> 10), error));
    return append_unit(buffer, 0xDC00 + ((code - 0x10000) & 0x3FF), error);
}

static lobass_status append_text(lb_buffer *buffer, const char *text, size_t size_bytes,
                                 bool is_shown, lobass_error *error)
{
    size_t plain = 0; /* where the bytes begin that can be copied as they are */
    LB_TRY(lb_buffer_append(buffer, "\"", 1, error));
    for (size_t at = 0, length = 0; at < size_bytes; at += length > 0 ? length : 1)
    {
        uint32_t code = (unsigned char)text[at];
        length = code < 0x80 ? 1 : lb_utf8_take(&code, text + at, size_bytes - at);
        const bool is_escaped =
            code < ' ' || code == '"' || code == '\\' || (is_shown && lb_code_is_unsafe(code));
        if (length > 0 && !is_escaped)
        {
            continue;
        }
        LB_TRY(lb_buffer_append(buffer, text + plain, at - plain, error));
        LB_TRY(length == 0
                   ? lb_buffer_print(buffer, error, "\\\\x%02x", (unsigned)(unsigned char)text[at])
                   : append_escape(buffer, code, error));
        plain = at + (length > 0 ? length : 1);
    }
    LB_TRY(lb_buffer_append(buffer, text + plain, size_bytes - plain, error));
    return lb_buffer_append(buffer, "\"", 1, error);
}

lobass_status lb_json_append_text(lb_buffer *buffer, const char *text, size_t size_bytes,
                                  lobass_error *error)
{
    return append_text(buffer, text, size_bytes, false, error);
}

lobass_status lb_append_visible(lb_buffer *buffer, const char *text, size_t size_bytes,
                                lobass_error *error)
{
    const unsigned char *bytes = (const unsigned char *)text;
    LB_TRY(lb_buffer_append(buffer, "", 0, error)); /* text, even where there is none */
    for (size_t at = 0; at < size_bytes;)
    {
        uint32_t code = 0;
        const size_t length = lb_utf8_take(&code, text + at, size_bytes - at);
        if (length == 0 || code < ' ' || (code >= 0x7F && code < 0xA0))
        {
            LB_TRY(lb_buffer_print(buffer, error, "\\x%02x", (unsigned)bytes[at++]));
            continue;
        }
        LB_TRY(lb_buffer_append(buffer, text + at, length, error));
        at += length;
    }
    return LOBASS_OK;
}

/* The shortest of DIGITS to 17 (a float: 9) that reads back as the same. */
static lobass_status append_real(lb_buffer *buffer, double value, bool is_float,
                                 lobass_error *error)
{
    char text[REAL_SIZE];
    const int most = is_float ? 9 : 17;
    for (int digits = is_float ? 6 : 15; digits <= most; digits++)
    {
        (void)lb_print(text, sizeof text, "%.*g", digits, value);
        const double read = lb_real_parse(text, NULL);
        if (is_float ? (float)read == (float)value : read == value)
        {
            break;
        }
    }
    const bool is_whole = text[strspn(text, "-0123456789")] == '\0';
    return lb_buffer_print(buffer, error, "%s%s", text, is_whole ? ".0" : "");
}

lobass_status lb_json_append_real(lb_buffer *buffer, double value, lobass_error *error)
{
    return isfinite(value) ? append_real(buffer, value, false, error)
                           : lb_fail(error, LOBASS_NUMERIC,
                                     "found %f, expected a finite number for JSON", value);
}

/* ---- a document, key by key -------------------------------------------------------------------
 */

static void put(lb_json_writer *writer, const char *text)
{
    if (writer->status == LOBASS_OK)
    {
        writer->status = lb_buffer_append_text(writer->buffer, text, writer->error);
    }
}

static void put_break(lb_json_writer *writer)
{
    if (!writer->is_indented)
    {
        return;
    }
    put(writer, "\n");
    for (unsigned i = 0; i < writer->depth; i++)
    {
        put(writer, "  ");
    }
}

/* What stands before a value: comma, place and key. */
static void put_key(lb_json_writer *writer, const char *key)
{
    if (writer->has_sibling)
    {
        put(writer, writer->is_indented ? "," : ", ");
    }
    if (writer->depth > 0)
    {
        put_break(writer);
    }
    if (key != NULL)
    {
        put(writer, "\"");
        put(writer, key);
        put(writer, "\": ");
    }
    writer->has_sibling = true;
}

lb_json_writer lb_json_writer_begin(lb_buffer *buffer, bool is_indented, lobass_error *error)
{
    const lb_json_writer writer = {
        .buffer = buffer, .error = error, .status = LOBASS_OK, .is_indented = is_indented};
    return writer;
}

void lb_json_open(lb_json_writer *writer, const char *key, char bracket)
{
    put_key(writer, key);
    const char text[2] = {bracket, '\0'};
    const uint64_t bit = UINT64_C(1) << writer->depth;
    put(writer, text);
    writer->arrays = bracket == '[' ? writer->arrays | bit : writer->arrays & ~bit;
    writer->depth++;
    writer->has_sibling = false;
}

void lb_json_close(lb_json_writer *writer)
{
    writer->depth--;
    if (writer->has_sibling)
    {
        put_break(writer);
    }
    put(writer, (writer->arrays >> writer->depth & 1) != 0 ? "]" : "}");
    writer->has_sibling = true;
}

void lb_json_put_bytes(lb_json_writer *writer, const char *key, const char *text, size_t size_bytes)
{
    put_key(writer, key);
    if (writer->status == LOBASS_OK)
    {
        writer->status =
            append_text(writer->buffer, text, size_bytes, writer->is_shown, writer->error);
    }
}

void lb_json_put_text(lb_json_writer *writer, const char *key, const char *text)
{
    if (text != NULL)
    {
        lb_json_put_bytes(writer, key, text, strlen(text));
    }
}

void lb_json_put_count(lb_json_writer *writer, const char *key, uint64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    lb_json_put_value(writer, key, text);
}

void lb_json_put_integer(lb_json_writer *writer, const char *key, int64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    lb_json_put_value(writer, key, text);
}

void lb_json_put_seed(lb_json_writer *writer, const char *key, uint64_t seed)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRIu64, seed);
    lb_json_put_text(writer, key, text);
}

void lb_json_put_boolean(lb_json_writer *writer, const char *key, bool value)
{
    lb_json_put_value(writer, key, value ? "true" : "false");
}

static void put_real(lb_json_writer *writer, const char *key, double value, bool is_float)
{
    if (!isfinite(value))
    {
        return;
    }
    put_key(writer, key);
    if (writer->status == LOBASS_OK)
    {
        writer->status = append_real(writer->buffer, value, is_float, writer->error);
    }
}

void lb_json_put_real(lb_json_writer *writer, const char *key, double value)
{
    put_real(writer, key, value, false);
}

void lb_json_put_float(lb_json_writer *writer, const char *key, float value)
{
    put_real(writer, key, (double)value, true);
}

void lb_json_put_value(lb_json_writer *writer, const char *key, const char *json)
{
    if (json != NULL)
    {
        put_key(writer, key);
        put(writer, json);
    }
}

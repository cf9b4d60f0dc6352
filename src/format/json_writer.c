/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer of json_writer.h: commas, line breaks and indentation around values that the format
 * layer escapes and prints.
 */
#include "format/format.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

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
    put(writer, text);
    writer->depth++;
    writer->has_sibling = false;
}

void lb_json_close(lb_json_writer *writer, char bracket)
{
    writer->depth--;
    if (writer->has_sibling)
    {
        put_break(writer);
    }
    const char text[2] = {bracket, '\0'};
    put(writer, text);
    writer->has_sibling = true;
}

void lb_json_put_bytes(lb_json_writer *writer, const char *key, const char *text, size_t size_bytes)
{
    put_key(writer, key);
    if (writer->status == LOBASS_OK)
    {
        writer->status = lb_json_append_text(writer->buffer, text, size_bytes, writer->error);
    }
}

void lb_json_put_text(lb_json_writer *writer, const char *key, const char *text)
{
    lb_json_put_bytes(writer, key, text, strlen(text));
}

void lb_json_put_count(lb_json_writer *writer, const char *key, uint64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
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

void lb_json_put_real(lb_json_writer *writer, const char *key, double value)
{
    if (!isfinite(value))
    {
        return;
    }
    put_key(writer, key);
    if (writer->status == LOBASS_OK)
    {
        writer->status = lb_json_append_real(writer->buffer, value, writer->error);
    }
}

void lb_json_put_value(lb_json_writer *writer, const char *key, const char *json)
{
    if (json != NULL)
    {
        put_key(writer, key);
        put(writer, json);
    }
}

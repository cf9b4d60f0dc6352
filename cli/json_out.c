/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON emitter: separators, escapes and numbers. Unsafe code points (controls, bidirectional
 * overrides) are written as \uNNNN, so that JSON on a terminal is harmless too.
 */
#include "json_out.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"

static void print_string(FILE *file, const char *data, size_t size_bytes);

static void begin_member(cli_json *json, const char *key)
{
    if (json->depth > 0)
    {
        if (json->has_members[json->depth - 1])
        {
            fputs(", ", json->file);
        }
        json->has_members[json->depth - 1] = true;
    }
    if (key != NULL)
    {
        print_string(json->file, key, strlen(key));
        fputs(": ", json->file);
    }
}

static void open_scope(cli_json *json, const char *key, char opener, char closer)
{
    begin_member(json, key);
    fputc(opener, json->file);
    json->has_members[json->depth] = false;
    json->closers[json->depth] = closer;
    json->depth++;
}

void cli_json_object(cli_json *json, const char *key)
{
    open_scope(json, key, '{', '}');
}

void cli_json_array(cli_json *json, const char *key)
{
    open_scope(json, key, '[', ']');
}

void cli_json_end(cli_json *json)
{
    json->depth--;
    fputc(json->closers[json->depth], json->file);
    if (json->depth == 0)
    {
        fputc('\n', json->file);
    }
}

static void print_code(FILE *file, uint32_t code)
{
    if (code >= 0x10000)
    {
        uint32_t rest = code - 0x10000;
        fprintf(file, "\\u%04x\\u%04x", (unsigned)(0xD800 + (rest >> 10)),
                (unsigned)(0xDC00 + (rest & 0x3FF)));
        return;
    }
    static const char shorts[][2] = {{'\n', 'n'}, {'\t', 't'}, {'\r', 'r'}};
    for (size_t i = 0; i < sizeof shorts / sizeof shorts[0]; i++)
    {
        if (code == (uint32_t)shorts[i][0])
        {
            fprintf(file, "\\%c", shorts[i][1]);
            return;
        }
    }
    fprintf(file, "\\u%04x", (unsigned)code);
}

static void print_string(FILE *file, const char *data, size_t size_bytes)
{
    fputc('"', file);
    for (size_t i = 0; i < size_bytes;)
    {
        uint32_t code = 0;
        size_t length = cli_utf8_decode(&code, data + i, size_bytes - i);
        if (length == 0)
        {
            fprintf(file, "\\\\x%02x", (unsigned)(unsigned char)data[i]);
            length = 1;
        }
        else if (code == '"' || code == '\\')
        {
            fprintf(file, "\\%c", (char)code);
        }
        else if (cli_code_is_unsafe(code))
        {
            print_code(file, code);
        }
        else
        {
            fwrite(data + i, 1, length, file);
        }
        i += length;
    }
    fputc('"', file);
}

void cli_json_bytes(cli_json *json, const char *key, const char *data, size_t size_bytes)
{
    begin_member(json, key);
    print_string(json->file, data, size_bytes);
}

void cli_json_text(cli_json *json, const char *key, const char *text)
{
    if (text != NULL)
    {
        cli_json_bytes(json, key, text, strlen(text));
    }
}

void cli_json_uint(cli_json *json, const char *key, uint64_t value)
{
    begin_member(json, key);
    fprintf(json->file, "%llu", (unsigned long long)value);
}

void cli_json_int(cli_json *json, const char *key, int64_t value)
{
    begin_member(json, key);
    fprintf(json->file, "%lld", (long long)value);
}

/* A real stays a real for the reader: "2.0", not "2". */
static void print_number(FILE *file, const char *text)
{
    fprintf(file, "%s%s", text, strpbrk(text, ".e") == NULL ? ".0" : "");
}

void cli_json_real(cli_json *json, const char *key, double value)
{
    char text[40];

    if (!isfinite(value))
    {
        return;
    }
    for (int digits = 1; digits <= 17; digits++)
    {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
        {
            break;
        }
    }
    begin_member(json, key);
    print_number(json->file, text);
}

void cli_json_float(cli_json *json, const char *key, float value)
{
    char text[40];

    if (!isfinite(value))
    {
        return;
    }
    for (int digits = 1; digits <= 9; digits++)
    {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
        {
            break;
        }
    }
    begin_member(json, key);
    print_number(json->file, text);
}

void cli_json_bool(cli_json *json, const char *key, bool value)
{
    begin_member(json, key);
    fputs(value ? "true" : "false", json->file);
}

void cli_json_raw(cli_json *json, const char *key, const char *text, size_t size_bytes)
{
    begin_member(json, key);
    fwrite(text, 1, size_bytes, json->file);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns writing JSON into a buffer: strings and real numbers. Text that is not UTF-8 cannot stand in
 * JSON; each byte that is not part of a character is spelt out as \xNN, as it is on a terminal, so
 * that two such names stay two. Reals are the shortest of 15, 16 and 17 digits that reads back as
 * the same double, always with a fraction or an exponent, and with a point whatever the locale.
 */
#include "format/format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sign, 17 digits, a point, an exponent. */
#define REAL_SIZE 32

/* The length of the UTF-8 character at TEXT, of at most SIZE bytes; 0 when there is none. */
static size_t character_size(const unsigned char *text, size_t size)
{
    if (text[0] < 0x80)
    {
        return 1;
    }
    const size_t length = text[0] >= 0xF0 ? 4 : text[0] >= 0xE0 ? 3 : 2;
    if (text[0] < 0xC2 || text[0] > 0xF4 || length > size)
    {
        return 0;
    }
    for (size_t i = 1; i < length; i++)
    {
        if ((text[i] & 0xC0U) != 0x80U)
        {
            return 0;
        }
    }
    const bool is_long_form = (text[0] == 0xE0 && text[1] < 0xA0) || /* fits in fewer bytes */
                              (text[0] == 0xF0 && text[1] < 0x90);
    const bool is_no_character = (text[0] == 0xED && text[1] > 0x9F) || /* a surrogate */
                                 (text[0] == 0xF4 && text[1] > 0x8F);   /* above U+10FFFF */
    return is_long_form || is_no_character ? 0 : length;
}

static lobass_status append_escape(lb_buffer *buffer, unsigned char byte, lobass_error *error)
{
    static const char short_forms[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',  ['\f'] = 'f',
        ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\',
    };
    if (byte < sizeof short_forms && short_forms[byte] != 0)
    {
        return lb_buffer_print(buffer, error, "\\%c", short_forms[byte]);
    }
    return lb_buffer_print(buffer, error, byte < 0x80 ? "\\u%04x" : "\\\\x%02x", (unsigned)byte);
}

lobass_status lb_json_append_text(lb_buffer *buffer, const char *text, size_t size_bytes,
                                  lobass_error *error)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t plain = 0; /* where the bytes begin that can be copied as they are */
    size_t at = 0;
    LB_TRY(lb_buffer_append(buffer, "\"", 1, error));
    while (at < size_bytes)
    {
        const size_t length = character_size(bytes + at, size_bytes - at);
        const bool is_plain =
            length > 0 && bytes[at] >= ' ' && bytes[at] != '"' && bytes[at] != '\\';
        if (!is_plain)
        {
            LB_TRY(lb_buffer_append(buffer, text + plain, at - plain, error));
            LB_TRY(append_escape(buffer, bytes[at], error));
            plain = at + 1;
        }
        at += is_plain ? length : 1;
    }
    LB_TRY(lb_buffer_append(buffer, text + plain, at - plain, error));
    return lb_buffer_append(buffer, "\"", 1, error);
}

lobass_status lb_append_visible(lb_buffer *buffer, const char *text, size_t size_bytes,
                                lobass_error *error)
{
    const unsigned char *bytes = (const unsigned char *)text;
    LB_TRY(lb_buffer_append(buffer, "", 0, error)); /* text, even where there is none */
    for (size_t at = 0; at < size_bytes;)
    {
        const size_t length = character_size(bytes + at, size_bytes - at);
        /* C1 controls are U+0080 to U+009F. */
        const bool is_control = bytes[at] < ' ' || bytes[at] == 0x7F ||
                                (length == 2 && bytes[at] == 0xC2 && bytes[at + 1] < 0xA0);
        if (length == 0 || is_control)
        {
            LB_TRY(lb_buffer_print(buffer, error, "\\x%02x", (unsigned)bytes[at++]));
            continue;
        }
        LB_TRY(lb_buffer_append(buffer, text + at, length, error));
        at += length;
    }
    return LOBASS_OK;
}

lobass_status lb_json_append_real(lb_buffer *buffer, double value, lobass_error *error)
{
    if (!isfinite(value))
    {
        return lb_fail(error, LOBASS_NUMERIC, "found %f, expected a finite number for JSON", value);
    }
    char text[REAL_SIZE];
    for (int digits = 15; digits <= 17; digits++)
    {
        (void)lb_print(text, sizeof text, "%.*g", digits, value);
        if (lb_real_parse(text, NULL) == value)
        {
            break;
        }
    }
    const bool is_whole = text[strspn(text, "-0123456789")] == '\0';
    return lb_buffer_print(buffer, error, "%s%s", text, is_whole ? ".0" : "");
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Escapes in the string literals of a template: Python's, but for those that name a character.
 */
#include <string.h>

#include <utf8proc.h>

#include "jinja/tree.h"

bool lb_jinja_is_digit_of(char c, unsigned base)
{
    const unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                           : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                           : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                  : 99;
    return digit < base;
}

/* The digits of \xNN and its kind. */
static bool hex_read(const char *at, const char *end, size_t n_digits, uint32_t *code_point)
{
    *code_point = 0;
    for (size_t i = 0; i < n_digits; i++)
    {
        if (at + i >= end || !lb_jinja_is_digit_of(at[i], 16))
        {
            return false;
        }
        const char c = at[i];
        *code_point = *code_point * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return *code_point < 0x110000 && (*code_point < 0xD800 || *code_point > 0xDFFF);
}

/* What an escape at AT, behind the backslash, stands for; writes to OUT and returns what is behind
 * it, or NULL. */
const char *lb_jinja_escape_read(const char *at, const char *end, char **out)
{
    static const char names[] = "abfnrtv\\'\"";
    static const char meant[] = "\a\b\f\n\r\t\v\\'\"";
    const char *found = *at != '\0' ? strchr(names, *at) : NULL;
    uint32_t code_point = 0;
    if (found != NULL)
    {
        *(*out)++ = meant[found - names];
        return at + 1;
    }
    if (*at == '\n')
    {
        return at + 1;
    }
    const size_t n_hex = *at == 'x' ? 2 : *at == 'u' ? 4 : *at == 'U' ? 8 : 0;
    size_t n_read = 1 + n_hex;
    if (n_hex > 0)
    {
        if (!hex_read(at + 1, end, n_hex, &code_point))
        {
            return NULL;
        }
    }
    else if (*at >= '0' && *at <= '7')
    {
        for (n_read = 0; n_read < 3 && at + n_read < end && at[n_read] >= '0' && at[n_read] <= '7';
             n_read++)
        {
            code_point = code_point * 8 + (uint32_t)(at[n_read] - '0');
        }
    }
    else
    {
        *(*out)++ = '\\'; /* no escape: it stays, with what is behind it */
        return *at == 'N' ? NULL : at;
    }
    *out += utf8proc_encode_char((utf8proc_int32_t)code_point, (utf8proc_uint8_t *)*out);
    return at + n_read;
}

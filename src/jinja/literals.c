/* SPDX-License-Identifier: Apache-2.0
 *
 * What numbers and strings in a template stand for, as Python reads them; escapes that name a
 * character (\N) are refused.
 */
#include <string.h>

#include <utf8proc.h>

#include "jinja/tree.h"

enum
{
    LONGEST_NUMBER = 400
};

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

/* What an escape at AT, behind the backslash, stands for: written to *OUT, which goes on. What is
 * behind it, or NULL where it names no character. */
static const char *escape_read(const char *at, const char *end, char **out)
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

lobass_status lb_jinja_string_read(const token *string, char *unescaped, size_t *n,
                                   const char **what)
{
    const char *at = string->data;
    const char *const end = string->data + string->size;
    char *out = unescaped;
    while (at < end)
    {
        if (*at != '\\')
        {
            *out++ = *at++;
            continue;
        }
        at = escape_read(at + 1, end, &out);
        if (at == NULL)
        {
            *what = "an escape in a string that names no character (\\x, \\u, \\U, \\N)";
            return LOBASS_BAD_FORMAT;
        }
    }
    *n = (size_t)(out - unescaped);
    return LOBASS_OK;
}

unsigned lb_jinja_base_of(const char *at, bool *has_prefix)
{
    const char kind = (char)(at[0] == '0' ? at[1] | 0x20 : '\0');
    const unsigned base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
    *has_prefix = base != 10;
    return base;
}

lobass_status lb_jinja_number_read(const token *number, value *read, const char **what)
{
    char digits[LONGEST_NUMBER];
    size_t n = 0;
    bool has_prefix = false;
    const unsigned base = lb_jinja_base_of(number->data, &has_prefix);
    for (size_t i = has_prefix ? 2 : 0; i < number->size; i++)
    {
        if (number->data[i] == '_')
        {
            continue;
        }
        if (n + 1 == sizeof digits)
        {
            *what = "number too long";
            return LOBASS_BAD_FORMAT;
        }
        digits[n++] = number->data[i];
    }
    digits[n] = '\0';
    if (number->kind == TOKEN_REAL)
    {
        *read = lb_jinja_real(lb_real_parse(digits, NULL), 0);
        return LOBASS_OK;
    }
    int64_t integer = 0;
    for (size_t i = 0; i < n; i++)
    {
        const int digit = digits[i] <= '9' ? digits[i] - '0' : (digits[i] | 0x20) - 'a' + 10;
        if (__builtin_mul_overflow(integer, (int64_t)base, &integer) ||
            __builtin_add_overflow(integer, (int64_t)digit, &integer))
        {
            *what = "an integer beyond 64 bits is not supported";
            return LOBASS_UNSUPPORTED;
        }
    }
    *read = lb_jinja_integer(integer, 0);
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * See answer.h.
 */
#include "task/answer.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Behind the last "####"; the end of the text where there is none. */
static const char *find_mark(const char *text, size_t size_bytes)
{
    static const char mark[] = {'#', '#', '#', '#'};
    for (size_t i = size_bytes; i >= sizeof mark; i--)
    {
        if (memcmp(text + i - sizeof mark, mark, sizeof mark) == 0)
        {
            return text + i;
        }
    }
    return text + size_bytes;
}

/* AT is behind white space, $ and a sign. DIGITS becomes a 0 and what stands there of digits and
 * points. */
static lobass_status read_digits(lb_buffer *digits, const char *at, const char *end,
                                 lobass_error *error)
{
    LB_TRY(lb_buffer_append_text(digits, "0", error));
    for (; at < end && (is_digit(*at) || *at == ',' || *at == '.'); at++)
    {
        LB_TRY(*at == ',' ? LOBASS_OK : lb_buffer_append(digits, at, 1, error));
    }
    return LOBASS_OK;
}

/* DIGITS [*SIZE] without what changes nothing; begins at *FIRST then. False: they are no number. */
static bool shorten(const char *digits, size_t *first, size_t *size)
{
    while (digits[*size - 1] == '.')
    {
        --*size;
    }
    if (*size == 1)
    {
        return false;
    }
    const char *point = memchr(digits, '.', *size);
    if (point != NULL)
    {
        if (memchr(point + 1, '.', *size - (size_t)(point - digits) - 1) != NULL)
        {
            return false;
        }
        while (digits[*size - 1] == '0')
        {
            --*size;
        }
        *size -= digits[*size - 1] == '.';
    }
    *first = 0;
    while (*first + 1 < *size && digits[*first] == '0' && is_digit(digits[*first + 1]))
    {
        ++*first;
    }
    return true;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (is_space(*at) || *at == '$'))
    {
        at++;
    }
    return at;
}

lobass_status lb_answer_find(lb_buffer *answer, bool *has_answer, const char *text,
                             size_t size_bytes, lobass_error *error)
{
    const char *end = text + size_bytes;
    const char *at = skip_blanks(find_mark(text, size_bytes), end);
    const bool has_sign = at < end && (*at == '-' || *at == '+');
    const bool is_negative = has_sign && *at == '-';
    lb_buffer digits = {0};
    lobass_status status = LOBASS_OK;
    lb_buffer_clear(answer);
    at = skip_blanks(has_sign ? at + 1 : at, end);
    LB_TRY_GOTO(read_digits(&digits, at, end, error));
    size_t first = 0;
    size_t size = digits.size;
    *has_answer = shorten(digits.data, &first, &size);
    if (*has_answer)
    {
        const bool is_zero = size - first == 1 && digits.data[first] == '0';
        LB_TRY_GOTO(lb_buffer_append_text(answer, is_negative && !is_zero ? "-" : "", error));
        LB_TRY_GOTO(lb_buffer_append(answer, digits.data + first, size - first, error));
    }
done:
    lb_buffer_free(&digits);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * See answer.h. A number is read whole or not at all: what stands behind it must not go on with it
 * (12:30, 2^10, 10 - 4), since a part of a number is another number.
 */
#include "task/answer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MOST_EXPONENT 400
#define MOST_DIGITS 9  /* of the parts of a fraction */
#define MOST_PLACES 13 /* 5^13 times nine digits fit in 64 bits */

/* Where the reading is. */
typedef struct reader
{
    const char *at, *end;
} reader;

typedef struct number
{
    lb_buffer digits;
    long n_behind; /* of the digits behind the point; may be negative */
    bool is_negative;
} number;

static bool is_digit(const reader *r, size_t offset)
{
    return (size_t)(r->end - r->at) > offset && r->at[offset] >= '0' && r->at[offset] <= '9';
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Passes over TEXT if it stands here. */
static bool take(reader *r, const char *text)
{
    const size_t size = strlen(text);
    const bool is_here = (size_t)(r->end - r->at) >= size && memcmp(r->at, text, size) == 0;
    r->at += is_here ? size : 0;
    return is_here;
}

static bool take_any(reader *r, const char *const *texts, size_t n_texts)
{
    for (size_t i = 0; i < n_texts; i++)
    {
        if (take(r, texts[i]))
        {
            return true;
        }
    }
    return false;
}

/* No-break, narrow and thin ones too. */
static bool take_blank(reader *r)
{
    static const char *const blanks[] = {" ", "\xC2\xA0", "\xE2\x80\xAF", "\xE2\x80\x89"};
    return take_any(r, blanks, sizeof blanks / sizeof *blanks);
}

/* ---- where the number is ----------------------------------------------------------------------
 */

/* Behind the first "####" that has something behind it; false: there is none. */
static bool find_mark(reader *r)
{
    while (r->at < r->end)
    {
        r->at = memmem(r->at, (size_t)(r->end - r->at), "####", 4);
        if (r->at == NULL)
        {
            return false;
        }
        while (r->at < r->end && (*r->at == '#' || is_space(*r->at)))
        {
            r->at++;
        }
        if (r->at < r->end)
        {
            return true;
        }
    }
    return false;
}

/* Of "10 - 4 = 6" on one line the right side. */
static void pass_equation(reader *r)
{
    const char *end = memchr(r->at, '\n', (size_t)(r->end - r->at));
    const char *mark = memmem(r->at, (size_t)(r->end - r->at), "####", 4);
    end = end == NULL || (mark != NULL && mark < end) ? mark : end;
    end = end == NULL ? r->end : end;
    const char *equals = memrchr(r->at, '=', (size_t)(end - r->at));
    r->at = equals == NULL ? r->at : equals + 1;
}

/* What may stand before a number: white space, currencies, marks of bold type, brackets. */
static void pass_openers(reader *r)
{
    static const char *const openers[] = {
        "$", "\xE2\x82\xAC", "\xC2\xA3", "\xC2\xA5", "**", "*", "_", "`", "(", "[",
        "{", "\\boxed",      "\\(",      "\\["};
    while (r->at < r->end)
    {
        if (is_space(*r->at))
        {
            r->at++;
        }
        else if (!take_blank(r) && !take_any(r, openers, sizeof openers / sizeof *openers))
        {
            return;
        }
    }
}

static bool take_minus(reader *r)
{
    return take(r, "-") || take(r, "\xE2\x88\x92");
}

/* ---- the number -------------------------------------------------------------------------------
 */

/* A blank and three digits behind N_BEFORE digits without a point: 1 000. */
static bool take_group(reader *r, size_t n_before)
{
    reader next = *r;
    if (n_before == 0 || !take_blank(&next) || !is_digit(&next, 0) || !is_digit(&next, 1) ||
        !is_digit(&next, 2) || is_digit(&next, 3))
    {
        return false;
    }
    *r = next;
    return true;
}

/* Digits, commas and points as far as they go. False: they are no number. */
static lobass_status digits_read(number *n, bool *is_number, reader *r, lobass_error *error)
{
    const char *begin = r->at;
    size_t n_points = 0, n_behind = 0, n_first = 0;
    bool is_first = true;
    for (;;)
    {
        if (is_digit(r, 0))
        {
            LB_TRY(lb_buffer_append(&n->digits, r->at++, 1, error));
            n_behind += n_points > 0;
            n_first += is_first;
        }
        else if (take(r, ",") || (n_points == 0 && n_first <= 3 && take_group(r, n->digits.size)))
        {
            is_first = false;
        }
        else if (take(r, "."))
        {
            n_points += is_digit(r, 0);
        }
        else
        {
            break;
        }
    }
    while (r->at > begin && (r->at[-1] == ',' || r->at[-1] == '.'))
    {
        r->at--;
    }
    n->n_behind = (long)n_behind;
    *is_number = n->digits.size > 0 && n_points <= 1;
    return LOBASS_OK;
}

/* 1.5e3. False: there is something like it that is none. */
static bool exponent_read(number *n, reader *r)
{
    reader next = *r;
    if (!take(&next, "e") && !take(&next, "E"))
    {
        return true;
    }
    const bool is_negative = take_minus(&next);
    (void)(is_negative || take(&next, "+"));
    long exponent = 0;
    if (!is_digit(&next, 0))
    {
        return true; /* a word */
    }
    while (is_digit(&next, 0))
    {
        exponent = exponent * 10 + (*next.at++ - '0');
        if (exponent > MOST_EXPONENT)
        {
            return false;
        }
    }
    n->n_behind += is_negative ? exponent : -exponent;
    *r = next;
    return true;
}

/* Whether the number goes on: 12:30, 2^10, 5-7, 10 - 4. */
static bool goes_on(const reader *r)
{
    static const char *const signs[] = {":", "/", "^", "*",        "+",        "-",
                                        ".", ",", "x", "\xC3\x97", "\xC3\xB7", "\xE2\x88\x92"};
    reader next = *r;
    while (take_blank(&next))
    {
    }
    if (!take_any(&next, signs, sizeof signs / sizeof *signs))
    {
        return false;
    }
    while (take_blank(&next))
    {
    }
    return is_digit(&next, 0) && r->at[0] != ',' && r->at[0] != '.';
}

/* ---- one form ---------------------------------------------------------------------------------
 */

static lobass_status put_zeros(lb_buffer *answer, long n, lobass_error *error)
{
    for (long i = 0; i < n; i++)
    {
        LB_TRY(lb_buffer_append(answer, "0", 1, error));
    }
    return LOBASS_OK;
}

static lobass_status decimal_print(lb_buffer *answer, const number *n, lobass_error *error)
{
    const char *digits = n->digits.data;
    long size = (long)n->digits.size;
    long behind = n->n_behind;
    for (; size > 0 && *digits == '0'; digits++)
    {
        size--;
    }
    for (; size > 0 && behind > 0 && digits[size - 1] == '0'; behind--)
    {
        size--;
    }
    if (size == 0)
    {
        return lb_buffer_append_text(answer, "0", error);
    }
    const long before = size - behind > 0 ? size - behind : 0; /* the point */
    const long n_there = before < size ? before : size;
    LB_TRY(lb_buffer_append_text(answer, n->is_negative ? "-" : "", error));
    LB_TRY(lb_buffer_append_text(answer, before == 0 ? "0" : "", error));
    LB_TRY(lb_buffer_append(answer, digits, (size_t)n_there, error));
    LB_TRY(put_zeros(answer, before - n_there, error));
    if (behind <= 0)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_buffer_append_text(answer, ".", error));
    LB_TRY(put_zeros(answer, behind - size, error));
    return lb_buffer_append(answer, digits + n_there, (size_t)(size - n_there), error);
}

/* A whole number in the digits of N; 0: too large, or none. */
static uint64_t whole_read(const number *n)
{
    return n->n_behind == 0 && n->digits.size <= MOST_DIGITS ? strtoull(n->digits.data, NULL, 10)
                                                             : 0;
}

/* Whether a fraction over BOTTOM is a decimal number: nothing but factors 2 and 5. */
static bool is_decimal(uint64_t bottom)
{
    size_t n_places = 0;
    for (; bottom % 2 == 0 || bottom % 5 == 0; n_places++)
    {
        bottom /= bottom % 10 == 0 ? 10 : bottom % 2 == 0 ? 2 : 5;
    }
    return bottom == 1 && n_places <= MOST_PLACES;
}

/* 1/2 in the place of the 1 that was read; what cannot be a decimal number stays a fraction in its
 * lowest terms. *IS_NUMBER false: it goes on in another way. */
static lobass_status fraction_read(lb_buffer *answer, number *n, bool *is_number, reader *r,
                                   lobass_error *error)
{
    uint64_t top = whole_read(n), bottom = 0, a = top;
    size_t n_digits = 0;
    for (r->at++; is_digit(r, 0) && n_digits < MOST_DIGITS; r->at++, n_digits++)
    {
        bottom = bottom * 10 + (uint64_t)(*r->at - '0');
    }
    *is_number = top > 0 && bottom > 0 && !is_digit(r, 0);
    if (!*is_number)
    {
        return LOBASS_OK;
    }
    for (uint64_t b = bottom; b > 0;)
    {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    top /= a;
    bottom /= a;
    lb_buffer_clear(&n->digits);
    if (!is_decimal(bottom))
    {
        return lb_buffer_print(answer, error, bottom == 1 ? "%s%" PRIu64 : "%s%" PRIu64 "/%" PRIu64,
                               n->is_negative ? "-" : "", top, bottom);
    }
    for (; bottom > 1; n->n_behind++)
    {
        const uint64_t factor = bottom % 10 == 0 ? 10 : bottom % 2 == 0 ? 2 : 5;
        top *= 10 / factor;
        bottom /= factor;
    }
    LB_TRY(lb_buffer_print(&n->digits, error, "%" PRIu64, top));
    return decimal_print(answer, n, error);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static lobass_status number_read(lb_buffer *answer, number *n, bool *is_number, reader *r,
                                 bool is_cut, lobass_error *error)
{
    pass_openers(r);
    n->is_negative = take_minus(r);
    (void)(n->is_negative || take(r, "+"));
    pass_openers(r);
    LB_TRY(digits_read(n, is_number, r, error));
    if (!*is_number)
    {
        return LOBASS_OK;
    }
    if (r->end - r->at > 1 && *r->at == '/' && is_digit(r, 1))
    {
        LB_TRY(fraction_read(answer, n, is_number, r, error));
    }
    else
    {
        *is_number = exponent_read(n, r);
        LB_TRY(*is_number ? decimal_print(answer, n, error) : LOBASS_OK);
    }
    *is_number = *is_number && !goes_on(r) && !(is_cut && r->end - r->at <= 1);
    return LOBASS_OK;
}

lobass_status lb_answer_find(lb_buffer *answer, bool *has_answer, const char *text,
                             size_t size_bytes, bool is_cut, lobass_error *error)
{
    reader r = {text, text + size_bytes};
    number n = {0};
    *has_answer = false;
    lb_buffer_clear(answer);
    lobass_status status = lb_buffer_append_text(&n.digits, "", error);
    if (status == LOBASS_OK && find_mark(&r))
    {
        pass_equation(&r);
        status = number_read(answer, &n, has_answer, &r, is_cut, error);
    }
    if (!*has_answer)
    {
        lb_buffer_clear(answer);
    }
    lb_buffer_free(&n.digits);
    return status;
}

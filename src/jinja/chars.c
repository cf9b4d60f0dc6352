/* SPDX-License-Identifier: Apache-2.0
 *
 * Characters as Python's str has them: what is white space, a line's end, a letter, a digit, what
 * repr() prints as it is, and the cases. Categories and single mappings come from utf8proc, the
 * rest from chars_table.h.
 */
#include <utf8proc.h>

#include "jinja/chars_table.h"
#include "jinja/jinja_private.h"

#define CAPITAL_SIGMA 0x3A3U
#define SMALL_SIGMA 0x3C3U
#define FINAL_SIGMA 0x3C2U
#define CAPITAL_I_DOT 0x130U
#define DOT_ABOVE 0x307U

uint32_t lb_jinja_char_at(const char *at, size_t *size)
{
    const unsigned char *bytes = (const unsigned char *)at;
    *size = lb_jinja_char_size(at);
    switch (*size)
    {
    case 1:
        return bytes[0];
    case 2:
        return (bytes[0] & 0x1FU) << 6 | (bytes[1] & 0x3FU);
    case 3:
        return (bytes[0] & 0x0FU) << 12 | (bytes[1] & 0x3FU) << 6 | (bytes[2] & 0x3FU);
    default:
        return (bytes[0] & 0x07U) << 18 | (bytes[1] & 0x3FU) << 12 | (bytes[2] & 0x3FU) << 6 |
               (bytes[3] & 0x3FU);
    }
}

static bool in_ranges(const code_range *ranges, size_t count, uint32_t code_point)
{
    for (size_t i = 0; i < count; i++)
    {
        if (code_point >= ranges[i].first && code_point <= ranges[i].last)
        {
            return true;
        }
    }
    return false;
}

#define IS_IN(ranges, code_point) in_ranges(ranges, sizeof(ranges) / sizeof(ranges)[0], code_point)

bool lb_jinja_char_is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

bool lb_jinja_char_is_line_end(uint32_t c)
{
    return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
}

static utf8proc_category_t category(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c);
}

bool lb_jinja_char_is_printable(uint32_t c)
{
    switch (category(c))
    {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    case UTF8PROC_CATEGORY_ZS:
        return c == ' ';
    default:
        return true;
    }
}

bool lb_jinja_char_is_lower(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_LL || IS_IN(other_lower, c);
}

bool lb_jinja_char_is_title(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_LT;
}

bool lb_jinja_char_is_upper(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_LU || IS_IN(other_upper, c);
}

bool lb_jinja_char_is_cased(uint32_t c)
{
    return lb_jinja_char_is_lower(c) || lb_jinja_char_is_upper(c) || lb_jinja_char_is_title(c);
}

bool lb_jinja_char_is_letter(uint32_t c)
{
    const utf8proc_category_t found = category(c);
    return found >= UTF8PROC_CATEGORY_LU && found <= UTF8PROC_CATEGORY_LO;
}

bool lb_jinja_char_is_decimal(uint32_t c)
{
    return category(c) == UTF8PROC_CATEGORY_ND;
}

bool lb_jinja_char_is_digit(uint32_t c)
{
    return lb_jinja_char_is_decimal(c) || IS_IN(other_digits, c);
}

/* What stands between letters of a word without ending it (Unicode's Case_Ignorable). */
static bool is_case_ignorable(uint32_t c)
{
    static const uint32_t marks[] = {0x27,   0x2E,   0x3A,   0xB7,   0x387,  0x55F,
                                     0x5F4,  0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                     0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
    {
        if (marks[i] == c)
        {
            return true;
        }
    }
    switch (category(c))
    {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        return false;
    }
}

/* Whether the sigma at byte AT of the text ends a word. */
static bool is_final_sigma(const text *of, size_t at)
{
    size_t size = 0;
    bool is_after_letter = false;
    for (size_t before = at; before > 0;)
    {
        do
        {
            before--;
        } while (((unsigned char)of->data[before] & 0xC0U) == 0x80U);
        const uint32_t c = lb_jinja_char_at(of->data + before, &size);
        if (!is_case_ignorable(c))
        {
            is_after_letter = lb_jinja_char_is_cased(c);
            break;
        }
    }
    if (!is_after_letter)
    {
        return false;
    }
    for (size_t after = at + lb_jinja_char_size(of->data + at); after < of->size; after += size)
    {
        const uint32_t c = lb_jinja_char_at(of->data + after, &size);
        if (!is_case_ignorable(c))
        {
            return !lb_jinja_char_is_cased(c);
        }
    }
    return true;
}

lobass_status lb_jinja_builder_char(text_builder *builder, uint32_t code_point, uint32_t origin)
{
    utf8proc_uint8_t bytes[4];
    const utf8proc_ssize_t size = utf8proc_encode_char((utf8proc_int32_t)code_point, bytes);
    return lb_jinja_builder_bytes(builder, (const char *)bytes, (size_t)size, origin);
}

static lobass_status lower_char(text_builder *to, const text *of, size_t at, uint32_t c,
                                uint32_t origin)
{
    if (c == CAPITAL_I_DOT)
    {
        LB_TRY(lb_jinja_builder_char(to, 'i', origin));
        return lb_jinja_builder_char(to, DOT_ABOVE, origin);
    }
    if (c == CAPITAL_SIGMA)
    {
        return lb_jinja_builder_char(to, is_final_sigma(of, at) ? FINAL_SIGMA : SMALL_SIGMA,
                                     origin);
    }
    return lb_jinja_builder_char(to, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c), origin);
}

static const special_case *special_find(uint32_t c)
{
    for (size_t i = 0;
         c >= special_cases[0].from && i < sizeof special_cases / sizeof *special_cases; i++)
    {
        if (special_cases[i].from == c)
        {
            return &special_cases[i];
        }
    }
    return NULL;
}

lobass_status lb_jinja_change_case(text_builder *to, const text *of, size_t from, size_t size,
                                   letter_case wanted)
{
    size_t n_bytes = 0;
    for (size_t at = from; at < from + size; at += n_bytes)
    {
        const uint32_t c = lb_jinja_char_at(of->data + at, &n_bytes);
        const uint32_t origin = lb_jinja_text_origin(of, at);
        if (wanted == CASE_LOWER)
        {
            LB_TRY(lower_char(to, of, at, c, origin));
            continue;
        }
        const special_case *special = special_find(c);
        if (special == NULL)
        {
            const utf8proc_int32_t mapped = wanted == CASE_UPPER
                                                ? utf8proc_toupper((utf8proc_int32_t)c)
                                                : utf8proc_totitle((utf8proc_int32_t)c);
            LB_TRY(lb_jinja_builder_char(to, (uint32_t)mapped, origin));
            continue;
        }
        const uint32_t *mapped = wanted == CASE_UPPER ? special->upper : special->title;
        for (size_t i = 0; i < MOST_MAPPED && mapped[i] != 0; i++)
        {
            LB_TRY(lb_jinja_builder_char(to, mapped[i], origin));
        }
    }
    return LOBASS_OK;
}

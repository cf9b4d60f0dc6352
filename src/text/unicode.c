/* SPDX-License-Identifier: Apache-2.0
 *
 * Code points: UTF-8 in and out, the character classes that the Hugging Face library takes from
 * Rust, and GPT-2's alphabet, which gives each byte a printable code point: bytes 0x21-0x7E,
 * 0xA1-0xAC and 0xAE-0xFF stand for themselves, the others follow from U+0100 on in their order.
 * Categories come from utf8proc.
 */
#include <string.h>

#include <utf8proc.h>

#include "text/tokenizer_private.h"

#define ASCII_LANES UINT64_C(0x8080808080808080)
#define REPLACEMENT_CHARACTER "\xEF\xBF\xBD"
#define N_SPECIAL_BYTES 68 /* without a printable Latin-1 character of their own */
#define FIRST_SPECIAL_CHAR 0x100U
#define LAST_SPECIAL_CHAR (FIRST_SPECIAL_CHAR + N_SPECIAL_BYTES - 1)

/* The length of the well-formed sequence at TEXT, or 0; *N_BAD then receives how many bytes form
 * the maximal ill-formed part (Unicode 3.9, table 3-7). */
static size_t sequence_length(const unsigned char *text, size_t size, size_t *n_bad)
{
    const unsigned char lead = text[0];
    unsigned char least = 0x80;
    unsigned char most = 0xBF;
    size_t length;

    *n_bad = 1;
    if (lead < 0x80)
    {
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF)
    {
        length = 2;
    }
    else if (lead >= 0xE0 && lead <= 0xEF)
    {
        length = 3;
        least = lead == 0xE0 ? 0xA0 : 0x80;
        most = lead == 0xED ? 0x9F : 0xBF;
    }
    else if (lead >= 0xF0 && lead <= 0xF4)
    {
        length = 4;
        least = lead == 0xF0 ? 0x90 : 0x80;
        most = lead == 0xF4 ? 0x8F : 0xBF;
    }
    else
    {
        return 0;
    }
    for (size_t i = 1; i < length; i++)
    {
        if (i >= size || text[i] < least || text[i] > most)
        {
            *n_bad = i;
            return 0;
        }
        least = 0x80;
        most = 0xBF;
    }
    return length;
}

size_t lb_utf8_valid_size(const char *text, size_t size_bytes)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t at = 0;
    size_t n_bad;

    while (at < size_bytes)
    {
        uint64_t lanes;
        while (size_bytes - at >= sizeof lanes)
        {
            memcpy(&lanes, bytes + at, sizeof lanes);
            if ((lanes & ASCII_LANES) != 0)
            {
                break;
            }
            at += sizeof lanes;
        }
        if (at == size_bytes)
        {
            break;
        }
        const size_t length = sequence_length(bytes + at, size_bytes - at, &n_bad);
        if (length == 0)
        {
            return at;
        }
        at += length;
    }
    return size_bytes;
}

size_t lb_utf8_length(const char *text)
{
    const unsigned char lead = (unsigned char)text[0];

    if (lead < 0x80)
    {
        return 1;
    }
    if (lead < 0xE0)
    {
        return 2;
    }
    return lead < 0xF0 ? 3 : 4;
}

size_t lb_utf8_decode(const char *text, uint32_t *code_point)
{
    static const unsigned char lead_mask[LB_UTF8_MAX + 1] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    const size_t length = lb_utf8_length(text);
    uint32_t value = (unsigned char)text[0] & lead_mask[length];

    for (size_t i = 1; i < length; i++)
    {
        value = value << 6 | ((unsigned char)text[i] & 0x3FU);
    }
    *code_point = value;
    return length;
}

size_t lb_utf8_previous(const char *text, size_t offset)
{
    do
    {
        offset--;
    } while (offset > 0 && ((unsigned char)text[offset] & 0xC0U) == 0x80U);
    return offset;
}

size_t lb_utf8_encode(char text[LB_UTF8_MAX], uint32_t code_point)
{
    if (code_point < 0x80)
    {
        text[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800)
    {
        text[0] = (char)(0xC0U | code_point >> 6);
        text[1] = (char)(0x80U | (code_point & 0x3FU));
        return 2;
    }
    if (code_point < 0x10000)
    {
        text[0] = (char)(0xE0U | code_point >> 12);
        text[1] = (char)(0x80U | (code_point >> 6 & 0x3FU));
        text[2] = (char)(0x80U | (code_point & 0x3FU));
        return 3;
    }
    text[0] = (char)(0xF0U | code_point >> 18);
    text[1] = (char)(0x80U | (code_point >> 12 & 0x3FU));
    text[2] = (char)(0x80U | (code_point >> 6 & 0x3FU));
    text[3] = (char)(0x80U | (code_point & 0x3FU));
    return 4;
}

lobass_status lb_utf8_append_lossy(lb_buffer *buffer, const char *bytes, size_t size_bytes,
                                   lobass_error *error)
{
    size_t at = 0;

    while (at < size_bytes)
    {
        const size_t valid = lb_utf8_valid_size(bytes + at, size_bytes - at);
        size_t n_bad = 0;

        LB_TRY(lb_buffer_append(buffer, bytes + at, valid, error));
        at += valid;
        if (at < size_bytes)
        {
            (void)sequence_length((const unsigned char *)bytes + at, size_bytes - at, &n_bad);
            LB_TRY(lb_buffer_append_text(buffer, REPLACEMENT_CHARACTER, error));
            at += n_bad;
        }
    }
    return LOBASS_OK;
}

bool lb_char_is_space(uint32_t code_point)
{
    return (code_point >= 0x09 && code_point <= 0x0D) || code_point == 0x20 || code_point == 0x85 ||
           code_point == 0xA0 || code_point == 0x1680 ||
           (code_point >= 0x2000 && code_point <= 0x200A) || code_point == 0x2028 ||
           code_point == 0x2029 || code_point == 0x202F || code_point == 0x205F ||
           code_point == 0x3000;
}

/* The symbols (So) that are Alphabetic: circled, squared and negative Latin letters. */
static bool is_enclosed_letter(uint32_t code_point)
{
    return (code_point >= 0x24B6 && code_point <= 0x24E9) ||
           (code_point >= 0x1F130 && code_point <= 0x1F149) ||
           (code_point >= 0x1F150 && code_point <= 0x1F169) ||
           (code_point >= 0x1F170 && code_point <= 0x1F189);
}

bool lb_char_is_word(uint32_t code_point)
{
    switch (utf8proc_category((utf8proc_int32_t)code_point))
    {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return true;
    default: /* zero-width joiner and non-joiner are Join_Control */
        return code_point == 0x200C || code_point == 0x200D || is_enclosed_letter(code_point);
    }
}

bool lb_char_is_numeric(uint32_t code_point)
{
    const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code_point);

    return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL ||
           category == UTF8PROC_CATEGORY_NO;
}

bool lb_char_is_punctuation(uint32_t code_point)
{
    if (code_point < 0x80)
    {
        return code_point > 0x20 && code_point != 0x7F &&
               !(code_point >= '0' && code_point <= '9') &&
               !((code_point | 0x20U) >= 'a' && (code_point | 0x20U) <= 'z');
    }
    const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code_point);
    return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

/* ---- GPT-2's alphabet -------------------------------------------------------------------------
 */

static bool is_its_own_char(uint32_t byte)
{
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
}

uint32_t lb_byte_to_char(uint8_t byte)
{
    if (is_its_own_char(byte))
    {
        return byte;
    }
    if (byte <= 0x20) /* the bytes 0x00-0x20 come first, then 0x7F-0xA0, then 0xAD */
    {
        return FIRST_SPECIAL_CHAR + byte;
    }
    return byte == 0xAD ? LAST_SPECIAL_CHAR : FIRST_SPECIAL_CHAR + 0x21U + (byte - 0x7FU);
}

int lb_char_to_byte(uint32_t code_point)
{
    if (code_point < LB_N_BYTES)
    {
        return is_its_own_char(code_point) ? (int)code_point : -1;
    }
    if (code_point > LAST_SPECIAL_CHAR)
    {
        return -1;
    }
    if (code_point == LAST_SPECIAL_CHAR)
    {
        return 0xAD;
    }
    const uint32_t rank = code_point - FIRST_SPECIAL_CHAR;
    return (int)(rank <= 0x20 ? rank : rank - 0x21U + 0x7FU);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Code points (their bytes are base/utf8.c's): the character classes that the Hugging Face library
 * takes from Rust, and GPT-2's alphabet, which gives each byte a printable code point: bytes
 * 0x21-0x7E, 0xA1-0xAC and 0xAE-0xFF stand for themselves, the others follow from U+0100 on in
 * their order. Categories come from utf8proc.
 */
#include <string.h>

#include <utf8proc.h>

#include "text/tokenizer_private.h"

#define N_SPECIAL_BYTES 68 /* without a printable Latin-1 character of their own */
#define FIRST_SPECIAL_CHAR 0x100U
#define LAST_SPECIAL_CHAR (FIRST_SPECIAL_CHAR + N_SPECIAL_BYTES - 1)

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

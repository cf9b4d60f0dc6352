/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns UTF-8: what is well formed (Unicode 3.9, table 3-7), to code points and back.
 */
#include "base/base.h"

#include <string.h>

#define ASCII_LANES UINT64_C(0x8080808080808080)
#define REPLACEMENT_CHARACTER "\xEF\xBF\xBD"

size_t lb_utf8_look(const char *text, size_t size_bytes, size_t *n_bad)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const unsigned char lead = bytes[0];
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
        if (i >= size_bytes || bytes[i] < least || bytes[i] > most)
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
        const size_t length = lb_utf8_look(text + at, size_bytes - at, &n_bad);
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
            (void)lb_utf8_look(bytes + at, size_bytes - at, &n_bad);
            LB_TRY(lb_buffer_append_text(buffer, REPLACEMENT_CHARACTER, error));
            at += n_bad;
        }
    }
    return LOBASS_OK;
}

size_t lb_utf8_take(uint32_t *code_point, const char *text, size_t size_bytes)
{
    size_t n_bad = 0;
    const size_t length = lb_utf8_look(text, size_bytes, &n_bad);
    return length == 0 ? 0 : lb_utf8_decode(text, code_point);
}

bool lb_code_is_unsafe(uint32_t code)
{
    static const uint32_t ranges[][2] = {
        {0x00, 0x1F},     {0x7F, 0x9F},     {0x061C, 0x061C}, {0x200B, 0x200F}, {0x2028, 0x202E},
        {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xFFFE, 0xFFFF}, {0xE0000, 0xE007F},
    };

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
    {
        if (code >= ranges[i][0] && code <= ranges[i][1])
        {
            return true;
        }
    }
    return false;
}

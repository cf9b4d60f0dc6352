/* SPDX-License-Identifier: Apache-2.0
 *
 * The conversions between float and the two 16-bit formats, inline for loops over arrays:
 * bfloat16 (1 sign, 8 exponent, 7 fraction bits: the upper half of a float) and IEEE 754 binary16
 * (1, 5, 10). Widening is exact. Narrowing rounds to nearest, ties to even; what is too large
 * becomes infinite; a NaN keeps its sign and its leading fraction bits and becomes quiet.
 */
#ifndef LB_NUMBER_H
#define LB_NUMBER_H

#include <stdint.h>
#include <string.h>

static inline uint32_t lb_float_bits(float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float lb_float_of_bits(uint32_t bits)
{
    float value = 0.0F;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float lb_bf16_widen(uint16_t value)
{
    return lb_float_of_bits((uint32_t)value << 16);
}

static inline uint16_t lb_bf16_narrow(float value)
{
    const uint32_t bits = lb_float_bits(value);
    const uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
    const uint32_t quiet_nan = (bits >> 16) | 0x40U;
    return (uint16_t)((bits & 0x7FFFFFFFU) > 0x7F800000U ? quiet_nan : rounded);
}

static inline float lb_f16_widen(uint16_t value)
{
    const uint32_t sign = (uint32_t)(value & 0x8000U) << 16;
    const uint32_t magnitude = value & 0x7FFFU;
    if (magnitude >= 0x7C00U) /* infinite or NaN: the fraction moves up */
    {
        return lb_float_of_bits(sign | 0x7F800000U | ((magnitude & 0x3FFU) << 13));
    }
    if (magnitude < 0x400U) /* subnormal: a multiple of 2^-24, exact in a float */
    {
        return lb_float_of_bits(sign | lb_float_bits((float)magnitude * 0x1.0p-24F));
    }
    return lb_float_of_bits(sign | ((magnitude << 13) + ((127U - 15U) << 23)));
}

static inline uint16_t lb_f16_narrow(float value)
{
    const uint32_t bits = lb_float_bits(value);
    const uint32_t sign = (bits >> 16) & 0x8000U;
    const uint32_t magnitude = bits & 0x7FFFFFFFU;
    uint32_t result = 0;
    if (magnitude > 0x7F800000U)
    {
        result = 0x7E00U | ((magnitude >> 13) & 0x3FFU);
    }
    else if (magnitude >= 0x477FF000U) /* 65520, half a step above the largest: to infinity */
    {
        result = 0x7C00U;
    }
    else if (magnitude < 0x38800000U) /* below 2^-14: adding 1/2 leaves the multiple of 2^-24 */
    {
        const float half = 0.5F;
        result = lb_float_bits(lb_float_of_bits(magnitude) + half) - lb_float_bits(half);
    }
    else
    {
        const uint32_t rebased = magnitude - ((127U - 15U) << 23);
        result = (rebased + 0xFFFU + ((rebased >> 13) & 1U)) >> 13;
    }
    return (uint16_t)(sign | result);
}

#endif

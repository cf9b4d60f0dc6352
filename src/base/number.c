/* SPDX-License-Identifier: Apache-2.0
 *
 * The conversions of number.h as ordinary functions, for callers that convert a value at a time.
 */
#include "base/base.h"

float lb_float_from_bf16(uint16_t value)
{
    return lb_bf16_widen(value);
}

uint16_t lb_bf16_from_float(float value)
{
    return lb_bf16_narrow(value);
}

float lb_float_from_f16(uint16_t value)
{
    return lb_f16_widen(value);
}

uint16_t lb_f16_from_float(float value)
{
    return lb_f16_narrow(value);
}

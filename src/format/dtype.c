/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the element types of stored tensors: their names and sizes, and arrays of them to and from
 * float. Stored elements are little-endian and may lie at any address, so they go through memcpy.
 */
#include "base/base.h"
#include "format/format.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are copied as they are stored");

static const struct
{
    const char *name;
    size_t size_bytes;
} dtypes[] = {
    [LB_F32] = {"F32", 4},
    [LB_F16] = {"F16", 2},
    [LB_BF16] = {"BF16", 2},
};

size_t lb_dtype_size(lb_dtype dtype)
{
    return dtypes[dtype].size_bytes;
}

const char *lb_dtype_name(lb_dtype dtype)
{
    return dtypes[dtype].name;
}

static uint16_t load_16(const unsigned char *bytes, size_t index)
{
    uint16_t value = 0;
    memcpy(&value, bytes + index * sizeof value, sizeof value);
    return value;
}

static void store_16(unsigned char *bytes, size_t index, uint16_t value)
{
    memcpy(bytes + index * sizeof value, &value, sizeof value);
}

void lb_dtype_to_float(float *values, const void *source, lb_dtype dtype, size_t count)
{
    const unsigned char *bytes = source;
    switch (dtype)
    {
    case LB_F32:
        if (count > 0)
        {
            memcpy(values, bytes, count * sizeof *values);
        }
        break;
    case LB_F16:
        for (size_t i = 0; i < count; i++)
        {
            values[i] = lb_f16_widen(load_16(bytes, i));
        }
        break;
    case LB_BF16:
        for (size_t i = 0; i < count; i++)
        {
            values[i] = lb_bf16_widen(load_16(bytes, i));
        }
        break;
    }
}

void lb_dtype_from_float(void *target, lb_dtype dtype, const float *values, size_t count)
{
    unsigned char *bytes = target;
    switch (dtype)
    {
    case LB_F32:
        if (count > 0)
        {
            memcpy(bytes, values, count * sizeof *values);
        }
        break;
    case LB_F16:
        for (size_t i = 0; i < count; i++)
        {
            store_16(bytes, i, lb_f16_narrow(values[i]));
        }
        break;
    case LB_BF16:
        for (size_t i = 0; i < count; i++)
        {
            store_16(bytes, i, lb_bf16_narrow(values[i]));
        }
        break;
    }
}

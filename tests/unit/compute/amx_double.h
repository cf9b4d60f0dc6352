/* SPDX-License-Identifier: Apache-2.0
 *
 * The tile instructions of AMX in plain C, and our kernel compiled over them from its own text:
 * what is around the instructions (packing, edges, loops) is tested on any CPU, and on one that has
 * them the two must agree bit by bit.
 *
 * TDPBF16PS by Intel's manual: for every result the products of the even values of a row's pairs,
 * and those of the odd ones, are summed from zero, each with a fused multiply-add; both sums are
 * added, then the tile. To nearest even; denormals are zero, coming and going.
 */
#ifndef AMX_DOUBLE_H
#define AMX_DOUBLE_H

#include <math.h>
#include <string.h>

#include "base/number.h"
#include "compute/cpu/tile.h"
#include "run_tests.h"

#define TILE_CONFIGURE(config) double_configure(config)
#define TILE_RELEASE() double_release()
#define TILE_ZERO(t) double_zero(t)
#define TILE_LOAD(t, from, stride_bytes) double_load(t, from, stride_bytes)
#define TILE_STORE(t, to, stride_bytes) double_store(t, to, stride_bytes)
#define TILE_DOT(t, left, right) double_dot(t, left, right)

static void double_configure(const void *config);
static void double_release(void);
static void double_zero(int t);
static void double_load(int t, const void *from, size_t stride_bytes);
static void double_store(int t, void *to, size_t stride_bytes);
static void double_dot(int t, int left, int right);

#include "compute/cpu/tile_amx.h"

static _Thread_local struct
{
    amx_config config;
    unsigned char tiles[8][AMX_ROWS][AMX_ROW_BYTES];
} amx;

static void double_release(void)
{
    assert_int_equal(amx.config.palette, 1); /* what was taken is given back once */
    memset(&amx, 0, sizeof amx);
}

static void double_configure(const void *config)
{
    assert_int_equal(amx.config.palette, 0);
    memset(&amx, 0, sizeof amx);
    memcpy(&amx.config, config, sizeof amx.config);
    assert_int_equal(amx.config.palette, 1);
}

static void double_zero(int t)
{
    assert_int_equal(amx.config.palette, 1); /* on the processor: an illegal instruction */
    memset(amx.tiles[t], 0, sizeof amx.tiles[t]);
}

static void double_load(int t, const void *from, size_t stride_bytes)
{
    double_zero(t);
    for (size_t row = 0; row < amx.config.rows[t]; row++)
    {
        memcpy(amx.tiles[t][row], (const char *)from + row * stride_bytes, amx.config.row_bytes[t]);
    }
}

static void double_store(int t, void *to, size_t stride_bytes)
{
    assert_int_equal(amx.config.palette, 1);
    for (size_t row = 0; row < amx.config.rows[t]; row++)
    {
        memcpy((char *)to + row * stride_bytes, amx.tiles[t][row], amx.config.row_bytes[t]);
    }
}

static float double_flush(float value)
{
    return fpclassify(value) == FP_SUBNORMAL ? copysignf(0.0F, value) : value;
}

static float double_value(int t, size_t row, size_t column)
{
    uint16_t value = 0;
    memcpy(&value, &amx.tiles[t][row][column * sizeof value], sizeof value);
    return double_flush(lb_bf16_widen(value));
}

static void double_dot(int t, int left, int right)
{
    assert_int_equal(amx.config.palette, 1);
    for (size_t row = 0; row < amx.config.rows[t]; row++)
    {
        for (size_t column = 0; column < amx.config.row_bytes[t] / sizeof(float); column++)
        {
            float sums[2] = {0.0F, 0.0F};
            for (size_t p = 0; p < amx.config.row_bytes[left] / sizeof(uint16_t); p++)
            {
                sums[p % 2] =
                    double_flush(fmaf(double_value(left, row, p),
                                      double_value(right, p / 2, 2 * column + p % 2), sums[p % 2]));
            }
            float before = 0.0F;
            memcpy(&before, &amx.tiles[t][row][column * sizeof before], sizeof before);
            const float after =
                double_flush(double_flush(before) + double_flush(sums[0] + sums[1]));
            memcpy(&amx.tiles[t][row][column * sizeof after], &after, sizeof after);
        }
    }
}

/* In fp32 the tiles of plain C. */
static inline const lb_tile_set *amx_double_set(void)
{
    static lb_tile_set set;
    set = lb_tile_plain;
    set.name = "amx in plain C";
    set.bf16 = (lb_tile_kernel){
        .multiply_strip = amx_multiply_strip, .tile_rows = AMX_TILE_ROWS, .left = LB_TILE_BF16};
    set.bf16_arithmetic = "amx_bf16";
    return &set;
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Tiles in plain C: what runs on any processor and what the other kernels are compared with. The
 * products are added in the same order; without a fused multiply-add each is rounded once more.
 */
#include <string.h>

#include "base/base.h"
#include "compute/cpu/tile.h"

enum
{
    STRIDE = LB_TILE_STRIDE / 4,
    TILE_ROWS = 4
};

static void store_row(float *c, const float sums[LB_PANEL], size_t n_columns, bool is_added)
{
    for (size_t j = 0; j < n_columns; j++)
    {
        c[j] = is_added ? c[j] + sums[j] : sums[j];
    }
}

static void multiply_fp32(float *c, size_t ldc, const void *left_rows, const void *panel,
                          size_t n_inner, size_t n_rows, size_t n_columns, bool is_added)
{
    const float *left = (const float *)left_rows;
    const float *right = (const float *)panel;
    for (size_t r = 0; r < n_rows; r++)
    {
        float sums[LB_PANEL] = {0};
        for (size_t p = 0; p < n_inner; p++)
        {
            for (size_t j = 0; j < LB_PANEL; j++)
            {
                sums[j] += left[r * STRIDE + p] * right[p * LB_PANEL + j];
            }
        }
        store_row(c + r * ldc, sums, n_columns, is_added);
    }
}

static void multiply_widened(float *c, size_t ldc, const void *left_rows, const void *panel,
                             size_t n_inner, size_t n_rows, size_t n_columns, bool is_added)
{
    const float *left = (const float *)left_rows;
    const uint16_t *right = (const uint16_t *)panel;
    for (size_t r = 0; r < n_rows; r++)
    {
        float sums[LB_PANEL] = {0};
        for (size_t p = 0; p < n_inner; p++)
        {
            const uint16_t *values = right + p / 2 * 2 * LB_PANEL + p % 2;
            for (size_t j = 0; j < LB_PANEL; j++)
            {
                sums[j] += left[r * STRIDE + p] * lb_bf16_widen(values[2 * j]);
            }
        }
        store_row(c + r * ldc, sums, n_columns, is_added);
    }
}

const lb_tile_set lb_tile_plain = {
    .name = "plain",
    .fp32 = {.multiply = multiply_fp32, .tile_rows = TILE_ROWS, .left = LB_TILE_FP32},
    .bf16 = {.multiply = multiply_widened, .tile_rows = TILE_ROWS, .left = LB_TILE_ROUNDED},
    .fp32_arithmetic = "plain",
    .bf16_arithmetic = "plain"};

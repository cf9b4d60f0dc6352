/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of the AMX kernel: 2 x 2 tiles of 16 x 16 sums, two tiles of left rows and two of the
 * panel's columns, of which TILE_DOT takes 32 values of the inner dimension at once. Panels of bf16
 * pairs are what a tile wants as they lie: 16 rows of 64 bytes, 128 apart; so are packed left rows,
 * LB_TILE_STRIDE apart.
 *
 * Whoever includes this says what the instructions are: tile_amx.c the processor's own, the tests
 * the same in plain C. In all there are eight tiles, named by number:
 *     TILE_CONFIGURE(config)        what the tiles are, zero at first; of this thread
 *     TILE_RELEASE()                as if there were none: nothing is left to save and restore
 *     TILE_ZERO(t), TILE_LOAD(t, from, stride_bytes), TILE_STORE(t, to, stride_bytes)
 *     TILE_DOT(t, left, right)      t += left right, see below
 *
 * TILE_DOT sums the products of even places and of odd places by themselves, each in order and
 * rounded once (fused), then adds both and what comes out to the tile; all rounded to nearest even,
 * denormals taken and given as zero. A value's sum is thus cut at multiples of 32 of the inner
 * dimension, wherever it stands in the result and whatever is beside it.
 */
#ifndef LB_COMPUTE_CPU_TILE_AMX_H
#define LB_COMPUTE_CPU_TILE_AMX_H

#include <string.h>

#include "compute/cpu/tile.h"

enum
{
    AMX_ROWS = 16,                 /* of a tile */
    AMX_ROW_BYTES = 64,            /* 16 sums, 32 values of a left row, 16 pairs of a panel's row */
    AMX_STEP = 32,                 /* values of the inner dimension */
    AMX_TILE_ROWS = 32,            /* of the result at once */
    AMX_PANEL_BYTES = LB_PANEL * 4 /* of a panel's row of pairs */
};

/* Palette 1 of the processor. Static: gcc 12 drops stores into a local one. */
typedef struct amx_config
{
    _Alignas(64) uint8_t palette;
    uint8_t start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} amx_config;

static const amx_config amx_whole_tiles = {
    .palette = 1,
    .row_bytes = {AMX_ROW_BYTES, AMX_ROW_BYTES, AMX_ROW_BYTES, AMX_ROW_BYTES, AMX_ROW_BYTES,
                  AMX_ROW_BYTES, AMX_ROW_BYTES, AMX_ROW_BYTES},
    .rows = {AMX_ROWS, AMX_ROWS, AMX_ROWS, AMX_ROWS, AMX_ROWS, AMX_ROWS, AMX_ROWS, AMX_ROWS}};

/* Tiles 0 to 3 are the result, row by row; 4 and 5 of the left operand, 6 and 7 of the right. */
INLINED void amx_step(bool has_lower, const char *left, const char *right)
{
    TILE_LOAD(6, right, AMX_PANEL_BYTES);
    TILE_LOAD(4, left, LB_TILE_STRIDE);
    TILE_LOAD(7, right + AMX_ROW_BYTES, AMX_PANEL_BYTES);
    TILE_DOT(0, 4, 6);
    TILE_DOT(1, 4, 7);
    if (has_lower)
    {
        TILE_LOAD(5, left + AMX_ROWS * LB_TILE_STRIDE, LB_TILE_STRIDE);
        TILE_DOT(2, 5, 6);
        TILE_DOT(3, 5, 7);
    }
}

/* to[rows of one or two tiles, LB_PANEL] (+)= left right. */
INLINED void amx_tiles(bool has_lower, float *to, size_t ld, const char *left, const char *right,
                       size_t n_inner, bool is_added)
{
    const size_t ld_bytes = ld * sizeof *to;
    const size_t n_whole = n_inner / AMX_STEP;
    float *lower = to + AMX_ROWS * ld;
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    if (is_added)
    {
        TILE_LOAD(0, to, ld_bytes);
        TILE_LOAD(1, to + AMX_ROWS, ld_bytes);
        if (has_lower)
        {
            TILE_LOAD(2, lower, ld_bytes);
            TILE_LOAD(3, lower + AMX_ROWS, ld_bytes);
        }
    }
    for (size_t step = 0; step < n_whole; step++)
    {
        amx_step(has_lower, left + step * AMX_ROW_BYTES, right + step * AMX_ROWS * AMX_PANEL_BYTES);
    }
    if (n_inner % AMX_STEP != 0) /* left rows end in zeros, a panel just ends */
    {
        char rest[AMX_ROWS][AMX_PANEL_BYTES] = {{0}};
        memcpy(rest, right + n_whole * sizeof rest,
               lb_blocks(n_inner % AMX_STEP, 2) * sizeof rest[0]);
        amx_step(has_lower, left + n_whole * AMX_ROW_BYTES, rest[0]);
    }
    TILE_STORE(0, to, ld_bytes);
    TILE_STORE(1, to + AMX_ROWS, ld_bytes);
    if (has_lower)
    {
        TILE_STORE(2, lower, ld_bytes);
        TILE_STORE(3, lower + AMX_ROWS, ld_bytes);
    }
}

static void amx_begin(void)
{
    TILE_CONFIGURE(&amx_whole_tiles);
}

static void amx_end(void)
{
    TILE_RELEASE();
}

static void amx_multiply(float *c, size_t ldc, const void *left, const void *right, size_t n_inner,
                         size_t n_rows, size_t n_columns, bool is_added)
{
    float edge[AMX_TILE_ROWS * LB_PANEL];
    const bool is_whole = n_rows % AMX_ROWS == 0 && n_columns == LB_PANEL;
    float *to = is_whole ? c : edge;
    const size_t ld = is_whole ? ldc : LB_PANEL;
    for (size_t i = 0; !is_whole && is_added && i < n_rows; i++)
    {
        memcpy(edge + i * LB_PANEL, c + i * ldc, n_columns * sizeof *c);
    }
    if (n_rows > AMX_ROWS)
    {
        amx_tiles(true, to, ld, (const char *)left, (const char *)right, n_inner, is_added);
    }
    else
    {
        amx_tiles(false, to, ld, (const char *)left, (const char *)right, n_inner, is_added);
    }
    for (size_t i = 0; !is_whole && i < n_rows; i++)
    {
        memcpy(c + i * ldc, edge + i * LB_PANEL, n_columns * sizeof *c);
    }
}

#endif

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
        TILE_LOAD(5, left + (size_t)AMX_ROWS * LB_TILE_STRIDE, LB_TILE_STRIDE);
        TILE_DOT(2, 5, 6);
        TILE_DOT(3, 5, 7);
    }
}

/* A block of the inner dimension. */
INLINED void amx_block(bool has_lower, const char *left, const char *right, size_t n_inner)
{
    const size_t n_whole = n_inner / AMX_STEP;
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
}

/* to[rows of one or two tiles, LB_PANEL] (+)= rows ROW and on of a strip times the panel RIGHT. */
INLINED void amx_tiles(bool has_lower, float *to, size_t ld, const lb_tile_strip *strip, size_t row,
                       const char *right)
{
    const size_t ld_bytes = ld * sizeof *to;
    const size_t depth = lb_tile_depth(LB_TILE_BF16);
    float *lower = to + AMX_ROWS * ld;
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    for (size_t i = 0; i < (has_lower ? AMX_TILE_ROWS : AMX_ROWS); i++)
    {
        __builtin_prefetch(to + i * ld, 1);
        __builtin_prefetch(to + i * ld + AMX_ROWS, 1);
    }
    if (strip->is_added)
    {
        TILE_LOAD(0, to, ld_bytes);
        TILE_LOAD(1, to + AMX_ROWS, ld_bytes);
        if (has_lower)
        {
            TILE_LOAD(2, lower, ld_bytes);
            TILE_LOAD(3, lower + AMX_ROWS, ld_bytes);
        }
    }
    for (size_t inner = 0; inner < strip->n_inner; inner += depth)
    {
        amx_block(has_lower,
                  strip->left + (inner / depth * strip->block_rows + row) * LB_TILE_STRIDE,
                  right + inner / 2 * AMX_PANEL_BYTES, lb_min(depth, strip->n_inner - inner));
    }
    TILE_STORE(0, to, ld_bytes);
    TILE_STORE(1, to + AMX_ROWS, ld_bytes);
    if (has_lower)
    {
        TILE_STORE(2, lower, ld_bytes);
        TILE_STORE(3, lower + AMX_ROWS, ld_bytes);
    }
}

/* C[n_rows, n_columns], tiles that are not whole: they take the way over EDGE. */
static void amx_edge(const lb_tile_strip *strip, size_t row, size_t n_rows, float *c,
                     size_t n_columns, const char *right)
{
    float edge[AMX_TILE_ROWS * LB_PANEL];
    for (size_t i = 0; strip->is_added && i < n_rows; i++)
    {
        memcpy(edge + i * LB_PANEL, c + i * strip->ldc, n_columns * sizeof *c);
    }
    amx_tiles(n_rows > AMX_ROWS, edge, LB_PANEL, strip, row, right);
    for (size_t i = 0; i < n_rows; i++)
    {
        memcpy(c + i * strip->ldc, edge + i * LB_PANEL, n_columns * sizeof *c);
    }
}

/* A tile's rows against one panel after the other, so that lines of the result are written side by
 * side. Tile registers are taken and given up here, so that no thread waits, ends or changes place
 * with any in use. */
static void amx_multiply_strip(const lb_tile_strip *strip)
{
    TILE_CONFIGURE(&amx_whole_tiles);
    for (size_t row = 0; row < strip->n_rows; row += AMX_TILE_ROWS)
    {
        const size_t n_rows = lb_min(AMX_TILE_ROWS, strip->n_rows - row);
        const char *right = strip->right;
        for (size_t column = 0; column < strip->n_columns; column += LB_PANEL)
        {
            const size_t n_columns = lb_min(LB_PANEL, strip->n_columns - column);
            float *c = strip->c + row * strip->ldc + column;
            if (n_rows == AMX_TILE_ROWS && n_columns == LB_PANEL)
            {
                amx_tiles(true, c, strip->ldc, strip, row, right);
            }
            else
            {
                amx_edge(strip, row, n_rows, c, n_columns, right);
            }
            right += strip->panel_bytes;
        }
    }
    TILE_RELEASE();
}

#endif

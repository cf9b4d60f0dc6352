/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of the AVX-512 kernels: a tile of up to 14 rows and two registers of columns, so that 28
 * of the 32 registers hold sums and two the right operand. Compiled for plain AVX-512 and for
 * AVX512-BF16, whose vdpbf16ps adds the products of a pair of bf16 values in one instruction.
 */
#ifndef LB_COMPUTE_CPU_TILE_AVX512_H
#define LB_COMPUTE_CPU_TILE_AVX512_H

#include <immintrin.h>

#include "compute/cpu/tile.h"

enum
{
    COLUMNS = 16, /* of a register */
    STRIDE = LB_TILE_STRIDE / 4
};

/* What one step does with the sums of all rows: LEFT and RIGHT are where the operands begin, P the
 * number of the step; N_REGISTERS of columns are wanted, one or two. */
typedef void (*step_function)(size_t n_rows, size_t n_registers, __m512 sums[][2],
                              const float *left, const float *right, size_t p);

INLINED void store_tile(float *c, size_t ldc, size_t n_rows, size_t n_registers, __m512 sums[][2],
                        size_t n_columns, bool is_added)
{
    const size_t n_last = n_columns - (n_registers - 1) * COLUMNS;
    const __mmask16 last = (__mmask16)(n_last >= COLUMNS ? 0xFFFFU : (1U << n_last) - 1U);
    UNROLLED
    for (size_t r = 0; r < n_rows; r++)
    {
        UNROLLED
        for (size_t j = 0; j < n_registers; j++)
        {
            const __mmask16 mask = j + 1 == n_registers ? last : (__mmask16)0xFFFFU;
            float *to = c + r * ldc + j * COLUMNS;
            const __m512 before = is_added ? _mm512_maskz_loadu_ps(mask, to) : _mm512_setzero_ps();
            _mm512_mask_storeu_ps(to, mask,
                                  is_added ? _mm512_add_ps(before, sums[r][j]) : sums[r][j]);
        }
    }
}

INLINED void tile_of(size_t n_rows, size_t n_registers, step_function step, float *c, size_t ldc,
                     const float *left, const float *right, size_t n_steps, size_t n_columns,
                     bool is_added)
{
    __m512 sums[LB_MOST_TILE_ROWS][2];
    UNROLLED
    for (size_t r = 0; r < n_rows; r++)
    {
        sums[r][0] = _mm512_setzero_ps();
        sums[r][1] = _mm512_setzero_ps();
    }
    for (size_t p = 0; p < n_steps; p++)
    {
        step(n_rows, n_registers, sums, left, right, p);
    }
    store_tile(c, ldc, n_rows, n_registers, sums, n_columns, is_added);
}

#define TILE_CASE(n, step)                                                          \
    case n:                                                                         \
        if (n_columns > COLUMNS)                                                    \
        {                                                                           \
            tile_of(n, 2, step, c, ldc, left, right, n_steps, n_columns, is_added); \
        }                                                                           \
        else                                                                        \
        {                                                                           \
            tile_of(n, 1, step, c, ldc, left, right, n_steps, n_columns, is_added); \
        }                                                                           \
        break;

/* A function of every number of rows behind one switch; a step takes N_VALUES of the inner
 * dimension. */
#define TILE_FUNCTION(name, step, n_values)                                          \
    static void name(float *c, size_t ldc, const void *left_rows, const void *panel, \
                     size_t n_inner, size_t n_rows, size_t n_columns, bool is_added) \
    {                                                                                \
        const float *left = (const float *)left_rows;                                \
        const float *right = (const float *)panel;                                   \
        const size_t n_steps = lb_blocks(n_inner, n_values);                         \
        switch (n_rows)                                                              \
        {                                                                            \
            TILE_CASE(1, step)                                                       \
            TILE_CASE(2, step)                                                       \
            TILE_CASE(3, step)                                                       \
            TILE_CASE(4, step)                                                       \
            TILE_CASE(5, step)                                                       \
            TILE_CASE(6, step)                                                       \
            TILE_CASE(7, step)                                                       \
            TILE_CASE(8, step)                                                       \
            TILE_CASE(9, step)                                                       \
            TILE_CASE(10, step)                                                      \
            TILE_CASE(11, step)                                                      \
            TILE_CASE(12, step)                                                      \
            TILE_CASE(13, step)                                                      \
            TILE_CASE(14, step)                                                      \
        default:                                                                     \
            break;                                                                   \
        }                                                                            \
    }

INLINED void step_fp32(size_t n_rows, size_t n_registers, __m512 sums[][2], const float *left,
                       const float *right, size_t p)
{
    const __m512 first = _mm512_loadu_ps(right + p * LB_PANEL);
    const __m512 second = _mm512_loadu_ps(right + p * LB_PANEL + COLUMNS);
    UNROLLED
    for (size_t r = 0; r < n_rows; r++)
    {
        const __m512 x = _mm512_set1_ps(left[r * STRIDE + p]);
        sums[r][0] = _mm512_fmadd_ps(x, first, sums[r][0]);
        if (n_registers > 1)
        {
            sums[r][1] = _mm512_fmadd_ps(x, second, sums[r][1]);
        }
    }
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Tiles for AVX-512 without bf16 instructions. In bf16 the pair of values in a lane is widened, the
 * even one by a shift and the odd one by a mask, and multiplied as fp32.
 */
#include "compute/cpu/tile_avx512.h"

enum
{
    WIDENED_ROWS = 12 /* four registers of the right operand leave room for 24 sums */
};

/* A step is a pair: two values of a left row. */
INLINED void step_widened(size_t n_rows, size_t n_registers, __m512 sums[][2], const float *left,
                          const float *right, size_t p)
{
    const __m512i upper = _mm512_set1_epi32((int)0xFFFF0000U);
    const __m512i first = _mm512_loadu_si512(right + p * LB_PANEL);
    const __m512i second = _mm512_loadu_si512(right + p * LB_PANEL + COLUMNS);
    const __m512 even0 = _mm512_castsi512_ps(_mm512_slli_epi32(first, 16));
    const __m512 even1 = _mm512_castsi512_ps(_mm512_slli_epi32(second, 16));
    const __m512 odd0 = _mm512_castsi512_ps(_mm512_and_si512(first, upper));
    const __m512 odd1 = _mm512_castsi512_ps(_mm512_and_si512(second, upper));
    UNROLLED
    for (size_t r = 0; r < n_rows; r++)
    {
        const __m512 x0 = _mm512_set1_ps(left[r * STRIDE + 2 * p]);
        const __m512 x1 = _mm512_set1_ps(left[r * STRIDE + 2 * p + 1]);
        sums[r][0] = _mm512_fmadd_ps(x0, even0, sums[r][0]);
        sums[r][0] = _mm512_fmadd_ps(x1, odd0, sums[r][0]);
        if (n_registers > 1)
        {
            sums[r][1] = _mm512_fmadd_ps(x0, even1, sums[r][1]);
            sums[r][1] = _mm512_fmadd_ps(x1, odd1, sums[r][1]);
        }
    }
}

TILE_FUNCTION(multiply_fp32, step_fp32, 1)
TILE_FUNCTION(multiply_widened, step_widened, 2)

const lb_tile_set lb_tile_avx512 = {
    .name = "avx512",
    .fp32 = {.multiply = multiply_fp32, .tile_rows = LB_MOST_TILE_ROWS, .left = LB_TILE_FP32},
    .bf16 = {.multiply = multiply_widened, .tile_rows = WIDENED_ROWS, .left = LB_TILE_ROUNDED},
    .fp32_arithmetic = "fma",
    .bf16_arithmetic = "fma"};

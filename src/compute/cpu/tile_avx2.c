/* SPDX-License-Identifier: Apache-2.0
 *
 * Tiles for AVX2 with FMA: up to six rows by 16 columns at a time, twice for a panel, so that 12 of
 * the 16 registers hold sums. Every sum adds the same products in the same order as with AVX-512.
 */
#include <immintrin.h>

#include "compute/cpu/tile.h"

enum
{
    COLUMNS = 8, /* of a register */
    HALF = 2 * COLUMNS,
    STRIDE = LB_TILE_STRIDE / 4,
    TILE_ROWS = 6,
    WIDENED_ROWS = 4 /* four registers of the right operand and the mask */
};

typedef void (*step_function)(size_t n_rows, __m256 sums[][2], const float *left,
                              const float *right, size_t p);

INLINED void step_fp32(size_t n_rows, __m256 sums[][2], const float *left, const float *right,
                       size_t p)
{
    const __m256 first = _mm256_loadu_ps(right + p * LB_PANEL);
    const __m256 second = _mm256_loadu_ps(right + p * LB_PANEL + COLUMNS);
    UNROLLED
    for (size_t r = 0; r < n_rows; r++)
    {
        const __m256 x = _mm256_set1_ps(left[r * STRIDE + p]);
        sums[r][0] = _mm256_fmadd_ps(x, first, sums[r][0]);
        sums[r][1] = _mm256_fmadd_ps(x, second, sums[r][1]);
    }
}

INLINED void step_widened(size_t n_rows, __m256 sums[][2], const float *left, const float *right,
                          size_t p)
{
    const __m256i upper = _mm256_set1_epi32((int)0xFFFF0000U);
    const __m256i first = _mm256_castps_si256(_mm256_loadu_ps(right + p * LB_PANEL));
    const __m256i second = _mm256_castps_si256(_mm256_loadu_ps(right + p * LB_PANEL + COLUMNS));
    const __m256 even0 = _mm256_castsi256_ps(_mm256_slli_epi32(first, 16));
    const __m256 even1 = _mm256_castsi256_ps(_mm256_slli_epi32(second, 16));
    const __m256 odd0 = _mm256_castsi256_ps(_mm256_and_si256(first, upper));
    const __m256 odd1 = _mm256_castsi256_ps(_mm256_and_si256(second, upper));
    UNROLLED
    for (size_t r = 0; r < n_rows; r++)
    {
        const __m256 x0 = _mm256_set1_ps(left[r * STRIDE + 2 * p]);
        const __m256 x1 = _mm256_set1_ps(left[r * STRIDE + 2 * p + 1]);
        sums[r][0] = _mm256_fmadd_ps(x0, even0, sums[r][0]);
        sums[r][1] = _mm256_fmadd_ps(x0, even1, sums[r][1]);
        sums[r][0] = _mm256_fmadd_ps(x1, odd0, sums[r][0]);
        sums[r][1] = _mm256_fmadd_ps(x1, odd1, sums[r][1]);
    }
}

/* Columns that are not wanted are computed all the same and left out here. */
INLINED void store_row(float *c, const __m256 sums[2], size_t n_columns, bool is_added)
{
    float values[HALF];
    if (n_columns >= HALF)
    {
        const __m256 first = is_added ? _mm256_add_ps(_mm256_loadu_ps(c), sums[0]) : sums[0];
        const __m256 second =
            is_added ? _mm256_add_ps(_mm256_loadu_ps(c + COLUMNS), sums[1]) : sums[1];
        _mm256_storeu_ps(c, first);
        _mm256_storeu_ps(c + COLUMNS, second);
        return;
    }
    _mm256_storeu_ps(values, sums[0]);
    _mm256_storeu_ps(values + COLUMNS, sums[1]);
    for (size_t j = 0; j < n_columns; j++)
    {
        c[j] = is_added ? c[j] + values[j] : values[j];
    }
}

INLINED void tile_of(size_t n_rows, step_function step, float *c, size_t ldc, const float *left,
                     const float *right, size_t n_steps, size_t n_columns, bool is_added)
{
    __m256 sums[TILE_ROWS][2];
    UNROLLED
    for (size_t r = 0; r < n_rows; r++)
    {
        sums[r][0] = _mm256_setzero_ps();
        sums[r][1] = _mm256_setzero_ps();
    }
    for (size_t p = 0; p < n_steps; p++)
    {
        step(n_rows, sums, left, right, p);
    }
    UNROLLED
    for (size_t r = 0; r < n_rows; r++)
    {
        store_row(c + r * ldc, sums[r], n_columns, is_added);
    }
}

#define TILE_CASE(n, step)                                                               \
    case n:                                                                              \
        tile_of(n, step, c + j, ldc, left, right + j, n_steps, n_columns - j, is_added); \
        break;

#define TILE_FUNCTION(name, step, n_values)                                          \
    static void name(float *c, size_t ldc, const void *left_rows, const void *panel, \
                     size_t n_inner, size_t n_rows, size_t n_columns, bool is_added) \
    {                                                                                \
        const float *left = (const float *)left_rows;                                \
        const float *right = (const float *)panel;                                   \
        const size_t n_steps = lb_blocks(n_inner, n_values);                         \
        for (size_t j = 0; j < n_columns; j += HALF)                                 \
        {                                                                            \
            switch (n_rows)                                                          \
            {                                                                        \
                TILE_CASE(1, step)                                                   \
                TILE_CASE(2, step)                                                   \
                TILE_CASE(3, step)                                                   \
                TILE_CASE(4, step)                                                   \
                TILE_CASE(5, step)                                                   \
                TILE_CASE(6, step)                                                   \
            default:                                                                 \
                break;                                                               \
            }                                                                        \
        }                                                                            \
    }

TILE_FUNCTION(multiply_fp32, step_fp32, 1)
TILE_FUNCTION(multiply_widened, step_widened, 2)

const lb_tile_set lb_tile_avx2 = {
    .name = "avx2",
    .fp32 = {.multiply = multiply_fp32, .tile_rows = TILE_ROWS, .left = LB_TILE_FP32},
    .bf16 = {.multiply = multiply_widened, .tile_rows = WIDENED_ROWS, .left = LB_TILE_ROUNDED},
    .fp32_arithmetic = "fma",
    .bf16_arithmetic = "fma"};

/* SPDX-License-Identifier: Apache-2.0
 *
 * Tiles for AMX (Sapphire Rapids and later), bf16 alone; in fp32 those of AVX-512. Whether the
 * system lets us is asked once, in cpu_detect.c, for all threads of the process.
 */
#include "compute/cpu/tile_avx512.h"

#define TILE_CONFIGURE(config) _tile_loadconfig(config)
#define TILE_RELEASE() _tile_release()
#define TILE_ZERO(t) _tile_zero(t)
/* gcc's do not say that they read and write memory. */
#define MEMORY_IS_SEEN() __asm__ volatile("" : : : "memory")
#define TILE_LOAD(t, from, stride_bytes)    \
    do                                      \
    {                                       \
        MEMORY_IS_SEEN();                   \
        _tile_loadd(t, from, stride_bytes); \
    } while (0)
#define TILE_STORE(t, to, stride_bytes)    \
    do                                     \
    {                                      \
        _tile_stored(t, to, stride_bytes); \
        MEMORY_IS_SEEN();                  \
    } while (0)
#define TILE_DOT(t, left, right) _tile_dpbf16ps(t, left, right)

#include "compute/cpu/tile_amx.h"

TILE_FUNCTION(multiply_fp32, step_fp32, 1)

const lb_tile_set lb_tile_amx = {
    .name = "amx",
    .fp32 = {.multiply = multiply_fp32, .tile_rows = LB_MOST_TILE_ROWS, .left = LB_TILE_FP32},
    .bf16 = {.multiply_strip = amx_multiply_strip,
             .tile_rows = AMX_TILE_ROWS,
             .left = LB_TILE_BF16},
    .fp32_arithmetic = "fma",
    .bf16_arithmetic = "amx_bf16"};

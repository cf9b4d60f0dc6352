/* SPDX-License-Identifier: Apache-2.0
 *
 * Our own products: what the packing, the kernels and the loops over them share. A product is
 * computed in tiles of the result that stay in registers (Goto & van de Geijn 2008):
 *
 *   left operand    rows of LB_TILE_DEPTH values, LB_TILE_STRIDE bytes apart: a constant, so that a
 *                   kernel reaches every row of a tile with one pointer, and not a power of two, so
 *                   that rows do not fall into the same sets of the cache
 *   right operand   panels of LB_PANEL columns: for every step of the inner dimension the values of
 *                   its columns side by side; in bf16 a step is two of them, interleaved by column
 *
 * A value of the result is one sum over the inner dimension in order, block of LB_TILE_DEPTH after
 * block: it depends neither on the other rows of the product nor on their number.
 */
#ifndef LB_COMPUTE_CPU_TILE_H
#define LB_COMPUTE_CPU_TILE_H

#include "compute/kernels.h"

enum
{
    LB_TILE_DEPTH_BYTES = 1024, /* of a row of the left operand: 256 fp32 or 512 bf16 values */
    LB_TILE_STRIDE = LB_TILE_DEPTH_BYTES + 64,
    LB_TILE_SLICE = 4,      /* blocks of the inner dimension gone through at once */
    LB_TILE_STEP = 32,      /* bf16 values of the inner dimension that a kernel may take at once */
    LB_MOST_TILE_ROWS = 14, /* of fp32 tiles */
    LB_TILE_SPARE_ROWS = 15 /* behind the last left row there is room for; read, and not used */
};

/* What the left operand is packed as; the right one is fp32 with LB_TILE_FP32, else bf16. */
typedef enum lb_tile_values
{
    LB_TILE_FP32,
    LB_TILE_ROUNDED, /* fp32 that holds a value rounded to bf16 */
    LB_TILE_BF16
} lb_tile_values;

/* c[n_rows, n_columns] (+)= left right over N_INNER values of the inner dimension, at most
 * lb_tile_depth() of them; bf16 left rows are zero up to LB_TILE_STEP, panels up to a pair; N_ROWS
 * at most the kernel's tile_rows, N_COLUMNS at most LB_PANEL. RIGHT is a panel of LB_PANEL columns.
 */
typedef void (*lb_tile_function)(float *c, size_t ldc, const void *left, const void *right,
                                 size_t n_inner, size_t n_rows, size_t n_columns, bool is_added);

/* Rows of a packed left operand against panels side by side. */
typedef struct lb_tile_strip
{
    const char *left; /* the first row; blocks of the inner dimension are BLOCK_ROWS rows apart */
    size_t block_rows;
    const char *right;  /* the first panel, from the first value of N_INNER on */
    size_t panel_bytes; /* from a panel to the next */
    float *c;           /* [n_rows, n_columns], rows LDC apart */
    size_t ldc, n_rows, n_columns, n_inner;
    bool is_added;
} lb_tile_strip;

typedef struct lb_tile_kernel
{
    lb_tile_function multiply;
    /* All tiles of a strip; where it is NULL, each is one call of the function above, panel by
     * panel, so that a panel stays in the first cache. */
    void (*multiply_strip)(const struct lb_tile_strip *strip);
    size_t tile_rows;
    lb_tile_values left;
} lb_tile_kernel;

/* One instruction set. */
typedef struct lb_tile_set
{
    const char *name;
    lb_tile_kernel fp32, bf16; /* by the values of the right operand */
    /* Sets with the same arithmetic give the same bits. */
    const char *fp32_arithmetic, *bf16_arithmetic;
} lb_tile_set;

extern const lb_tile_set lb_tile_plain, lb_tile_avx2, lb_tile_avx512, lb_tile_avx512_bf16,
    lb_tile_amx;

/* The rows of the table of sets that this CPU can run, from plain C up; NULL after the last. */
const lb_tile_set *lb_tile_at(const lb_cpu *cpu, size_t index);

static inline size_t lb_tile_depth(lb_tile_values left)
{
    return left == LB_TILE_BF16 ? LB_TILE_DEPTH_BYTES / 2 : LB_TILE_DEPTH_BYTES / 4;
}

/* Goes over each panel's rows tile by tile, as even as tiles can be (tile_gemm.c). */
void lb_tile_multiply(const lb_tile_kernel *kernel, const lb_tile_strip *strip);

/* ---- for the files of kernels ------------------------------------------------------------------
 */

/* Loops of a constant length within a kernel, so that sums stay in registers. */
#define INLINED static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLLED _Pragma("unroll")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif

/* ---- packing (tile_pack.c) ---------------------------------------------------------------------
 */

/* How an operand lies in memory: value (i, p) of the outer and the inner dimension. */
typedef struct lb_tile_source
{
    const void *data;
    size_t ld;
    bool is_inner_first; /* (i, p) is at p * ld + i, else at i * ld + p */
    bool is_bf16;        /* right operands only */
} lb_tile_source;

/* left[n_rows] (LB_TILE_STRIDE apart) <- values (row.., inner..inner + n_inner), bf16 values with
 * zeros behind them up to a multiple of LB_TILE_STEP. */
void lb_tile_pack_left(const lb_vector *vector, char *left, const lb_tile_source *source,
                       lb_tile_values values, size_t row, size_t n_rows, size_t inner,
                       size_t n_inner);
/* One panel, as fp32 or bf16, <- values (column.., inner..inner + n_inner); zero beyond N_COLUMNS
 * and behind an odd number of bf16 values. */
void lb_tile_pack_right(const lb_vector *vector, void *panel, const lb_tile_source *source,
                        bool is_bf16, size_t column, size_t n_columns, size_t inner,
                        size_t n_inner);

#endif

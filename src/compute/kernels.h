/* SPDX-License-Identifier: Apache-2.0
 *
 * What the operations of this layer share, and nobody else sees: matrix products, the table
 * of vector loops that fits the CPU, the scratch memory, and the fixed cuts of the work.
 */
#ifndef LB_COMPUTE_KERNELS_H
#define LB_COMPUTE_KERNELS_H

#include "compute/compute.h"

/* ---- cuts: they depend on the shapes only, so the bits do not depend on the threads ------------
 */

enum
{
    LB_ROW_BLOCK = 512,        /* tokens in one chunk */
    LB_VOCABULARY_BLOCK = 512, /* logits of a row at once */
    LB_PANEL = 32,             /* columns of the right operand that lie side by side when packed */
    LB_SUM_BLOCK = 64,         /* columns of which one chunk sums all rows */
    LB_WANTED_CHUNKS = 16,     /* what the vocabulary is cut into, while blocks stay sensible */
    LB_ELEMENT_BLOCK = 16384   /* elements of a chunk of an elementwise operation */
};

static inline size_t lb_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t lb_blocks(size_t count, size_t block)
{
    return (count + block - 1) / block;
}

static inline size_t lb_round_up(size_t count, size_t multiple)
{
    return lb_blocks(count, multiple) * multiple;
}

/* ---- products ----------------------------------------------------------------------------------
 */

struct lb_scratch;

/* c[m, n] (+)= op(a)[m, k] op(b)[k, n], rows ld* elements apart. A is fp32, B what is_b_* say; both
 * are rounded to bf16 where that is asked for, sums are fp32. */
typedef struct lb_product
{
    size_t m, n, k;
    const void *a, *b;
    size_t lda, ldb;
    bool is_a_transposed, is_b_transposed, is_added;
    float *c;
    size_t ldc;
    bool is_bf16;
    bool is_b_bf16;   /* b holds bf16 values */
    bool is_b_panels; /* b is packed as lb_weights_pack does it; ldb: lb_packed_depth(k) */
} lb_product;

/* B and what goes with it <- W from its row FIRST (of a panel) on. */
void lb_product_weights(lb_product *product, const lb_matrix *w, size_t first);
/* One product on one thread (cpu/tile_gemm.c). */
void lb_tile_gemm(const struct lb_scratch *scratch, unsigned worker, const lb_product *product);
/* One on all threads, each operand packed once (cpu/tile_run.c); k > 0. Not from within a chunk of
 * work. */
lobass_status lb_tile_run(lb_compute *c, const lb_product *product, lobass_error *error);
size_t lb_tile_worker_bytes(void); /* a worker's packed operands */
/* Values between a panel's first and the next one's, for one of its columns: N_IN, a whole pair. */
size_t lb_packed_depth(size_t n_in);
/* Where value (row, column) of a packed matrix is, in elements. */
size_t lb_packed_place(const lb_matrix *w, size_t row, size_t column);
const struct lb_tile_set *lb_tile_choose(const lb_cpu *cpu);

/* ---- vector loops (vector.c) ------------------------------------------------------------------
 */

/* The loops that need wide registers, compiled for several instruction sets out of one text. Sums
 * run in a fixed number of lanes and nothing is contracted: all rows of the table give equal bits.
 */
typedef struct lb_vector
{
    const char *name;
    float (*maximum)(const float *x, size_t count); /* -infinity for none */
    /* y = exp(scale * x - shift); returns the sum. Y may be X. */
    double (*exponential)(float *y, const float *x, float scale, float shift, size_t count);
    double (*dot)(const float *a, const float *b, size_t count);
    /* *sum += sum of x, *squares += sum of x^2 */
    void (*moments_add)(double *sum, double *squares, const float *x, size_t count);
    /* x = scale * p * (x - shift) */
    void (*softmax_backward)(float *x, const float *p, float shift, float scale, size_t count);
    void (*silu_forward)(float *y, const float *gate, const float *up, size_t count);
    void (*silu_backward)(float *grad_gate, float *grad_up, const float *grad_y, const float *gate,
                          const float *up, size_t count);
    void (*round_bf16)(float *y, const float *x, size_t count); /* fp32 values that bf16 can hold */
    void (*narrow_bf16)(uint16_t *y, const float *x, size_t count);
    /* y[p / 2][j] = x[p][j], narrowed, as the lower half of a word and x[p + 1][j] as the upper,
     * for N_ROWS rows p of COUNT values; a last row by itself has zeros above it. Y_LD and LD:
     * words and values from a row to the next. */
    void (*pair_bf16)(uint32_t *y, size_t y_ld, const float *x, size_t ld, size_t n_rows,
                      size_t count);
    void (*widen_bf16)(float *y, const uint16_t *x, size_t count);
    /* to[j][i] = from[i][j] for 16 x 16 words of four bytes; rows so many bytes apart, at any
     * address. */
    void (*turn)(void *to, size_t to_bytes, const void *from, size_t from_bytes);
} lb_vector;

const lb_vector *lb_vector_choose(const lb_cpu *cpu);
/* The rows of the table that this CPU can run, from the baseline up; NULL after the last. */
const lb_vector *lb_vector_at(const lb_cpu *cpu, size_t index);

/* ---- scratch memory (scratch.c) ----------------------------------------------------------------
 */

typedef struct lb_rope_table
{
    float *frequencies;   /* [n_pairs] of which the table was made */
    float *cosine, *sine; /* [n_positions, n_pairs] */
    size_t n_pairs, n_positions;
} lb_rope_table;

void lb_rope_table_free(lb_rope_table *table);

struct lb_scratch
{
    const lb_vector *vector;
    char *memory; /* n_workers parts of worker_bytes, then shared_bytes */
    size_t worker_bytes, shared_bytes;
    unsigned n_workers;
    lb_rope_table rope;
    const struct lb_tile_set *tiles;
    char *tile_memory;   /* n_workers parts of lb_tile_worker_bytes() */
    char *tile_operands; /* of lb_tile_run */
    size_t tile_operand_bytes;
};

/* Room for one operation; what was there is lost. Allocates only to grow. */
lobass_status lb_scratch_reserve(struct lb_scratch *scratch, size_t worker_bytes,
                                 size_t shared_bytes, lobass_error *error);
void *lb_scratch_worker(const struct lb_scratch *scratch, unsigned worker);
void *lb_scratch_shared(const struct lb_scratch *scratch);
/* COUNT * element_bytes up to a cache line, added to *TOTAL; a sum that does not fit sticks at
 * SIZE_MAX and is then refused by lb_scratch_reserve. */
void lb_scratch_add(size_t *total, size_t count, size_t element_bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the operations of this layer share, and nobody else sees: the table of matrix products that
 * makes a backend, the table of vector loops that fits the CPU, the scratch memory, and the fixed
 * cuts of the work. An operation is written once over these tables; a backend is a row of products.
 */
#ifndef LB_COMPUTE_KERNELS_H
#define LB_COMPUTE_KERNELS_H

#include <stdatomic.h>

#include "compute/compute.h"

/* ---- cuts: they depend on the shapes only, so the bits do not depend on the threads ------------
 */

enum
{
    LB_ROW_BLOCK = 512,    /* tokens in one product */
    LB_ROW_ROUND = 32,     /* a last block of tokens may be rounded up to a multiple of this */
    LB_COLUMN_BLOCK = 512, /* columns of one product at most */
    LB_INNER_BLOCK = 512,  /* of the inner dimension, where that is the tokens (the operands then
                              stay in cache: 160 against 136 GFLOP/s) or is converted first */
    LB_VOCABULARY_BLOCK = 512, /* logits of a row at once */
    LB_PANEL = 32,             /* columns of the right operand that lie side by side when packed */
    LB_SUM_BLOCK = 64,         /* columns of which one chunk sums all rows */
    LB_WANTED_CHUNKS = 16,     /* what a product is cut into at least, while blocks stay sensible */
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

/* Width of the column blocks of a [n_rows, n_columns] result. */
size_t lb_column_block(size_t n_rows, size_t n_columns);

/* ---- products ----------------------------------------------------------------------------------
 */

struct lb_scratch;

/* c[m, n] (+)= op(a)[m, k] op(b)[k, n], rows ld* elements apart. */
typedef struct lb_product
{
    size_t m, n, k;
    const void *a, *b;
    size_t lda, ldb;
    bool is_a_transposed, is_b_transposed, is_added;
    float *c;
    size_t ldc;
    bool is_b_bf16;   /* b holds bf16 values; for kinds that pack their operands themselves */
    bool is_b_panels; /* b is packed as lb_weights_pack does it; ldb: lb_packed_depth(k) */
} lb_product;

/* How one kind of product is computed. Operands are fp32 or bf16; results and sums are fp32. */
typedef struct lb_gemm
{
    const char *name;
    size_t element_bytes; /* of an operand */
    size_t row_multiple;  /* token rows are rounded up to it, the added rows being zero */
    /* operand <- fp32 activations; NULL: they are operands as they stand. */
    void (*convert)(const struct lb_scratch *scratch, void *operand, const float *values,
                    size_t count);
    /* operand <- bf16 weights; NULL: they are operands as they stand. */
    void (*convert_weights)(const struct lb_scratch *scratch, void *operand, const uint16_t *values,
                            size_t count);
    /* 0, or the failing library's own status. */
    int (*multiply)(struct lb_scratch *scratch, unsigned worker, const lb_product *product);
    bool is_packing; /* a is fp32; b fp32, bf16 or panels: converted while it is packed */
} lb_gemm;

extern const lb_gemm lb_gemm_plain, lb_gemm_plain_bf16;
/* Our own, cpu/tile_gemm.c. */
extern const lb_gemm lb_gemm_tiles, lb_gemm_tiles_bf16;
/* oneDNN: fp32; bf16 widened to fp32 (its bf16 primitives are slower without AMX); bf16 as it is.
 */
extern const lb_gemm lb_gemm_onednn, lb_gemm_onednn_widened, lb_gemm_onednn_bf16;

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
    void (*widen_bf16)(float *y, const uint16_t *x, size_t count);
    /* to[j][i] = from[i][j] for 16 x 16 words of four bytes; rows so many bytes apart, at any
     * address. */
    void (*turn)(void *to, size_t to_bytes, const void *from, size_t from_bytes);
    /* c[m, n] (+)= a b for the four layouts, through PRODUCT's own strides. */
    void (*multiply)(const lb_product *product);
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
    const lb_gemm *fp32, *bf16;
    char *memory; /* n_workers parts of worker_bytes, then shared_bytes */
    size_t worker_bytes, shared_bytes;
    unsigned n_workers;
    lb_rope_table rope;
    const struct lb_tile_set *tiles; /* of attention, and of lb_gemm_tiles* */
    char *tile_memory;               /* n_workers parts of lb_tile_worker_bytes() */
    char *tile_operands;             /* of lb_tile_run */
    size_t tile_operand_bytes;
    struct lb_onednn *onednn; /* for lb_gemm_onednn_bf16 only, else NULL */
};

/* Room for one operation; what was there is lost. Allocates only to grow. */
lobass_status lb_scratch_reserve(struct lb_scratch *scratch, size_t worker_bytes,
                                 size_t shared_bytes, lobass_error *error);
void *lb_scratch_worker(const struct lb_scratch *scratch, unsigned worker);
void *lb_scratch_shared(const struct lb_scratch *scratch);
/* COUNT * element_bytes up to a cache line, added to *TOTAL; a sum that does not fit sticks at
 * SIZE_MAX and is then refused by lb_scratch_reserve. */
void lb_scratch_add(size_t *total, size_t count, size_t element_bytes);

/* The product for weights W, and its state for this computation. */
const lb_gemm *lb_gemm_for(const struct lb_scratch *scratch, const lb_matrix *w);

/* ---- operands (operand.c) ----------------------------------------------------------------------
 */

/* A block of an operand: where it is and how far apart its rows are. */
typedef struct lb_operand
{
    const void *data;
    size_t ld;
    bool is_bf16, is_panels; /* as in lb_product */
} lb_operand;

/* values[n_rows, n_columns] (rows ld apart) as an operand, in MEMORY if it must be converted; then
 * with rows up to ROWS_WANTED, the added ones zero. */
lb_operand lb_operand_from_values(const struct lb_scratch *scratch, const lb_gemm *gemm,
                                  void *memory, const float *values, size_t ld, size_t n_rows,
                                  size_t n_columns, size_t rows_wanted);
/* The block of W that starts at (row, column). */
lb_operand lb_operand_from_weights(const struct lb_scratch *scratch, const lb_gemm *gemm,
                                   void *memory, const lb_matrix *w, size_t row, size_t column,
                                   size_t n_rows, size_t n_columns);

/* What chunks report: the first failure of a product, 0 for none. */
typedef struct lb_failure
{
    atomic_int code;
} lb_failure;

void lb_multiply(struct lb_scratch *scratch, unsigned worker, const lb_gemm *gemm,
                 const lb_product *product, lb_failure *failure);
lobass_status lb_failure_status(lb_failure *failure, const lb_gemm *gemm, lobass_error *error);

/* ---- our own products (cpu/tile_gemm.c) --------------------------------------------------------
 */

size_t lb_tile_worker_bytes(void); /* a worker's packed operands */
/* Values between a panel's first and the next one's, for one of its columns: N_IN, a whole pair. */
size_t lb_packed_depth(size_t n_in);
/* Where value (row, column) of a packed matrix is, in elements. */
size_t lb_packed_place(const lb_matrix *w, size_t row, size_t column);
const struct lb_tile_set *lb_tile_choose(const lb_cpu *cpu);
/* A whole product on all threads, each operand packed once (cpu/tile_run.c); k > 0. Not from within
 * a chunk of work. */
lobass_status lb_tile_run(lb_compute *c, const lb_product *product, bool is_bf16,
                          lobass_error *error);

/* ---- state of the bf16 primitives (cpu/onednn_bf16.c) ------------------------------------------
 */

lobass_status lb_onednn_create(struct lb_onednn **onednn, unsigned n_workers, lobass_error *error);
void lb_onednn_free(struct lb_onednn *onednn);

#endif

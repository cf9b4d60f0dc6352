/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the benchmark share: named shapes and rows of random ids (rows.c), the
 * bare matrix products of a model (products.c), the turns that time one against the other
 * (bench.c) and the two parts that take them (forward.c, train.c).
 */
#ifndef LB_BENCH_H
#define LB_BENCH_H

#include "task/task.h"

/* One call of lobass_bench. */
typedef struct lb_bench
{
    const lobass_bench_options *options;
    const lobass_observer *observer;
    lobass_bench_result *result;
    lb_config config;
    lb_dtype dtype;
    size_t pack_tokens;
    unsigned n_threads;
} lb_bench;

/* ---- shapes and rows (rows.c) ---------------------------------------------------------- */

/* PACK_TOKENS: the most that a turn of this shape should take a thread. */
lobass_status lb_bench_shape_find(lb_config *config, size_t *pack_tokens, const char *name,
                                  lobass_error *error);
/* Parameters and the bytes they take in DTYPE, norms in fp32. */
void lb_bench_count(const lb_config *config, lb_dtype dtype, uint64_t *n_parameters,
                    uint64_t *n_bytes);

#define LB_BENCH_ROW_LEAST 32 /* tokens of the shortest row */
#define LB_BENCH_ROW_MOST 512

/* An endless source of rows; the same for the same seed. */
typedef struct lb_bench_rows
{
    lb_random random;
    double place; /* in [0, 1): where in the distribution of lengths the last row was taken */
    size_t n_vocabulary;
    bool is_response_only;
    int32_t *ids;   /* of one row */
    uint8_t *flags; /* of one row */
} lb_bench_rows;

lobass_status lb_bench_rows_create(lb_bench_rows *rows, const lb_bench *bench, lobass_error *error);
void lb_bench_rows_free(lb_bench_rows *rows);
/* Adds rows to an empty BUILDER until MAX_TOKENS are filled but for less than the shortest row. */
lobass_status lb_bench_rows_pack(lb_bench_rows *rows, lb_batch_builder *builder, size_t max_tokens,
                                 lobass_error *error);

/* The packs of one turn of a part: to score, one a thread, of pack_tokens; to train on, the tokens
 * of one of them, in packs as training cuts a batch. */
typedef struct lb_bench_packs
{
    lb_batch_builder *builders; /* [count] */
    size_t count, max_tokens;
    size_t n_rows, n_tokens, n_scored; /* of them all */
} lb_bench_packs;

lobass_status lb_bench_packs_create(lb_bench_packs *packs, const lb_bench *bench, unsigned part,
                                    lobass_error *error);
void lb_bench_packs_free(lb_bench_packs *packs);

/* ---- the bare products (products.c) ------------------------------------------------------
 */

/* Every matrix of the model against rows of its width, and nothing else. */
typedef struct lb_products
{
    const lb_model *model;
    lb_compute *compute;
    /* [max_tokens, widest]: shared by all products, each of which uses its own width. */
    float *x, *y, *grad_x, *grad_y;
} lb_products;

/* The backend that is fastest at the products of a layer, on one thread; IS_SCORING: with weights
 * held as it likes them best for that. */
lobass_status lb_products_backend(const char **name, const lb_config *config, lb_dtype dtype,
                                  bool is_scoring, lobass_error *error);
lobass_status lb_products_create(lb_products **products, const lb_model *model, const char *backend,
                                 unsigned n_threads, size_t max_tokens, lobass_error *error);
void lb_products_free(lb_products *products);
/* The products of one forward of N tokens with N_SCORED at the head. */
lobass_status lb_products_forward(lb_products *products, size_t n, size_t n_scored,
                                  lobass_error *error);
/* Those of its backward; GRADS as for lb_decoder_backward, and spoilt. */
lobass_status lb_products_backward(lb_products *products, size_t n, size_t n_scored,
                                   float *const *grads, lobass_error *error);

/* ---- turns (bench.c) --------------------------------------------------------------------------
 */

typedef struct lb_bench_part
{
    const char *stage;
    lobass_status (*real)(void *context, lobass_error *error);
    lobass_status (*products)(void *context, lobass_error *error);
    /* What the products need, once, after the first turn of the real thing; not timed. */
    lobass_status (*prepare)(void *context, lobass_error *error);
    void (*restore)(void *context); /* after the products, not timed; may be NULL */
    void *context;
} lb_bench_part;

/* Fills in RATE from its counts of tokens and the turns that fit in the time. */
lobass_status lb_bench_turns(const lb_bench *bench, const lb_bench_part *part,
                             lobass_bench_rate *rate, lobass_error *error);

lobass_status lb_bench_forward(lb_bench *bench, lobass_error *error);
lobass_status lb_bench_train(lb_bench *bench, lobass_error *error);

#endif

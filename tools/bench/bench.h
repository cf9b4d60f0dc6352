/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass-bench: how fast a model of given shapes is scored and trained on this machine, and what
 * fraction that is of the speed of its matrix products alone. Named shapes and rows of random ids
 * (rows.c), the bare products (products.c), the turns that time one against the other (bench.c) and
 * the two parts that take them (forward.c, train.c).
 */
#ifndef LB_BENCH_H
#define LB_BENCH_H

#include "pass/pass.h"

/* ---- what is asked for, and what comes out (bench.c) ----------------------------------------- */

typedef struct lb_machine
{
    char cpu[64]; /* the processor's name */
    bool has_avx2, has_avx512, has_avx512_bf16, has_amx_bf16;
    uint32_t n_processors; /* that this process may use */
    uint64_t memory_bytes; /* that can be had now */
} lb_machine;

void lb_machine_detect(lb_machine *machine);

/* What can be timed, as bits. */
enum
{
    LB_BENCH_FORWARD = 1,
    LB_BENCH_TRAIN = 2
};

typedef struct lb_bench_options
{
    const char *shape; /* a name of lb_bench_shape_name() */
    lobass_dtype dtype;
    uint32_t n_threads;
    double seconds;        /* about how long each of the parts is timed */
    bool is_response_only; /* score the end of each row, as after a prompt, instead of all of it */
    unsigned parts;        /* LB_BENCH_*; what is left out stays NaN */
    uint32_t pack_tokens;  /* tokens a thread works on at once; 0: as measure does, less for the
                              largest shapes */
    uint64_t seed;         /* of weights, lengths and ids */
} lb_bench_options;

/* One part. Turns of the real thing and of its bare matrix products alternate in one process; rates
 * are those of the median turn, and the fraction is the median of the turns' own ratios. */
typedef struct lb_bench_rate
{
    double tokens_per_second;        /* of all tokens, scored or not; NaN: not measured */
    double matmul_tokens_per_second; /* what the same products alone reach */
    double fraction;                 /* the first by the second */
    uint32_t n_turns;
    uint64_t n_rows, n_tokens, n_scored_tokens; /* of a turn */
    uint64_t peak_rss_bytes;           /* of the process, after the first turn of the real thing */
    char backend[32];                  /* what multiplies, such as "native/amx_bf16" */
    char skipped[LOBASS_SKIPPED_SIZE]; /* why it was not measured; empty: it was */
} lb_bench_rate;

typedef struct lb_bench_result
{
    lb_machine machine;
    lobass_dtype dtype;
    uint32_t n_threads, pack_tokens;
    uint64_t n_parameters, weight_bytes; /* as they are held for scoring */
    lb_bench_rate forward, train;
    uint64_t peak_rss_bytes; /* of the process so far */
} lb_bench_result;

lb_bench_options lb_bench_options_default(void);
/* "stories-15m", "smollm-135m", ...; static; NULL after the last. */
const char *lb_bench_shape_name(size_t index);
/* Times scoring and training of a model with random weights, made in memory, on rows with lengths
 * like Alpaca's (32 to 512, mean about 110). A part that does not fit in memory is skipped and says
 * why. */
lobass_status lb_bench_run(const lb_bench_options *options, const lobass_observer *observer,
                           lb_bench_result *result, lobass_error *error);

/* The lengths of the rows of one turn of PART, a LB_BENCH_* bit: what another program must be
 * given to do the same work. *LENGTHS [*COUNT] is yours: free(). */
lobass_status lb_bench_lengths(const lb_bench_options *options, unsigned part, uint32_t **lengths,
                               size_t *count, lobass_error *error);

/* ---- one call ----------------------------------------------------------------------------- */

/* One call of lb_bench_run. */
typedef struct lb_bench
{
    const lb_bench_options *options;
    const lobass_observer *observer;
    lb_bench_result *result;
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

lobass_status lb_products_create(lb_products **products, const lb_model *model, unsigned n_threads,
                                 size_t max_tokens, lobass_error *error);
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
lobass_status lb_bench_turns(const lb_bench *bench, const lb_bench_part *part, lb_bench_rate *rate,
                             lobass_error *error);

lobass_status lb_bench_forward(lb_bench *bench, lobass_error *error);
lobass_status lb_bench_train(lb_bench *bench, lobass_error *error);

#endif

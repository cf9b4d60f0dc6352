/* SPDX-License-Identifier: Apache-2.0
 *
 * L2. The operations, each a forward and its backward, over fp32 activations and fp32 or bf16
 * weights; every one can fail. Work is cut in chunks that depend on the problem only and partial
 * sums are added in chunk order: the same bits for any number of threads. What comes out for a row
 * does not depend on the other rows of a call, nor on their number.
 *
 * Shapes: n tokens, d hidden size, h query heads, g key/value heads (g divides h), s head size,
 * v vocabulary.
 * Every backward ADDS into grad_* arguments unless it says "writes".
 */
#ifndef LB_COMPUTE_H
#define LB_COMPUTE_H

#include "base/base.h"

/* Sequences laid end to end without padding. A sequence may go on where an earlier one ends: the
 * tokens of its parent, and of the parent's parents, come before its own. What rows have in common
 * is thus there once. */
typedef struct lb_batch
{
    size_t n_tokens;
    const int32_t *ids; /* [n_tokens], each in [0, v) */
    size_t n_sequences;
    const uint32_t *starts;  /* [n_sequences + 1], ascending from 0 to n_tokens */
    const uint32_t *parents; /* [n_sequences], an earlier one or LB_NO_PARENT; NULL: none has */
    const uint32_t *n_kept;  /* [n_sequences] tokens that come before a sequence's own and are not
                                in the batch but in kept memory. NULL: none */
    size_t n_scored;
    const uint32_t *scored; /* [n_scored], ascending: the token is predicted from the one before it,
                               in its sequence or at the end of its parent */
} lb_batch;

#define LB_NO_PARENT UINT32_MAX

static inline uint32_t lb_batch_parent(const lb_batch *batch, size_t sequence)
{
    return batch->parents == NULL ? LB_NO_PARENT : batch->parents[sequence];
}

/* Where the keys and values of a sequence stay for the calls to come, of one layer. */
typedef struct lb_kept
{
    float *memory;   /* [lb_kept_count()], zero at first; in the order that attention reads */
    size_t capacity; /* tokens that it has room for */
} lb_kept;

/* Values that CAPACITY tokens with g heads of size s take. */
lobass_status lb_kept_count(size_t *count, size_t capacity, size_t g, size_t s,
                            lobass_error *error);

/* Tokens that come before a sequence's own. */
size_t lb_batch_offset(const lb_batch *batch, size_t sequence);
/* positions[n_tokens]: how many tokens come before each. */
void lb_batch_positions(const lb_batch *batch, uint32_t *positions);

/* A weight matrix [n_out, n_in], row-major, or packed for scoring: then products read it as it
 * lies, and nothing but linear_forward, embedding_forward and cross_entropy_forward takes it. */
typedef struct lb_matrix
{
    size_t n_out, n_in;
    const float *fp32; /* one of the two is set */
    const uint16_t *bf16;
    bool is_packed; /* panels of lb_weights_pack */
} lb_matrix;

typedef struct lb_compute lb_compute;

/* Elements of the packed form: n_out rounded up to a panel, n_in to a pair. */
lobass_status lb_packed_count(size_t *count, size_t n_out, size_t n_in, lobass_error *error);
/* PANELS[lb_packed_count] of W's own kind <- W, row-major. Rows FIRST_ROW (a multiple of
 * lb_packed_rows()) and on, so that a matrix can be packed piece by piece: W is then the piece. */
void lb_weights_pack(void *panels, const lb_matrix *w, size_t first_row);
size_t lb_packed_rows(void); /* of a panel */
/* What decides the bits of losses beside the dtype: "native/fma", "native/avx512_bf16", ...:
 * computations with one description give equal ones. IS_BF16: with weights of that kind. */
void lb_compute_describe(const lb_compute *c, bool is_bf16, char *text, size_t size);

typedef struct lb_adamw
{
    double beta1, beta2, epsilon;
} lb_adamw;

/* A pool of threads and the scratch memory that operations share. Not for two threads
 * at once: make one for each, with n_threads 1, where whole batches run side by side. */
struct lb_compute
{
    lb_pool *pool;
    struct lb_scratch *scratch; /* owned by the implementation */
};

/* With the instructions that lb_cpu_choose() finds. */
lobass_status lb_compute_create(lb_compute **compute, unsigned n_threads, lobass_error *error);
void lb_compute_free(lb_compute *compute);

/* ---- operations --------------------------------------------------------------------------------
 */

/* y[n, n_out] = x[n, n_in] w^T + bias[n_out] (NULL: none). With bf16 weights x is rounded to bf16
 * and products are summed in fp32. */
lobass_status lb_linear_forward(lb_compute *c, float *y, const float *x, const lb_matrix *w,
                                const float *bias, size_t n, lobass_error *error);
/* grad_x[n, n_in] += grad_y w; grad_w[n_out, n_in] += grad_y^T x; grad_bias += column sums. Any of
 * the three may be NULL. */
lobass_status lb_linear_backward(lb_compute *c, float *grad_x, float *grad_w, float *grad_bias,
                                 const float *grad_y, const float *x, const lb_matrix *w, size_t n,
                                 lobass_error *error);

/* x[n, d] = rows of table[v, d]. */
lobass_status lb_embedding_forward(lb_compute *c, float *x, const lb_matrix *table,
                                   const int32_t *ids, size_t n, lobass_error *error);
lobass_status lb_embedding_backward(lb_compute *c, float *grad_table, const float *grad_x,
                                    const int32_t *ids, size_t n, size_t d, lobass_error *error);

/* y = x * r * gain, r = 1/sqrt(mean(x^2) + epsilon); inverse_rms[n] receives r. */
lobass_status lb_rms_norm_forward(lb_compute *c, float *y, float *inverse_rms, const float *x,
                                  const float *gain, float epsilon, size_t n, size_t d,
                                  lobass_error *error);
lobass_status lb_rms_norm_backward(lb_compute *c, float *grad_x, float *grad_gain,
                                   const float *grad_y, const float *x, const float *gain,
                                   const float *inverse_rms, size_t n, size_t d,
                                   lobass_error *error);

/* Rotates the pairs (x[i], x[i + s/2]) of every head in place by angle position * frequency[i]
 * (Hugging Face's layout). positions[n]; frequencies[s/2] in radians per position. */
lobass_status lb_rope_forward(lb_compute *c, float *x, const uint32_t *positions, size_t n,
                              const float *frequencies, size_t n_heads, size_t head_size,
                              lobass_error *error);
lobass_status lb_rope_backward(lb_compute *c, float *grad_x, const uint32_t *positions, size_t n,
                               const float *frequencies, size_t n_heads, size_t head_size,
                               lobass_error *error);

typedef struct lb_attention_shape
{
    size_t h, g, s;
    float scale; /* of the scores; lb_attention_scale(s) where a model says nothing else */
} lb_attention_shape;

/* 1 / sqrt(s) */
float lb_attention_scale(size_t s);

/* Causal attention of each sequence to itself and its parents; query head i uses key head
 * i / (h / g). Of all n tokens, or of the m tokens QUERIES, ascending. */
typedef struct lb_attention
{
    lb_attention_shape shape;
    const float *q;     /* [m, h*s] */
    const float *k, *v; /* [n, g*s] */
    const lb_batch *batch;
    const uint32_t *queries; /* [n_queries]; NULL: all n */
    size_t n_queries;
    const lb_kept *kept; /* [n_sequences], for sequences that go on from call to call and have no
                            parents: hold the keys and values of the batch's n_kept tokens and take
                            in those of the batch. NULL: nothing stays */
    float *out;          /* [m, h*s]: written by the forward, read by the backward; and */
    float *log_sum_exp;  /* [m, h] of the scaled scores */
} lb_attention;

lobass_status lb_attention_forward(lb_compute *c, const lb_attention *a, lobass_error *error);
/* All tokens are queries; a batch whose sequences have parents is not supported. */
lobass_status lb_attention_backward(lb_compute *c, float *grad_q, float *grad_k, float *grad_v,
                                    const float *grad_out, const lb_attention *a,
                                    lobass_error *error);

/* y = silu(gate) * up, all [n, d]. */
lobass_status lb_swiglu_forward(lb_compute *c, float *y, const float *gate, const float *up,
                                size_t n, size_t d, lobass_error *error);
/* WRITES grad_gate and grad_up. */
lobass_status lb_swiglu_backward(lb_compute *c, float *grad_gate, float *grad_up,
                                 const float *grad_y, const float *gate, const float *up, size_t n,
                                 size_t d, lobass_error *error);

/* x += y, [n * d]. */
lobass_status lb_add(lb_compute *c, float *x, const float *y, size_t n, size_t d,
                     lobass_error *error);

/* nll[n] = log_sum_exp[n] - logit of the target, logits = x[n, d] head^T, in chunks of the
 * vocabulary: the [n, v] matrix never exists. el2n[n] = |softmax(logits) - onehot(target)|, from 0
 * to sqrt(2), precise also near 0; NULL: not wanted. */
lobass_status lb_cross_entropy_forward(lb_compute *c, float *nll, float *log_sum_exp, float *el2n,
                                       const float *x, const lb_matrix *head,
                                       const int32_t *targets, size_t n, lobass_error *error);
/* With grad_logit = scale * (softmax - onehot): grad_x += grad_logit head;
 * grad_head[v, d] += grad_logit^T x (NULL: not wanted). */
lobass_status lb_cross_entropy_backward(lb_compute *c, float *grad_x, float *grad_head,
                                        const float *x, const lb_matrix *head,
                                        const int32_t *targets, const float *log_sum_exp,
                                        float scale, size_t n, lobass_error *error);

/* One AdamW step on count values: m, v moments; bias corrections 1 - beta^step are applied;
 * w -= rate * (m_hat / (sqrt(v_hat) + epsilon) + weight_decay * w). */
lobass_status lb_adamw_step(lb_compute *c, float *w, float *m, float *v, const float *grad,
                            float grad_scale, const lb_adamw *settings, uint64_t step, float rate,
                            float weight_decay, size_t count, lobass_error *error);
/* Sum of squares in double, the same for any number of threads. */
lobass_status lb_sum_of_squares(lb_compute *c, double *sum, const float *x, size_t count,
                                lobass_error *error);

typedef struct lb_cpu
{
    bool has_avx2, has_avx512, has_avx512_bf16, has_amx_bf16;
    /* Products in bf16 beat those in fp32, whatever the model: with AMX (measured from d 64 on,
     * bench/NOTES.md), or AVX512-BF16 on AMD (twice as fast as fp32 on Zen 4; on Intel without AMX
     * no faster). */
    bool has_fast_bf16;
} lb_cpu;

lb_cpu lb_cpu_detect(void);
/* The same up to the level that the environment variable LOBASS_CPU names (plain, avx2, avx512,
 * avx512_bf16, amx), so that every path can be run on one machine; another name is refused. */
lobass_status lb_cpu_choose(lb_cpu *cpu, lobass_error *error);

#endif

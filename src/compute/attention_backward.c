/* SPDX-License-Identifier: Apache-2.0
 *
 * The gradient of causal attention (attention.c). Only a block of scores exists at a time: p is
 * recomputed from log_sum_exp (Dao et al. 2022). With dp[i, j] = grad_out[i].v[j] and
 * D[i] = sum_j p[i, j] dp[i, j] = grad_out[i].out[i]:
 *     ds[i, j]  = scale p[i, j] (dp[i, j] - D[i])
 *     grad_q[i] = sum_j ds[i, j] k[j]     grad_k[j] = sum_i ds[i, j] q[i]
 *     grad_v[j] = sum_i p[i, j] grad_out[i]
 * the sums over i running through all query heads that share the key/value head. A chunk is one
 * sequence and one key/value head with all the query heads it serves: nothing is written by two
 * chunks, and sums have one order.
 */
#include <string.h>

#include "compute/kernels.h"

enum
{
    QUERY_BLOCK = 128,
    KEY_BLOCK = 256 /* a multiple of QUERY_BLOCK: then every query of a block sees its first key */
};

typedef struct attention
{
    struct lb_scratch *scratch;
    lb_attention given;
    const float *grad_out;
    float *grad_q, *grad_k, *grad_v;
} attention;

/* A worker's blocks. */
typedef struct blocks
{
    float *scores;          /* [QUERY_BLOCK, KEY_BLOCK], then probabilities */
    float *grad;            /* [QUERY_BLOCK, KEY_BLOCK] */
    float row[QUERY_BLOCK]; /* grad_out.out */
} blocks;

/* Where a block of queries and keys lies; all heads are counted in rows of their own array. */
typedef struct place
{
    size_t query, n_queries; /* first token in the batch, and how many */
    size_t key, n_keys;
    size_t head, kv_head;
    size_t first_token; /* of the sequence */
} place;

static lobass_status reserve(lb_compute *c, lobass_error *error)
{
    size_t total = 0;
    lb_scratch_add(&total, (size_t)2 * QUERY_BLOCK * KEY_BLOCK, sizeof(float));
    return lb_scratch_reserve(c->scratch, total, 0, error);
}

static blocks worker_blocks(const attention *a, unsigned worker)
{
    float *memory = (float *)lb_scratch_worker(a->scratch, worker);
    blocks b = {.scores = memory, .grad = memory + (size_t)QUERY_BLOCK * KEY_BLOCK};
    return b;
}

/* Keys of the block that query row I may see. */
static size_t visible_keys(const place *p, size_t i)
{
    return lb_min(p->n_keys, p->query + i - p->key + 1);
}

/* scores[n_queries, n_keys] = rows of A (query side) times rows of B (key side), transposed. */
static void multiply_scores(const attention *a, unsigned worker, const place *p, float *scores,
                            const float *by_query, const float *by_key)
{
    const lb_product product = {
        .m = p->n_queries,
        .n = p->n_keys,
        .k = a->given.shape.s,
        .a = by_query + (p->query * a->given.shape.h + p->head) * a->given.shape.s,
        .lda = a->given.shape.h * a->given.shape.s,
        .b = by_key + (p->key * a->given.shape.g + p->kv_head) * a->given.shape.s,
        .ldb = a->given.shape.g * a->given.shape.s,
        .is_b_transposed = true,
        .c = scores,
        .ldc = KEY_BLOCK};
    lb_tile_gemm(a->scratch, worker, &product);
}

/* grad_key_side[n_keys, s] += block^T rows of BY_QUERY. */
static void add_to_keys(const attention *a, unsigned worker, const place *p, float *grad_key_side,
                        const float *block, const float *by_query)
{
    const lb_product product = {
        .m = p->n_keys,
        .n = a->given.shape.s,
        .k = p->n_queries,
        .a = block,
        .lda = KEY_BLOCK,
        .is_a_transposed = true,
        .b = by_query + (p->query * a->given.shape.h + p->head) * a->given.shape.s,
        .ldb = a->given.shape.h * a->given.shape.s,
        .is_added = true,
        .c = grad_key_side + (p->key * a->given.shape.g + p->kv_head) * a->given.shape.s,
        .ldc = a->given.shape.g * a->given.shape.s};
    lb_tile_gemm(a->scratch, worker, &product);
}

static void backward_block(const attention *a, unsigned worker, blocks *b, const place *p)
{
    const lb_vector *vector = a->scratch->vector;
    multiply_scores(a, worker, p, b->scores, a->given.q, a->given.k);
    multiply_scores(a, worker, p, b->grad, a->grad_out, a->given.v);
    for (size_t i = 0; i < p->n_queries; i++)
    {
        float *probability = b->scores + i * KEY_BLOCK;
        float *grad = b->grad + i * KEY_BLOCK;
        const size_t n_visible = visible_keys(p, i);
        const size_t hidden_bytes = (p->n_keys - n_visible) * sizeof *grad;
        const float shift = a->given.log_sum_exp[(p->query + i) * a->given.shape.h + p->head];
        (void)vector->exponential(probability, probability, a->given.shape.scale, shift, n_visible);
        vector->softmax_backward(grad, probability, b->row[i], a->given.shape.scale, n_visible);
        memset(probability + n_visible, 0, hidden_bytes);
        memset(grad + n_visible, 0, hidden_bytes);
    }
    add_to_keys(a, worker, p, a->grad_v, b->scores, a->grad_out);
    add_to_keys(a, worker, p, a->grad_k, b->grad, a->given.q);
    const lb_product product = {
        .m = p->n_queries,
        .n = a->given.shape.s,
        .k = p->n_keys,
        .a = b->grad,
        .lda = KEY_BLOCK,
        .b = a->given.k + (p->key * a->given.shape.g + p->kv_head) * a->given.shape.s,
        .ldb = a->given.shape.g * a->given.shape.s,
        .is_added = true,
        .c = a->grad_q + (p->query * a->given.shape.h + p->head) * a->given.shape.s,
        .ldc = a->given.shape.h * a->given.shape.s};
    lb_tile_gemm(a->scratch, worker, &product);
}

static void backward_head(const attention *a, unsigned worker, blocks *b, place *p,
                          size_t last_token)
{
    for (p->query = p->first_token; p->query < last_token; p->query += QUERY_BLOCK)
    {
        p->n_queries = lb_min(QUERY_BLOCK, last_token - p->query);
        const size_t last = p->query + p->n_queries;
        for (size_t i = 0; i < p->n_queries; i++)
        {
            const size_t first = ((p->query + i) * a->given.shape.h + p->head) * a->given.shape.s;
            b->row[i] = (float)a->scratch->vector->dot(a->grad_out + first, a->given.out + first,
                                                       a->given.shape.s);
        }
        for (p->key = p->first_token; p->key < last; p->key += KEY_BLOCK)
        {
            p->n_keys = lb_min(KEY_BLOCK, last - p->key);
            backward_block(a, worker, b, p);
        }
    }
}

static void backward_chunk(void *context, size_t chunk, unsigned worker)
{
    const attention *a = (const attention *)context;
    blocks b = worker_blocks(a, worker);
    const uint32_t *starts = a->given.batch->starts + chunk / a->given.shape.g;
    const size_t group = a->given.shape.h / a->given.shape.g;
    place p = {.kv_head = chunk % a->given.shape.g, .first_token = starts[0]};
    for (p.head = p.kv_head * group; p.head < (p.kv_head + 1) * group; p.head++)
    {
        backward_head(a, worker, &b, &p, starts[1]);
    }
}

lobass_status lb_attention_backward(lb_compute *c, float *grad_q, float *grad_k, float *grad_v,
                                    const float *grad_out, const lb_attention *given,
                                    lobass_error *error)
{
    attention a = {.scratch = c->scratch,
                   .given = *given,
                   .grad_out = grad_out,
                   .grad_q = grad_q,
                   .grad_k = grad_k,
                   .grad_v = grad_v};
    if (given->batch->parents != NULL)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "attention: sequences with parents have no gradient here");
    }
    LB_TRY(reserve(c, error));
    lb_pool_run(c->pool, given->batch->n_sequences * given->shape.g, backward_chunk, &a);
    return LOBASS_OK;
}

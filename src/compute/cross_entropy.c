/* SPDX-License-Identifier: Apache-2.0
 *
 * The head and its cross-entropy in one: with logits z[i] = x[i] head^T over v words, y the target,
 *     log_sum_exp[i] = log sum_w exp z[i, w],   nll[i] = log_sum_exp[i] - z[i, y],
 *     el2n[i] = |p - onehot(y)| = sqrt(sum_w p_w^2 - 2 p_y + 1),   p = softmax(z[i]).
 * The last is the error L2 norm of Paul et al., "Deep Learning on a Data Diet", arXiv 2107.07075.
 *
 * The [n, v] logits never exist. The forward goes through the vocabulary a block at a time and
 * keeps, per row, the maximum and the sum (in double) of exponentials over it. To occupy all
 * threads where rows are few, the vocabulary is also cut into parts; their number follows from the
 * vocabulary alone, and their sums are merged in order, so that a row's loss does not depend on how
 * many rows there are.
 *
 * Where the model is nearly sure, p_y near 1, the terms under the root would cancel. They are
 * (1 - p_y)^2 + sum_{w != y} p_w^2, so two more sums leave the target out: of the exponentials of
 * the others, which make up 1 - p_y, and of their squares.
 */
#include <math.h>
#include <string.h>

#include "compute/kernels.h"

enum
{
    GRAD_LOGIT_ELEMENTS = 2 * 1024 * 1024 /* of grad_logit kept at once in the backward, about */
};

/* What a part of the vocabulary contributes to a row. */
typedef struct part_sum
{
    double sum;             /* of exp(z - maximum) */
    double others, squares; /* of the same and of its square, without the target; for el2n */
    float maximum;          /* of z */
    float target;           /* z[target], where the target lies in this part */
} part_sum;

typedef struct cross_entropy
{
    struct lb_scratch *scratch;
    const float *x; /* [n, d] */
    const lb_matrix *head;
    const int32_t *targets;
    size_t n, d, n_row_blocks;
    /* forward */
    part_sum *parts; /* [n, n_parts] */
    size_t n_parts, part_words;
    bool has_el2n;
    /* backward */
    float *grad_x, *grad_head;
    const float *log_sum_exp;
    float scale;
    float *grad_logit; /* [n, stage_words] */
    size_t word, n_words, stage_words;
} cross_entropy;

static cross_entropy begin(const lb_compute *c, const float *x, const lb_matrix *head,
                           const int32_t *targets, size_t n)
{
    return (cross_entropy){.scratch = c->scratch,
                           .x = x,
                           .head = head,
                           .targets = targets,
                           .n = n,
                           .d = head->n_in,
                           .n_row_blocks = lb_blocks(n, LB_ROW_BLOCK)};
}

static size_t block_rows(const cross_entropy *e, size_t row)
{
    return lb_min(LB_ROW_BLOCK, e->n - row);
}

/* The worker's logits[n_rows, LB_VOCABULARY_BLOCK] of rows ROW and on; returns them. */
static float *logits_of(const cross_entropy *e, unsigned worker, size_t row, size_t n_rows,
                        size_t word, size_t n_words)
{
    float *logits = (float *)lb_scratch_worker(e->scratch, worker);
    lb_product product = {.m = n_rows,
                          .n = n_words,
                          .k = e->d,
                          .a = e->x + row * e->d,
                          .lda = e->d,
                          .is_b_transposed = true,
                          .c = logits,
                          .ldc = LB_VOCABULARY_BLOCK};
    lb_product_weights(&product, e->head, word);
    lb_tile_gemm(e->scratch, worker, &product);
    return logits;
}

static size_t worker_bytes(void)
{
    return (size_t)LB_ROW_BLOCK * LB_VOCABULARY_BLOCK * sizeof(float);
}

/* ---- forward -----------------------------------------------------------------------------------
 */

static void part_sum_add(const cross_entropy *e, part_sum *part, float *logits, size_t row,
                         size_t word, size_t n_words)
{
    const lb_vector *vector = e->scratch->vector;
    const size_t target = (size_t)e->targets[row];
    const bool has_target = target >= word && target - word < n_words;
    if (has_target)
    {
        part->target = logits[target - word];
    }
    const float largest = vector->maximum(logits, n_words);
    if (largest > part->maximum)
    {
        const double scale = exp((double)part->maximum - (double)largest);
        part->sum *= scale;
        part->others *= scale;
        part->squares *= scale * scale;
        part->maximum = largest;
    }
    part->sum += vector->exponential(logits, logits, 1.0F, part->maximum, n_words);
    if (e->has_el2n)
    {
        if (has_target)
        {
            logits[target - word] = 0.0F;
        }
        vector->moments_add(&part->others, &part->squares, logits, n_words);
    }
}

static void forward_chunk(void *context, size_t chunk, unsigned worker)
{
    cross_entropy *e = (cross_entropy *)context;
    const size_t part = chunk / e->n_row_blocks;
    const size_t row = chunk % e->n_row_blocks * LB_ROW_BLOCK;
    const size_t n_rows = block_rows(e, row);
    for (size_t i = 0; i < n_rows; i++)
    {
        e->parts[(row + i) * e->n_parts + part] = (part_sum){.maximum = -INFINITY};
    }
    const size_t last = lb_min(e->head->n_out, (part + 1) * e->part_words);
    for (size_t word = part * e->part_words; word < last; word += LB_VOCABULARY_BLOCK)
    {
        const size_t n_words = lb_min(LB_VOCABULARY_BLOCK, last - word);
        float *logits = logits_of(e, worker, row, n_rows, word, n_words);
        for (size_t i = 0; i < n_rows; i++)
        {
            part_sum_add(e, &e->parts[(row + i) * e->n_parts + part],
                         logits + i * LB_VOCABULARY_BLOCK, row + i, word, n_words);
        }
    }
}

static void merge_parts(const cross_entropy *e, float *nll, float *log_sum_exp, float *el2n)
{
    for (size_t row = 0; row < e->n; row++)
    {
        const part_sum *parts = e->parts + row * e->n_parts;
        double largest = (double)parts[0].maximum;
        for (size_t i = 1; i < e->n_parts; i++)
        {
            largest = (double)parts[i].maximum > largest ? (double)parts[i].maximum : largest;
        }
        double sum = 0.0;
        double others = 0.0;
        double squares = 0.0;
        for (size_t i = 0; i < e->n_parts; i++)
        {
            const double scale = exp((double)parts[i].maximum - largest);
            sum += parts[i].sum * scale;
            others += parts[i].others * scale;
            squares += parts[i].squares * scale * scale;
        }
        const size_t of_target = (size_t)e->targets[row] / e->part_words;
        const double total = largest + log(sum);
        log_sum_exp[row] = (float)total;
        nll[row] = (float)(total - (double)parts[of_target].target);
        if (el2n != NULL)
        {
            el2n[row] = (float)(sqrt(others * others + squares) / sum);
        }
    }
}

lobass_status lb_cross_entropy_forward(lb_compute *c, float *nll, float *log_sum_exp, float *el2n,
                                       const float *x, const lb_matrix *head,
                                       const int32_t *targets, size_t n, lobass_error *error)
{
    if (n == 0)
    {
        return LOBASS_OK;
    }
    cross_entropy e = begin(c, x, head, targets, n);
    e.has_el2n = el2n != NULL;
    const size_t n_blocks = lb_blocks(head->n_out, LB_VOCABULARY_BLOCK);
    const size_t wanted = lb_min(n_blocks, LB_WANTED_CHUNKS); /* whatever the rows: the same sums */
    e.part_words = lb_blocks(n_blocks, wanted) * LB_VOCABULARY_BLOCK;
    e.n_parts = lb_blocks(head->n_out, e.part_words);
    size_t shared_bytes = 0;
    lb_scratch_add(&shared_bytes, n * e.n_parts, sizeof *e.parts);
    LB_TRY(lb_scratch_reserve(c->scratch, worker_bytes(), shared_bytes, error));
    e.parts = (part_sum *)lb_scratch_shared(c->scratch);
    lb_pool_run(c->pool, e.n_row_blocks * e.n_parts, forward_chunk, &e);
    merge_parts(&e, nll, log_sum_exp, el2n);
    return LOBASS_OK;
}

/* ---- backward ----------------------------------------------------------------------------------
 *
 * With the upstream gradient SCALE of every nll:
 *     grad_logit[i, w] = scale (exp(z[i, w] - log_sum_exp[i]) - [w = target[i]])
 *     grad_x[i]    = sum_w grad_logit[i, w] head[w]
 *     grad_head[w] = sum_i grad_logit[i, w] x[i]
 *
 * In stages of some thousands of words: first grad_logit of all rows, logits being recomputed, then
 * from it both gradients. grad_x is added to stage after stage, so its sum has one order.
 */

static void grad_logit_chunk(void *context, size_t chunk, unsigned worker)
{
    const cross_entropy *e = (const cross_entropy *)context;
    const size_t row = chunk % e->n_row_blocks * LB_ROW_BLOCK;
    const size_t n_rows = block_rows(e, row);
    const size_t column = chunk / e->n_row_blocks * LB_VOCABULARY_BLOCK;
    const size_t n_words = lb_min(LB_VOCABULARY_BLOCK, e->n_words - column);
    const size_t word = e->word + column;
    const float *logits = logits_of(e, worker, row, n_rows, word, n_words);
    for (size_t i = 0; i < n_rows; i++)
    {
        float *grad = e->grad_logit + (row + i) * e->stage_words + column;
        (void)e->scratch->vector->exponential(grad, logits + i * LB_VOCABULARY_BLOCK, 1.0F,
                                              e->log_sum_exp[row + i], n_words);
        const size_t target = (size_t)e->targets[row + i];
        if (target >= word && target - word < n_words)
        {
            grad[target - word] -= 1.0F;
        }
        for (size_t j = 0; j < n_words; j++)
        {
            grad[j] *= e->scale;
        }
    }
}

/* Both gradients of a stage. */
static lobass_status stage_run(lb_compute *c, cross_entropy *e, lobass_error *error)
{
    lb_pool_run(c->pool, e->n_row_blocks * lb_blocks(e->n_words, LB_VOCABULARY_BLOCK),
                grad_logit_chunk, e);
    lb_product x = {.m = e->n,
                    .n = e->d,
                    .k = e->n_words,
                    .a = e->grad_logit,
                    .lda = e->stage_words,
                    .is_added = true,
                    .c = e->grad_x,
                    .ldc = e->d};
    lb_product_weights(&x, e->head, e->word);
    LB_TRY(lb_tile_run(c, &x, error));
    if (e->grad_head == NULL)
    {
        return LOBASS_OK;
    }
    const lb_product head = {.m = e->n_words,
                             .n = e->d,
                             .k = e->n,
                             .a = e->grad_logit,
                             .lda = e->stage_words,
                             .is_a_transposed = true,
                             .b = e->x,
                             .ldb = e->d,
                             .is_bf16 = e->head->bf16 != NULL,
                             .is_added = true,
                             .c = e->grad_head + e->word * e->d,
                             .ldc = e->d};
    return lb_tile_run(c, &head, error);
}

lobass_status lb_cross_entropy_backward(lb_compute *c, float *grad_x, float *grad_head,
                                        const float *x, const lb_matrix *head,
                                        const int32_t *targets, const float *log_sum_exp,
                                        float scale, size_t n, lobass_error *error)
{
    if (n == 0)
    {
        return LOBASS_OK;
    }
    cross_entropy e = begin(c, x, head, targets, n);
    e.grad_x = grad_x;
    e.grad_head = grad_head;
    e.log_sum_exp = log_sum_exp;
    e.scale = scale;
    const size_t most = lb_round_up(lb_blocks(GRAD_LOGIT_ELEMENTS, n), LB_VOCABULARY_BLOCK);
    e.stage_words = lb_min(most, head->n_out);
    size_t shared_bytes = 0;
    lb_scratch_add(&shared_bytes, n * e.stage_words, sizeof *e.grad_logit);
    LB_TRY(lb_scratch_reserve(c->scratch, worker_bytes(), shared_bytes, error));
    e.grad_logit = (float *)lb_scratch_shared(c->scratch);
    for (; e.word < head->n_out; e.word += e.stage_words)
    {
        e.n_words = lb_min(e.stage_words, head->n_out - e.word);
        LB_TRY(stage_run(c, &e, error));
    }
    return LOBASS_OK;
}

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
    const lb_gemm *gemm;
    lb_failure failure;
    const float *x; /* [n, d] */
    const lb_matrix *head;
    const int32_t *targets;
    size_t n, d, n_row_blocks;
    size_t x_bytes, head_bytes; /* of a worker's converted blocks; its logits come after them */
    /* forward */
    part_sum *parts; /* [n, n_parts] */
    size_t n_parts, part_words;
    bool has_el2n;
    /* backward */
    float *grad_x, *grad_head;
    const float *log_sum_exp;
    float scale;
    char *grad_logit;      /* operand [n padded, stage_words] */
    const void *x_operand; /* [n padded, d] */
    size_t word, n_words, stage_words;
    size_t n_grad_x_chunks, x_column_block, head_column_block;
} cross_entropy;

static size_t product_rows(const cross_entropy *e, size_t n_rows)
{
    return lb_round_up(n_rows, e->gemm->row_multiple);
}

static size_t block_rows(const cross_entropy *e, size_t row)
{
    return lb_min(LB_ROW_BLOCK, e->n - row);
}

/* The worker's logits[rows, LB_VOCABULARY_BLOCK] of the block of words; returns them. */
static float *logits_of(cross_entropy *e, unsigned worker, const lb_operand *x, size_t n_rows,
                        size_t word, size_t n_words)
{
    char *memory = (char *)lb_scratch_worker(e->scratch, worker);
    float *logits = (float *)(void *)(memory + e->x_bytes + e->head_bytes);
    const lb_operand head = lb_operand_from_weights(e->scratch, e->gemm, memory + e->x_bytes,
                                                    e->head, word, 0, n_words, e->d);
    const lb_product product = {.m = product_rows(e, n_rows),
                                .n = n_words,
                                .k = e->d,
                                .a = x->data,
                                .lda = x->ld,
                                .b = head.data,
                                .ldb = head.ld,
                                .is_b_bf16 = head.is_bf16,
                                .is_b_panels = head.is_panels,
                                .is_b_transposed = true,
                                .c = logits,
                                .ldc = LB_VOCABULARY_BLOCK};
    lb_multiply(e->scratch, worker, e->gemm, &product, &e->failure);
    return logits;
}

static void worker_sizes(cross_entropy *e, size_t *worker_bytes)
{
    *worker_bytes = 0;
    if (e->gemm->convert != NULL)
    {
        lb_scratch_add(worker_bytes, LB_ROW_BLOCK * e->d, e->gemm->element_bytes);
        e->x_bytes = *worker_bytes;
        const size_t widest = e->d > LB_COLUMN_BLOCK ? e->d : LB_COLUMN_BLOCK;
        lb_scratch_add(worker_bytes, LB_VOCABULARY_BLOCK * widest, e->gemm->element_bytes);
        e->head_bytes = *worker_bytes - e->x_bytes;
    }
    lb_scratch_add(worker_bytes, (size_t)LB_ROW_BLOCK * LB_VOCABULARY_BLOCK, sizeof(float));
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
    const lb_operand x =
        lb_operand_from_values(e->scratch, e->gemm, lb_scratch_worker(e->scratch, worker),
                               e->x + row * e->d, e->d, n_rows, e->d, product_rows(e, n_rows));
    for (size_t i = 0; i < n_rows; i++)
    {
        e->parts[(row + i) * e->n_parts + part] = (part_sum){.maximum = -INFINITY};
    }
    const size_t last = lb_min(e->head->n_out, (part + 1) * e->part_words);
    for (size_t word = part * e->part_words; word < last; word += LB_VOCABULARY_BLOCK)
    {
        const size_t n_words = lb_min(LB_VOCABULARY_BLOCK, last - word);
        float *logits = logits_of(e, worker, &x, n_rows, word, n_words);
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
    cross_entropy e = {.scratch = c->scratch,
                       .gemm = lb_gemm_for(c->scratch, head),
                       .x = x,
                       .head = head,
                       .targets = targets,
                       .n = n,
                       .d = head->n_in,
                       .n_row_blocks = lb_blocks(n, LB_ROW_BLOCK),
                       .has_el2n = el2n != NULL};
    const size_t n_blocks = lb_blocks(head->n_out, LB_VOCABULARY_BLOCK);
    const size_t wanted = lb_min(n_blocks, LB_WANTED_CHUNKS); /* whatever the rows: the same sums */
    e.part_words = lb_blocks(n_blocks, wanted) * LB_VOCABULARY_BLOCK;
    e.n_parts = lb_blocks(head->n_out, e.part_words);
    size_t worker_bytes = 0;
    size_t shared_bytes = 0;
    worker_sizes(&e, &worker_bytes);
    lb_scratch_add(&shared_bytes, n * e.n_parts, sizeof *e.parts);
    LB_TRY(lb_scratch_reserve(c->scratch, worker_bytes, shared_bytes, error));
    e.parts = (part_sum *)lb_scratch_shared(c->scratch);
    lb_pool_run(c->pool, e.n_row_blocks * e.n_parts, forward_chunk, &e);
    LB_TRY(lb_failure_status(&e.failure, e.gemm, error));
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
 * from it both gradients, cut so that a value belongs to one chunk. grad_x is added to stage after
 * stage, so its sum has one order.
 */

static void grad_logit_chunk(void *context, size_t chunk, unsigned worker)
{
    cross_entropy *e = (cross_entropy *)context;
    const size_t row = chunk % e->n_row_blocks * LB_ROW_BLOCK;
    const size_t n_rows = block_rows(e, row);
    const size_t column = chunk / e->n_row_blocks * LB_VOCABULARY_BLOCK;
    const size_t n_words = lb_min(LB_VOCABULARY_BLOCK, e->n_words - column);
    const size_t word = e->word + column;
    const size_t element = e->gemm->element_bytes;
    const lb_operand x = {.data = (const char *)e->x_operand + row * e->d * element, .ld = e->d};
    float *logits = logits_of(e, worker, &x, n_rows, word, n_words);
    for (size_t i = 0; i < product_rows(e, n_rows); i++)
    {
        float *grad = logits + i * LB_VOCABULARY_BLOCK;
        char *to = e->grad_logit + ((row + i) * e->stage_words + column) * element;
        if (i >= n_rows)
        {
            memset(to, 0, n_words * element);
            continue;
        }
        (void)e->scratch->vector->exponential(grad, grad, 1.0F, e->log_sum_exp[row + i], n_words);
        const size_t target = (size_t)e->targets[row + i];
        if (target >= word && target - word < n_words)
        {
            grad[target - word] -= 1.0F;
        }
        for (size_t j = 0; j < n_words; j++)
        {
            grad[j] *= e->scale;
        }
        if (e->gemm->convert != NULL)
        {
            e->gemm->convert(e->scratch, to, grad, n_words);
        }
        else
        {
            memcpy(to, grad, n_words * sizeof *grad);
        }
    }
}

static void grad_x_chunk(cross_entropy *e, size_t chunk, unsigned worker)
{
    const size_t row = chunk % e->n_row_blocks * LB_ROW_BLOCK;
    const size_t column = chunk / e->n_row_blocks * e->x_column_block;
    const size_t n_columns = lb_min(e->x_column_block, e->d - column);
    char *memory = (char *)lb_scratch_worker(e->scratch, worker) + e->x_bytes;
    for (size_t first = 0; first < e->n_words; first += LB_VOCABULARY_BLOCK)
    {
        const size_t n_words = lb_min(LB_VOCABULARY_BLOCK, e->n_words - first);
        const lb_operand head = lb_operand_from_weights(
            e->scratch, e->gemm, memory, e->head, e->word + first, column, n_words, n_columns);
        const lb_product product = {.m = product_rows(e, block_rows(e, row)),
                                    .n = n_columns,
                                    .k = n_words,
                                    .a = e->grad_logit +
                                         (row * e->stage_words + first) * e->gemm->element_bytes,
                                    .lda = e->stage_words,
                                    .b = head.data,
                                    .ldb = head.ld,
                                    .is_added = true,
                                    .c = e->grad_x + row * e->d + column,
                                    .ldc = e->d};
        lb_multiply(e->scratch, worker, e->gemm, &product, &e->failure);
    }
}

static void grad_head_chunk(cross_entropy *e, size_t chunk, unsigned worker)
{
    const size_t n_word_blocks = lb_blocks(e->n_words, LB_ROW_BLOCK);
    const size_t first = chunk % n_word_blocks * LB_ROW_BLOCK;
    const size_t column = chunk / n_word_blocks * e->head_column_block;
    const size_t element = e->gemm->element_bytes;
    for (size_t row = 0; row < e->n; row += LB_INNER_BLOCK)
    {
        const lb_product product = {.m = lb_min(LB_ROW_BLOCK, e->n_words - first),
                                    .n = lb_min(e->head_column_block, e->d - column),
                                    .k = product_rows(e, lb_min(LB_INNER_BLOCK, e->n - row)),
                                    .a = e->grad_logit + (row * e->stage_words + first) * element,
                                    .lda = e->stage_words,
                                    .is_a_transposed = true,
                                    .b = (const char *)e->x_operand +
                                         (row * e->d + column) * element,
                                    .ldb = e->d,
                                    .is_added = true,
                                    .c = e->grad_head + (e->word + first) * e->d + column,
                                    .ldc = e->d};
        lb_multiply(e->scratch, worker, e->gemm, &product, &e->failure);
    }
}

static void grad_chunk(void *context, size_t chunk, unsigned worker)
{
    cross_entropy *e = (cross_entropy *)context;
    if (chunk < e->n_grad_x_chunks)
    {
        grad_x_chunk(e, chunk, worker);
    }
    else
    {
        grad_head_chunk(e, chunk - e->n_grad_x_chunks, worker);
    }
}

/* Both gradients of a stage where operands are packed: two products, each on all threads. */
static lobass_status grad_tiles(lb_compute *c, const cross_entropy *e, lobass_error *error)
{
    const bool is_bf16 = e->head->bf16 != NULL;
    const size_t first = e->word * e->d;
    const lb_product x = {.m = e->n,
                          .n = e->d,
                          .k = e->n_words,
                          .a = e->grad_logit,
                          .lda = e->stage_words,
                          .b = is_bf16 ? (const void *)(e->head->bf16 + first)
                                       : (const void *)(e->head->fp32 + first),
                          .ldb = e->d,
                          .is_b_bf16 = is_bf16,
                          .is_added = true,
                          .c = e->grad_x,
                          .ldc = e->d};
    LB_TRY(lb_tile_run(c, &x, is_bf16, error));
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
                             .is_added = true,
                             .c = e->grad_head + first,
                             .ldc = e->d};
    return lb_tile_run(c, &head, is_bf16, error);
}

static lobass_status stage_run(lb_compute *c, cross_entropy *e, lobass_error *error)
{
    lb_pool_run(c->pool, e->n_row_blocks * lb_blocks(e->n_words, LB_VOCABULARY_BLOCK),
                grad_logit_chunk, e);
    if (e->gemm->is_packing)
    {
        return grad_tiles(c, e, error);
    }
    e->n_grad_x_chunks = e->n_row_blocks * lb_blocks(e->d, e->x_column_block);
    const size_t n_head_chunks =
        lb_blocks(e->n_words, LB_ROW_BLOCK) * lb_blocks(e->d, e->head_column_block);
    lb_pool_run(c->pool, e->n_grad_x_chunks + (e->grad_head == NULL ? 0 : n_head_chunks),
                grad_chunk, e);
    return LOBASS_OK;
}

/* Scratch for grad_logit and, where x must be converted, for all of it as an operand. */
static lobass_status backward_reserve(lb_compute *c, cross_entropy *e, lobass_error *error)
{
    const size_t n_rows = lb_rows_padded(e->n);
    size_t worker_bytes = 0;
    size_t shared_bytes = 0;
    worker_sizes(e, &worker_bytes);
    lb_scratch_add(&shared_bytes, n_rows * e->stage_words, e->gemm->element_bytes);
    const size_t grad_logit_bytes = shared_bytes;
    if (e->gemm->convert != NULL)
    {
        lb_scratch_add(&shared_bytes, n_rows * e->d, e->gemm->element_bytes);
    }
    LB_TRY(lb_scratch_reserve(c->scratch, worker_bytes, shared_bytes, error));
    e->grad_logit = (char *)lb_scratch_shared(c->scratch);
    e->x_operand = lb_operand_from_values(c->scratch, e->gemm, e->grad_logit + grad_logit_bytes,
                                          e->x, e->d, e->n, e->d, product_rows(e, e->n))
                       .data;
    return LOBASS_OK;
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
    cross_entropy e = {.scratch = c->scratch,
                       .gemm = lb_gemm_for(c->scratch, head),
                       .x = x,
                       .head = head,
                       .targets = targets,
                       .n = n,
                       .d = head->n_in,
                       .n_row_blocks = lb_blocks(n, LB_ROW_BLOCK),
                       .grad_x = grad_x,
                       .grad_head = grad_head,
                       .log_sum_exp = log_sum_exp,
                       .scale = scale};
    const size_t most = lb_round_up(lb_blocks(GRAD_LOGIT_ELEMENTS, n), LB_VOCABULARY_BLOCK);
    e.stage_words = lb_min(most, head->n_out);
    e.x_column_block = lb_column_block(n, e.d);
    e.head_column_block = lb_column_block(e.stage_words, e.d);
    LB_TRY(backward_reserve(c, &e, error));
    for (; e.word < head->n_out; e.word += e.stage_words)
    {
        e.n_words = lb_min(e.stage_words, head->n_out - e.word);
        LB_TRY(stage_run(c, &e, error));
    }
    return lb_failure_status(&e.failure, e.gemm, error);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * y = x w^T + bias, for a weight matrix w[n_out, n_in].
 *
 * Our own products take the whole at once (cpu/tile_run.c). For the other backends the result is
 * cut into blocks of rows and columns by its shape alone; each block is one product on one thread,
 * and no two write the same value, so the threads do not change the bits. With bf16 weights both
 * operands of every product are rounded to bf16 and summed in fp32, block by block of the inner
 * dimension, in order.
 */
#include "compute/kernels.h"

typedef struct linear
{
    struct lb_scratch *scratch;
    const lb_gemm *gemm;
    lb_failure failure;
    float *y, *grad_x, *grad_w, *grad_bias;
    const float *x, *bias, *grad_y;
    const lb_matrix *w;
    size_t n;            /* rows of x and y */
    size_t n_row_blocks; /* of the result being computed */
    size_t column_block, inner_block;
    size_t a_bytes; /* where a worker's second operand begins */
} linear;

/* Rows of a block as the product counts them: a last one may have zero rows added. */
static size_t product_rows(const linear *l, size_t n_rows)
{
    return lb_round_up(n_rows, l->gemm->row_multiple);
}

static lobass_status reserve(lb_compute *c, linear *l, size_t a_elements, size_t b_elements,
                             lobass_error *error)
{
    size_t total = 0;
    if (l->gemm->convert != NULL)
    {
        lb_scratch_add(&total, a_elements, l->gemm->element_bytes);
        l->a_bytes = total;
        lb_scratch_add(&total, b_elements, l->gemm->element_bytes);
    }
    return lb_scratch_reserve(c->scratch, total, 0, error);
}

static void forward_chunk(void *context, size_t chunk, unsigned worker)
{
    linear *l = (linear *)context;
    const size_t n_in = l->w->n_in;
    const size_t n_out = l->w->n_out;
    const size_t row = chunk % l->n_row_blocks * LB_ROW_BLOCK;
    const size_t column = chunk / l->n_row_blocks * l->column_block;
    const size_t n_rows = lb_min(LB_ROW_BLOCK, l->n - row);
    const size_t n_columns = lb_min(l->column_block, n_out - column);
    char *memory = (char *)lb_scratch_worker(l->scratch, worker);
    const lb_operand a = lb_operand_from_values(l->scratch, l->gemm, memory, l->x + row * n_in,
                                                n_in, n_rows, n_in, product_rows(l, n_rows));
    const lb_operand b = lb_operand_from_weights(l->scratch, l->gemm, memory + l->a_bytes, l->w,
                                                 column, 0, n_columns, n_in);
    float *y = l->y + row * n_out + column;
    const lb_product product = {.m = product_rows(l, n_rows),
                                .n = n_columns,
                                .k = n_in,
                                .a = a.data,
                                .lda = a.ld,
                                .b = b.data,
                                .ldb = b.ld,
                                .is_b_transposed = true,
                                .c = y,
                                .ldc = n_out};
    lb_multiply(l->scratch, worker, l->gemm, &product, &l->failure);
    for (size_t i = 0; l->bias != NULL && i < n_rows; i++)
    {
        for (size_t j = 0; j < n_columns; j++)
        {
            y[i * n_out + j] += l->bias[column + j];
        }
    }
}

static void bias_chunk(void *context, size_t chunk, unsigned worker)
{
    const linear *l = (const linear *)context;
    (void)worker;
    const size_t n_out = l->w->n_out;
    const size_t last = lb_min(l->n, (chunk + 1) * LB_ROW_BLOCK);
    for (size_t i = chunk * LB_ROW_BLOCK; i < last; i++)
    {
        for (size_t j = 0; j < n_out; j++)
        {
            l->y[i * n_out + j] += l->bias[j];
        }
    }
}

/* With operands that are packed, all at once. */
static lobass_status forward_tiles(lb_compute *c, linear *l, lobass_error *error)
{
    const lb_operand w = lb_operand_from_weights(c->scratch, l->gemm, NULL, l->w, 0, 0, 0, 0);
    const lb_product product = {.m = l->n,
                                .n = l->w->n_out,
                                .k = l->w->n_in,
                                .a = l->x,
                                .lda = l->w->n_in,
                                .b = w.data,
                                .ldb = w.ld,
                                .is_b_bf16 = w.is_bf16,
                                .is_b_panels = w.is_panels,
                                .is_b_transposed = true,
                                .c = l->y,
                                .ldc = l->w->n_out};
    LB_TRY(lb_tile_run(c, &product, l->w->bf16 != NULL, error));
    if (l->bias != NULL)
    {
        lb_pool_run(c->pool, lb_blocks(l->n, LB_ROW_BLOCK), bias_chunk, l);
    }
    return LOBASS_OK;
}

lobass_status lb_linear_forward(lb_compute *c, float *y, const float *x, const lb_matrix *w,
                                const float *bias, size_t n, lobass_error *error)
{
    if (n == 0 || w->n_out == 0)
    {
        return LOBASS_OK;
    }
    linear l = {.scratch = c->scratch,
                .gemm = lb_gemm_for(c->scratch, w),
                .y = y,
                .x = x,
                .w = w,
                .bias = bias,
                .n = n};
    if (l.gemm->is_packing)
    {
        return forward_tiles(c, &l, error);
    }
    l.n_row_blocks = lb_blocks(n, LB_ROW_BLOCK);
    l.column_block = lb_column_block(n, w->n_out);
    LB_TRY(reserve(c, &l, LB_ROW_BLOCK * w->n_in, l.column_block * w->n_in, error));
    lb_pool_run(c->pool, l.n_row_blocks * lb_blocks(w->n_out, l.column_block), forward_chunk, &l);
    return lb_failure_status(&l.failure, l.gemm, error);
}

/* ---- backward ----------------------------------------------------------------------------------
 *
 * For y[i, o] = sum_j x[i, j] w[o, j] + bias[o]:
 *     grad_x[i, j]  = sum_o grad_y[i, o] w[o, j]
 *     grad_w[o, j]  = sum_i grad_y[i, o] x[i, j]
 *     grad_bias[o]  = sum_i grad_y[i, o]
 */

static void grad_x_chunk(void *context, size_t chunk, unsigned worker)
{
    linear *l = (linear *)context;
    const size_t n_in = l->w->n_in;
    const size_t n_out = l->w->n_out;
    const size_t row = chunk % l->n_row_blocks * LB_ROW_BLOCK;
    const size_t column = chunk / l->n_row_blocks * l->column_block;
    const size_t n_rows = lb_min(LB_ROW_BLOCK, l->n - row);
    const size_t n_columns = lb_min(l->column_block, n_in - column);
    char *memory = (char *)lb_scratch_worker(l->scratch, worker);
    for (size_t inner = 0; inner < n_out; inner += l->inner_block)
    {
        const size_t n_inner = lb_min(l->inner_block, n_out - inner);
        const lb_operand a =
            lb_operand_from_values(l->scratch, l->gemm, memory, l->grad_y + row * n_out + inner,
                                   n_out, n_rows, n_inner, product_rows(l, n_rows));
        const lb_operand b = lb_operand_from_weights(l->scratch, l->gemm, memory + l->a_bytes, l->w,
                                                     inner, column, n_inner, n_columns);
        const lb_product product = {.m = product_rows(l, n_rows),
                                    .n = n_columns,
                                    .k = n_inner,
                                    .a = a.data,
                                    .lda = a.ld,
                                    .b = b.data,
                                    .ldb = b.ld,
                                    .is_added = true,
                                    .c = l->grad_x + row * n_in + column,
                                    .ldc = n_in};
        lb_multiply(l->scratch, worker, l->gemm, &product, &l->failure);
    }
}

static lobass_status backward_x_tiles(lb_compute *c, const linear *l, lobass_error *error)
{
    const lb_operand w = lb_operand_from_weights(c->scratch, l->gemm, NULL, l->w, 0, 0, 0, 0);
    const lb_product product = {.m = l->n,
                                .n = l->w->n_in,
                                .k = l->w->n_out,
                                .a = l->grad_y,
                                .lda = l->w->n_out,
                                .b = w.data,
                                .ldb = w.ld,
                                .is_b_bf16 = w.is_bf16,
                                .is_added = true,
                                .c = l->grad_x,
                                .ldc = l->w->n_in};
    return lb_tile_run(c, &product, l->w->bf16 != NULL, error);
}

static lobass_status backward_x(lb_compute *c, linear *l, lobass_error *error)
{
    if (l->gemm->is_packing)
    {
        return backward_x_tiles(c, l, error);
    }
    l->n_row_blocks = lb_blocks(l->n, LB_ROW_BLOCK);
    l->column_block = lb_column_block(l->n, l->w->n_in);
    l->inner_block = l->gemm->convert == NULL ? l->w->n_out : LB_INNER_BLOCK;
    LB_TRY(reserve(c, l, LB_ROW_BLOCK * l->inner_block, l->inner_block * l->column_block, error));
    lb_pool_run(c->pool, l->n_row_blocks * lb_blocks(l->w->n_in, l->column_block), grad_x_chunk, l);
    return lb_failure_status(&l->failure, l->gemm, error);
}

static void grad_w_chunk(void *context, size_t chunk, unsigned worker)
{
    linear *l = (linear *)context;
    const size_t n_in = l->w->n_in;
    const size_t n_out = l->w->n_out;
    const size_t row = chunk % l->n_row_blocks * LB_ROW_BLOCK;
    const size_t column = chunk / l->n_row_blocks * l->column_block;
    const size_t n_rows = lb_min(LB_ROW_BLOCK, n_out - row);
    const size_t n_columns = lb_min(l->column_block, n_in - column);
    char *memory = (char *)lb_scratch_worker(l->scratch, worker);
    for (size_t token = 0; token < l->n; token += l->inner_block)
    {
        const size_t n_tokens = lb_min(l->inner_block, l->n - token);
        const lb_operand a =
            lb_operand_from_values(l->scratch, l->gemm, memory, l->grad_y + token * n_out + row,
                                   n_out, n_tokens, n_rows, product_rows(l, n_tokens));
        const lb_operand b = lb_operand_from_values(l->scratch, l->gemm, memory + l->a_bytes,
                                                    l->x + token * n_in + column, n_in, n_tokens,
                                                    n_columns, product_rows(l, n_tokens));
        const lb_product product = {.m = n_rows,
                                    .n = n_columns,
                                    .k = product_rows(l, n_tokens),
                                    .a = a.data,
                                    .lda = a.ld,
                                    .is_a_transposed = true,
                                    .b = b.data,
                                    .ldb = b.ld,
                                    .is_added = true,
                                    .c = l->grad_w + row * n_in + column,
                                    .ldc = n_in};
        lb_multiply(l->scratch, worker, l->gemm, &product, &l->failure);
    }
}

static lobass_status backward_w_tiles(lb_compute *c, const linear *l, lobass_error *error)
{
    const lb_product product = {.m = l->w->n_out,
                                .n = l->w->n_in,
                                .k = l->n,
                                .a = l->grad_y,
                                .lda = l->w->n_out,
                                .is_a_transposed = true,
                                .b = l->x,
                                .ldb = l->w->n_in,
                                .is_added = true,
                                .c = l->grad_w,
                                .ldc = l->w->n_in};
    return lb_tile_run(c, &product, l->w->bf16 != NULL, error);
}

static lobass_status backward_w(lb_compute *c, linear *l, lobass_error *error)
{
    if (l->gemm->is_packing)
    {
        return backward_w_tiles(c, l, error);
    }
    const size_t n_out = l->w->n_out;
    l->n_row_blocks = lb_blocks(n_out, LB_ROW_BLOCK);
    l->column_block = lb_column_block(n_out, l->w->n_in);
    l->inner_block = LB_INNER_BLOCK;
    LB_TRY(reserve(c, l, l->inner_block * LB_ROW_BLOCK, l->inner_block * l->column_block, error));
    lb_pool_run(c->pool, l->n_row_blocks * lb_blocks(l->w->n_in, l->column_block), grad_w_chunk, l);
    return lb_failure_status(&l->failure, l->gemm, error);
}

static void grad_bias_chunk(void *context, size_t chunk, unsigned worker)
{
    const linear *l = (const linear *)context;
    (void)worker;
    const size_t n_out = l->w->n_out;
    const size_t column = chunk * LB_SUM_BLOCK;
    const size_t n_columns = lb_min(LB_SUM_BLOCK, n_out - column);
    double sums[LB_SUM_BLOCK] = {0};
    for (size_t i = 0; i < l->n; i++)
    {
        for (size_t j = 0; j < n_columns; j++)
        {
            sums[j] += (double)l->grad_y[i * n_out + column + j];
        }
    }
    for (size_t j = 0; j < n_columns; j++)
    {
        l->grad_bias[column + j] += (float)sums[j];
    }
}

lobass_status lb_linear_backward(lb_compute *c, float *grad_x, float *grad_w, float *grad_bias,
                                 const float *grad_y, const float *x, const lb_matrix *w, size_t n,
                                 lobass_error *error)
{
    if (n == 0 || w->n_out == 0)
    {
        return LOBASS_OK;
    }
    linear l = {.scratch = c->scratch,
                .gemm = lb_gemm_for(c->scratch, w),
                .grad_x = grad_x,
                .grad_w = grad_w,
                .grad_bias = grad_bias,
                .grad_y = grad_y,
                .x = x,
                .w = w,
                .n = n};
    if (grad_x != NULL)
    {
        LB_TRY(backward_x(c, &l, error));
    }
    if (grad_w != NULL)
    {
        LB_TRY(backward_w(c, &l, error));
    }
    if (grad_bias != NULL)
    {
        lb_pool_run(c->pool, lb_blocks(w->n_out, LB_SUM_BLOCK), grad_bias_chunk, &l);
    }
    return LOBASS_OK;
}

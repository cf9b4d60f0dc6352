/* SPDX-License-Identifier: Apache-2.0
 *
 * y = x w^T + bias, for a weight matrix w[n_out, n_in], and its gradients: for
 * y[i, o] = sum_j x[i, j] w[o, j] + bias[o],
 *     grad_x[i, j]  = sum_o grad_y[i, o] w[o, j]
 *     grad_w[o, j]  = sum_i grad_y[i, o] x[i, j]
 *     grad_bias[o]  = sum_i grad_y[i, o]
 * Each product is one of cpu/tile_run.c. With bf16 weights both operands of every product are
 * rounded to bf16.
 */
#include "compute/kernels.h"

typedef struct linear
{
    float *y, *grad_bias;
    const float *bias, *grad_y;
    size_t n, n_out;
} linear;

static void bias_chunk(void *context, size_t chunk, unsigned worker)
{
    const linear *l = (const linear *)context;
    (void)worker;
    const size_t last = lb_min(l->n, (chunk + 1) * LB_ROW_BLOCK);
    for (size_t i = chunk * LB_ROW_BLOCK; i < last; i++)
    {
        for (size_t j = 0; j < l->n_out; j++)
        {
            l->y[i * l->n_out + j] += l->bias[j];
        }
    }
}

lobass_status lb_linear_forward(lb_compute *c, float *y, const float *x, const lb_matrix *w,
                                const float *bias, size_t n, lobass_error *error)
{
    if (n == 0 || w->n_out == 0)
    {
        return LOBASS_OK;
    }
    lb_product product = {.m = n,
                          .n = w->n_out,
                          .k = w->n_in,
                          .a = x,
                          .lda = w->n_in,
                          .is_b_transposed = true,
                          .c = y,
                          .ldc = w->n_out};
    lb_product_weights(&product, w, 0);
    LB_TRY(lb_tile_run(c, &product, error));
    if (bias != NULL)
    {
        linear l = {.y = y, .bias = bias, .n = n, .n_out = w->n_out};
        lb_pool_run(c->pool, lb_blocks(n, LB_ROW_BLOCK), bias_chunk, &l);
    }
    return LOBASS_OK;
}

static void grad_bias_chunk(void *context, size_t chunk, unsigned worker)
{
    const linear *l = (const linear *)context;
    (void)worker;
    const size_t column = chunk * LB_SUM_BLOCK;
    const size_t n_columns = lb_min(LB_SUM_BLOCK, l->n_out - column);
    double sums[LB_SUM_BLOCK] = {0};
    for (size_t i = 0; i < l->n; i++)
    {
        for (size_t j = 0; j < n_columns; j++)
        {
            sums[j] += (double)l->grad_y[i * l->n_out + column + j];
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
    if (grad_x != NULL)
    {
        lb_product product = {.m = n,
                              .n = w->n_in,
                              .k = w->n_out,
                              .a = grad_y,
                              .lda = w->n_out,
                              .is_added = true,
                              .c = grad_x,
                              .ldc = w->n_in};
        lb_product_weights(&product, w, 0);
        LB_TRY(lb_tile_run(c, &product, error));
    }
    if (grad_w != NULL)
    {
        const lb_product product = {.m = w->n_out,
                                    .n = w->n_in,
                                    .k = n,
                                    .a = grad_y,
                                    .lda = w->n_out,
                                    .is_a_transposed = true,
                                    .b = x,
                                    .ldb = w->n_in,
                                    .is_bf16 = w->bf16 != NULL,
                                    .is_added = true,
                                    .c = grad_w,
                                    .ldc = w->n_in};
        LB_TRY(lb_tile_run(c, &product, error));
    }
    if (grad_bias != NULL)
    {
        linear l = {.grad_bias = grad_bias, .grad_y = grad_y, .n = n, .n_out = w->n_out};
        lb_pool_run(c->pool, lb_blocks(w->n_out, LB_SUM_BLOCK), grad_bias_chunk, &l);
    }
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Root-mean-square normalisation of rows (Zhang & Sennrich 2019): y = x r gain with
 * r = 1 / sqrt(mean(x^2) + epsilon). The mean and the sums of the backward are taken in double.
 */
#include <math.h>

#include "compute/kernels.h"

enum
{
    SUM_LANES = 8 /* independent sums, so that additions do not wait for each other */
};

typedef struct rms_norm
{
    const lb_vector *vector;
    float *y, *inverse_rms_out, *grad_x, *grad_gain;
    const float *x, *gain, *inverse_rms, *grad_y;
    float epsilon;
    size_t n, d, rows_per_chunk;
} rms_norm;

static size_t rows_per_chunk(size_t d)
{
    return LB_ELEMENT_BLOCK / (d + 1) + 1;
}

static void forward_chunk(void *context, size_t chunk, unsigned worker)
{
    const rms_norm *r = (const rms_norm *)context;
    (void)worker;
    const size_t d = r->d;
    const size_t last = lb_min(r->n, (chunk + 1) * r->rows_per_chunk);
    for (size_t i = chunk * r->rows_per_chunk; i < last; i++)
    {
        const float *x = r->x + i * d;
        float *y = r->y + i * d;
        const double mean = r->vector->dot(x, x, d) / (double)d;
        const float inverse = (float)(1.0 / sqrt(mean + (double)r->epsilon));
        r->inverse_rms_out[i] = inverse;
        for (size_t j = 0; j < d; j++)
        {
            y[j] = x[j] * inverse * r->gain[j];
        }
    }
}

lobass_status lb_rms_norm_forward(lb_compute *c, float *y, float *inverse_rms, const float *x,
                                  const float *gain, float epsilon, size_t n, size_t d,
                                  lobass_error *error)
{
    (void)error;
    rms_norm r = {.vector = c->scratch->vector,
                  .y = y,
                  .inverse_rms_out = inverse_rms,
                  .x = x,
                  .gain = gain,
                  .epsilon = epsilon,
                  .n = n,
                  .d = d,
                  .rows_per_chunk = rows_per_chunk(d)};
    lb_pool_run(c->pool, lb_blocks(n, r.rows_per_chunk), forward_chunk, &r);
    return LOBASS_OK;
}

static double triple_dot(const float *a, const float *b, const float *c, size_t count)
{
    double partial[SUM_LANES] = {0};
    size_t i = 0;
    for (; i + SUM_LANES <= count; i += SUM_LANES)
    {
        for (size_t l = 0; l < SUM_LANES; l++)
        {
            partial[l] += (double)a[i + l] * (double)b[i + l] * (double)c[i + l];
        }
    }
    double sum = 0.0;
    for (; i < count; i++)
    {
        sum += (double)a[i] * (double)b[i] * (double)c[i];
    }
    for (size_t l = 0; l < SUM_LANES; l++)
    {
        sum += partial[l];
    }
    return sum;
}

/* With u = grad_y gain and dr/dx[j] = -r^3 x[j] / d:
 *     grad_x[j]    = r u[j] - x[j] r^3 / d * sum_k u[k] x[k]
 *     grad_gain[j] = sum over rows of grad_y[j] x[j] r
 */
static void grad_x_chunk(void *context, size_t chunk, unsigned worker)
{
    const rms_norm *r = (const rms_norm *)context;
    (void)worker;
    const size_t d = r->d;
    const size_t last = lb_min(r->n, (chunk + 1) * r->rows_per_chunk);
    for (size_t i = chunk * r->rows_per_chunk; i < last; i++)
    {
        const float *x = r->x + i * d;
        const float *grad_y = r->grad_y + i * d;
        float *grad_x = r->grad_x + i * d;
        const double sum = triple_dot(grad_y, r->gain, x, d);
        const double inverse = (double)r->inverse_rms[i];
        const float factor = (float)(inverse * inverse * inverse * sum / (double)d);
        const float scale = r->inverse_rms[i];
        for (size_t j = 0; j < d; j++)
        {
            grad_x[j] += scale * (grad_y[j] * r->gain[j]) - factor * x[j];
        }
    }
}

static void grad_gain_chunk(void *context, size_t chunk, unsigned worker)
{
    const rms_norm *r = (const rms_norm *)context;
    (void)worker;
    const size_t d = r->d;
    const size_t column = chunk * LB_SUM_BLOCK;
    const size_t n_columns = lb_min(LB_SUM_BLOCK, d - column);
    double sums[LB_SUM_BLOCK] = {0};
    for (size_t i = 0; i < r->n; i++)
    {
        const float *x = r->x + i * d + column;
        const float *grad_y = r->grad_y + i * d + column;
        for (size_t j = 0; j < n_columns; j++)
        {
            sums[j] += (double)(grad_y[j] * (x[j] * r->inverse_rms[i]));
        }
    }
    for (size_t j = 0; j < n_columns; j++)
    {
        r->grad_gain[column + j] += (float)sums[j];
    }
}

lobass_status lb_rms_norm_backward(lb_compute *c, float *grad_x, float *grad_gain,
                                   const float *grad_y, const float *x, const float *gain,
                                   const float *inverse_rms, size_t n, size_t d,
                                   lobass_error *error)
{
    (void)error;
    rms_norm r = {.vector = c->scratch->vector,
                  .grad_x = grad_x,
                  .grad_gain = grad_gain,
                  .grad_y = grad_y,
                  .x = x,
                  .gain = gain,
                  .inverse_rms = inverse_rms,
                  .n = n,
                  .d = d,
                  .rows_per_chunk = rows_per_chunk(d)};
    lb_pool_run(c->pool, lb_blocks(n, r.rows_per_chunk), grad_x_chunk, &r);
    if (grad_gain != NULL && n > 0)
    {
        lb_pool_run(c->pool, lb_blocks(d, LB_SUM_BLOCK), grad_gain_chunk, &r);
    }
    return LOBASS_OK;
}

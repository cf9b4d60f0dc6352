/* SPDX-License-Identifier: Apache-2.0
 *
 * One step of AdamW (Loshchilov & Hutter 2019), with decoupled weight decay:
 *
 *     g  = grad_scale * grad
 *     m  = beta1 m + (1 - beta1) g            m_hat = m / (1 - beta1^step)
 *     v  = beta2 v + (1 - beta2) g^2          v_hat = v / (1 - beta2^step)
 *     w -= rate (m_hat / (sqrt(v_hat) + epsilon) + weight_decay w)
 *
 * and the sum of squares that gradient clipping needs, in double over a fixed number of parts.
 */
#include <math.h>

#include "compute/kernels.h"

enum
{
    N_PARTS = 256 /* of a sum of squares */
};

typedef struct adamw
{
    float *w, *m, *v;
    const float *grad;
    float grad_scale, beta1, beta2, one_minus_beta1, one_minus_beta2;
    float m_correction, v_correction; /* 1 / (1 - beta^step) */
    float epsilon, rate, weight_decay;
    size_t count;
} adamw;

static void adamw_chunk(void *context, size_t chunk, unsigned worker)
{
    const adamw *a = (const adamw *)context;
    (void)worker;
    const size_t last = lb_min(a->count, (chunk + 1) * LB_ELEMENT_BLOCK);
    for (size_t i = chunk * LB_ELEMENT_BLOCK; i < last; i++)
    {
        const float g = a->grad_scale * a->grad[i];
        const float m = a->beta1 * a->m[i] + a->one_minus_beta1 * g;
        const float v = a->beta2 * a->v[i] + a->one_minus_beta2 * (g * g);
        a->m[i] = m;
        a->v[i] = v;
        const float update = m * a->m_correction / (sqrtf(v * a->v_correction) + a->epsilon);
        a->w[i] -= a->rate * (update + a->weight_decay * a->w[i]);
    }
}

lobass_status lb_adamw_step(lb_compute *c, float *w, float *m, float *v, const float *grad,
                            float grad_scale, const lb_adamw *settings, uint64_t step, float rate,
                            float weight_decay, size_t count, lobass_error *error)
{
    (void)error;
    adamw a = {.w = w,
               .m = m,
               .v = v,
               .grad = grad,
               .grad_scale = grad_scale,
               .beta1 = (float)settings->beta1,
               .beta2 = (float)settings->beta2,
               .one_minus_beta1 = (float)(1.0 - settings->beta1),
               .one_minus_beta2 = (float)(1.0 - settings->beta2),
               .m_correction = (float)(1.0 / (1.0 - pow(settings->beta1, (double)step))),
               .v_correction = (float)(1.0 / (1.0 - pow(settings->beta2, (double)step))),
               .epsilon = (float)settings->epsilon,
               .rate = rate,
               .weight_decay = weight_decay,
               .count = count};
    lb_pool_run(c->pool, lb_blocks(count, LB_ELEMENT_BLOCK), adamw_chunk, &a);
    return LOBASS_OK;
}

typedef struct squares
{
    const lb_vector *vector;
    const float *x;
    size_t count, part;
    double sums[N_PARTS];
} squares;

static void squares_chunk(void *context, size_t chunk, unsigned worker)
{
    squares *s = (squares *)context;
    (void)worker;
    const size_t first = chunk * s->part;
    const float *x = s->x + first;
    s->sums[chunk] = s->vector->dot(x, x, lb_min(s->part, s->count - first));
}

lobass_status lb_sum_of_squares(lb_compute *c, double *sum, const float *x, size_t count,
                                lobass_error *error)
{
    (void)error;
    squares s = {.vector = c->scratch->vector, .x = x, .count = count};
    s.part = lb_blocks(count, N_PARTS);
    const size_t n_parts = count == 0 ? 0 : lb_blocks(count, s.part);
    lb_pool_run(c->pool, n_parts, squares_chunk, &s);
    *sum = 0.0;
    for (size_t i = 0; i < n_parts; i++)
    {
        *sum += s.sums[i];
    }
    return LOBASS_OK;
}

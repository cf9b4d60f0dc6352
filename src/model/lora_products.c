/* SPDX-License-Identifier: Apache-2.0
 *
 * What an adapter adds to a product and to its gradient. With low = scale x a^T, for
 * y = x w^T + low b^T:
 *     grad_b   += grad_y^T low               grad_low = scale grad_y b
 *     grad_a   += grad_low^T x               grad_x  += grad_low a
 * low is computed again for the gradient: it costs less than to keep it for every matrix.
 */
#include <string.h>

#include "model/activations.h"

/* The adapter's a for W, and b behind it; NULL: none. */
static const lb_parameter *find(const lb_decoder *decoder, const lb_parameter *w)
{
    const lb_lora *lora = decoder->lora;
    return lora == NULL ? NULL : lora->a_of[w - decoder->model->parameters];
}

static void scale_all(float *values, size_t count, float scale)
{
    for (size_t i = 0; i < count; i++)
    {
        values[i] *= scale;
    }
}

static lobass_status compute_low(lb_decoder *decoder, const lb_parameter *a, const float *x,
                                 size_t n, lobass_error *error)
{
    lb_compute *c = decoder->compute;
    float *low = decoder->adapted.low;
    LB_TRY(lb_linear_forward(c, low, x, &a->matrix, NULL, n, error));
    scale_all(low, n * a->matrix.n_out, decoder->lora->scale);
    return LOBASS_OK;
}

lobass_status lb_lora_forward(lb_decoder *decoder, float *y, const float *x, const lb_parameter *w,
                              size_t n, lobass_error *error)
{
    lb_compute *c = decoder->compute;
    const lb_parameter *a = find(decoder, w);
    if (a == NULL)
    {
        return LOBASS_OK;
    }
    const lb_matrix *b = &a[1].matrix;
    float *added = decoder->adapted.added;
    LB_TRY(compute_low(decoder, a, x, n, error));
    LB_TRY(lb_linear_forward(c, added, decoder->adapted.low, b, NULL, n, error));
    LB_TRY(lb_add(c, y, added, n, b->n_out, error));
    return LOBASS_OK;
}

lobass_status lb_lora_backward(lb_decoder *decoder, float *const *grads, float *grad_x,
                               const float *grad_y, const float *x, const lb_parameter *w, size_t n,
                               lobass_error *error)
{
    lb_compute *c = decoder->compute;
    const lb_parameter *a = find(decoder, w);
    if (a == NULL)
    {
        return LOBASS_OK;
    }
    float *const *grad = grads + (a - decoder->lora->parameters);
    float *grad_low = decoder->adapted.grad_low;
    const size_t rank = a->matrix.n_out;
    LB_TRY(compute_low(decoder, a, x, n, error));
    memset(grad_low, 0, n * rank * sizeof *grad_low);
    LB_TRY(lb_linear_backward(c, grad_low, grad[1], NULL, grad_y, decoder->adapted.low,
                              &a[1].matrix, n, error));
    scale_all(grad_low, n * rank, decoder->lora->scale);
    return lb_linear_backward(c, grad_x, grad[0], NULL, grad_low, x, &a->matrix, n, error);
}

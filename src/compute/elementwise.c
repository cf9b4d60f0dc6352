/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations that go element by element: SwiGLU's y = silu(gate) up with
 * silu(z) = z / (1 + e^-z), and the addition of the residual stream.
 */
#include "compute/kernels.h"

typedef struct elementwise
{
    const lb_vector *vector;
    float *y, *grad_gate, *grad_up;
    const float *gate, *up, *grad_y, *addend;
    size_t count;
} elementwise;

/* Elements of a chunk: first, and how many. */
static size_t chunk_first(size_t chunk)
{
    return chunk * LB_ELEMENT_BLOCK;
}

static size_t chunk_count(const elementwise *e, size_t chunk)
{
    return lb_min(LB_ELEMENT_BLOCK, e->count - chunk_first(chunk));
}

static void run(lb_compute *c, lb_chunk_function function, elementwise *e)
{
    e->vector = c->scratch->vector;
    lb_pool_run(c->pool, lb_blocks(e->count, LB_ELEMENT_BLOCK), function, e);
}

static void swiglu_forward_chunk(void *context, size_t chunk, unsigned worker)
{
    const elementwise *e = (const elementwise *)context;
    (void)worker;
    const size_t i = chunk_first(chunk);
    e->vector->silu_forward(e->y + i, e->gate + i, e->up + i, chunk_count(e, chunk));
}

lobass_status lb_swiglu_forward(lb_compute *c, float *y, const float *gate, const float *up,
                                size_t n, size_t d, lobass_error *error)
{
    (void)error;
    elementwise e = {.y = y, .gate = gate, .up = up, .count = n * d};
    run(c, swiglu_forward_chunk, &e);
    return LOBASS_OK;
}

/* With sigma = 1 / (1 + e^-gate):
 *     grad_gate = grad_y up sigma (1 + gate (1 - sigma))
 *     grad_up   = grad_y gate sigma
 */
static void swiglu_backward_chunk(void *context, size_t chunk, unsigned worker)
{
    const elementwise *e = (const elementwise *)context;
    (void)worker;
    const size_t i = chunk_first(chunk);
    e->vector->silu_backward(e->grad_gate + i, e->grad_up + i, e->grad_y + i, e->gate + i,
                             e->up + i, chunk_count(e, chunk));
}

lobass_status lb_swiglu_backward(lb_compute *c, float *grad_gate, float *grad_up,
                                 const float *grad_y, const float *gate, const float *up, size_t n,
                                 size_t d, lobass_error *error)
{
    (void)error;
    elementwise e = {.grad_gate = grad_gate,
                     .grad_up = grad_up,
                     .grad_y = grad_y,
                     .gate = gate,
                     .up = up,
                     .count = n * d};
    run(c, swiglu_backward_chunk, &e);
    return LOBASS_OK;
}

static void add_chunk(void *context, size_t chunk, unsigned worker)
{
    const elementwise *e = (const elementwise *)context;
    (void)worker;
    const size_t last = chunk_first(chunk) + chunk_count(e, chunk);
    for (size_t i = chunk_first(chunk); i < last; i++)
    {
        e->y[i] += e->addend[i];
    }
}

lobass_status lb_add(lb_compute *c, float *x, const float *y, size_t n, size_t d,
                     lobass_error *error)
{
    (void)error;
    elementwise e = {.y = x, .addend = y, .count = n * d};
    run(c, add_chunk, &e);
    return LOBASS_OK;
}

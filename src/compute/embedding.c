/* SPDX-License-Identifier: Apache-2.0
 *
 * x[i] = table[ids[i]], from an fp32 or bf16 table.
 *
 * Backward: grad_table[ids[i]] += grad_x[i]. The same id may stand at many places, so the work is
 * cut by columns, and every chunk goes through the tokens in order: no two chunks write the same
 * value, and a row's sum has one order for any number of threads.
 */
#include <string.h>

#include "base/base.h"
#include "compute/kernels.h"

typedef struct embedding
{
    const lb_vector *vector;
    float *x, *grad_table;
    const float *grad_x;
    const lb_matrix *table;
    const int32_t *ids;
    size_t n, d, rows_per_chunk;
} embedding;

/* A row of a head that is packed for products: its values lie a panel's width apart. */
static void packed_row(float *x, const lb_matrix *table, size_t row)
{
    for (size_t j = 0; j < table->n_in; j++)
    {
        const size_t at = lb_packed_place(table, row, j);
        x[j] = table->bf16 != NULL ? lb_bf16_widen(table->bf16[at]) : table->fp32[at];
    }
}

static void forward_chunk(void *context, size_t chunk, unsigned worker)
{
    const embedding *e = (const embedding *)context;
    (void)worker;
    const size_t last = lb_min(e->n, (chunk + 1) * e->rows_per_chunk);
    for (size_t i = chunk * e->rows_per_chunk; i < last; i++)
    {
        if (e->table->is_packed)
        {
            packed_row(e->x + i * e->d, e->table, (size_t)e->ids[i]);
            continue;
        }
        const size_t first = (size_t)e->ids[i] * e->d;
        if (e->table->bf16 != NULL)
        {
            e->vector->widen_bf16(e->x + i * e->d, e->table->bf16 + first, e->d);
        }
        else
        {
            memcpy(e->x + i * e->d, e->table->fp32 + first, e->d * sizeof *e->x);
        }
    }
}

lobass_status lb_embedding_forward(lb_compute *c, float *x, const lb_matrix *table,
                                   const int32_t *ids, size_t n, lobass_error *error)
{
    (void)error;
    embedding e = {
        .vector = c->scratch->vector, .x = x, .table = table, .ids = ids, .n = n, .d = table->n_in};
    e.rows_per_chunk = LB_ELEMENT_BLOCK / (e.d + 1) + 1;
    lb_pool_run(c->pool, lb_blocks(n, e.rows_per_chunk), forward_chunk, &e);
    return LOBASS_OK;
}

static void backward_chunk(void *context, size_t chunk, unsigned worker)
{
    const embedding *e = (const embedding *)context;
    (void)worker;
    const size_t column = chunk * LB_SUM_BLOCK;
    const size_t n_columns = lb_min(LB_SUM_BLOCK, e->d - column);
    for (size_t i = 0; i < e->n; i++)
    {
        float *to = e->grad_table + (size_t)e->ids[i] * e->d + column;
        const float *from = e->grad_x + i * e->d + column;
        for (size_t j = 0; j < n_columns; j++)
        {
            to[j] += from[j];
        }
    }
}

lobass_status lb_embedding_backward(lb_compute *c, float *grad_table, const float *grad_x,
                                    const int32_t *ids, size_t n, size_t d, lobass_error *error)
{
    (void)error;
    embedding e = {.grad_table = grad_table, .grad_x = grad_x, .ids = ids, .n = n, .d = d};
    lb_pool_run(c->pool, lb_blocks(d, LB_SUM_BLOCK), backward_chunk, &e);
    return LOBASS_OK;
}

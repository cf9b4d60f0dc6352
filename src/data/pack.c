/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows -> packed batches: which rows travel together, and the arrays of lb_batch. The plan goes
 * through the rows, longest first (ties in the order of the list) or in the order that share.c
 * found, and fills one pack after the other; a pack is closed by the first row that does not fit.
 * What a row shares with the one before it in its pack takes no room. Then the packs are put in the
 * order of their longest rows. It costs O(n log n) and 20 bytes a row while it is made (16 for the
 * order, 4 kept). Rows lie end to end: there is no padding to save.
 */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

#define MOST_TIMES 32 /* MAX_TOKENS, that the rows of a pack have before they share: its memory */

struct lb_plan
{
    uint32_t *rows; /* all packs, one behind the other */
    lb_pack *packs; /* [n_packs] */
    size_t n_packs;
};

/* ---- plan --------------------------------------------------------------------------------------
 */

static bool is_fitting(const lb_pack *pack, size_t length, size_t n_new, size_t max_tokens)
{
    return pack->n_rows > 0 && pack->n_computed <= max_tokens &&
           n_new <= max_tokens - pack->n_computed &&
           length <= MOST_TIMES * max_tokens - pack->n_tokens;
}

/* Fills PACKS, or only counts where it is NULL. */
static size_t fill_packs(lb_pack *packs, const uint32_t *rows, const uint32_t *lengths,
                         lb_row_order order, size_t max_tokens)
{
    size_t n_packs = 0;
    lb_pack pack = {0};
    for (size_t i = 0; i < order.n_rows; i++)
    {
        const uint32_t length = lengths[order.rows[i].row];
        size_t n_new = length - order.rows[i].n_shared;
        if (!is_fitting(&pack, length, n_new, max_tokens))
        {
            pack = (lb_pack){.rows = rows + i};
            n_new = length;
            n_packs++;
        }
        pack.n_rows++;
        pack.n_tokens += length;
        pack.n_computed += n_new;
        pack.longest = length > pack.longest ? length : pack.longest;
        if (packs != NULL)
        {
            packs[n_packs - 1] = pack;
        }
    }
    return n_packs;
}

/* Longest row first, so that packs side by side take about as long and the last ones are short. */
static int compare_packs(const void *a, const void *b)
{
    const lb_pack *x = a;
    const lb_pack *y = b;
    if (x->longest != y->longest)
    {
        return x->longest > y->longest ? -1 : 1;
    }
    return (x->rows > y->rows) - (x->rows < y->rows); /* as they were filled */
}

static lobass_status make_plan(lb_plan *plan, const uint32_t *lengths, lb_row_order order,
                               size_t max_tokens, lobass_error *error)
{
    plan->rows = lb_alloc(order.n_rows, sizeof *plan->rows, error);
    if (plan->rows == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < order.n_rows; i++)
    {
        plan->rows[i] = order.rows[i].row;
    }
    plan->n_packs = fill_packs(NULL, plan->rows, lengths, order, max_tokens);
    plan->packs = lb_alloc(plan->n_packs, sizeof *plan->packs, error);
    if (plan->packs == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    (void)fill_packs(plan->packs, plan->rows, lengths, order, max_tokens);
    qsort(plan->packs, plan->n_packs, sizeof *plan->packs, compare_packs);
    return LOBASS_OK;
}

int lb_ordered_row_compare(const void *a, const void *b)
{
    const lb_ordered_row *x = a;
    const lb_ordered_row *y = b;
    if (x->key != y->key)
    {
        return x->key < y->key ? -1 : 1;
    }
    return (x->row > y->row) - (x->row < y->row);
}

static lobass_status order_by_length(lb_row_order *order, const uint32_t *lengths, size_t n_rows,
                                     lobass_error *error)
{
    *order = (lb_row_order){.rows = lb_alloc(n_rows, sizeof *order->rows, error)};
    if (order->rows == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n_rows; i++)
    {
        if (lengths[i] > 0)
        {
            order->rows[order->n_rows++] =
                (lb_ordered_row){.key = UINT32_MAX - lengths[i], .row = (uint32_t)i};
        }
    }
    qsort(order->rows, order->n_rows, sizeof *order->rows, lb_ordered_row_compare);
    return LOBASS_OK;
}

lobass_status lb_plan_create(lb_plan **plan, const uint32_t *lengths, const lb_row_order *order,
                             size_t n_rows, size_t max_tokens, lobass_error *error)
{
    lb_row_order by_length = {0};
    if (n_rows > UINT32_MAX)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "%zu rows in one plan, at most %u are possible",
                       n_rows, UINT32_MAX);
    }
    if (order == NULL)
    {
        LB_TRY(order_by_length(&by_length, lengths, n_rows, error));
        order = &by_length;
    }
    lb_plan *made = lb_alloc(1, sizeof *made, error);
    const lobass_status status =
        made == NULL ? LOBASS_OUT_OF_MEMORY : make_plan(made, lengths, *order, max_tokens, error);
    free(by_length.rows);
    if (status != LOBASS_OK)
    {
        lb_plan_free(made);
        return status;
    }
    *plan = made;
    return LOBASS_OK;
}

void lb_plan_free(lb_plan *plan)
{
    if (plan != NULL)
    {
        free(plan->rows);
        free(plan->packs);
        free(plan);
    }
}

size_t lb_plan_count(const lb_plan *plan)
{
    return plan->n_packs;
}

lb_pack lb_plan_at(const lb_plan *plan, size_t index)
{
    return plan->packs[index];
}

/* ---- batches -----------------------------------------------------------------------------------
 */

static lobass_status reserve(lb_batch_builder *builder, size_t n_tokens, lobass_error *error)
{
    const size_t needed = builder->batch.n_tokens + n_tokens;
    size_t capacity = builder->token_capacity;
    LB_TRY(lb_list_reserve((void **)(void *)&builder->ids, &capacity, needed, sizeof *builder->ids,
                           error));
    capacity = builder->token_capacity;
    LB_TRY(lb_list_reserve((void **)(void *)&builder->scored, &capacity, needed,
                           sizeof *builder->scored, error));
    builder->token_capacity = capacity;
    return lb_list_reserve((void **)(void *)&builder->starts, &builder->start_capacity,
                           builder->batch.n_sequences + 2, sizeof *builder->starts, error);
}

void lb_batch_builder_reset(lb_batch_builder *builder)
{
    builder->batch =
        (lb_batch){.ids = builder->ids, .starts = builder->starts, .scored = builder->scored};
    if (builder->starts != NULL)
    {
        builder->starts[0] = 0;
    }
}

lobass_status lb_batch_builder_add(lb_batch_builder *builder, const int32_t *ids,
                                   const uint8_t *flags, size_t n_tokens, lobass_error *error)
{
    lb_batch *batch = &builder->batch;
    if (n_tokens == 0 || n_tokens > UINT32_MAX - batch->n_tokens)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "a row of %zu tokens cannot be added to a batch of %zu", n_tokens,
                       batch->n_tokens);
    }
    if ((flags[0] & LOBASS_TOKEN_SCORED) != 0)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "the first token of a row is marked as scored, but nothing predicts it");
    }
    const lobass_status status = reserve(builder, n_tokens, error);
    batch->ids = builder->ids;
    batch->starts = builder->starts;
    batch->scored = builder->scored;
    LB_TRY(status);
    memcpy(builder->ids + batch->n_tokens, ids, n_tokens * sizeof *ids);
    for (size_t t = 0; t < n_tokens; t++)
    {
        if ((flags[t] & LOBASS_TOKEN_SCORED) != 0)
        {
            builder->scored[batch->n_scored++] = (uint32_t)(batch->n_tokens + t);
        }
    }
    builder->starts[0] = 0;
    batch->n_tokens += n_tokens;
    batch->n_sequences++;
    builder->starts[batch->n_sequences] = (uint32_t)batch->n_tokens;
    return LOBASS_OK;
}

void lb_batch_builder_free(lb_batch_builder *builder)
{
    if (builder != NULL)
    {
        free(builder->ids);
        free(builder->starts);
        free(builder->scored);
        free(builder->shared_ids);
        free(builder->shared_scored);
        free(builder->shared_starts);
        free(builder->shared_parents);
        *builder = (lb_batch_builder){0};
    }
}

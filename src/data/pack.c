/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows -> packed batches: which rows travel together, and the arrays of lb_batch. The plan sorts by
 * group, within a group by length, longest first (ties in the order of the list), and fills one
 * pack after the other; a pack is closed by the first row that does not fit. Then the packs are put
 * in the order of their longest rows. It costs O(n log n)
 * and 20 bytes a row while it is made (16 for the keys, 4 kept). Rows lie end to end: there is no
 * padding to save. What rows have in common is found by share.c.
 */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

#define LENGTH_SHIFT 32
#define FIRST_TOKENS 1024
#define FIRST_SEQUENCES 16

struct lb_plan
{
    uint32_t *rows; /* all packs, one behind the other */
    lb_pack *packs; /* [n_packs] */
    size_t n_packs;
};

/* ---- plan --------------------------------------------------------------------------------------
 */

typedef struct plan_key
{
    uint64_t group;
    uint64_t length_and_place; /* ascends as lengths descend, and then as places ascend */
} plan_key;

static int compare_keys(const void *a, const void *b)
{
    const plan_key *x = a;
    const plan_key *y = b;
    if (x->group != y->group)
    {
        return x->group < y->group ? -1 : 1;
    }
    return (x->length_and_place > y->length_and_place) -
           (x->length_and_place < y->length_and_place);
}

static uint32_t length_of(const plan_key *key)
{
    return UINT32_MAX - (uint32_t)(key->length_and_place >> LENGTH_SHIFT);
}

/* Fills PACKS, or only counts where it is NULL. */
static size_t fill_packs(lb_pack *packs, const uint32_t *rows, const plan_key *keys, size_t n_rows,
                         size_t max_tokens)
{
    size_t n_packs = 0, n_tokens = 0;
    for (size_t i = 0; i < n_rows; i++)
    {
        const size_t length = length_of(&keys[i]);
        const bool fits = n_packs > 0 && n_tokens <= max_tokens && length <= max_tokens - n_tokens;
        n_tokens = fits ? n_tokens + length : length;
        n_packs += !fits;
        if (packs == NULL)
        {
            continue;
        }
        lb_pack *pack = &packs[n_packs - 1];
        pack->rows = fits ? pack->rows : rows + i;
        pack->n_rows++;
        pack->n_tokens = n_tokens;
        pack->longest = length > pack->longest ? (uint32_t)length : pack->longest;
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

static lobass_status make_plan(lb_plan *plan, plan_key *keys, const uint32_t *lengths,
                               const uint64_t *groups, size_t n_rows, size_t max_tokens,
                               lobass_error *error)
{
    size_t n_planned = 0;
    for (size_t i = 0; i < n_rows; i++)
    {
        if (lengths[i] > 0)
        {
            keys[n_planned++] =
                (plan_key){groups == NULL ? 0 : groups[i],
                           ((uint64_t)(UINT32_MAX - lengths[i]) << LENGTH_SHIFT) | (uint64_t)i};
        }
    }
    qsort(keys, n_planned, sizeof *keys, compare_keys);
    plan->rows = lb_alloc(n_planned, sizeof *plan->rows, error);
    if (plan->rows == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n_planned; i++)
    {
        plan->rows[i] = (uint32_t)(keys[i].length_and_place & UINT32_MAX);
    }
    plan->n_packs = fill_packs(NULL, plan->rows, keys, n_planned, max_tokens);
    plan->packs = lb_alloc(plan->n_packs, sizeof *plan->packs, error);
    if (plan->packs == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    (void)fill_packs(plan->packs, plan->rows, keys, n_planned, max_tokens);
    qsort(plan->packs, plan->n_packs, sizeof *plan->packs, compare_packs);
    return LOBASS_OK;
}

lobass_status lb_plan_create(lb_plan **plan, const uint32_t *lengths, const uint64_t *groups,
                             size_t n_rows, size_t max_tokens, lobass_error *error)
{
    if (n_rows > UINT32_MAX)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "%zu rows in one plan, at most %u are possible",
                       n_rows, UINT32_MAX);
    }
    lb_plan *made = lb_alloc(1, sizeof *made, error);
    plan_key *keys = made == NULL ? NULL : lb_alloc(n_rows, sizeof *keys, error);
    const lobass_status status =
        keys == NULL ? LOBASS_OUT_OF_MEMORY
                     : make_plan(made, keys, lengths, groups, n_rows, max_tokens, error);
    free(keys);
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

/* Makes *VALUES an array of CAPACITY elements that begins with the COUNT it holds. */
static lobass_status grow(void **values, size_t count, size_t capacity, size_t element_bytes,
                          lobass_error *error)
{
    void *grown = lb_alloc(capacity, element_bytes, error);
    if (grown == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    if (count > 0)
    {
        memcpy(grown, *values, count * element_bytes);
    }
    free(*values);
    *values = grown;
    return LOBASS_OK;
}

static size_t next_capacity(size_t capacity, size_t needed, size_t least)
{
    const size_t doubled = capacity < least ? least : 2 * capacity;
    return doubled < needed ? needed : doubled;
}

static lobass_status reserve(lb_batch_builder *builder, size_t n_tokens, lobass_error *error)
{
    const lb_batch *batch = &builder->batch;
    if (batch->n_tokens + n_tokens > builder->token_capacity)
    {
        const size_t capacity =
            next_capacity(builder->token_capacity, batch->n_tokens + n_tokens, FIRST_TOKENS);
        void *ids = builder->ids, *scored = builder->scored;
        lobass_status status = grow(&ids, batch->n_tokens, capacity, sizeof *builder->ids, error);
        builder->ids = ids;
        LB_TRY(status);
        status = grow(&scored, batch->n_scored, capacity, sizeof *builder->scored, error);
        builder->scored = scored;
        LB_TRY(status);
        builder->token_capacity = capacity;
    }
    if (batch->n_sequences + 1 > builder->sequence_capacity)
    {
        const size_t capacity =
            next_capacity(builder->sequence_capacity, batch->n_sequences + 1, FIRST_SEQUENCES);
        const size_t n_starts = batch->n_sequences == 0 ? 0 : batch->n_sequences + 1;
        void *starts = builder->starts;
        const lobass_status status =
            grow(&starts, n_starts, capacity + 1, sizeof *builder->starts, error);
        builder->starts = starts;
        LB_TRY(status);
        builder->sequence_capacity = capacity;
    }
    return LOBASS_OK;
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

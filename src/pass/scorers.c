/* SPDX-License-Identifier: Apache-2.0
 *
 * Scoring packs side by side: which rows make a pack, the workers and their memory, a wave of
 * packs.
 */
#include "pass/pass.h"

#include <stdatomic.h>
#include <stdlib.h>

/* ---- responses alone ---------------------------------------------------------------------------
 */

lobass_status lb_alone_prefix_find(int32_t *prefix, const char *model,
                                   const lobass_tokenizer *tokenizer, const lb_config *config,
                                   lobass_error *error)
{
    const int32_t bos = lb_tokenizer_special_ids(tokenizer).bos;
    *prefix = bos >= 0 ? bos : lb_end_token(tokenizer, config);
    if (*prefix < 0 || (size_t)*prefix >= config->n_vocabulary)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "%s: its tokenizer has no BOS and no end token that is in the vocabulary; "
                       "expected one of them to measure responses alone behind",
                       model);
    }
    return LOBASS_OK;
}

lobass_status lb_alone_lengths_load(lb_row_summary *summaries, size_t n_rows, lb_store *store,
                                    lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_store_begin(store, error)); /* one look at all rows, not a lock for each */
    for (size_t i = 0; i < n_rows && status == LOBASS_OK; i++)
    {
        if (summaries[i].n_scored > 0)
        {
            lobass_row row;
            status = lb_store_row_load(&row, store, i, error);
            summaries[i].n_tokens = status == LOBASS_OK ? (uint32_t)lb_alone_count(&row) : 0;
        }
    }
    lb_store_rollback(store);
    return status;
}

/* ---- the plan ----------------------------------------------------------------------------------
 */

typedef struct planned_rows
{
    lb_store *store;
    lb_stage *stage; /* NULL: none */
} planned_rows;

static lobass_status planned_row_load(void *context, lobass_row *row, uint32_t number,
                                      lobass_error *error)
{
    const planned_rows *rows = context;
    lb_stage *stage = rows->stage;
    LB_TRY(stage == NULL ? LOBASS_OK
                         : lb_stage_advance(stage, stage->progress.done, 0,
                                            stage->progress.mean_loss, error));
    return lb_store_row_load(row, rows->store, number, error);
}

lobass_status lb_score_plan_create(lb_plan **plan, size_t *max_tokens, lb_store *store,
                                   const lb_row_summary *summaries, size_t n_rows, bool is_sharing,
                                   lb_stage *stage, lobass_error *error)
{
    planned_rows rows = {store, stage};
    lb_row_order order = {0};
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    uint32_t *lengths = lb_alloc(n_rows, sizeof *lengths, error);
    if (lengths != NULL && is_sharing)
    {
        order.rows = lb_alloc(n_rows, sizeof *order.rows, error);
    }
    if (lengths == NULL || (is_sharing && order.rows == NULL))
    {
        goto done;
    }
    *max_tokens = LB_SCORE_PACK_TOKENS;
    for (size_t i = 0; i < n_rows; i++)
    {
        lengths[i] = summaries[i].n_scored > 0 ? summaries[i].n_tokens : 0;
        *max_tokens = lengths[i] > *max_tokens ? lengths[i] : *max_tokens;
        if (is_sharing && lengths[i] > 0)
        {
            order.rows[order.n_rows++].row = (uint32_t)i;
        }
    }
    LB_TRY_GOTO(is_sharing ? lb_row_order_find(&order, planned_row_load, &rows, error) : LOBASS_OK);
    status = lb_plan_create(plan, lengths, is_sharing ? &order : NULL, n_rows, LB_SCORE_PACK_TOKENS,
                            error);
done:
    free(lengths);
    free(order.rows);
    return status;
}

/* ---- the workers -------------------------------------------------------------------------------
 */

lobass_status lb_scorers_create(lb_scorers *scorers, const lb_model *model, unsigned n_threads,
                                size_t max_tokens, lobass_error *error)
{
    *scorers = (lb_scorers){0};
    LB_TRY(lb_pool_create(&scorers->pool, n_threads, error));
    const unsigned n_workers = lb_pool_thread_count(scorers->pool);
    scorers->workers = lb_alloc(n_workers, sizeof *scorers->workers, error);
    if (scorers->workers == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    while (scorers->n_workers < n_workers)
    {
        lb_scorer *made = &scorers->workers[scorers->n_workers++];
        LB_TRY(lb_compute_create(&made->compute, 1, error));
        LB_TRY(lb_decoder_create(&made->decoder, model, made->compute, max_tokens, LB_DECODER_SCORE,
                                 error));
    }
    return LOBASS_OK;
}

void lb_scorers_free(lb_scorers *scorers)
{
    for (unsigned i = 0; i < scorers->n_workers; i++)
    {
        lb_decoder_free(scorers->workers[i].decoder);
        lb_compute_free(scorers->workers[i].compute);
    }
    free(scorers->workers);
    lb_pool_free(scorers->pool);
    *scorers = (lb_scorers){0};
}

lobass_status lb_score_slot_reserve(lb_score_slot *slot, lobass_error *error)
{
    const size_t n_scored = slot->builder.batch.n_scored;
    if (slot->el2n != NULL && n_scored <= slot->capacity)
    {
        return LOBASS_OK;
    }
    free(slot->nll);
    free(slot->el2n);
    slot->capacity = 0;
    slot->nll = lb_alloc(n_scored, sizeof *slot->nll, error);
    slot->el2n = slot->nll == NULL ? NULL : lb_alloc(n_scored, sizeof *slot->el2n, error);
    if (slot->el2n == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    slot->capacity = n_scored;
    return LOBASS_OK;
}

lobass_status lb_score_slot_fill(lb_score_slot *slot, lb_store *store, lb_pack pack,
                                 const lb_score_layout *layout, lobass_error *error)
{
    slot->pack = pack;
    lb_batch_builder_reset(&slot->builder);
    for (size_t i = 0; i < pack.n_rows; i++)
    {
        lobass_row row;
        LB_TRY(lb_store_row_load(&row, store, pack.rows[i], error));
        LB_TRY(layout->is_alone
                   ? lb_batch_builder_add_alone(&slot->builder, &row, layout->prefix, error)
                   : lb_batch_builder_add(&slot->builder, row.ids, row.flags, row.n_tokens, error));
    }
    if (layout->is_sharing)
    {
        LB_TRY(lb_batch_builder_share(&slot->builder, error));
    }
    return lb_score_slot_reserve(slot, error);
}

void lb_score_slot_free(lb_score_slot *slot)
{
    lb_batch_builder_free(&slot->builder);
    free(slot->nll);
    free(slot->el2n);
    *slot = (lb_score_slot){0};
}

typedef struct wave
{
    const lb_scorers *scorers;
    lb_score_slot *slots;
    lb_stage *stage;
    atomic_bool is_cancelled;
} wave;

static void score_slot(void *context, size_t chunk, unsigned worker)
{
    wave *w = context;
    lb_score_slot *slot = &w->slots[chunk];
    slot->is_scored = !atomic_load(&w->is_cancelled);
    if (!slot->is_scored)
    {
        return;
    }
    slot->status = lb_decoder_forward(w->scorers->workers[worker].decoder, &slot->builder.batch,
                                      slot->nll, slot->el2n, &slot->error);
    /* Worker 0 is the caller, on whose thread alone the observer is called. */
    if (worker == 0 && w->stage != NULL && lb_stage_is_cancelled(w->stage))
    {
        atomic_store(&w->is_cancelled, true);
    }
}

lobass_status lb_scorers_run(lb_scorers *scorers, lb_score_slot *slots, size_t n_slots,
                             lb_stage *stage, lobass_error *error)
{
    wave w = {.scorers = scorers, .slots = slots, .stage = stage};
    lb_pool_run(scorers->pool, n_slots, score_slot, &w);
    for (size_t i = 0; i < n_slots; i++)
    {
        if (slots[i].is_scored && slots[i].status != LOBASS_OK)
        {
            return lb_fail(error, slots[i].status, "%s", slots[i].error.message);
        }
    }
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Scoring against its products: one pack a thread, side by side, as lobass_measure does it.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

typedef struct forward
{
    lb_model *model;
    lb_scorers scorers;
    lb_score_slot *slots; /* [n_slots], one a thread */
    size_t n_slots;
    lb_products **products; /* [n_slots] */
    size_t max_tokens;
    lobass_status *statuses; /* [n_slots] */
    lobass_error failure;
} forward;

/* The slots take the packs over. */
static lobass_status packs_make(forward *f, const lb_bench *bench, lobass_error *error)
{
    lb_bench_packs packs;
    lb_bench_rate *rate = &bench->result->forward;
    lobass_status status = lb_bench_packs_create(&packs, bench, LB_BENCH_FORWARD, error);
    for (size_t i = 0; status == LOBASS_OK && i < packs.count; i++)
    {
        f->slots[i].builder = packs.builders[i];
        packs.builders[i] = (lb_batch_builder){0};
        status = lb_score_slot_reserve(&f->slots[i], error);
    }
    rate->n_rows = packs.n_rows;
    rate->n_tokens = packs.n_tokens;
    rate->n_scored_tokens = packs.n_scored;
    lb_bench_packs_free(&packs);
    return status;
}

static lobass_status forward_create(forward *f, const lb_bench *bench, lobass_error *error)
{
    lb_bench_rate *rate = &bench->result->forward;
    f->max_tokens = bench->pack_tokens;
    LB_TRY(lb_model_create_uniform(&f->model, &bench->config, bench->dtype, LB_MODEL_SCORE_PACKED,
                                   bench->options->seed, error));
    LB_TRY(lb_scorers_create(&f->scorers, f->model, bench->n_threads, f->max_tokens, error));
    f->slots = lb_alloc(bench->n_threads, sizeof *f->slots, error);
    f->products =
        f->slots == NULL ? NULL : lb_alloc(bench->n_threads, sizeof(lb_products *), error);
    f->statuses =
        f->products == NULL ? NULL : lb_alloc(bench->n_threads, sizeof *f->statuses, error);
    if (f->statuses == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    f->n_slots = bench->n_threads;
    lb_compute_describe(f->scorers.workers[0].compute, bench->dtype == LB_BF16, rate->backend,
                        sizeof rate->backend);
    return packs_make(f, bench, error);
}

static void forward_free(forward *f)
{
    for (size_t i = 0; i < f->n_slots; i++)
    {
        lb_score_slot_free(&f->slots[i]);
        lb_products_free(f->products[i]);
    }
    free(f->statuses);
    free(f->products);
    free(f->slots);
    lb_scorers_free(&f->scorers);
    lb_model_free(f->model);
}

static lobass_status forward_real(void *context, lobass_error *error)
{
    forward *f = context;
    return lb_scorers_run(&f->scorers, f->slots, f->n_slots, NULL, error);
}

static void products_chunk(void *context, size_t chunk, unsigned worker)
{
    forward *f = context;
    const lb_batch *batch = &f->slots[chunk].builder.batch;
    f->statuses[chunk] = lb_products_forward(f->products[worker], batch->n_tokens, batch->n_scored,
                                             &f->slots[chunk].error);
}

static lobass_status products_make(void *context, lobass_error *error)
{
    forward *f = context;
    for (size_t i = 0; i < f->n_slots; i++)
    {
        LB_TRY(lb_products_create(&f->products[i], f->model, 1, f->max_tokens, error));
    }
    return LOBASS_OK;
}

static lobass_status forward_products(void *context, lobass_error *error)
{
    forward *f = context;
    lb_pool_run(f->scorers.pool, f->n_slots, products_chunk, f);
    for (size_t i = 0; i < f->n_slots; i++)
    {
        if (f->statuses[i] != LOBASS_OK)
        {
            return lb_fail(error, f->statuses[i], "%s", f->slots[i].error.message);
        }
    }
    return LOBASS_OK;
}

lobass_status lb_bench_forward(lb_bench *bench, lobass_error *error)
{
    forward f = {0};
    lb_bench_rate *rate = &bench->result->forward;
    if (!lb_memory_fits(rate->skipped, sizeof rate->skipped, "forward",
                        bench->result->weight_bytes))
    {
        return LOBASS_OK;
    }
    const lb_bench_part part = {.stage = "bench forward",
                                .real = forward_real,
                                .products = forward_products,
                                .prepare = products_make,
                                .context = &f};
    lobass_status status = forward_create(&f, bench, error);
    if (status == LOBASS_OK)
    {
        status = lb_bench_turns(bench, &part, rate, error);
    }
    forward_free(&f);
    return status;
}

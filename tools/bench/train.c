/* SPDX-License-Identifier: Apache-2.0
 *
 * Training against its products: whole steps of one batch, as lobass_train takes them: forward and
 * backward pack by pack over all threads, then the optimiser. The products know no optimiser: what
 * it takes counts against the training.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

#define LEARNING_RATE 1e-6 /* the weights hardly move: every turn has the same work */

typedef struct training
{
    lb_model *model;
    lb_compute *compute;
    lb_decoder *decoder;
    lb_optimizer *optimizer;
    lb_bench_packs packs; /* of one step's batch */
    float *nll;
    unsigned n_threads;
    lb_products *products;
} training;

static lobass_status training_create(training *t, const lb_bench *bench, lobass_error *error)
{
    static const lb_adamw settings = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
    lb_bench_rate *rate = &bench->result->train;
    t->n_threads = bench->n_threads;
    LB_TRY(lb_bench_packs_create(&t->packs, bench, LB_BENCH_TRAIN, error));
    rate->n_rows = t->packs.n_rows;
    rate->n_tokens = t->packs.n_tokens;
    rate->n_scored_tokens = t->packs.n_scored;
    LB_TRY(lb_compute_create(&t->compute, t->n_threads, error));
    LB_TRY(lb_model_create_uniform(&t->model, &bench->config, bench->dtype, LB_MODEL_TRAIN,
                                   bench->options->seed, error));
    LB_TRY(lb_decoder_create(&t->decoder, t->model, t->compute, t->packs.max_tokens,
                             LB_DECODER_TRAIN, error));
    LB_TRY(lb_optimizer_create(&t->optimizer, t->model, &settings, error));
    t->nll = lb_alloc(t->packs.max_tokens, sizeof *t->nll, error);
    lb_compute_describe(t->compute, bench->dtype == LB_BF16, rate->backend, sizeof rate->backend);
    return t->nll == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

static void training_free(training *t)
{
    lb_bench_packs_free(&t->packs);
    free(t->nll);
    lb_products_free(t->products);
    lb_optimizer_free(t->optimizer);
    lb_decoder_free(t->decoder);
    lb_model_free(t->model);
    lb_compute_free(t->compute);
}

static lobass_status train_real(void *context, lobass_error *error)
{
    training *t = context;
    double norm = 0;
    const float scale = 1.0F / (float)t->packs.n_scored;
    for (size_t i = 0; i < t->packs.count; i++)
    {
        const lb_batch *batch = &t->packs.builders[i].batch;
        LB_TRY(lb_decoder_forward(t->decoder, batch, t->nll, NULL, error));
        LB_TRY(lb_decoder_backward(t->decoder, batch, scale, t->optimizer->grads, error));
    }
    return lb_optimizer_step(t->optimizer, t->model, t->compute, LEARNING_RATE, 0, 1, &norm, error);
}

static lobass_status products_make(void *context, lobass_error *error)
{
    training *t = context;
    return lb_products_create(&t->products, t->model, t->n_threads, t->packs.max_tokens, error);
}

static lobass_status train_products(void *context, lobass_error *error)
{
    training *t = context;
    for (size_t i = 0; i < t->packs.count; i++)
    {
        const lb_batch *batch = &t->packs.builders[i].batch;
        LB_TRY(lb_products_forward(t->products, batch->n_tokens, batch->n_scored, error));
        LB_TRY(lb_products_backward(t->products, batch->n_tokens, batch->n_scored,
                                    t->optimizer->grads, error));
    }
    return LOBASS_OK;
}

/* What the products left in the gradients would spoil the next step. */
static void gradients_clear(void *context)
{
    training *t = context;
    for (size_t i = 0; i < t->model->n_parameters; i++)
    {
        memset(t->optimizer->grads[i], 0, t->model->parameters[i].count * sizeof(float));
    }
}

lobass_status lb_bench_train(lb_bench *bench, lobass_error *error)
{
    training t = {0};
    lb_bench_rate *rate = &bench->result->train;
    if (!lb_memory_fits(rate->skipped, sizeof rate->skipped, "train",
                        lb_train_bytes(&bench->config, bench->result->n_parameters, bench->dtype,
                                       false, false, 0)))
    {
        return LOBASS_OK;
    }
    const lb_bench_part part = {.stage = "bench train",
                                .real = train_real,
                                .products = train_products,
                                .prepare = products_make,
                                .restore = gradients_clear,
                                .context = &t};
    lobass_status status = training_create(&t, bench, error);
    if (status == LOBASS_OK)
    {
        status = lb_bench_turns(bench, &part, rate, error);
    }
    training_free(&t);
    return status;
}

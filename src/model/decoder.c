/* SPDX-License-Identifier: Apache-2.0
 *
 * The forward pass of a pre-norm decoder (Llama: Touvron et al., 2023) over a packed batch:
 *     x += o(attention(rope(q(norm(x))), rope(k(norm(x))), v(norm(x))))
 *     x += down(silu(gate(norm(x))) * up(norm(x)))
 * in every layer, then the final norm and the head, at the positions before scored tokens only:
 * the hidden state at position t-1 predicts the token at t. In scoring the last layer goes on
 * with those positions alone once it has the keys and values of all. All arithmetic is that of the
 * table of operations; the gradient is in decoder_backward.c.
 */
#include <stdlib.h>
#include <string.h>

#include "model/activations.h"

lobass_status lb_decoder_create(lb_decoder **decoder, const lb_model *model, lb_compute *compute,
                                size_t max_tokens, lb_decoder_use use, lobass_error *error)
{
    *decoder = NULL;
    if (max_tokens == 0)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "decoder: expected room for a token, found 0");
    }
    lb_decoder *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->model = model;
    made->lora = model->lora;
    made->compute = compute;
    made->max_tokens = max_tokens;
    made->use = use;
    const lobass_status status = lb_activations_create(made, error);
    if (status != LOBASS_OK)
    {
        lb_decoder_free(made);
        return status;
    }
    *decoder = made;
    return LOBASS_OK;
}

void lb_decoder_free(lb_decoder *decoder)
{
    if (decoder == NULL)
    {
        return;
    }
    free(decoder->kept);
    free(decoder->n_kept);
    free(decoder->logits_input);
    free(decoder->logits);
    free(decoder->memory);
    free(decoder->layers);
    free(decoder);
}

/* A batch is made by our own code from checked rows; a mistake there must not become a read out of
 * bounds here. */
static lobass_status check_batch(const lb_decoder *decoder, const lb_batch *batch,
                                 lobass_error *error)
{
    if (batch->n_tokens == 0 || batch->n_tokens > decoder->max_tokens)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "batch: expected 1 to %zu tokens, found %zu",
                       decoder->max_tokens, batch->n_tokens);
    }
    const size_t n_vocabulary = decoder->model->config.n_vocabulary;
    for (size_t i = 0; i < batch->n_tokens; i++)
    {
        if ((size_t)batch->ids[i] >= n_vocabulary) /* a negative id is a huge one */
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           "batch: token %zu: expected an id below %zu, found %d", i, n_vocabulary,
                           (int)batch->ids[i]);
        }
    }
    bool is_valid = batch->n_sequences > 0 && batch->starts[0] == 0 &&
                    batch->starts[batch->n_sequences] == batch->n_tokens;
    for (size_t i = 0; is_valid && i < batch->n_sequences; i++)
    {
        is_valid = batch->starts[i] < batch->starts[i + 1];
    }
    if (!is_valid)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "batch: expected sequence starts ascending from 0 to %zu", batch->n_tokens);
    }
    for (size_t i = 0; i < batch->n_sequences; i++)
    {
        const uint32_t parent = lb_batch_parent(batch, i);
        if (parent != LB_NO_PARENT && parent >= i)
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           "batch: sequence %zu: expected an earlier one as its parent, found %u",
                           i, (unsigned)parent);
        }
    }
    return LOBASS_OK;
}

/* Checks the scored tokens and finds the token that predicts each. */
static lobass_status predictors_find(lb_decoder *decoder, const lb_batch *batch,
                                     lobass_error *error)
{
    size_t sequence = 0;
    for (size_t i = 0; i < batch->n_scored; i++)
    {
        const uint32_t token = batch->scored[i];
        if (token >= batch->n_tokens || (i > 0 && token <= batch->scored[i - 1]))
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           "batch: expected scored tokens ascending below %zu, found %u",
                           batch->n_tokens, (unsigned)token);
        }
        while (batch->starts[sequence + 1] <= token)
        {
            sequence++;
        }
        const uint32_t parent = lb_batch_parent(batch, sequence);
        const bool is_first = batch->starts[sequence] == token;
        if (is_first && parent == LB_NO_PARENT)
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           "batch: scored token %u: expected one with a token before it in its "
                           "sequence",
                           (unsigned)token);
        }
        decoder->head.targets[i] = batch->ids[token];
        decoder->head.predictors[i] = (is_first ? batch->starts[parent + 1] : token) - 1;
    }
    return LOBASS_OK;
}

/* Lists the tokens that the last layer must carry to its end. */
static void needed_find(lb_decoder *decoder, const lb_batch *batch)
{
    lb_token_rows *rows = &decoder->rows;
    for (size_t i = 0; i < batch->n_tokens; i++)
    {
        rows->place[i] = LB_NOT_NEEDED;
    }
    for (size_t i = 0; i < batch->n_scored; i++)
    {
        rows->place[decoder->head.predictors[i]] = 0;
    }
    rows->n_needed = 0;
    for (size_t i = 0; i < batch->n_tokens; i++)
    {
        if (rows->place[i] != LB_NOT_NEEDED)
        {
            rows->place[i] = (uint32_t)rows->n_needed;
            rows->needed_positions[rows->n_needed] = rows->positions[i];
            rows->needed[rows->n_needed++] = (uint32_t)i;
        }
    }
}

static lobass_status linear(lb_decoder *decoder, float *y, const float *x, const lb_parameter *w,
                            const lb_parameter *bias, size_t n, lobass_error *error)
{
    lb_compute *c = decoder->compute;
    LB_TRY(
        lb_linear_forward(c, y, x, &w->matrix, bias == NULL ? NULL : bias->matrix.fp32, n, error));
    return lb_lora_forward(decoder, y, x, w, n, error);
}

/* The rows that queries are made of: all, or in the last layer of scoring those that are needed. */
typedef struct query_rows
{
    const uint32_t *tokens; /* NULL: all */
    const uint32_t *positions;
    size_t n;
} query_rows;

/* Moves the needed rows of X to its front. */
static void keep_needed(const lb_decoder *decoder, float *x, size_t width)
{
    const lb_token_rows *rows = &decoder->rows;
    for (size_t i = 0; i < rows->n_needed; i++)
    {
        memmove(x + i * width, x + rows->needed[i] * width, width * sizeof *x);
    }
}

lb_attention lb_decoder_attention(const lb_decoder *decoder, const lb_layer_activations *a,
                                  const lb_batch *batch, const uint32_t *queries, size_t n_queries)
{
    const lb_config *config = &decoder->model->config;
    return (lb_attention){.shape = {.h = config->n_heads,
                                    .g = config->n_kv_heads,
                                    .s = config->head_size,
                                    .scale = lb_attention_scale(config->head_size)},
                          .q = a->q,
                          .k = a->k,
                          .v = a->v,
                          .batch = batch,
                          .queries = queries,
                          .n_queries = n_queries,
                          .kept = decoder->caches == NULL ? NULL : decoder->kept,
                          .out = a->attention,
                          .log_sum_exp = a->log_sum_exp};
}

static lobass_status attend(lb_decoder *decoder, const lb_layer *layer, lb_layer_activations *a,
                            const lb_batch *batch, const query_rows *queries, lobass_error *error)
{
    const lb_attention attention =
        lb_decoder_attention(decoder, a, batch, queries->tokens, queries->n);
    for (size_t i = 0; decoder->caches != NULL && i < batch->n_sequences; i++)
    {
        decoder->kept[i] =
            lb_cache_layer(decoder->caches[i], (size_t)(layer - decoder->model->layers));
    }
    return lb_attention_forward(decoder->compute, &attention, error);
}

static lobass_status forward_attention(lb_decoder *decoder, const lb_layer *layer,
                                       lb_layer_activations *a, const lb_batch *batch,
                                       const query_rows *queries, lobass_error *error)
{
    lb_compute *c = decoder->compute;
    const lb_config *config = &decoder->model->config;
    const float *frequencies = decoder->model->frequencies;
    const size_t n = batch->n_tokens;
    float *normed = decoder->scratch.normed;
    LB_TRY(lb_rms_norm_forward(c, normed, a->input_inverse_rms, a->x,
                               layer->input_norm->matrix.fp32, config->norm_epsilon, n,
                               config->d_model, error));
    LB_TRY(linear(decoder, a->k, normed, layer->k, layer->k_bias, n, error));
    LB_TRY(linear(decoder, a->v, normed, layer->v, layer->v_bias, n, error));
    if (queries->tokens != NULL)
    {
        keep_needed(decoder, normed, config->d_model);
        keep_needed(decoder, a->x, config->d_model);
    }
    LB_TRY(linear(decoder, a->q, normed, layer->q, layer->q_bias, queries->n, error));
    LB_TRY(lb_rope_forward(c, a->q, queries->positions, queries->n, frequencies, config->n_heads,
                           config->head_size, error));
    LB_TRY(lb_rope_forward(c, a->k, decoder->rows.positions, n, frequencies, config->n_kv_heads,
                           config->head_size, error));
    LB_TRY(attend(decoder, layer, a, batch, queries, error));
    LB_TRY(linear(decoder, a->middle, a->attention, layer->o, layer->o_bias, queries->n, error));
    LB_TRY(lb_add(c, a->middle, a->x, queries->n, config->d_model, error));
    return LOBASS_OK;
}

/* In scoring `next` is the memory of `x`, which attention was the last to need. */
static lobass_status forward_mlp(lb_decoder *decoder, const lb_layer *layer,
                                 lb_layer_activations *a, size_t n, lobass_error *error)
{
    lb_compute *c = decoder->compute;
    const lb_config *config = &decoder->model->config;
    float *normed = decoder->scratch.normed;
    LB_TRY(lb_rms_norm_forward(c, normed, a->post_inverse_rms, a->middle,
                               layer->post_norm->matrix.fp32, config->norm_epsilon, n,
                               config->d_model, error));
    LB_TRY(linear(decoder, a->gate, normed, layer->gate, layer->gate_bias, n, error));
    LB_TRY(linear(decoder, a->up, normed, layer->up, layer->up_bias, n, error));
    LB_TRY(lb_swiglu_forward(c, decoder->scratch.active, a->gate, a->up, n, config->d_ffn, error));
    LB_TRY(
        linear(decoder, a->next, decoder->scratch.active, layer->down, layer->down_bias, n, error));
    LB_TRY(lb_add(c, a->next, a->middle, n, config->d_model, error));
    return LOBASS_OK;
}

/* The hidden states that the head sees. */
static lobass_status gather_predictors(lb_decoder *decoder, const lb_batch *batch,
                                       lobass_error *error)
{
    lb_compute *c = decoder->compute;
    const lb_model *model = decoder->model;
    const size_t d = model->config.d_model;
    lb_head_activations *head = &decoder->head;
    const float *x = decoder->layers[model->config.n_layers - 1].next;
    for (size_t i = 0; i < batch->n_scored; i++)
    {
        const uint32_t token = head->predictors[i];
        const size_t row = decoder->use == LB_DECODER_SCORE ? decoder->rows.place[token] : token;
        memcpy(head->gathered + i * d, x + row * d, d * sizeof *x);
    }
    return lb_rms_norm_forward(c, head->hidden, head->inverse_rms, head->gathered,
                               model->final_norm->matrix.fp32, model->config.norm_epsilon,
                               batch->n_scored, d, error);
}

lobass_status lb_decoder_layer_forward(lb_decoder *decoder, size_t l, const lb_batch *batch,
                                       lobass_error *error)
{
    const lb_layer *layer = &decoder->model->layers[l];
    const query_rows all = {NULL, decoder->rows.positions, batch->n_tokens};
    LB_TRY(forward_attention(decoder, layer, &decoder->layers[l], batch, &all, error));
    return forward_mlp(decoder, layer, &decoder->layers[l], batch->n_tokens, error);
}

static lobass_status forward_layers(lb_decoder *decoder, const lb_batch *batch, lobass_error *error)
{
    const lb_model *model = decoder->model;
    const lb_token_rows *rows = &decoder->rows;
    const size_t last = model->config.n_layers - 1;
    const query_rows all = {NULL, rows->positions, batch->n_tokens};
    const query_rows needed = {rows->needed, rows->needed_positions, rows->n_needed};
    for (size_t l = 0; l <= last; l++)
    {
        const query_rows *queries = l == last && decoder->use == LB_DECODER_SCORE ? &needed : &all;
        lb_layer_activations *a = &decoder->layers[l];
        LB_TRY(forward_attention(decoder, &model->layers[l], a, batch, queries, error));
        LB_TRY(forward_mlp(decoder, &model->layers[l], a, queries->n, error));
    }
    return LOBASS_OK;
}

/* From the tokens to the hidden states of the predictors, which are known. */
static lobass_status forward_hidden(lb_decoder *decoder, const lb_batch *batch, lobass_error *error)
{
    lb_compute *c = decoder->compute;
    lb_batch_positions(batch, decoder->rows.positions);
    needed_find(decoder, batch);
    LB_TRY(lb_embedding_forward(c, decoder->layers[0].x, &decoder->model->embedding->matrix,
                                batch->ids, batch->n_tokens, error));
    LB_TRY(forward_layers(decoder, batch, error));
    return gather_predictors(decoder, batch, error);
}

lobass_status lb_decoder_forward(lb_decoder *decoder, const lb_batch *batch, float *nll,
                                 float *el2n, lobass_error *error)
{
    lb_compute *c = decoder->compute;
    lb_head_activations *head = &decoder->head;
    decoder->n_tokens = 0;
    LB_TRY(check_batch(decoder, batch, error));
    LB_TRY(predictors_find(decoder, batch, error));
    if (batch->n_scored > 0)
    {
        LB_TRY(forward_hidden(decoder, batch, error));
        LB_TRY(lb_cross_entropy_forward(c, head->nll, head->log_sum_exp, el2n, head->hidden,
                                        &decoder->model->head->matrix, head->targets,
                                        batch->n_scored, error));
        memcpy(nll, decoder->head.nll, batch->n_scored * sizeof *nll);
    }
    decoder->n_tokens = batch->n_tokens;
    decoder->n_scored = batch->n_scored;
    return LOBASS_OK;
}

/* The head's product needs padded rows, which the caller's array does not have. */
static lobass_status prepare_logits(lb_decoder *decoder, size_t n_rows, lobass_error *error)
{
    const lb_config *config = &decoder->model->config;
    if (decoder->logits != NULL)
    {
        return LOBASS_OK;
    }
    size_t count = 0;
    size_t input_count = 0;
    if (!lb_size_multiply(n_rows, config->n_vocabulary, &count) ||
        !lb_size_multiply(n_rows, config->d_model, &input_count))
    {
        return lb_fail_memory(error, SIZE_MAX);
    }
    if (decoder->logits_input == NULL)
    {
        decoder->logits_input = lb_alloc(input_count, sizeof(float), error);
    }
    if (decoder->logits_input != NULL)
    {
        decoder->logits = lb_alloc(count, sizeof(float), error);
    }
    return decoder->logits == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

lobass_status lb_decoder_logits(lb_decoder *decoder, const lb_batch *batch, float *logits,
                                lobass_error *error)
{
    lb_compute *c = decoder->compute;
    const size_t d = decoder->model->config.d_model;
    const size_t n_vocabulary = decoder->model->config.n_vocabulary;
    if (batch->n_tokens != decoder->n_tokens || batch->n_scored != decoder->n_scored)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "logits: expected the batch of the forward before");
    }
    const size_t block = lb_rows_padded(1);
    LB_TRY(prepare_logits(decoder, block, error));
    for (size_t i = 0; i < batch->n_scored; i += block)
    {
        const size_t left = batch->n_scored - i;
        const size_t n = left < block ? left : block;
        memcpy(decoder->logits_input, decoder->head.hidden + i * d, n * d * sizeof *logits);
        LB_TRY(lb_linear_forward(c, decoder->logits, decoder->logits_input,
                                 &decoder->model->head->matrix, NULL, n, error));
        memcpy(logits + i * n_vocabulary, decoder->logits, n * n_vocabulary * sizeof *logits);
    }
    return LOBASS_OK;
}

/* ---- one token after the other -----------------------------------------------------------------
 */

static lobass_status prepare_next(lb_decoder *decoder, const lb_batch *batch,
                                  lb_cache *const *caches, lobass_error *error)
{
    if (decoder->use != LB_DECODER_SCORE || batch->parents != NULL || batch->n_kept != NULL)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "next token: expected a decoder for scoring and sequences without parents");
    }
    if (decoder->n_kept == NULL)
    {
        decoder->n_kept = lb_alloc(decoder->max_tokens, sizeof *decoder->n_kept, error);
    }
    if (decoder->kept == NULL)
    {
        decoder->kept = lb_alloc(decoder->max_tokens, sizeof *decoder->kept, error);
    }
    if (decoder->n_kept == NULL || decoder->kept == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < batch->n_sequences; i++)
    {
        LB_TRY(lb_cache_reserve(caches[i], batch->starts[i + 1] - batch->starts[i], error));
        decoder->n_kept[i] = (uint32_t)lb_cache_count(caches[i]);
        decoder->head.predictors[i] = batch->starts[i + 1] - 1;
    }
    return LOBASS_OK;
}

lobass_status lb_decoder_next(lb_decoder *decoder, const lb_batch *batch, lb_cache *const *caches,
                              float *logits, lobass_error *error)
{
    decoder->n_tokens = 0;
    LB_TRY(check_batch(decoder, batch, error));
    LB_TRY(prepare_next(decoder, batch, caches, error));
    lb_batch continued = *batch;
    continued.n_kept = decoder->n_kept;
    continued.scored = NULL; /* a predictor a sequence, of a token that is not known yet */
    continued.n_scored = batch->n_sequences;
    decoder->caches = caches;
    const lobass_status status = forward_hidden(decoder, &continued, error);
    decoder->caches = NULL;
    LB_TRY(status);
    decoder->n_tokens = batch->n_tokens;
    decoder->n_scored = batch->n_sequences;
    LB_TRY(lb_decoder_logits(decoder, &continued, logits, error));
    for (size_t i = 0; i < batch->n_sequences; i++)
    {
        lb_cache_advance(caches[i], batch->starts[i + 1] - batch->starts[i]);
    }
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A decoder over a packed batch: the programs of the model's parts one after the other, then the
 * head, at the positions before scored tokens only: the hidden state at position t-1 predicts the
 * token at t. In scoring the last layer goes on with those positions alone once it has the keys and
 * values of all. The gradient of scale * sum(nll) goes the same way back.
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
    free(decoder->memory);
    free(decoder->pointers);
    free(decoder->parts);
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

/* ---- forward ----------------------------------------------------------------------------------
 */

/* The walk over part P of the model. */
static lb_walk walk_of(lb_decoder *decoder, size_t p, const lb_batch *batch, float *const *grads)
{
    const lb_layer *part = &decoder->model->parts[p];
    const bool is_last = p + 1 == decoder->model->n_parts;
    return (lb_walk){.decoder = decoder,
                     .batch = batch,
                     .program = part->program,
                     .weights = part->weights,
                     .layer = p - 1,
                     .values = decoder->parts[p].values,
                     .gradients = decoder->parts[p].gradients,
                     .grads = grads,
                     .rows = {.n = is_last ? batch->n_scored : batch->n_tokens,
                              .positions = decoder->rows.positions}};
}

/* What entered part P, what left it, and the gradient of each. */
static float *entered(float *const *arrays, const lb_decoder *decoder, size_t p)
{
    return arrays[decoder->model->parts[p].program->input];
}

static float *left(float *const *arrays, const lb_decoder *decoder, size_t p)
{
    return arrays[decoder->model->parts[p].program->output];
}

/* Copies what one part has left for the next, where the two do not share the array. */
static void hand_over(const lb_decoder *decoder, float *to, const float *from, size_t n_rows)
{
    if (to != from)
    {
        memcpy(to, from, n_rows * decoder->model->config.d_model * sizeof *to);
    }
}

/* The rows that the last part and the head see, out of what left the layers. */
static void gather_predictors(lb_decoder *decoder, const lb_batch *batch, const float *x)
{
    const size_t d = decoder->model->config.d_model;
    const lb_head_activations *head = &decoder->head;
    for (size_t i = 0; i < batch->n_scored; i++)
    {
        const uint32_t token = head->predictors[i];
        const size_t row = decoder->use == LB_DECODER_SCORE ? decoder->rows.place[token] : token;
        memcpy(head->gathered + i * d, x + row * d, d * sizeof *x);
    }
}

/* From the tokens to the hidden states of the predictors, which are known. */
static lobass_status forward_hidden(lb_decoder *decoder, const lb_batch *batch, lobass_error *error)
{
    const size_t last = decoder->model->n_parts - 1;
    lb_batch_positions(batch, decoder->rows.positions);
    needed_find(decoder, batch);
    const lb_rows needed = {decoder->rows.n_needed, decoder->rows.needed,
                            decoder->rows.needed_positions};
    for (size_t p = 0; p <= last; p++)
    {
        lb_walk walk = walk_of(decoder, p, batch, NULL);
        walk.needed = p + 1 == last && decoder->use == LB_DECODER_SCORE ? &needed : NULL;
        LB_TRY(lb_program_forward(&walk, error));
        const float *x = left(walk.values, decoder, p);
        if (p + 1 == last)
        {
            gather_predictors(decoder, batch, x);
        }
        else if (p < last)
        {
            hand_over(decoder, entered(decoder->parts[p + 1].values, decoder, p + 1), x,
                      batch->n_tokens);
        }
    }
    return LOBASS_OK;
}

static const float *hidden_of(const lb_decoder *decoder)
{
    const size_t last = decoder->model->n_parts - 1;
    return left(decoder->parts[last].values, decoder, last);
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
        LB_TRY(lb_cross_entropy_forward(c, head->nll, head->log_sum_exp, el2n, hidden_of(decoder),
                                        &decoder->model->head->matrix, head->targets,
                                        batch->n_scored, error));
        memcpy(nll, decoder->head.nll, batch->n_scored * sizeof *nll);
    }
    decoder->n_tokens = batch->n_tokens;
    decoder->n_scored = batch->n_scored;
    return LOBASS_OK;
}

/* ---- backward ---------------------------------------------------------------------------------
 */

/* The gradient of what left the layers, from that of the rows that predict. */
static void scatter_predictors(const lb_decoder *decoder, const lb_batch *batch, float *to,
                               const float *from)
{
    const size_t d = decoder->model->config.d_model;
    lb_rows_clear(to, batch->n_tokens, d);
    for (size_t i = 0; i < batch->n_scored; i++)
    {
        memcpy(to + (size_t)decoder->head.predictors[i] * d, from + i * d, d * sizeof *to);
    }
}

static lobass_status backward_head(lb_decoder *decoder, const lb_batch *batch, float scale,
                                   float *const *grads, lobass_error *error)
{
    const lb_head_activations *head = &decoder->head;
    const lb_model *model = decoder->model;
    const lb_walk walk = walk_of(decoder, model->n_parts - 1, batch, grads);
    lb_rows_clear(head->grad_hidden, batch->n_scored, model->config.d_model);
    return lb_cross_entropy_backward(
        decoder->compute, head->grad_hidden, lb_walk_grad(&walk, model->head), hidden_of(decoder),
        &model->head->matrix, head->targets, head->log_sum_exp, scale, batch->n_scored, error);
}

/* Gradients of a tied head and of the embedding add up in one array. */
lobass_status lb_decoder_backward(lb_decoder *decoder, const lb_batch *batch, float scale,
                                  float *const *grads, lobass_error *error)
{
    const size_t last = decoder->model->n_parts - 1;
    if (decoder->use == LB_DECODER_SCORE || batch->n_tokens != decoder->n_tokens ||
        batch->n_scored != decoder->n_scored)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "backward: expected a training decoder after a forward of the same batch");
    }
    if (batch->n_scored == 0)
    {
        return LOBASS_OK;
    }
    LB_TRY(backward_head(decoder, batch, scale, grads, error));
    for (size_t p = last + 1; p-- > 0;)
    {
        lb_walk walk = walk_of(decoder, p, batch, grads);
        if (decoder->use == LB_DECODER_RECOMPUTE && p > 0 && p + 1 < last)
        {
            LB_TRY(lb_program_forward(&walk, error));
        }
        LB_TRY(lb_program_backward(&walk, error));
        if (p == 0)
        {
            break;
        }
        const float *from = entered(walk.gradients, decoder, p);
        float *to = left(decoder->parts[p - 1].gradients, decoder, p - 1);
        if (p == last)
        {
            scatter_predictors(decoder, batch, to, from);
        }
        else
        {
            hand_over(decoder, to, from, batch->n_tokens);
        }
    }
    return LOBASS_OK;
}

/* ---- logits -----------------------------------------------------------------------------------
 */

lobass_status lb_decoder_logits(lb_decoder *decoder, const lb_batch *batch, float *logits,
                                lobass_error *error)
{
    if (batch->n_tokens != decoder->n_tokens || batch->n_scored != decoder->n_scored)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "logits: expected the batch of the forward before");
    }
    return lb_linear_forward(decoder->compute, logits, hidden_of(decoder),
                             &decoder->model->head->matrix, NULL, batch->n_scored, error);
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * The gradient of scale * sum(nll) in every trained parameter, after decoder.c's forward of the
 * same batch: head and final norm at the scored positions, then the layers from last to first, each
 * through its feed-forward half and its attention half, then the embedding. Inputs of products that
 * the forward did not keep (norms' outputs, silu(gate) * up) are computed again, with the same
 * bits. Gradients of a tied head and of the embedding add up in one array.
 */
#include <string.h>

#include "model/activations.h"

/* What every step of one backward needs. */
typedef struct backward
{
    lb_decoder *decoder;
    const lb_batch *batch;
    float *const *grads;
} backward;

/* NULL where there is none to compute: with an adapter the model's own parameters are frozen. */
static float *grad_of(const backward *b, const lb_parameter *parameter)
{
    return parameter == NULL || b->decoder->lora != NULL
               ? NULL
               : b->grads[parameter - b->decoder->model->parameters];
}

static void clear(float *grad, size_t n_rows, size_t width)
{
    memset(grad, 0, lb_rows_padded(n_rows) * width * sizeof *grad);
}

static lobass_status linear(const backward *b, float *grad_x, const float *grad_y, const float *x,
                            const lb_parameter *w, const lb_parameter *bias, lobass_error *error)
{
    lb_compute *c = b->decoder->compute;
    const size_t n = b->batch->n_tokens;
    LB_TRY(lb_linear_backward(c, grad_x, grad_of(b, w), grad_of(b, bias), grad_y, x, &w->matrix, n,
                              error));
    return lb_lora_backward(b->decoder, b->grads, grad_x, grad_y, x, w, n, error);
}

/* gradients.x receives the gradient of the residual stream that leaves the last layer. */
static lobass_status backward_head(const backward *b, float scale, lobass_error *error)
{
    lb_decoder *decoder = b->decoder;
    lb_compute *c = decoder->compute;
    const lb_model *model = decoder->model;
    lb_gradients *g = &decoder->gradients;
    const lb_head_activations *head = &decoder->head;
    const size_t d = model->config.d_model;
    const size_t m = b->batch->n_scored;
    clear(g->hidden, m, d);
    LB_TRY(lb_cross_entropy_backward(c, g->hidden, grad_of(b, model->head), head->hidden,
                                     &model->head->matrix, head->targets, head->log_sum_exp, scale,
                                     m, error));
    clear(g->gathered, m, d);
    LB_TRY(lb_rms_norm_backward(c, g->gathered, grad_of(b, model->final_norm), g->hidden,
                                head->gathered, model->final_norm->matrix.fp32, head->inverse_rms,
                                m, d, error));
    clear(g->x, b->batch->n_tokens, d);
    for (size_t i = 0; i < m; i++)
    {
        memcpy(g->x + (size_t)head->predictors[i] * d, g->gathered + i * d, d * sizeof *g->x);
    }
    return LOBASS_OK;
}

/* Adds the gradient through x += down(swiglu(gate(norm(x)), up(norm(x)))) to gradients.x. */
static lobass_status backward_mlp(const backward *b, const lb_layer *layer,
                                  const lb_layer_activations *a, lobass_error *error)
{
    lb_decoder *decoder = b->decoder;
    lb_compute *c = decoder->compute;
    const lb_config *config = &decoder->model->config;
    lb_gradients *g = &decoder->gradients;
    const size_t n = b->batch->n_tokens;
    float *active = decoder->scratch.active;
    float *normed = decoder->scratch.normed;
    LB_TRY(lb_swiglu_forward(c, active, a->gate, a->up, n, config->d_ffn, error));
    clear(g->active, n, config->d_ffn);
    LB_TRY(linear(b, g->active, g->x, active, layer->down, layer->down_bias, error));
    LB_TRY(
        lb_swiglu_backward(c, g->gate, g->up, g->active, a->gate, a->up, n, config->d_ffn, error));

    LB_TRY(lb_rms_norm_forward(c, normed, a->post_inverse_rms, a->middle,
                               layer->post_norm->matrix.fp32, config->norm_epsilon, n,
                               config->d_model, error));
    clear(g->normed, n, config->d_model);
    LB_TRY(linear(b, g->normed, g->gate, normed, layer->gate, layer->gate_bias, error));
    LB_TRY(linear(b, g->normed, g->up, normed, layer->up, layer->up_bias, error));
    LB_TRY(lb_rms_norm_backward(c, g->x, grad_of(b, layer->post_norm), g->normed, a->middle,
                                layer->post_norm->matrix.fp32, a->post_inverse_rms, n,
                                config->d_model, error));
    return LOBASS_OK;
}

/* Adds the gradient through x += o(attention(rope(q), rope(k), v)) to gradients.x. */
static lobass_status backward_attention(const backward *b, const lb_layer *layer,
                                        const lb_layer_activations *a, lobass_error *error)
{
    lb_decoder *decoder = b->decoder;
    lb_compute *c = decoder->compute;
    const lb_config *config = &decoder->model->config;
    const float *frequencies = decoder->model->frequencies;
    lb_gradients *g = &decoder->gradients;
    const size_t n = b->batch->n_tokens;
    const size_t s = config->head_size;
    float *normed = decoder->scratch.normed;
    const lb_attention attention = lb_decoder_attention(decoder, a, b->batch, NULL, n);
    clear(g->attention, n, config->n_heads * s);
    LB_TRY(linear(b, g->attention, g->x, a->attention, layer->o, layer->o_bias, error));
    clear(g->q, n, config->n_heads * s);
    clear(g->k, n, config->n_kv_heads * s);
    clear(g->v, n, config->n_kv_heads * s);
    LB_TRY(lb_attention_backward(c, g->q, g->k, g->v, g->attention, &attention, error));
    const uint32_t *positions = decoder->rows.positions;
    LB_TRY(lb_rope_backward(c, g->q, positions, n, frequencies, config->n_heads, s, error));
    LB_TRY(lb_rope_backward(c, g->k, positions, n, frequencies, config->n_kv_heads, s, error));

    LB_TRY(lb_rms_norm_forward(c, normed, a->input_inverse_rms, a->x,
                               layer->input_norm->matrix.fp32, config->norm_epsilon, n,
                               config->d_model, error));
    clear(g->normed, n, config->d_model);
    LB_TRY(linear(b, g->normed, g->q, normed, layer->q, layer->q_bias, error));
    LB_TRY(linear(b, g->normed, g->k, normed, layer->k, layer->k_bias, error));
    LB_TRY(linear(b, g->normed, g->v, normed, layer->v, layer->v_bias, error));
    LB_TRY(lb_rms_norm_backward(c, g->x, grad_of(b, layer->input_norm), g->normed, a->x,
                                layer->input_norm->matrix.fp32, a->input_inverse_rms, n,
                                config->d_model, error));
    return LOBASS_OK;
}

lobass_status lb_decoder_backward(lb_decoder *decoder, const lb_batch *batch, float scale,
                                  float *const *grads, lobass_error *error)
{
    const lb_model *model = decoder->model;
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
    const backward b = {.decoder = decoder, .batch = batch, .grads = grads};
    LB_TRY(backward_head(&b, scale, error));
    for (size_t l = model->config.n_layers; l-- > 0;)
    {
        if (decoder->use == LB_DECODER_RECOMPUTE && l + 1 < model->config.n_layers)
        {
            LB_TRY(lb_decoder_layer_forward(decoder, l, batch, error));
        }
        LB_TRY(backward_mlp(&b, &model->layers[l], &decoder->layers[l], error));
        LB_TRY(backward_attention(&b, &model->layers[l], &decoder->layers[l], error));
    }
    lb_compute *c = decoder->compute;
    float *grad_embedding = grad_of(&b, model->embedding);
    if (grad_embedding != NULL)
    {
        LB_TRY(lb_embedding_backward(c, grad_embedding, decoder->gradients.x, batch->ids,
                                     batch->n_tokens, model->config.d_model, error));
    }
    return LOBASS_OK;
}

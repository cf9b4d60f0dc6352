/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations that a layer can be made of: how each takes its arrays and weights from a walk and
 * hands them to compute, forward and backward, and what the program must know of it. An adapter
 * adds its part in the linear step, in one place each.
 */
#include "model/activations.h"

float *lb_walk_grad(const lb_walk *walk, const lb_parameter *parameter)
{
    /* With an adapter the model's own parameters are frozen. */
    return parameter == NULL || walk->decoder->lora != NULL
               ? NULL
               : walk->grads[parameter - walk->decoder->model->parameters];
}

static lb_compute *compute_of(const lb_walk *walk)
{
    return walk->decoder->compute;
}

static const lb_config *config_of(const lb_walk *walk)
{
    return &walk->decoder->model->config;
}

/* Arrays of a step. */
static float *in(const lb_walk *walk, const lb_bound_step *step, size_t j)
{
    return walk->values[step->inputs[j]];
}

static float *out(const lb_walk *walk, const lb_bound_step *step)
{
    return walk->values[step->output];
}

static float *side(const lb_walk *walk, const lb_bound_step *step)
{
    return walk->values[step->side];
}

static size_t width_in(const lb_walk *walk, const lb_bound_step *step, size_t j)
{
    return walk->program->values[step->inputs[j]].width;
}

static size_t width_out(const lb_walk *walk, const lb_bound_step *step)
{
    return walk->program->values[step->output].width;
}

static float *grad_in(const lb_walk *walk, const lb_bound_step *step, size_t j)
{
    return walk->gradients[step->inputs[j]];
}

static float *grad_out(const lb_walk *walk, const lb_bound_step *step)
{
    return walk->gradients[step->output];
}

static const lb_parameter *weight_of(const lb_walk *walk, const lb_bound_step *step)
{
    return walk->weights[step->weight];
}

static const lb_parameter *bias_of(const lb_walk *walk, const lb_bound_step *step)
{
    return step->bias == LB_NO_INDEX ? NULL : walk->weights[step->bias];
}

/* ---- embedding --------------------------------------------------------------------------------
 */

static bool embedding_fit(const lb_config *config, const size_t *in, const size_t *weight,
                          size_t *out, size_t *side)
{
    (void)in;
    (void)side;
    *out = weight[1];
    return weight[0] == config->n_vocabulary;
}

static lobass_status embedding_forward(const lb_walk *walk, const lb_bound_step *step,
                                       lobass_error *error)
{
    return lb_embedding_forward(compute_of(walk), out(walk, step), &weight_of(walk, step)->matrix,
                                walk->batch->ids, walk->rows.n, error);
}

static lobass_status embedding_backward(const lb_walk *walk, const lb_bound_step *step,
                                        lobass_error *error)
{
    float *grad = lb_walk_grad(walk, weight_of(walk, step));
    return grad == NULL ? LOBASS_OK
                        : lb_embedding_backward(compute_of(walk), grad, grad_out(walk, step),
                                                walk->batch->ids, walk->rows.n,
                                                width_out(walk, step), error);
}

/* ---- norm -------------------------------------------------------------------------------------
 */

static bool norm_fit(const lb_config *config, const size_t *in, const size_t *weight, size_t *out,
                     size_t *side)
{
    (void)config;
    *out = in[0];
    *side = 1;
    return weight[0] == in[0];
}

static lobass_status norm_forward(const lb_walk *walk, const lb_bound_step *step,
                                  lobass_error *error)
{
    return lb_rms_norm_forward(compute_of(walk), out(walk, step), side(walk, step),
                               in(walk, step, 0), weight_of(walk, step)->matrix.fp32,
                               config_of(walk)->norm_epsilon, walk->rows.n, width_out(walk, step),
                               error);
}

static lobass_status norm_backward(const lb_walk *walk, const lb_bound_step *step,
                                   lobass_error *error)
{
    const lb_parameter *gain = weight_of(walk, step);
    return lb_rms_norm_backward(compute_of(walk), grad_in(walk, step, 0), lb_walk_grad(walk, gain),
                                grad_out(walk, step), in(walk, step, 0), gain->matrix.fp32,
                                side(walk, step), walk->rows.n, width_out(walk, step), error);
}

/* ---- linear -----------------------------------------------------------------------------------
 */

static bool linear_fit(const lb_config *config, const size_t *in, const size_t *weight, size_t *out,
                       size_t *side)
{
    (void)config;
    (void)side;
    *out = weight[0];
    return weight[1] == in[0];
}

static lobass_status linear_forward(const lb_walk *walk, const lb_bound_step *step,
                                    lobass_error *error)
{
    const lb_parameter *w = weight_of(walk, step);
    const lb_parameter *bias = bias_of(walk, step);
    float *y = out(walk, step);
    const float *x = in(walk, step, 0);
    LB_TRY(lb_linear_forward(compute_of(walk), y, x, &w->matrix,
                             bias == NULL ? NULL : bias->matrix.fp32, walk->rows.n, error));
    return lb_lora_forward(walk->decoder, y, x, w, walk->rows.n, error);
}

static lobass_status linear_backward(const lb_walk *walk, const lb_bound_step *step,
                                     lobass_error *error)
{
    const lb_parameter *w = weight_of(walk, step);
    float *grad_x = grad_in(walk, step, 0);
    const float *grad_y = grad_out(walk, step);
    const float *x = in(walk, step, 0);
    LB_TRY(lb_linear_backward(compute_of(walk), grad_x, lb_walk_grad(walk, w),
                              lb_walk_grad(walk, bias_of(walk, step)), grad_y, x, &w->matrix,
                              walk->rows.n, error));
    return lb_lora_backward(walk->decoder, walk->grads, grad_x, grad_y, x, w, walk->rows.n, error);
}

/* ---- positions --------------------------------------------------------------------------------
 */

static bool rope_fit(const lb_config *config, const size_t *in, const size_t *weight, size_t *out,
                     size_t *side)
{
    (void)weight;
    (void)side;
    *out = in[0];
    return in[0] % config->head_size == 0;
}

static lobass_status rope_forward(const lb_walk *walk, const lb_bound_step *step,
                                  lobass_error *error)
{
    const size_t s = config_of(walk)->head_size;
    return lb_rope_forward(compute_of(walk), out(walk, step), walk->rows.positions, walk->rows.n,
                           walk->decoder->model->frequencies, width_out(walk, step) / s, s, error);
}

static lobass_status rope_backward(const lb_walk *walk, const lb_bound_step *step,
                                   lobass_error *error)
{
    const size_t s = config_of(walk)->head_size;
    return lb_rope_backward(compute_of(walk), grad_out(walk, step), walk->rows.positions,
                            walk->rows.n, walk->decoder->model->frequencies,
                            width_out(walk, step) / s, s, error);
}

/* ---- attention --------------------------------------------------------------------------------
 */

static bool attention_fit(const lb_config *config, const size_t *in, const size_t *weight,
                          size_t *out, size_t *side)
{
    const size_t key_value = config->n_kv_heads * config->head_size;
    (void)weight;
    *out = in[0];
    *side = config->n_heads;
    return in[0] == config->n_heads * config->head_size && in[1] == key_value && in[2] == key_value;
}

static lb_attention attention_of(const lb_walk *walk, const lb_bound_step *step)
{
    const lb_config *config = config_of(walk);
    return (lb_attention){.shape = {.h = config->n_heads,
                                    .g = config->n_kv_heads,
                                    .s = config->head_size,
                                    .scale = lb_attention_scale(config->head_size)},
                          .q = in(walk, step, 0),
                          .k = in(walk, step, 1),
                          .v = in(walk, step, 2),
                          .batch = walk->batch,
                          .queries = walk->rows.tokens,
                          .n_queries = walk->rows.n,
                          .kept = walk->decoder->caches == NULL ? NULL : walk->decoder->kept,
                          .out = out(walk, step),
                          .log_sum_exp = side(walk, step)};
}

static lobass_status attention_forward(const lb_walk *walk, const lb_bound_step *step,
                                       lobass_error *error)
{
    const lb_decoder *decoder = walk->decoder;
    const lb_attention attention = attention_of(walk, step);
    for (size_t i = 0; decoder->caches != NULL && i < walk->batch->n_sequences; i++)
    {
        decoder->kept[i] = lb_cache_layer(decoder->caches[i], walk->layer);
    }
    return lb_attention_forward(decoder->compute, &attention, error);
}

static lobass_status attention_backward(const lb_walk *walk, const lb_bound_step *step,
                                        lobass_error *error)
{
    const lb_attention attention = attention_of(walk, step);
    return lb_attention_backward(walk->decoder->compute, grad_in(walk, step, 0),
                                 grad_in(walk, step, 1), grad_in(walk, step, 2),
                                 grad_out(walk, step), &attention, error);
}

/* ---- element by element -----------------------------------------------------------------------
 */

static bool pair_fit(const lb_config *config, const size_t *in, const size_t *weight, size_t *out,
                     size_t *side)
{
    (void)config;
    (void)weight;
    (void)side;
    *out = in[0];
    return in[0] == in[1];
}

static lobass_status swiglu_forward(const lb_walk *walk, const lb_bound_step *step,
                                    lobass_error *error)
{
    return lb_swiglu_forward(compute_of(walk), out(walk, step), in(walk, step, 0),
                             in(walk, step, 1), walk->rows.n, width_out(walk, step), error);
}

static lobass_status swiglu_backward(const lb_walk *walk, const lb_bound_step *step,
                                     lobass_error *error)
{
    return lb_swiglu_backward(compute_of(walk), grad_in(walk, step, 0), grad_in(walk, step, 1),
                              grad_out(walk, step), in(walk, step, 0), in(walk, step, 1),
                              walk->rows.n, width_out(walk, step), error);
}

static lobass_status add_forward(const lb_walk *walk, const lb_bound_step *step,
                                 lobass_error *error)
{
    return lb_add(compute_of(walk), out(walk, step), in(walk, step, 1), walk->rows.n,
                  width_out(walk, step), error);
}

static lobass_status add_backward(const lb_walk *walk, const lb_bound_step *step,
                                  lobass_error *error)
{
    if (grad_in(walk, step, 1) != grad_out(walk, step))
    {
        return lb_add(compute_of(walk), grad_in(walk, step, 1), grad_out(walk, step), walk->rows.n,
                      width_in(walk, step, 1), error);
    }
    return LOBASS_OK;
}

/* ---- the table --------------------------------------------------------------------------------
 */

#define BIT(input) (1U << (input))

const lb_op_row lb_op_rows[LB_OP_COUNT] = {
    [LB_OP_EMBEDDING] = {.name = "embedding",
                         .has_weight = true,
                         .fit = embedding_fit,
                         .forward = embedding_forward,
                         .backward = embedding_backward},
    [LB_OP_NORM] = {.name = "norm",
                    .n_inputs = 1,
                    .has_weight = true,
                    .is_cheap = true,
                    .reads = BIT(0),
                    .fit = norm_fit,
                    .forward = norm_forward,
                    .backward = norm_backward},
    [LB_OP_LINEAR] = {.name = "linear",
                      .n_inputs = 1,
                      .has_weight = true,
                      .may_have_bias = true,
                      .reads = BIT(0),
                      .fit = linear_fit,
                      .forward = linear_forward,
                      .backward = linear_backward},
    [LB_OP_ROPE] = {.name = "rope",
                    .n_inputs = 1,
                    .is_in_place = true,
                    .is_cheap = true,
                    .fit = rope_fit,
                    .forward = rope_forward,
                    .backward = rope_backward},
    [LB_OP_ATTENTION] = {.name = "attention",
                         .n_inputs = 3,
                         .across = BIT(1) | BIT(2),
                         .reads = BIT(0) | BIT(1) | BIT(2),
                         .reads_output = true,
                         .fit = attention_fit,
                         .forward = attention_forward,
                         .backward = attention_backward},
    [LB_OP_SWIGLU] = {.name = "swiglu",
                      .n_inputs = 2,
                      .is_cheap = true,
                      .overwrites = true,
                      .reads = BIT(0) | BIT(1),
                      .fit = pair_fit,
                      .forward = swiglu_forward,
                      .backward = swiglu_backward},
    [LB_OP_ADD] = {.name = "add",
                   .n_inputs = 2,
                   .is_in_place = true,
                   .is_cheap = true,
                   .passes = true,
                   .fit = pair_fit,
                   .forward = add_forward,
                   .backward = add_backward},
};

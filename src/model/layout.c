/* SPDX-License-Identifier: Apache-2.0
 *
 * Which parameters a configuration has: their names in Hugging Face files, their shapes and their
 * order (embedding, layers, final norm, head). One table describes a layer; the rest of the project
 * reaches a parameter through the views in lb_layer. Values come from weights.c.
 */
#include "model/weights.h"

#include <stdlib.h>
#include <string.h>

#define ALIGNMENT_BYTES 64

typedef enum width
{
    WIDTH_NONE, /* the parameter has one dimension only */
    WIDTH_MODEL,
    WIDTH_FFN,
    WIDTH_QUERY,     /* all query heads */
    WIDTH_KEY_VALUE, /* all key/value heads */
    WIDTH_VOCABULARY,
    WIDTH_COUNT
} width;

typedef enum presence
{
    PRESENT_ALWAYS,
    PRESENT_WITH_ATTENTION_BIAS,
    PRESENT_WITH_MLP_BIAS,
    PRESENT_UNLESS_TIED
} presence;

typedef struct parameter_rule
{
    const char *suffix;
    width out, in;
    presence when;
    size_t view; /* offset of the const lb_parameter * that refers to it */
} parameter_rule;

static const parameter_rule layer_rules[] = {
    {"input_layernorm.weight", WIDTH_MODEL, WIDTH_NONE, PRESENT_ALWAYS,
     offsetof(lb_layer, input_norm)},
    {"self_attn.q_proj.weight", WIDTH_QUERY, WIDTH_MODEL, PRESENT_ALWAYS, offsetof(lb_layer, q)},
    {"self_attn.q_proj.bias", WIDTH_QUERY, WIDTH_NONE, PRESENT_WITH_ATTENTION_BIAS,
     offsetof(lb_layer, q_bias)},
    {"self_attn.k_proj.weight", WIDTH_KEY_VALUE, WIDTH_MODEL, PRESENT_ALWAYS,
     offsetof(lb_layer, k)},
    {"self_attn.k_proj.bias", WIDTH_KEY_VALUE, WIDTH_NONE, PRESENT_WITH_ATTENTION_BIAS,
     offsetof(lb_layer, k_bias)},
    {"self_attn.v_proj.weight", WIDTH_KEY_VALUE, WIDTH_MODEL, PRESENT_ALWAYS,
     offsetof(lb_layer, v)},
    {"self_attn.v_proj.bias", WIDTH_KEY_VALUE, WIDTH_NONE, PRESENT_WITH_ATTENTION_BIAS,
     offsetof(lb_layer, v_bias)},
    {"self_attn.o_proj.weight", WIDTH_MODEL, WIDTH_QUERY, PRESENT_ALWAYS, offsetof(lb_layer, o)},
    {"self_attn.o_proj.bias", WIDTH_MODEL, WIDTH_NONE, PRESENT_WITH_ATTENTION_BIAS,
     offsetof(lb_layer, o_bias)},
    {"post_attention_layernorm.weight", WIDTH_MODEL, WIDTH_NONE, PRESENT_ALWAYS,
     offsetof(lb_layer, post_norm)},
    {"mlp.gate_proj.weight", WIDTH_FFN, WIDTH_MODEL, PRESENT_ALWAYS, offsetof(lb_layer, gate)},
    {"mlp.gate_proj.bias", WIDTH_FFN, WIDTH_NONE, PRESENT_WITH_MLP_BIAS,
     offsetof(lb_layer, gate_bias)},
    {"mlp.up_proj.weight", WIDTH_FFN, WIDTH_MODEL, PRESENT_ALWAYS, offsetof(lb_layer, up)},
    {"mlp.up_proj.bias", WIDTH_FFN, WIDTH_NONE, PRESENT_WITH_MLP_BIAS, offsetof(lb_layer, up_bias)},
    {"mlp.down_proj.weight", WIDTH_MODEL, WIDTH_FFN, PRESENT_ALWAYS, offsetof(lb_layer, down)},
    {"mlp.down_proj.bias", WIDTH_MODEL, WIDTH_NONE, PRESENT_WITH_MLP_BIAS,
     offsetof(lb_layer, down_bias)},
};
static const size_t n_layer_rules = sizeof layer_rules / sizeof *layer_rules;

static const parameter_rule embedding_rule = {"model.embed_tokens.weight", WIDTH_VOCABULARY,
                                              WIDTH_MODEL, PRESENT_ALWAYS,
                                              offsetof(lb_model, embedding)};
static const parameter_rule final_rules[] = {
    {"model.norm.weight", WIDTH_MODEL, WIDTH_NONE, PRESENT_ALWAYS, offsetof(lb_model, final_norm)},
    {"lm_head.weight", WIDTH_VOCABULARY, WIDTH_MODEL, PRESENT_UNLESS_TIED,
     offsetof(lb_model, head)},
};
static const size_t n_final_rules = sizeof final_rules / sizeof *final_rules;

static bool is_present(const lb_config *config, presence when)
{
    switch (when)
    {
    case PRESENT_WITH_ATTENTION_BIAS:
        return config->has_attention_bias;
    case PRESENT_WITH_MLP_BIAS:
        return config->has_mlp_bias;
    case PRESENT_UNLESS_TIED:
        return !config->has_tied_head;
    case PRESENT_ALWAYS:
        break;
    }
    return true;
}

lobass_status lb_layout_reserve(size_t *size_bytes, size_t count, size_t element_bytes,
                                size_t *offset, lobass_error *error)
{
    size_t bytes = 0;
    size_t end = 0;
    if (!lb_size_multiply(count, element_bytes, &bytes) ||
        !lb_size_add(bytes, ALIGNMENT_BYTES - 1, &bytes) ||
        !lb_size_add(*size_bytes, bytes / ALIGNMENT_BYTES * ALIGNMENT_BYTES, &end))
    {
        return lb_fail_memory(error, SIZE_MAX);
    }
    *offset = *size_bytes;
    *size_bytes = end;
    return LOBASS_OK;
}

/* Names and shapes one parameter, the next in the model's order, and points OWNER's view at it. */
static lobass_status append(lb_model *model, const parameter_rule *rule, const char *prefix,
                            const size_t widths[WIDTH_COUNT], void *owner, lobass_error *error)
{
    lb_parameter *parameter = &model->parameters[model->n_parameters++];
    snprintf(parameter->name, sizeof parameter->name, "%s%s", prefix, rule->suffix);
    const size_t n_out = widths[rule->out];
    const size_t n_in = widths[rule->in];
    const bool is_matrix = rule->in != WIDTH_NONE;
    size_t n_elements = 0;
    if (!lb_size_multiply(n_out, is_matrix ? n_in : 1, &parameter->count) ||
        !lb_size_add((size_t)model->n_elements, parameter->count, &n_elements))
    {
        return lb_fail_memory(error, SIZE_MAX);
    }
    model->n_elements = n_elements;
    parameter->n_dims = is_matrix ? 2 : 1;
    parameter->shape[0] = n_out;
    parameter->shape[1] = is_matrix ? n_in : 0;
    parameter->has_decay = is_matrix;
    parameter->matrix.n_out = is_matrix ? n_out : 1;
    parameter->matrix.n_in = is_matrix ? n_in : n_out;
    *(const lb_parameter **)(void *)((char *)owner + rule->view) = parameter;
    return LOBASS_OK;
}

static lobass_status append_all(lb_model *model, lobass_error *error)
{
    const lb_config *config = &model->config;
    size_t widths[WIDTH_COUNT] = {[WIDTH_NONE] = 1,
                                  [WIDTH_MODEL] = config->d_model,
                                  [WIDTH_FFN] = config->d_ffn,
                                  [WIDTH_VOCABULARY] = config->n_vocabulary};
    if (!lb_size_multiply(config->n_heads, config->head_size, &widths[WIDTH_QUERY]) ||
        !lb_size_multiply(config->n_kv_heads, config->head_size, &widths[WIDTH_KEY_VALUE]))
    {
        return lb_fail_memory(error, SIZE_MAX);
    }
    LB_TRY(append(model, &embedding_rule, "", widths, model, error));
    for (size_t l = 0; l < config->n_layers; l++)
    {
        char prefix[40];
        snprintf(prefix, sizeof prefix, "model.layers.%zu.", l);
        for (size_t i = 0; i < n_layer_rules; i++)
        {
            if (is_present(config, layer_rules[i].when))
            {
                LB_TRY(append(model, &layer_rules[i], prefix, widths, &model->layers[l], error));
            }
        }
    }
    for (size_t i = 0; i < n_final_rules; i++)
    {
        if (is_present(config, final_rules[i].when))
        {
            LB_TRY(append(model, &final_rules[i], "", widths, model, error));
        }
    }
    if (config->has_tied_head)
    {
        model->head = model->embedding;
    }
    return LOBASS_OK;
}

lobass_status lb_model_create_layout(lb_model **model, const lb_config *config, lobass_error *error)
{
    *model = NULL;
    size_t most = 0;
    if (!lb_size_multiply(config->n_layers, n_layer_rules, &most) ||
        !lb_size_add(most, 1 + n_final_rules, &most))
    {
        return lb_fail_memory(error, SIZE_MAX);
    }
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    lb_model *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return status;
    }
    made->config = *config;
    made->storage = lb_alloc(1, sizeof *made->storage, error);
    made->parameters = made->storage == NULL ? NULL : lb_alloc(most, sizeof(lb_parameter), error);
    made->layers =
        made->parameters == NULL ? NULL : lb_alloc(config->n_layers, sizeof(lb_layer), error);
    made->frequencies =
        made->layers == NULL ? NULL : lb_alloc(config->head_size / 2, sizeof(float), error);
    if (made->frequencies == NULL)
    {
        goto done;
    }
    lb_config_frequencies(config, made->frequencies);
    status = append_all(made, error);
done:
    if (status != LOBASS_OK)
    {
        lb_model_free(made);
        return status;
    }
    *model = made;
    return LOBASS_OK;
}

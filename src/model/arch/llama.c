/* SPDX-License-Identifier: Apache-2.0
 *
 * Llama (Touvron et al., 2023): a pre-norm decoder,
 *     x += o(attention(rope(q(norm(x))), rope(k(norm(x))), v(norm(x))))
 *     x += down(silu(gate(norm(x))) * up(norm(x)))
 * The backward goes through the steps from the last to the first, and adds up the gradients of what
 * several steps read in that order: it is part of the numbers.
 */
#include "model/arch/arch.h"

static bool has_attention_bias(const lb_config *config)
{
    return config->has_attention_bias;
}

static bool has_mlp_bias(const lb_config *config)
{
    return config->has_mlp_bias;
}

static bool has_own_head(const lb_config *config)
{
    return !config->has_tied_head;
}

/* ---- before the layers --------------------------------------------------------------------------
 */

static const lb_tensor_rule before_rules[] = {
    {.name = "model.embed_tokens.weight",
     .shape = {LB_WIDTH_VOCABULARY, LB_WIDTH_MODEL},
     .role = LB_TENSOR_EMBEDDING},
};

static const lb_step before_steps[] = {
    {.op = LB_OP_EMBEDDING, .output = "x", .weight = "model.embed_tokens.weight"},
};

/* ---- a layer ------------------------------------------------------------------------------------
 */

static const lb_tensor_rule layer_rules[] = {
    LB_GAIN("input_layernorm", LB_WIDTH_MODEL),
    LB_MATRIX("self_attn.q_proj", LB_WIDTH_QUERY, LB_WIDTH_MODEL, "q_proj"),
    LB_BIAS("self_attn.q_proj", LB_WIDTH_QUERY, has_attention_bias),
    LB_MATRIX("self_attn.k_proj", LB_WIDTH_KEY_VALUE, LB_WIDTH_MODEL, "k_proj"),
    LB_BIAS("self_attn.k_proj", LB_WIDTH_KEY_VALUE, has_attention_bias),
    LB_MATRIX("self_attn.v_proj", LB_WIDTH_KEY_VALUE, LB_WIDTH_MODEL, "v_proj"),
    LB_BIAS("self_attn.v_proj", LB_WIDTH_KEY_VALUE, has_attention_bias),
    LB_MATRIX("self_attn.o_proj", LB_WIDTH_MODEL, LB_WIDTH_QUERY, "o_proj"),
    LB_BIAS("self_attn.o_proj", LB_WIDTH_MODEL, has_attention_bias),
    LB_GAIN("post_attention_layernorm", LB_WIDTH_MODEL),
    LB_MATRIX("mlp.gate_proj", LB_WIDTH_FFN, LB_WIDTH_MODEL, "gate_proj"),
    LB_BIAS("mlp.gate_proj", LB_WIDTH_FFN, has_mlp_bias),
    LB_MATRIX("mlp.up_proj", LB_WIDTH_FFN, LB_WIDTH_MODEL, "up_proj"),
    LB_BIAS("mlp.up_proj", LB_WIDTH_FFN, has_mlp_bias),
    LB_MATRIX("mlp.down_proj", LB_WIDTH_MODEL, LB_WIDTH_FFN, "down_proj"),
    LB_BIAS("mlp.down_proj", LB_WIDTH_MODEL, has_mlp_bias),
};

static const lb_step layer_steps[] = {
    LB_NORM("x", "normed", "input_layernorm"),
    LB_LINEAR("normed", "v", "self_attn.v_proj"),
    LB_LINEAR("normed", "k", "self_attn.k_proj"),
    LB_ROPE("k"),
    LB_LINEAR("normed", "q", "self_attn.q_proj"),
    LB_ROPE("q"),
    LB_ATTENTION("q", "k", "v", "heads"),
    LB_LINEAR("heads", "middle", "self_attn.o_proj"),
    LB_ADD("middle", "x"),
    LB_NORM("middle", "normed_middle", "post_attention_layernorm"),
    LB_LINEAR("normed_middle", "up", "mlp.up_proj"),
    LB_LINEAR("normed_middle", "gate", "mlp.gate_proj"),
    LB_SWIGLU("gate", "up", "active"),
    LB_LINEAR("active", "next", "mlp.down_proj"),
    LB_ADD("next", "middle"),
};

/* ---- behind the layers --------------------------------------------------------------------------
 */

static const lb_tensor_rule after_rules[] = {
    LB_GAIN("model.norm", LB_WIDTH_MODEL),
    {.name = "lm_head.weight",
     .shape = {LB_WIDTH_VOCABULARY, LB_WIDTH_MODEL},
     .role = LB_TENSOR_HEAD,
     .is_present = has_own_head},
};

static const lb_step after_steps[] = {
    LB_NORM("x", "hidden", "model.norm"),
};

static const lb_part parts[] = {
    {"", LB_TABLE(before_rules), LB_TABLE(before_steps)},
    {"model.layers.%zu.", LB_TABLE(layer_rules), LB_TABLE(layer_steps)},
    {"", LB_TABLE(after_rules), LB_TABLE(after_steps)},
};

const lb_architecture lb_llama = {
    .name = "LlamaForCausalLM",
    .activation = "silu",
    .norm_epsilon = 1e-6,
    .rope_theta = 10000.0,
    .max_length = 2048,
    .has_tied_head = false,
    .has_bias_fields = true,
    LB_PARTS(parts),
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to src/model: adapter_config.json as far as it is read (lora_config.c), and how an
 * adapter gets its shape (lora.c). The contract is in model.h.
 */
#ifndef LB_MODEL_LORA_H
#define LB_MODEL_LORA_H

#include "model/model.h"

typedef struct lb_lora_config
{
    lb_lora_settings settings; /* but for the targets */
    json_t *targets;           /* an array of module names, or the text "all-linear" */
    char *base;                /* base_model_name_or_path; NULL: it names none */
} lb_lora_config;

/* Reads FOLDER/adapter_config.json. What it asks for and we do not do is LOBASS_UNSUPPORTED, by
 * name; a field that is not known passes only where it is off: null, false, 0 or empty. */
lobass_status lb_lora_config_load(lb_lora_config *config, const char *folder, lobass_error *error);
void lb_lora_config_free(lb_lora_config *config);
/* PEFT's rule: MODULE ("model.layers.0.self_attn.q_proj") is a target or ends in "." and one. */
bool lb_lora_config_adapts(const lb_lora_config *config, const char *module);

/* alpha / rank, or alpha / sqrt(rank). */
double lb_lora_scale(const lb_lora_settings *settings);
/* The text of adapter_config.json; yours: free(). NULL when memory ran out. */
char *lb_lora_config_print(const lb_lora_settings *settings, const char *base);

/* "model.layers.0.self_attn.q_proj" of a layer's projection; false for any other parameter. */
#define LB_MODULE_NAME_SIZE 96
bool lb_lora_module_name(char name[LB_MODULE_NAME_SIZE], const lb_parameter *parameter);
/* Gives MODEL an adapter of zeros for the parameters of IS_ADAPTED [n_parameters]. */
lobass_status lb_lora_attach(lb_model *model, const lb_lora_settings *settings,
                             const bool *is_adapted, lb_dtype compute_dtype, lobass_error *error);
void lb_lora_free(lb_lora *lora);

#endif

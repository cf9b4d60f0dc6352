/* SPDX-License-Identifier: Apache-2.0
 *
 * An adapter's folder as PEFT writes and reads it: adapter_config.json (lora_config.c) and
 * adapter_model.safetensors, which has for every adapted module M of the model the tensors
 * base_model.model.M.lora_A.weight [rank, n_in] and base_model.model.M.lora_B.weight [n_out, rank].
 */
#include <stdlib.h>
#include <string.h>

#include "model/lora.h"
#include "model/weights.h"
#include "text/text.h"

#define CONFIG_NAME "adapter_config.json"
#define WEIGHTS_NAME "adapter_model.safetensors"

/* ---- loading ----------------------------------------------------------------------------------
 */

static lobass_status attach(lb_model *model, const lb_lora_config *config, const char *folder,
                            lb_dtype compute_dtype, lobass_error *error)
{
    bool is_any = false;
    bool *is_adapted = lb_alloc(model->n_parameters, sizeof *is_adapted, error);
    if (is_adapted == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        char module[LB_MODULE_NAME_SIZE];
        is_adapted[i] = lb_lora_module_name(module, &model->parameters[i]) &&
                        lb_lora_config_adapts(config, module);
        is_any = is_any || is_adapted[i];
    }
    const lobass_status status =
        is_any ? lb_lora_attach(model, &config->settings, is_adapted, compute_dtype, error)
               : lb_fail(error, LOBASS_UNSUPPORTED,
                         "%s/" CONFIG_NAME ": field \"target_modules\": expected projections of "
                         "the layers (q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, "
                         "down_proj), found none",
                         folder);
    free(is_adapted);
    return status;
}

/* A tensor that is not asked for would be left out of what is computed. */
static lobass_status check_names(const lb_lora *lora, const lb_safetensors *file, const char *path,
                                 lobass_error *error)
{
    for (size_t t = 0; t < lb_safetensors_count(file); t++)
    {
        const char *name = lb_safetensors_at(file, t)->name;
        bool is_known = false;
        for (size_t i = 0; !is_known && i < lora->n_parameters; i++)
        {
            is_known = strcmp(lora->parameters[i].name, name) == 0;
        }
        if (!is_known)
        {
            return lb_fail(error, LOBASS_UNSUPPORTED,
                           "%s: tensor \"%.200s\": expected the tensors lora_A and lora_B of the "
                           "projections that \"target_modules\" of " CONFIG_NAME
                           " names, in the model's layers",
                           path, name);
        }
    }
    return LOBASS_OK;
}

static lobass_status read_values(const lb_lora *lora, const lb_safetensors *file, const char *path,
                                 lobass_error *error)
{
    LB_TRY(check_names(lora, file, path, error));
    for (size_t i = 0; i < lora->n_parameters; i++)
    {
        const lb_parameter *parameter = &lora->parameters[i];
        const lb_tensor *tensor = NULL;
        LB_TRY(lb_safetensors_find(file, parameter->name, &tensor, error));
        LB_TRY(lb_parameter_check_shape(parameter, tensor, path,
                                        CONFIG_NAME " and the model's config.json", error));
        lb_dtype_to_float(parameter->master, tensor->data, tensor->dtype, tensor->n_elements);
    }
    return LOBASS_OK;
}

lobass_status lb_lora_load(lb_model *model, const char *folder, lb_dtype compute_dtype,
                           lobass_error *error)
{
    lb_lora_config config;
    lb_safetensors *file = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_lora_config_load(&config, folder, error));
    char *path = lb_path_join(folder, WEIGHTS_NAME, error);
    if (path == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    LB_TRY_GOTO(lb_safetensors_open(&file, path, error));
    LB_TRY_GOTO(attach(model, &config, folder, compute_dtype, error));
    LB_TRY_GOTO(read_values(model->lora, file, path, error));
    lb_model_refresh(model);
done:
    lb_safetensors_close(file);
    free(path);
    lb_lora_config_free(&config);
    return status;
}

lobass_status lb_lora_fingerprint(lb_hash *hash, const char *folder, lobass_error *error)
{
    static const char *const names[] = {CONFIG_NAME, WEIGHTS_NAME};
    lb_hasher *hasher = NULL;
    LB_TRY(lb_hasher_create(&hasher, 0, error));
    lobass_status status = LOBASS_OK;
    for (size_t i = 0; status == LOBASS_OK && i < sizeof names / sizeof *names; i++)
    {
        char *path = lb_path_join(folder, names[i], error);
        status = path == NULL ? LOBASS_OUT_OF_MEMORY : lb_hasher_add_file(hasher, path, error);
        free(path);
    }
    *hash = lb_hasher_value(hasher);
    lb_hasher_free(hasher);
    return status;
}

/* ---- saving -----------------------------------------------------------------------------------
 */

static lobass_status write_config(const lb_lora *lora, const char *path, const char *base,
                                  lobass_error *error)
{
    lb_buffer text = {0};
    char *printed = lb_lora_config_print(&lora->settings, base);
    if (printed == NULL)
    {
        return lb_fail_memory(error, 0);
    }
    lobass_status status = lb_buffer_print(&text, error, "%s\n", printed);
    if (status == LOBASS_OK)
    {
        status = lb_file_write(path, text.data, text.size, true, error);
    }
    lb_buffer_free(&text);
    free(printed);
    return status;
}

lobass_status lb_lora_save(const lb_model *model, const char *folder, const char *base,
                           lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    char *config = lb_path_join(folder, CONFIG_NAME, error);
    char *weights = config == NULL ? NULL : lb_path_join(folder, WEIGHTS_NAME, error);
    char *whole = NULL;
    if (weights == NULL)
    {
        goto done;
    }
    LB_TRY_GOTO(lb_path_resolve(&whole, base, true, error));
    LB_TRY_GOTO(write_config(model->lora, config, whole != NULL ? whole : base, error));
    LB_TRY_GOTO(lb_tokenizer_files_copy(folder, base, error));
    status = lb_parameters_write(lb_model_trained(model), weights, error);
done:
    free(whole);
    free(weights);
    free(config);
    return status;
}

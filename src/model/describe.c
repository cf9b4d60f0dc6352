/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a model or an adapter hold: parameters, bytes, dtype, what is adapted.
 */
#include "model/lora.h"
#include "model/weights.h"

#include <stdlib.h>
#include <string.h>

#define ADAPTER_FILE "adapter_model.safetensors"

lobass_status lb_weights_describe(lobass_model_info *info, const char *folder,
                                  const lb_config *config, lobass_error *error)
{
    lb_weight_files files = {0};
    lb_model *layout = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_weight_files_find(&files, folder, error));
    LB_TRY_GOTO(lb_model_create_layout(&layout, config, error));
    info->n_parameters = layout->n_elements;
    for (size_t i = 0; i < files.n_files; i++)
    {
        lb_safetensors *file = NULL;
        LB_TRY_GOTO(lb_safetensors_open(&file, files.paths[i], error));
        for (size_t t = 0; t < lb_safetensors_count(file); t++)
        {
            const lb_tensor *tensor = lb_safetensors_at(file, t);
            info->weight_bytes += tensor->n_elements * lb_dtype_size(tensor->dtype);
            if (strcmp(tensor->name, layout->embedding->name) == 0)
            {
                (void)snprintf(info->dtype, sizeof info->dtype, "%s", lb_dtype_name(tensor->dtype));
            }
        }
        lb_safetensors_close(file);
    }
done:
    lb_model_free(layout);
    lb_weight_files_free(&files);
    return status;
}

static lobass_status tensors_describe(const char *folder, lobass_adapter_info *info,
                                      lobass_error *error)
{
    lb_safetensors *file = NULL;
    char *path = lb_path_join(folder, ADAPTER_FILE, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lobass_status status = lb_safetensors_open(&file, path, error);
    for (size_t t = 0; status == LOBASS_OK && t < lb_safetensors_count(file); t++)
    {
        const lb_tensor *tensor = lb_safetensors_at(file, t);
        info->n_matrices += strstr(tensor->name, ".lora_A.") != NULL ? 1 : 0;
        info->n_parameters += tensor->n_elements;
        info->weight_bytes += tensor->n_elements * lb_dtype_size(tensor->dtype);
        (void)snprintf(info->dtype, sizeof info->dtype, "%s", lb_dtype_name(tensor->dtype));
    }
    lb_safetensors_close(file);
    free(path);
    return status;
}

static void targets_describe(const json_t *targets, char *text, size_t size)
{
    (void)snprintf(text, size, "%s", json_is_string(targets) ? json_string_value(targets) : "");
    for (size_t i = 0; i < json_array_size(targets); i++)
    {
        const size_t used = strlen(text);
        (void)snprintf(text + used, size - used, "%s%s", i > 0 ? "," : "",
                       json_string_value(json_array_get(targets, i)));
    }
}

lobass_status lobass_adapter_describe(const char *folder, lobass_adapter_info *info,
                                      lobass_error *error)
{
    lb_lora_config config;
    lb_hash fingerprint;
    memset(info, 0, sizeof *info);
    LB_TRY(lb_lora_fingerprint(&fingerprint, folder, error));
    LB_TRY(tensors_describe(folder, info, error));
    LB_TRY(lb_lora_config_load(&config, folder, error));
    targets_describe(config.targets, info->targets, sizeof info->targets);
    (void)snprintf(info->base, sizeof info->base, "%s", config.base != NULL ? config.base : "");
    lb_hash_text(fingerprint, info->fingerprint);
    info->rank = (uint32_t)config.settings.rank;
    info->alpha = config.settings.alpha;
    info->scale = lb_lora_scale(&config.settings);
    lb_lora_config_free(&config);
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A model as a Hugging Face folder: model.safetensors under the names transformers expects (no
 * lm_head where it is tied), each in the dtype it was read in, config.json with theirs, and the
 * tokenizer's files as they were. Making the folder appear whole is left to the caller.
 */
#include "model/weights.h"
#include "text/text.h"

#include <stdlib.h>
#include <string.h>

static const char *const torch_dtype_names[] = {
    [LB_F32] = "float32",
    [LB_F16] = "float16",
    [LB_BF16] = "bfloat16",
};

/* Reals are kept as short as they were written: the fewest digits that read back as the same. */
#define LEAST_DIGITS 6
#define MOST_DIGITS 17

static const float *parameter_values(const lb_parameter *parameter, float *converted)
{
    if (parameter->master != NULL)
    {
        return parameter->master;
    }
    if (parameter->matrix.fp32 != NULL)
    {
        return parameter->matrix.fp32;
    }
    lb_dtype_to_float(converted, parameter->matrix.bf16, LB_BF16, parameter->count);
    return converted;
}

lobass_status lb_parameters_write(lb_parameter_list parameters, const char *path,
                                  lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    lb_safetensors_writer *writer = NULL;
    float *converted = NULL;
    size_t most = 0;
    lb_tensor_spec *specs = lb_alloc(parameters.count, sizeof *specs, error);
    if (specs == NULL)
    {
        return status;
    }
    for (size_t i = 0; i < parameters.count; i++)
    {
        const lb_parameter *parameter = &parameters.items[i];
        specs[i] = (lb_tensor_spec){.name = parameter->name,
                                    .dtype = parameter->stored_dtype,
                                    .n_dims = parameter->n_dims,
                                    .shape = {parameter->shape[0], parameter->shape[1]}};
        if (parameter->matrix.bf16 != NULL && parameter->master == NULL && parameter->count > most)
        {
            most = parameter->count;
        }
    }
    converted = lb_alloc(most, sizeof *converted, error);
    if (converted == NULL)
    {
        goto done;
    }
    LB_TRY_GOTO(lb_safetensors_writer_open(&writer, path, specs, parameters.count, true, error));
    for (size_t i = 0; i < parameters.count; i++)
    {
        LB_TRY_GOTO(lb_safetensors_writer_put(
            writer, parameter_values(&parameters.items[i], converted), error));
    }
    status = lb_safetensors_writer_commit(writer, error);
    writer = NULL;
done:
    lb_safetensors_writer_discard(writer);
    free(converted);
    free(specs);
    return status;
}

char *lb_config_print(const json_t *root)
{
    char *text = NULL;
    for (size_t digits = LEAST_DIGITS; digits <= MOST_DIGITS; digits++)
    {
        free(text);
        text = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(digits));
        json_t *again = NULL;
        if (text == NULL ||
            lb_json_parse(&again, text, strlen(text), "", NULL) == LOBASS_OUT_OF_MEMORY)
        {
            free(text);
            return NULL;
        }
        const bool is_same = again != NULL && json_equal(again, root) != 0;
        json_decref(again);
        if (is_same)
        {
            break;
        }
    }
    return text;
}

static lobass_status write_config(const char *from, const char *to, lb_dtype dtype,
                                  lobass_error *error)
{
    json_t *root = NULL;
    LB_TRY(lb_json_load(&root, from, error));
    if (!json_is_object(root))
    {
        const char *kind = lb_json_kind(root);
        json_decref(root);
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: expected an object, found %s", from, kind);
    }
    /* Newer files say "dtype" where older ones say "torch_dtype". */
    const char *key = json_object_get(root, "dtype") != NULL ? "dtype" : "torch_dtype";
    lobass_status status = LOBASS_OK;
    lb_buffer text = {0};
    char *printed = NULL;
    if (json_object_set_new(root, key, json_string(torch_dtype_names[dtype])) == 0)
    {
        printed = lb_config_print(root);
    }
    if (printed == NULL)
    {
        status = lb_fail_memory(error, 0);
        goto done;
    }
    LB_TRY_GOTO(lb_buffer_print(&text, error, "%s\n", printed));
    LB_TRY_GOTO(lb_file_write(to, text.data, text.size, true, error));
done:
    lb_buffer_free(&text);
    free(printed);
    json_decref(root);
    return status;
}

static lobass_status with_paths(const char *from, const char *folder, const char *name,
                                char **source, char **target, lobass_error *error)
{
    *source = lb_path_join(from, name, error);
    *target = *source == NULL ? NULL : lb_path_join(folder, name, error);
    if (*target == NULL)
    {
        free(*source);
        return LOBASS_OUT_OF_MEMORY;
    }
    return LOBASS_OK;
}

lobass_status lb_model_save(const lb_model *model, const char *folder, const char *from,
                            lobass_error *error)
{
    char *source = NULL;
    char *target = NULL;
    LB_TRY(with_paths(from, folder, "config.json", &source, &target, error));
    lobass_status status = write_config(source, target, model->stored_dtype, error);
    free(source);
    free(target);
    LB_TRY(status);
    LB_TRY(lb_file_copy_into(folder, from, "generation_config.json", error));
    LB_TRY(lb_tokenizer_files_copy(folder, from, error));
    char *path = lb_path_join(folder, "model.safetensors", error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    status = lb_parameters_write((lb_parameter_list){model->parameters, model->n_parameters}, path,
                                 error);
    free(path);
    return status;
}

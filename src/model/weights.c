/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of the parameters, from safetensors files. For scoring, matrices are packed for the
 * products, or used where they lie in the mapped file if its dtype is the compute dtype; everything
 * else is converted once into memory of values.c. Names and shapes come from layout.c.
 */
#include "model/weights.h"

#include "model/lora.h"

#include <stdlib.h>
#include <string.h>

/* Values converted at a time where neither side is fp32, and a chunk of work of a refresh. */
#define CONVERT_COUNT 4096
/* Of a file, read before its pages are let go of. */
#define RELEASED_BYTES ((ptrdiff_t)16 << 20)
#define REFRESH_COUNT ((size_t)1 << 16)

void lb_model_free(lb_model *model)
{
    if (model == NULL)
    {
        return;
    }
    lb_lora_free(model->lora);
    if (model->storage != NULL)
    {
        for (size_t i = 0; i < model->storage->n_files; i++)
        {
            lb_safetensors_close(model->storage->files[i]);
        }
        free(model->storage->files);
        free(model->storage->memory);
    }
    free(model->storage);
    free(model->frequencies);
    free(model->parts);
    free(model->views);
    free(model->programs);
    free(model->parameters);
    free(model);
}

static void print_shape(char *text, size_t size, const uint64_t *shape, unsigned n_dims)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (unsigned i = 0; i < n_dims && used < size; i++)
    {
        used += (size_t)snprintf(text + used, size - used, "%s%llu", i == 0 ? "" : ", ",
                                 (unsigned long long)shape[i]);
    }
    if (used < size)
    {
        snprintf(text + used, size - used, "]");
    }
}

lobass_status lb_parameter_check_shape(const lb_parameter *parameter, const lb_tensor *tensor,
                                       const char *path, const char *origin, lobass_error *error)
{
    bool is_same = tensor->n_dims == parameter->n_dims;
    for (unsigned i = 0; is_same && i < parameter->n_dims; i++)
    {
        is_same = tensor->shape[i] == parameter->shape[i];
    }
    if (is_same)
    {
        return LOBASS_OK;
    }
    char expected[64];
    char found[128];
    print_shape(expected, sizeof expected, parameter->shape, parameter->n_dims);
    print_shape(found, sizeof found, tensor->shape, tensor->n_dims);
    return lb_fail(error, LOBASS_BAD_FORMAT,
                   "%s: tensor \"%s\": expected shape %s as in %s, found %s", path, parameter->name,
                   expected, origin, found);
}

static lobass_status open_files(lb_model *model, const lb_weight_files *files, lobass_error *error)
{
    struct lb_model_storage *storage = model->storage;
    storage->files = lb_alloc(files->n_files, sizeof(lb_safetensors *), error);
    if (storage->files == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < files->n_files; i++)
    {
        LB_TRY(lb_safetensors_open(&storage->files[i], files->paths[i], error));
        storage->n_files++;
    }
    return LOBASS_OK;
}

bool lb_model_packs(const lb_model *model, const lb_parameter *parameter, lb_model_use use)
{
    return use == LB_MODEL_SCORE_PACKED && parameter->n_dims == 2 &&
           (parameter != model->embedding || parameter == model->head);
}

/* Finds and checks every tensor. What can be used where it lies is, and takes no memory. */
static lobass_status find_tensors(const lb_model *model, const lb_weight_files *files,
                                  const lb_tensor **tensors, lb_dtype compute_dtype,
                                  lb_model_use use, lobass_error *error)
{
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        lb_parameter *parameter = &model->parameters[i];
        const lb_dtype dtype = parameter->n_dims == 2 ? compute_dtype : LB_F32;
        size_t file = 0;
        LB_TRY(lb_weight_files_locate(files, parameter->name, &file, error));
        LB_TRY(
            lb_safetensors_find(model->storage->files[file], parameter->name, &tensors[i], error));
        LB_TRY(lb_parameter_check_shape(parameter, tensors[i], files->paths[file], "config.json",
                                        error));
        parameter->stored_dtype = tensors[i]->dtype;
        parameter->matrix.is_packed = lb_model_packs(model, parameter, use);
        if (use != LB_MODEL_TRAIN && !parameter->matrix.is_packed && tensors[i]->dtype == dtype &&
            (uintptr_t)tensors[i]->data % lb_dtype_size(dtype) == 0)
        {
            parameter->matrix.fp32 = dtype == LB_F32 ? (const void *)tensors[i]->data : NULL;
            parameter->matrix.bf16 = dtype == LB_F32 ? NULL : (const void *)tensors[i]->data;
        }
    }
    return LOBASS_OK;
}

static void convert(void *target, lb_dtype dtype, const lb_tensor *tensor)
{
    if (tensor->dtype == dtype)
    {
        memcpy(target, tensor->data, tensor->n_elements * lb_dtype_size(dtype));
        return;
    }
    if (dtype == LB_F32)
    {
        lb_dtype_to_float(target, tensor->data, tensor->dtype, tensor->n_elements);
        return;
    }
    float values[CONVERT_COUNT];
    for (size_t i = 0; i < tensor->n_elements; i += CONVERT_COUNT)
    {
        const size_t left = tensor->n_elements - i;
        const size_t count = left < CONVERT_COUNT ? left : CONVERT_COUNT;
        lb_dtype_to_float(values, tensor->data + i * lb_dtype_size(tensor->dtype), tensor->dtype,
                          count);
        lb_dtype_from_float((char *)target + i * lb_dtype_size(dtype), dtype, values, count);
    }
}

/* Panel after panel: the rows of one are converted, then packed, and the file's pages let go. */
static lobass_status pack(const lb_parameter *parameter, const lb_tensor *tensor,
                          lobass_error *error)
{
    const lb_dtype dtype = parameter->matrix.bf16 != NULL ? LB_BF16 : LB_F32;
    const size_t n_in = parameter->matrix.n_in;
    const size_t n_rows = lb_packed_rows();
    const unsigned char *kept = tensor->data; /* what was read and not let go of begins here */
    lb_tensor part = *tensor;
    char *rows = lb_alloc(n_rows * n_in, lb_dtype_size(dtype), error);
    if (rows == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t row = 0; row < parameter->matrix.n_out; row += n_rows)
    {
        const size_t left = parameter->matrix.n_out - row;
        lb_matrix piece = {.n_out = left < n_rows ? left : n_rows, .n_in = n_in};
        part.n_elements = piece.n_out * n_in;
        part.data = tensor->data + row * n_in * lb_dtype_size(part.dtype);
        convert(rows, dtype, &part);
        piece.fp32 = dtype == LB_F32 ? (const float *)(const void *)rows : NULL;
        piece.bf16 = dtype == LB_F32 ? NULL : (const uint16_t *)(const void *)rows;
        lb_weights_pack(lb_parameter_memory(parameter), &piece, row);
        if (part.data + part.n_elements * lb_dtype_size(part.dtype) - kept > RELEASED_BYTES)
        {
            lb_mapping_release(kept, (size_t)(part.data - kept));
            kept = part.data;
        }
    }
    free(rows);
    lb_mapping_release(kept, tensor->n_elements * lb_dtype_size(tensor->dtype) -
                                 (size_t)(kept - tensor->data));
    return LOBASS_OK;
}

static lobass_status fill(const lb_parameter *parameter, const lb_tensor *tensor,
                          lobass_error *error)
{
    if (parameter->matrix.is_packed)
    {
        return pack(parameter, tensor, error);
    }
    if (parameter->master != NULL) /* and a working copy follows from it */
    {
        convert(parameter->master, LB_F32, tensor);
    }
    else if (lb_parameter_memory(parameter) != (const void *)tensor->data)
    {
        convert(lb_parameter_memory(parameter), parameter->matrix.bf16 != NULL ? LB_BF16 : LB_F32,
                tensor);
    }
    return LOBASS_OK;
}

static lobass_status load_values(lb_model *model, const lb_weight_files *files,
                                 lb_dtype compute_dtype, lb_model_use use, lobass_error *error)
{
    LB_TRY(open_files(model, files, error));
    const lb_tensor **tensors = lb_alloc(model->n_parameters, sizeof *tensors, error);
    if (tensors == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(find_tensors(model, files, tensors, compute_dtype, use, error));
    const lb_tensor *embedding = tensors[model->embedding - model->parameters];
    LB_TRY_GOTO(lb_weights_check_unused(model, files, embedding, error));
    LB_TRY_GOTO(lb_values_create(&model->storage->memory,
                                 (lb_parameter_list){model->parameters, model->n_parameters},
                                 compute_dtype, use, error));
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        LB_TRY_GOTO(fill(&model->parameters[i], tensors[i], error));
    }
    model->stored_dtype = embedding->dtype;
    lb_model_refresh(model);
done:
    free(tensors);
    return status;
}

/* A training model has copied everything: nothing refers to the files any more. */
static void release_files(lb_model *model)
{
    for (size_t i = 0; i < model->storage->n_files; i++)
    {
        lb_safetensors_close(model->storage->files[i]);
    }
    model->storage->n_files = 0;
}

lobass_status lb_model_load(lb_model **model, const char *folder, lb_dtype compute_dtype,
                            lb_model_use use, lobass_error *error)
{
    *model = NULL;
    if (compute_dtype != LB_F32 && compute_dtype != LB_BF16)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "compute dtype: expected F32 or BF16, found %s",
                       lb_dtype_name(compute_dtype));
    }
    lb_config config;
    LB_TRY(lb_config_load(&config, folder, error));
    lb_weight_files files;
    LB_TRY(lb_weight_files_find(&files, folder, error));
    lb_model *loaded = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_model_create_layout(&loaded, &config, error));
    LB_TRY_GOTO(load_values(loaded, &files, compute_dtype, use, error));
    if (use == LB_MODEL_TRAIN)
    {
        release_files(loaded);
    }
    *model = loaded;
    loaded = NULL;
done:
    lb_model_free(loaded);
    lb_weight_files_free(&files);
    return status;
}

static void refresh_chunk(void *context, size_t chunk, unsigned worker)
{
    (void)worker;
    const lb_parameter *parameter = context;
    const size_t start = chunk * REFRESH_COUNT;
    const size_t left = parameter->count - start;
    lb_dtype_from_float(parameter->working + start, LB_BF16, parameter->master + start,
                        left < REFRESH_COUNT ? left : REFRESH_COUNT);
}

lb_parameter_list lb_model_trained(const lb_model *model)
{
    return model->lora != NULL
               ? (lb_parameter_list){model->lora->parameters, model->lora->n_parameters}
               : (lb_parameter_list){model->parameters, model->n_parameters};
}

void lb_model_refresh_with(lb_model *model, lb_pool *pool)
{
    const lb_parameter_list trained = lb_model_trained(model);
    for (size_t i = 0; i < trained.count; i++)
    {
        lb_parameter *parameter = &trained.items[i];
        if (parameter->working != NULL)
        {
            const size_t n_chunks = (parameter->count + REFRESH_COUNT - 1) / REFRESH_COUNT;
            lb_pool_run(pool, n_chunks, refresh_chunk, parameter);
        }
    }
}

void lb_model_refresh(lb_model *model)
{
    lb_model_refresh_with(model, NULL);
}

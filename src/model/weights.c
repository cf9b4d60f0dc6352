/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of the parameters: from safetensors files, or random. For scoring, matrices are packed for
 * the products, or, where a backend wants them as they are, used where they lie in the mapped file
 * if its dtype is the compute dtype; everything else is converted once into one allocation. For
 * training, every parameter has an fp32 master, and in bf16 every matrix has a rounded working copy
 * beside it. Norm gains and biases are fp32 always: they are small, and rounding them moves the
 * loss. Names and shapes come from layout.c.
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

#define NO_SLOT SIZE_MAX

/* Where a parameter's values come from and go to. */
typedef struct plan_entry
{
    const lb_tensor *tensor;
    size_t master, working; /* offsets in the memory block; NO_SLOT: none. Scoring: working only */
    lb_dtype dtype;         /* of the values computed with */
    bool is_packed;
} plan_entry;

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

static bool is_mappable(const plan_entry *entry)
{
    return entry->tensor->dtype == entry->dtype &&
           (uintptr_t)entry->tensor->data % lb_dtype_size(entry->dtype) == 0;
}

bool lb_model_packs(const lb_model *model, const lb_parameter *parameter, lb_model_use use)
{
    return use == LB_MODEL_SCORE_PACKED && parameter->n_dims == 2 &&
           (parameter != model->embedding || model->config.has_tied_head);
}

/* Finds and checks every tensor and lays out the memory block. */
static lobass_status plan_values(const lb_model *model, const lb_weight_files *files,
                                 plan_entry *plan, lb_dtype compute_dtype, lb_model_use use,
                                 size_t *size_bytes, lobass_error *error)
{
    *size_bytes = 0;
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        const lb_parameter *parameter = &model->parameters[i];
        plan_entry *entry = &plan[i];
        size_t file = 0;
        LB_TRY(lb_weight_files_locate(files, parameter->name, &file, error));
        LB_TRY(lb_safetensors_find(model->storage->files[file], parameter->name, &entry->tensor,
                                   error));
        LB_TRY(lb_parameter_check_shape(parameter, entry->tensor, files->paths[file], "config.json",
                                        error));
        entry->dtype = parameter->n_dims == 2 ? compute_dtype : LB_F32;
        entry->master = NO_SLOT;
        entry->working = NO_SLOT;
        entry->is_packed = lb_model_packs(model, parameter, use);
        size_t count = parameter->count;
        if (entry->is_packed)
        {
            LB_TRY(lb_packed_count(&count, parameter->matrix.n_out, parameter->matrix.n_in, error));
        }
        if (use == LB_MODEL_TRAIN)
        {
            LB_TRY(lb_layout_reserve(size_bytes, parameter->count, sizeof(float), &entry->master,
                                     error));
        }
        if (use == LB_MODEL_TRAIN ? entry->dtype != LB_F32
                                  : entry->is_packed || !is_mappable(entry))
        {
            LB_TRY(lb_layout_reserve(size_bytes, count, lb_dtype_size(entry->dtype),
                                     &entry->working, error));
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

static void set_values(lb_parameter *parameter, lb_dtype dtype, const void *values)
{
    parameter->matrix.fp32 = dtype == LB_F32 ? values : NULL;
    parameter->matrix.bf16 = dtype == LB_F32 ? NULL : values;
}

/* Panel after panel: the rows of one are converted, then packed, and the file's pages let go. */
static lobass_status pack(lb_parameter *parameter, const plan_entry *entry, char *panels,
                          lobass_error *error)
{
    const size_t n_in = parameter->matrix.n_in;
    const size_t n_rows = lb_packed_rows();
    const size_t element_bytes = lb_dtype_size(entry->dtype);
    const unsigned char *kept =
        entry->tensor->data; /* what was read and not let go of begins here */
    lb_tensor part = *entry->tensor;
    char *rows = lb_alloc(n_rows * n_in, element_bytes, error);
    if (rows == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t row = 0; row < parameter->matrix.n_out; row += n_rows)
    {
        const size_t left = parameter->matrix.n_out - row;
        lb_matrix piece = {.n_out = left < n_rows ? left : n_rows, .n_in = n_in};
        part.n_elements = piece.n_out * n_in;
        part.data = entry->tensor->data + row * n_in * lb_dtype_size(part.dtype);
        convert(rows, entry->dtype, &part);
        piece.fp32 = entry->dtype == LB_F32 ? (const float *)(const void *)rows : NULL;
        piece.bf16 = entry->dtype == LB_F32 ? NULL : (const uint16_t *)(const void *)rows;
        lb_weights_pack(panels, &piece, row);
        if (part.data + part.n_elements * lb_dtype_size(part.dtype) - kept > RELEASED_BYTES)
        {
            lb_mapping_release(kept, (size_t)(part.data - kept));
            kept = part.data;
        }
    }
    free(rows);
    lb_mapping_release(kept, entry->tensor->n_elements * lb_dtype_size(entry->tensor->dtype) -
                                 (size_t)(kept - entry->tensor->data));
    set_values(parameter, entry->dtype, panels);
    parameter->matrix.is_packed = true;
    return LOBASS_OK;
}

/* Points the parameter at its values, converting those that were planned to be. */
static lobass_status fill(lb_parameter *parameter, const plan_entry *entry, char *memory,
                          lobass_error *error)
{
    if (entry->is_packed)
    {
        return pack(parameter, entry, memory + entry->working, error);
    }
    if (entry->master != NO_SLOT)
    {
        parameter->master = (float *)(void *)(memory + entry->master);
        convert(parameter->master, LB_F32, entry->tensor);
        set_values(parameter, LB_F32, parameter->master);
        if (entry->working != NO_SLOT)
        {
            parameter->working = (uint16_t *)(void *)(memory + entry->working);
            set_values(parameter, LB_BF16, parameter->working);
        }
    }
    else if (entry->working != NO_SLOT)
    {
        convert(memory + entry->working, entry->dtype, entry->tensor);
        set_values(parameter, entry->dtype, memory + entry->working);
    }
    else
    {
        set_values(parameter, entry->dtype, entry->tensor->data);
    }
    return LOBASS_OK;
}

static lobass_status load_values(lb_model *model, const lb_weight_files *files,
                                 lb_dtype compute_dtype, lb_model_use use, lobass_error *error)
{
    LB_TRY(open_files(model, files, error));
    plan_entry *plan = lb_alloc(model->n_parameters, sizeof *plan, error);
    if (plan == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lobass_status status = LOBASS_OK;
    size_t size_bytes = 0;
    LB_TRY_GOTO(plan_values(model, files, plan, compute_dtype, use, &size_bytes, error));
    LB_TRY_GOTO(lb_weights_check_unused(model, files, plan[0].tensor, error));
    model->storage->memory = lb_alloc(size_bytes, 1, error);
    if (model->storage->memory == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        LB_TRY_GOTO(fill(&model->parameters[i], &plan[i], model->storage->memory, error));
        model->parameters[i].stored_dtype = plan[i].tensor->dtype;
    }
    model->stored_dtype = plan[0].tensor->dtype;
    lb_model_refresh(model);
done:
    free(plan);
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

static void randomize(lb_parameter *parameter, double deviation, lb_random *random)
{
    for (size_t i = 0; i < parameter->count; i++)
    {
        if (parameter->n_dims == 2)
        {
            parameter->master[i] = (float)(deviation * lb_random_normal(random));
        }
        else
        {
            parameter->master[i] = parameter->role == LB_TENSOR_GAIN ? 1.0F : 0.0F;
        }
    }
}

lobass_status lb_model_create_random(lb_model **model, const lb_config *config, uint64_t seed,
                                     lobass_error *error)
{
    *model = NULL;
    lb_model *made = NULL;
    LB_TRY(lb_model_create_layout(&made, config, error));
    lobass_status status = LOBASS_OK;
    size_t size_bytes = 0;
    size_t offset = 0;
    for (size_t i = 0; i < made->n_parameters; i++)
    {
        LB_TRY_GOTO(lb_layout_reserve(&size_bytes, made->parameters[i].count, sizeof(float),
                                      &offset, error));
    }
    char *memory = lb_alloc(size_bytes, 1, error);
    made->storage->memory = memory;
    if (memory == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    lb_random random;
    lb_random_init(&random, seed);
    size_bytes = 0;
    for (size_t i = 0; i < made->n_parameters; i++)
    {
        lb_parameter *parameter = &made->parameters[i];
        LB_TRY_GOTO(
            lb_layout_reserve(&size_bytes, parameter->count, sizeof(float), &offset, error));
        parameter->master = (float *)(void *)(memory + offset);
        set_values(parameter, LB_F32, parameter->master);
        randomize(parameter, config->initializer_range, &random);
        parameter->stored_dtype = config->torch_dtype;
    }
    made->stored_dtype = config->torch_dtype;
    *model = made;
    made = NULL;
done:
    lb_model_free(made);
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

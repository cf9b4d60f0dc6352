/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory for the values of parameters, of a model or an adapter: for scoring what is computed with,
 * packed or not; for training fp32 masters, and in bf16 a working copy of every matrix beside its
 * master. Gains and biases are fp32 always: they are small, and rounding them moves the loss.
 */
#include <string.h>

#include "model/weights.h"

#define ALIGNMENT_BYTES 64

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

/* MEMORY NULL: the sizes are added up. */
static lobass_status place(lb_parameter *parameter, lb_dtype compute_dtype, lb_model_use use,
                           char *memory, size_t *size_bytes, lobass_error *error)
{
    const bool is_narrow = parameter->n_dims == 2 && compute_dtype == LB_BF16;
    const bool is_trained = use == LB_MODEL_TRAIN;
    size_t count = parameter->count;
    size_t fp32 = 0;
    size_t bf16 = 0;
    if (parameter->matrix.fp32 != NULL || parameter->matrix.bf16 != NULL)
    {
        return LOBASS_OK;
    }
    if (parameter->matrix.is_packed)
    {
        LB_TRY(lb_packed_count(&count, parameter->matrix.n_out, parameter->matrix.n_in, error));
    }
    if (is_trained || !is_narrow)
    {
        LB_TRY(lb_layout_reserve(size_bytes, count, sizeof(float), &fp32, error));
    }
    if (is_narrow)
    {
        LB_TRY(lb_layout_reserve(size_bytes, count, sizeof(uint16_t), &bf16, error));
    }
    if (memory != NULL)
    {
        float *master = (float *)(void *)(memory + fp32);
        uint16_t *working = is_narrow ? (uint16_t *)(void *)(memory + bf16) : NULL;
        parameter->master = is_trained ? master : NULL;
        parameter->working = is_trained ? working : NULL;
        parameter->matrix.fp32 = is_narrow ? NULL : master;
        parameter->matrix.bf16 = working;
    }
    return LOBASS_OK;
}

lobass_status lb_values_create(void **memory, lb_parameter_list parameters, lb_dtype compute_dtype,
                               lb_model_use use, lobass_error *error)
{
    size_t size_bytes = 0;
    for (size_t i = 0; i < parameters.count; i++)
    {
        LB_TRY(place(&parameters.items[i], compute_dtype, use, NULL, &size_bytes, error));
    }
    *memory = lb_alloc(size_bytes, 1, error);
    if (*memory == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    size_bytes = 0;
    for (size_t i = 0; i < parameters.count; i++)
    {
        LB_TRY(place(&parameters.items[i], compute_dtype, use, *memory, &size_bytes, error));
    }
    return LOBASS_OK;
}

void *lb_parameter_memory(const lb_parameter *parameter)
{
    const lb_matrix *matrix = &parameter->matrix;
    const void *values = matrix->fp32;
    void *memory = NULL;
    if (values == NULL)
    {
        values = matrix->bf16;
    }
    memcpy(&memory, &values, sizeof memory); /* they are the model's own */
    return memory;
}

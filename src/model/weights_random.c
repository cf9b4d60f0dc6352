/* SPDX-License-Identifier: Apache-2.0
 *
 * Random weights: normal ones to train a new model from, and uniform ones for timing, of which four
 * cost one step of the generator, and which exist in the compute dtype alone, so that a model of
 * 13.5 GB takes 13.5 GB. Gains are 1 and biases 0.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/weights.h"

enum
{
    VALUES_A_DRAW = 4, /* 16 bits each */
    BITS_A_VALUE = 16
};

typedef struct uniform
{
    lb_random random;
    uint64_t bits;
    unsigned n_left;
    float step; /* between two neighbouring values of the 2^16 */
} uniform;

static float uniform_next(uniform *u)
{
    if (u->n_left == 0)
    {
        u->bits = lb_random_next(&u->random);
        u->n_left = VALUES_A_DRAW;
    }
    const int16_t value = (int16_t)(uint16_t)(u->bits & UINT16_MAX);
    u->bits >>= BITS_A_VALUE;
    u->n_left--;
    return (float)value * u->step;
}

static float start_of(const lb_parameter *parameter)
{
    return parameter->role == LB_TENSOR_GAIN ? 1.0F : 0.0F;
}

static bool is_drawn(const lb_parameter *parameter)
{
    return parameter->role != LB_TENSOR_GAIN && parameter->role != LB_TENSOR_BIAS;
}

static lobass_status create(lb_model **model, const lb_config *config, lb_dtype compute_dtype,
                            lb_model_use use, lobass_error *error)
{
    lb_model *made = NULL;
    *model = NULL;
    LB_TRY(lb_model_create_layout(&made, config, error));
    for (size_t i = 0; i < made->n_parameters; i++)
    {
        made->parameters[i].matrix.is_packed = lb_model_packs(made, &made->parameters[i], use);
    }
    const lobass_status status = lb_values_create(
        &made->storage->memory, (lb_parameter_list){made->parameters, made->n_parameters},
        compute_dtype, use, error);
    if (status != LOBASS_OK)
    {
        lb_model_free(made);
        return status;
    }
    *model = made;
    return LOBASS_OK;
}

lobass_status lb_model_create_random(lb_model **model, const lb_config *config, uint64_t seed,
                                     lobass_error *error)
{
    LB_TRY(create(model, config, LB_F32, LB_MODEL_TRAIN, error));
    lb_random random;
    lb_random_init(&random, seed);
    for (size_t i = 0; i < (*model)->n_parameters; i++)
    {
        lb_parameter *parameter = &(*model)->parameters[i];
        for (size_t j = 0; j < parameter->count; j++)
        {
            parameter->master[j] =
                is_drawn(parameter) ? (float)(config->initializer_range * lb_random_normal(&random))
                                    : start_of(parameter);
        }
        parameter->stored_dtype = config->torch_dtype;
    }
    (*model)->stored_dtype = config->torch_dtype;
    return LOBASS_OK;
}

static void fill(lb_parameter *parameter, size_t count, uniform *u)
{
    float *fp32 =
        parameter->matrix.bf16 == NULL ? lb_parameter_memory(parameter) : parameter->master;
    uint16_t *bf16 = parameter->matrix.bf16 == NULL ? NULL : lb_parameter_memory(parameter);
    for (size_t i = 0; i < count; i++)
    {
        const float value = is_drawn(parameter) ? uniform_next(u) : start_of(parameter);
        if (fp32 != NULL)
        {
            fp32[i] = value;
        }
        if (bf16 != NULL)
        {
            bf16[i] = lb_bf16_from_float(value);
        }
    }
}

lobass_status lb_model_create_uniform(lb_model **model, const lb_config *config,
                                      lb_dtype compute_dtype, lb_model_use use, uint64_t seed,
                                      lobass_error *error)
{
    LB_TRY(create(model, config, compute_dtype, use, error));
    uniform u = {.step = (float)(config->initializer_range * sqrt(3.0) / INT16_MAX)};
    lb_random_init(&u.random, seed);
    for (size_t i = 0; i < (*model)->n_parameters; i++)
    {
        lb_parameter *parameter = &(*model)->parameters[i];
        size_t count = parameter->count;
        if (parameter->matrix.is_packed)
        {
            LB_TRY(lb_packed_count(&count, parameter->matrix.n_out, parameter->matrix.n_in, error));
        }
        fill(parameter, count, &u);
    }
    (*model)->stored_dtype = compute_dtype;
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Random weights for timing, laid out as weights.c lays out loaded ones: for scoring nothing but
 * the compute dtype ever exists, so that a model of 13.5 GB takes 13.5 GB; for training fp32
 * masters and, in bf16, working copies. Values are uniform: four of them cost one step of the
 * generator.
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

/* Where a parameter's values lie: the bytes of its fp32 values, then those of its bf16 ones. */
typedef struct place
{
    bool has_fp32, has_bf16;
    size_t fp32, bf16;
    size_t count; /* values: more than the parameter's where they are packed */
} place;

static lobass_status place_reserve(place *p, lb_parameter *parameter, lb_dtype compute_dtype,
                                   lb_model_use use, size_t *size_bytes, lobass_error *error)
{
    p->count = parameter->count;
    if (parameter->matrix.is_packed)
    {
        LB_TRY(lb_packed_count(&p->count, parameter->matrix.n_out, parameter->matrix.n_in, error));
    }
    p->has_bf16 = parameter->n_dims == 2 && compute_dtype == LB_BF16;
    p->has_fp32 = use == LB_MODEL_TRAIN || !p->has_bf16;
    if (p->has_fp32)
    {
        LB_TRY(lb_layout_reserve(size_bytes, p->count, sizeof(float), &p->fp32, error));
    }
    if (p->has_bf16)
    {
        LB_TRY(lb_layout_reserve(size_bytes, p->count, sizeof(uint16_t), &p->bf16, error));
    }
    return LOBASS_OK;
}

static void fill(lb_parameter *parameter, const place *p, char *memory, lb_model_use use,
                 uniform *u)
{
    float *fp32 = p->has_fp32 ? (float *)(void *)(memory + p->fp32) : NULL;
    uint16_t *bf16 = p->has_bf16 ? (uint16_t *)(void *)(memory + p->bf16) : NULL;
    const float start = parameter->role == LB_TENSOR_GAIN ? 1.0F : 0.0F;
    for (size_t i = 0; i < p->count; i++)
    {
        const float value = parameter->n_dims == 2 ? uniform_next(u) : start;
        if (fp32 != NULL)
        {
            fp32[i] = value;
        }
        if (bf16 != NULL)
        {
            bf16[i] = lb_bf16_from_float(value);
        }
    }
    parameter->matrix.fp32 = p->has_bf16 ? NULL : fp32;
    parameter->matrix.bf16 = bf16;
    if (use == LB_MODEL_TRAIN)
    {
        parameter->master = fp32;
        parameter->working = bf16;
    }
}

lobass_status lb_model_create_uniform(lb_model **model, const lb_config *config,
                                      lb_dtype compute_dtype, lb_model_use use, uint64_t seed,
                                      lobass_error *error)
{
    *model = NULL;
    lb_model *made = NULL;
    LB_TRY(lb_model_create_layout(&made, config, error));
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    size_t size_bytes = 0;
    place *places = lb_alloc(made->n_parameters, sizeof *places, error);
    if (places == NULL)
    {
        goto done;
    }
    for (size_t i = 0; i < made->n_parameters; i++)
    {
        made->parameters[i].matrix.is_packed = lb_model_packs(made, &made->parameters[i], use);
        LB_TRY_GOTO(place_reserve(&places[i], &made->parameters[i], compute_dtype, use, &size_bytes,
                                  error));
    }
    made->storage->memory = lb_alloc(size_bytes, 1, error);
    if (made->storage->memory == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    uniform u = {.step = (float)(config->initializer_range * sqrt(3.0) / INT16_MAX)};
    lb_random_init(&u.random, seed);
    for (size_t i = 0; i < made->n_parameters; i++)
    {
        fill(&made->parameters[i], &places[i], made->storage->memory, use, &u);
    }
    made->stored_dtype = compute_dtype;
    *model = made;
    made = NULL;
done:
    free(places);
    lb_model_free(made);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of a training run that cannot be computed again, as FOLDER/state.safetensors: for every
 * trained parameter P the tensors "master.P", "m.P" and "v.P" in fp32, and the number of steps
 * taken as the tensor "step" of four 16-bit digits, least first (safetensors files of ours hold
 * floats only). Loading checks everything before it changes anything.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/weights.h"

#define STATE_NAME "state.safetensors"
#define STEP_NAME "step"
#define STEP_DIGITS 4
#define STEP_DIGIT_BITS 16
#define N_KINDS 3
#define STATE_NAME_SIZE 128

static const char *const kind_names[N_KINDS] = {"master", "m", "v"};

static float *state_values(const lb_optimizer *optimizer, lb_parameter_list trained, size_t kind,
                           size_t i)
{
    float *const all[N_KINDS] = {trained.items[i].master, optimizer->m[i], optimizer->v[i]};
    return all[kind];
}

static void state_name(char name[STATE_NAME_SIZE], lb_parameter_list trained, size_t kind, size_t i)
{
    snprintf(name, STATE_NAME_SIZE, "%s.%s", kind_names[kind], trained.items[i].name);
}

static lobass_status write_state(const lb_optimizer *optimizer, lb_parameter_list trained,
                                 lb_safetensors_writer *writer, lobass_error *error)
{
    float digits[STEP_DIGITS];
    for (size_t i = 0; i < STEP_DIGITS; i++)
    {
        digits[i] = (float)(uint16_t)(optimizer->step >> (i * STEP_DIGIT_BITS));
    }
    LB_TRY(lb_safetensors_writer_put(writer, digits, error));
    for (size_t kind = 0; kind < N_KINDS; kind++)
    {
        for (size_t i = 0; i < trained.count; i++)
        {
            LB_TRY(lb_safetensors_writer_put(writer, state_values(optimizer, trained, kind, i),
                                             error));
        }
    }
    return LOBASS_OK;
}

lobass_status lb_optimizer_save(const lb_optimizer *optimizer, const lb_model *model,
                                const char *folder, lobass_error *error)
{
    const lb_parameter_list trained = lb_model_trained(model);
    const size_t n_states = N_KINDS * trained.count;
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    lb_safetensors_writer *writer = NULL;
    char(*names)[STATE_NAME_SIZE] = NULL;
    lb_tensor_spec *specs = NULL;
    char *path = lb_path_join(folder, STATE_NAME, error);
    if (path == NULL)
    {
        goto done;
    }
    names = lb_alloc(n_states, sizeof *names, error);
    specs = names == NULL ? NULL : lb_alloc(n_states + 1, sizeof *specs, error);
    if (specs == NULL)
    {
        goto done;
    }
    specs[0] =
        (lb_tensor_spec){.name = STEP_NAME, .dtype = LB_F32, .n_dims = 1, .shape = {STEP_DIGITS}};
    for (size_t i = 0; i < n_states; i++)
    {
        const lb_parameter *parameter = &trained.items[i % trained.count];
        state_name(names[i], trained, i / trained.count, i % trained.count);
        specs[i + 1] = (lb_tensor_spec){.name = names[i],
                                        .dtype = LB_F32,
                                        .n_dims = parameter->n_dims,
                                        .shape = {parameter->shape[0], parameter->shape[1]}};
    }
    LB_TRY_GOTO(lb_safetensors_writer_open(&writer, path, specs, n_states + 1, true, error));
    LB_TRY_GOTO(write_state(optimizer, trained, writer, error));
    status = lb_safetensors_writer_commit(writer, error);
    writer = NULL;
done:
    lb_safetensors_writer_discard(writer);
    free(specs);
    free(names);
    free(path);
    return status;
}

static lobass_status find_state(const lb_safetensors *file, const char *path, const char *name,
                                size_t count, const lb_tensor **tensor, lobass_error *error)
{
    LB_TRY(lb_safetensors_find(file, name, tensor, error));
    if ((*tensor)->dtype != LB_F32 || (*tensor)->n_elements != count)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: tensor \"%s\": expected %zu elements of F32, found %zu of %s", path,
                       name, count, (*tensor)->n_elements, lb_dtype_name((*tensor)->dtype));
    }
    return LOBASS_OK;
}

static lobass_status read_step(const lb_safetensors *file, const char *path, uint64_t *step,
                               lobass_error *error)
{
    const lb_tensor *tensor = NULL;
    LB_TRY(find_state(file, path, STEP_NAME, STEP_DIGITS, &tensor, error));
    float digits[STEP_DIGITS];
    memcpy(digits, tensor->data, sizeof digits);
    *step = 0;
    for (size_t i = 0; i < STEP_DIGITS; i++)
    {
        if (!(digits[i] >= 0.0F && digits[i] <= (float)UINT16_MAX) ||
            digits[i] != floorf(digits[i]))
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "%s: tensor \"%s\": expected integers from 0 to %d, found %g", path,
                           STEP_NAME, UINT16_MAX, (double)digits[i]);
        }
        *step |= (uint64_t)digits[i] << (i * STEP_DIGIT_BITS);
    }
    return LOBASS_OK;
}

static lobass_status read_state(lb_optimizer *optimizer, lb_parameter_list trained,
                                const lb_safetensors *file, const char *path, bool is_checking,
                                lobass_error *error)
{
    for (size_t kind = 0; kind < N_KINDS; kind++)
    {
        for (size_t i = 0; i < trained.count; i++)
        {
            char name[STATE_NAME_SIZE];
            state_name(name, trained, kind, i);
            const size_t count = trained.items[i].count;
            const lb_tensor *tensor = NULL;
            LB_TRY(find_state(file, path, name, count, &tensor, error));
            if (!is_checking)
            {
                memcpy(state_values(optimizer, trained, kind, i), tensor->data,
                       count * sizeof(float));
            }
        }
    }
    return LOBASS_OK;
}

lobass_status lb_optimizer_load(lb_optimizer *optimizer, lb_model *model, const char *folder,
                                lobass_error *error)
{
    const lb_parameter_list trained = lb_model_trained(model);
    char *path = lb_path_join(folder, STATE_NAME, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lb_safetensors *file = NULL;
    uint64_t step = 0;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_safetensors_open(&file, path, error));
    LB_TRY_GOTO(read_step(file, path, &step, error));
    LB_TRY_GOTO(read_state(optimizer, trained, file, path, true, error));
    LB_TRY_GOTO(read_state(optimizer, trained, file, path, false, error));
    optimizer->step = step;
    for (size_t i = 0; i < trained.count; i++)
    {
        memset(optimizer->grads[i], 0, trained.items[i].count * sizeof(float));
    }
    lb_model_refresh(model);
done:
    lb_safetensors_close(file);
    free(path);
    return status;
}

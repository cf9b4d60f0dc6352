/* SPDX-License-Identifier: Apache-2.0
 *
 * AdamW (Loshchilov & Hutter, 2019) over what is trained of a model: gradients and both moments in
 * one allocation, clipping on the global norm, decoupled weight decay on matrices only, and the
 * learning-rate schedule
 *     rate(step) = highest * (step + 1) / w                                 for step < w
 *     rate(step) = highest * (1 + cos(pi * (step - w) / (n_steps - w))) / 2 from then on
 * with w = ceil(warmup_ratio * n_steps) warm-up steps. Saving is left to optimizer_save.c.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/weights.h"

static const double pi = 3.14159265358979323846;

#define N_KINDS 3 /* gradient and two moments */

/* Hands out (or, with MEMORY NULL, adds up) the three arrays of every parameter. */
static lobass_status carve(lb_optimizer *optimizer, lb_parameter_list trained, size_t *size_bytes,
                           lobass_error *error)
{
    float **const kinds[N_KINDS] = {optimizer->grads, optimizer->m, optimizer->v};
    for (size_t kind = 0; kind < N_KINDS; kind++)
    {
        for (size_t i = 0; i < trained.count; i++)
        {
            size_t offset = 0;
            LB_TRY(lb_layout_reserve(size_bytes, trained.items[i].count, sizeof(float), &offset,
                                     error));
            if (optimizer->memory != NULL)
            {
                kinds[kind][i] = optimizer->memory + offset / sizeof(float);
            }
        }
    }
    return LOBASS_OK;
}

lobass_status lb_optimizer_create(lb_optimizer **optimizer, const lb_model *model,
                                  const lb_adamw *settings, lobass_error *error)
{
    const lb_parameter_list trained = lb_model_trained(model);
    *optimizer = NULL;
    for (size_t i = 0; i < trained.count; i++)
    {
        if (trained.items[i].master == NULL)
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           "optimizer: expected a model loaded for training");
        }
    }
    lb_optimizer *made = lb_alloc(1, sizeof *made, error);
    float **pointers =
        made == NULL ? NULL : lb_alloc(trained.count * N_KINDS, sizeof *pointers, error);
    if (pointers == NULL)
    {
        free(made);
        return LOBASS_OUT_OF_MEMORY;
    }
    made->settings = *settings;
    made->n_parameters = trained.count;
    made->grads = pointers;
    made->m = pointers + trained.count;
    made->v = pointers + 2 * trained.count;
    lobass_status status = LOBASS_OK;
    size_t size_bytes = 0;
    LB_TRY_GOTO(carve(made, trained, &size_bytes, error));
    made->memory = lb_alloc(size_bytes, 1, error);
    if (made->memory == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    size_bytes = 0;
    LB_TRY_GOTO(carve(made, trained, &size_bytes, error));
    *optimizer = made;
    made = NULL;
done:
    lb_optimizer_free(made);
    return status;
}

void lb_optimizer_free(lb_optimizer *optimizer)
{
    if (optimizer == NULL)
    {
        return;
    }
    free(optimizer->memory);
    free(optimizer->grads); /* the pointers of m and v are in the same array */
    free(optimizer);
}

lobass_status lb_optimizer_step(lb_optimizer *optimizer, lb_model *model, lb_compute *compute,
                                double rate, double weight_decay, double clip,
                                double *gradient_norm, lobass_error *error)
{
    const lb_parameter_list trained = lb_model_trained(model);
    double squares = 0.0;
    for (size_t i = 0; i < trained.count; i++)
    {
        double of_parameter = 0.0;
        LB_TRY(lb_sum_of_squares(compute, &of_parameter, optimizer->grads[i],
                                 trained.items[i].count, error));
        squares += of_parameter;
    }
    const double norm = sqrt(squares);
    *gradient_norm = norm;
    if (!isfinite(norm))
    {
        return lb_fail(error, LOBASS_NUMERIC,
                       "step %llu: expected a finite gradient norm, found %g",
                       (unsigned long long)optimizer->step + 1, norm);
    }
    const double scale = clip > 0.0 && norm > clip ? clip / norm : 1.0;
    optimizer->step++;
    for (size_t i = 0; i < trained.count; i++)
    {
        lb_parameter *parameter = &trained.items[i];
        LB_TRY(lb_adamw_step(
            compute, parameter->master, optimizer->m[i], optimizer->v[i], optimizer->grads[i],
            (float)scale, &optimizer->settings, optimizer->step, (float)rate,
            parameter->has_decay ? (float)weight_decay : 0.0F, parameter->count, error));
        memset(optimizer->grads[i], 0, parameter->count * sizeof(float));
    }
    lb_model_refresh_with(model, compute->pool);
    return LOBASS_OK;
}

double lb_schedule_rate(double highest, double warmup_ratio, uint64_t step, uint64_t n_steps)
{
    if (step >= n_steps)
    {
        return 0.0;
    }
    const double n = (double)n_steps;
    const double warmup = fmin(ceil(warmup_ratio * n), n);
    const double done = (double)step;
    if (done < warmup)
    {
        return highest * (done + 1.0) / warmup;
    }
    return highest * 0.5 * (1.0 + cos(pi * (done - warmup) / (n - warmup)));
}

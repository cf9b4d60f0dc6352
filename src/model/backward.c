/* SPDX-License-Identifier: Apache-2.0
 *
 * A program from its last step to its first: each step's backward adds to the gradients of its
 * inputs, which are cleared before the first of them does. What the forward did not keep is
 * computed again, with the same bits, by the steps that write it.
 */
#include <string.h>

#include "model/activations.h"

void lb_rows_clear(float *grad, size_t n_rows, size_t width)
{
    memset(grad, 0, n_rows * width * sizeof *grad);
}

static lobass_status compute_again(const lb_walk *walk, uint8_t value, lobass_error *error)
{
    const lb_program *program = walk->program;
    for (size_t i = 0; i < program->n_steps; i++)
    {
        if (program->steps[i].output == value)
        {
            LB_TRY(program->steps[i].op->forward(walk, &program->steps[i], error));
        }
    }
    return LOBASS_OK;
}

lobass_status lb_program_backward(const lb_walk *walk, lobass_error *error)
{
    const lb_program *program = walk->program;
    for (size_t i = program->n_steps; i-- > 0;)
    {
        const lb_bound_step *step = &program->steps[i];
        for (size_t j = 0; j < step->op->n_inputs; j++)
        {
            const uint8_t v = step->inputs[j];
            if ((step->computes_again & 1U << j) != 0)
            {
                LB_TRY(compute_again(walk, v, error));
            }
            if ((step->clears & 1U << j) != 0)
            {
                lb_rows_clear(walk->gradients[v], walk->rows.n, program->values[v].width);
            }
        }
        LB_TRY(step->op->backward(walk, step, error));
    }
    return LOBASS_OK;
}

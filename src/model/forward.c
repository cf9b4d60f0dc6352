/* SPDX-License-Identifier: Apache-2.0
 *
 * A program from its first step to its last. Where only some rows matter at the end (in scoring,
 * behind the keys and values of the last layer), what goes on is cut down to them on the way.
 */
#include <string.h>

#include "model/activations.h"

/* Moves the needed rows of X to its front. */
static void keep_needed(float *x, const lb_rows *needed, size_t width)
{
    for (size_t i = 0; i < needed->n; i++)
    {
        memmove(x + i * width, x + needed->tokens[i] * width, width * sizeof *x);
    }
}

static void cut_down(lb_walk *walk)
{
    const lb_program *program = walk->program;
    for (size_t v = 0; v < program->n_values; v++)
    {
        if ((program->cut_down & UINT64_C(1) << v) != 0)
        {
            keep_needed(walk->values[v], walk->needed, program->values[v].width);
        }
    }
    walk->rows = *walk->needed;
}

lobass_status lb_program_forward(lb_walk *walk, lobass_error *error)
{
    const lb_program *program = walk->program;
    for (size_t i = 0; i < program->n_steps; i++)
    {
        if (i == program->n_on_all && walk->needed != NULL)
        {
            cut_down(walk);
        }
        LB_TRY(program->steps[i].op->forward(walk, &program->steps[i], error));
    }
    return LOBASS_OK;
}

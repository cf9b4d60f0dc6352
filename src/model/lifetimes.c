/* SPDX-License-Identifier: Apache-2.0
 *
 * Which arrays of a part may stand in the same memory. Time runs through the steps from 0 to n - 1,
 * then, in training, back through them: step i's backward is at 2n - 1 - i. An array lives from its
 * first write to its last read, one that is computed again for the backward a second time, the
 * gradient of a value from the last step that reads the value back to the one that writes it. The
 * widest array is placed first, each in the first slot where it meets nobody: greedy colouring of
 * intervals, on a few dozen of them.
 */
#include "model/program.h"

#define N_LIVES 2
#define MOST_ARRAYS (2 * LB_MOST_VALUES)

typedef struct life
{
    size_t from, to;
} life;

typedef struct array
{
    uint8_t *slot;
    size_t width;
    life lives[N_LIVES];
    size_t n_lives;
} array;

typedef struct arrays
{
    array items[MOST_ARRAYS];
    size_t count;
} arrays;

static bool meet(const array *a, const array *b)
{
    for (size_t i = 0; i < a->n_lives; i++)
    {
        for (size_t j = 0; j < b->n_lives; j++)
        {
            if (a->lives[i].from <= b->lives[j].to && b->lives[j].from <= a->lives[i].to)
            {
                return true;
            }
        }
    }
    return false;
}

static size_t backward_time(const lb_program *program, size_t step)
{
    return 2 * program->n_steps - 1 - step;
}

static void collect_values(arrays *all, lb_lifetimes *lifetimes, const lb_program *program,
                           bool is_training)
{
    /* What leaves can stand where what entered stood, if that is not read any more. */
    const bool is_in_place =
        program->input == LB_NO_INDEX ||
        program->values[program->input].last < program->values[program->output].first;
    for (size_t v = 0; v < program->n_values; v++)
    {
        const lb_program_value *value = &program->values[v];
        const bool is_kept = is_training && value->keeping == LB_KEPT;
        const bool is_output = v == program->output && (is_training || is_in_place);
        lifetimes->values[v] = LB_NO_INDEX;
        if (is_kept || is_output || v == program->input)
        {
            continue;
        }
        array *made = &all->items[all->count++];
        *made = (array){.slot = &lifetimes->values[v],
                        .width = value->width,
                        .lives = {{value->first, value->last}},
                        .n_lives = 1};
        if (is_training && value->keeping == LB_AGAIN)
        {
            made->lives[made->n_lives++] = (life){backward_time(program, value->highest),
                                                  backward_time(program, value->lowest)};
        }
    }
}

/* Values whose gradients share an array count as one. */
static void collect_gradients(arrays *all, lb_lifetimes *lifetimes, const lb_program *program)
{
    const uint8_t leaving = program->values[program->output].gradient;
    for (size_t root = 0; root < program->n_values; root++)
    {
        size_t first = program->n_steps;
        size_t last = 0;
        for (size_t v = 0; v < program->n_values; v++)
        {
            const lb_program_value *value = &program->values[v];
            if (value->name != NULL && value->gradient == root)
            {
                first = value->first < first ? value->first : first;
                last = value->last > last ? value->last : last;
            }
        }
        lifetimes->gradients[root] = LB_NO_INDEX;
        if (first <= last && root != leaving)
        {
            all->items[all->count++] =
                (array){.slot = &lifetimes->gradients[root],
                        .width = program->values[root].width,
                        .lives = {{backward_time(program, last), backward_time(program, first)}},
                        .n_lives = 1};
        }
    }
}

static void place(const arrays *all, const array *chosen, lb_lifetimes *lifetimes)
{
    size_t slot = 0;
    for (bool is_free = false; !is_free;)
    {
        is_free = true;
        for (size_t i = 0; is_free && i < all->count; i++)
        {
            is_free = *all->items[i].slot != slot || !meet(&all->items[i], chosen);
        }
        slot += is_free ? 0 : 1;
    }
    if (slot == lifetimes->n_slots)
    {
        lifetimes->widths[lifetimes->n_slots++] = chosen->width;
    }
    *chosen->slot = (uint8_t)slot;
}

void lb_lifetimes_find(lb_lifetimes *lifetimes, const lb_program *program, bool is_training)
{
    arrays all = {.count = 0};
    *lifetimes = (lb_lifetimes){.n_slots = 0};
    collect_values(&all, lifetimes, program, is_training);
    if (is_training)
    {
        collect_gradients(&all, lifetimes, program);
    }
    for (size_t placed = 0; placed < all.count; placed++)
    {
        const array *widest = NULL;
        for (size_t i = 0; i < all.count; i++)
        {
            const array *item = &all.items[i];
            const bool is_open = *item->slot == LB_NO_INDEX;
            widest = is_open && (widest == NULL || item->width > widest->width) ? item : widest;
        }
        if (widest == NULL) /* none is left: there are as many turns as arrays */
        {
            return;
        }
        place(&all, widest, lifetimes);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * From a family's table to programs: names become indices, widths are worked out step by step, and
 * what the walks need to know of a part is found once. A table in which something does not fit (a
 * value that nobody writes, or nobody reads, widths that differ, a tensor that no step takes) is
 * refused here, by the number of the step: what is built can be walked without a check.
 */
#include "model/program.h"

#include <stdlib.h>
#include <string.h>

typedef struct builder
{
    lb_program *program;
    const lb_config *config;
    size_t widths[LB_WIDTH_COUNT];
    uint64_t read;  /* values that a step has read, other than to change them in place */
    uint64_t taken; /* rules that a step has taken */
    lobass_error *error;
} builder;

static uint64_t bit(size_t index)
{
    return UINT64_C(1) << index;
}

static bool has_bit(uint64_t mask, size_t index)
{
    return (mask & bit(index)) != 0;
}

lobass_status lb_widths_compute(size_t widths[LB_WIDTH_COUNT], const lb_config *config,
                                lobass_error *error)
{
    widths[LB_WIDTH_NONE] = 1;
    widths[LB_WIDTH_MODEL] = config->d_model;
    widths[LB_WIDTH_FFN] = config->d_ffn;
    widths[LB_WIDTH_VOCABULARY] = config->n_vocabulary;
    const bool fit =
        lb_size_multiply(config->n_heads, config->head_size, &widths[LB_WIDTH_QUERY]) &&
        lb_size_multiply(config->n_kv_heads, config->head_size, &widths[LB_WIDTH_KEY_VALUE]);
    return fit ? LOBASS_OK : lb_fail_memory(error, SIZE_MAX);
}

/* ---- names -------------------------------------------------------------------------------------
 */

static lobass_status fail_step(const builder *b, size_t i, const char *what, const char *name)
{
    const lb_step *step = &b->program->part->steps[i];
    return lb_fail(b->error, LOBASS_BAD_ARGUMENT, "%s: step %zu (%s -> \"%s\"): %s \"%s\"",
                   b->config->family->name, i + 1, lb_op_rows[step->op].name,
                   step->output != NULL ? step->output : "", what, name != NULL ? name : "");
}

static uint8_t find_value(const lb_program *program, const char *name)
{
    for (size_t v = 0; name != NULL && v < program->n_values; v++)
    {
        if (program->values[v].name != NULL && strcmp(program->values[v].name, name) == 0)
        {
            return (uint8_t)v;
        }
    }
    return LB_NO_INDEX;
}

static uint8_t add_value(lb_program *program, const char *name, size_t width, size_t first)
{
    const size_t v = program->n_values++;
    program->values[v] = (lb_program_value){.name = name,
                                            .width = width,
                                            .first = (uint8_t)first,
                                            .last = (uint8_t)first,
                                            .lowest = UINT8_MAX,
                                            .gradient = (uint8_t)v};
    return (uint8_t)v;
}

static uint8_t find_rule(const builder *b, const char *name)
{
    const lb_part *part = b->program->part;
    for (size_t r = 0; name != NULL && r < part->n_rules; r++)
    {
        if (strcmp(part->rules[r].name, name) == 0)
        {
            return (uint8_t)r;
        }
    }
    return LB_NO_INDEX;
}

static lobass_status bind_inputs(builder *b, size_t i)
{
    lb_program *program = b->program;
    const lb_step *step = &program->part->steps[i];
    lb_bound_step *bound = &program->steps[i];
    for (size_t j = 0; j < LB_STEP_INPUTS; j++)
    {
        bound->inputs[j] = find_value(program, step->inputs[j]);
        if ((step->inputs[j] != NULL) != (j < bound->op->n_inputs))
        {
            return fail_step(b, i, "expected another number of inputs than with", step->inputs[j]);
        }
        if (step->inputs[j] == NULL)
        {
            continue;
        }
        if (bound->inputs[j] == LB_NO_INDEX)
        {
            return fail_step(b, i, "no step before it writes", step->inputs[j]);
        }
        if (j == 0 && bound->op->is_in_place && has_bit(b->read, bound->inputs[0]))
        {
            return fail_step(b, i, "a step before it has read what it changes,", step->inputs[j]);
        }
        program->values[bound->inputs[j]].last = (uint8_t)i;
    }
    for (size_t j = bound->op->is_in_place ? 1 : 0; j < bound->op->n_inputs; j++)
    {
        b->read |= bit(bound->inputs[j]);
    }
    return LOBASS_OK;
}

static lobass_status bind_weights(builder *b, size_t i)
{
    const lb_part *part = b->program->part;
    const lb_step *step = &part->steps[i];
    lb_bound_step *bound = &b->program->steps[i];
    bound->weight = find_rule(b, step->weight);
    bound->bias = find_rule(b, step->bias);
    if (bound->op->has_weight != (bound->weight != LB_NO_INDEX) ||
        (bound->op->has_weight && part->rules[bound->weight].is_present != NULL &&
         !part->rules[bound->weight].is_present(b->config)))
    {
        return fail_step(b, i, "no such tensor to compute with:", step->weight);
    }
    if (step->bias != NULL && (bound->bias == LB_NO_INDEX || !bound->op->may_have_bias))
    {
        return fail_step(b, i, "no such bias to compute with:", step->bias);
    }
    b->taken |= bound->weight != LB_NO_INDEX ? bit(bound->weight) : 0;
    b->taken |= bound->bias != LB_NO_INDEX ? bit(bound->bias) : 0;
    return LOBASS_OK;
}

static lobass_status bind_output(builder *b, size_t i)
{
    lb_program *program = b->program;
    const lb_tensor_rule *rules = program->part->rules;
    const lb_step *step = &program->part->steps[i];
    lb_bound_step *bound = &program->steps[i];
    size_t in[LB_STEP_INPUTS] = {0};
    size_t weight[2] = {0};
    size_t width = 0;
    size_t side = 0;
    for (size_t j = 0; j < bound->op->n_inputs; j++)
    {
        in[j] = program->values[bound->inputs[j]].width;
    }
    for (size_t k = 0; k < 2 && bound->weight != LB_NO_INDEX; k++)
    {
        weight[k] = b->widths[rules[bound->weight].shape[k]];
    }
    if (!bound->op->fit(b->config, in, weight, &width, &side) ||
        (bound->bias != LB_NO_INDEX && b->widths[rules[bound->bias].shape[0]] != width))
    {
        return fail_step(b, i, "the widths of what it takes do not fit; weight", step->weight);
    }
    const uint8_t known = find_value(program, step->output);
    if (step->output == NULL || known != (bound->op->is_in_place ? bound->inputs[0] : LB_NO_INDEX))
    {
        return fail_step(b, i,
                         bound->op->is_in_place ? "expected its first input as its output, not"
                                                : "a step before it writes",
                         step->output);
    }
    bound->output = bound->op->is_in_place ? known : add_value(program, step->output, width, i);
    bound->side = side > 0 ? add_value(program, NULL, side, i) : LB_NO_INDEX;
    return LOBASS_OK;
}

static lobass_status bind_steps(builder *b)
{
    lb_program *program = b->program;
    const lb_part *part = program->part;
    if (part->n_steps == 0 || part->n_steps > LB_MOST_STEPS || part->n_rules > LB_MOST_VALUES)
    {
        return lb_fail(b->error, LOBASS_BAD_ARGUMENT, "%s: expected 1 to %d steps, found %zu",
                       b->config->family->name, LB_MOST_STEPS, part->n_steps);
    }
    /* Two values a step at most: LB_MOST_VALUES holds them but for the longest of tables. */
    program->input = lb_op_rows[part->steps[0].op].n_inputs == 0
                         ? LB_NO_INDEX
                         : add_value(program, "x", b->config->d_model, 0);
    for (size_t i = 0; i < part->n_steps; i++)
    {
        program->steps[i].op = &lb_op_rows[part->steps[i].op];
        if (program->n_values + 2 > LB_MOST_VALUES)
        {
            return fail_step(b, i, "too many values with", part->steps[i].output);
        }
        LB_TRY(bind_inputs(b, i));
        LB_TRY(bind_weights(b, i));
        LB_TRY(bind_output(b, i));
    }
    program->n_steps = part->n_steps;
    program->output = program->steps[part->n_steps - 1].output;
    program->values[program->output].last = (uint8_t)part->n_steps;
    return LOBASS_OK;
}

/* What nobody reads, or takes, is a mistake in the table. */
static lobass_status check_used(const builder *b)
{
    const lb_program *program = b->program;
    const lb_part *part = program->part;
    for (size_t v = 0; v < program->n_values; v++)
    {
        const lb_program_value *value = &program->values[v];
        if (value->name != NULL && (has_bit(b->read, v) == (v == program->output)))
        {
            return fail_step(b, value->first,
                             v == program->output ? "a step reads what leaves," : "no step reads",
                             value->name);
        }
    }
    for (size_t r = 0; r < part->n_rules; r++)
    {
        if (!has_bit(b->taken, r) && part->rules[r].role != LB_TENSOR_HEAD)
        {
            return lb_fail(b->error, LOBASS_BAD_ARGUMENT, "%s: no step takes tensor \"%s\"",
                           b->config->family->name, part->rules[r].name);
        }
    }
    return program->values[program->output].width == b->config->d_model
               ? LOBASS_OK
               : fail_step(b, program->n_steps - 1, "expected the model's width of",
                           program->values[program->output].name);
}

/* ---- what the walks need to know ---------------------------------------------------------------
 */

/* Keys and values, and what they depend on, are of all rows. */
static lobass_status find_cut(const builder *b)
{
    lb_program *program = b->program;
    uint64_t whole = 0;
    uint64_t across = 0;
    for (size_t i = program->n_steps; i-- > 0;)
    {
        const lb_bound_step *step = &program->steps[i];
        const bool is_whole = has_bit(whole, step->output);
        if (is_whole && program->n_on_all == 0)
        {
            program->n_on_all = i + 1;
        }
        for (size_t j = 0; j < step->op->n_inputs; j++)
        {
            const bool is_across = has_bit(step->op->across, j);
            whole |= is_whole || is_across ? bit(step->inputs[j]) : 0;
        }
    }
    for (size_t i = program->n_on_all; i < program->n_steps; i++)
    {
        const lb_bound_step *step = &program->steps[i];
        for (size_t j = 0; j < step->op->n_inputs; j++)
        {
            const uint8_t v = step->inputs[j];
            const bool is_earlier =
                v == program->input || program->values[v].first < program->n_on_all;
            uint64_t *mask = has_bit(step->op->across, j) ? &across : &program->cut_down;
            *mask |= is_earlier ? bit(v) : 0;
        }
        if ((across & program->cut_down) != 0)
        {
            return fail_step(b, i, "all rows are read, and some of them, of an input of",
                             program->values[step->output].name);
        }
    }
    return LOBASS_OK;
}

static void note_read(lb_program_value *value, size_t i)
{
    value->highest = (uint8_t)(i > value->highest ? i : value->highest);
    value->lowest = (uint8_t)(i < value->lowest ? i : value->lowest);
    value->keeping = LB_KEPT;
}

static void find_reads(lb_program *program)
{
    for (size_t i = 0; i < program->n_steps; i++)
    {
        const lb_bound_step *step = &program->steps[i];
        for (size_t j = 0; j < step->op->n_inputs; j++)
        {
            if (has_bit(step->op->reads, j))
            {
                note_read(&program->values[step->inputs[j]], i);
            }
        }
        if (step->op->reads_output)
        {
            note_read(&program->values[step->output], i);
        }
        if (step->side != LB_NO_INDEX)
        {
            note_read(&program->values[step->side], i);
        }
    }
}

/* Where V is an input of STEP: a bit for each. */
static uint8_t places_of(const lb_bound_step *step, size_t v)
{
    uint8_t places = 0;
    for (size_t j = 0; j < step->op->n_inputs; j++)
    {
        places |= (uint8_t)(step->inputs[j] == v ? 1U << j : 0U);
    }
    return places;
}

/* Whether every step that writes V is cheap, the others that it reads are kept, and the backward
 * that reads V first has it as an input. *MADE_OF: what those steps read. */
static bool can_come_again(const lb_program *program, size_t v, uint64_t *made_of)
{
    const lb_program_value *value = &program->values[v];
    bool can = value->name != NULL && value->keeping == LB_KEPT && v != program->input &&
               v != program->output && places_of(&program->steps[value->highest], v) != 0;
    *made_of = 0;
    for (size_t i = 0; i < program->n_steps; i++)
    {
        const lb_bound_step *step = &program->steps[i];
        for (size_t j = 0; step->output == v && j < step->op->n_inputs; j++)
        {
            const uint8_t from = step->inputs[j];
            can = can &&
                  (from == v || from == program->input || program->values[from].keeping == LB_KEPT);
            *made_of |= from == v ? 0 : bit(from);
        }
        can = can && (step->output != v || step->op->is_cheap);
    }
    return can;
}

/* A value comes again from what is kept alone: what one of them is made of stays kept. */
static void find_kept(lb_program *program)
{
    uint64_t stays = 0;
    find_reads(program);
    for (size_t v = 0; v < program->n_values; v++)
    {
        uint64_t made_of = 0;
        if (has_bit(stays, v) || !can_come_again(program, v, &made_of))
        {
            continue;
        }
        lb_program_value *value = &program->values[v];
        lb_bound_step *reader = &program->steps[value->highest];
        const uint8_t side = program->steps[value->first].side;
        stays |= made_of;
        value->keeping = LB_AGAIN;
        reader->computes_again |= places_of(reader, v);
        if (side != LB_NO_INDEX)
        {
            program->values[side].keeping = LB_AGAIN;
            program->values[side].highest = value->highest;
        }
    }
}

/* Whether the backward of step I adds to the gradient of its input J. */
static bool adds_to(const lb_program *program, const lb_bound_step *step, size_t j)
{
    const bool is_own = step->op->is_in_place && j == 0;
    const bool is_passed =
        step->op->passes && j == 1 &&
        program->values[step->inputs[1]].gradient == program->values[step->output].gradient;
    return j < step->op->n_inputs && !is_own && !is_passed;
}

/* Whether something is added to the gradient of V while that of W is still to be read. */
static bool disturbs(const lb_program *program, size_t v, size_t w)
{
    const lb_program_value *window = &program->values[w];
    for (size_t i = window->first; i <= window->last && i < program->n_steps; i++)
    {
        for (size_t j = 0; j < LB_STEP_INPUTS; j++)
        {
            if (adds_to(program, &program->steps[i], j) && program->steps[i].inputs[j] == v)
            {
                return true;
            }
        }
    }
    return false;
}

/* The gradient of a sum is that of both its terms: they share an array where none of the two is
 * added to while the other is needed. */
static void share_gradients(lb_program *program)
{
    for (size_t i = program->n_steps; i-- > 0;)
    {
        const lb_bound_step *step = &program->steps[i];
        if (!step->op->passes || program->values[step->inputs[1]].last != i)
        {
            continue;
        }
        lb_program_value *term = &program->values[step->inputs[1]];
        const uint8_t root = program->values[step->output].gradient;
        term->gradient = root;
        for (size_t v = 0; v < program->n_values; v++)
        {
            const size_t x = step->inputs[1];
            if (v != x && program->values[v].gradient == root &&
                (disturbs(program, v, x) || disturbs(program, x, v)))
            {
                term->gradient = step->inputs[1];
                break;
            }
        }
    }
}

static lobass_status find_clears(const builder *b)
{
    lb_program *program = b->program;
    uint64_t begun = bit(program->values[program->output].gradient);
    for (size_t i = program->n_steps; i-- > 0;)
    {
        lb_bound_step *step = &program->steps[i];
        for (size_t j = 0; j < LB_STEP_INPUTS; j++)
        {
            if (!adds_to(program, step, j))
            {
                continue;
            }
            const uint8_t array = program->values[step->inputs[j]].gradient;
            if (step->op->overwrites && has_bit(begun, array))
            {
                return fail_step(b, i, "its backward overwrites what another adds to, in",
                                 program->values[step->inputs[j]].name);
            }
            step->clears |=
                (uint8_t)(!step->op->overwrites && !has_bit(begun, array) ? 1U << j : 0U);
            begun |= bit(array);
        }
    }
    return LOBASS_OK;
}

lobass_status lb_program_build(lb_program *program, const lb_part *part, const lb_config *config,
                               lobass_error *error)
{
    builder b = {.program = program, .config = config, .error = error};
    *program = (lb_program){.part = part};
    LB_TRY(lb_widths_compute(b.widths, config, error));
    LB_TRY(bind_steps(&b));
    LB_TRY(check_used(&b));
    LB_TRY(find_cut(&b));
    find_kept(program);
    share_gradients(program);
    return find_clears(&b);
}

/* ---- all of a family ---------------------------------------------------------------------------
 */

lobass_status lb_programs_create(lb_program **programs, const lb_config *config,
                                 lobass_error *error)
{
    const lb_architecture *family = config->family;
    *programs = lb_alloc(family->n_parts, sizeof **programs, error);
    lobass_status status = *programs == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    for (size_t k = 0; status == LOBASS_OK && k < family->n_parts; k++)
    {
        status = lb_program_build(&(*programs)[k], &family->parts[k], config, error);
    }
    return status;
}

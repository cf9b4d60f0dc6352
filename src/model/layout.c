/* SPDX-License-Identifier: Apache-2.0
 *
 * Which parameters a model has, by the tables of its family: their names in Hugging Face files,
 * their shapes and their order (before the layers, the layers, behind them), and which of them each
 * part's steps find under a rule. Values come from weights.c.
 */
#include "model/weights.h"

#include <stdlib.h>
#include <string.h>

#include "model/program.h"

static const bool has_decay[LB_TENSOR_ROLES] = {
    [LB_TENSOR_MATRIX] = true, [LB_TENSOR_EMBEDDING] = true, [LB_TENSOR_HEAD] = true};

/* What the parameters of one part are made with. */
typedef struct naming
{
    lb_model *model;
    size_t widths[LB_WIDTH_COUNT];
    char prefix[64];
} naming;

/* Names and shapes one parameter, the next in the model's order. */
static lobass_status append(const naming *n, const lb_tensor_rule *rule, const lb_parameter **view,
                            lobass_error *error)
{
    lb_model *model = n->model;
    lb_parameter *parameter = &model->parameters[model->n_parameters++];
    const size_t n_out = n->widths[rule->shape[0]];
    const size_t n_in = n->widths[rule->shape[1]];
    const bool is_matrix = rule->shape[1] != LB_WIDTH_NONE;
    size_t n_elements = 0;
    snprintf(parameter->name, sizeof parameter->name, "%s%s", n->prefix, rule->name);
    if (!lb_size_multiply(n_out, n_in, &parameter->count) ||
        !lb_size_add((size_t)model->n_elements, parameter->count, &n_elements))
    {
        return lb_fail_memory(error, SIZE_MAX);
    }
    model->n_elements = n_elements;
    parameter->role = rule->role;
    parameter->target = rule->target;
    parameter->n_dims = is_matrix ? 2 : 1;
    parameter->shape[0] = n_out;
    parameter->shape[1] = is_matrix ? n_in : 0;
    parameter->has_decay = has_decay[rule->role];
    parameter->matrix.n_out = is_matrix ? n_out : 1;
    parameter->matrix.n_in = is_matrix ? n_in : n_out;
    model->embedding = rule->role == LB_TENSOR_EMBEDDING ? parameter : model->embedding;
    model->head = rule->role == LB_TENSOR_HEAD ? parameter : model->head;
    *view = parameter;
    return LOBASS_OK;
}

/* The parameters of part P, and the views of them, which are the next of VIEWS. */
static lobass_status append_part(naming *n, size_t p, const lb_parameter ***views,
                                 lobass_error *error)
{
    lb_model *model = n->model;
    const lb_part *part = model->parts[p].program->part;
    const char *place = strstr(part->prefix, "%zu");
    const int size = place == NULL ? (int)strlen(part->prefix) : (int)(place - part->prefix);
    const int used = snprintf(n->prefix, sizeof n->prefix, "%.*s", size, part->prefix);
    if (place != NULL)
    {
        snprintf(n->prefix + used, sizeof n->prefix - (size_t)used, "%zu%s", p - 1,
                 place + strlen("%zu"));
    }
    model->parts[p].weights = *views;
    for (size_t i = 0; i < part->n_rules; i++)
    {
        const lb_tensor_rule *rule = &part->rules[i];
        if (rule->is_present == NULL || rule->is_present(&model->config))
        {
            LB_TRY(append(n, rule, *views + i, error));
        }
    }
    *views += part->n_rules;
    return LOBASS_OK;
}

/* Gives every part its program; the rules of them all: no more parameters than these. */
static size_t assign_programs(lb_model *model)
{
    const lb_architecture *family = model->config.family;
    size_t n_rules = 0;
    for (size_t p = 0; p < model->n_parts; p++)
    {
        const size_t kind = p == 0                    ? 0
                            : p + 1 == model->n_parts ? family->n_parts - 1
                            : family->part_of == NULL ? 1
                                                      : family->part_of(&model->config, p - 1);
        model->parts[p].program = &model->programs[kind];
        n_rules += family->parts[kind].n_rules;
    }
    return n_rules;
}

lobass_status lb_model_create_layout(lb_model **model, const lb_config *config, lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    *model = NULL;
    lb_model *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return status;
    }
    made->config = *config;
    made->n_parts = config->n_layers + 2;
    LB_TRY_GOTO(lb_programs_create(&made->programs, config, error));
    made->parts = lb_alloc(made->n_parts, sizeof *made->parts, error);
    const size_t most = made->parts == NULL ? 0 : assign_programs(made);
    made->storage = most == 0 ? NULL : lb_alloc(1, sizeof *made->storage, error);
    made->parameters = made->storage == NULL ? NULL : lb_alloc(most, sizeof(lb_parameter), error);
    made->views = made->parameters == NULL ? NULL : lb_alloc(most, sizeof *made->views, error);
    made->frequencies =
        made->views == NULL ? NULL : lb_alloc(config->head_size / 2, sizeof(float), error);
    if (made->frequencies == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    lb_config_frequencies(config, made->frequencies);
    naming n = {.model = made};
    const lb_parameter **views = made->views;
    LB_TRY_GOTO(lb_widths_compute(n.widths, config, error));
    for (size_t p = 0; p < made->n_parts; p++)
    {
        LB_TRY_GOTO(append_part(&n, p, &views, error));
    }
    made->head = made->head == NULL ? made->embedding : made->head;
done:
    if (status != LOBASS_OK)
    {
        lb_model_free(made);
        return status;
    }
    *model = made;
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * RUN/experiment/experiment.json, indented, and table.csv; docs/FORMATS.md has their members.
 * Neither holds a time: the same experiment leaves the same bytes.
 */
#include "experiment/experiment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON -------------------------------------------------------------------------------------
 */

static const char *const loss_keys[3] = {"mean", "low", "high"};
static const char *const difference_keys[3] = {"difference", "low", "high"};
static const char *const accuracy_keys[3] = {"accuracy", "accuracy_low", "accuracy_high"};

static void put_interval(lb_json_writer *writer, const char *const keys[3],
                         const lobass_interval *interval)
{
    lb_json_put_real(writer, keys[0], interval->value);
    lb_json_put_real(writer, keys[1], interval->low);
    lb_json_put_real(writer, keys[2], interval->high);
}

static lobass_status put_head(lb_json_writer *writer, const lb_setting *setting,
                              lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    char *recipe = NULL;
    char *rows = NULL;
    LB_TRY_GOTO(lb_recipe_to_json(&recipe, &setting->recipe,
                                  setting->recipe.dtype == LOBASS_DTYPE_BF16 ? LB_BF16 : LB_F32,
                                  error));
    LB_TRY_GOTO(lb_store_fact_load(&rows, setting->run, LB_FACT_TOKENIZATION, error));
    lb_json_put_text(writer, "lobass", lobass_version());
    lb_json_put_text(writer, "run", lb_store_path(setting->run));
    lb_json_put_text(writer, "model", setting->base);
    lb_json_put_text(writer, "fingerprint", setting->fingerprint);
    lb_json_put_text(writer, "tokenization_hash", rows);
    lb_json_put_value(writer, "recipe", recipe);
    lb_json_put_real(writer, "floor", setting->rules.floor);
    if (setting->rules.min_initial > 0)
    {
        lb_json_put_real(writer, "min_initial", setting->rules.min_initial);
    }
    lb_json_put_real(writer, "max_reference", setting->rules.max_reference);
    lb_json_put_count(writer, "resamples", setting->options->n_resamples);
    lb_json_put_real(writer, "confidence", 0.95);
    status = writer->status;
done:
    free(recipe);
    free(rows);
    return status;
}

static void put_sources(lb_json_writer *writer, const lobass_experiment *experiment)
{
    lb_json_open(writer, "held_out", '[');
    for (size_t i = 0; i < experiment->n_sources; i++)
    {
        const lobass_experiment_source *source = &experiment->sources[i];
        lb_json_open(writer, NULL, '{');
        lb_json_put_text(writer, "source", source->name);
        lb_json_put_count(writer, "rows", source->n_rows);
        lb_json_put_count(writer, "tokens", source->n_tokens);
        lb_json_put_count(writer, "in_run", source->n_in_run);
        lb_json_close(writer);
    }
    lb_json_close(writer);
}

/* Each once, in the order of the table. */
static void put_arms(lb_json_writer *writer, const lb_plan_of_cells *plan)
{
    const lb_arm *arm = NULL;
    lb_json_open(writer, "arms", '[');
    for (size_t i = 0; (arm = lb_arm_at(i)) != NULL; i++)
    {
        size_t group = 0;
        while (group < plan->n_groups && plan->groups[group].arm != arm)
        {
            group++;
        }
        if (group == plan->n_groups)
        {
            continue;
        }
        lb_json_open(writer, NULL, '{');
        lb_json_put_text(writer, "arm", arm->name);
        if (arm->budget == LOBASS_BUDGET_ROWS)
        {
            lb_json_put_text(writer, "score", lobass_score_describe(arm->by)->name);
            lb_json_put_text(writer, "direction", lobass_direction_name(arm->direction));
        }
        lb_json_close(writer);
    }
    lb_json_close(writer);
}

static void put_group_name(lb_json_writer *writer, const lobass_experiment_group *group)
{
    lb_json_put_text(writer, "arm", group->arm);
    lb_json_put_text(writer, "size", group->size);
    lb_json_put_text(writer, "amount", lobass_experiment_budget_name(group->budget));
}

static void put_cells(lb_json_writer *writer, const lobass_experiment *experiment,
                      const lb_plan_of_cells *plan, bool has_matches)
{
    lb_json_open(writer, "cells", '[');
    for (size_t i = 0; i < experiment->n_cells; i++)
    {
        const lobass_experiment_cell *cell = &experiment->cells[i];
        lb_json_open(writer, NULL, '{');
        lb_json_put_text(writer, "name", cell->name);
        put_group_name(writer, &experiment->groups[cell->group]);
        lb_json_put_seed(writer, "seed", cell->seed);
        lb_json_put_count(writer, "rows", cell->n_rows);
        lb_json_put_count(writer, "tokens_scored", cell->n_tokens);
        lb_json_put_count(writer, "steps", cell->n_steps);
        if (plan->cells[i].selected[0] != '\0')
        {
            lb_json_put_text(writer, "selected", plan->cells[i].selected);
        }
        lb_json_put_boolean(writer, "is_reference", cell->is_reference);
        lb_json_open(writer, "losses", '[');
        for (size_t s = 0; s < experiment->n_sources; s++)
        {
            lb_json_open(writer, NULL, '{');
            lb_json_put_text(writer, "source", experiment->sources[s].name);
            lb_json_put_real(writer, "loss", cell->losses[s]);
            if (has_matches)
            {
                lb_json_put_count(writer, "n_answers", cell->matches[s].n_answers);
                lb_json_put_count(writer, "n_correct", cell->matches[s].n_correct);
            }
            lb_json_close(writer);
        }
        lb_json_close(writer);
        lb_json_close(writer);
    }
    lb_json_close(writer);
}

static void put_summaries(lb_json_writer *writer, const lobass_experiment *experiment)
{
    lb_json_open(writer, "summaries", '[');
    for (size_t i = 0; i < experiment->n_groups * experiment->n_sources; i++)
    {
        const lobass_experiment_group *group = &experiment->groups[i / experiment->n_sources];
        lb_json_open(writer, NULL, '{');
        put_group_name(writer, group);
        lb_json_put_text(writer, "source", experiment->sources[i % experiment->n_sources].name);
        lb_json_put_real(writer, "rows", group->n_rows);
        lb_json_put_real(writer, "tokens_scored", group->n_tokens);
        lb_json_put_real(writer, "steps", group->n_steps);
        lb_json_put_count(writer, "n_seeds", group->n_seeds);
        put_interval(writer, loss_keys, &experiment->losses[i]);
        put_interval(writer, accuracy_keys, &experiment->accuracies[i]);
        lb_json_close(writer);
    }
    lb_json_close(writer);
}

static void put_comparisons(lb_json_writer *writer, const lobass_experiment *experiment)
{
    lb_json_open(writer, "comparisons", '[');
    for (size_t i = 0; i < experiment->n_comparisons; i++)
    {
        const lobass_experiment_comparison *comparison = &experiment->comparisons[i];
        lb_json_open(writer, NULL, '{');
        put_group_name(writer, &experiment->groups[comparison->first]);
        lb_json_put_text(writer, "against", experiment->groups[comparison->second].arm);
        lb_json_put_text(writer, "source", experiment->sources[comparison->source].name);
        put_interval(writer, difference_keys, &comparison->difference);
        lb_json_put_real(writer, "median_difference", comparison->median);
        lb_json_put_real(writer, "p", comparison->p);
        lb_json_put_real(writer, "p_holm", comparison->p_holm);
        lb_json_put_count(writer, "n_rows", comparison->n_rows);
        lb_json_close(writer);
    }
    lb_json_close(writer);
}

static lobass_status experiment_print(lb_buffer *text, bool is_indented,
                                      const lobass_experiment *experiment,
                                      const lb_plan_of_cells *plan, const lb_setting *setting,
                                      lobass_error *error)
{
    lb_json_writer writer = lb_json_writer_begin(text, is_indented, error);
    lb_json_open(&writer, NULL, '{');
    LB_TRY(put_head(&writer, setting, error));
    put_sources(&writer, experiment);
    put_arms(&writer, plan);
    put_cells(&writer, experiment, plan, setting->options->matches);
    put_summaries(&writer, experiment);
    put_comparisons(&writer, experiment);
    lb_json_close(&writer);
    return writer.status;
}

/* ---- the table --------------------------------------------------------------------------------
 */

/* A comma, and nothing more for what does not exist. */
static lobass_status cell_put(lb_buffer *text, double value, lobass_error *error)
{
    LB_TRY(lb_buffer_append_text(text, ",", error));
    return isfinite(value) ? lb_json_append_real(text, value, error) : LOBASS_OK;
}

/* In quotes where a comma, a quote or a line break would part it (RFC 4180). */
static lobass_status name_put(lb_buffer *text, const char *name, lobass_error *error)
{
    if (strpbrk(name, ",\"\r\n") == NULL)
    {
        return lb_buffer_append_text(text, name, error);
    }
    LB_TRY(lb_buffer_append_text(text, "\"", error));
    for (const char *c = name; *c != '\0'; c++)
    {
        LB_TRY(lb_buffer_append(text, "\"\"", *c == '"' ? 1 : 0, error));
        LB_TRY(lb_buffer_append(text, c, 1, error));
    }
    return lb_buffer_append_text(text, "\"", error);
}

static lobass_status table_print(lb_buffer *text, const lobass_experiment *experiment,
                                 lobass_error *error)
{
    LB_TRY(lb_buffer_append_text(
        text,
        "arm,size,amount,source,rows,tokens_scored,steps,n_seeds,mean,low,high,"
        "accuracy,accuracy_low,accuracy_high\n",
        error));
    for (size_t i = 0; i < experiment->n_groups * experiment->n_sources; i++)
    {
        const lobass_experiment_group *group = &experiment->groups[i / experiment->n_sources];
        const lobass_interval *loss = &experiment->losses[i];
        const lobass_interval *accuracy = &experiment->accuracies[i];
        const double values[] = {loss->value,     loss->low,     loss->high,
                                 accuracy->value, accuracy->low, accuracy->high};
        LB_TRY(lb_buffer_print(text, error, "%s,%s,%s,", group->arm, group->size,
                               lobass_experiment_budget_name(group->budget)));
        LB_TRY(name_put(text, experiment->sources[i % experiment->n_sources].name, error));
        LB_TRY(cell_put(text, group->n_rows, error));
        LB_TRY(cell_put(text, group->n_tokens, error));
        LB_TRY(cell_put(text, group->n_steps, error));
        LB_TRY(lb_buffer_print(text, error, ",%u", (unsigned)group->n_seeds));
        for (size_t j = 0; j < sizeof values / sizeof values[0]; j++)
        {
            LB_TRY(cell_put(text, values[j], error));
        }
        LB_TRY(lb_buffer_append_text(text, "\n", error));
    }
    return LOBASS_OK;
}

static lobass_status file_write(const lb_setting *setting, const char *name, const lb_buffer *text,
                                lobass_error *error)
{
    char *path = lb_path_join(setting->folder, name, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lobass_status status = lb_file_write(path, text->data, text->size, true, error);
    free(path);
    return status;
}

lobass_status lb_outcome_write(lobass_experiment *experiment, const lb_plan_of_cells *plan,
                               const lb_setting *setting, lobass_error *error)
{
    lb_buffer line = {0};
    lb_buffer page = {0};
    lb_buffer table = {0};
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(experiment_print(&line, false, experiment, plan, setting, error));
    LB_TRY_GOTO(experiment_print(&page, true, experiment, plan, setting, error));
    LB_TRY_GOTO(lb_buffer_append_text(&page, "\n", error));
    LB_TRY_GOTO(table_print(&table, experiment, error));
    LB_TRY_GOTO(file_write(setting, LB_EXPERIMENT_TABLE, &table, error));
    LB_TRY_GOTO(file_write(setting, LB_EXPERIMENT_FILE, &page, error));
    experiment->json = line.data;
    line = (lb_buffer){0};
done:
    lb_buffer_free(&line);
    lb_buffer_free(&page);
    lb_buffer_free(&table);
    return status;
}

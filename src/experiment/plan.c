/* SPDX-License-Identifier: Apache-2.0
 *
 * Which models an experiment needs: for every seed the arm `full`, and for every size and arm a
 * selection; with equal tokens one more, of as many scored tokens as learnability selects at that
 * size. The order of the work is by seed, so that one whole comparison is there early. The name of
 * a model, ARM-SIZE[-tokens]-sSEED, does not depend on what else is asked for.
 */
#include "experiment/experiment.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct planner
{
    lb_plan_of_cells *plan;
    lb_setting *setting;
    lb_scores *scores; /* of the seed at hand */
    uint64_t seed;
    bool is_first; /* of the seeds */
} planner;

/* ---- groups -----------------------------------------------------------------------------------
 */

static lobass_status group_add(planner *p, const lb_arm *arm, const char *size,
                               lobass_experiment_budget budget, lobass_error *error)
{
    lb_cell_group *group = &p->plan->groups[p->plan->n_groups++];
    *group = (lb_cell_group){.arm = arm, .size = size, .budget = budget};
    group->cells = lb_alloc(p->setting->options->n_seeds, sizeof *group->cells, error);
    return group->cells == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

/* The arms that select, at one size. */
static lobass_status size_add(planner *p, const char *size, lobass_experiment_budget budget,
                              lobass_error *error)
{
    for (size_t i = 0; i < lb_arm_count(); i++)
    {
        if (p->setting->is_wanted[i] && lb_arm_at(i)->budget == LOBASS_BUDGET_ROWS)
        {
            LB_TRY(group_add(p, lb_arm_at(i), size, budget, error));
        }
    }
    return LOBASS_OK;
}

static lobass_status groups_make(planner *p, lobass_error *error)
{
    const lobass_experiment_options *options = p->setting->options;
    const size_t n_arms = lb_arm_count();
    const size_t n_budgets = options->equalizes ? 2 : 1;
    const size_t n_most = n_arms * (1 + options->n_sizes * n_budgets);
    p->plan->groups = lb_alloc(n_most, sizeof *p->plan->groups, error);
    p->plan->cells = lb_alloc(n_most * (size_t)options->n_seeds, sizeof *p->plan->cells, error);
    if (p->plan->groups == NULL || p->plan->cells == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n_arms; i++)
    {
        const lobass_experiment_budget budget = lb_arm_at(i)->budget;
        if (p->setting->is_wanted[i] && budget != LOBASS_BUDGET_ROWS)
        {
            LB_TRY(
                group_add(p, lb_arm_at(i), lobass_experiment_budget_name(budget), budget, error));
        }
    }
    for (size_t i = 0; i < options->n_sizes; i++)
    {
        LB_TRY(size_add(p, options->sizes[i], LOBASS_BUDGET_ROWS, error));
        if (options->equalizes)
        {
            LB_TRY(size_add(p, options->sizes[i], LOBASS_BUDGET_TOKENS, error));
        }
    }
    return LOBASS_OK;
}

/* ---- names ------------------------------------------------------------------------------------
 */

/* Losses have names of [a-z0-9_-]. */
static lobass_status name_make(char name[LB_CELL_NAME_SIZE], const lb_cell_group *group,
                               lobass_error *error)
{
    char size[LB_CELL_NAME_SIZE] = "";
    size_t n = 0;
    for (const char *c = group->size; *c != '\0' && n + 4 < sizeof size; c++)
    {
        if (*c == '%')
        {
            size[n++] = 'p';
            size[n++] = 'c';
            size[n++] = 't';
        }
        else
        {
            const char lower = (char)((unsigned char)*c | 0x20U);
            size[n] = '_';
            if (lb_is_alphanumeric((unsigned char)*c))
            {
                size[n] = lower;
            }
            n++;
        }
    }
    const bool has_size = group->arm->budget == LOBASS_BUDGET_ROWS;
    const int written =
        snprintf(name, LB_CELL_NAME_SIZE, "%s%s%s%s", group->arm->name, has_size ? "-" : "",
                 has_size ? size : "", group->budget == LOBASS_BUDGET_TOKENS ? "-tokens" : "");
    /* A seed of 20 digits comes behind it. */
    return written > 0 && written + 23 < LB_CELL_NAME_SIZE
               ? LOBASS_OK
               : lb_fail(error, LOBASS_BAD_ARGUMENT,
                         "size \"%.40s\": expected a shorter way to write it", group->size);
}

/* ---- selections -------------------------------------------------------------------------------
 */

/* Writes the selected records, or finds those that an earlier call wrote to be the same. */
static lobass_status selection_keep(planner *p, const lb_cell *cell, const lb_selection *selection,
                                    lobass_error *error)
{
    char *path = lb_path_join(p->setting->selected, cell->selected, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lb_stage stage;
    lobass_error cause = {0};
    lb_select_output output = {.path = path};
    /* Comparing what is there is no news. */
    lb_stage_begin(&stage, lb_path_look(path) == LB_PATH_MISSING ? p->setting->observer : NULL,
                   "select", "records", 0, p->scores->n_rows);
    lobass_status status =
        lb_selection_write(&output, selection, p->scores, p->setting->run, &stage, &cause);
    if (status == LOBASS_OK)
    {
        stage.progress.done = p->scores->n_rows;
        status = lb_stage_end(&stage, &cause);
    }
    if (status == LOBASS_CONFLICT && lb_path_look(path) == LB_PATH_FILE)
    {
        status = lb_fail(error, status,
                         "%s; the experiment was begun with another selection: -f makes it anew",
                         cause.message);
    }
    else if (status != LOBASS_OK)
    {
        status = lb_fail(error, status, "%s", cause.message);
    }
    free(path);
    return status;
}

/* The best rows of an arm; SELECTION is yours. */
static lobass_status arm_choose(lb_selection **selection, const planner *p, const lb_arm *arm,
                                lobass_amount amount, lobass_error *error)
{
    lobass_selection_spec spec = lobass_selection_spec_default();
    spec.by = arm->by;
    spec.direction = arm->direction;
    spec.amount = amount;
    const lb_choice choice = {.scores = p->scores, .spec = &spec};
    return lb_selection_choose(selection, &choice, error);
}

/* A budget of as many scored tokens as the best rows by learnability have. */
static lobass_status tokens_find(lobass_amount *amount, const planner *p, lobass_error *error)
{
    lb_selection *best = NULL;
    const lb_arm *learnability = NULL;
    LB_TRY(lb_arm_find(&learnability, LB_ARM_LEARNABILITY, error));
    LB_TRY(arm_choose(&best, p, learnability, *amount, error));
    *amount =
        (lobass_amount){.kind = LOBASS_AMOUNT_TOKENS, .value = (double)best->n_selected_tokens};
    lb_selection_free(best);
    return amount->value > 0 ? LOBASS_OK
                             : lb_fail(error, LOBASS_BAD_ARGUMENT,
                                       "%s: learnability selects no row: there are no tokens that "
                                       "the others could have as many of",
                                       lb_store_path(p->setting->run));
}

static lobass_status cell_select(planner *p, lb_cell *cell, const lb_cell_group *group, size_t size,
                                 lobass_error *error)
{
    lobass_amount amount = p->setting->sizes[size];
    lb_selection *selection = NULL;
    if (group->budget == LOBASS_BUDGET_TOKENS)
    {
        LB_TRY(tokens_find(&amount, p, error));
    }
    LB_TRY(arm_choose(&selection, p, group->arm, amount, error));
    cell->n_rows = selection->n_selected;
    cell->n_tokens = selection->n_selected_tokens;
    if (p->is_first && selection->n_selected < selection->n_wanted)
    {
        lb_observer_log(p->setting->observer, LOBASS_LOG_WARNING,
                        "arm %s, size %s: %" PRIu64 " rows were asked for, all %" PRIu64
                        " selectable ones are taken",
                        group->arm->name, group->size, selection->n_wanted, selection->n_selected);
    }
    const lobass_status status =
        cell->n_rows > 0 ? selection_keep(p, cell, selection, error)
                         : lb_fail(error, LOBASS_BAD_ARGUMENT,
                                   "arm %s, size %s: selects no row; expected a larger size",
                                   group->arm->name, group->size);
    lb_selection_free(selection);
    return status;
}

/* What the reference was trained on. */
static lobass_status cell_take_all(planner *p, lb_cell *cell, lobass_error *error)
{
    const lb_scores *scores = p->scores;
    bool *is_trained = NULL;
    size_t n_nonfinite = 0;
    LB_TRY(lb_trained_rows_find(&is_trained, &n_nonfinite, scores->summaries, scores->n_rows,
                                p->setting->run, error));
    for (size_t i = 0; i < scores->n_rows; i++)
    {
        cell->n_rows += is_trained[i] ? 1 : 0;
        cell->n_tokens += is_trained[i] ? scores->summaries[i].n_scored : 0;
    }
    free(is_trained);
    return LOBASS_OK;
}

/* ---- cells ------------------------------------------------------------------------------------
 */

/* The group by learnability of the same size whose selection this one is. */
static const lb_cell_group *repeated_group(const planner *p, const lb_cell_group *group)
{
    const lb_cell_group *groups = p->plan->groups;
    for (size_t i = 0; i < p->plan->n_groups; i++)
    {
        const bool is_same = groups[i].budget == LOBASS_BUDGET_ROWS &&
                             groups[i].arm == group->arm && groups[i].size == group->size;
        if (is_same && group->budget == LOBASS_BUDGET_TOKENS &&
            strcmp(group->arm->name, LB_ARM_LEARNABILITY) == 0)
        {
            return &groups[i];
        }
    }
    return NULL;
}

static size_t size_of(const planner *p, const lb_cell_group *group)
{
    size_t size = 0;
    while (p->setting->options->sizes[size] != group->size)
    {
        size++;
    }
    return size;
}

static lobass_status cell_fill(planner *p, lb_cell *cell, const lb_cell_group *group,
                               lobass_error *error)
{
    char name[LB_CELL_NAME_SIZE];
    LB_TRY(name_make(name, group, error));
    (void)snprintf(cell->name, sizeof cell->name, "%s", name);
    if (group->budget == LOBASS_BUDGET_NONE)
    {
        return LOBASS_OK;
    }
    (void)snprintf(cell->name, sizeof cell->name, "%.40s-s%" PRIu64, name, p->seed);
    if (group->budget == LOBASS_BUDGET_ALL)
    {
        return cell_take_all(p, cell, error);
    }
    /* Only the draw of random rows depends on the seed. */
    const bool is_drawn = group->arm->by == LOBASS_SCORE_RANDOM;
    (void)snprintf(cell->selected, sizeof cell->selected, "%.63s.jsonl",
                   is_drawn ? cell->name : name);
    if (!is_drawn && !p->is_first)
    {
        cell->n_rows = p->plan->cells[group->cells[0]].n_rows;
        cell->n_tokens = p->plan->cells[group->cells[0]].n_tokens;
        return LOBASS_OK;
    }
    return cell_select(p, cell, group, size_of(p, group), error);
}

static lobass_status seed_plan(planner *p, lobass_error *error)
{
    lb_plan_of_cells *plan = p->plan;
    for (size_t i = 0; i < plan->n_groups; i++)
    {
        lb_cell_group *group = &plan->groups[i];
        const lb_cell_group *same = repeated_group(p, group);
        if (group->budget == LOBASS_BUDGET_NONE && !p->is_first)
        {
            continue; /* the base is there once */
        }
        if (same != NULL)
        {
            group->is_repeated = true;
            group->cells[group->n_cells++] = same->cells[same->n_cells - 1];
            continue;
        }
        lb_cell *cell = &plan->cells[plan->n_cells];
        *cell = (lb_cell){.arm = group->arm, .group = i, .seed = p->seed};
        group->cells[group->n_cells++] = plan->n_cells++;
        cell->matches = lb_alloc(p->setting->options->n_held_out, sizeof *cell->matches, error);
        if (cell->matches == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        LB_TRY(cell_fill(p, cell, group, error));
    }
    return LOBASS_OK;
}

static lobass_status seeds_plan(planner *p, lobass_error *error)
{
    const lb_setting *setting = p->setting;
    for (uint32_t i = 0; i < setting->options->n_seeds; i++)
    {
        p->seed = setting->recipe.seed + i;
        p->is_first = i == 0;
        lb_scores_free(p->scores);
        p->scores = NULL;
        LB_TRY(lb_setting_score(&p->scores, setting, p->seed, error));
        LB_TRY(p->is_first ? groups_make(p, error) : LOBASS_OK);
        LB_TRY(seed_plan(p, error));
    }
    return LOBASS_OK;
}

lobass_status lb_cells_plan(lb_plan_of_cells *plan, lb_setting *setting, lobass_error *error)
{
    planner p = {.plan = plan, .setting = setting};
    const lobass_status status = seeds_plan(&p, error);
    lb_scores_free(p.scores);
    return status;
}

void lb_cells_free(lb_plan_of_cells *plan)
{
    for (size_t i = 0; i < plan->n_groups; i++)
    {
        free(plan->groups[i].cells);
    }
    for (size_t i = 0; i < plan->n_cells; i++)
    {
        free(plan->cells[i].matches);
    }
    free(plan->groups);
    free(plan->cells);
    *plan = (lb_plan_of_cells){0};
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the losses say: a mean and its interval for every group, and the differences of groups with
 * theirs and a paired test. Compared are, of what has the same size and budget, learnability with
 * every other arm, and every arm with `random`; and every selection with `full`.
 */
#include "experiment/experiment.h"
#include "stats/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct weighing
{
    lobass_experiment *experiment;
    const lb_plan_of_cells *plan;
    const lb_loss_table *table;
    double *values; /* [n_resamples][n_groups][n_sources] */
    size_t n_resamples;
    double *scratch; /* [n_resamples or n_rows, the larger] */
} weighing;

/* ---- what there is ----------------------------------------------------------------------------
 */

static lobass_status sources_fill(const weighing *w, lobass_error *error)
{
    lobass_experiment *experiment = w->experiment;
    const lb_loss_table *table = w->table;
    experiment->sources = lb_alloc(table->n_sources, sizeof *experiment->sources, error);
    if (experiment->sources == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    experiment->n_sources = table->n_sources;
    for (size_t i = 0; i < table->n_sources; i++)
    {
        const char *name = i < table->n_files ? table->names[i] : "all";
        lobass_experiment_source *source = &experiment->sources[i];
        source->name = lb_copy_text(name, strlen(name), error);
        source->n_in_run = table->in_run[i];
        if (source->name == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        for (size_t row = 0; row < table->n_rows; row++)
        {
            const bool is_of = i == table->n_files || table->files[row] == i;
            source->n_rows += is_of ? 1 : 0;
            source->n_tokens += is_of ? table->tokens[row] : 0;
        }
    }
    return LOBASS_OK;
}

/* Of each file, and of all of them where there are several. */
static void matches_add(lobass_matches *matches, const lb_cell *cell, const lb_loss_table *table)
{
    const size_t all = table->n_sources - 1;
    for (size_t i = 0; i < table->n_files; i++)
    {
        matches[i] = cell->matches[i];
        if (all == table->n_files)
        {
            matches[all].n_answers += cell->matches[i].n_answers;
            matches[all].n_correct += cell->matches[i].n_correct;
        }
    }
}

static lobass_status cells_fill(const weighing *w, const lb_setting *setting, lobass_error *error)
{
    lobass_experiment *experiment = w->experiment;
    experiment->cells = lb_alloc(w->plan->n_cells, sizeof *experiment->cells, error);
    if (experiment->cells == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    experiment->n_cells = w->plan->n_cells;
    for (size_t i = 0; i < w->plan->n_cells; i++)
    {
        const lb_cell *from = &w->plan->cells[i];
        lobass_experiment_cell *to = &experiment->cells[i];
        to->group = from->group;
        to->seed = from->seed;
        to->n_rows = from->n_rows;
        to->n_tokens = from->n_tokens;
        to->n_steps = from->n_steps;
        to->is_reference = lb_cell_is_reference(from, setting);
        to->name = lb_copy_text(from->name, strlen(from->name), error);
        to->losses = lb_alloc(w->table->n_sources, sizeof *to->losses, error);
        to->matches = lb_alloc(w->table->n_sources, sizeof *to->matches, error);
        if (to->name == NULL || to->losses == NULL || to->matches == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        lb_loss_table_mean(to->losses, w->table, i, NULL);
        matches_add(to->matches, from, w->table);
    }
    return LOBASS_OK;
}

static void group_fill(const weighing *w, size_t index)
{
    const lb_cell_group *group = &w->plan->groups[index];
    const size_t n_sources = w->table->n_sources;
    lobass_experiment_group *to = &w->experiment->groups[index];
    lobass_interval *losses = w->experiment->losses + index * n_sources;
    to->arm = group->arm->name;
    to->size = group->size;
    to->budget = group->budget;
    for (size_t i = 0; i < group->n_cells; i++)
    {
        const lb_cell *cell = &w->plan->cells[group->cells[i]];
        const double *found = w->experiment->cells[group->cells[i]].losses;
        to->n_rows += (double)cell->n_rows / (double)group->n_cells;
        to->n_tokens += (double)cell->n_tokens / (double)group->n_cells;
        to->n_steps += (double)cell->n_steps / (double)group->n_cells;
        if (w->table->is_finite[group->cells[i]])
        {
            to->n_seeds++;
            for (size_t s = 0; s < n_sources; s++)
            {
                losses[s].value += found[s];
            }
        }
    }
    for (size_t s = 0; s < n_sources; s++)
    {
        losses[s].value = to->n_seeds > 0 ? losses[s].value / to->n_seeds : NAN;
    }
}

/* ---- intervals --------------------------------------------------------------------------------
 */

/* Of group FIRST, or of its difference from SECOND; SIZE_MAX: of none. */
static void interval_fill(lobass_interval *interval, const weighing *w, size_t first, size_t second,
                          size_t source)
{
    const size_t n_sources = w->table->n_sources;
    const size_t stride = w->plan->n_groups * n_sources;
    size_t n = 0;
    for (size_t i = 0; i < w->n_resamples; i++)
    {
        const double *values = w->values + i * stride;
        const double other = second == SIZE_MAX ? 0 : values[second * n_sources + source];
        const double value = values[first * n_sources + source] - other;
        if (isfinite(value))
        {
            w->scratch[n++] = value;
        }
    }
    lb_interval_compute(&interval->low, &interval->high, w->scratch, n);
}

/* The mean share over the seeds, and how sure one is of such a share in the answers of one model.
 */
static void accuracy_fill(lobass_interval *accuracy, const weighing *w, size_t group, size_t source)
{
    const lb_cell_group *of = &w->plan->groups[group];
    double n_answers = 0;
    double n_correct = 0;
    for (size_t i = 0; i < of->n_cells; i++)
    {
        const lobass_matches *matches = w->experiment->cells[of->cells[i]].matches;
        n_answers += (double)matches[source].n_answers / (double)of->n_cells;
        n_correct += (double)matches[source].n_correct / (double)of->n_cells;
    }
    *accuracy = (lobass_interval){NAN, NAN, NAN};
    if (n_answers > 0)
    {
        accuracy->value = n_correct / n_answers;
        lb_wilson_interval(&accuracy->low, &accuracy->high, n_correct, n_answers);
    }
}

static lobass_status groups_fill(const weighing *w, lobass_error *error)
{
    lobass_experiment *experiment = w->experiment;
    const size_t n_groups = w->plan->n_groups;
    const size_t n_sources = w->table->n_sources;
    experiment->groups = lb_alloc(n_groups, sizeof *experiment->groups, error);
    experiment->losses = lb_alloc(n_groups * n_sources, sizeof *experiment->losses, error);
    experiment->accuracies = lb_alloc(n_groups * n_sources, sizeof *experiment->accuracies, error);
    if (experiment->groups == NULL || experiment->losses == NULL || experiment->accuracies == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    experiment->n_groups = n_groups;
    for (size_t i = 0; i < n_groups; i++)
    {
        group_fill(w, i);
        for (size_t s = 0; s < n_sources; s++)
        {
            interval_fill(&experiment->losses[i * n_sources + s], w, i, SIZE_MAX, s);
            accuracy_fill(&experiment->accuracies[i * n_sources + s], w, i, s);
        }
    }
    return LOBASS_OK;
}

/* ---- comparisons ------------------------------------------------------------------------------
 */

/* The mean loss of a row over the finite models of a group, nats per token. */
static double row_loss(const weighing *w, const lb_cell_group *group, size_t row)
{
    double sum = 0;
    size_t n_finite = 0;
    for (size_t i = 0; i < group->n_cells; i++)
    {
        if (w->table->is_finite[group->cells[i]])
        {
            sum += w->table->sums[group->cells[i] * w->table->n_rows + row];
            n_finite++;
        }
    }
    return sum / (double)n_finite / w->table->tokens[row];
}

static lobass_status comparison_fill(lobass_experiment_comparison *to, const weighing *w,
                                     lobass_error *error)
{
    const lb_loss_table *table = w->table;
    const lobass_interval *losses = w->experiment->losses;
    size_t n = 0;
    size_t n_used = 0;
    to->difference.value = losses[to->first * table->n_sources + to->source].value -
                           losses[to->second * table->n_sources + to->source].value;
    interval_fill(&to->difference, w, to->first, to->second, to->source);
    for (size_t row = 0; row < table->n_rows; row++)
    {
        if (to->source == table->n_files || table->files[row] == to->source)
        {
            w->scratch[n++] = row_loss(w, &w->plan->groups[to->first], row) -
                              row_loss(w, &w->plan->groups[to->second], row);
        }
    }
    LB_TRY(lb_signed_rank_test(&to->p, &n_used, w->scratch, n, error));
    to->n_rows = n_used;
    to->median = lb_reals_median(w->scratch, n);
    return LOBASS_OK;
}

static bool has_budget(const lb_cell_group *group, lobass_experiment_budget budget)
{
    return group->budget == budget;
}

/* Whether FIRST and SECOND are compared, in this order. */
static bool is_compared(const weighing *w, size_t first, size_t second)
{
    const lb_cell_group *a = &w->plan->groups[first];
    const lb_cell_group *b = &w->plan->groups[second];
    const bool selects = a->arm->budget == LOBASS_BUDGET_ROWS;
    if (first == second || !selects || w->experiment->groups[first].n_seeds == 0 ||
        w->experiment->groups[second].n_seeds == 0)
    {
        return false;
    }
    if (has_budget(b, LOBASS_BUDGET_ALL))
    {
        return !a->is_repeated;
    }
    if (a->size != b->size || a->budget != b->budget)
    {
        return false;
    }
    const bool is_learnability = strcmp(a->arm->name, LB_ARM_LEARNABILITY) == 0;
    const bool is_other = strcmp(b->arm->name, LB_ARM_LEARNABILITY) != 0;
    return is_learnability || (is_other && strcmp(b->arm->name, "random") == 0);
}

/* All comparisons on one source are looked at together. */
static lobass_status source_adjust(lobass_experiment_comparison *comparisons, size_t n,
                                   lobass_error *error)
{
    double *p = lb_alloc(2 * n, sizeof *p, error);
    if (p == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n; i++)
    {
        p[i] = comparisons[i].p;
    }
    lb_holm_adjust(p + n, p, n);
    for (size_t i = 0; i < n; i++)
    {
        comparisons[i].p_holm = p[n + i];
    }
    free(p);
    return LOBASS_OK;
}

static lobass_status comparisons_fill(const weighing *w, lobass_error *error)
{
    lobass_experiment *experiment = w->experiment;
    const size_t n_groups = w->plan->n_groups;
    experiment->comparisons =
        lb_alloc(n_groups * n_groups * w->table->n_sources, sizeof *experiment->comparisons, error);
    if (experiment->comparisons == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t source = 0; source < w->table->n_sources; source++)
    {
        const size_t begin = experiment->n_comparisons;
        const bool has_rows = experiment->sources[source].n_rows > 0;
        for (size_t pair = 0; has_rows && pair < n_groups * n_groups; pair++)
        {
            if (is_compared(w, pair / n_groups, pair % n_groups))
            {
                lobass_experiment_comparison *to =
                    &experiment->comparisons[experiment->n_comparisons++];
                to->first = pair / n_groups;
                to->second = pair % n_groups;
                to->source = source;
                LB_TRY(comparison_fill(to, w, error));
            }
        }
        LB_TRY(source_adjust(experiment->comparisons + begin, experiment->n_comparisons - begin,
                             error));
    }
    return LOBASS_OK;
}

lobass_status lb_outcome_make(lobass_experiment *experiment, const lb_plan_of_cells *plan,
                              const lb_loss_table *table, const lb_setting *setting,
                              lobass_error *error)
{
    const lobass_experiment_options *options = setting->options;
    weighing w = {.experiment = experiment,
                  .plan = plan,
                  .table = table,
                  .n_resamples = options->n_resamples};
    lobass_status status = LOBASS_OK;
    const size_t n_scratch = w.n_resamples > table->n_rows ? w.n_resamples : table->n_rows;
    w.scratch = lb_alloc(n_scratch, sizeof *w.scratch, error);
    if (w.scratch == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY_GOTO(
        lb_bootstrap_run(&w.values, table, plan, options->n_resamples, options->n_threads, error));
    LB_TRY_GOTO(sources_fill(&w, error));
    LB_TRY_GOTO(cells_fill(&w, setting, error));
    LB_TRY_GOTO(groups_fill(&w, error));
    status = comparisons_fill(&w, error);
done:
    free(w.values);
    free(w.scratch);
    return status;
}

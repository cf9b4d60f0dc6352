/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_experiment_run: plan -> a model after the other -> losses -> what they say -> files.
 */
#include "experiment/experiment.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *const default_sizes[] = {"6%"};

lobass_experiment_options lobass_experiment_options_default(void)
{
    const lobass_experiment_options options = {
        .sizes = default_sizes, .n_sizes = 1, .n_seeds = 3, .n_resamples = 10000};
    return options;
}

static lobass_status cells_run(lobass_experiment *experiment, const lb_plan_of_cells *plan,
                               const lb_setting *setting, lobass_error *error)
{
    for (size_t i = 0; i < plan->n_cells; i++)
    {
        bool is_trained = false;
        LB_TRY(lb_cell_run(&plan->cells[i], &is_trained, setting, error));
        if (is_trained)
        {
            lb_observer_log(setting->observer, LOBASS_LOG_NOTE, "%zu of %zu models are done", i + 1,
                            plan->n_cells);
        }
        experiment->n_trained += is_trained ? 1 : 0;
    }
    return LOBASS_OK;
}

/* Records that have no answer are not asked. */
static void answers_look(const lb_plan_of_cells *plan, const lb_setting *setting)
{
    uint64_t n_answers = 0;
    for (size_t i = 0; i < setting->options->n_held_out; i++)
    {
        n_answers += plan->cells[0].matches[i].n_answers;
    }
    if (setting->options->matches && n_answers == 0)
    {
        lb_observer_log(setting->observer, LOBASS_LOG_WARNING,
                        "no held-out record has an answer behind ####: there are no exact matches");
    }
}

static lobass_status experiment_make(lobass_experiment *experiment, lb_setting *setting,
                                     lobass_error *error)
{
    lb_plan_of_cells plan = {0};
    lb_loss_table table = {0};
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_cells_plan(&plan, setting, error));
    LB_TRY_GOTO(cells_run(experiment, &plan, setting, error));
    answers_look(&plan, setting);
    LB_TRY_GOTO(lb_loss_table_load(&table, &plan, setting, error));
    LB_TRY_GOTO(lb_outcome_make(experiment, &plan, &table, setting, error));
    status = lb_outcome_write(experiment, &plan, setting, error);
done:
    lb_loss_table_free(&table);
    lb_cells_free(&plan);
    return status;
}

lobass_status lobass_experiment_run(lobass_experiment **experiment,
                                    const lobass_experiment_options *options,
                                    const lobass_observer *observer, lobass_error *error)
{
    const double began_seconds = lb_clock_seconds();
    lb_setting setting = {0};
    lobass_status status = LOBASS_OK;
    *experiment = NULL;
    lobass_experiment *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY_GOTO(lb_setting_open(&setting, options, observer, error));
    LB_TRY_GOTO(experiment_make(made, &setting, error));
    made->elapsed_seconds = lb_clock_seconds() - began_seconds;
    *experiment = made;
    made = NULL;
done:
    lb_setting_close(&setting);
    lobass_experiment_free(made);
    return status;
}

void lobass_experiment_free(lobass_experiment *experiment)
{
    if (experiment == NULL)
    {
        return;
    }
    for (size_t i = 0; i < experiment->n_sources; i++)
    {
        free(experiment->sources[i].name);
    }
    for (size_t i = 0; i < experiment->n_cells; i++)
    {
        free(experiment->cells[i].name);
        free(experiment->cells[i].losses);
        free(experiment->cells[i].matches);
    }
    free(experiment->sources);
    free(experiment->groups);
    free(experiment->losses);
    free(experiment->accuracies);
    free(experiment->cells);
    free(experiment->comparisons);
    free(experiment->json);
    free(experiment);
}

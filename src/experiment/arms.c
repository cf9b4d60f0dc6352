/* SPDX-License-Identifier: Apache-2.0
 *
 * The arms: what a model may be fine-tuned on, a row each, and which of them are wanted.
 */
#include "experiment/experiment.h"

#include <stdlib.h>
#include <string.h>

static const lb_arm arms[] = {
    {"base", LOBASS_BUDGET_NONE, 0, LOBASS_DIRECTION_DEFAULT},
    {"full", LOBASS_BUDGET_ALL, 0, LOBASS_DIRECTION_DEFAULT},
    {LB_ARM_LEARNABILITY, LOBASS_BUDGET_ROWS, LOBASS_SCORE_LEARNABILITY, LOBASS_DIRECTION_HIGHEST},
    {"learnability-lowest", LOBASS_BUDGET_ROWS, LOBASS_SCORE_LEARNABILITY, LOBASS_DIRECTION_LOWEST},
    {"random", LOBASS_BUDGET_ROWS, LOBASS_SCORE_RANDOM, LOBASS_DIRECTION_HIGHEST},
    {"longest", LOBASS_BUDGET_ROWS, LOBASS_SCORE_LENGTH, LOBASS_DIRECTION_HIGHEST},
    {"rho_sum", LOBASS_BUDGET_ROWS, LOBASS_SCORE_RHO_SUM, LOBASS_DIRECTION_HIGHEST},
    {"rho_mean", LOBASS_BUDGET_ROWS, LOBASS_SCORE_RHO_MEAN, LOBASS_DIRECTION_HIGHEST},
    {"ifd_loss", LOBASS_BUDGET_ROWS, LOBASS_SCORE_IFD_LOSS, LOBASS_DIRECTION_HIGHEST},
    {"ifd_ppl", LOBASS_BUDGET_ROWS, LOBASS_SCORE_IFD_PPL, LOBASS_DIRECTION_HIGHEST},
    {"el2n", LOBASS_BUDGET_ROWS, LOBASS_SCORE_EL2N, LOBASS_DIRECTION_HIGHEST},
    {"ppl-low", LOBASS_BUDGET_ROWS, LOBASS_SCORE_PPL, LOBASS_DIRECTION_LOWEST},
    {"ppl-middle", LOBASS_BUDGET_ROWS, LOBASS_SCORE_PPL, LOBASS_DIRECTION_MIDDLE},
    {"ppl-high", LOBASS_BUDGET_ROWS, LOBASS_SCORE_PPL, LOBASS_DIRECTION_HIGHEST},
};

#define N_ARMS (sizeof arms / sizeof arms[0])

const lb_arm *lb_arm_at(size_t index)
{
    return index < N_ARMS ? &arms[index] : NULL;
}

size_t lb_arm_count(void)
{
    return N_ARMS;
}

const char *lobass_experiment_arm_name(size_t index)
{
    return index < N_ARMS ? arms[index].name : NULL;
}

const char *lobass_experiment_budget_name(lobass_experiment_budget budget)
{
    static const char *const names[] = {[LOBASS_BUDGET_NONE] = "none",
                                        [LOBASS_BUDGET_ALL] = "all",
                                        [LOBASS_BUDGET_ROWS] = "rows",
                                        [LOBASS_BUDGET_TOKENS] = "tokens"};
    return (size_t)budget < sizeof names / sizeof names[0] ? names[budget] : NULL;
}

lobass_status lb_arm_find(const lb_arm **arm, const char *name, lobass_error *error)
{
    char known[512] = "";
    for (size_t i = 0; i < N_ARMS; i++)
    {
        if (strcmp(arms[i].name, name) == 0)
        {
            *arm = &arms[i];
            return LOBASS_OK;
        }
        const size_t size = strlen(known);
        (void)snprintf(known + size, sizeof known - size, "%s%s", i == 0 ? "" : ", ", arms[i].name);
    }
    return lb_fail(error, LOBASS_BAD_ARGUMENT, "arm \"%.60s\": expected one of %s", name, known);
}

/* ---- those that are wanted --------------------------------------------------------------------
 */

/* Losses that a score needs may not be there: an arm that was not named is then left out. Not so
 * learnability, which is what the others are compared with. */
static lobass_status arm_check(lb_setting *setting, const lb_scores *scores, const lb_arm *arm,
                               bool *is_wanted, lobass_error *error)
{
    lobass_error missing;
    const bool may_be_left_out =
        setting->options->n_arms == 0 && strcmp(arm->name, LB_ARM_LEARNABILITY) != 0;
    const lobass_status status = lb_losses_check(setting->run, scores, arm->by, NULL, &missing);
    if (status == LOBASS_NOT_FOUND && may_be_left_out)
    {
        *is_wanted = false;
        lb_observer_log(setting->observer, LOBASS_LOG_NOTE, "arm %s is left out: %s", arm->name,
                        missing.message);
        return LOBASS_OK;
    }
    return status == LOBASS_OK ? status : lb_fail(error, status, "%s", missing.message);
}

static bool is_asked_for(const lb_arm *arm, const lobass_experiment_options *options)
{
    bool is_named = options->n_arms == 0 || arm->budget == LOBASS_BUDGET_NONE;
    for (size_t i = 0; i < options->n_arms; i++)
    {
        is_named = is_named || strcmp(arm->name, options->arms[i]) == 0;
    }
    return is_named;
}

lobass_status lb_setting_choose_arms(lb_setting *setting, lobass_error *error)
{
    const lobass_experiment_options *options = setting->options;
    lb_scores *scores = NULL;
    lobass_status status = LOBASS_OK;
    setting->is_wanted = lb_alloc(N_ARMS, sizeof *setting->is_wanted, error);
    if (setting->is_wanted == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY(lb_setting_score(&scores, setting, 0, error));
    for (size_t i = 0; i < N_ARMS; i++)
    {
        /* The selection by learnability is also what equal tokens are counted by. */
        const bool is_measure =
            options->equalizes && strcmp(arms[i].name, LB_ARM_LEARNABILITY) == 0;
        bool *is_wanted = &setting->is_wanted[i];
        *is_wanted = is_asked_for(&arms[i], options);
        if ((*is_wanted || is_measure) && arms[i].budget == LOBASS_BUDGET_ROWS)
        {
            LB_TRY_GOTO(arm_check(setting, scores, &arms[i], is_wanted, error));
        }
    }
done:
    lb_scores_free(scores);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The arms: what a model may be fine-tuned on, a row each.
 */
#include "experiment/experiment.h"

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

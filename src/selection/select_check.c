/* SPDX-License-Identifier: Apache-2.0
 *
 * What must be there before rows are ranked by a score: a run that was prepared to its end, and the
 * losses that the score and the zones are made of, all of them and of models that were measured
 * alike.
 */
#include "selection/selection.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

lobass_status lb_score_rules_check(const lb_score_rules *rules, lobass_error *error)
{
    const bool has_maximum = rules->max_reference != (double)INFINITY;
    const struct
    {
        const char *name;
        double loss;
    } checked[] = {{"floor", rules->floor},
                   {"min initial", rules->min_initial},
                   {"max reference", has_maximum ? rules->max_reference : 0}};
    for (size_t i = 0; i < sizeof checked / sizeof *checked; i++)
    {
        if (!(checked[i].loss >= 0 && isfinite(checked[i].loss)))
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT, "%s %g: expected a loss of 0 or more nats",
                           checked[i].name, checked[i].loss);
        }
    }
    return LOBASS_OK;
}

lobass_status lb_prepared_check(lb_store *store, lobass_error *error)
{
    char *tokenization = NULL;
    LB_TRY(lb_store_fact_load(&tokenization, store, LB_FACT_TOKENIZATION, error));
    if (tokenization == NULL)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "%s: not prepared to its end; run the same `prepare` again",
                       lb_store_path(store));
    }
    free(tokenization);
    return LOBASS_OK;
}

/* What is checked, and for what. */
typedef struct losses_wanted
{
    lb_store *store;
    const lb_scores *scores;
    const char *path;
    char what[48]; /* needs them */
} losses_wanted;

/* *MEASUREMENT is the caller's to clear in any case. */
static lobass_status check_measured(const losses_wanted *wanted, const char *name,
                                    lb_measurement *measurement, lobass_error *error)
{
    const size_t n_rows = wanted->scores->n_rows;
    lb_loss_totals totals;
    uint64_t n_due = 0;
    bool is_there = false;
    LB_TRY(lb_store_measurement_find(measurement, &is_there, wanted->store, name, error));
    if (!is_there)
    {
        return lb_fail(error, LOBASS_NOT_FOUND,
                       "%s: %s needs losses under \"%s\", and there are none; expected "
                       "`lobass measure %s MODEL --as %s` before",
                       wanted->path, wanted->what, name, wanted->path, name);
    }
    for (size_t i = 0; i < n_rows; i++)
    {
        n_due += wanted->scores->summaries[i].n_scored > 0 ? 1 : 0;
    }
    LB_TRY(lb_store_totals_load(&totals, wanted->store, measurement->id, error));
    if (totals.n_rows < n_due)
    {
        return lb_fail(error, LOBASS_NOT_FOUND,
                       "%s: %s needs losses under \"%s\", and %" PRIu64 " of %" PRIu64
                       " rows have them; run the same `measure` again",
                       wanted->path, wanted->what, name, totals.n_rows, n_due);
    }
    return LOBASS_OK;
}

/* An earlier lobass stored losses alone. */
static lobass_status check_el2n(const losses_wanted *wanted, lobass_error *error)
{
    uint64_t n_measured = 0;
    uint64_t n_with = 0;
    for (size_t i = 0; i < wanted->scores->n_rows; i++)
    {
        const lb_row_scores *row = &wanted->scores->rows[i];
        n_measured += row->has_initial ? 1 : 0;
        n_with += row->has_initial && row->has[LOBASS_SCORE_EL2N] ? 1 : 0;
    }
    if (n_with < n_measured)
    {
        return lb_fail(error, LOBASS_NOT_FOUND,
                       "%s: %s needs what an earlier lobass did not store with the losses under "
                       "\"initial\", and %" PRIu64 " of %" PRIu64
                       " rows have it; measure \"initial\" again (-f)",
                       wanted->path, wanted->what, n_with, n_measured);
    }
    return LOBASS_OK;
}

/* A drop from one way of computing to another would be that of the rounding. */
static lobass_status check_alike(const losses_wanted *wanted, const lb_measurement *initial,
                                 const lb_measurement *other, const lobass_observer *observer,
                                 lobass_error *error)
{
    if (strcmp(initial->dtype, other->dtype) != 0)
    {
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s: %s compares \"initial\", measured in %s, with "
                       "\"%s\", measured in %s; expected one --dtype: measure one of them "
                       "again (-f)",
                       wanted->path, wanted->what, initial->dtype, other->name, other->dtype);
    }
    if (strcmp(initial->arithmetic, other->arithmetic) != 0)
    {
        lb_observer_log(observer, LOBASS_LOG_WARNING,
                        "%s: \"initial\" was measured with the backend %s, \"%s\" with %s, "
                        "which round in other ways",
                        wanted->path, initial->arithmetic, other->name, other->arithmetic);
    }
    return LOBASS_OK;
}

/* With the prompt and without it, the model must be one. */
static lobass_status check_same_model(const losses_wanted *wanted, const lb_measurement *initial,
                                      const lb_measurement *other, lobass_error *error)
{
    if (strcmp(initial->fingerprint, other->fingerprint) != 0)
    {
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s: %s compares \"initial\", measured under %s (fingerprint %s), with "
                       "\"%s\", measured under %s (fingerprint %s); expected one model: measure "
                       "one of them again (-f)",
                       wanted->path, wanted->what, initial->path, initial->fingerprint, other->name,
                       other->path, other->fingerprint);
    }
    return LOBASS_OK;
}

/* The zones look at losses too, whatever the score is. */
static lobass_status check_zones(losses_wanted *wanted, lobass_error *error)
{
    const lb_score_rules *rules = &wanted->scores->rules;
    lb_measurement model = {0};
    lobass_status status = LOBASS_OK;
    if (rules->min_initial > 0)
    {
        (void)snprintf(wanted->what, sizeof wanted->what, "min initial");
        status = check_measured(wanted, "initial", &model, error);
        lb_store_measurement_clear(&model);
    }
    if (status == LOBASS_OK && isfinite(rules->max_reference))
    {
        (void)snprintf(wanted->what, sizeof wanted->what, "max reference");
        status = check_measured(wanted, "reference", &model, error);
        lb_store_measurement_clear(&model);
    }
    return status;
}

lobass_status lb_losses_check(lb_store *store, const lb_scores *scores, lobass_score by,
                              const lobass_observer *observer, lobass_error *error)
{
    static const bool needs_initial[LOBASS_SCORE_COUNT] = {
        [LOBASS_SCORE_LEARNABILITY] = true, [LOBASS_SCORE_RHO_SUM] = true,
        [LOBASS_SCORE_RHO_MEAN] = true,     [LOBASS_SCORE_LOSS] = true,
        [LOBASS_SCORE_PPL] = true,          [LOBASS_SCORE_IFD_LOSS] = true,
        [LOBASS_SCORE_IFD_PPL] = true,      [LOBASS_SCORE_EL2N] = true,
    };
    static const bool needs_reference[LOBASS_SCORE_COUNT] = {
        [LOBASS_SCORE_LEARNABILITY] = true,
        [LOBASS_SCORE_RHO_SUM] = true,
        [LOBASS_SCORE_RHO_MEAN] = true,
    };
    const bool needs_unconditional = by == LOBASS_SCORE_IFD_LOSS || by == LOBASS_SCORE_IFD_PPL;
    losses_wanted wanted = {.store = store, .scores = scores, .path = lb_store_path(store)};
    lb_measurement initial = {0};
    lb_measurement other = {0};
    lobass_status status = LOBASS_OK;
    (void)snprintf(wanted.what, sizeof wanted.what, "the score \"%s\"",
                   lobass_score_describe(by)->name);
    if (needs_initial[by])
    {
        LB_TRY_GOTO(check_measured(&wanted, "initial", &initial, error));
    }
    if (by == LOBASS_SCORE_EL2N)
    {
        LB_TRY_GOTO(check_el2n(&wanted, error));
    }
    if (needs_reference[by])
    {
        LB_TRY_GOTO(check_measured(&wanted, "reference", &other, error));
        LB_TRY_GOTO(check_alike(&wanted, &initial, &other, observer, error));
    }
    if (needs_unconditional)
    {
        LB_TRY_GOTO(check_measured(&wanted, LB_UNCONDITIONAL, &other, error));
        LB_TRY_GOTO(check_same_model(&wanted, &initial, &other, error));
        LB_TRY_GOTO(check_alike(&wanted, &initial, &other, observer, error));
    }
    status = check_zones(&wanted, error);
done:
    lb_store_measurement_clear(&other);
    lb_store_measurement_clear(&initial);
    return status;
}

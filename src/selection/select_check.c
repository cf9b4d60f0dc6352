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

static lobass_status check_measured(const losses_wanted *wanted, lb_score_model model,
                                    lobass_error *error)
{
    const char *name = lb_score_model_names[model];
    const int64_t id = wanted->scores->measurements[model].id;
    lb_loss_totals totals;
    uint64_t n_due = 0;
    if (id == 0)
    {
        return lb_fail(error, LOBASS_NOT_FOUND,
                       "%s: %s needs losses under \"%s\", and there are none; expected "
                       "`lobass measure %s MODEL --as %s` before",
                       wanted->path, wanted->what, name, wanted->path, name);
    }
    for (size_t i = 0; i < wanted->scores->n_rows; i++)
    {
        n_due += wanted->scores->summaries[i].n_scored > 0 ? 1 : 0;
    }
    LB_TRY(lb_store_totals_load(&totals, wanted->store, id, error));
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
        const lobass_row_scores *row = &wanted->scores->rows[i];
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

/* With the prompt and without it, the model must be one. A drop from one way of computing to
 * another would be that of the rounding. */
static lobass_status check_alike(const losses_wanted *wanted, lb_score_model model,
                                 const lobass_observer *observer, lobass_error *error)
{
    const lb_measurement *initial = &wanted->scores->measurements[LB_OF_INITIAL];
    const lb_measurement *other = &wanted->scores->measurements[model];
    if (model == LB_OF_UNCONDITIONAL && strcmp(initial->fingerprint, other->fingerprint) != 0)
    {
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s: %s compares \"initial\", measured under %s (fingerprint %s), with "
                       "\"%s\", measured under %s (fingerprint %s); expected one model: measure "
                       "one of them again (-f)",
                       wanted->path, wanted->what, initial->path, initial->fingerprint, other->name,
                       other->path, other->fingerprint);
    }
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

/* The zones look at losses too, whatever the score is. */
static lobass_status check_zones(losses_wanted *wanted, lobass_error *error)
{
    const lb_score_rules *rules = &wanted->scores->rules;
    if (rules->min_initial > 0)
    {
        (void)snprintf(wanted->what, sizeof wanted->what, "min initial");
        LB_TRY(check_measured(wanted, LB_OF_INITIAL, error));
    }
    if (isfinite(rules->max_reference))
    {
        (void)snprintf(wanted->what, sizeof wanted->what, "max reference");
        LB_TRY(check_measured(wanted, LB_OF_REFERENCE, error));
    }
    return LOBASS_OK;
}

lobass_status lb_losses_check(lb_store *store, const lb_scores *scores, lobass_score by,
                              const lobass_observer *observer, lobass_error *error)
{
    const lb_score *score = lb_score_at(by);
    losses_wanted wanted = {.store = store, .scores = scores, .path = lb_store_path(store)};
    (void)snprintf(wanted.what, sizeof wanted.what, "the score \"%s\"", score->info.name);
    for (int model = 0; model < LB_N_SCORE_MODELS; model++)
    {
        if ((score->needs & LB_NEEDS(model)) != 0)
        {
            LB_TRY(check_measured(&wanted, (lb_score_model)model, error));
            LB_TRY(check_alike(&wanted, (lb_score_model)model, observer, error));
        }
    }
    LB_TRY((score->needs & LB_NEEDS_EL2N) != 0 ? check_el2n(&wanted, error) : LOBASS_OK);
    return check_zones(&wanted, error);
}

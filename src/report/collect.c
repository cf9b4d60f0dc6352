/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads what the page tells from the run's database, all of it from one moment: sources, models,
 * scores, and the choice: the latest selection as it was recorded, or where there was none what the
 * defaults would take.
 */
#include "report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const lb_measurement *lb_report_model_find(const lb_report *report, const char *name)
{
    for (size_t i = 0; i < report->n_models; i++)
    {
        if (strcmp(report->models[i].name, name) == 0)
        {
            return &report->models[i];
        }
    }
    return NULL;
}

/* ---- the recorded selection -------------------------------------------------------------------
 */

static void score_recall(lb_report_choice *choice, const char *score, const char *direction)
{
    (void)lb_score_find(&choice->by, score);
    for (int d = LOBASS_DIRECTION_HIGHEST; d <= LOBASS_DIRECTION_MIDDLE; d++)
    {
        if (strcmp(lobass_direction_name((lobass_direction)d), direction) == 0)
        {
            choice->direction = (lobass_direction)d;
        }
    }
}

static lobass_status spec_recall(lb_report *report, lobass_error *error)
{
    const lobass_selection_spec defaults = lobass_selection_spec_default();
    lb_report_choice *choice = &report->choice;
    json_t *object = NULL;
    const char *score = NULL;
    const char *direction = NULL;
    lobass_status status = LOBASS_OK;
    choice->by = defaults.by;
    choice->direction = LOBASS_DIRECTION_HIGHEST;
    LB_TRY(lb_selection_recall(&report->rules, &choice->is_recorded, report->store, error));
    LB_TRY(lb_store_fact_load(&report->selection_json, report->store, LB_FACT_SELECTION, error));
    if (report->selection_json == NULL)
    {
        return LOBASS_OK;
    }
    const char *where = lb_store_path(report->store);
    LB_TRY_GOTO(lb_json_parse(&object, report->selection_json, strlen(report->selection_json),
                              where, error));
    LB_TRY_GOTO(lb_json_text(object, where, "score", false, &score, error));
    LB_TRY_GOTO(lb_json_text(object, where, "direction", false, &direction, error));
    score_recall(choice, score, direction);
done:
    json_decref(object);
    return status;
}

/* ---- the choice -------------------------------------------------------------------------------
 */

/* Ranks back into an order. */
static lobass_status order_make(lb_report *report, lobass_error *error)
{
    lb_report_choice *choice = &report->choice;
    const size_t n_rows = report->scores->n_rows;
    uint64_t highest = 0;
    for (size_t i = 0; i < n_rows; i++)
    {
        choice->n_ranked += choice->ranks[i] > 0 ? 1 : 0;
        highest = choice->ranks[i] > highest ? choice->ranks[i] : highest;
    }
    if (highest != choice->n_ranked)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: the selection ranks %zu rows up to %llu; expected every rank once",
                       lb_store_path(report->store), choice->n_ranked, (unsigned long long)highest);
    }
    choice->order = lb_alloc(choice->n_ranked, sizeof *choice->order, error);
    if (choice->order == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n_rows; i++)
    {
        if (choice->ranks[i] > 0)
        {
            choice->order[choice->ranks[i] - 1] = i;
        }
    }
    return LOBASS_OK;
}

static void choice_count(lb_report *report)
{
    lb_report_choice *choice = &report->choice;
    choice->cut = NAN;
    choice->is_best = true;
    for (size_t i = 0; i < choice->n_ranked; i++)
    {
        const uint64_t row = choice->order[i];
        const lobass_row_scores *scores = &report->scores->rows[row];
        if (choice->is_selected[row])
        {
            choice->is_best = choice->is_best && choice->n_selected == i;
            choice->n_selected++;
            choice->n_selected_tokens += report->scores->summaries[row].n_scored;
            choice->cut = scores->has[choice->by] ? scores->value[choice->by] : NAN;
        }
    }
}

/* What the defaults would take; nothing where no row has the score. */
static lobass_status choice_assume(lb_report *report, lobass_error *error)
{
    lobass_selection_spec spec = lobass_selection_spec_default();
    lb_report_choice *choice = &report->choice;
    lb_selection *selection = NULL;
    spec.by = choice->by;
    spec.direction = choice->direction;
    const lb_choice wanted = {.scores = report->scores, .spec = &spec};
    LB_TRY(lb_selection_choose(&selection, &wanted, error));
    if (selection->n_ranked > 0)
    {
        choice->ranks = selection->ranks;
        choice->is_selected = selection->is_selected;
        selection->ranks = NULL;
        selection->is_selected = NULL;
    }
    lb_selection_free(selection);
    return LOBASS_OK;
}

static lobass_status choice_load(lb_report *report, lobass_error *error)
{
    lb_report_choice *choice = &report->choice;
    if (choice->is_recorded)
    {
        LB_TRY(lb_store_selection_load(&choice->ranks, &choice->is_selected, report->scores->n_rows,
                                       report->store, error));
    }
    else
    {
        LB_TRY(choice_assume(report, error));
    }
    if (choice->is_selected == NULL)
    {
        choice->cut = NAN;
        return LOBASS_OK;
    }
    LB_TRY(order_make(report, error));
    choice_count(report);
    return LOBASS_OK;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

lobass_status lb_report_collect(lb_report *report, const char *run, lobass_error *error)
{
    LB_TRY(lb_store_open(&report->store, run, LB_STORE_READ, error));
    /* Until the end everything is from one moment: others may measure or select meanwhile. */
    LB_TRY(lb_store_begin(report->store, error));
    LB_TRY(lb_prepared_check(report->store, error));
    LB_TRY(lb_store_sources_load(&report->sources, &report->n_sources, report->store, error));
    LB_TRY(lb_store_measurements_load(&report->models, &report->n_models, report->store, error));
    LB_TRY(spec_recall(report, error));
    LB_TRY(lb_scores_compute(&report->scores, report->store, &report->rules, error));
    return choice_load(report, error);
}

void lb_report_clear(lb_report *report)
{
    free(report->choice.is_selected);
    free(report->choice.ranks);
    free(report->choice.order);
    free(report->selection_json);
    lb_scores_free(report->scores);
    lb_store_measurements_free(report->models, report->n_models);
    lb_store_sources_free(report->sources, report->n_sources);
    lb_store_close(report->store);
    *report = (lb_report){0};
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps' seconds and rows' counts, see facts.h. A step's clock is saved with every transaction of
 * the step, so that a killed process loses only the seconds since its last one.
 */
#include "run/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static lobass_status seconds_load(double *seconds, lb_store *store, const char *fact,
                                  lobass_error *error)
{
    char *text = NULL;
    LB_TRY(lb_store_fact_load(&text, store, fact, error));
    *seconds = text != NULL ? strtod(text, NULL) : 0;
    free(text);
    return LOBASS_OK;
}

lobass_status lb_step_seconds_load(double *seconds, lb_store *store, const char *step,
                                   lobass_error *error)
{
    char fact[sizeof((lb_step_clock *)NULL)->fact];
    (void)snprintf(fact, sizeof fact, "seconds.%s", step);
    return seconds_load(seconds, store, fact, error);
}

lobass_status lb_step_clock_begin(lb_step_clock *clock, lb_store *store, const char *step,
                                  lobass_error *error)
{
    (void)snprintf(clock->fact, sizeof clock->fact, "seconds.%s", step);
    clock->began_seconds = lb_clock_seconds();
    return seconds_load(&clock->before_seconds, store, clock->fact, error);
}

lobass_status lb_step_clock_save(const lb_step_clock *clock, lb_store *store, lobass_error *error)
{
    char text[32];
    const double seconds = clock->before_seconds + lb_clock_seconds() - clock->began_seconds;
    (void)snprintf(text, sizeof text, "%.3f", seconds);
    return lb_store_fact_save(store, clock->fact, text, error);
}

void lb_summaries_count(const lb_row_summary *summaries, size_t n_rows,
                        uint64_t statuses[LOBASS_ROW_STATUS_COUNT], uint64_t *n_tokens,
                        uint64_t *n_scored_tokens)
{
    for (size_t i = 0; i < n_rows; i++)
    {
        const lb_row_summary *summary = &summaries[i];
        statuses[summary->status]++;
        if (summary->n_scored > 0)
        {
            *n_tokens += summary->n_tokens;
            *n_scored_tokens += summary->n_scored;
        }
    }
}

double lb_losses_sum(const float *nll, size_t n_scored)
{
    double sum = 0;
    for (size_t i = 0; i < n_scored; i++)
    {
        sum += (double)nll[i];
    }
    return sum;
}

lobass_status lb_measured_backend_load(char *backend, size_t size, lb_store *store,
                                       const char *name, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    char fact[128];
    char *text = NULL;
    json_t *object = NULL;
    const char *found = "";
    (void)snprintf(fact, sizeof fact, LB_FACT_MACHINE, name);
    LB_TRY(lb_store_fact_load(&text, store, fact, error));
    if (text != NULL)
    {
        const char *where = lb_store_path(store);
        LB_TRY_GOTO(lb_json_parse(&object, text, strlen(text), where, error));
        LB_TRY_GOTO(lb_json_text(object, where, "backend", false, &found, error));
    }
    (void)snprintf(backend, size, "%s", found);
done:
    json_decref(object);
    free(text);
    return status;
}

typedef struct trained_rows
{
    bool *is_trained; /* [n_rows] */
    size_t n_rows, n_nonfinite;
} trained_rows;

static lobass_status leave_out_nonfinite(void *context, uint64_t row, const lb_row_losses *losses,
                                         lobass_error *error)
{
    trained_rows *rows = context;
    (void)error;
    if (row < rows->n_rows && rows->is_trained[row] &&
        !isfinite(lb_losses_sum(losses->nll, losses->n_scored)))
    {
        rows->is_trained[row] = false;
        rows->n_nonfinite++;
    }
    return LOBASS_OK;
}

static lobass_status initial_walk(trained_rows *rows, lb_store *store, lobass_error *error)
{
    lb_store_model model = {0};
    lobass_error cause = {0};
    lobass_status status = lb_store_model_load(&model, store, "initial", &cause);
    if (status == LOBASS_NOT_FOUND)
    {
        return LOBASS_OK;
    }
    if (status != LOBASS_OK)
    {
        return lb_fail(error, status, "%s", cause.message);
    }
    status = lb_store_losses_walk(store, model.id, leave_out_nonfinite, rows, error);
    lb_store_model_clear(&model);
    return status;
}

lobass_status lb_trained_rows_find(bool **is_trained, size_t *n_nonfinite,
                                   const lb_row_summary *summaries, size_t n_rows, lb_store *store,
                                   lobass_error *error)
{
    trained_rows rows = {.is_trained = lb_alloc(n_rows, sizeof(bool), error), .n_rows = n_rows};
    if (rows.is_trained == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n_rows; i++)
    {
        rows.is_trained[i] = lb_row_status_is_selectable((lobass_row_status)summaries[i].status) &&
                             summaries[i].n_scored > 0;
    }
    const lobass_status status = initial_walk(&rows, store, error);
    if (status != LOBASS_OK)
    {
        free(rows.is_trained);
        return status;
    }
    *is_trained = rows.is_trained;
    *n_nonfinite = rows.n_nonfinite;
    return LOBASS_OK;
}

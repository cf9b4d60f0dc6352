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
    *seconds = text != NULL ? lb_real_parse(text, NULL) : 0;
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
    (void)lb_print(text, sizeof text, "%.3f", seconds);
    return lb_store_fact_save(store, clock->fact, text, error);
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

/* No look at the losses where all are finite. */
static lobass_status initial_walk(trained_rows *rows, lb_store *store, lobass_error *error)
{
    lb_measurement initial;
    lb_loss_totals totals = {0};
    bool is_there = false;
    LB_TRY(lb_store_measurement_find(&initial, &is_there, store, LB_INITIAL, error));
    const int64_t id = initial.id;
    lb_store_measurement_clear(&initial);
    if (is_there)
    {
        LB_TRY(lb_store_totals_load(&totals, store, id, error));
    }
    return totals.n_nonfinite > 0
               ? lb_store_losses_walk(store, id, leave_out_nonfinite, rows, error)
               : LOBASS_OK;
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

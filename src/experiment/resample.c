/* SPDX-License-Identifier: Apache-2.0
 *
 * The bootstrap of an experiment: what is drawn anew, and the mean losses that come of it.
 * One resample draws the held-out rows anew, with replacement and within each file, for all
 * models alike, so that differences between groups are paired by rows; and of each group as many of
 * its models as it has, with replacement. Its randomness depends on its own number alone.
 */
#include "experiment/experiment.h"
#include "stats/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEED UINT64_C(0x626f6f7473747261) /* of the resamples: any constant does */

typedef struct resampling
{
    const lb_loss_table *table;
    const lb_plan_of_cells *plan;
    double *values;   /* [n_resamples][n_groups][n_sources] */
    uint32_t *counts; /* [n_workers][n_rows] */
    double *losses;   /* [n_workers][n_cells][n_sources] */
} resampling;

/* The mean over as many models as the group has, drawn with replacement. */
static void group_draw(double *means, const resampling *r, const lb_cell_group *group,
                       const double *losses, lb_random *random)
{
    const size_t n_sources = r->table->n_sources;
    size_t finite[UINT8_MAX + 1];
    size_t n_finite = 0;
    for (size_t i = 0; i < group->n_cells && n_finite <= UINT8_MAX; i++)
    {
        if (r->table->is_finite[group->cells[i]])
        {
            finite[n_finite++] = group->cells[i];
        }
    }
    for (size_t s = 0; s < n_sources; s++)
    {
        means[s] = n_finite > 0 ? 0 : NAN;
    }
    for (size_t i = 0; i < n_finite; i++)
    {
        const size_t cell = finite[lb_random_below(random, n_finite)];
        for (size_t s = 0; s < n_sources; s++)
        {
            means[s] += losses[cell * n_sources + s] / (double)n_finite;
        }
    }
}

static void resample(void *context, size_t chunk, unsigned worker)
{
    const resampling *r = context;
    const lb_loss_table *table = r->table;
    uint32_t *counts = r->counts + worker * table->n_rows;
    double *losses = r->losses + worker * table->n_cells * table->n_sources;
    double *values = r->values + chunk * r->plan->n_groups * table->n_sources;
    lb_random random;
    lb_random_init(&random, SEED + chunk);
    lb_bootstrap_draw(counts, table->files, table->n_rows, &random);
    for (size_t i = 0; i < table->n_cells; i++)
    {
        lb_loss_table_mean(losses + i * table->n_sources, table, i, counts);
    }
    for (size_t i = 0; i < r->plan->n_groups; i++)
    {
        const lb_cell_group *group = &r->plan->groups[i];
        double *means = values + i * table->n_sources;
        if (group->is_repeated) /* one and the same thing has one interval */
        {
            const size_t earlier = r->plan->cells[group->cells[0]].group;
            memcpy(means, values + earlier * table->n_sources, table->n_sources * sizeof *means);
        }
        else
        {
            group_draw(means, r, group, losses, &random);
        }
    }
}

/* [N, EACH] of ELEMENT_BYTES, which are some for every source: there are few. */
static void *create(size_t n, size_t each, size_t element_bytes, lobass_error *error)
{
    size_t count = 0;
    if (!lb_size_multiply(n, each, &count))
    {
        (void)lb_fail_memory(error, SIZE_MAX);
        return NULL;
    }
    return lb_alloc(count, element_bytes, error);
}

lobass_status lb_bootstrap_run(double **values, const lb_loss_table *table,
                               const lb_plan_of_cells *plan, uint32_t n_resamples,
                               uint32_t n_threads, lobass_error *error)
{
    resampling r = {.table = table, .plan = plan};
    lb_pool *pool = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_pool_create(&pool, n_threads, error));
    const size_t n_workers = lb_pool_thread_count(pool);
    const size_t n_sources = table->n_sources;
    r.values = create(n_resamples, plan->n_groups, n_sources * sizeof *r.values, error);
    r.counts = create(n_workers, table->n_rows, sizeof *r.counts, error);
    r.losses = create(n_workers, table->n_cells, n_sources * sizeof *r.losses, error);
    if (r.values == NULL || r.counts == NULL || r.losses == NULL)
    {
        free(r.values);
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    lb_pool_run(pool, n_resamples, resample, &r);
    *values = r.values;
done:
    free(r.counts);
    free(r.losses);
    lb_pool_free(pool);
    return status;
}

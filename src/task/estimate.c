/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_run_estimate: what lobass_run_all would take here. The rows are prepared for good, in a
 * temporary folder; then scoring and training run on a sample of them, through the same code as in
 * a run:
 *     measure = load + tokens / rate
 *     train   = load + epochs * tokens / rate + steps * optimiser step
 * Packs are sampled all over the plan, which goes from packs with long rows to those with short
 * ones. Batches are taken smaller than asked for, about one pack, and the optimiser's step is timed
 * by itself: so a few seconds will do for a large batch too.
 */
#include "task/task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN_RATIO 0.61803398874989485
#define OPTIMIZER_STEPS 2 /* timed, the better counts */

typedef struct estimator
{
    const lobass_run_options *options;
    const lobass_observer *observer;
    lobass_estimate *estimate;
    double seconds; /* for each sample */
    char *folder;   /* temporary, holds the run */
    char *run;
    lb_dtype dtype;
    uint64_t n_parameters;
    size_t longest; /* row, in tokens */
} estimator;

/* Work done and the time it took, the first portion apart: it also warms up. */
typedef struct sample
{
    double first_seconds, seconds;
    uint64_t first_tokens, n_tokens;
    size_t count;
} sample;

static void sample_add(sample *s, double seconds, uint64_t n_tokens)
{
    if (s->count++ == 0)
    {
        s->first_seconds = seconds;
        s->first_tokens = n_tokens;
        return;
    }
    s->seconds += seconds;
    s->n_tokens += n_tokens;
}

static bool is_sample_enough(const sample *s, double seconds)
{
    return s->count > 0 && s->first_seconds + s->seconds >= seconds;
}

static double sample_rate(const sample *s)
{
    return s->count > 1 ? (double)s->n_tokens / s->seconds
                        : (double)s->first_tokens / s->first_seconds;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static lobass_status folder_make(estimator *e, lobass_error *error)
{
    LB_TRY(lb_folder_make_temporary(&e->folder, "lobass-estimate", error));
    e->run = lb_path_join(e->folder, "run", error);
    return e->run == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

static lobass_status rows_prepare(estimator *e, lobass_error *error)
{
    lobass_prepare_options prepare = e->options->prepare;
    lobass_prepare_result result;
    prepare.run = e->run;
    prepare.n_threads = e->options->n_threads;
    LB_TRY(lobass_prepare(&prepare, e->observer, &result, error));
    e->estimate->n_records = result.n_records;
    memcpy(e->estimate->statuses, result.statuses, sizeof result.statuses);
    e->estimate->n_tokens = result.n_tokens;
    e->estimate->n_scored_tokens = result.n_scored_tokens;
    e->estimate->prepare_seconds = result.elapsed_seconds;
    return LOBASS_OK;
}

/* ---- scoring ----------------------------------------------------------------------------------
 */

typedef struct scoring
{
    lb_store *store;
    lb_row_summary *summaries;
    size_t n_rows, max_tokens;
    lb_plan *plan;
    lb_model *model;
    lb_scorers scorers;
    lb_score_slot *slots; /* [n_slots], one a worker */
    size_t n_slots;
} scoring;

static lobass_status scoring_create(scoring *s, const estimator *e, lobass_error *error)
{
    LB_TRY(lb_store_open(&s->store, e->run, LB_STORE_READ, error));
    LB_TRY(lb_store_summaries_load(&s->summaries, &s->n_rows, s->store, error));
    lb_stage stage;
    lb_stage_begin(&stage, e->observer, "estimate measure", "waves", 0, 0);
    stage.reported_seconds = stage.began_seconds;
    LB_TRY(lb_score_plan_create(&s->plan, &s->max_tokens, s->store, s->summaries, s->n_rows, true,
                                &stage, error));
    LB_TRY(lb_model_load(&s->model, e->options->prepare.model, e->dtype, LB_MODEL_SCORE_PACKED,
                         error));
    LB_TRY(lb_scorers_create(&s->scorers, s->model, e->options->n_threads, s->max_tokens, error));
    s->slots = lb_alloc(s->scorers.n_workers, sizeof *s->slots, error);
    s->n_slots = s->slots == NULL ? 0 : s->scorers.n_workers;
    return s->slots == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

static void scoring_free(scoring *s)
{
    for (size_t i = 0; i < s->n_slots; i++)
    {
        lb_score_slot_free(&s->slots[i]);
    }
    free(s->slots);
    lb_scorers_free(&s->scorers);
    lb_model_free(s->model);
    lb_plan_free(s->plan);
    free(s->summaries);
    lb_store_close(s->store);
}

/* One pack a worker, from pack FIRST of the plan on. */
static lobass_status wave_score(scoring *s, size_t first, uint64_t *n_tokens, lobass_error *error)
{
    const lb_score_layout layout = {.is_sharing = true};
    size_t n_filled = 0;
    *n_tokens = 0;
    while (n_filled < s->n_slots && first + n_filled < lb_plan_count(s->plan))
    {
        const lb_pack pack = lb_plan_at(s->plan, first + n_filled);
        LB_TRY(lb_score_slot_fill(&s->slots[n_filled], s->store, pack, &layout, error));
        *n_tokens += pack.n_tokens;
        n_filled++;
    }
    return lb_scorers_run(&s->scorers, s->slots, n_filled, NULL, error);
}

static lobass_status scoring_sample(scoring *s, sample *found, const estimator *e,
                                    lobass_error *error)
{
    const size_t n_waves = (lb_plan_count(s->plan) + s->n_slots - 1) / s->n_slots;
    double place = 0;
    lb_stage stage;
    lb_stage_begin(&stage, e->observer, "estimate measure", "waves", 0, 0);
    while (n_waves > 0 && found->count <= n_waves && !is_sample_enough(found, e->seconds))
    {
        uint64_t n_tokens = 0;
        const double began = lb_clock_seconds();
        const size_t wave = (size_t)(place * (double)n_waves);
        LB_TRY(wave_score(s, wave * s->n_slots, &n_tokens, error));
        sample_add(found, lb_clock_seconds() - began, n_tokens);
        LB_TRY(lb_stage_advance(&stage, found->count, n_tokens, NAN, error));
        place += GOLDEN_RATIO;
        place -= floor(place);
    }
    return lb_stage_end(&stage, error);
}

static size_t longest_row(const lb_row_summary *summaries, size_t n_rows)
{
    size_t longest = 0;
    for (size_t i = 0; i < n_rows; i++)
    {
        const bool is_longer = summaries[i].n_scored > 0 && summaries[i].n_tokens > longest;
        longest = is_longer ? summaries[i].n_tokens : longest;
    }
    return longest;
}

static lobass_status measure_estimate(estimator *e, lobass_error *error)
{
    scoring s = {0};
    sample found = {0};
    lobass_estimate *estimate = e->estimate;
    const double began = lb_clock_seconds();
    lobass_status status = scoring_create(&s, e, error);
    const double load_seconds = lb_clock_seconds() - began;
    if (status == LOBASS_OK)
    {
        e->n_parameters = s.model->n_elements;
        e->longest = longest_row(s.summaries, s.n_rows);
        estimate->n_threads = s.scorers.n_workers;
        status = scoring_sample(&s, &found, e, error);
    }
    if (status == LOBASS_OK && found.count > 0)
    {
        const double rate = sample_rate(&found);
        estimate->measure_tokens_per_second = rate;
        estimate->measure_initial_seconds = load_seconds + (double)estimate->n_tokens / rate;
        estimate->measure_reference_seconds = estimate->measure_initial_seconds;
    }
    estimate->measure_rss_bytes = lb_peak_memory();
    scoring_free(&s);
    return status;
}

/* ---- training ---------------------------------------------------------------------------------
 */

static lobass_status optimizer_time(double *seconds, lb_trainer *t, lobass_error *error)
{
    for (int i = 0; i < OPTIMIZER_STEPS; i++)
    {
        double norm = 0;
        const double began = lb_clock_seconds();
        LB_TRY(lb_optimizer_step(t->optimizer, t->model, t->compute, 0, 0, 1, &norm, error));
        const double taken = lb_clock_seconds() - began;
        *seconds = i == 0 || taken < *seconds ? taken : *seconds;
    }
    return LOBASS_OK;
}

/* Steps with the optimiser's share taken out. */
static lobass_status steps_sample(sample *found, lb_trainer *t, double optimizer_seconds,
                                  const estimator *e, lobass_error *error)
{
    lb_stage stage;
    lb_stage_begin(&stage, e->observer, "estimate train", "steps", 0, 0);
    while (t->state.step < t->n_steps && !is_sample_enough(found, e->seconds))
    {
        lb_train_step step;
        const double began = lb_clock_seconds();
        LB_TRY(lb_trainer_step(t, &step, error));
        const double taken = lb_clock_seconds() - began;
        sample_add(found, fmax(taken - optimizer_seconds, taken / 2), step.n_tokens);
        LB_TRY(lb_stage_advance(&stage, found->count, step.n_tokens, NAN, error));
    }
    return lb_stage_end(&stage, error);
}

static void train_conclude(estimator *e, const lb_trainer *t, const sample *found,
                           double load_seconds, double optimizer_seconds)
{
    lobass_estimate *estimate = e->estimate;
    const lobass_train_options *train = &e->options->train;
    const uint64_t n_tokens = t->n_tokens * train->n_epochs;
    estimate->n_trained_rows = t->n_rows;
    estimate->n_steps =
        (t->n_rows + train->batch_size - 1) / train->batch_size * (uint64_t)train->n_epochs;
    const double seconds =
        (double)n_tokens / sample_rate(found) + (double)estimate->n_steps * optimizer_seconds;
    estimate->train_tokens_per_second = (double)n_tokens / seconds;
    estimate->train_reference_seconds = load_seconds + seconds;
}

/* Rows of a batch that is about one pack. */
static uint32_t batch_rows(const estimator *e, const lb_config *config)
{
    const lobass_estimate *estimate = e->estimate;
    uint64_t n_rows = 0;
    for (unsigned i = 0; i < LOBASS_ROW_STATUS_COUNT; i++)
    {
        n_rows += lb_row_status_is_selectable((lobass_row_status)i) ? estimate->statuses[i] : 0;
    }
    const double mean = n_rows == 0 ? 1 : (double)estimate->n_tokens / (double)n_rows;
    const double wanted = floor((double)lb_train_pack_tokens(config) / fmax(mean, 1));
    return (uint32_t)fmin(fmax(wanted, 1), e->options->train.batch_size);
}

static lobass_status train_estimate(estimator *e, lobass_error *error)
{
    lobass_train_options train = e->options->train;
    lb_config config;
    lb_trainer *trainer = NULL;
    sample found = {0};
    double optimizer_seconds = 0;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_config_load(&config, e->options->prepare.model, error));
    if (!lb_memory_fits(e->estimate->train_skipped, sizeof e->estimate->train_skipped, "train",
                        lb_train_bytes(&config, e->n_parameters, e->dtype, train.lora.rank > 0,
                                       train.recomputes, e->longest)))
    {
        return LOBASS_OK;
    }
    train.model = e->options->prepare.model;
    train.run = e->run;
    train.output = e->run;
    train.batch_size = batch_rows(e, &config);
    train.dtype = e->options->dtype;
    train.n_threads = e->options->n_threads;
    const double began = lb_clock_seconds();
    LB_TRY(lb_trainer_create(&trainer, &train, e->run, NULL, 0, error));
    const double load_seconds = lb_clock_seconds() - began;
    LB_TRY_GOTO(optimizer_time(&optimizer_seconds, trainer, error));
    LB_TRY_GOTO(steps_sample(&found, trainer, optimizer_seconds, e, error));
    train_conclude(e, trainer, &found, load_seconds, optimizer_seconds);
done:
    lb_trainer_free(trainer);
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static lobass_status estimate_with(estimator *e, lobass_error *error)
{
    lobass_estimate *estimate = e->estimate;
    LB_TRY(lb_compute_dtype_choose(&e->dtype, e->options->dtype, error));
    estimate->dtype = e->dtype == LB_BF16 ? LOBASS_DTYPE_BF16 : LOBASS_DTYPE_FP32;
    LB_TRY(folder_make(e, error));
    LB_TRY(rows_prepare(e, error));
    LB_TRY(measure_estimate(e, error));
    LB_TRY(train_estimate(e, error));
    estimate->total_seconds = estimate->prepare_seconds + estimate->measure_initial_seconds +
                              estimate->train_reference_seconds +
                              estimate->measure_reference_seconds;
    estimate->peak_rss_bytes = lb_peak_memory();
    return LOBASS_OK;
}

lobass_status lobass_run_estimate(const lobass_run_options *options, double seconds,
                                  const lobass_observer *observer, lobass_estimate *estimate,
                                  lobass_error *error)
{
    estimator e = {
        .options = options, .observer = observer, .estimate = estimate, .seconds = seconds};
    *estimate = (lobass_estimate){.measure_tokens_per_second = NAN,
                                  .train_tokens_per_second = NAN,
                                  .prepare_seconds = NAN,
                                  .measure_initial_seconds = NAN,
                                  .train_reference_seconds = NAN,
                                  .measure_reference_seconds = NAN,
                                  .total_seconds = NAN};
    if (!(seconds >= 0) || isinf(seconds))
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "seconds: expected a number from 0");
    }
    lobass_status status = estimate_with(&e, error);
    status = lb_folder_end_temporary(e.folder, status, error);
    free(e.run);
    free(e.folder);
    return status;
}

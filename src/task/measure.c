/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_measure: -ln p(token | everything before it) of every scored token of a run under a model,
 * and beside it the el2n of the prediction. Under the name "unconditional" it is that of each
 * response without what it answers (alone.c).
 * All rows with a scored token are planned into packs, a pure function of the rows; packs run
 * side by side, one thread each, in waves that end in a commit. A pack is measured whole or not at
 * all, so that a measuring that was stopped ends with the same bits as one that was not, and so
 * does one with another number of threads.
 */
#include "task/task.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PACKS_A_THREAD 8 /* in one wave */
#define WAVE_SECONDS 1.0      /* about how much work a kill may cost */

typedef struct measurer
{
    const lobass_measure_options *options;
    lb_store *store;
    lb_dtype dtype;
    lb_score_layout layout;
    lb_measurement record;     /* as it is to be stored: its arithmetic is this call's */
    lb_row_summary *summaries; /* [n_rows] */
    size_t n_rows;
    bool *is_measured; /* [n_rows] */
    uint64_t n_due;
    size_t max_tokens; /* of a pack */
    lb_plan *plan;
    lb_model *model;
    lb_scorers scorers;
    lb_score_slot *slots; /* [n_slots] */
    size_t n_slots;
    lb_loss_totals totals; /* of all that is stored under the name */
    double seconds_before; /* of earlier calls */
    double began_seconds;  /* on the clock */
    bool ends_selection;   /* of the losses that this call replaces */
    lobass_measure_result *result;
    char stage_name[96];
    lb_stage stage;
} measurer;

/* ---- the name and the model -------------------------------------------------------------------
 */

static lobass_status check_arguments(const lobass_measure_options *options, lobass_error *error)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    if (options->run == NULL || options->model == NULL || options->name == NULL)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "measure: expected a run, a model and a name");
    }
    const size_t size = strlen(options->name);
    if (size == 0 || size >= sizeof((lb_measurement *)NULL)->name ||
        strspn(options->name, allowed) != size)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "name \"%.100s\": expected 1 to 63 of a-z, 0-9, _ and -", options->name);
    }
    return LOBASS_OK;
}

/* The backend that would compute now. */
static lobass_status backend_identify(measurer *m, lobass_error *error)
{
    lb_compute *compute = NULL;
    LB_TRY(lb_compute_create(&compute, 1, error));
    lb_compute_describe(compute, m->dtype == LB_BF16, m->record.arithmetic,
                        sizeof m->record.arithmetic);
    m->layout.is_sharing = !m->options->keeps_prefixes && !m->layout.is_alone;
    lb_compute_free(compute);
    return LOBASS_OK;
}

static lobass_status model_identify(measurer *m, lobass_error *error)
{
    lobass_tokenizer *tokenizer = NULL;
    lb_config config;
    lb_hash weights;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_config_load(&config, m->options->model, error));
    LB_TRY_GOTO(lobass_tokenizer_load(&tokenizer, m->options->model, error));
    LB_TRY_GOTO(lb_run_check_model(m->store, m->options->model, tokenizer, &config, error));
    LB_TRY_GOTO(lb_model_fingerprint(&weights, m->options->model, error));
    LB_TRY_GOTO(lb_compute_dtype_choose(&m->dtype, m->options->dtype, error));
    m->layout.is_alone = strcmp(m->options->name, LB_UNCONDITIONAL) == 0;
    if (m->layout.is_alone)
    {
        LB_TRY_GOTO(
            lb_alone_prefix_find(&m->layout.prefix, m->options->model, tokenizer, &config, error));
    }
    LB_TRY_GOTO(backend_identify(m, error));
    (void)snprintf(m->record.name, sizeof m->record.name, "%s", m->options->name);
    (void)snprintf(m->record.engine, sizeof m->record.engine, LB_ENGINE);
    (void)snprintf(m->record.dtype, sizeof m->record.dtype, "%s",
                   m->dtype == LB_BF16 ? "bf16" : "fp32");
    if (m->options->adapter != NULL)
    {
        LB_TRY_GOTO(lb_adapter_identify(&m->record.adapter, &weights, m->store, m->options->adapter,
                                        &config, error));
    }
    lb_hash_text(lb_fingerprint_combine(weights, tokenizer), m->record.fingerprint);
    m->record.path = realpath(m->options->model, NULL);
    if (m->record.path == NULL)
    {
        status = lb_fail_errno(error, m->options->model, "resolve");
    }
done:
    lobass_tokenizer_free(tokenizer);
    return status;
}

static lobass_status model_load(measurer *m, lobass_error *error)
{
    LB_TRY(lb_model_load(&m->model, m->options->model, m->dtype, LB_MODEL_SCORE_PACKED, error));
    return m->record.adapter == NULL ? LOBASS_OK
                                     : lb_lora_load(m->model, m->options->adapter, m->dtype, error);
}

static lobass_status fail_other_model(const measurer *m, const lb_measurement *stored,
                                      lobass_error *error)
{
    static const char with[] = " with the adapter ";
    const lb_measurement *now = &m->record;
    return lb_fail(
        error, LOBASS_CONFLICT,
        "%s: \"%s\" was measured under %s%s%s (fingerprint %s, %s, backend %s), now %s%s%s "
        "(fingerprint %s, %s, backend %s); overwrite it (-f) or use another name",
        m->options->run, stored->name, stored->path, stored->adapter != NULL ? with : "",
        stored->adapter != NULL ? stored->adapter : "", stored->fingerprint, stored->dtype,
        stored->arithmetic[0] == '\0' ? "unknown" : stored->arithmetic, now->path,
        now->adapter != NULL ? with : "", now->adapter != NULL ? now->adapter : "",
        now->fingerprint, now->dtype, now->arithmetic);
}

/* What was selected by losses that are gone is no selection of this run any more. */
static lobass_status selection_forget(measurer *m, lobass_error *error)
{
    char *recorded = NULL;
    LB_TRY(lb_store_fact_load(&recorded, m->store, LB_FACT_SELECTION, error));
    m->ends_selection = recorded != NULL;
    free(recorded);
    LB_TRY(lb_store_selection_remove(m->store, error));
    LB_TRY(lb_store_fact_remove(m->store, LB_FACT_SELECTION, error));
    return lb_run_selection_clear(m->options->run, error);
}

/* Whether scores are made of the losses. */
static bool is_for_scores(const measurer *m)
{
    return strcmp(m->record.name, LB_INITIAL) == 0 || strcmp(m->record.name, LB_REFERENCE) == 0 ||
           m->layout.is_alone;
}

/* *IS_SAME: the losses that are there were made as this call would make them. A backend that was
 * not recorded (nothing was measured yet) is no difference; losses without el2n, which an earlier
 * lobass stored, are one where they may be overwritten. */
static lobass_status losses_compare(bool *is_same, const measurer *m, const lb_measurement *stored,
                                    lobass_error *error)
{
    uint64_t n_without = 0;
    *is_same =
        strcmp(stored->fingerprint, m->record.fingerprint) == 0 &&
        strcmp(stored->dtype, m->record.dtype) == 0 &&
        (stored->arithmetic[0] == '\0' || strcmp(stored->arithmetic, m->record.arithmetic) == 0);
    if (!m->options->overwrite)
    {
        return *is_same ? LOBASS_OK : fail_other_model(m, stored, error);
    }
    LB_TRY(lb_store_without_el2n_count(&n_without, m->store, stored->id, error));
    *is_same = *is_same && n_without == 0;
    return LOBASS_OK;
}

/* In the caller's transaction. Nothing of a measurement but its totals tells yet that this call
 * computes: it may find all of it done. */
static lobass_status name_store(measurer *m, const lb_measurement *stored, bool is_same,
                                lobass_error *error)
{
    lb_measurement record = m->record;
    if (stored->id != 0 && !is_same)
    {
        LB_TRY(lb_store_measurement_remove(m->store, record.name, error));
        LB_TRY(is_for_scores(m) ? selection_forget(m, error) : LOBASS_OK);
    }
    memcpy(record.arithmetic, is_same ? stored->arithmetic : "",
           is_same ? sizeof record.arithmetic : 1);
    record.n_threads = is_same ? stored->n_threads : 0;
    record.seconds = is_same ? stored->seconds : 0;
    LB_TRY(lb_store_measurement_save(m->store, &record, error));
    m->record.id = record.id;
    m->record.seconds = record.seconds;
    m->seconds_before = record.seconds;
    return lb_store_totals_load(&m->totals, m->store, record.id, error);
}

/* Finds the name's losses, or makes room for them; for a model that can be loaded only. */
static lobass_status name_claim(measurer *m, lobass_error *error)
{
    lb_measurement stored;
    bool is_there = false;
    bool is_same = false;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_store_measurement_find(&stored, &is_there, m->store, m->record.name, error));
    if (is_there)
    {
        LB_TRY_GOTO(losses_compare(&is_same, m, &stored, error));
    }
    if (!is_same)
    {
        LB_TRY_GOTO(model_load(m, error));
    }
    LB_TRY_GOTO(lb_store_begin(m->store, error));
    LB_TRY_GOTO(name_store(m, &stored, is_same, error));
    LB_TRY_GOTO(lb_store_commit(m->store, error));
done:
    if (status != LOBASS_OK)
    {
        lb_store_rollback(m->store);
    }
    lb_store_measurement_clear(&stored);
    return status;
}

/* ---- what is to be measured -------------------------------------------------------------------
 */

static bool is_done(const measurer *m)
{
    return m->totals.n_rows == m->n_due;
}

static lobass_status rows_plan(measurer *m, const lobass_observer *observer, lobass_error *error)
{
    LB_TRY(lb_store_summaries_load(&m->summaries, &m->n_rows, m->store, error));
    if (m->layout.is_alone)
    {
        LB_TRY(lb_alone_lengths_load(m->summaries, m->n_rows, m->store, error));
    }
    m->max_tokens = LB_SCORE_PACK_TOKENS;
    for (size_t i = 0; i < m->n_rows; i++)
    {
        const lb_row_summary *summary = &m->summaries[i];
        m->n_due += summary->n_scored > 0 ? 1 : 0;
        m->max_tokens = summary->n_scored > 0 && summary->n_tokens > m->max_tokens
                            ? summary->n_tokens
                            : m->max_tokens;
    }
    if (is_done(m))
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_store_measured_load(&m->is_measured, m->n_rows, m->store, m->record.id, error));
    lb_stage_begin(&m->stage, observer, m->stage_name, "rows", m->totals.n_rows, m->n_due);
    m->stage.reported_seconds = m->stage.began_seconds; /* no news yet: ask when it takes long */
    LB_TRY(lb_store_begin(m->store, error)); /* one look at all rows, not a lock for each */
    const lobass_status status =
        lb_score_plan_create(&m->plan, &m->max_tokens, m->store, m->summaries, m->n_rows,
                             m->layout.is_sharing, &m->stage, error);
    lb_store_rollback(m->store);
    return status;
}

static lobass_status workers_create(measurer *m, lobass_error *error)
{
    if (m->model == NULL)
    {
        LB_TRY(model_load(m, error));
    }
    LB_TRY(lb_scorers_create(&m->scorers, m->model, m->options->n_threads, m->max_tokens, error));
    const size_t n_slots = (size_t)m->scorers.n_workers * MOST_PACKS_A_THREAD;
    m->slots = lb_alloc(n_slots, sizeof *m->slots, error);
    if (m->slots == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    m->n_slots = n_slots;
    return LOBASS_OK;
}

/* ---- a wave -----------------------------------------------------------------------------------
 */

/* The scored tokens of the batch lie row after row, as the rows were added. */
static lobass_status slot_save(measurer *m, const lb_score_slot *slot, lobass_error *error)
{
    size_t first = 0;
    for (size_t i = 0; i < slot->pack.n_rows; i++)
    {
        const uint32_t row = slot->pack.rows[i];
        const lb_row_summary *summary = &m->summaries[row];
        if (summary->n_scored > slot->builder.batch.n_scored - first)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "%s: row %" PRIu32
                           ": its flags mark fewer scored tokens than the %" PRIu32
                           " it was stored with",
                           m->options->run, row, summary->n_scored);
        }
        const lb_row_losses losses = {slot->nll + first, slot->el2n + first, summary->n_scored};
        first += losses.n_scored;
        if (m->is_measured[row]) /* in another pack, by a call that planned otherwise */
        {
            continue;
        }
        LB_TRY(lb_store_losses_save(m->store, m->record.id, row, &losses, error));
        m->is_measured[row] = true;
        m->result->n_rows++;
        m->result->n_tokens += summary->n_tokens;
        m->result->n_scored_tokens += losses.n_scored;
    }
    return LOBASS_OK;
}

/* Before the losses of a wave are there. Milliseconds: seconds are told with three digits. */
static lobass_status measurement_note(measurer *m, lobass_error *error)
{
    const double seconds = m->seconds_before + lb_clock_seconds() - m->began_seconds;
    m->record.seconds = round(seconds * 1000) / 1000;
    m->record.n_threads = m->scorers.n_workers;
    LB_TRY(is_for_scores(m) ? lb_store_ended_remove(m->store, error) : LOBASS_OK);
    return lb_store_measurement_save(m->store, &m->record, error);
}

/* The wave with the last row settles the totals: no kill can come between. */
static lobass_status wave_save(measurer *m, size_t n_packs, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_store_begin(m->store, error));
    LB_TRY_GOTO(measurement_note(m, error));
    for (size_t i = 0; i < n_packs; i++)
    {
        if (m->slots[i].is_scored)
        {
            LB_TRY_GOTO(slot_save(m, &m->slots[i], error));
        }
    }
    LB_TRY_GOTO(lb_store_totals_load(&m->totals, m->store, m->record.id, error));
    if (is_done(m))
    {
        LB_TRY_GOTO(lb_store_totals_settle(m->store, m->record.id, error));
        LB_TRY_GOTO(lb_store_totals_load(&m->totals, m->store, m->record.id, error));
    }
    LB_TRY_GOTO(lb_store_commit(m->store, error));
done:
    if (status != LOBASS_OK)
    {
        lb_store_rollback(m->store);
    }
    return status;
}

static lobass_status wave_run(measurer *m, size_t n_packs, lobass_error *error)
{
    LB_TRY(lb_scorers_run(&m->scorers, m->slots, n_packs, &m->stage, error));
    const uint64_t n_tokens_before = m->result->n_tokens;
    LB_TRY(wave_save(m, n_packs, error));
    return lb_stage_advance(&m->stage, m->totals.n_rows, m->result->n_tokens - n_tokens_before,
                            lb_loss_totals_mean(&m->totals), error);
}

static bool is_pack_done(const measurer *m, lb_pack pack)
{
    for (size_t i = 0; i < pack.n_rows; i++)
    {
        if (!m->is_measured[pack.rows[i]])
        {
            return false;
        }
    }
    return true;
}

/* Waves grow or shrink with the speed of the model; what is in a pack never depends on it. */
static lobass_status packs_measure(measurer *m, lobass_error *error)
{
    const size_t n_packs = lb_plan_count(m->plan);
    const size_t n_least = m->scorers.n_workers;
    size_t n_wanted = n_least;
    size_t n_filled = 0;
    lb_observer_log(m->stage.observer, LOBASS_LOG_DETAIL,
                    "measure %s: %zu packs of up to %zu tokens, %zu side by side, %s, %s",
                    m->options->name, n_packs, m->max_tokens, n_least, m->record.dtype,
                    m->record.arithmetic);
    for (size_t i = 0; i < n_packs; i++)
    {
        const lb_pack pack = lb_plan_at(m->plan, i);
        if (!is_pack_done(m, pack))
        {
            LB_TRY(lb_score_slot_fill(&m->slots[n_filled], m->store, pack, &m->layout, error));
            n_filled++;
        }
        if (n_filled == n_wanted || (i + 1 == n_packs && n_filled > 0))
        {
            const double began = lb_clock_seconds();
            LB_TRY(wave_run(m, n_filled, error));
            const double seconds = lb_clock_seconds() - began;
            if (seconds < WAVE_SECONDS / 2 && 2 * n_wanted <= m->n_slots)
            {
                n_wanted *= 2;
            }
            else if (seconds > WAVE_SECONDS && n_wanted / 2 >= n_least)
            {
                n_wanted /= 2;
            }
            n_filled = 0;
        }
    }
    return LOBASS_OK;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static lobass_status verify(measurer *m, const lobass_observer *observer, lobass_error *error)
{
    lb_verifier v = {.store = m->store,
                     .model = m->record.id,
                     .scorers = &m->scorers,
                     .layout = &m->layout,
                     .slots = m->slots,
                     .n_slots = m->n_slots,
                     .stage = &m->stage};
    lb_stage_begin(&m->stage, observer, "verify", "rows", 0,
                   lb_verify_count(m->summaries, m->n_rows, m->options->verify));
    LB_TRY(lb_losses_verify(&v, m->summaries, m->n_rows, m->options->verify, error));
    LB_TRY(lb_stage_end(&m->stage, error));
    m->result->n_verified = v.n_rows;
    m->result->n_different = v.n_different;
    m->result->largest_difference = v.largest;
    if (v.n_different > 0)
    {
        lb_observer_log(observer, LOBASS_LOG_WARNING,
                        "%s: %" PRIu64 " of %" PRIu64 " rows differ when scored alone, most of "
                        "all row %" PRIu64 ", by %g in a token's loss or el2n; expected the same "
                        "bits in every layout",
                        m->stage_name, v.n_different, v.n_rows, v.worst_row, v.largest);
    }
    return LOBASS_OK;
}

/* Rows that are longer than a model takes are only a training's own. */
static lobass_status check_rows_are_whole(const measurer *m, lobass_error *error)
{
    uint32_t window_length = 0;
    LB_TRY(lb_window_length_load(&window_length, m->store, error));
    return window_length == UINT32_MAX
               ? LOBASS_OK
               : lb_fail(error, LOBASS_UNSUPPORTED,
                         "%s: its rows are texts to cut windows of, not examples to be chosen from",
                         m->options->run);
}

static lobass_status measure_with(measurer *m, const lobass_observer *observer, lobass_error *error)
{
    memset(m->result, 0, sizeof *m->result);
    LB_TRY(check_arguments(m->options, error));
    (void)snprintf(m->stage_name, sizeof m->stage_name, "measure %s", m->options->name);
    LB_TRY(lb_store_open(&m->store, m->options->run, LB_STORE_WRITE, error));
    LB_TRY(check_rows_are_whole(m, error));
    m->began_seconds = lb_clock_seconds();
    LB_TRY(model_identify(m, error));
    LB_TRY(name_claim(m, error));
    if (m->ends_selection)
    {
        lb_observer_log(observer, LOBASS_LOG_NOTE,
                        "%s: the selection was made from the earlier losses and is ended; the "
                        "run's " LB_RUN_SELECTED ", " LB_RUN_SCORES " and " LB_RUN_MANIFEST
                        " are removed",
                        m->options->run);
    }
    LB_TRY(rows_plan(m, observer, error));
    if (!is_done(m) || m->options->verify > 0)
    {
        LB_TRY(workers_create(m, error));
    }
    if (!is_done(m))
    {
        lb_stage_begin(&m->stage, observer, m->stage_name, "rows", m->totals.n_rows, m->n_due);
        LB_TRY(packs_measure(m, error));
        m->stage.progress.mean_loss = lb_loss_totals_mean(&m->totals);
        LB_TRY(lb_stage_end(&m->stage, error));
    }
    if (m->totals.n_nonfinite > 0)
    {
        lb_observer_log(observer, LOBASS_LOG_WARNING,
                        "%s: %" PRIu64 " of %" PRIu64 " rows have a loss that is not finite; they "
                        "are left out of the mean and cannot be selected",
                        m->stage_name, m->totals.n_nonfinite, m->totals.n_rows);
    }
    LB_TRY(m->options->verify > 0 ? verify(m, observer, error) : LOBASS_OK);
    m->result->n_rows_total = m->totals.n_rows;
    m->result->n_nonfinite = m->totals.n_nonfinite;
    m->result->mean_loss = lb_loss_totals_mean(&m->totals);
    m->result->elapsed_seconds = m->record.seconds;
    return LOBASS_OK;
}

static void measurer_release(measurer *m)
{
    for (size_t i = 0; m->slots != NULL && i < m->n_slots; i++)
    {
        lb_score_slot_free(&m->slots[i]);
    }
    free(m->slots);
    lb_scorers_free(&m->scorers);
    lb_model_free(m->model);
    lb_plan_free(m->plan);
    free(m->is_measured);
    free(m->summaries);
    lb_store_measurement_clear(&m->record);
    lb_store_close(m->store);
}

lobass_status lobass_measure(const lobass_measure_options *options, const lobass_observer *observer,
                             lobass_measure_result *result, lobass_error *error)
{
    lobass_measure_result unused;
    measurer m = {.options = options, .result = result != NULL ? result : &unused};
    const lobass_status status = measure_with(&m, observer, error);
    measurer_release(&m);
    return status;
}

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
    char backend[32];
    lb_score_layout layout;
    lb_store_model record;
    char *adapter;             /* its whole path; NULL: none */
    lb_row_summary *summaries; /* [n_rows] */
    size_t n_rows;
    bool *is_measured; /* [n_rows] */
    uint64_t n_due, n_done;
    size_t max_tokens; /* of a pack */
    lb_plan *plan;
    lb_model *model;
    lb_scorers scorers;
    lb_score_slot *slots; /* [n_slots] */
    size_t n_slots;
    double nll_sum;       /* of all rows measured under the name so far, in nats */
    uint64_t n_scored;    /* tokens in that sum */
    uint64_t n_nonfinite; /* rows left out of it: their loss is not finite */
    bool ends_selection;  /* of the losses that this call replaces */
    lobass_measure_result *result;
    char stage_name[96];
    char machine_fact[128]; /* name of the fact */
    lb_stage stage;
    lb_step_clock clock;
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
    if (size == 0 || size >= sizeof((lb_store_model *)NULL)->name ||
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
    LB_TRY(lb_compute_create(&compute, NULL, 1, error));
    lb_compute_describe(compute, m->dtype == LB_BF16, m->backend, sizeof m->backend);
    /* Rows share what they have in common where that leaves the bits alone. */
    m->layout.is_sharing = lb_compute_is_invariant(compute, m->dtype == LB_BF16) &&
                           !m->options->keeps_prefixes && !m->layout.is_alone;
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
    (void)snprintf(m->record.dtype, sizeof m->record.dtype, "%s",
                   m->dtype == LB_BF16 ? "bf16" : "fp32");
    if (m->options->adapter != NULL)
    {
        LB_TRY_GOTO(lb_adapter_identify(&m->adapter, &weights, m->store, m->options->adapter,
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
    lb_model_use use = LB_MODEL_SCORE;
    LB_TRY(lb_scorers_model_use(&use, NULL, m->dtype, error));
    LB_TRY(lb_model_load(&m->model, m->options->model, m->dtype, use, error));
    return m->adapter == NULL ? LOBASS_OK
                              : lb_lora_load(m->model, m->options->adapter, m->dtype, error);
}

static lobass_status fail_other_model(const measurer *m, const lb_store_model *stored,
                                      const char *stored_backend, lobass_error *error)
{
    static const char with[] = " with the adapter ";
    char *adapter = NULL;
    LB_TRY(lb_adapter_recall(&adapter, m->store, stored->name, error));
    const lobass_status status = lb_fail(
        error, LOBASS_CONFLICT,
        "%s: \"%s\" was measured under %s%s%s (fingerprint %s, %s, backend %s), now %s%s%s "
        "(fingerprint %s, %s, backend %s); overwrite it (-f) or use another name",
        m->options->run, stored->name, stored->path, adapter != NULL ? with : "",
        adapter != NULL ? adapter : "", stored->fingerprint, stored->dtype, stored_backend,
        m->record.path, m->adapter != NULL ? with : "", m->adapter != NULL ? m->adapter : "",
        m->record.fingerprint, m->record.dtype, m->backend);
    free(adapter);
    return status;
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

/* Losses that scores are made of take with them what was selected by them. */
static lobass_status losses_forget(measurer *m, lobass_error *error)
{
    LB_TRY(lb_store_model_remove(m->store, m->record.name, error));
    LB_TRY(lb_store_fact_remove(m->store, m->machine_fact, error));
    m->clock.before_seconds = 0;
    if (strcmp(m->record.name, "initial") != 0 && strcmp(m->record.name, "reference") != 0 &&
        !m->layout.is_alone)
    {
        return LOBASS_OK;
    }
    return selection_forget(m, error);
}

/* The name's losses in the database, if any: *IS_SAME where they were made as this call would. A
 * backend that was not recorded (nothing was measured yet) is no difference; losses without el2n,
 * which an earlier lobass stored, are one where they may be overwritten. */
static lobass_status name_look(measurer *m, bool *is_there, bool *is_same, lobass_error *error)
{
    lb_store_model stored;
    lobass_error found;
    uint64_t n_without = 0;
    char backend[sizeof m->backend];
    lobass_status status = lb_store_model_load(&stored, m->store, m->record.name, &found);
    *is_there = status == LOBASS_OK;
    *is_same = false;
    if (status != LOBASS_OK)
    {
        return status == LOBASS_NOT_FOUND ? LOBASS_OK : lb_fail(error, status, "%s", found.message);
    }
    status = lb_measured_backend_load(backend, sizeof backend, m->store, m->record.name, error);
    *is_same = strcmp(stored.fingerprint, m->record.fingerprint) == 0 &&
               strcmp(stored.dtype, m->record.dtype) == 0 &&
               (backend[0] == '\0' || strcmp(backend, m->backend) == 0);
    if (status == LOBASS_OK && m->options->overwrite)
    {
        status = lb_store_without_el2n_count(&n_without, m->store, stored.id, error);
        *is_same = *is_same && n_without == 0;
    }
    else if (status == LOBASS_OK && !*is_same)
    {
        status = fail_other_model(m, &stored, backend[0] == '\0' ? "unknown" : backend, error);
    }
    lb_store_model_clear(&stored);
    return status;
}

/* Finds the name's losses, or makes room for them; for a model that can be loaded only. */
static lobass_status name_claim(measurer *m, lobass_error *error)
{
    bool is_there = false;
    bool is_same = false;
    lobass_status status = LOBASS_OK;
    LB_TRY(name_look(m, &is_there, &is_same, error));
    if (!is_same)
    {
        LB_TRY(model_load(m, error));
    }
    LB_TRY_GOTO(lb_store_begin(m->store, error));
    if (is_there && !is_same)
    {
        LB_TRY_GOTO(losses_forget(m, error));
    }
    LB_TRY_GOTO(lb_store_model_save(m->store, &m->record, error));
    LB_TRY_GOTO(lb_adapter_record(m->store, m->record.name, m->adapter, error));
    LB_TRY_GOTO(lb_store_commit(m->store, error));
done:
    if (status != LOBASS_OK)
    {
        lb_store_rollback(m->store);
    }
    return status;
}

/* ---- what is to be measured -------------------------------------------------------------------
 */

static lobass_status add_losses(void *context, uint64_t row, const lb_row_losses *losses,
                                lobass_error *error)
{
    measurer *m = context;
    const double sum = lb_losses_sum(losses->nll, losses->n_scored);
    (void)row;
    (void)error;
    m->n_done++;
    if (isfinite(sum))
    {
        m->nll_sum += sum;
        m->n_scored += losses->n_scored;
    }
    else
    {
        m->n_nonfinite++;
    }
    return LOBASS_OK;
}

static double mean_loss(const measurer *m)
{
    return m->n_scored > 0 ? m->nll_sum / (double)m->n_scored : NAN;
}

/* In row order, whatever order they were measured in: the same sum after any resume. */
static lobass_status totals_load(measurer *m, lobass_error *error)
{
    m->nll_sum = 0;
    m->n_scored = 0;
    m->n_nonfinite = 0;
    m->n_done = 0;
    return lb_store_losses_walk(m->store, m->record.id, add_losses, m, error);
}

static lobass_status rows_plan(measurer *m, const lobass_observer *observer, lobass_error *error)
{
    LB_TRY(lb_store_summaries_load(&m->summaries, &m->n_rows, m->store, error));
    LB_TRY(lb_store_measured_load(&m->is_measured, m->n_rows, m->store, m->record.id, error));
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
    LB_TRY(totals_load(m, error));
    if (m->n_done == m->n_due)
    {
        return LOBASS_OK;
    }
    lb_stage_begin(&m->stage, observer, m->stage_name, "rows", m->n_done, m->n_due);
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
        LB_TRY(add_losses(m, row, &losses, error));
        m->is_measured[row] = true;
        m->result->n_rows++;
        m->result->n_tokens += summary->n_tokens;
        m->result->n_scored_tokens += losses.n_scored;
    }
    return LOBASS_OK;
}

static lobass_status wave_save(measurer *m, size_t n_packs, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_store_begin(m->store, error));
    for (size_t i = 0; i < n_packs; i++)
    {
        if (m->slots[i].is_scored)
        {
            LB_TRY_GOTO(slot_save(m, &m->slots[i], error));
        }
    }
    LB_TRY_GOTO(lb_step_clock_save(&m->clock, m->store, error));
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
    return lb_stage_advance(&m->stage, m->n_done, m->result->n_tokens - n_tokens_before,
                            mean_loss(m), error);
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
                    m->options->name, n_packs, m->max_tokens, n_least, m->record.dtype, m->backend);
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

static lobass_status machine_record(measurer *m, lobass_error *error)
{
    lb_buffer text = {0};
    lobass_status status = LOBASS_OK;
    lb_json_writer writer = lb_json_writer_begin(&text, false, error);
    lb_json_open(&writer, NULL, '{');
    lb_json_put_text(&writer, "backend", m->backend);
    lb_json_put_count(&writer, "threads", m->scorers.n_workers);
    lb_json_close(&writer, '}');
    LB_TRY_GOTO(writer.status);
    status = lb_store_fact_save(m->store, m->machine_fact, text.data, error);
done:
    lb_buffer_free(&text);
    return status;
}

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
    (void)snprintf(m->machine_fact, sizeof m->machine_fact, LB_FACT_MACHINE, m->options->name);
    LB_TRY(lb_store_open(&m->store, m->options->run, LB_STORE_WRITE, error));
    LB_TRY(check_rows_are_whole(m, error));
    LB_TRY(lb_step_clock_begin(&m->clock, m->store, m->stage_name, error));
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
    if (m->n_done < m->n_due || m->options->verify > 0)
    {
        LB_TRY(workers_create(m, error));
    }
    if (m->n_done < m->n_due)
    {
        LB_TRY(machine_record(m, error));
        lb_stage_begin(&m->stage, observer, m->stage_name, "rows", m->n_done, m->n_due);
        LB_TRY(packs_measure(m, error));
        LB_TRY(totals_load(m, error));
        m->stage.progress.mean_loss = mean_loss(m);
        LB_TRY(lb_stage_end(&m->stage, error));
    }
    if (m->n_nonfinite > 0)
    {
        lb_observer_log(observer, LOBASS_LOG_WARNING,
                        "%s: %" PRIu64 " of %" PRIu64 " rows have a loss that is not finite; they "
                        "are left out of the mean and cannot be selected",
                        m->stage_name, m->n_nonfinite, m->n_done);
    }
    LB_TRY(m->options->verify > 0 ? verify(m, observer, error) : LOBASS_OK);
    m->result->n_rows_total = m->n_done;
    m->result->n_nonfinite = m->n_nonfinite;
    m->result->mean_loss = mean_loss(m);
    return lb_step_seconds_load(&m->result->elapsed_seconds, m->store, m->stage_name, error);
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
    lb_store_model_clear(&m->record);
    free(m->adapter);
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

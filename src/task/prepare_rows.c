/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of a run, in waves. While one batch of records is frozen by all threads, one of them
 * stores the batch before it and reads the batch after it: these are chunks 0 and 1 of a wave, and
 * each record to be frozen is one more. Who does what is decided at run time; what comes out is
 * not, since batches are cut by the data alone and stored in order, one transaction each. An
 * earlier call's rows come first: their records are read again and must be what they were.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "task/preparer.h"

#define MOST_WARNINGS 10
#define N_BATCHES 3  /* one read, one frozen, one stored */
#define N_ERRANDS 2U /* chunks of a wave that are not records: storing and reading */

/* A batch on its way. */
typedef struct cargo
{
    lb_freeze_batch *batch;
    bool is_full;         /* there is a batch, be it of no record */
    uint32_t source;      /* all of its records are of one source */
    bool is_last;         /* the source ends with it */
    uint64_t n_records;   /* of the source, up to its end */
    lb_file_state state;  /* of the source when its reading began */
    lb_buffer note;       /* what its reader passed over */
    lobass_status status; /* of what was done with it last */
    lobass_error error;
} cargo;

typedef struct maker
{
    lb_preparer *p;
    lb_pool *pool;
    lb_freezer **freezers; /* [n_freezers], one a thread */
    unsigned n_freezers;
    cargo cargos[N_BATCHES];
    cargo *storing, *freezing, *reading;
    uint32_t source;          /* that is read, or the next one */
    lb_record_reader *reader; /* NULL: not opened yet */
    lb_file_state state;      /* of its file before it was opened */
    uint64_t n_read;          /* records of the source */
} maker;

/* ---- bad records ------------------------------------------------------------------------------
 */

static lobass_status fail_bad_record(const lb_preparer *p, const lobass_row *row,
                                     lobass_error *error)
{
    return lb_fail(error, LOBASS_BAD_FORMAT, "%s:%" PRIu64 ": %s", p->options->data[row->source],
                   row->line, row->reason != NULL ? row->reason : "a bad record");
}

lobass_status lb_prepare_check_strict(const lb_preparer *p, lobass_error *error)
{
    lb_row_summary *summaries = NULL;
    size_t n_rows = 0;
    size_t row = 0;
    LB_TRY(lb_store_summaries_load(&summaries, &n_rows, p->store, error));
    while (row < n_rows && summaries[row].status != LOBASS_ROW_BAD_RECORD)
    {
        row++;
    }
    free(summaries);
    if (row == n_rows)
    {
        return LOBASS_OK;
    }
    lobass_row bad;
    LB_TRY(lb_store_row_load(&bad, p->store, row, error));
    return fail_bad_record(p, &bad, error);
}

/* Of a batch that was stored, in the calling thread. */
static void note_source(const lb_preparer *p, const cargo *stored)
{
    const char *path = p->options->data[stored->source];
    if (stored->is_last && stored->n_records == 0)
    {
        lb_observer_log(p->observer, LOBASS_LOG_WARNING, "%s: no record in it", path);
    }
    else if (stored->is_last && stored->note.size > 0)
    {
        lb_observer_log(p->observer, LOBASS_LOG_NOTE, "%s: %s", path, stored->note.data);
    }
}

static void warn_bad_records(lb_preparer *p, cargo *stored)
{
    for (size_t i = 0; i < lb_freeze_batch_count(stored->batch); i++)
    {
        const lobass_row *row = &lb_freeze_batch_at(stored->batch, i)->row;
        if (row->status != LOBASS_ROW_BAD_RECORD)
        {
            continue;
        }
        p->n_bad++;
        if (p->n_bad <= MOST_WARNINGS)
        {
            lb_observer_log(p->observer, LOBASS_LOG_WARNING, "%s:%" PRIu64 ": %s",
                            p->options->data[row->source], row->line, row->reason);
        }
    }
}

/* A source of which nothing can be read is no data file; so says who reads its first record. */
static void source_account(lb_preparer *p, const lobass_row *row)
{
    if (row->source != p->latest.source)
    {
        memset(&p->latest, 0, sizeof p->latest);
        p->latest.source = row->source;
    }
    p->latest.n_rows++;
    if (row->status == LOBASS_ROW_BAD_RECORD && p->latest.n_bad++ == 0)
    {
        p->latest.line = row->line;
        (void)snprintf(p->latest.reason, sizeof p->latest.reason, "%s",
                       row->reason != NULL ? row->reason : "a bad record");
    }
}

static lobass_status source_check(const lb_preparer *p, uint32_t source, lobass_error *error)
{
    const char *path = p->options->data[source];
    const bool has_rows = p->latest.source == source && p->latest.n_rows > 0;
    if (!has_rows || p->latest.n_bad < p->latest.n_rows)
    {
        return LOBASS_OK;
    }
    return lb_fail(error, LOBASS_BAD_FORMAT,
                   "%s:%" PRIu64 ": %s; none of the %" PRIu64 " records in the file can be read",
                   path, p->latest.line, p->latest.reason, p->latest.n_rows);
}

/* ---- what is known of the rows ----------------------------------------------------------------
 */

/* The next row is stored with this hash. */
static void row_account(lb_preparer *p, lb_hash hash, int32_t highest_id)
{
    char text[LB_HASH_TEXT_SIZE];
    lb_hash_text(hash, text);
    lb_hasher_update(p->rows_hash, text, sizeof text);
    p->highest_id = highest_id > p->highest_id ? highest_id : p->highest_id;
    p->n_rows++;
}

/* ---- what is told of them ----------------------------------------------------------------------
 */

lobass_status lb_prepare_notes_load(uint64_t notes[LOBASS_NOTE_COUNT], lb_store *store,
                                    lobass_error *error)
{
    char *text = NULL;
    memset(notes, 0, LOBASS_NOTE_COUNT * sizeof *notes);
    LB_TRY(lb_store_fact_load(&text, store, LB_FACT_NOTES, error));
    char *at = text;
    for (size_t i = 0; i < LOBASS_NOTE_COUNT && at != NULL; i++)
    {
        notes[i] = strtoull(at, &at, 10);
    }
    free(text);
    return LOBASS_OK;
}

/* Runs of which there is nothing to tell keep no fact of it. */
static lobass_status notes_save(const lb_preparer *p, lobass_error *error)
{
    char text[32 * LOBASS_NOTE_COUNT];
    size_t used = 0;
    uint64_t any = 0;
    for (size_t i = 0; i < LOBASS_NOTE_COUNT; i++)
    {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRIu64, i > 0 ? " " : "",
                                 p->notes[i]);
        any |= p->notes[i];
    }
    return any == 0 ? LOBASS_OK : lb_store_fact_save(p->store, LB_FACT_NOTES, text, error);
}

/* ---- rows of an earlier call ------------------------------------------------------------------
 */

static lobass_status source_open(maker *m, lobass_error *error)
{
    const lb_preparer *p = m->p;
    char *path = lb_source_file(p->options->run, p->sources[m->source].path, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    m->n_read = 0;
    lobass_status status = lb_file_state_read(&m->state, p->sources[m->source].path, error);
    if (status == LOBASS_OK)
    {
        status = lb_record_reader_open(&m->reader, path, error);
    }
    free(path);
    return status;
}

static void source_close(maker *m)
{
    lb_record_reader_close(m->reader);
    m->reader = NULL;
    m->source++;
}

/* The record of a stored row is read again. */
static lobass_status record_compare(maker *m, const lobass_row *row, lobass_error *error)
{
    const char *path = m->p->options->data[m->source];
    lb_record record;
    bool has_record = false;
    LB_TRY(lb_record_reader_next(m->reader, &record, &has_record, error));
    if (!has_record)
    {
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s: ends before row %" PRIu64 ", which was read from it: the data "
                       "changed since; overwrite the run (-f) or use another folder",
                       path, row->row);
    }
    const lb_hash hash = lb_hash_bytes(record.data, record.size, 0);
    if (hash.high != row->hash[0] || hash.low != row->hash[1])
    {
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s:%" PRIu64 ": not the record that was read as row %" PRIu64
                       ": the data changed since; overwrite the run (-f) or use another folder",
                       path, record.line, row->row);
    }
    m->n_read++;
    return LOBASS_OK;
}

static lobass_status stored_account(lb_preparer *p, const lobass_row *row, lobass_error *error)
{
    const bool is_bad = row->status == LOBASS_ROW_BAD_RECORD;
    const lb_hash hash = lb_row_hash(row);
    int32_t highest_id = -1;
    if (is_bad && p->format.is_strict)
    {
        return fail_bad_record(p, row, error);
    }
    p->n_bad += is_bad ? 1 : 0;
    source_account(p, row);
    if (p->format.mark_duplicates && row->n_scored > 0)
    {
        uint64_t earlier = 0;
        LB_TRY(lb_duplicates_add(&p->duplicates, hash, row->row, &earlier, error));
    }
    for (size_t t = 0; t < row->n_tokens; t++)
    {
        highest_id = row->ids[t] > highest_id ? row->ids[t] : highest_id;
    }
    row_account(p, hash, highest_id);
    return LOBASS_OK;
}

/* Rows are stored in the order of the sources, so those of a source follow each other. */
static lobass_status stored_read(maker *m, uint64_t n_stored, lobass_error *error)
{
    lb_preparer *p = m->p;
    while (p->n_rows < n_stored)
    {
        lobass_row row;
        LB_TRY(lb_store_row_load(&row, p->store, p->n_rows, error));
        while (m->source < p->options->n_data && m->source < row.source &&
               p->sources[m->source].is_complete)
        {
            m->source++;
        }
        if (m->source != row.source)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "%s: row %" PRIu64 ": of source %" PRIu32 ", expected %" PRIu32,
                           p->options->run, row.row, row.source, m->source);
        }
        if (!p->sources[m->source].is_complete)
        {
            LB_TRY(m->reader == NULL ? source_open(m, error) : LOBASS_OK);
            LB_TRY(record_compare(m, &row, error));
        }
        LB_TRY(stored_account(p, &row, error));
    }
    while (m->source < p->options->n_data && p->sources[m->source].is_complete)
    {
        m->source++;
    }
    return LOBASS_OK;
}

/* In one transaction: a lock a row would cost more than the row. */
static lobass_status stored_take_up(maker *m, uint64_t n_stored, lobass_error *error)
{
    LB_TRY(lb_store_begin(m->p->store, error));
    const lobass_status status = stored_read(m, n_stored, error);
    lb_store_rollback(m->p->store);
    return status;
}

/* ---- storing ----------------------------------------------------------------------------------
 */

static lobass_status row_save(lb_preparer *p, cargo *stored, size_t index, lobass_error *error)
{
    lb_frozen *frozen = lb_freeze_batch_at(stored->batch, index);
    lobass_row *row = &frozen->row;
    char reason[64];
    row->row = p->n_rows;
    row->source = stored->source;
    if (p->format.mark_duplicates && row->n_scored > 0)
    {
        uint64_t earlier = 0;
        LB_TRY(lb_duplicates_add(&p->duplicates, frozen->hash, row->row, &earlier, error));
        if (earlier != row->row)
        {
            (void)snprintf(reason, sizeof reason, "the same tokens as row %" PRIu64, earlier);
            row->reason = reason;
            lb_freeze_batch_mark_duplicate(stored->batch, index);
        }
    }
    if (row->status == LOBASS_ROW_BAD_RECORD && p->format.is_strict)
    {
        return fail_bad_record(p, row, error);
    }
    for (size_t i = 0; i < LOBASS_NOTE_COUNT; i++)
    {
        p->notes[i] += frozen->notes >> i & 1U;
    }
    LB_TRY(lb_store_row_save(p->store, row, error));
    source_account(p, row);
    row_account(p, frozen->hash, frozen->highest_id);
    const char *name = frozen->ignored;
    for (size_t i = 0; i < frozen->n_ignored; i++, name += strlen(name) + 1)
    {
        lb_ignored_add(&p->ignored, name);
    }
    return LOBASS_OK;
}

/* One transaction: the batch's rows and what is now known of their source. */
static lobass_status batch_store(lb_preparer *p, cargo *stored, lobass_error *error)
{
    lb_store_source *source = &p->sources[stored->source];
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_store_begin(p->store, error));
    for (size_t i = 0; i < lb_freeze_batch_count(stored->batch); i++)
    {
        LB_TRY_GOTO(row_save(p, stored, i, error));
    }
    LB_TRY_GOTO(stored->is_last ? source_check(p, stored->source, error) : LOBASS_OK);
    source->is_complete = stored->is_last;
    source->n_records = stored->is_last ? stored->n_records : 0;
    LB_TRY_GOTO(lb_store_source_save(p->store, stored->source, source, error));
    if (stored->is_last)
    {
        LB_TRY_GOTO(lb_source_state_save(p->store, stored->source, &stored->state, error));
    }
    LB_TRY_GOTO(p->ignored.n_fields > 0 ? lb_ignored_save(&p->ignored, p->store, error)
                                        : LOBASS_OK);
    LB_TRY_GOTO(notes_save(p, error));
    LB_TRY_GOTO(lb_step_clock_save(&p->clock, p->store, error));
    LB_TRY_GOTO(lb_store_commit(p->store, error));
done:
    if (status != LOBASS_OK)
    {
        lb_store_rollback(p->store);
    }
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* The next records of a source, up to a batch or the source's end; none after the last source. */
static lobass_status batch_read(maker *m, cargo *read, lobass_error *error)
{
    lb_freeze_batch_clear(read->batch);
    read->is_full = m->source < m->p->options->n_data;
    if (!read->is_full)
    {
        return LOBASS_OK;
    }
    read->source = m->source;
    read->is_last = false;
    LB_TRY(m->reader == NULL ? source_open(m, error) : LOBASS_OK);
    while (!read->is_last && !lb_freeze_batch_is_full(read->batch))
    {
        lb_record record;
        bool has_record = false;
        LB_TRY(lb_record_reader_next(m->reader, &record, &has_record, error));
        if (has_record)
        {
            LB_TRY(lb_freeze_batch_add(read->batch, &record, error));
            m->n_read++;
        }
        read->is_last = !has_record;
    }
    read->n_records = m->n_read;
    read->state = m->state;
    lb_buffer_clear(&read->note);
    if (read->is_last)
    {
        const char *note = lb_record_reader_note(m->reader);
        LB_TRY(note != NULL ? lb_buffer_append_text(&read->note, note, error) : LOBASS_OK);
        source_close(m);
    }
    return LOBASS_OK;
}

/* ---- waves ------------------------------------------------------------------------------------
 */

static void chunk_do(void *context, size_t chunk, unsigned worker)
{
    maker *m = context;
    if (chunk >= N_ERRANDS)
    {
        lb_freeze_batch_freeze(m->freezing->batch, chunk - N_ERRANDS, m->freezers[worker]);
    }
    else if (chunk == 0 && m->storing->is_full)
    {
        m->storing->status = batch_store(m->p, m->storing, &m->storing->error);
    }
    else if (chunk == 1)
    {
        m->reading->status = batch_read(m, m->reading, &m->reading->error);
    }
}

static lobass_status fail_again(const cargo *failed, lobass_error *error)
{
    return lb_fail(error, failed->status, "%s", failed->error.message);
}

static lobass_status stored_report(lb_preparer *p, cargo *stored, lobass_error *error)
{
    uint64_t n_tokens = 0;
    for (size_t i = 0; i < lb_freeze_batch_count(stored->batch); i++)
    {
        n_tokens += lb_freeze_batch_at(stored->batch, i)->row.n_tokens;
    }
    warn_bad_records(p, stored);
    note_source(p, stored);
    return lb_stage_advance(&p->stage, p->n_rows, n_tokens, NAN, error);
}

/* A failure is told once all that came before it is stored: reading's, one wave later. */
static lobass_status wave_run(maker *m, lobass_error *error)
{
    cargo *frozen = m->freezing;
    const bool is_frozen = frozen->is_full && frozen->status == LOBASS_OK;
    const size_t n_records = is_frozen ? lb_freeze_batch_count(frozen->batch) : 0;
    lb_pool_run(m->pool, N_ERRANDS + n_records, chunk_do, m);
    if (m->storing->is_full)
    {
        LB_TRY(m->storing->status == LOBASS_OK ? LOBASS_OK : fail_again(m->storing, error));
        LB_TRY(stored_report(m->p, m->storing, error));
    }
    if (frozen->status != LOBASS_OK)
    {
        return fail_again(frozen, error);
    }
    return is_frozen
               ? lb_freeze_batch_check(frozen->batch, m->p->options->data[frozen->source], error)
               : LOBASS_OK;
}

static lobass_status waves_run(maker *m, lobass_error *error)
{
    m->storing = &m->cargos[0];
    m->freezing = &m->cargos[1];
    m->reading = &m->cargos[2];
    do
    {
        LB_TRY(wave_run(m, error));
        cargo *stored = m->storing;
        m->storing = m->freezing;
        m->freezing = m->reading;
        m->reading = stored;
        m->reading->is_full = false;
    } while (m->storing->is_full || m->freezing->is_full);
    return LOBASS_OK;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static lobass_status maker_fill(maker *m, lobass_error *error)
{
    const lb_preparer *p = m->p;
    LB_TRY(lb_pool_create(&m->pool, p->options->n_threads, error));
    const unsigned n_threads = lb_pool_thread_count(m->pool);
    m->freezers = lb_alloc(n_threads, sizeof(lb_freezer *), error);
    if (m->freezers == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    while (m->n_freezers < n_threads)
    {
        LB_TRY(lb_freezer_create(&m->freezers[m->n_freezers], p->tokenizer, &p->format,
                                 p->config.eos, p->config.n_vocabulary, error));
        m->n_freezers++;
    }
    for (size_t i = 0; i < N_BATCHES; i++)
    {
        LB_TRY(lb_freeze_batch_create(&m->cargos[i].batch, error));
    }
    return LOBASS_OK;
}

static void maker_release(maker *m)
{
    for (size_t i = 0; i < N_BATCHES; i++)
    {
        lb_freeze_batch_free(m->cargos[i].batch);
        lb_buffer_free(&m->cargos[i].note);
    }
    for (unsigned i = 0; i < m->n_freezers; i++)
    {
        lb_freezer_free(m->freezers[i]);
    }
    free(m->freezers);
    lb_pool_free(m->pool);
    lb_record_reader_close(m->reader);
}

static lobass_status hash_begin(lb_preparer *p, lobass_error *error)
{
    p->highest_id = -1;
    LB_TRY(lb_hasher_create(&p->rows_hash, 0, error));
    lb_hasher_update(p->rows_hash, p->tokenizer_hash, strlen(p->tokenizer_hash));
    lb_hasher_update(p->rows_hash, p->format_json, strlen(p->format_json));
    return LOBASS_OK;
}

lobass_status lb_prepare_rows(lb_preparer *p, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    maker m = {.p = p};
    uint64_t n_stored = 0;
    LB_TRY(hash_begin(p, error));
    LB_TRY(lb_store_row_count(&n_stored, p->store, error));
    LB_TRY(lb_ignored_load(&p->ignored, p->store, error));
    LB_TRY(lb_prepare_notes_load(p->notes, p->store, error));
    lb_stage_begin(&p->stage, p->observer, "prepare", "records", n_stored, 0);
    LB_TRY_GOTO(maker_fill(&m, error));
    LB_TRY_GOTO(stored_take_up(&m, n_stored, error));
    LB_TRY_GOTO(waves_run(&m, error));
    if (p->n_bad > MOST_WARNINGS)
    {
        lb_observer_log(p->observer, LOBASS_LOG_WARNING, "%s: %" PRIu64 " bad records in all",
                        p->options->run, p->n_bad);
    }
done:
    maker_release(&m);
    return status;
}

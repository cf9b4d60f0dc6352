/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_prepare: records -> frozen rows in the run's database. Streams: a batch of records is
 * read, frozen and committed, whatever the size of the data. A prepare that was stopped goes on
 * after its last committed row, once it has seen that the data before it are still the same. At the
 * end all rows are hashed in order into the tokenisation hash, which marks the run as prepared:
 *     XXH3-128 over the tokenizer's hash, the options' JSON, and lb_row_hash() of every row.
 */
#include "task/facts.h"
#include "task/folders.h"
#include "task/prepare_private.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_WARNINGS 10

/* Everything a prepare works with. */
typedef struct preparer
{
    const lobass_prepare_options *options;
    const lobass_observer *observer;
    lobass_format_options format; /* with the model's defaults filled in */
    char *format_json;
    lb_config config;
    lobass_tokenizer *tokenizer;
    char tokenizer_hash[LB_HASH_TEXT_SIZE];
    lb_store_source *sources; /* [options->n_data] */
    lb_store *store;
    lb_freeze_batch *batch;
    lb_duplicates duplicates;
    lb_row_summary *stored; /* [n_stored], rows of an earlier call */
    size_t n_stored;
    bool is_begun_here; /* nothing was recorded before this call */
    uint64_t n_rows, n_bad;
    lb_stage stage;
    lb_step_clock clock;
} preparer;

/* ---- what is to be done -----------------------------------------------------------------------
 */

static lobass_status check_arguments(const lobass_prepare_options *options, lobass_error *error)
{
    if (options->model == NULL || options->run == NULL || options->run[0] == '\0')
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "prepare: expected a model and a run's folder");
    }
    if (options->data == NULL || options->n_data == 0)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "prepare: expected at least one data file");
    }
    return LOBASS_OK;
}

static lobass_status model_read(preparer *p, lobass_error *error)
{
    LB_TRY(lb_config_load(&p->config, p->options->model, error));
    LB_TRY(lobass_tokenizer_load(&p->tokenizer, p->options->model, error));
    lb_hash_text(lb_tokenizer_hash(p->tokenizer), p->tokenizer_hash);
    p->format = p->options->format;
    LB_TRY(lb_format_options_resolve(&p->format, p->tokenizer, &p->config, p->observer, error));
    return lb_format_options_to_json(&p->format_json, &p->format, error);
}

static int32_t end_token(const preparer *p)
{
    const int32_t own = lb_tokenizer_special_ids(p->tokenizer).eos;
    return own >= 0 ? own : p->config.eos;
}

static lobass_status compare_sources(const preparer *p, const lb_store_source *stored,
                                     size_t n_stored, lobass_error *error)
{
    const size_t n_data = p->options->n_data;
    for (size_t i = 0; i < n_stored || i < n_data; i++)
    {
        const char *before = i < n_stored ? stored[i].path : "nothing";
        const char *now = i < n_data ? p->sources[i].path : "nothing";
        if (strcmp(before, now) != 0)
        {
            return lb_fail(error, LOBASS_CONFLICT,
                           "%s: prepared with \"%s\" as data file %zu, now \"%s\"; expected the "
                           "same files; overwrite it (-f) or use another folder",
                           p->options->run, before, i + 1, now);
        }
    }
    return LOBASS_OK;
}

/* What the model says beside its tokenizer must be what the rows were made with. */
static lobass_status compare_number(const preparer *p, const char *fact, int64_t now,
                                    lobass_error *error)
{
    char *recorded = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_store_fact_load(&recorded, p->store, fact, error));
    if (recorded != NULL && strtoll(recorded, NULL, 10) != now)
    {
        status = lb_fail(error, LOBASS_CONFLICT,
                         "%s: prepared for a model with \"%s\": %s, that of %s is %" PRId64
                         "; overwrite it (-f) or use another folder",
                         p->options->run, fact, recorded, p->options->model, now);
    }
    free(recorded);
    return status;
}

/* *HAS_BEGUN: an earlier call recorded what it does, and that is what is asked for now. */
static lobass_status compare_recorded(preparer *p, bool *has_begun, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    char *options = NULL;
    char *tokenizer = NULL;
    lb_store_source *sources = NULL;
    size_t n_sources = 0;
    LB_TRY_GOTO(lb_store_fact_load(&options, p->store, LB_FACT_OPTIONS, error));
    LB_TRY_GOTO(lb_store_fact_load(&tokenizer, p->store, LB_FACT_TOKENIZER_HASH, error));
    *has_begun = options != NULL && tokenizer != NULL;
    if (!*has_begun)
    {
        goto done;
    }
    LB_TRY_GOTO(lb_options_compare(options, p->format_json, p->options->run, error));
    if (strcmp(tokenizer, p->tokenizer_hash) != 0)
    {
        status =
            lb_fail(error, LOBASS_CONFLICT,
                    "%s: prepared with a tokenizer of hash %s, that of %s has %s; overwrite it "
                    "(-f) or use another folder",
                    p->options->run, tokenizer, p->options->model, p->tokenizer_hash);
        goto done;
    }
    LB_TRY_GOTO(compare_number(p, LB_FACT_VOCABULARY, (int64_t)p->config.n_vocabulary, error));
    LB_TRY_GOTO(compare_number(p, LB_FACT_EOS, end_token(p), error));
    LB_TRY_GOTO(lb_store_sources_load(&sources, &n_sources, p->store, error));
    LB_TRY_GOTO(compare_sources(p, sources, n_sources, error));
    for (size_t i = 0; i < n_sources; i++)
    {
        p->sources[i].n_records = sources[i].n_records;
        p->sources[i].is_complete = sources[i].is_complete;
    }
done:
    lb_store_sources_free(sources, n_sources);
    free(options);
    free(tokenizer);
    return status;
}

static lobass_status record_facts(const preparer *p, lobass_error *error)
{
    char vocabulary[32];
    char eos[32];
    char *model = realpath(p->options->model, NULL);
    (void)snprintf(vocabulary, sizeof vocabulary, "%zu", p->config.n_vocabulary);
    (void)snprintf(eos, sizeof eos, "%" PRId32, end_token(p));
    const char *const facts[][2] = {
        {LB_FACT_VERSION, lobass_version()},
        {LB_FACT_MODEL, model != NULL ? model : p->options->model},
        {LB_FACT_OPTIONS, p->format_json},
        {LB_FACT_TOKENIZER_HASH, p->tokenizer_hash},
        {LB_FACT_VOCABULARY, vocabulary},
        {LB_FACT_EOS, eos},
    };
    lobass_status status = lb_store_begin(p->store, error);
    for (size_t i = 0; i < sizeof facts / sizeof *facts && status == LOBASS_OK; i++)
    {
        status = lb_store_fact_save(p->store, facts[i][0], facts[i][1], error);
    }
    for (size_t i = 0; i < p->options->n_data && status == LOBASS_OK; i++)
    {
        status = lb_store_source_save(p->store, (uint32_t)i, &p->sources[i], error);
    }
    free(model);
    if (status != LOBASS_OK)
    {
        lb_store_rollback(p->store);
        return status;
    }
    return lb_store_commit(p->store, error);
}

/* ---- rows of an earlier call ------------------------------------------------------------------
 */

static lobass_status fail_bad_record(const preparer *p, const lobass_row *row, lobass_error *error)
{
    return lb_fail(error, LOBASS_BAD_FORMAT, "%s:%" PRIu64 ": %s", p->options->data[row->source],
                   row->line, row->reason != NULL ? row->reason : "a bad record");
}

/* Looks at what is stored: bad records, and tokens that may come again. */
static lobass_status stored_load(preparer *p, lobass_error *error)
{
    LB_TRY(lb_store_summaries_load(&p->stored, &p->n_stored, p->store, error));
    for (size_t i = 0; i < p->n_stored; i++)
    {
        const lb_row_summary *summary = &p->stored[i];
        const bool is_bad = summary->status == LOBASS_ROW_BAD_RECORD;
        const bool may_repeat = p->format.mark_duplicates && summary->n_scored > 0;
        lobass_row row;
        p->n_bad += is_bad ? 1 : 0;
        if (!may_repeat && !(is_bad && p->format.is_strict))
        {
            continue;
        }
        LB_TRY(lb_store_row_load(&row, p->store, i, error));
        if (is_bad && p->format.is_strict)
        {
            return fail_bad_record(p, &row, error);
        }
        uint64_t earlier = 0;
        LB_TRY(lb_duplicates_add(&p->duplicates, lb_row_hash(&row), i, &earlier, error));
    }
    return LOBASS_OK;
}

/* Reads past the records of the source that are stored; they must be what they were. */
static lobass_status skip_stored(preparer *p, uint32_t source, const char *path,
                                 lb_record_reader *reader, lobass_error *error)
{
    while (p->n_rows < p->n_stored && p->stored[p->n_rows].source == source)
    {
        const lb_row_summary *expected = &p->stored[p->n_rows];
        lb_record record;
        bool has_record = false;
        LB_TRY(lb_record_reader_next(reader, &record, &has_record, error));
        if (!has_record)
        {
            return lb_fail(error, LOBASS_CONFLICT,
                           "%s: ends before row %" PRIu64 ", which was read from it: the data "
                           "changed since; overwrite the run (-f) or use another folder",
                           path, p->n_rows);
        }
        const lb_hash hash = lb_hash_bytes(record.data, record.size, 0);
        if (hash.high != expected->hash[0] || hash.low != expected->hash[1])
        {
            return lb_fail(error, LOBASS_CONFLICT,
                           "%s:%" PRIu64 ": not the record that was read as row %" PRIu64
                           ": the data changed since; overwrite the run (-f) or use another folder",
                           path, record.line, p->n_rows);
        }
        p->n_rows++;
    }
    return LOBASS_OK;
}

/* ---- new rows ---------------------------------------------------------------------------------
 */

static void warn_bad_record(preparer *p, const lobass_row *row)
{
    p->n_bad++;
    if (p->n_bad <= MOST_WARNINGS)
    {
        lb_observer_log(p->observer, LOBASS_LOG_WARNING, "%s:%" PRIu64 ": %s",
                        p->options->data[row->source], row->line, row->reason);
    }
}

static lobass_status judge_duplicate(preparer *p, lobass_row *row, char *reason,
                                     size_t reason_bytes, lobass_error *error)
{
    uint64_t earlier = 0;
    LB_TRY(lb_duplicates_add(&p->duplicates, lb_row_hash(row), row->row, &earlier, error));
    if (earlier != row->row)
    {
        (void)snprintf(reason, reason_bytes, "the same tokens as row %" PRIu64, earlier);
        row->status = LOBASS_ROW_DUPLICATE;
        row->reason = reason;
        lb_freeze_row_unscore(row);
    }
    return LOBASS_OK;
}

static lobass_status row_save(preparer *p, uint32_t source, lobass_row *row, lobass_error *error)
{
    char reason[64];
    row->row = p->n_rows;
    row->source = source;
    if (p->format.mark_duplicates && row->n_scored > 0)
    {
        LB_TRY(judge_duplicate(p, row, reason, sizeof reason, error));
    }
    if (row->status == LOBASS_ROW_BAD_RECORD && p->format.is_strict)
    {
        return fail_bad_record(p, row, error);
    }
    LB_TRY(lb_store_row_save(p->store, row, error));
    if (row->status == LOBASS_ROW_BAD_RECORD)
    {
        warn_bad_record(p, row);
    }
    p->n_rows++;
    return LOBASS_OK;
}

static lobass_status batch_save(preparer *p, uint32_t source, uint64_t *n_tokens,
                                lobass_error *error)
{
    *n_tokens = 0;
    for (size_t i = 0; i < lb_freeze_batch_count(p->batch); i++)
    {
        lobass_row *row = lb_freeze_batch_at(p->batch, i);
        LB_TRY(row_save(p, source, row, error));
        *n_tokens += row->n_tokens;
    }
    LB_TRY(lb_store_source_save(p->store, source, &p->sources[source], error));
    return lb_step_clock_save(&p->clock, p->store, error);
}

/* One transaction: the batch's rows and what is now known of their source. */
static lobass_status batch_commit(preparer *p, uint32_t source, lobass_error *error)
{
    uint64_t n_tokens = 0;
    LB_TRY(lb_freeze_batch_run(p->batch, p->options->data[source], error));
    LB_TRY(lb_store_begin(p->store, error));
    const lobass_status status = batch_save(p, source, &n_tokens, error);
    if (status != LOBASS_OK)
    {
        lb_store_rollback(p->store);
        return status;
    }
    LB_TRY(lb_store_commit(p->store, error));
    lb_freeze_batch_clear(p->batch);
    return lb_stage_advance(&p->stage, p->n_rows, n_tokens, NAN, error);
}

static lobass_status source_read(preparer *p, uint32_t source, const char *path,
                                 lb_record_reader *reader, lobass_error *error)
{
    const uint64_t first_row = p->n_rows;
    bool has_record = true;
    LB_TRY(skip_stored(p, source, path, reader, error));
    while (has_record)
    {
        lb_record record;
        LB_TRY(lb_record_reader_next(reader, &record, &has_record, error));
        if (has_record)
        {
            LB_TRY(lb_freeze_batch_add(p->batch, &record, error));
        }
        else
        {
            const uint64_t n_waiting = lb_freeze_batch_count(p->batch);
            p->sources[source].n_records = p->n_rows - first_row + n_waiting;
            p->sources[source].is_complete = true;
        }
        if (!has_record || lb_freeze_batch_is_full(p->batch))
        {
            LB_TRY(batch_commit(p, source, error));
        }
    }
    return LOBASS_OK;
}

static lobass_status sources_read(preparer *p, lobass_error *error)
{
    for (uint32_t i = 0; i < p->options->n_data; i++)
    {
        lb_record_reader *reader = NULL;
        if (p->sources[i].is_complete)
        {
            p->n_rows += p->sources[i].n_records;
            continue;
        }
        char *path = lb_source_file(p->options->run, p->sources[i].path, error);
        if (path == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        lobass_status status = lb_record_reader_open(&reader, path, error);
        if (status == LOBASS_OK)
        {
            status = source_read(p, i, p->options->data[i], reader, error);
        }
        lb_record_reader_close(reader);
        free(path);
        LB_TRY(status);
    }
    return LOBASS_OK;
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static lobass_status rows_hash(preparer *p, lb_hasher *hasher, int32_t *highest_id,
                               lobass_error *error)
{
    lb_hasher_update(hasher, p->tokenizer_hash, strlen(p->tokenizer_hash));
    lb_hasher_update(hasher, p->format_json, strlen(p->format_json));
    for (uint64_t i = 0; i < p->n_rows; i++)
    {
        lobass_row row;
        char text[LB_HASH_TEXT_SIZE];
        LB_TRY(lb_store_row_load(&row, p->store, i, error));
        lb_hash_text(lb_row_hash(&row), text);
        lb_hasher_update(hasher, text, sizeof text);
        for (size_t t = 0; t < row.n_tokens; t++)
        {
            *highest_id = row.ids[t] > *highest_id ? row.ids[t] : *highest_id;
        }
    }
    return LOBASS_OK;
}

static lobass_status finish(preparer *p, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    lb_hasher *hasher = NULL;
    int32_t highest_id = -1;
    char text[LB_HASH_TEXT_SIZE];
    char highest[32];
    LB_TRY_GOTO(lb_hasher_create(&hasher, 0, error));
    LB_TRY_GOTO(rows_hash(p, hasher, &highest_id, error));
    lb_hash_text(lb_hasher_value(hasher), text);
    (void)snprintf(highest, sizeof highest, "%" PRId32, highest_id);
    LB_TRY_GOTO(lb_store_begin(p->store, error));
    LB_TRY_GOTO(lb_store_fact_save(p->store, LB_FACT_HIGHEST_ID, highest, error));
    LB_TRY_GOTO(lb_sources_state_save(p->store, p->sources, p->options->n_data, error));
    LB_TRY_GOTO(lb_step_clock_save(&p->clock, p->store, error));
    LB_TRY_GOTO(lb_store_fact_save(p->store, LB_FACT_TOKENIZATION, text, error));
    LB_TRY_GOTO(lb_store_commit(p->store, error));
done:
    if (status != LOBASS_OK)
    {
        lb_store_rollback(p->store);
    }
    lb_hasher_free(hasher);
    return status;
}

static lobass_status fail_empty(const preparer *p, lobass_error *error)
{
    return lb_fail(error, LOBASS_BAD_FORMAT, "%s: no record%s; expected at least one",
                   p->options->data[0],
                   p->options->n_data > 1 ? " in it or in the other data files" : "");
}

static lobass_status rows_make(preparer *p, lobass_error *error)
{
    const unsigned n_threads = p->options->n_threads;
    LB_TRY(stored_load(p, error));
    LB_TRY(
        lb_freeze_batch_create(&p->batch, p->tokenizer, &p->format, &p->config, n_threads, error));
    lb_stage_begin(&p->stage, p->observer, "prepare", "records", p->n_stored, 0);
    LB_TRY(sources_read(p, error));
    if (p->n_rows == 0)
    {
        return fail_empty(p, error);
    }
    LB_TRY(finish(p, error));
    if (p->n_bad > MOST_WARNINGS)
    {
        lb_observer_log(p->observer, LOBASS_LOG_WARNING, "%s: %" PRIu64 " bad records in all",
                        p->options->run, p->n_bad);
    }
    p->stage.progress.total = p->n_rows;
    return lb_stage_end(&p->stage, error);
}

static lobass_status result_fill(preparer *p, lobass_prepare_result *result, lobass_error *error)
{
    lb_row_summary *summaries = NULL;
    size_t n_rows = 0;
    LB_TRY(lb_store_summaries_load(&summaries, &n_rows, p->store, error));
    memset(result, 0, sizeof *result);
    result->n_records = n_rows;
    lb_summaries_count(summaries, n_rows, result->statuses, &result->n_tokens,
                       &result->n_scored_tokens);
    free(summaries);
    return lb_step_seconds_load(&result->elapsed_seconds, p->store, "prepare", error);
}

/* ---- from the beginning -----------------------------------------------------------------------
 */

/* Removing the run must not remove what it is to be made of. */
static lobass_status check_outside(const preparer *p, lobass_error *error)
{
    const lobass_prepare_options *options = p->options;
    for (size_t i = 0; i <= options->n_data; i++)
    {
        const char *path = i < options->n_data ? p->sources[i].path : options->model;
        if (lb_path_is_within(path, options->run))
        {
            return lb_fail(error, LOBASS_CONFLICT,
                           "%s: lies in the run that is to be overwritten, %s; move it away or use "
                           "another folder",
                           path, options->run);
        }
    }
    return LOBASS_OK;
}

static lobass_status store_open(preparer *p, bool *has_begun, lobass_error *error)
{
    const lobass_prepare_options *options = p->options;
    bool has_run = false;
    LB_TRY(lb_run_folder_check(options->run, &has_run, error));
    if (!has_run || options->overwrite)
    {
        /* Before anything is written or removed. */
        LB_TRY(lb_sources_check(p->sources, options->n_data, error));
    }
    if (options->overwrite && lb_path_look(options->run) == LB_PATH_FOLDER)
    {
        LB_TRY(check_outside(p, error));
        LB_TRY(lb_run_folder_clear(options->run, error));
    }
    LB_TRY(lb_store_open(&p->store, options->run, LB_STORE_CREATE, error));
    LB_TRY(compare_recorded(p, has_begun, error));
    p->is_begun_here = !*has_begun;
    return LOBASS_OK;
}

static lobass_status begin(preparer *p, bool has_begun, lobass_error *error)
{
    LB_TRY(lb_sources_check(p->sources, p->options->n_data, error));
    for (size_t i = 0; i < p->options->n_data; i++)
    {
        if (strcmp(p->sources[i].path, "-") == 0)
        {
            LB_TRY(lb_standard_input_keep(p->options->run, p->observer, error));
        }
    }
    LB_TRY(lb_run_tokenizer_keep(p->options->run, p->options->model, error));
    return has_begun ? LOBASS_OK : record_facts(p, error);
}

static lobass_status prepare_with(preparer *p, lobass_prepare_result *result, lobass_error *error)
{
    bool has_begun = false;
    char *tokenization = NULL;
    LB_TRY(check_arguments(p->options, error));
    LB_TRY(lb_sources_name(&p->sources, p->options->data, p->options->n_data, error));
    LB_TRY(model_read(p, error));
    LB_TRY(store_open(p, &has_begun, error));
    LB_TRY(lb_step_clock_begin(&p->clock, p->store, "prepare", error));
    LB_TRY(lb_store_fact_load(&tokenization, p->store, LB_FACT_TOKENIZATION, error));
    const bool is_done = tokenization != NULL;
    free(tokenization);
    if (!is_done)
    {
        LB_TRY(begin(p, has_begun, error));
        LB_TRY(rows_make(p, error));
    }
    else
    {
        LB_TRY(
            lb_sources_state_check(p->store, p->sources, p->options->n_data, p->observer, error));
        LB_TRY(p->format.is_strict ? stored_load(p, error) : LOBASS_OK);
    }
    return result_fill(p, result, error);
}

/* Failures that the corrected command would meet again as a conflict with what they left behind;
 * after any other the same command goes on. */
static bool is_worthless(const preparer *p, lobass_status status)
{
    return p->is_begun_here && status != LOBASS_OK && status != LOBASS_CANCELLED &&
           status != LOBASS_CONFLICT && status != LOBASS_IO && status != LOBASS_OUT_OF_MEMORY;
}

lobass_status lb_prepare_keep(const lobass_prepare_options *options,
                              const lobass_observer *observer, lobass_prepare_result *result,
                              lb_lock *hold, lobass_error *error)
{
    preparer p = {.options = options, .observer = observer};
    lobass_prepare_result unused;
    lobass_status status = prepare_with(&p, result != NULL ? result : &unused, error);
    if (status == LOBASS_OK && hold != NULL)
    {
        status = lb_run_rows_keep(hold, options->run, error);
    }
    lb_freeze_batch_free(p.batch);
    lb_duplicates_free(&p.duplicates);
    free(p.stored);
    lb_store_close(p.store);
    if (is_worthless(&p, status))
    {
        (void)lb_run_folder_clear(options->run, NULL);
    }
    lb_store_sources_free(p.sources, options->n_data);
    lobass_tokenizer_free(p.tokenizer);
    free(p.format_json);
    return status;
}

lobass_status lobass_prepare(const lobass_prepare_options *options, const lobass_observer *observer,
                             lobass_prepare_result *result, lobass_error *error)
{
    return lb_prepare_keep(options, observer, result, NULL, error);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the data files are still those that a run was prepared from: size and time of change of
 * each, taken when its reading begins, recorded when it ends (fact "source.N.state", "SIZE
 * SECONDS.NANOSECONDS") and compared when the run is taken up again, prepared to its end or not. A
 * file of another size or time is read again, and its records are held against the hashes of the
 * rows: better a conflict before anything is computed than one when the last step copies the
 * records.
 */
#include "run/run.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

lobass_status lb_file_state_read(lb_file_state *state, const char *path, lobass_error *error)
{
    struct stat about;
    *state = (lb_file_state){.size_bytes = -1};
    if (strcmp(path, "-") == 0)
    {
        return LOBASS_OK;
    }
    if (stat(path, &about) != 0)
    {
        return errno == ENOENT || errno == ENOTDIR ? LOBASS_OK
                                                   : lb_fail_errno(error, path, "look at");
    }
    *state = (lb_file_state){(long long)about.st_size, (long long)about.st_mtim.tv_sec,
                             about.st_mtim.tv_nsec};
    return LOBASS_OK;
}

static void state_print(char *text, size_t size, const lb_file_state *state)
{
    (void)snprintf(text, size, "%lld %lld.%09ld", state->size_bytes, state->seconds,
                   state->nanoseconds);
}

lobass_status lb_source_state_save(lb_store *store, uint32_t source, const lb_file_state *state,
                                   lobass_error *error)
{
    char fact[64];
    char text[96];
    (void)snprintf(fact, sizeof fact, LB_FACT_SOURCE_STATE, (unsigned)source);
    state_print(text, sizeof text, state);
    return lb_store_fact_save(store, fact, text, error);
}

/* A file that is gone has not changed: what a step needs of it, that step will miss. */
static lobass_status source_look(bool *is_touched, lb_store *store, uint32_t source,
                                 const char *path, lobass_error *error)
{
    char fact[64];
    char now[96];
    char *then = NULL;
    lb_file_state state;
    LB_TRY(lb_file_state_read(&state, path, error));
    (void)snprintf(fact, sizeof fact, LB_FACT_SOURCE_STATE, (unsigned)source);
    LB_TRY(lb_store_fact_load(&then, store, fact, error));
    state_print(now, sizeof now, &state);
    *is_touched = then != NULL && state.size_bytes >= 0 && strcmp(then, now) != 0;
    free(then);
    return LOBASS_OK;
}

/* ---- the records ------------------------------------------------------------------------------
 */

#define ADVANCE_RECORDS 256 /* between two looks at the clock */
#define ADVICE "the file changed since; overwrite the run (-f) or use another folder"

/* Rows [ROW, N_END) are what PATH holds, and all that it holds. */
static lobass_status records_compare(const lb_row_summary *summaries, uint64_t row, uint64_t n_end,
                                     const char *path, lb_stage *stage, lobass_error *error)
{
    lb_record_reader *reader = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_record_reader_open(&reader, path, error));
    for (bool has_record = true; has_record; row++)
    {
        lb_record record;
        LB_TRY_GOTO(lb_record_reader_next(reader, &record, &has_record, error));
        if (has_record != (row < n_end))
        {
            status =
                has_record
                    ? lb_fail(error, LOBASS_CONFLICT,
                              "%s:%" PRIu64 ": not a record of the run: " ADVICE, path, record.line)
                    : lb_fail(error, LOBASS_CONFLICT,
                              "%s: ends before the record that was prepared as row %" PRIu64
                              ": " ADVICE,
                              path, row);
            goto done;
        }
        const lb_hash hash = lb_hash_bytes(record.data, record.size, 0);
        if (has_record &&
            (hash.high != summaries[row].hash[0] || hash.low != summaries[row].hash[1]))
        {
            status = lb_fail(error, LOBASS_CONFLICT,
                             "%s:%" PRIu64 ": not the record that was prepared as row %" PRIu64
                             ": " ADVICE,
                             path, record.line, row);
            goto done;
        }
        if (row % ADVANCE_RECORDS == 0)
        {
            LB_TRY_GOTO(lb_stage_advance(stage, row, 0, NAN, error));
        }
    }
done:
    lb_record_reader_close(reader);
    return status;
}

static lobass_status sources_compare(lb_store *store, const lb_store_source *sources,
                                     size_t n_sources, const bool *is_touched,
                                     const lobass_observer *observer, lobass_error *error)
{
    lb_stage stage;
    lb_row_summary *summaries = NULL;
    size_t n_rows = 0;
    uint64_t row = 0;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_store_summaries_load(&summaries, &n_rows, store, error));
    lb_stage_begin(&stage, observer, "check data", "records", 0, n_rows);
    for (size_t i = 0; i < n_sources; i++)
    {
        const uint64_t n_end = row + sources[i].n_records;
        if (is_touched[i] && n_end <= n_rows)
        {
            lb_file_state now;
            LB_TRY_GOTO(lb_file_state_read(&now, sources[i].path, error));
            LB_TRY_GOTO(records_compare(summaries, row, n_end, sources[i].path, &stage, error));
            lb_observer_log(observer, LOBASS_LOG_NOTE,
                            "%s: written to since the run was prepared; its records are the same",
                            sources[i].path);
            LB_TRY_GOTO(lb_source_state_save(store, (uint32_t)i, &now, error));
        }
        row = n_end;
    }
    stage.progress.done = n_rows;
    status = lb_stage_end(&stage, error);
done:
    free(summaries);
    return status;
}

lobass_status lb_sources_state_check(lb_store *store, const lb_store_source *sources,
                                     size_t n_sources, const lobass_observer *observer,
                                     lobass_error *error)
{
    bool is_any = false;
    lobass_status status = LOBASS_OK;
    bool *is_touched = lb_alloc(n_sources, sizeof *is_touched, error);
    if (is_touched == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n_sources && sources[i].is_complete; i++)
    {
        LB_TRY_GOTO(source_look(&is_touched[i], store, (uint32_t)i, sources[i].path, error));
        is_any = is_any || is_touched[i];
    }
    status = is_any ? sources_compare(store, sources, n_sources, is_touched, observer, error)
                    : LOBASS_OK;
done:
    free(is_touched);
    return status;
}

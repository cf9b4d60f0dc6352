/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the data files are still those that a run was prepared from: size and time of change of
 * each, recorded when prepare ends (fact "sources.state", a line "SIZE SECONDS.NANOSECONDS" a
 * source) and compared when a finished run is taken up again. A file of another size or time is
 * read again, and its records are held against the hashes of the rows: better a conflict before
 * anything is computed than one when the last step copies the records.
 */
#include "task/prepare_private.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct file_state
{
    long long size_bytes, seconds;
    long nanoseconds;
} file_state;

/* False where there is no such file any more, and for standard input, which is kept in the run. */
static bool state_read(file_state *state, const char *path)
{
    struct stat about;
    if (strcmp(path, "-") == 0 || stat(path, &about) != 0)
    {
        return false;
    }
    *state = (file_state){(long long)about.st_size, (long long)about.st_mtim.tv_sec,
                          about.st_mtim.tv_nsec};
    return true;
}

lobass_status lb_sources_state_save(lb_store *store, const lb_store_source *sources,
                                    size_t n_sources, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    lb_buffer text = {0};
    for (size_t i = 0; i < n_sources; i++)
    {
        file_state now = {-1, 0, 0};
        (void)state_read(&now, sources[i].path);
        LB_TRY_GOTO(lb_buffer_print(&text, error, "%lld %lld.%09ld\n", now.size_bytes, now.seconds,
                                    now.nanoseconds));
    }
    status = lb_store_fact_save(store, LB_FACT_SOURCES_STATE, text.data, error);
done:
    lb_buffer_free(&text);
    return status;
}

/* PATH is what LINE says of it, or there is no file any more. */
static bool is_as_saved(const char *line, const char *path)
{
    file_state now;
    char text[96];
    if (line[0] == '-' || !state_read(&now, path))
    {
        return true;
    }
    (void)snprintf(text, sizeof text, "%lld %lld.%09ld\n", now.size_bytes, now.seconds,
                   now.nanoseconds);
    return strncmp(line, text, strlen(text)) == 0;
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
            LB_TRY_GOTO(records_compare(summaries, row, n_end, sources[i].path, &stage, error));
            lb_observer_log(observer, LOBASS_LOG_NOTE,
                            "%s: written to since the run was prepared; its records are the same",
                            sources[i].path);
        }
        row = n_end;
    }
    stage.progress.done = n_rows;
    LB_TRY_GOTO(lb_stage_end(&stage, error));
    status = lb_sources_state_save(store, sources, n_sources, error);
done:
    free(summaries);
    return status;
}

lobass_status lb_sources_state_check(lb_store *store, const lb_store_source *sources,
                                     size_t n_sources, const lobass_observer *observer,
                                     lobass_error *error)
{
    char *text = NULL;
    bool is_any = false;
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    bool *is_touched = lb_alloc(n_sources, sizeof *is_touched, error);
    if (is_touched == NULL)
    {
        return status;
    }
    LB_TRY_GOTO(lb_store_fact_load(&text, store, LB_FACT_SOURCES_STATE, error));
    const char *line = text;
    for (size_t i = 0; line != NULL && i < n_sources; i++)
    {
        is_touched[i] = !is_as_saved(line, sources[i].path);
        is_any = is_any || is_touched[i];
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    status = is_any ? sources_compare(store, sources, n_sources, is_touched, observer, error)
                    : LOBASS_OK;
done:
    free(text);
    free(is_touched);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of records, and the table of the sources that it reads: which one a file is, by its
 * first bytes or its name. What a record is in each: records_*.c.
 */
#include "format/kinds.h"
#include "format/record_source.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_BYTES 512 /* what tells the kind of a file lies within them */

/* ---- the table --------------------------------------------------------------------------------
 */

static lobass_status is_parquet(lb_record_reader *reader, const char *path, bool *is_it,
                                lobass_error *error)
{
    (void)error;
    const lb_window *window = &reader->window;
    *is_it = lb_path_has_ending(path, ".parquet") ||
             (lb_window_held(window) >= 4 && memcmp(lb_window_data(window), "PAR1", 4) == 0 &&
              !lb_path_is_text(path));
    return LOBASS_OK;
}

static lobass_status is_text(lb_record_reader *reader, const char *path, bool *is_it,
                             lobass_error *error)
{
    (void)reader;
    (void)error;
    *is_it = lb_path_is_text(path);
    return LOBASS_OK;
}

static lobass_status is_csv(lb_record_reader *reader, const char *path, bool *is_it,
                            lobass_error *error)
{
    (void)reader;
    (void)error;
    *is_it = lb_path_has_ending(path, ".csv") || lb_path_has_ending(path, ".tsv");
    return LOBASS_OK;
}

static lobass_status is_any(lb_record_reader *reader, const char *path, bool *is_it,
                            lobass_error *error)
{
    (void)reader;
    (void)path;
    (void)error;
    *is_it = true;
    return LOBASS_OK;
}

/* The first that says so is it. */
static const lb_record_source sources[] = {
    {"Parquet", is_parquet, lb_parquet_begin, lb_parquet_next, lb_parquet_end},
    {"plain text", is_text, NULL, lb_text_next, NULL},
    {"CSV or TSV", is_csv, lb_csv_begin, lb_csv_next, lb_csv_end},
    {"a JSON array", lb_json_is_array, NULL, lb_json_next_element, NULL},
    {"an object with a list", lb_json_is_wrapped, NULL, lb_json_next_element, NULL},
    {"JSON values", lb_json_is_sequence, NULL, lb_json_next_value, NULL},
    {"JSON Lines", is_any, NULL, lb_json_next_line, NULL},
};

/* Skips a byte-order mark. */
static lobass_status skip_mark(lb_record_reader *reader, lobass_error *error)
{
    lb_window *window = &reader->window;
    const char *data = lb_window_data(window);
    const size_t size = lb_window_held(window);
    if (size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0)
    {
        lb_window_consume(window, 3);
    }
    else if (size >= 2 && (memcmp(data, "\xFF\xFE", 2) == 0 || memcmp(data, "\xFE\xFF", 2) == 0))
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "%s: byte 0: found the byte-order mark of UTF-16, expected UTF-8",
                       reader->path);
    }
    return LOBASS_OK;
}

static lobass_status source_choose(lb_record_reader *reader, lobass_error *error)
{
    const char *path = reader->path;
    bool is_it = false;
    LB_TRY(lb_window_need(&reader->window, LOOK_BYTES, &is_it, error));
    LB_TRY(skip_mark(reader, error));
    LB_TRY(lb_kind_check(path, lb_window_data(&reader->window), lb_window_held(&reader->window),
                         lb_path_is_text(path), error));
    const lb_record_source *source = sources;
    for (is_it = false; !is_it; source += is_it ? 0 : 1)
    {
        LB_TRY(source->is_it(reader, path, &is_it, error));
    }
    LB_TRY(source->begin != NULL ? source->begin(reader, error) : LOBASS_OK);
    reader->source = source;
    return LOBASS_OK;
}

/* ---- the reader ----------------------------------------------------------------------------- */

lobass_status lb_record_reader_open(lb_record_reader **reader, const char *path,
                                    lobass_error *error)
{
    *reader = NULL;
    if (lb_path_look(path) == LB_PATH_MISSING && strcmp(path, "-") != 0)
    {
        LB_TRY(lb_path_fail_missing(path, "--repo-type dataset ", error));
    }
    lb_record_reader *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lobass_status status = lb_window_open(&made->window, path, error);
    if (status != LOBASS_OK)
    {
        lb_record_reader_close(made);
        return status;
    }
    made->path = lb_stream_name(made->window.stream);
    *reader = made;
    return LOBASS_OK;
}

lobass_status lb_record_reader_next(lb_record_reader *reader, lb_record *record, bool *has_record,
                                    lobass_error *error)
{
    *has_record = false;
    *record = (lb_record){0};
    if (reader->source == NULL)
    {
        LB_TRY(source_choose(reader, error));
    }
    const lobass_status status = reader->source->next(reader, record, has_record, error);
    if (status != LOBASS_OK)
    {
        *has_record = false;
    }
    return status;
}

const char *lb_record_reader_note(const lb_record_reader *reader)
{
    return reader->note.size > 0 ? reader->note.data : NULL;
}

void lb_record_reader_close(lb_record_reader *reader)
{
    if (reader == NULL)
    {
        return;
    }
    lb_csv_end(reader);
    lb_parquet_end(reader);
    lb_window_close(&reader->window);
    lb_buffer_free(&reader->made);
    lb_buffer_free(&reader->note);
    free(reader);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the readers of records share: the reader, and a source of records, which is a row of the
 * table in records.c.
 */
#ifndef LB_RECORD_SOURCE_H
#define LB_RECORD_SOURCE_H

#include "format/format.h"
#include "format/window.h"

typedef struct lb_record_source
{
    const char *name;
    /* Whether it is what PATH, whose first bytes the reader's window holds, is made of. */
    lobass_status (*is_it)(lb_record_reader *reader, const char *path, bool *is_it,
                           lobass_error *error);
    /* Before the first record; NULL: nothing to do. */
    lobass_status (*begin)(lb_record_reader *reader, lobass_error *error);
    /* *HAS_RECORD, false at first, becomes true, or is left at the end. */
    lobass_status (*next)(lb_record_reader *reader, lb_record *record, bool *has_record,
                          lobass_error *error);
    /* Releases what is the source's own; NULL: nothing. */
    void (*end)(lb_record_reader *reader);
} lb_record_source;

struct lb_record_reader
{
    const char *path; /* as it was given; borrowed of window.stream */
    lb_window window;
    const lb_record_source *source; /* NULL: not chosen yet */
    uint64_t n_records;
    lb_buffer made;               /* a record that does not stand in the file as it is */
    lb_buffer note;               /* lb_record_reader_note() */
    bool is_started, is_finished; /* of an array: '[' and ']' were seen */
    bool is_wrapped;              /* the array is a member of an object */
    struct lb_csv *csv;
    struct lb_table *table;
};

/* The record is the first SIZE bytes of the window; CONSUMED of them and what follows are used. */
void lb_record_deliver(lb_record_reader *reader, lb_record *record, size_t size, size_t consumed);
/* The record is READER->made, made of the first CONSUMED bytes of the window. */
void lb_record_deliver_made(lb_record_reader *reader, lb_record *record, size_t consumed);

/* ---- records_json.c ---------------------------------------------------------------------------
 */

lobass_status lb_json_is_array(lb_record_reader *reader, const char *path, bool *is_it,
                               lobass_error *error);
lobass_status lb_json_is_sequence(lb_record_reader *reader, const char *path, bool *is_it,
                                  lobass_error *error);
lobass_status lb_json_next_line(lb_record_reader *reader, lb_record *record, bool *has_record,
                                lobass_error *error);
lobass_status lb_json_next_element(lb_record_reader *reader, lb_record *record, bool *has_record,
                                   lobass_error *error);
lobass_status lb_json_next_value(lb_record_reader *reader, lb_record *record, bool *has_record,
                                 lobass_error *error);

/* ---- json_wrapped.c ----------------------------------------------------------------------------
 */

/* One object with the records in an array, {"data": [{...}, ...]}, is told by the array's name,
 * one of those in use; what stands before the array is then consumed. An object of columns,
 * {"prompt": ["a", "b"], ...}, fails. */
lobass_status lb_json_is_wrapped(lb_record_reader *reader, const char *path, bool *is_it,
                                 lobass_error *error);

/* ---- records_text.c -----------------------------------------------------------------------------
 */

lobass_status lb_text_next(lb_record_reader *reader, lb_record *record, bool *has_record,
                           lobass_error *error);

/* ---- records_csv.c -----------------------------------------------------------------------------
 */

lobass_status lb_csv_begin(lb_record_reader *reader, lobass_error *error);
lobass_status lb_csv_next(lb_record_reader *reader, lb_record *record, bool *has_record,
                          lobass_error *error);
void lb_csv_end(lb_record_reader *reader);

/* ---- records_parquet.c --------------------------------------------------------------------------
 */

lobass_status lb_parquet_begin(lb_record_reader *reader, lobass_error *error);
lobass_status lb_parquet_next(lb_record_reader *reader, lb_record *record, bool *has_record,
                              lobass_error *error);
void lb_parquet_end(lb_record_reader *reader);

#endif

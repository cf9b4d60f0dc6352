/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of tables as text, RFC 4180: a header that names the columns, a row a line, fields parted
 * by commas (.csv) or tabs (.tsv), in quotes where they hold one of those, a quote or a line break,
 * a quote in quotes written twice. A row becomes {"NAME": "FIELD", ...}, every field a string: what
 * looks like a number is text to a model. Nothing is guessed: what breaks these rules fails with
 * its line. Blank lines are passed over.
 */
#include "format/record_source.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MOST_COLUMNS 1024

typedef struct lb_csv
{
    unsigned char delimiter;
    lb_buffer names; /* the columns', each as a JSON string with its colon */
    size_t ends[MOST_COLUMNS], n_columns;
    lb_buffer field; /* without its quotes */
    uint64_t row_line, field_line;
    size_t at; /* of the row, in the window */
} lb_csv;

static lobass_status fail(const lb_record_reader *reader, uint64_t line, lobass_error *error,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));

static lobass_status fail(const lb_record_reader *reader, uint64_t line, lobass_error *error,
                          const char *format, ...)
{
    char text[160];
    va_list arguments;
    va_start(arguments, format);
    (void)lb_print_list(text, sizeof text, format, arguments);
    va_end(arguments);
    return lb_fail(error, LOBASS_BAD_FORMAT, "%s:%" PRIu64 ": %s", reader->path, line, text);
}

/* ---- fields -----------------------------------------------------------------------------------
 */

/* The byte at csv->at; -1 at the end. */
static lobass_status look(lb_record_reader *reader, int *byte, lobass_error *error)
{
    bool is_there = false;
    LB_TRY(lb_window_need(&reader->window, reader->csv->at, &is_there, error));
    LB_TRY(lb_window_check_limit(&reader->window, reader->csv->at, error));
    *byte = is_there ? lb_window_at(&reader->window, reader->csv->at) : -1;
    return LOBASS_OK;
}

static bool is_end_of_field(const lb_csv *csv, int byte)
{
    return byte < 0 || byte == '\n' || byte == csv->delimiter;
}

/* A line may end in a carriage return and a line feed. */
static lobass_status skip_return(lb_record_reader *reader, int *byte, lobass_error *error)
{
    if (*byte != '\r')
    {
        return LOBASS_OK;
    }
    reader->csv->at++;
    LB_TRY(look(reader, byte, error));
    return *byte < 0 || *byte == '\n'
               ? LOBASS_OK
               : fail(reader, reader->csv->field_line, error,
                      "found a carriage return within a field; expected it in quotes, or before "
                      "a line feed");
}

static lobass_status take_quoted(lb_record_reader *reader, int *byte, lobass_error *error)
{
    lb_csv *csv = reader->csv;
    const uint64_t opened = csv->field_line;
    for (csv->at++;; csv->at++)
    {
        LB_TRY(look(reader, byte, error));
        if (*byte < 0)
        {
            return fail(reader, opened, error,
                        "found the end of the file within the quotes that are opened here");
        }
        csv->field_line += *byte == '\n' ? 1 : 0;
        if (*byte == '"')
        {
            csv->at++;
            LB_TRY(look(reader, byte, error));
            if (*byte != '"')
            {
                break;
            }
        }
        const char taken = (char)*byte;
        LB_TRY(lb_buffer_append(&csv->field, &taken, 1, error));
    }
    LB_TRY(skip_return(reader, byte, error));
    return is_end_of_field(csv, *byte)
               ? LOBASS_OK
               : fail(reader, csv->field_line, error,
                      "found text behind a closing quote; expected the end of the field, and a "
                      "quote within quotes written twice");
}

static lobass_status take_plain(lb_record_reader *reader, int *byte, lobass_error *error)
{
    lb_csv *csv = reader->csv;
    while (!is_end_of_field(csv, *byte) && *byte != '\r')
    {
        const char taken = (char)*byte;
        LB_TRY(lb_buffer_append(&csv->field, &taken, 1, error));
        csv->at++;
        LB_TRY(look(reader, byte, error));
    }
    return skip_return(reader, byte, error);
}

/* *BYTE: what ends it, which is consumed with it. */
static lobass_status take_field(lb_record_reader *reader, int *byte, lobass_error *error)
{
    lb_csv *csv = reader->csv;
    lb_buffer_clear(&csv->field);
    LB_TRY(lb_buffer_reserve(&csv->field, 1, error));
    LB_TRY(look(reader, byte, error));
    LB_TRY(*byte == '"' ? take_quoted(reader, byte, error) : take_plain(reader, byte, error));
    csv->at += *byte >= 0 ? 1 : 0;
    if (lb_utf8_valid_size(csv->field.data, csv->field.size) < csv->field.size)
    {
        return fail(reader, csv->field_line, error,
                    "found bytes that are not UTF-8; expected the table in UTF-8");
    }
    return LOBASS_OK;
}

/* Passes over blank lines; *BYTE: the first of the row, or -1. */
static lobass_status row_begin(lb_record_reader *reader, int *byte, lobass_error *error)
{
    lb_csv *csv = reader->csv;
    for (;;)
    {
        csv->at = 0;
        LB_TRY(look(reader, byte, error));
        const bool is_return = *byte == '\r';
        if (is_return)
        {
            csv->at++;
            LB_TRY(look(reader, byte, error));
        }
        if (*byte != '\n')
        {
            csv->at = 0;
            LB_TRY(*byte >= 0 || is_return ? look(reader, byte, error) : LOBASS_OK);
            csv->row_line = csv->field_line = reader->window.line;
            return LOBASS_OK;
        }
        lb_window_consume(&reader->window, csv->at + 1);
    }
}

/* ---- the header -------------------------------------------------------------------------------
 */

static lobass_status name_add(lb_record_reader *reader, lobass_error *error)
{
    lb_csv *csv = reader->csv;
    const size_t begin = csv->names.size;
    if (csv->field.size == 0)
    {
        return fail(reader, csv->field_line, error,
                    "column %zu has no name; expected a header that names all columns",
                    csv->n_columns + 1);
    }
    if (csv->n_columns == MOST_COLUMNS)
    {
        return fail(reader, csv->field_line, error, "more than %d columns", MOST_COLUMNS);
    }
    LB_TRY(lb_json_append_text(&csv->names, csv->field.data, csv->field.size, error));
    const size_t size = csv->names.size - begin;
    for (size_t i = 0, at = 0; i < csv->n_columns; at = csv->ends[i], i++)
    {
        if (csv->ends[i] - at == size + 2 &&
            memcmp(csv->names.data + at, csv->names.data + begin, size) == 0)
        {
            return fail(reader, csv->field_line, error,
                        "columns %zu and %zu have one name; expected a header with a name for each",
                        i + 1, csv->n_columns + 1);
        }
    }
    LB_TRY(lb_buffer_append(&csv->names, ": ", 2, error));
    csv->ends[csv->n_columns++] = csv->names.size;
    return LOBASS_OK;
}

/* One column whose name holds what parts columns elsewhere. */
static lobass_status check_delimiter(const lb_record_reader *reader, lobass_error *error)
{
    static const char others[] = {',', '\t', ';', '|'};
    const lb_csv *csv = reader->csv;
    for (size_t i = 0; csv->n_columns == 1 && i < sizeof others; i++)
    {
        if (csv->field.size > 0 && memchr(csv->field.data, others[i], csv->field.size) != NULL)
        {
            return fail(reader, csv->row_line, error,
                        "the header is one column and holds %s; expected %s between the columns",
                        others[i] == '\t'  ? "a tab"
                        : others[i] == ',' ? "','"
                        : others[i] == ';' ? "';'"
                                           : "'|'",
                        csv->delimiter == '\t' ? "tabs (.tsv)" : "',' (.csv)");
        }
    }
    return LOBASS_OK;
}

lobass_status lb_csv_begin(lb_record_reader *reader, lobass_error *error)
{
    int byte = 0;
    reader->csv = lb_alloc(1, sizeof *reader->csv, error);
    if (reader->csv == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lb_csv *csv = reader->csv;
    csv->delimiter = lb_path_has_ending(reader->path, ".tsv") ? '\t' : ',';
    LB_TRY(row_begin(reader, &byte, error));
    if (byte < 0)
    {
        return LOBASS_OK;
    }
    do
    {
        LB_TRY(take_field(reader, &byte, error));
        LB_TRY(name_add(reader, error));
    } while (byte == csv->delimiter);
    LB_TRY(check_delimiter(reader, error));
    lb_window_consume(&reader->window, csv->at);
    return LOBASS_OK;
}

void lb_csv_end(lb_record_reader *reader)
{
    if (reader->csv != NULL)
    {
        lb_buffer_free(&reader->csv->names);
        lb_buffer_free(&reader->csv->field);
        free(reader->csv);
        reader->csv = NULL;
    }
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static lobass_status member_add(lb_record_reader *reader, size_t column, lobass_error *error)
{
    const lb_csv *csv = reader->csv;
    const size_t begin = column == 0 ? 0 : csv->ends[column - 1];
    LB_TRY(lb_buffer_append(&reader->made, column == 0 ? "{" : ", ", column == 0 ? 1 : 2, error));
    LB_TRY(
        lb_buffer_append(&reader->made, csv->names.data + begin, csv->ends[column] - begin, error));
    return lb_json_append_text(&reader->made, csv->field.data, csv->field.size, error);
}

lobass_status lb_csv_next(lb_record_reader *reader, lb_record *record, bool *has_record,
                          lobass_error *error)
{
    lb_csv *csv = reader->csv;
    int byte = 0;
    size_t n_fields = 0;
    LB_TRY(row_begin(reader, &byte, error));
    if (byte < 0 || csv->n_columns == 0)
    {
        return LOBASS_OK;
    }
    lb_buffer_clear(&reader->made);
    do
    {
        LB_TRY(take_field(reader, &byte, error));
        if (n_fields < csv->n_columns)
        {
            LB_TRY(member_add(reader, n_fields, error));
        }
        n_fields++;
    } while (byte == csv->delimiter);
    if (n_fields != csv->n_columns)
    {
        return fail(reader, csv->row_line, error, "found %zu field%s, the header has %zu", n_fields,
                    n_fields == 1 ? "" : "s", csv->n_columns);
    }
    LB_TRY(lb_buffer_append(&reader->made, "}", 1, error));
    lb_record_deliver_made(reader, record, csv->at);
    *has_record = true;
    return LOBASS_OK;
}

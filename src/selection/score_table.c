/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of scores, one line a record in the order of the data, as JSON Lines or CSV with the
 * same columns in the same order:
 *     row, source, record, status, n_tokens (scored tokens, N), the columns of
 *     lobass_row_scores_column(), rank, selected, reason
 * What does not exist is absent in JSON and an empty cell in CSV. Reals read back as the same
 * double.
 */
#include "selection/selection.h"

#include <inttypes.h>
#include <string.h>

/* One row's cells. */
typedef struct cells
{
    uint64_t row, record;
    const char *source, *reason; /* reason NULL: none */
    const lobass_row_scores *scores;
    uint64_t n_scored, rank;
    bool has_length; /* a duplicate is not measured: its length is that of the row it repeats */
    bool has_selection, is_selected;
} cells;

/* ---- JSON Lines -------------------------------------------------------------------------------
 */

static lobass_status line_json(lb_buffer *line, const cells *c, lobass_error *error)
{
    lobass_column column;
    lb_json_writer writer = lb_json_writer_begin(line, false, error);
    lb_json_open(&writer, NULL, '{');
    lb_json_put_count(&writer, "row", c->row);
    lb_json_put_text(&writer, "source", c->source);
    lb_json_put_count(&writer, "record", c->record);
    lb_json_put_text(&writer, "status", lobass_row_status_name(c->scores->status));
    if (c->has_length)
    {
        lb_json_put_count(&writer, "n_tokens", c->n_scored);
    }
    for (size_t i = 0; lobass_row_scores_column(&column, c->scores, i); i++)
    {
        if (column.is_there)
        {
            lb_json_put_real(&writer, column.name, column.value);
        }
    }
    if (c->rank > 0)
    {
        lb_json_put_count(&writer, "rank", c->rank);
    }
    if (c->has_selection)
    {
        lb_json_put_boolean(&writer, "selected", c->is_selected);
    }
    if (c->reason != NULL)
    {
        lb_json_put_text(&writer, "reason", c->reason);
    }
    lb_json_close(&writer);
    LB_TRY(writer.status);
    return lb_buffer_append_text(line, "\n", error);
}

/* ---- CSV (RFC 4180, with line feeds) ----------------------------------------------------------
 *
 * No cell holds a line break or another control. */

static lobass_status cell_text(lb_buffer *line, const char *text, lobass_error *error)
{
    LB_TRY(lb_buffer_append_text(line, ",", error));
    if (text == NULL || strpbrk(text, ",\"") == NULL)
    {
        return text == NULL ? LOBASS_OK : lb_append_visible(line, text, strlen(text), error);
    }
    LB_TRY(lb_buffer_append_text(line, "\"", error));
    for (const char *rest = text; *rest != '\0';)
    {
        const size_t size = strcspn(rest, "\"");
        LB_TRY(lb_append_visible(line, rest, size, error));
        rest += size;
        if (*rest == '"')
        {
            LB_TRY(lb_buffer_append_text(line, "\"\"", error));
            rest++;
        }
    }
    return lb_buffer_append_text(line, "\"", error);
}

static lobass_status cell_real(lb_buffer *line, bool exists, double value, lobass_error *error)
{
    LB_TRY(lb_buffer_append_text(line, ",", error));
    return exists ? lb_json_append_real(line, value, error) : LOBASS_OK;
}

static lobass_status header_csv(lb_buffer *line, lobass_error *error)
{
    const lobass_row_scores none = {0};
    lobass_column column;
    LB_TRY(lb_buffer_append_text(line, "row,source,record,status,n_tokens", error));
    for (size_t i = 0; lobass_row_scores_column(&column, &none, i); i++)
    {
        LB_TRY(cell_text(line, column.name, error));
    }
    return lb_buffer_append_text(line, ",rank,selected,reason\n", error);
}

static lobass_status line_csv(lb_buffer *line, const cells *c, lobass_error *error)
{
    lobass_column column;
    LB_TRY(lb_buffer_print(line, error, "%" PRIu64, c->row));
    LB_TRY(cell_text(line, c->source, error));
    LB_TRY(lb_buffer_print(line, error, ",%" PRIu64, c->record));
    LB_TRY(cell_text(line, lobass_row_status_name(c->scores->status), error));
    LB_TRY(lb_buffer_append_text(line, ",", error));
    if (c->has_length)
    {
        LB_TRY(lb_buffer_print(line, error, "%" PRIu64, c->n_scored));
    }
    for (size_t i = 0; lobass_row_scores_column(&column, c->scores, i); i++)
    {
        LB_TRY(cell_real(line, column.is_there, column.value, error));
    }
    LB_TRY(lb_buffer_append_text(line, ",", error));
    if (c->rank > 0)
    {
        LB_TRY(lb_buffer_print(line, error, "%" PRIu64, c->rank));
    }
    const char *selected = c->is_selected ? "true" : "false";
    LB_TRY(cell_text(line, c->has_selection ? selected : NULL, error));
    LB_TRY(cell_text(line, c->reason, error));
    return lb_buffer_append_text(line, "\n", error);
}

/* ---- the table --------------------------------------------------------------------------------
 */

static lobass_status send(lb_buffer *line, lobass_sink sink, void *context, lobass_error *error)
{
    const bool is_taken = sink(context, line->data, line->size);
    lb_buffer_clear(line);
    return is_taken ? LOBASS_OK
                    : lb_fail(error, LOBASS_IO, "the scores could not be written: output refused");
}

static lobass_status rows_write(const lb_score_table *table, lb_store *store,
                                lobass_table_format format, lobass_sink sink, void *context,
                                lb_buffer *line, lb_buffer *reason, lobass_error *error)
{
    uint64_t record = 0;
    for (uint64_t i = 0; i < table->scores->n_rows; i++)
    {
        const lb_row_summary *summary = &table->scores->summaries[i];
        const lobass_row_scores *scores = &table->scores->rows[i];
        const bool is_new_source = i == 0 || summary->source != (summary - 1)->source;
        record = is_new_source ? 0 : record + 1;
        cells c = {.row = i,
                   .record = record,
                   .source = summary->source < table->n_sources
                                 ? table->sources[summary->source].name
                                 : "",
                   .scores = scores,
                   .n_scored = summary->n_scored,
                   .has_length = summary->status != LOBASS_ROW_DUPLICATE,
                   .has_selection = table->is_selected != NULL};
        c.rank = table->ranks != NULL ? table->ranks[i] : 0;
        c.is_selected = c.has_selection && table->is_selected[i];
        LB_TRY(lb_reason_find(reason, scores, &table->scores->rules, store, i, error));
        c.reason = reason->size > 0 ? reason->data : NULL;
        LB_TRY(format == LOBASS_TABLE_CSV ? line_csv(line, &c, error) : line_json(line, &c, error));
        LB_TRY(send(line, sink, context, error));
    }
    return LOBASS_OK;
}

lobass_status lb_score_table_write(const lb_score_table *table, lb_store *store,
                                   lobass_table_format format, lobass_sink sink, void *context,
                                   lobass_error *error)
{
    lb_buffer line = {0};
    lb_buffer reason = {0};
    lobass_status status = LOBASS_OK;
    if (format == LOBASS_TABLE_CSV)
    {
        LB_TRY_GOTO(header_csv(&line, error));
        LB_TRY_GOTO(send(&line, sink, context, error));
    }
    status = rows_write(table, store, format, sink, context, &line, &reason, error);
done:
    lb_buffer_free(&line);
    lb_buffer_free(&reason);
    return status;
}

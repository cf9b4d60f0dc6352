/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of a Parquet file: its rows in their order, made into JSON by duckdb_column.c. DuckDB is
 * given the file that is open already, by /proc, so that no part of its name means anything to it,
 * and hands out a chunk of rows at a time. The reader of the first bytes has nothing more to do.
 */
#include "format/duckdb_column.h"
#include "format/record_source.h"

#include <stdlib.h>
#include <string.h>

typedef struct lb_table
{
    lb_duckdb *duckdb;
    lb_duckdb_result result;
    lb_duckdb_column *columns; /* [n_columns] */
    size_t n_columns;
    void *chunk;
    uint64_t row, n_rows; /* of the chunk */
    bool is_at_end, has_result;
} lb_table;

static lobass_status columns_make(lb_record_reader *reader, lobass_error *error)
{
    lb_table *table = reader->table;
    const lb_duckdb *duckdb = table->duckdb;
    const size_t n_columns = duckdb->column_count(&table->result);
    table->columns = lb_alloc(n_columns, sizeof *table->columns, error);
    if (table->columns == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (; table->n_columns < n_columns; table->n_columns++)
    {
        void *type = duckdb->column_logical_type(&table->result, table->n_columns);
        lb_duckdb_column *column = &table->columns[table->n_columns];
        const lobass_status status =
            lb_duckdb_column_make(column, duckdb, type, reader->path,
                                  duckdb->column_name(&table->result, table->n_columns), error);
        duckdb->destroy_logical_type(&type);
        if (status != LOBASS_OK)
        {
            lb_duckdb_column_free(column);
            return status;
        }
    }
    return LOBASS_OK;
}

static lobass_status check_file(const lb_record_reader *reader, lobass_error *error)
{
    const lb_window *window = &reader->window;
    const bool is_parquet =
        lb_window_held(window) >= 4 && memcmp(lb_window_data(window), "PAR1", 4) == 0;
    if (!is_parquet)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: Parquet by its name, and does not begin as a Parquet file",
                       reader->path);
    }
    if (lb_stream_is_compressed(window->stream))
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "%s: a compressed Parquet file; decompress it first (Parquet compresses "
                       "its own columns)",
                       reader->path);
    }
    return LOBASS_OK;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

/* The next chunk that has rows, or the end. */
static lobass_status chunk_next(lb_record_reader *reader, lobass_error *error)
{
    lb_table *table = reader->table;
    const lb_duckdb *duckdb = table->duckdb;
    table->row = table->n_rows = 0;
    while (table->n_rows == 0 && !table->is_at_end)
    {
        if (table->chunk != NULL)
        {
            duckdb->destroy_data_chunk(&table->chunk);
        }
        table->chunk = duckdb->fetch_chunk(table->result);
        table->is_at_end = table->chunk == NULL;
        table->n_rows = table->is_at_end ? 0 : duckdb->data_chunk_get_size(table->chunk);
    }
    if (table->is_at_end)
    {
        const char *message = duckdb->result_error(&table->result);
        return message == NULL ? LOBASS_OK : lb_duckdb_fail(reader->path, message, error);
    }
    for (size_t i = 0; i < table->n_columns; i++)
    {
        lb_duckdb_column_bind(&table->columns[i], duckdb,
                              duckdb->data_chunk_get_vector(table->chunk, i));
    }
    return LOBASS_OK;
}

/* The chunk that the next row is in, or the end. */
static lobass_status row_find(lb_record_reader *reader, lobass_error *error)
{
    return reader->table->row < reader->table->n_rows ? LOBASS_OK : chunk_next(reader, error);
}

/* ---- a file ----------------------------------------------------------------------------------
 */

static lobass_status query(lb_record_reader *reader, const char *format, const char *path,
                           lobass_error *error)
{
    lb_table *table = reader->table;
    lb_buffer sql = {0};
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_buffer_append_text(&sql, format, error));
    LB_TRY_GOTO(lb_buffer_print(&sql, error, "('%s')", path));
    LB_TRY_GOTO(lb_duckdb_stream(table->duckdb, &table->result, reader->path, sql.data, error));
    table->has_result = true;
    status = columns_make(reader, error);
done:
    lb_buffer_free(&sql);
    return status;
}

/* The names in the file's own schema, of columns and of members in them, in a line each as
 * lb_duckdb_column has them. */
static lobass_status names_read(lb_record_reader *reader, lb_buffer *names, const char *path,
                                lobass_error *error)
{
    lb_table *table = reader->table;
    LB_TRY(query(reader, "SELECT name FROM parquet_schema", path, error));
    LB_TRY(lb_buffer_append(names, "\n", 1, error));
    for (;;)
    {
        LB_TRY(row_find(reader, error));
        if (table->is_at_end)
        {
            return LOBASS_OK;
        }
        LB_TRY(lb_duckdb_value_append(names, &table->columns[0], table->row, error));
        LB_TRY(lb_buffer_append(names, ": \n", 3, error));
        table->row++;
    }
}

/* DuckDB calls the second member of a name NAME_1, without a word, letters' case aside. */
static lobass_status names_check(const lb_record_reader *reader, const lb_duckdb_column *columns,
                                 size_t n_columns, const lb_buffer *names, lobass_error *error)
{
    for (size_t i = 0; i < n_columns; i++)
    {
        const lb_duckdb_column *column = &columns[i];
        lb_buffer line = {0};
        lobass_status status =
            lb_buffer_print(&line, error, "\n%s\n", column->name.size > 0 ? column->name.data : "");
        if (status == LOBASS_OK && column->name.size > 0 &&
            memmem(names->data, names->size, line.data, line.size) == NULL)
        {
            status =
                lb_fail(error, LOBASS_UNSUPPORTED,
                        "%s: two columns or members have one name, letters' case aside: DuckDB "
                        "calls the second %.*s; rename one",
                        reader->path, (int)column->name.size - 2, column->name.data);
        }
        lb_buffer_free(&line);
        LB_TRY(status);
        LB_TRY(names_check(reader, column->children, column->n_children, names, error));
    }
    return LOBASS_OK;
}

static void result_release(lb_table *table)
{
    for (size_t i = 0; i < table->n_columns; i++)
    {
        lb_duckdb_column_free(&table->columns[i]);
    }
    free(table->columns);
    if (table->chunk != NULL)
    {
        table->duckdb->destroy_data_chunk(&table->chunk);
    }
    if (table->has_result)
    {
        table->duckdb->destroy_result(&table->result);
    }
    *table = (lb_table){.duckdb = table->duckdb};
}

static lobass_status rows_begin(lb_record_reader *reader, const char *path, lobass_error *error)
{
    lb_table *table = reader->table;
    lb_buffer names = {0};
    lobass_status status = names_read(reader, &names, path, error);
    result_release(table);
    LB_TRY_GOTO(status);
    LB_TRY_GOTO(query(reader, "SELECT * FROM read_parquet", path, error));
    status = names_check(reader, table->columns, table->n_columns, &names, error);
done:
    lb_buffer_free(&names);
    return status;
}

lobass_status lb_parquet_begin(lb_record_reader *reader, lobass_error *error)
{
    char path[64];
    LB_TRY(check_file(reader, error));
    reader->table = lb_alloc(1, sizeof *reader->table, error);
    if (reader->table == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d",
                   lb_stream_descriptor(reader->window.stream));
    const char *const paths[] = {path, NULL};
    LB_TRY(lb_duckdb_open(&reader->table->duckdb, reader->path, paths, error));
    return rows_begin(reader, path, error);
}

void lb_parquet_end(lb_record_reader *reader)
{
    lb_table *table = reader->table;
    if (table == NULL)
    {
        return;
    }
    result_release(table);
    lb_duckdb_close(table->duckdb);
    free(table);
    reader->table = NULL;
}

lobass_status lb_parquet_next(lb_record_reader *reader, lb_record *record, bool *has_record,
                              lobass_error *error)
{
    lb_table *table = reader->table;
    lb_buffer *made = &reader->made;
    LB_TRY(row_find(reader, error));
    if (table->is_at_end)
    {
        return LOBASS_OK;
    }
    lb_buffer_clear(made);
    for (size_t i = 0; i < table->n_columns; i++)
    {
        const lb_buffer *name = &table->columns[i].name;
        LB_TRY(lb_buffer_append(made, i == 0 ? "{" : ", ", i == 0 ? 1 : 2, error));
        LB_TRY(lb_buffer_append(made, name->data, name->size, error));
        LB_TRY(lb_duckdb_value_append(made, &table->columns[i], table->row, error));
    }
    LB_TRY(lb_buffer_append(made, "}", 1, error));
    LB_TRY(lb_window_check_limit(&reader->window, made->size, error));
    table->row++;
    *record = (lb_record){.data = made->data,
                          .size = made->size,
                          .index = reader->n_records,
                          .line = reader->n_records + 1};
    reader->n_records++;
    *has_record = true;
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Records as a Parquet file: they are put aside as lines, while the type of each column is found;
 * then DuckDB reads the lines with these types, guessing nothing, and writes the file. Both lie in
 * a temporary folder. The same records give the same bytes from the same library.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/duckdb.h"
#include "format/table_type.h"

#define LEAST_OBJECT_BYTES ((size_t)16 << 20U)
#define COPY_BYTES ((size_t)1 << 16U)

struct lb_parquet_writer
{
    const char *name; /* of the file to be, for messages; borrowed */
    char *folder, *lines_path, *made_path;
    lb_output *lines;
    lb_table_type type;
    lb_arena arena;
    uint64_t n_records;
    size_t largest; /* bytes of a record */
};

lobass_status lb_parquet_writer_open(lb_parquet_writer **writer, const char *name,
                                     lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    *writer = NULL;
    lb_parquet_writer *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->name = name;
    LB_TRY_GOTO(lb_folder_make_temporary(&made->folder, "lobass-parquet", error));
    made->lines_path = lb_path_join(made->folder, "lines", error);
    made->made_path = lb_path_join(made->folder, "made", error);
    if (made->lines_path == NULL || made->made_path == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    LB_TRY_GOTO(lb_output_open(&made->lines, made->lines_path, false, error));
    *writer = made;
    made = NULL;
done:
    lb_parquet_writer_close(made);
    return status;
}

lobass_status lb_parquet_writer_put(lb_parquet_writer *writer, const char *record, size_t size,
                                    const char *where, lobass_error *error)
{
    const lb_value *value = NULL;
    lb_arena_reset(&writer->arena);
    LB_TRY(lb_value_parse(&value, record, size, where, &writer->arena, error));
    if (!lb_value_is(value, LB_VALUE_OBJECT))
    {
        return lb_fail(error, LOBASS_UNSUPPORTED, "%s: expected an object, found %s", where,
                       lb_value_describe(value));
    }
    LB_TRY(lb_table_type_take(&writer->type, value, where, error));
    writer->largest = size > writer->largest ? size : writer->largest;
    writer->n_records++;
    LB_TRY(lb_output_write(writer->lines, record, size, error));
    return lb_output_write(writer->lines, "\n", 1, error);
}

/* ---- the file ---------------------------------------------------------------------------------
 */

static lobass_status query_make(lb_buffer *sql, const lb_parquet_writer *writer,
                                lobass_error *error)
{
    const size_t twice = 2 * writer->largest;
    LB_TRY(lb_buffer_append_text(sql, "COPY (SELECT * FROM read_json(", error));
    LB_TRY(lb_sql_append_text(sql, writer->lines_path, error));
    LB_TRY(lb_buffer_print(sql, error,
                           ", format = 'newline_delimited', compression = 'uncompressed', "
                           "maximum_object_size = %zu, columns = {",
                           twice > LEAST_OBJECT_BYTES ? twice : LEAST_OBJECT_BYTES));
    for (size_t i = 0; i < writer->type.count; i++)
    {
        const lb_table_type *column = &writer->type.members[i];
        lb_buffer type = {0};
        lobass_status status = lb_table_type_print(&type, column, writer->name, error);
        status = status == LOBASS_OK ? lb_buffer_append(sql, ", ", i == 0 ? 0 : 2, error) : status;
        status = status == LOBASS_OK ? lb_sql_append_text(sql, column->name, error) : status;
        status = status == LOBASS_OK ? lb_buffer_append(sql, ": ", 2, error) : status;
        status = status == LOBASS_OK ? lb_sql_append_text(sql, type.data, error) : status;
        lb_buffer_free(&type);
        LB_TRY(status);
    }
    LB_TRY(lb_buffer_append_text(sql, "})) TO ", error));
    LB_TRY(lb_sql_append_text(sql, writer->made_path, error));
    return lb_buffer_append_text(sql, " (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)",
                                 error);
}

static lobass_status file_make(lb_parquet_writer *writer, lobass_error *error)
{
    const char *const paths[] = {writer->lines_path, writer->made_path, NULL};
    lb_duckdb *duckdb = NULL;
    lb_buffer sql = {0};
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_duckdb_open(&duckdb, writer->name, paths, error));
    LB_TRY_GOTO(query_make(&sql, writer, error));
    status = lb_duckdb_run(duckdb, writer->name, sql.data, error);
done:
    lb_buffer_free(&sql);
    lb_duckdb_close(duckdb);
    return status;
}

static lobass_status file_hand_out(const lb_parquet_writer *writer, lb_write_function write,
                                   void *context, lobass_error *error)
{
    lb_mapping made;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_mapping_open(&made, writer->made_path, error));
    for (size_t at = 0; at < made.size && status == LOBASS_OK; at += COPY_BYTES)
    {
        const size_t left = made.size - at;
        status = write(context, (const char *)made.data + at, left < COPY_BYTES ? left : COPY_BYTES,
                       error);
    }
    lb_mapping_close(&made);
    return status;
}

lobass_status lb_parquet_writer_finish(lb_parquet_writer *writer, lb_write_function write,
                                       void *context, lobass_error *error)
{
    lb_output *lines = writer->lines;
    if (writer->type.count == 0)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "%s: no record to write, and a Parquet file has the columns of its records",
                       writer->name);
    }
    writer->lines = NULL;
    LB_TRY(lb_output_commit(lines, error));
    LB_TRY(file_make(writer, error));
    return file_hand_out(writer, write, context, error);
}

void lb_parquet_writer_close(lb_parquet_writer *writer)
{
    if (writer == NULL)
    {
        return;
    }
    lb_output_discard(writer->lines);
    lb_table_type_free(&writer->type);
    lb_arena_free(&writer->arena);
    if (writer->folder != NULL)
    {
        (void)lb_folder_remove(writer->folder, NULL);
    }
    free(writer->folder);
    free(writer->lines_path);
    free(writer->made_path);
    free(writer);
}

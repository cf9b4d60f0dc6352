/* SPDX-License-Identifier: Apache-2.0
 *
 * The selected records as their own bytes. Every source is read again, and a selected record whose
 * XXH3-128 is not that of its row stops the writing: the file changed since it was prepared.
 * JSON Lines: a record and a line feed; a record that spans lines gets a space for each carriage
 * return and line feed in it, which in JSON can only stand between tokens. JSON array (a path that
 * ends in .json): "[\n", records parted by ",\n", "\n]\n", every byte of a record kept. Parquet (a
 * path that ends in .parquet): columns. In another format records are converted first (convert.c),
 * each to lines. In the order of the data records stream through; ranked ones are put aside, the
 * selected alone.
 */
#include "selection/convert.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ADVANCE_RECORDS 256 /* between two looks at the clock */

typedef struct place
{
    uint64_t start, size; /* in what was put aside */
} place;

typedef struct emitter
{
    lb_select_output *target;
    lb_select_file file;
    bool is_array;
    lb_parquet_writer *parquet; /* NULL: JSON */
    lb_converter *converter;    /* NULL: the records' own bytes */
    uint64_t n_written;
    lb_buffer folded; /* a record without its line breaks */
    lb_buffer read;   /* a record that had been put aside */
    lb_spool *aside;  /* ranked: selected records, in the order of the data */
    uint64_t n_aside; /* bytes */
    place *places;    /* ranked: [n_ranked] by rank - 1 */
} emitter;

static lobass_status put(emitter *e, const char *data, size_t size, lobass_error *error)
{
    return lb_select_file_write(&e->file, data, size, error);
}

static lobass_status put_part(void *context, const char *data, size_t size, lobass_error *error)
{
    return put(context, data, size, error);
}

static lobass_status put_column(emitter *e, const char *data, size_t size, lobass_error *error)
{
    char where[64];
    (void)snprintf(where, sizeof where, "record %" PRIu64 " of those selected", e->n_written);
    return lb_parquet_writer_put(e->parquet, data, size, where, error);
}

static lobass_status put_folded(emitter *e, const char *data, size_t size, lobass_error *error)
{
    lb_buffer_clear(&e->folded);
    LB_TRY(lb_buffer_append(&e->folded, data, size, error));
    for (size_t i = 0; i < size; i++)
    {
        if (data[i] == '\n' || data[i] == '\r')
        {
            e->folded.data[i] = ' ';
        }
    }
    return e->parquet != NULL ? put_column(e, e->folded.data, size, error)
                              : put(e, e->folded.data, size, error);
}

static lobass_status put_record(emitter *e, const char *data, size_t size, lobass_error *error)
{
    const bool is_first = e->n_written++ == 0;
    if (e->is_array)
    {
        LB_TRY(put(e, is_first ? "[\n" : ",\n", 2, error));
        return put(e, data, size, error);
    }
    if (memchr(data, '\n', size) != NULL)
    {
        LB_TRY(put_folded(e, data, size, error));
    }
    else
    {
        LB_TRY(e->parquet != NULL ? put_column(e, data, size, error) : put(e, data, size, error));
    }
    return e->parquet != NULL ? LOBASS_OK : put(e, "\n", 1, error);
}

/* A record, or the lines that were made of it. */
static lobass_status put_made(emitter *e, const char *data, size_t size, lobass_error *error)
{
    if (e->converter == NULL)
    {
        return put_record(e, data, size, error);
    }
    for (const char *end = data + size; data < end;)
    {
        const char *newline = memchr(data, '\n', (size_t)(end - data));
        const char *stop = newline == NULL ? end : newline;
        LB_TRY(put_record(e, data, (size_t)(stop - data), error));
        data = stop + 1;
    }
    return LOBASS_OK;
}

/* What had been put aside. */
static lobass_status put_aside(emitter *e, const place *where, lobass_error *error)
{
    const size_t size = (size_t)where->size;
    lb_buffer_clear(&e->read);
    LB_TRY(lb_buffer_reserve(&e->read, size, error));
    LB_TRY(lb_spool_read(e->aside, where->start, e->read.data, size, error));
    return put_made(e, e->read.data, size, error);
}

static lobass_status put_end(emitter *e, lobass_error *error)
{
    if (e->parquet != NULL)
    {
        return lb_parquet_writer_finish(e->parquet, put_part, e, error);
    }
    if (!e->is_array)
    {
        return LOBASS_OK;
    }
    return e->n_written == 0 ? put(e, "[]\n", 3, error) : put(e, "\n]\n", 3, error);
}

static lobass_status fail_changed(const char *path, const lb_record *record, uint64_t row,
                                  lobass_error *error)
{
    if (record == NULL)
    {
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s: ends before row %" PRIu64 ", which was read from it: it changed since "
                       "it was prepared",
                       path, row);
    }
    return lb_fail(error, LOBASS_CONFLICT,
                   "%s:%" PRIu64 ": not the record that was prepared as row %" PRIu64
                   ": the file changed since",
                   path, record->line, row);
}

static lobass_status record_take(emitter *e, const lb_selection *selection,
                                 const lb_row_summary *summary, uint64_t row, const char *path,
                                 const lb_record *record, lobass_error *error)
{
    const lb_hash hash = lb_hash_bytes(record->data, record->size, 0);
    if (hash.high != summary->hash[0] || hash.low != summary->hash[1])
    {
        return fail_changed(path, record, row, error);
    }
    const char *data = record->data;
    size_t size = record->size;
    if (e->converter != NULL)
    {
        char where[512];
        const lb_buffer *lines = NULL;
        (void)snprintf(where, sizeof where, "%.400s:%" PRIu64 ": row %" PRIu64, path, record->line,
                       row);
        LB_TRY(lb_converter_take(e->converter, &lines, record, row, where, error));
        data = lines->data;
        size = lines->size;
    }
    if (!e->target->is_ranked)
    {
        return put_made(e, data, size, error);
    }
    place *where = &e->places[selection->ranks[row] - 1];
    where->start = e->n_aside;
    where->size = size;
    e->n_aside += size;
    return lb_spool_write(e->aside, data, size, error);
}

/* Rows [*ROW, N_END) of one source. */
static lobass_status source_write(emitter *e, const lb_selection *selection,
                                  const lb_scores *scores, const char *path, uint64_t row,
                                  uint64_t n_end, lb_stage *stage, lobass_error *error)
{
    lb_record_reader *reader = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_record_reader_open(&reader, path, error));
    for (; row < n_end; row++)
    {
        lb_record record;
        bool has_record = false;
        LB_TRY_GOTO(lb_record_reader_next(reader, &record, &has_record, error));
        if (!has_record)
        {
            status = fail_changed(path, NULL, row, error);
            goto done;
        }
        if (selection->is_selected[row])
        {
            LB_TRY_GOTO(
                record_take(e, selection, &scores->summaries[row], row, path, &record, error));
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

static lobass_status sources_write(emitter *e, const lb_selection *selection,
                                   const lb_scores *scores, lb_store *store, lb_stage *stage,
                                   lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    lb_store_source *sources = NULL;
    size_t n_sources = 0;
    uint64_t row = 0;
    LB_TRY(lb_store_sources_load(&sources, &n_sources, store, error));
    for (size_t i = 0; i < n_sources && status == LOBASS_OK; i++)
    {
        uint64_t n_end = row;
        uint64_t n_needed = row; /* nothing behind the last selected row need be read */
        for (; n_end < scores->n_rows && scores->summaries[n_end].source == i; n_end++)
        {
            n_needed = selection->is_selected[n_end] ? n_end + 1 : n_needed;
        }
        char *path = lb_source_file(lb_store_path(store), sources[i].path, error);
        if (path == NULL)
        {
            status = LOBASS_OUT_OF_MEMORY;
        }
        else if (n_needed > row)
        {
            status = source_write(e, selection, scores, path, row, n_needed, stage, error);
        }
        free(path);
        row = n_end;
    }
    lb_store_sources_free(sources, n_sources);
    return status;
}

static lobass_status all_write(emitter *e, const lb_selection *selection, const lb_scores *scores,
                               lb_store *store, lb_stage *stage, lobass_error *error)
{
    if (e->target->is_ranked)
    {
        LB_TRY(lb_spool_open(&e->aside, e->target->path, error));
        e->places = lb_alloc(selection->n_ranked, sizeof *e->places, error);
        if (e->places == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
    }
    LB_TRY(sources_write(e, selection, scores, store, stage, error));
    for (size_t i = 0; e->target->is_ranked && i < selection->n_ranked; i++)
    {
        if (selection->is_selected[selection->order[i]])
        {
            LB_TRY(put_aside(e, &e->places[i], error));
        }
    }
    return put_end(e, error);
}

lobass_status lb_selection_write(lb_select_output *output, const lb_selection *selection,
                                 const lb_scores *scores, lb_store *store, lb_stage *stage,
                                 lobass_error *error)
{
    emitter e = {.target = output,
                 .is_array = lb_select_path_ends(output->path, ".json"),
                 .converter = output->converter};
    lobass_status status = LOBASS_OK;
    if (lb_select_path_ends(output->path, ".parquet"))
    {
        LB_TRY_GOTO(lb_parquet_writer_open(&e.parquet, output->path, error));
    }
    LB_TRY_GOTO(lb_select_file_open(&e.file, output->path, output->overwrite, error));
    LB_TRY_GOTO(all_write(&e, selection, scores, store, stage, error));
    status = lb_select_file_commit(&e.file, error);
    output->hash = e.file.hash;
    output->n_written = e.n_written;
done:
    lb_parquet_writer_close(e.parquet);
    lb_select_file_release(&e.file);
    lb_buffer_free(&e.folded);
    lb_buffer_free(&e.read);
    lb_spool_close(e.aside);
    free(e.places);
    return status;
}

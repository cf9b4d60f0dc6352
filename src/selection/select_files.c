/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a selection goes: RUN/selected.jsonl with RUN/scores.jsonl and RUN/manifest.json, or FILE
 * with STEM.scores.jsonl and STEM.manifest.json beside it, STEM being FILE without .jsonl, .json or
 * .parquet. No name, and no link, leads to a data file or to what any run or model is made of, and
 * -f replaces only what is called so. A file that stands there already and may not be
 * overwritten is read and compared with what would be written: the same bytes are what an earlier,
 * stopped call has left, and count as written.
 */
#include "selection/selection.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_ENDING ".scores.jsonl"
#define MANIFEST_ENDING ".manifest.json"
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const char *const endings[] = {".jsonl", ".json", ".parquet"}; /* of what is written */

/* ---- paths ------------------------------------------------------------------------------------
 */

bool lb_select_path_ends(const char *text, const char *ending)
{
    const size_t size = strlen(text);
    const size_t n = strlen(ending);
    return size > n && strcmp(text + size - n, ending) == 0;
}

/* Only what could be an earlier selection is replaced. */
static lobass_status check_replaceable(const char *path, lobass_error *error)
{
    bool is_data = false;
    for (size_t i = 0; i < COUNT_OF(endings); i++)
    {
        is_data = is_data || lb_select_path_ends(path, endings[i]);
    }
    const lb_path_kind kind = lb_path_look(path);
    if (kind == LB_PATH_MISSING || (kind == LB_PATH_FILE && is_data))
    {
        return LOBASS_OK;
    }
    return lb_fail(error, LOBASS_CONFLICT,
                   "%s: not overwritten: expected a file whose name ends in .jsonl, .json or "
                   ".parquet, found %s",
                   path, kind == LB_PATH_FILE ? "another name" : "no plain file");
}

/* A name promises what is in the file; the run's own file holds the records' own bytes. */
static lobass_status check_kind(const lb_select_files *files, const lobass_select_options *options,
                                lobass_error *error)
{
    static const char *const others[] = {".csv", ".tsv", ".arrow", ".txt", ".gz", ".zst", ".xlsx"};
    const char *path = files->records;
    const bool is_own_bytes = options->format == NULL || strcmp(options->format, "records") == 0;
    for (size_t i = 0; i < COUNT_OF(others); i++)
    {
        if (lb_select_path_ends(path, others[i]))
        {
            return lb_fail(error, LOBASS_UNSUPPORTED,
                           "%s: not written as %s; expected .jsonl, .json or .parquet, which hold "
                           "lists of messages",
                           path, others[i]);
        }
    }
    return !files->is_own || is_own_bytes
               ? LOBASS_OK
               : lb_fail(error, LOBASS_BAD_ARGUMENT,
                         "%s: holds the records' own bytes; another format needs an output of its "
                         "own (-o FILE)",
                         path);
}

static lobass_status check_no_data(const char *path, const char *run,
                                   const lb_store_source *sources, size_t n_sources,
                                   lobass_error *error)
{
    for (size_t i = 0; i < n_sources; i++)
    {
        char *data = lb_source_file(run, sources[i].path, error);
        if (data == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        bool is_data = false;
        const lobass_status status = lb_path_is_same(&is_data, path, data, error);
        free(data);
        LB_TRY(status);
        if (is_data)
        {
            return lb_fail(error, LOBASS_CONFLICT,
                           "%s: is a data file of the run; expected another output", path);
        }
    }
    return LOBASS_OK;
}

static lobass_status fail_exists(const char *path, lobass_error *error)
{
    return lb_fail(error, LOBASS_CONFLICT,
                   "%s: exists already; overwrite it (-f) or name another output", path);
}

/* Records, table, manifest are written in this order: one that is there without those before it is
 * not what an earlier call has left. */
static lobass_status check_order(const lb_select_files *files, lobass_error *error)
{
    const char *const paths[] = {files->records, files->table, files->manifest};
    bool is_missing = false;
    for (size_t i = 0; i < COUNT_OF(paths); i++)
    {
        const lb_path_kind kind = lb_path_look(paths[i]);
        if (kind != LB_PATH_MISSING && (is_missing || kind != LB_PATH_FILE))
        {
            return fail_exists(paths[i], error);
        }
        is_missing = is_missing || kind == LB_PATH_MISSING;
    }
    return LOBASS_OK;
}

static lobass_status names_make(lb_select_files *files, const char *output, const char *run,
                                lobass_error *error)
{
    char *own = lb_path_join(run, LB_RUN_SELECTED, error);
    if (own == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    files->is_own = true;
    if (output != NULL)
    {
        const lobass_status status = lb_path_is_same(&files->is_own, output, own, error);
        if (status != LOBASS_OK)
        {
            free(own);
            return status;
        }
    }
    if (files->is_own)
    {
        files->records = output == NULL ? lb_copy_text(own, strlen(own), error)
                                        : lb_copy_text(output, strlen(output), error);
        files->table = lb_path_join(run, LB_RUN_SCORES, error);
        files->manifest = lb_path_join(run, LB_RUN_MANIFEST, error);
    }
    else
    {
        lb_buffer table = {0};
        lb_buffer manifest = {0};
        size_t size = strlen(output);
        for (size_t i = 0; i < COUNT_OF(endings); i++)
        {
            size -= lb_select_path_ends(output, endings[i]) ? strlen(endings[i]) : 0;
        }
        files->records = lb_copy_text(output, strlen(output), error);
        (void)lb_buffer_print(&table, error, "%.*s" TABLE_ENDING, (int)size, output);
        (void)lb_buffer_print(&manifest, error, "%.*s" MANIFEST_ENDING, (int)size, output);
        files->table = table.data;
        files->manifest = manifest.data;
    }
    free(own);
    return files->records == NULL || files->table == NULL || files->manifest == NULL
               ? LOBASS_OUT_OF_MEMORY
               : LOBASS_OK;
}

lobass_status lb_select_files_find(lb_select_files *files, const lobass_select_options *options,
                                   const lb_store_source *sources, size_t n_sources,
                                   lobass_error *error)
{
    LB_TRY(names_make(files, options->output, options->run, error));
    LB_TRY(check_kind(files, options, error));
    const char *const paths[] = {files->records, files->table, files->manifest};
    for (size_t i = 0; i < COUNT_OF(paths); i++)
    {
        LB_TRY(check_no_data(paths[i], options->run, sources, n_sources, error));
        if (!files->is_own)
        {
            LB_TRY(lb_output_path_check(paths[i], error));
        }
    }
    files->overwrite = files->is_own || options->overwrite;
    if (!files->overwrite)
    {
        return check_order(files, error);
    }
    return files->is_own ? LOBASS_OK : check_replaceable(files->records, error);
}

void lb_select_files_free(lb_select_files *files)
{
    free(files->records);
    free(files->table);
    free(files->manifest);
}

/* ---- one file ---------------------------------------------------------------------------------
 */

lobass_status lb_select_file_open(lb_select_file *file, const char *path, bool overwrite,
                                  lobass_error *error)
{
    *file = (lb_select_file){.path = path};
    LB_TRY(lb_hasher_create(&file->hasher, 0, error));
    const bool is_compared = !overwrite && lb_path_look(path) == LB_PATH_FILE;
    return is_compared ? LOBASS_OK : lb_output_open(&file->output, path, overwrite, error);
}

lobass_status lb_select_file_write(lb_select_file *file, const char *data, size_t size,
                                   lobass_error *error)
{
    lb_hasher_update(file->hasher, data, size);
    return file->output == NULL ? LOBASS_OK : lb_output_write(file->output, data, size, error);
}

lobass_status lb_select_file_commit(lb_select_file *file, lobass_error *error)
{
    file->hash = lb_hasher_value(file->hasher);
    if (file->output != NULL)
    {
        lb_output *output = file->output;
        file->output = NULL;
        return lb_output_commit(output, error);
    }
    lb_mapping there;
    LB_TRY(lb_mapping_open(&there, file->path, error));
    const bool is_same = lb_hash_equal(lb_hash_bytes(there.data, there.size, 0), file->hash);
    lb_mapping_close(&there);
    return is_same ? LOBASS_OK : fail_exists(file->path, error);
}

void lb_select_file_release(lb_select_file *file)
{
    lb_output_discard(file->output);
    lb_hasher_free(file->hasher);
    *file = (lb_select_file){0};
}

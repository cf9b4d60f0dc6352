/* SPDX-License-Identifier: Apache-2.0
 *
 * The folder of a run: what belongs to it, what may be removed from it, the copy of the tokenizer's
 * files, and its sources. A folder that holds anything else and no run.db is somebody's own and is
 * never written to; an overwritten run loses the files named here and no other.
 */
#include "run/run.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCK_NAME "lock"
#define ROWS_LOCK_NAME "rows.lock" /* see lb_run_rows_keep() */

static const char *const run_files[] = {
    LB_RUN_DATABASE, LB_RUN_DATABASE "-wal", LB_RUN_DATABASE "-shm", LB_RUN_SELECTED,
    LB_RUN_SCORES,   LB_RUN_MANIFEST,        LB_RUN_REPORT};
#define REFERENCE_PARTIAL LB_RUN_REFERENCE ".partial"
static const char *const run_folders[] = {LB_RUN_REFERENCE, REFERENCE_PARTIAL, LB_RUN_TOKENIZER,
                                          LB_RUN_SOURCES};
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* ---- the folder -------------------------------------------------------------------------------
 */

static bool is_ours(const char *name)
{
    bool is_known = strcmp(name, LOCK_NAME) == 0 || strcmp(name, ROWS_LOCK_NAME) == 0 ||
                    strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    for (size_t i = 0; i < COUNT_OF(run_files); i++)
    {
        is_known = is_known || strcmp(name, run_files[i]) == 0;
    }
    for (size_t i = 0; i < COUNT_OF(run_folders); i++)
    {
        is_known = is_known || strcmp(name, run_folders[i]) == 0;
    }
    return is_known;
}

static lobass_status check_entries(const char *run, lobass_error *error)
{
    DIR *folder = opendir(run);
    if (folder == NULL)
    {
        return lb_fail_errno(error, run, "open");
    }
    lobass_status status = LOBASS_OK;
    for (const struct dirent *entry = readdir(folder); entry != NULL && status == LOBASS_OK;
         entry = readdir(folder))
    {
        if (!is_ours(entry->d_name))
        {
            status = lb_fail(error, LOBASS_CONFLICT,
                             "%s: not empty and no lobass run (it holds \"%.200s\" and no "
                             "" LB_RUN_DATABASE "); expected a run, an empty folder or none",
                             run, entry->d_name);
        }
    }
    (void)closedir(folder);
    return status;
}

lobass_status lb_run_folder_check(const char *run, bool *has_run, lobass_error *error)
{
    *has_run = false;
    const lb_path_kind kind = lb_path_look(run);
    if (kind == LB_PATH_MISSING)
    {
        return LOBASS_OK;
    }
    if (kind != LB_PATH_FOLDER)
    {
        return lb_fail(error, LOBASS_CONFLICT, "%s: expected a folder, found a file", run);
    }
    char *database = lb_path_join(run, LB_RUN_DATABASE, error);
    if (database == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    *has_run = lb_path_look(database) == LB_PATH_FILE;
    free(database);
    return *has_run ? LOBASS_OK : check_entries(run, error);
}

static lobass_status remove_one(const char *run, const char *name, bool is_folder,
                                lobass_error *error)
{
    char *path = lb_path_join(run, name, error);
    lobass_status status = path == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    if (path != NULL && is_folder && lb_path_look(path) != LB_PATH_MISSING)
    {
        status = lb_folder_remove(path, error);
    }
    else if (path != NULL && !is_folder && unlink(path) != 0 && errno != ENOENT)
    {
        status = lb_fail_errno(error, path, "remove");
    }
    free(path);
    return status;
}

lobass_status lb_run_selection_clear(const char *run, lobass_error *error)
{
    static const char *const names[] = {LB_RUN_SELECTED, LB_RUN_SCORES, LB_RUN_MANIFEST};
    for (size_t i = 0; i < COUNT_OF(names); i++)
    {
        LB_TRY(remove_one(run, names[i], false, error));
    }
    return LOBASS_OK;
}

lobass_status lb_partial_remove(const char *partial, lobass_error *error)
{
    lb_lock lock = {0};
    if (lb_path_look(partial) == LB_PATH_MISSING)
    {
        return LOBASS_OK;
    }
    char *path = lb_path_join(partial, LOCK_NAME, error);
    lobass_status status =
        path == NULL ? LOBASS_OUT_OF_MEMORY : lb_lock_acquire(&lock, path, error);
    if (status == LOBASS_OK)
    {
        status = lb_folder_remove(partial, error);
    }
    lb_lock_release(&lock);
    free(path);
    return status;
}

lobass_status lb_run_rows_keep(lb_lock *hold, const char *run, lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    char *database = lb_path_join(run, LB_RUN_DATABASE, error);
    char *path = lb_path_join(run, ROWS_LOCK_NAME, error);
    if (database != NULL && path != NULL)
    {
        const bool can_be_cleared =
            lb_path_look(database) == LB_PATH_FILE && access(run, W_OK) == 0;
        status = can_be_cleared ? lb_lock_acquire_shared(hold, path, error) : LOBASS_OK;
    }
    free(path);
    free(database);
    return status;
}

static lobass_status clear_locked(const char *run, const char *partial, lobass_error *error)
{
    /* First, since it alone may still be refused. */
    LB_TRY(lb_partial_remove(partial, error));
    for (size_t i = 0; i < COUNT_OF(run_files); i++)
    {
        LB_TRY(remove_one(run, run_files[i], false, error));
    }
    for (size_t i = 0; i < COUNT_OF(run_folders); i++)
    {
        LB_TRY(remove_one(run, run_folders[i], true, error));
    }
    return LOBASS_OK;
}

/* With the folder itself: the locks' files go while they are held, see base/lock.c. */
static lobass_status clear(const char *run, bool with_folder, lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    lb_lock lock = {0};
    lb_lock rows_lock = {0};
    char *path = lb_path_join(run, LOCK_NAME, error);
    char *rows_path = lb_path_join(run, ROWS_LOCK_NAME, error);
    char *partial = lb_path_join(run, REFERENCE_PARTIAL, error);
    if (path == NULL || rows_path == NULL || partial == NULL)
    {
        goto done;
    }
    LB_TRY_GOTO(lb_lock_acquire(&lock, path, error));
    LB_TRY_GOTO(lb_lock_acquire(&rows_lock, rows_path, error));
    status = clear_locked(run, partial, error);
    if (status == LOBASS_OK && with_folder &&
        (unlink(rows_path) != 0 || unlink(path) != 0 || rmdir(run) != 0))
    {
        status = lb_fail_errno(error, run, "remove");
    }
done:
    lb_lock_release(&rows_lock);
    lb_lock_release(&lock);
    free(partial);
    free(rows_path);
    free(path);
    return status;
}

lobass_status lb_run_folder_clear(const char *run, lobass_error *error)
{
    return clear(run, false, error);
}

lobass_status lb_run_folder_remove(const char *run, lobass_error *error)
{
    return clear(run, true, error);
}

lobass_status lb_run_reference_clear(const char *run, lobass_error *error)
{
    static const char *const files[] = {LB_RUN_SELECTED, LB_RUN_SCORES, LB_RUN_MANIFEST};
    char *partial = lb_path_join(run, REFERENCE_PARTIAL, error);
    lobass_status status =
        partial == NULL ? LOBASS_OUT_OF_MEMORY : lb_partial_remove(partial, error);
    free(partial);
    LB_TRY(status);
    for (size_t i = 0; i < COUNT_OF(files); i++)
    {
        LB_TRY(remove_one(run, files[i], false, error));
    }
    return remove_one(run, LB_RUN_REFERENCE, true, error);
}

static lobass_status copy_if_there(const char *from_folder, const char *to_folder, const char *name,
                                   lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    char *from = lb_path_join(from_folder, name, error);
    char *to = lb_path_join(to_folder, name, error);
    if (from != NULL && to != NULL)
    {
        status = lb_path_look(from) == LB_PATH_MISSING ? LOBASS_OK : lb_file_copy(from, to, error);
    }
    free(from);
    free(to);
    return status;
}

lobass_status lb_run_tokenizer_keep(const char *run, const char *model, lobass_error *error)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json",
                                        "special_tokens_map.json", "config.json"};
    char *folder = lb_path_join(run, LB_RUN_TOKENIZER, error);
    if (folder == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lobass_status status = lb_folder_create(folder, error);
    for (size_t i = 0; i < COUNT_OF(names) && status == LOBASS_OK; i++)
    {
        status = copy_if_there(model, folder, names[i], error);
    }
    free(folder);
    return status;
}

/* ---- sources ----------------------------------------------------------------------------------
 */

static bool is_standard_input(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* The same file has the same path whatever the working folder; one that is gone keeps its name. */
static char *absolute_path(const char *path, lobass_error *error)
{
    char *resolved = realpath(path, NULL);
    if (resolved != NULL)
    {
        return resolved;
    }
    char here[4096];
    if (path[0] == '/' || getcwd(here, sizeof here) == NULL)
    {
        return lb_copy_text(path, strlen(path), error);
    }
    return lb_path_join(here, path, error);
}

static bool is_taken(const lb_store_source *sources, size_t n_sources, const char *name)
{
    for (size_t i = 0; i < n_sources; i++)
    {
        if (strcmp(sources[i].name, name) == 0)
        {
            return true;
        }
    }
    return false;
}

static lobass_status source_name(lb_store_source *sources, size_t index, lobass_error *error)
{
    const char *path = sources[index].path;
    const char *base = is_standard_input(path) ? "stdin" : lb_path_name(path);
    lb_buffer name = {0};
    /* One spelling for scores, tables and terminals. */
    lobass_status status = lb_append_visible(&name, base, strlen(base), error);
    const size_t size = name.size;
    for (unsigned n = 2; status == LOBASS_OK && is_taken(sources, index, name.data); n++)
    {
        name.size = size;
        status = lb_buffer_print(&name, error, " (%u)", n);
    }
    sources[index].name = name.data; /* freed with the sources, whatever became of it */
    return status;
}

lobass_status lb_sources_name(lb_store_source **sources, const char *const *data, size_t n_data,
                              lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    size_t n_standard_input = 0;
    lb_store_source *made = lb_alloc(n_data, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n_data && status == LOBASS_OK; i++)
    {
        const bool is_standard = is_standard_input(data[i]);
        n_standard_input += is_standard ? 1 : 0;
        made[i].path = is_standard ? lb_copy_text("-", 1, error) : absolute_path(data[i], error);
        status = made[i].path == NULL ? LOBASS_OUT_OF_MEMORY : source_name(made, i, error);
    }
    if (status == LOBASS_OK && n_standard_input > 1)
    {
        status =
            lb_fail(error, LOBASS_BAD_ARGUMENT,
                    "-: standard input was named %zu times; it can be read once", n_standard_input);
    }
    if (status != LOBASS_OK)
    {
        lb_store_sources_free(made, n_data);
        return status;
    }
    *sources = made;
    return LOBASS_OK;
}

lobass_status lb_sources_check(const lb_store_source *sources, size_t n_sources,
                               lobass_error *error)
{
    bool has_any = false;
    for (size_t i = 0; i < n_sources; i++)
    {
        lb_record_reader *reader = NULL;
        lb_record record;
        bool has_record = is_standard_input(sources[i].path); /* it may have: it is read later */
        lobass_status status = LOBASS_OK;
        if (!has_record)
        {
            LB_TRY(lb_record_reader_open(&reader, sources[i].path, error));
            status = lb_record_reader_next(reader, &record, &has_record, error);
            lb_record_reader_close(reader);
        }
        LB_TRY(status);
        has_any = has_any || has_record;
    }
    return has_any
               ? LOBASS_OK
               : lb_fail(error, LOBASS_BAD_FORMAT, "%s: no record%s; expected at least one",
                         sources[0].path, n_sources > 1 ? " in it or in the other data files" : "");
}

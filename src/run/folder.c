/* SPDX-License-Identifier: Apache-2.0
 *
 * The folder of a run: whether it is one, what may be removed from it, and the copy of the
 * tokenizer's files. A folder that holds anything but what names.c lists and no run.db is
 * somebody's own and is never written to; an overwritten run loses what is listed there and nothing
 * else.
 */
#include "run/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static lobass_status check_entry(void *context, int folder, const char *name, lobass_error *error)
{
    const char *const *run = context;
    const lb_run_name *of_run = NULL;
    (void)folder;
    for (size_t i = 0; (of_run = lb_run_name_at(i)) != NULL; i++)
    {
        if (strcmp(name, of_run->name) == 0)
        {
            return LOBASS_OK;
        }
    }
    return lb_fail(error, LOBASS_CONFLICT,
                   "%s: not empty and no lobass run (it holds \"%.200s\" and no "
                   "" LB_RUN_DATABASE "); expected a run, an empty folder or none",
                   *run, name);
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
    *has_run = lb_path_look(database) != LB_PATH_MISSING;
    free(database);
    return *has_run ? LOBASS_OK : lb_folder_walk(run, check_entry, &run, error);
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
    const lb_run_name *name = NULL;
    for (size_t i = 0; (name = lb_run_name_at(i)) != NULL; i++)
    {
        LB_TRY(name->is_selection ? remove_one(run, name->name, false, error) : LOBASS_OK);
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
    char *path = lb_path_join(partial, LB_RUN_LOCK, error);
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
    char *path = lb_path_join(run, LB_RUN_ROWS_LOCK, error);
    if (database != NULL && path != NULL)
    {
        const bool can_be_cleared =
            lb_path_look(database) != LB_PATH_MISSING && access(run, W_OK) == 0;
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
    const lb_run_name *name = NULL;
    for (size_t i = 0; (name = lb_run_name_at(i)) != NULL; i++)
    {
        LB_TRY(name->is_kept ? LOBASS_OK : remove_one(run, name->name, name->is_folder, error));
    }
    return LOBASS_OK;
}

/* With the folder itself: the locks' files go while they are held, see base/lock.c. */
static lobass_status clear(const char *run, bool with_folder, lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    lb_lock lock = {0};
    lb_lock rows_lock = {0};
    char *path = lb_path_join(run, LB_RUN_LOCK, error);
    char *rows_path = lb_path_join(run, LB_RUN_ROWS_LOCK, error);
    char *partial = lb_path_join(run, LB_RUN_REFERENCE_PARTIAL, error);
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
    char *partial = lb_path_join(run, LB_RUN_REFERENCE_PARTIAL, error);
    lobass_status status =
        partial == NULL ? LOBASS_OUT_OF_MEMORY : lb_partial_remove(partial, error);
    free(partial);
    LB_TRY(status);
    LB_TRY(lb_run_selection_clear(run, error));
    return remove_one(run, LB_RUN_REFERENCE, true, error);
}

lobass_status lb_run_tokenizer_keep(const char *run, const char *model, lobass_error *error)
{
    char *folder = lb_path_join(run, LB_RUN_TOKENIZER, error);
    if (folder == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lobass_status status = lb_folder_create(folder, error);
    if (status == LOBASS_OK)
    {
        status = lb_tokenizer_files_copy(folder, model, error);
    }
    if (status == LOBASS_OK)
    {
        status = lb_file_copy_into(folder, model, "config.json", error);
    }
    free(folder);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns folders: making one with its parents, walking over what one holds, removing one with all it
 * holds (symbolic links are removed, never followed), moving one into place, and those that are
 * there for a while only. A move over an existing folder exchanges the two names in one step and
 * removes the old one afterwards, so the name is never without a folder.
 */
#include "base/file_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every level of a folder that is being removed holds a descriptor. */
#define DEEPEST_FOLDER 256U

static lobass_status create_one(const char *path, lobass_error *error)
{
    if (mkdir(path, 0777) == 0)
    {
        return LOBASS_OK;
    }
    const int code = errno;
    const lb_path_kind kind = lb_path_look(path);
    if (kind == LB_PATH_FOLDER)
    {
        return LOBASS_OK;
    }
    if (code == EEXIST && kind != LB_PATH_MISSING)
    {
        return lb_fail(error, LOBASS_CONFLICT, "%s: found a file, expected a folder", path);
    }
    errno = code;
    return lb_fail_errno(error, path, "create the folder");
}

lobass_status lb_folder_create(const char *path, lobass_error *error)
{
    if (path[0] == '\0')
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "\"\": expected the name of a folder");
    }
    char *part = lb_copy_text(path, strlen(path), error);
    if (part == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lobass_status status = LOBASS_OK;
    /* The slash at the very start is the root, which is there. */
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/'))
    {
        *slash = '\0';
        LB_TRY_GOTO(create_one(part, error));
        *slash = '/';
    }
    status = create_one(part, error);
done:
    free(part);
    return status;
}

/* ---- what a folder holds ----------------------------------------------------------------------
 */

/* Takes the descriptor over. */
static lobass_status walk(int descriptor, const char *path, lb_folder_visit visit, void *context,
                          lobass_error *error)
{
    DIR *folder = fdopendir(descriptor);
    if (folder == NULL)
    {
        const lobass_status status = lb_fail_errno(error, path, "read the folder");
        (void)close(descriptor);
        return status;
    }
    lobass_status status = LOBASS_OK;
    while (status == LOBASS_OK)
    {
        errno = 0; /* the end of a folder and a failure are told apart by it alone */
        const struct dirent *entry = readdir(folder);
        if (entry == NULL)
        {
            status = errno == 0 ? LOBASS_OK : lb_fail_errno(error, path, "read the folder");
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
        {
            status = visit(context, dirfd(folder), entry->d_name, error);
        }
    }
    (void)closedir(folder);
    return status;
}

lobass_status lb_folder_walk(const char *path, lb_folder_visit visit, void *context,
                             lobass_error *error)
{
    const int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return descriptor < 0 ? lb_fail_errno(error, path, "open")
                          : walk(descriptor, path, visit, context, error);
}

/* A folder that is being emptied. */
typedef struct level
{
    const char *path;
    unsigned depth;
} level;

static lobass_status remove_at(int parent, const char *name, const level *of, lobass_error *error);

static lobass_status remove_entry(void *context, int folder, const char *name, lobass_error *error)
{
    const level *of = context;
    char *path = lb_path_join(of->path, name, error);
    const level entry = {path, of->depth};
    const lobass_status status =
        path == NULL ? LOBASS_OUT_OF_MEMORY : remove_at(folder, name, &entry, error);
    free(path);
    return status;
}

static lobass_status remove_at(int parent, const char *name, const level *of, lobass_error *error)
{
    if (unlinkat(parent, name, 0) == 0)
    {
        return LOBASS_OK;
    }
    if (errno != EISDIR && errno != EPERM)
    {
        return lb_fail_errno(error, of->path, "remove");
    }
    if (of->depth == DEEPEST_FOLDER)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "%s: cannot remove: folders within folders, more than %u deep", of->path,
                       DEEPEST_FOLDER);
    }
    const int descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0)
    {
        return lb_fail_errno(error, of->path, "remove");
    }
    level within = {of->path, of->depth + 1};
    LB_TRY(walk(descriptor, of->path, remove_entry, &within, error));
    if (unlinkat(parent, name, AT_REMOVEDIR) != 0)
    {
        return lb_fail_errno(error, of->path, "remove");
    }
    return LOBASS_OK;
}

lobass_status lb_folder_remove(const char *path, lobass_error *error)
{
    const int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0)
    {
        return lb_fail_errno(error, path, "remove the folder");
    }
    level within = {path, 0};
    LB_TRY(walk(descriptor, path, remove_entry, &within, error));
    if (rmdir(path) != 0)
    {
        return lb_fail_errno(error, path, "remove the folder");
    }
    return LOBASS_OK;
}

/* ---- a folder into another's place --------------------------------------------------------------
 */

/* Where two names cannot be exchanged in one step: the old folder steps aside first. */
static lobass_status replace_in_steps(const char *from, const char *to, lobass_error *error)
{
    lb_buffer aside = {0};
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_buffer_print(&aside, error, "%s.%ld.old", to, (long)getpid()));
    LB_TRY_GOTO(lb_rename_new(to, aside.data, error));
    status = lb_rename_new(from, to, error);
    if (status != LOBASS_OK)
    {
        (void)rename(aside.data, to);
        goto done;
    }
    LB_TRY_GOTO(lb_parent_sync(to, error));
    status = lb_folder_remove(aside.data, error);
done:
    lb_buffer_free(&aside);
    return status;
}

lobass_status lb_folder_move(const char *from, const char *to, bool overwrite, lobass_error *error)
{
    const lb_path_kind kind = lb_path_look(to);
    if (kind == LB_PATH_MISSING || !overwrite)
    {
        LB_TRY(lb_rename_new(from, to, error));
        return lb_parent_sync(to, error);
    }
    if (kind != LB_PATH_FOLDER)
    {
        return lb_fail(error, LOBASS_CONFLICT, "%s: found a file, expected a folder", to);
    }
    if (lb_path_look(from) != LB_PATH_FOLDER)
    {
        return lb_fail(error, LOBASS_NOT_FOUND, "%s: expected a folder", from);
    }
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) != 0)
    {
        if (errno == EINVAL || errno == ENOSYS)
        {
            return replace_in_steps(from, to, error);
        }
        return lb_fail_errno(error, to, "replace");
    }
    LB_TRY(lb_parent_sync(to, error));
    return lb_folder_remove(from, error);
}

lobass_status lb_folder_make_temporary(char **folder, const char *name, lobass_error *error)
{
    const char *parent = getenv("TMPDIR");
    lb_buffer path = {0};
    *folder = NULL;
    LB_TRY(lb_buffer_print(&path, error, "%s/%s-XXXXXX",
                           parent == NULL || parent[0] == '\0' ? "/tmp" : parent, name));
    if (mkdtemp(path.data) == NULL)
    {
        const lobass_status status = lb_fail_errno(error, path.data, "create the folder");
        lb_buffer_free(&path);
        return status;
    }
    *folder = path.data;
    return LOBASS_OK;
}

lobass_status lb_folder_end_temporary(const char *folder, lobass_status status, lobass_error *error)
{
    if (folder == NULL)
    {
        return status;
    }
    const lobass_status removed = lb_folder_remove(folder, status == LOBASS_OK ? error : NULL);
    return status == LOBASS_OK ? removed : status;
}

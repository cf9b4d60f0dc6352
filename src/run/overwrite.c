/* SPDX-License-Identifier: Apache-2.0
 *
 * Which folders may be replaced, see folders.h. To overwrite is to remove the old folder with all
 * it holds: a mistyped name must not cost somebody a home folder.
 */
#include "run/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool lb_path_is_within(const char *path, const char *folder)
{
    char *inner = realpath(path, NULL);
    char *outer = realpath(folder, NULL);
    bool is_within = false;
    if (inner != NULL && outer != NULL)
    {
        const size_t size = strcmp(outer, "/") == 0 ? 0 : strlen(outer);
        is_within = strncmp(inner, outer, size) == 0 && (inner[size] == '\0' || inner[size] == '/');
    }
    free(outer);
    free(inner);
    return is_within;
}

static bool is_plain_file(DIR *folder, const char *name)
{
    struct stat found;
    return fstatat(dirfd(folder), name, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(found.st_mode);
}

static lobass_status check_entries(const char *path, DIR *folder, lobass_error *error)
{
    bool has_config = false;
    bool is_empty = true;
    errno = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
    {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        {
            continue;
        }
        if (!is_plain_file(folder, name))
        {
            return lb_fail(error, LOBASS_CONFLICT,
                           "%s: not overwritten: it holds \"%.200s\", which is no plain file; "
                           "expected a model's folder, an empty one or none",
                           path, name);
        }
        is_empty = false;
        has_config = has_config || strcmp(name, "config.json") == 0 ||
                     strcmp(name, "adapter_config.json") == 0;
    }
    if (errno != 0)
    {
        return lb_fail_errno(error, path, "read the folder");
    }
    return is_empty || has_config
               ? LOBASS_OK
               : lb_fail(error, LOBASS_CONFLICT,
                         "%s: not overwritten: it holds files and no config.json; expected a "
                         "model's folder, an empty one or none",
                         path);
}

lobass_status lb_model_folder_check(const char *folder, const char *const *read, size_t n_read,
                                    lobass_error *error)
{
    for (size_t i = 0; i < n_read; i++)
    {
        if (read[i] != NULL && lb_path_is_within(read[i], folder))
        {
            return lb_fail(error, LOBASS_CONFLICT,
                           "%s: not overwritten: this command reads %s; name another output",
                           folder, read[i]);
        }
    }
    DIR *opened = opendir(folder);
    if (opened == NULL)
    {
        return lb_fail_errno(error, folder, "open");
    }
    const lobass_status status = check_entries(folder, opened, error);
    (void)closedir(opened);
    return status;
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

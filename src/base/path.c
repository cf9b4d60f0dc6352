/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns paths: what one leads to, its parts, and whether two lead to the same place.
 */
#include "base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

lb_path_kind lb_path_look(const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0)
    {
        return errno == ENOENT || errno == ENOTDIR ? LB_PATH_MISSING : LB_PATH_OTHER;
    }
    if (S_ISREG(about.st_mode))
    {
        return LB_PATH_FILE;
    }
    return S_ISDIR(about.st_mode) ? LB_PATH_FOLDER : LB_PATH_OTHER;
}

bool lb_path_is_link(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0 && S_ISLNK(about.st_mode);
}

char *lb_path_join(const char *folder, const char *name, lobass_error *error)
{
    const size_t folder_size = strlen(folder);
    const bool needs_slash = folder_size > 0 && folder[folder_size - 1] != '/';
    lb_buffer path = {0};
    if (lb_buffer_print(&path, error, "%s%s%s", folder, needs_slash ? "/" : "", name) != LOBASS_OK)
    {
        lb_buffer_free(&path);
        return NULL;
    }
    return path.data;
}

const char *lb_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

char *lb_path_parent(const char *path, lobass_error *error)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
    {
        size--;
    }
    while (size > 0 && path[size - 1] != '/')
    {
        size--;
    }
    while (size > 1 && path[size - 1] == '/')
    {
        size--;
    }
    return size == 0 ? lb_copy_text(".", 1, error) : lb_copy_text(path, size, error);
}

/* As realpath(); NULL where there is nothing. */
static lobass_status follow(char **whole, const char *path, lobass_error *error)
{
    *whole = realpath(path, NULL);
    return *whole != NULL || errno == ENOENT || errno == ENOTDIR
               ? LOBASS_OK
               : lb_fail_errno(error, path, "resolve");
}

lobass_status lb_path_resolve(char **resolved, const char *path, bool is_followed,
                              lobass_error *error)
{
    *resolved = NULL;
    if (is_followed)
    {
        return follow(resolved, path, error);
    }
    const char *name = lb_path_name(path);
    char *folder = NULL;
    char *parent = name == path ? lb_copy_text(".", 1, error)
                                : lb_copy_text(path, (size_t)(name - path), error);
    lobass_status status = parent == NULL ? LOBASS_OUT_OF_MEMORY : follow(&folder, parent, error);
    if (folder != NULL)
    {
        *resolved = lb_path_join(folder, name, error);
        status = *resolved == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    }
    free(parent);
    free(folder);
    return status;
}

lobass_status lb_path_is_within(bool *is_within, const char *path, const char *folder,
                                lobass_error *error)
{
    char *inner = NULL;
    char *outer = NULL;
    *is_within = false;
    lobass_status status = follow(&inner, path, error);
    if (inner != NULL)
    {
        status = follow(&outer, folder, error);
    }
    if (outer != NULL)
    {
        const size_t size = strcmp(outer, "/") == 0 ? 0 : strlen(outer);
        *is_within =
            strncmp(inner, outer, size) == 0 && (inner[size] == '\0' || inner[size] == '/');
    }
    free(outer);
    free(inner);
    return status;
}

lobass_status lb_path_is_same(bool *is_same, const char *a, const char *b, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    *is_same = false;
    for (int i = 0; i < 2 && !*is_same && status == LOBASS_OK; i++)
    {
        char *first = NULL;
        char *second = NULL;
        status = lb_path_resolve(&first, a, i == 1, error);
        if (status == LOBASS_OK)
        {
            status = lb_path_resolve(&second, b, i == 1, error);
        }
        *is_same = first != NULL && second != NULL && strcmp(first, second) == 0;
        free(first);
        free(second);
    }
    return status;
}

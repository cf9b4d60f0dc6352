/* SPDX-License-Identifier: Apache-2.0
 *
 * What an output may replace, see overwrite.h. To overwrite a folder is to remove the old one with
 * all it holds: a mistyped name must not cost somebody a home folder.
 */
#include "run/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- what runs and models are made of --------------------------------------------------------
 */

/* What a model's folder is read for. */
static bool model_owns(const char *name)
{
    static const char *const beginnings[] = {"config.json",       "generation_config.json",
                                             "chat_template",     "tokenizer",
                                             "model.safetensors", "model-",
                                             "adapter_"};
    bool is_owned = lb_tokenizer_file_is(name);
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
    {
        is_owned = is_owned || strncmp(name, beginnings[i], strlen(beginnings[i])) == 0;
    }
    return is_owned;
}

static bool has_file(const char *folder, const char *name)
{
    char *path = lb_path_join(folder, name, NULL);
    const bool is_there = path != NULL && lb_path_look(path) != LB_PATH_MISSING;
    free(path);
    return is_there;
}

/* The part of the absolute PATH behind the folder of the run or model that it belongs to, which
 * FOLDER becomes; NULL where it belongs to none. */
static const char *find_owner(lb_buffer *folder, const char *path)
{
    for (size_t end = strlen(path); end > 0; end--)
    {
        const char *rest = path + end + 1;
        lb_buffer_clear(folder);
        if (path[end] != '/' || lb_buffer_append(folder, path, end, NULL) != LOBASS_OK)
        {
            continue;
        }
        const bool is_of_run = lb_run_owns(rest) && has_file(folder->data, LB_RUN_DATABASE);
        const bool is_of_model = strchr(rest, '/') == NULL && model_owns(rest) &&
                                 (has_file(folder->data, "config.json") ||
                                  has_file(folder->data, "adapter_config.json"));
        if (is_of_run || is_of_model)
        {
            return rest;
        }
    }
    return NULL;
}

/* A FOLDER may be a run's reference: a model like others. */
static lobass_status check_not_owned(const char *path, bool is_folder, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    for (int i = 0; i < 2 && status == LOBASS_OK; i++)
    {
        lb_buffer owner = {0};
        char *target = NULL;
        LB_TRY(lb_path_resolve(&target, path, i == 1, error));
        const char *rest = target == NULL ? NULL : find_owner(&owner, target);
        if (rest != NULL && !(is_folder && strcmp(rest, LB_RUN_REFERENCE) == 0))
        {
            status =
                lb_fail(error, LOBASS_CONFLICT, "%s: belongs to the %s %s; expected another output",
                        path, has_file(owner.data, LB_RUN_DATABASE) ? "run" : "model", owner.data);
        }
        lb_buffer_free(&owner);
        free(target);
    }
    return status;
}

lobass_status lb_output_path_check(const char *path, lobass_error *error)
{
    return check_not_owned(path, false, error);
}

/* ---- folders ---------------------------------------------------------------------------------
 */

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
        bool is_within = false;
        if (read[i] != NULL)
        {
            LB_TRY(lb_path_is_within(&is_within, read[i], folder, error));
        }
        if (is_within)
        {
            return lb_fail(error, LOBASS_CONFLICT,
                           "%s: not overwritten: this command reads %s; name another output",
                           folder, read[i]);
        }
    }
    LB_TRY(check_not_owned(folder, true, error));
    DIR *opened = opendir(folder);
    if (opened == NULL)
    {
        return lb_fail_errno(error, folder, "open");
    }
    const lobass_status status = check_entries(folder, opened, error);
    (void)closedir(opened);
    return status;
}

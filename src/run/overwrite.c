/* SPDX-License-Identifier: Apache-2.0
 *
 * What an output may replace, see overwrite.h. To overwrite a folder is to remove the old one with
 * all it holds: a mistyped name must not cost somebody a home folder.
 */
#include "run/run.h"

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
    return is_owned && strchr(name, '/') == NULL;
}

/* By which file a folder is known for a run or a model. */
static const struct
{
    const char *file, *kind;
    bool (*owns)(const char *path); /* relative to the folder */
} owners[] = {
    {LB_RUN_DATABASE, "run", lb_run_owns},
    {"config.json", "model", model_owns},
    {"adapter_config.json", "model", model_owns},
};

typedef struct owner
{
    const char *kind; /* NULL: nobody's */
    lb_buffer folder;
    const char *rest; /* of the path, behind the folder */
} owner;

/* What cannot be looked at counts as there. */
static lobass_status has_file(bool *is_there, const char *folder, const char *name,
                              lobass_error *error)
{
    char *path = lb_path_join(folder, name, error);
    *is_there = path != NULL && lb_path_look(path) != LB_PATH_MISSING;
    free(path);
    return path == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

/* The run or model that the absolute PATH belongs to; the buffer is the caller's to free. */
static lobass_status find_owner(owner *found, const char *path, lobass_error *error)
{
    for (size_t end = strlen(path); end-- > 0;)
    {
        if (path[end] != '/')
        {
            continue;
        }
        found->rest = path + end + 1;
        lb_buffer_clear(&found->folder);
        LB_TRY(lb_buffer_append(&found->folder, path, end, error));
        for (size_t i = 0; i < sizeof owners / sizeof *owners; i++)
        {
            bool is_there = false;
            if (owners[i].owns(found->rest))
            {
                LB_TRY(has_file(&is_there, found->folder.data, owners[i].file, error));
            }
            if (is_there)
            {
                found->kind = owners[i].kind;
                return LOBASS_OK;
            }
        }
    }
    return LOBASS_OK;
}

/* A FOLDER may be a run's reference: a model like others. */
static lobass_status check_not_owned(const char *path, bool is_folder, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    for (int i = 0; i < 2 && status == LOBASS_OK; i++)
    {
        owner found = {.kind = NULL};
        char *target = NULL;
        LB_TRY(lb_path_resolve(&target, path, i == 1, error));
        status = target == NULL ? LOBASS_OK : find_owner(&found, target, error);
        if (found.kind != NULL && !(is_folder && strcmp(found.rest, LB_RUN_REFERENCE) == 0))
        {
            status =
                lb_fail(error, LOBASS_CONFLICT, "%s: belongs to the %s %s; expected another output",
                        path, found.kind, found.folder.data);
        }
        lb_buffer_free(&found.folder);
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

typedef struct entries
{
    const char *path;
    bool has_config, has_any;
} entries;

static lobass_status check_entry(void *context, int folder, const char *name, lobass_error *error)
{
    entries *seen = context;
    struct stat about;
    if (fstatat(folder, name, &about, AT_SYMLINK_NOFOLLOW) != 0)
    {
        return lb_fail_errno(error, seen->path, "look at what it holds");
    }
    if (!S_ISREG(about.st_mode))
    {
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s: not overwritten: it holds \"%.200s\", which is no plain file; "
                       "expected a model's folder, an empty one or none",
                       seen->path, name);
    }
    seen->has_any = true;
    seen->has_config = seen->has_config || strcmp(name, "config.json") == 0 ||
                       strcmp(name, "adapter_config.json") == 0;
    return LOBASS_OK;
}

lobass_status lb_model_folder_check(const char *folder, const char *const *read, size_t n_read,
                                    lobass_error *error)
{
    if (lb_path_is_link(folder))
    {
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s: not overwritten: it is a symbolic link; name the folder that it leads "
                       "to",
                       folder);
    }
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
    entries seen = {.path = folder};
    LB_TRY(lb_folder_walk(folder, check_entry, &seen, error));
    return !seen.has_any || seen.has_config
               ? LOBASS_OK
               : lb_fail(error, LOBASS_CONFLICT,
                         "%s: not overwritten: it holds files and no config.json; expected a "
                         "model's folder, an empty one or none",
                         folder);
}

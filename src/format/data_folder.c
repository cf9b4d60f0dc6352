/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders among the data that were named: the data files in them, in the order of their names. What
 * could be mixed up is refused: files of several kinds (a dataset's description lies beside it as
 * .json), and of several splits.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"

static const char *const endings[] = {".jsonl", ".json", ".csv", ".tsv", ".parquet"};

/* Words in the names of files, by what they are split into. */
static const char *const splits[][3] = {
    {"train", "training", NULL},
    {"validation", "valid", "val"},
    {"test", "testing", NULL},
    {"dev", "eval", "evaluation"},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *ending_of(const char *name)
{
    for (size_t i = 0; i < COUNT(endings); i++)
    {
        if (lb_path_has_ending(name, endings[i]))
        {
            return endings[i];
        }
    }
    return NULL;
}

/* Whether NAME has WORD in it, with no letter or digit beside it. */
static bool has_word(const char *name, const char *word)
{
    const size_t size = strlen(word);
    for (const char *at = strstr(name, word); at != NULL; at = strstr(at + 1, word))
    {
        if ((at == name || !lb_is_alphanumeric((unsigned char)at[-1])) &&
            !lb_is_alphanumeric((unsigned char)at[size]))
        {
            return true;
        }
    }
    return false;
}

static const char *split_of(const char *name)
{
    for (size_t i = 0; i < COUNT(splits) * COUNT(splits[0]); i++)
    {
        const char *word = splits[i / COUNT(splits[0])][i % COUNT(splits[0])];
        if (word != NULL && has_word(name, word))
        {
            return splits[i / COUNT(splits[0])][0];
        }
    }
    return NULL;
}

/* ---- one folder -------------------------------------------------------------------------------
 */

typedef struct folder
{
    const char *path;
    char **names; /* [count], of its data files */
    size_t count, capacity;
    bool has_folders, has_arrow;
} folder;

static lobass_status entry_add(folder *f, const struct dirent *entry, lobass_error *error)
{
    char *path = lb_path_join(f->path, entry->d_name, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lb_path_kind kind = lb_path_look(path);
    free(path);
    f->has_folders = f->has_folders || kind == LB_PATH_FOLDER;
    f->has_arrow = f->has_arrow || lb_path_has_ending(entry->d_name, ".arrow");
    if (kind != LB_PATH_FILE || ending_of(entry->d_name) == NULL)
    {
        return LOBASS_OK;
    }
    LB_TRY(
        lb_list_reserve((void **)&f->names, &f->capacity, f->count + 1, sizeof *f->names, error));
    char *name = lb_copy_text(entry->d_name, strlen(entry->d_name), error);
    if (name == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    f->names[f->count++] = name;
    return LOBASS_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static lobass_status folder_read(folder *f, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    DIR *opened = opendir(f->path);
    if (opened == NULL)
    {
        return lb_fail_errno(error, f->path, "open");
    }
    while (status == LOBASS_OK)
    {
        errno = 0;
        const struct dirent *entry = readdir(opened);
        if (entry == NULL)
        {
            status = errno != 0 ? lb_fail_errno(error, f->path, "read") : LOBASS_OK;
            break;
        }
        status = entry->d_name[0] == '.' ? LOBASS_OK : entry_add(f, entry, error);
    }
    (void)closedir(opened);
    if (f->count > 0)
    {
        qsort(f->names, f->count, sizeof *f->names, compare_names);
    }
    return status;
}

static lobass_status folder_check(const folder *f, lobass_error *error)
{
    if (f->count == 0 || f->has_arrow)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED, "%s: a folder without data files%s", f->path,
                       f->has_arrow
                           ? ", as save_to_disk() makes it: datasets.load_from_disk(FOLDER)"
                             ".to_parquet(\"NAME.parquet\") makes one that lobass reads"
                       : f->has_folders ? "; name one of the folders in it"
                                        : "; expected .jsonl, .json, .csv, .tsv or .parquet in it");
    }
    const char *split = split_of(f->names[0]);
    for (size_t i = 1; i < f->count; i++)
    {
        const char *other = split_of(f->names[i]);
        if (ending_of(f->names[i]) != ending_of(f->names[0]))
        {
            return lb_fail(error, LOBASS_UNSUPPORTED,
                           "%s: a folder of %s and %s files; name those that are to be read",
                           f->path, ending_of(f->names[0]), ending_of(f->names[i]));
        }
        if ((split == NULL) != (other == NULL) || (split != NULL && strcmp(split, other) != 0))
        {
            return lb_fail(error, LOBASS_UNSUPPORTED,
                           "%s: a folder of several splits, \"%s\" and \"%s\"; name the files that "
                           "are to be read",
                           f->path, f->names[0], f->names[i]);
        }
    }
    return LOBASS_OK;
}

/* ---- the list ---------------------------------------------------------------------------------
 */

static lobass_status path_add(lb_data_files *files, char *path, lobass_error *error)
{
    lobass_status status = path == NULL
                               ? LOBASS_OUT_OF_MEMORY
                               : lb_list_reserve((void **)&files->paths, &files->capacity,
                                                 files->count + 1, sizeof *files->paths, error);
    if (status != LOBASS_OK)
    {
        free(path);
        return status;
    }
    files->paths[files->count++] = path;
    return LOBASS_OK;
}

static lobass_status folder_add(lb_data_files *files, const char *path, lobass_error *error)
{
    folder f = {.path = path};
    lobass_status status = folder_read(&f, error);
    status = status == LOBASS_OK ? folder_check(&f, error) : status;
    for (size_t i = 0; i < f.count; i++)
    {
        if (status == LOBASS_OK)
        {
            status = path_add(files, lb_path_join(path, f.names[i], error), error);
        }
        free(f.names[i]);
    }
    free(f.names);
    return status;
}

lobass_status lb_data_files_find(lb_data_files *files, const char *const *data, size_t n_data,
                                 lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    *files = (lb_data_files){0};
    for (size_t i = 0; i < n_data && status == LOBASS_OK; i++)
    {
        status = strcmp(data[i], "-") != 0 && lb_path_look(data[i]) == LB_PATH_FOLDER
                     ? folder_add(files, data[i], error)
                     : path_add(files, lb_copy_text(data[i], strlen(data[i]), error), error);
    }
    if (status != LOBASS_OK)
    {
        lb_data_files_free(files);
    }
    return status;
}

void lb_data_files_free(lb_data_files *files)
{
    for (size_t i = 0; i < files->count; i++)
    {
        free(files->paths[i]);
    }
    free(files->paths);
    *files = (lb_data_files){0};
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The weight files of a Hugging Face folder: model.safetensors, or the shards that the weight_map
 * of model.safetensors.index.json names (https://huggingface.co/docs/safetensors). A shard's name
 * comes from a file and must be a plain name: it cannot lead out of the folder. Also their
 * fingerprint. What the files hold is left to weights.c.
 */
#include "model/weights.h"

#include <stdlib.h>
#include <string.h>

#define HASHED_BYTES ((size_t)64 << 20)

#define SINGLE_NAME "model.safetensors"
#define INDEX_NAME "model.safetensors.index.json"

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static lobass_status check_shard_name(const json_t *value, const char *tensor, const char *where,
                                      lobass_error *error)
{
    if (!json_is_string(value))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: weight_map: tensor \"%.200s\": expected the name of a file, found %s",
                       where, tensor, lb_json_kind(value));
    }
    const char *name = json_string_value(value);
    const size_t length = json_string_length(value);
    if (length == 0 || strlen(name) != length || strpbrk(name, "/\\\n\r") != NULL ||
        strstr(name, "..") != NULL || strcmp(name, ".") == 0)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: weight_map: shard \"%.200s\": expected a plain file name in the same "
                       "folder",
                       where, name);
    }
    return LOBASS_OK;
}

/* The distinct shard names of the map, sorted; borrowed from it. */
static lobass_status collect_names(const char ***names, size_t *n_names, const json_t *map,
                                   const char *where, lobass_error *error)
{
    const char **all = lb_alloc(json_object_size(map), sizeof *all, error);
    if (all == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    size_t count = 0;
    const char *tensor = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)map, tensor, value)
    {
        const lobass_status status = check_shard_name(value, tensor, where, error);
        if (status != LOBASS_OK)
        {
            free(all);
            return status;
        }
        all[count++] = json_string_value(value);
    }
    if (count > 0)
    {
        qsort(all, count, sizeof *all, compare_names);
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
    {
        if (kept == 0 || strcmp(all[kept - 1], all[i]) != 0)
        {
            all[kept++] = all[i];
        }
    }
    *names = all;
    *n_names = kept;
    return LOBASS_OK;
}

static lobass_status read_index(lb_weight_files *files, const char *folder, lobass_error *error)
{
    json_t *root = NULL;
    LB_TRY(lb_json_load(&root, files->index_path, error));
    files->weight_map = json_incref(json_object_get(root, "weight_map"));
    json_decref(root);
    if (!json_is_object(files->weight_map) || json_object_size(files->weight_map) == 0)
    {
        return lb_fail(
            error, LOBASS_BAD_FORMAT,
            "%s: field \"weight_map\": expected an object with a file for every tensor, found %s",
            files->index_path,
            files->weight_map == NULL ? "nothing" : lb_json_kind(files->weight_map));
    }
    const char **names = NULL;
    size_t n_names = 0;
    LB_TRY(collect_names(&names, &n_names, files->weight_map, files->index_path, error));
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    files->paths = lb_alloc(n_names, sizeof *files->paths, error);
    if (files->paths == NULL)
    {
        goto done;
    }
    for (size_t i = 0; i < n_names; i++)
    {
        files->paths[i] = lb_path_join(folder, names[i], error);
        if (files->paths[i] == NULL)
        {
            goto done;
        }
        files->n_files++;
    }
    status = LOBASS_OK;
done:
    free(names);
    return status;
}

lobass_status lb_weight_files_find(lb_weight_files *files, const char *folder, lobass_error *error)
{
    memset(files, 0, sizeof *files);
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    char *single = lb_path_join(folder, SINGLE_NAME, error);
    files->index_path = single == NULL ? NULL : lb_path_join(folder, INDEX_NAME, error);
    if (files->index_path == NULL)
    {
        goto done;
    }
    if (lb_path_look(single) != LB_PATH_MISSING)
    {
        files->paths = lb_alloc(1, sizeof *files->paths, error);
        if (files->paths != NULL)
        {
            free(files->index_path);
            files->index_path = NULL;
            files->paths[0] = single;
            files->n_files = 1;
            return LOBASS_OK;
        }
    }
    else if (lb_path_look(files->index_path) == LB_PATH_MISSING)
    {
        status = lb_fail(error, LOBASS_NOT_FOUND, "%s: expected %s or %s, found neither", folder,
                         SINGLE_NAME, INDEX_NAME);
    }
    else
    {
        status = read_index(files, folder, error);
    }
done:
    free(single);
    if (status != LOBASS_OK)
    {
        lb_weight_files_free(files);
    }
    return status;
}

void lb_weight_files_free(lb_weight_files *files)
{
    for (size_t i = 0; i < files->n_files; i++)
    {
        free(files->paths[i]);
    }
    free(files->paths);
    free(files->index_path);
    json_decref(files->weight_map);
    memset(files, 0, sizeof *files);
}

lobass_status lb_weight_files_locate(const lb_weight_files *files, const char *name, size_t *index,
                                     lobass_error *error)
{
    *index = 0;
    if (files->weight_map == NULL)
    {
        return LOBASS_OK;
    }
    const json_t *shard = json_object_get(files->weight_map, name);
    if (shard == NULL)
    {
        return lb_fail(error, LOBASS_NOT_FOUND, "%s: weight_map: tensor \"%s\" is not there",
                       files->index_path, name);
    }
    while (strcmp(lb_path_name(files->paths[*index]), json_string_value(shard)) != 0)
    {
        ++*index; /* ends: every name in the map has a path */
    }
    return LOBASS_OK;
}

lobass_status lb_hasher_add_file(lb_hasher *hasher, const char *path, lobass_error *error)
{
    lb_mapping mapping;
    LB_TRY(lb_mapping_open(&mapping, path, error));
    const char *name = lb_path_name(path);
    const uint64_t size = mapping.size;
    lb_hasher_update(hasher, name, strlen(name) + 1);
    lb_hasher_update(hasher, &size, sizeof size);
    for (size_t at = 0; at < mapping.size; at += HASHED_BYTES)
    {
        const size_t left = mapping.size - at;
        const size_t count = left < HASHED_BYTES ? left : HASHED_BYTES;
        const unsigned char *data = (const unsigned char *)mapping.data + at;
        lb_hasher_update(hasher, data, count);
        lb_mapping_release(data, count); /* so that a model's file is never all in memory */
    }
    lb_mapping_close(&mapping);
    return LOBASS_OK;
}

lobass_status lb_model_fingerprint(lb_hash *hash, const char *folder, lobass_error *error)
{
    lb_weight_files files;
    LB_TRY(lb_weight_files_find(&files, folder, error));
    lb_hasher *hasher = NULL;
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    char *config = lb_path_join(folder, "config.json", error);
    if (config == NULL)
    {
        goto done;
    }
    LB_TRY_GOTO(lb_hasher_create(&hasher, 0, error));
    LB_TRY_GOTO(lb_hasher_add_file(hasher, config, error));
    for (size_t i = 0; i < files.n_files; i++)
    {
        LB_TRY_GOTO(lb_hasher_add_file(hasher, files.paths[i], error));
    }
    *hash = lb_hasher_value(hasher);
done:
    lb_hasher_free(hasher);
    free(config);
    lb_weight_files_free(&files);
    return status;
}

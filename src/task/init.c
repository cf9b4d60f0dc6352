/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_init: a model of given shapes with random weights, in Hugging Face layout, to be
 * pretrained with lobass_train on text. The folder is put together in OUTPUT.init.partial
 * and moved when it is whole; what a process that was killed left there is taken over by the next.
 */
#include "task/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* PATH, or PATH/NAME where PATH is a folder; yours. */
static char *file_within(const char *path, const char *name, lobass_error *error)
{
    return lb_path_look(path) == LB_PATH_FOLDER ? lb_path_join(path, name, error)
                                                : lb_copy_text(path, strlen(path), error);
}

static lobass_status copy_into(const char *folder, const char *name, const char *from,
                               lobass_error *error)
{
    char *to = lb_path_join(folder, name, error);
    if (to == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lobass_status status = lb_file_copy(from, to, error);
    free(to);
    return status;
}

/* tokenizer.json itself is FILE, whatever its name; its companions are those that stand beside it.
 */
static lobass_status tokenizer_copy(const char *file, const char *folder, lobass_error *error)
{
    char *from = lb_path_parent(file, error);
    if (from == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lobass_status status = lb_tokenizer_files_copy(folder, from, error);
    free(from);
    return status == LOBASS_OK ? copy_into(folder, LB_TOKENIZER_FILE, file, error) : status;
}

/* Vocabularies larger than the tokenizer are common (rounded up); smaller ones cannot work. */
static lobass_status check_vocabulary(const lb_config *config, const char *config_path,
                                      const char *tokenizer_path, lobass_error *error)
{
    lobass_tokenizer *tokenizer = NULL;
    LB_TRY(lobass_tokenizer_load(&tokenizer, tokenizer_path, error));
    const size_t count = lobass_tokenizer_count(tokenizer);
    lobass_tokenizer_free(tokenizer);
    if (count > config->n_vocabulary)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "%s: field \"vocab_size\": expected at least %zu, the size of %s, found %zu",
                       config_path, count, tokenizer_path, config->n_vocabulary);
    }
    return LOBASS_OK;
}

/* The paths of one call; all are owned. */
typedef struct init_paths
{
    char *config, *tokenizer; /* files */
    char *staging;            /* OUTPUT.init.partial */
    char *lock;               /* its lock, held while a process works there */
    char *source;             /* its source/: config and tokenizer as they were given */
    char *model;              /* its model/: what becomes OUTPUT */
} init_paths;

static void init_paths_free(init_paths *p)
{
    free(p->config);
    free(p->tokenizer);
    free(p->staging);
    free(p->lock);
    free(p->source);
    free(p->model);
}

static lobass_status init_paths_find(init_paths *p, const char *config, const char *tokenizer,
                                     const char *output, lobass_error *error)
{
    lb_buffer staging = {0};
    size_t size = strlen(output);
    while (size > 1 && output[size - 1] == '/')
    {
        --size;
    }
    LB_TRY(lb_buffer_append(&staging, output, size, error));
    p->staging = staging.data;
    const lobass_status status = lb_buffer_append_text(&staging, ".init.partial", error);
    p->staging = staging.data;
    LB_TRY(status);
    p->config = file_within(config, "config.json", error);
    p->tokenizer = file_within(tokenizer, LB_TOKENIZER_FILE, error);
    p->lock = lb_path_join(p->staging, "lock", error);
    p->source = lb_path_join(p->staging, "source", error);
    p->model = lb_path_join(p->staging, "model", error);
    return p->config != NULL && p->tokenizer != NULL && p->lock != NULL && p->source != NULL &&
                   p->model != NULL
               ? LOBASS_OK
               : LOBASS_OUT_OF_MEMORY;
}

static lobass_status remove_if_there(const char *folder, lobass_error *error)
{
    return lb_path_look(folder) == LB_PATH_MISSING ? LOBASS_OK : lb_folder_remove(folder, error);
}

static lobass_status staging_clear(const init_paths *p, lobass_error *error)
{
    LB_TRY(remove_if_there(p->source, error));
    return remove_if_there(p->model, error);
}

/* What a process that ended early left there is taken over. */
static lobass_status staging_open(const init_paths *p, lb_lock *lock, lobass_error *error)
{
    LB_TRY(lb_folder_create(p->staging, error));
    LB_TRY(lb_lock_acquire(lock, p->lock, error));
    return staging_clear(p, error);
}

/* What else stands there is somebody's own, and the folder stays. */
static lobass_status staging_close(const init_paths *p, lb_lock *lock, lobass_error *error)
{
    lobass_status status = staging_clear(p, error);
    if (status == LOBASS_OK && unlink(p->lock) != 0)
    {
        status = lb_fail_errno(error, p->lock, "remove");
    }
    if (status == LOBASS_OK && rmdir(p->staging) != 0 && errno != ENOTEMPTY && errno != EEXIST)
    {
        status = lb_fail_errno(error, p->staging, "remove the folder");
    }
    lb_lock_release(lock);
    return status;
}

/* Of a process that ended between moving the model to its place and clearing the rest. */
static void staging_discard(const init_paths *p)
{
    lb_lock lock = {0};
    if (lb_path_look(p->staging) != LB_PATH_MISSING &&
        lb_lock_acquire(&lock, p->lock, NULL) == LOBASS_OK)
    {
        (void)staging_close(p, &lock, NULL);
    }
}

static lobass_status stage(const init_paths *p, const lb_config *config, uint64_t seed,
                           lobass_error *error)
{
    lb_model *model = NULL;
    LB_TRY(lb_folder_create(p->source, error));
    LB_TRY(lb_folder_create(p->model, error));
    LB_TRY(copy_into(p->source, "config.json", p->config, error));
    LB_TRY(tokenizer_copy(p->tokenizer, p->source, error));
    LB_TRY(lb_model_create_random(&model, config, seed, error));
    const lobass_status status = lb_model_save(model, p->model, p->source, error);
    lb_model_free(model);
    return status;
}

static lobass_status init_at(const init_paths *p, const char *output, uint64_t seed, bool overwrite,
                             lobass_error *error)
{
    lb_config config;
    LB_TRY(lb_config_load(&config, p->config, error));
    LB_TRY(check_vocabulary(&config, p->config, p->tokenizer, error));
    if (overwrite && lb_path_look(output) == LB_PATH_FOLDER)
    {
        const char *const read[] = {p->config, p->tokenizer};
        LB_TRY(lb_model_folder_check(output, read, sizeof read / sizeof *read, error));
    }
    lb_lock lock = {0};
    lobass_status status = staging_open(p, &lock, error);
    if (status != LOBASS_OK)
    {
        lb_lock_release(&lock);
        return status;
    }
    status = stage(p, &config, seed, error);
    if (status == LOBASS_OK)
    {
        status = lb_folder_move(p->model, output, overwrite, error);
    }
    const lobass_status closed = staging_close(p, &lock, status == LOBASS_OK ? error : NULL);
    return status == LOBASS_OK ? closed : status;
}

lobass_status lobass_init(const char *config, const char *tokenizer, const char *output,
                          uint64_t seed, bool overwrite, lobass_error *error)
{
    init_paths p = {0};
    if (config == NULL || tokenizer == NULL || output == NULL || output[0] == '\0')
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "expected a configuration, a tokenizer and an output folder");
    }
    lobass_status status = init_paths_find(&p, config, tokenizer, output, error);
    if (status == LOBASS_OK && !overwrite && lb_path_look(output) != LB_PATH_MISSING)
    {
        staging_discard(&p);
        status = lb_fail(error, LOBASS_CONFLICT,
                         "%s: exists already; expected a folder that is to be made", output);
    }
    if (status == LOBASS_OK)
    {
        status = init_at(&p, output, seed, overwrite, error);
    }
    init_paths_free(&p);
    return status;
}

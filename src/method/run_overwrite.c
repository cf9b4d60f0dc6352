/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass run -f: another recipe costs another training, not the rows and the initial losses, which
 * do not depend on it. Where the recipe differs from the recorded one and the rows are those that
 * are asked for, only what came of the recipe goes: the reference, its losses, the selection. In
 * every other case the whole run does.
 */
#include "method/method.h"

#include <stdlib.h>
#include <string.h>

/* *IS_OTHER: rows are prepared to their end, and a reference was begun with another recipe. */
static lobass_status recipe_compare(bool *is_other, lb_store *store,
                                    const lobass_run_options *options, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    lb_dtype dtype = LB_F32;
    char *rows = NULL;
    char *recorded = NULL;
    char *wanted = NULL;
    LB_TRY_GOTO(lb_store_fact_load(&rows, store, LB_FACT_TOKENIZATION, error));
    LB_TRY_GOTO(lb_store_fact_load(&recorded, store, LB_FACT_REFERENCE_RECIPE, error));
    if (rows != NULL && recorded != NULL)
    {
        lobass_error unused;
        LB_TRY_GOTO(lb_compute_dtype_choose(&dtype, options->dtype, error));
        LB_TRY_GOTO(lb_recipe_to_json(&wanted, &options->train, dtype, error));
        *is_other = lb_options_compare(recorded, wanted, "", &unused) != LOBASS_OK;
    }
done:
    free(wanted);
    free(recorded);
    free(rows);
    return status;
}

static lobass_status recipe_look(bool *is_other, const lobass_run_options *options,
                                 lobass_error *error)
{
    const lobass_prepare_options *prepare = &options->prepare;
    lb_store *store = NULL;
    bool has_run = false;
    *is_other = false;
    for (size_t i = 0; i < prepare->n_data; i++)
    {
        if (strcmp(prepare->data[i], "-") == 0)
        {
            return LOBASS_OK; /* can be read once: not to compare it first and then to keep it */
        }
    }
    LB_TRY(lb_run_folder_check(prepare->run, &has_run, error));
    /* A database that cannot be read is no reason to keep it. */
    if (!has_run || lb_store_open(&store, prepare->run, LB_STORE_READ, NULL) != LOBASS_OK)
    {
        return LOBASS_OK;
    }
    const lobass_status status = recipe_compare(is_other, store, options, error);
    lb_store_close(store);
    return status;
}

static lobass_status losses_forget(lb_store *store, lobass_error *error)
{
    static const char *const facts[] = {LB_FACT_SELECTION, ("seconds.train " LB_RUN_REFERENCE),
                                        "seconds.select"};
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_store_begin(store, error));
    LB_TRY_GOTO(lb_store_measurement_remove(store, LB_REFERENCE, error));
    LB_TRY_GOTO(lb_store_selection_remove(store, error));
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
    {
        LB_TRY_GOTO(lb_store_fact_remove(store, facts[i], error));
    }
    LB_TRY_GOTO(lb_store_commit(store, error));
done:
    if (status != LOBASS_OK)
    {
        lb_store_rollback(store);
    }
    return status;
}

/* An experiment trains by the recorded recipe and takes the reference as one of its models. LOCK is
 * to be released in any case. */
static lobass_status experiment_keep_out(lb_lock *lock, const char *run, lobass_error *error)
{
    char *folder = lb_path_join(run, LB_RUN_EXPERIMENT, error);
    char *path = folder == NULL ? NULL : lb_path_join(folder, LB_EXPERIMENT_LOCK, error);
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    if (path != NULL)
    {
        status =
            lb_path_look(folder) == LB_PATH_FOLDER ? lb_lock_acquire(lock, path, error) : LOBASS_OK;
    }
    free(path);
    free(folder);
    return status;
}

/* The recorded recipe goes last, when a training with the new one is begun: killed before that, the
 * same command does the rest. */
static lobass_status reference_forget(const char *run, lobass_error *error)
{
    lb_store *store = NULL;
    lb_lock experiment = {0};
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_store_open(&store, run, LB_STORE_WRITE, error));
    LB_TRY_GOTO(experiment_keep_out(&experiment, run, error));
    LB_TRY_GOTO(losses_forget(store, error));
    status = lb_run_reference_clear(run, error);
done:
    lb_lock_release(&experiment);
    lb_store_close(store);
    return status;
}

lobass_status lb_run_rows_prepare(const lobass_run_options *options,
                                  const lobass_observer *observer, lobass_prepare_result *result,
                                  lb_lock *hold, lobass_error *error)
{
    lobass_prepare_options prepare = options->prepare;
    bool is_other = false;
    prepare.n_threads = options->n_threads;
    if (prepare.overwrite)
    {
        LB_TRY(recipe_look(&is_other, options, error));
    }
    if (is_other)
    {
        lobass_error cause = {0};
        prepare.overwrite = false;
        const lobass_status status = lb_prepare_keep(&prepare, observer, result, hold, &cause);
        if (status == LOBASS_OK)
        {
            lb_observer_log(observer, LOBASS_LOG_NOTE,
                            "run: another recipe: the reference is trained again; the rows and "
                            "their initial losses are kept");
            return reference_forget(prepare.run, error);
        }
        if (status != LOBASS_CONFLICT)
        {
            return lb_fail(error, status, "%s", cause.message);
        }
        prepare.overwrite = true;
    }
    return lb_prepare_keep(&prepare, observer, result, hold, error);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the training of RUN/reference came to, when it was done by an earlier call: its steps and
 * losses from its log, which lies beside the weights, its rows and tokens from the run.
 */
#include "pass/pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOG_BYTES_MOST ((size_t)1 << 32)

/* "STEP,EPOCH,LOSS,...": a line that trainer.c wrote. */
static lobass_status line_read(double *loss, const char *line, const char *path,
                               lobass_error *error)
{
    const char *epoch = strchr(line, ',');
    const char *text = epoch == NULL ? NULL : strchr(epoch + 1, ',');
    char *end = NULL;
    const double value = text == NULL ? NAN : lb_real_parse(text + 1, &end);
    if (text == NULL || end == text + 1 || *end != ',')
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: expected lines of step, epoch, loss and more, found \"%.60s\"", path,
                       line);
    }
    *loss = value;
    return LOBASS_OK;
}

lobass_status lb_train_log_recall(lobass_train_result *result, const char *folder,
                                  lobass_error *error)
{
    lb_buffer log = {0};
    lobass_status status = LOBASS_OK;
    char *path = lb_path_join(folder, LB_TRAIN_LOG, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    result->n_steps = 0;
    LB_TRY_GOTO(lb_file_read(&log, path, LOG_BYTES_MOST, error));
    for (char *line = log.data == NULL ? NULL : strchr(log.data, '\n');
         line != NULL && line[1] != '\0'; line = strchr(line + 1, '\n'))
    {
        LB_TRY_GOTO(line_read(&result->last_loss, line + 1, path, error));
        result->first_loss = result->n_steps == 0 ? result->last_loss : result->first_loss;
        result->n_steps++;
    }
done:
    lb_buffer_free(&log);
    free(path);
    return status;
}

/* Epochs times what the rows have, as lobass_train() counts. */
static lobass_status tokens_count(lobass_train_result *result, lb_store *store, lobass_error *error)
{
    lb_row_summary *summaries = NULL;
    size_t n_rows = 0;
    char *recipe = NULL;
    json_t *object = NULL;
    int64_t n_epochs = 1;
    bool *is_trained = NULL;
    size_t n_nonfinite = 0;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_store_fact_load(&recipe, store, LB_FACT_REFERENCE_RECIPE, error));
    if (recipe != NULL)
    {
        LB_TRY_GOTO(lb_json_parse(&object, recipe, strlen(recipe), lb_store_path(store), error));
        LB_TRY_GOTO(lb_json_integer(object, lb_store_path(store), "epochs", 1, INT32_MAX, false,
                                    &n_epochs, error));
    }
    LB_TRY_GOTO(lb_store_summaries_load(&summaries, &n_rows, store, error));
    LB_TRY_GOTO(lb_trained_rows_find(&is_trained, &n_nonfinite, summaries, n_rows, store, error));
    for (size_t i = 0; i < n_rows; i++)
    {
        const lb_row_summary *summary = &summaries[i];
        if (is_trained[i])
        {
            result->n_rows++;
            result->n_tokens += (uint64_t)n_epochs * summary->n_tokens;
            result->n_scored_tokens += (uint64_t)n_epochs * summary->n_scored;
        }
    }
done:
    json_decref(object);
    free(recipe);
    free(is_trained);
    free(summaries);
    return status;
}

lobass_status lb_reference_recall(lobass_train_result *result, bool *is_there, lb_store *store,
                                  lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    memset(result, 0, sizeof *result);
    result->first_loss = NAN;
    result->last_loss = NAN;
    char *folder = lb_path_join(lb_store_path(store), LB_RUN_REFERENCE, error);
    char *path = folder == NULL ? NULL : lb_path_join(folder, LB_TRAIN_LOG, error);
    if (path == NULL)
    {
        goto done;
    }
    status = LOBASS_OK;
    *is_there = lb_path_look(path) != LB_PATH_MISSING;
    if (*is_there)
    {
        LB_TRY_GOTO(lb_train_log_recall(result, folder, error));
        LB_TRY_GOTO(tokens_count(result, store, error));
        LB_TRY_GOTO(
            lb_step_seconds_load(&result->elapsed_seconds, store, "train reference", error));
    }
done:
    free(path);
    free(folder);
    return status;
}

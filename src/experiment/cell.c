/* SPDX-License-Identifier: Apache-2.0
 *
 * One model of an experiment: trained, measured on the held-out rows, and removed. Its losses stand
 * in the held-out run under its name, and the fact cell.NAME, which is written last, says that they
 * are all there. Whatever stops it, training and measuring go on where they were.
 */
#include "experiment/experiment.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is done -----------------------------------------------------------------------------
 */

static void fact_name(char fact[LB_CELL_NAME_SIZE + 8], const lb_cell *cell)
{
    (void)snprintf(fact, LB_CELL_NAME_SIZE + 8, "cell.%s", cell->name);
}

/* Of each held-out file, in their order. */
static lobass_status matches_read(lb_cell *cell, const json_t *list, const lb_setting *setting,
                                  lobass_error *error)
{
    const size_t n_files = setting->options->n_held_out;
    if (json_array_size(list) != n_files)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: cell %s: exact matches of %zu files, expected %zu", setting->held_out,
                       cell->name, json_array_size(list), n_files);
    }
    for (size_t i = 0; i < n_files; i++)
    {
        const json_t *item = json_array_get(list, i);
        int64_t n_answers = 0;
        int64_t n_correct = 0;
        LB_TRY(lb_json_integer(item, setting->held_out, "n_answers", 0, INT64_MAX, false,
                               &n_answers, error));
        LB_TRY(lb_json_integer(item, setting->held_out, "n_correct", 0, n_answers, false,
                               &n_correct, error));
        cell->matches[i] = (lobass_matches){(uint64_t)n_answers, (uint64_t)n_correct};
    }
    return LOBASS_OK;
}

static lobass_status cell_read(bool *is_done, lb_cell *cell, const char *text,
                               const lb_setting *setting, lobass_error *error)
{
    json_t *object = NULL;
    int64_t n_steps = 0;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_json_parse(&object, text, strlen(text), setting->held_out, error));
    LB_TRY_GOTO(
        lb_json_integer(object, setting->held_out, "steps", 0, INT64_MAX, false, &n_steps, error));
    cell->n_steps = (uint64_t)n_steps;
    LB_TRY_GOTO(lb_json_boolean(object, setting->held_out, "is_kept", true, &cell->is_kept, error));
    /* One that was not asked for its answers is made again when they are wanted. */
    const json_t *matches = json_object_get(object, "exact_match");
    *is_done = matches != NULL || !setting->options->matches;
    if (setting->options->matches && matches != NULL)
    {
        status = matches_read(cell, matches, setting, error);
    }
done:
    json_decref(object);
    return status;
}

static lobass_status cell_recall(bool *is_done, lb_cell *cell, const lb_setting *setting,
                                 lobass_error *error)
{
    char fact[LB_CELL_NAME_SIZE + 8];
    char *text = NULL;
    lb_store *store = NULL;
    lobass_status status = LOBASS_OK;
    fact_name(fact, cell);
    *is_done = false;
    LB_TRY_GOTO(lb_store_open(&store, setting->held_out, LB_STORE_READ, error));
    LB_TRY_GOTO(lb_store_fact_load(&text, store, fact, error));
    if (text != NULL)
    {
        status = cell_read(is_done, cell, text, setting, error);
    }
done:
    free(text);
    lb_store_close(store);
    return status;
}

static lobass_status cell_record(const lb_cell *cell, const lb_setting *setting,
                                 lobass_error *error)
{
    char fact[LB_CELL_NAME_SIZE + 8];
    lb_store *store = NULL;
    lb_buffer text = {0};
    lobass_status status = LOBASS_OK;
    fact_name(fact, cell);
    lb_json_writer writer = lb_json_writer_begin(&text, false, error);
    lb_json_open(&writer, NULL, '{');
    lb_json_put_count(&writer, "steps", cell->n_steps);
    lb_json_put_boolean(&writer, "is_kept", cell->is_kept);
    if (setting->options->matches)
    {
        lb_json_open(&writer, "exact_match", '[');
        for (size_t i = 0; i < setting->options->n_held_out; i++)
        {
            lb_json_open(&writer, NULL, '{');
            lb_json_put_count(&writer, "n_answers", cell->matches[i].n_answers);
            lb_json_put_count(&writer, "n_correct", cell->matches[i].n_correct);
            lb_json_close(&writer);
        }
        lb_json_close(&writer);
    }
    lb_json_close(&writer);
    LB_TRY_GOTO(writer.status);
    LB_TRY_GOTO(lb_store_open(&store, setting->held_out, LB_STORE_WRITE, error));
    status = lb_store_fact_save(store, fact, text.data, error);
done:
    lb_store_close(store);
    lb_buffer_free(&text);
    return status;
}

/* ---- the work ---------------------------------------------------------------------------------
 */

bool lb_cell_is_reference(const lb_cell *cell, const lb_setting *setting)
{
    return cell->arm->budget == LOBASS_BUDGET_ALL && cell->seed == setting->recipe.seed &&
           setting->reference != NULL;
}

static lobass_status model_train(const lb_cell *cell, const char *output, const lb_setting *setting,
                                 lobass_error *error)
{
    lobass_train_options train = setting->recipe;
    const bool is_all = cell->arm->budget == LOBASS_BUDGET_ALL;
    char *selected = is_all ? NULL : lb_path_join(setting->selected, cell->selected, error);
    if (!is_all && selected == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const char *const data[] = {selected};
    train.model = setting->base;
    train.run = is_all ? setting->options->run : NULL;
    train.data = is_all ? NULL : data;
    train.n_data = is_all ? 0 : 1;
    train.output = output;
    train.format = setting->format;
    train.format.mark_duplicates = false; /* what was selected is trained on */
    train.seed = cell->seed;
    train.n_threads = setting->options->n_threads;
    const lobass_status status = lobass_train(&train, setting->observer, NULL, error);
    free(selected);
    return status;
}

static bool is_adapter_of(const lb_cell *cell, const lb_setting *setting)
{
    return setting->recipe.lora.rank > 0 && cell->arm->budget != LOBASS_BUDGET_NONE;
}

static lobass_status model_measure(const lb_cell *cell, const char *folder,
                                   const lb_setting *setting, lobass_error *error)
{
    lobass_measure_options measure = lobass_measure_options_default();
    lobass_measure_result result;
    const bool is_adapter = is_adapter_of(cell, setting);
    measure.run = setting->held_out;
    measure.model = is_adapter ? setting->base : folder;
    measure.adapter = is_adapter ? folder : NULL;
    measure.name = cell->name;
    measure.dtype = setting->recipe.dtype;
    measure.n_threads = setting->options->n_threads;
    LB_TRY(lobass_measure(&measure, setting->observer, &result, error));
    lb_observer_log(setting->observer, LOBASS_LOG_NOTE,
                    "%s: %.4f nats per held-out token, trained on %" PRIu64 " rows", cell->name,
                    result.mean_loss, cell->n_rows);
    return LOBASS_OK;
}

/* Greedy answers to the held-out records that have one. */
static lobass_status model_match(lb_cell *cell, const char *folder, const lb_setting *setting,
                                 lobass_error *error)
{
    lobass_exact_match_options match = lobass_exact_match_options_default();
    lobass_exact_match_result result = {0};
    const bool is_adapter = is_adapter_of(cell, setting);
    match.model = is_adapter ? setting->base : folder;
    match.adapter = is_adapter ? folder : NULL;
    match.data = setting->options->held_out;
    match.n_data = setting->options->n_held_out;
    match.template_name = setting->format.template_name;
    match.fields = setting->format.fields;
    match.chat = setting->format.chat;
    match.dtype = setting->recipe.dtype;
    match.n_threads = setting->options->n_threads;
    const lobass_status status = lobass_exact_match(&match, setting->observer, &result, error);
    for (size_t i = 0; status == LOBASS_OK && i < match.n_data; i++)
    {
        cell->matches[i] =
            (lobass_matches){result.sources[i].n_answers, result.sources[i].n_correct};
    }
    lobass_exact_match_result_free(&result);
    return status;
}

static lobass_status model_make(lb_cell *cell, bool *is_trained, char **folder,
                                const lb_setting *setting, lobass_error *error)
{
    lobass_train_result log = {0};
    const bool is_base = cell->arm->budget == LOBASS_BUDGET_NONE;
    const bool is_there = is_base || lb_cell_is_reference(cell, setting);
    const char *found = is_base ? setting->base : setting->reference;
    *folder = is_there ? lb_copy_text(found, strlen(found), error)
                       : lb_path_join(setting->models, cell->name, error);
    if (*folder == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    if (is_base)
    {
        return LOBASS_OK;
    }
    if (!is_there && lb_path_look(*folder) == LB_PATH_MISSING)
    {
        LB_TRY(model_train(cell, *folder, setting, error));
        *is_trained = true;
    }
    LB_TRY(lb_train_log_recall(&log, *folder, error));
    cell->n_steps = log.n_steps;
    return LOBASS_OK;
}

/* The model is of no more use once its losses are there, unless it was to stay when it was made;
 * one that a stopped call left goes too. */
static lobass_status model_end(const lb_cell *cell, const lb_setting *setting, lobass_error *error)
{
    char *folder = lb_path_join(setting->models, cell->name, error);
    lobass_status status = folder == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    const bool stays = cell->is_kept || setting->options->keeps_models;
    if (status == LOBASS_OK && !stays && lb_path_look(folder) != LB_PATH_MISSING)
    {
        status = lb_folder_remove(folder, error);
    }
    free(folder);
    return status;
}

lobass_status lb_cell_run(lb_cell *cell, bool *is_trained, const lb_setting *setting,
                          lobass_error *error)
{
    bool is_done = false;
    char *folder = NULL;
    lobass_status status = LOBASS_OK;
    *is_trained = false;
    LB_TRY(cell_recall(&is_done, cell, setting, error));
    if (!is_done)
    {
        LB_TRY_GOTO(model_make(cell, is_trained, &folder, setting, error));
        LB_TRY_GOTO(model_measure(cell, folder, setting, error));
        if (setting->options->matches)
        {
            LB_TRY_GOTO(model_match(cell, folder, setting, error));
        }
        cell->is_kept = cell->is_kept || setting->options->keeps_models;
        LB_TRY_GOTO(cell_record(cell, setting, error));
    }
    status = model_end(cell, setting, error);
done:
    free(folder);
    return status;
}

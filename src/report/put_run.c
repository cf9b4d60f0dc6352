/* SPDX-License-Identifier: Apache-2.0
 *
 * What was run, as the page's data: the run, its models, the reference's recipe, the selection, and
 * what an experiment left beside it. Nothing that differs between two runs of the same command
 * (seconds, the machine) is told, so that the page is the same bytes.
 */
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

#define MANIFEST_ENDING ".manifest.json"
#define EXPERIMENT "experiment/experiment.json"

/* ---- the run ----------------------------------------------------------------------------------
 */

static lobass_status put_fact(lb_json_writer *json, const char *key, lb_store *store,
                              const char *fact, bool is_json, lobass_error *error)
{
    char *value = NULL;
    LB_TRY(lb_store_fact_load(&value, store, fact, error));
    if (value != NULL && is_json)
    {
        lb_json_put_value(json, key, value);
    }
    else if (value != NULL)
    {
        lb_json_put_text(json, key, value);
    }
    free(value);
    return json->status;
}

static lobass_status put_model(lb_page *page, const lb_report *report, const lb_measurement *model,
                               uint64_t n_due)
{
    lb_json_writer *json = &page->json;
    lb_loss_totals totals;
    LB_TRY(lb_store_totals_load(&totals, report->store, model->id, page->error));
    lb_json_open(json, NULL, '{');
    lb_json_put_text(json, "name", model->name);
    lb_json_put_text(json, "path", model->path);
    lb_json_put_text(json, "fingerprint", model->fingerprint);
    lb_json_put_text(json, "dtype", model->dtype);
    lb_json_put_count(json, "rows", totals.n_rows);
    lb_json_put_count(json, "rows_due", n_due);
    if (model->adapter != NULL)
    {
        lb_json_put_text(json, "adapter", model->adapter);
    }
    lb_json_close(json);
    return json->status;
}

static lobass_status put_training(lb_page *page, const lb_report *report)
{
    lb_json_writer *json = &page->json;
    lobass_train_result result;
    bool is_there = false;
    LB_TRY(lb_reference_recall(&result, &is_there, report->store, page->error));
    if (!is_there)
    {
        return LOBASS_OK;
    }
    lb_json_open(json, "training", '{');
    LB_TRY(put_fact(json, "recipe", report->store, LB_FACT_REFERENCE_RECIPE, true, page->error));
    lb_json_put_count(json, "rows", result.n_rows);
    lb_json_put_count(json, "steps", result.n_steps);
    lb_json_put_real(json, "first_loss", result.first_loss);
    lb_json_put_real(json, "last_loss", result.last_loss);
    lb_json_close(json);
    return json->status;
}

/* ---- the selection ----------------------------------------------------------------------------
 */

/* The manifest beside the file OUTPUT of a selection: *PATH is yours, NULL where there can be none.
 */
static lobass_status manifest_path(char **path, const char *output, const char *run,
                                   lobass_error *error)
{
    static const char *const endings[] = {".jsonl", ".json"};
    *path = NULL;
    if (strcmp(lb_path_name(output), LB_RUN_SELECTED) == 0)
    {
        *path = lb_path_join(run, LB_RUN_MANIFEST, error);
        return *path == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    }
    for (size_t i = 0; i < sizeof endings / sizeof *endings && *path == NULL; i++)
    {
        const size_t size = strlen(output);
        const size_t n = strlen(endings[i]);
        if (size > n && strcmp(output + size - n, endings[i]) == 0)
        {
            lb_buffer text = {0};
            const lobass_status status =
                lb_buffer_print(&text, error, "%.*s%s", (int)(size - n), output, MANIFEST_ENDING);
            *path = text.data;
            LB_TRY(status);
        }
    }
    return LOBASS_OK;
}

/* The command line stands in the manifest alone; one that was moved or is broken has none. */
static lobass_status put_command(lb_page *page, const lb_report *report, const json_t *selection)
{
    json_t *manifest = NULL;
    const char *output = json_string_value(json_object_get(selection, "output"));
    if (output == NULL)
    {
        return LOBASS_OK;
    }
    char *path = NULL;
    lobass_status status = manifest_path(&path, output, lb_store_path(report->store), page->error);
    if (status == LOBASS_OK && path != NULL)
    {
        status = lb_json_load(&manifest, path, page->error);
    }
    const char *command = json_string_value(json_object_get(manifest, "command"));
    if (command != NULL)
    {
        lb_json_put_text(&page->json, "command", command);
    }
    json_decref(manifest);
    free(path);
    return status == LOBASS_NOT_FOUND || status == LOBASS_BAD_FORMAT ? LOBASS_OK : status;
}

static lobass_status put_selection(lb_page *page, const lb_report *report)
{
    const lb_report_choice *choice = &report->choice;
    lb_json_writer *json = &page->json;
    json_t *recorded = NULL;
    if (choice->is_selected == NULL)
    {
        return LOBASS_OK;
    }
    if (report->selection_json != NULL)
    {
        LB_TRY(lb_json_parse(&recorded, report->selection_json, strlen(report->selection_json),
                             lb_store_path(report->store), page->error));
    }
    const lobass_status status = put_command(page, report, recorded);
    json_decref(recorded);
    LB_TRY(status);
    lb_json_open(json, "selection", '{');
    lb_json_put_boolean(json, "is_recorded", choice->is_recorded);
    lb_json_put_text(json, "score", lobass_score_describe(choice->by)->name);
    lb_json_put_text(json, "direction", lobass_direction_name(choice->direction));
    lb_json_put_text(json, "formula", lobass_score_describe(choice->by)->formula);
    lb_json_put_count(json, "ranked", choice->n_ranked);
    lb_json_put_count(json, "selected", choice->n_selected);
    lb_json_put_count(json, "selected_tokens", choice->n_selected_tokens);
    lb_json_put_real(json, "cut", choice->cut);
    lb_json_put_boolean(json, "is_best", choice->is_best);
    lb_json_put_real(json, "floor", report->rules.floor);
    lb_json_put_seed(json, "seed", report->rules.seed);
    lb_json_put_value(json, "recorded", report->selection_json);
    lb_json_close(json);
    return json->status;
}

/* ---- the experiment ---------------------------------------------------------------------------
 */

/* Whether it is of rows that the run has no more; one that does not say so is not. */
static lobass_status is_of_other_rows(bool *is_other, const json_t *experiment,
                                      const lb_report *report, lobass_error *error)
{
    char *rows = NULL;
    const char *of = json_string_value(json_object_get(experiment, "tokenization_hash"));
    LB_TRY(lb_store_fact_load(&rows, report->store, LB_FACT_TOKENIZATION, error));
    *is_other = of != NULL && rows != NULL && strcmp(of, rows) != 0;
    free(rows);
    return LOBASS_OK;
}

/* Hands cannot be kept off the file, and the page would stop at a list that is none. */
static lobass_status check_experiment(const json_t *found, const char *path, lobass_error *error)
{
    static const char *const lists[] = {"held_out", "arms", "summaries", "comparisons"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    {
        const json_t *list = json_object_get(found, lists[i]);
        bool is_list = json_is_array(list);
        for (size_t k = 0; is_list && k < json_array_size(list); k++)
        {
            is_list = json_is_object(json_array_get(list, k));
        }
        if (!is_list)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "%s: member \"%s\": found %s, expected a list of objects", path,
                           lists[i],
                           list == NULL          ? "none"
                           : json_is_array(list) ? "a list with something else in it"
                                                 : lb_json_kind(list));
        }
    }
    return LOBASS_OK;
}

/* The members that the page shows; the cells are not among them. */
static lobass_status put_experiment(lb_page *page, const lb_report *report)
{
    static const char *const keys[] = {"recipe", "resamples", "confidence", "held_out",
                                       "arms",   "summaries", "comparisons"};
    lobass_status status = LOBASS_OK;
    bool is_other = false;
    json_t *found = NULL;
    char *path = lb_path_join(lb_store_path(report->store), EXPERIMENT, page->error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    if (lb_path_look(path) == LB_PATH_MISSING)
    {
        goto done;
    }
    LB_TRY_GOTO(lb_json_load(&found, path, page->error));
    LB_TRY_GOTO(is_of_other_rows(&is_other, found, report, page->error));
    if (is_other)
    {
        goto done;
    }
    LB_TRY_GOTO(check_experiment(found, path, page->error));
    lb_json_open(&page->json, "experiment", '{');
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    {
        const json_t *value = json_object_get(found, keys[i]);
        char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        lb_json_put_value(&page->json, keys[i], text);
        free(text);
    }
    lb_json_close(&page->json);
    status = page->json.status;
done:
    json_decref(found);
    free(path);
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

lobass_status lb_put_run(lb_page *page, const lb_report *report)
{
    lb_row_counts counts;
    lb_json_writer *json = &page->json;
    lb_json_put_text(json, "lobass", lobass_version());
    lb_json_put_text(json, "run", lb_path_name(lb_store_path(report->store)));
    LB_TRY(put_fact(json, "model", report->store, LB_FACT_MODEL, false, page->error));
    LB_TRY(put_fact(json, "format", report->store, LB_FACT_OPTIONS, true, page->error));
    LB_TRY(put_fact(json, "tokenizer_hash", report->store, LB_FACT_TOKENIZER_HASH, false,
                    page->error));
    LB_TRY(put_fact(json, "tokenization_hash", report->store, LB_FACT_TOKENIZATION, false,
                    page->error));
    LB_TRY(lb_store_counts_load(&counts, report->store, page->error));
    lb_json_open(json, "models", '[');
    for (size_t i = 0; i < report->n_models; i++)
    {
        LB_TRY(put_model(page, report, &report->models[i], counts.n_due));
    }
    lb_json_close(json);
    LB_TRY(put_training(page, report));
    LB_TRY(put_selection(page, report));
    return put_experiment(page, report);
}

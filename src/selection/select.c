/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_select: scores -> choice -> files. Everything is a pure function of the run and the
 * options, so the same command makes the same bytes. Files are written first, each whole or not at
 * all, and the choice enters the database last: whatever is killed in between is made again by the
 * same command. The choice that is recorded is the latest, wherever its files went.
 */
#include "selection/convert.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct selector
{
    lobass_select_options options; /* with the direction that is used */
    const lobass_observer *observer;
    lobass_select_result *result;
    lb_score_rules rules;
    lb_store *store;
    lb_scores *scores;
    lb_selection *selection;
    lb_store_source *sources;
    size_t n_sources;
    lb_select_files files;
    lb_select_output output;
    lb_converter *converter;
    lb_stage stage;
    lb_step_clock clock;
} selector;

/* ---- where it goes ----------------------------------------------------------------------------
 */

static lobass_status output_find(selector *s, lobass_error *error)
{
    LB_TRY(lb_select_files_find(&s->files, &s->options, s->sources, s->n_sources, error));
    const char *path = s->files.records;
    if (strlen(path) >= sizeof s->result->output)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "output: a path of %zu bytes, expected at most %zu", strlen(path),
                       sizeof s->result->output - 1);
    }
    LB_TRY(lb_converter_create(&s->converter, &s->options, s->store, error));
    s->output = (lb_select_output){.path = path,
                                   .overwrite = s->files.overwrite,
                                   .is_ranked = s->options.spec.is_ranked,
                                   .converter = s->converter};
    return LOBASS_OK;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

typedef struct table_file
{
    lb_select_file file;
    lobass_status status;
    lobass_error *error;
} table_file;

static bool table_sink(void *context, const char *data, size_t size_bytes)
{
    table_file *file = context;
    file->status = lb_select_file_write(&file->file, data, size_bytes, file->error);
    return file->status == LOBASS_OK;
}

static lobass_status table_write(selector *s, lobass_error *error)
{
    const lb_score_table table = {.scores = s->scores,
                                  .sources = s->sources,
                                  .n_sources = s->n_sources,
                                  .ranks = s->selection->ranks,
                                  .is_selected = s->selection->is_selected};
    table_file file = {.error = error};
    lobass_error refused = {0};
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_select_file_open(&file.file, s->files.table, s->files.overwrite, error));
    status =
        lb_score_table_write(&table, s->store, LOBASS_TABLE_JSONL, table_sink, &file, &refused);
    if (status != LOBASS_OK)
    {
        /* A failed write has told its own reason already. */
        status =
            file.status != LOBASS_OK ? file.status : lb_fail(error, status, "%s", refused.message);
        goto done;
    }
    status = lb_select_file_commit(&file.file, error);
done:
    lb_select_file_release(&file.file);
    return status;
}

/* So that nobody has to look at all losses again for these counts. */
static lobass_status ends_record(const selector *s, lobass_error *error)
{
    lb_row_counts counts = {0};
    for (size_t i = 0; i < s->scores->n_rows; i++)
    {
        const lobass_row_status status = s->scores->rows[i].status;
        counts.ended[status]++;
        counts.selected[status] += s->selection->is_selected[i] ? 1 : 0;
    }
    return lb_store_ended_save(s->store, &counts, error);
}

static lobass_status selection_record(selector *s, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    char *choice = NULL;
    LB_TRY_GOTO(lb_selection_to_json(&choice, &s->options, s->output.path, error));
    LB_TRY_GOTO(lb_store_begin(s->store, error));
    LB_TRY_GOTO(lb_store_selection_save(s->store, s->selection->ranks, s->selection->is_selected,
                                        s->selection->n_rows, error));
    LB_TRY_GOTO(ends_record(s, error));
    LB_TRY_GOTO(lb_store_fact_save(s->store, LB_FACT_SELECTION, choice, error));
    LB_TRY_GOTO(lb_step_clock_save(&s->clock, s->store, error));
    LB_TRY_GOTO(lb_store_commit(s->store, error));
done:
    if (status != LOBASS_OK)
    {
        lb_store_rollback(s->store);
    }
    free(choice);
    return status;
}

static lobass_status files_write(selector *s, lobass_error *error)
{
    lb_stage_begin(&s->stage, s->observer, "select", "records", 0, s->scores->n_rows);
    LB_TRY(lb_selection_write(&s->output, s->selection, s->scores, s->store, &s->stage, error));
    s->result->n_written = s->output.n_written;
    LB_TRY(table_write(s, error));
    s->result->elapsed_seconds = lb_clock_seconds() - s->clock.began_seconds;
    const lb_manifest manifest = {.options = &s->options,
                                  .selection = s->selection,
                                  .scores = s->scores,
                                  .result = s->result,
                                  .output_hash = s->output.hash,
                                  .path = s->files.manifest};
    LB_TRY(lb_manifest_write(&manifest, s->store, error));
    LB_TRY(selection_record(s, error));
    s->stage.progress.done = s->scores->n_rows;
    return lb_stage_end(&s->stage, error);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static void warn_short(const selector *s)
{
    const lb_selection *selection = s->selection;
    const lobass_selection_spec *spec = &s->options.spec;
    const bool is_plain = spec->n_quotas == 0 && spec->n_strata == 0;
    if (selection->n_selected == 0 && is_plain && spec->amount.kind == LOBASS_AMOUNT_TOKENS &&
        selection->n_ranked > 0)
    {
        const uint64_t best = selection->order[0];
        lb_observer_log(s->observer, LOBASS_LOG_WARNING,
                        "%s: nothing is selected: the best row, %" PRIu64 ", has %" PRIu32
                        " scored tokens, the budget is %.0f",
                        s->options.run, best, s->scores->summaries[best].n_scored,
                        spec->amount.value);
    }
    else if (selection->n_selected == 0)
    {
        lb_observer_log(s->observer, LOBASS_LOG_WARNING,
                        "%s: nothing is selected: %zu of %zu rows are selectable, and the amount "
                        "comes to none of them",
                        s->options.run, selection->n_ranked, selection->n_rows);
    }
    else if (selection->n_selected < selection->n_wanted &&
             (spec->n_quotas > 0 || selection->n_near_duplicates > 0))
    {
        lb_observer_log(s->observer, LOBASS_LOG_WARNING,
                        "%s: %" PRIu64 " rows were asked for, %" PRIu64 " are taken: %s",
                        s->options.run, selection->n_wanted, selection->n_selected,
                        selection->n_near_duplicates > 0
                            ? "too few are selectable and no near-duplicates"
                            : "a source has too few that are selectable");
    }
    else if (selection->n_selected < selection->n_wanted)
    {
        lb_observer_log(s->observer, LOBASS_LOG_WARNING,
                        "%s: %" PRIu64 " rows were asked for, all %" PRIu64
                        " selectable ones are taken",
                        s->options.run, selection->n_wanted, selection->n_selected);
    }
}

/* One look at all rows, not a lock for each. */
static lobass_status scores_compute(selector *s, lobass_error *error)
{
    LB_TRY(lb_store_begin(s->store, error));
    const lobass_status status = lb_scores_compute(&s->scores, s->store, &s->rules, error);
    lb_store_rollback(s->store);
    return status;
}

static lobass_status rows_choose(selector *s, lobass_error *error)
{
    const lb_choice choice = {.scores = s->scores,
                              .spec = &s->options.spec,
                              .sources = s->sources,
                              .n_sources = s->n_sources,
                              .store = s->store,
                              .observer = s->observer};
    LB_TRY(lb_store_begin(s->store, error)); /* as above */
    const lobass_status status = lb_selection_choose(&s->selection, &choice, error);
    lb_store_rollback(s->store);
    LB_TRY(status);
    warn_short(s);
    LB_TRY(lb_select_result_fill(s->result, &choice, s->selection, error));
    (void)snprintf(s->result->output, sizeof s->result->output, "%s", s->output.path);
    return LOBASS_OK;
}

static lobass_status select_with(selector *s, lobass_error *error)
{
    lobass_selection_spec *spec = &s->options.spec;
    if (s->options.run == NULL)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "select: expected a run");
    }
    s->rules = lb_score_rules_of(spec);
    LB_TRY(lb_selection_spec_check(spec, error));
    LB_TRY(lb_direction_resolve(&spec->direction, spec->by, spec->direction, error));
    LB_TRY(lb_store_open(&s->store, s->options.run, LB_STORE_WRITE, error));
    LB_TRY(lb_step_clock_begin(&s->clock, s->store, "select", error));
    LB_TRY(lb_prepared_check(s->store, error));
    LB_TRY(lb_store_sources_load(&s->sources, &s->n_sources, s->store, error));
    LB_TRY(lb_quotas_check(spec, s->sources, s->n_sources, error));
    LB_TRY(output_find(s, error));
    LB_TRY(scores_compute(s, error));
    LB_TRY(lb_losses_check(s->store, s->scores, spec->by, s->observer, error));
    LB_TRY(rows_choose(s, error));
    return files_write(s, error);
}

lobass_status lobass_select(const lobass_select_options *options, const lobass_observer *observer,
                            lobass_select_result *result, lobass_error *error)
{
    lobass_select_result unused;
    selector s = {
        .options = *options, .observer = observer, .result = result != NULL ? result : &unused};
    memset(s.result, 0, sizeof *s.result);
    const lobass_status status = select_with(&s, error);
    if (status != LOBASS_OK || result == NULL)
    {
        lobass_select_result_clear(s.result);
    }
    lb_selection_free(s.selection);
    lb_scores_free(s.scores);
    lb_store_sources_free(s.sources, s.n_sources);
    lb_select_files_free(&s.files);
    lb_converter_free(s.converter);
    lb_store_close(s.store);
    return status;
}

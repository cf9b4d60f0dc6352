/* SPDX-License-Identifier: Apache-2.0
 *
 * The manifest: everything from which the selection can be made again, for people and scripts:
 * versions, options of every step, sources and models with their hashes, counts, the choice, the
 * machine and the seconds. Also the short form of a selection's options that the database keeps.
 * Timings stand here and in no other file.
 */
#include "selection/selection.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const amount_names[] = {[LOBASS_AMOUNT_COUNT] = "count",
                                           [LOBASS_AMOUNT_FRACTION] = "fraction",
                                           [LOBASS_AMOUNT_TOKENS] = "tokens",
                                           [LOBASS_AMOUNT_ALL] = "all",
                                           [LOBASS_AMOUNT_NONE] = "none"};

/* ---- the selection's options ------------------------------------------------------------------
 */

static void put_choice(lb_json_writer *writer, const lobass_select_options *options)
{
    lb_json_put_text(writer, "score", lobass_score_describe(options->spec.by)->name);
    lb_json_put_text(writer, "direction", lobass_direction_name(options->spec.direction));
    lb_json_put_text(writer, "amount_kind", amount_names[options->spec.amount.kind]);
    if (options->spec.amount.kind == LOBASS_AMOUNT_FRACTION)
    {
        lb_json_put_real(writer, "amount", options->spec.amount.value);
    }
    else if (options->spec.amount.kind == LOBASS_AMOUNT_COUNT ||
             options->spec.amount.kind == LOBASS_AMOUNT_TOKENS)
    {
        lb_json_put_count(writer, "amount", (uint64_t)options->spec.amount.value);
    }
    lb_json_put_real(writer, "floor", options->spec.floor);
    if (options->spec.min_initial > 0)
    {
        lb_json_put_real(writer, "min_initial", options->spec.min_initial);
    }
    lb_json_put_real(writer, "max_reference", options->spec.max_reference);
    lb_json_put_boolean(writer, "ranked", options->spec.is_ranked);
}

lobass_status lb_selection_to_json(char **text, const lobass_select_options *options,
                                   const char *output, lobass_error *error)
{
    lb_buffer buffer = {0};
    *text = NULL;
    lb_json_writer writer = lb_json_writer_begin(&buffer, false, error);
    lb_json_open(&writer, NULL, '{');
    put_choice(&writer, options);
    lb_json_put_seed(&writer, "seed", options->spec.seed);
    lb_json_put_text(&writer, "output", output);
    lb_json_close(&writer);
    if (writer.status != LOBASS_OK)
    {
        lb_buffer_free(&buffer);
        return writer.status;
    }
    *text = buffer.data;
    return LOBASS_OK;
}

lobass_status lb_selection_recall(lb_score_rules *rules, bool *has_selection, lb_store *store,
                                  lobass_error *error)
{
    const lobass_selection_spec defaults = lobass_selection_spec_default();
    lobass_status status = LOBASS_OK;
    char *text = NULL;
    json_t *object = NULL;
    *rules = lb_score_rules_of(&defaults);
    LB_TRY(lb_store_fact_load(&text, store, LB_FACT_SELECTION, error));
    *has_selection = text != NULL;
    if (text != NULL)
    {
        const char *where = lb_store_path(store);
        LB_TRY_GOTO(lb_json_parse(&object, text, strlen(text), where, error));
        LB_TRY_GOTO(lb_json_real(object, where, "floor", false, &rules->floor, error));
        LB_TRY_GOTO(lb_json_real(object, where, "min_initial", true, &rules->min_initial, error));
        LB_TRY_GOTO(
            lb_json_real(object, where, "max_reference", true, &rules->max_reference, error));
        LB_TRY_GOTO(lb_json_seed(object, where, "seed", &rules->seed, error));
    }
done:
    json_decref(object);
    free(text);
    return status;
}

/* ---- parts of the manifest --------------------------------------------------------------------
 */

static lobass_status put_fact(lb_json_writer *writer, const char *key, lb_store *store,
                              const char *fact, bool is_json, lobass_error *error)
{
    char *value = NULL;
    LB_TRY(lb_store_fact_load(&value, store, fact, error));
    if (value != NULL && is_json)
    {
        lb_json_put_value(writer, key, value);
    }
    else if (value != NULL)
    {
        lb_json_put_text(writer, key, value);
    }
    free(value);
    return writer->status;
}

static lobass_status put_seconds(lb_json_writer *writer, lb_store *store, const char *step,
                                 lobass_error *error)
{
    double seconds = 0;
    LB_TRY(lb_step_seconds_load(&seconds, store, step, error));
    if (seconds > 0)
    {
        lb_json_put_real(writer, step, seconds);
    }
    return writer->status;
}

/* The hash of a source's record hashes: what was read, not what the file holds now. */
static lobass_status records_hash(char text[LB_HASH_TEXT_SIZE], const lb_scores *scores,
                                  size_t source, lobass_error *error)
{
    lb_hasher *hasher = NULL;
    LB_TRY(lb_hasher_create(&hasher, 0, error));
    for (size_t i = 0; i < scores->n_rows; i++)
    {
        const lb_row_summary *summary = &scores->summaries[i];
        if (summary->source == source)
        {
            char part[LB_HASH_TEXT_SIZE];
            lb_hash_text((lb_hash){.high = summary->hash[0], .low = summary->hash[1]}, part);
            lb_hasher_update(hasher, part, sizeof part);
        }
    }
    lb_hash_text(lb_hasher_value(hasher), text);
    lb_hasher_free(hasher);
    return LOBASS_OK;
}

static lobass_status put_sources(lb_json_writer *writer, const lb_scores *scores, lb_store *store,
                                 lobass_error *error)
{
    lb_store_source *sources = NULL;
    size_t n_sources = 0;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_store_sources_load(&sources, &n_sources, store, error));
    lb_json_open(writer, "sources", '[');
    for (size_t i = 0; i < n_sources; i++)
    {
        char hash[LB_HASH_TEXT_SIZE];
        struct stat found;
        LB_TRY_GOTO(records_hash(hash, scores, i, error));
        lb_json_open(writer, NULL, '{');
        lb_json_put_text(writer, "name", sources[i].name);
        lb_json_put_text(writer, "path", sources[i].path);
        lb_json_put_count(writer, "records", sources[i].n_records);
        if (stat(sources[i].path, &found) == 0)
        {
            lb_json_put_count(writer, "size_bytes", (uint64_t)found.st_size);
        }
        else if (errno != ENOENT && errno != ENOTDIR) /* standard input has no file */
        {
            LB_TRY_GOTO(lb_fail_errno(error, sources[i].path, "look at"));
        }
        lb_json_put_text(writer, "records_hash", hash);
        lb_json_close(writer);
    }
    lb_json_close(writer);
    status = writer->status;
done:
    lb_store_sources_free(sources, n_sources);
    return status;
}

/* On one line within the lines of the manifest. */
static lobass_status put_arithmetic(lb_json_writer *writer, const lb_measurement *measurement,
                                    lobass_error *error)
{
    lb_buffer text = {0};
    lb_json_writer line = lb_json_writer_begin(&text, false, error);
    lb_json_open(&line, NULL, '{');
    lb_json_put_text(&line, "backend", measurement->arithmetic);
    lb_json_put_count(&line, "threads", measurement->n_threads);
    lb_json_close(&line);
    if (line.status == LOBASS_OK)
    {
        lb_json_put_value(writer, "measured_with", text.data);
    }
    lb_buffer_free(&text);
    return line.status;
}

static lobass_status put_models(lb_json_writer *writer, const lb_measurement *measurements,
                                size_t n, lobass_error *error)
{
    lb_json_open(writer, "models", '[');
    for (size_t i = 0; i < n; i++)
    {
        const lb_measurement *measurement = &measurements[i];
        lb_json_open(writer, NULL, '{');
        lb_json_put_text(writer, "name", measurement->name);
        lb_json_put_text(writer, "path", measurement->path);
        lb_json_put_text(writer, "fingerprint", measurement->fingerprint);
        lb_json_put_text(writer, "dtype", measurement->dtype);
        if (measurement->arithmetic[0] != '\0')
        {
            LB_TRY(put_arithmetic(writer, measurement, error));
        }
        if (measurement->adapter != NULL)
        {
            lb_json_put_text(writer, "adapter", measurement->adapter);
        }
        lb_json_close(writer);
    }
    lb_json_close(writer);
    return writer->status;
}

static lobass_status put_training(lb_json_writer *writer, lb_store *store, lobass_error *error)
{
    lobass_train_result result;
    bool is_there = false;
    LB_TRY(lb_reference_recall(&result, &is_there, store, error));
    if (!is_there)
    {
        return LOBASS_OK;
    }
    lb_json_open(writer, "train", '{');
    LB_TRY(put_fact(writer, "recipe", store, LB_FACT_REFERENCE_RECIPE, true, error));
    lb_json_put_count(writer, "rows", result.n_rows);
    lb_json_put_count(writer, "steps", result.n_steps);
    lb_json_put_count(writer, "tokens", result.n_tokens);
    lb_json_put_count(writer, "tokens_scored", result.n_scored_tokens);
    lb_json_put_real(writer, "first_loss", result.first_loss);
    lb_json_put_real(writer, "last_loss", result.last_loss);
    lb_json_close(writer);
    return writer->status;
}

static void put_selection(lb_json_writer *writer, const lb_manifest *manifest)
{
    const lb_selection *selection = manifest->selection;
    char hash[LB_HASH_TEXT_SIZE];
    lb_hash_text(manifest->output_hash, hash);
    lb_json_open(writer, "selection", '{');
    lb_selection_spec_put(writer, "spec", &manifest->options->spec);
    put_choice(writer, manifest->options);
    lb_json_put_text(writer, "formula", lobass_score_describe(manifest->options->spec.by)->formula);
    lb_json_put_seed(writer, "seed", manifest->options->spec.seed);
    lb_json_put_count(writer, "rankable", selection->n_ranked);
    lb_json_put_count(writer, "selected", selection->n_selected);
    lb_json_put_count(writer, "selected_tokens", selection->n_selected_tokens);
    if (manifest->options->spec.near_duplicates > 0)
    {
        lb_json_put_count(writer, "near_duplicates", selection->n_near_duplicates);
    }
    lb_json_put_real(writer, "cut", selection->cut);
    lb_select_result_put(writer, manifest->result);
    lb_json_put_text(writer, "output", manifest->result->output);
    lb_json_put_text(writer, "output_format",
                     manifest->options->format != NULL ? manifest->options->format : "records");
    lb_json_put_boolean(writer, "output_tokens", manifest->options->has_tokens);
    lb_json_put_count(writer, "output_records", manifest->result->n_written);
    lb_json_put_text(writer, "output_hash", hash);
    lb_json_close(writer);
}

static lobass_status put_machine(lb_json_writer *writer, lobass_error *error)
{
    const lb_cpu cpu = lb_cpu_detect();
    char name[LB_MACHINE_NAME_SIZE];
    LB_TRY(lb_machine_name(name, error));
    lb_json_open(writer, "machine", '{');
    if (name[0] != '\0')
    {
        lb_json_put_text(writer, "processor", name);
    }
    lb_json_put_count(writer, "processors", lb_processor_count());
    lb_json_put_boolean(writer, "avx2", cpu.has_avx2);
    lb_json_put_boolean(writer, "avx512", cpu.has_avx512);
    lb_json_put_boolean(writer, "avx512_bf16", cpu.has_avx512_bf16);
    lb_json_put_boolean(writer, "amx_bf16", cpu.has_amx_bf16);
    lb_json_close(writer);
    return writer->status;
}

static lobass_status put_elapsed(lb_json_writer *writer, const lb_manifest *manifest,
                                 const lb_measurement *measurements, size_t n, lb_store *store,
                                 lobass_error *error)
{
    lb_json_open(writer, "elapsed_seconds", '{');
    LB_TRY(put_seconds(writer, store, "prepare", error));
    for (size_t i = 0; i < n; i++)
    {
        char step[96];
        (void)snprintf(step, sizeof step, "measure %s", measurements[i].name);
        if (measurements[i].seconds > 0)
        {
            lb_json_put_real(writer, step, measurements[i].seconds);
        }
    }
    LB_TRY(put_seconds(writer, store, "train reference", error));
    lb_json_put_real(writer, "select", manifest->result->elapsed_seconds);
    lb_json_close(writer);
    return writer->status;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static lobass_status put_counts(lb_json_writer *writer, const lobass_select_result *result)
{
    lb_json_put_count(writer, "records", result->n_records);
    lb_json_open(writer, "statuses", '{');
    for (int i = 0; i < LOBASS_ROW_STATUS_COUNT; i++)
    {
        lb_json_put_count(writer, lobass_row_status_name((lobass_row_status)i),
                          result->statuses[i]);
    }
    lb_json_close(writer);
    return writer->status;
}

static lobass_status put_all(lb_json_writer *writer, const lb_manifest *manifest, lb_store *store,
                             lobass_error *error)
{
    lb_measurement *measurements = NULL;
    size_t n = 0;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_store_measurements_load(&measurements, &n, store, error));
    lb_json_open(writer, NULL, '{');
    lb_json_put_text(writer, "lobass", lobass_version());
    if (manifest->options->command != NULL)
    {
        lb_json_put_text(writer, "command", manifest->options->command);
    }
    lb_json_put_text(writer, "run", lb_store_path(store));
    LB_TRY_GOTO(put_fact(writer, "model", store, LB_FACT_MODEL, false, error));
    LB_TRY_GOTO(put_fact(writer, "format", store, LB_FACT_OPTIONS, true, error));
    LB_TRY_GOTO(put_fact(writer, "tokenizer_hash", store, LB_FACT_TOKENIZER_HASH, false, error));
    LB_TRY_GOTO(put_fact(writer, "tokenization_hash", store, LB_FACT_TOKENIZATION, false, error));
    LB_TRY_GOTO(put_sources(writer, manifest->scores, store, error));
    LB_TRY_GOTO(put_counts(writer, manifest->result));
    LB_TRY_GOTO(put_models(writer, measurements, n, error));
    LB_TRY_GOTO(put_training(writer, store, error));
    put_selection(writer, manifest);
    LB_TRY_GOTO(put_machine(writer, error));
    LB_TRY_GOTO(put_elapsed(writer, manifest, measurements, n, store, error));
    lb_json_close(writer);
    status = writer->status;
done:
    lb_store_measurements_free(measurements, n);
    return status;
}

lobass_status lb_manifest_write(const lb_manifest *manifest, lb_store *store, lobass_error *error)
{
    lb_buffer text = {0};
    lb_json_writer writer = lb_json_writer_begin(&text, true, error);
    lobass_status status = put_all(&writer, manifest, store, error);
    if (status == LOBASS_OK)
    {
        status = lb_buffer_append_text(&text, "\n", error);
    }
    if (status == LOBASS_OK)
    {
        status = lb_file_write(manifest->path, text.data, text.size, true, error);
    }
    lb_buffer_free(&text);
    return status;
}

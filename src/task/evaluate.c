/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_evaluate: the rows of data files are prepared in a temporary folder and scored once under
 * a model, source by source (held_out.c).
 */
#include "task/task.h"

#include <stdlib.h>
#include <string.h>

typedef struct evaluator
{
    const lobass_evaluate_options *options;
    const lobass_observer *observer;
    lobass_evaluate_result *result;
    char *folder, *run;
    lb_dtype dtype;
    lb_held_out held_out;
    lb_model *model;
    lb_compute *compute;
    lb_decoder *decoder;
} evaluator;

lobass_evaluate_options lobass_evaluate_options_default(void)
{
    lobass_evaluate_options options = {.format = lobass_format_options_default(),
                                       .dtype = LOBASS_DTYPE_AUTO};
    options.format.cuts_windows = true;
    return options;
}

static lobass_status rows_prepare(evaluator *e, lobass_error *error)
{
    lobass_prepare_options prepare = lobass_prepare_options_default();
    lobass_prepare_result prepared;
    LB_TRY(lb_folder_make_temporary(&e->folder, "lobass-evaluate", error));
    e->run = lb_path_join(e->folder, "run", error);
    if (e->run == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    prepare.model = e->options->model;
    prepare.data = e->options->data;
    prepare.n_data = e->options->n_data;
    prepare.run = e->run;
    prepare.format = e->options->format;
    prepare.n_threads = e->options->n_threads;
    LB_TRY(lobass_prepare(&prepare, e->observer, &prepared, error));
    lb_ignored_log(&prepared.ignored, e->observer);
    e->result->n_records = prepared.n_records;
    memcpy(e->result->statuses, prepared.statuses, sizeof prepared.statuses);
    return LOBASS_OK;
}

/* One decoder, whose operations are shared out among the threads. */
static lobass_status model_open(evaluator *e, lobass_error *error)
{
    const lobass_evaluate_options *options = e->options;
    LB_TRY(lb_compute_create(&e->compute, options->n_threads, error));
    LB_TRY(lb_model_load(&e->model, options->model, e->dtype, LB_MODEL_SCORE_PACKED, error));
    if (options->adapter != NULL)
    {
        LB_TRY(
            lb_adapter_check(e->held_out.reader.store, options->adapter, &e->model->config, error));
        LB_TRY(lb_lora_load(e->model, options->adapter, e->dtype, error));
    }
    const size_t longest = e->held_out.longest;
    return lb_decoder_create(&e->decoder, e->model, e->compute,
                             longest > LB_SCORE_PACK_TOKENS ? longest : LB_SCORE_PACK_TOKENS,
                             LB_DECODER_SCORE, error);
}

static lobass_status evaluate_with(evaluator *e, lobass_error *error)
{
    const lobass_evaluate_options *options = e->options;
    lobass_evaluate_result *result = e->result;
    if (options->model == NULL || options->data == NULL || options->n_data == 0)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "evaluate: expected a model and a data file");
    }
    const double began_seconds = lb_clock_seconds();
    lb_stage stage;
    LB_TRY(lb_compute_dtype_choose(&e->dtype, options->dtype, error));
    LB_TRY(rows_prepare(e, error));
    LB_TRY(lb_held_out_open(&e->held_out, e->run, options->model, LB_SCORE_PACK_TOKENS, error));
    LB_TRY(model_open(e, error));
    lb_stage_begin(&stage, e->observer, "evaluate", "windows", 0, e->held_out.n_windows);
    LB_TRY(lb_held_out_run(&e->held_out, e->decoder, &stage, error));
    LB_TRY(lb_stage_end(&stage, error));
    LB_TRY(lb_held_out_check(&e->held_out, error));
    result->total = lb_held_out_total(&e->held_out);
    result->n_sources = e->held_out.n_sources;
    result->sources = e->held_out.of_sources;
    e->held_out.of_sources = NULL; /* handed over */
    result->elapsed_seconds = lb_clock_seconds() - began_seconds;
    return LOBASS_OK;
}

lobass_status lobass_evaluate(const lobass_evaluate_options *options,
                              const lobass_observer *observer, lobass_evaluate_result *result,
                              lobass_error *error)
{
    evaluator e = {.options = options, .observer = observer, .result = result};
    *result = (lobass_evaluate_result){0};
    lobass_status status = evaluate_with(&e, error);
    lb_decoder_free(e.decoder);
    lb_model_free(e.model);
    lb_compute_free(e.compute);
    lb_held_out_close(&e.held_out);
    status = lb_folder_end_temporary(e.folder, status, error);
    free(e.run);
    free(e.folder);
    return status;
}

void lobass_evaluate_result_free(lobass_evaluate_result *result)
{
    free(result->sources);
    *result = (lobass_evaluate_result){0};
}

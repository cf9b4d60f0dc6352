/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_exact_match: generates greedily, for the records whose own response has an answer alone,
 * and compares the two answers as the texts come out, in the order of the data (answer.c).
 */
#include "stats/stats.h"
#include "task/answer.h"
#include "task/task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of all predictions: nothing else is replaced by them, the data least of all. */
#define FIRST_BYTES "{\"row\": 0, \"source\": \""

typedef struct matcher
{
    const lobass_exact_match_options *options;
    lobass_exact_match_result *result;
    lb_store_source *sources; /* for their names */
    lb_output *output;        /* of the predictions, or NULL */
    lb_buffer expected, predicted, line;
    lobass_status status; /* of what failed in a callback */
    lobass_error *error;
} matcher;

lobass_exact_match_options lobass_exact_match_options_default(void)
{
    const lobass_generate_options generate = lobass_generate_options_default();
    return (lobass_exact_match_options){.max_tokens = generate.max_tokens,
                                        .batch_size = generate.batch_size,
                                        .dtype = LOBASS_DTYPE_AUTO};
}

/* ---- a record ---------------------------------------------------------------------------------
 */

static lobass_status prediction_write(matcher *m, const lobass_generation *g, bool has_expected,
                                      bool has_predicted, bool is_correct, lobass_error *error)
{
    lb_buffer_clear(&m->line);
    lb_json_writer json = lb_json_writer_begin(&m->line, false, error);
    lb_json_open(&json, NULL, '{');
    lb_json_put_count(&json, "row", g->row);
    lb_json_put_text(&json, "source", m->sources[g->source].name);
    lb_json_put_count(&json, "record", g->record);
    if (has_expected)
    {
        lb_json_put_text(&json, "expected", m->expected.data);
        if (has_predicted)
        {
            lb_json_put_text(&json, "predicted", m->predicted.data);
        }
        lb_json_put_boolean(&json, "is_correct", is_correct);
        if (g->reason != NULL)
        {
            lb_json_put_text(&json, "error", g->reason);
        }
        else
        {
            lb_json_put_bytes(&json, "text", g->text, g->text_size);
            lb_json_put_text(&json, "stopped", lobass_stop_name(g->stop));
        }
    }
    lb_json_close(&json);
    LB_TRY(json.status);
    LB_TRY(lb_buffer_append_text(&m->line, "\n", error));
    return lb_output_write(m->output, m->line.data, m->line.size, error);
}

static lobass_status compare(matcher *m, const lobass_generation *g, lobass_error *error)
{
    lobass_accuracy *source = &m->result->sources[g->source];
    bool has_expected = false;
    bool has_predicted = false;
    LB_TRY(lb_answer_find(&m->expected, &has_expected, g->response == NULL ? "" : g->response,
                          g->response_size, false, error));
    if (has_expected && g->reason == NULL)
    {
        LB_TRY(lb_answer_find(&m->predicted, &has_predicted, g->text, g->text_size,
                              g->stop != LOBASS_STOP_END, error));
    }
    const bool is_correct = has_predicted && strcmp(m->expected.data, m->predicted.data) == 0;
    source->n_records++;
    source->n_answers += has_expected;
    source->n_unanswered += has_expected && !has_predicted;
    source->n_correct += is_correct;
    return m->output == NULL
               ? LOBASS_OK
               : prediction_write(m, g, has_expected, has_predicted, is_correct, error);
}

static bool take(void *context, const lobass_generation *generation)
{
    matcher *m = context;
    m->status = compare(m, generation, m->error);
    return m->status == LOBASS_OK;
}

/* What fails here fails again in take(), and is reported there. */
static bool has_answer(void *context, const char *response, size_t size_bytes)
{
    matcher *m = context;
    bool has_expected = false;
    return response != NULL && (lb_answer_find(&m->expected, &has_expected, response, size_bytes,
                                               false, NULL) != LOBASS_OK ||
                                has_expected);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static lobass_status generate(matcher *m, const lobass_observer *observer, lobass_error *error)
{
    const lobass_exact_match_options *options = m->options;
    const lobass_generate_sink sink = {.context = m, .wants = has_answer, .done = take};
    lobass_generate_options generate = lobass_generate_options_default();
    lobass_generate_result generated;
    generate.model = options->model;
    generate.adapter = options->adapter;
    generate.data = options->data;
    generate.n_data = options->n_data;
    generate.template_name = options->template_name;
    generate.fields = options->fields;
    generate.template_variables = options->template_variables;
    generate.n_template_variables = options->n_template_variables;
    generate.template_date = options->template_date;
    generate.chat = options->chat;
    generate.max_tokens = options->max_tokens;
    generate.batch_size = options->batch_size;
    generate.dtype = options->dtype;
    generate.n_threads = options->n_threads;
    m->error = error;
    const lobass_status status = lobass_generate(&generate, &sink, observer, &generated, error);
    return m->status != LOBASS_OK ? m->status : status;
}

static void sum_up(lobass_accuracy *of)
{
    of->share = of->low = of->high = NAN;
    if (of->n_answers > 0)
    {
        of->share = (double)of->n_correct / (double)of->n_answers;
        lb_wilson_interval(&of->low, &of->high, (double)of->n_correct, (double)of->n_answers);
    }
}

static lobass_status exact_match(matcher *m, const lobass_observer *observer, lobass_error *error)
{
    const lobass_exact_match_options *options = m->options;
    lobass_exact_match_result *result = m->result;
    const double began_seconds = lb_clock_seconds();
    if (options->model == NULL || options->data == NULL || options->n_data == 0)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "exact match: expected a model and a data file");
    }
    for (size_t i = 0; i < options->n_data; i++)
    {
        if (lb_path_is_text(options->data[i]))
        {
            return lb_fail(error, LOBASS_UNSUPPORTED,
                           "%s: plain text has no answers in it; expected records",
                           options->data[i]);
        }
    }
    LB_TRY(lb_sources_name(&m->sources, options->data, options->n_data, error));
    LB_TRY(lb_sources_check(m->sources, options->data, options->n_data, error));
    result->sources = lb_alloc(options->n_data, sizeof *result->sources, error);
    LB_TRY(result->sources == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK);
    result->n_sources = options->n_data;
    if (options->predictions != NULL)
    {
        LB_TRY(lb_output_path_check(options->predictions, error));
        LB_TRY(lb_output_check(options->predictions, options->overwrite, FIRST_BYTES,
                               "file of predictions", error));
        LB_TRY(lb_output_open(&m->output, options->predictions, options->overwrite, error));
    }
    LB_TRY(generate(m, observer, error));
    for (size_t i = 0; i < result->n_sources; i++)
    {
        lobass_accuracy *source = &result->sources[i];
        (void)snprintf(source->name, sizeof source->name, "%s", m->sources[i].name);
        sum_up(source);
        result->total.n_records += source->n_records;
        result->total.n_answers += source->n_answers;
        result->total.n_correct += source->n_correct;
        result->total.n_unanswered += source->n_unanswered;
    }
    (void)snprintf(result->total.name, sizeof result->total.name, "all");
    sum_up(&result->total);
    result->elapsed_seconds = lb_clock_seconds() - began_seconds;
    lb_output *output = m->output;
    m->output = NULL; /* released by what follows */
    return output == NULL ? LOBASS_OK : lb_output_commit(output, error);
}

lobass_status lobass_exact_match(const lobass_exact_match_options *options,
                                 const lobass_observer *observer, lobass_exact_match_result *result,
                                 lobass_error *error)
{
    matcher m = {.options = options, .result = result};
    *result = (lobass_exact_match_result){0};
    const lobass_status status = exact_match(&m, observer, error);
    lb_output_discard(m.output);
    lb_buffer_free(&m.expected);
    lb_buffer_free(&m.predicted);
    lb_buffer_free(&m.line);
    if (m.sources != NULL)
    {
        lb_store_sources_free(m.sources, options->n_data);
    }
    return status;
}

void lobass_exact_match_result_free(lobass_exact_match_result *result)
{
    free(result->sources);
    *result = (lobass_exact_match_result){0};
}

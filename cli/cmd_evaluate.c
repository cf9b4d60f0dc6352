/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass evaluate MODEL DATA...: the loss of held-out data under a model, file by file.
 */
#include <math.h>

#include "command.h"
#include "progress.h"
#include "result.h"

static void print_line(const lobass_evaluation *of)
{
    char rows[CLI_NUMBER_SIZE];
    char tokens[CLI_NUMBER_SIZE];
    const double loss = lobass_evaluation_loss(of);
    const double bits = lobass_evaluation_bits_per_byte(of);

    printf("%-28s %10s %12s", of->name, cli_number(rows, of->n_rows),
           cli_number(tokens, of->n_scored_tokens));
    if (isfinite(loss))
    {
        printf(" %10.4f", loss);
    }
    if (isfinite(loss) && isfinite(bits))
    {
        printf(" %10.4f", bits);
    }
    printf("\n");
}

static void print_result(const void *given, const void *made)
{
    const lobass_evaluate_result *result = made;

    (void)given;
    printf("%-28s %10s %12s %10s %10s\n", "data", "rows", "tokens", "loss", "bits/byte");
    for (size_t i = 0; i < result->n_sources; i++)
    {
        print_line(&result->sources[i]);
    }
    if (result->n_sources > 1)
    {
        print_line(&result->total);
    }
    printf("\nloss: nats per scored token\n");
    cli_statuses_print(result->statuses, result->n_records);
}

static void put_evaluation(cli_json *json, const lobass_evaluation *of)
{
    cli_json_uint(json, "rows", of->n_rows);
    cli_json_uint(json, "tokens_scored", of->n_scored_tokens);
    cli_json_uint(json, "bytes", of->n_bytes);
    cli_json_real(json, "sum_nll", of->sum_nll);
    cli_json_real(json, "loss", lobass_evaluation_loss(of));
    cli_json_real(json, "bits_per_byte", lobass_evaluation_bits_per_byte(of));
}

static void print_json(const void *given, const void *made)
{
    const lobass_evaluate_options *options = given;
    const lobass_evaluate_result *result = made;
    cli_json json = {.file = stdout};

    cli_json_object(&json, NULL);
    cli_json_text(&json, "model", options->model);
    cli_json_text(&json, "adapter", options->adapter);
    cli_statuses_json(&json, result->statuses, result->n_records);
    put_evaluation(&json, &result->total);
    cli_json_object(&json, "sources");
    for (size_t i = 0; i < result->n_sources; i++)
    {
        cli_json_object(&json, result->sources[i].name);
        put_evaluation(&json, &result->sources[i]);
        cli_json_end(&json);
    }
    cli_json_end(&json);
    cli_json_object(&json, "elapsed_seconds");
    cli_json_real(&json, "evaluate", result->elapsed_seconds);
    cli_json_end(&json);
    cli_json_end(&json);
}

static lobass_status call_library(const void *options, const lobass_observer *observer,
                                  void *result, lobass_error *error)
{
    return lobass_evaluate(options, observer, result, error);
}

int cmd_evaluate(const cli_call *call)
{
    lobass_evaluate_options options = lobass_evaluate_options_default();
    cli_common common = {.n_threads = options.n_threads, .dtype = options.dtype};
    cli_parser parser = {
        .name = "evaluate",
        .usage = "MODEL DATA...",
        .about = "Prints the loss of data under MODEL, file by file: nats per scored token, and\n"
                 "bits per byte of the scored text, which can be compared between tokenizers.\n"
                 "Plain text (.txt) and records of {\"text\"} are scored whole, in windows of\n"
                 "--max-length tokens.",
        .arguments = "MODEL and DATA",
        .n_least = 2,
        .n_most = SIZE_MAX,
    };

    cli_option_add(&parser, (cli_option){.name = "adapter",
                                         .type = CLI_TEXT,
                                         .target = &options.adapter,
                                         .value = "DIR",
                                         .help = "a PEFT adapter (LoRA) to apply on top of MODEL",
                                         .fallback = "none"});
    cli_options_add_format(&parser, &options.format);
    cli_option_add_scored(&parser, &options.format);
    cli_options_add_common(&parser, &common, CLI_USES_THREADS | CLI_USES_DTYPE | CLI_USES_PROGRESS);
    int code = cli_parse(&parser, call->argc, call->argv);
    if (code < 0)
    {
        lobass_evaluate_result result = {0};
        const cli_task task = {.call = call_library,
                               .print = print_result,
                               .print_json = print_json,
                               .keeps_nothing = true};
        options.model = parser.values[0];
        options.data = parser.values + 1;
        options.n_data = parser.n_values - 1;
        options.dtype = common.dtype;
        options.n_threads = common.n_threads;
        code = cli_task_run(&task, &options, &result, &common);
        lobass_evaluate_result_free(&result);
    }
    cli_parser_free(&parser);
    return code;
}

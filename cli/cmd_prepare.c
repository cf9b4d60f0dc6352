/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass prepare MODEL DATA... -o RUN: records -> frozen rows. Nothing is computed yet.
 */
#include "command.h"
#include "progress.h"
#include "result.h"

static void print_result(const void *given, const void *made)
{
    const lobass_prepare_options *options = given;
    const lobass_prepare_result *result = made;
    char tokens[CLI_NUMBER_SIZE];
    char scored[CLI_NUMBER_SIZE];

    cli_statuses_print(result->statuses, result->n_records);
    cli_notes_print(result->notes);
    printf("\ntokens       %s, of which %s are scored\n", cli_number(tokens, result->n_tokens),
           cli_number(scored, result->n_scored_tokens));
    cli_ignored_print(&result->ignored);
    cli_field_print("run", options->run);
}

static void print_json(const void *given, const void *made)
{
    const lobass_prepare_options *options = given;
    const lobass_prepare_result *result = made;
    lb_json_writer json = cli_json_begin();

    lb_json_open(&json, NULL, '{');
    lb_json_put_text(&json, "run", options->run);
    cli_statuses_json(&json, result->statuses, result->n_records);
    cli_ignored_json(&json, &result->ignored);
    cli_notes_json(&json, result->notes);
    lb_json_put_count(&json, "tokens", result->n_tokens);
    lb_json_put_count(&json, "tokens_scored", result->n_scored_tokens);
    lb_json_open(&json, "elapsed_seconds", '{');
    lb_json_put_real(&json, "prepare", result->elapsed_seconds);
    lb_json_close(&json);
    cli_json_print(&json);
}

static lobass_status call_library(const void *options, const lobass_observer *observer,
                                  void *result, lobass_error *error)
{
    return lobass_prepare(options, observer, result, error);
}

static int prepare(const lobass_prepare_options *options, const cli_common *common)
{
    lobass_prepare_result result = {0};
    const cli_task task = {.call = call_library, .print = print_result, .print_json = print_json};

    return cli_task_run(&task, options, &result, common);
}

int cmd_prepare(const cli_call *call)
{
    lobass_prepare_options options = lobass_prepare_options_default();
    cli_common common = {.n_threads = options.n_threads};
    cli_parser parser = {
        .name = "prepare",
        .usage = "MODEL DATA... -o RUN",
        .about = "Reads the records of DATA, gives each its tokens and a mask of what is scored,\n"
                 "and stores them in the folder RUN. DATA: .jsonl, .json, .csv or .tsv, also .gz\n"
                 "and .zst; .parquet; a folder of such files; - is standard input. Started again,\n"
                 "it goes on where it was stopped.",
        .arguments = "MODEL and DATA",
        .n_least = 2,
        .n_most = SIZE_MAX,
    };

    cli_option_add(&parser, (cli_option){.name = "output",
                                         .letter = 'o',
                                         .type = CLI_TEXT,
                                         .target = &options.run,
                                         .value = "RUN",
                                         .help = "the folder of the run",
                                         .is_required = true});
    cli_options_add_format(&parser, &options.format);
    cli_options_add_common(&parser, &common,
                           CLI_USES_OVERWRITE | CLI_USES_THREADS | CLI_USES_PROGRESS);
    int code = cli_parse(&parser, call->argc, call->argv);
    code = code < 0 ? cli_data_take(&parser) : code;
    if (code < 0)
    {
        options.model = parser.values[0];
        options.data = parser.values + 1;
        options.n_data = parser.n_values - 1;
        options.n_threads = common.n_threads;
        options.overwrite = common.is_overwriting;
        code = prepare(&options, &common);
    }
    cli_parser_free(&parser);
    return code;
}

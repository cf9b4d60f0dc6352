/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass run MODEL DATA... -o RUN: prepare, measure, train the reference, measure it, select.
 */
#include <math.h>
#include <stdlib.h>

#include "command.h"
#include "progress.h"
#include "result.h"

static void print_result(const void *given, const void *made)
{
    const lobass_run_options *options = given;
    const lobass_run_result *result = made;
    cli_statuses_print(result->select.statuses, result->select.n_records);
    putchar('\n');
    if (isfinite(result->initial.mean_loss) && isfinite(result->reference.mean_loss))
    {
        printf("loss         %.4f initial, %.4f reference (nats per scored token)\n",
               result->initial.mean_loss, result->reference.mean_loss);
    }
    cli_selection_print(&options->select, &result->select);
    cli_ignored_print(&result->prepare.ignored);
    cli_field_print("run", options->prepare.run);
}

static void print_seconds(lb_json_writer *json, const lobass_run_result *result)
{
    lb_json_open(json, "elapsed_seconds", '{');
    lb_json_put_real(json, "prepare", result->prepare.elapsed_seconds);
    lb_json_put_real(json, "measure_initial", result->initial.elapsed_seconds);
    lb_json_put_real(json, "train_reference", result->train.elapsed_seconds);
    lb_json_put_real(json, "measure_reference", result->reference.elapsed_seconds);
    lb_json_put_real(json, "select", result->select.elapsed_seconds);
    lb_json_close(json);
}

static void print_json(const void *given, const void *made)
{
    const lobass_run_options *options = given;
    const lobass_run_result *result = made;
    lb_json_writer json = cli_json_begin();

    lb_json_open(&json, NULL, '{');
    lb_json_put_text(&json, "run", options->prepare.run);
    cli_sources_json(&json, &result->select);
    cli_statuses_json(&json, result->select.statuses, result->select.n_records);
    cli_ignored_json(&json, &result->prepare.ignored);
    lb_json_put_count(&json, "tokens", result->prepare.n_tokens);
    lb_json_put_count(&json, "tokens_scored", result->prepare.n_scored_tokens);
    lb_json_put_real(&json, "initial_loss", result->initial.mean_loss);
    lb_json_put_real(&json, "reference_loss", result->reference.mean_loss);
    cli_recipe_json(&json, &options->train);
    cli_selection_json(&json, &options->select, &result->select);
    print_seconds(&json, result);
    cli_json_print(&json);
}

static lobass_status call_library(const void *options, const lobass_observer *observer,
                                  void *result, lobass_error *error)
{
    return lobass_run_all(options, observer, result, error);
}

static int run_all(const lobass_run_options *options, const cli_common *common)
{
    lobass_run_result result = {0};
    const cli_task task = {.call = call_library, .print = print_result, .print_json = print_json};

    const int code = cli_task_run(&task, options, &result, common);
    lobass_select_result_clear(&result.select);
    return code;
}

static void add_options(cli_parser *parser, lobass_run_options *options, cli_selection *selection,
                        cli_common *common)
{
    cli_option_add(parser, (cli_option){.name = "output",
                                        .letter = 'o',
                                        .type = CLI_TEXT,
                                        .target = &options->prepare.run,
                                        .value = "RUN",
                                        .help = "the folder of the run and of its results",
                                        .is_required = true});
    cli_options_add_selection(parser, selection);
    cli_options_add_format(parser, &options->prepare.format);
    cli_options_add_training(parser, &options->train);
    cli_options_add_common(parser, common,
                           CLI_USES_OVERWRITE | CLI_USES_THREADS | CLI_USES_DTYPE | CLI_USES_SEED |
                               CLI_USES_PROGRESS);
}

int cmd_run(const cli_call *call)
{
    lobass_run_options options = lobass_run_options_default();
    cli_selection selection = {.spec = &options.select.spec};
    cli_common common = {
        .n_threads = options.n_threads, .dtype = options.dtype, .seed = options.train.seed};
    cli_parser parser = {
        .name = "run",
        .usage = "MODEL DATA... -o RUN [-k AMOUNT]",
        .about =
            "The whole method: measures every record of DATA under MODEL, fine-tunes MODEL\n"
            "on all of them, measures again, and writes the records whose loss fell most.\n"
            "DATA: .jsonl, .json, .csv or .tsv, also .gz and .zst; .parquet; a folder of such\n"
            "files; - is standard input. Steps that are done are not done again: after a\n"
            "stop, give the same command again.",
        .arguments = "MODEL and DATA",
        .n_least = 2,
        .n_most = SIZE_MAX,
    };

    add_options(&parser, &options, &selection, &common);
    int code = cli_parse(&parser, call->argc, call->argv);
    if (code < 0)
    {
        code = cli_selection_check(&parser, &selection);
    }
    if (code < 0)
    {
        code = cli_training_check(&parser, &options.train);
    }
    code = code < 0 ? cli_data_take(&parser) : code;
    if (code < 0)
    {
        char *line = cli_command_line(call->whole_argc, call->whole_argv);
        options.prepare.model = parser.values[0];
        options.prepare.data = parser.values + 1;
        options.prepare.n_data = parser.n_values - 1;
        options.prepare.n_threads = common.n_threads;
        options.prepare.overwrite = common.is_overwriting;
        options.n_threads = common.n_threads;
        options.dtype = common.dtype;
        options.train.seed = common.seed;
        options.select.spec.seed = common.seed;
        options.select.command = line;
        code = run_all(&options, &common);
        free(line);
    }
    lobass_selection_spec_clear(&options.select.spec);
    cli_parser_free(&parser);
    return code;
}

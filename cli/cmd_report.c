/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass report RUN: one HTML page about a run.
 */
#include "command.h"
#include "progress.h"
#include "result.h"

static lobass_status call_library(const void *options, const lobass_observer *observer,
                                  void *result, lobass_error *error)
{
    return lobass_report_write(options, observer, result, error);
}

static void print_result(const void *given, const void *made)
{
    const lobass_report_result *result = made;
    char rows[CLI_NUMBER_SIZE];
    char records[CLI_NUMBER_SIZE];
    char bytes[CLI_NUMBER_SIZE];

    (void)given;
    printf("rows         %s of %s records\n", cli_number(rows, result->n_rows),
           cli_number(records, result->n_records));
    printf("size         %s bytes\n", cli_number(bytes, result->size_bytes));
    cli_field_print("written", result->output);
}

static void print_json(const void *given, const void *made)
{
    const lobass_report_options *options = given;
    const lobass_report_result *result = made;
    lb_json_writer json = cli_json_begin();

    lb_json_open(&json, NULL, '{');
    lb_json_put_text(&json, "run", options->run);
    lb_json_put_count(&json, "records", result->n_records);
    lb_json_put_count(&json, "rows", result->n_rows);
    lb_json_put_count(&json, "selected", result->n_selected);
    lb_json_put_count(&json, "size_bytes", result->size_bytes);
    lb_json_put_text(&json, "output", result->output);
    lb_json_open(&json, "elapsed_seconds", '{');
    lb_json_put_real(&json, "report", result->elapsed_seconds);
    lb_json_close(&json);
    cli_json_print(&json);
}

int cmd_report(const cli_call *call)
{
    static const cli_task task = {.call = call_library,
                                  .print = print_result,
                                  .print_json = print_json,
                                  .keeps_nothing = true};
    lobass_report_options options = lobass_report_options_default();
    lobass_report_result result = {0};
    cli_common common = {0};
    cli_parser parser = {
        .name = "report",
        .usage = "RUN [-o FILE]",
        .about = "Writes one HTML page about a run that needs nothing beside it: what was run,\n"
                 "how the records ended, losses, scores and what they have in common, what was\n"
                 "selected, and the rows themselves, token by token. Open it in a browser.",
        .arguments = "RUN",
        .n_least = 1,
        .n_most = 1,
    };

    cli_option_add(&parser, (cli_option){.name = "output",
                                         .letter = 'o',
                                         .type = CLI_TEXT,
                                         .target = &options.output,
                                         .value = "FILE",
                                         .help = "the page, a name in .html",
                                         .fallback = "RUN/report.html"});
    cli_option_add(&parser, (cli_option){.name = "rows",
                                         .type = CLI_UINT64,
                                         .target = &options.n_rows,
                                         .value = "N",
                                         .help = "rows to list and draw at most; of more records a "
                                                 "random sample",
                                         .least = 1,
                                         .most = UINT32_MAX});
    cli_options_add_common(&parser, &common, CLI_USES_OVERWRITE | CLI_USES_PROGRESS);
    int code = cli_parse(&parser, call->argc, call->argv);
    if (code < 0)
    {
        options.run = parser.values[0];
        options.overwrite = common.is_overwriting;
        code = cli_task_run(&task, &options, &result, &common);
    }
    cli_parser_free(&parser);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass measure RUN MODEL --as NAME: the per-token losses of a run's rows under a model.
 */
#include <math.h>
#include <string.h>

#include "command.h"
#include "progress.h"
#include "result.h"

static void print_result(const void *given, const void *made)
{
    const lobass_measure_options *options = given;
    const lobass_measure_result *result = made;
    char rows[CLI_NUMBER_SIZE];
    char total[CLI_NUMBER_SIZE];
    char seconds[CLI_NUMBER_SIZE];

    printf("measured     %s rows in %s, %s altogether\n", cli_number(rows, result->n_rows),
           cli_duration(seconds, result->elapsed_seconds), cli_number(total, result->n_rows_total));
    if (isfinite(result->mean_loss))
    {
        printf("loss         %.4f nats per scored token\n", result->mean_loss);
    }
    cli_field_print("as", options->name);
    if (options->verify > 0)
    {
        printf(
            "verified     %s rows once more, each alone: %s differ, largest difference %g nats\n",
            cli_number(rows, result->n_verified), cli_number(total, result->n_different),
            result->largest_difference);
    }
}

static void print_json(const void *given, const void *made)
{
    const lobass_measure_options *options = given;
    const lobass_measure_result *result = made;
    lb_json_writer json = cli_json_begin();

    lb_json_open(&json, NULL, '{');
    lb_json_put_text(&json, "run", options->run);
    lb_json_put_text(&json, "model", options->model);
    lb_json_put_text(&json, "adapter", options->adapter);
    lb_json_put_text(&json, "name", options->name);
    lb_json_put_count(&json, "rows", result->n_rows);
    lb_json_put_count(&json, "rows_total", result->n_rows_total);
    lb_json_put_count(&json, "tokens", result->n_tokens);
    lb_json_put_count(&json, "tokens_scored", result->n_scored_tokens);
    lb_json_put_count(&json, "rows_nonfinite", result->n_nonfinite);
    lb_json_put_real(&json, "mean_loss", result->mean_loss);
    if (options->verify > 0)
    {
        lb_json_put_count(&json, "rows_verified", result->n_verified);
        lb_json_put_count(&json, "rows_different", result->n_different);
        lb_json_put_real(&json, "largest_difference", result->largest_difference);
    }
    lb_json_open(&json, "elapsed_seconds", '{');
    lb_json_put_real(&json, "measure", result->elapsed_seconds);
    lb_json_close(&json);
    cli_json_print(&json);
}

static lobass_status call_library(const void *options, const lobass_observer *observer,
                                  void *result, lobass_error *error)
{
    return lobass_measure(options, observer, result, error);
}

static int measure(const lobass_measure_options *options, const cli_common *common)
{
    lobass_measure_result result = {0};
    const cli_task task = {.call = call_library, .print = print_result, .print_json = print_json};

    return cli_task_run(&task, options, &result, common);
}

static int check_name(const cli_parser *parser, const char *name)
{
    if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(name))
    {
        return cli_wrong_usage(parser,
                               "option --as: expected a name of a-z, 0-9, _ and -, found "
                               "'%s'",
                               name);
    }
    return -1;
}

int cmd_measure(const cli_call *call)
{
    lobass_measure_options options = lobass_measure_options_default();
    cli_common common = {.n_threads = options.n_threads, .dtype = options.dtype};
    cli_parser parser = {
        .name = "measure",
        .usage = "RUN MODEL --as NAME",
        .about = "Stores the loss of every scored token of RUN under MODEL. Scores are made of\n"
                 "initial, reference and unconditional: the model of initial, each response\n"
                 "without what it answers. Started again, it goes on where it was stopped.",
        .arguments = "RUN and MODEL",
        .n_least = 2,
        .n_most = 2,
    };

    lobass_amount share = {LOBASS_AMOUNT_FRACTION, 0};
    options.name = NULL;
    cli_option_add(&parser,
                   (cli_option){.name = "as",
                                .type = CLI_TEXT,
                                .target = &options.name,
                                .value = "NAME",
                                .help = "initial, reference, unconditional or any other name",
                                .is_required = true});
    cli_option_add(&parser, (cli_option){.name = "adapter",
                                         .type = CLI_TEXT,
                                         .target = &options.adapter,
                                         .value = "DIR",
                                         .help = "a PEFT adapter (LoRA) to apply on top of MODEL",
                                         .fallback = "none"});
    cli_option_add(
        &parser, (cli_option){.name = "verify",
                              .type = CLI_AMOUNT,
                              .target = &share,
                              .value = "SHARE",
                              .help = "score a random share of the rows once more, each alone, and "
                                      "report the largest difference: 1%, 0.01"});
    cli_option_add(&parser,
                   (cli_option){.name = "keep-prefixes",
                                .type = CLI_FLAG,
                                .target = &options.keeps_prefixes,
                                .help = "compute what rows have in common for each of them; the "
                                        "losses are the same, only later"});
    cli_options_add_common(&parser, &common,
                           CLI_USES_OVERWRITE | CLI_USES_THREADS | CLI_USES_DTYPE |
                               CLI_USES_PROGRESS);
    int code = cli_parse(&parser, call->argc, call->argv);
    if (code < 0)
    {
        code = check_name(&parser, options.name);
    }
    if (code < 0 && share.kind != LOBASS_AMOUNT_FRACTION)
    {
        code = cli_wrong_usage(&parser, "option --verify: expected a share such as 1%% or 0.01");
    }
    if (code < 0)
    {
        options.run = parser.values[0];
        options.model = parser.values[1];
        options.dtype = common.dtype;
        options.n_threads = common.n_threads;
        options.overwrite = common.is_overwriting;
        options.verify = share.value;
        code = measure(&options, &common);
    }
    cli_parser_free(&parser);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass select RUN -k AMOUNT: chooses rows by a score and writes their records' own bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "progress.h"
#include "result.h"

/* The selection, and how many tokens of the run are scored: its own result counts only what it
 * took. */
typedef struct selected
{
    lobass_select_result result;
    uint64_t n_scored;
} selected;

static lobass_status call_library(const void *given, const lobass_observer *observer, void *made,
                                  lobass_error *error)
{
    const lobass_select_options *options = given;
    selected *result = made;
    lobass_run *run = NULL;
    lobass_run_info info = {0};
    lobass_status status = lobass_select(options, observer, &result->result, error);

    if (status == LOBASS_OK)
    {
        status = lobass_run_open(&run, options->run, error);
    }
    if (status == LOBASS_OK)
    {
        status = lobass_run_describe(run, &info, error);
    }
    result->n_scored = info.n_scored_tokens;
    lobass_run_close(run);
    return status;
}

static void print_result(const void *given, const void *made)
{
    const lobass_select_result *result = &((const selected *)made)->result;

    cli_statuses_print(result->statuses, result->n_records);
    putchar('\n');
    cli_selection_print(given, result);
}

static void print_json(const void *given, const void *made)
{
    const lobass_select_options *options = given;
    const lobass_select_result *result = &((const selected *)made)->result;
    cli_json json = {.file = stdout};

    cli_json_object(&json, NULL);
    cli_json_text(&json, "run", options->run);
    cli_statuses_json(&json, result->statuses, result->n_records);
    cli_json_uint(&json, "tokens_scored", ((const selected *)made)->n_scored);
    cli_selection_json(&json, options, result);
    cli_json_object(&json, "elapsed_seconds");
    cli_json_real(&json, "select", result->elapsed_seconds);
    cli_json_end(&json);
    cli_json_end(&json);
}

static int choose(const lobass_select_options *options, const cli_common *common)
{
    selected result = {0};
    const cli_task task = {.call = call_library, .print = print_result, .print_json = print_json};

    return cli_task_run(&task, options, &result, common);
}

int cmd_select(const cli_call *call)
{
    lobass_select_options options = lobass_select_options_default();
    cli_common common = {.seed = options.spec.seed};
    cli_parser parser = {
        .name = "select",
        .usage = "RUN -k AMOUNT",
        .about = "Chooses rows of a measured run by a score and writes their records, byte for\n"
                 "byte; beside them all scores and a manifest to make the selection again.",
        .arguments = "RUN",
        .n_least = 1,
        .n_most = 1,
    };

    cli_options_add_selection(&parser, &options.spec);
    cli_option_add(&parser, (cli_option){.name = "output",
                                         .letter = 'o',
                                         .type = CLI_TEXT,
                                         .target = &options.output,
                                         .value = "FILE",
                                         .help = "where the records go, scores and manifest "
                                                 "beside them; .json makes an array",
                                         .fallback = "RUN/selected.jsonl"});
    cli_options_add_common(&parser, &common,
                           CLI_USES_OVERWRITE | CLI_USES_SEED | CLI_USES_PROGRESS);
    parser.options[0].is_required = true; /* -k */
    int code = cli_parse(&parser, call->argc, call->argv);
    if (code < 0)
    {
        code = cli_direction_check(&parser, options.spec.by, options.spec.direction, "direction");
    }
    if (code < 0 && options.output != NULL && strcmp(options.output, "-") == 0)
    {
        code = cli_wrong_usage(&parser, "option --output: expected a file's name, found '-'; the "
                                        "result is printed to standard output");
    }
    if (code < 0)
    {
        char *line = cli_command_line(call->whole_argc, call->whole_argv);
        options.run = parser.values[0];
        options.spec.seed = common.seed;
        options.overwrite = common.is_overwriting;
        options.command = line;
        code = choose(&options, &common);
        free(line);
    }
    cli_parser_free(&parser);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass select RUN -k AMOUNT: chooses rows by a score and writes their records' own bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "progress.h"
#include "result.h"

/* How many tokens of the run are scored; the selection's own result counts only what it took. */
static lobass_status count_scored(uint64_t *n_scored, const char *path, lobass_error *error)
{
    lobass_run *run = NULL;
    lobass_run_info info = {0};
    lobass_status status = lobass_run_open(&run, path, error);

    if (status == LOBASS_OK)
    {
        status = lobass_run_describe(run, &info, error);
    }
    *n_scored = info.n_scored_tokens;
    lobass_run_close(run);
    return status;
}

static void print_json(const lobass_select_options *options, const lobass_select_result *result,
                       uint64_t n_scored)
{
    cli_json json = {.file = stdout};

    cli_json_object(&json, NULL);
    cli_json_text(&json, "run", options->run);
    cli_statuses_json(&json, result->statuses, result->n_records);
    cli_json_uint(&json, "tokens_scored", n_scored);
    cli_selection_json(&json, options, result);
    cli_json_object(&json, "elapsed_seconds");
    cli_json_real(&json, "select", result->elapsed_seconds);
    cli_json_end(&json);
    cli_json_end(&json);
}

static int choose(const lobass_select_options *options, const cli_common *common)
{
    cli_progress progress;
    lobass_select_result result = {0};
    lobass_error error = {0};
    uint64_t n_scored = 0;

    cli_progress_start(&progress, common);
    if (lobass_select(options, &progress.observer, &result, &error) != LOBASS_OK ||
        count_scored(&n_scored, options->run, &error) != LOBASS_OK)
    {
        return cli_progress_fail(&progress, common, false, &error);
    }
    cli_progress_end(&progress);
    if (common->is_json)
    {
        print_json(options, &result, n_scored);
    }
    else
    {
        cli_statuses_print(result.statuses, result.n_records);
        putchar('\n');
        cli_selection_print(options, &result);
    }
    return cli_finish(CLI_DONE);
}

int cmd_select(const cli_call *call)
{
    lobass_select_options options = lobass_select_options_default();
    cli_common common = {.seed = options.seed};
    cli_parser parser = {
        .name = "select",
        .usage = "RUN -k AMOUNT",
        .about = "Chooses rows of a measured run by a score and writes their records, byte for\n"
                 "byte; beside them all scores and a manifest to make the selection again.",
        .arguments = "RUN",
        .n_least = 1,
        .n_most = 1,
    };

    cli_options_add_selection(&parser, &options);
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
        code = cli_selection_check(&parser, &options);
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
        options.seed = common.seed;
        options.overwrite = common.is_overwriting;
        options.command = line;
        code = choose(&options, &common);
        free(line);
    }
    cli_parser_free(&parser);
    return code;
}

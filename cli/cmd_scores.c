/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass scores RUN: all scores that exist, one line a record, in the order of the data.
 */
#include <errno.h>

#include "command.h"
#include "result.h"

static const cli_choice formats[] = {
    {"jsonl", LOBASS_TABLE_JSONL}, {"csv", LOBASS_TABLE_CSV}, {NULL, 0}};

/* Where the lines go: as they are, or as members of one JSON array. */
typedef struct scores_output
{
    bool is_array;
    bool is_in_line, has_line; /* the array: within a line; after the first one */
    int reason;                /* errno of the write that failed */
} scores_output;

static void write_array(scores_output *output, const char *data, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
    {
        if (data[i] == '\n')
        {
            output->is_in_line = false;
            continue;
        }
        if (!output->is_in_line)
        {
            fputs(output->has_line ? ", " : "", stdout);
            output->is_in_line = true;
            output->has_line = true;
        }
        putchar(data[i]);
    }
}

static bool write_piece(void *context, const char *data, size_t size_bytes)
{
    scores_output *output = context;

    if (output->is_array)
    {
        write_array(output, data, size_bytes);
    }
    else
    {
        fwrite(data, 1, size_bytes, stdout);
    }
    output->reason = ferror(stdout) != 0 ? errno : 0;
    return output->reason == 0;
}

static int print_scores(const char *path, lobass_table_format format, bool is_json)
{
    scores_output output = {.is_array = is_json};
    lobass_run *run = NULL;
    lobass_error error = {0};
    lobass_status status = lobass_run_open(&run, path, &error);

    if (status == LOBASS_OK && is_json)
    {
        lb_json_writer json = cli_json_begin();
        lb_json_open(&json, NULL, '{');
        lb_json_put_text(&json, "run", path);
        lb_json_open(&json, "scores", '[');
        cli_json_flush(&json);
    }
    if (status == LOBASS_OK)
    {
        status = lobass_run_scores(run, format, write_piece, &output, &error);
    }
    lobass_run_close(run);
    if (ferror(stdout) != 0)
    {
        errno = output.reason;
        return cli_finish(CLI_FAILED);
    }
    if (status != LOBASS_OK)
    {
        return cli_fail(&error);
    }
    if (is_json)
    {
        fputs("]}\n", stdout);
    }
    return cli_finish(CLI_DONE);
}

int cmd_scores(const cli_call *call)
{
    lobass_table_format format = LOBASS_TABLE_JSONL;
    cli_common common = {0};
    cli_parser parser = {
        .name = "scores",
        .usage = "RUN [--format jsonl|csv]",
        .about = "Prints one line a record, in the order of the data: its status, losses, scores,\n"
                 "rank, and whether it was selected. A score that does not exist is absent.",
        .arguments = "RUN",
        .n_least = 1,
        .n_most = 1,
    };

    cli_option_add(&parser, (cli_option){.name = "format",
                                         .type = CLI_CHOICE,
                                         .target = &format,
                                         .choices = formats,
                                         .help = "lines of JSON, or a table with commas"});
    cli_options_add_common(&parser, &common, 0);
    int code = cli_parse(&parser, call->argc, call->argv);
    if (code < 0 && common.is_json && format == LOBASS_TABLE_CSV)
    {
        code = cli_wrong_usage(&parser, "scores: --json and --format csv exclude each other");
    }
    if (code < 0)
    {
        code = print_scores(parser.values[0], format, common.is_json);
    }
    cli_parser_free(&parser);
    return code;
}

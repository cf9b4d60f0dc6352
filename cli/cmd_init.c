/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass init --like CONFIG --tokenizer FILE -o DIR: a model with random weights.
 */
#include "command.h"
#include "result.h"

typedef struct init_options
{
    const char *config, *tokenizer, *output;
} init_options;

static void print_json(const init_options *options, const lobass_model_info *info)
{
    lb_json_writer json = cli_json_begin();

    lb_json_open(&json, NULL, '{');
    lb_json_put_text(&json, "output", options->output);
    lb_json_put_text(&json, "architecture", info->architecture);
    lb_json_put_count(&json, "parameters", info->n_parameters);
    lb_json_put_text(&json, "fingerprint", info->fingerprint);
    cli_json_print(&json);
}

static int init(const init_options *options, const cli_common *common)
{
    char number[CLI_NUMBER_SIZE];
    lobass_model_info info = {0};
    lobass_error error = {0};

    if (lobass_init(options->config, options->tokenizer, options->output, common->seed,
                    common->is_overwriting, &error) != LOBASS_OK ||
        lobass_model_describe(options->output, &info, &error) != LOBASS_OK)
    {
        return cli_fail(&error);
    }
    if (common->is_json)
    {
        print_json(options, &info);
    }
    else
    {
        printf("made         %s, %s parameters\n", info.architecture,
               cli_number(number, info.n_parameters));
        cli_field_print("written", options->output);
    }
    return cli_finish(CLI_DONE);
}

int cmd_init(const cli_call *call)
{
    init_options options = {0};
    cli_common common = {.seed = lobass_train_options_default().seed};
    cli_parser parser = {
        .name = "init",
        .usage = "--like CONFIG --tokenizer FILE -o DIR",
        .about = "Writes the Hugging Face folder DIR: a model of the shapes in the file CONFIG\n"
                 "with random weights, to be pretrained with lobass train on records of text.",
        .arguments = "no argument",
        .n_most = 0,
    };
    const cli_option rows[] = {
        {.name = "like",
         .type = CLI_TEXT,
         .target = &options.config,
         .value = "CONFIG",
         .help = "a config.json, or a folder that holds one",
         .is_required = true},
        {.name = "tokenizer",
         .type = CLI_TEXT,
         .target = &options.tokenizer,
         .value = "FILE",
         .help = "a tokenizer.json, or a folder that holds one",
         .is_required = true},
        {.name = "output",
         .letter = 'o',
         .type = CLI_TEXT,
         .target = &options.output,
         .value = "DIR",
         .help = "the folder to write; appears whole or not at all",
         .is_required = true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(&parser, rows[i]);
    }
    cli_options_add_common(&parser, &common, CLI_USES_OVERWRITE | CLI_USES_SEED);
    int code = cli_parse(&parser, call->argc, call->argv);
    if (code < 0)
    {
        code = init(&options, &common);
    }
    cli_parser_free(&parser);
    return code;
}

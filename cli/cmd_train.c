/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass train MODEL DATA... | RUN -o DIR: fine-tunes a model. A folder as the second argument is
 * a run, whose selectable rows are trained on as they were frozen; anything else is data.
 */
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "command.h"
#include "progress.h"
#include "result.h"

#define STEPS_MOST 1000000000

static void print_result(const void *given, const void *made)
{
    const lobass_train_options *options = given;
    const lobass_train_result *result = made;
    char number[CLI_NUMBER_SIZE];
    char steps[CLI_NUMBER_SIZE];
    char seconds[CLI_NUMBER_SIZE];

    printf("trained      on %s rows, %s steps, %s\n", cli_number(number, result->n_rows),
           cli_number(steps, result->n_steps), cli_duration(seconds, result->elapsed_seconds));
    printf("loss         %.4f at the first step, %.4f at the last (nats per scored token)\n",
           result->first_loss, result->last_loss);
    if (isfinite(result->held_out_loss))
    {
        printf("held out     %.4f nats per scored token", result->held_out_loss);
        if (isfinite(result->held_out_bits_per_byte))
        {
            printf(", %.4f bits per byte", result->held_out_bits_per_byte);
        }
        printf("\n");
    }
    cli_field_print("written", options->output);
}

static void print_json(const void *given, const void *made)
{
    const lobass_train_options *options = given;
    const lobass_train_result *result = made;
    lb_json_writer json = cli_json_begin();

    lb_json_open(&json, NULL, '{');
    lb_json_put_text(&json, "model", options->model);
    lb_json_put_text(&json, "run", options->run);
    lb_json_put_text(&json, "output", options->output);
    lb_json_put_count(&json, "rows", result->n_rows);
    lb_json_put_count(&json, "steps", result->n_steps);
    lb_json_put_count(&json, "tokens", result->n_tokens);
    lb_json_put_count(&json, "tokens_scored", result->n_scored_tokens);
    lb_json_put_real(&json, "first_loss", result->first_loss);
    lb_json_put_real(&json, "last_loss", result->last_loss);
    lb_json_put_real(&json, "held_out_loss", result->held_out_loss);
    lb_json_put_real(&json, "held_out_bits_per_byte", result->held_out_bits_per_byte);
    cli_recipe_json(&json, options);
    lb_json_open(&json, "elapsed_seconds", '{');
    lb_json_put_real(&json, "train", result->elapsed_seconds);
    lb_json_close(&json);
    cli_json_print(&json);
}

static lobass_status call_library(const void *options, const lobass_observer *observer,
                                  void *result, lobass_error *error)
{
    return lobass_train(options, observer, result, error);
}

static int train(const lobass_train_options *options, const cli_common *common)
{
    lobass_train_result result = {0};
    const cli_task task = {.call = call_library,
                           .print = print_result,
                           .print_json = print_json,
                           .goes_on_overwriting = true};

    return cli_task_run(&task, options, &result, common);
}

/* Any other folder is one of data files. -1: go on. */
static int look_for_run(bool *is_run, const char *path)
{
    lobass_error error = {0};
    char *store = lb_path_join(path, "run.db", &error);
    if (store == NULL)
    {
        return cli_fail(&error);
    }
    *is_run = lb_path_look(store) == LB_PATH_FILE;
    free(store);
    return -1;
}

/* A run's rows are frozen: what would make other rows of the records is a mistake. */
static int check_run(const cli_parser *parser)
{
    static const char *const names[] = {"template",        "max-length", "eos",    "boundary",
                                        "turns",           "scored",     "strict", "fields",
                                        "mark-duplicates", "spans",      "date",   "template-var"};

    if (parser->n_values > 2)
    {
        return cli_wrong_usage(parser, "train: unexpected argument '%s' after the run %s",
                               parser->values[2], parser->values[1]);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    {
        if (cli_option_is_given(parser, names[i]))
        {
            return cli_wrong_usage(parser,
                                   "option --%s is for data files; the rows of a run are "
                                   "as they were prepared",
                                   names[i]);
        }
    }
    return -1;
}

static int take_arguments(lobass_train_options *options, cli_parser *parser)
{
    bool is_run = false;
    options->model = parser->values[0];
    int code = look_for_run(&is_run, parser->values[1]);
    if (code >= 0 || is_run)
    {
        options->run = parser->values[1];
        return code >= 0 ? code : check_run(parser);
    }
    code = cli_data_take(parser);
    options->data = parser->values + 1;
    options->n_data = parser->n_values - 1;
    return code;
}

/* Beside what lobass run trains its reference with. */
static void add_options(cli_parser *parser, lobass_train_options *options, cli_texts *held_out)
{
    const cli_option rows[] = {
        {.name = "output",
         .letter = 'o',
         .type = CLI_TEXT,
         .target = &options->output,
         .value = "DIR",
         .help = "the folder to write; appears whole or not at all",
         .is_required = true},
        {.name = "steps",
         .type = CLI_UINT64,
         .target = &options->n_steps,
         .value = "N",
         .help = "optimiser steps altogether, whatever --epochs says",
         .fallback = "as many as the epochs have",
         .least = 1,
         .most = STEPS_MOST},
        {.name = "held-out",
         .type = CLI_TEXTS,
         .target = held_out,
         .value = "FILE",
         .help = "data that is not trained on; its loss, in nats per token and bits per byte, goes "
                 "into the log; may be given several times",
         .fallback = "none"},
        {.name = "evaluate-every",
         .type = CLI_UINT32,
         .target = &options->evaluate_every,
         .value = "N",
         .help = "steps from one look at the held-out data to the next",
         .fallback = "a twentieth of all",
         .least = 1,
         .most = UINT32_MAX},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
}

int cmd_train(const cli_call *call)
{
    cli_texts held_out = {0};
    lobass_train_options options = lobass_train_options_default();
    cli_common common = {
        .n_threads = options.n_threads, .dtype = options.dtype, .seed = options.seed};
    cli_parser parser = {
        .name = "train",
        .usage = "MODEL RUN -o DIR\nMODEL DATA... -o DIR",
        .about = "Fine-tunes MODEL on all selectable rows of the run in the folder RUN, or on\n"
                 "data files, and writes the Hugging Face folder DIR; with --lora-rank a PEFT\n"
                 "adapter. AdamW on the loss of the scored tokens. Started again, it goes on\n"
                 "from its last checkpoint. Plain text (.txt) and records of {\"text\"} pretrain:\n"
                 "every token counts, and what is longer than --max-length is cut in windows.",
        .arguments = "MODEL and DATA or RUN",
        .n_least = 2,
        .n_most = SIZE_MAX,
    };

    add_options(&parser, &options, &held_out);
    cli_options_add_training(&parser, &options);
    cli_options_add_format(&parser, &options.format);
    cli_option_add_scored(&parser, &options.format);
    cli_options_add_common(&parser, &common,
                           CLI_USES_OVERWRITE | CLI_USES_THREADS | CLI_USES_DTYPE | CLI_USES_SEED |
                               CLI_USES_PROGRESS);
    int code = cli_parse(&parser, call->argc, call->argv);
    if (code < 0)
    {
        code = cli_training_check(&parser, &options);
    }
    if (code < 0)
    {
        code = take_arguments(&options, &parser);
    }
    if (code < 0 && held_out.count == 0 && cli_option_is_given(&parser, "evaluate-every"))
    {
        code = cli_wrong_usage(&parser, "option --evaluate-every needs --held-out");
    }
    if (code < 0)
    {
        options.held_out = held_out.values;
        options.n_held_out = held_out.count;
        options.dtype = common.dtype;
        options.n_threads = common.n_threads;
        options.seed = common.seed;
        options.overwrite = common.is_overwriting;
        code = train(&options, &common);
    }
    cli_parser_free(&parser);
    return code;
}

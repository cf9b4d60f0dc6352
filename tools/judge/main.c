/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass judge A B --url URL --model NAME -o FOLDER: which of two models wrote the better answers,
 * in the eyes of a third. Its key comes from the environment, where no list of processes, history
 * or log shows it.
 */
#include <math.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "judge.h"

#define KEY_VARIABLE "LOBASS_JUDGE_KEY"
#define PARALLEL_MOST 256
#define RETRIES_MOST 100
#define PER_MINUTE_MOST 1000000
#define SECONDS_LEAST 1e-3
#define SECONDS_MOST 86400

/* ---- the result ----------------------------------------------------------------------------- */

static void print_verdicts(const lb_verdicts *of)
{
    const uint64_t counts[] = {of->n_pairs, of->n_wins, of->n_ties, of->n_losses};
    char number[CLI_NUMBER_SIZE];

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    {
        printf("%10s", cli_number(number, counts[i]));
    }
    if (isfinite(of->win_rate))
    {
        printf("%9.2f%% %7.2f%% - %6.2f%% %10.4g", 100 * of->win_rate, 100 * of->low,
               100 * of->high, of->p);
    }
    else
    {
        printf("%10s %19s %10s", "-", "-", "-");
    }
    printf("  ");
    cli_print_text(stdout, of->name);
    putchar('\n');
}

static void print_count(const char *what, uint64_t count)
{
    char number[CLI_NUMBER_SIZE];

    if (count > 0)
    {
        printf("%10s  %s\n", cli_number(number, count), what);
    }
}

static void print_result(const void *given, const void *made)
{
    const lb_judge_options *options = given;
    const lb_judge_result *result = made;
    const lb_verdicts *total = &result->total;
    char number[CLI_NUMBER_SIZE];
    char duration[CLI_NUMBER_SIZE];

    cli_field_print("first", options->first);
    cli_field_print("second", options->second);
    cli_field_print("judge", options->model);
    printf("\n%10s%10s%10s%10s%10s %19s %10s\n", "pairs", "wins", "ties", "losses", "win rate",
           "95 % interval", "p");
    for (size_t i = 0; i < result->n_sources; i++)
    {
        print_verdicts(&result->sources[i]);
    }
    print_verdicts(total);
    puts("\nOf the first model; win rate: a tie is half a win. p: the sign test of wins and "
         "losses.");
    print_count("pairs without a verdict that can be read", total->n_unreadable);
    print_count("pairs failed: the same command asks them again", total->n_failed);
    print_count("pairs of which a model wrote nothing", total->n_without_text);
    print_count("answers prefer what is shown first", total->n_for_shown_first);
    print_count("answers prefer what is shown second", total->n_for_shown_second);
    printf("%10s  questions asked now, %s\n", cli_number(number, result->n_asked),
           cli_duration(duration, result->elapsed_seconds));
}

static void print_json(const void *given, const void *made)
{
    const lb_judge_result *result = made;

    (void)given;
    puts(result->summary);
}

static lobass_status call_library(const void *options, const lobass_observer *observer,
                                  void *result, lobass_error *error)
{
    return lb_judge_run(options, observer, result, error);
}

/* ---- the command ---------------------------------------------------------------------------- */

static void add_options(cli_parser *parser, lb_judge_options *options)
{
    const cli_option rows[] = {
        {.name = "url",
         .type = CLI_TEXT,
         .target = &options->url,
         .value = "URL",
         .help = "the endpoint: questions go to URL/chat/completions",
         .is_required = true},
        {.name = "model",
         .type = CLI_TEXT,
         .target = &options->model,
         .value = "NAME",
         .help = "the judge, as the endpoint calls it",
         .is_required = true},
        {.name = "output",
         .letter = 'o',
         .type = CLI_TEXT,
         .target = &options->output,
         .value = "FOLDER",
         .help = "the folder for answers.jsonl and summary.json",
         .is_required = true},
        {.name = "instructions",
         .type = CLI_TEXT,
         .target = &options->instructions,
         .value = "FILE",
         .help = "what to tell the judge; it must ask for [[A]], [[B]] or [[C]]",
         .fallback = "those of docs/CLI.md"},
        {.name = "parallel",
         .type = CLI_UINT32,
         .target = &options->n_parallel,
         .value = "N",
         .help = "requests at once",
         .least = 1,
         .most = PARALLEL_MOST},
        {.name = "per-minute",
         .type = CLI_UINT32,
         .target = &options->per_minute,
         .value = "N",
         .help = "requests a minute at most; 0: any number",
         .most = PER_MINUTE_MOST},
        {.name = "timeout",
         .type = CLI_REAL,
         .target = &options->timeout_seconds,
         .value = "SECONDS",
         .help = "for one request",
         .lowest = SECONDS_LEAST,
         .highest = SECONDS_MOST},
        {.name = "retries",
         .type = CLI_UINT32,
         .target = &options->n_retries,
         .value = "N",
         .help = "of a question, before it counts as failed or unreadable",
         .most = RETRIES_MOST},
        {.name = "backoff",
         .type = CLI_REAL,
         .target = &options->backoff_seconds,
         .value = "SECONDS",
         .help = "to wait before the first retry; twice as long before each next one, up to a "
                 "minute, a part of it by chance",
         .highest = SECONDS_MOST},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
}

static int judge(lb_judge_options *options, const cli_parser *parser, const cli_common *common)
{
    const cli_task task = {.call = call_library, .print = print_result, .print_json = print_json};
    const char *key = getenv(KEY_VARIABLE);
    lb_judge_result result = {0};

    options->first = parser->values[0];
    options->second = parser->values[1];
    options->key = key != NULL && key[0] != '\0' ? key : NULL;
    options->seed = common->seed;
    options->overwrite = common->is_overwriting;
    const int code = cli_task_run(&task, options, &result, common);
    lb_judge_result_free(&result);
    return code;
}

static int command_judge(const cli_call *call)
{
    lb_judge_options options = lb_judge_options_default();
    cli_common common = {.seed = options.seed};
    cli_parser parser = {
        .name = "judge",
        .usage = "A.jsonl B.jsonl --url URL --model NAME -o FOLDER",
        .about =
            "Asks a judge, a model behind an OpenAI-compatible endpoint, which of two models\n"
            "wrote the better answers, and prints wins, ties and losses of the first. A.jsonl\n"
            "and B.jsonl are what lobass generate --jsonl wrote for the same prompts. Each\n"
            "pair is asked in both orders. Stopped or failed, the same command goes on and\n"
            "asks no answered question again. The endpoint's key is read from the environment\n"
            "variable LOBASS_JUDGE_KEY.",
        .arguments = "two files",
        .n_least = 2,
        .n_most = 2,
    };

    add_options(&parser, &options);
    cli_options_add_common(&parser, &common,
                           CLI_USES_OVERWRITE | CLI_USES_SEED | CLI_USES_PROGRESS);
    int code = cli_parse(&parser, call->argc, call->argv);
    code = code < 0 ? judge(&options, &parser, &common) : code;
    cli_parser_free(&parser);
    return code;
}

int main(int argc, char **argv)
{
    return cli_program_run("judge", command_judge, argc, argv);
}

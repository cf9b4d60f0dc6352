/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass evaluate MODEL DATA...: the loss of held-out data under a model, file by file, and how
 * many of its answers the model gives itself.
 */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "progress.h"
#include "result.h"

#define TOKENS_MOST 1048576

typedef struct evaluate_options
{
    lobass_evaluate_options loss;
    lobass_exact_match_options answers;
    bool has_answers; /* are asked for */
} evaluate_options;

typedef struct evaluate_result
{
    lobass_evaluate_result loss;
    lobass_exact_match_result answers;
} evaluate_result;

/* ---- for people ----------------------------------------------------------------------------- */

static void print_line(const lobass_evaluation *of)
{
    char rows[CLI_NUMBER_SIZE];
    char tokens[CLI_NUMBER_SIZE];
    const double loss = lobass_evaluation_loss(of);
    const double bits = lobass_evaluation_bits_per_byte(of);

    printf("%-28s %10s %12s", of->name, cli_number(rows, of->n_rows),
           cli_number(tokens, of->n_scored_tokens));
    if (isfinite(loss))
    {
        printf(" %10.4f", loss);
    }
    if (isfinite(loss) && isfinite(bits))
    {
        printf(" %10.4f", bits);
    }
    printf("\n");
}

static void print_loss(const lobass_evaluate_result *result)
{
    printf("%-28s %10s %12s %10s %10s\n", "data", "rows", "tokens", "loss", "bits/byte");
    for (size_t i = 0; i < result->n_sources; i++)
    {
        print_line(&result->sources[i]);
    }
    if (result->n_sources > 1)
    {
        print_line(&result->total);
    }
    printf("\nloss: nats per scored token\n");
    cli_statuses_print(result->statuses, result->n_records);
}

static void print_accuracy(const lobass_accuracy *of)
{
    char answers[CLI_NUMBER_SIZE];
    char correct[CLI_NUMBER_SIZE];

    printf("%-28s %10s %10s", of->name, cli_number(answers, of->n_answers),
           cli_number(correct, of->n_correct));
    if (of->n_answers > 0)
    {
        printf(" %9.2f%% %7.2f%% - %.2f%%", 100 * of->share, 100 * of->low, 100 * of->high);
    }
    printf("\n");
}

static void print_answers(const lobass_exact_match_result *result)
{
    char number[CLI_NUMBER_SIZE];
    const lobass_accuracy *total = &result->total;

    printf("\n%-28s %10s %10s %10s   %s\n", "exact match", "answers", "correct", "accuracy",
           "95 % interval");
    for (size_t i = 0; i < result->n_sources; i++)
    {
        print_accuracy(&result->sources[i]);
    }
    if (result->n_sources > 1)
    {
        print_accuracy(total);
    }
    printf("\n%s of the model's texts have no answer, and are not correct\n",
           cli_number(number, total->n_unanswered));
    printf("%s records have no answer to compare with, and were not asked\n",
           cli_number(number, total->n_records - total->n_answers));
}

static void print_result(const void *given, const void *made)
{
    const evaluate_options *options = given;
    const evaluate_result *result = made;

    print_loss(&result->loss);
    if (options->has_answers)
    {
        print_answers(&result->answers);
    }
}

/* ---- for programs --------------------------------------------------------------------------- */

static void put_evaluation(lb_json_writer *json, const lobass_evaluation *of)
{
    lb_json_put_count(json, "rows", of->n_rows);
    lb_json_put_count(json, "tokens_scored", of->n_scored_tokens);
    lb_json_put_count(json, "bytes", of->n_bytes);
    lb_json_put_real(json, "sum_nll", of->sum_nll);
    lb_json_put_real(json, "loss", lobass_evaluation_loss(of));
    lb_json_put_real(json, "bits_per_byte", lobass_evaluation_bits_per_byte(of));
}

static void put_accuracy(lb_json_writer *json, const lobass_accuracy *of)
{
    lb_json_open(json, "exact_match", '{');
    lb_json_put_count(json, "records", of->n_records);
    lb_json_put_count(json, "n_answers", of->n_answers);
    lb_json_put_count(json, "n_correct", of->n_correct);
    lb_json_put_count(json, "n_unanswered", of->n_unanswered);
    lb_json_put_real(json, "accuracy", of->share);
    lb_json_put_real(json, "low", of->low);
    lb_json_put_real(json, "high", of->high);
    lb_json_close(json);
}

static void print_json(const void *given, const void *made)
{
    const evaluate_options *options = given;
    const evaluate_result *result = made;
    const lobass_evaluate_result *loss = &result->loss;
    lb_json_writer json = cli_json_begin();

    lb_json_open(&json, NULL, '{');
    lb_json_put_text(&json, "model", options->loss.model);
    lb_json_put_text(&json, "adapter", options->loss.adapter);
    cli_statuses_json(&json, loss->statuses, loss->n_records);
    put_evaluation(&json, &loss->total);
    if (options->has_answers)
    {
        put_accuracy(&json, &result->answers.total);
    }
    lb_json_open(&json, "sources", '{');
    for (size_t i = 0; i < loss->n_sources; i++)
    {
        lb_json_open(&json, loss->sources[i].name, '{');
        put_evaluation(&json, &loss->sources[i]);
        if (options->has_answers)
        {
            put_accuracy(&json, &result->answers.sources[i]);
        }
        lb_json_close(&json);
    }
    lb_json_close(&json);
    lb_json_open(&json, "elapsed_seconds", '{');
    lb_json_put_real(&json, "evaluate", loss->elapsed_seconds);
    if (options->has_answers)
    {
        lb_json_put_real(&json, "exact_match", result->answers.elapsed_seconds);
    }
    lb_json_close(&json);
    cli_json_print(&json);
}

/* ---- the command ---------------------------------------------------------------------------- */

/* The loss comes first: it takes less time, and finds what is wrong with the data. */
static lobass_status call_library(const void *given, const lobass_observer *observer, void *made,
                                  lobass_error *error)
{
    const evaluate_options *options = given;
    evaluate_result *result = made;
    const lobass_status status = lobass_evaluate(&options->loss, observer, &result->loss, error);

    return status != LOBASS_OK || !options->has_answers
               ? status
               : lobass_exact_match(&options->answers, observer, &result->answers, error);
}

static void add_options(cli_parser *parser, evaluate_options *options)
{
    const cli_option adapter = {.name = "adapter",
                                .type = CLI_TEXT,
                                .target = &options->loss.adapter,
                                .value = "DIR",
                                .help = "a PEFT adapter (LoRA) to apply on top of MODEL",
                                .fallback = "none"};
    const cli_option rows[] = {
        {.name = "exact-match",
         .type = CLI_FLAG,
         .target = &options->has_answers,
         .help = "also let the model answer, greedily, and count where the number behind the last "
                 "#### is that of the record's own response"},
        {.name = "predictions",
         .type = CLI_TEXT,
         .target = &options->answers.predictions,
         .value = "FILE",
         .help = "with --exact-match: write a line of JSON a record, with both answers and the "
                 "model's text",
         .fallback = "none"},
        {.name = "max-tokens",
         .type = CLI_UINT32,
         .target = &options->answers.max_tokens,
         .value = "N",
         .help = "with --exact-match: tokens of an answer at most; 0: as many as the model has "
                 "positions for",
         .most = TOKENS_MOST},
    };

    cli_option_add(parser, adapter);
    cli_options_add_format(parser, &options->loss.format);
    cli_option_add_scored(parser, &options->loss.format);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
}

/* -1: go on. */
static int check_usage(const cli_parser *parser, const evaluate_options *options,
                       const cli_common *common)
{
    static const char *const of_answers[] = {"predictions", "max-tokens"};

    for (size_t i = 0; !options->has_answers && i < sizeof of_answers / sizeof *of_answers; i++)
    {
        if (cli_option_is_given(parser, of_answers[i]))
        {
            return cli_wrong_usage(parser, "option --%s needs --exact-match", of_answers[i]);
        }
    }
    for (size_t i = 1; options->has_answers && i < parser->n_values; i++)
    {
        if (strcmp(parser->values[i], "-") == 0)
        {
            return cli_wrong_usage(parser, "--exact-match reads the data twice: expected files, "
                                           "found standard input");
        }
    }
    const char *file = options->answers.predictions;
    if (file != NULL && !common->is_overwriting && access(file, F_OK) == 0)
    {
        cli_message("%s: exists already; -f replaces it", file);
        return cli_finish(CLI_FAILED);
    }
    return -1;
}

static int evaluate(evaluate_options *options, const cli_parser *parser, const cli_common *common)
{
    const cli_task task = {.call = call_library,
                           .print = print_result,
                           .print_json = print_json,
                           .keeps_nothing = true};
    evaluate_result result = {0};
    lobass_evaluate_options *loss = &options->loss;
    lobass_exact_match_options *answers = &options->answers;

    loss->model = answers->model = parser->values[0];
    loss->data = answers->data = parser->values + 1;
    loss->n_data = answers->n_data = parser->n_values - 1;
    loss->dtype = answers->dtype = common->dtype;
    loss->n_threads = answers->n_threads = common->n_threads;
    answers->adapter = loss->adapter;
    answers->template_name = loss->format.template_name;
    answers->fields = loss->format.fields;
    answers->template_variables = loss->format.template_variables;
    answers->n_template_variables = loss->format.n_template_variables;
    answers->template_date = loss->format.template_date;
    answers->overwrite = common->is_overwriting;
    const int code = cli_task_run(&task, options, &result, common);
    lobass_evaluate_result_free(&result.loss);
    lobass_exact_match_result_free(&result.answers);
    return code;
}

int cmd_evaluate(const cli_call *call)
{
    evaluate_options options = {.loss = lobass_evaluate_options_default(),
                                .answers = lobass_exact_match_options_default()};
    cli_common common = {.n_threads = options.loss.n_threads, .dtype = options.loss.dtype};
    cli_parser parser = {
        .name = "evaluate",
        .usage = "MODEL DATA...",
        .about = "Prints the loss of data under MODEL, file by file: nats per scored token, and\n"
                 "bits per byte of the scored text, which can be compared between tokenizers.\n"
                 "Plain text (.txt) and records of {\"text\"} are scored whole, in windows of\n"
                 "--max-length tokens. With --exact-match also how many of the answers that stand\n"
                 "behind #### in the records the model finds itself.",
        .arguments = "MODEL and DATA",
        .n_least = 2,
        .n_most = SIZE_MAX,
    };

    add_options(&parser, &options);
    cli_options_add_common(&parser, &common,
                           CLI_USES_OVERWRITE | CLI_USES_THREADS | CLI_USES_DTYPE |
                               CLI_USES_PROGRESS);
    int code = cli_parse(&parser, call->argc, call->argv);
    code = code < 0 ? check_usage(&parser, &options, &common) : code;
    code = code < 0 ? cli_data_take(&parser) : code;
    code = code < 0 ? evaluate(&options, &parser, &common) : code;
    cli_parser_free(&parser);
    return code;
}

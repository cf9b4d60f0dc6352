/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass select RUN -k AMOUNT,...: chooses rows by a score and writes their records' own bytes, a
 * selection for each amount.
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "progress.h"
#include "result.h"

#define AMOUNT_PLACE "{k}" /* in the name of the output: the amount as it was given */

typedef struct selecting
{
    lobass_select_options options; /* amount and output aside */
    cli_amounts amounts;
} selecting;

/* A selection for each amount, and how many tokens of the run are scored: their own results count
 * only what they took. */
typedef struct selected
{
    lobass_select_result results[CLI_AMOUNTS_MOST];
    uint64_t n_scored;
} selected;

/* ---- formats -------------------------------------------------------------------------------- */

static const char *format_name(size_t index)
{
    const lobass_record_format *format = lobass_record_format_at(index);

    return format != NULL ? format->name : NULL;
}

static bool format_entry(size_t index, const char **name, const char **text)
{
    static char entry[512];
    const lobass_record_format *format = lobass_record_format_at(index);

    if (format != NULL)
    {
        snprintf(entry, sizeof entry, "%s. Learned: %s", format->schema, format->learned);
        *name = format->name;
        *text = entry;
    }
    return format != NULL;
}

/* ---- the calls ------------------------------------------------------------------------------ */

/* TEXT with each AMOUNT_PLACE replaced by AMOUNT; yours: free(). NULL when out of memory. */
static char *name_fill(const char *text, const char *amount)
{
    size_t size = 1;

    for (const char *rest = text; *rest != '\0'; rest++)
    {
        size += *rest == '{' ? strlen(amount) + 1 : 1;
    }
    char *name = malloc(size);
    size_t used = 0;
    while (name != NULL && *text != '\0')
    {
        const bool is_place = strncmp(text, AMOUNT_PLACE, strlen(AMOUNT_PLACE)) == 0;
        const size_t n = is_place ? strlen(amount) : 1;
        memcpy(name + used, is_place ? amount : text, n);
        used += n;
        text += is_place ? strlen(AMOUNT_PLACE) : 1;
    }
    if (name != NULL)
    {
        name[used] = '\0';
    }
    return name;
}

static lobass_status select_one(const selecting *given, size_t i, const lobass_observer *observer,
                                lobass_select_result *result, lobass_error *error)
{
    lobass_select_options options = given->options;
    char *name = NULL;

    options.spec.amount = given->amounts.values[i];
    if (options.output != NULL)
    {
        name = name_fill(options.output, given->amounts.texts[i]);
        if (name == NULL)
        {
            snprintf(error->message, sizeof error->message, "out of memory");
            return error->status = LOBASS_OUT_OF_MEMORY;
        }
        options.output = name;
    }
    const lobass_status status = lobass_select(&options, observer, result, error);
    free(name);
    return status;
}

static lobass_status call_library(const void *given, const lobass_observer *observer, void *made,
                                  lobass_error *error)
{
    const selecting *wanted = given;
    selected *result = made;
    lobass_run *run = NULL;
    lobass_run_info info = {0};
    lobass_status status = LOBASS_OK;

    for (size_t i = 0; i < wanted->amounts.count && status == LOBASS_OK; i++)
    {
        status = select_one(wanted, i, observer, &result->results[i], error);
    }
    if (status == LOBASS_OK)
    {
        status = lobass_run_open(&run, wanted->options.run, error);
    }
    if (status == LOBASS_OK)
    {
        status = lobass_run_describe(run, &info, error);
    }
    result->n_scored = info.n_scored_tokens;
    lobass_run_close(run);
    return status;
}

/* ---- the result ----------------------------------------------------------------------------- */

static void print_result(const void *given, const void *made)
{
    const selecting *wanted = given;
    const lobass_select_result *results = ((const selected *)made)->results;

    cli_statuses_print(results[0].statuses, results[0].n_records);
    for (size_t i = 0; i < wanted->amounts.count; i++)
    {
        putchar('\n');
        cli_selection_print(&wanted->options, &results[i]);
    }
}

static void print_selections(lb_json_writer *json, const selecting *wanted,
                             const lobass_select_result *results)
{
    lb_json_open(json, "selections", '[');
    for (size_t i = 0; i < wanted->amounts.count; i++)
    {
        lb_json_open(json, NULL, '{');
        lb_json_put_text(json, "amount", wanted->amounts.texts[i]);
        cli_sources_json(json, &results[i]);
        cli_selection_json(json, &wanted->options, &results[i]);
        lb_json_close(json);
    }
    lb_json_close(json);
}

static void print_json(const void *given, const void *made)
{
    const selecting *wanted = given;
    const lobass_select_result *results = ((const selected *)made)->results;
    const bool has_several = wanted->amounts.count > 1;
    double seconds = 0;
    lb_json_writer json = cli_json_begin();

    lb_json_open(&json, NULL, '{');
    lb_json_put_text(&json, "run", wanted->options.run);
    if (!has_several)
    {
        cli_sources_json(&json, &results[0]);
    }
    cli_statuses_json(&json, results[0].statuses, results[0].n_records);
    lb_json_put_count(&json, "tokens_scored", ((const selected *)made)->n_scored);
    if (!has_several)
    {
        cli_selection_json(&json, &wanted->options, &results[0]);
    }
    else
    {
        print_selections(&json, wanted, results);
    }
    for (size_t i = 0; i < wanted->amounts.count; i++)
    {
        seconds += results[i].elapsed_seconds;
    }
    lb_json_open(&json, "elapsed_seconds", '{');
    lb_json_put_real(&json, "select", seconds);
    lb_json_close(&json);
    cli_json_print(&json);
}

/* ---- the command ---------------------------------------------------------------------------- */

static int choose(const selecting *wanted, const cli_common *common)
{
    selected *result = calloc(1, sizeof *result);
    const cli_task task = {.call = call_library, .print = print_result, .print_json = print_json};

    if (result == NULL)
    {
        cli_message("out of memory");
        return CLI_FAILED;
    }
    const int code = cli_task_run(&task, wanted, result, common);
    for (size_t i = 0; i < CLI_AMOUNTS_MOST; i++)
    {
        lobass_select_result_clear(&result->results[i]);
    }
    free(result);
    return code;
}

static int check_output(const cli_parser *parser, const selecting *wanted)
{
    const char *output = wanted->options.output;

    if (output != NULL && strcmp(output, "-") == 0)
    {
        return cli_wrong_usage(parser, "option --output: expected a file's name, found '-'; the "
                                       "result is printed to standard output");
    }
    if (wanted->options.has_tokens &&
        (wanted->options.format == NULL || strcmp(wanted->options.format, "trl") != 0))
    {
        return cli_wrong_usage(parser, "option --tokens needs --format trl");
    }
    if (wanted->amounts.count > 1 && (output == NULL || strstr(output, AMOUNT_PLACE) == NULL))
    {
        return cli_wrong_usage(parser,
                               "several amounts need a file each: expected -o with " AMOUNT_PLACE
                               " in the name, found %s",
                               output == NULL ? "none" : output);
    }
    return -1;
}

static void add_options(cli_parser *parser, cli_selection *selection, selecting *wanted,
                        cli_common *common)
{
    cli_options_add_selection(parser, selection);
    const cli_option format[] = {
        {.name = "format",
         .type = CLI_NAME,
         .target = &wanted->options.format,
         .name_at = format_name,
         .help = "the schema to write; below is what trainers learn from each",
         .fallback = "records"},
        {.name = "tokens",
         .type = CLI_FLAG,
         .target = &wanted->options.has_tokens,
         .help = "with --format trl: input_ids and labels, the tokens and the mask that were "
                 "measured"},
    };
    for (size_t i = 0; i < sizeof format / sizeof format[0]; i++)
    {
        cli_option_add(parser, format[i]);
    }
    cli_option_add(parser, (cli_option){.name = "output",
                                        .letter = 'o',
                                        .type = CLI_TEXT,
                                        .target = &wanted->options.output,
                                        .value = "FILE",
                                        .help = "where the records go, scores and manifest "
                                                "beside them; .json makes an array, .parquet "
                                                "columns; " AMOUNT_PLACE " stands for the amount",
                                        .fallback = "RUN/selected.jsonl"});
    cli_options_add_common(parser, common, CLI_USES_OVERWRITE | CLI_USES_SEED | CLI_USES_PROGRESS);
}

int cmd_select(const cli_call *call)
{
    selecting wanted = {.options = lobass_select_options_default()};
    cli_selection selection = {.spec = &wanted.options.spec, .amounts = &wanted.amounts};
    cli_common common = {.seed = wanted.options.spec.seed};
    cli_parser parser = {
        .name = "select",
        .usage = "RUN -k AMOUNT [-o FILE]\nRUN --source NAME:AMOUNT... [-k AMOUNT] [-o FILE]\n"
                 "RUN -k AMOUNT,... -o 'NAME-" AMOUNT_PLACE ".jsonl'\nRUN --spec FILE [-o FILE]",
        .about = "Chooses rows of a measured run by a score and writes their records, byte for\n"
                 "byte or in another schema; beside them all scores and a manifest to make the\n"
                 "selection again. Several amounts make a selection each; a larger one holds the\n"
                 "smaller ones.",
        .entry_at = format_entry,
        .entries = "Formats",
        .arguments = "RUN",
        .n_least = 1,
        .n_most = 1,
    };

    add_options(&parser, &selection, &wanted, &common);
    int code = cli_parse(&parser, call->argc, call->argv);
    code = code >= 0 ? code : cli_selection_check(&parser, &selection);
    code = code >= 0 ? code : check_output(&parser, &wanted);
    if (code < 0)
    {
        char *line = cli_command_line(call->whole_argc, call->whole_argv);
        wanted.options.run = parser.values[0];
        if (selection.file == NULL)
        {
            wanted.options.spec.seed = common.seed;
        }
        wanted.options.overwrite = common.is_overwriting;
        wanted.options.command = line;
        code = choose(&wanted, &common);
        free(line);
    }
    lobass_selection_spec_clear(&wanted.options.spec);
    cli_parser_free(&parser);
    return code;
}

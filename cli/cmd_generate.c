/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass generate MODEL [PROMPT]: what a model writes. A prompt's text goes to standard output as
 * it comes, character by whole character; with --jsonl records go in and lines of JSON come out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "progress.h"
#include "result.h"

#define BATCH_MOST 512
#define TOKENS_MOST 1048576
#define TEMPERATURE_MOST 1e3
#define SHARE_LEAST 1e-9

typedef struct output
{
    bool is_terminal, is_lines, is_json;
    bool has_text; /* something was printed, and no line break behind it */
    const lobass_generate_options *options;
} output;

/* ---- what comes out ------------------------------------------------------------------------- */

/* A terminal gets no control character but line breaks and tabs. */
static void print_harmless(const char *text, size_t size_bytes)
{
    size_t at = 0;

    while (at < size_bytes)
    {
        uint32_t code = 0;
        size_t size = lb_utf8_take(&code, text + at, size_bytes - at);
        size = size > 0 ? size : 1;
        if (code == '\n' || code == '\t')
        {
            putchar((int)code);
        }
        else
        {
            cli_print_visible(stdout, text + at, size);
        }
        at += size;
    }
}

static bool print_more(void *context, uint64_t row, const char *text, size_t size_bytes)
{
    output *out = context;

    (void)row;
    if (out->is_lines || out->is_json)
    {
        return true;
    }
    if (out->is_terminal)
    {
        print_harmless(text, size_bytes);
    }
    else
    {
        fwrite(text, 1, size_bytes, stdout);
    }
    out->has_text = true;
    return fflush(stdout) == 0;
}

static double mean_loss(const lobass_generation *generation)
{
    double sum = 0.0;

    for (size_t i = 0; i < generation->n_tokens; i++)
    {
        sum += (double)generation->nll[i];
    }
    return sum / (double)generation->n_tokens; /* NaN for none */
}

static void put_generation(lb_json_writer *json, const lobass_generation *generation)
{
    lb_json_put_count(json, "row", generation->row);
    lb_json_put_bytes(json, "prompt", generation->prompt, generation->prompt_size);
    if (generation->reason != NULL)
    {
        lb_json_put_text(json, "error", generation->reason);
        return;
    }
    lb_json_put_bytes(json, "text", generation->text, generation->text_size);
    lb_json_put_count(json, "prompt_tokens", generation->n_prompt_tokens);
    lb_json_put_count(json, "tokens", generation->n_tokens);
    lb_json_put_real(json, "loss", mean_loss(generation));
    lb_json_put_text(json, "stopped", lobass_stop_name(generation->stop));
}

static bool print_done(void *context, const lobass_generation *generation)
{
    output *out = context;
    lb_json_writer json = cli_json_begin();

    if (!out->is_lines && !out->is_json)
    {
        putchar('\n');
        out->has_text = false;
        return fflush(stdout) == 0;
    }
    lb_json_open(&json, NULL, '{');
    if (out->is_json)
    {
        lb_json_put_text(&json, "model", out->options->model);
        lb_json_put_text(&json, "adapter", out->options->adapter);
    }
    put_generation(&json, generation);
    cli_json_print(&json);
    return ferror(stdout) == 0;
}

/* ---- the call ------------------------------------------------------------------------------- */

static int fail(cli_progress *progress, output *out, const lobass_error *error)
{
    cli_progress_end(progress);
    if (out->has_text)
    {
        putchar('\n');
    }
    if (error->status != LOBASS_CANCELLED)
    {
        (void)fflush(stdout);
        return cli_fail(error);
    }
    if (cli_is_interrupted())
    {
        cli_message("stopped");
        return cli_finish(CLI_INTERRUPTED);
    }
    return cli_finish(CLI_FAILED);
}

static int generate(const lobass_generate_options *options, const cli_common *common)
{
    output out = {.is_terminal = cli_is_terminal(stdout),
                  .is_lines = options->n_data > 0,
                  .is_json = common->is_json,
                  .options = options};
    const lobass_generate_sink sink = {.context = &out, .more = print_more, .done = print_done};
    cli_common shown = *common;
    cli_progress progress;
    lobass_generate_result result = {0};
    lobass_error error = {0};

    shown.is_quiet = shown.is_quiet || !out.is_lines; /* the text is the progress */
    cli_progress_start(&progress, &shown);
    if (lobass_generate(options, &sink, &progress.observer, &result, &error) != LOBASS_OK)
    {
        return fail(&progress, &out, &error);
    }
    cli_progress_end(&progress);
    if (result.n_refused > 0 && result.n_refused == result.n_prompts)
    {
        cli_message("none of the %llu prompts could be used: see \"error\" in their lines",
                    (unsigned long long)result.n_prompts);
        return CLI_FAILED;
    }
    if (result.n_refused > 0)
    {
        cli_message("warning: %llu of %llu prompts could not be used: see \"error\" in their lines",
                    (unsigned long long)result.n_refused, (unsigned long long)result.n_prompts);
    }
    return cli_finish(CLI_DONE);
}

/* ---- the command ---------------------------------------------------------------------------- */

static void add_template_options(cli_parser *parser, lobass_generate_options *options)
{
    const cli_option rows[] = {
        {.name = "template",
         .type = CLI_TEXT,
         .target = &options->template_name,
         .value = "NAME",
         .help =
             "chat: the model's own; alpaca, alpaca-newline or plain; or a Jinja file: PROMPT is "
             "then what a user says",
         .fallback = "none for PROMPT; for records chat where the model has one, else alpaca"},
        {.name = "template-var",
         .type = CLI_LIST,
         .target = &options->template_variables,
         .count = &options->n_template_variables,
         .value = "NAME=JSON",
         .help = "a variable of the chat template; may be repeated",
         .fallback = "none"},
        {.name = "date",
         .type = CLI_TEXT,
         .target = &options->template_date,
         .value = "DAY",
         .help = "YYYY-MM-DD, for a chat template that prints a date",
         .fallback = "today, UTC"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
}

static void add_options(cli_parser *parser, lobass_generate_options *options, const char **lines)
{
    const cli_option rows[] = {
        {.name = "jsonl",
         .type = CLI_TEXT,
         .target = lines,
         .value = "FILE|-",
         .help = "records of any format in: each without its last response, as the template has "
                 "it, is a prompt; lines of JSON out",
         .fallback = "none"},
        {.name = "adapter",
         .type = CLI_TEXT,
         .target = &options->adapter,
         .value = "DIR",
         .help = "a PEFT adapter (LoRA) to apply on top of MODEL",
         .fallback = "none"},
        {.name = "max-tokens",
         .type = CLI_UINT32,
         .target = &options->max_tokens,
         .value = "N",
         .help = "tokens to write at most; 0: as many as the model has positions for",
         .most = TOKENS_MOST},
        {.name = "temperature",
         .type = CLI_REAL,
         .target = &options->temperature,
         .value = "X",
         .help = "0: always the likeliest token; above: draw by chance, 1 as the model has it",
         .highest = TEMPERATURE_MOST},
        {.name = "top-k",
         .type = CLI_UINT32,
         .target = &options->top_k,
         .value = "N",
         .help = "draw from the N likeliest tokens; 0: from all",
         .most = TOKENS_MOST},
        {.name = "top-p",
         .type = CLI_REAL,
         .target = &options->top_p,
         .value = "X",
         .help = "of these from the fewest that are likely by X together; 1: from all",
         .lowest = SHARE_LEAST,
         .highest = 1},
        {.name = "batch-size",
         .type = CLI_UINT32,
         .target = &options->batch_size,
         .value = "N",
         .help = "prompts of --jsonl side by side; the texts are the same",
         .least = 1,
         .most = BATCH_MOST},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
}

/* -1: go on. */
static int check_usage(const cli_parser *parser, const lobass_generate_options *options,
                       const char *lines, const cli_common *common)
{
    static const char *const of_chance[] = {"top-k", "top-p", "seed"};
    static const char *const of_records[] = {"template-var", "date", "fields"};

    if (lines != NULL && parser->n_values > 1)
    {
        return cli_wrong_usage(parser, "generate: PROMPT and --jsonl exclude each other");
    }
    if (lines != NULL && common->is_json)
    {
        return cli_wrong_usage(parser, "generate: --json and --jsonl exclude each other");
    }
    for (size_t i = 0; lines == NULL && options->template_name == NULL &&
                       i < sizeof of_records / sizeof *of_records;
         i++)
    {
        if (cli_option_is_given(parser, of_records[i]))
        {
            return cli_wrong_usage(parser,
                                   "option --%s is for --template and --jsonl; a PROMPT alone is "
                                   "taken as it stands",
                                   of_records[i]);
        }
    }
    for (size_t i = 0; options->temperature == 0 && i < sizeof of_chance / sizeof *of_chance; i++)
    {
        if (cli_option_is_given(parser, of_chance[i]))
        {
            return cli_wrong_usage(parser, "option --%s needs a --temperature above 0",
                                   of_chance[i]);
        }
    }
    return -1;
}

/* Finds the prompt, which may be that of standard input, in *READ then. -1: go on. */
static int find_prompt(lobass_generate_options *options, const cli_parser *parser, char **read)
{
    const char *prompt = parser->n_values > 1 ? parser->values[1] : "-";

    options->prompt = prompt;
    options->prompt_size = strlen(prompt);
    if (strcmp(prompt, "-") == 0)
    {
        *read = cli_read_all(&options->prompt_size, stdin);
        options->prompt = *read;
        if (*read == NULL)
        {
            cli_message("standard input: %s", strerror(errno));
            return CLI_FAILED;
        }
    }
    return -1;
}

static const cli_parser described = {
    .name = "generate",
    .usage = "MODEL [PROMPT|-]\nMODEL --jsonl FILE|-",
    .about = "Prints how MODEL goes on from PROMPT, or from all of standard input: the new\n"
             "text alone, until the end token, --max-tokens, or the end of the model's\n"
             "positions. PROMPT is taken as it stands, to the last byte, behind the token\n"
             "that the tokenizer puts before a text (BOS) if it has one; names of special\n"
             "tokens in it are letters like others. With --template it is what a user says.\n"
             "With --jsonl each record gives a line: row, prompt, text, prompt_tokens,\n"
             "tokens (the end token included), loss (nats a token that was written) and why\n"
             "it stopped: end, length or context.",
    .arguments = "MODEL and a PROMPT",
    .n_least = 1,
    .n_most = 2,
};

int cmd_generate(const cli_call *call)
{
    lobass_generate_options options = lobass_generate_options_default();
    const char *lines = NULL;
    char fields[LOBASS_FIELDS_SIZE] = "";
    char *read = NULL;
    cli_common common = {.n_threads = options.n_threads, .dtype = options.dtype};
    cli_parser parser = described;

    add_options(&parser, &options, &lines);
    add_template_options(&parser, &options);
    cli_option_add_fields(&parser, fields);
    options.fields = fields;
    cli_options_add_common(&parser, &common,
                           CLI_USES_THREADS | CLI_USES_DTYPE | CLI_USES_SEED | CLI_USES_PROGRESS);
    int code = cli_parse(&parser, call->argc, call->argv);
    code = code < 0 ? check_usage(&parser, &options, lines, &common) : code;
    if (code < 0 && lines == NULL)
    {
        code = find_prompt(&options, &parser, &read);
    }
    if (code < 0)
    {
        options.model = parser.values[0];
        options.data = &lines;
        options.n_data = lines != NULL;
        options.seed = common.seed;
        options.dtype = common.dtype;
        options.n_threads = common.n_threads;
        code = generate(&options, &common);
    }
    free(read);
    cli_parser_free(&parser);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass bench: how fast scoring and training of a named shape are here, and what share that is of
 * the speed of their matrix products alone.
 */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "progress.h"
#include "result.h"

#define SHAPES_MOST 16
#define SECONDS_MOST 86400
#define PACK_MOST 1048576

static const cli_choice *shape_choices(void)
{
    static cli_choice choices[SHAPES_MOST + 1];

    for (unsigned i = 0; i < SHAPES_MOST && lobass_bench_shape(i) != NULL; i++)
    {
        choices[i] = (cli_choice){lobass_bench_shape(i), i};
    }
    return choices;
}

static const cli_choice scorings[] = {{"all", false}, {"response", true}, {NULL, 0}};
static const cli_choice parts[] = {{"forward", LOBASS_BENCH_FORWARD},
                                   {"train", LOBASS_BENCH_TRAIN},
                                   {"both", LOBASS_BENCH_FORWARD | LOBASS_BENCH_TRAIN},
                                   {NULL, 0}};

/* ---- results -------------------------------------------------------------------------------- */

static const struct
{
    const char *name;
    size_t offset;
} features[] = {{"avx2", offsetof(lobass_machine, has_avx2)},
                {"avx512", offsetof(lobass_machine, has_avx512)},
                {"avx512_bf16", offsetof(lobass_machine, has_avx512_bf16)},
                {"amx_bf16", offsetof(lobass_machine, has_amx_bf16)}};
#define N_FEATURES (sizeof features / sizeof features[0])

static bool has_feature(const lobass_machine *machine, size_t index)
{
    return *(const bool *)((const char *)machine + features[index].offset);
}

static const char *dtype_name(lobass_dtype dtype)
{
    return dtype == LOBASS_DTYPE_BF16 ? "bf16" : "fp32";
}

static void print_rate(const char *name, const lobass_bench_rate *rate)
{
    if (isfinite(rate->tokens_per_second))
    {
        printf("%-8s %12.1f %14.1f %10.3f %6u   %s / %s\n", name, rate->tokens_per_second,
               rate->matmul_tokens_per_second, rate->fraction, rate->n_turns, rate->backend,
               rate->matmul_backend);
    }
    else if (rate->skipped[0] != '\0')
    {
        printf("%s\n", rate->skipped);
    }
}

static void print_result(const lobass_bench_options *options, const lobass_bench_result *result)
{
    char number[CLI_NUMBER_SIZE];
    const lobass_machine *machine = &result->machine;

    cli_field_print("cpu", machine->cpu);
    printf("%-12s", "has");
    for (size_t i = 0; i < N_FEATURES; i++)
    {
        printf("%s%s", has_feature(machine, i) ? " " : " no ", features[i].name);
    }
    printf("\n%-12s %s, %s parameters, %.3f GB in %s, %u threads, packs of %u tokens\n", "shape",
           options->shape, cli_number(number, result->n_parameters),
           (double)result->weight_bytes * 1e-9, dtype_name(result->dtype), result->n_threads,
           result->pack_tokens);
    printf("%-12s %.3f GB at most\n\n", "memory", (double)result->peak_rss_bytes * 1e-9);
    printf("%-8s %12s %14s %10s %6s   %s\n", "", "tokens/s", "products/s", "fraction", "turns",
           "backend / of the products");
    print_rate("forward", &result->forward);
    print_rate("train", &result->train);
}

static void print_rate_json(cli_json *json, const char *name, const lobass_bench_rate *rate)
{
    char key[64];
    const struct
    {
        const char *suffix;
        double value;
    } rates[] = {{"tokens_per_second", rate->tokens_per_second},
                 {"matmul_tokens_per_second", rate->matmul_tokens_per_second},
                 {"fraction", rate->fraction}};

    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
    {
        snprintf(key, sizeof key, "%s_%s", name, rates[i].suffix);
        cli_json_real(json, key, rates[i].value);
    }
    cli_json_object(json, name);
    if (rate->skipped[0] != '\0')
    {
        cli_json_text(json, "skipped", rate->skipped);
    }
    else if (rate->n_turns > 0)
    {
        cli_json_text(json, "backend", rate->backend);
        cli_json_text(json, "matmul_backend", rate->matmul_backend);
        cli_json_uint(json, "turns", rate->n_turns);
        cli_json_uint(json, "rows", rate->n_rows);
        cli_json_uint(json, "tokens", rate->n_tokens);
        cli_json_uint(json, "tokens_scored", rate->n_scored_tokens);
        cli_json_uint(json, "peak_rss_bytes", rate->peak_rss_bytes);
    }
    cli_json_end(json);
}

static void print_machine_json(cli_json *json, const lobass_machine *machine)
{
    cli_json_object(json, "cpu");
    cli_json_text(json, "name", machine->cpu);
    for (size_t i = 0; i < N_FEATURES; i++)
    {
        cli_json_bool(json, features[i].name, has_feature(machine, i));
    }
    cli_json_uint(json, "processors", machine->n_processors);
    cli_json_uint(json, "memory_bytes", machine->memory_bytes);
    cli_json_end(json);
}

static void print_json(const lobass_bench_options *options, const lobass_bench_result *result)
{
    cli_json json = {.file = stdout};

    cli_json_object(&json, NULL);
    cli_json_text(&json, "shape", options->shape);
    cli_json_text(&json, "dtype", dtype_name(result->dtype));
    cli_json_uint(&json, "threads", result->n_threads);
    cli_json_text(&json, "scored", options->is_response_only ? "response" : "all");
    cli_json_uint(&json, "pack_tokens", result->pack_tokens);
    cli_json_uint(&json, "parameters", result->n_parameters);
    cli_json_uint(&json, "weight_bytes", result->weight_bytes);
    cli_json_uint(&json, "peak_rss_bytes", result->peak_rss_bytes);
    print_machine_json(&json, &result->machine);
    print_rate_json(&json, "forward", &result->forward);
    print_rate_json(&json, "train", &result->train);
    cli_json_end(&json);
}

/* ---- the command ---------------------------------------------------------------------------- */

static int bench_shape(const lobass_bench_options *options, const cli_common *common)
{
    cli_progress progress;
    lobass_bench_result result;
    lobass_error error = {0};

    cli_progress_start(&progress, common);
    if (lobass_bench(options, &progress.observer, &result, &error) != LOBASS_OK)
    {
        return cli_progress_fail(&progress, common, false, &error);
    }
    cli_progress_end(&progress);
    if (common->is_json)
    {
        print_json(options, &result);
    }
    else
    {
        print_result(options, &result);
    }
    return cli_finish(CLI_DONE);
}

/* What the choices of the table are stored in; shapes by their place in the list. */
typedef struct choices
{
    unsigned shape, scored, part;
} choices;

static void add_options(cli_parser *parser, lobass_bench_options *options, choices *chosen,
                        cli_common *common)
{
    const cli_option rows[] = {
        {.name = "shape",
         .type = CLI_CHOICE,
         .target = &chosen->shape,
         .choices = shape_choices(),
         .help = "the model whose shapes are taken, with random weights"},
        {.name = "scored",
         .type = CLI_CHOICE,
         .target = &chosen->scored,
         .choices = scorings,
         .help = "score every position of a row, or its response alone"},
        {.name = "part",
         .type = CLI_CHOICE,
         .target = &chosen->part,
         .choices = parts,
         .help = "what to time: scoring, training or both"},
        {.name = "seconds",
         .type = CLI_REAL,
         .target = &options->seconds,
         .value = "X",
         .help = "about how long each part is timed, and its products as long; a turn is never cut",
         .highest = SECONDS_MOST},
        {.name = "pack-tokens",
         .type = CLI_UINT32,
         .target = &options->pack_tokens,
         .value = "N",
         .help = "tokens a thread works on at once",
         .fallback = "as measure does, less for the largest shapes",
         .most = PACK_MOST},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
    cli_options_add_common(parser, common,
                           CLI_USES_THREADS | CLI_USES_DTYPE | CLI_USES_SEED | CLI_USES_PROGRESS);
}

static unsigned shape_index(const char *name)
{
    unsigned index = 0;

    while (lobass_bench_shape(index) != NULL && strcmp(lobass_bench_shape(index), name) != 0)
    {
        index++;
    }
    return index;
}

int cmd_bench(const cli_call *call)
{
    lobass_bench_options options = lobass_bench_options_default();
    choices chosen = {shape_index(options.shape), options.is_response_only, options.parts};
    cli_common common = {
        .n_threads = options.n_threads, .dtype = options.dtype, .seed = options.seed};
    cli_parser parser = {
        .name = "bench",
        .usage = "[--shape NAME]",
        .about = "Times scoring and training of a model with random weights on rows as long as\n"
                 "Alpaca's, in turn with its bare matrix products, and says what fraction of\n"
                 "their speed is reached. Ratios mean more than rates on a busy machine.",
        .arguments = "nothing",
        .n_least = 0,
        .n_most = 0,
    };

    add_options(&parser, &options, &chosen, &common);
    int code = cli_parse(&parser, call->argc, call->argv);
    if (code < 0)
    {
        options.shape = lobass_bench_shape(chosen.shape);
        options.is_response_only = chosen.scored != 0;
        options.parts = chosen.part;
        options.n_threads = common.n_threads;
        options.dtype = common.dtype;
        options.seed = common.seed;
        code = bench_shape(&options, &common);
    }
    cli_parser_free(&parser);
    return code;
}

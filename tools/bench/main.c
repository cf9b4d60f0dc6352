/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass bench: how fast scoring and training of a named shape are here, and what share that is of
 * the speed of their matrix products alone. lobass bench MODEL DATA...: what a run would take.
 */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cli/cli.h"

#define SECONDS_MOST 86400
#define PACK_MOST 1048576

static const cli_choice scorings[] = {{"all", false}, {"response", true}, {NULL, 0}};
static const cli_choice parts[] = {{"forward", LB_BENCH_FORWARD},
                                   {"train", LB_BENCH_TRAIN},
                                   {"both", LB_BENCH_FORWARD | LB_BENCH_TRAIN},
                                   {NULL, 0}};

/* ---- results -------------------------------------------------------------------------------- */

static const struct
{
    const char *name;
    size_t offset;
} features[] = {{"avx2", offsetof(lb_machine, has_avx2)},
                {"avx512", offsetof(lb_machine, has_avx512)},
                {"avx512_bf16", offsetof(lb_machine, has_avx512_bf16)},
                {"amx_bf16", offsetof(lb_machine, has_amx_bf16)}};
#define N_FEATURES (sizeof features / sizeof features[0])

static bool has_feature(const lb_machine *machine, size_t index)
{
    return *(const bool *)((const char *)machine + features[index].offset);
}

static const char *dtype_name(lobass_dtype dtype)
{
    return dtype == LOBASS_DTYPE_BF16 ? "bf16" : "fp32";
}

static void print_rate(const char *name, const lb_bench_rate *rate)
{
    if (isfinite(rate->tokens_per_second))
    {
        printf("%-8s %12.1f %14.1f %10.3f %6u   %s\n", name, rate->tokens_per_second,
               rate->matmul_tokens_per_second, rate->fraction, rate->n_turns, rate->backend);
    }
    else if (rate->skipped[0] != '\0')
    {
        printf("%s\n", rate->skipped);
    }
}

static void print_result(const lb_bench_options *options, const lb_bench_result *result)
{
    char number[CLI_NUMBER_SIZE];
    const lb_machine *machine = &result->machine;

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
           "backend");
    print_rate("forward", &result->forward);
    print_rate("train", &result->train);
}

static void print_lengths_json(lb_json_writer *json, const lb_bench_options *options, unsigned part)
{
    uint32_t *lengths = NULL;
    size_t count = 0;

    if (lb_bench_lengths(options, part, &lengths, &count, NULL) == LOBASS_OK)
    {
        lb_json_open(json, "row_lengths", '[');
        for (size_t i = 0; i < count; i++)
        {
            lb_json_put_count(json, NULL, lengths[i]);
        }
        lb_json_close(json);
    }
    free(lengths);
}

static void print_rate_json(lb_json_writer *json, const lb_bench_options *options, unsigned part,
                            const lb_bench_rate *rate)
{
    const char *name = part == LB_BENCH_TRAIN ? "train" : "forward";
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
        lb_json_put_real(json, key, rates[i].value);
    }
    if (rate->n_turns == 0 && rate->skipped[0] == '\0')
    {
        return; /* not asked for */
    }
    lb_json_open(json, name, '{');
    if (rate->skipped[0] != '\0')
    {
        lb_json_put_text(json, "skipped", rate->skipped);
    }
    else
    {
        lb_json_put_text(json, "backend", rate->backend);
        lb_json_put_count(json, "turns", rate->n_turns);
        lb_json_put_count(json, "rows", rate->n_rows);
        lb_json_put_count(json, "tokens", rate->n_tokens);
        lb_json_put_count(json, "tokens_scored", rate->n_scored_tokens);
        lb_json_put_count(json, "peak_rss_bytes", rate->peak_rss_bytes);
        print_lengths_json(json, options, part);
    }
    lb_json_close(json);
}

static void print_machine_json(lb_json_writer *json, const lb_machine *machine)
{
    lb_json_open(json, "cpu", '{');
    lb_json_put_text(json, "name", machine->cpu);
    for (size_t i = 0; i < N_FEATURES; i++)
    {
        lb_json_put_boolean(json, features[i].name, has_feature(machine, i));
    }
    lb_json_put_count(json, "processors", machine->n_processors);
    lb_json_put_count(json, "memory_bytes", machine->memory_bytes);
    lb_json_close(json);
}

static void print_json(const lb_bench_options *options, const lb_bench_result *result)
{
    lb_json_writer json = cli_json_begin();

    lb_json_open(&json, NULL, '{');
    lb_json_put_text(&json, "shape", options->shape);
    lb_json_put_text(&json, "dtype", dtype_name(result->dtype));
    lb_json_put_count(&json, "threads", result->n_threads);
    lb_json_put_text(&json, "scored", options->is_response_only ? "response" : "all");
    lb_json_put_count(&json, "pack_tokens", result->pack_tokens);
    lb_json_put_count(&json, "parameters", result->n_parameters);
    lb_json_put_count(&json, "weight_bytes", result->weight_bytes);
    lb_json_put_count(&json, "peak_rss_bytes", result->peak_rss_bytes);
    print_machine_json(&json, &result->machine);
    print_rate_json(&json, options, LB_BENCH_FORWARD, &result->forward);
    print_rate_json(&json, options, LB_BENCH_TRAIN, &result->train);
    cli_json_print(&json);
}

/* ---- what a run would take ------------------------------------------------------------------ */

typedef struct estimate_seconds
{
    const char *key, *label;
    double value;
} estimate_seconds;

#define N_ESTIMATE_SECONDS 5

static void list_seconds(estimate_seconds list[N_ESTIMATE_SECONDS], const lobass_estimate *estimate)
{
    const estimate_seconds rows[N_ESTIMATE_SECONDS] = {
        {"prepare", "prepare", estimate->prepare_seconds},
        {"measure_initial", "measure initial", estimate->measure_initial_seconds},
        {"train_reference", "train reference", estimate->train_reference_seconds},
        {"measure_reference", "measure reference", estimate->measure_reference_seconds},
        {"total", "total", estimate->total_seconds}};

    memcpy(list, rows, sizeof rows);
}

static void print_estimate(const lobass_run_options *options, const lobass_estimate *estimate)
{
    char number[CLI_NUMBER_SIZE];
    char other[CLI_NUMBER_SIZE];
    estimate_seconds seconds[N_ESTIMATE_SECONDS];

    cli_statuses_print(estimate->statuses, estimate->n_records);
    printf("\n%-12s %s, %s of them scored\n", "tokens", cli_number(number, estimate->n_tokens),
           cli_number(other, estimate->n_scored_tokens));
    printf("%-12s %u threads, %s\n", "computing", estimate->n_threads, dtype_name(estimate->dtype));
    printf("%-12s %.0f tokens/s measuring", "speed", estimate->measure_tokens_per_second);
    if (isfinite(estimate->train_tokens_per_second))
    {
        printf(", %.0f tokens/s training", estimate->train_tokens_per_second);
    }
    printf("\n%-12s %.3f GB to measure, %.3f GB in all\n\n", "memory",
           (double)estimate->measure_rss_bytes * 1e-9, (double)estimate->peak_rss_bytes * 1e-9);
    list_seconds(seconds, estimate);
    for (size_t i = 0; i < N_ESTIMATE_SECONDS; i++)
    {
        if (isfinite(seconds[i].value))
        {
            printf("%12s  %s", cli_duration(number, seconds[i].value), seconds[i].label);
            if (seconds[i].value == estimate->train_reference_seconds)
            {
                printf(", %s steps of %u rows, %u epochs", cli_number(other, estimate->n_steps),
                       options->train.batch_size, options->train.n_epochs);
            }
            putchar('\n');
        }
    }
    if (estimate->train_skipped[0] != '\0')
    {
        printf("%s\n", estimate->train_skipped);
    }
}

static void print_estimate_json(const lobass_run_options *options, const lobass_estimate *estimate)
{
    lb_json_writer json = cli_json_begin();
    estimate_seconds seconds[N_ESTIMATE_SECONDS];

    lb_json_open(&json, NULL, '{');
    lb_json_put_text(&json, "model", options->prepare.model);
    cli_statuses_json(&json, estimate->statuses, estimate->n_records);
    lb_json_put_count(&json, "tokens", estimate->n_tokens);
    lb_json_put_count(&json, "tokens_scored", estimate->n_scored_tokens);
    lb_json_put_text(&json, "dtype", dtype_name(estimate->dtype));
    lb_json_put_count(&json, "threads", estimate->n_threads);
    lb_json_put_real(&json, "measure_tokens_per_second", estimate->measure_tokens_per_second);
    lb_json_put_real(&json, "train_tokens_per_second", estimate->train_tokens_per_second);
    cli_recipe_json(&json, &options->train);
    lb_json_put_count(&json, "trained_rows", estimate->n_trained_rows);
    lb_json_put_count(&json, "steps", estimate->n_steps);
    lb_json_open(&json, "estimated_seconds", '{');
    list_seconds(seconds, estimate);
    for (size_t i = 0; i < N_ESTIMATE_SECONDS; i++)
    {
        lb_json_put_real(&json, seconds[i].key, seconds[i].value);
    }
    lb_json_close(&json);
    if (estimate->train_skipped[0] != '\0')
    {
        lb_json_put_text(&json, "train_skipped", estimate->train_skipped);
    }
    lb_json_put_count(&json, "measure_rss_bytes", estimate->measure_rss_bytes);
    lb_json_put_count(&json, "peak_rss_bytes", estimate->peak_rss_bytes);
    cli_json_print(&json);
}

static int estimate_run(const lobass_run_options *options, double seconds, const cli_common *common)
{
    cli_progress progress;
    lobass_estimate estimate;
    lobass_error error = {0};

    cli_progress_start(&progress, common);
    if (lobass_run_estimate(options, seconds, &progress.observer, &estimate, &error) != LOBASS_OK)
    {
        return cli_progress_fail(&progress, common, false, &error);
    }
    cli_progress_end(&progress);
    if (common->is_json)
    {
        print_estimate_json(options, &estimate);
    }
    else
    {
        print_estimate(options, &estimate);
    }
    return cli_finish(CLI_DONE);
}

/* ---- the command ---------------------------------------------------------------------------- */

static int bench_shape(const lb_bench_options *options, const cli_common *common)
{
    cli_progress progress;
    lb_bench_result result;
    lobass_error error = {0};

    cli_progress_start(&progress, common);
    if (lb_bench_run(options, &progress.observer, &result, &error) != LOBASS_OK)
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

/* Everything the command reads; the choices of the table by their numbers. */
typedef struct request
{
    lb_bench_options bench;
    lobass_run_options run;
    unsigned scored, part;
    cli_common common;
    size_t n_shape_options, n_run_options; /* the first rows of the table, and those after them */
} request;

static void add_options(cli_parser *parser, request *r)
{
    const cli_option rows[] = {
        {.name = "shape",
         .type = CLI_NAME,
         .target = &r->bench.shape,
         .name_at = lb_bench_shape_name,
         .help = "the model whose shapes are taken, with random weights"},
        {.name = "scored",
         .type = CLI_CHOICE,
         .target = &r->scored,
         .choices = scorings,
         .help = "score every position of a row, or its response alone"},
        {.name = "part",
         .type = CLI_CHOICE,
         .target = &r->part,
         .choices = parts,
         .help = "what to time: scoring, training or both"},
        {.name = "pack-tokens",
         .type = CLI_UINT32,
         .target = &r->bench.pack_tokens,
         .value = "N",
         .help = "tokens a thread works on at once",
         .fallback = "as measure does, less for the largest shapes",
         .most = PACK_MOST},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
    r->n_shape_options = parser->n_options;
    cli_options_add_format(parser, &r->run.prepare.format);
    cli_options_add_training(parser, &r->run.train);
    r->n_run_options = parser->n_options - r->n_shape_options;
    cli_option_add(parser, (cli_option){.name = "seconds",
                                        .type = CLI_REAL,
                                        .target = &r->bench.seconds,
                                        .value = "X",
                                        .help = "about how long scoring, training and the products "
                                                "of each are timed; a turn is never cut",
                                        .highest = SECONDS_MOST});
    cli_options_add_common(parser, &r->common,
                           CLI_USES_THREADS | CLI_USES_DTYPE | CLI_USES_SEED | CLI_USES_PROGRESS);
}

/* Options of one use of the command mean nothing in the other. */
static int check_uses(const cli_parser *parser, const request *r)
{
    const bool is_run = parser->n_values > 0;
    const size_t first = is_run ? 0 : r->n_shape_options;
    const size_t count = is_run ? r->n_shape_options : r->n_run_options;

    if (parser->n_values == 1)
    {
        return cli_wrong_usage(parser, "bench needs MODEL and DATA, or neither");
    }
    for (size_t i = first; i < first + count; i++)
    {
        if (parser->options[i].is_given)
        {
            return cli_wrong_usage(parser, "option --%s is for %s", parser->options[i].name,
                                   is_run ? "named shapes: it goes without MODEL and DATA"
                                          : "MODEL and DATA");
        }
    }
    return -1;
}

static int run_request(request *r, const cli_parser *parser)
{
    if (parser->n_values == 0)
    {
        r->bench.is_response_only = r->scored != 0;
        r->bench.parts = r->part;
        r->bench.n_threads = r->common.n_threads;
        r->bench.dtype = r->common.dtype;
        r->bench.seed = r->common.seed;
        return bench_shape(&r->bench, &r->common);
    }
    r->run.prepare.model = parser->values[0];
    r->run.prepare.data = parser->values + 1;
    r->run.prepare.n_data = parser->n_values - 1;
    r->run.n_threads = r->common.n_threads;
    r->run.dtype = r->common.dtype;
    r->run.train.seed = r->common.seed;
    return estimate_run(&r->run, r->bench.seconds, &r->common);
}

static int command_bench(const cli_call *call)
{
    request r = {.bench = lb_bench_options_default(), .run = lobass_run_options_default()};
    cli_parser parser = {
        .name = "bench",
        .usage = "[--shape NAME]\nMODEL DATA...",
        .about = "Times scoring and training of a model with random weights on rows as long as\n"
                 "Alpaca's, in turn with its bare matrix products, and says what fraction of\n"
                 "their speed is reached. Ratios mean more than rates on a busy machine.\n"
                 "With MODEL and DATA: how long lobass run would take here, from a sample.",
        .arguments = "MODEL and DATA, or nothing",
        .n_least = 0,
        .n_most = SIZE_MAX,
    };

    r.scored = r.bench.is_response_only;
    r.part = r.bench.parts;
    r.common =
        (cli_common){.n_threads = r.bench.n_threads, .dtype = r.bench.dtype, .seed = r.bench.seed};
    add_options(&parser, &r);
    int code = cli_parse(&parser, call->argc, call->argv);
    if (code < 0)
    {
        code = check_uses(&parser, &r);
    }
    if (code < 0)
    {
        code = cli_training_check(&parser, &r.run.train);
    }
    if (code < 0)
    {
        code = run_request(&r, &parser);
    }
    cli_parser_free(&parser);
    return code;
}

int main(int argc, char **argv)
{
    return cli_program_run("bench", command_bench, argc, argv);
}

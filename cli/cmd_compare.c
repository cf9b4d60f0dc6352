/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass compare RUN RUN: how two rankings of the same records differ: what both select, at the
 * amount that was asked for and at a few more, rank correlation, by source, and which rows one of
 * them selects alone.
 */
#include <math.h>

#include "command.h"
#include "progress.h"
#include "result.h"

#define AMOUNT_SIZE 32

static const char *const sides[2] = {"first", "second"};

static lobass_status call_library(const void *options, const lobass_observer *observer,
                                  void *result, lobass_error *error)
{
    return lobass_compare(result, options, observer, error);
}

static const char *score_name(const lobass_compare_options *options, int side)
{
    return lobass_score_describe(options->sides[side].by)->name;
}

/* ---- for people ------------------------------------------------------------------------------
 */

static void print_count(int width, uint64_t count)
{
    char number[CLI_NUMBER_SIZE];

    printf("%*s", width, cli_number(number, count));
}

static void print_share(int width, double share)
{
    if (isnan(share))
    {
        printf("%*s", width, "-");
    }
    else
    {
        printf("%*.1f%%", width - 1, 100 * share);
    }
}

static void print_coefficient(int width, double value)
{
    if (isnan(value))
    {
        printf("%*s", width, "-");
    }
    else
    {
        printf("%*.4f", width, value);
    }
}

static void print_head(const lobass_compare_options *options, const lobass_comparison *comparison)
{
    const lobass_agreement *whole = &comparison->whole;

    for (int side = 0; side < 2; side++)
    {
        printf("%-12s ", sides[side]);
        cli_print_text(stdout, options->sides[side].run);
        printf(", by %s, %s first\n", score_name(options, side),
               lobass_direction_name(comparison->directions[side]));
    }
    printf("%-12s ", "records");
    print_count(0, whole->n_records);
    puts(comparison->has_same_order ? ", in the same order" : ", matched by their content");
    printf("%-12s ", "ranked");
    print_count(0, whole->n_ranked_common);
    printf(" by both, ");
    print_count(0, whole->n_ranked[0] - whole->n_ranked_common);
    printf(" by the first alone, ");
    print_count(0, whole->n_ranked[1] - whole->n_ranked_common);
    puts(" by the second alone");
    printf("%-12s ", "Spearman");
    print_coefficient(0, whole->spearman);
    printf("\n%-12s ", "Kendall");
    print_coefficient(0, whole->kendall);
    putchar('\n');
}

static void print_statuses(const lobass_comparison *comparison)
{
    bool is_any = false;

    for (unsigned i = 0; i < LOBASS_ROW_STATUS_COUNT; i++)
    {
        for (unsigned j = 0; j < LOBASS_ROW_STATUS_COUNT; j++)
        {
            if (i != j && comparison->statuses[i][j] > 0)
            {
                fputs(is_any ? "" : "\n     records  status in the first -> in the second\n",
                      stdout);
                print_count(12, comparison->statuses[i][j]);
                printf("  %s -> %s\n", lobass_row_status_name((lobass_row_status)i),
                       lobass_row_status_name((lobass_row_status)j));
                is_any = true;
            }
        }
    }
}

static void print_depth(const char *depth, const lobass_overlap *overlap)
{
    printf("%12s", depth);
    print_count(11, overlap->n_selected[0]);
    print_count(11, overlap->n_selected[1]);
    print_count(11, overlap->n_common);
    print_share(9, overlap->share);
    print_share(11, overlap->share_by_chance);
    print_coefficient(9, overlap->jaccard);
    putchar('\n');
}

static void print_depths(const lobass_compare_options *options, const lobass_comparison *comparison)
{
    char depth[AMOUNT_SIZE];

    puts("\n    selected      first     second       both    share  by chance  Jaccard");
    cli_amount_text(depth, sizeof depth, &options->amount);
    print_depth(depth, &comparison->whole.overlap);
    for (size_t i = 0; i < LOBASS_COMPARE_DEPTHS; i++)
    {
        const lobass_amount amount = {LOBASS_AMOUNT_FRACTION, comparison->depths[i].fraction};
        if (options->amount.kind != amount.kind || options->amount.value != amount.value)
        {
            cli_amount_text(depth, sizeof depth, &amount);
            print_depth(depth, &comparison->depths[i].overlap);
        }
    }
}

static void print_sources(const lobass_compare_options *options,
                          const lobass_comparison *comparison)
{
    char depth[AMOUNT_SIZE];

    cli_amount_text(depth, sizeof depth, &options->amount);
    printf("\nBy source, at %s; ranked: by both\n", depth);
    puts("   records   ranked     first     second     both   share  chance Spearman  Kendall");
    for (size_t i = 0; i < comparison->n_sources; i++)
    {
        const lobass_agreement *agreement = &comparison->sources[i].agreement;
        print_count(10, agreement->n_records);
        print_count(9, agreement->n_ranked_common);
        print_count(10, agreement->overlap.n_selected[0]);
        print_count(11, agreement->overlap.n_selected[1]);
        print_count(9, agreement->overlap.n_common);
        print_share(8, agreement->overlap.share);
        print_share(8, agreement->overlap.share_by_chance);
        print_coefficient(9, agreement->spearman);
        print_coefficient(9, agreement->kendall);
        fputs("  ", stdout);
        cli_print_text(stdout, comparison->sources[i].name);
        putchar('\n');
    }
}

static void print_alone(const lobass_comparison *comparison, int side)
{
    const lobass_overlap *overlap = &comparison->whole.overlap;

    printf("\nSelected by the %s alone: ", sides[side]);
    print_count(0, overlap->n_selected[side] - overlap->n_common);
    puts(" rows");
    if (comparison->n_alone[side] > 0)
    {
        printf("         row        rank  row in the %s  rank there\n", sides[1 - side]);
    }
    for (size_t i = 0; i < comparison->n_alone[side]; i++)
    {
        const lobass_compare_row *row = &comparison->alone[side][i];
        print_count(12, row->rows[side]);
        print_count(12, row->ranks[side]);
        print_count(side == 0 ? 19 : 18, row->rows[1 - side]);
        if (row->ranks[1 - side] > 0)
        {
            print_count(12, row->ranks[1 - side]);
            putchar('\n');
        }
        else
        {
            printf("%12s\n", "-");
        }
    }
}

static void print_result(const void *given, const void *made)
{
    const lobass_compare_options *options = given;
    const lobass_comparison *comparison = *(lobass_comparison *const *)made;

    print_head(options, comparison);
    print_statuses(comparison);
    print_depths(options, comparison);
    if (comparison->n_sources > 1)
    {
        print_sources(options, comparison);
    }
    print_alone(comparison, 0);
    print_alone(comparison, 1);
}

/* ---- for programs ----------------------------------------------------------------------------
 */

static void put_overlap(lb_json_writer *json, const lobass_overlap *overlap)
{
    lb_json_put_count(json, "first", overlap->n_selected[0]);
    lb_json_put_count(json, "second", overlap->n_selected[1]);
    lb_json_put_count(json, "both", overlap->n_common);
    lb_json_put_real(json, "overlap", overlap->share);
    lb_json_put_real(json, "overlap_by_chance", overlap->share_by_chance);
    lb_json_put_real(json, "jaccard", overlap->jaccard);
}

static void put_agreement(lb_json_writer *json, const char *amount,
                          const lobass_agreement *agreement)
{
    lb_json_put_count(json, "records", agreement->n_records);
    lb_json_open(json, "ranked", '{');
    lb_json_put_count(json, "first", agreement->n_ranked[0]);
    lb_json_put_count(json, "second", agreement->n_ranked[1]);
    lb_json_put_count(json, "both", agreement->n_ranked_common);
    lb_json_close(json);
    lb_json_put_real(json, "spearman", agreement->spearman);
    lb_json_put_real(json, "kendall", agreement->kendall);
    lb_json_open(json, "selected", '{');
    lb_json_put_text(json, "amount", amount);
    put_overlap(json, &agreement->overlap);
    lb_json_close(json);
}

static void put_statuses(lb_json_writer *json, const lobass_comparison *comparison)
{
    lb_json_open(json, "status_changes", '[');
    for (unsigned i = 0; i < LOBASS_ROW_STATUS_COUNT; i++)
    {
        for (unsigned j = 0; j < LOBASS_ROW_STATUS_COUNT; j++)
        {
            if (i != j && comparison->statuses[i][j] > 0)
            {
                lb_json_open(json, NULL, '{');
                lb_json_put_text(json, "first", lobass_row_status_name((lobass_row_status)i));
                lb_json_put_text(json, "second", lobass_row_status_name((lobass_row_status)j));
                lb_json_put_count(json, "records", comparison->statuses[i][j]);
                lb_json_close(json);
            }
        }
    }
    lb_json_close(json);
}

static void put_alone(lb_json_writer *json, const lobass_comparison *comparison)
{
    static const char *const names[2] = {"first_alone", "second_alone"};
    static const char *const row_names[2] = {"row", "second_row"};
    static const char *const rank_names[2] = {"first_rank", "second_rank"};

    for (int side = 0; side < 2; side++)
    {
        lb_json_open(json, names[side], '[');
        for (size_t i = 0; i < comparison->n_alone[side]; i++)
        {
            const lobass_compare_row *row = &comparison->alone[side][i];
            lb_json_open(json, NULL, '{');
            for (int of = 0; of < 2; of++)
            {
                lb_json_put_count(json, row_names[of], row->rows[of]);
            }
            for (int of = 0; of < 2; of++)
            {
                if (row->ranks[of] > 0)
                {
                    lb_json_put_count(json, rank_names[of], row->ranks[of]);
                }
            }
            lb_json_close(json);
        }
        lb_json_close(json);
    }
}

static void put_sides(lb_json_writer *json, const lobass_compare_options *options,
                      const lobass_comparison *comparison)
{
    for (int side = 0; side < 2; side++)
    {
        lb_json_open(json, sides[side], '{');
        lb_json_put_text(json, "run", options->sides[side].run);
        lb_json_put_text(json, "score", score_name(options, side));
        lb_json_put_text(json, "direction", lobass_direction_name(comparison->directions[side]));
        lb_json_close(json);
    }
    lb_json_put_real(json, "floor", options->floor);
    if (options->min_initial > 0)
    {
        lb_json_put_real(json, "min_initial", options->min_initial);
    }
    lb_json_put_real(json, "max_reference", options->max_reference);
    cli_seed_json(json, options->seed);
    lb_json_put_boolean(json, "same_order", comparison->has_same_order);
}

static void print_json(const void *given, const void *made)
{
    const lobass_compare_options *options = given;
    const lobass_comparison *comparison = *(lobass_comparison *const *)made;
    char amount[AMOUNT_SIZE];
    lb_json_writer json = cli_json_begin();

    cli_amount_text(amount, sizeof amount, &options->amount);
    lb_json_open(&json, NULL, '{');
    put_sides(&json, options, comparison);
    put_agreement(&json, amount, &comparison->whole);
    lb_json_open(&json, "depths", '[');
    for (size_t i = 0; i < LOBASS_COMPARE_DEPTHS; i++)
    {
        lb_json_open(&json, NULL, '{');
        lb_json_put_real(&json, "fraction", comparison->depths[i].fraction);
        put_overlap(&json, &comparison->depths[i].overlap);
        lb_json_close(&json);
    }
    lb_json_close(&json);
    put_statuses(&json, comparison);
    lb_json_open(&json, "sources", '[');
    for (size_t i = 0; i < comparison->n_sources; i++)
    {
        lb_json_open(&json, NULL, '{');
        lb_json_put_text(&json, "name", comparison->sources[i].name);
        put_agreement(&json, amount, &comparison->sources[i].agreement);
        lb_json_close(&json);
    }
    lb_json_close(&json);
    put_alone(&json, comparison);
    cli_json_print(&json);
}

/* ---- the command ------------------------------------------------------------------------------
 */

int cmd_compare(const cli_call *call)
{
    static const cli_task task = {.call = call_library,
                                  .print = print_result,
                                  .print_json = print_json,
                                  .keeps_nothing = true};
    lobass_compare_options options = lobass_compare_options_default();
    lobass_comparison *comparison = NULL;
    cli_common common = {.seed = options.seed};
    cli_parser parser = {
        .name = "compare",
        .usage = "RUN RUN [-k AMOUNT] [--by SCORE] [--against SCORE]",
        .about = "Ranks two measured runs over the same records, or one run twice by two scores,\n"
                 "and says how the rankings differ: what both select, at AMOUNT and at other\n"
                 "depths, rank correlation, by source, and which rows only one selects. What was\n"
                 "selected before plays no part; nothing is written.",
        .arguments = "RUN and RUN",
        .n_least = 2,
        .n_most = 2,
    };

    cli_options_add_comparison(&parser, &options);
    cli_options_add_common(&parser, &common, CLI_USES_SEED | CLI_USES_PROGRESS);
    int code = cli_parse(&parser, call->argc, call->argv);
    if (code < 0)
    {
        code = cli_comparison_check(&parser, &options);
    }
    if (code < 0)
    {
        options.sides[0].run = parser.values[0];
        options.sides[1].run = parser.values[1];
        options.seed = common.seed;
        code = cli_task_run(&task, &options, &comparison, &common);
    }
    lobass_comparison_free(comparison);
    cli_parser_free(&parser);
    return code;
}

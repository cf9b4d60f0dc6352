/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass experiment RUN --held-out FILE: fine-tunes the run's base on what different arms select,
 * and shows the loss of each on held-out records.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "progress.h"
#include "result.h"

#define SEEDS_MOST 255
#define RESAMPLES_LEAST 100
#define RESAMPLES_MOST 1000000

/* ---- for people ------------------------------------------------------------------------------
 */

/* "learnability 6%", with "tokens" where that is what the sizes have in common. */
static void print_group(const lobass_experiment_group *group, int width)
{
    const bool has_size =
        group->budget == LOBASS_BUDGET_ROWS || group->budget == LOBASS_BUDGET_TOKENS;
    const int written =
        printf("%s%s%s%s", group->arm, has_size ? " " : "", has_size ? group->size : "",
               group->budget == LOBASS_BUDGET_TOKENS ? " (tokens)" : "");

    printf("%*s", written < width ? width - written : 0, "");
}

static void print_count(double count, int width)
{
    char number[CLI_NUMBER_SIZE];

    printf("%*s", width, cli_number(number, (uint64_t)llround(count)));
}

static int group_width(const lobass_experiment *experiment)
{
    int width = 0;

    for (size_t i = 0; i < experiment->n_groups; i++)
    {
        const int needed = (int)(strlen(experiment->groups[i].arm) + strlen(" ") +
                                 strlen(experiment->groups[i].size) + strlen(" (tokens)  "));
        width = needed > width ? needed : width;
    }
    return width;
}

static void print_losses(const lobass_experiment *experiment, size_t source)
{
    const lobass_experiment_source *of = &experiment->sources[source];
    const int width = group_width(experiment);

    fputs("held out: ", stdout);
    cli_print_text(stdout, of->name);
    fputs(", ", stdout);
    print_count((double)of->n_rows, 0);
    fputs(" rows, ", stdout);
    print_count((double)of->n_tokens, 0);
    fputs(" scored tokens", stdout);
    if (of->n_in_run > 0)
    {
        fputs("; ", stdout);
        print_count((double)of->n_in_run, 0);
        fputs(" of the rows are in the run too", stdout);
    }
    putchar('\n');
    const bool has_accuracy = isfinite(experiment->accuracies[source].value);
    printf("%-*s%11s%12s%8s%7s%9s   %-16s%s\n", width, "arm", "rows", "tokens", "steps", "seeds",
           "loss", "95 % interval", has_accuracy ? "  correct   95 % interval" : "");
    for (size_t i = 0; i < experiment->n_groups; i++)
    {
        const lobass_experiment_group *group = &experiment->groups[i];
        const lobass_interval *loss = &experiment->losses[i * experiment->n_sources + source];
        print_group(group, width);
        print_count(group->n_rows, 11);
        print_count(group->n_tokens, 12);
        print_count(group->n_steps, 8);
        printf("%7u", group->n_seeds);
        if (isfinite(loss->value))
        {
            printf("%9.4f   %.4f to %.4f", loss->value, loss->low, loss->high);
        }
        else
        {
            printf("%9s   %-16s", "-", "-");
        }
        if (has_accuracy)
        {
            const lobass_interval *accuracy =
                &experiment->accuracies[i * experiment->n_sources + source];
            printf("%8.1f%%   %.1f%% to %.1f%%", 100 * accuracy->value, 100 * accuracy->low,
                   100 * accuracy->high);
        }
        putchar('\n');
    }
}

static void print_p(double p)
{
    if (p < 0.0001)
    {
        fputs("< 0.0001", stdout);
    }
    else
    {
        printf("%8.4f", p);
    }
}

static void print_differences_head(int width)
{
    printf("\n%-*s%-*s%10s   %-20s%10s%10s\n", width, "arm", width, "against", "difference",
           "95 % interval", "median row", "p (Holm)");
}

/* A line a pair; below 0 the first has the lower loss. */
static void print_differences(const lobass_experiment *experiment, size_t source)
{
    const int width = group_width(experiment);
    bool is_begun = false;

    for (size_t i = 0; i < experiment->n_comparisons; i++)
    {
        const lobass_experiment_comparison *pair = &experiment->comparisons[i];
        if (pair->source != source)
        {
            continue;
        }
        if (!is_begun)
        {
            print_differences_head(width);
            is_begun = true;
        }
        print_group(&experiment->groups[pair->first], width);
        print_group(&experiment->groups[pair->second], width);
        printf("%+10.4f   %+.4f to %+.4f%+12.4f  ", pair->difference.value, pair->difference.low,
               pair->difference.high, pair->median);
        print_p(pair->p_holm);
        putchar('\n');
    }
}

static void print_result(const void *given, const void *made)
{
    const lobass_experiment_options *options = given;
    const lobass_experiment *experiment = *(lobass_experiment *const *)made;
    char number[CLI_NUMBER_SIZE];

    for (size_t i = 0; i < experiment->n_sources; i++)
    {
        print_losses(experiment, i);
        print_differences(experiment, i);
        putchar('\n');
    }
    printf("models       %s", cli_number(number, experiment->n_cells));
    printf(", %s of them trained now\n", cli_number(number, experiment->n_trained));
    fputs("written      ", stdout);
    cli_print_text(stdout, options->run);
    puts("/experiment: experiment.json, table.csv");
}

static void print_json(const void *given, const void *made)
{
    const lobass_experiment *experiment = *(lobass_experiment *const *)made;

    (void)given;
    puts(experiment->json);
}

/* ---- the command -----------------------------------------------------------------------------
 */

static lobass_status call_library(const void *options, const lobass_observer *observer,
                                  void *result, lobass_error *error)
{
    return lobass_experiment_run(result, options, observer, error);
}

/* TEXT, which it parts in place, at its commas; false where there are too many. */
static bool split(cli_texts *texts, char *text)
{
    char *rest = NULL;

    for (char *part = strtok_r(text, ",", &rest); part != NULL; part = strtok_r(NULL, ",", &rest))
    {
        if (texts->count == CLI_TEXTS_MOST)
        {
            return false;
        }
        texts->values[texts->count++] = part;
    }
    return texts->count > 0;
}

typedef struct words
{
    const char *arms, *sizes;
    cli_texts held_out;
} words;

/* "with commas between: full, learnability, ..."; not the base, which is always there. */
static const char *arms_help(void)
{
    static char text[400] = "with commas between: ";
    const char *name = NULL;

    for (size_t i = 1; (name = lobass_experiment_arm_name(i)) != NULL; i++)
    {
        cli_text_add(text, sizeof text, "%s%s", i == 1 ? "" : ", ", name);
    }
    return text;
}

static void add_options(cli_parser *parser, lobass_experiment_options *options, words *given,
                        cli_common *common)
{
    const cli_option rows[] = {
        {.name = "held-out",
         .type = CLI_TEXTS,
         .target = &given->held_out,
         .value = "FILE",
         .help = "records that no arm is trained on; may be given several times",
         .is_required = true},
        {.name = "arms",
         .type = CLI_TEXT,
         .target = &given->arms,
         .value = "NAMES",
         .help = arms_help(),
         .fallback = "all whose losses were measured"},
        {.name = "sizes",
         .type = CLI_TEXT,
         .target = &given->sizes,
         .value = "AMOUNTS",
         .help = "with commas between, as 1.5%,6%,800: shares of all records, or rows",
         .fallback = "6%"},
        {.name = "seeds",
         .type = CLI_UINT32,
         .target = &options->n_seeds,
         .value = "N",
         .help = "trainings of each arm, with seeds that count up from the run's own",
         .least = 1,
         .most = SEEDS_MOST},
        {.name = "equal-tokens",
         .type = CLI_FLAG,
         .target = &options->equalizes,
         .help = "also train each arm on as many scored tokens as learnability selects"},
        {.name = "exact-match",
         .type = CLI_FLAG,
         .target = &options->matches,
         .help = "also let each model answer the held-out records that have an answer behind ####"},
        {.name = "resamples",
         .type = CLI_UINT32,
         .target = &options->n_resamples,
         .value = "N",
         .help = "of the bootstrap that the intervals come from",
         .least = RESAMPLES_LEAST,
         .most = RESAMPLES_MOST},
        {.name = "keep-models",
         .type = CLI_FLAG,
         .target = &options->keeps_models,
         .help = "leave the trained models in RUN/experiment/models"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
    cli_options_add_common(parser, common,
                           CLI_USES_OVERWRITE | CLI_USES_THREADS | CLI_USES_PROGRESS);
}

static int run(lobass_experiment_options *options, const cli_common *common)
{
    static const cli_task task = {
        .call = call_library, .print = print_result, .print_json = print_json};
    lobass_experiment *experiment = NULL;

    options->n_threads = common->n_threads;
    options->overwrite = common->is_overwriting;
    const int code = cli_task_run(&task, options, &experiment, common);
    lobass_experiment_free(experiment);
    return code;
}

int cmd_experiment(const cli_call *call)
{
    lobass_experiment_options options = lobass_experiment_options_default();
    cli_common common = {0};
    words given = {0};
    cli_texts arms = {0};
    cli_texts sizes = {0};
    cli_parser parser = {
        .name = "experiment",
        .usage = "RUN --held-out FILE [--arms NAMES] [--sizes AMOUNTS]",
        .about = "Is the selection good? Fine-tunes the run's base with the run's recipe on what\n"
                 "different arms select, and on everything, and compares their losses on records\n"
                 "held out: means over the seeds, intervals, a paired test. What is done is not\n"
                 "done again: after a stop, or with more arms, sizes or seeds, give the command\n"
                 "again.",
        .arguments = "RUN",
        .n_least = 1,
        .n_most = 1,
    };

    add_options(&parser, &options, &given, &common);
    int code = cli_parse(&parser, call->argc, call->argv);
    if (code < 0)
    {
        char *arm_text = given.arms == NULL ? NULL : strdup(given.arms);
        char *size_text = given.sizes == NULL ? NULL : strdup(given.sizes);
        if ((given.arms != NULL && (arm_text == NULL || !split(&arms, arm_text))) ||
            (given.sizes != NULL && (size_text == NULL || !split(&sizes, size_text))))
        {
            code = cli_wrong_usage(&parser,
                                   "--arms and --sizes: expected 1 to %d with commas "
                                   "between",
                                   CLI_TEXTS_MOST);
        }
        else
        {
            options.run = parser.values[0];
            options.held_out = given.held_out.values;
            options.n_held_out = given.held_out.count;
            options.arms = arms.values;
            options.n_arms = arms.count;
            options.sizes = sizes.count > 0 ? sizes.values : options.sizes;
            options.n_sizes = sizes.count > 0 ? sizes.count : options.n_sizes;
            code = run(&options, &common);
        }
        free(arm_text);
        free(size_text);
    }
    cli_parser_free(&parser);
    return code;
}

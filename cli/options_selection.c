/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the option table about which rows are chosen (select, run) and how two rankings are
 * compared, and what is checked of them together.
 */
#include "options.h"

#include <string.h>

#define LOSS_MOST 1e6

static const cli_choice *score_choices(void)
{
    static cli_choice choices[LOBASS_SCORE_COUNT + 1];

    for (unsigned i = 0; i < LOBASS_SCORE_COUNT; i++)
    {
        const lobass_score_info *info = lobass_score_describe((lobass_score)i);
        choices[i] = (cli_choice){info != NULL ? info->name : "?", i};
    }
    return choices;
}

static const cli_choice *direction_choices(void)
{
    static cli_choice choices[LOBASS_DIRECTION_MIDDLE + 1];

    for (unsigned i = LOBASS_DIRECTION_HIGHEST; i <= LOBASS_DIRECTION_MIDDLE; i++)
    {
        choices[i - LOBASS_DIRECTION_HIGHEST] =
            (cli_choice){lobass_direction_name((lobass_direction)i), i};
    }
    return choices;
}

static cli_option amount_row(lobass_amount *amount)
{
    return (cli_option){.name = "amount",
                        .letter = 'k',
                        .type = CLI_AMOUNT,
                        .target = amount,
                        .value = "AMOUNT",
                        .help = "rows to choose: 800, 6% or 0.06 of all records, 50000tok for a "
                                "budget of scored tokens, all"};
}

static cli_option amounts_row(cli_amounts *amounts)
{
    return (cli_option){.name = "amount",
                        .letter = 'k',
                        .type = CLI_AMOUNTS,
                        .target = amounts,
                        .value = "AMOUNT,...",
                        .help = "rows to choose: 800, 6% or 0.06 of all records, 50000tok for a "
                                "budget of scored tokens, all; several make a selection each; with "
                                "--source of the other sources",
                        .fallback = "none"};
}

/* Whom an amount is for, and who is passed over. */
static void add_sharing(cli_parser *parser, cli_selection *selection)
{
    lobass_selection_spec *spec = selection->spec;
    const cli_option rows[] = {
        {.name = "source",
         .type = CLI_TEXTS,
         .target = &selection->sources,
         .value = "NAME:AMOUNT",
         .help = "what to take of this source, up to 64 times; a share is of its records, 0 none; "
                 "NAME:AMOUNT:random draws instead of taking the best"},
        {.name = "strata",
         .type = CLI_UINT32,
         .target = &spec->n_strata,
         .value = "N",
         .help = "share the amount out over N bins of equal size by scored tokens",
         .fallback = "none",
         .least = 1,
         .most = LOBASS_STRATA_MOST},
        {.name = "near-duplicates",
         .type = CLI_REAL,
         .target = &spec->near_duplicates,
         .value = "X",
         .help =
             "pass over rows that are nearly one taken before: from this Jaccard index of their "
             "runs of five tokens on, like 0.8",
         .fallback = "none",
         .lowest = 0.5,
         .highest = 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
    if (selection->amounts != NULL)
    {
        cli_option_add(parser, (cli_option){.name = "spec",
                                            .type = CLI_TEXT,
                                            .target = &selection->file,
                                            .value = "FILE",
                                            .help = "all of the above and --seed from this file "
                                                    "instead: a spec in JSON, or the manifest of a "
                                                    "selection, which is made again",
                                            .fallback = "none"});
    }
}

/* Which rows can be selected at all: as the losses of one struct say, whichever it is. */
static void add_rules(cli_parser *parser, double *floor, double *min_initial, double *max_reference)
{
    const cli_option rows[] = {
        {.name = "floor",
         .type = CLI_REAL,
         .target = floor,
         .value = "X",
         .help = "rows with a smaller initial loss (nats per token) are not selectable",
         .highest = LOSS_MOST},
        {.name = "min-initial",
         .type = CLI_REAL,
         .target = min_initial,
         .value = "X",
         .help = "nor are rows with a smaller initial loss: known too well",
         .fallback = "none",
         .highest = LOSS_MOST},
        {.name = "max-reference",
         .type = CLI_REAL,
         .target = max_reference,
         .value = "X",
         .help = "nor rows with a larger reference loss: too hard",
         .fallback = "none",
         .highest = LOSS_MOST},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
}

void cli_options_add_selection(cli_parser *parser, cli_selection *selection)
{
    lobass_selection_spec *spec = selection->spec;
    const cli_option rows[] = {
        selection->amounts != NULL ? amounts_row(selection->amounts) : amount_row(&spec->amount),
        {.name = "by",
         .type = CLI_CHOICE,
         .target = &spec->by,
         .choices = score_choices(),
         .help = "the score to choose by"},
        {.name = "direction",
         .type = CLI_CHOICE,
         .target = &spec->direction,
         .choices = direction_choices(),
         .help = "which end of the score; loss and ppl must be told",
         .fallback = "the score's own"},
        {.name = "lowest",
         .type = CLI_FLAG,
         .target = &selection->is_lowest,
         .help = "the same as --direction lowest"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
    add_rules(parser, &spec->floor, &spec->min_initial, &spec->max_reference);
    cli_option_add(
        parser, (cli_option){.name = "ranked",
                             .type = CLI_FLAG,
                             .target = &spec->is_ranked,
                             .help = "write the best first instead of in the order of the data"});
    add_sharing(parser, selection);
}

int cli_direction_check(const cli_parser *parser, lobass_score by, lobass_direction direction,
                        const char *option)
{
    const lobass_score_info *info = lobass_score_describe(by);

    if (direction == LOBASS_DIRECTION_DEFAULT && info != NULL &&
        info->direction == LOBASS_DIRECTION_DEFAULT)
    {
        return cli_wrong_usage(parser, "the score %s has no direction of its own: give --%s",
                               info->name, option);
    }
    return -1;
}

static int sources_take(const cli_parser *parser, const cli_selection *selection)
{
    lobass_error error = {0};

    for (size_t i = 0; i < selection->sources.count; i++)
    {
        if (lobass_selection_spec_add_quota(selection->spec, selection->sources.values[i],
                                            &error) != LOBASS_OK)
        {
            return cli_wrong_usage(parser, "option --source: %s", error.message);
        }
    }
    return -1;
}

static int amount_check(const cli_parser *parser, const cli_selection *selection)
{
    if (cli_option_is_given(parser, "amount"))
    {
        return -1;
    }
    if (selection->sources.count > 0)
    {
        selection->spec->amount = (lobass_amount){.kind = LOBASS_AMOUNT_NONE};
    }
    else if (selection->amounts != NULL)
    {
        return cli_wrong_usage(
            parser, "%s needs -k AMOUNT,..., --source NAME:AMOUNT or --spec FILE", parser->name);
    }
    return -1;
}

/* The only amount is that of the spec. */
static void amount_take(const cli_selection *selection)
{
    cli_amounts *amounts = selection->amounts;

    amounts->values[0] = selection->spec->amount;
    cli_amount_text(amounts->texts[0], CLI_AMOUNT_SIZE, &amounts->values[0]);
    amounts->count = 1;
}

static int direction_take(const cli_parser *parser, const cli_selection *selection)
{
    lobass_selection_spec *spec = selection->spec;

    if (selection->is_lowest)
    {
        if (cli_option_is_given(parser, "direction") && spec->direction != LOBASS_DIRECTION_LOWEST)
        {
            return cli_wrong_usage(parser, "--lowest and --direction %s exclude each other",
                                   lobass_direction_name(spec->direction));
        }
        spec->direction = LOBASS_DIRECTION_LOWEST;
    }
    return cli_direction_check(parser, spec->by, spec->direction, "direction");
}

/* What the file says is not told twice: options of the selection stand before --spec. */
static int file_take(const cli_parser *parser, const cli_selection *selection)
{
    lobass_error error = {0};
    bool is_before = true;

    for (size_t i = 0; i < parser->n_options; i++)
    {
        const cli_option *option = &parser->options[i];
        is_before = is_before && strcmp(option->name, "spec") != 0;
        if (option->is_given && (is_before || strcmp(option->name, "seed") == 0))
        {
            return cli_wrong_usage(parser, "--spec and --%s exclude each other", option->name);
        }
    }
    return lobass_selection_spec_load(selection->spec, selection->file, &error) == LOBASS_OK
               ? -1
               : cli_fail(&error);
}

int cli_selection_check(const cli_parser *parser, const cli_selection *selection)
{
    int code = -1;

    if (selection->file != NULL)
    {
        code = file_take(parser, selection);
    }
    else
    {
        code = sources_take(parser, selection);
        code = code >= 0 ? code : amount_check(parser, selection);
        code = code >= 0 ? code : direction_take(parser, selection);
    }
    if (code < 0 && selection->amounts != NULL && selection->amounts->count == 0)
    {
        amount_take(selection);
    }
    return code;
}

void cli_options_add_comparison(cli_parser *parser, lobass_compare_options *compare)
{
    const cli_option rows[] = {
        {.name = "amount",
         .letter = 'k',
         .type = CLI_AMOUNT,
         .target = &compare->amount,
         .value = "AMOUNT",
         .help = "rows that each selects: 800, 6% or 0.06 of all records, 50000tok for a budget of "
                 "scored tokens, all"},
        {.name = "by",
         .type = CLI_CHOICE,
         .target = &compare->sides[0].by,
         .choices = score_choices(),
         .help = "the score to rank by"},
        {.name = "direction",
         .type = CLI_CHOICE,
         .target = &compare->sides[0].direction,
         .choices = direction_choices(),
         .help = "which end of the score comes first; loss and ppl must be told",
         .fallback = "the score's own"},
        {.name = "against",
         .type = CLI_CHOICE,
         .target = &compare->sides[1].by,
         .choices = score_choices(),
         .help = "another score for the second RUN",
         .fallback = "that of --by"},
        {.name = "against-direction",
         .type = CLI_CHOICE,
         .target = &compare->sides[1].direction,
         .choices = direction_choices(),
         .help = "its direction",
         .fallback = "without --against that of --direction, else the score's own"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    {
        cli_option_add(parser, rows[i]);
    }
    add_rules(parser, &compare->floor, &compare->min_initial, &compare->max_reference);
    cli_option_add(
        parser,
        (cli_option){.name = "list",
                     .type = CLI_UINT64,
                     .target = &compare->n_listed,
                     .value = "N",
                     .help = "rows to list, at most, that one of the two selects alone, best first",
                     .most = UINT64_MAX});
}

int cli_comparison_check(const cli_parser *parser, lobass_compare_options *compare)
{
    const lobass_compare_side *first = &compare->sides[0];
    lobass_compare_side *second = &compare->sides[1];

    if (!cli_option_is_given(parser, "against"))
    {
        second->by = first->by;
        if (!cli_option_is_given(parser, "against-direction"))
        {
            second->direction = first->direction;
        }
    }
    const int code = cli_direction_check(parser, first->by, first->direction, "direction");
    return code >= 0
               ? code
               : cli_direction_check(parser, second->by, second->direction, "against-direction");
}

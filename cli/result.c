/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared parts of results, printed for people or as JSON members.
 */
#include "result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_WIDTH 12
#define COUNT_WIDTH 12

void cli_field_print(const char *label, const char *text)
{
    printf("%-*s ", LABEL_WIDTH, label);
    cli_print_text(stdout, text);
    putchar('\n');
}

/* ---- statuses ------------------------------------------------------------------------------- */

void cli_statuses_print(const uint64_t statuses[LOBASS_ROW_STATUS_COUNT], uint64_t n_records)
{
    char number[CLI_NUMBER_SIZE];

    for (unsigned i = 0; i < LOBASS_ROW_STATUS_COUNT; i++)
    {
        if (statuses[i] > 0)
        {
            printf("%*s  %s\n", COUNT_WIDTH, cli_number(number, statuses[i]),
                   lobass_row_status_name((lobass_row_status)i));
        }
    }
    printf("%*s  records\n", COUNT_WIDTH, cli_number(number, n_records));
}

void cli_ignored_print(const lobass_ignored *ignored)
{
    char text[LOBASS_ERROR_SIZE];

    if (ignored->n_fields > 0)
    {
        lobass_ignored_describe(text, sizeof text, ignored);
        cli_field_print("ignored", text);
    }
}

void cli_ignored_json(lb_json_writer *json, const lobass_ignored *ignored)
{
    lb_json_open(json, "ignored", '[');
    for (size_t i = 0; i < ignored->n_fields; i++)
    {
        lb_json_open(json, NULL, '{');
        lb_json_put_text(json, "field", ignored->fields[i].name);
        lb_json_put_count(json, "records", ignored->fields[i].n_records);
        lb_json_close(json);
    }
    lb_json_close(json);
    if (ignored->n_others > 0)
    {
        lb_json_put_count(json, "ignored_others", ignored->n_others);
    }
}

void cli_statuses_json(lb_json_writer *json, const uint64_t statuses[LOBASS_ROW_STATUS_COUNT],
                       uint64_t n_records)
{
    lb_json_put_count(json, "records", n_records);
    lb_json_open(json, "statuses", '{');
    for (unsigned i = 0; i < LOBASS_ROW_STATUS_COUNT; i++)
    {
        lb_json_put_count(json, lobass_row_status_name((lobass_row_status)i), statuses[i]);
    }
    lb_json_close(json);
}

/* ---- notes ---------------------------------------------------------------------------------- */

void cli_notes_print(const uint64_t notes[LOBASS_NOTE_COUNT])
{
    char number[CLI_NUMBER_SIZE];

    for (unsigned i = 0; i < LOBASS_NOTE_COUNT; i++)
    {
        if (notes[i] > 0)
        {
            printf("%*s  %s: %s\n", COUNT_WIDTH, cli_number(number, notes[i]),
                   lobass_note_name((lobass_note)i), lobass_note_meaning((lobass_note)i));
        }
    }
}

void cli_notes_json(lb_json_writer *json, const uint64_t notes[LOBASS_NOTE_COUNT])
{
    lb_json_open(json, "notes", '{');
    for (unsigned i = 0; i < LOBASS_NOTE_COUNT; i++)
    {
        if (notes[i] > 0)
        {
            lb_json_put_count(json, lobass_note_name((lobass_note)i), notes[i]);
        }
    }
    lb_json_close(json);
}

/* ---- selection ------------------------------------------------------------------------------ */

static const char *score_name(lobass_score score)
{
    const lobass_score_info *info = lobass_score_describe(score);

    return info != NULL ? info->name : "?";
}

static const char *direction_name(const lobass_select_result *result)
{
    const char *name = lobass_direction_name(result->direction);

    return name != NULL ? name : "?";
}

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : NAN;
}

/* "12.5 %" right-aligned; "-" for a share of nothing. */
static void print_share(int width, uint64_t part, uint64_t whole)
{
    if (whole > 0)
    {
        printf("%*.1f %%", width - 2, 100 * share(part, whole));
    }
    else
    {
        printf("%*s", width, "-");
    }
}

static void print_sources(const lobass_select_result *result)
{
    char rows[CLI_NUMBER_SIZE];
    char tokens[CLI_NUMBER_SIZE];

    printf("%*s  of records  of selection  scored tokens  of tokens  source\n", COUNT_WIDTH,
           "selected");
    for (size_t i = 0; i < result->n_sources; i++)
    {
        const lobass_selected_source *source = &result->sources[i];
        printf("%*s", COUNT_WIDTH, cli_number(rows, source->n_selected));
        print_share(12, source->n_selected, source->n_records);
        print_share(14, source->n_selected, result->n_selected);
        printf("%15s", cli_number(tokens, source->n_selected_tokens));
        print_share(11, source->n_selected_tokens, result->n_selected_tokens);
        printf("  ");
        cli_print_text(stdout, source->name);
        putchar('\n');
    }
}

static void print_strata(const lobass_select_result *result)
{
    char numbers[5][CLI_NUMBER_SIZE];

    printf("%*s  selectable        rows  scored tokens\n", COUNT_WIDTH, "selected");
    for (size_t i = 0; i < result->n_strata; i++)
    {
        const lobass_stratum *stratum = &result->strata[i];
        printf("%*s%12s%12s  %s to %s\n", COUNT_WIDTH, cli_number(numbers[0], stratum->n_selected),
               cli_number(numbers[1], stratum->n_selectable),
               cli_number(numbers[2], stratum->n_rows), cli_number(numbers[3], stratum->shortest),
               cli_number(numbers[4], stratum->longest));
    }
}

void cli_selection_print(const lobass_select_options *options, const lobass_select_result *result)
{
    char rows[CLI_NUMBER_SIZE];
    char records[CLI_NUMBER_SIZE];
    char tokens[CLI_NUMBER_SIZE];

    printf("%-*s %s of %s records, %s scored tokens\n", LABEL_WIDTH, "selected",
           cli_number(rows, result->n_selected), cli_number(records, result->n_records),
           cli_number(tokens, result->n_selected_tokens));
    if (options->spec.near_duplicates > 0)
    {
        printf("%-*s %s near-duplicates\n", LABEL_WIDTH, "passed over",
               cli_number(rows, result->n_near_duplicates));
    }
    printf("%-*s %s, %s first\n", LABEL_WIDTH, "by", score_name(options->spec.by),
           direction_name(result));
    if (isfinite(result->cut))
    {
        printf("%-*s %.6g\n", LABEL_WIDTH, "cut", result->cut);
    }
    cli_field_print("written", result->output);
    if (result->n_written != result->n_selected)
    {
        printf("%-*s %s, one for each answer that is learned\n", LABEL_WIDTH, "lines",
               cli_number(rows, result->n_written));
    }
    if (result->n_sources > 1)
    {
        print_sources(result);
    }
    if (result->n_strata > 0)
    {
        print_strata(result);
    }
}

void cli_seed_json(lb_json_writer *json, uint64_t seed)
{
    char text[CLI_NUMBER_SIZE];

    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    lb_json_put_text(json, "seed", text);
}

static void strata_json(lb_json_writer *json, const lobass_select_result *result)
{
    lb_json_open(json, "strata", '[');
    for (size_t i = 0; i < result->n_strata; i++)
    {
        const lobass_stratum *stratum = &result->strata[i];
        lb_json_open(json, NULL, '{');
        lb_json_put_count(json, "shortest", stratum->shortest);
        lb_json_put_count(json, "longest", stratum->longest);
        lb_json_put_count(json, "rows", stratum->n_rows);
        lb_json_put_count(json, "selectable", stratum->n_selectable);
        lb_json_put_count(json, "selected", stratum->n_selected);
        lb_json_put_count(json, "selected_tokens_scored", stratum->n_selected_tokens);
        lb_json_close(json);
    }
    lb_json_close(json);
}

void cli_sources_json(lb_json_writer *json, const lobass_select_result *result)
{
    lb_json_open(json, "sources", '[');
    for (size_t i = 0; i < result->n_sources; i++)
    {
        const lobass_selected_source *source = &result->sources[i];
        lb_json_open(json, NULL, '{');
        lb_json_put_text(json, "name", source->name);
        lb_json_put_count(json, "records", source->n_records);
        lb_json_put_count(json, "selected", source->n_selected);
        lb_json_put_real(json, "share_of_records", share(source->n_selected, source->n_records));
        lb_json_put_real(json, "share_of_selection", share(source->n_selected, result->n_selected));
        lb_json_put_count(json, "selected_tokens_scored", source->n_selected_tokens);
        lb_json_put_real(json, "share_of_tokens",
                         share(source->n_selected_tokens, result->n_selected_tokens));
        lb_json_close(json);
    }
    lb_json_close(json);
    if (result->n_strata > 0)
    {
        strata_json(json, result);
    }
}

void cli_selection_json(lb_json_writer *json, const lobass_select_options *options,
                        const lobass_select_result *result)
{
    lb_json_put_count(json, "selected", result->n_selected);
    lb_json_put_count(json, "selected_tokens_scored", result->n_selected_tokens);
    if (options->spec.near_duplicates > 0)
    {
        lb_json_put_count(json, "near_duplicates", result->n_near_duplicates);
    }
    lb_json_put_text(json, "score", score_name(options->spec.by));
    lb_json_put_text(json, "direction", direction_name(result));
    lb_json_put_real(json, "cut", result->cut);
    cli_seed_json(json, options->spec.seed);
    lb_json_put_text(json, "output", result->output);
    lb_json_put_text(json, "format", options->format != NULL ? options->format : "records");
    lb_json_put_count(json, "written", result->n_written);
}

/* ---- training ------------------------------------------------------------------------------- */

void cli_recipe_json(lb_json_writer *json, const lobass_train_options *options)
{
    lb_json_open(json, "recipe", '{');
    if (options->n_steps > 0)
    {
        lb_json_put_count(json, "steps", options->n_steps);
    }
    else
    {
        lb_json_put_count(json, "epochs", options->n_epochs);
    }
    lb_json_put_count(json, "batch_size", options->batch_size);
    lb_json_put_real(json, "learning_rate", options->learning_rate);
    lb_json_put_real(json, "warmup", options->warmup_ratio);
    lb_json_put_real(json, "weight_decay", options->weight_decay);
    lb_json_put_real(json, "clip", options->clip);
    cli_seed_json(json, options->seed);
    if (options->lora.rank > 0)
    {
        lb_json_put_count(json, "lora_rank", options->lora.rank);
        lb_json_put_real(json, "lora_alpha", options->lora.alpha);
        lb_json_put_text(json, "lora_targets", options->lora.targets);
    }
    lb_json_close(json);
}

/* ---- command line --------------------------------------------------------------------------- */

static bool is_plain_word(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./=%+:,@";

    return word[0] != '\0' && strspn(word, plain) == strlen(word);
}

static size_t append(char *line, size_t used, const char *text)
{
    while (*text != '\0')
    {
        line[used++] = *text++;
    }
    return used;
}

static size_t append_word(char *line, size_t used, const char *word)
{
    if (is_plain_word(word))
    {
        return append(line, used, word);
    }
    line[used++] = '\'';
    for (; *word != '\0'; word++)
    {
        if (*word == '\'')
        {
            used = append(line, used, "'\\'");
        }
        line[used++] = *word;
    }
    line[used++] = '\'';
    return used;
}

char *cli_command_line(int argc, char **argv)
{
    size_t size = sizeof "lobass"; /* stands for the first word */
    size_t used = 0;

    for (int i = 0; i < argc; i++)
    {
        size += 4 * strlen(argv[i]) + 3; /* every byte a quote, two quotes and a blank */
    }
    char *line = malloc(size);
    if (line == NULL)
    {
        return NULL;
    }
    for (int i = 0; i < argc; i++)
    {
        if (i > 0)
        {
            line[used++] = ' ';
        }
        used = append_word(line, used, i == 0 ? "lobass" : argv[i]);
    }
    line[used] = '\0';
    return line;
}

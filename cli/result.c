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

void cli_statuses_json(cli_json *json, const uint64_t statuses[LOBASS_ROW_STATUS_COUNT],
                       uint64_t n_records)
{
    cli_json_uint(json, "records", n_records);
    cli_json_object(json, "statuses");
    for (unsigned i = 0; i < LOBASS_ROW_STATUS_COUNT; i++)
    {
        cli_json_uint(json, lobass_row_status_name((lobass_row_status)i), statuses[i]);
    }
    cli_json_end(json);
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

void cli_selection_print(const lobass_select_options *options, const lobass_select_result *result)
{
    char rows[CLI_NUMBER_SIZE];
    char records[CLI_NUMBER_SIZE];
    char tokens[CLI_NUMBER_SIZE];

    printf("%-*s %s of %s records, %s scored tokens\n", LABEL_WIDTH, "selected",
           cli_number(rows, result->n_selected), cli_number(records, result->n_records),
           cli_number(tokens, result->n_selected_tokens));
    printf("%-*s %s, %s first\n", LABEL_WIDTH, "by", score_name(options->spec.by),
           direction_name(result));
    if (isfinite(result->cut))
    {
        printf("%-*s %.6g\n", LABEL_WIDTH, "cut", result->cut);
    }
    cli_field_print("written", result->output);
}

void cli_seed_json(cli_json *json, uint64_t seed)
{
    char text[CLI_NUMBER_SIZE];

    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    cli_json_text(json, "seed", text);
}

void cli_selection_json(cli_json *json, const lobass_select_options *options,
                        const lobass_select_result *result)
{
    cli_json_uint(json, "selected", result->n_selected);
    cli_json_uint(json, "selected_tokens_scored", result->n_selected_tokens);
    cli_json_text(json, "score", score_name(options->spec.by));
    cli_json_text(json, "direction", direction_name(result));
    cli_json_real(json, "cut", result->cut);
    cli_seed_json(json, options->spec.seed);
    cli_json_text(json, "output", result->output);
}

/* ---- training ------------------------------------------------------------------------------- */

void cli_recipe_json(cli_json *json, const lobass_train_options *options)
{
    cli_json_object(json, "recipe");
    if (options->n_steps > 0)
    {
        cli_json_uint(json, "steps", options->n_steps);
    }
    else
    {
        cli_json_uint(json, "epochs", options->n_epochs);
    }
    cli_json_uint(json, "batch_size", options->batch_size);
    cli_json_real(json, "learning_rate", options->learning_rate);
    cli_json_real(json, "warmup", options->warmup_ratio);
    cli_json_real(json, "weight_decay", options->weight_decay);
    cli_json_real(json, "clip", options->clip);
    cli_seed_json(json, options->seed);
    if (options->lora.rank > 0)
    {
        cli_json_uint(json, "lora_rank", options->lora.rank);
        cli_json_real(json, "lora_alpha", options->lora.alpha);
        cli_json_text(json, "lora_targets", options->lora.targets);
    }
    cli_json_end(json);
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

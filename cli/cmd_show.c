/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass show RUN ROW: one row, its tokens, what is scored and why, its losses under each model.
 */
#include <errno.h>
#include <stdlib.h>

#include "command.h"
#include "format/format.h"
#include "json_out.h"
#include "options.h"
#include "shown_row.h"

static double mean_of(const float *losses, size_t n_losses)
{
    double sum = 0;

    for (size_t i = 0; i < n_losses; i++)
    {
        sum += (double)losses[i];
    }
    return sum / (double)n_losses;
}

static void print_losses(lb_json_writer *json, const cli_shown_row *shown)
{
    lb_json_open(json, "losses", '{');
    for (size_t i = 0; i < shown->n_models; i++)
    {
        if (shown->losses[i] != NULL)
        {
            lb_json_put_real(json, lobass_run_model_at(shown->run, i)->name,
                             mean_of(shown->losses[i], shown->row.n_scored));
        }
    }
    lb_json_close(json);
}

/* What every model that has them says of a scored token. */
static void print_values(lb_json_writer *json, const char *name, const cli_shown_row *shown,
                         float *const *values, size_t scored_at)
{
    lb_json_open(json, name, '{');
    for (size_t i = 0; i < shown->n_models; i++)
    {
        if (values[i] != NULL)
        {
            lb_json_put_float(json, lobass_run_model_at(shown->run, i)->name, values[i][scored_at]);
        }
    }
    lb_json_close(json);
}

static void print_token(lb_json_writer *json, const cli_shown_row *shown,
                        const cli_shown_token *token)
{
    bool is_scored = (token->flags & LOBASS_TOKEN_SCORED) != 0;

    lb_json_open(json, NULL, '{');
    lb_json_put_integer(json, "id", token->id);
    lb_json_put_text(json, "piece", lobass_tokenizer_piece(shown->tokenizer, token->id));
    lb_json_put_bytes(json, "text", token->text, token->size_bytes);
    lb_json_put_text(json, "kind", cli_token_kind(token->flags));
    lb_json_put_count(json, "turn", token->turn);
    lb_json_put_boolean(json, "scored", is_scored);
    if (is_scored)
    {
        print_values(json, "losses", shown, shown->losses, token->scored_at);
        print_values(json, "el2n", shown, shown->el2n, token->scored_at);
    }
    lb_json_close(json);
}

/* The row's line of `lobass scores`. */
static void print_scores(lb_json_writer *json, const cli_shown_row *shown)
{
    const lobass_row_result *result = &shown->result;
    lobass_column column;

    lb_json_open(json, "scores", '{');
    lb_json_put_count(json, "row", shown->row.row);
    lb_json_put_text(json, "source", shown->source != NULL ? shown->source->name : "");
    lb_json_put_count(json, "record", shown->row.record);
    lb_json_put_text(json, "status", lobass_row_status_name(result->scores.status));
    if (shown->row.status != LOBASS_ROW_DUPLICATE)
    {
        lb_json_put_count(json, "n_tokens", shown->row.n_scored);
    }
    for (size_t i = 0; lobass_row_scores_column(&column, &result->scores, i); i++)
    {
        if (column.is_there)
        {
            lb_json_put_real(json, column.name, column.value);
        }
    }
    if (result->rank > 0)
    {
        lb_json_put_count(json, "rank", result->rank);
    }
    if (result->has_selection)
    {
        lb_json_put_boolean(json, "selected", result->is_selected);
    }
    lb_json_put_text(json, "reason", result->reason);
    lb_json_close(json);
}

static void print_json(const cli_shown_row *shown)
{
    const lobass_row *row = &shown->row;
    lb_json_writer json = cli_json_begin();
    char hash[33];

    snprintf(hash, sizeof hash, "%016llx%016llx", (unsigned long long)row->hash[0],
             (unsigned long long)row->hash[1]);
    lb_json_open(&json, NULL, '{');
    lb_json_put_count(&json, "row", row->row);
    lb_json_put_text(&json, "source", shown->source != NULL ? shown->source->name : NULL);
    lb_json_put_count(&json, "record", row->record);
    lb_json_put_count(&json, "line", row->line);
    lb_json_put_count(&json, "offset", row->offset);
    lb_json_put_count(&json, "size_bytes", row->size_bytes);
    lb_json_put_text(&json, "hash", hash);
    lb_json_put_text(&json, "status", lobass_row_status_name(shown->result.scores.status));
    lb_json_put_text(&json, "reason", shown->result.reason);
    if (row->status != LOBASS_ROW_DUPLICATE)
    {
        lb_json_put_count(&json, "n_tokens", row->n_scored); /* as in the scores: N of the means */
    }
    lb_json_put_count(&json, "n_ids", row->n_tokens);
    print_losses(&json, shown);
    print_scores(&json, shown);
    lb_json_open(&json, "tokens", '[');
    for (size_t i = 0; i < row->n_tokens; i++)
    {
        print_token(&json, shown, &shown->tokens[i]);
    }
    lb_json_close(&json);
    cli_json_print(&json);
}

static int show(const char *path, uint64_t row_number, bool is_whole, bool is_json)
{
    cli_shown_row shown = {0};
    lobass_error error = {0};
    int code = CLI_DONE;

    if (cli_shown_row_load(&shown, path, row_number, &error) != LOBASS_OK)
    {
        code = cli_fail(&error);
    }
    else if (is_json)
    {
        print_json(&shown);
    }
    else
    {
        cli_shown_row_print(&shown, is_whole);
    }
    cli_shown_row_free(&shown);
    return cli_finish(code);
}

static int read_row_number(uint64_t *number, const cli_parser *parser)
{
    const char *text = parser->values[1];
    char *end = NULL;

    errno = 0;
    *number = strtoull(text, &end, 10);
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0')
    {
        return cli_wrong_usage(parser, "show: expected the number of a row, found '%s'", text);
    }
    return -1;
}

int cmd_show(const cli_call *call)
{
    bool is_whole = false;
    uint64_t row_number = 0;
    cli_common common = {0};
    cli_parser parser = {
        .name = "show",
        .usage = "RUN ROW",
        .about = "Shows the row with number ROW (from 0, as in the scores): what it is, how it\n"
                 "ended, and its tokens with their losses in nats under every measured model.",
        .arguments = "RUN and ROW",
        .n_least = 2,
        .n_most = 2,
    };

    cli_option_add(&parser, (cli_option){.name = "all",
                                         .type = CLI_FLAG,
                                         .target = &is_whole,
                                         .help = "every token in the table, prompts too"});
    cli_options_add_common(&parser, &common, 0);
    int code = cli_parse(&parser, call->argc, call->argv);
    if (code < 0)
    {
        code = read_row_number(&row_number, &parser);
    }
    if (code < 0)
    {
        code = show(parser.values[0], row_number, is_whole, common.is_json);
    }
    cli_parser_free(&parser);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Collects a row: its tokens, the losses stored for it and its line of scores. The scores come from
 * the library's own table, so that no formula is repeated here.
 */
#include "shown_row.h"

#include <stdlib.h>
#include <string.h>

/* One element where N is 0, so that NULL means what it says. */
static void *allocate(size_t n, size_t size)
{
    return calloc(n > 0 ? n : 1, size);
}

/* ---- tokens --------------------------------------------------------------------------------- */

/* Before any other call on the run: the row's pointers do not outlive it. */
static lobass_status copy_tokens(cli_shown_row *shown, lobass_error *error)
{
    const lobass_row *row = &shown->row;
    uint32_t turn = 0;
    size_t n_scored = 0;

    shown->tokens = allocate(row->n_tokens, sizeof *shown->tokens);
    shown->stored_reason = row->reason != NULL ? strdup(row->reason) : NULL;
    if (shown->tokens == NULL || (row->reason != NULL && shown->stored_reason == NULL))
    {
        return cli_out_of_memory(error);
    }
    for (size_t i = 0; i < row->n_tokens; i++)
    {
        cli_shown_token *token = &shown->tokens[i];
        token->id = row->ids[i];
        token->flags = row->flags[i];
        turn += (token->flags & LOBASS_TOKEN_FIRST) != 0 ? 1 : 0;
        token->turn = turn;
        token->scored_at = n_scored;
        n_scored += (token->flags & LOBASS_TOKEN_SCORED) != 0 ? 1 : 0;
    }
    return LOBASS_OK;
}

/* Appends the bytes of one token; the token's text is set once the row's text stands still. */
static lobass_status append_text(cli_shown_row *shown, cli_shown_token *token, size_t *used,
                                 lobass_error *error)
{
    char *piece = NULL;
    lobass_status status =
        lobass_tokenizer_piece_text(&piece, &token->size_bytes, shown->tokenizer, token->id, error);
    if (status != LOBASS_OK)
    {
        return status;
    }
    char *larger = realloc(shown->text, *used + token->size_bytes + 1);
    if (larger == NULL)
    {
        free(piece);
        return cli_out_of_memory(error);
    }
    memcpy(larger + *used, piece, token->size_bytes);
    free(piece);
    shown->text = larger;
    *used += token->size_bytes;
    return LOBASS_OK;
}

static lobass_status load_texts(cli_shown_row *shown, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    size_t used = 0;

    if (shown->row.n_tokens > 0)
    {
        status = lobass_run_tokenizer(&shown->tokenizer, shown->run, error);
    }
    for (size_t i = 0; i < shown->row.n_tokens && status == LOBASS_OK; i++)
    {
        status = append_text(shown, &shown->tokens[i], &used, error);
    }
    used = 0;
    for (size_t i = 0; i < shown->row.n_tokens && status == LOBASS_OK; i++)
    {
        shown->tokens[i].text = shown->text + used;
        used += shown->tokens[i].size_bytes;
    }
    return status;
}

/* lobass_run_losses or lobass_run_el2n. */
typedef lobass_status (*values_reader)(lobass_run *run, uint64_t row_number, size_t model_index,
                                       float *values, size_t n_scored, lobass_error *error);

static lobass_status load_values(float ***values, cli_shown_row *shown, uint64_t row_number,
                                 values_reader read, lobass_error *error)
{
    size_t n_scored = shown->row.n_scored;

    *values = allocate(shown->info.n_models, sizeof **values);
    if (*values == NULL)
    {
        return cli_out_of_memory(error);
    }
    for (size_t i = 0; i < shown->info.n_models && n_scored > 0; i++)
    {
        float *of_model = allocate(n_scored, sizeof *of_model);
        if (of_model == NULL)
        {
            return cli_out_of_memory(error);
        }
        lobass_status status = read(shown->run, row_number, i, of_model, n_scored, error);
        if (status == LOBASS_OK)
        {
            (*values)[i] = of_model;
            continue;
        }
        free(of_model);
        if (status != LOBASS_NOT_FOUND)
        {
            return status;
        }
    }
    return LOBASS_OK;
}

/* ---- scores --------------------------------------------------------------------------------- */

/* Takes one line out of the table and stops. */
typedef struct line_catcher
{
    uint64_t wanted, line;
    char *data;
    size_t size_bytes, capacity;
    bool is_complete, has_no_memory;
} line_catcher;

static bool keep_byte(line_catcher *catcher, char byte)
{
    if (catcher->size_bytes == catcher->capacity)
    {
        size_t capacity = 2 * catcher->capacity + 512;
        char *larger = realloc(catcher->data, capacity);
        if (larger == NULL)
        {
            catcher->has_no_memory = true;
            return false;
        }
        catcher->data = larger;
        catcher->capacity = capacity;
    }
    catcher->data[catcher->size_bytes++] = byte;
    return true;
}

static bool catch_line(void *context, const char *data, size_t size_bytes)
{
    line_catcher *catcher = context;

    for (size_t i = 0; i < size_bytes && !catcher->is_complete; i++)
    {
        if (data[i] == '\n')
        {
            catcher->is_complete = catcher->line == catcher->wanted;
            catcher->line++;
        }
        else if (catcher->line == catcher->wanted && !keep_byte(catcher, data[i]))
        {
            return false;
        }
    }
    return !catcher->is_complete;
}

static lobass_status load_scores(cli_shown_row *shown, uint64_t row_number, lobass_error *error)
{
    line_catcher catcher = {.wanted = row_number};
    lobass_status status =
        lobass_run_scores(shown->run, LOBASS_TABLE_JSONL, catch_line, &catcher, error);

    shown->scores_line = catcher.data;
    shown->scores_size = catcher.size_bytes;
    if (catcher.has_no_memory)
    {
        return cli_out_of_memory(error);
    }
    if (catcher.is_complete)
    {
        *error = (lobass_error){0}; /* stopping early was our own doing */
        shown->scores = json_loadb(catcher.data, catcher.size_bytes, 0, NULL);
        return LOBASS_OK;
    }
    return status;
}

/* The row's status once its losses are known: nonfinite, initial_loss_below_floor, ... */
static void judge(cli_shown_row *shown)
{
    const char *status = json_string_value(json_object_get(shown->scores, "status"));

    shown->status = lobass_row_status_name(shown->row.status);
    shown->reason = shown->stored_reason;
    if (status != NULL)
    {
        shown->status = status;
        shown->reason = json_string_value(json_object_get(shown->scores, "reason"));
    }
}

/* ---- all of it ------------------------------------------------------------------------------ */

lobass_status cli_shown_row_load(cli_shown_row *shown, const char *path, uint64_t row_number,
                                 lobass_error *error)
{
    lobass_status status = lobass_run_open(&shown->run, path, error);

    if (status == LOBASS_OK)
    {
        status = lobass_run_describe(shown->run, &shown->info, error);
    }
    if (status == LOBASS_OK)
    {
        status = lobass_run_row(shown->run, row_number, &shown->row, error);
    }
    if (status == LOBASS_OK)
    {
        status = copy_tokens(shown, error);
    }
    if (status == LOBASS_OK)
    {
        shown->source = lobass_run_source_at(shown->run, shown->row.source);
        status = load_texts(shown, error);
    }
    if (status == LOBASS_OK)
    {
        status = load_values(&shown->losses, shown, row_number, lobass_run_losses, error);
    }
    if (status == LOBASS_OK)
    {
        status = load_values(&shown->el2n, shown, row_number, lobass_run_el2n, error);
    }
    if (status == LOBASS_OK)
    {
        status = load_scores(shown, row_number, error);
    }
    judge(shown);
    return status;
}

static void free_values(float **values, size_t n_models)
{
    for (size_t i = 0; i < n_models && values != NULL; i++)
    {
        free(values[i]);
    }
    free(values);
}

void cli_shown_row_free(cli_shown_row *shown)
{
    free_values(shown->losses, shown->info.n_models);
    free_values(shown->el2n, shown->info.n_models);
    free(shown->tokens);
    free(shown->text);
    free(shown->stored_reason);
    free(shown->scores_line);
    json_decref(shown->scores);
    lobass_run_close(shown->run);
    *shown = (cli_shown_row){0};
}

const char *cli_token_kind(uint8_t flags)
{
    if ((flags & LOBASS_TOKEN_BOS) != 0)
    {
        return "bos";
    }
    if ((flags & LOBASS_TOKEN_END) != 0)
    {
        return "end";
    }
    return (flags & LOBASS_TOKEN_RESPONSE) != 0 ? "response" : "prompt";
}

const float *cli_losses_find(const cli_shown_row *shown, const char *name)
{
    for (size_t i = 0; i < shown->info.n_models; i++)
    {
        if (strcmp(lobass_run_model_at(shown->run, i)->name, name) == 0)
        {
            return shown->losses[i];
        }
    }
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Collects a row: its tokens, the losses stored for it and its scores.
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
    if (shown->tokens == NULL)
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

    *values = allocate(shown->n_models, sizeof **values);
    if (*values == NULL)
    {
        return cli_out_of_memory(error);
    }
    for (size_t i = 0; i < shown->n_models && n_scored > 0; i++)
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

/* ---- all of it ------------------------------------------------------------------------------ */

lobass_status cli_shown_row_load(cli_shown_row *shown, const char *path, uint64_t row_number,
                                 lobass_error *error)
{
    lobass_status status = lobass_run_open(&shown->run, path, error);

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
        while (lobass_run_model_at(shown->run, shown->n_models) != NULL)
        {
            shown->n_models++;
        }
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
        status = lobass_run_row_result(shown->run, row_number, &shown->result, error);
    }
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
    free_values(shown->losses, shown->n_models);
    free_values(shown->el2n, shown->n_models);
    free(shown->tokens);
    free(shown->text);
    lobass_run_close(shown->run);
    *shown = (cli_shown_row){0};
}

const char *cli_token_kind(uint8_t flags)
{
    if ((flags & LOBASS_TOKEN_BOS) != 0)
    {
        return "bos";
    }
    const char *part =
        lobass_token_part_name((lobass_token_part)(flags >> LOBASS_TOKEN_PART_SHIFT));
    if (part != NULL)
    {
        return part;
    }
    if ((flags & LOBASS_TOKEN_END) != 0)
    {
        return "end";
    }
    return (flags & LOBASS_TOKEN_RESPONSE) != 0 ? "response" : "prompt";
}

const float *cli_losses_find(const cli_shown_row *shown, const char *name)
{
    for (size_t i = 0; i < shown->n_models; i++)
    {
        if (strcmp(lobass_run_model_at(shown->run, i)->name, name) == 0)
        {
            return shown->losses[i];
        }
    }
    return NULL;
}

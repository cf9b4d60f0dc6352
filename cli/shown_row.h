/* SPDX-License-Identifier: Apache-2.0
 *
 * One row of a run with everything there is to show about it, copied out of the run, and the page
 * that is made of it for people.
 */
#ifndef CLI_SHOWN_ROW_H
#define CLI_SHOWN_ROW_H

#include "console.h"

typedef struct cli_shown_token
{
    int32_t id;
    uint8_t flags;    /* LOBASS_TOKEN_* */
    uint32_t turn;    /* responses that have begun so far; 0 before the first */
    size_t scored_at; /* its place among the scored tokens, where it is one */
    const char *text; /* [size_bytes] of the row's text: what the piece stands for */
    size_t size_bytes;
} cli_shown_token;

typedef struct cli_shown_row
{
    lobass_run *run;
    size_t n_models; /* that the run was measured under */
    lobass_row row;  /* its pointers are not to be used: they are copied below */
    lobass_row_result result;
    const lobass_run_source *source;
    const lobass_tokenizer *tokenizer; /* borrowed from the run */
    cli_shown_token *tokens;           /* [row.n_tokens] */
    char *text;                        /* of all tokens, one after the other */
    float **losses, **el2n;            /* [n_models], each [row.n_scored] or NULL */
} cli_shown_row;

/* Opens the run at PATH and fills SHOWN ({0} before); to be freed in any case. */
lobass_status cli_shown_row_load(cli_shown_row *shown, const char *path, uint64_t row_number,
                                 lobass_error *error);
void cli_shown_row_free(cli_shown_row *shown);

/* "bos", "prompt", "response" or "end"; of a chat by its part: "header", "content", "reasoning",
 * "tool_call", "newline", "tools". */
const char *cli_token_kind(uint8_t flags);
/* The losses under a model of this name, or NULL. */
const float *cli_losses_find(const cli_shown_row *shown, const char *name);

/* The page on standard output; IS_WHOLE puts every token in the table (shown_page.c). */
void cli_shown_row_print(const cli_shown_row *shown, bool is_whole);

#endif

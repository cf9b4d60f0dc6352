/* SPDX-License-Identifier: Apache-2.0
 *
 * A row as people read it: a header, then its tokens. Prompts flow as text, shortened in the
 * middle; responses are a table of one line a token with its loss under every model and the drop
 * from initial to reference. The token stands last in its line, so that no width has to be known.
 */
#include <math.h>
#include <string.h>

#include "shown_row.h"

#define LABEL_WIDTH 12
#define LOSS_WIDTH 10
#define PROMPT_END_BYTES 400 /* what is shown of each end of a long prompt */
#define STRONG_DROP 1.0      /* nats; the steps of the colours */
#define WEAK_DROP 0.1

#define COLOUR_NONE ""
#define COLOUR_DIM "\033[2m"
#define COLOUR_STRONG "\033[1;32m"
#define COLOUR_WEAK "\033[32m"
#define COLOUR_RISE "\033[31m"
#define COLOUR_END "\033[0m"

typedef struct row_page
{
    const cli_shown_row *shown;
    const float *initial, *reference;
    bool has_colour;
} row_page;

/* ---- header --------------------------------------------------------------------------------- */

static void print_scores(const lobass_row_result *result)
{
    lobass_column column;

    for (size_t i = 0; lobass_row_scores_column(&column, &result->scores, i); i++)
    {
        if (column.is_there)
        {
            printf("%-*s %.6g\n", LABEL_WIDTH, column.name, column.value);
        }
    }
    if (result->rank > 0)
    {
        printf("%-*s %llu\n", LABEL_WIDTH, "rank", (unsigned long long)result->rank);
    }
    if (result->has_selection)
    {
        printf("%-*s %s\n", LABEL_WIDTH, "selected", result->is_selected ? "yes" : "no");
    }
}

static void print_header(const cli_shown_row *shown)
{
    const lobass_row *row = &shown->row;
    char number[CLI_NUMBER_SIZE];

    printf("%-*s %llu: ", LABEL_WIDTH, "row", (unsigned long long)row->row);
    cli_print_text(stdout, shown->source != NULL ? shown->source->name : "?");
    printf(", record %llu, line %llu\n", (unsigned long long)row->record,
           (unsigned long long)row->line);
    printf("%-*s %s", LABEL_WIDTH, "status", lobass_row_status_name(shown->result.scores.status));
    if (shown->result.reason != NULL)
    {
        fputs(": ", stdout);
        cli_print_text(stdout, shown->result.reason);
    }
    printf("\n%-*s %s", LABEL_WIDTH, "tokens", cli_number(number, row->n_tokens));
    printf(", of which %s are scored\n", cli_number(number, row->n_scored));
    print_scores(&shown->result);
}

/* ---- prompts -------------------------------------------------------------------------------- */

/* The text of tokens [start, end); line breaks break lines here, and are shown. */
static void print_flowing(const cli_shown_token *tokens, size_t start, size_t end)
{
    size_t size = 0;
    size_t shown = 0;

    if (start == end)
    {
        return;
    }
    const char *text = tokens[start].text;
    for (size_t i = start; i < end; i++)
    {
        size += tokens[i].size_bytes;
    }
    for (size_t i = 0; i < size; i++)
    {
        if (text[i] == '\n')
        {
            cli_print_visible(stdout, text + shown, i + 1 - shown);
            fputs("\n    ", stdout);
            shown = i + 1;
        }
    }
    cli_print_visible(stdout, text + shown, size - shown);
}

/* The first token of [start, end) that belongs to the last PROMPT_END_BYTES bytes. */
static size_t find_tail(const cli_shown_token *tokens, size_t start, size_t end)
{
    size_t size = 0;

    while (end > start && size + tokens[end - 1].size_bytes <= PROMPT_END_BYTES)
    {
        end--;
        size += tokens[end].size_bytes;
    }
    return end;
}

static size_t find_head(const cli_shown_token *tokens, size_t start, size_t end)
{
    size_t size = 0;

    while (start < end && size + tokens[start].size_bytes <= PROMPT_END_BYTES)
    {
        size += tokens[start].size_bytes;
        start++;
    }
    return start;
}

static void print_prompt(const row_page *page, size_t start, size_t end)
{
    const cli_shown_token *tokens = page->shown->tokens;
    size_t head = find_head(tokens, start, end);
    size_t tail = find_tail(tokens, head, end);
    char number[CLI_NUMBER_SIZE];

    printf("\n  prompt, %s tokens\n%s    ", cli_number(number, end - start),
           page->has_colour ? COLOUR_DIM : COLOUR_NONE);
    if (tail > head)
    {
        print_flowing(tokens, start, head);
        printf("\n    ... %s more tokens, shown with --all ...\n    ",
               cli_number(number, tail - head));
        print_flowing(tokens, tail, end);
    }
    else
    {
        print_flowing(tokens, start, end);
    }
    printf("%s\n", page->has_colour ? COLOUR_END : COLOUR_NONE);
}

/* ---- tables --------------------------------------------------------------------------------- */

static const char *choose_colour(const row_page *page, const cli_shown_token *token)
{
    if (!page->has_colour)
    {
        return COLOUR_NONE;
    }
    if ((token->flags & LOBASS_TOKEN_SCORED) == 0)
    {
        return COLOUR_DIM;
    }
    if (page->initial == NULL || page->reference == NULL)
    {
        return COLOUR_NONE;
    }
    float drop = page->initial[token->scored_at] - page->reference[token->scored_at];
    if (drop >= WEAK_DROP)
    {
        return drop >= STRONG_DROP ? COLOUR_STRONG : COLOUR_WEAK;
    }
    return drop <= -WEAK_DROP ? COLOUR_RISE : COLOUR_NONE;
}

static void print_loss(bool is_there, double value)
{
    if (is_there)
    {
        printf(" %*.4f", LOSS_WIDTH, value);
    }
    else
    {
        printf(" %*s", LOSS_WIDTH, "");
    }
}

static void print_token(const row_page *page, size_t at)
{
    const cli_shown_row *shown = page->shown;
    const cli_shown_token *token = &shown->tokens[at];
    bool is_scored = (token->flags & LOBASS_TOKEN_SCORED) != 0;
    const char *colour = choose_colour(page, token);

    printf("%s%6zu %8d  %-8s %4u  %-6s", colour, at, (int)token->id, cli_token_kind(token->flags),
           (unsigned)token->turn, is_scored ? "yes" : "no");
    for (size_t i = 0; i < shown->n_models; i++)
    {
        bool is_there = is_scored && shown->losses[i] != NULL;
        print_loss(is_there, is_there ? (double)shown->losses[i][token->scored_at] : 0);
    }
    if (page->initial != NULL && page->reference != NULL)
    {
        print_loss(is_scored, is_scored ? (double)page->initial[token->scored_at] -
                                              (double)page->reference[token->scored_at]
                                        : 0);
    }
    fputs("  \"", stdout);
    cli_print_visible(stdout, token->text, token->size_bytes);
    printf("\"%s\n", colour[0] != '\0' ? COLOUR_END : COLOUR_NONE);
}

static void print_table(const row_page *page, size_t start, size_t end)
{
    const cli_shown_row *shown = page->shown;

    printf("\n%6s %8s  %-8s %4s  %-6s", "token", "id", "part", "turn", "scored");
    for (size_t i = 0; i < shown->n_models; i++)
    {
        printf(" %*.*s", LOSS_WIDTH, LOSS_WIDTH, lobass_run_model_at(shown->run, i)->name);
    }
    if (page->initial != NULL && page->reference != NULL)
    {
        printf(" %*s", LOSS_WIDTH, "drop");
    }
    fputs("  text\n", stdout);
    for (size_t i = start; i < end; i++)
    {
        print_token(page, i);
    }
}

/* The end of the stretch of prompt, or of response, that begins at START. */
static size_t find_end(const cli_shown_row *shown, size_t start)
{
    const unsigned response = LOBASS_TOKEN_RESPONSE | LOBASS_TOKEN_END;
    bool is_response = (shown->tokens[start].flags & response) != 0;
    size_t end = start + 1;

    while (end < shown->row.n_tokens && ((shown->tokens[end].flags & response) != 0) == is_response)
    {
        end++;
    }
    return end;
}

void cli_shown_row_print(const cli_shown_row *shown, bool is_whole)
{
    const row_page page = {.shown = shown,
                           .initial = cli_losses_find(shown, "initial"),
                           .reference = cli_losses_find(shown, "reference"),
                           .has_colour = cli_has_colour(stdout)};

    print_header(shown);
    if (is_whole && shown->row.n_tokens > 0)
    {
        print_table(&page, 0, shown->row.n_tokens);
        return;
    }
    for (size_t start = 0; start < shown->row.n_tokens;)
    {
        size_t end = find_end(shown, start);
        if ((shown->tokens[start].flags & (LOBASS_TOKEN_RESPONSE | LOBASS_TOKEN_END)) != 0)
        {
            print_table(&page, start, end);
        }
        else
        {
            print_prompt(&page, start, end);
        }
        start = end;
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A text, or a record without its last response, as the tokens that a model goes on from, just as a
 * frozen row begins (freeze.c): rendered (renderer.c) and made tokens (row_tokens.c) in the same
 * places. The end of the prompt is a forced split, as the beginning of a response is.
 */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

struct lb_prompter
{
    lb_renderer *renderer; /* NULL: only texts as they stand */
    lb_field_map *map;     /* NULL: none */
    lb_row_tokens *tokens;
    lb_arena arena; /* of the prompt at hand */
    char reason[LOBASS_ERROR_SIZE];
};

lobass_status lb_prompter_create(lb_prompter **prompter, const lobass_tokenizer *tokenizer,
                                 const lb_template *chosen, int32_t end_id, size_t n_vocabulary,
                                 lobass_error *error)
{
    *prompter = NULL;
    lb_prompter *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lobass_status status = LOBASS_OK;
    if (chosen != NULL)
    {
        LB_TRY_GOTO(lb_renderer_create(&made->renderer, chosen, tokenizer, error));
    }
    LB_TRY_GOTO(lb_row_tokens_create(&made->tokens, tokenizer, end_id, n_vocabulary, error));
    *prompter = made;
    made = NULL;
done:
    lb_prompter_free(made);
    return status;
}

lobass_status lb_prompter_map(lb_prompter *prompter, const char *fields, lobass_error *error)
{
    lb_field_map_free(prompter->map);
    return lb_field_map_create(&prompter->map, fields, error);
}

void lb_prompter_free(lb_prompter *prompter)
{
    if (prompter != NULL)
    {
        lb_field_map_free(prompter->map);
        lb_renderer_free(prompter->renderer);
        lb_row_tokens_free(prompter->tokens);
        lb_arena_free(&prompter->arena);
        free(prompter);
    }
}

/* What is wrong with a text is no failure; only memory is. */
static lobass_status mark_bad(lb_prompter *prompter, lb_prompt *prompt, lobass_status status,
                              const lobass_error *found, lobass_error *error)
{
    if (status == LOBASS_OUT_OF_MEMORY)
    {
        return lb_fail(error, status, "%s", found->message);
    }
    (void)snprintf(prompter->reason, sizeof prompter->reason, "%s", found->message);
    prompt->reason = prompter->reason;
    return LOBASS_OK;
}

static lobass_status finish(lb_prompter *prompter, lb_prompt *prompt, const lb_rendering *rendering,
                            lobass_error *error)
{
    lb_token_list list;
    lobass_error found = {0};
    const lobass_status status =
        lb_row_tokens_make(prompter->tokens, &list, rendering, (lb_row_rule){0}, &found);
    *prompt = (lb_prompt){.text = rendering->text, .size = rendering->size};
    if (status != LOBASS_OK)
    {
        return mark_bad(prompter, prompt, status, &found, error);
    }
    prompt->ids = list.ids;
    prompt->n_ids = list.count;
    return lb_row_tokens_check(prompter->tokens, list.count, error);
}

/* ---- what is said ------------------------------------------------------------------------------
 */

/* A text that nobody asks: as it stands. */
static lobass_status finish_text(lb_prompter *prompter, lb_prompt *prompt, const char *text,
                                 size_t size, lobass_error *error)
{
    const lb_text_piece piece = {.end = size, .message = LB_NO_MESSAGE, .is_record = true};
    const lb_rendering rendering = {
        .text = text, .size = size, .pieces = &piece, .n_pieces = size > 0 ? 1 : 0};
    return finish(prompter, prompt, &rendering, error);
}

/* The last message, where it is a response, is what the record has to say of it. */
static lobass_status converse(lb_prompter *prompter, lb_prompt *prompt,
                              const lb_conversation *conversation, lobass_error *error)
{
    lb_rendering rendering;
    lobass_error found = {0};
    lb_conversation asked = *conversation;
    const size_t n = conversation->n_messages;
    const lb_message *last = n > 0 ? &conversation->messages[n - 1] : NULL;
    const bool is_answered = last != NULL && last->role == LB_ROLE_ASSISTANT;
    asked.n_messages -= is_answered ? 1 : 0;
    const lobass_status status =
        lb_renderer_prompt(prompter->renderer, &rendering, &asked, &prompter->arena, &found);
    if (status != LOBASS_OK)
    {
        return mark_bad(prompter, prompt, status, &found, error);
    }
    LB_TRY(finish(prompter, prompt, &rendering, error));
    prompt->response = is_answered ? last->text : NULL;
    prompt->response_size = is_answered ? last->size : 0;
    return LOBASS_OK;
}

lobass_status lb_prompter_text(lb_prompter *prompter, lb_prompt *prompt, const char *text,
                               size_t size_bytes, lobass_error *error)
{
    lb_arena_reset(&prompter->arena);
    if (prompter->renderer == NULL)
    {
        return finish_text(prompter, prompt, text, size_bytes, error);
    }
    lb_message message = {.role = LB_ROLE_USER, .text = text, .size = size_bytes};
    const lb_conversation conversation = {.messages = &message, .n_messages = 1};
    return converse(prompter, prompt, &conversation, error);
}

lobass_status lb_prompter_record(lb_prompter *prompter, lb_prompt *prompt, const lb_record *record,
                                 lobass_error *error)
{
    lb_conversation conversation;
    lobass_error found = {0};
    *prompt = (lb_prompt){.text = ""};
    lb_arena_reset(&prompter->arena);
    const lobass_status status = lb_conversation_parse_prompt(
        &conversation, record->data, record->size, prompter->map, &prompter->arena, &found);
    if (status != LOBASS_OK)
    {
        return mark_bad(prompter, prompt, status, &found, error);
    }
    const lb_message *first = &conversation.messages[0];
    return first->role == LB_ROLE_TEXT
               ? finish_text(prompter, prompt, first->text, first->size, error)
               : converse(prompter, prompt, &conversation, error);
}

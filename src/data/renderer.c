/* SPDX-License-Identifier: Apache-2.0
 *
 * Renders conversations with a template of either kind: those that are built in (template.c) and a
 * model's own (chat_render.c), records and what a model is to answer.
 */
#include <stdlib.h>
#include <string.h>

#include "data/templates.h"

struct lb_renderer
{
    const lb_template *chosen;
    lb_chat *chat; /* NULL: a built-in template */
};

lobass_status lb_renderer_create(lb_renderer **renderer, const lb_template *chosen,
                                 const lobass_tokenizer *tokenizer, lobass_error *error)
{
    *renderer = NULL;
    lb_renderer *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->chosen = chosen;
    const lobass_status status =
        chosen->chat == NULL ? LOBASS_OK : lb_chat_create(&made->chat, chosen, tokenizer, error);
    if (status != LOBASS_OK)
    {
        lb_renderer_free(made);
        return status;
    }
    *renderer = made;
    return LOBASS_OK;
}

void lb_renderer_free(lb_renderer *renderer)
{
    if (renderer != NULL)
    {
        lb_chat_free(renderer->chat);
        free(renderer);
    }
}

/* A text is itself under every template. */
static bool is_text(const lb_conversation *conversation)
{
    return conversation->n_messages == 1 && conversation->messages[0].role == LB_ROLE_TEXT;
}

lobass_status lb_renderer_render(lb_renderer *renderer, lb_rendering *rendering,
                                 const lb_conversation *conversation, lb_arena *arena,
                                 lobass_error *error)
{
    if (renderer->chat != NULL && !is_text(conversation))
    {
        return lb_chat_render(renderer->chat, rendering, conversation, false, arena, error);
    }
    return lb_template_render(rendering, renderer->chosen, conversation, arena, error);
}

/* The messages with a response without text at their end. */
static lobass_status open_response(lb_conversation *opened, const lb_conversation *conversation,
                                   lb_arena *arena, lobass_error *error)
{
    const size_t n = conversation->n_messages;
    lb_message *messages = lb_arena_alloc(arena, n + 1, sizeof *messages, error);
    if (messages == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    if (n > 0)
    {
        memcpy(messages, conversation->messages, n * sizeof *messages);
    }
    messages[n] = (lb_message){.role = LB_ROLE_ASSISTANT, .text = ""};
    *opened = *conversation;
    opened->messages = messages;
    opened->n_messages = n + 1;
    return LOBASS_OK;
}

lobass_status lb_renderer_prompt(lb_renderer *renderer, lb_rendering *rendering,
                                 const lb_conversation *conversation, lb_arena *arena,
                                 lobass_error *error)
{
    if (renderer->chat != NULL)
    {
        return lb_chat_render(renderer->chat, rendering, conversation, true, arena, error);
    }
    lb_conversation opened;
    LB_TRY(open_response(&opened, conversation, arena, error));
    LB_TRY(lb_template_render(rendering, renderer->chosen, &opened, arena, error));
    rendering->n_responses--; /* the one to come */
    return LOBASS_OK;
}

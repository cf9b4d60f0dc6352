/* SPDX-License-Identifier: Apache-2.0
 *
 * A text, or a record without its last response, as the tokens that a model goes on from: [BOS]
 * tokens [end token after each earlier response], just as a frozen row begins (freeze.c). The edges
 * of responses are forced splits, and so is the end of the prompt; a special token's name in the
 * text is spelt out.
 */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

struct lb_prompter
{
    const lb_template *chosen; /* NULL: none */
    lb_special_ids special;
    int32_t end_id; /* -1: none */
    size_t n_vocabulary;
    lb_encoder *encoder;
    lb_arena arena; /* of the prompt at hand */
    lb_ids encoded; /* without BOS and end tokens */
    lb_ids ids;
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
    made->chosen = chosen;
    made->special = lb_tokenizer_special_ids(tokenizer);
    made->end_id = end_id;
    made->n_vocabulary = n_vocabulary;
    const lobass_status status = lb_encoder_create(&made->encoder, tokenizer, false, error);
    if (status != LOBASS_OK)
    {
        lb_prompter_free(made);
        return status;
    }
    *prompter = made;
    return LOBASS_OK;
}

void lb_prompter_free(lb_prompter *prompter)
{
    if (prompter != NULL)
    {
        lb_encoder_free(prompter->encoder);
        lb_arena_free(&prompter->arena);
        lb_ids_free(&prompter->encoded);
        lb_ids_free(&prompter->ids);
        free(prompter);
    }
}

/* ---- tokens ------------------------------------------------------------------------------------
 */

/* The edges of what was said before; those of the response to come are the end of the text. */
static lobass_status encode(lb_prompter *prompter, const lb_rendering *rendering, size_t **n_before,
                            lobass_error *error)
{
    const size_t n_edges = 2 * rendering->n_responses;
    size_t *edges = lb_arena_alloc(&prompter->arena, n_edges, sizeof *edges, error);
    *n_before = lb_arena_alloc(&prompter->arena, n_edges, sizeof **n_before, error);
    if (edges == NULL || *n_before == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t r = 0; r < rendering->n_responses; r++)
    {
        edges[2 * r] = rendering->responses[r].start;
        edges[2 * r + 1] = rendering->responses[r].end;
    }
    prompter->encoded.count = 0;
    return lb_encoder_encode(prompter->encoder, &prompter->encoded, rendering->text,
                             rendering->size, edges, n_edges, false, *n_before, error);
}

/* N_SAID responses are there to their end. */
static lobass_status assemble(lb_prompter *prompter, const size_t *n_before, size_t n_said,
                              lobass_error *error)
{
    const lb_ids *encoded = &prompter->encoded;
    size_t next = 0;
    prompter->ids.count = 0;
    if (prompter->special.adds_bos && prompter->special.bos >= 0)
    {
        LB_TRY(lb_ids_append(&prompter->ids, prompter->special.bos, error));
    }
    for (size_t r = 0; r < n_said; r++)
    {
        const size_t end = n_before[2 * r + 1];
        LB_TRY(lb_ids_append_list(&prompter->ids, encoded->values + next, end - next, error));
        next = end;
        if (prompter->end_id >= 0)
        {
            LB_TRY(lb_ids_append(&prompter->ids, prompter->end_id, error));
        }
    }
    return lb_ids_append_list(&prompter->ids, encoded->values + next, encoded->count - next, error);
}

static lobass_status check_vocabulary(const lb_prompter *prompter, lobass_error *error)
{
    for (size_t i = 0; i < prompter->ids.count; i++)
    {
        const int32_t id = prompter->ids.values[i];
        if (id < 0 || (size_t)id >= prompter->n_vocabulary)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "token %d is beyond the model's vocabulary of %zu", (int)id,
                           prompter->n_vocabulary);
        }
    }
    return LOBASS_OK;
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
                            size_t n_said, lobass_error *error)
{
    size_t *n_before = NULL;
    lobass_error found = {0};
    const lobass_status status = encode(prompter, rendering, &n_before, &found);
    *prompt = (lb_prompt){.text = rendering->text, .size = rendering->size};
    if (status != LOBASS_OK)
    {
        return mark_bad(prompter, prompt, status, &found, error);
    }
    LB_TRY(assemble(prompter, n_before, n_said, error));
    prompt->ids = prompter->ids.values;
    prompt->n_ids = prompter->ids.count;
    return check_vocabulary(prompter, error);
}

/* ---- what is said ------------------------------------------------------------------------------
 */

/* The messages with a response without text at their end, in place of the one that is there. */
static lobass_status open_response(lb_prompter *prompter, lb_conversation *conversation,
                                   lobass_error *error)
{
    const size_t n = conversation->n_messages;
    const bool is_answered = n > 0 && conversation->messages[n - 1].role == LB_ROLE_ASSISTANT;
    const size_t n_kept = is_answered ? n - 1 : n;
    lb_message *messages = lb_arena_alloc(&prompter->arena, n_kept + 1, sizeof *messages, error);
    if (messages == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    if (n_kept > 0)
    {
        memcpy(messages, conversation->messages, n_kept * sizeof *messages);
    }
    messages[n_kept] = (lb_message){.role = LB_ROLE_ASSISTANT, .text = ""};
    *conversation = (lb_conversation){.messages = messages, .n_messages = n_kept + 1};
    return LOBASS_OK;
}

static lobass_status converse(lb_prompter *prompter, lb_prompt *prompt,
                              lb_conversation *conversation, lobass_error *error)
{
    lb_rendering rendering;
    const lb_message last = conversation->messages[conversation->n_messages - 1];
    LB_TRY(open_response(prompter, conversation, error));
    LB_TRY(lb_template_render(&rendering, prompter->chosen, conversation, &prompter->arena, error));
    LB_TRY(finish(prompter, prompt, &rendering, rendering.n_responses - 1, error));
    if (last.role == LB_ROLE_ASSISTANT)
    {
        prompt->response = last.text;
        prompt->response_size = last.size;
    }
    return LOBASS_OK;
}

lobass_status lb_prompter_text(lb_prompter *prompter, lb_prompt *prompt, const char *text,
                               size_t size_bytes, lobass_error *error)
{
    lb_arena_reset(&prompter->arena);
    if (prompter->chosen == NULL)
    {
        const lb_rendering rendering = {.text = text, .size = size_bytes};
        return finish(prompter, prompt, &rendering, 0, error);
    }
    lb_message message = {.role = LB_ROLE_USER, .text = text, .size = size_bytes};
    lb_conversation conversation = {.messages = &message, .n_messages = 1};
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
        &conversation, record->data, record->size, &prompter->arena, &found);
    if (status != LOBASS_OK)
    {
        return mark_bad(prompter, prompt, status, &found, error);
    }
    if (conversation.messages[0].role == LB_ROLE_TEXT)
    {
        const lb_rendering rendering = {.text = conversation.messages[0].text,
                                        .size = conversation.messages[0].size};
        return finish(prompter, prompt, &rendering, 0, error);
    }
    return converse(prompter, prompt, &conversation, error);
}

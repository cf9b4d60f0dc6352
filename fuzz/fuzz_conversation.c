/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a record: it is refused with one line, or it is a conversation that every template
 * renders with ascending spans that hold the responses' own texts.
 */
#include "fuzz.h"

#include "data/data.h"

static void check_rendering(const lb_rendering *rendering, const lb_conversation *conversation)
{
    size_t r = 0, at = 0;
    for (size_t i = 0; i < conversation->n_messages; i++)
    {
        const lb_message *message = &conversation->messages[i];
        if (message->role != LB_ROLE_ASSISTANT && message->role != LB_ROLE_TEXT)
        {
            continue;
        }
        require(r < rendering->n_responses);
        const lb_span span = rendering->responses[r++];
        require(span.start >= at && span.end <= rendering->size);
        require(span.end - span.start == message->size);
        require(memcmp(rendering->text + span.start, message->text, message->size) == 0);
        at = span.end;
    }
    require(r == rendering->n_responses && r > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"alpaca", "alpaca-newline", "plain"};
    lb_arena arena = {0};
    lb_conversation conversation = {0};
    lobass_error error = {0};
    const lobass_status status =
        lb_conversation_parse(&conversation, (const char *)data, size, &arena, &error);
    require(status == LOBASS_OK || (status == LOBASS_BAD_FORMAT && error.message[0] != '\0' &&
                                    strchr(error.message, '\n') == NULL));
    fuzz_n_accepted += status == LOBASS_OK;
    for (size_t i = 0; status == LOBASS_OK && i < sizeof names / sizeof *names; i++)
    {
        const lb_template *chosen = NULL;
        lb_rendering rendering;
        require(lb_template_find(&chosen, names[i], &error) == LOBASS_OK);
        require(lb_template_render(&rendering, chosen, &conversation, &arena, &error) == LOBASS_OK);
        check_rendering(&rendering, &conversation);
    }
    /* What is a record is a prompt too, and a prompt has something to say. */
    const lobass_status open =
        lb_conversation_parse_prompt(&conversation, (const char *)data, size, &arena, &error);
    require(open == LOBASS_OK || (open == LOBASS_BAD_FORMAT && status != LOBASS_OK));
    require(open != LOBASS_OK || conversation.n_messages > 0);
    lb_arena_free(&arena);
    return 0;
}

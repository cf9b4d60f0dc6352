/* SPDX-License-Identifier: Apache-2.0
 *
 * A conversation as the built-in templates take it. They show who asks and who answers and nothing
 * else: system messages at the beginning become one, an empty one none; one that comes later stands
 * where it is, on the prompt's side, and so does what a tool gave back. Neighbours on the prompt's
 * side are joined with a newline; consecutive assistant messages remain turns of their own. A
 * record with more in it than that (tools, calls, reasoning) is refused by the name of what it has.
 */
#include "data/data.h"

#include <string.h>

static bool is_prompt_side(lb_role role)
{
    return role == LB_ROLE_USER || role == LB_ROLE_SYSTEM || role == LB_ROLE_TOOL;
}

/* Whether B continues A, which is or joined the system text when IS_OPENING. */
static bool is_joined(lb_role a, lb_role b, bool is_opening)
{
    return is_opening ? b == LB_ROLE_SYSTEM : is_prompt_side(a) && is_prompt_side(b);
}

/* One message out of COUNT neighbours: the first itself, or its texts in the arena. */
static lobass_status join_messages(lb_message *joined, const lb_message *messages, size_t count,
                                   lb_arena *arena, lobass_error *error)
{
    const lb_message *last = &messages[count - 1];
    *joined = messages[0];
    joined->fields = NULL;
    if (count == 1)
    {
        return LOBASS_OK;
    }
    joined->size = count - 1;
    for (size_t i = 0; i < count; i++)
    {
        joined->size += messages[i].size;
    }
    char *text = lb_arena_alloc(arena, joined->size + 1, 1, error);
    if (text == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    joined->text = text;
    for (size_t i = 0; i < count; i++)
    {
        if (i > 0)
        {
            *text++ = '\n';
        }
        memcpy(text, messages[i].text, messages[i].size);
        text += messages[i].size;
    }
    joined->input = last->input;
    joined->input_size = last->input_size;
    return LOBASS_OK;
}

lobass_status lb_conversation_join(lb_conversation *joined, const lb_conversation *conversation,
                                   lb_arena *arena, lobass_error *error)
{
    if (conversation->chat_only != NULL)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "field \"%s\": only a chat template can show it; expected --template chat",
                       conversation->chat_only);
    }
    const size_t n_messages = conversation->n_messages;
    lb_message *messages = lb_arena_alloc(arena, n_messages, sizeof *messages, error);
    if (messages == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    *joined = (lb_conversation){.messages = messages};
    for (size_t begin = 0, end = 0; begin < n_messages; begin = end)
    {
        const lb_message *first = &conversation->messages[begin];
        const bool is_opening = begin == 0 && first->role == LB_ROLE_SYSTEM;
        lb_message *message = &messages[joined->n_messages];
        for (end = begin + 1; end < n_messages; end++)
        {
            if (!is_joined(first->role, conversation->messages[end].role, is_opening))
            {
                break;
            }
        }
        LB_TRY(join_messages(message, first, end - begin, arena, error));
        if (is_prompt_side(message->role) && !is_opening)
        {
            message->role = LB_ROLE_USER;
        }
        joined->n_messages += !is_opening || message->size > 0;
    }
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What is to be told of a chat: the words of a row, and what of the record's text its rendering
 * does not have.
 */
#include <stdarg.h>
#include <string.h>

#include "data/templates.h"

#define REMARK_MOST 600 /* bytes; what is more is counted all the same */

static const struct
{
    const char *name, *meaning;
} notes[] = {
    [LOBASS_NOTE_SPECIAL_NAMES] = {"special_names",
                                   "names of special tokens in the text, which are letters there"},
    [LOBASS_NOTE_DROPPED] = {"dropped", "the template drops some of the text"},
    [LOBASS_NOTE_TRIMMED] = {"trimmed", "the template drops white space at the ends of texts"},
    [LOBASS_NOTE_MOVED] = {"moved", "the template mixes the texts of messages"},
    [LOBASS_NOTE_EDGE] = {"edge", "a turn is not shown as it is when it is written"},
    [LOBASS_NOTE_NO_END] = {"no_end", "a turn without an end token"},
    [LOBASS_NOTE_NOT_SCORED] = {"not_scored", "a turn that cannot be scored"},
};

const char *lobass_note_name(lobass_note note)
{
    return (unsigned)note < LOBASS_NOTE_COUNT ? notes[note].name : NULL;
}

const char *lobass_note_meaning(lobass_note note)
{
    return (unsigned)note < LOBASS_NOTE_COUNT ? notes[note].meaning : NULL;
}

const char *lobass_token_part_name(lobass_token_part part)
{
    static const char *const names[] = {
        [LOBASS_PART_NONE] = NULL,
        [LOBASS_PART_HEADER] = "header",
        [LOBASS_PART_CONTENT] = "content",
        [LOBASS_PART_REASONING] = "reasoning",
        [LOBASS_PART_TOOL_CALL] = "tool_call",
        [LOBASS_PART_END] = "end",
        [LOBASS_PART_NEWLINE] = "newline",
        [LOBASS_PART_TOOLS] = "tools",
    };
    return (unsigned)part < LOBASS_PART_COUNT ? names[part] : NULL;
}

void lb_chat_note(lb_chat *chat, lobass_note note, const char *format, ...)
{
    char line[256];
    va_list given;
    chat->notes |= 1U << (unsigned)note;
    va_start(given, format);
    (void)lb_print_list(line, sizeof line, format, given);
    va_end(given);
    if (line[0] != '\0' && chat->remark.size + strlen(line) < REMARK_MOST &&
        (chat->remark.size == 0 || lb_buffer_append_text(&chat->remark, "; ", NULL) == LOBASS_OK))
    {
        (void)lb_buffer_append_text(&chat->remark, line, NULL);
    }
}

static void note_field(lb_chat *chat, size_t message, lb_field field)
{
    static const char *const names[] = {[LB_FIELD_CONTENT] = "content",
                                        [LB_FIELD_REASONING] = "reasoning",
                                        [LB_FIELD_TOOL_CALL] = "tool calls"};
    const lb_said *said = &chat->said[message];
    if (said->printed[field] >= said->size[field])
    {
        return;
    }
    if (said->printed[field] >= said->size[field] - said->edges[field])
    {
        lb_chat_note(chat, LOBASS_NOTE_TRIMMED, "message %zu: the template trims white space",
                     message + 1);
        return;
    }
    lb_chat_note(chat, LOBASS_NOTE_DROPPED, "message %zu: the template drops %s%s", message + 1,
                 said->printed[field] > 0 ? "some of its " : "its ", names[field]);
}

void lb_chat_note_losses(lb_chat *chat)
{
    const lb_jinja_rendering *whole = &chat->whole;
    const size_t n = chat->conversation->n_messages;
    for (size_t run = 0, start = 0; run < whole->n_runs; start = whole->runs[run++].end)
    {
        const uint32_t origin = whole->runs[run].origin;
        const size_t message = origin == 0 ? SIZE_MAX : lb_origin_message(origin);
        if (message < n)
        {
            chat->said[message].printed[lb_origin_field(origin)] += whole->runs[run].end - start;
        }
    }
    for (size_t i = 0; i < n; i++)
    {
        note_field(chat, i, LB_FIELD_CONTENT);
        note_field(chat, i, LB_FIELD_REASONING);
        note_field(chat, i, LB_FIELD_TOOL_CALL);
    }
}

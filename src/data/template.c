/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates as data: a conversation as text, and where in it the responses stand. A text is a list
 * of blocks with a separator between them:
 *
 *   preamble | user label + text | input label + input | response label + RESPONSE | ...
 *
 * The preamble is the system message where there is one, else the template's own sentence (the one
 * for an input if the first user message has one), else absent. A message that is not there has no
 * block: a conversation may begin with a response, two responses may follow each other, and a user
 * message after the last response has nothing behind it.
 * Chat templates: chat_template.c. The Alpaca texts are those of the Stanford release
 * (tatsu-lab/stanford_alpaca, train.py).
 */
#include <string.h>

#include "data/templates.h"

#define ALPACA_PREAMBLE                               \
    "Below is an instruction that describes a task. " \
    "Write a response that appropriately completes the request."
#define ALPACA_PREAMBLE_WITH_INPUT                                              \
    "Below is an instruction that describes a task, paired with an input that " \
    "provides further context. "                                                \
    "Write a response that appropriately completes the request."

static const lb_template templates[] = {
    {.name = "alpaca",
     .preamble = ALPACA_PREAMBLE,
     .preamble_with_input = ALPACA_PREAMBLE_WITH_INPUT,
     .user_label = "### Instruction:\n",
     .input_label = "### Input:\n",
     .response_label = "### Response:",
     .separator = "\n\n"},
    {.name = "alpaca-newline",
     .preamble = ALPACA_PREAMBLE,
     .preamble_with_input = ALPACA_PREAMBLE_WITH_INPUT,
     .user_label = "### Instruction:\n",
     .input_label = "### Input:\n",
     .response_label = "### Response:\n",
     .separator = "\n\n"},
    {.name = "plain",
     .preamble = "",
     .preamble_with_input = "",
     .user_label = "",
     .input_label = "",
     .response_label = "",
     .separator = "\n"},
};

const char *lb_template_name_at(size_t index)
{
    return index < sizeof templates / sizeof *templates ? templates[index].name : NULL;
}

lobass_status lb_template_find(const lb_template **found, const char *name, lobass_error *error)
{
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++)
    {
        if (strcmp(templates[i].name, name) == 0)
        {
            *found = &templates[i];
            return LOBASS_OK;
        }
    }
    return lb_fail(error, LOBASS_UNSUPPORTED,
                   "template \"%s\" is not supported, expected alpaca, alpaca-newline or plain",
                   name);
}

const char *lb_template_name(const lb_template *chosen)
{
    return chosen->name;
}

const char *lb_template_user_label(const lb_template *chosen)
{
    return chosen->chat != NULL ? "" : chosen->user_label;
}

bool lb_text_is_blank(const char *text, size_t size)
{
    for (size_t i = 0; i < size;)
    {
        uint32_t character = 0;
        const size_t length = lb_utf8_take(&character, text + i, size - i);
        const bool has_no_width = character == 0x180E || character == 0x200B ||
                                  character == 0x2060 || character == 0xFEFF;
        if (length == 0 || (!lb_char_is_space(character) && !has_no_width))
        {
            return false;
        }
        i += length;
    }
    return true;
}

/* ---- rendering ---------------------------------------------------------------------------------
 */

/* Writes the same pieces twice: first without memory, for the size. */
typedef struct lb_writer
{
    char *data; /* NULL: count only */
    size_t size, n_blocks;
    lb_text_piece *pieces;
    size_t n_pieces;
    lb_span *responses;
    size_t n_responses;
    uint32_t message; /* at hand */
} lb_writer;

static void write_piece(lb_writer *writer, const char *text, size_t size, bool is_record)
{
    if (size == 0)
    {
        return;
    }
    if (writer->data != NULL)
    {
        memcpy(writer->data + writer->size, text, size);
        writer->pieces[writer->n_pieces] =
            (lb_text_piece){.end = writer->size + size,
                            .message = is_record ? writer->message : LB_NO_MESSAGE,
                            .is_record = is_record};
    }
    writer->n_pieces++;
    writer->size += size;
}

static void write_block(lb_writer *writer, const lb_template *chosen, const char *label,
                        const char *text, size_t size)
{
    if (writer->n_blocks++ > 0)
    {
        write_piece(writer, chosen->separator, strlen(chosen->separator), false);
    }
    write_piece(writer, label, strlen(label), false);
    write_piece(writer, text, size, true);
}

static void end_response(lb_writer *writer, const lb_message *message)
{
    if (writer->responses != NULL)
    {
        writer->responses[writer->n_responses] =
            (lb_span){.start = writer->size - message->size,
                      .end = writer->size,
                      .end_from = writer->size,
                      .end_to = writer->size,
                      .message = writer->message,
                      .is_context = message->is_context,
                      .has_text = !lb_text_is_blank(message->text, message->size)};
    }
    writer->n_responses++;
}

static void write_message(lb_writer *writer, const lb_template *chosen, const lb_message *message)
{
    switch (message->role)
    {
    case LB_ROLE_USER:
        write_block(writer, chosen, chosen->user_label, message->text, message->size);
        if (message->input != NULL)
        {
            write_block(writer, chosen, chosen->input_label, message->input, message->input_size);
        }
        break;
    case LB_ROLE_ASSISTANT:
        write_block(writer, chosen, chosen->response_label, message->text, message->size);
        end_response(writer, message);
        break;
    case LB_ROLE_TEXT:
        write_piece(writer, message->text, message->size, true);
        end_response(writer, message);
        break;
    case LB_ROLE_SYSTEM:
    case LB_ROLE_TOOL: /* never here: only chat templates show it (join.c) */
        write_block(writer, chosen, "", message->text, message->size);
        break;
    }
}

/* The template's own sentence; "" where a system message or a plain text stands instead. */
static const char *find_preamble(const lb_template *chosen, const lb_conversation *conversation)
{
    for (size_t i = 0; i < conversation->n_messages; i++)
    {
        const lb_message *message = &conversation->messages[i];
        if (message->role == LB_ROLE_SYSTEM || message->role == LB_ROLE_TEXT)
        {
            return "";
        }
        if (message->role == LB_ROLE_USER)
        {
            return message->input == NULL ? chosen->preamble : chosen->preamble_with_input;
        }
    }
    return chosen->preamble;
}

static void write_conversation(lb_writer *writer, const lb_template *chosen,
                               const lb_conversation *conversation)
{
    const char *preamble = find_preamble(chosen, conversation);
    if (*preamble != '\0')
    {
        write_block(writer, chosen, "", preamble, strlen(preamble));
    }
    for (size_t i = 0; i < conversation->n_messages; i++)
    {
        writer->message = (uint32_t)i;
        write_message(writer, chosen, &conversation->messages[i]);
    }
}

lobass_status lb_template_render(lb_rendering *rendering, const lb_template *chosen,
                                 const lb_conversation *conversation, lb_arena *arena,
                                 lobass_error *error)
{
    lb_conversation joined;
    lb_writer measured = {0};
    LB_TRY(lb_conversation_join(&joined, conversation, arena, error));
    write_conversation(&measured, chosen, &joined);
    lb_writer writer = {0};
    writer.responses = lb_arena_alloc(arena, measured.n_responses, sizeof *writer.responses, error);
    writer.pieces = lb_arena_alloc(arena, measured.n_pieces, sizeof *writer.pieces, error);
    if (writer.responses == NULL || writer.pieces == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    writer.data = lb_arena_alloc(arena, measured.size + 1, 1, error);
    if (writer.data == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    write_conversation(&writer, chosen, &joined);
    *rendering = (lb_rendering){.text = writer.data,
                                .size = writer.size,
                                .pieces = writer.pieces,
                                .n_pieces = writer.n_pieces,
                                .responses = writer.responses,
                                .n_responses = writer.n_responses};
    return LOBASS_OK;
}

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
 * The Alpaca texts are those of the Stanford release (tatsu-lab/stanford_alpaca, train.py).
 */
#include <string.h>

#include "data/data.h"

struct lb_template
{
    const char *name;
    const char *preamble, *preamble_with_input; /* "": no such block */
    const char *user_label, *input_label, *response_label;
    const char *separator;
};

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
    return chosen->user_label;
}

/* ---- rendering ---------------------------------------------------------------------------------
 */

/* Writes the same pieces twice: first without memory, for the size. */
typedef struct lb_writer
{
    char *data; /* NULL: count only */
    size_t size, n_blocks;
    lb_span *responses;
    size_t n_responses;
} lb_writer;

static void write_bytes(lb_writer *writer, const char *text, size_t size)
{
    if (writer->data != NULL && size > 0)
    {
        memcpy(writer->data + writer->size, text, size);
    }
    writer->size += size;
}

static void write_block(lb_writer *writer, const lb_template *chosen, const char *label,
                        const char *text, size_t size)
{
    if (writer->n_blocks++ > 0)
    {
        write_bytes(writer, chosen->separator, strlen(chosen->separator));
    }
    write_bytes(writer, label, strlen(label));
    write_bytes(writer, text, size);
}

static void end_response(lb_writer *writer, const lb_message *message)
{
    if (writer->responses != NULL)
    {
        writer->responses[writer->n_responses] =
            (lb_span){writer->size - message->size, writer->size, message->is_context};
    }
    writer->n_responses++;
}

static void write_message(lb_writer *writer, const lb_template *chosen, const lb_message *message)
{
    switch (message->role)
    {
    case LB_ROLE_USER:
    case LB_ROLE_TOOL:
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
        write_bytes(writer, message->text, message->size);
        end_response(writer, message);
        break;
    case LB_ROLE_SYSTEM:
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
        write_message(writer, chosen, &conversation->messages[i]);
    }
}

lobass_status lb_template_render(lb_rendering *rendering, const lb_template *chosen,
                                 const lb_conversation *conversation, lb_arena *arena,
                                 lobass_error *error)
{
    lb_writer measured = {0};
    write_conversation(&measured, chosen, conversation);
    lb_writer writer = {0};
    writer.responses = lb_arena_alloc(arena, measured.n_responses, sizeof *writer.responses, error);
    if (writer.responses == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    writer.data = lb_arena_alloc(arena, measured.size + 1, 1, error);
    if (writer.data == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    write_conversation(&writer, chosen, conversation);
    *rendering = (lb_rendering){writer.data, writer.size, writer.responses, writer.n_responses};
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Records in the schemas that trainers load, made of what was read of them (lb_conversation), so
 * that sources of several kinds become one. What is learned stays what was measured, or the record
 * is refused by name: a turn that is not learned must not become one that is. Schemas:
 *
 *   trl                TRL 1.16, conversational prompt/completion: a line for each learned turn
 *   messages           OpenAI; axolotl's chat_template (message_field_training: train)
 *   sharegpt, alpaca   LLaMA-Factory, by the columns of its documentation
 *   prompt-completion  TRL's standard prompt/completion: texts, no template
 */
#include "selection/convert.h"

#include <stdlib.h>
#include <string.h>

typedef lobass_status (*convert_function)(lb_converter *c, const lb_conversation *said,
                                          lobass_error *error);

typedef struct record_format
{
    lobass_record_format info;
    convert_function convert; /* NULL: their own bytes */
    bool is_plain;            /* user and assistant in turn, as the built-in templates take it */
} record_format;

struct lb_converter
{
    const record_format *format;
    bool has_tokens, only_last; /* of a record's turns its last alone is learned */
    lb_store *store;
    lb_field_map *map; /* the run's; NULL: none */
    lb_arena arena;
    lb_buffer lines;
    lb_json_writer writer; /* of the line that is written */
    const char *where;
};

/* ---- what is said -----------------------------------------------------------------------------
 */

static lobass_status refuse(const lb_converter *c, const char *what, const char *remedy,
                            lobass_error *error)
{
    return lb_fail(error, LOBASS_UNSUPPORTED, "%s: %s, which --format %s cannot hold; %s", c->where,
                   what, c->format->info.name, remedy);
}

/* As freeze.c has it: an assistant's, with text, that the record does not exempt. */
static bool may_be_learned(const lb_message *message)
{
    return message->role == LB_ROLE_ASSISTANT && !message->is_context &&
           (message->fields != NULL || !lb_text_is_blank(message->text, message->size));
}

static size_t last_assistant(const lb_conversation *said)
{
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < said->n_messages; i++)
    {
        last =
            said->messages[i].role == LB_ROLE_ASSISTANT && !said->messages[i].is_context ? i : last;
    }
    return last;
}

static bool is_learned(const lb_converter *c, const lb_conversation *said, size_t index)
{
    return may_be_learned(&said->messages[index]) &&
           (!c->only_last || index == last_assistant(said));
}

/* Whether every turn of an assistant is learned, which is what a schema without flags says. */
static bool is_all_learned(const lb_converter *c, const lb_conversation *said)
{
    for (size_t i = 0; i < said->n_messages; i++)
    {
        if (said->messages[i].role == LB_ROLE_ASSISTANT && !is_learned(c, said, i))
        {
            return false;
        }
    }
    return true;
}

static lobass_status check_plain(const lb_converter *c, const lb_conversation *said,
                                 lobass_error *error)
{
    return said->tools != NULL || said->chat_only != NULL
               ? refuse(c, "tools, or what only a chat template shows",
                        "--format trl and messages can", error)
               : LOBASS_OK;
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static void line_begin(lb_converter *c, lobass_error *error)
{
    c->writer = lb_json_writer_begin(&c->lines, false, error);
    lb_json_open(&c->writer, NULL, '{');
}

static lobass_status line_end(lb_converter *c, lobass_error *error)
{
    lb_json_close(&c->writer);
    return c->writer.status == LOBASS_OK ? lb_buffer_append(&c->lines, "\n", 1, error)
                                         : c->writer.status;
}

static void put_value(lb_converter *c, const char *key, const lb_value *value, lobass_error *error)
{
    lb_buffer text = {0};
    lobass_status status = lb_value_append(&text, value, error);
    if (status == LOBASS_OK)
    {
        lb_json_put_value(&c->writer, key, text.data);
    }
    else
    {
        c->writer.status = status;
    }
    lb_buffer_free(&text);
}

/* The text of a message; what Alpaca has as "input" stands on a line of its own behind it. */
static void put_text(lb_converter *c, const char *key, const lb_message *message,
                     lobass_error *error)
{
    lb_buffer both = {0};
    if (message->input == NULL)
    {
        lb_json_put_bytes(&c->writer, key, message->text, message->size);
        return;
    }
    lobass_status status = lb_buffer_append(&both, message->text, message->size, error);
    status = status == LOBASS_OK ? lb_buffer_append(&both, "\n", 1, error) : status;
    status = status == LOBASS_OK
                 ? lb_buffer_append(&both, message->input, message->input_size, error)
                 : status;
    if (status == LOBASS_OK)
    {
        lb_json_put_bytes(&c->writer, key, both.data, both.size);
    }
    else
    {
        c->writer.status = status;
    }
    lb_buffer_free(&both);
}

static const char *const role_names[] = {
    [LB_ROLE_SYSTEM] = "system",
    [LB_ROLE_USER] = "user",
    [LB_ROLE_ASSISTANT] = "assistant",
    [LB_ROLE_TOOL] = "tool",
};

/* The object FIELDS with TRAIN in it, as put_message() has it. */
static void put_fields(lb_converter *c, const lb_value *fields, int train, lobass_error *error)
{
    lb_buffer text = {0};
    lobass_status status = lb_value_append(&text, fields, error);
    if (status == LOBASS_OK && train >= 0)
    {
        text.size--; /* the closing bracket */
        status = lb_buffer_append_text(
            &text, train == 1 ? ", \"train\": true}" : ", \"train\": false}", error);
    }
    if (status == LOBASS_OK)
    {
        lb_json_put_value(&c->writer, NULL, text.data);
    }
    else
    {
        c->writer.status = status;
    }
    lb_buffer_free(&text);
}

/* TRAIN: 1 or 0 as a member, -1: none. */
static void put_message(lb_converter *c, const lb_message *message, int train, lobass_error *error)
{
    if (message->fields != NULL)
    {
        put_fields(c, message->fields, train, error);
        return;
    }
    lb_json_open(&c->writer, NULL, '{');
    lb_json_put_text(&c->writer, "role", role_names[message->role]);
    put_text(c, "content", message, error);
    if (train >= 0)
    {
        lb_json_put_boolean(&c->writer, "train", train == 1);
    }
    lb_json_close(&c->writer);
}

/* ---- schemas ----------------------------------------------------------------------------------
 */

static lobass_status convert_trl(lb_converter *c, const lb_conversation *said, lobass_error *error)
{
    for (size_t turn = 0; turn < said->n_messages; turn++)
    {
        if (!is_learned(c, said, turn))
        {
            continue;
        }
        line_begin(c, error);
        lb_json_open(&c->writer, "prompt", '[');
        for (size_t i = 0; i < turn; i++)
        {
            put_message(c, &said->messages[i], -1, error);
        }
        lb_json_close(&c->writer);
        lb_json_open(&c->writer, "completion", '[');
        put_message(c, &said->messages[turn], -1, error);
        lb_json_close(&c->writer);
        if (said->tools != NULL)
        {
            put_value(c, "tools", said->tools, error);
        }
        LB_TRY(line_end(c, error));
    }
    return LOBASS_OK;
}

static lobass_status convert_messages(lb_converter *c, const lb_conversation *said,
                                      lobass_error *error)
{
    const bool is_plain = is_all_learned(c, said);
    line_begin(c, error);
    lb_json_open(&c->writer, "messages", '[');
    for (size_t i = 0; i < said->n_messages; i++)
    {
        const bool has_flag = !is_plain && said->messages[i].role == LB_ROLE_ASSISTANT;
        put_message(c, &said->messages[i], has_flag ? is_learned(c, said, i) : -1, error);
    }
    lb_json_close(&c->writer);
    if (said->tools != NULL)
    {
        put_value(c, "tools", said->tools, error);
    }
    return line_end(c, error);
}

/* A system message, if any, then user and assistant in turn, the assistant's the last: *FIRST is
 * that of the first user. */
static lobass_status check_pairs(const lb_converter *c, const lb_conversation *said, size_t *first,
                                 lobass_error *error)
{
    *first = said->n_messages > 0 && said->messages[0].role == LB_ROLE_SYSTEM ? 1 : 0;
    bool is_paired = said->n_messages > *first && (said->n_messages - *first) % 2 == 0;
    for (size_t i = *first; i < said->n_messages; i++)
    {
        const bool is_user = (i - *first) % 2 == 0;
        is_paired =
            is_paired && said->messages[i].role == (is_user ? LB_ROLE_USER : LB_ROLE_ASSISTANT);
    }
    if (!is_paired)
    {
        return refuse(c, "turns other than user and assistant in pairs",
                      "--format trl and messages can", error);
    }
    return is_all_learned(c, said)
               ? LOBASS_OK
               : refuse(c, "a turn that is not to be learned, and this schema learns all",
                        "--format trl and messages can", error);
}

static lobass_status convert_sharegpt(lb_converter *c, const lb_conversation *said,
                                      lobass_error *error)
{
    size_t first = 0;
    LB_TRY(check_pairs(c, said, &first, error));
    line_begin(c, error);
    lb_json_open(&c->writer, "conversations", '[');
    for (size_t i = first; i < said->n_messages; i++)
    {
        lb_json_open(&c->writer, NULL, '{');
        lb_json_put_text(&c->writer, "from",
                         said->messages[i].role == LB_ROLE_USER ? "human" : "gpt");
        put_text(c, "value", &said->messages[i], error);
        lb_json_close(&c->writer);
    }
    lb_json_close(&c->writer);
    if (first > 0)
    {
        put_text(c, "system", &said->messages[0], error);
    }
    return line_end(c, error);
}

static lobass_status convert_alpaca(lb_converter *c, const lb_conversation *said,
                                    lobass_error *error)
{
    size_t first = 0;
    LB_TRY(check_pairs(c, said, &first, error));
    const lb_message *asked = &said->messages[said->n_messages - 2];
    line_begin(c, error);
    lb_json_put_bytes(&c->writer, "instruction", asked->text, asked->size);
    lb_json_put_bytes(&c->writer, "input", asked->input != NULL ? asked->input : "",
                      asked->input != NULL ? asked->input_size : 0);
    put_text(c, "output", asked + 1, error);
    if (first > 0)
    {
        put_text(c, "system", &said->messages[0], error);
    }
    if (said->n_messages - first > 2)
    {
        lb_json_open(&c->writer, "history", '[');
        for (size_t i = first; i + 2 < said->n_messages; i += 2)
        {
            lb_json_open(&c->writer, NULL, '[');
            put_text(c, NULL, &said->messages[i], error);
            put_text(c, NULL, &said->messages[i + 1], error);
            lb_json_close(&c->writer);
        }
        lb_json_close(&c->writer);
    }
    return line_end(c, error);
}

static lobass_status convert_texts(lb_converter *c, const lb_conversation *said,
                                   lobass_error *error)
{
    if (said->n_messages != 2 || said->messages[0].role != LB_ROLE_USER || !is_learned(c, said, 1))
    {
        return refuse(c, "more than one question and its answer", "--format trl and messages can",
                      error);
    }
    line_begin(c, error);
    put_text(c, "prompt", &said->messages[0], error);
    put_text(c, "completion", &said->messages[1], error);
    return line_end(c, error);
}

/* ---- the table --------------------------------------------------------------------------------
 */

static const record_format formats[] = {
    {{"records", "the records' own bytes", "whatever it makes of each source's own fields"},
     NULL,
     false},
    {{"trl", "{\"prompt\": [{role, content}, ...], \"completion\": [{role, content}]}",
      "TRL's SFTTrainer: the answer alone, by default (completion_only_loss); a line for each "
      "answer that is learned. With --tokens {\"input_ids\", \"labels\"}: the tokens that were "
      "measured (TRL cuts at max_length, 1024 by default)"},
     convert_trl,
     false},
    {{"messages", "{\"messages\": [{role, content}, ...]}",
      "axolotl (type: chat_template): the assistant's turns, without those of \"train\": false if "
      "told message_field_training: train. TRL: ALL tokens, questions too, unless the template has "
      "generation blocks and assistant_only_loss is set"},
     convert_messages,
     false},
    {{"sharegpt", "{\"conversations\": [{from, value}, ...], \"system\"}",
      "LLaMA-Factory (formatting: sharegpt; columns messages: conversations, system: system): "
      "every "
      "turn of gpt. TRL: ALL tokens"},
     convert_sharegpt,
     true},
    {{"alpaca", "{\"instruction\", \"input\", \"output\", \"system\", \"history\"}",
      "LLaMA-Factory (formatting: alpaca; columns prompt, query, response, system, history): "
      "output "
      "and the answers of history. axolotl (type: alpaca): output; it does not see history. TRL "
      "cannot load it"},
     convert_alpaca,
     true},
    {{"prompt-completion", "{\"prompt\": \"...\", \"completion\": \"...\"}",
      "TRL: the completion and an end token, with no template and nothing between the two"},
     convert_texts,
     true},
};

#define N_FORMATS (sizeof formats / sizeof *formats)

const lobass_record_format *lobass_record_format_at(size_t index)
{
    return index < N_FORMATS ? &formats[index].info : NULL;
}

/* ---- tokens -----------------------------------------------------------------------------------
 */

#define NOT_SCORED (-100) /* a label that losses pass over, by PyTorch's convention */

static lobass_status tokens_take(lb_converter *c, uint64_t number, lobass_error *error)
{
    lobass_row row;
    LB_TRY(lb_store_row_load(&row, c->store, number, error));
    line_begin(c, error);
    lb_json_open(&c->writer, "input_ids", '[');
    for (size_t i = 0; i < row.n_tokens; i++)
    {
        lb_json_put_integer(&c->writer, NULL, row.ids[i]);
    }
    lb_json_close(&c->writer);
    lb_json_open(&c->writer, "labels", '[');
    for (size_t i = 0; i < row.n_tokens; i++)
    {
        lb_json_put_integer(&c->writer, NULL,
                            (row.flags[i] & LOBASS_TOKEN_SCORED) != 0 ? row.ids[i] : NOT_SCORED);
    }
    lb_json_close(&c->writer);
    return line_end(c, error);
}

/* ---- the converter ----------------------------------------------------------------------------
 */

static lobass_status format_find(const record_format **found, const char *name, lobass_error *error)
{
    *found = &formats[0];
    for (size_t i = 0; i < N_FORMATS; i++)
    {
        if (name == NULL || strcmp(formats[i].info.name, name) == 0)
        {
            *found = &formats[i];
            return LOBASS_OK;
        }
    }
    return lb_fail(error, LOBASS_BAD_ARGUMENT, "format \"%s\" is none of `lobass select --help`",
                   name);
}

lobass_status lb_converter_create(lb_converter **converter, const lobass_select_options *options,
                                  lb_store *store, lobass_error *error)
{
    const record_format *format = NULL;
    lobass_format_options recorded;
    char *chat = NULL;
    *converter = NULL;
    LB_TRY(format_find(&format, options->format, error));
    if (options->has_tokens && format->convert != convert_trl)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "tokens are written with the format trl alone");
    }
    if (format->convert == NULL)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_format_options_load(&recorded, &chat, store, error));
    free(chat);
    lb_converter *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lobass_status status = lb_field_map_create(&made->map, recorded.fields, error);
    if (status != LOBASS_OK)
    {
        lb_converter_free(made);
        return status;
    }
    made->format = format;
    made->has_tokens = options->has_tokens;
    made->only_last = recorded.turns == LOBASS_TURNS_LAST;
    made->store = store;
    *converter = made;
    return LOBASS_OK;
}

void lb_converter_free(lb_converter *converter)
{
    if (converter != NULL)
    {
        lb_field_map_free(converter->map);
        lb_arena_free(&converter->arena);
        lb_buffer_free(&converter->lines);
        free(converter);
    }
}

static lobass_status conversation_take(lb_converter *c, const lb_record *record,
                                       lobass_error *error)
{
    lb_conversation said;
    lobass_error found = {0};
    lb_arena_reset(&c->arena);
    const lobass_status status =
        lb_conversation_parse(&said, record->data, record->size, c->map, &c->arena, &found);
    if (status != LOBASS_OK)
    {
        return lb_fail(error, status, "%s: %s", c->where, found.message);
    }
    if (said.n_messages > 0 && said.messages[0].role == LB_ROLE_TEXT)
    {
        return refuse(c, "plain text without an answer", "--format records and trl --tokens can",
                      error);
    }
    if (said.documents != NULL || said.variables != NULL)
    {
        return refuse(c, "documents or variables of a chat template", "--format records can",
                      error);
    }
    if (c->format->is_plain)
    {
        const lb_conversation whole = said;
        LB_TRY(check_plain(c, &whole, error));
        LB_TRY(lb_conversation_join(&said, &whole, &c->arena, error));
    }
    return c->format->convert(c, &said, error);
}

lobass_status lb_converter_take(lb_converter *converter, const lb_buffer **lines,
                                const lb_record *record, uint64_t row, const char *where,
                                lobass_error *error)
{
    converter->where = where;
    lb_buffer_clear(&converter->lines);
    LB_TRY(converter->has_tokens ? tokens_take(converter, row, error)
                                 : conversation_take(converter, record, error));
    *lines = &converter->lines;
    return LOBASS_OK;
}

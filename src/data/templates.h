/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to src/data: what a template is (template.c has those that are built in, chat_template.c
 * reads the others), and a chat under way: its values (chat_values.c), its renderings
 * (chat_render.c), where in them the turns stand (chat_turns.c) and what is to be told of it
 * (chat_remarks.c).
 */
#ifndef LB_DATA_TEMPLATES_H
#define LB_DATA_TEMPLATES_H

#include "data/data.h"

/* A chat template with its variables. */
typedef struct lb_chat_template
{
    lb_arena arena;
    lb_jinja_template *main, *tool_use; /* tool_use: where there are tools; NULL: main does it */
    const lb_value *special_tokens, *variables; /* objects */
    int64_t clock_seconds;                      /* that it sees */
    lobass_spans spans;
    bool writes_bos; /* or not, as it sees fit: it names the token */
} lb_chat_template;

struct lb_template
{
    const char *name;
    const char *preamble, *preamble_with_input; /* "": no such block */
    const char *user_label, *input_label, *response_label;
    const char *separator;
    lb_chat_template *chat; /* NULL: the texts above are all */
};

/* ---- origins: where a character of a rendering comes from (chat_values.c) ---------------------
 */

typedef enum lb_field
{
    LB_FIELD_CONTENT,
    LB_FIELD_REASONING,
    LB_FIELD_TOOL_CALL,   /* names and arguments that are text */
    LB_FIELD_CALL_DETAIL, /* numbers in them, ids, kinds: templates write them anew or not at all */
    LB_FIELD_OTHER,
    LB_FIELD_COUNT
} lb_field;

/* An origin is 0, the template, or 1 + message * 8 + field; the message behind the last one is the
 * record itself. */
static inline uint32_t lb_origin_message(uint32_t origin)
{
    return (origin - 1) / 8;
}
static inline lb_field lb_origin_field(uint32_t origin)
{
    return (lb_field)((origin - 1) % 8);
}

/* ---- a chat under way --------------------------------------------------------------------------
 */

/* What the record has of a message's text, by field, in bytes, and where. */
typedef struct lb_said
{
    size_t size[LB_FIELD_COUNT];
    size_t edges[LB_FIELD_COUNT];   /* of those, white space at the beginning or the end */
    size_t printed[LB_FIELD_COUNT]; /* bytes in the rendering */
} lb_said;

typedef struct lb_chat
{
    const lb_template *chosen;
    const lobass_tokenizer *tokenizer;
    lb_jinja *jinja;
    /* Of the conversation at hand. */
    const lb_conversation *conversation;
    const lb_jinja_template *jinja_template;
    lb_arena *arena;
    lb_jinja_value *messages; /* [n_messages] */
    lb_jinja_value tools, documents;
    lb_jinja_member *variables; /* [n_variables]; the first ones are those that change */
    size_t n_variables;
    lb_said *said; /* [n_messages] */
    lb_jinja_rendering whole;
    bool is_prompt; /* the whole ends with a generation prompt */
    /* What is told. */
    uint32_t notes;
    lb_buffer remark;
} lb_chat;

lobass_status lb_chat_values_make(lb_chat *chat, lobass_error *error);
/* A variable or a special token. IS_TRUSTED: of the template's side, so that names of special
 * tokens in it are these tokens; else of the record's. */
lobass_status lb_chat_variable_make(lb_chat *chat, lb_jinja_value *made, const lb_value *value,
                                    bool is_trusted, lobass_error *error);

/* The first N_MESSAGES, with a generation prompt or without. LOBASS_BAD_FORMAT: the template cannot
 * show them. */
lobass_status lb_chat_show(lb_chat *chat, lb_jinja_rendering *rendering, size_t n_messages,
                           bool is_prompt, lobass_error *error);

/* The spans of the turns of chat->whole. */
lobass_status lb_chat_turns_find(lb_chat *chat, lb_rendering *rendering, lobass_error *error);

/* Notes what is to be told; the words go to the remark as far as there is room. */
void lb_chat_note(lb_chat *chat, lobass_note note, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What of the record's text the rendering does not have. */
void lb_chat_note_losses(lb_chat *chat);
/* The text in pieces, with what each is. */
lobass_status lb_chat_pieces_make(lb_chat *chat, lb_rendering *rendering, lobass_error *error);

lobass_status lb_chat_create(lb_chat **chat, const lb_template *chosen,
                             const lobass_tokenizer *tokenizer, lobass_error *error);
void lb_chat_free(lb_chat *chat);
lobass_status lb_chat_render(lb_chat *chat, lb_rendering *rendering,
                             const lb_conversation *conversation, bool is_prompt, lb_arena *arena,
                             lobass_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * A conversation through a chat template: which of its templates, the variables as transformers
 * passes them (messages, tools, documents, add_generation_prompt, the special tokens that are set,
 * the caller's), and the rendering with its spans, pieces and what is to be told of it.
 */
#include <stdlib.h>
#include <string.h>

#include "data/templates.h"

enum
{
    VARIABLE_MESSAGES,
    VARIABLE_PROMPT, /* add_generation_prompt */
    VARIABLE_TOOLS,
    VARIABLE_DOCUMENTS,
    N_OWN_VARIABLES
};

lobass_status lb_chat_create(lb_chat **chat, const lb_template *chosen,
                             const lobass_tokenizer *tokenizer, lobass_error *error)
{
    const lb_jinja_limits limits = lb_jinja_limits_default();
    *chat = NULL;
    lb_chat *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->chosen = chosen;
    made->tokenizer = tokenizer;
    const lobass_status status = lb_jinja_create(&made->jinja, &limits, error);
    if (status != LOBASS_OK)
    {
        lb_chat_free(made);
        return status;
    }
    lb_jinja_set_clock(made->jinja, chosen->chat->clock_seconds);
    *chat = made;
    return LOBASS_OK;
}

void lb_chat_free(lb_chat *chat)
{
    if (chat != NULL)
    {
        lb_jinja_free(chat->jinja);
        lb_buffer_free(&chat->remark);
        free(chat);
    }
}

/* ---- variables ---------------------------------------------------------------------------------
 */

static const char *const own_names[] = {[VARIABLE_MESSAGES] = "messages",
                                        [VARIABLE_PROMPT] = "add_generation_prompt",
                                        [VARIABLE_TOOLS] = "tools",
                                        [VARIABLE_DOCUMENTS] = "documents"};

static lobass_status object_add(lb_chat *chat, const lb_value *object, bool is_trusted,
                                lobass_error *error)
{
    const lb_value *member = lb_value_is(object, LB_VALUE_OBJECT) ? object->first : NULL;
    for (; member != NULL; member = member->next)
    {
        lb_jinja_member *variable = &chat->variables[chat->n_variables++];
        *variable = (lb_jinja_member){.name = member->key, .size = strlen(member->key)};
        LB_TRY(lb_chat_variable_make(chat, &variable->value, member, is_trusted, error));
    }
    return LOBASS_OK;
}

static lobass_status refuse_own_names(const lb_value *object, lobass_error *error)
{
    for (size_t i = 0; i < N_OWN_VARIABLES; i++)
    {
        if (lb_value_get(object, own_names[i]) != NULL)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "a record's variables of the template: \"%s\" is not one of them",
                           own_names[i]);
        }
    }
    return LOBASS_OK;
}

static lobass_status variables_make(lb_chat *chat, lobass_error *error)
{
    const lb_chat_template *template = chat->chosen->chat;
    const lb_value *given[] = {template->special_tokens, chat->conversation->variables,
                               template->variables}; /* the last of a name counts */
    size_t count = N_OWN_VARIABLES;
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
    {
        count += given[i] == NULL ? 0 : given[i]->count;
    }
    chat->variables = lb_arena_alloc(chat->arena, count, sizeof *chat->variables, error);
    if (chat->variables == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < N_OWN_VARIABLES; i++)
    {
        chat->variables[i] = (lb_jinja_member){.name = own_names[i], .size = strlen(own_names[i])};
    }
    chat->variables[VARIABLE_TOOLS].value = chat->tools;
    chat->variables[VARIABLE_DOCUMENTS].value = chat->documents;
    chat->n_variables = N_OWN_VARIABLES;
    LB_TRY(refuse_own_names(given[1], error));
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
    {
        LB_TRY(object_add(chat, given[i], i != 1, error));
    }
    return LOBASS_OK;
}

lobass_status lb_chat_show(lb_chat *chat, lb_jinja_rendering *rendering, size_t n_messages,
                           bool is_prompt, lobass_error *error)
{
    LB_TRY(lb_jinja_list(chat->jinja, &chat->variables[VARIABLE_MESSAGES].value, chat->messages,
                         n_messages, error));
    chat->variables[VARIABLE_PROMPT].value = lb_jinja_boolean(is_prompt);
    return lb_jinja_render(chat->jinja, rendering, chat->jinja_template, chat->variables,
                           chat->n_variables, NULL, error);
}

/* ---- pieces ------------------------------------------------------------------------------------
 */

static const uint8_t parts_of_fields[] = {
    [LB_FIELD_CONTENT] = LOBASS_PART_CONTENT,     [LB_FIELD_REASONING] = LOBASS_PART_REASONING,
    [LB_FIELD_TOOL_CALL] = LOBASS_PART_TOOL_CALL, [LB_FIELD_CALL_DETAIL] = LOBASS_PART_TOOL_CALL,
    [LB_FIELD_OTHER] = LOBASS_PART_HEADER,
};

typedef struct piece_list
{
    lb_text_piece *pieces;
    size_t count;
} piece_list;

static void piece_add(piece_list *list, size_t end, lb_text_piece like)
{
    const size_t start = list->count > 0 ? list->pieces[list->count - 1].end : 0;
    if (end > start)
    {
        like.end = end;
        list->pieces[list->count++] = like;
    }
}

static lb_text_piece piece_of(const lb_chat *chat, uint32_t origin)
{
    lb_text_piece piece = {.message = LB_NO_MESSAGE, .part = LOBASS_PART_HEADER};
    if (origin != 0)
    {
        const uint32_t message = lb_origin_message(origin);
        const bool is_of_message = message < chat->conversation->n_messages;
        piece.is_record = true;
        piece.message = is_of_message ? message : LB_NO_MESSAGE;
        piece.part = is_of_message ? parts_of_fields[lb_origin_field(origin)] : LOBASS_PART_TOOLS;
    }
    return piece;
}

/* Where the pieces are made. */
typedef struct cutter
{
    const lb_chat *chat;
    const lb_rendering *rendering;
    piece_list list;
    size_t next; /* the response that is not over yet */
} cutter;

/* What the template writes in a turn is of what it stands beside: of the reasoning or the call
 * before it, else of what follows. */
static uint8_t part_beside(const lb_chat *chat, const lb_span *span, uint32_t before,
                           uint32_t after)
{
    const lb_text_piece left = piece_of(chat, before);
    const lb_text_piece right = piece_of(chat, after);
    if (left.message == span->message && left.part != LOBASS_PART_HEADER &&
        left.part != LOBASS_PART_CONTENT)
    {
        return left.part;
    }
    return right.message == span->message && right.part != LOBASS_PART_HEADER
               ? right.part
               : (uint8_t)LOBASS_PART_CONTENT;
}

static size_t blank_end(const char *text, size_t start, size_t end)
{
    while (start < end && lb_text_is_blank(text + start, 1))
    {
        start++;
    }
    return start;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The template's own text [START, END), which stands between text of the origins BEFORE and AFTER.
 */
static void cut_template(cutter *c, size_t start, size_t end, uint32_t before, uint32_t after)
{
    const lb_rendering *rendering = c->rendering;
    while (start < end)
    {
        while (c->next < rendering->n_responses && rendering->responses[c->next].end <= start)
        {
            c->next++;
        }
        const lb_span *over = c->next > 0 ? &rendering->responses[c->next - 1] : NULL;
        const lb_span *span =
            c->next < rendering->n_responses ? &rendering->responses[c->next] : NULL;
        const size_t turn = span == NULL ? SIZE_MAX : span->start;
        lb_text_piece piece = {.message = LB_NO_MESSAGE, .part = LOBASS_PART_HEADER};
        size_t stop = least(end, turn);
        if (start >= turn)
        {
            const bool is_before_end = start < span->end_from || span->end_from == span->end_to;
            const bool is_end = !is_before_end && start < span->end_to;
            piece.part = is_before_end ? part_beside(c->chat, span, before, after)
                         : is_end      ? LOBASS_PART_END
                                       : LOBASS_PART_NEWLINE;
            stop = is_end ? span->end_to : span->end;
            stop = least(end, start < span->end_from ? span->end_from : stop);
        }
        else if (over != NULL && over->end == start)
        {
            const size_t blank = blank_end(rendering->text, start, stop);
            piece.part = blank > start ? LOBASS_PART_NEWLINE : LOBASS_PART_HEADER;
            stop = blank > start ? blank : stop;
        }
        piece_add(&c->list, stop, piece);
        start = stop;
    }
}

lobass_status lb_chat_pieces_make(lb_chat *chat, lb_rendering *rendering, lobass_error *error)
{
    const lb_jinja_rendering *whole = &chat->whole;
    const size_t most = whole->n_runs + 6 * rendering->n_responses + 1;
    cutter c = {.chat = chat, .rendering = rendering};
    c.list.pieces = lb_arena_alloc(chat->arena, most, sizeof *c.list.pieces, error);
    if (c.list.pieces == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    size_t start = 0;
    for (size_t i = 0; i < whole->n_runs; i++)
    {
        const lb_jinja_run *run = &whole->runs[i];
        if (run->origin == 0)
        {
            cut_template(&c, start, run->end, i > 0 ? whole->runs[i - 1].origin : 0,
                         i + 1 < whole->n_runs ? whole->runs[i + 1].origin : 0);
        }
        else
        {
            piece_add(&c.list, run->end, piece_of(chat, run->origin));
        }
        start = run->end;
    }
    rendering->pieces = c.list.pieces;
    rendering->n_pieces = c.list.count;
    return LOBASS_OK;
}

/* What the record brings and the template does not so much as mention. */
static void note_unmentioned(lb_chat *chat)
{
    const lb_conversation *said = chat->conversation;
    const struct
    {
        const char *name;
        const lb_value *value;
    } lists[] = {{"tools", said->tools}, {"documents", said->documents}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    {
        if (lists[i].value != NULL && lists[i].value->count > 0 &&
            !lb_jinja_template_mentions(chat->jinja_template, lists[i].name))
        {
            lb_chat_note(chat, LOBASS_NOTE_DROPPED, "%s: the template does not mention them",
                         lists[i].name);
        }
    }
    const lb_value *variable = said->variables == NULL ? NULL : said->variables->first;
    for (; variable != NULL; variable = variable->next)
    {
        if (!lb_jinja_template_mentions(chat->jinja_template, variable->key))
        {
            lb_chat_note(chat, LOBASS_NOTE_DROPPED,
                         "the record's variable %.60s: the template does not mention it",
                         variable->key);
        }
    }
}

/* ---- the whole ---------------------------------------------------------------------------------
 */

lobass_status lb_chat_render(lb_chat *chat, lb_rendering *rendering,
                             const lb_conversation *conversation, bool is_prompt, lb_arena *arena,
                             lobass_error *error)
{
    const lb_chat_template *template = chat->chosen->chat;
    lb_jinja_reset(chat->jinja);
    lb_buffer_clear(&chat->remark);
    chat->notes = 0;
    chat->conversation = conversation;
    chat->arena = arena;
    chat->is_prompt = is_prompt;
    chat->jinja_template = template->tool_use != NULL && conversation->tools != NULL
                               ? template->tool_use
                               : template->main;
    LB_TRY(lb_chat_values_make(chat, error));
    LB_TRY(variables_make(chat, error));
    LB_TRY(lb_chat_show(chat, &chat->whole, conversation->n_messages, is_prompt, error));
    *rendering = (lb_rendering){.text = chat->whole.text,
                                .size = chat->whole.size,
                                .is_chat = true,
                                .has_bos = template->writes_bos};
    note_unmentioned(chat);
    LB_TRY(lb_chat_turns_find(chat, rendering, error));
    LB_TRY(lb_chat_pieces_make(chat, rendering, error));
    lb_chat_note_losses(chat);
    rendering->notes = chat->notes;
    rendering->remark = chat->remark.size > 0 ? chat->remark.data : NULL;
    return LOBASS_OK;
}

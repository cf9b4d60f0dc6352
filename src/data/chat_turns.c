/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the turns of a chat stand in its rendering: what the model would have to write of each.
 *
 * A turn begins where the template's generation prompt for the messages before it ends, which must
 * be how the rendering begins; it ends with the end token that the template writes behind the
 * turn's text where the chat ends with that turn, as far as the rendering has the same there. Both
 * take a rendering of their own; but what the template writes between two messages is mostly the
 * same for every turn, and the same text between them is cut in the same place, so that a row of
 * many turns takes about four renderings, and one of a single turn two.
 *
 * Every character knows the message that it is of, and that is the check: a turn in which another
 * message's text stands is not scored, and where a template cannot be asked, or answers otherwise
 * than it rendered, the turn's own text says where it is. {% generation %} blocks say what of a
 * turn is learned; the two edges hold for them as well, unless blocks are taken as they stand.
 */
#include "data/chat_turns.h"

/* ---- runs --------------------------------------------------------------------------------------
 */

static bool is_foreign(const lb_jinja_rendering *rendering, size_t run, size_t message)
{
    return rendering->runs[run].origin != 0 && !lb_run_is_of(rendering, run, message);
}

/* From the first run of the turn's own text at OFFSET or behind, all of it before another's. */
static void own_find(lb_turn *t, const lb_jinja_rendering *rendering, size_t offset)
{
    const size_t n = rendering->n_runs;
    size_t run = lb_run_at(rendering, offset);
    while (run < n && !lb_run_is_of(rendering, run, t->message))
    {
        run++;
    }
    t->first = run;
    t->last = run;
    t->own_from = run < n ? lb_run_start(rendering, run) : LB_NOWHERE;
    t->own_to = t->own_from;
    for (; run < n && !is_foreign(rendering, run, t->message); run++)
    {
        if (lb_run_is_of(rendering, run, t->message))
        {
            t->last = run + 1;
            t->own_to = rendering->runs[run].end;
        }
    }
    size_t before = t->first < n ? t->first : 0;
    while (before > 0 && rendering->runs[before - 1].origin == 0)
    {
        before--;
    }
    t->gap_from = lb_run_start(rendering, before);
}

static bool has_text(const lb_turns *all, size_t start, size_t end, size_t message)
{
    const lb_jinja_rendering *whole = all->whole;
    for (size_t run = lb_run_at(whole, start);
         run < whole->n_runs && lb_run_start(whole, run) < end; run++)
    {
        const size_t from = lb_run_start(whole, run) > start ? lb_run_start(whole, run) : start;
        const size_t to = whole->runs[run].end < end ? whole->runs[run].end : end;
        if (from < to && lb_run_is_of(whole, run, message) &&
            !lb_text_is_blank(whole->text + from, to - from))
        {
            return true;
        }
    }
    return false;
}

static bool has_foreign_text(const lb_turns *all, size_t start, size_t end, size_t message)
{
    const lb_jinja_rendering *whole = all->whole;
    for (size_t run = lb_run_at(whole, start);
         run < whole->n_runs && lb_run_start(whole, run) < end; run++)
    {
        if (is_foreign(whole, run, message))
        {
            return true;
        }
    }
    return false;
}

/* ---- where a turn begins -----------------------------------------------------------------------
 */

/* In what the template wrote before the turn's text: behind white space or a special token. */
static size_t begin_guess(const lb_turns *all, const lb_turn *t, size_t at)
{
    const char *text = all->whole->text;
    while (at > t->gap_from && text[at - 1] != '\n' && text[at - 1] != ' ' && text[at - 1] != '>')
    {
        at--;
    }
    return at;
}

static bool begin_known(const lb_turns *all, lb_turn *t)
{
    if (t->own_from == LB_NOWHERE)
    {
        return false;
    }
    const lb_known_gap *known = lb_gap_find(
        all->begins, all->n_begins, all->whole->text + t->gap_from, t->own_from - t->gap_from);
    t->span.start = known == NULL ? 0 : t->own_from - known->place;
    return known != NULL;
}

/* The generation prompt is not how the rendering goes on. */
static void begin_guessed(lb_turns *all, lb_turn *t, const lb_jinja_rendering *prompt)
{
    const size_t message = t->message + 1;
    if (t->own_from == LB_NOWHERE)
    {
        t->span.start = LB_NOWHERE;
        return;
    }
    size_t at = 0;
    if (prompt != NULL)
    {
        at = lb_common_size(prompt->text, prompt->size, all->whole->text, t->own_from);
    }
    if (at > t->gap_from)
    {
        t->span.start = begin_guess(all, t, at);
        lb_chat_note(all->chat, LOBASS_NOTE_EDGE,
                     "message %zu: the generation prompt is not what stands before it here: scored "
                     "from where they differ",
                     message);
        return;
    }
    t->span.start = t->own_from;
    lb_chat_note(all->chat, LOBASS_NOTE_EDGE,
                 "message %zu: %s: scored from its own first character", message,
                 prompt == NULL ? "the template shows no prompt for it"
                                : "what is before it is shown otherwise in a prompt");
}

/* Asks the template; false: what it shows before the turn is not how the rendering begins. */
static lobass_status begin_ask(lb_turns *all, lb_turn *t, bool *is_found,
                               lb_jinja_rendering *prompt, lobass_error *error)
{
    const lb_jinja_rendering *whole = all->whole;
    lobass_error found = {0};
    const lobass_status status = lb_chat_show(all->chat, prompt, t->message, true, &found);
    *is_found = false;
    if (status == LOBASS_OUT_OF_MEMORY)
    {
        return lb_fail(error, status, "%s", found.message);
    }
    if (status != LOBASS_OK)
    {
        prompt->text = NULL;
        return LOBASS_OK;
    }
    const bool is_prefix =
        prompt->size <= whole->size && memcmp(prompt->text, whole->text, prompt->size) == 0;
    if (is_prefix && t->own_from != LB_NOWHERE && prompt->size > t->own_from)
    {
        own_find(t, whole, prompt->size); /* some of it was moved to where no turn is */
    }
    *is_found = is_prefix && prompt->size >= t->gap_from;
    t->span.start = prompt->size;
    if (*is_found && t->own_from != LB_NOWHERE && all->n_begins < all->n_messages)
    {
        all->begins[all->n_begins++] = (lb_known_gap){.text = whole->text + t->gap_from,
                                                      .size = t->own_from - t->gap_from,
                                                      .place = t->own_from - t->span.start};
    }
    return LOBASS_OK;
}

/* The last turn is the one before which the template has changed nothing: where it is cut is where
 * others are, if the same text stands before them. */
static lobass_status begin_ask_last(lb_turns *all, lobass_error *error)
{
    size_t last = all->n_messages;
    while (last > 0 && all->chat->conversation->messages[last - 1].role != LB_ROLE_ASSISTANT)
    {
        last--;
    }
    lb_jinja_rendering prompt;
    bool is_found = false;
    lb_turn t = {.message = last - 1};
    own_find(&t, all->whole, 0);
    return last == 0 || t.own_from == LB_NOWHERE || begin_known(all, &t)
               ? LOBASS_OK
               : begin_ask(all, &t, &is_found, &prompt, error);
}

static lobass_status begin_find(lb_turns *all, lb_turn *t, lobass_error *error)
{
    lb_jinja_rendering prompt;
    bool is_found = false;
    if (begin_known(all, t))
    {
        return LOBASS_OK;
    }
    LB_TRY(begin_ask(all, t, &is_found, &prompt, error));
    if (is_found)
    {
        return LOBASS_OK;
    }
    LB_TRY(begin_ask_last(all, error));
    if (begin_known(all, t))
    {
        lb_chat_note(all->chat, LOBASS_NOTE_EDGE,
                     "message %zu: what is before it is shown otherwise in a prompt",
                     t->message + 1);
        return LOBASS_OK;
    }
    begin_guessed(all, t, prompt.text != NULL ? &prompt : NULL);
    return LOBASS_OK;
}

/* ---- spans -------------------------------------------------------------------------------------
 */

static void span_add(lb_turns *all, lb_span span)
{
    if (all->n_spans < all->capacity && span.start < span.end)
    {
        all->spans[all->n_spans++] = span;
    }
}

/* A turn, or what {% generation %} blocks leave of it. */
static void turn_add(lb_turns *all, const lb_turn *t)
{
    const lb_jinja_rendering *whole = all->whole;
    const lb_span *span = &t->span;
    if (!lb_jinja_template_has_generation(all->chat->jinja_template))
    {
        span_add(all, *span);
        return;
    }
    for (size_t b = 0; b < whole->n_blocks; b++)
    {
        const lb_jinja_block *block = &whole->blocks[b];
        lb_span part = *span;
        part.start = block->start > span->start ? block->start : span->start;
        part.end = block->end < span->end ? block->end : span->end;
        if (part.start >= part.end)
        {
            continue;
        }
        const bool has_end = span->end_from >= part.start && span->end_to <= part.end;
        part.end_from = has_end ? span->end_from : part.end;
        part.end_to = has_end ? span->end_to : part.end;
        span_add(all, part);
    }
}

static void note_not_scored(const lb_turns *all, const lb_turn *t, lobass_note note,
                            const char *why)
{
    if (!t->span.is_context)
    {
        lb_chat_note(all->chat, note, "message %zu: %s: not scored", t->message + 1, why);
        lb_chat_note(all->chat, LOBASS_NOTE_NOT_SCORED, "%s", "");
    }
}

/* A call, say, that the template does not know: what it shows is an answer all the same, and what
 * it drops is told. One of a message without text is none. */
static bool said_something(const lb_said *said)
{
    size_t size = 0;
    for (unsigned field = 0; field <= LB_FIELD_TOOL_CALL; field++)
    {
        size += said->size[field] - said->edges[field];
    }
    return size > 0;
}

static lobass_status turn_find(lb_turns *all, size_t message, lobass_error *error)
{
    const lb_message *said = &all->chat->conversation->messages[message];
    const size_t over = all->n_spans > 0 ? all->spans[all->n_spans - 1].end : 0;
    lb_turn t = {.message = message,
                 .span = {.message = (uint32_t)message, .is_context = said->is_context}};
    own_find(&t, all->whole, over);
    LB_TRY(begin_find(all, &t, error));
    if (t.span.start == LB_NOWHERE || t.span.start < over)
    {
        note_not_scored(all, &t, LOBASS_NOTE_MOVED, "it is not where its turn is");
        return LOBASS_OK;
    }
    if (t.own_from == LB_NOWHERE)
    {
        LB_TRY(lb_turn_end_of_empty(all, &t, error));
        t.span.has_text = said_something(&all->chat->said[message]);
        turn_add(all, &t);
        return LOBASS_OK;
    }
    if (has_foreign_text(all, t.span.start, t.own_to, message))
    {
        note_not_scored(all, &t, LOBASS_NOTE_MOVED, "text of another message stands in it");
        return LOBASS_OK;
    }
    LB_TRY(lb_turn_end_find(all, &t, error));
    t.span.has_text = has_text(all, t.span.start, t.span.end, message);
    turn_add(all, &t);
    return LOBASS_OK;
}

/* A block as it stands, of the assistant's message whose text it has. */
static void block_add(lb_turns *all, const lb_jinja_block *block)
{
    const lb_jinja_rendering *whole = all->whole;
    const lb_conversation *conversation = all->chat->conversation;
    lb_span span = {.start = block->start, .end = block->end, .message = LB_NO_MESSAGE};
    size_t own_to = block->start;
    for (size_t run = lb_run_at(whole, block->start);
         run < whole->n_runs && lb_run_start(whole, run) < block->end; run++)
    {
        const uint32_t origin = whole->runs[run].origin;
        const size_t message = origin == 0 ? SIZE_MAX : lb_origin_message(origin);
        if (message < conversation->n_messages &&
            conversation->messages[message].role == LB_ROLE_ASSISTANT)
        {
            span.message = (uint32_t)message;
            own_to = whole->runs[run].end < block->end ? whole->runs[run].end : block->end;
        }
    }
    const lb_end_place place =
        lb_end_in(all->chat->tokenizer, whole->text + own_to, block->end - own_to);
    span.end_from = own_to + place.from;
    span.end_to = own_to + place.to;
    if (place.n_groups == 0)
    {
        span.end_from = span.end;
        span.end_to = span.end;
    }
    span.is_context =
        span.message != LB_NO_MESSAGE && conversation->messages[span.message].is_context;
    span.has_text = true;
    if (all->n_spans == 0 || all->spans[all->n_spans - 1].end <= span.start)
    {
        span_add(all, span);
    }
}

lobass_status lb_chat_turns_find(lb_chat *chat, lb_rendering *rendering, lobass_error *error)
{
    const size_t n = chat->conversation->n_messages;
    lb_turns all = {.chat = chat, .whole = &chat->whole, .n_messages = n};
    all.capacity = n + chat->whole.n_blocks + n * (chat->whole.n_blocks > 0 ? 1 : 0);
    all.spans = lb_arena_alloc(chat->arena, all.capacity, sizeof *all.spans, error);
    all.begins = lb_arena_alloc(chat->arena, n, sizeof *all.begins, error);
    all.ends = lb_arena_alloc(chat->arena, n, sizeof *all.ends, error);
    if (all.spans == NULL || all.begins == NULL || all.ends == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    if (chat->chosen->chat->spans == LOBASS_SPANS_BLOCKS)
    {
        for (size_t b = 0; b < chat->whole.n_blocks; b++)
        {
            block_add(&all, &chat->whole.blocks[b]);
        }
    }
    for (size_t i = 0; chat->chosen->chat->spans == LOBASS_SPANS_PROMPT && i < n; i++)
    {
        LB_TRY(chat->conversation->messages[i].role == LB_ROLE_ASSISTANT ? turn_find(&all, i, error)
                                                                         : LOBASS_OK);
    }
    rendering->responses = all.spans;
    rendering->n_responses = all.n_spans;
    return LOBASS_OK;
}

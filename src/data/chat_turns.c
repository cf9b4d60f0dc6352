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
#include <string.h>

#include "data/templates.h"

#define NOWHERE SIZE_MAX

/* A text between two messages, and where in it a turn begins or ends. */
typedef struct known_gap
{
    const char *text;
    size_t size;
    size_t place, end_from; /* of a beginning, from the end of TEXT; else from its beginning */
} known_gap;

typedef struct turns
{
    lb_chat *chat;
    const lb_jinja_rendering *whole;
    lb_span *spans;
    size_t n_spans, capacity;
    known_gap *begins, *ends; /* [n_messages] at most */
    size_t n_begins, n_ends, n_messages;
} turns;

/* One turn while it is looked for. */
typedef struct turn
{
    size_t message;
    size_t first, last;    /* runs of the turn's own text, from FIRST to before LAST; equal: none */
    size_t gap_from;       /* where the text of another message ends before it */
    size_t own_from, own_to;
    lb_span span;
} turn;

/* ---- runs --------------------------------------------------------------------------------------
 */

static size_t run_start(const lb_jinja_rendering *rendering, size_t run)
{
    return run == 0 ? 0 : rendering->runs[run - 1].end;
}

static bool is_of(const lb_jinja_rendering *rendering, size_t run, size_t message)
{
    const uint32_t origin = rendering->runs[run].origin;
    return origin != 0 && lb_origin_message(origin) == message;
}

static bool is_foreign(const lb_jinja_rendering *rendering, size_t run, size_t message)
{
    return rendering->runs[run].origin != 0 && !is_of(rendering, run, message);
}

/* The run that has the byte at OFFSET; n_runs behind the last. */
static size_t run_at(const lb_jinja_rendering *rendering, size_t offset)
{
    size_t low = 0;
    size_t high = rendering->n_runs;
    while (low < high)
    {
        const size_t middle = low + (high - low) / 2;
        const bool is_before = rendering->runs[middle].end <= offset;
        low = is_before ? middle + 1 : low;
        high = is_before ? high : middle;
    }
    return low;
}

static size_t common_size(const char *a, size_t a_size, const char *b, size_t b_size)
{
    const size_t most = a_size < b_size ? a_size : b_size;
    size_t n = 0;
    while (n < most && a[n] == b[n])
    {
        n++;
    }
    return n;
}

/* From the first run of the turn's own text at OFFSET or behind, all of it before another's. */
static void own_find(turn *t, const lb_jinja_rendering *rendering, size_t offset)
{
    const size_t n = rendering->n_runs;
    size_t run = run_at(rendering, offset);
    while (run < n && !is_of(rendering, run, t->message))
    {
        run++;
    }
    t->first = run;
    t->last = run;
    t->own_from = run < n ? run_start(rendering, run) : NOWHERE;
    t->own_to = t->own_from;
    for (; run < n && !is_foreign(rendering, run, t->message); run++)
    {
        if (is_of(rendering, run, t->message))
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
    t->gap_from = run_start(rendering, before);
}

static bool has_text(const turns *all, size_t start, size_t end, size_t message)
{
    const lb_jinja_rendering *whole = all->whole;
    for (size_t run = run_at(whole, start); run < whole->n_runs && run_start(whole, run) < end;
         run++)
    {
        const size_t from = run_start(whole, run) > start ? run_start(whole, run) : start;
        const size_t to = whole->runs[run].end < end ? whole->runs[run].end : end;
        if (from < to && is_of(whole, run, message) &&
            !lb_text_is_blank(whole->text + from, to - from))
        {
            return true;
        }
    }
    return false;
}

static bool has_foreign_text(const turns *all, size_t start, size_t end, size_t message)
{
    const lb_jinja_rendering *whole = all->whole;
    for (size_t run = run_at(whole, start); run < whole->n_runs && run_start(whole, run) < end;
         run++)
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

static const known_gap *gap_find(const known_gap *gaps, size_t n, const char *text, size_t size)
{
    for (size_t i = 0; i < n; i++)
    {
        if (gaps[i].size == size && memcmp(gaps[i].text, text, size) == 0)
        {
            return &gaps[i];
        }
    }
    return NULL;
}

/* In what the template wrote before the turn's text: behind white space or a special token. */
static size_t begin_guess(const turns *all, const turn *t, size_t at)
{
    const char *text = all->whole->text;
    while (at > t->gap_from && text[at - 1] != '\n' && text[at - 1] != ' ' && text[at - 1] != '>')
    {
        at--;
    }
    return at;
}

static bool begin_known(const turns *all, turn *t)
{
    if (t->own_from == NOWHERE)
    {
        return false;
    }
    const known_gap *known = gap_find(all->begins, all->n_begins, all->whole->text + t->gap_from,
                                      t->own_from - t->gap_from);
    t->span.start = known == NULL ? 0 : t->own_from - known->place;
    return known != NULL;
}

/* The generation prompt is not how the rendering goes on. */
static void begin_guessed(turns *all, turn *t, const lb_jinja_rendering *prompt)
{
    const size_t message = t->message + 1;
    if (t->own_from == NOWHERE)
    {
        t->span.start = NOWHERE;
        return;
    }
    size_t at = 0;
    if (prompt != NULL)
    {
        at = common_size(prompt->text, prompt->size, all->whole->text, t->own_from);
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
static lobass_status begin_ask(turns *all, turn *t, bool *is_found, lb_jinja_rendering *prompt,
                               lobass_error *error)
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
    if (is_prefix && t->own_from != NOWHERE && prompt->size > t->own_from)
    {
        own_find(t, whole, prompt->size); /* some of it was moved to where no turn is */
    }
    *is_found = is_prefix && prompt->size >= t->gap_from;
    t->span.start = prompt->size;
    if (*is_found && t->own_from != NOWHERE && all->n_begins < all->n_messages)
    {
        all->begins[all->n_begins++] = (known_gap){.text = whole->text + t->gap_from,
                                                   .size = t->own_from - t->gap_from,
                                                   .place = t->own_from - t->span.start};
    }
    return LOBASS_OK;
}

/* The last turn is the one before which the template has changed nothing: where it is cut is where
 * others are, if the same text stands before them. */
static lobass_status begin_ask_last(turns *all, lobass_error *error)
{
    size_t last = all->n_messages;
    while (last > 0 && all->chat->conversation->messages[last - 1].role != LB_ROLE_ASSISTANT)
    {
        last--;
    }
    lb_jinja_rendering prompt;
    bool is_found = false;
    turn t = {.message = last - 1};
    own_find(&t, all->whole, 0);
    return last == 0 || t.own_from == NOWHERE || begin_known(all, &t)
               ? LOBASS_OK
               : begin_ask(all, &t, &is_found, &prompt, error);
}

static lobass_status begin_find(turns *all, turn *t, lobass_error *error)
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

/* ---- where a turn ends -------------------------------------------------------------------------
 */

/* What the template writes behind a turn, up to another text. */
typedef struct tail
{
    const char *text;
    size_t size;
} tail;

static tail tail_behind(const lb_jinja_rendering *rendering, size_t offset)
{
    const size_t run = run_at(rendering, offset);
    const bool is_template = run < rendering->n_runs && rendering->runs[run].origin == 0;
    return (tail){rendering->text + offset, is_template ? rendering->runs[run].end - offset : 0};
}

/* An end token in a tail, with special tokens right before it. */
typedef struct end_place
{
    size_t from, to;
    size_t n_groups; /* of special tokens with nothing between them; 0: there is no end token */
} end_place;

static bool is_end_token(const lobass_tokenizer *tokenizer, const char *text, size_t size)
{
    const int32_t eos = lb_tokenizer_special_ids(tokenizer).eos;
    const char *piece = eos < 0 ? NULL : lobass_tokenizer_piece(tokenizer, eos);
    return piece != NULL && strlen(piece) == size && memcmp(piece, text, size) == 0;
}

/* Within the first SIZE bytes of a tail: the tokenizer's own end token, behind which nothing is the
 * turn's, else the last special token; with those right before it. */
static end_place end_in(const lobass_tokenizer *tokenizer, const char *text, size_t size)
{
    end_place place = {0};
    end_place group = {0};
    size_t at = 0;
    bool is_own = false;
    lb_stretch found;
    while (lb_tokenizer_find_special(tokenizer, text, size, &at, &found))
    {
        const bool goes_on = group.n_groups > 0 && found.start == group.to;
        group.from = goes_on ? group.from : found.start;
        group.to = found.end;
        group.n_groups += goes_on ? 0 : 1;
        if (!is_own && is_end_token(tokenizer, text + found.start, found.end - found.start))
        {
            is_own = true;
            place = group;
        }
        else if (!is_own)
        {
            place = group;
        }
    }
    place.n_groups = group.n_groups;
    return place;
}

/* Behind a turn that has none alone: the end token may be written with the next message only. */
static end_place end_late(const lobass_tokenizer *tokenizer, const char *text, size_t size)
{
    size_t at = 0;
    lb_stretch found;
    if (lb_tokenizer_find_special(tokenizer, text, size, &at, &found) &&
        is_end_token(tokenizer, text + found.start, found.end - found.start) &&
        lb_text_is_blank(text, found.start))
    {
        return (end_place){found.start, found.end, 1};
    }
    return (end_place){0};
}

/* The turn's end as the template writes it when nothing follows: the run in which its own text ends
 * there, and the tail. */
static lobass_status ending_show(turns *all, const turn *t, bool is_prompt, size_t *last_size,
                                 const char **last_text, tail *behind, lobass_error *error)
{
    lb_jinja_rendering shown;
    lobass_error found = {0};
    *behind = (tail){NULL, 0};
    const lobass_status status = lb_chat_show(all->chat, &shown, t->message + 1, is_prompt, &found);
    if (status == LOBASS_OUT_OF_MEMORY)
    {
        return lb_fail(error, status, "%s", found.message);
    }
    if (status != LOBASS_OK)
    {
        return LOBASS_OK;
    }
    for (size_t run = shown.n_runs; run-- > 0 && behind->text == NULL;)
    {
        if (is_of(&shown, run, t->message))
        {
            *last_text = shown.text + run_start(&shown, run);
            *last_size = shown.runs[run].end - run_start(&shown, run);
            *behind = tail_behind(&shown, shown.runs[run].end);
        }
    }
    return LOBASS_OK;
}

/* The turn's end as it is written where something follows: before a generation prompt, without
 * that. Empty where the template does not add it to what it shows anyway. */
static lobass_status ending_show_followed(turns *all, const turn *t, tail *behind,
                                          lobass_error *error)
{
    lb_jinja_rendering before;
    lb_jinja_rendering prompt;
    lobass_error found = {0};
    const char *last_text = NULL;
    size_t last_size = 0;
    LB_TRY(ending_show(all, t, true, &last_size, &last_text, behind, error));
    lobass_status status = lb_chat_show(all->chat, &before, t->message, false, &found);
    status =
        status == LOBASS_OK ? lb_chat_show(all->chat, &prompt, t->message, true, &found) : status;
    if (status == LOBASS_OUT_OF_MEMORY)
    {
        return lb_fail(error, status, "%s", found.message);
    }
    const bool is_added = status == LOBASS_OK && prompt.size > before.size &&
                          memcmp(prompt.text, before.text, before.size) == 0;
    const size_t added = is_added ? prompt.size - before.size : 0;
    const bool ends_so =
        is_added && behind->size >= added &&
        memcmp(behind->text + behind->size - added, prompt.text + before.size, added) == 0;
    behind->size = ends_so ? behind->size - added : 0;
    return LOBASS_OK;
}

/* The turn's text ends with the first run that ends as it does alone. */
static bool own_end_settle(const turns *all, turn *t, const char *last_text, size_t last_size,
                           tail alone)
{
    const lb_jinja_rendering *whole = all->whole;
    for (size_t run = t->first; run < t->last; run++)
    {
        const size_t start = run_start(whole, run);
        const size_t end = whole->runs[run].end;
        const tail here = tail_behind(whole, end);
        const size_t common = common_size(here.text, here.size, alone.text, alone.size);
        const bool is_same = is_of(whole, run, t->message) && end - start == last_size &&
                             memcmp(whole->text + start, last_text, last_size) == 0;
        if (is_same && (common == alone.size || common == here.size ||
                        end_in(all->chat->tokenizer, here.text, common).n_groups > 0))
        {
            t->last = run + 1;
            t->own_to = end;
            return true;
        }
    }
    return false;
}

/* As the end of a turn is written where it has a tail of SIZE bytes in common with itself alone. */
static lobass_status end_choose(turns *all, const turn *t, tail here, size_t common,
                                end_place *place, lobass_error *error)
{
    const lobass_tokenizer *tokenizer = all->chat->tokenizer;
    *place = end_in(tokenizer, here.text, common);
    if (place->n_groups > 1)
    {
        /* One that is not written where the chat goes on is the end of the chat. */
        tail asked = {NULL, 0};
        const char *last_text = NULL;
        size_t last_size = 0;
        LB_TRY(ending_show(all, t, true, &last_size, &last_text, &asked, error));
        const size_t shared = common_size(here.text, common, asked.text, asked.size);
        const end_place closer = end_in(tokenizer, here.text, shared);
        *place = closer.n_groups > 0 ? closer : *place;
    }
    if (place->n_groups == 0)
    {
        tail followed = {NULL, 0};
        LB_TRY(ending_show_followed(all, t, &followed, error));
        const size_t shared = common_size(here.text, here.size, followed.text, followed.size);
        *place = end_in(tokenizer, here.text, shared);
    }
    *place = place->n_groups > 0 ? *place : end_late(tokenizer, here.text, here.size);
    return LOBASS_OK;
}

/* No end token: the turn ends with the last of what the template writes for it. */
static end_place end_without_token(tail here, size_t common)
{
    while (common > 0 && lb_text_is_blank(here.text + common - 1, 1))
    {
        common--;
    }
    return (end_place){common, common, 0};
}

/* Where in its tail a turn that was shown ends. */
static void end_set(turns *all, turn *t, size_t from, size_t to)
{
    t->span.end_from = t->own_to + from;
    t->span.end_to = t->own_to + to;
    t->span.end = t->span.end_to;
    if (from == to)
    {
        lb_chat_note(all->chat, LOBASS_NOTE_NO_END,
                     "message %zu: the template writes no end token behind it", t->message + 1);
    }
}

static lobass_status end_find(turns *all, turn *t, lobass_error *error)
{
    const lb_jinja_rendering *whole = all->whole;
    const bool is_last =
        t->message + 1 == all->chat->conversation->n_messages && !all->chat->is_prompt;
    const size_t last_own = t->last;
    tail here = tail_behind(whole, t->own_to);
    size_t common = here.size;
    end_place place = {0};
    const known_gap *known = gap_find(all->ends, all->n_ends, here.text, here.size);
    if (known != NULL)
    {
        end_set(all, t, known->end_from, known->place);
        return LOBASS_OK;
    }
    if (!is_last)
    {
        tail alone = {NULL, 0};
        const char *last_text = NULL;
        size_t last_size = 0;
        LB_TRY(ending_show(all, t, false, &last_size, &last_text, &alone, error));
        if (alone.text == NULL || !own_end_settle(all, t, last_text, last_size, alone))
        {
            alone = (tail){here.text, 0};
        }
        here = tail_behind(whole, t->own_to);
        common = common_size(here.text, here.size, alone.text, alone.size);
    }
    LB_TRY(end_choose(all, t, here, common, &place, error));
    place = place.n_groups > 0 ? place : end_without_token(here, common);
    end_set(all, t, place.from, place.to);
    if (!is_last && t->last == last_own && all->n_ends < all->n_messages)
    {
        all->ends[all->n_ends++] = (known_gap){
            .text = here.text, .size = here.size, .place = place.to, .end_from = place.from};
    }
    return LOBASS_OK;
}

/* A turn of whose text nothing is shown: as far as the template writes the same where it is the
 * last. */
static lobass_status end_of_empty(turns *all, turn *t, lobass_error *error)
{
    const lb_jinja_rendering *whole = all->whole;
    lb_jinja_rendering shown;
    lobass_error found = {0};
    const lobass_status status = lb_chat_show(all->chat, &shown, t->message + 1, false, &found);
    if (status == LOBASS_OUT_OF_MEMORY)
    {
        return lb_fail(error, status, "%s", found.message);
    }
    const size_t common = status == LOBASS_OK ? common_size(shown.text, shown.size, whole->text,
                                                            whole->size)
                                              : 0;
    const size_t end = common > t->span.start ? common : t->span.start;
    const char *text = whole->text + t->span.start;
    const tail here = tail_behind(whole, t->span.start);
    end_place place = end_in(all->chat->tokenizer, text, end - t->span.start);
    place = place.n_groups > 0 ? place : end_late(all->chat->tokenizer, text, here.size);
    t->span.end = place.n_groups > 0 ? t->span.start + place.to : end;
    t->span.end_from = place.n_groups > 0 ? t->span.start + place.from : end;
    t->span.end_to = t->span.end;
    return LOBASS_OK;
}

/* ---- spans -------------------------------------------------------------------------------------
 */

static void span_add(turns *all, lb_span span)
{
    if (all->n_spans < all->capacity && span.start < span.end)
    {
        all->spans[all->n_spans++] = span;
    }
}

/* A turn, or what {% generation %} blocks leave of it. */
static void turn_add(turns *all, const turn *t)
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

static void note_not_scored(const turns *all, const turn *t, lobass_note note, const char *why)
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

static lobass_status turn_find(turns *all, size_t message, lobass_error *error)
{
    const lb_message *said = &all->chat->conversation->messages[message];
    const size_t over = all->n_spans > 0 ? all->spans[all->n_spans - 1].end : 0;
    turn t = {.message = message,
              .span = {.message = (uint32_t)message, .is_context = said->is_context}};
    own_find(&t, all->whole, over);
    LB_TRY(begin_find(all, &t, error));
    if (t.span.start == NOWHERE || t.span.start < over)
    {
        note_not_scored(all, &t, LOBASS_NOTE_MOVED, "it is not where its turn is");
        return LOBASS_OK;
    }
    if (t.own_from == NOWHERE)
    {
        LB_TRY(end_of_empty(all, &t, error));
        t.span.has_text = said_something(&all->chat->said[message]);
        turn_add(all, &t);
        return LOBASS_OK;
    }
    if (has_foreign_text(all, t.span.start, t.own_to, message))
    {
        note_not_scored(all, &t, LOBASS_NOTE_MOVED, "text of another message stands in it");
        return LOBASS_OK;
    }
    LB_TRY(end_find(all, &t, error));
    t.span.has_text = has_text(all, t.span.start, t.span.end, message);
    turn_add(all, &t);
    return LOBASS_OK;
}

/* A block as it stands, of the assistant's message whose text it has. */
static void block_add(turns *all, const lb_jinja_block *block)
{
    const lb_jinja_rendering *whole = all->whole;
    const lb_conversation *conversation = all->chat->conversation;
    lb_span span = {.start = block->start, .end = block->end, .message = LB_NO_MESSAGE};
    size_t own_to = block->start;
    for (size_t run = run_at(whole, block->start);
         run < whole->n_runs && run_start(whole, run) < block->end; run++)
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
    const end_place place =
        end_in(all->chat->tokenizer, whole->text + own_to, block->end - own_to);
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
    turns all = {.chat = chat, .whole = &chat->whole, .n_messages = n};
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
        LB_TRY(chat->conversation->messages[i].role == LB_ROLE_ASSISTANT
                   ? turn_find(&all, i, error)
                   : LOBASS_OK);
    }
    rendering->responses = all.spans;
    rendering->n_responses = all.n_spans;
    return LOBASS_OK;
}

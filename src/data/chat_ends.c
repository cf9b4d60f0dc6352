/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a chat's turn ends: with the end token that the template writes behind the turn's text
 * where the chat ends with that turn, as far as the rendering has the same there; else with one
 * that it writes where something follows, or with the next message. What ends the whole chat, and
 * headers that a template always adds, are not the turn's.
 */
#include "data/chat_turns.h"

/* What the template writes behind a turn, up to another text. */
typedef struct tail
{
    const char *text;
    size_t size;
} tail;

static tail tail_behind(const lb_jinja_rendering *rendering, size_t offset)
{
    const size_t run = lb_run_at(rendering, offset);
    const bool is_template = run < rendering->n_runs && rendering->runs[run].origin == 0;
    return (tail){rendering->text + offset, is_template ? rendering->runs[run].end - offset : 0};
}

static bool is_end_token(const lobass_tokenizer *tokenizer, const char *text, size_t size)
{
    const int32_t eos = lb_tokenizer_special_ids(tokenizer).eos;
    const char *piece = eos < 0 ? NULL : lobass_tokenizer_piece(tokenizer, eos);
    return piece != NULL && strlen(piece) == size && memcmp(piece, text, size) == 0;
}

/* Within the first SIZE bytes of a tail: the tokenizer's own end token, behind which nothing is the
 * turn's, else the last special token; with those right before it. */
lb_end_place lb_end_in(const lobass_tokenizer *tokenizer, const char *text, size_t size)
{
    lb_end_place place = {0};
    lb_end_place group = {0};
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
static lb_end_place end_late(const lobass_tokenizer *tokenizer, const char *text, size_t size)
{
    size_t at = 0;
    lb_stretch found;
    if (lb_tokenizer_find_special(tokenizer, text, size, &at, &found) &&
        is_end_token(tokenizer, text + found.start, found.end - found.start) &&
        lb_text_is_blank(text, found.start))
    {
        return (lb_end_place){found.start, found.end, 1};
    }
    return (lb_end_place){0};
}

/* The turn's end as the template writes it when nothing follows: the run in which its own text ends
 * there, and the tail. */
static lobass_status ending_show(lb_turns *all, const lb_turn *t, bool is_prompt, size_t *last_size,
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
        if (lb_run_is_of(&shown, run, t->message))
        {
            *last_text = shown.text + lb_run_start(&shown, run);
            *last_size = shown.runs[run].end - lb_run_start(&shown, run);
            *behind = tail_behind(&shown, shown.runs[run].end);
        }
    }
    return LOBASS_OK;
}

/* The turn's end as it is written where something follows: before a generation prompt, without
 * that. Empty where the template does not add it to what it shows anyway. */
static lobass_status ending_show_followed(lb_turns *all, const lb_turn *t, tail *behind,
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
        is_added && behind->text != NULL && behind->size >= added &&
        memcmp(behind->text + behind->size - added, prompt.text + before.size, added) == 0;
    behind->size = ends_so ? behind->size - added : 0;
    return LOBASS_OK;
}

/* The turn's text ends with the first run that ends as it does alone. */
static bool own_end_settle(const lb_turns *all, lb_turn *t, const char *last_text, size_t last_size,
                           tail alone)
{
    const lb_jinja_rendering *whole = all->whole;
    for (size_t run = t->first; run < t->last; run++)
    {
        const size_t start = lb_run_start(whole, run);
        const size_t end = whole->runs[run].end;
        const tail here = tail_behind(whole, end);
        const size_t common = lb_common_size(here.text, here.size, alone.text, alone.size);
        const bool is_same = lb_run_is_of(whole, run, t->message) && end - start == last_size &&
                             memcmp(whole->text + start, last_text, last_size) == 0;
        if (is_same && (common == alone.size || common == here.size ||
                        lb_end_in(all->chat->tokenizer, here.text, common).n_groups > 0))
        {
            t->last = run + 1;
            t->own_to = end;
            return true;
        }
    }
    return false;
}

/* As the end of a turn is written where it has a tail of SIZE bytes in common with itself alone. */
static lobass_status end_choose(lb_turns *all, const lb_turn *t, tail here, size_t common,
                                lb_end_place *place, lobass_error *error)
{
    const lobass_tokenizer *tokenizer = all->chat->tokenizer;
    *place = lb_end_in(tokenizer, here.text, common);
    if (place->n_groups > 1)
    {
        /* One that is not written where the chat goes on is the end of the chat. */
        tail asked = {NULL, 0};
        const char *last_text = NULL;
        size_t last_size = 0;
        LB_TRY(ending_show(all, t, true, &last_size, &last_text, &asked, error));
        const size_t shared = lb_common_size(here.text, common, asked.text, asked.size);
        const lb_end_place closer = lb_end_in(tokenizer, here.text, shared);
        *place = closer.n_groups > 0 ? closer : *place;
    }
    if (place->n_groups == 0)
    {
        tail followed = {NULL, 0};
        LB_TRY(ending_show_followed(all, t, &followed, error));
        const size_t shared = lb_common_size(here.text, here.size, followed.text, followed.size);
        *place = lb_end_in(tokenizer, here.text, shared);
    }
    *place = place->n_groups > 0 ? *place : end_late(tokenizer, here.text, here.size);
    return LOBASS_OK;
}

/* No end token: the turn ends with the last of what the template writes for it. */
static lb_end_place end_without_token(tail here, size_t common)
{
    while (common > 0 && lb_text_is_blank(here.text + common - 1, 1))
    {
        common--;
    }
    return (lb_end_place){common, common, 0};
}

/* Where in its tail a turn that was shown ends. */
static void end_set(lb_turns *all, lb_turn *t, size_t from, size_t to)
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

lobass_status lb_turn_end_find(lb_turns *all, lb_turn *t, lobass_error *error)
{
    const lb_jinja_rendering *whole = all->whole;
    const bool is_last =
        t->message + 1 == all->chat->conversation->n_messages && !all->chat->is_prompt;
    const size_t last_own = t->last;
    tail here = tail_behind(whole, t->own_to);
    size_t common = here.size;
    lb_end_place place = {0};
    const lb_known_gap *known = lb_gap_find(all->ends, all->n_ends, here.text, here.size);
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
        common = lb_common_size(here.text, here.size, alone.text, alone.size);
    }
    LB_TRY(end_choose(all, t, here, common, &place, error));
    place = place.n_groups > 0 ? place : end_without_token(here, common);
    end_set(all, t, place.from, place.to);
    if (!is_last && t->last == last_own && all->n_ends < all->n_messages)
    {
        all->ends[all->n_ends++] = (lb_known_gap){
            .text = here.text, .size = here.size, .place = place.to, .end_from = place.from};
    }
    return LOBASS_OK;
}

/* A turn of whose text nothing is shown: as far as the template writes the same where it is the
 * last. */
lobass_status lb_turn_end_of_empty(lb_turns *all, lb_turn *t, lobass_error *error)
{
    const lb_jinja_rendering *whole = all->whole;
    lb_jinja_rendering shown;
    lobass_error found = {0};
    const lobass_status status = lb_chat_show(all->chat, &shown, t->message + 1, false, &found);
    if (status == LOBASS_OUT_OF_MEMORY)
    {
        return lb_fail(error, status, "%s", found.message);
    }
    const size_t common =
        status == LOBASS_OK ? lb_common_size(shown.text, shown.size, whole->text, whole->size) : 0;
    const size_t end = common > t->span.start ? common : t->span.start;
    const char *text = whole->text + t->span.start;
    const tail here = tail_behind(whole, t->span.start);
    lb_end_place place = lb_end_in(all->chat->tokenizer, text, end - t->span.start);
    place = place.n_groups > 0 ? place : end_late(all->chat->tokenizer, text, here.size);
    t->span.end = place.n_groups > 0 ? t->span.start + place.to : end;
    t->span.end_from = place.n_groups > 0 ? t->span.start + place.from : end;
    t->span.end_to = t->span.end;
    return LOBASS_OK;
}

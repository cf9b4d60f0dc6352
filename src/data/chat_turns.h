/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to src/data: a chat's turns while they are looked for in its rendering (chat_turns.c),
 * and where they end (chat_ends.c).
 */
#ifndef LB_DATA_CHAT_TURNS_H
#define LB_DATA_CHAT_TURNS_H

#include <string.h>

#include "data/templates.h"

#define LB_NOWHERE SIZE_MAX

/* A text between two messages, and where in it a turn begins or ends. */
typedef struct lb_known_gap
{
    const char *text;
    size_t size;
    size_t place, end_from; /* of a beginning, from the end of TEXT; else from its beginning */
} lb_known_gap;

typedef struct lb_turns
{
    lb_chat *chat;
    const lb_jinja_rendering *whole;
    lb_span *spans;
    size_t n_spans, capacity;
    lb_known_gap *begins, *ends; /* [n_messages] at most */
    size_t n_begins, n_ends, n_messages;
} lb_turns;

/* One turn while it is looked for. */
typedef struct lb_turn
{
    size_t message;
    size_t first, last; /* runs of the turn's own text, from FIRST to before LAST; equal: none */
    size_t gap_from;    /* where the text of another message ends before it */
    size_t own_from, own_to;
    lb_span span;
} lb_turn;

/* An end token in a tail, with special tokens right before it. */
typedef struct lb_end_place
{
    size_t from, to;
    size_t n_groups; /* of special tokens with nothing between them; 0: there is no end token */
} lb_end_place;

static inline size_t lb_run_start(const lb_jinja_rendering *rendering, size_t run)
{
    return run == 0 ? 0 : rendering->runs[run - 1].end;
}

static inline bool lb_run_is_of(const lb_jinja_rendering *rendering, size_t run, size_t message)
{
    const uint32_t origin = rendering->runs[run].origin;
    return origin != 0 && lb_origin_message(origin) == message;
}

/* The run that has the byte at OFFSET; n_runs behind the last. */
static inline size_t lb_run_at(const lb_jinja_rendering *rendering, size_t offset)
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

static inline size_t lb_common_size(const char *a, size_t a_size, const char *b, size_t b_size)
{
    const size_t most = a_size < b_size ? a_size : b_size;
    size_t n = 0;
    while (n < most && a[n] == b[n])
    {
        n++;
    }
    return n;
}

static inline const lb_known_gap *lb_gap_find(const lb_known_gap *gaps, size_t n, const char *text,
                                              size_t size)
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

/* Where a turn ends of whose text something is shown; the rest of T may be set anew. */
lobass_status lb_turn_end_find(lb_turns *all, lb_turn *t, lobass_error *error);
/* A turn of whose text nothing is shown: as far as the template writes the same where it is the
 * last. */
lobass_status lb_turn_end_of_empty(lb_turns *all, lb_turn *t, lobass_error *error);
/* Within the first SIZE bytes of a tail: the tokenizer's own end token, behind which nothing is the
 * turn's, else the last special token; with those right before it. */
lb_end_place lb_end_in(const lobass_tokenizer *tokenizer, const char *text, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the rows of a batch have in common, once: the introduction of a template, a system prompt, a
 * document that many questions ask about. Up to its first scored token a row may share its tokens;
 * rows are sorted by them, and wherever several go on alike a sequence is made that they all
 * continue: a trie whose leaves are the rows' own tokens. Which rows should travel together is
 * found here too.
 *
 * Leaves keep the order of the rows, and scored tokens lie in leaves only, so that the losses come
 * out in the order in which the rows were added.
 */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

enum
{
    LEVEL_BITS = 7,          /* of a key, for each of nine levels */
    WINDOW_TOKENS = 1 << 20, /* sorted at once, about */
    WINDOW_ROWS = 1 << 15
};

/* A row of the batch as it was built. */
typedef struct shared_row
{
    const int32_t *ids;
    uint32_t length, limit; /* tokens; those that may be shared */
    uint32_t number;        /* in the order of adding; in the list that is ordered */
    uint32_t parent, depth; /* the sequence it continues, and the tokens that come before */
} shared_row;

typedef struct sharer
{
    lb_batch_builder *builder;
    shared_row *rows;             /* [n_rows], sorted by their ids */
    const shared_row **by_number; /* [n_rows] */
    uint32_t *alike;              /* [n_rows], tokens that row i has in common with row i - 1 */
    size_t n_rows;
    lb_batch made;
} sharer;

static int compare_rows(const void *a, const void *b)
{
    const shared_row *x = a;
    const shared_row *y = b;
    const uint32_t least = x->limit < y->limit ? x->limit : y->limit;
    for (uint32_t i = 0; i < least; i++)
    {
        if (x->ids[i] != y->ids[i])
        {
            return x->ids[i] < y->ids[i] ? -1 : 1;
        }
    }
    if (x->limit != y->limit)
    {
        return x->limit < y->limit ? -1 : 1;
    }
    return (x->number > y->number) - (x->number < y->number);
}

static uint32_t tokens_alike(const shared_row *a, const shared_row *b)
{
    const uint32_t least = a->limit < b->limit ? a->limit : b->limit;
    uint32_t n = 0;
    while (n < least && a->ids[n] == b->ids[n])
    {
        n++;
    }
    return n;
}

/* Adds tokens FIRST to LAST of ROW as a sequence; returns its number. */
static uint32_t add_sequence(sharer *s, const shared_row *row, uint32_t first, uint32_t last,
                             uint32_t parent)
{
    lb_batch_builder *b = s->builder;
    const size_t count = last - first;
    memcpy(b->shared_ids + s->made.n_tokens, row->ids + first, count * sizeof *row->ids);
    b->shared_parents[s->made.n_sequences] = parent;
    s->made.n_tokens += count;
    s->made.n_sequences++;
    b->shared_starts[s->made.n_sequences] = (uint32_t)s->made.n_tokens;
    return (uint32_t)(s->made.n_sequences - 1);
}

/* Rows FIRST to LAST all continue PARENT after DEPTH tokens: groups of them that go on alike get a
 * sequence that continues it, and so on; the rest are leaves. */
static void add_shared(sharer *s, size_t first, size_t last, uint32_t parent, uint32_t depth)
{
    for (size_t i = first; i < last;)
    {
        uint32_t common = UINT32_MAX;
        size_t end = i + 1;
        while (end < last && s->alike[end] > depth)
        {
            common = s->alike[end] < common ? s->alike[end] : common;
            end++;
        }
        if (end > i + 1)
        {
            const uint32_t made = add_sequence(s, &s->rows[i], depth, common, parent);
            add_shared(s, i, end, made, common);
        }
        else
        {
            s->rows[i].parent = parent;
            s->rows[i].depth = depth;
        }
        i = end;
    }
}

/* The leaves, in the order of the rows, and their scored tokens. */
static void add_leaves(sharer *s)
{
    const lb_batch *plain = &s->builder->batch;
    size_t scored = 0;
    for (size_t number = 0; number < s->n_rows; number++)
    {
        const shared_row *row = s->by_number[number];
        const uint32_t leaf = add_sequence(s, row, row->depth, row->length, row->parent);
        const uint32_t to = s->builder->shared_starts[leaf];
        const uint32_t from = plain->starts[number] + row->depth;
        for (; scored < plain->n_scored && plain->scored[scored] < plain->starts[number + 1];
             scored++)
        {
            s->builder->shared_scored[scored] = plain->scored[scored] - from + to;
        }
    }
    s->made.n_scored = plain->n_scored;
}

static void rows_sort(sharer *s)
{
    const lb_batch *plain = &s->builder->batch;
    size_t scored = 0;
    for (size_t i = 0; i < s->n_rows; i++)
    {
        const uint32_t start = plain->starts[i];
        const uint32_t end = plain->starts[i + 1];
        const bool is_scored = scored < plain->n_scored && plain->scored[scored] < end;
        s->rows[i] =
            (shared_row){.ids = plain->ids + start,
                         .length = end - start,
                         .limit = is_scored ? plain->scored[scored] - start : end - start - 1,
                         .number = (uint32_t)i};
        while (scored < plain->n_scored && plain->scored[scored] < end)
        {
            scored++;
        }
    }
    qsort(s->rows, s->n_rows, sizeof *s->rows, compare_rows);
    for (size_t i = 0; i < s->n_rows; i++)
    {
        s->by_number[s->rows[i].number] = &s->rows[i];
        s->alike[i] = i == 0 ? 0 : tokens_alike(&s->rows[i - 1], &s->rows[i]);
    }
}

static lobass_status reserve(lb_batch_builder *b, lobass_error *error)
{
    const size_t n_sequences = 2 * b->batch.n_sequences; /* a node has at least two children */
    size_t capacity = b->shared_tokens;
    LB_TRY(lb_list_reserve((void **)(void *)&b->shared_ids, &capacity, b->batch.n_tokens,
                           sizeof *b->shared_ids, error));
    capacity = b->shared_tokens;
    LB_TRY(lb_list_reserve((void **)(void *)&b->shared_scored, &capacity, b->batch.n_tokens,
                           sizeof *b->shared_scored, error));
    b->shared_tokens = capacity;
    capacity = b->shared_sequences;
    LB_TRY(lb_list_reserve((void **)(void *)&b->shared_starts, &capacity, n_sequences + 1,
                           sizeof *b->shared_starts, error));
    capacity = b->shared_sequences;
    LB_TRY(lb_list_reserve((void **)(void *)&b->shared_parents, &capacity, n_sequences + 1,
                           sizeof *b->shared_parents, error));
    b->shared_sequences = capacity;
    return LOBASS_OK;
}

lobass_status lb_batch_builder_share(lb_batch_builder *builder, lobass_error *error)
{
    sharer s = {.builder = builder, .n_rows = builder->batch.n_sequences};
    LB_TRY(reserve(builder, error));
    s.rows = lb_alloc(s.n_rows, sizeof *s.rows, error);
    s.by_number = s.rows == NULL ? NULL : lb_alloc(s.n_rows, sizeof(const shared_row *), error);
    s.alike = s.by_number == NULL ? NULL : lb_alloc(s.n_rows, sizeof *s.alike, error);
    if (s.alike != NULL)
    {
        rows_sort(&s);
        builder->shared_starts[0] = 0;
        add_shared(&s, 0, s.n_rows, LB_NO_PARENT, 0);
        add_leaves(&s);
        s.made.ids = builder->shared_ids;
        s.made.starts = builder->shared_starts;
        s.made.parents = builder->shared_parents;
        s.made.scored = builder->shared_scored;
        builder->batch = s.made;
    }
    const bool is_done = s.alike != NULL;
    free(s.rows);
    free(s.by_number);
    free(s.alike);
    return is_done ? LOBASS_OK : LOBASS_OUT_OF_MEMORY;
}

/* ---- which rows should travel together ---------------------------------------------------------
 *
 * First by keys, which say little of a row but fit in memory for any number of them; then, as many
 * at a time as fit in memory whole, by the tokens themselves.
 */

/* Tokens that a row may share. */
static size_t shareable(const uint8_t *flags, size_t n_tokens)
{
    size_t n = 0;
    while (n + 1 < n_tokens && (flags[n] & LOBASS_TOKEN_SCORED) == 0)
    {
        n++;
    }
    return n;
}

uint64_t lb_prefix_key(const int32_t *ids, const uint8_t *flags, size_t n_tokens)
{
    /* Close together where templates end and what they introduce begins. */
    static const uint32_t levels[] = {8, 12, 16, 20, 24, 28, 32, 40, 64};
    const size_t limit = shareable(flags, n_tokens);
    uint64_t key = 0;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
    {
        const size_t count = levels[i];
        const uint64_t hash =
            count <= limit ? lb_hash_bytes(ids, count * sizeof *ids, 0).low : UINT64_MAX;
        key = (key << LEVEL_BITS) | (hash >> (64 - LEVEL_BITS));
    }
    return key;
}

/* Neighbours by their keys, with the tokens that they may share. */
typedef struct window
{
    shared_row *rows; /* [n_rows] of WINDOW_ROWS */
    size_t n_rows;
    int32_t *ids; /* [n_ids], row after row */
    size_t n_ids, capacity;
} window;

static lobass_status window_load(window *w, const lb_ordered_row *rows, size_t n_left,
                                 lb_row_load load, void *context, lobass_error *error)
{
    w->n_rows = 0;
    w->n_ids = 0;
    while (w->n_rows < n_left && w->n_rows < WINDOW_ROWS && w->n_ids < WINDOW_TOKENS)
    {
        const uint32_t number = rows[w->n_rows].row;
        lobass_row row;
        LB_TRY(load(context, &row, number, error));
        const size_t limit = shareable(row.flags, row.n_tokens);
        LB_TRY(lb_list_reserve((void **)(void *)&w->ids, &w->capacity, w->n_ids + row.n_tokens,
                               sizeof *w->ids, error));
        memcpy(w->ids + w->n_ids, row.ids, limit * sizeof *w->ids);
        w->rows[w->n_rows++] = (shared_row){.limit = (uint32_t)limit, .number = number};
        w->n_ids += limit;
    }
    const int32_t *ids = w->ids; /* which moves no more */
    for (size_t i = 0; i < w->n_rows; i++)
    {
        w->rows[i].ids = ids;
        ids += w->rows[i].limit;
    }
    return LOBASS_OK;
}

static void window_order(window *w, lb_ordered_row *rows)
{
    qsort(w->rows, w->n_rows, sizeof *w->rows, compare_rows);
    for (size_t i = 0; i < w->n_rows; i++)
    {
        rows[i].row = w->rows[i].number;
        rows[i].n_shared = i == 0 ? 0 : tokens_alike(&w->rows[i - 1], &w->rows[i]);
    }
}

lobass_status lb_row_order_find(lb_row_order *order, lb_row_load load, void *context,
                                lobass_error *error)
{
    window w = {0};
    lobass_status status = LOBASS_OK;
    for (size_t i = 0; i < order->n_rows; i++)
    {
        lobass_row row;
        LB_TRY(load(context, &row, order->rows[i].row, error));
        order->rows[i].key = lb_prefix_key(row.ids, row.flags, row.n_tokens);
    }
    qsort(order->rows, order->n_rows, sizeof *order->rows, lb_ordered_row_compare);
    w.rows =
        lb_alloc(order->n_rows < WINDOW_ROWS ? order->n_rows : WINDOW_ROWS, sizeof *w.rows, error);
    if (w.rows == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < order->n_rows; i += w.n_rows)
    {
        LB_TRY_GOTO(window_load(&w, order->rows + i, order->n_rows - i, load, context, error));
        window_order(&w, order->rows + i);
    }
done:
    free(w.rows);
    free(w.ids);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte-pair encoding of one word: its characters become symbols, then the neighbours with the
 * strongest merge (lowest rank, leftmost among equals) become one symbol, until no neighbours
 * merge. A heap of candidates over a linked list of symbols takes O(n log n) steps, so that a text
 * without any word border is no danger. A character outside of the vocabulary becomes its bytes
 * (<0xE2>...) where the vocabulary has all of them, else the unknown token, and without one
 * nothing, exactly as in the Hugging Face library.
 */
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer_private.h"

#define MAX_WORD_BYTES ((size_t)INT32_MAX / LB_UTF8_MAX)

/* ---- memory ------------------------------------------------------------------------------------
 */

static lobass_status reserve(lb_bpe_work *work, size_t n_symbols, lobass_error *error)
{
    void *symbols = work->symbols;
    void *heap = work->heap;
    lobass_status status = LOBASS_OK;

    LB_TRY_GOTO(
        lb_list_reserve(&symbols, &work->symbol_capacity, n_symbols, sizeof *work->symbols, error));
    /* n - 1 neighbours at first; each of at most n - 1 merges takes one and adds two. */
    LB_TRY_GOTO(
        lb_list_reserve(&heap, &work->heap_capacity, 2 * n_symbols, sizeof *work->heap, error));
done:
    work->symbols = symbols;
    work->heap = heap;
    return status;
}

void lb_bpe_work_free(lb_bpe_work *work)
{
    free(work->symbols);
    free(work->heap);
    lb_buffer_free(&work->mapped);
    *work = (lb_bpe_work){0};
}

/* ---- the heap: smallest rank first, then smallest position --------------------------------------
 */

static void push(lb_bpe_work *work, uint64_t candidate)
{
    size_t at = work->n_heap++;

    while (at > 0)
    {
        const size_t parent = (at - 1) / 2;
        if (work->heap[parent] <= candidate)
        {
            break;
        }
        work->heap[at] = work->heap[parent];
        at = parent;
    }
    work->heap[at] = candidate;
}

static uint64_t pop(lb_bpe_work *work)
{
    const uint64_t top = work->heap[0];
    const uint64_t last = work->heap[--work->n_heap];
    size_t at = 0;

    for (;;)
    {
        size_t child = 2 * at + 1;
        if (child >= work->n_heap)
        {
            break;
        }
        if (child + 1 < work->n_heap && work->heap[child + 1] < work->heap[child])
        {
            child++;
        }
        if (last <= work->heap[child])
        {
            break;
        }
        work->heap[at] = work->heap[child];
        at = child;
    }
    work->heap[at] = last;
    return top;
}

/* ---- characters -> symbols
 * ----------------------------------------------------------------------- */

typedef struct unknown_run
{
    bool is_open;
    uint32_t end;
} unknown_run;

static void add_symbol(lb_bpe_work *work, int32_t id, uint32_t end)
{
    const int32_t at = (int32_t)work->n_symbols++;
    work->symbols[at] = (lb_symbol){id, end, at - 1, at + 1};
}

static int32_t char_id(const lb_bpe *bpe, uint32_t code_point)
{
    char text[LB_UTF8_MAX];

    if (code_point < LB_N_BMP)
    {
        return bpe->char_ids[code_point];
    }
    const size_t size = lb_utf8_encode(text, code_point);
    return lb_vocab_find(&bpe->vocab, text, size);
}

/* Adds the bytes of a character; false where the vocabulary lacks one of them. */
static bool add_bytes(const lb_bpe *bpe, lb_bpe_work *work, uint32_t code_point, uint32_t end)
{
    char text[LB_UTF8_MAX];
    const size_t size = lb_utf8_encode(text, code_point);

    for (size_t i = 0; i < size; i++)
    {
        if (bpe->byte_ids[(uint8_t)text[i]] < 0)
        {
            return false;
        }
    }
    for (size_t i = 0; i < size; i++)
    {
        /* GPT-2's characters of two bytes stand for one byte of the word. */
        const uint32_t left = bpe->is_byte_level ? 0 : (uint32_t)(size - 1 - i);
        add_symbol(work, bpe->byte_ids[(uint8_t)text[i]], end - left);
    }
    return true;
}

static lobass_status add_unknown(const lb_bpe *bpe, lb_bpe_work *work, unknown_run *run,
                                 uint32_t end, lobass_error *error)
{
    if (bpe->unknown_name == NULL)
    {
        return LOBASS_OK;
    }
    if (bpe->unknown < 0)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: model: unk_token \"%s\" is needed and is not in the vocabulary",
                       bpe->path, bpe->unknown_name);
    }
    if (run->is_open && !bpe->fuses_unknown)
    {
        add_symbol(work, bpe->unknown, run->end);
    }
    *run = (unknown_run){true, end};
    return LOBASS_OK;
}

static lobass_status add_chars(const lb_bpe *bpe, lb_bpe_work *work, const char *word,
                               size_t size_bytes, lobass_error *error)
{
    unknown_run run = {false, 0};

    for (size_t at = 0; at < size_bytes;)
    {
        uint32_t code_point;
        if (bpe->is_byte_level)
        {
            code_point = lb_byte_to_char((uint8_t)word[at++]);
        }
        else
        {
            at += lb_utf8_decode(word + at, &code_point);
        }
        const int32_t id = char_id(bpe, code_point);
        if (id >= 0)
        {
            if (run.is_open)
            {
                add_symbol(work, bpe->unknown, run.end);
                run.is_open = false;
            }
            add_symbol(work, id, (uint32_t)at);
        }
        /* An open run stays open behind a character of bytes: the library does so, too. */
        else if (!bpe->has_byte_fallback || !add_bytes(bpe, work, code_point, (uint32_t)at))
        {
            LB_TRY(add_unknown(bpe, work, &run, (uint32_t)at, error));
        }
    }
    if (run.is_open)
    {
        add_symbol(work, bpe->unknown, run.end);
    }
    return LOBASS_OK;
}

/* ---- merging
 * ------------------------------------------------------------------------------------- */

static void propose(const lb_bpe *bpe, lb_bpe_work *work, size_t left, size_t right)
{
    const uint32_t rank = lb_bpe_rank(bpe, work->symbols[left].id, work->symbols[right].id);

    if (rank != UINT32_MAX)
    {
        push(work, (uint64_t)rank << 32 | left);
    }
}

#define REMOVED (-1) /* the id of a symbol that went into the one before it */

static void merge_symbols(const lb_bpe *bpe, lb_bpe_work *work)
{
    lb_symbol *symbols = work->symbols;
    const int32_t count = (int32_t)work->n_symbols;

    work->n_heap = 0;
    for (size_t i = 1; i < work->n_symbols; i++)
    {
        propose(bpe, work, i - 1, i);
    }
    while (work->n_heap > 0)
    {
        const uint64_t candidate = pop(work);
        const lb_merge *merge = &bpe->merges[candidate >> 32];
        lb_symbol *left = &symbols[candidate & UINT32_MAX];
        if (left->id != merge->left || left->next >= count ||
            symbols[left->next].id != merge->right)
        {
            continue; /* one of the two has merged with another since */
        }
        lb_symbol *right = &symbols[left->next];
        left->id = merge->result;
        left->end = right->end;
        left->next = right->next;
        right->id = REMOVED;
        if (left->next < count)
        {
            symbols[left->next].previous = (int32_t)(left - symbols);
            propose(bpe, work, (size_t)(left - symbols), (size_t)left->next);
        }
        if (left->previous >= 0)
        {
            propose(bpe, work, (size_t)left->previous, (size_t)(left - symbols));
        }
    }
    size_t kept = 0;
    for (int32_t at = 0; at < count; at = symbols[at].next)
    {
        symbols[kept++] = symbols[at];
    }
    work->n_symbols = kept;
}

/* The id of the word as a whole, or -1. */
static lobass_status find_whole(const lb_bpe *bpe, lb_buffer *mapped, const char *word,
                                size_t size_bytes, int32_t *id, lobass_error *error)
{
    char text[LB_UTF8_MAX];

    if (!bpe->is_byte_level)
    {
        *id = lb_vocab_find(&bpe->vocab, word, size_bytes);
        return LOBASS_OK;
    }
    lb_buffer_clear(mapped);
    LB_TRY(lb_buffer_reserve(mapped, 2 * size_bytes, error));
    for (size_t i = 0; i < size_bytes; i++)
    {
        const size_t size = lb_utf8_encode(text, lb_byte_to_char((uint8_t)word[i]));
        LB_TRY(lb_buffer_append(mapped, text, size, error));
    }
    *id = lb_vocab_find(&bpe->vocab, mapped->data, mapped->size);
    return LOBASS_OK;
}

lobass_status lb_bpe_encode_word(const lb_bpe *bpe, lb_bpe_work *work, const char *word,
                                 size_t size_bytes, lobass_error *error)
{
    work->n_symbols = 0;
    if (size_bytes > MAX_WORD_BYTES)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED, "a text of %zu bytes without a word border",
                       size_bytes);
    }
    /* A byte of the word is at most two bytes of GPT-2's alphabet, each a symbol at worst. */
    LB_TRY(reserve(work, (bpe->is_byte_level ? 2 : 1) * size_bytes + 1, error));
    if (bpe->ignores_merges)
    {
        int32_t id = -1;
        LB_TRY(find_whole(bpe, &work->mapped, word, size_bytes, &id, error));
        if (id >= 0)
        {
            add_symbol(work, id, (uint32_t)size_bytes);
            return LOBASS_OK;
        }
    }
    LB_TRY(add_chars(bpe, work, word, size_bytes, error));
    merge_symbols(bpe, work);
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The vocabulary of the model: pieces by id and ids by piece (open addressing, linear probing).
 * Ids are unique and nearly dense; pieces live in the tokenizer's arena. Whether the merges fit is
 * the business of bpe_load.c.
 */
#include <string.h>

#include "format/format.h"
#include "text/tokenizer_private.h"

#define MAX_SHOWN 40
/* A vocabulary may leave ids to added tokens; more holes than this are a mistake. */
#define MAX_HOLES 65536

static size_t slot_of(const lb_vocab *vocab, const char *text, size_t size_bytes)
{
    size_t slot = lb_hash_bytes(text, size_bytes, 0).low & (vocab->n_slots - 1);

    while (vocab->slots[slot] >= 0)
    {
        const lb_piece *piece = &vocab->pieces[vocab->slots[slot]];
        if (piece->size == size_bytes && memcmp(piece->text, text, size_bytes) == 0)
        {
            break;
        }
        slot = (slot + 1) & (vocab->n_slots - 1);
    }
    return slot;
}

int32_t lb_vocab_find(const lb_vocab *vocab, const char *text, size_t size_bytes)
{
    return vocab->slots[slot_of(vocab, text, size_bytes)];
}

/* Checks every id and finds the largest. */
static lobass_status check_ids(lb_vocab *vocab, const lb_loader *loader, json_t *value,
                               lobass_error *error)
{
    const char *key;
    json_t *id;

    json_object_foreach(value, key, id)
    {
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) > LB_MAX_TOKEN_ID)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "%s: model: vocab: \"%.*s\": expected an id from 0 to %d, found %s",
                           loader->path, MAX_SHOWN, key, LB_MAX_TOKEN_ID,
                           json_is_integer(id) ? "another number" : lb_json_kind(id));
        }
        const size_t count = (size_t)json_integer_value(id) + 1;
        vocab->count = count > vocab->count ? count : vocab->count;
        vocab->n_pieces++;
    }
    if (vocab->count > vocab->n_pieces + MAX_HOLES)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: model: vocab: %zu pieces have ids up to %zu; expected fewer holes",
                       loader->path, vocab->n_pieces, vocab->count - 1);
    }
    return LOBASS_OK;
}

static lobass_status allocate(lb_vocab *vocab, lb_arena *arena, lobass_error *error)
{
    vocab->n_slots = 16;
    while (vocab->n_slots < 2 * vocab->n_pieces + 2)
    {
        vocab->n_slots *= 2;
    }
    vocab->pieces = lb_arena_alloc(arena, vocab->count + 1, sizeof *vocab->pieces, error);
    vocab->slots = lb_arena_alloc(arena, vocab->n_slots, sizeof *vocab->slots, error);
    if (vocab->pieces == NULL || vocab->slots == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    memset(vocab->pieces, 0, (vocab->count + 1) * sizeof *vocab->pieces);
    memset(vocab->slots, 0xFF, vocab->n_slots * sizeof *vocab->slots);
    return LOBASS_OK;
}

lobass_status lb_vocab_load(lb_vocab *vocab, const lb_loader *loader, const json_t *value,
                            lobass_error *error)
{
    json_t *object = (json_t *)value; /* jansson iterates over objects that are not const */
    const char *key;
    json_t *number;

    if (!json_is_object(object))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: model: field \"vocab\": expected an object, found %s", loader->path,
                       lb_json_kind(value));
    }
    LB_TRY(check_ids(vocab, loader, object, error));
    LB_TRY(allocate(vocab, loader->arena, error));
    json_object_foreach(object, key, number)
    {
        const int32_t id = (int32_t)json_integer_value(number);
        lb_piece *piece = &vocab->pieces[id];
        const size_t size = strlen(key);
        if (piece->text != NULL)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "%s: model: vocab: id %d belongs to \"%.*s\" and to \"%.*s\"",
                           loader->path, id, MAX_SHOWN, piece->text, MAX_SHOWN, key);
        }
        piece->text = lb_arena_text(loader->arena, key, size, error);
        if (piece->text == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        piece->decoded = piece->text;
        piece->size = (uint32_t)size;
        vocab->slots[slot_of(vocab, key, size)] = id;
    }
    return LOBASS_OK;
}

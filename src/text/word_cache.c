/* SPDX-License-Identifier: Apache-2.0
 *
 * Words that were encoded before and their ids, for one encoder. Text repeats itself: nearly every
 * word is found here, and merging is left to new ones. An open-addressing table that grows up to a
 * limit; when it or its memory is full, all is forgotten, so that memory is bounded and what is
 * returned never depends on what came before. Words of up to 16 bytes stand in the table itself and
 * are compared as two numbers.
 */
#include <stdlib.h>
#include <string.h>

#include "text/word_cache.h"

#define FIRST_SLOTS 1024U
#define MOST_SLOTS (1U << 18) /* a power of 4 times the first: 8 MiB */
#define MOST_TEXT_BYTES ((size_t)8 << 20)
#define MOST_IDS ((size_t)2 << 20)

#define SHORT_MAX 16U

static uint64_t load(const char *bytes, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, bytes, size);
    return value;
}

/* The first and the last eight bytes, which overlap or are filled up: with its size they say all of
 * a short word. Of a long word the second half is free for where its bytes begin. */
static void key_make(uint64_t key[2], const char *word, size_t size)
{
    key[1] = 0;
    if (size > SHORT_MAX)
    {
        key[0] = lb_hash_bytes(word, size, 0).low;
    }
    else if (size >= 8)
    {
        key[0] = load(word, 8);
        key[1] = load(word + size - 8, 8);
    }
    else if (size >= 4)
    {
        key[0] = load(word, 4) | load(word + size - 4, 4) << 32;
    }
    else
    {
        key[0] = (uint64_t)(uint8_t)word[0] | (uint64_t)(uint8_t)word[size / 2] << 8 |
                 (uint64_t)(uint8_t)word[size - 1] << 16;
    }
}

/* Odd constants with well mixed bits: of the golden ratio and of pi. */
static size_t first_slot(const lb_word_cache *cache, const uint64_t key[2], size_t size)
{
    const uint64_t second = size > SHORT_MAX ? 0 : key[1];
    const uint64_t mixed = (key[0] ^ size) * UINT64_C(0x9E3779B97F4A7C15) ^
                           (second ^ key[0] >> 32) * UINT64_C(0x243F6A8885A308D3);
    return (size_t)(mixed >> 32) & (cache->n_slots - 1);
}

static bool is_word(const lb_word_cache *cache, const lb_cached_word *entry, const uint64_t key[2],
                    const char *word, size_t size)
{
    return entry->size == size && entry->key[0] == key[0] &&
           (size > SHORT_MAX ? memcmp(cache->text.data + entry->key[1], word, size) == 0
                             : entry->key[1] == key[1]);
}

/* Where the word is, or a free slot for it. */
static lb_cached_word *find_slot(const lb_word_cache *cache, const uint64_t key[2],
                                 const char *word, size_t size)
{
    size_t slot = first_slot(cache, key, size);

    while (cache->slots[slot].size != 0 && !is_word(cache, &cache->slots[slot], key, word, size))
    {
        slot = (slot + 1) & (cache->n_slots - 1);
    }
    return &cache->slots[slot];
}

static lobass_status grow(lb_word_cache *cache, lobass_error *error)
{
    const lb_word_cache before = *cache;
    const uint32_t n_slots = cache->n_slots == 0 ? FIRST_SLOTS : 4 * cache->n_slots;
    lb_cached_word *slots = lb_alloc(n_slots, sizeof *slots, error);

    if (slots == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    cache->slots = slots;
    cache->n_slots = n_slots;
    for (size_t i = 0; i < before.n_slots; i++)
    {
        const lb_cached_word *entry = &before.slots[i];
        if (entry->size != 0)
        {
            size_t slot = first_slot(cache, entry->key, entry->size);
            while (slots[slot].size != 0)
            {
                slot = (slot + 1) & (n_slots - 1);
            }
            slots[slot] = *entry;
        }
    }
    free(before.slots);
    return LOBASS_OK;
}

static void forget(lb_word_cache *cache)
{
    memset(cache->slots, 0, cache->n_slots * sizeof *cache->slots);
    cache->n_words = 0;
    cache->ids.count = 0;
    lb_buffer_clear(&cache->text);
}

bool lb_word_cache_find(const lb_word_cache *cache, const char *word, size_t size_bytes,
                        const int32_t **ids, size_t *n_ids)
{
    uint64_t key[2];

    if (cache->n_words == 0)
    {
        return false;
    }
    key_make(key, word, size_bytes);
    const lb_cached_word *entry = find_slot(cache, key, word, size_bytes);
    *n_ids = entry->n_ids;
    *ids = entry->n_ids == 1 ? &entry->only : cache->ids.values + entry->ids;
    return entry->size != 0;
}

void lb_word_cache_expect(const lb_word_cache *cache, const char *word, size_t size_bytes)
{
    uint64_t key[2];

    if (cache->n_words > 0 && size_bytes > 0 && size_bytes <= SHORT_MAX)
    {
        key_make(key, word, size_bytes);
        __builtin_prefetch(&cache->slots[first_slot(cache, key, size_bytes)]);
    }
}

/* Room for one more word. */
static lobass_status make_room(lb_word_cache *cache, size_t size_bytes, size_t n_ids,
                               lobass_error *error)
{
    const bool is_full = 4 * (cache->n_words + 1) > 3 * (size_t)cache->n_slots;

    if (is_full && cache->n_slots < MOST_SLOTS)
    {
        LB_TRY(grow(cache, error));
    }
    else if (is_full || cache->text.size + size_bytes > MOST_TEXT_BYTES ||
             cache->ids.count + n_ids > MOST_IDS)
    {
        forget(cache);
    }
    return LOBASS_OK;
}

lobass_status lb_word_cache_add(lb_word_cache *cache, const char *word, size_t size_bytes,
                                const lb_symbol *symbols, size_t n_symbols, lobass_error *error)
{
    if (size_bytes == 0 || size_bytes > LB_CACHED_WORD_MAX)
    {
        return LOBASS_OK;
    }
    LB_TRY(make_room(cache, size_bytes, n_symbols, error));
    lb_cached_word entry = {.size = (uint32_t)size_bytes,
                            .n_ids = (uint32_t)n_symbols,
                            .ids = (uint32_t)cache->ids.count,
                            .only = n_symbols == 1 ? symbols[0].id : -1};
    key_make(entry.key, word, size_bytes);
    lb_cached_word *slot = find_slot(cache, entry.key, word, size_bytes);
    if (size_bytes > SHORT_MAX)
    {
        entry.key[1] = cache->text.size;
        LB_TRY(lb_buffer_append(&cache->text, word, size_bytes, error));
    }
    for (size_t i = 0; n_symbols != 1 && i < n_symbols; i++)
    {
        LB_TRY(lb_ids_append(&cache->ids, symbols[i].id, error));
    }
    *slot = entry;
    cache->n_words++;
    return LOBASS_OK;
}

void lb_word_cache_free(lb_word_cache *cache)
{
    free(cache->slots);
    lb_buffer_free(&cache->text);
    lb_ids_free(&cache->ids);
    *cache = (lb_word_cache){0};
}

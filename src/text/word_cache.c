/* SPDX-License-Identifier: Apache-2.0
 *
 * Words that were encoded before and their ids, for one encoder. Text repeats itself: nearly every
 * word is found here, and merging is left to new ones. An open-addressing table that grows up to a
 * limit; when it or its memory is full, all is forgotten, so that memory is bounded and what is
 * returned never depends on what came before.
 */
#include <stdlib.h>
#include <string.h>

#include "text/word_cache.h"

#define FIRST_SLOTS 1024U
#define MOST_SLOTS (1U << 16) /* a power of 4 times the first */
#define MOST_TEXT_BYTES ((size_t)8 << 20)
#define MOST_IDS ((size_t)2 << 20)

static uint64_t word_hash(const char *word, size_t size_bytes)
{
    const uint64_t hash = lb_hash_bytes(word, size_bytes, 0).low;
    return hash == 0 ? 1 : hash; /* 0 marks a free slot */
}

static size_t find_slot(const lb_word_cache *cache, uint64_t hash, const char *word,
                        size_t size_bytes)
{
    size_t slot = hash & (cache->n_slots - 1);

    while (cache->slots[slot].hash != 0)
    {
        const lb_cached_word *entry = &cache->slots[slot];
        if (entry->hash == hash && entry->size == size_bytes &&
            memcmp(cache->text.data + entry->text, word, size_bytes) == 0)
        {
            break;
        }
        slot = (slot + 1) & (cache->n_slots - 1);
    }
    return slot;
}

static lobass_status grow(lb_word_cache *cache, lobass_error *error)
{
    const uint32_t n_slots = cache->n_slots == 0 ? FIRST_SLOTS : 4 * cache->n_slots;
    lb_cached_word *slots = lb_alloc(n_slots, sizeof *slots, error);

    if (slots == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < cache->n_slots; i++)
    {
        if (cache->slots[i].hash != 0)
        {
            size_t slot = cache->slots[i].hash & (n_slots - 1);
            while (slots[slot].hash != 0)
            {
                slot = (slot + 1) & (n_slots - 1);
            }
            slots[slot] = cache->slots[i];
        }
    }
    free(cache->slots);
    cache->slots = slots;
    cache->n_slots = n_slots;
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
    if (cache->n_words == 0)
    {
        return false;
    }
    const size_t slot = find_slot(cache, word_hash(word, size_bytes), word, size_bytes);
    const lb_cached_word *entry = &cache->slots[slot];
    *ids = entry->n_ids == 0 ? NULL : cache->ids.values + entry->ids;
    *n_ids = entry->n_ids;
    return entry->hash != 0;
}

lobass_status lb_word_cache_add(lb_word_cache *cache, const char *word, size_t size_bytes,
                                const lb_symbol *symbols, size_t n_symbols, lobass_error *error)
{
    if (size_bytes > LB_CACHED_WORD_MAX)
    {
        return LOBASS_OK;
    }
    if (4 * (cache->n_words + 1) > 3 * (size_t)cache->n_slots)
    {
        if (cache->n_slots >= MOST_SLOTS)
        {
            forget(cache);
        }
        else
        {
            LB_TRY(grow(cache, error));
        }
    }
    if (cache->text.size + size_bytes > MOST_TEXT_BYTES || cache->ids.count + n_symbols > MOST_IDS)
    {
        forget(cache);
    }
    const uint64_t hash = word_hash(word, size_bytes);
    lb_cached_word entry = {hash, (uint32_t)cache->text.size, (uint32_t)cache->ids.count,
                            (uint32_t)size_bytes, (uint32_t)n_symbols};
    const size_t slot = find_slot(cache, hash, word, size_bytes);
    LB_TRY(lb_buffer_append(&cache->text, word, size_bytes, error));
    for (size_t i = 0; i < n_symbols; i++)
    {
        LB_TRY(lb_ids_append(&cache->ids, symbols[i].id, error));
    }
    cache->slots[slot] = entry;
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

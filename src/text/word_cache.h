/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to src/text: the words that an encoder has met, and their ids. {0} is a valid empty
 * cache; nothing that it returns lives longer than the next word that is added.
 */
#ifndef LB_TEXT_WORD_CACHE_H
#define LB_TEXT_WORD_CACHE_H

#include "text/tokenizer_private.h"

#define LB_CACHED_WORD_MAX 256 /* bytes; longer words hardly come twice */

/* Half a cache line: most words and their ids are found without looking anywhere else. */
typedef struct lb_cached_word
{
    uint64_t key[2]; /* a short word's bytes; a long one's hash, and where its bytes begin */
    uint32_t size;   /* 0: the slot is free */
    uint32_t n_ids;
    uint32_t ids; /* of more than one id: where they begin */
    int32_t only; /* of one: this */
} lb_cached_word;

typedef struct lb_word_cache
{
    lb_cached_word *slots; /* [n_slots], a power of two */
    uint32_t n_slots;
    size_t n_words;
    lb_buffer text; /* of long words */
    lb_ids ids;
} lb_word_cache;

/* WORD has from 1 to LB_CACHED_WORD_MAX bytes. */
bool lb_word_cache_find(const lb_word_cache *cache, const char *word, size_t size_bytes,
                        const int32_t **ids, size_t *n_ids);
/* Tells the processor that the word will soon be looked for: its slot is then at hand. */
void lb_word_cache_expect(const lb_word_cache *cache, const char *word, size_t size_bytes);
/* A word that is not in it; longer words are passed over. */
lobass_status lb_word_cache_add(lb_word_cache *cache, const char *word, size_t size_bytes,
                                const lb_symbol *symbols, size_t n_symbols, lobass_error *error);
void lb_word_cache_free(lb_word_cache *cache);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the earlier tokens of a sequence leave for those to come: the keys and values of every
 * layer, in one block of memory. A token's own are written by lb_attention_forward().
 */
#include <stdlib.h>

#include "model/activations.h"

struct lb_cache
{
    size_t n_tokens, capacity;
    size_t layer_count; /* values of a layer */
    float *memory;      /* [n_layers, layer_count] */
};

static lobass_status count_values(size_t *of_layer, size_t *count, const lb_config *config,
                                  size_t capacity, lobass_error *error)
{
    LB_TRY(lb_kept_count(of_layer, capacity, config->n_kv_heads, config->head_size, error));
    return lb_size_multiply(*of_layer, config->n_layers, count) ? LOBASS_OK
                                                                : lb_fail_memory(error, SIZE_MAX);
}

size_t lb_cache_bytes(const lb_config *config, size_t capacity)
{
    size_t of_layer = 0;
    size_t count = 0;
    size_t size_bytes = 0;
    const bool fits = count_values(&of_layer, &count, config, capacity, NULL) == LOBASS_OK &&
                      lb_size_multiply(count, sizeof(float), &size_bytes);
    return fits ? size_bytes : SIZE_MAX;
}

lobass_status lb_cache_create(lb_cache **cache, const lb_config *config, size_t capacity,
                              lobass_error *error)
{
    size_t count = 0;
    *cache = NULL;
    lb_cache *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->capacity = capacity;
    const lobass_status status = count_values(&made->layer_count, &count, config, capacity, error);
    made->memory = status == LOBASS_OK ? lb_alloc(count, sizeof(float), error) : NULL;
    if (made->memory == NULL)
    {
        lb_cache_free(made);
        return LOBASS_OUT_OF_MEMORY;
    }
    *cache = made;
    return LOBASS_OK;
}

void lb_cache_free(lb_cache *cache)
{
    if (cache != NULL)
    {
        free(cache->memory);
        free(cache);
    }
}

size_t lb_cache_count(const lb_cache *cache)
{
    return cache->n_tokens;
}

lobass_status lb_cache_reserve(const lb_cache *cache, size_t n_tokens, lobass_error *error)
{
    if (n_tokens > cache->capacity - cache->n_tokens)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "cache: expected at most %zu tokens beside %zu, found %zu",
                       cache->capacity - cache->n_tokens, cache->n_tokens, n_tokens);
    }
    return LOBASS_OK;
}

lb_kept lb_cache_layer(const lb_cache *cache, size_t layer)
{
    return (lb_kept){cache->memory + layer * cache->layer_count, cache->capacity};
}

void lb_cache_advance(lb_cache *cache, size_t n_tokens)
{
    cache->n_tokens += n_tokens;
}

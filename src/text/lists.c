/* SPDX-License-Identifier: Apache-2.0
 *
 * Growable lists: token ids and words. A list at least doubles when it grows and keeps its memory
 * when it is emptied, so that encoding many texts allocates nothing after the first ones.
 */
#include <stdlib.h>

#include "text/tokenizer_private.h"

#define FIRST_CAPACITY 64

lobass_status lb_list_reserve(void **values, size_t *capacity, size_t count, size_t element_bytes,
                              lobass_error *error)
{
    size_t wanted = *capacity == 0 ? FIRST_CAPACITY : *capacity;
    size_t size = 0;

    if (count <= *capacity)
    {
        return LOBASS_OK;
    }
    while (wanted < count)
    {
        if (!lb_size_multiply(wanted, 2, &wanted))
        {
            return lb_fail_memory(error, SIZE_MAX);
        }
    }
    void *grown = lb_size_multiply(wanted, element_bytes, &size) ? realloc(*values, size) : NULL;
    if (grown == NULL)
    {
        return lb_fail_memory(error, size);
    }
    *values = grown;
    *capacity = wanted;
    return LOBASS_OK;
}

lobass_status lb_ids_append(lb_ids *ids, int32_t id, lobass_error *error)
{
    if (ids->count == ids->capacity)
    {
        void *values = ids->values;
        LB_TRY(
            lb_list_reserve(&values, &ids->capacity, ids->count + 1, sizeof *ids->values, error));
        ids->values = values;
    }
    ids->values[ids->count++] = id;
    return LOBASS_OK;
}

void lb_ids_free(lb_ids *ids)
{
    free(ids->values);
    *ids = (lb_ids){0};
}

lobass_status lb_words_append(lb_words *words, size_t from, size_t to, lobass_error *error)
{
    if (words->count == words->capacity)
    {
        void *ranges = words->ranges;
        LB_TRY(lb_list_reserve(&ranges, &words->capacity, words->count + 1, sizeof *words->ranges,
                               error));
        words->ranges = ranges;
    }
    words->ranges[words->count++] = (lb_range){from, to};
    return LOBASS_OK;
}

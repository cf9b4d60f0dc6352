/* SPDX-License-Identifier: Apache-2.0
 *
 * Growable lists of token ids and words; they keep their memory when they are emptied, so that
 * encoding many texts allocates nothing after the first ones.
 */
#include <stdlib.h>

#include "text/tokenizer_private.h"

static lobass_status ids_reserve(lb_ids *ids, size_t n_more, lobass_error *error)
{
    void *values = ids->values;

    LB_TRY(
        lb_list_reserve(&values, &ids->capacity, ids->count + n_more, sizeof *ids->values, error));
    ids->values = values;
    return LOBASS_OK;
}

lobass_status lb_ids_append(lb_ids *ids, int32_t id, lobass_error *error)
{
    return lb_ids_append_list(ids, &id, 1, error);
}

lobass_status lb_ids_append_list(lb_ids *ids, const int32_t *values, size_t count,
                                 lobass_error *error)
{
    if (ids->capacity - ids->count < count)
    {
        LB_TRY(ids_reserve(ids, count, error));
    }
    for (size_t i = 0; i < count; i++)
    {
        ids->values[ids->count++] = values[i];
    }
    return LOBASS_OK;
}

bool lb_ids_contain(const lb_ids *ids, int32_t id)
{
    size_t i = 0;

    while (i < ids->count && ids->values[i] != id)
    {
        i++;
    }
    return i < ids->count;
}

void lb_ids_free(lb_ids *ids)
{
    free(ids->values);
    *ids = (lb_ids){0};
}

lobass_status lb_words_grow(lb_words *words, lobass_error *error)
{
    void *ranges = words->ranges;

    LB_TRY(lb_list_reserve(&ranges, &words->capacity, words->capacity + 1, sizeof *words->ranges,
                           error));
    words->ranges = ranges;
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Growable lists of token ids and words; they keep their memory when they are emptied, so that
 * encoding many texts allocates nothing after the first ones.
 */
#include <stdlib.h>

#include "text/tokenizer_private.h"

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

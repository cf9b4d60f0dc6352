/* SPDX-License-Identifier: Apache-2.0
 *
 * A row without what its responses answer: each stretch of it that is scored is a sequence of its
 * own, behind one token in place of all that came before. A stretch is a response with its end
 * token, or, where prompts are scored too, what stands between two responses; it ends at its last
 * scored token. One that begins the row has nothing before it and stays as it is. The scored tokens
 * are those of the row, in their order.
 */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

/* Tokens FIRST to END of a row. */
typedef struct stretch
{
    size_t first, end;
} stretch;

static bool begins_stretch(const lobass_row *row, size_t t)
{
    const unsigned flags = row->flags[t];
    const unsigned before = row->flags[t - 1];
    return (flags & LOBASS_TOKEN_FIRST) != 0 || (before & LOBASS_TOKEN_BOS) != 0 ||
           ((flags ^ before) & LOBASS_TOKEN_RESPONSE) != 0;
}

/* The next one from *AT on that has a scored token; *AT moves behind it. */
static bool stretch_next(stretch *found, size_t *at, const lobass_row *row)
{
    found->end = 0;
    while (*at < row->n_tokens && found->end == 0)
    {
        found->first = *at;
        do
        {
            found->end = (row->flags[*at] & LOBASS_TOKEN_SCORED) != 0 ? *at + 1 : found->end;
            ++*at;
        } while (*at < row->n_tokens && !begins_stretch(row, *at));
    }
    return found->end > 0;
}

size_t lb_alone_count(const lobass_row *row)
{
    stretch found;
    size_t n_tokens = 0;
    for (size_t at = 0; stretch_next(&found, &at, row);)
    {
        n_tokens += found.end - found.first + (found.first > 0 ? 1 : 0);
    }
    return n_tokens;
}

lobass_status lb_batch_builder_add_alone(lb_batch_builder *builder, const lobass_row *row,
                                         int32_t prefix, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    stretch found;
    int32_t *ids = lb_alloc(row->n_tokens, sizeof *ids, error);
    uint8_t *flags = ids == NULL ? NULL : lb_alloc(row->n_tokens, sizeof *flags, error);
    if (flags == NULL)
    {
        free(ids);
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t at = 0; status == LOBASS_OK && stretch_next(&found, &at, row);)
    {
        const size_t n = found.end - found.first;
        const size_t n_before = found.first > 0 ? 1 : 0;
        ids[0] = prefix;
        flags[0] = 0;
        memcpy(ids + n_before, row->ids + found.first, n * sizeof *ids);
        memcpy(flags + n_before, row->flags + found.first, n * sizeof *flags);
        status = lb_batch_builder_add(builder, ids, flags, n + n_before, error);
    }
    free(flags);
    free(ids);
    return status;
}

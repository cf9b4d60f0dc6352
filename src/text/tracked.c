/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts that remember where they come from. Normalising and pre-tokenising change a text; the
 * joint mode of encoding has to know at which byte of the original each token ends. A tracked text
 * carries, for every byte, the original offset behind what the byte was made from; offsets never
 * fall. Where nobody asks (is_tracked false) only the text is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer_private.h"

void lb_tracked_begin(lb_tracked *tracked, bool is_tracked)
{
    lb_buffer_clear(&tracked->text);
    tracked->is_tracked = is_tracked;
}

static lobass_status reserve_ends(lb_tracked *tracked, size_t count, lobass_error *error)
{
    void *ends = tracked->ends;

    LB_TRY(lb_list_reserve(&ends, &tracked->ends_capacity, count, sizeof *tracked->ends, error));
    tracked->ends = ends;
    return LOBASS_OK;
}

lobass_status lb_tracked_append(lb_tracked *tracked, const char *data, size_t size_bytes,
                                size_t end, lobass_error *error)
{
    const size_t before = tracked->text.size;

    if (size_bytes == 0)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_buffer_append(&tracked->text, data, size_bytes, error));
    if (tracked->is_tracked)
    {
        LB_TRY(reserve_ends(tracked, tracked->text.size, error));
        for (size_t i = before; i < tracked->text.size; i++)
        {
            tracked->ends[i] = end;
        }
    }
    return LOBASS_OK;
}

lobass_status lb_tracked_copy(lb_tracked *tracked, lb_view source, size_t from, size_t to,
                              lobass_error *error)
{
    const size_t before = tracked->text.size;

    if (from == to)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_buffer_append(&tracked->text, source.data + from, to - from, error));
    if (tracked->is_tracked)
    {
        LB_TRY(reserve_ends(tracked, tracked->text.size, error));
        memcpy(tracked->ends + before, source.ends + from, (to - from) * sizeof *source.ends);
    }
    return LOBASS_OK;
}

lb_view lb_tracked_view(const lb_tracked *tracked)
{
    return (lb_view){tracked->text.data == NULL ? "" : tracked->text.data, tracked->text.size,
                     tracked->is_tracked ? tracked->ends : NULL};
}

void lb_tracked_free(lb_tracked *tracked)
{
    lb_buffer_free(&tracked->text);
    free(tracked->ends);
    *tracked = (lb_tracked){0};
}

size_t lb_view_end(lb_view view, size_t offset)
{
    return view.ends == NULL || offset == 0 ? 0 : view.ends[offset - 1];
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of plain text: pieces of at most TEXT_BYTES, cut where a paragraph, a line or a word ends
 * if one ends in their second half.
 */
#include "format/record_source.h"

#include <string.h>

#define TEXT_BYTES ((size_t)64 * 1024) /* of a piece */

/* The bytes up to and with the last END in [LEAST, SIZE) of the window; 0 where there is none. */
static size_t find_last(const lb_window *window, size_t least, size_t size, const char *end)
{
    const size_t end_size = strlen(end);
    const char *text = lb_window_data(window);
    for (size_t at = size; at >= least + end_size; at--)
    {
        if (memcmp(text + at - end_size, end, end_size) == 0)
        {
            return at;
        }
    }
    return 0;
}

/* Where a text that goes on is cut: after a paragraph, a line or a word in the second half of
 * TEXT_BYTES, else between two characters. */
static size_t find_cut(const lb_window *window)
{
    static const char *const ends[] = {"\n\n", "\n", " "};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    {
        const size_t size = find_last(window, TEXT_BYTES / 2, TEXT_BYTES, ends[i]);
        if (size > 0)
        {
            return size;
        }
    }
    size_t size = TEXT_BYTES;
    while (size > TEXT_BYTES - 4 && (lb_window_at(window, size) & 0xC0) == 0x80)
    {
        size--;
    }
    return size;
}

static bool is_blank(const lb_window *window, size_t size)
{
    size_t at = 0;
    while (at < size && lb_is_space(lb_window_at(window, at)))
    {
        at++;
    }
    return at == size;
}

/* *GOES_ON: more than white space stands behind the first SIZE bytes. */
static lobass_status look_behind(lb_window *window, size_t size, bool *goes_on, lobass_error *error)
{
    bool is_there = true;
    size_t at = size;
    LB_TRY(lb_window_need(window, at, &is_there, error));
    while (is_there && lb_is_space(lb_window_at(window, at)))
    {
        at++;
        LB_TRY(lb_window_need(window, at, &is_there, error));
        LB_TRY(lb_window_check_limit(window, at, error));
    }
    *goes_on = is_there;
    return LOBASS_OK;
}

lobass_status lb_text_next(lb_record_reader *reader, lb_record *record, bool *has_record,
                           lobass_error *error)
{
    lb_window *window = &reader->window;
    bool is_there = true;
    while (is_there)
    {
        LB_TRY(lb_window_need(window, TEXT_BYTES, &is_there, error));
        const size_t size = is_there ? find_cut(window) : lb_window_held(window);
        if (!is_blank(window, size))
        {
            bool is_continued = false;
            LB_TRY(look_behind(window, size, &is_continued, error));
            lb_record_deliver(reader, record, size, size);
            record->is_text = true;
            record->is_continued = is_continued;
            *has_record = true;
            return LOBASS_OK;
        }
        lb_window_consume(window, size);
    }
    return LOBASS_OK;
}

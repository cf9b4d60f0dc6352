/* SPDX-License-Identifier: Apache-2.0
 *
 * See window.h. Where records end is the business of the readers over it (records_*.c).
 */
#include "format/window.h"

#include <inttypes.h>
#include <string.h>

#define RECORD_LIMIT ((size_t)256 * 1024 * 1024)
#define FILL_BYTES ((size_t)256 * 1024)

lobass_status lb_window_open(lb_window *window, const char *path, lobass_error *error)
{
    *window = (lb_window){.line = 1};
    LB_TRY(lb_stream_open(&window->stream, path, error));
    return lb_buffer_reserve(&window->bytes, FILL_BYTES, error);
}

void lb_window_close(lb_window *window)
{
    lb_stream_close(window->stream);
    lb_buffer_free(&window->bytes);
    *window = (lb_window){0};
}

/* What was consumed makes room; the rest may move. */
lobass_status lb_window_fill(lb_window *window, lobass_error *error)
{
    lb_buffer *bytes = &window->bytes;
    if (window->begin > 0)
    {
        memmove(bytes->data, bytes->data + window->begin, lb_window_held(window));
        bytes->size -= window->begin;
        window->begin = 0;
    }
    LB_TRY(lb_buffer_reserve(bytes, FILL_BYTES, error));
    size_t n_read = 0;
    LB_TRY(lb_stream_read(window->stream, bytes->data + bytes->size, FILL_BYTES, &n_read, error));
    bytes->size += n_read;
    bytes->data[bytes->size] = '\0';
    window->is_at_end = n_read == 0;
    return LOBASS_OK;
}

lobass_status lb_window_need(lb_window *window, size_t index, bool *is_there, lobass_error *error)
{
    while (index >= lb_window_held(window) && !window->is_at_end)
    {
        LB_TRY(lb_window_fill(window, error));
    }
    *is_there = index < lb_window_held(window);
    return LOBASS_OK;
}

void lb_window_consume(lb_window *window, size_t size)
{
    const char *at = lb_window_data(window);
    const char *end = at + size;
    for (const char *newline = memchr(at, '\n', size); newline != NULL;
         newline = memchr(newline + 1, '\n', (size_t)(end - newline) - 1))
    {
        window->line++;
    }
    window->begin += size;
    window->offset += size;
}

lobass_status lb_window_skip_spaces(lb_window *window, bool *is_there, lobass_error *error)
{
    for (;;)
    {
        size_t n_spaces = 0;
        while (n_spaces < lb_window_held(window) && lb_is_space(lb_window_at(window, n_spaces)))
        {
            n_spaces++;
        }
        lb_window_consume(window, n_spaces);
        if (lb_window_held(window) > 0 || window->is_at_end)
        {
            *is_there = lb_window_held(window) > 0;
            return LOBASS_OK;
        }
        LB_TRY(lb_window_fill(window, error));
    }
}

lobass_status lb_window_check_limit(const lb_window *window, size_t size, lobass_error *error)
{
    if (size > RECORD_LIMIT)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "%s:%" PRIu64 ": byte %" PRIu64
                       ": found a record of more than %zu bytes, expected at most that many",
                       lb_stream_name(window->stream), window->line, window->offset, RECORD_LIMIT);
    }
    return LOBASS_OK;
}

lobass_status lb_window_fail(const lb_window *window, const char *expected, lobass_error *error)
{
    char found[sizeof "byte 0x00"] = "byte 0x00";
    if (lb_window_held(window) > 0)
    {
        const unsigned char byte = lb_window_at(window, 0);
        const bool is_printable = byte > ' ' && byte < 0x7F;
        (void)snprintf(found, sizeof found, is_printable ? "'%c'" : "byte 0x%02X", byte);
    }
    return lb_fail(error, LOBASS_BAD_FORMAT,
                   "%s:%" PRIu64 ": byte %" PRIu64 ": expected %s, found %s",
                   lb_stream_name(window->stream), window->line, window->offset, expected,
                   lb_window_held(window) > 0 ? found : "the end of the file");
}

lobass_status lb_window_fail_cut_off(lb_window *window, size_t size, lobass_error *error)
{
    const uint64_t first_line = window->line;
    const uint64_t first_byte = window->offset;
    lb_window_consume(window, size);
    return lb_fail(error, LOBASS_BAD_FORMAT,
                   "%s:%" PRIu64 ": byte %" PRIu64 ": found the end of the file inside a record "
                   "that begins at line %" PRIu64 ", byte %" PRIu64,
                   lb_stream_name(window->stream), window->line, window->offset, first_line,
                   first_byte);
}

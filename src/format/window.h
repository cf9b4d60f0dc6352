/* SPDX-License-Identifier: Apache-2.0
 *
 * A window over a stream of bytes, in which the end of a record is looked for: it grows to the
 * largest record, which has a limit, and knows the line and the offset of its first byte.
 */
#ifndef LB_WINDOW_H
#define LB_WINDOW_H

#include "format/stream.h"

typedef struct lb_window
{
    lb_stream *stream;
    lb_buffer bytes; /* from begin to bytes.size: what is not consumed */
    size_t begin;
    uint64_t line, offset; /* of the byte at begin */
    bool is_at_end;        /* of the stream: the window holds all that is left */
} lb_window;

lobass_status lb_window_open(lb_window *window, const char *path, lobass_error *error);
void lb_window_close(lb_window *window);

static inline size_t lb_window_held(const lb_window *window)
{
    return window->bytes.size - window->begin;
}

static inline const char *lb_window_data(const lb_window *window)
{
    return window->bytes.data + window->begin;
}

/* INDEX must be held. */
static inline unsigned char lb_window_at(const lb_window *window, size_t index)
{
    return (unsigned char)window->bytes.data[window->begin + index];
}

static inline bool lb_is_space(unsigned char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Makes sure that the byte at INDEX is there, which may move the window; *IS_THERE false only at
 * the end of the stream. */
lobass_status lb_window_need(lb_window *window, size_t index, bool *is_there, lobass_error *error);
/* Reads more, or sets is_at_end. */
lobass_status lb_window_fill(lb_window *window, lobass_error *error);
void lb_window_consume(lb_window *window, size_t size);
/* Consumes white space; *IS_THERE: a byte follows, and it is held. */
lobass_status lb_window_skip_spaces(lb_window *window, bool *is_there, lobass_error *error);
/* A record of SIZE bytes is within the limit. */
lobass_status lb_window_check_limit(const lb_window *window, size_t size, lobass_error *error);
/* LOBASS_BAD_FORMAT: "NAME:LINE: byte N: expected EXPECTED, found the first byte held". */
lobass_status lb_window_fail(const lb_window *window, const char *expected, lobass_error *error);
/* The same for a record whose first SIZE bytes, all that is left, do not end it. */
lobass_status lb_window_fail_cut_off(lb_window *window, size_t size, lobass_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of JSON, cut out without looking into them further than needed to find where they end:
 * lines; values one after another (a name in .json, or objects printed over several lines, whatever
 * the name); the elements of an array. In the last two a record ends where its brackets are closed,
 * outside of strings, or where a scalar's delimiter comes. An array that is a member of an object
 * is found by json_wrapped.c.
 */
#include "format/json_frame.h"

#include <string.h>

/* ---- lines ---------------------------------------------------------------------------------- */

lobass_status lb_json_find_line(lb_window *window, size_t *size, bool *has_newline,
                                lobass_error *error)
{
    size_t seen = 0;
    for (;;)
    {
        const char *start = lb_window_data(window);
        const size_t left = lb_window_held(window) - seen;
        const char *newline = left > 0 ? memchr(start + seen, '\n', left) : NULL;
        *has_newline = newline != NULL;
        *size = newline != NULL ? (size_t)(newline - start) : lb_window_held(window);
        LB_TRY(lb_window_check_limit(window, *size, error));
        if (newline != NULL || window->is_at_end)
        {
            return LOBASS_OK;
        }
        seen = lb_window_held(window);
        LB_TRY(lb_window_fill(window, error));
    }
}

lobass_status lb_json_next_line(lb_record_reader *reader, lb_record *record, bool *has_record,
                                lobass_error *error)
{
    lb_window *window = &reader->window;
    for (;;)
    {
        size_t size = 0;
        bool has_newline = false;
        LB_TRY(lb_json_find_line(window, &size, &has_newline, error));
        const size_t consumed = size + (has_newline ? 1 : 0);
        if (size > 0 && lb_window_at(window, size - 1) == '\r')
        {
            size--;
        }
        size_t n_spaces = 0;
        while (n_spaces < size && lb_is_space(lb_window_at(window, n_spaces)))
        {
            n_spaces++;
        }
        if (n_spaces < size)
        {
            lb_record_deliver(reader, record, size, consumed);
            *has_record = true;
            return LOBASS_OK;
        }
        lb_window_consume(window, consumed);
        if (!has_newline)
        {
            return LOBASS_OK;
        }
    }
}

/* ---- values --------------------------------------------------------------------------------- */

/* *IS_CLOSED false: the end came first. */
static lobass_status find_closed(lb_window *window, size_t from, size_t *end, bool *is_closed,
                                 lobass_error *error)
{
    size_t depth = 0;
    bool is_string = false;
    bool is_escaped = false;
    *is_closed = false;
    for (size_t at = from;; at++)
    {
        if (at >= lb_window_held(window))
        {
            bool is_there = false;
            LB_TRY(lb_window_check_limit(window, at, error));
            LB_TRY(lb_window_need(window, at, &is_there, error));
            if (!is_there)
            {
                *end = at;
                return LOBASS_OK;
            }
        }
        const unsigned char byte = lb_window_at(window, at);
        if (is_escaped)
        {
            is_escaped = false;
            continue;
        }
        if (byte == '"')
        {
            is_string = !is_string;
        }
        else if (is_string)
        {
            is_escaped = byte == '\\';
        }
        else if (byte == '{' || byte == '[')
        {
            depth++;
        }
        else if (byte == '}' || byte == ']')
        {
            depth--;
        }
        if (depth == 0 && !is_string)
        {
            *end = at + 1;
            *is_closed = true;
            return lb_window_check_limit(window, *end, error);
        }
    }
}

static bool is_punctuation(unsigned char byte)
{
    return byte == ',' || byte == ':' || byte == '"' || byte == '[' || byte == ']' || byte == '{' ||
           byte == '}';
}

lobass_status lb_json_find_end(lb_window *window, size_t from, size_t *end, bool *is_closed,
                               lobass_error *error)
{
    const unsigned char first = lb_window_at(window, from);
    if (first == '{' || first == '[' || first == '"')
    {
        return find_closed(window, from, end, is_closed, error);
    }
    *is_closed = true;
    for (*end = from;; ++*end)
    {
        bool is_there = false;
        LB_TRY(lb_window_need(window, *end, &is_there, error));
        LB_TRY(lb_window_check_limit(window, *end, error));
        if (!is_there || lb_is_space(lb_window_at(window, *end)) ||
            is_punctuation(lb_window_at(window, *end)))
        {
            return LOBASS_OK;
        }
    }
}

/* The window begins with a byte that is not space. */
static lobass_status take_value(lb_record_reader *reader, lb_record *record, lobass_error *error)
{
    size_t size = 0;
    bool is_closed = false;
    LB_TRY(lb_json_find_end(&reader->window, 0, &size, &is_closed, error));
    if (!is_closed)
    {
        return lb_window_fail_cut_off(&reader->window, size, error);
    }
    if (size == 0)
    {
        return lb_window_fail(&reader->window, "a record", error);
    }
    lb_record_deliver(reader, record, size, size);
    return LOBASS_OK;
}

lobass_status lb_json_next_value(lb_record_reader *reader, lb_record *record, bool *has_record,
                                 lobass_error *error)
{
    LB_TRY(lb_window_skip_spaces(&reader->window, has_record, error));
    return *has_record ? take_value(reader, record, error) : LOBASS_OK;
}

/* ---- arrays --------------------------------------------------------------------------------- */

static lobass_status array_end(lb_record_reader *reader, lobass_error *error)
{
    bool is_there = false;
    if (reader->is_wrapped)
    {
        LB_TRY(lb_json_unwrap(reader, error));
    }
    LB_TRY(lb_window_skip_spaces(&reader->window, &is_there, error));
    return is_there ? lb_window_fail(&reader->window, "nothing after the array", error) : LOBASS_OK;
}

lobass_status lb_json_next_element(lb_record_reader *reader, lb_record *record, bool *has_record,
                                   lobass_error *error)
{
    lb_window *window = &reader->window;
    bool is_there = false;
    if (reader->is_finished)
    {
        return array_end(reader, error);
    }
    LB_TRY(lb_window_skip_spaces(window, &is_there, error));
    /* The first time '[' is known to be here; an empty array is closed at once. */
    const bool is_first = !reader->is_started;
    if (is_first || (is_there && lb_window_at(window, 0) == ','))
    {
        lb_window_consume(window, 1);
        LB_TRY(lb_window_skip_spaces(window, &is_there, error));
        if (!is_there || !is_first || lb_window_at(window, 0) != ']')
        {
            reader->is_started = true;
            *has_record = is_there;
            return is_there
                       ? take_value(reader, record, error)
                       : lb_window_fail(window, is_first ? "a record or ']'" : "a record", error);
        }
    }
    if (!is_there || lb_window_at(window, 0) != ']')
    {
        return lb_window_fail(window, "',' or ']' after a record", error);
    }
    lb_window_consume(window, 1);
    reader->is_started = true;
    reader->is_finished = true;
    return array_end(reader, error);
}

/* ---- which it is ----------------------------------------------------------------------------- */

lobass_status lb_json_find_first(lb_window *window, size_t *at, bool *is_there, lobass_error *error)
{
    LB_TRY(lb_window_need(window, *at, is_there, error));
    while (*is_there && lb_is_space(lb_window_at(window, *at)))
    {
        ++*at;
        LB_TRY(lb_window_need(window, *at, is_there, error));
        LB_TRY(lb_window_check_limit(window, *at, error));
    }
    return LOBASS_OK;
}

lobass_status lb_json_is_array(lb_record_reader *reader, const char *path, bool *is_it,
                               lobass_error *error)
{
    (void)path;
    size_t at = 0;
    bool is_there = false;
    LB_TRY(lb_json_find_first(&reader->window, &at, &is_there, error));
    *is_it = is_there && lb_window_at(&reader->window, at) == '[';
    return LOBASS_OK;
}

/* What the first line leaves open. */
typedef struct opened
{
    size_t depth;
    uint64_t arrays; /* a bit for each of the innermost levels: it is an array */
    bool is_string;
    unsigned char last; /* that is not space */
} opened;

static void opened_take(opened *o, unsigned char byte)
{
    o->last = lb_is_space(byte) ? o->last : byte;
    if (byte == '"')
    {
        o->is_string = !o->is_string;
    }
    else if (!o->is_string && (byte == '{' || byte == '['))
    {
        o->depth++;
        o->arrays = o->arrays << 1U | (byte == '[' ? 1U : 0U);
    }
    else if (!o->is_string && (byte == '}' || byte == ']') && o->depth > 0)
    {
        o->depth--;
        o->arrays >>= 1U;
    }
}

/* An object that goes on on the next line: the first ends where a bracket opens or an element of an
 * array ends, or what follows is not another object, as it is behind a line that is cut off. */
static lobass_status is_over_lines(lb_window *window, bool *is_it, lobass_error *error)
{
    size_t at = 0;
    bool is_there = false;
    opened o = {0};
    LB_TRY(lb_json_find_first(window, &at, &is_there, error));
    if (!is_there || lb_window_at(window, at) != '{')
    {
        return LOBASS_OK;
    }
    while (is_there && lb_window_at(window, at) != '\n')
    {
        const bool is_escape = o.is_string && lb_window_at(window, at) == '\\';
        opened_take(&o, lb_window_at(window, at));
        at += is_escape ? 2 : 1;
        LB_TRY(lb_window_need(window, at, &is_there, error));
        LB_TRY(lb_window_check_limit(window, at, error));
    }
    LB_TRY(is_there ? lb_json_find_first(window, &at, &is_there, error) : LOBASS_OK);
    const bool goes_on = o.last == '{' || o.last == '[' || (o.last == ',' && (o.arrays & 1U) != 0);
    *is_it =
        is_there && o.depth > 0 && !o.is_string && (goes_on || lb_window_at(window, at) != '{');
    return LOBASS_OK;
}

lobass_status lb_json_is_sequence(lb_record_reader *reader, const char *path, bool *is_it,
                                  lobass_error *error)
{
    *is_it = lb_path_has_ending(path, ".json");
    return *is_it ? LOBASS_OK : is_over_lines(&reader->window, is_it, error);
}

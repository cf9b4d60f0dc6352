/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns cutting a stream into records, without looking into them further than needed to find where
 * they end. Four frames: plain text (a name in .txt), an array (the first byte that is not space is
 * '['), values one after another (a name in .json, so a single pretty-printed object is one
 * record), and lines. In arrays and values a record ends where its brackets are closed, outside of
 * strings, or where a scalar's delimiter comes. A window over the stream grows to the largest
 * record, which has a limit.
 */
#include "format/format.h"
#include "format/stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_LIMIT ((size_t)256 * 1024 * 1024)
#define FILL_BYTES ((size_t)256 * 1024)
#define TEXT_BYTES ((size_t)64 * 1024) /* of a piece of plain text */

/* Finds the next record of one kind of frame. */
typedef lobass_status (*next_function)(lb_record_reader *reader, lb_record *record,
                                       bool *has_record, lobass_error *error);

struct lb_record_reader
{
    lb_stream *stream;
    next_function next;
    lb_buffer window; /* bytes from begin to window.size are not consumed */
    size_t begin;
    uint64_t n_records, line, offset; /* of the byte at begin */
    bool is_at_end;                   /* of the stream: window holds all that is left */
    bool is_json_name, is_text_name;  /* what the file's name ends in */
    bool has_frame;                   /* next was chosen */
    bool is_started, is_finished;     /* of the array: '[' and ']' were seen */
};

/* ---- the window ----------------------------------------------------------------------------- */

static size_t held(const lb_record_reader *reader)
{
    return reader->window.size - reader->begin;
}

static unsigned char byte_at(const lb_record_reader *reader, size_t index)
{
    return (unsigned char)reader->window.data[reader->begin + index];
}

/* Reads more, or sets is_at_end. What was consumed makes room; the rest may move. */
static lobass_status fill(lb_record_reader *reader, lobass_error *error)
{
    lb_buffer *window = &reader->window;
    if (reader->begin > 0)
    {
        memmove(window->data, window->data + reader->begin, held(reader));
        window->size -= reader->begin;
        reader->begin = 0;
    }
    LB_TRY(lb_buffer_reserve(window, FILL_BYTES, error));
    size_t n_read = 0;
    LB_TRY(lb_stream_read(reader->stream, window->data + window->size, FILL_BYTES, &n_read, error));
    window->size += n_read;
    window->data[window->size] = '\0';
    reader->is_at_end = n_read == 0;
    return LOBASS_OK;
}

/* Makes sure that the byte at INDEX is there; *IS_THERE false only at the end of the stream. */
static lobass_status need(lb_record_reader *reader, size_t index, bool *is_there,
                          lobass_error *error)
{
    while (index >= held(reader) && !reader->is_at_end)
    {
        LB_TRY(fill(reader, error));
    }
    *is_there = index < held(reader);
    return LOBASS_OK;
}

static void consume(lb_record_reader *reader, size_t size)
{
    const char *at = reader->window.data + reader->begin;
    const char *end = at + size;
    for (const char *newline = memchr(at, '\n', size); newline != NULL;
         newline = memchr(newline + 1, '\n', (size_t)(end - newline) - 1))
    {
        reader->line++;
    }
    reader->begin += size;
    reader->offset += size;
}

/* ---- failures ------------------------------------------------------------------------------- */

static lobass_status fail_here(const lb_record_reader *reader, lobass_error *error,
                               const char *expected)
{
    char found[sizeof "byte 0x00"] = "byte 0x00";
    if (held(reader) > 0)
    {
        const unsigned char byte = byte_at(reader, 0);
        const bool is_printable = byte > ' ' && byte < 0x7F;
        (void)snprintf(found, sizeof found, is_printable ? "'%c'" : "byte 0x%02X", byte);
    }
    return lb_fail(error, LOBASS_BAD_FORMAT,
                   "%s:%" PRIu64 ": byte %" PRIu64 ": expected %s, found %s",
                   lb_stream_name(reader->stream), reader->line, reader->offset, expected,
                   held(reader) > 0 ? found : "the end of the file");
}

static lobass_status check_limit(const lb_record_reader *reader, size_t size, lobass_error *error)
{
    if (size > RECORD_LIMIT)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "%s:%" PRIu64 ": byte %" PRIu64
                       ": found a record of more than %zu bytes, expected at most that many",
                       lb_stream_name(reader->stream), reader->line, reader->offset, RECORD_LIMIT);
    }
    return LOBASS_OK;
}

/* The record is the first SIZE bytes of the window; CONSUMED of them and what follows are used. */
static void deliver(lb_record_reader *reader, lb_record *record, size_t size, size_t consumed)
{
    *record = (lb_record){
        .data = reader->window.data + reader->begin,
        .size = size,
        .index = reader->n_records,
        .line = reader->line,
        .offset = reader->offset,
    };
    reader->n_records++;
    consume(reader, consumed);
}

/* ---- lines ---------------------------------------------------------------------------------- */

static bool is_space(unsigned char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* *SIZE: the bytes before the newline or the end; *HAS_NEWLINE tells which. */
static lobass_status find_line(lb_record_reader *reader, size_t *size, bool *has_newline,
                               lobass_error *error)
{
    size_t seen = 0;
    for (;;)
    {
        const char *start = reader->window.data + reader->begin;
        const size_t left = held(reader) - seen;
        const char *newline = left > 0 ? memchr(start + seen, '\n', left) : NULL;
        *has_newline = newline != NULL;
        *size = newline != NULL ? (size_t)(newline - start) : held(reader);
        LB_TRY(check_limit(reader, *size, error));
        if (newline != NULL || reader->is_at_end)
        {
            return LOBASS_OK;
        }
        seen = held(reader);
        LB_TRY(fill(reader, error));
    }
}

static lobass_status next_line(lb_record_reader *reader, lb_record *record, bool *has_record,
                               lobass_error *error)
{
    for (;;)
    {
        size_t size = 0;
        bool has_newline = false;
        LB_TRY(find_line(reader, &size, &has_newline, error));
        const size_t consumed = size + (has_newline ? 1 : 0);
        if (size > 0 && byte_at(reader, size - 1) == '\r')
        {
            size--;
        }
        size_t n_spaces = 0;
        while (n_spaces < size && is_space(byte_at(reader, n_spaces)))
        {
            n_spaces++;
        }
        if (n_spaces < size)
        {
            deliver(reader, record, size, consumed);
            *has_record = true;
            return LOBASS_OK;
        }
        consume(reader, consumed);
        if (!has_newline)
        {
            return LOBASS_OK;
        }
    }
}

/* ---- plain text ----------------------------------------------------------------------------- */

/* The bytes up to and with the last END in [LEAST, SIZE) of the window; 0 where there is none. */
static size_t find_last(const lb_record_reader *reader, size_t least, size_t size, const char *end)
{
    const size_t end_size = strlen(end);
    const char *text = reader->window.data + reader->begin;
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
static size_t find_cut(const lb_record_reader *reader)
{
    static const char *const ends[] = {"\n\n", "\n", " "};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    {
        const size_t size = find_last(reader, TEXT_BYTES / 2, TEXT_BYTES, ends[i]);
        if (size > 0)
        {
            return size;
        }
    }
    size_t size = TEXT_BYTES;
    while (size > TEXT_BYTES - 4 && (byte_at(reader, size) & 0xC0) == 0x80)
    {
        size--;
    }
    return size;
}

static bool is_blank(const lb_record_reader *reader, size_t size)
{
    size_t at = 0;
    while (at < size && is_space(byte_at(reader, at)))
    {
        at++;
    }
    return at == size;
}

/* *GOES_ON: more than white space stands behind the first SIZE bytes. */
static lobass_status look_behind(lb_record_reader *reader, size_t size, bool *goes_on,
                                 lobass_error *error)
{
    bool is_there = true;
    size_t at = size;
    LB_TRY(need(reader, at, &is_there, error));
    while (is_there && is_space(byte_at(reader, at)))
    {
        at++;
        LB_TRY(need(reader, at, &is_there, error));
        LB_TRY(check_limit(reader, at, error));
    }
    *goes_on = is_there;
    return LOBASS_OK;
}

static lobass_status next_text(lb_record_reader *reader, lb_record *record, bool *has_record,
                               lobass_error *error)
{
    bool is_there = true;
    while (is_there)
    {
        LB_TRY(need(reader, TEXT_BYTES, &is_there, error));
        const size_t size = is_there ? find_cut(reader) : held(reader);
        if (!is_blank(reader, size))
        {
            bool is_continued = false;
            LB_TRY(look_behind(reader, size, &is_continued, error));
            deliver(reader, record, size, size);
            record->is_text = true;
            record->is_continued = is_continued;
            *has_record = true;
            return LOBASS_OK;
        }
        consume(reader, size);
    }
    return LOBASS_OK;
}

/* ---- values --------------------------------------------------------------------------------- */

static lobass_status skip_spaces(lb_record_reader *reader, bool *is_there, lobass_error *error)
{
    for (;;)
    {
        size_t n_spaces = 0;
        while (n_spaces < held(reader) && is_space(byte_at(reader, n_spaces)))
        {
            n_spaces++;
        }
        consume(reader, n_spaces);
        if (held(reader) > 0 || reader->is_at_end)
        {
            *is_there = held(reader) > 0;
            return LOBASS_OK;
        }
        LB_TRY(fill(reader, error));
    }
}

static lobass_status fail_cut_off(lb_record_reader *reader, size_t size, lobass_error *error)
{
    const uint64_t first_line = reader->line;
    const uint64_t first_byte = reader->offset;
    consume(reader, size);
    return lb_fail(error, LOBASS_BAD_FORMAT,
                   "%s:%" PRIu64 ": byte %" PRIu64 ": found the end of the file inside a record "
                   "that begins at line %" PRIu64 ", byte %" PRIu64,
                   lb_stream_name(reader->stream), reader->line, reader->offset, first_line,
                   first_byte);
}

/* *SIZE: up to where all brackets, or the string, that the first byte opens are closed. */
static lobass_status find_closed(lb_record_reader *reader, size_t *size, lobass_error *error)
{
    size_t depth = 0;
    bool is_string = false;
    bool is_escaped = false;
    for (size_t at = 0;; at++)
    {
        if (at >= held(reader))
        {
            bool is_there = false;
            LB_TRY(check_limit(reader, at, error));
            LB_TRY(need(reader, at, &is_there, error));
            if (!is_there)
            {
                return fail_cut_off(reader, at, error);
            }
        }
        const unsigned char byte = byte_at(reader, at);
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
            *size = at + 1;
            return check_limit(reader, *size, error);
        }
    }
}

static bool is_punctuation(unsigned char byte)
{
    return byte == ',' || byte == ':' || byte == '"' || byte == '[' || byte == ']' || byte == '{' ||
           byte == '}';
}

/* A number or a word: up to the next delimiter or the end. */
static lobass_status find_scalar(lb_record_reader *reader, size_t *size, lobass_error *error)
{
    for (size_t at = 0;; at++)
    {
        bool is_there = false;
        LB_TRY(need(reader, at, &is_there, error));
        LB_TRY(check_limit(reader, at, error));
        if (!is_there || is_space(byte_at(reader, at)) || is_punctuation(byte_at(reader, at)))
        {
            *size = at;
            return LOBASS_OK;
        }
    }
}

/* The window begins with a byte that is not space. */
static lobass_status next_value(lb_record_reader *reader, lb_record *record, lobass_error *error)
{
    size_t size = 0;
    const unsigned char first = byte_at(reader, 0);
    if (first == '{' || first == '[' || first == '"')
    {
        LB_TRY(find_closed(reader, &size, error));
    }
    else
    {
        LB_TRY(find_scalar(reader, &size, error));
    }
    if (size == 0)
    {
        return fail_here(reader, error, "a record");
    }
    deliver(reader, record, size, size);
    return LOBASS_OK;
}

static lobass_status next_in_sequence(lb_record_reader *reader, lb_record *record, bool *has_record,
                                      lobass_error *error)
{
    LB_TRY(skip_spaces(reader, has_record, error));
    return *has_record ? next_value(reader, record, error) : LOBASS_OK;
}

static lobass_status next_in_array(lb_record_reader *reader, lb_record *record, bool *has_record,
                                   lobass_error *error)
{
    bool is_there = false;
    LB_TRY(skip_spaces(reader, &is_there, error));
    if (reader->is_finished)
    {
        return is_there ? fail_here(reader, error, "nothing after the array") : LOBASS_OK;
    }
    /* The first time '[' is known to be here; an empty array is closed at once. */
    const bool is_first = !reader->is_started;
    if (is_first || (is_there && byte_at(reader, 0) == ','))
    {
        consume(reader, 1);
        LB_TRY(skip_spaces(reader, &is_there, error));
        if (!is_there || !is_first || byte_at(reader, 0) != ']')
        {
            reader->is_started = true;
            *has_record = is_there;
            return is_there ? next_value(reader, record, error)
                            : fail_here(reader, error, is_first ? "a record or ']'" : "a record");
        }
    }
    if (!is_there || byte_at(reader, 0) != ']')
    {
        return fail_here(reader, error, "',' or ']' after a record");
    }
    consume(reader, 1);
    reader->is_started = true;
    reader->is_finished = true;
    LB_TRY(skip_spaces(reader, &is_there, error));
    return is_there ? fail_here(reader, error, "nothing after the array") : LOBASS_OK;
}

/* ---- the reader ----------------------------------------------------------------------------- */

/* Whether NAME ends in ENDING before *SIZE, which is then shortened by it. */
static bool strip_ending(const char *name, size_t *size, const char *ending)
{
    const size_t ending_size = strlen(ending);
    if (*size < ending_size || strncmp(name + *size - ending_size, ending, ending_size) != 0)
    {
        return false;
    }
    *size -= ending_size;
    return true;
}

/* Compressed or not. */
static bool has_ending(const char *path, const char *ending)
{
    size_t size = strlen(path);
    if (!strip_ending(path, &size, ".gz"))
    {
        (void)strip_ending(path, &size, ".zst");
    }
    return strip_ending(path, &size, ending);
}

bool lb_path_is_text(const char *path)
{
    return has_ending(path, ".txt");
}

/* Skips a byte-order mark and looks at the first byte that is not space. */
static lobass_status choose_frame(lb_record_reader *reader, lobass_error *error)
{
    bool is_there = false;
    LB_TRY(need(reader, 2, &is_there, error));
    if (is_there && memcmp(reader->window.data, "\xEF\xBB\xBF", 3) == 0)
    {
        consume(reader, 3);
    }
    else if (held(reader) >= 2 && (memcmp(reader->window.data, "\xFF\xFE", 2) == 0 ||
                                   memcmp(reader->window.data, "\xFE\xFF", 2) == 0))
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "%s: byte 0: found the byte-order mark of UTF-16, expected UTF-8",
                       lb_stream_name(reader->stream));
    }
    if (reader->is_text_name)
    {
        reader->next = next_text;
        return LOBASS_OK;
    }
    size_t at = 0;
    LB_TRY(need(reader, at, &is_there, error));
    while (is_there && is_space(byte_at(reader, at)))
    {
        at++;
        LB_TRY(need(reader, at, &is_there, error));
        LB_TRY(check_limit(reader, at, error));
    }
    if (is_there && byte_at(reader, at) == '[')
    {
        reader->next = next_in_array;
    }
    else if (reader->is_json_name)
    {
        reader->next = next_in_sequence;
    }
    return LOBASS_OK;
}

lobass_status lb_record_reader_open(lb_record_reader **reader, const char *path,
                                    lobass_error *error)
{
    *reader = NULL;
    lb_record_reader *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->line = 1;
    made->next = next_line;
    made->is_json_name = has_ending(path, ".json");
    made->is_text_name = lb_path_is_text(path);
    lobass_status status = lb_stream_open(&made->stream, path, error);
    if (status == LOBASS_OK)
    {
        status = lb_buffer_reserve(&made->window, FILL_BYTES, error);
    }
    if (status != LOBASS_OK)
    {
        lb_record_reader_close(made);
        return status;
    }
    *reader = made;
    return LOBASS_OK;
}

lobass_status lb_record_reader_next(lb_record_reader *reader, lb_record *record, bool *has_record,
                                    lobass_error *error)
{
    *has_record = false;
    *record = (lb_record){0};
    if (!reader->has_frame)
    {
        LB_TRY(choose_frame(reader, error));
        reader->has_frame = true;
    }
    const lobass_status status = reader->next(reader, record, has_record, error);
    if (status != LOBASS_OK)
    {
        *has_record = false;
    }
    return status;
}

void lb_record_reader_close(lb_record_reader *reader)
{
    if (reader == NULL)
    {
        return;
    }
    lb_stream_close(reader->stream);
    lb_buffer_free(&reader->window);
    free(reader);
}

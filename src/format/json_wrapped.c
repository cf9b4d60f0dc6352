/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that is one JSON object: the records in an array that is a member of it, which is read as
 * an array, its other members noted; or columns, {"prompt": ["a", "b"], ...}, which are refused.
 * Where further values follow, the object is a record like them.
 */
#include "format/json_frame.h"

#include <string.h>

#define SHOWN_NAME 60 /* bytes of a member's name in messages */

static const char *const list_names[] = {"data",  "rows",       "records", "examples",
                                         "items", "samples",    "dataset", "instances",
                                         "train", "validation", "test"};

/* A member of the object, by places in the window. */
typedef struct member
{
    const char *name; /* [size], as it is written; until the window moves */
    size_t size;
    size_t value;    /* its first byte */
    bool is_there;   /* false: the object is closed or broken here */
    bool is_records; /* an array whose first element is an object */
} member;

static bool is_list_name(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof list_names / sizeof *list_names; i++)
    {
        if (strlen(list_names[i]) == size && memcmp(list_names[i], name, size) == 0)
        {
            return true;
        }
    }
    return false;
}

/* The byte at *AT, spaces skipped, is EXPECTED, and *AT then behind it. */
static lobass_status take(lb_window *window, size_t *at, char expected, bool *is_it,
                          lobass_error *error)
{
    bool is_there = false;
    LB_TRY(lb_json_find_first(window, at, &is_there, error));
    *is_it = is_there && lb_window_at(window, *at) == (unsigned char)expected;
    *at += *is_it ? 1 : 0;
    return LOBASS_OK;
}

/* The member that begins at *AT, which then is that of its value. */
static lobass_status member_find(member *found, lb_window *window, size_t *at, lobass_error *error)
{
    bool is_it = false;
    bool is_there = false;
    *found = (member){0};
    LB_TRY(take(window, at, '"', &is_it, error));
    if (!is_it)
    {
        return LOBASS_OK;
    }
    const size_t begin = *at;
    LB_TRY(lb_json_find_end(window, begin - 1, at, &is_it, error));
    const size_t size = *at - begin - 1;
    LB_TRY(is_it ? take(window, at, ':', &is_it, error) : LOBASS_OK);
    LB_TRY(is_it ? lb_json_find_first(window, at, &is_there, error) : LOBASS_OK);
    if (!is_there)
    {
        return LOBASS_OK;
    }
    if (lb_window_at(window, *at) == '[')
    {
        size_t first = *at + 1;
        LB_TRY(lb_json_find_first(window, &first, &is_there, error));
        found->is_records = is_there && lb_window_at(window, first) == '{';
    }
    found->name = lb_window_data(window) + begin;
    found->size = size;
    found->value = *at;
    found->is_there = true;
    return LOBASS_OK;
}

static int shown_size(const member *found)
{
    return (int)(found->size < SHOWN_NAME ? found->size : SHOWN_NAME);
}

static lobass_status note(lb_record_reader *reader, const member *found, lobass_error *error)
{
    LB_TRY(lb_buffer_append_text(
        &reader->note, reader->note.size == 0 ? "passed over beside the list of records: " : ", ",
        error));
    LB_TRY(lb_buffer_append_text(&reader->note, "\"", error));
    LB_TRY(lb_append_visible(&reader->note, found->name, (size_t)shown_size(found), error));
    return lb_buffer_append_text(&reader->note, "\"", error);
}

/* Goes through the members from *AT on, up to the list of records or the end of the object;
 * *IS_CLOSED tells of the latter, that it is well-formed so far. */
static lobass_status list_find(lb_record_reader *reader, size_t *at, bool *is_found,
                               bool *is_closed, lobass_error *error)
{
    lb_window *window = &reader->window;
    bool goes_on = true;
    *is_found = false;
    *is_closed = false;
    while (goes_on)
    {
        member found;
        bool is_it = false;
        LB_TRY(member_find(&found, window, at, error));
        if (!found.is_there)
        {
            return LOBASS_OK;
        }
        if (found.is_records && is_list_name(found.name, found.size))
        {
            *is_found = true;
            return LOBASS_OK;
        }
        LB_TRY(note(reader, &found, error));
        LB_TRY(lb_json_find_end(window, found.value, at, &is_it, error));
        if (!is_it || *at == found.value)
        {
            return LOBASS_OK;
        }
        LB_TRY(take(window, at, ',', &goes_on, error));
    }
    return take(window, at, '}', is_closed, error);
}

/* ---- columns ----------------------------------------------------------------------------------
 */

/* pandas: {"a": ["x", "y"]} (list), {"a": {"0": "x"}} (columns), {"columns": ..., "data": ...}
 * (split). */
static bool is_columns(const lb_value *object)
{
    bool are_lists = object->count > 0;
    bool are_indexed = object->count > 0;
    for (const lb_value *value = object->first; value != NULL; value = value->next)
    {
        const bool is_list = lb_value_is(value, LB_VALUE_ARRAY) && value->count > 0 &&
                             value->count == object->first->count;
        are_lists = are_lists && is_list && !lb_value_is(value->first, LB_VALUE_OBJECT);
        are_indexed = are_indexed && lb_value_get(value, "0") != NULL;
    }
    return are_lists || are_indexed ||
           (lb_value_is(lb_value_get(object, "columns"), LB_VALUE_ARRAY) &&
            lb_value_is(lb_value_get(object, "data"), LB_VALUE_ARRAY));
}

static lobass_status columns_refuse(const lb_record_reader *reader, size_t begin, size_t end,
                                    lobass_error *error)
{
    lb_arena arena = {0};
    const lb_value *value = NULL;
    lobass_error unread = {0};
    lobass_status status = lb_value_parse(&value, lb_window_data(&reader->window) + begin,
                                          end - begin, "", &arena, &unread);
    if (status == LOBASS_OK && is_columns(value))
    {
        status = lb_fail(error, LOBASS_UNSUPPORTED,
                         "%s: one object of columns, as pandas writes it; expected a record a "
                         "line: DataFrame.to_json(\"NAME.jsonl\", orient=\"records\", lines=True)",
                         reader->path);
    }
    else if (status != LOBASS_OUT_OF_MEMORY)
    {
        status = LOBASS_OK; /* whatever it is, it is read as a record */
    }
    else
    {
        status = lb_fail_memory(error, end - begin);
    }
    lb_arena_free(&arena);
    return status;
}

/* ---- the object -------------------------------------------------------------------------------
 */

/* Lines are records, unless there is one only; what spans lines or is called .json may be one
 * object. */
static lobass_status may_be_one(lb_record_reader *reader, const char *path, bool *is_it,
                                lobass_error *error)
{
    size_t at = 0;
    bool has_newline = false;
    bool follows = false;
    LB_TRY(lb_json_is_sequence(reader, path, is_it, error));
    if (*is_it)
    {
        return LOBASS_OK;
    }
    LB_TRY(lb_json_find_line(&reader->window, &at, &has_newline, error));
    LB_TRY(lb_json_find_first(&reader->window, &at, &follows, error));
    *is_it = !follows;
    return LOBASS_OK;
}

lobass_status lb_json_is_wrapped(lb_record_reader *reader, const char *path, bool *is_it,
                                 lobass_error *error)
{
    lb_window *window = &reader->window;
    size_t at = 0;
    bool is_object = false;
    bool is_closed = false;
    LB_TRY(may_be_one(reader, path, &is_object, error));
    LB_TRY(is_object ? take(window, &at, '{', &is_object, error) : LOBASS_OK);
    if (!is_object)
    {
        return LOBASS_OK;
    }
    const size_t begin = at - 1;
    LB_TRY(list_find(reader, &at, is_it, &is_closed, error));
    if (*is_it)
    {
        reader->is_wrapped = true;
        lb_window_consume(window, at);
        return LOBASS_OK;
    }
    lb_buffer_clear(&reader->note);
    if (is_closed)
    {
        size_t behind = at;
        bool follows = false;
        LB_TRY(lb_json_find_first(window, &behind, &follows, error));
        return follows ? LOBASS_OK : columns_refuse(reader, begin, at, error);
    }
    return LOBASS_OK;
}

lobass_status lb_json_unwrap(lb_record_reader *reader, lobass_error *error)
{
    lb_window *window = &reader->window;
    size_t at = 0;
    bool is_next = false;
    bool is_found = false;
    bool is_closed = false;
    LB_TRY(take(window, &at, ',', &is_next, error));
    if (is_next)
    {
        LB_TRY(list_find(reader, &at, &is_found, &is_closed, error));
    }
    else
    {
        LB_TRY(take(window, &at, '}', &is_closed, error));
    }
    lb_window_consume(window, at);
    reader->is_wrapped = false;
    if (is_found)
    {
        return lb_window_fail(window, "one list of records in the object; make a file of each",
                              error);
    }
    return is_closed ? LOBASS_OK : lb_window_fail(window, "'}' after the members", error);
}

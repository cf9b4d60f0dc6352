/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns growable bytes. A buffer at least doubles when it grows, so appending is linear overall, and
 * it keeps a NUL behind its bytes so that text in it can be passed on as a C string.
 */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64U

lobass_status lb_buffer_reserve(lb_buffer *buffer, size_t extra_bytes, lobass_error *error)
{
    size_t needed = 0;
    if (!lb_size_add(buffer->size, extra_bytes, &needed) || !lb_size_add(needed, 1, &needed) ||
        needed > PTRDIFF_MAX)
    {
        return lb_fail_memory(error, SIZE_MAX);
    }
    if (needed <= buffer->capacity)
    {
        return LOBASS_OK;
    }
    size_t capacity = buffer->capacity == 0 ? FIRST_CAPACITY : buffer->capacity;
    if (capacity <= PTRDIFF_MAX / 2)
    {
        capacity *= buffer->capacity == 0 ? 1 : 2;
    }
    capacity = capacity < needed ? needed : capacity;
    char *data = realloc(buffer->data, capacity);
    if (data == NULL)
    {
        return lb_fail_memory(error, capacity);
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return LOBASS_OK;
}

lobass_status lb_buffer_append(lb_buffer *buffer, const void *data, size_t size_bytes,
                               lobass_error *error)
{
    LB_TRY(lb_buffer_reserve(buffer, size_bytes, error));
    if (size_bytes > 0)
    {
        memcpy(buffer->data + buffer->size, data, size_bytes);
        buffer->size += size_bytes;
    }
    buffer->data[buffer->size] = '\0';
    return LOBASS_OK;
}

lobass_status lb_buffer_append_text(lb_buffer *buffer, const char *text, lobass_error *error)
{
    return lb_buffer_append(buffer, text, strlen(text), error);
}

lobass_status lb_buffer_print(lb_buffer *buffer, lobass_error *error, const char *format, ...)
{
    va_list arguments;
    va_list again;
    va_start(arguments, format);
    va_copy(again, arguments);
    lobass_status status = LOBASS_OK;
    const int size = lb_print_list(NULL, 0, format, arguments);
    if (size < 0)
    {
        status = lb_fail(error, LOBASS_BAD_ARGUMENT, "cannot format text as \"%s\"", format);
        goto done;
    }
    LB_TRY_GOTO(lb_buffer_reserve(buffer, (size_t)size, error));
    (void)lb_print_list(buffer->data + buffer->size, (size_t)size + 1, format, again);
    buffer->size += (size_t)size;
done:
    va_end(again);
    va_end(arguments);
    return status;
}

void lb_buffer_clear(lb_buffer *buffer)
{
    buffer->size = 0;
    if (buffer->data != NULL)
    {
        buffer->data[0] = '\0';
    }
}

void lb_buffer_free(lb_buffer *buffer)
{
    if (buffer == NULL)
    {
        return;
    }
    free(buffer->data);
    *buffer = (lb_buffer){0};
}

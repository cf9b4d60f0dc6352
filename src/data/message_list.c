/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of messages and of names while a record is read; names for people.
 */
#include "data/messages.h"

#include <string.h>

#define FIRST_CAPACITY 8

void lb_short_name(char out[LB_SHORT_NAME_SIZE], const char *name, size_t size_bytes)
{
    static const char mark[] = "...";
    size_t n = size_bytes;
    const bool is_cut = n > LB_SHORT_NAME_SIZE - sizeof mark;
    if (is_cut)
    {
        n = LB_SHORT_NAME_SIZE - sizeof mark;
        while (n > 0 && ((unsigned char)name[n] & 0xc0U) == 0x80U)
        {
            n--;
        }
    }
    for (size_t i = 0; i < n; i++)
    {
        const unsigned char byte = (unsigned char)name[i];
        const bool is_control = byte < 0x20U || byte == 0x7fU;
        out[i] = name[i];
        if (is_control)
        {
            out[i] = '?';
        }
    }
    memcpy(out + n, is_cut ? mark : "", is_cut ? sizeof mark : 1);
}

/* Room for one element more in the arena; the earlier ones move. */
static lobass_status grow(void **elements, size_t *capacity, size_t count, size_t element_bytes,
                          lb_arena *arena, lobass_error *error)
{
    if (count < *capacity)
    {
        return LOBASS_OK;
    }
    const size_t wanted = *capacity == 0 ? FIRST_CAPACITY : 2 * *capacity;
    void *grown = lb_arena_alloc(arena, wanted, element_bytes, error);
    if (grown == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    if (count > 0)
    {
        memcpy(grown, *elements, count * element_bytes);
    }
    *elements = grown;
    *capacity = wanted;
    return LOBASS_OK;
}

lobass_status lb_name_list_add(lb_name_list *list, const char *name, lb_arena *arena,
                               lobass_error *error)
{
    for (size_t i = 0; i < list->count; i++)
    {
        if (strcmp(list->names[i], name) == 0)
        {
            return LOBASS_OK;
        }
    }
    void *names = (void *)list->names;
    LB_TRY(grow(&names, &list->capacity, list->count, sizeof *list->names, arena, error));
    list->names = (const char **)names;
    list->names[list->count++] = name;
    return LOBASS_OK;
}

lobass_status lb_message_list_add(lb_message_list *list, lb_role role, const char *text,
                                  size_t size_bytes, lobass_error *error)
{
    void *messages = list->messages;
    LB_TRY(
        grow(&messages, &list->capacity, list->count, sizeof *list->messages, list->arena, error));
    list->messages = messages;
    list->messages[list->count++] = (lb_message){.role = role, .text = text, .size = size_bytes};
    return LOBASS_OK;
}

void lb_message_list_note(lb_message_list *list, const char *name)
{
    list->chat_only = list->chat_only == NULL ? name : list->chat_only;
}

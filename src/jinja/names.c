/* SPDX-License-Identifier: Apache-2.0
 *
 * The names in a template, each kept once however often it stands there.
 */
#include <stdlib.h>
#include <string.h>

#include "jinja/tree.h"

enum
{
    FIRST_CAPACITY = 64
};

/* Where the name is, or where it may be put. */
static size_t slot_find(const name_table *names, const char *data, size_t size)
{
    size_t slot = (size_t)lb_hash_bytes(data, size, 0).low & (names->capacity - 1);
    while (names->slots[slot] != NULL &&
           (names->slots[slot]->size != size || memcmp(names->slots[slot]->data, data, size) != 0))
    {
        slot = (slot + 1) & (names->capacity - 1);
    }
    return slot;
}

static lobass_status grow(name_table *names, lobass_error *error)
{
    name_table grown = {.count = names->count,
                        .capacity = names->capacity == 0 ? FIRST_CAPACITY : names->capacity * 2};
    grown.slots = lb_alloc(grown.capacity, sizeof *grown.slots, error);
    if (grown.slots == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < names->capacity; i++)
    {
        const text *name = names->slots[i];
        if (name != NULL)
        {
            grown.slots[slot_find(&grown, name->data, name->size)] = name;
        }
    }
    free(names->slots);
    *names = grown;
    return LOBASS_OK;
}

lobass_status lb_jinja_name_keep(name_table *names, lb_arena *arena, const token *from,
                                 const text **name, lobass_error *error)
{
    if (names->count * 2 >= names->capacity)
    {
        LB_TRY(grow(names, error));
    }
    const size_t slot = slot_find(names, from->data, from->size);
    if (names->slots[slot] == NULL)
    {
        text *made = lb_arena_alloc(arena, 1, sizeof *made, error);
        const char *data =
            made == NULL ? NULL : lb_arena_text(arena, from->data, from->size, error);
        if (data == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        *made = (text){data, from->size, from->size, 0, NULL, 0};
        names->slots[slot] = made;
        names->count++;
    }
    *name = names->slots[slot];
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Which rows were seen before: an open-addressed table from the hash of a row's ids and flags to
 * the first row that had it, at most two thirds full, probed linearly. 24 bytes an entry.
 */
#include <stdlib.h>

#include "data/data.h"

#define FIRST_CAPACITY 1024

struct lb_duplicate
{
    lb_hash hash;
    uint64_t row_plus_one; /* 0: empty */
};

/* The entry that has HASH, or the empty one where it belongs. */
static struct lb_duplicate *entry_find(const lb_duplicates *duplicates, lb_hash hash)
{
    const size_t mask = duplicates->capacity - 1;
    size_t place = (size_t)hash.low & mask;
    while (duplicates->entries[place].row_plus_one != 0 &&
           !lb_hash_equal(duplicates->entries[place].hash, hash))
    {
        place = (place + 1) & mask;
    }
    return &duplicates->entries[place];
}

static lobass_status grow(lb_duplicates *duplicates, lobass_error *error)
{
    lb_duplicates wider = {.count = duplicates->count};
    wider.capacity = duplicates->capacity == 0 ? FIRST_CAPACITY : 2 * duplicates->capacity;
    wider.entries = lb_alloc(wider.capacity, sizeof *wider.entries, error);
    if (wider.entries == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < duplicates->capacity; i++)
    {
        if (duplicates->entries[i].row_plus_one != 0)
        {
            *entry_find(&wider, duplicates->entries[i].hash) = duplicates->entries[i];
        }
    }
    free(duplicates->entries);
    *duplicates = wider;
    return LOBASS_OK;
}

lobass_status lb_duplicates_add(lb_duplicates *duplicates, lb_hash hash, uint64_t row,
                                uint64_t *earlier, lobass_error *error)
{
    if (3 * (duplicates->count + 1) > 2 * duplicates->capacity)
    {
        LB_TRY(grow(duplicates, error));
    }
    struct lb_duplicate *entry = entry_find(duplicates, hash);
    if (entry->row_plus_one == 0)
    {
        entry->hash = hash;
        entry->row_plus_one = row + 1;
        duplicates->count++;
    }
    *earlier = entry->row_plus_one - 1;
    return LOBASS_OK;
}

void lb_duplicates_free(lb_duplicates *duplicates)
{
    free(duplicates->entries);
    *duplicates = (lb_duplicates){0};
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Allocation: each call counts and may fail; what the command allocates is kept in a table, with
 * who asked for it, until it is freed, so that what is left at its end can be told.
 */
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "fault/fault.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

#define N_SLOTS ((size_t)1 << 17) /* a power of two, several times what a small command holds */

typedef struct slot
{
    void *memory; /* NULL: never used; GONE: freed */
    void *caller;
    uint64_t frames[FAULT_FRAMES];
} slot;

static slot slots[N_SLOTS];
static char gone;
static atomic_flag is_busy = ATOMIC_FLAG_INIT;

static size_t place_of(const void *memory)
{
    return (size_t)(((uint64_t)(uintptr_t)memory >> 4) * 0x9E3779B97F4A7C15U >> 47) % N_SLOTS;
}

static void lock(void)
{
    while (atomic_flag_test_and_set_explicit(&is_busy, memory_order_acquire))
    {
    }
}

static void unlock(void)
{
    atomic_flag_clear_explicit(&is_busy, memory_order_release);
}

static void forget(const void *memory)
{
    if (memory == NULL || !fault_is_armed())
    {
        return;
    }
    lock();
    for (size_t i = 0; i < N_SLOTS; i++)
    {
        slot *at = &slots[(place_of(memory) + i) % N_SLOTS];
        if (at->memory == memory)
        {
            at->memory = &gone;
            break;
        }
        if (at->memory == NULL)
        {
            break; /* it is from before the command */
        }
    }
    unlock();
}

static void *keep(void *memory, void *caller)
{
    uint64_t frames[FAULT_FRAMES] = {0};
    if (memory == NULL || !fault_is_armed())
    {
        return memory;
    }
    if (fault_tells_sites())
    {
        fault_frames(frames, FAULT_FRAMES);
    }
    lock();
    for (size_t i = 0; i < N_SLOTS; i++)
    {
        slot *at = &slots[(place_of(memory) + i) % N_SLOTS];
        if (at->memory == NULL || at->memory == &gone)
        {
            *at = (slot){.memory = memory, .caller = caller};
            memcpy(at->frames, frames, fault_tells_sites() ? sizeof frames : 0);
            break;
        }
    }
    unlock();
    return memory;
}

static void add_left(fault_shared *shared, const slot *of)
{
    uint32_t i = 0;
    while (i < shared->n_left && shared->left[i].caller != (uint64_t)(uintptr_t)of->caller)
    {
        i++;
    }
    if (i == FAULT_MOST_LEFT)
    {
        return;
    }
    fault_left *left = &shared->left[i];
    shared->n_left = i == shared->n_left ? i + 1 : shared->n_left;
    left->caller = (uint64_t)(uintptr_t)of->caller;
    left->count++;
    memcpy(left->frames, of->frames, sizeof left->frames);
}

void fault_memory_left(fault_shared *shared)
{
    for (size_t i = 0; i < N_SLOTS; i++)
    {
        if (slots[i].memory != NULL && slots[i].memory != &gone)
        {
            add_left(shared, &slots[i]);
        }
    }
}

static bool fails(void)
{
    return fault_next(FAULT_MEMORY) != FAULT_PASS;
}

void *malloc(size_t size)
{
    return fails() ? NULL : keep(__libc_malloc(size), __builtin_return_address(0));
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : keep(__libc_calloc(count, size), __builtin_return_address(0));
}

void *realloc(void *memory, size_t size)
{
    if (fails())
    {
        return NULL;
    }
    /* Out of the table first: another thread may be given its address at once. */
    forget(memory);
    void *moved = __libc_realloc(memory, size);
    (void)keep(moved == NULL && size > 0 ? memory : moved, __builtin_return_address(0));
    return moved;
}

static void *aligned(size_t alignment, size_t size, void *caller)
{
    return fails() ? NULL : keep(__libc_memalign(alignment, size), caller);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return aligned(alignment, size, __builtin_return_address(0));
}

void *memalign(size_t alignment, size_t size)
{
    return aligned(alignment, size, __builtin_return_address(0));
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *made = aligned(alignment, size, __builtin_return_address(0));
    if (made == NULL)
    {
        return ENOMEM;
    }
    *memory = made;
    return 0;
}

void free(void *memory)
{
    const int kept = errno;
    forget(memory);
    __libc_free(memory);
    errno = kept;
}

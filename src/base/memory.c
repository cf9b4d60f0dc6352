/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns sizes and allocations: checked arithmetic, zeroed memory on cache-line (and AVX-512 vector)
 * boundaries, and an arena, a list of blocks that are released together. Running out is an ordinary
 * status, so every size is checked for overflow before it reaches the allocator.
 */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT 64U
/* Large arrays lie in pages of this size where the system has them: a product that goes down the
 * columns of activations touches more small pages than a processor remembers (bench/NOTES.md). */
#define HUGE_PAGE_BYTES ((size_t)2 * 1024 * 1024)
/* Blocks double from the first to the largest; a larger request gets a block of its own. */
#define FIRST_BLOCK_BYTES ((size_t)64 * 1024)
#define LARGEST_BLOCK_BYTES ((size_t)16 * 1024 * 1024)
/* Within an arena small things are packed as malloc would; only large arrays pay for a cache line.
 */
#define SMALL_ALIGNMENT 16U
#define SMALL_BYTES 256U
#define FIRST_LIST_CAPACITY 64

bool lb_size_multiply(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

bool lb_size_add(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

/* SIZE rounded up to a multiple of ALIGN, a power of two; false when it does not fit. */
static bool round_up(size_t size, size_t align, size_t *rounded)
{
    size_t padded = 0;
    if (!lb_size_add(size, align - 1, &padded))
    {
        return false;
    }
    *rounded = padded & ~(align - 1);
    return true;
}

/* aligned_alloc wants a multiple of the alignment, and 0 bytes must still be a valid pointer. */
static void *allocate_aligned(size_t size_bytes, size_t alignment)
{
    size_t rounded = 0;
    if (!round_up(size_bytes == 0 ? 1 : size_bytes, alignment, &rounded) || rounded > PTRDIFF_MAX)
    {
        return NULL;
    }
    return aligned_alloc(alignment, rounded);
}

void *lb_alloc(size_t count, size_t element_bytes, lobass_error *error)
{
    size_t size_bytes = 0;
    if (!lb_size_multiply(count, element_bytes, &size_bytes))
    {
        lb_fail_memory(error, SIZE_MAX);
        return NULL;
    }
    const bool is_large = size_bytes >= HUGE_PAGE_BYTES;
    void *memory = allocate_aligned(size_bytes, is_large ? HUGE_PAGE_BYTES : ALIGNMENT);
    if (memory == NULL)
    {
        lb_fail_memory(error, size_bytes);
        return NULL;
    }
    if (is_large) /* whole ones only: nothing is held that was not asked for */
    {
        (void)madvise(memory, size_bytes & ~(HUGE_PAGE_BYTES - 1), MADV_HUGEPAGE);
    }
    memset(memory, 0, size_bytes);
    return memory;
}

lobass_status lb_list_reserve(void **values, size_t *capacity, size_t count, size_t element_bytes,
                              lobass_error *error)
{
    size_t wanted = *capacity == 0 ? FIRST_LIST_CAPACITY : *capacity;
    size_t size = 0;

    if (count <= *capacity)
    {
        return LOBASS_OK;
    }
    while (wanted < count)
    {
        if (!lb_size_multiply(wanted, 2, &wanted))
        {
            return lb_fail_memory(error, SIZE_MAX);
        }
    }
    void *grown = lb_size_multiply(wanted, element_bytes, &size) ? realloc(*values, size) : NULL;
    if (grown == NULL)
    {
        return lb_fail_memory(error, size);
    }
    *values = grown;
    *capacity = wanted;
    return LOBASS_OK;
}

char *lb_copy_text(const char *text, size_t size_bytes, lobass_error *error)
{
    size_t with_nul = 0;
    char *copy = lb_size_add(size_bytes, 1, &with_nul) ? malloc(with_nul) : NULL;
    if (copy == NULL)
    {
        lb_fail_memory(error, size_bytes);
        return NULL;
    }
    if (size_bytes > 0)
    {
        memcpy(copy, text, size_bytes);
    }
    copy[size_bytes] = '\0';
    return copy;
}

struct lb_arena_block
{
    struct lb_arena_block *next; /* the older ones */
    size_t size, used;           /* of bytes */
    _Alignas(ALIGNMENT) unsigned char bytes[];
};

_Static_assert(offsetof(struct lb_arena_block, bytes) == ALIGNMENT, "the header is one cache line");

static struct lb_arena_block *add_block(lb_arena *arena, size_t least_bytes, lobass_error *error)
{
    size_t size = FIRST_BLOCK_BYTES;
    if (arena->blocks != NULL)
    {
        size = arena->blocks->size < LARGEST_BLOCK_BYTES / 2 ? arena->blocks->size * 2
                                                             : LARGEST_BLOCK_BYTES;
    }
    size = size < least_bytes ? least_bytes : size;
    size_t total = 0;
    struct lb_arena_block *block = NULL;
    if (lb_size_add(size, sizeof *block, &total))
    {
        block = allocate_aligned(total, ALIGNMENT);
    }
    if (block == NULL)
    {
        lb_fail_memory(error, size);
        return NULL;
    }
    block->size = size;
    block->used = 0;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *lb_arena_alloc(lb_arena *arena, size_t count, size_t element_bytes, lobass_error *error)
{
    size_t size_bytes = 0;
    if (!lb_size_multiply(count, element_bytes, &size_bytes) || size_bytes > PTRDIFF_MAX)
    {
        lb_fail_memory(error, SIZE_MAX);
        return NULL;
    }
    const size_t align = size_bytes < SMALL_BYTES ? SMALL_ALIGNMENT : ALIGNMENT;
    struct lb_arena_block *block = arena->blocks;
    size_t start = 0;
    if (block != NULL && !round_up(block->used, align, &start))
    {
        start = block->size;
    }
    if (block == NULL || start > block->size || block->size - start < size_bytes)
    {
        block = add_block(arena, size_bytes, error);
        start = 0;
        if (block == NULL)
        {
            return NULL;
        }
    }
    block->used = start + size_bytes;
    memset(block->bytes + start, 0, size_bytes);
    return block->bytes + start;
}

char *lb_arena_text(lb_arena *arena, const char *text, size_t size_bytes, lobass_error *error)
{
    size_t with_nul = 0;
    if (!lb_size_add(size_bytes, 1, &with_nul))
    {
        lb_fail_memory(error, size_bytes);
        return NULL;
    }
    char *copy = lb_arena_alloc(arena, with_nul, 1, error);
    if (copy != NULL && size_bytes > 0)
    {
        memcpy(copy, text, size_bytes);
    }
    return copy;
}

void lb_arena_reset(lb_arena *arena)
{
    struct lb_arena_block *kept = NULL;
    struct lb_arena_block *block = arena->blocks;
    while (block != NULL)
    {
        struct lb_arena_block *next = block->next;
        if (kept == NULL || block->size > kept->size)
        {
            free(kept);
            kept = block;
        }
        else
        {
            free(block);
        }
        block = next;
    }
    if (kept != NULL)
    {
        kept->next = NULL;
        kept->used = 0;
    }
    arena->blocks = kept;
}

void lb_arena_free(lb_arena *arena)
{
    if (arena == NULL)
    {
        return;
    }
    while (arena->blocks != NULL)
    {
        struct lb_arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}

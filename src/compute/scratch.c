/* SPDX-License-Identifier: Apache-2.0
 *
 * The scratch memory of a computation: one part for each worker and one that all share, in a single
 * block that only grows, so that after the first batch of a shape nothing is allocated. Every
 * operation reserves what it needs at its start and owes nothing to the one before it.
 */
#include <stdlib.h>

#include "compute/kernels.h"

enum
{
    CACHE_LINE_BYTES = 64,
    PAGE_BYTES = 4096
};

void lb_scratch_add(size_t *total, size_t count, size_t element_bytes)
{
    size_t bytes = 0;
    size_t sum = 0;
    if (!lb_size_multiply(count, element_bytes, &bytes) ||
        !lb_size_add(bytes, CACHE_LINE_BYTES - 1, &bytes) ||
        !lb_size_add(*total, bytes / CACHE_LINE_BYTES * CACHE_LINE_BYTES, &sum))
    {
        *total = SIZE_MAX;
        return;
    }
    *total = sum;
}

lobass_status lb_scratch_reserve(struct lb_scratch *scratch, size_t worker_bytes,
                                 size_t shared_bytes, lobass_error *error)
{
    if (worker_bytes <= scratch->worker_bytes && shared_bytes <= scratch->shared_bytes)
    {
        return LOBASS_OK;
    }
    size_t worker = worker_bytes > scratch->worker_bytes ? worker_bytes : scratch->worker_bytes;
    const size_t shared =
        shared_bytes > scratch->shared_bytes ? shared_bytes : scratch->shared_bytes;
    size_t total = 0;
    if (!lb_size_add(worker, PAGE_BYTES - 1, &worker) ||
        !lb_size_multiply(worker / PAGE_BYTES * PAGE_BYTES, scratch->n_workers, &total) ||
        !lb_size_add(total, shared, &total))
    {
        return lb_fail_memory(error, SIZE_MAX);
    }
    free(scratch->memory);
    scratch->worker_bytes = 0;
    scratch->shared_bytes = 0;
    scratch->memory = (char *)lb_alloc(total, 1, error);
    if (scratch->memory == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    scratch->worker_bytes = worker / PAGE_BYTES * PAGE_BYTES;
    scratch->shared_bytes = shared;
    return LOBASS_OK;
}

void *lb_scratch_worker(const struct lb_scratch *scratch, unsigned worker)
{
    return scratch->memory + scratch->worker_bytes * worker;
}

void *lb_scratch_shared(const struct lb_scratch *scratch)
{
    return scratch->memory + scratch->worker_bytes * scratch->n_workers;
}

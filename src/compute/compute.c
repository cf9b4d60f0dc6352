/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a computation: threads, scratch memory, and the kernels that fit the CPU.
 */
#include <stdlib.h>

#include "compute/cpu/tile.h"

static lobass_status scratch_create(struct lb_scratch **scratch, unsigned n_workers,
                                    lobass_error *error)
{
    lb_cpu cpu;
    LB_TRY(lb_cpu_choose(&cpu, error));
    struct lb_scratch *made = (struct lb_scratch *)lb_alloc(1, sizeof *made, error);
    *scratch = made;
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->vector = lb_vector_choose(&cpu);
    made->tiles = lb_tile_choose(&cpu);
    made->n_workers = n_workers;
    made->tile_memory = (char *)lb_alloc(n_workers, lb_tile_worker_bytes(), error);
    return made->tile_memory == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

lobass_status lb_compute_create(lb_compute **compute, unsigned n_threads, lobass_error *error)
{
    *compute = NULL;
    lb_compute *made = (lb_compute *)lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_pool_create(&made->pool, n_threads, error));
    LB_TRY_GOTO(scratch_create(&made->scratch, lb_pool_thread_count(made->pool), error));
    *compute = made;
    made = NULL;
done:
    lb_compute_free(made);
    return status;
}

void lb_compute_describe(const lb_compute *c, bool is_bf16, char *text, size_t size)
{
    const struct lb_tile_set *tiles = c->scratch->tiles;
    (void)snprintf(text, size, "native/%s",
                   is_bf16 ? tiles->bf16_arithmetic : tiles->fp32_arithmetic);
}

void lb_compute_free(lb_compute *compute)
{
    if (compute == NULL)
    {
        return;
    }
    lb_pool_free(compute->pool);
    if (compute->scratch != NULL)
    {
        lb_rope_table_free(&compute->scratch->rope);
        free(compute->scratch->tile_memory);
        free(compute->scratch->tile_operands);
        free(compute->scratch->memory);
        free(compute->scratch);
    }
    free(compute);
}

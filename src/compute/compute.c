/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a computation: finds the backend by name in a table, and gives it threads and scratch
 * memory. A backend is the products it uses; the operations are written once over them, so a new
 * one is a row here and a file of products.
 */
#include <stdlib.h>
#include <string.h>

#include "compute/cpu/tile.h"

typedef struct backend
{
    const char *name;
    const lb_gemm *fp32;
    const lb_gemm *bf16;          /* where the CPU has no AMX */
    const lb_gemm *bf16_with_amx; /* where it has */
} backend;

/* The first is the best, and the default. */
static const backend backends[] = {
    {"native", &lb_gemm_tiles, &lb_gemm_tiles_bf16, &lb_gemm_onednn_bf16},
    {"onednn", &lb_gemm_onednn, &lb_gemm_onednn_widened, &lb_gemm_onednn_bf16},
    {"plain", &lb_gemm_plain, &lb_gemm_plain_bf16, &lb_gemm_plain_bf16},
};

const char *lb_backend_name(size_t index)
{
    return index < sizeof backends / sizeof backends[0] ? backends[index].name : NULL;
}

static lobass_status backend_find(const backend **found, const char *name, lobass_error *error)
{
    const char *wanted = name;
    const char *origin = "backend";
    if (wanted == NULL)
    {
        wanted = getenv("LOBASS_BACKEND");
        origin = "LOBASS_BACKEND";
    }
    *found = &backends[0];
    if (wanted == NULL || wanted[0] == '\0')
    {
        return LOBASS_OK;
    }
    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++)
    {
        if (strcmp(backends[i].name, wanted) == 0)
        {
            *found = &backends[i];
            return LOBASS_OK;
        }
    }
    return lb_fail(error, LOBASS_BAD_ARGUMENT, "%s: unknown backend \"%s\", expected %s, %s or %s",
                   origin, wanted, backends[0].name, backends[1].name, backends[2].name);
}

static lobass_status scratch_create(struct lb_scratch **scratch, const backend *chosen,
                                    unsigned n_workers, lobass_error *error)
{
    struct lb_scratch *made = (struct lb_scratch *)lb_alloc(1, sizeof *made, error);
    *scratch = made;
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lb_cpu cpu;
    LB_TRY(lb_cpu_choose(&cpu, error));
    made->vector = lb_vector_choose(&cpu);
    made->fp32 = chosen->fp32;
    made->bf16 = cpu.has_amx_bf16 ? chosen->bf16_with_amx : chosen->bf16;
    made->n_workers = n_workers;
    made->tiles = chosen->fp32 == &lb_gemm_plain ? &lb_tile_plain : lb_tile_choose(&cpu);
    if (made->fp32->is_packing)
    {
        made->tile_memory = (char *)lb_alloc(n_workers, lb_tile_worker_bytes(), error);
        LB_TRY(made->tile_memory == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK);
    }
    if (made->bf16 == &lb_gemm_onednn_bf16)
    {
        return lb_onednn_create(&made->onednn, n_workers, error);
    }
    return LOBASS_OK;
}

lobass_status lb_compute_create(lb_compute **compute, const char *backend_name, unsigned n_threads,
                                lobass_error *error)
{
    *compute = NULL;
    const backend *chosen = NULL;
    LB_TRY(backend_find(&chosen, backend_name, error));
    lb_compute *made = (lb_compute *)lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->backend = chosen->name;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_pool_create(&made->pool, n_threads, error));
    LB_TRY_GOTO(scratch_create(&made->scratch, chosen, lb_pool_thread_count(made->pool), error));
    *compute = made;
    made = NULL;
done:
    lb_compute_free(made);
    return status;
}

void lb_compute_describe(const lb_compute *c, bool is_bf16, char *text, size_t size)
{
    const struct lb_scratch *scratch = c->scratch;
    const lb_gemm *gemm = is_bf16 ? scratch->bf16 : scratch->fp32;
    const char *arithmetic =
        is_bf16 ? scratch->tiles->bf16_arithmetic : scratch->tiles->fp32_arithmetic;
    if (gemm == &lb_gemm_onednn_bf16)
    {
        arithmetic = "amx";
    }
    (void)snprintf(text, size, "%s/%s", c->backend, arithmetic);
}

bool lb_compute_is_invariant(const lb_compute *c, bool is_bf16)
{
    return lb_compute_wants_packed(c, is_bf16);
}

bool lb_compute_wants_packed(const lb_compute *c, bool is_bf16)
{
    return is_bf16 ? c->scratch->bf16->is_packing : c->scratch->fp32->is_packing;
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
        lb_onednn_free(compute->scratch->onednn);
        lb_rope_table_free(&compute->scratch->rope);
        free(compute->scratch->tile_memory);
        free(compute->scratch->tile_operands);
        free(compute->scratch->memory);
        free(compute->scratch);
    }
    free(compute);
}

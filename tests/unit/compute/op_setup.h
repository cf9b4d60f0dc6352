/* SPDX-License-Identifier: Apache-2.0
 *
 * The kinds of product that the tests of this folder run every case with: each backend, our own
 * with every instruction set, and within oneDNN both ways of multiplying bf16, whatever this CPU
 * would have chosen.
 */
#ifndef OP_SETUP_H
#define OP_SETUP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compute/cpu/tile.h"
#include "grad/op_kinds.h"

typedef struct op_setup
{
    const char *backend;
    const lb_gemm *bf16;
    bool needs_avx512;
    const lb_tile_set *tiles; /* of the native backend */
} op_setup;

static const op_setup op_setups[] = {
    {"plain", &lb_gemm_plain_bf16, false, NULL},
    {"onednn", &lb_gemm_onednn_widened, false, NULL},
    {"onednn", &lb_gemm_onednn_bf16, true, NULL},
    {"native", &lb_gemm_tiles_bf16, false, &lb_tile_plain},
    {"native", &lb_gemm_tiles_bf16, false, &lb_tile_avx2},
    {"native", &lb_gemm_tiles_bf16, false, &lb_tile_avx512},
    {"native", &lb_gemm_tiles_bf16, false, &lb_tile_avx512_bf16},
};

enum
{
    OP_N_SETUPS = sizeof op_setups / sizeof op_setups[0]
};

static inline bool op_can_run(const lb_tile_set *tiles)
{
    const lb_cpu cpu = lb_cpu_detect();
    size_t index = 0;
    while (lb_tile_at(&cpu, index) != NULL && lb_tile_at(&cpu, index) != tiles)
    {
        index++;
    }
    return lb_tile_at(&cpu, index) != NULL;
}

/* NULL where this CPU cannot. */
static inline lb_compute *op_compute_create(const op_setup *setup, unsigned n_threads)
{
    if (setup->needs_avx512 && !lb_cpu_detect().has_avx512)
    {
        print_message("%s: skipped, this CPU has no AVX-512\n", setup->bf16->name);
        return NULL;
    }
    if (setup->tiles != NULL && !op_can_run(setup->tiles))
    {
        print_message("%s: skipped, this CPU has no %s\n", setup->bf16->name, setup->tiles->name);
        return NULL;
    }
    lb_compute *c = NULL;
    assert_int_equal(lb_compute_create(&c, setup->backend, n_threads, NULL), LOBASS_OK);
    c->scratch->bf16 = setup->bf16;
    c->scratch->tiles = setup->tiles != NULL ? setup->tiles : c->scratch->tiles;
    if (setup->bf16 == &lb_gemm_onednn_bf16 && c->scratch->onednn == NULL)
    {
        assert_int_equal(lb_onednn_create(&c->scratch->onednn, n_threads, NULL), LOBASS_OK);
    }
    return c;
}

#endif

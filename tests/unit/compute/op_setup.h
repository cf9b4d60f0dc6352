/* SPDX-License-Identifier: Apache-2.0
 *
 * The tiles that the tests of this folder run every case with, whatever this CPU would have chosen:
 * those of every instruction set, and those of AMX over plain C.
 */
#ifndef OP_SETUP_H
#define OP_SETUP_H

#include "amx_double.h"
#include "grad/op_kinds.h"
#include "run_tests.h"

enum
{
    OP_N_SETS = 6
};

static inline const lb_tile_set *op_set(size_t index)
{
    const lb_tile_set *sets[OP_N_SETS] = {&lb_tile_plain,       &lb_tile_avx2, &lb_tile_avx512,
                                          &lb_tile_avx512_bf16, &lb_tile_amx,  amx_double_set()};
    return sets[index];
}

static inline bool op_can_run(const lb_tile_set *tiles)
{
    const lb_cpu cpu = lb_cpu_detect();
    size_t index = 0;
    while (lb_tile_at(&cpu, index) != NULL && lb_tile_at(&cpu, index) != tiles)
    {
        index++;
    }
    return tiles == amx_double_set() || lb_tile_at(&cpu, index) != NULL;
}

/* Whether the tests of this run are about a set: any CPU has plain C and AMX over it. */
static inline bool op_is_wanted(const lb_tile_set *tiles)
{
    const char *name = tiles == amx_double_set() ? lb_tile_plain.name : tiles->name;
    return run_set == NULL || strcmp(run_set, name) == 0;
}

/* NULL where this CPU cannot, or this run is about another set. */
static inline lb_compute *op_compute_create(size_t set, unsigned n_threads)
{
    const lb_tile_set *tiles = op_set(set);
    if (!op_is_wanted(tiles))
    {
        return NULL;
    }
    if (!op_can_run(tiles) && run_set != NULL)
    {
        skip_because("this CPU has no %s", tiles->name);
    }
    if (!op_can_run(tiles))
    {
        print_message("%s: this CPU does not have it\n", tiles->name);
        return NULL;
    }
    lb_compute *c = NULL;
    assert_int_equal(lb_compute_create(&c, n_threads, NULL), LOBASS_OK);
    c->scratch->tiles = tiles;
    return c;
}

#endif

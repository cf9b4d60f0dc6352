/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests that run with every instruction set for which there are kernels. The names are those of
 * LOBASS_CPU; tests/CMakeLists.txt has the same list.
 */
#ifndef INSTRUCTION_SETS_H
#define INSTRUCTION_SETS_H

#include <stdlib.h>

#include "compute/compute.h"
#include "run_tests.h"

static const char *const instruction_sets[] = {"plain", "avx2", "avx512", "avx512_bf16", "amx"};

enum
{
    N_INSTRUCTION_SETS = sizeof instruction_sets / sizeof instruction_sets[0]
};

static inline lb_cpu set_features(size_t index)
{
    lb_cpu cpu = {0};
    assert_int_equal(setenv("LOBASS_CPU", instruction_sets[index], 1), 0);
    assert_int_equal(lb_cpu_choose(&cpu, NULL), LOBASS_OK);
    assert_int_equal(unsetenv("LOBASS_CPU"), 0);
    return cpu;
}

/* Whether this CPU has what a set is named after: it allows more than the one before. */
static inline bool set_is_here(size_t index)
{
    if (index == 0)
    {
        return true;
    }
    const lb_cpu with = set_features(index);
    const lb_cpu without = set_features(index - 1);
    return with.has_avx2 != without.has_avx2 || with.has_avx512 != without.has_avx512 ||
           with.has_avx512_bf16 != without.has_avx512_bf16 ||
           with.has_amx_bf16 != without.has_amx_bf16;
}

/* CHECK with LOBASS_CPU set to the set that this run is about, or to each that is here. */
static inline void for_each_set(void (*check)(const char *set, void *context), void *context)
{
    bool is_known = run_set == NULL;
    for (size_t i = 0; i < N_INSTRUCTION_SETS; i++)
    {
        if (run_set != NULL && strcmp(run_set, instruction_sets[i]) != 0)
        {
            continue;
        }
        is_known = true;
        if (set_is_here(i))
        {
            assert_int_equal(setenv("LOBASS_CPU", instruction_sets[i], 1), 0);
            check(instruction_sets[i], context);
            assert_int_equal(unsetenv("LOBASS_CPU"), 0);
        }
        else if (run_set != NULL)
        {
            skip_because("this CPU has no %s", instruction_sets[i]);
        }
        else
        {
            print_message("%s: this CPU does not have it\n", instruction_sets[i]);
        }
    }
    assert_true(is_known);
}

#endif

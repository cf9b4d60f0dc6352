/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of measuring share.
 */
#ifndef TESTS_MEASURE_FIXTURE_H
#define TESTS_MEASURE_FIXTURE_H

#include "unit/task/run_fixture.h"

/* In fp32 on one thread. */
static lobass_measure_options measure_options_as(const char *run, const char *model,
                                                 const char *name)
{
    lobass_measure_options options = lobass_measure_options_default();
    options.run = run;
    options.model = model;
    options.name = name;
    options.dtype = LOBASS_DTYPE_FP32;
    options.n_threads = 1;
    return options;
}

static lobass_measure_result measured(const lobass_measure_options *options)
{
    lobass_measure_result result;
    lobass_error error = {0};
    check_ok(lobass_measure(options, NULL, &result, &error), &error);
    return result;
}

#endif

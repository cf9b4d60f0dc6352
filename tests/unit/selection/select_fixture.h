/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of selecting share: losses of four rows, and a choice among them.
 */
#ifndef LB_SELECT_FIXTURE_H
#define LB_SELECT_FIXTURE_H

#include "unit/task/run_fixture.h"

/* Losses that make row 2 the most learnable, then 0, 3, 1. */
static const double initial[] = {2, 2, 2, 2};
static const double reference[] = {1, 1.75, 0.5, 1.5};

static lobass_select_options select_options(const char *run, double count)
{
    lobass_select_options options = lobass_select_options_default();
    options.run = run;
    options.spec.amount = (lobass_amount){LOBASS_AMOUNT_COUNT, count};
    return options;
}

/* Without sources and strata. */
static lobass_select_result selected(const lobass_select_options *options)
{
    lobass_select_result result;
    lobass_error error = {0};
    check_ok(lobass_select(options, NULL, &result, &error), &error);
    lobass_select_result_clear(&result);
    return result;
}

#endif

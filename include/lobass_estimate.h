/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of lobass.h that says how long a run would take on this machine. Included by lobass.h,
 * whose conventions hold here too.
 */
#ifndef LOBASS_ESTIMATE_H
#define LOBASS_ESTIMATE_H

#include "lobass.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LOBASS_SKIPPED_SIZE 160

/* What a run would take. Seconds are NaN where they are not known. */
typedef struct lobass_estimate
{
    uint64_t n_records;
    uint64_t statuses[LOBASS_ROW_STATUS_COUNT]; /* add up to n_records */
    uint64_t n_tokens, n_scored_tokens;         /* of the rows that are measured */
    uint64_t n_trained_rows, n_steps;           /* optimiser steps of all epochs */
    lobass_dtype dtype;
    uint32_t n_threads;
    double measure_tokens_per_second, train_tokens_per_second; /* found on a sample of the rows */
    double prepare_seconds;                                    /* was done: measured */
    double measure_initial_seconds, train_reference_seconds, measure_reference_seconds;
    double total_seconds;                       /* of the four */
    uint64_t measure_rss_bytes, peak_rss_bytes; /* of this process: after scoring, at the end */
    char train_skipped[LOBASS_SKIPPED_SIZE];    /* why there is nothing about training, or empty */
} lobass_estimate;

/* Prepares the data in a temporary folder and times scoring and training on a sample of its rows,
 * SECONDS each and at least one step; OPTIONS as for lobass_run_all, where run, selection and what
 * names an output are not looked at. Writing the reference's files, the selection, and what an
 * adapter adds to the second measuring are not in it. */
LOBASS_API lobass_status lobass_run_estimate(const lobass_run_options *options, double seconds,
                                             const lobass_observer *observer,
                                             lobass_estimate *estimate, lobass_error *error);

#ifdef __cplusplus
}
#endif

#endif

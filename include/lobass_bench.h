/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of lobass.h that times: how fast a model of given shapes is scored and trained on this
 * machine, what fraction that is of the speed of its matrix products alone, and how long a run
 * would take. Included by lobass.h, whose conventions hold here too.
 */
#ifndef LOBASS_BENCH_H
#define LOBASS_BENCH_H

#include "lobass.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- bench: speed against the machine's own limit --------------------------------------------
 */

typedef struct lobass_machine
{
    char cpu[64]; /* the processor's name */
    bool has_avx2, has_avx512, has_avx512_bf16, has_amx_bf16;
    uint32_t n_processors; /* that this process may use */
    uint64_t memory_bytes; /* that can be had now */
} lobass_machine;

LOBASS_API void lobass_machine_detect(lobass_machine *machine);

#define LOBASS_SKIPPED_SIZE 160

/* What can be timed, as bits. */
enum
{
    LOBASS_BENCH_FORWARD = 1,
    LOBASS_BENCH_TRAIN = 2
};

typedef struct lobass_bench_options
{
    const char *shape; /* a name of lobass_bench_shape() */
    lobass_dtype dtype;
    uint32_t n_threads;
    double seconds;        /* about how long each of the parts is timed */
    bool is_response_only; /* score the end of each row, as after a prompt, instead of all of it */
    unsigned parts;        /* LOBASS_BENCH_*; what is left out stays NaN */
    uint32_t pack_tokens;  /* tokens a thread works on at once; 0: as measure does, less for the
                              largest shapes */
    uint64_t seed;         /* of weights, lengths and ids */
} lobass_bench_options;

/* One part. Turns of the real thing and of its bare matrix products alternate in one process; rates
 * are those of the median turn, and the fraction is the median of the turns' own ratios. */
typedef struct lobass_bench_rate
{
    double tokens_per_second;        /* of all tokens, scored or not; NaN: not measured */
    double matmul_tokens_per_second; /* what the same products alone reach */
    double fraction;                 /* the first by the second */
    uint32_t n_turns;
    uint64_t n_rows, n_tokens, n_scored_tokens; /* of a turn */
    uint64_t peak_rss_bytes; /* of the process, after the first turn of the real thing */
    char backend[16];        /* of the real thing */
    char matmul_backend[16]; /* the fastest one, by trial: what the products were timed with */
    char skipped[LOBASS_SKIPPED_SIZE]; /* why it was not measured; empty: it was */
} lobass_bench_rate;

typedef struct lobass_bench_result
{
    lobass_machine machine;
    lobass_dtype dtype;
    uint32_t n_threads, pack_tokens;
    uint64_t n_parameters, weight_bytes; /* as they are held for scoring */
    lobass_bench_rate forward, train;
    uint64_t peak_rss_bytes; /* of the process so far */
} lobass_bench_result;

LOBASS_API lobass_bench_options lobass_bench_options_default(void);
/* "stories-15m", "smollm-135m", ...; static; NULL after the last. */
LOBASS_API const char *lobass_bench_shape(size_t index);
/* Times scoring and training of a model with random weights, made in memory, on rows with lengths
 * like Alpaca's (32 to 512, mean about 110). A part that does not fit in memory is skipped and says
 * why. */
LOBASS_API lobass_status lobass_bench(const lobass_bench_options *options,
                                      const lobass_observer *observer, lobass_bench_result *result,
                                      lobass_error *error);

/* The lengths of the rows of one turn of PART, a LOBASS_BENCH_* bit: what another program must be
 * given to do the same work. *LENGTHS [*COUNT] is yours: free(). */
LOBASS_API lobass_status lobass_bench_lengths(const lobass_bench_options *options, unsigned part,
                                              uint32_t **lengths, size_t *count,
                                              lobass_error *error);

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

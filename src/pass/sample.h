/* SPDX-License-Identifier: Apache-2.0
 *
 * One token out of a distribution: the likeliest, or one drawn by chance from the likeliest few.
 */
#ifndef LB_PASS_SAMPLE_H
#define LB_PASS_SAMPLE_H

#include "base/base.h"

typedef struct lb_sampling
{
    double temperature; /* 0: the likeliest token, of equals the one with the lower id */
    uint32_t top_k;     /* the so many likeliest alone; 0: all */
    double top_p;       /* of these the likeliest that hold this share of what they have together:
                           as few as reach it, and one at least; 1: all */
} lb_sampling;

typedef struct lb_candidate
{
    int32_t id;
    float logit;
    double weight; /* exp((logit - the largest) / temperature) */
} lb_candidate;

/* *ID of the first N_KNOWN (1 at least) of N tokens with these LOGITS, and *NLL: its -ln p under
 * their softmax, whatever is cut off. UNIFORM in [0, 1) is the chance of it; equal arguments give
 * equal tokens. CANDIDATES: room for N_KNOWN. Logits that are not finite are LOBASS_NUMERIC. */
lobass_status lb_sample(int32_t *id, float *nll, const lb_sampling *sampling, const float *logits,
                        size_t n, size_t n_known, double uniform, lb_candidate *candidates,
                        lobass_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * `lobass measure --verify`: stored losses held against the same rows in another layout.
 */
#ifndef LB_PASS_VERIFY_H
#define LB_PASS_VERIFY_H

#include "pass/scorers.h"

#define LB_VERIFY_MOST_SLOTS 64 /* rows in flight */

typedef struct lb_verifier
{
    lb_store *store;
    int64_t model; /* whose losses */
    lb_scorers *scorers;
    const lb_score_layout *layout; /* of the losses; here nothing is shared */
    lb_score_slot *slots;          /* [n_slots] */
    size_t n_slots;
    lb_stage *stage;
    uint64_t n_rows, n_different, worst_row; /* out */
    double largest; /* out: difference of a token's loss, in nats, or of its el2n */
} lb_verifier;

/* How many rows a share means here. */
uint64_t lb_verify_count(const lb_row_summary *summaries, size_t n_rows, double share);
/* Scores about SHARE of the rows that have a scored token, and at least one, each alone. */
lobass_status lb_losses_verify(lb_verifier *v, const lb_row_summary *summaries, size_t n_rows,
                               double share, lobass_error *error);

#endif

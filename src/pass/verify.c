/* SPDX-License-Identifier: Apache-2.0
 *
 * Scores a random share of the measured rows once more, each alone and with nothing shared, and
 * holds the losses against those that are stored: they should be the same bits in every layout.
 */
#include "pass/pass.h"

#include <inttypes.h>
#include <math.h>

/* In [0, 1), keyed by the row's own hash: the same rows whatever their order. */
static double draw(const lb_row_summary *summary)
{
    static const uint64_t seed = 0x766572696679; /* a stream of its own */
    const uint64_t drawn = lb_hash_bytes(summary->hash, sizeof summary->hash, seed).low;
    return (double)(drawn >> 11) * 0x1p-53;
}

/* The share that a draw must be below: at least the smallest of all is taken. */
static double least_share(const lb_row_summary *summaries, size_t n_rows, double share)
{
    double smallest = 1.0;
    for (size_t i = 0; i < n_rows; i++)
    {
        const double drawn = summaries[i].n_scored > 0 ? draw(&summaries[i]) : 1.0;
        smallest = drawn < smallest ? drawn : smallest;
    }
    return smallest < share ? share : nextafter(smallest, 1.0);
}

static bool is_due(const lb_row_summary *summary, double share)
{
    return summary->n_scored > 0 && draw(summary) < share;
}

uint64_t lb_verify_count(const lb_row_summary *summaries, size_t n_rows, double share)
{
    uint64_t n = 0;
    share = least_share(summaries, n_rows, share);
    for (size_t i = 0; i < n_rows; i++)
    {
        n += is_due(&summaries[i], share) ? 1 : 0;
    }
    return n;
}

/* Infinite where only one of the two is finite. */
static double token_difference(float a, float b)
{
    if (isfinite(a) && isfinite(b))
    {
        return fabs((double)a - (double)b);
    }
    return isfinite(a) || isfinite(b) ? (double)INFINITY : 0.0;
}

static lobass_status slot_compare(lb_verifier *v, const lb_score_slot *slot, lobass_error *error)
{
    lb_row_losses stored = {0};
    const uint32_t row = slot->pack.rows[0];
    LB_TRY(lb_store_losses_load(&stored, v->store, v->model, row, error));
    if (stored.n_scored != slot->builder.batch.n_scored)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "row %" PRIu32 ": expected %zu losses, found %zu",
                       row, slot->builder.batch.n_scored, stored.n_scored);
    }
    bool is_different = false;
    for (size_t i = 0; i < stored.n_scored; i++)
    {
        double difference = token_difference(stored.nll[i], slot->nll[i]);
        if (stored.el2n != NULL)
        {
            difference = fmax(difference, token_difference(stored.el2n[i], slot->el2n[i]));
        }
        is_different = is_different || difference > 0;
        if (difference > v->largest)
        {
            v->largest = difference;
            v->worst_row = row;
        }
    }
    v->n_rows++;
    v->n_different += is_different;
    return LOBASS_OK;
}

static lobass_status wave(lb_verifier *v, size_t n_slots, lobass_error *error)
{
    uint64_t n_tokens = 0;
    LB_TRY(lb_scorers_run(v->scorers, v->slots, n_slots, v->stage, error));
    for (size_t i = 0; i < n_slots; i++)
    {
        if (v->slots[i].is_scored)
        {
            LB_TRY(slot_compare(v, &v->slots[i], error));
            n_tokens += v->slots[i].builder.batch.n_tokens;
        }
    }
    return lb_stage_advance(v->stage, v->n_rows, n_tokens, NAN, error);
}

lobass_status lb_losses_verify(lb_verifier *v, const lb_row_summary *summaries, size_t n_rows,
                               double share, lobass_error *error)
{
    size_t n_filled = 0;
    uint32_t chosen[LB_VERIFY_MOST_SLOTS];
    share = least_share(summaries, n_rows, share);
    lb_score_layout layout = *v->layout;
    layout.is_sharing = false;
    const size_t n_slots = v->n_slots < LB_VERIFY_MOST_SLOTS ? v->n_slots : LB_VERIFY_MOST_SLOTS;
    for (size_t i = 0; i < n_rows; i++)
    {
        if (is_due(&summaries[i], share))
        {
            chosen[n_filled] = (uint32_t)i;
            const lb_pack alone = {
                .rows = &chosen[n_filled], .n_rows = 1, .n_tokens = summaries[i].n_tokens};
            LB_TRY(lb_score_slot_fill(&v->slots[n_filled], v->store, alone, &layout, error));
            n_filled++;
        }
        if (n_filled == n_slots)
        {
            LB_TRY(wave(v, n_filled, error));
            n_filled = 0;
        }
    }
    return n_filled > 0 ? wave(v, n_filled, error) : LOBASS_OK;
}

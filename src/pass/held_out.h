/* SPDX-License-Identifier: Apache-2.0
 *
 * Loss on held-out data: prepared rows, cut in windows and planned in packs once, scored as often
 * as asked under the weights that a decoder has at that moment. Sums are taken in double, window
 * after window in the order of the data: neither threads nor packs show in them.
 */
#ifndef LB_PASS_HELD_OUT_H
#define LB_PASS_HELD_OUT_H

#include "pass/windows.h"

typedef struct lb_held_out
{
    lb_window_reader reader;
    lb_store_source *sources;
    lobass_evaluation *of_sources; /* [n_sources] filled in by lb_held_out_run() */
    size_t n_sources;
    uint32_t *row_sources; /* [rows of the store] */
    lb_window *windows;    /* [n_windows] */
    size_t n_windows;
    lb_plan *plan;
    uint32_t longest; /* tokens of the longest window: the least capacity of a decoder */
    uint64_t n_tokens;
    lb_batch_builder builder;
    float *nll;   /* [the most scored tokens of a pack] */
    double *sums; /* [n_windows] nats */
} lb_held_out;

/* Opens the rows of RUN, which must have been prepared with MODEL's tokenizer, in packs of at most
 * PACK_TOKENS; {0} before. Release with lb_held_out_close() whatever came of it. */
lobass_status lb_held_out_open(lb_held_out *held_out, const char *run, const char *model,
                               size_t pack_tokens, lobass_error *error);
void lb_held_out_close(lb_held_out *held_out);
/* Scores everything once. STAGE, where it is not NULL, is told of the windows. */
lobass_status lb_held_out_run(lb_held_out *held_out, lb_decoder *decoder, lb_stage *stage,
                              lobass_error *error);
/* After a run: LOBASS_NUMERIC names the source and row of the first window whose loss is not
 * finite. */
lobass_status lb_held_out_check(const lb_held_out *held_out, lobass_error *error);
/* All sources in one. */
lobass_evaluation lb_held_out_total(const lb_held_out *held_out);

#endif

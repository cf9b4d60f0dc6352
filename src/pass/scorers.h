/* SPDX-License-Identifier: Apache-2.0
 *
 * Packs through a model side by side: one decoder and one single-threaded computation a thread over
 * one shared model, whole packs handed out to whoever is free. The way lobass_measure scores, and
 * so the way lobass-bench does.
 */
#ifndef LB_PASS_SCORERS_H
#define LB_PASS_SCORERS_H

#include "run/run.h"

#define LB_SCORE_PACK_TOKENS 2048 /* enough to make use of every pass over the weights */

/* How rows are put in front of a model. */
typedef struct lb_score_layout
{
    bool is_sharing; /* what they have in common is computed once */
    bool is_alone;   /* each response without what it answers, behind PREFIX; shares nothing */
    int32_t prefix;
} lb_score_layout;

/* What a response alone stands behind: the tokenizer's BOS, else the end token. LOBASS_UNSUPPORTED
 * where there is neither. */
lobass_status lb_alone_prefix_find(int32_t *prefix, const char *model,
                                   const lobass_tokenizer *tokenizer, const lb_config *config,
                                   lobass_error *error);
/* The n_tokens of SUMMARIES [N_ROWS] become those of the rows' responses alone. */
lobass_status lb_alone_lengths_load(lb_row_summary *summaries, size_t n_rows, lb_store *store,
                                    lobass_error *error);

/* The packs of all rows that have a scored token; a pure function of the rows. IS_SHARING: rows
 * that begin alike travel together. *MAX_TOKENS: what a decoder must have room for. STAGE's
 * observer (NULL: none) is asked at every row whether to go on. */
lobass_status lb_score_plan_create(lb_plan **plan, size_t *max_tokens, lb_store *store,
                                   const lb_row_summary *summaries, size_t n_rows, bool is_sharing,
                                   lb_stage *stage, lobass_error *error);

typedef struct lb_scorer
{
    lb_compute *compute;
    lb_decoder *decoder;
} lb_scorer;

typedef struct lb_scorers
{
    lb_pool *pool;
    lb_scorer *workers; /* [n_workers] */
    unsigned n_workers;
} lb_scorers;

/* One pack: what goes in, and what comes out of every scored token; {0} is valid and empty. */
typedef struct lb_score_slot
{
    lb_pack pack;
    lb_batch_builder builder;
    float *nll, *el2n; /* [capacity], in the order of the scored tokens */
    size_t capacity;
    bool is_scored; /* by the latest run; one that was cancelled begins no more */
    lobass_status status;
    lobass_error error;
} lb_score_slot;

/* MODEL is borrowed; N_THREADS 0: as many as processors. On failure lb_scorers_free releases what
 * is there. */
lobass_status lb_scorers_create(lb_scorers *scorers, const lb_model *model, unsigned n_threads,
                                size_t max_tokens, lobass_error *error);
void lb_scorers_free(lb_scorers *scorers);
/* The rows of PACK, from the store, and room for their losses. */
lobass_status lb_score_slot_fill(lb_score_slot *slot, lb_store *store, lb_pack pack,
                                 const lb_score_layout *layout, lobass_error *error);
/* Room for the losses of what the builder holds. */
lobass_status lb_score_slot_reserve(lb_score_slot *slot, lobass_error *error);
void lb_score_slot_free(lb_score_slot *slot);
/* The first failure among the slots is the whole's. On a large model a pack takes minutes: STAGE's
 * observer (NULL: none) is asked after each pack of the calling thread whether to go on, and once
 * it says no, slots that were not begun stay unscored; the stage knows. */
lobass_status lb_scorers_run(lb_scorers *scorers, lb_score_slot *slots, size_t n_slots,
                             lb_stage *stage, lobass_error *error);

#endif

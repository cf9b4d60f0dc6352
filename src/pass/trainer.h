/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of training share: the trainer (trainer.c), which knows rows, model and steps;
 * its checkpoints (checkpoint.c); and train.c, which owns the folders. Every step is a pure
 * function of the recorded options, the rows and the state before it, so that a training that was
 * stopped anywhere ends with the same bytes as one that was not.
 */
#ifndef LB_PASS_TRAINER_H
#define LB_PASS_TRAINER_H

#include "pass/held_out.h"
#include "pass/windows.h"

/* Beside a trained model and in its checkpoints: the curve of losses as CSV. */
#define LB_TRAIN_LOG "train_log.csv"

/* What a checkpoint keeps beside masters and moments. */
typedef struct lb_train_state
{
    uint64_t step;                                /* optimiser steps taken */
    double first_loss, last_loss;                 /* nats per scored token of a step's batch */
    double held_out_loss, held_out_bits_per_byte; /* when it was last evaluated; NaN: never */
    lb_buffer log; /* LB_TRAIN_LOG: a header, and one line a step taken */
} lb_train_state;

typedef struct lb_trainer
{
    const lobass_train_options *options; /* borrowed */
    lb_dtype compute_dtype;
    json_t *record; /* the options that decide the bytes of the result, as an object */

    lb_store *store;    /* of the rows, read only */
    lb_window *windows; /* [n_windows] of the rows trained on, ascending; of most rows one */
    size_t n_windows, n_rows;
    uint32_t longest;            /* tokens of the longest window */
    size_t n_nonfinite;          /* rows left out, see lb_trained_rows_find() */
    uint64_t n_tokens, n_scored; /* of the windows, once */
    uint64_t n_steps, n_steps_per_epoch;
    char rows_hash[LB_HASH_TEXT_SIZE];
    lb_held_out held_out; /* without windows: none is evaluated */

    lb_model *model;
    lb_compute *compute;
    lb_decoder *decoder;
    lb_optimizer *optimizer;
    size_t pack_tokens; /* a batch is cut in packs of at most so many tokens */

    uint64_t *order; /* [n_windows] their places as shuffled for order_epoch */
    uint64_t order_epoch;
    uint32_t *lengths; /* [batch_size] scratch */
    lb_batch_builder builder;
    lb_window_reader reader;
    uint64_t *pack_rows; /* [batch_size] scratch: row numbers of the pack at hand */
    float *nll;          /* [tokens of a pack] scratch */

    lb_train_state state;
} lb_trainer;

/* A step's account, as it stands in the log. */
typedef struct lb_train_step
{
    double loss; /* mean over the scored tokens of the whole batch */
    double learning_rate, gradient_norm;
    double held_out_loss, held_out_bits_per_byte; /* NaN where it was not evaluated */
    uint64_t n_tokens, n_scored;
} lb_train_step;

/* Tokens of a pack: a size that follows from the model alone, so that the same command cuts the
 * same packs. */
size_t lb_train_pack_tokens(const lb_config *config);
/* What a training of N_PARAMETERS takes, roughly: fp32 masters, gradients and two moments, in bf16
 * a working copy, and the activations of a pack, or of a row of LONGEST tokens where that is more.
 * IS_FROZEN: an adapter is trained, which is small beside the weights. RECOMPUTES: of each layer
 * its input alone is kept. */
uint64_t lb_train_bytes(const lb_config *config, uint64_t n_parameters, lb_dtype dtype,
                        bool is_frozen, bool recomputes, size_t longest);

/* Opens the rows of RUN, those of the run HELD_OUT (NULL: none) and the model. PACK_TOKENS 0:
 * chosen from the model's size. */
lobass_status lb_trainer_create(lb_trainer **trainer, const lobass_train_options *options,
                                const char *run, const char *held_out, size_t pack_tokens,
                                lobass_error *error);
void lb_trainer_free(lb_trainer *trainer);
/* Takes step state.step and appends its line to the log. On LOBASS_NUMERIC the message names the
 * step, and the row where it is known; the weights are as they were before the step. */
lobass_status lb_trainer_step(lb_trainer *trainer, lb_train_step *step, lobass_error *error);
/* Of all steps, whether they were taken yet or not. */
void lb_trainer_count_tokens(lb_trainer *trainer, uint64_t *n_tokens, uint64_t *n_scored);

/* PARTIAL/checkpoint: written beside its place, then moved over the older one. */
lobass_status lb_checkpoint_save(const lb_trainer *trainer, const char *partial,
                                 lobass_error *error);
/* Brings TRAINER to the state of PARTIAL's checkpoint; *IS_FOUND false where there is none. One
 * that was made with other options is LOBASS_CONFLICT, naming the option and both values. */
lobass_status lb_checkpoint_load(lb_trainer *trainer, const char *partial, bool *is_found,
                                 lobass_error *error);
/* Forgets a checkpoint, if there is one. */
lobass_status lb_checkpoint_remove(const char *partial, lobass_error *error);

#endif

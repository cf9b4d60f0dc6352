/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to src/model: what the forward leaves for the backward, and the memory both work in.
 * activations.c carves everything from one allocation. Shapes: n tokens, m scored tokens, d hidden
 * size. Every array has room for max_tokens rows.
 */
#ifndef LB_MODEL_ACTIVATIONS_H
#define LB_MODEL_ACTIVATIONS_H

#include "model/program.h"

/* The arrays of a part, by the values of its program (program.h). A decoder for scoring keeps none:
 * all layers work in the same memory; one that recomputes keeps what enters each layer. */
typedef struct lb_arrays
{
    float **values;    /* [n_values], each [n, width] */
    float **gradients; /* the same; training only */
} lb_arrays;

/* What an adapter adds is worked out here, for one matrix after the other. */
typedef struct lb_lora_activations
{
    float *low;      /* [n, rank] scale x a^T */
    float *grad_low; /* [n, rank]; training only */
    float *added;    /* [n, widest adapted result] */
} lb_lora_activations;

/* The head sees only the m positions that predict a scored token. */
typedef struct lb_head_activations
{
    float *gathered;      /* [m, d] what left the layers at those positions; enters the last part */
    float *grad_hidden;   /* [m, d] of what leaves it; training only */
    float *nll;           /* [m] */
    float *log_sum_exp;   /* [m] of the logits */
    int32_t *targets;     /* [m] */
    uint32_t *predictors; /* [m] the token whose hidden state predicts the scored one */
} lb_head_activations;

/* The tokens of a batch as the layers see them. */
typedef struct lb_token_rows
{
    uint32_t *positions; /* [n] tokens before each, in its sequence and its parents */
    /* Scoring: behind the keys and values of the last layer only predictors matter. */
    size_t n_needed;
    uint32_t *needed;           /* [n_needed] the tokens that predict a scored one, ascending */
    uint32_t *needed_positions; /* [n_needed] */
    uint32_t *place;            /* [n] where a token is in NEEDED; LB_NOT_NEEDED elsewhere */
} lb_token_rows;

#define LB_NOT_NEEDED UINT32_MAX

struct lb_decoder
{
    const lb_model *model;
    const lb_lora *lora; /* of the model when the decoder was made; NULL: none */
    lb_compute *compute;
    size_t max_tokens;
    lb_decoder_use use;
    size_t n_tokens, n_scored; /* of the last forward */
    lb_arrays *parts;          /* [the model's n_parts] */
    float **pointers;          /* of all of these */
    lb_lora_activations adapted;
    lb_head_activations head;
    lb_token_rows rows;
    /* Of sequences that go on from call to call; NULL in all other forwards. */
    lb_cache *const *caches;
    lb_kept *kept;    /* [max_tokens] of the layer at hand, made by the first lb_decoder_next */
    uint32_t *n_kept; /* [max_tokens] with it */
    char *memory;     /* all other arrays */
};

/* Whether N_TOKENS more fit; where a layer's part is; counts the tokens that all layers took in. */
lobass_status lb_cache_reserve(const lb_cache *cache, size_t n_tokens, lobass_error *error);
lb_kept lb_cache_layer(const lb_cache *cache, size_t layer);
void lb_cache_advance(lb_cache *cache, size_t n_tokens);

/* Allocates DECODER's arrays for its max_tokens; on failure lb_decoder_free releases what is there.
 */
lobass_status lb_activations_create(lb_decoder *decoder, lobass_error *error);

/* Clears a gradient [n_rows, width]. */
void lb_rows_clear(float *grad, size_t n_rows, size_t width);
/* What the decoder's adapter (if any) adds for W (lora_products.c): to y[n, n_out] = x w^T, after
 * it was computed; to grad_x and to the adapter's own GRADS, given grad_y. */
lobass_status lb_lora_forward(lb_decoder *decoder, float *y, const float *x, const lb_parameter *w,
                              size_t n, lobass_error *error);
lobass_status lb_lora_backward(lb_decoder *decoder, float *const *grads, float *grad_x,
                               const float *grad_y, const float *x, const lb_parameter *w, size_t n,
                               lobass_error *error);

#endif

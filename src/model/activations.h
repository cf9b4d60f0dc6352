/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to src/model: what the forward leaves for the backward, and the memory both work in.
 * activations.c carves everything from one allocation; decoder.c and decoder_backward.c fill it.
 * Shapes: n tokens, m scored tokens, d hidden size, f feed-forward size, h query heads, g key/value
 * heads, s head size. Every array has room for lb_rows_padded(max_tokens) rows.
 */
#ifndef LB_MODEL_ACTIVATIONS_H
#define LB_MODEL_ACTIVATIONS_H

#include "model/model.h"

/* One layer. For scoring all layers share one set, and `next` is `x`; a decoder that recomputes
 * shares all but `x` and `next`. */
typedef struct lb_layer_activations
{
    float *x;                 /* [n, d] residual stream that enters the layer */
    float *input_inverse_rms; /* [n] */
    float *q;                 /* [n, h*s] rotated */
    float *k;                 /* [n, g*s] rotated */
    float *v;                 /* [n, g*s] */
    float *attention;         /* [n, h*s] before the output projection */
    float *log_sum_exp;       /* [n, h] of the attention scores */
    float *middle;            /* [n, d] residual stream after attention */
    float *post_inverse_rms;  /* [n] */
    float *gate;              /* [n, f] before silu */
    float *up;                /* [n, f] */
    float *next;              /* [n, d] the residual stream that leaves: x of the next layer */
} lb_layer_activations;

/* Overwritten by every layer. What the backward needs of these it computes again: a pass over
 * memory costs far less than keeping them for every layer. */
typedef struct lb_scratch_activations
{
    float *normed; /* [n, d] input of q, k, v, or of gate, up */
    float *active; /* [n, f] silu(gate) * up */
} lb_scratch_activations;

/* What an adapter adds is worked out here, for one matrix after the other. */
typedef struct lb_lora_activations
{
    float *low;      /* [n, rank] scale x a^T */
    float *grad_low; /* [n, rank]; training only */
    float *added;    /* [n, widest adapted result] */
} lb_lora_activations;

typedef struct lb_gradients
{
    float *x;         /* [n, d] of the residual stream */
    float *normed;    /* [n, d] */
    float *attention; /* [n, h*s] */
    float *q;         /* [n, h*s] */
    float *k;         /* [n, g*s] */
    float *v;         /* [n, g*s] */
    float *active;    /* [n, f] */
    float *gate;      /* [n, f] */
    float *up;        /* [n, f] the memory of scratch.active, which is done with by then */
    float *hidden;    /* [m, d] of the normed hidden states at the head */
    float *gathered;  /* [m, d] */
} lb_gradients;

/* The head sees only the m positions that predict a scored token. */
typedef struct lb_head_activations
{
    float *gathered;      /* [m, d] residual stream at those positions */
    float *inverse_rms;   /* [m] */
    float *hidden;        /* [m, d] after the final norm */
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
    size_t n_tokens, n_scored;    /* of the last forward */
    lb_layer_activations *layers; /* [n_layers] */
    lb_scratch_activations scratch;
    lb_lora_activations adapted;
    lb_head_activations head;
    lb_token_rows rows;
    lb_gradients gradients; /* training only */
    /* Of sequences that go on from call to call; NULL in all other forwards. */
    lb_cache *const *caches;
    lb_kept *kept;       /* [max_tokens] of the layer at hand, made by the first lb_decoder_next */
    uint32_t *n_kept;    /* [max_tokens] with it */
    float *logits_input; /* [block, d], made by the first lb_decoder_logits */
    float *logits;       /* [block, v] */
    char *memory;        /* all other arrays */
};

/* Whether N_TOKENS more fit; where a layer's part is; counts the tokens that all layers took in. */
lobass_status lb_cache_reserve(const lb_cache *cache, size_t n_tokens, lobass_error *error);
lb_kept lb_cache_layer(const lb_cache *cache, size_t layer);
void lb_cache_advance(lb_cache *cache, size_t n_tokens);

/* Allocates DECODER's arrays for its max_tokens; on failure lb_decoder_free releases what is there.
 */
lobass_status lb_activations_create(lb_decoder *decoder, lobass_error *error);

/* Layer L from its x, as the forward of a training does it; for the backward of a decoder that has
 * not kept the rest. */
lobass_status lb_decoder_layer_forward(lb_decoder *decoder, size_t l, const lb_batch *batch,
                                       lobass_error *error);
/* Attention of a layer over the activations A. */
lb_attention lb_decoder_attention(const lb_decoder *decoder, const lb_layer_activations *a,
                                  const lb_batch *batch, const uint32_t *queries, size_t n_queries);
/* What the decoder's adapter (if any) adds for W (lora.c): to y[n, n_out] = x w^T, after it was
 * computed; to grad_x and to the adapter's own GRADS, given grad_y. */
lobass_status lb_lora_forward(lb_decoder *decoder, float *y, const float *x, const lb_parameter *w,
                              size_t n, lobass_error *error);
lobass_status lb_lora_backward(lb_decoder *decoder, float *const *grads, float *grad_x,
                               const float *grad_y, const float *x, const lb_parameter *w, size_t n,
                               lobass_error *error);

#endif

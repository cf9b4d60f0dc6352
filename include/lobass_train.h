/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of lobass.h that makes models and looks at them: fine-tuning and pretraining, random
 * weights to begin with, and the loss on held-out data. Included by lobass.h, whose conventions
 * hold here too.
 */
#ifndef LOBASS_H
#include "lobass.h" /* which includes this file in its middle, behind what it needs */
#endif
#ifndef LOBASS_TRAIN_H
#define LOBASS_TRAIN_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- evaluate: loss on held-out data ---------------------------------------------------------
 */

/* What came of one data file, or of all of them. */
typedef struct lobass_evaluation
{
    char name[256];           /* of the source, as in scores */
    uint64_t n_rows;          /* with a scored token */
    uint64_t n_scored_tokens; /* end tokens included */
    uint64_t n_bytes;         /* UTF-8, of the text that is scored */
    double sum_nll;           /* nats, over the scored tokens */
} lobass_evaluation;

/* Nats per scored token; NaN where there is none. */
LOBASS_API double lobass_evaluation_loss(const lobass_evaluation *evaluation);
/* sum_nll / (n_bytes ln 2): comparable between tokenizers; NaN where no byte is scored. */
LOBASS_API double lobass_evaluation_bits_per_byte(const lobass_evaluation *evaluation);

typedef struct lobass_evaluate_options
{
    const char *model;       /* Hugging Face folder */
    const char *adapter;     /* a PEFT adapter's folder, applied on top of the model; NULL: none */
    const char *const *data; /* [n_data] files as for training */
    size_t n_data;
    lobass_format_options format;
    lobass_dtype dtype;
    uint32_t n_threads;
} lobass_evaluate_options;

typedef struct lobass_evaluate_result
{
    lobass_evaluation *sources; /* [n_sources], in the order of the data; owned by the result */
    size_t n_sources;
    lobass_evaluation total; /* its name is "all" */
    uint64_t n_records;
    uint64_t statuses[LOBASS_ROW_STATUS_COUNT]; /* add up to n_records */
    double elapsed_seconds;
} lobass_evaluate_result;

LOBASS_API lobass_evaluate_options lobass_evaluate_options_default(void);
/* The loss of data that no training saw. Text, and rows of which everything is scored, are cut in
 * windows of max_length that overlap by one token. Works in a temporary folder (TMPDIR) and leaves
 * nothing behind. Release *RESULT with lobass_evaluate_result_free(), also after a failure. */
LOBASS_API lobass_status lobass_evaluate(const lobass_evaluate_options *options,
                                         const lobass_observer *observer,
                                         lobass_evaluate_result *result, lobass_error *error);
LOBASS_API void lobass_evaluate_result_free(lobass_evaluate_result *result);

/* ---- train ----------------------------------------------------------------------------------
 */

/* LoRA (Hu et al., 2021): the model is frozen, and every adapted matrix W gets a trained product of
 * two thin ones: y = x W^T + alpha / rank * (x A^T) B^T. The output is a PEFT adapter. */
typedef struct lobass_lora_options
{
    uint32_t rank;       /* 0: no adapter, all weights are trained */
    double alpha;        /* 0: twice the rank */
    const char *targets; /* "q_proj,v_proj": adapted in every layer; NULL: "all-linear" */
    double dropout;      /* only 0 is supported */
} lobass_lora_options;

/* Checks the options and fills in what was left open. */
LOBASS_API lobass_status lobass_lora_options_resolve(lobass_lora_options *options,
                                                     lobass_error *error);

typedef struct lobass_train_options
{
    const char *model;       /* Hugging Face folder to start from */
    const char *run;         /* train on all selectable rows of a run, or NULL */
    const char *const *data; /* else on data files, [n_data] */
    size_t n_data;
    const char *output;           /* the folder to write; appears whole or not at all */
    lobass_format_options format; /* for data files; a run brings its own */
    const char *const *held_out;  /* [n_held_out] data files, made into rows as what is trained on
                                     is; their loss goes into the log */
    size_t n_held_out;
    uint32_t evaluate_every; /* steps between two evaluations; 0: a twentieth of the training. There
                                is one at the end in any case */
    uint32_t n_epochs;
    uint64_t n_steps;     /* optimiser steps altogether; 0: n_epochs passes over the rows */
    uint32_t batch_size;  /* rows (of long texts: windows of max_length) per optimiser step */
    double learning_rate; /* the highest, after warm-up */
    double warmup_ratio;  /* share of the steps with a linear rise from 0; then cosine to 0 */
    double weight_decay;  /* decoupled (AdamW); not applied to norm gains and biases */
    double clip;          /* largest gradient norm; 0: no clipping */
    bool recomputes; /* keep the input of each layer alone and compute the rest once more in the
                        backward: the same result with less memory, slower */
    lobass_lora_options lora;
    uint64_t seed;               /* of the shuffle, and of a new adapter */
    uint32_t checkpoint_seconds; /* at most this much work is lost by a kill; 0: every step */
    lobass_dtype dtype;
    uint32_t n_threads;
    bool overwrite;
} lobass_train_options;

typedef struct lobass_train_result
{
    uint64_t n_rows, n_steps, n_tokens, n_scored_tokens; /* of the whole training */
    double first_loss, last_loss; /* nats per scored token of the first and last step's batch */
    double held_out_loss, held_out_bits_per_byte; /* under the trained model; NaN without held-out
                                                     data */
    double elapsed_seconds;
} lobass_train_result;

LOBASS_API lobass_train_options lobass_train_options_default(void);
/* AdamW (0.9, 0.999, 1e-8) on the causal-LM cross-entropy of the scored tokens: the mean over
 * all scored tokens of the global batch. Killed and started again, it ends with the same bytes.
 */
LOBASS_API lobass_status lobass_train(const lobass_train_options *options,
                                      const lobass_observer *observer, lobass_train_result *result,
                                      lobass_error *error);

/* Writes OUTPUT, a model of the shapes in the file CONFIG with random weights (normal, standard
 * deviation initializer_range, norm gains 1), stored in its torch_dtype (fp32 where it names none
 * that lobass knows), and the tokenizer of TOKENIZER (file or folder). */
LOBASS_API lobass_status lobass_init(const char *config, const char *tokenizer, const char *output,
                                     uint64_t seed, bool overwrite, lobass_error *error);

#ifdef __cplusplus
}
#endif

#endif

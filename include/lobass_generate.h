/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of lobass.h that lets a model write: greedy or sampled text from a prompt, or from the
 * records of a file. Included by lobass.h, whose conventions hold here too.
 */
#ifndef LOBASS_H
#include "lobass.h" /* which includes this file at its end */
#endif
#ifndef LOBASS_GENERATE_H
#define LOBASS_GENERATE_H

#ifdef __cplusplus
extern "C" {
#endif

/* Why a text ends where it does. */
typedef enum lobass_stop
{
    LOBASS_STOP_END,    /* the model said so: its end token */
    LOBASS_STOP_LENGTH, /* max_tokens */
    LOBASS_STOP_CONTEXT /* prompt and text fill all positions that the model has */
} lobass_stop;

/* "end", "length", "context"; static; NULL outside the enumeration. */
LOBASS_API const char *lobass_stop_name(lobass_stop stop);

typedef struct lobass_generate_options
{
    const char *model;   /* Hugging Face folder */
    const char *adapter; /* a PEFT adapter's folder, applied on top of the model; NULL: none */
    const char *prompt;  /* [prompt_size] UTF-8: one prompt; NULL: those of the data */
    size_t prompt_size;
    const char *const *data; /* [n_data] .json or .jsonl (also .gz, .zst) of records, "-" for
                                standard input: each without its last response is a prompt, a
                                record of plain text as it stands */
    size_t n_data;
    const char *template_name; /* as for training. NULL: PROMPT is a text as it stands, and records
                                  get the model's default; else PROMPT is what a user says */
    const char *fields;        /* of records, as for training; NULL: those of the usual names */
    const char *const *template_variables; /* [n_template_variables] of a chat: "NAME=JSON" */
    size_t n_template_variables;
    const char *template_date; /* YYYY-MM-DD, for a template that prints one; NULL: today in UTC */
    const char *chat;          /* a run's own chat template, as lobass_format_options has it */
    uint32_t max_tokens;       /* of a text at most, end token included; 0: as the context allows */
    uint32_t batch_size;       /* prompts side by side; changes no text */
    double temperature;        /* the logits are divided by it; 0: greedy, the likeliest token, of
                                  equals the one with the lower id */
    uint32_t top_k;            /* draw from the so many likeliest tokens; 0: from all */
    double top_p;              /* of these from the fewest that hold this share, 1: from all */
    uint64_t seed;             /* of the draws; each prompt has draws of its own */
    lobass_dtype dtype;
    uint32_t n_threads;
} lobass_generate_options;

/* What came of one prompt. */
typedef struct lobass_generation
{
    uint64_t row;         /* of the prompt, from 0, over all data */
    uint32_t source;      /* which of the data, from 0 */
    uint64_t record;      /* number within it, from 0 */
    const char *reason;   /* why nothing was written, or NULL */
    const char *response; /* [response_size] the record's own, which the model is not shown; NULL:
                             it has none */
    size_t response_size;
    const char *prompt; /* [prompt_size] as it was given to the tokenizer */
    size_t prompt_size, n_prompt_tokens;
    const char *text; /* [text_size], UTF-8, without the end token; bytes of the model that are no
                         character became U+FFFD */
    size_t text_size, n_tokens;
    const int32_t *ids; /* [n_tokens], the end token included */
    const float *nll; /* [n_tokens] -ln p of each under the model, at temperature 1 with nothing cut
                         off: its loss */
    lobass_stop stop;
} lobass_generation;

/* Receives what is written; false of the last two stops with LOBASS_CANCELLED. Any function may be
 * NULL; what pointers point to lives until it returns. */
typedef struct lobass_generate_sink
{
    void *context;
    /* Whether a record with this last response of its own (NULL: it has none) is to be answered;
     * one that is not is done at once, with a reason. */
    bool (*wants)(void *context, const char *response, size_t size_bytes);
    /* More of the text of a prompt: whole characters, as they come. */
    bool (*more)(void *context, uint64_t row, const char *text, size_t size_bytes);
    /* Prompts that are done, in their order. */
    bool (*done)(void *context, const lobass_generation *generation);
} lobass_generate_sink;

typedef struct lobass_generate_result
{
    uint64_t n_prompts, n_refused; /* of them, with a reason */
    uint64_t n_prompt_tokens, n_tokens;
    double load_seconds, elapsed_seconds; /* until the model was there; altogether */
} lobass_generate_result;

LOBASS_API lobass_generate_options lobass_generate_options_default(void);
/* A prompt's text depends on the model, the prompt, the options above and the prompt's number: not
 * on the prompts beside it nor on the number of threads. A prompt that cannot be used is a failure
 * where it is the only one, else a reason. */
LOBASS_API lobass_status lobass_generate(const lobass_generate_options *options,
                                         const lobass_generate_sink *sink,
                                         const lobass_observer *observer,
                                         lobass_generate_result *result, lobass_error *error);

#ifdef __cplusplus
}
#endif

#endif

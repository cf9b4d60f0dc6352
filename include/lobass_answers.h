/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of lobass.h that looks at what models answer: whether the number behind "####" is right.
 * Included by lobass.h, whose conventions hold here too.
 */
#ifndef LOBASS_H
#include "lobass.h" /* which includes this file at its end */
#endif
#ifndef LOBASS_ANSWERS_H
#define LOBASS_ANSWERS_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- exact match ------------------------------------------------------------------------------
 */

/* The answer of a text is the number behind its first "####" with something behind it (after Cobbe
 * et al., "Training verifiers to solve math word problems", 2021), of an equation the right side:
 * white space, currencies, bold type and brackets are skipped, then a decimal number or a fraction
 * read whole; one that goes on (12:30, 5-7), or that a text was cut off in, is none. Equal numbers
 * are equal answers: 1,000 = 1 000 = 1e3 = +$1000.00, 1/2 = 0.5, and -0 = 0. */

typedef struct lobass_exact_match_options
{
    const char *model;       /* Hugging Face folder */
    const char *adapter;     /* a PEFT adapter's folder, applied on top of the model; NULL: none */
    const char *const *data; /* [n_data] .json or .jsonl of records (also .gz, .zst), each of which
                                is asked for its last response */
    size_t n_data;
    const char *template_name;             /* as for training; NULL: the model's default */
    const char *const *template_variables; /* [n_template_variables] of a chat: "NAME=JSON" */
    size_t n_template_variables;
    const char *template_date; /* YYYY-MM-DD, for a template that prints one; NULL: today in UTC */
    const char *chat;          /* a run's own chat template, as lobass_format_options has it */
    const char *fields;        /* of records, as for training; NULL: those of the usual names */
    const char *predictions;   /* a file to write, a line of JSON a record; NULL: none */
    uint32_t max_tokens;       /* of a response at most; 0: as the context allows */
    uint32_t batch_size;       /* records side by side; changes no text */
    lobass_dtype dtype;
    uint32_t n_threads;
    bool overwrite; /* the file, which must be one of predictions */
} lobass_exact_match_options;

/* What came of one data file, or of all of them. */
typedef struct lobass_accuracy
{
    char name[256];        /* of the source, as in scores */
    uint64_t n_records;    /* those whose response has no answer, which are not asked, included */
    uint64_t n_answers;    /* whose own response has an answer to compare with */
    uint64_t n_correct;    /* of those */
    uint64_t n_unanswered; /* of those: the model's text has no answer, or its context no room for
                              one; not correct */
    double share;          /* n_correct / n_answers; NaN without answers, and so below */
    double low, high;      /* its 95 % interval: Wilson, "Probable inference, the law of succession,
                              and statistical inference", JASA 22, 1927 */
} lobass_accuracy;

typedef struct lobass_exact_match_result
{
    lobass_accuracy *sources; /* [n_sources], in the order of the data; owned by the result */
    size_t n_sources;
    lobass_accuracy total; /* its name is "all" */
    double elapsed_seconds;
} lobass_exact_match_result;

LOBASS_API lobass_exact_match_options lobass_exact_match_options_default(void);
/* Lets the model answer each record greedily and compares with the record's own response. The file
 * appears whole or not at all. Release *RESULT with lobass_exact_match_result_free(), also after a
 * failure. */
LOBASS_API lobass_status lobass_exact_match(const lobass_exact_match_options *options,
                                            const lobass_observer *observer,
                                            lobass_exact_match_result *result, lobass_error *error);
LOBASS_API void lobass_exact_match_result_free(lobass_exact_match_result *result);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of lobass.h that lets a judge compare what two models wrote: a model behind an
 * OpenAI-compatible endpoint. Included by lobass.h, whose conventions hold here too.
 */
#ifndef LOBASS_H
#include "lobass.h" /* which includes this file at its end */
#endif
#ifndef LOBASS_JUDGE_H
#define LOBASS_JUDGE_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lobass_judge_options
{
    const char *first, *second; /* what `lobass generate --jsonl` wrote for the two models: objects
                                   with prompt and text, matched by prompt */
    const char *url;            /* questions go to URL/chat/completions; http or https */
    const char *model;          /* as the endpoint calls the judge */
    const char *key;            /* sent as a bearer token and written nowhere; NULL: none */
    const char *instructions;   /* a file to tell the judge in place of lobass_judge_instructions();
                                   NULL: none */
    const char *output;         /* a folder */
    double timeout_seconds;     /* of one request */
    uint32_t n_retries;         /* of a question at most */
    double backoff_seconds;     /* before the first retry; doubles with each, up to a minute */
    uint32_t n_parallel;        /* requests at once */
    uint32_t per_minute;        /* requests begun in a minute at most; 0: any number */
    uint64_t seed;              /* of the jitter of the waits */
    bool overwrite;             /* what is in the folder */
} lobass_judge_options;

/* How the first model fared against the second, over the pairs of one source or all of them. The
 * counts of pairs add up to n_pairs. */
typedef struct lobass_verdicts
{
    char name[256];
    uint64_t n_pairs;
    uint64_t n_wins, n_ties, n_losses; /* of the first model. Each pair is asked in both orders: win
                                          and win, or win and tie, are a win; win and loss, or tie
                                          and tie, a tie */
    uint64_t n_unreadable;             /* an order has no verdict, though the judge answered */
    uint64_t n_failed;                 /* an order has no answer: asked again by the next call */
    uint64_t n_without_text;           /* a model wrote nothing: not asked */
    uint64_t n_for_shown_first, n_for_shown_second; /* answers of the judge: how it leans */
    double win_rate;  /* (wins + ties / 2) / (wins + ties + losses); NaN without, and so below */
    double low, high; /* its 95 % interval by Wilson, a tie half a success: with ties a little wider
                         than need be */
    double p;         /* of wins and losses, were both as likely: the sign test, two-sided, exact */
} lobass_verdicts;

typedef struct lobass_judge_result
{
    lobass_verdicts *sources; /* [n_sources], where the objects of `first` have a "source"; owned */
    size_t n_sources;
    lobass_verdicts total; /* its name is "all" */
    uint64_t n_asked;      /* questions of this call */
    char *summary;         /* the line of JSON in summary.json; owned */
    double elapsed_seconds;
} lobass_judge_result;

/* What the judge is told before each question; static. */
LOBASS_API const char *lobass_judge_instructions(void);
LOBASS_API lobass_judge_options lobass_judge_options_default(void);
/* Asks what was not answered yet: each answer is in OUTPUT/answers.jsonl, on the disk, before it
 * counts. An endpoint that refuses the key or is not there ends the call; other failures are
 * retried, and what still fails is counted; a call in which nothing was ever answered fails, and so
 * does one where twenty questions in a row were not for reasons that another try may get over.
 * Release *RESULT with lobass_judge_result_free(), also after a failure. */
LOBASS_API lobass_status lobass_judge(const lobass_judge_options *options,
                                      const lobass_observer *observer, lobass_judge_result *result,
                                      lobass_error *error);
LOBASS_API void lobass_judge_result_free(lobass_judge_result *result);

#ifdef __cplusplus
}
#endif

#endif

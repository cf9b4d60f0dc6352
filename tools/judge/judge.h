/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass-judge: which of two models wrote the better answers, in the eyes of a third: pairs of
 * texts, the questions about them, the endpoint that is asked, and the journal of what it said.
 */
#ifndef LB_JUDGE_H
#define LB_JUDGE_H

#include "run/run.h"
#include "stats/stats.h"

/* ---- what is asked for, and what comes out (judge.c) -----------------------------------------
 */

typedef struct lb_judge_options
{
    const char *first, *second; /* what `lobass generate --jsonl` wrote for the two models: objects
                                   with prompt and text, matched by prompt */
    const char *url;            /* questions go to URL/chat/completions; http or https */
    const char *model;          /* as the endpoint calls the judge */
    const char *key;            /* sent as a bearer token and written nowhere; NULL: none */
    const char *instructions;   /* a file to tell the judge in place of lb_judge_instructions();
                                   NULL: none */
    const char *output;         /* a folder */
    double timeout_seconds;     /* of one request */
    uint32_t n_retries;         /* of a question at most */
    double backoff_seconds;     /* before the first retry; doubles with each, up to a minute */
    uint32_t n_parallel;        /* requests at once */
    uint32_t per_minute;        /* requests begun in a minute at most; 0: any number */
    uint64_t seed;              /* of the jitter of the waits */
    bool overwrite;             /* what is in the folder */
} lb_judge_options;

/* How the first model fared against the second, over the pairs of one source or all of them. The
 * counts of pairs add up to n_pairs. */
typedef struct lb_verdicts
{
    const char *name;
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
} lb_verdicts;

typedef struct lb_judge_result
{
    lb_verdicts *sources; /* [n_sources], where the objects of `first` have a "source"; owned */
    lb_arena names;       /* of the sources */
    size_t n_sources;
    lb_verdicts total; /* its name is "all" */
    uint64_t n_asked;  /* questions of this call */
    char *summary;     /* the line of JSON in summary.json; owned */
    double elapsed_seconds;
} lb_judge_result;

/* What the judge is told before each question; static. */
const char *lb_judge_instructions(void);
lb_judge_options lb_judge_options_default(void);
/* Asks what was not answered yet: each answer is in OUTPUT/answers.jsonl, on the disk, before it
 * counts. An endpoint that refuses the key or is not there ends the call; other failures are
 * retried, and what still fails is counted; a call in which nothing was ever answered fails, and so
 * does one where twenty questions in a row were not for reasons that another try may get over.
 * Release *RESULT with lb_judge_result_free(), also after a failure. */
lobass_status lb_judge_run(const lb_judge_options *options, const lobass_observer *observer,
                           lb_judge_result *result, lobass_error *error);
void lb_judge_result_free(lb_judge_result *result);

/* ---- pairs (pairs.c) --------------------------------------------------------------------------
 */

typedef struct lb_written
{
    const char *text; /* [size]; NULL: nothing was written */
    size_t size;
} lb_written;

typedef struct lb_text_pair
{
    lb_written prompt, texts[2]; /* of the first and the second model */
    const char *source;          /* its name, NULL: the first file has none there */
} lb_text_pair;

typedef struct lb_text_pairs
{
    lb_text_pair *pairs; /* [n_pairs], in the order of the first file */
    size_t n_pairs;
    lb_hash hash;   /* of all prompts and texts */
    lb_arena arena; /* what the pointers point to */
} lb_text_pairs;

/* Objects of the two files with the same "prompt" belong together, repeated ones in their order.
 * One without a partner is LOBASS_CONFLICT, naming its line. {0} can be freed. */
lobass_status lb_text_pairs_load(lb_text_pairs *pairs, const char *first, const char *second,
                                 lobass_error *error);
void lb_text_pairs_free(lb_text_pairs *pairs);

/* ---- questions (chat.c) -----------------------------------------------------------------------
 */

/* Of the two answers in the order in which they were shown. */
typedef enum lb_verdict
{
    LB_VERDICT_NONE, /* not answered */
    LB_VERDICT_SHOWN_FIRST,
    LB_VERDICT_SHOWN_SECOND,
    LB_VERDICT_NEITHER,
    LB_VERDICT_UNREADABLE, /* answered, without a verdict */
    LB_VERDICT_COUNT
} lb_verdict;

/* "A", "B", "C", "unreadable"; NULL for none. */
const char *lb_verdict_name(lb_verdict verdict);

/* The body of a request; IS_SWAPPED: the second model's text is shown first. */
lobass_status lb_chat_request(lb_buffer *body, const char *model, const char *instructions,
                              const lb_text_pair *pair, bool is_swapped, lobass_error *error);
/* What the judge wrote, from the body of a reply. LOBASS_BAD_FORMAT: it is no reply to a chat. */
lobass_status lb_chat_read(lb_buffer *content, const char *body, size_t size_bytes,
                           lobass_error *error);
/* What an endpoint says is wrong, if it says so in the usual form. */
lobass_status lb_chat_read_refusal(lb_buffer *text, const char *body, size_t size_bytes,
                                   lobass_error *error);
/* The one of [[A]], [[B]] and [[C]] that stands in TEXT; unreadable where there is none, or more
 * than one of them. */
lb_verdict lb_verdict_find(const char *text, size_t size_bytes);
/* TEXT with [key] in place of KEY (NULL: none). */
lobass_status lb_redact(lb_buffer *redacted, const char *text, size_t size_bytes, const char *key,
                        lobass_error *error);

/* ---- the endpoint (http.c) --------------------------------------------------------------------
 */

#define LB_HTTP_REPLY_MOST ((size_t)1 << 20)

typedef struct lb_http lb_http;

typedef struct lb_http_reply
{
    size_t tag;          /* that of the request */
    long status;         /* of HTTP; 0: there is no whole reply, and REASON says why */
    double wait_seconds; /* that the endpoint asks for (Retry-After); 0: it does not */
    const char *body;    /* [size], at most LB_HTTP_REPLY_MOST; until the next request */
    size_t size;
    const char *reason;
} lb_http_reply;

/* Posts JSON to URL, N_PARALLEL requests at once. Certificates are checked, redirects not followed;
 * proxies are those of libcurl's environment variables. A URL that holds more than scheme, host,
 * port and path, or a key that cannot stand in a header, is refused. */
lobass_status lb_http_open(lb_http **http, const char *url, const char *key, double timeout_seconds,
                           size_t n_parallel, lobass_error *error);
void lb_http_close(lb_http *http);
const char *lb_http_url(const lb_http *http); /* that is posted to */
/* BODY is copied. At most N_PARALLEL at once. */
lobass_status lb_http_send(lb_http *http, size_t tag, const char *body, size_t size_bytes,
                           lobass_error *error);
/* Works for up to SECONDS, less if something is done. */
lobass_status lb_http_wait(lb_http *http, double seconds, lobass_error *error);
/* False: nothing is done. */
bool lb_http_receive(lb_http *http, lb_http_reply *reply);

/* ---- the journal (journal.c) ------------------------------------------------------------------
 */

/* A line of JSON says what is judged, then one line an answer, each with a checksum. */
typedef struct lb_journal
{
    int descriptor;
    const char *path; /* borrowed */
} lb_journal;

/* Reads SIZE_BYTES of a journal about ABOUT (canonical JSON). VERDICTS [n_verdicts] of the
 * questions that it answers are set. *N_KEPT: the bytes of whole lines; what is behind them is a
 * line that was not written to its end. */
lobass_status lb_journal_parse(lb_verdict *verdicts, size_t n_verdicts, size_t *n_kept,
                               const char *data, size_t size_bytes, const char *about,
                               const char *path, lobass_error *error);
/* Opens the journal PATH, or begins it, in place of another where OVERWRITE; {.descriptor = -1} can
 * be closed. */
lobass_status lb_journal_open(lb_journal *journal, const char *path, const char *about,
                              bool overwrite, lb_verdict *verdicts, size_t n_verdicts,
                              lobass_error *error);
/* On the disk when it returns. */
lobass_status lb_journal_add(lb_journal *journal, size_t question, lb_verdict verdict,
                             const char *text, size_t size_bytes, lobass_error *error);
void lb_journal_close(lb_journal *journal);

/* ---- what it comes to (verdicts.c) ------------------------------------------------------------
 */

/* VERDICTS [2 n_pairs]: of each pair in order and swapped. RESULT's sources and total. */
lobass_status lb_verdicts_count(lb_judge_result *result, const lb_text_pairs *pairs,
                                const lb_verdict *verdicts, lobass_error *error);

#endif

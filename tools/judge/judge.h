/* SPDX-License-Identifier: Apache-2.0
 *
 * L5. Which of two models wrote the better answers, in the eyes of a third: pairs of texts, the
 * questions about them, the endpoint that is asked, and the journal of what it said.
 */
#ifndef LB_JUDGE_H
#define LB_JUDGE_H

#include "stats/stats.h"
#include "task/task.h"

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
lobass_status lb_verdicts_count(lobass_judge_result *result, const lb_text_pairs *pairs,
                                const lb_verdict *verdicts, lobass_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * lb_judge_run: the questions that the journal does not answer are asked in their order, several at
 * once, each in a slot of its own that it keeps through its retries. What decides is what a reply
 * is: a verdict is noted, a refusal that all questions would meet ends the call, what may pass is
 * tried again later, and the rest is counted.
 */
#include "judge.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INSTRUCTIONS_MOST ((size_t)1 << 20)
#define BACKOFF_MOST 60.0      /* seconds */
#define RETRY_AFTER_MOST 300.0 /* an endpoint that asks for more is tried sooner */
#define WAIT_MOST 0.1          /* between two looks at whether to stop */
#define SECONDS_A_MINUTE 60.0
#define FAILED_IN_A_ROW_MOST 20 /* questions; more, and the endpoint is gone */

typedef struct slot
{
    size_t question; /* 2 pair + 1 where the texts are swapped */
    bool is_used, is_sent;
    uint32_t n_tries;
    double due; /* when it may be sent */
} slot;

typedef struct judge
{
    const lb_judge_options *options;
    lb_judge_result *result;
    lb_stage stage;
    lb_lock lock;
    char *journal_path, *summary_path;
    lb_buffer instructions, about;
    lb_text_pairs pairs;
    lb_verdict *verdicts; /* [n_questions] */
    size_t n_questions, n_due, n_answered, next;
    unsigned n_failed_in_a_row; /* for reasons that would have passed */
    bool is_retry_told;         /* why the first one was needed */
    lb_journal journal;
    lb_http *http;
    slot *slots;                        /* [n_parallel] */
    double not_before;                  /* no request at all: the endpoint or the rate says so */
    char reason[LOBASS_ERROR_SIZE / 2]; /* of the latest failure */
    lb_buffer body, content, redacted;
} judge;

lb_judge_options lb_judge_options_default(void)
{
    return (lb_judge_options){
        .timeout_seconds = 120, .n_retries = 5, .backoff_seconds = 1, .n_parallel = 4};
}

/* ---- what is asked ----------------------------------------------------------------------------
 */

static lobass_status about_make(judge *j, lobass_error *error)
{
    char hash[LB_HASH_TEXT_SIZE];
    lb_json_writer json = lb_json_writer_begin(&j->about, false, error);
    lb_json_open(&json, NULL, '{');
    lb_json_put_count(&json, "pairs", j->pairs.n_pairs);
    lb_hash_text(j->pairs.hash, hash);
    lb_json_put_text(&json, "texts", hash);
    lb_json_put_text(&json, "model", j->options->model);
    lb_hash_text(lb_hash_bytes(j->instructions.data, j->instructions.size, 0), hash);
    lb_json_put_text(&json, "instructions", hash);
    lb_json_close(&json);
    return json.status;
}

static lobass_status inputs_load(judge *j, lobass_error *error)
{
    const lb_judge_options *options = j->options;
    LB_TRY(options->instructions == NULL
               ? lb_buffer_append_text(&j->instructions, lb_judge_instructions(), error)
               : lb_file_read(&j->instructions, options->instructions, INSTRUCTIONS_MOST, error));
    if (j->instructions.size == 0 || strlen(j->instructions.data) < j->instructions.size)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: empty, or with a zero byte; expected instructions for the judge",
                       options->instructions);
    }
    LB_TRY(lb_text_pairs_load(&j->pairs, options->first, options->second, error));
    j->n_questions = 2 * j->pairs.n_pairs;
    j->verdicts = lb_alloc(j->n_questions, sizeof *j->verdicts, error);
    j->slots = lb_alloc(options->n_parallel, sizeof *j->slots, error);
    LB_TRY(j->verdicts == NULL || j->slots == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK);
    return about_make(j, error);
}

static bool is_asked(const judge *j, size_t question)
{
    const lb_text_pair *pair = &j->pairs.pairs[question / 2];
    return pair->texts[0].text != NULL && pair->texts[1].text != NULL;
}

static lobass_status output_open(judge *j, lobass_error *error)
{
    const lb_judge_options *options = j->options;
    LB_TRY(lb_output_path_check(options->output, error));
    LB_TRY(lb_folder_create(options->output, error));
    char *lock = lb_path_join(options->output, "lock", error);
    j->journal_path = lb_path_join(options->output, "answers.jsonl", error);
    j->summary_path = lb_path_join(options->output, "summary.json", error);
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    if (lock != NULL && j->journal_path != NULL && j->summary_path != NULL)
    {
        status = lb_lock_acquire(&j->lock, lock, error);
    }
    free(lock);
    LB_TRY(status);
    LB_TRY(lb_output_check(j->journal_path, true, "{\"about\": ", "journal of a judge", error));
    LB_TRY(lb_output_check(j->summary_path, true, "{\"lobass\": ", "summary of a judge", error));
    if (!options->overwrite && lb_path_look(j->journal_path) == LB_PATH_MISSING &&
        lb_path_look(j->summary_path) != LB_PATH_MISSING)
    {
        return lb_fail(error, LOBASS_CONFLICT, "%s: exists already, and no answers.jsonl beside it",
                       j->summary_path);
    }
    if (options->overwrite && unlink(j->summary_path) != 0 && errno != ENOENT)
    {
        return lb_fail_errno(error, j->summary_path, "remove");
    }
    LB_TRY(lb_journal_open(&j->journal, j->journal_path, j->about.data, options->overwrite,
                           j->verdicts, j->n_questions, error));
    for (size_t q = 0; q < j->n_questions; q++)
    {
        j->n_due += is_asked(j, q);
        j->n_answered += j->verdicts[q] != LB_VERDICT_NONE;
    }
    return LOBASS_OK;
}

/* ---- asking -----------------------------------------------------------------------------------
 */

static lobass_status question_send(judge *j, slot *s, double now, lobass_error *error)
{
    const lb_judge_options *options = j->options;
    LB_TRY(lb_chat_request(&j->body, options->model, j->instructions.data,
                           &j->pairs.pairs[s->question / 2], s->question % 2 == 1, error));
    LB_TRY(lb_http_send(j->http, (size_t)(s - j->slots), j->body.data, j->body.size, error));
    s->is_sent = true;
    s->n_tries++;
    j->result->n_asked += s->n_tries == 1;
    if (options->per_minute > 0)
    {
        j->not_before = now + SECONDS_A_MINUTE / options->per_minute;
    }
    return LOBASS_OK;
}

/* Fills the slots and sends what may be sent. *SOON: seconds until there is more to send. *IS_DONE:
 * no question is left. */
static lobass_status send_due(judge *j, double *soon, bool *is_done, lobass_error *error)
{
    *soon = WAIT_MOST;
    *is_done = true;
    for (size_t i = 0; i < j->options->n_parallel; i++)
    {
        slot *s = &j->slots[i];
        while (!s->is_used && j->next < j->n_questions)
        {
            const size_t question = j->next++;
            if (is_asked(j, question) && j->verdicts[question] == LB_VERDICT_NONE)
            {
                *s = (slot){.question = question, .is_used = true};
            }
        }
        *is_done = *is_done && !s->is_used;
        if (s->is_used && !s->is_sent)
        {
            const double now = lb_clock_seconds();
            const double due = fmax(s->due, j->not_before);
            LB_TRY(due <= now ? question_send(j, s, now, error) : LOBASS_OK);
            *soon = due > now ? fmin(*soon, due - now) : *soon;
        }
    }
    return LOBASS_OK;
}

/* ---- replies ----------------------------------------------------------------------------------
 */

static lobass_status answer_note(judge *j, slot *s, lb_verdict verdict, lobass_error *error)
{
    LB_TRY(lb_redact(&j->redacted, j->content.data, j->content.size, j->options->key, error));
    LB_TRY(lb_journal_add(&j->journal, s->question, verdict, j->redacted.data, j->redacted.size,
                          error));
    j->verdicts[s->question] = verdict;
    j->n_answered++;
    j->n_failed_in_a_row = 0;
    return LOBASS_OK;
}

/* Half of the wait is by chance, so that requests that failed together come back apart. */
static double backoff(const judge *j, const slot *s)
{
    lb_random random;
    const uint64_t key[] = {s->question, s->n_tries};
    const double most =
        fmin(BACKOFF_MOST, j->options->backoff_seconds * exp2((double)s->n_tries - 1));
    lb_random_init(&random, lb_hash_bytes(key, sizeof key, j->options->seed).low);
    return most * (1 + lb_random_uniform(&random)) / 2;
}

/* False: it was tried often enough. */
static bool retry(judge *j, slot *s, double wait_seconds)
{
    const double now = lb_clock_seconds();
    const double asked = fmin(wait_seconds, RETRY_AFTER_MOST);
    if (asked > 0)
    {
        j->not_before = fmax(j->not_before, now + asked); /* for all: they would meet the same */
    }
    s->due = now + fmax(asked, backoff(j, s));
    return s->n_tries <= j->options->n_retries;
}

/* Why a reply is no answer: what the endpoint says, else TEXT; without the key. */
static lobass_status reason_note(judge *j, const lb_http_reply *reply, const char *text,
                                 lobass_error *error)
{
    LB_TRY(lb_chat_read_refusal(&j->content, reply->body, reply->size, error));
    const bool is_said = reply->status >= 300 && j->content.size > 0;
    LB_TRY(is_said
               ? lb_redact(&j->redacted, j->content.data, j->content.size, j->options->key, error)
               : lb_redact(&j->redacted, text, strlen(text), j->options->key, error));
    if (is_said)
    {
        (void)snprintf(j->reason, sizeof j->reason, "status %ld, \"%.200s\"", reply->status,
                       j->redacted.data);
    }
    else
    {
        (void)snprintf(j->reason, sizeof j->reason, "%s", j->redacted.data);
    }
    return LOBASS_OK;
}

static lobass_status fail_refused(const judge *j, const lb_http_reply *reply, lobass_error *error)
{
    const char *expected =
        reply->status == 401 || reply->status == 403
            ? (j->options->key == NULL ? "a key, and none was given" : "a key that it takes")
        : reply->status == 404 ? "an OpenAI-compatible endpoint and a model that it knows"
                               : "an endpoint itself: redirects are not followed";
    return lb_fail(error, LOBASS_IO, "%s: %s; expected %s", lb_http_url(j->http), j->reason,
                   expected);
}

static lobass_status fail_gone(const judge *j, lobass_error *error)
{
    if (j->n_answered == 0)
    {
        return lb_fail(error, LOBASS_IO, "%s: no question was answered; the latest failure: %s",
                       lb_http_url(j->http), j->reason);
    }
    return lb_fail(error, LOBASS_IO,
                   "%s: %u questions in a row were not answered; the latest failure: %s; the same "
                   "command goes on",
                   lb_http_url(j->http), j->n_failed_in_a_row, j->reason);
}

/* What the reply says, in j->content; or no verdict, and j->reason. */
static lobass_status reply_read(lb_verdict *verdict, judge *j, const lb_http_reply *reply,
                                lobass_error *error)
{
    lobass_error found = {0};
    *verdict = LB_VERDICT_NONE;
    if (reply->status < 200 || reply->status >= 300)
    {
        return reason_note(j, reply, reply->reason, error);
    }
    if (lb_chat_read(&j->content, reply->body, reply->size, &found) != LOBASS_OK)
    {
        return reason_note(j, reply, found.message, error);
    }
    *verdict = lb_verdict_find(j->content.data, j->content.size);
    return LOBASS_OK;
}

/* What another try may get over: no whole reply, an overload, an error of the endpoint, a reply
 * that says nothing. Any other status is about the question. */
static bool may_pass(long status)
{
    return status < 300 || status == 408 || status == 429 || status >= 500;
}

static lobass_status reply_take(judge *j, const lb_http_reply *reply, lobass_error *error)
{
    slot *s = &j->slots[reply->tag];
    const long status = reply->status;
    lb_verdict verdict = LB_VERDICT_NONE;
    s->is_sent = false;
    LB_TRY(reply_read(&verdict, j, reply, error));
    if (status == 401 || status == 403 || status == 404 || (status >= 300 && status < 400))
    {
        return fail_refused(j, reply, error);
    }
    const bool has_verdict = verdict != LB_VERDICT_NONE && verdict != LB_VERDICT_UNREADABLE;
    if (!has_verdict && may_pass(status) && retry(j, s, reply->wait_seconds))
    {
        if (verdict == LB_VERDICT_NONE && !j->is_retry_told)
        {
            lb_observer_log(j->stage.observer, LOBASS_LOG_NOTE, "%s: tried again", j->reason);
            j->is_retry_told = true;
        }
        return LOBASS_OK;
    }
    s->is_used = false;
    if (verdict != LB_VERDICT_NONE)
    {
        return answer_note(j, s, verdict, error);
    }
    j->n_failed_in_a_row += may_pass(status);
    return j->n_failed_in_a_row < FAILED_IN_A_ROW_MOST ? LOBASS_OK : fail_gone(j, error);
}

static lobass_status ask(judge *j, const lobass_observer *observer, lobass_error *error)
{
    lb_http_reply reply;
    bool is_done = false;
    double soon = 0;
    lb_stage_begin(&j->stage, observer, "judge", "answers", j->n_answered, j->n_due);
    LB_TRY(send_due(j, &soon, &is_done, error));
    while (!is_done)
    {
        LB_TRY(lb_http_wait(j->http, soon, error));
        while (lb_http_receive(j->http, &reply))
        {
            LB_TRY(reply_take(j, &reply, error));
        }
        LB_TRY(lb_stage_advance(&j->stage, j->n_answered, 0, NAN, error));
        LB_TRY(send_due(j, &soon, &is_done, error));
    }
    return lb_stage_end(&j->stage, error);
}

/* ---- the result -------------------------------------------------------------------------------
 */

static void put_verdicts(lb_json_writer *json, const lb_verdicts *of)
{
    lb_json_put_count(json, "n_pairs", of->n_pairs);
    lb_json_put_count(json, "n_wins", of->n_wins);
    lb_json_put_count(json, "n_ties", of->n_ties);
    lb_json_put_count(json, "n_losses", of->n_losses);
    lb_json_put_count(json, "n_unreadable", of->n_unreadable);
    lb_json_put_count(json, "n_failed", of->n_failed);
    lb_json_put_count(json, "n_without_text", of->n_without_text);
    lb_json_put_count(json, "n_for_shown_first", of->n_for_shown_first);
    lb_json_put_count(json, "n_for_shown_second", of->n_for_shown_second);
    lb_json_put_real(json, "win_rate", of->win_rate);
    lb_json_put_real(json, "low", of->low);
    lb_json_put_real(json, "high", of->high);
    lb_json_put_real(json, "p", of->p);
}

static lobass_status summary_write(judge *j, lobass_error *error)
{
    const lb_judge_options *options = j->options;
    lb_buffer line = {0};
    lb_json_writer json = lb_json_writer_begin(&line, false, error);
    lb_json_open(&json, NULL, '{');
    lb_json_put_text(&json, "lobass", LOBASS_VERSION);
    lb_json_put_text(&json, "first", options->first);
    lb_json_put_text(&json, "second", options->second);
    lb_json_put_text(&json, "model", options->model);
    lb_json_put_bytes(&json, "instructions", j->instructions.data, j->instructions.size);
    put_verdicts(&json, &j->result->total);
    lb_json_open(&json, "sources", '[');
    for (size_t i = 0; i < j->result->n_sources; i++)
    {
        lb_json_open(&json, NULL, '{');
        lb_json_put_text(&json, "source", j->result->sources[i].name);
        put_verdicts(&json, &j->result->sources[i]);
        lb_json_close(&json);
    }
    lb_json_close(&json);
    lb_json_close(&json);
    j->result->summary = line.data;
    LB_TRY(json.status);
    LB_TRY(lb_buffer_append_text(&line, "\n", error));
    j->result->summary = line.data;
    LB_TRY(lb_file_write(j->summary_path, line.data, line.size, true, error));
    line.data[line.size - 1] = '\0';
    return LOBASS_OK;
}

static lobass_status judge_with(judge *j, const lobass_observer *observer, lobass_error *error)
{
    const lb_judge_options *options = j->options;
    const double began_seconds = lb_clock_seconds();
    LB_TRY(inputs_load(j, error));
    LB_TRY(lb_http_open(&j->http, options->url, options->key, options->timeout_seconds,
                        options->n_parallel, error));
    LB_TRY(output_open(j, error));
    LB_TRY(ask(j, observer, error));
    if (j->n_answered == 0 && j->n_due > 0)
    {
        return fail_gone(j, error);
    }
    LB_TRY(lb_verdicts_count(j->result, &j->pairs, j->verdicts, error));
    if (j->result->total.n_failed > 0)
    {
        lb_observer_log(observer, LOBASS_LOG_WARNING,
                        "%llu pairs have a question without an answer, the latest failure: %s; the "
                        "same command asks them again",
                        (unsigned long long)j->result->total.n_failed, j->reason);
    }
    LB_TRY(summary_write(j, error));
    j->result->elapsed_seconds = lb_clock_seconds() - began_seconds;
    return LOBASS_OK;
}

lobass_status lb_judge_run(const lb_judge_options *options, const lobass_observer *observer,
                           lb_judge_result *result, lobass_error *error)
{
    judge j = {.options = options, .result = result, .journal = {.descriptor = -1}};
    *result = (lb_judge_result){0};
    const lobass_status status = judge_with(&j, observer, error);
    lb_http_close(j.http);
    lb_journal_close(&j.journal);
    lb_lock_release(&j.lock);
    lb_text_pairs_free(&j.pairs);
    lb_buffer_free(&j.instructions);
    lb_buffer_free(&j.about);
    lb_buffer_free(&j.body);
    lb_buffer_free(&j.content);
    lb_buffer_free(&j.redacted);
    free(j.journal_path);
    free(j.summary_path);
    free(j.verdicts);
    free(j.slots);
    return status;
}

void lb_judge_result_free(lb_judge_result *result)
{
    free(result->sources);
    lb_arena_free(&result->names);
    free(result->summary);
    *result = (lb_judge_result){0};
}

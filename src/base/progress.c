/* SPDX-License-Identifier: Apache-2.0
 *
 * A stage's progress: rates and the time left, told to the observer at most ten times a second.
 *     tokens per second = tokens of this process / seconds since the stage began in this process
 *     time left         = (total - done) * seconds / (done - done at the beginning)
 * What was done before a resume counts as done but not as speed.
 */
#include "base/base.h"

#include <math.h>

#define REPORT_SECONDS 0.1
#define LINE_SIZE 2048

void lb_stage_begin(lb_stage *stage, const lobass_observer *observer, const char *name,
                    const char *unit, uint64_t done, uint64_t total)
{
    const double now = lb_clock_seconds();
    *stage = (lb_stage){.observer = observer,
                        .progress = {.stage = name,
                                     .unit = unit,
                                     .done = done,
                                     .total = total,
                                     .mean_loss = NAN,
                                     .remaining_seconds = NAN},
                        .began_seconds = now,
                        .reported_seconds = now - REPORT_SECONDS,
                        .began_done = done};
}

/* Tells the observer; from then on the stage knows whether it was cancelled. */
static void report(lb_stage *stage, double now)
{
    lobass_progress *progress = &stage->progress;
    const uint64_t n_new = progress->done - stage->began_done;
    progress->elapsed_seconds = now - stage->began_seconds;
    progress->tokens_per_second =
        progress->elapsed_seconds > 0 ? (double)stage->n_tokens / progress->elapsed_seconds : 0;
    progress->remaining_seconds = NAN;
    if (n_new > 0 && progress->total >= progress->done)
    {
        progress->remaining_seconds =
            (double)(progress->total - progress->done) * progress->elapsed_seconds / (double)n_new;
    }
    stage->reported_seconds = now;
    const lobass_observer *observer = stage->observer;
    stage->is_cancelled = stage->is_cancelled || (observer != NULL && observer->progress != NULL &&
                                                  !observer->progress(observer->context, progress));
}

static lobass_status check_cancelled(const lb_stage *stage, lobass_error *error)
{
    const lobass_progress *progress = &stage->progress;
    return !stage->is_cancelled
               ? LOBASS_OK
               : lb_fail(error, LOBASS_CANCELLED,
                         "%s: stopped after %llu %s; what was done is kept", progress->stage,
                         (unsigned long long)progress->done, progress->unit);
}

static void report_if_due(lb_stage *stage)
{
    const double now = lb_clock_seconds();
    if (!stage->is_cancelled && now - stage->reported_seconds >= REPORT_SECONDS)
    {
        report(stage, now);
    }
}

bool lb_stage_is_cancelled(lb_stage *stage)
{
    report_if_due(stage);
    return stage->is_cancelled;
}

lobass_status lb_stage_advance(lb_stage *stage, uint64_t done, uint64_t n_tokens, double mean_loss,
                               lobass_error *error)
{
    stage->progress.done = done;
    stage->progress.mean_loss = mean_loss;
    stage->n_tokens += n_tokens;
    report_if_due(stage);
    return check_cancelled(stage, error);
}

lobass_status lb_stage_end(lb_stage *stage, lobass_error *error)
{
    report(stage, lb_clock_seconds());
    return check_cancelled(stage, error);
}

void lb_observer_log(const lobass_observer *observer, lobass_log_level level, const char *format,
                     ...)
{
    if (observer == NULL || observer->log == NULL)
    {
        return;
    }
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)lb_print_list(line, sizeof line, format, arguments);
    va_end(arguments);
    observer->log(observer->context, level, line);
}

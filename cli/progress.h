/* SPDX-License-Identifier: Apache-2.0
 *
 * What a long-running command shows on standard error: one redrawn line a stage on a terminal,
 * plain lines every ten seconds elsewhere, nothing with -q; and notes and warnings between them.
 * The observer also carries the stop signal to the library.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "options.h"

typedef struct cli_progress
{
    lobass_observer observer; /* to be handed to the library */
    bool is_quiet, is_verbose, is_terminal;
    bool has_line;        /* an unfinished line stands on the terminal */
    bool has_stage;       /* LAST describes a stage whose end was not printed yet */
    double shown_seconds; /* when a plain line was last printed, or the stage began */
    lobass_progress last; /* its texts are in STAGE and UNIT */
    char stage[96], unit[32];
} cli_progress;

/* Begins to observe; catches SIGINT and SIGTERM. */
void cli_progress_start(cli_progress *progress, const cli_common *common);
/* Closes the last stage. */
void cli_progress_end(cli_progress *progress);
/* Ends the observation of a call that failed: prints why and returns the exit code.
 * GOES_ON_OVERWRITING: the same command resumes with -f too. */
int cli_progress_fail(cli_progress *progress, const cli_common *common, bool goes_on_overwriting,
                      const lobass_error *error);

/* A command that calls the library once: OPTIONS go in, RESULT comes out. */
typedef struct cli_task
{
    lobass_status (*call)(const void *options, const lobass_observer *observer, void *result,
                          lobass_error *error);
    void (*print)(const void *options, const void *result);
    void (*print_json)(const void *options, const void *result);
    bool goes_on_overwriting; /* see cli_progress_fail() */
    bool keeps_nothing;       /* stopped, it begins anew */
} cli_task;

/* Calls it under observation and prints its result or why it failed; returns the exit code. */
int cli_task_run(const cli_task *task, const void *options, void *result, const cli_common *common);

#endif

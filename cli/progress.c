/* SPDX-License-Identifier: Apache-2.0
 *
 * Draws progress. The line is put together from fields, most important first, as far as the width
 * of the terminal allows; what is left over goes to the bar. A stage ends when the next one begins
 * or when the call returns: then its last state is printed once more and stays.
 */
#include "progress.h"

#include <math.h>
#include <string.h>
#include <time.h>

#define LINE_SIZE 512
#define FIELD_SIZE 96
#define BAR_LEAST 5
#define BAR_MOST 30
#define PLAIN_SECONDS 10.0
#define SHORT_STAGE_SECONDS 0.05 /* a stage that was done already gets no rate */

enum
{
    FIELD_STAGE,
    FIELD_COUNT,
    FIELD_TIME,
    FIELD_LOSS,
    FIELD_RATE,
    N_FIELDS
};

static double now_seconds(void)
{
    struct timespec time = {0};

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* ---- fields --------------------------------------------------------------------------------- */

static void fill_count(char *field, const lobass_progress *progress, bool is_final)
{
    char done[CLI_NUMBER_SIZE];
    char total[CLI_NUMBER_SIZE];

    cli_number(done, progress->done);
    if (progress->total == 0)
    {
        snprintf(field, FIELD_SIZE, "%s %s", done, progress->unit);
        return;
    }
    snprintf(field, FIELD_SIZE, "%s/%s%s%s", done, cli_number(total, progress->total),
             is_final ? " " : "", is_final ? progress->unit : "");
}

static void fill_fields(char fields[N_FIELDS][FIELD_SIZE], const lobass_progress *progress,
                        bool is_final)
{
    char number[CLI_NUMBER_SIZE];

    memset(fields, 0, (size_t)N_FIELDS * FIELD_SIZE);
    snprintf(fields[FIELD_STAGE], FIELD_SIZE, "%s", progress->stage);
    fill_count(fields[FIELD_COUNT], progress, is_final);
    if (is_final)
    {
        snprintf(fields[FIELD_TIME], FIELD_SIZE, "%s",
                 cli_duration(number, progress->elapsed_seconds));
    }
    else if (isfinite(progress->remaining_seconds))
    {
        snprintf(fields[FIELD_TIME], FIELD_SIZE, "%s left",
                 cli_duration(number, progress->remaining_seconds));
    }
    if (isfinite(progress->mean_loss))
    {
        snprintf(fields[FIELD_LOSS], FIELD_SIZE, "loss %.3f", progress->mean_loss);
    }
    if (progress->tokens_per_second >= 1 && progress->tokens_per_second < 1e15 &&
        progress->elapsed_seconds > SHORT_STAGE_SECONDS)
    {
        snprintf(fields[FIELD_RATE], FIELD_SIZE, "%s tok/s",
                 cli_number(number, (uint64_t)progress->tokens_per_second));
    }
}

/* ---- drawing -------------------------------------------------------------------------------- */

/* "stage [####....]": the bar takes ROOM columns, brackets and blank included. */
static size_t append_bar(char *line, size_t used, size_t room, const lobass_progress *progress)
{
    size_t width = room - 3 < BAR_MOST ? room - 3 : BAR_MOST;
    double share = fmin((double)progress->done / (double)progress->total, 1);
    size_t full = (size_t)((double)width * share);

    line[used++] = ' ';
    line[used++] = '[';
    memset(line + used, '#', full);
    memset(line + used + full, '.', width - full);
    used += width;
    line[used++] = ']';
    return used;
}

/* Drops fields from the least important on until the line fits in WIDTH columns. */
static void compose(char line[LINE_SIZE], const lobass_progress *progress, size_t width,
                    bool is_final)
{
    char fields[N_FIELDS][FIELD_SIZE];
    size_t needed = 0;
    size_t used = 0;

    width = width < LINE_SIZE - 1 ? width : LINE_SIZE - 1;
    fill_fields(fields, progress, is_final);
    for (size_t i = 0; i < N_FIELDS; i++)
    {
        size_t length = strlen(fields[i]) + (i == FIELD_STAGE ? 0 : 2);
        if (fields[i][0] != '\0' && needed + length > width)
        {
            fields[i][0] = '\0';
        }
        needed += fields[i][0] == '\0' ? 0 : length;
    }
    for (size_t i = 0; i < N_FIELDS; i++)
    {
        if (fields[i][0] != '\0')
        {
            used += (size_t)snprintf(line + used, LINE_SIZE - used, "%s%s", used > 0 ? "  " : "",
                                     fields[i]);
        }
        if (i == FIELD_STAGE && !is_final && progress->total > 0 && width - needed >= BAR_LEAST + 3)
        {
            used = append_bar(line, used, width - needed, progress);
        }
    }
    line[used] = '\0';
}

static void draw(cli_progress *progress, bool is_final)
{
    char line[LINE_SIZE];
    size_t width = progress->is_terminal ? cli_terminal_width(stderr) - 1 : LINE_SIZE - 1;

    compose(line, &progress->last, width, is_final || !progress->is_terminal);
    if (progress->is_terminal)
    {
        fprintf(stderr, "\r%s\033[K%s", line, is_final ? "\n" : "");
    }
    else
    {
        fprintf(stderr, "%s\n", line);
    }
    progress->has_line = progress->is_terminal && !is_final;
}

static void end_stage(cli_progress *progress)
{
    if (progress->has_stage && !progress->is_quiet)
    {
        draw(progress, true);
    }
    progress->has_stage = false;
}

/* ---- callbacks ------------------------------------------------------------------------------ */

static bool observe(void *context, const lobass_progress *state)
{
    cli_progress *progress = context;
    double now = now_seconds();

    if (progress->has_stage && strcmp(progress->stage, state->stage) != 0)
    {
        end_stage(progress);
    }
    if (!progress->has_stage)
    {
        snprintf(progress->stage, sizeof progress->stage, "%s", state->stage);
        snprintf(progress->unit, sizeof progress->unit, "%s", state->unit);
        progress->has_stage = true;
        progress->shown_seconds = now;
    }
    progress->last = *state;
    progress->last.stage = progress->stage;
    progress->last.unit = progress->unit;
    bool is_due = progress->is_terminal || now - progress->shown_seconds >= PLAIN_SECONDS;
    if (!progress->is_quiet && is_due)
    {
        draw(progress, false);
        progress->shown_seconds = now;
    }
    return !cli_is_interrupted();
}

static void print_line(cli_progress *progress, const char *line)
{
    if (progress->has_line)
    {
        fputs("\r\033[K", stderr); /* the next progress draws it again */
        progress->has_line = false;
    }
    cli_message("%s", line);
}

static void log_line(void *context, lobass_log_level level, const char *line)
{
    cli_progress *progress = context;
    char warning[LOBASS_ERROR_SIZE];

    switch (level)
    {
    case LOBASS_LOG_WARNING:
        snprintf(warning, sizeof warning, "warning: %s", line);
        print_line(progress, warning);
        break;
    case LOBASS_LOG_NOTE:
        if (!progress->is_quiet)
        {
            print_line(progress, line);
        }
        break;
    case LOBASS_LOG_DETAIL:
        if (progress->is_verbose)
        {
            print_line(progress, line);
        }
        break;
    }
}

/* ---- the observation ------------------------------------------------------------------------ */

void cli_progress_start(cli_progress *progress, const cli_common *common)
{
    *progress = (cli_progress){.is_quiet = common->is_quiet,
                               .is_verbose = common->is_verbose,
                               .is_terminal = cli_is_terminal(stderr)};
    progress->observer =
        (lobass_observer){.context = progress, .log = log_line, .progress = observe};
    cli_catch_signals();
}

void cli_progress_end(cli_progress *progress)
{
    end_stage(progress);
}

int cli_progress_fail(cli_progress *progress, const cli_common *common, bool goes_on_overwriting,
                      const lobass_error *error)
{
    end_stage(progress);
    if (error->status != LOBASS_CANCELLED)
    {
        return cli_fail(error);
    }
    cli_message("stopped; run the same command again%s to go on",
                common->is_overwriting && !goes_on_overwriting ? " without -f" : "");
    return CLI_INTERRUPTED;
}

int cli_task_run(const cli_task *task, const void *options, void *result, const cli_common *common)
{
    cli_progress progress;
    lobass_error error = {0};

    cli_progress_start(&progress, common);
    if (task->call(options, &progress.observer, result, &error) != LOBASS_OK)
    {
        if (task->keeps_nothing && error.status == LOBASS_CANCELLED)
        {
            cli_progress_end(&progress);
            cli_message("stopped");
            return CLI_INTERRUPTED;
        }
        return cli_progress_fail(&progress, common, task->goes_on_overwriting, &error);
    }
    cli_progress_end(&progress);
    (common->is_json ? task->print_json : task->print)(options, result);
    return cli_finish(CLI_DONE);
}

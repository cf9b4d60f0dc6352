/* SPDX-License-Identifier: Apache-2.0
 *
 * See trial.h. The folder `case` holds all that the command writes; the model and the records stand
 * beside it and are never made again, so that paths, sizes and times of change stay.
 */
#include "fault/trial.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *text_of(const char *path)
{
    FILE *file = must(fopen(path, "re"));
    char *text = NULL;
    size_t capacity = 0;
    const ssize_t size = getdelim(&text, &capacity, '\0', file);
    (void)fclose(file);
    if (size < 0)
    {
        free(text);
        text = must(strdup(""));
    }
    return text;
}

static int run(trial *of, fault_kind kind, fault_mode mode, uint64_t n, bool tells_sites)
{
    of->server.shared->kind = kind;
    of->server.shared->mode = mode;
    of->server.shared->n = n;
    of->server.shared->tells_sites = tells_sites;
    of->is_dirty = true;
    return server_run(&of->server);
}

static int run_from_start(trial *of, fault_kind kind, fault_mode mode, uint64_t n, bool tells_sites)
{
    if (of->is_dirty)
    {
        tree_put(&of->start, of->folder);
    }
    return run(of, kind, mode, n, tells_sites);
}

static bool is_refused(const trial *of)
{
    return of->command->kind == COMMAND_REFUSED;
}

/* The undisturbed command's. */
static bool is_usual_end(const trial *of, int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == (is_refused(of) ? 1 : 0);
}

/* ---- what is asked ----------------------------------------------------------------------------
 */

/* The run left no memory but what an undisturbed one leaves as well. */
static bool left_nothing(const trial *of, char *what)
{
    const fault_shared *shared = of->server.shared;
    if (!shared->has_ended)
    {
        (void)snprintf(what, TRIAL_TEXT_SIZE, "did not end by exit()");
        return false;
    }
    for (uint32_t i = 0; i < shared->n_left; i++)
    {
        uint64_t usual = 0;
        for (uint32_t k = 0; k < of->n_left; k++)
        {
            usual = of->left[k].caller == shared->left[i].caller ? of->left[k].count : usual;
        }
        if (shared->left[i].count > usual)
        {
            const int used = snprintf(what, TRIAL_TEXT_SIZE,
                                      "left %" PRIu64 " allocations of %" PRIu64 " undisturbed: ",
                                      shared->left[i].count, usual);
            server_describe(&of->server, shared->left[i].frames, what + used,
                            TRIAL_TEXT_SIZE - (size_t)used);
            return false;
        }
    }
    return true;
}

static bool has_result(const trial *of, char *what)
{
    tree found = tree_result(of->folder);
    const bool differs = tree_differs(&found, &of->result, what, TRIAL_TEXT_SIZE);
    tree_free(&found);
    return !differs;
}

static bool says_result(const trial *of, char *what)
{
    char *out = text_of(of->server.shared->out);
    mask_times(out);
    const bool is_same = strcmp(out, of->out) == 0;
    if (!is_same)
    {
        (void)snprintf(what, TRIAL_TEXT_SIZE, "said '%.300s', expected '%.300s'", out, of->out);
    }
    free(out);
    return is_same;
}

static void tell_said(const trial *of, int status, const char *when, char *what)
{
    char *said = text_of(of->server.shared->err);
    (void)snprintf(what, TRIAL_TEXT_SIZE, "%sexit %d, said '%.600s'", when,
                   WIFEXITED(status) ? WEXITSTATUS(status) : -1, said);
    free(said);
}

/* One line that begins with the command's name and says what failed; warnings may stand before it.
 */
static bool has_message(const trial *of, fault_kind kind)
{
    static const char start[] = "lobass: ";
    static const char warning[] = "lobass: warning: ";
    static const char *const empty[] = {"without a reason", "Success", "(null)"};
    char *all = text_of(of->server.shared->err);
    char *said = all;
    while (strncmp(said, warning, sizeof warning - 1) == 0 && strchr(said, '\n') != NULL)
    {
        said = strchr(said, '\n') + 1;
    }
    const size_t size = strlen(said);
    const bool is_usual = is_refused(of) && strcmp(all, of->err) == 0;
    bool is_good = size > sizeof start + 8 && strchr(said, '\n') == said + size - 1 &&
                   strncmp(said, start, sizeof start - 1) == 0 &&
                   (kind != FAULT_MEMORY || is_usual || strstr(said, "memory") != NULL);
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++)
    {
        is_good = is_good && strstr(said, empty[i]) == NULL;
    }
    free(all);
    return is_good;
}

/* Names that what was interrupted may leave, and that the next command takes over or clears. */
static bool is_temporary(const char *name)
{
    static const char lock[] = "lock";
    const size_t size = strlen(name);
    return strstr(name, ".partial") != NULL || strstr(name, "run.db") != NULL ||
           (size >= 4 && strcmp(name + size - 4, lock) == 0);
}

/* Every file is as before, as it is to be, or of a temporary name. */
static bool is_whole(const trial *of, const tree *found, char *what)
{
    tree masked = tree_result(of->folder);
    bool is_good = true;
    for (size_t i = 0; i < found->n && is_good; i++)
    {
        const tree_entry *entry = &found->entries[i];
        const tree_entry *before = tree_find(&of->start, entry->name);
        const tree_entry *after = tree_find(&of->result, entry->name);
        const tree_entry *here = tree_find(&masked, entry->name);
        is_good = entry->is_folder || is_temporary(entry->name) ||
                  (before != NULL && entry_same(before, entry)) ||
                  (after != NULL && here != NULL && entry_same(after, here));
        if (!is_good)
        {
            (void)snprintf(what, TRIAL_TEXT_SIZE, "%s is neither as before nor as it should be",
                           entry->name);
        }
    }
    tree_free(&masked);
    return is_good;
}

/* ---- a trial ----------------------------------------------------------------------------------
 */

/* What had been done before it failed was all, and the same command finds that. */
static bool is_done_already(const trial *of, int status)
{
    char *said = text_of(of->server.shared->err);
    const bool is_there = strstr(said, "exists already") != NULL;
    free(said);
    return WIFEXITED(status) && WEXITSTATUS(status) == 1 && is_there;
}

/* The same command once more, undisturbed, has the result of one that never failed. What it says is
 * its own: how many rows it still had to measure. */
static bool ends_well(trial *of, char *what)
{
    tree found = tree_take(of->folder);
    const bool is_untouched = tree_same(&found, &of->start);
    const bool is_good = is_untouched || is_whole(of, &found, what);
    tree_free(&found);
    if (is_untouched || !is_good)
    {
        of->is_dirty = !is_untouched; /* untouched, what comes of it is known */
        return is_good;
    }
    of->counts.n_again++;
    const int status = run(of, FAULT_MEMORY, FAULT_NONE, 0, false);
    if (!is_usual_end(of, status) && !is_done_already(of, status))
    {
        tell_said(of, status, "the same command again: ", what);
        return false;
    }
    return has_result(of, what);
}

static bool is_answered(trial *of, const trial_fault *fault, int status, char *what)
{
    if (status == -1)
    {
        (void)snprintf(what, TRIAL_TEXT_SIZE, "does not end");
        return false;
    }
    if (WIFSIGNALED(status))
    {
        const bool is_meant =
            (fault->mode == FAULT_KILL || fault->mode == FAULT_TORN) && WTERMSIG(status) == SIGKILL;
        of->counts.n_ended += is_meant ? 1 : 0;
        (void)snprintf(what, TRIAL_TEXT_SIZE, "ended by signal %d", WTERMSIG(status));
        return is_meant && ends_well(of, what);
    }
    if (WEXITSTATUS(status) == 0 && !is_refused(of))
    {
        of->counts.n_carried_on++;
        return left_nothing(of, what) && has_result(of, what) && says_result(of, what);
    }
    tell_said(of, status, "", what);
    if (WEXITSTATUS(status) != 1 || (fault->must_go_on && !is_refused(of)) ||
        !has_message(of, fault->kind))
    {
        return false;
    }
    of->counts.n_refused++;
    return left_nothing(of, what) && ends_well(of, what);
}

bool trial_try(trial *of, const trial_fault *fault, uint64_t n, char *what)
{
    const int status = run_from_start(of, fault->kind, fault->mode, n, false);
    if (is_usual_end(of, status) && !of->server.shared->has_struck)
    {
        of->counts.n_missed++;
        return true;
    }
    const bool is_good = is_answered(of, fault, status, what);
    of->counts.n_failed += is_good ? 0 : 1;
    return is_good;
}

void trial_explain(trial *of, const trial_fault *fault, uint64_t n, char *where, char *what)
{
    (void)run_from_start(of, fault->kind, fault->mode, n, true);
    server_describe(&of->server, of->server.shared->frames, where, TRIAL_TEXT_SIZE);
    if (strstr(what, "allocations") != NULL)
    {
        (void)left_nothing(of, what);
    }
}

/* ---- the beginning and the end ----------------------------------------------------------------
 */

/* In memory where that is possible: what is asked for is that syncs are called, not that they wait.
 */
static void make_work(trial *of)
{
    const char *temporary = getenv("TMPDIR");
    if (temporary == NULL)
    {
        temporary = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    }
    (void)snprintf(of->work, sizeof of->work, "%.200s/lobass-fault-XXXXXX", temporary);
    if (mkdtemp(of->work) == NULL || chdir(of->work) != 0)
    {
        die("%s: %s", of->work, strerror(errno));
    }
    (void)snprintf(of->folder, sizeof of->folder, "%.220s/case", of->work);
    if (mkdir(of->folder, 0777) != 0)
    {
        die("%s: %s", of->folder, strerror(errno));
    }
}

/* What is refused leaves every file as it is, but for the database's own and the locks. */
static void check_unchanged(const trial *of)
{
    tree now = tree_take(of->folder);
    for (size_t i = 0; is_refused(of) && i < now.n; i++)
    {
        const tree_entry *entry = &now.entries[i];
        const tree_entry *before = tree_find(&of->start, entry->name);
        if (!is_temporary(entry->name) && (before == NULL || !entry_same(before, entry)))
        {
            die("%s: refused, and yet %s has changed", of->command->name, entry->name);
        }
    }
    tree_free(&now);
}

/* Twice: what it gives, what it calls and what it leaves; and that the second gives the same. */
static void look(trial *of)
{
    char what[TRIAL_TEXT_SIZE] = "";
    fault_shared *shared = of->server.shared;
    of->start = tree_take(of->folder);
    int status = run(of, FAULT_MEMORY, FAULT_NONE, 0, true);
    if (!is_usual_end(of, status))
    {
        tell_said(of, status, "undisturbed: ", what);
        die("%s: %s", of->command->name, what);
    }
    of->result = tree_result(of->folder);
    of->out = text_of(shared->out);
    mask_times(of->out);
    of->err = text_of(shared->err);
    check_unchanged(of);
    memcpy(of->sites, shared->sites, sizeof shared->sites);
    status = run_from_start(of, FAULT_MEMORY, FAULT_NONE, 0, false);
    if (!is_usual_end(of, status) || !has_result(of, what) || !says_result(of, what))
    {
        die("%s: undisturbed, not the same twice: %s", of->command->name, what);
    }
    memcpy(of->n_calls, shared->n_calls, sizeof of->n_calls);
    memcpy(of->left, shared->left, sizeof of->left);
    of->n_left = shared->n_left;
}

void trial_start(trial *of, const char *lobass, const char *library, const char *name)
{
    const char *words[COMMAND_WORDS];
    make_work(of);
    of->command = command_find(name);
    command_set_up(of->command, lobass);
    command_words(of->command, lobass, words);
    of->server = server_start(library, words);
    of->sites = must(calloc(1, sizeof of->server.shared->sites));
    (void)snprintf(of->server.shared->folder, FAULT_PATH_SIZE, "%s", of->work);
    (void)snprintf(of->server.shared->out, FAULT_PATH_SIZE, "%.220s/out", of->work);
    (void)snprintf(of->server.shared->err, FAULT_PATH_SIZE, "%.220s/err", of->work);
    look(of);
}

void trial_end(trial *of)
{
    const tree nothing = {0};
    server_stop(&of->server);
    tree_put(&nothing, of->work);
    (void)rmdir(of->work);
    tree_free(&of->start);
    tree_free(&of->result);
    free(of->out);
    free(of->err);
    free(of->sites);
}

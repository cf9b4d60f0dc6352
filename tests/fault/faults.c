/* SPDX-License-Identifier: Apache-2.0
 *
 * faults LOBASS LIBRARY COMMAND: each call of a small command that can fail fails, for every n the
 * n-th, and each time comes of it: a message and exit code 1, or the result of an undisturbed run;
 * never a signal, memory left or a file half written. The same command again, undisturbed, has the
 * result of one that never failed. The process ended at the n-th write, sync, rename: the same.
 *
 * Calls are caught by a library before the C library (interpose*.c, LD_PRELOAD) and not by symbols
 * that are wrapped at link time, since SQLite's writes, syncs and locks and the allocations of
 * jansson, zlib, zstd and PCRE2 are to be reached as well. A sanitizer wants that place for itself.
 *
 * Without LOBASS_LONG a sample is tried: the first call, the last, the first of each call site as
 * far as the sample's size goes, and some between. With it all are.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/trial.h"

#define MOST_SHOWN 25
#define EXTRA_PART 5 /* of the sample, for commands beside the five */

static const char *const kind_names[FAULT_KINDS] = {
    [FAULT_MEMORY] = "allocation", [FAULT_OPEN] = "open",   [FAULT_LOOK] = "look",
    [FAULT_READ] = "read",         [FAULT_WRITE] = "write", [FAULT_SYNC] = "sync",
    [FAULT_NAME] = "rename",       [FAULT_LOCK] = "lock",   [FAULT_MAP] = "map",
    [FAULT_THREAD] = "thread"};

static const char *const mode_names[FAULT_MODES] = {
    [FAULT_ONCE] = "fails",           [FAULT_ON] = "and all after it fail",
    [FAULT_EINTR] = "is interrupted", [FAULT_SHORT] = "does half",
    [FAULT_KILL] = "finds us dead",   [FAULT_TORN] = "is cut by death"};

static const trial_fault faults[] = {
    {FAULT_MEMORY, FAULT_ONCE, false, 60}, {FAULT_MEMORY, FAULT_ON, false, 30},
    {FAULT_OPEN, FAULT_ONCE, false, 20},   {FAULT_OPEN, FAULT_KILL, false, 10},
    {FAULT_LOOK, FAULT_ONCE, false, 20},   {FAULT_READ, FAULT_ONCE, false, 20},
    {FAULT_READ, FAULT_SHORT, true, 10},   {FAULT_READ, FAULT_EINTR, true, 10},
    {FAULT_WRITE, FAULT_ONCE, false, 20},  {FAULT_WRITE, FAULT_ON, false, 15},
    {FAULT_WRITE, FAULT_SHORT, true, 10},  {FAULT_WRITE, FAULT_EINTR, true, 10},
    {FAULT_WRITE, FAULT_KILL, false, 20},  {FAULT_WRITE, FAULT_TORN, false, 15},
    {FAULT_SYNC, FAULT_ONCE, false, 15},   {FAULT_SYNC, FAULT_KILL, false, 15},
    {FAULT_NAME, FAULT_ONCE, false, 15},   {FAULT_NAME, FAULT_ON, false, 10},
    {FAULT_NAME, FAULT_KILL, false, 15},   {FAULT_LOCK, FAULT_ONCE, false, 10},
    {FAULT_LOCK, FAULT_EINTR, false, 10},  {FAULT_MAP, FAULT_ONCE, false, 10},
    {FAULT_THREAD, FAULT_ONCE, false, 5},  {FAULT_THREAD, FAULT_ON, false, 5},
};

static bool is_first_of_site(const uint64_t *sites, uint64_t index)
{
    for (uint64_t i = 0; i < index; i++)
    {
        if (sites[i] == sites[index])
        {
            return false;
        }
    }
    return true;
}

/* Takes N_TAKEN of the N candidates of IS_CANDIDATE, evenly spread. */
static void spread(bool *is_meant, const bool *is_candidate, uint64_t n_calls, uint64_t n,
                   uint64_t n_taken)
{
    uint64_t rank = 0;
    for (uint64_t i = 0; i < n_calls; i++)
    {
        if (is_candidate[i])
        {
            is_meant[i] = is_meant[i] || (rank + 1) * n_taken / n > rank * n_taken / n;
            rank++;
        }
    }
}

/* Which of the calls are tried: IS_MEANT [N_CALLS], zeroed. */
static void choose(const trial *of, const trial_fault *fault, uint64_t n_calls, bool *is_meant)
{
    bool *is_site = must(calloc(n_calls, sizeof *is_site));
    const unsigned n_part = fault->n_sample / (of->command->kind == COMMAND_MAIN ? 1 : EXTRA_PART);
    const uint64_t n_sample = getenv("LOBASS_LONG") != NULL ? UINT64_MAX : n_part;
    uint64_t n_sites = 0;
    for (uint64_t i = 0; i < n_calls; i++)
    {
        is_meant[i] = n_calls <= n_sample || i == 0 || i == n_calls - 1;
        is_site[i] = n_calls > n_sample && i < FAULT_MOST_CALLS &&
                     is_first_of_site(of->sites[fault->kind], i);
        n_sites += is_site[i] ? 1 : 0;
    }
    if (n_sites > 0)
    {
        const uint64_t n_taken = n_sites < n_sample ? n_sites : n_sample;
        spread(is_meant, is_site, n_calls, n_sites, n_taken);
        for (uint64_t i = 0; i < n_sample - n_taken; i++)
        {
            is_meant[(n_calls - 1) * (i + 1) / (n_sample - n_taken + 1)] = true;
        }
    }
    free(is_site);
}

static void try_one(trial *of, const trial_fault *fault, uint64_t n)
{
    char what[TRIAL_TEXT_SIZE] = "";
    char where[TRIAL_TEXT_SIZE] = "";
    if (!trial_try(of, fault, n, what) && of->counts.n_failed <= MOST_SHOWN)
    {
        trial_explain(of, fault, n, where, what);
        (void)printf("FAILED: %s: %s %" PRIu64 " %s: %s\n    at %s\n", of->command->name,
                     kind_names[fault->kind], n, mode_names[fault->mode], what, where);
    }
}

static void try_all(trial *of, const trial_fault *fault)
{
    const uint64_t n_calls = of->n_calls[fault->kind];
    const trial_counts before = of->counts;
    uint64_t n_tried = 0;
    bool *is_meant = must(calloc(n_calls, sizeof *is_meant));
    choose(of, fault, n_calls, is_meant);
    for (uint64_t i = 0; i < n_calls; i++)
    {
        if (is_meant[i])
        {
            n_tried++;
            try_one(of, fault, i + 1);
        }
    }
    free(is_meant);
    (void)printf(
        "%-10s %-21s: %5" PRIu64 " of %5" PRIu64 " tried, %5u refused, %5u carried on, %5u "
        "ended, %u failed\n",
        kind_names[fault->kind], mode_names[fault->mode], n_tried, n_calls,
        of->counts.n_refused - before.n_refused, of->counts.n_carried_on - before.n_carried_on,
        of->counts.n_ended - before.n_ended, of->counts.n_failed - before.n_failed);
    (void)fflush(stdout);
}

/* A kind of call that a command no longer makes, as far as we see, is no longer tried. */
static bool has_calls(const trial *of)
{
    static const bool is_due[][FAULT_KINDS] = {
        [COMMAND_REFUSED] = {[FAULT_MEMORY] = true, [FAULT_LOOK] = true},
        [COMMAND_READER] = {[FAULT_MEMORY] = true,
                            [FAULT_LOOK] = true,
                            [FAULT_OPEN] = true,
                            [FAULT_READ] = true,
                            [FAULT_WRITE] = true},
        [COMMAND_EXTRA] = {[FAULT_MEMORY] = true,
                           [FAULT_LOOK] = true,
                           [FAULT_OPEN] = true,
                           [FAULT_READ] = true,
                           [FAULT_WRITE] = true,
                           [FAULT_SYNC] = true,
                           [FAULT_NAME] = true},
    };
    const command_kind kind = of->command->kind == COMMAND_MAIN ? COMMAND_EXTRA : of->command->kind;
    bool has_all = true;
    for (size_t i = 0; i < FAULT_KINDS; i++)
    {
        if (is_due[kind][i] && of->n_calls[i] == 0)
        {
            (void)printf("FAILED: %s: no %s is seen\n", of->command->name, kind_names[i]);
            has_all = false;
        }
    }
    return has_all;
}

int main(int argc, char **argv)
{
    static trial of;
    if (argc != 4)
    {
        die("Usage: faults LOBASS LIBRARY COMMAND");
    }
    trial_start(&of, argv[1], argv[2], argv[3]);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
    {
        if (of.n_calls[faults[i].kind] > 0)
        {
            try_all(&of, &faults[i]);
        }
    }
    const trial_counts *counts = &of.counts;
    (void)printf("%s: %u faults: %u refused with a message, %u carried on, %u ended the process; "
                 "%u did not come; %u times the same command again; %u failed\n",
                 of.command->name, counts->n_refused + counts->n_carried_on + counts->n_ended,
                 counts->n_refused, counts->n_carried_on, counts->n_ended, counts->n_missed,
                 counts->n_again, counts->n_failed);
    const bool has_threads = strstr(of.command->words, "--threads 3") != NULL;
    const bool is_good =
        has_calls(&of) && counts->n_failed == 0 && (has_threads || counts->n_missed == 0);
    trial_end(&of);
    return is_good ? 0 : 1;
}

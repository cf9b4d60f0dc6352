/* SPDX-License-Identifier: Apache-2.0
 *
 * One command, undisturbed and with one fault; and what is asked of what then comes of it.
 */
#ifndef FAULT_TRIAL_H
#define FAULT_TRIAL_H

#include "fault/commands.h"
#include "fault/server.h"
#include "fault/tree.h"

#define TRIAL_TEXT_SIZE 2048

/* What is tried. */
typedef struct trial_fault
{
    fault_kind kind;
    fault_mode mode;
    bool must_go_on;   /* failing is no answer to this */
    unsigned n_sample; /* of the n, where not all are tried */
} trial_fault;

typedef struct trial_counts
{
    unsigned n_refused;    /* a message and exit code 1 */
    unsigned n_carried_on; /* exit code 0 and the undisturbed result */
    unsigned n_ended;      /* by the fault, as it was meant */
    unsigned n_failed;
    unsigned n_missed; /* the n-th call did not come: it was another course */
    unsigned n_again;  /* the same command once more, since the folder had changed */
} trial_counts;

typedef struct trial
{
    const command *command;
    server server;
    char work[FAULT_PATH_SIZE], folder[FAULT_PATH_SIZE];
    tree start, result;               /* of the folder: before the command, and after it */
    char *out, *err;                  /* what an undisturbed one says */
    fault_left left[FAULT_MOST_LEFT]; /* what it leaves */
    uint32_t n_left;
    uint64_t n_calls[FAULT_KINDS];
    uint64_t (*sites)[FAULT_MOST_CALLS]; /* [FAULT_KINDS] */
    bool is_dirty;                       /* the folder is not as at the start */
    trial_counts counts;
} trial;

/* Sets the command up in a folder of its own and looks at it, undisturbed. */
void trial_start(trial *of, const char *lobass, const char *library, const char *name);
/* The n-th call of a kind goes wrong; false, with what is wrong in WHAT [TRIAL_TEXT_SIZE], when the
 * command does not live up to it. */
bool trial_try(trial *of, const trial_fault *fault, uint64_t n, char *what);
/* Where the call stood, of a fault that was tried, and what it left, with names of functions. */
void trial_explain(trial *of, const trial_fault *fault, uint64_t n, char *where, char *what);
void trial_end(trial *of);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the harness (faults.c) and the library that it puts before the C library (interpose_*.c)
 * tell each other: which call is to go wrong and how, and what then came of it. It lies in memory
 * that both have mapped.
 */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* Calls that are counted together. */
typedef enum fault_kind
{
    FAULT_MEMORY, /* malloc, calloc, realloc, aligned_alloc, ... */
    FAULT_OPEN,   /* open, openat, fopen, fdopen, opendir, mkostemp */
    FAULT_LOOK,   /* stat, fstat, lstat, access, realpath, getcwd, readdir */
    FAULT_READ,   /* read, pread, fread */
    FAULT_WRITE,  /* write, pwrite, fwrite, fputs, fputc, printf, fflush, fclose */
    FAULT_SYNC,   /* fsync, fdatasync */
    FAULT_NAME,   /* rename, renameat2, link, unlink, mkdir, rmdir, ftruncate */
    FAULT_LOCK,   /* flock, fcntl of a lock */
    FAULT_MAP,    /* mmap */
    FAULT_THREAD, /* pthread_create */
    FAULT_KINDS
} fault_kind;

typedef enum fault_mode
{
    FAULT_NONE,  /* count only */
    FAULT_ONCE,  /* the n-th call fails */
    FAULT_ON,    /* it and all after it */
    FAULT_EINTR, /* the n-th call is interrupted */
    FAULT_SHORT, /* the n-th write or read does half of it */
    FAULT_KILL,  /* the process ends before the n-th call */
    FAULT_TORN,  /* the process ends within the n-th write, half of which is done */
    FAULT_MODES
} fault_mode;

#define FAULT_MOST_CALLS 32768 /* of a kind, whose call sites are told apart */
#define FAULT_MOST_LEFT 256
#define FAULT_PATH_SIZE 256
#define FAULT_FRAMES 24

typedef struct fault_left
{
    uint64_t caller; /* address of the call */
    uint64_t count;
    uint64_t frames[FAULT_FRAMES]; /* of one of them; told only with the sites */
} fault_left;

typedef struct fault_shared
{
    /* What to do; `n` is from 1. */
    uint32_t kind, mode;
    uint64_t n;
    bool tells_sites;
    char folder[FAULT_PATH_SIZE], out[FAULT_PATH_SIZE], err[FAULT_PATH_SIZE];
    /* What came of it. */
    uint64_t n_calls[FAULT_KINDS];
    bool has_struck, has_ended;    /* ended by exit() */
    uint64_t frames[FAULT_FRAMES]; /* where it struck; 0 ends them */
    uint32_t n_left;
    fault_left left[FAULT_MOST_LEFT];              /* memory that was not freed, by caller */
    uint64_t sites[FAULT_KINDS][FAULT_MOST_CALLS]; /* of each call */
} fault_shared;

/* "READ,WRITE,SHARED": descriptors. */
#define FAULT_VARIABLE "LOBASS_FAULT"

/* Of interpose_*.c: */

typedef enum fault_action
{
    FAULT_PASS,
    FAULT_FAIL, /* errno is set */
    FAULT_HALVE /* do half of it; then fault_end_torn() */
} fault_action;

bool fault_is_armed(void);
bool fault_tells_sites(void);
/* Counts a call and says what becomes of it. */
fault_action fault_next(fault_kind kind);
/* Ends the process where the write was to be torn. */
void fault_end_torn(void);
/* The function behind one of ours. */
void *fault_real(const char *name);
/* The frames outside the function that calls this one; 0 ends them. */
void fault_frames(uint64_t *frames, unsigned n_frames);
/* How many allocations are left, by caller. */
void fault_memory_left(fault_shared *shared);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Part of lobass.h: how functions fail, and how long ones tell where they are.
 */
#ifndef LOBASS_ERROR_H
#define LOBASS_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LOBASS_API __attribute__((visibility("default")))
#else
#define LOBASS_API
#endif

/* ---- errors --------------------------------------------------------------------------------
 */

typedef enum lobass_status
{
    LOBASS_OK = 0,
    LOBASS_BAD_ARGUMENT,  /* a value given by the caller cannot be used */
    LOBASS_NOT_FOUND,     /* a file, field, row or model that is not there */
    LOBASS_BAD_FORMAT,    /* a file's content is not what its format says */
    LOBASS_UNSUPPORTED,   /* well formed, but something lobass does not do */
    LOBASS_CONFLICT,      /* it exists already, is in use, or was made with other options */
    LOBASS_IO,            /* the operating system refused a read or a write */
    LOBASS_OUT_OF_MEMORY, /* an allocation failed */
    LOBASS_NUMERIC,       /* a loss or a gradient stopped being finite */
    LOBASS_CANCELLED      /* a progress callback returned false; what was done is kept */
} lobass_status;

#define LOBASS_ERROR_SIZE 1024

typedef struct lobass_error
{
    lobass_status status;
    char message[LOBASS_ERROR_SIZE]; /* one line, no newline */
} lobass_error;

/* ---- progress ------------------------------------------------------------------------------
 */

typedef struct lobass_progress
{
    const char *stage;        /* "prepare", "measure initial", "train reference", ... */
    uint64_t done, total;     /* in units; total is 0 where it is not known */
    const char *unit;         /* "records", "rows", "steps" */
    double tokens_per_second; /* 0 where nothing has been computed yet */
    double mean_loss;         /* nats per token so far; NaN where it means nothing */
    double elapsed_seconds;   /* since the stage began in this process */
    double remaining_seconds; /* an estimate; NaN while there is none */
} lobass_progress;

typedef enum lobass_log_level
{
    LOBASS_LOG_WARNING,
    LOBASS_LOG_NOTE,
    LOBASS_LOG_DETAIL
} lobass_log_level;

/* Callbacks of the long-running functions; every member may be NULL, and so may the whole. */
typedef struct lobass_observer
{
    void *context; /* handed back as the first argument */
    void (*log)(void *context, lobass_log_level level, const char *line);
    /* False cancels cleanly. Also called without news, to ask. */
    bool (*progress)(void *context, const lobass_progress *progress);
} lobass_observer;

#ifdef __cplusplus
}
#endif

#endif

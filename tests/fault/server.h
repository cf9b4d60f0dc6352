/* SPDX-License-Identifier: Apache-2.0
 *
 * A command of lobass that stands before its main() and is sent through it again and again, each
 * time with one fault; interpose.c is the other end.
 */
#ifndef FAULT_SERVER_H
#define FAULT_SERVER_H

#include <stddef.h>
#include <sys/types.h>

#include "fault/fault.h"

typedef struct server
{
    pid_t process;
    int requests, answers;
    fault_shared *shared;
} server;

/* LIBRARY is put before the C library; ARGUMENTS, the first of which is the program, end with NULL.
 */
server server_start(const char *library, const char *const *arguments);
/* One run as SHARED says; the status as of waitpid(), -1 when it did not end in time. */
int server_run(server *with);
void server_stop(server *of);
/* "program+0x1f < library+0x2a": the places that FRAMES stand at, innermost first; `addr2line -f -e
 * PROGRAM 0x1f` names the function. */
void server_describe(const server *of, const uint64_t *frames, char *text, size_t size);

#endif

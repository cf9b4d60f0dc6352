/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands that are programs of their own: `lobass NAME` starts lobass-NAME, which lies beside it.
 */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

/* A command's part of the command line, and all of it, for what is recorded. */
typedef struct cli_call
{
    int argc; /* of what follows the command's name */
    char **argv;
    int whole_argc;
    char **whole_argv;
} cli_call;

/* The main of lobass-NAME: --version, else RUN with the arguments; returns the exit code. */
int cli_program_run(const char *name, int (*run)(const cli_call *call), int argc, char **argv);
/* Becomes lobass-NAME with the arguments of CALL. Returns only where it cannot be started: the exit
 * code, after a message. */
int cli_program_start(const char *name, const cli_call *call);

#endif

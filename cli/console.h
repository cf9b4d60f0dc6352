/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal: messages to standard error, text from strangers made harmless, results to standard
 * output with the writes checked, the stop signal. Everything the command prints from a record, a
 * path or an error message goes through here, so that no control sequence in the data can reach a
 * terminal.
 */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"

/* What the command exits with; docs/CLI.md promises these. */
enum
{
    CLI_DONE = 0,
    CLI_FAILED = 1,
    CLI_WRONG_USAGE = 2,
    CLI_INTERRUPTED = 130
};

/* Prints DATA with everything unsafe made visible: \n as U+23CE, \t, \r, \xNN for other control
 * characters and for bytes that are not UTF-8, \u{NNNN} for the rest. */
void cli_print_visible(FILE *file, const char *data, size_t size_bytes);
void cli_print_text(FILE *file, const char *text);

/* "lobass: MESSAGE" on standard error. */
void cli_message(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for a failure of the library; returns the exit code. */
int cli_fail(const lobass_error *error);

/* Appends to TEXT [size], which is ended; "..." at its end says that not all of it fits. */
void cli_text_add(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* 1234567 as "1,234,567"; the buffer is returned. */
#define CLI_NUMBER_SIZE 32
const char *cli_number(char buffer[CLI_NUMBER_SIZE], uint64_t value);
/* 75.3 as "1:15", 3725 as "1:02:05". */
const char *cli_duration(char buffer[CLI_NUMBER_SIZE], double seconds);

/* A terminal that understands more than plain lines; colour also asks for NO_COLOR to be unset. */
bool cli_is_terminal(FILE *file);
bool cli_has_colour(FILE *file);
size_t cli_terminal_width(FILE *file);

/* A limit on file sizes makes writes fail with a message instead of killing the process. */
void cli_prepare_signals(void);
/* From here on the first SIGINT or SIGTERM asks for a clean stop; the second one kills. */
void cli_catch_signals(void);
bool cli_is_interrupted(void);

/* All of FILE, yours: free(). NULL when it cannot be read or held. */
char *cli_read_all(size_t *size_bytes, FILE *file);

/* LOBASS_OUT_OF_MEMORY, told in ERROR as the library tells its own failures. */
lobass_status cli_out_of_memory(lobass_error *error);

/* Flushes standard output; CODE if everything was written, else a message and CLI_FAILED. */
int cli_finish(int code);

#endif

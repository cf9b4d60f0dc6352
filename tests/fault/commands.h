/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands that faults are tried in, small ones: a model with random weights of two layers of
 * 32, ten records.
 */
#ifndef FAULT_COMMANDS_H
#define FAULT_COMMANDS_H

#define COMMAND_WORDS 26 /* with the program and the NULL at the end */

typedef enum command_kind
{
    COMMAND_MAIN,   /* prepare, measure, train, select, report */
    COMMAND_EXTRA,  /* others: a smaller sample */
    COMMAND_READER, /* the same; it makes no file */
    COMMAND_REFUSED /* the same; exit code 1 and nothing changed, whatever fails */
} command_kind;

typedef struct command
{
    const char *name;
    const char *after; /* the command whose folder it is given; NULL: an empty one */
    const char *words; /* with spaces between; $data is the folder of tests/cli/data */
    command_kind kind;
} command;

const command *command_find(const char *name);
/* Makes the model and the records in the current folder, and in case/ what the command needs. */
void command_set_up(const command *of, const char *lobass);
/* The command's program and words, NULL at the end. */
void command_words(const command *of, const char *lobass, const char *words[COMMAND_WORDS]);

#endif

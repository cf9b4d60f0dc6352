/* SPDX-License-Identifier: Apache-2.0
 *
 * The lobass command: finds the subcommand in a table and calls it. Everything it does is done by
 * the library behind lobass.h; the files here read options and print results.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "console.h"
#include "options.h"

typedef struct command
{
    const char *name;
    int (*run)(const cli_call *call); /* NULL: a program of its own, lobass-NAME */
    const char *about;
} command;

static const command commands[] = {
    {"run", cmd_run, "all steps in order; run again to resume"},
    {"prepare", cmd_prepare, "turn records into frozen rows of tokens"},
    {"measure", cmd_measure, "store per-token losses under a model"},
    {"evaluate", cmd_evaluate, "the loss of held-out data under a model, and its right answers"},
    {"train", cmd_train, "fine-tune a model on data or on the rows of a run"},
    {"select", cmd_select, "choose rows by a score"},
    {"scores", cmd_scores, "print all scores, one line a record"},
    {"compare", cmd_compare, "say how two rankings of the same records differ"},
    {"experiment", cmd_experiment, "fine-tune on different selections and compare them"},
    {"report", cmd_report, "write one HTML page about a run"},
    {"show", cmd_show, "show one row: its tokens, what is scored, its losses"},
    {"init", cmd_init, "make a model with random weights"},
    {"generate", cmd_generate, "print what a model writes from a prompt"},
    {"judge", NULL, "ask a third model which of two writes better"},
    {"tokens", cmd_tokens, "print the token ids of a text"},
    {"info", cmd_info, "say what a model, an adapter or a run is"},
    {"bench", NULL, "time scoring and training against this machine's own limit"},
};

#define N_COMMANDS (sizeof commands / sizeof commands[0])

static const char *command_name_at(const void *list, size_t index)
{
    return ((const command *)list)[index].name;
}

static const command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
    {
        if (strcmp(commands[i].name, name) == 0)
        {
            return &commands[i];
        }
    }
    return NULL;
}

static int run_command(const command *found, const cli_call *call)
{
    return found->run != NULL ? found->run(call) : cli_program_start(found->name, call);
}

static void print_overview(FILE *file)
{
    fputs("Usage: lobass COMMAND [OPTION]... ARGUMENT...\n\n"
          "Which rows of a fine-tuning set should this model be trained on?\n\nCommands:\n",
          file);
    for (size_t i = 0; i < N_COMMANDS; i++)
    {
        fprintf(file, "  %-10s %s\n", commands[i].name, commands[i].about);
    }
    fputs("\n  lobass run MODEL DATA... -o RUN -k 6%   is the whole method\n"
          "  lobass COMMAND --help                   explains a command\n"
          "  lobass --version                        prints the version\n",
          file);
}

static int refuse_command(const char *name)
{
    const char *nearest = cli_nearest(name, command_name_at, commands, N_COMMANDS);

    if (nearest != NULL)
    {
        cli_message("unknown command '%s', did you mean '%s'?; see 'lobass --help'", name, nearest);
    }
    else
    {
        cli_message("unknown command '%s'; see 'lobass --help'", name);
    }
    return CLI_WRONG_USAGE;
}

static int help(int argc, char **argv)
{
    static char page[] = "--help";
    static char *page_argv[] = {page, NULL};

    if (argc == 0)
    {
        print_overview(stdout);
        return cli_finish(CLI_DONE);
    }
    const command *found = find_command(argv[0]);
    if (found == NULL)
    {
        return refuse_command(argv[0]);
    }
    cli_call call = {.argc = 1, .argv = page_argv, .whole_argc = 1, .whole_argv = page_argv};
    return run_command(found, &call);
}

int main(int argc, char **argv)
{
    cli_prepare_signals();
    if (argc < 2)
    {
        print_overview(stderr);
        return CLI_WRONG_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
    {
        return help(argc - 2, argv + 2);
    }
    if (strcmp(argv[1], "--version") == 0)
    {
        printf("lobass %s\n", lobass_version());
        return cli_finish(CLI_DONE);
    }
    if (argv[1][0] == '-')
    {
        cli_message("unknown option %s; see 'lobass --help'", argv[1]);
        return CLI_WRONG_USAGE;
    }
    const command *found = find_command(argv[1]);
    if (found == NULL)
    {
        return refuse_command(argv[1]);
    }
    cli_call call = {.argc = argc - 2, .argv = argv + 2, .whole_argc = argc, .whole_argv = argv};
    return run_command(found, &call);
}

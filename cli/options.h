/* SPDX-License-Identifier: Apache-2.0
 *
 * The one table of options that every command is made of. A row names the option, its type, the
 * place its value goes to and a line of help; parsing, checking, the help page with its defaults
 * and the error messages all follow from the row. Defaults are whatever the target holds when the
 * row is added, which is what lobass_*_options_default() put there.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "console.h"
#include "format/format.h"

typedef enum cli_type
{
    CLI_FLAG,   /* bool */
    CLI_TEXT,   /* const char * */
    CLI_LINE,   /* char[MOST], that CHECK has nothing against */
    CLI_TEXTS,  /* cli_texts; may be given several times */
    CLI_LIST,   /* const char **, COUNT of them; may be given several times */
    CLI_NAME,   /* const char *, one of those that NAME_AT gives */
    CLI_UINT32, /* uint32_t, LEAST to MOST */
    CLI_UINT64, /* uint64_t, LEAST to MOST */
    CLI_REAL,   /* double, LOWEST to HIGHEST */
    CLI_CHOICE, /* an enumeration of the library, by the names in CHOICES */
    CLI_AMOUNT, /* lobass_amount */
    CLI_AMOUNTS /* cli_amounts, commas between */
} cli_type;

typedef struct cli_choice
{
    const char *name; /* NULL ends the list */
    unsigned value;
} cli_choice;

#define CLI_TEXTS_MOST 64

typedef struct cli_texts
{
    const char *values[CLI_TEXTS_MOST];
    size_t count;
} cli_texts;

#define CLI_AMOUNTS_MOST 32
#define CLI_AMOUNT_SIZE 32

/* Amounts, and how each was written. */
typedef struct cli_amounts
{
    lobass_amount values[CLI_AMOUNTS_MOST];
    char texts[CLI_AMOUNTS_MOST][CLI_AMOUNT_SIZE];
    size_t count;
} cli_amounts;

typedef struct cli_option
{
    const char *name; /* long form, without the dashes */
    char letter;      /* short form; '\0': none */
    cli_type type;
    void *target;
    size_t *count;        /* of a list */
    const char *value;    /* how the help calls the value; NULL: it shows the names of a choice */
    const char *help;     /* a phrase, without the default */
    const char *fallback; /* the default in words, where the target's own value says nothing */
    uint64_t least, most;
    double lowest, highest;
    const cli_choice *choices;
    const char *(*name_at)(size_t index); /* NULL after the last */
    lobass_status (*check)(const char *text, lobass_error *error);
    bool is_required;
    bool is_idle;  /* accepted and listed apart: it changes nothing in this command */
    bool is_given; /* set by the parser */
} cli_option;

typedef struct cli_parser
{
    const char *name;      /* of the command */
    const char *usage;     /* what follows the name; further lines after a newline */
    const char *about;     /* a paragraph or two for the help */
    const char *arguments; /* what the positional arguments are called in messages */
    size_t n_least, n_most;
    cli_option *options; /* [n_options] */
    size_t n_options, capacity;
    const char **values; /* [n_values], the positional arguments; borrows argv */
    size_t n_values;
    lb_data_files files; /* what cli_data_take() found in folders */
    /* Entries of the help behind the options: NAME, and a paragraph for it; false behind the last.
     * NULL: none. */
    bool (*entry_at)(size_t index, const char **name, const char **text);
    const char *entries; /* what they are called */
} cli_parser;

/* What all commands take: --json -q -v -f --threads --dtype --seed. */
typedef struct cli_common
{
    bool is_json, is_quiet, is_verbose, is_overwriting;
    uint32_t n_threads;
    lobass_dtype dtype;
    uint64_t seed;
} cli_common;

/* Which of the common options have an effect in a command, as bits. */
enum
{
    CLI_USES_OVERWRITE = 1,
    CLI_USES_THREADS = 2,
    CLI_USES_DTYPE = 4,
    CLI_USES_SEED = 8,
    CLI_USES_PROGRESS = 16
};

/* Ends the process with a message where there is no memory for it. */
void cli_option_add(cli_parser *parser, cli_option option);
void cli_options_add_common(cli_parser *parser, cli_common *common, unsigned uses);
void cli_options_add_format(cli_parser *parser, lobass_format_options *format);
/* Which fields of records are read as what, in a text of LOBASS_FIELDS_SIZE bytes. */
void cli_option_add_fields(cli_parser *parser, char *fields);
/* What counts in the loss where it need not be the responses alone. */
void cli_option_add_scored(cli_parser *parser, lobass_format_options *format);
void cli_options_add_training(cli_parser *parser, lobass_train_options *train);
/* After parsing: checks the options of adapters, which say nothing without --lora-rank, and fills
 * in what was left open. -1: go on. */
int cli_training_check(const cli_parser *parser, lobass_train_options *train);

/* What is told of a selection: SPEC is filled in, but for amounts where several may be told. */
typedef struct cli_selection
{
    lobass_selection_spec *spec;
    cli_amounts *amounts; /* NULL: one amount, that of SPEC */
    cli_texts sources;    /* NAME:AMOUNT */
    const char *file;     /* that SPEC is read from instead; NULL: none */
    bool is_lowest;
} cli_selection;

/* The first to be added: with --spec none of them may be given. */
void cli_options_add_selection(cli_parser *parser, cli_selection *selection);
/* After parsing: --lowest against --direction, which LOSS and PPL must be told; the sources go into
 * SPEC, and without -k there is no amount for the others; or all of it comes from FILE. -1: go on.
 * In any case the caller clears SPEC. */
int cli_selection_check(const cli_parser *parser, const cli_selection *selection);
void cli_options_add_comparison(cli_parser *parser, lobass_compare_options *compare);
/* After parsing: what was not told of the second ranking is that of the first; loss and ppl have no
 * direction of their own. -1: go on. */
int cli_comparison_check(const cli_parser *parser, lobass_compare_options *compare);
/* LOSS and PPL have no direction of their own: wrong usage without the OPTION. -1: it is fine. */
int cli_direction_check(const cli_parser *parser, lobass_score by, lobass_direction direction,
                        const char *option);

/* Reads ARGV (what follows the command's name). -1: go on; else the exit code: help was printed or
 * the usage was wrong. */
int cli_parse(cli_parser *parser, int argc, char **argv);
/* The positional arguments behind the first are data: folders among them become the files in them.
 * -1: go on. */
int cli_data_take(cli_parser *parser);
void cli_parser_free(cli_parser *parser);
bool cli_option_is_given(const cli_parser *parser, const char *name);
/* The names that a CLI_CHOICE or CLI_NAME takes; NULL after the last. */
const char *cli_option_name_at(const cli_option *option, size_t index);
/* Prints one line and the way to the help; returns CLI_WRONG_USAGE. */
int cli_wrong_usage(const cli_parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "800", "6%", "50000tok": as lobass_amount_parse() reads it. */
void cli_amount_text(char *text, size_t size, const lobass_amount *amount);
/* The help page on standard output (options_help.c). */
void cli_help_print(const cli_parser *parser);
/* The nearest of N names, or NULL where none is near; NAME_AT hands out the i-th. */
const char *cli_nearest(const char *wanted, const char *(*name_at)(const void *list, size_t index),
                        const void *list, size_t n_names);

#endif

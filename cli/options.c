/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsing by the table of options: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, flags together
 * (-qf), `--` for the end of options. Values are checked against the type and range of the row.
 */
#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(lobass_dtype) == sizeof(unsigned) && sizeof(lobass_score) == sizeof(unsigned),
               "the enumerations of the library are stored as unsigned");

void cli_option_add(cli_parser *parser, cli_option option)
{
    if (parser->n_options == parser->capacity)
    {
        parser->capacity = 2 * parser->capacity + 16;
        cli_option *grown = realloc(parser->options, parser->capacity * sizeof *parser->options);
        if (grown == NULL)
        {
            free(parser->options);
            cli_message("out of memory");
            exit(CLI_FAILED);
        }
        parser->options = grown;
    }
    parser->options[parser->n_options++] = option;
}

static bool is_hint_needed(const cli_parser *parser)
{
    return parser->name != NULL;
}

int cli_wrong_usage(const cli_parser *parser, const char *format, ...)
{
    char line[LOBASS_ERROR_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    cli_message("%s; see 'lobass %s%s--help'", line, is_hint_needed(parser) ? parser->name : "",
                is_hint_needed(parser) ? " " : "");
    return CLI_WRONG_USAGE;
}

bool cli_option_is_given(const cli_parser *parser, const char *name)
{
    for (size_t i = 0; i < parser->n_options; i++)
    {
        if (strcmp(parser->options[i].name, name) == 0)
        {
            return parser->options[i].is_given;
        }
    }
    return false;
}

/* ---- values --------------------------------------------------------------------------------- */

static bool read_integer(uint64_t *value, const char *text, const cli_option *option)
{
    char *end = NULL;

    if (text[0] < '0' || text[0] > '9')
    {
        return false;
    }
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || number < option->least || number > option->most)
    {
        return false;
    }
    *value = number;
    return true;
}

static bool read_real(double *value, const char *text, const cli_option *option)
{
    char *end = NULL;

    if (strspn(text, "0123456789.eE+-") != strlen(text))
    {
        return false; /* neither hexadecimal nor words */
    }
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(number) || number < option->lowest ||
        number > option->highest)
    {
        return false;
    }
    *value = number;
    return true;
}

const char *cli_option_name_at(const cli_option *option, size_t index)
{
    return option->type == CLI_NAME ? option->name_at(index) : option->choices[index].name;
}

static int refuse_choice(const cli_parser *parser, const cli_option *option, const char *text)
{
    char names[256] = "";
    const char *name = NULL;

    for (size_t i = 0; (name = cli_option_name_at(option, i)) != NULL; i++)
    {
        cli_text_add(names, sizeof names, "%s%s", i == 0 ? "" : ", ", name);
    }
    return cli_wrong_usage(parser, "option --%s: expected one of %s, found '%s'", option->name,
                           names, text);
}

static int store_choice(const cli_parser *parser, const cli_option *option, const char *text)
{
    for (const cli_choice *choice = option->choices; choice->name != NULL; choice++)
    {
        if (strcmp(choice->name, text) == 0)
        {
            memcpy(option->target, &choice->value, sizeof choice->value);
            return -1;
        }
    }
    return refuse_choice(parser, option, text);
}

static int store_name(const cli_parser *parser, const cli_option *option, const char *text)
{
    const char *name = NULL;

    for (size_t i = 0; (name = option->name_at(i)) != NULL; i++)
    {
        if (strcmp(name, text) == 0)
        {
            *(const char **)option->target = text;
            return -1;
        }
    }
    return refuse_choice(parser, option, text);
}

static int store_integer(const cli_parser *parser, const cli_option *option, const char *text)
{
    uint64_t value = 0;

    if (!read_integer(&value, text, option))
    {
        return cli_wrong_usage(
            parser, "option --%s: expected an integer from %llu to %llu, found '%s'", option->name,
            (unsigned long long)option->least, (unsigned long long)option->most, text);
    }
    if (option->type == CLI_UINT32)
    {
        *(uint32_t *)option->target = (uint32_t)value;
    }
    else
    {
        *(uint64_t *)option->target = value;
    }
    return -1;
}

static int store_real(const cli_parser *parser, const cli_option *option, const char *text)
{
    if (!read_real(option->target, text, option))
    {
        return cli_wrong_usage(parser, "option --%s: expected a number from %g to %g, found '%s'",
                               option->name, option->lowest, option->highest, text);
    }
    return -1;
}

static int store_amount(const cli_parser *parser, const cli_option *option, const char *text)
{
    lobass_error error = {0};

    if (lobass_amount_parse(text, option->target, &error) != LOBASS_OK)
    {
        return cli_wrong_usage(parser, "option --%s: %s", option->name, error.message);
    }
    return -1;
}

static int store_amounts(const cli_parser *parser, const cli_option *option, const char *text)
{
    cli_amounts *amounts = option->target;
    const char *rest = text;

    amounts->count = 0;
    do
    {
        const size_t size = strcspn(rest, ",");
        if (amounts->count == CLI_AMOUNTS_MOST || size >= CLI_AMOUNT_SIZE)
        {
            return cli_wrong_usage(parser,
                                   "option --%s: expected at most %d amounts of fewer than %d "
                                   "characters, found '%s'",
                                   option->name, CLI_AMOUNTS_MOST, CLI_AMOUNT_SIZE, text);
        }
        char *one = amounts->texts[amounts->count];
        snprintf(one, CLI_AMOUNT_SIZE, "%.*s", (int)size, rest);
        lobass_error error = {0};
        if (lobass_amount_parse(one, &amounts->values[amounts->count++], &error) != LOBASS_OK)
        {
            return cli_wrong_usage(parser, "option --%s: %s", option->name, error.message);
        }
        rest += size;
    } while (*rest++ == ',');
    return -1;
}

static int store_text(const cli_parser *parser, const cli_option *option, const char *text)
{
    if (text[0] == '\0')
    {
        return cli_wrong_usage(parser, "option --%s: the value is empty", option->name);
    }
    *(const char **)option->target = text;
    return -1;
}

static int store_line(const cli_parser *parser, const cli_option *option, const char *text)
{
    lobass_error error = {0};

    if (text[0] == '\0')
    {
        return cli_wrong_usage(parser, "option --%s: the value is empty", option->name);
    }
    if (strlen(text) >= option->most)
    {
        return cli_wrong_usage(parser, "option --%s: expected fewer than %llu bytes", option->name,
                               (unsigned long long)option->most);
    }
    if (option->check(text, &error) != LOBASS_OK)
    {
        return cli_wrong_usage(parser, "option --%s: %s", option->name, error.message);
    }
    memcpy(option->target, text, strlen(text) + 1);
    return -1;
}

static int store_one_of_texts(const cli_parser *parser, const cli_option *option, const char *text)
{
    cli_texts *texts = option->target;

    if (text[0] == '\0')
    {
        return cli_wrong_usage(parser, "option --%s: the value is empty", option->name);
    }
    if (texts->count == CLI_TEXTS_MOST)
    {
        return cli_wrong_usage(parser, "option --%s: given more than %d times", option->name,
                               CLI_TEXTS_MOST);
    }
    texts->values[texts->count++] = text;
    return -1;
}

/* The list lives as long as the parser. */
static int store_in_list(const cli_parser *parser, const cli_option *option, const char *text)
{
    const char ***list = option->target;

    (void)parser;
    const char **grown = realloc(*list, (*option->count + 1) * sizeof *grown);
    if (grown == NULL)
    {
        cli_message("out of memory");
        exit(CLI_FAILED);
    }
    grown[(*option->count)++] = text;
    *list = grown;
    return -1;
}

static int store_value(const cli_parser *parser, cli_option *option, const char *text)
{
    static int (*const stores[])(const cli_parser *, const cli_option *, const char *) = {
        [CLI_TEXT] = store_text,          [CLI_NAME] = store_name,
        [CLI_UINT32] = store_integer,     [CLI_UINT64] = store_integer,
        [CLI_REAL] = store_real,          [CLI_CHOICE] = store_choice,
        [CLI_AMOUNT] = store_amount,      [CLI_AMOUNTS] = store_amounts,
        [CLI_TEXTS] = store_one_of_texts, [CLI_LINE] = store_line,
        [CLI_LIST] = store_in_list,
    };

    option->is_given = true;
    return stores[option->type](parser, option, text);
}

static void set_flag(cli_option *option)
{
    option->is_given = true;
    *(bool *)option->target = true;
}

/* ---- words ---------------------------------------------------------------------------------- */

/* Where the parser stands among the arguments. */
typedef struct reader
{
    cli_parser *parser;
    char **argv;
    size_t argc, next;
} reader;

static const char *option_name_at(const void *list, size_t index)
{
    return ((const cli_option *)list)[index].name;
}

static int refuse_option(const cli_parser *parser, const char *name, size_t length)
{
    char wanted[64];

    snprintf(wanted, sizeof wanted, "%.*s", (int)(length < 60 ? length : 60), name);
    const char *nearest = cli_nearest(wanted, option_name_at, parser->options, parser->n_options);
    if (nearest != NULL)
    {
        return cli_wrong_usage(parser, "unknown option --%s, did you mean --%s?", wanted, nearest);
    }
    return cli_wrong_usage(parser, "unknown option --%s", wanted);
}

static int take_value(reader *words, cli_option *option)
{
    if (words->next >= words->argc)
    {
        return cli_wrong_usage(words->parser, "option --%s needs a value", option->name);
    }
    const char *text = words->argv[words->next];
    if ((option->type == CLI_TEXT || option->type == CLI_TEXTS) && text[0] == '-' &&
        text[1] != '\0')
    {
        return cli_wrong_usage(words->parser,
                               "option --%s needs a value, found the option '%s'; a name that "
                               "begins so is given as ./%s",
                               option->name, text, text);
    }
    return store_value(words->parser, option, words->argv[words->next++]);
}

static int parse_long(reader *words, const char *word)
{
    cli_parser *parser = words->parser;
    size_t length = strcspn(word, "=");
    const char *value = word[length] == '=' ? word + length + 1 : NULL;

    for (size_t i = 0; i < parser->n_options; i++)
    {
        cli_option *option = &parser->options[i];
        if (strlen(option->name) != length || strncmp(option->name, word, length) != 0)
        {
            continue;
        }
        if (option->type != CLI_FLAG)
        {
            return value != NULL ? store_value(parser, option, value) : take_value(words, option);
        }
        if (value != NULL)
        {
            return cli_wrong_usage(parser, "option --%s takes no value", option->name);
        }
        set_flag(option);
        return -1;
    }
    return refuse_option(parser, word, length);
}

static cli_option *find_letter(cli_parser *parser, char letter)
{
    for (size_t i = 0; i < parser->n_options; i++)
    {
        if (parser->options[i].letter == letter)
        {
            return &parser->options[i];
        }
    }
    return NULL;
}

static int parse_short(reader *words, const char *letters)
{
    for (; *letters != '\0'; letters++)
    {
        cli_option *option = find_letter(words->parser, *letters);
        if (option == NULL)
        {
            return cli_wrong_usage(words->parser, "unknown option -%c", *letters);
        }
        if (option->type != CLI_FLAG)
        {
            return letters[1] != '\0' ? store_value(words->parser, option, letters + 1)
                                      : take_value(words, option);
        }
        set_flag(option);
    }
    return -1;
}

static int check_complete(const cli_parser *parser)
{
    if (parser->n_values < parser->n_least)
    {
        return cli_wrong_usage(parser, "%s needs %s", parser->name, parser->arguments);
    }
    if (parser->n_values > parser->n_most)
    {
        return cli_wrong_usage(parser, "%s: unexpected argument '%s'", parser->name,
                               parser->values[parser->n_most]);
    }
    for (size_t i = 0; i < parser->n_options; i++)
    {
        const cli_option *option = &parser->options[i];
        if (option->is_required && !option->is_given)
        {
            return option->letter != '\0'
                       ? cli_wrong_usage(parser, "%s needs -%c %s", parser->name, option->letter,
                                         option->value)
                       : cli_wrong_usage(parser, "%s needs --%s %s", parser->name, option->name,
                                         option->value);
        }
    }
    return -1;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int cli_parse(cli_parser *parser, int argc, char **argv)
{
    reader words = {parser, argv, argc > 0 ? (size_t)argc : 0, 0};
    bool is_ended = false;

    parser->values = calloc(words.argc + 1, sizeof *parser->values);
    if (parser->values == NULL)
    {
        cli_message("out of memory");
        return CLI_FAILED;
    }
    while (words.next < words.argc)
    {
        const char *word = argv[words.next++];
        int code = -1;
        if (is_ended || word[0] != '-' || word[1] == '\0')
        {
            parser->values[parser->n_values++] = word;
        }
        else if (is_help(word))
        {
            cli_help_print(parser);
            return cli_finish(CLI_DONE);
        }
        else if (strcmp(word, "--") == 0)
        {
            is_ended = true;
        }
        else
        {
            code = word[1] == '-' ? parse_long(&words, word + 2) : parse_short(&words, word + 1);
        }
        if (code >= 0)
        {
            return code;
        }
    }
    return check_complete(parser);
}

int cli_data_take(cli_parser *parser)
{
    lobass_error error = {0};

    if (lb_data_files_find(&parser->files, parser->values + 1, parser->n_values - 1, &error) !=
        LOBASS_OK)
    {
        return cli_fail(&error);
    }
    const char **values = calloc(parser->files.count + 2, sizeof *values);
    if (values == NULL)
    {
        cli_message("out of memory");
        return CLI_FAILED;
    }
    values[0] = parser->values[0];
    for (size_t i = 0; i < parser->files.count; i++)
    {
        values[i + 1] = parser->files.paths[i];
    }
    free(parser->values);
    parser->values = values;
    parser->n_values = parser->files.count + 1;
    return -1;
}

void cli_parser_free(cli_parser *parser)
{
    for (size_t i = 0; i < parser->n_options; i++)
    {
        if (parser->options[i].type == CLI_LIST)
        {
            free(*(void **)parser->options[i].target);
        }
    }
    free(parser->values);
    free(parser->options);
    lb_data_files_free(&parser->files);
    parser->values = NULL;
    parser->options = NULL;
}

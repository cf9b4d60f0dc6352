/* SPDX-License-Identifier: Apache-2.0
 *
 * The help page of a command, made from its table of options: usage, a paragraph, and one entry an
 * option with its default, wrapped at 80 columns. Also the nearest name to a misspelt one.
 */
#include "options.h"

#include <inttypes.h>
#include <string.h>

#define PAGE_WIDTH 80
#define HELP_COLUMN 28
#define ENTRY_SIZE 512
#define NAME_MOST 64

/* ---- defaults ------------------------------------------------------------------------------- */

void cli_amount_text(char *text, size_t size, const lobass_amount *amount)
{
    switch (amount->kind)
    {
    case LOBASS_AMOUNT_FRACTION:
        snprintf(text, size, "%.10g%%", amount->value * 100);
        break;
    case LOBASS_AMOUNT_TOKENS:
        snprintf(text, size, "%.0ftok", amount->value);
        break;
    case LOBASS_AMOUNT_COUNT:
        snprintf(text, size, "%.0f", amount->value);
        break;
    case LOBASS_AMOUNT_ALL:
        snprintf(text, size, "all");
        break;
    case LOBASS_AMOUNT_NONE:
        snprintf(text, size, "none");
        break;
    }
}

static void describe_choice(char *text, size_t size, const cli_option *option)
{
    unsigned value = 0;

    memcpy(&value, option->target, sizeof value);
    for (const cli_choice *choice = option->choices; choice->name != NULL; choice++)
    {
        if (choice->value == value)
        {
            snprintf(text, size, "%s", choice->name);
        }
    }
}

/* The target's value in words; empty where there is none. */
static void describe_default(char *text, size_t size, const cli_option *option)
{
    text[0] = '\0';
    if (option->fallback != NULL || option->is_required)
    {
        snprintf(text, size, "%s", option->is_required ? "" : option->fallback);
        return;
    }
    switch (option->type)
    {
    case CLI_TEXT:
    case CLI_NAME:
        if (*(const char **)option->target != NULL)
        {
            snprintf(text, size, "%s", *(const char **)option->target);
        }
        break;
    case CLI_LINE:
    case CLI_TEXTS:
    case CLI_LIST:
    case CLI_AMOUNTS:
        break; /* none by itself */
    case CLI_UINT32:
        snprintf(text, size, "%" PRIu32, *(const uint32_t *)option->target);
        break;
    case CLI_UINT64:
        snprintf(text, size, "%" PRIu64, *(const uint64_t *)option->target);
        break;
    case CLI_REAL:
        snprintf(text, size, "%g", *(const double *)option->target);
        break;
    case CLI_CHOICE:
        describe_choice(text, size, option);
        break;
    case CLI_AMOUNT:
        cli_amount_text(text, size, option->target);
        break;
    case CLI_FLAG:
        break;
    }
}

/* ---- the page ------------------------------------------------------------------------------- */

static bool is_choice(const cli_option *option)
{
    return option->type == CLI_CHOICE || (option->type == CLI_NAME && option->value == NULL);
}

static size_t print_left(const cli_option *option)
{
    int width = option->letter != '\0' ? printf("  -%c, --%s", option->letter, option->name)
                                       : printf("      --%s", option->name);

    const char *name = NULL;
    const int indent = width + 1;
    for (size_t i = 0; is_choice(option) && (name = cli_option_name_at(option, i)) != NULL; i++)
    {
        if (i > 0 && width + 1 + (int)strlen(name) > PAGE_WIDTH)
        {
            printf("\n%*s", indent - 1, "");
            width = indent - 1;
        }
        width += printf("%s%s", i == 0 ? " " : "|", name);
    }
    if (option->type != CLI_FLAG && !is_choice(option))
    {
        width += printf(" %s", option->value);
    }
    return width < 0 ? 0 : (size_t)width;
}

/* Words of TEXT between INDENT and PAGE_WIDTH, from COLUMN on. */
static void print_wrapped(const char *text, size_t column, size_t indent)
{
    bool is_first = true;

    if (column + 2 > indent)
    {
        putchar('\n');
        column = 0;
    }
    printf("%*s", (int)(indent - column), "");
    column = indent;
    while (*text != '\0')
    {
        size_t length = strcspn(text, " ");
        if (!is_first && column + 1 + length > PAGE_WIDTH)
        {
            printf("\n%*s", (int)indent, "");
            column = indent;
            is_first = true;
        }
        column += (size_t)printf("%s%.*s", is_first ? "" : " ", (int)length, text);
        is_first = false;
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_option(const cli_option *option)
{
    char value[ENTRY_SIZE / 2];
    char entry[ENTRY_SIZE] = "";
    size_t column = print_left(option);

    describe_default(value, sizeof value, option);
    cli_text_add(entry, sizeof entry, "%s", option->help);
    if (option->is_required)
    {
        cli_text_add(entry, sizeof entry, " (required)");
    }
    else if (value[0] != '\0')
    {
        cli_text_add(entry, sizeof entry, " (default: %s)", value);
    }
    print_wrapped(entry, column, HELP_COLUMN);
}

static void print_idle(const cli_parser *parser)
{
    char entry[ENTRY_SIZE] = "Taken as by every command, without effect here:";
    bool is_any = false;

    for (size_t i = 0; i < parser->n_options; i++)
    {
        if (parser->options[i].is_idle)
        {
            cli_text_add(entry, sizeof entry, "%s --%s", is_any ? "," : "",
                         parser->options[i].name);
            is_any = true;
        }
    }
    if (is_any)
    {
        putchar('\n');
        print_wrapped(entry, 0, 2);
    }
}

static void print_entries(const cli_parser *parser)
{
    const char *name = NULL;
    const char *text = NULL;

    if (parser->entry_at != NULL)
    {
        printf("\n%s:\n", parser->entries);
    }
    for (size_t i = 0; parser->entry_at != NULL && parser->entry_at(i, &name, &text); i++)
    {
        print_wrapped(text, (size_t)printf("  %s", name), HELP_COLUMN);
    }
}

static void print_usage(const cli_parser *parser)
{
    const char *line = parser->usage;
    const char *label = "Usage:";

    while (line != NULL)
    {
        size_t length = strcspn(line, "\n");
        printf("%-6s lobass %s %.*s\n", label, parser->name, (int)length, line);
        line = line[length] == '\n' ? line + length + 1 : NULL;
        label = "";
    }
}

void cli_help_print(const cli_parser *parser)
{
    print_usage(parser);
    printf("\n%s\n\nOptions:\n", parser->about);
    for (size_t i = 0; i < parser->n_options; i++)
    {
        if (!parser->options[i].is_idle)
        {
            print_option(&parser->options[i]);
        }
    }
    print_wrapped("this page", (size_t)printf("  -h, --help"), HELP_COLUMN);
    print_idle(parser);
    print_entries(parser);
}

/* ---- nearest name --------------------------------------------------------------------------- */

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Levenshtein's distance, one row at a time. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NAME_MOST + 1];
    size_t n_a = strlen(a);
    size_t n_b = strlen(b);

    if (n_a > NAME_MOST || n_b > NAME_MOST)
    {
        return NAME_MOST;
    }
    for (size_t j = 0; j <= n_b; j++)
    {
        row[j] = j;
    }
    for (size_t i = 1; i <= n_a; i++)
    {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++)
        {
            size_t above = row[j];
            size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + change);
            diagonal = above;
        }
    }
    return row[n_b];
}

const char *cli_nearest(const char *wanted, const char *(*name_at)(const void *list, size_t index),
                        const void *list, size_t n_names)
{
    const char *nearest = NULL;
    size_t n_wanted = strlen(wanted);
    size_t least = (n_wanted + 1) / 3 + 1; /* from here on a suggestion would be a guess */

    for (size_t i = 0; i < n_names; i++)
    {
        const char *name = name_at(list, i);
        bool is_beginning = n_wanted >= 3 && strncmp(name, wanted, n_wanted) == 0;
        size_t distance = is_beginning ? 1 : edit_distance(wanted, name);
        if (distance < least)
        {
            least = distance;
            nearest = name;
        }
    }
    return nearest;
}

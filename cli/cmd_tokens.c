/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass tokens MODEL|tokenizer.json [TEXT|-]: the token ids of a text, no special tokens added.
 * With --jsonl lines of {"text": ...} become lines of {"ids": [...]}.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "command.h"
#include "result.h"

/* ---- one text ------------------------------------------------------------------------------- */

static const char *piece_of(const lobass_tokenizer *tokenizer, int32_t id)
{
    const char *piece = lobass_tokenizer_piece(tokenizer, id);

    return piece != NULL ? piece : "";
}

static int print_columns(const lobass_tokenizer *tokenizer, const int32_t *ids, size_t n_ids)
{
    lobass_error error = {0};

    for (size_t i = 0; i < n_ids; i++)
    {
        char *text = NULL;
        size_t size = 0;
        if (lobass_tokenizer_piece_text(&text, &size, tokenizer, ids[i], &error) != LOBASS_OK)
        {
            return cli_fail(&error);
        }
        printf("%8d  \"", (int)ids[i]);
        cli_print_visible(stdout, text, size);
        fputs("\"\n", stdout);
        free(text);
    }
    return cli_finish(CLI_DONE);
}

static int print_json(const lobass_tokenizer *tokenizer, const int32_t *ids, size_t n_ids)
{
    lb_json_writer json = cli_json_begin();
    lobass_error error = {0};

    lb_json_open(&json, NULL, '{');
    lb_json_put_count(&json, "n_tokens", n_ids);
    lb_json_open(&json, "ids", '[');
    for (size_t i = 0; i < n_ids; i++)
    {
        lb_json_put_integer(&json, NULL, ids[i]);
    }
    lb_json_close(&json);
    lb_json_open(&json, "tokens", '[');
    for (size_t i = 0; i < n_ids; i++)
    {
        char *text = NULL;
        size_t size = 0;
        if (lobass_tokenizer_piece_text(&text, &size, tokenizer, ids[i], &error) != LOBASS_OK)
        {
            return cli_fail(&error);
        }
        lb_json_open(&json, NULL, '{');
        lb_json_put_integer(&json, "id", ids[i]);
        lb_json_put_text(&json, "piece", piece_of(tokenizer, ids[i]));
        lb_json_put_bytes(&json, "text", text, size);
        lb_json_close(&json);
        free(text);
    }
    lb_json_close(&json);
    cli_json_print(&json);
    return cli_finish(CLI_DONE);
}

static int print_text(const lobass_tokenizer *tokenizer, const char *text, size_t size_bytes,
                      bool is_json)
{
    int32_t *ids = NULL;
    size_t n_ids = 0;
    lobass_error error = {0};

    if (lobass_tokenizer_encode(&ids, &n_ids, tokenizer, text, size_bytes, &error) != LOBASS_OK)
    {
        return cli_fail(&error);
    }
    int code = is_json ? print_json(tokenizer, ids, n_ids) : print_columns(tokenizer, ids, n_ids);
    free(ids);
    return code;
}

static int print_standard_input(const lobass_tokenizer *tokenizer, bool is_json)
{
    size_t size = 0;
    char *text = cli_read_all(&size, stdin);

    if (text == NULL)
    {
        cli_message("standard input: %s", strerror(errno));
        return CLI_FAILED;
    }
    int code = print_text(tokenizer, text, size, is_json);
    free(text);
    return code;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static int print_line_ids(const lobass_tokenizer *tokenizer, const json_t *text, const char *name,
                          size_t number)
{
    int32_t *ids = NULL;
    size_t n_ids = 0;
    lobass_error error = {0};
    lb_json_writer json = cli_json_begin();

    if (lobass_tokenizer_encode(&ids, &n_ids, tokenizer, json_string_value(text),
                                json_string_length(text), &error) != LOBASS_OK)
    {
        cli_message("%s:%zu: %s", name, number, error.message);
        return CLI_FAILED;
    }
    lb_json_open(&json, NULL, '{');
    lb_json_open(&json, "ids", '[');
    for (size_t i = 0; i < n_ids; i++)
    {
        lb_json_put_integer(&json, NULL, ids[i]);
    }
    lb_json_close(&json);
    cli_json_print(&json);
    free(ids);
    return -1;
}

/* -1: go on. */
static int print_line(const lobass_tokenizer *tokenizer, const char *line, size_t size_bytes,
                      const char *name, size_t number)
{
    json_error_t reason;
    errno = 0;
    json_t *record = json_loadb(line, size_bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &reason);
    int code = CLI_FAILED;

    if (errno == ENOMEM) /* whatever jansson made of it */
    {
        cli_message("%s:%zu: out of memory", name, number);
        json_decref(record);
        return code;
    }
    if (record == NULL)
    {
        cli_message("%s:%zu: column %d: %s", name, number, reason.column, reason.text);
        return code;
    }
    const json_t *text = json_object_get(record, "text");
    if (json_is_string(text))
    {
        code = print_line_ids(tokenizer, text, name, number);
    }
    else
    {
        cli_message("%s:%zu: field \"text\": expected a string, found %s", name, number,
                    text == NULL ? "no such field" : "another type");
    }
    json_decref(record);
    return code;
}

static bool is_blank(const char *line, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
    {
        if (strchr(" \t\r\n", line[i]) == NULL)
        {
            return false;
        }
    }
    return true;
}

static int print_lines(const lobass_tokenizer *tokenizer, FILE *file, const char *name)
{
    char *line = NULL;
    size_t capacity = 0;
    int code = -1;

    for (size_t number = 1; code < 0; number++)
    {
        ssize_t length = getline(&line, &capacity, file);
        if (length < 0)
        {
            break;
        }
        if (!is_blank(line, (size_t)length))
        {
            code = print_line(tokenizer, line, (size_t)length, name, number);
        }
    }
    if (code < 0 && ferror(file) != 0)
    {
        cli_message("%s: %s", name, strerror(errno));
        code = CLI_FAILED;
    }
    free(line);
    return cli_finish(code < 0 ? CLI_DONE : code);
}

static int print_file(const lobass_tokenizer *tokenizer, const char *path)
{
    if (strcmp(path, "-") == 0)
    {
        return print_lines(tokenizer, stdin, "standard input");
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL)
    {
        cli_message("%s: %s", path, strerror(errno));
        return CLI_FAILED;
    }
    int code = print_lines(tokenizer, file, path);
    fclose(file);
    return code;
}

/* ---- the command ---------------------------------------------------------------------------- */

static int print_tokens(const cli_parser *parser, bool is_jsonl, bool is_json)
{
    lobass_tokenizer *tokenizer = NULL;
    lobass_error error = {0};
    const char *text = parser->n_values > 1 ? parser->values[1] : "-";
    int code = CLI_DONE;

    if (lobass_tokenizer_load(&tokenizer, parser->values[0], &error) != LOBASS_OK)
    {
        return cli_fail(&error);
    }
    if (is_jsonl)
    {
        code = print_file(tokenizer, text);
    }
    else if (strcmp(text, "-") == 0)
    {
        code = print_standard_input(tokenizer, is_json);
    }
    else
    {
        code = print_text(tokenizer, text, strlen(text), is_json);
    }
    lobass_tokenizer_free(tokenizer);
    return code;
}

int cmd_tokens(const cli_call *call)
{
    bool is_jsonl = false;
    cli_common common = {0};
    cli_parser parser = {
        .name = "tokens",
        .usage = "MODEL|TOKENIZER.JSON [TEXT|-]\nMODEL|TOKENIZER.JSON --jsonl [FILE|-]",
        .about = "Prints the token ids of a text and what each stands for; without TEXT that of\n"
                 "standard input. No special tokens are added.",
        .arguments = "MODEL or a tokenizer.json",
        .n_least = 1,
        .n_most = 2,
    };

    cli_option_add(&parser, (cli_option){.name = "jsonl",
                                         .type = CLI_FLAG,
                                         .target = &is_jsonl,
                                         .help = "lines of {\"text\"} in, lines of {\"ids\"} out"});
    cli_options_add_common(&parser, &common, 0);
    int code = cli_parse(&parser, call->argc, call->argv);
    if (code < 0 && is_jsonl && common.is_json)
    {
        code = cli_wrong_usage(&parser, "tokens: --json and --jsonl exclude each other");
    }
    if (code < 0)
    {
        code = print_tokens(&parser, is_jsonl, common.is_json);
    }
    cli_parser_free(&parser);
    return code;
}

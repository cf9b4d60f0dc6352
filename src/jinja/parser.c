/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens -> the tree of statements; expressions are parser_expression.c's. What of Jinja no chat
 * template has a use for (other templates: include, import, extends, block; autoescape; recursive
 * loops) is refused by name.
 */
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "jinja/tree.h"

enum
{
    MOST_DEPTH = 200,          /* of statements and expressions within each other */
    MOST_SOURCE_MEBIBYTES = 1, /* their trees take up to 60 MB */
    NODES_AT_ONCE = 32
};

lobass_status lb_jinja_parse_fail(const parser *p, unsigned line, lobass_status status,
                                  const char *format, ...)
{
    char what[512];
    va_list given;
    va_start(given, format);
    (void)lb_print_list(what, sizeof what, format, given);
    va_end(given);
    return lb_fail(p->error, status, "%s: line %u: %s", p->parsed->where, line, what);
}

static bool is_token(const parser *p, token_kind kind, const char *word)
{
    return p->at->kind == kind && p->at->size == strlen(word) &&
           memcmp(p->at->data, word, p->at->size) == 0;
}

bool lb_jinja_at_operator(const parser *p, const char *symbol)
{
    return is_token(p, TOKEN_OPERATOR, symbol);
}

bool lb_jinja_at_name(const parser *p, const char *name)
{
    return is_token(p, TOKEN_NAME, name);
}

bool lb_jinja_skip_operator(parser *p, const char *symbol)
{
    const bool is_there = lb_jinja_at_operator(p, symbol);
    p->at += is_there;
    return is_there;
}

bool lb_jinja_skip_name(parser *p, const char *name)
{
    const bool is_there = lb_jinja_at_name(p, name);
    p->at += is_there;
    return is_there;
}

static lobass_status fail_expected(const parser *p, const char *expected)
{
    static const char *const kinds[] = {[TOKEN_DATA] = "text",
                                        [TOKEN_BLOCK_BEGIN] = "{%",
                                        [TOKEN_BLOCK_END] = "%}",
                                        [TOKEN_PRINT_BEGIN] = "{{",
                                        [TOKEN_PRINT_END] = "}}",
                                        [TOKEN_STRING] = "a string",
                                        [TOKEN_INTEGER] = "a number",
                                        [TOKEN_REAL] = "a number",
                                        [TOKEN_END] = "the end of the template"};
    if (p->at->kind == TOKEN_NAME || p->at->kind == TOKEN_OPERATOR)
    {
        return lb_jinja_parse_fail(p, p->at->line, LOBASS_BAD_FORMAT, "expected %s, found \"%.*s\"",
                                   expected, (int)(p->at->size < 40 ? p->at->size : 40),
                                   p->at->data);
    }
    return lb_jinja_parse_fail(p, p->at->line, LOBASS_BAD_FORMAT, "expected %s, found %s", expected,
                               kinds[p->at->kind]);
}

lobass_status lb_jinja_expect_operator(parser *p, const char *symbol)
{
    char expected[16];
    (void)lb_print(expected, sizeof expected, "\"%s\"", symbol);
    return lb_jinja_skip_operator(p, symbol) ? LOBASS_OK : fail_expected(p, expected);
}

lobass_status lb_jinja_expect_name(parser *p, const char *name)
{
    return lb_jinja_skip_name(p, name) ? LOBASS_OK : fail_expected(p, name);
}

static lobass_status expect_kind(parser *p, token_kind kind, const char *expected)
{
    if (p->at->kind != kind)
    {
        return fail_expected(p, expected);
    }
    p->at++;
    return LOBASS_OK;
}

lobass_status lb_jinja_node_make(parser *p, node **made, node_kind kind, unsigned line)
{
    if (p->n_unused == 0)
    {
        p->unused = lb_arena_alloc(&p->parsed->arena, NODES_AT_ONCE, sizeof(node), p->error);
        if (p->unused == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
        p->n_unused = NODES_AT_ONCE;
    }
    p->n_unused--;
    *made = p->unused++;
    (*made)->kind = (uint8_t)kind;
    (*made)->line = line;
    return LOBASS_OK;
}

static lobass_status body_node_make(parser *p, body_node **made, node_kind kind, unsigned line)
{
    *made = lb_arena_alloc(&p->parsed->arena, 1, sizeof **made, p->error);
    if (*made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    (*made)->head.kind = (uint8_t)kind;
    (*made)->head.line = line;
    return LOBASS_OK;
}

lobass_status lb_jinja_name_take(parser *p, const text **name)
{
    if (p->at->kind != TOKEN_NAME)
    {
        return fail_expected(p, "a name");
    }
    LB_TRY(lb_jinja_name_keep(&p->names, &p->parsed->arena, p->at, name, p->error));
    p->at++;
    return LOBASS_OK;
}

/* ---- statements ------------------------------------------------------------------------------ */

static lobass_status parse_body(parser *p, node **body, const char *const *ends);

/* The body up to {% END %}, which is taken but for its "%}". */
static lobass_status parse_block(parser *p, node **body, const char *end)
{
    const char *const ends[] = {end, NULL};
    LB_TRY(parse_body(p, body, ends));
    return lb_jinja_expect_name(p, end);
}

static lobass_status parse_for(parser *p, body_node *made)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    LB_TRY(lb_jinja_parse_target(p, &made->head.left, false, "in"));
    LB_TRY(lb_jinja_expect_name(p, "in"));
    LB_TRY(lb_jinja_parse_tuple(p, &made->head.right, false, "recursive"));
    if (lb_jinja_skip_name(p, "if"))
    {
        LB_TRY(lb_jinja_parse_expression(p, &made->head.third, true));
    }
    if (lb_jinja_at_name(p, "recursive"))
    {
        return lb_jinja_parse_fail(p, p->at->line, LOBASS_UNSUPPORTED,
                                   "recursive loops are not supported");
    }
    p->loop_depth++;
    LB_TRY(parse_body(p, &made->body, ends));
    p->loop_depth--;
    if (lb_jinja_skip_name(p, "else"))
    {
        return parse_block(p, &made->otherwise, "endfor");
    }
    return lb_jinja_expect_name(p, "endfor");
}

static lobass_status parse_if(parser *p, body_node *made)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    node **next = &made->head.items;
    LB_TRY(lb_jinja_parse_tuple(p, &made->head.left, false, NULL));
    LB_TRY(parse_body(p, &made->body, ends));
    while (lb_jinja_at_name(p, "elif"))
    {
        body_node *other = NULL;
        LB_TRY(body_node_make(p, &other, NODE_IF, p->at->line));
        *next = &other->head;
        next = &other->head.next;
        p->at++;
        LB_TRY(lb_jinja_parse_tuple(p, &other->head.left, false, NULL));
        LB_TRY(parse_body(p, &other->body, ends));
    }
    if (lb_jinja_skip_name(p, "else"))
    {
        return parse_block(p, &made->otherwise, "endif");
    }
    return lb_jinja_expect_name(p, "endif");
}

static lobass_status parse_set(parser *p, body_node *made)
{
    LB_TRY(lb_jinja_parse_target(p, &made->head.left, true, NULL));
    if (lb_jinja_skip_operator(p, "="))
    {
        return lb_jinja_parse_tuple(p, &made->head.right, true, NULL);
    }
    made->head.kind = NODE_SET_BLOCK;
    LB_TRY(lb_jinja_parse_filters(p, &made->head.right, NULL, false));
    return parse_block(p, &made->body, "endset");
}

static lobass_status parse_with(parser *p, body_node *made)
{
    node **next = &made->head.items;
    for (bool is_first = true; p->at->kind != TOKEN_BLOCK_END; is_first = false)
    {
        LB_TRY(is_first ? LOBASS_OK : lb_jinja_expect_operator(p, ","));
        LB_TRY(lb_jinja_node_make(p, next, NODE_PAIR, p->at->line));
        LB_TRY(lb_jinja_parse_target(p, &(*next)->left, false, NULL));
        LB_TRY(lb_jinja_expect_operator(p, "="));
        LB_TRY(lb_jinja_parse_expression(p, &(*next)->right, true));
        next = &(*next)->next;
    }
    return parse_block(p, &made->body, "endwith");
}

static lobass_status parse_signature(parser *p, node **parameters)
{
    node **next = parameters;
    bool has_default = false;
    LB_TRY(lb_jinja_expect_operator(p, "("));
    for (bool is_first = true; !lb_jinja_at_operator(p, ")"); is_first = false)
    {
        LB_TRY(is_first ? LOBASS_OK : lb_jinja_expect_operator(p, ","));
        LB_TRY(lb_jinja_node_make(p, next, NODE_PARAMETER, p->at->line));
        LB_TRY(lb_jinja_name_take(p, &(*next)->name));
        if (lb_jinja_skip_operator(p, "="))
        {
            has_default = true;
            LB_TRY(lb_jinja_parse_expression(p, &(*next)->left, true));
        }
        else if (has_default)
        {
            return lb_jinja_parse_fail(p, p->at->line, LOBASS_BAD_FORMAT,
                                       "a parameter without a default behind one that has one");
        }
        next = &(*next)->next;
    }
    return lb_jinja_expect_operator(p, ")");
}

/* A body that is called: loops around it are not its own. */
static lobass_status parse_called_body(parser *p, body_node *made, const char *end)
{
    const unsigned depth_around = p->loop_depth;
    const unsigned mentioned_around = p->mentioned;
    p->loop_depth = 0;
    p->mentioned = 0;
    LB_TRY(parse_block(p, &made->body, end));
    made->mentioned = p->mentioned;
    p->mentioned |= mentioned_around;
    p->loop_depth = depth_around;
    return LOBASS_OK;
}

static lobass_status parse_macro(parser *p, body_node *made)
{
    LB_TRY(lb_jinja_name_take(p, &made->head.name));
    LB_TRY(parse_signature(p, &made->head.items));
    return parse_called_body(p, made, "endmacro");
}

static lobass_status parse_call_block(parser *p, body_node *made)
{
    if (lb_jinja_at_operator(p, "("))
    {
        LB_TRY(parse_signature(p, &made->head.items));
    }
    LB_TRY(lb_jinja_parse_expression(p, &made->head.left, true));
    if (made->head.left->kind != NODE_CALL)
    {
        return lb_jinja_parse_fail(p, made->head.line, LOBASS_BAD_FORMAT,
                                   "a call block needs a call behind \"call\"");
    }
    return parse_called_body(p, made, "endcall");
}

static lobass_status parse_filter_block(parser *p, body_node *made)
{
    LB_TRY(lb_jinja_parse_filters(p, &made->head.left, NULL, true));
    return parse_block(p, &made->body, "endfilter");
}

static lobass_status parse_generation(parser *p, body_node *made)
{
    p->parsed->has_generation = true;
    return parse_called_body(p, made, "endgeneration");
}

static lobass_status parse_loop_control(parser *p, body_node *made)
{
    if (p->loop_depth == 0)
    {
        return lb_jinja_parse_fail(p, made->head.line, LOBASS_BAD_FORMAT,
                                   "\"%s\" outside of a loop",
                                   made->head.kind == NODE_BREAK ? "break" : "continue");
    }
    return LOBASS_OK;
}

static lobass_status parse_print(parser *p, body_node *made)
{
    node **next = &made->head.items;
    for (bool is_first = true; p->at->kind != TOKEN_BLOCK_END; is_first = false)
    {
        LB_TRY(is_first ? LOBASS_OK : lb_jinja_expect_operator(p, ","));
        LB_TRY(lb_jinja_parse_expression(p, next, true));
        next = &(*next)->next;
    }
    return LOBASS_OK;
}

typedef struct statement_row
{
    const char *name;
    node_kind kind;
    lobass_status (*parse)(parser *p, body_node *made); /* NULL: refused */
} statement_row;

static const statement_row statements[] = {{"for", NODE_FOR, parse_for},
                                           {"if", NODE_IF, parse_if},
                                           {"set", NODE_SET, parse_set},
                                           {"with", NODE_WITH, parse_with},
                                           {"macro", NODE_MACRO, parse_macro},
                                           {"call", NODE_CALL_BLOCK, parse_call_block},
                                           {"filter", NODE_FILTER_BLOCK, parse_filter_block},
                                           {"generation", NODE_GENERATION, parse_generation},
                                           {"print", NODE_PRINT, parse_print},
                                           {"break", NODE_BREAK, parse_loop_control},
                                           {"continue", NODE_CONTINUE, parse_loop_control},
                                           {"include", NODE_PRINT, NULL},
                                           {"import", NODE_PRINT, NULL},
                                           {"from", NODE_PRINT, NULL},
                                           {"extends", NODE_PRINT, NULL},
                                           {"block", NODE_PRINT, NULL},
                                           {"autoescape", NODE_PRINT, NULL}};

static lobass_status parse_statement(parser *p, node **made)
{
    const unsigned line = p->at->line;
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
    {
        if (!lb_jinja_at_name(p, statements[i].name))
        {
            continue;
        }
        if (statements[i].parse == NULL)
        {
            return lb_jinja_parse_fail(p, line, LOBASS_UNSUPPORTED, "{%% %s %%} is not supported",
                                       statements[i].name);
        }
        p->at++;
        body_node *statement = NULL;
        LB_TRY(body_node_make(p, &statement, statements[i].kind, line));
        *made = &statement->head;
        return statements[i].parse(p, statement);
    }
    return fail_expected(p, "a statement");
}

static lobass_status parse_data(parser *p, node **made)
{
    LB_TRY(lb_jinja_node_make(p, made, NODE_DATA, p->at->line));
    text *data = lb_arena_alloc(&p->parsed->arena, 1, sizeof *data, p->error);
    if (data == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    *data = (text){p->at->data, p->at->size, 0, 0, NULL, 0};
    (*made)->constant = lb_jinja_of_text(data);
    p->at++;
    return LOBASS_OK;
}

static lobass_status parse_printed(parser *p, node **made)
{
    LB_TRY(lb_jinja_node_make(p, made, NODE_PRINT, p->at->line));
    p->at++;
    LB_TRY(lb_jinja_parse_tuple(p, &(*made)->items, true, NULL));
    return expect_kind(p, TOKEN_PRINT_END, "}}");
}

static bool is_one_of(const parser *p, const char *const *names)
{
    for (size_t i = 0; names != NULL && names[i] != NULL; i++)
    {
        if (lb_jinja_at_name(p, names[i]))
        {
            return true;
        }
    }
    return false;
}

/* Statements up to a tag with one of the names ENDS, which is then at hand; NULL: to the end of the
 * template. */
static lobass_status parse_statements(parser *p, node **first, const char *const *ends)
{
    node **next = first;
    while (p->at->kind != TOKEN_END)
    {
        if (p->at->kind == TOKEN_DATA)
        {
            LB_TRY(parse_data(p, next));
        }
        else if (p->at->kind == TOKEN_PRINT_BEGIN)
        {
            LB_TRY(parse_printed(p, next));
        }
        else
        {
            LB_TRY(expect_kind(p, TOKEN_BLOCK_BEGIN, "{%"));
            if (is_one_of(p, ends))
            {
                return LOBASS_OK;
            }
            LB_TRY(parse_statement(p, next));
            LB_TRY(expect_kind(p, TOKEN_BLOCK_END, "%}"));
        }
        next = &(*next)->next;
    }
    return ends == NULL ? LOBASS_OK
                        : lb_jinja_parse_fail(p, p->at->line, LOBASS_BAD_FORMAT,
                                              "the template ends before {%% %s %%}", ends[0]);
}

static lobass_status parse_body(parser *p, node **body, const char *const *ends)
{
    (void)lb_jinja_skip_operator(p, ":");
    LB_TRY(expect_kind(p, TOKEN_BLOCK_END, "%}"));
    if (++p->depth > MOST_DEPTH)
    {
        return lb_jinja_parse_fail(p, p->at->line, LOBASS_UNSUPPORTED,
                                   "statements within statements beyond a depth of %d", MOST_DEPTH);
    }
    LB_TRY(parse_statements(p, body, ends));
    p->depth--;
    return LOBASS_OK;
}

/* ---- templates ------------------------------------------------------------------------------- */

static lobass_status check_utf8(const char *source, size_t size_bytes, const char *where,
                                lobass_error *error)
{
    unsigned line = 1;
    for (size_t at = 0; at < size_bytes;)
    {
        utf8proc_int32_t code_point = 0;
        const utf8proc_ssize_t size =
            utf8proc_iterate((const utf8proc_uint8_t *)source + at,
                             (utf8proc_ssize_t)(size_bytes - at), &code_point);
        if (size <= 0 || code_point == 0)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT, "%s: line %u: found %s, expected UTF-8", where,
                           line, size <= 0 ? "a byte that is part of no character" : "a NUL");
        }
        line += source[at] == '\n';
        at += (size_t)size;
    }
    return LOBASS_OK;
}

static lobass_status parse_template(lb_jinja_template *parsed, const char *source,
                                    size_t size_bytes, lobass_error *error)
{
    token *tokens = NULL;
    if (size_bytes > (size_t)MOST_SOURCE_MEBIBYTES << 20)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "%s: line 1: a template of more than %d MiB is not supported", parsed->where,
                       MOST_SOURCE_MEBIBYTES);
    }
    LB_TRY(check_utf8(source, size_bytes, parsed->where, error));
    lobass_status status =
        lb_jinja_tokens_read(&tokens, source, size_bytes, parsed->where, &parsed->arena, error);
    if (status == LOBASS_OK)
    {
        parser p = {.at = tokens, .parsed = parsed, .error = error};
        status = parse_statements(&p, &parsed->body, NULL);
        free(p.names.slots);
    }
    free(tokens);
    return status == LOBASS_OK ? lb_jinja_tree_check(parsed, error) : status;
}

lobass_status lb_jinja_template_parse(lb_jinja_template **parsed, const char *source,
                                      size_t size_bytes, const char *where, lobass_error *error)
{
    *parsed = NULL;
    lb_jinja_template *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->where = lb_copy_text(where, strlen(where), error);
    const lobass_status status = made->where == NULL
                                     ? LOBASS_OUT_OF_MEMORY
                                     : parse_template(made, source, size_bytes, error);
    if (status != LOBASS_OK)
    {
        lb_jinja_template_free(made);
        return status;
    }
    *parsed = made;
    return LOBASS_OK;
}

void lb_jinja_template_free(lb_jinja_template *parsed)
{
    if (parsed == NULL)
    {
        return;
    }
    lb_arena_free(&parsed->arena);
    free(parsed->where);
    free(parsed);
}

bool lb_jinja_template_has_generation(const lb_jinja_template *parsed)
{
    return parsed->has_generation;
}

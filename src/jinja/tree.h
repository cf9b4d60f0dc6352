/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to jinja/: tokens, the syntax tree, and what the parser's files call of each other.
 */
#ifndef LB_JINJA_TREE_H
#define LB_JINJA_TREE_H

#include "jinja/jinja_private.h"

/* ---- tokens (lexer.c) ------------------------------------------------------------------------ */

typedef enum token_kind
{
    TOKEN_DATA,
    TOKEN_BLOCK_BEGIN,
    TOKEN_BLOCK_END,
    TOKEN_PRINT_BEGIN,
    TOKEN_PRINT_END,
    TOKEN_NAME,
    TOKEN_STRING,
    TOKEN_INTEGER,
    TOKEN_REAL,
    TOKEN_OPERATOR,
    TOKEN_END
} token_kind;

typedef struct token
{
    token_kind kind;
    unsigned line;
    const char *data; /* data and strings unescaped; names and operators as they stand */
    size_t size;
    int64_t integer;
    double real;
} token;

/* Tokens of SOURCE in ARENA, the last one TOKEN_END. */
lobass_status lb_jinja_tokens_read(token **tokens, size_t *count, const char *source, size_t size,
                                   const char *where, lb_arena *arena, lobass_error *error);

/* escape.c: a letter of a number of BASE, up to 16. */
bool lb_jinja_is_digit_of(char c, unsigned base);
/* What an escape at AT, behind the backslash, stands for: written to *OUT, which goes on. What is
 * behind it, or NULL where it names no character. */
const char *lb_jinja_escape_read(const char *at, const char *end, char **out);

/* ---- the tree (parser.c) --------------------------------------------------------------------- */

typedef enum node_kind
{
    NODE_CONSTANT,        /* constant */
    NODE_NAME,            /* name */
    NODE_LIST,            /* items */
    NODE_TUPLE,           /* items */
    NODE_DICT,            /* items: pairs, left and right */
    NODE_PAIR,            /* left: right */
    NODE_ATTRIBUTE,       /* left . name */
    NODE_ITEM,            /* left [ right ] */
    NODE_SLICE,           /* left : right : third, each may be NULL */
    NODE_CALL,            /* left ( items ) */
    NODE_KEYWORD,         /* an argument: name = left */
    NODE_SPREAD,          /* an argument: *left */
    NODE_SPREAD_KEYWORDS, /* an argument: **left */
    NODE_FILTER,          /* left | name ( items ); left NULL: the block's text */
    NODE_TEST,            /* left is name ( items ) */
    NODE_UNARY,           /* operation, left */
    NODE_BINARY,          /* left, operation, right */
    NODE_COMPARE,         /* left, items: NODE_OPERAND */
    NODE_OPERAND,         /* operation, left */
    NODE_AND,
    NODE_OR,
    NODE_NOT,              /* left */
    NODE_CONCAT,           /* items */
    NODE_CONDITION,        /* left if right else third; third may be NULL */
    NODE_NAMESPACE_TARGET, /* name . left's constant */
    NODE_DATA,             /* constant */
    NODE_PRINT,            /* left */
    NODE_SET,              /* left = right */
    NODE_SET_BLOCK,        /* left, right (filters, or NULL), body */
    NODE_FOR,              /* left in right if third: body, otherwise; flag: it mentions loop */
    NODE_IF,               /* left: body, items: NODE_IF of elif, otherwise */
    NODE_WITH,             /* items: NODE_PAIR, body */
    NODE_MACRO,            /* name, items: NODE_PARAMETER, body */
    NODE_PARAMETER,        /* name, left: the default, or NULL */
    NODE_CALL_BLOCK,       /* left: the call; items: NODE_PARAMETER, body */
    NODE_FILTER_BLOCK,     /* left: filters, body */
    NODE_GENERATION,       /* body */
    NODE_BREAK,
    NODE_CONTINUE
} node_kind;

struct node
{
    node_kind kind;
    operation operation;
    unsigned line;
    bool flag;
    const text *name;
    value constant;
    struct node *left, *right, *third;
    struct node *items, *body, *otherwise; /* lists through next */
    struct node *next;
};

struct lb_jinja_template
{
    lb_arena arena;
    char *where;
    node *body;
    bool has_generation;
};

typedef struct parser
{
    const token *at;
    lb_jinja_template *parsed;
    lobass_error *error;
    unsigned depth;
    unsigned loop_depth; /* for break and continue; 0 within a macro */
} parser;

lobass_status lb_jinja_parse_fail(const parser *p, unsigned line, lobass_status status,
                                  const char *format, ...) __attribute__((format(printf, 4, 5)));
bool lb_jinja_at_operator(const parser *p, const char *symbol);
bool lb_jinja_at_name(const parser *p, const char *name);
bool lb_jinja_skip_operator(parser *p, const char *symbol);
bool lb_jinja_skip_name(parser *p, const char *name);
lobass_status lb_jinja_expect_operator(parser *p, const char *symbol);
lobass_status lb_jinja_expect_name(parser *p, const char *name);
lobass_status lb_jinja_node_make(parser *p, node **made, node_kind kind, unsigned line);
lobass_status lb_jinja_name_take(parser *p, const text **name); /* a token of that kind */
/* parser_expression.c */
lobass_status lb_jinja_parse_expression(parser *p, node **made, bool has_condition);
/* One or, with commas, a tuple, up to the name STOP (or NULL). */
lobass_status lb_jinja_parse_tuple(parser *p, node **made, bool has_condition, const char *stop);
lobass_status lb_jinja_parse_target(parser *p, node **made, bool has_namespace, const char *stop);
lobass_status lb_jinja_parse_primary(parser *p, node **made, bool has_namespace);
/* parser_postfix.c */
lobass_status lb_jinja_parse_filters(parser *p, node **made, node *of, bool is_first_inline);
lobass_status lb_jinja_parse_unary(parser *p, node **made, bool has_filter);
/* check.c: filters and tests that are not there, outside of conditions. */
lobass_status lb_jinja_tree_check(const lb_jinja_template *parsed, lobass_error *error);

#endif

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

/* As it stands in the source; of a string what is between its quotes. A template may have as many
 * as it has bytes, so they are small. */
typedef struct token
{
    const char *data;
    uint32_t size : 24; /* a template's size is below that */
    uint32_t kind : 8;
    unsigned line;
} token;

/* Tokens of SOURCE, the last one TOKEN_END; their data in ARENA. Release *TOKENS with free(). */
lobass_status lb_jinja_tokens_read(token **tokens, const char *source, size_t size,
                                   const char *where, lb_arena *arena, lobass_error *error);

/* literals.c: the value of a number, and *N <- the bytes of a string, at most its size; what fails
 * is named by *WHAT. */
lobass_status lb_jinja_number_read(const token *number, value *read, const char **what);
lobass_status lb_jinja_string_read(const token *string, char *unescaped, size_t *n,
                                   const char **what);

/* A letter of a number of BASE, up to 16. */
bool lb_jinja_is_digit_of(char c, unsigned base);
/* Of the number at AT: 16, 8 or 2 where a prefix of two bytes says so, else 10. */
unsigned lb_jinja_base_of(const char *at, bool *has_prefix);

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
    NODE_NAMESPACE_TARGET, /* name . constant */
    NODE_DATA,             /* constant */
    NODE_PRINT,            /* items */
    NODE_SET,              /* left = right */
    NODE_PARAMETER,        /* name, left: the default, or NULL */
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_SET_BLOCK,    /* from here on they have bodies; left, right (filters, or NULL), body */
    NODE_FOR,          /* left in right if third: body, otherwise */
    NODE_IF,           /* left: body, items: NODE_IF of elif, otherwise */
    NODE_WITH,         /* items: NODE_PAIR, body */
    NODE_MACRO,        /* name, items: NODE_PARAMETER, body */
    NODE_CALL_BLOCK,   /* left: the call; items: NODE_PARAMETER, body */
    NODE_FILTER_BLOCK, /* left: filters, body */
    NODE_GENERATION    /* body */
} node_kind;

/* A template may have almost as many as it has bytes: what no kind has together shares its place.
 */
struct node
{
    uint8_t kind;      /* node_kind */
    uint8_t operation; /* operation */
    unsigned line;
    struct node *next; /* in a list */
    union
    {
        struct
        {
            struct node *left;
            union
            {
                struct node *right;
                struct node *items; /* a list */
            };
        };
        value constant;
    };
    union
    {
        const text *name;
        struct node *third;
    };
};

/* Names that a macro has where its body mentions them. */
enum
{
    MENTIONS_CALLER = 1,
    MENTIONS_KWARGS = 2,
    MENTIONS_VARARGS = 4
};

/* A node with a body. */
typedef struct body_node
{
    node head;
    node *body, *otherwise; /* lists */
    unsigned mentioned;     /* in the body of what is called: MENTIONS_... */
} body_node;

static inline bool lb_jinja_has_body(const node *at)
{
    return at->kind >= NODE_SET_BLOCK;
}

static inline const body_node *lb_jinja_body_of(const node *at)
{
    return (const body_node *)at;
}

/* The nodes within one but for those of a body: lists, or NULL. */
#define LB_JINJA_CHILDREN 3
void lb_jinja_children(const node *at, const node *children[LB_JINJA_CHILDREN]);

struct lb_jinja_template
{
    lb_arena arena;
    char *where;
    node *body;
    bool has_generation;
};

/* Each name once, by hash. Release slots with free(). */
typedef struct name_table
{
    const text **slots; /* [capacity], a power of two; NULL: free */
    size_t count, capacity;
} name_table;

typedef struct parser
{
    const token *at;
    lb_jinja_template *parsed;
    lobass_error *error;
    unsigned depth;
    unsigned loop_depth; /* for break and continue; 0 within a macro */
    unsigned mentioned;  /* since the body of what is called began */
    node *unused;        /* [n_unused], in the arena */
    size_t n_unused;
    name_table names;
} parser;

/* names.c: *NAME <- the name TOKEN, in ARENA. */
lobass_status lb_jinja_name_keep(name_table *names, lb_arena *arena, const token *from,
                                 const text **name, lobass_error *error);

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

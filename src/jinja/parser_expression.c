/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens -> the tree of expressions, with jinja2's precedence: conditional, or, and, not,
 * comparison, + and -, ~, * / // %, **, signs, then attributes, items, calls, filters and tests.
 * A sign binds closer than a filter, ~ closer than +.
 */
#include <string.h>

#include "jinja/tree.h"

enum
{
    MOST_DEPTH = 200
};

static lobass_status parse_binary_level(parser *p, node **made, unsigned level);

typedef struct level_operator
{
    const char *symbol;
    operation operation;
} level_operator;

static lobass_status join(parser *p, node **made, node_kind kind, node *left, node *right)
{
    LB_TRY(lb_jinja_node_make(p, made, kind, left->line));
    (*made)->left = left;
    (*made)->right = right;
    return LOBASS_OK;
}

static lobass_status parse_power(parser *p, node **made)
{
    LB_TRY(lb_jinja_parse_unary(p, made, true));
    while (lb_jinja_skip_operator(p, "**"))
    {
        node *right = NULL;
        LB_TRY(lb_jinja_parse_unary(p, &right, true));
        LB_TRY(join(p, made, NODE_BINARY, *made, right));
        (*made)->operation = OPERATION_POWER;
    }
    return LOBASS_OK;
}

static bool skip_one_of(parser *p, const level_operator *operators, size_t count,
                        operation *skipped)
{
    for (size_t i = 0; i < count; i++)
    {
        if (lb_jinja_skip_operator(p, operators[i].symbol))
        {
            *skipped = operators[i].operation;
            return true;
        }
    }
    return false;
}

static lobass_status parse_concat(parser *p, node **made)
{
    LB_TRY(parse_binary_level(p, made, 1));
    if (!lb_jinja_at_operator(p, "~"))
    {
        return LOBASS_OK;
    }
    node *first = *made;
    node **next = &first->next;
    while (lb_jinja_skip_operator(p, "~"))
    {
        LB_TRY(parse_binary_level(p, next, 1));
        next = &(*next)->next;
    }
    LB_TRY(lb_jinja_node_make(p, made, NODE_CONCAT, first->line));
    (*made)->items = first;
    return LOBASS_OK;
}

/* Level 0: + and -, over ~; level 1: * / // %, over **. */
static lobass_status parse_binary_level(parser *p, node **made, unsigned level)
{
    static const level_operator sums[] = {{"+", OPERATION_ADD}, {"-", OPERATION_SUBTRACT}};
    static const level_operator products[] = {{"*", OPERATION_MULTIPLY},
                                              {"/", OPERATION_DIVIDE},
                                              {"//", OPERATION_FLOOR_DIVIDE},
                                              {"%", OPERATION_MODULO}};
    const level_operator *operators = level == 0 ? sums : products;
    const size_t count = level == 0 ? 2 : 4;
    operation found = OPERATION_ADD;
    LB_TRY(level == 0 ? parse_concat(p, made) : parse_power(p, made));
    while (skip_one_of(p, operators, count, &found))
    {
        node *right = NULL;
        LB_TRY(level == 0 ? parse_concat(p, &right) : parse_power(p, &right));
        LB_TRY(join(p, made, NODE_BINARY, *made, right));
        (*made)->operation = (uint8_t)found;
    }
    return LOBASS_OK;
}

static bool skip_comparison(parser *p, operation *found)
{
    static const level_operator comparisons[] = {
        {"==", OPERATION_EQUAL},      {"!=", OPERATION_UNEQUAL}, {"<", OPERATION_LESS},
        {"<=", OPERATION_LESS_EQUAL}, {">", OPERATION_GREATER},  {">=", OPERATION_GREATER_EQUAL},
    };
    if (skip_one_of(p, comparisons, sizeof comparisons / sizeof comparisons[0], found))
    {
        return true;
    }
    if (lb_jinja_skip_name(p, "in"))
    {
        *found = OPERATION_IN;
        return true;
    }
    if (lb_jinja_at_name(p, "not") && p->at[1].kind == TOKEN_NAME && p->at[1].size == 2 &&
        memcmp(p->at[1].data, "in", 2) == 0)
    {
        p->at += 2;
        *found = OPERATION_NOT_IN;
        return true;
    }
    return false;
}

static lobass_status parse_comparison(parser *p, node **made)
{
    LB_TRY(parse_binary_level(p, made, 0));
    operation found = OPERATION_EQUAL;
    node **next = NULL;
    while (skip_comparison(p, &found))
    {
        if (next == NULL)
        {
            LB_TRY(join(p, made, NODE_COMPARE, *made, NULL));
            next = &(*made)->items;
        }
        LB_TRY(lb_jinja_node_make(p, next, NODE_OPERAND, p->at->line));
        (*next)->operation = (uint8_t)found;
        LB_TRY(parse_binary_level(p, &(*next)->left, 0));
        next = &(*next)->next;
    }
    return LOBASS_OK;
}

static lobass_status parse_not(parser *p, node **made)
{
    unsigned n_negations = 0;
    const unsigned line = p->at->line;
    while (lb_jinja_skip_name(p, "not"))
    {
        n_negations++;
    }
    LB_TRY(parse_comparison(p, made));
    for (; n_negations > 0; n_negations--)
    {
        node *inner = *made;
        LB_TRY(lb_jinja_node_make(p, made, NODE_NOT, line));
        (*made)->left = inner;
    }
    return LOBASS_OK;
}

static lobass_status parse_and(parser *p, node **made)
{
    LB_TRY(parse_not(p, made));
    while (lb_jinja_skip_name(p, "and"))
    {
        node *right = NULL;
        LB_TRY(parse_not(p, &right));
        LB_TRY(join(p, made, NODE_AND, *made, right));
    }
    return LOBASS_OK;
}

static lobass_status parse_or(parser *p, node **made)
{
    LB_TRY(parse_and(p, made));
    while (lb_jinja_skip_name(p, "or"))
    {
        node *right = NULL;
        LB_TRY(parse_and(p, &right));
        LB_TRY(join(p, made, NODE_OR, *made, right));
    }
    return LOBASS_OK;
}

static lobass_status parse_condition(parser *p, node **made)
{
    LB_TRY(parse_or(p, made));
    while (lb_jinja_skip_name(p, "if"))
    {
        node *test = NULL;
        LB_TRY(parse_or(p, &test));
        LB_TRY(join(p, made, NODE_CONDITION, *made, test));
        if (lb_jinja_skip_name(p, "else"))
        {
            LB_TRY(lb_jinja_parse_expression(p, &(*made)->third, true));
        }
    }
    return LOBASS_OK;
}

lobass_status lb_jinja_parse_expression(parser *p, node **made, bool has_condition)
{
    if (++p->depth > MOST_DEPTH)
    {
        return lb_jinja_parse_fail(p, p->at->line, LOBASS_UNSUPPORTED,
                                   "expressions within expressions beyond a depth of %d",
                                   MOST_DEPTH);
    }
    LB_TRY(has_condition ? parse_condition(p, made) : parse_or(p, made));
    p->depth--;
    return LOBASS_OK;
}

/* ---- tuples and targets ---------------------------------------------------------------------- */

static bool is_tuple_end(const parser *p, const char *stop)
{
    return p->at->kind == TOKEN_PRINT_END || p->at->kind == TOKEN_BLOCK_END ||
           lb_jinja_at_operator(p, ")") || (stop != NULL && lb_jinja_at_name(p, stop));
}

typedef lobass_status (*element_parser)(parser *p, node **made, bool flag);

static lobass_status parse_elements(parser *p, node **made, element_parser parse, bool flag,
                                    const char *stop, bool may_be_empty)
{
    const unsigned line = p->at->line;
    node *first = NULL;
    node **next = &first;
    bool has_comma = true;
    size_t n = 0;
    for (; has_comma && !is_tuple_end(p, stop); n++)
    {
        LB_TRY(parse(p, next, flag));
        next = &(*next)->next;
        has_comma = lb_jinja_skip_operator(p, ",");
    }
    if (n == 1 && !has_comma)
    {
        *made = first;
        return LOBASS_OK;
    }
    if (n == 0 && !may_be_empty)
    {
        return lb_jinja_parse_fail(p, line, LOBASS_BAD_FORMAT, "an expression is missing");
    }
    LB_TRY(lb_jinja_node_make(p, made, NODE_TUPLE, line));
    (*made)->items = first;
    return LOBASS_OK;
}

lobass_status lb_jinja_parse_tuple(parser *p, node **made, bool has_condition, const char *stop)
{
    return parse_elements(p, made, lb_jinja_parse_expression, has_condition, stop, false);
}

static bool can_be_assigned(const node *target)
{
    if (target->kind == NODE_TUPLE)
    {
        for (const node *item = target->items; item != NULL; item = item->next)
        {
            if (!can_be_assigned(item))
            {
                return false;
            }
        }
        return true;
    }
    return target->kind == NODE_NAME || target->kind == NODE_NAMESPACE_TARGET;
}

lobass_status lb_jinja_parse_target(parser *p, node **made, bool has_namespace, const char *stop)
{
    LB_TRY(parse_elements(p, made, lb_jinja_parse_primary, has_namespace, stop, false));
    return can_be_assigned(*made)
               ? LOBASS_OK
               : lb_jinja_parse_fail(p, (*made)->line, LOBASS_BAD_FORMAT,
                                     "what is assigned to is neither a name nor a tuple of names");
}

/* ---- literals and names ---------------------------------------------------------------------- */

static lobass_status constant_make(parser *p, node **made, value constant)
{
    LB_TRY(lb_jinja_node_make(p, made, NODE_CONSTANT, p->at->line));
    (*made)->constant = constant;
    return LOBASS_OK;
}

static void mention(parser *p, const text *name)
{
    p->mentioned |= lb_jinja_text_equal(name, &lb_jinja_word_caller)    ? MENTIONS_CALLER
                    : lb_jinja_text_equal(name, &lb_jinja_word_kwargs)  ? MENTIONS_KWARGS
                    : lb_jinja_text_equal(name, &lb_jinja_word_varargs) ? MENTIONS_VARARGS
                                                                        : 0U;
}

static lobass_status parse_name(parser *p, node **made, bool has_namespace)
{
    static const struct
    {
        const char *name;
        value_kind kind;
        bool truth;
    } words[] = {{"true", KIND_BOOLEAN, true},   {"True", KIND_BOOLEAN, true},
                 {"false", KIND_BOOLEAN, false}, {"False", KIND_BOOLEAN, false},
                 {"none", KIND_NONE, false},     {"None", KIND_NONE, false}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    {
        if (lb_jinja_at_name(p, words[i].name))
        {
            LB_TRY(constant_make(p, made,
                                 words[i].kind == KIND_NONE ? lb_jinja_none()
                                                            : lb_jinja_boolean(words[i].truth)));
            p->at++;
            return LOBASS_OK;
        }
    }
    LB_TRY(lb_jinja_node_make(p, made, NODE_NAME, p->at->line));
    LB_TRY(lb_jinja_name_take(p, &(*made)->name));
    if (has_namespace && lb_jinja_skip_operator(p, "."))
    {
        const text *attribute = NULL;
        LB_TRY(lb_jinja_name_take(p, &attribute));
        (*made)->kind = NODE_NAMESPACE_TARGET;
        (*made)->constant = lb_jinja_of_text(attribute);
        return LOBASS_OK;
    }
    mention(p, (*made)->name);
    return LOBASS_OK;
}

static lobass_status parse_number(parser *p, node **made)
{
    const char *what = NULL;
    LB_TRY(constant_make(p, made, lb_jinja_none()));
    const lobass_status status = lb_jinja_number_read(p->at, &(*made)->constant, &what);
    if (status != LOBASS_OK)
    {
        return lb_jinja_parse_fail(p, p->at->line, status, "%s", what);
    }
    p->at++;
    return LOBASS_OK;
}

/* String literals beside each other are one. */
static lobass_status parse_string(parser *p, node **made)
{
    const char *what = NULL;
    size_t most = 0;
    size_t size = 0;
    size_t n_chars = 0;
    for (const token *part = p->at; part->kind == TOKEN_STRING; part++)
    {
        most += part->size;
    }
    text *joined = lb_arena_alloc(&p->parsed->arena, 1, sizeof *joined + most + 1, p->error);
    if (joined == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    char *const data = (char *)(joined + 1);
    LB_TRY(constant_make(p, made, lb_jinja_of_text(joined)));
    for (; p->at->kind == TOKEN_STRING; p->at++)
    {
        size_t n = 0;
        const lobass_status status = lb_jinja_string_read(p->at, data + size, &n, &what);
        if (status != LOBASS_OK)
        {
            return lb_jinja_parse_fail(p, p->at->line, status, "%s", what);
        }
        size += n;
    }
    data[size] = '\0';
    for (size_t i = 0; i < size; i++)
    {
        n_chars += ((unsigned char)data[i] & 0xC0U) != 0x80U;
    }
    *joined = (text){data, size, n_chars, 0, NULL, 0};
    return LOBASS_OK;
}

static lobass_status parse_list(parser *p, node **made)
{
    LB_TRY(lb_jinja_node_make(p, made, NODE_LIST, p->at->line));
    LB_TRY(lb_jinja_expect_operator(p, "["));
    node **next = &(*made)->items;
    for (bool is_first = true; !lb_jinja_at_operator(p, "]"); is_first = false)
    {
        LB_TRY(is_first ? LOBASS_OK : lb_jinja_expect_operator(p, ","));
        if (lb_jinja_at_operator(p, "]"))
        {
            break;
        }
        LB_TRY(lb_jinja_parse_expression(p, next, true));
        next = &(*next)->next;
    }
    return lb_jinja_expect_operator(p, "]");
}

static lobass_status parse_dict(parser *p, node **made)
{
    LB_TRY(lb_jinja_node_make(p, made, NODE_DICT, p->at->line));
    LB_TRY(lb_jinja_expect_operator(p, "{"));
    node **next = &(*made)->items;
    for (bool is_first = true; !lb_jinja_at_operator(p, "}"); is_first = false)
    {
        LB_TRY(is_first ? LOBASS_OK : lb_jinja_expect_operator(p, ","));
        if (lb_jinja_at_operator(p, "}"))
        {
            break;
        }
        LB_TRY(lb_jinja_node_make(p, next, NODE_PAIR, p->at->line));
        LB_TRY(lb_jinja_parse_expression(p, &(*next)->left, true));
        LB_TRY(lb_jinja_expect_operator(p, ":"));
        LB_TRY(lb_jinja_parse_expression(p, &(*next)->right, true));
        next = &(*next)->next;
    }
    return lb_jinja_expect_operator(p, "}");
}

static lobass_status parse_parenthesis(parser *p, node **made)
{
    p->at++;
    LB_TRY(parse_elements(p, made, lb_jinja_parse_expression, true, NULL, true));
    return lb_jinja_expect_operator(p, ")");
}

lobass_status lb_jinja_parse_primary(parser *p, node **made, bool has_namespace)
{
    switch (p->at->kind)
    {
    case TOKEN_NAME:
        return parse_name(p, made, has_namespace);
    case TOKEN_STRING:
        return parse_string(p, made);
    case TOKEN_INTEGER:
    case TOKEN_REAL:
        return parse_number(p, made);
    default:
        break;
    }
    if (lb_jinja_at_operator(p, "("))
    {
        return parse_parenthesis(p, made);
    }
    if (lb_jinja_at_operator(p, "["))
    {
        return parse_list(p, made);
    }
    if (lb_jinja_at_operator(p, "{"))
    {
        return parse_dict(p, made);
    }
    return lb_jinja_parse_fail(p, p->at->line, LOBASS_BAD_FORMAT,
                               "expected an expression, found \"%.*s\"",
                               (int)(p->at->size < 40 ? p->at->size : 40), p->at->data);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands before and behind a literal or name: signs, then attributes, items and calls, then
 * filters and tests.
 */
#include <string.h>

#include "jinja/tree.h"

enum
{
    MOST_SIGNS = 200
};

static bool is_subscript_end(const parser *p)
{
    return lb_jinja_at_operator(p, "]") || lb_jinja_at_operator(p, ",");
}

/* An index, or a slice a:b:c with any part left out. */
static lobass_status parse_index(parser *p, node **made)
{
    const unsigned line = p->at->line;
    node *parts[3] = {NULL, NULL, NULL};
    if (!lb_jinja_at_operator(p, ":"))
    {
        LB_TRY(lb_jinja_parse_expression(p, &parts[0], true));
        if (!lb_jinja_at_operator(p, ":"))
        {
            *made = parts[0];
            return LOBASS_OK;
        }
    }
    for (size_t i = 1; i < 3 && lb_jinja_skip_operator(p, ":"); i++)
    {
        if (!lb_jinja_at_operator(p, ":") && !is_subscript_end(p))
        {
            LB_TRY(lb_jinja_parse_expression(p, &parts[i], true));
        }
    }
    LB_TRY(lb_jinja_node_make(p, made, NODE_SLICE, line));
    (*made)->left = parts[0];
    (*made)->right = parts[1];
    (*made)->third = parts[2];
    return LOBASS_OK;
}

static lobass_status parse_subscript(parser *p, node **made)
{
    node *of = *made;
    LB_TRY(lb_jinja_node_make(p, made, NODE_ITEM, p->at->line));
    (*made)->left = of;
    if (lb_jinja_skip_operator(p, "."))
    {
        if (p->at->kind == TOKEN_INTEGER)
        {
            return lb_jinja_parse_primary(p, &(*made)->right, false);
        }
        (*made)->kind = NODE_ATTRIBUTE;
        return lb_jinja_name_take(p, &(*made)->name);
    }
    LB_TRY(lb_jinja_expect_operator(p, "["));
    if (!lb_jinja_at_operator(p, "]"))
    {
        LB_TRY(parse_index(p, &(*made)->right));
    }
    if (lb_jinja_at_operator(p, ",") || (*made)->right == NULL)
    {
        return lb_jinja_parse_fail(p, p->at->line, LOBASS_UNSUPPORTED,
                                   "an index of no part or of several is not supported");
    }
    return lb_jinja_expect_operator(p, "]");
}

static lobass_status parse_argument(parser *p, node **made)
{
    const unsigned line = p->at->line;
    const node_kind spread = lb_jinja_skip_operator(p, "*")    ? NODE_SPREAD
                             : lb_jinja_skip_operator(p, "**") ? NODE_SPREAD_KEYWORDS
                                                               : NODE_KEYWORD;
    const bool is_named = p->at->kind == TOKEN_NAME && p->at[1].kind == TOKEN_OPERATOR &&
                          p->at[1].size == 1 && p->at[1].data[0] == '=';
    if (spread == NODE_KEYWORD && !is_named)
    {
        return lb_jinja_parse_expression(p, made, true);
    }
    LB_TRY(lb_jinja_node_make(p, made, spread, line));
    if (spread == NODE_KEYWORD)
    {
        LB_TRY(lb_jinja_name_take(p, &(*made)->name));
        p->at++;
    }
    return lb_jinja_parse_expression(p, &(*made)->left, true);
}

static lobass_status parse_arguments(parser *p, node **first)
{
    node **next = first;
    node_kind last = NODE_CONSTANT;
    LB_TRY(lb_jinja_expect_operator(p, "("));
    for (bool is_first = true; !lb_jinja_at_operator(p, ")"); is_first = false)
    {
        LB_TRY(is_first ? LOBASS_OK : lb_jinja_expect_operator(p, ","));
        if (lb_jinja_at_operator(p, ")"))
        {
            break;
        }
        LB_TRY(parse_argument(p, next));
        const node_kind kind = (node_kind)(*next)->kind;
        const bool is_plain =
            kind != NODE_KEYWORD && kind != NODE_SPREAD && kind != NODE_SPREAD_KEYWORDS;
        const bool is_behind = last == NODE_SPREAD_KEYWORDS ||
                               (last == NODE_SPREAD && (is_plain || kind == NODE_SPREAD)) ||
                               (last == NODE_KEYWORD && is_plain);
        if (is_behind)
        {
            return lb_jinja_parse_fail(p, (*next)->line, LOBASS_BAD_FORMAT,
                                       "an argument behind one that it has to stand before");
        }
        last = kind == NODE_KEYWORD && last == NODE_SPREAD ? NODE_SPREAD : is_plain ? last : kind;
        next = &(*next)->next;
    }
    return lb_jinja_expect_operator(p, ")");
}

static lobass_status parse_call(parser *p, node **made)
{
    node *callee = *made;
    LB_TRY(lb_jinja_node_make(p, made, NODE_CALL, p->at->line));
    (*made)->left = callee;
    return parse_arguments(p, &(*made)->items);
}

static lobass_status parse_postfix(parser *p, node **made)
{
    for (;;)
    {
        if (lb_jinja_at_operator(p, ".") || lb_jinja_at_operator(p, "["))
        {
            LB_TRY(parse_subscript(p, made));
        }
        else if (lb_jinja_at_operator(p, "("))
        {
            LB_TRY(parse_call(p, made));
        }
        else
        {
            return LOBASS_OK;
        }
    }
}

lobass_status lb_jinja_parse_filters(parser *p, node **made, node *of, bool is_first_inline)
{
    *made = of;
    while (is_first_inline || lb_jinja_skip_operator(p, "|"))
    {
        is_first_inline = false;
        node *subject = *made;
        LB_TRY(lb_jinja_node_make(p, made, NODE_FILTER, p->at->line));
        (*made)->left = subject;
        LB_TRY(lb_jinja_name_take(p, &(*made)->name));
        if (lb_jinja_at_operator(p, "("))
        {
            LB_TRY(parse_arguments(p, &(*made)->items));
        }
    }
    return LOBASS_OK;
}

/* Whether a test's argument without parentheses begins here. */
static bool is_bare_argument(const parser *p)
{
    switch (p->at->kind)
    {
    case TOKEN_NAME:
        return !lb_jinja_at_name(p, "else") && !lb_jinja_at_name(p, "or") &&
               !lb_jinja_at_name(p, "and");
    case TOKEN_STRING:
    case TOKEN_INTEGER:
    case TOKEN_REAL:
        return true;
    default:
        return lb_jinja_at_operator(p, "[") || lb_jinja_at_operator(p, "{");
    }
}

static lobass_status parse_test(parser *p, node **made)
{
    node *subject = *made;
    const unsigned line = p->at->line;
    p->at++;
    const bool is_negated = lb_jinja_skip_name(p, "not");
    node *test = NULL;
    LB_TRY(lb_jinja_node_make(p, &test, NODE_TEST, line));
    test->left = subject;
    LB_TRY(lb_jinja_name_take(p, &test->name));
    if (lb_jinja_at_operator(p, "("))
    {
        LB_TRY(parse_arguments(p, &test->items));
    }
    else if (is_bare_argument(p))
    {
        if (lb_jinja_at_name(p, "is"))
        {
            return lb_jinja_parse_fail(p, line, LOBASS_BAD_FORMAT,
                                       "tests behind each other: \"is ... is\"");
        }
        LB_TRY(lb_jinja_parse_primary(p, &test->items, false));
        LB_TRY(parse_postfix(p, &test->items));
    }
    *made = test;
    if (is_negated)
    {
        LB_TRY(lb_jinja_node_make(p, made, NODE_NOT, line));
        (*made)->left = test;
    }
    return LOBASS_OK;
}

static lobass_status parse_sign(parser *p, node **made, operation sign)
{
    const unsigned line = p->at->line;
    p->at++;
    node *inner = NULL;
    if (++p->depth > MOST_SIGNS)
    {
        return lb_jinja_parse_fail(p, line, LOBASS_UNSUPPORTED, "more than %d signs", MOST_SIGNS);
    }
    LB_TRY(lb_jinja_parse_unary(p, &inner, false));
    p->depth--;
    LB_TRY(lb_jinja_node_make(p, made, NODE_UNARY, line));
    (*made)->operation = (uint8_t)sign;
    (*made)->left = inner;
    return LOBASS_OK;
}

lobass_status lb_jinja_parse_unary(parser *p, node **made, bool has_filter)
{
    if (lb_jinja_at_operator(p, "-"))
    {
        LB_TRY(parse_sign(p, made, OPERATION_NEGATE));
    }
    else if (lb_jinja_at_operator(p, "+"))
    {
        LB_TRY(parse_sign(p, made, OPERATION_PLUS));
    }
    else
    {
        LB_TRY(lb_jinja_parse_primary(p, made, false));
    }
    LB_TRY(parse_postfix(p, made));
    while (has_filter)
    {
        if (lb_jinja_at_operator(p, "|"))
        {
            LB_TRY(lb_jinja_parse_filters(p, made, *made, false));
        }
        else if (lb_jinja_at_name(p, "is"))
        {
            LB_TRY(parse_test(p, made));
        }
        else if (lb_jinja_at_operator(p, "("))
        {
            LB_TRY(parse_call(p, made));
        }
        else
        {
            break;
        }
    }
    return LOBASS_OK;
}

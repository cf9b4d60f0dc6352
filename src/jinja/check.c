/* SPDX-License-Identifier: Apache-2.0
 *
 * A look through the tree when a template is read: a filter or test that does not exist is refused,
 * as jinja2 does when it compiles, unless it stands in an `if`, whose branch may never be taken;
 * one that jinja2 has and this engine has not is refused wherever it stands. (A loop, macro or
 * block within an `if` counts as outside of it: jinja2's frames are made that way.)
 */
#include <string.h>

#include "jinja/tree.h"

enum
{
    MOST_LEVELS = 2000 /* of the tree; sums and chains of attributes go down on the left */
};

typedef struct checker
{
    const lb_jinja_template *parsed;
    const char *sought; /* a name to look for, or NULL */
    bool is_found;
    unsigned depth;
    lobass_error *error;
} checker;

void lb_jinja_children(const node *at, const node *children[LB_JINJA_CHILDREN])
{
    const bool is_leaf =
        at->kind == NODE_CONSTANT || at->kind == NODE_NAMESPACE_TARGET || at->kind == NODE_DATA;
    const bool has_third =
        at->kind == NODE_SLICE || at->kind == NODE_CONDITION || at->kind == NODE_FOR;
    children[0] = is_leaf ? NULL : at->left;
    children[1] = is_leaf ? NULL : at->right;
    children[2] = has_third ? at->third : NULL;
}

static lobass_status check(checker *c, const node *at, bool is_in_condition);

static lobass_status check_list(checker *c, const node *first, bool is_in_condition)
{
    for (const node *at = first; at != NULL; at = at->next)
    {
        LB_TRY(check(c, at, is_in_condition));
    }
    return LOBASS_OK;
}

static lobass_status check_name(const checker *c, const node *at, bool is_in_condition)
{
    const bool is_filter = at->kind == NODE_FILTER;
    const filter_row *filter =
        is_filter ? lb_jinja_filter_find(&lb_jinja_language, at->name) : NULL;
    const char *kind = is_filter ? "filter" : "test";
    if (filter != NULL && filter->run == NULL)
    {
        return lb_fail(c->error, LOBASS_UNSUPPORTED,
                       "%s: line %u: the filter \"%s\" is not supported", c->parsed->where,
                       at->line, at->name->data);
    }
    if (is_filter ? filter != NULL : lb_jinja_test_find(&lb_jinja_language, at->name) != NULL)
    {
        return LOBASS_OK;
    }
    return is_in_condition ? LOBASS_OK
                           : lb_fail(c->error, LOBASS_BAD_FORMAT, "%s: line %u: no %s \"%s\"",
                                     c->parsed->where, at->line, kind, at->name->data);
}

/* Whether what stands in this node's body is compiled apart from what is around it. */
static bool has_own_frame(node_kind kind)
{
    return kind == NODE_FOR || kind == NODE_WITH || kind == NODE_MACRO || kind == NODE_CALL_BLOCK ||
           kind == NODE_FILTER_BLOCK || kind == NODE_SET_BLOCK || kind == NODE_GENERATION;
}

static lobass_status check_children(checker *c, const node *at, bool is_in_condition)
{
    const bool is_condition = at->kind == NODE_IF || at->kind == NODE_CONDITION;
    const bool expression = is_in_condition || is_condition;
    const bool within = has_own_frame(at->kind) ? false : expression;
    const bool filters_are_within = at->kind == NODE_FILTER_BLOCK || at->kind == NODE_SET_BLOCK;
    const node *children[LB_JINJA_CHILDREN];
    lb_jinja_children(at, children);
    LB_TRY(check_list(c, children[0], filters_are_within ? within : expression));
    LB_TRY(check_list(c, children[1], filters_are_within ? within : expression));
    LB_TRY(check_list(c, children[2], at->kind == NODE_FOR ? within : expression));
    if (!lb_jinja_has_body(at))
    {
        return LOBASS_OK;
    }
    LB_TRY(check_list(c, lb_jinja_body_of(at)->body, within));
    return check_list(c, lb_jinja_body_of(at)->otherwise, within);
}

static lobass_status check(checker *c, const node *at, bool is_in_condition)
{
    if (++c->depth > MOST_LEVELS)
    {
        return lb_fail(c->error, LOBASS_UNSUPPORTED,
                       "%s: line %u: an expression of more than %d levels", c->parsed->where,
                       at->line, MOST_LEVELS);
    }
    if (at->kind == NODE_FILTER || at->kind == NODE_TEST)
    {
        LB_TRY(check_name(c, at, is_in_condition));
    }
    if (at->kind == NODE_NAME && c->sought != NULL && lb_jinja_text_is(at->name, c->sought))
    {
        c->is_found = true;
    }
    LB_TRY(check_children(c, at, is_in_condition));
    c->depth--;
    return LOBASS_OK;
}

lobass_status lb_jinja_tree_check(const lb_jinja_template *parsed, lobass_error *error)
{
    checker c = {.parsed = parsed, .error = error};
    return check_list(&c, parsed->body, false);
}

bool lb_jinja_template_mentions(const lb_jinja_template *parsed, const char *name)
{
    checker c = {.parsed = parsed, .sought = name};
    return check_list(&c, parsed->body, false) == LOBASS_OK && c.is_found;
}

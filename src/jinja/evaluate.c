/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions: a walk over the tree. Names are looked for in the scopes around, then among the
 * functions of the language; one that is nowhere is undefined, which fails only where it is used.
 */
#include <string.h>

#include "jinja/tree.h"

static lobass_status evaluate_name(lb_jinja *jinja, value *result, const text *name,
                                   const scope *within)
{
    const variable *found = NULL;
    LB_TRY(lb_jinja_scope_find(jinja, within, name, &found));
    if (found != NULL)
    {
        *result = found->value;
        return LOBASS_OK;
    }
    const function_row *function = lb_jinja_function_find(jinja->language, name);
    if (function != NULL)
    {
        *result = lb_jinja_of_object(KIND_FUNCTION, function);
        return LOBASS_OK;
    }
    const value named = lb_jinja_of_text(name);
    return lb_jinja_make_undefined(jinja, result, NULL, NULL, &named);
}

static size_t count_items(const node *first)
{
    size_t n = 0;
    for (const node *at = first; at != NULL; at = at->next)
    {
        n++;
    }
    return n;
}

static lobass_status evaluate_list(lb_jinja *jinja, value *result, const node *at, scope *within)
{
    const size_t count = count_items(at->items);
    size_t n = 0;
    void *memory = NULL;
    LB_TRY(lb_jinja_take(jinja, &memory, count, sizeof(value)));
    value *items = memory;
    for (const node *item = at->items; item != NULL; item = item->next)
    {
        LB_TRY(lb_jinja_evaluate(jinja, &items[n++], item, within));
    }
    return lb_jinja_make_list(jinja, result, at->kind == NODE_LIST ? KIND_LIST : KIND_TUPLE, items,
                              count);
}

static lobass_status evaluate_dict(lb_jinja *jinja, value *result, const node *at, scope *within)
{
    dict *made = NULL;
    LB_TRY(lb_jinja_dict_make(jinja, &made, count_items(at->items)));
    for (const node *pair = at->items; pair != NULL; pair = pair->next)
    {
        value key = {0};
        value member = {0};
        LB_TRY(lb_jinja_evaluate(jinja, &key, pair->left, within));
        LB_TRY(lb_jinja_evaluate(jinja, &member, pair->right, within));
        LB_TRY(lb_jinja_dict_set(jinja, made, &key, &member));
    }
    *result = lb_jinja_of_object(KIND_DICT, made);
    return LOBASS_OK;
}

static lobass_status evaluate_item(lb_jinja *jinja, value *result, const node *at, scope *within)
{
    value of = {0};
    LB_TRY(lb_jinja_evaluate(jinja, &of, at->left, within));
    if (at->right->kind != NODE_SLICE)
    {
        value key = {0};
        LB_TRY(lb_jinja_evaluate(jinja, &key, at->right, within));
        return lb_jinja_item(jinja, result, &of, &key);
    }
    const node *const parts[] = {at->right->left, at->right->right, at->right->third};
    value bounds[3] = {lb_jinja_none(), lb_jinja_none(), lb_jinja_none()};
    for (size_t i = 0; i < 3; i++)
    {
        if (parts[i] != NULL)
        {
            LB_TRY(lb_jinja_evaluate(jinja, &bounds[i], parts[i], within));
        }
    }
    LB_TRY(lb_jinja_slice(jinja, result, &of, &bounds[0], &bounds[1], &bounds[2]));
    if (result->kind != KIND_MISSING)
    {
        return LOBASS_OK;
    }
    return of.kind == KIND_DICT
               ? lb_jinja_fail(jinja, "unhashable type: 'slice'")
               : lb_jinja_fail(jinja, "'%s' object is not subscriptable", lb_jinja_type_name(&of));
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* Arguments as they are given, * and ** spread. */
typedef struct argument_list
{
    value *positional;
    size_t n_positional, positional_capacity;
    entry *keywords;
    size_t n_keywords, keywords_capacity;
} argument_list;

static lobass_status positional_add(lb_jinja *jinja, argument_list *to, const value *added)
{
    if (to->n_positional == to->positional_capacity)
    {
        void *grown = NULL;
        const size_t wanted = to->positional_capacity == 0 ? 4 : to->positional_capacity * 2;
        LB_TRY(lb_jinja_take(jinja, &grown, wanted, sizeof *to->positional));
        if (to->n_positional > 0)
        {
            memcpy(grown, to->positional, to->n_positional * sizeof *to->positional);
        }
        to->positional = grown;
        to->positional_capacity = wanted;
    }
    to->positional[to->n_positional++] = *added;
    return LOBASS_OK;
}

static lobass_status keyword_add(lb_jinja *jinja, argument_list *to, const value *name,
                                 const value *added)
{
    LB_TRY(lb_jinja_step(jinja, to->n_keywords / 16));
    for (size_t i = 0; i < to->n_keywords; i++)
    {
        if (lb_jinja_text_equal(lb_jinja_text_of(&to->keywords[i].key), lb_jinja_text_of(name)))
        {
            return lb_jinja_fail(jinja, "the keyword argument '%s' is given twice",
                                 lb_jinja_text_of(name)->data);
        }
    }
    if (to->n_keywords == to->keywords_capacity)
    {
        void *grown = NULL;
        const size_t wanted = to->keywords_capacity == 0 ? 4 : to->keywords_capacity * 2;
        LB_TRY(lb_jinja_take(jinja, &grown, wanted, sizeof *to->keywords));
        if (to->n_keywords > 0)
        {
            memcpy(grown, to->keywords, to->n_keywords * sizeof *to->keywords);
        }
        to->keywords = grown;
        to->keywords_capacity = wanted;
    }
    to->keywords[to->n_keywords++] = (entry){*name, *added};
    return LOBASS_OK;
}

static lobass_status spread(lb_jinja *jinja, argument_list *to, const value *of)
{
    iterator going;
    value item = {0};
    bool has_item = true;
    LB_TRY(lb_jinja_iterate(jinja, &going, of));
    while (has_item)
    {
        LB_TRY(lb_jinja_next(jinja, &going, &item, &has_item));
        LB_TRY(has_item ? positional_add(jinja, to, &item) : LOBASS_OK);
    }
    return LOBASS_OK;
}

static lobass_status spread_keywords(lb_jinja *jinja, argument_list *to, const value *of)
{
    if (of->kind != KIND_DICT)
    {
        return lb_jinja_fail(jinja, "the argument after ** must be a mapping, not %s",
                             lb_jinja_type_name(of));
    }
    const dict *members = lb_jinja_dict_of(of);
    for (size_t i = 0; i < members->count; i++)
    {
        if (members->entries[i].key.kind != KIND_STRING)
        {
            return lb_jinja_fail(jinja, "keywords must be strings");
        }
        LB_TRY(keyword_add(jinja, to, &members->entries[i].key, &members->entries[i].value));
    }
    return LOBASS_OK;
}

static lobass_status evaluate_arguments(lb_jinja *jinja, argument_list *to, const node *first,
                                        scope *within)
{
    for (const node *at = first; at != NULL; at = at->next)
    {
        const bool is_plain =
            at->kind != NODE_KEYWORD && at->kind != NODE_SPREAD && at->kind != NODE_SPREAD_KEYWORDS;
        value given = {0};
        LB_TRY(lb_jinja_evaluate(jinja, &given, is_plain ? at : at->left, within));
        if (at->kind == NODE_KEYWORD)
        {
            const value name = lb_jinja_of_text(at->name);
            LB_TRY(keyword_add(jinja, to, &name, &given));
        }
        else
        {
            LB_TRY(at->kind == NODE_SPREAD            ? spread(jinja, to, &given)
                   : at->kind == NODE_SPREAD_KEYWORDS ? spread_keywords(jinja, to, &given)
                                                      : positional_add(jinja, to, &given));
        }
    }
    return LOBASS_OK;
}

static arguments arguments_of(const argument_list *given)
{
    return (arguments){given->positional, given->n_positional, given->keywords, given->n_keywords};
}

static lobass_status call_cycler_or_joiner(lb_jinja *jinja, value *result, const value *callee)
{
    joiner *joined = NULL;
    if (callee->kind != KIND_JOINER)
    {
        return lb_jinja_fail(jinja, "'%s' object is not callable", lb_jinja_type_name(callee));
    }
    joined = callee->as.state;
    if (joined->is_used)
    {
        *result = joined->separator;
        return LOBASS_OK;
    }
    joined->is_used = true;
    return lb_jinja_make_word(jinja, result, "");
}

lobass_status lb_jinja_call(lb_jinja *jinja, value *result, const value *callee,
                            const arguments *given)
{
    switch ((value_kind)callee->kind)
    {
    case KIND_UNDEFINED:
        return lb_jinja_fail_undefined(jinja, callee);
    case KIND_MACRO:
    {
        const macro *called = callee->as.object;
        return called->call(jinja, result, called, given);
    }
    case KIND_FUNCTION:
    {
        const function_row *row = callee->as.object;
        const value none = lb_jinja_none();
        return lb_jinja_row_run(jinja, result, &row->signature, row->run, &none, given);
    }
    case KIND_METHOD:
    {
        const method *bound = callee->as.object;
        return lb_jinja_row_run(jinja, result, &bound->row->signature, bound->row->run,
                                &bound->self, given);
    }
    case KIND_LOOP:
        return lb_jinja_fail(jinja, "The loop must have the 'recursive' marker to be called "
                                    "recursively.");
    default:
        return call_cycler_or_joiner(jinja, result, callee);
    }
}

lobass_status lb_jinja_evaluate_call(lb_jinja *jinja, value *result, const node *at, scope *within,
                                     const value *caller)
{
    value callee = {0};
    argument_list given = {0};
    LB_TRY(lb_jinja_evaluate(jinja, &callee, at->left, within));
    LB_TRY(evaluate_arguments(jinja, &given, at->items, within));
    if (caller != NULL)
    {
        const value name = lb_jinja_of_text(&lb_jinja_word_caller);
        LB_TRY(keyword_add(jinja, &given, &name, caller));
    }
    jinja->line = at->line;
    const arguments all = arguments_of(&given);
    return lb_jinja_call(jinja, result, &callee, &all);
}

/* ---- filters and tests ----------------------------------------------------------------------- */

lobass_status lb_jinja_evaluate_filters(lb_jinja *jinja, value *result, const node *at,
                                        scope *within, const value *subject)
{
    value of = subject == NULL ? lb_jinja_none() : *subject;
    argument_list given = {0};
    if (at->left != NULL && at->left->kind == NODE_FILTER)
    {
        LB_TRY(lb_jinja_enter(jinja));
        LB_TRY(lb_jinja_evaluate_filters(jinja, &of, at->left, within, subject));
        lb_jinja_leave(jinja);
    }
    else if (at->left != NULL)
    {
        LB_TRY(lb_jinja_evaluate(jinja, &of, at->left, within));
    }
    LB_TRY(evaluate_arguments(jinja, &given, at->items, within));
    const filter_row *filter = lb_jinja_filter_find(jinja->language, at->name);
    jinja->line = at->line;
    if (filter == NULL)
    {
        return lb_jinja_fail(jinja, "no filter \"%s\"", at->name->data);
    }
    const arguments all = arguments_of(&given);
    return lb_jinja_filter_run(jinja, result, filter, &of, &all);
}

static lobass_status evaluate_test(lb_jinja *jinja, value *result, const node *at, scope *within)
{
    value of = {0};
    argument_list given = {0};
    bool passed = false;
    LB_TRY(lb_jinja_evaluate(jinja, &of, at->left, within));
    LB_TRY(evaluate_arguments(jinja, &given, at->items, within));
    const test_row *test = lb_jinja_test_find(jinja->language, at->name);
    jinja->line = at->line;
    if (test == NULL)
    {
        return lb_jinja_fail(jinja, "no test \"%s\"", at->name->data);
    }
    const arguments all = arguments_of(&given);
    LB_TRY(lb_jinja_test_run(jinja, &passed, test, &of, &all));
    *result = lb_jinja_boolean(passed);
    return LOBASS_OK;
}

/* ---- operators ------------------------------------------------------------------------------- */

static lobass_status evaluate_binary(lb_jinja *jinja, value *result, const node *at, scope *within)
{
    value a = {0};
    value b = {0};
    LB_TRY(lb_jinja_evaluate(jinja, &a, at->left, within));
    LB_TRY(lb_jinja_evaluate(jinja, &b, at->right, within));
    jinja->line = at->line;
    return lb_jinja_binary(jinja, result, (operation)at->operation, &a, &b);
}

/* a < b < c: each compared once, until one fails. */
static lobass_status evaluate_comparison(lb_jinja *jinja, value *result, const node *at,
                                         scope *within)
{
    value a = {0};
    bool holds = true;
    LB_TRY(lb_jinja_evaluate(jinja, &a, at->left, within));
    for (const node *operand = at->items; holds && operand != NULL; operand = operand->next)
    {
        value b = {0};
        LB_TRY(lb_jinja_evaluate(jinja, &b, operand->left, within));
        jinja->line = at->line;
        LB_TRY(lb_jinja_compare(jinja, &holds, (operation)operand->operation, &a, &b));
        a = b;
    }
    *result = lb_jinja_boolean(holds);
    return LOBASS_OK;
}

static lobass_status evaluate_concat(lb_jinja *jinja, value *result, const node *at, scope *within)
{
    text_builder builder;
    const text *made = NULL;
    lb_jinja_builder_begin(&builder, jinja);
    for (const node *item = at->items; item != NULL; item = item->next)
    {
        value part = {0};
        LB_TRY(lb_jinja_evaluate(jinja, &part, item, within));
        LB_TRY(lb_jinja_print(&builder, &part));
    }
    LB_TRY(lb_jinja_builder_end(&builder, &made));
    *result = lb_jinja_of_text(made);
    return LOBASS_OK;
}

static lobass_status evaluate_condition(lb_jinja *jinja, value *result, const node *at,
                                        scope *within)
{
    value passed = {0};
    LB_TRY(lb_jinja_evaluate(jinja, &passed, at->right, within));
    if (lb_jinja_truth(&passed))
    {
        return lb_jinja_evaluate(jinja, result, at->left, within);
    }
    if (at->third != NULL)
    {
        return lb_jinja_evaluate(jinja, result, at->third, within);
    }
    return lb_jinja_make_undefined(jinja, result,
                                   "the inline if-expression evaluated to false and no else "
                                   "section was defined.",
                                   NULL, NULL);
}

static lobass_status evaluate_logic(lb_jinja *jinja, value *result, const node *at, scope *within)
{
    LB_TRY(lb_jinja_evaluate(jinja, result, at->left, within));
    if (at->kind == NODE_NOT)
    {
        *result = lb_jinja_boolean(!lb_jinja_truth(result));
        return LOBASS_OK;
    }
    return lb_jinja_truth(result) == (at->kind == NODE_AND)
               ? lb_jinja_evaluate(jinja, result, at->right, within)
               : LOBASS_OK;
}

static lobass_status evaluate_unary(lb_jinja *jinja, value *result, const node *at, scope *within)
{
    value a = {0};
    LB_TRY(lb_jinja_evaluate(jinja, &a, at->left, within));
    return lb_jinja_unary(jinja, result, (operation)at->operation, &a);
}

static lobass_status evaluate_attribute(lb_jinja *jinja, value *result, const node *at,
                                        scope *within)
{
    value of = {0};
    LB_TRY(lb_jinja_evaluate(jinja, &of, at->left, within));
    jinja->line = at->line;
    return lb_jinja_attribute(jinja, result, &of, at->name);
}

static lobass_status evaluate(lb_jinja *jinja, value *result, const node *at, scope *within)
{
    switch (at->kind)
    {
    case NODE_LIST:
    case NODE_TUPLE:
        return evaluate_list(jinja, result, at, within);
    case NODE_DICT:
        return evaluate_dict(jinja, result, at, within);
    case NODE_ATTRIBUTE:
        return evaluate_attribute(jinja, result, at, within);
    case NODE_ITEM:
        return evaluate_item(jinja, result, at, within);
    case NODE_CALL:
        return lb_jinja_evaluate_call(jinja, result, at, within, NULL);
    case NODE_FILTER:
        return lb_jinja_evaluate_filters(jinja, result, at, within, NULL);
    case NODE_TEST:
        return evaluate_test(jinja, result, at, within);
    case NODE_UNARY:
        return evaluate_unary(jinja, result, at, within);
    case NODE_BINARY:
        return evaluate_binary(jinja, result, at, within);
    case NODE_COMPARE:
        return evaluate_comparison(jinja, result, at, within);
    case NODE_AND:
    case NODE_OR:
    case NODE_NOT:
        return evaluate_logic(jinja, result, at, within);
    case NODE_CONCAT:
        return evaluate_concat(jinja, result, at, within);
    default:
        return evaluate_condition(jinja, result, at, within);
    }
}

lobass_status lb_jinja_evaluate(lb_jinja *jinja, value *result, const node *expression,
                                scope *within)
{
    LB_TRY(lb_jinja_step(jinja, 1));
    if (expression->kind == NODE_CONSTANT)
    {
        *result = expression->constant;
        return LOBASS_OK;
    }
    jinja->line = expression->line;
    if (expression->kind == NODE_NAME)
    {
        return evaluate_name(jinja, result, expression->name, within);
    }
    LB_TRY(lb_jinja_enter(jinja));
    LB_TRY(evaluate(jinja, result, expression, within));
    lb_jinja_leave(jinja);
    return LOBASS_OK;
}

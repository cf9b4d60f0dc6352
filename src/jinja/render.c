/* SPDX-License-Identifier: Apache-2.0
 *
 * Statements: what a template writes, in the order in which it does. Expressions are evaluate.c's,
 * names scope.c's.
 */
#include <string.h>

#include "jinja/tree.h"

typedef enum flow
{
    FLOW_ON,
    FLOW_BREAK,
    FLOW_CONTINUE
} flow;

static lobass_status run_all(lb_jinja *jinja, const node *first, scope *within, flow *next);

/* ---- blocks whose text is a value ------------------------------------------------------------ */

/* *TEXT <- what the body writes. */
lobass_status lb_jinja_capture(lb_jinja *jinja, const node *body, scope *within, const text **made)
{
    text_builder captured;
    text_builder *const around = jinja->output;
    flow next = FLOW_ON;
    lb_jinja_builder_begin(&captured, jinja);
    jinja->output = &captured;
    LB_TRY(run_all(jinja, body, within, &next));
    jinja->output = around;
    return lb_jinja_builder_end(&captured, made);
}

static lobass_status run_set_block(lb_jinja *jinja, const node *at, scope *within)
{
    scope *inner = NULL;
    const text *made = NULL;
    LB_TRY(lb_jinja_scope_make(jinja, &inner, within));
    LB_TRY(lb_jinja_capture(jinja, lb_jinja_body_of(at)->body, inner, &made));
    value result = lb_jinja_of_text(made);
    if (at->right != NULL)
    {
        LB_TRY(lb_jinja_evaluate_filters(jinja, &result, at->right, inner, &result));
    }
    return lb_jinja_assign(jinja, at->left, &result, within);
}

static lobass_status run_filter_block(lb_jinja *jinja, const node *at, scope *within)
{
    scope *inner = NULL;
    const text *made = NULL;
    LB_TRY(lb_jinja_scope_make(jinja, &inner, within));
    LB_TRY(lb_jinja_capture(jinja, lb_jinja_body_of(at)->body, inner, &made));
    value result = lb_jinja_of_text(made);
    LB_TRY(lb_jinja_evaluate_filters(jinja, &result, at->left, inner, &result));
    return lb_jinja_print(jinja->output, &result);
}

static lobass_status block_add(lb_jinja *jinja, size_t start, size_t end)
{
    if (jinja->n_blocks == jinja->blocks_capacity)
    {
        void *grown = NULL;
        const size_t wanted = jinja->blocks_capacity == 0 ? 8 : jinja->blocks_capacity * 2;
        LB_TRY(lb_jinja_take(jinja, &grown, wanted, sizeof *jinja->blocks));
        if (jinja->n_blocks > 0)
        {
            memcpy(grown, jinja->blocks, jinja->n_blocks * sizeof *jinja->blocks);
        }
        jinja->blocks = grown;
        jinja->blocks_capacity = wanted;
    }
    jinja->blocks[jinja->n_blocks++] = (lb_jinja_block){start, end};
    return LOBASS_OK;
}

/* A block's place is that in the rendering, as transformers counts it: what is being captured
 * around it is not there yet. */
static lobass_status run_generation(lb_jinja *jinja, const node *at, scope *within)
{
    scope *inner = NULL;
    const text *made = NULL;
    LB_TRY(lb_jinja_scope_make(jinja, &inner, within));
    LB_TRY(lb_jinja_capture(jinja, lb_jinja_body_of(at)->body, inner, &made));
    const size_t start = jinja->root->size;
    LB_TRY(block_add(jinja, start, start + made->size));
    return lb_jinja_builder_text(jinja->output, made);
}

/* {% call %}: the call's own text, its body being `caller`. */
static lobass_status run_call_block(lb_jinja *jinja, const node *at, scope *within)
{
    value caller = {0};
    value result = {0};
    LB_TRY(lb_jinja_macro_make(jinja, &caller, at, within));
    LB_TRY(lb_jinja_evaluate_call(jinja, &result, at->left, within, &caller));
    return lb_jinja_print(jinja->output, &result);
}

/* ---- loops ----------------------------------------------------------------------------------- */

/* The `else` of a loop stands for what jinja2 makes of it: it is run unless an item's body came to
 * its end. */
static lobass_status run_for(lb_jinja *jinja, const node *at, scope *within)
{
    loop *around = NULL;
    flow next = FLOW_ON;
    bool has_item = false;
    bool has_ended = false; /* the body of an item, without break or continue */
    LB_TRY(lb_jinja_loop_make(jinja, &around, at, within));
    const value itself = lb_jinja_of_object(KIND_LOOP, around);
    for (;;)
    {
        value item = {0};
        scope *inner = NULL;
        LB_TRY(around->next(jinja, around, &item, &has_item));
        if (!has_item)
        {
            break;
        }
        LB_TRY(lb_jinja_scope_make(jinja, &inner, within));
        LB_TRY(lb_jinja_scope_set(jinja, inner, &lb_jinja_word_loop, &itself));
        LB_TRY(lb_jinja_assign(jinja, at->left, &item, inner));
        LB_TRY(run_all(jinja, lb_jinja_body_of(at)->body, inner, &next));
        has_ended = has_ended || next == FLOW_ON;
        if (next == FLOW_BREAK)
        {
            break;
        }
    }
    if (has_ended || lb_jinja_body_of(at)->otherwise == NULL)
    {
        return LOBASS_OK;
    }
    scope *inner = NULL;
    next = FLOW_ON;
    LB_TRY(lb_jinja_scope_make(jinja, &inner, within));
    return run_all(jinja, lb_jinja_body_of(at)->otherwise, inner, &next);
}

/* ---- the others ------------------------------------------------------------------------------ */

static lobass_status run_if(lb_jinja *jinja, const node *at, scope *within, flow *next)
{
    value passed = {0};
    LB_TRY(lb_jinja_evaluate(jinja, &passed, at->left, within));
    if (lb_jinja_truth(&passed))
    {
        return run_all(jinja, lb_jinja_body_of(at)->body, within, next);
    }
    for (const node *other = at->items; other != NULL; other = other->next)
    {
        jinja->line = other->line;
        LB_TRY(lb_jinja_evaluate(jinja, &passed, other->left, within));
        if (lb_jinja_truth(&passed))
        {
            return run_all(jinja, lb_jinja_body_of(other)->body, within, next);
        }
    }
    return run_all(jinja, lb_jinja_body_of(at)->otherwise, within, next);
}

/* The values see what is around, not each other. */
static lobass_status run_with(lb_jinja *jinja, const node *at, scope *within, flow *next)
{
    scope *inner = NULL;
    LB_TRY(lb_jinja_scope_make(jinja, &inner, within));
    for (const node *pair = at->items; pair != NULL; pair = pair->next)
    {
        value assigned = {0};
        LB_TRY(lb_jinja_evaluate(jinja, &assigned, pair->right, within));
        LB_TRY(lb_jinja_assign(jinja, pair->left, &assigned, inner));
    }
    return run_all(jinja, lb_jinja_body_of(at)->body, inner, next);
}

static lobass_status run_print(lb_jinja *jinja, const node *at, scope *within)
{
    for (const node *printed = at->items; printed != NULL; printed = printed->next)
    {
        value result = {0};
        LB_TRY(lb_jinja_evaluate(jinja, &result, printed, within));
        LB_TRY(lb_jinja_print(jinja->output, &result));
    }
    return LOBASS_OK;
}

static lobass_status run_set(lb_jinja *jinja, const node *at, scope *within)
{
    value assigned = {0};
    LB_TRY(lb_jinja_evaluate(jinja, &assigned, at->right, within));
    return lb_jinja_assign(jinja, at->left, &assigned, within);
}

static lobass_status run_macro(lb_jinja *jinja, const node *at, scope *within)
{
    value made = {0};
    LB_TRY(lb_jinja_macro_make(jinja, &made, at, within));
    return lb_jinja_scope_set(jinja, within, at->name, &made);
}

static lobass_status run(lb_jinja *jinja, const node *at, scope *within, flow *next)
{
    jinja->line = at->line;
    LB_TRY(lb_jinja_step(jinja, 1));
    switch (at->kind)
    {
    case NODE_DATA:
        return lb_jinja_builder_text(jinja->output, lb_jinja_text_of(&at->constant));
    case NODE_PRINT:
        return run_print(jinja, at, within);
    case NODE_SET:
        return run_set(jinja, at, within);
    case NODE_SET_BLOCK:
        return run_set_block(jinja, at, within);
    case NODE_FOR:
        return run_for(jinja, at, within);
    case NODE_IF:
        return run_if(jinja, at, within, next);
    case NODE_WITH:
        return run_with(jinja, at, within, next);
    case NODE_MACRO:
        return run_macro(jinja, at, within);
    case NODE_CALL_BLOCK:
        return run_call_block(jinja, at, within);
    case NODE_FILTER_BLOCK:
        return run_filter_block(jinja, at, within);
    case NODE_GENERATION:
        return run_generation(jinja, at, within);
    case NODE_BREAK:
        *next = FLOW_BREAK;
        return LOBASS_OK;
    default:
        *next = FLOW_CONTINUE;
        return LOBASS_OK;
    }
}

static lobass_status run_all(lb_jinja *jinja, const node *first, scope *within, flow *next)
{
    *next = FLOW_ON;
    LB_TRY(lb_jinja_enter(jinja));
    for (const node *at = first; at != NULL && *next == FLOW_ON; at = at->next)
    {
        LB_TRY(run(jinja, at, within, next));
    }
    lb_jinja_leave(jinja);
    return LOBASS_OK;
}

static lobass_status set_variables(lb_jinja *jinja, scope *globals,
                                   const lb_jinja_member *variables, size_t n_variables)
{
    for (size_t i = 0; i < n_variables; i++)
    {
        const text *name = NULL;
        LB_TRY(lb_jinja_text_copy(jinja, &name, variables[i].name, variables[i].size, 0));
        LB_TRY(lb_jinja_scope_set(jinja, globals, name, &variables[i].value));
    }
    return LOBASS_OK;
}

lobass_status lb_jinja_render(lb_jinja *jinja, lb_jinja_rendering *rendering,
                              const lb_jinja_template *parsed, const lb_jinja_member *variables,
                              size_t n_variables, bool *is_raised, lobass_error *error)
{
    text_builder output;
    scope *globals = NULL;
    const text *made = NULL;
    flow next = FLOW_ON;
    lb_jinja_builder_begin(&output, jinja);
    jinja->language = &lb_jinja_language;
    jinja->where = parsed->where;
    jinja->error = error;
    jinja->line = 1;
    jinja->n_steps = 0;
    jinja->depth = 0;
    jinja->output = &output;
    jinja->root = &output;
    jinja->n_blocks = 0;
    jinja->blocks = NULL;
    jinja->blocks_capacity = 0;
    jinja->is_raised = false;
    scope *outermost = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_jinja_scope_make(jinja, &outermost, NULL));
    LB_TRY_GOTO(set_variables(jinja, outermost, variables, n_variables));
    LB_TRY_GOTO(lb_jinja_scope_make(jinja, &globals, outermost));
    LB_TRY_GOTO(run_all(jinja, parsed->body, globals, &next));
    LB_TRY_GOTO(lb_jinja_builder_end(&output, &made));
    *rendering = (lb_jinja_rendering){made->data,    made->size,    output.runs,
                                      output.n_runs, jinja->blocks, jinja->n_blocks};
done:
    if (is_raised != NULL)
    {
        *is_raised = jinja->is_raised;
    }
    return status;
}

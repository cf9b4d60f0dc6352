/* SPDX-License-Identifier: Apache-2.0
 *
 * Macros and the bodies of call blocks: how arguments become the names that a body sees. `caller`,
 * `kwargs` and `varargs` are there where the body mentions them.
 */
#include <string.h>

#include "jinja/tree.h"

static bool mentions(const macro *called, unsigned name)
{
    return (lb_jinja_body_of(called->definition)->mentioned & name) != 0;
}

static bool takes(const node *definition, const char *name)
{
    for (const node *parameter = definition->items; parameter != NULL; parameter = parameter->next)
    {
        if (lb_jinja_text_is(parameter->name, name))
        {
            return true;
        }
    }
    return false;
}

static const char *macro_name(const macro *called)
{
    return called->definition->name == NULL ? "None" : called->definition->name->data;
}

/* Keywords beyond the parameters: `kwargs` or `caller` where the body mentions them, else wrong. */
static lobass_status bind_keywords(lb_jinja *jinja, scope *inner, const macro *called,
                                   const arguments *given, const bool *is_used)
{
    const bool has_rest = mentions(called, MENTIONS_KWARGS);
    const bool has_caller =
        mentions(called, MENTIONS_CALLER) && !takes(called->definition, "caller");
    dict *rest = NULL;
    bool is_called = false;
    LB_TRY(lb_jinja_dict_make(jinja, &rest, 0));
    for (size_t i = 0; i < given->n_keywords; i++)
    {
        const text *name = lb_jinja_text_of(&given->keywords[i].key);
        if (is_used[i])
        {
            continue;
        }
        if (has_caller && lb_jinja_text_is(name, "caller"))
        {
            is_called = true;
            LB_TRY(lb_jinja_scope_set(jinja, inner, name, &given->keywords[i].value));
        }
        else if (has_rest)
        {
            LB_TRY(
                lb_jinja_dict_set(jinja, rest, &given->keywords[i].key, &given->keywords[i].value));
        }
        else
        {
            return lb_jinja_fail(jinja, "macro '%s' takes no keyword argument '%s'",
                                 macro_name(called), name->data);
        }
    }
    if (has_caller && !is_called)
    {
        value missing = {0};
        LB_TRY(lb_jinja_make_undefined(jinja, &missing, "No caller defined", NULL, NULL));
        LB_TRY(lb_jinja_scope_set(jinja, inner, &lb_jinja_word_caller, &missing));
    }
    const value all = lb_jinja_of_object(KIND_DICT, rest);
    return has_rest ? lb_jinja_scope_set(jinja, inner, &lb_jinja_word_kwargs, &all) : LOBASS_OK;
}

static lobass_status bind_rest(lb_jinja *jinja, scope *inner, const macro *called,
                               const arguments *given, size_t n_parameters)
{
    const size_t n = given->n_positional > n_parameters ? given->n_positional - n_parameters : 0;
    if (mentions(called, MENTIONS_VARARGS))
    {
        value rest = {0};
        LB_TRY(lb_jinja_make_list(jinja, &rest, KIND_TUPLE,
                                  n > 0 ? given->positional + n_parameters : NULL, n));
        return lb_jinja_scope_set(jinja, inner, &lb_jinja_word_varargs, &rest);
    }
    return n == 0 ? LOBASS_OK
                  : lb_jinja_fail(jinja, "macro '%s' takes not more than %zu argument(s)",
                                  macro_name(called), n_parameters);
}

/* A parameter: by its place, by its name, by its default, or undefined. Defaults see the parameters
 * before them. */
static lobass_status bind_parameter(lb_jinja *jinja, scope *inner, const node *parameter,
                                    size_t place, const arguments *given, bool *is_used)
{
    if (place < given->n_positional)
    {
        return lb_jinja_scope_set(jinja, inner, parameter->name, &given->positional[place]);
    }
    LB_TRY(lb_jinja_step(jinja, given->n_keywords / 16));
    for (size_t i = 0; i < given->n_keywords; i++)
    {
        if (lb_jinja_text_equal(lb_jinja_text_of(&given->keywords[i].key), parameter->name))
        {
            is_used[i] = true;
            return lb_jinja_scope_set(jinja, inner, parameter->name, &given->keywords[i].value);
        }
    }
    value bound = {0};
    if (parameter->left != NULL)
    {
        LB_TRY(lb_jinja_evaluate(jinja, &bound, parameter->left, inner));
    }
    else
    {
        text_builder hint;
        const text *made = NULL;
        lb_jinja_builder_begin(&hint, jinja);
        LB_TRY(lb_jinja_builder_bytes(&hint, "parameter '", 11, 0));
        LB_TRY(lb_jinja_builder_text(&hint, parameter->name));
        LB_TRY(lb_jinja_builder_bytes(&hint, "' was not provided", 18, 0));
        LB_TRY(lb_jinja_builder_end(&hint, &made));
        LB_TRY(lb_jinja_make_undefined(jinja, &bound, made->data, NULL, NULL));
    }
    return lb_jinja_scope_set(jinja, inner, parameter->name, &bound);
}

static lobass_status macro_call(lb_jinja *jinja, value *result, const macro *called,
                                const arguments *given)
{
    scope *inner = NULL;
    void *memory = NULL;
    const text *made = NULL;
    size_t place = 0;
    const unsigned line = jinja->line;
    LB_TRY(lb_jinja_enter(jinja));
    LB_TRY(lb_jinja_scope_make(jinja, &inner, called->scope));
    LB_TRY(lb_jinja_take(jinja, &memory, given->n_keywords, sizeof(bool)));
    bool *is_used = memory;
    memset(is_used, 0, given->n_keywords * sizeof *is_used);
    for (const node *parameter = called->definition->items; parameter != NULL;
         parameter = parameter->next)
    {
        LB_TRY(bind_parameter(jinja, inner, parameter, place++, given, is_used));
    }
    LB_TRY(bind_keywords(jinja, inner, called, given, is_used));
    LB_TRY(bind_rest(jinja, inner, called, given, place));
    LB_TRY(lb_jinja_capture(jinja, lb_jinja_body_of(called->definition)->body, inner, &made));
    *result = lb_jinja_of_text(made);
    jinja->line = line;
    lb_jinja_leave(jinja);
    return LOBASS_OK;
}

lobass_status lb_jinja_macro_make(lb_jinja *jinja, value *made, const node *definition,
                                  scope *within)
{
    void *memory = NULL;
    LB_TRY(lb_jinja_take(jinja, &memory, 1, sizeof(macro)));
    macro *defined = memory;
    *defined = (macro){macro_call, definition, within};
    *made = lb_jinja_of_object(KIND_MACRO, defined);
    return LOBASS_OK;
}

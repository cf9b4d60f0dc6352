/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters, tests, methods and functions seen from their callers: found by name in the tables of a
 * language, their arguments bound to the parameters of their signature and taken as what they have
 * to be. Which there are is language.c's.
 */
#include "jinja/jinja_private.h"

/* ---- arguments ------------------------------------------------------------------------------- */

lobass_status lb_jinja_bind(lb_jinja *jinja, value bound[MOST_PARAMETERS],
                            const signature *expected, const arguments *given)
{
    size_t n = 0;
    for (size_t i = 0; i < MOST_PARAMETERS; i++)
    {
        bound[i] = (value){.kind = KIND_MISSING};
    }
    if (expected->takes_all)
    {
        return LOBASS_OK;
    }
    while (n < MOST_PARAMETERS && expected->parameters[n] != NULL)
    {
        n++;
    }
    if (given->n_positional > n)
    {
        return lb_jinja_fail(jinja, "%s() takes at most %zu argument(s), %zu given", expected->name,
                             n, given->n_positional);
    }
    for (size_t i = 0; i < given->n_positional; i++)
    {
        bound[i] = given->positional[i];
    }
    for (size_t i = 0; i < given->n_keywords; i++)
    {
        const text *name = lb_jinja_text_of(&given->keywords[i].key);
        size_t at = 0;
        while (at < n && !lb_jinja_text_is(name, expected->parameters[at]))
        {
            at++;
        }
        if (at == n || bound[at].kind != KIND_MISSING)
        {
            return lb_jinja_fail(jinja, "%s() got %s argument '%s'", expected->name,
                                 at == n ? "an unexpected keyword" : "multiple values for",
                                 name->data);
        }
        bound[at] = given->keywords[i].value;
    }
    for (size_t i = 0; i < expected->n_required; i++)
    {
        if (bound[i].kind == KIND_MISSING)
        {
            return lb_jinja_fail(jinja, "%s() is missing its argument '%s'", expected->name,
                                 expected->parameters[i]);
        }
    }
    return LOBASS_OK;
}

lobass_status lb_jinja_take_integer(lb_jinja *jinja, const value *given, int64_t fallback,
                                    int64_t *taken)
{
    *taken = fallback;
    if (given->kind == KIND_INTEGER || given->kind == KIND_BOOLEAN)
    {
        *taken = given->kind == KIND_BOOLEAN ? given->as.boolean : given->as.integer;
        return LOBASS_OK;
    }
    return given->kind == KIND_MISSING
               ? LOBASS_OK
               : lb_jinja_fail(jinja, "'%s' object cannot be interpreted as an integer",
                               lb_jinja_type_name(given));
}

bool lb_jinja_is_given(const value *bound)
{
    return bound->kind != KIND_MISSING && bound->kind != KIND_NONE;
}

/* An argument that has to be text. */
lobass_status lb_jinja_take_text(const call *c, size_t index, const text **taken)
{
    if (c->bound[index].kind != KIND_STRING)
    {
        return lb_jinja_fail(c->jinja, "found %s as argument, expected str",
                             lb_jinja_type_name(&c->bound[index]));
    }
    *taken = lb_jinja_text_of(&c->bound[index]);
    return LOBASS_OK;
}

/* ---- rows by name ---------------------------------------------------------------------------- */

const filter_row *lb_jinja_filter_find(const language *in, const text *name)
{
    for (size_t i = 0; in->filters[i] != NULL; i++)
    {
        for (const filter_row *row = in->filters[i]; row->signature.name != NULL; row++)
        {
            if (lb_jinja_text_is(name, row->signature.name))
            {
                return row;
            }
        }
    }
    return NULL;
}

const test_row *lb_jinja_test_find(const language *in, const text *name)
{
    const test_row *row = in->tests;
    while (row->signature.name != NULL && !lb_jinja_text_is(name, row->signature.name))
    {
        row++;
    }
    return row->signature.name == NULL ? NULL : row;
}

const method_row *lb_jinja_method_find(const language *in, const value *of, const text *name)
{
    const method_row *row = in->methods;
    while (row->signature.name != NULL &&
           (row->kind != (value_kind)of->kind || !lb_jinja_text_is(name, row->signature.name)))
    {
        row++;
    }
    return row->signature.name == NULL ? NULL : row;
}

const function_row *lb_jinja_function_find(const language *in, const text *name)
{
    const function_row *row = in->functions;
    while (row->signature.name != NULL && !lb_jinja_text_is(name, row->signature.name))
    {
        row++;
    }
    return row->signature.name == NULL ? NULL : row;
}

lobass_status lb_jinja_row_run(lb_jinja *jinja, value *result, const signature *expected,
                               call_function function, const value *self, const arguments *given)
{
    call c = {.jinja = jinja, .self = *self, .given = given};
    LB_TRY(lb_jinja_bind(jinja, c.bound, expected, given));
    return function(&c, result);
}

lobass_status lb_jinja_filter_run(lb_jinja *jinja, value *result, const filter_row *filter,
                                  const value *subject, const arguments *given)
{
    return lb_jinja_row_run(jinja, result, &filter->signature, filter->run, subject, given);
}

lobass_status lb_jinja_test_run(lb_jinja *jinja, bool *result, const test_row *test,
                                const value *subject, const arguments *given)
{
    call c = {.jinja = jinja, .self = *subject, .given = given};
    LB_TRY(lb_jinja_bind(jinja, c.bound, &test->signature, given));
    return test->run(&c, result);
}

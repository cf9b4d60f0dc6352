/* SPDX-License-Identifier: Apache-2.0
 *
 * Names and what they stand for. A scope is where `set` puts a name: the template, an iteration of
 * a loop, a macro or a block; names are looked for in the scopes around the place where they stand
 * in the text. An `if` is no scope.
 */
#include <string.h>

#include "jinja/tree.h"

lobass_status lb_jinja_scope_make(lb_jinja *jinja, scope **made, scope *parent)
{
    void *memory = NULL;
    LB_TRY(lb_jinja_take(jinja, &memory, 1, sizeof **made));
    *made = memory;
    **made = (scope){.parent = parent};
    return LOBASS_OK;
}

lobass_status lb_jinja_scope_set(lb_jinja *jinja, scope *within, const text *name, const value *set)
{
    LB_TRY(lb_jinja_step(jinja, within->count / 16));
    for (size_t i = 0; i < within->count; i++)
    {
        if (lb_jinja_text_equal(within->variables[i].name, name))
        {
            within->variables[i].value = *set;
            return LOBASS_OK;
        }
    }
    if (within->count == within->capacity)
    {
        void *grown = NULL;
        const size_t wanted = within->capacity == 0 ? 4 : within->capacity * 2;
        LB_TRY(lb_jinja_take(jinja, &grown, wanted, sizeof(variable)));
        if (within->count > 0)
        {
            memcpy(grown, within->variables, within->count * sizeof(variable));
        }
        within->variables = grown;
        within->capacity = wanted;
    }
    within->variables[within->count++] = (variable){name, *set};
    return LOBASS_OK;
}

lobass_status lb_jinja_scope_find(lb_jinja *jinja, const scope *within, const text *name,
                                  const variable **found)
{
    *found = NULL;
    for (const scope *at = within; at != NULL; at = at->parent)
    {
        LB_TRY(lb_jinja_step(jinja, at->count / 16));
        for (size_t i = 0; i < at->count; i++)
        {
            if (at->variables[i].name == name || lb_jinja_text_equal(at->variables[i].name, name))
            {
                *found = &at->variables[i];
                return LOBASS_OK;
            }
        }
    }
    return LOBASS_OK;
}

/* ---- assignment ------------------------------------------------------------------------------ */

static lobass_status assign_tuple(lb_jinja *jinja, const node *target, const value *assigned,
                                  scope *within)
{
    const value *items = NULL;
    size_t count = 0;
    size_t n = 0;
    if (!lb_jinja_is_iterable(assigned))
    {
        return lb_jinja_fail(jinja, "cannot unpack non-iterable %s object",
                             lb_jinja_type_name(assigned));
    }
    LB_TRY(lb_jinja_collect_all(jinja, assigned, &items, &count));
    for (const node *part = target->items; part != NULL; part = part->next)
    {
        n++;
    }
    if (n != count)
    {
        return lb_jinja_fail(jinja, "found %zu values to unpack, expected %zu", count, n);
    }
    const value *next = items;
    for (const node *part = target->items; part != NULL; part = part->next)
    {
        LB_TRY(lb_jinja_assign(jinja, part, next++, within));
    }
    return LOBASS_OK;
}

static lobass_status assign_in_namespace(lb_jinja *jinja, const node *target, const value *assigned,
                                         scope *within)
{
    const variable *space = NULL;
    LB_TRY(lb_jinja_scope_find(jinja, within, target->name, &space));
    if (space == NULL || space->value.kind != KIND_NAMESPACE)
    {
        return lb_jinja_fail(jinja, "cannot assign attribute on non-namespace object");
    }
    dict *members = NULL;
    members = space->value.as.state;
    return lb_jinja_dict_set(jinja, members, &target->constant, assigned);
}

lobass_status lb_jinja_assign(lb_jinja *jinja, const node *target, const value *assigned,
                              scope *within)
{
    switch (target->kind)
    {
    case NODE_TUPLE:
        return assign_tuple(jinja, target, assigned, within);
    case NODE_NAMESPACE_TARGET:
        return assign_in_namespace(jinja, target, assigned, within);
    default:
        return lb_jinja_scope_set(jinja, within, target->name, assigned);
    }
}

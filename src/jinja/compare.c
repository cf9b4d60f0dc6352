/* SPDX-License-Identifier: Apache-2.0
 *
 * Python's comparisons: order, membership, and the operators that say whether they hold. Equality
 * is values.c's.
 */
#include "jinja/jinja_private.h"

static lobass_status list_order(lb_jinja *jinja, const list *a, const list *b, const char *symbol,
                                int *order, bool *is_ordered)
{
    for (size_t i = 0; i < a->count && i < b->count; i++)
    {
        bool is_equal = false;
        LB_TRY(lb_jinja_equal(jinja, &a->items[i], &b->items[i], &is_equal));
        if (!is_equal)
        {
            return lb_jinja_order(jinja, &a->items[i], &b->items[i], symbol, order, is_ordered);
        }
    }
    *order = (a->count > b->count) - (a->count < b->count);
    return LOBASS_OK;
}

lobass_status lb_jinja_order(lb_jinja *jinja, const value *a, const value *b, const char *symbol,
                             int *order, bool *is_ordered)
{
    LB_TRY(lb_jinja_step(jinja, 1));
    *is_ordered = true;
    if (a->kind == KIND_UNDEFINED || b->kind == KIND_UNDEFINED)
    {
        return lb_jinja_fail_undefined(jinja, a->kind == KIND_UNDEFINED ? a : b);
    }
    if (lb_jinja_is_number(a) && lb_jinja_is_number(b))
    {
        *order = lb_jinja_number_order(a, b, is_ordered);
        return LOBASS_OK;
    }
    if (a->kind == b->kind && a->kind == KIND_STRING)
    {
        *order = lb_jinja_text_compare(lb_jinja_text_of(a), lb_jinja_text_of(b));
        return LOBASS_OK;
    }
    if (a->kind == b->kind && (a->kind == KIND_LIST || a->kind == KIND_TUPLE))
    {
        LB_TRY(lb_jinja_enter(jinja));
        LB_TRY(
            list_order(jinja, lb_jinja_list_of(a), lb_jinja_list_of(b), symbol, order, is_ordered));
        lb_jinja_leave(jinja);
        return LOBASS_OK;
    }
    return lb_jinja_fail(jinja, "'%s' not supported between instances of '%s' and '%s'", symbol,
                         lb_jinja_type_name(a), lb_jinja_type_name(b));
}

lobass_status lb_jinja_contains(lb_jinja *jinja, const value *container, const value *sought,
                                bool *is_in)
{
    *is_in = false;
    if (container->kind == KIND_STRING)
    {
        if (sought->kind != KIND_STRING)
        {
            return lb_jinja_fail(jinja, "'in <string>' requires string as left operand, not %s",
                                 lb_jinja_type_name(sought));
        }
        const text *in = lb_jinja_text_of(container);
        LB_TRY(lb_jinja_step(jinja, in->size / 64));
        *is_in = lb_jinja_text_find(in, 0, in->size, lb_jinja_text_of(sought)) != NULL;
        return LOBASS_OK;
    }
    if (container->kind == KIND_DICT)
    {
        entry *found = NULL;
        LB_TRY(lb_jinja_dict_find(jinja, lb_jinja_dict_of(container), sought, &found));
        *is_in = found != NULL;
        return LOBASS_OK;
    }
    if (!lb_jinja_is_iterable(container))
    {
        return lb_jinja_fail(jinja, "argument of type '%s' is not iterable",
                             lb_jinja_type_name(container));
    }
    iterator going;
    value item = {0};
    bool has_item = true;
    LB_TRY(lb_jinja_iterate(jinja, &going, container));
    while (!*is_in && has_item)
    {
        LB_TRY(lb_jinja_next(jinja, &going, &item, &has_item));
        if (has_item)
        {
            LB_TRY(lb_jinja_equal(jinja, &item, sought, is_in));
        }
    }
    return LOBASS_OK;
}

static const char *symbol_of(operation wanted)
{
    return wanted == OPERATION_LESS         ? "<"
           : wanted == OPERATION_LESS_EQUAL ? "<="
           : wanted == OPERATION_GREATER    ? ">"
                                            : ">=";
}

lobass_status lb_jinja_compare(lb_jinja *jinja, bool *result, operation wanted, const value *a,
                               const value *b)
{
    int order = 0;
    bool is_ordered = true;
    switch (wanted)
    {
    case OPERATION_EQUAL:
    case OPERATION_UNEQUAL:
        LB_TRY(lb_jinja_equal(jinja, a, b, result));
        *result = *result == (wanted == OPERATION_EQUAL);
        return LOBASS_OK;
    case OPERATION_IN:
    case OPERATION_NOT_IN:
        LB_TRY(lb_jinja_contains(jinja, b, a, result));
        *result = *result == (wanted == OPERATION_IN);
        return LOBASS_OK;
    default:
        break;
    }
    LB_TRY(lb_jinja_order(jinja, a, b, symbol_of(wanted), &order, &is_ordered));
    *result = is_ordered && (wanted == OPERATION_LESS         ? order < 0
                             : wanted == OPERATION_LESS_EQUAL ? order <= 0
                             : wanted == OPERATION_GREATER    ? order > 0
                                                              : order >= 0);
    return LOBASS_OK;
}

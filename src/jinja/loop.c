/* SPDX-License-Identifier: Apache-2.0
 *
 * What a loop knows of itself: `loop` looks one item ahead and no further, and goes through all
 * that is left only where its length is asked for.
 */
#include <string.h>

#include "jinja/tree.h"

/* The next item that the loop's condition lets through, from its source. */
static lobass_status loop_pull(lb_jinja *jinja, loop *around, value *item, bool *has_item)
{
    for (;;)
    {
        LB_TRY(lb_jinja_next(jinja, &around->source, item, has_item));
        if (!*has_item || around->test == NULL)
        {
            return LOBASS_OK;
        }
        scope *inner = NULL;
        value passed = {0};
        LB_TRY(lb_jinja_scope_make(jinja, &inner, around->scope));
        LB_TRY(lb_jinja_assign(jinja, around->target, item, inner));
        LB_TRY(lb_jinja_evaluate(jinja, &passed, around->test, inner));
        if (lb_jinja_truth(&passed))
        {
            return LOBASS_OK;
        }
    }
}

static lobass_status loop_next(lb_jinja *jinja, loop *around, value *item, bool *has_item)
{
    if (around->after.kind != KIND_MISSING)
    {
        *item = around->after;
        *has_item = true;
        around->after.kind = KIND_MISSING;
    }
    else
    {
        LB_TRY(loop_pull(jinja, around, item, has_item));
    }
    if (*has_item)
    {
        around->index0++;
        around->before = around->current;
        around->current = *item;
    }
    return LOBASS_OK;
}

static lobass_status loop_peek(lb_jinja *jinja, loop *around, bool *has_item)
{
    *has_item = true;
    if (around->after.kind != KIND_MISSING)
    {
        return LOBASS_OK;
    }
    value item = {.kind = KIND_MISSING};
    LB_TRY(loop_pull(jinja, around, &item, has_item));
    around->after = *has_item ? item : around->after;
    return LOBASS_OK;
}

static lobass_status loop_length(lb_jinja *jinja, loop *around)
{
    if (around->length >= 0)
    {
        return LOBASS_OK;
    }
    if (around->test == NULL && lb_jinja_has_length(&around->iterable))
    {
        return lb_jinja_length(jinja, &around->iterable, &around->length);
    }
    const value *items = NULL;
    value *left = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (bool has_item = true; has_item;)
    {
        value item = {0};
        LB_TRY(loop_pull(jinja, around, &item, &has_item));
        if (has_item && count == capacity)
        {
            void *grown = NULL;
            capacity = capacity == 0 ? 8 : capacity * 2;
            LB_TRY(lb_jinja_take(jinja, &grown, capacity, sizeof *left));
            if (count > 0)
            {
                memcpy(grown, left, count * sizeof *left);
            }
            left = grown;
        }
        if (has_item)
        {
            left[count++] = item;
        }
    }
    items = left;
    value rest = {0};
    LB_TRY(lb_jinja_make_list(jinja, &rest, KIND_LIST, items, count));
    LB_TRY(lb_jinja_iterate(jinja, &around->source, &rest));
    around->test = NULL;
    around->length =
        (int64_t)count + around->index0 + 1 + (around->after.kind != KIND_MISSING ? 1 : 0);
    return LOBASS_OK;
}

static lobass_status loop_attribute(lb_jinja *jinja, value *result, loop *around, const text *name,
                                    bool *is_there)
{
    bool has_next = false;
    *is_there = true;
    const int64_t index0 = around->index0;
    const struct
    {
        const char *name;
        int64_t number;
    } counts[] = {{"index", index0 + 1},
                  {"index0", index0},
                  {"depth", around->depth0 + 1},
                  {"depth0", around->depth0}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
    {
        if (lb_jinja_text_is(name, counts[i].name))
        {
            *result = lb_jinja_integer(counts[i].number, 0);
            return LOBASS_OK;
        }
    }
    if (lb_jinja_text_is(name, "first"))
    {
        *result = lb_jinja_boolean(index0 == 0);
        return LOBASS_OK;
    }
    if (lb_jinja_text_is(name, "last"))
    {
        LB_TRY(loop_peek(jinja, around, &has_next));
        *result = lb_jinja_boolean(!has_next);
        return LOBASS_OK;
    }
    if (lb_jinja_text_is(name, "previtem"))
    {
        *result = around->before;
        return index0 > 0 ? LOBASS_OK
                          : lb_jinja_make_undefined(jinja, result, "there is no previous item",
                                                    NULL, NULL);
    }
    if (lb_jinja_text_is(name, "nextitem"))
    {
        LB_TRY(loop_peek(jinja, around, &has_next));
        *result = around->after;
        return has_next
                   ? LOBASS_OK
                   : lb_jinja_make_undefined(jinja, result, "there is no next item", NULL, NULL);
    }
    const bool is_reverse = lb_jinja_text_is(name, "revindex");
    const bool is_reverse0 = lb_jinja_text_is(name, "revindex0");
    *is_there = is_reverse || is_reverse0 || lb_jinja_text_is(name, "length");
    if (!*is_there)
    {
        return LOBASS_OK;
    }
    LB_TRY(loop_length(jinja, around));
    *result = lb_jinja_integer(around->length - (is_reverse    ? index0
                                                 : is_reverse0 ? index0 + 1
                                                               : 0),
                               0);
    return LOBASS_OK;
}

lobass_status lb_jinja_loop_make(lb_jinja *jinja, loop **made, const node *at, scope *within)
{
    void *memory = NULL;
    LB_TRY(lb_jinja_take(jinja, &memory, 1, sizeof **made));
    *made = memory;
    **made = (loop){.next = loop_next,
                    .attribute = loop_attribute,
                    .test = at->third,
                    .target = at->left,
                    .scope = within,
                    .index0 = -1,
                    .length = -1};
    (*made)->before.kind = KIND_MISSING;
    (*made)->current.kind = KIND_MISSING;
    (*made)->after.kind = KIND_MISSING;
    (*made)->changed.kind = KIND_MISSING;
    LB_TRY(lb_jinja_evaluate(jinja, &(*made)->iterable, at->right, within));
    return lb_jinja_iterate(jinja, &(*made)->source, &(*made)->iterable);
}

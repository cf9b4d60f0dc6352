/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters over sequences. map, select and their kin give generators: always true, without a length,
 * gone through once.
 */
#include <stdlib.h>
#include <string.h>

#include "jinja/jinja_private.h"

static lobass_status make_from(const call *c, value *result, const value *items, size_t count)
{
    return lb_jinja_make_list(c->jinja, result, KIND_LIST, items, count);
}

static lobass_status run_list(call *c, value *result)
{
    const value *items = NULL;
    size_t count = 0;
    LB_TRY(lb_jinja_collect_all(c->jinja, &c->self, &items, &count));
    return make_from(c, result, items, count);
}

static lobass_status run_join(call *c, value *result)
{
    text_builder builder;
    const text *between = &lb_jinja_word_empty;
    const text *made = NULL;
    iterator going;
    const value none = {.kind = KIND_MISSING};
    bool has_item = true;
    if (c->bound[0].kind != KIND_MISSING)
    {
        LB_TRY(lb_jinja_text_from(c->jinja, &between, &c->bound[0]));
    }
    lb_jinja_builder_begin(&builder, c->jinja);
    LB_TRY(lb_jinja_iterate(c->jinja, &going, &c->self));
    for (bool is_first = true;; is_first = false)
    {
        value item = {0};
        value part = {0};
        LB_TRY(lb_jinja_next(c->jinja, &going, &item, &has_item));
        if (!has_item)
        {
            break;
        }
        LB_TRY(lb_jinja_path(c->jinja, &part, &item, &c->bound[1], &none));
        LB_TRY(is_first ? LOBASS_OK : lb_jinja_builder_text(&builder, between));
        LB_TRY(lb_jinja_print(&builder, &part));
    }
    LB_TRY(lb_jinja_builder_end(&builder, &made));
    *result = lb_jinja_of_text(made);
    return LOBASS_OK;
}

static lobass_status run_first(call *c, value *result)
{
    iterator going;
    bool has_item = false;
    LB_TRY(lb_jinja_iterate(c->jinja, &going, &c->self));
    LB_TRY(lb_jinja_next(c->jinja, &going, result, &has_item));
    return has_item ? LOBASS_OK
                    : lb_jinja_make_undefined(c->jinja, result,
                                              "No first item, sequence was empty.", NULL, NULL);
}

static lobass_status run_last(call *c, value *result)
{
    const value *items = NULL;
    size_t count = 0;
    if (c->self.kind == KIND_GENERATOR || c->self.kind == KIND_LOOP ||
        !lb_jinja_is_iterable(&c->self))
    {
        return lb_jinja_fail(c->jinja, "'%s' object is not reversible",
                             lb_jinja_type_name(&c->self));
    }
    LB_TRY(lb_jinja_collect_all(c->jinja, &c->self, &items, &count));
    if (count == 0)
    {
        return lb_jinja_make_undefined(c->jinja, result, "No last item, sequence was empty.", NULL,
                                       NULL);
    }
    *result = items[count - 1];
    result->is_safe = c->self.kind == KIND_STRING ? c->self.is_safe : result->is_safe;
    return LOBASS_OK;
}

/* ---- generators ------------------------------------------------------------------------------ */

static lobass_status step_held(lb_jinja *jinja, generator *of, value *item, bool *has_item)
{
    LB_TRY(lb_jinja_step(jinja, 1));
    *has_item = of->at < of->n_items;
    *item = *has_item ? of->items[of->at++] : *item;
    return LOBASS_OK;
}

static lobass_status step_items(lb_jinja *jinja, generator *of, value *item, bool *has_item)
{
    if (of->source_value.kind == KIND_UNDEFINED)
    {
        *has_item = false;
        return LOBASS_OK;
    }
    if (of->source_value.kind != KIND_DICT)
    {
        return lb_jinja_fail(jinja, "Can only get item pairs from a mapping.");
    }
    const dict *members = lb_jinja_dict_of(&of->source_value);
    *has_item = of->at < members->count;
    if (!*has_item)
    {
        return LOBASS_OK;
    }
    const entry *found = &members->entries[of->at++];
    return lb_jinja_make_pair(jinja, item, &found->key, &found->value);
}

static lobass_status run_items(call *c, value *result)
{
    generator *made = NULL;
    LB_TRY(lb_jinja_make_generator(c->jinja, result, &made, step_items, &c->self));
    made->has_begun = true; /* what it goes through is looked at by its step */
    return LOBASS_OK;
}

static lobass_status step_map(lb_jinja *jinja, generator *of, value *item, bool *has_item)
{
    value next = {0};
    LB_TRY(lb_jinja_next(jinja, &of->source, &next, has_item));
    if (!*has_item)
    {
        return LOBASS_OK;
    }
    return of->filter != NULL ? lb_jinja_filter_run(jinja, item, of->filter, &next, &of->given)
                              : lb_jinja_path(jinja, item, &next, &of->attribute, &of->fallback);
}

/* A value that is false has nothing to go through, whatever it is. */
static lobass_status step_nothing(lb_jinja *jinja, generator *of, value *item, bool *has_item)
{
    (void)jinja;
    (void)of;
    (void)item;
    *has_item = false;
    return LOBASS_OK;
}

static lobass_status step_failure(lb_jinja *jinja, generator *of, value *item, bool *has_item)
{
    (void)item;
    *has_item = false;
    return lb_jinja_fail(jinja, "%s", lb_jinja_text_of(&of->pending)->data);
}

static const value *keyword(const arguments *given, const char *name)
{
    for (size_t i = 0; i < given->n_keywords; i++)
    {
        if (lb_jinja_text_is(lb_jinja_text_of(&given->keywords[i].key), name))
        {
            return &given->keywords[i].value;
        }
    }
    return NULL;
}

/* Fails when it is first gone through. */
static lobass_status fail_later(const call *c, generator *made, const char *what)
{
    made->step = step_failure;
    return lb_jinja_make_word(c->jinja, &made->pending, what);
}

/* The arguments of the filter or test that is applied, those behind the first N. */
static arguments without_first(const arguments *given, size_t n)
{
    arguments rest = *given;
    rest.positional += n;
    rest.n_positional -= n;
    return rest;
}

static lobass_status run_map(call *c, value *result)
{
    generator *made = NULL;
    LB_TRY(lb_jinja_make_generator(c->jinja, result, &made, step_map, &c->self));
    if (!lb_jinja_truth(&c->self))
    {
        made->step = step_nothing;
        made->has_begun = true;
        return LOBASS_OK;
    }
    const value *attribute = keyword(c->given, "attribute");
    const value *fallback = keyword(c->given, "default");
    if (c->given->n_positional == 0 && attribute != NULL)
    {
        made->attribute = *attribute;
        made->fallback = fallback == NULL ? made->fallback : *fallback;
        const size_t n_known = fallback == NULL ? 1 : 2;
        return c->given->n_keywords == n_known
                   ? LOBASS_OK
                   : fail_later(c, made, "map: unexpected keyword argument");
    }
    if (c->given->n_positional == 0)
    {
        return fail_later(c, made, "map requires a filter argument");
    }
    made->filter =
        c->given->positional[0].kind == KIND_STRING
            ? lb_jinja_filter_find(c->jinja->language, lb_jinja_text_of(&c->given->positional[0]))
            : NULL;
    made->given = without_first(c->given, 1);
    return made->filter != NULL && made->filter->run != NULL
               ? LOBASS_OK
               : fail_later(c, made, "map: no filter of that name");
}

static lobass_status step_select(lb_jinja *jinja, generator *of, value *item, bool *has_item)
{
    const value none = {.kind = KIND_MISSING};
    for (;;)
    {
        value tested = {0};
        bool passed = false;
        LB_TRY(lb_jinja_next(jinja, &of->source, item, has_item));
        if (!*has_item)
        {
            return LOBASS_OK;
        }
        LB_TRY(lb_jinja_path(jinja, &tested, item, &of->attribute, &none));
        passed = lb_jinja_truth(&tested);
        if (of->test != NULL)
        {
            LB_TRY(lb_jinja_test_run(jinja, &passed, of->test, &tested, &of->given));
        }
        if (passed != of->is_negated)
        {
            return LOBASS_OK;
        }
    }
}

static lobass_status make_selection(call *c, value *result, bool is_negated, bool by_attribute)
{
    generator *made = NULL;
    const size_t n_first = by_attribute ? 1 : 0;
    LB_TRY(lb_jinja_make_generator(c->jinja, result, &made, step_select, &c->self));
    made->is_negated = is_negated;
    if (!lb_jinja_truth(&c->self))
    {
        made->step = step_nothing;
        made->has_begun = true;
        return LOBASS_OK;
    }
    if (c->given->n_positional < n_first)
    {
        return fail_later(c, made, "Missing parameter for attribute name");
    }
    if (by_attribute)
    {
        made->attribute = c->given->positional[0];
    }
    if (c->given->n_positional == n_first)
    {
        return LOBASS_OK;
    }
    const value *name = &c->given->positional[n_first];
    made->test = name->kind == KIND_STRING
                     ? lb_jinja_test_find(c->jinja->language, lb_jinja_text_of(name))
                     : NULL;
    made->given = without_first(c->given, n_first + 1);
    return made->test != NULL ? LOBASS_OK : fail_later(c, made, "no test of that name");
}

static lobass_status run_select(call *c, value *result)
{
    return make_selection(c, result, false, false);
}

static lobass_status run_reject(call *c, value *result)
{
    return make_selection(c, result, true, false);
}

static lobass_status run_selectattr(call *c, value *result)
{
    return make_selection(c, result, false, true);
}

static lobass_status run_rejectattr(call *c, value *result)
{
    return make_selection(c, result, true, true);
}

static lobass_status step_unique(lb_jinja *jinja, generator *of, value *item, bool *has_item)
{
    for (;;)
    {
        value key = {0};
        entry *found = NULL;
        LB_TRY(lb_jinja_next(jinja, &of->source, item, has_item));
        if (!*has_item)
        {
            return LOBASS_OK;
        }
        LB_TRY(lb_jinja_comparable(jinja, &key, item, &of->attribute, of->is_negated));
        LB_TRY(lb_jinja_dict_find(jinja, of->seen, &key, &found));
        if (found == NULL)
        {
            return lb_jinja_dict_set(jinja, of->seen, &key, item);
        }
    }
}

static lobass_status run_unique(call *c, value *result)
{
    generator *made = NULL;
    LB_TRY(lb_jinja_make_generator(c->jinja, result, &made, step_unique, &c->self));
    made->is_negated = lb_jinja_truth(&c->bound[0]); /* case sensitive */
    made->attribute = c->bound[1];
    return lb_jinja_dict_make(c->jinja, &made->seen, 8);
}

static lobass_status run_reverse(call *c, value *result)
{
    const value *items = NULL;
    size_t count = 0;
    void *memory = NULL;
    generator *made = NULL;
    if (c->self.kind == KIND_STRING)
    {
        const value none = lb_jinja_none();
        const value back = lb_jinja_integer(-1, 0);
        return lb_jinja_slice(c->jinja, result, &c->self, &none, &none, &back);
    }
    if (!lb_jinja_is_iterable(&c->self))
    {
        return lb_jinja_fail(c->jinja, "argument must be iterable");
    }
    LB_TRY(lb_jinja_collect_all(c->jinja, &c->self, &items, &count));
    LB_TRY(lb_jinja_take(c->jinja, &memory, count, sizeof *items));
    value *reversed = memory;
    for (size_t i = 0; i < count; i++)
    {
        reversed[i] = items[count - 1 - i];
    }
    if (c->self.kind == KIND_GENERATOR)
    {
        return make_from(c, result, reversed, count);
    }
    LB_TRY(lb_jinja_make_generator(c->jinja, result, &made, step_held, &c->self));
    made->items = reversed;
    made->n_items = count;
    return LOBASS_OK;
}

/* Lists of LINECOUNT items each. */
static lobass_status step_batch(lb_jinja *jinja, generator *of, value *item, bool *has_item)
{
    void *memory = NULL;
    size_t n = 0;
    bool has_next = true;
    const size_t wanted = (size_t)of->n;
    LB_TRY(lb_jinja_take(jinja, &memory, wanted, sizeof(value)));
    value *items = memory;
    while (n < wanted)
    {
        LB_TRY(lb_jinja_next(jinja, &of->source, &items[n], &has_next));
        if (!has_next)
        {
            break;
        }
        n++;
    }
    *has_item = n > 0;
    while (n > 0 && n < wanted && of->fallback.kind != KIND_MISSING &&
           of->fallback.kind != KIND_NONE)
    {
        items[n++] = of->fallback;
    }
    return *has_item ? lb_jinja_make_list(jinja, item, KIND_LIST, items, n) : LOBASS_OK;
}

static lobass_status run_batch(call *c, value *result)
{
    generator *made = NULL;
    LB_TRY(lb_jinja_make_generator(c->jinja, result, &made, step_batch, &c->self));
    made->fallback = c->bound[1];
    LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[0], 1, &made->n));
    return made->n > 0 ? LOBASS_OK
                       : lb_jinja_fail(c->jinja, "batch of less than one item is not supported");
}

/* As many lists as asked for, as even as can be. */
static lobass_status cut_in_lists(lb_jinja *jinja, generator *of)
{
    void *memory = NULL;
    size_t count = 0;
    const value *items = NULL;
    const size_t n = (size_t)of->n;
    LB_TRY(lb_jinja_collect(jinja, &of->source, &items, &count));
    LB_TRY(lb_jinja_take(jinja, &memory, n, sizeof(value)));
    value *parts = memory;
    const size_t n_extra = count % n;
    const bool fills = lb_jinja_is_given(&of->fallback);
    for (size_t i = 0, at = 0; i < n; i++)
    {
        const size_t size = count / n + (i < n_extra ? 1 : 0);
        LB_TRY(lb_jinja_take(jinja, &memory, size + 1, sizeof(value)));
        value *part = memory;
        for (size_t j = 0; j < size; j++)
        {
            part[j] = items[at++];
        }
        part[size] = of->fallback;
        LB_TRY(lb_jinja_make_list(jinja, &parts[i], KIND_LIST, part,
                                  size + (fills && i >= n_extra ? 1 : 0)));
    }
    of->items = parts;
    of->n_items = n;
    return LOBASS_OK;
}

static lobass_status step_slice(lb_jinja *jinja, generator *of, value *item, bool *has_item)
{
    LB_TRY(of->items == NULL ? cut_in_lists(jinja, of) : LOBASS_OK);
    return step_held(jinja, of, item, has_item);
}

static lobass_status run_slice(call *c, value *result)
{
    generator *made = NULL;
    LB_TRY(lb_jinja_make_generator(c->jinja, result, &made, step_slice, &c->self));
    made->fallback = c->bound[1];
    LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[0], 1, &made->n));
    return made->n > 0 && made->n <= 100000
               ? LOBASS_OK
               : lb_jinja_fail(c->jinja, "slice in %lld parts is not supported",
                               (long long)made->n);
}

#define FILTER(name, function, n_required, ...) {{name, {__VA_ARGS__}, n_required, false}, function}
#define FILTER_OF_ALL(name, function) {{name, {NULL}, 0, true}, function}

const filter_row lb_jinja_sequence_filters[] = {
    FILTER("list", run_list, 0, NULL),
    FILTER("join", run_join, 0, "d", "attribute"),
    FILTER("first", run_first, 0, NULL),
    FILTER("last", run_last, 0, NULL),
    FILTER("items", run_items, 0, NULL),
    FILTER_OF_ALL("map", run_map),
    FILTER_OF_ALL("select", run_select),
    FILTER_OF_ALL("reject", run_reject),
    FILTER_OF_ALL("selectattr", run_selectattr),
    FILTER_OF_ALL("rejectattr", run_rejectattr),
    FILTER("unique", run_unique, 0, "case_sensitive", "attribute"),
    FILTER("reverse", run_reverse, 0, NULL),
    FILTER("batch", run_batch, 1, "linecount", "fill_with"),
    FILTER("slice", run_slice, 1, "slices", "fill_with"),
    {{NULL, {NULL}, 0, false}, NULL}};

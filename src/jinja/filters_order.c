/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters that put in order, and those that bring a sequence down to one value. Strings compare
 * without their case unless a template asks for it.
 */
#include <string.h>

#include "jinja/jinja_private.h"

/* Strings in lower case where case does not count. */
lobass_status lb_jinja_comparable(lb_jinja *jinja, value *key, const value *of, const value *path,
                                  bool is_case_sensitive)
{
    const value none = {.kind = KIND_MISSING};
    LB_TRY(lb_jinja_path(jinja, key, of, path, &none));
    return key->kind == KIND_STRING && !is_case_sensitive
               ? lb_jinja_cased(jinja, key, lb_jinja_text_of(key), CASE_LOWER)
               : LOBASS_OK;
}

typedef struct keyed
{
    value key, item;
} keyed;

/* Stable; REVERSE keeps the order of equals, as Python's sorted() does. */
static lobass_status sort_keyed(lb_jinja *jinja, keyed *items, keyed *spare, size_t count,
                                bool is_reverse)
{
    if (count < 2)
    {
        return LOBASS_OK;
    }
    const size_t half = count / 2;
    LB_TRY(sort_keyed(jinja, items, spare, half, is_reverse));
    LB_TRY(sort_keyed(jinja, items + half, spare, count - half, is_reverse));
    size_t a = 0;
    size_t b = half;
    for (size_t i = 0; i < count; i++)
    {
        int order = 0;
        bool is_ordered = true;
        if (a < half && b < count)
        {
            LB_TRY(lb_jinja_order(jinja, &items[b].key, &items[a].key, "<", &order, &is_ordered));
            order = is_reverse ? -order : order;
        }
        const bool takes_second = a == half || (b < count && is_ordered && order < 0);
        spare[i] = takes_second ? items[b++] : items[a++];
    }
    memcpy(items, spare, count * sizeof *items);
    return LOBASS_OK;
}

/* Keys of "a,b" are lists. */
static lobass_status sort_key(const call *c, value *key, const value *item, const value *path,
                              bool is_case_sensitive)
{
    const text *paths = path->kind == KIND_STRING ? lb_jinja_text_of(path) : NULL;
    if (paths == NULL || memchr(paths->data, ',', paths->size) == NULL)
    {
        return lb_jinja_comparable(c->jinja, key, item, path, is_case_sensitive);
    }
    size_t n = 1;
    size_t at = 0;
    void *memory = NULL;
    for (size_t i = 0; i < paths->size; i++)
    {
        n += paths->data[i] == ',';
    }
    LB_TRY(lb_jinja_take(c->jinja, &memory, n, sizeof(value)));
    value *keys = memory;
    for (size_t i = 0; i < n; i++)
    {
        const text *part = NULL;
        const char *comma = memchr(paths->data + at, ',', paths->size - at);
        const size_t end = comma == NULL ? paths->size : (size_t)(comma - paths->data);
        LB_TRY(lb_jinja_text_part(c->jinja, &part, paths, at, end));
        const value one = lb_jinja_of_text(part);
        LB_TRY(lb_jinja_comparable(c->jinja, &keys[i], item, &one, is_case_sensitive));
        at = end + 1;
    }
    return lb_jinja_make_list(c->jinja, key, KIND_LIST, keys, n);
}

static lobass_status sort_items(const call *c, keyed **sorted, const value *items, size_t count,
                                const value *path, bool is_case_sensitive, bool is_reverse)
{
    void *memory = NULL;
    LB_TRY(lb_jinja_take(c->jinja, &memory, count * 2, sizeof **sorted));
    *sorted = memory;
    for (size_t i = 0; i < count; i++)
    {
        (*sorted)[i].item = items[i];
        LB_TRY(sort_key(c, &(*sorted)[i].key, &items[i], path, is_case_sensitive));
    }
    return sort_keyed(c->jinja, *sorted, *sorted + count, count, is_reverse);
}

static lobass_status list_sorted(const call *c, value *result, const keyed *sorted, size_t count)
{
    void *memory = NULL;
    LB_TRY(lb_jinja_take(c->jinja, &memory, count, sizeof(value)));
    value *items = memory;
    for (size_t i = 0; i < count; i++)
    {
        items[i] = sorted[i].item;
    }
    return lb_jinja_make_list(c->jinja, result, KIND_LIST, items, count);
}

static lobass_status run_sort(call *c, value *result)
{
    const value *items = NULL;
    size_t count = 0;
    keyed *sorted = NULL;
    LB_TRY(lb_jinja_collect_all(c->jinja, &c->self, &items, &count));
    LB_TRY(sort_items(c, &sorted, items, count, &c->bound[2], lb_jinja_truth(&c->bound[1]),
                      lb_jinja_truth(&c->bound[0])));
    return list_sorted(c, result, sorted, count);
}

static lobass_status run_dictsort(call *c, value *result)
{
    const text *by = &lb_jinja_word_key;
    void *memory = NULL;
    keyed *sorted = NULL;
    if (c->self.kind != KIND_DICT)
    {
        return c->self.kind == KIND_UNDEFINED
                   ? lb_jinja_fail_undefined(c->jinja, &c->self)
                   : lb_jinja_fail(c->jinja, "'%s' object has no attribute 'items'",
                                   lb_jinja_type_name(&c->self));
    }
    LB_TRY(lb_jinja_is_given(&c->bound[1]) ? lb_jinja_take_text(c, 1, &by) : LOBASS_OK);
    if (!lb_jinja_text_is(by, "key") && !lb_jinja_text_is(by, "value"))
    {
        return lb_jinja_fail(c->jinja, "You can only sort by either \"key\" or \"value\"");
    }
    const dict *of = lb_jinja_dict_of(&c->self);
    const value path = lb_jinja_integer(lb_jinja_text_is(by, "value") ? 1 : 0, 0);
    LB_TRY(lb_jinja_take(c->jinja, &memory, of->count, sizeof(value)));
    value *pairs = memory;
    for (size_t i = 0; i < of->count; i++)
    {
        LB_TRY(lb_jinja_make_pair(c->jinja, &pairs[i], &of->entries[i].key, &of->entries[i].value));
    }
    LB_TRY(sort_items(c, &sorted, pairs, of->count, &path, lb_jinja_truth(&c->bound[0]),
                      lb_jinja_truth(&c->bound[2])));
    return list_sorted(c, result, sorted, of->count);
}

static lobass_status extreme(call *c, value *result, int sign)
{
    iterator going;
    value item = {0};
    value best = {0};
    value key = {0};
    bool has_item = false;
    const bool is_case_sensitive = lb_jinja_truth(&c->bound[0]);
    LB_TRY(lb_jinja_iterate(c->jinja, &going, &c->self));
    LB_TRY(lb_jinja_next(c->jinja, &going, &item, &has_item));
    if (!has_item)
    {
        return lb_jinja_make_undefined(c->jinja, result, "No aggregated item, sequence was empty.",
                                       NULL, NULL);
    }
    *result = item;
    LB_TRY(lb_jinja_comparable(c->jinja, &best, &item, &c->bound[1], is_case_sensitive));
    for (;;)
    {
        int order = 0;
        bool is_ordered = false;
        LB_TRY(lb_jinja_next(c->jinja, &going, &item, &has_item));
        if (!has_item)
        {
            return LOBASS_OK;
        }
        LB_TRY(lb_jinja_comparable(c->jinja, &key, &item, &c->bound[1], is_case_sensitive));
        LB_TRY(lb_jinja_order(c->jinja, &key, &best, sign > 0 ? ">" : "<", &order, &is_ordered));
        if (is_ordered && order * sign > 0)
        {
            best = key;
            *result = item;
        }
    }
}

static lobass_status run_min(call *c, value *result)
{
    return extreme(c, result, -1);
}

static lobass_status run_max(call *c, value *result)
{
    return extreme(c, result, 1);
}

static lobass_status run_sum(call *c, value *result)
{
    iterator going;
    bool has_item = false;
    const value none = {.kind = KIND_MISSING};
    *result = c->bound[1].kind == KIND_MISSING ? lb_jinja_integer(0, 0) : c->bound[1];
    if (result->kind == KIND_STRING)
    {
        return lb_jinja_fail(c->jinja, "sum() can't sum strings [use ''.join(seq) instead]");
    }
    LB_TRY(lb_jinja_iterate(c->jinja, &going, &c->self));
    for (;;)
    {
        value item = {0};
        value part = {0};
        LB_TRY(lb_jinja_next(c->jinja, &going, &item, &has_item));
        if (!has_item)
        {
            return LOBASS_OK;
        }
        const value before = *result;
        LB_TRY(lb_jinja_path(c->jinja, &part, &item, &c->bound[0], &none));
        LB_TRY(lb_jinja_binary(c->jinja, result, OPERATION_ADD, &before, &part));
    }
}

/* Pairs of a key and the items that have it, by sorted keys. */
static lobass_status run_groupby(call *c, value *result)
{
    const value *items = NULL;
    size_t count = 0;
    keyed *sorted = NULL;
    void *memory = NULL;
    size_t n_groups = 0;
    const value none = {.kind = KIND_MISSING};
    if (c->bound[1].kind != KIND_MISSING)
    {
        return lb_jinja_fail(c->jinja, "groupby with a default is not supported");
    }
    LB_TRY(lb_jinja_collect_all(c->jinja, &c->self, &items, &count));
    LB_TRY(sort_items(c, &sorted, items, count, &c->bound[0], lb_jinja_truth(&c->bound[2]), false));
    LB_TRY(lb_jinja_take(c->jinja, &memory, count, sizeof(value)));
    value *groups = memory;
    for (size_t from = 0, to = 0; from < count; from = to)
    {
        value key = {0};
        value members = {0};
        bool is_equal = true;
        for (to = from + 1; to < count; to++)
        {
            LB_TRY(lb_jinja_equal(c->jinja, &sorted[from].key, &sorted[to].key, &is_equal));
            if (!is_equal)
            {
                break;
            }
        }
        LB_TRY(lb_jinja_path(c->jinja, &key, &sorted[from].item, &c->bound[0], &none));
        LB_TRY(list_sorted(c, &members, sorted + from, to - from));
        LB_TRY(lb_jinja_make_pair(c->jinja, &groups[n_groups++], &key, &members));
    }
    return lb_jinja_make_list(c->jinja, result, KIND_LIST, groups, n_groups);
}

#define FILTER(name, function, n_required, ...) {{name, {__VA_ARGS__}, n_required, false}, function}

const filter_row lb_jinja_order_filters[] = {
    FILTER("sort", run_sort, 0, "reverse", "case_sensitive", "attribute"),
    FILTER("dictsort", run_dictsort, 0, "case_sensitive", "by", "reverse"),
    FILTER("min", run_min, 0, "case_sensitive", "attribute"),
    FILTER("max", run_max, 0, "case_sensitive", "attribute"),
    FILTER("sum", run_sum, 0, "attribute", "start"),
    FILTER("groupby", run_groupby, 1, "attribute", "default", "case_sensitive"),
    {{NULL, {NULL}, 0, false}, NULL}};

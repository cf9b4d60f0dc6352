/* SPDX-License-Identifier: Apache-2.0
 *
 * The methods of Python's str, dict, list and tuple that a template may call. Those that would
 * change a list or a dict are in the table as kept away; of the rest, those without a function are
 * refused by name when they are asked for.
 */
#include <string.h>

#include "jinja/jinja_private.h"

/* ---- dicts, lists, cyclers ------------------------------------------------------------------- */

static lobass_status run_get(call *c, value *result)
{
    entry *found = NULL;
    LB_TRY(lb_jinja_dict_find(c->jinja, lb_jinja_dict_of(&c->self), &c->bound[0], &found));
    *result = found != NULL                      ? found->value
              : c->bound[1].kind == KIND_MISSING ? lb_jinja_none()
                                                 : c->bound[1];
    return LOBASS_OK;
}

static lobass_status make_view(call *c, value *result, view_kind kind)
{
    void *memory = NULL;
    LB_TRY(lb_jinja_take(c->jinja, &memory, 1, sizeof(view)));
    view *made = memory;
    *made = (view){kind, lb_jinja_dict_of(&c->self)};
    *result = lb_jinja_of_object(KIND_VIEW, made);
    return LOBASS_OK;
}

static lobass_status run_keys(call *c, value *result)
{
    return make_view(c, result, VIEW_KEYS);
}

static lobass_status run_values(call *c, value *result)
{
    return make_view(c, result, VIEW_VALUES);
}

static lobass_status run_items(call *c, value *result)
{
    return make_view(c, result, VIEW_ITEMS);
}

static lobass_status run_copy(call *c, value *result)
{
    *result = c->self; /* nothing changes it */
    return LOBASS_OK;
}

static lobass_status run_list_count(call *c, value *result)
{
    const list *of = lb_jinja_list_of(&c->self);
    int64_t n = 0;
    for (size_t i = 0; i < of->count; i++)
    {
        bool is_equal = false;
        LB_TRY(lb_jinja_equal(c->jinja, &of->items[i], &c->bound[0], &is_equal));
        n += is_equal;
    }
    *result = lb_jinja_integer(n, 0);
    return LOBASS_OK;
}

static lobass_status run_list_index(call *c, value *result)
{
    const list *of = lb_jinja_list_of(&c->self);
    for (size_t i = 0; i < of->count; i++)
    {
        bool is_equal = false;
        LB_TRY(lb_jinja_equal(c->jinja, &of->items[i], &c->bound[0], &is_equal));
        if (is_equal)
        {
            *result = lb_jinja_integer((int64_t)i, 0);
            return LOBASS_OK;
        }
    }
    return lb_jinja_fail(c->jinja, "what is looked for is not in the %s",
                         lb_jinja_type_name(&c->self));
}

static lobass_status run_next(call *c, value *result)
{
    cycler *going = NULL;
    going = c->self.as.state;
    *result = going->items[going->at];
    going->at = (going->at + 1) % going->count;
    return LOBASS_OK;
}

static lobass_status run_reset(call *c, value *result)
{
    cycler *going = NULL;
    going = c->self.as.state;
    going->at = 0;
    *result = lb_jinja_none();
    return LOBASS_OK;
}

static lobass_status run_cycle(call *c, value *result)
{
    const loop *around = c->self.as.object;
    if (c->given->n_positional == 0)
    {
        return lb_jinja_fail(c->jinja, "no items for cycling given");
    }
    *result = c->given->positional[(size_t)around->index0 % c->given->n_positional];
    return LOBASS_OK;
}

static lobass_status run_changed(call *c, value *result)
{
    loop *around = NULL;
    value now = {0};
    bool is_equal = false;
    around = c->self.as.state;
    LB_TRY(lb_jinja_make_list(c->jinja, &now, KIND_TUPLE, c->given->positional,
                              c->given->n_positional));
    if (around->changed.kind != KIND_MISSING)
    {
        LB_TRY(lb_jinja_equal(c->jinja, &around->changed, &now, &is_equal));
    }
    around->changed = now;
    *result = lb_jinja_boolean(!is_equal);
    return LOBASS_OK;
}

/* ---- the table ------------------------------------------------------------------------------- */

/* A parameter that begins with "/" is given by its place alone, as in Python's own functions. */
#define METHOD(kind, name, function, n_required, ...) \
    {kind, {name, {__VA_ARGS__}, n_required, false}, function, false}
#define METHOD_OF_ALL(kind, name, function) {kind, {name, {NULL}, 0, true}, function, false}
#define NOT_SUPPORTED(kind, name) {kind, {name, {NULL}, 0, true}, NULL, false}
#define KEPT_AWAY(kind, name) {kind, {name, {NULL}, 0, true}, NULL, true}

const method_row lb_jinja_methods[] = {
    METHOD(KIND_STRING, "strip", lb_jinja_str_strip, 0, "/chars"),
    METHOD(KIND_STRING, "lstrip", lb_jinja_str_lstrip, 0, "/chars"),
    METHOD(KIND_STRING, "rstrip", lb_jinja_str_rstrip, 0, "/chars"),
    METHOD(KIND_STRING, "split", lb_jinja_str_split, 0, "sep", "maxsplit"),
    METHOD(KIND_STRING, "rsplit", lb_jinja_str_rsplit, 0, "sep", "maxsplit"),
    METHOD(KIND_STRING, "splitlines", lb_jinja_str_splitlines, 0, "keepends"),
    METHOD(KIND_STRING, "partition", lb_jinja_str_partition, 1, "/sep"),
    METHOD(KIND_STRING, "rpartition", lb_jinja_str_rpartition, 1, "/sep"),
    METHOD(KIND_STRING, "join", lb_jinja_str_join, 1, "/iterable"),
    METHOD(KIND_STRING, "startswith", lb_jinja_str_startswith, 1, "/prefix", "/start", "/end"),
    METHOD(KIND_STRING, "endswith", lb_jinja_str_endswith, 1, "/suffix", "/start", "/end"),
    METHOD(KIND_STRING, "replace", lb_jinja_str_replace, 2, "/old", "/new", "/count"),
    METHOD(KIND_STRING, "removeprefix", lb_jinja_str_removeprefix, 1, "/prefix"),
    METHOD(KIND_STRING, "removesuffix", lb_jinja_str_removesuffix, 1, "/suffix"),
    METHOD(KIND_STRING, "find", lb_jinja_str_find, 1, "/sub", "/start", "/end"),
    METHOD(KIND_STRING, "rfind", lb_jinja_str_rfind, 1, "/sub", "/start", "/end"),
    METHOD(KIND_STRING, "index", lb_jinja_str_index, 1, "/sub", "/start", "/end"),
    METHOD(KIND_STRING, "rindex", lb_jinja_str_rindex, 1, "/sub", "/start", "/end"),
    METHOD(KIND_STRING, "count", lb_jinja_str_count, 1, "/sub", "/start", "/end"),
    METHOD(KIND_STRING, "upper", lb_jinja_str_upper, 0, NULL),
    METHOD(KIND_STRING, "lower", lb_jinja_str_lower, 0, NULL),
    METHOD(KIND_STRING, "title", lb_jinja_str_title, 0, NULL),
    METHOD(KIND_STRING, "capitalize", lb_jinja_str_capitalize, 0, NULL),
    METHOD(KIND_STRING, "swapcase", lb_jinja_str_swapcase, 0, NULL),
    METHOD(KIND_STRING, "center", lb_jinja_str_center, 1, "/width", "/fillchar"),
    METHOD(KIND_STRING, "ljust", lb_jinja_str_ljust, 1, "/width", "/fillchar"),
    METHOD(KIND_STRING, "rjust", lb_jinja_str_rjust, 1, "/width", "/fillchar"),
    METHOD(KIND_STRING, "zfill", lb_jinja_str_zfill, 1, "/width"),
    METHOD(KIND_STRING, "expandtabs", lb_jinja_str_expandtabs, 0, "tabsize"),
    METHOD_OF_ALL(KIND_STRING, "format", lb_jinja_str_format),
    METHOD(KIND_STRING, "isdigit", lb_jinja_str_isdigit, 0, NULL),
    METHOD(KIND_STRING, "isdecimal", lb_jinja_str_isdecimal, 0, NULL),
    METHOD(KIND_STRING, "isalpha", lb_jinja_str_isalpha, 0, NULL),
    METHOD(KIND_STRING, "isalnum", lb_jinja_str_isalnum, 0, NULL),
    METHOD(KIND_STRING, "isspace", lb_jinja_str_isspace, 0, NULL),
    METHOD(KIND_STRING, "isascii", lb_jinja_str_isascii, 0, NULL),
    METHOD(KIND_STRING, "isprintable", lb_jinja_str_isprintable, 0, NULL),
    METHOD(KIND_STRING, "islower", lb_jinja_str_islower, 0, NULL),
    METHOD(KIND_STRING, "isupper", lb_jinja_str_isupper, 0, NULL),
    NOT_SUPPORTED(KIND_STRING, "casefold"),
    NOT_SUPPORTED(KIND_STRING, "encode"),
    NOT_SUPPORTED(KIND_STRING, "format_map"),
    NOT_SUPPORTED(KIND_STRING, "isidentifier"),
    NOT_SUPPORTED(KIND_STRING, "isnumeric"),
    NOT_SUPPORTED(KIND_STRING, "istitle"),
    NOT_SUPPORTED(KIND_STRING, "maketrans"),
    NOT_SUPPORTED(KIND_STRING, "translate"),
    METHOD(KIND_DICT, "get", run_get, 1, "/key", "/default"),
    METHOD(KIND_DICT, "keys", run_keys, 0, NULL),
    METHOD(KIND_DICT, "values", run_values, 0, NULL),
    METHOD(KIND_DICT, "items", run_items, 0, NULL),
    METHOD(KIND_DICT, "copy", run_copy, 0, NULL),
    NOT_SUPPORTED(KIND_DICT, "fromkeys"),
    KEPT_AWAY(KIND_DICT, "clear"),
    KEPT_AWAY(KIND_DICT, "pop"),
    KEPT_AWAY(KIND_DICT, "popitem"),
    KEPT_AWAY(KIND_DICT, "setdefault"),
    KEPT_AWAY(KIND_DICT, "update"),
    METHOD(KIND_LIST, "count", run_list_count, 1, "/value"),
    METHOD(KIND_LIST, "index", run_list_index, 1, "/value"),
    METHOD(KIND_LIST, "copy", run_copy, 0, NULL),
    KEPT_AWAY(KIND_LIST, "append"),
    KEPT_AWAY(KIND_LIST, "clear"),
    KEPT_AWAY(KIND_LIST, "extend"),
    KEPT_AWAY(KIND_LIST, "insert"),
    KEPT_AWAY(KIND_LIST, "pop"),
    KEPT_AWAY(KIND_LIST, "remove"),
    KEPT_AWAY(KIND_LIST, "reverse"),
    KEPT_AWAY(KIND_LIST, "sort"),
    METHOD(KIND_TUPLE, "count", run_list_count, 1, "/value"),
    METHOD(KIND_TUPLE, "index", run_list_index, 1, "/value"),
    METHOD(KIND_CYCLER, "next", run_next, 0, NULL),
    METHOD(KIND_CYCLER, "reset", run_reset, 0, NULL),
    METHOD_OF_ALL(KIND_LOOP, "cycle", run_cycle),
    METHOD_OF_ALL(KIND_LOOP, "changed", run_changed),
    NOT_SUPPORTED(KIND_STRING, "striptags"),
    NOT_SUPPORTED(KIND_STRING, "unescape"),
    NOT_SUPPORTED(KIND_INTEGER, "real"),
    NOT_SUPPORTED(KIND_INTEGER, "imag"),
    NOT_SUPPORTED(KIND_INTEGER, "numerator"),
    NOT_SUPPORTED(KIND_INTEGER, "denominator"),
    NOT_SUPPORTED(KIND_INTEGER, "conjugate"),
    NOT_SUPPORTED(KIND_INTEGER, "bit_length"),
    NOT_SUPPORTED(KIND_INTEGER, "bit_count"),
    NOT_SUPPORTED(KIND_INTEGER, "as_integer_ratio"),
    NOT_SUPPORTED(KIND_INTEGER, "to_bytes"),
    NOT_SUPPORTED(KIND_INTEGER, "from_bytes"),
    NOT_SUPPORTED(KIND_INTEGER, "is_integer"),
    NOT_SUPPORTED(KIND_BOOLEAN, "real"),
    NOT_SUPPORTED(KIND_BOOLEAN, "imag"),
    NOT_SUPPORTED(KIND_BOOLEAN, "numerator"),
    NOT_SUPPORTED(KIND_BOOLEAN, "denominator"),
    NOT_SUPPORTED(KIND_BOOLEAN, "conjugate"),
    NOT_SUPPORTED(KIND_BOOLEAN, "bit_length"),
    NOT_SUPPORTED(KIND_BOOLEAN, "bit_count"),
    NOT_SUPPORTED(KIND_BOOLEAN, "as_integer_ratio"),
    NOT_SUPPORTED(KIND_BOOLEAN, "to_bytes"),
    NOT_SUPPORTED(KIND_BOOLEAN, "from_bytes"),
    NOT_SUPPORTED(KIND_BOOLEAN, "is_integer"),
    NOT_SUPPORTED(KIND_REAL, "real"),
    NOT_SUPPORTED(KIND_REAL, "imag"),
    NOT_SUPPORTED(KIND_REAL, "conjugate"),
    NOT_SUPPORTED(KIND_REAL, "is_integer"),
    NOT_SUPPORTED(KIND_REAL, "hex"),
    NOT_SUPPORTED(KIND_REAL, "fromhex"),
    NOT_SUPPORTED(KIND_REAL, "as_integer_ratio"),
    NOT_SUPPORTED(KIND_RANGE, "start"),
    NOT_SUPPORTED(KIND_RANGE, "stop"),
    NOT_SUPPORTED(KIND_RANGE, "step"),
    NOT_SUPPORTED(KIND_RANGE, "count"),
    NOT_SUPPORTED(KIND_RANGE, "index"),
    NOT_SUPPORTED(KIND_VIEW, "isdisjoint"),
    NOT_SUPPORTED(KIND_VIEW, "mapping"),
    NOT_SUPPORTED(KIND_GENERATOR, "close"),
    NOT_SUPPORTED(KIND_GENERATOR, "send"),
    NOT_SUPPORTED(KIND_GENERATOR, "throw"),
    NOT_SUPPORTED(KIND_CYCLER, "current"),
    NOT_SUPPORTED(KIND_CYCLER, "items"),
    NOT_SUPPORTED(KIND_CYCLER, "pos"),
    NOT_SUPPORTED(KIND_JOINER, "sep"),
    NOT_SUPPORTED(KIND_JOINER, "used"),
    NOT_SUPPORTED(KIND_MACRO, "arguments"),
    NOT_SUPPORTED(KIND_MACRO, "catch_kwargs"),
    NOT_SUPPORTED(KIND_MACRO, "catch_varargs"),
    NOT_SUPPORTED(KIND_MACRO, "caller"),
    NOT_SUPPORTED(KIND_MACRO, "explicit_caller"),
    {KIND_MISSING, {NULL, {NULL}, 0, false}, NULL, false}};

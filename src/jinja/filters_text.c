/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters that make text: those of jinja2, and transformers' tojson. A value that is no string is
 * printed first where jinja2 does.
 */
#include <string.h>

#include "jinja/jinja_private.h"

static lobass_status self_printed(const call *c, const text **printed)
{
    return lb_jinja_text_from(c->jinja, printed, &c->self);
}

/* What soft_str() keeps of a string marked safe. */
static lobass_status marked(const call *c, lobass_status status, value *result)
{
    result->is_safe = c->self.kind == KIND_STRING && c->self.is_safe;
    return status;
}

static lobass_status run_trim(call *c, value *result)
{
    const text *of = NULL;
    const text *set = NULL;
    LB_TRY(self_printed(c, &of));
    LB_TRY(lb_jinja_is_given(&c->bound[0]) ? lb_jinja_take_text(c, 0, &set) : LOBASS_OK);
    return marked(c, lb_jinja_strip(c->jinja, result, of, set, true, true), result);
}

static lobass_status run_upper(call *c, value *result)
{
    const text *of = NULL;
    LB_TRY(self_printed(c, &of));
    return marked(c, lb_jinja_cased(c->jinja, result, of, CASE_UPPER), result);
}

static lobass_status run_lower(call *c, value *result)
{
    const text *of = NULL;
    LB_TRY(self_printed(c, &of));
    return marked(c, lb_jinja_cased(c->jinja, result, of, CASE_LOWER), result);
}

static lobass_status run_capitalize(call *c, value *result)
{
    const text *of = NULL;
    LB_TRY(self_printed(c, &of));
    return marked(c, lb_jinja_capitalized(c->jinja, result, of), result);
}

/* Words begin behind these, unlike those of str.title(). */
static bool begins_word(uint32_t code_point)
{
    return code_point == '-' || code_point == '(' || code_point == '{' || code_point == '[' ||
           code_point == '<' || lb_jinja_char_is_space(code_point);
}

static lobass_status run_title(call *c, value *result)
{
    const text *of = NULL;
    const text *made = NULL;
    text_builder builder;
    size_t size = 0;
    bool is_in_word = false;
    LB_TRY(self_printed(c, &of));
    lb_jinja_builder_begin(&builder, c->jinja);
    LB_TRY(lb_jinja_step(c->jinja, of->size / 4));
    for (size_t at = 0; at < of->size; at += size)
    {
        const bool was_in_word = is_in_word;
        is_in_word = !begins_word(lb_jinja_char_at(of->data + at, &size));
        LB_TRY(lb_jinja_change_case(&builder, of, at, size,
                                    was_in_word || !is_in_word ? CASE_LOWER : CASE_UPPER));
    }
    LB_TRY(lb_jinja_builder_end(&builder, &made));
    *result = lb_jinja_of_text(made);
    return LOBASS_OK;
}

static lobass_status run_replace(call *c, value *result)
{
    const text *of = NULL;
    const text *old = NULL;
    const text *replacement = NULL;
    int64_t most = -1;
    LB_TRY(self_printed(c, &of));
    LB_TRY(lb_jinja_text_from(c->jinja, &old, &c->bound[0]));
    LB_TRY(lb_jinja_text_from(c->jinja, &replacement, &c->bound[1]));
    if (lb_jinja_is_given(&c->bound[2]))
    {
        LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[2], -1, &most));
    }
    return lb_jinja_replace(c->jinja, result, of, old, replacement, most);
}

static lobass_status run_center(call *c, value *result)
{
    const text *of = NULL;
    int64_t width = 80;
    LB_TRY(self_printed(c, &of));
    LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[0], 80, &width));
    return marked(c, lb_jinja_padded(c->jinja, result, of, width, &lb_jinja_word_space, 'c'),
                  result);
}

static lobass_status run_string(call *c, value *result)
{
    const text *of = NULL;
    LB_TRY(self_printed(c, &of));
    *result = lb_jinja_of_text(of);
    return marked(c, LOBASS_OK, result);
}

static lobass_status run_safe(call *c, value *result)
{
    const text *of = NULL;
    LB_TRY(self_printed(c, &of));
    *result = lb_jinja_of_text(of);
    result->is_safe = true;
    return LOBASS_OK;
}

static lobass_status escape(const call *c, value *result)
{
    const text *of = NULL;
    const text *made = NULL;
    text_builder builder;
    LB_TRY(self_printed(c, &of));
    lb_jinja_builder_begin(&builder, c->jinja);
    LB_TRY(lb_jinja_print_escaped(&builder, of));
    LB_TRY(lb_jinja_builder_end(&builder, &made));
    *result = lb_jinja_of_text(made);
    result->is_safe = true;
    return LOBASS_OK;
}

static lobass_status run_escape(call *c, value *result)
{
    *result = c->self;
    return c->self.kind == KIND_STRING && c->self.is_safe ? LOBASS_OK : escape(c, result);
}

static lobass_status run_forceescape(call *c, value *result)
{
    return escape(c, result);
}

static lobass_status take_indention(const call *c, const text **indention)
{
    value made = {0};
    int64_t width = 4;
    if (c->bound[0].kind == KIND_STRING)
    {
        *indention = lb_jinja_text_of(&c->bound[0]);
        return LOBASS_OK;
    }
    LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[0], 4, &width));
    LB_TRY(
        lb_jinja_padded(c->jinja, &made, &lb_jinja_word_empty, width, &lb_jinja_word_space, '<'));
    *indention = lb_jinja_text_of(&made);
    return LOBASS_OK;
}

static lobass_status run_indent(call *c, value *result)
{
    const text *indention = NULL;
    const text *made = NULL;
    const value *lines = NULL;
    size_t count = 0;
    text_builder builder;
    const bool has_first = lb_jinja_truth(&c->bound[1]);
    const bool has_blank = lb_jinja_truth(&c->bound[2]);
    if (c->self.kind != KIND_STRING)
    {
        return c->self.kind == KIND_UNDEFINED
                   ? lb_jinja_fail_undefined(c->jinja, &c->self)
                   : lb_jinja_fail(c->jinja, "unsupported operand type(s) for +=: '%s' and 'str'",
                                   lb_jinja_type_name(&c->self));
    }
    LB_TRY(take_indention(c, &indention));
    lb_jinja_builder_begin(&builder, c->jinja);
    LB_TRY(lb_jinja_builder_text(&builder, lb_jinja_text_of(&c->self)));
    LB_TRY(lb_jinja_builder_bytes(&builder, "\n", 1, 0));
    LB_TRY(lb_jinja_builder_end(&builder, &made));
    LB_TRY(lb_jinja_lines(c->jinja, made, false, &lines, &count));
    lb_jinja_builder_begin(&builder, c->jinja);
    for (size_t i = 0; i < count; i++)
    {
        const text *line = lb_jinja_text_of(&lines[i]);
        const bool is_indented = i == 0 ? has_first : has_blank || line->size > 0;
        LB_TRY(i > 0 ? lb_jinja_builder_bytes(&builder, "\n", 1, 0) : LOBASS_OK);
        LB_TRY(is_indented ? lb_jinja_builder_text(&builder, indention) : LOBASS_OK);
        LB_TRY(lb_jinja_builder_text(&builder, line));
    }
    LB_TRY(lb_jinja_builder_end(&builder, &made));
    *result = lb_jinja_of_text(made);
    return marked(c, LOBASS_OK, result);
}

static lobass_status run_truncate(call *c, value *result)
{
    int64_t length = 255;
    int64_t leeway = 5;
    const text *of = lb_jinja_text_of(&c->self);
    const text *end = &lb_jinja_word_dots;
    text_builder builder;
    const text *made = NULL;
    size_t place = 0;
    int64_t n = 0;
    LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[0], 255, &length));
    LB_TRY(lb_jinja_is_given(&c->bound[2]) ? lb_jinja_take_text(c, 2, &end) : LOBASS_OK);
    LB_TRY(lb_jinja_is_given(&c->bound[3])
               ? lb_jinja_take_integer(c->jinja, &c->bound[3], 5, &leeway)
               : LOBASS_OK);
    if (length < (int64_t)end->n_chars || leeway < 0)
    {
        return lb_jinja_fail(c->jinja, "truncate to %lld characters, less than its end has",
                             (long long)length);
    }
    *result = c->self;
    LB_TRY(lb_jinja_length(c->jinja, &c->self, &n));
    if (n <= length + leeway)
    {
        return LOBASS_OK;
    }
    if (c->self.kind != KIND_STRING)
    {
        return lb_jinja_fail(c->jinja, "truncate of %s, expected str",
                             lb_jinja_type_name(&c->self));
    }
    size_t to = lb_jinja_text_offset(of, (size_t)length - end->n_chars);
    if (!lb_jinja_truth(&c->bound[1]) &&
        lb_jinja_text_place(of, 0, to, &lb_jinja_word_space, true, &place))
    {
        to = place;
    }
    lb_jinja_builder_begin(&builder, c->jinja);
    LB_TRY(lb_jinja_builder_part(&builder, of, 0, to));
    LB_TRY(lb_jinja_builder_text(&builder, end));
    LB_TRY(lb_jinja_builder_end(&builder, &made));
    *result = lb_jinja_of_text(made);
    return marked(c, LOBASS_OK, result);
}

static lobass_status run_wordcount(call *c, value *result)
{
    const text *of = NULL;
    size_t size = 0;
    int64_t n = 0;
    bool is_in_word = false;
    LB_TRY(self_printed(c, &of));
    LB_TRY(lb_jinja_step(c->jinja, of->size / 16));
    for (size_t at = 0; at < of->size; at += size)
    {
        const uint32_t code_point = lb_jinja_char_at(of->data + at, &size);
        const bool is_word = code_point == '_' || lb_jinja_char_is_letter(code_point) ||
                             lb_jinja_char_is_digit(code_point);
        n += is_word && !is_in_word;
        is_in_word = is_word;
    }
    *result = lb_jinja_integer(n, 0);
    return LOBASS_OK;
}

static bool is_plain_in_url(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("_.-~/", c) != NULL;
}

static lobass_status run_urlencode(call *c, value *result)
{
    const text *of = NULL;
    const text *made = NULL;
    text_builder builder;
    if (c->self.kind != KIND_STRING && lb_jinja_is_iterable(&c->self))
    {
        return lb_jinja_fail(c->jinja, "urlencode of %s is not supported",
                             lb_jinja_type_name(&c->self));
    }
    LB_TRY(self_printed(c, &of));
    lb_jinja_builder_begin(&builder, c->jinja);
    LB_TRY(lb_jinja_step(c->jinja, of->size / 4));
    for (size_t i = 0; i < of->size; i++)
    {
        char quoted[4] = {of->data[i], '\0'};
        if (!is_plain_in_url(of->data[i]) || of->data[i] == '\0')
        {
            (void)lb_print(quoted, sizeof quoted, "%%%02X", (unsigned char)of->data[i]);
        }
        LB_TRY(
            lb_jinja_builder_bytes(&builder, quoted, strlen(quoted), lb_jinja_text_origin(of, i)));
    }
    LB_TRY(lb_jinja_builder_end(&builder, &made));
    *result = lb_jinja_of_text(made);
    return LOBASS_OK;
}

static lobass_status run_format(call *c, value *result)
{
    const text *pattern = NULL;
    value operand = {0};
    dict *named = NULL;
    LB_TRY(self_printed(c, &pattern));
    if (c->given->n_positional > 0 && c->given->n_keywords > 0)
    {
        return lb_jinja_fail(c->jinja, "can't handle positional and keyword arguments at the same "
                                       "time");
    }
    if (c->given->n_keywords > 0)
    {
        LB_TRY(lb_jinja_dict_make(c->jinja, &named, c->given->n_keywords));
        for (size_t i = 0; i < c->given->n_keywords; i++)
        {
            LB_TRY(lb_jinja_dict_set(c->jinja, named, &c->given->keywords[i].key,
                                     &c->given->keywords[i].value));
        }
        operand = lb_jinja_of_object(KIND_DICT, named);
    }
    else
    {
        LB_TRY(lb_jinja_make_list(c->jinja, &operand, KIND_TUPLE, c->given->positional,
                                  c->given->n_positional));
    }
    return lb_jinja_percent(c->jinja, result, pattern, &operand);
}

static lobass_status take_separators(const call *c, const value *given, json_style *style)
{
    const list *both =
        given->kind == KIND_LIST || given->kind == KIND_TUPLE ? lb_jinja_list_of(given) : NULL;
    if (both == NULL || both->count != 2 || both->items[0].kind != KIND_STRING ||
        both->items[1].kind != KIND_STRING)
    {
        return lb_jinja_fail(c->jinja, "tojson: separators have to be two strings");
    }
    style->item_separator = lb_jinja_text_of(&both->items[0]);
    style->key_separator = lb_jinja_text_of(&both->items[1]);
    return LOBASS_OK;
}

/* tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False) */
static lobass_status run_tojson(call *c, value *result)
{
    json_style style = {NULL, &lb_jinja_word_comma_space, &lb_jinja_word_colon_space,
                        lb_jinja_truth(&c->bound[0]), lb_jinja_truth(&c->bound[3])};
    text_builder builder;
    const text *made = NULL;
    if (lb_jinja_is_given(&c->bound[1]))
    {
        value indention = {0};
        int64_t width = 0;
        if (c->bound[1].kind == KIND_STRING)
        {
            style.indent = lb_jinja_text_of(&c->bound[1]);
        }
        else
        {
            LB_TRY(lb_jinja_take_integer(c->jinja, &c->bound[1], 0, &width));
            LB_TRY(lb_jinja_padded(c->jinja, &indention, &lb_jinja_word_empty, width,
                                   &lb_jinja_word_space, '<'));
            style.indent = lb_jinja_text_of(&indention);
        }
        style.item_separator = &lb_jinja_word_comma;
    }
    if (lb_jinja_is_given(&c->bound[2]))
    {
        LB_TRY(take_separators(c, &c->bound[2], &style));
    }
    lb_jinja_builder_begin(&builder, c->jinja);
    LB_TRY(lb_jinja_print_json(&builder, &c->self, &style, 0));
    LB_TRY(lb_jinja_builder_end(&builder, &made));
    *result = lb_jinja_of_text(made);
    return LOBASS_OK;
}

#define FILTER(name, function, n_required, ...) {{name, {__VA_ARGS__}, n_required, false}, function}

const filter_row lb_jinja_text_filters[] = {
    FILTER("trim", run_trim, 0, "chars"),
    FILTER("tojson", run_tojson, 0, "ensure_ascii", "indent", "separators", "sort_keys"),
    FILTER("string", run_string, 0, NULL),
    FILTER("upper", run_upper, 0, NULL),
    FILTER("lower", run_lower, 0, NULL),
    FILTER("capitalize", run_capitalize, 0, NULL),
    FILTER("title", run_title, 0, NULL),
    FILTER("replace", run_replace, 2, "old", "new", "count"),
    FILTER("indent", run_indent, 0, "width", "first", "blank"),
    FILTER("center", run_center, 0, "width"),
    FILTER("truncate", run_truncate, 0, "length", "killwords", "end", "leeway"),
    FILTER("wordcount", run_wordcount, 0, NULL),
    FILTER("safe", run_safe, 0, NULL),
    FILTER("escape", run_escape, 0, NULL),
    FILTER("e", run_escape, 0, NULL),
    FILTER("forceescape", run_forceescape, 0, NULL),
    FILTER("urlencode", run_urlencode, 0, NULL),
    {{"format", {NULL}, 0, true}, run_format},
    FILTER("filesizeformat", NULL, 0, NULL),
    FILTER("pprint", NULL, 0, NULL),
    FILTER("random", NULL, 0, NULL),
    FILTER("striptags", NULL, 0, NULL),
    FILTER("urlize", NULL, 0, NULL),
    FILTER("wordwrap", NULL, 0, NULL),
    FILTER("xmlattr", NULL, 0, NULL),
    {{NULL, {NULL}, 0, false}, NULL}};

/* SPDX-License-Identifier: Apache-2.0
 *
 * tojson as transformers has it: json.dumps(ensure_ascii=False), keys in their order, nothing
 * escaped for HTML. Text keeps its origins.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "jinja/jinja_private.h"

static lobass_status put(text_builder *to, const char *word, uint32_t origin)
{
    return lb_jinja_builder_bytes(to, word, strlen(word), origin);
}

static lobass_status put_char(text_builder *to, const char *at, size_t size, uint32_t c,
                              bool is_ascii, uint32_t origin)
{
    static const char names[] = "\b\t\n\f\r\"\\";
    static const char meant[] = "btnfr\"\\";
    char escaped[16];
    const char *found = c != 0 && c < 0x80 ? strchr(names, (int)c) : NULL;
    if (found != NULL)
    {
        (void)lb_print(escaped, sizeof escaped, "\\%c", meant[found - names]);
        return put(to, escaped, origin);
    }
    if (c >= 0x20 && (c < 0x7F || !is_ascii))
    {
        return lb_jinja_builder_bytes(to, at, size, origin);
    }
    if (c == 0x7F)
    {
        return put(to, "\x7F", origin);
    }
    if (c < 0x10000)
    {
        (void)lb_print(escaped, sizeof escaped, "\\u%04x", c);
        return put(to, escaped, origin);
    }
    (void)lb_print(escaped, sizeof escaped, "\\u%04x\\u%04x", 0xD800 + ((c - 0x10000) >> 10),
                   0xDC00 + ((c - 0x10000) & 0x3FF));
    return put(to, escaped, origin);
}

static lobass_status put_text(text_builder *to, const text *of, bool is_ascii)
{
    LB_TRY(put(to, "\"", 0));
    size_t size = 0;
    for (size_t at = 0; at < of->size; at += size)
    {
        const uint32_t c = lb_jinja_char_at(of->data + at, &size);
        LB_TRY(put_char(to, of->data + at, size, c, is_ascii, lb_jinja_text_origin(of, at)));
    }
    return put(to, "\"", 0);
}

static lobass_status put_line(text_builder *to, const json_style *style, unsigned level)
{
    if (style->indent == NULL)
    {
        return LOBASS_OK;
    }
    LB_TRY(put(to, "\n", 0));
    for (unsigned i = 0; i < level; i++)
    {
        LB_TRY(lb_jinja_builder_text(to, style->indent));
    }
    return LOBASS_OK;
}

static lobass_status put_scalar(text_builder *to, const value *of, const json_style *style)
{
    char printed[LB_JINJA_REAL_SIZE];
    switch ((value_kind)of->kind)
    {
    case KIND_NONE:
        return put(to, "null", of->origin);
    case KIND_BOOLEAN:
        return put(to, of->as.boolean ? "true" : "false", of->origin);
    case KIND_INTEGER:
        (void)lb_print(printed, sizeof printed, "%lld", (long long)of->as.integer);
        return put(to, printed, of->origin);
    case KIND_REAL:
        lb_jinja_real_print(printed, of->as.real);
        return put(to,
                   isfinite(of->as.real) ? printed
                   : isnan(of->as.real)  ? "NaN"
                   : of->as.real > 0     ? "Infinity"
                                         : "-Infinity",
                   of->origin);
    case KIND_STRING:
        return put_text(to, lb_jinja_text_of(of), style->is_ascii);
    default:
        return lb_jinja_fail(to->jinja, "Object of type %s is not JSON serializable",
                             lb_jinja_type_name(of));
    }
}

static lobass_status put_list(text_builder *to, const list *of, const json_style *style,
                              unsigned level)
{
    if (of->count == 0)
    {
        return put(to, "[]", 0);
    }
    LB_TRY(put(to, "[", 0));
    for (size_t i = 0; i < of->count; i++)
    {
        LB_TRY(i > 0 ? lb_jinja_builder_text(to, style->item_separator) : LOBASS_OK);
        LB_TRY(put_line(to, style, level + 1));
        LB_TRY(lb_jinja_print_json(to, &of->items[i], style, level + 1));
    }
    LB_TRY(put_line(to, style, level));
    return put(to, "]", 0);
}

static int compare_keys(const void *a, const void *b)
{
    return lb_jinja_text_compare(lb_jinja_text_of(&((const entry *)a)->key),
                                 lb_jinja_text_of(&((const entry *)b)->key));
}

static lobass_status sort_entries(lb_jinja *jinja, const entry **entries, const dict *of)
{
    void *memory = NULL;
    for (size_t i = 0; i < of->count; i++)
    {
        if (of->entries[i].key.kind != KIND_STRING)
        {
            return lb_jinja_fail(jinja, "keys that are not all strings cannot be sorted");
        }
    }
    LB_TRY(lb_jinja_take(jinja, &memory, of->count, sizeof(entry)));
    memcpy(memory, of->entries, of->count * sizeof(entry));
    qsort(memory, of->count, sizeof(entry), compare_keys);
    *entries = memory;
    return LOBASS_OK;
}

static lobass_status put_key(text_builder *to, const value *key, const json_style *style)
{
    if (key->kind == KIND_STRING)
    {
        return put_scalar(to, key, style);
    }
    if (key->kind != KIND_NONE && !lb_jinja_is_number(key))
    {
        return lb_jinja_fail(to->jinja, "keys must be str, int, float, bool or None, not %s",
                             lb_jinja_type_name(key));
    }
    LB_TRY(put(to, "\"", 0));
    LB_TRY(put_scalar(to, key, style));
    return put(to, "\"", 0);
}

static lobass_status put_dict(text_builder *to, const dict *of, const json_style *style,
                              unsigned level)
{
    if (of->count == 0)
    {
        return put(to, "{}", 0);
    }
    const entry *entries = of->entries;
    LB_TRY(style->is_sorted ? sort_entries(to->jinja, &entries, of) : LOBASS_OK);
    LB_TRY(put(to, "{", 0));
    for (size_t i = 0; i < of->count; i++)
    {
        LB_TRY(i > 0 ? lb_jinja_builder_text(to, style->item_separator) : LOBASS_OK);
        LB_TRY(put_line(to, style, level + 1));
        LB_TRY(put_key(to, &entries[i].key, style));
        LB_TRY(lb_jinja_builder_text(to, style->key_separator));
        LB_TRY(lb_jinja_print_json(to, &entries[i].value, style, level + 1));
    }
    LB_TRY(put_line(to, style, level));
    return put(to, "}", 0);
}

lobass_status lb_jinja_print_json(text_builder *to, const value *of, const json_style *style,
                                  unsigned level)
{
    LB_TRY(lb_jinja_step(to->jinja, 1));
    LB_TRY(lb_jinja_enter(to->jinja));
    LB_TRY(of->kind == KIND_LIST || of->kind == KIND_TUPLE
               ? put_list(to, lb_jinja_list_of(of), style, level)
           : of->kind == KIND_DICT ? put_dict(to, lb_jinja_dict_of(of), style, level)
                                   : put_scalar(to, of, style));
    lb_jinja_leave(to->jinja);
    return LOBASS_OK;
}

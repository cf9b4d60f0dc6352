/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns of tokenizer.json: regular expressions through PCRE2 (UTF, Unicode properties, compiled
 * to machine code where PCRE2 can), literals and single code points, all searched the same way. A
 * search goes on behind the last match; an empty match directly behind the last match is passed
 * over. As in Oniguruma, ^ and $ also stand at line ends, and a line ends in LF only. A pattern
 * that takes too many steps on a text is an error, not a wait without end.
 */
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "text/tokenizer_private.h"

#define MATCH_LIMIT 50000000U
#define DEPTH_LIMIT 250000U
#define HEAP_LIMIT_KIB 65536U
#define JIT_STACK_FIRST ((size_t)32 << 10)
#define JIT_STACK_MOST ((size_t)8 << 20)
#define MESSAGE_SIZE 256

struct lb_regex
{
    pcre2_code *code;
    char *where;
};

struct lb_matcher
{
    pcre2_match_context *context;
    pcre2_jit_stack *stack; /* NULL: no JIT here */
    pcre2_match_data *data;
};

/* ---- compiling ---------------------------------------------------------------------------------
 */

/* ORIGINAL_SIZE: of the pattern as it was written, to whose bytes the ends of PATTERN lead. */
static lobass_status compile_translated(pcre2_code **code, lb_view pattern, size_t original_size,
                                        const char *where, lobass_error *error)
{
    char message[MESSAGE_SIZE];
    int number = 0;
    PCRE2_SIZE offset = 0;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);

    if (context == NULL)
    {
        return lb_fail_memory(error, pattern.size);
    }
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    *code = pcre2_compile((PCRE2_SPTR)pattern.data, pattern.size,
                          PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                          &number, &offset, context);
    pcre2_compile_context_free(context);
    if (*code == NULL)
    {
        const size_t at = offset < pattern.size ? pattern.ends[offset] : original_size;
        (void)pcre2_get_error_message(number, (PCRE2_UCHAR *)message, sizeof message);
        return lb_fail(error, LOBASS_UNSUPPORTED, "%s: pattern, byte %zu: %s", where, at + 1,
                       message);
    }
    (void)pcre2_jit_compile(*code, PCRE2_JIT_COMPLETE); /* without it, matching is only slower */
    return LOBASS_OK;
}

lobass_status lb_regex_compile(lb_regex **regex, const char *pattern, size_t size_bytes,
                               const char *where, lobass_error *error)
{
    lb_tracked translated = {0};
    lobass_status status = LOBASS_OK;

    *regex = lb_alloc(1, sizeof **regex, error);
    if (*regex == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    (*regex)->where = lb_copy_text(where, strlen(where), error);
    if ((*regex)->where == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    LB_TRY_GOTO(lb_regex_translate(&translated, pattern, size_bytes, where, error));
    LB_TRY_GOTO(compile_translated(&(*regex)->code, lb_tracked_view(&translated), size_bytes, where,
                                   error));
done:
    lb_tracked_free(&translated);
    if (status != LOBASS_OK)
    {
        lb_regex_free(*regex);
        *regex = NULL;
    }
    return status;
}

void lb_regex_free(lb_regex *regex)
{
    if (regex != NULL)
    {
        pcre2_code_free(regex->code);
        free(regex->where);
        free(regex);
    }
}

/* ---- matching ----------------------------------------------------------------------------------
 */

lobass_status lb_matcher_create(lb_matcher **matcher, lobass_error *error)
{
    lb_matcher *made = lb_alloc(1, sizeof *made, error);

    *matcher = NULL;
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->context = pcre2_match_context_create(NULL);
    made->data = pcre2_match_data_create(1, NULL);
    if (made->context == NULL || made->data == NULL)
    {
        lb_matcher_free(made);
        return lb_fail_memory(error, sizeof *made);
    }
    (void)pcre2_set_match_limit(made->context, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(made->context, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(made->context, HEAP_LIMIT_KIB);
    made->stack = pcre2_jit_stack_create(JIT_STACK_FIRST, JIT_STACK_MOST, NULL);
    pcre2_jit_stack_assign(made->context, NULL, made->stack);
    *matcher = made;
    return LOBASS_OK;
}

void lb_matcher_free(lb_matcher *matcher)
{
    if (matcher != NULL)
    {
        pcre2_match_data_free(matcher->data);
        pcre2_match_context_free(matcher->context);
        pcre2_jit_stack_free(matcher->stack);
        free(matcher);
    }
}

static lobass_status find_regex(const lb_regex *regex, lb_matcher *matcher, lb_view subject,
                                size_t from, lb_range *match, bool *found, lobass_error *error)
{
    char message[MESSAGE_SIZE];
    const int count = pcre2_match(regex->code, (PCRE2_SPTR)subject.data, subject.size, from,
                                  PCRE2_NO_UTF_CHECK, matcher->data, matcher->context);

    *found = count >= 0;
    if (count == PCRE2_ERROR_NOMATCH)
    {
        return LOBASS_OK;
    }
    if (count < 0)
    {
        (void)pcre2_get_error_message(count, (PCRE2_UCHAR *)message, sizeof message);
        return lb_fail(error, LOBASS_UNSUPPORTED, "%s: cannot match a text of %zu bytes: %s",
                       regex->where, subject.size, message);
    }
    const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(matcher->data);
    *match = (lb_range){offsets[0], offsets[1]};
    return LOBASS_OK;
}

static bool find_literal(const lb_pattern *pattern, lb_view subject, size_t from, lb_range *match)
{
    const char *found =
        memmem(subject.data + from, subject.size - from, pattern->literal, pattern->literal_size);

    if (found == NULL)
    {
        return false;
    }
    match->from = (size_t)(found - subject.data);
    match->to = match->from + pattern->literal_size;
    return true;
}

static bool find_predicate(lb_char_predicate predicate, lb_view subject, size_t from,
                           lb_range *match)
{
    uint32_t code_point;

    for (size_t at = from; at < subject.size;)
    {
        const size_t length = lb_utf8_decode(subject.data + at, &code_point);
        if (predicate(code_point))
        {
            *match = (lb_range){at, at + length};
            return true;
        }
        at += length;
    }
    return false;
}

lobass_status lb_pattern_find(const lb_pattern *pattern, lb_matcher *matcher, lb_view subject,
                              size_t from, size_t last_end, lb_range *match, bool *found,
                              lobass_error *error)
{
    *found = false;
    if (pattern->regex == NULL)
    {
        *found = pattern->predicate == NULL
                     ? find_literal(pattern, subject, from, match)
                     : find_predicate(pattern->predicate, subject, from, match);
        return LOBASS_OK;
    }
    while (from <= subject.size)
    {
        LB_TRY(find_regex(pattern->regex, matcher, subject, from, match, found, error));
        if (!*found || match->from != match->to || match->to != last_end)
        {
            return LOBASS_OK;
        }
        from += from < subject.size ? lb_utf8_length(subject.data + from) : 1;
        *found = false;
    }
    return LOBASS_OK;
}

/* ---- reading and releasing ----------------------------------------------------------------------
 */

lobass_status lb_pattern_parse(lb_pattern *pattern, lb_arena *arena, const json_t *value,
                               const char *where, lobass_error *error)
{
    const json_t *object = json_object_get(value, "pattern");
    const json_t *literal = json_object_get(object, "String");
    const json_t *regex = json_object_get(object, "Regex");
    const json_t *text = literal != NULL ? literal : regex;

    if (!json_is_string(text) || json_object_size(object) != 1)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"pattern\": expected {\"String\": text} or {\"Regex\": text}",
                       where);
    }
    if (json_string_length(text) == 0)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED, "%s: field \"pattern\": it is empty", where);
    }
    pattern->literal_size = json_string_length(text);
    pattern->literal = lb_arena_text(arena, json_string_value(text), pattern->literal_size, error);
    if (pattern->literal != NULL && regex != NULL)
    {
        pattern->scan = lb_word_scan_find(json_string_value(text), json_string_length(text));
        return lb_regex_compile(&pattern->regex, json_string_value(text), json_string_length(text),
                                where, error);
    }
    return pattern->literal == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

void lb_pattern_free(lb_pattern *pattern)
{
    lb_regex_free(pattern->regex);
    pattern->regex = NULL;
}

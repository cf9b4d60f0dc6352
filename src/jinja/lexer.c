/* SPDX-License-Identifier: Apache-2.0
 *
 * A template's text -> tokens, by the rules of jinja2's lexer with trim_blocks and lstrip_blocks:
 * line ends become "\n", and one at the very end goes; the newline behind a tag goes, and blanks
 * between a line's beginning and a tag that is no print; "-" beside a tag takes all white space
 * there, "+" keeps what would go.
 */
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "jinja/tree.h"

enum
{
    MOST_BRACKETS = 1000
};

typedef struct lexer
{
    const char *source; /* [size], line ends are "\n" */
    size_t size, at;
    unsigned line;
    const char *where;
    token *tokens;
    size_t count, capacity;
    bool is_line_begun; /* the token before did not end in a newline */
    char brackets[MOST_BRACKETS];
    size_t n_brackets;
    lobass_error *error;
} lexer;

static lobass_status fail(const lexer *l, const char *what)
{
    return lb_fail(l->error, LOBASS_BAD_FORMAT, "%s: line %u: %s", l->where, l->line, what);
}

static bool looks_at(const lexer *l, size_t at, const char *word)
{
    const size_t size = strlen(word);
    return size <= l->size - at && memcmp(l->source + at, word, size) == 0;
}

static lobass_status token_add(lexer *l, token_kind kind, const char *data, size_t size)
{
    void *grown = l->tokens;
    const lobass_status status =
        lb_list_reserve(&grown, &l->capacity, l->count + 1, sizeof *l->tokens, l->error);
    l->tokens = grown;
    if (status != LOBASS_OK)
    {
        return status;
    }
    token *const made = &l->tokens[l->count++];
    made->data = data;
    made->size = size & 0xFFFFFFU;
    made->kind = kind & 0xFFU;
    made->line = l->line;
    return LOBASS_OK;
}

/* Goes on to byte TO, counting lines. */
static void advance(lexer *l, size_t to)
{
    for (; l->at < to; l->at++)
    {
        l->line += l->source[l->at] == '\n';
    }
}

static size_t space_size(const char *at)
{
    size_t size = 0;
    return lb_jinja_char_is_space(lb_jinja_char_at(at, &size)) ? size : 0;
}

static size_t skip_space(const lexer *l, size_t at)
{
    while (at < l->size && space_size(l->source + at) > 0)
    {
        at += space_size(l->source + at);
    }
    return at;
}

/* The end of DATA [from, to) without the white space behind it. */
static size_t without_space(const lexer *l, size_t from, size_t to)
{
    size_t end = to;
    while (end > from)
    {
        size_t at = end - 1;
        while (at > from && ((unsigned char)l->source[at] & 0xC0U) == 0x80U)
        {
            at--;
        }
        if (space_size(l->source + at) == 0)
        {
            break;
        }
        end = at;
    }
    return end;
}

/* Where text [from, to) ends before a tag with SIGN behind its opening. */
static size_t data_end(const lexer *l, size_t from, size_t to, char sign, bool is_print)
{
    if (sign == '-')
    {
        return without_space(l, from, to);
    }
    if (sign == '+' || is_print)
    {
        return to;
    }
    size_t begin = to;
    while (begin > from && l->source[begin - 1] != '\n')
    {
        begin--;
    }
    const bool is_at_line = begin > from || !l->is_line_begun;
    return is_at_line && begin < to && skip_space(l, begin) >= to ? begin : to;
}

static char sign_at(const lexer *l, size_t at)
{
    const bool is_sign = at < l->size && (l->source[at] == '-' || l->source[at] == '+');
    return (char)(is_sign ? l->source[at] : '\0');
}

/* Behind the end of a tag or comment that begins at AT with "%}" or "#}", or a sign before that; 0:
 * none is there. */
static size_t tag_end(const lexer *l, size_t at, const char *closing)
{
    const char sign = sign_at(l, at);
    size_t end = at + (sign != '\0');
    if (end > l->size || !looks_at(l, end, closing))
    {
        return 0;
    }
    end += strlen(closing);
    if (sign == '-')
    {
        return skip_space(l, end);
    }
    const bool takes_newline = sign == '\0' && closing[0] != '}';
    return takes_newline && end < l->size && l->source[end] == '\n' ? end + 1 : end;
}

static bool is_name_start(uint32_t c)
{
    return c == '_' ||
           (c < 0x80 ? (c | 0x20U) >= 'a' && (c | 0x20U) <= 'z' : lb_jinja_char_is_letter(c));
}

static bool is_name_part(uint32_t c)
{
    const utf8proc_category_t found = utf8proc_category((utf8proc_int32_t)c);
    return is_name_start(c) || (c >= '0' && c <= '9') ||
           (c >= 0x80 && (found == UTF8PROC_CATEGORY_MN || found == UTF8PROC_CATEGORY_MC ||
                          found == UTF8PROC_CATEGORY_ND || found == UTF8PROC_CATEGORY_PC ||
                          found == UTF8PROC_CATEGORY_NL));
}

static lobass_status name_read(lexer *l)
{
    size_t end = l->at;
    size_t size = 0;
    while (end < l->size && is_name_part(lb_jinja_char_at(l->source + end, &size)))
    {
        end += size;
    }
    LB_TRY(token_add(l, TOKEN_NAME, l->source + l->at, end - l->at));
    l->at = end;
    return LOBASS_OK;
}

/* Behind digits with single underscores between them, from AT on; AT where there are none. */
static size_t digits_end(const lexer *l, size_t at, unsigned base, bool may_begin_low)
{
    size_t end = at;
    while (end < l->size)
    {
        const size_t digit =
            end + (l->source[end] == '_' && (end > at || may_begin_low) && end + 1 < l->size);
        if (!lb_jinja_is_digit_of(l->source[digit], base))
        {
            break;
        }
        end = digit + 1;
    }
    return end;
}

static size_t real_end(const lexer *l, size_t whole_end)
{
    size_t end = whole_end;
    if (end + 1 < l->size && l->source[end] == '.')
    {
        const size_t fraction = digits_end(l, end + 1, 10, false);
        end = fraction > end + 1 ? fraction : end;
    }
    if (end < l->size && (l->source[end] | 0x20) == 'e')
    {
        const size_t digits = end + 1 + (sign_at(l, end + 1) != '\0');
        const size_t exponent = digits < l->size ? digits_end(l, digits, 10, false) : digits;
        end = exponent > digits ? exponent : end;
    }
    return end;
}

static lobass_status number_read(lexer *l)
{
    bool has_prefix = false;
    const unsigned base = lb_jinja_base_of(l->source + l->at, &has_prefix);
    const size_t begin = l->at + (has_prefix ? 2 : 0);
    size_t end = digits_end(l, begin, base, has_prefix);
    const size_t whole_end = end;
    if (!has_prefix && (l->at == 0 || l->source[l->at - 1] != '.'))
    {
        end = real_end(l, end);
    }
    if (!has_prefix && end == whole_end && l->source[l->at] == '0') /* "007" is 0, 0 and 7 */
    {
        end = l->at + 1;
        while (end < whole_end && (l->source[end] == '0' || l->source[end] == '_'))
        {
            end++;
        }
    }
    if (end == begin)
    {
        return fail(l, "no digit behind the base of a number");
    }
    LB_TRY(
        token_add(l, end > whole_end ? TOKEN_REAL : TOKEN_INTEGER, l->source + l->at, end - l->at));
    l->at = end;
    return LOBASS_OK;
}

static lobass_status string_read(lexer *l)
{
    const char quote = l->source[l->at];
    const char *const begin = l->source + l->at + 1;
    const char *const last = l->source + l->size;
    const char *end = begin;
    while (end < last && *end != quote)
    {
        end += *end == '\\' && end + 1 < last ? 2 : 1;
    }
    if (end >= last)
    {
        return fail(l, "a string that does not end");
    }
    LB_TRY(token_add(l, TOKEN_STRING, begin, (size_t)(end - begin)));
    advance(l, (size_t)(end + 1 - l->source));
    return LOBASS_OK;
}

static lobass_status bracket_check(lexer *l, char c)
{
    static const char opening[] = "({[";
    static const char closing[] = ")}]";
    const char *opens = strchr(opening, c);
    if (opens != NULL)
    {
        if (l->n_brackets == MOST_BRACKETS)
        {
            return fail(l, "brackets within brackets beyond a depth of 1,000");
        }
        l->brackets[l->n_brackets++] = closing[opens - opening];
        return LOBASS_OK;
    }
    if (strchr(closing, c) != NULL)
    {
        if (l->n_brackets == 0 || l->brackets[l->n_brackets - 1] != c)
        {
            return fail(l, "a closing bracket without its opening one");
        }
        l->n_brackets--;
    }
    return LOBASS_OK;
}

static lobass_status operator_read(lexer *l)
{
    static const char *const operators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                            "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                            ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
    {
        if (looks_at(l, l->at, operators[i]))
        {
            const size_t size = strlen(operators[i]);
            LB_TRY(bracket_check(l, operators[i][0]));
            LB_TRY(token_add(l, TOKEN_OPERATOR, l->source + l->at, size));
            l->at += size;
            return LOBASS_OK;
        }
    }
    return fail(l, "a character that begins nothing of the language");
}

/* What stands within a tag, up to its end. */
static lobass_status tag_read(lexer *l, bool is_print)
{
    const char *const closing = is_print ? "}}" : "%}";
    while (l->at < l->size)
    {
        const size_t end = l->n_brackets == 0 && !(is_print && sign_at(l, l->at) == '+')
                               ? tag_end(l, l->at, closing)
                               : 0;
        if (end > 0)
        {
            LB_TRY(token_add(l, is_print ? TOKEN_PRINT_END : TOKEN_BLOCK_END, closing, 2));
            advance(l, end);
            l->is_line_begun = l->source[end - 1] != '\n';
            return LOBASS_OK;
        }
        size_t size = 0;
        const uint32_t c = lb_jinja_char_at(l->source + l->at, &size);
        if (lb_jinja_char_is_space(c))
        {
            advance(l, l->at + size);
        }
        else if (c >= '0' && c <= '9')
        {
            LB_TRY(number_read(l));
        }
        else if (is_name_start(c))
        {
            LB_TRY(name_read(l));
        }
        else if (c == '\'' || c == '"')
        {
            LB_TRY(string_read(l));
        }
        else
        {
            LB_TRY(operator_read(l));
        }
    }
    return fail(l, "the template ends within a tag");
}

static lobass_status comment_skip(lexer *l)
{
    for (size_t at = l->at; at < l->size; at++)
    {
        const size_t end = tag_end(l, at, "#}");
        if (end > 0)
        {
            advance(l, end);
            l->is_line_begun = l->source[end - 1] != '\n';
            return LOBASS_OK;
        }
    }
    return fail(l, "a comment that does not end");
}

/* Behind "{% WORD %}" whose opening is at AT, with *SIGN behind "{%"; 0: it is another. A raw tag
 * keeps the newline behind it, its end does not. */
static size_t word_tag_end(const lexer *l, size_t at, const char *word, char *sign)
{
    *sign = sign_at(l, at + 2);
    size_t end = skip_space(l, at + 2 + (*sign != '\0'));
    if (end >= l->size || !looks_at(l, end, word))
    {
        return 0;
    }
    end = skip_space(l, end + strlen(word));
    if (strcmp(word, "endraw") == 0)
    {
        return end < l->size ? tag_end(l, end, "%}") : 0;
    }
    const bool has_minus = end < l->size && l->source[end] == '-';
    end += has_minus;
    if (end >= l->size || !looks_at(l, end, "%}"))
    {
        return 0;
    }
    return has_minus ? skip_space(l, end + 2) : end + 2;
}

static lobass_status data_add(lexer *l, size_t from, size_t to)
{
    return to > from ? token_add(l, TOKEN_DATA, l->source + from, to - from) : LOBASS_OK;
}

static lobass_status raw_read(lexer *l, size_t from)
{
    l->is_line_begun = l->source[from - 1] != '\n';
    advance(l, from);
    for (size_t at = from; at + 1 < l->size; at++)
    {
        char sign = '\0';
        const size_t end = looks_at(l, at, "{%") ? word_tag_end(l, at, "endraw", &sign) : 0;
        if (end > 0)
        {
            LB_TRY(data_add(l, from, data_end(l, from, at, sign, false)));
            advance(l, end);
            l->is_line_begun = l->source[end - 1] != '\n';
            return LOBASS_OK;
        }
    }
    return fail(l, "a raw block that does not end");
}

/* The text before a tag that opens at AT, and the tag. */
static lobass_status part_read(lexer *l, size_t at)
{
    char sign = '\0';
    const char kind = l->source[at + 1];
    const size_t raw = kind == '%' ? word_tag_end(l, at, "raw", &sign) : 0;
    sign = sign_at(l, at + 2);
    const size_t from = l->at;
    LB_TRY(data_add(l, from, data_end(l, from, at, sign, kind == '{')));
    if (raw > 0)
    {
        advance(l, at);
        return raw_read(l, raw);
    }
    advance(l, at + 2 + (sign != '\0'));
    if (kind == '#')
    {
        return comment_skip(l);
    }
    LB_TRY(token_add(l, kind == '{' ? TOKEN_PRINT_BEGIN : TOKEN_BLOCK_BEGIN, l->source + at, 2));
    return tag_read(l, kind == '{');
}

static lobass_status read_all(lexer *l)
{
    for (size_t at = 0; at + 1 < l->size;)
    {
        const char kind = l->source[at + 1];
        if (l->source[at] != '{' || (kind != '%' && kind != '{' && kind != '#'))
        {
            at++;
            continue;
        }
        LB_TRY(part_read(l, at));
        at = l->at;
    }
    LB_TRY(data_add(l, l->at, l->size));
    advance(l, l->size);
    return token_add(l, TOKEN_END, "", 0);
}

lobass_status lb_jinja_tokens_read(token **tokens, const char *source, size_t size,
                                   const char *where, lb_arena *arena, lobass_error *error)
{
    char *const lines = lb_arena_alloc(arena, size + 1, 1, error);
    lexer *const l = lb_arena_alloc(arena, 1, sizeof *l, error);
    if (lines == NULL || l == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
    {
        const bool is_return = source[i] == '\r';
        i += is_return && i + 1 < size && source[i + 1] == '\n';
        lines[n++] = (char)(is_return ? '\n' : source[i]);
    }
    n -= n > 0 && lines[n - 1] == '\n';
    lines[n] = '\0';
    *l = (lexer){.source = lines, .size = n, .line = 1, .where = where, .error = error};
    const lobass_status status = read_all(l);
    *tokens = l->tokens;
    return status;
}

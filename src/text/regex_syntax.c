/* SPDX-License-Identifier: Apache-2.0
 *
 * From Oniguruma's regular expressions (Ruby's syntax, UTF-8), in which tokenizer.json is written,
 * to PCRE2's. Most of the two languages is common. What is said differently is rewritten: the
 * classes \s \S \w \W \h \H \v, code points \uHHHH, and scripts, \p{Han}, which PCRE2 takes to mean
 * script extensions. What both accept but understand differently (nested sets [a[b]], possessive
 * or lazy {n,m}, option groups, back-references, \b, POSIX brackets) is refused with its position,
 * never approximated. Everything else is left to PCRE2, which refuses what it does not know.
 */
#include <ctype.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "text/tokenizer_private.h"

#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"
/* Superscripts and fractions of Latin-1: Oniguruma counts them as \w, but not within a set. */
#define LATIN1_NUMBERS "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"
#define HEX "0-9A-Fa-f"
#define MAX_PROPERTY_NAME 48

typedef struct syntax
{
    const char *pattern;
    size_t size, at;
    bool is_in_class;
    lb_tracked *translated;
    const char *where;
    lobass_error *error;
} syntax;

static lobass_status refuse(const syntax *s, const char *what)
{
    return lb_fail(s->error, LOBASS_UNSUPPORTED,
                   "%s: pattern, byte %zu: %s is not supported in a regular expression", s->where,
                   s->at + 1, what);
}

static lobass_status put(const syntax *s, const char *text, size_t size)
{
    return lb_tracked_append(s->translated, text, size, s->at, s->error);
}

/* Copies the next COUNT bytes of the pattern. */
static lobass_status copy(syntax *s, size_t count)
{
    LB_TRY(put(s, s->pattern + s->at, count));
    s->at += count;
    return LOBASS_OK;
}

static int peek(const syntax *s, size_t ahead)
{
    return s->size - s->at > ahead ? (unsigned char)s->pattern[s->at + ahead] : -1;
}

static bool starts_with(const syntax *s, const char *text)
{
    const size_t size = strlen(text);
    return s->size - s->at >= size && memcmp(s->pattern + s->at, text, size) == 0;
}

/* ---- escapes -----------------------------------------------------------------------------------
 */

/* A letter behind a backslash: what it becomes outside and inside of a set; NULL: refused. */
typedef struct letter_escape
{
    char letter;
    const char *outside, *inside;
} letter_escape;

static const letter_escape letter_escapes[] = {
    {'s', "\\p{White_Space}", "\\p{White_Space}"},
    {'S', "\\P{White_Space}", "\\P{White_Space}"},
    {'d', "\\d", "\\d"},
    {'D', "\\D", "\\D"},
    {'w', "[" WORD LATIN1_NUMBERS "]", WORD},
    {'W', "[^" WORD LATIN1_NUMBERS "]", NULL},
    {'h', "[" HEX "]", HEX},
    {'H', "[^" HEX "]", NULL},
    {'n', "\\n", "\\n"},
    {'r', "\\r", "\\r"},
    {'t', "\\t", "\\t"},
    {'f', "\\f", "\\f"},
    {'v', "\\x0b", "\\x0b"},
    {'a', "\\a", "\\a"},
    {'e', "\\e", "\\e"},
    {'A', "\\A", NULL},
    {'z', "\\z", NULL},
    {'Z', "\\Z", NULL},
};

static lobass_status refuse_escape(const syntax *s, char letter)
{
    char what[40];
    (void)snprintf(what, sizeof what, "\"\\%c\"%s", letter, s->is_in_class ? " in a set" : "");
    return refuse(s, what);
}

/* Whether PCRE2 knows NAME as a script. */
static bool is_script(const char *name, size_t size)
{
    char pattern[MAX_PROPERTY_NAME + 8];
    int code;
    PCRE2_SIZE offset;

    const int length = snprintf(pattern, sizeof pattern, "\\p{sc:%.*s}", (int)size, name);
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, (PCRE2_SIZE)length,
                                         PCRE2_UTF | PCRE2_UCP, &code, &offset, NULL);
    pcre2_code_free(compiled);
    return compiled != NULL;
}

/* \p{Name}, \P{Name}, \p{^Name} */
static lobass_status translate_property(syntax *s)
{
    const char *begin = s->pattern + s->at;
    const char *end = memchr(begin, '}', s->size - s->at);
    const bool is_negated = peek(s, 3) == '^';
    const size_t skipped = is_negated ? 4 : 3;

    if (peek(s, 2) != '{' || end == NULL || (size_t)(end - begin) <= skipped ||
        (size_t)(end - begin) - skipped > MAX_PROPERTY_NAME)
    {
        return refuse(s, "a property without a name in braces");
    }
    const char *name = begin + skipped;
    const size_t size = (size_t)(end - name);
    for (size_t i = 0; i < size; i++)
    {
        if (!lb_is_alphanumeric((unsigned char)name[i]) && name[i] != '_' && name[i] != '&')
        {
            return refuse(s, "a property whose name is not of letters");
        }
    }
    if (size <= 2 || !is_script(name, size)) /* a category or another property */
    {
        return copy(s, (size_t)(end + 1 - begin));
    }
    LB_TRY(put(s, begin, skipped));
    LB_TRY(put(s, "sc:", 3));
    LB_TRY(put(s, name, size + 1));
    s->at += (size_t)(end + 1 - begin);
    return LOBASS_OK;
}

/* \uHHHH, \x{HHHH} and \xHH below 0x80 (above, Oniguruma means a raw byte). */
static lobass_status translate_code_point(syntax *s)
{
    const bool is_u = peek(s, 1) == 'u';
    const size_t n_digits = is_u ? 4 : 2;
    char braced[16];

    if (!is_u && peek(s, 2) == '{')
    {
        const char *end = memchr(s->pattern + s->at, '}', s->size - s->at);
        return end == NULL ? refuse(s, "\"\\x{\" without a \"}\"")
                           : copy(s, (size_t)(end + 1 - (s->pattern + s->at)));
    }
    for (size_t i = 0; i < n_digits; i++)
    {
        const int digit = peek(s, 2 + i);
        if (digit < 0 || isxdigit(digit) == 0 || (!is_u && i == 0 && digit > '7'))
        {
            return refuse(s, is_u ? "\"\\u\" without four digits" : "a raw byte \"\\xHH\"");
        }
    }
    const int size =
        snprintf(braced, sizeof braced, "\\x{%.*s}", (int)n_digits, s->pattern + s->at + 2);
    LB_TRY(put(s, braced, (size_t)size));
    s->at += 2 + n_digits;
    return LOBASS_OK;
}

static lobass_status translate_escape(syntax *s)
{
    const int letter = peek(s, 1);

    if (letter < 0)
    {
        return refuse(s, "a backslash at the end");
    }
    if (letter == 'p' || letter == 'P')
    {
        return translate_property(s);
    }
    if (letter == 'u' || letter == 'x')
    {
        return translate_code_point(s);
    }
    if (!lb_is_alphanumeric(
            (unsigned char)letter)) /* punctuation stands for itself; so does what is not ASCII */
    {
        return copy(s, 1 + (letter < 0x80 ? 1 : lb_utf8_length(s->pattern + s->at + 1)));
    }
    for (size_t i = 0; i < sizeof letter_escapes / sizeof letter_escapes[0]; i++)
    {
        const letter_escape *escape = &letter_escapes[i];
        const char *text = s->is_in_class ? escape->inside : escape->outside;
        if (escape->letter == letter && text != NULL)
        {
            LB_TRY(put(s, text, strlen(text)));
            s->at += 2;
            return LOBASS_OK;
        }
    }
    return refuse_escape(s, (char)letter);
}

/* ---- sets, groups and intervals ----------------------------------------------------------------
 */

static lobass_status enter_class(syntax *s)
{
    s->is_in_class = true;
    LB_TRY(copy(s, 1));
    if (peek(s, 0) == '^')
    {
        LB_TRY(copy(s, 1));
    }
    return peek(s, 0) == ']' ? refuse(s, "\"]\" as the first member of a set") : LOBASS_OK;
}

static lobass_status translate_in_class(syntax *s)
{
    if (peek(s, 0) == '[')
    {
        return refuse(s, "a set within a set");
    }
    if (starts_with(s, "&&"))
    {
        return refuse(s, "the intersection \"&&\"");
    }
    s->is_in_class = peek(s, 0) != ']';
    return copy(s, 1);
}

static lobass_status translate_group(syntax *s)
{
    static const char *const known[] = {"(?:",  "(?=",  "(?!",  "(?>",
                                        "(?<=", "(?<!", "(?i:", "(?-i:"};

    if (starts_with(s, "(*"))
    {
        return refuse(s, "\"(*\"");
    }
    if (!starts_with(s, "(?"))
    {
        return copy(s, 1);
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    {
        if (starts_with(s, known[i]))
        {
            return copy(s, strlen(known[i]));
        }
    }
    if (s->at == 0 && starts_with(s, "(?i)")) /* further on, the two differ in how far it reaches */
    {
        return copy(s, strlen("(?i)"));
    }
    return refuse(s, "a group of this kind");
}

/* {n}, {n,}, {n,m}; any other brace is a brace. */
static lobass_status translate_interval(syntax *s)
{
    size_t length = 1;
    bool is_fixed = true;

    while (peek(s, length) >= 0 && isdigit(peek(s, length)) != 0)
    {
        length++;
    }
    if (peek(s, length) == ',')
    {
        if (length == 1)
        {
            return refuse(s, "an interval without a lower bound");
        }
        is_fixed = false;
        length++;
        while (peek(s, length) >= 0 && isdigit(peek(s, length)) != 0)
        {
            length++;
        }
    }
    if (length == 1 || peek(s, length) != '}')
    {
        LB_TRY(put(s, "\\{", 2));
        s->at++;
        return LOBASS_OK;
    }
    LB_TRY(copy(s, length + 1));
    if (peek(s, 0) == '+' || (is_fixed && peek(s, 0) == '?'))
    {
        return refuse(s, "a second quantifier behind an interval");
    }
    return LOBASS_OK;
}

lobass_status lb_regex_translate(lb_tracked *translated, const char *pattern, size_t size_bytes,
                                 const char *where, lobass_error *error)
{
    syntax s = {pattern, size_bytes, 0, false, translated, where, error};

    lb_tracked_begin(translated, true);
    while (s.at < s.size)
    {
        const char next = pattern[s.at];
        if (next == '\\')
        {
            LB_TRY(translate_escape(&s));
        }
        else if (s.is_in_class)
        {
            LB_TRY(translate_in_class(&s));
        }
        else if (next == '[')
        {
            LB_TRY(enter_class(&s));
        }
        else if (next == '(')
        {
            LB_TRY(translate_group(&s));
        }
        else if (next == '{')
        {
            LB_TRY(translate_interval(&s));
        }
        else
        {
            LB_TRY(copy(&s, 1));
        }
    }
    return LOBASS_OK;
}

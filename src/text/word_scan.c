/* SPDX-License-Identifier: Apache-2.0
 *
 * Words of plain text without the regular expression. The patterns of GPT-2 and of those who came
 * after it (Llama 3, Qwen 2) part text into words one behind the other and leave no gap. Where all
 * bytes that decide about a word are ASCII, a table of byte classes finds its end; where any of
 * them is not, the pattern itself is asked. Only patterns that stand here to the letter are known.
 *
 * The alternatives of the patterns, in their order:
 *   contractions               's 't 're 've 'm 'll 'd, in any case or lower case only
 *   letters                    with one character before them: a space, or (has_any_lead) any but a
 *                              letter, a digit and a line end
 *   digits                     at most most_digits, or (GPT-2) all, with a space before them
 *   neither                    with a space before them, and (takes_lines) line ends behind them
 *   white space                takes_lines: up to its last line end; else all at the end of a text,
 *                              all but the last character before a word, or the one there is
 */
#include <string.h>

#include "text/tokenizer_private.h"

struct lb_word_scan
{
    const char *pattern;
    bool is_caseless;  /* contractions */
    bool has_any_lead; /* letters */
    bool takes_lines;
    size_t most_digits; /* 0: all, and a space before them */
};

static const lb_word_scan known[] = {
    {LB_GPT2_PATTERN, false, false, false, 0},
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
     " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     true, true, true, 3},
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
     " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     true, true, true, 1},
};

const lb_word_scan *lb_word_scan_find(const char *pattern, size_t size_bytes)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    {
        if (strlen(known[i].pattern) == size_bytes &&
            memcmp(known[i].pattern, pattern, size_bytes) == 0)
        {
            return &known[i];
        }
    }
    return NULL;
}

/* Classes of bytes; END stands behind the text. */
enum
{
    OTHER,
    LETTER,
    DIGIT,
    BLANK, /* white space within a line */
    LINE,  /* CR, LF */
    WIDE,  /* not ASCII: anything */
    END
};

#define O OTHER
#define L LETTER
#define D DIGIT
#define B BLANK
#define E LINE
#define W WIDE
static const uint8_t classes[LB_N_BYTES] = {
    O, O, O, O, O, O, O, O, O, B, E, B, B, E, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O,
    B, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, D, D, D, D, D, D, D, D, D, D, O, O, O, O, O, O,
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O,
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O,
    W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
    W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
    W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
    W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W,
};
#undef O
#undef L
#undef D
#undef B
#undef E
#undef W

static unsigned class_at(const char *text, size_t size, size_t at)
{
    return at < size ? classes[(uint8_t)text[at]] : END;
}

/* Where the run of CLASS that reaches to AT ends; *NEXT: the class of what stands there. */
static size_t run_end(const char *text, size_t size, size_t at, unsigned class, unsigned *next)
{
    while ((*next = class_at(text, size, at)) == class)
    {
        at++;
    }
    return at;
}

/* The end of the contraction at an apostrophe, or AT where there is none. */
static size_t contraction_end(const lb_word_scan *scan, const char *text, size_t size, size_t at)
{
    static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
    {
        const size_t n = strlen(endings[i]);
        size_t same = 0;
        while (same < n && at + 1 + same < size)
        {
            const uint8_t found = (uint8_t)text[at + 1 + same];
            const unsigned lower = scan->is_caseless ? found | 0x20U : found;
            if (lower != (uint8_t)endings[i][same])
            {
                break;
            }
            same++;
        }
        if (same == n)
        {
            return at + 1 + n;
        }
    }
    return at;
}

/* Behind characters that are neither letters nor digits nor white space; 0: not for us to say. */
static size_t other_end(const lb_word_scan *scan, const char *text, size_t size, size_t at)
{
    unsigned next = OTHER;
    at = run_end(text, size, at, OTHER, &next);
    if (next == WIDE)
    {
        return 0;
    }
    return scan->takes_lines ? run_end(text, size, at, LINE, &next) : at;
}

static size_t digits_end(const lb_word_scan *scan, const char *text, size_t size, size_t at)
{
    const size_t most = scan->most_digits;
    unsigned next = DIGIT;
    size_t end = at;
    while ((most == 0 || end < at + most) && (next = class_at(text, size, end)) == DIGIT)
    {
        end++;
    }
    return next == WIDE ? 0 : end;
}

static size_t space_end(const lb_word_scan *scan, const char *text, size_t size, size_t at)
{
    size_t end = at;
    size_t behind_line = 0; /* 0: no line end yet */
    unsigned class = END;
    while ((class = class_at(text, size, end)) == BLANK || class == LINE)
    {
        end++;
        behind_line = class == LINE ? end : behind_line;
    }
    if (class == WIDE)
    {
        return 0;
    }
    if (scan->takes_lines && behind_line > 0)
    {
        return behind_line;
    }
    return class == END || end == at + 1 ? end : end - 1;
}

size_t lb_word_scan_end(const lb_word_scan *scan, const char *text, size_t size, size_t at)
{
    const unsigned first = class_at(text, size, at);
    const unsigned second = class_at(text, size, at + 1);
    const bool is_space = first == BLANK && text[at] == ' ';
    unsigned next = END;
    size_t end = 0;

    if (first == WIDE)
    {
        return 0;
    }
    if (first == OTHER && text[at] == '\'' && second == LETTER)
    {
        end = contraction_end(scan, text, size, at);
        if (end > at)
        {
            return end;
        }
    }
    const bool is_lead = is_space || (scan->has_any_lead && (first == OTHER || first == BLANK));
    if (first == LETTER || (is_lead && second == LETTER))
    {
        end = run_end(text, size, at + 1, LETTER, &next);
        return next == WIDE ? 0 : end;
    }
    if (first == DIGIT)
    {
        return digits_end(scan, text, size, at);
    }
    if (is_space && second == DIGIT && scan->most_digits == 0)
    {
        return digits_end(scan, text, size, at + 1);
    }
    if (first == OTHER || (is_space && second == OTHER))
    {
        return other_end(scan, text, size, at + 1);
    }
    return first == END ? 0 : space_end(scan, text, size, at);
}

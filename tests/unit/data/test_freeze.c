/* SPDX-License-Identifier: Apache-2.0
 *
 * Records -> frozen rows, worked by hand with a byte-level tokenizer. A row is written down as two
 * strings of one character a token:
 *   tokens  the byte itself; / newline, # NUL, @ ":T", ^ BOS, $ EOS
 *   flags   b BOS, F first of a response, R response, E end token (small letters: not scored), .
 *           or, scored, *
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "data/data.h"
#include "unit/data/tiny_tokenizer.h"

#define ROW_SIZE 1024

enum
{
    FULL, /* adds BOS, has EOS */
    BARE, /* neither */
    N_KINDS
};

static lobass_tokenizer *tokenizers[N_KINDS];

static char token_letter(int32_t id)
{
    static const struct
    {
        int32_t id;
        char letter;
    } letters[] = {{TINY_MERGED, '@'}, {TINY_BOS, '^'}, {TINY_EOS, '$'}, {'\n', '/'}, {0, '#'}};
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
    {
        if (letters[i].id == id)
        {
            return letters[i].letter;
        }
    }
    return (char)id;
}

static char flag_letter(uint8_t flags)
{
    static const struct
    {
        unsigned flags;
        char letter;
    } letters[] = {
        {0, '.'},
        {LOBASS_TOKEN_SCORED, '*'},
        {LOBASS_TOKEN_BOS, 'b'},
        {LOBASS_TOKEN_RESPONSE, 'r'},
        {LOBASS_TOKEN_RESPONSE | LOBASS_TOKEN_SCORED, 'R'},
        {LOBASS_TOKEN_RESPONSE | LOBASS_TOKEN_FIRST, 'f'},
        {LOBASS_TOKEN_RESPONSE | LOBASS_TOKEN_FIRST | LOBASS_TOKEN_SCORED, 'F'},
        {LOBASS_TOKEN_RESPONSE | LOBASS_TOKEN_END, 'e'},
        {LOBASS_TOKEN_RESPONSE | LOBASS_TOKEN_FIRST | LOBASS_TOKEN_END, 's'},
        {LOBASS_TOKEN_RESPONSE | LOBASS_TOKEN_END | LOBASS_TOKEN_SCORED, 'E'},
    };
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
    {
        if (letters[i].flags == flags)
        {
            return letters[i].letter;
        }
    }
    return '?';
}

#define ONE "{\"prompt\":\"p\",\"completion\":\"ok\"}"
#define TWO "{\"question\":\"q\",\"answer\":\"a1\",\"history\":[[\"p\",\"x\"]]}"
#define TWO_LAST_EMPTY "{\"question\":\"q\",\"answer\":\"\",\"history\":[[\"p\",\"x\"]]}"
#define TRAILING                                                                                \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":" \
    "\"a\"},{\"role\":\"user\",\"content\":\"z\"}]}"
#define TRAILING_EMPTY                                                                          \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":" \
    "\"\"},{\"role\":\"user\",\"content\":\"z\"}]}"
#define CONTEXT                                                                                 \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":" \
    "\"a\",\"weight\":0},{\"role\":\"user\",\"content\":\"z\"},{\"role\":\"assistant\","        \
    "\"content\":\"b\"}]}"
#define LAST_CONTEXT                                                                            \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":" \
    "\"a\"},{\"role\":\"user\",\"content\":\"z\"},{\"role\":\"assistant\",\"content\":\"b\","   \
    "\"weight\":0}]}"
#define ALL_CONTEXT                                                                             \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":" \
    "\"a\",\"weight\":0}]}"
#define FIRST_WITH(text)                                                                        \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":" \
    "\"" text "\"},{\"role\":\"user\",\"content\":\"z\"},{\"role\":\"assistant\","              \
    "\"content\":\"b\"}]}"
#define FIRST_EMPTY FIRST_WITH("")
#define FIRST_BLANK FIRST_WITH(" ")
#define BLANK "{\"prompt\":\"p\",\"completion\":\" \\n\"}"
#define EMPTY "{\"prompt\":\"p\",\"completion\":\"\"}"
#define MERGE "{\"instruction\":\"i\",\"output\":\"To\"}"
#define INTRO                                                                              \
    "^Below is an instruction that describes a task. Write a response that appropriately " \
    "completes the request.//### Instruction:/i//### Response"

/* Options left out are those of base_options(); FLAGS may leave out a head of unscored tokens. */
typedef struct example
{
    int kind;
    lobass_format_options options;
    const char *record, *tokens, *flags;
    size_t n_scored;
    lobass_row_status status;
    const char *reason;
} example;

#define SKIP .eos = LOBASS_EOS_SKIP
#define LAST .turns = LOBASS_TURNS_LAST
#define CUT(n) .max_length = (n)
#define ALL .scored = LOBASS_SCORED_ALL
#define WINDOWS(n) .cuts_windows = true, .max_length = (n)
#define BARE_REASON "the response has no token that can be scored"
#define NO_TEXT "no text in any scored turn"
#define NO_TURN "no turn is to be learned: the record says so of each (weight 0 or the like)"

static const example examples[] = {
    /* one turn */
    {FULL, {CUT(512)}, ONE, "^p/ok$", "b..FRE", 3, LOBASS_ROW_OK, NULL},
    {FULL, {SKIP}, ONE, "^p/ok", "b..FR", 2, LOBASS_ROW_OK, NULL},
    {BARE, {CUT(512)}, ONE, "p/ok", "..FR", 2, LOBASS_ROW_OK, NULL},
    {FULL,
     {CUT(512)},
     "{\"prompt\":\"a\\u0000\",\"completion\":\"b\"}",
     "^a#/b$",
     "b...FE",
     2,
     LOBASS_ROW_OK,
     NULL},
    {FULL,
     {CUT(512)},
     "{\"prompt\":\"p\",\"completion\":\"<s>x\"}",
     "^p/<s>x$",
     "b..FRRRE",
     5,
     LOBASS_ROW_OK,
     NULL},
    /* several turns */
    {FULL, {CUT(512)}, TWO, "^p/x$/q/a1$", "b..FE...FRE", 5, LOBASS_ROW_OK, NULL},
    {FULL, {LAST}, TWO, "^p/x$/q/a1$", "b..fe...FRE", 3, LOBASS_ROW_OK, NULL},
    {FULL, {SKIP}, TWO, "^p/x$/q/a1", "b..Fe...FR", 3, LOBASS_ROW_OK, NULL},
    {FULL, {SKIP, LAST}, TWO, "^p/x$/q/a1", "b..fe...FR", 2, LOBASS_ROW_OK, NULL},
    {BARE, {CUT(512)}, TWO, "p/x/q/a1", "..F...FR", 3, LOBASS_ROW_OK, NULL},
    {FULL, {CUT(512)}, TRAILING, "^q/a$", "b..FE", 2, LOBASS_ROW_OK, NULL},
    {FULL, {SKIP}, TRAILING, "^q/a", "b..F", 1, LOBASS_ROW_OK, NULL},
    {FULL, {CUT(5)}, TRAILING, "^q/a$", "b..FE", 2, LOBASS_ROW_OK, NULL},
    /* a turn that the record says is not to be learned */
    {FULL, {CUT(512)}, CONTEXT, "^q/a$/z/b$", "b..fe...FE", 2, LOBASS_ROW_OK, NULL},
    {FULL, {LAST}, CONTEXT, "^q/a$/z/b$", "b..fe...FE", 2, LOBASS_ROW_OK, NULL},
    /* the last response that is to be learned; what follows it changes no loss */
    {FULL, {LAST}, LAST_CONTEXT, "^q/a$", "b..FE", 2, LOBASS_ROW_OK, NULL},
    {FULL, {LAST}, ALL_CONTEXT, "^q/a$", "b..fe", 0, LOBASS_ROW_EMPTY_RESPONSE, NO_TURN},
    {FULL, {CUT(512)}, ALL_CONTEXT, "^q/a$", "b..fe", 0, LOBASS_ROW_EMPTY_RESPONSE, NO_TURN},
    /* plain text */
    {FULL, {CUT(512)}, "{\"text\":\"ab\"}", "^ab$", "bFRE", 3, LOBASS_ROW_OK, NULL},
    {FULL, {SKIP}, "{\"text\":\"ab\"}", "^ab", "bFR", 2, LOBASS_ROW_OK, NULL},
    {FULL, {CUT(512)}, "{\"text\":\"<s>ab\"}", "^<s>ab$", "bFRRRRE", 6, LOBASS_ROW_OK, NULL},
    {BARE, {CUT(512)}, "{\"text\":\"ab\"}", "ab", "fR", 1, LOBASS_ROW_OK, NULL},
    {BARE, {CUT(512)}, "{\"text\":\"a\"}", "a", "f", 0, LOBASS_ROW_NO_SCORED_TOKEN, BARE_REASON},
    {FULL, {CUT(3)}, "{\"text\":\"abc\"}", "^ab", "bFR", 2, LOBASS_ROW_TRUNCATED, NULL},
    /* the edge of the response */
    {FULL, {.template_name = "alpaca"}, MERGE, INTRO ":To$", "FRE", 3, LOBASS_ROW_OK, NULL},
    {FULL,
     {.template_name = "alpaca", .boundary = LOBASS_BOUNDARY_JOINT},
     MERGE,
     INTRO "@o$",
     "FRE",
     3,
     LOBASS_ROW_OK,
     NULL},
    {FULL,
     {.template_name = "alpaca-newline"},
     MERGE,
     INTRO ":/To$",
     "FRE",
     3,
     LOBASS_ROW_OK,
     NULL},
    /* the end of the window */
    {FULL, {CUT(6)}, ONE, "^p/ok$", "b..FRE", 3, LOBASS_ROW_OK, NULL},
    {FULL, {CUT(5)}, ONE, "^p/ok", "b..FR", 2, LOBASS_ROW_TRUNCATED, NULL},
    {FULL, {CUT(5), SKIP}, ONE, "^p/ok", "b..FR", 2, LOBASS_ROW_OK, NULL},
    {FULL, {CUT(4)}, ONE, "^p/o", "b..F", 1, LOBASS_ROW_TRUNCATED, NULL},
    {FULL,
     {CUT(3)},
     ONE,
     "^p/",
     "b..",
     0,
     LOBASS_ROW_NO_SCORED_TOKEN,
     "the prompt has 3 tokens, max length 3"},
    {FULL,
     {CUT(1)},
     ONE,
     "^",
     "b",
     0,
     LOBASS_ROW_NO_SCORED_TOKEN,
     "the prompt has 3 tokens, max length 1"},
    {FULL, {CUT(7)}, TWO, "^p/x$", "b..FE", 2, LOBASS_ROW_TRUNCATED, NULL},
    {FULL,
     {CUT(6), LAST},
     TWO,
     "^p/x$/",
     "b..fe.",
     0,
     LOBASS_ROW_NO_SCORED_TOKEN,
     "the prompt has 8 tokens, max length 6"},
    /* prompts too: everything but what nothing predicts, and end tokens where they are skipped */
    {FULL, {ALL}, ONE, "^p/ok$", "b**FRE", 5, LOBASS_ROW_OK, NULL},
    {FULL, {ALL, SKIP}, ONE, "^p/ok", "b**FR", 4, LOBASS_ROW_OK, NULL},
    {BARE, {ALL}, ONE, "p/ok", ".*FR", 3, LOBASS_ROW_OK, NULL},
    {FULL, {ALL, LAST}, TWO, "^p/x$/q/a1$", "b**FE***FRE", 10, LOBASS_ROW_OK, NULL},
    {FULL, {ALL, SKIP}, TWO, "^p/x$/q/a1", "b**Fe***FR", 8, LOBASS_ROW_OK, NULL},
    {FULL, {ALL}, CONTEXT, "^q/a$/z/b$", "b**FE***FE", 9, LOBASS_ROW_OK, NULL},
    {FULL, {ALL}, TRAILING, "^q/a$/z", "b**FE**", 6, LOBASS_ROW_OK, NULL},
    {FULL, {ALL}, EMPTY, "^p/$", "b..s", 0, LOBASS_ROW_EMPTY_RESPONSE, NO_TEXT},
    {FULL, {ALL, CUT(3)}, ONE, "^p/", "b**", 2, LOBASS_ROW_TRUNCATED, NULL},
    /* rows that windows are cut of stay whole if they are scored as a whole */
    {FULL, {WINDOWS(3)}, "{\"text\":\"abcd\"}", "^abcd$", "bFRRRE", 5, LOBASS_ROW_OK, NULL},
    {FULL, {WINDOWS(3), SKIP}, "{\"text\":\"abcd\"}", "^abcd", "bFRRR", 4, LOBASS_ROW_OK, NULL},
    {FULL, {WINDOWS(3), ALL}, ONE, "^p/ok$", "b**FRE", 5, LOBASS_ROW_OK, NULL},
    {FULL, {WINDOWS(5)}, ONE, "^p/ok", "b..FR", 2, LOBASS_ROW_TRUNCATED, NULL},
    {FULL,
     {WINDOWS(3)},
     ONE,
     "^p/",
     "b..",
     0,
     LOBASS_ROW_NO_SCORED_TOKEN,
     "the prompt has 3 tokens, max length 3"},
    {BARE, {WINDOWS(3)}, "{\"text\":\"a\"}", "a", "f", 0, LOBASS_ROW_NO_SCORED_TOKEN, BARE_REASON},
    /* no text */
    {FULL, {CUT(512)}, EMPTY, "^p/$", "b..s", 0, LOBASS_ROW_EMPTY_RESPONSE, NO_TEXT},
    {FULL, {CUT(512)}, BLANK, "^p/ /$", "b..fre", 0, LOBASS_ROW_EMPTY_RESPONSE, NO_TEXT},
    {FULL, {CUT(512)}, TRAILING_EMPTY, "^q/$/z", "b..s..", 0, LOBASS_ROW_EMPTY_RESPONSE, NO_TEXT},
    {FULL, {CUT(2)}, EMPTY, "^p", "b.", 0, LOBASS_ROW_EMPTY_RESPONSE, NO_TEXT},
    {FULL, {CUT(512)}, "{\"text\":\"\"}", "^$", "bs", 0, LOBASS_ROW_EMPTY_RESPONSE, NO_TEXT},
    {BARE, {CUT(512)}, "{\"text\":\"\"}", "", "", 0, LOBASS_ROW_EMPTY_RESPONSE, NO_TEXT},
    {FULL, {CUT(512)}, TWO_LAST_EMPTY, "^p/x$", "b..FE", 2, LOBASS_ROW_OK, NULL},
    {FULL, {SKIP}, TWO_LAST_EMPTY, "^p/x", "b..F", 1, LOBASS_ROW_OK, NULL},
    {FULL, {LAST}, TWO_LAST_EMPTY, "^p/x$/q/$", "b..fe...s", 0, LOBASS_ROW_EMPTY_RESPONSE, NO_TEXT},
    {FULL, {CUT(512)}, FIRST_EMPTY, "^q/$/z/b$", "b..s...FE", 2, LOBASS_ROW_OK, NULL},
    {FULL, {CUT(512)}, FIRST_BLANK, "^q/ $/z/b$", "b..fe...FE", 2, LOBASS_ROW_OK, NULL},
    /* no record */
    {FULL,
     {CUT(512)},
     "[]",
     "",
     "",
     0,
     LOBASS_ROW_BAD_RECORD,
     "expected an object, found an array"},
    {FULL,
     {CUT(512)},
     "{\"prompt\":\"\\u0000\"}",
     "",
     "",
     0,
     LOBASS_ROW_BAD_RECORD,
     "field \"completion\" is missing"},
};

static lobass_format_options base_options(const lobass_format_options *some)
{
    lobass_format_options options = *some;
    options.template_name = some->template_name == NULL ? "plain" : some->template_name;
    options.max_length = some->max_length == 0 ? 512 : some->max_length;
    return options;
}

static lb_freezer *make_freezer(int kind, const lobass_format_options *some, int32_t eos_fallback)
{
    lb_freezer *freezer = NULL;
    lobass_error error = {0};
    const lobass_format_options options = base_options(some);
    if (lb_freezer_create(&freezer, tokenizers[kind], &options, eos_fallback, TINY_VOCABULARY,
                          &error) != LOBASS_OK)
    {
        fail_msg("%s", error.message);
    }
    return freezer;
}

static void freeze(lb_freezer *freezer, lobass_row *row, const char *text)
{
    const lb_record record = {.data = text, .size = strlen(text)};
    lobass_error error = {0};
    if (lb_freezer_freeze(freezer, row, &record, &error) != LOBASS_OK)
    {
        fail_msg("%s: %s", text, error.message);
    }
}

static void check_row(const lobass_row *row, const char *expected_tokens,
                      const char *expected_flags)
{
    char tokens[ROW_SIZE], flags[ROW_SIZE], wanted[ROW_SIZE];
    const size_t n = strlen(expected_tokens), n_given = strlen(expected_flags);
    assert_true(row->n_tokens < ROW_SIZE && n < ROW_SIZE && n_given <= n);
    for (size_t t = 0; t < row->n_tokens; t++)
    {
        tokens[t] = token_letter(row->ids[t]);
        flags[t] = flag_letter(row->flags[t]);
    }
    tokens[row->n_tokens] = '\0';
    flags[row->n_tokens] = '\0';
    memset(wanted, '.', n);
    wanted[0] = expected_tokens[0] == '^' ? 'b' : '.';
    memcpy(wanted + n - n_given, expected_flags, n_given + 1);
    assert_string_equal(tokens, expected_tokens);
    assert_string_equal(flags, wanted);
}

static void check_example(const lobass_row *row, const example *wanted)
{
    size_t n_scored = 0;
    assert_int_equal(row->status, wanted->status);
    check_row(row, wanted->tokens, wanted->flags);
    for (size_t t = 0; t < row->n_tokens; t++)
    {
        n_scored += row->flags[t] & LOBASS_TOKEN_SCORED;
    }
    assert_int_equal(row->n_scored, wanted->n_scored);
    assert_int_equal(n_scored, wanted->n_scored);
    if (wanted->reason == NULL)
    {
        /* What is told of a row that can be measured: names of special tokens, and no more. */
        assert_true(row->reason == NULL || strstr(row->reason, "names of special tokens") != NULL);
    }
    else
    {
        assert_non_null(row->reason);
        assert_string_equal(row->reason, wanted->reason);
    }
}

static void test_hand_worked_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
    {
        lb_freezer *freezer = make_freezer(examples[i].kind, &examples[i].options, -1);
        lobass_row row = {.row = 3, .line = 9};
        print_message("example %zu: %s\n", i, examples[i].record);
        freeze(freezer, &row, examples[i].record);
        check_example(&row, &examples[i]);
        /* Other rows in between change nothing. */
        freeze(freezer, &row,
               "{\"text\":\"something else, longer than the rest, and cut or not\"}");
        freeze(freezer, &row, "nothing");
        freeze(freezer, &row, examples[i].record);
        check_example(&row, &examples[i]);
        const lb_hash hash = lb_hash_bytes(examples[i].record, strlen(examples[i].record), 0);
        assert_true(row.hash[0] == hash.high && row.hash[1] == hash.low);
        assert_int_equal(row.row, 3);
        assert_int_equal(row.line, 9);
        lb_freezer_free(freezer);
    }
}

/* Plain text, a piece after the other: an end token stands behind the last alone. */
static void test_plain_text(void **state)
{
    (void)state;
    static const struct
    {
        int kind;
        const char *text;
        bool is_continued;
        const char *tokens, *flags;
    } texts[] = {
        {FULL, "{\"a\n<s>", true, "^{\"a/<s>", "bFRRRRRR"},
        {FULL, "{}", false, "^{}$", "bFRE"},
        {FULL, " :T ", false, "^ @ $", "bFRRE"},
        {BARE, "ab", true, "ab", "fR"},
        {BARE, "ab", false, "ab", "fR"},
    };
    const lobass_format_options options = {WINDOWS(3)};
    lobass_row row = {0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    {
        lb_freezer *freezer = make_freezer(texts[i].kind, &options, -1);
        lb_record record = {.data = texts[i].text,
                            .size = strlen(texts[i].text),
                            .is_text = true,
                            .is_continued = texts[i].is_continued};
        lobass_error error = {0};
        print_message("text %zu\n", i);
        assert_int_equal(lb_freezer_freeze(freezer, &row, &record, &error), LOBASS_OK);
        assert_int_equal(row.status, LOBASS_ROW_OK);
        check_row(&row, texts[i].tokens, texts[i].flags);
        /* What is no text is a bad record of its own. */
        record.data = "a\xC3(";
        record.size = 3;
        assert_int_equal(lb_freezer_freeze(freezer, &row, &record, &error), LOBASS_OK);
        assert_int_equal(row.status, LOBASS_ROW_BAD_RECORD);
        assert_non_null(strstr(row.reason, "byte 1"));
        freeze(freezer, &row, "{\"text\":\"ab\"}"); /* JSON goes on nowhere */
        check_row(&row, texts[i].kind == FULL ? "^ab$" : "ab",
                  texts[i].kind == FULL ? "bFRE" : "fR");
        lb_freezer_free(freezer);
    }
}

/* The config's end token stands in where the tokenizer names none, and only there. */
static void test_end_token_of_the_config(void **state)
{
    (void)state;
    const lobass_format_options options = {CUT(512)};
    lobass_row row = {0};
    lb_freezer *freezer = make_freezer(BARE, &options, TINY_EOS);
    freeze(freezer, &row, "{\"text\":\"ab\"}");
    check_row(&row, "ab$", "fRE");
    lb_freezer_free(freezer);
    freezer = make_freezer(FULL, &options, 'x');
    freeze(freezer, &row, "{\"text\":\"ab\"}");
    check_row(&row, "^ab$", "bFRE");
    lb_freezer_free(freezer);
}

static void test_missing_template_is_alpaca(void **state)
{
    (void)state;
    lobass_format_options options = {CUT(512)};
    lb_freezer *freezer = NULL;
    lobass_error error = {0};
    lobass_row row = {0};
    assert_int_equal(
        lb_freezer_create(&freezer, tokenizers[FULL], &options, -1, TINY_VOCABULARY, &error),
        LOBASS_OK);
    freeze(freezer, &row, MERGE);
    check_row(&row, INTRO ":To$", "FRE");
    lb_freezer_free(freezer);
    lb_freezer_free(NULL);
}

static void test_refused_options(void **state)
{
    (void)state;
    lobass_format_options options = {.template_name = "chat", .max_length = 512};
    lb_freezer *freezer = NULL;
    lobass_error error = {0};
    assert_int_equal(
        lb_freezer_create(&freezer, tokenizers[FULL], &options, -1, TINY_VOCABULARY, &error),
        LOBASS_UNSUPPORTED);
    assert_non_null(strstr(error.message, "\"chat\""));
    options = (lobass_format_options){.template_name = "plain"};
    assert_int_equal(
        lb_freezer_create(&freezer, tokenizers[FULL], &options, -1, TINY_VOCABULARY, &error),
        LOBASS_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "max length"));
    assert_null(freezer);
}

static void test_token_beyond_the_vocabulary(void **state)
{
    (void)state;
    static const char text[] = "{\"text\":\"ab\"}";
    const lb_record record = {.data = text, .size = sizeof text - 1};
    lobass_format_options options = {.template_name = "plain", .max_length = 512};
    lb_freezer *freezer = NULL;
    lobass_error error = {0};
    lobass_row row = {0};
    assert_int_equal(lb_freezer_create(&freezer, tokenizers[FULL], &options, -1, TINY_EOS, &error),
                     LOBASS_OK);
    assert_int_equal(lb_freezer_freeze(freezer, &row, &record, &error), LOBASS_BAD_FORMAT);
    assert_string_equal(error.message, "token 258 is beyond the model's vocabulary of 258");
    lb_freezer_free(freezer);
    /* A token that is not kept is no obstacle. */
    options.eos = LOBASS_EOS_SKIP;
    assert_int_equal(lb_freezer_create(&freezer, tokenizers[FULL], &options, -1, TINY_EOS, &error),
                     LOBASS_OK);
    assert_int_equal(lb_freezer_freeze(freezer, &row, &record, &error), LOBASS_OK);
    lb_freezer_free(freezer);
}

static lb_hash hash_of(const lobass_format_options *some, const char *record)
{
    lb_freezer *freezer = make_freezer(FULL, some, -1);
    lobass_row row = {0};
    freeze(freezer, &row, record);
    const lb_hash hash = lb_row_hash(&row);
    lb_freezer_free(freezer);
    return hash;
}

static void test_row_hash(void **state)
{
    (void)state;
    const lobass_format_options all = {CUT(512)}, last = {LAST};
    const lb_hash two = hash_of(&all, TWO);
    assert_true(lb_hash_equal(
        two, hash_of(&all, "{\"conversations\":[{\"from\":\"human\",\"value\":\"p\"},{\"from\":"
                           "\"gpt\",\"value\":\"x\"},{\"from\":\"human\",\"value\":\"q\"},"
                           "{\"from\":\"gpt\",\"value\":\"a1\"}]}")));
    assert_false(lb_hash_equal(two, hash_of(&last, TWO))); /* the same ids */
    assert_false(lb_hash_equal(two, hash_of(&all, ONE)));
    assert_false(lb_hash_equal(hash_of(&all, "{\"prompt\":\"p\",\"completion\":\"no\"}"),
                               hash_of(&all, ONE))); /* the same flags */
}

/* A row of a million tokens and its neighbours: buffers grow, and what is frozen stays right. */
static void test_huge_row(void **state)
{
    (void)state;
    enum
    {
        N_BYTES = 1000000
    };
    const lobass_format_options options = {.template_name = "plain", .max_length = UINT32_MAX};
    lb_freezer *freezer = make_freezer(FULL, &options, -1);
    lobass_row row = {0};
    lb_buffer text = {0};
    (void)lb_buffer_append_text(&text, "{\"prompt\":\"p\",\"completion\":\"", NULL);
    for (size_t i = 0; i < N_BYTES; i++)
    {
        (void)lb_buffer_append_text(&text, i % 7 == 0 ? " " : "z", NULL);
    }
    (void)lb_buffer_append_text(&text, "\"}", NULL);
    freeze(freezer, &row, ONE);
    freeze(freezer, &row, text.data);
    assert_int_equal(row.status, LOBASS_ROW_OK);
    assert_int_equal(row.n_tokens, N_BYTES + 4);
    assert_int_equal(row.n_scored, N_BYTES + 1);
    freeze(freezer, &row, ONE);
    check_row(&row, "^p/ok$", "b..FRE");
    lb_buffer_free(&text);
    lb_freezer_free(freezer);
}

static int load_tokenizers(void **state)
{
    (void)state;
    tokenizers[FULL] = tiny_tokenizer("tiny_freeze_full", true, true);
    tokenizers[BARE] = tiny_tokenizer("tiny_freeze_bare", false, false);
    return 0;
}

static int free_tokenizers(void **state)
{
    (void)state;
    for (int kind = 0; kind < N_KINDS; kind++)
    {
        lobass_tokenizer_free(tokenizers[kind]);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hand_worked_rows),
        cmocka_unit_test(test_plain_text),
        cmocka_unit_test(test_end_token_of_the_config),
        cmocka_unit_test(test_missing_template_is_alpaca),
        cmocka_unit_test(test_refused_options),
        cmocka_unit_test(test_token_beyond_the_vocabulary),
        cmocka_unit_test(test_row_hash),
        cmocka_unit_test(test_huge_row),
    };
    return cmocka_run_group_tests(tests, load_tokenizers, free_tokenizers);
}

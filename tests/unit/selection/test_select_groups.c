/* SPDX-License-Identifier: Apache-2.0
 *
 * Amounts by source and by length: quotas, drawing, strata, and how a quota is written. Hand-worked
 * choices first; then random ones held against a plain rule that looks at one row at a time.
 */
#include "unit/task/run_fixture.h"

#include "selection/selection.h"

#define MOST 60

static char name_a[] = "a:1.jsonl";
static char name_b[] = "b";
static char name_c[] = "c.json";
static const lb_store_source sources[] = {{.name = name_a}, {.name = name_b}, {.name = name_c}};
#define N_SOURCES (sizeof sources / sizeof *sources)

static lobass_row_scores rows[MOST];
static lb_row_summary summaries[MOST];
static lb_scores scores = {.rows = rows, .summaries = summaries};

/* N rows: values of learnability (NaN: none), values of random, scored tokens, sources as "aabbc".
 */
static void rows_make(const double *values, const double *drawn, const uint32_t *lengths,
                      const char *of)
{
    scores.n_rows = strlen(of);
    for (size_t i = 0; i < scores.n_rows; i++)
    {
        rows[i] = (lobass_row_scores){.status = LOBASS_ROW_OK};
        summaries[i] = (lb_row_summary){.n_scored = lengths == NULL ? 1 : lengths[i],
                                        .source = (uint32_t)(of[i] - 'a')};
        rows[i].has[LOBASS_SCORE_LEARNABILITY] = !isnan(values[i]);
        rows[i].value[LOBASS_SCORE_LEARNABILITY] = values[i];
        rows[i].has[LOBASS_SCORE_RANDOM] = true;
        rows[i].value[LOBASS_SCORE_RANDOM] = drawn == NULL ? 0.5 : drawn[i];
    }
}

static lobass_selection_spec spec_make(const char *amount, const char *const *quotas)
{
    lobass_selection_spec spec = lobass_selection_spec_default();
    lobass_error error = {0};
    spec.direction = LOBASS_DIRECTION_HIGHEST;
    spec.amount = (lobass_amount){.kind = LOBASS_AMOUNT_NONE};
    if (amount != NULL)
    {
        check_ok(lobass_amount_parse(amount, &spec.amount, &error), &error);
    }
    for (; quotas != NULL && *quotas != NULL; quotas++)
    {
        check_ok(lobass_selection_spec_add_quota(&spec, *quotas, &error), &error);
    }
    return spec;
}

static lb_selection *chosen(const lobass_selection_spec *spec)
{
    const lb_choice choice = {
        .scores = &scores, .spec = spec, .sources = sources, .n_sources = N_SOURCES};
    lobass_error error = {0};
    lb_selection *selection = NULL;
    check_ok(lb_selection_spec_check(spec, &error), &error);
    check_ok(lb_selection_choose(&selection, &choice, &error), &error);
    return selection;
}

/* Which rows are taken, as "0-1-..", with '1' for a taken row. */
static void check_taken(const lobass_selection_spec *spec, const char *expected)
{
    char text[MOST + 1] = "";
    lb_selection *selection = chosen(spec);
    for (size_t i = 0; i < scores.n_rows; i++)
    {
        text[i] = selection->is_selected[i] ? '1' : '.';
    }
    assert_string_equal(text, expected);
    lb_selection_free(selection);
}

static void check_quotas(const char *amount, const char *const *quotas, const char *expected)
{
    lobass_selection_spec spec = spec_make(amount, quotas);
    check_taken(&spec, expected);
    lobass_selection_spec_clear(&spec);
    assert_int_equal(spec.n_quotas, 0);
}

static void test_quotas(void **state)
{
    static const double values[] = {5, 9, 5, 1, 3, NAN, 2, 8, 7};
    static const double drawn[] = {.1, .2, .3, .4, .5, .99, .6, .7, .8};
    static const uint32_t lengths[] = {4, 2, 4, 4, 4, 4, 4, 4, 4};
    (void)state;
    rows_make(values, drawn, lengths, "aaaabbbcc");
    /* The source's own best; sources without a quota give nothing without an amount. */
    check_quotas(NULL, (const char *const[]){"a:1.jsonl:2", NULL}, "11.......");
    check_quotas(NULL, (const char *const[]){"a:1.jsonl:2", "b:1", NULL}, "11..1....");
    check_quotas(NULL, (const char *const[]){"b:all", "c.json:0", NULL}, "....1.1..");
    /* The amount is for the others, a share one of their records: 34 % of 5 are 2. */
    check_quotas("2", (const char *const[]){"c.json:1", NULL}, "11.....1.");
    check_quotas("34%", (const char *const[]){"a:1.jsonl:0", NULL}, ".......11");
    check_quotas("all", (const char *const[]){"a:1.jsonl:0", NULL}, "....1.111");
    /* A quota's share is one of its source: half of 4, half of 3 rounded up. */
    check_quotas(NULL, (const char *const[]){"a:1.jsonl:50%", "b:50%", NULL}, "11..1.1..");
    check_quotas(NULL, (const char *const[]){"a:1.jsonl:7tok", "c.json:8tok", NULL}, "11.....11");
    /* Drawn by the score random, also where the best are others; row 5 has no score. */
    check_quotas(NULL, (const char *const[]){"a:1.jsonl:1:random", "b:1:random", NULL},
                 "...1..1..");
    check_quotas("1", (const char *const[]){"a:1.jsonl:3:random", NULL}, ".111...1.");
}

static void test_result(void **state)
{
    static const double values[] = {5, 9, 5, 1, 3, NAN, 2, 8, 7};
    static const uint32_t lengths[] = {4, 2, 4, 3, 4, 4, 5, 4, 4};
    lobass_select_result result = {0};
    lobass_error error = {0};
    (void)state;
    rows_make(values, NULL, lengths, "aaaabbbcc");
    lobass_selection_spec spec =
        spec_make("1", (const char *const[]){"a:1.jsonl:2", "b:all", NULL});
    const lb_choice choice = {
        .scores = &scores, .spec = &spec, .sources = sources, .n_sources = N_SOURCES};
    lb_selection *selection = chosen(&spec);
    assert_int_equal(selection->n_wanted, 5);
    check_ok(lb_select_result_fill(&result, &choice, selection, &error), &error);
    static const uint64_t expected[][3] = {{4, 2, 6}, {3, 2, 9}, {2, 1, 4}};
    assert_int_equal(result.n_sources, N_SOURCES);
    for (size_t s = 0; s < N_SOURCES; s++)
    {
        assert_string_equal(result.sources[s].name, sources[s].name);
        assert_int_equal(result.sources[s].n_records, expected[s][0]);
        assert_int_equal(result.sources[s].n_selected, expected[s][1]);
        assert_int_equal(result.sources[s].n_selected_tokens, expected[s][2]);
    }
    /* The row that ranks last is one of b. */
    assert_true(result.cut == 2);
    assert_int_equal(result.n_selected_tokens, 19);
    lobass_select_result_clear(&result);
    assert_int_equal(result.n_sources, 0);
    lb_selection_free(selection);
    lobass_selection_spec_clear(&spec);
}

static void test_quota_texts(void **state)
{
    static const char *const wrong[][2] = {
        {"x", "expected NAME:AMOUNT"},  {":5", "expected NAME:AMOUNT"},
        {"", "expected NAME:AMOUNT"},   {":random", "expected NAME:AMOUNT"},
        {"x:", "not a number"},         {"x:five", "not a number"},
        {"x:5:Random", "not a number"}, {"x:150%", "more than all rows"},
        {"x:-1", "not a number"},       {"x:random", "expected NAME:AMOUNT"},
    };
    lobass_error error = {0};
    (void)state;
    lobass_selection_spec spec =
        spec_make(NULL, (const char *const[]){"a:b:c.jsonl:5", "x:10%:random", "y:0", "z:all",
                                              ": :7tok", NULL});
    assert_int_equal(spec.n_quotas, 5);
    assert_string_equal(spec.quotas[0].name, "a:b:c.jsonl");
    assert_int_equal(spec.quotas[0].amount.kind, LOBASS_AMOUNT_COUNT);
    assert_false(spec.quotas[0].is_random);
    assert_string_equal(spec.quotas[1].name, "x");
    assert_true(spec.quotas[1].is_random && spec.quotas[1].amount.value == 0.1);
    assert_int_equal(spec.quotas[2].amount.kind, LOBASS_AMOUNT_NONE);
    assert_int_equal(spec.quotas[3].amount.kind, LOBASS_AMOUNT_ALL);
    assert_string_equal(spec.quotas[4].name, ": ");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    {
        check_refused(lobass_selection_spec_add_quota(&spec, wrong[i][0], &error),
                      LOBASS_BAD_ARGUMENT, &error, "source \"", wrong[i][1]);
    }
    assert_int_equal(spec.n_quotas, 5);
    check_refused(lb_quotas_check(&spec, sources, N_SOURCES, &error), LOBASS_BAD_ARGUMENT, &error,
                  "source \"a:b:c.jsonl\": the run has none of that name",
                  "\"a:1.jsonl\", \"b\", \"c.json\"");
    check_ok(lobass_selection_spec_add_quota(&spec, "x:1", &error), &error);
    check_refused(lb_selection_spec_check(&spec, &error), LOBASS_BAD_ARGUMENT, &error,
                  "source \"x\"", "given twice");
    lobass_selection_spec_clear(&spec);
    spec = spec_make("1", NULL);
    spec.n_strata = LOBASS_STRATA_MOST + 1;
    check_refused(lb_selection_spec_check(&spec, &error), LOBASS_BAD_ARGUMENT, &error, "strata 101",
                  "at most 100");
}

/* Bins of 5 rows, of which 5, 3 and 1 are ranked; a row without scored tokens is in none. */
static void test_strata(void **state)
{
    static const double values[] = {NAN, 1, 2, 3, 4, 5, NAN, NAN, 8, 9, 7, NAN, NAN, NAN, NAN, 1};
    static const uint32_t lengths[] = {0, 1, 2, 3, 4, 5, 10, 10, 10, 10, 10, 20, 20, 20, 20, 20};
    lobass_select_result result = {0};
    lobass_error error = {0};
    (void)state;
    rows_make(values, NULL, lengths, "aaaaaaaaaaaaaaaa");
    lobass_selection_spec spec = spec_make("4", NULL);
    spec.n_strata = 3;
    /* 4 over 5, 3, 1: 2.22, 1.33, 0.44; the largest remainder is the last. */
    check_taken(&spec, "....11...1.....1");
    /* 2 over 5, 3, 1: 1.11, 0.67, 0.22. */
    spec.amount.value = 2;
    check_taken(&spec, ".....1...1......");
    /* More than there are. */
    spec.amount.value = 100;
    check_taken(&spec, ".11111..111....1");
    spec.amount.kind = LOBASS_AMOUNT_ALL;
    check_taken(&spec, ".11111..111....1");
    /* 27 tokens over 5, 3, 1: 15, 9, 3, of which rows of 5, 4, 3, 2 and 1 tokens fit alone. */
    spec.amount = (lobass_amount){LOBASS_AMOUNT_TOKENS, 27};
    check_taken(&spec, ".11111..........");
    /* 32: 17.8, 10.7, 3.6, where the two left go to the remainders .8 and .7: 18, 11, 3. */
    spec.amount.value = 32;
    check_taken(&spec, ".11111...1......");
    /* Equal lengths go by the order of the data: in 5 bins of 3 the third begins with row 7. 5 over
     * 3, 2, 2, 1, 1: 1.67, 1.11, 1.11, 0.56, 0.56. */
    spec = spec_make("5", NULL);
    spec.n_strata = 5;
    const lb_choice choice = {
        .scores = &scores, .spec = &spec, .sources = sources, .n_sources = N_SOURCES};
    lb_selection *selection = chosen(&spec);
    check_ok(lb_select_result_fill(&result, &choice, selection, &error), &error);
    static const uint64_t expected[][5] = {
        {1, 3, 3, 3, 2}, {4, 10, 3, 2, 1}, {10, 10, 3, 2, 1}, {10, 20, 3, 1, 1}, {20, 20, 3, 1, 0}};
    assert_int_equal(result.n_strata, 5);
    for (size_t i = 0; i < 5; i++)
    {
        assert_int_equal(result.strata[i].shortest, expected[i][0]);
        assert_int_equal(result.strata[i].longest, expected[i][1]);
        assert_int_equal(result.strata[i].n_rows, expected[i][2]);
        assert_int_equal(result.strata[i].n_selectable, expected[i][3]);
        assert_int_equal(result.strata[i].n_selected, expected[i][4]);
    }
    lobass_select_result_clear(&result);
    lb_selection_free(selection);
    /* More bins than rows: some are empty. */
    spec.n_strata = 40;
    check_taken(&spec, ".11111..........");
}

/* ---- against a plain rule ---------------------------------------------------------------------
 */

/* Does row I come before row J: shorter, or, BY_SCORE, better. */
static bool is_before(size_t i, size_t j, lobass_score by)
{
    const double a = by == LOBASS_SCORE_LENGTH ? -(double)summaries[i].n_scored : rows[i].value[by];
    const double b = by == LOBASS_SCORE_LENGTH ? -(double)summaries[j].n_scored : rows[j].value[by];
    return a > b || (a == b && i < j);
}

/* Every row has scored tokens here. */
static size_t bin_of(size_t i, size_t n_strata)
{
    size_t n_shorter = 0;
    for (size_t j = 0; j < scores.n_rows; j++)
    {
        n_shorter += is_before(j, i, LOBASS_SCORE_LENGTH) ? 1 : 0;
    }
    return n_shorter * n_strata / (scores.n_rows > 0 ? scores.n_rows : 1);
}

/* How many of AMOUNT rows bin B gets: the exact share's floor, and one more where fewer bins than
 * are left over have a larger remainder. */
static size_t rows_of_bin(size_t b, size_t amount, const size_t *ranked, size_t n_strata)
{
    size_t total = 0;
    size_t n_given = 0;
    size_t n_larger = 0;
    for (size_t i = 0; i < n_strata; i++)
    {
        total += ranked[i];
    }
    amount = amount < total ? amount : total;
    for (size_t i = 0; i < n_strata && total > 0; i++)
    {
        const size_t mine = amount * ranked[b] % total;
        const size_t other = amount * ranked[i] % total;
        n_given += amount * ranked[i] / total;
        n_larger += other > mine || (other == mine && i < b) ? 1 : 0;
    }
    return total == 0 ? 0 : amount * ranked[b] / total + (n_larger < amount - n_given ? 1 : 0);
}

/* Row I is taken where fewer rows of its source and bin stand before it than these may have. */
static bool is_taken(size_t i, size_t amount, bool is_random, size_t n_strata)
{
    size_t ranked[LOBASS_STRATA_MOST] = {0};
    size_t n_better = 0;
    if (!rows[i].has[LOBASS_SCORE_LEARNABILITY])
    {
        return false;
    }
    const size_t bin = bin_of(i, n_strata);
    for (size_t j = 0; j < scores.n_rows; j++)
    {
        if (rows[j].has[LOBASS_SCORE_LEARNABILITY] && summaries[j].source == summaries[i].source)
        {
            const size_t other = bin_of(j, n_strata);
            ranked[other]++;
            n_better +=
                other == bin &&
                        is_before(j, i, is_random ? LOBASS_SCORE_RANDOM : LOBASS_SCORE_LEARNABILITY)
                    ? 1
                    : 0;
        }
    }
    return n_better < rows_of_bin(bin, amount, ranked, n_strata);
}

static void test_random_choices(void **state)
{
    lb_random random;
    (void)state;
    lb_random_init(&random, 17);
    for (unsigned trial = 0; trial < 400; trial++)
    {
        double values[MOST] = {0};
        double drawn[MOST] = {0};
        uint32_t lengths[MOST] = {0};
        char of[MOST + 1] = "";
        char texts[N_SOURCES][40];
        size_t amounts[N_SOURCES];
        bool is_random[N_SOURCES];
        const char *quotas[N_SOURCES + 1] = {NULL};
        const size_t n = 3 + lb_random_below(&random, MOST - 3);
        for (size_t i = 0; i < n; i++)
        {
            values[i] =
                lb_random_below(&random, 4) == 0 ? NAN : (double)lb_random_below(&random, 9);
            drawn[i] = lb_random_uniform(&random);
            lengths[i] = 1 + (uint32_t)lb_random_below(&random, 12);
            of[i] = (char)('a' + i * N_SOURCES / n);
        }
        rows_make(values, drawn, lengths, of);
        for (size_t s = 0; s < N_SOURCES; s++)
        {
            amounts[s] = lb_random_below(&random, 15);
            is_random[s] = lb_random_below(&random, 2) == 0;
            (void)snprintf(texts[s], sizeof texts[s], "%s:%zu%s", sources[s].name, amounts[s],
                           is_random[s] ? ":random" : "");
            quotas[s] = texts[s];
        }
        lobass_selection_spec spec = spec_make(NULL, quotas);
        spec.n_strata = (uint32_t)lb_random_below(&random, 6);
        char expected[MOST + 1] = "";
        for (size_t i = 0; i < n; i++)
        {
            const size_t s = summaries[i].source;
            expected[i] =
                is_taken(i, amounts[s], is_random[s], spec.n_strata > 0 ? spec.n_strata : 1) ? '1'
                                                                                             : '.';
        }
        check_taken(&spec, expected);
        lobass_selection_spec_clear(&spec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quotas),         cmocka_unit_test(test_result),
        cmocka_unit_test(test_strata),         cmocka_unit_test(test_quota_texts),
        cmocka_unit_test(test_random_choices),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The choice: amounts, ties, directions, nestedness. See test_select_files.c for what is written.
 */
#include "unit/task/run_fixture.h"

#include "selection/selection.h"

#define N_ROWS 9

static lobass_row_scores rows[N_ROWS];
static lb_row_summary summaries[N_ROWS];
static const lb_scores scores = {.rows = rows, .summaries = summaries, .n_rows = N_ROWS};

/* Row i has VALUES[i] under every score and LENGTHS[i] scored tokens; NaN: no score. */
static void scores_make(const double *values, const uint32_t *lengths)
{
    for (size_t i = 0; i < N_ROWS; i++)
    {
        rows[i] = (lobass_row_scores){.status = i % 2 == 0 ? LOBASS_ROW_OK : LOBASS_ROW_TRUNCATED};
        summaries[i] = (lb_row_summary){.n_scored = lengths == NULL ? 1 : lengths[i]};
        for (int s = 0; s < LOBASS_SCORE_COUNT; s++)
        {
            rows[i].has[s] = !isnan(values[i]);
            rows[i].value[s] = values[i];
        }
    }
}

/* What is chosen of SOME rows; yours. */
static lb_selection *chosen(const lb_scores *some, lobass_score by, lobass_direction direction,
                            lobass_amount amount)
{
    const lobass_selection_spec spec = {.by = by, .direction = direction, .amount = amount};
    const lb_choice choice = {.scores = some, .spec = &spec};
    lobass_error error = {0};
    lb_selection *selection = NULL;
    check_ok(lb_selection_spec_check(&spec, &error), &error);
    check_ok(lb_selection_choose(&selection, &choice, &error), &error);
    return selection;
}

/* Which rows are taken, as "013"; by learnability. */
static const char *taken(lobass_direction direction, lobass_amount_kind kind, double value)
{
    static char text[N_ROWS + 1];
    const lobass_amount amount = {kind, value};
    lb_selection *selection = chosen(&scores, LOBASS_SCORE_LEARNABILITY, direction, amount);
    size_t n = 0;
    uint64_t n_tokens = 0;
    for (size_t i = 0; i < N_ROWS; i++)
    {
        if (selection->is_selected[i])
        {
            text[n++] = (char)('0' + i);
            n_tokens += summaries[i].n_scored;
            assert_in_range(selection->ranks[i], 1, selection->n_selected);
        }
    }
    text[n] = '\0';
    assert_int_equal(n, selection->n_selected);
    assert_int_equal(n_tokens, selection->n_selected_tokens);
    assert_true(isnan(selection->cut) == (n == 0));
    lb_selection_free(selection);
    return text;
}

static void test_directions_and_ties(void **state)
{
    static const double values[N_ROWS] = {5, 1, 5, 3, 9, 1, 5, NAN, 7};
    (void)state;
    scores_make(values, NULL);
    assert_string_equal(taken(LOBASS_DIRECTION_HIGHEST, LOBASS_AMOUNT_COUNT, 1), "4");
    assert_string_equal(taken(LOBASS_DIRECTION_HIGHEST, LOBASS_AMOUNT_COUNT, 2), "48");
    assert_string_equal(taken(LOBASS_DIRECTION_HIGHEST, LOBASS_AMOUNT_COUNT, 3), "048");
    assert_string_equal(taken(LOBASS_DIRECTION_HIGHEST, LOBASS_AMOUNT_COUNT, 4), "0248");
    assert_string_equal(taken(LOBASS_DIRECTION_LOWEST, LOBASS_AMOUNT_COUNT, 1), "1");
    assert_string_equal(taken(LOBASS_DIRECTION_LOWEST, LOBASS_AMOUNT_COUNT, 4), "0135");
    /* Ascending: 1 5 3 0 2 6 8 4; the median place is between 0 and 2. */
    assert_string_equal(taken(LOBASS_DIRECTION_MIDDLE, LOBASS_AMOUNT_COUNT, 1), "0");
    assert_string_equal(taken(LOBASS_DIRECTION_MIDDLE, LOBASS_AMOUNT_COUNT, 2), "02");
    assert_string_equal(taken(LOBASS_DIRECTION_MIDDLE, LOBASS_AMOUNT_COUNT, 3), "023");
    assert_string_equal(taken(LOBASS_DIRECTION_MIDDLE, LOBASS_AMOUNT_COUNT, 7), "0123568");
    assert_string_equal(taken(LOBASS_DIRECTION_LOWEST, LOBASS_AMOUNT_ALL, 0), "01234568");
    scores_make((const double[N_ROWS]){5, 1, 5, 3, NAN, 1, 5, NAN, 7}, NULL);
    /* Of an odd number: 1 5 3 0 2 6 8. */
    assert_string_equal(taken(LOBASS_DIRECTION_MIDDLE, LOBASS_AMOUNT_COUNT, 1), "0");
    assert_string_equal(taken(LOBASS_DIRECTION_MIDDLE, LOBASS_AMOUNT_COUNT, 2), "03");
    assert_string_equal(taken(LOBASS_DIRECTION_MIDDLE, LOBASS_AMOUNT_COUNT, 4), "0235");
    scores_make(values, NULL);
    /* A row without the score is never taken. */
    assert_string_equal(taken(LOBASS_DIRECTION_HIGHEST, LOBASS_AMOUNT_COUNT, 100), "01234568");
}

static void check_keys(lobass_direction direction, const double *expected)
{
    double keys[N_ROWS];
    const lobass_amount amount = {LOBASS_AMOUNT_COUNT, 1};
    for (size_t i = 0; i < N_ROWS; i++)
    {
        keys[i] = -99;
    }
    lb_selection *selection = chosen(&scores, LOBASS_SCORE_LEARNABILITY, direction, amount);
    lb_selection_keys(keys, selection, &scores, LOBASS_SCORE_LEARNABILITY);
    for (size_t i = 0; i < N_ROWS; i++)
    {
        assert_true(keys[i] == expected[i]);
    }
    lb_selection_free(selection);
}

/* What rows are ranked by: smaller first, and nothing for a row without a score. */
static void test_keys(void **state)
{
    static const double even[N_ROWS] = {5, 1, 5, 3, 9, 1, 5, NAN, 7};
    static const double odd[N_ROWS] = {5, 1, 5, 3, NAN, 1, 5, NAN, 7};
    (void)state;
    scores_make(even, NULL);
    check_keys(LOBASS_DIRECTION_HIGHEST, (const double[]){-5, -1, -5, -3, -9, -1, -5, -99, -7});
    check_keys(LOBASS_DIRECTION_LOWEST, (const double[]){5, 1, 5, 3, 9, 1, 5, -99, 7});
    /* Ascending: 1 5 3 0 2 6 8 4. */
    check_keys(LOBASS_DIRECTION_MIDDLE,
               (const double[]){0.5, 3.5, 0.5, 1.5, 3.5, 2.5, 1.5, -99, 2.5});
    scores_make(odd, NULL);
    /* Ascending: 1 5 3 0 2 6 8. */
    check_keys(LOBASS_DIRECTION_MIDDLE, (const double[]){0, 3, 1, 1, -99, 2, 2, -99, 3});
}

static void test_amounts(void **state)
{
    static const double values[N_ROWS] = {9, 8, 7, 6, 5, 4, 3, 2, 1};
    static const uint32_t lengths[N_ROWS] = {4, 10, 1, 1, 1, 1, 1, 1, 1};
    (void)state;
    scores_make(values, lengths);
    /* Of all 9 records, rounded half up: 0.5 -> 4.5 -> 5; 0.05 -> 0.45 -> 0. */
    assert_string_equal(taken(LOBASS_DIRECTION_HIGHEST, LOBASS_AMOUNT_FRACTION, 0.5), "01234");
    assert_string_equal(taken(LOBASS_DIRECTION_HIGHEST, LOBASS_AMOUNT_FRACTION, 0.05), "");
    assert_string_equal(taken(LOBASS_DIRECTION_HIGHEST, LOBASS_AMOUNT_FRACTION, 0.06), "0");
    assert_string_equal(taken(LOBASS_DIRECTION_HIGHEST, LOBASS_AMOUNT_FRACTION, 1), "012345678");
    /* Tokens: 4, then 10 more; what does not fit ends it, smaller rows behind it are not taken. */
    assert_string_equal(taken(LOBASS_DIRECTION_HIGHEST, LOBASS_AMOUNT_TOKENS, 3), "");
    assert_string_equal(taken(LOBASS_DIRECTION_HIGHEST, LOBASS_AMOUNT_TOKENS, 13), "0");
    assert_string_equal(taken(LOBASS_DIRECTION_HIGHEST, LOBASS_AMOUNT_TOKENS, 14), "01");
    assert_string_equal(taken(LOBASS_DIRECTION_HIGHEST, LOBASS_AMOUNT_TOKENS, 15), "012");
    /* A share is of all records, also of those that cannot be selected. */
    rows[0].status = LOBASS_ROW_NONFINITE;
    rows[1].status = LOBASS_ROW_DUPLICATE;
    rows[2].status = LOBASS_ROW_INITIAL_LOSS_BELOW_FLOOR;
    assert_string_equal(taken(LOBASS_DIRECTION_HIGHEST, LOBASS_AMOUNT_FRACTION, 0.5), "34567");
}

/* Shares as they are written, in thousandths, of every number of rows: halves go up, exactly. */
static void test_shares_of_decimals(void **state)
{
    enum
    {
        MOST = 60
    };
    static lobass_row_scores all_rows[MOST];
    static lb_row_summary all_summaries[MOST];
    lobass_error error = {0};
    (void)state;
    for (unsigned p = 1; p <= 999; p++)
    {
        char texts[2][16];
        (void)snprintf(texts[0], sizeof texts[0], "0.%03u", p);
        (void)snprintf(texts[1], sizeof texts[1], "%u.%u%%", p / 10, p % 10);
        for (unsigned n = 1; n <= MOST; n++)
        {
            const lb_scores some = {.rows = all_rows, .summaries = all_summaries, .n_rows = n};
            const unsigned expected = (p * n + 500) / 1000;
            lobass_amount amount;
            check_ok(lobass_amount_parse(texts[n % 2], &amount, &error), &error);
            lb_selection *selection =
                chosen(&some, LOBASS_SCORE_LENGTH, LOBASS_DIRECTION_HIGHEST, amount);
            if (selection->n_wanted != expected)
            {
                fail_msg("%s of %u rows: %u, expected %u", texts[n % 2], n,
                         (unsigned)selection->n_wanted, expected);
            }
            lb_selection_free(selection);
        }
    }
}

static void test_nested(void **state)
{
    double values[N_ROWS];
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++)
    {
        values[i] = fmod((double)(i * i) * 0.37, 1);
    }
    scores_make(values, NULL);
    for (int d = LOBASS_DIRECTION_HIGHEST; d <= LOBASS_DIRECTION_MIDDLE; d++)
    {
        char before[N_ROWS + 1] = "";
        for (unsigned k = 1; k <= N_ROWS; k++)
        {
            const char *now = taken((lobass_direction)d, LOBASS_AMOUNT_COUNT, k);
            assert_int_equal(strlen(now), k);
            assert_int_equal(strspn(before, now), strlen(before));
            (void)snprintf(before, sizeof before, "%s", now);
        }
    }
}

/* A loss whose exp() no double holds ranks all the same. */
static void test_perplexity_beyond_doubles(void **state)
{
    const double losses[N_ROWS] = {2, 800, 3, 710, NAN, NAN, NAN, NAN, NAN};
    (void)state;
    scores_make(losses, NULL);
    for (size_t i = 0; i < N_ROWS; i++)
    {
        const double ppl = exp(losses[i]);
        rows[i].has[LOBASS_SCORE_PPL] = isfinite(ppl);
        rows[i].value[LOBASS_SCORE_PPL] = isfinite(ppl) ? ppl : 0;
    }
    const lobass_amount two = {LOBASS_AMOUNT_COUNT, 2};
    lb_selection *selection = chosen(&scores, LOBASS_SCORE_PPL, LOBASS_DIRECTION_HIGHEST, two);
    assert_int_equal(selection->n_ranked, 4);
    assert_int_equal(selection->order[0], 1);
    assert_int_equal(selection->order[1], 3);
    assert_true(isnan(selection->cut));
    lb_selection_free(selection);
    selection = chosen(&scores, LOBASS_SCORE_PPL, LOBASS_DIRECTION_LOWEST, two);
    assert_int_equal(selection->order[1], 2);
    assert_true(selection->cut == exp(3));
    lb_selection_free(selection);
}

static void test_refused(void **state)
{
    static const double wrong[] = {0, -1, NAN, INFINITY};
    lobass_error error = {0};
    lobass_selection_spec spec = lobass_selection_spec_default();
    lobass_direction direction = LOBASS_DIRECTION_DEFAULT;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    {
        spec.amount = (lobass_amount){LOBASS_AMOUNT_COUNT, wrong[i]};
        check_refused(lb_selection_spec_check(&spec, &error), LOBASS_BAD_ARGUMENT, &error, "amount",
                      "above 0");
    }
    spec.amount = (lobass_amount){LOBASS_AMOUNT_FRACTION, 1.5};
    check_refused(lb_selection_spec_check(&spec, &error), LOBASS_BAD_ARGUMENT, &error, "1.5",
                  "at most 1");
    spec.amount = (lobass_amount){.kind = LOBASS_AMOUNT_NONE};
    check_refused(lb_selection_spec_check(&spec, &error), LOBASS_BAD_ARGUMENT, &error, "none",
                  "nothing would be selected");
    check_refused(
        lb_direction_resolve(&direction, LOBASS_SCORE_LOSS, LOBASS_DIRECTION_DEFAULT, &error),
        LOBASS_BAD_ARGUMENT, &error, "\"loss\"", "direction");
    check_refused(
        lb_direction_resolve(&direction, LOBASS_SCORE_COUNT, LOBASS_DIRECTION_DEFAULT, &error),
        LOBASS_BAD_ARGUMENT, &error, "score", "no such");
    check_ok(lb_direction_resolve(&direction, LOBASS_SCORE_PPL, LOBASS_DIRECTION_MIDDLE, &error),
             &error);
    assert_int_equal(direction, LOBASS_DIRECTION_MIDDLE);
    check_ok(
        lb_direction_resolve(&direction, LOBASS_SCORE_RHO_SUM, LOBASS_DIRECTION_DEFAULT, &error),
        &error);
    assert_int_equal(direction, LOBASS_DIRECTION_HIGHEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directions_and_ties),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_shares_of_decimals),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_perplexity_beyond_doubles),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

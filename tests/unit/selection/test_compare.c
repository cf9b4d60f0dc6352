/* SPDX-License-Identifier: Apache-2.0
 *
 * Two rankings of the same records, worked out by hand; correlations by SciPy 1.10.1. Which rows
 * are the same record, in whatever order the runs have them.
 */
#include "unit/task/run_fixture.h"

#include "selection/compare_private.h"

#define N_ROWS 8

/* Row i is record number i; the last stand in a source of their own. */
static const unsigned in_order[N_ROWS] = {0, 1, 2, 3, 4, 5, 6, 7};
static const double initial_a[N_ROWS] = {2, 2, 2, 2, 2, 2, 2, 0.0005};
static const double reference_a[N_ROWS] = {1, 1, 0.5, 1.5, 2, 2.5, 1.75, 0};
static const double initial_b[N_ROWS] = {2, 2, 2, 2, 2, 2, 2, 2};
static const double reference_b[N_ROWS] = {1.5, 1, 1.75, 1, NAN, 0.5, 1.25, 0.25};
/* learnability   A: 0.5  0.5  0.75   0.25  0  -0.25  0.125  below the floor
 *                B: 0.25 0.5  0.125  0.5   not finite  0.75  0.375  0.875 */

static void data_make(const char *name, const unsigned *records, size_t n)
{
    lobass_error error = {0};
    lb_buffer text = {0};
    for (size_t i = 0; i < n; i++)
    {
        check_ok(lb_buffer_print(&text, &error, "{\"prompt\": \"Say %u\", \"completion\": \"a\"}\n",
                                 records[i]),
                 &error);
    }
    file_make(name, text.data);
    lb_buffer_free(&text);
}

/* RUN of the records in this order, the first N_FIRST in a source of their own; its path. */
static const char *run_make(const char *run, const unsigned *records, size_t n, size_t n_first,
                            const double *initial, const double *reference)
{
    lobass_error error = {0};
    data_make("first.jsonl", records, n_first);
    data_make("second.jsonl", records + n_first, n - n_first);
    const char *data[] = {place("first.jsonl"), place("second.jsonl")};
    const lobass_prepare_options options = prepare_options(data, n_first < n ? 2 : 1, place(run));
    check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
    if (initial != NULL)
    {
        losses_put(options.run, "initial", initial);
        losses_put(options.run, "reference", reference);
    }
    return options.run;
}

static lobass_compare_options compare_options(const char *first, const char *second, double count)
{
    lobass_compare_options options = lobass_compare_options_default();
    options.sides[0].run = first;
    options.sides[1].run = second;
    options.amount = (lobass_amount){LOBASS_AMOUNT_COUNT, count};
    return options;
}

static lobass_comparison *compared(const lobass_compare_options *options)
{
    lobass_error error = {0};
    lobass_comparison *comparison = NULL;
    check_ok(lobass_compare(&comparison, options, NULL, &error), &error);
    return comparison;
}

static void check_overlap(const lobass_overlap *overlap, uint64_t first, uint64_t second,
                          uint64_t common, double by_chance)
{
    assert_int_equal(overlap->n_selected[0], first);
    assert_int_equal(overlap->n_selected[1], second);
    assert_int_equal(overlap->n_common, common);
    const double larger = (double)(first > second ? first : second);
    const double either = (double)(first + second - common);
    assert_true(larger > 0 ? overlap->share == (double)common / larger : isnan(overlap->share));
    assert_true(either > 0 ? overlap->jaccard == (double)common / either : isnan(overlap->jaccard));
    assert_true(larger > 0 ? fabs(overlap->share_by_chance - by_chance) < 1e-15
                           : isnan(overlap->share_by_chance));
}

static void check_agreement(const lobass_agreement *agreement, const uint64_t counts[4],
                            double spearman, double kendall)
{
    assert_int_equal(agreement->n_records, counts[0]);
    assert_int_equal(agreement->n_ranked[0], counts[1]);
    assert_int_equal(agreement->n_ranked[1], counts[2]);
    assert_int_equal(agreement->n_ranked_common, counts[3]);
    if (!(fabs(agreement->spearman - spearman) < 1e-13 &&
          fabs(agreement->kendall - kendall) < 1e-13))
    {
        fail_msg("rho %.17g tau %.17g, expected %.17g and %.17g", agreement->spearman,
                 agreement->kendall, spearman, kendall);
    }
}

static void check_row(const lobass_compare_row *row, uint64_t first, uint64_t second,
                      uint64_t first_rank, uint64_t second_rank)
{
    assert_int_equal(row->rows[0], first);
    assert_int_equal(row->rows[1], second);
    assert_int_equal(row->ranks[0], first_rank);
    assert_int_equal(row->ranks[1], second_rank);
}

/* Order of A: 2 0 1 3 6 4 5; of B: 7 5 1 3 6 0 2. The best three have row 1 in common. */
static void test_known_answers(void **state)
{
    (void)state;
    const char *a = run_make("known-a", in_order, N_ROWS, 4, initial_a, reference_a);
    const char *b = run_make("known-b", in_order, N_ROWS, 4, initial_b, reference_b);
    lobass_compare_options options = compare_options(a, b, 3);
    lobass_comparison *c = compared(&options);
    assert_true(c->has_same_order);
    assert_int_equal(c->directions[0], LOBASS_DIRECTION_HIGHEST);
    check_agreement(&c->whole, (const uint64_t[]){8, 7, 7, 6}, -0.7500000000000001,
                    -0.6428571428571429);
    check_overlap(&c->whole.overlap, 3, 3, 1, 3.0 * 3 * 6 / (7 * 7) / 3);
    /* Shares of 8 records: 0.12, 0.48, 1.336, 4. */
    check_overlap(&c->depths[0].overlap, 0, 0, 0, NAN);
    check_overlap(&c->depths[1].overlap, 0, 0, 0, NAN);
    check_overlap(&c->depths[2].overlap, 1, 1, 0, 6.0 / 49);
    check_overlap(&c->depths[3].overlap, 4, 4, 2, 4.0 * 6 / 49);
    assert_true(c->depths[0].fraction == 0.015 && c->depths[3].fraction == 0.5);

    assert_int_equal(c->n_sources, 2);
    assert_string_equal(c->sources[1].name, "second.jsonl");
    check_agreement(&c->sources[0].agreement, (const uint64_t[]){4, 4, 4, 4}, -5.0 / 6, -0.8);
    check_overlap(&c->sources[0].agreement.overlap, 3, 1, 1, 3.0 * 1 * 4 / (4 * 4) / 3);
    check_agreement(&c->sources[1].agreement, (const uint64_t[]){4, 3, 3, 2}, -1, -1);
    check_overlap(&c->sources[1].agreement.overlap, 0, 2, 0, 0);

    assert_int_equal(c->statuses[LOBASS_ROW_OK][LOBASS_ROW_OK], 6);
    assert_int_equal(c->statuses[LOBASS_ROW_OK][LOBASS_ROW_NONFINITE], 1);
    assert_int_equal(c->statuses[LOBASS_ROW_INITIAL_LOSS_BELOW_FLOOR][LOBASS_ROW_OK], 1);

    assert_int_equal(c->n_alone[0], 2);
    check_row(&c->alone[0][0], 2, 2, 1, 7);
    check_row(&c->alone[0][1], 0, 0, 2, 6);
    assert_int_equal(c->n_alone[1], 2);
    check_row(&c->alone[1][0], 7, 7, 0, 1);
    check_row(&c->alone[1][1], 5, 5, 7, 2);
    lobass_comparison_free(c);

    options.n_listed = 1;
    c = compared(&options);
    assert_int_equal(c->n_alone[0], 1);
    assert_int_equal(c->n_alone[1], 1);
    check_row(&c->alone[1][0], 7, 7, 0, 1);
    lobass_comparison_free(c);
}

/* The same records in another order, record 2 three times: they meet in the order of each run. */
static void test_other_order(void **state)
{
    static const unsigned first[N_ROWS] = {0, 1, 2, 3, 2, 5, 6, 2};
    static const unsigned second[N_ROWS] = {2, 6, 5, 2, 3, 0, 2, 1};
    static const size_t partner[N_ROWS] = {5, 7, 0, 4, 3, 2, 1, 6};
    double initial[N_ROWS];
    double reference[N_ROWS];
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++)
    {
        initial[partner[i]] = initial_b[i];
        reference[partner[i]] = reference_b[i];
    }
    const char *a = run_make("order-a", first, N_ROWS, 4, initial_a, reference_a);
    const char *b = run_make("order-b", second, N_ROWS, N_ROWS, initial, reference);
    const lobass_compare_options options = compare_options(a, b, 3);
    lobass_comparison *c = compared(&options);
    assert_false(c->has_same_order);
    check_agreement(&c->whole, (const uint64_t[]){8, 7, 7, 6}, -0.7500000000000001,
                    -0.6428571428571429);
    /* Of the tie between 1 and 3 the second run has 3 first. */
    check_overlap(&c->whole.overlap, 3, 3, 0, 3.0 * 3 * 6 / (7 * 7) / 3);
    check_agreement(&c->sources[0].agreement, (const uint64_t[]){4, 4, 4, 4}, -5.0 / 6, -0.8);
    check_overlap(&c->sources[0].agreement.overlap, 3, 1, 0, 3.0 * 1 * 4 / (4 * 4) / 3);
    assert_int_equal(c->n_alone[0], 3);
    check_row(&c->alone[0][0], 2, 0, 1, 7);
    check_row(&c->alone[0][1], 0, 5, 2, 6);
    check_row(&c->alone[0][2], 1, 7, 3, 4);
    assert_int_equal(c->n_alone[1], 3);
    check_row(&c->alone[1][0], 7, 6, 0, 1);
    check_row(&c->alone[1][1], 5, 2, 7, 2);
    check_row(&c->alone[1][2], 3, 4, 4, 3);
    lobass_comparison_free(c);
}

/* One run and two of its scores, in whatever direction: 1 is the same order, -1 the reverse. */
static void test_one_run_two_scores(void **state)
{
    /* exp(800) is no double, and ranked by its logarithm even so. */
    static const double initial[N_ROWS] = {1, 2, 3, 4, 5, 6, 800, 900};
    static const double reference[N_ROWS] = {0.5, 1, 1.5, 2, 2.5, 3, 400, 450};
    (void)state;
    const char *run = run_make("scores", in_order, N_ROWS, N_ROWS, initial, reference);
    lobass_compare_options options = compare_options(run, run, 2);
    options.sides[0].by = LOBASS_SCORE_RHO_MEAN;
    options.sides[1].by = LOBASS_SCORE_PPL;
    options.sides[1].direction = LOBASS_DIRECTION_LOWEST;
    lobass_comparison *c = compared(&options);
    check_agreement(&c->whole, (const uint64_t[]){8, 8, 8, 8}, -1, -1);
    check_overlap(&c->whole.overlap, 2, 2, 0, 0.25);
    lobass_comparison_free(c);
    options.sides[1].direction = LOBASS_DIRECTION_HIGHEST;
    c = compared(&options);
    check_agreement(&c->whole, (const uint64_t[]){8, 8, 8, 8}, 1, 1);
    check_overlap(&c->whole.overlap, 2, 2, 2, 0.25);
    assert_int_equal(c->n_alone[0] + c->n_alone[1], 0);
    lobass_comparison_free(c);
    /* learnability is the same for all: the order of the data, and nothing to correlate. */
    options.sides[0].by = LOBASS_SCORE_LEARNABILITY;
    c = compared(&options);
    assert_true(isnan(c->whole.spearman) && isnan(c->whole.kendall));
    check_overlap(&c->whole.overlap, 2, 2, 0, 0.25);
    lobass_comparison_free(c);
    /* By the distance from the median place, 3.5: 3 4 2 5 1 6 0 7. */
    options.sides[0] = (lobass_compare_side){run, LOBASS_SCORE_LOSS, LOBASS_DIRECTION_MIDDLE};
    options.sides[1] = options.sides[0];
    options.sides[1].by = LOBASS_SCORE_RHO_MEAN;
    c = compared(&options);
    check_agreement(&c->whole, (const uint64_t[]){8, 8, 8, 8}, 1, 1);
    lobass_comparison_free(c);
    options.sides[1].direction = LOBASS_DIRECTION_HIGHEST;
    c = compared(&options);
    check_agreement(&c->whole, (const uint64_t[]){8, 8, 8, 8}, 0, 0);
    check_row(&c->alone[0][0], 3, 3, 1, 5);
    check_row(&c->alone[0][1], 4, 4, 2, 4);
    lobass_comparison_free(c);
}

/* A budget of tokens: rows of 1 to 7 words; what is selected is what lobass_select() selects. */
static void test_as_select_does(void **state)
{
    static double losses[2][40];
    static bool is_selected[2][40];
    lobass_error error = {0};
    (void)state;
    records_make("forty.jsonl", 40);
    (void)run_prepare("forty.jsonl", "forty");
    for (unsigned i = 0; i < 40; i++)
    {
        losses[0][i] = 1 + i * 7 % 11;
        losses[1][i] = losses[0][i] * (i * 13 % 17) / 17;
    }
    losses_put(place("forty"), "initial", losses[0]);
    losses_put(place("forty"), "reference", losses[1]);
    lobass_compare_options options = compare_options(place("forty"), place("forty"), 60);
    options.amount.kind = LOBASS_AMOUNT_TOKENS;
    options.sides[1].by = LOBASS_SCORE_RHO_SUM;
    uint64_t n_selected[2];
    for (int side = 0; side < 2; side++)
    {
        lobass_select_options select = lobass_select_options_default();
        lobass_select_result result;
        uint64_t *ranks = NULL;
        bool *flags = NULL;
        lb_store *store = NULL;
        select.run = place("forty");
        select.spec.amount = options.amount;
        select.spec.by = options.sides[side].by;
        check_ok(lobass_select(&select, NULL, &result, &error), &error);
        lobass_select_result_clear(&result);
        n_selected[side] = result.n_selected;
        check_ok(lb_store_open(&store, select.run, LB_STORE_READ, &error), &error);
        check_ok(lb_store_selection_load(&ranks, &flags, 40, store, &error), &error);
        memcpy(is_selected[side], flags, sizeof is_selected[side]);
        lb_store_close(store);
        free(ranks);
        free(flags);
    }
    uint64_t n_common = 0;
    for (unsigned i = 0; i < 40; i++)
    {
        n_common += is_selected[0][i] && is_selected[1][i] ? 1 : 0;
    }
    assert_true(n_common > 0 && n_selected[0] != n_selected[1]);
    lobass_comparison *c = compared(&options);
    const double larger = (double)(n_selected[0] > n_selected[1] ? n_selected[0] : n_selected[1]);
    check_overlap(&c->whole.overlap, n_selected[0], n_selected[1], n_common,
                  (double)(n_selected[0] * n_selected[1]) / 40 / larger);
    lobass_comparison_free(c);
}

static void check_compare_refused(const lobass_compare_options *options, lobass_status expected,
                                  const char *word, const char *other)
{
    lobass_error error = {0};
    lobass_comparison *comparison = NULL;
    check_refused(lobass_compare(&comparison, options, NULL, &error), expected, &error, word,
                  other);
    assert_null(comparison);
}

static void test_refusals(void **state)
{
    static const unsigned others[N_ROWS] = {0, 1, 2, 9, 4, 5, 6, 7};
    static const unsigned repeated[N_ROWS] = {0, 1, 2, 3, 4, 5, 6, 6};
    (void)state;
    const char *a = run_make("refuse-a", in_order, N_ROWS, 8, initial_a, reference_a);
    const char *few = run_make("refuse-few", in_order, 7, 7, initial_a, reference_a);
    const char *other = run_make("refuse-other", others, N_ROWS, 8, initial_a, reference_a);
    const char *twice = run_make("refuse-twice", repeated, N_ROWS, 8, initial_a, reference_a);
    const char *bare = run_make("refuse-bare", in_order, N_ROWS, 8, NULL, NULL);
    lobass_compare_options options = compare_options(a, few, 3);
    check_compare_refused(&options, LOBASS_CONFLICT, "refuse-few: 7 records, but ", "has 8");
    options.sides[1].run = other;
    check_compare_refused(&options, LOBASS_CONFLICT, "refuse-other: 1 of 8 records", "row 3;");
    options.sides[1].run = twice;
    check_compare_refused(&options, LOBASS_CONFLICT, "refuse-twice: 1 of 8 records", "row 7;");
    options.sides[1].run = bare;
    check_compare_refused(&options, LOBASS_NOT_FOUND, "refuse-bare", "\"initial\"");
    options.sides[1].by = LOBASS_SCORE_LENGTH;
    lobass_comparison_free(compared(&options));
    options.sides[1].by = LOBASS_SCORE_LOSS;
    check_compare_refused(&options, LOBASS_BAD_ARGUMENT, "\"loss\"", "direction");
    options.sides[1] = options.sides[0];
    options.floor = -1;
    check_compare_refused(&options, LOBASS_BAD_ARGUMENT, "floor", "-1");
    options.floor = 0;
    options.min_initial = INFINITY;
    check_compare_refused(&options, LOBASS_BAD_ARGUMENT, "min initial inf", "0 or more");
    options.min_initial = 0;
    options.amount.value = 0;
    check_compare_refused(&options, LOBASS_BAD_ARGUMENT, "amount", "above 0");
    options.amount.value = 1;
    options.sides[1].run = place("nowhere");
    check_compare_refused(&options, LOBASS_NOT_FOUND, "nowhere", "run");
    options.sides[1].run = NULL;
    check_compare_refused(&options, LOBASS_BAD_ARGUMENT, "compare", "two runs");
}

/* A run whose prepare was stopped, and an observer that says no. */
static void test_unprepared_and_cancelled(void **state)
{
    lobass_error error = {0};
    lb_store *store = NULL;
    lobass_comparison *comparison = NULL;
    (void)state;
    const char *a = run_make("stop-a", in_order, N_ROWS, 8, initial_a, reference_a);
    const char *b = run_make("stop-b", in_order, N_ROWS, 8, initial_b, reference_b);
    const lobass_compare_options options = compare_options(a, b, 3);
    listener l = {.cancel_at = 2};
    const lobass_observer observer = listen(&l);
    assert_int_equal(lobass_compare(&comparison, &options, &observer, &error), LOBASS_CANCELLED);
    assert_null(comparison);
    check_ok(lb_store_open(&store, b, LB_STORE_WRITE, &error), &error);
    check_ok(lb_store_fact_remove(store, LB_FACT_TOKENIZATION, &error), &error);
    lb_store_close(store);
    check_compare_refused(&options, LOBASS_BAD_ARGUMENT, "stop-b", "prepare");
}

/* A database whose second of three rows is of a source that is not there, or before its turn. */
static void test_damaged_sources(void **state)
{
    static const uint32_t sources[][3] = {{0, 2, 1}, {1, 0, 1}};
    static const int32_t ids[] = {1, 2};
    static const uint8_t flags[] = {0, 1};
    (void)state;
    for (unsigned i = 0; i < 2; i++)
    {
        lobass_error error = {0};
        lb_store *store = NULL;
        char name[] = "damaged-0";
        char path[] = "-";
        char names[][2] = {"a", "b"};
        name[8] = (char)('0' + i);
        check_ok(lb_store_open(&store, place(name), LB_STORE_CREATE, &error), &error);
        for (uint32_t s = 0; s < 2; s++)
        {
            const lb_store_source source = {.path = path, .name = names[s], .is_complete = true};
            check_ok(lb_store_source_save(store, s, &source, &error), &error);
        }
        for (uint64_t r = 0; r < 3; r++)
        {
            const lobass_row row = {.row = r,
                                    .source = sources[i][r],
                                    .n_tokens = 2,
                                    .n_scored = 1,
                                    .ids = ids,
                                    .flags = flags};
            check_ok(lb_store_row_save(store, &row, &error), &error);
        }
        check_ok(lb_store_fact_save(store, LB_FACT_TOKENIZATION, "aa", &error), &error);
        lb_store_close(store);
        lobass_compare_options options = compare_options(place(name), place(name), 3);
        options.sides[0].by = LOBASS_SCORE_LENGTH;
        options.sides[1].by = LOBASS_SCORE_LENGTH;
        check_compare_refused(&options, LOBASS_BAD_FORMAT, "row 1: of source", "2 sources");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),      cmocka_unit_test(test_other_order),
        cmocka_unit_test(test_one_run_two_scores), cmocka_unit_test(test_as_select_does),
        cmocka_unit_test(test_refusals),           cmocka_unit_test(test_unprepared_and_cancelled),
        cmocka_unit_test(test_damaged_sources),
    };
    return cmocka_run_group_tests(tests, run_setup, scratch_teardown);
}

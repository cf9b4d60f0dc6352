/* SPDX-License-Identifier: Apache-2.0
 *
 * Scores against numbers worked out by hand, and the identities of the method: what the number of
 * tokens cancels out of, what ranks alike and what does not.
 */
#include "unit/task/run_fixture.h"

#include "selection/selection.h"

#define N_RANDOM 200

/* A run with N rows of 1 + i % 5 scored tokens behind one that is not: FLAGS[6] of the longest. */
static lb_store *store_make_with(const char *name, size_t n_rows, const uint8_t *flags)
{
    static const int32_t ids[] = {1, 2, 3, 4, 5, 6};
    lobass_error error = {0};
    lb_store *store = NULL;
    check_ok(lb_store_open(&store, place(name), LB_STORE_CREATE, &error), &error);
    check_ok(lb_store_begin(store, &error), &error);
    for (size_t i = 0; i < n_rows; i++)
    {
        const lobass_row row = {.row = i,
                                .record = i,
                                .hash = {i * 0x9e3779b97f4a7c15u, ~i},
                                .n_tokens = 2 + i % 5,
                                .n_scored = 1 + i % 5,
                                .ids = ids,
                                .flags = flags};
        check_ok(lb_store_row_save(store, &row, &error), &error);
    }
    check_ok(lb_store_commit(store, &error), &error);
    return store;
}

static lb_store *store_make(const char *name, size_t n_rows)
{
    static const uint8_t flags[] = {0, 1, 1, 1, 1, 1};
    return store_make_with(name, n_rows, flags);
}

static int64_t model_add(lb_store *store, const char *name)
{
    lobass_error error = {0};
    char path[] = "/m";
    lb_measurement model = {.path = path, .fingerprint = "aa", .dtype = "fp32"};
    (void)snprintf(model.name, sizeof model.name, "%s", name);
    check_ok(lb_store_measurement_save(store, &model, &error), &error);
    return model.id;
}

/* EL2N: NULL where an earlier lobass measured the row. */
static void both_add(lb_store *store, int64_t model, uint64_t row, const float *nll,
                     const float *el2n, size_t n)
{
    lobass_error error = {0};
    const lb_row_losses losses = {nll, el2n, n};
    check_ok(lb_store_losses_save(store, model, row, &losses, &error), &error);
}

static void losses_add(lb_store *store, int64_t model, uint64_t row, const float *nll, size_t n)
{
    both_add(store, model, row, nll, NULL, n);
}

static lb_scores *scores_of(lb_store *store, double floor, uint64_t seed)
{
    lobass_error error = {0};
    lb_scores *scores = NULL;
    const lb_score_rules rules = {.floor = floor, .max_reference = INFINITY, .seed = seed};
    check_ok(lb_scores_compute(&scores, store, &rules, &error), &error);
    return scores;
}

/* Rows: 0 {2} -> {1.5}; 1 {1, 3} -> {2, 3}; 2 {4, 1, 1} -> {1, 1, 1}. */
static void test_known_answers(void **state)
{
    static const float initial[][3] = {{2}, {1, 3}, {4, 1, 1}};
    static const float reference[][3] = {{1.5F}, {2, 3}, {1, 1, 1}};
    static const float alone[][3] = {{4}, {3, 2}, {2, 0, 1}};
    static const float el2n[][3] = {{0.25F}, {0.5F, 1.25F}, {1, 0.125F, 0}};
    static const float other[] = {0.75F, 0.75F, 0.75F};
    (void)state;
    lb_store *store = store_make("known", 3);
    const int64_t first = model_add(store, "initial");
    const int64_t second = model_add(store, "reference");
    const int64_t third = model_add(store, "unconditional");
    for (uint64_t i = 0; i < 3; i++)
    {
        both_add(store, first, i, initial[i], el2n[i], (size_t)i + 1);
        both_add(store, second, i, reference[i], other, (size_t)i + 1);
        losses_add(store, third, i, alone[i], (size_t)i + 1);
    }
    lb_scores *scores = scores_of(store, 1e-3, 0);
    const lobass_row_scores *rows = scores->rows;
    assert_true(rows[0].value[LOBASS_SCORE_LEARNABILITY] == 0.25);
    assert_true(rows[0].initial_loss == 2 && rows[0].reference_loss == 1.5);
    /* The reference got worse: below zero. (2 - 2.5) / 2. */
    assert_true(rows[1].value[LOBASS_SCORE_LEARNABILITY] == -0.25);
    assert_true(rows[1].value[LOBASS_SCORE_RHO_SUM] == -1);
    assert_true(rows[1].value[LOBASS_SCORE_RHO_MEAN] == -0.5);
    assert_true(rows[2].value[LOBASS_SCORE_LEARNABILITY] == 0.5);
    assert_true(rows[2].value[LOBASS_SCORE_RHO_SUM] == 3);
    assert_true(rows[2].value[LOBASS_SCORE_RHO_MEAN] == 1);
    assert_true(rows[2].value[LOBASS_SCORE_LOSS] == 2);
    assert_true(rows[2].value[LOBASS_SCORE_PPL] == exp(2));
    assert_true(rows[2].value[LOBASS_SCORE_LENGTH] == 3);
    assert_true(rows[0].value[LOBASS_SCORE_IFD_LOSS] == 0.5);
    assert_true(rows[1].value[LOBASS_SCORE_IFD_LOSS] == 4.0 / 5);
    assert_true(rows[2].value[LOBASS_SCORE_IFD_LOSS] == 2);
    assert_true(rows[1].value[LOBASS_SCORE_IFD_PPL] == exp(-0.5));
    assert_true(rows[2].value[LOBASS_SCORE_IFD_PPL] == exp(1));
    /* Of the initial model alone. */
    assert_true(rows[0].value[LOBASS_SCORE_EL2N] == 0.25);
    assert_true(rows[1].value[LOBASS_SCORE_EL2N] == 0.875);
    assert_true(rows[2].value[LOBASS_SCORE_EL2N] == 0.375);
    for (int s = 0; s < LOBASS_SCORE_COUNT; s++)
    {
        assert_true(rows[1].has[s]);
    }
    assert_int_equal(rows[1].status, LOBASS_ROW_OK);
    lb_scores_free(scores);
    lb_store_close(store);
}

/* Two responses of two tokens and one, then an end token that is all there is of a third. */
static void test_whose_drop_it_is(void **state)
{
    enum
    {
        scored = LOBASS_TOKEN_SCORED | LOBASS_TOKEN_RESPONSE,
        first = scored | LOBASS_TOKEN_FIRST,
        end = scored | LOBASS_TOKEN_END
    };
    static const uint8_t flags[] = {0, first, scored, end, first, first | LOBASS_TOKEN_END};
    static const float initial[] = {4, 1, 0.5F, 2, 0.5F};
    static const float reference[] = {1, 1.5F, 0.25F, 1, 0.25F};
    (void)state;
    lb_store *store = store_make_with("drops", 5, flags);
    const int64_t first_model = model_add(store, "initial");
    losses_add(store, first_model, 4, initial, 5);
    losses_add(store, first_model, 2, initial, 3);
    const int64_t second_model = model_add(store, "reference");
    losses_add(store, second_model, 4, reference, 5);
    lb_scores *scores = scores_of(store, 1e-3, 0);
    const lobass_row_scores *row = &scores->rows[4];
    assert_true(row->has_drops);
    assert_true(row->drop_first == (3 + 1) / 8.0);
    assert_true(row->drop_rest == -0.5 / 8);
    assert_true(row->drop_end == (0.25 + 0.25) / 8);
    assert_true(row->drop_end + row->drop_first + row->drop_rest ==
                row->value[LOBASS_SCORE_LEARNABILITY]);
    assert_false(scores->rows[2].has_drops); /* not measured under the reference */
    lb_scores_free(scores);
    scores = scores_of(store, 2, 0);
    assert_false(scores->rows[4].has_drops); /* below the floor */
    assert_true(scores->rows[4].has[LOBASS_SCORE_RHO_SUM]);
    lb_scores_free(scores);
    lb_store_close(store);
}

static void test_what_does_not_exist(void **state)
{
    static const float good[] = {1, 1, 1, 1, 1};
    static const float small[] = {0.0005F};
    static const float bad[] = {1, NAN, 1, 1, 1};
    static const float huge[] = {INFINITY, 1, 1, 1};
    (void)state;
    lb_store *store = store_make("absent", 6);
    const int64_t first = model_add(store, "initial");
    lb_scores *scores = scores_of(store, 1e-3, 0);
    assert_false(scores->rows[0].has_initial || scores->rows[0].has[LOBASS_SCORE_PPL]);
    assert_true(scores->rows[0].has[LOBASS_SCORE_LENGTH] &&
                scores->rows[0].has[LOBASS_SCORE_RANDOM]);
    lb_scores_free(scores);
    losses_add(store, first, 0, small, 1);
    losses_add(store, first, 1, good, 2);
    both_add(store, first, 2, bad, good, 3); /* no finite loss, no el2n */
    losses_add(store, first, 3, huge, 4);
    losses_add(store, first, 4, good, 5);
    const int64_t second = model_add(store, "reference");
    losses_add(store, second, 0, small, 1);
    losses_add(store, second, 2, good, 3);
    losses_add(store, second, 3, good, 4);
    losses_add(store, second, 4, bad, 5);
    scores = scores_of(store, 1e-3, 0);
    const lobass_row_scores *rows = scores->rows;
    /* Below the floor: the losses are there, the ratio is not. */
    assert_int_equal(rows[0].status, LOBASS_ROW_INITIAL_LOSS_BELOW_FLOOR);
    assert_true(rows[0].has_initial && rows[0].has_reference);
    assert_false(rows[0].has[LOBASS_SCORE_LEARNABILITY]);
    /* Not measured under the reference. */
    assert_int_equal(rows[1].status, LOBASS_ROW_OK);
    assert_true(rows[1].has[LOBASS_SCORE_LOSS] && !rows[1].has[LOBASS_SCORE_EL2N]);
    assert_false(rows[2].has[LOBASS_SCORE_EL2N]);
    assert_false(rows[1].has_reference || rows[1].has[LOBASS_SCORE_LEARNABILITY]);
    for (size_t i = 2; i < 5; i++)
    {
        assert_int_equal(rows[i].status, LOBASS_ROW_NONFINITE);
        assert_false(rows[i].has[LOBASS_SCORE_LEARNABILITY] || rows[i].has[LOBASS_SCORE_RHO_SUM]);
        assert_true(rows[i].has_initial == (i == 4) && rows[i].has_reference == (i != 4));
    }
    lb_scores_free(scores);
    /* Without a floor the small loss is a loss like any other. */
    scores = scores_of(store, 0, 0);
    assert_int_equal(scores->rows[0].status, LOBASS_ROW_OK);
    assert_true(scores->rows[0].value[LOBASS_SCORE_LEARNABILITY] == 0);
    lb_scores_free(scores);
    lb_store_close(store);
}

/* End tokens are in neither loss of the ratio; it exists only where it means something. */
static void test_ifd(void **state)
{
    enum
    {
        end = LOBASS_TOKEN_SCORED | LOBASS_TOKEN_END
    };
    static const uint8_t flags[] = {0, end, 1, 1, end, 1};
    static const float initial[] = {100, 1, 2, 100, 3};
    static const float alone[][5] = {
        {0.5F}, {0.25F, 0}, {9, 0, 0}, {9, 1, NAN, 9}, {7, 4, 4, 70, 0}};
    static const bool exists[] = {false, false, false, false, true};
    (void)state;
    lb_store *store = store_make_with("ifd", 5, flags);
    const int64_t first = model_add(store, "initial");
    const int64_t second = model_add(store, "unconditional");
    for (uint64_t i = 0; i < 5; i++)
    {
        losses_add(store, first, i, initial, (size_t)i + 1);
        losses_add(store, second, i, alone[i], (size_t)i + 1);
    }
    lb_scores *scores = scores_of(store, 1e-3, 0);
    for (size_t i = 0; i < 5; i++)
    {
        assert_true(scores->rows[i].has[LOBASS_SCORE_IFD_LOSS] == exists[i]);
        assert_int_equal(scores->rows[i].status, LOBASS_ROW_OK);
    }
    assert_true(scores->rows[4].value[LOBASS_SCORE_IFD_LOSS] == 6 / 8.0);
    assert_true(scores->rows[4].value[LOBASS_SCORE_IFD_PPL] == exp(2 - 8 / 3.0));
    lb_scores_free(scores);
    /* Another model, or the same in another dtype, is not what the prompt did. */
    lobass_error error = {0};
    char path[] = "/m";
    lb_measurement other = {
        .name = "unconditional", .path = path, .fingerprint = "bb", .dtype = "fp32"};
    check_ok(lb_store_measurement_save(store, &other, &error), &error);
    scores = scores_of(store, 1e-3, 0);
    assert_false(scores->rows[4].has[LOBASS_SCORE_IFD_LOSS]);
    lb_scores_free(scores);
    (void)snprintf(other.fingerprint, sizeof other.fingerprint, "aa");
    (void)snprintf(other.dtype, sizeof other.dtype, "bf16");
    check_ok(lb_store_measurement_save(store, &other, &error), &error);
    scores = scores_of(store, 1e-3, 0);
    assert_false(scores->rows[4].has[LOBASS_SCORE_IFD_PPL]);
    lb_scores_free(scores);
    lb_store_close(store);
}

/* Both ends of a zone belong to it; the floor comes before the zones, a loss that is not finite
 * before all. */
static void test_zones(void **state)
{
    static const float initial[] = {0.0005F, 0.5F, 1, 4, 4, 0.5F, NAN};
    static const float reference[] = {3, 0.25F, 2, 2, 2.5F, 3, 3};
    static const lobass_row_status expected[] = {LOBASS_ROW_INITIAL_LOSS_BELOW_FLOOR,
                                                 LOBASS_ROW_INITIAL_LOSS_BELOW_MINIMUM,
                                                 LOBASS_ROW_OK,
                                                 LOBASS_ROW_OK,
                                                 LOBASS_ROW_REFERENCE_LOSS_ABOVE_MAXIMUM,
                                                 LOBASS_ROW_INITIAL_LOSS_BELOW_MINIMUM,
                                                 LOBASS_ROW_NONFINITE,
                                                 LOBASS_ROW_OK};
    lobass_error error = {0};
    lb_scores *scores = NULL;
    const lb_score_rules rules = {.floor = 1e-3, .min_initial = 1, .max_reference = 2};
    (void)state;
    lb_store *store = store_make("zones", 8);
    const int64_t models[] = {model_add(store, "initial"), model_add(store, "reference")};
    for (size_t i = 0; i < 7; i++) /* the last row is not measured */
    {
        float nll[2][5];
        for (size_t t = 0; t < 5; t++)
        {
            nll[0][t] = initial[i];
            nll[1][t] = reference[i];
        }
        losses_add(store, models[0], i, nll[0], 1 + i % 5);
        losses_add(store, models[1], i, nll[1], 1 + i % 5);
    }
    check_ok(lb_scores_compute(&scores, store, &rules, &error), &error);
    for (size_t i = 0; i < 8; i++)
    {
        assert_int_equal(scores->rows[i].status, expected[i]);
    }
    assert_true(scores->rows[1].value[LOBASS_SCORE_LEARNABILITY] == 0.5);
    assert_true(scores->rows[4].value[LOBASS_SCORE_LEARNABILITY] == 0.375);
    lb_scores_free(scores);
    lb_store_close(store);
}

static void test_wrong_number_of_losses(void **state)
{
    static const float nll[] = {1, 1, 1};
    static const uint8_t flags[] = {0, 1, 0, 1, 1, 1};
    lobass_error error = {0};
    lb_scores *scores = NULL;
    (void)state;
    const lb_score_rules rules = {.max_reference = INFINITY};
    lb_store *store = store_make("count", 3);
    losses_add(store, model_add(store, "initial"), 2, nll, 2);
    check_refused(lb_scores_compute(&scores, store, &rules, &error), LOBASS_BAD_FORMAT, &error,
                  "row 2", "2 stored losses, expected 3");
    lb_store_close(store);
    store = store_make_with("marks", 3, flags);
    losses_add(store, model_add(store, "initial"), 2, nll, 3);
    check_refused(lb_scores_compute(&scores, store, &rules, &error), LOBASS_BAD_FORMAT, &error,
                  "row 1", "mark 1 scored tokens, expected 2");
    lb_store_close(store);
}

/* ---- identities -------------------------------------------------------------------------------
 */

/* Ranks of KEYS, the highest first, by the code under test. */
static lb_selection *ranked(const double *keys)
{
    lobass_error error = {0};
    lobass_row_scores *rows = test_calloc(N_RANDOM, sizeof *rows);
    lb_row_summary *summaries = test_calloc(N_RANDOM, sizeof *summaries);
    lb_selection *selection = NULL;
    const lb_scores scores = {.rows = rows, .summaries = summaries, .n_rows = N_RANDOM};
    for (size_t i = 0; i < N_RANDOM; i++)
    {
        rows[i].has[LOBASS_SCORE_LEARNABILITY] = true;
        rows[i].value[LOBASS_SCORE_LEARNABILITY] = keys[i];
    }
    const lobass_selection_spec spec = {.by = LOBASS_SCORE_LEARNABILITY,
                                        .direction = LOBASS_DIRECTION_HIGHEST,
                                        .amount = {LOBASS_AMOUNT_COUNT, N_RANDOM}};
    const lb_choice choice = {.scores = &scores, .spec = &spec};
    check_ok(lb_selection_choose(&selection, &choice, &error), &error);
    test_free(rows);
    test_free(summaries);
    return selection;
}

static bool ranks_alike(const double *a, const double *b)
{
    lb_selection *first = ranked(a);
    lb_selection *second = ranked(b);
    const bool are_alike =
        memcmp(first->ranks, second->ranks, N_RANDOM * sizeof *first->ranks) == 0;
    lb_selection_free(first);
    lb_selection_free(second);
    return are_alike;
}

static void test_identities(void **state)
{
    double by_initial[N_RANDOM];
    double by_reference[N_RANDOM];
    double rho_mean[N_RANDOM];
    double rho_sum[N_RANDOM];
    double by_perplexity[N_RANDOM];
    float nll[2][N_RANDOM][5];
    lb_random random;
    (void)state;
    lb_random_init(&random, 3);
    lb_store *store = store_make("identities", N_RANDOM);
    const int64_t models[] = {model_add(store, "initial"), model_add(store, "reference")};
    for (size_t i = 0; i < N_RANDOM; i++)
    {
        for (size_t t = 0; t < 5; t++)
        {
            nll[0][i][t] = (float)(0.2 + 4 * lb_random_uniform(&random));
            nll[1][i][t] = (float)(0.2 + 3 * lb_random_uniform(&random));
        }
        losses_add(store, models[0], i, nll[0][i], 1 + i % 5);
        losses_add(store, models[1], i, nll[1][i], 1 + i % 5);
    }
    lb_scores *scores = scores_of(store, 1e-3, 0);
    for (size_t i = 0; i < N_RANDOM; i++)
    {
        const lobass_row_scores *row = &scores->rows[i];
        const double initial = row->initial_loss;
        const double reference = row->reference_loss;
        by_initial[i] = row->value[LOBASS_SCORE_LEARNABILITY];
        by_reference[i] = (initial - reference) / reference;
        rho_mean[i] = row->value[LOBASS_SCORE_RHO_MEAN];
        rho_sum[i] = row->value[LOBASS_SCORE_RHO_SUM];
        by_perplexity[i] = (exp(initial) - exp(reference)) / exp(initial);
        assert_true(by_initial[i] <= 1);
        assert_true((by_initial[i] < 0) == (reference > initial));
        /* The number of tokens cancels. */
        const double n = (double)(1 + i % 5);
        assert_true(fabs((n * initial - n * reference) / (n * initial) - by_initial[i]) < 1e-14);
        assert_true(fabs(rho_sum[i] - n * rho_mean[i]) < 1e-12);
    }
    assert_true(ranks_alike(by_initial, by_reference));
    assert_true(ranks_alike(by_perplexity, rho_mean));
    assert_false(ranks_alike(by_initial, rho_mean));
    assert_false(ranks_alike(rho_sum, rho_mean));
    assert_false(ranks_alike(by_perplexity, by_initial));
    lb_scores_free(scores);
    lb_store_close(store);
}

static void test_random_score(void **state)
{
    double mean = 0;
    (void)state;
    lb_store *store = store_make("random", N_RANDOM);
    lb_scores *scores = scores_of(store, 0, 5);
    lb_scores *again = scores_of(store, 0, 5);
    lb_scores *other = scores_of(store, 0, 6);
    size_t n_equal = 0;
    for (size_t i = 0; i < N_RANDOM; i++)
    {
        const double value = scores->rows[i].value[LOBASS_SCORE_RANDOM];
        assert_true(value >= 0 && value < 1);
        assert_true(value == again->rows[i].value[LOBASS_SCORE_RANDOM]);
        n_equal += value == other->rows[i].value[LOBASS_SCORE_RANDOM] ? 1 : 0;
        mean += value / N_RANDOM;
    }
    assert_int_equal(n_equal, 0);
    assert_true(fabs(mean - 0.5) < 0.1); /* five standard deviations */
    lb_scores_free(scores);
    lb_scores_free(again);
    lb_scores_free(other);
    lb_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_what_does_not_exist),
        cmocka_unit_test(test_wrong_number_of_losses),
        cmocka_unit_test(test_identities),
        cmocka_unit_test(test_random_score),
        cmocka_unit_test(test_whose_drop_it_is),
        cmocka_unit_test(test_zones),
        cmocka_unit_test(test_ifd),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

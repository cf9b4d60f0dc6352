/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans (order, filling, room that shared tokens do not take, every row once) and the arrays of a
 * batch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "data/data.h"

static void test_hand_worked_plan(void **state)
{
    (void)state;
    /*                                 0  1  2  3  4   5  6  7 */
    static const uint32_t lengths[] = {3, 5, 0, 5, 12, 1, 4, 4};
    static const uint32_t order[] = {4, 1, 3, 6, 7, 0, 5};
    static const size_t counts[] = {1, 2, 2, 2}, tokens[] = {12, 10, 8, 4};
    lb_plan *plan = NULL;
    lobass_error error = {0};
    assert_int_equal(lb_plan_create(&plan, lengths, NULL, 8, 10, &error), LOBASS_OK);
    assert_int_equal(lb_plan_count(plan), 4);
    const uint32_t *next = order;
    for (size_t p = 0; p < 4; p++)
    {
        const lb_pack pack = lb_plan_at(plan, p);
        assert_int_equal(pack.n_rows, counts[p]);
        assert_int_equal(pack.n_tokens, tokens[p]);
        assert_memory_equal(pack.rows, next, pack.n_rows * sizeof *next);
        next += pack.n_rows;
    }
    lb_plan_free(plan);
}

static void test_empty_plans(void **state)
{
    (void)state;
    static const uint32_t zeros[] = {0, 0};
    lb_plan *plan = NULL;
    lobass_error error = {0};
    assert_int_equal(lb_plan_create(&plan, zeros, NULL, 0, 10, &error), LOBASS_OK);
    assert_int_equal(lb_plan_count(plan), 0);
    lb_plan_free(plan);
    assert_int_equal(lb_plan_create(&plan, zeros, NULL, 2, 10, &error), LOBASS_OK);
    assert_int_equal(lb_plan_count(plan), 0);
    lb_plan_free(plan);
    lb_plan_free(NULL);
}

/* Every row exactly once, descending, no pack too full, and none that the next row would fit. */
static void test_many_rows(void **state)
{
    (void)state;
    enum
    {
        N_ROWS = 50000,
        MAX_TOKENS = 2048
    };
    lobass_error error = {0};
    uint32_t *lengths = lb_alloc(N_ROWS, sizeof *lengths, &error);
    uint8_t *seen = lb_alloc(N_ROWS, 1, &error);
    lb_random random;
    lb_random_init(&random, 7);
    for (size_t i = 0; i < N_ROWS; i++)
    {
        lengths[i] = (uint32_t)lb_random_below(&random, 3000);
    }
    lb_plan *plan = NULL;
    assert_int_equal(lb_plan_create(&plan, lengths, NULL, N_ROWS, MAX_TOKENS, &error), LOBASS_OK);
    uint32_t previous_length = UINT32_MAX, previous_row = 0;
    size_t previous_tokens = SIZE_MAX, n_seen = 0, n_expected = 0;
    for (size_t p = 0; p < lb_plan_count(plan); p++)
    {
        const lb_pack pack = lb_plan_at(plan, p);
        size_t n_tokens = 0;
        assert_true(previous_tokens > MAX_TOKENS ||
                    previous_tokens + lengths[pack.rows[0]] > MAX_TOKENS);
        for (size_t r = 0; r < pack.n_rows; r++)
        {
            const uint32_t row = pack.rows[r];
            assert_int_equal(seen[row]++, 0);
            assert_true(lengths[row] < previous_length ||
                        (lengths[row] == previous_length && row > previous_row));
            previous_length = lengths[row];
            previous_row = row;
            n_tokens += lengths[row];
            n_seen++;
        }
        assert_int_equal(pack.n_tokens, n_tokens);
        assert_true(n_tokens <= MAX_TOKENS || pack.n_rows == 1);
        previous_tokens = n_tokens;
    }
    for (size_t i = 0; i < N_ROWS; i++)
    {
        n_expected += lengths[i] > 0;
    }
    assert_int_equal(n_seen, n_expected);
    lb_plan_free(plan);
    free(lengths);
    free(seen);
}

/* A given order is kept, what a row shares with the one before it in its pack takes no room, and
 * the packs come longest row first all the same. */
static void test_given_order(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {3, 9, 4, 2, 8, 5, 7};
    lb_ordered_row rows[] = {{0, 2, 3}, {0, 0, 0}, {0, 5, 0}, {0, 1, 2}, {0, 3, 1}, {0, 4, 6}};
    const lb_row_order order = {rows, 6};
    lb_plan *plan = NULL;
    assert_int_equal(lb_plan_create(&plan, lengths, &order, 7, 12, NULL), LOBASS_OK);
    static const uint32_t expected[][3] = {{1, 3, 4}, {2, 0, 5}};
    static const size_t n_tokens[] = {19, 12};
    assert_int_equal(lb_plan_count(plan), 2);
    for (size_t p = 0; p < 2; p++)
    {
        const lb_pack pack = lb_plan_at(plan, p);
        assert_int_equal(pack.n_rows, 3);
        assert_int_equal(pack.longest, lengths[expected[p][0]] > 5 ? 9 : 5);
        assert_int_equal(pack.n_tokens, n_tokens[p]);
        assert_int_equal(pack.n_computed, 12);
        assert_memory_equal(pack.rows, expected[p], sizeof expected[p]);
    }
    lb_plan_free(plan);
}

/* Rows that are nearly one and the same are many in a pack, but not without end. */
static void test_bounded_memory(void **state)
{
    (void)state;
    enum
    {
        N_ROWS = 1000,
        MAX_TOKENS = 1000
    };
    static uint32_t lengths[N_ROWS];
    static lb_ordered_row rows[N_ROWS];
    const lb_row_order order = {rows, N_ROWS};
    for (uint32_t i = 0; i < N_ROWS; i++)
    {
        lengths[i] = 90;
        rows[i] = (lb_ordered_row){.row = i, .n_shared = 89};
    }
    lb_plan *plan = NULL;
    assert_int_equal(lb_plan_create(&plan, lengths, &order, N_ROWS, MAX_TOKENS, NULL), LOBASS_OK);
    assert_int_equal(lb_plan_count(plan), 3);
    for (size_t p = 0; p < 3; p++)
    {
        const lb_pack pack = lb_plan_at(plan, p);
        assert_int_equal(pack.n_computed, 89 + pack.n_rows);
        assert_int_equal(pack.n_rows, p < 2 ? 355 : 290); /* 32 times as many tokens */
    }
    lb_plan_free(plan);
}

static void test_batch_arrays(void **state)
{
    (void)state;
    static const int32_t a[] = {7, 8, 9}, b[] = {1, 2};
    static const uint8_t a_flags[] = {LOBASS_TOKEN_BOS, 0, LOBASS_TOKEN_SCORED};
    static const uint8_t b_flags[] = {LOBASS_TOKEN_FIRST, LOBASS_TOKEN_SCORED | LOBASS_TOKEN_END};
    static const int32_t ids[] = {7, 8, 9, 1, 2};
    static const uint32_t starts[] = {0, 3, 5}, scored[] = {2, 4};
    lb_batch_builder builder = {0};
    lobass_error error = {0};
    for (int round = 0; round < 2; round++)
    {
        lb_batch_builder_reset(&builder);
        assert_int_equal(builder.batch.n_sequences, 0);
        assert_int_equal(lb_batch_builder_add(&builder, a, a_flags, 3, &error), LOBASS_OK);
        assert_int_equal(lb_batch_builder_add(&builder, b, b_flags, 2, &error), LOBASS_OK);
        assert_int_equal(builder.batch.n_tokens, 5);
        assert_int_equal(builder.batch.n_sequences, 2);
        assert_int_equal(builder.batch.n_scored, 2);
        assert_memory_equal(builder.batch.ids, ids, sizeof ids);
        assert_memory_equal(builder.batch.starts, starts, sizeof starts);
        assert_memory_equal(builder.batch.scored, scored, sizeof scored);
    }
    lb_batch_builder_free(&builder);
    assert_null(builder.ids);
    lb_batch_builder_free(NULL);
}

/* Growth keeps what is there: 3,000 rows of 1 to 5 tokens, ids counted up. */
static void test_batch_growth(void **state)
{
    (void)state;
    static const uint8_t flags[] = {0, 0, LOBASS_TOKEN_SCORED, 0, LOBASS_TOKEN_SCORED};
    lb_batch_builder builder = {0};
    lobass_error error = {0};
    int32_t ids[5], next = 0;
    size_t n_scored = 0;
    for (size_t row = 0; row < 3000; row++)
    {
        const size_t n_tokens = row % 5 + 1;
        for (size_t t = 0; t < n_tokens; t++)
        {
            ids[t] = next++;
        }
        n_scored += n_tokens >= 5 ? 2U : n_tokens >= 3 ? 1U : 0U;
        assert_int_equal(lb_batch_builder_add(&builder, ids, flags, n_tokens, &error), LOBASS_OK);
    }
    assert_int_equal(builder.batch.n_tokens, next);
    assert_int_equal(builder.batch.n_sequences, 3000);
    assert_int_equal(builder.batch.n_scored, n_scored);
    for (int32_t t = 0; t < next; t++)
    {
        assert_int_equal(builder.batch.ids[t], t);
    }
    for (size_t row = 0; row < 3000; row++)
    {
        const uint32_t length = builder.batch.starts[row + 1] - builder.batch.starts[row];
        assert_int_equal(length, row % 5 + 1);
    }
    assert_int_equal(builder.batch.scored[0], 3 + 2); /* rows of 1 and 2 tokens stand before */
    assert_int_equal(builder.batch.scored[n_scored - 1], (uint32_t)next - 1);
    lb_batch_builder_free(&builder);
}

static void test_batch_refusals(void **state)
{
    (void)state;
    static const int32_t ids[] = {1};
    static const uint8_t flags[] = {LOBASS_TOKEN_SCORED};
    lb_batch_builder builder = {0};
    lobass_error error = {0};
    assert_int_equal(lb_batch_builder_add(&builder, ids, flags, 0, &error), LOBASS_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "a row of 0 tokens"));
    assert_int_equal(lb_batch_builder_add(&builder, ids, flags, 1, &error), LOBASS_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "first token of a row is marked as scored"));
    assert_int_equal(builder.batch.n_tokens, 0);
    lb_batch_builder_free(&builder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hand_worked_plan), cmocka_unit_test(test_empty_plans),
        cmocka_unit_test(test_many_rows),        cmocka_unit_test(test_given_order),
        cmocka_unit_test(test_bounded_memory),   cmocka_unit_test(test_batch_arrays),
        cmocka_unit_test(test_batch_growth),     cmocka_unit_test(test_batch_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

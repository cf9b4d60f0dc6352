/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows that begin alike, put together: whatever is shared, every row's tokens are there along its
 * leaf and its parents, its scored tokens are the same ones in the same order, and nothing that
 * could be shared in a row of its own length is there twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/data.h"

enum
{
    MOST_ROWS = 40,
    MOST_LENGTH = 120
};

typedef struct row
{
    int32_t ids[MOST_LENGTH];
    uint8_t flags[MOST_LENGTH];
    size_t length;
} row;

/* A row of PREFIX's first N_PREFIX tokens and then its own, of which the last N_SCORED count. */
static row make_row(lb_random *random, const int32_t *prefix, size_t n_prefix, size_t n_own,
                    size_t n_scored)
{
    row r = {.length = n_prefix + n_own};
    for (size_t i = 0; i < r.length; i++)
    {
        r.ids[i] = i < n_prefix ? prefix[i] : (int32_t)lb_random_below(random, 3);
        r.flags[i] = i + n_scored >= r.length ? LOBASS_TOKEN_SCORED : 0;
    }
    return r;
}

static void share(lb_batch_builder *builder, const row *rows, size_t n_rows)
{
    lb_batch_builder_reset(builder);
    for (size_t i = 0; i < n_rows; i++)
    {
        assert_int_equal(
            lb_batch_builder_add(builder, rows[i].ids, rows[i].flags, rows[i].length, NULL),
            LOBASS_OK);
    }
    assert_int_equal(lb_batch_builder_share(builder, NULL), LOBASS_OK);
}

/* The tokens of a sequence with its parents; returns how many. */
static size_t unroll(int32_t *ids, const lb_batch *batch, size_t sequence)
{
    const uint32_t parent = lb_batch_parent(batch, sequence);
    const size_t n_before = parent == LB_NO_PARENT ? 0 : unroll(ids, batch, parent);
    const size_t start = batch->starts[sequence];
    const size_t count = batch->starts[sequence + 1] - start;
    assert_true(count > 0 && n_before + count <= MOST_LENGTH);
    assert_true(parent == LB_NO_PARENT || parent < sequence);
    assert_int_equal(lb_batch_offset(batch, sequence), n_before);
    memcpy(ids + n_before, batch->ids + start, count * sizeof *ids);
    return n_before + count;
}

static void check(const lb_batch *batch, const row *rows, size_t n_rows)
{
    size_t scored = 0;
    assert_true(batch->n_sequences >= n_rows);
    for (size_t i = 0; i < n_rows; i++)
    {
        int32_t ids[MOST_LENGTH];
        const size_t leaf = batch->n_sequences - n_rows + i;
        const size_t n_before = lb_batch_offset(batch, leaf);
        assert_int_equal(unroll(ids, batch, leaf), rows[i].length);
        assert_memory_equal(ids, rows[i].ids, rows[i].length * sizeof *ids);
        for (size_t t = 0; t < rows[i].length; t++)
        {
            if (rows[i].flags[t] != 0)
            {
                assert_true(scored < batch->n_scored);
                assert_int_equal(batch->scored[scored], batch->starts[leaf] + t - n_before);
                scored++;
            }
        }
    }
    assert_int_equal(scored, batch->n_scored);
}

static void test_one_introduction(void **state)
{
    (void)state;
    lb_random random;
    lb_random_init(&random, 2);
    lb_batch_builder builder = {0};
    int32_t prefix[20];
    row rows[5];
    for (int32_t i = 0; i < 20; i++)
    {
        prefix[i] = 100 + i;
    }
    for (size_t i = 0; i < 5; i++)
    {
        rows[i] = make_row(&random, prefix, i == 3 ? 0 : 20, 6, 5);
        rows[i].ids[rows[i].length - 6] = 50 + (int32_t)i; /* where they part */
    }
    share(&builder, rows, 5);
    check(&builder.batch, rows, 5);
    assert_int_equal(builder.batch.n_sequences, 6);
    assert_int_equal(builder.batch.n_tokens, 20 + 5 * 6);
    assert_int_equal(builder.batch.parents[4], LB_NO_PARENT);
    lb_batch_builder_free(&builder);
}

/* All of a row may be like another: its own part is never empty, and begins no later than with what
 * is scored. */
static void test_equal_rows(void **state)
{
    (void)state;
    lb_random random;
    lb_random_init(&random, 3);
    lb_batch_builder builder = {0};
    row rows[3];
    rows[0] = make_row(&random, NULL, 0, 40, 10);
    rows[1] = rows[0];
    rows[2] = rows[0];
    rows[2].length = 31; /* its one scored token is where that of the others begins */
    share(&builder, rows, 3);
    check(&builder.batch, rows, 3);
    assert_int_equal(builder.batch.n_tokens, 30 + 10 + 10 + 1);
    lb_batch_builder_free(&builder);
}

static void test_random_rows(void **state)
{
    (void)state;
    lb_random random;
    lb_random_init(&random, 4);
    lb_batch_builder builder = {0};
    static row rows[MOST_ROWS];
    size_t n_shared = 0;
    for (int pass = 0; pass < 300; pass++)
    {
        const size_t n_rows = 1 + (size_t)lb_random_below(&random, MOST_ROWS);
        size_t n_tokens = 0;
        for (size_t i = 0; i < n_rows; i++)
        {
            const row *other = &rows[lb_random_below(&random, i + 1)];
            const size_t n_prefix =
                i == 0 ? 0 : (size_t)lb_random_below(&random, lb_random_below(&random, 2) * 50 + 1);
            const size_t n_own = 2 + (size_t)lb_random_below(&random, 40);
            rows[i] = make_row(&random, other->ids, n_prefix < other->length ? n_prefix : 0, n_own,
                               (size_t)lb_random_below(&random, n_own - 1));
            n_tokens += rows[i].length;
        }
        share(&builder, rows, n_rows);
        check(&builder.batch, rows, n_rows);
        n_shared += n_tokens - builder.batch.n_tokens;
    }
    assert_true(n_shared > 10000);
    lb_batch_builder_free(&builder);
}

static void test_keys_follow_the_beginning(void **state)
{
    (void)state;
    lb_random random;
    lb_random_init(&random, 5);
    row first = make_row(&random, NULL, 0, 60, 10);
    row second = first;
    const uint64_t key = lb_prefix_key(first.ids, first.flags, first.length);
    second.ids[55]++; /* scored: not part of what is shared */
    assert_true(lb_prefix_key(second.ids, second.flags, second.length) == key);
    second.ids[44]++; /* 40 tokens alike: all levels but that of 64, which the row does not reach */
    assert_true(lb_prefix_key(second.ids, second.flags, second.length) == key);
    second.ids[37]++; /* 32 alike */
    const uint64_t late = lb_prefix_key(second.ids, second.flags, second.length);
    assert_true(late >> 14 == key >> 14 && late != key);
    second.ids[18]++; /* 16 alike */
    const uint64_t middle = lb_prefix_key(second.ids, second.flags, second.length);
    assert_true(middle >> 42 == key >> 42 && middle >> 35 != key >> 35);
    second.ids[0]++;
    const uint64_t none = lb_prefix_key(second.ids, second.flags, second.length);
    assert_true(none >> 56 != key >> 56);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_introduction),
        cmocka_unit_test(test_equal_rows),
        cmocka_unit_test(test_random_rows),
        cmocka_unit_test(test_keys_follow_the_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

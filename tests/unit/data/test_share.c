/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows that begin alike, put together: whatever is shared, every row's tokens are there along its
 * leaf and its parents, its scored tokens are the same ones in the same order, and nothing that
 * could be shared is there twice. And put in an order in which neighbours share most.
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

static size_t shareable(const row *r)
{
    size_t n = 0;
    while (n + 1 < r->length && r->flags[n] == 0)
    {
        n++;
    }
    return n;
}

static size_t alike(const row *a, const row *b)
{
    const size_t n_a = shareable(a), n_b = shareable(b);
    size_t n = 0;
    while (n < n_a && n < n_b && a->ids[n] == b->ids[n])
    {
        n++;
    }
    return n;
}

/* Tokens that are left where each beginning is there once: of every row those that no earlier row
 * has in the same place after the same tokens. */
static size_t fewest_tokens(const row *rows, size_t n_rows)
{
    size_t n = 0;
    for (size_t i = 0; i < n_rows; i++)
    {
        size_t most = 0;
        for (size_t j = 0; j < i; j++)
        {
            const size_t found = alike(&rows[i], &rows[j]);
            most = found > most ? found : most;
        }
        n += rows[i].length - most;
    }
    return n;
}

static size_t make_random_rows(lb_random *random, row *rows, size_t n_rows)
{
    size_t n_tokens = 0;
    for (size_t i = 0; i < n_rows; i++)
    {
        const row *other = &rows[lb_random_below(random, i + 1)];
        const size_t n_prefix =
            i == 0 ? 0 : (size_t)lb_random_below(random, lb_random_below(random, 2) * 50 + 1);
        const size_t n_own = 2 + (size_t)lb_random_below(random, 40);
        rows[i] = make_row(random, other->ids, n_prefix < other->length ? n_prefix : 0, n_own,
                           (size_t)lb_random_below(random, n_own - 1));
        n_tokens += rows[i].length;
    }
    return n_tokens;
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
        const size_t n_tokens = make_random_rows(&random, rows, n_rows);
        share(&builder, rows, n_rows);
        check(&builder.batch, rows, n_rows);
        assert_int_equal(builder.batch.n_tokens, fewest_tokens(rows, n_rows));
        n_shared += n_tokens - builder.batch.n_tokens;
    }
    assert_true(n_shared > 10000);
    lb_batch_builder_free(&builder);
}

static lobass_status load(void *context, lobass_row *loaded, uint32_t number, lobass_error *error)
{
    row *r = (row *)context + number;
    (void)error;
    *loaded = (lobass_row){.ids = r->ids, .flags = r->flags, .n_tokens = (uint32_t)r->length};
    return LOBASS_OK;
}

/* In the order that is found neighbours share all that can be shared at all, and the packs of a
 * plan have as many tokens as it says. */
static void test_order(void **state)
{
    (void)state;
    enum
    {
        MAX_TOKENS = 150
    };
    lb_random random;
    lb_random_init(&random, 6);
    lb_batch_builder builder = {0};
    static row rows[MOST_ROWS];
    size_t n_full = 0;
    for (int pass = 0; pass < 300; pass++)
    {
        const size_t n_rows = 1 + (size_t)lb_random_below(&random, MOST_ROWS);
        const size_t n_tokens = make_random_rows(&random, rows, n_rows);
        lb_ordered_row ordered[MOST_ROWS];
        uint32_t lengths[MOST_ROWS], seen[MOST_ROWS] = {0};
        size_t n_shared = 0;
        lb_row_order order = {ordered, n_rows};
        for (size_t i = 0; i < n_rows; i++)
        {
            ordered[i] = (lb_ordered_row){.row = (uint32_t)i};
            lengths[i] = (uint32_t)rows[i].length;
        }
        assert_int_equal(lb_row_order_find(&order, load, rows, NULL), LOBASS_OK);
        for (size_t i = 0; i < n_rows; i++)
        {
            assert_int_equal(seen[ordered[i].row]++, 0);
            n_shared += ordered[i].n_shared;
        }
        assert_int_equal(n_tokens - n_shared, fewest_tokens(rows, n_rows));
        lb_plan *plan = NULL;
        assert_int_equal(lb_plan_create(&plan, lengths, &order, n_rows, MAX_TOKENS, NULL),
                         LOBASS_OK);
        for (size_t p = 0; p < lb_plan_count(plan); p++)
        {
            const lb_pack pack = lb_plan_at(plan, p);
            row packed[MOST_ROWS];
            for (size_t i = 0; i < pack.n_rows; i++)
            {
                packed[i] = rows[pack.rows[i]];
            }
            share(&builder, packed, pack.n_rows);
            assert_int_equal(builder.batch.n_tokens, pack.n_computed);
            assert_true(pack.n_computed <= MAX_TOKENS);
            n_full += pack.n_tokens > MAX_TOKENS;
        }
        lb_plan_free(plan);
    }
    assert_true(n_full > 300); /* packs that without sharing would be too full */
    lb_batch_builder_free(&builder);
}

/* Rows that are made as they are asked for: three tokens that say their number, one scored. */
static lobass_status load_numbered(void *context, lobass_row *loaded, uint32_t number,
                                   lobass_error *error)
{
    static const uint8_t flags[] = {0, 0, 0, LOBASS_TOKEN_SCORED};
    int32_t *ids = context;
    if (number == 90000)
    {
        return lb_fail(error, LOBASS_CANCELLED, "enough");
    }
    ids[0] = (int32_t)(number * 7 % 11);
    ids[1] = (int32_t)(number * 5 % 13);
    ids[2] = (int32_t)number;
    *loaded = (lobass_row){.ids = ids, .flags = flags, .n_tokens = 4};
    return LOBASS_OK;
}

/* More rows than are sorted at once, the last of which cannot be loaded. */
static void test_order_of_many(void **state)
{
    (void)state;
    enum
    {
        N_ROWS = 80000
    };
    int32_t ids[4] = {0}, before[4] = {-1, -1, -1, -1};
    lobass_error error = {0};
    lb_ordered_row *ordered = lb_alloc(N_ROWS, sizeof *ordered, &error);
    uint8_t *seen = lb_alloc(N_ROWS, 1, &error);
    lb_row_order order = {ordered, N_ROWS};
    size_t n_apart = 0;
    for (uint32_t i = 0; i < N_ROWS; i++)
    {
        ordered[i].row = N_ROWS - 1 - i;
    }
    assert_int_equal(lb_row_order_find(&order, load_numbered, ids, &error), LOBASS_OK);
    for (size_t i = 0; i < N_ROWS; i++)
    {
        lobass_row loaded;
        assert_int_equal(seen[ordered[i].row]++, 0);
        assert_int_equal(load_numbered(ids, &loaded, ordered[i].row, NULL), LOBASS_OK);
        const uint32_t n_alike = ids[0] != before[0] ? 0 : ids[1] != before[1] ? 1 : 2;
        assert_int_equal(ordered[i].n_shared, n_alike);
        n_apart += n_alike == 0;
        memcpy(before, ids, sizeof before);
    }
    assert_int_equal(n_apart, 3 * 11); /* first tokens, in each of three parts of the rows */
    ordered[500].row = 90000;
    assert_int_equal(lb_row_order_find(&order, load_numbered, ids, &error), LOBASS_CANCELLED);
    assert_string_equal(error.message, "enough");
    free(ordered);
    free(seen);
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
        cmocka_unit_test(test_one_introduction), cmocka_unit_test(test_equal_rows),
        cmocka_unit_test(test_random_rows),      cmocka_unit_test(test_order),
        cmocka_unit_test(test_order_of_many),    cmocka_unit_test(test_keys_follow_the_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Responses without what they answer: which tokens of a row make a sequence, behind which one, and
 * that the scored ones stay those of the row in their order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/data.h"

enum
{
    P = 0, /* prompt */
    B = LOBASS_TOKEN_BOS,
    R = LOBASS_TOKEN_RESPONSE,
    F = R | LOBASS_TOKEN_FIRST,
    E = R | LOBASS_TOKEN_END,
    S = LOBASS_TOKEN_SCORED,
    PREFIX = 99
};

/* The batch of one row must hold IDS in sequences from STARTS on, and score SCORED. */
static void check(const int32_t *row_ids, const uint8_t *flags, size_t n_tokens, const int32_t *ids,
                  const uint32_t *starts, size_t n_sequences, const uint32_t *scored,
                  size_t n_scored)
{
    const lobass_row row = {.ids = row_ids, .flags = flags, .n_tokens = n_tokens};
    lb_batch_builder builder = {0};
    lobass_error error = {0};
    lb_batch_builder_reset(&builder);
    assert_int_equal(lb_batch_builder_add_alone(&builder, &row, PREFIX, &error), LOBASS_OK);
    assert_int_equal(builder.batch.n_tokens, lb_alone_count(&row));
    assert_int_equal(builder.batch.n_sequences, n_sequences);
    assert_memory_equal(builder.batch.starts, starts, (n_sequences + 1) * sizeof *starts);
    assert_memory_equal(builder.batch.ids, ids, starts[n_sequences] * sizeof *ids);
    assert_int_equal(builder.batch.n_scored, n_scored);
    assert_memory_equal(builder.batch.scored, scored, n_scored * sizeof *scored);
    lb_batch_builder_free(&builder);
}

#define CHECK(row_ids, flags, ids, starts, scored)                                    \
    check(row_ids, flags, sizeof(flags), ids, starts, sizeof(starts) / 4 - 1, scored, \
          sizeof(scored) / 4)

/* The second response is context, the third follows it at once, and its end token is not scored. */
static void test_turns(void **state)
{
    static const int32_t row[] = {1, 10, 11, 20, 21, 2, 12, 30, 2, 40, 41, 2};
    static const uint8_t flags[] = {B, P, P, F | S, R | S, E | S, P, F, E, F | S, R | S, E};
    static const int32_t ids[] = {PREFIX, 20, 21, 2, PREFIX, 40, 41};
    static const uint32_t starts[] = {0, 4, 7};
    static const uint32_t scored[] = {1, 2, 3, 5, 6};
    (void)state;
    CHECK(row, flags, ids, starts, scored);
}

/* A text has nothing before it but BOS, and is as it was; without BOS its first token is not
 * scored, and stays. */
static void test_texts(void **state)
{
    static const int32_t row[] = {1, 10, 11, 2};
    static const uint8_t flags[] = {B, F | S, R | S, E | S};
    static const int32_t ids[] = {PREFIX, 10, 11, 2};
    static const uint32_t starts[] = {0, 4};
    static const uint32_t scored[] = {1, 2, 3};
    static const uint8_t bare[] = {F, R | S, R | S, E | S};
    (void)state;
    CHECK(row, flags, ids, starts, scored);
    CHECK(row, bare, row, starts, scored);
}

/* Prompts that are scored are stretches as well; an end token can be all of a response. */
static void test_scored_prompts(void **state)
{
    static const int32_t row[] = {10, 11, 20, 2, 12, 2};
    static const uint8_t flags[] = {P, P | S, F | S, E | S, P | S, E | F | S};
    static const int32_t ids[] = {10, 11, PREFIX, 20, 2, PREFIX, 12, PREFIX, 2};
    static const uint32_t starts[] = {0, 2, 5, 7, 9};
    static const uint32_t scored[] = {1, 3, 4, 6, 8};
    (void)state;
    CHECK(row, flags, ids, starts, scored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_scored_prompts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

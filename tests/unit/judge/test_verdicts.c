/* SPDX-License-Identifier: Apache-2.0
 *
 * What two verdicts on a pair come to, for all there can be; what is a verdict in a text, and what
 * becomes of a key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "judge/judge.h"

enum
{
    A = LB_VERDICT_SHOWN_FIRST,
    B = LB_VERDICT_SHOWN_SECOND,
    C = LB_VERDICT_NEITHER,
    UNREADABLE = LB_VERDICT_UNREADABLE,
    NONE = LB_VERDICT_NONE
};

/* Of one pair. */
static lb_verdicts count(int straight, int swapped, const lb_text_pair *pair)
{
    lb_text_pair one = *pair;
    const lb_text_pairs pairs = {.pairs = &one, .n_pairs = 1};
    const lb_verdict verdicts[2] = {(lb_verdict)straight, (lb_verdict)swapped};
    lb_judge_result result = {0};
    lobass_error error = {0};
    assert_int_equal(LOBASS_OK, lb_verdicts_count(&result, &pairs, verdicts, &error));
    const lb_verdicts total = result.total;
    assert_int_equal(1, total.n_pairs);
    assert_int_equal(1, total.n_wins + total.n_ties + total.n_losses + total.n_unreadable +
                            total.n_failed + total.n_without_text);
    lb_judge_result_free(&result);
    return total;
}

/* METHOD: win = win + win or win + tie; tie = win + lose or tie + tie; lose is its mirror. Swapped,
 * B is the verdict for the first model. */
static void test_both_orders(void **state)
{
    static const struct
    {
        int straight, swapped;
        char expected;
    } cases[] = {
        {A, B, 'w'},
        {A, C, 'w'},
        {C, B, 'w'},
        {A, A, 't'},
        {B, B, 't'},
        {C, C, 't'},
        {B, A, 'l'},
        {B, C, 'l'},
        {C, A, 'l'},
        {NONE, B, 'f'},
        {A, NONE, 'f'},
        {NONE, NONE, 'f'},
        {UNREADABLE, B, 'u'},
        {A, UNREADABLE, 'u'},
        {UNREADABLE, UNREADABLE, 'u'},
        {UNREADABLE, NONE, 'f'},
    };
    const lb_text_pair pair = {.texts = {{"x", 1}, {"", 0}}};
    const lb_text_pair half = {.texts = {{"x", 1}, {NULL, 0}}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
        const lb_verdicts found = count(cases[i].straight, cases[i].swapped, &pair);
        assert_int_equal(cases[i].expected == 'w', found.n_wins);
        assert_int_equal(cases[i].expected == 't', found.n_ties);
        assert_int_equal(cases[i].expected == 'l', found.n_losses);
        assert_int_equal(cases[i].expected == 'u', found.n_unreadable);
        assert_int_equal(cases[i].expected == 'f', found.n_failed);
        assert_int_equal((cases[i].straight == A) + (cases[i].swapped == A),
                         found.n_for_shown_first);
        assert_int_equal((cases[i].straight == B) + (cases[i].swapped == B),
                         found.n_for_shown_second);
    }
    assert_true(count(A, B, &pair).win_rate == 1 && count(A, A, &pair).win_rate == 0.5);
    assert_true(isnan(count(NONE, B, &pair).win_rate) && isnan(count(NONE, B, &pair).p));
    assert_int_equal(1, count(NONE, NONE, &half).n_without_text);
}

static void test_marks(void **state)
{
    static const struct
    {
        const char *text;
        int expected;
    } cases[] = {
        {"[[A]]", A},        {"A good reason.\n[[B]]\n", B}, {"[[C]] I mean [[C]]", C},
        {"[[[A]]]", A},      {"[[A]] or [[B]]", UNREADABLE}, {"[[a]]", UNREADABLE},
        {"[A]", UNREADABLE}, {"[[D]]", UNREADABLE},          {"[[A ]]", UNREADABLE},
        {"A", UNREADABLE},   {"[[A]", UNREADABLE},           {"", UNREADABLE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
        assert_int_equal(cases[i].expected, lb_verdict_find(cases[i].text, strlen(cases[i].text)));
    }
    assert_int_equal(UNREADABLE, lb_verdict_find("[[A]]", 4));
}

static void test_redaction(void **state)
{
    lb_buffer redacted = {0};
    lobass_error error = {0};
    (void)state;
    assert_int_equal(LOBASS_OK, lb_redact(&redacted, "k1 xk1k1y k", 11, "k1", &error));
    assert_string_equal("[key] x[key][key]y k", redacted.data);
    assert_int_equal(LOBASS_OK, lb_redact(&redacted, "k1\0k1", 5, "k1", &error));
    assert_int_equal(11, redacted.size);
    assert_memory_equal("[key]\0[key]", redacted.data, 11);
    assert_int_equal(LOBASS_OK, lb_redact(&redacted, "k1", 2, NULL, &error));
    assert_string_equal("k1", redacted.data);
    assert_int_equal(LOBASS_OK, lb_redact(&redacted, "k", 1, "key", &error));
    assert_string_equal("k", redacted.data);
    lb_buffer_free(&redacted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_orders),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_redaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

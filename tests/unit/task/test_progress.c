/* SPDX-License-Identifier: Apache-2.0
 *
 * What an observer is told, how often, and that false stops the work.
 */
#include "unit/task/run_fixture.h"

typedef struct heard
{
    unsigned n_calls;
    lobass_progress last;
    bool answer;
} heard;

static bool hear(void *context, const lobass_progress *progress)
{
    heard *h = context;
    h->n_calls++;
    h->last = *progress;
    return h->answer;
}

static void test_rates(void **state)
{
    heard h = {.answer = true};
    const lobass_observer observer = {.context = &h, .progress = hear};
    lobass_error error = {0};
    lb_stage stage;
    (void)state;
    lb_stage_begin(&stage, &observer, "measure x", "rows", 100, 200);
    stage.began_seconds -= 10; /* as if it had begun ten seconds ago */
    check_ok(lb_stage_advance(&stage, 120, 5000, 2.5, &error), &error);
    assert_int_equal(h.n_calls, 1);
    assert_string_equal(h.last.stage, "measure x");
    assert_string_equal(h.last.unit, "rows");
    assert_int_equal(h.last.done, 120);
    assert_int_equal(h.last.total, 200);
    assert_true(h.last.mean_loss == 2.5);
    /* 20 rows in 10 s: 80 left take 40 s; what was done before does not count as speed. */
    assert_true(fabs(h.last.remaining_seconds - 40) < 0.5);
    assert_true(fabs(h.last.tokens_per_second - 500) < 5);
    assert_true(fabs(h.last.elapsed_seconds - 10) < 0.1);
}

static void test_not_too_often(void **state)
{
    heard h = {.answer = true};
    const lobass_observer observer = {.context = &h, .progress = hear};
    lobass_error error = {0};
    lb_stage stage;
    (void)state;
    lb_stage_begin(&stage, &observer, "s", "rows", 0, 0);
    for (uint64_t i = 0; i < 1000; i++)
    {
        check_ok(lb_stage_advance(&stage, i, 1, NAN, &error), &error);
    }
    assert_in_range(h.n_calls, 1, 5);
    check_ok(lb_stage_end(&stage, &error), &error);
    assert_int_equal(h.last.done, 999);
    assert_true(isnan(h.last.mean_loss));
    assert_true(isnan(h.last.remaining_seconds)); /* the total is not known */
}

static void test_cancel(void **state)
{
    heard h = {.answer = false};
    const lobass_observer observer = {.context = &h, .progress = hear};
    lobass_error error = {0};
    lb_stage stage;
    (void)state;
    lb_stage_begin(&stage, &observer, "prepare", "records", 0, 10);
    check_refused(lb_stage_advance(&stage, 3, 1, NAN, &error), LOBASS_CANCELLED, &error, "prepare",
                  "3 records");
}

static void test_nobody_listens(void **state)
{
    const lobass_observer silent = {0};
    lobass_error error = {0};
    lb_stage stage;
    (void)state;
    lb_stage_begin(&stage, NULL, "s", "rows", 0, 1);
    check_ok(lb_stage_advance(&stage, 1, 1, 0, &error), &error);
    check_ok(lb_stage_end(&stage, &error), &error);
    lb_stage_begin(&stage, &silent, "s", "rows", 0, 1);
    check_ok(lb_stage_end(&stage, &error), &error);
    lb_observer_log(NULL, LOBASS_LOG_NOTE, "%d", 1);
    lb_observer_log(&silent, LOBASS_LOG_NOTE, "%d", 1);
    listener l = {0};
    const lobass_observer observer = listen(&l);
    lb_observer_log(&observer, LOBASS_LOG_WARNING, "row %d", 12);
    assert_string_equal(l.last, "row 12");
    assert_int_equal(l.n_warnings, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_not_too_often),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_nobody_listens),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

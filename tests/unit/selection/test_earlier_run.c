/* SPDX-License-Identifier: Apache-2.0
 *
 * A run that an earlier lobass measured, without el2n: it is read, resumed, scored and selected
 * from as it was; only the score el2n asks for it to be measured again, and -f does so.
 */
#include "unit/selection/select_fixture.h"
#include "unit/store/sql.h"
#include "unit/task/measure_fixture.h"

enum
{
    N_RECORDS = 1200
};

static lobass_measure_options measure_options(const char *run)
{
    return measure_options_as(run, place("model"), "initial");
}

static bool collect(void *context, const char *data, size_t size_bytes)
{
    return lb_buffer_append(context, data, size_bytes, NULL) == LOBASS_OK;
}

/* The scores of a run, without the member el2n where it is to be left out. Yours: lb_buffer_free().
 */
static lb_buffer scores_of(const char *path, bool leaves_out_el2n)
{
    lobass_error error = {0};
    lobass_run *run = NULL;
    lb_buffer text = {0};
    check_ok(lobass_run_open(&run, path, &error), &error);
    check_ok(lobass_run_scores(run, LOBASS_TABLE_JSONL, collect, &text, &error), &error);
    lobass_run_close(run);
    char *member = leaves_out_el2n ? strstr(text.data, "\"el2n\": ") : NULL;
    while (member != NULL)
    {
        const char *rest = strchr(member, ',') + 2;
        memmove(member, rest, strlen(rest) + 1);
        member = strstr(member, "\"el2n\": ");
    }
    return text;
}

static void check_same_scores(const char *a, const char *b, bool leaves_out_el2n)
{
    lb_buffer first = scores_of(a, leaves_out_el2n);
    lb_buffer second = scores_of(b, leaves_out_el2n);
    assert_string_equal(first.data, second.data);
    lb_buffer_free(&first);
    lb_buffer_free(&second);
}

static lobass_select_options select_by(const char *run, lobass_score by)
{
    lobass_select_options options = select_options(run, 10);
    options.spec.by = by;
    options.spec.direction = LOBASS_DIRECTION_HIGHEST;
    return options;
}

/* Measured to its end before. */
static void test_whole(void **state)
{
    lobass_error error = {0};
    (void)state;
    records_make("whole.jsonl", 40);
    (void)run_prepare("whole.jsonl", "new");
    (void)run_prepare("whole.jsonl", "old");
    lobass_measure_options options = measure_options(place("new"));
    (void)measured(&options);
    options = measure_options(place("old"));
    (void)measured(&options);
    sql_downgrade(options.run, 1);
    check_same_scores(place("new"), place("old"), true);
    assert_int_equal(sql_version(options.run), 1);
    assert_int_equal(measured(&options).n_rows, 0);
    lobass_select_options select = select_by(options.run, LOBASS_SCORE_LOSS);
    assert_int_equal(selected(&select).n_selected, 10);
    assert_int_equal(sql_version(options.run), 3);
    select.spec.by = LOBASS_SCORE_EL2N;
    check_refused(lobass_select(&select, NULL, NULL, &error), LOBASS_NOT_FOUND, &error,
                  "\"el2n\" needs what an earlier lobass did not store", "0 of 40 rows");
    options.overwrite = true;
    assert_int_equal(measured(&options).n_rows, 40);
    assert_int_equal(lb_path_look(place("old/selected.jsonl")), LB_PATH_MISSING);
    check_same_scores(place("new"), place("old"), false);
    assert_int_equal(measured(&options).n_rows, 0);
    assert_int_equal(selected(&select).n_selected, 10);
}

/* Stopped half-way before: the rest of the rows is measured, and no row again. */
static void test_half(void **state)
{
    lobass_error error = {0};
    lobass_measure_result part;
    listener l = {.cancel_at = 1};
    const lobass_observer observer = listen(&l);
    char expected[96];
    (void)state;
    records_make("half.jsonl", N_RECORDS);
    (void)run_prepare("half.jsonl", "through");
    (void)run_prepare("half.jsonl", "half");
    lobass_measure_options options = measure_options(place("through"));
    (void)measured(&options);
    options = measure_options(place("half"));
    check_refused(lobass_measure(&options, &observer, &part, &error), LOBASS_CANCELLED, &error,
                  "measure initial", "rows");
    assert_in_range(part.n_rows, 1, N_RECORDS - 1);
    sql_downgrade(options.run, 1);
    assert_int_equal(measured(&options).n_rows, N_RECORDS - part.n_rows);
    check_same_scores(place("through"), place("half"), true);
    const lobass_select_options by_loss = select_by(options.run, LOBASS_SCORE_LOSS);
    assert_int_equal(selected(&by_loss).n_selected, 10);
    (void)snprintf(expected, sizeof expected, "%u of %u rows have it",
                   N_RECORDS - (unsigned)part.n_rows, (unsigned)N_RECORDS);
    const lobass_select_options by_el2n = select_by(options.run, LOBASS_SCORE_EL2N);
    check_refused(lobass_select(&by_el2n, NULL, NULL, &error), LOBASS_NOT_FOUND, &error, expected,
                  "measure \"initial\" again (-f)");
    options.overwrite = true;
    assert_int_equal(measured(&options).n_rows, N_RECORDS);
    check_same_scores(place("through"), place("half"), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_half),
    };
    return cmocka_run_group_tests(tests, run_setup, scratch_teardown);
}

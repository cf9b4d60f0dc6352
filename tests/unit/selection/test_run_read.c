/* SPDX-License-Identifier: Apache-2.0
 *
 * A run as its readers see it: typed results of rows against the file of scores, and counts that
 * are told without a look at the losses against those that are worked out.
 */
#include "unit/selection/select_fixture.h"
#include "unit/store/sql.h"

#include <math.h>

#define N_ROWS 6

/* By the rules of the selection below: ok, below the minimum, ok, above the maximum, not finite,
 * ok.
 */
static const double first[N_ROWS] = {2, 0.25, 2, 2, NAN, 3};
static const double second[N_ROWS] = {1, 0.125, 0.5, 1.75, 1, 1.25};

static lobass_select_options measured_options(const char *run)
{
    records_make("six.jsonl", N_ROWS);
    (void)run_prepare("six.jsonl", run);
    losses_put(place(run), "initial", first);
    losses_put(place(run), "reference", second);
    lobass_select_options options = select_options(place(run), 2);
    options.spec.min_initial = 0.5;
    options.spec.max_reference = 1.5;
    return options;
}

static lobass_run *opened(const char *path)
{
    lobass_error error = {0};
    lobass_run *run = NULL;
    check_ok(lobass_run_open(&run, path, &error), &error);
    return run;
}

static bool collect(void *context, const char *data, size_t size_bytes)
{
    return lb_buffer_append(context, data, size_bytes, NULL) == LOBASS_OK;
}

/* LINE of the file of scores, as JSON, is the same as RESULT. */
static void check_line(const json_t *line, const lobass_row_result *result)
{
    lobass_column column;
    size_t n_columns = 0;
    const json_t *rank = json_object_get(line, "rank");
    const json_t *reason = json_object_get(line, "reason");
    assert_string_equal(json_string_value(json_object_get(line, "status")),
                        lobass_row_status_name(result->scores.status));
    for (; lobass_row_scores_column(&column, &result->scores, n_columns); n_columns++)
    {
        const json_t *value = json_object_get(line, column.name);
        assert_true((value != NULL) == column.is_there);
        assert_true(value == NULL || json_real_value(value) == column.value);
    }
    assert_int_equal(n_columns, LOBASS_SCORE_COUNT - 2 + 5);
    assert_true((uint64_t)json_integer_value(rank) == result->rank);
    assert_true((rank != NULL) == (result->rank > 0));
    assert_true((json_object_get(line, "selected") != NULL) == result->has_selection);
    assert_true(json_is_true(json_object_get(line, "selected")) == result->is_selected);
    assert_true((reason != NULL) == (result->reason != NULL));
    if (reason != NULL && result->reason != NULL)
    {
        assert_string_equal(json_string_value(reason), result->reason);
    }
}

static void check_all_lines(const char *path)
{
    lobass_error error = {0};
    lb_buffer text = {0};
    lobass_row_result result;
    lobass_run *run = opened(path);
    check_ok(lobass_run_scores(run, LOBASS_TABLE_JSONL, collect, &text, &error), &error);
    const char *rest = text.data;
    for (uint64_t row = 0; row < N_ROWS; row++)
    {
        json_t *line = json_loadb(rest, strcspn(rest, "\n"), 0, NULL);
        assert_non_null(line);
        check_ok(lobass_run_row_result(run, row, &result, &error), &error);
        check_line(line, &result);
        json_decref(line);
        rest = strchr(rest, '\n') + 1;
    }
    assert_int_equal(*rest, '\0');
    check_refused(lobass_run_row_result(run, N_ROWS, &result, &error), LOBASS_NOT_FOUND, &error,
                  "row 6", "no such row");
    lb_buffer_free(&text);
    lobass_run_close(run);
}

static void test_row_results(void **state)
{
    (void)state;
    const lobass_select_options options = measured_options("results");
    check_all_lines(options.run);
    assert_int_equal(selected(&options).n_selected, 2);
    check_all_lines(options.run);
}

static lobass_run_info described(const char *path)
{
    lobass_error error = {0};
    lobass_run_info info;
    lobass_run *run = opened(path);
    check_ok(lobass_run_describe(run, &info, &error), &error);
    lobass_run_close(run);
    return info;
}

static void check_counts(const char *run, bool has_selection, uint64_t n_ok, uint64_t n_nonfinite,
                         uint64_t n_outside)
{
    const lobass_run_info info = described(run);
    assert_int_equal(info.n_records, N_ROWS);
    assert_int_equal(info.has_selection, has_selection);
    assert_int_equal(info.n_selected, has_selection ? 2 : 0);
    assert_int_equal(info.statuses[LOBASS_ROW_OK], n_ok);
    assert_int_equal(info.statuses[LOBASS_ROW_NONFINITE], n_nonfinite);
    assert_int_equal(info.statuses[LOBASS_ROW_INITIAL_LOSS_BELOW_MINIMUM], n_outside);
    assert_int_equal(info.statuses[LOBASS_ROW_REFERENCE_LOSS_ABOVE_MAXIMUM], n_outside);
}

/* Told by the selection, worked out where nothing tells, and told by the totals where no row's loss
 * can have a say. */
static void test_counts(void **state)
{
    static const double usual[N_ROWS] = {2, 2.5, 3, 2, 3, 2};
    (void)state;
    lobass_select_options options = measured_options("counts");
    check_counts(options.run, false, 5, 1, 0);
    (void)selected(&options);
    check_counts(options.run, true, 3, 1, 1);
    sql_run(options.run, "UPDATE statuses SET n_ended = n_ended + 1 WHERE status = 6");
    check_counts(options.run, true, 3, 2, 1); /* nobody looks */
    sql_run(options.run, "UPDATE statuses SET n_ended = NULL, n_selected = NULL");
    check_counts(options.run, true, 3, 1, 1);
    sql_downgrade(options.run, 2);
    check_counts(options.run, true, 3, 1, 1);
    sql_run(options.run, "DELETE FROM losses");
    losses_put(options.run, "initial", usual);
    losses_put(options.run, "reference", usual);
    options = select_options(options.run, 2);
    (void)selected(&options);
    sql_run(options.run, "UPDATE statuses SET n_ended = NULL, n_selected = NULL;"
                         "UPDATE losses SET nll = X'0000C07F' WHERE \"row\" = 3");
    check_counts(options.run, true, 6, 0, 0); /* nor at these */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_results),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, run_setup, scratch_teardown);
}

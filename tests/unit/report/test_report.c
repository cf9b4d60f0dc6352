/* SPDX-License-Identifier: Apache-2.0
 *
 * The page as bytes: its data adds up, no record can end the element that the data stands in, the
 * same run gives the same bytes, and nothing but a page is replaced. How the page behaves in a
 * browser is tests/browser/'s.
 */
#include "unit/selection/select_fixture.h"

#include "report/report.h"

static const char hostile[] =
    "{\"instruction\": \"</script><script>alert(1)</script>\", \"output\": \"<img src=x "
    "onerror=alert(1)>\"}\n"
    "{\"instruction\": \"<!-- <script>\", \"output\": \"one \xe2\x80\xa8 two \xe2\x80\xa9 "
    "three\"}\n"
    "{\"instruction\": \"\xe2\x80\xae gnihton\", \"output\": \"\\u0000 \\\" \\\\ \\u2028\"}\n"
    "{\"instruction\": \"bytes \xff\xfe\", \"output\": \"none\"}\n"
    "{\"instruction\": \"empty\", \"output\": \"\"}\n";

static const double few_initial[] = {4, 2, 3, 2, 2};
static const double few_reference[] = {1, 1.9, 2, 1, 2};

static lobass_report_options report_options(const char *run)
{
    lobass_report_options options = lobass_report_options_default();
    options.run = run;
    return options;
}

static lobass_report_result report_write(const lobass_report_options *options)
{
    lobass_report_result result;
    lobass_error error = {0};
    check_ok(lobass_report_write(options, NULL, &result, &error), &error);
    return result;
}

/* The data of the page at PATH; to be released with json_decref(). The text before and after it
 * must be the page's own. */
static json_t *page_data(const char *path)
{
    lobass_error error = {0};
    lb_buffer page = {0};
    json_t *data = NULL;
    check_ok(lb_file_read(&page, path, SIZE_MAX / 2, &error), &error);
    assert_true(page.size > lb_page_head_size + lb_page_tail_size);
    assert_memory_equal(page.data, lb_page_head, lb_page_head_size);
    const size_t size = page.size - lb_page_head_size - lb_page_tail_size;
    const char *text = page.data + lb_page_head_size;
    assert_memory_equal(text + size, lb_page_tail, lb_page_tail_size);
    assert_null(memchr(text, '<', size));
    assert_null(memmem(text, size, "\xe2\x80\xa8", 3));
    assert_null(memmem(text, size, "\xe2\x80\xa9", 3));
    check_ok(lb_json_parse(&data, text, size, path, &error), &error);
    lb_buffer_free(&page);
    return data;
}

static const json_t *at(const json_t *value, const char *key)
{
    const json_t *found = json_object_get(value, key);
    if (found == NULL)
    {
        fail_msg("no member %s", key);
    }
    return found;
}

static json_int_t number_at(const json_t *value, const char *key)
{
    return json_integer_value(at(value, key));
}

/* The sum of member KEY over a list, or of the list itself. */
static json_int_t sum_of(const json_t *list, const char *key)
{
    json_int_t sum = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
    {
        const json_t *one = json_array_get(list, i);
        sum += json_integer_value(key == NULL ? one : at(one, key));
    }
    return sum;
}

static const char *text_at(const json_t *data, size_t row, bool is_response)
{
    const json_t *texts = at(at(data, "rows"), "texts");
    return json_string_value(json_array_get(texts, 2 * row + (is_response ? 1 : 0)));
}

/* ---- hostile records -------------------------------------------------------------------------
 */

static void test_records_stay_text(void **state)
{
    (void)state;
    file_make("hostile.jsonl", hostile);
    run_prepare("hostile.jsonl", "run");
    losses_put(place("run"), "initial", few_initial);
    losses_put(place("run"), "reference", few_reference);
    const lobass_report_options options = report_options(place("run"));
    const lobass_report_result result = report_write(&options);
    json_t *data = page_data(result.output);
    assert_int_equal(result.n_records, 5);
    assert_string_equal(text_at(data, 0, false), "</script><script>alert(1)</script>\n");
    assert_string_equal(text_at(data, 0, true), "<img src=x onerror=alert(1)>");
    assert_non_null(strstr(text_at(data, 1, true), "\xe2\x80\xa8 two \xe2\x80\xa9"));
    const char override[] = {'\xe2', '\x80', '\xae', '\0'};
    assert_non_null(strstr(text_at(data, 2, false), override));
    const json_t *reasons = at(at(data, "rows"), "reasons");
    assert_int_equal(json_integer_value(json_array_get(json_array_get(reasons, 0), 0)), 3);
    json_decref(data);
}

/* ---- it adds up ------------------------------------------------------------------------------
 */

static void check_sums(const json_t *data, json_int_t n_records, json_int_t n_selectable,
                       json_int_t n_selected)
{
    assert_int_equal(number_at(data, "records"), n_records);
    assert_int_equal(sum_of(at(data, "statuses"), "records"), n_records);
    assert_int_equal(sum_of(at(data, "sources"), "records"), n_records);
    assert_int_equal(sum_of(at(data, "sources"), "selectable"), n_selectable);
    assert_int_equal(sum_of(at(data, "sources"), "selected"), n_selected);
    assert_int_equal(number_at(at(data, "selection"), "selected"), n_selected);
    assert_int_equal(sum_of(at(data, "sources"), "selected_tokens"),
                     number_at(at(data, "selection"), "selected_tokens"));
    const json_t *histograms = at(data, "histograms");
    assert_int_equal(json_array_size(histograms), 4);
    for (size_t i = 0; i < 4; i++)
    {
        const json_t *one = json_array_get(histograms, i);
        assert_int_equal(sum_of(at(one, "all"), NULL), n_selectable);
        assert_int_equal(sum_of(at(one, "selected"), NULL), n_selected);
    }
}

static void run_make(const char *run, unsigned n_records)
{
    double before[200];
    double after[200];
    assert_true(n_records <= 200);
    records_make("data.jsonl", n_records);
    run_prepare("data.jsonl", run);
    for (unsigned i = 0; i < n_records; i++)
    {
        before[i] = 2 + (double)(i % 5);
        after[i] = before[i] * (double)(i % 11) / 12;
    }
    losses_put(place(run), "initial", before);
    losses_put(place(run), "reference", after);
}

static void test_data_adds_up(void **state)
{
    (void)state;
    run_make("sums", 60);
    lobass_select_options select = select_options(place("sums"), 9);
    selected(&select);
    const lobass_report_options options = report_options(place("sums"));
    const lobass_report_result result = report_write(&options);
    assert_int_equal(result.n_rows, 60);
    assert_int_equal(result.n_selected, 9);
    json_t *data = page_data(result.output);
    check_sums(data, 60, 60, 9);
    assert_true(json_is_true(at(at(data, "selection"), "is_recorded")));
    assert_true(json_is_true(at(at(data, "selection"), "is_best")));
    assert_int_equal(sum_of(at(data, "models"), "rows"), 2 * 60);
    assert_int_equal(sum_of(at(data, "models"), "rows_due"), 2 * 60);
    const json_t *readings = at(data, "readings");
    assert_int_equal(json_array_size(at(readings, "top")), 20);
    assert_int_equal(json_array_size(at(readings, "cut")), 20);
    assert_int_equal(number_at(json_array_get(at(readings, "cut"), 0), "rank"), 1);
    assert_int_equal(number_at(json_array_get(at(readings, "bottom"), 19), "rank"), 60);
    json_decref(data);
}

/* Drawn: the rows taken are not the best ones. */
static void test_quota(void **state)
{
    lobass_error error = {0};
    (void)state;
    run_make("quota", 60);
    lobass_select_options select = select_options(place("quota"), 9);
    check_ok(lobass_selection_spec_add_quota(&select.spec, "data.jsonl:9:random", &error), &error);
    selected(&select);
    lobass_selection_spec_clear(&select.spec);
    const lobass_report_options options = report_options(place("quota"));
    json_t *data = page_data(report_write(&options).output);
    check_sums(data, 60, 60, 9);
    assert_true(json_is_false(at(at(data, "selection"), "is_best")));
    json_decref(data);
}

/* Every loss of a row is the same here, so that each token has as much of the drop. */
static void test_attribution(void **state)
{
    (void)state;
    run_make("drops", 40);
    lobass_select_options select = select_options(place("drops"), 4);
    selected(&select);
    const lobass_report_options options = report_options(place("drops"));
    json_t *data = page_data(report_write(&options).output);
    const json_t *groups = at(data, "attribution");
    assert_int_equal(json_array_size(groups), 12);
    for (size_t i = 0; i < 12; i++)
    {
        const json_t *one = json_array_get(groups, i);
        const double sum = json_real_value(at(one, "end")) + json_real_value(at(one, "first")) +
                           json_real_value(at(one, "rest"));
        assert_true(fabs(sum - json_real_value(at(one, "learnability"))) < 1e-12);
        assert_int_equal(number_at(one, "rows"), i == 0 ? 40 : 4);
    }
    /* The selection is the first tenth; a row's end token is one of its n, and so is its first. */
    const json_t *best = json_array_get(groups, 1);
    assert_true(json_equal(at(best, "end"), at(json_array_get(groups, 2), "end")));
    assert_true(fabs(json_real_value(at(best, "end")) - json_real_value(at(best, "first"))) <
                1e-12);
    json_decref(data);
}

static void test_same_bytes(void **state)
{
    (void)state;
    run_make("same", 30);
    lobass_report_options options = report_options(place("same"));
    options.output = place("first.html");
    report_write(&options);
    options.output = place("second.html");
    const lobass_report_result result = report_write(&options);
    check_same_files(place("first.html"), place("second.html"));
    assert_int_equal(result.n_selected, 2); /* 6 % of 30, rounded half up */
    json_t *data = page_data(result.output);
    assert_true(json_is_false(at(at(data, "selection"), "is_recorded")));
    json_decref(data);
}

/* ---- what is not there -----------------------------------------------------------------------
 */

static void test_nothing_measured(void **state)
{
    (void)state;
    records_make("bare.jsonl", 12);
    run_prepare("bare.jsonl", "bare");
    const lobass_report_options options = report_options(place("bare"));
    const lobass_report_result result = report_write(&options);
    json_t *data = page_data(result.output);
    assert_int_equal(number_at(data, "records"), 12);
    assert_null(json_object_get(data, "selection"));
    assert_null(json_object_get(data, "readings"));
    assert_null(json_object_get(at(at(data, "rows"), "columns"), "learnability"));
    assert_int_equal(json_array_size(at(data, "scores")), 2); /* length and random */
    json_decref(data);
}

static void test_sample(void **state)
{
    (void)state;
    run_make("many", 200);
    lobass_report_options options = report_options(place("many"));
    options.n_rows = 50;
    const lobass_report_result result = report_write(&options);
    assert_int_equal(result.n_rows, 50);
    json_t *data = page_data(result.output);
    assert_int_equal(number_at(at(data, "rows"), "count"), 50);
    assert_int_equal(json_array_size(at(at(data, "rows"), "texts")), 100);
    check_sums(data, 200, 200, 12); /* of all rows, whatever is listed */
    json_decref(data);
}

/* Every row is as likely as any other: of 40 draws of 3 of 10 none is left out or preferred. */
static void test_rows_sample(void **state)
{
    unsigned counts[10] = {0};
    lobass_error error = {0};
    (void)state;
    for (uint64_t seed = 0; seed < 4000; seed++)
    {
        uint64_t *rows = NULL;
        size_t n = 0;
        check_ok(lb_rows_sample(&rows, &n, 10, 3, seed, &error), &error);
        assert_int_equal(n, 3);
        assert_true(rows[0] < rows[1] && rows[1] < rows[2] && rows[2] < 10);
        for (size_t i = 0; i < n; i++)
        {
            counts[rows[i]]++;
        }
        free(rows);
    }
    for (size_t i = 0; i < 10; i++)
    {
        assert_in_range(counts[i], 1050, 1350); /* 1,200 expected, standard deviation 29 */
    }
}

/* ---- figures ---------------------------------------------------------------------------------
 */

static void test_histogram(void **state)
{
    double values[1000];
    const double taken[] = {0, 999, 500};
    lb_histogram histogram;
    (void)state;
    for (unsigned i = 0; i < 1000; i++)
    {
        values[i] = (double)(999 - i);
    }
    lb_histogram_make(&histogram, values, 1000, taken, 3, true);
    /* One on either side is beyond: 1 to 998 in bins of 21 whole numbers. */
    assert_true(histogram.low == 1 && histogram.width == 21);
    assert_int_equal(histogram.n_bins, 48);
    assert_int_equal(histogram.all[0], 22);
    assert_int_equal(histogram.all[1], 21);
    assert_int_equal(histogram.all[47], 1000 - 1 - 47 * 21);
    assert_int_equal(histogram.selected[0], 1);
    assert_int_equal(histogram.selected[23], 1);
    assert_int_equal(histogram.selected[47], 1);
    lb_histogram_make(&histogram, (double[]){3, 3}, 2, NULL, 0, false);
    assert_int_equal(histogram.n_bins, 1);
    assert_int_equal(histogram.all[0], 2);
}

static void test_jaccard(void **state)
{
    static const bool a[] = {true, true, false, false, true};
    static const bool b[] = {true, false, false, true, true};
    static const bool none[5] = {false};
    (void)state;
    assert_true(lb_jaccard(a, b, 5) == 0.5);
    assert_true(lb_jaccard(a, a, 5) == 1);
    assert_true(lb_jaccard(a, none, 5) == 0);
    assert_true(isnan(lb_jaccard(none, none, 5)));
}

static bool is_near(double found, double expected)
{
    return fabs(found - expected) < 1e-15;
}

static void test_drops(void **state)
{
    lobass_row_scores rows[3] = {
        {.drop_end = 0.5, .drop_first = 0.125, .drop_rest = 0.25, .has_drops = true},
        {.drop_end = 0, .drop_first = 0.375, .drop_rest = 0.5, .has_drops = true},
        {.has_drops = false}};
    lb_scores scores = {.rows = rows, .n_rows = 3};
    const lb_report report = {.scores = &scores};
    const uint64_t first = 0;
    (void)state;
    rows[0].value[LOBASS_SCORE_LEARNABILITY] = 0.875;
    rows[1].value[LOBASS_SCORE_LEARNABILITY] = 0.875;
    lb_drop_figures drops = lb_drops_compute(&report, NULL, 3, NULL);
    assert_int_equal(drops.n_rows, 2);
    assert_int_equal(drops.n_mostly_end, 1);
    assert_true(is_near(drops.learnability, 0.875) && is_near(drops.end, 0.25));
    assert_true(is_near(drops.first, 0.25) && is_near(drops.rest, 0.375));
    drops = lb_drops_compute(&report, &first, 1, NULL);
    assert_true(is_near(drops.end, 0.5) && is_near(drops.first, 0.125));
    drops = lb_drops_compute(&report, NULL, 3, (const bool[]){false, false, true});
    assert_true(drops.n_rows == 0 && isnan(drops.end));
}

/* ---- where it goes ---------------------------------------------------------------------------
 */

static void test_what_is_replaced(void **state)
{
    lobass_error error = {0};
    (void)state;
    run_make("place", 10);
    lobass_report_options options = report_options(place("place"));
    report_write(&options);
    check_refused(lobass_report_write(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "report.html", "exists already");
    options.overwrite = true;
    report_write(&options);
    file_make("mine.html", "<!doctype html>\n<html lang=\"en\">\n");
    options.output = place("mine.html");
    check_refused(lobass_report_write(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "mine.html", "is no report");
    options.output = place("data.jsonl");
    check_refused(lobass_report_write(&options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "data.jsonl", ".html");
}

static void test_broken_experiment(void **state)
{
    lobass_error error = {0};
    (void)state;
    run_make("broken", 10);
    lobass_report_options options = report_options(place("broken"));
    check_ok(lb_folder_create(place("broken/experiment"), &error), &error);
    file_make("broken/experiment/experiment.json", "{\"arms\": [");
    check_refused(lobass_report_write(&options, NULL, NULL, &error), LOBASS_BAD_FORMAT, &error,
                  "experiment.json", "byte");
    assert_int_equal(lb_path_look(place("broken/report.html")), LB_PATH_MISSING);
    file_make("broken/experiment/experiment.json", "{\"held_out\": [], \"arms\": {}}");
    check_refused(lobass_report_write(&options, NULL, NULL, &error), LOBASS_BAD_FORMAT, &error,
                  "\"arms\"", "expected a list of objects");
    file_make("broken/experiment/experiment.json", "{\"held_out\": [1]}");
    check_refused(lobass_report_write(&options, NULL, NULL, &error), LOBASS_BAD_FORMAT, &error,
                  "\"held_out\"", "something else");
    file_make("broken/experiment/experiment.json", "[]");
    check_refused(lobass_report_write(&options, NULL, NULL, &error), LOBASS_BAD_FORMAT, &error,
                  "\"held_out\"", "found none");
    assert_int_equal(lb_path_look(place("broken/report.html")), LB_PATH_MISSING);
    file_make("broken/experiment/experiment.json",
              "{\"held_out\": [], \"arms\": [{\"arm\": \"</script>\"}], \"summaries\": [], "
              "\"comparisons\": [], \"cells\": [1, 2]}");
    json_t *data = page_data(report_write(&options).output);
    assert_int_equal(json_array_size(at(at(data, "experiment"), "arms")), 1);
    assert_null(json_object_get(at(data, "experiment"), "cells"));
    json_decref(data);
    /* of rows that the run had before */
    options.overwrite = true;
    file_make("broken/experiment/experiment.json", "{\"tokenization_hash\": \"other\"}");
    data = page_data(report_write(&options).output);
    assert_null(json_object_get(data, "experiment"));
    json_decref(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_stay_text),
        cmocka_unit_test(test_data_adds_up),
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_attribution),
        cmocka_unit_test(test_drops),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_nothing_measured),
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_rows_sample),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_jaccard),
        cmocka_unit_test(test_what_is_replaced),
        cmocka_unit_test(test_broken_experiment),
    };
    return cmocka_run_group_tests(tests, run_setup, scratch_teardown);
}

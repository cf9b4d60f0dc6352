/* SPDX-License-Identifier: Apache-2.0
 *
 * The data files of a prepare: their names, what happens when they change, and standard input.
 */
#include "unit/task/run_fixture.h"

#include <unistd.h>

static void test_source_names(void **state)
{
    lobass_error error = {0};
    lobass_run *run = NULL;
    (void)state;
    check_ok(lb_folder_create(place("other"), &error), &error);
    records_make("set.jsonl", 3);
    records_make("other/set.jsonl", 2);
    const char *data[] = {place("set.jsonl"), place("other/set.jsonl"), place("set.jsonl")};
    const lobass_prepare_options options = prepare_options(data, 3, place("named"));
    check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
    check_ok(lobass_run_open(&run, place("named"), &error), &error);
    assert_string_equal(lobass_run_source_at(run, 0)->name, "set.jsonl");
    assert_string_equal(lobass_run_source_at(run, 1)->name, "set.jsonl (2)");
    assert_string_equal(lobass_run_source_at(run, 2)->name, "set.jsonl (3)");
    assert_int_equal(lobass_run_source_at(run, 1)->n_records, 2);
    assert_true(lobass_run_source_at(run, 0)->path[0] == '/');
    assert_null(lobass_run_source_at(run, 3));
    lobass_run_close(run);
}

/* Names that are not UTF-8, or would move the cursor, are spelt out and stay apart. */
static void test_odd_source_names(void **state)
{
    static const char *const names[] = {"caf\xe9.jsonl", "caf\xe8.jsonl", "caf\\xe9.jsonl",
                                        "\x1b[2J\n.jsonl", "caf\xc3\xa9.jsonl"};
    static const char *const shown[] = {"caf\\xe9.jsonl", "caf\\xe8.jsonl", "caf\\xe9.jsonl (2)",
                                        "\\x1b[2J\\x0a.jsonl", "caf\xc3\xa9.jsonl"};
    const char *data[5];
    lobass_error error = {0};
    lobass_run *run = NULL;
    (void)state;
    for (size_t i = 0; i < 5; i++)
    {
        records_make(names[i], 2);
        data[i] = lb_copy_text(place(names[i]), strlen(place(names[i])), &error);
    }
    const lobass_prepare_options options = prepare_options(data, 5, place("odd"));
    check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
    check_ok(lobass_run_open(&run, place("odd"), &error), &error);
    for (size_t i = 0; i < 5; i++)
    {
        assert_string_equal(lobass_run_source_at(run, i)->name, shown[i]);
        free((char *)data[i]);
    }
    lobass_run_close(run);
}

static void test_changed_data(void **state)
{
    const char *data[] = {place("changing.jsonl")};
    lobass_error error = {0};
    listener l = {.cancel_at = 1};
    const lobass_observer observer = listen(&l);
    (void)state;
    records_make("changing.jsonl", 600);
    const lobass_prepare_options options = prepare_options(data, 1, place("changed"));
    check_refused(lobass_prepare(&options, &observer, NULL, &error), LOBASS_CANCELLED, &error, "",
                  "");
    char *text = file_text(data[0]);
    char *spot = strstr(text, "Say 300");
    spot[0] = 's';
    file_make("changing.jsonl", text);
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "changing.jsonl:301: ", "changed since");
    spot[0] = '\0'; /* cut off within record 300 */
    file_make("changing.jsonl", text);
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "changing.jsonl:301: ", "row 300");
    free(text);
    records_make("changing.jsonl", 300);
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "ends before row 300", "changed since");
    records_make("changing.jsonl", 600);
    check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
}

/* A finished run reads a file again that was written to since. */
static void test_touched_data(void **state)
{
    const char *data[] = {place("first.jsonl"), place("touched.jsonl")};
    lobass_error error = {0};
    listener l = {0};
    const lobass_observer observer = listen(&l);
    (void)state;
    records_make("first.jsonl", 3);
    records_make("touched.jsonl", 600);
    const lobass_prepare_options options = prepare_options(data, 2, place("touched"));
    check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
    char *text = file_text(data[1]);
    lb_buffer more = {0};
    check_ok(lb_buffer_print(&more, &error, "%s\n\n", text), &error);
    file_make("touched.jsonl", more.data); /* another size, the same records */
    check_ok(lobass_prepare(&options, &observer, NULL, &error), &error);
    assert_non_null(strstr(l.last, "touched.jsonl: written to since"));
    assert_int_equal(l.n_warnings, 0);
    l.last[0] = '\0';
    check_ok(lobass_prepare(&options, &observer, NULL, &error), &error);
    assert_null(strstr(l.last, "written to since")); /* seen once, known now */
    strstr(text, "Say 300")[0] = 's';
    file_make("touched.jsonl", text); /* the same size */
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "touched.jsonl:301: ", "row 303");
    records_make("touched.jsonl", 601);
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "touched.jsonl:601: ", "not a record of the run");
    records_make("touched.jsonl", 599);
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "touched.jsonl: ends before", "row 602");
    lb_buffer_free(&more);
    free(text);
}

/* ---- standard input ---------------------------------------------------------------------------
 */

/* Runs a prepare with standard input read from a file. */
static lobass_status prepare_from(const char *file, const lobass_prepare_options *options,
                                  const lobass_observer *observer, lobass_error *error)
{
    const int saved = dup(STDIN_FILENO);
    FILE *opened = freopen(file, "r", stdin);
    assert_non_null(opened);
    const lobass_status status = lobass_prepare(options, observer, NULL, error);
    assert_true(dup2(saved, STDIN_FILENO) >= 0);
    (void)close(saved);
    return status;
}

static void test_standard_input(void **state)
{
    const char *data[] = {"-"};
    lobass_error error = {0};
    listener l = {.cancel_at = 1, .stage = "read standard input"};
    const lobass_observer observer = listen(&l);
    (void)state;
    records_make("piped.jsonl", 700);
    records_make("longer.jsonl", 701);
    file_make("nothing", "");
    const lobass_prepare_options options = prepare_options(data, 1, place("piped"));
    check_refused(prepare_from(place("piped.jsonl"), &options, &observer, &error), LOBASS_CANCELLED,
                  &error, "standard input", "nothing of it is kept");
    assert_int_equal(lb_path_look(place("piped/sources/stdin.jsonl")), LB_PATH_MISSING);
    l = (listener){.cancel_at = 1, .stage = "prepare"};
    check_refused(prepare_from(place("piped.jsonl"), &options, &observer, &error), LOBASS_CANCELLED,
                  &error, "", "");
    check_same_files(place("piped/sources/stdin.jsonl"), place("piped.jsonl"));
    check_refused(prepare_from(place("longer.jsonl"), &options, NULL, &error), LOBASS_CONFLICT,
                  &error, "standard input", "piped");
    char *text = file_text(place("piped.jsonl"));
    *strstr(text, "Say 699") = 's';
    file_make("other-byte.jsonl", text);
    free(text);
    check_refused(prepare_from(place("other-byte.jsonl"), &options, NULL, &error), LOBASS_CONFLICT,
                  &error, "standard input", "piped");
    l.n_progress = 0;
    check_refused(prepare_from(place("piped.jsonl"), &options, &observer, &error), LOBASS_CANCELLED,
                  &error, "", "");
    check_ok(prepare_from(place("nothing"), &options, NULL, &error), &error);
    (void)run_prepare("piped.jsonl", "not-piped");
    check_same_rows(place("piped"), place("not-piped"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_source_names),   cmocka_unit_test(test_odd_source_names),
        cmocka_unit_test(test_changed_data),   cmocka_unit_test(test_touched_data),
        cmocka_unit_test(test_standard_input),
    };
    return cmocka_run_group_tests(tests, run_setup, scratch_teardown);
}

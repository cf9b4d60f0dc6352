/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_exact_match() stopped on its way, or asked for what cannot be: nothing is left behind, and
 * the result can be released. What it finds is tested with the command.
 */
#include "unit/task/train_fixture.h"

static bool says_no(void *context, const lobass_progress *progress)
{
    (void)context;
    return strcmp(progress->stage, "generate") != 0;
}

static lobass_exact_match_options options_of(const fixture *f, const char *predictions)
{
    lobass_exact_match_options options = lobass_exact_match_options_default();
    options.model = f->model;
    options.data = f->data_list;
    options.n_data = 1;
    options.predictions = predictions;
    options.max_tokens = 4;
    options.n_threads = 1;
    return options;
}

static void test_stopped(void **state)
{
    const fixture *f = *state;
    char folder[PATH_SIZE];
    char predictions[PATH_SIZE];
    const lobass_observer observer = {.progress = says_no};
    lobass_exact_match_result result;
    lobass_error error = {0};
    path_print(folder, f->folder, "own");
    path_print(predictions, folder, "made.jsonl");
    check_ok(lb_folder_create(folder, &error), &error);
    text_write(f->data, "{\"question\": \"a\", \"answer\": \"#### 1\"}\n");
    const lobass_exact_match_options options = options_of(f, predictions);
    assert_int_equal(LOBASS_CANCELLED, lobass_exact_match(&options, &observer, &result, &error));
    lobass_exact_match_result_free(&result);
    assert_int_equal(0, rmdir(folder)); /* it is empty */
    check_ok(lb_folder_create(folder, &error), &error);
    check_ok(lobass_exact_match(&options, NULL, &result, &error), &error);
    assert_int_equal(1, result.n_sources);
    assert_int_equal(1, result.total.n_answers);
    assert_string_equal("data.jsonl", result.sources[0].name);
    assert_int_equal(LB_PATH_FILE, lb_path_look(predictions));
    lobass_exact_match_result_free(&result);
}

static void test_refused(void **state)
{
    const fixture *f = *state;
    lobass_exact_match_result result;
    lobass_error error = {0};
    lobass_exact_match_options options = options_of(f, NULL);
    options.n_data = 0;
    check_refused(lobass_exact_match(&options, NULL, &result, &error), LOBASS_BAD_ARGUMENT, &error,
                  "a model and", "a data file");
    lobass_exact_match_result_free(&result);
    options = options_of(f, "/nowhere/made.jsonl");
    check_refused(lobass_exact_match(&options, NULL, &result, &error), LOBASS_NOT_FOUND, &error,
                  "/nowhere/made.jsonl", "No such file");
    lobass_exact_match_result_free(&result);
    const char *const missing[] = {f->data, "/nowhere/data.jsonl"}; /* before anything is written */
    options = options_of(f, NULL);
    options.data = missing;
    options.n_data = 2;
    check_refused(lobass_exact_match(&options, NULL, &result, &error), LOBASS_NOT_FOUND, &error,
                  "/nowhere/data.jsonl", "No such file");
    lobass_exact_match_result_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}

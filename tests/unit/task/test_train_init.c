/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass_init: the folder it makes is whole, says what it holds, depends on the seed alone, and is
 * not made where it cannot work.
 */
#include "unit/task/train_fixture.h"

static void test_folder_is_whole(void **state)
{
    const fixture *f = *state;
    char path[PATH_SIZE + 32];
    lobass_error error = {0};
    lobass_model_info info;
    lobass_tokenizer *tokenizer = NULL;
    json_t *config = NULL;
    check_ok(lobass_model_describe(f->model, &info, &error), &error);
    assert_string_equal(info.architecture, "LlamaForCausalLM");
    assert_string_equal(info.dtype, "BF16");
    assert_int_equal(info.n_vocabulary, 512);
    assert_int_equal(info.n_layers, 2);
    (void)snprintf(path, sizeof path, "%s/config.json", f->model);
    check_ok(lb_json_load(&config, path, &error), &error);
    assert_string_equal(json_string_value(json_object_get(config, "torch_dtype")), "bfloat16");
    json_decref(config);
    check_ok(lobass_tokenizer_load(&tokenizer, f->model, &error), &error);
    assert_int_equal(lobass_tokenizer_count(tokenizer), 512);
    lobass_tokenizer_free(tokenizer);
    (void)snprintf(path, sizeof path, "%s.init.partial", f->model);
    assert_int_equal(lb_path_look(path), LB_PATH_MISSING);
}

static void test_seed_decides(void **state)
{
    const fixture *f = *state;
    char same[PATH_SIZE];
    char other[PATH_SIZE];
    lobass_error error = {0};
    lobass_model_info info;
    lobass_model_info other_info;
    path_print(same, f->folder, "same");
    path_print(other, f->folder, "other");
    /* A folder does as well as a file. */
    check_ok(lobass_init(f->model, f->model, same, 7, false, &error), &error);
    check_ok(lobass_init(f->model, f->model, other, 8, false, &error), &error);
    check_same_file(f->model, same, "model.safetensors");
    check_same_file(f->model, same, "tokenizer.json");
    check_ok(lobass_model_describe(same, &info, &error), &error);
    check_ok(lobass_model_describe(other, &other_info, &error), &error);
    assert_string_not_equal(info.fingerprint, other_info.fingerprint);
}

static void test_existing_output_is_refused(void **state)
{
    const fixture *f = *state;
    lobass_error error = {0};
    check_refused(lobass_init(f->config, FIXTURE_TOKENIZER, f->model, 7, false, &error),
                  LOBASS_CONFLICT, &error, f->model, "exists already");
    /* Before anything else is looked at. */
    check_refused(lobass_init("/nowhere", FIXTURE_TOKENIZER, f->model, 7, false, &error),
                  LOBASS_CONFLICT, &error, f->model, "exists already");
    check_ok(lobass_init(f->config, FIXTURE_TOKENIZER, f->model, 9, true, &error), &error);
}

/* What a killed process left is taken over; what is somebody's own stays. */
static void test_staging_is_taken_over(void **state)
{
    const fixture *f = *state;
    char staging[PATH_SIZE + 32];
    char model[PATH_SIZE + 64];
    char own[PATH_SIZE + 64];
    lobass_error error = {0};
    (void)snprintf(staging, sizeof staging, "%s.init.partial", f->output);
    (void)snprintf(model, sizeof model, "%s/model", staging);
    (void)snprintf(own, sizeof own, "%s/own", staging);
    check_ok(lb_folder_create(model, &error), &error);
    check_ok(lobass_init(f->config, FIXTURE_TOKENIZER, f->output, 7, false, &error), &error);
    check_same_file(f->model, f->output, "model.safetensors");
    assert_int_equal(lb_path_look(staging), LB_PATH_MISSING);
    check_ok(lb_folder_create(own, &error), &error);
    check_ok(lobass_init(f->config, FIXTURE_TOKENIZER, f->output, 7, true, &error), &error);
    assert_int_equal(lb_path_look(own), LB_PATH_FOLDER);
    lb_lock lock = {0};
    (void)snprintf(own, sizeof own, "%s/lock", staging);
    check_ok(lb_lock_acquire(&lock, own, &error), &error);
    check_refused(lobass_init(f->config, FIXTURE_TOKENIZER, f->output, 7, true, &error),
                  LOBASS_CONFLICT, &error, own, "in use");
    lb_lock_release(&lock);
    /* -f does not remove what the command reads. */
    check_refused(lobass_init(f->model, FIXTURE_TOKENIZER, f->model, 7, true, &error),
                  LOBASS_CONFLICT, &error, f->model, "reads");
}

static void test_small_vocabulary_is_refused(void **state)
{
    const fixture *f = *state;
    lobass_error error = {0};
    config_write(f, 511);
    check_refused(lobass_init(f->config, FIXTURE_TOKENIZER, f->output, 7, false, &error),
                  LOBASS_BAD_ARGUMENT, &error, f->config, "expected at least 512");
    assert_int_equal(lb_path_look(f->output), LB_PATH_MISSING);
}

static void test_missing_files_are_named(void **state)
{
    const fixture *f = *state;
    lobass_error error = {0};
    check_refused(
        lobass_init("/nowhere/config.json", FIXTURE_TOKENIZER, f->output, 7, false, &error),
        LOBASS_NOT_FOUND, &error, "/nowhere/config.json", "");
    check_refused(lobass_init(f->config, "/nowhere/tokenizer.json", f->output, 7, false, &error),
                  LOBASS_NOT_FOUND, &error, "/nowhere/tokenizer.json", "");
    assert_int_equal(lb_path_look(f->output), LB_PATH_MISSING);
}

#define INIT_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        INIT_TEST(test_folder_is_whole),
        INIT_TEST(test_seed_decides),
        INIT_TEST(test_existing_output_is_refused),
        INIT_TEST(test_staging_is_taken_over),
        INIT_TEST(test_small_vocabulary_is_refused),
        INIT_TEST(test_missing_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

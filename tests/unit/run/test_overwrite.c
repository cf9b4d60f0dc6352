/* SPDX-License-Identifier: Apache-2.0
 *
 * What is a run's or a model's is not written over, by whatever name it is reached; what stands
 * beside it is; a folder is replaced where it is a model's and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "run/run.h"
#include "unit/base/scratch.h"

static void put(const char *name)
{
    char *parent = lb_path_parent(scratch_path(name), NULL);
    assert_non_null(parent);
    assert_int_equal(lb_folder_create(parent, NULL), LOBASS_OK);
    assert_int_equal(lb_file_write(scratch_path(name), "x", 1, true, NULL), LOBASS_OK);
    free(parent);
}

static void test_owned_names(void **state)
{
    static const char *const owned[] = {"run.db",        "run.db-wal",
                                        "run.db.backup", "selected.jsonl",
                                        "report.html",   "reference/model.safetensors",
                                        "reference.old", "reference.partial/checkpoint",
                                        "tokenizer",     "sources/stdin",
                                        "experiment/a"};
    static const char *const others[] = {"",         "run",          "selected.jsonl.gz",
                                         "my.jsonl", "tokenizers/a", "report"};
    (void)state;
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
    {
        if (!lb_run_owns(owned[i]))
        {
            fail_msg("%s is the run's", owned[i]);
        }
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    {
        if (lb_run_owns(others[i]))
        {
            fail_msg("%s is not the run's", others[i]);
        }
    }
}

static void check_file(const char *name, const char *refusal)
{
    lobass_error error = {0};
    const lobass_status status = lb_output_path_check(scratch_path(name), &error);
    if (status != (refusal == NULL ? LOBASS_OK : LOBASS_CONFLICT) ||
        (refusal != NULL && strstr(error.message, refusal) == NULL))
    {
        fail_msg("%s: status %d, \"%s\"", name, (int)status, error.message);
    }
}

static void test_files(void **state)
{
    (void)state;
    put("run/run.db");
    put("run/selected.jsonl");
    put("run/reference/config.json");
    put("model/config.json");
    put("adapter/adapter_config.json");
    put("plain/tokenizer.json");
    assert_int_equal(lb_folder_create(scratch_path("run/own"), NULL), LOBASS_OK);
    assert_int_equal(symlink("run/selected.jsonl", scratch_path("link")), 0);
    assert_int_equal(symlink("model", scratch_path("other")), 0);
    check_file("run/selected.jsonl", "belongs to the run");
    check_file("run/report.html", "belongs to the run"); /* not there yet */
    check_file("run/own/../run.db", "belongs to the run");
    check_file("link", "belongs to the run");
    check_file("run/reference/config.json", "belongs to the model");
    check_file("model/model-00001-of-00002.safetensors", "belongs to the model");
    check_file("other/tokenizer.json", "belongs to the model");
    check_file("adapter/adapter_model.safetensors", "belongs to the model");
    check_file("run/my.jsonl", NULL);
    check_file("run/own/selected.jsonl", NULL);
    check_file("model/notes.txt", NULL);
    check_file("model/own/config.json", NULL);
    check_file("plain/tokenizer.json", NULL);
    check_file("none/at/all", NULL);
}

static void check_folder(const char *name, const char *read, const char *refusal)
{
    lobass_error error = {0};
    const char *const all[] = {NULL, read};
    const lobass_status status = lb_model_folder_check(scratch_path(name), all, 2, &error);
    if (status != (refusal == NULL ? LOBASS_OK : LOBASS_CONFLICT) ||
        (refusal != NULL && strstr(error.message, refusal) == NULL))
    {
        fail_msg("%s: status %d, \"%s\"", name, (int)status, error.message);
    }
}

static void test_folders(void **state)
{
    (void)state;
    put("run2/run.db");
    put("run2/reference/config.json");
    put("run2/tokenizer/config.json");
    put("model2/adapter_config.json");
    put("model2/weights");
    put("home/letter");
    put("deep/config.json");
    put("deep/within/file");
    assert_int_equal(lb_folder_create(scratch_path("empty"), NULL), LOBASS_OK);
    check_folder("model2", NULL, NULL);
    check_folder("empty", NULL, NULL);
    check_folder("run2/reference", NULL, NULL);
    check_folder("run2/tokenizer", NULL, "belongs to the run");
    check_folder("home", NULL, "holds files and no config.json");
    check_folder("deep", NULL, "holds \"within\", which is no plain file");
    check_folder("model2", scratch_path("model2/weights"), "this command reads");
    check_folder("model2", scratch_path("home/letter"), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owned_names),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_folders),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

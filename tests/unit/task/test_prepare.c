/* SPDX-License-Identifier: Apache-2.0
 *
 * Records become rows: counts, duplicates, bad records; a prepare that was
 * stopped ends as one that was not; what is not the same run is refused; nothing foreign is
 * removed.
 */
#include "unit/task/run_fixture.h"

static const char mixed[] = "{\"instruction\": \"a\", \"output\": \"b c\"}\n"
                            "{\"instruction\": \"a\", \"output\": null}\n"
                            "\n"
                            "{\"instruction\": \"a\", \"output\": \"\"}\n"
                            "{\"instruction\":  \"a\", \"output\": \"b c\"}\n"
                            "not json\n"
                            "{\"text\": \"plain words\"}\n";

static void test_statuses(void **state)
{
    listener l = {0};
    const lobass_observer observer = listen(&l);
    lobass_prepare_result result;
    lobass_error error = {0};
    lobass_run *run = NULL;
    lobass_run_info info;
    lobass_row row;
    (void)state;
    file_make("mixed.jsonl", mixed);
    const char *data[] = {place("mixed.jsonl")};
    lobass_prepare_options options = prepare_options(data, 1, place("mixed"));
    options.format.mark_duplicates = true;
    check_ok(lobass_prepare(&options, &observer, &result, &error), &error);
    assert_int_equal(result.n_records, 6);
    assert_int_equal(result.statuses[LOBASS_ROW_OK], 2);
    assert_int_equal(result.statuses[LOBASS_ROW_BAD_RECORD], 2);
    assert_int_equal(result.statuses[LOBASS_ROW_EMPTY_RESPONSE], 1);
    assert_int_equal(result.statuses[LOBASS_ROW_DUPLICATE], 1);
    assert_int_equal(l.n_warnings, 2);
    check_ok(lobass_run_open(&run, place("mixed"), &error), &error);
    check_ok(lobass_run_describe(run, &info, &error), &error);
    assert_true(info.is_prepared);
    assert_string_equal(info.template_name, "plain");
    assert_int_equal(info.n_records, 6);
    assert_int_equal(info.n_scored_tokens, result.n_scored_tokens);
    assert_int_equal(info.statuses[LOBASS_ROW_DUPLICATE], 1);
    check_ok(lobass_run_row(run, 3, &row, &error), &error);
    assert_int_equal(row.status, LOBASS_ROW_DUPLICATE);
    assert_string_equal(row.reason, "the same tokens as row 0");
    /* It is not measured: nothing of it is scored. */
    assert_int_equal(row.n_scored, 0);
    for (size_t i = 0; i < row.n_tokens; i++)
    {
        assert_int_equal(row.flags[i] & LOBASS_TOKEN_SCORED, 0);
    }
    assert_true(row.n_tokens > 0);
    assert_int_equal(row.line, 5);
    check_ok(lobass_run_row(run, 4, &row, &error), &error);
    assert_int_equal(row.status, LOBASS_ROW_BAD_RECORD);
    assert_int_equal(row.line, 6);
    assert_int_equal(row.record, 4);
    assert_true(row.reason != NULL && strlen(row.reason) > 0);
    lobass_run_close(run);
}

static void test_strict(void **state)
{
    lobass_error error = {0};
    (void)state;
    file_make("strict.jsonl", mixed);
    const char *data[] = {place("strict.jsonl")};
    lobass_prepare_options options = prepare_options(data, 1, place("strict"));
    options.format.is_strict = true;
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_BAD_FORMAT, &error,
                  "strict.jsonl:2: ", "output");
    /* What it left must not stand in the way of another command. */
    assert_int_equal(lb_path_look(place("strict/run.db")), LB_PATH_MISSING);
    options.format.is_strict = false;
    check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
    /* A finished run with a bad record is refused just the same. */
    options.format.is_strict = true;
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_BAD_FORMAT, &error,
                  "strict.jsonl:2: ", "output");
    assert_int_equal(lb_path_look(place("strict/run.db")), LB_PATH_FILE);
}

/* A failed first prepare of an array that is cut off; the corrected command names another file. */
static void test_failed_first(void **state)
{
    lobass_error error = {0};
    (void)state;
    file_make("cut.json", "[{\"instruction\": \"a\", \"output\": \"b\"}, {\"instr");
    records_make("uncut.jsonl", 2);
    const char *data[] = {place("cut.json")};
    lobass_prepare_options options = prepare_options(data, 1, place("first"));
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_BAD_FORMAT, &error,
                  "cut.json", "");
    data[0] = place("uncut.jsonl");
    check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
    /* A run that stood before stays. */
    data[0] = place("cut.json");
    assert_int_not_equal(lobass_prepare(&options, NULL, NULL, &error), LOBASS_OK);
    assert_int_equal(lb_path_look(place("first/run.db")), LB_PATH_FILE);
}

/* Another model with the same tokenizer, whose end token or vocabulary differs. */
static void test_other_model(void **state)
{
    lobass_error error = {0};
    (void)state;
    records_make("om.jsonl", 3);
    const char *data[] = {place("om.jsonl")};
    lobass_prepare_options options = prepare_options(data, 1, place("om"));
    check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
    model_make_as("wider", 7, 640);
    options.model = place("wider");
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "\"n_vocabulary\": 512", "640");
    options.model = place("model");
    lb_store *store = NULL;
    check_ok(lb_store_open(&store, options.run, LB_STORE_WRITE, &error), &error);
    check_ok(lb_store_fact_save(store, LB_FACT_EOS, "77", &error), &error);
    lb_store_close(store);
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "\"eos\": 77", "-f");
}

static void test_own_input(void **state)
{
    lobass_error error = {0};
    (void)state;
    records_make("own.jsonl", 3);
    const char *data[] = {place("own.jsonl")};
    lobass_prepare_options options = prepare_options(data, 1, place("own"));
    check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
    records_make("own/selected.jsonl", 2);
    data[0] = place("own/selected.jsonl");
    options.overwrite = true;
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "own/selected.jsonl", "overwritten");
    assert_int_equal(lb_path_look(place("own/selected.jsonl")), LB_PATH_FILE);
    model_make_as("own/reference", 7, 512);
    data[0] = place("own.jsonl");
    options.model = place("own/reference");
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "own/reference", "overwritten");
    assert_int_equal(lb_path_look(place("own/reference/config.json")), LB_PATH_FILE);
    assert_int_equal(lb_path_look(place("own/run.db")), LB_PATH_FILE);
}

static void test_many_bad_records(void **state)
{
    listener l = {0};
    const lobass_observer observer = listen(&l);
    lb_buffer text = {0};
    lobass_error error = {0};
    (void)state;
    for (int i = 0; i < 25; i++)
    {
        check_ok(lb_buffer_append_text(&text, "{}\n", &error), &error);
    }
    check_ok(lb_buffer_append_text(&text, "{\"text\": \"words\"}\n", &error), &error);
    file_make("bad.jsonl", text.data);
    lb_buffer_free(&text);
    const char *data[] = {place("bad.jsonl")};
    const lobass_prepare_options options = prepare_options(data, 1, place("bad"));
    check_ok(lobass_prepare(&options, &observer, NULL, &error), &error);
    assert_int_equal(l.n_warnings, 11);
    assert_non_null(strstr(l.last, "25 bad records"));
}

static void test_tokenizer_is_kept(void **state)
{
    const lobass_tokenizer *tokenizer = NULL;
    lobass_error error = {0};
    lobass_run *run = NULL;
    (void)state;
    records_make("kept.jsonl", 3);
    (void)run_prepare("kept.jsonl", "kept");
    check_same_files(place("kept/tokenizer/tokenizer.json"), place("model/tokenizer.json"));
    check_same_files(place("kept/tokenizer/config.json"), place("model/config.json"));
    check_ok(lobass_run_open(&run, place("kept"), &error), &error);
    check_ok(lobass_run_tokenizer(&tokenizer, run, &error), &error);
    assert_true(lobass_tokenizer_count(tokenizer) > 256);
    lobass_run_close(run);
}

/* ---- stopped and taken up again ---------------------------------------------------------------
 */

static lobass_prepare_options two_files(const char *const *data, const char *run)
{
    lobass_prepare_options options = prepare_options(data, 2, run);
    options.format.mark_duplicates = true;
    return options;
}

static void test_resume(void **state)
{
    const char *data[] = {place("long.jsonl"), place("short.jsonl")};
    lobass_prepare_result whole;
    lobass_prepare_result result;
    lobass_error error = {0};
    (void)state;
    records_make("long.jsonl", 1300);
    records_make("short.jsonl", 40); /* duplicates of the first records of the other */
    lobass_prepare_options options = two_files(data, place("whole"));
    check_ok(lobass_prepare(&options, NULL, &whole, &error), &error);
    assert_int_equal(whole.n_records, 1340);
    assert_int_equal(whole.statuses[LOBASS_ROW_DUPLICATE], 40);
    options = two_files(data, place("stopped"));
    listener l = {.cancel_at = 1};
    const lobass_observer observer = listen(&l);
    check_refused(lobass_prepare(&options, &observer, NULL, &error), LOBASS_CANCELLED, &error,
                  "prepare", "512 records");
    /* Readers see an unfinished run. */
    lobass_run *run = NULL;
    lobass_run_info info;
    check_ok(lobass_run_open(&run, place("stopped"), &error), &error);
    check_ok(lobass_run_describe(run, &info, &error), &error);
    assert_false(info.is_prepared);
    assert_int_equal(info.n_records, 512);
    lobass_run_close(run);
    options.n_threads = 1;
    check_ok(lobass_prepare(&options, NULL, &result, &error), &error);
    assert_memory_equal(result.statuses, whole.statuses, sizeof whole.statuses);
    assert_int_equal(result.n_tokens, whole.n_tokens);
    check_same_rows(place("whole"), place("stopped"));
    /* Once more: nothing to do, the data need not even be there. */
    assert_int_equal(unlink(place("long.jsonl")), 0);
    check_ok(lobass_prepare(&options, NULL, &result, &error), &error);
    assert_int_equal(result.n_records, 1340);
}

/* A source that was read to its end is not taken for what it was without a look. */
static void test_source_changed_while_stopped(void **state)
{
    const char *data[] = {place("done.jsonl"), place("waiting.jsonl")};
    lobass_prepare_result result;
    lobass_error error = {0};
    (void)state;
    records_make("done.jsonl", 100);
    records_make("waiting.jsonl", 700);
    const lobass_prepare_options options = two_files(data, place("changed"));
    listener l = {.cancel_at = 1};
    const lobass_observer observer = listen(&l);
    check_refused(lobass_prepare(&options, &observer, NULL, &error), LOBASS_CANCELLED, &error,
                  "prepare", "100 records");
    records_make("done.jsonl", 101);
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "done.jsonl:101", "changed since");
    records_make("done.jsonl", 99);
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "done.jsonl", "ends before");
    records_make("done.jsonl", 100);
    check_ok(lobass_prepare(&options, NULL, &result, &error), &error);
    assert_int_equal(result.n_records, 800);
}

/* A run is not given up for data that hold nothing. */
static void test_overwritten_for_something(void **state)
{
    const char *data[] = {place("some.jsonl")};
    lobass_prepare_result result;
    lobass_error error = {0};
    (void)state;
    records_make("some.jsonl", 10);
    file_make("nothing.jsonl", "\n");
    file_make("cut-off.json", "[{\"instr");
    lobass_prepare_options options = prepare_options(data, 1, place("not-given-up"));
    check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
    options.overwrite = true;
    data[0] = place("nothing.jsonl");
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_BAD_FORMAT, &error,
                  "nothing.jsonl", "no record");
    assert_int_equal(lb_path_look(place("not-given-up/run.db")), LB_PATH_FILE);
    data[0] = place("cut-off.json");
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_BAD_FORMAT, &error,
                  "cut-off.json", "");
    assert_int_equal(lb_path_look(place("not-given-up/run.db")), LB_PATH_FILE);
    data[0] = place("some.jsonl");
    options.overwrite = false;
    check_ok(lobass_prepare(&options, NULL, &result, &error), &error);
    assert_int_equal(result.n_records, 10);
}

/* What a failed prepare made is gone, and nothing else. */
static void test_failure_leaves_nothing(void **state)
{
    const char *data[] = {place("one-bad.jsonl")};
    lobass_error error = {0};
    (void)state;
    file_make("one-bad.jsonl", "{\"instruction\": \"a\", \"output\": \"b\"}\n{\"x\": 1}\n");
    lobass_prepare_options options = prepare_options(data, 1, place("strict-new"));
    options.format.is_strict = true;
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_BAD_FORMAT, &error,
                  "one-bad.jsonl:2", "");
    assert_int_equal(lb_path_look(place("strict-new")), LB_PATH_MISSING);
    check_ok(lb_folder_create(place("strict-old"), &error), &error);
    options.run = place("strict-old");
    assert_int_equal(lobass_prepare(&options, NULL, NULL, &error), LOBASS_BAD_FORMAT);
    assert_int_equal(lb_path_look(place("strict-old")), LB_PATH_FOLDER);
    assert_int_equal(lb_path_look(place("strict-old/run.db")), LB_PATH_MISSING);
}

/* Batches of several sources are read, frozen and stored side by side: the order stays. */
static void test_threads(void **state)
{
    const char *data[] = {place("wide.jsonl"), place("none.jsonl"), place("narrow.jsonl")};
    const unsigned n_threads[] = {1, 2, 5};
    const char *const runs[] = {"threads1", "threads2", "threads5"};
    lobass_error error = {0};
    (void)state;
    records_make("wide.jsonl", 2100);
    file_make("none.jsonl", "\n");
    records_make("narrow.jsonl", 70);
    for (size_t i = 0; i < 3; i++)
    {
        lobass_prepare_options options = prepare_options(data, 3, place(runs[i]));
        options.format.mark_duplicates = true;
        options.n_threads = n_threads[i];
        /* Stopped after the first batch and gone on with. */
        listener l = {.cancel_at = 1};
        const lobass_observer observer = listen(&l);
        check_refused(lobass_prepare(&options, &observer, NULL, &error), LOBASS_CANCELLED, &error,
                      "prepare", "records");
        check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
        check_same_rows(place("threads1"), place(runs[i]));
    }
    lobass_run *run = NULL;
    lobass_row row;
    check_ok(lobass_run_open(&run, place("threads5"), &error), &error);
    for (uint64_t i = 0; i < 2170; i++)
    {
        check_ok(lobass_run_row(run, i, &row, &error), &error);
        assert_int_equal(row.source, i < 2100 ? 0 : 2);
        assert_int_equal(row.record, i < 2100 ? i : i - 2100);
    }
    lobass_run_close(run);
}

/* A file that breaks in its fifth batch: what came before it is kept, once it is known. */
static void test_broken_late(void **state)
{
    lb_buffer text = {0};
    lobass_error error = {0};
    uint64_t count = 0;
    lb_store *store = NULL;
    (void)state;
    check_ok(lb_buffer_append_text(&text, "[", &error), &error);
    for (int i = 0; i < 4 * 512 + 9; i++)
    {
        check_ok(lb_buffer_append_text(&text, "{\"text\": \"words\"},\n", &error), &error);
    }
    check_ok(lb_buffer_append_text(&text, "{}", &error), &error);
    file_make("late.json", text.data);
    lb_buffer_free(&text);
    const char *data[] = {place("late.json")};
    const lobass_prepare_options options = prepare_options(data, 1, place("late"));
    listener l = {.cancel_at = 1};
    const lobass_observer observer = listen(&l);
    check_refused(lobass_prepare(&options, &observer, NULL, &error), LOBASS_CANCELLED, &error, "",
                  "");
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_BAD_FORMAT, &error,
                  "late.json:2058", "found the end of the file");
    check_ok(lb_store_open(&store, options.run, LB_STORE_READ, &error), &error);
    check_ok(lb_store_row_count(&count, store, &error), &error);
    assert_int_equal(count, 4 * 512);
    lb_store_close(store);
}

/* ---- refusals ---------------------------------------------------------------------------------
 */

static void test_other_options(void **state)
{
    const char *data[] = {place("opt.jsonl"), place("opt2.jsonl")};
    lobass_error error = {0};
    (void)state;
    records_make("opt.jsonl", 5);
    records_make("opt2.jsonl", 5);
    lobass_prepare_options options = prepare_options(data, 1, place("opt"));
    check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
    lobass_prepare_options other = options;
    other.format.template_name = "alpaca";
    check_refused(lobass_prepare(&other, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "\"template\": \"plain\", now \"alpaca\"", "-f");
    other = options;
    other.format.eos = LOBASS_EOS_SKIP;
    check_refused(lobass_prepare(&other, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "\"eos\": \"count\", now \"skip\"", "opt");
    other = options;
    other.format.max_length = 50;
    check_refused(lobass_prepare(&other, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "\"max_length\": 96, now 50", "opt");
    other = options;
    other.n_data = 2;
    check_refused(lobass_prepare(&other, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "data file 2", "opt2.jsonl");
    other = options;
    other.data = data + 1;
    check_refused(lobass_prepare(&other, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "data file 1", "opt2.jsonl");
    /* The same folder, told to overwrite. */
    other.overwrite = true;
    other.format.eos = LOBASS_EOS_SKIP;
    check_ok(lobass_prepare(&other, NULL, NULL, &error), &error);
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error, "eos", "");
}

static void test_bad_arguments(void **state)
{
    const char *data[] = {place("none.jsonl")};
    const char *twice[] = {"-", "-"};
    lobass_error error = {0};
    (void)state;
    lobass_prepare_options options = prepare_options(data, 1, place("unmade"));
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_NOT_FOUND, &error,
                  "none.jsonl", "open");
    options.n_data = 0;
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error, "data",
                  "");
    options = prepare_options(twice, 2, place("unmade"));
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "standard input", "2 times");
    records_make("few.jsonl", 2);
    data[0] = place("few.jsonl");
    options = prepare_options(data, 1, place("unmade"));
    options.format.template_name = "chat";
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_NOT_FOUND, &error,
                  "no chat template", "chat_template.jinja");
    options = prepare_options(data, 1, place("unmade"));
    options.format.max_length = 1;
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "max_length", "found 1");
    /* None of these left anything behind. */
    assert_int_equal(lb_path_look(place("unmade")), LB_PATH_MISSING);
}

static void test_no_records(void **state)
{
    const char *data[] = {place("empty.jsonl")};
    lobass_error error = {0};
    (void)state;
    file_make("empty.jsonl", "\n\n");
    const lobass_prepare_options options = prepare_options(data, 1, place("empty"));
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_BAD_FORMAT, &error,
                  "empty.jsonl", "no record");
    /* The way is free for the corrected file. */
    records_make("empty.jsonl", 2);
    check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
}

static void test_foreign_folders(void **state)
{
    const char *data[] = {place("f.jsonl")};
    lobass_error error = {0};
    (void)state;
    records_make("f.jsonl", 2);
    check_ok(lb_folder_create(place("thesis"), &error), &error);
    file_make("thesis/chapter.txt", "years of work");
    lobass_prepare_options options = prepare_options(data, 1, place("thesis"));
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error, "thesis",
                  "chapter.txt");
    options.overwrite = true;
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error, "thesis",
                  "chapter.txt");
    assert_int_equal(scratch_count(place("thesis")), 1);
    options.run = place("f.jsonl");
    check_refused(lobass_prepare(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error, "f.jsonl",
                  "folder");
    /* A file of somebody's in a run survives its overwriting. */
    options = prepare_options(data, 1, place("mine"));
    check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
    file_make("mine/notes.txt", "keep");
    file_make("mine/selected.jsonl", "old");
    options.overwrite = true;
    check_ok(lobass_prepare(&options, NULL, NULL, &error), &error);
    check_file(place("mine/notes.txt"), "keep");
    assert_int_equal(lb_path_look(place("mine/selected.jsonl")), LB_PATH_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_first),
        cmocka_unit_test(test_other_model),
        cmocka_unit_test(test_own_input),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_many_bad_records),
        cmocka_unit_test(test_tokenizer_is_kept),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_other_options),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_no_records),
        cmocka_unit_test(test_foreign_folders),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_source_changed_while_stopped),
        cmocka_unit_test(test_overwritten_for_something),
        cmocka_unit_test(test_failure_leaves_nothing),
        cmocka_unit_test(test_broken_late),
    };
    return cmocka_run_group_tests(tests, run_setup, scratch_teardown);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What a selection writes: the records' own bytes in every shape of source, the table of scores,
 * the manifest; and what it refuses: data that changed, files in the way.
 */
#include "unit/selection/select_fixture.h"

/* A run of the data file NAME holding TEXT, measured. */
static const char *measured(const char *name, const char *text, const char *run)
{
    file_make(name, text);
    (void)run_prepare(name, run);
    losses_put(place(run), "initial", initial);
    losses_put(place(run), "reference", reference);
    return place(run);
}

#define R0 "{\"instruction\":  \"a\", \"output\": \"\\u00e9\\/\", \"x\": 1.50}"
#define R1 "{\"output\": \"b c\", \"instruction\": \"a\" }"
#define R2 "{\"instruction\": \"a\",\"output\":\"\xc3\xa9 d\"}"
#define R3 "{\"text\": \"plain\"}"

static void test_json_lines(void **state)
{
    (void)state;
    const char *run = measured("l.jsonl", R0 "\n" R1 "\r\n\n  " R2 "  \n" R3, "lines");
    lobass_select_options options = select_options(run, 2);
    const lobass_select_result result = selected(&options);
    assert_int_equal(result.n_selected, 2);
    assert_int_equal(result.n_records, 4);
    assert_int_equal(result.statuses[LOBASS_ROW_OK], 4);
    assert_true(result.cut == 0.5);
    assert_int_equal(result.direction, LOBASS_DIRECTION_HIGHEST);
    assert_string_equal(result.output, place("lines/selected.jsonl"));
    char *text = file_text(result.output);
    /* Blanks around a record in its line are no part of a value: either way is faithful. */
    assert_non_null(strstr(text, R0 "\n"));
    assert_non_null(strstr(text, R2));
    assert_true(strstr(text, R0) < strstr(text, R2));
    free(text);
    options.spec.amount.value = 4;
    (void)selected(&options);
    text = file_text(place("lines/selected.jsonl"));
    assert_non_null(strstr(text, R1 "\n"));
    assert_non_null(strstr(text, R3 "\n"));
    free(text);
}

#define PRETTY0 "{\n    \"instruction\": \"a\",\r\n    \"output\": \"b\\nc\"\n  }"
#define FOLDED0 "{     \"instruction\": \"a\",      \"output\": \"b\\nc\"   }"

static void test_pretty_json(void **state)
{
    (void)state;
    const char *run =
        measured("p.json", "[\n  " PRETTY0 ",\n  " R1 "  ,  " R2 "\n, " R3 "]\n", "pretty");
    lobass_select_options options = select_options(run, 3);
    (void)selected(&options);
    check_file(place("pretty/selected.jsonl"), FOLDED0 "\n" R2 "\n" R3 "\n");
    options.output = place("out.json");
    (void)selected(&options);
    check_file(options.output, "[\n" PRETTY0 ",\n" R2 ",\n" R3 "\n]\n");
    /* Ranked: 2, 0, 3. */
    options.spec.is_ranked = true;
    options.overwrite = true;
    (void)selected(&options);
    check_file(options.output, "[\n" R2 ",\n" PRETTY0 ",\n" R3 "\n]\n");
    options.output = NULL;
    (void)selected(&options);
    check_file(place("pretty/selected.jsonl"), R2 "\n" FOLDED0 "\n" R3 "\n");
}

static void test_several_sources(void **state)
{
    lobass_error error = {0};
    (void)state;
    file_make("s1.jsonl", R0 "\n" R1 "\n");
    file_make("s2.json", "[" R2 ", " R3 "]");
    const char *data[] = {place("s1.jsonl"), place("s2.json")};
    const lobass_prepare_options prepare = prepare_options(data, 2, place("several"));
    check_ok(lobass_prepare(&prepare, NULL, NULL, &error), &error);
    losses_put(place("several"), "initial", initial);
    losses_put(place("several"), "reference", reference);
    const lobass_select_options options = select_options(place("several"), 2);
    (void)selected(&options);
    check_file(place("several/selected.jsonl"), R0 "\n" R2 "\n");
    char *table = file_text(place("several/scores.jsonl"));
    assert_non_null(strstr(table, "{\"row\": 2, \"source\": \"s2.json\", \"record\": 0, "));
    assert_non_null(strstr(table, "{\"row\": 1, \"source\": \"s1.jsonl\", \"record\": 1, "));
    free(table);
}

/* ---- the table --------------------------------------------------------------------------------
 */

static bool collect(void *context, const char *data, size_t size_bytes)
{
    return lb_buffer_append(context, data, size_bytes, NULL) == LOBASS_OK;
}

static bool refuse(void *context, const char *data, size_t size_bytes)
{
    (void)context;
    (void)data;
    return size_bytes == 0;
}

static void test_table(void **state)
{
    static const char head[] =
        "row,source,record,status,n_tokens,initial_loss,reference_loss,learnability,drop_end,"
        "drop_first,drop_rest,rho_sum,rho_mean,ppl,ifd_loss,ifd_ppl,el2n,random,rank,selected,"
        "reason\n"
        "0,\"a \"\"b\"\", c.jsonl\",0,ok,";
    static const double uneven[] = {2, 0.5, 0.0001, 0};
    static const double after[] = {1.5, 1, 0.0001, 0};
    lobass_error error = {0};
    lobass_run *run = NULL;
    lb_buffer text = {0};
    lb_buffer before = {0};
    (void)state;
    file_make("a \"b\", c.jsonl", R1 "\n" R1 " \n" R1 "  \nbroken,\n");
    (void)run_prepare("a \"b\", c.jsonl", "table");
    losses_put(place("table"), "initial", uneven);
    check_ok(lobass_run_open(&run, place("table"), &error), &error);
    check_ok(lobass_run_scores(run, LOBASS_TABLE_JSONL, collect, &before, &error), &error);
    assert_null(strstr(before.data, "selected"));
    assert_null(strstr(before.data, "learnability"));
    lobass_run_close(run);
    losses_put(place("table"), "reference", after);
    lobass_select_options options = select_options(place("table"), 1);
    options.spec.seed = UINT64_MAX;
    (void)selected(&options);
    check_ok(lobass_run_open(&run, place("table"), &error), &error);
    check_ok(lobass_run_scores(run, LOBASS_TABLE_JSONL, collect, &text, &error), &error);
    check_file(place("table/scores.jsonl"), text.data);
    assert_non_null(strstr(text.data, "{\"row\": 0, \"source\": \"a \\\"b\\\", c.jsonl\", "
                                      "\"record\": 0, \"status\": \"ok\", \"n_tokens\": "));
    assert_non_null(strstr(text.data, "\"initial_loss\": 2.0, \"reference_loss\": 1.5, "
                                      "\"learnability\": 0.25, \"drop_end\": "));
    assert_non_null(strstr(text.data, ", \"drop_rest\": "));
    assert_non_null(strstr(text.data, "\"learnability\": -1.0, "));
    assert_non_null(strstr(text.data, "\"rank\": 1, \"selected\": true}\n"));
    assert_non_null(strstr(text.data, "\"rank\": 2, \"selected\": false}\n"));
    assert_null(strstr(text.data, "\"rank\": 3"));
    assert_non_null(strstr(text.data, "\"status\": \"initial_loss_below_floor\""));
    assert_non_null(strstr(text.data, "below the floor of 0.001 nats\"}\n"));
    assert_non_null(strstr(text.data, "\"status\": \"bad_record\", \"n_tokens\": 0, "
                                      "\"selected\": false, \"reason\": "));
    lb_buffer_clear(&text);
    check_ok(lobass_run_scores(run, LOBASS_TABLE_CSV, collect, &text, &error), &error);
    assert_int_equal(strncmp(text.data, head, sizeof head - 1), 0);
    assert_non_null(strstr(text.data, ",bad_record,0,,,,,,,,,,,,,,,false,"));
    check_refused(lobass_run_scores(run, LOBASS_TABLE_CSV, refuse, NULL, &error), LOBASS_IO, &error,
                  "refused", "");
    lobass_run_close(run);
    lb_buffer_free(&text);
    lb_buffer_free(&before);
}

static void test_same_bytes_again(void **state)
{
    (void)state;
    const char *run = measured("same.jsonl", R0 "\n" R1 "\n" R2 "\n" R3 "\n", "same");
    const lobass_select_options options = select_options(run, 2);
    (void)selected(&options);
    char *records = file_text(place("same/selected.jsonl"));
    char *table = file_text(place("same/scores.jsonl"));
    lobass_select_options other = select_options(run, 4);
    other.spec.by = LOBASS_SCORE_LENGTH;
    (void)selected(&other);
    (void)selected(&options);
    check_file(place("same/selected.jsonl"), records);
    check_file(place("same/scores.jsonl"), table);
    free(records);
    free(table);
}

static void test_manifest(void **state)
{
    lobass_error error = {0};
    json_t *manifest = NULL;
    (void)state;
    const char *run = measured("m.jsonl", R0 "\n" R1 "\n" R2 "\n" R3 "\n", "manifest");
    lobass_select_options options = select_options(run, 2);
    options.command = "lobass select \"manifest\" -k 2";
    options.spec.seed = 12;
    (void)selected(&options);
    check_ok(lb_json_load(&manifest, place("manifest/manifest.json"), &error), &error);
    const json_t *selection = json_object_get(manifest, "selection");
    assert_string_equal(json_string_value(json_object_get(manifest, "command")), options.command);
    assert_string_equal(json_string_value(json_object_get(selection, "score")), "learnability");
    assert_string_equal(json_string_value(json_object_get(selection, "direction")), "highest");
    assert_string_equal(json_string_value(json_object_get(selection, "seed")), "12");
    assert_int_equal(json_integer_value(json_object_get(selection, "amount")), 2);
    assert_int_equal(json_integer_value(json_object_get(selection, "selected")), 2);
    assert_true(json_number_value(json_object_get(selection, "cut")) == 0.5);
    const json_t *statuses = json_object_get(manifest, "statuses");
    assert_int_equal(json_integer_value(json_object_get(statuses, "ok")), 4);
    assert_int_equal(json_array_size(json_object_get(manifest, "models")), 2);
    const json_t *source = json_array_get(json_object_get(manifest, "sources"), 0);
    assert_int_equal(json_integer_value(json_object_get(source, "records")), 4);
    assert_non_null(json_object_get(json_object_get(manifest, "elapsed_seconds"), "select"));
    json_decref(manifest);
}

/* ---- random -----------------------------------------------------------------------------------
 */

/* The same records in another order, as other rows, are chosen alike. */
static void test_random_ignores_order(void **state)
{
    lb_buffer lines = {0};
    lb_buffer backwards = {0};
    lobass_error error = {0};
    (void)state;
    records_make("order.jsonl", 60);
    char *text = file_text(place("order.jsonl"));
    for (size_t end = strlen(text) - 1, i = end; i-- > 0;)
    {
        if (i == 0 || text[i - 1] == '\n')
        {
            check_ok(lb_buffer_append(&backwards, text + i, end - i, &error), &error);
            check_ok(lb_buffer_append_text(&backwards, "\n", &error), &error);
            end = i - 1;
        }
    }
    file_make("backwards.jsonl", backwards.data);
    (void)run_prepare("order.jsonl", "order");
    (void)run_prepare("backwards.jsonl", "backwards");
    lobass_select_options options = select_options(place("order"), 12);
    options.spec.by = LOBASS_SCORE_RANDOM;
    options.spec.seed = 4;
    options.spec.is_ranked = true;
    (void)selected(&options);
    options.run = place("backwards");
    (void)selected(&options);
    check_same_files(place("order/selected.jsonl"), place("backwards/selected.jsonl"));
    /* Nested: the 5 best of 12. */
    char *many = file_text(place("order/selected.jsonl"));
    options.run = place("order");
    options.spec.amount.value = 5;
    (void)selected(&options);
    char *few = file_text(place("order/selected.jsonl"));
    assert_int_equal(strncmp(few, many, strlen(few)), 0);
    options.spec.seed = 5;
    (void)selected(&options);
    char *other = file_text(place("order/selected.jsonl"));
    assert_string_not_equal(other, few);
    free(other);
    free(few);
    free(many);
    free(text);
    lb_buffer_free(&lines);
    lb_buffer_free(&backwards);
}

/* ---- refusals ---------------------------------------------------------------------------------
 */

static void test_changed_source(void **state)
{
    lobass_error error = {0};
    (void)state;
    const char *run = measured("c.jsonl", R0 "\n" R1 "\n" R2 "\n" R3 "\n", "source");
    const lobass_select_options options = select_options(run, 2);
    file_make("c.jsonl", R0 "\n" R1 "\n" R1 "\n" R3 "\n");
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "c.jsonl:3: ", "row 2");
    file_make("c.jsonl", R0 "\n" R1 "\n");
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "c.jsonl: ", "row 2");
    assert_int_equal(unlink(place("c.jsonl")), 0);
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_NOT_FOUND, &error, "c.jsonl",
                  "open");
    assert_int_equal(lb_path_look(place("source/selected.jsonl")), LB_PATH_MISSING);
    assert_int_equal(lb_path_look(place("source/scores.jsonl")), LB_PATH_MISSING);
}

static void test_outputs_in_the_way(void **state)
{
    lobass_error error = {0};
    (void)state;
    const char *run = measured("o.jsonl", R0 "\n" R1 "\n" R2 "\n" R3 "\n", "way");
    lobass_select_options options = select_options(run, 2);
    (void)selected(&options);
    (void)selected(&options); /* the run's own file is always replaced */
    file_make("precious.jsonl", "mine");
    options.output = place("precious.jsonl");
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "precious.jsonl", "exists");
    check_file(place("precious.jsonl"), "mine");
    options.overwrite = true;
    (void)selected(&options);
    check_same_files(place("precious.jsonl"), place("way/selected.jsonl"));
    options.output = place("o.jsonl");
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error, "o.jsonl",
                  "data file of the run");
}

/* Nothing that a run is made of can be named as an output, whatever the way to it. */
static void test_outputs_in_the_run(void **state)
{
    static const char *const owned[] = {
        "run.db",          "run.db-wal",        "lock",      "rows.lock",   "scores.jsonl",
        "manifest.json",   "tokenizer/x.jsonl", "sources/x", "reference/x", "reference.partial",
        "../inside/run.db"};
    lobass_error error = {0};
    (void)state;
    const char *run = measured("i.jsonl", R0 "\n" R1 "\n" R2 "\n" R3 "\n", "inside");
    lobass_select_options options = select_options(run, 2);
    check_ok(lb_folder_create(place("inside/reference"), &error), &error);
    check_ok(lb_folder_create(place("inside/sources"), &error), &error);
    for (int overwrite = 0; overwrite < 2; overwrite++)
    {
        options.overwrite = overwrite == 1;
        for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        {
            char path[SCRATCH_PATH_SIZE + 300];
            (void)snprintf(path, sizeof path, "%s/%s", run, owned[i]);
            options.output = path;
            check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                          path, "belongs to the run");
        }
    }
    assert_int_equal(symlink(place("inside/run.db"), place("link.jsonl")), 0);
    options.output = place("link.jsonl");
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "link.jsonl", "belongs to the run");
    options.overwrite = false;
    options.output = place("inside/mine.jsonl");
    (void)selected(&options);
    options.output = place("inside/../inside/./selected.jsonl");
    (void)selected(&options);
    check_same_files(place("inside/mine.jsonl"), place("inside/selected.jsonl"));
    check_same_files(place("inside/mine.scores.jsonl"), place("inside/scores.jsonl"));
}

/* Nor what any other run or any model is made of; and -f replaces only what could be a selection.
 */
static void test_outputs_of_others(void **state)
{
    static const struct
    {
        const char *path, *reason;
    } refused[] = {
        {"model/model.safetensors", "belongs to the model"},
        {"model/model.safetensors.index.json", "belongs to the model"},
        {"model/config.json", "belongs to the model"},
        {"model/tokenizer.json", "belongs to the model"},
        {"model/generation_config.json", "belongs to the model"},
        {"second/run.db", "belongs to the run"},
        {"second/selected.jsonl", "belongs to the run"},
        {"second/reference/model.safetensors", "belongs to the run"},
        {"to-weights.jsonl", "belongs to the model"},
    };
    lobass_error error = {0};
    (void)state;
    (void)measured("second.jsonl", R0 "\n" R1 "\n" R2 "\n" R3 "\n", "second");
    check_ok(lb_folder_create(place("second/reference"), &error), &error);
    file_make("notes.txt", "mine");
    assert_int_equal(symlink(place("model/model.safetensors"), place("to-weights.jsonl")), 0);
    const char *run = measured("first.jsonl", R0 "\n" R1 "\n" R2 "\n" R3 "\n", "first");
    lobass_select_options options = select_options(run, 2);
    options.overwrite = true;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    {
        char path[SCRATCH_PATH_SIZE + 300];
        (void)snprintf(path, sizeof path, "%s", place(refused[i].path));
        options.output = path;
        check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error, path,
                      refused[i].reason);
    }
    options.output = place("notes.txt");
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_UNSUPPORTED, &error,
                  "notes.txt", "not written as .txt");
    check_file(place("notes.txt"), "mine");
    /* A selection beside a model is one all the same. */
    options.output = place("model/chosen.jsonl");
    (void)selected(&options);
    (void)selected(&options);
    (void)unlink(place("model/chosen.jsonl"));
    (void)unlink(place("model/chosen.scores.jsonl"));
    (void)unlink(place("model/chosen.manifest.json"));
}

/* The copy of standard input is a data file too, though it is recorded as "-". */
static void test_standard_input_is_data(void **state)
{
    const char *data[] = {"-"};
    lobass_error error = {0};
    (void)state;
    file_make("in.jsonl", R0 "\n" R1 "\n" R2 "\n" R3 "\n");
    const lobass_prepare_options prepare = prepare_options(data, 1, place("fed"));
    const int saved = dup(STDIN_FILENO);
    assert_non_null(freopen(place("in.jsonl"), "r", stdin));
    check_ok(lobass_prepare(&prepare, NULL, NULL, &error), &error);
    assert_true(dup2(saved, STDIN_FILENO) >= 0);
    (void)close(saved);
    lobass_select_options options = select_options(place("fed"), 2);
    options.spec.by = LOBASS_SCORE_LENGTH;
    options.overwrite = true;
    options.output = place("fed-link.jsonl");
    assert_int_equal(symlink(place("fed/sources/stdin.jsonl"), options.output), 0);
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "fed-link.jsonl", "data file of the run");
    check_file(place("fed/sources/stdin.jsonl"), R0 "\n" R1 "\n" R2 "\n" R3 "\n");
}

/* Another output has its own table and manifest; the run's own three stay as they are. */
static void test_sidecars(void **state)
{
    lobass_error error = {0};
    lobass_run *run_read = NULL;
    lb_buffer text = {0};
    (void)state;
    const char *run = measured("side.jsonl", R0 "\n" R1 "\n" R2 "\n" R3 "\n", "side");
    lobass_select_options options = select_options(run, 2);
    (void)selected(&options);
    char *records = file_text(place("side/selected.jsonl"));
    char *table = file_text(place("side/scores.jsonl"));
    char *manifest = file_text(place("side/manifest.json"));
    options.spec.by = LOBASS_SCORE_LENGTH;
    options.spec.amount.value = 1;
    options.output = place("other.jsonl");
    (void)selected(&options);
    check_file(place("side/selected.jsonl"), records);
    check_file(place("side/scores.jsonl"), table);
    check_file(place("side/manifest.json"), manifest);
    /* The latest choice made is the one that is recorded, wherever it went. */
    check_ok(lobass_run_open(&run_read, run, &error), &error);
    check_ok(lobass_run_scores(run_read, LOBASS_TABLE_JSONL, collect, &text, &error), &error);
    lobass_run_close(run_read);
    check_file(place("other.scores.jsonl"), text.data);
    assert_string_not_equal(text.data, table);
    free(manifest);
    manifest = file_text(place("other.manifest.json"));
    assert_non_null(strstr(manifest, "\"score\": \"length\""));
    assert_non_null(strstr(manifest, "other.jsonl\""));
    /* A name without an ending, in a folder that has one. */
    check_ok(lb_folder_create(place("sub.d"), &error), &error);
    options.output = place("sub.d/plain");
    (void)selected(&options);
    check_same_files(place("sub.d/plain.scores.jsonl"), place("other.scores.jsonl"));
    free(manifest);
    free(table);
    free(records);
    lb_buffer_free(&text);
}

static void test_sidecars_in_the_way(void **state)
{
    lobass_error error = {0};
    (void)state;
    const char *run = measured("g.jsonl", R0 "\n" R1 "\n" R2 "\n" R3 "\n", "guard");
    lobass_select_options options = select_options(run, 2);
    options.output = place("g1.jsonl");
    file_make("g1.manifest.json", "mine");
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "g1.manifest.json", "exists");
    check_file(place("g1.manifest.json"), "mine");
    assert_int_equal(lb_path_look(options.output), LB_PATH_MISSING);
    options.overwrite = true;
    (void)selected(&options);
    /* A sidecar that would be a data file. */
    run = measured("data.scores.jsonl", R0 "\n" R1 "\n" R2 "\n" R3 "\n", "guard2");
    options = select_options(run, 2);
    options.output = place("data.jsonl");
    options.overwrite = true;
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "data.scores.jsonl", "data file of the run");
}

/* Killed behind any of its files, the same command ends as if it had not been. */
static void test_resume_with_output(void **state)
{
    static const char *const files[] = {"again.manifest.json", "again.scores.jsonl"};
    lobass_error error = {0};
    (void)state;
    const char *run = measured("r.jsonl", R0 "\n" R1 "\n" R2 "\n" R3 "\n", "again");
    lobass_select_options options = select_options(run, 2);
    options.output = place("again.jsonl");
    (void)selected(&options);
    char *table = file_text(place("again.scores.jsonl"));
    (void)selected(&options);
    /* What a kill before the database, the manifest, the table leaves. */
    for (size_t n_missing = 0; n_missing < 3; n_missing++)
    {
        for (size_t i = 0; i < n_missing; i++)
        {
            assert_int_equal(unlink(place(files[i])), 0);
        }
        (void)selected(&options);
        check_file(place("again.jsonl"), R0 "\n" R2 "\n");
        check_file(place("again.scores.jsonl"), table);
        assert_int_equal(lb_path_look(place("again.manifest.json")), LB_PATH_FILE);
    }
    /* Another choice: the file is somebody's. */
    options.spec.amount.value = 3;
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "again.jsonl", "exists already");
    check_file(place("again.jsonl"), R0 "\n" R2 "\n");
    /* The same records by another score: the table is somebody's. */
    (void)lb_file_write(place("again.scores.jsonl"), "mine", 4, true, &error);
    options.spec.amount.value = 2;
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "again.scores.jsonl", "exists already");
    check_file(place("again.scores.jsonl"), "mine");
    free(table);
}

static void test_too_many_wanted(void **state)
{
    listener l = {0};
    const lobass_observer observer = listen(&l);
    lobass_error error = {0};
    lobass_select_result result;
    (void)state;
    const char *run = measured("w.jsonl", R0 "\n" R1 "\n" R2 "\n{}\n", "wanted");
    lobass_select_options options = select_options(run, 4);
    check_ok(lobass_select(&options, &observer, &result, &error), &error);
    lobass_select_result_clear(&result);
    assert_int_equal(result.n_selected, 3);
    assert_int_equal(l.n_warnings, 1);
    assert_non_null(strstr(l.last, "4 rows were asked for, all 3"));
    options.spec.amount = (lobass_amount){LOBASS_AMOUNT_FRACTION, 0.01};
    check_ok(lobass_select(&options, &observer, &result, &error), &error);
    lobass_select_result_clear(&result);
    assert_int_equal(result.n_selected, 0);
    assert_true(isnan(result.cut));
    assert_int_equal(l.n_warnings, 2);
    check_file(place("wanted/selected.jsonl"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_lines),
        cmocka_unit_test(test_pretty_json),
        cmocka_unit_test(test_several_sources),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_same_bytes_again),
        cmocka_unit_test(test_manifest),
        cmocka_unit_test(test_random_ignores_order),
        cmocka_unit_test(test_changed_source),
        cmocka_unit_test(test_outputs_in_the_way),
        cmocka_unit_test(test_outputs_in_the_run),
        cmocka_unit_test(test_outputs_of_others),
        cmocka_unit_test(test_standard_input_is_data),
        cmocka_unit_test(test_sidecars),
        cmocka_unit_test(test_sidecars_in_the_way),
        cmocka_unit_test(test_resume_with_output),
        cmocka_unit_test(test_too_many_wanted),
    };
    return cmocka_run_group_tests(tests, run_setup, scratch_teardown);
}

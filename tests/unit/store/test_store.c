/* SPDX-License-Identifier: Apache-2.0
 *
 * The store gives back what it was given: facts, sources, rows, models, losses, selections, now and
 * after it was closed; a transaction is all or nothing; readers see the last commit.
 */
#include "unit/store/store_fixture.h"

#include <math.h>

static void test_facts(void **state)
{
    lobass_error error = {0};
    char *value = NULL;
    (void)state;
    lb_store *store = store_open(scratch_path("facts/deep/run"), LB_STORE_CREATE);
    assert_string_equal(lb_store_path(store), scratch_path("facts/deep/run"));
    check_ok(lb_store_fact_load(&value, store, "options", &error), &error);
    assert_null(value);
    check_ok(lb_store_fact_save(store, "options", "first", &error), &error);
    check_ok(lb_store_fact_save(store, "options", "{\"a\": \"\xc3\xa9\"}", &error), &error);
    lb_store_close(store);
    store = store_open(scratch_path("facts/deep/run"), LB_STORE_READ);
    check_ok(lb_store_fact_load(&value, store, "options", &error), &error);
    assert_string_equal(value, "{\"a\": \"\xc3\xa9\"}");
    free(value);
    lb_store_close(store);
}

static void test_sources(void **state)
{
    lobass_error error = {0};
    lb_store_source *sources = NULL;
    size_t count = 0;
    (void)state;
    lb_store *store = store_open(scratch_path("sources"), LB_STORE_CREATE);
    for (uint32_t i = 0; i < 20; i++)
    {
        char path[32];
        char name[32];
        (void)snprintf(path, sizeof path, "/data/%u.jsonl", i);
        (void)snprintf(name, sizeof name, "%u.jsonl", i);
        const lb_store_source source = {.path = path, .name = name};
        check_ok(lb_store_source_save(store, i, &source, &error), &error);
    }
    char path[] = "/data/7.jsonl";
    char name[] = "7.jsonl";
    const lb_store_source read = {.path = path, .name = name, .n_records = 12, .is_complete = true};
    check_ok(lb_store_source_save(store, 7, &read, &error), &error);
    check_ok(lb_store_sources_load(&sources, &count, store, &error), &error);
    assert_int_equal(count, 20);
    assert_string_equal(sources[19].path, "/data/19.jsonl");
    assert_string_equal(sources[19].name, "19.jsonl");
    assert_false(sources[6].is_complete);
    assert_true(sources[7].is_complete);
    assert_int_equal(sources[7].n_records, 12);
    lb_store_sources_free(sources, count);
    lb_store_close(store);
}

static void check_row(lb_store *store, uint64_t number)
{
    lobass_error error = {0};
    lobass_row row;
    made_row made;
    const lobass_row *expected = row_make(&made, number);
    check_ok(lb_store_row_load(&row, store, number, &error), &error);
    assert_int_equal(row.row, expected->row);
    assert_int_equal(row.record, expected->record);
    assert_int_equal(row.line, expected->line);
    assert_int_equal(row.offset, expected->offset);
    assert_int_equal(row.size_bytes, expected->size_bytes);
    assert_int_equal(row.source, expected->source);
    assert_int_equal(row.status, expected->status);
    assert_int_equal(row.n_tokens, expected->n_tokens);
    assert_int_equal(row.n_scored, expected->n_scored);
    assert_memory_equal(row.hash, expected->hash, sizeof row.hash);
    if (expected->n_tokens > 0)
    {
        assert_memory_equal(row.ids, expected->ids, row.n_tokens * sizeof *row.ids);
        assert_memory_equal(row.flags, expected->flags, row.n_tokens);
    }
    assert_true((row.reason == NULL) == (expected->reason == NULL));
    if (row.reason != NULL)
    {
        assert_string_equal(row.reason, expected->reason);
    }
}

static void test_rows(void **state)
{
    lobass_error error = {0};
    lb_row_summary *summaries = NULL;
    size_t count = 0;
    uint64_t n_rows = 0;
    lobass_row row;
    (void)state;
    lb_store *store = store_with_rows("rows", 50);
    for (uint64_t i = 50; i-- > 0;)
    {
        check_row(store, i);
    }
    lb_store_close(store);
    store = store_open(scratch_path("rows"), LB_STORE_READ);
    check_row(store, 49);
    check_ok(lb_store_row_count(&n_rows, store, &error), &error);
    assert_int_equal(n_rows, 50);
    check_ok(lb_store_summaries_load(&summaries, &count, store, &error), &error);
    assert_int_equal(count, 50);
    made_row made;
    const lobass_row *expected = row_make(&made, 13);
    assert_memory_equal(summaries[13].hash, expected->hash, sizeof expected->hash);
    assert_int_equal(summaries[13].n_tokens, 5);
    assert_int_equal(summaries[13].n_scored, 2);
    assert_int_equal(summaries[13].source, 1);
    assert_int_equal(summaries[16].status, LOBASS_ROW_BAD_RECORD);
    free(summaries);
    check_refused(lb_store_row_load(&row, store, 50, &error), LOBASS_NOT_FOUND, &error, "row 50",
                  "has 50");
    lb_store_close(store);
}

static void test_rows_are_written_once(void **state)
{
    lobass_error error = {0};
    made_row made;
    (void)state;
    lb_store *store = store_with_rows("once", 2);
    check_refused(lb_store_row_save(store, row_make(&made, 1), &error), LOBASS_CONFLICT, &error,
                  "run.db", "UNIQUE");
    lb_store_close(store);
}

static void test_rollback(void **state)
{
    lobass_error error = {0};
    made_row made;
    uint64_t n_rows = 0;
    (void)state;
    lb_store *store = store_with_rows("rollback", 3);
    check_ok(lb_store_begin(store, &error), &error);
    check_ok(lb_store_row_save(store, row_make(&made, 3), &error), &error);
    lb_store_rollback(store);
    check_ok(lb_store_row_count(&n_rows, store, &error), &error);
    assert_int_equal(n_rows, 3);
    /* Closing with a transaction under way takes it back as well. */
    check_ok(lb_store_begin(store, &error), &error);
    check_ok(lb_store_row_save(store, row_make(&made, 3), &error), &error);
    lb_store_close(store);
    store = store_open(scratch_path("rollback"), LB_STORE_WRITE);
    check_ok(lb_store_row_count(&n_rows, store, &error), &error);
    assert_int_equal(n_rows, 3);
    rows_save(store, 3, 2);
    check_ok(lb_store_row_count(&n_rows, store, &error), &error);
    assert_int_equal(n_rows, 5);
    lb_store_close(store);
}

static void test_reader_beside_writer(void **state)
{
    lobass_error error = {0};
    made_row made;
    uint64_t n_rows = 0;
    (void)state;
    lb_store *writer = store_with_rows("beside", 4);
    check_ok(lb_store_begin(writer, &error), &error);
    check_ok(lb_store_row_save(writer, row_make(&made, 4), &error), &error);
    lb_store *reader = store_open(scratch_path("beside"), LB_STORE_READ);
    check_ok(lb_store_row_count(&n_rows, reader, &error), &error);
    assert_int_equal(n_rows, 4);
    check_row(reader, 3);
    check_ok(lb_store_commit(writer, &error), &error);
    check_ok(lb_store_row_count(&n_rows, reader, &error), &error);
    assert_int_equal(n_rows, 5);
    check_refused(lb_store_fact_save(reader, "a", "b", &error), LOBASS_IO, &error, "run.db",
                  "readonly");
    lb_store_close(reader);
    lb_store_close(writer);
}

static lb_store_model model_make(const char *name, const char *fingerprint)
{
    lb_store_model model = {.path = test_malloc(16)};
    (void)snprintf(model.path, 16, "/models/%s", name);
    (void)snprintf(model.name, sizeof model.name, "%s", name);
    (void)snprintf(model.fingerprint, sizeof model.fingerprint, "%s", fingerprint);
    (void)snprintf(model.dtype, sizeof model.dtype, "fp32");
    return model;
}

static int64_t model_add(lb_store *store, const char *name, const char *fingerprint)
{
    lobass_error error = {0};
    lb_store_model model = model_make(name, fingerprint);
    check_ok(lb_store_model_save(store, &model, &error), &error);
    test_free(model.path);
    return model.id;
}

/* What a reader reads in one transaction is from one moment. */
static void test_reader_sees_one_moment(void **state)
{
    lobass_error error = {0};
    char *value = NULL;
    (void)state;
    lb_store *writer = store_with_rows("moment", 3);
    check_ok(lb_store_fact_save(writer, "when", "before", &error), &error);
    lb_store *reader = store_open(scratch_path("moment"), LB_STORE_READ);
    check_ok(lb_store_begin(reader, &error), &error);
    check_ok(lb_store_fact_load(&value, reader, "when", &error), &error);
    assert_string_equal(value, "before");
    free(value);
    check_ok(lb_store_fact_save(writer, "when", "after", &error), &error);
    check_ok(lb_store_fact_load(&value, reader, "when", &error), &error);
    assert_string_equal(value, "before");
    free(value);
    lb_store_rollback(reader);
    check_ok(lb_store_fact_load(&value, reader, "when", &error), &error);
    assert_string_equal(value, "after");
    free(value);
    check_ok(lb_store_fact_remove(writer, "when", &error), &error);
    check_ok(lb_store_fact_load(&value, reader, "when", &error), &error);
    assert_null(value);
    lb_store_close(reader);
    lb_store_close(writer);
}

static void test_models(void **state)
{
    lobass_error error = {0};
    lb_store_model model;
    lb_store_model *models = NULL;
    size_t count = 0;
    (void)state;
    lb_store *store = store_with_rows("models", 4);
    check_refused(lb_store_model_load(&model, store, "initial", &error), LOBASS_NOT_FOUND, &error,
                  "models", "\"initial\"");
    const int64_t first = model_add(store, "initial", "aa");
    const int64_t second = model_add(store, "ref", "bb");
    assert_int_not_equal(first, second);
    assert_int_equal(model_add(store, "initial", "cc"), first);
    check_ok(lb_store_model_load(&model, store, "initial", &error), &error);
    assert_int_equal(model.id, first);
    assert_string_equal(model.fingerprint, "cc");
    assert_string_equal(model.path, "/models/initial");
    assert_string_equal(model.dtype, "fp32");
    lb_store_model_clear(&model);
    check_ok(lb_store_models_load(&models, &count, store, &error), &error);
    assert_int_equal(count, 2);
    assert_string_equal(models[1].name, "ref");
    lb_store_models_free(models, count);
    lb_store_close(store);
}

static lobass_status collect(void *context, uint64_t row, const lb_row_losses *losses,
                             lobass_error *error)
{
    double *sums = context;
    for (size_t i = 0; i < losses->n_scored; i++)
    {
        sums[row] += (double)losses->nll[i];
    }
    return row == 7 ? lb_fail(error, LOBASS_CANCELLED, "enough") : LOBASS_OK;
}

static void losses_save(lb_store *store, int64_t model, uint64_t row, lb_row_losses losses)
{
    lobass_error error = {0};
    check_ok(lb_store_losses_save(store, model, row, &losses, &error), &error);
}

static void test_losses(void **state)
{
    static const float one[] = {1.25F, -0.0F, 3e-30F};
    static const float bad[] = {NAN, INFINITY};
    static const float el2n[] = {0.5F, 1e-20F, 1.4142135F};
    lobass_error error = {0};
    lb_row_losses losses;
    uint64_t n_without = 0;
    bool *is_measured = NULL;
    double sums[8] = {0};
    (void)state;
    lb_store *store = store_with_rows("losses", 8);
    const int64_t initial = model_add(store, "initial", "aa");
    const int64_t reference = model_add(store, "reference", "bb");
    losses_save(store, initial, 5, (lb_row_losses){one, el2n, 3});
    losses_save(store, initial, 2, (lb_row_losses){bad, NULL, 2});
    losses_save(store, reference, 5, (lb_row_losses){one + 1, el2n + 1, 1});
    check_ok(lb_store_losses_load(&losses, store, initial, 5, &error), &error);
    assert_int_equal(losses.n_scored, 3);
    assert_memory_equal(losses.nll, one, sizeof one);
    assert_memory_equal(losses.el2n, el2n, sizeof el2n);
    check_ok(lb_store_losses_load(&losses, store, initial, 2, &error), &error);
    assert_int_equal(losses.n_scored, 2);
    assert_memory_equal(losses.nll, bad, sizeof bad);
    assert_null(losses.el2n);
    check_ok(lb_store_without_el2n_count(&n_without, store, initial, &error), &error);
    assert_int_equal(n_without, 1);
    check_ok(lb_store_without_el2n_count(&n_without, store, reference, &error), &error);
    assert_int_equal(n_without, 0);
    check_refused(lb_store_losses_load(&losses, store, reference, 2, &error), LOBASS_NOT_FOUND,
                  &error, "row 2", "not measured");
    check_ok(lb_store_measured_load(&is_measured, 8, store, initial, &error), &error);
    assert_true(is_measured[2] && is_measured[5]);
    assert_false(is_measured[0] || is_measured[7]);
    free(is_measured);
    check_ok(lb_store_losses_walk(store, reference, collect, sums, &error), &error);
    losses_save(store, initial, 2, (lb_row_losses){one, NULL, 1});
    losses_save(store, initial, 7, (lb_row_losses){one, el2n, 1});
    check_refused(lb_store_losses_walk(store, initial, collect, sums, &error), LOBASS_CANCELLED,
                  &error, "enough", "");
    assert_true(sums[2] == 1.25 && sums[5] == 1.25 + (double)3e-30F && sums[7] == 1.25);
    check_ok(lb_store_model_remove(store, "initial", &error), &error);
    check_refused(lb_store_losses_load(&losses, store, initial, 5, &error), LOBASS_NOT_FOUND,
                  &error, "row 5", "");
    check_ok(lb_store_losses_load(&losses, store, reference, 5, &error), &error);
    assert_true(losses.nll[0] == one[1] && losses.el2n[0] == el2n[1]);
    lb_store_close(store);
}

/* A run of schema version 1: a reader takes it as it is, the first writer makes it one of today. */
static void test_earlier_version(void **state)
{
    static const float nll[] = {1.25F, 3.5F};
    static const float el2n[] = {0.5F, 1};
    lobass_error error = {0};
    lb_row_losses losses;
    uint64_t n_without = 0;
    double sums[8] = {0};
    (void)state;
    const char *run = scratch_path("earlier");
    lb_store *store = store_with_rows("earlier", 8);
    const int64_t initial = model_add(store, "initial", "aa");
    losses_save(store, initial, 4, (lb_row_losses){nll, el2n, 2});
    losses_save(store, initial, 5, (lb_row_losses){nll, el2n, 2});
    lb_store_close(store);
    sql_downgrade(run);
    lb_store *reader = store_open(run, LB_STORE_READ);
    for (int is_upgraded = 0; is_upgraded < 2; is_upgraded++)
    {
        check_ok(lb_store_losses_load(&losses, reader, initial, 4, &error), &error);
        assert_int_equal(losses.n_scored, 2);
        assert_memory_equal(losses.nll, nll, sizeof nll);
        assert_null(losses.el2n);
        check_ok(lb_store_losses_walk(reader, initial, collect, sums, &error), &error);
        check_ok(lb_store_without_el2n_count(&n_without, reader, initial, &error), &error);
        assert_int_equal(n_without, 2);
        assert_int_equal(sql_version(run), is_upgraded == 0 ? 1 : 2);
        if (is_upgraded == 0)
        {
            store = store_open(run, LB_STORE_WRITE);
        }
    }
    assert_true(sums[4] == 2 * 4.75 && sums[5] == 2 * 4.75);
    lb_store_close(reader);
    check_ok(lb_store_losses_load(&losses, store, initial, 4, &error), &error);
    assert_memory_equal(losses.nll, nll, sizeof nll);
    assert_null(losses.el2n);
    losses_save(store, initial, 4, (lb_row_losses){nll, el2n, 2});
    lb_store_close(store);
    store = store_open(run, LB_STORE_READ);
    check_ok(lb_store_losses_load(&losses, store, initial, 4, &error), &error);
    assert_memory_equal(losses.el2n, el2n, sizeof el2n);
    check_ok(lb_store_without_el2n_count(&n_without, store, initial, &error), &error);
    assert_int_equal(n_without, 1);
    lb_store_close(store);
}

static void test_selection(void **state)
{
    static const uint64_t ranks[] = {2, 0, 1, 3};
    static const bool is_selected[] = {true, false, true, false};
    static const uint64_t other_ranks[] = {0, 1, 0, 0};
    static const bool other_selected[] = {false, true, false, false};
    lobass_error error = {0};
    uint64_t *found_ranks = NULL;
    bool *found_selected = NULL;
    (void)state;
    lb_store *store = store_with_rows("selection", 4);
    check_ok(lb_store_selection_load(&found_ranks, &found_selected, 4, store, &error), &error);
    assert_null(found_ranks);
    assert_null(found_selected);
    check_ok(lb_store_selection_save(store, ranks, is_selected, 4, &error), &error);
    check_ok(lb_store_selection_load(&found_ranks, &found_selected, 4, store, &error), &error);
    assert_memory_equal(found_ranks, ranks, sizeof ranks);
    assert_memory_equal(found_selected, is_selected, sizeof is_selected);
    free(found_ranks);
    free(found_selected);
    check_ok(lb_store_selection_save(store, other_ranks, other_selected, 4, &error), &error);
    check_ok(lb_store_selection_load(&found_ranks, &found_selected, 4, store, &error), &error);
    assert_memory_equal(found_ranks, other_ranks, sizeof other_ranks);
    free(found_ranks);
    free(found_selected);
    lb_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_rows_are_written_once),
        cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_reader_beside_writer),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_selection),
        cmocka_unit_test(test_reader_sees_one_moment),
        cmocka_unit_test(test_earlier_version),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

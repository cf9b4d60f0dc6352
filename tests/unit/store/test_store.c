/* SPDX-License-Identifier: Apache-2.0
 *
 * The store gives back what it was given: facts, sources, rows, models, losses, selections, now and
 * after it was closed; a transaction is all or nothing; readers see the last commit.
 */
#include "unit/store/store_fixture.h"

#include <math.h>

#include "store/store_private.h"

#define PATH_BYTES 32

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

static lb_measurement model_make(const char *name, const char *fingerprint)
{
    lb_measurement model = {.path = test_malloc(PATH_BYTES)};
    (void)snprintf(model.path, PATH_BYTES, "/models/%s", name);
    (void)snprintf(model.name, sizeof model.name, "%s", name);
    (void)snprintf(model.fingerprint, sizeof model.fingerprint, "%s", fingerprint);
    (void)snprintf(model.dtype, sizeof model.dtype, "fp32");
    return model;
}

static int64_t model_add(lb_store *store, const char *name, const char *fingerprint)
{
    lobass_error error = {0};
    lb_measurement model = model_make(name, fingerprint);
    check_ok(lb_store_measurement_save(store, &model, &error), &error);
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
    lb_measurement model;
    lb_measurement *models = NULL;
    size_t count = 0;
    (void)state;
    lb_store *store = store_with_rows("models", 4);
    check_refused(lb_store_measurement_load(&model, store, "initial", &error), LOBASS_NOT_FOUND,
                  &error, "models", "\"initial\"");
    const int64_t first = model_add(store, "initial", "aa");
    const int64_t second = model_add(store, "ref", "bb");
    assert_int_not_equal(first, second);
    assert_int_equal(model_add(store, "initial", "cc"), first);
    check_ok(lb_store_measurement_load(&model, store, "initial", &error), &error);
    assert_int_equal(model.id, first);
    assert_string_equal(model.fingerprint, "cc");
    assert_string_equal(model.path, "/models/initial");
    assert_string_equal(model.dtype, "fp32");
    lb_store_measurement_clear(&model);
    check_ok(lb_store_measurements_load(&models, &count, store, &error), &error);
    assert_int_equal(count, 2);
    assert_string_equal(models[1].name, "ref");
    lb_store_measurements_free(models, count);
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
    check_refused(lb_store_losses_save(store, initial, 2, &(lb_row_losses){one, NULL, 1}, &error),
                  LOBASS_CONFLICT, &error, "row 2", "already");
    losses_save(store, initial, 7, (lb_row_losses){one, el2n, 1});
    check_refused(lb_store_losses_walk(store, initial, collect, sums, &error), LOBASS_CANCELLED,
                  &error, "enough", "");
    assert_true(isnan(sums[2]) && sums[5] == 1.25 + (double)3e-30F && sums[7] == 1.25);
    check_ok(lb_store_measurement_remove(store, "initial", &error), &error);
    check_refused(lb_store_losses_load(&losses, store, initial, 5, &error), LOBASS_NOT_FOUND,
                  &error, "row 5", "");
    check_ok(lb_store_losses_load(&losses, store, reference, 5, &error), &error);
    assert_true(losses.nll[0] == one[1] && losses.el2n[0] == el2n[1]);
    lb_store_close(store);
}

/* Sums that depend on their order: in that of the rows 0, in that of the calls 1. */
static void test_totals(void **state)
{
    static const float nll[] = {1e16F, -1e16F, 1, NAN};
    static const uint64_t rows[] = {3, 5, 1, 7};
    lobass_error error = {0};
    lb_loss_totals totals;
    (void)state;
    lb_store *store = store_with_rows("totals", 8);
    const int64_t id = model_add(store, "initial", "aa");
    check_ok(lb_store_totals_load(&totals, store, id, &error), &error);
    assert_true(totals.n_rows == 0 && isnan(lb_loss_totals_mean(&totals)));
    assert_true(totals.least == (double)INFINITY && totals.most == -(double)INFINITY);
    for (size_t i = 0; i < 4; i++)
    {
        check_ok(lb_store_begin(store, &error), &error);
        losses_save(store, id, 4, (lb_row_losses){nll, NULL, 3});
        lb_store_rollback(store); /* a wave that did not come to its end */
        losses_save(store, id, rows[i], (lb_row_losses){&nll[i], NULL, 1});
    }
    check_ok(lb_store_totals_load(&totals, store, id, &error), &error);
    assert_true(totals.n_rows == 4 && totals.n_nonfinite == 1 && totals.n_scored == 3);
    assert_true(totals.nll_sum == 1);
    assert_true(totals.least == (double)nll[1] && totals.most == (double)nll[0]);
    check_ok(lb_store_totals_settle(store, id, &error), &error);
    check_ok(lb_store_totals_load(&totals, store, id, &error), &error);
    assert_true(totals.n_rows == 4 && totals.n_nonfinite == 1 && totals.n_scored == 3);
    assert_true(totals.nll_sum == 0 && lb_loss_totals_mean(&totals) == 0);
    assert_true(totals.least == (double)nll[1] && totals.most == (double)nll[0]);
    assert_int_equal(model_add(store, "initial", "bb"), id); /* the totals stay */
    check_ok(lb_store_measurement_remove(store, "initial", &error), &error);
    check_ok(lb_store_measurement_remove(store, "initial", &error), &error);
    check_ok(lb_store_totals_load(&totals, store, model_add(store, "initial", "bb"), &error),
             &error);
    assert_int_equal(totals.n_rows, 0);
    lb_store_close(store);
}

/* Rows 1 to 7 have as many tokens, half of them scored; row 0 is a bad record. */
static void test_counts(void **state)
{
    lobass_error error = {0};
    lb_row_counts counts;
    lb_row_counts ended = {.ended = {[LOBASS_ROW_OK] = 6, [LOBASS_ROW_NONFINITE] = 1},
                           .selected = {[LOBASS_ROW_OK] = 2}};
    uint64_t rank = 0;
    bool is_selected = false;
    (void)state;
    lb_store *store = store_with_rows("counts", 8);
    for (int is_counted = 0; is_counted < 2; is_counted++)
    {
        check_ok(lb_store_counts_load(&counts, store, &error), &error);
        assert_int_equal(counts.n_rows, 8);
        assert_int_equal(counts.statuses[LOBASS_ROW_BAD_RECORD], 1);
        assert_int_equal(counts.statuses[LOBASS_ROW_OK], 7);
        assert_true(counts.n_due == 6 && counts.n_tokens == 27 && counts.n_scored == 12);
        assert_false(counts.has_ended);
        check_ok(lb_store_counts_save(store, &error), &error);
    }
    check_ok(lb_store_ended_save(store, &ended, &error), &error);
    check_ok(lb_store_counts_load(&counts, store, &error), &error);
    assert_true(counts.has_ended && counts.n_rows == 8 && counts.n_due == 6);
    assert_memory_equal(counts.ended, ended.ended, sizeof ended.ended);
    assert_memory_equal(counts.selected, ended.selected, sizeof ended.selected);
    check_ok(lb_store_selection_save(store, (uint64_t[]){0, 2, 1}, (bool[]){false, false, true}, 3,
                                     &error),
             &error);
    check_ok(lb_store_counts_load(&counts, store, &error), &error);
    assert_false(counts.has_ended); /* those of another selection */
    check_ok(lb_store_selection_row_load(&rank, &is_selected, store, 2, &error), &error);
    assert_true(rank == 1 && is_selected);
    check_ok(lb_store_selection_row_load(&rank, &is_selected, store, 1, &error), &error);
    assert_true(rank == 2 && !is_selected);
    check_ok(lb_store_selection_row_load(&rank, &is_selected, store, 0, &error), &error);
    assert_true(rank == 0 && !is_selected);
    lb_store_close(store);
}

static void check_earlier(lb_store *store)
{
    lobass_error error = {0};
    lb_measurement *found = NULL;
    lb_loss_totals totals;
    lb_row_counts counts;
    size_t count = 0;
    check_ok(lb_store_measurements_load(&found, &count, store, &error), &error);
    assert_int_equal(count, 2);
    assert_string_equal(found[0].name, "initial");
    assert_null(found[0].adapter);
    assert_string_equal(found[0].arithmetic, ""); /* not recorded */
    assert_true(found[0].n_threads == 0 && found[0].seconds == 0);
    assert_string_equal(found[1].adapter, "/adapters/\"a\"");
    assert_string_equal(found[1].engine, LB_ENGINE);
    assert_string_equal(found[1].arithmetic, "native/fma");
    assert_true(found[1].n_threads == 3 && found[1].seconds == 12.345);
    check_ok(lb_store_totals_load(&totals, store, found[0].id, &error), &error);
    assert_true(totals.n_rows == 2 && totals.n_scored == 4 && totals.nll_sum == 9.5);
    assert_true(totals.least == 2.375 && totals.most == 2.375);
    check_ok(lb_store_totals_load(&totals, store, found[1].id, &error), &error);
    assert_true(totals.n_rows == 1 && totals.n_nonfinite == 1 && totals.n_scored == 0);
    check_ok(lb_store_counts_load(&counts, store, &error), &error);
    assert_true(counts.n_rows == 8 && counts.n_due == 6);
    lb_store_measurements_free(found, count);
}

/* A run of an earlier schema: a reader takes it as it is, the first writer makes it one of today,
 * and a reader that is at it meanwhile goes on. */
static void check_upgrade(int version)
{
    static const float nll[] = {1.25F, 3.5F};
    static const float bad[] = {1, INFINITY};
    static const float el2n[] = {0.5F, 1};
    lobass_error error = {0};
    lb_row_losses losses;
    uint64_t n_without = 0;
    char name[32];
    (void)snprintf(name, sizeof name, "earlier-%d", version);
    const char *run = scratch_path(name);
    lb_store *store = store_with_rows(name, 8);
    const int64_t initial = model_add(store, "initial", "aa");
    losses_save(store, initial, 4, (lb_row_losses){nll, el2n, 2});
    losses_save(store, initial, 5, (lb_row_losses){nll, el2n, 2});
    lb_measurement other = model_make("reference", "bb");
    char adapter[] = "/adapters/\"a\"";
    other.adapter = adapter;
    other.n_threads = 3;
    other.seconds = 12.345;
    (void)snprintf(other.arithmetic, sizeof other.arithmetic, "native/fma");
    check_ok(lb_store_measurement_save(store, &other, &error), &error);
    test_free(other.path);
    losses_save(store, other.id, 4, (lb_row_losses){bad, el2n, 2});
    lb_store_close(store);
    sql_downgrade(run, version);
    lb_store *reader = store_open(run, LB_STORE_READ);
    for (int is_upgraded = 0; is_upgraded < 2; is_upgraded++)
    {
        check_earlier(reader);
        check_ok(lb_store_losses_load(&losses, reader, initial, 4, &error), &error);
        assert_memory_equal(losses.nll, nll, sizeof nll);
        assert_true((losses.el2n == NULL) == (version == 1));
        check_ok(lb_store_without_el2n_count(&n_without, reader, initial, &error), &error);
        assert_int_equal(n_without, version == 1 ? 2 : 0);
        assert_int_equal(sql_version(run), is_upgraded == 0 ? version : LB_STORE_VERSION);
        if (is_upgraded == 0)
        {
            store = store_open(run, LB_STORE_WRITE);
        }
    }
    lb_store_close(reader);
    check_earlier(store);
    lb_store_close(store);
    store = store_open(run, LB_STORE_WRITE);
    check_earlier(store);
    const int64_t later = model_add(store, "later", "cc");
    losses_save(store, later, 4, (lb_row_losses){nll, el2n, 2});
    check_ok(lb_store_losses_load(&losses, store, later, 4, &error), &error);
    assert_memory_equal(losses.el2n, el2n, sizeof el2n);
    check_ok(lb_store_without_el2n_count(&n_without, store, initial, &error), &error);
    assert_int_equal(n_without, version == 1 ? 2 : 0);
    lb_store_close(store);
}

/* Upgraded after the reader has looked which version it is and before its statement begins. */
static void check_upgrade_between(int version)
{
    static const float nll[] = {1.25F};
    lobass_error error = {0};
    lb_row_losses losses;
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    char name[32];
    (void)snprintf(name, sizeof name, "between-%d", version);
    const char *run = scratch_path(name);
    lb_store *store = store_with_rows(name, 8);
    const int64_t initial = model_add(store, "initial", "aa");
    losses_save(store, initial, 4, (lb_row_losses){nll, NULL, 1});
    lb_store_close(store);
    sql_downgrade(run, version);
    lb_store *reader = store_open(run, LB_STORE_READ);
    check_ok(lb_statement_use(&statement, reader, LB_SQL_MEASUREMENTS_LOAD, &error), &error);
    store = store_open(run, LB_STORE_WRITE);
    check_ok(lb_statement_step(reader, statement, &has_row, &error), &error);
    assert_true(has_row);
    sqlite3_reset(statement);
    check_ok(lb_store_losses_load(&losses, reader, initial, 4, &error), &error);
    assert_false(reader->is_overlaid);
    assert_memory_equal(losses.nll, nll, sizeof nll);
    lb_store_close(reader);
    lb_store_close(store);
}

static void test_earlier_versions(void **state)
{
    (void)state;
    check_upgrade(1);
    check_upgrade(2);
    check_upgrade_between(1);
    check_upgrade_between(2);
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
        cmocka_unit_test(test_earlier_versions),
        cmocka_unit_test(test_totals),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Measuring: the same bits for any number of threads and after any stop; against the decoder run on
 * one row; what does not fit the run is refused. And the whole method, stopped in every stage.
 */
#include "pass/pass.h"
#include "unit/store/replace.h"
#include "unit/store/sql.h"
#include "unit/task/measure_fixture.h"

static lobass_measure_options measure_options(const char *run, const char *model)
{
    return measure_options_as(run, model, "initial");
}

/* All losses and el2n of the first model, row after row; yours: lb_buffer_free(). */
static lb_buffer all_losses(const char *path)
{
    lobass_error error = {0};
    lobass_run *run = NULL;
    lobass_run_info info;
    lb_buffer losses = {0};
    check_ok(lobass_run_open(&run, path, &error), &error);
    check_ok(lobass_run_describe(run, &info, &error), &error);
    for (uint64_t i = 0; i < info.n_records; i++)
    {
        lobass_row row;
        float values[256];
        check_ok(lobass_run_row(run, i, &row, &error), &error);
        assert_in_range(row.n_scored, 1, 256);
        const size_t n_scored = row.n_scored;
        check_ok(lobass_run_losses(run, i, 0, values, n_scored, &error), &error);
        check_ok(lb_buffer_append(&losses, values, n_scored * sizeof *values, &error), &error);
        check_ok(lobass_run_el2n(run, i, 0, values, n_scored, &error), &error);
        check_ok(lb_buffer_append(&losses, values, n_scored * sizeof *values, &error), &error);
    }
    lobass_run_close(run);
    return losses;
}

static void check_same_losses(const char *a, const char *b)
{
    lb_buffer first = all_losses(a);
    lb_buffer second = all_losses(b);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    lb_buffer_free(&first);
    lb_buffer_free(&second);
}

/* Enough rows for more than one wave of packs. */
#define N_RECORDS 1200

/* An observer that is slow to listen, so that every question is asked, whatever the speed of the
 * machine; but for those of the plan, of which there are many. Says no once rows are saved. */
typedef struct questions
{
    uint64_t saved; /* rows */
    bool is_measuring, is_answered;
} questions;

static void wait_for_question(const questions *q)
{
    if (q->is_measuring)
    {
        (void)usleep(110000);
    }
}

static void hear_of_packs(void *context, lobass_log_level level, const char *line)
{
    questions *q = context;
    (void)level;
    q->is_measuring = q->is_measuring || strstr(line, " packs of up to ") != NULL;
    wait_for_question(q);
}

static bool stop_when_saved(void *context, const lobass_progress *progress)
{
    wait_for_question(context);
    return progress->done == 0;
}

static void test_threads_and_stops(void **state)
{
    lobass_error error = {0};
    (void)state;
    records_make("m.jsonl", N_RECORDS);
    (void)run_prepare("m.jsonl", "one");
    (void)run_prepare("m.jsonl", "two");
    (void)run_prepare("m.jsonl", "stopped");
    lobass_measure_options options = measure_options(place("one"), place("model"));
    const lobass_measure_result whole = measured(&options);
    assert_int_equal(whole.n_rows, N_RECORDS);
    assert_int_equal(whole.n_rows_total, N_RECORDS);
    options.run = place("two");
    options.n_threads = 3;
    const lobass_measure_result threads = measured(&options);
    assert_true(threads.mean_loss == whole.mean_loss);
    check_same_losses(place("one"), place("two"));
    questions q = {0};
    const lobass_observer observer = {
        .context = &q, .log = hear_of_packs, .progress = stop_when_saved};
    options.run = place("stopped");
    options.n_threads = 2;
    lobass_measure_result part;
    check_refused(lobass_measure(&options, &observer, &part, &error), LOBASS_CANCELLED, &error,
                  "measure initial", "rows");
    assert_in_range(part.n_rows, 1, N_RECORDS - 1);
    /* What a sum came to on the way does not matter: with the last row it is made again. */
    sql_run(options.run, "UPDATE measurements SET nll_sum = nll_sum + 1");
    options.n_threads = 1;
    const lobass_measure_result rest = measured(&options);
    assert_int_equal(rest.n_rows + part.n_rows, N_RECORDS);
    assert_int_equal(rest.n_rows_total, N_RECORDS);
    assert_true(rest.mean_loss == whole.mean_loss);
    check_same_losses(place("one"), place("stopped"));
    const lobass_measure_result again = measured(&options);
    assert_int_equal(again.n_rows, 0);
    assert_true(again.mean_loss == whole.mean_loss);
}

static void test_against_decoder(void **state)
{
    lobass_error error = {0};
    lb_model *model = NULL;
    lb_compute *compute = NULL;
    lb_decoder *decoder = NULL;
    lb_batch_builder builder = {0};
    lobass_run *run = NULL;
    (void)state;
    records_make("d.jsonl", 20);
    (void)run_prepare("d.jsonl", "decoder");
    const lobass_measure_options options = measure_options(place("decoder"), place("model"));
    (void)measured(&options);
    check_ok(lb_model_load(&model, place("model"), LB_F32, LB_MODEL_SCORE, &error), &error);
    check_ok(lb_compute_create(&compute, 1, &error), &error);
    check_ok(lb_decoder_create(&decoder, model, compute, 96, LB_DECODER_SCORE, &error), &error);
    check_ok(lobass_run_open(&run, place("decoder"), &error), &error);
    for (uint64_t i = 0; i < 20; i++)
    {
        lobass_row row;
        float expected[96];
        float found[96];
        check_ok(lobass_run_row(run, i, &row, &error), &error);
        lb_batch_builder_reset(&builder);
        check_ok(lb_batch_builder_add(&builder, row.ids, row.flags, row.n_tokens, &error), &error);
        const size_t n_scored = row.n_scored;
        assert_int_equal(builder.batch.n_scored, n_scored);
        check_ok(lb_decoder_forward(decoder, &builder.batch, expected, NULL, &error), &error);
        check_ok(lobass_run_losses(run, i, 0, found, n_scored, &error), &error);
        for (size_t t = 0; t < n_scored; t++)
        {
            assert_true(fabsf(found[t] - expected[t]) < 1e-4F);
        }
        check_refused(lobass_run_losses(run, i, 1, found, n_scored, &error), LOBASS_NOT_FOUND,
                      &error, "decoder", "model 1");
        check_refused(lobass_run_losses(run, i, 0, found, n_scored - 1, &error),
                      LOBASS_BAD_ARGUMENT, &error, "decoder", "room for");
    }
    lobass_run_close(run);
    lb_batch_builder_free(&builder);
    lb_decoder_free(decoder);
    lb_compute_free(compute);
    lb_model_free(model);
}

static void test_other_model(void **state)
{
    lobass_error error = {0};
    (void)state;
    records_make("x.jsonl", 10);
    (void)run_prepare("x.jsonl", "other");
    model_make_as("second", 8, 512);
    lobass_measure_options options = measure_options(place("other"), place("model"));
    const lobass_measure_result first = measured(&options);
    options.model = place("second");
    check_refused(lobass_measure(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "\"initial\"", "fingerprint");
    options.name = "second_one-2";
    const lobass_measure_result second = measured(&options);
    assert_true(first.mean_loss != second.mean_loss);
    options.name = "initial";
    options.overwrite = true;
    const lobass_measure_result replaced = measured(&options);
    assert_int_equal(replaced.n_rows, 10);
    assert_true(replaced.mean_loss == second.mean_loss);
    options.overwrite = false;
    options.dtype = LOBASS_DTYPE_BF16;
    check_refused(lobass_measure(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error, "fp32",
                  "bf16");
}

/* Two kinds of CPU whose bits differ: losses of both are not mixed under one name. */
static void test_other_instructions(void **state)
{
    lobass_error error = {0};
    (void)state;
    records_make("cpu.jsonl", 20);
    (void)run_prepare("cpu.jsonl", "cpu");
    lobass_measure_options options = measure_options(place("cpu"), place("model"));
    assert_int_equal(setenv("LOBASS_CPU", "plain", 1), 0);
    assert_int_equal(measured(&options).n_rows, 20);
    assert_int_equal(unsetenv("LOBASS_CPU"), 0);
    if (lb_cpu_detect().has_avx2)
    {
        check_refused(lobass_measure(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                      "native/plain", "native/fma");
        options.overwrite = true;
        assert_int_equal(measured(&options).n_rows, 20);
    }
}

/* Losses scored alone are the stored ones; one that was changed is found, a lost one too, and so is
 * an el2n. */
static void test_verify(void **state)
{
    static const float changes[] = {0.125F, 0.25F, NAN}; /* of the el2n, of the loss */
    lobass_error error = {0};
    lb_store *store = NULL;
    lb_measurement model = {0};
    listener heard = {0};
    const lobass_observer observer = listen(&heard);
    lobass_measure_result result;
    (void)state;
    records_make("verify.jsonl", 60);
    (void)run_prepare("verify.jsonl", "verify");
    lobass_measure_options options = measure_options(place("verify"), place("model"));
    options.verify = 1;
    check_ok(lobass_measure(&options, &observer, &result, &error), &error);
    assert_int_equal(result.n_verified, 60);
    assert_true(result.n_different == 0 && result.largest_difference == 0 && heard.n_warnings == 0);
    options.verify = 1e-9; /* one row at least */
    assert_int_equal(measured(&options).n_verified, 1);
    options.verify = 1;
    for (size_t k = 0; k < 3; k++)
    {
        lb_row_losses losses;
        float changed[256];
        check_ok(lb_store_open(&store, options.run, LB_STORE_WRITE, &error), &error);
        check_ok(lb_store_measurement_load(&model, store, "initial", &error), &error);
        check_ok(lb_store_losses_load(&losses, store, model.id, 7, &error), &error);
        memcpy(changed, k > 0 ? losses.nll : losses.el2n, losses.n_scored * sizeof *changed);
        changed[0] += changes[k];
        *(k > 0 ? &losses.nll : &losses.el2n) = changed;
        check_ok(lb_store_begin(store, &error), &error);
        check_ok(losses_replace(store, model.id, 7, &losses, &error), &error);
        check_ok(lb_store_commit(store, &error), &error);
        lb_store_measurement_clear(&model);
        lb_store_close(store);
        heard.n_warnings = 0;
        check_ok(lobass_measure(&options, &observer, &result, &error), &error);
        assert_true(k < 2 ? fabs(result.largest_difference - (double)changes[k]) < 1e-6
                          : isinf(result.largest_difference));
        assert_int_equal(heard.n_warnings, k < 2 ? 1 : 2); /* and that a loss is not finite */
        assert_non_null(strstr(heard.last, "1 of 60 rows differ when scored alone"));
        assert_non_null(strstr(heard.last, "row 7, by "));
        assert_int_equal(result.n_different, 1);
    }
}

/* A row without a finite loss says so, and takes nothing else with it. */
static void test_nonfinite_row(void **state)
{
    lobass_error error = {0};
    lb_store *store = NULL;
    lb_measurement model = {0};
    lobass_run *run = NULL;
    lobass_run_totals totals;
    double sum = 0;
    size_t n_scored = 0;
    (void)state;
    records_make("nf.jsonl", 10);
    (void)run_prepare("nf.jsonl", "nonfinite");
    const lobass_measure_options options = measure_options(place("nonfinite"), place("model"));
    (void)measured(&options);
    check_ok(lb_store_open(&store, options.run, LB_STORE_WRITE, &error), &error);
    check_ok(lb_store_measurement_load(&model, store, "initial", &error), &error);
    for (uint64_t i = 0; i < 10; i++)
    {
        lb_row_losses losses;
        float spoilt[256];
        check_ok(lb_store_losses_load(&losses, store, model.id, i, &error), &error);
        const size_t count = losses.n_scored;
        assert_in_range(count, 1, 256);
        memcpy(spoilt, losses.nll, count * sizeof *spoilt);
        for (size_t t = 0; t < count && i != 3; t++)
        {
            sum += (double)losses.nll[t];
        }
        n_scored += i != 3 ? count : 0;
        spoilt[count - 1] = i == 3 ? INFINITY : spoilt[count - 1];
        losses.nll = spoilt;
        check_ok(losses_replace(store, model.id, i, &losses, &error), &error);
    }
    lb_store_measurement_clear(&model);
    lb_store_close(store);
    listener l = {0};
    const lobass_observer observer = listen(&l);
    lobass_measure_result result;
    check_ok(lobass_measure(&options, &observer, &result, &error), &error);
    assert_int_equal(result.n_rows_total, 10);
    assert_int_equal(result.n_nonfinite, 1);
    assert_true(fabs(result.mean_loss - sum / (double)n_scored) < 1e-12);
    assert_int_equal(l.n_warnings, 1);
    assert_non_null(strstr(l.last, "1 of 10 rows have a loss that is not finite"));
    check_ok(lobass_run_open(&run, options.run, &error), &error);
    check_ok(lobass_run_measured(run, 0, &totals, &error), &error);
    assert_true(totals.mean_loss == result.mean_loss);
    assert_int_equal(totals.n_rows, 10);
    assert_int_equal(totals.n_rows_due, 10);
    check_refused(lobass_run_measured(run, 1, &totals, &error), LOBASS_NOT_FOUND, &error, "model 1",
                  "measured under 1");
    lobass_run_close(run);
}

/* Says no to the first question within a wave (with nothing new) once something is saved. */
static bool answer(void *context, const lobass_progress *progress)
{
    questions *q = context;
    wait_for_question(q);
    const bool is_within = q->saved > 0 && progress->done == q->saved;
    q->is_answered = q->is_answered || is_within;
    q->saved = progress->done;
    return !is_within;
}

static void test_cancelled_within_a_wave(void **state)
{
    lobass_error error = {0};
    questions q = {0};
    const lobass_observer observer = {.context = &q, .log = hear_of_packs, .progress = answer};
    char expected[64];
    lobass_measure_result part;
    (void)state;
    records_make("w.jsonl", N_RECORDS);
    (void)run_prepare("w.jsonl", "waves");
    const lobass_measure_options options = measure_options(place("waves"), place("model"));
    const lobass_status status = lobass_measure(&options, &observer, &part, &error);
    (void)snprintf(expected, sizeof expected, "stopped after %llu rows",
                   (unsigned long long)part.n_rows);
    check_refused(status, LOBASS_CANCELLED, &error, "measure initial", expected);
    assert_true(q.is_answered);
    /* The first wave is one pack, the second two: of those one was begun, and is kept. */
    assert_in_range(part.n_rows, q.saved + q.saved / 2, 2 * q.saved + q.saved / 2);
    assert_int_equal(measured(&options).n_rows_total, N_RECORDS);
}

static bool collect(void *context, const char *data, size_t size_bytes)
{
    return lb_buffer_append(context, data, size_bytes, NULL) == LOBASS_OK;
}

static void hear_of_the_end(void *context, lobass_log_level level, const char *line)
{
    bool *is_told = context;
    *is_told = *is_told || (level == LOBASS_LOG_NOTE &&
                            strstr(line, "the selection was made from the earlier losses") != NULL);
}

/* New losses under `initial` end what was selected by the old ones; other names do not. */
static void test_replaced_ends_selection(void **state)
{
    lobass_error error = {0};
    lobass_run *run = NULL;
    (void)state;
    records_make("rs.jsonl", 10);
    (void)run_prepare("rs.jsonl", "chosen");
    bool is_told = false;
    const lobass_observer observer = {.context = &is_told, .log = hear_of_the_end};
    model_make_as("later", 9, 512);
    lobass_measure_options options = measure_options(place("chosen"), place("model"));
    (void)measured(&options);
    options.name = "aside";
    (void)measured(&options);
    lobass_select_options select = lobass_select_options_default();
    select.run = options.run;
    select.spec.by = LOBASS_SCORE_LOSS;
    select.spec.direction = LOBASS_DIRECTION_LOWEST;
    select.spec.floor = 0.5;
    check_ok(lobass_select(&select, NULL, NULL, &error), &error);
    options.model = place("later");
    options.overwrite = true;
    for (int is_initial = 0; is_initial < 2; is_initial++)
    {
        lb_buffer text = {0};
        options.name = is_initial == 1 ? "initial" : "aside";
        is_told = false;
        check_ok(lobass_measure(&options, &observer, NULL, &error), &error);
        assert_int_equal(is_told, is_initial == 1);
        assert_int_equal(lb_path_look(place("chosen/selected.jsonl")),
                         is_initial == 1 ? LB_PATH_MISSING : LB_PATH_FILE);
        assert_int_equal(lb_path_look(place("chosen/scores.jsonl")),
                         is_initial == 1 ? LB_PATH_MISSING : LB_PATH_FILE);
        assert_int_equal(lb_path_look(place("chosen/manifest.json")),
                         is_initial == 1 ? LB_PATH_MISSING : LB_PATH_FILE);
        check_ok(lobass_run_open(&run, options.run, &error), &error);
        check_ok(lobass_run_scores(run, LOBASS_TABLE_JSONL, collect, &text, &error), &error);
        lobass_run_close(run);
        assert_int_equal(strstr(text.data, "\"rank\"") == NULL, is_initial == 1);
        assert_int_equal(strstr(text.data, "\"selected\"") == NULL, is_initial == 1);
        lb_buffer_free(&text);
    }
}

/* Counts of how rows end are told until losses are added that may tell otherwise. */
static void test_added_ends_counts(void **state)
{
    static const char *const names[] = {"other", "reference"};
    lobass_error error = {0};
    lb_store *store = NULL;
    lb_row_counts counts = {.ended = {[LOBASS_ROW_OK] = 10}};
    (void)state;
    records_make("ends.jsonl", 10);
    (void)run_prepare("ends.jsonl", "ends");
    lobass_measure_options options = measure_options(place("ends"), place("model"));
    check_ok(lb_store_open(&store, options.run, LB_STORE_WRITE, &error), &error);
    check_ok(lb_store_ended_save(store, &counts, &error), &error);
    lb_store_close(store);
    for (int i = 0; i < 2; i++)
    {
        options.name = names[i];
        (void)measured(&options);
        check_ok(lb_store_open(&store, options.run, LB_STORE_READ, &error), &error);
        check_ok(lb_store_counts_load(&counts, store, &error), &error);
        assert_int_equal(counts.has_ended, i == 0);
        lb_store_close(store);
    }
}

/* Positions that a model never had are not computed. */
static void test_rows_too_long(void **state)
{
    lobass_error error = {0};
    uint32_t longest = 0;
    char expected[64];
    lb_buffer text = {0};
    (void)state;
    records_make("long.jsonl", 10);
    (void)run_prepare("long.jsonl", "long");
    model_make_as("short", 7, 512);
    char *config = file_text(place("short/config.json"));
    char *found = strstr(config, "\"max_position_embeddings\": 96");
    assert_non_null(found);
    *found = '\0';
    check_ok(lb_buffer_print(&text, &error, "%s\"max_position_embeddings\": 9%s", config,
                             found + strlen("\"max_position_embeddings\": 96")),
             &error);
    file_make("short/config.json", text.data);
    lb_buffer_free(&text);
    free(config);
    lobass_measure_options options = measure_options(place("long"), place("short"));
    lobass_run *run = NULL;
    check_ok(lobass_run_open(&run, options.run, &error), &error);
    for (uint64_t i = 0; i < 10; i++)
    {
        lobass_row row;
        check_ok(lobass_run_row(run, i, &row, &error), &error);
        longest = row.n_tokens > longest ? (uint32_t)row.n_tokens : longest;
    }
    lobass_run_close(run);
    (void)snprintf(expected, sizeof expected, "longest row has %u tokens", (unsigned)longest);
    check_refused(lobass_measure(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error, expected,
                  "takes 9");
}

static bool refuse(void *context, const lobass_progress *progress)
{
    uint64_t *n_asked = context;
    (void)progress;
    ++*n_asked;
    return false;
}

/* Of a million rows planning takes seconds: it asks whether to go on, too. */
static void test_cancelled_while_planning(void **state)
{
    lobass_error error = {0};
    uint64_t n_asked = 0;
    const lobass_observer observer = {.context = &n_asked, .progress = refuse};
    lb_store *store = NULL;
    lb_row_summary *summaries = NULL;
    lb_plan *plan = NULL;
    lb_stage stage;
    size_t n_rows = 0, max_tokens = 0;
    (void)state;
    records_make("p.jsonl", 20);
    (void)run_prepare("p.jsonl", "plan");
    check_ok(lb_store_open(&store, place("plan"), LB_STORE_READ, &error), &error);
    check_ok(lb_store_summaries_load(&summaries, &n_rows, store, &error), &error);
    lb_stage_begin(&stage, &observer, "measure initial", "rows", 0, n_rows);
    check_refused(
        lb_score_plan_create(&plan, &max_tokens, store, summaries, n_rows, true, &stage, &error),
        LOBASS_CANCELLED, &error, "measure initial", "stopped after 0 rows");
    assert_int_equal(n_asked, 1);
    assert_null(plan);
    check_ok(lb_score_plan_create(&plan, &max_tokens, store, summaries, n_rows, true, NULL, &error),
             &error);
    lb_plan_free(plan);
    free(summaries);
    lb_store_close(store);
}

static void test_refused(void **state)
{
    static const char too_long[] =
        "0123456789012345678901234567890123456789012345678901234567890123"; /* 64 */
    static const char *const names[] = {"", "Initial", "a b", "../x", too_long};
    lobass_error error = {0};
    (void)state;
    records_make("y.jsonl", 600);
    (void)run_prepare("y.jsonl", "refused");
    lobass_measure_options options = measure_options(place("refused"), place("model"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    {
        options.name = names[i];
        check_refused(lobass_measure(&options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                      "name", "a-z");
    }
    options.name = "initial";
    options.run = place("nowhere");
    check_refused(lobass_measure(&options, NULL, NULL, &error), LOBASS_NOT_FOUND, &error, "nowhere",
                  "no such folder");
    /* A run whose prepare was stopped. */
    const char *data[] = {place("y.jsonl")};
    listener l = {.cancel_at = 1};
    const lobass_observer observer = listen(&l);
    const lobass_prepare_options prepare = prepare_options(data, 1, place("unready"));
    check_refused(lobass_prepare(&prepare, &observer, NULL, &error), LOBASS_CANCELLED, &error, "",
                  "");
    options = measure_options(place("unready"), place("model"));
    check_refused(lobass_measure(&options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "unready", "prepare");
}

static void test_describe(void **state)
{
    lobass_error error = {0};
    lobass_model_info info;
    lobass_model_info other;
    lb_hash hash;
    char text[LB_HASH_TEXT_SIZE];
    (void)state;
    check_ok(lobass_model_describe(place("model"), &info, &error), &error);
    assert_string_equal(info.architecture, "LlamaForCausalLM");
    /* 512 x 16 embedding, tied; a layer: 2 norms, q and o 16 x 16, k and v 8 x 16, 3 x 24 x 16. */
    assert_int_equal(info.n_parameters, 512 * 16 + 2 * 16 + 2 * 256 + 2 * 128 + 3 * 384 + 16);
    assert_int_equal(info.weight_bytes, 4 * info.n_parameters);
    assert_string_equal(info.dtype, "F32");
    assert_string_equal(info.rope_scaling, "none");
    assert_true(info.has_tied_head && info.max_length == 96 && info.n_vocabulary == 512);
    check_ok(lb_fingerprint_compute(&hash, place("model"), &error), &error);
    lb_hash_text(hash, text);
    assert_string_equal(info.fingerprint, text);
    model_make_as("twin", 8, 512);
    check_ok(lobass_model_describe(place("twin"), &other, &error), &error);
    assert_string_not_equal(info.fingerprint, other.fingerprint);
    check_refused(lobass_model_describe(place("void"), &info, &error), LOBASS_NOT_FOUND, &error,
                  "void", "open");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_and_stops),
        cmocka_unit_test(test_against_decoder),
        cmocka_unit_test(test_other_model),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_other_instructions),
        cmocka_unit_test(test_nonfinite_row),
        cmocka_unit_test(test_cancelled_within_a_wave),
        cmocka_unit_test(test_cancelled_while_planning),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_replaced_ends_selection),
        cmocka_unit_test(test_added_ends_counts),
        cmocka_unit_test(test_rows_too_long),
        cmocka_unit_test(test_describe),
    };
    return cmocka_run_group_tests(tests, run_setup, scratch_teardown);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Measuring responses without what they answer: against the decoder on token lists made here; the
 * same bits for any number of threads, after a stop, and for each row alone; refusals.
 */
#include "task/task.h"
#include "unit/task/measure_fixture.h"

#define N_RECORDS 1200
#define END_ID 0 /* of the tests' tokenizer, which has no BOS */

static lobass_measure_options measure_options(const char *run, const char *model)
{
    return measure_options_as(run, model, "unconditional");
}

static void check_same_losses(const char *a, const char *b, size_t n_rows)
{
    lobass_error error = {0};
    lobass_run *runs[2] = {NULL, NULL};
    check_ok(lobass_run_open(&runs[0], a, &error), &error);
    check_ok(lobass_run_open(&runs[1], b, &error), &error);
    for (uint64_t i = 0; i < n_rows; i++)
    {
        lobass_row row;
        float nll[2][256];
        check_ok(lobass_run_row(runs[0], i, &row, &error), &error);
        assert_in_range(row.n_scored, 1, 256);
        const size_t n_scored = row.n_scored;
        check_ok(lobass_run_losses(runs[0], i, 0, nll[0], n_scored, &error), &error);
        check_ok(lobass_run_losses(runs[1], i, 0, nll[1], n_scored, &error), &error);
        assert_memory_equal(nll[0], nll[1], n_scored * sizeof nll[0][0]);
    }
    lobass_run_close(runs[0]);
    lobass_run_close(runs[1]);
}

static void test_threads_and_stops(void **state)
{
    lobass_error error = {0};
    (void)state;
    records_make("m.jsonl", N_RECORDS);
    (void)run_prepare("m.jsonl", "one");
    (void)run_prepare("m.jsonl", "stopped");
    lobass_measure_options options = measure_options(place("one"), place("model"));
    options.verify = 0.1;
    const lobass_measure_result whole = measured(&options);
    assert_int_equal(whole.n_rows_total, N_RECORDS);
    assert_true(whole.n_verified > 50);
    assert_int_equal(whole.n_different, 0);
    /* One token before each response, no prompt. */
    assert_int_equal(whole.n_tokens, whole.n_scored_tokens + N_RECORDS);
    options.verify = 0;
    listener l = {.cancel_at = 1};
    const lobass_observer observer = listen(&l);
    options.run = place("stopped");
    options.n_threads = 3;
    lobass_measure_result part;
    check_refused(lobass_measure(&options, &observer, &part, &error), LOBASS_CANCELLED, &error,
                  "measure unconditional", "rows");
    assert_in_range(part.n_rows, 1, N_RECORDS - 1);
    options.n_threads = 2;
    const lobass_measure_result rest = measured(&options);
    assert_int_equal(rest.n_rows + part.n_rows, N_RECORDS);
    assert_true(rest.mean_loss == whole.mean_loss);
    check_same_losses(place("one"), place("stopped"), N_RECORDS);
}

/* Two responses in a row, cut within the second by max_length; each behind the end token. */
static void test_against_decoder(void **state)
{
    static const char text[] =
        "{\"messages\": [{\"role\": \"user\", \"content\": \"What does the baker do?\"}, "
        "{\"role\": \"assistant\", \"content\": \"He plays.\"}, "
        "{\"role\": \"user\", \"content\": \"Where?\"}, "
        "{\"role\": \"assistant\", \"content\": \"By the old river, on a stone, all day.\"}]}\n";
    lobass_error error = {0};
    lb_model *model = NULL;
    lb_compute *compute = NULL;
    lb_decoder *decoder = NULL;
    lobass_run *run = NULL;
    lobass_row row;
    int32_t ids[96] = {END_ID};
    uint32_t starts[3] = {0};
    uint32_t scored[96];
    float expected[96];
    float found[96];
    size_t n = 0;
    size_t n_scored = 0;
    size_t n_responses = 0;
    (void)state;
    file_make("turns.jsonl", text);
    const char *data[] = {place("turns.jsonl")};
    lobass_prepare_options prepare = prepare_options(data, 1, place("turns"));
    prepare.format.max_length = 32;
    check_ok(lobass_prepare(&prepare, NULL, NULL, &error), &error);
    const lobass_measure_options options = measure_options(place("turns"), place("model"));
    assert_int_equal(measured(&options).n_rows, 1);
    check_ok(lobass_run_open(&run, place("turns"), &error), &error);
    check_ok(lobass_run_row(run, 0, &row, &error), &error);
    assert_int_equal(row.status, LOBASS_ROW_TRUNCATED);
    for (size_t t = 0; t < row.n_tokens; t++)
    {
        if ((row.flags[t] & LOBASS_TOKEN_FIRST) != 0)
        {
            starts[n_responses++] = (uint32_t)n;
            ids[n++] = END_ID;
        }
        if ((row.flags[t] & LOBASS_TOKEN_SCORED) != 0)
        {
            scored[n_scored++] = (uint32_t)n;
            ids[n++] = row.ids[t];
        }
    }
    assert_int_equal(n_responses, 2);
    starts[2] = (uint32_t)n;
    const lb_batch batch = {.n_tokens = n,
                            .ids = ids,
                            .n_sequences = 2,
                            .starts = starts,
                            .n_scored = n_scored,
                            .scored = scored};
    check_ok(lobass_run_losses(run, 0, 0, found, n_scored, &error), &error);
    check_ok(lb_model_load(&model, place("model"), LB_F32, LB_MODEL_SCORE, &error), &error);
    check_ok(lb_compute_create(&compute, 1, &error), &error);
    check_ok(lb_decoder_create(&decoder, model, compute, 96, LB_DECODER_SCORE, &error), &error);
    check_ok(lb_decoder_forward(decoder, &batch, expected, NULL, &error), &error);
    for (size_t t = 0; t < n_scored; t++)
    {
        assert_true(fabsf(found[t] - expected[t]) < 1e-4F);
    }
    lobass_run_close(run);
    lb_decoder_free(decoder);
    lb_compute_free(compute);
    lb_model_free(model);
}

static void test_refusals(void **state)
{
    lobass_error error = {0};
    lobass_prepare_result prepared;
    (void)state;
    records_make("r.jsonl", 5);
    model_make_with("endless", RUN_TOKENIZER, "null", 7, 512);
    const char *data[] = {place("r.jsonl")};
    lobass_prepare_options prepare = prepare_options(data, 1, place("endless-run"));
    prepare.model = place("endless");
    check_ok(lobass_prepare(&prepare, NULL, &prepared, &error), &error);
    lobass_measure_options options = measure_options(place("endless-run"), place("endless"));
    check_refused(lobass_measure(&options, NULL, NULL, &error), LOBASS_UNSUPPORTED, &error,
                  "endless", "no BOS and no end token");
    options.name = "initial";
    assert_int_equal(measured(&options).n_rows, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_and_stops),
        cmocka_unit_test(test_against_decoder),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, run_setup, scratch_teardown);
}

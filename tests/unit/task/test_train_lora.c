/* SPDX-License-Identifier: Apache-2.0
 *
 * Training an adapter: what is written, that it learns, the same bytes after any stop and for any
 * number of threads, in fp32 and bf16; and measuring with it: what has not learned leaves the bits
 * of the base's losses, what has learned is what the losses of the training say.
 */
#include "unit/task/train_fixture.h"

#include <math.h>

#define N_STEPS 12

static int lora_open(void **state)
{
    if (fixture_open(state) != 0)
    {
        return -1;
    }
    fixture *f = *state;
    f->options.lora.rank = 4;
    f->options.lora.targets = "q_proj,v_proj,up_proj";
    f->options.learning_rate = 3e-2;
    return 0;
}

static void train(const lobass_train_options *options, lobass_train_result *result)
{
    lobass_error error = {0};
    check_ok(lobass_train(options, NULL, result, &error), &error);
}

static void check_same_adapter(const char *a, const char *b)
{
    check_same_file(a, b, "adapter_model.safetensors");
    check_same_file(a, b, "adapter_config.json");
    check_same_file(a, b, "train_log.csv");
}

static void test_written(void **state)
{
    static const char *const there[] = {"adapter_config.json", "adapter_model.safetensors",
                                        "tokenizer.json", "train_log.csv"};
    static const char *const missing[] = {"config.json", "model.safetensors"};
    const fixture *f = *state;
    lobass_error error = {0};
    lobass_train_result result;
    char path[PATH_SIZE];
    lb_hash before;
    lb_hash after;
    check_ok(lb_model_fingerprint(&before, f->model, &error), &error);
    train(&f->options, &result);
    assert_int_equal(N_STEPS, result.n_steps);
    assert_true(result.last_loss < result.first_loss - 0.1);
    for (size_t i = 0; i < sizeof there / sizeof *there; i++)
    {
        path_print(path, f->output, there[i]);
        assert_int_equal(LB_PATH_FILE, lb_path_look(path));
    }
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
    {
        path_print(path, f->output, missing[i]);
        assert_int_equal(LB_PATH_MISSING, lb_path_look(path));
    }
    assert_int_equal(1 + N_STEPS, line_count(f->output, "train_log.csv"));
    assert_int_equal(LB_PATH_MISSING, lb_path_look(f->partial));
    check_ok(lb_model_fingerprint(&after, f->model, &error), &error);
    assert_true(lb_hash_equal(before, after));
}

static void test_described(void **state)
{
    const fixture *f = *state;
    lobass_error error = {0};
    lobass_adapter_info info;
    char *base = realpath(f->model, NULL);
    train(&f->options, NULL);
    check_ok(lobass_adapter_describe(f->output, &info, &error), &error);
    assert_int_equal(4, info.rank);
    assert_true(info.alpha == 8 && info.scale == 2);
    assert_string_equal("q_proj,v_proj,up_proj", info.targets);
    assert_string_equal(base, info.base);
    assert_string_equal("F32", info.dtype);
    assert_int_equal(6, info.n_matrices);
    /* Width 16, two heads of 8 on one key head, feed-forward 24: q, v, up in two layers. */
    assert_int_equal(2 * 4 * ((16 + 16) + (16 + 8) + (16 + 24)), info.n_parameters);
    assert_int_equal(4 * info.n_parameters, info.weight_bytes);
    assert_int_equal(32, strlen(info.fingerprint));
    free(base);
}

/* Cancelled after every single step, with a checkpoint each; then to the end. */
static void stopped_everywhere(fixture *f)
{
    lobass_error error = {0};
    f->options.checkpoint_seconds = 0;
    for (int i = 0; i < N_STEPS; i++)
    {
        canceller c = {.n_left = 1};
        const lobass_observer observer = {.context = &c, .progress = cancel_when_due};
        assert_int_equal(LOBASS_CANCELLED, lobass_train(&f->options, &observer, NULL, &error));
    }
    train(&f->options, NULL);
}

static void test_stops_and_threads(void **state)
{
    static const lobass_dtype dtypes[] = {LOBASS_DTYPE_FP32, LOBASS_DTYPE_BF16};
    fixture *f = *state;
    char whole[PATH_SIZE];
    lobass_error error = {0};
    path_print(whole, f->folder, "whole");
    for (size_t d = 0; d < 2; d++)
    {
        lobass_train_options options = f->options;
        options.dtype = dtypes[d];
        options.output = whole;
        options.n_threads = 3;
        train(&options, NULL);
        f->options.dtype = dtypes[d];
        stopped_everywhere(f);
        check_same_adapter(f->output, whole);
        check_ok(lb_folder_remove(whole, &error), &error);
        check_ok(lb_folder_remove(f->output, &error), &error);
    }
}

static void test_other_adapter_is_refused(void **state)
{
    fixture *f = *state;
    lobass_error error = {0};
    canceller c = {.n_left = 1};
    const lobass_observer observer = {.context = &c, .progress = cancel_when_due};
    assert_int_equal(LOBASS_CANCELLED, lobass_train(&f->options, &observer, NULL, &error));
    const lobass_train_options good = f->options;
    f->options.lora.rank = 8;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "checkpoint/state.json", "\"lora_rank\": 4, now 8");
    f->options = good;
    f->options.lora.alpha = 5;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "checkpoint/state.json", "\"lora_alpha\"");
    f->options = good;
    f->options.lora.targets = NULL;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "\"lora_targets\": \"q_proj,v_proj,up_proj\", now \"all-linear\"", "");
    f->options = good;
    f->options.lora.rank = 0;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "checkpoint/state.json", "\"lora_rank\": 4, now nothing");
    f->options = good;
    f->options.lora.dropout = 0.1;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_UNSUPPORTED, &error,
                  "lora_dropout", "0.1");
}

static void test_targets_read(void **state)
{
    uint32_t targets = 0;
    char *text = NULL;
    lobass_error error = {0};
    (void)state;
    check_ok(lb_lora_targets_parse(&targets, "all-linear", &error), &error);
    assert_int_equal(LB_LORA_ALL_LINEAR, targets);
    check_ok(lb_lora_targets_parse(&targets, "down_proj,q_proj", &error), &error);
    assert_int_equal(1U | 64U, targets);
    check_ok(lb_lora_targets_print(&text, targets, &error), &error);
    assert_string_equal("q_proj,down_proj", text);
    free(text);
    static const char *const bad[] = {"", "q_proj,", ",q_proj", "q", "lm_head", "q_proj, v_proj"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    {
        check_refused(lb_lora_targets_parse(&targets, bad[i], &error), LOBASS_BAD_ARGUMENT, &error,
                      "expected all-linear or some of", "found");
    }
}

/* ---- measuring --------------------------------------------------------------------------------
 */

static void run_make(const fixture *f, const char *run)
{
    lobass_error error = {0};
    lobass_prepare_options prepare = lobass_prepare_options_default();
    prepare.model = f->model;
    prepare.data = f->data_list;
    prepare.n_data = 1;
    prepare.format = f->options.format;
    prepare.run = run;
    check_ok(lobass_prepare(&prepare, NULL, NULL, &error), &error);
}

static double measure(const fixture *f, const char *run, const char *name, const char *adapter)
{
    lobass_error error = {0};
    lobass_measure_result result;
    lobass_measure_options options = lobass_measure_options_default();
    options.run = run;
    options.model = f->model;
    options.adapter = adapter;
    options.name = name;
    options.dtype = LOBASS_DTYPE_FP32;
    check_ok(lobass_measure(&options, NULL, &result, &error), &error);
    assert_int_equal(FIXTURE_ROWS, result.n_rows_total);
    return result.mean_loss;
}

/* A learning rate of 0 leaves b at 0: every loss has the bits of the base's. */
static void test_unlearned_is_the_base(void **state)
{
    fixture *f = *state;
    char run[PATH_SIZE];
    lobass_error error = {0};
    lobass_run *opened = NULL;
    lobass_run_info info;
    path_print(run, f->folder, "run");
    run_make(f, run);
    f->options.learning_rate = 0;
    train(&f->options, NULL);
    (void)measure(f, run, "initial", NULL);
    (void)measure(f, run, "reference", f->output);
    check_ok(lobass_run_open(&opened, run, &error), &error);
    check_ok(lobass_run_describe(opened, &info, &error), &error);
    assert_int_equal(2, info.n_models);
    const lobass_run_model *initial = lobass_run_model_at(opened, 0);
    const lobass_run_model *reference = lobass_run_model_at(opened, 1);
    assert_string_not_equal(initial->fingerprint, reference->fingerprint);
    assert_string_equal(initial->path, reference->path);
    assert_null(initial->adapter);
    assert_non_null(strstr(reference->adapter, "/out"));
    for (uint64_t i = 0; i < info.n_records; i++)
    {
        float nll[2][256];
        lobass_row row;
        check_ok(lobass_run_row(opened, i, &row, &error), &error);
        const size_t n_scored = row.n_scored;
        assert_in_range(n_scored, 1, 256);
        for (size_t m = 0; m < 2; m++)
        {
            check_ok(lobass_run_losses(opened, i, m, nll[m], n_scored, &error), &error);
        }
        assert_memory_equal(nll[0], nll[1], n_scored * sizeof(float));
    }
    lobass_run_close(opened);
}

static void test_measured_as_trained(void **state)
{
    fixture *f = *state;
    char run[PATH_SIZE];
    char other[PATH_SIZE];
    lobass_error error = {0};
    lobass_train_result result;
    path_print(run, f->folder, "run");
    path_print(other, f->folder, "next");
    run_make(f, run);
    f->options.batch_size = FIXTURE_ROWS;
    f->options.n_epochs = 3;
    train(&f->options, &result);
    const double initial = measure(f, run, "initial", NULL);
    assert_true(fabs(initial - result.first_loss) < 1e-5);
    const double reference = measure(f, run, "reference", f->output);
    assert_true(reference < initial - 0.05);

    /* NAME is taken by this adapter: another one, or none, is another model. */
    lobass_measure_options options = lobass_measure_options_default();
    options.run = run;
    options.model = f->model;
    options.name = "reference";
    options.dtype = LOBASS_DTYPE_FP32;
    check_refused(lobass_measure(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "with the adapter", "/out");
    f->options.output = other;
    f->options.seed = 12;
    train(&f->options, NULL);
    options.adapter = other;
    check_refused(lobass_measure(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "with the adapter", "/next");
    options.overwrite = true;
    check_ok(lobass_measure(&options, NULL, NULL, &error), &error);
    options.adapter = f->folder;
    check_refused(lobass_measure(&options, NULL, NULL, &error), LOBASS_NOT_FOUND, &error,
                  "adapter_config.json", "");
}

/* The reference is an adapter in RUN/reference; again with other options it is refused. */
static void test_run_with_adapter(void **state)
{
    fixture *f = *state;
    char run[PATH_SIZE];
    char reference[PATH_SIZE];
    char weights[PATH_SIZE];
    lobass_error error = {0};
    lobass_run_result first;
    lobass_run_result again;
    lobass_run_options options = lobass_run_options_default();
    path_print(run, f->folder, "run");
    path_print(reference, run, "reference");
    path_print(weights, reference, "adapter_model.safetensors");
    options.prepare.model = f->model;
    options.prepare.data = f->data_list;
    options.prepare.n_data = 1;
    options.prepare.format = f->options.format;
    options.prepare.run = run;
    options.train = f->options;
    options.dtype = LOBASS_DTYPE_FP32;
    options.n_threads = 2;
    check_ok(lobass_run_all(&options, NULL, &first, &error), &error);
    lobass_select_result_clear(&first.select);
    assert_true(first.reference.mean_loss < first.initial.mean_loss - 0.05);
    assert_int_equal(LB_PATH_FILE, lb_path_look(weights));
    check_ok(lobass_run_all(&options, NULL, &again, &error), &error);
    lobass_select_result_clear(&again.select);
    assert_int_equal(0, again.reference.n_rows);
    assert_true(again.reference.mean_loss == first.reference.mean_loss);
    assert_int_equal(N_STEPS, again.train.n_steps);
    /* A reference that was removed is made again, and is the one that was measured. */
    check_ok(lb_folder_remove(reference, &error), &error);
    check_ok(lobass_run_all(&options, NULL, &again, &error), &error);
    lobass_select_result_clear(&again.select);
    assert_int_equal(LB_PATH_FILE, lb_path_look(weights));
    assert_int_equal(0, again.reference.n_rows);
    options.train.lora.rank = 2;
    check_refused(lobass_run_all(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "run/reference", "\"lora_rank\": 4, now 2");
    options.train.lora.rank = 0;
    check_refused(lobass_run_all(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "run/reference", "\"lora_rank\": 4, now nothing");
}

#define TRAIN_TEST(test) cmocka_unit_test_setup_teardown(test, lora_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRAIN_TEST(test_written),
        TRAIN_TEST(test_described),
        TRAIN_TEST(test_stops_and_threads),
        TRAIN_TEST(test_other_adapter_is_refused),
        TRAIN_TEST(test_targets_read),
        TRAIN_TEST(test_unlearned_is_the_base),
        TRAIN_TEST(test_measured_as_trained),
        TRAIN_TEST(test_run_with_adapter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

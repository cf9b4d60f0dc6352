/* SPDX-License-Identifier: Apache-2.0
 *
 * What a training computes: the loss of a step is the mean over the scored tokens of the whole
 * batch, however the batch is cut in packs; the loss falls; threads do not show; what cannot be
 * used is refused before anything is written.
 */
#include "unit/task/train_fixture.h"

#include <math.h>

/* A run of the fixture's rows, prepared in FOLDER/run. */
static void run_prepare(const fixture *f, char run[PATH_SIZE])
{
    lobass_error error = {0};
    lobass_prepare_options prepare = lobass_prepare_options_default();
    path_print(run, f->folder, "run");
    prepare.model = f->model;
    prepare.data = f->data_list;
    prepare.n_data = 1;
    prepare.format = f->options.format;
    prepare.run = run;
    check_ok(lobass_prepare(&prepare, NULL, NULL, &error), &error);
}

/* The losses of the first N_STEPS steps with packs of PACK_TOKENS. */
static void losses_compute(const fixture *f, const char *run, size_t pack_tokens, size_t n_steps,
                           double *losses, double *norms)
{
    lobass_error error = {0};
    lb_trainer *trainer = NULL;
    check_ok(lb_trainer_create(&trainer, &f->options, run, NULL, pack_tokens, &error), &error);
    assert_int_equal(trainer->n_rows, FIXTURE_ROWS);
    assert_int_equal(trainer->n_steps, 12);
    for (size_t i = 0; i < n_steps; ++i)
    {
        lb_train_step step;
        check_ok(lb_trainer_step(trainer, &step, &error), &error);
        losses[i] = step.loss;
        norms[i] = step.gradient_norm;
    }
    lb_trainer_free(trainer);
}

static void test_packs_do_not_show(void **state)
{
    enum
    {
        N_STEPS = 8
    };
    static const size_t sizes[] = {1, 40, 100, 4096}; /* 1: every row alone */
    const fixture *f = *state;
    char run[PATH_SIZE];
    double losses[4][N_STEPS];
    double norms[4][N_STEPS];
    run_prepare(f, run);
    for (size_t i = 0; i < 4; ++i)
    {
        losses_compute(f, run, sizes[i], N_STEPS, losses[i], norms[i]);
    }
    for (size_t i = 0; i < 3; ++i)
    {
        for (size_t step = 0; step < N_STEPS; ++step)
        {
            /* Rounding in fp32 alone; a mean of means would differ in the second digit. */
            assert_true(fabs(losses[i][step] - losses[3][step]) < 2e-5 * losses[3][step]);
            assert_true(fabs(norms[i][step] - norms[3][step]) < 2e-4 * norms[3][step]);
        }
    }
}

/* One epoch of the first shuffle against the losses of the same rows, one at a time. */
static void test_loss_is_mean_over_tokens(void **state)
{
    fixture *f = *state;
    char run[PATH_SIZE];
    lobass_error error = {0};
    lb_trainer *trainer = NULL;
    lb_train_step step;
    double sum = 0;
    double sum_of_means = 0;
    size_t n_scored = 0;
    run_prepare(f, run);
    f->options.learning_rate = 0; /* the weights stay, so that the rows can be measured after it */
    check_ok(lb_trainer_create(&trainer, &f->options, run, NULL, 0, &error), &error);
    check_ok(lb_trainer_step(trainer, &step, &error), &error);
    for (size_t i = 0; i < f->options.batch_size; ++i)
    {
        lobass_row row;
        lb_batch_builder builder = {0};
        float nll[96];
        double row_sum = 0;
        check_ok(lb_store_row_load(&row, trainer->store, trainer->order[i], &error), &error);
        check_ok(lb_batch_builder_add(&builder, row.ids, row.flags, row.n_tokens, &error), &error);
        check_ok(lb_decoder_forward(trainer->decoder, &builder.batch, nll, NULL, &error), &error);
        for (size_t j = 0; j < row.n_scored; ++j)
        {
            row_sum += (double)nll[j];
        }
        sum += row_sum;
        sum_of_means += row_sum / (double)row.n_scored;
        n_scored += row.n_scored;
        lb_batch_builder_free(&builder);
    }
    assert_int_equal(step.n_scored, n_scored);
    assert_true(fabs(step.loss - sum / (double)n_scored) < 1e-5);
    assert_true(fabs(step.loss - sum_of_means / f->options.batch_size) > 1e-4);
    lb_trainer_free(trainer);
}

/* Every epoch sees every row once, in another order. */
static void test_epochs_are_shuffled(void **state)
{
    const fixture *f = *state;
    char run[PATH_SIZE];
    lobass_error error = {0};
    lb_trainer *trainer = NULL;
    uint64_t first[FIXTURE_ROWS];
    bool is_seen[FIXTURE_ROWS] = {false};
    size_t n_moved = 0;
    run_prepare(f, run);
    check_ok(lb_trainer_create(&trainer, &f->options, run, NULL, 0, &error), &error);
    for (size_t i = 0; i < 7; ++i)
    {
        lb_train_step step;
        check_ok(lb_trainer_step(trainer, &step, &error), &error);
        if (i == 0)
        {
            memcpy(first, trainer->order, sizeof first);
        }
    }
    for (size_t i = 0; i < FIXTURE_ROWS; ++i)
    {
        assert_in_range(trainer->order[i], 0, FIXTURE_ROWS - 1);
        assert_false(is_seen[trainer->order[i]]);
        is_seen[trainer->order[i]] = true;
        n_moved += trainer->order[i] != first[i] ? 1 : 0;
    }
    assert_in_range(n_moved, FIXTURE_ROWS / 2, FIXTURE_ROWS);
    lb_trainer_free(trainer);
}

static void test_loss_falls(void **state)
{
    fixture *f = *state;
    lobass_error error = {0};
    lobass_train_result result;
    f->options.n_epochs = 30;
    f->options.learning_rate = 1e-2;
    check_ok(lobass_train(&f->options, NULL, &result, &error), &error);
    assert_int_equal(result.n_rows, FIXTURE_ROWS);
    assert_int_equal(result.n_steps, 30 * 6);
    assert_true(result.first_loss > 5.5 && result.first_loss < 7.5); /* about ln 512 = 6.2 */
    assert_true(result.last_loss < 0.6 * result.first_loss);
    assert_int_equal(line_count(f->output, "train_log.csv"), 1 + 30 * 6);
    lobass_model_info info;
    check_ok(lobass_model_describe(f->output, &info, &error), &error);
    assert_string_equal(info.dtype, "BF16");
}

/* A base that is stored in 16 bits gives a model that is stored in 16 bits. */
static void test_dtype_is_kept(void **state)
{
    fixture *f = *state;
    char half[PATH_SIZE];
    lobass_error error = {0};
    lobass_model_info info;
    lb_model *model = NULL;
    path_print(half, f->folder, "half");
    check_ok(lb_model_load(&model, f->model, LB_F32, LB_MODEL_TRAIN, &error), &error);
    check_ok(lb_folder_create(half, &error), &error);
    model->stored_dtype = LB_F16;
    for (size_t i = 0; i < model->n_parameters; i++)
    {
        model->parameters[i].stored_dtype = LB_F16;
    }
    check_ok(lb_model_save(model, half, f->model, &error), &error);
    lb_model_free(model);
    f->options.model = half;
    check_ok(lobass_train(&f->options, NULL, NULL, &error), &error);
    check_ok(lobass_model_describe(f->output, &info, &error), &error);
    assert_string_equal(info.dtype, "F16");
}

static void test_threads_do_not_show(void **state)
{
    fixture *f = *state;
    char other[PATH_SIZE];
    lobass_error error = {0};
    check_ok(lobass_train(&f->options, NULL, NULL, &error), &error);
    path_print(other, f->folder, "threads");
    f->options.output = other;
    f->options.n_threads = 3;
    check_ok(lobass_train(&f->options, NULL, NULL, &error), &error);
    check_same_file(f->output, other, "model.safetensors");
    check_same_file(f->output, other, "train_log.csv");
}

/* The first lines of the log, as they are documented. */
static void test_log_lines(void **state)
{
    fixture *f = *state;
    char path[PATH_SIZE];
    lobass_error error = {0};
    lb_buffer text = {0};
    f->options.warmup_ratio = 0.25; /* 3 of 12 steps */
    check_ok(lobass_train(&f->options, NULL, NULL, &error), &error);
    path_print(path, f->output, "train_log.csv");
    check_ok(lb_file_read(&text, path, SIZE_MAX / 2, &error), &error);
    const char *line = strchr(text.data, '\n') + 1;
    assert_int_equal(strncmp(text.data,
                             "step,epoch,loss,learning_rate,gradient_norm,tokens,held_out_loss,"
                             "held_out_bits_per_byte\n",
                             (size_t)(line - text.data)),
                     0);
    assert_int_equal(strncmp(line, "1,1,", 4), 0);
    double cells[4]; /* loss, learning rate, norm, tokens */
    char *end = text.data + (line - text.data) + 3;
    for (size_t i = 0; i < 4; ++i)
    {
        assert_int_equal(*end, ',');
        cells[i] = strtod(end + 1, &end);
    }
    const double loss = cells[0];
    const double rate = cells[1];
    const double norm = cells[2];
    assert_int_equal(strncmp(end, ",,\n", 3), 0); /* nothing was held out */
    assert_true(loss > 5);
    assert_true(fabs(rate - lb_schedule_rate(5e-3, 0.25, 0, 12)) < 1e-12);
    assert_true(norm > 0);
    assert_true(cells[3] >= 7 * 3 && cells[3] <= 7 * 96);
    lb_buffer_free(&text);
}

static void test_existing_output_is_refused(void **state)
{
    fixture *f = *state;
    char file[PATH_SIZE];
    char partial[PATH_SIZE];
    lobass_error error = {0};
    check_ok(lb_folder_create(f->output, &error), &error);
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error, f->output,
                  "exists already");
    assert_int_equal(lb_path_look(f->partial), LB_PATH_MISSING);
    f->options.overwrite = true;
    check_ok(lobass_train(&f->options, NULL, NULL, &error), &error);
    assert_int_equal(lb_path_look(f->partial), LB_PATH_MISSING);
    path_print(file, f->folder, "file");
    text_write(file, "mine");
    f->options.output = file;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error, file,
                  "found a file");
    /* Before the work, not after it. */
    path_print(partial, f->folder, "file.partial");
    assert_int_equal(lb_path_look(partial), LB_PATH_MISSING);
}

static void put(const char *folder, const char *name)
{
    char path[PATH_SIZE];
    path_print(path, folder, name);
    text_write(path, "{}");
}

/* -f replaces a model, and nothing else. */
static void test_foreign_output_is_kept(void **state)
{
    fixture *f = *state;
    char below[PATH_SIZE];
    char data[PATH_SIZE];
    lobass_error error = {0};
    f->options.overwrite = true;
    check_ok(lb_folder_create(f->output, &error), &error);
    put(f->output, "thesis.txt");
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error, f->output,
                  "no config.json");
    check_refused(lobass_init(f->config, FIXTURE_TOKENIZER, f->output, 1, true, &error),
                  LOBASS_CONFLICT, &error, f->output, "no config.json");
    put(f->output, "config.json");
    path_print(below, f->output, "chapters");
    check_ok(lb_folder_create(below, &error), &error);
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error, f->output,
                  "chapters");
    assert_int_equal(rmdir(below), 0);
    path_print(data, f->output, "data.jsonl");
    check_ok(lb_file_copy(f->data, data, &error), &error);
    f->data_list[0] = data;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error, f->output,
                  data);
    f->data_list[0] = f->data;
    assert_int_equal(lb_path_look(f->partial), LB_PATH_MISSING);
    check_ok(lobass_train(&f->options, NULL, NULL, &error), &error);
    f->options.output = f->model;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error, f->model,
                  "reads");
    f->options.output = f->folder;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error, f->folder,
                  "reads");
}

static void test_foreign_partial_is_kept(void **state)
{
    fixture *f = *state;
    lobass_error error = {0};
    check_ok(lb_folder_create(f->partial, &error), &error);
    put(f->partial, "notes.txt");
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  f->partial, "notes.txt");
    assert_int_equal(lb_path_look(f->output), LB_PATH_MISSING);
    char path[PATH_SIZE];
    path_print(path, f->partial, "notes.txt");
    assert_int_equal(lb_path_look(path), LB_PATH_FILE);
}

/* While a training reads a run, the run is not overwritten. */
typedef struct overwriter
{
    lobass_prepare_options prepare;
    unsigned n_refused, n_admitted;
} overwriter;

static bool overwrite_meanwhile(void *context, const lobass_progress *progress)
{
    overwriter *o = context;
    lobass_error error = {0};
    (void)progress;
    const lobass_status status = lobass_prepare(&o->prepare, NULL, NULL, &error);
    o->n_refused += status == LOBASS_CONFLICT && strstr(error.message, "in use") != NULL ? 1 : 0;
    o->n_admitted += status == LOBASS_OK ? 1 : 0;
    return true;
}

static void test_run_is_kept(void **state)
{
    fixture *f = *state;
    char run[PATH_SIZE];
    lobass_error error = {0};
    run_prepare(f, run);
    overwriter o = {.prepare = lobass_prepare_options_default()};
    o.prepare.model = f->model;
    o.prepare.data = f->data_list;
    o.prepare.n_data = 1;
    o.prepare.format = f->options.format;
    o.prepare.run = run;
    o.prepare.overwrite = true;
    f->options.data = NULL;
    f->options.n_data = 0;
    f->options.run = run;
    const lobass_observer observer = {.context = &o, .progress = overwrite_meanwhile};
    check_ok(lobass_train(&f->options, &observer, NULL, &error), &error);
    assert_int_equal(o.n_admitted, 0);
    assert_in_range(o.n_refused, 1, 1000);
    check_ok(lobass_prepare(&o.prepare, NULL, NULL, &error), &error);
}

/* Losses of a run's rows under "initial", one of them not finite. */
static void initial_put(const char *run, uint64_t nonfinite)
{
    lobass_error error = {0};
    lb_store *store = NULL;
    lb_row_summary *summaries = NULL;
    size_t n_rows = 0;
    char path[] = "/model";
    lb_measurement model = {.name = "initial", .path = path, .fingerprint = "aa", .dtype = "fp32"};
    check_ok(lb_store_open(&store, run, LB_STORE_WRITE, &error), &error);
    check_ok(lb_store_measurement_save(store, &model, &error), &error);
    check_ok(lb_store_summaries_load(&summaries, &n_rows, store, &error), &error);
    for (size_t i = 0; i < n_rows; ++i)
    {
        float nll[96] = {1.0F};
        nll[0] = i == nonfinite ? NAN : 1.0F;
        const lb_row_losses losses = {nll, NULL, summaries[i].n_scored};
        check_ok(lb_store_losses_save(store, model.id, i, &losses, &error), &error);
    }
    free(summaries);
    lb_store_close(store);
}

static void keep_warning(void *context, lobass_log_level level, const char *line)
{
    if (level == LOBASS_LOG_WARNING)
    {
        (void)snprintf(context, PATH_SIZE, "%s", line);
    }
}

static void test_nonfinite_rows_are_left_out(void **state)
{
    fixture *f = *state;
    char run[PATH_SIZE];
    char warning[PATH_SIZE] = "";
    lobass_error error = {0};
    lobass_train_result result;
    const lobass_observer observer = {.context = warning, .log = keep_warning};
    run_prepare(f, run);
    initial_put(run, 3);
    f->options.data = NULL;
    f->options.n_data = 0;
    f->options.run = run;
    check_ok(lobass_train(&f->options, &observer, &result, &error), &error);
    assert_int_equal(result.n_rows, FIXTURE_ROWS - 1);
    assert_non_null(strstr(warning, "1 rows are left out"));
}

static void test_unwritable_output_is_refused(void **state)
{
    fixture *f = *state;
    char file[PATH_SIZE];
    char below[PATH_SIZE];
    lobass_error error = {0};
    path_print(file, f->folder, "file");
    text_write(file, "not a folder");
    path_print(below, file, "out");
    f->options.output = below;
    const lobass_status status = lobass_train(&f->options, NULL, NULL, &error);
    assert_true(status == LOBASS_IO || status == LOBASS_CONFLICT || status == LOBASS_NOT_FOUND);
    assert_non_null(strstr(error.message, file));
}

static void test_output_in_use_is_refused(void **state)
{
    fixture *f = *state;
    char path[PATH_SIZE];
    lobass_error error = {0};
    lb_lock lock;
    check_ok(lb_folder_create(f->partial, &error), &error);
    path_print(path, f->partial, "lock");
    check_ok(lb_lock_acquire(&lock, path, &error), &error);
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error, path,
                  "in use");
    lb_lock_release(&lock);
    check_ok(lobass_train(&f->options, NULL, NULL, &error), &error);
}

static void test_bad_options_are_refused(void **state)
{
    fixture *f = *state;
    lobass_error error = {0};
    const lobass_train_options good = f->options;
    f->options.n_epochs = 0;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "epochs", "found 0");
    f->options = good;
    f->options.batch_size = 0;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "batch_size", "found 0");
    f->options = good;
    f->options.learning_rate = NAN;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "learning_rate", "nan");
    f->options = good;
    f->options.warmup_ratio = 1.5;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "warmup", "found 1.5");
    f->options = good;
    f->options.clip = -1;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "clip", "found -1");
    f->options = good;
    f->options.run = f->folder;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  f->output, "found both");
    assert_int_equal(lb_path_look(f->partial), LB_PATH_MISSING);
}

/* A failed start leaves nothing that would stand in the way of the corrected command. */
static void test_failed_start_leaves_nothing(void **state)
{
    fixture *f = *state;
    lobass_error error = {0};
    text_write(f->data, "{\"instruction\": \"Say nothing\", \"output\": \"\"}\n");
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "none of its 1 records", "ok or truncated");
    assert_int_equal(lb_path_look(f->partial), LB_PATH_MISSING);
    data_write(f, 1);
    const char *const missing[] = {"/nowhere/data.jsonl"};
    f->options.data = missing;
    assert_int_equal(lobass_train(&f->options, NULL, NULL, &error), LOBASS_NOT_FOUND);
    assert_int_equal(lb_path_look(f->partial), LB_PATH_MISSING);
    f->options.data = f->data_list;
    check_ok(lobass_train(&f->options, NULL, NULL, &error), &error);
}

static void test_nonfinite_names_the_step(void **state)
{
    fixture *f = *state;
    lobass_error error = {0};
    f->options.learning_rate = 1e3;
    f->options.weight_decay = 1e3; /* every step multiplies the weights by -1e6 */
    f->options.warmup_ratio = 0;
    f->options.n_epochs = 8;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_NUMERIC, &error,
                  "out: step ", ": the loss of row ");
    assert_int_equal(lb_path_look(f->output), LB_PATH_MISSING);
}

#define TRAIN_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

/* The activations of a pack, or of a longer row, and for each of 100 parameters 4 floats, or its
 * value alone where it is frozen. */
static void test_train_bytes(void **state)
{
    const lb_config config = {.family = lb_architecture_find("LlamaForCausalLM"),
                              .n_layers = 3,
                              .d_model = 8,
                              .n_heads = 2,
                              .n_kv_heads = 1,
                              .head_size = 4,
                              .d_ffn = 16,
                              .n_vocabulary = 10};
    const size_t pack = lb_train_pack_tokens(&config);
    size_t kept = 0;
    size_t again = 0;
    size_t longer = 0;
    (void)state;
    assert_int_equal(lb_decoder_bytes(&kept, &config, pack, LB_DECODER_TRAIN, NULL), LOBASS_OK);
    assert_int_equal(lb_decoder_bytes(&again, &config, pack, LB_DECODER_RECOMPUTE, NULL),
                     LOBASS_OK);
    assert_int_equal(lb_decoder_bytes(&longer, &config, pack + 7, LB_DECODER_TRAIN, NULL),
                     LOBASS_OK);
    assert_true(again < kept && kept < longer);
    assert_int_equal(lb_train_bytes(&config, 100, LB_F32, false, false, 0), 1600 + kept);
    assert_int_equal(lb_train_bytes(&config, 100, LB_F32, false, true, 0), 1600 + again);
    assert_int_equal(lb_train_bytes(&config, 100, LB_F32, true, false, pack + 7), 400 + longer);
    assert_int_equal(lb_train_bytes(&config, 100, LB_F32, true, false, SIZE_MAX / 8), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRAIN_TEST(test_packs_do_not_show),
        TRAIN_TEST(test_loss_is_mean_over_tokens),
        TRAIN_TEST(test_epochs_are_shuffled),
        TRAIN_TEST(test_loss_falls),
        TRAIN_TEST(test_dtype_is_kept),
        TRAIN_TEST(test_threads_do_not_show),
        TRAIN_TEST(test_log_lines),
        TRAIN_TEST(test_existing_output_is_refused),
        TRAIN_TEST(test_unwritable_output_is_refused),
        TRAIN_TEST(test_foreign_output_is_kept),
        TRAIN_TEST(test_foreign_partial_is_kept),
        TRAIN_TEST(test_run_is_kept),
        TRAIN_TEST(test_nonfinite_rows_are_left_out),
        TRAIN_TEST(test_output_in_use_is_refused),
        TRAIN_TEST(test_bad_options_are_refused),
        TRAIN_TEST(test_failed_start_leaves_nothing),
        TRAIN_TEST(test_nonfinite_names_the_step),
        cmocka_unit_test(test_train_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A training that was cancelled or killed anywhere and started again ends with the same bytes as
 * one that was not; a checkpoint that does not belong to the command, or was damaged, is refused.
 */
#include "unit/task/train_fixture.h"

#include <signal.h>
#include <sys/wait.h>

#define N_STEPS 12

static void train_whole(const fixture *f, const char *output)
{
    lobass_error error = {0};
    lobass_train_result result;
    lobass_train_options options = f->options;
    options.output = output;
    check_ok(lobass_train(&options, NULL, &result, &error), &error);
    assert_int_equal(result.n_steps, N_STEPS);
}

/* Trains to OUTPUT without a pause and compares. */
static void check_as_uninterrupted(const fixture *f)
{
    char other[PATH_SIZE];
    path_print(other, f->folder, "uninterrupted");
    train_whole(f, other);
    check_same_file(f->output, other, "model.safetensors");
    check_same_file(f->output, other, "train_log.csv");
    assert_int_equal(line_count(f->output, "train_log.csv"), 1 + N_STEPS);
    assert_int_equal(lb_path_look(f->partial), LB_PATH_MISSING);
}

/* Cancels at the CALL-th progress call of the training; from 1. */
static void train_cancelled(const fixture *f, unsigned call)
{
    lobass_error error = {0};
    canceller c = {.n_left = call};
    const lobass_observer observer = {.context = &c, .progress = cancel_when_due};
    assert_int_equal(lobass_train(&f->options, &observer, NULL, &error), LOBASS_CANCELLED);
    assert_int_equal(lb_path_look(f->output), LB_PATH_MISSING);
}

static void test_cancelled_at_every_step(void **state)
{
    fixture *f = *state;
    lobass_error error = {0};
    lobass_status status = LOBASS_CANCELLED;
    unsigned n_cancelled = 0;
    f->options.checkpoint_seconds = 0;
    while (status == LOBASS_CANCELLED)
    {
        canceller c = {.n_left = 1};
        const lobass_observer observer = {.context = &c, .progress = cancel_when_due};
        status = lobass_train(&f->options, &observer, NULL, &error);
        n_cancelled += status == LOBASS_CANCELLED ? 1 : 0;
        assert_in_range(n_cancelled, 0, 2 * N_STEPS);
        if (n_cancelled == N_STEPS)
        {
            /* All steps are taken: what is left is the end. */
            status = lobass_train(&f->options, NULL, NULL, &error);
        }
    }
    check_ok(status, &error);
    assert_int_equal(n_cancelled, N_STEPS);
    check_as_uninterrupted(f);
}

static void test_cancelled_between_checkpoints(void **state)
{
    fixture *f = *state;
    lobass_error error = {0};
    lobass_train_result result;
    f->options.checkpoint_seconds = 3600;
    train_cancelled(f, 1);
    train_cancelled(f, 1);
    check_ok(lobass_train(&f->options, NULL, &result, &error), &error);
    assert_int_equal(result.n_steps, N_STEPS);
    assert_true(result.first_loss > result.last_loss);
    check_as_uninterrupted(f);
}

/* Runs the training in a child that is killed after MICROSECONDS; true when it came to its end:
 * also where an earlier one had, and was killed while it cleared its scratch behind the whole
 * model. */
static bool train_killed(const fixture *f, useconds_t microseconds)
{
    enum
    {
        HAS_ENDED = 2
    };
    lobass_error error = {0};
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
    {
        const lobass_status status = lobass_train(&f->options, NULL, NULL, &error);
        const bool has_ended =
            status == LOBASS_CONFLICT && strstr(error.message, "exists already") != NULL;
        if (status != LOBASS_OK && !has_ended)
        {
            (void)fprintf(stderr, "child: %s\n", error.message);
        }
        _exit(status == LOBASS_OK ? 0 : has_ended ? HAS_ENDED : 1);
    }
    int wait_status = 0;
    (void)usleep(microseconds);
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &wait_status, 0), child);
    /* It may be done, or killed, but it must never have failed. */
    assert_true(!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 1);
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == HAS_ENDED &&
        lb_path_look(f->partial) != LB_PATH_MISSING)
    {
        check_ok(lb_folder_remove(f->partial, &error), &error);
    }
    return WIFEXITED(wait_status);
}

static void kill_again_and_again(fixture *f)
{
    useconds_t microseconds = 1500;
    unsigned n_killed = 0;
    f->options.checkpoint_seconds = 0;
    while (!train_killed(f, microseconds))
    {
        /* Odd steps, so that the kill falls into preparing, stepping, saving and moving alike. */
        microseconds += 1700;
        ++n_killed;
    }
    assert_in_range(n_killed, 1, 10000);
    check_as_uninterrupted(f);
}

static void test_killed_again_and_again(void **state)
{
    kill_again_and_again(*state);
}

/* The evaluations of held-out data too stand in the log as if nothing had happened. */
static void test_killed_with_held_out_data(void **state)
{
    fixture *f = *state;
    char path[PATH_SIZE];
    const char *const list[] = {path};
    path_print(path, f->folder, "held_out.txt");
    text_write(path, "A text that is longer than a window of the model: the old baker plays by "
                     "the grey river, and the river plays by the old grey stone of the baker.");
    f->options.held_out = list;
    f->options.n_held_out = 1;
    f->options.evaluate_every = 5;
    f->options.format.max_length = 32;
    kill_again_and_again(f);
}

static void test_killed_while_moving_checkpoint(void **state)
{
    fixture *f = *state;
    char place[PATH_SIZE];
    char fresh[PATH_SIZE];
    char state_json[2 * PATH_SIZE];
    lobass_error error = {0};
    path_print(place, f->partial, "checkpoint");
    path_print(fresh, f->partial, "checkpoint.new");
    f->options.checkpoint_seconds = 0;
    train_cancelled(f, 1);
    /* The new one is whole and the old one is gone. */
    assert_int_equal(rename(place, fresh), 0);
    train_cancelled(f, 1);
    /* The new one is in place, and of the old one a part is left. */
    check_ok(lb_folder_create(fresh, &error), &error);
    (void)snprintf(state_json, sizeof state_json, "%s/state.json", fresh);
    text_write(state_json, "{\"version\": 1, \"step\": 1}");
    check_ok(lobass_train(&f->options, NULL, NULL, &error), &error);
    check_as_uninterrupted(f);
}

/* Cancels only once all steps were taken: at the last call. */
static bool cancel_at_end(void *context, const lobass_progress *progress)
{
    (void)context;
    return strncmp(progress->stage, "train", 5) != 0 || progress->done < progress->total;
}

static void test_killed_after_move(void **state)
{
    fixture *f = *state;
    char marker[PATH_SIZE];
    char log[PATH_SIZE];
    lb_buffer from = {0};
    lobass_error error = {0};
    lobass_train_result result = {0};
    const lobass_observer observer = {.progress = cancel_at_end};
    assert_int_equal(lobass_train(&f->options, &observer, NULL, &error), LOBASS_CANCELLED);
    check_ok(lb_folder_create(f->output, &error), &error);
    path_print(marker, f->output, "marker");
    text_write(marker, "it was moved");
    /* The model of another training is not this one's end. */
    path_print(log, f->output, "train_log.csv");
    text_write(log, "{\"step\": 1}\n");
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error, f->output,
                  "exists already");
    check_ok(lb_buffer_print(&from, &error, "%s/checkpoint/train_log.csv", f->partial), &error);
    assert_int_equal(unlink(log), 0);
    check_ok(lb_file_copy(from.data, log, &error), &error);
    lb_buffer_free(&from);
    check_ok(lobass_train(&f->options, NULL, &result, &error), &error);
    assert_int_equal(result.n_steps, N_STEPS);
    assert_int_equal(lb_path_look(marker), LB_PATH_FILE);
    assert_int_equal(lb_path_look(f->partial), LB_PATH_MISSING);
    /* But a folder that somebody made while the training was under way is not its end. */
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error, f->output,
                  "exists already");
    check_ok(lb_folder_remove(f->output, &error), &error);
    train_cancelled(f, 1);
    check_ok(lb_folder_create(f->output, &error), &error);
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error, f->output,
                  "exists already");
}

static void test_other_options_are_refused(void **state)
{
    fixture *f = *state;
    lobass_error error = {0};
    const lobass_train_options good = f->options;
    train_cancelled(f, 1);
    f->options.learning_rate = 0.25;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "checkpoint/state.json", "\"learning_rate\": 0.005, now 0.25");
    f->options = good;
    f->options.batch_size = 8;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "checkpoint/state.json", "\"batch_size\": 7, now 8");
    f->options = good;
    f->options.seed = 12;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "checkpoint/state.json", "\"seed\": \"11\", now \"12\"");
    f->options.overwrite = true;
    check_ok(lobass_train(&f->options, NULL, NULL, &error), &error);
    f->options.overwrite = false;
    check_as_uninterrupted(f);
}

/* Keeps the first count of steps that it is told, and cancels there when IS_LAST. */
typedef struct first_step
{
    uint64_t done;
    bool is_told, is_last;
} first_step;

static bool keep_first_step(void *context, const lobass_progress *progress)
{
    first_step *first = context;
    if (strncmp(progress->stage, "train", 5) == 0 && !first->is_told)
    {
        first->is_told = true;
        first->done = progress->done;
        return !first->is_last;
    }
    return true;
}

/* -f over an existing output: stopped and started again it goes on, and does not begin anew. */
static void test_overwriting_goes_on_too(void **state)
{
    fixture *f = *state;
    lobass_error error = {0};
    first_step before = {.is_last = true};
    first_step after = {.is_last = false};
    const lobass_observer stopping = {.context = &before, .progress = keep_first_step};
    const lobass_observer going_on = {.context = &after, .progress = keep_first_step};
    check_ok(lb_folder_create(f->output, &error), &error);
    f->options.overwrite = true;
    assert_int_equal(lobass_train(&f->options, &stopping, NULL, &error), LOBASS_CANCELLED);
    check_ok(lobass_train(&f->options, &going_on, NULL, &error), &error);
    assert_true(after.done > before.done);
    f->options.overwrite = false;
    check_as_uninterrupted(f);
}

static void test_other_model_or_rows_are_refused(void **state)
{
    fixture *f = *state;
    char run[PATH_SIZE];
    char other[PATH_SIZE];
    lobass_error error = {0};
    lobass_prepare_options prepare = lobass_prepare_options_default();
    path_print(run, f->folder, "run");
    path_print(other, f->folder, "other");
    prepare.model = f->model;
    prepare.data = f->data_list;
    prepare.n_data = 1;
    prepare.format = f->options.format;
    prepare.run = run;
    check_ok(lobass_prepare(&prepare, NULL, NULL, &error), &error);
    f->options.data = NULL;
    f->options.n_data = 0;
    f->options.run = run;
    train_cancelled(f, 1);
    check_ok(lobass_init(f->config, FIXTURE_TOKENIZER, other, 8, false, &error), &error);
    f->options.model = other;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "checkpoint/state.json", "\"model\"");
    f->options.model = f->model;
    data_write(f, 2);
    prepare.overwrite = true;
    check_ok(lobass_prepare(&prepare, NULL, NULL, &error), &error);
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "checkpoint/state.json", "\"rows\"");
}

static void test_damage_is_refused(void **state)
{
    static const char *const files[] = {"state.safetensors", "train_log.csv"};
    fixture *f = *state;
    lobass_error error = {0};
    train_cancelled(f, 1);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; ++i)
    {
        char path[2 * PATH_SIZE];
        (void)snprintf(path, sizeof path, "%s/checkpoint/%s", f->partial, files[i]);
        FILE *file = fopen(path, "r+");
        if (file == NULL)
        {
            fail_msg("%s: cannot be opened", path);
            return;
        }
        assert_int_equal(fseek(file, -2, SEEK_END), 0);
        const int byte = fgetc(file);
        assert_int_equal(fseek(file, -2, SEEK_END), 0);
        assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
        assert_int_equal(fclose(file), 0);
        check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_BAD_FORMAT, &error,
                      files[i], "changed or damaged");
        file = fopen(path, "r+");
        if (file == NULL)
        {
            fail_msg("%s: cannot be opened", path);
            return;
        }
        assert_int_equal(fseek(file, -2, SEEK_END), 0);
        assert_int_equal(fputc(byte, file), byte);
        assert_int_equal(fclose(file), 0);
    }
    check_ok(lobass_train(&f->options, NULL, NULL, &error), &error);
    check_as_uninterrupted(f);
}

/* -f throws away what is damaged or of another training, not what merely cannot be read now. */
static void test_unreadable_checkpoint_is_kept(void **state)
{
    fixture *f = *state;
    char place[PATH_SIZE];
    char state_json[2 * PATH_SIZE];
    char aside[2 * PATH_SIZE];
    lobass_error error = {0};
    train_cancelled(f, 1);
    path_print(place, f->partial, "checkpoint");
    (void)snprintf(state_json, sizeof state_json, "%s/state.safetensors", place);
    (void)snprintf(aside, sizeof aside, "%s/aside", place);
    assert_int_equal(rename(state_json, aside), 0);
    assert_int_equal(symlink("state.safetensors", state_json), 0); /* to itself: cannot be opened */
    f->options.overwrite = true;
    check_refused(lobass_train(&f->options, NULL, NULL, &error), LOBASS_IO, &error,
                  "state.safetensors", "");
    assert_int_equal(lb_path_look(aside), LB_PATH_FILE);
    assert_int_equal(rename(aside, state_json), 0);
    check_ok(lobass_train(&f->options, NULL, NULL, &error), &error);
    f->options.overwrite = false;
    check_as_uninterrupted(f);
}

#define TRAIN_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRAIN_TEST(test_cancelled_at_every_step),
        TRAIN_TEST(test_cancelled_between_checkpoints),
        TRAIN_TEST(test_killed_again_and_again),
        TRAIN_TEST(test_killed_with_held_out_data),
        TRAIN_TEST(test_killed_while_moving_checkpoint),
        TRAIN_TEST(test_killed_after_move),
        TRAIN_TEST(test_other_options_are_refused),
        TRAIN_TEST(test_overwriting_goes_on_too),
        TRAIN_TEST(test_other_model_or_rows_are_refused),
        TRAIN_TEST(test_damage_is_refused),
        TRAIN_TEST(test_unreadable_checkpoint_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

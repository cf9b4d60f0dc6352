/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole method: stopped in every stage, or killed at any moment, it ends with the same bytes;
 * what is done is not done again; another recipe is refused.
 */
#include "unit/task/run_fixture.h"

#include <signal.h>
#include <sys/wait.h>

#define N_RECORDS 600

static const char *data[1];

static lobass_run_options run_options(const char *run)
{
    lobass_run_options options = lobass_run_options_default();
    data[0] = place("r.jsonl");
    options.prepare = prepare_options(data, 1, run);
    options.train.n_epochs = 1;
    options.train.batch_size = 64;
    options.train.learning_rate = 5e-3;
    options.train.checkpoint_seconds = 0;
    options.select.amount = (lobass_amount){LOBASS_AMOUNT_COUNT, 40};
    options.dtype = LOBASS_DTYPE_FP32;
    options.n_threads = 1;
    return options;
}

static int whole_setup(void **state)
{
    lobass_error error = {0};
    lobass_run_result result;
    if (run_setup(state) != 0)
    {
        return -1;
    }
    records_make("r.jsonl", N_RECORDS);
    const lobass_run_options options = run_options(place("whole"));
    check_ok(lobass_run_all(&options, NULL, &result, &error), &error);
    return 0;
}

static void check_like_whole(const char *run)
{
    static const char *const names[] = {"selected.jsonl", "scores.jsonl",
                                        "reference/train_log.jsonl"};
    char path[SCRATCH_PATH_SIZE + 256];
    char whole[SCRATCH_PATH_SIZE + 256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    {
        (void)snprintf(path, sizeof path, "%s/%s", run, names[i]);
        (void)snprintf(whole, sizeof whole, "%s/whole/%s", scratch_folder, names[i]);
        check_same_files(path, whole);
    }
    lobass_error error = {0};
    lb_hash a;
    lb_hash b;
    (void)snprintf(path, sizeof path, "%s/reference", run);
    check_ok(lb_fingerprint_compute(&a, path, &error), &error);
    check_ok(lb_fingerprint_compute(&b, place("whole/reference"), &error), &error);
    assert_true(lb_hash_equal(a, b));
}

static void test_results(void **state)
{
    lobass_error error = {0};
    lobass_run_result first;
    lobass_run_result again;
    (void)state;
    lobass_run_options options = run_options(place("results"));
    check_ok(lobass_run_all(&options, NULL, &first, &error), &error);
    assert_int_equal(first.prepare.n_records, N_RECORDS);
    assert_int_equal(first.initial.n_rows, N_RECORDS);
    assert_int_equal(first.train.n_steps, 10);
    assert_int_equal(first.train.n_rows, N_RECORDS);
    assert_true(first.reference.mean_loss < first.initial.mean_loss);
    assert_int_equal(first.select.n_selected, 40);
    check_like_whole(options.prepare.run);
    /* Again: nothing is computed, and the account is the same. */
    check_ok(lobass_run_all(&options, NULL, &again, &error), &error);
    assert_int_equal(again.initial.n_rows, 0);
    assert_int_equal(again.reference.n_rows, 0);
    assert_int_equal(again.reference.n_rows_total, N_RECORDS);
    assert_int_equal(again.prepare.n_tokens, first.prepare.n_tokens);
    assert_int_equal(again.train.n_tokens, first.train.n_tokens);
    assert_int_equal(again.train.n_steps, 10);
    assert_true(again.train.first_loss == first.train.first_loss);
    assert_true(again.train.last_loss == first.train.last_loss);
    assert_true(again.train.elapsed_seconds == first.train.elapsed_seconds);
    assert_true(again.initial.mean_loss == first.initial.mean_loss);
    check_like_whole(options.prepare.run);
    options.train.n_epochs = 2;
    check_refused(lobass_run_all(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "results/reference", "\"epochs\": 1, now 2");
}

static void test_stopped_in_every_stage(void **state)
{
    static const char *const stages[] = {"prepare", "measure initial", "train reference",
                                         "measure reference", "select"};
    lobass_error error = {0};
    (void)state;
    const lobass_run_options options = run_options(place("stages"));
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
    {
        listener l = {.cancel_at = 1, .stage = stages[i]};
        const lobass_observer observer = listen(&l);
        check_refused(lobass_run_all(&options, &observer, NULL, &error), LOBASS_CANCELLED, &error,
                      stages[i], "");
    }
    check_ok(lobass_run_all(&options, NULL, NULL, &error), &error);
    check_like_whole(options.prepare.run);
}

/* One try in a process of its own; true when it came to its end before it was killed. */
static bool try_killed(const lobass_run_options *options, unsigned microseconds)
{
    int result = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
    {
        lobass_error error = {0};
        const lobass_status status = lobass_run_all(options, NULL, NULL, &error);
        if (status != LOBASS_OK)
        {
            (void)fprintf(stderr, "child: %s\n", error.message);
        }
        _exit(status == LOBASS_OK ? 0 : 1);
    }
    (void)usleep(microseconds);
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &result, 0), child);
    if (WIFEXITED(result) && WEXITSTATUS(result) != 0)
    {
        fail_msg("the child failed by itself");
    }
    return WIFEXITED(result);
}

static void test_killed(void **state)
{
    lb_random random;
    lobass_error error = {0};
    unsigned n_killed = 0;
    (void)state;
    const lobass_run_options options = run_options(place("killed"));
    lb_random_init(&random, 1);
    while (n_killed < 60 &&
           !try_killed(&options, (unsigned)(3000 + lb_random_below(&random, 40000))))
    {
        n_killed++;
    }
    print_message("killed %u times\n", n_killed);
    check_ok(lobass_run_all(&options, NULL, NULL, &error), &error);
    check_like_whole(options.prepare.run);
}

static void test_refused_early(void **state)
{
    lobass_error error = {0};
    (void)state;
    lobass_run_options options = run_options(place("early"));
    options.select.by = LOBASS_SCORE_LOSS;
    check_refused(lobass_run_all(&options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "\"loss\"", "direction");
    options = run_options(place("early"));
    file_make("there.jsonl", "");
    options.select.output = place("there.jsonl");
    check_refused(lobass_run_all(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "there.jsonl", "exists");
    assert_int_equal(lb_path_look(place("early")), LB_PATH_MISSING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_stopped_in_every_stage),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_refused_early),
    };
    return cmocka_run_group_tests(tests, whole_setup, scratch_teardown);
}

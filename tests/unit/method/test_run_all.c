/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole method: stopped in every stage, or killed at any moment, it ends with the same bytes;
 * what is done is not done again; another recipe is refused.
 */
#include "comma_locale.h"
#include "unit/store/replace.h"
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
    options.select.spec.amount = (lobass_amount){LOBASS_AMOUNT_COUNT, 40};
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
    lobass_select_result_clear(&result.select);
    return 0;
}

static void check_like_whole(const char *run)
{
    static const char *const names[] = {"selected.jsonl", "scores.jsonl",
                                        "reference/train_log.csv"};
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
    lobass_select_result_clear(&first.select);
    assert_int_equal(first.prepare.n_records, N_RECORDS);
    assert_int_equal(first.initial.n_rows, N_RECORDS);
    assert_int_equal(first.train.n_steps, 10);
    assert_int_equal(first.train.n_rows, N_RECORDS);
    assert_true(first.reference.mean_loss < first.initial.mean_loss);
    assert_int_equal(first.select.n_selected, 40);
    check_like_whole(options.prepare.run);
    /* Again: nothing is computed, and the account is the same. */
    check_ok(lobass_run_all(&options, NULL, &again, &error), &error);
    lobass_select_result_clear(&again.select);
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
    /* What the training came to is read from its log. */
    options.train.n_epochs = 1;
    file_make(
        "results/reference/train_log.csv",
        "step,epoch,loss,learning_rate,gradient_norm,tokens,held_out_loss,"
        "held_out_bits_per_byte\n1,1,2.5,0.1,1,7,,\n2,1,1.75,0.1,1,7,3.5,\n3,1,1.25,0,1,7,,\n");
    check_ok(lobass_run_all(&options, NULL, &again, &error), &error);
    lobass_select_result_clear(&again.select);
    assert_int_equal(again.train.n_steps, 3);
    assert_true(again.train.first_loss == 2.5 && again.train.last_loss == 1.25);
    file_make("results/reference/train_log.csv", "step,epoch,loss\n1,1,2.5,0.1\n2,1;0.5\n");
    check_refused(lobass_run_all(&options, NULL, &again, &error), LOBASS_BAD_FORMAT, &error,
                  "results/reference/train_log.csv", "found \"2,1;0.5");
}

/* To try another recipe costs another training and no more. */
static void test_other_recipe(void **state)
{
    lobass_error error = {0};
    lobass_run_result result;
    (void)state;
    lobass_run_options options = run_options(place("retrained"));
    options.train.learning_rate = 1e-3;
    check_ok(lobass_run_all(&options, NULL, &result, &error), &error);
    lobass_select_result_clear(&result.select);
    options = run_options(place("retrained"));
    check_refused(lobass_run_all(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "\"learning_rate\": 0.001, now 0.005", "-f trains this reference again");
    options.prepare.overwrite = true;
    /* Stopped in the training, and gone on with without -f. */
    listener l = {.cancel_at = 1, .stage = "train reference"};
    const lobass_observer observer = listen(&l);
    check_refused(lobass_run_all(&options, &observer, &result, &error), LOBASS_CANCELLED, &error,
                  "train reference", "");
    assert_int_equal(result.initial.n_rows, 0);
    assert_int_equal(result.initial.n_rows_total, N_RECORDS);
    assert_int_equal(lb_path_look(place("retrained/selected.jsonl")), LB_PATH_MISSING);
    options.prepare.overwrite = false;
    check_ok(lobass_run_all(&options, NULL, &result, &error), &error);
    lobass_select_result_clear(&result.select);
    assert_int_equal(result.initial.n_rows, 0);
    assert_int_equal(result.reference.n_rows, N_RECORDS);
    check_like_whole(options.prepare.run);
    /* Where nothing differs, or the rows do, all begins anew. */
    options.prepare.overwrite = true;
    check_ok(lobass_run_all(&options, NULL, &result, &error), &error);
    lobass_select_result_clear(&result.select);
    assert_int_equal(result.initial.n_rows, N_RECORDS);
    check_like_whole(options.prepare.run);
    options.train.n_epochs = 2;
    options.prepare.format.eos = LOBASS_EOS_SKIP;
    check_ok(lobass_run_all(&options, NULL, &result, &error), &error);
    lobass_select_result_clear(&result.select);
    assert_int_equal(result.initial.n_rows, N_RECORDS);
    assert_int_equal(result.train.n_steps, 20);
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

/* What is known to fail later fails before anything is computed. */
static void test_known_beforehand(void **state)
{
    lobass_error error = {0};
    lb_store *store = NULL;
    lb_measurement model = {0};
    (void)state;
    lobass_run_options options = run_options(place("known"));
    check_ok(lobass_prepare(&options.prepare, NULL, NULL, &error), &error);
    lobass_measure_options measure = lobass_measure_options_default();
    measure.run = options.prepare.run;
    measure.model = place("model");
    measure.name = "reference";
    check_ok(lobass_measure(&measure, NULL, NULL, &error), &error);
    check_refused(lobass_run_all(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "\"reference\" was measured under", "`select` takes the losses as they are");
    char *path = lb_path_join(options.prepare.run, "reference.partial", NULL);
    assert_int_equal(lb_path_look(path), LB_PATH_MISSING);
    free(path);
    check_ok(lb_store_open(&store, options.prepare.run, LB_STORE_READ, &error), &error);
    assert_int_equal(lb_store_measurement_load(&model, store, "initial", &error), LOBASS_NOT_FOUND);
    lb_store_close(store);

    records_make("fleeting.jsonl", 8);
    const char *fleeting[] = {place("fleeting.jsonl")};
    options.prepare = prepare_options(fleeting, 1, place("fleeting"));
    check_ok(lobass_prepare(&options.prepare, NULL, NULL, &error), &error);
    assert_int_equal(unlink(fleeting[0]), 0);
    check_refused(lobass_run_all(&options, NULL, NULL, &error), LOBASS_NOT_FOUND, &error,
                  "fleeting.jsonl", "");
    check_ok(lb_store_open(&store, options.prepare.run, LB_STORE_READ, &error), &error);
    assert_int_equal(lb_store_measurement_load(&model, store, "initial", &error), LOBASS_NOT_FOUND);
    lb_store_close(store);
}

/* A row without a finite loss does not hide that the rest has learned. */
static void test_nonfinite_row(void **state)
{
    lobass_error error = {0};
    lobass_run_result result;
    lb_store *store = NULL;
    lb_measurement model = {0};
    lb_row_losses losses;
    float spoilt[256];
    listener l = {0};
    const lobass_observer observer = listen(&l);
    (void)state;
    const lobass_run_options options = run_options(place("spoilt"));
    check_ok(lobass_run_all(&options, NULL, NULL, &error), &error);
    check_ok(lb_store_open(&store, options.prepare.run, LB_STORE_WRITE, &error), &error);
    check_ok(lb_store_measurement_load(&model, store, "initial", &error), &error);
    check_ok(lb_store_losses_load(&losses, store, model.id, 5, &error), &error);
    assert_in_range(losses.n_scored, 1, 256);
    memcpy(spoilt, losses.nll, losses.n_scored * sizeof *spoilt);
    spoilt[0] = NAN;
    losses.nll = spoilt;
    check_ok(losses_replace(store, model.id, 5, &losses, &error), &error);
    lb_store_measurement_clear(&model);
    lb_store_close(store);
    check_ok(lobass_run_all(&options, &observer, &result, &error), &error);
    lobass_select_result_clear(&result.select);
    assert_int_equal(result.initial.n_nonfinite, 1);
    assert_int_equal(result.select.statuses[LOBASS_ROW_NONFINITE], 1);
    assert_true(result.reference.mean_loss < result.initial.mean_loss);
    assert_int_equal(l.n_warnings, 1); /* of the row */
}

/* A program that the library is part of may have chosen a locale with a decimal comma: what is
 * written is the same, and what was written is read. */
static void test_in_a_comma_locale(void **state)
{
    lobass_error error = {0};
    lobass_run_result first;
    lobass_run_result again;
    lobass_amount amount = {0};
    (void)state;
    comma_locale_choose();
    lobass_run_options options = run_options(place("comma"));
    check_ok(lobass_run_all(&options, NULL, &first, &error), &error);
    check_ok(lobass_run_all(&options, NULL, &again, &error), &error);
    check_ok(lobass_amount_parse("0.25", &amount, &error), &error);
    options.train.learning_rate = 0.25;
    check_refused(lobass_run_all(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "\"learning_rate\": 0.005", "0.25");
    options.select.spec.near_duplicates = 1.5;
    check_refused(lobass_run_all(&options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "near-duplicates 1.5", "");
    comma_locale_leave();
    assert_true(amount.value == 0.25);
    check_like_whole(options.prepare.run);
    assert_true(again.train.first_loss == first.train.first_loss);
    assert_true(fabs(again.train.elapsed_seconds - first.train.elapsed_seconds) < 1e-3);
    lobass_select_result_clear(&first.select);
    lobass_select_result_clear(&again.select);
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

/* In every stage after prepare another process tries to overwrite the run. */
typedef struct intruder
{
    const lobass_prepare_options *prepare;
    unsigned n_refused, n_admitted, n_trained;
} intruder;

static bool intrude(void *context, const lobass_progress *progress)
{
    intruder *i = context;
    lobass_error error = {0};
    if (strcmp(progress->stage, "prepare") != 0)
    {
        const lobass_status status = lobass_prepare(i->prepare, NULL, NULL, &error);
        i->n_refused += status == LOBASS_CONFLICT && strstr(error.message, "in use") != NULL;
        i->n_admitted += status == LOBASS_OK ? 1 : 0;
        i->n_trained += strcmp(progress->stage, "train reference") == 0 ? 1 : 0;
    }
    return true;
}

static void test_not_overwritten_meanwhile(void **state)
{
    lobass_error error = {0};
    lb_store *store = NULL;
    (void)state;
    const lobass_run_options options = run_options(place("guarded"));
    lobass_prepare_options prepare = options.prepare;
    prepare.overwrite = true;
    intruder i = {.prepare = &prepare};
    const lobass_observer observer = {.context = &i, .progress = intrude};
    check_ok(lobass_run_all(&options, &observer, NULL, &error), &error);
    assert_int_equal(i.n_admitted, 0);
    assert_in_range(i.n_trained, 1, 1000);
    assert_in_range(i.n_refused, i.n_trained + 1, 10000);
    check_like_whole(options.prepare.run);
    /* Nothing is held once it is over. */
    check_ok(lb_store_open(&store, options.prepare.run, LB_STORE_WRITE, &error), &error);
    lb_store_close(store);
    check_ok(lobass_prepare(&prepare, NULL, NULL, &error), &error);
}

/* Another writer is refused while the reference is trained. */
static bool write_meanwhile(void *context, const lobass_progress *progress)
{
    intruder *i = context;
    lobass_error error = {0};
    if (strcmp(progress->stage, "train reference") == 0)
    {
        lb_store *store = NULL;
        const lobass_status status = lb_store_open(&store, i->prepare->run, LB_STORE_WRITE, &error);
        i->n_refused += status == LOBASS_CONFLICT ? 1 : 0;
        i->n_admitted += status == LOBASS_OK ? 1 : 0;
        lb_store_close(store);
    }
    return true;
}

static void test_one_writer_while_training(void **state)
{
    lobass_error error = {0};
    (void)state;
    const lobass_run_options options = run_options(place("one-writer"));
    intruder i = {.prepare = &options.prepare};
    const lobass_observer observer = {.context = &i, .progress = write_meanwhile};
    check_ok(lobass_run_all(&options, &observer, NULL, &error), &error);
    assert_int_equal(i.n_admitted, 0);
    assert_in_range(i.n_refused, 1, 1000);
}

/* A training of the reference by itself keeps its scratch from being cleared. */
static void test_training_scratch_is_kept(void **state)
{
    lobass_error error = {0};
    lb_lock lock = {0};
    (void)state;
    lobass_run_options options = run_options(place("scratch-kept"));
    check_ok(lobass_prepare(&options.prepare, NULL, NULL, &error), &error);
    check_ok(lb_folder_create(place("scratch-kept/reference.partial"), &error), &error);
    check_ok(lb_lock_acquire(&lock, place("scratch-kept/reference.partial/lock"), &error), &error);
    options.prepare.overwrite = true;
    check_refused(lobass_prepare(&options.prepare, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "reference.partial/lock", "in use");
    assert_int_equal(lb_path_look(place("scratch-kept/run.db")), LB_PATH_FILE);
    lb_lock_release(&lock);
    check_ok(lobass_prepare(&options.prepare, NULL, NULL, &error), &error);
    assert_int_equal(lb_path_look(place("scratch-kept/reference.partial")), LB_PATH_MISSING);
}

static void test_refused_early(void **state)
{
    lobass_error error = {0};
    (void)state;
    lobass_run_options options = run_options(place("early"));
    options.select.spec.by = LOBASS_SCORE_LOSS;
    check_refused(lobass_run_all(&options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "\"loss\"", "direction");
    options = run_options(place("early"));
    file_make("there.jsonl", "");
    options.select.output = place("there.jsonl");
    check_refused(lobass_run_all(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "there.jsonl", "exists");
    assert_int_equal(lb_path_look(place("early")), LB_PATH_MISSING);
    /* A score of losses that `run` does not measure: before any are. */
    lobass_run *run = NULL;
    lobass_run_info info;
    options = run_options(place("early"));
    options.select.spec.by = LOBASS_SCORE_IFD_PPL;
    check_refused(lobass_run_all(&options, NULL, NULL, &error), LOBASS_NOT_FOUND, &error,
                  "\"ifd_ppl\" needs losses under \"unconditional\"", "early MODEL --as");
    check_ok(lobass_run_open(&run, place("early"), &error), &error);
    check_ok(lobass_run_describe(run, &info, &error), &error);
    assert_int_equal(info.n_models, 0);
    lobass_run_close(run);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_stopped_in_every_stage),
        cmocka_unit_test(test_known_beforehand),
        cmocka_unit_test(test_nonfinite_row),
        cmocka_unit_test(test_other_recipe),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_refused_early),
        cmocka_unit_test(test_not_overwritten_meanwhile),
        cmocka_unit_test(test_one_writer_while_training),
        cmocka_unit_test(test_training_scratch_is_kept),
        may_skip(test_in_a_comma_locale),
    };
    return RUN_TESTS(tests, arguments, whole_setup, scratch_teardown);
}

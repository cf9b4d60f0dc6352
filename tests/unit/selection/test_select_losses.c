/* SPDX-License-Identifier: Apache-2.0
 *
 * The losses that a choice needs: all of them, and of models that were measured alike.
 */
#include "unit/selection/select_fixture.h"

/* A run of four rows. */
static const char *prepared(const char *run)
{
    records_make("four.jsonl", 4);
    (void)run_prepare("four.jsonl", run);
    return place(run);
}

static const char *measured(const char *run)
{
    (void)prepared(run);
    losses_put(place(run), "initial", initial);
    losses_put(place(run), "reference", reference);
    return place(run);
}

static void test_missing_losses(void **state)
{
    lobass_error error = {0};
    (void)state;
    lobass_select_options options = select_options(prepared("no-losses"), 2);
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_NOT_FOUND, &error,
                  "\"learnability\"", "\"initial\"");
    losses_put(place("no-losses"), "initial", initial);
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_NOT_FOUND, &error,
                  "no-losses", "\"reference\"");
    options.spec.by = LOBASS_SCORE_PPL;
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "\"ppl\"", "direction");
    options.spec.direction = LOBASS_DIRECTION_MIDDLE;
    (void)selected(&options);
}

/* A zone needs its losses whatever the score is; its ends must be losses. */
static void test_zones_need_losses(void **state)
{
    lobass_error error = {0};
    (void)state;
    lobass_select_options options = select_options(prepared("zones"), 4);
    options.spec.by = LOBASS_SCORE_LENGTH;
    options.spec.min_initial = 1.5;
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_NOT_FOUND, &error,
                  "min initial needs losses under \"initial\"", "zones MODEL --as initial` before");
    losses_put(place("zones"), "initial", initial);
    options.spec.max_reference = 1;
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_NOT_FOUND, &error,
                  "max reference needs losses under \"reference\"", "--as reference` before");
    losses_put(place("zones"), "reference", reference);
    const lobass_select_result result = selected(&options);
    assert_int_equal(result.statuses[LOBASS_ROW_REFERENCE_LOSS_ABOVE_MAXIMUM], 2);
    assert_int_equal(result.statuses[LOBASS_ROW_OK], 2);
    assert_int_equal(result.n_selected, 2);
    options.spec.min_initial = NAN;
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "min initial nan", "0 or more nats");
    options.spec.min_initial = 0;
    options.spec.max_reference = -1;
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                  "max reference -1", "0 or more nats");
}

/* Gives the losses NAME another dtype. */
static void dtype_set(const char *run, const char *name, const char *dtype)
{
    lobass_error error = {0};
    lb_store *store = NULL;
    lb_measurement model = {0};
    check_ok(lb_store_open(&store, run, LB_STORE_WRITE, &error), &error);
    check_ok(lb_store_measurement_load(&model, store, name, &error), &error);
    (void)snprintf(model.dtype, sizeof model.dtype, "%s", dtype);
    check_ok(lb_store_measurement_save(store, &model, &error), &error);
    lb_store_measurement_clear(&model);
    lb_store_close(store);
}

/* Losses of two dtypes are not compared; scores of one of them are as they were. */
static void test_two_dtypes(void **state)
{
    lobass_error error = {0};
    (void)state;
    const char *run = measured("dtypes");
    lobass_select_options options = select_options(run, 2);
    dtype_set(run, "reference", "bf16");
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "\"initial\", measured in fp32", "\"reference\", measured in bf16");
    options.spec.by = LOBASS_SCORE_LOSS;
    options.spec.direction = LOBASS_DIRECTION_LOWEST;
    (void)selected(&options);
    char *table = file_text(place("dtypes/scores.jsonl"));
    assert_non_null(strstr(table, "\"reference_loss\""));
    assert_null(strstr(table, "\"learnability\""));
    assert_null(strstr(table, "\"rho_"));
    free(table);
    dtype_set(run, "reference", "fp32");
    options = select_options(run, 2);
    assert_true(selected(&options).cut == 0.5);
}

/* The prompt's difference is that of one model, computed in one way. */
static void test_unconditional(void **state)
{
    static const double alone[] = {4, 1.5, 2, 2.5};
    lobass_error error = {0};
    lb_store *store = NULL;
    lb_measurement model = {0};
    (void)state;
    const char *run = measured("unconditional");
    lobass_select_options options = select_options(run, 4);
    options.spec.by = LOBASS_SCORE_IFD_LOSS;
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_NOT_FOUND, &error,
                  "\"ifd_loss\" needs losses under \"unconditional\"",
                  "MODEL --as unconditional` before");
    losses_put(run, "unconditional", alone);
    /* 0.5, 4/3, 1, 0.8: the second has a prompt that does not fit. */
    const lobass_select_result result = selected(&options);
    assert_int_equal(result.n_selected, 3);
    assert_true(result.cut == 0.5);
    options.spec.by = LOBASS_SCORE_IFD_PPL;
    assert_int_equal(selected(&options).n_selected, 3);
    char *table = file_text(place("unconditional/scores.jsonl"));
    assert_non_null(strstr(table, "\"ifd_loss\": 1.333"));
    free(table);
    dtype_set(run, "unconditional", "bf16");
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "\"initial\", measured in fp32", "\"unconditional\", measured in bf16");
    check_ok(lb_store_open(&store, run, LB_STORE_WRITE, &error), &error);
    check_ok(lb_store_measurement_load(&model, store, "unconditional", &error), &error);
    (void)snprintf(model.fingerprint, sizeof model.fingerprint, "bb");
    check_ok(lb_store_measurement_save(store, &model, &error), &error);
    lb_store_measurement_clear(&model);
    lb_store_close(store);
    check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_CONFLICT, &error,
                  "(fingerprint aa)", "(fingerprint bb); expected one model");
}

/* Losses of two backends are compared, with a warning. */
static void test_two_backends(void **state)
{
    lobass_error error = {0};
    lb_store *store = NULL;
    (void)state;
    const char *run = measured("backends");
    check_ok(lb_store_open(&store, run, LB_STORE_WRITE, &error), &error);
    for (int side = 0; side < 2; side++)
    {
        lb_measurement found;
        check_ok(
            lb_store_measurement_load(&found, store, side == 0 ? "initial" : "reference", &error),
            &error);
        (void)snprintf(found.arithmetic, sizeof found.arithmetic, side == 0 ? "plain" : "fma");
        check_ok(lb_store_measurement_save(store, &found, &error), &error);
        lb_store_measurement_clear(&found);
    }
    lb_store_close(store);
    listener l = {0};
    const lobass_observer observer = listen(&l);
    const lobass_select_options options = select_options(run, 2);
    check_ok(lobass_select(&options, &observer, NULL, &error), &error);
    assert_int_equal(l.n_warnings, 1);
    assert_non_null(strstr(l.last, "plain"));
    assert_non_null(strstr(l.last, "fma"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_losses), cmocka_unit_test(test_zones_need_losses),
        cmocka_unit_test(test_two_dtypes),     cmocka_unit_test(test_two_backends),
        cmocka_unit_test(test_unconditional),
    };
    return cmocka_run_group_tests(tests, run_setup, scratch_teardown);
}

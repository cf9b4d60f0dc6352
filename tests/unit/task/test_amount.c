/* SPDX-License-Identifier: Apache-2.0
 *
 * What an amount means, the names of scores and directions, and options as they are recorded.
 */
#include "unit/task/run_fixture.h"

static void check_amount(const char *text, lobass_amount_kind kind, double value)
{
    lobass_error error = {0};
    lobass_amount amount = {0};
    check_ok(lobass_amount_parse(text, &amount, &error), &error);
    if (amount.kind != kind || fabs(amount.value - value) > 1e-15 * value)
    {
        fail_msg("\"%s\" was read as %g of kind %d", text, amount.value, (int)amount.kind);
    }
}

static void test_amounts(void **state)
{
    (void)state;
    check_amount("800", LOBASS_AMOUNT_COUNT, 800);
    check_amount("1", LOBASS_AMOUNT_COUNT, 1);
    check_amount("1e3", LOBASS_AMOUNT_COUNT, 1000);
    check_amount("6%", LOBASS_AMOUNT_FRACTION, 0.06);
    check_amount("100%", LOBASS_AMOUNT_FRACTION, 1);
    check_amount("1.5%", LOBASS_AMOUNT_FRACTION, 0.015);
    check_amount("0.06", LOBASS_AMOUNT_FRACTION, 0.06);
    check_amount(".5", LOBASS_AMOUNT_FRACTION, 0.5);
    /* With a point it is a share, as 0.99 is. */
    check_amount("1.0", LOBASS_AMOUNT_FRACTION, 1);
    check_amount("100.0%", LOBASS_AMOUNT_FRACTION, 1);
    check_amount("50000tok", LOBASS_AMOUNT_TOKENS, 50000);
    check_amount("1tok", LOBASS_AMOUNT_TOKENS, 1);
    check_amount("all", LOBASS_AMOUNT_ALL, 0);
}

static void test_amounts_refused(void **state)
{
    static const char *const texts[] = {"",     "0",   "-1",     "+5",    " 5",   "5 ",   "0%",
                                        "101%", "1.5", "0.5tok", "0tok",  "tok",  "nan",  "inf",
                                        "0x10", "5k",  "6%%",    "1e999", "1e17", "alle", "5tokens",
                                        "%",    ".",   "1,000",  "/5"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    {
        lobass_error error = {0};
        lobass_amount amount = {LOBASS_AMOUNT_COUNT, 77};
        char quoted[32];
        (void)snprintf(quoted, sizeof quoted, "\"%s\"", texts[i]);
        check_refused(lobass_amount_parse(texts[i], &amount, &error), LOBASS_BAD_ARGUMENT, &error,
                      quoted, "expected");
        assert_true(amount.value == 77);
    }
}

static void test_shares_above_all(void **state)
{
    lobass_error error = {0};
    lobass_amount amount;
    (void)state;
    check_refused(lobass_amount_parse("2.0", &amount, &error), LOBASS_BAD_ARGUMENT, &error,
                  "\"2.0\"", "with a point it is a share");
    check_refused(lobass_amount_parse("1.5e3", &amount, &error), LOBASS_BAD_ARGUMENT, &error,
                  "\"1.5e3\"", "with a point it is a share");
    check_refused(lobass_amount_parse("100.5%", &amount, &error), LOBASS_BAD_ARGUMENT, &error,
                  "\"100.5%\"", "more than all rows");
}

static void test_score_names(void **state)
{
    static const char *const names[] = {"learnability", "rho_sum", "rho_mean", "loss",   "ppl",
                                        "ifd_loss",     "ifd_ppl", "el2n",     "length", "random"};
    (void)state;
    for (int i = 0; i < LOBASS_SCORE_COUNT; i++)
    {
        const lobass_score_info *info = lobass_score_describe((lobass_score)i);
        assert_string_equal(info->name, names[i]);
        assert_true(strlen(info->formula) > 0);
        const bool has_none = i == LOBASS_SCORE_LOSS || i == LOBASS_SCORE_PPL;
        assert_int_equal(info->direction,
                         has_none ? LOBASS_DIRECTION_DEFAULT : LOBASS_DIRECTION_HIGHEST);
    }
    assert_null(lobass_score_describe(LOBASS_SCORE_COUNT));
    assert_string_equal(lobass_direction_name(LOBASS_DIRECTION_MIDDLE), "middle");
    assert_null(lobass_direction_name(LOBASS_DIRECTION_DEFAULT));
}

static void test_format_options_recorded(void **state)
{
    lobass_error error = {0};
    lobass_format_options options = lobass_format_options_default();
    lobass_format_options back;
    char *text = NULL;
    (void)state;
    options.template_name = "plain";
    options.max_length = 77;
    options.eos = LOBASS_EOS_SKIP;
    options.boundary = LOBASS_BOUNDARY_JOINT;
    options.turns = LOBASS_TURNS_LAST;
    options.mark_duplicates = true;
    check_ok(lb_format_options_to_json(&text, &options, &error), &error);
    assert_string_equal(text, "{\"template\": \"plain\", \"max_length\": 77, \"eos\": \"skip\", "
                              "\"boundary\": \"joint\", \"turns\": \"last\", "
                              "\"mark_duplicates\": true}");
    char *chat = NULL;
    check_ok(lb_format_options_from_json(&back, &chat, text, "run", &error), &error);
    assert_null(chat);
    assert_string_equal(back.template_name, "plain");
    assert_int_equal(back.max_length, 77);
    assert_int_equal(back.eos, LOBASS_EOS_SKIP);
    assert_int_equal(back.boundary, LOBASS_BOUNDARY_JOINT);
    assert_int_equal(back.turns, LOBASS_TURNS_LAST);
    assert_true(back.mark_duplicates);
    assert_int_equal(back.scored, LOBASS_SCORED_RESPONSES);
    assert_false(back.cuts_windows);
    free(text);
    check_refused(lb_format_options_from_json(&back, &chat,
                                              "{\"template\": \"plain\", \"max_length\": 77, "
                                              "\"eos\": \"never\"}",
                                              "run", &error),
                  LOBASS_BAD_FORMAT, &error, "\"eos\"", "never");
}

/* Maps of fields stand in one form, whatever the order they were given in, and only where there is
 * one. */
static void test_fields_recorded(void **state)
{
    lobass_error error = {0};
    lobass_format_options options = lobass_format_options_default();
    lobass_format_options back;
    char *text = NULL;
    char *chat = NULL;
    (void)state;
    options.template_name = "plain";
    options.max_length = 512;
    (void)snprintf(options.fields, sizeof options.fields, "prompt=a,response=b");
    check_ok(lb_format_options_to_json(&text, &options, &error), &error);
    assert_non_null(strstr(text, ", \"fields\": \"prompt=a,response=b\"}"));
    check_ok(lb_format_options_from_json(&back, &chat, text, "run", &error), &error);
    assert_string_equal(back.fields, "prompt=a,response=b");
    assert_null(chat);
    free(text);
    check_ok(lobass_fields_check("prompt=a,ignore=c", &error), &error);
    check_refused(lobass_fields_check("prompt", &error), LOBASS_BAD_ARGUMENT, &error, "ROLE=NAME",
                  "prompt");
}

/* What is scored and whether windows are cut stands behind the options of every run, and only where
 * it is not as it is in a run: each of the four comes back. */
static void test_pretraining_options_recorded(void **state)
{
    static const char begin[] = "{\"template\": \"plain\", \"max_length\": 512, \"eos\": "
                                "\"count\", \"boundary\": \"split\", \"turns\": \"all\", "
                                "\"mark_duplicates\": false";
    static const char *const ends[2][2] = {
        {"}", ", \"scored\": \"responses\", \"cuts_windows\": true}"},
        {", \"scored\": \"all\", \"cuts_windows\": false}",
         ", \"scored\": \"all\", \"cuts_windows\": true}"}};
    lobass_error error = {0};
    (void)state;
    for (unsigned i = 0; i < 4; i++)
    {
        lobass_format_options options = lobass_format_options_default();
        lobass_format_options back;
        lb_buffer wanted = {0};
        char *text = NULL;
        char *chat = NULL;
        options.template_name = "plain";
        options.max_length = 512;
        options.scored = (lobass_scored)(i / 2);
        options.cuts_windows = i % 2 == 1;
        check_ok(lb_buffer_print(&wanted, &error, "%s%s", begin, ends[i / 2][i % 2]), &error);
        check_ok(lb_format_options_to_json(&text, &options, &error), &error);
        assert_string_equal(text, wanted.data);
        check_ok(lb_format_options_from_json(&back, &chat, text, "run", &error), &error);
        assert_int_equal(back.scored, options.scored);
        assert_int_equal(back.cuts_windows, options.cuts_windows);
        free(text);
        lb_buffer_free(&wanted);
    }
}

static void test_options_compared(void **state)
{
    lobass_error error = {0};
    (void)state;
    check_ok(lb_options_compare("{\"a\": 1, \"b\": 2.0}", "{\"b\": 2, \"a\": 1.0}", "r", &error),
             &error);
    check_refused(
        lb_options_compare("{\"a\": 1, \"b\": 0.5}", "{\"a\": 1, \"b\": 0.25}", "some/run", &error),
        LOBASS_CONFLICT, &error, "some/run", "\"b\": 0.5, now 0.25");
    check_refused(lb_options_compare("{\"a\": 1}", "{}", "r", &error), LOBASS_CONFLICT, &error,
                  "\"a\": 1, now nothing", "-f");
    check_refused(lb_options_compare("{}", "{\"a\": \"x\"}", "r", &error), LOBASS_CONFLICT, &error,
                  "nothing, now \"x\"", "");
}

static void test_recipe(void **state)
{
    lobass_error error = {0};
    lobass_train_options options = lobass_train_options_default();
    char *first = NULL;
    char *second = NULL;
    (void)state;
    check_ok(lb_recipe_to_json(&first, &options, LB_F32, &error), &error);
    options.n_threads = 9;
    options.output = "elsewhere";
    check_ok(lb_recipe_to_json(&second, &options, LB_F32, &error), &error);
    assert_string_equal(first, second);
    free(second);
    options.learning_rate = 1e-5;
    check_ok(lb_recipe_to_json(&second, &options, LB_F32, &error), &error);
    check_refused(lb_options_compare(first, second, "r", &error), LOBASS_CONFLICT, &error,
                  "learning_rate", "now 1e-5");
    free(second);
    /* Seeds that are one number as doubles. */
    options = lobass_train_options_default();
    options.seed = UINT64_MAX;
    free(first);
    check_ok(lb_recipe_to_json(&first, &options, LB_F32, &error), &error);
    options.seed = UINT64_MAX - 1;
    check_ok(lb_recipe_to_json(&second, &options, LB_F32, &error), &error);
    check_refused(lb_options_compare(first, second, "r", &error), LOBASS_CONFLICT, &error,
                  "18446744073709551615", "now \"18446744073709551614\"");
    free(first);
    free(second);
}

/* A model without an end token never learns where a response ends: that is said. */
static void test_no_end_token(void **state)
{
    lobass_error error = {0};
    lobass_tokenizer *tokenizer = NULL;
    static const struct
    {
        int32_t eos; /* of config.json; the tokenizer names none */
        lobass_eos counted;
        unsigned n_warnings;
    } cases[] = {
        {-1, LOBASS_EOS_COUNT, 1},
        {0, LOBASS_EOS_COUNT, 0},
        {-1, LOBASS_EOS_SKIP, 0},
    };
    (void)state;
    check_ok(lobass_tokenizer_load(&tokenizer, RUN_TOKENIZER, &error), &error);
    assert_int_equal(lb_tokenizer_special_ids(tokenizer).eos, -1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
        listener l = {0};
        const lobass_observer observer = listen(&l);
        const lb_config config = {.max_length = 512, .eos = cases[i].eos};
        lobass_format_options options = lobass_format_options_default();
        options.template_name = "plain";
        options.eos = cases[i].counted;
        const lb_format_model model = {".", tokenizer, &config};
        char *chat = NULL;
        check_ok(lb_format_options_resolve(&options, &chat, &model, &observer, &error), &error);
        assert_null(chat);
        assert_int_equal(options.max_length, 512);
        assert_int_equal(l.n_warnings, cases[i].n_warnings);
        assert_true(l.n_warnings == 0 || strstr(l.last, "end token") != NULL);
    }
    lobass_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_amounts_refused),
        cmocka_unit_test(test_shares_above_all),
        cmocka_unit_test(test_score_names),
        cmocka_unit_test(test_format_options_recorded),
        cmocka_unit_test(test_no_end_token),
        cmocka_unit_test(test_fields_recorded),
        cmocka_unit_test(test_pretraining_options_recorded),
        cmocka_unit_test(test_options_compared),
        cmocka_unit_test(test_recipe),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A selection from a file: every member is read, what is not there is the default, what is not
 * known or out of range is refused with its place; and a manifest makes its selection again.
 */
#include "unit/selection/select_fixture.h"

#include "selection/selection.h"

static void check_read(lobass_selection_spec *spec, const char *text)
{
    lobass_error error = {0};
    file_make("spec.json", text);
    check_ok(lobass_selection_spec_load(spec, place("spec.json"), &error), &error);
}

static void test_all_members(void **state)
{
    lobass_selection_spec spec;
    (void)state;
    check_read(&spec, "{\"by\": \"ppl\", \"direction\": \"middle\", \"amount\": \"16.7%\", "
                      "\"floor\": 0.5, \"min_initial\": 1, \"max_reference\": 2.5, "
                      "\"seed\": \"18446744073709551615\", \"ranked\": true, \"strata\": 7, "
                      "\"near_duplicates\": 0.75, \"sources\": ["
                      "{\"name\": \"a:b.jsonl\", \"amount\": \"10tok\", \"random\": true}, "
                      "{\"name\": \"c\", \"amount\": \"0\"}]}");
    assert_int_equal(spec.by, LOBASS_SCORE_PPL);
    assert_int_equal(spec.direction, LOBASS_DIRECTION_MIDDLE);
    assert_int_equal(spec.amount.kind, LOBASS_AMOUNT_FRACTION);
    assert_true(spec.amount.value == 16.7 / 100);
    assert_true(spec.floor == 0.5 && spec.min_initial == 1 && spec.max_reference == 2.5);
    assert_true(spec.seed == UINT64_MAX && spec.is_ranked && spec.near_duplicates == 0.75);
    assert_int_equal(spec.n_strata, 7);
    assert_int_equal(spec.n_quotas, 2);
    assert_string_equal(spec.quotas[0].name, "a:b.jsonl");
    assert_int_equal(spec.quotas[0].amount.kind, LOBASS_AMOUNT_TOKENS);
    assert_true(spec.quotas[0].is_random && spec.quotas[0].amount.value == 10);
    assert_int_equal(spec.quotas[1].amount.kind, LOBASS_AMOUNT_NONE);
    assert_false(spec.quotas[1].is_random);
    lobass_selection_spec_clear(&spec);
}

static void test_defaults(void **state)
{
    const lobass_selection_spec defaults = lobass_selection_spec_default();
    lobass_selection_spec spec;
    (void)state;
    check_read(&spec, "\xEF\xBB\xBF{\"amount\": \"5\"}");
    assert_int_equal(spec.by, defaults.by);
    assert_int_equal(spec.direction, LOBASS_DIRECTION_DEFAULT);
    assert_true(spec.floor == defaults.floor && spec.min_initial == defaults.min_initial);
    assert_true(spec.max_reference == defaults.max_reference && spec.seed == defaults.seed);
    assert_false(spec.is_ranked);
    assert_int_equal(spec.n_strata + spec.n_quotas, 0);
    /* Without an amount nothing is taken of sources that are not named. */
    check_read(&spec, "{\"sources\": [{\"name\": \"x\", \"amount\": \"5\"}]}");
    assert_int_equal(spec.amount.kind, LOBASS_AMOUNT_NONE);
    lobass_selection_spec_clear(&spec);
}

static void test_refused(void **state)
{
    static const char *const wrong[][3] = {
        {"{\"amount\": \"5\", \"colour\": 1}", "spec.json: unknown member \"colour\"", "amount"},
        {"{\"sources\": [{\"name\": \"a\", \"amount\": \"5\"}, {\"name\": \"b\", \"amount\": "
         "\"5\", \"rnd\": 1}]}",
         "spec.json: sources[1]: unknown member \"rnd\"", "random"},
        {"{\"sources\": [{\"name\": \"a\"}]}", "sources[0]: field \"amount\"", "a string"},
        {"{\"sources\": [7]}", "sources[0]: expected an object", "a number"},
        {"{\"sources\": {}}", "field \"sources\": expected an array", "an object"},
        {"{}", "spec.json: amount none", "nothing would be selected"},
        {"[]", "spec.json: expected an object", "an array"},
        {"{\"amount\": 5}", "field \"amount\"", "a string"},
        {"{\"amount\": \"five\"}", "field \"amount\": amount \"five\"", "not a number"},
        {"{\"amount\": \"5\", \"by\": \"beauty\"}", "field \"by\"", "\"beauty\""},
        {"{\"amount\": \"5\", \"by\": \"loss\\u0000\"}", "field \"by\"", "NUL"},
        {"{\"amount\": \"5\", \"direction\": \"up\"}", "field \"direction\"", "\"up\""},
        {"{\"amount\": \"5\", \"seed\": \"-1\"}", "field \"seed\"", "\"-1\""},
        {"{\"amount\": \"5\", \"seed\": \"18446744073709551616\"}", "field \"seed\"", "below 2^64"},
        {"{\"amount\": \"5\", \"seed\": \"\"}", "field \"seed\"", "digits"},
        {"{\"amount\": \"5\", \"strata\": 101}", "field \"strata\"", "from 1 to 100"},
        {"{\"amount\": \"5\", \"near_duplicates\": 0.2}", "near-duplicates 0.2", "from 0.5 to 1"},
        {"{\"amount\": \"5\", \"floor\": -1}", "spec.json: floor -1", "0 or more"},
        {"{\"amount\": \"5\", \"ranked\": 1}", "field \"ranked\"", "true or false"},
        {"{\"selection\": {\"spec\": {\"amount\": \"5\", \"x\": 1}}}",
         "spec.json: selection.spec: unknown member \"x\"", "by, direction"},
        {"{\"selection\": {\"score\": \"loss\"}}", "selection.spec: expected an object", "nothing"},
    };
    lobass_error error = {0};
    lobass_selection_spec spec;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    {
        file_make("spec.json", wrong[i][0]);
        check_refused(lobass_selection_spec_load(&spec, place("spec.json"), &error),
                      LOBASS_BAD_FORMAT, &error, wrong[i][1], wrong[i][2]);
        assert_null(spec.quotas);
    }
    assert_int_equal(lobass_selection_spec_load(&spec, place("nowhere.json"), &error),
                     LOBASS_NOT_FOUND);
}

/* Every kind of amount is written so that it is read back as it was. */
static void test_amounts_again(void **state)
{
    static const char *const texts[] = {"800", "16.7%", "0.3", "100%", "50000tok", "all", "1e-5"};
    lobass_error error = {0};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    {
        lobass_selection_spec spec = lobass_selection_spec_default();
        lobass_selection_spec again;
        lb_buffer text = {0};
        spec.direction = LOBASS_DIRECTION_LOWEST;
        check_ok(lobass_amount_parse(texts[i], &spec.amount, &error), &error);
        lb_json_writer writer = lb_json_writer_begin(&text, false, &error);
        lb_selection_spec_put(&writer, NULL, &spec);
        check_ok(writer.status, &error);
        check_ok(lb_selection_spec_parse(&again, text.data, text.size, "again", &error), &error);
        assert_int_equal(again.amount.kind, spec.amount.kind);
        assert_true(again.amount.value == spec.amount.value);
        lb_buffer_free(&text);
    }
}

/* All that a selection can hold, out of the manifest of one: the same bytes. */
static void test_manifest(void **state)
{
    lobass_error error = {0};
    lobass_selection_spec spec;
    (void)state;
    records_make("one.jsonl", 40);
    records_make("two.jsonl", 30);
    const char *data[] = {place("one.jsonl"), place("two.jsonl")};
    const lobass_prepare_options prepare = prepare_options(data, 2, place("run"));
    check_ok(lobass_prepare(&prepare, NULL, NULL, &error), &error);
    lobass_select_options options = select_options(place("run"), 9);
    options.spec.by = LOBASS_SCORE_LENGTH;
    options.spec.direction = LOBASS_DIRECTION_MIDDLE;
    options.spec.amount = (lobass_amount){LOBASS_AMOUNT_FRACTION, 0.31};
    options.spec.seed = 77;
    options.spec.is_ranked = true;
    options.spec.n_strata = 3;
    options.spec.near_duplicates = 0.9;
    check_ok(lobass_selection_spec_add_quota(&options.spec, "two.jsonl:40%:random", &error),
             &error);
    options.output = place("first.jsonl");
    (void)selected(&options);
    lobass_selection_spec_clear(&options.spec);
    check_ok(lobass_selection_spec_load(&spec, place("first.manifest.json"), &error), &error);
    options.spec = spec;
    options.output = place("second.jsonl");
    (void)selected(&options);
    lobass_selection_spec_clear(&spec);
    check_same_files(place("first.jsonl"), place("second.jsonl"));
    check_same_files(place("first.scores.jsonl"), place("second.scores.jsonl"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_members), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_amounts_again),
        cmocka_unit_test(test_manifest),
    };
    return cmocka_run_group_tests(tests, run_setup, scratch_teardown);
}

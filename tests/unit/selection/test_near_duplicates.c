/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows that are nearly others: the choice against one made by comparing every pair, shingle by
 * shingle; what the template says counts for nothing; short rows; sources; stopping.
 */
#include "unit/selection/select_fixture.h"

#define MOST 400
#define SHINGLE 5

/* ---- data -------------------------------------------------------------------------------------
 */

static const char *const words[] = {
    "river", "old",   "stone", "baker", "plays", "green", "under", "seven", "winter", "garden",
    "slow",  "train", "paper", "light", "mouse", "quiet", "north", "bread", "copper", "wheel"};
#define N_WORDS (sizeof words / sizeof *words)
#define LONGEST 40

typedef struct sentence
{
    size_t words[LONGEST], count;
} sentence;

static void sentence_print(lb_buffer *text, const sentence *s, size_t n_prompt)
{
    check_ok(lb_buffer_append_text(text, "{\"instruction\": \"", NULL), NULL);
    for (size_t i = 0; i < s->count; i++)
    {
        const char *before = i == n_prompt ? "\", \"output\": \"" : i == 0 ? "" : " ";
        check_ok(lb_buffer_print(text, NULL, "%s%s", before, words[s->words[i]]), NULL);
    }
    check_ok(lb_buffer_append_text(text, "\"}\n", NULL), NULL);
}

/* NAME: N records; every other one is an earlier one with some of its words replaced. */
static void sentences_make(const char *name, size_t n, uint64_t seed)
{
    static sentence made[MOST];
    lb_buffer text = {0};
    lb_random random;
    lb_random_init(&random, seed);
    for (size_t i = 0; i < n; i++)
    {
        sentence *s = &made[i];
        s->count = 12 + lb_random_below(&random, LONGEST - 12);
        for (size_t w = 0; w < s->count; w++)
        {
            s->words[w] = lb_random_below(&random, N_WORDS);
        }
        if (i % 2 == 1)
        {
            *s = made[lb_random_below(&random, i)];
            for (size_t changes = lb_random_below(&random, 4); changes > 0; changes--)
            {
                s->words[lb_random_below(&random, s->count)] = lb_random_below(&random, N_WORDS);
            }
        }
        sentence_print(&text, s, s->count / 2);
    }
    file_make(name, text.data);
    lb_buffer_free(&text);
}

/* ---- every pair -------------------------------------------------------------------------------
 */

typedef struct row_ids
{
    int32_t *ids;
    size_t count;
} row_ids;

/* Is the shingle at I of A one of the first N of B? */
static bool has_shingle(const row_ids *b, size_t n, const row_ids *a, size_t i)
{
    bool is_found = false;
    for (size_t j = 0; j < n && !is_found; j++)
    {
        is_found = memcmp(a->ids + i, b->ids + j, SHINGLE * sizeof *a->ids) == 0;
    }
    return is_found;
}

static double similarity(const row_ids *a, const row_ids *b)
{
    const size_t n_a = a->count - SHINGLE + 1;
    const size_t n_b = b->count - SHINGLE + 1;
    double common = 0;
    double either = 0;
    for (size_t i = 0; i < n_a; i++)
    {
        if (!has_shingle(a, i, a, i)) /* the first of its kind */
        {
            common += has_shingle(b, n_b, a, i) ? 1 : 0;
            either += 1;
        }
    }
    for (size_t i = 0; i < n_b; i++)
    {
        either += !has_shingle(b, i, b, i) && !has_shingle(a, n_a, b, i) ? 1 : 0;
    }
    return common / either;
}

typedef struct recorded
{
    row_ids rows[MOST];
    uint64_t *ranks, by_rank[MOST];
    bool *is_selected;
    size_t n;
} recorded;

static void recorded_load(recorded *r, const char *run, size_t n)
{
    lobass_error error = {0};
    lb_store *store = NULL;
    r->n = n;
    check_ok(lb_store_open(&store, run, LB_STORE_READ, &error), &error);
    check_ok(lb_store_selection_load(&r->ranks, &r->is_selected, n, store, &error), &error);
    for (size_t i = 0; i < n; i++)
    {
        lobass_row row;
        check_ok(lb_store_row_load(&row, store, i, &error), &error);
        r->rows[i] = (row_ids){lb_alloc(row.n_tokens, sizeof *row.ids, &error), row.n_tokens};
        assert_true(row.n_tokens >= SHINGLE);
        memcpy(r->rows[i].ids, row.ids, row.n_tokens * sizeof *row.ids);
        r->by_rank[r->ranks[i] - 1] = i;
    }
    lb_store_close(store);
}

static void recorded_free(recorded *r)
{
    for (size_t i = 0; i < r->n; i++)
    {
        free(r->rows[i].ids);
    }
    free(r->ranks);
    free(r->is_selected);
}

/* K rows, best first, each unlike those before; returns how many were passed over. */
static size_t check_greedy(const recorded *r, size_t k, double threshold)
{
    size_t taken[MOST];
    size_t n_taken = 0;
    size_t n_passed = 0;
    for (size_t i = 0; i < r->n; i++)
    {
        const uint64_t row = r->by_rank[i];
        bool is_new = true;
        for (size_t t = 0; t < n_taken && is_new && n_taken < k; t++)
        {
            is_new = similarity(&r->rows[row], &r->rows[taken[t]]) < threshold;
        }
        n_passed += n_taken < k && !is_new ? 1 : 0;
        const bool is_taken = n_taken < k && is_new;
        if (is_taken)
        {
            taken[n_taken++] = row;
        }
        if (is_taken != r->is_selected[row])
        {
            fail_msg("row %" PRIu64 " of rank %zu at %g: %s", row, i + 1, threshold,
                     is_taken ? "not taken" : "taken");
        }
    }
    return n_passed;
}

static lobass_select_options near_options(const char *run, double count, double threshold)
{
    lobass_select_options options = select_options(run, count);
    options.spec.by = LOBASS_SCORE_RANDOM;
    options.spec.near_duplicates = threshold;
    return options;
}

static void test_every_pair(void **state)
{
    static const double thresholds[] = {0.5, 0.65, 0.8, 0.9, 1};
    static recorded r;
    (void)state;
    sentences_make("pairs.jsonl", MOST, 5);
    (void)run_prepare("pairs.jsonl", "pairs");
    for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++)
    {
        const lobass_select_options options = near_options(place("pairs"), 150, thresholds[i]);
        const lobass_select_result result = selected(&options);
        recorded_load(&r, place("pairs"), MOST);
        const size_t n_passed = check_greedy(&r, 150, thresholds[i]);
        assert_int_equal(result.n_near_duplicates, n_passed);
        assert_int_equal(result.n_selected, 150);
        assert_true(n_passed > 5);
        recorded_free(&r);
    }
}

/* More than there are: the warning says why. The smaller selection is within the larger. */
static void test_nested(void **state)
{
    static recorded few;
    static recorded many;
    listener l = {0};
    const lobass_observer observer = listen(&l);
    lobass_error error = {0};
    lobass_select_result result;
    (void)state;
    sentences_make("nested.jsonl", 200, 6);
    (void)run_prepare("nested.jsonl", "nested");
    lobass_select_options options = near_options(place("nested"), 60, 0.7);
    (void)selected(&options);
    recorded_load(&few, place("nested"), 200);
    options.spec.amount.value = 200;
    check_ok(lobass_select(&options, &observer, &result, &error), &error);
    recorded_load(&many, place("nested"), 200);
    for (size_t i = 0; i < 200; i++)
    {
        assert_true(!few.is_selected[i] || many.is_selected[i]);
    }
    assert_int_equal(result.n_selected + result.n_near_duplicates, 200);
    assert_int_equal(l.n_warnings, 1);
    assert_non_null(strstr(l.last, "too few are selectable and no near-duplicates"));
    (void)check_greedy(&many, 200, 0.7);
    lobass_select_result_clear(&result);
    recorded_free(&few);
    recorded_free(&many);
}

/* ---- what a row is ----------------------------------------------------------------------------
 */

static lobass_select_result of_text(const char *text, const char *template, double threshold)
{
    static unsigned n_runs;
    char name[64];
    lobass_error error = {0};
    (void)snprintf(name, sizeof name, "run-%u.jsonl", n_runs);
    file_make(name, text);
    const char *data[] = {place(name)};
    (void)snprintf(name, sizeof name, "run-%u", n_runs++);
    lobass_prepare_options prepare = prepare_options(data, 1, place(name));
    prepare.format.template_name = template;
    prepare.format.max_length = 96;
    check_ok(lobass_prepare(&prepare, NULL, NULL, &error), &error);
    lobass_select_options options = near_options(place(name), 1, threshold);
    options.spec.amount.kind = LOBASS_AMOUNT_ALL;
    return selected(&options);
}

/* The template's text is most of such rows, and makes none of them like another. */
static void test_template(void **state)
{
    static const char text[] = "{\"instruction\": \"a\", \"output\": \"river\"}\n"
                               "{\"instruction\": \"b\", \"output\": \"stone\"}\n"
                               "{\"instruction\": \"b\", \"output\": \"stone\"}\n";
    (void)state;
    const lobass_select_result result = of_text(text, "alpaca", 0.5);
    assert_int_equal(result.statuses[LOBASS_ROW_OK], 3);
    assert_int_equal(result.n_near_duplicates, 1);
    assert_int_equal(result.n_selected, 2);
}

/* A row of fewer than five tokens is like the same row alone. */
static void test_short_rows(void **state)
{
    static const char text[] = "{\"text\": \"a b\"}\n{\"text\": \"a b\"}\n{\"text\": \"a\"}\n"
                               "{\"text\": \"b a\"}\n";
    (void)state;
    const lobass_select_result result = of_text(text, "plain", 0.5);
    assert_int_equal(result.n_near_duplicates, 1);
    assert_int_equal(result.n_selected, 3);
}

/* ---- with the rest ----------------------------------------------------------------------------
 */

/* The second source repeats the first: what is taken there is passed over here, and a budget goes
 * on behind a row that is passed over. */
static void test_sources(void **state)
{
    lobass_error error = {0};
    lobass_select_result result = {0};
    (void)state;
    sentences_make("first.jsonl", 40, 8);
    sentences_make("second.jsonl", 40, 8);
    const char *data[] = {place("first.jsonl"), place("second.jsonl")};
    const lobass_prepare_options prepare = prepare_options(data, 2, place("two"));
    check_ok(lobass_prepare(&prepare, NULL, NULL, &error), &error);
    lobass_select_options options = near_options(place("two"), 10, 1);
    check_ok(lobass_selection_spec_add_quota(&options.spec, "second.jsonl:10:random", &error),
             &error);
    check_ok(lobass_select(&options, NULL, &result, &error), &error);
    assert_int_equal(result.sources[0].n_selected, 10);
    assert_int_equal(result.sources[1].n_selected, 10);
    /* By the same score the draw meets the ten rows again, and those like them. */
    assert_true(result.n_near_duplicates >= 10);
    lobass_select_result_clear(&result);
    lobass_selection_spec_clear(&options.spec);
    options.spec.amount = (lobass_amount){LOBASS_AMOUNT_TOKENS, 1e9};
    check_ok(lobass_select(&options, NULL, &result, &error), &error);
    assert_true(result.n_selected <= 40 && result.n_selected + result.n_near_duplicates == 80);
    lobass_select_result_clear(&result);
}

static void test_refused_and_stopped(void **state)
{
    static const double wrong[] = {0.49, 1.01, -0.8, NAN};
    listener l = {.cancel_at = 1, .stage = "near-duplicates"};
    const lobass_observer observer = listen(&l);
    lobass_error error = {0};
    (void)state;
    sentences_make("stop.jsonl", 20, 9);
    (void)run_prepare("stop.jsonl", "stop");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    {
        const lobass_select_options options = near_options(place("stop"), 3, wrong[i]);
        check_refused(lobass_select(&options, NULL, NULL, &error), LOBASS_BAD_ARGUMENT, &error,
                      "near-duplicates", "from 0.5 to 1");
    }
    const lobass_select_options options = near_options(place("stop"), 3, 0.8);
    assert_int_equal(lobass_select(&options, &observer, NULL, &error), LOBASS_CANCELLED);
    assert_int_equal(lb_path_look(place("stop/selected.jsonl")), LB_PATH_MISSING);
    (void)selected(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pair), cmocka_unit_test(test_nested),
        cmocka_unit_test(test_template),   cmocka_unit_test(test_short_rows),
        cmocka_unit_test(test_sources),    cmocka_unit_test(test_refused_and_stopped),
    };
    return cmocka_run_group_tests(tests, run_setup, scratch_teardown);
}

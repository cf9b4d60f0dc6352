/* SPDX-License-Identifier: Apache-2.0
 *
 * The bootstrap's intervals against SciPy 1.10.1 (scipy.stats.bootstrap, percentile, 400,000
 * resamples), and cases whose answer is known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiment/experiment.h"
#include "stats/stats.h"

#define N_ROWS 60
#define N_CELLS 4
#define N_GROUPS 3
#define N_RESAMPLES 20000

/* Two files of 30 rows; rows i = 1 to 60 with t = 5 + 37 i mod 91 tokens; groups of the cells {0},
 * {1} and {2, 3}. */
static uint32_t files[N_ROWS], tokens[N_ROWS];
static double sums[N_CELLS * N_ROWS];
static bool is_finite[N_CELLS];
static size_t first[] = {0}, second[] = {1}, both[] = {2, 3};
static lb_cell_group groups[N_GROUPS] = {
    {.cells = first, .n_cells = 1}, {.cells = second, .n_cells = 1}, {.cells = both, .n_cells = 2}};
static const lb_plan_of_cells plan = {.groups = groups, .n_groups = N_GROUPS, .n_cells = N_CELLS};

static lb_loss_table table_make(size_t n_files)
{
    for (int i = 0; i < N_ROWS; i++)
    {
        const int number = i + 1;
        const double t = 5 + number * 37 % 91;
        files[i] = n_files == 2 && i >= N_ROWS / 2 ? 1 : 0;
        tokens[i] = (uint32_t)t;
        sums[i] = t * (2 + sin(number));
        sums[N_ROWS + i] = t * (2.1 + sin(number) * 0.9 + 0.1 * cos(3 * number));
        sums[2 * N_ROWS + i] = 3 * t;
        sums[3 * N_ROWS + i] = 5 * t;
    }
    for (size_t i = 0; i < N_CELLS; i++)
    {
        is_finite[i] = true;
    }
    return (lb_loss_table){.n_rows = N_ROWS,
                           .n_cells = N_CELLS,
                           .n_files = n_files,
                           .n_sources = n_files == 1 ? 1 : n_files + 1,
                           .files = files,
                           .tokens = tokens,
                           .sums = sums,
                           .is_finite = is_finite};
}

/* Of group A, or of A - B. */
static void interval(double *low, double *high, const double *values, size_t n_sources, size_t a,
                     size_t b)
{
    static double taken[N_RESAMPLES];
    for (size_t i = 0; i < N_RESAMPLES; i++)
    {
        const double *of = values + i * N_GROUPS * n_sources;
        taken[i] = of[a * n_sources] - (b == SIZE_MAX ? 0 : of[b * n_sources]);
    }
    lb_interval_compute(low, high, taken, N_RESAMPLES);
}

static void check_interval(const double *values, size_t a, size_t b, double low, double high)
{
    double found_low = NAN;
    double found_high = NAN;
    interval(&found_low, &found_high, values, 1, a, b);
    /* The ends of 20,000 resamples scatter by less than 2 % of the width. */
    const double tolerance = 0.025 * (high - low);
    if (!(fabs(found_low - low) < tolerance && fabs(found_high - high) < tolerance))
    {
        fail_msg("%.6f to %.6f, expected %.6f to %.6f", found_low, found_high, low, high);
    }
}

static void test_scipy(void **state)
{
    const lb_loss_table table = table_make(1);
    double *values = NULL;
    (void)state;
    assert_int_equal(lb_bootstrap_run(&values, &table, &plan, N_RESAMPLES, 2, NULL), LOBASS_OK);
    check_interval(values, 0, SIZE_MAX, 1.8403244183335266, 2.2430499598395204);
    check_interval(values, 1, SIZE_MAX, 1.954572032887922, 2.321884225409552);
    /* Paired by rows: far narrower than the two intervals are wide. */
    check_interval(values, 0, 1, -0.12476247932647157, -0.0698429485147882);
    free(values);
}

/* Losses of 3 and 5 nats in every row: two of them are drawn, so the mean is 3, 4 or 5. */
static void test_seeds(void **state)
{
    const lb_loss_table table = table_make(1);
    size_t n_of[3] = {0};
    double *values = NULL;
    (void)state;
    assert_int_equal(lb_bootstrap_run(&values, &table, &plan, N_RESAMPLES, 1, NULL), LOBASS_OK);
    for (size_t i = 0; i < N_RESAMPLES; i++)
    {
        const double mean = values[i * N_GROUPS + 2];
        const double place = round(mean) - 3;
        assert_true(place >= 0 && place <= 2 && fabs(mean - round(mean)) < 1e-12);
        n_of[(size_t)place]++;
    }
    /* A quarter, a half, a quarter; five standard deviations are 306 and 354. */
    assert_true(labs((long)n_of[0] - N_RESAMPLES / 4) < 306);
    assert_true(labs((long)n_of[1] - N_RESAMPLES / 2) < 354);
    assert_true(labs((long)n_of[2] - N_RESAMPLES / 4) < 306);
    free(values);
}

static void test_finite_only(void **state)
{
    const lb_loss_table table = table_make(1);
    double *values = NULL;
    (void)state;
    sums[3 * N_ROWS + 7] = INFINITY;
    is_finite[3] = false;
    is_finite[1] = false;
    assert_int_equal(lb_bootstrap_run(&values, &table, &plan, 100, 1, NULL), LOBASS_OK);
    for (size_t i = 0; i < 100; i++)
    {
        assert_true(fabs(values[i * N_GROUPS + 2] - 3) < 1e-12);
        assert_true(isnan(values[i * N_GROUPS + 1]));
    }
    free(values);
}

/* Each file keeps its number of rows: what is constant within a file does not vary at all, however
 * the files differ; and "all" is their mean by tokens. */
static void test_files(void **state)
{
    const lb_loss_table table = table_make(2);
    double n_tokens[2] = {0};
    double *values = NULL;
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++)
    {
        tokens[i] = 10;
        sums[i] = files[i] == 0 ? 20 : 70;
        n_tokens[files[i]] += tokens[i];
    }
    assert_int_equal(lb_bootstrap_run(&values, &table, &plan, 200, 1, NULL), LOBASS_OK);
    for (size_t i = 0; i < 200; i++)
    {
        const double *of = values + i * N_GROUPS * 3;
        assert_true(fabs(of[0] - 2) < 1e-12);
        assert_true(fabs(of[1] - 7) < 1e-12);
        assert_true(fabs(of[2] - (2 * n_tokens[0] + 7 * n_tokens[1]) /
                                     (n_tokens[0] + n_tokens[1])) < 1e-12);
    }
    free(values);
}

/* What is one selection under two names has one interval. */
static void test_repeated(void **state)
{
    const lb_loss_table table = table_make(1);
    const lb_cell cells[N_CELLS] = {{.group = 0}, {.group = 1}, {.group = 2}, {.group = 2}};
    lb_cell_group twice[N_GROUPS + 1];
    const lb_plan_of_cells own = {twice, N_GROUPS + 1, (lb_cell *)cells, N_CELLS};
    double *values = NULL;
    (void)state;
    memcpy(twice, groups, sizeof groups);
    twice[N_GROUPS] = groups[2];
    twice[N_GROUPS].is_repeated = true;
    assert_int_equal(lb_bootstrap_run(&values, &table, &own, 100, 1, NULL), LOBASS_OK);
    for (size_t i = 0; i < 100; i++)
    {
        const double *of = values + i * (N_GROUPS + 1);
        assert_true(of[2] == of[N_GROUPS]);
    }
    free(values);
}

static void test_threads(void **state)
{
    const lb_loss_table table = table_make(2);
    double *one = NULL;
    double *three = NULL;
    (void)state;
    assert_int_equal(lb_bootstrap_run(&one, &table, &plan, N_RESAMPLES, 1, NULL), LOBASS_OK);
    assert_int_equal(lb_bootstrap_run(&three, &table, &plan, N_RESAMPLES, 3, NULL), LOBASS_OK);
    assert_memory_equal(one, three, sizeof(double) * N_RESAMPLES * N_GROUPS * 3);
    free(one);
    free(three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scipy),   cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_files),   cmocka_unit_test(test_finite_only),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

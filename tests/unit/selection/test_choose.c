/* SPDX-License-Identifier: Apache-2.0
 *
 * The choice against a plain one: scores, statuses, sources, amounts and strata are random, and the
 * rule of docs/METHOD.md is followed row by row with nothing clever, O(n^2). Also that what a
 * smaller amount takes is within what a larger one takes. A trial is known by its number: its seed.
 */
#include "unit/task/run_fixture.h"

#include "selection/selection.h"

enum
{
    MOST = 40,
    N_SOURCES = 3,
    MOST_STRATA = 5,
    N_TRIALS = 3000
};

static char source_names[N_SOURCES][2] = {"a", "b", "c"};
static const lb_store_source sources[N_SOURCES] = {
    {.name = source_names[0]}, {.name = source_names[1]}, {.name = source_names[2]}};

static lobass_row_scores rows[MOST];
static lb_row_summary summaries[MOST];
static lb_scores scores = {.rows = rows, .summaries = summaries};

/* ---- what is chosen from ----------------------------------------------------------------------
 */

static void rows_make(lb_random *random)
{
    static const lobass_row_status statuses[] = {LOBASS_ROW_OK, LOBASS_ROW_TRUNCATED,
                                                 LOBASS_ROW_DUPLICATE, LOBASS_ROW_NONFINITE};
    scores.n_rows = 1 + (size_t)lb_random_below(random, MOST);
    for (size_t i = 0; i < scores.n_rows; i++)
    {
        const bool is_good = lb_random_below(random, 5) > 0;
        rows[i] = (lobass_row_scores){.status = statuses[lb_random_below(random, is_good ? 2 : 4)]};
        rows[i].has[LOBASS_SCORE_LOSS] = lb_random_below(random, 8) > 0;
        rows[i].value[LOBASS_SCORE_LOSS] = (double)lb_random_below(random, 12) / 4;
        rows[i].has[LOBASS_SCORE_RANDOM] = true;
        rows[i].value[LOBASS_SCORE_RANDOM] = lb_random_uniform(random);
        summaries[i] = (lb_row_summary){.n_scored = 1 + (uint32_t)lb_random_below(random, 9),
                                        .source = (uint32_t)lb_random_below(random, N_SOURCES)};
    }
}

static lobass_amount amount_make(lb_random *random)
{
    static const double shares[] = {0.06, 0.125, 0.5, 0.34, 1};
    const lobass_amount amounts[] = {
        {LOBASS_AMOUNT_COUNT, 1 + (double)lb_random_below(random, 20)},
        {LOBASS_AMOUNT_FRACTION, shares[lb_random_below(random, 5)]},
        {LOBASS_AMOUNT_TOKENS, 1 + (double)lb_random_below(random, 60)},
        {LOBASS_AMOUNT_ALL, 0},
    };
    return amounts[lb_random_below(random, 4)];
}

static lobass_selection_spec spec_make(lb_random *random)
{
    lobass_selection_spec spec = lobass_selection_spec_default();
    lobass_error error = {0};
    spec.by = LOBASS_SCORE_LOSS;
    spec.direction = (lobass_direction)(LOBASS_DIRECTION_HIGHEST + lb_random_below(random, 3));
    spec.amount = amount_make(random);
    spec.n_strata = lb_random_below(random, 2) == 0
                        ? 0
                        : 2 + (uint32_t)lb_random_below(random, MOST_STRATA - 1);
    for (size_t s = 0; s < N_SOURCES; s++)
    {
        if (lb_random_below(random, 3) == 0)
        {
            check_ok(lb_quota_add(&spec, source_names[s], 1, amount_make(random),
                                  lb_random_below(random, 2) == 0, &error),
                     &error);
        }
    }
    return spec;
}

static lb_selection *chosen(const lobass_selection_spec *spec)
{
    const lb_choice choice = {
        .scores = &scores, .spec = spec, .sources = sources, .n_sources = N_SOURCES};
    lobass_error error = {0};
    lb_selection *selection = NULL;
    check_ok(lb_selection_spec_check(spec, &error), &error);
    check_ok(lb_selection_choose(&selection, &choice, &error), &error);
    return selection;
}

/* ---- the plain rule ---------------------------------------------------------------------------
 */

typedef struct plain
{
    const lobass_selection_spec *spec;
    size_t ranked[MOST]; /* [n_ranked] rows, best first */
    size_t n_ranked;
    size_t bins[MOST];
    size_t n_bins;
    bool is_taken[MOST];
} plain;

static bool is_ranked(size_t i)
{
    const bool is_selectable =
        rows[i].status == LOBASS_ROW_OK || rows[i].status == LOBASS_ROW_TRUNCATED;
    return is_selectable && rows[i].has[LOBASS_SCORE_LOSS];
}

static double loss_of(size_t i)
{
    return rows[i].value[LOBASS_SCORE_LOSS];
}

/* How many ranked rows have a lower loss than I, or the same and come before it. */
static size_t place_of(size_t i)
{
    size_t n = 0;
    for (size_t j = 0; j < scores.n_rows; j++)
    {
        n += is_ranked(j) && (loss_of(j) < loss_of(i) || (loss_of(j) == loss_of(i) && j < i));
    }
    return n;
}

/* Does ranked row I come before ranked row J? */
static bool is_better(const plain *p, size_t i, size_t j)
{
    const double middle = (double)(p->n_ranked - 1) / 2;
    const double far_i = fabs((double)place_of(i) - middle);
    const double far_j = fabs((double)place_of(j) - middle);
    switch (p->spec->direction)
    {
    case LOBASS_DIRECTION_HIGHEST:
        return loss_of(i) > loss_of(j) || (loss_of(i) == loss_of(j) && i < j);
    case LOBASS_DIRECTION_LOWEST:
        return place_of(i) < place_of(j);
    default:
        return far_i < far_j || (far_i == far_j && place_of(i) < place_of(j));
    }
}

static void rank_rows(plain *p)
{
    for (size_t i = 0; i < scores.n_rows; i++)
    {
        p->n_ranked += is_ranked(i);
    }
    for (size_t i = 0; i < scores.n_rows; i++)
    {
        size_t place = 0;
        for (size_t j = 0; j < scores.n_rows; j++)
        {
            place += is_ranked(i) && is_ranked(j) && is_better(p, j, i);
        }
        if (is_ranked(i))
        {
            p->ranked[place] = i;
        }
    }
}

/* Every row has scored tokens: by their number, and then by the order, cut in even bins. */
static void cut_bins(plain *p)
{
    p->n_bins = p->spec->n_strata > 0 ? p->spec->n_strata : 1;
    for (size_t i = 0; i < scores.n_rows; i++)
    {
        size_t n_shorter = 0;
        for (size_t j = 0; j < scores.n_rows; j++)
        {
            const uint32_t a = summaries[j].n_scored;
            const uint32_t b = summaries[i].n_scored;
            n_shorter += a < b || (a == b && j < i);
        }
        p->bins[i] = n_shorter * p->n_bins / scores.n_rows;
    }
}

/* The quota of a row's source; NULL: it is of those that share the spec's own amount. */
static const lobass_source_quota *quota_of(const plain *p, size_t i)
{
    for (size_t q = 0; q < p->spec->n_quotas; q++)
    {
        if (strcmp(p->spec->quotas[q].name, source_names[summaries[i].source]) == 0)
        {
            return &p->spec->quotas[q];
        }
    }
    return NULL;
}

/* What of TOTAL each bin gets, COUNTS being how many rows of the group are ranked there: the exact
 * share rounded down, and then one more for the largest remainders, of equals the shorter rows'. */
static void share_out(size_t *shares, size_t total, const size_t *counts, size_t n)
{
    double sum = 0;
    size_t left = total;
    bool is_more[MOST_STRATA] = {false};
    for (size_t b = 0; b < n; b++)
    {
        sum += (double)counts[b];
    }
    for (size_t b = 0; b < n; b++)
    {
        shares[b] = sum > 0 ? (size_t)(total * counts[b]) / (size_t)sum : 0;
        left -= shares[b];
    }
    while (sum > 0 && left > 0)
    {
        size_t best = n;
        for (size_t b = 0; b < n; b++)
        {
            const size_t remainder = total * counts[b] % (size_t)sum;
            if (!is_more[b] && (best == n || remainder > total * counts[best] % (size_t)sum))
            {
                best = b;
            }
        }
        is_more[best] = true;
        shares[best]++;
        left--;
    }
}

/* Half up, in whole hundredths of a percent: the shares above have no more digits. */
static size_t rounded_share(double share, size_t n)
{
    const size_t parts = (size_t)(share * 10000 + 0.5);
    return (parts * n + 5000) / 10000;
}

/* The rows of one group in the order in which it takes them. */
static size_t group_walk(const plain *p, const lobass_source_quota *quota, size_t *walk)
{
    size_t n = 0;
    for (size_t r = 0; r < p->n_ranked; r++)
    {
        if (quota_of(p, p->ranked[r]) == quota)
        {
            walk[n++] = p->ranked[r];
        }
    }
    for (size_t i = 1; quota != NULL && quota->is_random && i < n; i++)
    {
        for (size_t j = i; j > 0 && rows[walk[j]].value[LOBASS_SCORE_RANDOM] >
                                        rows[walk[j - 1]].value[LOBASS_SCORE_RANDOM];
             j--)
        {
            const size_t row = walk[j];
            walk[j] = walk[j - 1];
            walk[j - 1] = row;
        }
    }
    return n;
}

static void take_bin(plain *p, const size_t *walk, size_t n, size_t bin, size_t room,
                     lobass_amount_kind kind)
{
    for (size_t i = 0; i < n; i++)
    {
        const size_t row = walk[i];
        const size_t needed = kind == LOBASS_AMOUNT_TOKENS ? summaries[row].n_scored
                              : kind == LOBASS_AMOUNT_ALL  ? 0
                                                           : 1;
        if (p->bins[row] != bin)
        {
            continue;
        }
        if (needed > room)
        {
            return;
        }
        room -= needed;
        p->is_taken[row] = true;
    }
}

static void take_group(plain *p, const lobass_source_quota *quota)
{
    const lobass_amount amount = quota == NULL ? p->spec->amount : quota->amount;
    size_t walk[MOST];
    size_t counts[MOST_STRATA] = {0};
    size_t shares[MOST_STRATA] = {0};
    size_t n_records = 0;
    const size_t n = group_walk(p, quota, walk);
    for (size_t i = 0; i < scores.n_rows; i++)
    {
        n_records += quota_of(p, i) == quota;
    }
    for (size_t i = 0; i < n; i++)
    {
        counts[p->bins[walk[i]]]++;
    }
    size_t total = amount.kind == LOBASS_AMOUNT_FRACTION ? rounded_share(amount.value, n_records)
                                                         : (size_t)amount.value;
    total = amount.kind != LOBASS_AMOUNT_TOKENS && total > n ? n : total;
    share_out(shares, total, counts, p->n_bins);
    for (size_t b = 0; b < p->n_bins; b++)
    {
        take_bin(p, walk, n, b, shares[b], amount.kind);
    }
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void check_plain(const lb_selection *selection, const lobass_selection_spec *spec,
                        unsigned trial)
{
    plain p = {.spec = spec};
    rank_rows(&p);
    cut_bins(&p);
    take_group(&p, NULL);
    for (size_t q = 0; q < spec->n_quotas; q++)
    {
        take_group(&p, &spec->quotas[q]);
    }
    size_t n_taken = 0;
    if (selection->n_ranked != p.n_ranked)
    {
        fail_msg("trial %u: %zu rows are ranked, expected %zu", trial, selection->n_ranked,
                 p.n_ranked);
    }
    for (size_t r = 0; r < p.n_ranked; r++)
    {
        if (selection->order[r] != p.ranked[r] || selection->ranks[p.ranked[r]] != r + 1)
        {
            fail_msg("trial %u: row %zu should have the rank %zu", trial, p.ranked[r], r + 1);
        }
    }
    for (size_t i = 0; i < scores.n_rows; i++)
    {
        n_taken += p.is_taken[i];
        if (selection->is_selected[i] != p.is_taken[i])
        {
            fail_msg("trial %u: row %zu is %s", trial, i, p.is_taken[i] ? "not taken" : "taken");
        }
    }
    assert_int_equal(selection->n_selected, n_taken);
}

static void test_against_plain_rule(void **state)
{
    size_t n_taken = 0;
    (void)state;
    for (unsigned trial = 0; trial < N_TRIALS; trial++)
    {
        lb_random random;
        lb_random_init(&random, trial);
        rows_make(&random);
        lobass_selection_spec spec = spec_make(&random);
        lb_selection *selection = chosen(&spec);
        check_plain(selection, &spec, trial);
        n_taken += selection->n_selected;
        lb_selection_free(selection);
        lobass_selection_spec_clear(&spec);
    }
    assert_true(n_taken > 5 * (size_t)N_TRIALS);
}

/* Without strata, whose shares may move from bin to bin: more of the same amount keeps all. */
static void test_nested(void **state)
{
    (void)state;
    for (unsigned trial = 0; trial < N_TRIALS / 4; trial++)
    {
        lb_random random;
        bool was_selected[MOST] = {false};
        lb_random_init(&random, trial);
        rows_make(&random);
        lobass_selection_spec spec = spec_make(&random);
        spec.n_strata = 0;
        spec.amount.kind = trial % 2 == 0 ? LOBASS_AMOUNT_COUNT : LOBASS_AMOUNT_TOKENS;
        for (unsigned amount = 1; amount <= 40; amount++)
        {
            spec.amount.value = amount;
            lb_selection *selection = chosen(&spec);
            for (size_t i = 0; i < scores.n_rows; i++)
            {
                if (was_selected[i] && !selection->is_selected[i])
                {
                    fail_msg("trial %u: row %zu is taken by less than %u and not by it", trial, i,
                             amount);
                }
                was_selected[i] = selection->is_selected[i];
            }
            lb_selection_free(selection);
        }
        lobass_selection_spec_clear(&spec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_plain_rule),
        cmocka_unit_test(test_nested),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Rank correlation; stats.h has the definitions and their sources. Counts are integers and a
 * deviation from the mean rank is a multiple of one half, so that both are exact. Equal rankings
 * give 1 and reversed ones -1 exactly: with a = b the square root of a b is a.
 */
#include "stats/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

/* ---- average ranks ----------------------------------------------------------------------------
 */

typedef struct placed
{
    double value;
    size_t place;
} placed;

static int compare_placed(const void *left, const void *right)
{
    return compare_numbers(((const placed *)left)->value, ((const placed *)right)->value);
}

lobass_status lb_ranks_average(double *ranks, const double *values, size_t n, lobass_error *error)
{
    placed *sorted = lb_alloc(n, sizeof *sorted, error);
    if (sorted == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n; i++)
    {
        sorted[i] = (placed){values[i], i};
    }
    if (n > 0)
    {
        qsort(sorted, n, sizeof *sorted, compare_placed);
    }
    for (size_t first = 0, end = 0; first < n; first = end)
    {
        while (end < n && sorted[end].value == sorted[first].value)
        {
            end++;
        }
        for (size_t i = first; i < end; i++)
        {
            ranks[sorted[i].place] = (double)(first + 1 + end) / 2;
        }
    }
    free(sorted);
    return LOBASS_OK;
}

/* ---- Spearman ---------------------------------------------------------------------------------
 */

static double coefficient(double numerator, double square)
{
    const double value = square > 0 ? numerator / sqrt(square) : NAN;
    return value > 1 ? 1 : value < -1 ? -1 : value;
}

/* Pearson's correlation of two lists of average ranks, whose mean is (n + 1) / 2. */
static double correlate_ranks(const double *x, const double *y, size_t n)
{
    const double mean = ((double)n + 1) / 2;
    double xx = 0;
    double yy = 0;
    double xy = 0;
    for (size_t i = 0; i < n; i++)
    {
        xx += (x[i] - mean) * (x[i] - mean);
        yy += (y[i] - mean) * (y[i] - mean);
        xy += (x[i] - mean) * (y[i] - mean);
    }
    return coefficient(xy, xx * yy);
}

lobass_status lb_spearman_compute(double *rho, const double *x, const double *y, size_t n,
                                  lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    *rho = NAN;
    double *ranks_x = lb_alloc(n, sizeof *ranks_x, error);
    double *ranks_y = ranks_x == NULL ? NULL : lb_alloc(n, sizeof *ranks_y, error);
    if (ranks_y == NULL)
    {
        goto done;
    }
    LB_TRY_GOTO(lb_ranks_average(ranks_x, x, n, error));
    LB_TRY_GOTO(lb_ranks_average(ranks_y, y, n, error));
    *rho = correlate_ranks(ranks_x, ranks_y, n);
done:
    free(ranks_x);
    free(ranks_y);
    return status;
}

/* ---- Kendall ----------------------------------------------------------------------------------
 */

typedef struct pair
{
    double x, y;
} pair;

static int compare_pairs(const void *left, const void *right)
{
    const pair *a = left;
    const pair *b = right;
    const int order = compare_numbers(a->x, b->x);
    return order != 0 ? order : compare_numbers(a->y, b->y);
}

static int64_t pairs_among(size_t n)
{
    return (int64_t)(n % 2 == 0 ? n / 2 * (n - 1) : n * ((n - 1) / 2));
}

/* Of a sorted list: pairs that tie in x, or in x and in y where BOTH are asked for. */
static int64_t count_ties(const pair *sorted, size_t n, bool both)
{
    int64_t n_ties = 0;
    for (size_t first = 0, end = 0; first < n; first = end)
    {
        while (end < n && sorted[end].x == sorted[first].x &&
               (!both || sorted[end].y == sorted[first].y))
        {
            end++;
        }
        n_ties += pairs_among(end - first);
    }
    return n_ties;
}

/* Merges the sorted values[0, middle) and values[middle, n); returns how many of the first are
 * greater than one of the second, summed over these. */
static int64_t merge(double *values, double *room, size_t middle, size_t n)
{
    int64_t n_exchanges = 0;
    size_t left = 0;
    size_t right = middle;
    for (size_t i = 0; i < n; i++)
    {
        const bool is_right = left == middle || (right < n && values[right] < values[left]);
        n_exchanges += is_right ? (int64_t)(middle - left) : 0;
        room[i] = is_right ? values[right++] : values[left++];
    }
    memcpy(values, room, n * sizeof *values);
    return n_exchanges;
}

/* Sorts values[n] and returns the number of exchanges of neighbours that it takes. */
static int64_t sort_counting(double *values, double *room, size_t n)
{
    int64_t n_exchanges = 0;
    for (size_t run = 1; run < n; run *= 2)
    {
        for (size_t first = 0; first + run < n; first += 2 * run)
        {
            const size_t rest = n - first;
            n_exchanges += merge(values + first, room, run, rest < 2 * run ? rest : 2 * run);
        }
    }
    return n_exchanges;
}

/* PAIRS are used up; ROOM is [2 n]. */
static double tau_b(pair *pairs, double *room, size_t n)
{
    double *y = room + n;
    if (n > 0)
    {
        qsort(pairs, n, sizeof *pairs, compare_pairs);
    }
    for (size_t i = 0; i < n; i++)
    {
        y[i] = pairs[i].y;
    }
    /* Sorted by x, then by y: what it takes to sort them by y is what is discordant. */
    const int64_t n_discordant = sort_counting(y, room, n);
    const int64_t n_ties_x = count_ties(pairs, n, false);
    const int64_t n_ties_both = count_ties(pairs, n, true);
    for (size_t i = 0; i < n; i++)
    {
        pairs[i].x = y[i];
    }
    const int64_t n_ties_y = count_ties(pairs, n, false);
    const int64_t n_all = pairs_among(n);
    const int64_t n_untied = n_all - n_ties_x - n_ties_y + n_ties_both; /* C + D */
    return coefficient((double)(n_untied - 2 * n_discordant),
                       (double)(n_all - n_ties_x) * (double)(n_all - n_ties_y));
}

lobass_status lb_kendall_compute(double *tau, const double *x, const double *y, size_t n,
                                 lobass_error *error)
{
    *tau = NAN;
    pair *pairs = lb_alloc(n, sizeof *pairs, error);
    double *room = pairs == NULL ? NULL : lb_alloc(n, 2 * sizeof *room, error);
    if (room == NULL)
    {
        free(pairs);
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n; i++)
    {
        pairs[i] = (pair){x[i], y[i]};
    }
    *tau = tau_b(pairs, room, n);
    free(room);
    free(pairs);
    return LOBASS_OK;
}

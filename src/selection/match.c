/* SPDX-License-Identifier: Apache-2.0
 *
 * Which rows of two runs are the same record. Two runs over the same files have it at the same row
 * number, which is seen by looking; else both lists are sorted by hash and then by row number, so
 * that repeated records meet in the order of each run.
 */
#include "selection/compare_private.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct hashed_row
{
    uint64_t hash[2], row;
} hashed_row;

static int compare_hashes(const uint64_t a[2], const uint64_t b[2])
{
    const unsigned word = a[0] == b[0] ? 1 : 0;
    return (a[word] > b[word]) - (a[word] < b[word]);
}

static int compare_rows(const void *left, const void *right)
{
    const hashed_row *a = left;
    const hashed_row *b = right;
    const int order = compare_hashes(a->hash, b->hash);
    return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

static bool has_same_order(const lb_matched_rows *first, const lb_matched_rows *second)
{
    size_t i = 0;
    while (i < first->n_rows &&
           compare_hashes(first->summaries[i].hash, second->summaries[i].hash) == 0)
    {
        i++;
    }
    return i == first->n_rows;
}

/* Yours: free(). */
static hashed_row *rows_sort(const lb_matched_rows *rows, lobass_error *error)
{
    hashed_row *sorted = lb_alloc(rows->n_rows, sizeof *sorted, error);
    for (size_t i = 0; sorted != NULL && i < rows->n_rows; i++)
    {
        const uint64_t *hash = rows->summaries[i].hash;
        sorted[i] = (hashed_row){{hash[0], hash[1]}, i};
    }
    if (sorted != NULL)
    {
        qsort(sorted, rows->n_rows, sizeof *sorted, compare_rows);
    }
    return sorted;
}

/* Both lists are sorted and of one length: as many rows are left over in the one as in the other.
 */
static lobass_status rows_pair(uint64_t *partners, const lb_matched_rows *first,
                               const lb_matched_rows *second, const hashed_row *firsts,
                               const hashed_row *seconds, lobass_error *error)
{
    const size_t n = first->n_rows;
    size_t n_alone = 0;
    uint64_t lowest = UINT64_MAX;
    for (size_t i = 0, j = 0; j < n;)
    {
        const int order = i < n ? compare_hashes(firsts[i].hash, seconds[j].hash) : 1;
        if (order == 0)
        {
            partners[firsts[i].row] = seconds[j].row;
        }
        else if (order > 0)
        {
            n_alone++;
            lowest = seconds[j].row < lowest ? seconds[j].row : lowest;
        }
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
    }
    if (n_alone > 0)
    {
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s: %zu of %zu records are not among those of %s, the first of them row "
                       "%" PRIu64 "; expected two runs over the same records",
                       second->path, n_alone, n, first->path, lowest);
    }
    return LOBASS_OK;
}

lobass_status lb_rows_match(uint64_t **partners, const lb_matched_rows *first,
                            const lb_matched_rows *second, lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    *partners = NULL;
    if (first->n_rows != second->n_rows)
    {
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s: %zu records, but %s has %zu; expected two runs over the same records",
                       second->path, second->n_rows, first->path, first->n_rows);
    }
    if (has_same_order(first, second))
    {
        return LOBASS_OK;
    }
    uint64_t *made = lb_alloc(first->n_rows, sizeof *made, error);
    hashed_row *firsts = made == NULL ? NULL : rows_sort(first, error);
    hashed_row *seconds = firsts == NULL ? NULL : rows_sort(second, error);
    if (seconds == NULL)
    {
        goto done;
    }
    LB_TRY_GOTO(rows_pair(made, first, second, firsts, seconds, error));
    *partners = made;
    made = NULL;
done:
    free(seconds);
    free(firsts);
    free(made);
    return status;
}

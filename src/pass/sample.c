/* SPDX-License-Identifier: Apache-2.0
 *
 * See sample.h. Top-k and top-p (nucleus sampling: Holtzman et al., 2020) take tokens off a heap,
 * likeliest first, until there are enough: most vocabularies are never sorted. In the order of the
 * other libraries: temperature, top-k, and top-p of what that leaves.
 */
#include "pass/pass.h"

#include <math.h>

/* Likelier, and of equals the one with the lower id. */
static bool is_before(const lb_candidate *a, const lb_candidate *b)
{
    return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

static void swap(lb_candidate *a, lb_candidate *b)
{
    const lb_candidate held = *a;
    *a = *b;
    *b = held;
}

/* Lets the candidate at I sink until it comes before both below it. */
static void sink(lb_candidate *heap, size_t n, size_t i)
{
    for (;;)
    {
        size_t first = i;
        for (size_t below = 2 * i + 1; below <= 2 * i + 2 && below < n; below++)
        {
            first = is_before(&heap[below], &heap[first]) ? below : first;
        }
        if (first == i)
        {
            return;
        }
        swap(&heap[i], &heap[first]);
        i = first;
    }
}

/* Moves the first of what is left of the heap behind its end. */
static lb_candidate *take(lb_candidate *heap, size_t *n_left)
{
    --*n_left;
    swap(&heap[0], &heap[*n_left]);
    sink(heap, *n_left, 0);
    return &heap[*n_left];
}

/* Leaves those that may be drawn in KEPT[*N_KEPT], likeliest last, and returns their weight. */
static double cut(const lb_sampling *sampling, lb_candidate *candidates, size_t n, double whole,
                  lb_candidate **kept, size_t *n_kept)
{
    const size_t most = sampling->top_k > 0 && sampling->top_k < n ? sampling->top_k : n;
    size_t n_left = n;
    double sum = 0.0;
    for (size_t i = n / 2; i-- > 0;)
    {
        sink(candidates, n, i);
    }
    if (most < n)
    {
        whole = 0.0;
        while (n - n_left < most)
        {
            whole += take(candidates, &n_left)->weight;
        }
    }
    /* Those that are taken lie at the end, in order; more are taken only where there is no k. */
    for (size_t i = n; i > n - most && (i == n || sum < sampling->top_p * whole); i--)
    {
        sum += (i > n_left ? &candidates[i - 1] : take(candidates, &n_left))->weight;
        *n_kept = n - i + 1;
    }
    *kept = candidates + n - *n_kept;
    return sum;
}

static int32_t draw(const lb_candidate *candidates, size_t n, double target)
{
    double sum = 0.0;
    for (size_t i = n; i-- > 1;)
    {
        sum += candidates[i].weight;
        if (sum > target)
        {
            return candidates[i].id;
        }
    }
    return candidates[0].id;
}

lobass_status lb_sample(int32_t *id, float *nll, const lb_sampling *sampling, const float *logits,
                        size_t n, size_t n_known, double uniform, lb_candidate *candidates,
                        lobass_error *error)
{
    size_t largest = 0;
    double sum = 0.0;
    double whole = 0.0;
    for (size_t i = 1; i < n_known; i++)
    {
        largest = logits[i] > logits[largest] ? i : largest;
    }
    for (size_t i = 0; i < n; i++)
    {
        sum += (double)expf(logits[i] - logits[largest]); /* as exact as the loss is stored */
    }
    if (!isfinite(sum) || !isfinite(logits[largest]))
    {
        return lb_fail(error, LOBASS_NUMERIC, "the model's logits are not finite");
    }
    *id = (int32_t)largest;
    if (sampling->temperature > 0)
    {
        lb_candidate *kept = candidates;
        size_t n_kept = n_known;
        for (size_t i = 0; i < n_known; i++)
        {
            const double below = (double)logits[i] - (double)logits[largest];
            candidates[i] =
                (lb_candidate){(int32_t)i, logits[i], exp(below / sampling->temperature)};
            whole += candidates[i].weight;
        }
        if (sampling->top_k > 0 || sampling->top_p < 1.0)
        {
            whole = cut(sampling, candidates, n_known, whole, &kept, &n_kept);
        }
        *id = draw(kept, n_kept, uniform * whole);
    }
    *nll = (float)((double)logits[largest] + log(sum) - (double)logits[*id]);
    return LOBASS_OK;
}

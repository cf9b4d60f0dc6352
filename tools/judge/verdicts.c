/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what verdicts come to: of each pair the two orders together, counts by source, the rate of
 * wins and how likely it is by chance.
 */
#include "judge.h"

#include <math.h>
#include <string.h>

#define NO_SOURCE "-" /* the pairs without one, where others have one */

/* What each order says for the model that was shown first. */
static const int scores[LB_VERDICT_COUNT] = {
    [LB_VERDICT_SHOWN_FIRST] = 1, [LB_VERDICT_SHOWN_SECOND] = -1};

static void pair_count(lb_verdicts *of, const lb_text_pair *pair, const lb_verdict orders[2])
{
    const int score = scores[orders[0]] - scores[orders[1]]; /* swapped: of the second model */
    const bool has_texts = pair->texts[0].text != NULL && pair->texts[1].text != NULL;
    const bool is_failed = orders[0] == LB_VERDICT_NONE || orders[1] == LB_VERDICT_NONE;
    const bool is_unreadable =
        orders[0] == LB_VERDICT_UNREADABLE || orders[1] == LB_VERDICT_UNREADABLE;
    of->n_pairs++;
    for (int order = 0; order < 2; order++)
    {
        of->n_for_shown_first += orders[order] == LB_VERDICT_SHOWN_FIRST;
        of->n_for_shown_second += orders[order] == LB_VERDICT_SHOWN_SECOND;
    }
    uint64_t *count = !has_texts      ? &of->n_without_text
                      : is_failed     ? &of->n_failed
                      : is_unreadable ? &of->n_unreadable
                      : score > 0     ? &of->n_wins
                      : score < 0     ? &of->n_losses
                                      : &of->n_ties;
    ++*count;
}

static void sum_up(lb_verdicts *of)
{
    const double n = (double)(of->n_wins + of->n_ties + of->n_losses);
    of->win_rate = of->low = of->high = of->p = NAN;
    if (n > 0)
    {
        const double count = (double)of->n_wins + (double)of->n_ties / 2;
        of->win_rate = count / n;
        lb_wilson_interval(&of->low, &of->high, count, n);
        of->p = lb_sign_test(of->n_wins, of->n_losses);
    }
}

/* The verdicts of the source called NAME, which may be new. */
static lobass_status source_find(lb_verdicts **found, lb_judge_result *result, size_t *capacity,
                                 const char *name, lobass_error *error)
{
    for (size_t i = 0; i < result->n_sources; i++)
    {
        if (strcmp(result->sources[i].name, name) == 0)
        {
            *found = &result->sources[i];
            return LOBASS_OK;
        }
    }
    void *sources = result->sources;
    LB_TRY(
        lb_list_reserve(&sources, capacity, result->n_sources + 1, sizeof *result->sources, error));
    result->sources = sources;
    name = lb_arena_text(&result->names, name, strlen(name), error);
    *found = &result->sources[result->n_sources];
    **found = (lb_verdicts){.name = name};
    result->n_sources += name != NULL;
    return name == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

lobass_status lb_verdicts_count(lb_judge_result *result, const lb_text_pairs *pairs,
                                const lb_verdict *verdicts, lobass_error *error)
{
    bool has_sources = false;
    size_t capacity = 0;
    for (size_t i = 0; i < pairs->n_pairs; i++)
    {
        has_sources = has_sources || pairs->pairs[i].source != NULL;
    }
    for (size_t i = 0; i < pairs->n_pairs; i++)
    {
        const lb_text_pair *pair = &pairs->pairs[i];
        if (has_sources)
        {
            lb_verdicts *source = NULL;
            LB_TRY(source_find(&source, result, &capacity,
                               pair->source == NULL ? NO_SOURCE : pair->source, error));
            pair_count(source, pair, verdicts + 2 * i);
        }
        pair_count(&result->total, pair, verdicts + 2 * i);
    }
    for (size_t i = 0; i < result->n_sources; i++)
    {
        sum_up(&result->sources[i]);
    }
    result->total.name = "all";
    sum_up(&result->total);
    return LOBASS_OK;
}

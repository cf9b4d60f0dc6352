/* SPDX-License-Identifier: Apache-2.0
 *
 * The scores of rows (scores.c has the table of them) from the stored per-token losses, float32,
 * summed in double in the order of the tokens; and what is told beside the scores:
 *     drop_P = sum_{t in P} (nll_initial[t] - nll_reference[t]) / sum_t nll_initial[t]
 *              P: end tokens; first tokens of responses; the rest. Together: learnability
 * A score that does not exist, or is not finite, is absent; so are those of two models where these
 * were measured in different dtypes: the drop would be that of the rounding. "unconditional" must
 * be the initial model too. A row with a loss that is not finite gets the status nonfinite, one
 * outside the rules of the selection the first of initial_loss_below_floor,
 * initial_loss_below_minimum and reference_loss_above_maximum that it breaks; only rows that were
 * selectable change their status. A row outside the zones keeps its scores.
 */
#include "selection/selection.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the rows of a run are scored with. */
typedef struct scorer
{
    lb_store *store;
    const lb_measurement *measurements; /* [LB_N_SCORE_MODELS]; id 0: there is none */
    const lb_score_rules *rules;
    unsigned measured, comparable; /* LB_NEEDS(): there at all; alike the initial one too */
    uint8_t *parts;                /* [n_parts] of the row at hand: what each scored token is */
    size_t n_parts, capacity;
} scorer;

static lobass_status measurements_find(lb_measurement *measurements, lb_store *store,
                                       lobass_error *error)
{
    for (int m = 0; m < LB_N_SCORE_MODELS; m++)
    {
        bool is_there = false;
        LB_TRY(lb_store_measurement_find(&measurements[m], &is_there, store,
                                         lb_score_model_names[m], error));
    }
    return LOBASS_OK;
}

static scorer scorer_begin(lb_store *store, const lb_measurement *measurements,
                           const lb_score_rules *rules)
{
    scorer s = {.store = store, .measurements = measurements, .rules = rules};
    const lb_measurement *initial = &measurements[LB_OF_INITIAL];
    for (int m = 0; m < LB_N_SCORE_MODELS; m++)
    {
        const lb_measurement *other = &measurements[m];
        const bool is_alike =
            strcmp(other->dtype, initial->dtype) == 0 &&
            (m != LB_OF_UNCONDITIONAL || strcmp(other->fingerprint, initial->fingerprint) == 0);
        s.measured |= other->id != 0 ? LB_NEEDS(m) : 0;
        s.comparable |= is_alike ? LB_NEEDS(m) : 0;
    }
    return s;
}

static lobass_status parts_load(scorer *s, uint64_t number, uint32_t n_scored, lobass_error *error)
{
    lobass_row row;
    LB_TRY(lb_store_row_load(&row, s->store, number, error));
    LB_TRY(lb_list_reserve((void **)(void *)&s->parts, &s->capacity, row.n_tokens, sizeof *s->parts,
                           error));
    s->n_parts = 0;
    for (size_t t = 0; t < row.n_tokens; t++)
    {
        if ((row.flags[t] & LOBASS_TOKEN_SCORED) != 0)
        {
            s->parts[s->n_parts++] = (row.flags[t] & LOBASS_TOKEN_END) != 0     ? LB_PART_END
                                     : (row.flags[t] & LOBASS_TOKEN_FIRST) != 0 ? LB_PART_FIRST
                                                                                : LB_PART_REST;
        }
    }
    if (s->n_parts != n_scored)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: row %" PRIu64 ": its flags mark %zu scored tokens, expected %" PRIu32,
                       lb_store_path(s->store), number, s->n_parts, n_scored);
    }
    return LOBASS_OK;
}

/* Whether the row was measured is in input->has. */
static lobass_status sums_load(lb_score_input *input, const scorer *s, int model, uint64_t number,
                               lobass_error *error)
{
    lb_row_losses losses = {0};
    lb_loss_sums *sums = &input->sums[model];
    lobass_error found;
    const lobass_status status =
        lb_store_losses_load(&losses, s->store, s->measurements[model].id, number, &found);
    if (status == LOBASS_NOT_FOUND)
    {
        return LOBASS_OK;
    }
    if (status != LOBASS_OK)
    {
        return lb_fail(error, status, "%s", found.message);
    }
    if (losses.n_scored != s->n_parts)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: row %" PRIu64 ": %zu stored losses, expected %zu, the number of its "
                       "scored tokens",
                       lb_store_path(s->store), number, losses.n_scored, s->n_parts);
    }
    for (size_t t = 0; t < losses.n_scored; t++)
    {
        sums->parts[s->parts[t]] += (double)losses.nll[t];
    }
    sums->total = lb_losses_sum(losses.nll, losses.n_scored);
    sums->el2n = losses.el2n == NULL ? NAN : lb_losses_sum(losses.el2n, losses.n_scored);
    input->has |= LB_NEEDS(model);
    return LOBASS_OK;
}

/* The status of a selectable row by its losses: the first rule that speaks against it. */
static lobass_row_status zone_find(const lobass_row_scores *row, const lb_score_rules *rules)
{
    if (row->has_initial && row->initial_loss < rules->floor)
    {
        return LOBASS_ROW_INITIAL_LOSS_BELOW_FLOOR;
    }
    if (row->has_initial && row->initial_loss < rules->min_initial)
    {
        return LOBASS_ROW_INITIAL_LOSS_BELOW_MINIMUM;
    }
    if (row->has_reference && row->reference_loss > rules->max_reference)
    {
        return LOBASS_ROW_REFERENCE_LOSS_ABOVE_MAXIMUM;
    }
    return row->status;
}

/* Whether there is a mean loss, and it. */
static bool loss_find(double *loss, const lb_score_input *input, lb_score_model model)
{
    const double total = input->sums[model].total;
    const bool is_there = (input->has & LB_NEEDS(model)) != 0 && isfinite(total);
    *loss = is_there ? total / input->n_scored : 0;
    return is_there;
}

static void drops_fill(lobass_row_scores *row, const lb_score_input *input)
{
    const lb_loss_sums *initial = &input->sums[LB_OF_INITIAL];
    const lb_loss_sums *reference = &input->sums[LB_OF_REFERENCE];
    double *const drops[LB_N_PARTS] = {[LB_PART_END] = &row->drop_end,
                                       [LB_PART_FIRST] = &row->drop_first,
                                       [LB_PART_REST] = &row->drop_rest};
    row->has_drops = row->has[LOBASS_SCORE_LEARNABILITY];
    for (int p = 0; p < LB_N_PARTS && row->has_drops; p++)
    {
        *drops[p] = (initial->parts[p] - reference->parts[p]) / initial->total;
    }
}

static void row_finish(lobass_row_scores *row, lb_score_input *input, const scorer *s,
                       uint32_t stored_status)
{
    const unsigned initial = LB_NEEDS(LB_OF_INITIAL);
    const unsigned reference = LB_NEEDS(LB_OF_REFERENCE);
    row->status = (lobass_row_status)stored_status;
    row->has_initial = loss_find(&row->initial_loss, input, LB_OF_INITIAL);
    row->has_reference = loss_find(&row->reference_loss, input, LB_OF_REFERENCE);
    const bool has_nonfinite = ((input->has & initial) != 0 && !row->has_initial) ||
                               ((input->has & reference) != 0 && !row->has_reference);
    input->has &=
        s->comparable & ~(row->has_initial ? 0 : initial) & ~(row->has_reference ? 0 : reference);
    lb_scores_fill(row, input);
    drops_fill(row, input);
    if (lb_row_status_is_selectable(row->status))
    {
        row->status = has_nonfinite ? LOBASS_ROW_NONFINITE : zone_find(row, s->rules);
    }
}

static lobass_status row_score(lobass_row_scores *row, scorer *s, uint64_t number,
                               const lb_row_summary *summary, lobass_error *error)
{
    lb_score_input input = {
        .n_scored = summary->n_scored, .hash = summary->hash, .rules = s->rules};
    const bool is_measured = s->measured != 0 && summary->n_scored > 0;
    LB_TRY(is_measured ? parts_load(s, number, summary->n_scored, error) : LOBASS_OK);
    for (size_t t = 0; t < s->n_parts && is_measured; t++)
    {
        input.n_content += s->parts[t] != LB_PART_END ? 1 : 0;
    }
    for (int m = 0; m < LB_N_SCORE_MODELS && is_measured; m++)
    {
        LB_TRY(s->measurements[m].id != 0 ? sums_load(&input, s, m, number, error) : LOBASS_OK);
    }
    row_finish(row, &input, s, summary->status);
    return LOBASS_OK;
}

lb_score_rules lb_score_rules_of(const lobass_selection_spec *spec)
{
    return (lb_score_rules){.floor = spec->floor,
                            .min_initial = spec->min_initial,
                            .max_reference = spec->max_reference,
                            .seed = spec->seed};
}

static void measurements_clear(lb_measurement *measurements)
{
    for (int m = 0; m < LB_N_SCORE_MODELS; m++)
    {
        lb_store_measurement_clear(&measurements[m]);
    }
}

lobass_status lb_scores_compute(lb_scores **scores, lb_store *store, const lb_score_rules *rules,
                                lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    scorer s = {0};
    *scores = NULL;
    lb_scores *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->rules = *rules;
    LB_TRY_GOTO(lb_store_summaries_load(&made->summaries, &made->n_rows, store, error));
    LB_TRY_GOTO(measurements_find(made->measurements, store, error));
    made->rows = lb_alloc(made->n_rows, sizeof *made->rows, error);
    if (made->rows == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    s = scorer_begin(store, made->measurements, &made->rules);
    for (size_t i = 0; i < made->n_rows; i++)
    {
        LB_TRY_GOTO(row_score(&made->rows[i], &s, i, &made->summaries[i], error));
    }
    *scores = made;
    made = NULL;
done:
    free(s.parts);
    lb_scores_free(made);
    return status;
}

void lb_scores_free(lb_scores *scores)
{
    if (scores != NULL)
    {
        measurements_clear(scores->measurements);
        free(scores->rows);
        free(scores->summaries);
        free(scores);
    }
}

lobass_status lb_row_scores_compute(lobass_row_scores *scores, lb_store *store,
                                    const lb_score_rules *rules, uint64_t row, lobass_error *error)
{
    lb_measurement measurements[LB_N_SCORE_MODELS] = {0};
    scorer s = {0};
    lobass_row stored;
    lobass_status status = LOBASS_OK;
    memset(scores, 0, sizeof *scores);
    LB_TRY_GOTO(measurements_find(measurements, store, error));
    LB_TRY_GOTO(lb_store_row_load(&stored, store, row, error));
    const lb_row_summary summary = {.hash = {stored.hash[0], stored.hash[1]},
                                    .n_scored = (uint32_t)stored.n_scored,
                                    .status = (uint32_t)stored.status};
    s = scorer_begin(store, measurements, rules);
    status = row_score(scores, &s, row, &summary, error);
done:
    free(s.parts);
    measurements_clear(measurements);
    return status;
}

/* ---- why not ----------------------------------------------------------------------------------
 */

lobass_status lb_reason_find(lb_buffer *reason, const lobass_row_scores *scores,
                             const lb_score_rules *rules, lb_store *store, uint64_t row,
                             lobass_error *error)
{
    lobass_row stored;
    lb_buffer_clear(reason);
    if (lb_row_status_is_selectable(scores->status))
    {
        return LOBASS_OK;
    }
    if (scores->status == LOBASS_ROW_NONFINITE)
    {
        return lb_buffer_append_text(reason, "a token's loss is not a finite number", error);
    }
    if (scores->status == LOBASS_ROW_INITIAL_LOSS_BELOW_FLOOR)
    {
        return lb_buffer_print(reason, error, "the initial loss is below the floor of %g nats",
                               rules->floor);
    }
    if (scores->status == LOBASS_ROW_INITIAL_LOSS_BELOW_MINIMUM)
    {
        return lb_buffer_print(reason, error, "the initial loss is below the minimum of %g nats",
                               rules->min_initial);
    }
    if (scores->status == LOBASS_ROW_REFERENCE_LOSS_ABOVE_MAXIMUM)
    {
        return lb_buffer_print(reason, error, "the reference loss is above the maximum of %g nats",
                               rules->max_reference);
    }
    LB_TRY(lb_store_row_load(&stored, store, row, error));
    return lb_buffer_append_text(reason, stored.reason != NULL ? stored.reason : "", error);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * All scores of all rows from the stored per-token losses (float32), summed in double in the order
 * of the tokens; N scored tokens a row:
 *     L_m          = (1/N) sum_t nll_m[t]                        for the models initial, reference
 *     learnability = (L_initial - L_reference) / L_initial       none where L_initial < floor
 *     drop_P       = sum_{t in P} (nll_initial[t] - nll_reference[t]) / sum_t nll_initial[t]
 *                    P: end tokens; first tokens of responses; the rest. Together: learnability
 *     rho_sum      = sum_t nll_initial[t] - sum_t nll_reference[t]
 *     rho_mean     = L_initial - L_reference
 *     loss, ppl    = L_initial, exp(L_initial)
 *     ifd_loss     = sum_t nll_initial[t] / sum_t nll_unconditional[t]         t: no end tokens
 *     ifd_ppl      = exp(mean_t nll_initial[t]) / exp(mean_t nll_unconditional[t])      the same
 *     el2n         = (1/N) sum_t el2n_initial[t]
 *     length       = N
 *     random       = XXH3-128(record hash, big-endian; seed), upper half, top 53 bits / 2^53
 * A score that does not exist, or is not finite, is absent; so are those of both models where these
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

/* The models that scores are made of. */
enum
{
    INITIAL,
    REFERENCE,
    UNCONDITIONAL, /* the initial model, responses alone */
    N_MODELS
};

/* What a scored token is, as the drop is told apart by. */
enum
{
    PART_END,   /* an end token */
    PART_FIRST, /* the first token of a response */
    PART_REST,
    N_PARTS
};

/* The losses of a row under one model, in nats, and its el2n: NaN where the row has none. */
typedef struct loss_sums
{
    double total, parts[N_PARTS], el2n;
    bool is_there;
} loss_sums;

typedef struct scorer
{
    lb_store *store;
    lb_measurement measurements[N_MODELS];
    bool is_there[N_MODELS];
    lb_score_rules rules;
    uint8_t *parts; /* [n_parts] of the row at hand: what each scored token is */
    size_t n_parts, capacity;
} scorer;

static lobass_status models_find(scorer *s, lobass_error *error)
{
    static const char *const names[N_MODELS] = {"initial", "reference", LB_UNCONDITIONAL};
    for (int m = 0; m < N_MODELS; m++)
    {
        lb_measurement *found = &s->measurements[m];
        LB_TRY(lb_store_measurement_find(found, &s->is_there[m], s->store, names[m], error));
    }
    return LOBASS_OK;
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
            s->parts[s->n_parts++] = (row.flags[t] & LOBASS_TOKEN_END) != 0     ? PART_END
                                     : (row.flags[t] & LOBASS_TOKEN_FIRST) != 0 ? PART_FIRST
                                                                                : PART_REST;
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

static lobass_status sums_load(loss_sums *sums, scorer *s, int model, uint64_t number,
                               lobass_error *error)
{
    lb_row_losses losses = {0};
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
    sums->is_there = true;
    return LOBASS_OK;
}

static void set(lb_row_scores *row, lobass_score score, double value)
{
    row->has[score] = isfinite(value);
    row->value[score] = row->has[score] ? value : 0;
}

static double random_score(const lb_row_summary *summary, uint64_t seed)
{
    unsigned char bytes[16];
    for (unsigned i = 0; i < sizeof bytes; i++)
    {
        bytes[i] = (unsigned char)(summary->hash[i / 8] >> (56 - 8 * (i % 8)));
    }
    return (double)(lb_hash_bytes(bytes, sizeof bytes, seed).high >> 11) * 0x1p-53;
}

/* The three that compare both models, and what learnability is made of. */
static void drop_score(lb_row_scores *row, const loss_sums *initial, const loss_sums *reference,
                       bool is_below_floor)
{
    set(row, LOBASS_SCORE_RHO_SUM, initial->total - reference->total);
    set(row, LOBASS_SCORE_RHO_MEAN, row->initial_loss - row->reference_loss);
    if (is_below_floor)
    {
        return;
    }
    set(row, LOBASS_SCORE_LEARNABILITY,
        (row->initial_loss - row->reference_loss) / row->initial_loss);
    row->has_drops = row->has[LOBASS_SCORE_LEARNABILITY];
    if (row->has_drops)
    {
        double drops[N_PARTS];
        for (int p = 0; p < N_PARTS; p++)
        {
            drops[p] = (initial->parts[p] - reference->parts[p]) / initial->total;
        }
        row->drop_end = drops[PART_END];
        row->drop_first = drops[PART_FIRST];
        row->drop_rest = drops[PART_REST];
    }
}

/* Instruction-following difficulty: what the response costs with its prompt against without. */
static void ifd_score(lb_row_scores *row, const loss_sums *initial, const loss_sums *unconditional,
                      const scorer *s)
{
    double n_counted = 0;
    for (size_t t = 0; t < s->n_parts; t++)
    {
        n_counted += s->parts[t] != PART_END ? 1 : 0;
    }
    const double with = (initial->parts[PART_FIRST] + initial->parts[PART_REST]) / n_counted;
    const double without =
        (unconditional->parts[PART_FIRST] + unconditional->parts[PART_REST]) / n_counted;
    if (without > 0 && isfinite(without)) /* false as well where no token is counted */
    {
        set(row, LOBASS_SCORE_IFD_LOSS, with / without);
        set(row, LOBASS_SCORE_IFD_PPL, exp(with - without));
    }
}

/* The status of a selectable row by its losses: the first rule that speaks against it. */
static lobass_row_status zone_find(const lb_row_scores *row, const lb_score_rules *rules)
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

static void row_finish(lb_row_scores *row, const lb_row_summary *summary, const scorer *s,
                       const loss_sums sums[N_MODELS])
{
    const double n_scored = summary->n_scored;
    const loss_sums *initial = &sums[INITIAL];
    const loss_sums *reference = &sums[REFERENCE];
    const bool has_nonfinite = (initial->is_there && !isfinite(initial->total)) ||
                               (reference->is_there && !isfinite(reference->total));
    row->status = (lobass_row_status)summary->status;
    row->has_initial = initial->is_there && isfinite(initial->total);
    row->has_reference = reference->is_there && isfinite(reference->total);
    row->initial_loss = row->has_initial ? initial->total / n_scored : 0;
    row->reference_loss = row->has_reference ? reference->total / n_scored : 0;
    const bool is_below_floor = row->has_initial && row->initial_loss < s->rules.floor;
    if (summary->n_scored > 0)
    {
        set(row, LOBASS_SCORE_LENGTH, n_scored);
        set(row, LOBASS_SCORE_RANDOM, random_score(summary, s->rules.seed));
    }
    if (row->has_initial)
    {
        set(row, LOBASS_SCORE_LOSS, row->initial_loss);
        set(row, LOBASS_SCORE_PPL, exp(row->initial_loss));
        set(row, LOBASS_SCORE_EL2N, initial->el2n / n_scored);
    }
    if (row->has_initial && row->has_reference &&
        strcmp(s->measurements[INITIAL].dtype, s->measurements[REFERENCE].dtype) == 0)
    {
        drop_score(row, initial, reference, is_below_floor);
    }
    if (row->has_initial && sums[UNCONDITIONAL].is_there &&
        strcmp(s->measurements[INITIAL].dtype, s->measurements[UNCONDITIONAL].dtype) == 0 &&
        strcmp(s->measurements[INITIAL].fingerprint, s->measurements[UNCONDITIONAL].fingerprint) ==
            0)
    {
        ifd_score(row, initial, &sums[UNCONDITIONAL], s);
    }
    if (lb_row_status_is_selectable(row->status))
    {
        row->status = has_nonfinite ? LOBASS_ROW_NONFINITE : zone_find(row, &s->rules);
    }
}

static lobass_status rows_score(lb_scores *scores, scorer *s, lobass_error *error)
{
    LB_TRY(models_find(s, error));
    bool is_measured = false;
    for (int m = 0; m < N_MODELS; m++)
    {
        is_measured = is_measured || s->is_there[m];
    }
    for (size_t i = 0; i < scores->n_rows; i++)
    {
        const lb_row_summary *summary = &scores->summaries[i];
        loss_sums sums[N_MODELS] = {0};
        if (is_measured && summary->n_scored > 0)
        {
            LB_TRY(parts_load(s, i, summary->n_scored, error));
        }
        for (int m = 0; m < N_MODELS && summary->n_scored > 0; m++)
        {
            LB_TRY(s->is_there[m] ? sums_load(&sums[m], s, m, i, error) : LOBASS_OK);
        }
        row_finish(&scores->rows[i], summary, s, sums);
    }
    return LOBASS_OK;
}

lb_score_rules lb_score_rules_of(const lobass_selection_spec *spec)
{
    return (lb_score_rules){.floor = spec->floor,
                            .min_initial = spec->min_initial,
                            .max_reference = spec->max_reference,
                            .seed = spec->seed};
}

lobass_status lb_scores_compute(lb_scores **scores, lb_store *store, const lb_score_rules *rules,
                                lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    scorer s = {.store = store, .rules = *rules};
    *scores = NULL;
    lb_scores *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->rules = *rules;
    LB_TRY_GOTO(lb_store_summaries_load(&made->summaries, &made->n_rows, store, error));
    made->rows = lb_alloc(made->n_rows, sizeof *made->rows, error);
    if (made->rows == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    LB_TRY_GOTO(rows_score(made, &s, error));
    *scores = made;
    made = NULL;
done:
    free(s.parts);
    for (int m = 0; m < N_MODELS; m++)
    {
        lb_store_measurement_clear(&s.measurements[m]);
    }
    lb_scores_free(made);
    return status;
}

void lb_scores_free(lb_scores *scores)
{
    if (scores != NULL)
    {
        free(scores->rows);
        free(scores->summaries);
        free(scores);
    }
}

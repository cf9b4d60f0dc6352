/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of scores: what each is called, what it needs, how it is computed and ranked. Of N
 * scored tokens, sums in double in the order of the tokens, for the models m = initial, reference:
 *
 *     L_m          = (1/N) sum_t nll_m[t]
 *     learnability = (L_initial - L_reference) / L_initial; none where L_initial < floor
 *     rho_sum      = sum_t nll_initial[t] - sum_t nll_reference[t]
 *     rho_mean     = L_initial - L_reference
 *     loss, ppl    = L_initial, exp(L_initial)
 *     ifd_loss     = sum_t nll_initial[t] / sum_t nll_unconditional[t]; t: no end tokens
 *     ifd_ppl      = exp(mean_t nll_initial[t]) / exp(mean_t nll_unconditional[t]); the same t
 *     el2n         = (1/N) sum_t el2n_initial[t]
 *     length       = N
 *     random       = XXH3-128(record hash, big-endian; seed), upper half, top 53 bits / 2^53
 *
 * A new score is a member of lobass_score, a function and a row here; help, tables, reports and
 * checks follow.
 */
#include "selection/selection.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

const char *const lb_score_model_names[LB_N_SCORE_MODELS] = {
    [LB_OF_INITIAL] = LB_INITIAL,
    [LB_OF_REFERENCE] = LB_REFERENCE,
    [LB_OF_UNCONDITIONAL] = LB_UNCONDITIONAL,
};

/* ---- how each is computed; NaN or infinite: the row does not have it --------------------------
 */

static double mean(const lb_score_input *input, lb_score_model model)
{
    return input->sums[model].total / input->n_scored;
}

static double learnability(const lb_score_input *input)
{
    const double initial = mean(input, LB_OF_INITIAL);
    return initial < input->rules->floor ? NAN : (initial - mean(input, LB_OF_REFERENCE)) / initial;
}

static double rho_sum(const lb_score_input *input)
{
    return input->sums[LB_OF_INITIAL].total - input->sums[LB_OF_REFERENCE].total;
}

static double rho_mean(const lb_score_input *input)
{
    return mean(input, LB_OF_INITIAL) - mean(input, LB_OF_REFERENCE);
}

static double loss(const lb_score_input *input)
{
    return mean(input, LB_OF_INITIAL);
}

static double ppl(const lb_score_input *input)
{
    return exp(loss(input));
}

/* Instruction-following difficulty: what the response costs with its prompt, and without. */
static double content_mean(const lb_score_input *input, lb_score_model model)
{
    const double *parts = input->sums[model].parts;
    return (parts[LB_PART_FIRST] + parts[LB_PART_REST]) / input->n_content;
}

static bool has_content(const lb_score_input *input)
{
    const double without = content_mean(input, LB_OF_UNCONDITIONAL);
    return without > 0 && isfinite(without); /* false as well where no token is counted */
}

static double ifd_loss(const lb_score_input *input)
{
    return has_content(input)
               ? content_mean(input, LB_OF_INITIAL) / content_mean(input, LB_OF_UNCONDITIONAL)
               : NAN;
}

static double ifd_ppl(const lb_score_input *input)
{
    return has_content(input)
               ? exp(content_mean(input, LB_OF_INITIAL) - content_mean(input, LB_OF_UNCONDITIONAL))
               : NAN;
}

static double el2n(const lb_score_input *input)
{
    return input->sums[LB_OF_INITIAL].el2n / input->n_scored;
}

static double length(const lb_score_input *input)
{
    return input->n_scored;
}

static double random_score(const lb_score_input *input)
{
    unsigned char bytes[16];
    for (unsigned i = 0; i < sizeof bytes; i++)
    {
        bytes[i] = (unsigned char)(input->hash[i / 8] >> (56 - 8 * (i % 8)));
    }
    return (double)(lb_hash_bytes(bytes, sizeof bytes, input->rules->seed).high >> 11) * 0x1p-53;
}

/* ---- the table --------------------------------------------------------------------------------
 */

#define INITIAL LB_NEEDS(LB_OF_INITIAL)
#define BOTH (INITIAL | LB_NEEDS(LB_OF_REFERENCE))
#define PROMPTLESS (INITIAL | LB_NEEDS(LB_OF_UNCONDITIONAL))

static const lb_score table[LOBASS_SCORE_COUNT] = {
    [LOBASS_SCORE_LEARNABILITY] = {{"learnability", "(L_initial - L_reference) / L_initial",
                                    LOBASS_DIRECTION_HIGHEST},
                                   .needs = BOTH,
                                   .compute = learnability},
    [LOBASS_SCORE_RHO_SUM] = {{"rho_sum", "sum over scored tokens of nll_initial - nll_reference",
                               LOBASS_DIRECTION_HIGHEST},
                              .needs = BOTH,
                              .compute = rho_sum},
    [LOBASS_SCORE_RHO_MEAN] = {{"rho_mean", "L_initial - L_reference", LOBASS_DIRECTION_HIGHEST},
                               .needs = BOTH,
                               .compute = rho_mean},
    [LOBASS_SCORE_LOSS] = {{"loss", "L_initial", LOBASS_DIRECTION_DEFAULT},
                           .needs = INITIAL,
                           .compute = loss,
                           .column = "initial_loss"},
    /* exp() keeps the order of the losses but not their range: above 709 nats there is no double.
     */
    [LOBASS_SCORE_PPL] = {{"ppl", "exp(L_initial)", LOBASS_DIRECTION_DEFAULT},
                          .needs = INITIAL,
                          .compute = ppl,
                          .is_ranked_by_loss = true},
    [LOBASS_SCORE_IFD_LOSS] = {{"ifd_loss",
                                "L_initial / L_unconditional, both without end tokens; above 1: "
                                "not ranked",
                                LOBASS_DIRECTION_HIGHEST},
                               .needs = PROMPTLESS,
                               .compute = ifd_loss,
                               .is_ranked_to_one = true},
    [LOBASS_SCORE_IFD_PPL] = {{"ifd_ppl",
                               "exp(L_initial) / exp(L_unconditional), both without end tokens; "
                               "above 1: not ranked",
                               LOBASS_DIRECTION_HIGHEST},
                              .needs = PROMPTLESS,
                              .compute = ifd_ppl,
                              .is_ranked_to_one = true},
    [LOBASS_SCORE_EL2N] = {{"el2n", "mean over scored tokens of |p_initial - onehot(token)|",
                            LOBASS_DIRECTION_HIGHEST},
                           .needs = INITIAL | LB_NEEDS_EL2N,
                           .compute = el2n},
    [LOBASS_SCORE_LENGTH] = {{"length", "number of scored tokens", LOBASS_DIRECTION_HIGHEST},
                             .compute = length,
                             .column = "n_tokens"},
    [LOBASS_SCORE_RANDOM] = {{"random", "keyed hash of seed and record, in [0, 1)",
                              LOBASS_DIRECTION_HIGHEST},
                             .compute = random_score},
};

const lb_score *lb_score_at(lobass_score score)
{
    return (unsigned)score < LOBASS_SCORE_COUNT ? &table[score] : NULL;
}

const lobass_score_info *lobass_score_describe(lobass_score score)
{
    return (unsigned)score < LOBASS_SCORE_COUNT ? &table[score].info : NULL;
}

bool lb_score_find(lobass_score *score, const char *name)
{
    for (unsigned s = 0; s < LOBASS_SCORE_COUNT; s++)
    {
        if (strcmp(table[s].info.name, name) == 0)
        {
            *score = (lobass_score)s;
            return true;
        }
    }
    return false;
}

void lb_scores_fill(lobass_row_scores *row, const lb_score_input *input)
{
    for (unsigned s = 0; s < LOBASS_SCORE_COUNT; s++)
    {
        const unsigned models = table[s].needs & LB_NEEDS_MODELS;
        const double value =
            input->n_scored > 0 && (models & ~input->has) == 0 ? table[s].compute(input) : NAN;
        row->has[s] = isfinite(value);
        row->value[s] = row->has[s] ? value : 0;
    }
}

/* ---- columns ----------------------------------------------------------------------------------
 */

/* What stands beside the scores: before them, and behind learnability, which the drops add up to.
 */
static const struct
{
    const char *name;
    size_t value, has;
} members[] = {
#define MEMBER(name, has) \
    {#name, offsetof(lobass_row_scores, name), offsetof(lobass_row_scores, has)}
    MEMBER(initial_loss, has_initial), MEMBER(reference_loss, has_reference),
    MEMBER(drop_end, has_drops),       MEMBER(drop_first, has_drops),
    MEMBER(drop_rest, has_drops),
#undef MEMBER
};

enum
{
    N_LOSSES = 2,
    N_MEMBERS = sizeof members / sizeof members[0],
    N_DROPS = N_MEMBERS - N_LOSSES
};

static bool member_read(lobass_column *column, const lobass_row_scores *scores, size_t index)
{
    const char *bytes = (const char *)scores;
    memcpy(&column->value, bytes + members[index].value, sizeof column->value);
    memcpy(&column->is_there, bytes + members[index].has, sizeof column->is_there);
    column->name = members[index].name;
    return true;
}

bool lobass_row_scores_column(lobass_column *column, const lobass_row_scores *scores, size_t index)
{
    if (index < N_LOSSES)
    {
        return member_read(column, scores, index);
    }
    index -= N_LOSSES;
    for (unsigned s = 0; s < LOBASS_SCORE_COUNT; s++)
    {
        if (table[s].column != NULL)
        {
            continue;
        }
        if (index == 0)
        {
            *column = (lobass_column){table[s].info.name, scores->value[s], scores->has[s]};
            return true;
        }
        index--;
        if (s == LOBASS_SCORE_LEARNABILITY)
        {
            if (index < N_DROPS)
            {
                return member_read(column, scores, N_LOSSES + index);
            }
            index -= N_DROPS;
        }
    }
    return false;
}

/* ---- directions -------------------------------------------------------------------------------
 */

const char *lobass_direction_name(lobass_direction direction)
{
    switch (direction)
    {
    case LOBASS_DIRECTION_HIGHEST:
        return "highest";
    case LOBASS_DIRECTION_LOWEST:
        return "lowest";
    case LOBASS_DIRECTION_MIDDLE:
        return "middle";
    case LOBASS_DIRECTION_DEFAULT:
        break;
    }
    return NULL;
}

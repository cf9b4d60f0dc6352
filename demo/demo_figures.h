/* SPDX-License-Identifier: Apache-2.0
 *
 * The figures of the demo, made from the files that demo/run and demo/sweep leave in their folder:
 *
 *   sft.jsonl                           the set; a record's "kind" is the truth about it
 *   run/scores.jsonl, manifest.json     the run: the selection by learnability, the recipe
 *   by/SCORE.scores.jsonl, .manifest.json     the same number of rows, chosen by another score
 *   run/experiment/experiment.json      the arms, on held-out rows of heldout_KIND.jsonl
 *   sweep/POINT.scores.jsonl, .manifest.json  the selection with another recipe
 *
 * A file that is missing, cut or not what it should be ends the program with one line that says so.
 */
#ifndef DEMO_FIGURES_H
#define DEMO_FIGURES_H

#include <stddef.h>

#include <jansson.h>

enum
{
    DEMO_KNOWN,
    DEMO_LEARNABLE,
    DEMO_NOISE,
    DEMO_WRONG,
    DEMO_HARD,
    DEMO_N_KINDS
};

#define DEMO_N_SCORES 5 /* the first is that of the run */
#define DEMO_N_ARMS 4
#define DEMO_CHOSEN 1 /* the arm that those behind it are compared with */

/* How the tables order them. */
extern const char *const demo_kinds[DEMO_N_KINDS];
extern const char *const demo_scores[DEMO_N_SCORES];
extern const char *const demo_arms[DEMO_N_ARMS];

typedef struct demo_set
{
    const char *folder;
    unsigned char *kinds; /* [n_rows] places in demo_kinds, in the order of the data */
    size_t n_rows, n_kept;
    size_t counts[DEMO_N_KINDS];
    json_t *examples[DEMO_N_KINDS]; /* the first record; NULL where the set has none of the kind */
} demo_set;

void demo_set_load(demo_set *set, const char *folder);
void demo_set_free(demo_set *set);

/* Each the value of a member of summary.json; the caller's own. Shares are fractions of 1.
 *
 * {KIND: {"rows", "share_in_set", "share_in_selection": {SCORE: share}, "tokens", "initial_loss",
 * "reference_loss", "learnability"}}: the last four are means over rows; absent without any. */
json_t *demo_kinds_make(const demo_set *set);
/* {ARM: {"rows", "tokens_scored", "steps", "n_seeds", "losses": {KIND: {"mean", "low", "high"}}}},
 * as in the experiment's summaries. */
json_t *demo_arms_make(const demo_set *set);
/* {ARM: {KIND: {"difference", "low", "high", "median_difference", "p", "p_holm", "n_rows"}}}: the
 * chosen rows against "random" and "full", as in the experiment's comparisons. */
json_t *demo_comparisons_make(const demo_set *set);
/* {"records", "amount", "floor", "format", "recipe", "directions": {SCORE: direction}} */
json_t *demo_settings_make(const demo_set *set);
/* [{"learning_rate", "epochs", "steps", "share_in_selection": {KIND: share}, "reference_loss":
 * {KIND: mean}}], the run's own point among them; by learning rate, then epochs. */
json_t *demo_sweep_make(const demo_set *set);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of lobass.h that asks whether the selection is good: the run's base is fine-tuned on
 * what different arms select, from the same start with the same recipe, and the loss of each on
 * held-out records is compared. Included by lobass.h, whose conventions hold here too.
 */
#ifndef LOBASS_H
#include "lobass.h" /* which includes this file at its end */
#endif
#ifndef LOBASS_EXPERIMENT_H
#define LOBASS_EXPERIMENT_H

#ifdef __cplusplus
extern "C" {
#endif

/* "full", "learnability", "random", ...: what an arm may be called; static; NULL after the last.
 * The first is "base", the model before any training, which every experiment has. */
LOBASS_API const char *lobass_experiment_arm_name(size_t index);

typedef struct lobass_experiment_options
{
    const char *run; /* of lobass_run_all(): its base, recipe, scores and reference are used */
    const char *const *arms; /* [n_arms] names; none: all whose losses were measured */
    size_t n_arms;
    const char *const *sizes; /* [n_sizes] amounts of rows, "6%" or "800" */
    size_t n_sizes;
    const char *const *held_out; /* [n_held_out] data files that no arm is trained on */
    size_t n_held_out;
    uint32_t n_seeds;     /* 1 to 255 trainings of an arm; seeds count up from the recipe's own */
    bool equalizes;       /* also train each arm on as many scored tokens as learnability selects */
    bool matches;         /* also let each model answer, as lobass_exact_match() does */
    uint32_t n_resamples; /* of the bootstrap, at least 100 */
    bool keeps_models;    /* leave what is trained in RUN/experiment/models, also later */
    uint32_t n_threads;
    bool overwrite; /* remove an experiment that is there, and begin anew */
} lobass_experiment_options;

/* What decides how much an arm selects. */
typedef enum lobass_experiment_budget
{
    LOBASS_BUDGET_NONE,  /* no row: the arm "base" */
    LOBASS_BUDGET_ALL,   /* every selectable row: the arm "full" */
    LOBASS_BUDGET_ROWS,  /* the size as it was asked for */
    LOBASS_BUDGET_TOKENS /* at most the scored tokens of the selection by learnability of that size
                          */
} lobass_experiment_budget;

/* "none", "all", "rows", "tokens"; static; NULL outside the enumeration. */
LOBASS_API const char *lobass_experiment_budget_name(lobass_experiment_budget budget);

/* Held-out records of one file, or of all of them. */
typedef struct lobass_experiment_source
{
    char *name;        /* as in scores; "all", the last one where there are several */
    uint64_t n_rows;   /* with a scored token */
    uint64_t n_tokens; /* scored */
    uint64_t n_in_run; /* rows whose record, byte for byte, the run has too */
} lobass_experiment_source;

/* An arm at a size: the trainings of all seeds together. Names are borrowed from the experiment. */
typedef struct lobass_experiment_group
{
    const char *arm, *size; /* size: "none" and "all" for the arms without one */
    lobass_experiment_budget budget;
    uint32_t n_seeds; /* trainings with finite losses */
    double n_rows,
        n_tokens;   /* trained on, tokens scored, each counted once; means over the seeds */
    double n_steps; /* of the optimiser, mean over the seeds */
} lobass_experiment_group;

/* How many answers behind "####" a model found itself; none where it was not asked to. */
typedef struct lobass_matches
{
    uint64_t n_answers, n_correct;
} lobass_matches;

/* One trained model. */
typedef struct lobass_experiment_cell
{
    size_t group; /* the first that it belongs to: a selection by learnability is its own equal in
                     tokens */
    uint64_t seed;
    char *name;                /* of its losses in RUN/experiment/held_out; owned */
    uint64_t n_rows, n_tokens; /* that it was trained on; scored tokens, each counted once */
    uint64_t n_steps;
    bool is_reference; /* RUN/reference, as it is */
    double *losses;    /* [n_sources] nats per scored token; NaN where one is not finite; owned */
    lobass_matches *matches; /* [n_sources]; owned */
} lobass_experiment_cell;

/* A number with the bounds of its interval; all NaN where it does not exist. */
typedef struct lobass_interval
{
    double value, low, high;
} lobass_interval;

/* The difference of two groups on one source: FIRST's loss less SECOND's, so that below 0 the first
 * is better. */
typedef struct lobass_experiment_comparison
{
    size_t first, second; /* groups */
    size_t source;
    lobass_interval difference; /* nats per scored token */
    double median; /* of the differences of single held-out rows, each the mean over the seeds of
                      its loss per token: what the test below is about */
    double p; /* two-sided, of Wilcoxon's signed-rank test that those differences lie around 0 */
    double p_holm;   /* the same, held against all comparisons on this source (Holm) */
    uint64_t n_rows; /* held-out rows that differ */
} lobass_experiment_comparison;

/* The experiment owns whatever is pointed to. */
typedef struct lobass_experiment
{
    lobass_experiment_source *sources; /* [n_sources] */
    size_t n_sources;
    lobass_experiment_group *groups; /* [n_groups] in the order of the table */
    size_t n_groups;
    lobass_interval *losses; /* [n_groups][n_sources] nats per scored token, means over the seeds;
                                NaN where no seed has a finite loss */
    lobass_interval *accuracies; /* [n_groups][n_sources] shares of correct answers, means over the
                                    seeds; Wilson's interval of such a share in one model */
    lobass_experiment_cell *cells; /* [n_cells] */
    size_t n_cells;
    lobass_experiment_comparison *comparisons; /* [n_comparisons] */
    size_t n_comparisons;
    uint64_t n_trained;     /* models that this call trained; the others were there */
    double elapsed_seconds; /* of this call */
    char *json;             /* RUN/experiment/experiment.json on one line */
} lobass_experiment;

LOBASS_API lobass_experiment_options lobass_experiment_options_default(void);
/* Trains and measures what is not there yet, one model after the other, and writes
 * RUN/experiment/experiment.json and table.csv. Intervals are 95 % percentile intervals of a
 * bootstrap over held-out rows, within each source, and over seeds (Efron, 1979). Stopped at any
 * moment and called again, also with more arms, sizes or seeds, it goes on where it was, and ends
 * with the same bytes. LOBASS_NOT_FOUND where the run is not done, or lacks the losses of an arm
 * that was named; LOBASS_CONFLICT where the experiment was begun with another base, recipe, rows,
 * selection or held-out files. Release *EXPERIMENT with lobass_experiment_free(). */
LOBASS_API lobass_status lobass_experiment_run(lobass_experiment **experiment,
                                               const lobass_experiment_options *options,
                                               const lobass_observer *observer,
                                               lobass_error *error);
LOBASS_API void lobass_experiment_free(lobass_experiment *experiment);

#ifdef __cplusplus
}
#endif

#endif

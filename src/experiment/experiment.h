/* SPDX-License-Identifier: Apache-2.0
 *
 * L8. Is the selection good? What an experiment stands on (setting.c), which models it needs
 * (arms.c, plan.c), how each is made and measured (cell.c), what was measured (losses.c), what that
 * says (resample.c, outcome.c) and the files that are left (outcome_files.c).
 * experiment.c puts them together.
 */
#ifndef LB_EXPERIMENT_H
#define LB_EXPERIMENT_H

#include "selection/selection.h"

/* ---- arms (arms.c) --------------------------------------------------------------------------- */

typedef struct lb_arm
{
    const char *name;
    lobass_experiment_budget budget; /* LOBASS_BUDGET_ROWS: by the score */
    lobass_score by;
    lobass_direction direction;
} lb_arm;

#define LB_ARM_LEARNABILITY "learnability" /* that the others are compared with */

/* In the order of the tables; NULL after the last. The first is the base. */
const lb_arm *lb_arm_at(size_t index);
size_t lb_arm_count(void);
/* LOBASS_BAD_ARGUMENT names those that there are. */
lobass_status lb_arm_find(const lb_arm **arm, const char *name, lobass_error *error);

/* ---- what it stands on (setting.c) ----------------------------------------------------------- */

#define LB_EXPERIMENT_FILE "experiment.json"
#define LB_EXPERIMENT_TABLE "table.csv"

/* {0} before it is opened; all is owned but the options and the observer. */
typedef struct lb_setting
{
    const lobass_experiment_options *options;
    const lobass_observer *observer;
    char *folder, *held_out, *selected, *models; /* RUN/experiment and folders in it */
    char *base, *reference; /* model folders; REFERENCE: NULL where RUN/reference is not there */
    lb_lock lock, rows;     /* of the experiment, and on the run's rows */
    lb_store *run;          /* open for reading */
    lobass_train_options recipe; /* of the run's reference */
    char *targets;               /* that the recipe points to */
    lobass_format_options format;
    char *chat;                          /* that format.chat points to, or NULL */
    lobass_amount *sizes;                /* [options->n_sizes] */
    lb_score_rules rules;                /* of the run's latest selection */
    bool *is_wanted;                     /* [lb_arm_count()] */
    char fingerprint[LB_HASH_TEXT_SIZE]; /* of the base */
} lb_setting;

/* Opens the run, makes or takes up RUN/experiment and prepares the held-out records in it. Release
 * SETTING with lb_setting_close() whatever came of it. */
lobass_status lb_setting_open(lb_setting *setting, const lobass_experiment_options *options,
                              const lobass_observer *observer, lobass_error *error);
void lb_setting_close(lb_setting *setting);
/* All scores of the run, `random` drawn with SEED. */
lobass_status lb_setting_score(lb_scores **scores, const lb_setting *setting, uint64_t seed,
                               lobass_error *error);
/* Sets setting->is_wanted to the arms that were asked for, or to all whose losses were measured; a
 * note names those left out, of which learnability is none (arms.c). */
lobass_status lb_setting_choose_arms(lb_setting *setting, lobass_error *error);

/* ---- which models (plan.c) ------------------------------------------------------------------- */

#define LB_CELL_NAME_SIZE 64

/* One model: an arm at a size with a seed. */
typedef struct lb_cell
{
    const lb_arm *arm;
    size_t group; /* the first that it belongs to */
    uint64_t seed;
    char name[LB_CELL_NAME_SIZE];
    char selected[LB_CELL_NAME_SIZE + 8]; /* the file of its rows, in setting.selected; "": none */
    uint64_t n_rows, n_tokens, n_steps;
    bool is_kept;            /* the model was to stay when it was made */
    lobass_matches *matches; /* [options->n_held_out] of each file; owned */
} lb_cell;

/* An arm at a size. */
typedef struct lb_cell_group
{
    const lb_arm *arm;
    const char *size; /* borrowed from the options, or static */
    lobass_experiment_budget budget;
    size_t *cells; /* [n_cells], one a seed */
    size_t n_cells;
    bool is_repeated; /* its cells are those of an earlier group */
} lb_cell_group;

typedef struct lb_plan_of_cells
{
    lb_cell_group *groups; /* [n_groups] in the order of the table */
    size_t n_groups;
    lb_cell *cells; /* [n_cells] in the order of the work */
    size_t n_cells;
} lb_plan_of_cells;

/* Selects for every arm, size and seed, and writes the files of selected records; those that are
 * there must have the same bytes. Release PLAN, {0} before, in any case. */
lobass_status lb_cells_plan(lb_plan_of_cells *plan, lb_setting *setting, lobass_error *error);
void lb_cells_free(lb_plan_of_cells *plan);

/* ---- how a model is made and measured (cell.c) ------------------------------------------------
 */

/* Trains the model, measures the held-out rows under it and, if asked to, counts its exact matches,
 * where that is not done yet; sets n_steps and matches. *IS_TRAINED: by this call. */
lobass_status lb_cell_run(lb_cell *cell, bool *is_trained, const lb_setting *setting,
                          lobass_error *error);

/* Whether the model is RUN/reference, which is taken as it is. */
bool lb_cell_is_reference(const lb_cell *cell, const lb_setting *setting);

/* ---- what was measured (losses.c) ------------------------------------------------------------ */

/* The losses of the held-out rows that have a scored token. All is owned. */
typedef struct lb_loss_table
{
    size_t n_rows, n_cells;
    size_t n_files;   /* of held-out data */
    size_t n_sources; /* these, and all of them together where there are several */
    char **names;     /* [n_files] */
    uint32_t *files;  /* [n_rows] ascending */
    uint32_t *tokens; /* [n_rows] scored */
    uint64_t *in_run; /* [n_sources] rows whose record the run has too */
    double *sums;     /* [n_cells][n_rows] nats */
    bool *is_finite;  /* [n_cells] */
} lb_loss_table;

/* Release TABLE, {0} before, in any case. */
lobass_status lb_loss_table_load(lb_loss_table *table, const lb_plan_of_cells *plan,
                                 const lb_setting *setting, lobass_error *error);
void lb_loss_table_free(lb_loss_table *table);
/* losses[n_sources]: nats per scored token of CELL, every row counted as often as COUNTS [n_rows]
 * says (NULL: once); NaN where there are none. */
void lb_loss_table_mean(double *losses, const lb_loss_table *table, size_t cell,
                        const uint32_t *counts);

/* ---- what it says (resample.c, outcome.c) --------------------------------------------------- */

/* VALUES [n_resamples][n_groups][n_sources]: the mean loss of each group, resampled: held-out rows
 * with replacement within each file, the same for all groups, and the finite cells of a group with
 * replacement. NaN for a group that has none. The same for any number of threads. Yours: free(). */
lobass_status lb_bootstrap_run(double **values, const lb_loss_table *table,
                               const lb_plan_of_cells *plan, uint32_t n_resamples,
                               uint32_t n_threads, lobass_error *error);
/* Fills in all of EXPERIMENT but json, n_trained and elapsed_seconds. */
lobass_status lb_outcome_make(lobass_experiment *experiment, const lb_plan_of_cells *plan,
                              const lb_loss_table *table, const lb_setting *setting,
                              lobass_error *error);

/* ---- what is left (outcome_files.c) ---------------------------------------------------------- */

/* Sets experiment->json, and writes it and the table. */
lobass_status lb_outcome_write(lobass_experiment *experiment, const lb_plan_of_cells *plan,
                               const lb_setting *setting, lobass_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * L7. From stored losses to a file to train on: the table of scores (scores.c), scores of rows
 * (score.c), what must be there (select_check.c), what is wanted (spec.c, spec_json.c), the choice
 * (choose.c) by source and length (groups.c) without rows that are nearly others
 * (near_duplicates.c), what came of it (select_result.c), the records' own bytes (select_output.c),
 * where they go (select_files.c), the file of scores (score_table.c) and the manifest (manifest.c).
 * select.c puts them together; run_read.c reads them back, and compare.c holds two of them against
 * each other.
 */
#ifndef LB_SELECTION_H
#define LB_SELECTION_H

#include "task/task.h"

/* ---- the table of scores (scores.c) ---------------------------------------------------------- */

/* The measurements that scores are made of. */
typedef enum lb_score_model
{
    LB_OF_INITIAL,
    LB_OF_REFERENCE,
    LB_OF_UNCONDITIONAL, /* the initial model, responses alone */
    LB_N_SCORE_MODELS
} lb_score_model;

extern const char *const lb_score_model_names[LB_N_SCORE_MODELS]; /* of their measurements */

/* What a score needs, as bits: losses of these models, and that el2n was stored with them. */
#define LB_NEEDS(model) (1U << (model))
#define LB_NEEDS_MODELS (LB_NEEDS(LB_N_SCORE_MODELS) - 1)
#define LB_NEEDS_EL2N LB_NEEDS(LB_N_SCORE_MODELS)

/* What a scored token is, as the drop is told apart by. */
typedef enum lb_part
{
    LB_PART_END,   /* an end token */
    LB_PART_FIRST, /* the first token of a response */
    LB_PART_REST,
    LB_N_PARTS
} lb_part;

/* The losses of a row under one model, in nats, and its el2n: NaN where the row has none. */
typedef struct lb_loss_sums
{
    double total, parts[LB_N_PARTS], el2n;
} lb_loss_sums;

/* What of a selection the scores and statuses depend on; as in lobass_selection_spec. */
typedef struct lb_score_rules
{
    double floor, min_initial, max_reference;
    uint64_t seed;
} lb_score_rules;

lb_score_rules lb_score_rules_of(const lobass_selection_spec *spec);

/* A row, as scores are computed from it. */
typedef struct lb_score_input
{
    lb_loss_sums sums[LB_N_SCORE_MODELS];
    unsigned has;               /* LB_NEEDS() of the sums that there are and that may be compared */
    double n_scored, n_content; /* tokens; those that are no end tokens */
    const uint64_t *hash;       /* [2] of the record */
    const lb_score_rules *rules;
} lb_score_input;

typedef struct lb_score
{
    lobass_score_info info;
    unsigned needs;
    double (*compute)(const lb_score_input *input); /* not finite: the row does not have it */
    const char *column;     /* what it is called in tables that have it anyway; NULL: its name */
    bool is_ranked_by_loss; /* the order is that of the initial losses */
    bool is_ranked_to_one;  /* a row above 1 has no rank: a prompt that makes its response less
                               likely does not fit it */
} lb_score;

/* NULL outside the enumeration. */
const lb_score *lb_score_at(lobass_score score);
/* False where no score has that name. */
bool lb_score_find(lobass_score *score, const char *name);
/* value and has of ROW. */
void lb_scores_fill(lobass_row_scores *row, const lb_score_input *input);

/* ---- scores of rows (score.c) ---------------------------------------------------------------- */

typedef struct lb_scores
{
    lb_score_rules rules;
    lobass_row_scores *rows;                        /* [n_rows] */
    lb_measurement measurements[LB_N_SCORE_MODELS]; /* id 0: there is none */
    lb_row_summary *summaries;                      /* [n_rows] */
    size_t n_rows;
} lb_scores;

/* From the stored losses under "initial", "reference" and "unconditional"; any may be missing.
 * Looks every row up by itself: in the caller's transaction it is from one moment, and faster. */
lobass_status lb_scores_compute(lb_scores **scores, lb_store *store, const lb_score_rules *rules,
                                lobass_error *error);
void lb_scores_free(lb_scores *scores);
/* The same of one row. */
lobass_status lb_row_scores_compute(lobass_row_scores *scores, lb_store *store,
                                    const lb_score_rules *rules, uint64_t row, lobass_error *error);
/* Why a row with these scores is not selectable: what was stored, or what its losses say; empty
 * where it is. */
lobass_status lb_reason_find(lb_buffer *reason, const lobass_row_scores *scores,
                             const lb_score_rules *rules, lb_store *store, uint64_t row,
                             lobass_error *error);

/* ---- what must be there (select_check.c) ----------------------------------------------------- */

/* LOBASS_BAD_ARGUMENT where one of the losses in RULES is none. */
lobass_status lb_score_rules_check(const lb_score_rules *rules, lobass_error *error);
lobass_status lb_prepared_check(lb_store *store, lobass_error *error);
/* LOBASS_NOT_FOUND where losses that the score BY or the rules need were not measured, or not all
 * of them; LOBASS_CONFLICT where it compares two dtypes; a warning where it compares two backends.
 */
lobass_status lb_losses_check(lb_store *store, const lb_scores *scores, lobass_score by,
                              const lobass_observer *observer, lobass_error *error);

/* ---- the choice (choose.c) ------------------------------------------------------------------- */

/* What is chosen from, and how. */
typedef struct lb_choice
{
    const lb_scores *scores;
    const lobass_selection_spec *spec; /* checked; its direction is the one that is used */
    const lb_store_source *sources;    /* [n_sources]; none where SPEC has no quotas */
    size_t n_sources;
    lb_store *store; /* the rows' tokens; NULL where near-duplicates may stay */
    const lobass_observer *observer;
} lb_choice;

typedef struct lb_selection
{
    uint64_t *order;   /* [n_ranked] row numbers, best first */
    uint64_t *ranks;   /* [n_rows] from 1; 0: not selectable, or without the score */
    bool *is_selected; /* [n_rows] */
    uint8_t *strata;   /* [n_rows], from 0; NULL without strata */
    size_t n_rows, n_ranked;
    uint64_t n_wanted; /* rows; of a budget of tokens: those selected */
    uint64_t n_selected, n_selected_tokens;
    uint64_t n_near_duplicates; /* that would have been taken */
    double cut; /* the score of the row taken that ranks last; NaN if none, or a ppl beyond all
                   doubles */
    lobass_direction direction;
} lb_selection;

/* The direction that is used; LOBASS_BAD_ARGUMENT where the score has none and none was told. */
lobass_status lb_direction_resolve(lobass_direction *direction, lobass_score by,
                                   lobass_direction wanted, lobass_error *error);
/* Ranks all rows that are selectable and have the score (ppl: by the loss that it is exp() of), and
 * takes what the spec says of them. Ties: the order of the data. A budget of tokens ends at the
 * first row that does not fit. LOBASS_BAD_ARGUMENT for a quota of a source that there is not. */
lobass_status lb_selection_choose(lb_selection **selection, const lb_choice *choice,
                                  lobass_error *error);
void lb_selection_free(lb_selection *selection);
/* keys[n_rows]: what the ranked rows were ranked by, smaller first; equal keys are those that only
 * the order of the data (or, with `middle`, the side of the median) tells apart. Rows without a
 * rank keep what they have. */
void lb_selection_keys(double *keys, const lb_selection *selection, const lb_scores *scores,
                       lobass_score by);
/* How many rows a share of N_ROWS is, in (0, 1]: rounded half up as it is written in decimals. */
uint64_t lb_share_count(double share, size_t n_rows);

/* ---- whom an amount is for (groups.c) --------------------------------------------------------
 */

/* What is left to take of the rows of one group and one stratum. */
typedef struct lb_room
{
    uint64_t n_rows, n_tokens; /* UINT64_MAX: no limit */
} lb_room;

/* Sources that share an amount: first those without a quota together, then one for each quota. */
typedef struct lb_group
{
    lobass_amount amount;
    bool is_random;
    uint64_t n_records, n_wanted; /* rows; n_wanted 0 where the amount is no number of rows */
} lb_group;

typedef struct lb_groups
{
    lb_group *groups; /* [n_groups] */
    size_t n_groups;
    size_t *of_source; /* [n_sources], into groups */
    size_t n_sources;
    uint8_t *strata; /* [n_rows]; NULL: one stratum */
    size_t n_strata;
    lb_room *rooms; /* [n_groups][n_strata] */
} lb_groups;

/* RANKS as in lb_selection. Release GROUPS in any case. */
lobass_status lb_groups_make(lb_groups *groups, const lb_choice *choice, const uint64_t *ranks,
                             lobass_error *error);
void lb_groups_free(lb_groups *groups);
const lb_group *lb_groups_of(const lb_groups *groups, const lb_row_summary *summary);
lb_room *lb_groups_room(const lb_groups *groups, const lb_row_summary *summary, uint64_t row);

/* ---- rows that are nearly the same (near_duplicates.c) --------------------------------------- */

typedef struct lb_near_duplicates lb_near_duplicates;

/* For N_MOST rows to be added, at most. Rows are read from STORE, best within a transaction. */
lobass_status lb_near_duplicates_create(lb_near_duplicates **near, double threshold, size_t n_most,
                                        lb_store *store, const lobass_observer *observer,
                                        lobass_error *error);
/* *EARLIER: of the added rows that ROW is a near-duplicate of the one that was added first;
 * UINT64_MAX: none. LOBASS_CANCELLED when the observer says so. */
lobass_status lb_near_duplicates_find(uint64_t *earlier, lb_near_duplicates *near, uint64_t row,
                                      lobass_error *error);
/* Adds the row that was looked for last. */
lobass_status lb_near_duplicates_add(lb_near_duplicates *near, lobass_error *error);
lobass_status lb_near_duplicates_end(lb_near_duplicates *near, lobass_error *error);
void lb_near_duplicates_free(lb_near_duplicates *near);

/* ---- the spec (spec.c) ----------------------------------------------------------------------- */

/* LOBASS_BAD_ARGUMENT for values that no selection can have. */
lobass_status lb_selection_spec_check(const lobass_selection_spec *spec, lobass_error *error);
/* LOBASS_BAD_ARGUMENT where a quota is of no source. */
lobass_status lb_quotas_check(const lobass_selection_spec *spec, const lb_store_source *sources,
                              size_t n_sources, lobass_error *error);
/* As lobass_amount_parse(), or "0": LOBASS_AMOUNT_NONE. */
lobass_status lb_amount_read(lobass_amount *amount, const char *text, lobass_error *error);
/* Adds a quota of the source NAME, of SIZE bytes. */
lobass_status lb_quota_add(lobass_selection_spec *spec, const char *name, size_t size,
                           lobass_amount amount, bool is_random, lobass_error *error);

/* ---- the spec as JSON (spec_json.c) ---------------------------------------------------------- */

/* As lobass_selection_spec_load(), of bytes; WHERE opens the messages. */
lobass_status lb_selection_spec_parse(lobass_selection_spec *spec, const char *data,
                                      size_t size_bytes, const char *where, lobass_error *error);
/* A checked spec whose direction is known, as an object under KEY. */
void lb_selection_spec_put(lb_json_writer *writer, const char *key,
                           const lobass_selection_spec *spec);

/* ---- what came of it (select_result.c) ------------------------------------------------------- */

/* Counts, sources and strata. RESULT is empty before, and on failure. */
lobass_status lb_select_result_fill(lobass_select_result *result, const lb_choice *choice,
                                    const lb_selection *selection, lobass_error *error);
/* Sources and strata, as members "sources" and "strata". */
void lb_select_result_put(lb_json_writer *writer, const lobass_select_result *result);

/* ---- where it goes (select_files.c) -----------------------------------------------------------
 */

/* {0} before it is filled. */
typedef struct lb_select_files
{
    char *records, *table, *manifest; /* paths */
    bool is_own;                      /* the three of the run itself, which are always replaced */
    bool overwrite;
} lb_select_files;

/* Whether something stands before ENDING in PATH. */
bool lb_select_path_ends(const char *path, const char *ending);
/* Refuses data files and what a run is made of, and, unless OPTIONS overwrite, a sidecar that no
 * stopped call can have left. Release FILES in any case. */
lobass_status lb_select_files_find(lb_select_files *files, const lobass_select_options *options,
                                   const lb_store_source *sources, size_t n_sources,
                                   lobass_error *error);
void lb_select_files_free(lb_select_files *files);

/* A file that is being written, or compared with the one that may not be overwritten. */
typedef struct lb_select_file
{
    const char *path;
    lb_output *output; /* NULL: compared */
    lb_hasher *hasher;
    lb_hash hash; /* of all its bytes, once committed */
} lb_select_file;

/* Release FILE in any case. */
lobass_status lb_select_file_open(lb_select_file *file, const char *path, bool overwrite,
                                  lobass_error *error);
lobass_status lb_select_file_write(lb_select_file *file, const char *data, size_t size,
                                   lobass_error *error);
/* LOBASS_CONFLICT where other bytes stand there. */
lobass_status lb_select_file_commit(lb_select_file *file, lobass_error *error);
void lb_select_file_release(lb_select_file *file);

/* ---- the records' own bytes (select_output.c) ------------------------------------------------ */

typedef struct lb_select_output
{
    const char *path;
    bool overwrite, is_ranked;
    struct lb_converter *converter; /* convert.h; NULL: the records' own bytes */
    lb_hash hash;                   /* set: of the file's bytes */
    uint64_t n_written;             /* set: records in it */
} lb_select_output;

/* Reads every source again and writes the selected records. A record that is no longer what was
 * prepared is LOBASS_CONFLICT, with its place. */
lobass_status lb_selection_write(lb_select_output *output, const lb_selection *selection,
                                 const lb_scores *scores, lb_store *store, lb_stage *stage,
                                 lobass_error *error);

/* ---- the file of scores (score_table.c) ------------------------------------------------------ */

typedef struct lb_score_table
{
    const lb_scores *scores;
    const lb_store_source *sources; /* [n_sources] */
    size_t n_sources;
    const uint64_t *ranks;   /* [n_rows], or NULL before a selection */
    const bool *is_selected; /* [n_rows], or NULL */
} lb_score_table;

lobass_status lb_score_table_write(const lb_score_table *table, lb_store *store,
                                   lobass_table_format format, lobass_sink sink, void *context,
                                   lobass_error *error);

/* ---- what was recorded (manifest.c) --------------------------------------------------------- */

typedef struct lb_manifest
{
    const lobass_select_options *options;
    const lb_selection *selection;
    const lb_scores *scores;
    const lobass_select_result *result;
    lb_hash output_hash;
    const char *path; /* of the manifest; one that is there is replaced */
} lb_manifest;

lobass_status lb_manifest_write(const lb_manifest *manifest, lb_store *store, lobass_error *error);

/* The options of a selection, its direction being the one that is used, as the fact
 * LB_FACT_SELECTION; yours: free(). */
lobass_status lb_selection_to_json(char **text, const lobass_select_options *options,
                                   const char *output, lobass_error *error);
/* Those of the latest selection, or the defaults. *HAS_SELECTION: there was one. */
lobass_status lb_selection_recall(lb_score_rules *rules, bool *has_selection, lb_store *store,
                                  lobass_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * The run's folder: its names (names.c), what may be removed from it (folder.c), its sources
 * (sources.c, standard_input.c), and whether the data files have changed (source_state.c).
 */
#ifndef LB_RUN_FOLDER_H
#define LB_RUN_FOLDER_H

#include "store/store.h"

/* ---- names (names.c) ------------------------------------------------------------------------- */

#define LB_RUN_DATABASE LB_STORE_DATABASE
#define LB_RUN_LOCK LB_STORE_LOCK    /* held by whoever writes the run */
#define LB_RUN_ROWS_LOCK "rows.lock" /* see lb_run_rows_keep() */
#define LB_RUN_TOKENIZER "tokenizer"
#define LB_RUN_REFERENCE "reference"
#define LB_RUN_REFERENCE_PARTIAL LB_RUN_REFERENCE ".partial"
#define LB_RUN_SOURCES "sources"
#define LB_RUN_SELECTED "selected.jsonl"
#define LB_RUN_SCORES "scores.jsonl"
#define LB_RUN_MANIFEST "manifest.json"
#define LB_RUN_REPORT "report.html"
/* Who works on the experiment holds the lock in there, and `run -f` keeps its hands off the
 * reference for as long. */
#define LB_RUN_EXPERIMENT "experiment"
#define LB_EXPERIMENT_LOCK "lock"

typedef struct lb_run_name
{
    const char *name;
    bool is_folder;
    bool is_selection; /* written by `select` */
    bool is_kept;      /* a run that is cleared keeps it */
    bool owns_longer;  /* so do all names that begin with it belong to the run */
} lb_run_name;

/* NULL after the last. */
const lb_run_name *lb_run_name_at(size_t index);
/* Whether PATH, relative to a run's folder, is or lies in what the run is made of. */
bool lb_run_owns(const char *path);

/* ---- the folder (folder.c) ------------------------------------------------------------------- */

/* Refuses a folder that holds something else and no run; *HAS_RUN: it holds a database. */
lobass_status lb_run_folder_check(const char *run, bool *has_run, lobass_error *error);
/* Removes what lobass wrote into the folder and nothing else; refuses one that is in use: written
 * to, kept by lb_run_rows_keep(), or with a training of its reference under way. */
lobass_status lb_run_folder_clear(const char *run, lobass_error *error);
/* The same and the folder itself, which must hold nothing else. */
lobass_status lb_run_folder_remove(const char *run, lobass_error *error);
/* Removes the reference, its scratch and the selection made with it. The caller holds RUN/lock; a
 * training of the reference by itself is refused. */
lobass_status lb_run_reference_clear(const char *run, lobass_error *error);
/* Removes the run's own selection, its table and its manifest, where they are. */
lobass_status lb_run_selection_clear(const char *run, lobass_error *error);
/* A shared hold on RUN's rows: until it is released the run is not cleared. Holds nothing where
 * there is no run, or one that cannot be written to. */
lobass_status lb_run_rows_keep(lb_lock *hold, const char *run, lobass_error *error);
/* Removes PARTIAL, a training's folder, if it is there; refuses one whose training is under way. */
lobass_status lb_partial_remove(const char *partial, lobass_error *error);
/* Copies the files of MODEL that say how text becomes ids into RUN/tokenizer. */
lobass_status lb_run_tokenizer_keep(const char *run, const char *model, lobass_error *error);

/* ---- sources (sources.c) --------------------------------------------------------------------- */

/* Absolute paths and unique names of the data files, in the order they were given; nothing is
 * opened. Yours: lb_store_sources_free(). */
lobass_status lb_sources_name(lb_store_source **sources, const char *const *data, size_t n_data,
                              lobass_error *error);
/* Reads the first record of each of them; LOBASS_BAD_FORMAT where none has any. Standard input is
 * not looked at. DATA [n_sources]: what they were called; NULL: nobody
 * knows any more. */
lobass_status lb_sources_check(const lb_store_source *sources, const char *const *data,
                               size_t n_sources, lobass_error *error);

/* ---- standard input (standard_input.c) ------------------------------------------------------- */

/* The file that is read for a source: standard input is kept in the run. Yours: free(). */
char *lb_source_file(const char *run, const char *path, lobass_error *error);
/* Copies standard input into the run once it has ended; one that is there already must have the
 * same bytes, or standard input must be empty or a terminal. LOBASS_CANCELLED keeps nothing. */
lobass_status lb_standard_input_keep(const char *run, const lobass_observer *observer,
                                     lobass_error *error);

/* ---- data files that change (source_state.c) ---------------------------------------------------
 */

typedef struct lb_file_state
{
    long long size_bytes, seconds; /* size -1: no such file, or standard input, kept in the run */
    long nanoseconds;
} lb_file_state;

lobass_status lb_file_state_read(lb_file_state *state, const char *path, lobass_error *error);
/* What a source was when its reading began; in the transaction that makes it complete. */
lobass_status lb_source_state_save(lb_store *store, uint32_t source, const lb_file_state *state,
                                   lobass_error *error);
/* For the sources that are complete. Reads a data file of another size or time than was saved
 * again: LOBASS_CONFLICT names the first record that is not what was prepared. Where all are the
 * same, their state is saved anew. */
lobass_status lb_sources_state_check(lb_store *store, const lb_store_source *sources,
                                     size_t n_sources, const lobass_observer *observer,
                                     lobass_error *error);

#endif

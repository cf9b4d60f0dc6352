/* SPDX-License-Identifier: Apache-2.0
 *
 * The run's folder and its sources (folder.c, standard_input.c), and whether the data files have
 * changed (source_state.c).
 */
#ifndef LB_RUN_FOLDER_H
#define LB_RUN_FOLDER_H

#include "store/store.h"

/* ---- folder and sources (folder.c) ------------------------------------------------------- */

#define LB_RUN_DATABASE "run.db"
#define LB_RUN_TOKENIZER "tokenizer"
#define LB_RUN_REFERENCE "reference"
#define LB_RUN_SOURCES "sources"
#define LB_RUN_SELECTED "selected.jsonl"
#define LB_RUN_SCORES "scores.jsonl"
#define LB_RUN_MANIFEST "manifest.json"
#define LB_RUN_REPORT "report.html"
/* A folder of a run; who works on the experiment in it holds the lock in there, and `run -f` keeps
 * its hands off the reference for as long. */
#define LB_RUN_EXPERIMENT "experiment"
#define LB_EXPERIMENT_LOCK "lock"

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

/* Absolute paths and unique names of the data files, in the order they were given; nothing is
 * opened. Yours: lb_store_sources_free(). */
lobass_status lb_sources_name(lb_store_source **sources, const char *const *data, size_t n_data,
                              lobass_error *error);
/* Reads the first record of each of them; LOBASS_BAD_FORMAT where none has any. Standard input is
 * not looked at. */
lobass_status lb_sources_check(const lb_store_source *sources, size_t n_sources,
                               lobass_error *error);

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

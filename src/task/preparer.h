/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of prepare share: a prepare under way (prepare.c), what it records about itself
 * (prepare_record.c), its rows (prepare_rows.c), and records frozen side by side (freeze_batch.c).
 */
#ifndef LB_TASK_PREPARER_H
#define LB_TASK_PREPARER_H

#include "task/task.h"

/* ---- records frozen side by side (freeze_batch.c) -------------------------------------------- */

/* A record as a row, and what prepare wants to know of it. */
typedef struct lb_frozen
{
    lobass_row row;
    lb_hash hash;        /* lb_row_hash() */
    int32_t highest_id;  /* -1: no token */
    const char *ignored; /* [n_ignored] names of fields that nothing reads, one behind the other,
                            each with its NUL */
    size_t n_ignored;
    uint32_t notes; /* lb_freezer_notes() */
} lb_frozen;

typedef struct lb_freeze_batch lb_freeze_batch;

lobass_status lb_freeze_batch_create(lb_freeze_batch **batch, lobass_error *error);
void lb_freeze_batch_free(lb_freeze_batch *batch);
void lb_freeze_batch_clear(lb_freeze_batch *batch);
bool lb_freeze_batch_is_full(const lb_freeze_batch *batch);
size_t lb_freeze_batch_count(const lb_freeze_batch *batch);
/* Copies a record. */
lobass_status lb_freeze_batch_add(lb_freeze_batch *batch, const lb_record *record,
                                  lobass_error *error);
/* Freezes one of the records; different ones may be frozen at the same time. */
void lb_freeze_batch_freeze(lb_freeze_batch *batch, size_t index, lb_freezer *freezer);
/* Once all are frozen: the first failure, with PATH and the record's line before it. */
lobass_status lb_freeze_batch_check(const lb_freeze_batch *batch, const char *path,
                                    lobass_error *error);
/* Row and source numbers are the caller's to fill in; lives until the batch is cleared. */
lb_frozen *lb_freeze_batch_at(lb_freeze_batch *batch, size_t index);
/* lb_row_mark_duplicate() of a row in the batch. */
void lb_freeze_batch_mark_duplicate(lb_freeze_batch *batch, size_t index);

/* ---- a prepare under way (prepare.c) ----------------------------------------------------------
 */

#define LB_REASON_SIZE 512

typedef struct lb_preparer
{
    const lobass_prepare_options *options;
    const lobass_observer *observer;
    lobass_format_options format; /* with the model's defaults filled in */
    char *format_json;
    char *chat; /* that format.chat points to, or NULL */
    lb_config config;
    lobass_tokenizer *tokenizer;
    char tokenizer_hash[LB_HASH_TEXT_SIZE];
    lb_store_source *sources; /* [options->n_data] */
    lb_store *store;
    bool is_begun_here; /* nothing was recorded before this call */
    lb_step_clock clock;
    lb_stage stage;
    /* What is known of the rows that are stored. */
    uint64_t n_rows, n_bad;
    lobass_ignored ignored;
    lb_duplicates duplicates;
    lb_hasher *rows_hash; /* over tokenizer, options and rows, in order */
    int32_t highest_id;
    uint64_t notes[LOBASS_NOTE_COUNT]; /* rows of which each is told */
    struct /* of the source whose rows come last: is there anything to be read in it? */
    {
        uint32_t source;
        uint64_t n_rows, n_bad;
        uint64_t line; /* of the first bad one, and why */
        char reason[LB_REASON_SIZE];
    } latest;
} lb_preparer;

/* ---- what is recorded of it (prepare_record.c) -------------------------------------------------
 */

/* Reads what the model says about rows: configuration, tokenizer, format options. */
lobass_status lb_prepare_model_read(lb_preparer *p, lobass_error *error);
/* *HAS_BEGUN: an earlier call recorded what it does; that must be what is asked for now. What is
 * recorded of the sources is taken over. */
lobass_status lb_prepare_compare(lb_preparer *p, bool *has_begun, lobass_error *error);
lobass_status lb_prepare_record(const lb_preparer *p, lobass_error *error);

/* ---- its rows (prepare_rows.c) -----------------------------------------------------------------
 */

/* Goes through the rows that an earlier call stored and makes all that are missing. */
lobass_status lb_prepare_rows(lb_preparer *p, lobass_error *error);
/* What is told of the rows of a run, of how many each. */
lobass_status lb_prepare_notes_load(uint64_t notes[LOBASS_NOTE_COUNT], lb_store *store,
                                    lobass_error *error);
/* Fails with the first bad record among the stored rows. */
lobass_status lb_prepare_check_strict(const lb_preparer *p, lobass_error *error);

#endif

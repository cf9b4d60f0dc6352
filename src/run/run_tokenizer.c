/* SPDX-License-Identifier: Apache-2.0
 *
 * The law that a run has one tokenizer: whether that of a model, of an adapter or of a later call
 * is the one that a run's rows were frozen with. Runs of earlier versions recorded a hash of the
 * file's bytes; they go on, by that hash or by the tokenizer that they keep.
 */
#include <stdlib.h>
#include <string.h>

#include "run/run.h"

typedef struct hash_texts
{
    char identity[LB_HASH_TEXT_SIZE], file[LB_HASH_TEXT_SIZE];
} hash_texts;

static hash_texts hash_texts_of(const lobass_tokenizer *tokenizer)
{
    hash_texts texts;
    lb_hash_text(lb_tokenizer_hash(tokenizer), texts.identity);
    lb_hash_text(lb_tokenizer_file_hash(tokenizer), texts.file);
    return texts;
}

/* *KEPT: the tokenizer in RUN if it is the one that was recorded; NULL: it is not there, or another
 * one. */
static lobass_status load_kept(lobass_tokenizer **kept, const char *run, const char *recorded,
                               lobass_error *error)
{
    lobass_error ignored = {0};
    *kept = NULL;
    char *folder = lb_path_join(run, LB_RUN_TOKENIZER, error);
    if (folder == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lobass_status status = lobass_tokenizer_load(kept, folder, &ignored);
    free(folder);
    if (status == LOBASS_OUT_OF_MEMORY)
    {
        return lb_fail(error, status, "%s", ignored.message);
    }
    if (*kept == NULL)
    {
        return LOBASS_OK;
    }
    const hash_texts found = hash_texts_of(*kept);
    if (strcmp(found.identity, recorded) != 0 && strcmp(found.file, recorded) != 0)
    {
        lobass_tokenizer_free(*kept);
        *kept = NULL;
    }
    return LOBASS_OK;
}

static lobass_status fail(const char *run, const char *folder, const lobass_tokenizer *tokenizer,
                          const lobass_tokenizer *kept, lobass_error *error)
{
    lb_buffer difference = {0};
    const lobass_status status =
        kept == NULL ? lb_buffer_append_text(&difference, "it was another file", error)
                     : lb_tokenizer_compare(&difference, tokenizer, kept, error);
    if (status == LOBASS_OK)
    {
        (void)lb_fail(error, LOBASS_CONFLICT,
                      "%s: its tokenizer is not the one that %s was prepared with: %s", folder, run,
                      difference.data);
    }
    lb_buffer_free(&difference);
    return status == LOBASS_OK ? LOBASS_CONFLICT : status;
}

lobass_status lb_run_check_tokenizer(const char *run, const char *recorded, const char *folder,
                                     const lobass_tokenizer *tokenizer, lobass_error *error)
{
    const hash_texts found = hash_texts_of(tokenizer);
    lobass_tokenizer *kept = NULL;
    if (strcmp(found.identity, recorded) == 0 || strcmp(found.file, recorded) == 0)
    {
        return LOBASS_OK;
    }
    LB_TRY(load_kept(&kept, run, recorded, error));
    const bool is_same =
        kept != NULL && lb_hash_equal(lb_tokenizer_hash(kept), lb_tokenizer_hash(tokenizer));
    const lobass_status status = is_same ? LOBASS_OK : fail(run, folder, tokenizer, kept, error);
    lobass_tokenizer_free(kept);
    return status;
}

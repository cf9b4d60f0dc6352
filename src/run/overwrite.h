/* SPDX-License-Identifier: Apache-2.0
 *
 * What may be overwritten: a folder that a command replaces as a whole must look like a model and
 * must not hold what the command reads. And folders that are there for a while only.
 */
#ifndef LB_RUN_OVERWRITE_H
#define LB_RUN_OVERWRITE_H

#include "base/base.h"

/* PATH is FOLDER or lies somewhere in it, links resolved; false where either is missing. */
bool lb_path_is_within(const char *path, const char *folder);
/* LOBASS_CONFLICT unless FOLDER is empty or a model's: config.json and plain files alone; and where
 * one of the READ paths is FOLDER or lies in it (NULL is passed over). */
lobass_status lb_model_folder_check(const char *folder, const char *const *read, size_t n_read,
                                    lobass_error *error);
/* Makes the folder TMPDIR/NAME-XXXXXX (/tmp where TMPDIR is not set); *FOLDER is yours: free(). */
lobass_status lb_folder_make_temporary(char **folder, const char *name, lobass_error *error);
/* Removes FOLDER (NULL: nothing). Returns STATUS, what came of the work in it, and where that is
 * LOBASS_OK what came of removing. */
lobass_status lb_folder_end_temporary(const char *folder, lobass_status status,
                                      lobass_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * What may be overwritten: no file that a run or a model is made of; a folder that a command
 * replaces as a whole must look like a model, belong to no run but as its reference, and not hold
 * what the command reads.
 */
#ifndef LB_RUN_OVERWRITE_H
#define LB_RUN_OVERWRITE_H

#include "base/base.h"

/* LOBASS_CONFLICT where PATH, a file to be written, or what it links to is what a run or a model is
 * made of, whether it is there or not. */
lobass_status lb_output_path_check(const char *path, lobass_error *error);
/* LOBASS_CONFLICT unless FOLDER is empty or a model's: config.json and plain files alone; and where
 * one of the READ paths is FOLDER or lies in it (NULL is passed over). */
lobass_status lb_model_folder_check(const char *folder, const char *const *read, size_t n_read,
                                    lobass_error *error);

#endif

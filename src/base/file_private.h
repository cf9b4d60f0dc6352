/* SPDX-License-Identifier: Apache-2.0
 *
 * What the file sources of L0 share: making a rename durable, and a rename that never replaces what
 * is there.
 */
#ifndef LB_FILE_PRIVATE_H
#define LB_FILE_PRIVATE_H

#include "base/base.h"

/* Waits until the folder that holds PATH is on disk, so that a rename in it survives a crash. */
lobass_status lb_parent_sync(const char *path, lobass_error *error);
/* Renames a file or folder in one step; LOBASS_CONFLICT when TO exists, by whatever race. */
lobass_status lb_rename_new(const char *from, const char *to, lobass_error *error);
lobass_status lb_fail_exists(lobass_error *error, const char *path);

#endif

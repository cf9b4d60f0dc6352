/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that hold no records, and names that are no files: kinds.c.
 */
#ifndef LB_KINDS_H
#define LB_KINDS_H

#include "format/format.h"

/* LOBASS_UNSUPPORTED with what to do where the SIZE first bytes at DATA, or the ending of PATH, are
 * those of a file of another kind. IS_TEXT: by its name it is plain text, which may begin with
 * anything that can be read. */
lobass_status lb_kind_check(const char *path, const char *data, size_t size, bool is_text,
                            lobass_error *error);

#endif

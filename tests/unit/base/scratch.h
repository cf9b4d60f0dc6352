/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder of its own for a test that writes files: made below the build folder, removed with all
 * it holds, and counted, so that a test can tell that nothing was left behind.
 */
#ifndef LB_TEST_SCRATCH_H
#define LB_TEST_SCRATCH_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define SCRATCH_PATH_SIZE 1024

static char scratch_folder[SCRATCH_PATH_SIZE];

/* Setup and teardown of a cmocka group. */
static int scratch_setup(void **state)
{
    (void)state;
    (void)snprintf(scratch_folder, sizeof scratch_folder, "%s/tests/scratch.XXXXXX",
                   TEST_BINARY_DIR);
    return mkdtemp(scratch_folder) == NULL ? -1 : 0;
}

static int scratch_teardown(void **state)
{
    (void)state;
    return lb_folder_remove(scratch_folder, NULL) == LOBASS_OK ? 0 : -1;
}

/* The path of NAME in the folder; valid until the eighth call after it. */
static inline const char *scratch_path(const char *name)
{
    static char paths[8][SCRATCH_PATH_SIZE + 256];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", scratch_folder, name);
    return path;
}

static inline size_t scratch_count(const char *folder)
{
    DIR *opened = opendir(folder);
    size_t count = 0;
    for (const struct dirent *entry = opened == NULL ? NULL : readdir(opened); entry != NULL;
         entry = readdir(opened))
    {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    if (opened != NULL)
    {
        (void)closedir(opened);
    }
    return count;
}

#endif

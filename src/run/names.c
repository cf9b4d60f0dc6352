/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in a run's folder: the one table of its names.
 */
#include "run/run.h"

#include <string.h>

static const lb_run_name names[] = {
    {.name = LB_RUN_DATABASE, .owns_longer = true},
    {.name = LB_RUN_DATABASE "-wal"},
    {.name = LB_RUN_DATABASE "-shm"},
    {.name = LB_RUN_LOCK, .is_kept = true},
    {.name = LB_RUN_ROWS_LOCK, .is_kept = true},
    {.name = LB_RUN_SELECTED, .is_selection = true},
    {.name = LB_RUN_SCORES, .is_selection = true},
    {.name = LB_RUN_MANIFEST, .is_selection = true},
    {.name = LB_RUN_REPORT},
    {.name = LB_RUN_REFERENCE, .is_folder = true, .owns_longer = true},
    {.name = LB_RUN_REFERENCE_PARTIAL, .is_folder = true},
    {.name = LB_RUN_TOKENIZER, .is_folder = true},
    {.name = LB_RUN_SOURCES, .is_folder = true},
    {.name = LB_RUN_EXPERIMENT, .is_folder = true, .is_kept = true},
};

const lb_run_name *lb_run_name_at(size_t index)
{
    return index < sizeof names / sizeof *names ? &names[index] : NULL;
}

bool lb_run_owns(const char *path)
{
    const size_t size = strcspn(path, "/");
    bool is_owned = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    {
        const size_t n = strlen(names[i].name);
        is_owned = is_owned ||
                   (strncmp(path, names[i].name, n) == 0 && (names[i].owns_longer || n == size));
    }
    return is_owned;
}

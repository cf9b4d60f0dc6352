/* SPDX-License-Identifier: Apache-2.0
 *
 * The sources of a run: absolute paths and unique names of its data files, and whether there is
 * anything in them. Standard input: standard_input.c.
 */
#include "run/run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_standard_input(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* The same file has the same path whatever the working folder; one that is gone keeps its name. */
static char *absolute_path(const char *path, lobass_error *error)
{
    char *resolved = NULL;
    char here[4096];
    if (lb_path_resolve(&resolved, path, true, error) != LOBASS_OK || resolved != NULL)
    {
        return resolved;
    }
    if (path[0] == '/')
    {
        return lb_copy_text(path, strlen(path), error);
    }
    if (getcwd(here, sizeof here) == NULL)
    {
        (void)lb_fail_errno(error, path, "resolve");
        return NULL;
    }
    return lb_path_join(here, path, error);
}

static bool is_taken(const lb_store_source *sources, size_t n_sources, const char *name)
{
    for (size_t i = 0; i < n_sources; i++)
    {
        if (strcmp(sources[i].name, name) == 0)
        {
            return true;
        }
    }
    return false;
}

static lobass_status source_name(lb_store_source *sources, size_t index, lobass_error *error)
{
    const char *path = sources[index].path;
    const char *base = is_standard_input(path) ? "stdin" : lb_path_name(path);
    lb_buffer name = {0};
    /* One spelling for scores, tables and terminals. */
    lobass_status status = lb_append_visible(&name, base, strlen(base), error);
    const size_t size = name.size;
    for (unsigned n = 2; status == LOBASS_OK && is_taken(sources, index, name.data); n++)
    {
        name.size = size;
        status = lb_buffer_print(&name, error, " (%u)", n);
    }
    sources[index].name = name.data; /* freed with the sources, whatever became of it */
    return status;
}

lobass_status lb_sources_name(lb_store_source **sources, const char *const *data, size_t n_data,
                              lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    size_t n_standard_input = 0;
    lb_store_source *made = lb_alloc(n_data, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n_data && status == LOBASS_OK; i++)
    {
        const bool is_standard = is_standard_input(data[i]);
        n_standard_input += is_standard ? 1 : 0;
        made[i].path = is_standard ? lb_copy_text("-", 1, error) : absolute_path(data[i], error);
        status = made[i].path == NULL ? LOBASS_OUT_OF_MEMORY : source_name(made, i, error);
    }
    if (status == LOBASS_OK && n_standard_input > 1)
    {
        status =
            lb_fail(error, LOBASS_BAD_ARGUMENT,
                    "-: standard input was named %zu times; it can be read once", n_standard_input);
    }
    if (status != LOBASS_OK)
    {
        lb_store_sources_free(made, n_data);
        return status;
    }
    *sources = made;
    return LOBASS_OK;
}

lobass_status lb_sources_check(const lb_store_source *sources, const char *const *data,
                               size_t n_sources, lobass_error *error)
{
    bool has_any = false;
    for (size_t i = 0; i < n_sources; i++)
    {
        lb_record_reader *reader = NULL;
        lb_record record;
        bool has_record = is_standard_input(sources[i].path); /* it may have: it is read later */
        lobass_status status = LOBASS_OK;
        if (!has_record)
        {
            LB_TRY(data != NULL && lb_path_look(sources[i].path) == LB_PATH_MISSING
                       ? lb_path_fail_missing(data[i], "--repo-type dataset ", error)
                       : LOBASS_OK);
            LB_TRY(lb_record_reader_open(&reader, sources[i].path, error));
            status = lb_record_reader_next(reader, &record, &has_record, error);
            lb_record_reader_close(reader);
        }
        LB_TRY(status);
        has_any = has_any || has_record;
    }
    return has_any
               ? LOBASS_OK
               : lb_fail(error, LOBASS_BAD_FORMAT, "%s: no record%s; expected at least one",
                         sources[0].path, n_sources > 1 ? " in it or in the other data files" : "");
}

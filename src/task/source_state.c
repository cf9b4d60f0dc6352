/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether the data files are still those that a run was prepared from: size and time of change of
 * each, recorded when prepare ends (fact "sources.state", a line "SIZE SECONDS.NANOSECONDS" a
 * source) and compared when a finished run is taken up again. Another size is a conflict, another
 * time alone a warning; select holds every record that it takes against its hash in any case.
 */
#include "task/prepare_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct file_state
{
    long long size_bytes, seconds;
    long nanoseconds;
} file_state;

/* False where there is no such file any more, and for standard input, which is kept in the run. */
static bool state_read(file_state *state, const char *path)
{
    struct stat about;
    if (strcmp(path, "-") == 0 || stat(path, &about) != 0)
    {
        return false;
    }
    *state = (file_state){(long long)about.st_size, (long long)about.st_mtim.tv_sec,
                          about.st_mtim.tv_nsec};
    return true;
}

lobass_status lb_sources_state_save(lb_store *store, const lb_store_source *sources,
                                    size_t n_sources, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    lb_buffer text = {0};
    for (size_t i = 0; i < n_sources; i++)
    {
        file_state now = {-1, 0, 0};
        (void)state_read(&now, sources[i].path);
        LB_TRY_GOTO(lb_buffer_print(&text, error, "%lld %lld.%09ld\n", now.size_bytes, now.seconds,
                                    now.nanoseconds));
    }
    status = lb_store_fact_save(store, LB_FACT_SOURCES_STATE, text.data, error);
done:
    lb_buffer_free(&text);
    return status;
}

static lobass_status state_compare(const char *line, const char *path,
                                   const lobass_observer *observer, lobass_error *error)
{
    file_state now;
    char *end = NULL;
    const long long size_then = strtoll(line, &end, 10);
    if (size_then < 0 || !state_read(&now, path))
    {
        return LOBASS_OK;
    }
    if (now.size_bytes != size_then)
    {
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s: changed since the run was prepared: %lld bytes now, %lld then; "
                       "overwrite the run (-f) or use another folder",
                       path, now.size_bytes, size_then);
    }
    char time_now[64];
    (void)snprintf(time_now, sizeof time_now, " %lld.%09ld\n", now.seconds, now.nanoseconds);
    if (strncmp(end, time_now, strlen(time_now)) != 0)
    {
        lb_observer_log(observer, LOBASS_LOG_WARNING,
                        "%s: written to since the run was prepared; the run goes on with the rows "
                        "it has",
                        path);
    }
    return LOBASS_OK;
}

lobass_status lb_sources_state_check(lb_store *store, const lb_store_source *sources,
                                     size_t n_sources, const lobass_observer *observer,
                                     lobass_error *error)
{
    char *text = NULL;
    lobass_status status = lb_store_fact_load(&text, store, LB_FACT_SOURCES_STATE, error);
    const char *line = text;
    for (size_t i = 0; status == LOBASS_OK && line != NULL && i < n_sources; i++)
    {
        status = state_compare(line, sources[i].path, observer, error);
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    free(text);
    return status;
}

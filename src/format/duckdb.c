/* SPDX-License-Identifier: Apache-2.0
 *
 * See duckdb.h. One thread, the caller's; memory up to MEMORY_LIMIT, and no file to spill to.
 */
#include "format/duckdb.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"

#ifndef LB_DUCKDB_FETCHED
#define LB_DUCKDB_FETCHED ""
#endif
#define MEMORY_LIMIT "2GiB"

/* ---- the library ------------------------------------------------------------------------------
 */

static void *library_load(void)
{
    const char *chosen = getenv("LOBASS_DUCKDB");
    const bool is_chosen = chosen != NULL && chosen[0] != '\0';
    const char *const paths[] = {is_chosen ? chosen : LB_DUCKDB_FETCHED,
                                 is_chosen ? "" : "libduckdb.so"};
    void *library = NULL;
    for (size_t i = 0; i < sizeof paths / sizeof *paths && library == NULL; i++)
    {
        /* Its threads' own data must outlive its last user. */
        library =
            paths[i][0] == '\0' ? NULL : dlopen(paths[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    }
    return library;
}

static lobass_status calls_find(lb_duckdb *duckdb, const char *for_file, lobass_error *error)
{
    struct
    {
        const char *name;
        void *place; /* of a pointer to a function */
    } calls[] = {
#define CALL(type, name, arguments) {"duckdb_" #name, &duckdb->name},
        LB_DUCKDB_CALLS(CALL)
#undef CALL
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    {
        void *found = dlsym(duckdb->library, calls[i].name);
        if (found == NULL)
        {
            return lb_fail(error, LOBASS_UNSUPPORTED,
                           "%s: DuckDB's library has no %s; expected that of DuckDB 1.2 or later, "
                           "such as `scripts/fetch duckdb` brings",
                           for_file, calls[i].name);
        }
        memcpy(calls[i].place, &found, sizeof found);
    }
    return LOBASS_OK;
}

/* ---- messages ---------------------------------------------------------------------------------
 */

/* DuckDB knows the file by its descriptor alone. */
static lobass_status message_clean(lb_buffer *clean, const char *where, const char *message,
                                   lobass_error *error)
{
    static const char by_descriptor[] = "/proc/self/fd/";
    const char *colon = strstr(message, "Error: "); /* behind the kind of error */
    const char *text = colon != NULL && colon - message < 40 ? colon + strlen("Error: ") : message;
    const char *end = text + strcspn(text, "\n");
    while (text < end)
    {
        const char *found = strstr(text, by_descriptor);
        const char *stop = found == NULL || found > end ? end : found;
        LB_TRY(lb_append_visible(clean, text, (size_t)(stop - text), error));
        text = stop;
        if (text < end)
        {
            LB_TRY(lb_buffer_append_text(clean, where, error));
            text += sizeof by_descriptor - 1;
            text += strspn(text, "0123456789");
        }
    }
    return LOBASS_OK;
}

lobass_status lb_duckdb_fail(const char *where, const char *message, lobass_error *error)
{
    static const char memory[] = "Out of Memory";
    lb_buffer clean = {0};
    const bool is_memory = message != NULL && strncmp(message, memory, strlen(memory)) == 0;
    lobass_status status = message_clean(
        &clean, where, message != NULL ? message : "DuckDB says nothing of why", error);
    if (status == LOBASS_OK)
    {
        status = lb_fail(error, is_memory ? LOBASS_OUT_OF_MEMORY : LOBASS_BAD_FORMAT, "%s: %s%s",
                         where, clean.size > 0 ? clean.data : "",
                         is_memory ? " (DuckDB is given " MEMORY_LIMIT ")" : "");
    }
    lb_buffer_free(&clean);
    return status;
}

lobass_status lb_sql_append_text(lb_buffer *sql, const char *text, lobass_error *error)
{
    LB_TRY(lb_buffer_append(sql, "'", 1, error));
    for (; *text != '\0'; text++)
    {
        LB_TRY(lb_buffer_append(sql, "''", *text == '\'' ? 2 : 0, error));
        LB_TRY(lb_buffer_append(sql, text, *text == '\'' ? 0 : 1, error));
    }
    return lb_buffer_append(sql, "'", 1, error);
}

lobass_status lb_duckdb_run(lb_duckdb *duckdb, const char *where, const char *sql,
                            lobass_error *error)
{
    lb_duckdb_result result = {0};
    const bool is_done = duckdb->query(duckdb->connection, sql, &result) == 0;
    const lobass_status status =
        is_done ? LOBASS_OK : lb_duckdb_fail(where, duckdb->result_error(&result), error);
    duckdb->destroy_result(&result);
    return status;
}

lobass_status lb_duckdb_stream(lb_duckdb *duckdb, lb_duckdb_result *result, const char *where,
                               const char *sql, lobass_error *error)
{
    void *statement = NULL;
    void *pending = NULL;
    lobass_status status = LOBASS_OK;
    *result = (lb_duckdb_result){0};
    if (duckdb->prepare(duckdb->connection, sql, &statement) != 0)
    {
        status = lb_duckdb_fail(where, duckdb->prepare_error(statement), error);
    }
    else if (duckdb->pending_prepared_streaming(statement, &pending) != 0)
    {
        status = lb_duckdb_fail(where, duckdb->pending_error(pending), error);
    }
    else if (duckdb->execute_pending(pending, result) != 0)
    {
        status = lb_duckdb_fail(where, duckdb->result_error(result), error);
        duckdb->destroy_result(result);
    }
    duckdb->destroy_pending(&pending);
    duckdb->destroy_prepare(&statement);
    return status;
}

/* ---- the database -----------------------------------------------------------------------------
 */

static lobass_status database_open(lb_duckdb *duckdb, const char *for_file, lobass_error *error)
{
    static const char *const settings[][2] = {
        {"threads", "1"},
        {"memory_limit", MEMORY_LIMIT},
        {"temp_directory", ""},
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
        {"allow_community_extensions", "false"},
    };
    void *config = NULL;
    char *message = NULL;
    lobass_status status = LOBASS_OK;
    bool is_set = duckdb->create_config(&config) == 0;
    for (size_t i = 0; is_set && i < sizeof settings / sizeof *settings; i++)
    {
        is_set = duckdb->set_config(config, settings[i][0], settings[i][1]) == 0;
    }
    if (!is_set)
    {
        status = lb_fail(error, LOBASS_UNSUPPORTED,
                         "%s: DuckDB's library takes none of the settings that keep it to the "
                         "file; expected that of DuckDB 1.2 or later",
                         for_file);
    }
    else if (duckdb->open_ext(":memory:", &duckdb->database, config, &message) != 0)
    {
        status = lb_duckdb_fail(for_file, message, error);
        duckdb->free(message);
    }
    else if (duckdb->connect(duckdb->database, &duckdb->connection) != 0)
    {
        status = lb_duckdb_fail(for_file, "DuckDB does not connect", error);
    }
    duckdb->destroy_config(&config);
    return status;
}

static lobass_status paths_allow(lb_duckdb *duckdb, const char *for_file, const char *const *paths,
                                 lobass_error *error)
{
    lb_buffer sql = {0};
    lobass_status status = lb_buffer_append_text(&sql, "SET allowed_paths = [", error);
    for (size_t i = 0; paths[i] != NULL && status == LOBASS_OK; i++)
    {
        status = i == 0 ? LOBASS_OK : lb_buffer_append_text(&sql, ", ", error);
        status = status == LOBASS_OK ? lb_sql_append_text(&sql, paths[i], error) : status;
    }
    LB_TRY_GOTO(status);
    LB_TRY_GOTO(lb_buffer_append_text(
        &sql, "]; SET enable_external_access = false; SET lock_configuration = true;", error));
    status = lb_duckdb_run(duckdb, for_file, sql.data, error);
done:
    lb_buffer_free(&sql);
    return status;
}

lobass_status lb_duckdb_open(lb_duckdb **duckdb, const char *for_file, const char *const *paths,
                             lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    lb_duckdb *made = lb_alloc(1, sizeof *made, error);
    *duckdb = NULL;
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->library = library_load();
    if (made->library == NULL)
    {
        const char *chosen = getenv("LOBASS_DUCKDB");
        status =
            lb_fail(error, LOBASS_UNSUPPORTED,
                    "%s: Parquet needs DuckDB's library, and there is none%s%s: `scripts/fetch "
                    "duckdb` brings it, or LOBASS_DUCKDB names a libduckdb.so",
                    for_file, chosen != NULL && chosen[0] != '\0' ? " at " : "",
                    chosen != NULL ? chosen : "");
        goto done;
    }
    LB_TRY_GOTO(calls_find(made, for_file, error));
    LB_TRY_GOTO(database_open(made, for_file, error));
    LB_TRY_GOTO(paths_allow(made, for_file, paths, error));
    *duckdb = made;
    made = NULL;
done:
    lb_duckdb_close(made);
    return status;
}

void lb_duckdb_close(lb_duckdb *duckdb)
{
    if (duckdb == NULL)
    {
        return;
    }
    if (duckdb->connection != NULL)
    {
        duckdb->disconnect(&duckdb->connection);
    }
    if (duckdb->database != NULL)
    {
        duckdb->close(&duckdb->database);
    }
    if (duckdb->library != NULL)
    {
        (void)dlclose(duckdb->library);
    }
    free(duckdb);
}

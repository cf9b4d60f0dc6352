/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing RUN/run.db, transactions, and facts. A writer holds the advisory lock
 * RUN/lock for as long as the store is open; readers take no lock and see the last commit. The
 * database runs in write-ahead mode with synchronous = NORMAL: a killed process loses nothing that
 * was committed, and a power cut at most the last transactions, never the file's consistency.
 */
#include "store/store_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BUSY_MILLISECONDS 10000
/* The log is written back, and both files synced, after so many pages of 4 KiB. */
#define CHECKPOINT_PAGES 4096

/* "file:PATH?immutable=1" with what a URI cannot hold escaped. */
static lobass_status append_uri(lb_buffer *uri, const char *path, lobass_error *error)
{
    LB_TRY(lb_buffer_append_text(uri, "file:", error));
    for (const char *c = path; *c != '\0'; c++)
    {
        const bool is_special = *c == '%' || *c == '?' || *c == '#';
        LB_TRY(lb_buffer_print(uri, error, is_special ? "%%%02X" : "%c", (unsigned)*c & 0xffu));
    }
    return lb_buffer_append_text(uri, "?immutable=1", error);
}

static bool has_log(const char *path)
{
    char log[4096];
    struct stat found;
    const int size = snprintf(log, sizeof log, "%s-wal", path);
    return size < 0 || (size_t)size >= sizeof log || (stat(log, &found) == 0 && found.st_size > 0);
}

/* In a folder that cannot be written to, or on a full disk, SQLite cannot make the log's index;
 * without a log there is none to be made, and the file can be read as it stands. */
static lobass_status open_immutable(lb_store *store, lobass_error *error)
{
    lb_buffer uri = {0};
    lobass_status status = LOBASS_OK;
    sqlite3_close_v2(store->database);
    store->database = NULL;
    LB_TRY_GOTO(append_uri(&uri, store->path, error));
    const int code =
        sqlite3_open_v2(uri.data, &store->database,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
    {
        status = lb_store_fail(store, code, error);
    }
done:
    lb_buffer_free(&uri);
    return status;
}

static lobass_status open_reader(lb_store *store, lobass_error *error)
{
    int code = sqlite3_open_v2(store->path, &store->database,
                               SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
    {
        sqlite3_busy_timeout(store->database, BUSY_MILLISECONDS);
        code =
            sqlite3_exec(store->database, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL);
    }
    const int kind = code & 0xff;
    const bool has_no_index = kind == SQLITE_CANTOPEN || kind == SQLITE_READONLY ||
                              kind == SQLITE_IOERR || kind == SQLITE_FULL;
    if (has_no_index && !has_log(store->path))
    {
        return open_immutable(store, error);
    }
    return code == SQLITE_OK ? LOBASS_OK : lb_store_fail(store, code, error);
}

static lobass_status open_writer(lb_store *store, bool creates, lobass_error *error)
{
    char *lock_path = lb_path_join(store->folder, LB_STORE_LOCK, error);
    if (lock_path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lobass_status status = lb_lock_acquire(&store->lock, lock_path, error);
    free(lock_path);
    LB_TRY(status);
    store->has_lock = true;
    const int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (creates ? SQLITE_OPEN_CREATE : 0);
    const int code = sqlite3_open_v2(store->path, &store->database, flags, NULL);
    if (code != SQLITE_OK)
    {
        return lb_store_fail(store, code, error);
    }
    sqlite3_busy_timeout(store->database, BUSY_MILLISECONDS);
    return LOBASS_OK;
}

static lobass_status check_schema(lb_store *store, lb_store_mode mode, lobass_error *error)
{
    int64_t version = 0;
    LB_TRY(lb_schema_check(store, &version, error));
    if (mode != LB_STORE_READ)
    {
        /* Only now: switching another program's database to write-ahead mode would change it. */
        LB_TRY(lb_store_execute(store,
                                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                                "PRAGMA wal_autocheckpoint = " LB_TEXT_OF(CHECKPOINT_PAGES),
                                error));
    }
    if (version == 0 && mode == LB_STORE_CREATE)
    {
        return lb_schema_make(store, version, error);
    }
    if (version == 0)
    {
        return lb_fail(error, LOBASS_NOT_FOUND, "%s: an empty database, expected a prepared run",
                       store->path);
    }
    if (version == LB_STORE_VERSION)
    {
        return LOBASS_OK;
    }
    return mode == LB_STORE_READ ? lb_schema_overlay(store, version, error)
                                 : lb_schema_make(store, version, error);
}

static lobass_status open_in(lb_store *store, lb_store_mode mode, lobass_error *error)
{
    if (mode == LB_STORE_CREATE)
    {
        LB_TRY(lb_folder_create(store->folder, error));
    }
    else if (lb_path_look(store->path) != LB_PATH_FILE)
    {
        return lb_fail(error, LOBASS_NOT_FOUND, "%s: not a lobass run: %s", store->folder,
                       lb_path_look(store->folder) == LB_PATH_MISSING
                           ? "no such folder"
                           : "it holds no file " LB_STORE_DATABASE);
    }
    LB_TRY(mode == LB_STORE_READ ? open_reader(store, error)
                                 : open_writer(store, mode == LB_STORE_CREATE, error));
    return check_schema(store, mode, error);
}

lobass_status lb_store_open(lb_store **store, const char *run, lb_store_mode mode,
                            lobass_error *error)
{
    *store = NULL;
    lb_store *opened = lb_alloc(1, sizeof *opened, error);
    if (opened == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    opened->folder = lb_copy_text(run, strlen(run), error);
    opened->path = opened->folder == NULL ? NULL : lb_path_join(run, LB_STORE_DATABASE, error);
    const lobass_status status =
        opened->path == NULL ? LOBASS_OUT_OF_MEMORY : open_in(opened, mode, error);
    if (status != LOBASS_OK)
    {
        lb_store_close(opened);
        return status;
    }
    *store = opened;
    return LOBASS_OK;
}

void lb_store_close(lb_store *store)
{
    if (store == NULL)
    {
        return;
    }
    if (store->is_in_transaction)
    {
        lb_store_rollback(store);
    }
    lb_statements_free(store);
    sqlite3_close_v2(store->database);
    if (store->has_lock)
    {
        lb_lock_release(&store->lock);
    }
    lb_buffer_free(&store->packed);
    lb_buffer_free(&store->flags);
    lb_buffer_free(&store->reason);
    free(store->ids);
    free(store->losses);
    free(store->path);
    free(store->folder);
    free(store);
}

const char *lb_store_path(const lb_store *store)
{
    return store->folder;
}

/* ---- transactions -----------------------------------------------------------------------------
 */

lobass_status lb_store_begin(lb_store *store, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_statement_use(&statement, store, store->has_lock ? LB_SQL_BEGIN : LB_SQL_BEGIN_READ,
                            error));
    LB_TRY(lb_statement_run(store, statement, error));
    store->is_in_transaction = true;
    return LOBASS_OK;
}

lobass_status lb_store_commit(lb_store *store, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_COMMIT, error));
    LB_TRY(lb_statement_run(store, statement, error));
    store->is_in_transaction = false;
    return LOBASS_OK;
}

void lb_store_rollback(lb_store *store)
{
    /* After some failures (a full disk) SQLite has rolled back by itself already. */
    if (store->is_in_transaction && sqlite3_get_autocommit(store->database) == 0)
    {
        sqlite3_stmt *statement = NULL;
        if (lb_statement_use(&statement, store, LB_SQL_ROLLBACK, NULL) == LOBASS_OK)
        {
            (void)lb_statement_run(store, statement, NULL);
        }
    }
    store->is_in_transaction = false;
}

/* ---- facts ------------------------------------------------------------------------------------
 */

lobass_status lb_store_fact_load(char **value, lb_store *store, const char *name,
                                 lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    *value = NULL;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_FACT_LOAD, error));
    lb_bind_text(statement, 1, name);
    LB_TRY(lb_statement_step(store, statement, &has_row, error));
    if (!has_row)
    {
        return LOBASS_OK;
    }
    *value = lb_column_copy(statement, 0, error);
    sqlite3_reset(statement);
    return *value == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

lobass_status lb_store_fact_save(lb_store *store, const char *name, const char *value,
                                 lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_FACT_SAVE, error));
    lb_bind_text(statement, 1, name);
    lb_bind_text(statement, 2, value);
    return lb_statement_run(store, statement, error);
}

lobass_status lb_store_fact_remove(lb_store *store, const char *name, lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_statement_use(&statement, store, LB_SQL_FACT_REMOVE, error));
    lb_bind_text(statement, 1, name);
    return lb_statement_run(store, statement, error);
}

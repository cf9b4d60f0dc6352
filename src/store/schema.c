/* SPDX-License-Identifier: Apache-2.0
 *
 * The schema of RUN/run.db and how a database is recognised as a run: SQLite's application_id says
 * that lobass wrote it, its user_version which schema it has. docs/FORMATS.md describes the
 * columns. Integers in blobs and float32 values are little-endian; `checksum` is the lower half of
 * an XXH3-128 (see rows.c and losses.c for what it covers).
 */
#include "store/store_private.h"

#include <inttypes.h>

#define APPLICATION_ID 0x4C6F4253 /* "LoBS" */

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE facts (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE sources (source INTEGER PRIMARY KEY, path TEXT NOT NULL,"
    " name TEXT NOT NULL UNIQUE, n_records INTEGER NOT NULL, is_complete INTEGER NOT NULL);"
    "CREATE TABLE rows (\"row\" INTEGER PRIMARY KEY, source INTEGER NOT NULL,"
    " record INTEGER NOT NULL, line INTEGER NOT NULL, \"offset\" INTEGER NOT NULL,"
    " size INTEGER NOT NULL, hash BLOB NOT NULL, status INTEGER NOT NULL, reason TEXT,"
    " n_tokens INTEGER NOT NULL, n_scored INTEGER NOT NULL, ids BLOB NOT NULL,"
    " flags BLOB NOT NULL, checksum BLOB NOT NULL);"
    "CREATE TABLE models (model INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " path TEXT NOT NULL, fingerprint TEXT NOT NULL, dtype TEXT NOT NULL);"
    "CREATE TABLE losses (model INTEGER NOT NULL, \"row\" INTEGER NOT NULL, nll BLOB NOT NULL,"
    " checksum BLOB NOT NULL, el2n BLOB, el2n_checksum BLOB,"
    " PRIMARY KEY (model, \"row\")) WITHOUT ROWID;"
    "CREATE TABLE selection (\"row\" INTEGER PRIMARY KEY, rank INTEGER NOT NULL,"
    " is_selected INTEGER NOT NULL);"
    "PRAGMA application_id = " LB_TEXT_OF(APPLICATION_ID) "; "
                                                          "PRAGMA user_version = " LB_TEXT_OF(
                                                              LB_STORE_VERSION) "; "
                                                                                "COMMIT;";

/* Version 1 had no el2n; rows keep their place, so this takes no time. */
static const char upgrade[] = "BEGIN IMMEDIATE;"
                              "ALTER TABLE losses ADD COLUMN el2n BLOB;"
                              "ALTER TABLE losses ADD COLUMN el2n_checksum BLOB;"
                              "PRAGMA user_version = " LB_TEXT_OF(LB_STORE_VERSION) "; "
                                                                                    "COMMIT;";

/* A temporary view stands before the table of its name. It is in memory: the folder may be one that
 * cannot be written to. */
static const char overlay[] =
    "PRAGMA temp_store = MEMORY;"
    "CREATE TEMP VIEW losses AS SELECT model, \"row\", nll, checksum, NULL AS el2n,"
    " NULL AS el2n_checksum FROM main.losses";

static lobass_status transaction_run(lb_store *store, const char *sql, lobass_error *error)
{
    const int code = sqlite3_exec(store->database, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK)
    {
        const lobass_status status = lb_store_fail(store, code, error);
        sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
        return status;
    }
    return LOBASS_OK;
}

lobass_status lb_schema_create(lb_store *store, lobass_error *error)
{
    return transaction_run(store, schema, error);
}

lobass_status lb_schema_upgrade(lb_store *store, lobass_error *error)
{
    return transaction_run(store, upgrade, error);
}

lobass_status lb_schema_overlay(lb_store *store, lobass_error *error)
{
    const int code = sqlite3_exec(store->database, overlay, NULL, NULL, NULL);
    return code == SQLITE_OK ? LOBASS_OK : lb_store_fail(store, code, error);
}

static lobass_status number_load(int64_t *value, lb_store *store, const char *sql,
                                 lobass_error *error)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
    {
        code = sqlite3_step(statement);
    }
    lobass_status status = LOBASS_OK;
    if (code == SQLITE_ROW)
    {
        *value = sqlite3_column_int64(statement, 0);
    }
    else
    {
        status = lb_store_fail(store, code, error);
    }
    sqlite3_finalize(statement);
    return status;
}

lobass_status lb_schema_check(lb_store *store, int64_t *version, lobass_error *error)
{
    int64_t application = 0;
    int64_t n_tables = 0;
    LB_TRY(number_load(&n_tables, store, "SELECT count(*) FROM sqlite_master", error));
    LB_TRY(number_load(&application, store, "PRAGMA application_id", error));
    LB_TRY(number_load(version, store, "PRAGMA user_version", error));
    if (n_tables == 0 && application == 0)
    {
        *version = 0;
        return LOBASS_OK;
    }
    if (application != APPLICATION_ID)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: not a lobass run: a database with application id 0x%" PRIx64
                       ", expected 0x%x",
                       store->path, (uint64_t)application, (unsigned)APPLICATION_ID);
    }
    if (*version < 1 || *version > LB_STORE_VERSION)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "%s: a run of schema version %" PRId64
                       ", this lobass works with versions 1 to %d",
                       store->path, *version, LB_STORE_VERSION);
    }
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A run's database changed behind the store's back.
 */
#ifndef TESTS_STORE_SQL_H
#define TESTS_STORE_SQL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>

static inline sqlite3 *sql_open(const char *run)
{
    char path[4096];
    sqlite3 *database = NULL;
    (void)snprintf(path, sizeof path, "%s/run.db", run);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    return database;
}

static inline void sql_run(const char *run, const char *sql)
{
    sqlite3 *database = sql_open(run);
    char *message = NULL;
    if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
    {
        fail_msg("%s: %s", sql, message);
    }
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

/* The schema as an earlier VERSION had it: models, and facts of their measuring as text. */
static inline void sql_downgrade(const char *run, int version)
{
    sql_run(run,
            "BEGIN;"
            "CREATE TABLE models (model INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
            " path TEXT NOT NULL, fingerprint TEXT NOT NULL, dtype TEXT NOT NULL);"
            "INSERT INTO models SELECT measurement, name, path, fingerprint, dtype"
            " FROM measurements;"
            "INSERT INTO facts SELECT 'adapter.' || name, adapter FROM measurements"
            " WHERE adapter IS NOT NULL;"
            "INSERT INTO facts SELECT 'machine.measure ' || name, '{\"backend\": \"' || arithmetic"
            " || '\", \"threads\": ' || n_threads || '}' FROM measurements WHERE arithmetic <> '';"
            "INSERT INTO facts SELECT 'seconds.measure ' || name, printf('%.3f', seconds)"
            " FROM measurements WHERE seconds > 0;"
            "DROP TABLE measurements; DROP TABLE statuses;"
            "ALTER TABLE losses RENAME COLUMN measurement TO model;"
            "PRAGMA user_version = 2; COMMIT");
    if (version == 1)
    {
        sql_run(run, "BEGIN; ALTER TABLE losses DROP COLUMN el2n;"
                     "ALTER TABLE losses DROP COLUMN el2n_checksum; PRAGMA user_version = 1;"
                     "COMMIT");
    }
}

static inline int sql_version(const char *run)
{
    sqlite3 *database = sql_open(run);
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(database, "PRAGMA user_version", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const int version = sqlite3_column_int(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    return version;
}

#endif

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
    "CREATE TABLE facts (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE sources (source INTEGER PRIMARY KEY, path TEXT NOT NULL,"
    " name TEXT NOT NULL UNIQUE, n_records INTEGER NOT NULL, is_complete INTEGER NOT NULL);"
    "CREATE TABLE rows (\"row\" INTEGER PRIMARY KEY, source INTEGER NOT NULL,"
    " record INTEGER NOT NULL, line INTEGER NOT NULL, \"offset\" INTEGER NOT NULL,"
    " size INTEGER NOT NULL, hash BLOB NOT NULL, status INTEGER NOT NULL, reason TEXT,"
    " n_tokens INTEGER NOT NULL, n_scored INTEGER NOT NULL, ids BLOB NOT NULL,"
    " flags BLOB NOT NULL, checksum BLOB NOT NULL);"
    "CREATE TABLE losses (measurement INTEGER NOT NULL, \"row\" INTEGER NOT NULL,"
    " nll BLOB NOT NULL, checksum BLOB NOT NULL, el2n BLOB, el2n_checksum BLOB,"
    " PRIMARY KEY (measurement, \"row\")) WITHOUT ROWID;"
    "CREATE TABLE selection (\"row\" INTEGER PRIMARY KEY, rank INTEGER NOT NULL,"
    " is_selected INTEGER NOT NULL);";

/* New with version 3. 9e999 is how SQLite writes infinity. */
static const char measured[] =
    "CREATE TABLE measurements (measurement INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " path TEXT NOT NULL, adapter TEXT, fingerprint TEXT NOT NULL, engine TEXT NOT NULL,"
    " dtype TEXT NOT NULL, arithmetic TEXT NOT NULL, n_threads INTEGER NOT NULL,"
    " seconds REAL NOT NULL, n_rows INTEGER NOT NULL DEFAULT 0,"
    " n_nonfinite INTEGER NOT NULL DEFAULT 0, n_scored INTEGER NOT NULL DEFAULT 0,"
    " nll_sum REAL NOT NULL DEFAULT 0, least REAL NOT NULL DEFAULT 9e999,"
    " most REAL NOT NULL DEFAULT -9e999);"
    "CREATE TABLE statuses (status INTEGER PRIMARY KEY, n_rows INTEGER NOT NULL,"
    " n_due INTEGER NOT NULL, n_tokens INTEGER NOT NULL, n_scored INTEGER NOT NULL,"
    " n_ended INTEGER, n_selected INTEGER);";

/* What version 3 keeps of a measurement, as versions 1 and 2 had it: in models and in facts. */
#define EARLIER_FACT(name) "(SELECT value FROM main.facts AS f WHERE f.name = '" name "' || m.name)"
/* It would cut the text in letters. */
/* clang-format off */
#define EARLIER_MEASUREMENTS                                                                       \
    "SELECT model AS measurement, name, path, "                                                    \
    EARLIER_FACT("adapter.") " AS adapter, fingerprint, 'lobass' AS engine, dtype,"                \
    " ifnull(json_extract(" EARLIER_FACT("machine.measure ") ", '$.backend'), '') AS arithmetic,"  \
    " ifnull(json_extract(" EARLIER_FACT("machine.measure ") ", '$.threads'), 0) AS n_threads,"    \
    " ifnull(CAST(" EARLIER_FACT("seconds.measure ") " AS REAL), 0) AS seconds"
/* clang-format on */

/* From each version to the next. Rows and losses keep their place, but the counts of the rows and
 * the totals of every measurement are made, which reads all losses once. */
static const char *const upgrades[] = {
    [1] = "ALTER TABLE losses ADD COLUMN el2n BLOB;"
          "ALTER TABLE losses ADD COLUMN el2n_checksum BLOB;",
    [2] = "ALTER TABLE losses RENAME COLUMN model TO measurement;"
          "INSERT INTO measurements (measurement, name, path, adapter, fingerprint, engine, dtype,"
          " arithmetic, n_threads, seconds) " EARLIER_MEASUREMENTS " FROM models AS m;"
          "DROP TABLE models;"
          "DELETE FROM facts WHERE name GLOB 'adapter.*' OR name GLOB 'machine.measure *'"
          " OR name GLOB 'seconds.measure *';"
          "INSERT INTO statuses (status, n_rows, n_due, n_tokens, n_scored)"
          " SELECT " LB_COUNTS_COLUMNS " FROM rows WHERE EXISTS"
          " (SELECT 1 FROM facts WHERE name = 'tokenization_hash') GROUP BY status;",
};

/* A temporary view stands before the table of its name. It is in memory: the folder may be one that
 * cannot be written to. Totals and counts that are not there are worked out when they are asked
 * for. */
#define OVERLAY(el2n)                                                                          \
    "PRAGMA temp_store = MEMORY;"                                                              \
    "CREATE TEMP VIEW losses AS SELECT model AS measurement, \"row\", nll, checksum, " el2n    \
    " FROM main.losses;"                                                                       \
    "CREATE TEMP VIEW measurements AS " EARLIER_MEASUREMENTS ", NULL AS n_rows,"               \
    " NULL AS n_nonfinite, NULL AS n_scored, NULL AS nll_sum, NULL AS least, NULL AS most"     \
    " FROM main.models AS m;"                                                                  \
    "CREATE TEMP VIEW statuses AS SELECT 0 AS status, 0 AS n_rows, 0 AS n_due, 0 AS n_tokens," \
    " 0 AS n_scored, NULL AS n_ended, NULL AS n_selected WHERE 0;"

static const char *const overlays[] = {
    [1] = OVERLAY("NULL AS el2n, NULL AS el2n_checksum"),
    [2] = OVERLAY("el2n, el2n_checksum"),
};
static const char stamp[] = "PRAGMA application_id = " LB_TEXT_OF(
    APPLICATION_ID) "; PRAGMA user_version = " LB_TEXT_OF(LB_STORE_VERSION);

static lobass_status totals_make(lb_store *store, lobass_error *error)
{
    lb_measurement *measurements = NULL;
    size_t n = 0;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_store_measurements_load(&measurements, &n, store, error));
    for (size_t i = 0; i < n && status == LOBASS_OK; i++)
    {
        status = lb_store_totals_settle(store, measurements[i].id, error);
    }
    lb_store_measurements_free(measurements, n);
    return status;
}

lobass_status lb_schema_make(lb_store *store, int64_t version, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_store_begin(store, error));
    LB_TRY_GOTO(version == 0 ? lb_store_execute(store, schema, error) : LOBASS_OK);
    LB_TRY_GOTO(lb_store_execute(store, measured, error));
    version = version == 0 ? LB_STORE_VERSION : version;
    for (; version < LB_STORE_VERSION; version++)
    {
        LB_TRY_GOTO(lb_store_execute(store, upgrades[version], error));
    }
    LB_TRY_GOTO(totals_make(store, error));
    LB_TRY_GOTO(lb_store_execute(store, stamp, error));
    LB_TRY_GOTO(lb_store_commit(store, error));
done:
    if (status != LOBASS_OK)
    {
        lb_store_rollback(store);
    }
    return status;
}

lobass_status lb_schema_overlay(lb_store *store, int64_t version, lobass_error *error)
{
    LB_TRY(lb_store_execute(store, overlays[version], error));
    store->is_overlaid = true;
    return LOBASS_OK;
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

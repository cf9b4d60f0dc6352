/* SPDX-License-Identifier: Apache-2.0
 *
 * What the store refuses, and that the message says where: damaged blobs, foreign and newer
 * databases, a second writer, a full disk. And what a killed writer leaves behind.
 */
#include "run_tests.h"
#include "unit/store/store_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- damage -----------------------------------------------------------------------------------
 */

/* A run with 10 rows and losses of rows 5 and 6, changed by SQL, opened for reading. */
static lb_store *damaged(const char *name, const char *sql)
{
    static const float nll[] = {1, 2, 3};
    lobass_error error = {0};
    char path[] = "/m";
    lb_measurement model = {.name = "initial", .path = path, .fingerprint = "aa", .dtype = "fp32"};
    lb_store *store = store_with_rows(name, 10);
    check_ok(lb_store_measurement_save(store, &model, &error), &error);
    const lb_row_losses losses[] = {{nll, nll, 3}, {nll + 1, nll, 2}};
    check_ok(lb_store_losses_save(store, model.id, 5, &losses[0], &error), &error);
    check_ok(lb_store_losses_save(store, model.id, 6, &losses[1], &error), &error);
    lb_store_close(store);
    sql_run(scratch_path(name), sql);
    return store_open(scratch_path(name), LB_STORE_READ);
}

static void test_damaged_rows(void **state)
{
    /* Row 5 has 5 tokens. Every column is covered by a size, a range or the checksum. */
    static const char *const changes[] = {
        "ids = X'01000000020000000300000004000000FF000000'",
        "ids = X'0100'",
        "flags = X'0101010101'",
        "flags = X''",
        "n_tokens = 4",
        "n_tokens = -1",
        "n_tokens = 99999999999",
        "n_scored = 1",
        "n_scored = 6",
        "status = 1",
        "status = 8",
        "status = 'ok'",
        "source = 0",
        "record = 7",
        "line = 0",
        "\"offset\" = 0",
        "size = 0",
        "size = -5",
        "hash = X'00'",
        "hash = zeroblob(16)",
        "reason = 'why'",
        "checksum = X'0000000000000000'",
        "checksum = X''",
    };
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
    {
        char sql[256];
        char name[32];
        lobass_error error = {0};
        lobass_row row;
        (void)snprintf(sql, sizeof sql, "UPDATE rows SET %s WHERE \"row\" = 5", changes[i]);
        (void)snprintf(name, sizeof name, "rows-%zu", i);
        lb_store *store = damaged(name, sql);
        check_ok(lb_store_row_load(&row, store, 4, &error), &error);
        const lobass_status status = lb_store_row_load(&row, store, 5, &error);
        if (status == LOBASS_OK)
        {
            fail_msg("%s was not noticed", changes[i]);
        }
        check_refused(status, LOBASS_BAD_FORMAT, &error, "run.db", "row 5");
        lb_store_close(store);
    }
}

static void test_damaged_losses(void **state)
{
    static const struct
    {
        const char *sql, *message;
    } cases[] = {
        {"UPDATE losses SET nll = X'000080BF0000004000004040' WHERE \"row\" = 5", "checksum"},
        {"UPDATE losses SET nll = X'0000803F00' WHERE \"row\" = 5", "multiple of 4"},
        {"UPDATE losses SET nll = substr(nll, 1, 8) WHERE \"row\" = 5", "checksum"},
        {"UPDATE losses SET checksum = X'' WHERE \"row\" = 5", "checksum"},
        {"UPDATE losses SET nll = (SELECT nll FROM losses WHERE \"row\" = 6),"
         " checksum = (SELECT checksum FROM losses WHERE \"row\" = 6) WHERE \"row\" = 5",
         "checksum"},
        {"UPDATE losses SET el2n = X'000080BF0000004000004040' WHERE \"row\" = 5",
         "el2n values do not match"},
        {"UPDATE losses SET el2n = X'0000803F00' WHERE \"row\" = 5", "multiple of 4"},
        {"UPDATE losses SET el2n = NULL WHERE \"row\" = 5", "el2n values do not match"},
        {"UPDATE losses SET el2n_checksum = NULL WHERE \"row\" = 5", "el2n values do not match"},
        {"UPDATE losses SET el2n = nll, el2n_checksum = checksum WHERE \"row\" = 5",
         "el2n values do not match"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
        char name[32];
        lobass_error error = {0};
        lb_row_losses losses;
        (void)snprintf(name, sizeof name, "losses-%zu", i);
        lb_store *store = damaged(name, cases[i].sql);
        check_ok(lb_store_losses_load(&losses, store, 1, 6, &error), &error);
        check_refused(lb_store_losses_load(&losses, store, 1, 5, &error), LOBASS_BAD_FORMAT, &error,
                      "row 5", cases[i].message);
        lb_store_close(store);
    }
}

static void test_missing_row(void **state)
{
    lobass_error error = {0};
    lb_row_summary *summaries = NULL;
    bool *is_measured = NULL;
    size_t count = 0;
    (void)state;
    lb_store *store = damaged("missing", "DELETE FROM rows WHERE \"row\" = 5;"
                                         "UPDATE losses SET \"row\" = 77 WHERE \"row\" = 6");
    check_refused(lb_store_summaries_load(&summaries, &count, store, &error), LOBASS_BAD_FORMAT,
                  &error, "run.db", "row 5");
    check_refused(lb_store_measured_load(&is_measured, 10, store, 1, &error), LOBASS_BAD_FORMAT,
                  &error, "row 77", "10 rows");
    lb_store_close(store);
}

/* ---- what is no run of ours -------------------------------------------------------------------
 */

static void check_open_refused(const char *folder, lobass_status expected, const char *word)
{
    static const lb_store_mode modes[] = {LB_STORE_READ, LB_STORE_WRITE, LB_STORE_CREATE};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    {
        lobass_error error = {0};
        lb_store *store = NULL;
        check_refused(lb_store_open(&store, folder, modes[i], &error), expected, &error, folder,
                      word);
        assert_null(store);
    }
}

static void test_foreign_databases(void **state)
{
    static const char text[] = "this is no database, but it is long enough to have a header: "
                               "........................................................";
    lobass_error error = {0};
    (void)state;
    check_ok(lb_folder_create(scratch_path("text"), &error), &error);
    check_ok(lb_file_write(scratch_path("text/run.db"), text, sizeof text, false, &error), &error);
    check_open_refused(scratch_path("text"), LOBASS_BAD_FORMAT, "not a database");

    check_ok(lb_folder_create(scratch_path("other"), &error), &error);
    sql_run(scratch_path("other"), "CREATE TABLE notes (text TEXT)");
    check_open_refused(scratch_path("other"), LOBASS_BAD_FORMAT, "not a lobass run");

    lb_store_close(store_with_rows("newer", 1));
    sql_run(scratch_path("newer"), "PRAGMA user_version = 99");
    check_open_refused(scratch_path("newer"), LOBASS_UNSUPPORTED, "version 99");
}

static void test_nothing_there(void **state)
{
    lobass_error error = {0};
    lb_store *store = NULL;
    (void)state;
    check_refused(lb_store_open(&store, scratch_path("none"), LB_STORE_READ, &error),
                  LOBASS_NOT_FOUND, &error, "none", "no such folder");
    check_ok(lb_folder_create(scratch_path("bare"), &error), &error);
    check_refused(lb_store_open(&store, scratch_path("bare"), LB_STORE_WRITE, &error),
                  LOBASS_NOT_FOUND, &error, "bare", "run.db");
    /* A prepare that was killed between making the file and the schema. */
    check_ok(lb_file_write(scratch_path("bare/run.db"), "", 0, false, &error), &error);
    check_refused(lb_store_open(&store, scratch_path("bare"), LB_STORE_READ, &error),
                  LOBASS_NOT_FOUND, &error, "bare", "empty database");
    lb_store_close(store_open(scratch_path("bare"), LB_STORE_CREATE));
    lb_store_close(store_open(scratch_path("bare"), LB_STORE_READ));
}

/* ---- writers ----------------------------------------------------------------------------------
 */

static void test_second_writer(void **state)
{
    lobass_error error = {0};
    lb_store *second = NULL;
    (void)state;
    lb_store *first = store_with_rows("busy", 1);
    char pid[32];
    (void)snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    check_refused(lb_store_open(&second, scratch_path("busy"), LB_STORE_WRITE, &error),
                  LOBASS_CONFLICT, &error, "busy/lock", pid);
    check_refused(lb_store_open(&second, scratch_path("busy"), LB_STORE_CREATE, &error),
                  LOBASS_CONFLICT, &error, "busy/lock", pid);
    lb_store_close(first);
    lb_store_close(store_open(scratch_path("busy"), LB_STORE_WRITE));
}

/* The child commits 3 rows, begins to write 2 more, and is killed. */
static void test_killed_writer(void **state)
{
    int ready[2];
    char sign = 0;
    uint64_t n_rows = 0;
    lobass_error error = {0};
    (void)state;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0)
    {
        made_row made;
        lb_store *store = store_with_rows("killed", 3);
        (void)lb_store_begin(store, NULL);
        (void)lb_store_row_save(store, row_make(&made, 3), NULL);
        (void)lb_store_row_save(store, row_make(&made, 4), NULL);
        (void)!write(ready[1], "x", 1);
        (void)pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &sign, 1), 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ready[0]);
    (void)close(ready[1]);
    lb_store *reader = store_open(scratch_path("killed"), LB_STORE_READ);
    check_ok(lb_store_row_count(&n_rows, reader, &error), &error);
    assert_int_equal(n_rows, 3);
    lb_store_close(reader);
    lb_store *store = store_open(scratch_path("killed"), LB_STORE_WRITE);
    rows_save(store, 3, 4);
    check_ok(lb_store_row_count(&n_rows, store, &error), &error);
    assert_int_equal(n_rows, 7);
    lb_store_close(store);
}

#define LIMIT_BYTES ((size_t)256 * 1024)
#define VALUE_BYTES ((size_t)512 * 1024)

/* A limit on the size of files fails a write just as a full disk does. */
static void test_full_disk(void **state)
{
    lobass_error error = {0};
    struct sigaction before;
    struct rlimit limit;
    uint64_t n_rows = 0;
    (void)state;
    lb_store *store = store_with_rows("full", 3);
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGXFSZ, &ignore, &before), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const struct rlimit narrow = {.rlim_cur = LIMIT_BYTES, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &narrow), 0);
    char *value = test_malloc(VALUE_BYTES);
    memset(value, 'x', VALUE_BYTES - 1);
    value[VALUE_BYTES - 1] = '\0';
    lobass_status status = lb_store_begin(store, &error);
    if (status == LOBASS_OK)
    {
        status = lb_store_fact_save(store, "large", value, &error);
    }
    if (status == LOBASS_OK)
    {
        status = lb_store_commit(store, &error);
    }
    lb_store_rollback(store);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(sigaction(SIGXFSZ, &before, NULL), 0);
    test_free(value);
    check_refused(status, LOBASS_IO, &error, "full/run.db", "");
    /* What was there is still there, and can be added to. */
    rows_save(store, 3, 1);
    check_ok(lb_store_row_count(&n_rows, store, &error), &error);
    assert_int_equal(n_rows, 4);
    lb_store_close(store);
}

static void test_number_too_large(void **state)
{
    lobass_error error = {0};
    made_row made;
    (void)state;
    lb_store *store = store_with_rows("large", 1);
    lobass_row row = *row_make(&made, 1);
    row.offset = (uint64_t)INT64_MAX + 1; /* SQLite has no such integer */
    check_refused(lb_store_row_save(store, &row, &error), LOBASS_CONFLICT, &error, "large/run.db",
                  "NOT NULL");
    lb_store_close(store);
}

/* Root may write anywhere, so this is done as somebody else; with a schema of version 1, for which
 * a reader needs more than the file. */
static void test_read_only_folder(void **state)
{
    const uid_t own = geteuid();
    uint64_t n_rows = 0;
    lobass_error error = {0};
    lb_store *store = NULL;
    (void)state;
    lb_store_close(store_with_rows("frozen?#%20", 3));
    const char *folder = scratch_path("frozen?#%20");
    sql_downgrade(folder, 1);
    assert_int_equal(chmod(scratch_folder, 0755), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    assert_int_equal(own == 0 ? seteuid(65534) : 0, 0);
    const bool is_reachable = faccessat(AT_FDCWD, folder, R_OK | X_OK, AT_EACCESS) == 0;
    lobass_status status = LOBASS_OK;
    if (is_reachable)
    {
        status = lb_store_open(&store, folder, LB_STORE_READ, &error);
    }
    assert_int_equal(own == 0 ? seteuid(own) : 0, 0);
    assert_int_equal(chmod(folder, 0755), 0);
    if (!is_reachable)
    {
        skip_because("%s cannot be reached by another user", folder);
    }
    check_ok(status, &error);
    check_ok(lb_store_row_count(&n_rows, store, &error), &error);
    assert_int_equal(n_rows, 3);
    check_ok(lb_store_without_el2n_count(&n_rows, store, 1, &error), &error);
    assert_int_equal(n_rows, 0);
    lb_store_close(store);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damaged_rows),     cmocka_unit_test(test_damaged_losses),
        cmocka_unit_test(test_missing_row),      cmocka_unit_test(test_foreign_databases),
        cmocka_unit_test(test_nothing_there),    cmocka_unit_test(test_second_writer),
        cmocka_unit_test(test_killed_writer),    cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_number_too_large), may_skip(test_read_only_folder),
    };
    return RUN_TESTS(tests, arguments, scratch_setup, scratch_teardown);
}

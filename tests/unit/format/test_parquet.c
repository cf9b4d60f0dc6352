/* SPDX-License-Identifier: Apache-2.0
 *
 * Parquet through DuckDB's library: what each type of column comes out as (by hand), what is
 * refused by the column's name, that nothing but the file is reached, and that memory does not grow
 * with the rows. The files are written by the same library. Skipped where it is not there.
 */
#include "format/duckdb.h"
#include "format/format.h"
#include "run_tests.h"
#include "unit/base/scratch.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Writes the rows of QUERY as NAME; the test ends where there is no library. */
static const char *write_parquet(const char *name, const char *query)
{
    lobass_error error = {0};
    lb_duckdb *duckdb = NULL;
    lb_buffer sql = {0};
    const char *path = scratch_path(name);
    const char *const paths[] = {path, NULL};
    const lobass_status status = lb_duckdb_open(&duckdb, name, paths, &error);
    if (status == LOBASS_UNSUPPORTED)
    {
        skip_because("%s", error.message);
    }
    assert_int_equal(status, LOBASS_OK);
    assert_int_equal(lb_buffer_print(&sql, NULL,
                                     "COPY (%s) TO '%s' (FORMAT parquet, USE_TMP_FILE false)",
                                     query, path),
                     LOBASS_OK);
    if (lb_duckdb_run(duckdb, name, sql.data, &error) != LOBASS_OK)
    {
        fail_msg("%s", error.message);
    }
    lb_buffer_free(&sql);
    lb_duckdb_close(duckdb);
    return path;
}

/* The only row of QUERY as a record. */
static void check_row(const char *query, const char *expected)
{
    lobass_error error = {0};
    lb_record_reader *reader = NULL;
    lb_record record;
    bool has_record = false;
    const char *path = write_parquet("row.parquet", query);
    assert_int_equal(lb_record_reader_open(&reader, path, &error), LOBASS_OK);
    if (lb_record_reader_next(reader, &record, &has_record, &error) != LOBASS_OK)
    {
        fail_msg("%s: %s", query, error.message);
    }
    assert_true(has_record);
    if (record.size != strlen(expected) || memcmp(record.data, expected, record.size) != 0)
    {
        fail_msg("%s: found %.*s, expected %s", query, (int)record.size, record.data, expected);
    }
    assert_int_equal(record.index, 0);
    assert_int_equal(record.line, 1);
    assert_int_equal(lb_record_reader_next(reader, &record, &has_record, &error), LOBASS_OK);
    assert_false(has_record);
    assert_int_equal(lb_record_reader_next(reader, &record, &has_record, &error), LOBASS_OK);
    assert_false(has_record);
    lb_record_reader_close(reader);
}

static void test_types(void **state)
{
    (void)state;
    static const struct
    {
        const char *value, *json;
    } values[] = {
        {"true", "true"},
        {"(-128)::TINYINT", "-128"},
        {"(-32768)::SMALLINT", "-32768"},
        {"(-2147483648)::INTEGER", "-2147483648"},
        {"(-9223372036854775808)::BIGINT", "-9223372036854775808"},
        {"255::UTINYINT", "255"},
        {"65535::USMALLINT", "65535"},
        {"4294967295::UINTEGER", "4294967295"},
        {"18446744073709551615::UBIGINT", "18446744073709551615"},
        {"0.5::FLOAT", "0.5"},
        {"0.1::DOUBLE", "0.1"},
        {"'NaN'::DOUBLE", "NaN"},
        {"'-inf'::FLOAT", "-Infinity"},
        {"'a \"q\"\\' || chr(10) || 'é'", "\"a \\\"q\\\"\\\\\\né\""},
        {"'twelve bytes' || '.'", "\"twelve bytes.\""},
        {"''", "\"\""},
        {"12.50::DECIMAL(4, 2)", "12.50"},
        {"(-0.05)::DECIMAL(9, 2)", "-0.05"},
        {"0::DECIMAL(18, 3)", "0.000"},
        {"'-12345678901234567890123456789012345.678'::DECIMAL(38, 3)",
         "-12345678901234567890123456789012345.678"},
        {"DATE '1969-12-31'", "\"1969-12-31\""},
        {"DATE '2024-02-29'", "\"2024-02-29\""},
        {"DATE '0001-01-01'", "\"0001-01-01\""},
        {"TIME '23:59:59.5'", "\"23:59:59.5\""},
        {"TIMESTAMP '1969-12-31 23:59:59.000001'", "\"1969-12-31T23:59:59.000001\""},
        {"TIMESTAMP '2024-05-01 00:00:00'", "\"2024-05-01T00:00:00\""},
        {"TIMESTAMP_NS '2024-05-01 00:00:00.000000009'", "\"2024-05-01T00:00:00.000000009\""},
        {"TIMESTAMPTZ '2024-05-01 12:00:00+02'", "\"2024-05-01T10:00:00Z\""},
        {"UUID 'f0a1b2c3-d4e5-4678-9abc-def012345678'", "\"f0a1b2c3-d4e5-4678-9abc-def012345678\""},
        {"'b'::ENUM('a', 'b')", "\"b\""},
        {"NULL::VARCHAR", "null"},
        {"[1, NULL, 3]", "[1, null, 3]"},
        {"[]::VARCHAR[]", "[]"},
        {"[[1], [], NULL, [2, 3]]", "[[1], [], null, [2, 3]]"},
        {"{'role': 'user', 'content': NULL}::STRUCT(role VARCHAR, content VARCHAR)",
         "{\"role\": \"user\", \"content\": null}"},
        {"NULL::STRUCT(a INTEGER)", "null"},
        {"[{'role': 'user', 'content': 'hi'}, {'role': 'assistant', 'content': 'ho'}]",
         "[{\"role\": \"user\", \"content\": \"hi\"}, {\"role\": \"assistant\", \"content\": "
         "\"ho\"}]"},
        {"MAP {'k \"1\"': [1], 'k2': []}", "{\"k \\\"1\\\"\": [1], \"k2\": []}"},
        {"array_value(1, 2)", "[1, 2]"},
    };
    for (size_t i = 0; i < COUNT(values); i++)
    {
        lb_buffer query = {0};
        lb_buffer expected = {0};
        assert_int_equal(lb_buffer_print(&query, NULL, "SELECT %s AS \"v \"\"1\"", values[i].value),
                         LOBASS_OK);
        assert_int_equal(lb_buffer_print(&expected, NULL, "{\"v \\\"1\": %s}", values[i].json),
                         LOBASS_OK);
        check_row(query.data, expected.data);
        lb_buffer_free(&query);
        lb_buffer_free(&expected);
    }
}

/* Ends of chunks, NULLs in the middle of them, lists whose values lie beside those of other rows.
 */
static void test_rows(void **state)
{
    (void)state;
    lobass_error error = {0};
    lb_record_reader *reader = NULL;
    lb_record record;
    bool has_record = true;
    uint64_t n_rows = 0;
    const char *path =
        write_parquet("rows.parquet",
                      "SELECT range AS i, CASE WHEN range % 3 = 0 THEN NULL ELSE 'text ' || range "
                      "END AS t, [x FOR x IN range(range % 4)] AS l FROM range(5000)");
    assert_int_equal(lb_record_reader_open(&reader, path, &error), LOBASS_OK);
    for (;;)
    {
        char text[64] = "null";
        char expected[256];
        static const char *const lists[] = {"", "0", "0, 1", "0, 1, 2"};
        assert_int_equal(lb_record_reader_next(reader, &record, &has_record, &error), LOBASS_OK);
        if (!has_record)
        {
            break;
        }
        if (n_rows % 3 != 0)
        {
            (void)snprintf(text, sizeof text, "\"text %d\"", (int)n_rows);
        }
        (void)snprintf(expected, sizeof expected, "{\"i\": %d, \"t\": %s, \"l\": [%s]}",
                       (int)n_rows, text, lists[n_rows % 4]);
        assert_int_equal(record.size, strlen(expected));
        assert_memory_equal(record.data, expected, record.size);
        assert_int_equal(record.line, ++n_rows);
    }
    assert_int_equal(n_rows, 5000);
    lb_record_reader_close(reader);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct
    {
        const char *query, *said;
    } queries[] = {
        {"SELECT 'a' AS t, 'b'::BLOB AS b", "column \"b\": binary data has no form in JSON"},
        {"SELECT [{'image': {'bytes': 'b'::BLOB}}] AS m",
         "column \"m[].image.bytes\": binary data has no form in JSON"},
        {"SELECT MAP {1: 'a'} AS m", "column \"m\": a map whose keys are no text"},
        {"SELECT INTERVAL 1 DAY AS i", "column \"i\": an interval has no form in JSON"},
    };
    for (size_t i = 0; i < COUNT(queries); i++)
    {
        lobass_error error = {0};
        lb_record_reader *reader = NULL;
        lb_record record;
        bool has_record = true;
        const char *path = write_parquet("refused.parquet", queries[i].query);
        assert_int_equal(lb_record_reader_open(&reader, path, &error), LOBASS_OK);
        assert_int_equal(lb_record_reader_next(reader, &record, &has_record, &error),
                         LOBASS_UNSUPPORTED);
        if (strstr(error.message, queries[i].said) == NULL)
        {
            fail_msg("found \"%s\", expected \"%s\"", error.message, queries[i].said);
        }
        lb_record_reader_close(reader);
    }
}

/* The data base opens the file that it was given, and no other; it cannot be talked into more. */
static void test_closed(void **state)
{
    (void)state;
    lobass_error error = {0};
    lb_duckdb *duckdb = NULL;
    lb_buffer sql = {0};
    const char *other = write_parquet("other.parquet", "SELECT 1 AS i");
    const char *path = write_parquet("own.parquet", "SELECT 1 AS i");
    const char *const paths[] = {path, NULL};
    assert_int_equal(lb_duckdb_open(&duckdb, "x", paths, &error), LOBASS_OK);
    static const char *const refused[][2] = {
        {"SELECT * FROM read_parquet('", "')"},
        {"COPY (SELECT 1) TO '", ".csv'"},
        {"ATTACH '", ".db'"},
        {"SET enable_external_access = true; --", ""},
        {"SET autoload_known_extensions = true; --", ""},
        {"INSTALL httpfs; --", ""},
        {"LOAD httpfs; --", ""},
        {"SELECT * FROM read_csv('https://example.org", "')"},
    };
    for (size_t i = 0; i < COUNT(refused); i++)
    {
        lb_buffer_clear(&sql);
        assert_int_equal(lb_buffer_print(&sql, NULL, "%s%s%s", refused[i][0], other, refused[i][1]),
                         LOBASS_OK);
        if (lb_duckdb_run(duckdb, "x", sql.data, &error) == LOBASS_OK)
        {
            fail_msg("done: %s", sql.data);
        }
    }
    lb_buffer_clear(&sql);
    assert_int_equal(lb_buffer_print(&sql, NULL, "SELECT * FROM read_parquet('%s')", path),
                     LOBASS_OK);
    assert_int_equal(lb_duckdb_run(duckdb, "x", sql.data, &error), LOBASS_OK);
    lb_buffer_free(&sql);
    lb_duckdb_close(duckdb);
}

/* A name means nothing to DuckDB, whatever is in it. */
static void test_odd_name(void **state)
{
    (void)state;
    lb_buffer bytes = {0};
    lb_record_reader *reader = NULL;
    lb_record record;
    bool has_record = false;
    const char *path = write_parquet("plain.parquet", "SELECT 1 AS i");
    const char *odd = scratch_path("we'ird [a-z]*?{x}=1 %.parquet");
    assert_int_equal(lb_file_read(&bytes, path, 1 << 20, NULL), LOBASS_OK);
    assert_int_equal(lb_file_write(odd, bytes.data, bytes.size, true, NULL), LOBASS_OK);
    assert_int_equal(lb_record_reader_open(&reader, odd, NULL), LOBASS_OK);
    assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
    assert_true(has_record);
    lb_record_reader_close(reader);

    /* Cut anywhere, it is refused by its own name. */
    for (size_t size = 4; size < bytes.size; size += 7)
    {
        lobass_error error = {0};
        assert_int_equal(lb_file_write(odd, bytes.data, size, true, NULL), LOBASS_OK);
        assert_int_equal(lb_record_reader_open(&reader, odd, NULL), LOBASS_OK);
        assert_int_equal(lb_record_reader_next(reader, &record, &has_record, &error),
                         LOBASS_BAD_FORMAT);
        assert_int_equal(strncmp(error.message, odd, strlen(odd)), 0);
        assert_null(strstr(error.message, "/proc/"));
        lb_record_reader_close(reader);
    }
    lb_buffer_free(&bytes);
}

static void test_memory(void **state)
{
    (void)state;
    lb_record_reader *reader = NULL;
    lb_record record;
    bool has_record = true;
    uint64_t n_rows = 0;
    uint64_t early_bytes = 0;
    const char *path = write_parquet(
        "many.parquet", "SELECT range AS i, repeat('word' || (range % 97) || ' ', 40) AS t FROM "
                        "range(400000)");
    assert_int_equal(lb_record_reader_open(&reader, path, NULL), LOBASS_OK);
    while (has_record)
    {
        assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
        n_rows += has_record ? 1 : 0;
        early_bytes = n_rows == 150000 ? lb_peak_memory() : early_bytes;
    }
    assert_int_equal(n_rows, 400000);
    assert_true(lb_peak_memory() - early_bytes < (uint64_t)16 << 20U);
    lb_record_reader_close(reader);
}

static void test_no_library(void **state)
{
    (void)state;
    lobass_error error = {0};
    lb_duckdb *duckdb = NULL;
    const char *const paths[] = {NULL};
    char *set = getenv("LOBASS_DUCKDB");
    set = set == NULL ? NULL : lb_copy_text(set, strlen(set), NULL);
    assert_int_equal(setenv("LOBASS_DUCKDB", "/nowhere/libduckdb.so", 1), 0);
    assert_int_equal(lb_duckdb_open(&duckdb, "a.parquet", paths, &error), LOBASS_UNSUPPORTED);
    assert_string_equal(error.message,
                        "a.parquet: Parquet needs DuckDB's library, and there is none at "
                        "/nowhere/libduckdb.so: `scripts/fetch duckdb` brings it, or LOBASS_DUCKDB "
                        "names a libduckdb.so");
    assert_null(duckdb);
    assert_int_equal(set != NULL ? setenv("LOBASS_DUCKDB", set, 1) : unsetenv("LOBASS_DUCKDB"), 0);
    free(set);
}

int main(int argc, char **argv)
{
    (void)argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_library),
        may_skip(test_types),
        may_skip(test_rows),
        may_skip(test_refused),
        may_skip(test_closed),
        may_skip(test_odd_name),
        may_skip(test_memory),
    };
    return RUN_TESTS(tests, argv, scratch_setup, scratch_teardown);
}

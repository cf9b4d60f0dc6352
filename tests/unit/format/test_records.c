/* SPDX-License-Identifier: Apache-2.0
 *
 * Records are cut out byte for byte, with the line and offset of their first byte, whatever the
 * frame and however the bytes arrive; a broken frame fails with its place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "format/format.h"
#include "unit/base/scratch.h"
#include "unit/format/expectations.h"

static void test_lines(void **state)
{
    (void)state;
    static const expectation expectations[] = {
        {"a.jsonl", "", {{NULL, 0, 0}}, NULL},
        {"a.jsonl", " \n\t\r\n\n", {{NULL, 0, 0}}, NULL},
        {"a.jsonl", "{\"a\":1}\n{\"b\":2}\n", {{"{\"a\":1}", 1, 0}, {"{\"b\":2}", 2, 8}}, NULL},
        {"a.jsonl", "{\"a\":1}\n\n \n{\"b\":2}", {{"{\"a\":1}", 1, 0}, {"{\"b\":2}", 4, 11}}, NULL},
        {"a.jsonl", "{}\r\n [1]\r\r\n", {{"{}", 1, 0}, {" [1]\r", 2, 4}}, NULL},
        {"a.jsonl", "\xef\xbb\xbf{}\nx", {{"{}", 1, 3}, {"x", 2, 6}}, NULL},
        {"a.jsonl", "not json\n}{\n", {{"not json", 1, 0}, {"}{", 2, 9}}, NULL},
        {"json", "{}\n{\n}\n", {{"{}", 1, 0}, {"{", 2, 3}, {"}", 3, 5}}, NULL},
    };
    check_all(expectations, sizeof expectations / sizeof expectations[0]);
}

static void test_arrays(void **state)
{
    (void)state;
    static const expectation expectations[] = {
        {"a.json", "[]", {{NULL, 0, 0}}, NULL},
        {"a.jsonl", "\n [ \n ] \n", {{NULL, 0, 0}}, NULL},
        {"a.json", "[{}]", {{"{}", 1, 1}}, NULL},
        {"a.json",
         "\xef\xbb\xbf[\n  {\"a\": [1, {}]},\r\n  7 , \"s]\\\"\" ,[]\n]\n",
         {{"{\"a\": [1, {}]}", 2, 7}, {"7", 3, 26}, {"\"s]\\\"\"", 3, 30}, {"[]", 3, 38}},
         NULL},
        {"a.json",
         "[\"{\\\\\",{\"}\":\"\\\"]\"}]",
         {{"\"{\\\\\"", 1, 1}, {"{\"}\":\"\\\"]\"}", 1, 7}},
         NULL},
        {"a.json",
         "[{}x]",
         {{"{}", 1, 1}},
         "a.json:1: byte 3: expected ',' or ']' after a record, found 'x'"},
        {"a.json",
         "[{}\n{}]",
         {{"{}", 1, 1}},
         "a.json:2: byte 4: expected ',' or ']' after a record, found '{'"},
        {"a.json", "[{},]", {{"{}", 1, 1}}, "a.json:1: byte 4: expected a record, found ']'"},
        {"a.json", "[,{}]", {{NULL, 0, 0}}, "a.json:1: byte 1: expected a record, found ','"},
        {"a.json", "[}", {{NULL, 0, 0}}, "a.json:1: byte 1: expected a record, found '}'"},
        {"a.json",
         "[{}",
         {{"{}", 1, 1}},
         "a.json:1: byte 3: expected ',' or ']' after a record, found the end of the file"},
        {"a.json",
         "[{},\n",
         {{"{}", 1, 1}},
         "a.json:2: byte 5: expected a record, found the end of the file"},
        {"a.json",
         "[",
         {{NULL, 0, 0}},
         "a.json:1: byte 1: expected a record or ']', found the end of the file"},
        {"a.json",
         "[{},\n {\"a\":\n\"]}",
         {{"{}", 1, 1}},
         "a.json:3: byte 15: found the end of the file inside a record that begins at line 2, byte "
         "6"},
        {"a.json",
         "[]\n\n[]",
         {{NULL, 0, 0}},
         "a.json:3: byte 4: expected nothing after the array, found '['"},
        {"a.json",
         "[1]\x01",
         {{"1", 1, 1}},
         "a.json:1: byte 3: expected nothing after the array, found byte 0x01"},
    };
    check_all(expectations, sizeof expectations / sizeof expectations[0]);
}

static void test_sequences(void **state)
{
    (void)state;
    static const expectation expectations[] = {
        {"a.json", " \n ", {{NULL, 0, 0}}, NULL},
        {"a.json", "{\n \"a\": 1\n}\n", {{"{\n \"a\": 1\n}", 1, 0}}, NULL},
        {"a.json",
         "{\"a\":\n1}\n{}{} 5",
         {{"{\"a\":\n1}", 1, 0}, {"{}", 3, 9}, {"{}", 3, 11}, {"5", 3, 14}},
         NULL},
        {"a.json", "{},{}", {{"{}", 1, 0}}, "a.json:1: byte 2: expected a record, found ','"},
        {"a.json",
         "{}\n{\"a",
         {{"{}", 1, 0}},
         "a.json:2: byte 6: found the end of the file inside a record that begins at line 2, byte "
         "3"},
    };
    check_all(expectations, sizeof expectations / sizeof expectations[0]);
}

static void test_nul_and_utf16(void **state)
{
    (void)state;
    lobass_error error = {0};
    lb_record_reader *reader = NULL;
    lb_record record;
    bool has_record = false;
    const char *path = scratch_path("nul.jsonl");
    assert_int_equal(lb_file_write(path, "a\0b\n\0\n", 6, true, NULL), LOBASS_OK);
    assert_int_equal(lb_record_reader_open(&reader, path, NULL), LOBASS_OK);
    assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
    assert_int_equal(record.size, 3);
    assert_memory_equal(record.data, "a\0b", 3);
    assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
    assert_true(has_record && record.size == 1);
    lb_record_reader_close(reader);
    assert_int_equal(lb_file_write(path, "\xff\xfe{\0}\0", 6, true, NULL), LOBASS_OK);
    assert_int_equal(lb_record_reader_open(&reader, path, NULL), LOBASS_OK);
    assert_int_equal(lb_record_reader_next(reader, &record, &has_record, &error),
                     LOBASS_UNSUPPORTED);
    assert_non_null(
        strstr(error.message, "nul.jsonl: byte 0: found the byte-order mark of UTF-16"));
    lb_record_reader_close(reader);
    lb_record_reader_close(NULL);
    assert_int_equal(lb_record_reader_open(&reader, scratch_path("none"), &error),
                     LOBASS_NOT_FOUND);
    assert_int_equal(lb_record_reader_open(&reader, scratch_folder, &error), LOBASS_IO);
    assert_non_null(strstr(error.message, "found a folder, expected a file"));
}

/* Records of every size around those of the buffers, in all three frames. */
static void check_large(const char *name, const char *before, const char *between,
                        const char *after)
{
    enum
    {
        N_LARGE = 60
    };
    lb_buffer text = {0};
    const char *path = scratch_path(name);
    assert_int_equal(lb_buffer_append_text(&text, before, NULL), LOBASS_OK);
    for (size_t i = 0; i < N_LARGE; i++)
    {
        assert_int_equal(lb_buffer_print(&text, NULL, "%s{\"%0*d\\\"]\"}", i > 0 ? between : "",
                                         (int)(i * i * 300), (int)i),
                         LOBASS_OK);
    }
    assert_int_equal(lb_buffer_append_text(&text, after, NULL), LOBASS_OK);
    assert_int_equal(lb_file_write(path, text.data, text.size, true, NULL), LOBASS_OK);
    lb_record_reader *reader = NULL;
    assert_int_equal(lb_record_reader_open(&reader, path, NULL), LOBASS_OK);
    lb_record record;
    bool has_record = false;
    for (size_t i = 0; i < N_LARGE; i++)
    {
        assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
        assert_true(has_record);
        const size_t n_digits = i < 10 ? 1 : 2;
        assert_int_equal(record.size, (i * i * 300 > n_digits ? i * i * 300 : n_digits) + 7);
        assert_memory_equal(record.data, text.data + record.offset, record.size);
    }
    assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
    assert_false(has_record);
    lb_record_reader_close(reader);
    lb_buffer_free(&text);
}

static void test_records_larger_than_buffers(void **state)
{
    (void)state;
    check_large("large.jsonl", "", "\n", "\n");
    check_large("large-array.json", "[", ",\n ", "]");
    check_large("large.json", "", " \n", "");
}

/* A record over the limit is refused; the file is sparse, so this costs little. */
static void test_record_limit(void **state)
{
    (void)state;
    lobass_error error = {0};
    lb_record_reader *reader = NULL;
    lb_record record;
    bool has_record = false;
    const char *path = scratch_path("huge.jsonl");
    assert_int_equal(lb_file_write(path, "{}\n{", 4, true, NULL), LOBASS_OK);
    assert_int_equal(truncate(path, (off_t)257 << 20), 0);
    assert_int_equal(lb_record_reader_open(&reader, path, NULL), LOBASS_OK);
    assert_int_equal(lb_record_reader_next(reader, &record, &has_record, &error), LOBASS_OK);
    assert_int_equal(lb_record_reader_next(reader, &record, &has_record, &error),
                     LOBASS_UNSUPPORTED);
    assert_non_null(strstr(error.message, "huge.jsonl:2: byte 3: found a record of more than "
                                          "268435456 bytes"));
    lb_record_reader_close(reader);
    assert_int_equal(unlink(path), 0);
}

static void test_standard_input(void **state)
{
    (void)state;
    const char *path = scratch_path("stdin");
    assert_int_equal(lb_file_write(path, "{}\n[1]\n", 7, true, NULL), LOBASS_OK);
    const int kept = dup(STDIN_FILENO);
    assert_non_null(freopen(path, "r", stdin));
    lb_record_reader *reader = NULL;
    lb_record record;
    bool has_record = false;
    assert_int_equal(lb_record_reader_open(&reader, "-", NULL), LOBASS_OK);
    assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
    assert_int_equal(record.size, 2);
    assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
    assert_memory_equal(record.data, "[1]", 3);
    assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
    assert_false(has_record);
    lb_record_reader_close(reader);
    assert_int_equal(dup2(kept, STDIN_FILENO), STDIN_FILENO);
    (void)close(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_nul_and_utf16),
        cmocka_unit_test(test_records_larger_than_buffers),
        cmocka_unit_test(test_record_limit),
        cmocka_unit_test(test_standard_input),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

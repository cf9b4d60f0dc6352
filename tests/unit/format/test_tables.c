/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables as text (RFC 4180, by hand), and JSON that is one object: lists of records in it are read,
 * columns are told. Values are compared as they come out, places with those counted by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/format/expectations.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void test_csv(void **state)
{
    (void)state;
    static const expectation expectations[] = {
        {"a.csv", "", {{NULL, 0, 0}}, NULL},
        {"a.csv", "\n\r\n", {{NULL, 0, 0}}, NULL},
        {"a.csv", "a,b\n", {{NULL, 0, 0}}, NULL},
        {"a.csv", "a,b\n1,2\n", {{"{\"a\": \"1\", \"b\": \"2\"}", 2, 4}}, NULL},
        {"a.csv", "a,b\r\n1,\r\n", {{"{\"a\": \"1\", \"b\": \"\"}", 2, 5}}, NULL},
        {"a.csv",
         "\xef\xbb\xbf"
         "a\n1",
         {{"{\"a\": \"1\"}", 2, 5}},
         NULL},
        {"a.csv",
         "a,\"b c\"\n\n\"x, \"\"y\"\"\nz\",\"\"\nw,5\" pipe\n",
         {{"{\"a\": \"x, \\\"y\\\"\\nz\", \"b c\": \"\"}", 3, 9},
          {"{\"a\": \"w\", \"b c\": \"5\\\" pipe\"}", 5, 25}},
         NULL},
        {"a.tsv", "a\tb\n1,5\t \"x\"\n", {{"{\"a\": \"1,5\", \"b\": \" \\\"x\\\"\"}", 2, 4}}, NULL},
        {"a.csv",
         "text\n007\nnull\n",
         {{"{\"text\": \"007\"}", 2, 5}, {"{\"text\": \"null\"}", 3, 9}},
         NULL},
    };
    check_all(expectations, COUNT(expectations));
}

static void test_csv_broken(void **state)
{
    (void)state;
    static const expectation expectations[] = {
        {"a.csv", "a,b\n1\n", {{NULL, 0, 0}}, "a.csv:2: found 1 field, the header has 2"},
        {"a.csv",
         "a,b\n1,2\n\"x\ny\",2,3\n",
         {{"{\"a\": \"1\", \"b\": \"2\"}", 2, 4}},
         "a.csv:3: found 3 fields, the header has 2"},
        {"a.csv",
         "a\n\"1\n2\n",
         {{NULL, 0, 0}},
         "a.csv:2: found the end of the file within the quotes that are opened here"},
        {"a.csv", "a\n\"1\n\"2\n", {{NULL, 0, 0}}, "a.csv:3: found text behind a closing quote"},
        {"a.csv", "a\n\"1\" \n", {{NULL, 0, 0}}, "a.csv:2: found text behind a closing quote"},
        {"a.csv", "a\n1\r2\n", {{NULL, 0, 0}}, "a.csv:2: found a carriage return within a field"},
        {"a.csv", "a\n\xe9\n", {{NULL, 0, 0}}, "a.csv:2: found bytes that are not UTF-8"},
        {"a.csv", "\xe9\n", {{NULL, 0, 0}}, "a.csv:1: found bytes that are not UTF-8"},
        {"a.csv", "a,b,a\n", {{NULL, 0, 0}}, "a.csv:1: columns 1 and 3 have one name"},
        {"a.csv", "a,,b\n", {{NULL, 0, 0}}, "a.csv:1: column 2 has no name"},
        {"a.csv", "a;b\n1;2\n", {{NULL, 0, 0}}, "a.csv:1: the header is one column and holds ';'"},
        {"a.csv", "a\tb\n", {{NULL, 0, 0}}, "one column and holds a tab; expected ',' (.csv)"},
        {"a.tsv", "a,b\n", {{NULL, 0, 0}}, "one column and holds ','; expected tabs (.tsv)"},
    };
    check_all(expectations, COUNT(expectations));
}

static void test_wrapped(void **state)
{
    (void)state;
    static const expectation expectations[] = {
        {"a.json", "{\"data\": [{\"a\":1}, {}]}", {{"{\"a\":1}", 1, 10}, {"{}", 1, 19}}, NULL},
        {"a.jsonl", "{\"data\": [{\"a\":1}]}\n", {{"{\"a\":1}", 1, 10}}, NULL},
        {"a.jsonl",
         "{\"version\": \"1\", \"rows\": [\n{\"a\":1},\n{}]\n, \"x\": [1]}\n",
         {{"{\"a\":1}", 2, 27}, {"{}", 3, 36}},
         NULL},
        {"a.jsonl", "{\"data\": [{\"a\":1},\n{}]}\n", {{"{\"a\":1}", 1, 10}, {"{}", 2, 19}}, NULL},
        /* Records of their own. */
        {"a.jsonl",
         "{\"data\": [{}]}\n{\"data\": [{}]}\n",
         {{"{\"data\": [{}]}", 1, 0}, {"{\"data\": [{}]}", 2, 15}},
         NULL},
        {"a.json",
         "{\"data\": [\"a\", \"b\"], \"x\": 1}",
         {{"{\"data\": [\"a\", \"b\"], \"x\": 1}", 1, 0}},
         NULL},
        {"a.json",
         "{\"messages\": [{}], \"other\": [{}]}",
         {{"{\"messages\": [{}], \"other\": [{}]}", 1, 0}},
         NULL},
        {"a.jsonl", "{\n \"a\": 1\n}\n{\n}\n", {{"{\n \"a\": 1\n}", 1, 0}, {"{\n}", 4, 12}}, NULL},
        {"a.jsonl", "{\"a\":\n1}\n", {{"{\"a\":\n1}", 1, 0}}, NULL},
        /* A line that is cut off is one bad record. */
        {"a.jsonl",
         "{\"a\": \"x\n{\"b\": 1}\n",
         {{"{\"a\": \"x", 1, 0}, {"{\"b\": 1}", 2, 9}},
         NULL},
        {"a.jsonl", "{\"a\": 1,\n{\"b\": 1}\n", {{"{\"a\": 1,", 1, 0}, {"{\"b\": 1}", 2, 9}}, NULL},
        {"a.json", "{\"data\": [{}]", {{"{}", 1, 10}}, "byte 13: expected '}' after the members"},
        {"a.json",
         "{\"data\": [{}]} {}",
         {{"{}", 1, 10}},
         "byte 15: expected nothing after the array, found '{'"},
        {"a.json",
         "{\"train\": [{}], \"n\": 1, \"test\": [{}]}",
         {{"{}", 1, 11}},
         "expected one list of records in the object; make a file of each"},
    };
    check_all(expectations, COUNT(expectations));
}

static void test_columns(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"prompt\": [\"a\", \"b\"], \"completion\": [\"c\", \"d\"]}\n",
        "{\"messages\": [[{\"role\": \"user\"}], []]}",
        "{\n\"prompt\": {\"0\": \"a\"},\n\"completion\": {\"0\": \"c\"}}",
        "{\"columns\": [\"text\"], \"index\": [0, 1], \"data\": [[\"a\"], [\"b\"]]}",
    };
    static const char *const names[] = {"a.json", "a.jsonl"};
    for (size_t i = 0; i < COUNT(texts) * COUNT(names); i++)
    {
        const expectation expected = {names[i % 2],
                                      texts[i / 2],
                                      {{NULL, 0, 0}},
                                      "one object of columns, as pandas writes it"};
        check_all(&expected, 1);
    }
}

static void test_note(void **state)
{
    (void)state;
    static const char text[] = "{\"version\": 1, \"data\": [{}], \"licence\": {\"a\": 1}}";
    const char *path = scratch_path("noted.json");
    lb_record_reader *reader = NULL;
    lb_record record;
    bool has_record = true;
    assert_int_equal(lb_file_write(path, text, strlen(text), true, NULL), LOBASS_OK);
    assert_int_equal(lb_record_reader_open(&reader, path, NULL), LOBASS_OK);
    assert_null(lb_record_reader_note(reader));
    while (has_record)
    {
        assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
    }
    assert_string_equal(lb_record_reader_note(reader),
                        "passed over beside the list of records: \"version\", \"licence\"");
    lb_record_reader_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),     cmocka_unit_test(test_csv_broken),
        cmocka_unit_test(test_wrapped), cmocka_unit_test(test_columns),
        cmocka_unit_test(test_note),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Plain text comes in pieces of at most 64 KiB that end with a paragraph, a line, a word or at
 * least a character; they add up to the file but for white space between them, and say where they
 * stand and whether there is more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/format.h"
#include "unit/base/scratch.h"

#define MOST ((size_t)64 * 1024)
#define HALF (MOST / 2)
#define MOST_PARTS 6
#define MOST_PIECES 4

/* A text, written down as TEXT repeated, part after part; and the pieces it is cut in. */
typedef struct example
{
    const char *what;
    struct
    {
        const char *text;
        size_t count;
    } parts[MOST_PARTS];
    struct
    {
        size_t offset, size, line;
        bool is_continued;
    } pieces[MOST_PIECES]; /* ends with size 0 */
} example;

static const example examples[] = {
    {"empty", {{"", 0}}, {{0, 0, 0, false}}},
    {"blank", {{" \n\t\r\n", 1}}, {{0, 0, 0, false}}},
    {"short", {{"\n one\ntwo ", 1}}, {{0, 10, 1, false}}},
    {"behind a byte-order mark", {{"\xEF\xBB\xBF", 1}, {"ab", 1}}, {{3, 2, 1, false}}},
    {"no longer than a piece", {{"a", MOST}}, {{0, MOST, 1, false}}},
    {"longer by a byte", {{"a", MOST + 1}}, {{0, MOST, 1, true}, {MOST, 1, 1, false}}},
    {"the last paragraph, though lines and words end later",
     {{"a\n\n", 11000}, {"b", 1000}, {"\n", 1}, {"c d", 20000}},
     {{0, 33000, 1, true}, {33000, 61001, 22001, false}}},
    {"a paragraph in the first half is too early: the last line",
     {{"\n\n", 500}, {"a", 40000}, {"\n", 1}, {"b c", 20000}},
     {{0, 41001, 1, true}, {41001, 60000, 1002, false}}},
    {"no line: the last word",
     {{"a", HALF}, {" ", 1}, {"b", HALF - 2}, {" ", 1}, {"c", 9}},
     {{0, MOST, 1, true}, {MOST, 9, 1, false}}},
    {"a word's end one byte too late",
     {{"a", HALF}, {" ", 1}, {"b", HALF - 1}, {" ", 1}, {"c", 9}},
     {{0, HALF + 1, 1, true}, {HALF + 1, HALF + 9, 1, false}}},
    {"a character of two bytes",
     {{"a", MOST - 1}, {"\xC3\xA9", 2}},
     {{0, MOST - 1, 1, true}, {MOST - 1, 4, 1, false}}},
    {"of three",
     {{"a", MOST - 2}, {"\xE2\x82\xAC", 2}},
     {{0, MOST - 2, 1, true}, {MOST - 2, 6, 1, false}}},
    {"of four",
     {{"a", MOST - 3}, {"\xF0\x9F\x98\x80", 2}},
     {{0, MOST - 3, 1, true}, {MOST - 3, 8, 1, false}}},
    {"of four that fit",
     {{"a", MOST - 4}, {"\xF0\x9F\x98\x80", 2}},
     {{0, MOST, 1, true}, {MOST, 4, 1, false}}},
    {"no characters at all",
     {{"\x80", MOST + 5}},
     {{0, MOST - 4, 1, true}, {MOST - 4, 9, 1, false}}},
    {"blank pieces before the text",
     {{"\n", 2 * MOST}, {"a", 1}},
     {{2 * MOST, 1, 2 * MOST + 1, false}}},
    {"white space at the end is no continuation",
     {{"a", MOST}, {"\n", 8 * MOST}},
     {{0, MOST, 1, false}}},
    {"white space within is",
     {{"a", MOST}, {" ", 8 * MOST}, {"\nb", 1}},
     {{0, MOST, 1, true}, {9 * MOST, 2, 1, false}}},
};

static void text_make(lb_buffer *text, const example *e)
{
    for (size_t i = 0; i < MOST_PARTS && e->parts[i].text != NULL; i++)
    {
        for (size_t n = 0; n < e->parts[i].count; n++)
        {
            assert_int_equal(lb_buffer_append_text(text, e->parts[i].text, NULL), LOBASS_OK);
        }
    }
}

static void check_example(const example *e, const char *path)
{
    lb_buffer text = {0};
    lb_record_reader *reader = NULL;
    lb_record record;
    bool has_record = false;
    text_make(&text, e);
    assert_int_equal(lb_file_write(path, text.data, text.size, true, NULL), LOBASS_OK);
    assert_int_equal(lb_record_reader_open(&reader, path, NULL), LOBASS_OK);
    for (size_t i = 0; i < MOST_PIECES && e->pieces[i].size > 0; i++)
    {
        assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
        assert_true(has_record);
        print_message("%s: %zu bytes at %llu, line %llu%s\n", e->what, record.size,
                      (unsigned long long)record.offset, (unsigned long long)record.line,
                      record.is_continued ? ", continued" : "");
        assert_int_equal(record.index, i);
        assert_int_equal(record.offset, e->pieces[i].offset);
        assert_int_equal(record.size, e->pieces[i].size);
        assert_int_equal(record.line, e->pieces[i].line);
        assert_int_equal(record.is_continued, e->pieces[i].is_continued);
        assert_true(record.is_text);
        assert_memory_equal(record.data, text.data + record.offset, record.size);
    }
    for (int i = 0; i < 2; i++) /* and so it stays */
    {
        assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
        assert_false(has_record);
    }
    lb_record_reader_close(reader);
    lb_buffer_free(&text);
}

static void test_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
    {
        check_example(&examples[i], scratch_path("a.txt"));
    }
}

static void test_names(void **state)
{
    (void)state;
    static const struct
    {
        const char *name;
        bool is_text;
    } names[] = {{"a.txt", true},       {"b/.txt", true},      {"a.txt.gz", true},
                 {"a.txt.zst", true},   {"a.json.txt", true},  {"txt", false},
                 {"a.text", false},     {"a.txt.json", false}, {"a.txt.bz2", false},
                 {"a.gz.txt.x", false}, {"a.TXT", false},      {"-", false}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    {
        print_message("%s\n", names[i].name);
        assert_int_equal(lb_path_is_text(names[i].name), names[i].is_text);
    }
    /* The name decides, whatever the text looks like, and not the compression. */
    check_example(&(example){"json", {{"[{}]", 1}}, {{0, 4, 1, false}}}, scratch_path("a.txt.gz"));
    check_example(&(example){"json", {{"{}\n{}", 1}}, {{0, 5, 1, false}}},
                  scratch_path("a.txt.zst"));
}

static void test_utf16(void **state)
{
    (void)state;
    lobass_error error = {0};
    lb_record_reader *reader = NULL;
    lb_record record;
    bool has_record = false;
    const char *path = scratch_path("wide.txt");
    assert_int_equal(lb_file_write(path,
                                   "\xFF\xFE"
                                   "a",
                                   4, true, NULL),
                     LOBASS_OK);
    assert_int_equal(lb_record_reader_open(&reader, path, NULL), LOBASS_OK);
    assert_int_equal(lb_record_reader_next(reader, &record, &has_record, &error),
                     LOBASS_UNSUPPORTED);
    assert_non_null(strstr(error.message, "wide.txt: byte 0: found the byte-order mark of UTF-16"));
    lb_record_reader_close(reader);
}

/* Words, lines and paragraphs as they come: the pieces are the file, and every line is counted. */
static void test_adds_up(void **state)
{
    (void)state;
    static const char *const words[] = {"a", "word", " ", " ", "\n", "\n\n", "\xE2\x82\xAC", "\t"};
    lb_buffer text = {0};
    lb_buffer found = {0};
    lb_random random;
    lb_record_reader *reader = NULL;
    lb_record record;
    bool has_record = true;
    uint64_t line = 1;
    const char *path = scratch_path("long.txt");
    lb_random_init(&random, 5);
    while (text.size < 20 * MOST)
    {
        (void)lb_buffer_append_text(&text, words[lb_random_below(&random, 8)], NULL);
    }
    (void)lb_buffer_append_text(&text, "end", NULL);
    assert_int_equal(lb_file_write(path, text.data, text.size, true, NULL), LOBASS_OK);
    assert_int_equal(lb_record_reader_open(&reader, path, NULL), LOBASS_OK);
    while (has_record)
    {
        assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
        if (!has_record)
        {
            break;
        }
        assert_int_equal(record.offset, found.size);
        assert_int_equal(record.line, line);
        assert_in_range(record.size, record.is_continued ? HALF : 1, MOST);
        assert_true(!record.is_continued || memcmp(record.data + record.size - 2, "\n\n", 2) == 0);
        assert_int_equal(record.is_continued, record.offset + record.size < text.size);
        for (size_t i = 0; i < record.size; i++)
        {
            line += record.data[i] == '\n' ? 1 : 0;
        }
        (void)lb_buffer_append(&found, record.data, record.size, NULL);
    }
    assert_int_equal(found.size, text.size);
    assert_memory_equal(found.data, text.data, text.size);
    lb_record_reader_close(reader);
    lb_buffer_free(&found);
    lb_buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_utf16),
        cmocka_unit_test(test_adds_up),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

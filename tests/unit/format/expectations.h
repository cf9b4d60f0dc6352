/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of files, the records that must be cut out of them, and how reading must end.
 */
#ifndef LB_TEST_EXPECTATIONS_H
#define LB_TEST_EXPECTATIONS_H

#include "format/format.h"
#include "unit/base/scratch.h"

#define MOST_RECORDS 8

typedef struct expectation
{
    const char *name, *text;
    struct
    {
        const char *text;
        uint64_t line, offset;
    } records[MOST_RECORDS]; /* ends with text NULL */
    const char *failure;     /* what the message must hold after the records, or NULL: the end */
} expectation;

static inline void check_reader(const expectation *expected, lb_record_reader *reader)
{
    lobass_error error = {0};
    lb_record record;
    bool has_record = true;
    for (size_t i = 0; expected->records[i].text != NULL; i++)
    {
        if (lb_record_reader_next(reader, &record, &has_record, &error) != LOBASS_OK || !has_record)
        {
            fail_msg("%s: \"%s\": no record %zu: %s", expected->name, expected->text, i,
                     error.message);
        }
        assert_int_equal(record.size, strlen(expected->records[i].text));
        assert_memory_equal(record.data, expected->records[i].text, record.size);
        assert_int_equal(record.index, i);
        assert_int_equal(record.line, expected->records[i].line);
        assert_int_equal(record.offset, expected->records[i].offset);
    }
    const lobass_status status = lb_record_reader_next(reader, &record, &has_record, &error);
    assert_false(has_record);
    if (expected->failure == NULL)
    {
        if (status != LOBASS_OK)
        {
            fail_msg("\"%s\": %s", expected->text, error.message);
        }
        assert_int_equal(lb_record_reader_next(reader, &record, &has_record, &error), LOBASS_OK);
        assert_false(has_record);
        return;
    }
    assert_true(status == LOBASS_BAD_FORMAT || status == LOBASS_UNSUPPORTED);
    if (strstr(error.message, expected->failure) == NULL ||
        strncmp(error.message, scratch_folder, strlen(scratch_folder)) != 0)
    {
        fail_msg("\"%s\": found \"%s\", expected \"%s\"", expected->text, error.message,
                 expected->failure);
    }
}

static inline void check_all(const expectation *expectations, size_t count)
{
    for (size_t i = 0; i < count; i++)
    {
        const char *path = scratch_path(expectations[i].name);
        const char *text = expectations[i].text;
        lb_record_reader *reader = NULL;
        assert_int_equal(lb_file_write(path, text, strlen(text), true, NULL), LOBASS_OK);
        assert_int_equal(lb_record_reader_open(&reader, path, NULL), LOBASS_OK);
        check_reader(&expectations[i], reader);
        lb_record_reader_close(reader);
    }
}

#endif

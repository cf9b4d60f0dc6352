/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reader of records, plain and compressed: the first byte chooses the name the bytes
 * after it are read under, x.json or x.jsonl. In a plain stream every record must be the bytes at
 * its offset, in order, and on the line that it says.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/format.h"

#define RECORD_LIMIT 100000U
#define LINES_COUNTED 2000U /* in inputs of fewer bytes: counting is quadratic */

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static bool is_compressed(const unsigned char *data, size_t size)
{
    return (size >= 2 && memcmp(data, "\x1F\x8B", 2) == 0) ||
           (size >= 4 && memcmp(data, "\x28\xB5\x2F\xFD", 4) == 0);
}

static uint64_t line_at(const unsigned char *data, size_t offset)
{
    uint64_t line = 1;
    for (size_t i = 0; i < offset; i++)
    {
        line += data[i] == '\n';
    }
    return line;
}

/* Whether RECORD is what stands at its place in DATA, which is not compressed. */
static bool is_in_place(const lb_record *record, const unsigned char *data, size_t size)
{
    return record->offset + record->size <= size &&
           memcmp(record->data, data + record->offset, record->size) == 0 &&
           (size >= LINES_COUNTED || record->line == line_at(data, record->offset));
}

static void read_all(const char *path, const unsigned char *data, size_t size)
{
    lobass_error error = {0};
    lb_record_reader *reader = NULL;
    if (lb_record_reader_open(&reader, path, &error) != LOBASS_OK)
    {
        abort();
    }
    const bool is_plain = !is_compressed(data, size);
    uint64_t end = 0;
    bool has_record = true;
    for (uint64_t index = 0; has_record && index < RECORD_LIMIT; index++)
    {
        lb_record record;
        bool is_right = true;
        if (lb_record_reader_next(reader, &record, &has_record, &error) != LOBASS_OK)
        {
            is_right = !has_record && strncmp(error.message, path, strlen(path)) == 0;
        }
        else if (has_record)
        {
            is_right = record.index == index && record.size > 0 && record.offset >= end &&
                       (!is_plain || is_in_place(&record, data, size));
        }
        if (!is_right)
        {
            abort();
        }
        end = record.offset + record.size;
    }
    lb_record_reader_close(reader);
}

static char folder[] = "/tmp/lobass-fuzz-XXXXXX";

static void remove_folder(void)
{
    (void)lb_folder_remove(folder, NULL);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static bool is_made;
    if (size == 0)
    {
        return 0;
    }
    if (!is_made && (mkdtemp(folder) == NULL || atexit(remove_folder) != 0))
    {
        abort();
    }
    is_made = true;
    char *path = lb_path_join(folder, (data[0] & 1U) != 0 ? "x.json" : "x.jsonl", NULL);
    FILE *file = path == NULL ? NULL : fopen(path, "wb");
    if (file == NULL || fwrite(data + 1, 1, size - 1, file) != size - 1 || fclose(file) != 0)
    {
        abort();
    }
    read_all(path, data + 1, size - 1);
    (void)unlink(path);
    free(path);
    return 0;
}

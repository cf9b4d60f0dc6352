/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reader of records, plain and compressed: the first byte chooses the name the bytes
 * after it are read under, x.jsonl, x.json or x.txt, the last also with the bytes repeated to more
 * than a piece. In a plain stream every record must be the bytes at its offset, in order, and on
 * the line that it says; pieces of text leave out nothing but white space, and only the last is not
 * continued.
 */
#include "fuzz.h"

#include "format/format.h"

#define RECORD_LIMIT 100000U
#define PIECE_LIMIT 65536U
#define REPEATED_BYTES 200000U

static bool is_compressed(const unsigned char *data, size_t size)
{
    return (size >= 2 && memcmp(data, "\x1F\x8B", 2) == 0) ||
           (size >= 4 && memcmp(data, "\x28\xB5\x2F\xFD", 4) == 0);
}

/* What is known of the stream while its records go by. */
typedef struct reading
{
    const char *path;
    const unsigned char *data; /* NULL: compressed, what should come is not known */
    size_t size;
    uint64_t index, end; /* of the next record, of the one before */
    uint64_t line;       /* at end */
    bool is_text, is_continued;
} reading;

static bool is_blank(const unsigned char *data, size_t size)
{
    static const char spaces[] = {' ', '\t', '\r', '\n'};
    bool is_all = true;
    for (size_t i = 0; i < size; i++)
    {
        is_all = is_all && memchr(spaces, data[i], sizeof spaces) != NULL;
    }
    return is_all;
}

static void lines_count(reading *r, uint64_t to)
{
    for (; r->end < to; r->end++)
    {
        r->line += r->data[r->end] == '\n';
    }
}

/* Where what was not read yet begins: behind a byte-order mark. */
static size_t rest_begin(const reading *r)
{
    const bool has_mark = r->end == 0 && r->size >= 3 && memcmp(r->data, "\xEF\xBB\xBF", 3) == 0;
    return has_mark ? 3 : (size_t)r->end;
}

/* Whether RECORD is what stands at its place in the data, which are not compressed. */
static bool is_in_place(reading *r, const lb_record *record)
{
    const size_t begin = rest_begin(r);
    if (record->offset < begin || record->offset + record->size > r->size ||
        memcmp(record->data, r->data + record->offset, record->size) != 0 ||
        (r->is_text && !is_blank(r->data + begin, (size_t)record->offset - begin)))
    {
        return false;
    }
    lines_count(r, record->offset);
    const bool is_right = record->line == r->line;
    lines_count(r, record->offset + record->size);
    return is_right;
}

static bool is_record_right(reading *r, const lb_record *record)
{
    const bool is_right = record->index == r->index && record->size > 0 &&
                          record->offset >= r->end && record->is_text == r->is_text &&
                          (r->is_text ? record->size <= PIECE_LIMIT : !record->is_continued) &&
                          (r->index == 0 || !r->is_text || r->is_continued) &&
                          (r->data == NULL || is_in_place(r, record));
    r->index++;
    r->end = record->offset + record->size;
    r->is_continued = record->is_continued;
    return is_right;
}

/* No record is left: a text must not have promised one, nor left anything out. */
static bool is_end_right(const reading *r)
{
    const size_t begin = r->data == NULL ? 0 : rest_begin(r);
    return !r->is_continued &&
           (r->data == NULL || !r->is_text || is_blank(r->data + begin, r->size - begin));
}

static void read_all(reading *r)
{
    lobass_error error = {0};
    lb_record_reader *reader = NULL;
    if (lb_record_reader_open(&reader, r->path, &error) != LOBASS_OK)
    {
        abort();
    }
    bool has_record = true;
    while (has_record && r->index < RECORD_LIMIT)
    {
        lb_record record;
        const lobass_status status = lb_record_reader_next(reader, &record, &has_record, &error);
        const bool is_right = status != LOBASS_OK
                                  ? !has_record && strstr(error.message, r->path) == error.message
                              : has_record ? is_record_right(r, &record)
                                           : is_end_right(r);
        fuzz_n_accepted += status == LOBASS_OK && has_record;
        if (!is_right)
        {
            abort();
        }
    }
    lb_record_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (size == 0)
    {
        return 0;
    }
    static const char *const names[] = {"x.jsonl", "x.json", "x.txt", "x.txt"};
    const unsigned choice = data[0] & 3U;
    const unsigned char *bytes = data + 1;
    const size_t n_bytes = size - 1;
    lb_buffer text = {0};
    do
    {
        if (lb_buffer_append(&text, bytes, n_bytes, NULL) != LOBASS_OK)
        {
            abort();
        }
    } while (choice == 3 && n_bytes > 0 && text.size < REPEATED_BYTES);
    char *path = fuzz_file(fuzz_folder(), names[choice], text.data, text.size);
    reading r = {.path = path, .size = text.size, .line = 1, .is_text = choice >= 2};
    r.data = is_compressed(bytes, n_bytes) ? NULL : (const unsigned char *)text.data;
    read_all(&r);
    (void)unlink(path);
    lb_buffer_free(&text);
    free(path);
    return 0;
}

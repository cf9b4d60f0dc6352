/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reader of tables as text: the first byte chooses the name, x.csv or x.tsv. Every
 * record must be an object of strings with as many members as the first, with one name each, on a
 * line of its own behind the one before; what fails names file and line.
 */
#include "fuzz.h"

#include "format/format.h"

#define RECORD_LIMIT 100000U

static bool is_record_right(const lb_record *record, size_t *n_members, lb_arena *arena)
{
    const lb_value *value = NULL;
    lb_arena_reset(arena);
    if (lb_value_parse(&value, record->data, record->size, "x", arena, NULL) != LOBASS_OK ||
        !lb_value_is(value, LB_VALUE_OBJECT) || (*n_members > 0 && value->count != *n_members))
    {
        return false;
    }
    *n_members = value->count;
    for (const lb_value *member = value->first; member != NULL; member = member->next)
    {
        if (!lb_value_is(member, LB_VALUE_STRING))
        {
            return false;
        }
    }
    return value->count > 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (size == 0)
    {
        return 0;
    }
    lobass_error error = {0};
    lb_record_reader *reader = NULL;
    lb_arena arena = {0};
    uint64_t line = 1;
    uint64_t n_records = 0;
    size_t n_members = 0;
    bool has_record = true;
    char *path = fuzz_file(fuzz_folder(), data[0] % 2 == 0 ? "x.csv" : "x.tsv", data + 1, size - 1);
    if (lb_record_reader_open(&reader, path, &error) != LOBASS_OK)
    {
        abort();
    }
    while (has_record && n_records < RECORD_LIMIT)
    {
        lb_record record;
        const lobass_status status = lb_record_reader_next(reader, &record, &has_record, &error);
        if (status != LOBASS_OK
                ? strstr(error.message, path) != error.message
                : has_record && (record.index != n_records++ || record.line <= line ||
                                 !is_record_right(&record, &n_members, &arena)))
        {
            abort();
        }
        has_record = has_record && status == LOBASS_OK;
        line = has_record ? record.line : line;
        fuzz_n_accepted += has_record;
    }
    lb_record_reader_close(reader);
    lb_arena_free(&arena);
    (void)unlink(path);
    free(path);
    return 0;
}

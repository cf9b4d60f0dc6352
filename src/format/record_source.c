/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sources of records share: see record_source.h; and the names of data files.
 */
#include "format/record_source.h"

#include <string.h>

/* ---- what the sources share -------------------------------------------------------------------
 */

void lb_record_deliver(lb_record_reader *reader, lb_record *record, size_t size, size_t consumed)
{
    *record = (lb_record){
        .data = lb_window_data(&reader->window),
        .size = size,
        .index = reader->n_records,
        .line = reader->window.line,
        .offset = reader->window.offset,
    };
    reader->n_records++;
    lb_window_consume(&reader->window, consumed);
}

void lb_record_deliver_made(lb_record_reader *reader, lb_record *record, size_t consumed)
{
    lb_record_deliver(reader, record, reader->made.size, consumed);
    record->data = reader->made.data;
}

/* ---- names ------------------------------------------------------------------------------------
 */

/* Whether NAME ends in ENDING before *SIZE, which is then shortened by it. */
static bool strip_ending(const char *name, size_t *size, const char *ending)
{
    const size_t ending_size = strlen(ending);
    if (*size < ending_size || strncmp(name + *size - ending_size, ending, ending_size) != 0)
    {
        return false;
    }
    *size -= ending_size;
    return true;
}

bool lb_path_has_ending(const char *path, const char *ending)
{
    size_t size = strlen(path);
    if (!strip_ending(path, &size, ".gz"))
    {
        (void)strip_ending(path, &size, ".zst");
    }
    return strip_ending(path, &size, ending);
}

bool lb_path_is_text(const char *path)
{
    return lb_path_has_ending(path, ".txt");
}

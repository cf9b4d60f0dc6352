/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns writing the page: head, one block of JSON, tail, as one file that appears whole. The block
 * stands in a script element, which nothing ends but "</script": "<" only occurs inside JSON's
 * strings and is written \u003c there, as are U+2028 and U+2029, which older scripts take for line
 * ends.
 */
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

/* The first bytes of every page, by which one is known again. */
#define FIRST_BYTES "<!doctype html>\n<html lang=\"en\" data-lobass=\"report\">"
#define FLUSH_BYTES ((size_t)256 * 1024)

/* ---- bytes to the file ------------------------------------------------------------------------
 */

static lobass_status write(lb_page *page, const void *data, size_t size_bytes)
{
    page->size_bytes += size_bytes;
    return lb_output_write(page->output, data, size_bytes, page->error);
}

/* What stands for the bytes at TEXT that may not stand there themselves, and how many they are;
 * NULL: they may. */
static const char *escape_of(const char *text, size_t size_bytes, size_t *n_bytes)
{
    *n_bytes = 1;
    if (text[0] == '<')
    {
        return "\\u003c";
    }
    if (size_bytes >= 3 && memcmp(text, "\xe2\x80", 2) == 0 &&
        (text[2] == '\xa8' || text[2] == '\xa9'))
    {
        *n_bytes = 3;
        return text[2] == '\xa8' ? "\\u2028" : "\\u2029";
    }
    return NULL;
}

static lobass_status write_escaped(lb_page *page, const char *text, size_t size_bytes)
{
    size_t plain = 0;
    for (size_t at = 0; at < size_bytes;)
    {
        size_t n_bytes = 0;
        const char *escape = escape_of(text + at, size_bytes - at, &n_bytes);
        if (escape != NULL)
        {
            LB_TRY(write(page, text + plain, at - plain));
            LB_TRY(write(page, escape, strlen(escape)));
            plain = at + n_bytes;
        }
        at += n_bytes;
    }
    return write(page, text + plain, size_bytes - plain);
}

static lobass_status send(lb_page *page)
{
    LB_TRY(page->json.status);
    const lobass_status status = write_escaped(page, page->text.data, page->text.size);
    lb_buffer_clear(&page->text);
    return status;
}

lobass_status lb_page_flush(lb_page *page)
{
    LB_TRY(page->json.status);
    return page->text.size < FLUSH_BYTES ? LOBASS_OK : send(page);
}

/* ---- columns ----------------------------------------------------------------------------------
 */

static lobass_status append_base64(lb_buffer *buffer, const unsigned char *data, size_t size_bytes,
                                   lobass_error *error)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    LB_TRY(lb_buffer_reserve(buffer, size_bytes / 3 * 4 + 8, error));
    for (size_t i = 0; i < size_bytes; i += 3)
    {
        const size_t n = size_bytes - i < 3 ? size_bytes - i : 3;
        uint32_t bits = 0;
        for (size_t b = 0; b < 3; b++)
        {
            bits = bits << 8 | (b < n ? data[i + b] : 0U);
        }
        char four[4] = {'=', '=', '=', '='};
        for (unsigned d = 0; d <= n; d++)
        {
            four[d] = digits[bits >> (18 - 6 * d) & 63U];
        }
        LB_TRY(lb_buffer_append(buffer, four, sizeof four, error));
    }
    return LOBASS_OK;
}

lobass_status lb_page_put_column(lb_page *page, const char *key, const char *type,
                                 const void *values, size_t size_bytes)
{
    lb_json_writer *json = &page->json;
    lb_json_open(json, key, '{');
    lb_json_put_text(json, "type", type);
    lb_json_put_value(json, "data", "\"");
    LB_TRY(json->status);
    LB_TRY(append_base64(&page->text, values, size_bytes, page->error));
    LB_TRY(lb_buffer_append_text(&page->text, "\"", page->error));
    lb_json_close(json);
    return lb_page_flush(page);
}

/* ---- the file ---------------------------------------------------------------------------------
 */

lobass_status lb_page_check(const char *path, bool overwrite, lobass_error *error)
{
    return lb_output_check(path, overwrite, FIRST_BYTES, "report of lobass", error);
}

lobass_status lb_page_open(lb_page *page, const char *path, bool overwrite, lobass_error *error)
{
    *page = (lb_page){.error = error};
    page->json = lb_json_writer_begin(&page->text, false, error);
    LB_TRY(lb_output_open(&page->output, path, overwrite, error));
    return write(page, lb_page_head, lb_page_head_size);
}

lobass_status lb_page_commit(lb_page *page)
{
    LB_TRY(send(page));
    LB_TRY(write(page, lb_page_tail, lb_page_tail_size));
    lb_output *output = page->output;
    page->output = NULL;
    return lb_output_commit(output, page->error);
}

void lb_page_discard(lb_page *page)
{
    if (page->output != NULL)
    {
        lb_output_discard(page->output);
        page->output = NULL;
    }
    lb_buffer_free(&page->text);
}

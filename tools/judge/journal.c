/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns OUTPUT/answers.jsonl: a line is written at once and synced before its answer counts, so that
 * a crash leaves whole lines and at most one that is not, at the end, which the next call cuts off.
 * Each line ends in a checksum of what is before it:
 *     {"about": {...}, "checksum": "..."}
 *     {"pair": 3, "order": "AB", "verdict": "C", "text": "...", "checksum": "..."}
 */
#include "judge.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE_MOST ((size_t)1 << 32)
#define CHECKSUM_FORMAT ", \"checksum\": \"%016" PRIx64 "\"}"
#define CHECKSUM_SIZE (sizeof ", \"checksum\": \"0123456789abcdef\"}" - 1)

static const char *const orders[2] = {"AB", "BA"};

/* LINE is an object without its closing brace. */
static lobass_status checksum_add(lb_buffer *line, lobass_error *error)
{
    const uint64_t checksum = lb_hash_bytes(line->data, line->size, 0).low;
    return lb_buffer_print(line, error, CHECKSUM_FORMAT "\n", checksum);
}

static bool checksum_holds(const char *line, size_t size)
{
    char expected[CHECKSUM_SIZE + 1];
    if (size < CHECKSUM_SIZE)
    {
        return false;
    }
    size -= CHECKSUM_SIZE;
    (void)snprintf(expected, sizeof expected, CHECKSUM_FORMAT, lb_hash_bytes(line, size, 0).low);
    return memcmp(line + size, expected, CHECKSUM_SIZE) == 0;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static lobass_status check_about(const json_t *line, const char *about, const char *where,
                                 lobass_error *error)
{
    char *recorded = json_dumps(json_object_get(line, "about"), JSON_COMPACT);
    if (recorded == NULL)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: expected an object \"about\"", where);
    }
    const lobass_status status = lb_options_compare(recorded, about, where, error);
    free(recorded);
    return status;
}

static lobass_status answer_read(lb_verdict *verdicts, size_t n_verdicts, const json_t *line,
                                 const char *where, lobass_error *error)
{
    int64_t pair = 0;
    const char *order = NULL;
    const char *name = NULL;
    LB_TRY(lb_json_integer(line, where, "pair", 0, (int64_t)(n_verdicts / 2) - 1, false, &pair,
                           error));
    LB_TRY(lb_json_text(line, where, "order", false, &order, error));
    LB_TRY(lb_json_text(line, where, "verdict", false, &name, error));
    for (size_t swapped = 0; swapped < 2; swapped++)
    {
        for (unsigned v = LB_VERDICT_NONE + 1; v < LB_VERDICT_COUNT; v++)
        {
            if (strcmp(order, orders[swapped]) == 0 && strcmp(name, lb_verdict_name(v)) == 0)
            {
                verdicts[2 * (size_t)pair + swapped] = (lb_verdict)v;
                return LOBASS_OK;
            }
        }
    }
    return lb_fail(error, LOBASS_BAD_FORMAT,
                   "%s: expected the order AB or BA, and the verdict A, B, C or unreadable", where);
}

static lobass_status line_read(lb_verdict *verdicts, size_t n_verdicts, const char *text,
                               size_t size, bool is_first, const char *about, const char *where,
                               lobass_error *error)
{
    json_t *line = NULL;
    LB_TRY(lb_json_parse(&line, text, size, where, error));
    const lobass_status status = is_first ? check_about(line, about, where, error)
                                          : answer_read(verdicts, n_verdicts, line, where, error);
    json_decref(line);
    return status;
}

lobass_status lb_journal_parse(lb_verdict *verdicts, size_t n_verdicts, size_t *n_kept,
                               const char *data, size_t size_bytes, const char *about,
                               const char *path, lobass_error *error)
{
    uint64_t n_lines = 0;
    *n_kept = 0;
    while (*n_kept < size_bytes)
    {
        const char *line = data + *n_kept;
        const char *end = memchr(line, '\n', size_bytes - *n_kept);
        const size_t size = end == NULL ? 0 : (size_t)(end - line);
        const bool is_last = end == NULL || *n_kept + size + 1 == size_bytes;
        if (end == NULL || (is_last && n_lines > 0 && !checksum_holds(line, size)))
        {
            return LOBASS_OK; /* was not written to its end */
        }
        char where[LOBASS_ERROR_SIZE / 2];
        (void)snprintf(where, sizeof where, "%s:%" PRIu64, path, n_lines + 1);
        if (!checksum_holds(line, size))
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "%s: expected a line of a judge's journal, found one with another "
                           "checksum or none",
                           where);
        }
        LB_TRY(line_read(verdicts, n_verdicts, line, size, n_lines == 0, about, where, error));
        n_lines++;
        *n_kept += size + 1;
    }
    return LOBASS_OK;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static lobass_status begin(const char *path, const char *about, lobass_error *error)
{
    lb_buffer line = {0};
    lobass_status status = lb_buffer_print(&line, error, "{\"about\": %s", about);
    status = status == LOBASS_OK ? checksum_add(&line, error) : status;
    status = status == LOBASS_OK ? lb_file_write(path, line.data, line.size, true, error) : status;
    lb_buffer_free(&line);
    return status;
}

static lobass_status read_kept(size_t *n_kept, size_t *size, lb_journal *journal, const char *about,
                               lb_verdict *verdicts, size_t n_verdicts, lobass_error *error)
{
    lb_buffer text = {0};
    lobass_status status = lb_file_read(&text, journal->path, SIZE_MOST, error);
    *size = text.size;
    status = status == LOBASS_OK ? lb_journal_parse(verdicts, n_verdicts, n_kept, text.data,
                                                    text.size, about, journal->path, error)
                                 : status;
    lb_buffer_free(&text);
    return status;
}

lobass_status lb_journal_open(lb_journal *journal, const char *path, const char *about,
                              bool overwrite, lb_verdict *verdicts, size_t n_verdicts,
                              lobass_error *error)
{
    size_t n_kept = 0;
    size_t size = 0;
    *journal = (lb_journal){.descriptor = -1, .path = path};
    if (!overwrite && lb_path_look(path) != LB_PATH_MISSING)
    {
        LB_TRY(read_kept(&n_kept, &size, journal, about, verdicts, n_verdicts, error));
    }
    if (n_kept == 0)
    {
        LB_TRY(begin(path, about, error));
        size = 0;
    }
    journal->descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (journal->descriptor < 0)
    {
        return lb_fail_errno(error, path, "open");
    }
    if (n_kept < size &&
        (ftruncate(journal->descriptor, (off_t)n_kept) != 0 || fsync(journal->descriptor) != 0))
    {
        return lb_fail_errno(error, path, "cut the unfinished line off");
    }
    return LOBASS_OK;
}

static lobass_status write_all(const lb_journal *journal, const lb_buffer *line,
                               lobass_error *error)
{
    size_t n_written = 0;
    while (n_written < line->size)
    {
        const ssize_t n =
            write(journal->descriptor, line->data + n_written, line->size - n_written);
        if (n < 0 && errno != EINTR)
        {
            return lb_fail_errno(error, journal->path, "write");
        }
        n_written += n > 0 ? (size_t)n : 0;
    }
    return fdatasync(journal->descriptor) == 0 ? LOBASS_OK
                                               : lb_fail_errno(error, journal->path, "sync");
}

lobass_status lb_journal_add(lb_journal *journal, size_t question, lb_verdict verdict,
                             const char *text, size_t size_bytes, lobass_error *error)
{
    lb_buffer line = {0};
    lobass_status status = LOBASS_OK;
    lb_json_writer json = lb_json_writer_begin(&line, false, error);
    lb_json_open(&json, NULL, '{');
    lb_json_put_count(&json, "pair", question / 2);
    lb_json_put_text(&json, "order", orders[question % 2]);
    lb_json_put_text(&json, "verdict", lb_verdict_name(verdict));
    lb_json_put_bytes(&json, "text", text, size_bytes);
    LB_TRY_GOTO(json.status);
    LB_TRY_GOTO(checksum_add(&line, error));
    LB_TRY_GOTO(write_all(journal, &line, error));
done:
    lb_buffer_free(&line);
    return status;
}

void lb_journal_close(lb_journal *journal)
{
    if (journal->descriptor >= 0)
    {
        (void)close(journal->descriptor);
    }
    journal->descriptor = -1;
}

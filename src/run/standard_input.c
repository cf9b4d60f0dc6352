/* SPDX-License-Identifier: Apache-2.0
 *
 * Standard input as a source: sources are read more than once, so it is copied into the run first.
 * The copy counts only when the input has ended by itself: an interrupt often ends the writer on
 * the other side of the pipe too, and what came until then would look like all there is. Waiting is
 * done with poll(), so that an input that says nothing can be interrupted.
 */
#include "run/run.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)1 << 16)
#define WAIT_MILLISECONDS 100
/* Between the end of a pipe and the interrupt that may have brought it about. */
#define GRACE_MILLISECONDS 50

typedef struct input
{
    lb_stage stage;
    unsigned char *bytes; /* [COPY_BYTES] */
    uint64_t n_bytes;     /* read so far */
} input;

static char *copy_path(const char *run, lobass_error *error)
{
    char *folder = lb_path_join(run, LB_RUN_SOURCES, error);
    char *path = folder == NULL ? NULL : lb_path_join(folder, "stdin.jsonl", error);
    free(folder);
    return path;
}

char *lb_source_file(const char *run, const char *path, lobass_error *error)
{
    return strcmp(path, "-") == 0 ? copy_path(run, error) : lb_copy_text(path, strlen(path), error);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static lobass_status check_interrupt(input *in, lobass_error *error)
{
    lobass_error unused;
    return lb_stage_advance(&in->stage, in->n_bytes, 0, NAN, &unused) == LOBASS_OK
               ? LOBASS_OK
               : lb_fail(error, LOBASS_CANCELLED,
                         "standard input: stopped before its end; nothing of it is kept");
}

static lobass_status wait(input *in, lobass_error *error)
{
    struct pollfd waiting = {.fd = STDIN_FILENO, .events = POLLIN};
    int n_ready = 0;
    while (n_ready == 0)
    {
        n_ready = poll(&waiting, 1, WAIT_MILLISECONDS);
        if (n_ready < 0 && errno != EINTR)
        {
            return lb_fail_errno(error, "standard input", "wait for");
        }
        n_ready = n_ready < 0 ? 0 : n_ready;
        LB_TRY(check_interrupt(in, error));
    }
    return LOBASS_OK;
}

/* The end of a pipe may be that of a writer who was interrupted as we were. */
static lobass_status check_end(input *in, lobass_error *error)
{
    struct stat about;
    lobass_error unused;
    if (fstat(STDIN_FILENO, &about) == 0 && !S_ISREG(about.st_mode))
    {
        (void)poll(NULL, 0, GRACE_MILLISECONDS);
    }
    return lb_stage_end(&in->stage, &unused) == LOBASS_OK ? LOBASS_OK : check_interrupt(in, error);
}

/* *N_READ 0: the end of the input, and not that of an interrupt. */
static lobass_status next(input *in, size_t *n_read, lobass_error *error)
{
    ssize_t count = -1;
    LB_TRY(wait(in, error));
    do
    {
        count = read(STDIN_FILENO, in->bytes, COPY_BYTES);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
    {
        return lb_fail_errno(error, "standard input", "read");
    }
    *n_read = (size_t)count;
    in->n_bytes += (uint64_t)count;
    return count > 0 ? LOBASS_OK : check_end(in, error);
}

/* ---- keeping ----------------------------------------------------------------------------------
 */

static lobass_status copy(input *in, const char *path, lobass_error *error)
{
    lb_output *output = NULL;
    lobass_status status = LOBASS_OK;
    size_t n_read = 1;
    LB_TRY(lb_output_open(&output, path, false, error));
    while (n_read > 0)
    {
        LB_TRY_GOTO(next(in, &n_read, error));
        LB_TRY_GOTO(lb_output_write(output, in->bytes, n_read, error));
    }
    return lb_output_commit(output, error);
done:
    lb_output_discard(output);
    return status;
}

static lobass_status compare(input *in, const char *path, lobass_error *error)
{
    lb_mapping kept;
    lobass_status status = LOBASS_OK;
    size_t n_same = 0;
    size_t n_read = 1;
    LB_TRY(lb_mapping_open(&kept, path, error));
    while (n_read > 0 && isatty(STDIN_FILENO) == 0)
    {
        LB_TRY_GOTO(next(in, &n_read, error));
        const bool is_end = n_read == 0 && n_same > 0 && n_same < kept.size;
        if (is_end || n_read > kept.size - n_same ||
            (n_read > 0 && memcmp(kept.data + n_same, in->bytes, n_read) != 0))
        {
            status = lb_fail(error, LOBASS_CONFLICT,
                             "standard input: differs near byte %zu from what %s keeps of the "
                             "run; give the same input again or none, overwrite the run "
                             "(-f), or use another folder",
                             n_same, path);
            goto done;
        }
        n_same += n_read;
    }
done:
    lb_mapping_close(&kept);
    return status;
}

lobass_status lb_standard_input_keep(const char *run, const lobass_observer *observer,
                                     lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    input in = {.bytes = lb_alloc(COPY_BYTES, 1, error)};
    char *folder = lb_path_join(run, LB_RUN_SOURCES, error);
    char *path = copy_path(run, error);
    if (in.bytes == NULL || folder == NULL || path == NULL)
    {
        goto done;
    }
    LB_TRY_GOTO(lb_folder_create(folder, error));
    lb_stage_begin(&in.stage, observer, "read standard input", "bytes", 0, 0);
    status =
        lb_path_look(path) != LB_PATH_MISSING ? compare(&in, path, error) : copy(&in, path, error);
done:
    free(in.bytes);
    free(folder);
    free(path);
    return status;
}

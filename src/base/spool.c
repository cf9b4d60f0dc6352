/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns bytes put aside: written one after the other into a file without a name, read back piece by
 * piece in any order. Whatever happens to the process, nothing of it stays.
 */
#include "base/file_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct lb_spool
{
    FILE *file;
    char *folder;
};

/* Where the file system knows no files without a name: one that loses it at once. */
static int open_named(const char *folder, lobass_error *error)
{
    char *path = lb_path_join(folder, ".spool.XXXXXX", error);
    const int descriptor = path == NULL ? -1 : mkostemp(path, O_CLOEXEC);
    if (descriptor >= 0)
    {
        (void)unlink(path);
    }
    free(path);
    return descriptor;
}

lobass_status lb_spool_open(lb_spool **spool, const char *beside, lobass_error *error)
{
    *spool = NULL;
    lb_spool *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->folder = lb_path_parent(beside, error);
    if (made->folder == NULL)
    {
        free(made);
        return LOBASS_OUT_OF_MEMORY;
    }
    int descriptor = open(made->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    descriptor = descriptor < 0 ? open_named(made->folder, error) : descriptor;
    made->file = descriptor < 0 ? NULL : fdopen(descriptor, "w+");
    if (made->file == NULL)
    {
        const lobass_status status = lb_fail_errno(error, made->folder, "put bytes aside");
        if (descriptor >= 0)
        {
            (void)close(descriptor);
        }
        lb_spool_close(made);
        return status;
    }
    *spool = made;
    return LOBASS_OK;
}

lobass_status lb_spool_write(lb_spool *spool, const void *data, size_t size_bytes,
                             lobass_error *error)
{
    return fwrite(data, 1, size_bytes, spool->file) == size_bytes
               ? LOBASS_OK
               : lb_fail_errno(error, spool->folder, "put bytes aside");
}

lobass_status lb_spool_read(lb_spool *spool, uint64_t start, void *data, size_t size_bytes,
                            lobass_error *error)
{
    char *target = data;
    size_t n_read = 0;
    if (fflush(spool->file) != 0)
    {
        return lb_fail_errno(error, spool->folder, "put bytes aside");
    }
    while (n_read < size_bytes)
    {
        const ssize_t count = pread(fileno(spool->file), target + n_read, size_bytes - n_read,
                                    (off_t)(start + n_read));
        if (count == 0)
        {
            return lb_fail(error, LOBASS_IO, "%s: fewer bytes than were put aside", spool->folder);
        }
        if (count < 0 && errno != EINTR)
        {
            return lb_fail_errno(error, spool->folder, "read bytes that were put aside");
        }
        n_read += count > 0 ? (size_t)count : 0;
    }
    return LOBASS_OK;
}

void lb_spool_close(lb_spool *spool)
{
    if (spool != NULL)
    {
        if (spool->file != NULL)
        {
            (void)fclose(spool->file);
        }
        free(spool->folder);
        free(spool);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the lock that keeps two processes from writing one run: an flock on a file that holds the
 * process id of its holder, for the message. The kernel drops the lock when the holder dies; the
 * file stays. Only who holds the lock alone may remove it: who had opened it before then finds that
 * the locked file has no name any more, and opens the name again.
 */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PID_TEXT_SIZE 32

static lobass_status fail_held(int descriptor, const char *path, lobass_error *error)
{
    char text[PID_TEXT_SIZE] = {0};
    const ssize_t size = pread(descriptor, text, sizeof text - 1, 0);
    const long pid = size > 0 ? strtol(text, NULL, 10) : 0;
    if (pid > 0)
    {
        return lb_fail(error, LOBASS_CONFLICT, "%s: run is in use by process %ld", path, pid);
    }
    return lb_fail(error, LOBASS_CONFLICT, "%s: run is in use by another process", path);
}

/* This process's id in the file; false, with errno, when that cannot be. */
static bool write_holder(int descriptor)
{
    char text[PID_TEXT_SIZE];
    const int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    int n_written = 0;
    if (ftruncate(descriptor, 0) != 0)
    {
        return false;
    }
    while (n_written < size)
    {
        const ssize_t count =
            pwrite(descriptor, text + n_written, (size_t)(size - n_written), n_written);
        if (count < 0 && errno != EINTR)
        {
            return false;
        }
        n_written += count > 0 ? (int)count : 0;
    }
    return true;
}

static lobass_status lock_descriptor(int descriptor, int operation, const char *path,
                                     lobass_error *error)
{
    int result = -1;
    do
    {
        result = flock(descriptor, operation | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno == EWOULDBLOCK)
    {
        return fail_held(descriptor, path, error);
    }
    if (result != 0)
    {
        return lb_fail_errno(error, path, "lock");
    }
    return write_holder(descriptor) ? LOBASS_OK : lb_fail_errno(error, path, "write");
}

/* *IS_GONE: the file was removed between its opening and its locking. */
static lobass_status try_acquire(lb_lock *lock, bool *is_gone, int operation, const char *path,
                                 lobass_error *error)
{
    struct stat about = {0};
    lock->descriptor = 0;
    *is_gone = false;
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor == 0)
    {
        /* Standard input is closed; 0 must go on meaning "not held", as in a zeroed struct. */
        descriptor = fcntl(0, F_DUPFD_CLOEXEC, 1);
        (void)close(0);
    }
    if (descriptor < 0)
    {
        return lb_fail_errno(error, path, "open");
    }
    const lobass_status status = lock_descriptor(descriptor, operation, path, error);
    *is_gone = status == LOBASS_OK && fstat(descriptor, &about) == 0 && about.st_nlink == 0;
    if (status != LOBASS_OK || *is_gone)
    {
        (void)close(descriptor);
        return status;
    }
    lock->descriptor = descriptor;
    return LOBASS_OK;
}

static lobass_status acquire(lb_lock *lock, int operation, const char *path, lobass_error *error)
{
    bool is_gone = true;
    while (is_gone)
    {
        LB_TRY(try_acquire(lock, &is_gone, operation, path, error));
    }
    return LOBASS_OK;
}

lobass_status lb_lock_acquire(lb_lock *lock, const char *path, lobass_error *error)
{
    return acquire(lock, LOCK_EX, path, error);
}

lobass_status lb_lock_acquire_shared(lb_lock *lock, const char *path, lobass_error *error)
{
    return acquire(lock, LOCK_SH, path, error);
}

void lb_lock_release(lb_lock *lock)
{
    if (lock == NULL || lock->descriptor <= 0)
    {
        return;
    }
    /* A holder's id in a file that nobody holds would only mislead. */
    (void)!ftruncate(lock->descriptor, 0);
    (void)close(lock->descriptor);
    lock->descriptor = 0;
}

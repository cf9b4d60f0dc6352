/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns writing files that appear whole or not at all. The bytes go to FOLDER/.NAME.PID.N.partial,
 * which is synced and renamed over NAME at commit; the folder is synced after it. Without overwrite
 * the rename itself refuses an existing file, so no race replaces one. The writer holds a lock on
 * its unfinished file; one that nobody holds was left by a process that was killed, and is removed
 * when the same file is written again.
 */
#include "base/file_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)1024 * 1024)
#define SUFFIX ".partial"
/* Of the name in the name of the unfinished file: leaves room for the rest within NAME_MAX. */
#define NAME_KEPT 200
#define MOST_TRIES 1000U

struct lb_output
{
    char *path;    /* as the caller gave it: for messages */
    char *target;  /* the file to appear; differs from path where that is a symbolic link */
    char *partial; /* the unfinished file; NULL before it exists */
    char *buffer;
    size_t n_buffered;
    int descriptor;
    bool overwrite, has_failed;
};

lobass_status lb_fail_exists(lobass_error *error, const char *path)
{
    return lb_fail(error, LOBASS_CONFLICT, "%s: exists already, expected nothing there", path);
}

lobass_status lb_parent_sync(const char *path, lobass_error *error)
{
    char *parent = lb_path_parent(path, error);
    if (parent == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lobass_status status = LOBASS_OK;
    const int descriptor = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some file systems cannot sync a folder and say so; they order renames themselves. */
    if (descriptor < 0 || (fsync(descriptor) != 0 && errno != EINVAL && errno != ENOTSUP))
    {
        status = lb_fail_errno(error, parent, "sync");
    }
    if (descriptor >= 0)
    {
        (void)close(descriptor);
    }
    free(parent);
    return status;
}

lobass_status lb_rename_new(const char *from, const char *to, lobass_error *error)
{
    int result = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    if (result != 0 && (errno == EINVAL || errno == ENOSYS))
    {
        /* A file system without the flag: a hard link refuses an existing name just as well, but
         * not for folders; there a rename replaces nothing but an empty folder. */
        result = linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
        if (result == 0)
        {
            (void)unlink(from);
        }
        else if (errno != EEXIST)
        {
            result = lb_path_look(to) == LB_PATH_MISSING ? rename(from, to) : -1;
        }
    }
    if (result == 0)
    {
        return LOBASS_OK;
    }
    if (errno == EEXIST || errno == ENOTEMPTY)
    {
        return lb_fail_exists(error, to);
    }
    return lb_fail_errno(error, to, "rename to it");
}

/* True when NAME is an unfinished file of the file called TARGET_NAME. */
static bool is_partial_of(const char *name, const char *target_name)
{
    const size_t kept = strnlen(target_name, NAME_KEPT);
    const size_t size = strlen(name);
    if (size <= kept + 2 + strlen(SUFFIX) || name[0] != '.' ||
        strncmp(name + 1, target_name, kept) != 0 ||
        strcmp(name + size - strlen(SUFFIX), SUFFIX) != 0)
    {
        return false;
    }
    /* Between them only ".PID.N": "a" must not claim the files of "a.b". */
    const char *middle = name + 1 + kept;
    const size_t middle_size = size - strlen(SUFFIX) - 1 - kept;
    return middle[0] == '.' && strspn(middle, ".0123456789") >= middle_size;
}

/* What cannot be looked at or removed is left: it is in nobody's way. */
static void remove_abandoned(const char *parent, const char *target_name)
{
    DIR *folder = opendir(parent);
    if (folder == NULL)
    {
        return;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
    {
        if (!is_partial_of(entry->d_name, target_name))
        {
            continue;
        }
        const int descriptor =
            openat(dirfd(folder), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (descriptor < 0)
        {
            continue;
        }
        if (flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        {
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
        }
        (void)close(descriptor);
    }
    (void)closedir(folder);
}

/* A file just made may be taken for an abandoned one until it is locked; then it is gone. */
static bool keeps_file(int descriptor)
{
    struct stat about;
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    {
        return false;
    }
    return fstat(descriptor, &about) == 0 && about.st_nlink > 0;
}

static lobass_status create_partial(lb_output *output, lobass_error *error)
{
    char *parent = lb_path_parent(output->target, error);
    if (parent == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lobass_status status = LOBASS_OK;
    const char *target_name = lb_path_name(output->target);
    remove_abandoned(parent, target_name);
    lb_buffer name = {0};
    for (unsigned attempt = 0; attempt < MOST_TRIES; attempt++)
    {
        lb_buffer_clear(&name);
        LB_TRY_GOTO(lb_buffer_print(&name, error, "%s/.%.*s.%ld.%u" SUFFIX, parent, NAME_KEPT,
                                    target_name, (long)getpid(), attempt));
        output->descriptor = open(name.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (output->descriptor < 0 && errno != EEXIST)
        {
            break;
        }
        if (output->descriptor >= 0 && keeps_file(output->descriptor))
        {
            output->partial = name.data;
            name = (lb_buffer){0};
            goto done;
        }
        if (output->descriptor >= 0)
        {
            (void)unlink(name.data); /* the name has this process's number */
            (void)close(output->descriptor);
            output->descriptor = -1;
        }
    }
    status = lb_fail_errno(error, output->path, "create");
done:
    lb_buffer_free(&name);
    free(parent);
    return status;
}

static void output_free(lb_output *output)
{
    if (output->descriptor >= 0)
    {
        (void)close(output->descriptor);
    }
    if (output->partial != NULL)
    {
        (void)unlink(output->partial);
    }
    free(output->path);
    free(output->target);
    free(output->partial);
    free(output->buffer);
    free(output);
}

/* What may be written to: nothing yet, or with OVERWRITE a regular file. */
static lobass_status check_target(const char *path, bool overwrite, lobass_error *error)
{
    errno = 0;
    const lb_path_kind kind = lb_path_look(path);
    if (kind == LB_PATH_OTHER && errno != 0)
    {
        return lb_fail_errno(error, path, "look at");
    }
    if (kind == LB_PATH_FOLDER)
    {
        return lb_fail(error, LOBASS_CONFLICT, "%s: found a folder, expected a file", path);
    }
    if (lb_path_name(path)[0] == '\0')
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "\"%s\": expected the name of a file", path);
    }
    if (kind == LB_PATH_OTHER)
    {
        return lb_fail(error, LOBASS_CONFLICT, "%s: found a device or pipe, expected a file", path);
    }
    if (kind == LB_PATH_FILE && !overwrite)
    {
        return lb_fail_exists(error, path);
    }
    return LOBASS_OK;
}

/* An empty file is nobody's. */
static bool begins_with(const char *path, const char *first_bytes)
{
    char found[128] = {0};
    FILE *file = lb_path_look(path) == LB_PATH_FILE ? fopen(path, "rbe") : NULL;
    if (file == NULL)
    {
        return false;
    }
    const size_t size = strlen(first_bytes);
    const size_t n = fread(found, 1, size < sizeof found ? size : sizeof found, file);
    const bool is_same = ferror(file) == 0 && (n == 0 || memcmp(found, first_bytes, size) == 0);
    (void)fclose(file);
    return size <= sizeof found && is_same;
}

lobass_status lb_output_check(const char *path, bool overwrite, const char *first_bytes,
                              const char *kind, lobass_error *error)
{
    if (lb_path_look(path) == LB_PATH_MISSING)
    {
        return LOBASS_OK;
    }
    if (!overwrite)
    {
        return lb_fail_exists(error, path);
    }
    return begins_with(path, first_bytes)
               ? LOBASS_OK
               : lb_fail(error, LOBASS_CONFLICT, "%s: is no %s and is not replaced", path, kind);
}

lobass_status lb_output_open(lb_output **output, const char *path, bool overwrite,
                             lobass_error *error)
{
    *output = NULL;
    LB_TRY(check_target(path, overwrite, error));
    lb_output *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->descriptor = -1;
    made->overwrite = overwrite;
    made->path = lb_copy_text(path, strlen(path), error);
    /* Through a symbolic link the file behind it is replaced, not the link. */
    lobass_status status =
        overwrite ? lb_path_resolve(&made->target, path, true, error) : LOBASS_OK;
    if (status == LOBASS_OK && made->target == NULL)
    {
        made->target = lb_copy_text(path, strlen(path), error);
    }
    made->buffer = lb_alloc(BUFFER_BYTES, 1, status == LOBASS_OK ? error : NULL);
    if (status == LOBASS_OK)
    {
        status = made->path != NULL && made->target != NULL && made->buffer != NULL
                     ? create_partial(made, error)
                     : LOBASS_OUT_OF_MEMORY;
    }
    if (status != LOBASS_OK)
    {
        output_free(made);
        return status;
    }
    *output = made;
    return LOBASS_OK;
}

static lobass_status write_through(lb_output *output, const char *data, size_t size_bytes,
                                   lobass_error *error)
{
    while (size_bytes > 0)
    {
        const ssize_t written = write(output->descriptor, data, size_bytes);
        if (written < 0 && errno == EINTR)
        {
            continue;
        }
        if (written < 0)
        {
            output->has_failed = true;
            return lb_fail_errno(error, output->path, "write");
        }
        data += written;
        size_bytes -= (size_t)written;
    }
    return LOBASS_OK;
}

static lobass_status flush(lb_output *output, lobass_error *error)
{
    const size_t n_buffered = output->n_buffered;
    output->n_buffered = 0;
    return write_through(output, output->buffer, n_buffered, error);
}

lobass_status lb_output_write(lb_output *output, const void *data, size_t size_bytes,
                              lobass_error *error)
{
    if (size_bytes > BUFFER_BYTES - output->n_buffered)
    {
        LB_TRY(flush(output, error));
    }
    if (size_bytes >= BUFFER_BYTES)
    {
        return write_through(output, data, size_bytes, error);
    }
    if (size_bytes > 0)
    {
        memcpy(output->buffer + output->n_buffered, data, size_bytes);
        output->n_buffered += size_bytes;
    }
    return LOBASS_OK;
}

/* Everything up to the rename. */
static lobass_status finish_bytes(lb_output *output, lobass_error *error)
{
    if (output->has_failed)
    {
        return lb_fail(error, LOBASS_IO, "%s: cannot finish it: an earlier write failed",
                       output->path);
    }
    LB_TRY(flush(output, error));
    if (fsync(output->descriptor) != 0)
    {
        return lb_fail_errno(error, output->path, "write");
    }
    const int descriptor = output->descriptor;
    output->descriptor = -1;
    if (close(descriptor) != 0)
    {
        return lb_fail_errno(error, output->path, "write");
    }
    return LOBASS_OK;
}

lobass_status lb_output_commit(lb_output *output, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(finish_bytes(output, error));
    if (!output->overwrite)
    {
        LB_TRY_GOTO(lb_rename_new(output->partial, output->target, error));
    }
    else if (rename(output->partial, output->target) != 0)
    {
        status = lb_fail_errno(error, output->path, "replace");
        goto done;
    }
    free(output->partial);
    output->partial = NULL;
    status = lb_parent_sync(output->target, error);
done:
    output_free(output);
    return status;
}

void lb_output_discard(lb_output *output)
{
    if (output != NULL)
    {
        output_free(output);
    }
}

lobass_status lb_file_write(const char *path, const void *data, size_t size_bytes, bool overwrite,
                            lobass_error *error)
{
    lb_output *output = NULL;
    LB_TRY(lb_output_open(&output, path, overwrite, error));
    const lobass_status status = lb_output_write(output, data, size_bytes, error);
    if (status != LOBASS_OK)
    {
        lb_output_discard(output);
        return status;
    }
    return lb_output_commit(output, error);
}

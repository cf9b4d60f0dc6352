/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns reading: read-only mappings, reading a whole file under a limit, copying one. Paths are
 * path.c, writing is output.c, folders are folder.c. Descriptors are opened with
 * O_CLOEXEC, and an interrupted call is taken up again.
 */
#include "base/file_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)256 * 1024)

lobass_status lb_file_open(int *descriptor, const char *path, lobass_error *error)
{
    struct stat about;
    /* A pipe without a writer would keep an ordinary open waiting, out of reach of cancellation. */
    *descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*descriptor < 0)
    {
        return lb_fail_errno(error, path, "open");
    }
    lobass_status status = LOBASS_OK;
    if (fstat(*descriptor, &about) != 0)
    {
        status = lb_fail_errno(error, path, "read");
    }
    else if (!S_ISREG(about.st_mode))
    {
        status = lb_fail(error, LOBASS_IO, "%s: found %s, expected a file", path,
                         S_ISDIR(about.st_mode) ? "a folder" : "a device or pipe");
    }
    if (status != LOBASS_OK)
    {
        (void)close(*descriptor);
        *descriptor = -1;
    }
    return status;
}

static lobass_status map_descriptor(lb_mapping *mapping, int descriptor, const char *path,
                                    lobass_error *error)
{
    struct stat about;
    if (fstat(descriptor, &about) != 0)
    {
        return lb_fail_errno(error, path, "read");
    }
    if (about.st_size == 0)
    {
        return LOBASS_OK;
    }
    void *data = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED)
    {
        return lb_fail_errno(error, path, "map");
    }
    mapping->data = data;
    mapping->size = (size_t)about.st_size;
    return LOBASS_OK;
}

lobass_status lb_mapping_open(lb_mapping *mapping, const char *path, lobass_error *error)
{
    *mapping = (lb_mapping){0};
    int descriptor = -1;
    LB_TRY(lb_file_open(&descriptor, path, error));
    const lobass_status status = map_descriptor(mapping, descriptor, path, error);
    (void)close(descriptor);
    return status;
}

void lb_mapping_close(lb_mapping *mapping)
{
    if (mapping == NULL)
    {
        return;
    }
    if (mapping->data != NULL)
    {
        (void)munmap((void *)mapping->data, mapping->size);
    }
    *mapping = (lb_mapping){0};
}

void lb_mapping_release(const void *data, size_t size_bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t before = (page - (uintptr_t)data % page) % page; /* of a page begun by others */
    if (before >= size_bytes)
    {
        return;
    }
    const size_t whole = (size_bytes - before) / page * page;
    if (whole > 0)
    {
        (void)madvise((char *)data + before, whole, MADV_DONTNEED);
    }
}

/* Reads up to SIZE bytes; *N_READ 0 is the end. */
static lobass_status read_some(int descriptor, void *data, size_t size, size_t *n_read,
                               const char *path, lobass_error *error)
{
    ssize_t got = -1;
    do
    {
        got = read(descriptor, data, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
    {
        return lb_fail_errno(error, path, "read");
    }
    *n_read = (size_t)got;
    return LOBASS_OK;
}

static lobass_status read_all(lb_buffer *buffer, int descriptor, const char *path, size_t limit,
                              lobass_error *error)
{
    const size_t start = buffer->size;
    for (;;)
    {
        LB_TRY(lb_buffer_reserve(buffer, READ_BYTES, error));
        size_t n_read = 0;
        LB_TRY(
            read_some(descriptor, buffer->data + buffer->size, READ_BYTES, &n_read, path, error));
        buffer->size += n_read;
        buffer->data[buffer->size] = '\0';
        if (n_read == 0)
        {
            return LOBASS_OK;
        }
        if (buffer->size - start > limit)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "%s: found more than %zu bytes, expected at most that many", path,
                           limit);
        }
    }
}

lobass_status lb_file_read(lb_buffer *buffer, const char *path, size_t limit, lobass_error *error)
{
    int descriptor = -1;
    LB_TRY(lb_file_open(&descriptor, path, error));
    const lobass_status status = read_all(buffer, descriptor, path, limit, error);
    (void)close(descriptor);
    return status;
}

static lobass_status copy_all(lb_output *output, int descriptor, const char *path,
                              lobass_error *error)
{
    char *data = malloc(READ_BYTES);
    if (data == NULL)
    {
        return lb_fail_memory(error, READ_BYTES);
    }
    lobass_status status = LOBASS_OK;
    size_t n_read = 0;
    do
    {
        LB_TRY_GOTO(read_some(descriptor, data, READ_BYTES, &n_read, path, error));
        LB_TRY_GOTO(lb_output_write(output, data, n_read, error));
    } while (n_read > 0);
done:
    free(data);
    return status;
}

lobass_status lb_file_copy(const char *from, const char *to, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    lb_output *output = NULL;
    int descriptor = -1;
    LB_TRY(lb_file_open(&descriptor, from, error));
    LB_TRY_GOTO(lb_output_open(&output, to, true, error));
    LB_TRY_GOTO(copy_all(output, descriptor, from, error));
    status = lb_output_commit(output, error);
    output = NULL;
done:
    lb_output_discard(output);
    (void)close(descriptor);
    return status;
}

lobass_status lb_file_copy_into(const char *folder, const char *from, const char *name,
                                lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    char *source = lb_path_join(from, name, error);
    char *target = source == NULL ? NULL : lb_path_join(folder, name, error);
    if (target != NULL)
    {
        const bool is_copied =
            lb_path_look(source) != LB_PATH_MISSING && strcmp(source, target) != 0;
        status = is_copied ? lb_file_copy(source, target, error) : LOBASS_OK;
    }
    free(target);
    free(source);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Files, folders, locks, maps and threads: each call counts with its kind and may fail, be cut
 * short or be the last thing that the process does. Standard streams are reached where they are
 * called: the C library's own calls within them do not come by here.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault/fault.h"

/* Names and types take no parentheses. NOLINTBEGIN(bugprone-macro-parentheses) */

/* The function of a name, found once; of the type of ours. */
#define REAL(name)                                   \
    static __typeof__(&name) real;                   \
    if (real == NULL)                                \
    {                                                \
        real = (__typeof__(&name))fault_real(#name); \
    }

/* A call that either is made or fails. */
#define PLAIN(type, failed, kind, name, parameters, arguments)           \
    type name parameters                                                 \
    {                                                                    \
        REAL(name)                                                       \
        return fault_next(kind) == FAULT_PASS ? real arguments : failed; \
    }

/* A call that moves bytes: half of them where it is to be cut short. */
#define MOVING(type, failed, kind, name, parameters, whole, half) \
    type name parameters                                          \
    {                                                             \
        REAL(name)                                                \
        switch (fault_next(kind))                                 \
        {                                                         \
        case FAULT_PASS:                                          \
            return real whole;                                    \
        case FAULT_HALVE:                                         \
        {                                                         \
            const type moved = real half;                         \
            fault_end_torn();                                     \
            return moved;                                         \
        }                                                         \
        default:                                                  \
            return failed;                                        \
        }                                                         \
    }

/* Half of what is asked for, but something: 0 bytes would be the end of a file. */
static size_t half_of(size_t size)
{
    return size / 2 > 0 ? size / 2 : size;
}

MOVING(ssize_t, -1, FAULT_READ, read, (int descriptor, void *data, size_t size),
       (descriptor, data, size), (descriptor, data, half_of(size)))
MOVING(ssize_t, -1, FAULT_READ, pread64, (int descriptor, void *data, size_t size, off64_t offset),
       (descriptor, data, size, offset), (descriptor, data, half_of(size), offset))
MOVING(ssize_t, -1, FAULT_WRITE, write, (int descriptor, const void *data, size_t size),
       (descriptor, data, size), (descriptor, data, half_of(size)))
MOVING(ssize_t, -1, FAULT_WRITE, pwrite64,
       (int descriptor, const void *data, size_t size, off64_t offset),
       (descriptor, data, size, offset), (descriptor, data, half_of(size), offset))

/* What becomes of a write to a stream: it is made or fails, and the stream then says so; cut short
 * it is made, and the process may end behind it. What is said on standard error is how a failure is
 * told and always passes. */
static bool stream_fails(FILE *file)
{
    const fault_action action = file == stderr ? FAULT_PASS : fault_next(FAULT_WRITE);
    if (action != FAULT_FAIL || errno == EINTR)
    {
        return false;
    }
    file->_flags |= _IO_ERR_SEEN;
    return true;
}

#define STREAM(type, failed, name, parameters, arguments, file) \
    type name parameters                                        \
    {                                                           \
        REAL(name)                                              \
        if (stream_fails(file))                                 \
        {                                                       \
            return failed;                                      \
        }                                                       \
        const type result = real arguments;                     \
        fault_end_torn();                                       \
        return result;                                          \
    }

STREAM(size_t, 0, fwrite, (const void *data, size_t size, size_t count, FILE *file),
       (data, size, count, file), file)
STREAM(int, EOF, fputs, (const char *text, FILE *file), (text, file), file)
STREAM(int, EOF, fputc, (int byte, FILE *file), (byte, file), file)
STREAM(int, EOF, putc, (int byte, FILE *file), (byte, file), file)
STREAM(int, EOF, puts, (const char *text), (text), stdout)
STREAM(int, EOF, putchar, (int byte), (byte), stdout)
STREAM(int, EOF, fflush, (FILE * file), (file), file)

PLAIN(size_t, 0, FAULT_READ, fread, (void *data, size_t size, size_t count, FILE *file),
      (data, size, count, file))
PLAIN(int, -1, FAULT_SYNC, fsync, (int descriptor), (descriptor))
PLAIN(int, -1, FAULT_SYNC, fdatasync, (int descriptor), (descriptor))

PLAIN(int, -1, FAULT_NAME, rename, (const char *from, const char *to), (from, to))
PLAIN(int, -1, FAULT_NAME, renameat2,
      (int from_folder, const char *from, int to_folder, const char *to, unsigned flags),
      (from_folder, from, to_folder, to, flags))
PLAIN(int, -1, FAULT_NAME, linkat,
      (int from_folder, const char *from, int to_folder, const char *to, int flags),
      (from_folder, from, to_folder, to, flags))
PLAIN(int, -1, FAULT_NAME, unlink, (const char *path), (path))
PLAIN(int, -1, FAULT_NAME, unlinkat, (int folder, const char *path, int flags),
      (folder, path, flags))
PLAIN(int, -1, FAULT_NAME, mkdir, (const char *path, mode_t mode), (path, mode))
PLAIN(int, -1, FAULT_NAME, rmdir, (const char *path), (path))
PLAIN(int, -1, FAULT_NAME, ftruncate64, (int descriptor, off64_t size), (descriptor, size))

PLAIN(int, -1, FAULT_LOCK, flock, (int descriptor, int operation), (descriptor, operation))
PLAIN(void *, MAP_FAILED, FAULT_MAP, mmap64,
      (void *at, size_t size, int protection, int flags, int descriptor, off64_t offset),
      (at, size, protection, flags, descriptor, offset))

PLAIN(void *, MAP_FAILED, FAULT_MAP, mmap,
      (void *at, size_t size, int protection, int flags, int descriptor, off_t offset),
      (at, size, protection, flags, descriptor, offset))

PLAIN(FILE *, NULL, FAULT_OPEN, fopen, (const char *path, const char *how), (path, how))
PLAIN(FILE *, NULL, FAULT_OPEN, fopen64, (const char *path, const char *how), (path, how))
PLAIN(FILE *, NULL, FAULT_OPEN, fdopen, (int descriptor, const char *how), (descriptor, how))
PLAIN(DIR *, NULL, FAULT_OPEN, opendir, (const char *path), (path))
PLAIN(DIR *, NULL, FAULT_OPEN, fdopendir, (int descriptor), (descriptor))
PLAIN(int, -1, FAULT_OPEN, mkostemp64, (char *template, int flags), (template, flags))

PLAIN(int, -1, FAULT_LOOK, stat64, (const char *restrict path, struct stat64 *restrict about),
      (path, about))
PLAIN(int, -1, FAULT_LOOK, lstat64, (const char *restrict path, struct stat64 *restrict about),
      (path, about))
PLAIN(int, -1, FAULT_LOOK, fstat64, (int descriptor, struct stat64 *about), (descriptor, about))
PLAIN(int, -1, FAULT_LOOK, fstatat64,
      (int folder, const char *restrict path, struct stat64 *restrict about, int flags),
      (folder, path, about, flags))
PLAIN(int, -1, FAULT_LOOK, access, (const char *path, int how), (path, how))
PLAIN(char *, NULL, FAULT_LOOK, realpath, (const char *restrict path, char *restrict resolved),
      (path, resolved))
PLAIN(struct dirent64 *, NULL, FAULT_LOOK, readdir64, (DIR * folder), (folder))
PLAIN(char *, NULL, FAULT_LOOK, getcwd, (char *path, size_t size), (path, size))

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
                   void *(*start)(void *), void *restrict argument)
{
    REAL(pthread_create)
    if (fault_next(FAULT_THREAD) != FAULT_PASS)
    {
        return errno;
    }
    return real(thread, attributes, start, argument);
}

/* The file is closed all the same, as by the C library. */
int fclose(FILE *file)
{
    REAL(fclose)
    const bool fails = stream_fails(file);
    const int reason = errno;
    const int result = real(file);
    fault_end_torn();
    errno = fails ? reason : errno;
    return fails ? EOF : result;
}

static mode_t mode_of(int flags, va_list arguments)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

#define OPENING(name, parameters, arguments)                               \
    int name parameters                                                    \
    {                                                                      \
        REAL(name)                                                         \
        va_list rest;                                                      \
        va_start(rest, flags);                                             \
        const mode_t mode = mode_of(flags, rest);                          \
        va_end(rest);                                                      \
        return fault_next(FAULT_OPEN) == FAULT_PASS ? real arguments : -1; \
    }

OPENING(open, (const char *path, int flags, ...), (path, flags, mode))
OPENING(open64, (const char *path, int flags, ...), (path, flags, mode))
OPENING(openat64, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))

int fcntl64(int descriptor, int command, ...)
{
    REAL(fcntl64)
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    const bool is_lock = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK;
    if (is_lock && fault_next(FAULT_LOCK) != FAULT_PASS)
    {
        return -1;
    }
    return real(descriptor, command, argument);
}

static int print(FILE *file, const char *format, va_list arguments)
{
    if (stream_fails(file))
    {
        return -1;
    }
    const int result = vfprintf(file, format, arguments);
    fault_end_torn();
    return result;
}

int printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int result = print(stdout, format, arguments);
    va_end(arguments);
    return result;
}

int fprintf(FILE *file, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int result = print(file, format, arguments);
    va_end(arguments);
    return result;
}

/* NOLINTEND(bugprone-macro-parentheses) */

/* SPDX-License-Identifier: Apache-2.0
 *
 * Put before the C library (LD_PRELOAD), so that the libraries that lobass stands on are reached as
 * well. Owns counting, the decision which call goes wrong, and the server: before main() it waits
 * for the harness, and each time it is asked to it makes a child, which alone goes on to main().
 * That spares a thousand trials the dynamic linker, and gives all the same addresses.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault/fault.h"

/* The innermost frame is fault_frames() itself and the next who called it. */
#define OWN_FRAMES 1
/* Frames outside our own that tell one call from another. */
#define SITE_FRAMES 4

static fault_shared *shared;
static bool is_armed;
static bool ends_after_half;
static atomic_ullong counts[FAULT_KINDS];

static const int reasons[FAULT_KINDS] = {
    [FAULT_MEMORY] = ENOMEM, [FAULT_OPEN] = EMFILE,  [FAULT_LOOK] = EIO,    [FAULT_READ] = EIO,
    [FAULT_WRITE] = ENOSPC,  [FAULT_SYNC] = EIO,     [FAULT_NAME] = ENOSPC, [FAULT_LOCK] = ENOLCK,
    [FAULT_MAP] = ENOMEM,    [FAULT_THREAD] = EAGAIN};

bool fault_is_armed(void)
{
    return is_armed;
}

void *fault_real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL)
    {
        static const char message[] = "fault: a function is not there\n";
        (void)!write(STDERR_FILENO, message, sizeof message - 1);
        _exit(99);
    }
    return found;
}

static void end_process(void)
{
    (void)kill(getpid(), SIGKILL);
    _exit(99);
}

bool fault_tells_sites(void)
{
    return shared != NULL && shared->tells_sites;
}

void fault_frames(uint64_t *frames, unsigned n_frames)
{
    void *found[FAULT_FRAMES + OWN_FRAMES];
    const bool was_armed = is_armed;
    is_armed = false; /* what the unwinder calls is its own affair */
    const int n_found = backtrace(found, (int)n_frames + OWN_FRAMES);
    is_armed = was_armed;
    for (unsigned i = 0; i < n_frames; i++)
    {
        const int at = (int)i + OWN_FRAMES;
        frames[i] = at < n_found ? (uint64_t)(uintptr_t)found[at] : 0;
    }
}

/* FNV-1a over the addresses. */
static uint64_t site_here(void)
{
    uint64_t frames[SITE_FRAMES + 1];
    fault_frames(frames, SITE_FRAMES + 1);
    uint64_t hash = 0xCBF29CE484222325U;
    for (unsigned i = 1; i <= SITE_FRAMES; i++)
    {
        hash = (hash ^ frames[i]) * 0x100000001B3U;
    }
    return hash;
}

static fault_action strike(fault_kind kind)
{
    shared->has_struck = true;
    if (shared->tells_sites)
    {
        fault_frames(shared->frames, FAULT_FRAMES);
    }
    switch (shared->mode)
    {
    case FAULT_KILL:
        end_process();
        return FAULT_FAIL;
    case FAULT_TORN:
        ends_after_half = true;
        return FAULT_HALVE;
    case FAULT_SHORT:
        return FAULT_HALVE;
    case FAULT_EINTR:
        errno = EINTR;
        return FAULT_FAIL;
    default:
        errno = reasons[kind];
        return FAULT_FAIL;
    }
}

fault_action fault_next(fault_kind kind)
{
    if (!is_armed)
    {
        return FAULT_PASS;
    }
    const uint64_t n = atomic_fetch_add(&counts[kind], 1) + 1;
    shared->n_calls[kind] = n;
    if (shared->mode == FAULT_NONE)
    {
        if (shared->tells_sites && n <= FAULT_MOST_CALLS)
        {
            shared->sites[kind][n - 1] = site_here();
        }
        return FAULT_PASS;
    }
    const bool is_meant = shared->mode == FAULT_ON ? n >= shared->n : n == shared->n;
    return shared->kind == (uint32_t)kind && is_meant ? strike(kind) : FAULT_PASS;
}

void fault_end_torn(void)
{
    if (ends_after_half)
    {
        end_process();
    }
}

/* ---- the server ------------------------------------------------------------------------------ */

static void redirect(const char *path, int flags, int descriptor)
{
    const int opened = open(path, flags | O_CLOEXEC, 0600);
    if (opened < 0 || dup2(opened, descriptor) < 0)
    {
        _exit(98);
    }
    (void)close(opened);
}

static void become_command(int requests, int answers)
{
    (void)close(requests);
    (void)close(answers);
    (void)unsetenv(FAULT_VARIABLE);
    (void)unsetenv("LD_PRELOAD");
    redirect("/dev/null", O_RDONLY, STDIN_FILENO);
    redirect(shared->out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
    redirect(shared->err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
    if (chdir(shared->folder) != 0)
    {
        _exit(98);
    }
    is_armed = true;
}

static void serve(int requests, int answers)
{
    char request = 0;
    while (read(requests, &request, 1) == 1)
    {
        const pid_t child = fork();
        if (child == 0)
        {
            become_command(requests, answers);
            return;
        }
        int status = -1;
        if (write(answers, &child, sizeof child) != sizeof child ||
            waitpid(child, &status, 0) != child ||
            write(answers, &status, sizeof status) != sizeof status)
        {
            break;
        }
    }
    _exit(0);
}

__attribute__((constructor)) static void begin(void)
{
    const char *given = getenv(FAULT_VARIABLE);
    int requests = -1;
    int answers = -1;
    int memory = -1;
    int *const numbers[] = {&requests, &answers, &memory};
    for (size_t i = 0; i < 3; i++)
    {
        char *end = NULL;
        if (given == NULL)
        {
            return;
        }
        *numbers[i] = (int)strtol(given, &end, 10);
        if (end == given || *end != (i < 2 ? ',' : '\0'))
        {
            return;
        }
        given = end + 1;
    }
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (shared == MAP_FAILED)
    {
        _exit(98);
    }
    (void)close(memory);
    void *frames[1];
    (void)backtrace(frames, 1); /* loads the unwinder */
    serve(requests, answers);
}

/* Runs after whatever the command asked to be called at its end. */
__attribute__((destructor)) static void end(void)
{
    if (is_armed)
    {
        is_armed = false;
        fault_memory_left(shared);
        shared->has_ended = true;
    }
}

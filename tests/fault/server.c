/* SPDX-License-Identifier: Apache-2.0
 *
 * See server.h. Owns the two pipes and the shared memory.
 */
#include "fault/server.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault/tree.h"

#define MOST_MILLISECONDS 120000 /* of one run, on a machine that does other things as well */

static void become_server(const char *library, const char *const *arguments, int requests,
                          int answers, int memory)
{
    char descriptors[64];
    (void)snprintf(descriptors, sizeof descriptors, "%d,%d,%d", requests, answers, memory);
    if (setenv(FAULT_VARIABLE, descriptors, 1) == 0 && setenv("LD_PRELOAD", library, 1) == 0)
    {
        (void)execv(arguments[0], (char *const *)arguments);
    }
    (void)fprintf(stderr, "%s: %s\n", arguments[0], strerror(errno));
    _exit(99);
}

server server_start(const char *library, const char *const *arguments)
{
    int to[2];
    int from[2];
    const int memory = memfd_create("fault", 0);
    if (memory < 0 || ftruncate(memory, sizeof(fault_shared)) != 0 || pipe(to) != 0 ||
        pipe(from) != 0)
    {
        die("cannot start a server: %s", strerror(errno));
    }
    void *shared = mmap(NULL, sizeof(fault_shared), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    const pid_t process = shared == MAP_FAILED ? -1 : fork();
    if (process < 0)
    {
        die("cannot start a server: %s", strerror(errno));
    }
    if (process == 0)
    {
        (void)close(to[1]);
        (void)close(from[0]);
        become_server(library, arguments, to[0], from[1], memory);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    (void)close(memory);
    return (server){process, to[1], from[0], shared};
}

static bool receive(const server *with, void *data, size_t size)
{
    struct pollfd waits = {.fd = with->answers, .events = POLLIN};
    return poll(&waits, 1, MOST_MILLISECONDS) == 1 &&
           read(with->answers, data, size) == (ssize_t)size;
}

int server_run(server *with)
{
    fault_shared *shared = with->shared;
    pid_t child = 0;
    int status = -1;
    memset(shared->n_calls, 0, sizeof shared->n_calls);
    memset(shared->frames, 0, sizeof shared->frames);
    memset(shared->left, 0, shared->n_left * sizeof shared->left[0]);
    shared->n_left = 0;
    shared->has_struck = false;
    shared->has_ended = false;
    if (write(with->requests, "", 1) != 1 || !receive(with, &child, sizeof child))
    {
        die("the server does not answer");
    }
    if (!receive(with, &status, sizeof status))
    {
        (void)kill(child, SIGKILL);
        int ignored = 0;
        (void)receive(with, &ignored, sizeof ignored);
        return -1;
    }
    return status;
}

void server_stop(server *of)
{
    int status = 0;
    (void)close(of->requests);
    (void)waitpid(of->process, &status, 0);
    (void)close(of->answers);
    (void)munmap(of->shared, sizeof *of->shared);
}

/* ---- names of places ---------------------------------------------------------------------------
 */

/* The file that ADDRESS is mapped from, and its place in it. A line of /proc/PROCESS/maps reads
 * "FROM-TO RIGHTS OFFSET DEVICE INODE PATH". */
static bool find_module(const server *of, uint64_t address, char path[512], uint64_t *place)
{
    char line[1024];
    uint64_t base = 0;
    bool is_found = false;
    path[0] = '\0';
    (void)snprintf(line, sizeof line, "/proc/%ld/maps", (long)of->process);
    FILE *maps = must(fopen(line, "re"));
    while (!is_found && fgets(line, sizeof line, maps) != NULL)
    {
        char *rest = NULL;
        const uint64_t from = strtoull(line, &rest, 16);
        const uint64_t to = *rest == '-' ? strtoull(rest + 1, &rest, 16) : from;
        const char *name = strchr(rest, '/');
        rest[strcspn(rest, "\n")] = '\0';
        if (strcmp(path, name == NULL ? "" : name) != 0)
        {
            (void)snprintf(path, 512, "%s", name == NULL ? "" : name);
            base = from;
        }
        is_found = address >= from && address < to && name != NULL;
    }
    (void)fclose(maps);
    *place = address - base;
    return is_found;
}

void server_describe(const server *of, const uint64_t *frames, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < FAULT_FRAMES && frames[i] != 0 && used < size; i++)
    {
        char module[512];
        uint64_t place = 0;
        if (find_module(of, frames[i], module, &place))
        {
            /* A return address is behind the call. */
            used += (size_t)snprintf(text + used, size - used, "%s%s+0x%" PRIx64,
                                     i == 0 ? "" : " < ", strrchr(module, '/') + 1, place - 1);
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the system says about the machine: the processor's name, the memory that is free to take,
 * and the most that this process has had. For reports and for refusing what cannot fit, never for
 * deciding how work is cut.
 */
#include "base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* The text after "KEY<blanks>:" in a file of such lines; "" where there is none, or no file. */
static lobass_status line_find(char *value, size_t size, const char *path, const char *key,
                               lobass_error *error)
{
    char line[512];
    bool is_found = false;
    value[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL)
    {
        return errno == ENOENT ? LOBASS_OK : lb_fail_errno(error, path, "open");
    }
    while (!is_found && fgets(line, sizeof line, file) != NULL)
    {
        const char *colon = strchr(line, ':');
        if (colon != NULL && strncmp(line, key, strlen(key)) == 0)
        {
            colon += 1 + strspn(colon + 1, " \t");
            (void)snprintf(value, size, "%.*s", (int)strcspn(colon, "\n"), colon);
            is_found = true;
        }
    }
    const lobass_status status = ferror(file) == 0 ? LOBASS_OK : lb_fail_errno(error, path, "read");
    (void)fclose(file);
    return status;
}

lobass_status lb_machine_name(char name[LB_MACHINE_NAME_SIZE], lobass_error *error)
{
    return line_find(name, LB_MACHINE_NAME_SIZE, "/proc/cpuinfo", "model name", error);
}

/* The number behind KEY and a blank in a control group's file, or of its first line where KEY is
 * empty; OTHERWISE where there is none. */
static uint64_t group_number(const char *folder, const char *name, const char *key,
                             uint64_t otherwise)
{
    char path[512];
    char line[128];
    const size_t size = strlen(key);
    uint64_t found = otherwise;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
    {
        const char *value = line + size;
        if (strncmp(line, key, size) == 0 && *value >= '0' && *value <= '9')
        {
            found = strtoull(value, NULL, 10);
            break;
        }
    }
    if (file != NULL)
    {
        (void)fclose(file);
    }
    return found;
}

uint64_t lb_group_memory(const char *folder)
{
    const uint64_t limit = group_number(folder, "memory.max", "", UINT64_MAX);
    const uint64_t current = group_number(folder, "memory.current", "", 0);
    const uint64_t cached = group_number(folder, "memory.stat", "inactive_file ", 0);
    const uint64_t taken = current > cached ? current - cached : 0;
    if (limit == UINT64_MAX)
    {
        return limit;
    }
    return limit > taken ? limit - taken : 0;
}

uint64_t lb_machine_memory(void)
{
    char text[64];
    const uint64_t limit = lb_group_memory("/sys/fs/cgroup");
    if (line_find(text, sizeof text, "/proc/meminfo", "MemAvailable", NULL) != LOBASS_OK ||
        text[0] == '\0')
    {
        return limit;
    }
    const uint64_t available = strtoull(text, NULL, 10) * 1024; /* the file counts in KiB */
    return available < limit ? available : limit;
}

bool lb_memory_fits(char *text, size_t size_bytes, const char *what, uint64_t n_bytes)
{
    const uint64_t available = lb_machine_memory();
    if (n_bytes <= available)
    {
        return true;
    }
    (void)lb_print(text, size_bytes, "%s: needs %.1f GB, the machine has %.1f GB", what,
                   (double)n_bytes * 1e-9, (double)available * 1e-9);
    return false;
}

uint64_t lb_peak_memory(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

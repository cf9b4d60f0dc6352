/* SPDX-License-Identifier: Apache-2.0
 *
 * What the system says about the machine: the processor's name, the memory that is free to take,
 * and the most that this process has had. For reports and for refusing what cannot fit, never for
 * deciding how work is cut.
 */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* The text after "KEY<blanks>:" in a file of such lines; false where there is none. */
static bool line_find(char *value, size_t size, const char *path, const char *key)
{
    char line[512];
    bool is_found = false;
    FILE *file = fopen(path, "r");
    if (file == NULL)
    {
        return false;
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
    (void)fclose(file);
    return is_found;
}

void lb_machine_name(char name[LB_MACHINE_NAME_SIZE])
{
    if (!line_find(name, LB_MACHINE_NAME_SIZE, "/proc/cpuinfo", "model name"))
    {
        (void)snprintf(name, LB_MACHINE_NAME_SIZE, "unknown");
    }
}

/* What the control group may have, where one sets a limit. */
static uint64_t group_limit(void)
{
    char text[32] = "";
    FILE *file = fopen("/sys/fs/cgroup/memory.max", "r");
    if (file == NULL)
    {
        return UINT64_MAX;
    }
    const bool is_read = fgets(text, sizeof text, file) != NULL;
    (void)fclose(file);
    return is_read && text[0] >= '0' && text[0] <= '9' ? strtoull(text, NULL, 10) : UINT64_MAX;
}

uint64_t lb_machine_memory(void)
{
    char text[64];
    const uint64_t limit = group_limit();
    if (!line_find(text, sizeof text, "/proc/meminfo", "MemAvailable"))
    {
        return limit;
    }
    const uint64_t available = strtoull(text, NULL, 10) * 1024; /* the file counts in KiB */
    return available < limit ? available : limit;
}

uint64_t lb_peak_memory(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

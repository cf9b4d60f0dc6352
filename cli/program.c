/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks for lobass-NAME in the folder of the running command, then in the libexec folder of the
 * same installation; never through PATH, where a stranger's program may have that name.
 */
#include "program.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"

#define SELF "/proc/self/exe"

int cli_program_run(const char *name, int (*run)(const cli_call *call), int argc, char **argv)
{
    cli_prepare_signals();
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
    {
        printf("lobass-%s %s\n", name, lobass_version());
        return cli_finish(CLI_DONE);
    }
    const int given = argc > 0 ? 1 : 0; /* the program's own name */
    const cli_call call = {
        .argc = argc - given, .argv = argv + given, .whole_argc = argc, .whole_argv = argv};
    return run(&call);
}

/* The folder of the running program, without a slash at its end. */
static bool folder_find(char folder[PATH_MAX])
{
    const ssize_t size = readlink(SELF, folder, PATH_MAX);
    if (size < 0 || size >= PATH_MAX)
    {
        return false;
    }
    folder[size] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
    {
        *slash = '\0';
    }
    return slash != NULL;
}

int cli_program_start(const char *name, const cli_call *call)
{
    static const char *const places[] = {"", "/../libexec/lobass"};
    char folder[PATH_MAX];
    char path[PATH_MAX + 64];
    char **words = calloc((size_t)call->argc + 2, sizeof *words);

    if (words == NULL || !folder_find(folder))
    {
        cli_message(words == NULL ? "out of memory" : SELF ": does not say where lobass lies");
        free(words);
        return CLI_FAILED;
    }
    words[0] = path;
    memcpy(words + 1, call->argv, (size_t)call->argc * sizeof *words);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
    {
        (void)snprintf(path, sizeof path, "%s%s/lobass-%s", folder, places[i], name);
        execv(path, words);
        if (errno != ENOENT && errno != ENOTDIR)
        {
            cli_message("%s: cannot be started: %s", path, strerror(errno));
            free(words);
            return CLI_FAILED;
        }
    }
    cli_message("%s: the program lobass-%s is not there; expected it in %s or %s%s", name, name,
                folder, folder, places[1]);
    free(words);
    return CLI_FAILED;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzz targets share: how they say that something is wrong, that an input was accepted,
 * and where they put files. A target is one source, so what is defined here is there once.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Inputs that the loader took. A corpus of which it takes none proves nothing: replay.c fails. */
extern size_t fuzz_n_accepted;
size_t fuzz_n_accepted;

static inline void require(bool holds)
{
    if (!holds)
    {
        abort();
    }
}

/* A refusal is one line that begins with WHERE. */
static inline void require_refusal(lobass_status status, const lobass_error *error,
                                   const char *where)
{
    require(status != LOBASS_OK && error->status == status);
    require(strncmp(error->message, where, strlen(where)) == 0);
    require(strchr(error->message, '\n') == NULL);
}

static char fuzz_folder_path[] = "/tmp/lobass-fuzz-XXXXXX";

static inline void fuzz_folder_remove(void)
{
    (void)lb_folder_remove(fuzz_folder_path, NULL);
}

/* A folder of this process, removed when it ends. */
static inline const char *fuzz_folder(void)
{
    static bool is_made;
    if (!is_made)
    {
        require(mkdtemp(fuzz_folder_path) != NULL && atexit(fuzz_folder_remove) == 0);
        is_made = true;
    }
    return fuzz_folder_path;
}

/* FOLDER/NAME holds the bytes; the path is yours: free(). */
static inline char *fuzz_file(const char *folder, const char *name, const void *data, size_t size)
{
    char *path = lb_path_join(folder, name, NULL);
    FILE *file = path == NULL ? NULL : fopen(path, "wb");
    require(file != NULL && (size == 0 || fwrite(data, 1, size, file) == size));
    require(fclose(file) == 0);
    return path;
}

#endif

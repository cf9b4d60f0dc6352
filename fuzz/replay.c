/* SPDX-License-Identifier: Apache-2.0
 *
 * Gives every file of a folder to a fuzz target, in sorted order: how the committed corpora run as
 * ordinary tests, without libFuzzer. Usage: fuzz_PARSER FOLDER. A folder that is missing or empty
 * is a failure, and so is one of which nothing is accepted: a test that replays nothing, or whose
 * loader refuses everything, cannot pass.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

#define INPUT_LIMIT ((size_t)64 * 1024 * 1024)

/* Every fuzz target has these (fuzz.h); the first is what libFuzzer calls. */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
extern size_t fuzz_n_accepted;

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static lobass_status replay(const char *folder, const char *name, lobass_error *error)
{
    char *path = lb_path_join(folder, name, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lb_buffer text = {0};
    /* A block of exactly the input's size, so that the address sanitizer sees reads past its end.
     */
    unsigned char *input = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_file_read(&text, path, INPUT_LIMIT, error));
    input = malloc(text.size == 0 ? 1 : text.size);
    if (input == NULL)
    {
        status = lb_fail_memory(error, text.size);
        goto done;
    }
    memcpy(input, text.data, text.size);
    (void)LLVMFuzzerTestOneInput(input, text.size);
done:
    free(input);
    lb_buffer_free(&text);
    free(path);
    return status;
}

int main(int n_arguments, char **arguments)
{
    if (n_arguments != 2)
    {
        (void)fprintf(stderr, "usage: %s FOLDER\n", arguments[0]);
        return 2;
    }
    struct dirent **entries = NULL;
    const int n_entries = scandir(arguments[1], &entries, is_visible, alphasort);
    if (n_entries < 0)
    {
        perror(arguments[1]);
        return 1;
    }
    int result = n_entries == 0;
    for (int i = 0; i < n_entries; i++)
    {
        lobass_error error = {0};
        if (replay(arguments[1], entries[i]->d_name, &error) != LOBASS_OK)
        {
            (void)fprintf(stderr, "%s\n", error.message);
            result = 1;
        }
        free(entries[i]);
    }
    free(entries);
    printf("%d inputs, accepted %zu times\n", n_entries, fuzz_n_accepted);
    if (fuzz_n_accepted == 0)
    {
        (void)fprintf(stderr, "%s: not one input was accepted\n", arguments[1]);
        result = 1;
    }
    return result;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Which files of a model's folder are its tokenizer's: those that are read here, and those that
 * other libraries read.
 */
#include "text/text.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    LB_TOKENIZER_FILE, LB_TOKENIZER_CONFIG_FILE, LB_CHAT_TEMPLATE_FILE, "special_tokens_map.json",
    "tokenizer.model", "added_tokens.json",      "vocab.json",          "merges.txt",
};
#define N_NAMES (sizeof names / sizeof *names)

bool lb_tokenizer_file_is(const char *name)
{
    bool is_known = false;
    for (size_t i = 0; i < N_NAMES; i++)
    {
        is_known = is_known || strcmp(name, names[i]) == 0;
    }
    return is_known;
}

lobass_status lb_tokenizer_files_copy(const char *folder, const char *from, lobass_error *error)
{
    for (size_t i = 0; i < N_NAMES; i++)
    {
        LB_TRY(lb_file_copy_into(folder, from, names[i], error));
    }
    return LOBASS_OK;
}

lobass_status lb_tokenizer_look(bool *is_there, const char *folder, lobass_error *error)
{
    char *path = lb_path_join(folder, LB_TOKENIZER_FILE, error);
    if (path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    *is_there = lb_path_look(path) != LB_PATH_MISSING;
    free(path);
    return LOBASS_OK;
}

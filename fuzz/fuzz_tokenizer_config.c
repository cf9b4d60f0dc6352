/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the tokenizer_config.json beside a tokenizer of bytes and beside one of pieces:
 * loading refuses them in one line, or gives a tokenizer whose ends and ids are in its vocabulary,
 * and the same one when it is read again.
 */
#include "fuzz.h"

#include "text/text.h"

static const char text[] = " Hello <s>w\xC3\xB6rld's </s>\n\t<x> <unk><|mark|>  ";

static void check_ends(const lobass_tokenizer *tokenizer)
{
    const lb_special_ids ends = lb_tokenizer_special_ids(tokenizer);
    require(ends.bos == -1 || lobass_tokenizer_piece(tokenizer, ends.bos) != NULL);
    require(ends.eos == -1 || lobass_tokenizer_piece(tokenizer, ends.eos) != NULL);
    require(!ends.adds_eos || ends.eos >= 0);
    require(ends.n_prefix <= LB_MAX_PREFIX);
    for (size_t i = 0; i < ends.n_prefix; i++)
    {
        require(lobass_tokenizer_piece(tokenizer, ends.prefix[i]) != NULL);
    }
}

static void check_ids(const lobass_tokenizer *tokenizer)
{
    int32_t *ids = NULL;
    size_t n_ids = 0;
    char *decoded = NULL;
    size_t decoded_size = 0;
    require(lobass_tokenizer_encode(&ids, &n_ids, tokenizer, text, sizeof text - 1, NULL) ==
            LOBASS_OK);
    require(lobass_tokenizer_decode(&decoded, &decoded_size, tokenizer, ids, n_ids, NULL) ==
            LOBASS_OK);
    for (size_t i = 0; i < n_ids; i++)
    {
        require(lobass_tokenizer_piece(tokenizer, ids[i]) != NULL);
    }
    free(decoded);
    free(ids);
}

static void check_same(const lobass_tokenizer *tokenizer, const char *folder)
{
    lobass_tokenizer *again = NULL;
    lb_buffer difference = {0};
    require(lobass_tokenizer_load(&again, folder, NULL) == LOBASS_OK);
    require(lb_hash_equal(lb_tokenizer_hash(again), lb_tokenizer_hash(tokenizer)));
    require(lb_tokenizer_compare(&difference, again, tokenizer, NULL) == LOBASS_OK);
    require(difference.size == 0);
    lb_buffer_free(&difference);
    lobass_tokenizer_free(again);
}

static void check_beside(const char *folder, const uint8_t *data, size_t size)
{
    lobass_tokenizer *tokenizer = NULL;
    lobass_error error = {0};
    free(fuzz_file(folder, "tokenizer_config.json", data, size));
    const lobass_status status = lobass_tokenizer_load(&tokenizer, folder, &error);
    if (status != LOBASS_OK)
    {
        require_refusal(status, &error, folder);
        return;
    }
    fuzz_n_accepted++;
    check_ends(tokenizer);
    check_ids(tokenizer);
    check_same(tokenizer, folder);
    lobass_tokenizer_free(tokenizer);
}

/* FOLDER/NAME with the tokenizer.json of FILE. */
static char *folder_make(const char *name, const char *file)
{
    char *folder = lb_path_join(fuzz_folder(), name, NULL);
    lb_buffer content = {0};
    require(folder != NULL && lb_folder_create(folder, NULL) == LOBASS_OK);
    require(lb_file_read(&content, file, SIZE_MAX / 2, NULL) == LOBASS_OK);
    free(fuzz_file(folder, "tokenizer.json", content.data, content.size));
    lb_buffer_free(&content);
    return folder;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char *folders[2];
    if (folders[0] == NULL)
    {
        folders[0] = folder_make("bytes", FUZZ_TOKENIZER);
        folders[1] = folder_make("pieces", FUZZ_PIECES);
    }
    check_beside(folders[0], data, size);
    check_beside(folders[1], data, size);
    return 0;
}

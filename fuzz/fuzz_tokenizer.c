/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a tokenizer.json: loading refuses them or gives a tokenizer that encodes a text,
 * whole and with forced splits, and decodes what it gave. Ids are checked against the vocabulary.
 */
#include "fuzz.h"

#include "text/text.h"

static const char text[] =
    " Hello, the w\xC3\xB6rld's 12345\n\t\xE2\x96\x81<s>a\xCC\x81\xF0\x9F\xA6\x99"
    "  ab<x>abab </s>\xED\x95\x9C\xE3\x80\x80"
    "don't  ";
static const size_t splits[] = {0, 7, 20, 21, sizeof text - 1};

#define N_SPLITS (sizeof splits / sizeof splits[0])

static void check_ids(const lobass_tokenizer *tokenizer, const lb_ids *ids, const size_t *n_before)
{
    for (size_t i = 0; i < ids->count; i++)
    {
        if (lobass_tokenizer_piece(tokenizer, ids->values[i]) == NULL)
        {
            abort();
        }
    }
    for (size_t i = 0; i < N_SPLITS; i++)
    {
        if (n_before[i] > ids->count || (i > 0 && n_before[i] < n_before[i - 1]))
        {
            abort();
        }
    }
}

static void encode_and_decode(const lobass_tokenizer *tokenizer, bool is_joint)
{
    lb_encoder *encoder = NULL;
    lb_ids ids = {0};
    size_t n_before[N_SPLITS];
    char *decoded = NULL;
    size_t decoded_size = 0;

    if (lb_encoder_create(&encoder, tokenizer, true, NULL) == LOBASS_OK &&
        lb_encoder_encode(encoder, &ids, text, sizeof text - 1, splits, N_SPLITS, is_joint,
                          n_before, NULL) == LOBASS_OK)
    {
        check_ids(tokenizer, &ids, n_before);
        if (lobass_tokenizer_decode(&decoded, &decoded_size, tokenizer, ids.values, ids.count,
                                    NULL) == LOBASS_OK)
        {
            free(decoded);
        }
        for (size_t i = 0; i < ids.count; i++)
        {
            if (lobass_tokenizer_piece_text(&decoded, &decoded_size, tokenizer, ids.values[i],
                                            NULL) == LOBASS_OK)
            {
                free(decoded);
            }
        }
    }
    lb_ids_free(&ids);
    lb_encoder_free(encoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *path = fuzz_file(fuzz_folder(), "tokenizer.json", data, size);
    lobass_tokenizer *tokenizer = NULL;
    lobass_error error = {0};
    if (lobass_tokenizer_load(&tokenizer, path, &error) == LOBASS_OK)
    {
        fuzz_n_accepted++;
        encode_and_decode(tokenizer, false);
        encode_and_decode(tokenizer, true);
        lobass_tokenizer_free(tokenizer);
    }
    free(path);
    return 0;
}

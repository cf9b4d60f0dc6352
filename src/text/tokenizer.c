/* SPDX-License-Identifier: Apache-2.0
 *
 * The tokenizer as a whole: reads a tokenizer.json of the Hugging Face library (format version 1.0)
 * and what stands beside it, and answers questions about its vocabulary. "truncation" and "padding"
 * of the file are not read: they belong to batches, and nothing here cuts or fills a text. After
 * loading nothing changes, so that threads may share a tokenizer.
 */
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "text/tokenizer_private.h"

#define FORMAT_VERSION "1.0"

static lobass_status check_version(const json_t *file, const char *path, lobass_error *error)
{
    const char *version = FORMAT_VERSION;

    if (!json_is_object(file))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: expected an object, found %s", path,
                       lb_json_kind(file));
    }
    LB_TRY(lb_json_text(file, path, "version", true, &version, error));
    return strcmp(version, FORMAT_VERSION) == 0
               ? LOBASS_OK
               : lb_fail(error, LOBASS_UNSUPPORTED,
                         "%s: field \"version\": expected \"%s\", found \"%.20s\"", path,
                         FORMAT_VERSION, version);
}

/* Of versions that knew no other identity: the bytes of the file and what the configuration said of
 * BOS and EOS. */
static lobass_status compute_file_hash(lobass_tokenizer *tokenizer, lb_mapping content,
                                       lobass_error *error)
{
    const lb_special_ids *special = &tokenizer->special;
    const int32_t ends[4] = {special->bos, special->eos, special->had_bos ? 1 : 0,
                             special->had_eos ? 1 : 0};
    lb_hasher *hasher = NULL;

    LB_TRY(lb_hasher_create(&hasher, 0, error));
    lb_hasher_update(hasher, content.data, content.size);
    lb_hasher_update(hasher, ends, sizeof ends);
    if (tokenizer->is_changed_by_config)
    {
        lb_hasher_update(hasher, &tokenizer->hash, sizeof tokenizer->hash);
    }
    tokenizer->file_hash = lb_hasher_value(hasher);
    lb_hasher_free(hasher);
    return LOBASS_OK;
}

static lobass_status load_parts(lobass_tokenizer *tokenizer, const json_t *file, const char *path,
                                lobass_error *error)
{
    const lb_loader loader = {&tokenizer->arena, path};
    lb_scratch scratch = {0};
    lb_tokenizer_config config = {0};
    lobass_status status = LOBASS_OK;

    LB_TRY_GOTO(lb_tokenizer_config_load(&config, path, error));
    LB_TRY_GOTO(check_version(file, path, error));
    LB_TRY_GOTO(lb_normalizers_load(&tokenizer->normalizers, &loader, file, error));
    LB_TRY_GOTO(lb_pre_tokenizers_load(&tokenizer->pre_tokenizers, &loader, file, error));
    LB_TRY_GOTO(lb_detokenizers_load(&tokenizer->detokenizers, &loader, file, error));
    tokenizer->bpe.is_byte_level = tokenizer->pre_tokenizers.ends_in_bytes;
    LB_TRY_GOTO(lb_bpe_load(&tokenizer->bpe, &loader, file, error));
    LB_TRY_GOTO(lb_prefix_space_apply(tokenizer, &config, error));
    LB_TRY_GOTO(lb_scratch_init(&scratch, error));
    LB_TRY_GOTO(lb_added_tokens_load(&tokenizer->added, &tokenizer->bpe.vocab,
                                     &tokenizer->normalizers, &scratch, &loader, file, &config,
                                     error));
    tokenizer->is_changed_by_config =
        tokenizer->is_changed_by_config || tokenizer->added.is_changed;
    LB_TRY_GOTO(lb_special_ids_load(&tokenizer->special, tokenizer, &config, file, path, error));
done:
    lb_scratch_free(&scratch);
    lb_tokenizer_config_free(&config);
    return status;
}

static lobass_status load_file(lobass_tokenizer **tokenizer, const char *path, lobass_error *error)
{
    lb_mapping content = {0};
    json_t *file = NULL;
    lobass_status status = LOBASS_OK;
    lobass_tokenizer *made = lb_alloc(1, sizeof *made, error);

    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY_GOTO(lb_mapping_open(&content, path, error));
    LB_TRY_GOTO(lb_json_parse(&file, (const char *)content.data, content.size, path, error));
    LB_TRY_GOTO(load_parts(made, file, path, error));
    LB_TRY_GOTO(lb_tokenizer_identify(&made->hash, made, error));
    LB_TRY_GOTO(compute_file_hash(made, content, error));
    *tokenizer = made;
    made = NULL;
done:
    json_decref(file);
    lb_mapping_close(&content);
    lobass_tokenizer_free(made);
    return status;
}

lobass_status lobass_tokenizer_load(lobass_tokenizer **tokenizer, const char *path,
                                    lobass_error *error)
{
    *tokenizer = NULL;
    if (lb_path_look(path) != LB_PATH_FOLDER)
    {
        return load_file(tokenizer, path, error);
    }
    char *file_path = lb_path_join(path, LB_TOKENIZER_FILE, error);
    if (file_path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const lobass_status status = load_file(tokenizer, file_path, error);
    free(file_path);
    return status;
}

void lobass_tokenizer_free(lobass_tokenizer *tokenizer)
{
    if (tokenizer != NULL)
    {
        lb_normalizers_free(&tokenizer->normalizers);
        lb_pre_tokenizers_free(&tokenizer->pre_tokenizers);
        lb_detokenizers_free(&tokenizer->detokenizers);
        lb_arena_free(&tokenizer->arena);
        free(tokenizer);
    }
}

size_t lobass_tokenizer_count(const lobass_tokenizer *tokenizer)
{
    return tokenizer->bpe.vocab.count;
}

const char *lobass_tokenizer_piece(const lobass_tokenizer *tokenizer, int32_t id)
{
    const lb_vocab *vocab = &tokenizer->bpe.vocab;
    return id < 0 || (size_t)id >= vocab->count ? NULL : vocab->pieces[id].text;
}

int32_t lb_tokenizer_find(const lobass_tokenizer *tokenizer, const char *text, size_t size_bytes)
{
    const lb_added_token *token = lb_added_tokens_find(&tokenizer->added, text, size_bytes);
    return token != NULL ? token->id : lb_vocab_find(&tokenizer->bpe.vocab, text, size_bytes);
}

bool lb_tokenizer_is_special(const lobass_tokenizer *tokenizer, int32_t id)
{
    const lb_added_tokens *added = &tokenizer->added;
    size_t from = 0;
    size_t to = added->n_tokens;

    while (from < to) /* they stand in the order of their ids */
    {
        const size_t middle = from + (to - from) / 2;
        from = added->tokens[middle].id < id ? middle + 1 : from;
        to = added->tokens[middle].id < id ? to : middle;
    }
    return from < added->n_tokens && added->tokens[from].id == id && added->tokens[from].is_special;
}

lb_special_ids lb_tokenizer_special_ids(const lobass_tokenizer *tokenizer)
{
    return tokenizer->special;
}

lb_hash lb_tokenizer_hash(const lobass_tokenizer *tokenizer)
{
    return tokenizer->hash;
}

lb_hash lb_tokenizer_file_hash(const lobass_tokenizer *tokenizer)
{
    return tokenizer->file_hash;
}

bool lb_tokenizer_keeps_prefix(const lobass_tokenizer *tokenizer)
{
    return tokenizer->special.had_bos == (tokenizer->special.n_prefix > 0);
}

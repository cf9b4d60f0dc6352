/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether two tokenizers are the same: what was read of them counts, not the bytes of their files.
 * White space, the order of keys, merges as texts or pairs, defaults that are spelt out, truncation
 * and padding, and whatever else no id and no text depends on, are nothing; so a model that a
 * trainer saved has the tokenizer that it had before. Each part has a hash of its own, which says
 * where two differ; the identity is the hash of these.
 */
#include <string.h>

#include "text/tokenizer_private.h"

static void put_text(lb_hasher *hasher, const char *text, size_t size)
{
    const uint64_t length = text == NULL ? UINT64_MAX : size;
    lb_hasher_update(hasher, &length, sizeof length);
    if (text != NULL)
    {
        lb_hasher_update(hasher, text, size);
    }
}

static void put_name(lb_hasher *hasher, const char *name)
{
    put_text(hasher, name, name == NULL ? 0 : strlen(name));
}

static void put_number(lb_hasher *hasher, int64_t number)
{
    lb_hasher_update(hasher, &number, sizeof number);
}

/* An expression, a text, or nothing: a predicate belongs to its kind. */
static void put_pattern(lb_hasher *hasher, const lb_pattern *pattern)
{
    put_number(hasher, pattern->regex != NULL);
    put_text(hasher, pattern->literal, pattern->literal_size);
}

/* ---- the parts ---------------------------------------------------------------------------------
 */

static void put_vocabulary(lb_hasher *hasher, const lobass_tokenizer *tokenizer)
{
    const lb_vocab *vocab = &tokenizer->bpe.vocab;
    for (size_t id = 0; id < vocab->count; id++)
    {
        put_text(hasher, vocab->pieces[id].text, vocab->pieces[id].size);
    }
}

/* In the order of their ranks; of a pair that comes twice only the last is heeded. */
static void put_merges(lb_hasher *hasher, const lobass_tokenizer *tokenizer)
{
    const lb_bpe *bpe = &tokenizer->bpe;
    for (size_t rank = 0; rank < bpe->n_merges; rank++)
    {
        const lb_merge *merge = &bpe->merges[rank];
        if (lb_bpe_rank(bpe, merge->left, merge->right) == rank)
        {
            const int32_t sides[2] = {merge->left, merge->right};
            lb_hasher_update(hasher, sides, sizeof sides);
        }
    }
}

static void put_model(lb_hasher *hasher, const lobass_tokenizer *tokenizer)
{
    const lb_bpe *bpe = &tokenizer->bpe;
    put_number(hasher, bpe->has_byte_fallback);
    put_number(hasher, bpe->fuses_unknown);
    put_number(hasher, bpe->ignores_merges);
    put_number(hasher, bpe->unknown);
    put_name(hasher, bpe->unknown_name);
}

/* In the order of their ids. */
static void put_added(lb_hasher *hasher, const lobass_tokenizer *tokenizer)
{
    const lb_added_tokens *added = &tokenizer->added;
    for (size_t i = 0; i < added->n_tokens; i++)
    {
        const lb_added_token *token = &added->tokens[i];
        put_number(hasher, token->id);
        put_text(hasher, token->text, token->size);
        put_number(
            hasher,
            (token->is_single_word ? 1 : 0) | (token->strips_left ? 2 : 0) |
                (token->strips_right ? 4 : 0) | (token->is_normalized ? 8 : 0) |
                (token->is_special ? 16 : 0) |
                (lb_vocab_find(&tokenizer->bpe.vocab, token->text, token->size) >= 0 ? 32 : 0));
    }
}

static void put_normalizers(lb_hasher *hasher, const lobass_tokenizer *tokenizer)
{
    const lb_normalizers *normalizers = &tokenizer->normalizers;
    for (size_t i = 0; i < normalizers->n_steps; i++)
    {
        const lb_normalizer *step = &normalizers->steps[i];
        put_name(hasher, step->kind->name);
        put_pattern(hasher, &step->pattern);
        put_text(hasher, step->text, step->text_size);
        put_number(hasher, (step->strips_left ? 1 : 0) | (step->strips_right ? 2 : 0));
    }
}

static void put_pre_tokenizers(lb_hasher *hasher, const lobass_tokenizer *tokenizer)
{
    const lb_pre_tokenizers *cutting = &tokenizer->pre_tokenizers;
    put_number(hasher, cutting->ends_in_bytes);
    for (size_t i = 0; i < cutting->n_steps; i++)
    {
        const lb_pre_tokenizer *step = &cutting->steps[i];
        put_name(hasher, step->kind->name);
        put_pattern(hasher, &step->pattern);
        put_text(hasher, step->replacement, step->replacement_size);
        put_number(hasher, step->behavior);
        put_number(hasher, step->prefix);
        put_number(hasher, (step->is_inverted ? 1 : 0) | (step->splits ? 2 : 0) |
                               (step->maps_bytes ? 4 : 0));
    }
}

static void put_detokenizers(lb_hasher *hasher, const lobass_tokenizer *tokenizer)
{
    const lb_detokenizers *decoding = &tokenizer->detokenizers;
    put_number(hasher, decoding->is_absent);
    for (size_t i = 0; i < decoding->n_steps; i++)
    {
        const lb_detokenizer *step = &decoding->steps[i];
        put_name(hasher, step->kind->name);
        put_pattern(hasher, &step->pattern);
        put_text(hasher, step->text, step->text_size);
        put_number(hasher, step->start);
        put_number(hasher, step->stop);
        put_number(hasher, step->prefix);
    }
}

/* What is put before a text, and the names of its ends. */
static void put_ends(lb_hasher *hasher, const lobass_tokenizer *tokenizer)
{
    const lb_special_ids *special = &tokenizer->special;
    put_number(hasher, special->bos);
    put_number(hasher, special->eos);
    for (size_t i = 0; i < special->n_prefix; i++)
    {
        put_number(hasher, special->prefix[i]);
    }
}

typedef struct identity_part
{
    const char *name; /* "their NAME differ" */
    void (*put)(lb_hasher *hasher, const lobass_tokenizer *tokenizer);
} identity_part;

static const identity_part parts[] = {
    {"vocabularies", put_vocabulary},
    {"merges", put_merges},
    {"options of the model", put_model},
    {"added tokens", put_added},
    {"normalizers", put_normalizers},
    {"pre-tokenizers", put_pre_tokenizers},
    {"decoders", put_detokenizers},
    {"tokens at the ends of a text (bos_token, eos_token and what is put before a text)", put_ends},
};
#define N_PARTS (sizeof parts / sizeof *parts)

static lobass_status part_hash(lb_hash *hash, const identity_part *part,
                               const lobass_tokenizer *tokenizer, lobass_error *error)
{
    lb_hasher *hasher = NULL;
    LB_TRY(lb_hasher_create(&hasher, 0, error));
    part->put(hasher, tokenizer);
    *hash = lb_hasher_value(hasher);
    lb_hasher_free(hasher);
    return LOBASS_OK;
}

lobass_status lb_tokenizer_identify(lb_hash *hash, const lobass_tokenizer *tokenizer,
                                    lobass_error *error)
{
    lb_hash hashes[N_PARTS];
    char texts[N_PARTS][LB_HASH_TEXT_SIZE];
    for (size_t i = 0; i < N_PARTS; i++)
    {
        LB_TRY(part_hash(&hashes[i], &parts[i], tokenizer, error));
        lb_hash_text(hashes[i], texts[i]);
    }
    *hash = lb_hash_bytes(texts, sizeof texts, 0);
    return LOBASS_OK;
}

/* ---- where two differ --------------------------------------------------------------------------
 */

/* Of the vocabulary: the first id that is not the same piece, which says more than a name. */
static lobass_status describe_pieces(lb_buffer *text, const lb_vocab *a, const lb_vocab *b,
                                     lobass_error *error)
{
    const size_t count = a->count > b->count ? a->count : b->count;
    for (size_t id = 0; id < count; id++)
    {
        const lb_piece left = id < a->count ? a->pieces[id] : (lb_piece){0};
        const lb_piece right = id < b->count ? b->pieces[id] : (lb_piece){0};
        const bool is_same = (left.text == NULL) == (right.text == NULL) &&
                             left.size == right.size &&
                             (left.text == NULL || memcmp(left.text, right.text, left.size) == 0);
        if (!is_same)
        {
            return lb_buffer_print(
                text, error, ": id %zu is %s%.40s%s, and was %s%.40s%s", id,
                left.text == NULL ? "" : "\"", left.text == NULL ? "none" : left.text,
                left.text == NULL ? "" : "\"", right.text == NULL ? "" : "\"",
                right.text == NULL ? "none" : right.text, right.text == NULL ? "" : "\"");
        }
    }
    return LOBASS_OK;
}

lobass_status lb_tokenizer_compare(lb_buffer *text, const lobass_tokenizer *now,
                                   const lobass_tokenizer *before, lobass_error *error)
{
    const char *between = "their ";
    lb_buffer_clear(text);
    for (size_t i = 0; i < N_PARTS; i++)
    {
        lb_hash hashes[2];
        LB_TRY(part_hash(&hashes[0], &parts[i], now, error));
        LB_TRY(part_hash(&hashes[1], &parts[i], before, error));
        if (lb_hash_equal(hashes[0], hashes[1]))
        {
            continue;
        }
        LB_TRY(lb_buffer_print(text, error, "%s%s differ", between, parts[i].name));
        between = "; their ";
        if (parts[i].put == put_vocabulary)
        {
            LB_TRY(describe_pieces(text, &now->bpe.vocab, &before->bpe.vocab, error));
        }
    }
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the "model" of tokenizer.json: vocabulary, merges ("a b" or ["a", "b"], the earlier the
 * stronger), byte fallback and the unknown token. Every merge must lead from pieces of the
 * vocabulary to a piece of the vocabulary. Options that would change ids and are not implemented
 * (dropout, subword prefix and suffix, other model types) are refused.
 *
 * SentencePiece-style models have no pre-tokenizer: a whole text is one word. Where no merged piece
 * holds a U+2581 behind another character, no merge can reach over the beginning of a run of them,
 * and words may be cut there without changing any id; splits_at_space says so.
 */
#include <string.h>

#include "format/format.h"
#include "text/tokenizer_private.h"

#define MAX_SHOWN 40
#define SPACE_MARK "\xE2\x96\x81" /* U+2581 */
#define SPACE_MARK_SIZE 3

static lobass_status refuse_option(const lb_loader *loader, const char *key, lobass_error *error)
{
    return lb_fail(error, LOBASS_UNSUPPORTED,
                   "%s: model: field \"%s\" is not supported; expected null", loader->path, key);
}

static bool is_empty_option(const json_t *value)
{
    return value == NULL || json_is_null(value) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_number(value) && json_number_value(value) == 0.0);
}

static lobass_status check_options(const lb_loader *loader, const json_t *model,
                                   lobass_error *error)
{
    static const char *const unsupported[] = {"dropout", "continuing_subword_prefix",
                                              "end_of_word_suffix"};
    const json_t *type = json_object_get(model, "type");

    /* Files of the first versions have no type; what only BPE has tells them. */
    if (type != NULL || json_object_get(model, "merges") == NULL)
    {
        const char *name = json_string_value(type);
        if (name == NULL || strcmp(name, "BPE") != 0)
        {
            return lb_fail(error, LOBASS_UNSUPPORTED,
                           "%s: model \"%s\" is not supported; supported is BPE", loader->path,
                           name == NULL ? "" : name);
        }
    }
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++)
    {
        if (!is_empty_option(json_object_get(model, unsupported[i])))
        {
            return refuse_option(loader, unsupported[i], error);
        }
    }
    return LOBASS_OK;
}

/* ---- merges ------------------------------------------------------------------------------------
 */

static lobass_status fail_merge(const lb_loader *loader, size_t rank, const char *what,
                                const char *piece, size_t size, lobass_error *error)
{
    const int shown = size > MAX_SHOWN ? MAX_SHOWN : (int)size;
    return lb_fail(error, LOBASS_BAD_FORMAT, "%s: model: merges: number %zu: %s \"%.*s\"",
                   loader->path, rank, what, shown, piece);
}

/* The two sides of a merge. */
static bool split_merge(const json_t *value, lb_view sides[2])
{
    if (json_is_array(value))
    {
        for (size_t i = 0; i < 2; i++)
        {
            const json_t *side = json_array_get(value, i);
            sides[i].data = json_string_value(side);
            sides[i].size = json_string_length(side);
        }
        return json_array_size(value) == 2 && sides[0].data != NULL && sides[1].data != NULL;
    }
    const char *text = json_string_value(value);
    const size_t size = json_string_length(value);
    const char *space = text == NULL ? NULL : memchr(text, ' ', size);
    if (space == NULL)
    {
        return false;
    }
    sides[0] = (lb_view){text, (size_t)(space - text), NULL};
    sides[1] = (lb_view){space + 1, size - sides[0].size - 1, NULL};
    return memchr(sides[1].data, ' ', sides[1].size) == NULL;
}

static uint64_t pair_hash(int32_t left, int32_t right)
{
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    return (pair * UINT64_C(0x9E3779B97F4A7C15)) >> 32; /* 2^64 / golden ratio */
}

static void enter_merge(lb_bpe *bpe, uint32_t rank)
{
    const lb_merge *merge = &bpe->merges[rank];
    size_t slot = pair_hash(merge->left, merge->right) & (bpe->n_slots - 1);

    while (bpe->slots[slot] != UINT32_MAX)
    {
        const lb_merge *other = &bpe->merges[bpe->slots[slot]];
        if (other->left == merge->left && other->right == merge->right)
        {
            break; /* a pair that comes twice has its last rank */
        }
        slot = (slot + 1) & (bpe->n_slots - 1);
    }
    bpe->slots[slot] = rank;
}

uint32_t lb_bpe_rank(const lb_bpe *bpe, int32_t left, int32_t right)
{
    size_t slot = pair_hash(left, right) & (bpe->n_slots - 1);

    while (bpe->slots[slot] != UINT32_MAX)
    {
        const lb_merge *merge = &bpe->merges[bpe->slots[slot]];
        if (merge->left == left && merge->right == right)
        {
            break;
        }
        slot = (slot + 1) & (bpe->n_slots - 1);
    }
    return bpe->slots[slot];
}

static lobass_status read_merge(lb_bpe *bpe, const lb_loader *loader, size_t rank,
                                const json_t *value, lb_buffer *joined, lobass_error *error)
{
    lb_view sides[2];
    int32_t ids[2];

    if (!split_merge(value, sides))
    {
        return lb_fail(
            error, LOBASS_BAD_FORMAT,
            "%s: model: merges: number %zu: expected \"a b\" or [\"a\", \"b\"], found %s",
            loader->path, rank, lb_json_kind(value));
    }
    lb_buffer_clear(joined);
    for (size_t i = 0; i < 2; i++)
    {
        ids[i] = lb_vocab_find(&bpe->vocab, sides[i].data, sides[i].size);
        if (ids[i] < 0)
        {
            return fail_merge(loader, rank, "not in the vocabulary:", sides[i].data, sides[i].size,
                              error);
        }
        LB_TRY(lb_buffer_append(joined, sides[i].data, sides[i].size, error));
    }
    const int32_t result = lb_vocab_find(&bpe->vocab, joined->data, joined->size);
    if (result < 0)
    {
        return fail_merge(loader, rank, "its result is not in the vocabulary:", joined->data,
                          joined->size, error);
    }
    bpe->merges[rank] = (lb_merge){ids[0], ids[1], result};
    enter_merge(bpe, (uint32_t)rank);
    return LOBASS_OK;
}

static lobass_status load_merges(lb_bpe *bpe, const lb_loader *loader, const json_t *model,
                                 lobass_error *error)
{
    const json_t *list = json_object_get(model, "merges");
    lb_buffer joined = {0};
    lobass_status status = LOBASS_OK;

    if (!json_is_array(list))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: model: field \"merges\": expected an array, found %s", loader->path,
                       lb_json_kind(list));
    }
    bpe->n_merges = json_array_size(list);
    bpe->n_slots = 16;
    while (bpe->n_slots < 2 * bpe->n_merges + 2)
    {
        bpe->n_slots *= 2;
    }
    bpe->merges = lb_arena_alloc(loader->arena, bpe->n_merges, sizeof *bpe->merges, error);
    bpe->slots = lb_arena_alloc(loader->arena, bpe->n_slots, sizeof *bpe->slots, error);
    if (bpe->merges == NULL || bpe->slots == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    memset(bpe->slots, 0xFF, bpe->n_slots * sizeof *bpe->slots);
    for (size_t rank = 0; rank < bpe->n_merges; rank++)
    {
        LB_TRY_GOTO(read_merge(bpe, loader, rank, json_array_get(list, rank), &joined, error));
    }
done:
    lb_buffer_free(&joined);
    return status;
}

/* ---- what follows from vocabulary and merges ----------------------------------------------------
 */

static lobass_status index_chars(lb_bpe *bpe, const lb_loader *loader, lobass_error *error)
{
    char name[8];
    uint32_t code_point;

    bpe->char_ids = lb_arena_alloc(loader->arena, LB_N_BMP, sizeof *bpe->char_ids, error);
    if (bpe->char_ids == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    memset(bpe->char_ids, 0xFF, LB_N_BMP * sizeof *bpe->char_ids);
    for (size_t id = 0; id < bpe->vocab.count; id++)
    {
        const lb_piece *piece = &bpe->vocab.pieces[id];
        if (piece->text != NULL && piece->size > 0 && lb_utf8_length(piece->text) == piece->size)
        {
            (void)lb_utf8_decode(piece->text, &code_point);
            if (code_point < LB_N_BMP)
            {
                bpe->char_ids[code_point] = (int32_t)id;
            }
        }
    }
    for (unsigned byte = 0; byte < LB_N_BYTES; byte++)
    {
        const int size = snprintf(name, sizeof name, "<0x%02X>", byte);
        bpe->byte_ids[byte] = lb_vocab_find(&bpe->vocab, name, (size_t)size);
    }
    return LOBASS_OK;
}

/* Whether TEXT holds a space mark behind anything but a space mark. */
static bool has_inner_space(const char *text, size_t size)
{
    const char *at = text;
    const char *end = text + size;

    while ((at = memmem(at, (size_t)(end - at), SPACE_MARK, SPACE_MARK_SIZE)) != NULL)
    {
        if (at != text && (at - text < SPACE_MARK_SIZE ||
                           memcmp(at - SPACE_MARK_SIZE, SPACE_MARK, SPACE_MARK_SIZE) != 0))
        {
            return true;
        }
        at += SPACE_MARK_SIZE;
    }
    return false;
}

static bool can_split_at_space(const lb_bpe *bpe)
{
    if (bpe->is_byte_level || bpe->ignores_merges ||
        lb_vocab_find(&bpe->vocab, SPACE_MARK, SPACE_MARK_SIZE) < 0)
    {
        return false;
    }
    for (size_t rank = 0; rank < bpe->n_merges; rank++)
    {
        const lb_merge *merge = &bpe->merges[rank];
        const lb_piece *result = &bpe->vocab.pieces[merge->result];
        const lb_piece *sides[2] = {&bpe->vocab.pieces[merge->left],
                                    &bpe->vocab.pieces[merge->right]};
        for (size_t i = 0; i < 2; i++) /* pieces that do not stand for their own text */
        {
            const bool is_byte = bpe->has_byte_fallback && sides[i]->size == 6 &&
                                 memcmp(sides[i]->text, "<0x", 3) == 0;
            const bool is_unknown =
                bpe->unknown >= 0 && sides[i] == &bpe->vocab.pieces[bpe->unknown];
            if (is_byte || is_unknown)
            {
                return false;
            }
        }
        if (has_inner_space(result->text, result->size))
        {
            return false;
        }
    }
    return true;
}

size_t lb_bpe_next_word(const lb_bpe *bpe, const char *text, size_t size_bytes)
{
    size_t at = 0;

    if (!bpe->splits_at_space)
    {
        return size_bytes;
    }
    while (size_bytes - at >= SPACE_MARK_SIZE &&
           memcmp(text + at, SPACE_MARK, SPACE_MARK_SIZE) == 0)
    {
        at += SPACE_MARK_SIZE;
    }
    if (at == size_bytes)
    {
        return at;
    }
    const char *found = memmem(text + at + 1, size_bytes - at - 1, SPACE_MARK, SPACE_MARK_SIZE);
    return found == NULL ? size_bytes : (size_t)(found - text);
}

lobass_status lb_bpe_load(lb_bpe *bpe, const lb_loader *loader, const json_t *file,
                          lobass_error *error)
{
    const json_t *model = json_object_get(file, "model");
    const char *unknown = NULL;
    const size_t before = strlen(loader->path);
    char where[LOBASS_ERROR_SIZE / 2];

    if (!json_is_object(model))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"model\": expected an object, found %s", loader->path,
                       lb_json_kind(model));
    }
    (void)snprintf(where, sizeof where, "%s: model", loader->path);
    LB_TRY(check_options(loader, model, error));
    LB_TRY(lb_json_boolean(model, where, "byte_fallback", true, &bpe->has_byte_fallback, error));
    LB_TRY(lb_json_boolean(model, where, "fuse_unk", true, &bpe->fuses_unknown, error));
    LB_TRY(lb_json_boolean(model, where, "ignore_merges", true, &bpe->ignores_merges, error));
    LB_TRY(lb_json_text(model, where, "unk_token", true, &unknown, error));
    LB_TRY(lb_vocab_load(&bpe->vocab, loader, json_object_get(model, "vocab"), error));
    LB_TRY(load_merges(bpe, loader, model, error));
    LB_TRY(index_chars(bpe, loader, error));
    bpe->unknown = -1;
    bpe->path = lb_arena_text(loader->arena, loader->path, before, error);
    if (bpe->path == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    if (unknown != NULL)
    {
        bpe->unknown_name = lb_arena_text(loader->arena, unknown, strlen(unknown), error);
        bpe->unknown = lb_vocab_find(&bpe->vocab, unknown, strlen(unknown));
        if (bpe->unknown_name == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
    }
    bpe->splits_at_space = can_split_at_space(bpe);
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The added_tokens of tokenizer.json: texts that are one token wherever they stand, cut out before
 * the model sees anything. Those with normalized = false are looked for in the text as it is, the
 * others, themselves normalised, in the normalised text. single_word asks for borders on both
 * sides; lstrip and rstrip let a token swallow the white space beside it. As in transformers,
 * added_tokens_decoder of tokenizer_config.json adds tokens and overrules their flags, and a piece
 * of the vocabulary that it names as a special token (bos_token and so on) is one.
 *
 * A token that the model's vocabulary knows has its id there; the others follow one another behind
 * the vocabulary, which is how the Hugging Face library numbers them whatever the file says. A file
 * that says otherwise is refused, since nobody could tell which ids its model was trained with.
 */
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "text/tokenizer_private.h"

#define MAX_SHOWN 40
#define WHERE_SIZE 640

/* ---- reading -----------------------------------------------------------------------------------
 */

/* All but the id. */
static lobass_status read_token(lb_added_token *token, const lb_loader *loader, const json_t *value,
                                const char *where, lobass_error *error)
{
    if (!json_is_object(value))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: expected an object, found %s", where,
                       lb_json_kind(value));
    }
    LB_TRY(lb_part_text(value, loader, where, "content", &token->text, &token->size, error));
    LB_TRY(lb_json_boolean(value, where, "single_word", true, &token->is_single_word, error));
    LB_TRY(lb_json_boolean(value, where, "lstrip", true, &token->strips_left, error));
    LB_TRY(lb_json_boolean(value, where, "rstrip", true, &token->strips_right, error));
    LB_TRY(lb_json_boolean(value, where, "special", true, &token->is_special, error));
    token->is_normalized = !token->is_special;
    LB_TRY(lb_json_boolean(value, where, "normalized", true, &token->is_normalized, error));
    if (token->size == 0 || strlen(token->text) != token->size)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: field \"content\": %s", where,
                       token->size == 0 ? "it is empty" : "it holds a NUL");
    }
    return LOBASS_OK;
}

static bool has_text(const lb_added_token *token, const char *text, size_t size_bytes)
{
    return token->text != NULL && token->size == size_bytes &&
           memcmp(token->text, text, size_bytes) == 0;
}

const lb_added_token *lb_added_tokens_find(const lb_added_tokens *added, const char *text,
                                           size_t size_bytes)
{
    for (size_t i = 0; i < added->n_tokens; i++)
    {
        const lb_added_token *token = &added->tokens[i];
        if (has_text(token, text, size_bytes))
        {
            return token;
        }
    }
    return NULL;
}

/* Checks each id against the one that the library would give and enters new pieces; VOCAB has room
 * for all of them. */
static lobass_status check_ids(lb_added_tokens *added, lb_vocab *vocab, const lb_loader *loader,
                               lobass_error *error)
{
    size_t next = vocab->n_pieces;

    for (size_t i = 0; i < added->n_tokens; i++)
    {
        const lb_added_token *token = &added->tokens[i];
        const int32_t known = lb_vocab_find(vocab, token->text, token->size);
        const size_t expected = known >= 0 ? (size_t)known : next;
        if ((size_t)token->id != expected)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "%s: added_tokens: \"%.*s\" has id %d; expected %zu, %s", loader->path,
                           MAX_SHOWN, token->text, token->id, expected,
                           known >= 0 ? "as in the vocabulary" : "the next id behind all others");
        }
        lb_piece *piece = &vocab->pieces[token->id];
        if (known < 0 && piece->text != NULL)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "%s: added_tokens: \"%.*s\" has id %d, which belongs to \"%.*s\"",
                           loader->path, MAX_SHOWN, token->text, token->id, MAX_SHOWN, piece->text);
        }
        if (known < 0)
        {
            *piece = (lb_piece){token->text, token->text, (uint32_t)token->size};
            vocab->n_pieces++;
        }
        next = expected + 1 > next ? expected + 1 : next;
        vocab->count = expected + 1 > vocab->count ? expected + 1 : vocab->count;
    }
    return LOBASS_OK;
}

static lobass_status read_list(lb_added_tokens *added, const lb_loader *loader, const json_t *list,
                               lobass_error *error)
{
    char where[WHERE_SIZE];
    const json_t *value;
    size_t index;

    json_array_foreach(list, index, value)
    {
        lb_added_token *token = &added->tokens[index];
        int64_t id = 0;
        (void)snprintf(where, sizeof where, "%s: added_tokens: number %zu", loader->path, index);
        LB_TRY(read_token(token, loader, value, where, error));
        LB_TRY(lb_json_integer(value, where, "id", 0, LB_MAX_TOKEN_ID, false, &id, error));
        token->id = (int32_t)id;
        added->n_tokens++;
    }
    return LOBASS_OK;
}

/* ---- what the configuration adds ---------------------------------------------------------------
 */

/* The flags of TOKEN, and all of it where TOKENS do not have it. The lists have one order mostly:
 * NEAR is where it is looked for first. */
static void take_over(lb_added_tokens *added, const lb_added_token *token, size_t near)
{
    const lb_added_token *found = near < added->n_tokens ? &added->tokens[near] : NULL;
    if (found == NULL || !has_text(found, token->text, token->size))
    {
        found = lb_added_tokens_find(added, token->text, token->size);
    }
    lb_added_token *kept =
        &added->tokens[found == NULL ? added->n_tokens++ : (size_t)(found - added->tokens)];
    added->is_changed =
        added->is_changed || found == NULL || kept->is_single_word != token->is_single_word ||
        kept->strips_left != token->strips_left || kept->strips_right != token->strips_right ||
        kept->is_normalized != token->is_normalized || kept->is_special != token->is_special;
    *kept = *token;
}

static int compare_ids(const void *left, const void *right)
{
    const int32_t a = ((const lb_added_token *)left)->id;
    const int32_t b = ((const lb_added_token *)right)->id;
    return (a > b) - (a < b);
}

#define DECODER "added_tokens_decoder"

/* {"ID": {"content": ...}, ...} */
static lobass_status read_decoder(lb_added_tokens *added, const lb_loader *loader, json_t *decoder,
                                  lobass_error *error)
{
    const size_t n_before = added->n_tokens;
    char where[WHERE_SIZE];
    size_t index = 0;
    const char *key;
    json_t *value;

    json_object_foreach(decoder, key, value)
    {
        lb_added_token token = {0};
        char *end = NULL;
        const long id = strtol(key, &end, 10);
        (void)snprintf(where, sizeof where, "%s: " DECODER ": \"%.*s\"", loader->path, MAX_SHOWN,
                       key);
        if (end == key || *end != '\0' || id < 0 || id > LB_MAX_TOKEN_ID)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT, "%s: expected an id from 0 to %d", where,
                           LB_MAX_TOKEN_ID);
        }
        LB_TRY(read_token(&token, loader, value, where, error));
        token.id = (int32_t)id;
        take_over(added, &token, index++);
    }
    qsort(added->tokens + n_before, added->n_tokens - n_before, sizeof *added->tokens, compare_ids);
    return LOBASS_OK;
}

static const char *const named_keys[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                         "pad_token", "cls_token", "mask_token"};
#define N_NAMED_KEYS (sizeof named_keys / sizeof *named_keys)
/* Lists of them, or objects whose values they are; the second since transformers 5. */
static const char *const more_keys[] = {"additional_special_tokens", "extra_special_tokens"};
#define N_MORE_KEYS (sizeof more_keys / sizeof *more_keys)

/* A text or {"content": text}: special if it is a piece of the vocabulary. */
static lobass_status read_named(lb_added_tokens *added, const lb_vocab *vocab,
                                const lb_loader *loader, const json_t *value, lobass_error *error)
{
    const json_t *text = json_is_object(value) ? json_object_get(value, "content") : value;
    const char *name = json_string_value(text);
    const size_t size = json_string_length(text);
    const int32_t id = name == NULL || size == 0 ? -1 : lb_vocab_find(vocab, name, size);
    lb_added_token token = {.size = size, .id = id};

    if (id < 0 || lb_added_tokens_find(added, name, size) != NULL)
    {
        return LOBASS_OK;
    }
    token.text = lb_arena_text(loader->arena, name, size, error);
    if (token.text == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    if (json_is_object(value))
    {
        LB_TRY(lb_json_boolean(value, loader->path, "lstrip", true, &token.strips_left, error));
        LB_TRY(lb_json_boolean(value, loader->path, "rstrip", true, &token.strips_right, error));
        LB_TRY(lb_json_boolean(value, loader->path, "single_word", true, &token.is_single_word,
                               error));
        LB_TRY(
            lb_json_boolean(value, loader->path, "normalized", true, &token.is_normalized, error));
    }
    token.is_special = true;
    take_over(added, &token, SIZE_MAX);
    return LOBASS_OK;
}

static lobass_status read_more(lb_added_tokens *added, const lb_vocab *vocab,
                               const lb_loader *loader, json_t *list, lobass_error *error)
{
    const char *key;
    json_t *value;
    size_t index;

    json_array_foreach(list, index, value)
    {
        LB_TRY(read_named(added, vocab, loader, value, error));
    }
    json_object_foreach(list, key, value)
    {
        LB_TRY(read_named(added, vocab, loader, value, error));
    }
    return LOBASS_OK;
}

static lobass_status fail_kind(const lb_loader *loader, const char *key, const char *expected,
                               const json_t *value, lobass_error *error)
{
    return lb_fail(error, LOBASS_BAD_FORMAT, "%s: field \"%s\": expected %s, found %s",
                   loader->path, key, expected, lb_json_kind(value));
}

static lobass_status read_config(lb_added_tokens *added, const lb_vocab *vocab,
                                 const lb_loader *loader, const json_t *config, lobass_error *error)
{
    json_t *decoder = json_object_get(config, DECODER);

    if (decoder != NULL && !json_is_null(decoder) && !json_is_object(decoder))
    {
        return fail_kind(loader, DECODER, "an object", decoder, error);
    }
    LB_TRY(read_decoder(added, loader, decoder, error));
    for (size_t i = 0; i < N_NAMED_KEYS; i++)
    {
        LB_TRY(read_named(added, vocab, loader, json_object_get(config, named_keys[i]), error));
    }
    for (size_t i = 0; i < N_MORE_KEYS; i++)
    {
        json_t *list = json_object_get(config, more_keys[i]);
        if (list != NULL && !json_is_null(list) && !json_is_array(list) && !json_is_object(list))
        {
            return fail_kind(loader, more_keys[i], "an array or an object", list, error);
        }
        LB_TRY(read_more(added, vocab, loader, list, error));
    }
    return LOBASS_OK;
}

/* How many tokens CONFIG may add. */
static size_t count_of_config(const json_t *config)
{
    size_t count = N_NAMED_KEYS + json_object_size(json_object_get(config, DECODER));
    for (size_t i = 0; i < N_MORE_KEYS; i++)
    {
        const json_t *list = json_object_get(config, more_keys[i]);
        count += json_array_size(list) + json_object_size(list);
    }
    return count;
}

static lobass_status read_tokens(lb_added_tokens *added, lb_vocab *vocab, const lb_loader *loader,
                                 const json_t *list, const lb_tokenizer_config *config,
                                 lobass_error *error)
{
    const lb_loader of_config = {loader->arena, config->path};
    const size_t n_tokens = json_array_size(list) + count_of_config(config->json);
    const size_t n_known = vocab->count > vocab->n_pieces ? vocab->count : vocab->n_pieces;
    const size_t n_pieces = n_known + n_tokens;

    added->tokens = lb_arena_alloc(loader->arena, n_tokens, sizeof *added->tokens, error);
    lb_piece *pieces = lb_arena_alloc(loader->arena, n_pieces, sizeof *pieces, error);
    if (added->tokens == NULL || pieces == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    memset(added->tokens, 0, n_tokens * sizeof *added->tokens);
    memset(pieces, 0, n_pieces * sizeof *pieces);
    memcpy(pieces, vocab->pieces, vocab->count * sizeof *pieces);
    vocab->pieces = pieces;
    LB_TRY(read_list(added, loader, list, error));
    LB_TRY(read_config(added, vocab, &of_config, config->json, error));
    LB_TRY(check_ids(added, vocab, loader, error));
    qsort(added->tokens, added->n_tokens, sizeof *added->tokens, compare_ids);
    return LOBASS_OK;
}

/* ---- building the tries
 * -------------------------------------------------------------------------- */

/* A token's text as it is looked for; a normalised one is copied into the arena. */
static lobass_status make_pattern(lb_trie_pattern *pattern, const lb_added_token *token,
                                  const lb_normalizers *normalizers, lb_scratch *scratch,
                                  const lb_loader *loader, lobass_error *error)
{
    lb_view view = {token->text, token->size, NULL};

    if (token->is_normalized)
    {
        lb_scope scope = {.takes_prefix = true, .is_origin = true};
        LB_TRY(lb_normalizers_apply(normalizers, scratch, view, &scope, &view, error));
        if (view.size == 0)
        {
            return lb_fail(error, LOBASS_UNSUPPORTED,
                           "%s: added_tokens: nothing is left of \"%.*s\" when it is normalised",
                           loader->path, MAX_SHOWN, token->text);
        }
    }
    pattern->text = lb_arena_text(loader->arena, view.data, view.size, error);
    pattern->size = view.size;
    return pattern->text == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

static lobass_status build_trie(lb_trie *trie, const lb_added_tokens *added, lb_vocab *vocab,
                                bool is_normalized, const lb_normalizers *normalizers,
                                lb_scratch *scratch, const lb_loader *loader, lobass_error *error)
{
    lb_trie_pattern *patterns = lb_alloc(added->n_tokens, sizeof *patterns, error);
    size_t n_patterns = 0;
    lobass_status status = LOBASS_OK;

    if (patterns == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < added->n_tokens; i++)
    {
        const lb_added_token *token = &added->tokens[i];
        if (token->is_normalized == is_normalized)
        {
            patterns[n_patterns].index = (int32_t)i;
            LB_TRY_GOTO(
                make_pattern(&patterns[n_patterns], token, normalizers, scratch, loader, error));
            vocab->pieces[token->id].decoded = patterns[n_patterns].text;
            n_patterns++;
        }
    }
    LB_TRY_GOTO(lb_trie_build(trie, loader->arena, patterns, n_patterns, error));
    if (trie->has_equal_patterns)
    {
        status = lb_fail(error, LOBASS_UNSUPPORTED,
                         "%s: added_tokens: two are the same%s; expected different ones",
                         loader->path, is_normalized ? " when they are normalised" : "");
    }
done:
    free(patterns);
    return status;
}

lobass_status lb_added_tokens_load(lb_added_tokens *added, lb_vocab *vocab,
                                   const lb_normalizers *normalizers, lb_scratch *scratch,
                                   const lb_loader *loader, const json_t *file,
                                   const lb_tokenizer_config *config, lobass_error *error)
{
    const json_t *list = json_object_get(file, "added_tokens");

    if (list != NULL && !json_is_null(list) && !json_is_array(list))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"added_tokens\": expected an array, found %s", loader->path,
                       lb_json_kind(list));
    }
    LB_TRY(read_tokens(added, vocab, loader, list, config, error));
    LB_TRY(build_trie(&added->plain, added, vocab, false, normalizers, scratch, loader, error));
    return build_trie(&added->normalized, added, vocab, true, normalizers, scratch, loader, error);
}

/* ---- finding
 * -------------------------------------------------------------------------------------- */

static bool is_word_before(lb_view text, size_t offset)
{
    uint32_t code_point;

    if (offset == 0)
    {
        return false;
    }
    (void)lb_utf8_decode(text.data + lb_utf8_previous(text.data, offset), &code_point);
    return lb_char_is_word(code_point);
}

static bool is_word_after(lb_view text, size_t offset)
{
    uint32_t code_point;

    if (offset == text.size)
    {
        return false;
    }
    (void)lb_utf8_decode(text.data + offset, &code_point);
    return lb_char_is_word(code_point);
}

static size_t skip_space_back(lb_view text, size_t offset, size_t least)
{
    while (offset > least)
    {
        uint32_t code_point;
        const size_t before = lb_utf8_previous(text.data, offset);
        (void)lb_utf8_decode(text.data + before, &code_point);
        if (before < least || !lb_char_is_space(code_point))
        {
            break;
        }
        offset = before;
    }
    return offset;
}

static size_t skip_space(lb_view text, size_t offset)
{
    while (offset < text.size)
    {
        uint32_t code_point;
        const size_t length = lb_utf8_decode(text.data + offset, &code_point);
        if (!lb_char_is_space(code_point))
        {
            break;
        }
        offset += length;
    }
    return offset;
}

/* The first literal that ends behind OFFSET. */
static size_t literal_find(const lb_special_rule *rule, size_t offset)
{
    size_t low = 0;
    size_t high = rule->n_literals;
    while (low < high)
    {
        const size_t middle = low + (high - low) / 2;
        const bool is_before = rule->literals[middle].end <= offset;
        low = is_before ? middle + 1 : low;
        high = is_before ? high : middle;
    }
    return low;
}

/* Of a normalised text without ends nothing is known: there, no special token is taken anyway. */
static bool is_literal(const lb_special_rule *rule, lb_view text, bool is_normalized,
                       lb_range range)
{
    if (rule->n_literals == 0 || range.from == range.to || (is_normalized && text.ends == NULL))
    {
        return rule->n_literals > 0;
    }
    size_t first = 0;
    size_t end = 0;
    if (text.ends != NULL) /* of the character that the first byte comes from there is one byte */
    {
        first = text.ends[range.from] - 1;
        end = text.ends[range.to - 1];
    }
    else
    {
        first = (size_t)(text.data - rule->begin) + range.from;
        end = first + (range.to - range.from);
    }
    const size_t literal = literal_find(rule, first);
    return literal < rule->n_literals && rule->literals[literal].start < end;
}

bool lb_added_tokens_normalize_special(const lb_added_tokens *added)
{
    for (size_t i = 0; i < added->n_tokens; i++)
    {
        if (added->tokens[i].is_special && added->tokens[i].is_normalized)
        {
            return true;
        }
    }
    return false;
}

bool lb_added_tokens_next(const lb_added_tokens *added, const lb_trie *trie, lb_view text,
                          lb_special_rule *rule, lb_added_cursor *cursor, lb_range *range,
                          int32_t *id)
{
    int32_t index;

    while (lb_trie_find(trie, text.data, text.size, cursor->searched, range, &index))
    {
        const lb_added_token *token = &added->tokens[index];
        cursor->searched = range->to;
        const bool is_spelt =
            token->is_special && is_literal(rule, text, trie == &added->normalized, *range);
        rule->n_spelt += is_spelt;
        if (token->is_special && (is_spelt || !rule->takes_special))
        {
            continue;
        }
        if (token->is_single_word &&
            (is_word_before(text, range->from) || is_word_after(text, range->to)))
        {
            continue;
        }
        if (token->strips_left)
        {
            range->from = skip_space_back(text, range->from, cursor->taken);
        }
        if (token->strips_right)
        {
            range->to = skip_space(text, range->to);
        }
        /* A token of white space that an earlier one took is found again, as in the library. */
        cursor->taken = range->to;
        *id = token->id;
        return true;
    }
    return false;
}

bool lb_tokenizer_find_special(const lobass_tokenizer *tokenizer, const char *text,
                               size_t size_bytes, size_t *at, lb_stretch *found)
{
    const lb_added_tokens *added = &tokenizer->added;
    const lb_trie *const tries[] = {&added->plain, &added->normalized};
    size_t nearest = SIZE_MAX;
    for (size_t t = 0; t < 2; t++)
    {
        size_t searched = *at;
        lb_range range;
        int32_t index = 0;
        while (lb_trie_find(tries[t], text, size_bytes, searched, &range, &index))
        {
            const lb_added_token *token = &added->tokens[index];
            searched = range.to;
            if (token->is_special || token->id == tokenizer->special.eos)
            {
                *found = range.from < nearest ? (lb_stretch){range.from, range.to} : *found;
                nearest = range.from < nearest ? range.from : nearest;
                break;
            }
        }
    }
    *at = nearest < SIZE_MAX ? found->end : size_bytes;
    return nearest < SIZE_MAX;
}

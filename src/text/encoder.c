/* SPDX-License-Identifier: Apache-2.0
 *
 * Text -> token ids: drives a text through added tokens, normalizer, pre-tokenizer and model, piece
 * by piece between forced splits or as a whole (joint), and keeps what one thread needs for it.
 *
 * A forced split only forbids: what stands behind it is encoded as a text of its own, but nothing
 * is put before it that belongs to the beginning of a text (SentencePiece's dummy space, the space
 * of ByteLevel). The library puts that also behind every added token; so it is done here, whether
 * a split is there or not. In the joint mode every token knows where it ends in the text, through
 * all changes, and tokens are counted by that.
 */
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer_private.h"
#include "text/word_cache.h"

/* So far ahead the cache is told of a word: some 200 ns, the time that memory takes. */
#define WORDS_AHEAD 8

struct lb_encoder
{
    const lobass_tokenizer *tokenizer;
    lb_special_rule rule;
    bool normalizes_special; /* there are special tokens that are looked for in normalised text */
    lb_added_place *places;  /* of the latest encoding */
    size_t n_places, place_capacity;
    lb_scratch scratch;
    lb_bpe_work work;
    lb_word_cache cache;
    size_t *identity; /* identity[i] = i + 1: the ends of a text that is not changed yet */
    size_t n_identity, identity_capacity;
    size_t *ends; /* of the tokens of the text at hand, in joint mode */
    size_t n_ends, ends_capacity;
};

/* What there is while one text is encoded. */
typedef struct run
{
    lb_encoder *encoder;
    const lobass_tokenizer *tokenizer;
    lb_ids *ids;
    bool is_joint;
    bool is_behind_added; /* the last token was an added one */
    size_t first_id;      /* of IDS: the first one of this encoding */
    lobass_error *error;
} run;

/* ---- scratch
 * ------------------------------------------------------------------------------------------ */

lobass_status lb_scratch_init(lb_scratch *scratch, lobass_error *error)
{
    *scratch = (lb_scratch){0};
    return lb_matcher_create(&scratch->matcher, error);
}

void lb_scratch_free(lb_scratch *scratch)
{
    lb_matcher_free(scratch->matcher);
    for (size_t i = 0; i < sizeof scratch->texts / sizeof scratch->texts[0]; i++)
    {
        lb_tracked_free(&scratch->texts[i]);
    }
    for (size_t i = 0; i < sizeof scratch->words / sizeof scratch->words[0]; i++)
    {
        free(scratch->words[i].ranges);
    }
    *scratch = (lb_scratch){0};
}

lobass_status lb_encoder_create(lb_encoder **encoder, const lobass_tokenizer *tokenizer,
                                bool takes_special, lobass_error *error)
{
    lb_encoder *made = lb_alloc(1, sizeof *made, error);

    *encoder = NULL;
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->tokenizer = tokenizer;
    made->rule.takes_special = takes_special;
    made->normalizes_special = lb_added_tokens_normalize_special(&tokenizer->added);
    const lobass_status status = lb_scratch_init(&made->scratch, error);
    if (status != LOBASS_OK)
    {
        lb_encoder_free(made);
        return status;
    }
    *encoder = made;
    return LOBASS_OK;
}

void lb_encoder_free(lb_encoder *encoder)
{
    if (encoder != NULL)
    {
        lb_scratch_free(&encoder->scratch);
        lb_bpe_work_free(&encoder->work);
        lb_word_cache_free(&encoder->cache);
        free(encoder->identity);
        free(encoder->ends);
        free(encoder->places);
        free(encoder);
    }
}

void lb_encoder_set_literals(lb_encoder *encoder, bool takes_special, const lb_stretch *literals,
                             size_t n_literals)
{
    encoder->rule.takes_special = takes_special;
    encoder->rule.literals = literals;
    encoder->rule.n_literals = n_literals;
}

size_t lb_encoder_count_spelt(const lb_encoder *encoder)
{
    return encoder->rule.n_spelt;
}

const lb_added_place *lb_encoder_added(const lb_encoder *encoder, size_t *n_places)
{
    *n_places = encoder->n_places;
    return encoder->places;
}

/* The ends of the first SIZE bytes of a text as it is. */
static lobass_status prepare_identity(lb_encoder *encoder, size_t size, lobass_error *error)
{
    void *values = encoder->identity;

    LB_TRY(lb_list_reserve(&values, &encoder->identity_capacity, size, sizeof *encoder->identity,
                           error));
    encoder->identity = values;
    for (; encoder->n_identity < size; encoder->n_identity++)
    {
        encoder->identity[encoder->n_identity] = encoder->n_identity + 1;
    }
    return LOBASS_OK;
}

/* ---- words
 * -------------------------------------------------------------------------------------------- */

static lobass_status append_token(run *r, int32_t id, size_t end)
{
    lb_encoder *encoder = r->encoder;

    if (r->is_joint)
    {
        void *ends = encoder->ends;
        LB_TRY(lb_list_reserve(&ends, &encoder->ends_capacity, encoder->n_ends + 1,
                               sizeof *encoder->ends, r->error));
        encoder->ends = ends;
        encoder->ends[encoder->n_ends++] = end;
    }
    return lb_ids_append(r->ids, id, r->error);
}

static lobass_status encode_word(run *r, lb_view word)
{
    lb_encoder *encoder = r->encoder;
    const bool is_cached = !r->is_joint && word.size <= LB_CACHED_WORD_MAX;
    const int32_t *ids;
    size_t n_ids;

    if (is_cached && lb_word_cache_find(&encoder->cache, word.data, word.size, &ids, &n_ids))
    {
        return lb_ids_append_list(r->ids, ids, n_ids, r->error);
    }
    LB_TRY(lb_bpe_encode_word(&r->tokenizer->bpe, &encoder->work, word.data, word.size, r->error));
    for (size_t i = 0; i < encoder->work.n_symbols; i++)
    {
        const lb_symbol *symbol = &encoder->work.symbols[i];
        LB_TRY(append_token(r, symbol->id, lb_view_end(word, symbol->end)));
    }
    return is_cached ? lb_word_cache_add(&encoder->cache, word.data, word.size,
                                         encoder->work.symbols, encoder->work.n_symbols, r->error)
                     : LOBASS_OK;
}

/* A stretch without added tokens, normalised. */
static lobass_status encode_gap(run *r, lb_view gap, lb_scope scope)
{
    const lb_words *words;
    lb_view text;

    if (gap.size == 0)
    {
        return LOBASS_OK;
    }
    r->is_behind_added = false;
    LB_TRY(lb_pre_tokenizers_apply(&r->tokenizer->pre_tokenizers, &r->encoder->scratch, gap, scope,
                                   &text, &words, r->error));
    for (size_t i = 0; i < words->count; i++)
    {
        lb_view word = lb_view_slice(text, words->ranges[i].from, words->ranges[i].to);
        if (i + WORDS_AHEAD < words->count)
        {
            const lb_range next = words->ranges[i + WORDS_AHEAD];
            lb_word_cache_expect(&r->encoder->cache, text.data + next.from, next.to - next.from);
        }
        while (word.size > 0)
        {
            const size_t size = lb_bpe_next_word(&r->tokenizer->bpe, word.data, word.size);
            LB_TRY(encode_word(r, lb_view_slice(word, 0, size)));
            word = lb_view_slice(word, size, word.size);
        }
    }
    return LOBASS_OK;
}

/* ---- added tokens
 * ------------------------------------------------------------------------------------- */

/* Notes where the added token that comes next stands, if that is known without tracking. */
static lobass_status place_add(run *r, lb_view text, lb_range range)
{
    lb_encoder *encoder = r->encoder;
    if (encoder->rule.begin == NULL || r->is_joint)
    {
        return LOBASS_OK;
    }
    void *places = encoder->places;
    LB_TRY(lb_list_reserve(&places, &encoder->place_capacity, encoder->n_places + 1,
                           sizeof *encoder->places, r->error));
    encoder->places = places;
    const size_t from = (size_t)(text.data - encoder->rule.begin);
    encoder->places[encoder->n_places++] =
        (lb_added_place){r->ids->count - r->first_id, from + range.from, from + range.to};
    return LOBASS_OK;
}

typedef lobass_status (*between_function)(run *r, lb_view text, lb_scope scope);

/* Appends the added tokens of TRIE in TEXT and gives what is between them to BETWEEN. */
static lobass_status cut_added(run *r, const lb_trie *trie, lb_view text, lb_scope scope,
                               between_function between)
{
    lb_added_cursor cursor = {0};
    size_t done = 0;
    lb_range range;
    int32_t id;

    while (lb_added_tokens_next(&r->tokenizer->added, trie, text, &r->encoder->rule, &cursor,
                                &range, &id))
    {
        if (done < range.from)
        {
            LB_TRY(between(r, lb_view_slice(text, done, range.from), scope));
        }
        LB_TRY(trie == &r->tokenizer->added.plain ? place_add(r, text, range) : LOBASS_OK);
        LB_TRY(append_token(r, id, lb_view_end(text, range.to)));
        r->is_behind_added = true;
        scope = (lb_scope){.takes_prefix = true, .is_origin = false};
        done = range.to;
    }
    return done < text.size ? between(r, lb_view_slice(text, done, text.size), scope) : LOBASS_OK;
}

/* A stretch without plain added tokens. */
static lobass_status encode_section(run *r, lb_view section, lb_scope scope)
{
    lb_view text;

    LB_TRY(lb_normalizers_apply(&r->tokenizer->normalizers, &r->encoder->scratch, section, &scope,
                                &text, r->error));
    return cut_added(r, &r->tokenizer->added.normalized, text, scope, encode_gap);
}

/* ---- the whole text
 * ------------------------------------------------------------------------------------ */

static lobass_status check_text(const char *text, size_t size_bytes, const size_t *splits,
                                size_t n_splits, lobass_error *error)
{
    const size_t valid = lb_utf8_valid_size(text, size_bytes);

    if (valid != size_bytes)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "text, byte %zu: not valid UTF-8", valid);
    }
    for (size_t i = 0; i < n_splits; i++)
    {
        if (splits[i] > size_bytes || (i > 0 && splits[i] < splits[i - 1]) ||
            (splits[i] < size_bytes && ((unsigned char)text[splits[i]] & 0xC0U) == 0x80U))
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           "split %zu at byte %zu of a text of %zu: expected ascending ends of "
                           "characters",
                           i, splits[i], size_bytes);
        }
    }
    return LOBASS_OK;
}

/* Pieces between the splits, one after the other. */
static lobass_status encode_split(run *r, lb_view text, const size_t *splits, size_t n_splits,
                                  size_t *n_before)
{
    const size_t first_id = r->first_id;
    size_t from = 0;

    for (size_t i = 0; i <= n_splits; i++)
    {
        const size_t to = i < n_splits ? splits[i] : text.size;
        const lb_scope scope = {from == 0 || r->is_behind_added, from == 0};
        if (from < to)
        {
            LB_TRY(cut_added(r, &r->tokenizer->added.plain, lb_view_slice(text, from, to), scope,
                             encode_section));
        }
        if (i < n_splits && n_before != NULL)
        {
            n_before[i] = r->ids->count - first_id;
        }
        from = to;
    }
    return LOBASS_OK;
}

static lobass_status encode_joint(run *r, lb_view text, const size_t *splits, size_t n_splits,
                                  size_t *n_before)
{
    lb_encoder *encoder = r->encoder;
    const lb_scope scope = {.takes_prefix = true, .is_origin = true};
    size_t n_tokens = 0;

    encoder->n_ends = 0;
    LB_TRY(cut_added(r, &r->tokenizer->added.plain, text, scope, encode_section));
    for (size_t i = 0; i < n_splits; i++)
    {
        while (n_tokens < encoder->n_ends && encoder->ends[n_tokens] <= splits[i])
        {
            n_tokens++;
        }
        n_before[i] = n_tokens;
    }
    return LOBASS_OK;
}

lobass_status lb_encoder_encode(lb_encoder *encoder, lb_ids *ids, const char *text,
                                size_t size_bytes, const size_t *splits, size_t n_splits,
                                bool is_joint, size_t *n_before, lobass_error *error)
{
    const bool counts = is_joint && n_splits > 0 && n_before != NULL;
    const bool is_tracked = counts || (encoder->normalizes_special &&
                                       encoder->rule.n_literals > 0 && encoder->rule.takes_special);
    run r = {encoder, encoder->tokenizer, ids, counts, false, ids->count, error};
    lb_view view = {size_bytes == 0 ? "" : text, size_bytes, NULL};

    LB_TRY(check_text(view.data, size_bytes, splits, n_splits, error));
    encoder->rule.begin = view.data;
    encoder->rule.n_spelt = 0;
    encoder->n_places = 0;
    if (is_tracked)
    {
        LB_TRY(prepare_identity(encoder, size_bytes, error));
        view.ends = encoder->identity;
    }
    return counts ? encode_joint(&r, view, splits, n_splits, n_before)
                  : encode_split(&r, view, splits, is_joint ? 0 : n_splits, n_before);
}

lobass_status lobass_tokenizer_encode(int32_t **ids, size_t *n_ids,
                                      const lobass_tokenizer *tokenizer, const char *text,
                                      size_t size_bytes, lobass_error *error)
{
    lb_encoder *encoder = NULL;
    lb_ids list = {0};
    lobass_status status = LOBASS_OK;

    *ids = NULL;
    *n_ids = 0;
    LB_TRY(lb_encoder_create(&encoder, tokenizer, true, error));
    LB_TRY_GOTO(lb_encoder_encode(encoder, &list, text, size_bytes, NULL, 0, false, NULL, error));
    if (list.values == NULL) /* no token: still something to free() */
    {
        list.values = lb_alloc(1, sizeof *list.values, error);
        status = list.values == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    }
    *ids = list.values;
    *n_ids = list.count;
    list = (lb_ids){0};
done:
    lb_ids_free(&list);
    lb_encoder_free(encoder);
    return status;
}

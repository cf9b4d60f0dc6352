/* SPDX-License-Identifier: Apache-2.0
 *
 * A rendering -> its tokens: [BOS] the tokens of the text, an end token behind each response whose
 * text has none of its own; and what each token is. The one place where this is done, for records
 * (freeze.c) and prompts (prompt.c) alike.
 *
 *   - one encoding of the whole text; the edges of responses are forced splits (unless joint), and
 *     end tokens are inserted at the edges afterwards (joint: a token that straddles an edge falls
 *     behind it, so ":The" is the first token of a response and ".\n\n" not its last);
 *   - a special token's name in a record is spelt out: only we and chat templates put special
 *     tokens into a row;
 *   - BOS once: not where a chat template has written it.
 *
 * What a token is of a chat (its part) goes by its first byte in the text, found by the sizes of
 * the tokens between edges and added tokens, whose places are known; where the sizes do not add up,
 * since the tokenizer changed the text, it is not told.
 */
#include <stdlib.h>

#include "data/templates.h"

#define NO_RESPONSE UINT32_MAX

struct lb_row_tokens
{
    const lobass_tokenizer *tokenizer;
    lb_special_ids special;
    int32_t end_id; /* -1: none */
    size_t n_vocabulary;
    lb_encoder *encoder;
    lb_ids encoded; /* without BOS and end tokens */
    uint8_t *parts; /* [encoded.count] */
    size_t part_capacity;
    size_t *splits, *n_before; /* of the edges of responses */
    size_t split_capacity, n_before_capacity;
    lb_stretch *literals;
    size_t literal_capacity;
    uint16_t *sizes; /* [n_sizes] 1 + bytes of a token; 0: not looked up yet */
    size_t n_sizes;
    int32_t *ids;        /* [capacity] */
    uint8_t *flags;      /* [capacity] */
    uint32_t *responses; /* [capacity] */
    size_t capacity, count;
};

lobass_status lb_row_tokens_create(lb_row_tokens **tokens, const lobass_tokenizer *tokenizer,
                                   int32_t end_id, size_t n_vocabulary, lobass_error *error)
{
    *tokens = NULL;
    lb_row_tokens *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->tokenizer = tokenizer;
    made->special = lb_tokenizer_special_ids(tokenizer);
    made->end_id = end_id;
    made->n_vocabulary = n_vocabulary;
    made->n_sizes = lobass_tokenizer_count(tokenizer);
    lobass_status status = lb_encoder_create(&made->encoder, tokenizer, false, error);
    made->sizes = status == LOBASS_OK ? lb_alloc(made->n_sizes, sizeof *made->sizes, error) : NULL;
    if (made->sizes == NULL)
    {
        status = status == LOBASS_OK ? LOBASS_OUT_OF_MEMORY : status;
        lb_row_tokens_free(made);
        return status;
    }
    *tokens = made;
    return LOBASS_OK;
}

void lb_row_tokens_free(lb_row_tokens *tokens)
{
    if (tokens == NULL)
    {
        return;
    }
    lb_encoder_free(tokens->encoder);
    lb_ids_free(&tokens->encoded);
    free(tokens->parts);
    free(tokens->splits);
    free(tokens->n_before);
    free(tokens->literals);
    free(tokens->sizes);
    free(tokens->ids);
    free(tokens->flags);
    free(tokens->responses);
    free(tokens);
}

/* ---- encoding ----------------------------------------------------------------------------------
 */

/* Text that nobody vouches for: the record's, and with a built-in template, which writes no special
 * token, all of it. */
static lobass_status literals_set(lb_row_tokens *tokens, const lb_rendering *rendering,
                                  lobass_error *error)
{
    void *literals = tokens->literals;
    size_t n = 0;
    size_t start = 0;
    LB_TRY(lb_list_reserve(&literals, &tokens->literal_capacity, rendering->n_pieces + 1,
                           sizeof *tokens->literals, error));
    tokens->literals = literals;
    for (size_t p = 0; p < rendering->n_pieces; p++)
    {
        const lb_text_piece *piece = &rendering->pieces[p];
        const bool goes_on = n > 0 && tokens->literals[n - 1].end == start;
        if (piece->is_record && goes_on)
        {
            tokens->literals[n - 1].end = piece->end;
        }
        else if (piece->is_record)
        {
            tokens->literals[n++] = (lb_stretch){start, piece->end};
        }
        start = piece->end;
    }
    lb_encoder_set_literals(tokens->encoder, rendering->is_chat, tokens->literals, n);
    return LOBASS_OK;
}

static lobass_status encode(lb_row_tokens *tokens, const lb_rendering *rendering, bool is_joint,
                            lobass_error *error)
{
    const size_t n_edges = 2 * rendering->n_responses;
    void *splits = tokens->splits;
    void *n_before = tokens->n_before;
    LB_TRY(literals_set(tokens, rendering, error));
    LB_TRY(lb_list_reserve(&splits, &tokens->split_capacity, n_edges + 1, sizeof *tokens->splits,
                           error));
    tokens->splits = splits;
    LB_TRY(lb_list_reserve(&n_before, &tokens->n_before_capacity, n_edges + 1,
                           sizeof *tokens->n_before, error));
    tokens->n_before = n_before;
    for (size_t r = 0; r < rendering->n_responses; r++)
    {
        tokens->splits[2 * r] = rendering->responses[r].start;
        tokens->splits[2 * r + 1] = rendering->responses[r].end;
    }
    tokens->encoded.count = 0;
    return lb_encoder_encode(tokens->encoder, &tokens->encoded, rendering->text, rendering->size,
                             tokens->splits, n_edges, is_joint, tokens->n_before, error);
}

/* ---- parts -------------------------------------------------------------------------------------
 */

/* Walks over the text and its tokens together. */
typedef struct walk
{
    lb_row_tokens *tokens;
    const lb_rendering *rendering;
    size_t token, offset; /* where it has come to */
    size_t piece;         /* that has OFFSET */
} walk;

/* Bytes that a token has in a text; they are looked up once. */
static lobass_status size_find(size_t *size, lb_row_tokens *tokens, int32_t id, lobass_error *error)
{
    const size_t place = (size_t)id;
    if (place >= tokens->n_sizes)
    {
        *size = SIZE_MAX / 2;
        return LOBASS_OK;
    }
    if (tokens->sizes[place] == 0)
    {
        char *text = NULL;
        size_t n = 0;
        LB_TRY(lobass_tokenizer_piece_text(&text, &n, tokens->tokenizer, id, error));
        free(text);
        tokens->sizes[place] = (uint16_t)(n < UINT16_MAX ? n + 1 : UINT16_MAX);
    }
    *size = (size_t)tokens->sizes[place] - 1;
    return LOBASS_OK;
}

static uint8_t part_at(walk *w, size_t offset)
{
    const lb_rendering *rendering = w->rendering;
    while (w->piece < rendering->n_pieces && rendering->pieces[w->piece].end <= offset)
    {
        w->piece++;
    }
    return w->piece < rendering->n_pieces ? rendering->pieces[w->piece].part : LOBASS_PART_NONE;
}

/* Up to a token that begins at OFFSET. One space more than the text has is the tokenizer's. */
static lobass_status walk_to(walk *w, size_t token, size_t offset, lobass_error *error)
{
    const int32_t *ids = w->tokens->encoded.values;
    size_t size = 0;
    size_t total = 0;
    for (size_t t = w->token; t < token; t++)
    {
        LB_TRY(size_find(&size, w->tokens, ids[t], error));
        total += size;
    }
    const size_t expected = offset - w->offset;
    const bool is_known = total == expected || total == expected + 1;
    size_t extra = total - expected;
    size_t at = w->offset;
    for (size_t t = w->token; t < token; t++)
    {
        w->tokens->parts[t] = is_known ? part_at(w, at) : LOBASS_PART_NONE;
        LB_TRY(size_find(&size, w->tokens, ids[t], error));
        at += size - (size >= extra ? extra : 0);
        extra = 0;
    }
    w->token = token;
    w->offset = offset;
    return LOBASS_OK;
}

static lobass_status parts_find(lb_row_tokens *tokens, const lb_rendering *rendering,
                                lobass_error *error)
{
    walk w = {.tokens = tokens, .rendering = rendering};
    size_t n_places = 0;
    const lb_added_place *places = lb_encoder_added(tokens->encoder, &n_places);
    const size_t n_edges = 2 * rendering->n_responses;
    void *parts = tokens->parts;
    LB_TRY(lb_list_reserve(&parts, &tokens->part_capacity, tokens->encoded.count + 1, 1, error));
    tokens->parts = parts;
    for (size_t edge = 0, place = 0; edge < n_edges || place < n_places;)
    {
        if (place == n_places || (edge < n_edges && tokens->splits[edge] <= places[place].start))
        {
            LB_TRY(walk_to(&w, tokens->n_before[edge], tokens->splits[edge], error));
            edge++;
            continue;
        }
        const lb_added_place *added = &places[place++];
        LB_TRY(walk_to(&w, added->n_before, added->start, error));
        tokens->parts[w.token] = part_at(&w, w.offset);
        w.token++;
        w.offset = added->end;
    }
    return walk_to(&w, tokens->encoded.count, rendering->size, error);
}

/* ---- assembling --------------------------------------------------------------------------------
 */

static lobass_status reserve(lb_row_tokens *tokens, size_t n_tokens, lobass_error *error)
{
    if (n_tokens <= tokens->capacity)
    {
        return LOBASS_OK;
    }
    const size_t capacity = n_tokens + n_tokens / 2;
    int32_t *ids = lb_alloc(capacity, sizeof *ids, error);
    uint8_t *flags = ids == NULL ? NULL : lb_alloc(capacity, sizeof *flags, error);
    uint32_t *responses = flags == NULL ? NULL : lb_alloc(capacity, sizeof *responses, error);
    if (responses == NULL)
    {
        free(flags);
        free(ids);
        return LOBASS_OUT_OF_MEMORY;
    }
    free(tokens->ids);
    free(tokens->flags);
    free(tokens->responses);
    tokens->ids = ids;
    tokens->flags = flags;
    tokens->responses = responses;
    tokens->capacity = capacity;
    return LOBASS_OK;
}

static void put(lb_row_tokens *tokens, int32_t id, unsigned flags, uint32_t response)
{
    tokens->ids[tokens->count] = id;
    tokens->flags[tokens->count] = (uint8_t)flags;
    tokens->responses[tokens->count++] = response;
}

/* Puts the encoded tokens [FROM, TO); of a chat an end token is one by its part. */
static void put_encoded(lb_row_tokens *tokens, size_t from, size_t to, bool is_chat,
                        uint32_t response)
{
    const unsigned common = response == NO_RESPONSE ? 0U : LOBASS_TOKEN_RESPONSE;
    unsigned first = response == NO_RESPONSE ? 0U : LOBASS_TOKEN_FIRST;
    for (size_t t = from; t < to; t++)
    {
        const unsigned part = is_chat ? tokens->parts[t] : LOBASS_PART_NONE;
        const bool is_end = part == LOBASS_PART_END && response != NO_RESPONSE;
        put(tokens, tokens->encoded.values[t],
            common | first | (is_end ? LOBASS_TOKEN_END : 0U) | part << LOBASS_TOKEN_PART_SHIFT,
            response);
        first = 0;
    }
}

static bool begins_with(const lb_ids *ids, int32_t id)
{
    return ids->count > 0 && ids->values[0] == id;
}

static lobass_status assemble(lb_row_tokens *tokens, const lb_rendering *rendering,
                              lb_row_rule rule, lobass_error *error)
{
    const lb_ids *encoded = &tokens->encoded;
    const lb_special_ids *special = &tokens->special;
    const bool is_chat = rendering->is_chat;
    size_t next = 0; /* of the encoded ids */
    LB_TRY(reserve(tokens, encoded->count + rendering->n_responses + special->n_prefix, error));
    tokens->count = 0;
    const bool is_there = special->n_prefix == 0 || rendering->has_bos ||
                          (is_chat && begins_with(encoded, special->prefix[0]));
    for (size_t i = 0; !is_there && i < special->n_prefix; i++)
    {
        put(tokens, special->prefix[i], LOBASS_TOKEN_BOS, NO_RESPONSE);
    }
    for (size_t r = 0; r < rendering->n_responses; r++)
    {
        const size_t start = tokens->n_before[2 * r];
        const size_t end = tokens->n_before[2 * r + 1];
        put_encoded(tokens, next, start, is_chat, NO_RESPONSE);
        put_encoded(tokens, start, end, is_chat, (uint32_t)r);
        next = end;
        if (!is_chat && tokens->end_id >= 0 && !rule.is_continued)
        {
            const unsigned first = start == end ? LOBASS_TOKEN_FIRST : 0U;
            put(tokens, tokens->end_id, LOBASS_TOKEN_RESPONSE | LOBASS_TOKEN_END | first,
                (uint32_t)r);
        }
    }
    put_encoded(tokens, next, encoded->count, is_chat, NO_RESPONSE);
    if (is_chat && begins_with(encoded, special->bos) && tokens->count > 0)
    {
        tokens->flags[0] |= LOBASS_TOKEN_BOS;
    }
    return LOBASS_OK;
}

lobass_status lb_row_tokens_make(lb_row_tokens *tokens, lb_token_list *list,
                                 const lb_rendering *rendering, lb_row_rule rule,
                                 lobass_error *error)
{
    LB_TRY(encode(tokens, rendering, rule.is_joint, error));
    LB_TRY(rendering->is_chat ? parts_find(tokens, rendering, error) : LOBASS_OK);
    LB_TRY(assemble(tokens, rendering, rule, error));
    *list = (lb_token_list){.ids = tokens->ids,
                            .flags = tokens->flags,
                            .count = tokens->count,
                            .responses = tokens->responses,
                            .n_spelt = lb_encoder_count_spelt(tokens->encoder)};
    return LOBASS_OK;
}

lobass_status lb_row_tokens_check(const lb_row_tokens *tokens, size_t n_tokens, lobass_error *error)
{
    for (size_t t = 0; t < n_tokens; t++)
    {
        if (tokens->ids[t] < 0 || (size_t)tokens->ids[t] >= tokens->n_vocabulary)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "token %d is beyond the model's vocabulary of %zu", tokens->ids[t],
                           tokens->n_vocabulary);
        }
    }
    return LOBASS_OK;
}

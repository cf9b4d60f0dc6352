/* SPDX-License-Identifier: Apache-2.0
 *
 * A record's bytes -> a frozen row: [BOS] tokens [end token after each response], one flag byte a
 * token, and exactly one status. What counts is decided here, once, for every model of a run:
 *
 *   - one encoding of the whole text; the edges of responses are forced splits (unless joint), and
 *     end tokens are inserted at the edges afterwards (joint: a token that straddles an edge falls
 *     behind it, so ":The" is the first token of a response and ".\n\n" not its last);
 *   - a special token's name in a record is spelt out: only we put special tokens into a row;
 *   - a response's tokens are scored, and its end token with --eos count; with --turns last only
 *     those of the last response that is to be learned; never those of a response without text, and
 *     never token 0, which nothing predicts;
 *   - a text is scored as a whole, and so is any row with --scored all;
 *   - the row is cut on the right at max_length and then ends at its last scored token (what
 *     follows changes no loss); it is `truncated` if a scored token was cut off. One that is scored
 *     as a whole stays whole where windows are cut of it later.
 *
 * SCORED flags stand only in rows that can be measured (ok, truncated). The others keep their
 * tokens for display, and so does a row that prepare has seen before (duplicates.c).
 */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

struct lb_freezer
{
    const lb_template *template;
    lobass_format_options options;
    lb_special_ids special;
    int32_t end_id; /* -1: none */
    size_t n_vocabulary;
    lb_encoder *encoder;
    lb_arena arena;  /* of the row at hand */
    lb_ids encoded;  /* of the row at hand, without BOS and end tokens */
    int32_t *ids;    /* [capacity] */
    uint8_t *flags;  /* [capacity] */
    size_t capacity; /* grows */
    size_t n_tokens;
    size_t last_learned; /* the last response that is not context; SIZE_MAX: none */
    bool is_whole;       /* the row at hand is not cut */
    bool is_continued;   /* its text goes on in the next record: no end token */
    char reason[LOBASS_ERROR_SIZE];
};

lobass_status lb_freezer_create(lb_freezer **freezer, const lobass_tokenizer *tokenizer,
                                const lobass_format_options *options, int32_t eos_fallback,
                                size_t n_vocabulary, lobass_error *error)
{
    const char *name = options->template_name == NULL ? "alpaca" : options->template_name;
    const lb_template *template = NULL;
    LB_TRY(lb_template_find(&template, name, error));
    if (options->max_length == 0)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "max length: expected a number of tokens above 0, found 0");
    }
    lb_freezer *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->template = template;
    made->options = *options;
    made->options.template_name = lb_template_name(template);
    made->special = lb_tokenizer_special_ids(tokenizer);
    made->end_id = made->special.eos >= 0 ? made->special.eos : eos_fallback;
    made->n_vocabulary = n_vocabulary;
    const lobass_status status = lb_encoder_create(&made->encoder, tokenizer, false, error);
    if (status != LOBASS_OK)
    {
        lb_freezer_free(made);
        return status;
    }
    *freezer = made;
    return LOBASS_OK;
}

void lb_freezer_free(lb_freezer *freezer)
{
    if (freezer == NULL)
    {
        return;
    }
    lb_encoder_free(freezer->encoder);
    lb_arena_free(&freezer->arena);
    lb_ids_free(&freezer->encoded);
    free(freezer->ids);
    free(freezer->flags);
    free(freezer);
}

/* ---- tokens ------------------------------------------------------------------------------------
 */

/* Makes the next rendering's tokens: encoded ids and, for each response, the number of ids before
 * its start and before its end. */
static lobass_status encode(lb_freezer *freezer, const lb_rendering *rendering, size_t **edges,
                            lobass_error *error)
{
    const size_t n_edges = 2 * rendering->n_responses;
    size_t *splits = lb_arena_alloc(&freezer->arena, n_edges, sizeof *splits, error);
    if (splits == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    *edges = lb_arena_alloc(&freezer->arena, n_edges, sizeof **edges, error);
    if (*edges == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t r = 0; r < rendering->n_responses; r++)
    {
        splits[2 * r] = rendering->responses[r].start;
        splits[2 * r + 1] = rendering->responses[r].end;
    }
    freezer->encoded.count = 0;
    return lb_encoder_encode(freezer->encoder, &freezer->encoded, rendering->text, rendering->size,
                             splits, n_edges, freezer->options.boundary == LOBASS_BOUNDARY_JOINT,
                             *edges, error);
}

static lobass_status reserve(lb_freezer *freezer, size_t n_tokens, lobass_error *error)
{
    if (n_tokens <= freezer->capacity)
    {
        return LOBASS_OK;
    }
    const size_t capacity = n_tokens + n_tokens / 2;
    int32_t *ids = lb_alloc(capacity, sizeof *ids, error);
    if (ids == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    uint8_t *flags = lb_alloc(capacity, sizeof *flags, error);
    if (flags == NULL)
    {
        free(ids);
        return LOBASS_OUT_OF_MEMORY;
    }
    free(freezer->ids);
    free(freezer->flags);
    freezer->ids = ids;
    freezer->flags = flags;
    freezer->capacity = capacity;
    return LOBASS_OK;
}

static void put(lb_freezer *freezer, int32_t id, unsigned flags)
{
    const unsigned scored_too = freezer->n_tokens == 0 ? ~(unsigned)LOBASS_TOKEN_SCORED : ~0U;
    freezer->ids[freezer->n_tokens] = id;
    freezer->flags[freezer->n_tokens++] = (uint8_t)(flags & scored_too);
}

/* White space of ASCII alone is no response either. */
static bool is_blank(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
    {
        if (text[i] != ' ' && (text[i] < '\t' || text[i] > '\r'))
        {
            return false;
        }
    }
    return true;
}

/* Of a response without text not even the end token is scored: it would be learned as an answer. */
static bool is_scored(const lb_freezer *freezer, const lb_rendering *rendering, size_t response)
{
    const bool is_wanted =
        freezer->options.turns == LOBASS_TURNS_ALL || response == freezer->last_learned;
    const lb_span *span = &rendering->responses[response];
    return is_wanted && !span->is_context &&
           !is_blank(rendering->text + span->start, span->end - span->start);
}

static size_t find_last_learned(const lb_rendering *rendering)
{
    size_t last = SIZE_MAX;
    for (size_t r = 0; r < rendering->n_responses; r++)
    {
        last = rendering->responses[r].is_context ? last : r;
    }
    return last;
}

/* Puts BOS and end tokens around and between the encoded ids, and flags all of them. */
static lobass_status assemble(lb_freezer *freezer, const lb_rendering *rendering,
                              const size_t *edges, lobass_error *error)
{
    const lb_ids *encoded = &freezer->encoded;
    const bool counts_end = freezer->options.eos == LOBASS_EOS_COUNT;
    const unsigned scored_always =
        freezer->options.scored == LOBASS_SCORED_ALL ? LOBASS_TOKEN_SCORED : 0U;
    size_t next = 0; /* of the encoded ids */
    LB_TRY(reserve(freezer, encoded->count + rendering->n_responses + 1, error));
    freezer->n_tokens = 0;
    if (freezer->special.adds_bos && freezer->special.bos >= 0)
    {
        put(freezer, freezer->special.bos, LOBASS_TOKEN_BOS);
    }
    for (size_t r = 0; r < rendering->n_responses; r++)
    {
        const unsigned scored =
            is_scored(freezer, rendering, r) ? LOBASS_TOKEN_SCORED : scored_always;
        unsigned first = LOBASS_TOKEN_FIRST;
        for (; next < edges[2 * r]; next++)
        {
            put(freezer, encoded->values[next], scored_always);
        }
        for (; next < edges[2 * r + 1]; next++)
        {
            put(freezer, encoded->values[next], LOBASS_TOKEN_RESPONSE | first | scored);
            first = 0;
        }
        if (freezer->end_id >= 0 && !freezer->is_continued)
        {
            put(freezer, freezer->end_id,
                LOBASS_TOKEN_RESPONSE | LOBASS_TOKEN_END | first | (counts_end ? scored : 0U));
        }
    }
    for (; next < encoded->count; next++)
    {
        put(freezer, encoded->values[next], scored_always);
    }
    return LOBASS_OK;
}

/* ---- status ------------------------------------------------------------------------------------
 */

static bool has_response(const lb_freezer *freezer, const lb_rendering *rendering)
{
    for (size_t r = 0; r < rendering->n_responses; r++)
    {
        if (is_scored(freezer, rendering, r))
        {
            return true;
        }
    }
    return false;
}

static void judge(lb_freezer *freezer, const lb_rendering *rendering, lobass_row *row)
{
    const size_t max_length = freezer->is_whole ? SIZE_MAX : freezer->options.max_length;
    const size_t n_kept = freezer->n_tokens < max_length ? freezer->n_tokens : max_length;
    size_t n_scored = 0, n_scored_kept = 0;
    size_t first = freezer->n_tokens, last = 0; /* scored tokens */
    for (size_t t = 0; t < freezer->n_tokens; t++)
    {
        if ((freezer->flags[t] & LOBASS_TOKEN_SCORED) != 0)
        {
            first = n_scored == 0 ? t : first;
            last = t < n_kept ? t : last;
            n_scored_kept += t < n_kept;
            n_scored++;
        }
    }
    if (!has_response(freezer, rendering))
    {
        row->status = LOBASS_ROW_EMPTY_RESPONSE;
        (void)snprintf(freezer->reason, sizeof freezer->reason, "no text in any scored turn");
    }
    else if (n_scored_kept > 0)
    {
        row->status = n_scored_kept < n_scored ? LOBASS_ROW_TRUNCATED : LOBASS_ROW_OK;
        row->n_tokens = last + 1;
        row->n_scored = n_scored_kept;
        return;
    }
    else
    {
        row->status = LOBASS_ROW_NO_SCORED_TOKEN;
        (void)snprintf(freezer->reason, sizeof freezer->reason,
                       n_scored == 0 ? "the response has no token that can be scored"
                                     : "the prompt has %zu tokens, max length %zu",
                       first, max_length);
    }
    row->reason = freezer->reason;
    row->n_tokens = n_kept;
    for (size_t t = 0; t < n_kept; t++)
    {
        freezer->flags[t] &= (uint8_t)~LOBASS_TOKEN_SCORED;
    }
}

static lobass_status check_vocabulary(const lb_freezer *freezer, size_t n_tokens,
                                      lobass_error *error)
{
    for (size_t t = 0; t < n_tokens; t++)
    {
        if (freezer->ids[t] < 0 || (size_t)freezer->ids[t] >= freezer->n_vocabulary)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "token %d is beyond the model's vocabulary of %zu", freezer->ids[t],
                           freezer->n_vocabulary);
        }
    }
    return LOBASS_OK;
}

/* ---- rows --------------------------------------------------------------------------------------
 */

/* What is wrong with one record is its status; only memory stops the whole. */
static lobass_status mark_bad(lb_freezer *freezer, lobass_row *row, lobass_status status,
                              const lobass_error *found, lobass_error *error)
{
    if (status == LOBASS_OUT_OF_MEMORY)
    {
        return lb_fail(error, status, "%s", found->message);
    }
    (void)snprintf(freezer->reason, sizeof freezer->reason, "%s", found->message);
    row->status = LOBASS_ROW_BAD_RECORD;
    row->reason = freezer->reason;
    return LOBASS_OK;
}

/* Plain text, or JSON of any of the formats. */
static lobass_status record_parse(lb_freezer *freezer, lb_conversation *conversation,
                                  const lb_record *record, lobass_error *error)
{
    if (!record->is_text)
    {
        return lb_conversation_parse(conversation, record->data, record->size, &freezer->arena,
                                     error);
    }
    lb_message *message = lb_arena_alloc(&freezer->arena, 1, sizeof *message, error);
    if (message == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    *message = (lb_message){.role = LB_ROLE_TEXT, .text = record->data, .size = record->size};
    *conversation = (lb_conversation){.messages = message, .n_messages = 1};
    return LOBASS_OK;
}

static bool is_scored_as_a_whole(const lb_freezer *freezer, const lb_conversation *conversation)
{
    return freezer->options.scored == LOBASS_SCORED_ALL ||
           (conversation->n_messages == 1 && conversation->messages[0].role == LB_ROLE_TEXT);
}

lobass_status lb_freezer_freeze(lb_freezer *freezer, lobass_row *row, const lb_record *record,
                                lobass_error *error)
{
    const lb_hash hash = lb_hash_bytes(record->data, record->size, 0);
    lb_conversation conversation;
    lb_rendering rendering;
    size_t *edges = NULL;
    lobass_error found = {0};

    row->status = LOBASS_ROW_OK;
    row->reason = NULL;
    row->hash[0] = hash.high;
    row->hash[1] = hash.low;
    row->n_tokens = 0;
    row->n_scored = 0;
    row->ids = NULL;
    row->flags = NULL;
    lb_arena_reset(&freezer->arena);
    lobass_status status = record_parse(freezer, &conversation, record, &found);
    if (status != LOBASS_OK)
    {
        return mark_bad(freezer, row, status, &found, error);
    }
    freezer->is_continued = record->is_continued;
    freezer->is_whole =
        freezer->options.cuts_windows && is_scored_as_a_whole(freezer, &conversation);
    LB_TRY(
        lb_template_render(&rendering, freezer->template, &conversation, &freezer->arena, error));
    freezer->last_learned = find_last_learned(&rendering);
    status = encode(freezer, &rendering, &edges, &found);
    if (status != LOBASS_OK)
    {
        return mark_bad(freezer, row, status, &found, error);
    }
    LB_TRY(assemble(freezer, &rendering, edges, error));
    judge(freezer, &rendering, row);
    row->ids = freezer->ids;
    row->flags = freezer->flags;
    return check_vocabulary(freezer, row->n_tokens, error);
}

lb_hash lb_row_hash(const lobass_row *row)
{
    const lb_hash ids = lb_hash_bytes(row->ids, row->n_tokens * sizeof *row->ids, 0);
    const lb_hash flags = lb_hash_bytes(row->flags, row->n_tokens * sizeof *row->flags, 0);
    const uint64_t both[] = {ids.high, ids.low, flags.high, flags.low};
    return lb_hash_bytes(both, sizeof both, 0);
}

void lb_row_mark_duplicate(lobass_row *row, uint8_t *flags)
{
    for (size_t t = 0; t < row->n_tokens; t++)
    {
        flags[t] = (uint8_t)(flags[t] & ~LOBASS_TOKEN_SCORED);
    }
    row->n_scored = 0;
    row->status = LOBASS_ROW_DUPLICATE;
}

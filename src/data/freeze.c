/* SPDX-License-Identifier: Apache-2.0
 *
 * A record's bytes -> a frozen row: its conversation is rendered (renderer.c), the rendering
 * becomes tokens (row_tokens.c), each with one flag byte, and exactly one status. What counts is
 * decided here, once, for every model of a run:
 *
 *   - a response's tokens are scored, and its end token with --eos count; with --turns last only
 *     those of the last response that is to be learned; never those of a response without text, and
 *     never token 0, which nothing predicts;
 *   - a text is scored as a whole, and so is any row with --scored all;
 *   - the row is cut on the right at max_length and then, unless it is a chat, which keeps its
 *     text, ends at its last scored token (what follows changes no loss); it is `truncated` if a
 *     scored token was cut off. One that is scored as a whole stays whole where windows are cut of
 *     it later.
 *
 * SCORED flags stand only in rows that can be measured (ok, truncated). The others keep their
 * tokens for display, and so does a row that prepare has seen before (duplicates.c).
 */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

struct lb_freezer
{
    lb_template *template;
    lb_field_map *map; /* NULL: none */
    lb_renderer *renderer;
    lb_row_tokens *tokens;
    lobass_format_options options;
    lb_arena arena;     /* of the row at hand */
    lb_token_list list; /* its tokens */
    uint32_t notes;
    uint32_t last_learned;        /* the last message that is to be learned; LB_NO_MESSAGE: none */
    bool is_whole;                /* the row at hand is not cut */
    lb_conversation conversation; /* that the row at hand was made of, or empty */
    char reason[LOBASS_ERROR_SIZE];
};

static lobass_status freezer_fill(lb_freezer *made, const lobass_tokenizer *tokenizer,
                                  int32_t eos_fallback, size_t n_vocabulary, lobass_error *error)
{
    const int32_t own = lb_tokenizer_special_ids(tokenizer).eos;
    LB_TRY(lb_field_map_create(&made->map, made->options.fields, error));
    LB_TRY(lb_template_open(&made->template, &made->options, error));
    LB_TRY(lb_renderer_create(&made->renderer, made->template, tokenizer, error));
    return lb_row_tokens_create(&made->tokens, tokenizer, own >= 0 ? own : eos_fallback,
                                n_vocabulary, error);
}

lobass_status lb_freezer_create(lb_freezer **freezer, const lobass_tokenizer *tokenizer,
                                const lobass_format_options *options, int32_t eos_fallback,
                                size_t n_vocabulary, lobass_error *error)
{
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
    made->options = *options;
    const lobass_status status = freezer_fill(made, tokenizer, eos_fallback, n_vocabulary, error);
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
    lb_row_tokens_free(freezer->tokens);
    lb_renderer_free(freezer->renderer);
    lb_template_close(freezer->template);
    lb_field_map_free(freezer->map);
    lb_arena_free(&freezer->arena);
    free(freezer);
}

/* ---- what is scored ----------------------------------------------------------------------------
 */

/* Of a response without text not even the end token is scored: it would be learned as an answer. */
static bool is_scored(const lb_freezer *freezer, const lb_span *response)
{
    const bool is_wanted =
        freezer->options.turns == LOBASS_TURNS_ALL || response->message == freezer->last_learned;
    return is_wanted && !response->is_context && response->has_text;
}

static uint32_t find_last_learned(const lb_rendering *rendering)
{
    uint32_t last = LB_NO_MESSAGE;
    for (size_t r = 0; r < rendering->n_responses; r++)
    {
        last = rendering->responses[r].is_context ? last : rendering->responses[r].message;
    }
    return last;
}

static void flag_scored(const lb_freezer *freezer, const lb_rendering *rendering)
{
    const lb_token_list *list = &freezer->list;
    const bool counts_end = freezer->options.eos == LOBASS_EOS_COUNT;
    const bool is_all = freezer->options.scored == LOBASS_SCORED_ALL;
    for (size_t t = 1; t < list->count; t++) /* nothing predicts token 0 */
    {
        const uint32_t r = list->responses[t];
        const bool is_end = (list->flags[t] & LOBASS_TOKEN_END) != 0;
        const bool is_wanted =
            is_all || (r < rendering->n_responses && is_scored(freezer, &rendering->responses[r]));
        list->flags[t] |= is_wanted && (counts_end || !is_end) ? LOBASS_TOKEN_SCORED : 0U;
    }
}

/* ---- status ------------------------------------------------------------------------------------
 */

static bool has_response(const lb_freezer *freezer, const lb_rendering *rendering)
{
    for (size_t r = 0; r < rendering->n_responses; r++)
    {
        if (is_scored(freezer, &rendering->responses[r]))
        {
            return true;
        }
    }
    return false;
}

/* Why nothing is learned of a conversation. */
static const char *find_reason(const lb_freezer *freezer, const lb_rendering *rendering)
{
    return freezer->last_learned == LB_NO_MESSAGE && rendering->n_responses > 0
               ? "no turn is to be learned: the record says so of each (weight 0 or the like)"
               : "no text in any scored turn";
}

static void judge(lb_freezer *freezer, const lb_rendering *rendering, lobass_row *row)
{
    const size_t n_tokens = freezer->list.count;
    uint8_t *flags = freezer->list.flags;
    const size_t max_length = freezer->is_whole ? SIZE_MAX : freezer->options.max_length;
    const size_t n_kept = n_tokens < max_length ? n_tokens : max_length;
    size_t n_scored = 0, n_scored_kept = 0;
    size_t first = n_tokens, last = 0; /* scored tokens */
    for (size_t t = 0; t < n_tokens; t++)
    {
        if ((flags[t] & LOBASS_TOKEN_SCORED) != 0)
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
        (void)snprintf(freezer->reason, sizeof freezer->reason, "%s",
                       find_reason(freezer, rendering));
    }
    else if (n_scored_kept > 0)
    {
        row->status = n_scored_kept < n_scored ? LOBASS_ROW_TRUNCATED : LOBASS_ROW_OK;
        row->n_tokens = rendering->is_chat ? n_kept : last + 1;
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
        flags[t] &= (uint8_t)~LOBASS_TOKEN_SCORED;
    }
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
        return lb_conversation_parse(conversation, record->data, record->size, freezer->map,
                                     &freezer->arena, error);
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

static void row_clear(lobass_row *row, const lb_record *record)
{
    const lb_hash hash = lb_hash_bytes(record->data, record->size, 0);
    row->status = LOBASS_ROW_OK;
    row->reason = NULL;
    row->hash[0] = hash.high;
    row->hash[1] = hash.low;
    row->n_tokens = 0;
    row->n_scored = 0;
    row->ids = NULL;
    row->flags = NULL;
}

/* What is to be known of a row that can be measured stands where others have their reason. */
static void remark(lb_freezer *freezer, const lb_rendering *rendering, lobass_row *row)
{
    const size_t n_spelt = freezer->list.n_spelt;
    const char *told = rendering->remark == NULL ? "" : rendering->remark;
    freezer->notes = rendering->notes;
    freezer->notes |= n_spelt > 0 ? 1U << LOBASS_NOTE_SPECIAL_NAMES : 0U;
    if (row->reason == NULL && freezer->notes != 0)
    {
        char names[64] = "";
        if (n_spelt > 0)
        {
            (void)snprintf(names, sizeof names, "%zu names of special tokens as letters%s", n_spelt,
                           *told == '\0' ? "" : "; ");
        }
        (void)snprintf(freezer->reason, sizeof freezer->reason, "%s%s", names, told);
        row->reason = freezer->reason;
    }
}

lobass_status lb_freezer_freeze(lb_freezer *freezer, lobass_row *row, const lb_record *record,
                                lobass_error *error)
{
    lb_conversation *conversation = &freezer->conversation;
    lb_rendering rendering;
    lobass_error found = {0};
    const lb_row_rule rule = {.is_joint = freezer->options.boundary == LOBASS_BOUNDARY_JOINT,
                              .is_continued = record->is_continued};
    row_clear(row, record);
    freezer->notes = 0;
    lb_arena_reset(&freezer->arena);
    *conversation = (lb_conversation){0};
    lobass_status status = record_parse(freezer, conversation, record, &found);
    if (status == LOBASS_OK)
    {
        status = lb_renderer_render(freezer->renderer, &rendering, conversation, &freezer->arena,
                                    &found);
    }
    if (status == LOBASS_OK)
    {
        status = lb_row_tokens_make(freezer->tokens, &freezer->list, &rendering, rule, &found);
    }
    if (status != LOBASS_OK)
    {
        return mark_bad(freezer, row, status, &found, error);
    }
    freezer->is_whole =
        freezer->options.cuts_windows && is_scored_as_a_whole(freezer, conversation);
    freezer->last_learned = find_last_learned(&rendering);
    flag_scored(freezer, &rendering);
    judge(freezer, &rendering, row);
    remark(freezer, &rendering, row);
    row->ids = freezer->list.ids;
    row->flags = freezer->list.flags;
    return lb_row_tokens_check(freezer->tokens, row->n_tokens, error);
}

uint32_t lb_freezer_notes(const lb_freezer *freezer)
{
    return freezer->notes;
}

const lb_conversation *lb_freezer_conversation(const lb_freezer *freezer)
{
    return &freezer->conversation;
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

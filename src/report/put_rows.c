/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows that the page lists, as columns: numbers as typed arrays in base64, NaN where a score
 * does not exist, and the beginnings of prompt and response as text. Losses and scores are float32
 * here; a file of 100,000 rows stays below 60 MB.
 */
#include "report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXCERPT_BYTES 160 /* of the prompt, and of the response */
#define EXCERPT_TOKENS 160

/* What a column is made of. */
typedef struct columns
{
    lb_page *page;
    const lb_report *report;
    const uint64_t *rows; /* [n] */
    size_t n;
    uint32_t *words; /* [n] room */
    float *reals;    /* [n] room */
    uint8_t *bytes;  /* [n] room */
} columns;

/* ---- numbers ----------------------------------------------------------------------------------
 */

static lobass_status put_words(columns *c, const char *key)
{
    return lb_page_put_column(c->page, key, "u32", c->words, c->n * sizeof *c->words);
}

static lobass_status put_places(columns *c)
{
    const lb_scores *scores = c->report->scores;
    uint32_t record = 0;
    size_t at = 0;
    for (size_t i = 0; i < c->n; i++)
    {
        c->words[i] = (uint32_t)c->rows[i];
    }
    LB_TRY(put_words(c, "row"));
    for (size_t i = 0; i < scores->n_rows && at < c->n; i++)
    {
        const lb_row_summary *summary = &scores->summaries[i];
        record = i == 0 || summary->source != (summary - 1)->source ? 0 : record + 1;
        if (c->rows[at] == i)
        {
            c->words[at++] = record;
        }
    }
    LB_TRY(put_words(c, "record"));
    for (size_t i = 0; i < c->n; i++)
    {
        c->words[i] = scores->summaries[c->rows[i]].source;
    }
    LB_TRY(put_words(c, "source"));
    for (size_t i = 0; i < c->n; i++)
    {
        c->words[i] = scores->summaries[c->rows[i]].n_scored;
    }
    LB_TRY(put_words(c, "n_tokens"));
    for (size_t i = 0; i < c->n; i++)
    {
        c->bytes[i] = (uint8_t)scores->rows[c->rows[i]].status;
    }
    return lb_page_put_column(c->page, "status", "u8", c->bytes, c->n);
}

static lobass_status put_choice(columns *c)
{
    const lb_report_choice *choice = &c->report->choice;
    if (choice->is_selected == NULL)
    {
        return LOBASS_OK;
    }
    for (size_t i = 0; i < c->n; i++)
    {
        c->words[i] = (uint32_t)choice->ranks[c->rows[i]];
    }
    LB_TRY(put_words(c, "rank"));
    for (size_t i = 0; i < c->n; i++)
    {
        c->bytes[i] = choice->is_selected[c->rows[i]] ? 1 : 0;
    }
    return lb_page_put_column(c->page, "selected", "u8", c->bytes, c->n);
}

/* Nothing for a column that no row has. */
static lobass_status put_reals(columns *c, const char *key)
{
    bool has_any = false;
    for (size_t i = 0; i < c->n; i++)
    {
        has_any = has_any || !isnan(c->reals[i]);
    }
    return has_any ? lb_page_put_column(c->page, key, "f32", c->reals, c->n * sizeof *c->reals)
                   : LOBASS_OK;
}

/* But for those that have the order of another: that one is enough. */
static lobass_status put_losses_and_scores(columns *c)
{
    const lobass_row_scores *all = c->report->scores->rows;
    const lobass_row_scores none = {0};
    lobass_column column;
    for (size_t at = 0; lobass_row_scores_column(&column, &none, at); at++)
    {
        lobass_score score = LOBASS_SCORE_COUNT;
        if (lb_score_find(&score, column.name) && lb_score_at(score)->is_ranked_by_loss)
        {
            continue;
        }
        for (size_t i = 0; i < c->n; i++)
        {
            (void)lobass_row_scores_column(&column, &all[c->rows[i]], at);
            c->reals[i] = column.is_there ? (float)column.value : NAN;
        }
        LB_TRY(put_reals(c, column.name));
    }
    return LOBASS_OK;
}

/* ---- text -------------------------------------------------------------------------------------
 */

/* The first bytes of TEXT, whole characters, and "..." where there are more. */
static lobass_status excerpt_put(lb_page *page, lb_buffer *quoted, const char *text, size_t size,
                                 bool is_cut)
{
    if (size > EXCERPT_BYTES)
    {
        size = EXCERPT_BYTES;
        while (size > EXCERPT_BYTES - 4 && ((unsigned char)text[size] & 0xC0U) == 0x80U)
        {
            size--;
        }
        is_cut = true;
    }
    lb_buffer_clear(quoted);
    LB_TRY(lb_json_append_text(quoted, text, size, page->error));
    if (is_cut)
    {
        quoted->size--; /* the closing quote */
        LB_TRY(lb_buffer_append_text(quoted, "\xe2\x80\xa6\"", page->error));
    }
    lb_json_put_value(&page->json, NULL, quoted->data);
    return lb_page_flush(page);
}

/* Where the last user's label ends within a prompt, which stands before what was asked. */
static size_t question_start(const char *text, size_t size, const char *label)
{
    const size_t n = strlen(label);
    for (size_t at = size >= n ? size - n + 1 : 0; n > 0 && at > 0; at--)
    {
        if (memcmp(text + at - 1, label, n) == 0)
        {
            return at - 1 + n;
        }
    }
    return 0;
}

typedef struct excerpts
{
    lb_page *page;
    const lb_report *report;
    const lobass_tokenizer *tokenizer;
    const char *label;
    lb_buffer quoted;
} excerpts;

static lobass_status excerpt_of_tokens(excerpts *e, const int32_t *ids, size_t n_ids,
                                       bool is_prompt)
{
    char *text = NULL;
    size_t size = 0;
    const bool is_cut = !is_prompt && n_ids > EXCERPT_TOKENS;
    if (n_ids == 0)
    {
        return excerpt_put(e->page, &e->quoted, "", 0, false);
    }
    LB_TRY(lobass_tokenizer_decode(&text, &size, e->tokenizer, ids, is_cut ? EXCERPT_TOKENS : n_ids,
                                   e->page->error));
    const size_t start = is_prompt ? question_start(text, size, e->label) : 0;
    const lobass_status status =
        excerpt_put(e->page, &e->quoted, text + start, size - start, is_cut);
    free(text);
    return status;
}

/* The tokens before the first response, and those of it. */
static lobass_status excerpts_of_row(excerpts *e, uint64_t number)
{
    lobass_row row;
    LB_TRY(lb_store_row_load(&row, e->report->store, number, e->page->error));
    size_t start = 0;
    while (start < row.n_tokens && (row.flags[start] & LOBASS_TOKEN_BOS) != 0)
    {
        start++;
    }
    size_t first = start;
    while (first < row.n_tokens && (row.flags[first] & LOBASS_TOKEN_RESPONSE) == 0)
    {
        first++;
    }
    size_t end = first;
    while (end < row.n_tokens && (row.flags[end] & LOBASS_TOKEN_RESPONSE) != 0 &&
           (row.flags[end] & LOBASS_TOKEN_END) == 0)
    {
        end++;
    }
    LB_TRY(excerpt_of_tokens(e, row.ids + start, first - start, true));
    return excerpt_of_tokens(e, row.ids + first, end - first, false);
}

static lobass_status put_texts(const columns *c, excerpts *e, lb_stage *stage)
{
    lb_json_open(&c->page->json, "texts", '[');
    for (size_t i = 0; i < c->n; i++)
    {
        LB_TRY(excerpts_of_row(e, c->rows[i]));
        LB_TRY(lb_stage_advance(stage, i + 1, 0, NAN, c->page->error));
    }
    lb_json_close(&c->page->json);
    return lb_stage_end(stage, c->page->error);
}

/* Why a row was not frozen, where the run says: pairs of a place in the columns and the reason. */
static lobass_status put_reasons(const columns *c)
{
    lb_json_writer *json = &c->page->json;
    lb_json_open(json, "reasons", '[');
    for (size_t i = 0; i < c->n; i++)
    {
        lobass_row row;
        if (lb_row_status_is_selectable(c->report->scores->rows[c->rows[i]].status))
        {
            continue;
        }
        LB_TRY(lb_store_row_load(&row, c->report->store, c->rows[i], c->page->error));
        if (row.reason != NULL)
        {
            lb_json_open(json, NULL, '[');
            lb_json_put_count(json, NULL, i);
            lb_json_put_text(json, NULL, row.reason);
            lb_json_close(json);
            LB_TRY(lb_page_flush(c->page));
        }
    }
    lb_json_close(json);
    return json->status;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static lobass_status label_find(const char **label, lb_store *store, lobass_error *error)
{
    lobass_format_options options;
    const lb_template *chosen = NULL;
    char *chat = NULL;
    LB_TRY(lb_format_options_load(&options, &chat, store, error));
    free(chat);
    *label = "";
    if (chat == NULL) /* a chat template writes no one label */
    {
        LB_TRY(lb_template_find(&chosen, options.template_name, error));
        *label = lb_template_user_label(chosen);
    }
    return LOBASS_OK;
}

static lobass_status put_columns(columns *c, excerpts *e, lb_stage *stage)
{
    lb_json_writer *json = &c->page->json;
    lb_json_open(json, "rows", '{');
    lb_json_put_count(json, "count", c->n);
    lb_json_open(json, "columns", '{');
    LB_TRY(put_places(c));
    LB_TRY(put_choice(c));
    LB_TRY(put_losses_and_scores(c));
    lb_json_close(json);
    LB_TRY(put_reasons(c));
    LB_TRY(put_texts(c, e, stage));
    lb_json_close(json);
    return json->status;
}

lobass_status lb_put_rows(lb_page *page, const lb_report *report, const lobass_tokenizer *tokenizer,
                          uint64_t n_most, const lobass_observer *observer, uint64_t *n_rows)
{
    lb_stage stage;
    columns c = {.page = page, .report = report};
    excerpts e = {.page = page, .report = report, .tokenizer = tokenizer};
    uint64_t *rows = NULL;
    lobass_status status = LOBASS_OK;
    LB_TRY(label_find(&e.label, report->store, page->error));
    LB_TRY_GOTO(lb_rows_sample(&rows, &c.n, report->scores->n_rows, n_most, report->rules.seed,
                               page->error));
    c.rows = rows;
    c.words = lb_alloc(c.n, sizeof *c.words, page->error);
    c.reals = c.words == NULL ? NULL : lb_alloc(c.n, sizeof *c.reals, page->error);
    c.bytes = c.reals == NULL ? NULL : lb_alloc(c.n, sizeof *c.bytes, page->error);
    if (c.bytes == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    *n_rows = c.n;
    lb_stage_begin(&stage, observer, "report", "rows", 0, c.n);
    status = put_columns(&c, &e, &stage);
done:
    lb_buffer_free(&e.quoted);
    free(c.words);
    free(c.reals);
    free(c.bytes);
    free(rows);
    return status;
}

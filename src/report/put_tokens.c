/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows to read, as the page's data: the first by rank, those around the last that was taken, and
 * the last, with every token's text, what it is, and its loss under both models.
 */
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

#define N_READ 20 /* rows in each list */

typedef struct reader
{
    lb_page *page;
    const lb_report *report;
    const lobass_tokenizer *tokenizer;
} reader;

/* ---- one row ----------------------------------------------------------------------------------
 */

static lobass_status put_pieces(reader *r, const lobass_row *row)
{
    lb_json_writer *json = &r->page->json;
    lb_json_open(json, "pieces", '[');
    for (size_t i = 0; i < row->n_tokens; i++)
    {
        char *text = NULL;
        size_t size = 0;
        LB_TRY(
            lobass_tokenizer_piece_text(&text, &size, r->tokenizer, row->ids[i], r->page->error));
        lb_json_put_bytes(json, NULL, text, size);
        free(text);
    }
    lb_json_close(json);
    return json->status;
}

/* Of the row's scored tokens; nothing where it was not measured under NAME. */
static lobass_status put_losses(reader *r, const char *name, uint64_t row)
{
    const lb_measurement *model = lb_report_model_find(r->report, name);
    lb_row_losses losses = {0};
    lobass_error found;
    if (model == NULL)
    {
        return LOBASS_OK;
    }
    const lobass_status status =
        lb_store_losses_load(&losses, r->report->store, model->id, row, &found);
    if (status == LOBASS_NOT_FOUND)
    {
        return LOBASS_OK;
    }
    if (status != LOBASS_OK)
    {
        return lb_fail(r->page->error, status, "%s", found.message);
    }
    return lb_page_put_column(r->page, name, "f32", losses.nll,
                              losses.n_scored * sizeof *losses.nll);
}

static lobass_status put_row(reader *r, uint64_t number)
{
    const lobass_row_scores *scores = &r->report->scores->rows[number];
    lb_json_writer *json = &r->page->json;
    lobass_row row;
    LB_TRY(lb_store_row_load(&row, r->report->store, number, r->page->error));
    lb_json_open(json, NULL, '{');
    lb_json_put_count(json, "row", number);
    lb_json_put_count(json, "rank", r->report->choice.ranks[number]);
    lb_json_put_boolean(json, "selected", r->report->choice.is_selected[number]);
    lb_json_put_count(json, "source", row.source);
    lb_json_put_count(json, "record", row.record);
    lb_json_put_text(json, "status", lobass_row_status_name(scores->status));
    lb_json_put_count(json, "n_tokens", row.n_scored);
    if (scores->has_initial)
    {
        lb_json_put_real(json, "initial_loss", scores->initial_loss);
    }
    if (scores->has_reference)
    {
        lb_json_put_real(json, "reference_loss", scores->reference_loss);
    }
    if (scores->has[r->report->choice.by])
    {
        lb_json_put_real(json, "score", scores->value[r->report->choice.by]);
    }
    LB_TRY(lb_page_put_column(r->page, "flags", "u8", row.flags, row.n_tokens));
    LB_TRY(put_pieces(r, &row));
    LB_TRY(put_losses(r, LB_INITIAL, number));
    LB_TRY(put_losses(r, LB_REFERENCE, number));
    lb_json_close(json);
    return lb_page_flush(r->page);
}

/* ---- the lists --------------------------------------------------------------------------------
 */

/* The places [first, first + N_READ) of the order, as far as they are there. */
static lobass_status put_list(reader *r, const char *key, size_t first)
{
    const lb_report_choice *choice = &r->report->choice;
    lb_json_open(&r->page->json, key, '[');
    for (size_t i = first; i < choice->n_ranked && i < first + N_READ; i++)
    {
        LB_TRY(put_row(r, choice->order[i]));
    }
    lb_json_close(&r->page->json);
    return r->page->json.status;
}

/* The place behind the last row that was taken. */
static size_t cut_place(const lb_report_choice *choice)
{
    size_t place = choice->n_ranked;
    while (place > 0 && !choice->is_selected[choice->order[place - 1]])
    {
        place--;
    }
    return place;
}

lobass_status lb_put_readings(lb_page *page, const lb_report *report,
                              const lobass_tokenizer *tokenizer)
{
    reader r = {.page = page, .report = report, .tokenizer = tokenizer};
    const lb_report_choice *choice = &report->choice;
    if (choice->is_selected == NULL)
    {
        return LOBASS_OK;
    }
    const size_t cut = cut_place(choice);
    const size_t n = choice->n_ranked;
    lb_json_open(&page->json, "readings", '{');
    LB_TRY(put_list(&r, "top", 0));
    LB_TRY(put_list(&r, "cut", cut > N_READ / 2 ? cut - N_READ / 2 : 0));
    LB_TRY(put_list(&r, "bottom", n > N_READ ? n - N_READ : 0));
    lb_json_close(&page->json);
    return page->json.status;
}

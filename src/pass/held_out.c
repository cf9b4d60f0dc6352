/* SPDX-License-Identifier: Apache-2.0
 *
 * See held_out.h. Bytes are those of the text that the scored tokens stand for, without BOS and end
 * tokens: their losses count, as they do for every other measure, but they are no text.
 */
#include "pass/pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- bytes ------------------------------------------------------------------------------------
 */

/* Those of a stretch of scored tokens are what the text up to its end has more than the text up to
 * its beginning. */
static lobass_status row_bytes(uint64_t *n_bytes, const lobass_row *row,
                               const lobass_tokenizer *tokenizer, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    bool is_within = false; /* a stretch */
    size_t n_ids = 0;
    int32_t *ids = lb_alloc(row->n_tokens, sizeof *ids, error);
    if (ids == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t t = 0; t <= row->n_tokens; t++)
    {
        const unsigned flags = t < row->n_tokens ? row->flags[t] : 0;
        const bool is_scored = (flags & LOBASS_TOKEN_SCORED) != 0;
        if ((flags & (LOBASS_TOKEN_BOS | LOBASS_TOKEN_END)) != 0)
        {
            continue;
        }
        if (is_scored != is_within)
        {
            size_t size = 0;
            LB_TRY_GOTO(lb_tokenizer_count_bytes(&size, tokenizer, ids, n_ids, error));
            *n_bytes = is_scored ? *n_bytes - size : *n_bytes + size;
            is_within = is_scored;
        }
        if (t < row->n_tokens)
        {
            ids[n_ids++] = row->ids[t];
        }
    }
done:
    free(ids);
    return status;
}

/* ---- what is there ----------------------------------------------------------------------------
 */

static lobass_status rows_count(lb_held_out *h, const lb_row_summary *summaries,
                                const bool *is_taken, size_t n_rows,
                                const lobass_tokenizer *tokenizer, lobass_error *error)
{
    h->row_sources = lb_alloc(n_rows, sizeof *h->row_sources, error);
    if (h->row_sources == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n_rows; i++)
    {
        lobass_row row;
        if (summaries[i].source >= h->n_sources)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT, "%s: row %zu: of source %u, there are %zu",
                           lb_store_path(h->reader.store), i, (unsigned)summaries[i].source,
                           h->n_sources);
        }
        h->row_sources[i] = summaries[i].source;
        if (is_taken[i])
        {
            lobass_evaluation *source = &h->of_sources[summaries[i].source];
            LB_TRY(lb_store_row_load(&row, h->reader.store, i, error));
            LB_TRY(row_bytes(&source->n_bytes, &row, tokenizer, error));
            source->n_rows++;
            source->n_scored_tokens += summaries[i].n_scored;
        }
    }
    return LOBASS_OK;
}

static lobass_status windows_plan(lb_held_out *h, size_t pack_tokens, lobass_error *error)
{
    size_t n_most = 0;
    uint32_t *lengths = lb_alloc(h->n_windows, sizeof *lengths, error);
    if (lengths == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < h->n_windows; i++)
    {
        lengths[i] = h->windows[i].n_tokens;
        h->longest = lengths[i] > h->longest ? lengths[i] : h->longest;
        h->n_tokens += lengths[i];
    }
    const lobass_status status =
        lb_plan_create(&h->plan, lengths, NULL, h->n_windows, pack_tokens, error);
    free(lengths);
    LB_TRY(status);
    for (size_t i = 0; i < lb_plan_count(h->plan); i++)
    {
        const size_t n_tokens = lb_plan_at(h->plan, i).n_tokens;
        n_most = n_tokens > n_most ? n_tokens : n_most;
    }
    h->nll = lb_alloc(n_most, sizeof *h->nll, error);
    h->sums = lb_alloc(h->n_windows, sizeof *h->sums, error);
    return h->nll == NULL || h->sums == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

static lobass_status rows_find(lb_held_out *h, const lobass_tokenizer *tokenizer,
                               size_t pack_tokens, lobass_error *error)
{
    lb_row_summary *summaries = NULL;
    bool *is_taken = NULL;
    size_t n_rows = 0;
    size_t n_nonfinite = 0;
    lobass_status status = LOBASS_OK;
    LB_TRY_GOTO(lb_store_summaries_load(&summaries, &n_rows, h->reader.store, error));
    LB_TRY_GOTO(
        lb_trained_rows_find(&is_taken, &n_nonfinite, summaries, n_rows, h->reader.store, error));
    /* In one transaction: a lock a row would cost more than the row. */
    LB_TRY_GOTO(lb_store_begin(h->reader.store, error));
    status = rows_count(h, summaries, is_taken, n_rows, tokenizer, error);
    lb_store_rollback(h->reader.store);
    if (status != LOBASS_OK)
    {
        goto done;
    }
    LB_TRY_GOTO(lb_windows_find(&h->windows, &h->n_windows, h->reader.store, summaries, is_taken,
                                n_rows, error));
    if (h->n_windows == 0)
    {
        status = lb_fail(error, LOBASS_BAD_ARGUMENT,
                         "%s%s: none of the %zu records can be scored: expected at least one with "
                         "the status ok or truncated",
                         h->sources[0].path, h->n_sources > 1 ? " and other files" : "", n_rows);
        goto done;
    }
    LB_TRY_GOTO(windows_plan(h, pack_tokens, error));
done:
    free(is_taken);
    free(summaries);
    return status;
}

lobass_status lb_held_out_open(lb_held_out *h, const char *run, const char *model,
                               size_t pack_tokens, lobass_error *error)
{
    lobass_tokenizer *tokenizer = NULL;
    lb_config config;
    lobass_status status = LOBASS_OK;
    *h = (lb_held_out){0};
    LB_TRY(lb_config_load(&config, model, error));
    h->reader.n_vocabulary = config.n_vocabulary;
    LB_TRY(lb_store_open(&h->reader.store, run, LB_STORE_READ, error));
    LB_TRY(lb_store_sources_load(&h->sources, &h->n_sources, h->reader.store, error));
    h->of_sources = lb_alloc(h->n_sources, sizeof *h->of_sources, error);
    if (h->of_sources == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < h->n_sources; i++)
    {
        (void)snprintf(h->of_sources[i].name, sizeof h->of_sources[i].name, "%s",
                       h->sources[i].name);
    }
    LB_TRY(lobass_tokenizer_load(&tokenizer, model, error));
    LB_TRY_GOTO(lb_run_check_model(h->reader.store, model, tokenizer, &config, error));
    LB_TRY_GOTO(rows_find(h, tokenizer, pack_tokens, error));
done:
    lobass_tokenizer_free(tokenizer);
    return status;
}

void lb_held_out_close(lb_held_out *h)
{
    free(h->sums);
    free(h->nll);
    lb_batch_builder_free(&h->builder);
    lb_plan_free(h->plan);
    free(h->windows);
    free(h->row_sources);
    free(h->of_sources);
    lb_store_sources_free(h->sources, h->n_sources);
    lb_window_reader_free(&h->reader);
    lb_store_close(h->reader.store);
    *h = (lb_held_out){0};
}

/* ---- scoring ----------------------------------------------------------------------------------
 */

/* The losses of a pack's windows stand one after the other, in the order of its scored tokens. */
static lobass_status pack_score(lb_held_out *h, lb_decoder *decoder, const lb_pack *pack,
                                lobass_error *error)
{
    const float *nll = h->nll;
    lb_batch_builder_reset(&h->builder);
    for (size_t i = 0; i < pack->n_rows; i++)
    {
        LB_TRY(lb_window_add(&h->builder, &h->reader, &h->windows[pack->rows[i]], error));
    }
    LB_TRY(lb_decoder_forward(decoder, &h->builder.batch, h->nll, NULL, error));
    for (size_t i = 0; i < pack->n_rows; i++)
    {
        const size_t n_scored = h->windows[pack->rows[i]].n_scored;
        h->sums[pack->rows[i]] = lb_losses_sum(nll, n_scored);
        nll += n_scored;
    }
    return LOBASS_OK;
}

lobass_status lb_held_out_run(lb_held_out *h, lb_decoder *decoder, lb_stage *stage,
                              lobass_error *error)
{
    uint64_t n_done = 0;
    for (size_t i = 0; i < lb_plan_count(h->plan); i++)
    {
        const lb_pack pack = lb_plan_at(h->plan, i);
        LB_TRY(pack_score(h, decoder, &pack, error));
        n_done += pack.n_rows;
        if (stage != NULL)
        {
            LB_TRY(lb_stage_advance(stage, n_done, pack.n_tokens, NAN, error));
        }
    }
    for (size_t i = 0; i < h->n_sources; i++)
    {
        h->of_sources[i].sum_nll = 0;
    }
    for (size_t i = 0; i < h->n_windows; i++)
    {
        h->of_sources[h->row_sources[h->windows[i].row]].sum_nll += h->sums[i];
    }
    return LOBASS_OK;
}

lobass_status lb_held_out_check(const lb_held_out *h, lobass_error *error)
{
    for (size_t i = 0; i < h->n_windows; i++)
    {
        if (!isfinite(h->sums[i]))
        {
            const uint64_t row = h->windows[i].row;
            return lb_fail(error, LOBASS_NUMERIC,
                           "%s: row %llu: its loss is not finite; expected a number",
                           h->of_sources[h->row_sources[row]].name, (unsigned long long)row);
        }
    }
    return LOBASS_OK;
}

lobass_evaluation lb_held_out_total(const lb_held_out *h)
{
    lobass_evaluation total = {.name = "all"};
    for (size_t i = 0; i < h->n_sources; i++)
    {
        const lobass_evaluation *source = &h->of_sources[i];
        total.n_rows += source->n_rows;
        total.n_scored_tokens += source->n_scored_tokens;
        total.n_bytes += source->n_bytes;
        total.sum_nll += source->sum_nll;
    }
    return total;
}

double lobass_evaluation_loss(const lobass_evaluation *evaluation)
{
    return evaluation->n_scored_tokens == 0
               ? NAN
               : evaluation->sum_nll / (double)evaluation->n_scored_tokens;
}

double lobass_evaluation_bits_per_byte(const lobass_evaluation *evaluation)
{
    return evaluation->n_bytes == 0 ? NAN
                                    : evaluation->sum_nll / log(2) / (double)evaluation->n_bytes;
}

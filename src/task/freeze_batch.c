/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch of records frozen side by side: copied in one after the other, turned into rows by one
 * freezer a thread, and read out in order. A row depends on its record alone, so the number of
 * threads changes nothing. Memory is bounded by the batch: some hundred records, or some megabytes
 * and the record that went beyond them.
 */
#include "task/prepare_private.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define MOST_RECORDS 512
#define MOST_BYTES ((size_t)32 << 20)

typedef struct slot
{
    lb_buffer data; /* the record's bytes */
    lb_record record;
    lobass_row row;
    lb_buffer ids, flags, reason; /* what row points to */
    lobass_status status;
    lobass_error error;
} slot;

typedef struct worker
{
    lb_freezer *freezer;
} worker;

struct lb_freeze_batch
{
    lb_pool *pool;
    worker *workers; /* [thread count of pool] */
    unsigned n_workers;
    slot *slots; /* [MOST_RECORDS] */
    size_t n_slots, n_bytes;
};

lobass_status lb_freeze_batch_create(lb_freeze_batch **batch, const lobass_tokenizer *tokenizer,
                                     const lobass_format_options *options, const lb_config *config,
                                     unsigned n_threads, lobass_error *error)
{
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    *batch = NULL;
    lb_freeze_batch *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    LB_TRY_GOTO(lb_pool_create(&made->pool, n_threads, error));
    const unsigned n_workers = lb_pool_thread_count(made->pool);
    made->slots = lb_alloc(MOST_RECORDS, sizeof *made->slots, error);
    made->workers = lb_alloc(n_workers, sizeof *made->workers, error);
    if (made->slots == NULL || made->workers == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    while (made->n_workers < n_workers)
    {
        LB_TRY_GOTO(lb_freezer_create(&made->workers[made->n_workers].freezer, tokenizer, options,
                                      config->eos, config->n_vocabulary, error));
        made->n_workers++;
    }
    *batch = made;
    made = NULL;
done:
    lb_freeze_batch_free(made);
    return status;
}

void lb_freeze_batch_free(lb_freeze_batch *batch)
{
    if (batch == NULL)
    {
        return;
    }
    for (unsigned i = 0; batch->workers != NULL && i < batch->n_workers; i++)
    {
        lb_freezer_free(batch->workers[i].freezer);
    }
    for (size_t i = 0; batch->slots != NULL && i < MOST_RECORDS; i++)
    {
        slot *place = &batch->slots[i];
        lb_buffer_free(&place->data);
        lb_buffer_free(&place->ids);
        lb_buffer_free(&place->flags);
        lb_buffer_free(&place->reason);
    }
    free(batch->workers);
    free(batch->slots);
    lb_pool_free(batch->pool);
    free(batch);
}

void lb_freeze_batch_clear(lb_freeze_batch *batch)
{
    batch->n_slots = 0;
    batch->n_bytes = 0;
}

bool lb_freeze_batch_is_full(const lb_freeze_batch *batch)
{
    return batch->n_slots == MOST_RECORDS || batch->n_bytes >= MOST_BYTES;
}

lobass_status lb_freeze_batch_add(lb_freeze_batch *batch, const lb_record *record,
                                  lobass_error *error)
{
    slot *place = &batch->slots[batch->n_slots];
    lb_buffer_clear(&place->data);
    LB_TRY(lb_buffer_append(&place->data, record->data, record->size, error));
    place->record = *record;
    place->record.data = place->data.data;
    batch->n_slots++;
    batch->n_bytes += record->size;
    return LOBASS_OK;
}

/* What the freezer gives lives until its next record: here it becomes the slot's own. */
static lobass_status row_keep(slot *place, lobass_error *error)
{
    lobass_row *row = &place->row;
    lb_buffer_clear(&place->ids);
    lb_buffer_clear(&place->flags);
    lb_buffer_clear(&place->reason);
    LB_TRY(lb_buffer_append(&place->ids, row->ids, row->n_tokens * sizeof *row->ids, error));
    LB_TRY(lb_buffer_append(&place->flags, row->flags, row->n_tokens, error));
    if (row->reason != NULL)
    {
        LB_TRY(lb_buffer_append_text(&place->reason, row->reason, error));
        row->reason = place->reason.data;
    }
    row->ids = (const int32_t *)(const void *)place->ids.data;
    row->flags = (const uint8_t *)place->flags.data;
    return LOBASS_OK;
}

static void slot_freeze(void *context, size_t chunk, unsigned worker_index)
{
    lb_freeze_batch *batch = context;
    slot *place = &batch->slots[chunk];
    const lb_record *record = &place->record;
    memset(&place->row, 0, sizeof place->row);
    place->status =
        lb_freezer_freeze(batch->workers[worker_index].freezer, &place->row, record, &place->error);
    place->row.record = record->index;
    place->row.line = record->line;
    place->row.offset = record->offset;
    place->row.size_bytes = record->size;
    if (place->status == LOBASS_OK)
    {
        place->status = row_keep(place, &place->error);
    }
}

lobass_status lb_freeze_batch_run(lb_freeze_batch *batch, const char *path, lobass_error *error)
{
    lb_pool_run(batch->pool, batch->n_slots, slot_freeze, batch);
    for (size_t i = 0; i < batch->n_slots; i++)
    {
        const slot *place = &batch->slots[i];
        if (place->status != LOBASS_OK)
        {
            /* The freezer knows no files: the place is added here. */
            return lb_fail(error, place->status, "%s:%" PRIu64 ": %s", path, place->record.line,
                           place->error.message);
        }
    }
    return LOBASS_OK;
}

size_t lb_freeze_batch_count(const lb_freeze_batch *batch)
{
    return batch->n_slots;
}

lobass_row *lb_freeze_batch_at(lb_freeze_batch *batch, size_t index)
{
    return &batch->slots[index].row;
}

void lb_freeze_row_unscore(lobass_row *row)
{
    slot *place = (slot *)(void *)((char *)row - offsetof(slot, row));
    for (size_t i = 0; i < place->flags.size; i++)
    {
        place->flags.data[i] = (char)((unsigned char)place->flags.data[i] & ~LOBASS_TOKEN_SCORED);
    }
    row->n_scored = 0;
}

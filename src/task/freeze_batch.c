/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch of records to be frozen side by side: copied in one after the other, each turned into a
 * row by whoever takes it, and read out in order. A row depends on its record alone, so the number
 * of threads changes nothing. Memory is bounded by the batch: some hundred records, or some
 * megabytes and the record that went beyond them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "task/preparer.h"

#define MOST_RECORDS 512
#define MOST_BYTES ((size_t)16 << 20)

typedef struct slot
{
    lb_buffer data; /* the record's bytes */
    lb_record record;
    lb_frozen frozen;
    lb_buffer ids, flags, reason; /* what its row points to */
    lb_buffer ignored;            /* and lb_frozen */
    lobass_status status;
    lobass_error error;
} slot;

struct lb_freeze_batch
{
    slot slots[MOST_RECORDS];
    size_t n_slots, n_bytes;
};

lobass_status lb_freeze_batch_create(lb_freeze_batch **batch, lobass_error *error)
{
    *batch = lb_alloc(1, sizeof **batch, error);
    return *batch == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

void lb_freeze_batch_free(lb_freeze_batch *batch)
{
    for (size_t i = 0; batch != NULL && i < MOST_RECORDS; i++)
    {
        slot *place = &batch->slots[i];
        lb_buffer_free(&place->data);
        lb_buffer_free(&place->ids);
        lb_buffer_free(&place->flags);
        lb_buffer_free(&place->reason);
        lb_buffer_free(&place->ignored);
    }
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

size_t lb_freeze_batch_count(const lb_freeze_batch *batch)
{
    return batch->n_slots;
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
    lobass_row *row = &place->frozen.row;
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

static lobass_status names_keep(slot *place, const char *const *names, size_t n_names,
                                const char *before, lobass_error *error)
{
    for (size_t i = 0; i < n_names; i++)
    {
        LB_TRY(lb_buffer_append_text(&place->ignored, before, error));
        LB_TRY(lb_buffer_append(&place->ignored, names[i], strlen(names[i]) + 1, error));
    }
    place->frozen.n_ignored += n_names;
    return LOBASS_OK;
}

/* What nothing reads of a record; of a bad one, all is said. */
static lobass_status ignored_keep(slot *place, const lb_conversation *conversation,
                                  lobass_error *error)
{
    lb_buffer_clear(&place->ignored);
    place->frozen.n_ignored = 0;
    if (place->frozen.row.status == LOBASS_ROW_BAD_RECORD)
    {
        return LOBASS_OK;
    }
    LB_TRY(names_keep(place, conversation->ignored, conversation->n_ignored, "", error));
    LB_TRY(names_keep(place, conversation->ignored_within, conversation->n_ignored_within,
                      "messages[].", error));
    place->frozen.ignored = place->ignored.data;
    return LOBASS_OK;
}

static void row_examine(lb_frozen *frozen)
{
    const lobass_row *row = &frozen->row;
    frozen->hash = lb_row_hash(row);
    frozen->highest_id = -1;
    for (size_t t = 0; t < row->n_tokens; t++)
    {
        frozen->highest_id = row->ids[t] > frozen->highest_id ? row->ids[t] : frozen->highest_id;
    }
}

void lb_freeze_batch_freeze(lb_freeze_batch *batch, size_t index, lb_freezer *freezer)
{
    slot *place = &batch->slots[index];
    lobass_row *row = &place->frozen.row;
    const lb_record *record = &place->record;
    memset(row, 0, sizeof *row);
    place->status = lb_freezer_freeze(freezer, row, record, &place->error);
    place->frozen.notes = lb_freezer_notes(freezer);
    row->record = record->index;
    row->line = record->line;
    row->offset = record->offset;
    row->size_bytes = record->size;
    if (place->status == LOBASS_OK)
    {
        place->status = row_keep(place, &place->error);
    }
    if (place->status == LOBASS_OK)
    {
        place->status = ignored_keep(place, lb_freezer_conversation(freezer), &place->error);
    }
    if (place->status == LOBASS_OK)
    {
        row_examine(&place->frozen);
    }
}

lobass_status lb_freeze_batch_check(const lb_freeze_batch *batch, const char *path,
                                    lobass_error *error)
{
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

lb_frozen *lb_freeze_batch_at(lb_freeze_batch *batch, size_t index)
{
    return &batch->slots[index].frozen;
}

void lb_freeze_batch_mark_duplicate(lb_freeze_batch *batch, size_t index)
{
    slot *place = &batch->slots[index];
    lb_row_mark_duplicate(&place->frozen.row, (uint8_t *)(void *)place->flags.data);
    place->frozen.hash = lb_row_hash(&place->frozen.row);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns how the texts of two models find each other: both files are sorted by the hash of the
 * prompts, and then by place, and must be the same list.
 */
#include "judge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct line
{
    lb_hash hash;    /* of the prompt */
    uint64_t number; /* of the line, from 1 */
    size_t index;    /* in the file */
    lb_written prompt, text;
    const char *source; /* NULL: none */
} line;

typedef struct file
{
    const char *path;
    line *lines;
    size_t n_lines, capacity;
} file;

static lobass_status fail_line(const file *f, const lb_record *record, const char *what,
                               lobass_error *error)
{
    return lb_fail(error, LOBASS_BAD_FORMAT, "%s:%" PRIu64 ": %s", f->path, record->line, what);
}

static bool take_text(lb_written *written, const lb_value *object, const char *key)
{
    const lb_value *value = lb_value_get(object, key);
    if (!lb_value_is(value, LB_VALUE_STRING))
    {
        return false;
    }
    *written = (lb_written){value->text, value->size};
    return true;
}

static lobass_status line_read(file *f, const lb_record *record, lb_arena *arena,
                               lobass_error *error)
{
    const lb_value *object = NULL;
    lb_written source = {0};
    char where[32];
    void *lines = f->lines;
    LB_TRY(lb_list_reserve(&lines, &f->capacity, f->n_lines + 1, sizeof *f->lines, error));
    f->lines = lines;
    (void)snprintf(where, sizeof where, "line %" PRIu64, record->line);
    lobass_error found = {0};
    const lobass_status status =
        lb_value_parse(&object, record->data, record->size, where, arena, &found);
    if (status != LOBASS_OK)
    {
        return lb_fail(error, status, "%s: %s", f->path, found.message);
    }
    line made = {.number = record->line, .index = f->n_lines};
    if (!take_text(&made.prompt, object, "prompt"))
    {
        return fail_line(f, record, "expected a line of lobass generate --jsonl, with a \"prompt\"",
                         error);
    }
    if (!take_text(&made.text, object, "text") && lb_value_get(object, "error") == NULL)
    {
        return fail_line(f, record, "expected a string as \"text\", or an \"error\"", error);
    }
    made.source = take_text(&source, object, "source") ? source.text : NULL;
    made.hash = lb_hash_bytes(made.prompt.text, made.prompt.size, 0);
    f->lines[f->n_lines++] = made;
    return LOBASS_OK;
}

static int compare_prompts(const line *a, const line *b)
{
    if (a->hash.high != b->hash.high)
    {
        return a->hash.high < b->hash.high ? -1 : 1;
    }
    return a->hash.low == b->hash.low ? 0 : a->hash.low < b->hash.low ? -1 : 1;
}

static int compare_lines(const void *left, const void *right)
{
    const line *a = left;
    const line *b = right;
    const int order = compare_prompts(a, b);
    return order != 0 ? order : a->index < b->index ? -1 : a->index > b->index;
}

/* Its lines are sorted then. */
static lobass_status file_read(file *f, lb_arena *arena, lobass_error *error)
{
    lb_record_reader *reader = NULL;
    lb_record record;
    bool has_record = true;
    lobass_status status = LOBASS_OK;
    LB_TRY(lb_record_reader_open(&reader, f->path, error));
    while (has_record)
    {
        LB_TRY_GOTO(lb_record_reader_next(reader, &record, &has_record, error));
        LB_TRY_GOTO(has_record ? line_read(f, &record, arena, error) : LOBASS_OK);
    }
    if (f->n_lines == 0)
    {
        status = lb_fail(error, LOBASS_BAD_FORMAT, "%s: no line; expected at least one", f->path);
        goto done;
    }
    qsort(f->lines, f->n_lines, sizeof *f->lines, compare_lines);
done:
    lb_record_reader_close(reader);
    return status;
}

static lobass_status check_partners(const file files[2], lobass_error *error)
{
    const size_t n = files[0].n_lines > files[1].n_lines ? files[0].n_lines : files[1].n_lines;
    for (size_t i = 0; i < n; i++)
    {
        int alone = i >= files[0].n_lines ? 1 : 0;
        if (i < files[0].n_lines && i < files[1].n_lines)
        {
            const int order = compare_prompts(&files[0].lines[i], &files[1].lines[i]);
            if (order == 0)
            {
                continue;
            }
            alone = order < 0 ? 0 : 1;
        }
        return lb_fail(error, LOBASS_CONFLICT,
                       "%s:%" PRIu64 ": its prompt is not in %s, or not as often; expected the "
                       "same prompts in both",
                       files[alone].path, files[alone].lines[i].number, files[1 - alone].path);
    }
    return LOBASS_OK;
}

static void hash_add(lb_hasher *hasher, const lb_written *written)
{
    const uint64_t size = written->text == NULL ? UINT64_MAX : written->size;
    lb_hasher_update(hasher, &size, sizeof size);
    lb_hasher_update(hasher, written->text == NULL ? "" : written->text, written->size);
}

static lobass_status pairs_make(lb_text_pairs *pairs, const file files[2], lobass_error *error)
{
    lb_hasher *hasher = NULL;
    pairs->pairs = lb_alloc(files[0].n_lines, sizeof *pairs->pairs, error);
    LB_TRY(pairs->pairs == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK);
    pairs->n_pairs = files[0].n_lines;
    for (size_t i = 0; i < pairs->n_pairs; i++)
    {
        const line *first = &files[0].lines[i];
        pairs->pairs[first->index] = (lb_text_pair){.prompt = first->prompt,
                                                    .texts = {first->text, files[1].lines[i].text},
                                                    .source = first->source};
    }
    LB_TRY(lb_hasher_create(&hasher, 0, error));
    for (size_t i = 0; i < pairs->n_pairs; i++)
    {
        hash_add(hasher, &pairs->pairs[i].prompt);
        hash_add(hasher, &pairs->pairs[i].texts[0]);
        hash_add(hasher, &pairs->pairs[i].texts[1]);
    }
    pairs->hash = lb_hasher_value(hasher);
    lb_hasher_free(hasher);
    return LOBASS_OK;
}

lobass_status lb_text_pairs_load(lb_text_pairs *pairs, const char *first, const char *second,
                                 lobass_error *error)
{
    file files[2] = {{.path = first}, {.path = second}};
    lobass_status status = LOBASS_OK;
    *pairs = (lb_text_pairs){0};
    for (int i = 0; i < 2; i++)
    {
        LB_TRY_GOTO(file_read(&files[i], &pairs->arena, error));
    }
    LB_TRY_GOTO(check_partners(files, error));
    LB_TRY_GOTO(pairs_make(pairs, files, error));
done:
    free(files[0].lines);
    free(files[1].lines);
    return status;
}

void lb_text_pairs_free(lb_text_pairs *pairs)
{
    free(pairs->pairs);
    lb_arena_free(&pairs->arena);
    *pairs = (lb_text_pairs){0};
}

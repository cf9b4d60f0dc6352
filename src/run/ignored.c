/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields of records that nothing reads: in how many records each stands, as a fact of the run, and
 * in words. A list of [name, records] in the order in which the fields were met, so that a prepare
 * that was stopped counts on where it was.
 */
#include "run/run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void lb_ignored_add(lobass_ignored *ignored, const char *name)
{
    size_t size = strlen(name);
    if (size >= LOBASS_FIELD_NAME_SIZE)
    {
        size = LOBASS_FIELD_NAME_SIZE - 1;
        while (size > 0 && ((unsigned char)name[size] & 0xc0U) == 0x80U)
        {
            size--;
        }
    }
    for (size_t i = 0; i < ignored->n_fields; i++)
    {
        lobass_ignored_field *field = &ignored->fields[i];
        if (strncmp(field->name, name, size) == 0 && field->name[size] == '\0')
        {
            field->n_records++;
            return;
        }
    }
    if (ignored->n_fields == LOBASS_IGNORED_MOST)
    {
        ignored->n_others++;
        return;
    }
    lobass_ignored_field *added = &ignored->fields[ignored->n_fields++];
    *added = (lobass_ignored_field){.n_records = 1};
    memcpy(added->name, name, size);
}

lobass_status lb_ignored_save(const lobass_ignored *ignored, lb_store *store, lobass_error *error)
{
    lb_buffer text = {0};
    lb_json_writer json = lb_json_writer_begin(&text, false, error);
    lb_json_open(&json, NULL, '{');
    lb_json_open(&json, "fields", '[');
    for (size_t i = 0; i < ignored->n_fields; i++)
    {
        lb_json_open(&json, NULL, '[');
        lb_json_put_text(&json, NULL, ignored->fields[i].name);
        lb_json_put_count(&json, NULL, ignored->fields[i].n_records);
        lb_json_close(&json);
    }
    lb_json_close(&json);
    lb_json_put_count(&json, "others", ignored->n_others);
    lb_json_close(&json);
    lobass_status status = json.status;
    if (status == LOBASS_OK)
    {
        status = lb_store_fact_save(store, LB_FACT_IGNORED, text.data, error);
    }
    lb_buffer_free(&text);
    return status;
}

static lobass_status ignored_read(lobass_ignored *ignored, const json_t *object, const char *where,
                                  lobass_error *error)
{
    size_t i = 0;
    const json_t *pair = NULL;
    json_array_foreach(json_object_get(object, "fields"), i, pair)
    {
        const char *name = json_string_value(json_array_get(pair, 0));
        const json_int_t count = json_integer_value(json_array_get(pair, 1));
        if (i == LOBASS_IGNORED_MOST || name == NULL || count < 1 ||
            strlen(name) >= LOBASS_FIELD_NAME_SIZE)
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "%s: fact \"%s\": entry %zu is no field with its records", where,
                           LB_FACT_IGNORED, i);
        }
        lobass_ignored_field *field = &ignored->fields[ignored->n_fields++];
        field->n_records = (uint64_t)count;
        memcpy(field->name, name, strlen(name) + 1);
    }
    int64_t others = 0;
    LB_TRY(lb_json_integer(object, where, "others", 0, INT64_MAX, false, &others, error));
    ignored->n_others = (uint64_t)others;
    return LOBASS_OK;
}

lobass_status lb_ignored_load(lobass_ignored *ignored, lb_store *store, lobass_error *error)
{
    char *text = NULL;
    json_t *object = NULL;
    lobass_status status = LOBASS_OK;
    *ignored = (lobass_ignored){0};
    LB_TRY(lb_store_fact_load(&text, store, LB_FACT_IGNORED, error));
    if (text != NULL)
    {
        LB_TRY_GOTO(lb_json_parse(&object, text, strlen(text), lb_store_path(store), error));
        LB_TRY_GOTO(ignored_read(ignored, object, lb_store_path(store), error));
    }
done:
    json_decref(object);
    free(text);
    return status;
}

/* ---- in words ---------------------------------------------------------------------------------
 */

static void append(char *text, size_t size_bytes, const char *more)
{
    const size_t used = strlen(text);
    (void)snprintf(text + used, size_bytes - used, "%s", more);
}

static void append_count(char *text, size_t size_bytes, uint64_t value)
{
    char digits[32];
    (void)snprintf(digits, sizeof digits, "%" PRIu64, value);
    const size_t n = strlen(digits);
    for (size_t i = 0; i < n; i++)
    {
        const char one[] = {digits[i], (n - i) % 3 == 1 && i + 1 < n ? ',' : '\0', '\0'};
        append(text, size_bytes, one);
    }
}

/* Whether an earlier field stands in as many records: they were told together. */
static bool is_told(const lobass_ignored *ignored, size_t index)
{
    for (size_t i = 0; i < index; i++)
    {
        if (ignored->fields[i].n_records == ignored->fields[index].n_records)
        {
            return true;
        }
    }
    return false;
}

void lobass_ignored_describe(char *text, size_t size_bytes, const lobass_ignored *ignored)
{
    text[0] = '\0';
    for (size_t i = 0; i < ignored->n_fields; i++)
    {
        const uint64_t n_records = ignored->fields[i].n_records;
        if (is_told(ignored, i))
        {
            continue;
        }
        append(text, size_bytes, text[0] == '\0' ? "" : "; ");
        for (size_t j = i; j < ignored->n_fields; j++)
        {
            if (ignored->fields[j].n_records == n_records)
            {
                append(text, size_bytes, j == i ? "" : ", ");
                append(text, size_bytes, ignored->fields[j].name);
            }
        }
        append(text, size_bytes, " in ");
        append_count(text, size_bytes, n_records);
        append(text, size_bytes, n_records == 1 ? " record" : " records");
    }
    append(text, size_bytes, ignored->n_others > 0 ? "; and others" : "");
}

void lb_ignored_log(const lobass_ignored *ignored, const lobass_observer *observer)
{
    char text[LOBASS_ERROR_SIZE];
    if (ignored->n_fields > 0)
    {
        lobass_ignored_describe(text, sizeof text, ignored);
        lb_observer_log(observer, LOBASS_LOG_NOTE, "ignored: %s", text);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The type of a column that holds given JSON values, one for all of them, as DuckDB writes it: a
 * member that some lack is NULL in them, whole numbers among others are real ones. Values of kinds
 * that have no type in common are refused by name.
 */
#include "format/table_type.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DEPTH 32U
#define MOST_EXACT 9007199254740992.0 /* 2^53 */

static lb_table_kind kind_of(const lb_value *value)
{
    switch (value->kind)
    {
    case LB_VALUE_OBJECT:
        return LB_TABLE_STRUCT;
    case LB_VALUE_ARRAY:
        return LB_TABLE_LIST;
    case LB_VALUE_STRING:
        return LB_TABLE_TEXT;
    case LB_VALUE_NUMBER:
        return floor(value->number) == value->number && fabs(value->number) <= MOST_EXACT
                   ? LB_TABLE_INTEGER
                   : LB_TABLE_REAL;
    case LB_VALUE_TRUE:
    case LB_VALUE_FALSE:
        return LB_TABLE_BOOLEAN;
    case LB_VALUE_NULL:
        break;
    }
    return LB_TABLE_NULL;
}

static const char *const kind_names[] = {
    [LB_TABLE_NULL] = "null",        [LB_TABLE_BOOLEAN] = "a boolean",
    [LB_TABLE_INTEGER] = "a number", [LB_TABLE_REAL] = "a number",
    [LB_TABLE_TEXT] = "a string",    [LB_TABLE_LIST] = "a list",
    [LB_TABLE_STRUCT] = "an object",
};

static bool is_number(lb_table_kind kind)
{
    return kind == LB_TABLE_INTEGER || kind == LB_TABLE_REAL;
}

/* The member KEY of TYPE, made where there is none. */
static lb_table_type *member_find(lb_table_type *type, const char *key, lobass_error *error)
{
    for (size_t i = 0; i < type->count; i++)
    {
        if (strcmp(type->members[i].name, key) == 0)
        {
            return &type->members[i];
        }
    }
    if (lb_list_reserve((void **)&type->members, &type->capacity, type->count + 1,
                        sizeof *type->members, error) != LOBASS_OK)
    {
        return NULL;
    }
    lb_table_type *made = &type->members[type->count];
    *made = (lb_table_type){.name = lb_copy_text(key, strlen(key), error)};
    type->count += made->name != NULL ? 1 : 0;
    return made->name != NULL ? made : NULL;
}

static lobass_status merge(lb_table_type *type, const lb_value *value, const char *where,
                           unsigned depth, lobass_error *error)
{
    const lb_table_kind kind = kind_of(value);
    if (kind == LB_TABLE_NULL)
    {
        return LOBASS_OK;
    }
    if (type->kind == LB_TABLE_NULL)
    {
        type->kind = kind;
    }
    else if (is_number(type->kind) && is_number(kind))
    {
        type->kind = kind == LB_TABLE_REAL ? kind : type->kind;
    }
    else if (type->kind != kind)
    {
        return lb_fail(
            error, LOBASS_UNSUPPORTED,
            "%s: \"%s\" is %s here and %s in a record before; a column of a Parquet file "
            "has one type: write .jsonl, or another --format",
            where, type->name != NULL ? type->name : "record", kind_names[kind],
            kind_names[type->kind]);
    }
    if (depth == MOST_DEPTH)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED, "%s: values of more than %u levels", where,
                       MOST_DEPTH);
    }
    for (const lb_value *element = value->first; element != NULL; element = element->next)
    {
        const bool is_list = kind == LB_TABLE_LIST;
        lb_table_type *member = member_find(
            type, is_list ? type->name != NULL ? type->name : "record" : element->key, error);
        LB_TRY(member == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK);
        LB_TRY(merge(member, element, where, depth + 1, error));
    }
    return LOBASS_OK;
}

lobass_status lb_table_type_take(lb_table_type *type, const lb_value *value, const char *where,
                                 lobass_error *error)
{
    return merge(type, value, where, 0, error);
}

/* ---- as SQL -----------------------------------------------------------------------------------
 */

static lobass_status name_append(lb_buffer *sql, const char *name, lobass_error *error)
{
    LB_TRY(lb_buffer_append(sql, "\"", 1, error));
    for (; *name != '\0'; name++)
    {
        LB_TRY(lb_buffer_append(sql, "\"\"", *name == '"' ? 2 : 0, error));
        LB_TRY(lb_buffer_append(sql, name, *name == '"' ? 0 : 1, error));
    }
    return lb_buffer_append(sql, "\"", 1, error);
}

static lobass_status struct_print(lb_buffer *sql, const lb_table_type *type, const char *where,
                                  lobass_error *error)
{
    if (type->count == 0)
    {
        return lb_fail(error, LOBASS_UNSUPPORTED,
                       "%s: \"%s\" is an object without members in all records, which a Parquet "
                       "file cannot hold; write .jsonl",
                       where, type->name != NULL ? type->name : "record");
    }
    LB_TRY(lb_buffer_append_text(sql, "STRUCT(", error));
    for (size_t i = 0; i < type->count; i++)
    {
        LB_TRY(lb_buffer_append(sql, ", ", i == 0 ? 0 : 2, error));
        LB_TRY(name_append(sql, type->members[i].name, error));
        LB_TRY(lb_buffer_append(sql, " ", 1, error));
        LB_TRY(lb_table_type_print(sql, &type->members[i], where, error));
    }
    return lb_buffer_append(sql, ")", 1, error);
}

lobass_status lb_table_type_print(lb_buffer *sql, const lb_table_type *type, const char *where,
                                  lobass_error *error)
{
    switch (type->kind)
    {
    case LB_TABLE_BOOLEAN:
        return lb_buffer_append_text(sql, "BOOLEAN", error);
    case LB_TABLE_INTEGER:
        return lb_buffer_append_text(sql, "BIGINT", error);
    case LB_TABLE_REAL:
        return lb_buffer_append_text(sql, "DOUBLE", error);
    case LB_TABLE_LIST:
        LB_TRY(type->count == 0 ? lb_buffer_append_text(sql, "VARCHAR", error)
                                : lb_table_type_print(sql, &type->members[0], where, error));
        return lb_buffer_append_text(sql, "[]", error);
    case LB_TABLE_STRUCT:
        return struct_print(sql, type, where, error);
    case LB_TABLE_TEXT:
    case LB_TABLE_NULL:
        break;
    }
    return lb_buffer_append_text(sql, "VARCHAR", error);
}

void lb_table_type_free(lb_table_type *type)
{
    for (size_t i = 0; i < type->count; i++)
    {
        lb_table_type_free(&type->members[i]);
    }
    free(type->members);
    free(type->name);
    *type = (lb_table_type){0};
}

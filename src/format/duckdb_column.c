/* SPDX-License-Identifier: Apache-2.0
 *
 * See duckdb_column.h: what a column is, found once; its values are duckdb_value.c.
 */
#include "format/duckdb_column.h"

#include <stdlib.h>
#include <string.h>

#include "format/format.h"

#define MOST_DEPTH 32U

/* Who makes a column, and where he is. */
typedef struct making
{
    const lb_duckdb *duckdb;
    const char *where;
    lb_buffer path; /* messages[].content */
    unsigned depth;
} making;

static lobass_status column_make(making *m, lb_duckdb_column *column, void *type,
                                 lobass_error *error);

static lobass_status refuse(const making *m, const char *what, const char *remedy,
                            lobass_error *error)
{
    return lb_fail(error, LOBASS_UNSUPPORTED, "%s: column \"%s\": %s has no form in JSON; %s",
                   m->where, m->path.data, what, remedy);
}

static lobass_status name_set(lb_duckdb_column *column, const char *name, lobass_error *error)
{
    LB_TRY(lb_json_append_text(&column->name, name, strlen(name), error));
    return lb_buffer_append(&column->name, ": ", 2, error);
}

/* TYPE, a handle, is destroyed. */
static lobass_status child_make(making *m, lb_duckdb_column *child, void *type, const char *suffix,
                                lobass_error *error)
{
    const size_t size = m->path.size;
    lobass_status status = lb_buffer_append_text(&m->path, suffix, error);
    m->depth++;
    if (status == LOBASS_OK && m->depth > MOST_DEPTH)
    {
        status = refuse(m, "a value of more than 32 levels", "drop the column", error);
    }
    status = status == LOBASS_OK ? column_make(m, child, type, error) : status;
    m->depth--;
    m->path.size = size;
    m->path.data[size] = '\0';
    m->duckdb->destroy_logical_type(&type);
    return status;
}

static lobass_status children_alloc(lb_duckdb_column *column, size_t count, lobass_error *error)
{
    column->children = lb_alloc(count, sizeof *column->children, error);
    column->n_children = column->children == NULL ? 0 : count;
    return column->children == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

static lobass_status struct_make(making *m, lb_duckdb_column *column, void *type,
                                 lobass_error *error)
{
    const lb_duckdb *duckdb = m->duckdb;
    LB_TRY(children_alloc(column, duckdb->struct_type_child_count(type), error));
    for (size_t i = 0; i < column->n_children; i++)
    {
        lb_buffer suffix = {0};
        lb_duckdb_column *child = &column->children[i];
        char *name = duckdb->struct_type_child_name(type, i);
        void *child_type = duckdb->struct_type_child_type(type, i);
        lobass_status status = lb_buffer_print(&suffix, error, ".%s", name);
        status = status == LOBASS_OK ? name_set(child, name, error) : status;
        if (status == LOBASS_OK)
        {
            status = child_make(m, child, child_type, suffix.data, error);
        }
        else
        {
            duckdb->destroy_logical_type(&child_type);
        }
        duckdb->free(name);
        lb_buffer_free(&suffix);
        LB_TRY(status);
    }
    return LOBASS_OK;
}

static lobass_status map_make(making *m, lb_duckdb_column *column, void *type, lobass_error *error)
{
    LB_TRY(children_alloc(column, 2, error));
    LB_TRY(child_make(m, &column->children[0], m->duckdb->map_type_key_type(type), "{key}", error));
    if (column->children[0].type != LB_DUCKDB_VARCHAR)
    {
        return refuse(m, "a map whose keys are no text", "drop the column", error);
    }
    return child_make(m, &column->children[1], m->duckdb->map_type_value_type(type), "{}", error);
}

static lobass_status enum_make(making *m, lb_duckdb_column *column, void *type, lobass_error *error)
{
    const size_t n_words = m->duckdb->enum_dictionary_size(type);
    column->internal = (lb_duckdb_type)m->duckdb->enum_internal_type(type);
    column->words = lb_alloc(n_words, sizeof *column->words, error);
    if (column->words == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (; column->n_words < n_words; column->n_words++)
    {
        char *word = m->duckdb->enum_dictionary_value(type, column->n_words);
        column->words[column->n_words] = lb_copy_text(word, strlen(word), error);
        m->duckdb->free(word);
        if (column->words[column->n_words] == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
    }
    return LOBASS_OK;
}

static const struct
{
    lb_duckdb_type type;
    const char *name;
} refused[] = {
    {LB_DUCKDB_BLOB, "binary data"},
    {LB_DUCKDB_INTERVAL, "an interval"},
    {LB_DUCKDB_UNION, "a union"},
    {LB_DUCKDB_BIT, "a bit string"},
    {LB_DUCKDB_TIME_TZ, "a time of day with a time zone"},
};

static lobass_status other_refuse(const making *m, lb_duckdb_type type, lobass_error *error)
{
    char other[64];
    (void)snprintf(other, sizeof other, "DuckDB's type %d", (int)type);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    {
        if (refused[i].type == type)
        {
            return refuse(m, refused[i].name,
                          type == LB_DUCKDB_BLOB
                              ? "drop the column, or write it as text if that is what it holds"
                              : "drop the column, or write it as text",
                          error);
        }
    }
    return refuse(m, other, "drop the column, or write it as text", error);
}

static lobass_status column_make(making *m, lb_duckdb_column *column, void *type,
                                 lobass_error *error)
{
    const lb_duckdb *duckdb = m->duckdb;
    column->type = (lb_duckdb_type)duckdb->get_type_id(type);
    switch (column->type)
    {
    case LB_DUCKDB_LIST:
    case LB_DUCKDB_ARRAY:
    {
        const bool is_list = column->type == LB_DUCKDB_LIST;
        LB_TRY(children_alloc(column, 1, error));
        column->array_size = is_list ? 0 : duckdb->array_type_array_size(type);
        return child_make(m, &column->children[0],
                          is_list ? duckdb->list_type_child_type(type)
                                  : duckdb->array_type_child_type(type),
                          "[]", error);
    }
    case LB_DUCKDB_STRUCT:
        return struct_make(m, column, type, error);
    case LB_DUCKDB_MAP:
        return map_make(m, column, type, error);
    case LB_DUCKDB_ENUM:
        return enum_make(m, column, type, error);
    case LB_DUCKDB_DECIMAL:
        column->scale = duckdb->decimal_scale(type);
        column->internal = (lb_duckdb_type)duckdb->decimal_internal_type(type);
        return LOBASS_OK;
    case LB_DUCKDB_INTERVAL:
    case LB_DUCKDB_BLOB:
    case LB_DUCKDB_UNION:
    case LB_DUCKDB_BIT:
    case LB_DUCKDB_TIME_TZ:
        return other_refuse(m, column->type, error);
    default:
        return (column->type >= LB_DUCKDB_BOOLEAN && column->type <= LB_DUCKDB_ARRAY) ||
                       column->type == LB_DUCKDB_SQLNULL
                   ? LOBASS_OK
                   : other_refuse(m, column->type, error);
    }
}

lobass_status lb_duckdb_column_make(lb_duckdb_column *column, const lb_duckdb *duckdb, void *type,
                                    const char *where, const char *path, lobass_error *error)
{
    making m = {.duckdb = duckdb, .where = where};
    *column = (lb_duckdb_column){0};
    lobass_status status = lb_append_visible(&m.path, path, strlen(path), error);
    status = status == LOBASS_OK ? name_set(column, path, error) : status;
    status = status == LOBASS_OK ? column_make(&m, column, type, error) : status;
    lb_buffer_free(&m.path);
    return status;
}

void lb_duckdb_column_free(lb_duckdb_column *column)
{
    for (size_t i = 0; i < column->n_children; i++)
    {
        lb_duckdb_column_free(&column->children[i]);
    }
    for (size_t i = 0; i < column->n_words; i++)
    {
        free(column->words[i]);
    }
    free(column->children);
    free(column->words);
    lb_buffer_free(&column->name);
    *column = (lb_duckdb_column){0};
}

void lb_duckdb_column_bind(lb_duckdb_column *column, const lb_duckdb *duckdb, void *vector)
{
    column->data = duckdb->vector_get_data(vector);
    column->validity = duckdb->vector_get_validity(vector);
    if (column->type == LB_DUCKDB_STRUCT)
    {
        for (size_t i = 0; i < column->n_children; i++)
        {
            lb_duckdb_column_bind(&column->children[i], duckdb,
                                  duckdb->struct_vector_get_child(vector, i));
        }
    }
    else if (column->type == LB_DUCKDB_MAP) /* a list of structs of a key and a value */
    {
        void *pairs = duckdb->list_vector_get_child(vector);
        for (size_t i = 0; i < column->n_children; i++)
        {
            lb_duckdb_column_bind(&column->children[i], duckdb,
                                  duckdb->struct_vector_get_child(pairs, i));
        }
    }
    else if (column->n_children > 0)
    {
        lb_duckdb_column_bind(&column->children[0], duckdb,
                              column->type == LB_DUCKDB_LIST
                                  ? duckdb->list_vector_get_child(vector)
                                  : duckdb->array_vector_get_child(vector));
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A column of DuckDB's as JSON (duckdb_column.c, duckdb_value.c):
 *
 *   BOOLEAN, integers of any width, DECIMAL   true, 17, 12.50: all their digits
 *   FLOAT, DOUBLE                             the shortest text that reads back as the same double
 *   VARCHAR, ENUM, UUID                       a string
 *   DATE, TIME, TIMESTAMP(_S, _MS, _NS)       a string as ISO 8601 has it: "2024-05-01T12:30:00.5"
 *   TIMESTAMP WITH TIME ZONE                  the same in UTC, with Z behind it
 *   LIST, ARRAY                               an array
 *   STRUCT, MAP with keys of text             an object
 *   NULL, and a column that has nothing else  null
 *
 * All other types, BLOB among them, are refused by the column's name. What a value has no JSON for
 * (NaN, the infinities) is written as Python does, NaN, Infinity: such a record is no JSON, and
 * whoever reads it says so.
 */
#ifndef LB_DUCKDB_COLUMN_H
#define LB_DUCKDB_COLUMN_H

#include "format/duckdb.h"

typedef struct lb_duckdb_column
{
    lb_buffer name; /* of a column or a member: a JSON string with its colon, or empty */
    lb_duckdb_type type, internal; /* internal: what DECIMAL and ENUM are stored as */
    unsigned scale;                /* of DECIMAL: its digits behind the point */
    char **words;                  /* of ENUM: [n_words] */
    size_t n_words;
    size_t array_size;                 /* of ARRAY */
    struct lb_duckdb_column *children; /* [n_children] */
    size_t n_children;
    const void *data;         /* of the current chunk, by the row's number */
    const uint64_t *validity; /* a bit a row, 0: NULL; NULL: all are there */
} lb_duckdb_column;

/* What TYPE is, a handle of DuckDB's; PATH names the column for messages, behind "WHERE: ". */
lobass_status lb_duckdb_column_make(lb_duckdb_column *column, const lb_duckdb *duckdb, void *type,
                                    const char *where, const char *path, lobass_error *error);
void lb_duckdb_column_free(lb_duckdb_column *column);
/* Makes it the column of a chunk, which must live as long as its values are read. */
void lb_duckdb_column_bind(lb_duckdb_column *column, const lb_duckdb *duckdb, void *vector);
lobass_status lb_duckdb_value_append(lb_buffer *buffer, const lb_duckdb_column *column,
                                     uint64_t row, lobass_error *error);

#endif

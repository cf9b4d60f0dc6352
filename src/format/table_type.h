/* SPDX-License-Identifier: Apache-2.0
 *
 * The type of a column that JSON values go into: table_type.c.
 */
#ifndef LB_TABLE_TYPE_H
#define LB_TABLE_TYPE_H

#include "format/format.h"

typedef enum lb_table_kind
{
    LB_TABLE_NULL, /* nothing but null so far */
    LB_TABLE_BOOLEAN,
    LB_TABLE_INTEGER,
    LB_TABLE_REAL,
    LB_TABLE_TEXT,
    LB_TABLE_LIST,
    LB_TABLE_STRUCT
} lb_table_kind;

/* {0}: of no value yet. */
typedef struct lb_table_type
{
    char *name; /* of a member, else that of the list; NULL: of the whole */
    lb_table_kind kind;
    struct lb_table_type *members; /* [count], of a struct; of a list one, its elements' */
    size_t count, capacity;
} lb_table_type;

/* TYPE becomes one that holds VALUE too; LOBASS_UNSUPPORTED, with WHERE before it, where there is
 * none. */
lobass_status lb_table_type_take(lb_table_type *type, const lb_value *value, const char *where,
                                 lobass_error *error);
/* Appends it as a type of DuckDB's SQL; what has only been null is text. */
lobass_status lb_table_type_print(lb_buffer *sql, const lb_table_type *type, const char *where,
                                  lobass_error *error);
void lb_table_type_free(lb_table_type *type);

#endif

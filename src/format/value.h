/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON values of records. A data file has millions of small documents, each read once: their values
 * lie in an arena that is emptied for the next one. What is accepted, and what is said about what
 * is not, is the business of lb_json_parse().
 */
#ifndef LB_FORMAT_VALUE_H
#define LB_FORMAT_VALUE_H

#include <jansson.h>

#include "base/base.h"

typedef enum lb_value_kind
{
    LB_VALUE_OBJECT,
    LB_VALUE_ARRAY,
    LB_VALUE_STRING,
    LB_VALUE_NUMBER,
    LB_VALUE_TRUE,
    LB_VALUE_FALSE,
    LB_VALUE_NULL
} lb_value_kind;

typedef struct lb_value
{
    lb_value_kind kind;
    size_t count;     /* object, array: its elements */
    const char *text; /* string: UTF-8 with a NUL behind it, may hold others; else "" */
    size_t size;      /* string: bytes, else 0 */
    double number;
    int64_t integer; /* of a number that is written as one */
    bool is_integer;
    const char *key;              /* of a member of an object, else NULL; has no NUL in it */
    const struct lb_value *first; /* object, array: the first element, or NULL */
    const struct lb_value *next;  /* the element behind this one, or NULL */
} lb_value;

/* As lb_json_parse() has it; of members with one name the last. Lives in ARENA until it is reset.
 */
lobass_status lb_value_parse(const lb_value **value, const char *data, size_t size_bytes,
                             const char *where, lb_arena *arena, lobass_error *error);
/* NULL: OBJECT is not an object (or NULL), or has no such member. */
const lb_value *lb_value_get(const lb_value *object, const char *key);
/* Appends it as JSON on one line. */
lobass_status lb_value_append(lb_buffer *buffer, const lb_value *value, lobass_error *error);
/* False for NULL. */
bool lb_value_is(const lb_value *value, lb_value_kind kind);
/* "an object", "a string", ... as lb_json_kind(). */
const char *lb_value_describe(const lb_value *value);

/* The two ways of lb_value_parse(), for tests: the first returns false, having said nothing, for
 * all that it leaves to the second. */
bool lb_value_read(lb_value *value, const char *data, size_t size_bytes, lb_arena *arena);
lobass_status lb_value_convert(lb_value *value, const json_t *json, lb_arena *arena,
                               lobass_error *error);

#endif

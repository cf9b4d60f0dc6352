/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to src/data: the fields of one record, each with what it is to us (record_fields.c).
 */
#ifndef LB_DATA_RECORD_FIELDS_H
#define LB_DATA_RECORD_FIELDS_H

#include "data/messages.h"

typedef struct lb_record_field
{
    const lb_value *value; /* a member of the record */
    lb_field_role role;
    const char *partner; /* of a prompt: the response that usually goes with it, or NULL */
    size_t rank;         /* of several with one role the lowest is preferred; 0: by --fields */
    bool is_read;        /* it became part of the conversation, or says what is so anyway */
} lb_record_field;

typedef struct lb_record_fields
{
    lb_record_field *fields; /* [n_fields], in the record's order; in the arena */
    size_t n_fields;
} lb_record_fields;

/* Sorts the members of RECORD by what they are. One that would change what is learned and that
 * nothing can honour is LOBASS_BAD_FORMAT, by name. */
lobass_status lb_record_fields_sort(lb_record_fields *sorted, const lb_value *record,
                                    const lb_field_map *map, lb_arena *arena, lobass_error *error);
/* The preferred field with ROLE: one that says something before one that is empty, that before
 * null; NULL: there is none. */
lb_record_field *lb_record_fields_best(const lb_record_fields *sorted, lb_field_role role);
/* The next field behind AFTER (NULL: from the beginning) with ROLE that says something. */
lb_record_field *lb_record_fields_next(const lb_record_fields *sorted, lb_field_role role,
                                       const lb_record_field *after);
/* Whether the field is there and not null. */
bool lb_record_field_is_there(const lb_record_field *field);
/* Two readings of a record: by A, which would be preferred, and by B. */
lobass_status lb_record_fail_ambiguous(const lb_value *a, const lb_value *b, lobass_error *error);

/* The one text with ROLE: *VALUE NULL where there is none or it is empty. Several must say the
 * same. */
lobass_status lb_record_text_find(const lb_value **value, lb_record_fields *sorted,
                                  lb_field_role role, lobass_error *error);
/* Texts without the white space around them: equal, or the second within the first. */
bool lb_text_is_same(lb_text a, lb_text b);
bool lb_text_holds(lb_text text, lb_text part);
/* "field KEY: expected EXPECTED, found ..." or "... is missing". */
lobass_status lb_record_fail_kind(lobass_error *error, const char *key, const char *expected,
                                  const lb_value *found);

#endif

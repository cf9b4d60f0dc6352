/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to src/data: what the names of a record's fields and of a message's mean. The tables of
 * the names in use are field_names.c's; what --fields says goes before them (field_map.c).
 */
#ifndef LB_DATA_FIELDS_H
#define LB_DATA_FIELDS_H

#include "data/data.h"

/* What a field is to a conversation. Those before LB_FIELD_N_ROLES can be mapped by --fields. */
typedef enum lb_field_role
{
    LB_FIELD_MESSAGES,  /* a list of turns */
    LB_FIELD_PROMPT,    /* what a user says: a string or a list of messages */
    LB_FIELD_CONTEXT,   /* what stands beside it in the prompt, as Alpaca's input */
    LB_FIELD_RESPONSE,  /* what is learned */
    LB_FIELD_SYSTEM,    /* before all turns */
    LB_FIELD_HISTORY,   /* earlier turns as pairs */
    LB_FIELD_REASONING, /* of the response, beside its text */
    LB_FIELD_TOOLS,     /* for a chat template */
    LB_FIELD_DOCUMENTS, /* for a chat template */
    LB_FIELD_TEXT,      /* plain language modelling */
    LB_FIELD_ROLE,      /* of a message: who speaks */
    LB_FIELD_CONTENT,   /* of a message: what is said */
    LB_FIELD_TRAIN,     /* of a message: whether it is to be learned */
    LB_FIELD_N_ROLES,
    LB_FIELD_INPUT,     /* context beside a prompt, else the prompt itself */
    LB_FIELD_VARIABLES, /* for a chat template: its own variables */
    LB_FIELD_REFUSED,   /* it would change what is learned, and nothing here can honour it */
    LB_FIELD_IGNORED,   /* by --fields */
    LB_FIELD_PLAIN      /* nothing reads it */
} lb_field_role;

/* A row of the table of names. */
typedef struct lb_field_name
{
    const char *name; /* small letters and '_' */
    lb_field_role role;
    const char *partner; /* of a prompt: the response that usually goes with it */
    const char *why;     /* of what is refused */
} lb_field_name;

/* Capitals as small letters, '-' and ' ' as '_'. */
static inline char lb_field_letter(char c)
{
    if (c >= 'A' && c <= 'Z')
    {
        return (char)(c - 'A' + 'a');
    }
    if (c == '-' || c == ' ')
    {
        return '_';
    }
    return c;
}
bool lb_field_is_slowly(const char *key, const char *name);
/* Whether KEY is NAME, which has small letters and '_' only, but for what lb_field_letter() makes
 * one. Tables are walked with this: it looks at the first letter before it calls. */
static inline bool lb_field_is(const char *key, const char *name)
{
    return lb_field_letter(*key) == *name && lb_field_is_slowly(key, name);
}
/* What a name means in a record, by the table; of an unknown one LB_FIELD_PLAIN. */
const lb_field_name *lb_field_find(const char *key);
/* A name's place in the table, from 1: of several fields with one role the first is preferred. */
size_t lb_field_rank(const lb_field_name *name);
/* Whether a value says nothing: null, "", [] or {}. */
bool lb_field_is_empty(const lb_value *value);

/* The role that MAP gives to the field KEY; LB_FIELD_PLAIN where it says nothing of it. */
lb_field_role lb_field_map_find(const lb_field_map *map, const char *key);
/* The name that MAP gives to a role; NULL: none. */
const char *lb_field_map_name(const lb_field_map *map, lb_field_role role);
/* Whether MAP says which fields a record is read from: then the table's own are not looked for. */
bool lb_field_map_is_whole(const lb_field_map *map);

#endif

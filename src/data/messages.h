/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to src/data: the list in which the messages of a record are collected (message_list.c),
 * the reading of lists of them (messages.c), what a message says (content.c), whether it is to be
 * learned (message_flags.c), and what a chat template sees of it (template_values.c).
 */
#ifndef LB_DATA_MESSAGES_H
#define LB_DATA_MESSAGES_H

#include "data/data.h"
#include "data/fields.h"
#include "format/format.h"

/* ---- lists (message_list.c) ------------------------------------------------------------------ */

/* Names, each once, in the order in which they came. */
typedef struct lb_name_list
{
    const char **names; /* [count], in the arena */
    size_t count, capacity;
} lb_name_list;

/* Messages as they were read; their texts are borrowed from the JSON value or live in the arena. */
typedef struct lb_message_list
{
    lb_message *messages;
    size_t count, capacity;
    lb_arena *arena;
    const lb_field_map *map; /* NULL: none */
    const char *chat_only;   /* the first thing that only a chat template can show, or NULL */
    lb_name_list ignored;    /* fields of messages that only a chat template might look at */
    bool is_prompt;          /* there need be no response */
} lb_message_list;

/* Room for a name from a file inside a message, shortened and on one line. */
#define LB_SHORT_NAME_SIZE 48

/* Writes NAME for people: control characters as '?', cut at a character's border and then ended
 * with "...". */
void lb_short_name(char out[LB_SHORT_NAME_SIZE], const char *name, size_t size_bytes);

lobass_status lb_name_list_add(lb_name_list *list, const char *name, lb_arena *arena,
                               lobass_error *error);
lobass_status lb_message_list_add(lb_message_list *list, lb_role role, const char *text,
                                  size_t size_bytes, lobass_error *error);
/* Notes NAME as the first thing that only a chat template can show, unless there is one. */
void lb_message_list_note(lb_message_list *list, const char *name);

/* ---- reading (messages.c) -------------------------------------------------------------------- */

/* Appends the elements of ARRAY. PREFIX opens every reason ("" or "prompt: "); messages are counted
 * from 1. IS_CONTEXT: none of its turns is to be learned (a prompt). */
lobass_status lb_message_list_read(lb_message_list *list, const lb_value *array, const char *prefix,
                                   bool is_context, lobass_error *error);

/* The same where each element is a text: what a user says and what is answered, in turn. */
lobass_status lb_message_list_read_texts(lb_message_list *list, const lb_value *array,
                                         lobass_error *error);

/* ---- what a message says (content.c) --------------------------------------------------------- */

typedef struct lb_text
{
    const char *data;
    size_t size;
} lb_text;

/* A string, or a list of parts {"type": "text", "text" or "value": ...}, joined with nothing
 * between them. Borrowed, or in the arena. */
lobass_status lb_content_read(lb_text *text, const lb_value *value, const char *where,
                              const char *key, lb_arena *arena, lobass_error *error);

/* ---- what is to be learned (message_flags.c) ------------------------------------------------- */

typedef enum lb_flag_meaning
{
    LB_FLAG_NONE,
    LB_FLAG_LEARNED, /* 1: to be learned */
    LB_FLAG_MASKED   /* 1: not to be learned */
} lb_flag_meaning;

lb_flag_meaning lb_flag_find(const char *key);
/* Whether a field that is no flag of the table reads like one. */
bool lb_flag_is_likely(const char *key);
/* FLAG, a member of an object, as yes or no. */
lobass_status lb_flag_read(bool *is_true, const lb_value *flag, const char *where,
                           lobass_error *error);

/* ---- what a chat template sees (template_values.c) ------------------------------------------- */

/* A message as an object of its own in the arena; {0} and an arena is empty. */
typedef struct lb_object_maker
{
    lb_arena *arena;
    lb_value *object;
    const lb_value **link;
} lb_object_maker;

lobass_status lb_object_begin(lb_object_maker *maker, lb_arena *arena, lobass_error *error);
/* A copy of VALUE as the member KEY; what it holds is shared. */
lobass_status lb_object_put(lb_object_maker *maker, const char *key, const lb_value *value,
                            lobass_error *error);
lobass_status lb_object_put_text(lb_object_maker *maker, const char *key, const char *text,
                                 size_t size_bytes, lobass_error *error);
/* The same object with one more member. */
lobass_status lb_object_extend(const lb_value **extended, const lb_value *object, const char *key,
                               const lb_value *value, lb_arena *arena, lobass_error *error);
/* Parts with "text" for "value"; other content as it is. */
lobass_status lb_content_canonical(const lb_value **canonical, const lb_value *content,
                                   lb_arena *arena, lobass_error *error);
/* ShareGPT's function_call, a text {"name", "arguments"} or a list of those, as the tool_calls of a
 * message; *CALLS is NULL where the text is neither. */
lobass_status lb_calls_parse(const lb_value **calls, const char *text, size_t size_bytes,
                             lb_arena *arena, lobass_error *error);
/* An array that stands there or in a string of JSON; *ARRAY is NULL where there is neither. */
lobass_status lb_array_find(const lb_value **array, const lb_value *value, lb_arena *arena,
                            lobass_error *error);

#endif

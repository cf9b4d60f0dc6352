/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to src/data: the list in which conversation.c collects the messages of a record, and the
 * reading of lists of {role, content} and {from, value} objects (messages.c).
 */
#ifndef LB_DATA_MESSAGES_H
#define LB_DATA_MESSAGES_H

#include "data/data.h"
#include "format/format.h"

/* Messages as they were read; their texts are borrowed from the JSON value or live in the arena. */
typedef struct lb_message_list
{
    lb_message *messages;
    size_t count, capacity;
    lb_arena *arena;
    bool is_prompt; /* there need be no response */
} lb_message_list;

/* Room for a name from a file inside a message, shortened and on one line. */
#define LB_SHORT_NAME_SIZE 48

/* Writes NAME for people: control characters as '?', cut at a character's border and then ended
 * with "...". */
void lb_short_name(char out[LB_SHORT_NAME_SIZE], const char *name, size_t size_bytes);

lobass_status lb_message_list_add(lb_message_list *list, lb_role role, const char *text,
                                  size_t size_bytes, lobass_error *error);
/* Appends the elements of ARRAY. PREFIX opens every reason ("" or "prompt: "); messages are counted
 * from 1. IS_CONTEXT: none of its turns is to be learned (a prompt). */
lobass_status lb_message_list_read(lb_message_list *list, const lb_value *array, const char *prefix,
                                   bool is_context, lobass_error *error);
/* Joins neighbours on the prompt's side with a newline, copies every text into the arena, and
 * refuses a conversation in which nothing could be scored, unless it is a prompt. */
lobass_status lb_message_list_finish(lb_conversation *conversation, const lb_message_list *list,
                                     lobass_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a record, read by the usual names and by a map of others: it is refused with one
 * line, or it is a conversation. What a chat template is given of it is well formed, and either it
 * alone can show the record, or every built-in template renders it with ascending spans that hold
 * the responses' own texts.
 */
#include "fuzz.h"

#include "data/data.h"

static void check_rendering(const lb_rendering *rendering, const lb_conversation *conversation)
{
    size_t r = 0, at = 0;
    for (size_t i = 0; i < conversation->n_messages; i++)
    {
        const lb_message *message = &conversation->messages[i];
        if (message->role != LB_ROLE_ASSISTANT && message->role != LB_ROLE_TEXT)
        {
            continue;
        }
        require(r < rendering->n_responses);
        const lb_span span = rendering->responses[r++];
        require(span.start >= at && span.end <= rendering->size);
        require(span.end - span.start == message->size);
        require(memcmp(rendering->text + span.start, message->text, message->size) == 0);
        at = span.end;
    }
    require(r == rendering->n_responses && r > 0);
}

/* Names are there, counts agree, and it ends. */
static void check_value(const lb_value *value)
{
    size_t n = 0;
    require(value->text != NULL);
    for (const lb_value *element = value->first; element != NULL; element = element->next)
    {
        require((element->key != NULL) == (value->kind == LB_VALUE_OBJECT));
        check_value(element);
        n++;
    }
    require(n == value->count || (value->kind != LB_VALUE_OBJECT && value->kind != LB_VALUE_ARRAY));
}

static void check_values(const lb_conversation *conversation)
{
    const lb_value *const values[] = {conversation->tools, conversation->documents,
                                      conversation->variables};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    {
        if (values[i] != NULL)
        {
            check_value(values[i]);
            require(values[i]->count > 0 && conversation->chat_only != NULL);
        }
    }
    for (size_t i = 0; i < conversation->n_messages; i++)
    {
        const lb_value *fields = conversation->messages[i].fields;
        if (fields != NULL)
        {
            check_value(fields);
            require(lb_value_is(lb_value_get(fields, "role"), LB_VALUE_STRING));
        }
    }
    for (size_t i = 0; i < conversation->n_ignored; i++)
    {
        require(conversation->ignored[i][0] != '\0' || conversation->n_ignored > 0);
    }
}

static void check_templates(const lb_conversation *whole, lb_arena *arena)
{
    static const char *const names[] = {"alpaca", "alpaca-newline", "plain"};
    lb_conversation conversation;
    lobass_error error = {0};
    const lobass_status status = lb_conversation_join(&conversation, whole, arena, &error);
    require((status == LOBASS_OK) == (whole->chat_only == NULL));
    for (size_t i = 0; status == LOBASS_OK && i < sizeof names / sizeof *names; i++)
    {
        const lb_template *chosen = NULL;
        lb_rendering rendering;
        require(lb_template_find(&chosen, names[i], &error) == LOBASS_OK);
        require(lb_template_render(&rendering, chosen, &conversation, arena, &error) == LOBASS_OK);
        check_rendering(&rendering, &conversation);
    }
}

static void check_record(const uint8_t *data, size_t size, const char *fields)
{
    lb_arena arena = {0};
    lb_field_map *map = NULL;
    lb_conversation conversation = {0};
    lobass_error error = {0};
    require(lb_field_map_create(&map, fields, &error) == LOBASS_OK);
    const lobass_status status =
        lb_conversation_parse(&conversation, (const char *)data, size, map, &arena, &error);
    require(status == LOBASS_OK || (status == LOBASS_BAD_FORMAT && error.message[0] != '\0' &&
                                    strchr(error.message, '\n') == NULL));
    fuzz_n_accepted += status == LOBASS_OK;
    if (status == LOBASS_OK)
    {
        check_values(&conversation);
        check_templates(&conversation, &arena);
    }
    /* What is a record is a prompt too, and a prompt has something to say. */
    const lobass_status open =
        lb_conversation_parse_prompt(&conversation, (const char *)data, size, map, &arena, &error);
    require(open == LOBASS_OK || (open == LOBASS_BAD_FORMAT && status != LOBASS_OK));
    require(open != LOBASS_OK || conversation.n_messages > 0);
    lb_field_map_free(map);
    lb_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_record(data, size, NULL);
    check_record(data, size, "prompt=ask,response=reply,context=about,ignore=label");
    check_record(data, size, "messages=talk,role=who,content=says,train=keep");
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * --fields ROLE=NAME,...: which fields of a record, or of a message, are read as what. A role that
 * is named is read from that field alone, and where one of messages, prompt, response and text is
 * named, a record is read from the named ones alone; what is not named is found by the table of
 * names (field_names.c). `ignore` may be given often: such a field is neither read nor refused.
 */
#include <stdlib.h>
#include <string.h>

#include "data/fields.h"

#define MOST_PAIRS 32

typedef struct pair
{
    lb_field_role role; /* below LB_FIELD_N_ROLES, or LB_FIELD_IGNORED */
    char *name;
} pair;

struct lb_field_map
{
    pair pairs[MOST_PAIRS];
    size_t n_pairs;
};

/* In the order in which a map is recorded. */
static const struct
{
    const char *word;
    lb_field_role role;
} words[] = {
    {"messages", LB_FIELD_MESSAGES}, {"role", LB_FIELD_ROLE},
    {"content", LB_FIELD_CONTENT},   {"train", LB_FIELD_TRAIN},
    {"prompt", LB_FIELD_PROMPT},     {"context", LB_FIELD_CONTEXT},
    {"response", LB_FIELD_RESPONSE}, {"system", LB_FIELD_SYSTEM},
    {"history", LB_FIELD_HISTORY},   {"reasoning", LB_FIELD_REASONING},
    {"tools", LB_FIELD_TOOLS},       {"documents", LB_FIELD_DOCUMENTS},
    {"text", LB_FIELD_TEXT},         {"ignore", LB_FIELD_IGNORED},
};

#define N_WORDS (sizeof words / sizeof *words)

/* ---- reading ----------------------------------------------------------------------------------
 */

static lobass_status fail_word(const char *word, size_t size, lobass_error *error)
{
    char expected[160] = "";
    for (size_t i = 0; i < N_WORDS; i++)
    {
        const size_t used = strlen(expected);
        (void)snprintf(expected + used, sizeof expected - used, "%s%s",
                       i == 0             ? ""
                       : i + 1 == N_WORDS ? " or "
                                          : ", ",
                       words[i].word);
    }
    return lb_fail(error, LOBASS_BAD_ARGUMENT, "fields: \"%.*s\" is no role; expected %s",
                   (int)(size < 40 ? size : 40), word, expected);
}

static lobass_status role_read(lb_field_role *role, const char *word, size_t size,
                               lobass_error *error)
{
    for (size_t i = 0; i < N_WORDS; i++)
    {
        if (strlen(words[i].word) == size && memcmp(words[i].word, word, size) == 0)
        {
            *role = words[i].role;
            return LOBASS_OK;
        }
    }
    return fail_word(word, size, error);
}

static lobass_status pair_add(lb_field_map *map, lb_field_role role, const char *name, size_t size,
                              lobass_error *error)
{
    for (size_t i = 0; i < map->n_pairs; i++)
    {
        const pair *other = &map->pairs[i];
        const bool is_same_name =
            strlen(other->name) == size && memcmp(other->name, name, size) == 0;
        if (is_same_name || (other->role == role && role != LB_FIELD_IGNORED))
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           is_same_name ? "fields: the field \"%.*s\" is named twice"
                                        : "fields: the role of \"%.*s\" has a field already",
                           (int)(size < 100 ? size : 100), name);
        }
    }
    if (map->n_pairs == MOST_PAIRS)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "fields: expected at most %d", MOST_PAIRS);
    }
    char *copy = lb_copy_text(name, size, error);
    if (copy == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    map->pairs[map->n_pairs++] = (pair){role, copy};
    return LOBASS_OK;
}

/* TEXT up to a comma or the end. */
static lobass_status pair_read(lb_field_map *map, const char *text, size_t size,
                               lobass_error *error)
{
    const char *equals = memchr(text, '=', size);
    const size_t word_size = equals == NULL ? size : (size_t)(equals - text);
    if (equals == NULL || word_size + 1 >= size)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "fields: expected ROLE=NAME with commas between, found \"%.*s\"",
                       (int)(size < 100 ? size : 100), text);
    }
    lb_field_role role = LB_FIELD_PLAIN;
    LB_TRY(role_read(&role, text, word_size, error));
    return pair_add(map, role, equals + 1, size - word_size - 1, error);
}

static bool has(const lb_field_map *map, lb_field_role role)
{
    return lb_field_map_name(map, role) != NULL;
}

/* Roles that leave a record without one reading. */
static lobass_status roles_check(const lb_field_map *map, lobass_error *error)
{
    const bool has_pair = has(map, LB_FIELD_PROMPT) || has(map, LB_FIELD_RESPONSE);
    const int n = (int)has_pair + (int)has(map, LB_FIELD_MESSAGES) + (int)has(map, LB_FIELD_TEXT);
    if (n > 1)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "fields: a record is read from messages, from prompt and response, or from "
                       "text; expected one of the three");
    }
    if (has(map, LB_FIELD_RESPONSE) && !has(map, LB_FIELD_PROMPT))
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT, "fields: response needs a prompt beside it");
    }
    return LOBASS_OK;
}

lobass_status lb_field_map_create(lb_field_map **map, const char *text, lobass_error *error)
{
    *map = NULL;
    if (text == NULL || *text == '\0')
    {
        return LOBASS_OK;
    }
    lb_field_map *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lobass_status status = LOBASS_OK;
    for (const char *at = text; at != NULL && status == LOBASS_OK;)
    {
        const char *comma = strchr(at, ',');
        const size_t size = comma == NULL ? strlen(at) : (size_t)(comma - at);
        status = pair_read(made, at, size, error);
        at = comma == NULL ? NULL : comma + 1;
    }
    if (status == LOBASS_OK)
    {
        status = roles_check(made, error);
    }
    if (status != LOBASS_OK)
    {
        lb_field_map_free(made);
        return status;
    }
    *map = made;
    return LOBASS_OK;
}

void lb_field_map_free(lb_field_map *map)
{
    if (map != NULL)
    {
        for (size_t i = 0; i < map->n_pairs; i++)
        {
            free(map->pairs[i].name);
        }
        free(map);
    }
}

/* ---- use --------------------------------------------------------------------------------------
 */

lobass_status lb_field_map_print(lb_buffer *text, const lb_field_map *map, lobass_error *error)
{
    lb_buffer_clear(text);
    LB_TRY(lb_buffer_append_text(text, "", error));
    for (size_t w = 0; map != NULL && w < N_WORDS; w++)
    {
        for (size_t i = 0; i < map->n_pairs; i++)
        {
            if (map->pairs[i].role == words[w].role)
            {
                LB_TRY(lb_buffer_print(text, error, "%s%s=%s", text->size == 0 ? "" : ",",
                                       words[w].word, map->pairs[i].name));
            }
        }
    }
    return LOBASS_OK;
}

lb_field_role lb_field_map_find(const lb_field_map *map, const char *key)
{
    for (size_t i = 0; map != NULL && i < map->n_pairs; i++)
    {
        if (strcmp(map->pairs[i].name, key) == 0)
        {
            return map->pairs[i].role;
        }
    }
    return LB_FIELD_PLAIN;
}

const char *lb_field_map_name(const lb_field_map *map, lb_field_role role)
{
    for (size_t i = 0; map != NULL && i < map->n_pairs; i++)
    {
        if (map->pairs[i].role == role)
        {
            return map->pairs[i].name;
        }
    }
    return NULL;
}

bool lb_field_map_is_whole(const lb_field_map *map)
{
    return has(map, LB_FIELD_MESSAGES) || has(map, LB_FIELD_PROMPT) || has(map, LB_FIELD_TEXT);
}

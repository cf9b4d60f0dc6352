/* SPDX-License-Identifier: Apache-2.0
 *
 * What normalizer, pre_tokenizer and decoder of tokenizer.json have in common: each is null, one
 * object with a "type", or a Sequence of such objects. A Sequence within a Sequence does the same
 * as its members in its place, so a part becomes a flat list of steps. A type that is not in the
 * part's table is refused by name: ids that are nearly right are worse than none.
 */
#include <string.h>

#include "format/format.h"
#include "text/tokenizer_private.h"

#define MAX_NESTING 16
#define MAX_STEPS 256
#define WHERE_SIZE 768
#define NAMES_SIZE 256

typedef struct walk
{
    unsigned char *steps; /* NULL while they are counted */
    size_t n_steps;
    const lb_parts *parts;
    const lb_loader *loader;
    lobass_error *error;
} walk;

static lobass_status refuse(const walk *w, const char *type)
{
    char names[NAMES_SIZE] = "";
    size_t size = 0;

    for (const lb_part_kind *kind = w->parts->kinds; kind->name != NULL; kind++)
    {
        const int added = snprintf(names + size, sizeof names - size, ", %s", kind->name);
        size += added > 0 ? (size_t)added : 0;
        if (size >= sizeof names)
        {
            break;
        }
    }
    return lb_fail(w->error, LOBASS_UNSUPPORTED,
                   "%s: %s \"%s\" is not supported; supported are Sequence%s", w->loader->path,
                   w->parts->field.name, type, names);
}

static lobass_status visit(walk *w, const json_t *value, size_t depth);

static lobass_status visit_list(walk *w, const json_t *value, size_t depth)
{
    const json_t *list = json_object_get(value, w->parts->field.list);
    const json_t *member;
    size_t index;

    if (!json_is_array(list) || depth >= MAX_NESTING)
    {
        return lb_fail(w->error, LOBASS_BAD_FORMAT,
                       "%s: %s \"Sequence\": field \"%s\": expected an array%s, found %s",
                       w->loader->path, w->parts->field.name, w->parts->field.list,
                       depth >= MAX_NESTING ? " nested less deeply" : "", lb_json_kind(list));
    }
    json_array_foreach(list, index, member)
    {
        LB_TRY(visit(w, member, depth + 1));
    }
    return LOBASS_OK;
}

static lobass_status visit(walk *w, const json_t *value, size_t depth)
{
    const json_t *type = json_object_get(value, "type");
    const char *name = json_string_value(type);
    char where[WHERE_SIZE];

    if (name == NULL)
    {
        return lb_fail(w->error, LOBASS_BAD_FORMAT,
                       "%s: field \"%s\": expected an object with a \"type\", found %s",
                       w->loader->path, w->parts->field.name, lb_json_kind(value));
    }
    if (strcmp(name, "Sequence") == 0)
    {
        return visit_list(w, value, depth);
    }
    const lb_part_kind *kind = w->parts->kinds;
    while (kind->name != NULL && strcmp(kind->name, name) != 0)
    {
        kind++;
    }
    if (kind->name == NULL)
    {
        return refuse(w, name);
    }
    const size_t index = w->n_steps++;
    if (w->n_steps > MAX_STEPS)
    {
        return lb_fail(w->error, LOBASS_UNSUPPORTED, "%s: %s: more than %d steps", w->loader->path,
                       w->parts->field.name, MAX_STEPS);
    }
    if (w->steps == NULL)
    {
        return LOBASS_OK;
    }
    void *step = w->steps + index * w->parts->step_bytes;
    *(const lb_part_kind **)step = kind; /* its first member, see lb_parts */
    (void)snprintf(where, sizeof where, "%s: %s \"%s\"", w->loader->path, w->parts->field.name,
                   name);
    return kind->parse == NULL ? LOBASS_OK : kind->parse(step, w->loader, value, where, w->error);
}

lobass_status lb_parts_load(void **steps, size_t *n_steps, const lb_parts *parts,
                            const lb_loader *loader, const json_t *file, lobass_error *error)
{
    const json_t *value = json_object_get(file, parts->field.name);
    walk counting = {NULL, 0, parts, loader, error};
    walk reading = {NULL, 0, parts, loader, error};

    *steps = NULL;
    *n_steps = 0;
    if (value == NULL || json_is_null(value))
    {
        return LOBASS_OK;
    }
    LB_TRY(visit(&counting, value, 0));
    reading.steps = lb_arena_alloc(loader->arena, counting.n_steps, parts->step_bytes, error);
    if (reading.steps == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    memset(reading.steps, 0, counting.n_steps * parts->step_bytes);
    *steps = reading.steps;
    *n_steps = counting.n_steps;
    return visit(&reading, value, 0);
}

lobass_status lb_part_char(const json_t *value, const char *where, const char *key,
                           const char **text, size_t *size_bytes, lobass_error *error)
{
    const json_t *member = json_object_get(value, key);

    *text = json_string_value(member);
    *size_bytes = *text == NULL ? 0 : json_string_length(member);
    if (*size_bytes == 0 || lb_utf8_length(*text) != *size_bytes)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: field \"%s\": expected a string of one character, found %s", where, key,
                       lb_json_kind(member));
    }
    return LOBASS_OK;
}

lobass_status lb_part_text(const json_t *value, const lb_loader *loader, const char *where,
                           const char *key, const char **text, size_t *size_bytes,
                           lobass_error *error)
{
    const json_t *member = json_object_get(value, key);

    if (!json_is_string(member))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: field \"%s\": expected a string, found %s",
                       where, key, lb_json_kind(member));
    }
    *size_bytes = json_string_length(member);
    *text = lb_arena_text(loader->arena, json_string_value(member), *size_bytes, error);
    return *text == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON as the values of a template, for tests: strings and numbers have the origin 1.
 */
#ifndef LB_TEST_JSON_VALUES_H
#define LB_TEST_JSON_VALUES_H

#include <stdlib.h>
#include <string.h>

#include "jinja/jinja.h"

/* The members of OBJECT; yours: free(). */
static lb_jinja_member *members_from_json(lb_jinja *jinja, const json_t *object, size_t *count,
                                          lobass_error *error);

static lb_jinja_value value_from_json(lb_jinja *jinja, const json_t *json, lobass_error *error)
{
    lb_jinja_value made = lb_jinja_none();
    size_t count = json_array_size(json);
    switch (json_typeof(json))
    {
    case JSON_TRUE:
    case JSON_FALSE:
        return lb_jinja_boolean(json_is_true(json));
    case JSON_INTEGER:
        return lb_jinja_integer(json_integer_value(json), 1);
    case JSON_REAL:
        return lb_jinja_real(json_real_value(json), 1);
    case JSON_STRING:
        (void)lb_jinja_string(jinja, &made, json_string_value(json), json_string_length(json), 1,
                              error);
        return made;
    case JSON_ARRAY:
    {
        lb_jinja_value *items = calloc(count + 1, sizeof *items);
        for (size_t i = 0; items != NULL && i < count; i++)
        {
            items[i] = value_from_json(jinja, json_array_get(json, i), error);
        }
        (void)lb_jinja_list(jinja, &made, items, count, error);
        free(items);
        return made;
    }
    case JSON_OBJECT:
    {
        lb_jinja_member *members = members_from_json(jinja, json, &count, error);
        (void)lb_jinja_dict(jinja, &made, members, count, error);
        free(members);
        return made;
    }
    default:
        return made;
    }
}

static lb_jinja_member *members_from_json(lb_jinja *jinja, const json_t *object, size_t *count,
                                          lobass_error *error)
{
    lb_jinja_member *members = calloc(json_object_size(object) + 1, sizeof *members);
    size_t n = 0;
    for (void *at = json_object_iter((json_t *)(uintptr_t)object); members != NULL && at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)object, at))
    {
        const char *name = json_object_iter_key(at);
        members[n++] = (lb_jinja_member){
            name, strlen(name), value_from_json(jinja, json_object_iter_value(at), error), 1};
    }
    *count = n;
    return members;
}

#endif

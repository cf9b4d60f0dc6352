/* SPDX-License-Identifier: Apache-2.0
 *
 * The two ways of reading a record's JSON against each other: shared by the unit test and the
 * fuzzer.
 */
#ifndef TEST_VALUE_COMPARE_H
#define TEST_VALUE_COMPARE_H

#include <string.h>

#include "format/format.h"

static bool is_same_value(const lb_value *a, const lb_value *b)
{
    if (a->kind != b->kind || a->count != b->count || a->size != b->size ||
        memcmp(a->text, b->text, a->size + 1) != 0 ||
        memcmp(&a->number, &b->number, sizeof a->number) != 0)
    {
        return false;
    }
    const lb_value *left = a->first;
    const lb_value *right = b->first;
    for (size_t i = 0; i < a->count; i++)
    {
        if ((left->key == NULL) != (right->key == NULL) ||
            (left->key != NULL && strcmp(left->key, right->key) != 0) ||
            !is_same_value(left, right))
        {
            return false;
        }
        left = left->next;
        right = right->next;
    }
    return left == NULL && right == NULL;
}

/* Whether what the reader makes of DATA is what jansson says; *IS_READ: it did not decline. */
static bool is_read_alike(const char *data, size_t size, bool *is_read)
{
    lb_arena arena = {0};
    lb_value fast;
    lb_value slow;
    json_t *json = NULL;
    bool is_alike = true;
    *is_read = lb_value_read(&fast, data, size, &arena);
    if (*is_read)
    {
        is_alike = lb_json_parse(&json, data, size, "", NULL) == LOBASS_OK &&
                   lb_value_convert(&slow, json, &arena, NULL) == LOBASS_OK &&
                   is_same_value(&fast, &slow);
    }
    json_decref(json);
    lb_arena_free(&arena);
    return is_alike;
}

#endif

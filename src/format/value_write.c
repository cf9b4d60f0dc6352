/* SPDX-License-Identifier: Apache-2.0
 *
 * A value of a record as JSON again, on one line: members in their order, whole numbers without a
 * point.
 */
#include <math.h>
#include <string.h>

#include "format/format.h"

#define MOST_EXACT 9007199254740992.0 /* 2^53: every whole number up to it is a double */

static lobass_status number_append(lb_buffer *buffer, double number, lobass_error *error)
{
    return floor(number) == number && fabs(number) <= MOST_EXACT
               ? lb_buffer_print(buffer, error, "%.0f", number)
               : lb_json_append_real(buffer, number, error);
}

static lobass_status elements_append(lb_buffer *buffer, const lb_value *value, lobass_error *error)
{
    const bool is_object = value->kind == LB_VALUE_OBJECT;
    LB_TRY(lb_buffer_append(buffer, is_object ? "{" : "[", 1, error));
    for (const lb_value *element = value->first; element != NULL; element = element->next)
    {
        LB_TRY(lb_buffer_append(buffer, ", ", element == value->first ? 0 : 2, error));
        if (is_object)
        {
            LB_TRY(lb_json_append_text(buffer, element->key, strlen(element->key), error));
            LB_TRY(lb_buffer_append(buffer, ": ", 2, error));
        }
        LB_TRY(lb_value_append(buffer, element, error));
    }
    return lb_buffer_append(buffer, is_object ? "}" : "]", 1, error);
}

lobass_status lb_value_append(lb_buffer *buffer, const lb_value *value, lobass_error *error)
{
    switch (value->kind)
    {
    case LB_VALUE_OBJECT:
    case LB_VALUE_ARRAY:
        return elements_append(buffer, value, error);
    case LB_VALUE_STRING:
        return lb_json_append_text(buffer, value->text, value->size, error);
    case LB_VALUE_NUMBER:
        return number_append(buffer, value->number, error);
    case LB_VALUE_TRUE:
        return lb_buffer_append_text(buffer, "true", error);
    case LB_VALUE_FALSE:
        return lb_buffer_append_text(buffer, "false", error);
    case LB_VALUE_NULL:
        break;
    }
    return lb_buffer_append_text(buffer, "null", error);
}

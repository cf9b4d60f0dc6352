/* SPDX-License-Identifier: Apache-2.0
 *
 * A selected record in another schema (convert.c): the table of schemas, and one at a time into
 * lines of JSON.
 */
#ifndef LB_CONVERT_H
#define LB_CONVERT_H

#include "selection/selection.h"

typedef struct lb_converter lb_converter;

/* NULL where OPTIONS want the records' own bytes. LOBASS_BAD_ARGUMENT: no such format, or tokens of
 * one that has none. */
lobass_status lb_converter_create(lb_converter **converter, const lobass_select_options *options,
                                  lb_store *store, lobass_error *error);
void lb_converter_free(lb_converter *converter);
/* The record of ROW as one line or more, each with a line feed; borrowed until the next call.
 * LOBASS_UNSUPPORTED, with WHERE before it, where the schema cannot hold what it says. */
lobass_status lb_converter_take(lb_converter *converter, const lb_buffer **lines,
                                const lb_record *record, uint64_t row, const char *where,
                                lobass_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the readers of JSON records share: where a value ends (records_json.c), and one object that
 * holds all records (json_wrapped.c).
 */
#ifndef LB_JSON_FRAME_H
#define LB_JSON_FRAME_H

#include "format/record_source.h"

/* *SIZE: the bytes before the newline or the end; *HAS_NEWLINE tells which. */
lobass_status lb_json_find_line(lb_window *window, size_t *size, bool *has_newline,
                                lobass_error *error);
/* *AT: the first byte from there on that is not space. */
lobass_status lb_json_find_first(lb_window *window, size_t *at, bool *is_there,
                                 lobass_error *error);
/* *END: behind the value whose first byte, which is held, is at FROM. *IS_CLOSED false: the stream
 * ends within it. A value that is no JSON ends with it. */
lobass_status lb_json_find_end(lb_window *window, size_t from, size_t *end, bool *is_closed,
                               lobass_error *error);

/* Consumes the rest of the object, in which there is no other list of records. */
lobass_status lb_json_unwrap(lb_record_reader *reader, lobass_error *error);

#endif

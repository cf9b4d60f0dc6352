/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sources of L1 share about JSON: parsing with chosen jansson flags, for callers that want
 * duplicate names refused.
 */
#ifndef LB_JSON_PRIVATE_H
#define LB_JSON_PRIVATE_H

#include "format/format.h"

/* lb_json_parse with FLAGS of jansson; an integer that does not fit is an error here. */
lobass_status lb_json_parse_flags(json_t **value, const char *data, size_t size_bytes, size_t flags,
                                  const char *where, lobass_error *error);

#endif

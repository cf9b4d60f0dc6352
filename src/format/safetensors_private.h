/* SPDX-License-Identifier: Apache-2.0
 *
 * The layout of a safetensors file, for its reader and its writer, and reading one that is in
 * memory already. A file is: 8 bytes, the size of the header as a little-endian number; the header,
 * a JSON object {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...} and
 * perhaps "__metadata__", an object of strings; then the data, to which the offsets refer.
 */
#ifndef LB_SAFETENSORS_PRIVATE_H
#define LB_SAFETENSORS_PRIVATE_H

#include "format/format.h"

#define LB_SAFETENSORS_SIZE_BYTES 8U
/* The limit of the format's own library. */
#define LB_SAFETENSORS_HEADER_LIMIT ((size_t)100 * 1000 * 1000)
#define LB_SAFETENSORS_METADATA "__metadata__"

/* lb_safetensors_open of DATA, which is borrowed; PATH is for messages. */
lobass_status lb_safetensors_parse(lb_safetensors **file, const unsigned char *data,
                                   size_t size_bytes, const char *path, lobass_error *error);

#endif

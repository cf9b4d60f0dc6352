/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes of a file or of standard input, one way, decompressed on the fly: what is below the reader
 * of records.
 */
#ifndef LB_STREAM_H
#define LB_STREAM_H

#include "base/base.h"

typedef struct lb_stream lb_stream;

/* PATH, or "-" for standard input; gzip and zstd are recognised by their first bytes. */
lobass_status lb_stream_open(lb_stream **stream, const char *path, lobass_error *error);
/* Up to SIZE (> 0) bytes; *N_READ 0 is the end, which in a compressed stream must be a whole one.
 */
lobass_status lb_stream_read(lb_stream *stream, void *data, size_t size, size_t *n_read,
                             lobass_error *error);
const char *lb_stream_name(const lb_stream *stream); /* for messages; borrowed */
int lb_stream_descriptor(const lb_stream *stream);   /* of the file; borrowed */
bool lb_stream_is_compressed(const lb_stream *stream);
void lb_stream_close(lb_stream *stream);

#endif

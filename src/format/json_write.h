/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes one JSON document into a buffer, key by key: on one line ("key": value, ...) or indented
 * by two spaces. The first failure (memory) sticks: callers write on and look at `status` once.
 * Keys are ASCII literals of this library and are not escaped.
 */
#ifndef LB_FORMAT_JSON_WRITE_H
#define LB_FORMAT_JSON_WRITE_H

#include "base/base.h"

typedef struct lb_json_writer
{
    lb_buffer *buffer; /* borrowed; appended to */
    lobass_error *error;
    lobass_status status;
    unsigned depth;
    uint64_t arrays; /* a bit for each level: it is an array */
    bool is_indented, has_sibling;
    bool is_shown; /* for a terminal too: what lb_code_is_unsafe() is written \uNNNN */
} lb_json_writer;

lb_json_writer lb_json_writer_begin(lb_buffer *buffer, bool is_indented, lobass_error *error);

/* KEY NULL: an element of an array, or the document itself. */
void lb_json_open(lb_json_writer *writer, const char *key, char bracket); /* '{' or '[' */
void lb_json_close(lb_json_writer *writer);
/* Nothing for NULL. */
void lb_json_put_text(lb_json_writer *writer, const char *key, const char *text);
void lb_json_put_bytes(lb_json_writer *writer, const char *key, const char *text,
                       size_t size_bytes);
void lb_json_put_count(lb_json_writer *writer, const char *key, uint64_t value);
void lb_json_put_integer(lb_json_writer *writer, const char *key, int64_t value);
/* As text: an integer of 64 bits without a sign does not survive most readers of JSON. */
void lb_json_put_seed(lb_json_writer *writer, const char *key, uint64_t seed);
void lb_json_put_boolean(lb_json_writer *writer, const char *key, bool value);
/* Nothing is written for what JSON cannot hold: a value that does not exist is absent. */
void lb_json_put_real(lb_json_writer *writer, const char *key, double value);
/* The shortest that reads back as the same float. */
void lb_json_put_float(lb_json_writer *writer, const char *key, float value);
/* A finished JSON value; nothing for NULL. */
void lb_json_put_value(lb_json_writer *writer, const char *key, const char *json);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * L1. Bytes on disk <-> values: JSON documents, streams of records, safetensors. Every size and
 * offset that comes from a file is checked before it is used.
 */
#ifndef LB_FORMAT_H
#define LB_FORMAT_H

#include <jansson.h>

#include "base/base.h"
#include "format/json_write.h"
#include "format/value.h"

/* ---- JSON (json.c) -------------------------------------------------------------------------- */

/* Parses one value (strict, UTF-8 checked, NUL in strings allowed, large integers as reals). WHERE
 * opens the message: "WHERE: line L, byte B: what jansson found", without the line where there is
 * only one. Release with json_decref(). */
lobass_status lb_json_parse(json_t **value, const char *data, size_t size_bytes, const char *where,
                            lobass_error *error);
lobass_status lb_json_load(json_t **value, const char *path, lobass_error *error);

/* "an object", "a string", "null", ...: for messages. */
const char *lb_json_kind(const json_t *value);

/* Fields of an object. A missing or ill-typed field is LOBASS_BAD_FORMAT: "WHERE: field "KEY":
 * expected an integer from 1 to 64, found "x"". With has_default a missing or null field leaves
 * *VALUE as it is. Strings are borrowed from the object. */
lobass_status lb_json_integer(const json_t *object, const char *where, const char *key,
                              int64_t least, int64_t most, bool has_default, int64_t *value,
                              lobass_error *error);
lobass_status lb_json_real(const json_t *object, const char *where, const char *key,
                           bool has_default, double *value, lobass_error *error);
lobass_status lb_json_boolean(const json_t *object, const char *where, const char *key,
                              bool has_default, bool *value, lobass_error *error);
lobass_status lb_json_text(const json_t *object, const char *where, const char *key,
                           bool has_default, const char **value, lobass_error *error);
/* A seed, which stands as text: the digits of an integer below 2^64. */
lobass_status lb_json_seed(const json_t *object, const char *where, const char *key,
                           uint64_t *value, lobass_error *error);

/* Append JSON to a buffer. Reals are the shortest text that reads back as the same double; NaN and
 * infinities are LOBASS_NUMERIC; a byte that is not part of a UTF-8 character becomes "\xNN", with
 * the backslash. */
lobass_status lb_json_append_text(lb_buffer *buffer, const char *text, size_t size_bytes,
                                  lobass_error *error); /* quoted and escaped */
lobass_status lb_json_append_real(lb_buffer *buffer, double value, lobass_error *error);
/* Not quoted: TEXT as UTF-8 on one line, with control characters and stray bytes as \xNN. */
lobass_status lb_append_visible(lb_buffer *buffer, const char *text, size_t size_bytes,
                                lobass_error *error);

/* ---- records (records.c) --------------------------------------------------------------------- */

typedef struct lb_record
{
    const char *data;
    size_t size;
    uint64_t index;    /* from 0 */
    uint64_t line;     /* of its first byte, from 1; of a Parquet file: the row, from 1 */
    uint64_t offset;   /* of its first byte in the decompressed stream; of Parquet: 0 */
    bool is_text;      /* plain text, not JSON */
    bool is_continued; /* of text: there is more of it, in the next record */
} lb_record;

typedef struct lb_record_reader lb_record_reader;

/* The name of plain text: *.txt, or that with .gz or .zst behind it. */
bool lb_path_is_text(const char *path);

/* Whether PATH ends in ENDING (".json"), or in that with .gz or .zst behind it. */
bool lb_path_has_ending(const char *path, const char *ending);

/* PATH, or "-" for standard input (a pipe by another name is refused: sources are read again);
 * gzip and zstd are recognised by their first bytes. What it is made of:
 *
 *   JSON Lines       a record a line, blank lines skipped
 *   JSON             a record an element of an array, be it the list of an object ({"data":
 * [...]}), or a value of several (.json, or printed over several lines) .csv, .tsv       a record a
 * row, made into {"COLUMN": "TEXT", ...} .parquet         the same, through DuckDB's library, which
 * must be there; values of any type .txt             a piece of at most 64 KiB that ends with a
 * paragraph, a line or a word where it can, else with a character; one that is white space alone is
 * skipped
 *
 * What holds no records by its content or name (Arrow, a pickle, ...) is LOBASS_UNSUPPORTED, with
 * what to do. Streams: memory is bounded by the largest record (at most 256 MiB) or Parquet's own
 * blocks. A byte-order mark is skipped. The same file gives the same bytes each time. */
lobass_status lb_record_reader_open(lb_record_reader **reader, const char *path,
                                    lobass_error *error);
/* *HAS_RECORD false: the end. A file whose frame is broken (an array that is cut off, bytes between
 * elements, a truncated compressed stream) fails; what is inside a record is not looked at. */
lobass_status lb_record_reader_next(lb_record_reader *reader, lb_record *record, bool *has_record,
                                    lobass_error *error);
/* What was passed over beside the records, for a message, once they are read; NULL: nothing. */
const char *lb_record_reader_note(const lb_record_reader *reader);
void lb_record_reader_close(lb_record_reader *reader);

/* Files of data: those that were named, and for a folder the .jsonl, .json, .csv, .tsv or .parquet
 * files in it, in the order of their names, not in its folders. LOBASS_UNSUPPORTED for a folder
 * without any, of several of these kinds, or of several splits by their names (train, test, ...).
 */
typedef struct lb_data_files
{
    char **paths; /* [count] */
    size_t count, capacity;
} lb_data_files;

lobass_status lb_data_files_find(lb_data_files *files, const char *const *data, size_t n_data,
                                 lobass_error *error);
void lb_data_files_free(lb_data_files *files);

/* LOBASS_NOT_FOUND with what to do where PATH, which does not exist, is an address or looks like a
 * name of the Hugging Face Hub, which OPTION ("--repo-type dataset " or "") downloads. */
lobass_status lb_path_fail_missing(const char *path, const char *option, lobass_error *error);

/* ---- records as a Parquet file (parquet_write.c) ----------------------------------------------
 */

typedef struct lb_parquet_writer lb_parquet_writer;
typedef lobass_status (*lb_write_function)(void *context, const char *data, size_t size,
                                           lobass_error *error);

/* NAME: of the file to be, for messages; it must live as long. */
lobass_status lb_parquet_writer_open(lb_parquet_writer **writer, const char *name,
                                     lobass_error *error);
/* RECORD is a JSON object on one line. LOBASS_UNSUPPORTED, with WHERE before it, where a column
 * would have values of two types. */
lobass_status lb_parquet_writer_put(lb_parquet_writer *writer, const char *record, size_t size,
                                    const char *where, lobass_error *error);
/* Makes the file with DuckDB's library, which must be there, and hands its bytes to WRITE. */
lobass_status lb_parquet_writer_finish(lb_parquet_writer *writer, lb_write_function write,
                                       void *context, lobass_error *error);
void lb_parquet_writer_close(lb_parquet_writer *writer);

/* ---- safetensors (safetensors.c, safetensors_write.c) ------------------------------------------
 */

typedef enum lb_dtype
{
    LB_F32,
    LB_F16,
    LB_BF16
} lb_dtype;

#define LB_MAX_DIMS 4

size_t lb_dtype_size(lb_dtype dtype);      /* bytes an element */
const char *lb_dtype_name(lb_dtype dtype); /* "F32", "F16", "BF16" */
/* COUNT elements at SOURCE (any alignment) as floats. */
void lb_dtype_to_float(float *values, const void *source, lb_dtype dtype, size_t count);
/* COUNT floats as elements; F16 and BF16 round to nearest even. */
void lb_dtype_from_float(void *target, lb_dtype dtype, const float *values, size_t count);

typedef struct lb_tensor
{
    const char *name; /* borrowed from the file */
    lb_dtype dtype;
    unsigned n_dims;
    uint64_t shape[LB_MAX_DIMS];
    size_t n_elements;
    const unsigned char *data; /* in the mapping; any alignment */
} lb_tensor;

typedef struct lb_safetensors lb_safetensors;

/* Maps PATH and checks all of it: header length, JSON, dtypes, shapes x size = bytes, offsets in
 * range, in order, without overlap or hole. A dtype other than the three is kept out of the table
 * and fails only when it is asked for by name. */
lobass_status lb_safetensors_open(lb_safetensors **file, const char *path, lobass_error *error);
void lb_safetensors_close(lb_safetensors *file);
size_t lb_safetensors_count(const lb_safetensors *file);
const lb_tensor *lb_safetensors_at(const lb_safetensors *file, size_t index);
/* The name of any tensor of the file, whatever its dtype; NULL after the last. */
const char *lb_safetensors_name_at(const lb_safetensors *file, size_t index);
/* LOBASS_NOT_FOUND names file and tensor. */
lobass_status lb_safetensors_find(const lb_safetensors *file, const char *name,
                                  const lb_tensor **tensor, lobass_error *error);

/* A header without data: what is to be written. */
typedef struct lb_tensor_spec
{
    const char *name;
    lb_dtype dtype;
    unsigned n_dims;
    uint64_t shape[LB_MAX_DIMS];
} lb_tensor_spec;

typedef struct lb_safetensors_writer lb_safetensors_writer;

/* Tensors are then written in the order of SPECS, each with its own bytes. Metadata is
 * {"format": "pt"}, as transformers expects. The file appears at commit, whole. */
lobass_status lb_safetensors_writer_open(lb_safetensors_writer **writer, const char *path,
                                         const lb_tensor_spec *specs, size_t n_specs,
                                         bool overwrite, lobass_error *error);
/* VALUES: the next tensor's elements as floats; converted to its dtype. A finite one that this
 * makes infinite is LOBASS_NUMERIC. */
lobass_status lb_safetensors_writer_put(lb_safetensors_writer *writer, const float *values,
                                        lobass_error *error);
lobass_status lb_safetensors_writer_commit(lb_safetensors_writer *writer, lobass_error *error);
void lb_safetensors_writer_discard(lb_safetensors_writer *writer);

#endif

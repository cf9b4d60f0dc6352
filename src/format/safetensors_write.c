/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns writing safetensors (the layout is in safetensors_private.h): the header first, from the
 * shapes alone, padded with spaces so that the data begin on a multiple of 8; then one tensor after
 * another without gaps. The file appears whole at commit, and only if every tensor was put.
 */
#include "format/safetensors_private.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DATA_ALIGNMENT 8U
#define N_CONVERTED ((size_t)64 * 1024) /* elements at a time */

/* What is left of a spec when its header is written. */
typedef struct tensor_size
{
    char *name;
    lb_dtype dtype;
    size_t n_elements;
} tensor_size;

struct lb_safetensors_writer
{
    lb_output *output;
    char *path;
    tensor_size *pieces; /* [n_pieces] */
    size_t n_pieces, n_put;
    unsigned char *converted; /* [N_CONVERTED] of the widest dtype */
};

static int compare_texts(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;
    return strcmp(*left, *right);
}

static lobass_status check_names(const char *path, const lb_tensor_spec *specs, size_t n_specs,
                                 lobass_error *error)
{
    const char **names = lb_alloc(n_specs, sizeof *names, error);
    if (names == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < n_specs; i++)
    {
        names[i] = specs[i].name;
    }
    qsort(names, n_specs, sizeof *names, compare_texts);
    lobass_status status = LOBASS_OK;
    for (size_t i = 0; i < n_specs && status == LOBASS_OK; i++)
    {
        if (strcmp(names[i], LB_SAFETENSORS_METADATA) == 0 ||
            (i > 0 && strcmp(names[i - 1], names[i]) == 0))
        {
            status =
                lb_fail(error, LOBASS_BAD_ARGUMENT,
                        "%s: tensor %.128s: expected a name that is used once", path, names[i]);
        }
    }
    free(names);
    return status;
}

/* *SIZE_BYTES of the tensor's data; what does not fit memory cannot be put either. */
static lobass_status measure_spec(const char *path, const lb_tensor_spec *spec, tensor_size *piece,
                                  size_t *size_bytes, lobass_error *error)
{
    size_t n_elements = 1;
    bool fits = spec->n_dims <= LB_MAX_DIMS;
    for (unsigned i = 0; fits && i < spec->n_dims; i++)
    {
        fits = lb_size_multiply(n_elements, spec->shape[i], &n_elements);
    }
    if (!fits || !lb_size_multiply(n_elements, lb_dtype_size(spec->dtype), size_bytes))
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "%s: tensor %.128s: expected at most %d dimensions and a size that fits "
                       "64 bits",
                       path, spec->name, LB_MAX_DIMS);
    }
    *piece = (tensor_size){.name = lb_copy_text(spec->name, strlen(spec->name), error),
                           .dtype = spec->dtype,
                           .n_elements = n_elements};
    return piece->name == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
}

static lobass_status append_spec(lb_buffer *header, const lb_tensor_spec *spec, size_t begin,
                                 size_t end, lobass_error *error)
{
    LB_TRY(lb_buffer_append_text(header, ",", error));
    LB_TRY(lb_json_append_text(header, spec->name, strlen(spec->name), error));
    LB_TRY(lb_buffer_print(header, error, ":{\"dtype\":\"%s\",\"shape\":[",
                           lb_dtype_name(spec->dtype)));
    for (unsigned i = 0; i < spec->n_dims; i++)
    {
        LB_TRY(lb_buffer_print(header, error, "%s%" PRIu64, i > 0 ? "," : "", spec->shape[i]));
    }
    return lb_buffer_print(header, error, "],\"data_offsets\":[%zu,%zu]}", begin, end);
}

static lobass_status write_header(lb_safetensors_writer *writer, const lb_tensor_spec *specs,
                                  lb_buffer *header, lobass_error *error)
{
    size_t end = 0;
    LB_TRY(lb_buffer_append_text(header, "{\"" LB_SAFETENSORS_METADATA "\":{\"format\":\"pt\"}",
                                 error));
    for (size_t i = 0; i < writer->n_pieces; i++)
    {
        const size_t begin = end;
        size_t size_bytes = 0;
        LB_TRY(measure_spec(writer->path, &specs[i], &writer->pieces[i], &size_bytes, error));
        if (!lb_size_add(begin, size_bytes, &end) || end > INT64_MAX)
        {
            return lb_fail(error, LOBASS_BAD_ARGUMENT,
                           "%s: tensor %.128s: found more than 2^63 bytes of data", writer->path,
                           specs[i].name);
        }
        LB_TRY(append_spec(header, &specs[i], begin, end, error));
    }
    LB_TRY(lb_buffer_append_text(header, "}", error));
    while (header->size % DATA_ALIGNMENT != 0)
    {
        LB_TRY(lb_buffer_append_text(header, " ", error));
    }
    if (header->size > LB_SAFETENSORS_HEADER_LIMIT)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "%s: found a header of %zu bytes, expected at most %zu", writer->path,
                       header->size, LB_SAFETENSORS_HEADER_LIMIT);
    }
    unsigned char size[LB_SAFETENSORS_SIZE_BYTES];
    for (size_t i = 0; i < sizeof size; i++)
    {
        size[i] = (unsigned char)((uint64_t)header->size >> (8 * i));
    }
    LB_TRY(lb_output_write(writer->output, size, sizeof size, error));
    return lb_output_write(writer->output, header->data, header->size, error);
}

static void writer_free(lb_safetensors_writer *writer)
{
    lb_output_discard(writer->output);
    for (size_t i = 0; writer->pieces != NULL && i < writer->n_pieces; i++)
    {
        free(writer->pieces[i].name);
    }
    free(writer->path);
    free(writer->pieces);
    free(writer->converted);
    free(writer);
}

lobass_status lb_safetensors_writer_open(lb_safetensors_writer **writer, const char *path,
                                         const lb_tensor_spec *specs, size_t n_specs,
                                         bool overwrite, lobass_error *error)
{
    *writer = NULL;
    LB_TRY(check_names(path, specs, n_specs, error));
    lb_safetensors_writer *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lb_buffer header = {0};
    lobass_status status = LOBASS_OUT_OF_MEMORY;
    made->n_pieces = n_specs;
    made->path = lb_copy_text(path, strlen(path), error);
    made->pieces = lb_alloc(n_specs, sizeof *made->pieces, error);
    made->converted = lb_alloc(N_CONVERTED, sizeof(float), error);
    if (made->path == NULL || made->pieces == NULL || made->converted == NULL)
    {
        goto done;
    }
    LB_TRY_GOTO(lb_output_open(&made->output, path, overwrite, error));
    LB_TRY_GOTO(write_header(made, specs, &header, error));
    *writer = made;
    made = NULL;
done:
    lb_buffer_free(&header);
    lb_safetensors_writer_discard(made);
    return status;
}

/* A finite value must not become infinite. */
static lobass_status check_range(const lb_safetensors_writer *writer, const tensor_size *piece,
                                 const float *values, size_t first, size_t count,
                                 lobass_error *error)
{
    static const uint16_t exponents[] = {[LB_F16] = 0x7C00U, [LB_BF16] = 0x7F80U};
    for (size_t i = 0; piece->dtype != LB_F32 && i < count; i++)
    {
        uint16_t narrow = 0;
        memcpy(&narrow, writer->converted + i * sizeof narrow, sizeof narrow);
        if ((narrow & exponents[piece->dtype]) == exponents[piece->dtype] && isfinite(values[i]))
        {
            return lb_fail(error, LOBASS_NUMERIC,
                           "%s: tensor \"%.200s\": element %zu is %g, more than %s can hold; start "
                           "from a model that is stored in a wider dtype",
                           writer->path, piece->name, first + i, (double)values[i],
                           lb_dtype_name(piece->dtype));
        }
    }
    return LOBASS_OK;
}

lobass_status lb_safetensors_writer_put(lb_safetensors_writer *writer, const float *values,
                                        lobass_error *error)
{
    if (writer->n_put == writer->n_pieces)
    {
        return lb_fail(error, LOBASS_BAD_ARGUMENT,
                       "%s: found one tensor more than the %zu in its header", writer->path,
                       writer->n_pieces);
    }
    const tensor_size *piece = &writer->pieces[writer->n_put];
    size_t n_written = 0;
    while (n_written < piece->n_elements)
    {
        const size_t left = piece->n_elements - n_written;
        const size_t count = left < N_CONVERTED ? left : N_CONVERTED;
        lb_dtype_from_float(writer->converted, piece->dtype, values + n_written, count);
        LB_TRY(check_range(writer, piece, values + n_written, n_written, count, error));
        LB_TRY(lb_output_write(writer->output, writer->converted,
                               count * lb_dtype_size(piece->dtype), error));
        n_written += count;
    }
    writer->n_put++;
    return LOBASS_OK;
}

lobass_status lb_safetensors_writer_commit(lb_safetensors_writer *writer, lobass_error *error)
{
    lobass_status status = LOBASS_OK;
    if (writer->n_put != writer->n_pieces)
    {
        status = lb_fail(error, LOBASS_BAD_ARGUMENT,
                         "%s: found %zu tensors written, expected the %zu in its header",
                         writer->path, writer->n_put, writer->n_pieces);
    }
    else
    {
        status = lb_output_commit(writer->output, error);
        writer->output = NULL;
    }
    writer_free(writer);
    return status;
}

void lb_safetensors_writer_discard(lb_safetensors_writer *writer)
{
    if (writer != NULL)
    {
        writer_free(writer);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns reading safetensors (the layout is in safetensors_private.h): a mapped file, its header
 * checked as a whole before any tensor is handed out. Dtypes of the format that lobass does not
 * compute with are checked too (sizes, offsets) but kept out of the table; asking for one by name
 * says so. Unknown dtypes have no known size, so only their offsets are checked.
 */
#include "format/json_private.h"
#include "format/safetensors_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DETAIL_SIZE 256
#define N_SUPPORTED 3

/* An element of every dtype of the format; the first N_SUPPORTED in the order of lb_dtype. */
static const struct
{
    const char *name;
    unsigned n_bits;
} known_dtypes[] = {
    [LB_F32] = {"F32", 32},
    [LB_F16] = {"F16", 16},
    [LB_BF16] = {"BF16", 16},
    {"F64", 64},
    {"I64", 64},
    {"U64", 64},
    {"I32", 32},
    {"U32", 32},
    {"I16", 16},
    {"U16", 16},
    {"I8", 8},
    {"U8", 8},
    {"BOOL", 8},
    {"F8_E4M3", 8},
    {"F8_E5M2", 8},
    {"F8_E8M0", 8},
    {"F6_E2M3", 6},
    {"F6_E3M2", 6},
    {"F4", 4},
    {"C64", 64},
};

#define N_KNOWN (sizeof known_dtypes / sizeof known_dtypes[0])

/* One tensor of the header; those that are kept out have IS_USABLE false. */
typedef struct header_entry
{
    lb_tensor tensor; /* dtype and n_dims are meaningless where kept out */
    const char *dtype_name;
    size_t n_dims;
    uint64_t begin, end; /* of its bytes, from the start of the data */
    bool is_usable;
} header_entry;

typedef struct name_slot
{
    const char *name;
    size_t number; /* among the entries */
} name_slot;

struct lb_safetensors
{
    lb_mapping mapping; /* empty where the bytes are borrowed */
    const unsigned char *bytes;
    size_t size;
    char *path;
    json_t *header;        /* holds the names */
    header_entry *entries; /* [n_entries], by offset */
    name_slot *by_name;    /* [n_entries] */
    lb_tensor *tensors;    /* [n_tensors]: the usable ones, by offset */
    size_t n_entries, n_tensors;
};

/* ---- one tensor of the header --------------------------------------------------------------- */

static lobass_status fail_tensor(const lb_safetensors *file, const char *name, lobass_status status,
                                 lobass_error *error, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static lobass_status fail_tensor(const lb_safetensors *file, const char *name, lobass_status status,
                                 lobass_error *error, const char *format, ...)
{
    char detail[DETAIL_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)lb_print_list(detail, sizeof detail, format, arguments);
    va_end(arguments);
    return lb_fail(error, status, "%s: tensor %.128s: %s", file->path, name, detail);
}

/* A non-negative integer of an array, or false. */
static bool get_number(const json_t *array, size_t index, uint64_t *number)
{
    const json_t *value = json_array_get(array, index);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
    {
        return false;
    }
    *number = (uint64_t)json_integer_value(value);
    return true;
}

static lobass_status read_shape(const lb_safetensors *file, header_entry *entry,
                                const json_t *shape, lobass_error *error)
{
    lb_tensor *tensor = &entry->tensor;
    if (!json_is_array(shape))
    {
        return fail_tensor(file, tensor->name, LOBASS_BAD_FORMAT, error,
                           "found %s as \"shape\", expected an array", lb_json_kind(shape));
    }
    entry->n_dims = json_array_size(shape);
    size_t n_elements = 1;
    bool has_zero = false;
    bool fits = true;
    for (size_t i = 0; i < entry->n_dims; i++)
    {
        uint64_t length = 0;
        if (!get_number(shape, i, &length))
        {
            return fail_tensor(file, tensor->name, LOBASS_BAD_FORMAT, error,
                               "found %s in \"shape\", expected integers from 0",
                               json_is_integer(json_array_get(shape, i))
                                   ? "a negative number"
                                   : lb_json_kind(json_array_get(shape, i)));
        }
        has_zero = has_zero || length == 0;
        fits = fits && (length == 0 || lb_size_multiply(n_elements, length, &n_elements));
        if (i < LB_MAX_DIMS)
        {
            tensor->shape[i] = length;
        }
    }
    if (!fits && !has_zero)
    {
        return fail_tensor(file, tensor->name, LOBASS_BAD_FORMAT, error,
                           "found a \"shape\" of more elements than memory can hold");
    }
    tensor->n_elements = has_zero ? 0 : n_elements;
    entry->is_usable = entry->is_usable && entry->n_dims <= LB_MAX_DIMS;
    tensor->n_dims = entry->is_usable ? (unsigned)entry->n_dims : 0;
    return LOBASS_OK;
}

static lobass_status read_offsets(const lb_safetensors *file, header_entry *entry,
                                  const json_t *offsets, size_t data_size, lobass_error *error)
{
    const char *name = entry->tensor.name;
    if (json_array_size(offsets) != 2 || !get_number(offsets, 0, &entry->begin) ||
        !get_number(offsets, 1, &entry->end))
    {
        return fail_tensor(file, name, LOBASS_BAD_FORMAT, error,
                           "found %s as \"data_offsets\", expected two integers from 0",
                           json_is_array(offsets) ? "other values" : lb_json_kind(offsets));
    }
    if (entry->begin > entry->end || entry->end > data_size)
    {
        return fail_tensor(file, name, LOBASS_BAD_FORMAT, error,
                           "found data offsets %" PRIu64 " to %" PRIu64
                           ", expected a range within the %zu bytes of data",
                           entry->begin, entry->end, data_size);
    }
    return LOBASS_OK;
}

static lobass_status check_size(const lb_safetensors *file, const header_entry *entry,
                                unsigned n_bits, lobass_error *error)
{
    const lb_tensor *tensor = &entry->tensor;
    const uint64_t found = entry->end - entry->begin;
    size_t total_bits = 0;
    if (!lb_size_multiply(tensor->n_elements, n_bits, &total_bits) || total_bits % 8 != 0)
    {
        return fail_tensor(file, tensor->name, LOBASS_BAD_FORMAT, error,
                           "found %zu elements of dtype %s, expected a size in whole bytes that "
                           "memory can hold",
                           tensor->n_elements, entry->dtype_name);
    }
    if (total_bits / 8 != found)
    {
        return fail_tensor(file, tensor->name, LOBASS_BAD_FORMAT, error,
                           "found %" PRIu64 " bytes, expected %zu for %zu elements of %s", found,
                           total_bits / 8, tensor->n_elements, entry->dtype_name);
    }
    return LOBASS_OK;
}

static lobass_status read_entry(const lb_safetensors *file, header_entry *entry,
                                const json_t *description, const unsigned char *data,
                                size_t data_size, lobass_error *error)
{
    const char *name = entry->tensor.name;
    if (!json_is_object(description))
    {
        return fail_tensor(file, name, LOBASS_BAD_FORMAT, error, "found %s, expected an object",
                           lb_json_kind(description));
    }
    const json_t *dtype = json_object_get(description, "dtype");
    entry->dtype_name = json_string_value(dtype);
    if (entry->dtype_name == NULL)
    {
        return fail_tensor(file, name, LOBASS_BAD_FORMAT, error,
                           "found %s as \"dtype\", expected a string", lb_json_kind(dtype));
    }
    size_t number = 0;
    while (number < N_KNOWN && strcmp(known_dtypes[number].name, entry->dtype_name) != 0)
    {
        number++;
    }
    entry->is_usable = number < N_SUPPORTED;
    entry->tensor.dtype = entry->is_usable ? (lb_dtype)number : LB_F32;
    LB_TRY(read_shape(file, entry, json_object_get(description, "shape"), error));
    LB_TRY(
        read_offsets(file, entry, json_object_get(description, "data_offsets"), data_size, error));
    if (number < N_KNOWN)
    {
        LB_TRY(check_size(file, entry, known_dtypes[number].n_bits, error));
    }
    entry->tensor.data = data + entry->begin;
    return LOBASS_OK;
}

/* ---- the header as a whole ------------------------------------------------------------------ */

static int compare_offsets(const void *a, const void *b)
{
    const header_entry *left = a;
    const header_entry *right = b;
    if (left->begin != right->begin)
    {
        return left->begin < right->begin ? -1 : 1;
    }
    if (left->end != right->end)
    {
        return left->end < right->end ? -1 : 1;
    }
    return strcmp(left->tensor.name, right->tensor.name);
}

static int compare_names(const void *a, const void *b)
{
    const name_slot *left = a;
    const name_slot *right = b;
    return strcmp(left->name, right->name);
}

static int compare_name(const void *key, const void *element)
{
    const name_slot *slot = element;
    return strcmp(key, slot->name);
}

/* The format allows no byte to belong to two tensors, or to none. */
static lobass_status check_cover(const lb_safetensors *file, size_t data_size, lobass_error *error)
{
    uint64_t end = 0;
    for (size_t i = 0; i < file->n_entries; i++)
    {
        const header_entry *entry = &file->entries[i];
        if (entry->begin != end)
        {
            return fail_tensor(file, entry->tensor.name, LOBASS_BAD_FORMAT, error,
                               "found data offset %" PRIu64 ", expected %" PRIu64
                               ", where the tensor before it ends (%s)",
                               entry->begin, end, entry->begin < end ? "they overlap" : "a hole");
        }
        end = entry->end;
    }
    if (end != data_size)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: found %zu bytes of data, expected %" PRIu64
                       ", where the last tensor ends",
                       file->path, data_size, end);
    }
    return LOBASS_OK;
}

static lobass_status check_metadata(const lb_safetensors *file, json_t *metadata,
                                    lobass_error *error)
{
    const char *key = NULL;
    json_t *value = NULL;
    if (!json_is_object(metadata))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: " LB_SAFETENSORS_METADATA ": found %s, expected an object", file->path,
                       lb_json_kind(metadata));
    }
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
        {
            return lb_fail(error, LOBASS_BAD_FORMAT,
                           "%s: " LB_SAFETENSORS_METADATA
                           ": field \"%.128s\": found %s, expected a string",
                           file->path, key, lb_json_kind(value));
        }
    }
    return LOBASS_OK;
}

/* The three tables: by offset, by name, and the usable ones. */
static lobass_status build_tables(lb_safetensors *file, const unsigned char *data, size_t data_size,
                                  lobass_error *error)
{
    const size_t most = json_object_size(file->header);
    file->entries = lb_alloc(most, sizeof *file->entries, error);
    file->by_name = lb_alloc(most, sizeof *file->by_name, error);
    file->tensors = lb_alloc(most, sizeof *file->tensors, error);
    if (file->entries == NULL || file->by_name == NULL || file->tensors == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    const char *name = NULL;
    json_t *description = NULL;
    json_object_foreach(file->header, name, description)
    {
        if (strcmp(name, LB_SAFETENSORS_METADATA) == 0)
        {
            LB_TRY(check_metadata(file, description, error));
            continue;
        }
        header_entry *entry = &file->entries[file->n_entries++];
        entry->tensor.name = name;
        LB_TRY(read_entry(file, entry, description, data, data_size, error));
    }
    qsort(file->entries, file->n_entries, sizeof *file->entries, compare_offsets);
    for (size_t i = 0; i < file->n_entries; i++)
    {
        file->by_name[i] = (name_slot){.name = file->entries[i].tensor.name, .number = i};
        if (file->entries[i].is_usable)
        {
            file->tensors[file->n_tensors++] = file->entries[i].tensor;
        }
    }
    qsort(file->by_name, file->n_entries, sizeof *file->by_name, compare_names);
    return check_cover(file, data_size, error);
}

static lobass_status parse(lb_safetensors *file, lobass_error *error)
{
    const unsigned char *bytes = file->bytes;
    const size_t size = file->size;
    if (size < LB_SAFETENSORS_SIZE_BYTES)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: found %zu bytes, expected at least the %u of the header's size",
                       file->path, size, LB_SAFETENSORS_SIZE_BYTES);
    }
    uint64_t header_size = 0;
    for (size_t i = 0; i < LB_SAFETENSORS_SIZE_BYTES; i++)
    {
        header_size |= (uint64_t)bytes[i] << (8 * i);
    }
    const size_t left = size - LB_SAFETENSORS_SIZE_BYTES;
    if (header_size > LB_SAFETENSORS_HEADER_LIMIT)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: found a header of %" PRIu64 " bytes, expected at most %zu", file->path,
                       header_size, LB_SAFETENSORS_HEADER_LIMIT);
    }
    if (header_size > left)
    {
        return lb_fail(error, LOBASS_BAD_FORMAT,
                       "%s: found a header of %" PRIu64 " bytes, expected at most the %zu that "
                       "are left of the file",
                       file->path, header_size, left);
    }
    const char *header = (const char *)bytes + LB_SAFETENSORS_SIZE_BYTES;
    lb_buffer where = {0};
    lobass_status status = lb_buffer_print(&where, error, "%s: header", file->path);
    if (status == LOBASS_OK)
    {
        status = lb_json_parse_flags(&file->header, header, (size_t)header_size,
                                     JSON_REJECT_DUPLICATES, where.data, error);
    }
    lb_buffer_free(&where);
    LB_TRY(status);
    if (!json_is_object(file->header))
    {
        return lb_fail(error, LOBASS_BAD_FORMAT, "%s: header: found %s, expected an object",
                       file->path, lb_json_kind(file->header));
    }
    return build_tables(file, bytes + LB_SAFETENSORS_SIZE_BYTES + header_size,
                        left - (size_t)header_size, error);
}

/* ---- the interface -------------------------------------------------------------------------- */

lobass_status lb_safetensors_parse(lb_safetensors **file, const unsigned char *data,
                                   size_t size_bytes, const char *path, lobass_error *error)
{
    *file = NULL;
    lb_safetensors *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    made->bytes = data;
    made->size = size_bytes;
    made->path = lb_copy_text(path, strlen(path), error);
    const lobass_status status = made->path == NULL ? LOBASS_OUT_OF_MEMORY : parse(made, error);
    if (status != LOBASS_OK)
    {
        lb_safetensors_close(made);
        return status;
    }
    *file = made;
    return LOBASS_OK;
}

lobass_status lb_safetensors_open(lb_safetensors **file, const char *path, lobass_error *error)
{
    *file = NULL;
    lb_mapping mapping = {0};
    LB_TRY(lb_mapping_open(&mapping, path, error));
    const lobass_status status =
        lb_safetensors_parse(file, mapping.data, mapping.size, path, error);
    if (status != LOBASS_OK)
    {
        lb_mapping_close(&mapping);
        return status;
    }
    (*file)->mapping = mapping;
    return LOBASS_OK;
}

void lb_safetensors_close(lb_safetensors *file)
{
    if (file == NULL)
    {
        return;
    }
    json_decref(file->header);
    lb_mapping_close(&file->mapping);
    free(file->entries);
    free(file->by_name);
    free(file->tensors);
    free(file->path);
    free(file);
}

size_t lb_safetensors_count(const lb_safetensors *file)
{
    return file->n_tensors;
}

const lb_tensor *lb_safetensors_at(const lb_safetensors *file, size_t index)
{
    return index < file->n_tensors ? &file->tensors[index] : NULL;
}

const char *lb_safetensors_name_at(const lb_safetensors *file, size_t index)
{
    return index < file->n_entries ? file->by_name[index].name : NULL;
}

lobass_status lb_safetensors_find(const lb_safetensors *file, const char *name,
                                  const lb_tensor **tensor, lobass_error *error)
{
    *tensor = NULL;
    const name_slot *slot =
        bsearch(name, file->by_name, file->n_entries, sizeof *file->by_name, compare_name);
    if (slot == NULL)
    {
        return fail_tensor(file, name, LOBASS_NOT_FOUND, error, "not in the file");
    }
    const header_entry *found = &file->entries[slot->number];
    if (found->n_dims > LB_MAX_DIMS)
    {
        return fail_tensor(file, name, LOBASS_UNSUPPORTED, error,
                           "found %zu dimensions, expected at most %d", found->n_dims, LB_MAX_DIMS);
    }
    if (!found->is_usable)
    {
        return fail_tensor(file, name, LOBASS_UNSUPPORTED, error,
                           "found dtype %.64s, expected F32, F16 or BF16", found->dtype_name);
    }
    *tensor = &found->tensor;
    return LOBASS_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Safetensors: a file written by hand, files of our writer, a real model, and every way in which a
 * file can be malformed, each with a message that names the file, the tensor, and the numbers.
 */
#include <sys/stat.h>

#include "format/format.h"
#include "run_tests.h"
#include "unit/base/scratch.h"

/* Writes a file of HEADER_SIZE (as stated), HEADER and N_DATA bytes 0, 1, 2, ... */
static const char *write_by_hand(uint64_t header_size, const char *header, size_t n_data)
{
    lb_buffer bytes = {0};
    for (size_t i = 0; i < 8; i++)
    {
        const char byte = (char)(header_size >> (8 * i));
        assert_int_equal(lb_buffer_append(&bytes, &byte, 1, NULL), LOBASS_OK);
    }
    assert_int_equal(lb_buffer_append_text(&bytes, header, NULL), LOBASS_OK);
    for (size_t i = 0; i < n_data; i++)
    {
        const char byte = (char)i;
        assert_int_equal(lb_buffer_append(&bytes, &byte, 1, NULL), LOBASS_OK);
    }
    const char *path = scratch_path("hand.safetensors");
    assert_int_equal(lb_file_write(path, bytes.data, bytes.size, true, NULL), LOBASS_OK);
    lb_buffer_free(&bytes);
    return path;
}

static void test_by_hand(void **state)
{
    (void)state;
    static const char header[] =
        "{\"b\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[4,12]},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
        "\"none\":{\"dtype\":\"F16\",\"shape\":[3,0],\"data_offsets\":[12,12]},"
        "\"ids\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[12,20]},"
        "\"odd\":{\"dtype\":\"Q7\",\"shape\":[5],\"data_offsets\":[20,21]},"
        "\"deep\":{\"dtype\":\"F16\",\"shape\":[1,1,1,1,2],\"data_offsets\":[21,25]},"
        "\"__metadata__\":{\"format\":\"pt\",\"x\":\"\"}}   ";
    const char *path = write_by_hand(sizeof header - 1, header, 25);
    lobass_error error = {0};
    lb_safetensors *file = NULL;
    assert_int_equal(lb_safetensors_open(&file, path, &error), LOBASS_OK);
    assert_int_equal(lb_safetensors_count(file), 3);
    assert_string_equal(lb_safetensors_at(file, 0)->name, "a");
    assert_string_equal(lb_safetensors_at(file, 1)->name, "b");
    assert_null(lb_safetensors_at(file, 3));
    const lb_tensor *tensor = NULL;
    assert_int_equal(lb_safetensors_find(file, "b", &tensor, &error), LOBASS_OK);
    assert_int_equal(tensor->dtype, LB_BF16);
    assert_int_equal(tensor->n_dims, 2);
    assert_int_equal(tensor->shape[1], 2);
    assert_int_equal(tensor->n_elements, 4);
    float values[4];
    lb_dtype_to_float(values, tensor->data, tensor->dtype, 4);
    assert_true(values[0] == lb_float_from_bf16(0x0504));
    assert_true(values[3] == lb_float_from_bf16(0x0B0A));
    assert_int_equal(lb_safetensors_find(file, "a", &tensor, &error), LOBASS_OK);
    assert_int_equal(tensor->n_elements, 1);
    assert_int_equal(tensor->n_dims, 0);
    assert_memory_equal(tensor->data, "\x00\x01\x02\x03", 4);
    assert_int_equal(lb_safetensors_find(file, "none", &tensor, &error), LOBASS_OK);
    assert_int_equal(tensor->n_elements, 0);
    assert_int_equal(lb_safetensors_find(file, "c", &tensor, &error), LOBASS_NOT_FOUND);
    assert_null(tensor);
    assert_non_null(strstr(error.message, "hand.safetensors: tensor c: not in the file"));
    assert_int_equal(lb_safetensors_find(file, "ids", &tensor, &error), LOBASS_UNSUPPORTED);
    assert_non_null(
        strstr(error.message, "tensor ids: found dtype I64, expected F32, F16 or BF16"));
    assert_int_equal(lb_safetensors_find(file, "odd", &tensor, &error), LOBASS_UNSUPPORTED);
    assert_int_equal(lb_safetensors_find(file, "deep", &tensor, &error), LOBASS_UNSUPPORTED);
    assert_non_null(strstr(error.message, "found 5 dimensions, expected at most 4"));
    lb_safetensors_close(file);
    lb_safetensors_close(NULL);
}

#define F32_PAIR "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":"

static const struct
{
    const char *header;
    size_t n_data;
    const char *expected;
} malformed[] = {
    {"", 0, "hand.safetensors: header: byte 0"},
    {"[]", 0, "header: found an array, expected an object"},
    {"{\"w\":", 0, "header: byte 5"},
    {"{\"w\":{" F32_PAIR "[0,8]},\"w\":{" F32_PAIR "[8,16]}}", 16, "duplicate object key"},
    {"{\"w\":7}", 0, "tensor w: found a number, expected an object"},
    {"{\"w\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
     "tensor w: found nothing as \"dtype\", expected a string"},
    {"{\"w\":{\"dtype\":1,\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
     "found a number as \"dtype\""},
    {"{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8,
     "tensor w: found nothing as \"shape\", expected an array"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8,
     "tensor w: found a negative number in \"shape\""},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]}}", 8,
     "tensor w: found a string in \"shape\""},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, "in \"shape\""},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]}}", 8,
     "tensor w: found a \"shape\" of more elements than memory can hold"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]}}", 4,
     "tensor w: found 4611686018427387905 elements"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}", 8,
     "header: byte 49"},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8,
     "tensor w: found nothing as \"data_offsets\", expected two integers"},
    {"{\"w\":{" F32_PAIR "[0]}}", 8, "tensor w: found other values as \"data_offsets\""},
    {"{\"w\":{" F32_PAIR "[0,8,9]}}", 8, "found other values as \"data_offsets\""},
    {"{\"w\":{" F32_PAIR "[-8,0]}}", 8, "found other values as \"data_offsets\""},
    {"{\"w\":{" F32_PAIR "[0,8.0]}}", 8, "found other values as \"data_offsets\""},
    {"{\"w\":{" F32_PAIR "[8,0]}}", 8, "tensor w: found data offsets 8 to 0"},
    {"{\"w\":{" F32_PAIR "[0,8]}}", 7,
     "tensor w: found data offsets 0 to 8, expected a range within the 7 bytes of data"},
    {"{\"w\":{" F32_PAIR "[9223372036854775800,9223372036854775807]}}", 8, "tensor w: found data"},
    {"{\"w\":{" F32_PAIR "[0,12]}}", 12,
     "tensor w: found 12 bytes, expected 8 for 2 elements of F32"},
    {"{\"w\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
     "tensor w: found 8 bytes, expected 16 for 2 elements of I64"},
    {"{\"w\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}", 1,
     "expected a size in whole bytes"},
    {"{\"v\":{" F32_PAIR "[0,8]},\"w\":{" F32_PAIR "[4,12]}}", 12,
     "tensor w: found data offset 4, expected 8, where the tensor before it ends (they overlap)"},
    {"{\"v\":{" F32_PAIR "[0,8]},\"w\":{" F32_PAIR "[0,8]}}", 8,
     "tensor w: found data offset 0, expected 8"},
    {"{\"v\":{" F32_PAIR "[0,8]},\"w\":{" F32_PAIR "[9,17]}}", 17,
     "tensor w: found data offset 9, expected 8, where the tensor before it ends (a hole)"},
    {"{\"w\":{" F32_PAIR "[1,9]}}", 9, "tensor w: found data offset 1, expected 0"},
    {"{\"w\":{" F32_PAIR "[0,8]}}", 9,
     "hand.safetensors: found 9 bytes of data, expected 8, where the last tensor ends"},
    {"{}", 1, "found 1 bytes of data, expected 0"},
    {"{\"__metadata__\":7}", 0, "__metadata__: found a number, expected an object"},
    {"{\"__metadata__\":{\"format\":7}}", 0,
     "__metadata__: field \"format\": found a number, expected a string"},
};

static void assert_refused(const char *path, const char *expected)
{
    lobass_error error = {0};
    lb_safetensors *file = NULL;
    const lobass_status status = lb_safetensors_open(&file, path, &error);
    if (status != LOBASS_BAD_FORMAT || strstr(error.message, expected) == NULL ||
        strncmp(error.message, path, strlen(path)) != 0)
    {
        fail_msg("status %d, found \"%s\", expected \"%s\"", (int)status, error.message, expected);
    }
    assert_null(file);
}

static void test_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
    {
        const char *header = malformed[i].header;
        assert_refused(write_by_hand(strlen(header), header, malformed[i].n_data),
                       malformed[i].expected);
    }
    assert_refused(write_by_hand(100, "{}", 0),
                   "found a header of 100 bytes, expected at most the 2 that are left");
    assert_refused(write_by_hand(UINT64_MAX, "{}", 0),
                   "found a header of 18446744073709551615 bytes, expected at most 100000000");
    lobass_error error = {0};
    lb_safetensors *file = NULL;
    assert_int_equal(lb_safetensors_open(&file, scratch_path("none"), &error), LOBASS_NOT_FOUND);
    assert_int_equal(lb_safetensors_open(&file, scratch_folder, &error), LOBASS_IO);
}

static const lb_tensor_spec specs[] = {
    {.name = "model.w", .dtype = LB_F32, .n_dims = 2, .shape = {300, 500}},
    {.name = "half", .dtype = LB_F16, .n_dims = 1, .shape = {3}},
    {.name = "a \"quoted\" \u00e9 name", .dtype = LB_BF16, .n_dims = 1, .shape = {5}},
    {.name = "scalar", .dtype = LB_F32, .n_dims = 0},
    {.name = "empty", .dtype = LB_F32, .n_dims = 2, .shape = {0, 7}},
};

enum
{
    N_SPECS = sizeof specs / sizeof specs[0],
    N_LARGEST = 300 * 500
};

static lb_safetensors_writer *open_writer(const char *path, bool overwrite)
{
    lb_safetensors_writer *writer = NULL;
    lobass_error error = {0};
    if (lb_safetensors_writer_open(&writer, path, specs, N_SPECS, overwrite, &error) != LOBASS_OK)
    {
        fail_msg("%s", error.message);
    }
    return writer;
}

static void test_writer_and_reader_agree(void **state)
{
    (void)state;
    lobass_error error = {0};
    float *values = malloc(N_LARGEST * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < N_LARGEST; i++)
    {
        values[i] = (float)i / 7.0F - 3.0F;
    }
    const char *path = scratch_path("written.safetensors");
    lb_safetensors_writer *writer = open_writer(path, false);
    for (size_t i = 0; i < N_SPECS; i++)
    {
        assert_int_equal(lb_safetensors_writer_put(writer, values + i, &error), LOBASS_OK);
    }
    assert_int_equal(lb_safetensors_writer_commit(writer, &error), LOBASS_OK);
    lb_safetensors *file = NULL;
    assert_int_equal(lb_safetensors_open(&file, path, &error), LOBASS_OK);
    assert_int_equal(lb_safetensors_count(file), N_SPECS);
    for (size_t i = 0; i < N_SPECS; i++)
    {
        const lb_tensor *tensor = NULL;
        assert_int_equal(lb_safetensors_find(file, specs[i].name, &tensor, &error), LOBASS_OK);
        assert_int_equal(tensor->dtype, specs[i].dtype);
        assert_int_equal(tensor->n_dims, specs[i].n_dims);
        assert_memory_equal(tensor->shape, specs[i].shape, sizeof tensor->shape);
        float *read = malloc((tensor->n_elements + 1) * sizeof *read);
        unsigned char *stored = malloc((tensor->n_elements + 1) * sizeof *read);
        lb_dtype_to_float(read, tensor->data, tensor->dtype, tensor->n_elements);
        lb_dtype_from_float(stored, tensor->dtype, values + i, tensor->n_elements);
        assert_memory_equal(stored, tensor->data,
                            tensor->n_elements * lb_dtype_size(tensor->dtype));
        for (size_t j = 0; j < tensor->n_elements; j++)
        {
            const float difference = read[j] - values[i + j];
            assert_true(tensor->dtype == LB_F32 ? difference == 0.0F
                                                : difference < 0.02F && difference > -0.02F);
        }
        free(stored);
        free(read);
    }
    lb_safetensors_close(file);
    /* The header begins as transformers expects, and the data begin on a multiple of 8. */
    lb_mapping mapping;
    assert_int_equal(lb_mapping_open(&mapping, path, NULL), LOBASS_OK);
    assert_memory_equal(mapping.data + 8, "{\"__metadata__\":{\"format\":\"pt\"},", 32);
    assert_int_equal(mapping.data[0] % 8, 0);
    lb_mapping_close(&mapping);
    free(values);
}

static void test_writer_counts_tensors(void **state)
{
    (void)state;
    static const float values[N_LARGEST];
    lobass_error error = {0};
    const size_t before = scratch_count(scratch_folder);
    const char *path = scratch_path("counted.safetensors");
    lb_safetensors_writer *writer = open_writer(path, false);
    for (size_t i = 0; i < N_SPECS - 1; i++)
    {
        assert_int_equal(lb_safetensors_writer_put(writer, values, &error), LOBASS_OK);
    }
    assert_int_equal(lb_safetensors_writer_commit(writer, &error), LOBASS_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "found 4 tensors written, expected the 5"));
    assert_int_equal(scratch_count(scratch_folder), before);
    writer = open_writer(path, false);
    for (size_t i = 0; i < N_SPECS; i++)
    {
        assert_int_equal(lb_safetensors_writer_put(writer, values, &error), LOBASS_OK);
    }
    assert_int_equal(lb_safetensors_writer_put(writer, values, &error), LOBASS_BAD_ARGUMENT);
    assert_non_null(strstr(error.message, "found one tensor more than the 5"));
    lb_safetensors_writer_discard(writer);
    lb_safetensors_writer_discard(NULL);
    assert_int_equal(scratch_count(scratch_folder), before);
}

static void test_writer_refuses(void **state)
{
    (void)state;
    static const lb_tensor_spec twice[] = {{.name = "w", .n_dims = 0}, {.name = "w", .n_dims = 0}};
    static const lb_tensor_spec metadata[] = {{.name = "__metadata__", .n_dims = 0}};
    static const lb_tensor_spec huge[] = {
        {.name = "w", .dtype = LB_F32, .n_dims = 2, .shape = {UINT64_C(1) << 32, 1U << 31}}};
    static const lb_tensor_spec huge_sum[] = {
        {.name = "v", .dtype = LB_F32, .n_dims = 1, .shape = {UINT64_C(1) << 60}},
        {.name = "w", .dtype = LB_F32, .n_dims = 1, .shape = {UINT64_C(1) << 60}}};
    static const lb_tensor_spec deep[] = {{.name = "w", .n_dims = 5}};
    static const struct
    {
        const lb_tensor_spec *specs;
        size_t count;
    } cases[] = {{twice, 2}, {metadata, 1}, {huge, 1}, {huge_sum, 2}, {deep, 1}};
    const size_t before = scratch_count(scratch_folder);
    const char *path = scratch_path("refused.safetensors");
    lobass_error error = {0};
    lb_safetensors_writer *writer = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    {
        assert_int_equal(
            lb_safetensors_writer_open(&writer, path, cases[i].specs, cases[i].count, true, &error),
            LOBASS_BAD_ARGUMENT);
        assert_null(writer);
        assert_non_null(strstr(error.message, "refused.safetensors: tensor "));
    }
    assert_int_equal(lb_file_write(path, "x", 1, false, NULL), LOBASS_OK);
    assert_int_equal(lb_safetensors_writer_open(&writer, path, specs, N_SPECS, false, &error),
                     LOBASS_CONFLICT);
    assert_int_equal(scratch_count(scratch_folder), before + 1);
}

static void test_unaligned_elements(void **state)
{
    (void)state;
    static const lb_dtype dtypes[] = {LB_F32, LB_F16, LB_BF16};
    const float values[] = {1.0F, -2.5F, 0.0F, 100.0F};
    for (size_t i = 0; i < 3; i++)
    {
        unsigned char bytes[32] = {0};
        float read[4] = {0};
        lb_dtype_from_float(bytes + 1, dtypes[i], values, 4);
        lb_dtype_to_float(read, bytes + 1, dtypes[i], 4);
        assert_memory_equal(read, values, sizeof values);
        assert_int_equal(bytes[4 * lb_dtype_size(dtypes[i]) + 1], 0);
    }
    assert_string_equal(lb_dtype_name(LB_BF16), "BF16");
}

static void test_real_model(void **state)
{
    (void)state;
    const char *path = TEST_SOURCE_DIR "/../shared/data/models/stories260K/model.safetensors";
    if (lb_path_look(path) == LB_PATH_MISSING)
    {
        skip_because("%s is not there", path);
    }
    lobass_error error = {0};
    lb_safetensors *file = NULL;
    assert_int_equal(lb_safetensors_open(&file, path, &error), LOBASS_OK);
    size_t n_parameters = 0;
    for (size_t i = 0; i < lb_safetensors_count(file); i++)
    {
        n_parameters += lb_safetensors_at(file, i)->n_elements;
    }
    assert_int_equal(n_parameters, 260032);
    const lb_tensor *tensor = NULL;
    assert_int_equal(
        lb_safetensors_find(file, "model.layers.4.self_attn.k_proj.weight", &tensor, &error),
        LOBASS_OK);
    assert_int_equal(tensor->shape[0], 32);
    assert_int_equal(tensor->shape[1], 64);
    lb_safetensors_close(file);
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_writer_and_reader_agree),
        cmocka_unit_test(test_writer_counts_tensors),
        cmocka_unit_test(test_writer_refuses),
        cmocka_unit_test(test_unaligned_elements),
        may_skip(test_real_model),
    };
    return RUN_TESTS(tests, arguments, scratch_setup, scratch_teardown);
}

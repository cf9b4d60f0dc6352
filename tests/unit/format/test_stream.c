/* SPDX-License-Identifier: Apache-2.0
 *
 * gzip and zstd: several members in a row, every possible cut, damage, and real files of ../shared
 * against their uncompressed line counts.
 */
#include <zlib.h>
#include <zstd.h>

#include "format/format.h"
#include "run_tests.h"
#include "unit/base/scratch.h"

#define PACKED_SIZE 65536

typedef size_t (*packer)(unsigned char *packed, const char *text, size_t size);

static size_t pack_gzip(unsigned char *packed, const char *text, size_t size)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (unsigned char *)(uintptr_t)text;
    stream.avail_in = (uInt)size;
    stream.next_out = packed;
    stream.avail_out = PACKED_SIZE;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    const size_t packed_size = stream.total_out;
    (void)deflateEnd(&stream);
    return packed_size;
}

static size_t pack_zstd(unsigned char *packed, const char *text, size_t size)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)));
    const size_t packed_size = ZSTD_compress2(context, packed, PACKED_SIZE, text, size);
    (void)ZSTD_freeCCtx(context);
    assert_false(ZSTD_isError(packed_size));
    return packed_size;
}

/* Reads all records of PATH; the number of their bytes in *N_BYTES. */
static lobass_status count_records(const char *path, uint64_t *n_records, uint64_t *n_bytes,
                                   lobass_error *error)
{
    lb_record_reader *reader = NULL;
    bool has_record = true;
    *n_records = 0;
    *n_bytes = 0;
    lobass_status status = lb_record_reader_open(&reader, path, error);
    while (status == LOBASS_OK && has_record)
    {
        lb_record record;
        status = lb_record_reader_next(reader, &record, &has_record, error);
        *n_records += status == LOBASS_OK && has_record;
        *n_bytes += record.size;
    }
    lb_record_reader_close(reader);
    return status;
}

static void check_packer(packer pack, const char *name)
{
    static unsigned char packed[2 * PACKED_SIZE];
    lb_buffer text = {0};
    for (int i = 0; i < 500; i++)
    {
        assert_int_equal(lb_buffer_print(&text, NULL, "{\"n\": %d}\n", i * i), LOBASS_OK);
    }
    lobass_error error = {0};
    uint64_t n_records = 0;
    uint64_t n_bytes = 0;
    const char *path = scratch_path(name);
    /* Two members, cut within a record. */
    const size_t first = pack(packed, text.data, 1001);
    const size_t both = first + pack(packed + first, text.data + 1001, text.size - 1001);
    assert_int_equal(lb_file_write(path, packed, both, true, NULL), LOBASS_OK);
    assert_int_equal(count_records(path, &n_records, &n_bytes, &error), LOBASS_OK);
    assert_int_equal(n_records, 500);
    assert_int_equal(n_bytes, text.size - 500);
    /* Cut off anywhere but at the end of a member (or before the magic is complete). */
    for (size_t size = 4; size < both; size += size < first + 40 ? 1 : 97)
    {
        assert_int_equal(lb_file_write(path, packed, size, true, NULL), LOBASS_OK);
        const lobass_status status = count_records(path, &n_records, &n_bytes, &error);
        assert_int_equal(status, size == first ? LOBASS_OK : LOBASS_BAD_FORMAT);
        if (size != first)
        {
            assert_non_null(strstr(error.message, "found the end of the file, expected more"));
            assert_memory_equal(error.message, path, strlen(path));
        }
    }
    packed[first / 2] ^= 0x55;
    assert_int_equal(lb_file_write(path, packed, both, true, NULL), LOBASS_OK);
    assert_int_equal(count_records(path, &n_records, &n_bytes, &error), LOBASS_BAD_FORMAT);
    assert_memory_equal(error.message, path, strlen(path));
    packed[first / 2] ^= 0x55;
    memcpy(packed + both, "garbage", 7);
    assert_int_equal(lb_file_write(path, packed, both + 7, true, NULL), LOBASS_OK);
    assert_int_equal(count_records(path, &n_records, &n_bytes, &error), LOBASS_BAD_FORMAT);
    /* A name in .json below the ending: values, not lines. */
    const size_t pretty = pack(packed, "{\n}\n", 4);
    char pretty_name[32];
    (void)snprintf(pretty_name, sizeof pretty_name, "pretty.json%s", strrchr(name, '.'));
    path = scratch_path(pretty_name);
    assert_int_equal(lb_file_write(path, packed, pretty, true, NULL), LOBASS_OK);
    assert_int_equal(count_records(path, &n_records, &n_bytes, &error), LOBASS_OK);
    assert_int_equal(n_records, 1);
    /* Nothing, compressed. */
    const size_t nothing = pack(packed, "", 0);
    assert_int_equal(lb_file_write(path, packed, nothing, true, NULL), LOBASS_OK);
    assert_int_equal(count_records(path, &n_records, &n_bytes, &error), LOBASS_OK);
    assert_int_equal(n_records, 0);
    lb_buffer_free(&text);
}

static void test_gzip(void **state)
{
    (void)state;
    check_packer(pack_gzip, "a.jsonl.gz");
}

/* Zero bytes behind the last member, or between two, as tapes leave them: gzip -d passes over the
 * first, Python over both. */
static void test_gzip_padding(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 511, 512, (size_t)2 * PACKED_SIZE};
    static unsigned char packed[(size_t)4 * PACKED_SIZE];
    const char *path = scratch_path("padded.jsonl.gz");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    {
        lobass_error error = {0};
        uint64_t n_records = 0;
        uint64_t n_bytes = 0;
        memset(packed, 0, sizeof packed);
        const size_t first = pack_gzip(packed, "{}\n{}\n", 6);
        assert_int_equal(lb_file_write(path, packed, first + sizes[i], true, NULL), LOBASS_OK);
        assert_int_equal(count_records(path, &n_records, &n_bytes, &error), LOBASS_OK);
        assert_int_equal(n_records, 2);
        const size_t both = first + sizes[i] + pack_gzip(packed + first + sizes[i], "[1]\n", 4);
        assert_int_equal(lb_file_write(path, packed, both, true, NULL), LOBASS_OK);
        assert_int_equal(count_records(path, &n_records, &n_bytes, &error), LOBASS_OK);
        assert_int_equal(n_records, 3);
        packed[both - 1] = 'x'; /* within the member */
        assert_int_equal(lb_file_write(path, packed, both, true, NULL), LOBASS_OK);
        assert_int_equal(count_records(path, &n_records, &n_bytes, &error), LOBASS_BAD_FORMAT);
    }
}

static void test_zstd(void **state)
{
    (void)state;
    check_packer(pack_zstd, "a.jsonl.zst");
}

static void test_real_data(void **state)
{
    (void)state;
    static const struct
    {
        const char *path;
        uint64_t n_records;
    } cases[] = {
        {"sft/alpaca_13k.jsonl", 13354},     {"sft/alpaca_other_answers_999.json", 999},
        {"sft/gsm8k_train.jsonl", 7473},     {"sft/lima.json", 1029},
        {"sft/sharegpt_500.json", 500},      {"sft/sharegpt_tools_300.json", 300},
        {"corpora/t0_55k.jsonl.zst", 55185},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    {
        char *path = lb_path_join(TEST_SOURCE_DIR "/../shared/data", cases[i].path, NULL);
        assert_non_null(path);
        if (lb_path_look(path) == LB_PATH_MISSING)
        {
            free(path);
            skip_because("../shared/data/%s is not there", cases[i].path);
        }
        lobass_error error = {0};
        uint64_t n_records = 0;
        uint64_t n_bytes = 0;
        if (count_records(path, &n_records, &n_bytes, &error) != LOBASS_OK)
        {
            fail_msg("%s", error.message);
        }
        assert_int_equal(n_records, cases[i].n_records);
        free(path);
    }
}

int main(int n_arguments, char **arguments)
{
    (void)n_arguments;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_gzip_padding),
        cmocka_unit_test(test_zstd),
        may_skip(test_real_data),
    };
    return RUN_TESTS(tests, arguments, scratch_setup, scratch_teardown);
}

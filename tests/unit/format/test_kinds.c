/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that hold no records are told by their first bytes, compressed or not, else by their name,
 * and never read as records; names that are no files are told what they look like.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zlib.h>

#include "format/format.h"
#include "unit/base/scratch.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define BYTES(text) (text), sizeof(text) - 1

typedef struct odd_file
{
    const char *name, *bytes;
    size_t size;
    const char *said;
} odd_file;

static const odd_file files[] = {
    {"a.jsonl", BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n"),
     "a Git LFS pointer, not the file itself; `git lfs pull`"},
    {"a.parquet", BYTES("version https://git-lfs.github.com/spec/v1\noid"), "a Git LFS pointer"},
    {"a.csv", BYTES("version https://git-lfs.github.com/spec/v1\noid"), "a Git LFS pointer"},
    {"a.arrow", BYTES("ARROW1\0\0 and more"), "an Arrow file; "},
    {"a.jsonl", BYTES("ARROW1\0\0 and more"), "an Arrow file; "},
    {"data-00000-of-00001.arrow", BYTES("\xff\xff\xff\xff\x10\0\0\0"), "an Arrow stream; "},
    {"a.feather", BYTES("FEA1...."), "a Feather file; "},
    {"a.jsonl.bz2", BYTES("BZh91AY&SY"), "a bzip2 file; `bunzip2` it first"},
    {"a.jsonl",
     BYTES("\xfd"
           "7zXZ\0\0\x04"),
     "an xz file; `unxz` it first"},
    {"a.xlsx", BYTES("PK\x03\x04\x14\0"), "an Excel workbook; save its sheet as CSV"},
    {"a.zip", BYTES("PK\x03\x04\x14\0"), "a ZIP archive; unpack it first"},
    {"a.json", BYTES("PK\x03\x04\x14\0"), "a ZIP archive; unpack it first"},
    {"a.gguf", BYTES("GGUF\x03\0\0\0"), "a GGUF file; a file of a model"},
    {"a", BYTES("\x10\0\0\0\0\0\0\0{\"a\""), "a safetensors file; a file of a model"},
    {"a.pkl", BYTES("\x80\x04\x95\x10\0\0\0"), "a pickle; it runs code when it is loaded"},
    {"a.jsonl", BYTES("\x80\x05\x95\x10\0\0\0"), "a pickle; it runs code when it is loaded"},
    {"a.pt", BYTES("PK\x03\x04\x14\0"), "a pickle or a PyTorch file; it runs code"},
    {"a.jsonl", BYTES("<!DOCTYPE html>\n<html>"), "an HTML page, such as a server sends"},
    {"a.jsonl", BYTES("PARE...."), "an encrypted Parquet file; "},
    {"a.parquet", BYTES("{\"a\": 1}\n"), "Parquet by its name, and does not begin as"},
    {"a.jsonl", BYTES("{\0\"\0a\0"), "text in UTF-16; expected UTF-8"},
    {"a.yaml", BYTES("- a: b\n"), "a YAML file; "},
    {"a.npy", BYTES("\x93NUMPY\x01\0"), "a NumPy array; "},
};

static void refuse(const char *name, const void *bytes, size_t size, const char *said)
{
    lobass_error error = {0};
    lb_record_reader *reader = NULL;
    lb_record record;
    bool has_record = true;
    const char *path = scratch_path(name);
    assert_int_equal(lb_file_write(path, bytes, size, true, NULL), LOBASS_OK);
    lobass_status status = lb_record_reader_open(&reader, path, &error);
    status =
        status == LOBASS_OK ? lb_record_reader_next(reader, &record, &has_record, &error) : status;
    assert_true(status == LOBASS_UNSUPPORTED || status == LOBASS_BAD_FORMAT);
    assert_false(has_record);
    const char *message = strstr(error.message, ": ");
    if (strncmp(error.message, path, strlen(path)) != 0 || message == NULL ||
        strncmp(message + 2, said, strlen(said)) != 0)
    {
        fail_msg("%s: found \"%s\", expected \"%s\"", name, error.message, said);
    }
    lb_record_reader_close(reader);
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(files); i++)
    {
        refuse(files[i].name, files[i].bytes, files[i].size, files[i].said);
    }
}

/* Their content counts once it is unpacked, too. */
static void test_refused_compressed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++)
    {
        char name[64];
        (void)snprintf(name, sizeof name, "%s.gz", files[i].name);
        gzFile packed = gzopen(scratch_path("packed"), "wb");
        assert_int_equal(gzwrite(packed, files[i].bytes, (unsigned)files[i].size), files[i].size);
        assert_int_equal(gzclose(packed), Z_OK);
        lb_buffer bytes = {0};
        assert_int_equal(lb_file_read(&bytes, scratch_path("packed"), 4096, NULL), LOBASS_OK);
        refuse(name, bytes.data, bytes.size, files[i].said);
        lb_buffer_free(&bytes);
    }
}

/* What reads as text may begin like anything that can be read. */
static void test_plain_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"<html> is a tag",
                                        "%PDF- is how they begin",
                                        "BZh is not",
                                        "GGUF is a format",
                                        "FEA1",
                                        "PAR1"};
    for (size_t i = 0; i < COUNT(texts); i++)
    {
        lb_record_reader *reader = NULL;
        lb_record record;
        bool has_record = false;
        const char *path = scratch_path("a.txt");
        assert_int_equal(lb_file_write(path, texts[i], strlen(texts[i]), true, NULL), LOBASS_OK);
        assert_int_equal(lb_record_reader_open(&reader, path, NULL), LOBASS_OK);
        assert_int_equal(lb_record_reader_next(reader, &record, &has_record, NULL), LOBASS_OK);
        assert_true(has_record);
        lb_record_reader_close(reader);
    }
}

static void test_names(void **state)
{
    (void)state;
    static const struct
    {
        const char *name, *said;
    } names[] = {
        {"https://example.org/a.jsonl", "an address; lobass reaches no network"},
        {"hf://datasets/a/b", "an address; lobass reaches no network"},
        {"yahma/alpaca-cleaned", "`hf download --repo-type dataset yahma/alpaca-cleaned --local"},
        {"folder/none.jsonl", "cannot open: No such file or directory"},
        {"./a/b", "cannot open: No such file or directory"},
        {"none", "cannot open: No such file or directory"},
    };
    for (size_t i = 0; i < COUNT(names); i++)
    {
        lobass_error error = {0};
        lb_record_reader *reader = NULL;
        assert_int_equal(lb_record_reader_open(&reader, names[i].name, &error), LOBASS_NOT_FOUND);
        if (strstr(error.message, names[i].said) == NULL)
        {
            fail_msg("%s: found \"%s\"", names[i].name, error.message);
        }
        assert_null(reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_compressed),
        cmocka_unit_test(test_plain_text),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

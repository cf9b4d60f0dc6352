/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that people give for data and that hold no records which lobass reads, by their first bytes
 * or by their name, each with what to do instead; and names that are no files here: addresses and
 * names of the Hugging Face Hub. Content counts before the name.
 */
#include "format/kinds.h"

#include <string.h>

#define AS_PARQUET "read it with the library that wrote it and write Parquet: "

typedef struct file_kind
{
    const char *what, *remedy;
    const char *first; /* [n_first] the first bytes, from OFFSET on; NULL: by name only */
    size_t n_first, offset;
    const char *endings[4];
    enum
    {
        BINARY,
        READABLE, /* plain text may begin like this */
        CONTAINER /* of several kinds: the name says more */
    } nature;
} file_kind;

#define BYTES(text) (text), sizeof(text) - 1

static const char arrow[] =
    AS_PARQUET "datasets.Dataset.from_file(FILE).to_parquet(\"NAME.parquet\")";
static const char unpack[] = "unpack it first";
static const char model[] = "a file of a model, not of data";
static const char no_pickle[] =
    "it runs code when it is loaded, so lobass reads none; write Parquet "
    "or JSON Lines";
static const char convert[] = AS_PARQUET "DataFrame.to_parquet(\"NAME.parquet\")";

static const file_kind kinds[] = {
    {"a Git LFS pointer, not the file itself",
     "`git lfs pull` brings the file",
     BYTES("version https://git-lfs.github.com/spec/"),
     0,
     {NULL},
     BINARY},
    {"an Arrow file", arrow, BYTES("ARROW1\0"), 0, {".arrow", ".feather", ".ipc"}, BINARY},
    {"an Arrow stream", arrow, BYTES("\xFF\xFF\xFF\xFF"), 0, {NULL}, BINARY},
    {"a Feather file", convert, BYTES("FEA1"), 0, {NULL}, READABLE},
    {"an encrypted Parquet file", "decrypt it first", BYTES("PARE"), 0, {NULL}, READABLE},
    {"a bzip2 file",
     "`bunzip2` it first, or compress with gzip or zstd",
     BYTES("BZh"),
     0,
     {".bz2"},
     READABLE},
    {"an xz file",
     "`unxz` it first, or compress with gzip or zstd",
     BYTES("\xFD"
           "7zXZ\0"),
     0,
     {".xz", ".lzma"},
     BINARY},
    {"an lz4 file",
     "`unlz4` it first, or compress with gzip or zstd",
     BYTES("\x04\x22\x4D\x18"),
     0,
     {".lz4"},
     BINARY},
    {"a 7-Zip archive", unpack, BYTES("7z\xBC\xAF\x27\x1C"), 0, {".7z"}, BINARY},
    {"a RAR archive", unpack, BYTES("Rar!\x1A\x07"), 0, {".rar"}, BINARY},
    {"a tar archive", unpack, BYTES("ustar"), 257, {".tar", ".tgz"}, READABLE},
    {"an Excel workbook",
     "save its sheet as CSV in UTF-8",
     NULL,
     0,
     0,
     {".xlsx", ".xls", ".ods"},
     BINARY},
    {"a pickle or a PyTorch file",
     no_pickle,
     BYTES("\x80\x02"),
     0,
     {".pkl", ".pickle", ".pt", ".pth"},
     BINARY},
    {"a pickle", no_pickle, BYTES("\x80\x04\x95"), 0, {NULL}, BINARY},
    {"a pickle", no_pickle, BYTES("\x80\x05\x95"), 0, {NULL}, BINARY},
    {"a NumPy array", convert, BYTES("\x93NUMPY"), 0, {".npy", ".npz"}, BINARY},
    {"a ZIP archive", unpack, BYTES("PK\x03\x04"), 0, {".zip"}, CONTAINER},
    {"an old Office document",
     "save its sheet as CSV in UTF-8",
     BYTES("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"),
     0,
     {NULL},
     CONTAINER},
    {"a GGUF file", model, BYTES("GGUF\x01\0\0"), 0, {NULL}, BINARY},
    {"a GGUF file", model, BYTES("GGUF\x02\0\0"), 0, {NULL}, BINARY},
    {"a GGUF file", model, BYTES("GGUF\x03\0\0"), 0, {".gguf"}, BINARY},
    {"a safetensors file", model, BYTES("\0\0\0\0\0{\""), 3, {".safetensors"}, BINARY},
    {"an HDF5 file", convert, BYTES("\x89HDF\r\n"), 0, {".h5", ".hdf5"}, BINARY},
    {"an SQLite database",
     "write the table's rows as JSON Lines or CSV",
     BYTES("SQLite format 3\0"),
     0,
     {".sqlite", ".sqlite3", ".db"},
     BINARY},
    {"an Avro file", convert, BYTES("Obj\x01"), 0, {".avro"}, BINARY},
    {"an ORC file", convert, NULL, 0, 0, {".orc"}, BINARY},
    {"a TFRecord file", "write its examples as JSON Lines", NULL, 0, 0, {".tfrecord"}, BINARY},
    {"a PDF document", "expected records", BYTES("%PDF-"), 0, {".pdf"}, READABLE},
    {"an HTML page, such as a server sends instead of a file",
     "download the file itself",
     BYTES("<!DOCTYPE html"),
     0,
     {".html"},
     READABLE},
    {"an HTML page, such as a server sends instead of a file",
     "download the file itself",
     BYTES("<!doctype html"),
     0,
     {NULL},
     READABLE},
    {"an HTML page, such as a server sends instead of a file",
     "download the file itself",
     BYTES("<html"),
     0,
     {NULL},
     READABLE},
    {"an XML document", "write its records as JSON Lines", BYTES("<?xml"), 0, {".xml"}, READABLE},
    {"a YAML file", "write its records as JSON Lines", NULL, 0, 0, {".yaml", ".yml"}, BINARY},
    {"text in UTF-16",
     "expected UTF-8: `iconv -f UTF-16 -t UTF-8`",
     BYTES("{\0"),
     0,
     {NULL},
     READABLE},
    {"text in UTF-16",
     "expected UTF-8: `iconv -f UTF-16 -t UTF-8`",
     BYTES("\0{"),
     0,
     {NULL},
     READABLE},
    {"text in UTF-16",
     "expected UTF-8: `iconv -f UTF-16 -t UTF-8`",
     BYTES("[\0"),
     0,
     {NULL},
     READABLE},
};

#define N_KINDS (sizeof kinds / sizeof *kinds)

static lobass_status refuse(const file_kind *kind, const char *path, lobass_error *error)
{
    return lb_fail(error, LOBASS_UNSUPPORTED, "%s: %s; %s", path, kind->what, kind->remedy);
}

static bool is_begun(const file_kind *kind, const char *data, size_t size)
{
    return kind->first != NULL && size >= kind->offset + kind->n_first &&
           memcmp(data + kind->offset, kind->first, kind->n_first) == 0;
}

static bool is_named(const file_kind *kind, const char *path)
{
    for (size_t i = 0; i < sizeof kind->endings / sizeof *kind->endings; i++)
    {
        if (kind->endings[i] != NULL && lb_path_has_ending(path, kind->endings[i]))
        {
            return true;
        }
    }
    return false;
}

lobass_status lb_kind_check(const char *path, const char *data, size_t size, bool is_text,
                            lobass_error *error)
{
    const file_kind *found = NULL;
    for (size_t i = 0; i < N_KINDS && found == NULL; i++)
    {
        const bool counts = kinds[i].nature == BINARY || (kinds[i].nature == READABLE && !is_text);
        found = counts && is_begun(&kinds[i], data, size) ? &kinds[i] : NULL;
    }
    for (size_t i = 0; i < N_KINDS && found == NULL; i++)
    {
        found = is_named(&kinds[i], path) ? &kinds[i] : NULL;
    }
    for (size_t i = 0; i < N_KINDS && found == NULL; i++)
    {
        const bool counts = kinds[i].nature == CONTAINER;
        found = counts && is_begun(&kinds[i], data, size) ? &kinds[i] : NULL;
    }
    return found == NULL ? LOBASS_OK : refuse(found, path, error);
}

/* ---- names that are no files here -------------------------------------------------------------
 */

/* "owner/name", as the Hub has it; not "folder/file.jsonl". */
static bool is_hub_name(const char *path)
{
    static const char *const data_endings[] = {".jsonl", ".json",    ".csv",
                                               ".tsv",   ".parquet", ".txt"};
    size_t n_slashes = 0;
    for (const char *at = path; *at != '\0'; at++)
    {
        const bool is_mark = *at == '-' || *at == '_' || *at == '.' || *at == '/';
        if (!is_mark && !lb_is_alphanumeric((unsigned char)*at))
        {
            return false;
        }
        n_slashes += *at == '/' ? 1 : 0;
    }
    for (size_t i = 0; i < sizeof data_endings / sizeof *data_endings; i++)
    {
        if (lb_path_has_ending(path, data_endings[i]))
        {
            return false;
        }
    }
    return n_slashes == 1 && path[0] != '/' && path[0] != '.' && path[strlen(path) - 1] != '/';
}

lobass_status lb_path_fail_missing(const char *path, const char *option, lobass_error *error)
{
    if (strstr(path, "://") != NULL)
    {
        return lb_fail(
            error, LOBASS_NOT_FOUND,
            "%s: an address; lobass reaches no network: download it, and give the file's "
            "path",
            path);
    }
    if (is_hub_name(path))
    {
        return lb_fail(error, LOBASS_NOT_FOUND,
                       "%s: no such file or folder; if it is a name of the Hugging Face Hub, `hf "
                       "download %s%s --local-dir DIR` brings it, and DIR is what to give",
                       path, option, path);
    }
    return LOBASS_OK;
}

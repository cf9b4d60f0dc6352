/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a file that may be compressed: in whatever pieces it is read it gives the same
 * bytes, or fails. The bytes compressed, as gzip and as zstd in two members: read back as they
 * were, and refused where the last byte is missing.
 */
#include "fuzz.h"

#include <zlib.h>
#include <zstd.h>

#include "format/stream.h"

enum
{
    MOST_BYTES = 1 << 20, /* that are read of a stream: few bytes can be many */
    GZIP_WINDOW_BITS = 15 + 16
};

static lobass_status read_all(lb_buffer *text, const char *path, size_t piece, lobass_error *error)
{
    static char bytes[1 << 16];
    lb_stream *stream = NULL;
    size_t n_read = 1;
    lb_buffer_clear(text);
    lobass_status status = lb_stream_open(&stream, path, error);
    while (status == LOBASS_OK && n_read > 0 && text->size < MOST_BYTES)
    {
        status = lb_stream_read(stream, bytes, piece, &n_read, error);
        require(status != LOBASS_OK || n_read <= piece);
        require(status != LOBASS_OK || lb_buffer_append(text, bytes, n_read, NULL) == LOBASS_OK);
    }
    lb_stream_close(stream);
    return status;
}

static bool is_equal(const lb_buffer *text, const void *data, size_t size)
{
    return text->size == size && (size == 0 || memcmp(text->data, data, size) == 0);
}

/* One member of SIZE bytes, appended. */
static void gzip_add(lb_buffer *file, const uint8_t *data, size_t size)
{
    z_stream z = {0};
    require(deflateInit2(&z, 6, Z_DEFLATED, GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    const size_t room = deflateBound(&z, size);
    uint8_t *out = malloc(room);
    require(out != NULL);
    memcpy(&z.next_in, &data, sizeof data); /* zlib reads it and does not say const */
    z.avail_in = (uInt)size;
    z.next_out = out;
    z.avail_out = (uInt)room;
    require(deflate(&z, Z_FINISH) == Z_STREAM_END);
    require(lb_buffer_append(file, out, z.total_out, NULL) == LOBASS_OK);
    (void)deflateEnd(&z);
    free(out);
}

static void zstd_add(lb_buffer *file, const uint8_t *data, size_t size)
{
    const size_t room = ZSTD_compressBound(size);
    void *out = malloc(room);
    require(out != NULL);
    const size_t n = ZSTD_compress(out, room, data, size, 3);
    require(!ZSTD_isError(n) && lb_buffer_append(file, out, n, NULL) == LOBASS_OK);
    free(out);
}

static void check_compressed(void (*add)(lb_buffer *file, const uint8_t *data, size_t size),
                             const uint8_t *data, size_t size)
{
    lb_buffer file = {0};
    lb_buffer text = {0};
    lobass_error error = {0};
    add(&file, data, size / 3);
    add(&file, data + size / 3, size - size / 3);
    char *path = fuzz_file(fuzz_folder(), "compressed", file.data, file.size);
    require(read_all(&text, path, 1 << 16, &error) == LOBASS_OK && is_equal(&text, data, size));
    free(fuzz_file(fuzz_folder(), "compressed", file.data, file.size - 1));
    require_refusal(read_all(&text, path, 1 << 16, &error), &error, path);
    free(path);
    lb_buffer_free(&file);
    lb_buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t empty[1];
    lb_buffer whole = {0};
    lb_buffer pieces = {0};
    lobass_error error = {0};
    data = data == NULL ? empty : data;
    char *path = fuzz_file(fuzz_folder(), "stream", data, size);
    const lobass_status status = read_all(&whole, path, 1 << 16, &error);
    const bool is_plain = status == LOBASS_OK && is_equal(&whole, data, size);
    if (status != LOBASS_OK)
    {
        require_refusal(status, &error, path);
    }
    fuzz_n_accepted += status == LOBASS_OK && !is_plain;
    if (whole.size < MOST_BYTES)
    {
        require(read_all(&pieces, path, 7, &error) == status);
        require(status != LOBASS_OK || is_equal(&pieces, whole.data, whole.size));
    }
    if (is_plain && size < MOST_BYTES / 2)
    {
        check_compressed(gzip_add, data, size);
        check_compressed(zstd_add, data, size);
    }
    free(path);
    lb_buffer_free(&whole);
    lb_buffer_free(&pieces);
    return 0;
}

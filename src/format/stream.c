/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns turning a file into plain bytes: as it is, through zlib (gzip, RFC 1952) or through libzstd
 * (RFC 8878). Both allow several members in a row, as parallel compressors write them. A compressed
 * stream that ends inside a member is cut off and fails. Memory is the input buffer and the
 * decompressor's window (zstd: at most 128 MiB, its own default limit).
 */
#include "format/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define INPUT_BYTES ((size_t)256 * 1024)
#define GZIP_WINDOW_BITS (15 + 16) /* zlib: the largest window, with a gzip header */

typedef lobass_status (*read_function)(lb_stream *stream, void *data, size_t size, size_t *n_read,
                                       lobass_error *error);

struct lb_stream
{
    char *name;
    read_function read;
    unsigned char *input; /* [INPUT_BYTES]; bytes from at to end are still to be used */
    size_t at, end;
    uint64_t offset;
    int descriptor;
    bool owns_descriptor, is_at_end; /* of the file */
    bool is_inside_member;           /* of a compressed stream */
    bool has_member;                 /* one has begun */
    bool has_inflate;
    z_stream inflate;
    ZSTD_DStream *zstd;
};

/* Makes sure that there is input, unless the file is at its end. */
static lobass_status fill(lb_stream *stream, lobass_error *error)
{
    if (stream->at < stream->end || stream->is_at_end)
    {
        return LOBASS_OK;
    }
    ssize_t got = -1;
    do
    {
        got = read(stream->descriptor, stream->input, INPUT_BYTES);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
    {
        return lb_fail_errno(error, stream->name, "read");
    }
    stream->at = 0;
    stream->end = (size_t)got;
    stream->offset += (uint64_t)got;
    stream->is_at_end = got == 0;
    return LOBASS_OK;
}

/* At least 4 bytes where the file has them: a pipe may hand out one at a time. */
static lobass_status fill_first(lb_stream *stream, lobass_error *error)
{
    while (stream->end < 4 && !stream->is_at_end)
    {
        ssize_t got =
            read(stream->descriptor, stream->input + stream->end, INPUT_BYTES - stream->end);
        if (got < 0 && errno == EINTR)
        {
            continue;
        }
        if (got < 0)
        {
            return lb_fail_errno(error, stream->name, "read");
        }
        stream->end += (size_t)got;
        stream->offset += (uint64_t)got;
        stream->is_at_end = got == 0;
    }
    return LOBASS_OK;
}

static lobass_status fail_compressed(const lb_stream *stream, const char *format, const char *found,
                                     lobass_error *error)
{
    return lb_fail(error, LOBASS_BAD_FORMAT, "%s: byte %llu of the %s stream: %s", stream->name,
                   (unsigned long long)(stream->offset - (stream->end - stream->at)), format,
                   found);
}

static lobass_status read_plain(lb_stream *stream, void *data, size_t size, size_t *n_read,
                                lobass_error *error)
{
    LB_TRY(fill(stream, error));
    const size_t held = stream->end - stream->at;
    *n_read = held < size ? held : size;
    if (*n_read > 0)
    {
        memcpy(data, stream->input + stream->at, *n_read);
        stream->at += *n_read;
    }
    return LOBASS_OK;
}

/* Zero bytes behind a member, as tapes and archives leave them: gzip passes over them too. What
 * follows them must be a member, or the end. */
static lobass_status skip_padding(lb_stream *stream, lobass_error *error)
{
    LB_TRY(fill(stream, error));
    while (stream->at < stream->end && stream->input[stream->at] == 0)
    {
        stream->at++;
        LB_TRY(fill(stream, error));
    }
    return LOBASS_OK;
}

static lobass_status read_gzip(lb_stream *stream, void *data, size_t size, size_t *n_read,
                               lobass_error *error)
{
    z_stream *inflater = &stream->inflate;
    const size_t room = size > INPUT_BYTES ? INPUT_BYTES : size; /* zlib counts in 32 bits */
    inflater->next_out = data;
    inflater->avail_out = (uInt)room;
    while (inflater->avail_out == room)
    {
        LB_TRY(fill(stream, error));
        if (!stream->is_inside_member && stream->has_member)
        {
            LB_TRY(skip_padding(stream, error));
        }
        if (stream->at == stream->end)
        {
            if (stream->is_inside_member)
            {
                return fail_compressed(stream, "gzip", "found the end of the file, expected more",
                                       error);
            }
            break;
        }
        stream->has_member = true;
        if (!stream->is_inside_member && inflateReset(inflater) != Z_OK)
        {
            return fail_compressed(stream, "gzip", "cannot begin a member", error);
        }
        inflater->next_in = stream->input + stream->at;
        inflater->avail_in = (uInt)(stream->end - stream->at);
        const int result = inflate(inflater, Z_NO_FLUSH);
        stream->at = stream->end - inflater->avail_in;
        if (result == Z_MEM_ERROR)
        {
            return lb_fail_memory(error, room);
        }
        if (result != Z_OK && result != Z_STREAM_END)
        {
            return fail_compressed(stream, "gzip",
                                   inflater->msg != NULL ? inflater->msg : "damaged data", error);
        }
        stream->is_inside_member = result != Z_STREAM_END;
    }
    *n_read = room - inflater->avail_out;
    return LOBASS_OK;
}

static lobass_status read_zstd(lb_stream *stream, void *data, size_t size, size_t *n_read,
                               lobass_error *error)
{
    ZSTD_outBuffer output = {.dst = data, .size = size, .pos = 0};
    while (output.pos == 0)
    {
        LB_TRY(fill(stream, error));
        const bool is_out_of_input = stream->at == stream->end;
        if (is_out_of_input && !stream->is_inside_member)
        {
            break;
        }
        /* Even without input the decompressor may still hold bytes to hand out. */
        ZSTD_inBuffer input = {.src = stream->input, .size = stream->end, .pos = stream->at};
        const size_t result = ZSTD_decompressStream(stream->zstd, &output, &input);
        stream->at = input.pos;
        if (ZSTD_isError(result))
        {
            return fail_compressed(stream, "zstd", ZSTD_getErrorName(result), error);
        }
        stream->is_inside_member = result != 0;
        if (is_out_of_input && output.pos == 0 && stream->is_inside_member)
        {
            return fail_compressed(stream, "zstd", "found the end of the file, expected more",
                                   error);
        }
    }
    *n_read = output.pos;
    return LOBASS_OK;
}

/* Looks at the first bytes and chooses how to read. */
static lobass_status choose_reading(lb_stream *stream, lobass_error *error)
{
    static const unsigned char gzip_magic[] = {0x1F, 0x8B};
    static const unsigned char zstd_magic[] = {0x28, 0xB5, 0x2F, 0xFD};
    stream->read = read_plain;
    if (stream->end >= sizeof gzip_magic &&
        memcmp(stream->input, gzip_magic, sizeof gzip_magic) == 0)
    {
        if (inflateInit2(&stream->inflate, GZIP_WINDOW_BITS) != Z_OK)
        {
            return lb_fail(error, LOBASS_OUT_OF_MEMORY, "%s: out of memory to decompress",
                           stream->name);
        }
        stream->has_inflate = true;
        stream->read = read_gzip;
    }
    else if (stream->end >= sizeof zstd_magic &&
             memcmp(stream->input, zstd_magic, sizeof zstd_magic) == 0)
    {
        stream->zstd = ZSTD_createDStream();
        if (stream->zstd == NULL || ZSTD_isError(ZSTD_initDStream(stream->zstd)))
        {
            return lb_fail(error, LOBASS_OUT_OF_MEMORY, "%s: out of memory to decompress",
                           stream->name);
        }
        stream->read = read_zstd;
    }
    return LOBASS_OK;
}

lobass_status lb_stream_open(lb_stream **stream, const char *path, lobass_error *error)
{
    *stream = NULL;
    const bool is_standard_input = strcmp(path, "-") == 0;
    const char *name = is_standard_input ? "standard input" : path;
    lb_stream *made = lb_alloc(1, sizeof *made, error);
    if (made == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    lobass_status status = LOBASS_OK;
    made->descriptor = STDIN_FILENO;
    if (!is_standard_input)
    {
        LB_TRY_GOTO(lb_file_open(&made->descriptor, path, error));
        made->owns_descriptor = true;
    }
    made->name = lb_copy_text(name, strlen(name), error);
    made->input = lb_alloc(INPUT_BYTES, 1, error);
    if (made->name == NULL || made->input == NULL)
    {
        status = LOBASS_OUT_OF_MEMORY;
        goto done;
    }
    LB_TRY_GOTO(fill_first(made, error));
    LB_TRY_GOTO(choose_reading(made, error));
    *stream = made;
    made = NULL;
done:
    lb_stream_close(made);
    return status;
}

lobass_status lb_stream_read(lb_stream *stream, void *data, size_t size, size_t *n_read,
                             lobass_error *error)
{
    return stream->read(stream, data, size, n_read, error);
}

const char *lb_stream_name(const lb_stream *stream)
{
    return stream->name;
}

int lb_stream_descriptor(const lb_stream *stream)
{
    return stream->descriptor;
}

bool lb_stream_is_compressed(const lb_stream *stream)
{
    return stream->read != read_plain;
}

void lb_stream_close(lb_stream *stream)
{
    if (stream == NULL)
    {
        return;
    }
    if (stream->has_inflate)
    {
        (void)inflateEnd(&stream->inflate);
    }
    (void)ZSTD_freeDStream(stream->zstd);
    if (stream->owns_descriptor)
    {
        (void)close(stream->descriptor);
    }
    free(stream->input);
    free(stream->name);
    free(stream);
}

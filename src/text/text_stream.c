/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens that come one by one as text that may be shown: a character that is not finished waits for
 * the tokens to come, bytes that can be none become U+FFFD, as in lobass_tokenizer_decode().
 */
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer_private.h"

/* Bytes of the character that BYTE begins; 1 where it begins none. */
static size_t character_size(unsigned char byte)
{
    return byte >= 0xF0 && byte < 0xF8 ? 4
           : byte >= 0xE0              ? (byte < 0xF0 ? 3 : 1)
           : byte >= 0xC0              ? 2
                                       : 1;
}

/* Bytes at the end that a character may begin with whose rest is to come. */
static size_t unfinished_size(const lb_buffer *bytes)
{
    size_t n = 1;
    while (n < LB_UTF8_MAX && n < bytes->size &&
           ((unsigned char)bytes->data[bytes->size - n] & 0xC0U) == 0x80U)
    {
        n++;
    }
    return n <= bytes->size && character_size((unsigned char)bytes->data[bytes->size - n]) > n ? n
                                                                                               : 0;
}

/* All but the last N_LEFT bytes are text. */
static lobass_status settle(lb_text_stream *stream, size_t n_left, lobass_error *error)
{
    lb_buffer *bytes = &stream->bytes;
    const size_t n = bytes->size - n_left;
    if (n > 0)
    {
        LB_TRY(lb_utf8_append_lossy(&stream->text, bytes->data, n, error));
        memmove(bytes->data, bytes->data + n, n_left);
        bytes->size = n_left;
    }
    return LOBASS_OK;
}

/* Whether ID is decoded without the space it begins with where it begins a text. */
static lobass_status is_space_dropped(bool *is_dropped, const lobass_tokenizer *tokenizer,
                                      int32_t id, const char *piece, size_t size,
                                      lobass_error *error)
{
    char *text = NULL;
    size_t text_size = 0;
    LB_TRY(lobass_tokenizer_decode(&text, &text_size, tokenizer, &id, 1, error));
    *is_dropped = size > 0 && piece[0] == ' ' && text_size + 1 == size;
    free(text);
    return LOBASS_OK;
}

lobass_status lb_text_stream_add(lb_text_stream *stream, const lobass_tokenizer *tokenizer,
                                 int32_t id, lobass_error *error)
{
    char *piece = NULL;
    size_t size = 0;
    bool is_dropped = false;
    lobass_status status = LOBASS_OK;
    LB_TRY(lobass_tokenizer_piece_text(&piece, &size, tokenizer, id, error));
    if (stream->is_beginning)
    {
        LB_TRY_GOTO(is_space_dropped(&is_dropped, tokenizer, id, piece, size, error));
    }
    stream->is_beginning = false;
    LB_TRY_GOTO(lb_buffer_append(&stream->bytes, piece + is_dropped, size - is_dropped, error));
    status = settle(stream, unfinished_size(&stream->bytes), error);
done:
    free(piece);
    return status;
}

lobass_status lb_text_stream_end(lb_text_stream *stream, lobass_error *error)
{
    return settle(stream, 0, error);
}

void lb_text_stream_free(lb_text_stream *stream)
{
    lb_buffer_free(&stream->text);
    lb_buffer_free(&stream->bytes);
    *stream = (lb_text_stream){0};
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Text that grows token by token: at any moment whole characters alone, and in the end what the
 * tokens are decoded to together. Tokens of single bytes, cut at every place of a character.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/text/tokenizer_maker.h"

static const tokenizer_spec bytes = {.alphabet = ALPHABET_BYTES,
                                     .decoder = "{\"type\": \"ByteLevel\"}"};
static const tokenizer_spec metaspace = {
    .alphabet = ALPHABET_FALLBACK,
    .decoder = "{\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\", \"pattern\": "
               "{\"String\": \"\xE2\x96\x81\"}, \"content\": \" \"}, {\"type\": \"ByteFallback\"}, "
               "{\"type\": \"Fuse\"}, {\"type\": \"Strip\", \"content\": \" \", \"start\": 1, "
               "\"stop\": 0}]}"};

static int32_t id_of(const lobass_tokenizer *tokenizer, const char *piece)
{
    for (int32_t id = 0; (size_t)id < lobass_tokenizer_count(tokenizer); id++)
    {
        if (strcmp(lobass_tokenizer_piece(tokenizer, id), piece) == 0)
        {
            return id;
        }
    }
    fail_msg("no piece %s", piece);
    return -1;
}

static int32_t id_of_byte(const lobass_tokenizer *tokenizer, unsigned char byte)
{
    char piece[16] = "";
    lb_utf8_encode(piece, lb_byte_to_char(byte));
    return id_of(tokenizer, piece);
}

/* Byte after byte; the text must be EXPECTED in the end, and whole at all times. */
static void check_bytes(const lobass_tokenizer *tokenizer, const char *raw, const char *expected)
{
    lb_text_stream stream = {.is_beginning = true};
    size_t n_before = 0;
    for (const char *at = raw; *at != '\0'; at++)
    {
        assert_int_equal(LOBASS_OK,
                         lb_text_stream_add(&stream, tokenizer,
                                            id_of_byte(tokenizer, (unsigned char)*at), NULL));
        assert_true(stream.text.size >= n_before);
        n_before = stream.text.size;
        assert_int_equal(n_before, lb_utf8_valid_size(stream.text.data, n_before));
        assert_memory_equal(expected, stream.text.data, n_before);
        assert_true(stream.bytes.size < LB_UTF8_MAX);
    }
    assert_int_equal(LOBASS_OK, lb_text_stream_end(&stream, NULL));
    assert_int_equal(strlen(expected), stream.text.size);
    assert_memory_equal(expected, stream.text.data, stream.text.size);
    lb_text_stream_free(&stream);
}

#define LOST "\xEF\xBF\xBD"

static void test_bytes(void **state)
{
    (void)state;
    lobass_tokenizer *tokenizer = maker_load(&bytes, "stream_bytes");
    check_bytes(tokenizer,
                "a\xC3\xA9"
                "b",
                "a\xC3\xA9"
                "b");
    check_bytes(tokenizer, "\xE2\x82\xAC\xF0\x9F\x98\x80", "\xE2\x82\xAC\xF0\x9F\x98\x80");
    check_bytes(tokenizer, " x ", " x ");
    check_bytes(tokenizer, "a\xE2\x82", "a" LOST); /* never finished */
    check_bytes(tokenizer,
                "\xF0\x9F"
                "b",
                LOST "b");                                   /* broken off */
    check_bytes(tokenizer, "\xC3\xC3\xA9", LOST "\xC3\xA9"); /* begun twice */
    check_bytes(tokenizer,
                "\x80\xBF"
                "a\xFF",
                LOST LOST "a" LOST);                        /* that none begins with */
    check_bytes(tokenizer, "\xE0\x80\x80", LOST LOST LOST); /* longer than it must be */
    lobass_tokenizer_free(tokenizer);
}

/* The space that a tokenizer puts before a text is dropped there, and nowhere else. */
static void test_beginning(void **state)
{
    (void)state;
    lobass_tokenizer *tokenizer = maker_load(&metaspace, "stream_metaspace");
    const int32_t space = id_of(tokenizer, SPACE_MARK);
    const int32_t letter = id_of(tokenizer, "a");
    const int32_t first_byte = id_of(tokenizer, "<0xC3>");
    const int32_t second_byte = id_of(tokenizer, "<0xA9>");
    const int32_t ids[] = {space, letter, space, first_byte, second_byte};
    static const char *const expected[] = {" a \xC3\xA9", "a \xC3\xA9"};
    for (int is_beginning = 0; is_beginning < 2; is_beginning++)
    {
        lb_text_stream stream = {.is_beginning = is_beginning != 0};
        for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        {
            assert_int_equal(LOBASS_OK, lb_text_stream_add(&stream, tokenizer, ids[i], NULL));
        }
        assert_string_equal(expected[is_beginning], stream.text.data);
        lb_text_stream_free(&stream);
    }
    lobass_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

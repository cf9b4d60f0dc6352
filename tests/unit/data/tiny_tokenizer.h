/* SPDX-License-Identifier: Apache-2.0
 *
 * A tokenizer for hand-worked examples, written into the build tree: byte-level BPE in which the id
 * of a byte is the byte itself, one merge (":" "T" -> 256), <s> = 257 and </s> = 258. There is no
 * pre-tokenisation, so only a forced split keeps the merge from happening.
 */
#ifndef TINY_TOKENIZER_H
#define TINY_TOKENIZER_H

#include "data/data.h"

enum
{
    TINY_MERGED = 256,
    TINY_BOS = 257,
    TINY_EOS = 258,
    TINY_VOCABULARY = 259
};

/* GPT-2's table: printable Latin-1 stands for itself, the rest are counted up from U+0100. */
static unsigned tiny_code_point(unsigned byte)
{
    unsigned next = 0x100;
    for (unsigned b = 0; b <= byte; b++)
    {
        const bool is_itself =
            (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
        if (b == byte)
        {
            return is_itself ? b : next;
        }
        next += !is_itself;
    }
    return next;
}

static void tiny_write(const char *folder, const char *name, const lb_buffer *text)
{
    lobass_error error = {0};
    char *path = lb_path_join(folder, name, &error);
    assert_non_null(path);
    assert_int_equal(lb_file_write(path, text->data, text->size, true, &error), LOBASS_OK);
    free(path);
}

/* NAME: a folder of its own for each kind. */
static inline lobass_tokenizer *tiny_tokenizer(const char *name, bool adds_bos, bool has_eos)
{
    lobass_error error = {0};
    lobass_tokenizer *tokenizer = NULL;
    lb_buffer text = {0};
    char *folder = lb_path_join(TEST_BINARY_DIR "/tests", name, &error);
    assert_non_null(folder);
    assert_int_equal(lb_folder_create(folder, &error), LOBASS_OK);

    (void)lb_buffer_print(&text, &error,
                          "{\"version\":\"1.0\",\"added_tokens\":["
                          "{\"id\":257,\"content\":\"<s>\",\"single_word\":false,\"lstrip\":false,"
                          "\"rstrip\":false,\"normalized\":false,\"special\":true},"
                          "{\"id\":258,\"content\":\"</s>\",\"single_word\":false,\"lstrip\":false,"
                          "\"rstrip\":false,\"normalized\":false,\"special\":true}],"
                          "\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\","
                          "\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":false},"
                          "\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\"},"
                          "\"model\":{\"type\":\"BPE\",\"merges\":[\": T\"],\"vocab\":{");
    for (unsigned byte = 0; byte < 256; byte++)
    {
        (void)lb_buffer_print(&text, &error, "\"\\u%04x\":%u,", tiny_code_point(byte), byte);
    }
    (void)lb_buffer_print(&text, &error, "\":T\":256,\"<s>\":257,\"</s>\":258}}}");
    tiny_write(folder, "tokenizer.json", &text);

    lb_buffer_clear(&text);
    (void)lb_buffer_print(&text, &error, "{\"bos_token\":\"<s>\",\"add_bos_token\":%s%s}",
                          adds_bos ? "true" : "false",
                          has_eos ? ",\"eos_token\":\"</s>\",\"add_eos_token\":true" : "");
    tiny_write(folder, "tokenizer_config.json", &text);
    lb_buffer_free(&text);
    if (lobass_tokenizer_load(&tokenizer, folder, &error) != LOBASS_OK)
    {
        fail_msg("%s", error.message);
    }
    free(folder);
    return tokenizer;
}

#endif

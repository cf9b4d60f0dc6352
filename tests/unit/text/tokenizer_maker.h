/* SPDX-License-Identifier: Apache-2.0
 *
 * Small tokenizers for tests: writes a tokenizer.json of either family from its interesting parts
 * and loads it. The vocabulary is <unk>, <s>, </s>, then the alphabet, then the result of each
 * merge; ids follow that order.
 */
#ifndef LB_TESTS_TOKENIZER_MAKER_H
#define LB_TESTS_TOKENIZER_MAKER_H

#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "text/tokenizer_private.h"

#define MAKER_FOLDER TEST_BINARY_DIR "/tests/text"

typedef enum alphabet
{
    ALPHABET_BYTES,     /* GPT-2's characters for all bytes */
    ALPHABET_LETTERS,   /* " ", "_", U+2581, a..z, A..Z, 0..9 and some punctuation */
    ALPHABET_FALLBACK,  /* the same and <0x00>..<0xFF> */
    ALPHABET_SOME_BYTES /* the same, but <0x80>..<0xFF> are missing */
} alphabet;

typedef struct tokenizer_spec
{
    alphabet alphabet;
    const char *merges;                                                /* "a b,ab c" */
    const char *normalizer, *pre_tokenizer, *post_processor, *decoder; /* JSON; NULL: null */
    const char *added;   /* JSON members of added_tokens, without brackets */
    const char *options; /* further members of the model: ", \"fuse_unk\": true" */
    const char *config;  /* tokenizer_config.json; NULL: none */
    bool writes_pairs;   /* merges as ["a", "b"] */
} tokenizer_spec;

#define LETTERS " _abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?'<>|\n"
#define SPACE_MARK "\xE2\x96\x81"

static inline void maker_entry(lb_buffer *json, int *id, const char *piece, size_t size)
{
    assert_int_equal(lb_buffer_print(json, NULL, "%s", *id == 0 ? "" : ", "), LOBASS_OK);
    assert_int_equal(lb_json_append_text(json, piece, size, NULL), LOBASS_OK);
    assert_int_equal(lb_buffer_print(json, NULL, ": %d", *id), LOBASS_OK);
    (*id)++;
}

static inline void maker_alphabet(lb_buffer *json, int *id, alphabet which)
{
    char text[16];
    const unsigned last_byte = which == ALPHABET_SOME_BYTES ? 0x7F : 0xFF;

    for (unsigned byte = 0; byte < 256 && which == ALPHABET_BYTES; byte++)
    {
        maker_entry(json, id, text, lb_utf8_encode(text, lb_byte_to_char((uint8_t)byte)));
    }
    if (which == ALPHABET_BYTES)
    {
        return;
    }
    for (const char *letter = LETTERS; *letter != '\0'; letter++)
    {
        maker_entry(json, id, letter, 1);
    }
    maker_entry(json, id, SPACE_MARK, 3);
    for (unsigned byte = 0; byte <= last_byte && which != ALPHABET_LETTERS; byte++)
    {
        (void)snprintf(text, sizeof text, "<0x%02X>", byte);
        maker_entry(json, id, text, strlen(text));
    }
}

/* Results of merges go to VOCAB, the merges to LIST; each "a b" ends at a comma. */
static inline void maker_merges(lb_buffer *vocab, lb_buffer *list, int *id,
                                const tokenizer_spec *spec)
{
    const char *at = spec->merges == NULL ? "" : spec->merges;

    while (*at != '\0')
    {
        char left[64];
        char right[64];
        char result[128];
        const size_t size = strcspn(at, ",");
        const size_t space = strcspn(at, " ");
        (void)snprintf(left, sizeof left, "%.*s", (int)space, at);
        (void)snprintf(right, sizeof right, "%.*s", (int)(size - space - 1), at + space + 1);
        (void)snprintf(result, sizeof result, "%s%s", left, right);
        maker_entry(vocab, id, result, strlen(result));
        assert_int_equal(lb_buffer_print(list, NULL,
                                         spec->writes_pairs ? "%s[\"%s\", \"%s\"]" : "%s\"%s %s\"",
                                         list->size == 0 ? "" : ", ", left, right),
                         LOBASS_OK);
        at += size + (at[size] == ',' ? 1 : 0);
    }
}

static inline const char *maker_part(const char *json)
{
    return json == NULL ? "null" : json;
}

/* Writes NAME/tokenizer.json (and the configuration) below the build folder; its path in FOLDER. */
static inline void maker_write(const tokenizer_spec *spec, const char *name, char folder[512])
{
    lb_buffer vocab = {0};
    lb_buffer merges = {0};
    lb_buffer json = {0};
    char path[600];
    int id = 0;

    maker_entry(&vocab, &id, "<unk>", 5);
    maker_entry(&vocab, &id, "<s>", 3);
    maker_entry(&vocab, &id, "</s>", 4);
    maker_alphabet(&vocab, &id, spec->alphabet);
    maker_merges(&vocab, &merges, &id, spec);
    assert_int_equal(
        lb_buffer_print(&json, NULL,
                        "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, "
                        "\"added_tokens\": [%s], \"normalizer\": %s, \"pre_tokenizer\": %s, "
                        "\"post_processor\": %s, \"decoder\": %s, \"model\": {\"type\": \"BPE\", "
                        "\"vocab\": {%s}, \"merges\": [%s]%s}}\n",
                        spec->added == NULL ? "" : spec->added, maker_part(spec->normalizer),
                        maker_part(spec->pre_tokenizer), maker_part(spec->post_processor),
                        maker_part(spec->decoder), vocab.data,
                        merges.data == NULL ? "" : merges.data,
                        spec->options == NULL ? "" : spec->options),
        LOBASS_OK);
    (void)snprintf(folder, 512, "%s/%s", MAKER_FOLDER, name);
    assert_int_equal(lb_folder_create(folder, NULL), LOBASS_OK);
    (void)snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    assert_int_equal(lb_file_write(path, json.data, json.size, true, NULL), LOBASS_OK);
    (void)snprintf(path, sizeof path, "%s/tokenizer_config.json", folder);
    (void)remove(path);
    if (spec->config != NULL)
    {
        assert_int_equal(lb_file_write(path, spec->config, strlen(spec->config), true, NULL),
                         LOBASS_OK);
    }
    lb_buffer_free(&vocab);
    lb_buffer_free(&merges);
    lb_buffer_free(&json);
}

static inline lobass_tokenizer *maker_load(const tokenizer_spec *spec, const char *name)
{
    lobass_tokenizer *tokenizer = NULL;
    lobass_error error = {LOBASS_OK, ""};
    char folder[512];

    maker_write(spec, name, folder);
    if (lobass_tokenizer_load(&tokenizer, folder, &error) != LOBASS_OK)
    {
        fail_msg("%s: %s", name, error.message);
    }
    return tokenizer;
}

/* The pieces of IDS with a "|" between them. */
static inline void pieces_of(const lobass_tokenizer *tokenizer, const int32_t *ids, size_t n_ids,
                             lb_buffer *pieces)
{
    lb_buffer_clear(pieces);
    assert_int_equal(lb_buffer_append(pieces, "", 0, NULL), LOBASS_OK);
    for (size_t i = 0; i < n_ids; i++)
    {
        assert_int_equal(lb_buffer_print(pieces, NULL, "%s%s", i == 0 ? "" : "|",
                                         lobass_tokenizer_piece(tokenizer, ids[i])),
                         LOBASS_OK);
    }
}

#endif

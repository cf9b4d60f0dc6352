/* SPDX-License-Identifier: Apache-2.0
 *
 * Made demo/tokenizer.json: byte pair encoding over bytes (Sennrich et al. 2016; bytes written as
 * in GPT-2), trained on the strings of JSON Lines files. A text is cut in words: a run of letters,
 * of digits or of other signs, each with the space before it. The pair of neighbours that is most
 * frequent over all words is merged, again and again, ties going to the pair with smaller numbers.
 * Token 0 is <|end|>, the end of a text; then come the 256 bytes; then the merges.
 *
 *   make_tokenizer SIZE FILE.jsonl... >tokenizer.json
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define N_BYTES 256
#define FIRST_BYTE 1 /* token of byte 0 */
#define FIRST_MERGE (FIRST_BYTE + N_BYTES)
#define SIZE_MOST 8192
#define WORD_MOST 64
#define N_WORDS_MOST 65536
#define PIECE_SIZE 512

typedef struct word
{
    uint16_t tokens[WORD_MOST];
    size_t n_tokens;
    unsigned long count;
} word;

typedef struct trainer
{
    word *words; /* [n_words] */
    size_t n_words;
    size_t size; /* of the vocabulary that is wanted */
    char pieces[SIZE_MOST][PIECE_SIZE];
    uint16_t merges[SIZE_MOST][2];
    size_t n_tokens;
} trainer;

static void fail(const char *what)
{
    (void)fprintf(stderr, "make_tokenizer: %s\n", what);
    exit(EXIT_FAILURE);
}

/* ---- words ------------------------------------------------------------------------------------
 */

static void word_count(trainer *t, const char *text, size_t size)
{
    word made = {.n_tokens = size, .count = 1};
    if (size > WORD_MOST)
    {
        return;
    }
    for (size_t i = 0; i < size; ++i)
    {
        made.tokens[i] = (uint16_t)(FIRST_BYTE + (unsigned char)text[i]);
    }
    for (size_t i = 0; i < t->n_words; ++i)
    {
        word *known = &t->words[i];
        if (known->n_tokens == size &&
            memcmp(known->tokens, made.tokens, size * sizeof made.tokens[0]) == 0)
        {
            known->count++;
            return;
        }
    }
    if (t->n_words == N_WORDS_MOST)
    {
        fail("too many words");
    }
    t->words[t->n_words++] = made;
}

static int sign_class(char sign)
{
    const unsigned char byte = (unsigned char)sign;
    if (isspace(byte))
    {
        return 0;
    }
    return isalpha(byte) ? 1 : isdigit(byte) ? 2 : 3;
}

static void text_count(trainer *t, const char *text)
{
    size_t start = 0;
    while (text[start] != '\0')
    {
        size_t end = start;
        if (text[end] == ' ' && text[end + 1] != '\0')
        {
            ++end;
        }
        const int class = sign_class(text[end]);
        do
        {
            ++end;
        } while (text[end] != '\0' && class != 0 && sign_class(text[end]) == class);
        word_count(t, text + start, end - start);
        start = end;
    }
}

static void file_count(trainer *t, const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
    {
        fail(strerror(errno));
    }
    json_t *record = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL);
    for (; record != NULL; record = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL))
    {
        const char *key = NULL;
        json_t *value = NULL;
        json_object_foreach(record, key, value)
        {
            if (json_is_string(value) && strcmp(key, "kind") != 0)
            {
                text_count(t, json_string_value(value));
                text_count(t, "\n");
            }
        }
        json_decref(record);
    }
    (void)fclose(file);
}

/* ---- merges ------------------------------------------------------------------------------------
 */

/* The most frequent pair; false when no pair stands twice. */
static bool pair_find(const trainer *t, unsigned long *counts /* [size, size] */, uint16_t pair[2])
{
    unsigned long most = 1;
    memset(counts, 0, t->size * t->size * sizeof *counts);
    for (size_t i = 0; i < t->n_words; ++i)
    {
        const word *w = &t->words[i];
        for (size_t j = 0; j + 1 < w->n_tokens; ++j)
        {
            counts[w->tokens[j] * t->size + w->tokens[j + 1]] += w->count;
        }
    }
    for (size_t i = 0; i < t->size * t->size; ++i)
    {
        if (counts[i] > most)
        {
            most = counts[i];
            pair[0] = (uint16_t)(i / t->size);
            pair[1] = (uint16_t)(i % t->size);
        }
    }
    return most > 1;
}

static void pair_merge(trainer *t, const uint16_t pair[2])
{
    const uint16_t made = (uint16_t)t->n_tokens;
    const size_t first_size = strlen(t->pieces[pair[0]]);
    const size_t second_size = strlen(t->pieces[pair[1]]);
    if (first_size + second_size >= PIECE_SIZE)
    {
        fail("a piece is too long");
    }
    memcpy(t->pieces[made], t->pieces[pair[0]], first_size);
    memcpy(t->pieces[made] + first_size, t->pieces[pair[1]], second_size);
    memcpy(t->merges[made], pair, sizeof t->merges[made]);
    t->n_tokens++;
    for (size_t i = 0; i < t->n_words; ++i)
    {
        word *w = &t->words[i];
        size_t n_kept = 0;
        for (size_t j = 0; j < w->n_tokens; ++j)
        {
            const bool is_pair =
                j + 1 < w->n_tokens && w->tokens[j] == pair[0] && w->tokens[j + 1] == pair[1];
            w->tokens[n_kept++] = is_pair ? made : w->tokens[j];
            j += is_pair ? 1 : 0;
        }
        w->n_tokens = n_kept;
    }
}

/* GPT-2's writing of bytes: printable ones as themselves, the others as signs from U+0100 on. */
static void bytes_name(trainer *t)
{
    unsigned next = N_BYTES;
    (void)strcpy(t->pieces[0], "<|end|>");
    for (unsigned byte = 0; byte < N_BYTES; ++byte)
    {
        const bool is_printable =
            (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
        const unsigned sign = is_printable ? byte : next++;
        char *piece = t->pieces[FIRST_BYTE + byte];
        if (sign < 0x80)
        {
            piece[0] = (char)sign;
        }
        else
        {
            piece[0] = (char)(0xc0 | sign >> 6);
            piece[1] = (char)(0x80 | (sign & 0x3f));
        }
    }
    t->n_tokens = FIRST_MERGE;
}

/* ---- the file -----------------------------------------------------------------------------------
 */

static json_t *vocabulary_make(const trainer *t)
{
    json_t *vocabulary = json_object();
    for (size_t i = 0; i < t->n_tokens; ++i)
    {
        json_object_set_new(vocabulary, t->pieces[i], json_integer((json_int_t)i));
    }
    return vocabulary;
}

static json_t *merges_make(const trainer *t)
{
    json_t *merges = json_array();
    for (size_t i = FIRST_MERGE; i < t->n_tokens; ++i)
    {
        json_array_append_new(
            merges, json_sprintf("%s %s", t->pieces[t->merges[i][0]], t->pieces[t->merges[i][1]]));
    }
    return merges;
}

static int tokenizer_write(const trainer *t)
{
    json_t *file = json_pack(
        "{s:s, s:n, s:n, s:[{s:i, s:s, s:b, s:b, s:b, s:b, s:b}], s:n, s:{s:s, s:b, s:b, s:b},"
        " s:n, s:{s:s, s:b, s:b, s:b}, s:{s:s, s:n, s:n, s:s, s:s, s:b, s:b, s:o, s:o}}",
        "version", "1.0", "truncation", "padding", "added_tokens", "id", 0, "content", t->pieces[0],
        "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0, "special", 1, "normalizer",
        "pre_tokenizer", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 0, "use_regex",
        1, "post_processor", "decoder", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets",
        0, "use_regex", 1, "model", "type", "BPE", "dropout", "unk_token",
        "continuing_subword_prefix", "", "end_of_word_suffix", "", "fuse_unk", 0, "byte_fallback",
        0, "vocab", vocabulary_make(t), "merges", merges_make(t));
    const int result = file == NULL ? -1 : json_dumpf(file, stdout, JSON_INDENT(1));
    json_decref(file);
    return result == 0 && fputc('\n', stdout) != EOF ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static trainer t;
    if (argc < 3)
    {
        (void)fprintf(stderr, "usage: make_tokenizer SIZE FILE.jsonl... >tokenizer.json\n");
        return 2;
    }
    t.size = strtoul(argv[1], NULL, 10);
    if (t.size <= FIRST_MERGE || t.size > SIZE_MOST)
    {
        fail("SIZE: expected a number from 258 to 8192");
    }
    unsigned long *counts = malloc(t.size * t.size * sizeof *counts);
    t.words = malloc(N_WORDS_MOST * sizeof *t.words);
    if (counts == NULL || t.words == NULL)
    {
        fail("out of memory");
    }
    bytes_name(&t);
    for (int i = 2; i < argc; ++i)
    {
        file_count(&t, argv[i]);
    }
    uint16_t pair[2] = {0, 0};
    while (t.n_tokens < t.size && pair_find(&t, counts, pair))
    {
        pair_merge(&t, pair);
    }
    free(t.words);
    free(counts);
    return tokenizer_write(&t);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a tokenizer.json from text: byte pair encoding over bytes (Sennrich et al. 2016; bytes
 * written as in GPT-2). What cuts a text into words is the pre-tokenizer of the file that is made,
 * run by the library itself, so that words are counted as they will be encoded. The pair of
 * neighbours that is most frequent over all words is merged, again and again, until the vocabulary
 * is full or no pair stands twice; of equally frequent pairs the one with the smaller left, then
 * right number goes first. Token 0 is <|end|>, the end of a text; then come the 256 bytes; then the
 * merges.
 *
 *   make_tokenizer SIZE FILE... >tokenizer.json
 *
 * FILE: JSON Lines or a JSON array (.jsonl, .json; records of any format that lobass reads, of
 * which only the texts count), else plain text, whose line ends CR LF count as LF; each also as .gz
 * or .zst. "-" is standard input, as plain text. demo/base/tokenizer.json is the result of
 *
 *   build/make_tokenizer 4096 ../shared/data/corpora/novels.txt.zst \
 *       ../shared/data/corpora/t0_55k.jsonl.zst >demo/base/tokenizer.json
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/data.h"
#include "format/stream.h"
#include "text/tokenizer_private.h"

#define END_PIECE "<|end|>"
#define END_MARK "<|endoftext|>" /* what others wrote for the end of a text: not part of it */
#define FIRST_BYTE 1             /* token of byte 0 */
#define FIRST_MERGE (FIRST_BYTE + LB_N_BYTES)
#define SIZE_MOST 65536
#define TEXT_BYTES ((size_t)1 << 20) /* of plain text read at once */
#define NONE UINT32_MAX

/* All but vocabulary and merges. Words are GPT-2's, but that digits stand one by one. */
static const char frame[] =
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[{\"id\":0,"
    "\"content\":\"" END_PIECE "\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
    "\"normalized\":false,\"special\":true}],\"normalizer\":null,"
    "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":["
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"'s|'t|'re|'ve|'m|'ll|'d| ?\\\\p{L}+| ?\\\\p{N}"
    "| ?[^\\\\s\\\\p{L}\\\\p{N}]+|\\\\s+(?!\\\\S)|\\\\s+\"},\"behavior\":\"Isolated\","
    "\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":false,"
    "\"use_regex\":false}]},\"post_processor\":null,"
    "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":false,"
    "\"use_regex\":true},\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,"
    "\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,\"fuse_unk\":false,"
    "\"byte_fallback\":false}}";

typedef struct word
{
    size_t at;       /* of its bytes in texts, and of its tokens */
    size_t n_tokens; /* before pairs are counted: of bytes */
    uint64_t count;
} word;

typedef struct pair
{
    int32_t left, right;
    uint32_t *words; /* in which it stands or once stood */
    size_t n_words, capacity;
} pair;

/* Numbers by hash, open addressing, linear probing. */
typedef struct table
{
    uint32_t *slots; /* [n_slots] NONE: free */
    size_t n_slots;  /* a power of two, 0 at first */
} table;

typedef struct trainer
{
    size_t size; /* of the vocabulary that is wanted */
    lb_arena arena;
    lb_scratch scratch;
    lb_pre_tokenizers cutter;
    lb_buffer texts; /* of all words, one after another */
    word *words;
    size_t n_words, word_capacity;
    table word_table;
    int32_t *tokens; /* [texts.size] */
    pair *pairs;
    uint64_t *counts; /* of the pairs */
    size_t n_pairs, pair_capacity, count_capacity;
    table pair_table;
    const char **pieces; /* [size] */
    int32_t (*merges)[2];
    size_t n_tokens;
    lobass_error *error;
} trainer;

/* ---- tables ------------------------------------------------------------------------------------
 */

typedef uint64_t (*hash_function)(const trainer *t, uint32_t number);

static uint64_t word_hash(const trainer *t, uint32_t number)
{
    const word *w = &t->words[number];
    return lb_hash_bytes(t->texts.data + w->at, w->n_tokens, 0).low;
}

static uint64_t pair_hash(const trainer *t, uint32_t number)
{
    const int32_t sides[2] = {t->pairs[number].left, t->pairs[number].right};
    return lb_hash_bytes(sides, sizeof sides, 0).low;
}

/* Keeps the table of the numbers below COUNT at most half full once one more is in it. */
static lobass_status table_reserve(const trainer *t, table *numbers, size_t count,
                                   hash_function hash)
{
    if (2 * (count + 1) <= numbers->n_slots)
    {
        return LOBASS_OK;
    }
    const size_t n_slots = numbers->n_slots == 0 ? 1024 : 2 * numbers->n_slots;
    uint32_t *slots = lb_alloc(n_slots, sizeof *slots, t->error);
    if (slots == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    memset(slots, 0xff, n_slots * sizeof *slots);
    for (uint32_t number = 0; number < count; number++)
    {
        size_t slot = hash(t, number) & (n_slots - 1);
        while (slots[slot] != NONE)
        {
            slot = (slot + 1) & (n_slots - 1);
        }
        slots[slot] = number;
    }
    free(numbers->slots);
    *numbers = (table){slots, n_slots};
    return LOBASS_OK;
}

/* ---- words -------------------------------------------------------------------------------------
 */

/* Counts one more of a word. */
static lobass_status word_count(trainer *t, const char *text, size_t size)
{
    LB_TRY(table_reserve(t, &t->word_table, t->n_words, word_hash));
    size_t slot = lb_hash_bytes(text, size, 0).low & (t->word_table.n_slots - 1);
    for (; t->word_table.slots[slot] != NONE; slot = (slot + 1) & (t->word_table.n_slots - 1))
    {
        word *known = &t->words[t->word_table.slots[slot]];
        if (known->n_tokens == size && memcmp(t->texts.data + known->at, text, size) == 0)
        {
            known->count++;
            return LOBASS_OK;
        }
    }
    void *words = t->words;
    LB_TRY(lb_list_reserve(&words, &t->word_capacity, t->n_words + 1, sizeof *t->words, t->error));
    t->words = words;
    t->words[t->n_words] = (word){t->texts.size, size, 1};
    LB_TRY(lb_buffer_append(&t->texts, text, size, t->error));
    t->word_table.slots[slot] = (uint32_t)t->n_words++;
    return LOBASS_OK;
}

/* Counts the words of TEXT (valid UTF-8). */
static lobass_status words_count(trainer *t, const char *text, size_t size)
{
    const lb_scope scope = {.takes_prefix = true, .is_origin = true};
    const lb_words *words = NULL;
    lb_view view = {text, size, NULL};
    LB_TRY(lb_pre_tokenizers_apply(&t->cutter, &t->scratch, view, scope, &view, &words, t->error));
    for (size_t i = 0; i < words->count; i++)
    {
        const lb_range range = words->ranges[i];
        LB_TRY(word_count(t, view.data + range.from, range.to - range.from));
    }
    return LOBASS_OK;
}

/* The same for text that may hold marks of its end. */
static lobass_status text_count(trainer *t, const char *text, size_t size)
{
    const size_t mark_size = strlen(END_MARK);
    const char *mark = NULL;
    while (size > 0 && (mark = memmem(text, size, END_MARK, mark_size)) != NULL)
    {
        LB_TRY(words_count(t, text, (size_t)(mark - text)));
        size -= (size_t)(mark - text) + mark_size;
        text = mark + mark_size;
    }
    return size == 0 ? LOBASS_OK : words_count(t, text, size);
}

/* ---- files -------------------------------------------------------------------------------------
 */

/* Counts the texts of records; what else a record holds is no text of theirs. */
static lobass_status records_count(trainer *t, const char *path)
{
    lb_record_reader *reader = NULL;
    lb_arena arena = {0};
    lobass_error reason = {0};
    bool has_record = false;
    lobass_status status = lb_record_reader_open(&reader, path, t->error);
    while (status == LOBASS_OK)
    {
        lb_record record;
        lb_conversation said;
        LB_TRY_GOTO(lb_record_reader_next(reader, &record, &has_record, t->error));
        if (!has_record)
        {
            break;
        }
        lb_arena_reset(&arena);
        status = lb_conversation_parse(&said, record.data, record.size, NULL, &arena, &reason);
        if (status != LOBASS_OK)
        {
            (void)lb_fail(t->error, status, "%s:%" PRIu64 ": %s", path, record.line,
                          reason.message);
        }
        for (size_t i = 0; status == LOBASS_OK && i < said.n_messages; i++)
        {
            const lb_message *message = &said.messages[i];
            LB_TRY_GOTO(text_count(t, message->text, message->size));
            LB_TRY_GOTO(text_count(t, message->input, message->input_size));
        }
    }
done:
    lb_record_reader_close(reader);
    lb_arena_free(&arena);
    return status;
}

/* How much of TEXT ends where a word ends whatever follows: in front of the last line end that
 * stands behind a visible ASCII character. 0: nowhere. */
static size_t whole_words(const lb_buffer *text)
{
    size_t at = text->size;
    while (at > 1)
    {
        at--;
        const char before = text->data[at - 1];
        if (text->data[at] == '\n' && before > ' ' && before <= '~')
        {
            return at;
        }
    }
    return 0;
}

/* Line ends CR LF of what stands from FROM on become LF. */
static void unify_line_ends(lb_buffer *text, size_t from)
{
    size_t n_kept = from > 0 ? from - 1 : 0; /* a CR may have waited for its LF */
    for (size_t i = n_kept; i < text->size; i++)
    {
        const bool is_dropped =
            text->data[i] == '\r' && i + 1 < text->size && text->data[i + 1] == '\n';
        text->data[n_kept] = text->data[i];
        n_kept += is_dropped ? 0 : 1;
    }
    text->size = n_kept;
}

static lobass_status plain_text_count(trainer *t, const char *path)
{
    lb_stream *stream = NULL;
    lb_buffer text = {0};
    lb_buffer valid = {0};
    size_t n_read = 1;
    lobass_status status = lb_stream_open(&stream, path, t->error);
    while (status == LOBASS_OK && n_read > 0)
    {
        LB_TRY_GOTO(lb_buffer_reserve(&text, TEXT_BYTES, t->error));
        LB_TRY_GOTO(lb_stream_read(stream, text.data + text.size, TEXT_BYTES, &n_read, t->error));
        text.size += n_read;
        unify_line_ends(&text, text.size - n_read);
        const size_t size = n_read == 0 ? text.size : whole_words(&text);
        lb_buffer_clear(&valid);
        LB_TRY_GOTO(lb_utf8_append_lossy(&valid, text.data, size, t->error));
        LB_TRY_GOTO(text_count(t, valid.data, valid.size));
        memmove(text.data, text.data + size, text.size - size);
        text.size -= size;
    }
done:
    lb_stream_close(stream);
    lb_buffer_free(&text);
    lb_buffer_free(&valid);
    return status;
}

static bool ends_in(const char *text, size_t size, const char *end)
{
    const size_t end_size = strlen(end);
    return size >= end_size && memcmp(text + size - end_size, end, end_size) == 0;
}

static lobass_status file_count(trainer *t, const char *path)
{
    size_t size = strlen(path);
    size -= ends_in(path, size, ".zst") ? 4 : ends_in(path, size, ".gz") ? 3 : 0;
    const bool has_records = ends_in(path, size, ".jsonl") || ends_in(path, size, ".json");
    return has_records ? records_count(t, path) : plain_text_count(t, path);
}

/* ---- pairs -------------------------------------------------------------------------------------
 */

/* The number of a pair, which is made where there is none yet. */
static lobass_status pair_find(trainer *t, int32_t left, int32_t right, uint32_t *found)
{
    const int32_t sides[2] = {left, right};
    LB_TRY(table_reserve(t, &t->pair_table, t->n_pairs, pair_hash));
    size_t slot = lb_hash_bytes(sides, sizeof sides, 0).low & (t->pair_table.n_slots - 1);
    for (; t->pair_table.slots[slot] != NONE; slot = (slot + 1) & (t->pair_table.n_slots - 1))
    {
        *found = t->pair_table.slots[slot];
        if (t->pairs[*found].left == left && t->pairs[*found].right == right)
        {
            return LOBASS_OK;
        }
    }
    void *pairs = t->pairs;
    void *counts = t->counts;
    LB_TRY(lb_list_reserve(&pairs, &t->pair_capacity, t->n_pairs + 1, sizeof *t->pairs, t->error));
    t->pairs = pairs;
    LB_TRY(
        lb_list_reserve(&counts, &t->count_capacity, t->n_pairs + 1, sizeof *t->counts, t->error));
    t->counts = counts;
    *found = (uint32_t)t->n_pairs++;
    t->pairs[*found] = (pair){.left = left, .right = right};
    t->counts[*found] = 0;
    t->pair_table.slots[slot] = *found;
    return LOBASS_OK;
}

/* Adds COUNT (modulo 2^64: negative ones too) to the pairs of a word, and enters the word in the
 * lists of those that hold a token from NEW on. */
static lobass_status word_add(trainer *t, uint32_t number, uint64_t count, int32_t new)
{
    const word *w = &t->words[number];
    const int32_t *tokens = t->tokens + w->at;
    for (size_t i = 0; i + 1 < w->n_tokens; i++)
    {
        uint32_t found = 0;
        LB_TRY(pair_find(t, tokens[i], tokens[i + 1], &found));
        t->counts[found] += count;
        pair *p = &t->pairs[found];
        if ((p->left < new && p->right < new) ||
            (p->n_words > 0 && p->words[p->n_words - 1] == number))
        {
            continue;
        }
        void *words = p->words;
        LB_TRY(lb_list_reserve(&words, &p->capacity, p->n_words + 1, sizeof *p->words, t->error));
        p->words = words;
        p->words[p->n_words++] = number;
    }
    return LOBASS_OK;
}

static lobass_status pairs_count(trainer *t)
{
    t->tokens = lb_alloc(t->texts.size, sizeof *t->tokens, t->error);
    if (t->tokens == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < t->texts.size; i++)
    {
        t->tokens[i] = FIRST_BYTE + (unsigned char)t->texts.data[i];
    }
    for (uint32_t number = 0; number < t->n_words; number++)
    {
        LB_TRY(word_add(t, number, t->words[number].count, 0));
    }
    return LOBASS_OK;
}

/* The most frequent pair; NONE when no pair stands twice. */
static uint32_t most_frequent(const trainer *t)
{
    uint32_t best = NONE;
    uint64_t most = 2;
    for (uint32_t i = 0; i < t->n_pairs; i++)
    {
        if (t->counts[i] < most)
        {
            continue;
        }
        const pair *p = &t->pairs[i];
        if (best == NONE || t->counts[i] > most || p->left < t->pairs[best].left ||
            (p->left == t->pairs[best].left && p->right < t->pairs[best].right))
        {
            best = i;
            most = t->counts[i];
        }
    }
    return best;
}

static void word_merge(trainer *t, word *w, const int32_t sides[2], int32_t made)
{
    int32_t *tokens = t->tokens + w->at;
    size_t n_kept = 0;
    for (size_t i = 0; i < w->n_tokens; i++)
    {
        const bool is_pair =
            i + 1 < w->n_tokens && tokens[i] == sides[0] && tokens[i + 1] == sides[1];
        tokens[n_kept++] = is_pair ? made : tokens[i];
        i += is_pair ? 1 : 0;
    }
    w->n_tokens = n_kept;
}

/* Makes a token of a pair and puts it into the words that hold it: their old pairs are taken off
 * the counts, the new ones added. */
static lobass_status pair_merge(trainer *t, uint32_t number)
{
    pair p = t->pairs[number];
    lobass_status status = LOBASS_OK;
    const int32_t made = (int32_t)t->n_tokens;
    int32_t *sides = t->merges[made];
    lb_buffer piece = {0};
    sides[0] = p.left;
    sides[1] = p.right;
    t->pairs[number] = (pair){.left = p.left, .right = p.right};
    LB_TRY_GOTO(lb_buffer_append_text(&piece, t->pieces[p.left], t->error));
    LB_TRY_GOTO(lb_buffer_append_text(&piece, t->pieces[p.right], t->error));
    t->pieces[made] = lb_arena_text(&t->arena, piece.data, piece.size, t->error);
    status = t->pieces[made] == NULL ? LOBASS_OUT_OF_MEMORY : LOBASS_OK;
    t->n_tokens++;
    for (size_t i = 0; status == LOBASS_OK && i < p.n_words; i++)
    {
        word *w = &t->words[p.words[i]];
        LB_TRY_GOTO(word_add(t, p.words[i], -w->count, INT32_MAX));
        word_merge(t, w, sides, made);
        LB_TRY_GOTO(word_add(t, p.words[i], w->count, made));
    }
done:
    free(p.words);
    lb_buffer_free(&piece);
    return status;
}

/* ---- the whole ---------------------------------------------------------------------------------
 */

static lobass_status trainer_begin(trainer *t, const json_t *file)
{
    const lb_loader loader = {&t->arena, "make_tokenizer"};
    t->pieces = lb_alloc(t->size, sizeof *t->pieces, t->error);
    t->merges = lb_alloc(t->size, sizeof *t->merges, t->error);
    if (t->pieces == NULL || t->merges == NULL)
    {
        return LOBASS_OUT_OF_MEMORY;
    }
    t->pieces[0] = END_PIECE;
    for (unsigned byte = 0; byte < LB_N_BYTES; byte++)
    {
        char name[LB_UTF8_MAX];
        const size_t size = lb_utf8_encode(name, lb_byte_to_char((uint8_t)byte));
        t->pieces[FIRST_BYTE + byte] = lb_arena_text(&t->arena, name, size, t->error);
        if (t->pieces[FIRST_BYTE + byte] == NULL)
        {
            return LOBASS_OUT_OF_MEMORY;
        }
    }
    t->n_tokens = FIRST_MERGE;
    LB_TRY(lb_scratch_init(&t->scratch, t->error));
    return lb_pre_tokenizers_load(&t->cutter, &loader, file, t->error);
}

static void trainer_free(trainer *t)
{
    for (size_t i = 0; i < t->n_pairs; i++)
    {
        free(t->pairs[i].words);
    }
    free(t->pairs);
    free(t->counts);
    free(t->pair_table.slots);
    free(t->words);
    free(t->word_table.slots);
    free(t->tokens);
    free(t->pieces);
    free(t->merges);
    lb_buffer_free(&t->texts);
    lb_pre_tokenizers_free(&t->cutter);
    lb_scratch_free(&t->scratch);
    lb_arena_free(&t->arena);
}

static lobass_status train(trainer *t, const json_t *file, char **paths, int n_paths)
{
    LB_TRY(trainer_begin(t, file));
    for (int i = 0; i < n_paths; i++)
    {
        LB_TRY(file_count(t, paths[i]));
    }
    LB_TRY(pairs_count(t));
    uint32_t best = most_frequent(t);
    for (; t->n_tokens < t->size && best != NONE; best = most_frequent(t))
    {
        LB_TRY(pair_merge(t, best));
    }
    return LOBASS_OK;
}

static lobass_status tokenizer_write(const trainer *t, json_t *file)
{
    json_t *model = json_object_get(file, "model");
    json_t *vocabulary = json_object();
    json_t *merges = json_array();
    for (size_t i = 0; i < t->n_tokens; i++)
    {
        json_object_set_new(vocabulary, t->pieces[i], json_integer((json_int_t)i));
    }
    for (size_t i = FIRST_MERGE; i < t->n_tokens; i++)
    {
        json_array_append_new(
            merges, json_sprintf("%s %s", t->pieces[t->merges[i][0]], t->pieces[t->merges[i][1]]));
    }
    if (json_object_set_new(model, "vocab", vocabulary) != 0 ||
        json_object_set_new(model, "merges", merges) != 0 ||
        json_object_size(vocabulary) != t->n_tokens ||
        json_array_size(merges) != t->n_tokens - FIRST_MERGE)
    {
        return lb_fail_memory(t->error, t->n_tokens);
    }
    return json_dumpf(file, stdout, JSON_COMPACT) == 0 && fputc('\n', stdout) != EOF &&
                   fflush(stdout) == 0
               ? LOBASS_OK
               : lb_fail_errno(t->error, "standard output", "write");
}

int main(int argc, char **argv)
{
    lobass_error error = {0};
    trainer t = {.error = &error};
    char *end = NULL;
    const unsigned long size = argc < 3 ? 0 : strtoul(argv[1], &end, 10);
    if (argc < 3)
    {
        (void)fprintf(stderr, "usage: make_tokenizer SIZE FILE... >tokenizer.json\n");
        return 2;
    }
    if (*end != '\0' || size <= FIRST_MERGE || size > SIZE_MOST)
    {
        (void)fprintf(stderr,
                      "make_tokenizer: SIZE: expected a number from %d to %d, found \"%s\"\n",
                      FIRST_MERGE + 1, SIZE_MOST, argv[1]);
        return 2;
    }
    t.size = size;
    json_t *file = NULL;
    lobass_status status = lb_json_parse(&file, frame, strlen(frame), "make_tokenizer", &error);
    status = status == LOBASS_OK ? train(&t, file, argv + 2, argc - 2) : status;
    status = status == LOBASS_OK ? tokenizer_write(&t, file) : status;
    if (status != LOBASS_OK)
    {
        (void)fprintf(stderr, "make_tokenizer: %s\n", error.message);
    }
    trainer_free(&t);
    json_decref(file);
    return status == LOBASS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

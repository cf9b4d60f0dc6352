/* SPDX-License-Identifier: Apache-2.0
 *
 * L2. Text <-> token ids: tokenizer.json of type BPE (byte-level: GPT-2, Llama 3; SentencePiece
 * style with byte fallback: Llama 2, Mistral). The public functions lobass_tokenizer_* live here.
 */
#ifndef LB_TEXT_H
#define LB_TEXT_H

#include "base/base.h"

bool lb_char_is_space(uint32_t code_point); /* White_Space (unicode.c) */

/* Growable token ids; {0} is a valid empty list. */
typedef struct lb_ids
{
    int32_t *values;
    size_t count, capacity;
} lb_ids;

lobass_status lb_ids_append(lb_ids *ids, int32_t id, lobass_error *error);
lobass_status lb_ids_append_list(lb_ids *ids, const int32_t *values, size_t count,
                                 lobass_error *error);
bool lb_ids_contain(const lb_ids *ids, int32_t id);
void lb_ids_free(lb_ids *ids);

/* Scratch of one encoding thread: the word cache and merge buffers. A tokenizer is read-only after
 * loading and is shared by any number of encoders. */
typedef struct lb_encoder lb_encoder;

/* A stretch of a text, in bytes. */
typedef struct lb_stretch
{
    size_t start, end;
} lb_stretch;

/* TAKES_SPECIAL: a special token's name in a text is that token, as the Hugging Face library has it
 * by default. False, for text that nobody vouches for: it is spelt out like any other word
 * (encode_special_tokens of that library), so that a record cannot forge an end of text. Added
 * tokens that are not special are recognised in both. */
lobass_status lb_encoder_create(lb_encoder **encoder, const lobass_tokenizer *tokenizer,
                                bool takes_special, lobass_error *error);
void lb_encoder_free(lb_encoder *encoder);
/* The texts to come are not vouched for in these stretches of them, [N_LITERALS], ascending: a
 * special token's name that has a byte in one is spelt out, and elsewhere too unless TAKES_SPECIAL.
 * Borrowed until they are set again. */
void lb_encoder_set_literals(lb_encoder *encoder, bool takes_special, const lb_stretch *literals,
                             size_t n_literals);
/* How many names of special tokens the latest encoding spelt out in them. */
size_t lb_encoder_count_spelt(const lb_encoder *encoder);

/* An added token that the latest encoding found in its text as it stands. */
typedef struct lb_added_place
{
    size_t n_before; /* tokens of that encoding before it */
    size_t start, end;
} lb_added_place;

/* In the order of the text; live until the next encoding. Tokens that are looked for in the
 * normalised text are not among them, nor those of a joint encoding. */
const lb_added_place *lb_encoder_added(const lb_encoder *encoder, size_t *n_places);

/* Appends the ids of TEXT (valid UTF-8) to IDS; no special tokens are added. SPLITS, ascending byte
 * offsets in [0, size_bytes], are edges that no token straddles: every piece between two edges is
 * encoded as it would be alone, except that what belongs to the beginning of a text
 * (SentencePiece's dummy space) happens once, at the very beginning. N_BEFORE[i] receives the
 * number of tokens appended before edge i. With IS_JOINT the edges force nothing; N_BEFORE[i] then
 * counts the tokens that end at or before edge i, so that a straddling token falls behind it. */
lobass_status lb_encoder_encode(lb_encoder *encoder, lb_ids *ids, const char *text,
                                size_t size_bytes, const size_t *splits, size_t n_splits,
                                bool is_joint, size_t *n_before, lobass_error *error);

/* The next special token, or end token, whose name stands in TEXT at *AT or behind; *AT moves
 * behind it. */
bool lb_tokenizer_find_special(const lobass_tokenizer *tokenizer, const char *text,
                               size_t size_bytes, size_t *at, lb_stretch *found);

/* The bytes of the text that begins with IDS, also where they end in the middle of a character. */
lobass_status lb_tokenizer_count_bytes(size_t *n_bytes, const lobass_tokenizer *tokenizer,
                                       const int32_t *ids, size_t n_ids, lobass_error *error);

/* Text that grows token by token and can be shown at any time (text_stream.c); {0} is valid and
 * empty. */
typedef struct lb_text_stream
{
    lb_buffer text;    /* whole characters, always */
    lb_buffer bytes;   /* of a character that is not finished */
    bool is_beginning; /* the next token begins the text: a space that the tokenizer puts there is
                          none of it */
} lb_text_stream;

lobass_status lb_text_stream_add(lb_text_stream *stream, const lobass_tokenizer *tokenizer,
                                 int32_t id, lobass_error *error);
/* No token follows: what is left of a character is U+FFFD. */
lobass_status lb_text_stream_end(lb_text_stream *stream, lobass_error *error);
void lb_text_stream_free(lb_text_stream *stream);

#define LB_MAX_PREFIX 4

/* What the tokenizer and its configuration say about the ends of a text. */
typedef struct lb_special_ids
{
    int32_t bos, eos;              /* -1: none */
    size_t n_prefix;               /* 0: nothing is put before a text */
    int32_t prefix[LB_MAX_PREFIX]; /* mostly bos alone; GLM: [gMASK] and <sop> */
    bool adds_eos;                 /* a trainer that leaves this to the tokenizer gets it */
    bool has_chat_template;
    bool had_bos, had_eos; /* whether earlier versions added them */
    bool has_other_prefix; /* the post_processor, which was overruled, would put another one */
} lb_special_ids;

lb_special_ids lb_tokenizer_special_ids(const lobass_tokenizer *tokenizer);

/* Whether ID is a special token, which is no text. */
bool lb_tokenizer_is_special(const lobass_tokenizer *tokenizer, int32_t id);

/* What was read, whatever the files look like (tokenizer_identity.c): equal hashes mean equal ids
 * and texts. */
lb_hash lb_tokenizer_hash(const lobass_tokenizer *tokenizer);
/* Of the bytes of tokenizer.json, and of BOS and EOS by the rule of earlier versions: part of a
 * model's fingerprint, and how runs of earlier versions know their tokenizer. */
lb_hash lb_tokenizer_file_hash(const lobass_tokenizer *tokenizer);
/* Whether the rule of earlier versions puts before a text what is put there today. */
bool lb_tokenizer_keeps_prefix(const lobass_tokenizer *tokenizer);
/* In which parts two differ: "their merges differ; their added tokens differ"; nothing where they
 * are the same. */
lobass_status lb_tokenizer_compare(lb_buffer *text, const lobass_tokenizer *now,
                                   const lobass_tokenizer *before, lobass_error *error);

/* ---- the files of a tokenizer (tokenizer_files.c) ---------------------------------------------
 */

#define LB_TOKENIZER_FILE "tokenizer.json"
#define LB_TOKENIZER_CONFIG_FILE "tokenizer_config.json"
#define LB_CHAT_TEMPLATE_FILE "chat_template.jinja"

/* Whether a file of that name, in a model's folder, belongs to its tokenizer. */
bool lb_tokenizer_file_is(const char *name);
/* What there is of them in FROM. */
lobass_status lb_tokenizer_files_copy(const char *folder, const char *from, lobass_error *error);
/* Whether FOLDER brings a tokenizer. */
lobass_status lb_tokenizer_look(bool *is_there, const char *folder, lobass_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to src/text: the parts of a tokenizer and how a text passes through them.
 *
 *   text -> plain added tokens are cut out (added_tokens.c) -> each section between them is
 *   normalised (normalizer.c) -> normalised added tokens are cut out -> each gap between those is
 *   cut into words (pre_tokenizer.c) -> each word becomes ids (bpe.c); encoder.c drives this.
 *
 * The parts are read-only after loading; whatever changes while encoding is in lb_scratch and
 * lb_encoder, one a thread.
 */
#ifndef LB_TEXT_TOKENIZER_PRIVATE_H
#define LB_TEXT_TOKENIZER_PRIVATE_H

#include <jansson.h>

#include "text/text.h"

/* ---- code points (unicode.c) ----------------------------------------------------------------- */

/* The character classes of Rust's standard library and regex crate, on which the Hugging Face
 * library stands. */
bool lb_char_is_word(uint32_t code_point);        /* \w of UTS #18 */
bool lb_char_is_numeric(uint32_t code_point);     /* Nd, Nl, No */
bool lb_char_is_punctuation(uint32_t code_point); /* ASCII punctuation and P* */

/* GPT-2's alphabet: a printable code point for each byte, and back (-1: none). */
uint32_t lb_byte_to_char(uint8_t byte);
int lb_char_to_byte(uint32_t code_point);

/* ---- texts that remember where they come from (tracked.c) ------------------------------------ */

/* A borrowed text; ENDS[i] is the offset in the original text behind what byte i comes from, or
 * ENDS is NULL where nobody asks. */
typedef struct lb_view
{
    const char *data;
    size_t size;
    const size_t *ends; /* [size] or NULL */
} lb_view;

typedef struct lb_tracked
{
    lb_buffer text;
    size_t *ends; /* [text.size] where is_tracked */
    size_t ends_capacity;
    bool is_tracked;
} lb_tracked;

void lb_tracked_begin(lb_tracked *tracked, bool is_tracked); /* empties it, keeps the memory */
/* Appends bytes that all come from what ends at END. */
lobass_status lb_tracked_append(lb_tracked *tracked, const char *data, size_t size_bytes,
                                size_t end, lobass_error *error);
/* Appends SOURCE[from, to) with its own ends. */
lobass_status lb_tracked_copy(lb_tracked *tracked, lb_view source, size_t from, size_t to,
                              lobass_error *error);
lb_view lb_tracked_view(const lb_tracked *tracked);
void lb_tracked_free(lb_tracked *tracked);

static inline lb_view lb_view_slice(lb_view view, size_t from, size_t to)
{
    return (lb_view){view.data + from, to - from, view.ends == NULL ? NULL : view.ends + from};
}

/* The original end of the SIZE bytes before OFFSET: 0 at the beginning. */
size_t lb_view_end(lb_view view, size_t offset);

/* ---- patterns (regex.c, regex_syntax.c) -------------------------------------------------------
 */

/* A compiled regular expression, shared by threads. */
typedef struct lb_regex lb_regex;
/* What one thread needs for matching. */
typedef struct lb_matcher lb_matcher;

/* PATTERN in Oniguruma's syntax. WHERE opens the message of a refusal. */
lobass_status lb_regex_compile(lb_regex **regex, const char *pattern, size_t size_bytes,
                               const char *where, lobass_error *error);
void lb_regex_free(lb_regex *regex);
/* Rewrites PATTERN into PCRE2's syntax where the two languages say the same thing differently;
 * refuses what they understand differently. The ends of TRANSLATED are where each byte's origin
 * begins in PATTERN. */
lobass_status lb_regex_translate(lb_tracked *translated, const char *pattern, size_t size_bytes,
                                 const char *where, lobass_error *error);
lobass_status lb_matcher_create(lb_matcher **matcher, lobass_error *error);
void lb_matcher_free(lb_matcher *matcher);

typedef struct lb_range
{
    size_t from, to;
} lb_range;

typedef bool (*lb_char_predicate)(uint32_t code_point);

/* Words of a known pattern in plain text (word_scan.c). */
typedef struct lb_word_scan lb_word_scan;

/* GPT-2's words (Radford et al. 2019), in the form of the Hugging Face library. */
#define LB_GPT2_PATTERN \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/* NULL: PATTERN is not one of those that are known. */
const lb_word_scan *lb_word_scan_find(const char *pattern, size_t size_bytes);
/* The end of the word that begins at AT < SIZE; 0 where characters beyond ASCII decide about it. */
size_t lb_word_scan_end(const lb_word_scan *scan, const char *text, size_t size, size_t at);

/* What is looked for: one of the three. */
typedef struct lb_pattern
{
    lb_regex *regex;          /* owned */
    const lb_word_scan *scan; /* of the same pattern, or NULL */
    const char *literal;      /* or, for messages and identity, the expression's own text */
    size_t literal_size;
    lb_char_predicate predicate; /* a single code point */
} lb_pattern;

/* {"String": ".."} or {"Regex": ".."}; its text lives in ARENA. */
lobass_status lb_pattern_parse(lb_pattern *pattern, lb_arena *arena, const json_t *value,
                               const char *where, lobass_error *error);
/* The first match at or behind FROM that is not an empty one at LAST_END (SIZE_MAX: none was
 * found yet). *FOUND false: there is none. */
lobass_status lb_pattern_find(const lb_pattern *pattern, lb_matcher *matcher, lb_view subject,
                              size_t from, size_t last_end, lb_range *match, bool *found,
                              lobass_error *error);
void lb_pattern_free(lb_pattern *pattern);

/* ---- reading the file (parts.c) ---------------------------------------------------------------
 */

typedef struct lb_loader
{
    lb_arena *arena;  /* of the tokenizer */
    const char *path; /* for messages */
} lb_loader;

/* Where the kinds of one part of the file are named. */
typedef struct lb_part_field
{
    const char *name; /* "pre_tokenizer" */
    const char *list; /* the member of a Sequence: "pretokenizers" */
} lb_part_field;

/* A record of a table of kinds; kinds end with a NULL name. */
typedef struct lb_part_kind
{
    const char *name;
    /* Reads VALUE into STEP; WHERE is 'PATH: pre_tokenizer "Split"'. */
    lobass_status (*parse)(void *step, const lb_loader *loader, const json_t *value,
                           const char *where, lobass_error *error);
    const void *detail; /* the functions of the kind, for its own module */
} lb_part_kind;

typedef struct lb_parts
{
    lb_part_field field;
    const lb_part_kind *kinds;
    size_t step_bytes; /* a step begins with a pointer to its lb_part_kind */
} lb_parts;

/* Reads the member FIELD of FILE: null or absent, one part, or Sequences of them, flattened.
 * *STEPS is in the arena. What is not in the table is refused by name. Steps that were begun are
 * counted in *N_STEPS also on failure, so that they can be released. */
lobass_status lb_parts_load(void **steps, size_t *n_steps, const lb_parts *parts,
                            const lb_loader *loader, const json_t *file, lobass_error *error);
/* A member that is exactly one code point. */
lobass_status lb_part_char(const json_t *value, const char *where, const char *key,
                           const char **text, size_t *size_bytes, lobass_error *error);
/* A member that is text; copied into the arena. */
lobass_status lb_part_text(const json_t *value, const lb_loader *loader, const char *where,
                           const char *key, const char **text, size_t *size_bytes,
                           lobass_error *error);

/* ---- vocabulary and merges (vocab.c, bpe_load.c, bpe.c) ----------------------------------------
 */

#define LB_MAX_TOKEN_ID ((1 << 24) - 1)

typedef struct lb_piece
{
    const char *text;    /* NUL behind it; NULL: the id is not used */
    const char *decoded; /* what a decoder starts from: an added token as it was normalised */
    uint32_t size;       /* of the text */
} lb_piece;

typedef struct lb_vocab
{
    lb_piece *pieces; /* [count] */
    size_t count;     /* the largest id + 1 */
    size_t n_pieces;  /* ids in use */
    int32_t *slots;   /* [n_slots] ids by hash; -1: free */
    size_t n_slots;   /* a power of two */
} lb_vocab;

/* VOCAB: {"piece": id, ...}. */
lobass_status lb_vocab_load(lb_vocab *vocab, const lb_loader *loader, const json_t *value,
                            lobass_error *error);
int32_t lb_vocab_find(const lb_vocab *vocab, const char *text, size_t size_bytes); /* -1: none */

typedef struct lb_merge
{
    int32_t left, right, result;
} lb_merge;

#define LB_N_BYTES 256
#define LB_N_BMP 65536

typedef struct lb_bpe
{
    lb_vocab vocab;
    lb_merge *merges; /* [n_merges], the rank is the index */
    size_t n_merges;
    uint32_t *slots; /* [n_slots] ranks by the hash of the pair; UINT32_MAX: free */
    size_t n_slots;
    int32_t *char_ids;            /* [LB_N_BMP]; -1: not in the vocabulary */
    int32_t byte_ids[LB_N_BYTES]; /* of <0x00>..<0xFF>; -1: none */
    bool has_byte_fallback, fuses_unknown, ignores_merges;
    bool is_byte_level;       /* words arrive as raw bytes and stand for GPT-2's alphabet */
    bool splits_at_space;     /* no merge reaches over the beginning of a run of U+2581 */
    int32_t unknown;          /* -1: there is none, or it is not in the vocabulary */
    const char *unknown_name; /* NULL: there is none */
    const char *path;
} lb_bpe;

/* is_byte_level is set before. */
lobass_status lb_bpe_load(lb_bpe *bpe, const lb_loader *loader, const json_t *file,
                          lobass_error *error);

/* The rank of the merge of two ids; UINT32_MAX: they do not merge. */
uint32_t lb_bpe_rank(const lb_bpe *bpe, int32_t left, int32_t right);

typedef struct lb_symbol
{
    int32_t id;
    uint32_t end; /* bytes of the word behind it */
    int32_t previous, next;
} lb_symbol;

/* Buffers of merging; {0} is valid. */
typedef struct lb_bpe_work
{
    lb_symbol *symbols; /* [n_symbols] after a call: what is left, in order */
    size_t n_symbols, symbol_capacity;
    uint64_t *heap; /* rank << 32 | position */
    size_t n_heap, heap_capacity;
    lb_buffer mapped; /* a word in GPT-2's alphabet */
} lb_bpe_work;

/* Turns a word of valid UTF-8 (of any bytes where is_byte_level) into symbols. */
lobass_status lb_bpe_encode_word(const lb_bpe *bpe, lb_bpe_work *work, const char *word,
                                 size_t size_bytes, lobass_error *error);
/* The length of the first part of TEXT that can be encoded apart from the rest. */
size_t lb_bpe_next_word(const lb_bpe *bpe, const char *text, size_t size_bytes);
void lb_bpe_work_free(lb_bpe_work *work);

/* ---- lists and scratch (lists.c, encoder.c)
 * ----------------------------------------------------------------------- */

typedef struct lb_words
{
    lb_range *ranges;
    size_t count, capacity;
} lb_words;

lobass_status lb_words_grow(lb_words *words, lobass_error *error);

static inline lobass_status lb_words_append(lb_words *words, size_t from, size_t to,
                                            lobass_error *error)
{
    if (words->count == words->capacity)
    {
        LB_TRY(lb_words_grow(words, error));
    }
    words->ranges[words->count++] = (lb_range){from, to};
    return LOBASS_OK;
}

typedef struct lb_scratch
{
    lb_matcher *matcher;
    lb_tracked texts[4]; /* two for normalising, two for cutting into words */
    lb_words words[2];
} lb_scratch;

lobass_status lb_scratch_init(lb_scratch *scratch, lobass_error *error);
void lb_scratch_free(lb_scratch *scratch); /* {0} is fine */

/* Where a stretch of text stands: what is put before a text is put there only if it may be. */
typedef struct lb_scope
{
    bool takes_prefix; /* false: it goes on behind a forced split */
    bool is_origin;    /* its first byte is the first of the whole text */
} lb_scope;

/* ---- normalizers, pre-tokenizers, decoders ------------------------------------------------------
 */

typedef struct lb_normalizer
{
    const lb_part_kind *kind;
    lb_pattern pattern;
    const char *text; /* Prepend: prepend; Replace: content */
    size_t text_size;
    bool strips_left, strips_right;
} lb_normalizer;

typedef struct lb_normalizers
{
    lb_normalizer *steps;
    size_t n_steps;
} lb_normalizers;

lobass_status lb_normalizers_load(lb_normalizers *normalizers, const lb_loader *loader,
                                  const json_t *file, lobass_error *error);
/* *OUTPUT lies in SCRATCH or is INPUT itself. SCOPE loses its origin where the beginning is
 * dropped.
 */
lobass_status lb_normalizers_apply(const lb_normalizers *normalizers, lb_scratch *scratch,
                                   lb_view input, lb_scope *scope, lb_view *output,
                                   lobass_error *error);
void lb_normalizers_free(lb_normalizers *normalizers);

typedef enum lb_behavior
{
    LB_REMOVED,
    LB_ISOLATED,
    LB_MERGED_WITH_PREVIOUS,
    LB_MERGED_WITH_NEXT,
    LB_CONTIGUOUS,
    LB_N_BEHAVIORS
} lb_behavior;

typedef enum lb_prefix
{
    LB_PREFIX_NEVER,
    LB_PREFIX_FIRST,
    LB_PREFIX_ALWAYS
} lb_prefix;

typedef struct lb_pre_tokenizer
{
    const lb_part_kind *kind;
    lb_pattern pattern;
    lb_behavior behavior;
    bool is_inverted;
    bool splits;                       /* Metaspace, ByteLevel: by pattern */
    lb_prefix prefix;                  /* Metaspace, ByteLevel */
    char replacement[LB_UTF8_MAX + 1]; /* Metaspace: for a space */
    size_t replacement_size;
    bool maps_bytes; /* ByteLevel that is not the last step */
} lb_pre_tokenizer;

typedef struct lb_pre_tokenizers
{
    lb_pre_tokenizer *steps;
    size_t n_steps;
    bool ends_in_bytes;      /* the last step is ByteLevel: words are raw bytes, bpe.c maps them */
    bool is_lone_byte_level; /* a ByteLevel, in no Sequence, is all there is */
} lb_pre_tokenizers;

lobass_status lb_pre_tokenizers_load(lb_pre_tokenizers *pre_tokenizers, const lb_loader *loader,
                                     const json_t *file, lobass_error *error);
/* *WORDS lie in SCRATCH and are ranges of *OUTPUT. */
lobass_status lb_pre_tokenizers_apply(const lb_pre_tokenizers *pre_tokenizers, lb_scratch *scratch,
                                      lb_view input, lb_scope scope, lb_view *output,
                                      const lb_words **words, lobass_error *error);
void lb_pre_tokenizers_free(lb_pre_tokenizers *pre_tokenizers);

typedef struct lb_detokenizer
{
    const lb_part_kind *kind;
    lb_pattern pattern;
    const char *text; /* Replace: content; Strip: content; Metaspace: replacement */
    size_t text_size;
    int64_t start, stop; /* Strip: at most so many code points */
    lb_prefix prefix;    /* Metaspace */
} lb_detokenizer;

typedef struct lb_detokenizers
{
    lb_detokenizer *steps;
    size_t n_steps;
    bool is_absent; /* no decoder; a Sequence of none is something else */
} lb_detokenizers;

lobass_status lb_detokenizers_load(lb_detokenizers *detokenizers, const lb_loader *loader,
                                   const json_t *file, lobass_error *error);
void lb_detokenizers_free(lb_detokenizers *detokenizers);

/* "always" and so on, or the older add_prefix_space; both parts named Metaspace share it. */
lobass_status lb_metaspace_parse(const json_t *value, const char *where, lb_prefix *prefix,
                                 const char **replacement, size_t *replacement_size,
                                 lobass_error *error);

/* ---- tokenizer_config.json (tokenizer_config.c) ------------------------------------------------
 */

/* What a class does with add_prefix_space of the configuration. */
typedef enum lb_space_rule
{
    LB_SPACE_OF_FILE,  /* nothing, but for a lone ByteLevel */
    LB_SPACE_OF_BYTES, /* sets it on a lone ByteLevel; false where there is none */
    LB_SPACE_OF_PIECES /* makes the tokenizer anew with it */
} lb_space_rule;

typedef struct lb_tokenizer_class
{
    const char *name; /* without "Fast" */
    bool builds_ends; /* of add_bos_token and add_eos_token; else the post_processor stands */
    bool adds_bos;    /* where add_bos_token is absent; it never adds EOS then */
    lb_space_rule space;
} lb_tokenizer_class;

typedef struct lb_tokenizer_config
{
    json_t *json; /* an object; NULL: there is no such file */
    char *path;
    bool has_class;                  /* it names one */
    const lb_tokenizer_class *class; /* NULL: none that does anything of its own */
} lb_tokenizer_config;

/* Of the file beside TOKENIZER_PATH; freed by the caller whatever comes of it. */
lobass_status lb_tokenizer_config_load(lb_tokenizer_config *config, const char *tokenizer_path,
                                       lobass_error *error);
void lb_tokenizer_config_free(lb_tokenizer_config *config);
lobass_status lb_prefix_space_apply(lobass_tokenizer *tokenizer, const lb_tokenizer_config *config,
                                    lobass_error *error);
/* "folder/NAME" beside the file PATH; NULL: no memory. */
char *lb_path_beside(const char *path, const char *name, lobass_error *error);

/* ---- added tokens (added_tokens.c, trie.c) ------------------------------------------------------
 */

typedef struct lb_trie_node
{
    uint32_t first_child, n_children; /* nodes, in the order of their bytes */
    int32_t pattern;                  /* -1: nothing ends here */
    uint8_t byte;                     /* that leads here */
} lb_trie_node;

typedef struct lb_trie
{
    lb_trie_node *nodes;        /* [0]: the root; NULL: nothing to be found */
    uint32_t roots[LB_N_BYTES]; /* the child of the root for a first byte; 0: none */
    bool has_equal_patterns;    /* a mistake of the caller's: only one of them can be found */
} lb_trie;

typedef struct lb_trie_pattern
{
    const char *text;
    size_t size;
    int32_t index; /* what a match reports */
} lb_trie_pattern;

/* PATTERNS are not empty; they are sorted in place and need not live on. */
lobass_status lb_trie_build(lb_trie *trie, lb_arena *arena, lb_trie_pattern *patterns,
                            size_t n_patterns, lobass_error *error);
/* The leftmost, then longest, match at or behind FROM; false: none. */
bool lb_trie_find(const lb_trie *trie, const char *text, size_t size_bytes, size_t from,
                  lb_range *match, int32_t *index);

typedef struct lb_added_token
{
    const char *text;
    size_t size;
    int32_t id;
    bool is_single_word, strips_left, strips_right, is_normalized, is_special;
} lb_added_token;

typedef struct lb_added_tokens
{
    lb_added_token *tokens; /* [n_tokens] in the order of their ids */
    size_t n_tokens;
    lb_trie plain, normalized;
    bool is_changed; /* tokenizer_config.json adds some or has other flags */
} lb_added_tokens;

/* Of FILE and CONFIG. Ids that the model's vocabulary does not hold are entered into VOCAB's pieces
 * (not its slots). */
lobass_status lb_added_tokens_load(lb_added_tokens *added, lb_vocab *vocab,
                                   const lb_normalizers *normalizers, lb_scratch *scratch,
                                   const lb_loader *loader, const json_t *file,
                                   const lb_tokenizer_config *config, lobass_error *error);
const lb_added_token *lb_added_tokens_find(const lb_added_tokens *added, const char *text,
                                           size_t size_bytes);

/* Walks through the tokens in a text. */
typedef struct lb_added_cursor
{
    size_t searched; /* matches begin at or behind it */
    size_t taken;    /* text before it belongs to an earlier match */
} lb_added_cursor;

/* Where a special token's name is that token. */
typedef struct lb_special_rule
{
    bool takes_special; /* at all */
    const lb_stretch *literals;
    size_t n_literals; /* not where it has a byte in one of these */
    const char *begin; /* of the text, for views without ends */
    size_t n_spelt;    /* counts those */
} lb_special_rule;

/* The next token; its range may have grown by white space. False: no more. */
bool lb_added_tokens_next(const lb_added_tokens *added, const lb_trie *trie, lb_view text,
                          lb_special_rule *rule, lb_added_cursor *cursor, lb_range *range,
                          int32_t *id);
/* Whether there are special tokens that are looked for in the normalised text. */
bool lb_added_tokens_normalize_special(const lb_added_tokens *added);

/* ---- ends of a text (special_ids.c) ------------------------------------------------------------
 */

/* What the post_processor puts around a text. */
typedef struct lb_template
{
    int32_t before[LB_MAX_PREFIX], after[LB_MAX_PREFIX];
    size_t n_before, n_after;
} lb_template;

lobass_status lb_special_ids_load(lb_special_ids *special, lobass_tokenizer *tokenizer,
                                  const lb_tokenizer_config *config, const json_t *file,
                                  const char *path, lobass_error *error);

/* ---- the whole
 * ------------------------------------------------------------------------------------ */

struct lobass_tokenizer
{
    lb_arena arena;
    lb_bpe bpe;
    lb_added_tokens added;
    lb_normalizers normalizers;
    lb_pre_tokenizers pre_tokenizers;
    lb_detokenizers detokenizers;
    lb_special_ids special;
    bool is_changed_by_config; /* its ids are not those of tokenizer.json alone */
    lb_hash hash, file_hash;
};

/* lb_tokenizer_hash() (tokenizer_identity.c) */
lobass_status lb_tokenizer_identify(lb_hash *hash, const lobass_tokenizer *tokenizer,
                                    lobass_error *error);

/* The id of an added token or a piece; -1: neither. */
int32_t lb_tokenizer_find(const lobass_tokenizer *tokenizer, const char *text, size_t size_bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * lobass: which rows of a fine-tuning set should this model be trained on?
 *
 * The public C API. The method is that of "LoBaSS: Gauging Learnability in Supervised Fine-tuning
 * Data" (arXiv 2310.13008): measure every row's loss under the pretrained model (initial) and under
 * the same model fine-tuned on the whole set (reference), and keep the rows with the largest
 * relative drop. docs/ARCHITECTURE.md tells how a row travels through the library.
 *
 * Conventions. Every function that can fail returns a lobass_status and takes a lobass_error as its
 * last argument, which may be NULL and is written once, where the failure was found: one line that
 * says where, what was found and what was expected. What comes out of a first argument is yours and
 * is released by the matching *_free or *_close, which accept NULL; every other pointer returned is
 * borrowed. Losses are nats per token. The library prints nothing, never exits, and keeps no global
 * state but the detected CPU features. Objects may be used from one thread at a time.
 */
#ifndef LOBASS_H
#define LOBASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lobass_error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LOBASS_VERSION "0.1.0"

/* The version of the library in use, "major.minor.patch"; static. */
LOBASS_API const char *lobass_version(void);

/* ---- rows ----------------------------------------------------------------------------------
 */

/* How a record ended. Every input record has exactly one; the counts add up to the records. */
typedef enum lobass_row_status
{
    LOBASS_ROW_OK,
    LOBASS_ROW_TRUNCATED,       /* cut at max_length; selectable, marked */
    LOBASS_ROW_EMPTY_RESPONSE,  /* no text in any scored turn */
    LOBASS_ROW_NO_SCORED_TOKEN, /* the prompt fills the window */
    LOBASS_ROW_DUPLICATE,       /* the same tokens and mask as an earlier row (only when asked) */
    LOBASS_ROW_BAD_RECORD,      /* could not be read; the reason says why */
    LOBASS_ROW_NONFINITE,       /* a model gave a loss that is not a number */
    LOBASS_ROW_INITIAL_LOSS_BELOW_FLOOR, /* known already: the ratio would be unstable */
    /* Outside the zones that a selection asks for. */
    LOBASS_ROW_INITIAL_LOSS_BELOW_MINIMUM,
    LOBASS_ROW_REFERENCE_LOSS_ABOVE_MAXIMUM,
    LOBASS_ROW_STATUS_COUNT
} lobass_row_status;

/* "ok", "truncated", ...; static; NULL outside the enumeration. */
LOBASS_API const char *lobass_row_status_name(lobass_row_status status);

/* What a token is, as bits. The turn of a token is the number of FIRST tokens up to it: turns
 * are counted from 1, and 0 is what stands before the first. */
enum
{
    LOBASS_TOKEN_SCORED = 1,   /* its loss counts */
    LOBASS_TOKEN_BOS = 2,      /* beginning of text, added once */
    LOBASS_TOKEN_RESPONSE = 4, /* part of a response (or of a plain text), end token included */
    LOBASS_TOKEN_FIRST = 8,    /* the first token of a response; of an empty one its end token */
    LOBASS_TOKEN_END = 16,     /* the end-of-text token that closes a response */
    LOBASS_TOKEN_PART = 224,   /* what it is of a chat: a lobass_token_part in these three bits */
    LOBASS_TOKEN_PART_SHIFT = 5
};

/* What a token of a chat is, by the character it begins with. */
typedef enum lobass_token_part
{
    LOBASS_PART_NONE,      /* not told: of other templates, or where a tokenizer changed the text */
    LOBASS_PART_HEADER,    /* what the template writes around turns */
    LOBASS_PART_CONTENT,   /* of a message, and what the template writes in a turn beside it */
    LOBASS_PART_REASONING, /* of a message, with the marks around it */
    LOBASS_PART_TOOL_CALL,
    LOBASS_PART_END,     /* the end token, of any message */
    LOBASS_PART_NEWLINE, /* white space behind it */
    LOBASS_PART_TOOLS,   /* tools and documents that the record brings */
    LOBASS_PART_COUNT
} lobass_token_part;

/* "header", ...; static; NULL for LOBASS_PART_NONE and outside the enumeration. */
LOBASS_API const char *lobass_token_part_name(lobass_token_part part);

/* One input record, frozen: the same ids and mask for every model of the run. */
typedef struct lobass_row
{
    uint64_t row;        /* number among all records of the run, from 0 */
    uint64_t record;     /* number within its source, from 0 */
    uint64_t line;       /* first line of the record in its source, from 1 */
    uint64_t offset;     /* first byte of the record in its (decompressed) source */
    uint64_t size_bytes; /* length of the record */
    uint32_t source;     /* number of its source, from 0 */
    lobass_row_status status;
    const char *reason; /* why it is not selectable, or what is to be known of it, or NULL */
    uint64_t hash[2];   /* XXH3-128 of the record's bytes (high, low) */
    size_t n_tokens;
    size_t n_scored;
    const int32_t *ids;   /* [n_tokens]; ends at the last scored token, a chat at its end */
    const uint8_t *flags; /* [n_tokens], LOBASS_TOKEN_* */
} lobass_row;

/* ---- options shared by several tasks --------------------------------------------------------
 */

typedef enum lobass_dtype
{
    LOBASS_DTYPE_AUTO, /* bf16 where that is faster (AMX; AVX512-BF16 on AMD), else fp32 */
    LOBASS_DTYPE_FP32,
    LOBASS_DTYPE_BF16
} lobass_dtype;

typedef enum lobass_eos
{
    LOBASS_EOS_COUNT, /* the end token is appended to each response and its loss counts */
    LOBASS_EOS_SKIP   /* it closes a response that is not the last, and is never scored */
} lobass_eos;

typedef enum lobass_boundary
{
    LOBASS_BOUNDARY_SPLIT, /* no token straddles the edge of a scored span */
    LOBASS_BOUNDARY_JOINT  /* the text is encoded without regard to spans, for comparison */
} lobass_boundary;

typedef enum lobass_turns
{
    LOBASS_TURNS_ALL, /* every response is scored */
    LOBASS_TURNS_LAST /* only the last one of those that are to be learned */
} lobass_turns;

typedef enum lobass_scored
{
    LOBASS_SCORED_RESPONSES,
    LOBASS_SCORED_ALL /* prompts too: every token that another one precedes, as in pretraining */
} lobass_scored;

#define LOBASS_FIELDS_SIZE 512
typedef enum lobass_spans
{
    LOBASS_SPANS_PROMPT, /* from the end of the generation prompt to the end token */
    LOBASS_SPANS_BLOCKS  /* the template's {% generation %} blocks as they stand */
} lobass_spans;

/* How records become token ids and masks. Recorded in the run, part of its tokenisation hash.
 */
typedef struct lobass_format_options
{
    const char *template_name; /* "alpaca", "alpaca-newline", "plain", "chat": the model's own; else
                                  a Jinja file; NULL: "chat" where the model has one, or "alpaca" */
    const char *const *template_variables; /* [n_template_variables] of a chat: "NAME=JSON" */
    size_t n_template_variables;
    const char *template_date; /* YYYY-MM-DD, for a template that prints one; NULL: today in UTC */
    lobass_spans spans;        /* of a chat's turns */
    const char *chat;    /* a chat template with all this as a run records it (JSON), in place of
                            the four above; NULL: they are to be looked up */
    uint32_t max_length; /* tokens; never above the model's own limit; 0: 512, 2048 with a chat
                            template */
    lobass_eos eos;
    lobass_boundary boundary;
    lobass_turns turns;
    lobass_scored scored;
    bool cuts_windows; /* a row whose every token is scored is kept whole, however long, to be cut
                          in windows of max_length where it is used; plain text is taken only
                          so. Training and evaluation on data files set it, a run never does */
    bool mark_duplicates;            /* give repeated rows the status `duplicate` */
    bool is_strict;                  /* fail at the first bad record */
    char fields[LOBASS_FIELDS_SIZE]; /* "ROLE=NAME,...": which fields of a record are read as what,
                                        as --fields of docs/CLI.md; "": those of the usual names */
} lobass_format_options;

LOBASS_API lobass_format_options lobass_format_options_default(void);
/* Whether TEXT can be the FIELDS of format options; LOBASS_BAD_ARGUMENT says why it cannot. */
LOBASS_API lobass_status lobass_fields_check(const char *text, lobass_error *error);
/* "alpaca", ...: what template_name may be; static; NULL after the last. */
LOBASS_API const char *lobass_template_name(size_t index);

/* ---- prepare: records -> frozen rows --------------------------------------------------------
 */

typedef struct lobass_prepare_options
{
    const char *model;       /* Hugging Face folder: its tokenizer and limits are used */
    const char *const *data; /* [n_data] .json, .jsonl (also .gz, .zst); "-" is standard input */
    size_t n_data;
    const char *run; /* the run's folder; made if missing, resumed if the same */
    lobass_format_options format;
    uint32_t n_threads; /* 0: as many as there are processors */
    bool overwrite;     /* remove an existing run first */
} lobass_prepare_options;

#define LOBASS_IGNORED_MOST 32
#define LOBASS_FIELD_NAME_SIZE 64

typedef struct lobass_ignored_field
{
    char name[LOBASS_FIELD_NAME_SIZE]; /* that of a message behind "messages[]."; a long one is cut
                                        */
    uint64_t n_records;                /* that have it, and are no bad records */
} lobass_ignored_field;

/* Fields of records that nothing reads. None of them could change a row: what could is read, or its
 * record is a bad one. */
typedef struct lobass_ignored
{
    lobass_ignored_field fields[LOBASS_IGNORED_MOST]; /* [n_fields], in the order of the data */
    size_t n_fields;
    uint64_t n_others; /* further fields, counted once for each record that has them */
} lobass_ignored;

/* "id, meta in 13,354 records"; "" for none. */
LOBASS_API void lobass_ignored_describe(char *text, size_t size_bytes,
                                        const lobass_ignored *ignored);
/* What a person should know of rows, whatever their status. */
typedef enum lobass_note
{
    LOBASS_NOTE_SPECIAL_NAMES, /* names of special tokens in the record's text: they are letters */
    LOBASS_NOTE_DROPPED,       /* the template drops some of the record's text */
    LOBASS_NOTE_TRIMMED,       /* it drops white space at the ends of texts */
    LOBASS_NOTE_MOVED,         /* it mixes the texts of messages: such a turn is not scored */
    LOBASS_NOTE_EDGE,          /* a turn does not begin or end as its own rendering does */
    LOBASS_NOTE_NO_END,        /* a turn has no end token */
    LOBASS_NOTE_NOT_SCORED,    /* a turn that is to be learned is not scored */
    LOBASS_NOTE_COUNT
} lobass_note;

/* "special_names", ...; static; NULL outside the enumeration. */
LOBASS_API const char *lobass_note_name(lobass_note note);
/* What it means, a phrase; static. */
LOBASS_API const char *lobass_note_meaning(lobass_note note);

typedef struct lobass_prepare_result
{
    uint64_t n_records;
    uint64_t statuses[LOBASS_ROW_STATUS_COUNT]; /* add up to n_records */
    lobass_ignored ignored;
    uint64_t notes[LOBASS_NOTE_COUNT];  /* rows of which each is to be told */
    uint64_t n_tokens, n_scored_tokens; /* of the rows that can be measured */
    double elapsed_seconds;
} lobass_prepare_result;

LOBASS_API lobass_prepare_options lobass_prepare_options_default(void);
LOBASS_API lobass_status lobass_prepare(const lobass_prepare_options *options,
                                        const lobass_observer *observer,
                                        lobass_prepare_result *result, lobass_error *error);

/* ---- measure: per-token losses under a model ------------------------------------------------
 */

typedef struct lobass_measure_options
{
    const char *run;
    const char *model;   /* Hugging Face folder with the run's own tokenizer */
    const char *adapter; /* a PEFT adapter's folder, applied on top of the model; NULL: none */
    const char *name;    /* "initial", "reference" or any other name of [a-z0-9_-]; "unconditional"
                            measures every response without what it answers */
    lobass_dtype dtype;
    uint32_t n_threads;
    bool overwrite; /* measure again although NAME exists with another fingerprint, or with losses
                       that an earlier lobass stored without el2n */
    double verify;  /* share of the rows, 0 to 1, that are scored once more in another layout: each
                       alone, nothing shared; 0: none */
    bool keeps_prefixes; /* compute what rows have in common for each of them, for comparison: the
                            losses are the same bits, only later */
} lobass_measure_options;

typedef struct lobass_measure_result
{
    uint64_t n_rows;                    /* measured in this call */
    uint64_t n_rows_total;              /* measured under NAME altogether */
    uint64_t n_tokens, n_scored_tokens; /* of this call */
    uint64_t n_nonfinite;               /* of all of them, with a loss that is not finite */
    uint64_t n_verified;                /* rows scored once more */
    uint64_t n_different;      /* of those, with a token whose loss or el2n is another one */
    double largest_difference; /* between the two of a token's loss, in nats, or of its el2n;
                                  infinite where only one of the two is finite */
    double mean_loss; /* nats per scored token over all measured rows but those; NaN: none */
    double elapsed_seconds;
} lobass_measure_result;

LOBASS_API lobass_measure_options lobass_measure_options_default(void);
/* Stores -ln p(token | everything before it) of every scored token, and the el2n of the prediction:
 * |p - onehot(token)|, p over the vocabulary. Resumes where it was stopped. */
LOBASS_API lobass_status lobass_measure(const lobass_measure_options *options,
                                        const lobass_observer *observer,
                                        lobass_measure_result *result, lobass_error *error);

#include "lobass_train.h" /* how a model is trained, and its loss on held-out data */

/* ---- scores and selection -------------------------------------------------------------------
 */

typedef enum lobass_score
{
    LOBASS_SCORE_LEARNABILITY, /* (L_initial - L_reference) / L_initial */
    LOBASS_SCORE_RHO_SUM,      /* sum over scored tokens of nll_initial - nll_reference */
    LOBASS_SCORE_RHO_MEAN,     /* the same divided by the number of scored tokens */
    LOBASS_SCORE_LOSS,         /* L_initial */
    LOBASS_SCORE_PPL,          /* exp(L_initial) */
    LOBASS_SCORE_IFD_LOSS,     /* L_initial / L_unconditional, both without end tokens */
    LOBASS_SCORE_IFD_PPL,      /* the same of exp() of both */
    LOBASS_SCORE_EL2N,         /* mean over scored tokens of |p_initial - onehot(token)| */
    LOBASS_SCORE_LENGTH,       /* number of scored tokens */
    LOBASS_SCORE_RANDOM,       /* keyed hash of seed and record hash, in [0, 1) */
    LOBASS_SCORE_COUNT
} lobass_score;

typedef enum lobass_direction
{
    LOBASS_DIRECTION_DEFAULT, /* the score's own; loss and ppl have none and must be told */
    LOBASS_DIRECTION_HIGHEST,
    LOBASS_DIRECTION_LOWEST,
    LOBASS_DIRECTION_MIDDLE /* nearest to the median rank */
} lobass_direction;

typedef struct lobass_score_info
{
    const char *name;           /* "learnability" */
    const char *formula;        /* one line */
    lobass_direction direction; /* its own, or LOBASS_DIRECTION_DEFAULT where there is none */
} lobass_score_info;

/* All scores of one row; has[s] tells whether value[s] exists. */
typedef struct lobass_row_scores
{
    lobass_row_status status; /* the row's own, or what its losses say */
    bool has_initial, has_reference, has_drops;
    bool has[LOBASS_SCORE_COUNT];
    double value[LOBASS_SCORE_COUNT];
    double initial_loss, reference_loss; /* nats per scored token */
    /* What end tokens, first tokens of responses (but those that are end tokens) and all others
     * have of learnability: they add up to it. */
    double drop_end, drop_first, drop_rest;
} lobass_row_scores;

typedef struct lobass_column
{
    const char *name; /* static */
    double value;
    bool is_there; /* else the row does not have it */
} lobass_column;

/* Losses, scores and drops as they stand side by side in every table, from INDEX 0; false after the
 * last. The scores `loss` and `length` are the initial loss and the number of scored tokens. */
LOBASS_API bool lobass_row_scores_column(lobass_column *column, const lobass_row_scores *scores,
                                         size_t index);

/* The table of scores; static; NULL outside the enumeration. */
LOBASS_API const lobass_score_info *lobass_score_describe(lobass_score score);
/* "highest", "lowest", "middle"; static; NULL for LOBASS_DIRECTION_DEFAULT. */
LOBASS_API const char *lobass_direction_name(lobass_direction direction);

typedef enum lobass_amount_kind
{
    LOBASS_AMOUNT_COUNT,    /* rows */
    LOBASS_AMOUNT_FRACTION, /* of all input records, rounded half up */
    LOBASS_AMOUNT_TOKENS,   /* a budget of scored tokens, never exceeded */
    LOBASS_AMOUNT_ALL,      /* every row that can be selected; no value */
    LOBASS_AMOUNT_NONE      /* no row: of a source, or of those without a quota; no value */
} lobass_amount_kind;

typedef struct lobass_amount
{
    lobass_amount_kind kind;
    double value;
} lobass_amount;

/* Reads "800" (rows), "6%", "0.06" (a number with a point is a share), "50000tok", or "all";
 * LOBASS_AMOUNT_NONE has no text here. */
LOBASS_API lobass_status lobass_amount_parse(const char *text, lobass_amount *amount,
                                             lobass_error *error);

#include "lobass_select.h" /* which rows a selection takes, and where they go */

/* ---- the whole method -----------------------------------------------------------------------
 */

typedef struct lobass_run_options
{
    lobass_prepare_options prepare; /* model, data, run folder, format */
    lobass_train_options train;     /* the reference's recipe; paths are filled in */
    lobass_select_options select;
    lobass_dtype dtype;
    uint32_t n_threads;
} lobass_run_options;

typedef struct lobass_run_result
{
    lobass_prepare_result prepare;
    lobass_measure_result initial, reference;
    lobass_train_result train;
    lobass_select_result select;
} lobass_run_result;

LOBASS_API lobass_run_options lobass_run_options_default(void);
/* prepare, measure initial, train the reference, measure reference, select. Steps that are done
 * are not done again; killed at any moment and started again, it ends with the same bytes. */
LOBASS_API lobass_status lobass_run_all(const lobass_run_options *options,
                                        const lobass_observer *observer, lobass_run_result *result,
                                        lobass_error *error);

/* ---- reading a run --------------------------------------------------------------------------
 */

typedef struct lobass_run lobass_run;

typedef struct lobass_run_source
{
    const char *path; /* absolute, as it was prepared; "-" for standard input */
    const char *name; /* the name used in scores: the file's own, made unique */
    uint64_t n_records;
} lobass_run_source;

typedef struct lobass_run_model
{
    const char *name, *path, *fingerprint, *dtype;
    const char *adapter; /* its folder; NULL: none */
} lobass_run_model;

typedef struct lobass_run_totals
{
    uint64_t n_rows;     /* measured so far */
    uint64_t n_rows_due; /* to be measured altogether */
    double mean_loss;    /* nats per scored token of rows with a finite loss; NaN: none yet */
} lobass_run_totals;

typedef struct lobass_run_info
{
    const char *path, *model_path, *template_name, *tokenization_hash;
    const char *options_json; /* the format options as they were recorded */
    lobass_ignored ignored;
    uint64_t n_records;
    uint64_t statuses[LOBASS_ROW_STATUS_COUNT];
    uint64_t n_tokens, n_scored_tokens;
    size_t n_sources, n_models;
    bool is_prepared;   /* false: prepare was stopped and can be resumed */
    bool has_selection; /* false: nothing was selected yet */
    uint64_t n_selected;
} lobass_run_info;

/* Opens an existing run for reading; a task may be writing to it at the same time. */
LOBASS_API lobass_status lobass_run_open(lobass_run **run, const char *path, lobass_error *error);
LOBASS_API void lobass_run_close(lobass_run *run);
/* Everything pointed to lives as long as the run. */
LOBASS_API lobass_status lobass_run_describe(lobass_run *run, lobass_run_info *info,
                                             lobass_error *error);
LOBASS_API const lobass_run_source *lobass_run_source_at(const lobass_run *run, size_t index);
LOBASS_API const lobass_run_model *lobass_run_model_at(const lobass_run *run, size_t index);
/* How far the measuring under a model has come. */
LOBASS_API lobass_status lobass_run_measured(lobass_run *run, size_t model_index,
                                             lobass_run_totals *totals, lobass_error *error);
/* The pointers in ROW live until the next call on the run. */
LOBASS_API lobass_status lobass_run_row(lobass_run *run, uint64_t row_number, lobass_row *row,
                                        lobass_error *error);
/* Copies the stored losses of a row, one a scored token: NLL is [row.n_scored] nats. A row that
 * was not measured under MODEL_INDEX is LOBASS_NOT_FOUND. */
LOBASS_API lobass_status lobass_run_losses(lobass_run *run, uint64_t row_number, size_t model_index,
                                           float *nll, size_t n_scored, lobass_error *error);
/* The same for el2n: |p - onehot(token)| from 0 to sqrt(2), p being the model's probabilities of
 * all tokens at that place. LOBASS_NOT_FOUND also where an earlier lobass measured the row,
 * without. */
LOBASS_API lobass_status lobass_run_el2n(lobass_run *run, uint64_t row_number, size_t model_index,
                                         float *el2n, size_t n_scored, lobass_error *error);

/* What became of a row. */
typedef struct lobass_row_result
{
    lobass_row_scores scores;
    const char *reason; /* why it cannot be selected, or NULL; lives until the next call */
    uint64_t rank;      /* by the latest selection, from 1; 0: none */
    bool has_selection, is_selected;
} lobass_row_result;

/* From the row's losses alone, by the rules of the latest selection. */
LOBASS_API lobass_status lobass_run_row_result(lobass_run *run, uint64_t row_number,
                                               lobass_row_result *result, lobass_error *error);

typedef enum lobass_table_format
{
    LOBASS_TABLE_JSONL,
    LOBASS_TABLE_CSV
} lobass_table_format;

/* Receives consecutive pieces of output; false stops with LOBASS_IO. */
typedef bool (*lobass_sink)(void *context, const char *data, size_t size_bytes);

/* One line a record, all scores that exist, in the order of the data. */
LOBASS_API lobass_status lobass_run_scores(lobass_run *run, lobass_table_format format,
                                           lobass_sink sink, void *context, lobass_error *error);

/* ---- models ---------------------------------------------------------------------------------
 */

typedef struct lobass_model_info
{
    char architecture[64];
    uint64_t n_parameters, weight_bytes;
    uint32_t n_layers, d_model, d_ffn, n_heads, n_kv_heads, head_size, n_vocabulary, max_length;
    bool has_tied_head;
    double rope_theta;
    char rope_scaling[32]; /* "none", "linear", "llama3" */
    char dtype[16];        /* of the stored weights */
    char fingerprint[33];  /* XXH3-128 over weights, config and tokenizer, hexadecimal */
} lobass_model_info;

/* Reads config and weights' headers of a Hugging Face folder; hashes the weights. */
LOBASS_API lobass_status lobass_model_describe(const char *folder, lobass_model_info *info,
                                               lobass_error *error);

/* A PEFT adapter. Text is cut where it does not fit. */
typedef struct lobass_adapter_info
{
    char base[4096];   /* the model it was made for; empty: it does not say */
    char targets[512]; /* "q_proj,v_proj", or "all-linear" */
    uint32_t rank;
    double alpha, scale; /* what the product of the two thin matrices is multiplied by */
    uint64_t n_matrices, n_parameters, weight_bytes; /* matrices that are adapted */
    char dtype[16], fingerprint[33];                 /* as in lobass_model_info */
} lobass_adapter_info;

LOBASS_API lobass_status lobass_adapter_describe(const char *folder, lobass_adapter_info *info,
                                                 lobass_error *error);

/* ---- tokenizer ------------------------------------------------------------------------------
 */

typedef struct lobass_tokenizer lobass_tokenizer;

/* PATH: a tokenizer.json or a folder that holds one (tokenizer_config.json is read beside it).
 */
LOBASS_API lobass_status lobass_tokenizer_load(lobass_tokenizer **tokenizer, const char *path,
                                               lobass_error *error);
LOBASS_API void lobass_tokenizer_free(lobass_tokenizer *tokenizer);
LOBASS_API size_t lobass_tokenizer_count(const lobass_tokenizer *tokenizer);
/* Token ids of TEXT (UTF-8, SIZE_BYTES), no special tokens added; *IDS is yours: free(). */
LOBASS_API lobass_status lobass_tokenizer_encode(int32_t **ids, size_t *n_ids,
                                                 const lobass_tokenizer *tokenizer,
                                                 const char *text, size_t size_bytes,
                                                 lobass_error *error);
/* The text that IDS stand for; *TEXT is yours: free(); ends in a NUL that is not counted. */
LOBASS_API lobass_status lobass_tokenizer_decode(char **text, size_t *size_bytes,
                                                 const lobass_tokenizer *tokenizer,
                                                 const int32_t *ids, size_t n_ids,
                                                 lobass_error *error);
/* The piece as it stands in the vocabulary; borrowed; NULL outside the vocabulary. */
LOBASS_API const char *lobass_tokenizer_piece(const lobass_tokenizer *tokenizer, int32_t id);
/* The bytes the piece stands for within a text, "\xe2\x96\x81" as a space; *TEXT is yours. */
LOBASS_API lobass_status lobass_tokenizer_piece_text(char **text, size_t *size_bytes,
                                                     const lobass_tokenizer *tokenizer, int32_t id,
                                                     lobass_error *error);

/* The tokenizer a run was prepared with; borrowed from the run. */
LOBASS_API lobass_status lobass_run_tokenizer(const lobass_tokenizer **tokenizer, lobass_run *run,
                                              lobass_error *error);

#ifdef __cplusplus
}
#endif

#include "lobass_answers.h"    /* whether what a model answers is right */
#include "lobass_compare.h"    /* how two rankings differ */
#include "lobass_estimate.h"   /* how long a run would take */
#include "lobass_experiment.h" /* is the selection good */
#include "lobass_generate.h"   /* what a model writes */
#include "lobass_report.h"     /* a run as a page */

#endif
